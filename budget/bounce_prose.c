/*
 * bounce_prose.c - reports for people: which lines name a recipient, what is said about each, and where the returned message begins.
 *
 * Nearly all hands write the address at the start of a line and what was said about it behind it; so blocks are found by that, and the
 * table of bounce_hands.c tells the rest: whose line it is, where a host or a reason stands, where the report ends.
 */
#include "budget/bounce_inside.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"

/* What is said about one recipient may go on over blank lines until there is a reply in it, but not for ever. */
#define PASSAGE_MAX 1500
/* In a longer list of recipients with one reason for all, nobody's own line is looked for. */
#define LIST_MAX 50

struct scan {
	struct prose *out;
	struct block *open; /* which takes the next lines */
	bool blank;         /* the line before was blank */
	bool in_reason;
	int in_passing; /* worth of what was found */
	bool certain;   /* and it stood in words that only a report has */
};

void
prose_release(struct prose *p)
{
	free(p->block);
	*p = (struct prose){0};
}

/* Behind dashes, stars, quoting and what else is drawn around words. */
static struct slice
undrawn(struct slice line)
{
	line = slice_trim(line);
	while (line.len > 0 && (strchr("-*>|#=+~_:", line.at[0]) != NULL || line.at[0] == ' ' || line.at[0] == '\t')) {
		line.at++;
		line.len--;
	}
	/* "<<< 550 ..." of a transcript */
	while (line.len > 1 && line.at[0] == '<' && (line.at[1] == '<' || line.at[1] == ' ')) {
		line.at++;
		line.len--;
	}
	return line;
}

/* The address that a line begins with; *behind_out: the rest of the line. */
static bool
leads(struct slice line, struct slice *address_out, struct slice *behind_out)
{
	const char *p = line.at, *end = line.at + line.len, *after;

	if (line.len < 5 || memchr(p, '@', line.len) == NULL)
		return false;
	if (*p == '"' || *p == '\'' || *p == '(' || *p == '[') {
		/* "\"a@b\":" is quoting, "\"a b\"@c" an address */
		if (!words_address_at(p, end, address_out, &after) &&
		    !words_address_at(p + 1, end, address_out, &after))
			return false;
	} else if (!words_address_at(p, end, address_out, &after)) {
		return false;
	}
	if (after < end && strchr(" :()[]<>,;.\t\"'", *after) == NULL && (unsigned char)*after < 0x80)
		return false;
	*behind_out = (struct slice){after, (size_t)(end - after)};
	return true;
}

static struct block *
block_add(struct prose *p)
{
	struct block *more;

	if (p->n >= BOUNCE_RECIPIENTS_MAX)
		return NULL;
	more = list_grow(p->block, p->n, &p->room, sizeof(*more));
	if (more == NULL)
		return NULL;
	p->block = more;
	return &p->block[p->n++];
}

static bool
says_refusal(struct slice s)
{
	size_t n;
	const char *p = words_reply_in(s);
	if (p != NULL && *p != '2')
		return true;
	p = words_status_in(s, &n);
	return p != NULL && *p != '2';
}

static bool
same_address(struct slice a, struct slice b)
{
	return slice_is(a, b);
}

static void
extend(struct block *b, struct slice line)
{
	b->passage.len = (size_t)(line.at + line.len - b->passage.at);
	b->refusal = b->refusal || says_refusal(line);
}

/* A line that begins with an address.  False: it only goes on with what is said about the one before. */
static bool
block_begin(struct scan *s, struct slice line, struct slice address, struct slice behind, bool *failed)
{
	size_t indent = (size_t)(address.at - line.at);
	struct block *b = s->open;

	if (b != NULL && !s->blank &&
	    (same_address(b->recipient, address) || (indent > b->indent + 1 && b->passage.len > 0)))
		return false;
	b = block_add(s->out);
	if (b == NULL) {
		*failed = s->out->n < BOUNCE_RECIPIENTS_MAX;
		return true;
	}
	*b = (struct block){
		.recipient = address, .passage = {behind.at, 0},
                     .indent = indent
        };
	/* "<mailto:a@b>", "(a@b)" behind it is the address once more */
	extend(b, behind);
	s->open = b;
	return true;
}

/* An address in running text, when what stands before it says whose it is. */
static void
passing(struct scan *s, struct slice line, bool marked)
{
	struct slice address;
	if (s->certain || memchr(line.at, '@', line.len) == NULL || !words_address_in(line, &address))
		return;
	int worth = hand_introduces((struct slice){line.at, (size_t)(address.at - line.at)});
	if (worth > s->in_passing || (worth > 0 && marked)) {
		s->in_passing = worth;
		s->out->in_passing = address;
		s->certain = s->out->certain = marked;
	}
}

/* A line by the table; *behind_out: what its words introduce. */
static void
by_hand(struct scan *s, const struct hand *h, struct slice words, struct slice *behind_out, bool quoted)
{
	struct prose *p = s->out;
	struct slice behind = {words.at + h->len, words.len - h->len};
	const char *at;

	*behind_out = behind;
	/* What one program alone writes is as good as its name; what several write needs a second sign. */
	int worth = h->what == HAND_REPORTER ? 3 : h->what == HAND_MARK ? 2 : h->what == HAND_DELAY ? 1 : 0;
	if (worth > 0 && h->agent != NULL)
		worth = 3;
	if (!quoted)
		p->report += worth;
	if (h->what == HAND_DELAY)
		p->delay = true;
	/* Its own line's rest, or the lines behind it up to a blank one. */
	if (h->what == HAND_REASON) {
		p->reason = slice_trim(behind);
		s->in_reason = true;
	}
	if (h->what != HAND_REPORTER || p->reporter.len > 0)
		return;
	/* "This is the DragonFly Mail Agent v0.13 at df.example.net." */
	at = slice_find(behind, SLICE(" at "));
	if (at != NULL)
		behind = (struct slice){at + 4, (size_t)(behind.at + behind.len - at - 4)};
	p->reporter = words_host_name(behind);
}

/* True: the returned message begins, here or behind the line. */
static bool
line_read(struct scan *s, struct slice line, bool *failed)
{
	struct prose *p = s->out;
	struct slice words = undrawn(line), address, behind = {0};
	bool quoted = line.len > 2 && line.at[0] == '>' && line.at[1] == ' ';

	if (slice_trim(line).len == 0) {
		if (s->open != NULL && s->open->refusal)
			s->open = NULL;
		s->in_reason = s->in_reason && p->reason.len == 0;
		s->blank = true;
		return false;
	}
	struct hand h = {0};
	bool known = hand_of_line(words, &h);
	if (known && h.what != HAND_REASON)
		s->in_reason = false;
	if (h.agent != NULL && p->agent == NULL)
		p->agent = h.agent;
	if (h.what == HAND_RETURNED)
		return true;
	if (s->in_reason && p->reason.len == 0)
		p->reason = slice_trim(line);
	else if (s->in_reason)
		p->reason.len = (size_t)(line.at + line.len - p->reason.at);
	if (known)
		by_hand(s, &h, words, &behind, quoted);
	bool leading = h.what == HAND_RECIPIENT ? leads(slice_trim(behind), &address, &behind)
	                                        : leads(words, &address, &behind);
	if (!leading || !block_begin(s, line, address, behind, failed)) {
		if (!leading)
			passing(s, line, h.what == HAND_MARK);
		if (s->open != NULL) {
			extend(s->open, line);
			if (s->open->passage.len > PASSAGE_MAX)
				s->open = NULL;
		}
	}
	s->blank = false;
	return false;
}

int
prose_read(struct slice text, struct prose *out, struct err *err)
{
	struct scan s = {.out = out, .blank = true};
	struct lines l;
	struct slice line;
	bool failed = false;

	*out = (struct prose){.about = text};
	lines_begin(&l, text);
	while (!failed && lines_next(&l, &line)) {
		if (!line_read(&s, line, &failed))
			continue;
		out->about.len = (size_t)(line.at - text.at);
		out->returned = (struct slice){line.at, text.len - out->about.len};
		break;
	}
	return failed ? err_nomem(err, "recipients of a report") : CR_OK;
}

/* Letters and digits enough to be a sentence. */
static bool
is_sentence(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len && n < 8; i++)
		n += (unsigned char)s.at[i] >= '0';
	return n >= 8;
}

/* Behind "<mailto:...>:" and the like, where the words begin. */
static struct slice
words_begin(struct slice s, struct slice recipient)
{
	s = slice_trim(s);
	for (;;) {
		struct slice before = s;
		while (s.len > 0 && strchr(" \t\r\n:>)];,.-\"'", s.at[0]) != NULL) {
			s.at++;
			s.len--;
		}
		if (slice_starts(s, SLICE("<mailto:"))) {
			const char *close = memchr(s.at, '>', s.len);
			if (close != NULL)
				s = (struct slice){close + 1, (size_t)(s.at + s.len - close - 1)};
		} else if (s.len > recipient.len + 2 && (s.at[0] == '(' || s.at[0] == '<') &&
		           slice_starts((struct slice){s.at + 1, s.len - 1}, recipient) &&
		           (s.at[recipient.len + 1] == ')' || s.at[recipient.len + 1] == '>')) {
			s.at += recipient.len + 2;
			s.len -= recipient.len + 2;
		}
		if (s.at == before.at)
			return s;
	}
}

/* What is said about block i: its own passage, or for one of a list that of the last of the list.  *at: where the last call ended. */
static struct slice
passage_of(const struct prose *p, size_t i, size_t *at, bool *shared_out)
{
	size_t j = *at > i ? *at : i;

	for (; j < p->n; j++) {
		struct slice s = words_begin(p->block[j].passage, p->block[j].recipient);
		if (!is_sentence(s) && !p->block[j].refusal)
			continue;
		*at = j;
		*shared_out = j > i;
		return s;
	}
	*at = j;
	*shared_out = true;
	return (struct slice){p->about.at, 0};
}

/* A reason that is no reply: its first paragraph, without the heading it may have ("because:").  What follows is advice. */
static struct slice
first_paragraph(struct slice s)
{
	struct lines l;
	struct slice line, out = {s.at, 0};

	lines_begin(&l, s);
	while (lines_next(&l, &line)) {
		line = slice_trim(line);
		bool heading = line.len > 0 && strchr(":-=*", line.at[line.len - 1]) != NULL;
		if (out.len == 0 && (heading || line.len == 0))
			continue;
		if (line.len == 0 && is_sentence(out))
			break;
		if (out.len == 0)
			out.at = line.at;
		if (line.len > 0)
			out.len = (size_t)(line.at + line.len - out.at);
	}
	return is_sentence(out) ? out : s;
}

static void
say(struct reading *r, struct bounce_notice *n, struct slice words, struct slice passage)
{
	char host[256];

	n->text = pool_line(r->pool, words, BOUNCE_WORDS_MAX);
	/* In one line it may no longer stand as a reply does. */
	const char *reply = words_reply_in(words);
	if (n->reply[0] == '\0' && reply != NULL && *reply != '2')
		n->reply = pool_line(r->pool, (struct slice){reply, 3}, 3);
	if (n->command[0] == '\0')
		n->command = words_command(passage);
	if (n->host[0] == '\0')
		n->host = pool_lower(r->pool, (struct slice){host, words_host(passage, host)}, 255);
}

/* The words for a notice out of passage, or out of the whole text when it alone is meant there. */
static void
fill(struct reading *r, const struct prose *p, struct bounce_notice *n, struct slice passage, struct slice prefer,
     bool alone)
{
	struct slice words;

	if (words_refusal(passage, prefer, &words)) {
		say(r, n, words, passage);
	} else if (alone && words_refusal(p->about, prefer, &words)) {
		say(r, n, words, p->about);
	} else if (is_sentence(passage)) {
		say(r, n, first_paragraph(passage), passage);
	} else if (is_sentence(p->reason)) {
		say(r, n, first_paragraph(p->reason), p->about);
	} else {
		say(r, n, p->about, p->about);
	}
	bounce_notice_finish(r, n, (struct slice){NULL, 0});
}

static bool
says_more(const struct block *b, const struct bounce_notice *n)
{
	return b->refusal && n->reply[0] == '\0' && n->status[0] == '\0';
}

static size_t
distinct(const struct prose *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->n && n < 2; i++)
		n += i == 0 || !same_address(p->block[0].recipient, p->block[i].recipient);
	return n;
}

static void
failed_recipients(struct reading *r, const struct prose *p, struct slice failed)
{
	bool fresh, alone = memchr(failed.at, ',', failed.len) == NULL;
	struct slice address;

	while (failed.len > 0 && words_address_in(failed, &address)) {
		struct bounce_notice *n = bounce_notice_for(r, address, &fresh);
		if (n == NULL)
			return;
		if (fresh)
			fill(r, p, n, (struct slice){p->about.at, 0}, address, alone);
		const char *after = address.at + address.len;
		failed = (struct slice){after, (size_t)(failed.at + failed.len - after)};
	}
}

/* Is any refusal tied to a line that begins with an address? */
static bool
any_refusal(const struct prose *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->block[i].refusal)
			return true;
	return false;
}

/* As the notice before. */
static void
same_words(struct bounce_notice *n)
{
	const char *to = n->recipient;
	*n = n[-1];
	n->recipient = to;
}

static void
blocks(struct reading *r, const struct prose *p, struct slice not_this)
{
	bool alone = distinct(p) < 2, shared, fresh;
	size_t at = 0;
	const char *same = NULL; /* the passage of the notice before */

	for (size_t i = 0; i < p->n; i++) {
		const struct block *b = &p->block[i];
		/* "Dear a@b," */
		if (!b->refusal && not_this.len > 0 && same_address(b->recipient, not_this))
			continue;
		struct bounce_notice *n = bounce_notice_for(r, b->recipient, &fresh);
		if (n == NULL)
			return;
		if (!fresh && !says_more(b, n))
			continue;
		struct slice passage = passage_of(p, i, &at, &shared);
		if (p->n > LIST_MAX && passage.at == same)
			same_words(n);
		else
			fill(r, p, n, passage, alone ? (struct slice){NULL, 0} : b->recipient, alone);
		same = shared && fresh ? passage.at : NULL;
	}
}

/* The paragraph in which an address stands, and the next. */
static struct slice
around(struct slice text, struct slice address)
{
	struct lines l;
	struct slice line, out = {text.at, 0};
	int paragraphs = 0;

	lines_begin(&l, text);
	while (lines_next(&l, &line) && paragraphs < 2) {
		bool blank = slice_trim(line).len == 0, before = line.at + line.len < address.at;
		if (before && blank)
			out = (struct slice){l.at, 0};
		else if (!before && blank)
			paragraphs++;
		else if (!before)
			out.len = (size_t)(line.at + line.len - out.at);
	}
	return out;
}

static void
in_passing(struct reading *r, const struct prose *p)
{
	bool fresh;
	struct bounce_notice *n = bounce_notice_for(r, p->in_passing, &fresh);
	struct slice words, near = around(p->about, p->in_passing);

	if (n == NULL)
		return;
	if (words_refusal(p->about, p->in_passing, &words))
		say(r, n, words, p->about);
	else
		say(r, n, near, near);
	bounce_notice_finish(r, n, (struct slice){NULL, 0});
}

void
prose_notices(struct reading *r, const struct prose *p, struct slice failed, struct slice reader, struct slice to)
{
	bool fresh;

	if (p->certain && !any_refusal(p)) {
		in_passing(r, p);
		return;
	}
	blocks(r, p, reader);
	if (r->b->n == 0 && failed.len > 0)
		failed_recipients(r, p, failed);
	if (r->b->n == 0 && p->in_passing.len > 0)
		in_passing(r, p);
	/* Whoever writes to himself */
	if (r->b->n == 0)
		blocks(r, p, (struct slice){NULL, 0});
	struct bounce_notice *n = r->b->n == 0 && to.len > 0 ? bounce_notice_for(r, to, &fresh) : NULL;
	if (n != NULL)
		fill(r, p, n, (struct slice){p->about.at, 0}, (struct slice){NULL, 0}, true);
}

/* What a report's fields leave out: words, and in reply to which command they were. */
void
prose_words(struct reading *r, const struct prose *p)
{
	bool shared;

	for (size_t k = 0; k < r->b->n && k < 1000; k++) {
		struct bounce_notice *n = &r->b->notice[k];
		struct slice to = {n->recipient, strlen(n->recipient)};
		if (n->text[0] != '\0' && n->command[0] != '\0')
			continue;
		size_t i = 0, at = 0;
		while (i < p->n && !same_address(p->block[i].recipient, to))
			i++;
		bool found = i < p->n;
		struct slice passage = found ? passage_of(p, i, &at, &shared) : (struct slice){p->about.at, 0};
		if (n->text[0] == '\0')
			fill(r, p, n, passage, found && !shared ? (struct slice){NULL, 0} : to, r->b->n == 1);
		else if (found)
			n->command = words_command(passage);
	}
}
