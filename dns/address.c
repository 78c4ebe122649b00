/*
 * address.c - mailbox addresses and the names of IP addresses.
 *
 * Sources: RFC 5321 s4.1.2 (Mailbox), s4.5.3.1.1 (64 octets); RFC 6531 s3.3 (UTF-8 in the local part);
 * RFC 1035 s3.5 and RFC 3596 s2.5 (reverse names).
 * The gate reads two addresses per question: one pass, nothing allocated unless the domain is written in U-labels.
 */
#include "dns/name.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#define LOCAL_MAX 64

static bool
is_atext(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Bytes of one well-formed UTF-8 character at p (RFC 3629 s4), 0 for a broken one. */
static size_t
utf8_len(const unsigned char *p, size_t left)
{
	size_t need = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (need == 0 || need > left)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies above U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf0 && p[1] < 0x90) ||
	    (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return need;
}

static bool
is_utf8(const char *p, size_t len)
{
	while (len > 0) {
		size_t used = utf8_len((const unsigned char *)p, len);

		if (used == 0)
			return false;
		p += used;
		len -= used;
	}
	return true;
}

/* Atoms with single dots between them; p is already lower case. */
static bool
is_dot_atom(const char *p, size_t len)
{
	bool after_dot = true;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '.' && after_dot)
			return false;
		if (p[i] != '.' && !is_atext((unsigned char)p[i]))
			return false;
		after_dot = p[i] == '.';
	}
	return !after_dot;
}

/* The text between the quotes of a quoted local part, backslashes taken out; -1 when it is none. */
static int
unquote(const char *p, size_t len, char out[LOCAL_MAX])
{
	int n = 0;

	if (len < 2 || p[0] != '"' || p[len - 1] != '"')
		return -1;
	for (size_t i = 1; i < len - 1; i++) {
		if (p[i] == '"')
			return -1;
		if (p[i] == '\\' && ++i == len - 1)
			return -1;
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return -1;
		out[n++] = p[i];
	}
	return n;
}

/*
 * Write local's one spelling to out; returns its length, 0 for what is no local part.  Quotes and backslashes that are not needed go
 * (RFC 5321 s4.1.2 calls the forms equivalent): otherwise "jo"@x would slip past the suppression of jo@x.
 */
static size_t
put_local(const char *local, size_t len, char out[LOCAL_MAX])
{
	char plain[LOCAL_MAX] = {0};
	size_t used = 0;
	int n;

	for (size_t i = 0; i < len; i++)
		out[i] = local[i] >= 'A' && local[i] <= 'Z' ? (char)(local[i] + ('a' - 'A')) : local[i];
	if (!is_utf8(out, len))
		return 0;
	if (is_dot_atom(out, len))
		return len;
	n = unquote(out, len, plain);
	if (n < 0)
		return 0;
	if (is_dot_atom(plain, (size_t)n)) {
		memcpy(out, plain, (size_t)n);
		return (size_t)n;
	}
	out[used++] = '"';
	for (int i = 0; i < n; i++) {
		if (plain[i] == '"' || plain[i] == '\\')
			out[used++] = '\\';
		out[used++] = plain[i];
	}
	out[used++] = '"';
	return used;
}

int
address_parse(const char *text, struct address *out, struct err *err)
{
	/* The last '@': a quoted local part may hold others, a domain none. */
	const char *at = strrchr(text, '@');
	char local[LOCAL_MAX];
	struct name domain;
	size_t len, domain_len;
	int rc;

	if (at == NULL)
		return err_set(err, CR_EPARSE, "address '%.100s': no '@'", text);
	len = (size_t)(at - text);
	if (len == 0 || len > LOCAL_MAX)
		return err_set(err, CR_EPARSE, "address '%.100s': local part must be 1 to 64 bytes", text);
	len = put_local(text, len, local);
	if (len == 0)
		return err_set(err, CR_EPARSE, "address '%.100s': local part needs quotes", text);
	rc = name_parse_host(at + 1, &domain, err);
	if (rc != CR_OK)
		return err_wrap(err, "address '%.100s'", text);
	domain_len = strlen(domain.text);
	memcpy(out->text, local, len);
	out->text[len] = '@';
	memcpy(out->text + len + 1, domain.text, domain_len + 1);
	out->domain = out->text + len + 1;
	return CR_OK;
}

void
address_canonical(const char *text, struct address *out)
{
	const size_t len = strlen(text);
	const char *at = memrchr(text, '@', len);

	assert(at != NULL && len < sizeof(out->text));
	memcpy(out->text, text, len + 1);
	out->domain = out->text + (at - text) + 1;
}

void
address_copy(struct address *to, const struct address *from)
{
	memcpy(to->text, from->text, strlen(from->text) + 1);
	to->domain = to->text + (from->domain - from->text);
}

int
name_reverse(const char *address, struct name *out, struct err *err)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char ip[16];
	char *p = out->text;

	if (inet_pton(AF_INET, address, ip) == 1) {
		(void)snprintf(out->text, sizeof(out->text), "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
		return CR_OK;
	}
	if (inet_pton(AF_INET6, address, ip) != 1)
		return err_set(err, CR_EPARSE, "not an IP address: '%.100s'", address);
	for (int i = 15; i >= 0; i--) {
		*p++ = hex[ip[i] & 0xf];
		*p++ = '.';
		*p++ = hex[ip[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
	return CR_OK;
}
