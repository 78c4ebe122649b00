/*
 * reply_text.c - see reply_text.h.
 *
 * Forms seen: bare; Postfix "host X[ip] said: 550 ... (in reply to RCPT TO command)" and "refused to talk to me: ..."; Exim "host X [ip]:
 * 550 ..."; qmail "Remote host said: 550 ..."; folded lines "550-5.7.1 ... 550 5.7.1 ..." (RFC 5321 s4.2.1); Exchange Online "550
 * 5.0.350 Remote server returned an error -> 554 5.7.1 ..."; Barracuda "(address:550 ...)"; "smtp; 550 ..." (RFC 3464 s2.3.6); JSON of
 * sending services with the reply as one of its strings.
 */
#include "budget/reply_text.h"

#include "core/buf.h"

#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
}

/* U+00C0 to U+00FF without their accents. */
static const char plain_latin[] = "aaaaaaaceeeeiiiidnoooooxouuuuytsaaaaaaaceeeeiiiidnooooo/ouuuuyty";

/* What stands for one byte of text: *at moves over it.  0: nothing. */
static char
fold_utf8(const char **at)
{
	const unsigned char *s = (const unsigned char *)*at;

	if (s[0] == 0xc3 && s[1] >= 0x80 && s[1] <= 0xbf) {
		*at += 2;
		return plain_latin[s[1] - 0x80];
	}
	if (s[0] == 0xc2 && s[1] == 0xa0) {
		*at += 2;
		return ' ';
	}
	if (s[0] == 0xe2 && s[1] == 0x80 && s[2] >= 0x90 && s[2] <= 0x9f) {
		*at += 3;
		return s[2] < 0x98 ? '-' : s[2] < 0x9c ? '\'' : '"';
	}
	return 0;
}

static const struct {
	const char *text;
	char plain;
} escapes[] = {
	{"\\n",     ' ' },
        {"\\r",     ' ' },
        {"\\t",     ' ' },
        {"\\\"",    '"' },
        {"\\'",     '\''},
        {"\\/",     '/' },
	{"\\u003c", '<' },
        {"\\u003e", '>' },
        {"\\u0026", '&' },
        {"\\u0027", '\''},
        {"&lt;",    '<' },
        {"&gt;",    '>' },
	{"&amp;",   '&' },
        {"&quot;",  '"' },
        {"&#39;",   '\''},
        {"&nbsp;",  ' ' },
};

static char
fold_escape(const char **at)
{
	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		const size_t len = strlen(escapes[i].text);

		if (strncmp(*at, escapes[i].text, len) == 0) {
			*at += len;
			return escapes[i].plain;
		}
	}
	return 0;
}

/* Capital letters of Cyrillic are two bytes with a fixed way to the small ones; the pair is written here. */
static bool
fold_cyrillic(const char **at, char *out)
{
	const unsigned char *s = (const unsigned char *)*at;

	if (s[0] != 0xd0 || s[1] < 0x90 || s[1] > 0xaf)
		return false;
	out[0] = (char)(s[1] < 0xa0 ? 0xd0 : 0xd1);
	out[1] = (char)(s[1] < 0xa0 ? s[1] + 0x20 : s[1] - 0x20);
	*at += 2;
	return true;
}

static char
fold_byte(const char **at)
{
	const char c = **at;
	char plain = 0;

	if ((unsigned char)c >= 0xc2)
		plain = fold_utf8(at);
	else if (c == '\\' || c == '&')
		plain = fold_escape(at);
	if (plain != 0)
		return plain;
	++*at;
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	return (unsigned char)c <= ' ' || c == 0x7f ? ' ' : c;
}

size_t
reply_text_fold(const char *text, char *out, size_t size)
{
	size_t n = 0;

	while (*text != '\0' && n + 2 < size) {
		char c;

		if (fold_cyrillic(&text, out + n)) {
			n += 2;
			continue;
		}
		c = fold_byte(&text);
		if (c == ' ' && (n == 0 || out[n - 1] == ' '))
			continue;
		out[n++] = c;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n;
}

/* 421, 5xx and so on at s, as a word of its own: 0 when there is none. */
static int
code_at(const char *s)
{
	if ((s[0] != '4' && s[0] != '5' && s[0] != '2') || s[1] < '0' || s[1] > '5' || !is_digit(s[2]))
		return 0;
	if (s[3] != '\0' && strchr(" -#,'\")<:]", s[3]) == NULL)
		return 0;
	return (s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0');
}

uint32_t
reply_text_status(const char *s, const char **end_out)
{
	unsigned part[3] = {0};

	if ((s[0] != '2' && s[0] != '4' && s[0] != '5') || s[1] != '.')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		size_t digits = 0;

		for (; is_digit(*s) && digits < 4; digits++)
			part[i] = part[i] * 10 + (unsigned)(*s++ - '0');
		if (digits == 0 || digits > 3)
			return 0;
		if (i < 2 && *s++ != '.')
			return 0;
	}
	/* 5.6.7.8 is an address, 5.5.1b a version */
	if ((*s == '.' && is_digit(s[1])) || is_digit(*s) || (*s >= 'a' && *s <= 'z'))
		return 0;
	*end_out = s;
	return reply_status(part[0], part[1], part[2]);
}

/* The first status in the text that no address or number is: where is one in s? */
static uint32_t
find_status(const char *s)
{
	const char *end;

	for (const char *at = s; *at != '\0'; at++) {
		const bool starts = at == s || strchr(" (#-<[:;=", at[-1]) != NULL;
		const uint32_t status = starts ? reply_text_status(at, &end) : 0;

		if (status != 0)
			return status;
	}
	return 0;
}

/* "550 5.7.1", "550-'5.7.1", "550 #5.1.0" */
static bool
has_status(const char *code)
{
	const char *end;

	return reply_text_status(code + 4 + strspn(code + 4, "#'(<\""), &end) != 0;
}

/* A reply begins the text, or stands behind a mark, or has a status with it.  NULL: there is none. */
static const char *
find_reply(const char *s)
{
	const char *end;

	for (const char *at = s; *at != '\0'; at++) {
		const char *before = at > s && at[-1] == ' ' ? at - 1 : at;
		const bool marked = before == s || strchr(":;'\"(>=,", before[-1]) != NULL;
		const int code = *at == '4' || *at == '5' || *at == '2' ? code_at(at) : 0;

		if (code != 0 &&
		    (at == s || (marked && code >= 400) || (before != at && at[3] != '\0' && has_status(at))))
			return at;
		if (marked && before != at && reply_text_status(at, &end) != 0)
			return at;
	}
	return NULL;
}

/* A server's words that stand in the words of another: where they begin.  NULL: nowhere. */
static const char *
find_nested(const char *s)
{
	const char *at = strstr(s, "-> ");

	/* what expired has not been refused, whatever the last try said */
	if (at != NULL && (code_at(at + 3) != 0) && strstr(s, "message expired") == NULL)
		return at + 3;
	at = strstr(s, "one or more recipients (");
	if (at != NULL && (at = strchr(at, ':')) != NULL && code_at(at + 1) != 0)
		return at + 1;
	at = strstr(s, " said: ");
	if (at != NULL && code_at(at + 7) != 0)
		return at + 7;
	return NULL;
}

/* qmail's own words behind those of the server; it says them of every refusal. */
static void
cut_trailer(char *s)
{
	char *at = strstr(s, " giving up on ");

	if (at != NULL)
		*at = '\0';
}

static const struct {
	const char *text, *word;
} commands[] = {
	{"rcpt to",     "rcpt"},
        {"end of data", "data"},
        {"data",        "data"},
        {"mail from",   "mail"},
	{"helo",        "helo"},
        {"ehlo",        "helo"},
        {"connect",     "conn"},
        {"greeting",    "conn"},
};

static void
read_command(struct reply_text *t)
{
	char *at = strstr(t->inner, " (in reply to ");

	if (strstr(t->whole, "refused to talk to me") != NULL)
		buf_copy_text(t->command, sizeof(t->command), "conn");
	if (at == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strncmp(at + 14, commands[i].text, strlen(commands[i].text)) == 0) {
			buf_copy_text(t->command, sizeof(t->command), commands[i].word);
			*at = '\0';
			return;
		}
	}
}

/* "host mx.example.net[192.0.2.1] said", "host mx.example.net [192.0.2.1]: 550" */
static void
read_host(struct reply_text *t)
{
	for (const char *at = t->whole; (at = strstr(at, "host ")) != NULL; at += 5) {
		const char *name = at + 5, *end = name;

		while (is_host_byte(*end))
			end++;
		if (end == name || memchr(name, '.', (size_t)(end - name)) == NULL ||
		    (size_t)(end - name) >= sizeof(t->host))
			continue;
		if (strncmp(end, "[", 1) != 0 && strncmp(end, " [", 2) != 0 && strncmp(end, " said", 5) != 0 &&
		    strncmp(end, " refused", 8) != 0)
			continue;
		if (at - t->whole >= 7 && strncmp(at - 7, "client ", 7) == 0)
			continue;
		memcpy(t->host, name, (size_t)(end - name));
		t->host[end - name] = '\0';
		return;
	}
}

/* The lines of one reply repeat its code, and often its status (RFC 5321 s4.2.1): "550-5.7.1 a 550 5.7.1 b" is "550 5.7.1 a b". */
static void
unfold(char *s)
{
	char *from = s + 4, *to = s + 4;
	const char *end;
	uint32_t status;

	if (code_at(s) == 0 || s[3] != '-')
		return;
	s[3] = ' ';
	status = reply_text_status(from, &end);
	while (*from != '\0') {
		if (from[-1] == ' ' && strncmp(from, s, 3) == 0 && (from[3] == '-' || from[3] == ' ')) {
			from += 4;
			if (status != 0 && reply_text_status(from, &end) == status)
				from = (char *)(uintptr_t)end + (*end == ' ' ? 1 : 0);
			continue;
		}
		*to++ = *from++;
	}
	*to = '\0';
}

static bool
is_address_byte(char c)
{
	return c != '\0' && strchr(" <>()[]\"',;:|{}", c) == NULL;
}

/* "192.0.2.1" */
static bool
is_ipv4(const char *s, size_t len)
{
	size_t dots = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '.' && i > 0 && i + 1 < len && s[i - 1] != '.')
			dots++;
		else if (!is_digit(s[i]))
			return false;
	}
	return dots == 3 && len <= 15;
}

/*
 * Addresses are the sender's words or the recipient's: newsletter@, postmaster@ and so on are no reason.  "@" stands for each, and "#ip"
 * for an address of a host, which a rule can ask for.
 */
static size_t
mask_addresses(const char *s, char *out)
{
	size_t n = 0;

	while (*s != '\0') {
		size_t len = 0;

		while (is_address_byte(s[len]))
			len++;
		if (len > 1 && memchr(s, '@', len) != NULL) {
			out[n++] = '@';
		} else if (is_ipv4(s, len > 0 && s[len - 1] == '.' ? len - 1 : len)) {
			memcpy(out + n, "#ip", 3);
			n += 3;
		} else {
			memcpy(out + n, s, len);
			n += len;
		}
		s += len;
		if (*s != '\0')
			out[n++] = *s++;
	}
	out[n] = '\0';
	return n;
}

static void
read_codes(struct reply_text *t)
{
	const char *s = t->inner;
	const char *end;

	t->reply = code_at(s);
	if (t->reply != 0)
		s += 3;
	s += strspn(s, " -#<('\"");
	t->status = reply_text_status(s, &end);
	if (t->status == 0)
		t->status = find_status(s);
}

void
reply_text_read(const char *text, struct reply_text *out)
{
	const char *inner, *nested;

	out->whole_len = reply_text_fold(text, out->whole, sizeof(out->whole));
	out->host[0] = out->command[0] = '\0';
	inner = find_reply(out->whole);
	out->wrapped = out->temporary = false;
	if (inner == NULL)
		inner = out->whole;
	for (int depth = 0; depth < 4 && (nested = find_nested(inner)) != NULL; depth++) {
		inner = nested;
		out->wrapped = true;
	}
	buf_copy_text(out->inner, sizeof(out->inner), inner);
	cut_trailer(out->inner);
	read_host(out);
	read_command(out);
	unfold(out->inner);
	read_codes(out);
	out->inner_len = strlen(out->inner);
	out->inner_at = (size_t)(inner - out->whole);
	out->bare_len = mask_addresses(out->inner, out->bare);
}
