/*
 * test_suppress.c - who is closed for whom, how an entry ends, and the list as CSV.
 */
#include "budget/csv.h"
#include "tests/budget/office.h"

#define OTHER "contoso.example"

static const struct closed_row {
	const char *name;
	const char *scope, *what;       /* the entry */
	const char *tenant, *recipient; /* the question */
	bool closed;
} closed_rows[] = {
	{"an address is closed in any spelling",   "",     "Dora@Fabrikam.example.", TENANT, "dora@fabrikam.example",                    true },
	{"its neighbour is not",                   "",     "dora@fabrikam.example",  TENANT, "eva@fabrikam.example",                     false},
	{"an organisation closes everybody there", TENANT, "fabrikam.example",       TENANT, "eva@fabrikam.example",                     true },
	{"and below",			      TENANT, "fabrikam.example",       TENANT, "eva@mail.eu.fabrikam.example",             true },
	{"and ten labels below",                   TENANT, "fabrikam.example",       TENANT, "eva@a.b.c.d.e.f.g.h.i.j.fabrikam.example", true },
	{"a host stands for its organisation",     TENANT, "mail.fabrikam.example",  TENANT, "eva@fabrikam.example",                     true },
	{"a name that only ends alike is open",    TENANT, "fabrikam.example",       TENANT, "eva@notfabrikam.example",                  false},
	{"another tenant is not bound",            TENANT, "fabrikam.example",       OTHER,  "eva@fabrikam.example",                     false},
	{"the installation's list binds all",      "",     "fabrikam.example",       OTHER,  "eva@fabrikam.example",                     true },
	{"a domain stands for anybody there",      "",     "fabrikam.example",       OTHER,  "fabrikam.example",                         true },
	{"U-labels and A-labels are one",          "",
         "b\xc3\xbc"
         "cher.example",                                                             TENANT, "a@xn--bcher-kva.example",                  true },
};

static bool
is_closed(struct office *o, const char *tenant, const char *recipient)
{
	bool closed = false;
	char reason[64];

	assert_ok(suppress_test(o->db, o->vault, tenant, recipient, &closed, reason, &o->err), &o->err);
	assert_int_equal(closed, reason[0] != '\0');
	return closed;
}

static void
check_closed(void **state)
{
	const struct closed_row *r = *state;
	const struct suppress_entry e = {r->scope, r->what, "test", NULL, "manual", 0};
	bool added;
	struct office o;

	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	assert_true(added);
	assert_int_equal(is_closed(&o, r->tenant, r->recipient), r->closed);
	office_close(&o);
}

static void
suppress__added_twice_is_one_entry(void **state)
{
	struct suppress_entry e = {TENANT, "fabrikam.example", "test", NULL, "manual", 0};
	struct office o;
	bool added;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	CHANGE(&o, suppress_add, &e, &added);
	assert_false(added);
	e.scope = "";
	CHANGE(&o, suppress_add, &e, &added);
	assert_true(added);
	office_close(&o);
}

static int
count_actions(const struct audit_entry *e, void *arg)
{
	int *n = arg;

	n[0] += strcmp(e->action, "suppress.add") == 0;
	n[1] += strcmp(e->action, "suppress.lift") == 0;
	return CR_OK;
}

static void
suppress__each_change_is_a_line_of_the_log(void **state)
{
	struct suppress_entry e = {TENANT, "fabrikam.example", "test", NULL, "manual", 0};
	struct office o;
	int n[2] = {0};
	bool added;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	CHANGE(&o, suppress_add, &e, &added);
	CHANGE(&o, suppress_lift, TENANT, "fabrikam.example", "opted in again", "ticket 4711");
	assert_ok(audit_walk(o.db, 0, NULL, count_actions, n, &o.err), &o.err);
	assert_int_equal(n[0], 1);
	assert_int_equal(n[1], 1);
	office_close(&o);
}

static const struct lift_row {
	const char *name, *reason, *evidence, *what;
	int want;
} lift_rows[] = {
	{"a lift with reason and evidence opens", "opted in again", "ticket 4711", "fabrikam.example", CR_OK       },
	{"without a reason it is refused",        " ",              "ticket 4711", "fabrikam.example", CR_EUSAGE   },
	{"without evidence too",                  "opted in again", NULL,          "fabrikam.example", CR_EUSAGE   },
	{"what is not there cannot be lifted",    "opted in again", "ticket 4711", "adatum.example",   CR_ENOTFOUND},
};

static void
check_lift(void **state)
{
	const struct lift_row *r = *state;
	const struct suppress_entry e = {TENANT, "fabrikam.example", "test", NULL, "manual", 0};
	struct contain c;
	struct office o;
	int64_t rows;
	bool added;

	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	c = office_contain(&o);
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_int_equal(suppress_lift(&c, TENANT, r->what, r->reason, r->evidence, &o.err), r->want);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	assert_int_equal(is_closed(&o, TENANT, "eva@fabrikam.example"), r->want != CR_OK);
	/* The row stays, and a new refusal is a new one. */
	CHANGE(&o, suppress_add, &e, &added);
	assert_int_equal(added, r->want == CR_OK);
	assert_ok(db_get_int(o.db, "SELECT COUNT(*) FROM suppression", DB_NO_ARGS, 0, &rows, &o.err), &o.err);
	assert_int_equal(rows, r->want == CR_OK ? 2 : 1);
	office_close(&o);
}

static void
suppress__an_address_is_kept_as_a_hash_that_can_come_back(void **state)
{
	struct suppress_entry e = {"", "dora@fabrikam.example", "test", NULL, "manual", 0};
	struct suppress_key k, again;
	char as_hash[80];
	struct office o;
	char *clear = NULL;
	bool added;

	(void)state;
	office_open(&o, NO_PACE);
	CHANGE(&o, suppress_add, &e, &added);
	assert_ok(db_get_text(o.db, "SELECT value FROM suppression WHERE value LIKE '%dora%'", DB_NO_ARGS, &clear,
	                      &o.err),
	          &o.err);
	assert_null(clear);
	assert_ok(suppress_key_of(o.vault, e.what, &k, &o.err), &o.err);
	(void)snprintf(as_hash, sizeof(as_hash), "hash:%.64s", k.value);
	as_hash[5] = (char)(as_hash[5] >= 'a' ? as_hash[5] - 32 : as_hash[5]);
	assert_ok(suppress_key_of(o.vault, as_hash, &again, &o.err), &o.err);
	assert_string_equal(again.value, k.value);
	e.what = as_hash;
	CHANGE(&o, suppress_add, &e, &added);
	assert_false(added);
	assert_int_equal(suppress_key_of(o.vault, "hash:12", &again, &o.err), CR_EPARSE);
	assert_int_equal(suppress_key_of(o.vault, "not an organisation", &again, &o.err), CR_EPARSE);
	office_close(&o);
}

/* ---- CSV ---- */

static const struct csv_row {
	const char *name, *text;
	const char *want; /* fields joined by '|', rows by '/'; NULL: cannot be read */
} csv_rows[] = {
	{"fields and rows",                          "a,b\nc,d\n",             "a|b/c|d"     },
	{"a last line without its end",              "a,b\nc,d",               "a|b/c|d"     },
	{"line ends of two bytes, and empty lines",  "a\r\n\r\n\nb\r\n",       "a/b"         },
	{"empty fields",			     ",,\n",                   "||"          },
	{"quotes hold commas, quotes and line ends", "\"a,\"\"b\"\"\nc\",d\n", "a,\"b\"\nc|d"},
	{"a byte order mark is no text",             "\xef\xbb\xbfscope\n",    "scope"       },
	{"an open quote is an error",                "\"a\n",                  NULL          },
	{"so is text behind a quote",                "\"a\"b\n",               NULL          },
	{"and a quote in the middle",                "a\"b\n",                 NULL          },
	{"and seventeen fields",                     ",,,,,,,,,,,,,,,,\n",     NULL          },
};

static void
check_csv(void **state)
{
	const struct csv_row *r = *state;
	static struct csv c;
	struct buf got = {0};
	struct err err;
	bool more = true;
	int rc;

	c = csv_on(r->text, strlen(r->text));
	while ((rc = csv_next(&c, &more, &err)) == CR_OK && more) {
		if (got.len > 0)
			buf_addc(&got, '/');
		for (size_t i = 0; i < c.n; i++)
			buf_addf(&got, "%s%s", i > 0 ? "|" : "", c.field[i]);
	}
	if (r->want == NULL)
		assert_int_equal(rc, CR_EPARSE);
	else
		assert_ok(rc, &err);
	if (r->want != NULL)
		assert_string_equal(buf_str(&got), r->want);
	buf_release(&got);
}

static void
csv__what_is_written_is_read_again(void **state)
{
	static const char *const fields[] = {"plain", "with, comma", "with \"quotes\"", "two\nlines", ""};
	static struct csv c;
	struct buf b = {0};
	struct err err;
	bool more;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		csv_put(&b, fields[i], i + 1 < ARRAY_LEN(fields) ? ',' : '\n');
	c = csv_on(b.data, b.len);
	assert_ok(csv_next(&c, &more, &err), &err);
	assert_int_equal(c.n, ARRAY_LEN(fields));
	for (size_t i = 0; i < c.n; i++)
		assert_string_equal(c.field[i], fields[i]);
	buf_release(&b);
}

static void
csv__a_row_has_a_ceiling(void **state)
{
	static char text[CSV_ROW_BYTES + 2];
	static struct csv c;
	struct err err;
	bool more;

	(void)state;
	memset(text, 'x', sizeof(text));
	c = csv_on(text, CSV_ROW_BYTES - 1);
	assert_ok(csv_next(&c, &more, &err), &err);
	c = csv_on(text, CSV_ROW_BYTES);
	assert_int_equal(csv_next(&c, &more, &err), CR_EPARSE);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, closed_rows, check_closed);
	TEST(tests, n, suppress__added_twice_is_one_entry);
	TEST(tests, n, suppress__each_change_is_a_line_of_the_log);
	ROWS(tests, n, lift_rows, check_lift);
	TEST(tests, n, suppress__an_address_is_kept_as_a_hash_that_can_come_back);
	ROWS(tests, n, csv_rows, check_csv);
	TEST(tests, n, csv__what_is_written_is_read_again);
	TEST(tests, n, csv__a_row_has_a_ceiling);
	return rows_run("budget/suppress", tests, n);
}
