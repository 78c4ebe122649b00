/*
 * The replay transport: what it takes as the same request, and that every difference is told with file and line.
 */
#include "tests/lib/rows.h"

#include <unistd.h>

#include "core/http.h"

#define BASE "https://api.example/v1/"

struct replay {
	char path[64];
	struct http *http;
	struct http_reply reply;
	struct err err;
};

/* Write text to a file of its own and open it.  The result of opening. */
static int
replay_open(struct replay *r, const char *text)
{
	int fd, rc;

	*r = (struct replay){.path = "/tmp/coldrelay-replay-XXXXXX"};
	fd = mkstemp(r->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
	rc = http_replay_open(r->path, BASE, &r->http, &r->err);
	(void)unlink(r->path);
	return rc;
}

static void
replay_close(struct replay *r)
{
	http_reply_release(&r->reply);
	http_drop(&r->http);
}

static enum http_outcome
ask(struct replay *r, const char *method, const char *base, const char *path, const char *body)
{
	struct http_request q = {.method = method};
	struct secret *s = NULL;
	enum http_outcome outcome;

	assert_ok(http_request_set_url(&q, base, path, &r->err), &r->err);
	assert_ok(secret_make("opensesame", 10, &s, &r->err), &r->err);
	http_request_add_secret(&q, "Authorization", "Bearer ", s);
	http_request_add_header(&q, "X-Plain", "one two");
	buf_adds(&q.body, body);
	q.content_type = body[0] != '\0' ? "application/json" : NULL;
	http_reply_release(&r->reply);
	outcome = r->http->ops->perform(r->http, &q, 1000, &r->reply, &r->err);
	http_request_release(&q);
	secret_drop(&s);
	return outcome;
}

struct row {
	const char *name;
	const char *file; /* in front of "< 200" */
	const char *body;
	const char *want_text; /* NULL: taken as the same */
};

static const struct row rows[] = {
	{"the same",			 "> POST /z\n\n{\"a\":1}\n",                              "{\"a\":1}",             NULL                                  },
	{"a whole address",                  "> POST https://api.example/v1/z\n\n{\"a\":1}\n",        "{\"a\":1}",             NULL                                  },
	{"line ends of another system",      "> POST /z\r\n\r\n{\"a\":1}\r\n",                        "{\"a\":1}",             NULL                                  },
	{"JSON in another layout and order", "> POST /z\n\n{\n \"a\": 1,\n \"b\": [true, null]\n}\n",
         "{\"b\":[true,null],\"a\":1}",											NULL                                  },
	{"JSON with another number",         "> POST /z\n\n{\"a\":{\"b\":[1,2]}}\n",                  "{\"a\":{\"b\":[1,3]}}",
         "differs at a.b[1]"																	 },
	{"JSON with another type",           "> POST /z\n\n{\"a\":1}\n",                              "{\"a\":\"1\"}",         "differs at a"                        },
	{"JSON with true for false",         "> POST /z\n\n{\"a\":true}\n",                           "{\"a\":false}",         "differs at a"                        },
	{"JSON with a member missing",       "> POST /z\n\n{\"a\":1,\"b\":2}\n",                      "{\"a\":1}",             "differs at b"                        },
	{"JSON with a member too many",      "> POST /z\n\n{\"a\":1}\n",                              "{\"a\":1,\"b\":2}",     "differs at the whole"                },
	{"JSON lists in another order",      "> POST /z\n\n[1,2]\n",                                  "[2,1]",                 "differs at [0]"                      },
	{"a list for an object",             "> POST /z\n\n{}\n",                                     "[]",                    "differs at the whole"                },
	{"another text",                     "> POST /z\n\na=1\n",                                    "a=2",                   "differs at the text"                 },
	{"the same text",                    "> POST /z\n\na=1&b=2\n",                                "a=1&b=2",               NULL                                  },
	{"no body where one is expected",    "> POST /z\n\n{}\n",                                     "",                      "differs at the text"                 },
	{"a body where none is expected",    "> POST /z\n",                                           "{}",                    "differs at the text"                 },
	{"another path",                     "> POST /y\n",					   "",                      "expected POST /y, got POST /z"       },
	{"another method",                   "> PUT /z\n",					    "",                      "expected PUT /z, got POST /z"        },
	{"a header of the same value",       "> POST /z\n> X-Plain: one two\n",                       "",                      NULL                                  },
	{"a header of any value",            "> POST /z\n> x-plain: *\n",                             "",                      NULL                                  },
	{"a header of another value",        "> POST /z\n> X-Plain: one\n",                           "",                      "header X-Plain is missing or differs"},
	{"a header that is not there",       "> POST /z\n> X-Other: *\n",                             "",                      "header X-Other is missing or differs"},
	{"a secret header with its prefix",  "> POST /z\n> Authorization: Bearer opensesame\n",       "",                      NULL                                  },
	{"another secret is not shown",      "> POST /z\n> Authorization: Bearer other\n",            "",
         "header Authorization is missing or differs"														},
	{"the type of the body is a header", "> POST /z\n> Content-Type: application/json\n\n{}\n",   "{}",                    NULL                                  },
	{"comments are no part",             "# a\n> POST /z\n# b\n\n{\"a\":\n# c\n1}\n",             "{\"a\":1}",             NULL                                  },
};

static void
http_replay__row(void **state)
{
	const struct row *r = *state;
	struct replay p;
	char text[512];

	(void)snprintf(text, sizeof(text), "%s< 200\n\n{}\n", r->file);
	assert_ok(replay_open(&p, text), &p.err);
	if (r->want_text == NULL) {
		assert_int_equal(ask(&p, "POST", BASE, "/z", r->body), HTTP_OUTCOME_REPLY);
		assert_null(http_replay_rest(p.http));
	} else {
		assert_int_equal(ask(&p, "POST", BASE, "/z", r->body), HTTP_OUTCOME_FATAL);
		assert_int_equal(p.err.code, CR_EBUG);
		if (strstr(p.err.text, r->want_text) == NULL)
			fail_msg("said: %s", p.err.text);
		assert_null(strstr(p.err.text, "opensesame"));
		assert_string_equal(http_replay_rest(p.http), p.err.text);
	}
	replay_close(&p);
}

struct broken {
	const char *name;
	const char *file;
	const char *want_text;
};

static const struct broken broken[] = {
	{"text in front",               "x\n> GET /\n< 200\n",        ":1: text before the first request"        },
	{"an answer in front",          "< 200\n",                    ":1: an answer without a request"          },
	{"a request without an answer", "> GET /\n> GET /\n< 200\n",  ":2: the exchange before has no answer"    },
	{"no answer at the end",        "> GET /\n\n{}\n",            "the last exchange has no answer"          },
	{"two answers",                 "> GET /\n< 200\n< 201\n",    ":3: a second answer"                      },
	{"a status that is none",       "> GET /\n< 99\n",            ":2: expected '< STATUS'"                  },
	{"a failure that is none",      "> GET /\n! broken\n",        ":2: expected '! not_sent'"                },
	{"a request without target",    "> GET\n< 200\n",             ":1: expected '> METHOD TARGET'"           },
	{"a late request header",       "> GET /\n< 200\n> X-A: b\n", ":3: a request header without a request"   },
	{"an early answer header",      "> GET /\n< X-A: b\n",        ":2: an answer's header without its status"},
};

static void
http_replay__broken(void **state)
{
	const struct broken *b = *state;
	struct replay p;

	assert_int_equal(replay_open(&p, b->file), CR_EPARSE);
	if (strstr(p.err.text, b->want_text) == NULL)
		fail_msg("said: %s", p.err.text);
	assert_null(p.http);
}

static void
http_replay__answers_in_order_with_headers_and_failures(void **state)
{
	static const char text[] = "> GET /a\n< 429\n< Retry-After: 7\n< Content-Type: text/plain\n\nslow\ndown\n\n"
				   "> GET /a\n! not_sent\n\n> POST /b\n! maybe_sent\n"
				   "> PUT https://other.example/c\n< 302\n< Location: /d\n< Azure-AsyncOperation: /e\n";
	struct replay p;

	(void)state;
	assert_ok(replay_open(&p, text), &p.err);
	assert_int_equal(ask(&p, "GET", BASE, "/a", ""), HTTP_OUTCOME_REPLY);
	assert_int_equal(p.reply.status, 429);
	assert_string_equal(p.reply.retry_after, "7");
	assert_string_equal(p.reply.content_type, "text/plain");
	assert_string_equal(buf_str(&p.reply.body), "slow\ndown");
	assert_int_equal(ask(&p, "GET", BASE, "/a", ""), HTTP_OUTCOME_NOT_SENT);
	assert_non_null(strstr(http_replay_rest(p.http), "never asked: POST /b"));
	assert_int_equal(ask(&p, "POST", BASE, "/b", ""), HTTP_OUTCOME_MAYBE_SENT);
	assert_int_equal(ask(&p, "PUT", "https://other.example", "/c", ""), HTTP_OUTCOME_REPLY);
	assert_string_equal(p.reply.location, "/d");
	assert_string_equal(p.reply.operation, "/e");
	assert_string_equal(p.reply.content_type, "application/json");
	assert_null(http_replay_rest(p.http));
	assert_int_equal(ask(&p, "GET", BASE, "/e", ""), HTTP_OUTCOME_FATAL);
	assert_non_null(strstr(http_replay_rest(p.http), "asked once more than it answers"));
	replay_close(&p);
}

static void
http_replay__a_file_that_is_not_there_is_named(void **state)
{
	struct http *h = NULL;
	struct err err;

	(void)state;
	assert_int_equal(http_replay_open("/nonexistent/golden", BASE, &h, &err), CR_ENOTFOUND);
	assert_non_null(strstr(err.text, "/nonexistent/golden"));
	assert_null(h);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rows, http_replay__row);
	ROWS(tests, n, broken, http_replay__broken);
	TEST(tests, n, http_replay__answers_in_order_with_headers_and_failures);
	TEST(tests, n, http_replay__a_file_that_is_not_there_is_named);
	return rows_run("core/http_replay", tests, n);
}
