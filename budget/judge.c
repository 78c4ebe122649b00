/*
 * judge.c - who asks, for whom, and what the gate says to it.
 *
 * Source: Postfix SMTPD_POLICY_README and its behaviour in 3.7: `instance` is one value for RCPT, DATA and END-OF-MESSAGE of a
 * message; `recipient` is empty after RCPT when there are two or more; recipient_count is set from DATA on.
 */
#include "budget/judge.h"

#include "budget/instances.h"

#include "core/buf.h"
#include "core/log.h"
#include "core/num.h"
#include "dns/name.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct judge {
	struct gate *gate;
	const struct clock *clock;
	struct instances *instances;
	bool log_recipients;
	/* Of the request in hand; here because 64 answers are too much for a stack. */
	struct address mailbox;
	struct buf message_id; /* instance, client and sender */
	const char *recipients[INSTANCES_RECIPIENTS];
	size_t n;
	struct gate_request questions[INSTANCES_RECIPIENTS];
	struct gate_answer answers[INSTANCES_RECIPIENTS];
};

int
judge_open(struct gate *gate, const struct clock *clock, struct judge **out, struct err *err)
{
	struct judge *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL)
		return err_nomem(err, "judge");
	j->gate = gate;
	j->clock = clock;
	rc = instances_open(&j->instances, err);
	if (rc == CR_OK)
		*out = TAKE(j);
	judge_drop(&j);
	return rc;
}

void
judge_drop(struct judge **j)
{
	if (*j == NULL)
		return;
	instances_drop(&(*j)->instances);
	buf_release(&(*j)->message_id);
	free(*j);
	*j = NULL;
}

void
judge_set(struct judge *j, struct gate *gate, bool log_recipients)
{
	j->gate = gate;
	j->log_recipients = log_recipients;
}

bool
judge_spends(const struct policy_request *r)
{
	if (r->kind == POLICY_POSTFIX)
		return r->stage == POLICY_DATA || r->stage == POLICY_END_OF_MESSAGE;
	return r->kind == POLICY_CHECK && !r->dry_run;
}

/* text is for people, reason for the log; who and organisation may be "". */
static void
say(struct judgement *out, enum policy_action action, const char *reason, const char *text)
{
	out->action = action;
	(void)buf_copy_text(out->reason, sizeof(out->reason), reason);
	policy_answer(action, text, reason, out->answer);
}

/* Where the question comes from. */
static const char *
origin(const struct policy_request *r)
{
	switch (r->kind) {
	case POLICY_CHECK:
		return r->dry_run ? "dry-run" : "check";
	case POLICY_RELEASE:
		return "release";
	case POLICY_POSTFIX:
	case POLICY_KIND__COUNT:
		break;
	}
	return policy_stage_name(r->stage);
}

/* The line goes to a log: nothing of what was asked may look like another line. */
static void
printable(char *text)
{
	for (char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
}

static void __attribute__((format(printf, 2, 3))) write_log(struct judgement *out, const char *fmt, ...)
{
	size_t at = strlen(out->log);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out->log + at, sizeof(out->log) - at, fmt, ap);
	va_end(ap);
	printable(out->log + at);
}

/* recipients: j->n of them; organisation: of the first. */
static void
note(const struct judge *j, struct judgement *out, const struct policy_request *r, const char *mailbox,
     const char *organisation, const char *const *recipients)
{
	static const char *const words[] = {
		[POLICY_GO] = "allow", [POLICY_WAIT] = "wait", [POLICY_TROUBLE] = "wait", [POLICY_REFUSE] = "refuse"};
	static_assert(ARRAY_LEN(words) == POLICY_ACTION__COUNT, "a word for each action");

	out->log[0] = '\0';
	if (log_get_level() < LOG_LEVEL_INFO)
		return;
	write_log(out, "%s %s at=%s mailbox=%.200s organisation=%.200s recipients=%zu", words[out->action], out->reason,
	          origin(r), mailbox[0] != '\0' ? mailbox : "-", organisation[0] != '\0' ? organisation : "-", j->n);
	for (size_t i = 0; j->log_recipients && recipients != NULL && i < j->n; i++)
		write_log(out, "%s%.320s", i == 0 ? " to=" : ",", recipients[i]);
}

/* Deferred, nothing charged: it may be asked again once whoever configures Postfix has looked at the log. */
static void
defer(const struct judge *j, const struct policy_request *r, const char *reason, const char *text,
      struct judgement *out)
{
	say(out, POLICY_WAIT, reason, text);
	note(j, out, r, j->mailbox.text, "", NULL);
}

/* An error in place of an answer. */
static void
fail(const struct policy_request *r, int code, const char *text, struct judgement *out)
{
	out->action = POLICY_TROUBLE;
	(void)snprintf(out->reason, sizeof(out->reason), "store");
	if (r->kind == POLICY_POSTFIX)
		say(out, POLICY_TROUBLE, "store", text);
	else
		wire_answer_trouble(code, text, out->answer);
}

void
judge_trouble(const struct policy_request *r, const struct err *why, struct judgement *out)
{
	fail(r, why->code, why->text, out);
	out->log[0] = '\0';
	write_log(out, "wait store at=%s: %.400s", origin(r), why->text);
}

void
judge_forbid(const struct policy_request *r, const char *why, struct judgement *out)
{
	fail(r, CR_EAUTH, why, out);
	out->log[0] = '\0';
	write_log(out, "not answered at=%s: %.400s", origin(r), why);
}

/* An attribute holds no newline, so that no two triples run into the same bytes. */
static int
make_id(struct judge *j, const struct policy_request *r, struct err *err)
{
	buf_clear(&j->message_id);
	buf_adds(&j->message_id, r->instance);
	buf_addc(&j->message_id, '\n');
	buf_adds(&j->message_id, r->client_address);
	buf_addc(&j->message_id, '\n');
	buf_adds(&j->message_id, r->sender);
	return buf_check(&j->message_id, "request id", err);
}

/* What the messages under way are kept by. */
static void
instance_id(const struct judge *j, uint8_t out[INSTANCES_ID_BYTES])
{
	uint8_t digest[32];

	secret_digest(j->message_id.data, j->message_id.len, digest);
	memcpy(out, digest, INSTANCES_ID_BYTES);
}

/* The domain of the envelope sender is the one that is seen outside: a login must not send under another one's name. */
static bool
speaks_for(const struct address *login, const struct address *sender)
{
	return name_is_under(sender->domain, login->domain);
}

/* Nearly always: then it does not matter whether the login is one of our mailboxes. */
static bool
speaks_as_itself(const struct policy_request *r)
{
	return r->sasl_username[0] == '\0' || strcmp(r->sasl_username, r->sender) == 0;
}

/* Words of which each is one: NULL, there is more to it. */
static const char *
one_mailbox(const struct policy_request *r)
{
	if (r->recipient[0] == '\0' || r->recipient_count > 1)
		return NULL;
	if (r->kind == POLICY_CHECK)
		return r->mailbox;
	return r->kind == POLICY_POSTFIX && speaks_as_itself(r) ? r->sender : NULL;
}

bool
judge_remembers(const struct judge *j, const struct policy_request *r, struct judge_words *out)
{
	const char *mailbox = judge_spends(r) ? one_mailbox(r) : NULL;

	out->read = mailbox != NULL && gate_remembers(j->gate, mailbox, r->recipient, &out->gate);
	return out->read;
}

void
judge_read(const struct judge *j, const struct policy_request *r, struct judge_words *out)
{
	const char *mailbox = one_mailbox(r);

	out->read = mailbox != NULL && gate_read(j->gate, mailbox, r->recipient, &out->gate, NULL) == CR_OK;
}

/* Into j->mailbox: the login when it is one of ours, else the sender.  Not ok_out: out has the answer. */
static int
find_mailbox(struct judge *j, const struct policy_request *r, const struct judge_words *words, bool *ok_out,
             struct judgement *out, struct err *err)
{
	struct address login, sender;
	bool ours = false;
	int rc = CR_OK;

	*ok_out = words->read;
	if (words->read) {
		address_copy(&j->mailbox, &words->gate.mailbox);
		return CR_OK;
	}
	if (address_parse(r->sender, &sender, NULL) != CR_OK) {
		defer(j, r, "unreadable", "the sender's address cannot be read", out);
		return CR_OK;
	}
	if (!speaks_as_itself(r) && address_parse(r->sasl_username, &login, NULL) == CR_OK)
		rc = gate_knows(j->gate, login.text, &ours, err);
	if (rc != CR_OK)
		return rc;
	address_copy(&j->mailbox, ours ? &login : &sender);
	*ok_out = !ours || speaks_for(&login, &sender);
	if (!*ok_out) {
		say(out, POLICY_REFUSE, "foreign_sender",
		    "the sender is not on the domain of the mailbox that signed in");
		note(j, out, r, j->mailbox.text, "", NULL);
	}
	return CR_OK;
}

static const enum policy_action actions[] = {
	[GATE_ALLOW] = POLICY_GO, [GATE_WAIT] = POLICY_WAIT, [GATE_REFUSE] = POLICY_REFUSE};
static_assert(ARRAY_LEN(actions) == GATE_VERDICT__COUNT, "an action for each verdict");

/* For the log, of the recipient's domain; "" where nothing is logged, since it costs as much as the tests. */
static void
name_logged(const char *domain, struct name *out)
{
	out->text[0] = '\0';
	if (log_get_level() >= LOG_LEVEL_INFO)
		name_organisation(domain, out);
}

/* domain: of the first recipient. */
static void
tell(const struct judge *j, const struct policy_request *r, const char *domain, struct judgement *out)
{
	const struct gate_answer *a = &j->answers[0];
	struct name organisation;

	name_logged(domain, &organisation);
	if (r->kind == POLICY_CHECK) {
		out->action = actions[a->verdict];
		buf_copy_text(out->reason, sizeof(out->reason), a->reason);
		wire_answer(a, out->answer);
		note(j, out, r, a->mailbox, organisation.text, j->recipients);
		return;
	}
	say(out, actions[a->verdict], a->reason, a->message);
	note(j, out, r, j->mailbox.text, organisation.text, j->recipients);
}

/* Also the test of a further recipient of a message: it answers for this one alone, END-OF-MESSAGE for all. */
static void
test(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out)
{
	struct gate_request q = {.mailbox = j->mailbox.text,
	                         .message_id = buf_str(&j->message_id),
	                         .dry_run = true,
	                         .words = words->read ? &words->gate : NULL};
	struct address recipient;
	uint8_t id[INSTANCES_ID_BYTES];
	struct err err = {0};
	int rc;

	j->n = 1;
	j->recipients[0] = r->recipient;
	if (address_parse(r->recipient, &recipient, NULL) != CR_OK) {
		defer(j, r, "unreadable", "the recipient's address cannot be read", out);
		return;
	}
	q.recipient = recipient.text;
	rc = gate_ask(j->gate, &q, &j->answers[0], &err);
	instance_id(j, id);
	if (rc == CR_OK && j->answers[0].verdict == GATE_ALLOW)
		rc = instances_add(j->instances, id, recipient.text, clock_boot_ms(j->clock), &err);
	if (rc == CR_OK)
		tell(j, r, recipient.domain, out);
	else if (rc == CR_EREFUSED)
		defer(j, r, "too_many_recipients", err.text, out);
	else
		judge_trouble(r, &err, out);
}

/*
 * The recipients of the message, into j.  Postfix counts what it accepted, we know what was asked: fewer known than counted means
 * that some never passed RCPT here (another restriction let them by, or a restart forgot them), and then nobody can say what to
 * charge.  More known than counted: a later restriction refused some; the spend errs to that side.
 */
static bool
collect(struct judge *j, const struct policy_request *r)
{
	uint8_t id[INSTANCES_ID_BYTES];

	j->n = 0;
	if (r->recipient[0] != '\0' && r->recipient_count <= 1) {
		j->recipients[0] = r->recipient;
		j->n = 1;
		return true;
	}
	instance_id(j, id);
	j->n = instances_get(j->instances, id, clock_boot_ms(j->clock), j->recipients);
	return j->n > 0 && (int64_t)j->n >= r->recipient_count;
}

/* No message gets further than this many recipients: what lies beyond need not be read ahead. */
#define EXPECT_MAX 5

/* Whom a request is about, as far as it can be said without asking; at most EXPECT_MAX.  Returns how many. */
static size_t
expect_one(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct gate_request *out)
{
	const char *mailbox = r->kind == POLICY_CHECK       ? r->mailbox
	                      : r->sasl_username[0] != '\0' ? r->sasl_username
	                                                    : r->sender;
	size_t n = 0;

	if (words->read || r->kind == POLICY_CHECK) {
		out[0] = (struct gate_request){
			.mailbox = mailbox, .recipient = r->recipient, .words = words->read ? &words->gate : NULL};
		return 1;
	}
	if (make_id(j, r, NULL) != CR_OK || !collect(j, r))
		return 0;
	for (; n < j->n && n < EXPECT_MAX; n++)
		out[n] = (struct gate_request){.mailbox = mailbox, .recipient = j->recipients[n]};
	return n;
}

int
judge_expect(struct judge *j, const struct policy_request *const *r, const struct judge_words *const *words, size_t n,
             struct err *err)
{
	struct gate_request *q = malloc(n * EXPECT_MAX * sizeof(q[0]));
	size_t used = 0;
	int rc;

	if (q == NULL)
		return err_nomem(err, "judge");
	for (size_t i = 0; i < n; i++)
		used += expect_one(j, r[i], words[i], q + used);
	rc = used > 0 ? gate_expect(j->gate, q, used, err) : CR_OK;
	free(q);
	return rc;
}

/* Of the first recipient, which was read before. */
static const char *
first_domain(const struct judge *j, struct address *scratch)
{
	if (log_get_level() < LOG_LEVEL_INFO || address_parse(j->recipients[0], scratch, NULL) != CR_OK)
		return "";
	return scratch->domain;
}

static int
spend(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out,
      struct err *err)
{
	struct address first = {0};
	bool is_read;
	int rc;

	if (!collect(j, r)) {
		defer(j, r, "recipients_unknown", "not every recipient was asked about at RCPT", out);
		return CR_OK;
	}
	is_read = words->read && j->n == 1 && j->recipients[0] == r->recipient;
	for (size_t i = 0; i < j->n; i++)
		j->questions[i] = (struct gate_request){.mailbox = j->mailbox.text,
		                                        .recipient = j->recipients[i],
		                                        .message_id = buf_str(&j->message_id),
		                                        .words = is_read ? &words->gate : NULL};
	rc = gate_ask_in(j->gate, j->questions, j->n, j->answers, err);
	if (rc == CR_EPARSE)
		defer(j, r, "unreadable", "a recipient's address cannot be read", out);
	else if (rc == CR_OK)
		tell(j, r, first_domain(j, &first), out);
	return rc == CR_EPARSE ? CR_OK : rc;
}

static int
check(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out,
      struct err *err)
{
	const struct gate_request q = {.mailbox = r->mailbox,
	                               .recipient = r->recipient,
	                               .message_id = r->message_id[0] != '\0' ? r->message_id : NULL,
	                               .dry_run = r->dry_run,
	                               .words = words->read ? &words->gate : NULL};
	struct gate_answer *a = &j->answers[0];
	struct address to = {0};
	int rc = r->dry_run ? gate_ask(j->gate, &q, a, err) : gate_ask_in(j->gate, &q, 1, a, err);

	j->n = 1;
	j->recipients[0] = r->recipient;
	if (rc == CR_EPARSE) {
		fail(r, rc, err->text, out);
		(void)snprintf(out->reason, sizeof(out->reason), "unreadable");
		note(j, out, r, "", "", j->recipients);
		return CR_OK;
	}
	if (rc != CR_OK)
		return rc;
	tell(j, r, first_domain(j, &to), out);
	return CR_OK;
}

bool
judge_recall(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out)
{
	struct gate_request q = {.words = &words->gate};

	q.mailbox = words->gate.mailbox.text;
	q.recipient = words->gate.recipient.text;
	if (r->kind == POLICY_CHECK)
		q.message_id = r->message_id[0] != '\0' ? r->message_id : NULL;
	else if (r->instance[0] == '\0' || make_id(j, r, NULL) != CR_OK)
		return false;
	else
		q.message_id = buf_str(&j->message_id);
	if (!gate_recall(j->gate, &q, &j->answers[0]))
		return false;
	j->n = 1;
	j->recipients[0] = r->recipient;
	address_copy(&j->mailbox, &words->gate.mailbox);
	tell(j, r, words->gate.recipient.domain, out);
	return true;
}

int
judge_release(struct judge *j, const struct policy_request *r, struct judgement *out, struct err *err)
{
	int rc = gate_release(j->gate, r->ticket, err);

	if (rc == CR_EUNKNOWN)
		return rc;
	out->action = rc == CR_OK ? POLICY_GO : POLICY_REFUSE;
	if (rc == CR_OK)
		wire_answer_released(r->ticket, out->answer);
	else
		wire_answer_trouble(rc, err->text, out->answer);
	out->log[0] = '\0';
	write_log(out, "%s ticket=%.40s%s%.300s", rc == CR_OK ? "released" : "not released", r->ticket,
	          rc == CR_OK ? "" : ": ", rc == CR_OK ? "" : err->text);
	return CR_OK;
}

static int
judge_message(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out,
              struct err *err)
{
	bool ok = false;
	int rc;

	j->n = 0;
	memset(&j->mailbox, 0, sizeof(j->mailbox));
	if (r->stage == POLICY_ELSEWHERE)
		defer(j, r, "stage", "the gate is asked at RCPT, DATA or END-OF-MESSAGE only", out);
	else if (r->instance[0] == '\0')
		defer(j, r, "no_instance", "the question names no instance", out);
	else if (r->sender[0] == '\0')
		defer(j, r, "no_sender", "the message has no sender", out);
	else
		ok = true;
	if (!ok)
		return CR_OK;
	rc = make_id(j, r, err);
	if (rc == CR_OK)
		rc = find_mailbox(j, r, words, &ok, out, err);
	if (rc == CR_OK && ok && judge_spends(r))
		rc = spend(j, r, words, out, err);
	else if (rc == CR_OK && ok)
		test(j, r, words, out);
	return rc;
}

/* A question that writes nothing has its trouble as an answer. */
int
judge_request(struct judge *j, const struct policy_request *r, const struct judge_words *words, struct judgement *out,
              struct err *err)
{
	int rc = r->kind == POLICY_CHECK ? check(j, r, words, out, err) : judge_message(j, r, words, out, err);

	if (rc != CR_OK && !judge_spends(r)) {
		judge_trouble(r, err, out);
		rc = CR_OK;
	}
	return rc;
}
