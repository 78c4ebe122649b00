/*
 * cmd_check.c - check, why, release: the gate's question from a shell.
 *
 * Exit 0 is said in one place only, for an allow whose commit has succeeded and whose line was written.
 */
#include "budget/cmd.h"

#include "budget/ask.h"
#include "budget/cmd_evidence.h"
#include "budget/words.h"

#include "core/json.h"
#include "core/log.h"
#include "core/num.h"
#include "core/term.h"
#include "dns/name.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct {
	const char *to, *message_id;
	bool dry_run;
} args;

static const struct opt check_opts[] = {
	{"to",         0, OPT_TEXT, &args.to,         0, 0, "RCPT", "the recipient"       },
	{"message-id", 0, OPT_TEXT, &args.message_id, 0, 0, "ID",
         "asked again with the same id: the same answer, not charged"                     },
	{"dry-run",    0, OPT_FLAG, &args.dry_run,    0, 0, NULL,   "ask without spending"},
};

void
cmd_check_help(FILE *to)
{
	opt_help(check_opts, ARRAY_LEN(check_opts), to);
}

void
cmd_why_help(FILE *to)
{
	(void)fputs("MAILBOX and RCPT are addresses.  Exit as check: 0 allow, 75 wait, 77 refuse, 69 or 74 trouble.\n",
	            to);
}

static int
exit_of(const struct gate_answer *a)
{
	switch (a->verdict) {
	case GATE_ALLOW:
		return EX_OK;
	case GATE_WAIT:
		return strcmp(a->reason, "clock") == 0 ? EX_UNAVAILABLE : EX_TEMPFAIL;
	case GATE_REFUSE:
	case GATE_VERDICT__COUNT:
		break;
	}
	return EX_NOPERM;
}

/* A store that is not there, not ours to open or not free is unavailable; one that broke is an I/O error. */
static int
exit_of_trouble(const struct session *s, int code)
{
	bool absent = s->settings.store != NULL && access(s->settings.store, F_OK) != 0 && errno == ENOENT;

	if (!absent && (code == CR_ESTORE || code == CR_EIO || code == CR_EUNKNOWN))
		return EX_IOERR;
	return EX_UNAVAILABLE;
}

static void
put_time(struct json_out *j, const char *key, int64_t ms)
{
	char at[NUM_RFC3339_MAX];

	cmd_time(ms, at, sizeof(at));
	json_out_member(j, key, at[0] != '\0' ? at : NULL);
}

static void
put_answer(struct json_out *j, const struct gate_answer *a)
{
	json_out_member(j, "verdict", words_verdict(a->verdict));
	json_out_member(j, "reason", a->reason);
	json_out_member(j, "mailbox", a->mailbox);
	json_out_member(j, "class", words_class(a->class));
	json_out_key(j, "left");
	json_out_open(j, '{');
	json_out_member_int(j, "outbound", a->left_outbound);
	json_out_member_int(j, "warmup", a->left_warmup);
	json_out_close(j);
	put_time(j, "retry_at", a->retry_at_ms);
	json_out_member(j, "ticket", a->ticket[0] != '\0' ? a->ticket : NULL);
	json_out_member(j, "message", a->message);
}

/* findings, recipient: of why; else NULL. */
static int
print_json(struct session *s, const struct gate_answer *a, const struct gate_finding *findings, const char *recipient,
           struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc = CR_OK;

	json_out_open(&j, '{');
	put_answer(&j, a);
	if (findings != NULL) {
		json_out_key(&j, "tests");
		json_out_open(&j, '[');
		for (size_t i = 0; i < GATE_TESTS; i++) {
			json_out_open(&j, '{');
			json_out_member(&j, "test", findings[i].test);
			json_out_member(&j, "verdict", findings[i].skipped ? NULL : words_verdict(findings[i].verdict));
			json_out_member(&j, "reason", findings[i].skipped ? NULL : findings[i].reason);
			put_time(&j, "retry_at", findings[i].retry_at_ms);
			json_out_member(&j, "message", findings[i].message);
			json_out_close(&j);
		}
		json_out_close(&j);
		json_out_key(&j, "evidence");
		json_out_open(&j, '[');
		rc = cmd_evidence_between(s, a->mailbox, recipient, &j, NULL, err);
		json_out_close(&j);
	}
	json_out_close(&j);
	if (rc == CR_OK)
		rc = session_print_line(s, &b, err);
	buf_release(&b);
	return rc;
}

/* Behind the tests: what was read that closed the way. */
static int
print_evidence(struct session *s, const char *mailbox, const char *recipient, struct err *err)
{
	struct buf lines = {0};
	int rc = cmd_evidence_between(s, mailbox, recipient, NULL, &lines, err);

	if (rc == CR_OK)
		rc = buf_check(&lines, "evidence", err);
	if (rc == CR_OK && lines.len > 0)
		(void)fputs(buf_str(&lines), s->out);
	buf_release(&lines);
	return rc;
}

static int
print_text(struct session *s, const struct gate_answer *a, struct err *err)
{
	static const enum term_tone tones[] = {
		[GATE_ALLOW] = TERM_GOOD, [GATE_WAIT] = TERM_WARN, [GATE_REFUSE] = TERM_BAD};
	struct buf b = {0};
	int rc;

	buf_adds(&b, term_on(s->out, tones[a->verdict]));
	buf_adds(&b, words_verdict(a->verdict));
	buf_adds(&b, term_off(s->out));
	if (a->verdict != GATE_ALLOW) {
		buf_addc(&b, ' ');
		buf_adds(&b, a->reason);
	}
	buf_adds(&b, ": ");
	buf_adds(&b, a->message);
	if (a->ticket[0] != '\0') {
		buf_adds(&b, "; ticket ");
		buf_adds(&b, a->ticket);
	}
	rc = session_print_line(s, &b, err);
	buf_release(&b);
	return rc;
}

static int
print_findings(struct session *s, const struct gate_finding findings[GATE_TESTS], struct err *err)
{
	static const struct term_column columns[] = {
		{"TEST",   false, false},
                {"ANSWER", false, false},
                {"",       false, true }
        };
	struct term_table *t = NULL;
	int rc = term_table_open(columns, ARRAY_LEN(columns), &t, err);

	for (size_t i = 0; rc == CR_OK && i < GATE_TESTS; i++) {
		const struct gate_finding *f = &findings[i];
		const char *cells[] = {f->test, f->skipped ? "-" : words_verdict(f->verdict), f->message};
		enum term_tone tone = f->skipped                  ? TERM_DIM
		                      : f->verdict == GATE_REFUSE ? TERM_BAD
		                      : f->verdict == GATE_WAIT   ? TERM_WARN
		                                                  : TERM_PLAIN;

		rc = term_table_add(t, tone, cells, err);
	}
	if (rc == CR_OK)
		rc = term_table_print(t, s->out, err);
	term_table_drop(&t);
	return rc;
}

/* The store is in trouble: an answer like any other, for whoever reads JSON, and never a 0. */
static int
answer_trouble(struct session *s, const struct gate_request *q, int code, struct err *err)
{
	struct gate_answer a = {.verdict = GATE_WAIT};
	struct address mailbox = {0};
	int exit_code = exit_of_trouble(s, code), rc = CR_OK;

	if (address_parse(q->mailbox, &mailbox, NULL) == CR_OK)
		(void)snprintf(a.mailbox, sizeof(a.mailbox), "%s", mailbox.text);
	(void)snprintf(a.reason, sizeof(a.reason), "store");
	(void)snprintf(a.message, sizeof(a.message), "%.255s", err->text);
	if (s->json)
		rc = print_json(s, &a, NULL, NULL, err);
	else
		log_error("wait store: %s", err->text);
	return rc == CR_OK ? exit_code : rc;
}

/* Both are operands of a command line: what cannot be read is a wrong use, not damaged data. */
static int
want_addresses(const struct gate_request *q, struct err *err)
{
	struct address a;
	int rc = address_parse(q->mailbox, &a, err);

	if (rc == CR_OK)
		rc = address_parse(q->recipient, &a, err);
	if (rc == CR_EPARSE)
		err->code = rc = CR_EUSAGE;
	return rc;
}

static int
open_gate(struct session *s, const struct gate_request *q, enum db_mode mode, struct gate **gate, struct err *err)
{
	int rc = session_config(s, err);

	if (rc != CR_OK)
		return rc;
	rc = session_store(s, mode, err);
	if (rc != CR_OK)
		return answer_trouble(s, q, rc, err);
	return cmd_gate(s, gate, err);
}

/* Where a daemon would listen, if one is to be asked at all. */
static int
ask_place(const struct session *s, struct listen_at *out, bool *asks_out, struct err *err)
{
	int rc = CR_OK;

	*asks_out = s->settings.use_daemon;
	if (*asks_out && (rc = listen_parse(s->settings.listen, out, err)) == CR_EPARSE) {
		(void)err_wrap(err, "listen");
		err->code = rc = CR_ECONFIG;
	}
	return rc;
}

/* CR_ENOTFOUND: open the store.  Everything else is the answer, as if the store had been opened. */
static int
by_daemon(struct session *s, const struct listen_at *at, const struct buf *request, bool again,
          struct wire_reply *reply, struct err *err)
{
	int rc = ask_daemon(at, s->clock, request, again, reply, err);

	if (rc == CR_ENOTFOUND)
		log_debug("no daemon is asked: %s", err->text);
	return rc == CR_OK && reply->code != CR_OK ? err_set(err, reply->code, "%s", reply->text) : rc;
}

static int
check_by_daemon(struct session *s, const struct listen_at *at, const struct gate_request *q, struct gate_answer *out,
                struct err *err)
{
	struct wire_reply reply;
	char store[WIRE_STORE_MAX];
	struct buf request = {0};
	int rc;

	(void)wire_store(s->settings.store, store);
	rc = wire_write_check(q, store, &request, err);
	if (rc == CR_OK)
		rc = by_daemon(s, at, &request, q->dry_run || q->message_id != NULL, &reply, err);
	else if (rc == CR_EPARSE)
		rc = CR_ENOTFOUND;
	if (rc == CR_OK && reply.released)
		rc = err_set(err, CR_EUNKNOWN, "%s: an answer to another question", at->text);
	if (rc == CR_OK)
		*out = reply.gate;
	buf_release(&request);
	return rc;
}

int
cmd_check(struct session *s, int argc, char **argv, struct err *err)
{
	struct gate_request q = {0};
	struct gate_answer a;
	struct gate *gate = NULL;
	struct listen_at at;
	const char *operands[CMD_OPERANDS];
	bool asks;
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = cmd_parse(check_opts, ARRAY_LEN(check_opts), argc, argv, 1, 1,
	               "check MAILBOX --to RCPT [--message-id ID] [--dry-run]", operands, &n, err);
	if (rc != CR_OK || (rc = cmd_need(args.to, "--to RCPT", err)) != CR_OK)
		return rc;
	q = (struct gate_request){
		.mailbox = operands[0], .recipient = args.to, .message_id = args.message_id, .dry_run = args.dry_run};
	if ((rc = want_addresses(&q, err)) != CR_OK || (rc = session_config(s, err)) != CR_OK ||
	    (rc = ask_place(s, &at, &asks, err)) != CR_OK)
		return rc;
	rc = asks ? check_by_daemon(s, &at, &q, &a, err) : CR_ENOTFOUND;
	if (rc == CR_ENOTFOUND) {
		rc = open_gate(s, &q, q.dry_run ? DB_READ : DB_WRITE, &gate, err);
		if (rc != CR_OK)
			return rc;
		rc = gate_ask(gate, &q, &a, err);
	}
	if (rc != CR_OK)
		rc = answer_trouble(s, &q, rc, err);
	else if ((rc = s->json ? print_json(s, &a, NULL, NULL, err) : print_text(s, &a, err)) == CR_OK)
		rc = exit_of(&a);
	gate_drop(&gate);
	return rc;
}

int
cmd_why(struct session *s, int argc, char **argv, struct err *err)
{
	struct gate_finding findings[GATE_TESTS];
	const char *operands[CMD_OPERANDS];
	struct gate_request q = {.dry_run = true};
	struct gate *gate = NULL;
	struct gate_answer a;
	size_t n;
	int rc = cmd_parse(NULL, 0, argc, argv, 2, 2, "why MAILBOX RCPT", operands, &n, err);

	if (rc != CR_OK)
		return rc;
	q.mailbox = operands[0];
	q.recipient = operands[1];
	if ((rc = want_addresses(&q, err)) != CR_OK || (rc = open_gate(s, &q, DB_READ, &gate, err)) != CR_OK)
		goto out;
	rc = gate_explain(gate, &q, findings, &a, err);
	if (rc != CR_OK) {
		rc = answer_trouble(s, &q, rc, err);
		goto out;
	}
	if (s->json)
		rc = print_json(s, &a, findings, q.recipient, err);
	else if ((rc = print_findings(s, findings, err)) == CR_OK &&
	         (rc = print_evidence(s, a.mailbox, q.recipient, err)) == CR_OK)
		rc = print_text(s, &a, err);
	if (rc == CR_OK)
		rc = exit_of(&a);
out:
	gate_drop(&gate);
	return rc;
}

/* Errors as check_by_daemon; *none_out rather than CR_ENOTFOUND, which is an answer here: no such ticket. */
static int
release_by_daemon(struct session *s, const struct listen_at *at, const char *ticket, bool *none_out, struct err *err)
{
	struct wire_reply reply = {0};
	char store[WIRE_STORE_MAX];
	struct buf request = {0};
	int rc;

	(void)wire_store(s->settings.store, store);
	rc = wire_write_release(ticket, store, &request, err);
	if (rc == CR_OK)
		rc = by_daemon(s, at, &request, false, &reply, err);
	*none_out = rc == CR_EPARSE || (rc == CR_ENOTFOUND && reply.code == CR_OK) || reply.code == CR_EAUTH;
	if (rc == CR_OK && !reply.released)
		rc = err_set(err, CR_EUNKNOWN, "%s: an answer to another question", at->text);
	buf_release(&request);
	return rc;
}

static int
release_by_store(struct session *s, const char *ticket, struct err *err)
{
	struct gate *gate = NULL;
	int rc = session_store(s, DB_WRITE, err);

	if (rc == CR_OK)
		rc = cmd_gate(s, &gate, err);
	if (rc == CR_OK)
		rc = gate_release(gate, ticket, err);
	gate_drop(&gate);
	return rc;
}

int
cmd_release(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	struct listen_at at;
	bool asks, none = true;
	size_t n;
	int rc = cmd_parse(NULL, 0, argc, argv, 1, 1, "release TICKET", operands, &n, err);

	if (rc != CR_OK || (rc = session_config(s, err)) != CR_OK || (rc = ask_place(s, &at, &asks, err)) != CR_OK)
		return rc;
	if (asks)
		rc = release_by_daemon(s, &at, operands[0], &none, err);
	if (none)
		rc = release_by_store(s, operands[0], err);
	if (rc != CR_OK)
		return rc;
	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", "released");
		json_out_member(&j, "ticket", operands[0]);
		json_out_close(&j);
	} else {
		buf_addf(&line, "released %s", operands[0]);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc;
}
