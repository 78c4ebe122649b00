/*
 * maillog.c - one line of Postfix's log taken apart, and the table of messages under way.
 *
 *   Nov 25 10:00:01 mx postfix/smtp[71]: 4bX1: to=<li@fabrikam.example>, orig_to=<...>, relay=mx.fabrikam.example[192.0.2.1]:25,
 *     delay=1, delays=..., dsn=5.7.1, status=bounced (host mx.fabrikam.example[192.0.2.1] said: 554 5.7.1 ... (in reply to RCPT TO command))
 *   Nov 25 10:00:00 mx postfix/qmgr[70]: 4bX1: from=<anna@getnorthwind.example>, size=1, nrcpt=1 (queue active)
 *   Nov 25 10:00:00 mx postfix/cleanup[69]: 4bX1: message-id=<1@getnorthwind.example>
 * Source: postfix 3.7, src/global/log_adhoc.c, src/qmgr/qmgr_active.c, src/cleanup/cleanup_message.c.
 */
#include "budget/maillog.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WAYS     4 /* places that one queue id may have */
#define ID_MAX   24
#define TEXT_MAX 512

struct message {
	char id[ID_MAX];
	uint64_t used; /* by which the oldest gives way; 0: free */
	char *sender, *message_id;
};

struct maillog {
	struct message *messages;
	uint64_t clock;
	char line[MAILLOG_LINE_MAX + 1];
	char recipient[TEXT_MAX], host[TEXT_MAX], status[16];
};

int
maillog_open(struct maillog **out, struct err *err)
{
	struct maillog *l = calloc(1, sizeof(*l));

	if (l != NULL)
		l->messages = calloc(MAILLOG_MESSAGES, sizeof(*l->messages));
	if (l == NULL || l->messages == NULL) {
		free(l);
		return err_nomem(err, "the messages of a mail log");
	}
	*out = l;
	return CR_OK;
}

void
maillog_drop(struct maillog **l)
{
	if (*l == NULL)
		return;
	for (size_t i = 0; i < MAILLOG_MESSAGES; i++) {
		free((*l)->messages[i].sender);
		free((*l)->messages[i].message_id);
	}
	free((*l)->messages);
	free(*l);
	*l = NULL;
}

/* ---- messages under way ---- */

static struct message *
set_of(struct maillog *l, const char *id)
{
	uint64_t hash = 1469598103934665603U; /* FNV-1a */

	for (const char *p = id; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * 1099511628211U;
	return &l->messages[hash % (MAILLOG_MESSAGES / WAYS) * WAYS];
}

static struct message *
find_message(struct maillog *l, const char *id)
{
	struct message *set = set_of(l, id);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].used != 0 && strcmp(set[i].id, id) == 0)
			return &set[i];
	return NULL;
}

/* In the place of the one that nobody has spoken of for longest. */
static struct message *
know_message(struct maillog *l, const char *id)
{
	struct message *m = find_message(l, id), *set = set_of(l, id);

	if (m == NULL) {
		m = set;
		for (size_t i = 1; i < WAYS; i++)
			m = set[i].used < m->used ? &set[i] : m;
		free(m->sender);
		free(m->message_id);
		memset(m, 0, sizeof(*m));
		(void)stpcpy(m->id, id);
	}
	m->used = ++l->clock;
	return m;
}

/* ---- one line ---- */

/* "... NAME/PROGRAM[PID]: REST": the program and the rest; NULL: not a line of Postfix.  Host names and syslog_name are anything. */
static char *
after_tag(char *line, const char **program_out)
{
	char *end = strstr(line, "]: "), *tag, *slash, *bracket;

	if (end == NULL)
		return NULL;
	*end = '\0';
	tag = strrchr(line, ' ');
	tag = tag != NULL ? tag + 1 : line;
	slash = strrchr(tag, '/');
	bracket = strrchr(tag, '[');
	if (slash == NULL || bracket == NULL || bracket < slash)
		return NULL;
	*bracket = '\0';
	*program_out = slash + 1;
	return end + 3;
}

static bool
is_queue_id(const char *id, size_t len)
{
	if (len < 5 || len >= ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((id[i] >= '0' && id[i] <= '9') || ((id[i] | 0x20) >= 'a' && (id[i] | 0x20) <= 'z')))
			return false;
	return true;
}

/* text begins with key: what lies between < and its >, which ends the field.  Ended in place; NULL: it does not. */
static char *
bracketed(char *text, const char *key, char **rest_out)
{
	const size_t n = strlen(key);
	char *end;

	if (strncmp(text, key, n) != 0 || text[n] != '<')
		return NULL;
	/* A quoted local part may hold one. */
	for (end = text + n + 1; (end = strchr(end, '>')) != NULL; end++)
		if (end[1] == ',' || end[1] == '\0' || end[1] == ' ')
			break;
	if (end == NULL)
		return NULL;
	*end = '\0';
	*rest_out = end + 1;
	return text + n + 1;
}

/* The field ", key=VALUE" of those before the reason; copied, cut where it must be. */
static void
copy_field(const char *fields, const char *key, char *out, size_t size)
{
	const char *at = strstr(fields, key);
	size_t n = 0;

	if (at != NULL) {
		at += strlen(key);
		n = strcspn(at, ", ");
		n = n < size ? n : size - 1;
		memcpy(out, at, n);
	}
	out[n] = '\0';
}

/* relay=HOST[ADDRESS]:PORT; "none", "local" and the socket of a content filter are no hosts. */
static void
copy_host(const char *fields, char *out, size_t size)
{
	char *bracket;

	copy_field(fields, ", relay=", out, size);
	bracket = strchr(out, '[');
	if (bracket == NULL)
		out[0] = '\0';
	else
		*bracket = '\0';
}

static bool
read_delivery(struct maillog *l, const char *id, char *text, struct maillog_event *out)
{
	char *fields, *state, *reason, *to = bracketed(text, "to=", &fields);
	const struct message *m;
	size_t len;

	/* What the other side said may hold anything, ", status=" too: the first is ours. */
	if (to == NULL || (state = strstr(fields, ", status=")) == NULL)
		return false;
	*state = '\0';
	state += strlen(", status=");
	*out = (struct maillog_event){.temporary = strncmp(state, "deferred ", 9) == 0};
	if (!out->temporary && strncmp(state, "bounced ", 8) != 0)
		return false;
	reason = strchr(state, '(');
	if (reason == NULL)
		return false;
	len = strlen(++reason);
	if (len > 0 && reason[len - 1] == ')')
		reason[len - 1] = '\0';
	copy_host(fields, l->host, sizeof(l->host));
	copy_field(fields, ", dsn=", l->status, sizeof(l->status));
	m = find_message(l, id);
	out->recipient = to;
	out->sender = m != NULL && m->sender != NULL ? m->sender : "";
	out->message_id = m != NULL && m->message_id != NULL ? m->message_id : "";
	out->host = l->host;
	out->status = l->status;
	out->text = reason;
	return true;
}

static void
keep(char **to, const char *text)
{
	free(*to);
	*to = strndup(text, TEXT_MAX);
}

bool
maillog_line(struct maillog *l, const char *line, size_t len, struct maillog_event *out)
{
	const char *program = "";
	char *text, *id, *sender, *rest;
	size_t n;

	len = len < MAILLOG_LINE_MAX ? len : MAILLOG_LINE_MAX;
	for (size_t i = 0; i < len; i++)
		l->line[i] = line[i] == '\0' ? '?' : line[i];
	l->line[len] = '\0';
	id = after_tag(l->line, &program);
	if (id == NULL)
		return false;
	n = strcspn(id, ":");
	if (!is_queue_id(id, n) || id[n] != ':' || id[n + 1] != ' ')
		return false;
	id[n] = '\0';
	text = id + n + 2;
	if (strcmp(program, "cleanup") == 0 && strncmp(text, "message-id=", 11) == 0)
		keep(&know_message(l, id)->message_id, text + 11);
	else if (strcmp(program, "qmgr") == 0 && (sender = bracketed(text, "from=", &rest)) != NULL)
		keep(&know_message(l, id)->sender, sender);
	else
		return read_delivery(l, id, text, out);
	return false;
}
