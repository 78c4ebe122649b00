/*
 * bounce.c - what kind of mail it is, and what it reports: from the fields of a report where it has them, else from its prose.
 *
 * A mail that reports nothing itself may carry one that does (a report that somebody forwards): then that one is read.  A report's
 * returned message is never read as a report, so a report about a report is about the outer one.
 */
#include "budget/bounce.h"

#include "budget/bounce_inside.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX    8 /* parts of a mail whose text is looked at */
#define FORWARDS_MAX 3

struct whole {
	struct bounce b; /* first, so that what the caller holds is this */
	struct pool pool;
	char first[4000];
};

/* The parts of one message, without those of messages in it. */
struct contents {
	size_t root;
	size_t status[TEXTS_MAX], feedback[TEXTS_MAX], text[TEXTS_MAX], html[TEXTS_MAX];
	size_t statuses, feedbacks, texts, htmls;
	size_t returned; /* SIZE_MAX: none */
	unsigned char report;
};

static void
contents_of(const struct letter *l, size_t root, struct contents *c)
{
	*c = (struct contents){.root = root, .returned = SIZE_MAX};
	for (size_t i = root; i < l->n; i++) {
		const struct letter_part *p = &l->part[i];
		if (p->inside < l->part[root].inside || (i > root && p->root && p->inside == l->part[root].inside))
			break;
		if (p->inside > l->part[root].inside)
			continue;
		switch (p->type) {
		case LETTER_STATUS:
			if (c->statuses < TEXTS_MAX)
				c->status[c->statuses++] = i;
			break;
		case LETTER_FEEDBACK:
			if (c->feedbacks < TEXTS_MAX)
				c->feedback[c->feedbacks++] = i;
			break;
		case LETTER_TEXT:
		case LETTER_OCTETS:
			if (c->texts < TEXTS_MAX)
				c->text[c->texts++] = i;
			break;
		case LETTER_HTML:
			if (c->htmls < TEXTS_MAX)
				c->html[c->htmls++] = i;
			break;
		case LETTER_MESSAGE:
		case LETTER_HEADERS:
			if (c->returned == SIZE_MAX)
				c->returned = i;
			break;
		case LETTER_MULTI:
			if (p->report != 0 && p->report != LETTER_DIGEST)
				c->report = p->report;
			break;
		case LETTER_OTHER:
		case LETTER_TYPE__COUNT:
			break;
		}
	}
}

static int
text_of(struct reading *r, size_t part, struct slice *out, struct err *err)
{
	int rc = CR_OK;

	if (!r->decoded || r->decoded_part != part)
		rc = letter_text(&r->letter.part[part], &r->room, &r->text, &r->cut_text, err);
	r->decoded = rc == CR_OK;
	r->decoded_part = part;
	*out = r->text;
	return rc;
}

/* Fields of a report: in the parts that are for them, else in any text that looks like them. */
static int
statuses(struct reading *r, const struct contents *c, struct err *err)
{
	struct slice text;
	int rc = CR_OK;

	for (size_t i = 0; i < c->statuses && rc == CR_OK; i++) {
		const struct letter_part *p = &r->letter.part[c->status[i]];
		/* Nothing to decode: all of it, however many recipients it has. */
		if (p->coding == LETTER_AS_IT_IS)
			text = p->body;
		else
			rc = text_of(r, c->status[i], &text, err);
		if (rc == CR_OK)
			status_read(r, text);
	}
	for (size_t i = 0; i < c->texts && rc == CR_OK && r->b->n == 0; i++) {
		rc = text_of(r, c->text[i], &text, err);
		if (rc == CR_OK && status_looks_like(text))
			status_read(r, text);
	}
	return rc;
}

/* Up to the first blank line behind something. */
static struct slice
first_block(struct slice s)
{
	struct lines l;
	struct slice line, out = {s.at, 0};

	lines_begin(&l, s);
	while (lines_next(&l, &line)) {
		if (line.len > 0)
			out.len = (size_t)(line.at + line.len - s.at);
		else if (out.len > 0)
			break;
	}
	return out;
}

/* The header of the returned message, as a part of its own. */
static int
returned_part(struct reading *r, size_t part, struct slice *to, struct slice *hotmail, struct err *err)
{
	struct heads h;
	const struct letter_part *p = &r->letter.part[part];
	struct slice header = p->body;
	int rc = CR_OK;

	if (p->type == LETTER_MESSAGE && p->coding == LETTER_AS_IT_IS && part + 1 < r->letter.n)
		header = r->letter.part[part + 1].header;
	else
		rc = text_of(r, part, &header, err);
	if (rc != CR_OK)
		return rc;
	heads_read(first_block(header), &h, &r->cut_field);
	bounce_returned(r, &h);
	/* What was decoded does not live on: what is asked later is copied. */
	to->at = pool_line(r->pool, h.of[HEAD_TO], BOUNCE_WORDS_MAX);
	to->len = strlen(to->at);
	hotmail->at = pool_line(r->pool, h.of[HEAD_HOTMAIL], BOUNCE_ADDRESS_MAX);
	hotmail->len = strlen(hotmail->at);
	return CR_OK;
}

/* The recipient named by a returned header: only where it is one. */
static void
recipient_from(struct reading *r, struct slice to)
{
	struct slice address;
	bool fresh;

	if (to.len > 0 && words_address_in(to, &address))
		(void)bounce_notice_for(r, address, &fresh);
}

/* The text for people: the first with words in it; where there is none, the HTML. */
static int
prose_of(struct reading *r, const struct contents *c, struct prose *p, struct err *err)
{
	struct slice text;

	for (int html = 0; html < 2; html++)
		for (size_t i = 0; i < (html ? c->htmls : c->texts); i++) {
			size_t part = html ? c->html[i] : c->text[i];
			if (r->letter.part[part].type == LETTER_OCTETS)
				continue;
			int rc = text_of(r, part, &text, err);
			if (rc != CR_OK)
				return rc;
			if (slice_trim(text).len > 0)
				return prose_read(text, p, err);
		}
	*p = (struct prose){0};
	return CR_OK;
}

/* Notices that are not about a recipient: the one who gets the report, and the one who writes it, where others are named. */
static void
drop_others(struct reading *r, const struct heads *h)
{
	struct slice to = {0}, from = {0};
	struct bounce *b = r->b;

	(void)bounce_mailbox_in(h->of[HEAD_TO], &to);
	(void)bounce_mailbox_in(h->of[HEAD_FROM], &from);
	for (size_t i = 0; i < b->n && b->n > 1 && b->n < 100;) {
		struct slice a = {b->notice[i].recipient, strlen(b->notice[i].recipient)};
		if (!slice_is(a, to) && !slice_is(a, from) && strcmp(a.at, b->sender) != 0) {
			i++;
			continue;
		}
		b->n--;
		memmove(&b->notice[i], &b->notice[i + 1], (b->n - i) * sizeof(b->notice[0]));
		memmove(&r->hash[i], &r->hash[i + 1], (b->n - i) * sizeof(r->hash[0]));
	}
}

static int
complaint_read(struct reading *r, const struct contents *c, struct slice to, struct err *err)
{
	struct slice text;

	r->b->kind = BOUNCE_COMPLAINT;
	for (size_t i = 0; i < c->feedbacks; i++) {
		int rc = text_of(r, c->feedback[i], &text, err);
		if (rc != CR_OK)
			return rc;
		feedback_read(r, text);
	}
	if (r->b->n == 0)
		recipient_from(r, to);
	return CR_OK;
}

/* An automatic answer: who is away is its recipient. */
static void
vacation(struct reading *r, const struct heads *h, const struct prose *p)
{
	struct slice address = {0};
	bool fresh, who = bounce_mailbox_in(h->of[HEAD_FROM], &address);

	/* An address that nobody reads ("no-reply@") says for which one it answers. */
	if (p->in_passing.len > 0 && (!who || slice_starts(address, SLICE("no"))))
		address = p->in_passing;
	struct bounce_notice *n = address.len > 0 ? bounce_notice_for(r, address, &fresh) : NULL;
	if (n != NULL)
		n->text = pool_line(r->pool, p->about, BOUNCE_WORDS_MAX);
	if (bounce_mailbox_in(h->of[HEAD_TO], &address))
		r->b->sender = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
	r->b->kind = BOUNCE_VACATION;
}

/* A report without fields, an automatic answer, or nothing of that. */
static int
prose_message(struct reading *r, const struct contents *c, const struct heads *h, struct slice to, struct verdict *v,
              struct err *err)
{
	struct prose p = {0};
	struct heads inner;
	struct slice address = {0}, returned_to = {0}, words;
	int rc = prose_of(r, c, &p, err);

	if (rc != CR_OK)
		goto out;
	if (p.about.len > 0 && memmem(p.about.at, p.about.len, "otificationType", 15) != NULL && json_read(r, p.about))
		goto out;
	v->report += p.report;
	v->delay = p.delay;
	/* A postmaster who quotes a refusal reports one, in whatever words. */
	if (v->report == 2 && words_refusal(p.about, SLICE(""), &words))
		v->report++;
	if (slice_starts(slice_trim(p.about), SLICE("this is an email abuse report")))
		v->complaint = true;
	bool fields = r->b->n > 0;
	if (!fields && !v->complaint && (v->report < 3 || v->vacation > v->report)) {
		if (v->vacation >= 2)
			vacation(r, h, &p);
		goto out;
	}
	r->b->kind = v->complaint ? BOUNCE_COMPLAINT : BOUNCE_REPORT;
	if (p.agent != NULL && r->b->agent[0] == '\0')
		r->b->agent = p.agent;
	if (p.reporter.len > 0 && !fields)
		r->b->reporter = pool_lower(r->pool, p.reporter, 255);
	if (c->returned == SIZE_MAX && p.returned.len > 0) {
		bounce_returned_prose(p.returned, &inner);
		bounce_returned(r, &inner);
	} else {
		memset(&inner, 0, sizeof(inner));
	}
	if (fields) {
		prose_words(r, &p);
	} else {
		(void)bounce_mailbox_in(h->of[HEAD_TO], &address);
		if (!words_address_in(inner.of[HEAD_TO].len > 0 ? inner.of[HEAD_TO] : to, &returned_to))
			returned_to.len = 0;
		prose_notices(r, &p, h->of[HEAD_FAILED], address, returned_to);
		drop_others(r, h);
	}
	for (size_t i = 0; !fields && i < r->b->n; i++) {
		struct bounce_notice *n = &r->b->notice[i];
		if (n->text[0] != '\0')
			continue;
		n->text = pool_line(r->pool, p.about, BOUNCE_WORDS_MAX);
		bounce_notice_finish(r, n, (struct slice){NULL, 0});
	}
out:
	prose_release(&p);
	return rc;
}

static bool
has_all(const struct bounce *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->notice[i].text[0] == '\0' || (b->notice[i].command[0] == '\0' && b->notice[i].host[0] != '\0'))
			return false;
	return b->n > 0;
}

static int
message_read(struct reading *r, size_t root, struct err *err)
{
	struct contents c;
	struct heads h;
	struct verdict v = {0};
	struct slice hotmail = {0}, to = {0};

	contents_of(&r->letter, root, &c);
	heads_read(r->letter.part[root].header, &h, &r->cut_field);
	bounce_weigh(r, &h, c.report, &v);
	int rc = statuses(r, &c, err);
	bool fields = r->b->n > 0;
	if (rc == CR_OK && c.returned != SIZE_MAX)
		rc = returned_part(r, c.returned, &to, &hotmail, err);
	if (rc != CR_OK)
		return rc;
	if (c.feedbacks > 0 || hotmail.len > 0)
		return complaint_read(r, &c, hotmail.len > 0 ? hotmail : to, err);
	if (c.statuses > 0 && c.report == 0)
		v.report += 3;
	if (fields && has_all(r->b) && c.returned != SIZE_MAX)
		r->b->kind = BOUNCE_REPORT;
	else
		rc = prose_message(r, &c, &h, to, &v, err);
	if (rc != CR_OK || r->b->kind != BOUNCE_REPORT)
		return rc;
	if (!fields && (v.delay || bounce_says_delay(&h)))
		for (size_t i = 0; i < r->b->n; i++)
			r->b->notice[i].action = BOUNCE_DELAYED;
	return CR_OK;
}

/* What is left open when all is read. */
static int
complete(struct reading *r, struct err *err)
{
	struct bounce *b = r->b;
	struct slice address;
	bool fresh;

	if (b->kind == BOUNCE_NONE)
		return CR_OK;
	if (b->n == 0 && bounce_notice_for(r, SLICE(""), &fresh) == NULL)
		return err_nomem(err, "a report");
	for (size_t i = 0; b->kind == BOUNCE_COMPLAINT && i < b->n; i++)
		b->notice[i].text = r->feedback_type != NULL ? r->feedback_type : "abuse";
	if (b->reporter[0] == '\0' && r->daemon != NULL)
		b->reporter = r->daemon;
	/* A report goes to whom the message came from. */
	if (b->sender[0] == '\0') {
		struct heads h;
		heads_read(r->letter.part[0].header, &h, &r->cut_field);
		if (bounce_mailbox_in(h.of[HEAD_TO], &address))
			b->sender = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
	}
	for (size_t i = 0; i < b->n; i++)
		if (strcmp(b->notice[i].host, b->reporter) == 0)
			b->notice[i].host = "";
	return CR_OK;
}

/* A message in base64, which the walk over the mail did not see into (some forward so): read as a mail of its own. */
static int
coded_message(struct reading *r, size_t part, struct err *err)
{
	struct reading inner = {.pool = r->pool, .b = r->b, .notice_room = r->notice_room, .hash = r->hash};
	struct slice text;
	char *copy = NULL;
	int rc = text_of(r, part, &text, err);

	if (rc != CR_OK)
		return rc;
	copy = malloc(text.len + 1);
	if (copy == NULL)
		return err_nomem(err, "a message in a mail");
	memcpy(copy, text.at, text.len);
	rc = letter_read(copy, text.len, &inner.letter, err);
	if (rc == CR_OK)
		rc = message_read(&inner, 0, err);
	r->notice_room = inner.notice_room;
	r->hash = inner.hash;
	r->daemon = inner.daemon;
	r->feedback_type = inner.feedback_type;
	r->cut_text = r->cut_text || inner.cut_text;
	r->cut_field = r->cut_field || inner.cut_field;
	letter_release(&inner.letter);
	letter_room_release(&inner.room);
	free(copy);
	return rc;
}

static bool
tells_nothing(const struct bounce *b)
{
	return b->kind == BOUNCE_NONE || (b->kind == BOUNCE_REPORT && b->n == 0);
}

/* What a mail that reports nothing itself may carry: the first report in it. */
static int
carried(struct reading *r, struct err *err)
{
	struct bounce *b = r->b;
	int rc = CR_OK, tried = 0;

	for (size_t i = 1; rc == CR_OK && i < r->letter.n && tried < FORWARDS_MAX && tells_nothing(b); i++) {
		const struct letter_part *p = &r->letter.part[i];
		bool coded = p->type == LETTER_MESSAGE && p->coding != LETTER_AS_IT_IS;
		if (!p->root && !coded)
			continue;
		tried++;
		struct bounce outer = *b;
		b->sender = b->envelope = b->message_id = b->subject = b->agent = b->reporter = "";
		b->kind = BOUNCE_NONE;
		rc = coded ? coded_message(r, i, err) : message_read(r, i, err);
		if (b->kind == BOUNCE_REPORT || b->kind == BOUNCE_COMPLAINT)
			continue;
		/* An answer or an ordinary mail in it is nobody's report. */
		outer.notice = b->notice;
		*b = outer;
	}
	return rc;
}

static const char *
limit_of(const struct reading *r)
{
	if (r->b->limit[0] != '\0')
		return r->b->limit;
	if (r->letter.limit[0] != '\0')
		return r->letter.limit;
	return r->cut_field ? "field" : r->cut_text ? "text" : "";
}

int
bounce_read(const char *data, size_t len, struct bounce **out, struct err *err)
{
	struct whole *w = malloc(sizeof(*w));
	struct reading r = {0};

	if (w == NULL)
		return err_nomem(err, "a report");
	w->b = (struct bounce){.reporter = "",
	                       .agent = "",
	                       .sender = "",
	                       .envelope = "",
	                       .message_id = "",
	                       .subject = "",
	                       .limit = ""};
	w->pool = (struct pool){.at = w->first, .end = w->first + sizeof(w->first)};
	r.pool = &w->pool;
	r.b = &w->b;
	int rc = letter_read(data, len, &r.letter, err);
	if (rc == CR_OK)
		rc = message_read(&r, 0, err);
	if (rc == CR_OK)
		rc = carried(&r, err);
	if (rc == CR_OK)
		rc = complete(&r, err);
	if (rc == CR_OK && w->pool.failed)
		rc = err_nomem(err, "a report");
	w->b.limit = limit_of(&r);
	letter_release(&r.letter);
	letter_room_release(&r.room);
	if (rc == CR_OK)
		*out = &w->b;
	else
		bounce_drop(&(struct bounce *){&w->b});
	return rc;
}

void
bounce_drop(struct bounce **b)
{
	if (*b == NULL)
		return;
	struct whole *w = (struct whole *)*b;
	pool_release(&w->pool);
	free(w);
	*b = NULL;
}
