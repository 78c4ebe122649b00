/*
 * dmarc_uri.c - the addresses that reports go to (RFC 9989 s4.6): URIs of RFC 3986, nearly always mailto (RFC 6068).
 */
#include "dns/dmarc.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAILTO "mailto:"

/* reserved / unreserved / "%" HEXDIG HEXDIG (RFC 3986 s2). */
static bool
is_uri_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%') {
			if (len - i < 3 || !isxdigit((unsigned char)s[i + 1]) || !isxdigit((unsigned char)s[i + 2]))
				return false;
		} else if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL) {
			return false;
		}
	}
	return true;
}

/* scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ); its length, 0: none. */
static size_t
scheme_of(const char *s, size_t len)
{
	size_t n = 0;

	if (len == 0 || !isalpha((unsigned char)s[0]))
		return 0;
	while (n < len && (isalnum((unsigned char)s[n]) || s[n] == '+' || s[n] == '-' || s[n] == '.'))
		n++;
	return n < len && s[n] == ':' ? n : 0;
}

/* The domain in "local@domain?headers". */
static bool
mail_host(const char *address, size_t len, const char **host_out, size_t *len_out)
{
	const char *query = len != 0 ? memchr(address, '?', len) : NULL, *limit;
	size_t n = query != NULL ? (size_t)(query - address) : len;
	const char *at = n != 0 ? memrchr(address, '@', n) : NULL;

	if (at == NULL || at == address)
		return false;
	*host_out = at + 1;
	*len_out = n - (size_t)(at + 1 - address);
	/* The size limit of RFC 7489, where nobody has cut it off. */
	limit = *len_out != 0 ? memchr(at + 1, '!', *len_out) : NULL;
	if (limit != NULL)
		*len_out = (size_t)(limit - (at + 1));
	return *len_out > 0;
}

/* The host in "//user@host:port/path"; that of an address literal keeps its brackets, and is no name to anybody. */
static bool
authority_host(const char *rest, size_t len, const char **host_out, size_t *len_out)
{
	const char *at;
	size_t n = 0;

	if (len < 3 || memcmp(rest, "//", 2) != 0)
		return false;
	rest += 2;
	len -= 2;
	while (n < len && strchr("/?#", rest[n]) == NULL)
		n++;
	at = n != 0 ? memrchr(rest, '@', n) : NULL;
	if (at != NULL) {
		n -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	*host_out = rest;
	*len_out = 0;
	while (*len_out < n && rest[*len_out] != ':')
		(*len_out)++;
	return *len_out > 0;
}

static bool
host_of(const char *uri, size_t len, const char **host_out, size_t *len_out)
{
	size_t scheme = scheme_of(uri, len);

	if (scheme == 0)
		return false;
	if (scheme == strlen(MAILTO) - 1 && strncasecmp(uri, MAILTO, strlen(MAILTO)) == 0)
		return mail_host(uri + scheme + 1, len - scheme - 1, host_out, len_out);
	return authority_host(uri + scheme + 1, len - scheme - 1, host_out, len_out);
}

bool
dmarc_uri_valid(const char *uri, size_t len)
{
	size_t scheme = scheme_of(uri, len), n;
	const char *host;

	if (scheme == 0 || scheme + 1 == len || !is_uri_text(uri, len))
		return false;
	return strncasecmp(uri, MAILTO, strlen(MAILTO)) != 0 || host_of(uri, len, &host, &n);
}

bool
dmarc_uri_host(const char *uri, char *out, size_t size)
{
	const char *host;
	size_t len;

	if (!host_of(uri, strlen(uri), &host, &len) || len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)host[i]);
	out[len] = '\0';
	return true;
}
