/*
 * test_clockwork.c - what time it is for the gate, whatever the system says.
 */
#include "budget/clockwork.h"
#include "budget/tokens.h"
#include "tests/budget/office.h"

#define T0 OFFICE_START_MS

static const struct reading {
	const char *name;
	struct clockwork stored;
	int64_t wall_ms, boot_ms;
	const char *boot_id;
	int64_t want_ms; /* 0: in doubt */
	bool want_new;
} readings[] = {
	{"a first reading is wall time",                {0},                                  T0,                      500, "a", T0,       true },
	{"in one boot, boot time counts",               {T0, 500, 0, "a", false, false},      T0 + 9 * HOUR_MS,        600, "a", T0 + 100, false},
	{"even when the wall clock went back",          {T0, 500, 0, "a", false, false},      T0 - DAY_MS,             600, "a", T0 + 100, false},
	{"after a reboot it is wall time again",
         {T0, 500, 0, "a", false, false},
         T0 + HOUR_MS,
         10,                                                                                                                "b",
         T0 + HOUR_MS,
         true																   },
	{"unless that is behind",                       {T0, 500, 0, "a", false, false},      T0 - 1,                  10,  "b", 0,        false},
	{"nor behind the last stamp",                   {T0 - 9, 500, T0, "a", false, false}, T0 - 1,                  10,  "b", 0,        false},
	{"within a boot a boot clock put back is one",
         {T0, 500, T0 + 900, "a", false, false},
         T0 + 5000,
         600,                                                                                                               "a",
         0,                                                                                                                                false},
	{"the same moment is not behind",               {T0, 500, 0, "a", false, false},      T0,                      10,  "b", T0,       true },
	{"a boot clock that went back is another boot",
         {T0, 500, 0, "a", false, false},
         T0 + 7,
         499,                                                                                                               "a",
         T0 + 7,
         true																   },
	{"boots without a name are never the same",     {T0, 500, 0, "", false, false},       T0 + 7,                  600, "",  T0 + 7,   true },
	{"a clock that was never set is in doubt",      {0},                                  86400000,                500, "a", 0,        false},
	{"so is one later than a spend can be written", {0},                                  TOKENS_LAST_MS - DAY_MS, 500, "a", 0,        false},
};

static void
check_reading(void **state)
{
	const struct reading *r = *state;
	struct clockwork w = {0};
	struct err err;
	int rc = clockwork_advance(&r->stored, r->wall_ms, r->boot_ms, r->boot_id, &w, &err);

	if (r->want_ms == 0) {
		assert_int_equal(rc, CR_ERETRY);
		return;
	}
	assert_ok(rc, &err);
	assert_int_equal(w.effective_ms, r->want_ms);
	assert_int_equal(w.is_new, r->want_new);
}

static const struct stored_row {
	const char *name, *text;
	int want;
} stored[] = {
	{"a stored clock is read",     "1764068819000 5 boot-9",                       CR_OK    },
	{"an unnamed boot too",        "1764068819000 5 ",                             CR_OK    },
	{"half a clock is damaged",    "1764068819000",                                CR_ESTORE},
	{"a word is damaged",          "now 5 boot",                                   CR_ESTORE},
	{"a negative time is damaged", "-1 5 boot",                                    CR_ESTORE},
	{"a long boot id is damaged",  "1 5 0123456789012345678901234567890123456789", CR_ESTORE},
};

static void
check_stored(void **state)
{
	const struct stored_row *r = *state;
	struct clockwork w;
	struct office o;

	office_open(&o, NO_PACE);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "INSERT INTO meta (key, value) VALUES ('gate.clock', $1)", DB_ARGS(db_text(r->text)),
	                  NULL, &o.err),
	          &o.err);
	assert_int_equal(clockwork_read(o.db, &o.clock.clock, &w, &o.err), r->want);
	if (r->want == CR_OK)
		assert_ok(clockwork_store(o.db, &w, &o.err), &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, readings, check_reading);
	ROWS(tests, n, stored, check_stored);
	return rows_run("budget/clockwork", tests, n);
}
