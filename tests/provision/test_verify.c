/*
 * test_verify.c - what verify says of a domain: each fault once, by its name, and never "ok" of what was not seen.
 *
 * Every row runs with answers at once and with answers one at a time: what comes out must be the same.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "provision/verify.h"
#include "provision/verify_inside.h"

#define GET  "getnorthwind.example"
#define TRY  "trynorthwind.example"
#define HOST "mail.mx.example"
#define IP   "192.0.2.10"

/* The parts of a healthy zone, each to be left out or told otherwise. */
#define MX      "\"MX\": [[10, \"" HOST "\"]]"
#define SPF     "\"TXT\": [[\"v=spf1 ip4:" IP " -all\"]]"
#define APEX    "\"" GET "\": {" MX ", " SPF "}"
#define DMARC   "\"_dmarc." GET "\": {\"TXT\": [[\"" POLICY "\"]]}"
#define POLICY  "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; rua=mailto:postmaster@" GET
#define MX_HOST "\"" HOST "\": {\"A\": [\"" IP "\"], \"TXT\": [[\"v=spf1 a -all\"]]}"
#define PTR     "\"10.2.0.192.in-addr.arpa\": {\"PTR\": [\"" HOST "\"]}"

enum {
	CONFIGURED = 1,
	PARKED = 2,
	AT_SERVER = 4,
	LAB = 8,
	REVERSE = 16,
	ZONE = 32,
	TTL_ZERO = 64,
	AUTHORITY = 128,
	CLASSLESS = 256,
	ALIKE = 512
};

static const struct row {
	const char *name;
	unsigned how;
	const char *zone; /* without its braces */
	const char *want; /* what is not well, "status id", sorted */
	int want_exit;
} rows[] = {
  /* clang-format off */
	{"a healthy domain is well", CONFIGURED, APEX ", " DMARC ", " MX_HOST ", " PTR, "", 0},
	{"and so is one that nobody configured", 0, APEX ", " DMARC ", " MX_HOST ", " PTR, "", 0},

	{"a missing MX is told once, and waited for", CONFIGURED, "\"" GET "\": {" SPF "}, " DMARC ", " MX_HOST ", " PTR, "fail mx-missing (pending)", 75},
	{"a missing DMARC record too", CONFIGURED, APEX ", " MX_HOST ", " PTR, "fail dmarc-missing (pending)", 75},
	{"a policy of none is a fault that waiting does not mend", CONFIGURED,
	 APEX ", \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=none; rua=mailto:postmaster@" GET "\"]]}, " MX_HOST ", " PTR, "fail dmarc-none", 1},
	{"without a configuration as well", 0,
	 APEX ", \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=none; rua=mailto:postmaster@" GET "\"]]}, " MX_HOST ", " PTR, "fail dmarc-none", 1},
	{"the same policy in other words is none", CONFIGURED,
	 APEX ", \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1;p=reject;sp=reject;np=reject;adkim=s;rua=mailto:postmaster@" GET "\"]]}, " MX_HOST ", " PTR, "", 0},
	{"another policy that is as good still differs", CONFIGURED,
	 APEX ", \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=reject; sp=reject; np=reject; rua=mailto:postmaster@" GET "\"]]}, " MX_HOST ", " PTR,
	 "fail record-differs", 1},
	{"an MX of somebody else beside ours is told", CONFIGURED,
	 "\"" GET "\": {\"MX\": [[10, \"" HOST "\"], [20, \"mx2.mx.example\"]], " SPF "}, " DMARC ", " MX_HOST ", " PTR ", \"mx2.mx.example\": {\"A\": [\"192.0.2.11\"]}",
	 "warn record-extra", 0},
	{"an MX of somebody else in its place is a fault", CONFIGURED,
	 "\"" GET "\": {\"MX\": [[20, \"mx2.mx.example\"]], " SPF "}, " DMARC ", " MX_HOST ", " PTR ", \"mx2.mx.example\": {\"A\": [\"192.0.2.11\"]}",
	 "fail record-differs", 1},
	{"a TXT of somebody else beside SPF is none", CONFIGURED,
	 "\"" GET "\": {" MX ", \"TXT\": [[\"site-check=77\"], [\"v=spf1 ip4:" IP " -all\"]]}, " DMARC ", " MX_HOST ", " PTR, "", 0},
	{"neither are terms of somebody else in it", CONFIGURED,
	 "\"" GET "\": {" MX ", \"TXT\": [[\"v=spf1 ip4:198.51.100.1 ip4:" IP " -all\"]]}, " DMARC ", " MX_HOST ", " PTR, "", 0},
	{"an alias in the place of a record is a fault", CONFIGURED,
	 APEX ", \"_dmarc." GET "\": {\"CNAME\": [\"_dmarc.other.example\"]}, \"_dmarc.other.example\": {\"TXT\": [[\"" POLICY "\"]]}, " MX_HOST ", " PTR,
	 "fail record-differs", 1},

	{"a mail host without an address is told once", CONFIGURED, APEX ", " DMARC ", " PTR ", \"mx.example\": {\"A\": [\"192.0.2.1\"]}",
	 "fail mx-unresolvable (pending)", 75},
	{"an address without a name is told", CONFIGURED, APEX ", " DMARC ", " MX_HOST, "fail ptr-missing (pending)", 75},
	{"a name that leads elsewhere is told once", CONFIGURED, APEX ", " DMARC ", " PTR ", \"" HOST "\": {\"A\": [\"192.0.2.99\"]}", "fail ptr-not-confirmed", 1},
	{"where the name is ours to set, another that leads back is a fault", CONFIGURED | REVERSE,
	 APEX ", " DMARC ", " MX_HOST ", \"10.2.0.192.in-addr.arpa\": {\"PTR\": [\"other.mx.example\"]}, \"other.mx.example\": {\"A\": [\"" IP "\"]}", "fail ptr-differs", 1},
	{"where it is not, none", CONFIGURED,
	 APEX ", " DMARC ", " MX_HOST ", \"10.2.0.192.in-addr.arpa\": {\"PTR\": [\"other.mx.example\"]}, \"other.mx.example\": {\"A\": [\"" IP "\"]}", "", 0},

	{"a classless reverse zone is asked by its own names", CONFIGURED | REVERSE | CLASSLESS,
	 APEX ", " DMARC ", " MX_HOST ", \"10.0/26.2.0.192.in-addr.arpa\": {\"PTR\": [\"" HOST "\"]}", "", 0},
	{"a server in trouble leaves all unknown", CONFIGURED, "\"" GET "\": {\"RCODE\": 2}, \"_dmarc." GET "\": {\"RCODE\": 2}, " MX_HOST ", " PTR,
	 "unknown dmarc-temperror, unknown mx-unknown, unknown spf-unreachable", 75},
	{"a silent one too", CONFIGURED, APEX ", \"_dmarc." GET "\": {\"TIMEOUT\": true}, " MX_HOST ", " PTR, "unknown dmarc-temperror", 75},
	{"a fault outweighs what is unknown", CONFIGURED, "\"" GET "\": {\"MX\": [[10, \"192.0.2.1\"]], " SPF "}, \"_dmarc." GET "\": {\"TIMEOUT\": true}, " MX_HOST ", " PTR,
	 "fail mx-address, unknown dmarc-temperror", 1},
	{"a mail host that nobody here can know is no fault of a domain at its own server", CONFIGURED | AT_SERVER | LAB, APEX ", " DMARC ", " PTR, "", 0},
	{"of any other domain it is unknown", CONFIGURED | LAB, APEX ", " DMARC ", " PTR, "unknown helo-unknown, unknown mx-unknown, unknown ptr-unknown, unknown spf-helo-unknown", 75},
	{"and where its name is ours to set", CONFIGURED | AT_SERVER | LAB | REVERSE, APEX ", " DMARC ", " PTR, "unknown helo-unknown, unknown ptr-unknown", 75},
	{"a server that fails is not passed over with it", CONFIGURED | AT_SERVER | LAB, "\"" GET "\": {\"MX\": [[10, \"" HOST "\"], [20, \"ill.example\"]], " SPF "}, \"ill.example\": {\"RCODE\": 2}, "
	 DMARC ", " PTR, "unknown mx-unknown, warn record-extra", 75},

	{"a parked name says that it neither sends nor takes mail", CONFIGURED | PARKED,
	 "\"" GET "\": {\"MX\": [[0, \".\"]], \"TXT\": [[\"v=spf1 -all\"]]}, \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=reject; sp=reject; np=reject\"]]}, "
	 "\"*._domainkey." GET "\": {\"TXT\": [[\"v=DKIM1; p=\"]]}", "", 0},
	{"one in whose name somebody may still send is told", CONFIGURED | PARKED,
	 "\"" GET "\": {\"MX\": [[0, \".\"]], \"TXT\": [[\"v=spf1 ip4:198.51.100.1 -all\"]]}, \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=reject; sp=reject; np=reject\"]]}, "
	 "\"*._domainkey." GET "\": {\"TXT\": [[\"v=DKIM1; p=\"]]}", "warn spf-not-closed", 0},
	{"one that still takes mail is told, once", CONFIGURED | PARKED,
	 "\"" GET "\": {" MX ", \"TXT\": [[\"v=spf1 -all\"]]}, \"_dmarc." GET "\": {\"TXT\": [[\"v=DMARC1; p=reject; sp=reject; np=reject\"]]}, "
	 "\"*._domainkey." GET "\": {\"TXT\": [[\"v=DKIM1; p=\"]]}, " MX_HOST, "fail mx-not-null", 1},
  /* clang-format on */
};

struct office {
	struct mail_host host;
	struct reverse reverse;
	struct intent_tenant tenant;
	struct intent_domain domain;
	struct intent intent;
	struct plan plan;
	char *addresses[1];
	struct verify_subject subject;
};

static void
office_open(struct office *o, unsigned how)
{
	static const char *const no_dirs[] = {NULL}, *const sends_from[] = {IP};
	static char zone[] = "2.0.192.in-addr.arpa";
	static char part[] = "0/26.2.0.192.in-addr.arpa";
	static char *zones[] = {zone}, *classless[] = {part};
	const struct keys no_keys = {0};
	struct err err = {0};

	*o = (struct office){
		.host.driver = &mailhost_local, .host.facts = {.template_name = "local", .host = HOST}
        };
	o->addresses[0] = (char *)(uintptr_t)IP;
	o->host.facts.addresses = (struct cfg_list){.items = o->addresses, .n = 1};
	(void)snprintf(o->tenant.primary, sizeof(o->tenant.primary), "northwind.example");
	o->tenant.defaults = (struct intent_defaults){.ttl_s = -1, .warm_up_s = -1, .closing_s = -1};
	o->domain = (struct intent_domain){.name = GET, .tenant = &o->tenant, .host = &o->host, .own.ttl_s = -1};
	o->reverse.reverse_zones = (struct cfg_list){.items = (how & CLASSLESS) != 0 ? classless : zones, .n = 1};
	if ((how & REVERSE) != 0)
		o->domain.reverse = &o->reverse;
	o->tenant.domains = &o->domain;
	o->tenant.n_domains = 1;
	o->intent = (struct intent){.tenants = &o->tenant, .n_tenants = 1};
	o->plan.domain = &o->domain;
	if ((how & PARKED) != 0)
		assert_ok(want_parked(&o->domain, no_dirs, &o->plan.want, &err), &err);
	else
		assert_ok(want_make(&o->intent, &o->domain, &no_keys, NULL, no_dirs, &o->plan.want, &err), &err);
	o->subject = (struct verify_subject){.domain = GET,
	                                     .plan = (how & CONFIGURED) != 0 ? &o->plan : NULL,
	                                     .parked = (how & PARKED) != 0,
	                                     .at_server = (how & AT_SERVER) != 0,
	                                     .reverse_at_server = (how & CLASSLESS) != 0,
	                                     .addresses = sends_from,
	                                     .n_addresses = 1,
	                                     .helo = HOST,
	                                     .records_only = (how & ZONE) == 0};
}

static void
office_close(struct office *o)
{
	want_release(&o->plan.want);
	verify_subject_release(&o->subject);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

/* "fail mx-missing (pending), warn ..." */
static void
findings_of(const struct verify_report *r, struct buf *out)
{
	char lines[32][80];
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct verify_line *l = &r->items[i];

		if (l->status < VERIFY_WARN)
			continue;
		assert_true(n < ARRAY_LEN(lines));
		assert_non_null(l->text);
		(void)snprintf(lines[n++], sizeof(lines[0]), "%s %s%s", verify_status_name(l->status), l->id,
		               l->pending ? " (pending)" : "");
	}
	qsort(lines, n, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < n; i++) {
		/* Two look-ups of one host that failed alike are one thing to say here. */
		if (i == 0 || strcmp(lines[i], lines[i - 1]) != 0)
			buf_addf(out, "%s%s", out->len > 0 ? ", " : "", lines[i]);
	}
}

static void
run_row(const struct row *r, bool deferred)
{
	struct office o;
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	struct buf zone = {0}, got = {0};

	buf_addf(&zone, "{%s}", r->zone);
	zonetable_open(buf_str(&zone), &t);
	l = zonetable_lookup(&t, deferred);
	if ((r->how & LAB) != 0)
		assert_ok(lookup_nobody(l, "mx.example", "a laboratory", &err), &err);
	office_open(&o, r->how);
	assert_ok(lookup_settle_one(l, verify_subject_check, &o.subject, &err), &err);
	findings_of(&o.subject.report, &got);
	assert_string_equal(buf_str(&got), r->want);
	assert_int_equal(verify_exit(&o.subject.report), r->want_exit);
	/* The counts are those of the lines. */
	assert_int_equal(o.subject.report.count[VERIFY_OK] + o.subject.report.count[VERIFY_NOTE] +
	                         o.subject.report.count[VERIFY_WARN] + o.subject.report.count[VERIFY_UNKNOWN] +
	                         o.subject.report.count[VERIFY_FAIL],
	                 o.subject.report.n);
	office_close(&o);
	lookup_drop(&l);
	zonetable_close(&t);
	buf_release(&got);
	buf_release(&zone);
}

static void
check_row(void **state)
{
	run_row(*state, false);
	run_row(*state, true);
}

static const struct verify_line *
line_of(const struct verify_report *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->items[i].id, id) == 0)
			return &r->items[i];
	}
	fail_msg("no line %s", id);
	abort();
}

static const struct row *
row_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	fail_msg("no row %s", name);
	abort();
}

static void
check(struct office *o, const struct row *r)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	struct buf zone = {0};

	buf_addf(&zone, "{%s}", r->zone);
	zonetable_open(buf_str(&zone), &t);
	l = zonetable_lookup(&t, false);
	if ((r->how & LAB) != 0)
		assert_ok(lookup_nobody(l, "mx.example", "a laboratory", &err), &err);
	office_open(o, r->how);
	assert_ok(lookup_settle_one(l, verify_subject_check, &o->subject, &err), &err);
	lookup_drop(&l);
	zonetable_close(&t);
	buf_release(&zone);
}

static void
verify__a_set_that_is_not_as_intended_shows_expected_seen_and_a_fix(void **state)
{
	const struct verify_line *line;
	struct office o;

	(void)state;
	check(&o, row_of("a policy of none is a fault that waiting does not mend"));
	line = line_of(&o.subject.report, "dmarc-none");
	assert_int_equal(line->group, VERIFY_RECORDS);
	assert_string_equal(line->name, "TXT _dmarc." GET);
	assert_string_equal(line->expected, "\"" POLICY "\"");
	assert_string_equal(line->seen, "\"v=DMARC1; p=none; rua=mailto:postmaster@" GET "\"");
	assert_non_null(strstr(line->fix, "_dmarc." GET ". 3600 IN TXT \"v=DMARC1; p=reject"));
	office_close(&o);
	check(&o, row_of("a missing MX is told once, and waited for"));
	line = line_of(&o.subject.report, "mx-missing");
	assert_string_equal(line->expected, "10 " HOST ".");
	assert_string_equal(line->seen, "no such record");
	assert_string_equal(line->fix, GET ". 3600 IN MX 10 " HOST ".");
	office_close(&o);
}

static void
verify__what_nobody_here_can_know_is_neither_ok_nor_a_fault(void **state)
{
	size_t open = 0;
	struct office o;

	(void)state;
	check(&o, row_of("a mail host that nobody here can know is no fault of a domain at its own server"));
	for (size_t i = 0; i < o.subject.report.n; i++) {
		const struct verify_line *l = &o.subject.report.items[i];

		if (l->group == VERIFY_MX || l->group == VERIFY_REVERSE)
			assert_int_not_equal(l->status, VERIFY_OK);
		open += l->open;
	}
	assert_true(open > 0);
	office_close(&o);
}

/* ---- servers that are not in step ---- */

#define SERVED                                                                                                         \
	"\"NS\": [\"ns1.dnshost.example\", \"ns2.dnshost.example\"], \"SOA\": [\"ns1.dnshost.example. "                \
	"h.dnshost.example. 1 2 3 4 300\"]"
#define APEX_SERVED "\"" GET "\": {" MX ", " SPF ", " SERVED "}"
#define NS_HOSTS                                                                                                       \
	"\"ns1.dnshost.example\": {\"A\": [\"192.0.2.53\"]}, \"ns2.dnshost.example\": {\"A\": [\"192.0.2.54\"]}"

/* What the resolver says, and each of the two servers. */
struct world {
	struct zonetable tables[3];
	struct lookup *lookups[3];
	bool ttl_zero, authority; /* of what the resolver says */
};

static int
answer_of_world(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
                struct err *err)
{
	struct world *w = ctx;
	const size_t i = at == NULL ? 0 : strcmp(at->address, "192.0.2.53") == 0 ? 1 : 2;
	const struct lookup_answer *a = lookup_ask(w->lookups[i], name, type);
	int rc = CR_OK;

	*out = (struct lookup_answer){.state = a->state, .authoritative = i > 0 || w->authority};
	for (size_t k = 0; rc == CR_OK && k < a->records.n; k++)
		rc = records_add_copy(&out->records, &a->records.items[k], err);
	for (size_t k = 0; w->ttl_zero && k < out->records.n; k++)
		out->records.items[k].ttl_s = 0;
	return rc;
}

#define TLSA_UNUSABLE                                                                                                  \
	", \"_25._tcp." HOST "\": {\"TLSA\": [\"1 1 1 "                                                                \
	"0000000000000000000000000000000000000000000000000000000000000000\"]}"

static const struct step_row {
	const char *name;
	unsigned how;
	const char *second; /* what the second server has; the first has all, or as little */
	const char *more;   /* what the resolver has besides */
	const char *want;
	int want_exit;
} step_rows[] = {
  /* clang-format off */
	{"what every server has is published", CONFIGURED | ZONE, APEX_SERVED ", " DMARC, "", "", 0},
	{"what one of them does not have yet is not", CONFIGURED | ZONE, APEX_SERVED, "", "fail propagation (pending)", 75},
	{"what only a cache still has is not either", CONFIGURED | ZONE | ALIKE, APEX_SERVED, "", "fail propagation (pending)", 75},
	{"a domain at its own server needs no other", CONFIGURED | ZONE | AT_SERVER, APEX_SERVED, "", "", 0},
	{"neither does one that nobody configured", ZONE, APEX_SERVED, "", "", 0},
	{"what is asked of mail hosts waits until they are known", CONFIGURED | ZONE, APEX_SERVED ", " DMARC, TLSA_UNUSABLE, "warn dane-usage", 0},
	{"records that live no time are told of the server that has them", CONFIGURED | AT_SERVER | TTL_ZERO | AUTHORITY, APEX_SERVED, "", "warn record-ttl-zero", 0},
	{"a cache in which they run out says nothing of it", CONFIGURED | AT_SERVER | TTL_ZERO, APEX_SERVED, "", "", 0},
	{"names that are not there and still have records are told", CONFIGURED | ZONE, APEX_SERVED ", " DMARC,
	 ", \"verify-knows-no-such-name." GET "\": {\"TXT\": [[\"anything\"]]}", "warn zone-wildcard", 0},
  /* clang-format on */
};

static void
check_step(void **state)
{
	const struct step_row *r = *state;
	const char *zones[] = {NULL, "{" APEX_SERVED ", " DMARC "}", NULL};
	struct buf resolver = {0}, second = {0}, got = {0};
	struct lookup *l = NULL;
	struct world w;
	struct err err = {0};
	struct office o;

	buf_addf(&resolver, "{" APEX_SERVED ", " DMARC ", " MX_HOST ", " PTR ", " NS_HOSTS "%s}", r->more);
	buf_addf(&second, "{%s}", r->second);
	zones[0] = buf_str(&resolver);
	zones[2] = buf_str(&second);
	if ((r->how & ALIKE) != 0)
		zones[1] = zones[2];
	for (size_t i = 0; i < ARRAY_LEN(w.tables); i++) {
		zonetable_open(zones[i], &w.tables[i]);
		w.lookups[i] = zonetable_lookup(&w.tables[i], false);
	}
	w.ttl_zero = (r->how & TTL_ZERO) != 0;
	w.authority = (r->how & AUTHORITY) != 0;
	assert_ok(lookup_open_table(answer_of_world, &w, true, &l, &err), &err);
	office_open(&o, r->how);
	assert_ok(lookup_settle_one(l, verify_subject_check, &o.subject, &err), &err);
	findings_of(&o.subject.report, &got);
	assert_string_equal(buf_str(&got), r->want);
	assert_int_equal(verify_exit(&o.subject.report), r->want_exit);
	office_close(&o);
	lookup_drop(&l);
	for (size_t i = 0; i < ARRAY_LEN(w.tables); i++) {
		lookup_drop(&w.lookups[i]);
		zonetable_close(&w.tables[i]);
	}
	buf_release(&resolver);
	buf_release(&second);
	buf_release(&got);
}

/* ---- a fault is named once ---- */

static void
put(struct verify_report *r, enum verify_group group, enum verify_group topic, enum verify_status status,
    const char *id, const char *about)
{
	char text[64];
	struct err err = {0};
	struct verify_line l = {
		.group = group, .topic = topic, .status = status, .id = id, .name = (char *)(uintptr_t)id};

	(void)snprintf(text, sizeof(text), "text of %s", id);
	l.text = text;
	l.about = (char *)(uintptr_t)about;
	assert_ok(verify_add(r, &l, &err), &err);
}

static void
fold__the_worst_names_the_line_and_the_others_are_told_with_it(void **state)
{
	struct verify_report r = {0};
	struct err err = {0};

	(void)state;
	put(&r, VERIFY_RECORDS, VERIFY_SPF, VERIFY_FAIL, "record-differs", "x.example");
	put(&r, VERIFY_SPF, VERIFY_SPF, VERIFY_WARN, "spf-ptr", "x.example");
	put(&r, VERIFY_SPF, VERIFY_SPF, VERIFY_FAIL, "spf-weak-all", "x.example");
	put(&r, VERIFY_SPF, VERIFY_SPF, VERIFY_WARN, "spf-helo", "mail.example");
	put(&r, VERIFY_DKIM, VERIFY_DKIM, VERIFY_FAIL, "dkim-weak", "k._domainkey.x.example");
	assert_ok(verify_fold(&r, &err), &err);
	assert_int_equal(r.n, 3);
	assert_string_equal(r.items[0].id, "spf-weak-all");
	assert_string_equal(r.items[0].text, "text of spf-weak-all; text of spf-ptr");
	assert_string_equal(r.items[0].also, "spf-ptr");
	assert_int_equal(r.count[VERIFY_FAIL], 2);
	assert_int_equal(r.count[VERIFY_WARN], 1);
	verify_report_release(&r);
}

static void
fold__a_key_joins_its_own_record_only(void **state)
{
	struct verify_report r = {0};
	struct err err = {0};

	(void)state;
	put(&r, VERIFY_RECORDS, VERIFY_DKIM, VERIFY_FAIL, "record-missing", "a._domainkey.x.example");
	put(&r, VERIFY_RECORDS, VERIFY_DKIM, VERIFY_OK, "record", "b._domainkey.x.example");
	put(&r, VERIFY_DKIM, VERIFY_DKIM, VERIFY_FAIL, "dkim-missing", "a._domainkey.x.example");
	put(&r, VERIFY_DKIM, VERIFY_DKIM, VERIFY_FAIL, "dkim-testing", "b._domainkey.x.example");
	assert_ok(verify_fold(&r, &err), &err);
	assert_int_equal(r.n, 3);
	assert_string_equal(r.items[0].id, "dkim-missing");
	assert_int_equal(r.items[1].status, VERIFY_OK);
	assert_string_equal(r.items[2].id, "dkim-testing");
	verify_report_release(&r);
}

static void
fold__a_set_that_was_not_seen_takes_no_fault(void **state)
{
	struct verify_report r = {0};
	struct err err = {0};

	(void)state;
	put(&r, VERIFY_RECORDS, VERIFY_MX, VERIFY_UNKNOWN, "record-unknown", "mail.x.example");
	put(&r, VERIFY_MX, VERIFY_MX, VERIFY_FAIL, "mx-null", NULL);
	put(&r, VERIFY_MX, VERIFY_MX, VERIFY_UNKNOWN, "mx-unknown", NULL);
	assert_ok(verify_fold(&r, &err), &err);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.items[0].status, VERIFY_UNKNOWN);
	assert_string_equal(r.items[1].id, "mx-null");
	verify_report_release(&r);
}

static void
fold__what_is_only_unknown_does_not_name_what_was_seen(void **state)
{
	struct verify_report r = {0};
	struct err err = {0};

	(void)state;
	put(&r, VERIFY_RECORDS, VERIFY_DMARC, VERIFY_FAIL, "record-differs", NULL);
	put(&r, VERIFY_DMARC, VERIFY_DMARC, VERIFY_UNKNOWN, "dmarc-report-unknown", NULL);
	assert_ok(verify_fold(&r, &err), &err);
	assert_int_equal(r.n, 1);
	assert_string_equal(r.items[0].id, "record-differs");
	assert_string_equal(r.items[0].also, "dmarc-report-unknown");
	assert_int_equal(r.items[0].status, VERIFY_FAIL);
	verify_report_release(&r);
}

static void
verify__a_message_that_did_not_pass_is_never_ok(void **state)
{
	struct passed bad = {.line = "spf=none dkim=none dmarc=none"}, good = {.ok = true, .line = "spf=pass"};
	struct verify_report r = {0};
	struct err err = {0};

	(void)state;
	assert_ok(verify_add_passed(&r, &bad, &err), &err);
	assert_int_equal(r.count[VERIFY_FAIL], 1);
	assert_int_equal(r.count[VERIFY_OK], 0);
	assert_string_equal(line_of(&r, "message-verdicts")->text, "spf=none dkim=none dmarc=none");
	verify_report_release(&r);
	assert_ok(verify_add_passed(&r, &good, &err), &err);
	assert_int_equal(r.count[VERIFY_FAIL], 0);
	assert_int_equal(r.count[VERIFY_OK], 1);
	verify_report_release(&r);
}

static const struct exit_row {
	const char *name;
	size_t fail, pending, unknown, warn;
	int want;
} exit_rows[] = {
	{"nothing found is 0",                      0, 0, 0, 0, 0 },
	{"warnings are 0",                          0, 0, 0, 3, 0 },
	{"what is only not published yet is 75",    2, 2, 0, 1, 75},
	{"what is unknown is 75",                   0, 0, 1, 0, 75},
	{"a fault that waiting does not mend is 1", 1, 0, 0, 0, 1 },
	{"whatever else is not there yet",          3, 2, 0, 0, 1 },
	{"or unknown",			      1, 0, 4, 0, 1 },
};

static void
check_exit(void **state)
{
	const struct exit_row *e = *state;
	const struct verify_report r = {
		.count = {[VERIFY_FAIL] = e->fail,
	                  [VERIFY_UNKNOWN] = e->unknown,
	                  [VERIFY_WARN] = e->warn,
	                  [VERIFY_OK] = 5},
		.pending = e->pending,
	};

	assert_int_equal(verify_exit(&r), e->want);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, step_rows, check_step);
	ROWS(tests, n, exit_rows, check_exit);
	TEST(tests, n, verify__a_set_that_is_not_as_intended_shows_expected_seen_and_a_fix);
	TEST(tests, n, verify__what_nobody_here_can_know_is_neither_ok_nor_a_fault);
	TEST(tests, n, verify__a_message_that_did_not_pass_is_never_ok);
	TEST(tests, n, fold__the_worst_names_the_line_and_the_others_are_told_with_it);
	TEST(tests, n, fold__a_key_joins_its_own_record_only);
	TEST(tests, n, fold__a_set_that_was_not_seen_takes_no_fault);
	TEST(tests, n, fold__what_is_only_unknown_does_not_name_what_was_seen);
	return rows_run("provision/verify", tests, n);
}
