/*
 * reading.c - from a notice to a verdict, and from both to lines.
 */
#include "budget/reading.h"

#include <string.h>

#include "core/json.h"
#include "core/term.h"

/* Of the words of a refusal in a line of output: a few replies long. */
#define TEXT_SHOWN_MAX ((size_t)2000)

/* What a mail is when it is no refusal. */
static const struct reply_verdict by_kind[BOUNCE_KIND__COUNT] = {
	[BOUNCE_NONE] =
		{.rule = "kind-none",
                               .class = REPLY_NOTHING,
                               .category = REPLY_CAT_NONE,
                               .layer = "",
                               .means = "Ordinary mail: it tells of no delivery that failed.",
                               .decides = "Nobody: nothing was refused.",
                               .todo = "Read it. It may be an answer, or a wish to be left alone, which `suppress add` records.",
                               .never = "Take it for a bounce."							},
	[BOUNCE_COMPLAINT] =
		{.rule = "kind-complaint",
                               .class = REPLY_COMPLAINT,
                               .category = REPLY_CAT_FEEDBACK,
                               .layer = "",
                               .means = "The recipient called a message spam, and the mailbox provider passes that on (RFC 5965).",
                               .decides = "The recipient.",
                               .todo = "Leave the address alone for good, and ask why this person was written to at all.",
                               .never = "Write to this person again, from any domain, or ask them why they complained."},
	[BOUNCE_VACATION] = {.rule = "kind-vacation",
                               .class = REPLY_NOTHING,
                               .category = REPLY_CAT_VACATION,
                               .layer = "",
                               .means = "A mailbox answered by itself (RFC 3834): the message was delivered.",
                               .decides = "Nobody: nothing was refused.",
                               .todo = "Nothing. A date of return may be worth a note.",
                               .never = "Count it as a bounce or as a reply, or answer it."                            },
};
static const struct reply_verdict by_success = {
	.rule = "kind-delivered",
	.class = REPLY_NOTHING,
	.category = REPLY_CAT_OTHER,
	.layer = "",
	.means = "The message was delivered, relayed or passed on to a list.",
	.decides = "Nobody: nothing was refused.",
	.todo = "Nothing.",
	.never = "Count it as a bounce.",
};

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static const char *
first_of(const char *a, const char *b)
{
	a = or_empty(a);
	return a[0] != '\0' ? a : or_empty(b);
}

/* A report's own Status and reply, where the words have none. */
static void
fill_codes(struct reply_verdict *v, const char *status, const char *reply)
{
	if (v->status[0] == '\0')
		buf_copy_text(v->status, sizeof(v->status), or_empty(status));
	if (v->reply[0] == '\0')
		buf_copy_text(v->reply, sizeof(v->reply), or_empty(reply));
}

void
reading_of_mail(const struct reply_rules *r, const struct bounce *b, size_t i, const char *mailbox, struct reading *out)
{
	static const struct bounce_notice nobody = {
		.recipient = "", .status = "", .reply = "", .text = "", .host = "", .command = ""};
	const struct bounce_notice *n = i < b->n ? &b->notice[i] : &nobody;
	const struct reply_question q = {.text = n->text,
	                                 .host = n->host,
	                                 .reporter = b->reporter,
	                                 .status = n->status,
	                                 .reply = n->reply,
	                                 .command = n->command,
	                                 .temporary = n->action == BOUNCE_DELAYED};

	*out = (struct reading){.recipient = or_empty(n->recipient),
	                        .sender = first_of(b->sender, mailbox),
	                        .message_id = or_empty(b->message_id),
	                        .host = first_of(n->host, b->reporter),
	                        .text = or_empty(n->text),
	                        .limit = or_empty(b->limit)};
	if (b->kind != BOUNCE_REPORT)
		out->verdict = by_kind[b->kind];
	else if (n->action == BOUNCE_DELIVERED)
		out->verdict = by_success;
	else
		reply_classify(r, &q, &out->verdict);
	fill_codes(&out->verdict, n->status, n->reply);
}

void
reading_of_log(const struct reply_rules *r, const struct maillog_event *e, const char *mailbox, struct reading *out)
{
	const struct reply_question q = {
		.text = e->text, .host = e->host, .status = e->status, .temporary = e->temporary};

	*out = (struct reading){.recipient = e->recipient,
	                        .sender = first_of(e->sender, mailbox),
	                        .message_id = e->message_id,
	                        .host = e->host,
	                        .text = e->text,
	                        .limit = ""};
	reply_classify(r, &q, &out->verdict);
	fill_codes(&out->verdict, e->status, NULL);
}

void
reading_of_text(const struct reply_rules *r, const char *text, struct reading *out)
{
	const struct reply_question q = {.text = text};

	*out = (struct reading){
		.file = "", .recipient = "", .sender = "", .message_id = "", .host = "", .text = text, .limit = ""};
	reply_classify(r, &q, &out->verdict);
}

bool
reading_counts(const struct reading *f)
{
	return f->verdict.class != REPLY_NOTHING;
}

struct react_event
reading_event(const struct reading *f, const char *source)
{
	return (struct react_event){.verdict = &f->verdict,
	                            .recipient = f->recipient,
	                            .sender = f->sender,
	                            .message_id = f->message_id,
	                            .host = f->host,
	                            .text = f->text,
	                            .source = source,
	                            .happened_ms = f->happened_ms};
}

/* ---- lines ---- */

/* Not in the middle of a character. */
static size_t
shown_length(const char *text)
{
	size_t n = strlen(text);

	if (n <= TEXT_SHOWN_MAX)
		return n;
	for (n = TEXT_SHOWN_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

static void
json_advice(struct json_out *j, const struct reply_verdict *v)
{
	json_out_member(j, "means", v->means);
	json_out_member(j, "decides", v->decides);
	json_out_member(j, "do", v->todo);
	json_out_member(j, "do_not", v->never);
}

void
reading_json(const struct reading *f, bool advice, struct buf *out)
{
	struct json_out j = json_out_on(out);

	json_out_open(&j, '{');
	json_out_member(&j, "file", or_empty(f->file));
	json_out_member(&j, "recipient", f->recipient);
	json_out_member(&j, "category", reply_category_name(f->verdict.category));
	json_out_member(&j, "layer", or_empty(f->verdict.layer));
	json_out_member(&j, "status", f->verdict.status);
	json_out_member(&j, "reply", f->verdict.reply);
	json_out_member(&j, "host", f->host);
	json_out_member(&j, "rule", or_empty(f->verdict.rule));
	json_out_member(&j, "class", reply_class_name(f->verdict.class));
	json_out_member(&j, "scope", f->result != NULL ? f->result->scope : react_scope(f->verdict.class));
	json_out_member(&j, "sender", f->sender);
	json_out_key(&j, "actions");
	json_out_open(&j, '[');
	for (size_t i = 0; f->result != NULL && i < f->result->n; i++)
		json_out_string(&j, f->result->action[i]);
	json_out_close(&j);
	json_out_key(&j, "text");
	json_out_string_n(&j, f->text, shown_length(f->text));
	json_out_member(&j, "message_id", f->message_id);
	if (f->number > 0)
		json_out_member_int(&j, "number", f->number);
	if (f->result != NULL) {
		json_out_member_bool(&j, "ours", f->result->ours);
		json_out_member_bool(&j, "known", f->result->known);
	}
	if (f->limit[0] != '\0')
		json_out_member(&j, "limit", f->limit);
	if (advice)
		json_advice(&j, &f->verdict);
	json_out_close(&j);
	buf_addc(out, '\n');
}

/* Outside bytes on somebody's terminal: no control characters, C1 (U+0080 to U+009F) among them. */
static void
add_outside(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i], next = i + 1 < len ? (unsigned char)text[i + 1] : 0;

		if (c < 0x20 || c == 0x7f) {
			buf_addc(out, '?');
		} else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			buf_addc(out, '?');
			i++;
		} else {
			buf_addc(out, text[i]);
		}
	}
}

static void
add_item(struct buf *out, const char *label, const char *text)
{
	if (or_empty(text)[0] == '\0')
		return;
	buf_addf(out, "  %-8s ", label);
	add_outside(out, text, shown_length(text));
	buf_addc(out, '\n');
}

static void
add_advice(const struct reply_verdict *v, struct buf *out)
{
	add_item(out, "means", v->means);
	add_item(out, "decides", v->decides);
	add_item(out, "do", v->todo);
	add_item(out, "do not", v->never);
}

static enum term_tone tone_of(enum reply_class class)
{
	switch (class) {
	case REPLY_TENANT_POLICY:
	case REPLY_MAILBOX_BLOCK:
	case REPLY_IP_BLOCK:
	case REPLY_REPUTATION:
	case REPLY_OWN_ACCOUNT:
	case REPLY_COMPLAINT:
		return TERM_BAD;
	case REPLY_NOTHING:
		return TERM_DIM;
	case REPLY_CONTENT:
	case REPLY_AUTH:
	case REPLY_RATE:
	case REPLY_RECIPIENT_RESTRICTED:
	case REPLY_BAD_RECIPIENT:
	case REPLY_CONFIG:
	case REPLY_CLASS__COUNT:
		break;
	}
	return TERM_WARN;
}

/* "li@fabrikam.example: policy_block, by m365_tenant, 550 5.7.1, rule ms-etr" */
static void
add_title(const struct reading *f, FILE *to, struct buf *out)
{
	const struct reply_verdict *v = &f->verdict;
	const char *who = first_of(f->recipient, f->file);

	buf_adds(out, term_on(to, tone_of(v->class)));
	add_outside(out, who, strlen(who));
	buf_addf(out, "%s%s", who[0] != '\0' ? ": " : "", reply_category_name(v->category));
	buf_adds(out, term_off(to));
	if (or_empty(v->layer)[0] != '\0')
		buf_addf(out, ", by %s", v->layer);
	if (v->reply[0] != '\0' || v->status[0] != '\0')
		buf_addf(out, ", %s%s%s", v->reply, v->reply[0] != '\0' && v->status[0] != '\0' ? " " : "", v->status);
	buf_addf(out, ", rule %s\n", or_empty(v->rule));
}

static void
add_actions(const struct reading *f, struct buf *out)
{
	const struct react_result *r = f->result;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++)
		add_item(out, i > 0 ? "" : f->dry_run ? "would" : "done", r->action[i]);
	if (r->n > 0)
		return;
	add_item(out, f->dry_run ? "would" : "done",
	         r->known             ? "nothing: this was read before"
	         : !reading_counts(f) ? "nothing"
	         : !r->ours           ? "nothing: the sender is no mailbox of this installation"
	                              : "nothing");
}

void
reading_text(const struct reading *f, FILE *to, struct buf *out)
{
	add_title(f, to, out);
	add_item(out, "sender", f->sender);
	add_item(out, "host", f->host);
	add_item(out, "said", f->text);
	add_advice(&f->verdict, out);
	add_actions(f, out);
	if (f->limit[0] != '\0')
		add_item(out, "note", "not read to its end: a limit of the reader was met");
}

void
reading_rule_json(const char *rule, const struct reply_verdict *v, struct buf *out)
{
	struct json_out j = json_out_on(out);

	json_out_open(&j, '{');
	json_out_member(&j, "rule", rule);
	json_out_member(&j, "layer", or_empty(v->layer));
	json_out_member(&j, "class", reply_class_name(v->class));
	json_out_member(&j, "category", reply_category_name(v->category));
	json_out_member(&j, "scope", react_scope(v->class));
	json_advice(&j, v);
	json_out_close(&j);
	buf_addc(out, '\n');
}

void
reading_rule_text(const char *rule, const struct reply_verdict *v, FILE *to, struct buf *out)
{
	buf_addf(out, "%s%s%s: %s, class %s%s%s\n", term_on(to, tone_of(v->class)), rule, term_off(to),
	         reply_category_name(v->category), reply_class_name(v->class),
	         or_empty(v->layer)[0] != '\0' ? ", layer " : "", or_empty(v->layer));
	add_advice(v, out);
}
