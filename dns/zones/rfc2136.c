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

#include "dns/zones/axfr.h"
#include "dns/zones/signed.h"
#include "dns/zones/wire.h"
#include "dns/zones/zones.h"

#define UPDATE_MAX_BYTES (WIRE_MESSAGE_MAX - 600U) /* the signature, with two names of 255 bytes, comes on top */

#define OPCODE_UPDATE 0x2800U
#define CLASS_IN      1
#define CLASS_NONE    254
#define CLASS_ANY     255
#define TYPE_OPT      41
/* In an update: prerequisites where answers are, updates where authority is (RFC 2136 s2). */
#define SECTION_PREREQUISITE WIRE_ANSWER
#define SECTION_UPDATE       WIRE_AUTHORITY

struct rfc2136_settings {
	char *server;
	char *key_name;
	char *key_algorithm;
	char *key_secret;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct rfc2136_settings, member)
static const struct cfg_row settings_rows[] = {
	{"server", CFG_TEXT, AT(server), 0, 0, NULL, CFG_REQUIRED, NULL, "The primary, HOST:PORT; it must take updates and zone transfers over TCP, signed with the key."},
	{"key_name", CFG_NAME, AT(key_name), 0, 0, NULL, CFG_REQUIRED, NULL, "The name of the TSIG key, as the server knows it."},
	{"key_algorithm", CFG_TEXT, AT(key_algorithm), 0, 0, "hmac-sha256", 0, NULL, "hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1."},
	{"key_secret", CFG_SECRET, AT(key_secret), 0, 0, NULL, CFG_REQUIRED, NULL, "The key in base64, as env:NAME or file:PATH."},
};
#undef AT
/* clang-format on */

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

static int
rfc2136_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	const struct signed_server *server = ctx;
	struct axfr t = {0};
	struct zone_state s = {0};
	int rc = axfr_read(server, zone, &t, err);

	(void)id;
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
	axfr_release(&t);
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
add_rdata(const struct axfr *now, const struct record *r, struct buf *out)
{
	size_t len;

	for (size_t i = 0; i < now->records.n; i++)
		if (record_same(&now->records.items[i], r)) {
			const uint8_t *rdata = axfr_rdata(now, i, &len);

			buf_add(out, rdata, len);
			return;
		}
	record_to_wire(r, out);
}

/* Record i as the server has it, in a section of the update. */
static void
add_standing(struct buf *b, const char *zone, size_t section, uint16_t class, const struct axfr *now, size_t i)
{
	struct update_rr rr = {
		.owner = now->records.items[i].owner, .type = now->records.items[i].type, .class = class};

	rr.rdata = axfr_rdata(now, i, &rr.rdata_len);
	add_rr(b, zone, section, &rr);
}

/* The set is as we read it, to the byte: RFC 2136 s2.4.2; or it is not there: s2.4.3. */
static void
add_prerequisite(struct buf *b, const char *zone, const struct axfr *now, const struct set_rrset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < now->records.n; i++)
		if (in_set(&now->records.items[i], set)) {
			add_standing(b, zone, SECTION_PREREQUISITE, CLASS_IN, now, i);
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
add_deletes(struct buf *b, const char *zone, const struct axfr *now, const struct set_rrset *set)
{
	if (!is_apex_ns(set, zone)) {
		if (records_count(&now->records, set->owner, set->type) > 0)
			add_rr(b, zone, SECTION_UPDATE,
			       &(struct update_rr){set->owner, set->type, CLASS_ANY, 0, "", 0});
		return;
	}
	/* The NS set at the apex cannot be deleted as a whole (s3.4.2.3): one by one, after the new ones are there. */
	for (size_t i = 0; i < now->records.n; i++)
		if (in_set(&now->records.items[i], set) && records_find(&set->records, &now->records.items[i]) == NULL)
			add_standing(b, zone, SECTION_UPDATE, CLASS_NONE, now, i);
}

static int
add_creates(struct buf *b, const char *zone, const struct axfr *now, const struct set_rrset *set, struct err *err)
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
build_update(const char *zone, const struct axfr *now, const struct set_rrset *first, const struct set_rrset *last,
             struct buf *b, struct err *err)
{
	int rc = CR_OK;

	buf_clear(b);
	signed_start(b, OPCODE_UPDATE, zone, RECORD_SOA);
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
update_fault(const struct signed_server *server, const char *zone, enum rcode rcode, struct err *err)
{
	switch ((int)rcode) {
	case RCODE_NOERROR:
		return CR_OK;
	case RCODE_NXDOMAIN:
	case RCODE_YXDOMAIN:
	case RCODE_YXRRSET:
	case RCODE_NXRRSET:
		return err_set(err, CR_ECONFLICT, "zone %s was changed by somebody else meanwhile (%s)", zone,
		               signed_rcode_name(rcode));
	case RCODE_NOTAUTH:
		return err_set(err, CR_ENOTFOUND, "the server does not serve %s as primary", zone);
	case RCODE_REFUSED:
		return err_set(
			err, CR_EREFUSED,
			"the server refuses the update of %s: key '%s' lacks the right, or an MX names a host of "
			"the zone that has no address",
			zone, server->key.name.text);
	case RCODE_NOTIMP:
		return err_set(err, CR_EREFUSED, "the server takes no updates");
	case RCODE_SERVFAIL:
		return err_set(err, CR_ERETRY, "the server cannot update %s now (SERVFAIL)", zone);
	default:
		return err_set(err, CR_EREFUSED, "the update of %s was answered %s", zone, signed_rcode_name(rcode));
	}
}

/* Done in part, or perhaps done: whoever comes next looks first.  Keeps the text. */
static int
unknown(struct err *err)
{
	if (err != NULL)
		err->code = CR_EUNKNOWN;
	return CR_EUNKNOWN;
}

/* Send one update; message gets its signature. */
static int
send_update(const struct signed_server *server, const char *zone, struct buf *message, struct err *err)
{
	struct buf reply = {0};
	struct tsig_result res = {0};
	struct signed_call call = {0};
	int rc = signed_send(server, message, &call, err);

	if (rc != CR_OK)
		goto out;
	rc = signed_receive(server, &call, &reply, &res, err);
	/* An answer that did not come, or is not the server's, says nothing about what was done. */
	if (rc == CR_OK && res.verdict == TSIG_UNSIGNED) {
		rc = err_set(err, CR_EUNKNOWN, "the update of %s was answered %s without a signature", zone,
		             signed_rcode_name(signed_rcode(&reply)));
	} else if (rc == CR_ERETRY || rc == CR_EPARSE || (rc == CR_EAUTH && res.verdict != TSIG_REFUSED)) {
		rc = unknown(err);
	}
	if (rc == CR_OK)
		rc = update_fault(server, zone, signed_rcode(&reply), err);
out:
	signed_call_release(&call);
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
send_sets(const struct signed_server *server, const char *zone, const struct axfr *now, const struct set_rrsets *sets,
          struct err *err)
{
	const struct set_rrset *first = sets->items, *end = sets->items + sets->n;
	struct buf b = {.max_bytes = AXFR_MAX_BYTES};
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
			rc = send_update(server, zone, &b, err);
		if (rc != CR_OK && first > sets->items)
			rc = unknown(err);
		first = last;
	}
	buf_release(&b);
	return rc;
}

static int
compare_sets(const void *a, const void *b)
{
	const struct set_rrset *x = a, *y = b;
	int order = name_compare(x->owner, y->owner);

	return order != 0 ? order : (int)x->type - (int)y->type;
}

/*
 * Drop from sets what stands already as wanted; refuse when one is neither as it was when the change was planned nor as it
 * should become.
 */
static int
drop_standing(const struct zone_state *base, const struct axfr *now, struct set_rrsets *sets, struct err *err)
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
	/* By name, for next_owner. */
	if (kept > 1)
		qsort(sets->items, kept, sizeof(*sets->items), compare_sets);
	return CR_OK;
}

/* Does the zone now hold what the update was acknowledged for? */
static int
read_back(const struct signed_server *server, const char *zone, const struct set_rrsets *sets, struct err *err)
{
	const struct set_rrset *missing = NULL;
	struct axfr now = {0};
	char type[16];
	size_t stand = 0;
	int rc = axfr_read(server, zone, &now, err);

	if (rc != CR_OK)
		rc = unknown(err);
	for (size_t i = 0; i < sets->n && rc == CR_OK; i++) {
		if (set_stands(&now.records, &sets->items[i], false))
			stand++;
		else
			missing = &sets->items[i];
	}
	if (missing != NULL)
		rc = err_set(err, stand == 0 ? CR_ECONFLICT : CR_EUNKNOWN,
		             "the server said NOERROR and did not make %s %s so: other records may stand there",
		             missing->owner, record_type_name(missing->type, type));
	axfr_release(&now);
	return rc;
}

static int
rfc2136_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	const struct signed_server *server = ctx;
	struct axfr now = {0};
	struct set_rrsets sets = {0};
	int rc = CR_OK;

	for (size_t i = 0; i < diff->n; i++)
		if (diff->items[i].record.type == RECORD_SOA)
			return err_set(err, CR_EREFUSED, "%s SOA: the server keeps it", zone);
	if (diff->n == 0)
		return CR_OK;
	rc = set_rrsets_make(&base->records, diff, &sets, err);
	if (rc == CR_OK)
		rc = axfr_read(server, zone, &now, err);
	if (rc == CR_OK && !now.exists)
		rc = err_set(err, CR_ENOTFOUND, "the server does not serve %s", zone);
	if (rc == CR_OK)
		rc = drop_standing(base, &now, &sets, err);
	if (rc == CR_OK && sets.n > 0)
		rc = send_sets(server, zone, &now, &sets, err);
	if (rc == CR_OK && sets.n > 0)
		rc = read_back(server, zone, &sets, err);
	set_rrsets_release(&sets);
	axfr_release(&now);
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
	if (ctx != NULL)
		signed_server_release(ctx);
	free(ctx);
}

static int
rfc2136_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct rfc2136_settings *s = settings;
	struct signed_server *server = calloc(1, sizeof(*server));
	struct secret *secret = NULL;
	bool is_inline;
	int rc = CR_OK;

	if (server == NULL)
		return err_nomem(err, "rfc2136");
	/* A literal secret was warned of when the configuration was read. */
	if (secret_resolve(s->key_secret, true, &is_inline, &secret, err) != CR_OK)
		rc = err_wrap(err, "key_secret");
	if (rc == CR_OK)
		rc = signed_server_make(s->server, s->key_name, s->key_algorithm, secret, env->clock, server, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(server);
	secret_drop(&secret);
	rfc2136_drop(server);
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
