/*
 * test_spf_memory.c - SPF without memory: each allocation fails once, and what comes out is an error or the right result, never another.
 *
 * The linker leads the program's allocations through here (Makefile: --wrap); the libraries' own are left alone.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/spf_check.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static long left = -1; /* allocations until one fails; negative: none does */

static bool
fails(void)
{
	return left >= 0 && left-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

/* clang-format off */
static const char *const zone =
	"{\"o.example\": {\"TXT\": [[\"v=spf1 include:i.example exists:%{p}.%{i}.x.example a mx -all exp=e.%{d}\"]],"
	" \"MX\": [[1, \"h.example\"]], \"A\": [\"192.0.2.9\"]},"
	" \"i.example\": {\"TXT\": [[\"v=spf1 a:x.example ?all\"], [\"other\"]]},"
	" \"h.example\": {\"A\": [\"192.0.2.10\"]}, \"e.o.example\": {\"TXT\": [[\"%{S} from %{p}\"]]},"
	" \"20.2.0.192.in-addr.arpa\": {\"PTR\": [\"h2.example\"]}, \"h2.example\": {\"A\": [\"192.0.2.20\"]},"
	" \"two.example\": {\"TXT\": [[\"v=spf1 a:h.example ~all\"], [\"v=spf1 ip4:192.0.2.1 -all\"]]},"
	" \"weak.example\": {\"TXT\": [[\"v=spf1 include:gone.example include:i.example include:i.example a:x2.example ptr ?all\"]]},"
	" \"heavy.example\": {\"TXT\": [[\"v=spf1 include:i.example include:weak.example a:h.example a:h.example -all\"]]}}";
/* clang-format on */

struct ask {
	const char *domain, *ip;
	struct spf_answer answer;
	struct spf_tree tree;
};

static int
evaluate(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;
	char sender[64];

	(void)snprintf(sender, sizeof(sender), "a-b@%s", a->domain);
	return spf_evaluate(l, &(struct spf_query){.ip = a->ip, .sender = sender, .helo = "h.example"}, &a->answer,
	                    err);
}

static int
walk(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_walk(l, a->domain, true, &a->tree, err);
}

static void
say(const struct ask *a, struct buf *out)
{
	buf_addf(out, "%s|%s|%s|%s|%u|%u\n", spf_result_name(a->answer.result),
	         a->answer.explanation != NULL ? a->answer.explanation : "",
	         a->answer.mechanism != NULL ? a->answer.mechanism : "", a->answer.why != NULL ? a->answer.why : "",
	         a->answer.lookups, a->answer.voids);
	for (size_t i = 0; i < a->tree.findings.n; i++)
		buf_addf(out, "%s: %s: %s\n", a->tree.findings.items[i].id, a->tree.findings.items[i].text,
		         a->tree.findings.items[i].fix != NULL ? a->tree.findings.items[i].fix : "");
	spf_tree_format(&a->tree, out);
}

static const struct row {
	const char *name, *domain, *ip;
	lookup_check *check;
} rows[] = {
	{"a pass",		     "o.example",     "192.0.2.10", evaluate},
	{"a fail that is explained",   "o.example",     "192.0.2.20", evaluate},
	{"two records",                "two.example",   "192.0.2.20", evaluate},
	{"no record",                  "x.example",     "192.0.2.20", evaluate},
	{"a tree",		     "o.example",     NULL,         walk    },
	{"a tree of faults and fixes", "weak.example",  NULL,         walk    },
	{"a heavy tree",               "heavy.example", NULL,         walk    },
	{"a tree of two records",      "two.example",   NULL,         walk    },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct ask right = {.domain = r->domain, .ip = r->ip};
	struct buf want = {0}, got = {0};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	bool failed = true;

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, r->check, &right, &err), &err);
	say(&right, &want);
	for (long n = 0; failed; n++) {
		struct ask a = {.domain = r->domain, .ip = r->ip};
		int rc;

		/* All is known by now, so only the check itself allocates. */
		left = n;
		rc = r->check(l, &a, &err);
		failed = left < 0;
		left = -1;
		assert_true(n < 20000);
		assert_int_equal(rc, rc == CR_OK ? CR_OK : CR_ENOMEM);
		assert_true(failed || rc == CR_OK);
		if (rc == CR_OK) {
			buf_clear(&got);
			say(&a, &got);
			assert_string_equal(buf_str(&got), buf_str(&want));
		} else {
			assert_null(a.answer.why);
			assert_null(a.tree.nodes);
			assert_null(a.tree.findings.items);
		}
		spf_answer_release(&a.answer);
		spf_tree_release(&a.tree);
	}
	buf_release(&want);
	buf_release(&got);
	spf_answer_release(&right.answer);
	spf_tree_release(&right.tree);
	lookup_drop(&l);
	zonetable_close(&t);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	return rows_run("dns/spf_memory", tests, n);
}
