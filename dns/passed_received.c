/*
 * passed_received.c - Received fields as servers write them.
 *
 * RFC 5321 s4.4 has `from NAME (NAME [ADDRESS]) by NAME with PROTOCOL id ... ; date`; Exim puts the address in front, qmail the name into a
 * comment, Exchange drops the brackets, Gmail's inner hops have no `from`.  Read from left to right: behind a keyword stands its word,
 * whatever it is, so that a client that calls itself "by" moves nothing.
 */
#include "dns/passed_inside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
copy(struct span s, char *out, size_t size)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;

	memcpy(out, s.at, n);
	out[n] = '\0';
}

/* One word, or one comment with its brackets, off *rest. */
static bool
next_piece(struct span *rest, struct span *out)
{
	size_t depth = 0, i = 0;

	*rest = span_trim(*rest);
	if (rest->len == 0)
		return false;
	if (rest->at[0] == '(') {
		do {
			if (rest->at[i] == '\\')
				i++;
			else if (rest->at[i] == '(')
				depth++;
			else if (rest->at[i] == ')')
				depth--;
			i++;
		} while (i < rest->len && depth > 0);
		if (i > rest->len)
			i = rest->len;
	} else if (rest->at[0] == ';') {
		i = 1;
	} else {
		while (i < rest->len && !is_blank(rest->at[i]) && rest->at[i] != '(' && rest->at[i] != ';')
			i++;
	}
	*out = (struct span){rest->at, i};
	*rest = (struct span){rest->at + i, rest->len - i};
	return true;
}

/* A numeric address without brackets, "IPv6:" or a final dot. */
static bool
read_ip(struct span s, char out[PASSED_IP_MAX])
{
	static const char tag[] = "IPv6:";
	unsigned char ip[16];

	if (s.len > strlen(tag) && strncasecmp(s.at, tag, strlen(tag)) == 0)
		s = (struct span){s.at + strlen(tag), s.len - strlen(tag)};
	if (s.len == 0 || s.len >= PASSED_IP_MAX)
		return false;
	copy(s, out, PASSED_IP_MAX);
	if (inet_pton(AF_INET, out, ip) == 1 || inet_pton(AF_INET6, out, ip) == 1)
		return true;
	out[0] = '\0';
	return false;
}

/* bracketed: only what stands behind a '['. */
static bool
find_ip(struct span text, bool bracketed, char out[PASSED_IP_MAX])
{
	static const char ends[] = " \t\r\n()[]<>,;=\"";

	for (size_t i = 0; i < text.len;) {
		size_t from = i;

		while (i < text.len && strchr(ends, text.at[i]) == NULL)
			i++;
		if (i > from && (!bracketed || (from > 0 && text.at[from - 1] == '[')) &&
		    read_ip((struct span){text.at + from, i - from}, out))
			return true;
		i++;
	}
	return false;
}

bool
passed_find_ip(struct span text, char out[PASSED_IP_MAX])
{
	out[0] = '\0';
	return find_ip(text, true, out) || find_ip(text, false, out);
}

bool
passed_ip_is_private(const char *ip)
{
	unsigned char b[16];

	if (inet_pton(AF_INET6, ip, b) == 1) {
		static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
					   loop[16] = {[15] = 1};

		if (memcmp(b, mapped, sizeof(mapped)) != 0)
			return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
			       memcmp(b, loop, sizeof(loop)) == 0;
		memmove(b, b + 12, 4);
	} else if (inet_pton(AF_INET, ip, b) != 1) {
		return false;
	}
	/* RFC 6890: loopback, private, link-local, shared. */
	return b[0] == 127 || b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 169 && b[1] == 254) || (b[0] == 100 && (b[1] & 0xc0) == 64);
}

/* "TLSv1.3", "TLS1_2", "TLS1.3": from "TLS" up to what is no part of a version. */
static void
find_tls(struct span comment, char *out, size_t size)
{
	const char *end = comment.at + comment.len, *at = memmem(comment.at, comment.len, "TLS", 3);
	struct span version;

	if (at == NULL || out[0] != '\0')
		return;
	version = (struct span){at, 0};
	while (at + version.len < end && strchr("TLSv0123456789._", at[version.len]) != NULL)
		version.len++;
	copy(version, out, size);
}

/* Of "(mail.example [192.0.2.1])": the name in front, if it is one. */
static void
find_reverse(struct span comment, char *out, size_t size)
{
	struct span word = {comment.at + 1, 0};
	char ip[PASSED_IP_MAX];

	while (word.len + 1 < comment.len && strchr(" \t\r\n[]()=:;,", word.at[word.len]) == NULL)
		word.len++;
	if (word.len + 1 >= comment.len || memchr(word.at, '.', word.len) == NULL || read_ip(word, ip))
		return;
	/* Only a name with the address right behind it was looked up. */
	if (memchr(word.at + word.len, '[', comment.len - 1 - word.len) == NULL)
		return;
	if (word.at[word.len - 1] == '.')
		word.len--;
	copy(word, out, size);
}

static void
read_comment(struct passed_hop *h, struct span comment, bool of_client)
{
	find_tls(comment, h->tls, sizeof(h->tls));
	if (!of_client)
		return;
	if (h->ip[0] == '\0')
		(void)passed_find_ip(comment, h->ip);
	if (h->reverse[0] == '\0')
		find_reverse(comment, h->reverse, sizeof(h->reverse));
}

/* Where the word behind a keyword goes; NULL: nowhere. */
static char *
place_of(struct passed_hop *h, struct span keyword, size_t *size_out)
{
	*size_out = sizeof(h->from);
	if (span_is_nocase(keyword, "from"))
		return h->from;
	if (span_is_nocase(keyword, "by"))
		return h->by;
	*size_out = sizeof(h->with);
	return span_is_nocase(keyword, "with") ? h->with : NULL;
}

void
passed_hop_read(struct span value, struct passed_hop *out)
{
	char ip[PASSED_IP_MAX];
	struct span piece;
	bool of_client = false;

	*out = (struct passed_hop){0};
	while (next_piece(&value, &piece)) {
		size_t size;
		char *to;

		if (piece.at[0] == '(') {
			read_comment(out, piece, of_client);
			continue;
		}
		if (piece.at[0] == ';') {
			out->at_s = passed_date(value);
			continue;
		}
		to = place_of(out, piece, &size);
		if (to == NULL) {
			of_client = of_client && !span_is_nocase(piece, "via") && !span_is_nocase(piece, "id");
			continue;
		}
		of_client = to == out->from;
		value = span_trim(value);
		/* The first of each: a later one is not where the grammar has it. */
		if (value.len > 0 && value.at[0] != '(' && value.at[0] != ';' && next_piece(&value, &piece) &&
		    to[0] == '\0')
			copy(piece, to, size);
	}
	for (char *c = out->with; *c != '\0'; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - ('a' - 'A')) : *c;
	/* Exim: "from [192.0.2.1] (helo=...)".  A client can call itself so as well: only for want of anything better. */
	if (out->ip[0] == '\0' && passed_find_ip((struct span){out->from, strlen(out->from)}, ip))
		memcpy(out->ip, ip, sizeof(ip));
}
