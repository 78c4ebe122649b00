/*
 * wire.c - see wire.h.
 */
#include "budget/wire.h"

#include "budget/policy.h"
#include "budget/words.h"

#include "core/db_path.h"
#include "core/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* FNV-1a over the address as it may be shown: both sides have the same configuration, or two stores. */
static bool
name_server(const char *path, char out[WIRE_STORE_MAX])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	char *shown = NULL;

	if (db_path_show(path, &shown, NULL) != CR_OK)
		return false;
	for (const char *p = shown; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	(void)snprintf(out, WIRE_STORE_MAX, "server:%016llx", (unsigned long long)hash);
	free(shown);
	return true;
}

bool
wire_store(const char *path, char out[WIRE_STORE_MAX])
{
	struct stat st;

	out[0] = '\0';
	if (db_path_is_server(path))
		return name_server(path, out);
	if (stat(path, &st) != 0)
		return false;
	(void)snprintf(out, WIRE_STORE_MAX, "%x:%x:%llx", major(st.st_dev), minor(st.st_dev),
	               (unsigned long long)st.st_ino);
	return true;
}

static int
put(struct buf *out, const char *name, const char *value, struct err *err)
{
	if (value == NULL || value[0] == '\0')
		return CR_OK;
	if (strlen(value) > POLICY_VALUE_MAX || strchr(value, '\n') != NULL)
		return err_set(err, CR_EPARSE, "%s: too long for a request, or not one line", name);
	buf_adds(out, name);
	buf_addc(out, '=');
	buf_adds(out, value);
	buf_addc(out, '\n');
	return CR_OK;
}

int
wire_write_check(const struct gate_request *q, const char *store, struct buf *out, struct err *err)
{
	int rc;

	buf_clear(out);
	buf_adds(out, "request=coldrelay_check\n");
	if ((rc = put(out, "mailbox", q->mailbox, err)) != CR_OK ||
	    (rc = put(out, "recipient", q->recipient, err)) != CR_OK ||
	    (rc = put(out, "message_id", q->message_id, err)) != CR_OK ||
	    (rc = put(out, "dry_run", q->dry_run ? "1" : NULL, err)) != CR_OK ||
	    (rc = put(out, "store", store, err)) != CR_OK)
		return rc;
	buf_addc(out, '\n');
	return buf_check(out, "request", err);
}

int
wire_write_release(const char *ticket, const char *store, struct buf *out, struct err *err)
{
	int rc;

	buf_clear(out);
	buf_adds(out, "request=coldrelay_release\n");
	if ((rc = put(out, "ticket", ticket, err)) != CR_OK || (rc = put(out, "store", store, err)) != CR_OK)
		return rc;
	buf_addc(out, '\n');
	return buf_check(out, "request", err);
}

/* Lines stay lines, whatever stands in a message. */
static const char *
one_line(const char *text, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", text);
	for (char *p = out; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return out;
}

void
wire_answer(const struct gate_answer *a, char out[WIRE_ANSWER_MAX])
{
	char mailbox[sizeof(a->mailbox)], message[sizeof(a->message)];

	(void)snprintf(out, WIRE_ANSWER_MAX,
	               "verdict=%s\nreason=%s\nmailbox=%s\nclass=%s\nleft_outbound=%d\nleft_warmup=%d\n"
	               "retry_at_ms=%lld\nticket=%s\nmessage=%s\n\n",
	               words_verdict(a->verdict), a->reason, one_line(a->mailbox, mailbox, sizeof(mailbox)),
	               words_class(a->class), a->left_outbound, a->left_warmup, (long long)a->retry_at_ms, a->ticket,
	               one_line(a->message, message, sizeof(message)));
}

void
wire_answer_released(const char *ticket, char out[WIRE_ANSWER_MAX])
{
	(void)snprintf(out, WIRE_ANSWER_MAX, "released=%.64s\n\n", ticket);
}

void
wire_answer_trouble(int code, const char *text, char out[WIRE_ANSWER_MAX])
{
	char message[ERR_TEXT_MAX];

	(void)snprintf(out, WIRE_ANSWER_MAX, "error=%s\nmessage=%s\n\n", err_code_name(code),
	               one_line(text, message, sizeof(message)));
}

/* Bit i: names[i] of take() was there. */
enum seen {
	SEEN_VERDICT = 1U << 0,
	SEEN_REASON = 1U << 1,
	SEEN_MAILBOX = 1U << 2,
	SEEN_CLASS = 1U << 3,
	SEEN_OUTBOUND = 1U << 4,
	SEEN_WARMUP = 1U << 5,
	SEEN_RETRY = 1U << 6,
	SEEN_TICKET = 1U << 7,
	SEEN_MESSAGE = 1U << 8,
	SEEN_GATE = (1U << 9) - 1,
	SEEN_ERROR = 1U << 9,
	SEEN_RELEASED = 1U << 10,
};

static bool
take_text(const char *value, char *out, size_t size)
{
	size_t len = strlen(value);

	if (len >= size)
		return false;
	memcpy(out, value, len + 1);
	return true;
}

static bool
take_int(const char *value, int *out)
{
	int64_t n;

	if (num_parse(value, INT32_MIN, INT32_MAX, &n, NULL) != CR_OK)
		return false;
	*out = (int)n;
	return true;
}

/* Never CR_OK: an error that nobody can name is one all the same. */
static bool
take_code(const char *value, int *out)
{
	for (int code = CR_EUSAGE; code >= CR_EBUG; code--) {
		if (strcmp(err_code_name(code), value) == 0) {
			*out = code;
			return true;
		}
	}
	return false;
}

static bool
take(const char *name, const char *value, struct wire_reply *r, unsigned *seen)
{
	static const char *const names[] = {"verdict",     "reason", "mailbox", "class", "left_outbound", "left_warmup",
	                                    "retry_at_ms", "ticket", "message", "error", "released"};
	struct gate_answer *a = &r->gate;
	size_t i = 0;

	while (i < ARRAY_LEN(names) && strcmp(names[i], name) != 0)
		i++;
	if (i == ARRAY_LEN(names))
		return true;
	if ((*seen & 1U << i) != 0)
		return false;
	*seen |= 1U << i;
	switch ((enum seen)(1U << i)) {
	case SEEN_VERDICT:
		return words_find_verdict(value, &a->verdict);
	case SEEN_REASON:
		return take_text(value, a->reason, sizeof(a->reason));
	case SEEN_MAILBOX:
		return take_text(value, a->mailbox, sizeof(a->mailbox));
	case SEEN_CLASS:
		return words_find_class(value, &a->class);
	case SEEN_OUTBOUND:
		return take_int(value, &a->left_outbound);
	case SEEN_WARMUP:
		return take_int(value, &a->left_warmup);
	case SEEN_RETRY:
		return num_parse(value, 0, INT64_MAX, &a->retry_at_ms, NULL) == CR_OK;
	case SEEN_TICKET:
		return take_text(value, a->ticket, sizeof(a->ticket));
	case SEEN_MESSAGE:
		return take_text(value, r->text, sizeof(r->text));
	case SEEN_ERROR:
		return take_code(value, &r->code);
	case SEEN_RELEASED:
		r->released = true;
		return true;
	case SEEN_GATE:
		break;
	}
	return false;
}

static int
unreadable(struct err *err)
{
	return err_set(err, CR_EPARSE, "the daemon's answer cannot be read");
}

static int
judge_reply(struct wire_reply *r, unsigned seen, struct err *err)
{
	if ((seen & SEEN_ERROR) != 0)
		return (seen & ~(unsigned)(SEEN_ERROR | SEEN_MESSAGE)) == 0 ? CR_OK : unreadable(err);
	if ((seen & SEEN_RELEASED) != 0)
		return seen == SEEN_RELEASED ? CR_OK : unreadable(err);
	if (seen != SEEN_GATE || !take_text(r->text, r->gate.message, sizeof(r->gate.message)))
		return unreadable(err);
	return CR_OK;
}

int
wire_read(const char *text, size_t len, struct wire_reply *out, struct err *err)
{
	struct wire_reply r = {0};
	char line[ERR_TEXT_MAX + 32];
	unsigned seen = 0;
	size_t at = 0;
	int rc;

	while (at < len && text[at] != '\n') {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - (text + at)) : sizeof(line);
		char *equals;

		if (n >= sizeof(line) || memchr(text + at, '\0', n) != NULL)
			return unreadable(err);
		memcpy(line, text + at, n);
		line[n] = '\0';
		equals = strchr(line, '=');
		if (equals == NULL)
			return unreadable(err);
		*equals = '\0';
		if (!take(line, equals + 1, &r, &seen))
			return unreadable(err);
		at += n + 1;
	}
	if (at + 1 != len)
		return unreadable(err);
	rc = judge_reply(&r, seen, err);
	if (rc == CR_OK)
		*out = r;
	return rc;
}
