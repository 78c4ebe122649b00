/*
 * lookup.h - what DNS is known to say within one run: each question asked once, its answer kept.
 *
 * Checks are pure functions over it.  They ask with lookup_ask and are answered at once: with what is known, or with LOOKUP_PENDING,
 * which notes the question as wanted.  lookup_settle runs the checks, has what they wanted asked side by side, and runs each again once
 * its questions are answered, until none wants anything more.  So a check is plain code from top to bottom, a thousand of them share a
 * loop, and tests answer from a table.  A check empties its outputs when it begins; what it makes of PENDING does not matter, since it
 * is run again, but it should not ask for what depends on the answer.
 *
 * Sources: RFC 1034 s3.6.2 (CNAME), RFC 2308 (NXDOMAIN and no data), RFC 8020, RFC 6891 (EDNS), RFC 7766 (TCP), RFC 6840 s5.7 (AD).
 */
#ifndef DNS_LOOKUP_H
#define DNS_LOOKUP_H

#include "dns/record.h"
#include "dns/resolve.h"

enum lookup_state {
	LOOKUP_PENDING, /* not known yet */
	LOOKUP_FOUND,   /* records of the type, at the name or at the end of its CNAMEs */
	LOOKUP_EMPTY,   /* the name exists, without that type (RFC 2308 s2.2) */
	LOOKUP_NONAME,  /* NXDOMAIN */
	LOOKUP_FAILED,  /* an answer that says nothing: SERVFAIL, REFUSED, malformed, a CNAME loop; why */
	LOOKUP_SILENT,  /* no answer in time; why */
	LOOKUP_STATE__COUNT
};

struct lookup_answer {
	enum lookup_state state;
	int rcode;              /* of the last reply; 0 when silent */
	bool authenticated;     /* validated, and told so by a resolver on this machine (auth-only or remote: false) */
	bool authoritative;     /* AA */
	struct records records; /* of the type asked; only with LOOKUP_FOUND; as they came, not sorted */
	struct records chain;   /* the CNAMEs that led there, in order */
	char why[200];          /* FAILED, SILENT: one clause for people, names the server */
	bool nobody;            /* FAILED, since there is nobody to ask: lookup_nobody */
};
/* FAILED or SILENT: nothing is known; a receiver would try again (temperror). */
bool lookup_is_trouble(const struct lookup_answer *a);
/* EMPTY or NONAME: a void look-up of RFC 7208 s4.6.4. */
bool lookup_is_void(const struct lookup_answer *a);

struct lookup;

/* Ceilings on one run of one check: what is over them is answered as FAILED with its reason. */
#define LOOKUP_QUESTIONS_MAX 4096 /* of one job */
#define LOOKUP_RECORDS_MAX   1024 /* in one answer */
#define LOOKUP_CHAIN_MAX     16

struct lookup_settings {
	struct resolve_server resolver; /* for every name without a route */
	bool known;                     /* false: there is none; its questions are FAILED and say so */
	bool recursion;
	int64_t timeout_ms; /* of one try; 0: 700.  Two tries: a dead server costs less than 2 s, and after that nothing more in this run */
};

/* Live, over the network.  Errors: CR_ENOMEM, CR_EIO. */
MUST_CHECK int lookup_open(const struct lookup_settings *s, struct lookup **out, struct err *err);
/*
 * Answered by a function: tests, and replays.  at: as in lookup_ask_at, NULL for the resolver.  out->state is what it says, records and
 * chain become the lookup's.  deferred: first PENDING, as if it had to be asked for; the function is called by lookup_settle.
 */
typedef int lookup_table(void *ctx, const struct resolve_server *at, const char *name, uint16_t type,
                         struct lookup_answer *out, struct err *err);
MUST_CHECK int lookup_open_table(lookup_table *table, void *ctx, bool deferred, struct lookup **out, struct err *err);
void lookup_drop(struct lookup **l);

/* Names in and under zone (canonical) are asked at server instead; the longest zone wins.  Before the first question.  Errors: CR_ENOMEM. */
MUST_CHECK int lookup_route(struct lookup *l, const char *zone, const struct resolve_server *server, bool recursion,
                            struct err *err);
/* The same, when there is no server that could know: their questions are FAILED, and why says so.  zone "": every name without a route. */
MUST_CHECK int lookup_nobody(struct lookup *l, const char *zone, const char *why, struct err *err);

/* The resolver is asked, and its "no such name" is taken for that of one who cannot know: names that only a private server has. */
MUST_CHECK int lookup_doubt(struct lookup *l, const char *zone, const char *why, struct err *err);

/* name: canonical.  Never NULL; borrowed until lookup_drop or lookup_forget.  Out of memory comes out of lookup_settle. */
const struct lookup_answer *lookup_ask(struct lookup *l, const char *name, uint16_t type);
/* The same, of one given server, without recursion: what does this authoritative server publish? */
const struct lookup_answer *lookup_ask_at(struct lookup *l, const struct resolve_server *at, const char *name,
                                          uint16_t type);
/* How many answers since the last call said nothing: for a check that wants to know why it came to no end. */
struct lookup_met {
	size_t nobody, trouble; /* nobody to ask; FAILED or SILENT otherwise */
};
struct lookup_met lookup_met(struct lookup *l);
/* How many answers were PENDING so far: a part of a check during which this did not move need not be run again. */
size_t lookup_pendings(const struct lookup *l);
/* All answers that are no longer trusted: between two polls of --wait.  Not within lookup_settle. */
void lookup_forget(struct lookup *l);
/* Replies that were needed, for benches and -v. */
size_t lookup_sent(const struct lookup *l);

/* One check: CR_OK, or an error that ends it (not the others: it is put into its job's rc). */
typedef int lookup_check(struct lookup *l, void *arg, struct err *err);
struct lookup_job {
	lookup_check *run;
	void *arg;
	int rc;         /* out */
	struct err err; /* out */
};
/* Run all jobs to their end, up to 256 of them side by side.  done (may be NULL) is called as each one ends, in any order.
 * Errors: CR_ENOMEM, CR_EIO: of the loop itself. */
MUST_CHECK int lookup_settle(struct lookup *l, struct lookup_job *jobs, size_t n,
                             void (*done)(struct lookup_job *job, void *ctx), void *ctx, struct err *err);
/* Run one. */
MUST_CHECK int lookup_settle_one(struct lookup *l, lookup_check *run, void *arg, struct err *err);

#endif
