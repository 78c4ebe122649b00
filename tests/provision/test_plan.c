/*
 * test_plan.c - wanted records against what stands in the zone: only what is ours changes, and nothing is overwritten.
 *
 * The wanted set is the built-in template's, so that the conflicts are those of real runs: MX, SPF, DMARC and one DKIM key.
 */
#include "tests/lib/rows.h"

#include "dns/zonetext.h"
#include "provision/plan.h"

#define DOMAIN "getnorthwind.example"
#define TTL_S  3600

static struct dkim_public public_key, other_key;

static const struct row {
	const char *name;
	bool provisioned;    /* all wanted records stand there and are ours */
	int64_t ttl_s;       /* wanted now; 0: as ever */
	const char *foreign; /* lines of others; KEY, OTHER, SPLIT and PRESENTED stand for key records (spell) */
	const char *ours;    /* lines we made some time */
	size_t creates, deletes, ttls, refused, same;
	const char *says; /* in some step's name and detail */
} rows[] = {
  /* clang-format off */
	{"an empty zone gets every record", false, 0, "", "", 4, 0, 0, 0, 0, "record MX " DOMAIN},
	{"what is there and ours needs nothing", true, 0, "", "", 0, 0, 0, 0, 4, NULL},

	{"a foreign A at another name is none of ours", true, 0, "www 300 IN A 192.0.2.80", "", 0, 0, 0, 0, 4, NULL},
	{"a foreign wildcard survives", true, 0, "* 300 IN A 192.0.2.99\n* 300 IN TXT \"v=spf1 +all\"\n* 300 IN MX 1 mx.other.example.", "",
	 0, 0, 0, 0, 4, NULL},
	{"a foreign TXT beside SPF survives", true, 0, "@ 300 IN TXT \"google-site-verification=x\"", "", 0, 0, 0, 0, 4, NULL},
	{"a foreign A at the domain stands beside our MX", false, 0, "@ 300 IN A 192.0.2.80", "", 4, 0, 0, 0, 0, NULL},

	{"a foreign MX of the same name is refused", false, 0, "@ 300 IN MX 5 mx.other.example.", "", 3, 0, 0, 1, 0,
	 "conflict: another value stands there, and it is not ours: 5 mx.other.example."},
	{"a foreign MX that came later is refused too", true, 0, "@ 300 IN MX 5 mx.other.example.", "", 0, 0, 0, 1, 3, "another value"},
	{"a CNAME at the domain stands in the way of all there", false, 0, "@ 300 IN CNAME other.example.", "", 2, 0, 0, 2, 0,
	 "a CNAME stands at the name"},
	{"a CNAME at the key's name is refused", false, 0, "cr202511a._domainkey 300 IN CNAME k.other.example.", "", 3, 0, 0, 1, 0,
	 "a CNAME stands at the name"},
	{"a second SPF record is refused", false, 0, "@ 300 IN TXT \"v=spf1 include:other.example ~all\"", "", 3, 0, 0, 1, 0,
	 "another SPF record stands there"},
	{"a second SPF record in capitals is refused", false, 0, "@ 300 IN TXT \"V=SPF1 mx -all\"", "", 3, 0, 0, 1, 0, "another SPF record"},
	{"a second SPF record, split, is refused", false, 0, "@ 300 IN TXT \"v=sp\" \"f1 mx -all\"", "", 3, 0, 0, 1, 0, "another SPF record"},
	{"what only begins like SPF is no SPF", false, 0, "@ 300 IN TXT \"v=spf10 mx -all\"", "", 4, 0, 0, 0, 0, NULL},
	{"a second DMARC record is refused", false, 0, "_dmarc 300 IN TXT \"v=DMARC1; p=none\"", "", 3, 0, 0, 1, 0,
	 "another record of its kind stands there"},
	{"a second DMARC record in small letters is refused", false, 0, "_dmarc 300 IN TXT \"v=dmarc1; p=none\"", "", 3, 0, 0, 1, 0,
	 "another record of its kind"},
	{"a foreign TXT at _dmarc that is no DMARC survives", false, 0, "_dmarc 300 IN TXT \"hello\"", "", 4, 0, 0, 0, 0, NULL},
	{"another key at our selector is refused", false, 0, "cr202511a._domainkey 300 IN TXT OTHER", "", 3, 0, 0, 1, 0,
	 "another TXT stands there"},
	{"a revoked key at our selector is refused", false, 0, "cr202511a._domainkey 300 IN TXT \"v=DKIM1; p=\"", "", 3, 0, 0, 1, 0,
	 "another TXT stands there"},
	{"a foreign selector survives", true, 0, "google._domainkey 300 IN TXT OTHER", "", 0, 0, 0, 0, 4, NULL},
	{"a delegation above the key is refused", false, 0, "_domainkey 300 IN NS ns.other.example.", "", 3, 0, 0, 1, 0,
	 "the name is delegated away"},
	{"a delegation beside us is none of ours", false, 0, "lab 300 IN NS ns.other.example.", "", 4, 0, 0, 0, 0, NULL},
	{"the zone's own name servers are no delegation", false, 0, "@ 300 IN NS ns9.other.example.", "", 4, 0, 0, 0, 0, NULL},

	{"the same key in other pieces needs nothing", false, 0, "", "cr202511a._domainkey 3600 IN TXT SPLIT", 3, 0, 0, 0, 1, NULL},
	{"the same key with escapes and other tags' order needs nothing", false, 0, "", "cr202511a._domainkey 3600 IN TXT PRESENTED", 3, 0, 0, 0,
	 1, NULL},
	{"the same key by somebody else needs nothing", false, 0, "cr202511a._domainkey 300 IN TXT SPLIT", "", 3, 0, 0, 0, 1,
	 "there already, not ours"},
	{"the same MX by somebody else needs nothing", false, 0, "@ 300 IN MX 10 mail.relay.example.", "", 3, 0, 0, 0, 1,
	 "there already, not ours"},
	{"names in capitals are the same names", false, 0, "", "@ 3600 IN MX 10 MAIL.Relay.EXAMPLE.", 3, 0, 0, 0, 1, NULL},

	{"another TTL is a change of the TTL only", true, 7200, "", "", 0, 0, 4, 0, 0, "TTL 3600 to 7200"},
	{"another TTL of somebody else's record is left", false, 0, "@ 300 IN MX 10 mail.relay.example.", "", 3, 0, 0, 0, 1, NULL},

	{"a stale record of ours is deleted", true, 0, "", "_smtp._tls 3600 IN TXT \"v=TLSRPTv1; rua=mailto:a@b.example\"", 0, 1, 0, 0, 4,
	 "record TXT _smtp._tls." DOMAIN},
	{"a stale record of others stays", true, 0, "_smtp._tls 3600 IN TXT \"v=TLSRPTv1; rua=mailto:a@b.example\"", "", 0, 0, 0, 0, 4, NULL},
	{"a stale MX of ours makes way for the new one", false, 0, "", "@ 3600 IN MX 10 old.relay.example.", 4, 1, 0, 0, 0, "10 old.relay.example."},
	{"a stale SPF record of ours makes way for the new one", false, 0, "", "@ 3600 IN TXT \"v=spf1 ip4:192.0.2.9 -all\"", 4, 1, 0, 0, 0, NULL},
	{"a stale record of ours goes, a foreign one beside it stays", true, 0, "old 300 IN TXT \"theirs\"", "old 300 IN TXT \"ours\"", 0, 1, 0, 0,
	 4, NULL},
	{"a stale CNAME of ours goes before the MX comes", false, 0, "", "_dmarc 3600 IN CNAME old.relay.example.", 4, 1, 0, 0, 0, NULL},
  /* clang-format on */
};

/* --- a plan to decide on -------------------------------------------------------------------------------------------- */

static char address_1[] = "192.0.2.10";
static char *addresses[] = {address_1};
static struct mail_host host = {
	.driver = &mailhost_local,
	.facts = {.template_name = "local", .host = "mail.relay.example", .addresses = {addresses, 1}}
};
static struct intent_tenant tenant = {
	.primary = "northwind.example", .defaults = {.ttl_s = -1, .warm_up_s = -1, .closing_s = -1}
};
static struct intent_domain domain = {
	.name = DOMAIN, .tenant = &tenant, .host = &host, .own = {.warm_up_s = -1, .closing_s = -1}
};
static struct intent intent = {.tenants = &tenant, .n_tenants = 1};

/* The key's record as a line's RDATA: in pieces of ten bytes, or with every other byte as \DDD and the tags turned around. */
static void
spell(const char *how, struct buf *out)
{
	const struct dkim_public *k = strcmp(how, "OTHER") == 0 ? &other_key : &public_key;
	struct buf text = {0};

	dkim_record_text(k, "s", &text);
	if (strcmp(how, "PRESENTED") == 0) {
		const char *p = strstr(buf_str(&text), "p=");

		buf_addf(out, "\"");
		for (size_t i = 0; p[i] != '\0'; i++)
			if (i % 2 == 0)
				buf_addf(out, "\\%03d", (unsigned char)p[i]);
			else
				buf_addc(out, p[i]);
		buf_adds(out, ";  t=s ; k=ed25519\"");
	} else {
		for (size_t i = 0; i < text.len; i += 10)
			buf_addf(out, "\"%.10s\" ", buf_str(&text) + i);
	}
	buf_release(&text);
}

static void
read_lines(const char *lines, struct records *out)
{
	static const char *const words[] = {"OTHER", "SPLIT", "PRESENTED"};
	struct err err = {0};
	struct buf b = {0};
	const char *at = lines, *word = NULL;
	size_t w;

	for (w = 0; w < ARRAY_LEN(words) && word == NULL; w++)
		word = strstr(lines, words[w]);
	if (word != NULL) {
		buf_add(&b, lines, (size_t)(word - lines));
		spell(words[w - 1], &b);
		at = word + strlen(words[w - 1]);
	}
	buf_adds(&b, at);
	assert_ok(zonetext_read(buf_str(&b), b.len, "row", DOMAIN, out, &err), &err);
	buf_release(&b);
}

/* Everything in `lines` stands in the zone; ours: and was made by us. */
static void
stand(struct plan *p, const char *lines, bool ours)
{
	struct records l = {0};
	struct err err = {0};

	read_lines(lines, &l);
	for (size_t i = 0; i < l.n; i++) {
		assert_ok(records_add_copy(&p->zone.records, &l.items[i], &err), &err);
		if (ours)
			assert_ok(records_add_copy(&p->owned.records, &l.items[i], &err), &err);
	}
	records_release(&l);
}

static void
want(struct plan *p, int64_t ttl_s)
{
	static const char *const no_dirs[] = {NULL};
	struct key key = {.selector = "cr202511a", .state = KEY_ACTIVE, .public = public_key};
	const struct keys keys = {.items = &key, .n = 1};
	struct err err = {0};

	domain.own.ttl_s = ttl_s;
	assert_ok(want_make(&intent, &domain, &keys, NULL, no_dirs, &p->want, &err), &err);
}

static void
plan_of(const struct row *r, struct plan *p)
{
	struct err err = {0};

	*p = (struct plan){.domain = &domain, .zone.exists = true};
	stand(p, "@ 3600 IN SOA ns1 hostmaster 1 7200 1800 1209600 300\n@ 3600 IN NS ns1.relay.example.", false);
	want(p, TTL_S);
	for (size_t i = 0; r->provisioned && i < p->want.records.n; i++) {
		const struct record *made = &p->want.records.items[i].record;

		assert_ok(records_add_copy(&p->zone.records, made, &err), &err);
		assert_ok(records_add_copy(&p->owned.records, made, &err), &err);
	}
	stand(p, r->foreign, false);
	stand(p, r->ours, true);
	if (r->ttl_s != 0) {
		want_release(&p->want);
		want(p, r->ttl_s);
	}
}

/* --- the promises --------------------------------------------------------------------------------------------------- */

static size_t
count_op(const struct plan *p, enum set_op op)
{
	size_t n = 0;

	for (size_t i = 0; i < p->diff.n; i++)
		n += p->diff.items[i].op == op;
	return n;
}

static void
assert_says(const struct plan *p, const char *text)
{
	for (size_t i = 0; i < p->n_steps; i++)
		if (strstr(p->steps[i].step, text) != NULL || strstr(p->steps[i].detail, text) != NULL)
			return;
	fail_msg("no step says '%s'", text);
}

static void
plan__records(void **state)
{
	const struct row *r = *state;
	struct err err = {0};
	struct plan p;
	size_t same = 0;

	plan_of(r, &p);
	assert_ok(plan_decide_records(&p, &err), &err);
	for (size_t i = 0; i < p.n_steps; i++)
		same += p.steps[i].change == PLAN_NONE;
	assert_int_equal(count_op(&p, SET_CREATE), r->creates);
	assert_int_equal(count_op(&p, SET_DELETE), r->deletes);
	assert_int_equal(count_op(&p, SET_TTL), r->ttls);
	assert_int_equal(p.n_refused, r->refused);
	assert_int_equal(p.n_changes, r->creates + r->deletes + r->ttls);
	assert_int_equal(same, r->same);
	if (r->says != NULL)
		assert_says(&p, r->says);
	/* Whatever the row: nothing that is not ours is touched, and deletes come before creates. */
	for (size_t i = 0; i < p.diff.n; i++) {
		const struct set_change *c = &p.diff.items[i];

		if (c->op != SET_CREATE)
			assert_non_null(records_find(&p.owned.records, &c->record));
		if (i > 0)
			assert_true(p.diff.items[i - 1].op <= c->op || c->op == SET_TTL ||
			            p.diff.items[i - 1].op == SET_TTL);
	}
	plan_release(&p);
}

/* Sets that are more than their values stand in the zone without a record. */
static const struct fixed_row {
	const char *name, *owner;
	uint16_t type;
	size_t creates, refused;
} fixed_rows[] = {
	{"an alias of another type stands beside ours",                  DOMAIN,        RECORD_A,     4, 0},
	{"an answer by a policy in our place is refused",                DOMAIN,        RECORD_MX,    3, 1},
	{"a CNAME by a policy at the domain is in the way of all there", DOMAIN,        RECORD_CNAME, 2, 2},
	{"an alias at another name is none of ours",                     "www." DOMAIN, RECORD_A,     4, 0},
};

static void
plan__fixed(void **state)
{
	const struct fixed_row *r = *state;
	const struct row empty = {.foreign = "", .ours = ""};
	struct err err = {0};
	struct plan p;

	plan_of(&empty, &p);
	assert_ok(zone_state_add_fixed(&p.zone, r->owner, r->type, "an alias", &err), &err);
	assert_ok(plan_decide_records(&p, &err), &err);
	assert_int_equal(count_op(&p, SET_CREATE), r->creates);
	assert_int_equal(p.n_refused, r->refused);
	if (r->refused > 0)
		assert_says(&p, "conflict: an alias stands there, and it is not ours");
	plan_release(&p);
}

/* RFC 2181 s5.2: an RRset has one TTL; joining one of others, ours must not move theirs. */
static void
plan__a_record_beside_others_takes_their_ttl(void **state)
{
	const struct row beside = {.foreign = "@ 300 IN TXT \"somebody else's\"", .ours = ""};
	struct err err = {0};
	struct plan p;
	size_t seen = 0;

	(void)state;
	plan_of(&beside, &p);
	assert_ok(plan_decide_records(&p, &err), &err);
	for (size_t i = 0; i < p.diff.n; i++) {
		const struct record *r = &p.diff.items[i].record;

		assert_int_equal(p.diff.items[i].op, SET_CREATE);
		if (r->type == RECORD_TXT && strcmp(r->owner, DOMAIN) == 0) {
			assert_int_equal(r->ttl_s, 300);
			seen++;
		} else {
			assert_int_equal(r->ttl_s, TTL_S);
		}
	}
	assert_int_equal(seen, 1);
	plan_release(&p);
}

/* Deciding again, as after keys were made, is deciding once. */
static void
plan__records_decided_again_are_the_same(void **state)
{
	struct err err = {0};

	(void)state;
	for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
		struct plan once, again;

		plan_of(&rows[r], &once);
		plan_of(&rows[r], &again);
		assert_ok(plan_decide_records(&once, &err), &err);
		assert_ok(plan_decide_records(&again, &err), &err);
		set_diff_release(&again.diff);
		assert_ok(plan_redecide_records(&again, &err), &err);
		assert_int_equal(once.n_steps, again.n_steps);
		assert_int_equal(once.n_changes, again.n_changes);
		assert_int_equal(once.n_refused, again.n_refused);
		for (size_t i = 0; i < once.n_steps; i++)
			assert_string_equal(once.steps[i].step, again.steps[i].step);
		plan_release(&once);
		plan_release(&again);
	}
}

int
main(void)
{
	struct CMUnitTest tests[96];
	struct secret *pem = NULL, *other_pem = NULL;
	struct err err = {0};
	size_t n = 0;
	int failed;

	if (dkim_generate(DKIM_ED25519, &pem, &public_key, &err) != CR_OK ||
	    dkim_generate(DKIM_ED25519, &other_pem, &other_key, &err) != CR_OK)
		return 1;
	ROWS(tests, n, rows, plan__records);
	ROWS(tests, n, fixed_rows, plan__fixed);
	TEST(tests, n, plan__a_record_beside_others_takes_their_ttl);
	TEST(tests, n, plan__records_decided_again_are_the_same);
	failed = rows_run("provision/plan", tests, n);
	secret_drop(&pem);
	secret_drop(&other_pem);
	return failed;
}
