/*
 * imap_curl.c - libcurl as the way into an IMAP server: name, TLS, STARTTLS and login are its; what is said afterwards is ours.
 *
 * Sources: CURLOPT_CONNECT_ONLY(3), curl_easy_recv(3), CURLOPT_USE_SSL(3); RFC 8314, RFC 5530 (UNAVAILABLE).
 * libcurl's own IMAP reads a folder with BODY[], which marks a mail as seen, and with a command of one's own looks for the end of the
 * answer inside the mail, whose sender then could end it; so it connects only.
 *
 * Invariants
 *   - TLS is always verified.  Without TLS nothing goes to another machine; there is no option to turn that off.
 *   - The password is handed to libcurl alone, and no line of the login is logged.
 */
#include "core/imap_curl.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/lazy_curl.h"
#include "core/log.h"
#include "core/loopback.h"

#define LINE_MAX_BYTES 200 /* of what the server said last, for an error */

struct imap_curl {
	struct imap_link link; /* first: its face */
	CURL *easy;
	curl_socket_t socket;
	const struct clock *clock;
	char said[LINE_MAX_BYTES]; /* the server's last line of the login */
	char why[CURL_ERROR_SIZE];
	char name[300]; /* host:port */
};

static const char *const tls_names[] = {
	[IMAP_TLS_IMPLICIT] = "implicit",
	[IMAP_TLS_STARTTLS] = "starttls",
	[IMAP_TLS_NONE] = "none",
};
static_assert(ARRAY_LEN(tls_names) == IMAP_TLS__COUNT, "a name for each");

const char *
imap_tls_name(enum imap_tls t)
{
	return tls_names[t];
}

void
imap_link_drop(struct imap_link **l)
{
	if (*l != NULL)
		(*l)->drop(*l);
	*l = NULL;
}

static void
imap_curl_drop(struct imap_link *l)
{
	struct imap_curl *c = (struct imap_curl *)l;

	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	free(c);
}

/* Wait until the socket can be read or written.  Errors: CR_ERETRY. */
static int
wait_for(const struct imap_curl *c, short events, int64_t until_ms, struct err *err)
{
	struct pollfd fd = {.fd = c->socket, .events = events};
	int n;

	do {
		int64_t left = until_ms - clock_boot_ms(c->clock);

		if (left <= 0)
			return err_set(err, CR_ERETRY, "%s: no answer in time", c->name);
		n = poll(&fd, 1, left > INT32_MAX ? INT32_MAX : (int)left);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n > 0 ? CR_OK : err_errno(err, CR_EIO, errno, c->name);
}

static int
imap_curl_send(struct imap_link *l, const char *data, size_t len, int64_t wait_ms, struct err *err)
{
	struct imap_curl *c = (struct imap_curl *)l;
	int64_t until_ms = clock_boot_ms(c->clock) + wait_ms;

	while (len > 0) {
		size_t n = 0;
		CURLcode code = curl_easy_send(c->easy, data, len, &n);
		int rc = CR_OK;

		if (code == CURLE_AGAIN)
			rc = wait_for(c, POLLOUT, until_ms, err);
		else if (code != CURLE_OK)
			rc = err_set(err, CR_ERETRY, "%s: %s", c->name, curl_easy_strerror(code));
		if (rc != CR_OK)
			return rc;
		data += n;
		len -= n;
	}
	return CR_OK;
}

static int
imap_curl_recv(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err)
{
	struct imap_curl *c = (struct imap_curl *)l;
	int64_t until_ms = clock_boot_ms(c->clock) + wait_ms;

	for (;;) {
		size_t n = 0;
		/* First, since TLS may hold bytes that the socket no longer has. */
		CURLcode code = curl_easy_recv(c->easy, to, size, &n);
		int rc;

		if (code == CURLE_OK && n > 0) {
			*n_out = n;
			return CR_OK;
		}
		if (code == CURLE_OK)
			return err_set(err, CR_ERETRY, "%s: closed the connection", c->name);
		if (code != CURLE_AGAIN)
			return err_set(err, CR_ERETRY, "%s: %s", c->name, curl_easy_strerror(code));
		rc = wait_for(c, POLLIN, until_ms, err);
		if (rc != CR_OK)
			return rc;
	}
}

/* The last line of the login says why it was refused. */
static size_t
on_line(char *line, size_t size, size_t n, void *arg)
{
	struct imap_curl *c = arg;
	size_t len = size * n;

	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	(void)snprintf(c->said, sizeof(c->said), "%.*s", (int)(len < sizeof(c->said) ? len : sizeof(c->said) - 1),
	               line);
	return size * n;
}

/* Without its tag and verdict: "[AUTHENTICATIONFAILED] Authentication failed." */
static const char *
what_was_said(const struct imap_curl *c)
{
	const char *no = strstr(c->said, " NO ");

	return no != NULL ? no + 4 : "it takes no login over this connection";
}

static int
explain(const struct imap_curl *c, const struct imap_curl_options *o, CURLcode code, struct err *err)
{
	const char *why = c->why[0] != '\0' ? c->why : curl_easy_strerror(code);

	switch ((int)code) {
	case CURLE_LOGIN_DENIED:
		if (strstr(c->said, "[UNAVAILABLE]") != NULL)
			return err_set(err, CR_ERETRY, "%s: cannot check logins now: %s", c->name, what_was_said(c));
		return err_set(err, CR_EAUTH, "%s: the login of %s was refused: %s", c->name, o->user,
		               what_was_said(c));
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(err, CR_EREFUSED, "%s: its certificate does not verify: %s", c->name, why);
	case CURLE_USE_SSL_FAILED:
		return err_set(err, CR_EREFUSED, "%s: does not offer STARTTLS, and nothing is said without TLS",
		               c->name);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, CR_ECONFIG, "ca_file: %s", why);
	case CURLE_OUT_OF_MEMORY:
		return err_nomem(err, "imap connection");
	default:
		return err_set(err, CR_ERETRY, "%s: %s", c->name, why);
	}
}

static CURLcode
set_options(struct imap_curl *c, const struct imap_curl_options *o, const char *url)
{
	CURLcode rc = CURLE_OK;
	size_t unused;

	CURL_SET(rc, c->easy, CURLOPT_URL, url);
	CURL_SET(rc, c->easy, CURLOPT_CONNECT_ONLY, 1L);
	CURL_SET(rc, c->easy, CURLOPT_NOSIGNAL, 1L);
	CURL_SET(rc, c->easy, CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	CURL_SET(rc, c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)o->timeout_ms);
	CURL_SET(rc, c->easy, CURLOPT_USE_SSL, o->tls == IMAP_TLS_NONE ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
	CURL_SET(rc, c->easy, CURLOPT_SSL_VERIFYPEER, 1L);
	CURL_SET(rc, c->easy, CURLOPT_SSL_VERIFYHOST, 2L);
	CURL_SET(rc, c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (o->ca_file != NULL)
		CURL_SET(rc, c->easy, CURLOPT_CAINFO, o->ca_file);
	/* The proxies of the environment are for the web. */
	CURL_SET(rc, c->easy, CURLOPT_NOPROXY, "*");
	CURL_SET(rc, c->easy, CURLOPT_USERNAME, o->user);
	CURL_SET(rc, c->easy, CURLOPT_PASSWORD, secret_bytes(o->password, &unused));
	CURL_SET(rc, c->easy, CURLOPT_ERRORBUFFER, c->why);
	CURL_SET(rc, c->easy, CURLOPT_HEADERFUNCTION, on_line);
	CURL_SET(rc, c->easy, CURLOPT_HEADERDATA, c);
	return rc;
}

static int
imap_connect(struct imap_curl *c, const struct imap_curl_options *o, struct err *err)
{
	const char *scheme = o->tls == IMAP_TLS_IMPLICIT ? "imaps" : "imap";
	char url[320];
	CURLcode code;

	(void)snprintf(url, sizeof(url), "%s://%s/", scheme, c->name);
	code = set_options(c, o, url);
	if (code == CURLE_OK)
		code = curl_easy_perform(c->easy);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &c->socket);
	if (code != CURLE_OK)
		return explain(c, o, code, err);
	log_debug("imap: %s: logged in as %s", c->name, o->user);
	return CR_OK;
}

static int
name_server(struct imap_curl *c, const struct imap_curl_options *o, struct err *err)
{
	bool bare_v6 = strchr(o->host, ':') != NULL && o->host[0] != '[';
	int port = o->port != 0 ? o->port : o->tls == IMAP_TLS_IMPLICIT ? 993 : 143;
	int len = snprintf(c->name, sizeof(c->name), bare_v6 ? "[%s]:%d" : "%s:%d", o->host, port);

	/* It becomes part of an address: nothing in it may end the host. */
	if (len < 0 || (size_t)len >= sizeof(c->name) || o->host[strcspn(o->host, "/@?#\\ \t\r\n")] != '\0')
		return err_set(err, CR_ECONFIG, "'%s' is no host", o->host);
	if (o->tls == IMAP_TLS_NONE && !loopback_host(o->host))
		return err_set(err, CR_EREFUSED, "%s: IMAP without TLS to another host", c->name);
	return CR_OK;
}

int
imap_curl_open(const struct imap_curl_options *o, struct imap_link **out, struct err *err)
{
	struct imap_curl *c = NULL;
	int rc = lazy_curl_start(err);

	if (rc != CR_OK)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return err_nomem(err, "imap connection");
	c->link = (struct imap_link){imap_curl_send, imap_curl_recv, imap_curl_drop};
	c->clock = o->clock;
	rc = name_server(c, o, err);
	if (rc == CR_OK && (c->easy = curl_easy_init()) == NULL)
		rc = err_nomem(err, "imap connection");
	if (rc == CR_OK)
		rc = imap_connect(c, o, err);
	if (rc == CR_OK) {
		*out = &c->link;
		c = NULL;
	}
	if (c != NULL)
		imap_curl_drop(&c->link);
	return rc;
}
