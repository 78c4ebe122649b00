/*
 * test_intent.c - what the configuration asks for, and the primary domain that nobody may ask for.
 */
#include "tests/lib/ground.h"

#include "core/file.h"

/* --- the primary ---------------------------------------------------------------------------------------------------- */

#define OTHER_TENANT                                                                                                   \
	"{ name = \"" GET "\"; }); }, { primary = \"B\xc3\xbc"                                                         \
	"cher.example\"; zone = \"mem\"; mail_host = \"own\"; domains = ({ name = \"buchpost.example\"; }); }, { "     \
	"primary = \"mail.contoso.example\"; domains = ("

/* Asked for on the command line: none of these names may reach a provider. */
static const struct asked {
	const char *name;
	const char *domain;
	const char *says;
} asked[] = {
  /* clang-format off */
	{"the primary is refused", "northwind.example", "is the primary domain northwind.example"},
	{"the primary in capitals is refused", "NORTHWIND.EXAMPLE", "is the primary domain northwind.example"},
	{"the primary with a final dot is refused", "northwind.example.", "is the primary domain northwind.example"},
	{"the primary in capitals with a final dot is refused", "NorthWind.Example.", "is the primary domain northwind.example"},
	{"the primary with an ideographic full stop is refused", "northwind\xe3\x80\x82" "example", "is the primary domain northwind.example"},
	{"the primary in full-width letters is refused", "\xef\xbd\x8eorthwind.example", "is the primary domain northwind.example"},
	{"a name in the primary is refused", "mail.northwind.example", "lies in the primary domain northwind.example"},
	{"a name far down in the primary is refused", "a.b.c.northwind.example", "lies in the primary domain northwind.example"},
	{"a parent of a primary is refused", "contoso.example", "holds the primary domain mail.contoso.example"},
	{"another tenant's primary is refused as a U-label", "b\xc3\xbc" "cher.example", "is the primary domain xn--bcher-kva.example"},
	{"another tenant's primary is refused as a U-label in capitals", "B\xc3\x9c" "CHER.Example", "is the primary domain xn--bcher-kva.example"},
	{"another tenant's primary is refused decomposed", "bu\xcc\x88" "cher.example", "is the primary domain xn--bcher-kva.example"},
	{"another tenant's primary is refused as an A-label", "XN--BCHER-KVA.example", "is the primary domain xn--bcher-kva.example"},
	{"a name in another tenant's primary is refused", "shop.b\xc3\xbc" "cher.example", "lies in the primary domain xn--bcher-kva.example"},
  /* clang-format on */
};

static void
assert_no_calls(void)
{
	/* The reverse zone of the ground is the test's own create. */
	assert_int_equal(memory_calls(MEMORY_OBSERVE), 0);
	assert_int_equal(memory_calls(MEMORY_CREATE), 1);
	assert_int_equal(memory_calls(MEMORY_CHANGE), 0);
	assert_int_equal(memory_calls(MEMORY_REMOVE), 0);
}

static void
assert_nothing_made(const struct ground *g)
{
	char path[96];

	assert_no_calls();
	(void)snprintf(path, sizeof(path), "%s/mail", g->dir);
	assert_int_not_equal(access(path, F_OK), 0);
	(void)snprintf(path, sizeof(path), "%s/store.db", g->dir);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
intent__primary_asked_for_is_refused(void **state)
{
	const struct asked *a = *state;
	struct ground g;
	struct session s;
	struct run r = {0};

	ground_open(&g, OTHER_TENANT);
	s = ground_session(&g);
	assert_ok(run_open(&s, PRIMARY, &r, &g.err), &g.err);
	assert_int_equal(run_add(&r, a->domain, &g.err), CR_EREFUSED);
	assert_non_null(strstr(g.err.text, a->says));
	assert_int_equal(r.n, 0);
	run_release(&r);
	/* As teardown and verify open it. */
	assert_int_equal(run_open_domain(&s, a->domain, INTENT_PROVIDERS, &r, &g.err), CR_EREFUSED);
	assert_non_null(strstr(g.err.text, a->says));
	run_release(&r);
	session_release(&s);
	assert_nothing_made(&g);
	ground_close(&g);
}

/* Written into the configuration as an outreach domain. */
static const struct configured {
	const char *name;
	const char *domains;
} configured[] = {
  /* clang-format off */
	{"a primary configured as an outreach domain is refused", "{ name = \"northwind.example\"; }"},
	{"a primary configured in capitals, with a dot, is refused", "{ name = \"" GET "\"; }, { name = \"NORTHWIND.example.\"; }"},
	{"a name in the primary, configured, is refused", "{ name = \"" GET "\"; }, { name = \"go.northwind.example\"; }"},
	{"a parent of a primary, configured, is refused",
	 "{ name = \"contoso.example\"; }); }, { primary = \"mail.contoso.example\"; domains = ("},
	{"another tenant's primary, configured, is refused", "{ name = \"xn--bcher-kva.example\"; }); }, { primary = \"b\xc3\xbc"
	 "cher.example\"; domains = ("},
  /* clang-format on */
};

static void
intent__primary_configured_is_refused(void **state)
{
	const struct configured *c = *state;
	struct ground g;
	struct ground_outcome o;

	ground_open(&g, c->domains);
	o = ground_provision(&g);
	assert_int_equal(o.rc, CR_EREFUSED);
	assert_non_null(strstr(o.text, "primary domain"));
	assert_nothing_made(&g);
	ground_close(&g);
}

/* What is near a primary's name without being it, below it or above it. */
static void
intent__a_name_like_the_primary_is_no_primary(void **state)
{
	static const char *const names[] = {"getnorthwind.example", "northwind.example.net", "xnorthwind.example",
	                                    "northwind.examples"};
	struct intent_tenant tenant = {.primary = PRIMARY};
	const struct intent i = {.tenants = &tenant, .n_tenants = 1};
	struct err err = {0};

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		assert_ok(intent_guard_primary(&i, names[n], &err), &err);
}

/* --- the configuration ---------------------------------------------------------------------------------------------- */

static const struct fault {
	const char *name;
	const char *domains; /* NULL: as ever */
	const char *more;
	int code;
	const char *says; /* on standard error, or in the error */
} faults[] = {
  /* clang-format off */
	{"a domain that stands twice is a fault", "{ name = \"" GET "\"; }, { name = \"GetNorthwind.example.\"; }", NULL, CR_ECONFIG, "stands twice"},
	{"a domain of two tenants is a fault", "{ name = \"" GET "\"; }); }, { primary = \"other.example\"; domains = ({ name = \"" GET "\"; }", NULL,
	 CR_ECONFIG, "stands twice"},
	{"a zone provider that is not there is a fault", "{ name = \"" GET "\"; zone = \"nowhere\"; }", NULL, CR_ECONFIG,
	 "no zone provider is named 'nowhere'"},
	{"a mail host that is not there is a fault", "{ name = \"" GET "\"; mail_host = \"nowhere\"; }", NULL, CR_ECONFIG,
	 "no mail host is named 'nowhere'"},
	{"an address owner that is not there is a fault", "{ name = \"" GET "\"; reverse = \"nowhere\"; }", NULL, CR_ECONFIG,
	 "no address owner is named 'nowhere'"},
	{"DMARC none is a fault", "{ name = \"" GET "\"; dmarc = \"none\"; }", NULL, CR_ECONFIG, "must be reject or quarantine"},
	{"a mailbox that stands twice is a fault", "{ name = \"" GET "\"; mailboxes = ({ local = \"anna\"; }, { local = \"Anna\"; }); }", NULL, CR_ECONFIG,
	 "stands twice"},
	{"a local part that is none is a fault", "{ name = \"" GET "\"; mailboxes = ({ local = \"an na@x\"; }); }", NULL, CR_ECONFIG,
	 "is no local part"},
	{"a name that is no host name is a fault", "{ name = \"get_northwind..example\"; }", NULL, CR_ECONFIG, "name"},
	{"a misspelled key is a fault that names the near one", "{ name = \"" GET "\"; mailboxs = (); }", NULL, CR_ECONFIG, "mailboxes"},
	{"a report address that is none is a fault", "{ name = \"" GET "\"; rua = \"reports\"; }", NULL, CR_ECONFIG, "rua: 'reports' is no mail address"},
	{"a report address cannot smuggle in a policy", "{ name = \"" GET "\"; rua = \"a@" GET "; p=none\"; }", NULL, CR_ECONFIG, "is no mail address"},
	{"a TLS report address cannot smuggle in a second", "{ name = \"" GET "\"; tls_rua = \"a@" GET ",mailto:b@x.example\"; }", NULL, CR_ECONFIG,
	 "is no mail address"},
	{"a TTL of nothing is a fault", "{ name = \"" GET "\"; ttl = 0; }", NULL, CR_ECONFIG, "ttl"},
	{"a budget above four is a fault", NULL, "limits = { total = 5; };", CR_ECONFIG, "total"},
  /* clang-format on */
};

/* Run intent_read with standard error in a file; its text goes to out. */
static int
read_quietly(struct session *s, const char *dir, struct intent *i, struct buf *out, struct err *err)
{
	char path[96];
	int saved, rc;

	(void)snprintf(path, sizeof(path), "%s/stderr", dir);
	(void)fflush(stderr);
	saved = dup(STDERR_FILENO);
	assert_non_null(freopen(path, "w", stderr));
	rc = intent_read(s, i, err);
	(void)fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(file_read(path, 1 << 16, out, NULL), CR_OK);
	return rc;
}

static void
intent__fault(void **state)
{
	const struct fault *f = *state;
	struct intent i = {0};
	struct buf said = {0};
	struct session s;
	struct ground g;

	ground_open(&g, f->domains);
	ground_configure(&g, f->domains, f->more);
	s = ground_session(&g);
	assert_int_equal(read_quietly(&s, g.dir, &i, &said, &g.err), f->code);
	if (strstr(buf_str(&said), f->says) == NULL && strstr(g.err.text, f->says) == NULL)
		fail_msg("'%s' is not in: %s%s", f->says, buf_str(&said), g.err.text);
	assert_int_equal(i.n_tenants, 0);
	buf_release(&said);
	session_release(&s);
	assert_no_calls();
	ground_close(&g);
}

static void
intent__every_fault_is_told_at_once(void **state)
{
	struct intent i = {0};
	struct buf said = {0};
	struct session s;
	struct ground g;

	(void)state;
	ground_open(&g, "{ name = \"" GET "\"; dmarc = \"none\"; zone = \"nowhere\"; }, { name = \"" TRY
	                "\"; mail_host = \"gone\"; }");
	s = ground_session(&g);
	assert_int_equal(read_quietly(&s, g.dir, &i, &said, &g.err), CR_ECONFIG);
	assert_non_null(strstr(buf_str(&said), "must be reject or quarantine"));
	assert_non_null(strstr(buf_str(&said), "'nowhere'"));
	assert_non_null(strstr(buf_str(&said), "'gone'"));
	assert_non_null(strstr(g.err.text, "3 faults"));
	buf_release(&said);
	session_release(&s);
	ground_close(&g);
}

static void
intent__domain_wins_over_tenant(void **state)
{
	struct intent_domain *d = NULL;
	struct intent i = {0};
	struct session s;
	struct ground g;

	(void)state;
	ground_open(&g, "{ name = \"GETnorthwind.example.\"; ttl = 7200; dmarc = \"quarantine\"; closing_period = "
	                "\"30d\"; mailboxes = ({ local = "
	                "\"Carl\"; }); }, { name = \"" TRY "\"; ed25519 = true; }");
	s = ground_session(&g);
	assert_ok(intent_read(&s, &i, &g.err), &g.err);
	assert_int_equal(i.n_tenants, 1);
	d = intent_domain_anywhere(&i, GET);
	assert_non_null(d);
	assert_int_equal(intent_ttl_s(d), 7200);
	assert_string_equal(intent_dmarc_policy(d), "quarantine");
	assert_int_equal(intent_closing_s(d), 30 * 86400);
	assert_false(intent_ed25519(d));
	assert_int_equal(d->n_mailboxes, 1);
	assert_string_equal(d->mailboxes[0].address, "carl@" GET);
	d = intent_domain_anywhere(&i, TRY);
	assert_non_null(d);
	assert_int_equal(intent_ttl_s(d), 3600);
	assert_string_equal(intent_dmarc_policy(d), "reject");
	assert_int_equal(intent_closing_s(d), 60 * 86400);
	assert_true(intent_ed25519(d));
	assert_int_equal(d->n_mailboxes, 2);
	assert_string_equal(d->mailboxes[1].address, "ben@" TRY);
	assert_null(intent_domain_anywhere(&i, "unknown.example"));
	intent_release(&i);
	session_release(&s);
	ground_close(&g);
}

static void
intent__an_unknown_tenant_names_the_nearest(void **state)
{
	struct session s;
	struct run r = {0};
	struct ground g;

	(void)state;
	ground_open(&g, NULL);
	s = ground_session(&g);
	assert_int_equal(run_open(&s, "northwnd.example", &r, &g.err), CR_EUSAGE);
	assert_non_null(strstr(g.err.text, "did you mean northwind.example"));
	run_release(&r);
	session_release(&s);
	ground_close(&g);
}

static void
intent__another_tenants_domain_is_refused(void **state)
{
	struct session s;
	struct run r = {0};
	struct ground g;

	(void)state;
	ground_open(&g, OTHER_TENANT);
	s = ground_session(&g);
	assert_ok(run_open(&s, PRIMARY, &r, &g.err), &g.err);
	assert_int_equal(run_add(&r, "buchpost.example", &g.err), CR_EREFUSED);
	assert_int_equal(run_add(&r, "unknown.example", &g.err), CR_EUSAGE);
	assert_no_calls();
	run_release(&r);
	session_release(&s);
	ground_close(&g);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, asked, intent__primary_asked_for_is_refused);
	ROWS(tests, n, configured, intent__primary_configured_is_refused);
	TEST(tests, n, intent__a_name_like_the_primary_is_no_primary);
	ROWS(tests, n, faults, intent__fault);
	TEST(tests, n, intent__every_fault_is_told_at_once);
	TEST(tests, n, intent__domain_wins_over_tenant);
	TEST(tests, n, intent__an_unknown_tenant_names_the_nearest);
	TEST(tests, n, intent__another_tenants_domain_is_refused);
	return rows_run("provision/intent", tests, n);
}
