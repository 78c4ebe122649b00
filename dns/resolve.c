/*
 * resolve.c - one question to one DNS server.
 *
 * RFC 1035 s4 (messages, TCP after a truncated answer), RFC 6891 (EDNS), RFC 5452 s9 (what makes a reply ours: address, port, id and
 * question).  1232 bytes of UDP pass every path without fragments.  Messages are built and read by ldns, and only here; before it sees a
 * reply, header and question have been compared by hand.
 */
#include "dns/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/file.h"
#include "core/lazy.h"
#include "core/num.h"
#include "dns/exchange.h"

/* clang-format off */
#define CALLS(X) \
	X(ldns_get_errorstr_by_id) X(ldns_pkt2wire) X(ldns_pkt_aa) X(ldns_pkt_ad) \
	X(ldns_pkt_answer) X(ldns_pkt_edns_extended_rcode) X(ldns_pkt_free) X(ldns_pkt_get_rcode) \
	X(ldns_pkt_query_new) X(ldns_pkt_set_ad) X(ldns_pkt_set_edns_udp_size) X(ldns_pkt_set_id) \
	X(ldns_pkt_set_rd) X(ldns_rdf_data) X(ldns_rdf_deep_free) X(ldns_rdf_new_frm_data) \
	X(ldns_rdf_size) X(ldns_rr_get_class) X(ldns_rr_get_type) X(ldns_rr_list_rr) \
	X(ldns_rr_list_rr_count) X(ldns_rr_owner) X(ldns_rr_rd_count) X(ldns_rr_rdf) \
	X(ldns_rr_ttl) X(ldns_wire2pkt)
/* clang-format on */
LAZY_LIBRARY(libldns, "libldns.so.3", "libldns3", CALLS);
#define ldns_get_errorstr_by_id      libldns.ldns_get_errorstr_by_id
#define ldns_pkt2wire                libldns.ldns_pkt2wire
#define ldns_pkt_aa                  libldns.ldns_pkt_aa
#define ldns_pkt_ad                  libldns.ldns_pkt_ad
#define ldns_pkt_answer              libldns.ldns_pkt_answer
#define ldns_pkt_edns_extended_rcode libldns.ldns_pkt_edns_extended_rcode
#define ldns_pkt_free                libldns.ldns_pkt_free
#define ldns_pkt_get_rcode           libldns.ldns_pkt_get_rcode
#define ldns_pkt_query_new           libldns.ldns_pkt_query_new
#define ldns_pkt_set_ad              libldns.ldns_pkt_set_ad
#define ldns_pkt_set_edns_udp_size   libldns.ldns_pkt_set_edns_udp_size
#define ldns_pkt_set_id              libldns.ldns_pkt_set_id
#define ldns_pkt_set_rd              libldns.ldns_pkt_set_rd
#define ldns_rdf_data                libldns.ldns_rdf_data
#define ldns_rdf_deep_free           libldns.ldns_rdf_deep_free
#define ldns_rdf_new_frm_data        libldns.ldns_rdf_new_frm_data
#define ldns_rdf_size                libldns.ldns_rdf_size
#define ldns_rr_get_class            libldns.ldns_rr_get_class
#define ldns_rr_get_type             libldns.ldns_rr_get_type
#define ldns_rr_list_rr              libldns.ldns_rr_list_rr
#define ldns_rr_list_rr_count        libldns.ldns_rr_list_rr_count
#define ldns_rr_owner                libldns.ldns_rr_owner
#define ldns_rr_rd_count             libldns.ldns_rr_rd_count
#define ldns_rr_rdf                  libldns.ldns_rr_rdf
#define ldns_rr_ttl                  libldns.ldns_rr_ttl
#define ldns_wire2pkt                libldns.ldns_wire2pkt

#define EDNS_UDP_BYTES  1232
#define DNS_PORT        53
#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define HEADER_BYTES    12
#define QUESTION_TAIL   4 /* type and class */
#define CLASS_IN        1
#define RCODE_FORMERR   1
#define OPT_TYPE        41
#define FLAG_QR         0x80U /* byte 2 */
#define FLAG_TC         0x02U
#define MASK_OPCODE     0x78U
#define MASK_RCODE      0x0fU /* byte 3 */

struct question {
	struct name name;
	uint16_t type;
	uint16_t id;
	bool recursion;
	bool edns;
};

void
resolve_answer_release(struct resolve_answer *a)
{
	records_release(&a->records);
	*a = (struct resolve_answer){0};
}

static bool
is_address(const char *text, int family)
{
	unsigned char address[16];

	return inet_pton(family, text, address) == 1;
}

int
resolve_server_parse(const char *text, struct resolve_server *out, struct err *err)
{
	struct resolve_server s = {.port = DNS_PORT};
	const char *address = text, *end, *port = NULL;
	bool bracketed = text[0] == '[';
	int64_t n;
	size_t len;

	if (bracketed) {
		address++;
		end = strchr(address, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return err_set(err, CR_EPARSE, "dns server '%s': must be ADDRESS or [ADDRESS]:PORT", text);
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		/* One colon parts the port, more are an IPv6 address. */
		end = strchr(address, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			port = end + 1;
		else
			end = address + strlen(address);
	}
	len = (size_t)(end - address);
	if (len >= sizeof(s.address))
		return err_set(err, CR_EPARSE, "dns server '%s': not an address", text);
	memcpy(s.address, address, len);
	if (!is_address(s.address, AF_INET6) && (bracketed || !is_address(s.address, AF_INET)))
		return err_set(err, CR_EPARSE, "dns server '%s': not an address", text);
	if (port != NULL) {
		if (num_parse(port, 1, UINT16_MAX, &n, err) != CR_OK) {
			(void)err_wrap(err, "dns server '%s': port", text);
			return CR_EPARSE;
		}
		s.port = (uint16_t)n;
	}
	*out = s;
	return CR_OK;
}

int
resolve_server_system(struct resolve_server *out, struct err *err)
{
	struct buf text = {0};
	char *line, *rest = NULL, word[64];
	bool found = false;
	int rc = file_read(RESOLV_CONF, RESOLV_CONF_MAX, &text, err);

	/* Addresses with a scope (fe80::1%eth0) and other spellings are passed over. */
	line = rc == CR_OK && text.data != NULL ? strtok_r(text.data, "\n", &rest) : NULL;
	for (; line != NULL && !found; line = strtok_r(NULL, "\n", &rest)) {
		found = sscanf(line, " nameserver %63s", word) == 1 &&
		        (is_address(word, AF_INET) || is_address(word, AF_INET6));
	}
	if (found) {
		*out = (struct resolve_server){.port = DNS_PORT};
		(void)snprintf(out->address, sizeof(out->address), "%s", word);
	} else if (rc == CR_OK) {
		rc = err_set(err, CR_ENOTFOUND, "%s: names no nameserver", RESOLV_CONF);
	}
	buf_release(&text);
	return rc;
}

/* The header and question of RFC 1035 s4.1, and an OPT record that says how much we take (RFC 6891 s6.1.2). */
static int
build(const struct question *q, struct buf *out, struct err *err)
{
	uint8_t wire[NAME_WIRE_MAX], *message = NULL;
	size_t wire_len = name_to_wire(q->name.text, wire), len = 0;
	ldns_rdf *name;
	ldns_pkt *p;
	int rc = lazy_need(&libldns_lazy, err);

	if (rc != CR_OK)
		return rc;
	name = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire_len, wire);
	p = name != NULL ? ldns_pkt_query_new(name, (ldns_rr_type)q->type, LDNS_RR_CLASS_IN, 0) : NULL;
	if (p == NULL) {
		/* The packet owns the name once it is there. */
		ldns_rdf_deep_free(name);
		return err_nomem(err, "dns query");
	}
	ldns_pkt_set_id(p, q->id);
	ldns_pkt_set_rd(p, q->recursion);
	/* Asks to be told whether the answer was validated, without the signatures (RFC 6840 s5.7). */
	ldns_pkt_set_ad(p, q->recursion);
	if (q->edns)
		ldns_pkt_set_edns_udp_size(p, EDNS_UDP_BYTES);
	if (ldns_pkt2wire(&message, p, &len) != LDNS_STATUS_OK) {
		ldns_pkt_free(p);
		return err_nomem(err, "dns query");
	}
	buf_add(out, message, len);
	free(message);
	ldns_pkt_free(p);
	return buf_check(out, "dns query", err);
}

static unsigned
read16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* RFC 5452 s9.1: a reply is ours when id and question are.  A server that cannot read us may leave the question out. */
static bool
is_our_reply(const uint8_t *reply, size_t len, const void *arg)
{
	const struct question *q = arg;
	struct name name;
	size_t used;

	if (len < HEADER_BYTES || read16(reply) != q->id || (reply[2] & FLAG_QR) == 0 || (reply[2] & MASK_OPCODE) != 0)
		return false;
	if (read16(reply + 4) == 0)
		return (reply[3] & MASK_RCODE) == RCODE_FORMERR;
	if (read16(reply + 4) != 1 ||
	    name_from_wire(reply + HEADER_BYTES, len - HEADER_BYTES, &name, &used, NULL) != CR_OK)
		return false;
	if (len - HEADER_BYTES - used < QUESTION_TAIL || !name_equal(name.text, q->name.text))
		return false;
	return read16(reply + HEADER_BYTES + used) == q->type && read16(reply + HEADER_BYTES + used + 2) == CLASS_IN;
}

/* One RR as data.  ldns has expanded the names in it, so its fields one behind the other are uncompressed RDATA. */
static int
take_record(const ldns_rr *rr, struct resolve_answer *a, struct err *err)
{
	struct record record = {0};
	struct buf rdata = {.max_bytes = RECORD_DATA_MAX};
	const ldns_rdf *owner = ldns_rr_owner(rr);
	struct name name;
	size_t used;
	int rc;

	rc = name_from_wire(ldns_rdf_data(owner), ldns_rdf_size(owner), &name, &used, err);
	for (size_t i = 0; rc == CR_OK && i < ldns_rr_rd_count(rr); i++) {
		const ldns_rdf *field = ldns_rr_rdf(rr, i);

		buf_add(&rdata, ldns_rdf_data(field), ldns_rdf_size(field));
	}
	if (rc == CR_OK)
		rc = buf_check(&rdata, "dns answer", err);
	if (rc == CR_OK)
		rc = record_from_wire(name.text, (uint16_t)ldns_rr_get_type(rr), ldns_rr_ttl(rr),
		                      (const uint8_t *)buf_str(&rdata), rdata.len, &record, err);
	if (rc == CR_OK)
		rc = records_take(&a->records, &record, err);
	buf_release(&rdata);
	return rc;
}

int
resolve_parse(const uint8_t *reply, size_t len, struct resolve_answer *out, struct err *err)
{
	struct resolve_answer a = {0};
	const ldns_rr_list *answers;
	ldns_pkt *p = NULL;
	ldns_status status;
	int rc = CR_OK;

	if (len > EXCHANGE_MESSAGE_MAX)
		return err_set(err, CR_EPARSE, "dns answer: longer than %d bytes", EXCHANGE_MESSAGE_MAX);
	rc = lazy_need(&libldns_lazy, err);
	if (rc != CR_OK)
		return rc;
	status = ldns_wire2pkt(&p, reply, len);
	if (status == LDNS_STATUS_MEM_ERR)
		return err_nomem(err, "dns answer");
	if (status != LDNS_STATUS_OK)
		return err_set(err, CR_EPARSE, "dns answer: %s", ldns_get_errorstr_by_id(status));
	a.rcode = (int)ldns_pkt_get_rcode(p) | ldns_pkt_edns_extended_rcode(p) << 4;
	a.authoritative = ldns_pkt_aa(p);
	a.authenticated = ldns_pkt_ad(p);
	answers = ldns_pkt_answer(p);
	for (size_t i = 0; rc == CR_OK && i < ldns_rr_list_rr_count(answers); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);

		if (ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN && ldns_rr_get_type(rr) != (ldns_rr_type)OPT_TYPE)
			rc = take_record(rr, &a, err);
	}
	if (rc == CR_OK) {
		*out = a;
		a = (struct resolve_answer){0};
	} else if (rc == CR_EPARSE) {
		(void)err_wrap(err, "dns answer");
	}
	resolve_answer_release(&a);
	ldns_pkt_free(p);
	return rc;
}

/* UDP, and TCP when the answer did not fit. */
static int
exchange(const struct resolve_server *server, const struct question *q, int64_t deadline_ms, uint8_t *reply,
         size_t *len_out, struct err *err)
{
	struct buf query = {0};
	int rc = build(q, &query, err);

	if (rc == CR_OK)
		rc = exchange_udp(server, query.data, query.len, deadline_ms, is_our_reply, q, reply, len_out, err);
	if (rc == CR_OK && (reply[2] & FLAG_TC) != 0)
		rc = exchange_tcp(server, query.data, query.len, deadline_ms, is_our_reply, q, reply, len_out, err);
	buf_release(&query);
	return rc;
}

/* An id nobody can guess; getrandom may be interrupted only before it has anything. */
static int
new_id(uint16_t *out, struct err *err)
{
	while (getrandom(out, sizeof(*out), 0) != (ssize_t)sizeof(*out)) {
		if (errno != EINTR)
			return err_errno(err, CR_EIO, errno, "dns: random id");
	}
	return CR_OK;
}

int
resolve_ask(const struct resolve_server *server, const char *name, uint16_t type, bool recursion, int64_t timeout_ms,
            struct resolve_answer *out, struct err *err)
{
	struct question q = {.type = type, .recursion = recursion, .edns = true};
	int64_t deadline_ms = exchange_now_ms() + timeout_ms;
	uint8_t *reply = malloc(EXCHANGE_MESSAGE_MAX);
	size_t len = 0;
	int rc;

	if (reply == NULL)
		return err_nomem(err, "dns answer");
	rc = name_parse(name, &q.name, err);
	if (rc == CR_OK)
		rc = new_id(&q.id, err);
	if (rc == CR_OK)
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	/* A server older than EDNS says so with FORMERR (RFC 6891 s7). */
	if (rc == CR_OK && (reply[3] & MASK_RCODE) == RCODE_FORMERR) {
		q.edns = false;
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	}
	if (rc == CR_OK)
		rc = resolve_parse(reply, len, out, err);
	free(reply);
	return rc;
}
