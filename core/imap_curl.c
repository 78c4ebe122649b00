/*
 * imap_curl.c - libcurl as the way into an IMAP server: name, TLS, STARTTLS and login are its; what is said afterwards is ours.
 *
 * Sources: CURLOPT_CONNECT_ONLY(3), curl_easy_recv(3), CURLOPT_USE_SSL(3); RFC 8314, RFC 5530 (UNAVAILABLE), RFC 6761 s6.3 (localhost).
 * libcurl's own IMAP reads a folder with BODY[], which marks a mail as seen, and with a command of one's own looks for the end of the
 * answer inside the mail, whose sender then could end it; so it connects only.
 *
 * Invariants
 *   - TLS is always verified.  Without TLS nothing goes to another machine; there is no option to turn that off.
 *   - The password is handed to libcurl alone, and no line of the login is logged.
 */
#include "core/imap_curl.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "core/lazy.h"
#include "core/log.h"

/* clang-format off */
#define CALLS(X) \
	X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_perform) X(curl_easy_recv) \
	X(curl_easy_send) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_global_init)
/* clang-format on */
LAZY_LIBRARY(libcurl, "libcurl.so.4", "libcurl4", CALLS);
#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup  libcurl.curl_easy_cleanup
#define curl_easy_getinfo  libcurl.curl_easy_getinfo
#define curl_easy_init     libcurl.curl_easy_init
#define curl_easy_perform  libcurl.curl_easy_perform
#define curl_easy_recv     libcurl.curl_easy_recv
#define curl_easy_send     libcurl.curl_easy_send
#define curl_easy_setopt   libcurl.curl_easy_setopt
#define curl_easy_strerror libcurl.curl_easy_strerror
#define curl_global_init   libcurl.curl_global_init

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

bool
imap_host_is_loopback(const char *host)
{
	struct in_addr v4;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
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

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_rc;

static void
global_init(void)
{
	struct sigaction old;

	/* Counted: http_curl.c may have done the same. */
	global_rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	/* With CURLOPT_NOSIGNAL a peer that hangs up during a TLS write would kill the process. */
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
}

static int
start(struct err *err)
{
	int rc = lazy_need(&libcurl_lazy, err);

	if (rc != CR_OK)
		return rc;
	(void)pthread_once(&global_once, global_init);
	return global_rc == CURLE_OK ? CR_OK : err_set(err, CR_EIO, "libcurl: %s", curl_easy_strerror(global_rc));
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

/* Wide enough for va_arg: an int where libcurl takes a long is the mistake that compilers let pass. */
#define SET(option, value)                                                                                             \
	do {                                                                                                           \
		static_assert(sizeof(true ? (value) : (value)) >= sizeof(long), "a long, an offset or a pointer");     \
		if (rc == CURLE_OK)                                                                                    \
			rc = curl_easy_setopt(c->easy, (option), (value));                                             \
	} while (0)

static CURLcode
set_options(struct imap_curl *c, const struct imap_curl_options *o, const char *url)
{
	CURLcode rc = CURLE_OK;
	size_t unused;

	SET(CURLOPT_URL, url);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT_MS, (long)o->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)o->timeout_ms);
	SET(CURLOPT_USE_SSL, o->tls == IMAP_TLS_NONE ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (o->ca_file != NULL)
		SET(CURLOPT_CAINFO, o->ca_file);
	/* The proxies of the environment are for the web. */
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_USERNAME, o->user);
	SET(CURLOPT_PASSWORD, secret_bytes(o->password, &unused));
	SET(CURLOPT_ERRORBUFFER, c->why);
	SET(CURLOPT_HEADERFUNCTION, on_line);
	SET(CURLOPT_HEADERDATA, c);
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
	if (o->tls == IMAP_TLS_NONE && !imap_host_is_loopback(o->host))
		return err_set(err, CR_EREFUSED, "%s: IMAP without TLS to another host", c->name);
	return CR_OK;
}

int
imap_curl_open(const struct imap_curl_options *o, struct imap_link **out, struct err *err)
{
	struct imap_curl *c = NULL;
	int rc = start(err);

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
