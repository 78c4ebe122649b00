/*
 * test_want.c - the records a domain should have, whatever the configuration asks for; and never one in the primary's zone.
 */
#include "tests/lib/rows.h"

#include "dns/zonetext.h"
#include "provision/want.h"

#define PRIMARY "northwind.example"
#define GET     "getnorthwind.example"
#define TRY     "trynorthwind.example"

static const char *const no_dirs[] = {NULL};
static struct dkim_public rsa_key, ed25519_key;

static const struct row {
	const char *name;
	struct intent_defaults own;
	const char *host;         /* NULL: outside */
	const char *addresses[3]; /* of the host */
	size_t n_addresses;
	const char *sibling_rua; /* rua of TRY */
	const char *has;         /* a record that must be there */
	const char *has_not;     /* text that no record may hold */
	size_t records;          /* without keys; 0: not looked at */
	const char *note;        /* in some note; NULL: there is none */
} rows[] = {
  /* clang-format off */
	{.name = "MX, SPF and DMARC are there, and no more", .has = GET ". 3600 IN MX 10 mail.relay.example.", .records = 3},
	{.name = "SPF names the host's address and ends in -all", .has = GET ". 3600 IN TXT \"v=spf1 ip4:192.0.2.10 -all\""},
	{.name = "SPF names addresses of both families", .addresses = {"192.0.2.10", "2001:db8::1"}, .n_addresses = 2,
	 .has = GET ". 3600 IN TXT \"v=spf1 ip4:192.0.2.10 ip6:2001:db8::1 -all\""},
	{.name = "DMARC rejects, subdomains and unknown names too",
	 .has = "_dmarc." GET ". 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; rua=mailto:postmaster@" GET "\""},
	{.name = "DMARC quarantines where that is asked for, never less", .own = {.dmarc = (char *)(uintptr_t) "quarantine"},
	 .has = "_dmarc." GET ". 3600 IN TXT \"v=DMARC1; p=quarantine; sp=quarantine; np=quarantine; adkim=s; aspf=r; rua=mailto:postmaster@" GET "\"",
	 .has_not = "p=none"},
	{.name = "the TTL is the configured one", .own = {.ttl_s = 7200}, .has = GET ". 7200 IN MX 10 mail.relay.example."},
	{.name = "TLS reports are asked for where they are wanted", .own = {.tls_rua = (char *)(uintptr_t) "tls@" GET},
	 .has = "_smtp._tls." GET ". 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tls@" GET "\"", .records = 4},
	{.name = "a host inside the domain has its addresses there", .host = "mx." GET, .addresses = {"192.0.2.10", "2001:db8::1"}, .n_addresses = 2,
	 .has = "mx." GET ". 3600 IN AAAA 2001:db8::1", .records = 5},
	{.name = "a host in the primary's zone gets no record there", .host = "mx." PRIMARY, .has = GET ". 3600 IN MX 10 mx." PRIMARY ".", .records = 3},
	{.name = "reports to the primary are an instruction, not a record", .own = {.rua = (char *)(uintptr_t) "dmarc@" PRIMARY}, .records = 3,
	 .has_not = "_report._dmarc", .note = GET "._report._dmarc." PRIMARY ". 3600 IN TXT \"v=DMARC1\""},
	{.name = "reports to a stranger are an instruction, not a record", .own = {.rua = (char *)(uintptr_t) "x@reports.contoso.example"}, .records = 3,
	 .has_not = "_report._dmarc", .note = GET "._report._dmarc.reports.contoso.example."},
	{.name = "reports to a sibling need no instruction", .own = {.rua = (char *)(uintptr_t) "dmarc@" TRY}, .records = 3, .has_not = "_report._dmarc"},
	{.name = "a sibling's reports are authorised here", .sibling_rua = "dmarc@" GET, .has = TRY "._report._dmarc." GET ". 3600 IN TXT \"v=DMARC1\"",
	 .records = 4},
  /* clang-format on */
};

struct office {
	struct mail_host host;
	struct intent_tenant tenant;
	struct intent_domain domains[2];
	struct intent intent;
	char *addresses[3];
};

static void
office_open(struct office *o, const struct row *r)
{
	*o = (struct office){.host.facts.template_name = "local"};
	(void)snprintf(o->host.facts.host, sizeof(o->host.facts.host), "%s",
	               r->host != NULL ? r->host : "mail.relay.example");
	for (size_t i = 0; i < r->n_addresses; i++)
		o->addresses[i] = strdup(r->addresses[i]);
	if (r->n_addresses == 0)
		o->addresses[0] = strdup("192.0.2.10");
	o->host.driver = &mailhost_local;
	o->host.facts.addresses =
		(struct cfg_list){.items = o->addresses, .n = r->n_addresses != 0 ? r->n_addresses : 1};
	(void)snprintf(o->tenant.primary, sizeof(o->tenant.primary), PRIMARY);
	o->tenant.defaults = (struct intent_defaults){.ttl_s = -1, .warm_up_s = -1, .closing_s = -1};
	o->tenant.domains = o->domains;
	o->tenant.n_domains = 2;
	o->domains[0] = (struct intent_domain){.name = GET, .tenant = &o->tenant, .host = &o->host, .own = r->own};
	if (r->own.ttl_s == 0)
		o->domains[0].own.ttl_s = -1;
	o->domains[1] = (struct intent_domain){.name = TRY, .tenant = &o->tenant, .host = &o->host, .own.ttl_s = -1};
	o->domains[1].own.rua = r->sibling_rua != NULL ? strdup(r->sibling_rua) : NULL;
	o->intent = (struct intent){.tenants = &o->tenant, .n_tenants = 1};
}

static void
office_close(struct office *o)
{
	for (size_t i = 0; i < ARRAY_LEN(o->addresses); i++)
		free(o->addresses[i]);
	free(o->domains[1].own.rua);
}

static void
lines_of(const struct want *w, struct buf *out)
{
	for (size_t i = 0; i < w->records.n; i++) {
		record_format(&w->records.items[i].record, out);
		buf_addc(out, '\n');
	}
}

static void
want__records(void **state)
{
	const struct row *r = *state;
	const struct keys no_keys = {0};
	struct err err = {0};
	struct want w = {0};
	struct buf lines = {0};
	struct office o;

	office_open(&o, r);
	assert_ok(want_make(&o.intent, &o.domains[0], &no_keys, NULL, no_dirs, &w, &err), &err);
	lines_of(&w, &lines);
	if (r->has != NULL && strstr(buf_str(&lines), r->has) == NULL)
		fail_msg("'%s' is not in:\n%s", r->has, buf_str(&lines));
	if (r->has_not != NULL && strstr(buf_str(&lines), r->has_not) != NULL)
		fail_msg("'%s' is in:\n%s", r->has_not, buf_str(&lines));
	if (r->records != 0)
		assert_int_equal(w.records.n, r->records);
	assert_int_equal(w.n_notes, r->note != NULL ? 1 : 0);
	if (r->note != NULL)
		assert_non_null(strstr(w.notes[0].text, r->note));
	/* Whatever the row: all of it lies in the domain itself. */
	for (size_t i = 0; i < w.records.n; i++) {
		assert_true(name_is_under(w.records.items[i].record.owner, GET));
		assert_false(name_is_under(w.records.items[i].record.owner, PRIMARY));
	}
	buf_release(&lines);
	want_release(&w);
	office_close(&o);
}

static void
want__every_published_key_has_its_record(void **state)
{
	struct key items[] = {
		{.selector = "cr202510a",  .state = KEY_RETIRED, .public = rsa_key    },
		{.selector = "cr202511a",  .state = KEY_ACTIVE,  .public = rsa_key    },
		{.selector = "cr202511ea", .state = KEY_NEXT,    .public = ed25519_key},
	};
	const struct keys keys = {.items = items, .n = ARRAY_LEN(items)};
	const struct row plain = {0};
	struct err err = {0};
	struct want w = {0};
	struct office o;

	(void)state;
	office_open(&o, &plain);
	assert_ok(want_make(&o.intent, &o.domains[0], &keys, NULL, no_dirs, &w, &err), &err);
	assert_int_equal(w.records.n, 3 + keys.n);
	for (size_t k = 0; k < keys.n; k++) {
		char owner[256];
		size_t found = 0;

		(void)snprintf(owner, sizeof(owner), "%.63s._domainkey." GET, items[k].selector);
		for (size_t i = 0; i < w.records.n; i++) {
			const struct record *r = &w.records.items[i].record;
			bool revoked, testing;
			struct dkim_public got;

			if (strcmp(r->owner, owner) != 0)
				continue;
			assert_ok(dkim_record_parse(record_text(r), &got, &revoked, &testing, &err), &err);
			assert_true(dkim_same_key(&got, &items[k].public) && !revoked && !testing);
			found++;
		}
		assert_int_equal(found, 1);
	}
	want_release(&w);
	office_close(&o);
}

static void
want__a_parked_name_sends_and_takes_nothing(void **state)
{
	static const char *const lines_wanted[] = {
		GET ". 3600 IN MX 0 .",
		GET ". 3600 IN TXT \"v=spf1 -all\"",
		"_dmarc." GET ". 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject\"",
		"*._domainkey." GET ". 3600 IN TXT \"v=DKIM1; p=\"",
	};
	const struct row plain = {0};
	struct err err = {0};
	struct want w = {0};
	struct buf lines = {0};
	struct office o;

	(void)state;
	office_open(&o, &plain);
	assert_ok(want_parked(&o.domains[0], no_dirs, &w, &err), &err);
	lines_of(&w, &lines);
	assert_int_equal(w.records.n, ARRAY_LEN(lines_wanted));
	for (size_t i = 0; i < ARRAY_LEN(lines_wanted); i++)
		if (strstr(buf_str(&lines), lines_wanted[i]) == NULL)
			fail_msg("'%s' is not in:\n%s", lines_wanted[i], buf_str(&lines));
	buf_release(&lines);
	want_release(&w);
	office_close(&o);
}

static void
want__what_cannot_be_filled_is_refused_whole(void **state)
{
	static const struct {
		struct intent_defaults own;
		int code;
	} bad[] = {
		{{.template = (char *)(uintptr_t) "no-such-template"}, CR_ENOTFOUND},
		{{.rua = (char *)(uintptr_t) "no address"},            CR_ECONFIG  },
		{{.rua = (char *)(uintptr_t) "x@not..a.host"},         CR_ECONFIG  },
	};
	const struct keys no_keys = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct row r = {.own = bad[i].own};
		struct err err = {0};
		struct want w = {0};
		struct office o;

		office_open(&o, &r);
		assert_int_equal(want_make(&o.intent, &o.domains[0], &no_keys, NULL, no_dirs, &w, &err), bad[i].code);
		assert_true(err.text[0] != '\0');
		assert_int_equal(w.records.n + w.n_notes, 0);
		want_release(&w);
		office_close(&o);
	}
}

int
main(void)
{
	struct CMUnitTest tests[24];
	struct secret *pem = NULL, *other_pem = NULL;
	struct err err = {0};
	size_t n = 0;
	int failed;

	if (dkim_generate(DKIM_RSA, &pem, &rsa_key, &err) != CR_OK ||
	    dkim_generate(DKIM_ED25519, &other_pem, &ed25519_key, &err) != CR_OK)
		return 1;
	ROWS(tests, n, rows, want__records);
	TEST(tests, n, want__every_published_key_has_its_record);
	TEST(tests, n, want__a_parked_name_sends_and_takes_nothing);
	TEST(tests, n, want__what_cannot_be_filled_is_refused_whole);
	failed = rows_run("provision/want", tests, n);
	secret_drop(&pem);
	secret_drop(&other_pem);
	return failed;
}
