/*
 * test_audit.c - the chain shows every way of touching it.
 */
#include "tests/lib/rows.h"

#include <unistd.h>

#include "core/audit.h"
#include "core/schema.h"

#define ROWS_WRITTEN 5

static char dir[] = "/tmp/coldrelay-test-audit.XXXXXX";
static const uint8_t key[32] = {1, 2, 3};
static const uint8_t other_key[32] = {1, 2, 4};

struct fixture {
	char path[64];
	struct db *db;
	struct vault *vault;
};

static void
remove_store(const struct fixture *f)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".open"};
	char path[80];

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", f->path, ends[i]);
		(void)unlink(path);
	}
}

static void
open_fixture(struct fixture *f)
{
	struct err err = {0};

	*f = (struct fixture){0};
	(void)snprintf(f->path, sizeof(f->path), "%s/store", dir);
	remove_store(f);
	assert_ok(vault_from_bytes(key, &f->vault, &err), &err);
	assert_ok(db_open(&(struct db_options){.path = f->path, .mode = DB_CREATE, .schema = &schema_coldrelay}, &f->db,
	                  &err),
	          &err);
}

static void
drop_fixture(struct fixture *f)
{
	db_drop(&f->db);
	vault_drop(&f->vault);
	remove_store(f);
}

static int
append(struct fixture *f, int64_t at_ms, const char *subject, const char *reason, struct err *err)
{
	const struct audit_entry e = {
		.at_ms = at_ms, .actor = "cli:test", .action = "domain.freeze", .subject = subject, .reason = reason};
	int rc = db_begin(f->db, err);

	if (rc != CR_OK)
		return rc;
	rc = audit_append(f->db, f->vault, &e, err);
	if (rc == CR_OK)
		return db_commit(f->db, err);
	db_rollback(f->db);
	return rc;
}

static void
fill(struct fixture *f, int rows)
{
	struct err err = {0};
	char subject[32];

	for (int i = 1; i <= rows; i++) {
		(void)snprintf(subject, sizeof(subject), "d%d.example", i);
		assert_ok(append(f, 1764068819000 + i, subject, i % 2 == 0 ? "because" : NULL, &err), &err);
	}
}

static void
tamper(struct fixture *f, const char *sql)
{
	struct err err = {0};

	assert_ok(db_begin(f->db, &err), &err);
	assert_ok(db_exec(f->db, sql, DB_NO_ARGS, NULL, &err), &err);
	assert_ok(db_commit(f->db, &err), &err);
}

static const struct touched {
	const char *name;
	const char *sql[3];
	int64_t want_seq; /* 0: the chain holds */
	const char *want_fault;
} touched[] = {
	{"an untouched log holds",                  {NULL},							  0, ""							    },
	{"a changed text shows",                    {"UPDATE audit SET subject='x.example' WHERE seq=3"},            3, "row 3 was changed or moved"                                  },
	{"a changed time shows",                    {"UPDATE audit SET at_ms=at_ms+1 WHERE seq=1"},                  1, "row 1 was changed or moved"                                  },
	{"a changed actor shows",                   {"UPDATE audit SET actor='cli:root' WHERE seq=2"},               2, "row 2 was changed or moved"                                  },
	{"an added detail shows",                   {"UPDATE audit SET detail='{}' WHERE seq=2"},                    2, "row 2 was changed or moved"                                  },
	{"an added reason shows",                   {"UPDATE audit SET reason='' WHERE seq=1"},                      1, "row 1 was changed or moved"                                  },
	{"a text moved to the next field shows",
         {"UPDATE audit SET actor='cli:tes', action='tdomain.freeze' WHERE seq=2"},
         2,                                                                                                             "row 2 was changed or moved"                                  },
	{"a changed hash shows",                    {"UPDATE audit SET hash=x'00' WHERE seq=4"},                     4, "row 4 was changed or moved"                                  },
	{"a removed row shows",                     {"DELETE FROM audit WHERE seq=4"},                               4, "row 4 is missing"                                            },
	{"a removed first row shows",               {"DELETE FROM audit WHERE seq=1"},                               1, "row 1 is missing"                                            },
	{"a removed row with the gap closed shows",
         {"DELETE FROM audit WHERE seq=2", "UPDATE audit SET seq=seq-1 WHERE seq>2"},
         2,                                                                                                             "row 2 was changed or moved"                                  },
	{"two rows that changed places show",
         {"UPDATE audit SET seq=100 WHERE seq=2", "UPDATE audit SET seq=2 WHERE seq=3",
          "UPDATE audit SET seq=3 WHERE seq=100"},
         2,                                                                                                             "row 2 was changed or moved"                                  },
	{"a cut last row shows",                    {"DELETE FROM audit WHERE seq=5"},                               5, "the last row is missing"                                     },
	{"a cut tail shows",                        {"DELETE FROM audit WHERE seq>=3"},                              3, "the last 3 rows are missing"                                 },
	{"a log that was emptied shows",            {"DELETE FROM audit"},                                           1, "the last 5 rows are missing"                                 },
	{"a cut tail with its head shows",
         {"DELETE FROM audit WHERE seq>=3", "UPDATE meta SET value='2'||substr(value,2) WHERE key='audit_head'"},
         3,                                                                                                             "the head of the log was changed"                             },
	{"a removed head shows",
         {"DELETE FROM meta WHERE key='audit_head'"},
         6,                                                                                                             "the head of the log is missing, and perhaps rows after row 5"},
	{"a row written in front shows",
         {"INSERT INTO audit SELECT 0, at_ms, actor, action, subject, reason, detail, hash FROM audit WHERE seq=1"},
         1,                                                                                                             "row 0 was added outside the log"                             },
	{"a row written past the program shows",
         {"INSERT INTO audit SELECT 6, at_ms, actor, action, subject, reason, detail, hash FROM audit WHERE seq=5"},
         6,                                                                                                             "row 6 was changed or moved"                                  },
};

static void
check_touched(void **state)
{
	const struct touched *t = *state;
	struct audit_report r = {0};
	struct err err = {0};
	struct fixture f;

	open_fixture(&f);
	fill(&f, ROWS_WRITTEN);
	for (size_t i = 0; i < ARRAY_LEN(t->sql) && t->sql[i] != NULL; i++)
		tamper(&f, t->sql[i]);
	assert_ok(audit_verify(f.db, f.vault, &r, &err), &err);
	assert_string_equal(r.fault, t->want_fault);
	assert_int_equal(r.first_bad_seq, t->want_seq);
	drop_fixture(&f);
}

static void
audit__an_empty_log_holds(void **state)
{
	struct audit_report r = {0};
	struct err err = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_ok(audit_verify(f.db, f.vault, &r, &err), &err);
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.first_bad_seq, 0);
	assert_int_equal(strlen(r.head_hex), 64);
	drop_fixture(&f);
}

static void
audit__a_cut_tail_still_shows_after_more_was_written(void **state)
{
	struct audit_report r = {0};
	struct err err = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	fill(&f, ROWS_WRITTEN);
	tamper(&f, "DELETE FROM audit WHERE seq>=4");
	assert_ok(append(&f, 1, "later.example", NULL, &err), &err);
	assert_ok(audit_verify(f.db, f.vault, &r, &err), &err);
	assert_string_equal(r.fault, "row 4 is missing");
	drop_fixture(&f);
}

static void
audit__nothing_is_appended_behind_a_forged_head(void **state)
{
	struct err err = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	fill(&f, 2);
	tamper(&f, "DELETE FROM meta WHERE key='audit_head'");
	assert_int_equal(append(&f, 1, "later.example", NULL, &err), CR_ESTORE);
	assert_non_null(strstr(err.text, "audit verify"));
	drop_fixture(&f);
}

static void
audit__another_key_does_not_verify(void **state)
{
	struct audit_report r = {0};
	struct vault *other = NULL;
	struct err err = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	fill(&f, 2);
	assert_ok(vault_from_bytes(other_key, &other, &err), &err);
	assert_ok(audit_verify(f.db, other, &r, &err), &err);
	assert_int_equal(r.first_bad_seq, 1);
	vault_drop(&other);
	drop_fixture(&f);
}

/*
 * A row that this key has made, of a log that went another way: out of an older copy of the store, say.  With other rows in front of
 * it the chain shows it, and as the last one the head does.
 */
static const struct fork {
	const char *name;
	int common, more; /* rows before both ways, and rows of each */
	int64_t want_seq;
} forks[] = {
	{"a row of another log of this key shows",      0, 2, 2},
	{"a last row of another log of this key shows", 1, 1, 3},
};

static void
check_fork(void **state)
{
	const struct fork *r = *state;
	const struct audit_entry e = {
		.at_ms = 7, .actor = "cli:test", .action = "domain.freeze", .subject = "other.example"};
	struct audit_report report = {0};
	struct err err = {0};
	struct fixture f;
	char sql[256], *hash = NULL;

	open_fixture(&f);
	fill(&f, r->common);
	assert_ok(db_begin(f.db, &err), &err);
	for (int i = 0; i < r->more; i++)
		assert_ok(audit_append(f.db, f.vault, &e, &err), &err);
	assert_ok(db_get_text(f.db, "SELECT hex(hash) FROM audit WHERE seq=2", DB_NO_ARGS, &hash, &err), &err);
	db_rollback(f.db);
	for (int i = 0; i < r->more; i++)
		assert_ok(append(&f, 5, "this.example", NULL, &err), &err);
	if (r->more > 1)
		assert_ok(append(&f, 6, "this.example", NULL, &err), &err);
	(void)snprintf(sql, sizeof(sql),
	               "UPDATE audit SET at_ms=7, subject='other.example', reason=NULL, hash=x'%s' WHERE seq=2", hash);
	tamper(&f, sql);
	assert_ok(audit_verify(f.db, f.vault, &report, &err), &err);
	assert_int_equal(report.first_bad_seq, r->want_seq);
	free(hash);
	drop_fixture(&f);
}

/* A change that is rolled back leaves no row, and the chain goes on. */
static void
audit__a_rolled_back_change_is_not_logged(void **state)
{
	const struct audit_entry e = {.at_ms = 1, .actor = "gate", .action = "a", .subject = "s"};
	struct audit_report r = {0};
	struct err err = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	fill(&f, 1);
	assert_ok(db_begin(f.db, &err), &err);
	assert_ok(audit_append(f.db, f.vault, &e, &err), &err);
	db_rollback(f.db);
	fill(&f, 1);
	assert_ok(audit_verify(f.db, f.vault, &r, &err), &err);
	assert_int_equal(r.rows, 2);
	assert_int_equal(r.first_bad_seq, 0);
	drop_fixture(&f);
}

struct walked {
	int n;
	int stop_at;
	int64_t last_seq;
};

static int
walk_one(const struct audit_entry *e, void *arg)
{
	struct walked *w = arg;

	assert_string_equal(e->actor, "cli:test");
	w->last_seq = e->seq;
	return ++w->n == w->stop_at ? 77 : 0;
}

static const struct walk {
	const char *name;
	int64_t from_seq;
	const char *subject;
	int stop_at;
	int want_rc, want_n;
	int64_t want_last;
} walks[] = {
	{"all rows are shown in order",     0, NULL,         0, 0,  5, 5},
	{"rows are shown from a number on", 4, NULL,         0, 0,  2, 5},
	{"one subject alone is shown",      0, "d3.example", 0, 0,  1, 3},
	{"the reader may stop",             0, NULL,         2, 77, 2, 2},
};

static void
check_walk(void **state)
{
	const struct walk *w = *state;
	struct walked seen = {.stop_at = w->stop_at};
	struct err err = {0};
	struct fixture f;

	open_fixture(&f);
	fill(&f, ROWS_WRITTEN);
	assert_int_equal(audit_walk(f.db, w->from_seq, w->subject, walk_one, &seen, &err), w->want_rc);
	assert_int_equal(seen.n, w->want_n);
	assert_int_equal(seen.last_seq, w->want_last);
	drop_fixture(&f);
}

static void
audit__the_actor_is_the_user(void **state)
{
	(void)state;
	assert_memory_equal(audit_actor(), "cli:", 4);
	assert_true(strlen(audit_actor()) > 4);
}

int
main(void)
{
	struct CMUnitTest tests[48];
	size_t n = 0;
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	ROWS(tests, n, touched, check_touched);
	ROWS(tests, n, forks, check_fork);
	TEST(tests, n, audit__an_empty_log_holds);
	TEST(tests, n, audit__a_cut_tail_still_shows_after_more_was_written);
	TEST(tests, n, audit__nothing_is_appended_behind_a_forged_head);
	TEST(tests, n, audit__another_key_does_not_verify);
	TEST(tests, n, audit__a_rolled_back_change_is_not_logged);
	ROWS(tests, n, walks, check_walk);
	TEST(tests, n, audit__the_actor_is_the_user);
	failed = rows_run("core/audit", tests, n);
	(void)rmdir(dir);
	return failed;
}
