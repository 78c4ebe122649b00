/*
 * test_reverse.c - whole runs whose sending address belongs to a cloud: the PTR is set by its calls, once the name leads there, and undone.
 */
#include "tests/lib/ground.h"

#include "core/file.h"
#include "tests/lib/fake.h"

#define HOST  "mail.relay.example"
#define READY "{\"resolves\":{\"" HOST "\":\"198.51.100.10\"}}"
/* What an option of the fake is set back to between tests. */
#define CALM                                                                                                           \
	"{\"resolves\":{},\"label_first\":true,\"polls\":0,\"fail\":null,\"quiet\":false,\"revoked\":false,"           \
	"\"unlimited\":true,"                                                                                          \
	"\"expires_in\":3600,"                                                                                         \
	"\"token_uses\":0,\"preset\":{\"mailip\":{\"dnsSettings\":{},\"publicIPAllocationMethod\":\"Static\","         \
	"\"ipAddress\":\"198.51.100.10\"}}}"
#define RUNS_MAX 5
#define NTH_MAX  14

static struct fake fake;
static bool up;

static void
replace(struct buf *text, const char *from, const char *upto, const char *with)
{
	const char *at = strstr(buf_str(text), from), *end;
	struct buf b = {0};

	assert_non_null(at);
	end = strstr(at, upto);
	assert_non_null(end);
	buf_add(&b, buf_str(text), (size_t)(at - buf_str(text)));
	buf_adds(&b, with);
	buf_adds(&b, end + strlen(upto));
	buf_release(text);
	*text = b;
}

/* One domain, whose mail host has its address at Azure. */
static void
open_on(struct ground *g, const char *options, const char *more)
{
	char owner[1024], key[128], tenant[64], client[64], subscription[64];
	struct buf text = {0};

	fake_tell(&fake, "reset", "");
	fake_tell(&fake, "options", CALM);
	fake_tell(&fake, "options", options);
	ground_open(g, "{ name = \"" GET "\"; }");
	(void)setenv("COLDRELAY_TEST_AZURE_KEY", fake_value(&fake, "API_KEY", key, sizeof(key)), 1);
	(void)snprintf(owner, sizeof(owner),
	               "addresses = ({ name = \"ptr\"; driver = \"azure\"; url = \"%s\"; login_url = \"%s\"; tenant_id "
	               "= \"%s\"; "
	               "client_id = \"%s\"; client_secret = \"env:COLDRELAY_TEST_AZURE_KEY\"; subscription = \"%s\"; "
	               "resource_group = \"rg1\"; %s });",
	               fake.url, fake.url, fake_value(&fake, "TENANT", tenant, sizeof(tenant)),
	               fake_value(&fake, "CLIENT", client, sizeof(client)),
	               fake_value(&fake, "SUBSCRIPTION", subscription, sizeof(subscription)),
	               more != NULL ? more : "public_ip = \"mailip\";");
	assert_ok(file_read(g->config, 1 << 16, &text, &g->err), &g->err);
	replace(&text, "addresses = ({", "});", owner);
	replace(&text, "192.0.2.10", "\"", "198.51.100.10\"");
	assert_ok(file_replace(g->config, buf_str(&text), text.len, 0600, FILE_OWNER_SELF, &g->err), &g->err);
	buf_release(&text);
}

/* A member of what the fake's address has set: "" nothing.  Into out, which is returned. */
static const char *
setting_of(const char *address, const char *key, char *out, size_t size)
{
	struct json *json = fake_ask(&fake, "state");
	struct json_at root = json_root(json), addresses = json_get(&root, "addresses"),
		       a = json_get(&addresses, address);
	struct json_at at = json_get(&a, key);
	const char *text = "";
	struct err err = {0};

	assert_non_null(a.node);
	assert_ok(json_opt_string(&at, "", &text, &err), &err);
	(void)snprintf(out, size, "%s", text);
	json_drop(&json);
	return out;
}

static void
assert_setting(const char *key, const char *want)
{
	char text[300];

	assert_string_equal(setting_of("mailip", key, text, sizeof(text)), want);
}

static bool
has_our_label(void)
{
	char text[300];

	return strncmp(setting_of("mailip", "domainNameLabel", text, sizeof(text)), "coldrelay-", 10) == 0;
}

static int64_t
calls(const char *route)
{
	struct json *json = fake_ask(&fake, "counts");
	struct json_at root = json_root(json), by = json_get(&root, "by");
	int64_t n = 0, one = 0;

	for (size_t i = 0; i < json_count(&by); i++) {
		const char *key = NULL;
		struct json_at at = json_member(&by, i, &key);

		if (strncmp(key, route, strlen(route)) == 0 && json_want_int(&at, 0, INT32_MAX, &one, NULL) == CR_OK)
			n += one;
	}
	json_drop(&json);
	return n;
}

#define SKIP_WHERE_MISSING()                                                                                           \
	do {                                                                                                           \
		if (!up) {                                                                                             \
			print_message("left out: %s\n", fake.server.why);                                              \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static void
reverse__is_set_in_two_calls_and_undone(void **state)
{
	struct ground g;
	struct ground_outcome o;
	int64_t before;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, READY, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	assert_setting("reverseFqdn", HOST ".");
	assert_true(has_our_label());
	assert_int_equal(calls("PUT"), 2);
	/* A run that changes nothing looks once, with a token of its own. */
	before = fake_count(&fake, "requests");
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(o.planned, 0);
	assert_int_equal(fake_count(&fake, "requests") - before, 2);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_setting("reverseFqdn", "");
	assert_false(has_our_label());
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
	ground_close(&g);
}

static void
reverse__needs_one_call_under_a_label_of_others_which_stays(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g,
	        "{\"preset\":{\"mailip\":{\"dnsSettings\":{\"domainNameLabel\":\"theirs\","
	        "\"domainNameLabelScope\":\"TenantReuse\",\"fqdn\":\"theirs.westeurope.cloudapp.azure.com\"}}}}",
	        NULL);
	/* Refused, and nothing done: no intention stays open. */
	o = ground_provision(&g);
	assert_int_equal(o.failed, CR_ERETRY);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
	fake_tell(&fake, "reset", "");
	fake_tell(&fake, "options", READY);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(calls("PUT"), 1);
	assert_setting("reverseFqdn", HOST ".");
	assert_setting("domainNameLabel", "theirs");
	assert_setting("domainNameLabelScope", "TenantReuse");
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_setting("reverseFqdn", "");
	assert_setting("domainNameLabel", "theirs");
	assert_setting("domainNameLabelScope", "TenantReuse");
	ground_close(&g);
}

static void
reverse__waits_for_the_name_and_goes_on_later(void **state)
{
	struct ground g;
	struct ground_outcome o;
	int64_t slept;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, "{}", "public_ips = [ \"198.51.100.10=mailip\", \"198.51.100.11=mailip2\" ]; wait = \"60s\";");
	slept = g.clock.slept_ms;
	o = ground_provision(&g);
	assert_true(o.failed != CR_OK);
	assert_non_null(strstr(o.text, "does not see yet that " HOST " leads to 198.51.100.10"));
	assert_in_range(g.clock.slept_ms - slept, 30000, 60000);
	assert_setting("reverseFqdn", "");
	fake_tell(&fake, "options", READY);
	o = ground_provision(&g);
	assert_done(&o);
	assert_setting("reverseFqdn", HOST ".");
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_setting("reverseFqdn", "");
	assert_false(has_our_label());
	ground_close(&g);
}

/* The label of a PTR that never came is ours all the same. */
static void
reverse__leaves_no_label_behind(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, "{}", "public_ip = \"mailip\"; wait = 0;");
	o = ground_provision(&g);
	assert_true(o.failed != CR_OK);
	assert_true(has_our_label());
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_false(has_our_label());
	ground_close(&g);
}

static void
reverse__of_others_is_a_conflict_and_stays(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g,
	        "{\"resolves\":{\"" HOST
	        "\":\"198.51.100.10\"},\"preset\":{\"mailip\":{\"dnsSettings\":{\"reverseFqdn\":\"other.example.\"}}}}",
	        NULL);
	o = ground_provision(&g);
	assert_int_equal(o.refused, 1);
	assert_int_equal(calls("PUT"), 0);
	assert_setting("reverseFqdn", "other.example.");
	ground_close(&g);
}

/* Ours by the look of it, and not in the journal. */
static void
reverse__that_others_set_to_the_same_name_is_not_removed(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g,
	        "{\"resolves\":{\"" HOST
	        "\":\"198.51.100.10\"},\"preset\":{\"mailip\":{\"dnsSettings\":{\"reverseFqdn\":\"" HOST ".\"}}}}",
	        NULL);
	o = ground_provision(&g);
	assert_done(&o);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_int_equal(calls("PUT"), 0);
	assert_setting("reverseFqdn", HOST ".");
	ground_close(&g);
}

/* After it was set somebody gave the address another name: that is theirs. */
static void
reverse__that_others_changed_is_left_to_them(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, READY, NULL);
	o = ground_provision(&g);
	assert_done(&o);
	fake_tell(&fake, "options", "{\"preset\":{\"mailip\":{\"dnsSettings\":{\"reverseFqdn\":\"other.example.\"}}}}");
	o = ground_provision(&g);
	assert_int_equal(o.refused, 1);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_setting("reverseFqdn", "other.example.");
	ground_close(&g);
}

/* Between our look and our write. */
static void
reverse__that_others_set_meanwhile_is_a_conflict(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, READY, NULL);
	fake_tell(&fake, "options", "{\"meddle\":{\"reverseFqdn\":\"other.example.\"}}");
	o = ground_provision(&g);
	assert_int_equal(o.failed, CR_ECONFLICT);
	assert_non_null(strstr(o.text, "other.example"));
	assert_setting("reverseFqdn", "other.example.");
	ground_close(&g);
}

static void
reverse__is_written_over_no_other_change(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, READY, NULL);
	fake_tell(&fake, "options", "{\"meddle\":{\"domainNameLabel\":\"theirs\"}}");
	o = ground_provision(&g);
	assert_done(&o);
	assert_setting("domainNameLabel", "theirs");
	assert_setting("reverseFqdn", HOST ".");
	fake_tell(&fake, "options", "{\"meddle\":{\"domainNameLabel\":\"theirs\",\"reverseFqdn\":\"other.example.\"}}");
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_setting("domainNameLabel", "theirs");
	assert_setting("reverseFqdn", "other.example.");
	ground_close(&g);
}

static const struct unfit {
	const char *name, *preset, *more, *says;
} unfits[] = {
	{"a dynamic address gets no PTR",                      "\"publicIPAllocationMethod\":\"Dynamic\"", NULL,                       "make it static"          },
	{"another address than the configured one gets none",  "\"ipAddress\":\"203.0.113.1\"",            NULL,
         "has the address 203.0.113.1"															   },
	{"an address that no resource is named for gets none", "\"ipTags\":[]",
         "public_ips = [ \"203.0.113.9=mailip\" ];",										   "not among the public IPs"},
	{"a resource that is not there is told",               "\"ipTags\":[]",                            "public_ip = \"nowhere\";", "ResourceNotFound"        },
};

static void
check_unfit(void **state)
{
	const struct unfit *r = *state;
	struct ground g;
	struct session s;
	struct run run = {0};
	char options[300];
	bool told = false;

	SKIP_WHERE_MISSING();
	(void)snprintf(options, sizeof(options), "{\"preset\":{\"mailip\":{%s}}}", r->preset);
	open_on(&g, options, r->more);
	s = ground_session(&g);
	assert_ok(run_open(&s, PRIMARY, &run, &g.err), &g.err);
	assert_ok(run_add_all(&run, &g.err), &g.err);
	assert_ok(run_store(&run, false, &g.err), &g.err);
	assert_ok(run_plan(&run, &g.err), &g.err);
	assert_int_equal(run.plans[0].n_refused, 1);
	for (size_t i = 0; i < run.plans[0].n_steps; i++)
		told = told || (run.plans[0].steps[i].status == PLAN_REFUSED &&
		                strstr(run.plans[0].steps[i].detail, r->says) != NULL);
	assert_true(told);
	assert_int_equal(calls("PUT"), 0);
	run_release(&run);
	session_release(&s);
	ground_close(&g);
}

static const struct wrong {
	const char *name, *more, *says;
} wrongs[] = {
	{"an owner without a resource is a fault",               "",								  "name the public IP resource"},
	{"a list without names is a fault",                      "public_ips = [ \"198.51.100.10\" ];",                               "must be ADDRESS=NAME"       },
	{"a list with a name in place of an address is a fault", "public_ips = [ \"mailip=198.51.100.10\" ];",
         "must be ADDRESS=NAME"																    },
	{"settings of another owner are a fault",                "public_ip = \"mailip\"; reverse_zones = [ \"" REVERSE_ZONE "\" ];",
         "reverse_zones"																	   },
};

static void
check_wrong(void **state)
{
	const struct wrong *r = *state;
	struct ground g;
	struct session s;
	struct run run = {0};

	SKIP_WHERE_MISSING();
	open_on(&g, "{}", r->more);
	s = ground_session(&g);
	assert_int_equal(run_open(&s, PRIMARY, &run, &g.err), CR_ECONFIG);
	assert_non_null(strstr(cfg_faults(s.cfg), r->says));
	run_release(&run);
	session_release(&s);
	ground_close(&g);
}

static void
reverse__the_plan_tells_of_the_label_and_of_port_25(void **state)
{
	struct ground g;
	struct session s;
	struct run run = {0};
	bool label = false, port = false;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, READY, NULL);
	s = ground_session(&g);
	assert_ok(run_open(&s, PRIMARY, &run, &g.err), &g.err);
	assert_ok(run_add_all(&run, &g.err), &g.err);
	assert_ok(run_store(&run, false, &g.err), &g.err);
	assert_ok(run_plan(&run, &g.err), &g.err);
	for (size_t i = 0; i < run.plans[0].n_steps; i++) {
		const struct plan_step *step = &run.plans[0].steps[i];

		label = label ||
		        (step->part == PLAN_REVERSE && strstr(step->detail, "after its label coldrelay-") != NULL);
		port = port || (step->part == PLAN_NOTE && strstr(step->detail, "port 25") != NULL);
	}
	assert_true(label);
	assert_true(port);
	run_release(&run);
	session_release(&s);
	ground_close(&g);
}

static void
reverse__a_revoked_token_stops_with_one_line(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, "{\"revoked\":true}", NULL);
	o = ground_provision(&g);
	assert_int_equal(o.failed, CR_EAUTH);
	assert_non_null(strstr(o.text, "a fresh token is not accepted"));
	assert_int_equal(calls("PUT"), 0);
	ground_close(&g);
}

static void
reverse__an_operation_that_fails_is_told_and_tried_again(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, "{\"resolves\":{\"" HOST "\":\"198.51.100.10\"},\"polls\":3,\"fail\":\"InternalServerError\"}",
	        NULL);
	o = ground_provision(&g);
	assert_true(o.failed != CR_OK);
	assert_non_null(strstr(o.text, "InternalServerError"));
	fake_tell(&fake, "options", "{\"fail\":null}");
	o = ground_provision(&g);
	assert_done(&o);
	assert_setting("reverseFqdn", HOST ".");
	ground_close(&g);
}

/* ---- cut off, refused, lost: at each request, in each way ---- */

/* clang-format off */
static const struct fault {
	const char *name, *kind;
} faults[] = {
	{"a request that is throttled", "\"kind\":\"status\",\"status\":429,\"headers\":{\"Retry-After\":\"1\"}"},
	{"a request that meets trouble of the server", "\"kind\":\"status\",\"status\":500"},
	{"a request that is not heard", "\"kind\":\"refuse\""},
	{"a request whose answer is lost", "\"kind\":\"lose\""},
	{"a request that gets a sign-in page", "\"kind\":\"page\""},
};
/* clang-format on */

/* The PTR alone, as apply and teardown do it: no keys, no zones. */
static int
turn(struct ground *g, bool away, struct err *err)
{
	const struct plan_reverse r = {.address = "198.51.100.10", .create = true};
	struct session s = ground_session(g);
	struct run run = {0};
	struct journal j;
	int rc;

	assert_ok(run_open(&s, PRIMARY, &run, &g->err), &g->err);
	assert_ok(run_add_all(&run, &g->err), &g->err);
	assert_ok(run_store(&run, true, &g->err), &g->err);
	assert_ok(journal_open(run.env.db, run.env.vault, g->time, PRIMARY, &j, &g->err), &g->err);
	rc = apply_reverse(&j, &run.plans[0], &r, away, err);
	run_release(&run);
	session_release(&s);
	return rc;
}

/* Turns until one succeeds. */
static void
settle(struct ground *g, bool away)
{
	struct err err = {0};

	for (int i = 0; i < RUNS_MAX; i++) {
		const int rc = turn(g, away, &err);

		if (rc == CR_OK)
			return;
		if (rc != CR_ERETRY && rc != CR_EUNKNOWN)
			fail_msg("told as %s: %s", err_code_name(rc), err.text);
	}
	fail_msg("does not end: %s", err.text);
}

static void
assert_ptr(bool there)
{
	assert_setting("reverseFqdn", there ? HOST "." : "");
	assert_int_equal((int)has_our_label(), (int)there);
}

static void
meet(const struct fault *f, int nth)
{
	char text[256];

	fake_tell(&fake, "reset", "");
	(void)snprintf(text, sizeof(text), "[{\"on\":\".\",\"nth\":%d,%s}]", nth, f->kind);
	fake_tell(&fake, "faults", text);
}

static void
check_fault(void **state)
{
	const struct fault *f = *state;
	struct ground g;

	SKIP_WHERE_MISSING();
	open_on(&g, "{\"resolves\":{\"" HOST "\":\"198.51.100.10\"},\"polls\":1}", NULL);
	for (int nth = 1; nth <= NTH_MAX; nth++) {
		meet(f, nth);
		settle(&g, false);
		assert_ptr(true);
		if (nth == NTH_MAX)
			assert_in_range(fake_count(&fake, "requests"), 6, NTH_MAX - 1);
		meet(f, nth);
		settle(&g, true);
		assert_ptr(false);
		assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
	}
	ground_close(&g);
}

/* The owner has a plan of its own by now: what stands there when it is done counts. */
static void
reverse__that_others_set_after_the_plan_is_a_conflict(void **state)
{
	struct ground g;
	struct err err = {0};

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g,
	        "{\"resolves\":{\"" HOST
	        "\":\"198.51.100.10\"},\"preset\":{\"mailip\":{\"dnsSettings\":{\"reverseFqdn\":\"other.example.\"}}}}",
	        NULL);
	assert_int_equal(turn(&g, false, &err), CR_ECONFLICT);
	assert_non_null(strstr(err.text, "other.example"));
	assert_setting("reverseFqdn", "other.example.");
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM journal"), 0);
	ground_close(&g);
}

/* What is being done to the resource is waited for, also where only the resource tells of it. */
static void
reverse__waits_while_the_address_is_being_changed(void **state)
{
	struct ground g;
	struct err err = {0};

	(void)state;
	SKIP_WHERE_MISSING();
	open_on(&g, "{\"resolves\":{\"" HOST "\":\"198.51.100.10\"},\"polls\":3,\"quiet\":true}",
	        "public_ip = \"mailip\"; wait = 0;");
	assert_ok(turn(&g, false, &err), &err);
	assert_ptr(true);
	assert_ok(turn(&g, true, &err), &err);
	assert_ptr(false);
	ground_close(&g);
}

static int
set_up(void **state)
{
	(void)state;
	up = fake_open(&fake, "azure --option unlimited=true --option check_tokens=true");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (up)
		fake_close(&fake);
	return 0;
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	TEST(tests, n, reverse__is_set_in_two_calls_and_undone);
	TEST(tests, n, reverse__needs_one_call_under_a_label_of_others_which_stays);
	TEST(tests, n, reverse__waits_for_the_name_and_goes_on_later);
	TEST(tests, n, reverse__leaves_no_label_behind);
	TEST(tests, n, reverse__of_others_is_a_conflict_and_stays);
	TEST(tests, n, reverse__that_others_set_to_the_same_name_is_not_removed);
	TEST(tests, n, reverse__that_others_changed_is_left_to_them);
	TEST(tests, n, reverse__that_others_set_meanwhile_is_a_conflict);
	TEST(tests, n, reverse__is_written_over_no_other_change);
	ROWS(tests, n, unfits, check_unfit);
	ROWS(tests, n, wrongs, check_wrong);
	TEST(tests, n, reverse__the_plan_tells_of_the_label_and_of_port_25);
	TEST(tests, n, reverse__a_revoked_token_stops_with_one_line);
	TEST(tests, n, reverse__an_operation_that_fails_is_told_and_tried_again);
	TEST(tests, n, reverse__that_others_set_after_the_plan_is_a_conflict);
	TEST(tests, n, reverse__waits_while_the_address_is_being_changed);
	ROWS(tests, n, faults, check_fault);
	return _cmocka_run_group_tests("provision/reverse", tests, n, set_up, tear_down);
}
