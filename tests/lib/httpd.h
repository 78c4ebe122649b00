/*
 * httpd.h - a web server on 127.0.0.1 inside the test, that answers by script or by a function, and misbehaves on demand.
 *
 *   static const struct httpd_answer script[] = {
 *           {.status = 429, .headers = "Retry-After: 7\r\n"},
 *           {.fault = HTTPD_LOSE},
 *           {.status = 200, .body = "{\"id\":1}"},
 *   };
 *   struct httpd *s = httpd_script(script, ARRAY_LEN(script));
 *   ... http_request_set_url(&q, httpd_url(s), "/zones", &err) ...
 *   assert_int_equal(httpd_count(s), 3);
 *   assert_string_equal(httpd_seen(s, 2)->target, "/zones");
 *   httpd_drop(&s);
 *
 * One thread serves all connections, one request after the other, with keep-alive.  Trouble of the server itself (no port,
 * no memory) ends the test binary with a line on stderr.  Ports are below 32768.
 */
#ifndef TESTS_LIB_HTTPD_H
#define TESTS_LIB_HTTPD_H

#include <stddef.h>

enum httpd_fault {
	HTTPD_NONE,
	HTTPD_RESET,       /* the request is read, then the connection is reset */
	HTTPD_LOSE,        /* the request is read and counts as done, then the connection is closed without an answer */
	HTTPD_CUT,         /* Content-Length tells the whole, half of the body comes */
	HTTPD_HANG,        /* no answer, the connection stays open */
	HTTPD_CLOSE_AFTER, /* a whole answer that promises keep-alive, then the connection is closed */
	HTTPD_GARBAGE      /* bytes that are no HTTP */
};

struct httpd_answer {
	int status;          /* 0: 200 */
	const char *headers; /* further lines, each ended by \r\n; NULL: none */
	const char *body;    /* NULL: empty */
	size_t body_bytes;   /* 0: strlen(body); more than that: the body is padded with blanks */
	const char *type;    /* NULL: application/json */
	enum httpd_fault fault;
};

/* A request as it came. */
struct httpd_seen {
	char method[16];
	char target[1024]; /* path and query */
	char *headers;     /* the lines between request line and body */
	char *body;        /* NUL-terminated */
	size_t body_len;
	unsigned connection; /* 0 for the first one accepted, then 1, ... */
};

/* Fills *a, which is zero, for *q; strings must outlive the server or be static.  Runs in the server's thread. */
typedef void httpd_handler(void *arg, const struct httpd_seen *q, struct httpd_answer *a);

struct httpd;

/* The n-th request gets the n-th answer; those after the last get a 500 that says so. */
struct httpd *httpd_script(const struct httpd_answer *script, size_t n);
struct httpd *httpd_handle(httpd_handler *handler, void *arg);
/* Stops the thread and closes everything. */
void httpd_drop(struct httpd **s);

/* "http://127.0.0.1:PORT", borrowed. */
const char *httpd_url(const struct httpd *s);
/* Requests read whole so far. */
size_t httpd_count(struct httpd *s);
/* Wait until the server is through with them: a connection it closes is closed when this returns. */
void httpd_settle(struct httpd *s);
/* The i-th of them; borrowed until httpd_drop.  NULL when there were not so many. */
const struct httpd_seen *httpd_seen(struct httpd *s, size_t i);
/* Value of a header of q into out, "" when it is not there. */
const char *httpd_header(const struct httpd_seen *q, const char *name, char *out, size_t size);

#endif
