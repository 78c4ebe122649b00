/*
 * fake.c - a cloud API of tests/lib/fakes for a test in C.
 */
#include "tests/lib/fake.h"

#include "tests/lib/rows.h"

bool
fake_open(struct fake *f, const char *args)
{
	static const struct http_curl_options options = {.user_agent = "coldrelay-test"};
	struct err err = {0};
	char port[16];

	*f = (struct fake){0};
	if (!server_start(&f->server, "fake_up.sh", args))
		return false;
	(void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%s",
	               server_value(&f->server, "PORT", port, sizeof(port)));
	assert_ok(http_curl_open(&options, &f->http, &err), &err);
	return true;
}

void
fake_close(struct fake *f)
{
	http_drop(&f->http);
	server_stop(&f->server);
}

static void
call(struct fake *f, const char *method, const char *what, const char *json, struct http_reply *reply)
{
	static const struct http_policy policy = {.idempotent_write = true};
	struct http_request q = {.method = method};
	struct err err = {0};
	char path[64];

	(void)snprintf(path, sizeof(path), "/_fake/%s", what);
	assert_ok(http_request_set_url(&q, f->url, path, &err), &err);
	if (json != NULL) {
		buf_adds(&q.body, json);
		q.content_type = "application/json";
	}
	assert_ok(http_exchange(f->http, clock_system(), &policy, &q, reply, &err), &err);
	assert_int_equal(reply->status, 200);
	http_request_release(&q);
}

void
fake_tell(struct fake *f, const char *what, const char *json)
{
	struct http_reply reply = {0};

	call(f, "POST", what, json, &reply);
	http_reply_release(&reply);
}

struct json *
fake_ask(struct fake *f, const char *what)
{
	struct http_reply reply = {0};
	struct json *json = NULL;
	struct err err = {0};

	call(f, "GET", what, NULL, &reply);
	assert_ok(json_parse(buf_str(&reply.body), reply.body.len, &json, &err), &err);
	http_reply_release(&reply);
	return json;
}

int64_t
fake_count(struct fake *f, const char *what)
{
	struct json *json = fake_ask(f, "counts");
	struct json_at root = json_root(json), at = json_get(&root, what);
	struct err err = {0};
	int64_t n = 0;

	assert_ok(json_want_int(&at, 0, INT32_MAX, &n, &err), &err);
	json_drop(&json);
	return n;
}

const char *
fake_value(const struct fake *f, const char *name, char *out, size_t size)
{
	return server_value(&f->server, name, out, size);
}
