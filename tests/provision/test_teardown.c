/*
 * test_teardown.c - closing, waiting, removing what was made and nothing else, parking; and what outlives all of it.
 */
#include "tests/lib/ground.h"

#include "budget/contain.h"
#include "budget/suppress.h"
#include "core/file.h"

#define FOREIGN                                                                                                        \
	"www 300 IN A 192.0.2.80\n@ 300 IN TXT \"somebody else's\"\nmail._domainkey 300 IN TXT \"v=DKIM1; p=AAAA\"\n"

/* Provisioned, in a zone that holds records of others. */
static void
open_provisioned(struct ground *g)
{
	struct ground_outcome o;

	ground_open(g, NULL);
	ground_foreign_zone(GET, FOREIGN);
	o = ground_provision(g);
	assert_done(&o);
}

static void
assert_state_of(struct ground *g, const char *domain, enum domain_state want)
{
	struct db *db = ground_db(g);
	struct domain_row row = {0};

	assert_ok(domain_find(db, domain, &row, &g->err), &g->err);
	assert_string_equal(domain_state_name(row.state), domain_state_name(want));
	db_drop(&db);
}

static bool
file_says(const struct ground *g, const char *name, const char *text)
{
	struct buf b = {0};
	char path[160];
	bool found;

	(void)snprintf(path, sizeof(path), "%s/mail/%s", g->dir, name);
	found = file_read(path, 1 << 16, &b, NULL) == CR_OK && strstr(buf_str(&b), text) != NULL;
	buf_release(&b);
	return found;
}

static size_t
zone_count(const char *zone, const char *owner, uint16_t type)
{
	struct records l = {0};
	size_t n;

	ground_zone(zone, &l, NULL);
	n = records_count(&l, owner, type);
	records_release(&l);
	return n;
}

static bool
zone_has(const char *owner, uint16_t type, const char *rdata)
{
	struct records l = {0};
	struct record r = {0};
	bool found;

	ground_zone(GET, &l, NULL);
	assert_int_equal(record_parse(owner, type, 300, rdata, "", &r, NULL), CR_OK);
	found = records_find(&l, &r) != NULL;
	record_release(&r);
	records_release(&l);
	return found;
}

static void
assert_parked(struct ground *g)
{
	assert_state_of(g, GET, DOMAIN_PARKED);
	assert_int_equal(zone_count(GET, GET, RECORD_MX), 1);
	assert_true(zone_has(GET, RECORD_MX, "0 ."));
	assert_true(zone_has(GET, RECORD_TXT, "\"v=spf1 -all\""));
	assert_int_equal(zone_count(GET, "_dmarc." GET, RECORD_TXT), 1);
	assert_true(zone_has("_dmarc." GET, RECORD_TXT, "\"v=DMARC1; p=reject; sp=reject; np=reject\""));
	assert_true(zone_has("*._domainkey." GET, RECORD_TXT, "\"v=DKIM1; p=\""));
	assert_int_equal(zone_count(GET, "cr202511a._domainkey." GET, 0), 0);
	/* What others made is as it was. */
	assert_true(zone_has("www." GET, RECORD_A, "192.0.2.80"));
	assert_true(zone_has(GET, RECORD_TXT, "\"somebody else's\""));
	assert_true(zone_has("mail._domainkey." GET, RECORD_TXT, "\"v=DKIM1; p=AAAA\""));
	assert_false(file_says(g, "dovecot/passwd", GET));
	assert_false(file_says(g, "postfix/virtual_mailbox_domains", GET));
	assert_false(file_says(g, "postfix/virtual_mailbox_maps", GET));
	assert_false(file_says(g, "opendkim/KeyTable", GET));
	assert_false(file_says(g, "opendkim/SigningTable", GET));
	assert_int_equal(
		ground_count(g, "SELECT count(*) FROM dkim_key WHERE domain = '" GET "' AND state <> 'retired'"), 0);
	assert_int_equal(ground_count(g, "SELECT count(*) FROM mailbox WHERE domain = '" GET "' AND removed_ms = 0"),
	                 0);
	assert_int_equal(ground_count(g, "SELECT count(*) FROM journal WHERE receipt IS NULL"), 0);
}

/* The other domain of the tenant has lost nothing. */
static void
assert_other_stands(struct ground *g)
{
	assert_state_of(g, TRY, DOMAIN_WARMING);
	assert_int_equal(zone_count(TRY, "cr202511a._domainkey." TRY, RECORD_TXT), 1);
	assert_true(file_says(g, "dovecot/passwd", "anna@" TRY));
	assert_true(file_says(g, "opendkim/SigningTable", TRY));
	assert_int_equal(zone_count(REVERSE_ZONE, "10." REVERSE_ZONE, RECORD_PTR), 1);
}

static void
teardown__closes_first_and_keeps_mail_alive(void **state)
{
	struct ground g;
	struct ground_outcome o;
	size_t writes;

	(void)state;
	open_provisioned(&g);
	writes = memory_calls(MEMORY_CHANGE);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	assert_int_equal(o.planned, 1);
	assert_state_of(&g, GET, DOMAIN_CLOSING);
	assert_int_equal(memory_calls(MEMORY_CHANGE), writes);
	assert_true(file_says(&g, "dovecot/passwd", "anna@" GET));
	assert_true(file_says(&g, "postfix/virtual_mailbox_domains", GET));
	assert_true(file_says(&g, "postfix/sender_access", GET));
	assert_int_equal(zone_count(GET, "cr202511a._domainkey." GET, RECORD_TXT), 1);
	ground_close(&g);
}

static void
teardown__waits_for_the_whole_period(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	fake_clock_advance(&g.clock, 60 * DAY_MS - 1);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	assert_int_equal(o.planned, 0);
	assert_state_of(&g, GET, DOMAIN_CLOSING);
	fake_clock_advance(&g.clock, 1);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	assert_parked(&g);
	assert_other_stands(&g);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	assert_int_equal(o.planned, 0);
	ground_close(&g);
}

static void
teardown__a_configured_period_is_kept(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	ground_open(&g, "{ name = \"" GET "\"; closing_period = \"30d\"; }");
	ground_foreign_zone(GET, FOREIGN);
	o = ground_provision(&g);
	assert_done(&o);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	fake_clock_advance(&g.clock, 30 * DAY_MS);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	assert_parked(&g);
	ground_close(&g);
}

static void
teardown__now_removes_at_once(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_parked(&g);
	assert_other_stands(&g);
	ground_close(&g);
}

static void
teardown__now_shuts_the_gate_while_the_provider_is_away(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	memory_fail(MEMORY_OBSERVE, 1, CR_ERETRY, 0);
	o = ground_teardown(&g, GET, true);
	assert_int_equal(o.failed, CR_ERETRY);
	assert_state_of(&g, GET, DOMAIN_CLOSING);
	assert_true(file_says(&g, "dovecot/passwd", "anna@" GET));
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_parked(&g);
	ground_close(&g);
}

static void
teardown__the_shared_reverse_name_goes_with_the_last_domain(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_int_equal(zone_count(REVERSE_ZONE, "10." REVERSE_ZONE, RECORD_PTR), 1);
	o = ground_teardown(&g, TRY, true);
	assert_done(&o);
	assert_int_equal(zone_count(REVERSE_ZONE, "10." REVERSE_ZONE, RECORD_PTR), 0);
	ground_close(&g);
}

static void
teardown__a_reverse_name_of_others_stays(void **state)
{
	const struct zone_driver *d = zone_driver_find("memory");
	struct zone_state base = {0};
	struct set_diff diff = {0};
	struct record ptr = {0};
	struct ground_outcome o;
	struct ground g;
	void *ctx = NULL;

	(void)state;
	ground_open(&g, "{ name = \"" GET "\"; }");
	assert_ok(d->open(NULL, NULL, &ctx, &g.err), &g.err);
	assert_ok(record_parse("10." REVERSE_ZONE, RECORD_PTR, 300, "mail.relay.example.", "", &ptr, &g.err), &g.err);
	assert_ok(set_diff_add(&diff, SET_CREATE, &ptr, &g.err), &g.err);
	assert_ok(d->change(ctx, REVERSE_ZONE, &base, &diff, &g.err), &g.err);
	o = ground_provision(&g);
	assert_done(&o);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_int_equal(zone_count(REVERSE_ZONE, "10." REVERSE_ZONE, RECORD_PTR), 1);
	set_diff_release(&diff);
	record_release(&ptr);
	d->drop(ctx);
	ground_close(&g);
}

static void
teardown__a_record_changed_by_hand_stays(void **state)
{
	const struct zone_driver *d = zone_driver_find("memory");
	struct zone_state base = {0};
	struct set_diff diff = {0};
	struct record ours = {0}, theirs = {0};
	struct ground_outcome o;
	struct ground g;
	void *ctx = NULL;

	(void)state;
	open_provisioned(&g);
	assert_ok(d->open(NULL, NULL, &ctx, &g.err), &g.err);
	assert_ok(record_parse(GET, RECORD_MX, 300, "10 mail.relay.example.", "", &ours, &g.err), &g.err);
	assert_ok(record_parse(GET, RECORD_MX, 300, "10 mx.somebody.example.", "", &theirs, &g.err), &g.err);
	assert_ok(set_diff_add(&diff, SET_DELETE, &ours, &g.err), &g.err);
	assert_ok(set_diff_add(&diff, SET_CREATE, &theirs, &g.err), &g.err);
	assert_ok(d->change(ctx, GET, &base, &diff, &g.err), &g.err);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_state_of(&g, GET, DOMAIN_PARKED);
	assert_int_equal(zone_count(GET, GET, RECORD_MX), 1);
	assert_true(zone_has(GET, RECORD_MX, "10 mx.somebody.example."));
	set_diff_release(&diff);
	record_release(&ours);
	record_release(&theirs);
	d->drop(ctx);
	ground_close(&g);
}

static void
teardown__a_zone_that_is_gone_is_no_failure(void **state)
{
	const struct zone_driver *d = zone_driver_find("memory");
	struct ground_outcome o;
	struct ground g;
	void *ctx = NULL;

	(void)state;
	open_provisioned(&g);
	assert_ok(d->open(NULL, NULL, &ctx, &g.err), &g.err);
	assert_ok(d->remove(ctx, GET, &g.err), &g.err);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_state_of(&g, GET, DOMAIN_PARKED);
	assert_false(file_says(&g, "dovecot/passwd", GET));
	d->drop(ctx);
	ground_close(&g);
}

static void
teardown__what_was_never_provisioned_is_told(void **state)
{
	struct ground_outcome o;
	struct ground g;

	(void)state;
	ground_open(&g, NULL);
	o = ground_teardown(&g, GET, true);
	assert_int_equal(o.rc, CR_ENOTFOUND);
	o = ground_teardown(&g, "unknown.example", true);
	assert_int_equal(o.rc, CR_ENOTFOUND);
	o = ground_teardown(&g, PRIMARY, true);
	assert_int_equal(o.rc, CR_EREFUSED);
	assert_int_equal(memory_calls(MEMORY_OBSERVE), 0);
	ground_close(&g);
}

/* --- what outlives it ----------------------------------------------------------------------------------------------- */

static void
suppress(struct ground *g)
{
	const struct suppress_entry entry = {.scope = PRIMARY,
	                                     .what = "fabrikam.example",
	                                     .reason = "policy_block",
	                                     .evidence = "554 5.7.1",
	                                     .source = "bounce"};
	struct vault *v = NULL;
	struct db *db = ground_db(g);
	struct contain c;
	bool added = false;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/key", g->dir);
	assert_ok(vault_open(path, false, &v, &g->err), &g->err);
	assert_ok(db_begin(db, &g->err), &g->err);
	c = (struct contain){.db = db, .vault = v, .now_ms = GROUND_START_MS, .actor = "test"};
	assert_ok(suppress_add(&c, &entry, &added, &g->err), &g->err);
	assert_true(added);
	assert_ok(db_commit(db, &g->err), &g->err);
	vault_drop(&v);
	db_drop(&db);
}

static void
teardown__suppressions_outlive_it_and_a_new_start(void **state)
{
	struct ground g;
	struct ground_outcome o;
	const char *live = "SELECT count(*) FROM suppression WHERE lifted_ms IS NULL AND value = 'fabrikam.example'";

	(void)state;
	open_provisioned(&g);
	suppress(&g);
	assert_int_equal(ground_count(&g, live), 1);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	assert_int_equal(ground_count(&g, live), 1);
	fake_clock_advance(&g.clock, DAY_MS);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(ground_count(&g, live), 1);
	assert_int_equal(ground_count(&g, "SELECT count(*) FROM suppression"), 1);
	ground_close(&g);
}

static void
teardown__a_parked_name_can_be_provisioned_again(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	o = ground_teardown(&g, GET, true);
	assert_done(&o);
	fake_clock_advance(&g.clock, 8 * DAY_MS);
	o = ground_provision(&g);
	assert_done(&o);
	assert_state_of(&g, GET, DOMAIN_WARMING);
	/* A selector is never used twice; the old key is withdrawn; nothing of the parking is left. */
	assert_int_equal(zone_count(GET, "cr202512b._domainkey." GET, RECORD_TXT) +
	                         zone_count(GET, "cr202512a._domainkey." GET, RECORD_TXT),
	                 1);
	assert_int_equal(zone_count(GET, "cr202511a._domainkey." GET, 0), 0);
	assert_int_equal(zone_count(GET, "*._domainkey." GET, 0), 0);
	assert_int_equal(zone_count(GET, GET, RECORD_MX), 1);
	assert_true(zone_has(GET, RECORD_MX, "10 mail.relay.example."));
	assert_false(file_says(&g, "postfix/sender_access", GET));
	assert_int_equal(
		ground_count(&g, "SELECT count(*) FROM dkim_key WHERE domain = '" GET "' AND state = 'active'"), 1);
	o = ground_provision(&g);
	assert_done(&o);
	assert_int_equal(o.planned, 0);
	ground_close(&g);
}

static void
teardown__a_closing_domain_is_not_provisioned_over(void **state)
{
	struct ground g;
	struct ground_outcome o;

	(void)state;
	open_provisioned(&g);
	o = ground_teardown(&g, GET, false);
	assert_done(&o);
	o = ground_provision(&g);
	assert_int_equal(o.refused, 1);
	assert_state_of(&g, GET, DOMAIN_CLOSING);
	assert_true(file_says(&g, "postfix/sender_access", GET));
	ground_close(&g);
}

int
main(void)
{
	struct CMUnitTest tests[24];
	size_t n = 0;

	TEST(tests, n, teardown__closes_first_and_keeps_mail_alive);
	TEST(tests, n, teardown__waits_for_the_whole_period);
	TEST(tests, n, teardown__a_configured_period_is_kept);
	TEST(tests, n, teardown__now_removes_at_once);
	TEST(tests, n, teardown__now_shuts_the_gate_while_the_provider_is_away);
	TEST(tests, n, teardown__the_shared_reverse_name_goes_with_the_last_domain);
	TEST(tests, n, teardown__a_reverse_name_of_others_stays);
	TEST(tests, n, teardown__a_record_changed_by_hand_stays);
	TEST(tests, n, teardown__a_zone_that_is_gone_is_no_failure);
	TEST(tests, n, teardown__what_was_never_provisioned_is_told);
	TEST(tests, n, teardown__suppressions_outlive_it_and_a_new_start);
	TEST(tests, n, teardown__a_parked_name_can_be_provisioned_again);
	TEST(tests, n, teardown__a_closing_domain_is_not_provisioned_over);
	return rows_run("provision/teardown", tests, n);
}
