/*
 * http.h - one HTTP exchange with a provider: deadline, retry rule, reply cap, redaction.
 *
 * struct http is a transport: curl (http_curl.c) or a replay of recorded exchanges (http_replay.c).
 * http_exchange adds the one retry rule for all providers (http.c):
 *   retried: a connection that failed before anything was sent; 429, 503; and what the driver's
 *            `transient` says of a reply (PowerDNS: 500 "database is locked").
 *   waits Retry-After (seconds or HTTP-date; gives up at once when that is past the deadline), else exponential back-off
 *            with jitter, 1 s to 60 s (PowerDNS-style lock faults start at 50 ms: backoff_ms).
 *   a failure after the request may have reached the server, and a gateway's 502 or 504, is retried only for GET, HEAD and
 *            idempotent_write; any other write returns CR_EUNKNOWN instead, and the driver looks before it repeats.
 * Thread-safe: many threads share one struct http; connections are kept and reused.
 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/pacer.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEADERS_MAX     12
#define HTTP_ADDRESS_MAX     4096
#define HTTP_REPLY_MAX_BYTES ((size_t)32 << 20)

struct http_header {
	const char *name;
	const char *value;           /* borrowed; NULL when the value is secret */
	const struct secret *secret; /* printed as [redacted] */
	const char *secret_prefix;   /* "Bearer " in front of the secret; may be NULL */
};

struct http_request {
	const char *method; /* "GET", "POST", ... */
	char *url;          /* heap, owned */
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	struct buf body;          /* owned; may be empty */
	const char *content_type; /* static; NULL with an empty body */
	/* AWS Signature Version 4, made by the transport: "aws:amz:us-east-1:route53"; NULL: not signed.  The query must be sorted by
	 * name, encoded by http_encode, each parameter with its '=' (libcurl 7.88 signs others wrongly). */
	const char *sigv4;
	const struct secret *sigv4_user; /* "ACCESS-KEY-ID:SECRET" */
};
void http_request_release(struct http_request *q);
/* URL = base (without its trailing slashes) + path.  Errors: CR_ENOMEM. */
MUST_CHECK int http_request_set_url(struct http_request *q, const char *base, const char *path, struct err *err);
void http_request_add_header(struct http_request *q, const char *name, const char *value);
void http_request_add_secret(struct http_request *q, const char *name, const char *prefix, const struct secret *s);
/* "METHOD URL" without the query, for errors and logs. */
void http_request_name(const struct http_request *q, char *out, size_t size);
/* Percent-encode all but A-Za-z0-9-_.~ onto b. */
void http_encode(struct buf *b, const char *s);

struct http_reply {
	int status;      /* 100..599 */
	struct buf body; /* capped at HTTP_REPLY_MAX_BYTES */
	char content_type[96];
	char retry_after[64]; /* as sent; "" */
	/* Addresses, "" when there is none.  Microsoft's are signed, and kilobytes long. */
	char location[HTTP_ADDRESS_MAX];
	char operation
		[HTTP_ADDRESS_MAX]; /* Azure-AsyncOperation: where an operation is watched that the answer only began */
};
void http_reply_release(struct http_reply *r);

/* How one attempt ended, for the retry rule. */
enum http_outcome {
	HTTP_OUTCOME_REPLY,      /* a whole reply is here, whatever its status */
	HTTP_OUTCOME_NOT_SENT,   /* no connection, or refused before the request went out: safe to repeat */
	HTTP_OUTCOME_MAYBE_SENT, /* cut off afterwards: unknown whether it was done */
	HTTP_OUTCOME_FATAL       /* bad URL, TLS verification, reply over the cap: repeating cannot help */
};

struct http;
struct http_ops {
	/* One attempt, within timeout_ms.  err is filled unless HTTP_OUTCOME_REPLY. */
	enum http_outcome (*perform)(struct http *h, const struct http_request *q, int64_t timeout_ms,
	                             struct http_reply *reply, struct err *err);
	void (*drop)(struct http *h);
};
struct http {
	const struct http_ops *ops; /* first member of every transport */
	int64_t deadline_ms;        /* the operator's, for policies that have none; 0: 60 s */
};
void http_drop(struct http **h);

/* What a driver knows about its provider. */
struct http_policy {
	int64_t deadline_ms;   /* over all attempts and waits; 0: the transport's */
	int attempts_max;      /* 0: 6 */
	int64_t backoff_ms;    /* first wait; 0: 1000 */
	bool idempotent_write; /* a PUT/PATCH/DELETE that may be repeated blindly (PowerDNS PATCH REPLACE) */
	bool (*transient)(const struct http_reply *r); /* further replies to be retried; may be NULL */
	bool (*throttled)(const struct http_reply
	                          *r); /* those that mean what 429 does, for all of the pacer's threads; may be NULL */
	struct pacer *
		pacer; /* every attempt takes its turn, outside of the deadline; a Retry-After holds for all; may be NULL */
};

/*
 * Do q under the retry rule.  CR_OK: a reply is there, its status is the caller's to judge (a retried status that outlasts the
 * attempts comes back as CR_ERETRY with retry_after_s).
 * Errors: CR_ERETRY (gave up, nothing was done), CR_EUNKNOWN (a write whose fate is unknown), CR_EIO (fatal: TLS, a reply over
 * the cap), CR_ECONFIG (an address or header that cannot be used), CR_ENOMEM.
 */
MUST_CHECK int http_exchange(struct http *h, const struct clock *clock, const struct http_policy *policy,
                             const struct http_request *q, struct http_reply *reply, struct err *err);

/* Seconds to wait for a Retry-After value at now_s; -1 when it cannot be read.  RFC 9110 s10.2.3, s5.6.7. */
int64_t http_retry_after(const char *value, int64_t now_s);

/* The curl transport.  TLS is always verified; plain http is accepted for loopback addresses only unless allow_plain.
 * Errors: CR_EIO, CR_ENOMEM. */
struct http_curl_options {
	const char *ca_file; /* NULL: the system's */
	bool allow_plain;    /* http:// to other hosts (a management network); a configuration setting with a warning */
	const char *user_agent;
	int64_t deadline_ms; /* over all attempts and waits of an exchange; 0: 60 s */
};
MUST_CHECK int http_curl_open(const struct http_curl_options *o, struct http **out, struct err *err);

/*
 * The replay transport: answers from a golden file, and fails the test when the request differs.
 * File: blocks "> METHOD PATH-AND-QUERY" (or a whole URL), "> Header: value" (those to be checked; value "*": any), blank,
 * body lines, then "< STATUS", "< Header: value", blank, body; or "! not_sent" / "! maybe_sent"; "#" comments.  JSON bodies
 * compare as data.  Exchanges are used in order; a request that differs is HTTP_OUTCOME_FATAL with CR_EBUG naming the place.
 * Errors: CR_EPARSE with file and line.
 */
MUST_CHECK int http_replay_open(const char *path, const char *base_url, struct http **out, struct err *err);
/* NULL when every exchange of the file was used and no request differed; else one line naming the first that was not or did. */
const char *http_replay_rest(const struct http *h);

#endif
