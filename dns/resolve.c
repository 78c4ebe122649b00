/*
 * resolve.c - one question to one DNS server.
 *
 * RFC 1035 s4 (messages, TCP after a truncated answer), RFC 6891 (EDNS), RFC 5452 s9 (what makes a reply ours: address, port, id and
 * question).  The reply is read by resolve_parse.c.
 */
#include "dns/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/file.h"
#include "core/num.h"
#include "dns/exchange.h"
#include "dns/query.h"

#define DNS_PORT        53
#define RESOLV_CONF     "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define RCODE_FORMERR   1

static bool
is_address(const char *text, int family)
{
	unsigned char address[16];

	return inet_pton(family, text, address) == 1;
}

int
resolve_server_parse(const char *text, struct resolve_server *out, struct err *err)
{
	struct resolve_server s = {.port = DNS_PORT};
	const char *address = text, *end, *port = NULL;
	bool bracketed = text[0] == '[';
	int64_t n;
	size_t len;

	if (bracketed) {
		address++;
		end = strchr(address, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return err_set(err, CR_EPARSE, "dns server '%s': must be ADDRESS or [ADDRESS]:PORT", text);
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		/* One colon parts the port, more are an IPv6 address. */
		end = strchr(address, ':');
		if (end != NULL && strchr(end + 1, ':') == NULL)
			port = end + 1;
		else
			end = address + strlen(address);
	}
	len = (size_t)(end - address);
	if (len >= sizeof(s.address))
		return err_set(err, CR_EPARSE, "dns server '%s': not an address", text);
	memcpy(s.address, address, len);
	if (!is_address(s.address, AF_INET6) && (bracketed || !is_address(s.address, AF_INET)))
		return err_set(err, CR_EPARSE, "dns server '%s': not an address", text);
	if (port != NULL) {
		if (num_parse(port, 1, UINT16_MAX, &n, err) != CR_OK) {
			(void)err_wrap(err, "dns server '%s': port", text);
			return CR_EPARSE;
		}
		s.port = (uint16_t)n;
	}
	*out = s;
	return CR_OK;
}

int
resolve_server_system(struct resolve_server *out, struct err *err)
{
	struct buf text = {0};
	char *line, *rest = NULL, word[64];
	bool found = false;
	int rc = file_read(RESOLV_CONF, RESOLV_CONF_MAX, &text, err);

	/* Addresses with a scope (fe80::1%eth0) and other spellings are passed over. */
	line = rc == CR_OK && text.data != NULL ? strtok_r(text.data, "\n", &rest) : NULL;
	for (; line != NULL && !found; line = strtok_r(NULL, "\n", &rest)) {
		found = sscanf(line, " nameserver %63s", word) == 1 &&
		        (is_address(word, AF_INET) || is_address(word, AF_INET6));
	}
	if (found) {
		*out = (struct resolve_server){.port = DNS_PORT};
		(void)snprintf(out->address, sizeof(out->address), "%s", word);
	} else if (rc == CR_OK) {
		rc = err_set(err, CR_ENOTFOUND, "%s: names no nameserver", RESOLV_CONF);
	}
	buf_release(&text);
	return rc;
}

static bool
is_our_reply(const uint8_t *reply, size_t len, const void *arg)
{
	return query_is_answered_by(arg, reply, len);
}

/* UDP, and TCP when the answer did not fit. */
static int
exchange(const struct resolve_server *server, const struct query *q, int64_t deadline_ms, uint8_t *reply,
         size_t *len_out, struct err *err)
{
	uint8_t query[QUERY_MAX];
	size_t len = query_build(q, query);
	int rc = exchange_udp(server, query, len, deadline_ms, is_our_reply, query, reply, len_out, err);

	if (rc == CR_OK && query_is_truncated(reply))
		rc = exchange_tcp(server, query, len, deadline_ms, is_our_reply, query, reply, len_out, err);
	return rc;
}

/* An id nobody can guess; getrandom may be interrupted only before it has anything. */
static int
new_id(uint16_t *out, struct err *err)
{
	while (getrandom(out, sizeof(*out), 0) != (ssize_t)sizeof(*out)) {
		if (errno != EINTR)
			return err_errno(err, CR_EIO, errno, "dns: random id");
	}
	return CR_OK;
}

int
resolve_ask(const struct resolve_server *server, const char *name, uint16_t type, bool recursion, int64_t timeout_ms,
            struct resolve_answer *out, struct err *err)
{
	struct query q = {.type = type, .recursion = recursion, .edns = true};
	struct name canonical;
	int64_t deadline_ms = exchange_now_ms() + timeout_ms;
	uint8_t *reply = malloc(EXCHANGE_MESSAGE_MAX);
	size_t len = 0;
	int rc;

	if (reply == NULL)
		return err_nomem(err, "dns answer");
	rc = name_parse(name, &canonical, err);
	q.name = canonical.text;
	if (rc == CR_OK)
		rc = new_id(&q.id, err);
	if (rc == CR_OK)
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	/* A server older than EDNS says so with FORMERR (RFC 6891 s7). */
	if (rc == CR_OK && query_rcode(reply) == RCODE_FORMERR) {
		q.edns = false;
		rc = exchange(server, &q, deadline_ms, reply, &len, err);
	}
	if (rc == CR_OK)
		rc = resolve_parse(reply, len, out, err);
	free(reply);
	return rc;
}
