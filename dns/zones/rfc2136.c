/*
 * rfc2136.c - zones that a server lets us change by DNS update, signed with TSIG: BIND, Knot, PowerDNS and others.
 *
 * Sources: RFC 2136 s2 (sections), s2.4 (prerequisites), s3 (server), RFC 5936 (AXFR), RFC 8945 (TSIG); seen against
 * BIND 9.18, Knot 3.2.
 * Invariants: what is read and what is answered counts only with a signature that fits.  An update goes out under
 * prerequisites that name every set it replaces byte for byte, so that nothing changed meanwhile is overwritten.
 * The zone is read back afterwards, since BIND leaves out what it does not like and says NOERROR.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns/zones/dnstcp.h"
#include "dns/zones/tsig.h"
#include "dns/zones/wire.h"
#include "dns/zones/zones.h"

#define DEADLINE_MS        60000
#define TRANSFER_MAX_BYTES ((size_t)64 << 20)
#define UPDATE_MAX_BYTES   (WIRE_MESSAGE_MAX - 600U) /* the signature, with two names of 255 bytes, comes on top */
#define DEFAULT_PORT       "53"

#define OPCODE_UPDATE 0x2800U
#define FLAG_QR       0x8000U
#define OPCODE_MASK   0x7800U
#define TYPE_AXFR     252
#define CLASS_IN      1
#define CLASS_NONE    254
#define CLASS_ANY     255
#define TYPE_OPT      41
/* In an update: prerequisites where answers are, updates where authority is (RFC 2136 s2). */
#define SECTION_PREREQUISITE WIRE_ANSWER
#define SECTION_UPDATE       WIRE_AUTHORITY

enum {
	RCODE_NOERROR,
	RCODE_FORMERR,
	RCODE_SERVFAIL,
	RCODE_NXDOMAIN,
	RCODE_NOTIMP,
	RCODE_REFUSED,
	RCODE_YXDOMAIN,
	RCODE_YXRRSET,
	RCODE_NXRRSET,
	RCODE_NOTAUTH,
	RCODE_NOTZONE
};

struct rfc2136_settings {
	char *server;
	char *key_name;
	char *key_algorithm;
	char *key_secret;
};

static const struct cfg_row settings_rows[] = {
	{.key = "server",
         .type = CFG_TEXT,
         .offset = offsetof(struct rfc2136_settings, server),
         .flags = CFG_REQUIRED,
         .help = "The primary, HOST:PORT; it must accept updates and zone transfers by TCP, signed with the key."},
	{.key = "key_name",
         .type = CFG_NAME,
         .offset = offsetof(struct rfc2136_settings, key_name),
         .flags = CFG_REQUIRED,
         .help = "The name of the TSIG key, as the server knows it."                                             },
	{.key = "key_algorithm",
         .type = CFG_TEXT,
         .offset = offsetof(struct rfc2136_settings, key_algorithm),
         .absent = "hmac-sha256",
         .help = "hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1."                              },
	{.key = "key_secret",
         .type = CFG_SECRET,
         .offset = offsetof(struct rfc2136_settings, key_secret),
         .flags = CFG_REQUIRED,
         .help = "The key in base64, as env:NAME or file:PATH."                                                  },
};

struct rfc2136 {
	char *host, *port;
	const struct clock *clock;
	struct tsig_key key;
};

/* A zone as a transfer gave it.  raw holds the RDATA as the server has them: prerequisites compare bytes, and a TXT may be cut
 * into strings in more than one way. */
struct transfer {
	bool exists;
	struct records records;
	struct buf raw;
	struct span {
		size_t offset, len;
	} * spans; /* into raw, one for each of records */
	size_t n_spans, cap_spans;
};

static void
transfer_release(struct transfer *t)
{
	records_release(&t->records);
	buf_release(&t->raw);
	free(t->spans);
	*t = (struct transfer){0};
}

/* A message with its header and zone section (or question), the zone's name at byte 12. */
static void
message_start(struct buf *b, unsigned flags, const char *zone, uint16_t type)
{
	uint16_t id;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		id = 0; /* the signature ties reply and request together, the id only sorts */
	wire_add_u16(b, id);
	wire_add_u16(b, (uint16_t)flags);
	wire_add_u16(b, 1);
	wire_add_u16(b, 0);
	wire_add_u32(b, 0);
	wire_add_name(b, zone);
	wire_add_u16(b, type);
	wire_add_u16(b, CLASS_IN);
}

/* owner with a pointer to the zone's name for its end. */
static void
add_owner(struct buf *b, const char *owner, const char *zone)
{
	uint8_t wire[NAME_WIRE_MAX], zone_wire[NAME_WIRE_MAX];
	size_t len = name_to_wire(owner, wire);
	size_t zone_len = name_to_wire(zone, zone_wire);

	assert(name_is_under(owner, zone) && len >= zone_len);
	buf_add(b, wire, len - zone_len);
	wire_add_u16(b, (uint16_t)(0xc000U | WIRE_HEADER));
}

struct update_rr {
	const char *owner;
	uint16_t type, class;
	uint32_t ttl_s;
	const void *rdata;
	size_t rdata_len;
};

static void
add_rr(struct buf *b, const char *zone, size_t section, const struct update_rr *rr)
{
	add_owner(b, rr->owner, zone);
	wire_add_u16(b, rr->type);
	wire_add_u16(b, rr->class);
	wire_add_u32(b, rr->ttl_s);
	wire_add_u16(b, (uint16_t)rr->rdata_len);
	buf_add(b, rr->rdata, rr->rdata_len);
	if (b->failed == CR_OK)
		wire_count_one((uint8_t *)b->data, section);
}

/* What a refused signature means. */
static int
tsig_fault(const struct rfc2136 *d, const struct tsig_result *res, struct err *err)
{
	const char *key = d->key.name.text;
	int64_t off_s;

	switch (res->error) {
	case TSIG_BADSIG:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADSIG): another secret there", key);
	case TSIG_BADKEY:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADKEY): name or algorithm unknown there",
		               key);
	case TSIG_BADTIME:
		off_s = res->server_s != 0 ? res->server_s - clock_wall_s(d->clock) : 0;
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADTIME): the clocks differ by %lld s", key,
		               (long long)(off_s < 0 ? -off_s : off_s));
	default:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (TSIG error %u)", key, res->error);
	}
}

/* The head of a reply to request. */
static int
check_header(const struct buf *request, const struct buf *reply, struct err *err)
{
	const uint8_t *q = (const uint8_t *)request->data;
	const uint8_t *m = (const uint8_t *)reply->data;

	if (reply->len < WIRE_HEADER)
		return err_set(err, CR_EPARSE, "reply: %zu bytes are no message", reply->len);
	if (wire_u16(m) != wire_u16(q) || (wire_u16(m + 2) & FLAG_QR) == 0 ||
	    ((wire_u16(m + 2) ^ wire_u16(q + 2)) & OPCODE_MASK) != 0)
		return err_set(err, CR_EPARSE, "reply: not to what was asked");
	return CR_OK;
}

static unsigned
rcode_of(const struct buf *reply)
{
	return wire_u16((const uint8_t *)reply->data + 2) & 0xfU;
}

static const char *
rcode_name(unsigned rcode)
{
	static const char *const names[] = {
		[RCODE_NOERROR] = "NOERROR",   [RCODE_FORMERR] = "FORMERR", [RCODE_SERVFAIL] = "SERVFAIL",
		[RCODE_NXDOMAIN] = "NXDOMAIN", [RCODE_NOTIMP] = "NOTIMP",   [RCODE_REFUSED] = "REFUSED",
		[RCODE_YXDOMAIN] = "YXDOMAIN", [RCODE_YXRRSET] = "YXRRSET", [RCODE_NXRRSET] = "NXRRSET",
		[RCODE_NOTAUTH] = "NOTAUTH",   [RCODE_NOTZONE] = "NOTZONE",
	};

	return rcode < ARRAY_LEN(names) ? names[rcode] : "an unknown code";
}

/* Receive one message of the reply to request and check its signature. */
static int
receive_checked(const struct rfc2136 *d, struct dnstcp *c, const struct buf *request, struct tsig_check *check,
                struct buf *reply, struct tsig_result *res, struct err *err)
{
	int rc = dnstcp_receive(c, reply, err);

	if (rc == CR_OK)
		rc = check_header(request, reply, err);
	if (rc == CR_OK)
		rc = tsig_check_message(check, (const uint8_t *)reply->data, reply->len, clock_wall_s(d->clock), res,
		                        err);
	if (rc == CR_OK && res->verdict == TSIG_REFUSED)
		rc = tsig_fault(d, res, err);
	if (rc == CR_OK && res->verdict == TSIG_UNSIGNED && rcode_of(reply) != RCODE_NOERROR)
		rc = err_set(err, CR_EAUTH, "answered %s without a signature: is key '%s' known there",
		             rcode_name(rcode_of(reply)), d->key.name.text);
	return rc;
}

static int
add_span(struct transfer *t, size_t offset, struct err *err)
{
	if (t->n_spans == t->cap_spans) {
		size_t cap = t->cap_spans != 0 ? t->cap_spans * 2 : 64;
		struct span *spans = realloc(t->spans, cap * sizeof(*spans));

		if (spans == NULL)
			return err_nomem(err, "transfer");
		t->spans = spans;
		t->cap_spans = cap;
	}
	t->spans[t->n_spans++] = (struct span){offset, t->raw.len - offset};
	return CR_OK;
}

/* One record of a transfer; *soas_out counts the SOA, which opens and closes it (RFC 5936 s2.2). */
static int
take_rr(struct transfer *t, const char *zone, const struct buf *reply, const struct wire_rr *rr, unsigned *soas,
        struct err *err)
{
	size_t offset = t->raw.len;
	struct record r = {0};
	int rc;

	if (rr->type == RECORD_SOA && name_equal(rr->owner.text, zone) && ++*soas == 2)
		return CR_OK;
	if (*soas != 1)
		return err_set(err, CR_EPARSE, "transfer: records outside the two SOA");
	if (rr->class != CLASS_IN || !name_is_under(rr->owner.text, zone))
		return err_set(err, CR_EPARSE, "transfer: %s is not of zone %s", rr->owner.text, zone);
	rc = wire_rdata((const uint8_t *)reply->data, reply->len, rr, &t->raw, err);
	if (rc == CR_OK)
		rc = record_from_wire(rr->owner.text, rr->type, rr->ttl_s, (const uint8_t *)buf_str(&t->raw) + offset,
		                      t->raw.len - offset, &r, err);
	if (rc == CR_OK)
		rc = records_take(&t->records, &r, err);
	return rc == CR_OK ? add_span(t, offset, err) : rc;
}

static int
take_message(struct transfer *t, const char *zone, const struct buf *reply, unsigned *soas, struct err *err)
{
	const uint8_t *m = (const uint8_t *)reply->data;
	struct wire_rr rr;
	size_t pos;
	int rc = wire_skip_questions(m, reply->len, &pos, err);

	for (unsigned i = wire_u16(m + WIRE_ANSWER); i > 0 && rc == CR_OK; i--) {
		rc = wire_rr(m, reply->len, &pos, &rr, err);
		if (rc == CR_OK)
			rc = take_rr(t, zone, reply, &rr, soas, err);
	}
	return rc;
}

/* A signed reply to the transfer that is no zone; CR_OK when it says that there is none. */
static int
transfer_fault(const struct rfc2136 *d, const char *zone, unsigned rcode, struct err *err)
{
	switch (rcode) {
	case RCODE_NOTAUTH:
		return CR_OK;
	case RCODE_REFUSED:
		return err_set(err, CR_EAUTH, "the transfer of %s is refused to key '%s'", zone, d->key.name.text);
	case RCODE_SERVFAIL:
		return err_set(err, CR_ERETRY, "the server cannot serve %s now (SERVFAIL)", zone);
	default:
		return err_set(err, CR_EIO, "the transfer of %s was answered %s", zone, rcode_name(rcode));
	}
}

static int
receive_zone(const struct rfc2136 *d, struct dnstcp *c, const struct buf *request, struct tsig_check *check,
             const char *zone, struct transfer *t, struct err *err)
{
	struct buf reply = {0};
	struct tsig_result res = {0};
	size_t total = 0;
	unsigned soas = 0;
	int rc = CR_OK;

	while (soas < 2) {
		rc = receive_checked(d, c, request, check, &reply, &res, err);
		if (rc != CR_OK)
			goto out;
		if (rcode_of(&reply) != RCODE_NOERROR) {
			rc = transfer_fault(d, zone, rcode_of(&reply), err);
			goto out;
		}
		total += reply.len;
		if (total > TRANSFER_MAX_BYTES) {
			rc = err_set(err, CR_EPARSE, "transfer: %s is longer than %zu bytes", zone, TRANSFER_MAX_BYTES);
			goto out;
		}
		/* Without progress it is not a transfer: a server must not keep us for the whole deadline. */
		if (wire_u16((const uint8_t *)reply.data + WIRE_ANSWER) == 0) {
			rc = err_set(err, CR_EPARSE, "transfer: %s: a message without records", zone);
			goto out;
		}
		rc = take_message(t, zone, &reply, &soas, err);
		if (rc != CR_OK)
			goto out;
	}
	if (res.verdict != TSIG_SIGNED) {
		rc = err_set(err, CR_EAUTH, "transfer: %s: the last message is not signed", zone);
		goto out;
	}
	t->exists = true;
out:
	buf_release(&reply);
	return rc;
}

/* Sign message, send it on a new connection and have the check of its replies ready. */
static int
send_signed(const struct rfc2136 *d, struct buf *message, struct dnstcp **c_out, struct tsig_check **check_out,
            struct err *err)
{
	struct dnstcp *c = NULL;
	struct tsig_check *check = NULL;
	struct tsig_mac mac;
	int rc = tsig_sign(&d->key, clock_wall_s(d->clock), message, &mac, err);

	if (rc == CR_OK)
		rc = tsig_check_open(&d->key, &mac, &check, err);
	if (rc == CR_OK)
		rc = dnstcp_open(d->host, d->port, d->clock, DEADLINE_MS, &c, err);
	if (rc == CR_OK) {
		rc = dnstcp_send(c, message, err);
		/* Perhaps the server has all of it. */
		if (rc == CR_ERETRY) {
			rc = CR_EUNKNOWN;
			if (err != NULL)
				err->code = rc;
		}
	}
	if (rc == CR_OK) {
		*c_out = TAKE(c);
		*check_out = TAKE(check);
	}
	dnstcp_drop(&c);
	tsig_check_drop(&check);
	return rc;
}

/* Read the whole zone; out->exists is false when the server does not serve it. */
static int
transfer(const struct rfc2136 *d, const char *zone, struct transfer *out, struct err *err)
{
	struct transfer t = {.raw.max_bytes = TRANSFER_MAX_BYTES * 2};
	struct buf request = {.max_bytes = WIRE_MESSAGE_MAX};
	struct dnstcp *c = NULL;
	struct tsig_check *check = NULL;
	int rc;

	message_start(&request, 0, zone, TYPE_AXFR);
	rc = send_signed(d, &request, &c, &check, err);
	if (rc == CR_OK)
		rc = receive_zone(d, c, &request, check, zone, &t, err);
	/* A question may be asked again. */
	if (rc == CR_EUNKNOWN) {
		rc = CR_ERETRY;
		if (err != NULL)
			err->code = rc;
	}
	if (rc == CR_OK) {
		*out = t;
		t = (struct transfer){0};
	}
	tsig_check_drop(&check);
	dnstcp_drop(&c);
	buf_release(&request);
	transfer_release(&t);
	return rc;
}

static int
rfc2136_observe(void *ctx, const char *zone, struct zone_state *out, struct err *err)
{
	const struct rfc2136 *d = ctx;
	struct transfer t = {0};
	struct zone_state s = {0};
	int rc = transfer(d, zone, &t, err);

	if (rc != CR_OK)
		goto out;
	s.exists = t.exists;
	s.records = t.records;
	t.records = (struct records){0};
	/* The SOA came first; its serial lies 20 bytes before its end. */
	if (s.exists && s.records.items[0].data_len > 20 &&
	    asprintf(&s.serial, "%u", wire_u32(s.records.items[0].data + s.records.items[0].data_len - 20)) < 0) {
		s.serial = NULL;
		rc = err_nomem(err, zone);
		goto out;
	}
	rc = zone_state_name_servers(&s, zone, err);
	if (rc != CR_OK)
		goto out;
	records_sort(&s.records);
	*out = s;
	s = (struct zone_state){0};
out:
	zone_state_release(&s);
	transfer_release(&t);
	return rc;
}

static bool
in_set(const struct record *r, const struct set_rrset *set)
{
	return r->type == set->type && name_equal(r->owner, set->owner);
}

/* The records at the set's name and type in l are those of the set; ttl: their TTLs too. */
static bool
set_stands(const struct records *l, const struct set_rrset *set, bool ttl)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (!in_set(&l->items[i], set))
			continue;
		if (records_find(&set->records, &l->items[i]) == NULL || (ttl && l->items[i].ttl_s != set->ttl_s))
			return false;
		n++;
	}
	return n == set->records.n;
}

/* Both hold the same at the set's name and type. */
static bool
same_there(const struct records *a, const struct records *b, const struct set_rrset *set)
{
	for (size_t i = 0; i < a->n; i++)
		if (in_set(&a->items[i], set) && records_find(b, &a->items[i]) == NULL)
			return false;
	return records_count(a, set->owner, set->type) == records_count(b, set->owner, set->type);
}

/* RDATA for r: the server's own bytes when it has the record already. */
static void
add_rdata(const struct transfer *now, const struct record *r, struct buf *out)
{
	for (size_t i = 0; i < now->records.n; i++)
		if (record_same(&now->records.items[i], r)) {
			buf_add(out, buf_str(&now->raw) + now->spans[i].offset, now->spans[i].len);
			return;
		}
	record_to_wire(r, out);
}

/* The set is as we read it, to the byte: RFC 2136 s2.4.2; or it is not there: s2.4.3. */
static void
add_prerequisite(struct buf *b, const char *zone, const struct transfer *now, const struct set_rrset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < now->records.n; i++) {
		const struct record *r = &now->records.items[i];

		if (!in_set(r, set))
			continue;
		add_rr(b, zone, SECTION_PREREQUISITE,
		       &(struct update_rr){r->owner, r->type, CLASS_IN, 0, buf_str(&now->raw) + now->spans[i].offset,
		                           now->spans[i].len});
		n++;
	}
	if (n == 0)
		add_rr(b, zone, SECTION_PREREQUISITE, &(struct update_rr){set->owner, set->type, CLASS_NONE, 0, "", 0});
}

static bool
is_apex_ns(const struct set_rrset *set, const char *zone)
{
	return set->type == RECORD_NS && name_equal(set->owner, zone);
}

static void
add_deletes(struct buf *b, const char *zone, const struct transfer *now, const struct set_rrset *set)
{
	if (!is_apex_ns(set, zone)) {
		if (records_count(&now->records, set->owner, set->type) > 0)
			add_rr(b, zone, SECTION_UPDATE,
			       &(struct update_rr){set->owner, set->type, CLASS_ANY, 0, "", 0});
		return;
	}
	/* The NS set at the apex cannot be deleted as a whole (s3.4.2.3): one by one, after the new ones are there. */
	for (size_t i = 0; i < now->records.n; i++) {
		const struct record *r = &now->records.items[i];

		if (in_set(r, set) && records_find(&set->records, r) == NULL)
			add_rr(b, zone, SECTION_UPDATE,
			       &(struct update_rr){r->owner, r->type, CLASS_NONE, 0,
			                           buf_str(&now->raw) + now->spans[i].offset, now->spans[i].len});
	}
}

static int
add_creates(struct buf *b, const char *zone, const struct transfer *now, const struct set_rrset *set, struct err *err)
{
	struct buf rdata = {0};
	int rc = CR_OK;

	for (size_t i = 0; i < set->records.n && rc == CR_OK; i++) {
		const struct record *r = &set->records.items[i];

		buf_clear(&rdata);
		add_rdata(now, r, &rdata);
		rc = buf_check(&rdata, r->owner, err);
		if (rc == CR_OK)
			add_rr(b, zone, SECTION_UPDATE,
			       &(struct update_rr){r->owner, r->type, CLASS_IN, set->ttl_s, buf_str(&rdata),
			                           rdata.len});
	}
	buf_release(&rdata);
	return rc;
}

/* The sets [first, last) as one update.  All deletes come before all creates: a CNAME has to go before its A comes. */
static int
build_update(const char *zone, const struct transfer *now, const struct set_rrset *first, const struct set_rrset *last,
             struct buf *b, struct err *err)
{
	int rc = CR_OK;

	buf_clear(b);
	message_start(b, OPCODE_UPDATE, zone, RECORD_SOA);
	for (const struct set_rrset *s = first; s < last; s++)
		add_prerequisite(b, zone, now, s);
	for (const struct set_rrset *s = first; s < last; s++)
		if (!is_apex_ns(s, zone))
			add_deletes(b, zone, now, s);
	for (const struct set_rrset *s = first; s < last && rc == CR_OK; s++)
		rc = add_creates(b, zone, now, s, err);
	for (const struct set_rrset *s = first; s < last; s++)
		if (is_apex_ns(s, zone))
			add_deletes(b, zone, now, s);
	return rc == CR_OK ? buf_check(b, "update", err) : rc;
}

static int
update_fault(const struct rfc2136 *d, const char *zone, unsigned rcode, struct err *err)
{
	switch (rcode) {
	case RCODE_NOERROR:
		return CR_OK;
	case RCODE_NXDOMAIN:
	case RCODE_YXDOMAIN:
	case RCODE_YXRRSET:
	case RCODE_NXRRSET:
		return err_set(err, CR_ECONFLICT, "zone %s was changed by somebody else meanwhile (%s)", zone,
		               rcode_name(rcode));
	case RCODE_NOTAUTH:
		return err_set(err, CR_ENOTFOUND, "the server does not serve %s as primary", zone);
	case RCODE_REFUSED:
		return err_set(
			err, CR_EREFUSED,
			"the server refuses the update of %s: key '%s' lacks the right, or an MX names a host of "
			"the zone that has no address",
			zone, d->key.name.text);
	case RCODE_NOTIMP:
		return err_set(err, CR_EREFUSED, "the server takes no updates");
	case RCODE_SERVFAIL:
		return err_set(err, CR_ERETRY, "the server cannot update %s now (SERVFAIL)", zone);
	default:
		return err_set(err, CR_EREFUSED, "the update of %s was answered %s", zone, rcode_name(rcode));
	}
}

/* Send one update; message gets its signature. */
static int
send_update(const struct rfc2136 *d, const char *zone, struct buf *message, struct err *err)
{
	struct buf reply = {0};
	struct tsig_result res;
	struct dnstcp *c = NULL;
	struct tsig_check *check = NULL;
	int rc = send_signed(d, message, &c, &check, err);

	if (rc != CR_OK)
		goto out;
	rc = receive_checked(d, c, message, check, &reply, &res, err);
	/* An answer that did not come, or is not the server's, says nothing about what was done. */
	if (rc == CR_OK && res.verdict == TSIG_UNSIGNED)
		rc = err_set(err, CR_EUNKNOWN, "the answer to the update of %s is not signed", zone);
	else if (rc == CR_ERETRY || rc == CR_EPARSE) {
		rc = CR_EUNKNOWN;
		if (err != NULL)
			err->code = rc;
	}
	if (rc == CR_OK)
		rc = update_fault(d, zone, rcode_of(&reply), err);
out:
	tsig_check_drop(&check);
	dnstcp_drop(&c);
	buf_release(&reply);
	return rc;
}

/* The first set after s that has another owner: sets of one name never go into two messages. */
static const struct set_rrset *
next_owner(const struct set_rrset *s, const struct set_rrset *end)
{
	const char *owner = s->owner;

	while (s < end && name_equal(s->owner, owner))
		s++;
	return s;
}

/*
 * All sets in one message; those that pass 64 KB in several, each whole for itself.  A message is built to find out that it is
 * too long: halving what it holds finds the cut in few steps.
 */
static int
send_sets(const struct rfc2136 *d, const char *zone, const struct transfer *now, const struct set_rrsets *sets,
          struct err *err)
{
	const struct set_rrset *first = sets->items, *end = sets->items + sets->n;
	struct buf b = {.max_bytes = TRANSFER_MAX_BYTES};
	int rc = CR_OK;

	while (first < end && rc == CR_OK) {
		const struct set_rrset *last = end;

		for (;;) {
			const struct set_rrset *cut;

			rc = build_update(zone, now, first, last, &b, err);
			if (rc != CR_OK || b.len <= UPDATE_MAX_BYTES)
				break;
			cut = next_owner(first + (last - first - 1) / 2, last);
			if (cut == last)
				cut = next_owner(first, last);
			if (cut == last) {
				rc = err_set(err, CR_EREFUSED, "%s: more data than an update message holds",
				             first->owner);
				break;
			}
			last = cut;
		}
		if (rc == CR_OK)
			rc = send_update(d, zone, &b, err);
		first = last;
	}
	buf_release(&b);
	return rc;
}

/*
 * Drop from sets what stands already as wanted; refuse when one is neither as it was when the change was planned nor as it
 * should become.
 */
static int
drop_standing(const struct zone_state *base, const struct transfer *now, struct set_rrsets *sets, struct err *err)
{
	size_t kept = 0;
	char type[16];

	for (size_t i = 0; i < sets->n; i++) {
		struct set_rrset *set = &sets->items[i];
		struct set_rrset moved;

		if (set_stands(&now->records, set, true))
			continue;
		if (!set_stands(&now->records, set, false) && !same_there(&now->records, &base->records, set))
			return err_set(err, CR_ECONFLICT, "%s %s was changed by somebody else meanwhile", set->owner,
			               record_type_name(set->type, type));
		/* Swapped, so that set_rrsets_release still sees every one. */
		moved = sets->items[kept];
		sets->items[kept++] = *set;
		sets->items[i] = moved;
	}
	for (size_t i = kept; i < sets->n; i++) {
		free(sets->items[i].owner);
		records_release(&sets->items[i].records);
	}
	sets->n = kept;
	return CR_OK;
}

/* Does the zone now hold what the update was acknowledged for? */
static int
read_back(const struct rfc2136 *d, const char *zone, const struct set_rrsets *sets, struct err *err)
{
	struct transfer now = {0};
	char type[16];
	int rc = transfer(d, zone, &now, err);

	for (size_t i = 0; i < sets->n && rc == CR_OK; i++) {
		const struct set_rrset *set = &sets->items[i];

		if (!set_stands(&now.records, set, false))
			rc = err_set(err, CR_ECONFLICT,
			             "the server said NOERROR and did not make %s %s so: other records may stand there",
			             set->owner, record_type_name(set->type, type));
	}
	transfer_release(&now);
	return rc;
}

static int
rfc2136_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	const struct rfc2136 *d = ctx;
	struct transfer now = {0};
	struct set_rrsets sets = {0};
	int rc = CR_OK;

	for (size_t i = 0; i < diff->n; i++)
		if (diff->items[i].record.type == RECORD_SOA)
			return err_set(err, CR_EREFUSED, "%s SOA: the server keeps it", zone);
	if (diff->n == 0)
		return CR_OK;
	rc = set_rrsets_make(&base->records, diff, &sets, err);
	if (rc == CR_OK)
		rc = transfer(d, zone, &now, err);
	if (rc == CR_OK && !now.exists)
		rc = err_set(err, CR_ENOTFOUND, "the server does not serve %s", zone);
	if (rc == CR_OK)
		rc = drop_standing(base, &now, &sets, err);
	if (rc == CR_OK && sets.n > 0)
		rc = send_sets(d, zone, &now, &sets, err);
	if (rc == CR_OK && sets.n > 0)
		rc = read_back(d, zone, &sets, err);
	set_rrsets_release(&sets);
	transfer_release(&now);
	return rc;
}

static int
rfc2136_reject(const struct record *r, const char *zone, struct err *err)
{
	if (r->type == RECORD_SOA)
		return err_set(err, CR_EREFUSED, "%s SOA: the server keeps it", zone);
	if (r->type == TYPE_OPT || (r->type >= 249 && r->type <= 255))
		return err_set(err, CR_EREFUSED, "%s: type %u is no data (RFC 6895 s3.1)", r->owner, r->type);
	return CR_OK;
}

static void
rfc2136_drop(void *ctx)
{
	struct rfc2136 *d = ctx;

	if (d == NULL)
		return;
	tsig_key_release(&d->key);
	free(d->host);
	free(d->port);
	free(d);
}

/* HOST, HOST:PORT, [IPv6]:PORT, or a bare IPv6 address. */
static int
split_server(const char *server, char **host_out, char **port_out, struct err *err)
{
	const char *host = server, *port = DEFAULT_PORT;
	const char *colon = strrchr(server, ':');
	size_t len = strlen(server);

	if (server[0] == '[') {
		const char *end = strchr(server, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return err_set(err, CR_ECONFIG, "server: must be HOST:PORT, not '%s'", server);
		host = server + 1;
		len = (size_t)(end - host);
		if (end[1] == ':')
			port = end + 2;
	} else if (colon != NULL && strchr(server, ':') == colon) {
		len = (size_t)(colon - server);
		port = colon + 1;
	}
	if (len == 0 || len > 253 || port[0] == '\0' || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5)
		return err_set(err, CR_ECONFIG, "server: must be HOST:PORT, not '%s'", server);
	*host_out = strndup(host, len);
	*port_out = strdup(port);
	return *host_out != NULL && *port_out != NULL ? CR_OK : err_nomem(err, "server");
}

static int
rfc2136_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct rfc2136_settings *s = settings;
	struct rfc2136 *d = calloc(1, sizeof(*d));
	struct secret *base64 = NULL;
	bool is_inline;
	int rc;

	if (d == NULL)
		return err_nomem(err, "rfc2136");
	d->clock = env->clock;
	rc = split_server(s->server, &d->host, &d->port, err);
	/* A literal secret was warned of when the configuration was read. */
	if (rc == CR_OK && secret_resolve(s->key_secret, true, &is_inline, &base64, err) != CR_OK)
		rc = err_wrap(err, "key_secret");
	if (rc == CR_OK)
		rc = tsig_key_make(s->key_name, s->key_algorithm, base64, &d->key, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(d);
	secret_drop(&base64);
	rfc2136_drop(d);
	return rc;
}

extern const struct zone_driver zone_driver_rfc2136;

const struct zone_driver zone_driver_rfc2136 = {
	.name = "rfc2136",
	.summary = "a zone that its server lets us change by DNS update, signed with TSIG",
	.caps = ZONE_CAP_ATOMIC | ZONE_CAP_RRSET_TTL | ZONE_CAP_SLASH,
	.ttl_min_s = 0,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 16000, /* an update may hold the old set and the new one: 64 KB in all */
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct rfc2136_settings),
	.tested = "real server: BIND 9.18, Knot 3.2",
	.read_on = "2026-11-25",
	.open = rfc2136_open,
	.drop = rfc2136_drop,
	.reject = rfc2136_reject,
	.observe = rfc2136_observe,
	.change = rfc2136_change,
};
