/*
 * test_metrics.c - the metrics' text against a small checker of the format, its numbers, and what a scraper may ask.
 */
#include "budget/metrics.h"
#include "tests/lib/rows.h"

#include "core/own.h"

static const struct asked {
	const char *name, *text;
	int want;
} asked[] = {
	{"HTTP/1.0 is answered",          "GET /metrics HTTP/1.0\r\n\r\n",                    200},
	{"HTTP/1.1 is answered",          "GET /metrics HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", 200},
	{"half a request waits",          "GET /metrics HTTP/1.0\r\n",                        0  },
	{"nothing waits",                 "",						 0  },
	{"another path is not there",     "GET / HTTP/1.0\r\n\r\n",                           404},
	{"a path below is not there",     "GET /metrics/x HTTP/1.0\r\n\r\n",                  404},
	{"a query is not there",          "GET /metrics?a=b HTTP/1.0\r\n\r\n",                404},
	{"a post is not allowed",         "POST /metrics HTTP/1.0\r\n\r\n",                   405},
	{"a get in lower case is no GET", "get /metrics HTTP/1.0\r\n\r\n",                    405},
	{"no version is a bad request",   "GET /metrics\r\n\r\n",                             400},
	{"HTTP/2 is a bad request",       "GET /metrics HTTP/2.0\r\n\r\n",                    400},
	{"no words are a bad request",    "\r\n\r\n",                                         400},
	{"a bare GET is a bad request",   "GET \r\n\r\n",                                     400},
};

static void
check_asked(void **state)
{
	const struct asked *a = *state;

	assert_int_equal(metrics_request(a->text, strlen(a->text)), a->want);
}

static void
metrics__a_request_without_end_is_bad_at_4096_bytes(void **state)
{
	static char text[METRICS_REQUEST_BYTES];

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(metrics_request(text, sizeof(text) - 1), 0);
	assert_int_equal(metrics_request(text, sizeof(text)), 400);
}

static char *
text_of(const struct metrics *m, const struct metrics_now *now)
{
	struct buf b = {0};
	struct err err = {0};
	char *text = NULL;

	metrics_write(m, now, &b);
	assert_ok(buf_take(&b, "metrics", &text, &err), &err);
	return text;
}

static void
want_line(const char *text, const char *line)
{
	for (const char *at = text; (at = strstr(at, line)) != NULL; at++) {
		if ((at == text || at[-1] == '\n') && at[strlen(line)] == '\n')
			return;
	}
	fail_msg("no line '%s' in:\n%s", line, text);
}

/* ---- a checker of the text format 0.0.4, of the part that is used ---- */

static size_t
name_len(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789");

	return n > 0 && !(s[0] >= '0' && s[0] <= '9') ? n : 0;
}

/* {name="value",...}; returns what is behind it. */
static const char *
skip_labels(const char *s)
{
	if (*s != '{')
		return s;
	do {
		size_t n = name_len(++s);

		assert_true(n > 0);
		s += n;
		assert_int_equal(s[0], '=');
		assert_int_equal(s[1], '"');
		for (s += 2; *s != '"'; s++) {
			assert_true(*s != '\0' && *s != '\n');
			if (*s == '\\')
				s++;
		}
		s++;
	} while (*s == ',');
	assert_int_equal(*s, '}');
	return s + 1;
}

struct family {
	char name[80], type[16];
};

static void
check_sample(const char *line, const struct family *f)
{
	const char *const ends[] = {"", "_bucket", "_sum", "_count"};
	size_t n = name_len(line), base = strlen(f->name);
	const char *value;
	bool ours = false;
	char *end;

	assert_true(n >= base && strncmp(line, f->name, base) == 0);
	for (size_t i = strcmp(f->type, "histogram") == 0 ? 1 : 0; i < (strcmp(f->type, "histogram") == 0 ? 4 : 1); i++)
		ours = ours || (strlen(ends[i]) == n - base && strncmp(line + base, ends[i], n - base) == 0);
	assert_true(ours);
	if (strcmp(f->type, "counter") == 0)
		assert_string_equal(f->name + base - 6, "_total");
	value = skip_labels(line + n);
	assert_int_equal(*value, ' ');
	(void)strtod(value + 1, &end);
	assert_true(end > value + 1 && *end == '\0');
}

/* Every sample behind its own HELP and TYPE, no family twice. */
static void
check_format(char *text)
{
	struct family f = {0};
	char *save = NULL;
	size_t samples = 0, families = 0;
	static char seen[64][80];

	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char name[80] = "", type[16] = "";

		if (sscanf(line, "# HELP %79s", name) == 1) {
			for (size_t i = 0; i < families; i++)
				assert_string_not_equal(seen[i], name);
			(void)snprintf(seen[families++], sizeof(seen[0]), "%s", name);
			(void)snprintf(f.name, sizeof(f.name), "%s", name);
			f.type[0] = '\0';
		} else if (sscanf(line, "# TYPE %79s %15s", name, type) == 2) {
			assert_string_equal(name, f.name);
			(void)snprintf(f.type, sizeof(f.type), "%s", type);
			assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
			            strcmp(type, "histogram") == 0);
		} else {
			assert_true(f.type[0] != '\0');
			check_sample(line, &f);
			samples++;
		}
	}
	assert_true(families >= 11 && samples > families);
}

/* Buckets never fall, and the last one is the count. */
static void
check_histogram(const char *text, const char *name)
{
	unsigned long long last = 0, n = 0;
	char want[128];
	size_t buckets = 0;

	(void)snprintf(want, sizeof(want), "\n%s_bucket{le=\"", name);
	for (const char *at = text; (at = strstr(at, want)) != NULL; at++, buckets++) {
		n = strtoull(strchr(at, '}') + 1, NULL, 10);
		assert_true(n >= last);
		last = n;
	}
	assert_true(buckets >= 10);
	(void)snprintf(want, sizeof(want), "%s_bucket{le=\"+Inf\"} %llu", name, n);
	want_line(text, want);
	(void)snprintf(want, sizeof(want), "%s_count %llu", name, n);
	want_line(text, want);
}

static struct metrics
some(void)
{
	struct metrics m = {0};

	metrics_decision(&m, GATE_ALLOW, "ok", 40);
	metrics_decision(&m, GATE_ALLOW, "ok", 51);
	metrics_decision(&m, GATE_WAIT, "budget", 20000000);
	metrics_decision(&m, GATE_REFUSE, "frozen", -5);
	metrics_sync(&m, 2, 1000);
	metrics_sync(&m, 256, 1500000);
	m.store_errors = 7;
	return m;
}

static void
metrics__counts_are_told(void **state)
{
	const struct metrics_now now = {
		.connections = 3, .store_up = true, .clock_sure = true, .clock_ahead_ms = -1234, .frozen_domains = 2};
	struct metrics m = some();
	char *text = text_of(&m, &now);

	(void)state;
	want_line(text, "coldrelay_decisions_total{verdict=\"allow\",reason=\"ok\"} 2");
	want_line(text, "coldrelay_decisions_total{verdict=\"wait\",reason=\"budget\"} 1");
	want_line(text, "coldrelay_decision_seconds_bucket{le=\"5e-05\"} 2");
	want_line(text, "coldrelay_decision_seconds_bucket{le=\"0.0001\"} 3");
	want_line(text, "coldrelay_decision_seconds_bucket{le=\"10\"} 3");
	want_line(text, "coldrelay_decision_seconds_bucket{le=\"+Inf\"} 4");
	want_line(text, "coldrelay_decision_seconds_sum 20.000091");
	want_line(text, "coldrelay_commit_batch_size_bucket{le=\"2\"} 1");
	want_line(text, "coldrelay_commit_batch_size_sum 258");
	want_line(text, "coldrelay_sync_seconds_bucket{le=\"0.001\"} 1");
	want_line(text, "coldrelay_sync_seconds_count 2");
	want_line(text, "coldrelay_store_errors_total 7");
	want_line(text, "coldrelay_connections 3");
	want_line(text, "coldrelay_clock_state 1");
	want_line(text, "coldrelay_clock_offset_seconds -1.234");
	want_line(text, "coldrelay_frozen_domains 2");
	check_histogram(text, "coldrelay_decision_seconds");
	check_histogram(text, "coldrelay_commit_batch_size");
	check_histogram(text, "coldrelay_sync_seconds");
	check_format(text);
	free(text);
}

static void
metrics__what_is_not_known_is_not_told(void **state)
{
	struct metrics m = some();
	struct metrics_now now = {.store_up = false, .frozen_domains = 9, .clock_sure = true};
	char *text = text_of(&m, &now);

	(void)state;
	want_line(text, "coldrelay_store_up 0");
	assert_null(strstr(text, "frozen_domains"));
	assert_null(strstr(text, "clock_state"));
	check_format(text);
	free(text);
	now = (struct metrics_now){.store_up = true};
	text = text_of(&m, &now);
	want_line(text, "coldrelay_clock_state 0");
	assert_null(strstr(text, "clock_offset"));
	free(text);
}

static void
metrics__reasons_are_bounded(void **state)
{
	struct metrics m = {0};
	const struct metrics_now now = {0};
	char reason[16], *text;
	uint64_t sum = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(reason, sizeof(reason), "r%d", i);
		metrics_decision(&m, GATE_WAIT, reason, 1);
		metrics_decision(&m, GATE_REFUSE, reason, 1);
	}
	metrics_decision(&m, GATE_ALLOW, "late", 1);
	assert_true(m.n_decisions <= METRICS_REASONS);
	for (size_t i = 0; i < m.n_decisions; i++)
		sum += m.decisions[i].n;
	assert_int_equal(sum, 201);
	text = text_of(&m, &now);
	want_line(text, "coldrelay_decisions_total{verdict=\"allow\",reason=\"other\"} 1");
	check_format(text);
	free(text);
}

int
main(void)
{
	struct CMUnitTest tests[32] = {{0}};
	size_t n = 0;

	ROWS(tests, n, asked, check_asked);
	TEST(tests, n, metrics__a_request_without_end_is_bad_at_4096_bytes);
	TEST(tests, n, metrics__counts_are_told);
	TEST(tests, n, metrics__what_is_not_known_is_not_told);
	TEST(tests, n, metrics__reasons_are_bounded);
	return rows_run("budget/metrics", tests, n);
}
