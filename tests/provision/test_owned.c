/*
 * test_owned.c - the journal replayed: what is ours, what may be, and what is not.
 */
#include "tests/provision/book.h"

#include "core/audit.h"
#include "dns/zonetext.h"
#include "provision/owned.h"

#define ROWS_MAX 5
#define A_1      GET ". 300 IN A 192.0.2.1\\n"
#define A_2      GET ". 300 IN A 192.0.2.2\\n"
#define ZONE_1   GET ". 60 IN A 192.0.2.1\n"
#define ZONE_2   GET ". 60 IN A 192.0.2.2\n"
#define ANNA     "{\"resources\":[[\"mailbox\",\"anna@" GET "\"]]}"
#define BOTH     "{\"resources\":[[\"mailbox\",\"anna@" GET "\"],[\"mailbox\",\"ben@" GET "\"]]}"

enum fate { DONE, PENDING, FAILED };

static const struct row {
	const char *name;
	struct {
		const char *step, *operation, *changes;
		enum fate fate;
	} journal[ROWS_MAX]; /* until step is NULL */
	const char *zone;    /* what is there now */
	bool made_zone;
	size_t records, resources, pending;
	uint32_t ttl_s; /* of the first record, 0: any */
} rows[] = {
  /* clang-format off */
	{"nothing was done: nothing is ours", {{0}}, ZONE_1, false, 0, 0, 0, 0},
	{"what was created is ours", {{"records", "update", "{\"create\":\"" A_1 A_2 "\"}", DONE}}, ZONE_1 ZONE_2, false, 2, 0, 0, 300},
	{"what was created with the zone is ours, and so is the zone", {{"zone", "create", "{\"create\":\"" A_1 "\"}", DONE}}, ZONE_1, true, 1, 0, 0, 0},
	{"what somebody removed is ours no more", {{"records", "update", "{\"create\":\"" A_1 A_2 "\"}", DONE}}, ZONE_2, false, 1, 0, 0, 0},
	{"what we removed is ours no more, though it came back",
	 {{"records", "update", "{\"create\":\"" A_1 "\"}", DONE}, {"records", "update", "{\"delete\":\"" A_1 "\"}", DONE}}, ZONE_1, false, 0, 0, 0, 0},
	{"made, removed and made again is ours",
	 {{"records", "update", "{\"create\":\"" A_1 "\"}", DONE}, {"records", "update", "{\"delete\":\"" A_1 "\"}", DONE},
	  {"records", "update", "{\"create\":\"" A_1 "\"}", DONE}}, ZONE_1, false, 1, 0, 0, 0},
	{"a create without receipt is ours when it is there", {{"records", "update", "{\"create\":\"" A_1 A_2 "\"}", PENDING}}, ZONE_2, false, 1, 0, 1, 0},
	{"a create that failed is not ours, though it is there", {{"records", "update", "{\"create\":\"" A_1 "\"}", FAILED}}, ZONE_1, false, 0, 0, 0, 0},
	{"a delete without receipt leaves ours what is there",
	 {{"records", "update", "{\"create\":\"" A_1 A_2 "\"}", DONE}, {"records", "update", "{\"delete\":\"" A_1 A_2 "\"}", PENDING}}, ZONE_1, false, 1, 0, 1, 0},
	{"a delete that failed leaves it ours",
	 {{"records", "update", "{\"create\":\"" A_1 "\"}", DONE}, {"records", "update", "{\"delete\":\"" A_1 "\"}", FAILED}}, ZONE_1, false, 1, 0, 0, 0},
	{"a change of the TTL keeps it ours, with the new one",
	 {{"records", "update", "{\"create\":\"" A_1 "\"}", DONE}, {"records", "update", "{\"ttl\":\"" GET ". 900 IN A 192.0.2.1\\n\"}", DONE}}, ZONE_1, false, 1,
	 0, 0, 900},
	{"a create beside a change of a TTL: both are ours",
	 {{"records", "update", "{\"create\":\"" A_1 "\"}", DONE},
	  {"records", "update", "{\"create\":\"" A_2 "\",\"ttl\":\"" GET ". 900 IN A 192.0.2.1\\n\"}", DONE}}, ZONE_1 ZONE_2, false, 2, 0, 0, 0},
	{"a zone whose create has no receipt is not ours yet", {{"zone", "create", "{\"create\":\"" A_1 "\"}", PENDING}}, "", false, 0, 0, 1, 0},
	{"resources made are ours", {{"mailhost", "create", BOTH, DONE}}, "", false, 0, 2, 0, 0},
	{"resources made twice are one", {{"mailhost", "create", BOTH, DONE}, {"mailhost", "create", ANNA, DONE}}, "", false, 0, 2, 0, 0},
	{"resources taken away are ours no more", {{"mailhost", "create", BOTH, DONE}, {"mailhost", "delete", ANNA, DONE}}, "", false, 0, 1, 0, 0},
	{"resources whose taking away has no receipt are ours", {{"mailhost", "create", BOTH, DONE}, {"mailhost", "delete", BOTH, PENDING}}, "", false, 0, 2, 1, 0},
	{"resources of a create without receipt do not look foreign", {{"mailhost", "create", ANNA, PENDING}}, "", false, 0, 1, 1, 0},
	{"resources of a create that failed are not ours", {{"mailhost", "create", ANNA, FAILED}}, "", false, 0, 0, 0, 0},
  /* clang-format on */
};

static void
book_write(struct book *b, const struct journal_step *s, enum fate fate)
{
	struct err err = {0};
	int64_t seq = 0;

	assert_ok(journal_intend(&b->journal, s, &seq, &err), &err);
	if (fate == DONE)
		assert_ok(journal_receipt(&b->journal, seq, s, s->intent, &err), &err);
	else if (fate == FAILED)
		assert_ok(journal_failed(&b->journal, seq, "the provider said no", &err), &err);
}

static void
owned__replay(void **state)
{
	const struct row *r = *state;
	struct owned o = {0};
	struct records zone = {0};
	struct err err = {0};
	struct book b = {0};

	book_open(&b);
	for (size_t i = 0; i < ROWS_MAX && r->journal[i].step != NULL; i++) {
		const struct journal_step s = {.domain = GET,
		                               .step = r->journal[i].step,
		                               .driver = "mem/memory",
		                               .operation = r->journal[i].operation,
		                               .intent = r->journal[i].changes};

		book_write(&b, &s, r->journal[i].fate);
	}
	assert_ok(zonetext_read(r->zone, strlen(r->zone), "row", GET, &zone, &err), &err);
	assert_ok(owned_load(b.db, GET, &o, &err), &err);
	assert_ok(owned_settle(&o, &zone, &err), &err);
	assert_int_equal(o.zone, r->made_zone);
	assert_int_equal(o.records.n, r->records);
	assert_int_equal(o.maybe.n, 0);
	assert_int_equal(o.n_resources, r->resources);
	assert_int_equal(o.n_pending, r->pending);
	if (r->ttl_s != 0)
		assert_int_equal(o.records.items[0].ttl_s, r->ttl_s);
	owned_release(&o);
	/* Nobody else's. */
	assert_ok(owned_load(b.db, TRY, &o, &err), &err);
	assert_int_equal(o.records.n + o.maybe.n + o.n_resources + o.n_pending, 0);
	owned_release(&o);
	records_release(&zone);
	book_close(&b);
}

static void
owned__resources_are_told_by_kind_and_subject(void **state)
{
	struct owned o = {0};
	struct err err = {0};
	struct book b = {0};

	(void)state;
	book_open(&b);
	book_write(&b,
	           &(struct journal_step){.domain = GET,
	                                  .step = "mailhost",
	                                  .driver = "own/local",
	                                  .operation = "create",
	                                  .intent = ANNA},
	           DONE);
	assert_ok(owned_load(b.db, GET, &o, &err), &err);
	assert_true(owned_has_resource(&o, "mailbox", "anna@" GET));
	assert_false(owned_has_resource(&o, "mailbox", "ann@" GET));
	assert_false(owned_has_resource(&o, "domain", "anna@" GET));
	owned_release(&o);
	book_close(&b);
}

static void
owned__a_damaged_row_owns_nothing_and_says_so(void **state)
{
	static const char *const damaged[] = {"",
	                                      "{",
	                                      "[]x",
	                                      "{\"create\":3}",
	                                      "{\"create\":\"no record\"}",
	                                      ("{\"delete\":\"" GET ". 300 IN A 1.2.3\"}")};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		struct owned o = {0};
		struct err err = {0};
		struct book b = {0};

		book_open(&b);
		book_write(&b,
		           &(struct journal_step){.domain = GET,
		                                  .step = "records",
		                                  .driver = "mem/memory",
		                                  .operation = "update",
		                                  .intent = damaged[i]},
		           DONE);
		assert_int_not_equal(owned_load(b.db, GET, &o, &err), CR_OK);
		assert_true(err.text[0] != '\0');
		assert_int_equal(o.records.n + o.maybe.n + o.n_resources + o.n_pending, 0);
		owned_release(&o);
		book_close(&b);
	}
}

static void
owned__without_a_store_nothing_is_ours(void **state)
{
	struct owned o = {0};
	struct err err = {0};

	(void)state;
	assert_ok(owned_load(NULL, GET, &o, &err), &err);
	assert_int_equal(o.records.n + o.maybe.n + o.n_resources + o.n_pending, 0);
	owned_release(&o);
}

int
main(void)
{
	struct CMUnitTest tests[48];
	size_t n = 0;

	ROWS(tests, n, rows, owned__replay);
	TEST(tests, n, owned__resources_are_told_by_kind_and_subject);
	TEST(tests, n, owned__a_damaged_row_owns_nothing_and_says_so);
	TEST(tests, n, owned__without_a_store_nothing_is_ours);
	return rows_run("provision/owned", tests, n);
}
