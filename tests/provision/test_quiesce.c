/*
 * test_quiesce.c - which state becomes what at a mail host, whom it concerns, and what one failure leaves of the others.
 */
#include "tests/lib/ground.h"

#include "core/lock.h"
#include "provision/quiesce.h"

/* A mail host that notes what it is told: "+GET" may send, "-GET" may not. */
static struct mailhost_driver fake;
static char told[512];
static struct ground g;
static const char *deaf; /* domain that it cannot be told about */

static int
fake_open(const struct mailhost_env *env, const void *settings, void **ctx_out, struct err *err)
{
	(void)env, (void)settings, (void)err;
	*ctx_out = told;
	return CR_OK;
}

static void
fake_drop(void *ctx)
{
	(void)ctx;
}

static int
fake_facts(void *ctx, struct mailhost_facts *out, struct err *err)
{
	(void)ctx, (void)err;
	*out = (struct mailhost_facts){.warm_up_s = 1};
	return CR_OK;
}

static int
fake_quiesce(void *ctx, const char *domain, bool off, struct err *err)
{
	const size_t len = strlen(told);

	(void)ctx;
	if (deaf != NULL && strcmp(deaf, domain) == 0)
		return err_set(err, CR_EIO, "disk full");
	(void)snprintf(told + len, sizeof(told) - len, "%c%s ", off ? '-' : '+', domain);
	return CR_OK;
}

struct asked {
	const char *const *names;
	size_t n;
	const char *tenant;
	bool far;  /* the mail host is on another machine */
	bool mute; /* it cannot be told at all */
};

static int
sync_now(struct ground *at, struct asked a, struct quiesce *q)
{
	struct session s = ground_session(at);
	struct intent intent = {0};
	int rc;

	told[0] = '\0';
	fake = mailhost_local;
	fake.open = fake_open;
	fake.drop = fake_drop;
	fake.facts = fake_facts;
	fake.quiesce = a.mute ? NULL : fake_quiesce;
	fake.caps = a.far ? 0 : MAILHOST_CAP_QUIESCE_CHEAP;
	assert_ok(intent_read(&s, &intent, &at->err), &at->err);
	for (size_t i = 0; i < intent.n_hosts; i++)
		intent.hosts[i].driver = &fake;
	assert_ok(session_store(&s, DB_READ, &at->err), &at->err);
	*q = (struct quiesce){.session = &s, .intent = &intent, .names = a.names, .n_names = a.n, .tenant = a.tenant};
	rc = quiesce_sync(q, &at->err);
	q->session = NULL;
	q->intent = NULL;
	intent_release(&intent);
	session_release(&s);
	return rc;
}

static void
assert_told(struct ground *at, struct asked a, const char *want)
{
	struct quiesce q;

	assert_ok(sync_now(at, a, &q), &at->err);
	assert_string_equal(told, want);
}

static void
set_state(struct ground *at, const char *sql)
{
	struct db *db = ground_db(at);

	assert_ok(db_begin(db, &at->err), &at->err);
	assert_ok(db_exec(db, sql, DB_NO_ARGS, NULL, &at->err), &at->err);
	assert_ok(db_end(db, CR_OK, &at->err), &at->err);
	db_drop(&db);
}

/* Provisioned once: what a test changes, the next one finds undone. */
static void
ready(void)
{
	static bool made;
	struct ground_outcome o;

	if (!made) {
		ground_open(&g, NULL);
		o = ground_provision(&g);
		assert_done(&o);
		made = true;
	}
	set_state(&g, "UPDATE domain SET state = 'active'");
	set_state(&g, "UPDATE tenant SET frozen_cause = NULL");
	ground_configure(&g, NULL, NULL);
}

/* What the store says of GET, while TRY may send; and what its mail host hears. */
struct state_row {
	const char *name, *sql, *want;
};
static const struct state_row state_rows[] = {
	{"a domain in its warm-up may send",                 "UPDATE domain SET state = 'warming' WHERE name = '" GET "'",
         "+" GET " +" TRY " "														  },
	{"an active domain may send",                        "UPDATE domain SET state = 'active' WHERE name = '" GET "'",
         "+" GET " +" TRY " "														  },
	{"a frozen domain may not send",                     "UPDATE domain SET state = 'frozen' WHERE name = '" GET "'",
         "-" GET " +" TRY " "														  },
	{"a burned domain may not send",                     "UPDATE domain SET state = 'burned' WHERE name = '" GET "'",
         "-" GET " +" TRY " "														  },
	{"a closing domain may not send",                    "UPDATE domain SET state = 'closing' WHERE name = '" GET "'",
         "-" GET " +" TRY " "														  },
	{"nothing is told of a domain that is only planned",
         "UPDATE domain SET state = 'planned' WHERE name = '" GET "'",                                                     "+" TRY " "         },
	{"nothing is told of a domain that is being made",
         "UPDATE domain SET state = 'provisioning' WHERE name = '" GET "'",                                                "+" TRY " "         },
	{"nothing is told of a parked domain",               "UPDATE domain SET state = 'parked' WHERE name = '" GET "'",
         "+" TRY " "															   },
	{"no domain of a frozen tenant may send",            "UPDATE tenant SET frozen_cause = 'account'",                 "-" GET " -" TRY " "},
};

static void
check_state(void **state)
{
	const struct state_row *r = *state;

	ready();
	set_state(&g, r->sql);
	assert_told(&g, (struct asked){0}, r->want);
}

static void
quiesce__those_who_are_named_are_told(void **state)
{
	static const char *const try[] = {TRY}, *const primary[] = {PRIMARY}, *const other[] = {"other.example"};

	(void)state;
	ready();
	assert_told(&g, (struct asked){.names = try, .n = 1}, "+" TRY " ");
	assert_told(&g, (struct asked){.names = primary, .n = 1}, "+" GET " +" TRY " ");
	assert_told(&g, (struct asked){.names = other, .n = 1}, "");
	assert_told(&g, (struct asked){.tenant = PRIMARY}, "+" GET " +" TRY " ");
	assert_told(&g, (struct asked){.tenant = "other.example"}, "");
}

static void
quiesce__a_host_elsewhere_is_told_by_name_only(void **state)
{
	static const char *const get[] = {GET};

	(void)state;
	ready();
	assert_told(&g, (struct asked){.far = true}, "");
	assert_told(&g, (struct asked){.far = true, .names = get, .n = 1}, "+" GET " ");
	assert_told(&g, (struct asked){.mute = true, .names = get, .n = 1}, "");
}

static void
quiesce__one_that_fails_does_not_keep_the_others(void **state)
{
	struct quiesce q;

	(void)state;
	ready();
	set_state(&g, "UPDATE domain SET state = 'frozen'");
	deaf = GET;
	assert_int_equal(sync_now(&g, (struct asked){0}, &q), CR_ERETRY);
	deaf = NULL;
	assert_string_equal(told, "-" TRY " ");
	assert_int_equal(q.n_failed, 1);
	assert_int_equal(q.n_refused, 1);
	assert_int_equal(q.n_open, 0);
}

static void
quiesce__a_domain_out_of_the_configuration_keeps_nobody(void **state)
{

	(void)state;
	ready();
	ground_configure(&g, "{ name = \"" TRY "\"; }", "");
	set_state(&g, "UPDATE domain SET state = 'frozen'");
	assert_told(&g, (struct asked){0}, "-" TRY " ");
}

/* Two at once could carry an older state over a newer one. */
static void
quiesce__waits_for_another_one(void **state)
{
	struct lock *lock = NULL;
	struct quiesce q;
	char path[STORE_PATH_MAX + 16];

	(void)state;
	ready();
	(void)snprintf(path, sizeof(path), "%s.quiesce", g.store);
	assert_ok(lock_open(path, &lock, &g.err), &g.err);
	assert_ok(lock_take(lock, &g.clock.clock, 0, "test", &g.err), &g.err);
	assert_int_equal(sync_now(&g, (struct asked){0}, &q), CR_ERETRY);
	assert_string_equal(told, "");
	lock_drop(&lock);
	assert_told(&g, (struct asked){0}, "+" GET " +" TRY " ");
}

int
main(void)
{
	struct CMUnitTest tests[24];
	size_t n = 0;
	int failed;

	ROWS(tests, n, state_rows, check_state);
	TEST(tests, n, quiesce__those_who_are_named_are_told);
	TEST(tests, n, quiesce__a_host_elsewhere_is_told_by_name_only);
	TEST(tests, n, quiesce__one_that_fails_does_not_keep_the_others);
	TEST(tests, n, quiesce__a_domain_out_of_the_configuration_keeps_nobody);
	TEST(tests, n, quiesce__waits_for_another_one);
	failed = rows_run("provision/quiesce", tests, n);
	ground_close(&g);
	return failed;
}
