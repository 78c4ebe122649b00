/*
 * oddns.h - a DNS server in a thread, on a port of 127.0.0.1, that answers well or oddly: as the first label of the name says.
 *
 * Every name below any zone exists, and has A 192.0.2.1 and TXT "text of NAME"; other types get no data, with an SOA of the last two labels.
 * What comes in front of the first '-' of the name is its manner:
 *   silent, slow (300 ms), drop1 (the first datagram is lost), tc (fits only TCP), otherport, wrongid, wrongname, wrongtype (a lie first, then the
 *   truth), onlywrongid (the lie alone), owner, class, garbage, servfail, refused, nxdomain, nxandmore, empty (no SOA), referral, big (64 KB of TXT,
 *   by TCP), many (4,000 addresses, by TCP), thousand (of them), twice (a record that comes two times), loop, self, to (CNAME to what follows, which is
 *   not in the answer), with (the same, and the target's records), dname, nodata (a CNAME to a name without data, SOA told),
 *   other (a CNAME alone, and the SOA of another zone), untold (a CNAME alone, without AD), long (20 CNAMEs at once), gone (NXDOMAIN behind a
 *   CNAME), chainN (a CNAME to chain(N+1), alone), tchang, tccut, tccut1 (the first time), tclie, tcagain (TCP), flood (garbage without an end).
 */
#ifndef TESTS_LIB_ODDNS_H
#define TESTS_LIB_ODDNS_H

#include <pthread.h>
#include <stdatomic.h>

#include "dns/resolve.h"

#define ODDNS_NAMES_MAX   4096
#define ODDNS_DELAYED_MAX 512

struct oddns {
	/* Set before oddns_open. */
	bool mute;         /* says nothing at all */
	bool no_edns;      /* FORMERR to EDNS, with the question */
	bool no_edns_raw;  /* FORMERR to EDNS, header only */
	bool no_tcp;       /* nobody listens */
	bool recursive;    /* RA, and AD when the query has it; else AA */
	size_t lose_first; /* so many datagrams are lost */
	size_t mute_after; /* so many replies; 0: never */

	struct resolve_server at;
	atomic_size_t datagrams, streams, plain; /* that came in; plain: without EDNS */
	atomic_size_t at_once;                   /* the most datagrams that were read before a reply went out */
	/* The thread's own. */
	pthread_t thread;
	int udp, other, tcp, stop[2];
	size_t replies, lost;
	unsigned dropped[ODDNS_NAMES_MAX]; /* hashes of names */
	size_t n_dropped;
	struct oddns_room *room;
	size_t n_delayed;
};

void oddns_open(struct oddns *o);
/* Stops answering, and frees the port. */
void oddns_close(struct oddns *o);

#endif
