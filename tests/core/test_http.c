/*
 * The retry rule, on a transport that plays a list of outcomes and a clock that does not really wait.
 */
#include "tests/lib/rows.h"

#include "core/http.h"
#include "tests/lib/fake_clock.h"

#define NOW_MS INT64_C(784111777000) /* Sun, 06 Nov 1994 08:49:37 GMT */

struct played {
	enum http_outcome outcome;
	int status;
	const char *retry_after;
	int64_t takes_ms;
};

struct stage {
	struct http http;
	const struct played *acts;
	int done;
	struct fake_clock clock;
};

static enum http_outcome
stage_perform(struct http *h, const struct http_request *q, int64_t timeout_ms, struct http_reply *reply,
              struct err *err)
{
	struct stage *s = (struct stage *)h;
	const struct played *p = &s->acts[s->done++];

	assert_true(timeout_ms > 0);
	(void)q;
	fake_clock_advance(&s->clock, p->takes_ms < timeout_ms ? p->takes_ms : timeout_ms);
	if (p->outcome != HTTP_OUTCOME_REPLY) {
		(void)err_set(err, p->outcome == HTTP_OUTCOME_FATAL ? CR_EIO : CR_ERETRY, "played failure");
		return p->outcome;
	}
	reply->status = p->status;
	if (p->retry_after != NULL)
		(void)snprintf(reply->retry_after, sizeof(reply->retry_after), "%s", p->retry_after);
	return HTTP_OUTCOME_REPLY;
}

static const struct http_ops stage_ops = {.perform = stage_perform};

static bool
locked_is_transient(const struct http_reply *r)
{
	return r->status == 500;
}

#define REPLY(code)                                                                                                    \
	{                                                                                                              \
		.outcome = HTTP_OUTCOME_REPLY, .status = (code)                                                        \
	}
#define REPLY_AFTER(code, ra)                                                                                          \
	{                                                                                                              \
		.outcome = HTTP_OUTCOME_REPLY, .status = (code), .retry_after = (ra)                                   \
	}
#define FAILS(how)                                                                                                     \
	{                                                                                                              \
		.outcome = HTTP_OUTCOME_##how                                                                          \
	}
#define FAILS_SLOWLY(how, ms)                                                                                          \
	{                                                                                                              \
		.outcome = HTTP_OUTCOME_##how, .takes_ms = (ms)                                                        \
	}

struct row {
	const char *name;
	const char *method;
	struct http_policy policy;
	int64_t deadline_ms; /* the transport's */
	struct played acts[8];
	int want_rc, want_attempts, want_status;
	int64_t want_slept_min_ms, want_slept_max_ms;
	int want_retry_after_s; /* -1: any */
};

/* clang-format 14 dies of rows that differ in length. */
/* clang-format off */
static const struct row rows[] = {
	{.name = "a reply is handed over", .method = "GET", .acts = {REPLY(200)}, .want_attempts = 1, .want_status = 200},
	{.name = "a 404 is the caller's to judge", .method = "GET", .acts = {REPLY(404)}, .want_attempts = 1,
	 .want_status = 404},
	{.name = "a 500 is not repeated unasked", .method = "GET", .acts = {REPLY(500)}, .want_attempts = 1,
	 .want_status = 500},
	{.name = "a 500 the driver calls transient is repeated, even for a write", .method = "POST",
	 .policy = {.transient = locked_is_transient, .backoff_ms = 50}, .acts = {REPLY(500), REPLY(500), REPLY(201)},
	 .want_attempts = 3, .want_status = 201, .want_slept_min_ms = 75, .want_slept_max_ms = 150},
	{.name = "429 waits as long as Retry-After says", .method = "POST",
	 .acts = {REPLY_AFTER(429, "7"), REPLY(201)}, .want_attempts = 2, .want_status = 201,
	 .want_slept_min_ms = 7000, .want_slept_max_ms = 7000},
	{.name = "503 waits until the date of Retry-After", .method = "POST",
	 .acts = {REPLY_AFTER(503, "Sun, 06 Nov 1994 08:49:50 GMT"), REPLY(201)}, .want_attempts = 2,
	 .want_status = 201, .want_slept_min_ms = 13000, .want_slept_max_ms = 13000},
	{.name = "Retry-After 0 still backs off", .method = "GET", .acts = {REPLY_AFTER(429, "0"), REPLY(200)},
	 .want_attempts = 2, .want_status = 200, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "an unreadable Retry-After backs off", .method = "GET", .acts = {REPLY_AFTER(429, "soon"), REPLY(200)},
	 .want_attempts = 2, .want_status = 200, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "a wait beyond the deadline is the caller's", .method = "GET", .acts = {REPLY_AFTER(429, "300")},
	 .want_rc = CR_ERETRY, .want_attempts = 1, .want_retry_after_s = 300},
	{.name = "the operator's deadline ends a wait sooner", .method = "GET", .deadline_ms = 2000,
	 .acts = {REPLY_AFTER(429, "5")}, .want_rc = CR_ERETRY, .want_attempts = 1, .want_retry_after_s = 5},
	{.name = "a policy's deadline goes before the operator's", .method = "GET", .deadline_ms = 2000,
	 .policy = {.deadline_ms = 9000}, .acts = {REPLY_AFTER(429, "5"), REPLY(200)}, .want_attempts = 2, .want_status = 200,
	 .want_slept_min_ms = 5000, .want_slept_max_ms = 5000},
	{.name = "back-off doubles with jitter", .method = "GET",
	 .acts = {REPLY(503), REPLY(503), REPLY(503), REPLY(200)}, .want_attempts = 4, .want_status = 200,
	 .want_slept_min_ms = 3500, .want_slept_max_ms = 7000},
	{.name = "attempts come to an end", .method = "GET", .policy = {.attempts_max = 3},
	 .acts = {REPLY(503), REPLY(503), REPLY(503), REPLY(200)}, .want_rc = CR_ERETRY, .want_attempts = 3,
	 .want_slept_min_ms = 1500, .want_slept_max_ms = 3000, .want_retry_after_s = -1},
	{.name = "a write that was not sent is repeated", .method = "POST", .acts = {FAILS(NOT_SENT), REPLY(201)},
	 .want_attempts = 2, .want_status = 201, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "a write that was never sent was not done", .method = "POST", .policy = {.attempts_max = 2},
	 .acts = {FAILS(NOT_SENT), FAILS(NOT_SENT)}, .want_rc = CR_ERETRY, .want_attempts = 2,
	 .want_slept_min_ms = 500, .want_slept_max_ms = 1000, .want_retry_after_s = -1},
	{.name = "a write that was perhaps sent is not repeated", .method = "POST", .acts = {FAILS(MAYBE_SENT)},
	 .want_rc = CR_EUNKNOWN, .want_attempts = 1},
	{.name = "a write lost in a gateway is not repeated", .method = "POST", .acts = {REPLY(504)},
	 .want_rc = CR_EUNKNOWN, .want_attempts = 1},
	{.name = "a read lost in a gateway is repeated", .method = "GET", .acts = {REPLY(502), REPLY(200)},
	 .want_attempts = 2, .want_status = 200, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "an idempotent write is repeated", .method = "PATCH", .policy = {.idempotent_write = true},
	 .acts = {FAILS(MAYBE_SENT), REPLY(504), REPLY(204)}, .want_attempts = 3, .want_status = 204,
	 .want_slept_min_ms = 1500, .want_slept_max_ms = 3000},
	{.name = "a write once perhaps done stays unknown when giving up", .method = "PATCH",
	 .policy = {.idempotent_write = true, .attempts_max = 2}, .acts = {FAILS(MAYBE_SENT), FAILS(NOT_SENT)},
	 .want_rc = CR_EUNKNOWN, .want_attempts = 2, .want_slept_min_ms = 500, .want_slept_max_ms = 1000,
	 .want_retry_after_s = -1},
	{.name = "a write once perhaps done stays unknown after a fatal failure", .method = "PATCH",
	 .policy = {.idempotent_write = true}, .acts = {FAILS(MAYBE_SENT), FAILS(FATAL)}, .want_rc = CR_EUNKNOWN,
	 .want_attempts = 2, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "a read cut off is repeated", .method = "GET", .acts = {FAILS(MAYBE_SENT), REPLY(200)},
	 .want_attempts = 2, .want_status = 200, .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "a read that hangs is asked anew within the deadline", .method = "GET",
	 .acts = {FAILS_SLOWLY(MAYBE_SENT, 999999), REPLY(200)}, .want_attempts = 2, .want_status = 200,
	 .want_slept_min_ms = 500, .want_slept_max_ms = 1000},
	{.name = "a write that hangs is waited for until the deadline", .method = "POST",
	 .policy = {.deadline_ms = 45000}, .acts = {{.outcome = HTTP_OUTCOME_REPLY, .status = 201, .takes_ms = 44000}},
	 .want_attempts = 1, .want_status = 201},
	{.name = "a fatal failure is not repeated", .method = "GET", .acts = {FAILS(FATAL)}, .want_rc = CR_EIO,
	 .want_attempts = 1},
	{.name = "the deadline ends it", .method = "GET", .policy = {.deadline_ms = 2000, .attempts_max = 8},
	 .acts = {FAILS_SLOWLY(NOT_SENT, 900), FAILS_SLOWLY(NOT_SENT, 900), REPLY(200)}, .want_rc = CR_ERETRY,
	 .want_attempts = 2, .want_slept_min_ms = 500, .want_slept_max_ms = 1000, .want_retry_after_s = -1},
};
/* clang-format on */

static void
http_exchange__row(void **state)
{
	const struct row *r = *state;
	struct stage s = {
		.http = {.ops = &stage_ops, .deadline_ms = r->deadline_ms},
                  .acts = r->acts
        };
	struct http_request q = {.method = r->method};
	struct http_reply reply = {0};
	struct err err = {0};
	int rc;

	fake_clock_init(&s.clock, NOW_MS);
	assert_ok(http_request_set_url(&q, "https://api.example/v1/", "/zones?key=hidden", &err), &err);
	rc = http_exchange(&s.http, &s.clock.clock, &r->policy, &q, &reply, &err);
	if (rc != r->want_rc)
		fail_msg("%s instead of %s: %s", err_code_name(rc), err_code_name(r->want_rc), err.text);
	assert_int_equal(s.done, r->want_attempts);
	if (rc == CR_OK)
		assert_int_equal(reply.status, r->want_status);
	else if (r->want_retry_after_s >= 0)
		assert_int_equal(err.retry_after_s, r->want_retry_after_s);
	assert_true(s.clock.slept_ms >= r->want_slept_min_ms);
	assert_true(s.clock.slept_ms <= r->want_slept_max_ms);
	assert_null(strstr(err.text, "hidden"));
	http_reply_release(&reply);
	http_request_release(&q);
}

struct after {
	const char *name;
	const char *value;
	int64_t want_s;
};

static const struct after afters[] = {
	{"seconds",				     "120",			     120     },
	{"seconds with blanks",                         " 120 ",                           120     },
	{"no seconds",				  "0",			       0       },
	{"more seconds than a number holds",            "99999999999999999999999999",      31536000},
	{"a date, RFC 1123 form",                       "Sun, 06 Nov 1994 08:50:37 GMT",   60      },
	{"a date, RFC 850 form",                        "Sunday, 06-Nov-94 08:50:37 GMT",  60      },
	{"a date, asctime form",                        "Sun Nov  6 08:50:37 1994",        60      },
	{"a date, asctime form, two digits",            "Wed Nov 16 08:49:37 1994",        864000  },
	{"a date gone by",			      "Sat, 05 Nov 1994 08:50:37 GMT",   0       },
	{"an RFC 850 year over 50 years ahead is past", "Sunday, 06-Nov-60 08:50:37 GMT",  0       },
	{"a leap second",			       "Sat, 31 Dec 1994 23:59:60 GMT",   4806623 },
	{"a date far ahead",                            "Fri, 31 Dec 9999 23:59:59 GMT",   31536000},
	{"empty",				       "",				-1      },
	{"negative",				    "-5",			      -1      },
	{"a fraction",				  "1.5",                             -1      },
	{"words",				       "in a minute",                     -1      },
	{"another zone",				"Sun, 06 Nov 1994 08:50:37 CET",   -1      },
	{"an hour 24",				  "Sun, 06 Nov 1994 24:50:37 GMT",   -1      },
	{"a date cut short",                            "Sun, 06 Nov 1994 08:50",          -1      },
	{"a date with a tail",                          "Sun, 06 Nov 1994 08:50:37 GMT x", -1      },
	{"RFC 3339",				    "1994-11-06T08:50:37Z",            -1      },
};

static void
http_retry_after__row(void **state)
{
	const struct after *r = *state;

	assert_int_equal(http_retry_after(r->value, NOW_MS / 1000), r->want_s);
}

static void
http_request__joins_base_and_path_with_one_slash(void **state)
{
	struct http_request q = {.method = "GET"};
	struct err err;

	(void)state;
	assert_ok(http_request_set_url(&q, "https://a.example//", "/x", &err), &err);
	assert_string_equal(q.url, "https://a.example/x");
	assert_ok(http_request_set_url(&q, "https://b.example", "/y", &err), &err);
	assert_string_equal(q.url, "https://b.example/y");
	http_request_release(&q);
	assert_null(q.url);
	http_request_release(&q);
}

static void
http_encode__keeps_only_the_unreserved(void **state)
{
	struct buf b = {0};

	(void)state;
	http_encode(&b, "a-Z_0.~ /?&=%\xc3\xa9");
	assert_string_equal(buf_str(&b), "a-Z_0.~%20%2F%3F%26%3D%25%C3%A9");
	buf_release(&b);
}

static void
http_exchange__refuses_a_body_that_was_not_built_whole(void **state)
{
	static const struct http_policy policy = {0};
	struct stage s = {.http = {.ops = &stage_ops}};
	struct http_request q = {.method = "POST", .body = {.max_bytes = 3}};
	struct http_reply reply = {0};
	struct err err;

	(void)state;
	fake_clock_init(&s.clock, NOW_MS);
	assert_ok(http_request_set_url(&q, "https://a.example", "/", &err), &err);
	buf_adds(&q.body, "four");
	assert_int_equal(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), CR_EPARSE);
	assert_int_equal(s.done, 0);
	http_request_release(&q);
}

/* A hundred seconds in line do not count as trouble of the provider; a Retry-After holds for the next request too. */
static void
http__requests_take_their_turn_and_a_429_holds_for_all(void **state)
{
	static const struct pacer_limit limit = {1, 100000};
	static const struct played acts[] = {REPLY(200), REPLY(503), REPLY(200), REPLY_AFTER(429, "200"), REPLY(200)};
	struct stage s = {.http.ops = &stage_ops, .acts = acts};
	struct http_policy policy = {.deadline_ms = 60000};
	struct http_request q = {.method = "GET"};
	struct http_reply reply = {0};
	struct err err = {0};

	(void)state;
	fake_clock_init(&s.clock, NOW_MS);
	assert_ok(pacer_open(&limit, 1, &policy.pacer, &err), &err);
	assert_ok(http_request_set_url(&q, "http://x.example", "/", &err), &err);
	assert_ok(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), &err);
	assert_int_equal(s.clock.slept_ms, 0);
	assert_ok(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), &err);
	assert_int_equal(s.clock.slept_ms, 200000);
	assert_int_equal(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), CR_ERETRY);
	assert_int_equal(err.retry_after_s, 200);
	assert_int_equal(s.clock.slept_ms, 300000);
	assert_ok(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), &err);
	assert_int_equal(s.clock.slept_ms, 500000);
	assert_int_equal(s.done, 5);
	pacer_drop(&policy.pacer);
	http_request_release(&q);
	http_reply_release(&reply);
}

static bool
is_400(const struct http_reply *r)
{
	return r->status == 400;
}

/* Some say with another status that too much was asked. */
static void
http__a_reply_that_means_429_is_retried_and_holds_for_all(void **state)
{
	static const struct pacer_limit limit = {1, 1};
	static const struct played acts[] = {REPLY(400), REPLY(200), REPLY_AFTER(400, "200"), REPLY(200)};
	struct stage s = {.http.ops = &stage_ops, .acts = acts};
	struct http_policy policy = {.deadline_ms = 60000, .throttled = is_400};
	struct http_request q = {.method = "POST"};
	struct http_reply reply = {0};
	struct err err = {0};

	(void)state;
	fake_clock_init(&s.clock, NOW_MS);
	assert_ok(pacer_open(&limit, 1, &policy.pacer, &err), &err);
	assert_ok(http_request_set_url(&q, "http://x.example", "/", &err), &err);
	assert_ok(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), &err);
	assert_int_equal(reply.status, 200);
	assert_in_range(s.clock.slept_ms, 500, 1001);
	s.clock.slept_ms = 0;
	assert_int_equal(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), CR_ERETRY);
	assert_ok(http_exchange(&s.http, &s.clock.clock, &policy, &q, &reply, &err), &err);
	assert_in_range(s.clock.slept_ms, 200000, 200010);
	pacer_drop(&policy.pacer);
	http_request_release(&q);
	http_reply_release(&reply);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rows, http_exchange__row);
	ROWS(tests, n, afters, http_retry_after__row);
	TEST(tests, n, http_request__joins_base_and_path_with_one_slash);
	TEST(tests, n, http_encode__keeps_only_the_unreserved);
	TEST(tests, n, http_exchange__refuses_a_body_that_was_not_built_whole);
	TEST(tests, n, http__requests_take_their_turn_and_a_429_holds_for_all);
	TEST(tests, n, http__a_reply_that_means_429_is_retried_and_holds_for_all);
	return rows_run("core/http", tests, n);
}
