/*
 * test_oauth.c - what oauth.h promises, against a token endpoint and an API on 127.0.0.1.
 */
#include "tests/lib/rows.h"

#include "core/oauth.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/httpd.h"

#define START_MS ((int64_t)1764068819000)

/* Gives out t1, t2, ...; takes what it is told to take. */
struct cloud {
	struct httpd *server;
	struct http *http;
	struct oauth *oauth;
	struct secret *secret;
	struct fake_clock clock;
	struct err err;
	char url[128], answer[256], taken[32];
	int given, lifetime_s;
	const char *token_error; /* a whole answer of the token endpoint, with token_status */
	int token_status;
};

static void
handle(void *arg, const struct httpd_seen *q, struct httpd_answer *a)
{
	struct cloud *c = arg;
	char sent[64];

	if (strcmp(q->target, "/token") == 0) {
		if (c->token_error != NULL) {
			a->status = c->token_status;
			a->body = c->token_error;
			return;
		}
		(void)snprintf(c->answer, sizeof(c->answer),
		               "{\"token_type\":\"Bearer\",\"expires_in\":%d,\"access_token\":\"t%d\",\"new\":{}}",
		               c->lifetime_s, ++c->given);
		a->body = c->answer;
		return;
	}
	a->status = strcmp(httpd_header(q, "Authorization", sent, sizeof(sent)), c->taken) == 0 ? 200 : 401;
	a->body = "{}";
}

static void
cloud_open(struct cloud *c)
{
	static const struct http_curl_options options = {.user_agent = "coldrelay-test"};
	struct oauth_client client = {.id = "app id", .scope = "https://api.example/.default"};

	*c = (struct cloud){.lifetime_s = 3600};
	fake_clock_init(&c->clock, START_MS);
	c->server = httpd_handle(handle, c);
	(void)snprintf(c->url, sizeof(c->url), "%s/token", httpd_url(c->server));
	assert_ok(http_curl_open(&options, &c->http, &c->err), &c->err);
	assert_ok(secret_make("s&cret+", 7, &c->secret, &c->err), &c->err);
	client.token_url = c->url;
	client.secret = c->secret;
	assert_ok(oauth_open(c->http, &c->clock.clock, &client, &c->oauth, &c->err), &c->err);
}

static void
cloud_close(struct cloud *c)
{
	oauth_drop(&c->oauth);
	http_drop(&c->http);
	httpd_drop(&c->server);
	secret_drop(&c->secret);
}

static int
call(struct cloud *c, const char *accepted)
{
	static const struct http_policy policy = {.attempts_max = 1};
	struct http_request q = {.method = "GET"};
	struct http_reply reply = {0};
	int rc;

	(void)snprintf(c->taken, sizeof(c->taken), "Bearer %s", accepted);
	assert_ok(http_request_set_url(&q, httpd_url(c->server), "/thing", &c->err), &c->err);
	rc = oauth_exchange(c->oauth, &policy, &q, &reply, &c->err);
	if (rc == CR_OK)
		rc = reply.status == 200 ? CR_OK : CR_EBUG;
	assert_int_equal(q.n_headers, 0);
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

static void
oauth__a_token_is_asked_for_once(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	for (int i = 0; i < 3; i++)
		assert_ok(call(&c, "t1"), &c.err);
	assert_int_equal(c.given, 1);
	assert_string_equal(httpd_seen(c.server, 0)->body,
	                    "grant_type=client_credentials&client_id=app%20id&client_secret="
	                    "s%26cret%2B&scope=https%3A%2F%2Fapi.example%2F.default");
	cloud_close(&c);
}

static void
oauth__a_token_is_renewed_five_minutes_before_its_end(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	assert_ok(call(&c, "t1"), &c.err);
	fake_clock_advance(&c.clock, (int64_t)3299 * 1000);
	assert_ok(call(&c, "t1"), &c.err);
	fake_clock_advance(&c.clock, 2000);
	assert_ok(call(&c, "t2"), &c.err);
	assert_int_equal(c.given, 2);
	assert_int_equal(httpd_count(c.server), 5); /* and no call with a token that is not taken */
	cloud_close(&c);
}

static void
oauth__a_token_refused_in_mid_run_is_renewed_once(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	assert_ok(call(&c, "t1"), &c.err);
	assert_ok(call(&c, "t2"), &c.err);
	assert_int_equal(c.given, 2);
	cloud_close(&c);
}

static void
oauth__a_fresh_token_that_is_refused_ends_it_in_one_line(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	assert_int_equal(call(&c, "none"), CR_EAUTH);
	assert_int_equal(c.given, 2);
	assert_non_null(strstr(c.err.text, "401"));
	cloud_close(&c);
}

static void
oauth__the_last_token_serves_while_the_endpoint_is_ill(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	assert_ok(call(&c, "t1"), &c.err);
	fake_clock_advance(&c.clock, (int64_t)3400 * 1000);
	c.token_error = "";
	c.token_status = 500;
	assert_ok(call(&c, "t1"), &c.err);
	fake_clock_advance(&c.clock, (int64_t)300 * 1000);
	assert_int_equal(call(&c, "t1"), CR_ERETRY);
	cloud_close(&c);
}

/* A token that may have been made, and never came: nothing that the caller asked for was done. */
static void
oauth__a_token_that_is_lost_on_the_way_means_later(void **state)
{
	struct cloud c;

	(void)state;
	cloud_open(&c);
	c.token_error = "";
	c.token_status = 502;
	assert_int_equal(call(&c, "t1"), CR_ERETRY);
	assert_int_equal(c.err.code, CR_ERETRY);
	cloud_close(&c);
}

static const struct refusal {
	const char *name;
	int status;
	const char *body;
	int want;
	const char *says;
} refusals[] = {
	{"a wrong secret",            401,
         "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: s&cret+ is "
         "wrong\",\"error_codes\":[7000215]}",                                                        CR_EAUTH,  "AADSTS7000215"        },
	{"an unknown tenant",         400, "{\"error\":\"invalid_request\",\"error_codes\":[90002]}", CR_EAUTH,  "AADSTS90002"          },
	{"another server's refusal",  400, "{\"error\":\"unauthorized_client\"}",                     CR_EAUTH,  "unauthorized_client"  },
	{"no JSON",                   403, "<html>s&cret+</html>",                                    CR_EAUTH,  "refused"              },
	{"trouble",                   500, "oops",						    CR_ERETRY, "500"                  },
	{"a sign-in page",            200, "<html>Sign in</html>",                                    CR_ERETRY, "not JSON"             },
	{"an answer without a token", 200, "{\"expires_in\":3600}",                                   CR_EPARSE, "access_token: missing"},
	{"a token that is a number",  200, "{\"access_token\":5}",                                    CR_EPARSE, "access_token"         },
	{"a lifetime that is text",   200, "{\"access_token\":\"a\",\"expires_in\":\"soon\"}",        CR_EPARSE, "expires_in"           },
};

static void
check_refusal(void **state)
{
	const struct refusal *r = *state;
	struct http_reply reply = {.status = r->status};
	struct secret *token = NULL;
	struct err err = {0};
	int64_t lifetime_s = 0;

	buf_adds(&reply.body, r->body);
	assert_int_equal(oauth_parse(&reply, &token, &lifetime_s, &err), r->want);
	assert_non_null(strstr(err.text, r->says));
	assert_null(strstr(err.text, "s&cret+"));
	assert_null(token);
	http_reply_release(&reply);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, refusals, check_refusal);
	TEST(tests, n, oauth__a_token_is_asked_for_once);
	TEST(tests, n, oauth__a_token_is_renewed_five_minutes_before_its_end);
	TEST(tests, n, oauth__a_token_refused_in_mid_run_is_renewed_once);
	TEST(tests, n, oauth__a_fresh_token_that_is_refused_ends_it_in_one_line);
	TEST(tests, n, oauth__the_last_token_serves_while_the_endpoint_is_ill);
	TEST(tests, n, oauth__a_token_that_is_lost_on_the_way_means_later);
	return rows_run("core/oauth", tests, n);
}
