/*
 * resolve.c - one question to one DNS server.
 *
 * RFC 1035 s4 (messages, TCP after a truncated answer), RFC 6891 (EDNS), RFC 5452 s9 (what makes a reply ours: address, port, id and
 * question).  Replies are read by ldns, and only here; before it sees one, header and question have been compared by query.c.
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
#include "dns/query.h"

/* clang-format off */
#define CALLS(X) \
	X(ldns_get_errorstr_by_id) X(ldns_pkt_aa) X(ldns_pkt_ad) X(ldns_pkt_answer) \
	X(ldns_pkt_authority) X(ldns_pkt_edns_extended_rcode) X(ldns_pkt_free) \
	X(ldns_pkt_get_rcode) X(ldns_pkt_ra) X(ldns_rdf_data) X(ldns_rdf_size) \
	X(ldns_rr_get_class) X(ldns_rr_get_type) X(ldns_rr_list_rr) X(ldns_rr_list_rr_count) \
	X(ldns_rr_owner) X(ldns_rr_rd_count) X(ldns_rr_rdf) X(ldns_rr_ttl) X(ldns_wire2pkt)
/* clang-format on */
LAZY_LIBRARY(libldns, "libldns.so.3", "libldns3", CALLS);
#define ldns_get_errorstr_by_id      libldns.ldns_get_errorstr_by_id
#define ldns_pkt_aa                  libldns.ldns_pkt_aa
#define ldns_pkt_ad                  libldns.ldns_pkt_ad
#define ldns_pkt_answer              libldns.ldns_pkt_answer
#define ldns_pkt_authority           libldns.ldns_pkt_authority
#define ldns_pkt_edns_extended_rcode libldns.ldns_pkt_edns_extended_rcode
#define ldns_pkt_free                libldns.ldns_pkt_free
#define ldns_pkt_get_rcode           libldns.ldns_pkt_get_rcode
#define ldns_pkt_ra                  libldns.ldns_pkt_ra
#define ldns_rdf_data                libldns.ldns_rdf_data
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

#define DNS_PORT        53
#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define RCODE_FORMERR   1
#define OPT_TYPE        41

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

static bool
is_our_reply(const uint8_t *reply, size_t len, const void *arg)
{
	return query_is_answered_by(arg, reply, len);
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

/* Who says that there is nothing (RFC 2308 s2.2), or that others know. */
static int
take_authority(const ldns_rr *rr, struct resolve_answer *a, struct err *err)
{
	const ldns_rdf *owner = ldns_rr_owner(rr);
	size_t used;

	if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
		return CR_OK;
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NS)
		a->referral = !a->negative;
	if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA)
		return CR_OK;
	a->negative = true;
	a->referral = false;
	return name_from_wire(ldns_rdf_data(owner), ldns_rdf_size(owner), &a->soa, &used, err);
}

int
resolve_parse(const uint8_t *reply, size_t len, struct resolve_answer *out, struct err *err)
{
	struct resolve_answer a = {0};
	const ldns_rr_list *answers, *authority;
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
	a.recursive = ldns_pkt_ra(p);
	answers = ldns_pkt_answer(p);
	for (size_t i = 0; rc == CR_OK && i < ldns_rr_list_rr_count(answers); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);

		if (ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN && ldns_rr_get_type(rr) != (ldns_rr_type)OPT_TYPE)
			rc = take_record(rr, &a, err);
	}
	authority = ldns_pkt_authority(p);
	for (size_t i = 0; rc == CR_OK && i < ldns_rr_list_rr_count(authority); i++)
		rc = take_authority(ldns_rr_list_rr(authority, i), &a, err);
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
exchange(const struct resolve_server *server, const struct query *q, int64_t deadline_ms, uint8_t *reply,
         size_t *len_out, struct err *err)
{
	uint8_t query[QUERY_MAX];
	size_t len = query_build(q, query);
	int rc = exchange_udp(server, query, len, deadline_ms, is_our_reply, query, reply, len_out, err);

	if (rc == CR_OK && query_is_truncated(reply))
		rc = exchange_tcp(server, query, len, deadline_ms, is_our_reply, query, reply, len_out, err);
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
	struct query q = {.type = type, .recursion = recursion, .edns = true};
	struct name canonical;
	int64_t deadline_ms = exchange_now_ms() + timeout_ms;
	uint8_t *reply = malloc(EXCHANGE_MESSAGE_MAX);
	size_t len = 0;
	int rc;

	if (reply == NULL)
		return err_nomem(err, "dns answer");
	rc = name_parse(name, &canonical, err);
	q.name = canonical.text;
	if (rc == CR_OK)
		rc = new_id(&q.id, err);
	if (rc == CR_OK)
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	/* A server older than EDNS says so with FORMERR (RFC 6891 s7). */
	if (rc == CR_OK && query_rcode(reply) == RCODE_FORMERR) {
		q.edns = false;
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	}
	if (rc == CR_OK)
		rc = resolve_parse(reply, len, out, err);
	free(reply);
	return rc;
}
