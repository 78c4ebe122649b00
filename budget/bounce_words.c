/*
 * bounce_words.c - the words of whoever refused: the address, the reply, the status code, the host, the command in them.
 *
 * RFC 5321 s4.2 (replies), RFC 3463 (status codes).  The phrases are those of Postfix, sendmail, Exim, qmail, Exchange, DragonFly, OpenSMTPD,
 * Gmail and their children, as they stand in what they send.
 */
#include "budget/bounce_inside.h"

#include <string.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* RFC 5322 s3.2.3, RFC 6531, and what people's systems let through. */
static bool
is_local(char c)
{
	return is_alnum(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL);
}

static bool
is_domain(char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || (unsigned char)c >= 0x80;
}

bool
words_address_at(const char *p, const char *end, struct slice *out, const char **after_out)
{
	bool angle = p < end && *p == '<';
	const char *from = angle ? ++p : p, *at = NULL;

	if (p < end && *p == '"') {
		for (p++; p < end && *p != '"' && *p != '\n'; p++)
			if (*p == '\\' && p + 1 < end)
				p++;
		if (p >= end || *p != '"')
			return false;
		p++;
	} else {
		while (p < end && is_local(*p) && p - from <= BOUNCE_ADDRESS_MAX)
			p++;
	}
	at = p;
	if (p >= end || *p != '@' || p == from)
		return false;
	p++;
	if (p < end && *p == '[') {
		while (p < end && *p != ']' && *p != '\n' && *p != ' ')
			p++;
		if (p >= end || *p != ']')
			return false;
		p++;
	} else {
		while (p < end && is_domain(*p))
			p++;
	}
	const char *stop = p;
	while (stop > at + 1 && (stop[-1] == '.' || stop[-1] == '-'))
		stop--;
	if (stop == at + 1 || stop - from > BOUNCE_ADDRESS_MAX)
		return false;
	/* In running text a name without a dot is no address. */
	if (!angle && at[1] != '[' && memchr(at, '.', (size_t)(stop - at)) == NULL)
		return false;
	*out = (struct slice){from, (size_t)(stop - from)};
	*after_out = angle && p < end && *p == '>' ? p + 1 : stop;
	return true;
}

bool
words_address_in(struct slice s, struct slice *out)
{
	const char *p = s.len > 0 ? s.at : "", *end = p + s.len, *after;

	while (p < end) {
		const char *at = memchr(p, '@', (size_t)(end - p));
		if (at == NULL)
			return false;
		const char *from = at;
		if (from > p && from[-1] == '"') {
			const char *q = from - 1;
			while (q > p && q[-1] != '"')
				q--;
			from = q > p ? q - 1 : from;
		} else {
			while (from > p && is_local(from[-1]) && at - from < BOUNCE_ADDRESS_MAX)
				from--;
		}
		if (from > p && from[-1] == '<')
			from--;
		if (words_address_at(from, end, out, &after))
			return true;
		p = at + 1;
	}
	return false;
}

/* Three digits at p that stand as a reply does: not part of a number, a date or an address. */
static bool
is_reply(const char *p, struct slice s)
{
	const char *end = s.at + s.len;

	if (end - p < 3 || (p[0] != '2' && p[0] != '4' && p[0] != '5') || !is_digit(p[1]) || !is_digit(p[2]) ||
	    p[1] > '7')
		return false;
	if (p > s.at && (is_alnum(p[-1]) || p[-1] == '.' || p[-1] == '-' || p[-1] == '_' || p[-1] == '@' ||
	                 p[-1] == '=' || p[-1] == '/'))
		return false;
	if (end - p == 3)
		return p == s.at;
	char next = p[3];
	if (next != ' ' && next != '-' && next != '\n' && next != '\r' && (p > s.at || strchr(":,;", next) == NULL))
		return false;
	/* "550-'Unknown user" within the words of Amazon SES */
	if (next == '-' && end - p > 4 && p[4] == '\'')
		return true;
	/* With a status code behind it there is no doubt. */
	if (end - p > 8 && p[4] == p[0] && p[5] == '.' && is_digit(p[6]))
		return true;
	const char *before = p;
	while (before > s.at && before[-1] == ' ')
		before--;
	if (before == s.at || before[-1] == '\n' || before[-1] == '\r')
		return true;
	if (strchr(":;'\"([#><", before[-1]) != NULL)
		return true;
	return before < p && before - s.at >= 5 &&
	       (memcmp(before - 4, "code", 4) == 0 || memcmp(before - 4, "Code", 4) == 0 ||
	        memcmp(before - 4, "said", 4) == 0 || memcmp(before - 5, "error", 5) == 0);
}

/* The first reply that begins in the line, which is part of s: it may go on behind the line's end. */
static const char *
reply_in_line(struct slice s, struct slice line)
{
	if (line.len == 0)
		return NULL;
	for (const char *p = line.at, *end = line.at + line.len; p < end; p++)
		if (is_digit(*p)) {
			if (is_reply(p, s))
				return p;
			while (p + 1 < end && is_digit(p[1]))
				p++;
		}
	return NULL;
}

const char *
words_reply_in(struct slice s)
{
	return reply_in_line(s, s);
}

/* 4.x.y or 5.x.y (or 2.x.y) at p; its length, 0 none. */
static size_t
status_len(const char *p, const char *end)
{
	size_t n = 1;

	if (end - p < 5 || (*p != '2' && *p != '4' && *p != '5') || p[1] != '.')
		return 0;
	for (int i = 0; i < 2; i++) {
		size_t digits = 0;
		if (p + n >= end || p[n++] != '.')
			return 0;
		while (p + n < end && is_digit(p[n]) && digits < 4) {
			n++;
			digits++;
		}
		if (digits == 0 || digits > 3)
			return 0;
	}
	if (p + n < end && (is_alnum(p[n]) || p[n] == '_' || (p[n] == '.' && p + n + 1 < end && is_digit(p[n + 1]))))
		return 0;
	return n;
}

const char *
words_status_in(struct slice s, size_t *len_out)
{
	if (s.len < 5)
		return NULL;
	for (const char *p = s.at, *end = s.at + s.len; end - p >= 5; p++) {
		if (p[1] != '.' || (p > s.at && (is_alnum(p[-1]) || p[-1] == '.')))
			continue;
		*len_out = status_len(p, end);
		if (*len_out > 0)
			return p;
	}
	return NULL;
}

/* Where the writer goes on in his own words. */
static const struct slice stops[] = {
	SLICE_INIT("(in reply to"), SLICE_INIT("giving up on "), SLICE_INIT("i'm not going to try again"),
	SLICE_INIT(">>> "),         SLICE_INIT("<<< "),          SLICE_INIT("--- "),
	SLICE_INIT("*******"),      SLICE_INIT("=======")};

static bool
is_stop(struct slice line)
{
	for (size_t i = 0; i < ARRAY_LEN(stops); i++)
		if (slice_starts(line, stops[i]))
			return true;
	/* "In:  QUIT" of a transcript */
	return slice_starts(line, SLICE("in: ")) || slice_starts(line, SLICE("out: "));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* As slice_find, but a blank of the phrase is any run of them: writers fold where they like. */
static const char *
find_folded(struct slice s, struct slice phrase)
{
	for (const char *p = s.at, *end = s.at + s.len; p < end; p++) {
		const char *q = p;
		size_t i = 0;
		while (i < phrase.len && q < end) {
			if (phrase.at[i] == ' ' && is_blank(*q)) {
				while (q < end && is_blank(*q))
					q++;
			} else if ((*q >= 'A' && *q <= 'Z' ? *q | 0x20 : *q) == phrase.at[i]) {
				q++;
			} else {
				break;
			}
			i++;
		}
		if (i == phrase.len)
			return p;
	}
	return NULL;
}

/* The passage as one line, cut: blanks in a row are one. */
static struct slice
flat(struct slice s, char out[BOUNCE_WORDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < BOUNCE_WORDS_MAX; i++)
		if (!is_blank(s.at[i]))
			out[n++] = s.at[i];
		else if (n > 0 && out[n - 1] != ' ')
			out[n++] = ' ';
	return (struct slice){out, n};
}

static struct slice
cut_at(struct slice s, struct slice phrase)
{
	const char *p = find_folded(s, phrase);
	if (p != NULL)
		s.len = (size_t)(p - s.at);
	return s;
}

/* A line of another reply than the one that began with code. */
static bool
is_other_reply(struct slice line, const char *code)
{
	return words_reply_in(line) == line.at && line.len > 3 && memcmp(line.at, code, 3) != 0;
}

static bool
is_unopened(struct slice s)
{
	long open = 0;
	for (size_t i = 0; i < s.len; i++)
		open += s.at[i] == '(' ? 1 : s.at[i] == ')' ? -1 : 0;
	return open < 0;
}

/* From the reply at p on, over the lines that belong to it. */
static struct slice
reply_extent(struct slice passage, const char *p)
{
	struct lines l;
	struct slice line, out = {p, 0};

	lines_begin(&l, (struct slice){p, (size_t)(passage.at + passage.len - p)});
	for (bool first = true; lines_next(&l, &line); first = false) {
		struct slice t = slice_trim(line);
		if (!first && (t.len == 0 || is_stop(t) || is_other_reply(t, p)))
			break;
		out.len = (size_t)(t.at + t.len - p);
		if (out.len > 2 * BOUNCE_WORDS_MAX)
			break;
	}
	out = cut_at(out, SLICE("(in reply to"));
	out = cut_at(out, SLICE("giving up on "));
	out = cut_at(out, SLICE("i'm not going to try again"));
	out = slice_trim(out);
	/* "(reason: 550 Host unknown)" */
	if (out.len > 1 && out.at[out.len - 1] == ')' && is_unopened(out))
		out.len--;
	/* "returned '550 ...'", "follows: [550 ...]" */
	if (p > passage.at && out.len > 1) {
		char close = p[-1] == '\'' ? '\'' : p[-1] == '"' ? '"' : p[-1] == '[' ? ']' : '\0';
		if (close != '\0' && out.at[out.len - 1] == close)
			out.len--;
	}
	return out;
}

static bool
mentions(struct slice line, struct slice address)
{
	if (address.len == 0)
		return false;
	for (size_t i = 0; i + address.len <= line.len; i++)
		if (slice_starts((struct slice){line.at + i, line.len - i}, address))
			return true;
	return false;
}

/* "554 <a@b>... Service unavailable": sendmail's own summary of what a local mailer said on the line before. */
static bool
is_summary(struct slice line, const char *reply)
{
	const char *p = reply + 4;

	if (reply != line.at || line.len < 12 || !is_digit(reply[1]))
		return false;
	while (p < line.at + line.len && (is_digit(*p) || *p == '.' || *p == ' '))
		p++;
	return p < line.at + line.len && *p == '<' && slice_find(line, SLICE(">... ")) != NULL;
}

/* Said by a program that sendmail ran: words on a line of their own. */
static bool
is_remark(struct slice line)
{
	return line.len > 12 && is_alnum(line.at[0]) && !is_digit(line.at[0]) && !is_stop(line) &&
	       memchr(line.at, ':', line.len) != NULL;
}

bool
words_refusal(struct slice passage, struct slice prefer, struct slice *out)
{
	struct lines l;
	struct slice line, before = {0}, remark = {0};
	const char *best = NULL;

	lines_begin(&l, passage);
	while (lines_next(&l, &line)) {
		struct slice rest = line;
		const char *p;
		while ((p = reply_in_line(passage, rest)) != NULL && *p == '2')
			rest = (struct slice){p + 3, (size_t)(line.at + line.len - p - 3)};
		if (p == NULL) {
			/* A status code alone, at the start of a line or of what is quoted */
			size_t n;
			struct slice t = slice_trim(line);
			const char *s = words_status_in(t, &n);
			if (s != NULL && *s != '2' &&
			    (s == t.at || s[-1] == '#' ||
			     (s - t.at >= 2 && s[-1] == ' ' && strchr(":-", s[-2]) != NULL)) &&
			    s + n < t.at + t.len && s[n] == ' ')
				p = s;
		}
		bool mine = p != NULL && (prefer.len == 0 || mentions(line, prefer));
		if (p != NULL && (best == NULL || mine)) {
			best = p;
			remark = is_summary(line, p) && is_remark(before) ? before : (struct slice){NULL, 0};
		}
		if (mine)
			break;
		before = line;
	}
	if (best == NULL)
		return false;
	*out = reply_extent(passage, best);
	if (remark.len > 0)
		*out = (struct slice){remark.at, (size_t)(out->at + out->len - remark.at)};
	return out->len > 0;
}

static const struct {
	struct slice says;
	const char *command;
} commands[] = {
	{SLICE_INIT("in reply to rcpt to"),             "RCPT TO"  },
	{SLICE_INIT("in reply to mail from"),           "MAIL FROM"},
	{SLICE_INIT("in reply to end of data"),         "DATA"     },
	{SLICE_INIT("in reply to data"),                "DATA"     },
	{SLICE_INIT("in reply to helo"),                "CONN"     },
	{SLICE_INIT("in reply to ehlo"),                "CONN"     },
	{SLICE_INIT("after rcpt"),                      "RCPT TO"  },
	{SLICE_INIT("after mail from"),                 "MAIL FROM"},
	{SLICE_INIT("after sender verify"),             "MAIL FROM"},
	{SLICE_INIT("after pipelined data"),            "DATA"     },
	{SLICE_INIT("after data"),                      "DATA"     },
	{SLICE_INIT("end of data"),                     "DATA"     },
	{SLICE_INIT("after initial connection"),        "CONN"     },
	{SLICE_INIT("after helo"),                      "CONN"     },
	{SLICE_INIT("after ehlo"),                      "CONN"     },
	{SLICE_INIT("refused to talk to me"),           "CONN"     },
	{SLICE_INIT("following rcpt"),                  "RCPT TO"  },
	{SLICE_INIT("following mail"),                  "MAIL FROM"},
	{SLICE_INIT("following data"),                  "DATA"     },
	{SLICE_INIT("does not like recipient"),         "RCPT TO"  },
	{SLICE_INIT("sender was rejected"),             "MAIL FROM"},
	{SLICE_INIT("my name was rejected"),            "CONN"     },
	{SLICE_INIT("but greeting failed"),             "CONN"     },
	{SLICE_INIT("failed after i sent the message"), "DATA"     },
	{SLICE_INIT("failed on data command"),          "DATA"     },
	{SLICE_INIT("did not like our rcpt to"),        "RCPT TO"  },
	{SLICE_INIT("did not like our mail from"),      "MAIL FROM"},
	{SLICE_INIT("did not like our final data"),     "DATA"     },
	{SLICE_INIT("did not like our data"),           "DATA"     },
	{SLICE_INIT("[rcpt_to]"),                       "RCPT TO"  },
	{SLICE_INIT("[mail_from]"),                     "MAIL FROM"},
	{SLICE_INIT("[data]"),                          "DATA"     },
	{SLICE_INIT(">>> rcpt to"),                     "RCPT TO"  },
	{SLICE_INIT(">>> mail from"),                   "MAIL FROM"},
	{SLICE_INIT(">>> data"),                        "DATA"     },
	{SLICE_INIT("smtp:rcpt"),                       "RCPT TO"  },
	{SLICE_INIT("for text command"),                "DATA"     },
	{SLICE_INIT("in rcpt to"),                      "RCPT TO"  },
	{SLICE_INIT("step: data"),                      "DATA"     },
};

/* The row of a table that stands at p: only words begin one. */
static bool
begins(const char *p, const char *end, struct slice row)
{
	return (*p | 0x20) == (row.at[0] | 0x20) && slice_starts((struct slice){p, (size_t)(end - p)}, row);
}

const char *
words_command(struct slice passage)
{
	char line[BOUNCE_WORDS_MAX];

	passage = flat(passage, line);
	for (const char *p = passage.at, *end = p + passage.len; p < end; p++) {
		/* Where no word begins, or none that begins a row */
		if ((p > passage.at && is_alnum(p[-1])) ||
		    (is_alnum(*p) ? strchr("iafdmrbs", *p | 0x20) == NULL : *p != '>' && *p != '['))
			continue;
		for (size_t i = 0; i < ARRAY_LEN(commands); i++)
			if (begins(p, end, commands[i].says))
				return commands[i].command;
	}
	return "";
}

struct slice
words_host_name(struct slice s)
{
	size_t n = 0;
	bool dot = false;

	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '<' || s.at[0] == '[' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (n < s.len && n < 255 &&
	       (is_alnum(s.at[n]) || s.at[n] == '-' || s.at[n] == '.' || s.at[n] == '_' || s.at[n] == ':')) {
		/* A colon belongs to an IPv6 address, or to the sentence. */
		if (s.at[n] == ':' &&
		    (n + 1 >= s.len || !(is_alnum(s.at[n + 1]) || s.at[n + 1] == ':') || memchr(s.at, '.', n) != NULL))
			break;
		dot = dot || s.at[n] == '.' || (s.at[n] == ':' && memchr(s.at, ':', n) != NULL);
		n++;
	}
	while (n > 0 && (s.at[n - 1] == '.' || s.at[n - 1] == ':'))
		n--;
	return dot && n > 3 ? (struct slice){s.at, n} : (struct slice){s.at, 0};
}

/* What stands before a host's name. */
static const struct slice introductions[] = {
	SLICE_INIT("host: "),
	SLICE_INIT("host "),
	SLICE_INIT("talking to "),
	SLICE_INIT("connected to "),
	SLICE_INIT("server "),
	SLICE_INIT("remote server at "),
	SLICE_INIT("from remote server "),
	SLICE_INIT("recipient domain "),
	SLICE_INIT("delivery via "),
};
/* What stands behind one that a passage begins with. */
static const struct slice verbs[] = {
	SLICE_INIT("does not like"), SLICE_INIT("failed after"),    SLICE_INIT("did not like"),
	SLICE_INIT("rejected your"), SLICE_INIT("gave this error"), SLICE_INIT("failed on"),
};

static struct slice
host_before_verb(struct slice passage)
{
	for (const char *p = passage.at, *end = p + passage.len; p < end; p++) {
		if (p == passage.at || p[-1] != ' ')
			continue;
		for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
			if (!begins(p, end, verbs[i]))
				continue;
			const char *from = p - 1;
			if (from > passage.at && from[-1] == ']') {
				while (from > passage.at && from[-1] != '[')
					from--;
				from -= from > passage.at + 1 ? 2 : 0; /* "name [address]" */
			}
			const char *stop = from;
			while (from > passage.at && ((unsigned char)from[-1] > ' '))
				from--;
			return words_host_name((struct slice){from, (size_t)(stop - from)});
		}
	}
	return (struct slice){passage.at, 0};
}

static struct slice
host_in(struct slice passage)
{
	for (const char *p = passage.at, *end = p + passage.len; p < end; p++) {
		if (p > passage.at && is_alnum(p[-1]))
			continue;
		struct slice rest = {p, (size_t)(end - p)};
		for (size_t i = 0; i < ARRAY_LEN(introductions); i++) {
			if (!begins(p, end, introductions[i]))
				continue;
			size_t n = introductions[i].len;
			struct slice host = words_host_name((struct slice){p + n, rest.len - n});
			/* "the server for the recipient domain example.jp by mx.example.jp. [192.0.2.1]" */
			struct slice behind = {host.at + host.len, (size_t)(end - host.at - host.len)};
			if (host.len > 0 && slice_starts(behind, SLICE(" by ")))
				host = words_host_name((struct slice){behind.at + 4, behind.len - 4});
			if (host.len > 0)
				return host;
		}
	}
	return host_before_verb(passage);
}

size_t
words_host(struct slice passage, char out[256])
{
	char line[BOUNCE_WORDS_MAX];
	struct slice host = host_in(flat(passage, line));

	memcpy(out, host.at, host.len);
	out[host.len] = '\0';
	return host.len;
}

struct slice
words_typed(struct slice value)
{
	size_t n = 0;

	while (n < value.len && n < 40 &&
	       (is_alnum(value.at[n]) || value.at[n] == '-' || value.at[n] == '/' || value.at[n] == ' ' ||
	        value.at[n] == '_'))
		n++;
	if (n < value.len && value.at[n] == ';' && n > 0 && !is_digit(value.at[0]))
		value = (struct slice){value.at + n + 1, value.len - n - 1};
	return slice_trim(value);
}
