/*
 * http_replay.c - the transport that answers from a golden file, and says where a request differs from it.
 *
 * The format stands in http.h.  Exchanges are used in the order of the file.  A request that differs is a fatal outcome, and
 * http_replay_rest keeps telling of the first one, so a test that only asks for the rest sees it too.
 */
#include "core/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/file.h"
#include "core/json.h"
#include "core/list.h"
#include "core/num.h"

#define FILE_MAX_BYTES    ((size_t)8 << 20)
#define WHERE_MAX         256
#define COMPARE_MAX_DEPTH JSON_MAX_DEPTH

/* Texts below are borrowed from struct http_replay's copy of the file. */
struct golden_header {
	const char *name;
	const char *value; /* "*": there, whatever it is */
};

struct golden {
	unsigned line;
	const char *method;
	const char *target; /* path and query, or a whole URL */
	struct golden_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	struct buf want_body;
	bool answered; /* an answer or an outcome is given */
	enum http_outcome outcome;
	int status;
	const char *content_type, *retry_after, *location, *operation;
	struct buf body;
};

struct http_replay {
	struct http http; /* first: the transport's face */
	char *path;
	char *base_url;
	struct buf text;
	struct golden *exchanges;
	size_t n, cap;
	pthread_mutex_t lock; /* over used and rest */
	size_t used;
	bool differed;
	char rest[ERR_TEXT_MAX];
};

/* ---- reading the file ---- */

struct reader {
	struct http_replay *r;
	unsigned line;
	bool in_answer; /* unmarked lines belong to the reply's body */
	struct err *err;
};

static int
complain(const struct reader *in, const char *what)
{
	return err_set(in->err, CR_EPARSE, "%s:%u: %s", in->r->path, in->line, what);
}

static struct golden *
last(const struct http_replay *r)
{
	return r->n > 0 ? &r->exchanges[r->n - 1] : NULL;
}

/* "Name: value" -> name, value; false when s is none. */
static bool
split_header(char *s, struct golden_header *out)
{
	size_t len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	if (len == 0 || s[len] != ':')
		return false;
	s[len] = '\0';
	out->name = s;
	out->value = s + len + 1 + strspn(s + len + 1, " ");
	return true;
}

static int
begin_exchange(struct reader *in, char *s)
{
	struct http_replay *r = in->r;
	char *space = strchr(s, ' ');
	struct golden *more;

	if (last(r) != NULL && !last(r)->answered)
		return complain(in, "the exchange before has no answer");
	if (space == NULL || space == s)
		return complain(in, "expected '> METHOD TARGET'");
	*space = '\0';
	more = list_grow(r->exchanges, r->n, &r->cap, sizeof(*more));
	if (more == NULL)
		return err_nomem(in->err, "golden file");
	r->exchanges = more;
	r->exchanges[r->n++] = (struct golden){.line = in->line, .method = s, .target = space + 1};
	in->in_answer = false;
	return CR_OK;
}

static int
read_request_line(struct reader *in, char *s)
{
	struct golden *g = last(in->r);
	struct golden_header h;

	if (!split_header(s, &h))
		return begin_exchange(in, s);
	if (g == NULL || g->answered)
		return complain(in, "a request header without a request");
	if (g->n_headers == HTTP_HEADERS_MAX)
		return complain(in, "too many headers");
	g->headers[g->n_headers++] = h;
	return CR_OK;
}

static int
read_answer_line(struct reader *in, char *s)
{
	struct golden *g = last(in->r);
	struct golden_header h;
	int64_t status;

	if (g == NULL)
		return complain(in, "an answer without a request");
	if (!split_header(s, &h)) {
		if (g->answered)
			return complain(in, "a second answer");
		if (num_parse(s, 100, 599, &status, in->err) != CR_OK)
			return complain(in, "expected '< STATUS'");
		g->status = (int)status;
		g->outcome = HTTP_OUTCOME_REPLY;
		g->answered = in->in_answer = true;
		return CR_OK;
	}
	if (!g->answered)
		return complain(in, "an answer's header without its status");
	if (strcasecmp(h.name, "content-type") == 0)
		g->content_type = h.value;
	else if (strcasecmp(h.name, "retry-after") == 0)
		g->retry_after = h.value;
	else if (strcasecmp(h.name, "location") == 0)
		g->location = h.value;
	else if (strcasecmp(h.name, "azure-asyncoperation") == 0)
		g->operation = h.value;
	return CR_OK;
}

static int
read_failure_line(struct reader *in, const char *s)
{
	struct golden *g = last(in->r);

	if (g == NULL || g->answered)
		return complain(in, "a failure without a request");
	if (strcmp(s, "not_sent") == 0)
		g->outcome = HTTP_OUTCOME_NOT_SENT;
	else if (strcmp(s, "maybe_sent") == 0)
		g->outcome = HTTP_OUTCOME_MAYBE_SENT;
	else
		return complain(in, "expected '! not_sent' or '! maybe_sent'");
	g->answered = in->in_answer = true;
	return CR_OK;
}

static int
read_body_line(struct reader *in, const char *s)
{
	struct golden *g = last(in->r);
	struct buf *body;

	if (g == NULL)
		return *s == '\0' ? CR_OK : complain(in, "text before the first request");
	body = in->in_answer ? &g->body : &g->want_body;
	/* Blank lines in front separate, and those behind are cut off by trim. */
	if (body->len == 0 && *s == '\0')
		return CR_OK;
	buf_adds(body, s);
	buf_addc(body, '\n');
	return buf_check(body, "golden body", in->err);
}

static int
read_line(struct reader *in, char *s)
{
	if (s[0] == '#')
		return CR_OK;
	if (s[0] == '>' && s[1] == ' ')
		return read_request_line(in, s + 2);
	if (s[0] == '<' && s[1] == ' ')
		return read_answer_line(in, s + 2);
	if (s[0] == '!' && s[1] == ' ')
		return read_failure_line(in, s + 2);
	return read_body_line(in, s);
}

static void
trim(struct buf *b)
{
	while (b->len > 0 && b->data[b->len - 1] == '\n')
		b->data[--b->len] = '\0';
}

static int
read_all(struct http_replay *r, struct err *err)
{
	struct reader in = {.r = r, .err = err};
	int rc = CR_OK;

	for (char *line = r->text.data, *next; rc == CR_OK && line != NULL && *line != '\0'; line = next) {
		size_t len = strcspn(line, "\n");

		next = line[len] == '\n' ? line + len + 1 : line + len;
		line[len] = '\0';
		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		in.line++;
		rc = read_line(&in, line);
	}
	if (rc == CR_OK && last(r) != NULL && !last(r)->answered)
		rc = complain(&in, "the last exchange has no answer");
	for (size_t i = 0; r->exchanges != NULL && i < r->n; i++) {
		trim(&r->exchanges[i].want_body);
		trim(&r->exchanges[i].body);
	}
	return rc;
}

/* ---- comparing ---- */

/* What a JSON value is, told by the questions json.h answers. */
static bool
same_scalar(const struct json_at *a, const struct json_at *b)
{
	const char *text_a, *text_b;
	int64_t int_a, int_b;
	bool bool_a, bool_b;

	if (json_is_null(a) || json_is_null(b))
		return json_is_null(a) && json_is_null(b);
	if (json_want_string(a, &text_a, NULL) == CR_OK)
		return json_want_string(b, &text_b, NULL) == CR_OK && strcmp(text_a, text_b) == 0;
	if (json_want_bool(a, &bool_a, NULL) == CR_OK)
		return json_want_bool(b, &bool_b, NULL) == CR_OK && bool_a == bool_b;
	/* No provider call carries a fraction; one that does never compares equal, which shows. */
	return json_want_int(a, INT64_MIN, INT64_MAX, &int_a, NULL) == CR_OK &&
	       json_want_int(b, INT64_MIN, INT64_MAX, &int_b, NULL) == CR_OK && int_a == int_b;
}

/* The first place where got differs from want goes to path_out. */
static bool
same_json(const struct json_at *want, const struct json_at *got, unsigned depth, char *path_out, size_t size)
{
	size_t n = json_count(want);
	bool same = depth < COMPARE_MAX_DEPTH && json_is_object(want) == json_is_object(got) &&
	            json_is_array(want) == json_is_array(got) && json_count(got) == n;

	/* A member of another name is more telling than the count. */
	for (size_t i = 0; json_is_object(want) && json_is_object(got) && depth < COMPARE_MAX_DEPTH && i < n; i++) {
		const char *key = "";
		struct json_at a = json_member(want, i, &key);
		struct json_at b = json_get(got, key);

		if (b.node == NULL) {
			(void)snprintf(path_out, size, "%s", b.path);
			return false;
		}
		if (!same_json(&a, &b, depth + 1, path_out, size))
			return false;
	}
	if (same && json_is_object(want))
		return true;
	for (size_t i = 0; same && json_is_array(want) && i < n; i++) {
		struct json_at a = json_item(want, i);
		struct json_at b = json_item(got, i);

		if (!same_json(&a, &b, depth + 1, path_out, size))
			return false;
	}
	if (same && (json_is_array(want) || same_scalar(want, got)))
		return true;
	(void)snprintf(path_out, size, "%s", got->path[0] != '\0' ? got->path : "the whole");
	return false;
}

/* Both JSON: as data.  Else byte by byte, but for line ends at the end. */
static bool
same_body(const struct golden *g, const struct http_request *q, char *where, size_t size)
{
	struct json *want = NULL, *got = NULL;
	size_t len = q->body.len;
	bool same;

	if (json_parse(buf_str(&g->want_body), g->want_body.len, &want, NULL) == CR_OK &&
	    json_parse(buf_str(&q->body), q->body.len, &got, NULL) == CR_OK) {
		struct json_at a = json_root(want), b = json_root(got);

		same = same_json(&a, &b, 0, where, size);
	} else {
		while (len > 0 && q->body.data[len - 1] == '\n')
			len--;
		(void)snprintf(where, size, "the text");
		same = len == g->want_body.len && memcmp(buf_str(&q->body), buf_str(&g->want_body), len) == 0;
	}
	json_drop(&want);
	json_drop(&got);
	return same;
}

static bool
same_header(const struct golden_header *want, const struct http_request *q)
{
	for (size_t i = 0; i < q->n_headers; i++) {
		const struct http_header *h = &q->headers[i];
		const char *prefix = h->secret_prefix != NULL ? h->secret_prefix : "";
		const char *value = h->value;
		size_t len;

		if (strcasecmp(h->name, want->name) != 0)
			continue;
		if (h->secret != NULL)
			value = secret_bytes(h->secret, &len);
		if (strcmp(want->value, "*") == 0)
			return true;
		return strncmp(want->value, prefix, strlen(prefix)) == 0 && value != NULL &&
		       strcmp(want->value + strlen(prefix), value) == 0;
	}
	return q->content_type != NULL && strcasecmp(want->name, "content-type") == 0 &&
	       strcmp(want->value, q->content_type) == 0;
}

/* The part of the URL that a golden file names: behind the base, unless the file names a whole one. */
static const char *
target_of(const struct http_replay *r, const struct golden *g, const struct http_request *q)
{
	size_t len = strlen(r->base_url);

	while (len > 0 && r->base_url[len - 1] == '/')
		len--;
	if (strncmp(g->target, "https://", 8) == 0 || strncmp(g->target, "http://", 7) == 0 ||
	    strncmp(q->url, r->base_url, len) != 0)
		return q->url;
	return q->url + len;
}

/* CR_OK, or what differs.  Values are not shown: they may be secret. */
static int
compare(const struct http_replay *r, const struct golden *g, const struct http_request *q, struct err *err)
{
	char where[WHERE_MAX];

	if (strcmp(g->method, q->method) != 0 || strcmp(g->target, target_of(r, g, q)) != 0)
		return err_set(err, CR_EBUG, "%s:%u: expected %s %s, got %s %s", r->path, g->line, g->method, g->target,
		               q->method, target_of(r, g, q));
	for (size_t i = 0; i < g->n_headers; i++)
		if (!same_header(&g->headers[i], q))
			return err_set(err, CR_EBUG, "%s:%u: header %s is missing or differs", r->path, g->line,
			               g->headers[i].name);
	if (!same_body(g, q, where, sizeof(where)))
		return err_set(err, CR_EBUG, "%s:%u: the body differs at %s", r->path, g->line, where);
	return CR_OK;
}

/* ---- the transport ---- */

static void
note_rest(struct http_replay *r)
{
	const struct golden *g;

	if (r->differed)
		return;
	r->rest[0] = '\0';
	if (r->used == r->n)
		return;
	g = &r->exchanges[r->used];
	(void)snprintf(r->rest, sizeof(r->rest), "%s:%u: never asked: %s %s", r->path, g->line, g->method, g->target);
}

static enum http_outcome
answer(const struct http_replay *r, const struct golden *g, struct http_reply *reply, struct err *err)
{
	static const char *const failures[] = {
		[HTTP_OUTCOME_NOT_SENT] = "not sent",
		[HTTP_OUTCOME_MAYBE_SENT] = "perhaps sent",
	};

	if (g->outcome != HTTP_OUTCOME_REPLY) {
		(void)err_set(err, g->outcome == HTTP_OUTCOME_NOT_SENT ? CR_ERETRY : CR_EUNKNOWN,
		              "%s:%u: %s, as the file says", r->path, g->line, failures[g->outcome]);
		return g->outcome;
	}
	reply->status = g->status;
	(void)snprintf(reply->content_type, sizeof(reply->content_type), "%s",
	               g->content_type != NULL ? g->content_type : "application/json");
	(void)snprintf(reply->retry_after, sizeof(reply->retry_after), "%s",
	               g->retry_after != NULL ? g->retry_after : "");
	(void)snprintf(reply->location, sizeof(reply->location), "%s", g->location != NULL ? g->location : "");
	(void)snprintf(reply->operation, sizeof(reply->operation), "%s", g->operation != NULL ? g->operation : "");
	buf_add(&reply->body, buf_str(&g->body), g->body.len);
	if (buf_check(&reply->body, "reply", err) != CR_OK)
		return HTTP_OUTCOME_FATAL;
	return HTTP_OUTCOME_REPLY;
}

static enum http_outcome
http_replay_perform(struct http *h, const struct http_request *q, int64_t timeout_ms, struct http_reply *reply,
                    struct err *err)
{
	struct http_replay *r = (struct http_replay *)h;
	enum http_outcome outcome = HTTP_OUTCOME_FATAL;
	struct err why = {0};

	(void)timeout_ms;
	(void)pthread_mutex_lock(&r->lock);
	if (r->used == r->n)
		(void)err_set(&why, CR_EBUG, "%s: asked once more than it answers: %s %s", r->path, q->method, q->url);
	else
		(void)compare(r, &r->exchanges[r->used], q, &why);
	if (why.code == CR_OK) {
		outcome = answer(r, &r->exchanges[r->used++], reply, err);
		note_rest(r);
	} else {
		(void)err_set(err, why.code, "%s", why.text);
		if (!r->differed)
			(void)snprintf(r->rest, sizeof(r->rest), "%s", why.text);
		r->differed = true;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return outcome;
}

static void
http_replay_drop(struct http *h)
{
	struct http_replay *r = (struct http_replay *)h;

	for (size_t i = 0; i < r->n; i++) {
		buf_release(&r->exchanges[i].want_body);
		buf_release(&r->exchanges[i].body);
	}
	free(r->exchanges);
	buf_release(&r->text);
	(void)pthread_mutex_destroy(&r->lock);
	free(r->base_url);
	free(r->path);
	free(r);
}

static const struct http_ops replay_ops = {
	.perform = http_replay_perform,
	.drop = http_replay_drop,
};

int
http_replay_open(const char *path, const char *base_url, struct http **out, struct err *err)
{
	struct http_replay *r = calloc(1, sizeof(*r));
	struct http *h;
	int rc;

	if (r == NULL)
		return err_nomem(err, "replay");
	r->http.ops = &replay_ops;
	h = &r->http;
	/* Cannot fail for default attributes on Linux. */
	(void)pthread_mutex_init(&r->lock, NULL);
	r->path = strdup(path);
	r->base_url = strdup(base_url);
	if (r->path == NULL || r->base_url == NULL) {
		rc = err_nomem(err, "replay");
		goto out;
	}
	rc = file_read(path, FILE_MAX_BYTES, &r->text, err);
	if (rc != CR_OK)
		goto out;
	rc = read_all(r, err);
	if (rc != CR_OK)
		goto out;
	note_rest(r);
	*out = TAKE(h);
out:
	http_drop(&h);
	return rc;
}

const char *
http_replay_rest(const struct http *h)
{
	const struct http_replay *r = (const struct http_replay *)h;

	return r->rest[0] != '\0' ? r->rest : NULL;
}
