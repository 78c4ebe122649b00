/*
 * The curl transport against a server on 127.0.0.1 that misbehaves by script: above all, what counts as sent.
 */
#include "tests/lib/rows.h"

#include <pthread.h>
#include <unistd.h>

#include "core/http.h"
#include "core/log.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/httpd.h"
#include "tests/lib/tlsd.h"

#define TIMEOUT_MS 5000
#define HANG_MS    200 /* long enough for 127.0.0.1, short enough for a test */

struct bench {
	struct httpd *server;
	struct http *http;
	struct http_reply reply;
	struct err err;
};

static void
bench_open(struct bench *b, const struct httpd_answer *script, size_t n)
{
	static const struct http_curl_options options = {.user_agent = "coldrelay-test"};

	*b = (struct bench){.server = httpd_script(script, n)};
	assert_ok(http_curl_open(&options, &b->http, &b->err), &b->err);
}

static void
bench_close(struct bench *b)
{
	http_reply_release(&b->reply);
	http_drop(&b->http);
	httpd_drop(&b->server);
}

static enum http_outcome
ask_at(struct bench *b, const char *method, const char *base, const char *body, int64_t timeout_ms)
{
	struct http_request q = {.method = method};
	enum http_outcome outcome;

	assert_ok(http_request_set_url(&q, base, "/v1/zones?token=hidden", &b->err), &b->err);
	if (body != NULL) {
		buf_adds(&q.body, body);
		q.content_type = "application/json";
	}
	http_reply_release(&b->reply);
	outcome = b->http->ops->perform(b->http, &q, timeout_ms, &b->reply, &b->err);
	http_request_release(&q);
	return outcome;
}

static enum http_outcome
ask(struct bench *b, const char *method, const char *body)
{
	return ask_at(b, method, httpd_url(b->server), body, TIMEOUT_MS);
}

/* How one answer to one method is to be read. */
struct row {
	const char *name;
	const char *method;
	struct httpd_answer answer;
	enum http_outcome want;
	int want_status;
	const char *want_body;
	size_t want_requests;
};

/* clang-format off */
static const struct row rows[] = {
	{"a reply is whole",                "GET",    {.body = "{}"},                    HTTP_OUTCOME_REPLY,      200, "{}",  1},
	{"a 500 is a reply",                "POST",   {.status = 500},                   HTTP_OUTCOME_REPLY,      500, "",    1},
	{"a redirect is not followed",      "GET",    {.status = 302, .headers = "Location: /else\r\n"},
	 HTTP_OUTCOME_REPLY,      302, "",    1},
	{"a page instead of JSON is a reply", "GET",  {.body = "<html>", .type = "text/html"}, HTTP_OUTCOME_REPLY, 200, "<html>", 1},
	{"HEAD has no body",                "HEAD",   {.body = "{}"},                    HTTP_OUTCOME_REPLY,      200, "",    1},
	{"a reset answer to a read",        "GET",    {.fault = HTTPD_RESET},            HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
	{"a reset answer to a write",       "POST",   {.fault = HTTPD_RESET},            HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
	{"a lost answer to a write",        "DELETE", {.fault = HTTPD_LOSE},             HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
	{"an answer cut in the middle",     "POST",   {.body = "{\"id\":1}", .fault = HTTPD_CUT},
	 HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
	{"an answer that is no HTTP",       "POST",   {.fault = HTTPD_GARBAGE},          HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
	{"a reply over the cap to a read is fatal", "GET", {.body_bytes = HTTP_REPLY_MAX_BYTES + 1},
	 HTTP_OUTCOME_FATAL,      0,   NULL,  1},
	{"a reply over the cap to a write leaves it open", "POST", {.body_bytes = HTTP_REPLY_MAX_BYTES + 1},
	 HTTP_OUTCOME_MAYBE_SENT, 0,   NULL,  1},
};
/* clang-format on */

static void
http_curl__row(void **state)
{
	const struct row *r = *state;
	struct bench b;

	bench_open(&b, &r->answer, 1);
	assert_int_equal(ask(&b, r->method, strcmp(r->method, "POST") == 0 ? "{}" : NULL), r->want);
	assert_int_equal(httpd_count(b.server), r->want_requests);
	if (r->want == HTTP_OUTCOME_REPLY) {
		assert_int_equal(b.reply.status, r->want_status);
		assert_string_equal(buf_str(&b.reply.body), r->want_body);
	} else {
		assert_int_not_equal(b.err.code, CR_OK);
		assert_null(strstr(b.err.text, "hidden"));
	}
	bench_close(&b);
}

static void
http_curl__a_closed_port_means_not_sent(void **state)
{
	struct bench b;
	char url[64];

	(void)state;
	bench_open(&b, NULL, 0);
	(void)snprintf(url, sizeof(url), "%s", httpd_url(b.server));
	httpd_drop(&b.server);
	assert_int_equal(ask_at(&b, "POST", url, "{}", TIMEOUT_MS), HTTP_OUTCOME_NOT_SENT);
	assert_int_equal(b.err.code, CR_ERETRY);
	bench_close(&b);
}

static void
http_curl__an_answer_that_never_comes_is_maybe_sent(void **state)
{
	static const struct httpd_answer script[] = {{.fault = HTTPD_HANG}};
	struct bench b;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_int_equal(ask_at(&b, "POST", httpd_url(b.server), "{}", HANG_MS), HTTP_OUTCOME_MAYBE_SENT);
	assert_int_equal(httpd_count(b.server), 1);
	bench_close(&b);
}

static void
http_curl__a_server_without_tls_means_not_sent(void **state)
{
	struct bench b;
	char url[64];

	(void)state;
	bench_open(&b, NULL, 0);
	(void)snprintf(url, sizeof(url), "https%s", httpd_url(b.server) + 4);
	/* The server waits for the end of a request head that never comes: the handshake runs into the deadline. */
	assert_int_equal(ask_at(&b, "POST", url, "{}", HANG_MS), HTTP_OUTCOME_NOT_SENT);
	assert_int_equal(httpd_count(b.server), 0);
	bench_close(&b);
}

static void
http_curl__a_connection_is_kept(void **state)
{
	static const struct httpd_answer script[] = {{0}, {0}, {.status = 404}, {0}};
	struct bench b;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		assert_int_equal(ask(&b, i % 2 == 0 ? "GET" : "POST", i % 2 == 0 ? NULL : "{}"), HTTP_OUTCOME_REPLY);
		assert_int_equal(httpd_seen(b.server, i)->connection, 0);
	}
	bench_close(&b);
}

static void
http_curl__a_kept_connection_found_closed_is_replaced(void **state)
{
	static const struct httpd_answer script[] = {{.fault = HTTPD_CLOSE_AFTER}, {.status = 201}};
	struct bench b;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_int_equal(ask(&b, "GET", NULL), HTTP_OUTCOME_REPLY);
	httpd_settle(b.server);
	assert_int_equal(ask(&b, "POST", "{}"), HTTP_OUTCOME_REPLY);
	assert_int_equal(b.reply.status, 201);
	assert_int_equal(httpd_count(b.server), 2);
	bench_close(&b);
}

static void
http_curl__a_write_lost_on_a_kept_connection_is_not_sent_twice(void **state)
{
	static const struct httpd_answer script[] = {{0}, {.fault = HTTPD_LOSE}, {.status = 201}};
	struct bench b;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_int_equal(ask(&b, "GET", NULL), HTTP_OUTCOME_REPLY);
	assert_int_equal(ask(&b, "POST", "{}"), HTTP_OUTCOME_MAYBE_SENT);
	assert_int_equal(httpd_count(b.server), 2);
	bench_close(&b);
}

static void
http_curl__a_read_lost_on_a_kept_connection_is_asked_again(void **state)
{
	static const struct httpd_answer script[] = {{0}, {.fault = HTTPD_LOSE}, {.status = 202}};
	struct bench b;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_int_equal(ask(&b, "GET", NULL), HTTP_OUTCOME_REPLY);
	assert_int_equal(ask(&b, "GET", NULL), HTTP_OUTCOME_REPLY);
	assert_int_equal(b.reply.status, 202);
	bench_close(&b);
}

struct refused {
	const char *name;
	const char *base;
	const char *want_text;
};

static const struct refused refused[] = {
	{"plain http to another host is refused",           "http://192.0.2.1",           "without TLS"      },
	{"a name that begins like loopback is no loopback", "http://127.0.0.1.example",   "without TLS"      },
	{"a loopback name with a tail is no loopback",      "http://localhost.example",   "without TLS"      },
	{"a file is no provider",                           "file:///etc",                "not a web address"},
	{"an ftp server is no provider",                    "ftp://127.0.0.1",            "neither https nor"},
	{"a user name in the address is refused",           "https://u:hidden@127.0.0.1", "user name"        },
	{"no address at all",			       "zones",                      ""                 },
	{"a line break in the address",                     "http://127.0.0.1/\r\nX: y",  "not a web address"},
};

static void
http_curl__refused(void **state)
{
	const struct refused *r = *state;
	struct bench b;

	bench_open(&b, NULL, 0);
	assert_int_equal(ask_at(&b, "GET", r->base, NULL, TIMEOUT_MS), HTTP_OUTCOME_FATAL);
	assert_non_null(strstr(b.err.text, r->want_text));
	assert_null(strstr(b.err.text, "token=hidden"));
	bench_close(&b);
}

static void
http_curl__the_request_arrives_as_written(void **state)
{
	static const struct httpd_answer script[] = {
		{.status = 429,
	         .headers = "RETRY-AFTER:  7 \r\nLocation: /x\r\nAzure-AsyncOperation: /y?z\r\n",
	         .type = "application/problem+json"},
	};
	struct http_request q = {.method = "PATCH", .content_type = "application/json"};
	struct secret *s = NULL;
	struct bench b;
	char value[128];
	const struct httpd_seen *seen;

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_ok(secret_make("opensesame", 10, &s, &b.err), &b.err);
	assert_ok(http_request_set_url(&q, httpd_url(b.server), "/a%20b?c=d", &b.err), &b.err);
	http_request_add_header(&q, "X-Plain", "one two");
	http_request_add_secret(&q, "Authorization", "Bearer ", s);
	buf_adds(&q.body, "{\"a\":1}");
	assert_int_equal(b.http->ops->perform(b.http, &q, TIMEOUT_MS, &b.reply, &b.err), HTTP_OUTCOME_REPLY);
	seen = httpd_seen(b.server, 0);
	assert_string_equal(seen->method, "PATCH");
	assert_string_equal(seen->target, "/a%20b?c=d");
	assert_string_equal(seen->body, "{\"a\":1}");
	assert_string_equal(httpd_header(seen, "X-Plain", value, sizeof(value)), "one two");
	assert_string_equal(httpd_header(seen, "Authorization", value, sizeof(value)), "Bearer opensesame");
	assert_string_equal(httpd_header(seen, "Content-Type", value, sizeof(value)), "application/json");
	assert_string_equal(httpd_header(seen, "User-Agent", value, sizeof(value)), "coldrelay-test");
	assert_string_equal(httpd_header(seen, "Expect", value, sizeof(value)), "");
	assert_string_equal(b.reply.retry_after, "7");
	assert_string_equal(b.reply.location, "/x");
	assert_string_equal(b.reply.operation, "/y?z");
	assert_string_equal(b.reply.content_type, "application/problem+json");
	secret_drop(&s);
	http_request_release(&q);
	bench_close(&b);
}

static void
http_curl__a_header_cannot_smuggle_another(void **state)
{
	struct http_request q = {.method = "GET"};
	struct bench b;

	(void)state;
	bench_open(&b, NULL, 0);
	assert_ok(http_request_set_url(&q, httpd_url(b.server), "/", &b.err), &b.err);
	http_request_add_header(&q, "X-Plain", "a\r\nX-Other: b");
	assert_int_equal(b.http->ops->perform(b.http, &q, TIMEOUT_MS, &b.reply, &b.err), HTTP_OUTCOME_FATAL);
	assert_int_equal(httpd_count(b.server), 0);
	http_request_release(&q);
	bench_close(&b);
}

/* Everything that is said at trace level, into text. */
static void
with_trace(void (*act)(void **), char *text, size_t size)
{
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t len;

	assert_non_null(to);
	(void)dup2(fileno(to), STDERR_FILENO);
	log_set_level(LOG_LEVEL_TRACE);
	act(NULL);
	log_set_level(LOG_LEVEL_INFO);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	rewind(to);
	len = fread(text, 1, size - 1, to);
	text[len] = '\0';
	(void)fclose(to);
}

static void
http_curl__the_trace_shows_no_secret(void **state)
{
	char text[16384];

	(void)state;
	with_trace(http_curl__the_request_arrives_as_written, text, sizeof(text));
	assert_non_null(strstr(text, "PATCH http://127.0.0.1:"));
	assert_non_null(strstr(text, "429"));
	assert_non_null(strstr(text, "Authorization: [redacted]"));
	assert_null(strstr(text, "opensesame"));
	assert_null(strstr(text, "c=d"));
}

static void
http_curl__the_retry_rule_lives_through_three_503(void **state)
{
	static const struct httpd_answer script[] = {{.status = 503}, {.status = 503}, {.status = 503}, {.body = "[]"}};
	static const struct http_policy policy = {0};
	struct http_request q = {.method = "GET"};
	struct fake_clock clock;
	struct bench b;

	(void)state;
	fake_clock_init(&clock, 1764068819000);
	bench_open(&b, script, ARRAY_LEN(script));
	assert_ok(http_request_set_url(&q, httpd_url(b.server), "/", &b.err), &b.err);
	assert_ok(http_exchange(b.http, &clock.clock, &policy, &q, &b.reply, &b.err), &b.err);
	assert_string_equal(buf_str(&b.reply.body), "[]");
	assert_int_equal(clock.sleeps, 3);
	http_request_release(&q);
	bench_close(&b);
}

struct trust {
	const char *name;
	const char *san;
	bool trusted; /* the certificate's issuer */
	enum http_outcome want;
};

static const struct trust trusts[] = {
	{"TLS: a trusted certificate of this name is believed",    "IP:127.0.0.1",      true,  HTTP_OUTCOME_REPLY},
	{"TLS: an unknown issuer is fatal, and nothing is sent",   "IP:127.0.0.1",      false, HTTP_OUTCOME_FATAL},
	{"TLS: another host's name is fatal, and nothing is sent", "DNS:other.example", true,  HTTP_OUTCOME_FATAL},
};

static void
http_curl__trust(void **state)
{
	const struct trust *t = *state;
	struct tlsd *server = tlsd_open(t->san);
	struct http_curl_options options = {.ca_file = t->trusted ? tlsd_ca_file(server) : NULL};
	struct bench b = {0};

	assert_ok(http_curl_open(&options, &b.http, &b.err), &b.err);
	assert_int_equal(ask_at(&b, "POST", tlsd_url(server), "{}", TIMEOUT_MS), t->want);
	assert_int_equal(tlsd_count(server), t->want == HTTP_OUTCOME_REPLY ? 1 : 0);
	if (t->want == HTTP_OUTCOME_FATAL)
		assert_int_equal(b.err.code, CR_EIO);
	bench_close(&b);
	tlsd_drop(&server);
}

#define WORKERS 8
#define EACH    20

static void
answer_three(void *arg, const struct httpd_seen *q, struct httpd_answer *a)
{
	(void)arg;
	a->status = q->body_len == 3 ? 200 : 400;
}

struct crowd {
	struct http *http;
	const char *url;
	_Atomic int good;
};

static void *
worker(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < EACH; i++) {
		struct http_request q = {.method = "POST", .content_type = "text/plain"};
		struct http_reply reply = {0};
		struct err err;

		buf_adds(&q.body, "abc");
		if (http_request_set_url(&q, c->url, "/", &err) == CR_OK &&
		    c->http->ops->perform(c->http, &q, TIMEOUT_MS, &reply, &err) == HTTP_OUTCOME_REPLY &&
		    reply.status == 200)
			c->good++;
		http_request_release(&q);
		http_reply_release(&reply);
	}
	return NULL;
}

static void
http_curl__threads_share_one_transport(void **state)
{
	static const struct http_curl_options options = {0};
	struct httpd *server = httpd_handle(answer_three, NULL);
	struct crowd crowd = {.url = httpd_url(server)};
	pthread_t threads[WORKERS];
	struct err err;

	(void)state;
	assert_ok(http_curl_open(&options, &crowd.http, &err), &err);
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, worker, &crowd), 0);
	for (size_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.good, WORKERS * EACH);
	assert_int_equal(httpd_count(server), WORKERS * EACH);
	for (size_t i = 0; i < httpd_count(server); i++)
		assert_true(httpd_seen(server, i)->connection < WORKERS);
	http_drop(&crowd.http);
	httpd_drop(&server);
}

/* The signature itself is checked by whoever knows the secret: here, that the transport makes one and tells nothing else. */
static void
http_curl__a_request_is_signed_for_aws(void **state)
{
	static const struct httpd_answer script[] = {{.body = "<ok/>"}};
	struct http_request q = {.method = "GET", .sigv4 = "aws:amz:us-east-1:route53"};
	struct secret *user = NULL;
	struct bench b;
	char value[512];

	(void)state;
	bench_open(&b, script, ARRAY_LEN(script));
	assert_ok(secret_make("AKIDEXAMPLE:topsecret", 21, &user, &b.err), &b.err);
	q.sigv4_user = user;
	assert_ok(http_request_set_url(&q, httpd_url(b.server), "/2013-04-01/hostedzonesbyname?dnsname=a&maxitems=1",
	                               &b.err),
	          &b.err);
	assert_int_equal(b.http->ops->perform(b.http, &q, TIMEOUT_MS, &b.reply, &b.err), HTTP_OUTCOME_REPLY);
	(void)httpd_header(httpd_seen(b.server, 0), "Authorization", value, sizeof(value));
	assert_int_equal(strncmp(value, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/", 40), 0);
	assert_non_null(strstr(value, "/us-east-1/route53/aws4_request"));
	/* What is signed is there: no header that was taken out. */
	assert_non_null(strstr(value, "SignedHeaders=host;x-amz-date,"));
	assert_null(strstr(httpd_seen(b.server, 0)->headers, "topsecret"));
	http_request_release(&q);
	secret_drop(&user);
	bench_close(&b);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rows, http_curl__row);
	ROWS(tests, n, refused, http_curl__refused);
	ROWS(tests, n, trusts, http_curl__trust);
	TEST(tests, n, http_curl__a_closed_port_means_not_sent);
	TEST(tests, n, http_curl__an_answer_that_never_comes_is_maybe_sent);
	TEST(tests, n, http_curl__a_server_without_tls_means_not_sent);
	TEST(tests, n, http_curl__a_connection_is_kept);
	TEST(tests, n, http_curl__a_kept_connection_found_closed_is_replaced);
	TEST(tests, n, http_curl__a_write_lost_on_a_kept_connection_is_not_sent_twice);
	TEST(tests, n, http_curl__a_read_lost_on_a_kept_connection_is_asked_again);
	TEST(tests, n, http_curl__the_request_arrives_as_written);
	TEST(tests, n, http_curl__a_header_cannot_smuggle_another);
	TEST(tests, n, http_curl__the_trace_shows_no_secret);
	TEST(tests, n, http_curl__the_retry_rule_lives_through_three_503);
	TEST(tests, n, http_curl__threads_share_one_transport);
	TEST(tests, n, http_curl__a_request_is_signed_for_aws);
	return rows_run("core/http_curl", tests, n);
}
