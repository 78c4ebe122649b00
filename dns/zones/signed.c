/*
 * signed.c - one signed question and its answers: signature, connection, and what a refusal of the key means.
 *
 * Sources: RFC 8945 s5 (errors), RFC 1035 s4.1.1 (header), RFC 2136 s2.2 (response codes).
 */
#include "dns/zones/signed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dns/zones/wire.h"

#define DEADLINE_MS  60000
#define DEFAULT_PORT "53"
#define FLAG_QR      0x8000U
#define OPCODE_MASK  0x7800U
#define CLASS_IN     1

/* HOST, HOST:PORT, [IPv6]:PORT, or a bare IPv6 address. */
static int
split_server(const char *server, char **host_out, char **port_out, struct err *err)
{
	const char *host = server, *port = DEFAULT_PORT;
	const char *colon = strrchr(server, ':');
	size_t len = strlen(server);

	if (server[0] == '[') {
		const char *end = strchr(server, ']');

		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return err_set(err, CR_ECONFIG, "server: must be HOST:PORT, not '%s'", server);
		host = server + 1;
		len = (size_t)(end - host);
		if (end[1] == ':')
			port = end + 2;
	} else if (colon != NULL && strchr(server, ':') == colon) {
		len = (size_t)(colon - server);
		port = colon + 1;
	}
	if (len == 0 || len > 253 || port[0] == '\0' || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5)
		return err_set(err, CR_ECONFIG, "server: must be HOST:PORT, not '%s'", server);
	*host_out = strndup(host, len);
	*port_out = strdup(port);
	return *host_out != NULL && *port_out != NULL ? CR_OK : err_nomem(err, "server");
}

int
signed_server_make(const char *server, const char *key_name, const char *key_algorithm, const struct secret *key_secret,
                   const struct clock *clock, struct signed_server *out, struct err *err)
{
	struct signed_server s = {.clock = clock};
	int rc = split_server(server, &s.host, &s.port, err);

	if (rc == CR_OK)
		rc = tsig_key_make(key_name, key_algorithm, key_secret, &s.key, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct signed_server){0};
	}
	signed_server_release(&s);
	return rc;
}

void
signed_server_release(struct signed_server *s)
{
	tsig_key_release(&s->key);
	free(s->host);
	free(s->port);
	*s = (struct signed_server){0};
}

void
signed_start(struct buf *b, unsigned flags, const char *zone, uint16_t type)
{
	uint16_t id;

	if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id))
		id = 0; /* the signature ties reply and request together, the id only sorts */
	wire_add_u16(b, id);
	wire_add_u16(b, (uint16_t)flags);
	wire_add_u16(b, 1);
	wire_add_u16(b, 0);
	wire_add_u32(b, 0);
	wire_add_name(b, zone);
	wire_add_u16(b, type);
	wire_add_u16(b, CLASS_IN);
}

enum rcode
signed_rcode(const struct buf *reply)
{
	return wire_u16((const uint8_t *)reply->data + 2) & 0xfU;
}

const char *
signed_rcode_name(enum rcode rcode)
{
	static const char *const names[] = {
		[RCODE_NOERROR] = "NOERROR",   [RCODE_FORMERR] = "FORMERR", [RCODE_SERVFAIL] = "SERVFAIL",
		[RCODE_NXDOMAIN] = "NXDOMAIN", [RCODE_NOTIMP] = "NOTIMP",   [RCODE_REFUSED] = "REFUSED",
		[RCODE_YXDOMAIN] = "YXDOMAIN", [RCODE_YXRRSET] = "YXRRSET", [RCODE_NXRRSET] = "NXRRSET",
		[RCODE_NOTAUTH] = "NOTAUTH",   [RCODE_NOTZONE] = "NOTZONE",
	};

	return rcode < ARRAY_LEN(names) ? names[rcode] : "an unknown code";
}

/* Perhaps the server has all of it. */
static int
unknown(struct err *err)
{
	if (err != NULL)
		err->code = CR_EUNKNOWN;
	return CR_EUNKNOWN;
}

int
signed_send(const struct signed_server *s, struct buf *message, struct signed_call *out, struct err *err)
{
	struct signed_call c = {0};
	struct tsig_mac mac;
	int rc = tsig_sign(&s->key, clock_wall_s(s->clock), message, &mac, err);

	if (rc != CR_OK)
		return rc;
	c.id = wire_u16((const uint8_t *)message->data);
	c.flags = wire_u16((const uint8_t *)message->data + 2);
	rc = tsig_check_open(&s->key, &mac, &c.check, err);
	if (rc == CR_OK)
		rc = dnstcp_open(s->host, s->port, s->clock, DEADLINE_MS, &c.tcp, err);
	if (rc == CR_OK && dnstcp_send(c.tcp, message, err) != CR_OK)
		rc = unknown(err);
	if (rc == CR_OK) {
		*out = c;
		c = (struct signed_call){0};
	}
	signed_call_release(&c);
	return rc;
}

void
signed_call_release(struct signed_call *c)
{
	dnstcp_drop(&c->tcp);
	tsig_check_drop(&c->check);
}

/* What a refused signature means. */
static int
tsig_fault(const struct signed_server *s, const struct tsig_result *res, struct err *err)
{
	const char *key = s->key.name.text;
	int64_t off_s;

	switch (res->error) {
	case TSIG_BADSIG:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADSIG): another secret there", key);
	case TSIG_BADKEY:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADKEY): name or algorithm unknown there",
		               key);
	case TSIG_BADTIME:
		off_s = res->server_s != 0 ? res->server_s - clock_wall_s(s->clock) : 0;
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (BADTIME): the clocks differ by %lld s", key,
		               (long long)(off_s < 0 ? -off_s : off_s));
	default:
		return err_set(err, CR_EAUTH, "key '%s' was not accepted (TSIG error %u)", key, res->error);
	}
}

/* The head of an answer to c. */
static int
check_header(const struct signed_call *c, const struct buf *reply, struct err *err)
{
	const uint8_t *m = (const uint8_t *)reply->data;

	if (reply->len < WIRE_HEADER)
		return err_set(err, CR_EPARSE, "answer: %zu bytes are no message", reply->len);
	if (wire_u16(m) != c->id || (wire_u16(m + 2) & FLAG_QR) == 0 ||
	    ((wire_u16(m + 2) ^ c->flags) & OPCODE_MASK) != 0)
		return err_set(err, CR_EPARSE, "answer: not to what was asked");
	return CR_OK;
}

int
signed_receive(const struct signed_server *s, struct signed_call *c, struct buf *reply, struct tsig_result *result,
               struct err *err)
{
	int rc = dnstcp_receive(c->tcp, reply, err);

	if (rc == CR_OK)
		rc = check_header(c, reply, err);
	if (rc == CR_OK)
		rc = tsig_check_message(c->check, (const uint8_t *)reply->data, reply->len, clock_wall_s(s->clock),
		                        result, err);
	if (rc == CR_OK && result->verdict == TSIG_REFUSED)
		rc = tsig_fault(s, result, err);
	return rc;
}
