/*
 * http_curl.c - the transport over libcurl.
 *
 * Sources: libcurl-thread(3), CURLOPT_PREREQFUNCTION(3), CURLOPT_NOSIGNAL(3), RFC 9110 s9.2.2.
 *
 * Invariants
 *   - TLS is always verified; there is no option to turn that off.
 *   - Redirects are not followed: a Location is data for the driver, credentials never travel to another host.
 *   - The log shows method, address without query, status, sizes and harmless headers.  It never shows a body: requests carry
 *     passwords of new mailboxes, replies carry tokens.
 *   - An outcome is NOT_SENT only when libcurl has not even begun to send.  libcurl repeats a request by itself when a kept
 *     connection turns out dead, even after it has written the request; the pre-request hook forbids that for writes.
 */
#include "core/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/lazy_curl.h"
#include "core/log.h"
#include "core/loopback.h"

#define POOL_MAX               64
#define CONNECT_TIMEOUT_MAX_MS 15000
#define AGENT_DEFAULT          "coldrelay"

struct http_curl {
	struct http http; /* first: the transport's face */
	char *ca_file;
	char *agent;
	bool allow_plain;
	pthread_mutex_t lock; /* over the pool */
	CURL *idle[POOL_MAX]; /* last in, first out: the warmest connection is used next */
	size_t n_idle;
};

/* One attempt: what the callbacks fill. */
struct attempt {
	struct http_reply *reply;
	size_t max_bytes;
	bool writes;        /* must not be sent twice */
	unsigned begun;     /* how often sending was about to begin */
	bool sent_again;    /* libcurl wanted to repeat a write */
	bool over_the_cap;  /* the reply is longer than anyone may send */
	bool out_of_memory; /* or it did not fit here */
	char why[CURL_ERROR_SIZE];
};

static CURL *
pool_take(struct http_curl *c)
{
	CURL *easy = NULL;

	(void)pthread_mutex_lock(&c->lock);
	if (c->n_idle > 0)
		easy = c->idle[--c->n_idle];
	(void)pthread_mutex_unlock(&c->lock);
	if (easy == NULL)
		return curl_easy_init();
	/* Forgets the options, keeps connections, TLS sessions and addresses. */
	curl_easy_reset(easy);
	return easy;
}

static void
pool_give(struct http_curl *c, CURL *easy)
{
	/* The header list and the callbacks' argument die with the attempt. */
	curl_easy_reset(easy);
	(void)pthread_mutex_lock(&c->lock);
	if (c->n_idle < POOL_MAX) {
		c->idle[c->n_idle++] = easy;
		easy = NULL;
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (easy != NULL)
		curl_easy_cleanup(easy);
}

static int
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's curl_prereq_callback */
on_begin(void *arg, char *peer, char *self, int peer_port, int self_port)
{
	struct attempt *a = arg;

	(void)self;
	(void)self_port;
	a->begun++;
	if (a->begun > 1 && a->writes) {
		a->sent_again = true;
		return CURL_PREREQFUNC_ABORT;
	}
	log_trace("http: connected to %s port %d", peer, peer_port);
	return CURL_PREREQFUNC_OK;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	struct buf *body = &a->reply->body;
	size_t len = size * n;

	if (len > a->max_bytes - body->len) {
		a->over_the_cap = true;
		return 0;
	}
	buf_add(body, data, len);
	if (body->failed != CR_OK) {
		a->out_of_memory = true;
		return 0;
	}
	return len;
}

/* Names that may carry something secret, in either direction. */
static bool
is_private(const char *name, size_t len)
{
	static const char *const marks[] = {"auth", "cookie", "key", "secret", "token", "password", "signature"};

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		for (size_t at = 0; at + strlen(marks[i]) <= len; at++)
			if (strncasecmp(name + at, marks[i], strlen(marks[i])) == 0)
				return true;
	return false;
}

/* Keep a value that fits whole; a cut address or date is worse than none. */
static void
keep(char *to, size_t size, const char *value, size_t len)
{
	to[0] = '\0';
	if (len < size)
		(void)snprintf(to, size, "%.*s", (int)len, value);
}

static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	static const char blank[] = " \t\r\n";
	struct attempt *a = arg;
	struct http_reply *r = a->reply;
	const char *colon = memchr(line, ':', size * n);
	const char *end = line + size * n;
	const char *value;
	bool is_location, is_operation;
	size_t name_len;

	/* A status line: what an interim reply or a proxy said before is forgotten. */
	if (size * n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		r->content_type[0] = r->retry_after[0] = r->location[0] = r->operation[0] = '\0';
		return size * n;
	}
	if (colon == NULL)
		return size * n;
	name_len = (size_t)(colon - line);
	is_location = name_len == 8 && strncasecmp(line, "location", 8) == 0;
	is_operation = name_len == 20 && strncasecmp(line, "azure-asyncoperation", 20) == 0;
	value = colon + 1;
	while (value < end && strchr(blank, *value) != NULL)
		value++;
	while (end > value && strchr(blank, end[-1]) != NULL)
		end--;
	if (name_len == 12 && strncasecmp(line, "content-type", 12) == 0)
		keep(r->content_type, sizeof(r->content_type), value, (size_t)(end - value));
	else if (name_len == 11 && strncasecmp(line, "retry-after", 11) == 0)
		keep(r->retry_after, sizeof(r->retry_after), value, (size_t)(end - value));
	else if (is_location)
		keep(r->location, sizeof(r->location), value, (size_t)(end - value));
	else if (is_operation)
		keep(r->operation, sizeof(r->operation), value, (size_t)(end - value));
	/* An address is logged without its query. */
	if ((is_location || is_operation) && memchr(value, '?', (size_t)(end - value)) != NULL)
		end = memchr(value, '?', (size_t)(end - value));
	if (is_private(line, name_len))
		log_trace("http: < %.*s: [redacted]", (int)name_len, line);
	else
		log_trace("http: < %.*s: %.*s", (int)name_len, line, (int)(end - value), value);
	return size * n;
}

/* No header of ours may end early and start another one. */
static bool
is_one_line(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t')
			return false;
	return true;
}

static void
headers_drop(struct curl_slist **list)
{
	for (struct curl_slist *l = *list; l != NULL; l = l->next)
		secret_wipe(l->data, strlen(l->data));
	curl_slist_free_all(*list);
	*list = NULL;
}

static int
headers_add(struct curl_slist **list, const char *line, struct err *err)
{
	struct curl_slist *longer = curl_slist_append(*list, line);

	if (longer == NULL)
		return err_nomem(err, "http header");
	*list = longer;
	return CR_OK;
}

static int
headers_add_row(struct curl_slist **list, const struct http_header *h, struct err *err)
{
	struct buf line = {.max_bytes = SECRET_MAX_BYTES + 1024};
	const char *value = h->value;
	size_t len;
	int rc;

	if (h->secret != NULL)
		value = secret_bytes(h->secret, &len);
	buf_addf(&line, "%s: %s%s", h->name, h->secret_prefix != NULL ? h->secret_prefix : "",
	         value != NULL ? value : "");
	rc = buf_check(&line, h->name, err);
	if (rc == CR_OK && !is_one_line(buf_str(&line)))
		rc = err_set(err, CR_ECONFIG, "http header %s: holds a control character", h->name);
	if (rc == CR_OK)
		rc = headers_add(list, buf_str(&line), err);
	if (rc == CR_OK && (h->secret != NULL || is_private(h->name, strlen(h->name))))
		log_trace("http: > %s: [redacted]", h->name);
	else if (rc == CR_OK)
		log_trace("http: > %s", buf_str(&line));
	secret_wipe_buf(&line);
	return rc;
}

static int
headers_build(const struct http_request *q, struct curl_slist **out, struct err *err)
{
	struct curl_slist *list = NULL;
	char type[128];
	int rc = CR_OK;

	/* libcurl would ask with "Expect: 100-continue" and wait a second for servers that do not know it.  A header that is taken out is signed
	 * all the same by 7.88, and then refused, so a signed request has none such. */
	if (q->sigv4 == NULL && headers_add(&list, "Expect:", err) != CR_OK) {
		rc = CR_ENOMEM;
		goto out;
	}
	/* An empty value removes the form type that libcurl would send with a body. */
	(void)snprintf(type, sizeof(type), "Content-Type:%s%s", q->content_type != NULL ? " " : "",
	               q->content_type != NULL ? q->content_type : "");
	if (q->sigv4 == NULL || q->content_type != NULL)
		rc = headers_add(&list, type, err);
	for (size_t i = 0; rc == CR_OK && i < q->n_headers; i++)
		rc = headers_add_row(&list, &q->headers[i], err);
	if (rc == CR_OK)
		*out = TAKE(list);
out:
	headers_drop(&list);
	return rc;
}

/* Scheme and host of the address, as libcurl reads them, are what decides. */
static int
check_url(const struct http_curl *c, const char *url, bool *loopback_out, struct err *err)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	int rc = CR_OK;

	if (u == NULL)
		return err_nomem(err, "url");
	if (!is_one_line(url) || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
		rc = err_set(err, CR_ECONFIG, "not a web address");
		goto out;
	}
	*loopback_out = loopback_host(host);
	if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		rc = err_set(err, CR_ECONFIG, "a user name in a web address is not used here");
	else if (strcmp(scheme, "http") == 0 && !*loopback_out && !c->allow_plain)
		rc = err_set(err, CR_ECONFIG, "http without TLS to '%s', which is another host", host);
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		rc = err_set(err, CR_ECONFIG, "scheme '%s' is neither https nor http", scheme);
out:
	curl_free(user);
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(u);
	return rc;
}

static CURLcode
set_transport(CURL *easy, const struct http_curl *c, int64_t timeout_ms, bool loopback)
{
	int64_t connect_ms = timeout_ms < CONNECT_TIMEOUT_MAX_MS ? timeout_ms : CONNECT_TIMEOUT_MAX_MS;
	CURLcode rc = CURLE_OK;

	CURL_SET(rc, easy, CURLOPT_NOSIGNAL, 1L);
	CURL_SET(rc, easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	CURL_SET(rc, easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	CURL_SET(rc, easy, CURLOPT_FOLLOWLOCATION, 0L);
	CURL_SET(rc, easy, CURLOPT_SSL_VERIFYPEER, 1L);
	CURL_SET(rc, easy, CURLOPT_SSL_VERIFYHOST, 2L);
	CURL_SET(rc, easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	CURL_SET(rc, easy, CURLOPT_ACCEPT_ENCODING, "");
	CURL_SET(rc, easy, CURLOPT_USERAGENT, c->agent);
	if (c->ca_file != NULL)
		CURL_SET(rc, easy, CURLOPT_CAINFO, c->ca_file);
	/* A proxy of the environment must not see what is meant for this machine. */
	if (loopback)
		CURL_SET(rc, easy, CURLOPT_NOPROXY, "*");
	return rc;
}

static CURLcode
set_request(CURL *easy, const struct http_request *q)
{
	CURLcode rc = CURLE_OK;
	bool has_body = q->body.len > 0 || strcmp(q->method, "POST") == 0 || strcmp(q->method, "PUT") == 0 ||
	                strcmp(q->method, "PATCH") == 0;

	CURL_SET(rc, easy, CURLOPT_URL, q->url);
	if (has_body) {
		CURL_SET(rc, easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
		CURL_SET(rc, easy, CURLOPT_POSTFIELDS, buf_str(&q->body));
	} else if (strcmp(q->method, "HEAD") == 0) {
		CURL_SET(rc, easy, CURLOPT_NOBODY, 1L);
	} else {
		CURL_SET(rc, easy, CURLOPT_HTTPGET, 1L);
	}
	CURL_SET(rc, easy, CURLOPT_CUSTOMREQUEST, q->method);
	if (q->sigv4 != NULL) {
		size_t len;

		CURL_SET(rc, easy, CURLOPT_AWS_SIGV4, q->sigv4);
		CURL_SET(rc, easy, CURLOPT_USERPWD, secret_bytes(q->sigv4_user, &len));
	}
	return rc;
}

static CURLcode
set_callbacks(CURL *easy, struct attempt *a, struct curl_slist *headers)
{
	CURLcode rc = CURLE_OK;

	CURL_SET(rc, easy, CURLOPT_HTTPHEADER, headers);
	CURL_SET(rc, easy, CURLOPT_ERRORBUFFER, a->why);
	CURL_SET(rc, easy, CURLOPT_PREREQFUNCTION, on_begin);
	CURL_SET(rc, easy, CURLOPT_PREREQDATA, a);
	CURL_SET(rc, easy, CURLOPT_WRITEFUNCTION, on_body);
	CURL_SET(rc, easy, CURLOPT_WRITEDATA, a);
	CURL_SET(rc, easy, CURLOPT_HEADERFUNCTION, on_header);
	CURL_SET(rc, easy, CURLOPT_HEADERDATA, a);
	return rc;
}

/* The one place where libcurl's codes get our meaning. */
static enum http_outcome
classify(const struct attempt *a, CURLcode code)
{
	if (code == CURLE_OK)
		return HTTP_OUTCOME_REPLY;
	/* Too much was answered to a read: the next answer will be no shorter.  A write may have been done. */
	if (a->over_the_cap && !a->writes)
		return HTTP_OUTCOME_FATAL;
	if (a->begun > 0)
		return HTTP_OUTCOME_MAYBE_SENT;
	switch ((int)code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_FAILED_INIT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return HTTP_OUTCOME_FATAL;
	default:
		return HTTP_OUTCOME_NOT_SENT;
	}
}

static void
explain(const struct http_request *q, const struct attempt *a, CURLcode code, enum http_outcome outcome,
        struct err *err)
{
	static const int codes[] = {
		[HTTP_OUTCOME_REPLY] = CR_OK,
		[HTTP_OUTCOME_NOT_SENT] = CR_ERETRY,
		[HTTP_OUTCOME_MAYBE_SENT] = CR_EUNKNOWN,
		[HTTP_OUTCOME_FATAL] = CR_EIO,
	};
	char name[256];
	const char *why = a->why[0] != '\0' ? a->why : curl_easy_strerror(code);

	if (a->over_the_cap)
		why = "the reply is longer than 32 MB";
	else if (a->out_of_memory)
		why = "out of memory for the reply";
	else if (a->sent_again)
		why = "the connection was closed before an answer came";
	http_request_name(q, name, sizeof(name));
	(void)err_set(err, codes[outcome], "%s: %s", name, why);
}

static enum http_outcome
perform(CURL *easy, const struct http_request *q, struct attempt *a, struct err *err)
{
	CURLcode code = curl_easy_perform(easy);
	enum http_outcome outcome = classify(a, code);
	curl_off_t took_us = 0;
	long status = 0;
	char name[256];

	http_request_name(q, name, sizeof(name));
	(void)curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &took_us);
	if (outcome == HTTP_OUTCOME_REPLY) {
		(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (status < 100 || status > 599) {
			(void)err_set(err, CR_EUNKNOWN, "%s: answered with status %ld", name, status);
			return HTTP_OUTCOME_MAYBE_SENT;
		}
		a->reply->status = (int)status;
		log_debug("http: %s: %ld, %zu bytes sent, %zu received, %lld ms", name, status, q->body.len,
		          a->reply->body.len, (long long)(took_us / 1000));
		return outcome;
	}
	explain(q, a, code, outcome, err);
	log_debug("http: %s: failed after %lld ms: %s", name, (long long)(took_us / 1000), err->text);
	return outcome;
}

static enum http_outcome
http_curl_perform(struct http *h, const struct http_request *q, int64_t timeout_ms, struct http_reply *reply,
                  struct err *err)
{
	struct http_curl *c = (struct http_curl *)h;
	struct attempt a = {.reply = reply, .max_bytes = HTTP_REPLY_MAX_BYTES};
	struct curl_slist *headers = NULL;
	enum http_outcome outcome = HTTP_OUTCOME_FATAL;
	CURL *easy = NULL;
	CURLcode rc;
	char name[256];
	bool loopback = false;

	a.writes = strcmp(q->method, "GET") != 0 && strcmp(q->method, "HEAD") != 0;
	reply->body.max_bytes = HTTP_REPLY_MAX_BYTES;
	/* Not before: a run that only looks at its own files opens a transport too, and needs no libcurl. */
	if (lazy_curl_start(err) != CR_OK)
		return HTTP_OUTCOME_FATAL;
	if (check_url(c, q->url, &loopback, err) != CR_OK || headers_build(q, &headers, err) != CR_OK) {
		http_request_name(q, name, sizeof(name));
		(void)err_wrap(err, "%s", name);
		goto out;
	}
	easy = pool_take(c);
	if (easy == NULL) {
		(void)err_nomem(err, "http handle");
		goto out;
	}
	rc = set_transport(easy, c, timeout_ms, loopback);
	if (rc == CURLE_OK)
		rc = set_request(easy, q);
	if (rc == CURLE_OK)
		rc = set_callbacks(easy, &a, headers);
	if (rc != CURLE_OK) {
		explain(q, &a, rc, HTTP_OUTCOME_FATAL, err);
		goto out;
	}
	outcome = perform(easy, q, &a, err);
out:
	if (easy != NULL)
		pool_give(c, easy);
	headers_drop(&headers);
	return outcome;
}

static void
http_curl_drop(struct http *h)
{
	struct http_curl *c = (struct http_curl *)h;

	while (c->n_idle > 0)
		curl_easy_cleanup(c->idle[--c->n_idle]);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->ca_file);
	free(c->agent);
	free(c);
}

static const struct http_ops curl_ops = {
	.perform = http_curl_perform,
	.drop = http_curl_drop,
};

int
http_curl_open(const struct http_curl_options *o, struct http **out, struct err *err)
{
	struct http_curl *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return err_nomem(err, "http transport");
	c->http.ops = &curl_ops;
	c->http.deadline_ms = o->deadline_ms;
	c->allow_plain = o->allow_plain;
	/* Cannot fail for default attributes on Linux. */
	(void)pthread_mutex_init(&c->lock, NULL);
	c->agent = strdup(o->user_agent != NULL ? o->user_agent : AGENT_DEFAULT);
	c->ca_file = o->ca_file != NULL ? strdup(o->ca_file) : NULL;
	if (c->agent == NULL || (o->ca_file != NULL && c->ca_file == NULL)) {
		http_curl_drop(&c->http);
		return err_nomem(err, "http transport");
	}
	*out = &c->http;
	return CR_OK;
}
