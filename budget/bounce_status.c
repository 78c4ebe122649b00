/*
 * bounce_status.c - the fields of a delivery report (RFC 3464, RFC 6533) and of a feedback report (RFC 5965), wherever they stand.
 *
 * Read as senders write them: groups without blank lines between, blanks before colons, "rfc/822" for a type, no type at all, only an
 * Original-Recipient, fields of one recipient in two groups.
 */
#include "budget/bounce_inside.h"

#include <string.h>

#include "core/num.h"

enum field {
	FIELD_FINAL,
	FIELD_ORIGINAL,
	FIELD_ACTUAL,
	FIELD_ACTION,
	FIELD_STATUS,
	FIELD_DIAGNOSTIC,
	FIELD_REMOTE,
	FIELD_SUPPLEMENT,
	FIELD_REPORTER,
	FIELD_SENDER,
	FIELD_MESSAGE_ID,
	FIELD__COUNT
};

static const struct {
	struct slice name;
	enum field field;
} names[] = {
	{SLICE_INIT("final-recipient"),       FIELD_FINAL     },
	{SLICE_INIT("original-recipient"),    FIELD_ORIGINAL  },
	{SLICE_INIT("x-actual-recipient"),    FIELD_ACTUAL    },
	{SLICE_INIT("action"),                FIELD_ACTION    },
	{SLICE_INIT("status"),                FIELD_STATUS    },
	{SLICE_INIT("diagnostic-code"),       FIELD_DIAGNOSTIC},
	{SLICE_INIT("diagnostics-code"),      FIELD_DIAGNOSTIC},
	{SLICE_INIT("remote-mta"),            FIELD_REMOTE    },
	{SLICE_INIT("x-supplementary-info"),  FIELD_SUPPLEMENT},
	{SLICE_INIT("reporting-mta"),         FIELD_REPORTER  },
	{SLICE_INIT("x-original-message-id"), FIELD_MESSAGE_ID},
};

static enum field
field_of(struct slice name, struct slice value)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_is(name, names[i].name))
			return names[i].field;
	/* X-Postfix-Sender, X-Email-Security-Gateway-Sender, ... */
	if (name.len > 9 && slice_is((struct slice){name.at + name.len - 7, 7}, SLICE("-sender")) &&
	    slice_starts(value, SLICE("rfc822;")))
		return FIELD_SENDER;
	return FIELD__COUNT;
}

bool
status_looks_like(struct slice text)
{
	struct lines l;
	struct slice line;
	bool recipient = false, fate = false;

	lines_begin(&l, text);
	while (!(recipient && fate) && lines_next(&l, &line)) {
		if (line.len < 8)
			continue;
		char first = (char)(line.at[0] | 0x20);
		if (first == 'f' || first == 'o')
			recipient = recipient || slice_starts(line, SLICE("final-recipient")) ||
			            slice_starts(line, SLICE("original-recipient"));
		else if (first == 'a' || first == 'd' || first == 's')
			fate = fate || slice_starts(line, SLICE("action: ")) ||
			       slice_starts(line, SLICE("diagnostic-code")) || slice_starts(line, SLICE("status: "));
	}
	return recipient && fate;
}

/* "\x{E4}" of the utf-8-addr-xtext form (RFC 6533 s3), in a place of its own; anything else stays. */
static struct slice
unescape(struct slice s, char *out, size_t size)
{
	size_t n = 0;

	if (slice_find(s, SLICE("\\x{")) == NULL)
		return s;
	for (size_t i = 0; i < s.len && n + 4 < size;) {
		unsigned long c = 0;
		size_t j = i + 3;
		if (slice_starts((struct slice){s.at + i, s.len - i}, SLICE("\\x{"))) {
			for (; j < s.len && num_hex_digit(s.at[j]) >= 0 && c < 0x110000; j++)
				c = c << 4 | (unsigned long)num_hex_digit(s.at[j]);
			if (j < s.len && s.at[j] == '}' && c >= 0x20 && c < 0x110000) {
				if (c < 0x80) {
					out[n++] = (char)c;
				} else if (c < 0x800) {
					out[n++] = (char)(0xc0 | c >> 6);
					out[n++] = (char)(0x80 | (c & 0x3f));
				} else if (c < 0x10000) {
					out[n++] = (char)(0xe0 | c >> 12);
					out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
					out[n++] = (char)(0x80 | (c & 0x3f));
				} else {
					out[n++] = (char)(0xf0 | c >> 18);
					out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
					out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
					out[n++] = (char)(0x80 | (c & 0x3f));
				}
				i = j + 1;
				continue;
			}
		}
		out[n++] = s.at[i++];
	}
	return (struct slice){out, n};
}

/* The address of a recipient field; one without a domain is still a name.  A route or an X.400 name is not. */
static struct slice
recipient_of(struct slice value, bool *whole_out)
{
	struct slice v = words_typed(value), out;
	const char *after;

	*whole_out = false;
	while (v.len > 0 && (v.at[0] == ' ' || v.at[0] == '\''))
		v = (struct slice){v.at + 1, v.len - 1};
	if (v.len == 0 || v.at[0] == '@' || v.at[0] == '/')
		return (struct slice){v.at, 0};
	/* In a field of its own a name without a dot is an address. */
	char with[BOUNCE_ADDRESS_MAX + 3];
	if (v.at[0] != '<' && v.len + 2 < sizeof(with)) {
		with[0] = '<';
		memcpy(with + 1, v.at, v.len);
		if (words_address_at(with, with + 1 + v.len, &out, &after)) {
			*whole_out = true;
			return (struct slice){v.at + (out.at - with - 1), out.len};
		}
	}
	if (words_address_at(v.at, v.at + v.len, &out, &after) || words_address_in(v, &out)) {
		*whole_out = true;
		return out;
	}
	size_t n = 0;
	while (n < v.len && (unsigned char)v.at[n] > ' ' && n < BOUNCE_ADDRESS_MAX)
		n++;
	return (struct slice){v.at, n};
}

static const struct {
	struct slice says;
	enum bounce_action action;
} actions[] = {
	{SLICE_INIT("delayed"),     BOUNCE_DELAYED  },
	{SLICE_INIT("deferred"),    BOUNCE_DELAYED  },
	{SLICE_INIT("delivered"),   BOUNCE_DELIVERED},
	{SLICE_INIT("relayed"),     BOUNCE_DELIVERED},
	{SLICE_INIT("expanded"),    BOUNCE_DELIVERED},
	{SLICE_INIT("deliverable"), BOUNCE_DELIVERED}, /* Postfix, sendmail -bv */
};

static enum bounce_action
action_of(struct slice value)
{
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (slice_starts(value, actions[i].says))
			return actions[i].action;
	return BOUNCE_FAILED;
}

/* Words of a report's field; a status without words ("smtp; 550", "x-unix; 77") tells less than the text to people may. */
static bool
has_words(struct slice s)
{
	size_t letters = 0;
	for (size_t i = 0; i < s.len && letters < 2; i++)
		letters += (s.at[i] | 0x20) >= 'a' && (s.at[i] | 0x20) <= 'z';
	return letters >= 2;
}

/* Domino folds within words: the line end and one blank are not there. */
static struct slice
join(struct slice s, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len && n < size; i++) {
		if (s.at[i] == '\r' || s.at[i] == '\n') {
			while (i + 1 < s.len && (s.at[i + 1] == '\r' || s.at[i + 1] == '\n'))
				i++;
			i += i + 1 < s.len && (s.at[i + 1] == ' ' || s.at[i + 1] == '\t');
			continue;
		}
		out[n++] = s.at[i];
	}
	return (struct slice){out, n};
}

static struct slice
remote_of(struct slice value)
{
	return words_host_name(words_typed(value));
}

/* Whom the fields of one group are about; len 0: nobody. */
static struct slice
recipient(const struct slice of[FIELD__COUNT], char *room, size_t size)
{
	static const enum field fields[] = {FIELD_FINAL, FIELD_ORIGINAL, FIELD_ACTUAL};
	struct slice name = {NULL, 0};
	bool whole;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct slice to = recipient_of(unescape(of[fields[i]], room, size), &whole);
		if (whole)
			return to;
		if (name.len == 0 && to.len > 0 && to.at != room)
			name = to;
	}
	return name; /* a local name is better than none */
}

/* The words of the refusing server; Postfix: "host mx.example[192.0.2.1] said: 550 ... (in reply to RCPT TO command)". */
static void
diagnose(struct reading *r, struct bounce_notice *n, const struct slice of[FIELD__COUNT])
{
	char room[BOUNCE_WORDS_MAX + 1], host[256];
	struct slice words = of[FIELD_DIAGNOSTIC], refusal;

	if (slice_starts(words, SLICE("x-notes")))
		words = join(words, room, sizeof(room));
	words = words_typed(words);
	if (!has_words(words) && has_words(of[FIELD_SUPPLEMENT]))
		words = of[FIELD_SUPPLEMENT];
	if (slice_starts(words, SLICE("=?")))
		words = (struct slice){room, letter_words(words, room, sizeof(room))};
	if (slice_find(words, SLICE(" said: ")) != NULL || slice_find(words, SLICE(" to talk to me: ")) != NULL) {
		n->command = words_command(words);
		if (of[FIELD_REMOTE].len == 0)
			n->host = pool_lower(r->pool, (struct slice){host, words_host(words, host)}, 255);
		if (words_refusal(words, (struct slice){NULL, 0}, &refusal))
			words = refusal;
	}
	if (n->text[0] == '\0' && has_words(words))
		n->text = pool_line(r->pool, words, BOUNCE_WORDS_MAX);
	else if (slice_starts(of[FIELD_DIAGNOSTIC], SLICE("smtp")) && words.len >= 3 &&
	         words_reply_in(words) == words.at)
		n->reply = pool_line(r->pool, (struct slice){words.at, 3}, 3);
}

/* What stands in brackets behind a status is its sentence: "5.2.0 (LMTP transmission failure has occurred)". */
static void
status_sentence(struct reading *r, struct bounce_notice *n, struct slice status)
{
	const char *open = status.len > 0 ? memchr(status.at, '(', status.len) : NULL;

	if (n->text[0] != '\0' || open == NULL || !has_words(status) || slice_find(status, SLICE("undefined")) != NULL)
		return;
	struct slice s = {open + 1, (size_t)(status.at + status.len - open - 1)};
	if (s.len > 0 && s.at[s.len - 1] == ')')
		s.len--;
	if (!slice_is(s, SLICE("permanent failure")) && !slice_is(s, SLICE("temporary failure")))
		n->text = pool_line(r->pool, s, BOUNCE_WORDS_MAX);
}

/* The fields of one recipient, gathered: a notice of them. */
static void
group_end(struct reading *r, const struct slice of[FIELD__COUNT])
{
	char room[BOUNCE_ADDRESS_MAX * 4];
	struct slice to = recipient(of, room, sizeof(room)), host;
	struct bounce_notice *n = NULL;
	bool fresh = false;

	if (to.len > 0)
		n = bounce_notice_for(r, to, &fresh);
	else if (r->b->n > 0 && (of[FIELD_ACTION].at != NULL || of[FIELD_STATUS].at != NULL ||
	                         of[FIELD_DIAGNOSTIC].at != NULL || of[FIELD_REMOTE].at != NULL))
		n = &r->b->notice[r->b->n - 1]; /* the rest of the group before */
	if (n == NULL)
		return;
	diagnose(r, n, of);
	status_sentence(r, n, of[FIELD_STATUS]);
	if (fresh || of[FIELD_ACTION].at != NULL)
		n->action = action_of(of[FIELD_ACTION]);
	host = remote_of(of[FIELD_REMOTE]);
	if (n->host[0] == '\0' && host.len > 0)
		n->host = pool_lower(r->pool, host, 255);
	bounce_notice_finish(r, n, of[FIELD_STATUS]);
}

static void
global(struct reading *r, enum field field, struct slice value)
{
	struct slice address, host;

	if (field == FIELD_REPORTER && r->b->reporter[0] == '\0') {
		host = remote_of(value);
		r->b->reporter = pool_lower(r->pool, host.len > 0 ? host : words_typed(value), 255);
	} else if (field == FIELD_SENDER && r->b->sender[0] == '\0' && words_address_in(value, &address)) {
		r->b->sender = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
	} else if (field == FIELD_MESSAGE_ID && r->b->message_id[0] == '\0') {
		r->b->message_id = pool_line(r->pool, value, 998);
	}
}

/* One paragraph: fields up to a blank line. */
static void
paragraph(struct reading *r, struct slice text)
{
	struct slice of[FIELD__COUNT], name, value;
	struct fields f;

	memset(of, 0, sizeof(of));
	fields_begin(&f, text);
	while (fields_next(&f, &name, &value, &r->cut_field)) {
		enum field field = field_of(name, value);
		const char *agent =
			r->b->agent[0] == '\0' || strcmp(r->b->agent, "exchange") == 0 ? hand_of_field(name) : NULL;
		if (agent != NULL)
			r->b->agent = agent;
		if (field == FIELD__COUNT)
			continue;
		if (field >= FIELD_REPORTER) {
			global(r, field, value);
			continue;
		}
		/* Where no blank line parts recipients, a field that comes again does. */
		if (of[field].at != NULL &&
		    (field == FIELD_FINAL || (field == FIELD_ORIGINAL && of[FIELD_FINAL].at != NULL) ||
		     field == FIELD_ACTION)) {
			group_end(r, of);
			memset(of, 0, sizeof(of));
		}
		of[field] = value;
	}
	group_end(r, of);
}

/* Calls of each paragraph of a text. */
static void
paragraphs(struct reading *r, struct slice text, void (*each)(struct reading *, struct slice))
{
	struct lines l;
	struct slice line, para = {text.at, 0};

	lines_begin(&l, text);
	while (lines_next(&l, &line)) {
		if (slice_trim(line).len > 0) {
			if (para.len == 0)
				para.at = line.at;
			para.len = (size_t)(line.at + line.len - para.at);
			continue;
		}
		if (para.len > 0)
			each(r, para);
		para.len = 0;
	}
	if (para.len > 0)
		each(r, para);
}

bool
status_read(struct reading *r, struct slice text)
{
	size_t before = r->b->n;
	paragraphs(r, text, paragraph);
	return r->b->n > before;
}

static void
complaint(struct reading *r, struct slice text)
{
	struct fields f;
	struct slice name, value, address;
	const char *type = "";
	bool fresh;

	fields_begin(&f, text);
	while (fields_next(&f, &name, &value, &r->cut_field)) {
		if (slice_is(name, SLICE("feedback-type")))
			type = pool_lower(r->pool, value, 64);
		else if ((slice_is(name, SLICE("original-rcpt-to")) || slice_is(name, SLICE("removal-recipient"))) &&
		         words_address_in(value, &address))
			(void)bounce_notice_for(r, address, &fresh);
		else if (slice_is(name, SLICE("original-mail-from")) && r->b->sender[0] == '\0' &&
		         words_address_in(value, &address))
			r->b->sender = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
		else if (slice_is(name, SLICE("reporting-mta")))
			global(r, FIELD_REPORTER, value);
	}
	if (type[0] != '\0')
		r->feedback_type = type;
}

bool
feedback_read(struct reading *r, struct slice text)
{
	size_t before = r->b->n;
	paragraphs(r, text, complaint);
	return r->b->n > before;
}
