/*
 * handle.c - the functions of coldrelay/gate.h: what a caller hands in is checked, what goes out begins as wait.
 *
 * Nothing here prints, exits, handles a signal or keeps state outside a handle.
 *
 * fork(2): SQLite's connection, and the locks of its open files, do not survive being used on both sides of one.  Two marks tell a
 * child: a page that the kernel clears in it (madvise(2) MADV_WIPEONFORK), and the process id, for kernels that do not.  The id
 * alone would not do: the first process of a new pid namespace may have its parent's number.
 */
#include "library/handle.h"

#include "budget/settings.h"
#include "core/session.h"
#include "core/version.h"
#include "library/turns.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MARK       1
#define SIZE_LIMIT 65536 /* of a structure, whatever the version */

/* What programs were compiled with stays as it is: fields are added at the end, and only there. */
#if defined(__LP64__)
static_assert(sizeof(struct coldrelay_gate_limits) == 64, "limits of COLDRELAY_GATE_1");
static_assert(sizeof(struct coldrelay_gate_options) == 48, "options of COLDRELAY_GATE_1");
static_assert(sizeof(struct coldrelay_gate_request) == 40, "request of COLDRELAY_GATE_1");
static_assert(sizeof(struct coldrelay_gate_answer) == 360, "answer of COLDRELAY_GATE_1");
#endif
/* The least a caller may hand in: the size of the first version. */
#define LIMITS_MIN  sizeof(struct coldrelay_gate_limits)
#define OPTIONS_MIN sizeof(struct coldrelay_gate_options)
#define REQUEST_MIN sizeof(struct coldrelay_gate_request)
#define ANSWER_MIN  sizeof(struct coldrelay_gate_answer)

struct coldrelay_gate {
	struct session session;
	struct gate *gate;
	struct turns *turns;
	unsigned char *mark; /* a page of its own: MARK, or 0 in a child */
	size_t mark_bytes;
	pid_t pid;
};

static const char not_at_home[] = "the handle belongs to the process before the fork";

/* ---- codes and texts ---- */

static int
code_of(int rc)
{
	switch (rc) {
	case CR_OK:
		return COLDRELAY_GATE_OK;
	case CR_EUSAGE:
		return COLDRELAY_GATE_EUSAGE;
	case CR_ECONFIG:
	case CR_EAUTH:
	case CR_EREFUSED:
		return COLDRELAY_GATE_ECONFIG;
	case CR_ENOTFOUND:
		return COLDRELAY_GATE_ENOTFOUND;
	case CR_ERETRY:
		return COLDRELAY_GATE_EBUSY;
	case CR_EPARSE:
		return COLDRELAY_GATE_EADDRESS;
	case CR_ECONFLICT:
	case CR_ESTORE:
	case CR_EIO:
		return COLDRELAY_GATE_ESTORE;
	case CR_EUNKNOWN:
		return COLDRELAY_GATE_EUNKNOWN;
	case CR_ENOMEM:
		return COLDRELAY_GATE_ENOMEM;
	default:
		return COLDRELAY_GATE_EBUG;
	}
}

static void
tell(char *error, size_t error_size, const char *text)
{
	if (error != NULL && error_size > 0)
		(void)snprintf(error, error_size, "%s", text);
}

/* Return code, with a text of this file's own. */
static int
fail(int code, const char *text, char *error, size_t error_size)
{
	tell(error, error_size, text);
	return code;
}

/* The end of every call that reached the rooms below. */
static int
finish(int rc, const struct err *err, char *error, size_t error_size)
{
	tell(error, error_size, rc == CR_OK ? "" : err->text[0] != '\0' ? err->text : err_code_name(rc));
	return code_of(rc);
}

/* A thread that ended in the middle of a call would leave the others waiting for it. */
static int
hold_cancel(void)
{
	int old = PTHREAD_CANCEL_ENABLE;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	return old;
}

static void
give_cancel(int old)
{
	(void)pthread_setcancelstate(old, NULL);
}

/* ---- structures that grow ---- */

/*
 * Copy a caller's structure of given bytes over one of known bytes that holds the defaults.  False: it is smaller than any version
 * was, or sets something that only a newer library knows.
 */
static bool
take_struct(void *to, size_t known, const void *from, size_t given, size_t least)
{
	if (given < least)
		return false;
	for (size_t i = known; i < given; i++)
		if (((const char *)from)[i] != 0)
			return false;
	memcpy(to, from, given < known ? given : known);
	return true;
}

static void
put_answer(const struct coldrelay_gate_answer *a, void *to, size_t given)
{
	const size_t known = sizeof(*a);

	memcpy(to, a, given < known ? given : known);
	if (given > known)
		memset((char *)to + known, 0, given - known);
	memcpy(to, &given, sizeof(given));
}

static void
copy_text(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

/* Written before anything can go wrong, and again when it did. */
static void
put_trouble(struct coldrelay_gate_answer *answers, size_t n, size_t stride, const char *text)
{
	struct coldrelay_gate_answer a = {.verdict = COLDRELAY_GATE_WAIT};

	copy_text(a.reason, sizeof(a.reason), "error");
	copy_text(a.message, sizeof(a.message), text);
	for (size_t i = 0; i < n; i++)
		put_answer(&a, (char *)answers + i * stride, stride);
}

static void
put_answers(const struct gate_answer *from, struct coldrelay_gate_answer *answers, size_t n, size_t stride)
{
	static const int verdicts[] = {
		[GATE_ALLOW] = COLDRELAY_GATE_ALLOW,
		[GATE_WAIT] = COLDRELAY_GATE_WAIT,
		[GATE_REFUSE] = COLDRELAY_GATE_REFUSE,
	};
	static_assert(ARRAY_LEN(verdicts) == GATE_VERDICT__COUNT, "a number for every verdict");

	for (size_t i = 0; i < n; i++) {
		struct coldrelay_gate_answer a = {
			.verdict = verdicts[from[i].verdict],
			.mail_class = from[i].class == GATE_WARMUP ? COLDRELAY_GATE_WARMUP : COLDRELAY_GATE_OUTBOUND,
			.left_outbound = from[i].left_outbound,
			.left_warmup = from[i].left_warmup,
			.retry_at_ms = from[i].retry_at_ms,
		};

		copy_text(a.reason, sizeof(a.reason), from[i].reason);
		copy_text(a.ticket, sizeof(a.ticket), from[i].ticket);
		copy_text(a.message, sizeof(a.message), from[i].message);
		put_answer(&a, (char *)answers + i * stride, stride);
	}
}

/* ---- opening ---- */

/* The first finding is what a caller can show in a line; how many there are tells that a look at the file is needed. */
static int
refuse_faults(const struct cfg *cfg, struct err *err)
{
	const char *text = cfg_faults(cfg);
	const size_t n = cfg_fault_count(cfg);

	if (n == 0)
		return CR_OK;
	return err_set(err, CR_ECONFIG, "%.*s (%zu fault%s)", (int)strcspn(text, "\n"), text, n, n == 1 ? "" : "s");
}

static int
replace_text(char **at, const char *text, struct err *err)
{
	char *copy = strdup(text);

	if (copy == NULL)
		return err_nomem(err, "options");
	free(*at);
	*at = copy;
	return CR_OK;
}

static int
set_peers(struct cfg_list *list, const char *const *peers, struct err *err)
{
	size_t n = 0;
	int rc = CR_OK;

	while (peers[n] != NULL)
		n++;
	list->items = calloc(n + 1, sizeof(*list->items));
	if (list->items == NULL)
		return err_nomem(err, "options");
	for (; rc == CR_OK && list->n < n; list->n++)
		rc = replace_text(&list->items[list->n], peers[list->n], err);
	return rc;
}

/* A configuration in which nothing is set but what the options say: whatever has a default there has it here. */
static int
read_options(struct session *s, const struct coldrelay_gate_options *o, struct err *err)
{
	struct coldrelay_gate_limits l = COLDRELAY_GATE_LIMITS_INIT;
	int rc;

	if (o->limits != NULL && !take_struct(&l, sizeof(l), o->limits, o->limits->size, LIMITS_MIN))
		return err_set(err, CR_EUSAGE, "limits: wrong size, or more than this library knows");
	if ((rc = cfg_open_text("", "options", &s->cfg, err)) != CR_OK || (rc = session_read(s, err)) != CR_OK ||
	    (rc = replace_text(&s->settings.store, o->store, err)) != CR_OK ||
	    (rc = replace_text(&s->settings.key_file, o->key_file, err)) != CR_OK)
		return rc;
	s->settings.limits.total = l.total;
	s->settings.limits.outbound = l.outbound;
	s->settings.limits.warmup = l.warmup;
	s->settings.limits.org_per_hour = l.org_per_hour;
	s->settings.limits.org_per_day = l.org_per_day;
	s->settings.limits.mailbox_gap_s = l.mailbox_gap_s;
	s->settings.limits.queue_lifetime_s = l.queue_lifetime_s;
	return o->warmup_peers != NULL ? set_peers(&s->settings.warmup_peers, o->warmup_peers, err) : CR_OK;
}

static int
read_settings(struct session *s, const struct coldrelay_gate_options *o, struct err *err)
{
	int rc;

	if ((o->store != NULL) != (o->key_file != NULL))
		return err_set(err, CR_EUSAGE, "options: store and key_file go together");
	if (o->store == NULL && (o->limits != NULL || o->warmup_peers != NULL))
		return err_set(err, CR_EUSAGE, "options: a configuration has its own limits and peers");
	if (o->store != NULL && o->config != NULL)
		return err_set(err, CR_EUSAGE, "options: either a configuration, or store and key_file");
	s->findings_told = true; /* by us, in the error: nothing is printed */
	if (o->store != NULL)
		return read_options(s, o, err);
	s->config_path = session_find_config(o->config);
	rc = session_read(s, err);
	s->config_path = NULL; /* the caller's, and only for now */
	return rc == CR_OK ? refuse_faults(s->cfg, err) : rc;
}

static int
make_mark(struct coldrelay_gate *g, struct err *err)
{
	const long page = sysconf(_SC_PAGESIZE);
	void *p;

	g->pid = getpid();
	g->mark_bytes = page > 0 ? (size_t)page : 4096;
	p = mmap(NULL, g->mark_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_nomem(err, "gate");
	g->mark = p;
	*g->mark = MARK;
	/* Not known before Linux 4.14: the process id has to do there. */
	(void)madvise(p, g->mark_bytes, MADV_WIPEONFORK);
	return CR_OK;
}

static bool
is_at_home(const struct coldrelay_gate *g)
{
	return *g->mark == MARK && g->pid == getpid();
}

static void
free_handle(struct coldrelay_gate *g)
{
	if (g == NULL)
		return;
	turns_drop(&g->turns);
	gate_drop(&g->gate);
	session_release(&g->session);
	if (g->mark != NULL)
		(void)munmap(g->mark, g->mark_bytes);
	free(g);
}

static int
open_handle(const struct coldrelay_gate_options *options, const struct clock *clock, struct coldrelay_gate **out,
            struct err *err)
{
	struct coldrelay_gate_options o = COLDRELAY_GATE_OPTIONS_INIT;
	struct coldrelay_gate *g = NULL;
	int rc;

	if (options != NULL && !take_struct(&o, sizeof(o), options, options->size, OPTIONS_MIN))
		return err_set(err, CR_EUSAGE, "options: wrong size, or more than this library knows");
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		return err_nomem(err, "gate");
	g->session.clock = clock;
	if ((rc = make_mark(g, err)) == CR_OK && (rc = read_settings(&g->session, &o, err)) == CR_OK &&
	    (rc = session_store(&g->session, DB_WRITE, err)) == CR_OK &&
	    (rc = settings_gate(&g->session, &g->gate, err)) == CR_OK &&
	    (rc = turns_open(g->gate, g->session.db, &g->turns, err)) == CR_OK)
		*out = TAKE(g);
	free_handle(g);
	return rc;
}

int
handle_open(const struct coldrelay_gate_options *options, const struct clock *clock, struct coldrelay_gate **gate_out,
            char *error, size_t error_size)
{
	struct err err = {0};
	int cancel, rc;

	if (gate_out == NULL)
		return fail(COLDRELAY_GATE_EUSAGE, "nowhere to put the handle", error, error_size);
	*gate_out = NULL;
	cancel = hold_cancel();
	rc = open_handle(options, clock, gate_out, &err);
	give_cancel(cancel);
	return finish(rc, &err, error, error_size);
}

int
coldrelay_gate_open(const struct coldrelay_gate_options *options, struct coldrelay_gate **gate_out, char *error,
                    size_t error_size)
{
	return handle_open(options, clock_system(), gate_out, error, error_size);
}

/* A child has no right to the open files: closing them there would take locks away under the parent. */
void
coldrelay_gate_close(struct coldrelay_gate *gate)
{
	int cancel;

	if (gate == NULL || !is_at_home(gate))
		return;
	cancel = hold_cancel();
	free_handle(gate);
	give_cancel(cancel);
}

/* ---- asking ---- */

/* The requests of one message as the gate wants them; on the heap, since there may be many. */
struct message {
	struct gate_request *requests;
	struct gate_answer *answers;
	size_t n;
	bool dry_run;
};

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static int
read_requests(const struct coldrelay_gate_request *requests, size_t n, struct message *m, struct err *err)
{
	const size_t stride = requests->size;

	m->requests = calloc(n, sizeof(*m->requests));
	m->answers = calloc(n, sizeof(*m->answers));
	if (m->requests == NULL || m->answers == NULL)
		return err_nomem(err, "gate");
	m->n = n;
	for (size_t i = 0; i < n; i++) {
		struct coldrelay_gate_request r = COLDRELAY_GATE_REQUEST_INIT;
		const void *from = (const char *)requests + i * stride;

		memcpy(&r.size, from, sizeof(r.size));
		if (r.size != stride || !take_struct(&r, sizeof(r), from, stride, REQUEST_MIN))
			return err_set(err, CR_EUSAGE, "request %zu: wrong size, or more than this library knows", i);
		if (r.mailbox == NULL || r.recipient == NULL || r.reserved != 0)
			return err_set(err, CR_EUSAGE, "request %zu: mailbox and recipient are needed, reserved is 0",
			               i);
		m->requests[i] = (struct gate_request){
			.mailbox = r.mailbox, .recipient = r.recipient, .message_id = r.message_id};
		if (i == 0)
			m->dry_run = r.dry_run != 0;
		if (m->dry_run != (r.dry_run != 0) || !same_text(r.mailbox, m->requests[0].mailbox) ||
		    !same_text(r.message_id, m->requests[0].message_id))
			return err_set(err, CR_EUSAGE, "request %zu: not of the same message as the first", i);
	}
	return CR_OK;
}

static void
release_message(struct message *m)
{
	free(m->requests);
	free(m->answers);
}

/* Several recipients count against each other, so a trial of them spends, looks, and takes everything back. */
static int
try_message(struct gate *gate, void *arg, struct err *err)
{
	struct message *m = arg;
	int rc;

	if (m->n == 1) {
		m->requests[0].dry_run = true;
		return gate_ask(gate, m->requests, m->answers, err);
	}
	if ((rc = gate_begin(gate, err)) != CR_OK)
		return rc;
	rc = gate_ask_in(gate, m->requests, m->n, m->answers, err);
	gate_rollback(gate);
	for (size_t i = 0; i < m->n; i++)
		m->answers[i].ticket[0] = '\0';
	return rc;
}

static int
ask(struct coldrelay_gate *gate, const struct coldrelay_gate_request *requests, size_t n,
    struct coldrelay_gate_answer *answers, size_t stride, struct err *err)
{
	struct message m = {0};
	int rc = read_requests(requests, n, &m, err);

	if (rc == CR_OK)
		rc = m.dry_run ? turns_alone(gate->turns, try_message, &m, err)
		               : turns_ask(gate->turns, m.requests, n, m.answers, err);
	if (rc == CR_OK)
		put_answers(m.answers, answers, n, stride);
	release_message(&m);
	return rc;
}

/* All answers say the same size, and are at least what the first version was. */
static bool
can_answer(const struct coldrelay_gate_answer *answers, size_t n, size_t stride)
{
	if (stride < ANSWER_MIN || stride > SIZE_LIMIT)
		return false;
	for (size_t i = 1; i < n; i++) {
		size_t size;

		memcpy(&size, (const char *)answers + i * stride, sizeof(size));
		if (size != stride)
			return false;
	}
	return true;
}

int
coldrelay_gate_ask_many(struct coldrelay_gate *gate, const struct coldrelay_gate_request *requests, size_t n,
                        struct coldrelay_gate_answer *answers, char *error, size_t error_size)
{
	struct err err = {0};
	size_t stride;
	int why = COLDRELAY_GATE_OK, cancel, rc;

	if (answers == NULL || n == 0 || n > COLDRELAY_GATE_RECIPIENTS_MAX)
		return fail(COLDRELAY_GATE_EUSAGE, "no answer to write to, or no number of recipients", error,
		            error_size);
	stride = answers->size;
	if (!can_answer(answers, n, stride))
		return fail(COLDRELAY_GATE_EUSAGE, "answer: wrong size", error, error_size);
	if (gate == NULL || requests == NULL || requests->size < REQUEST_MIN || requests->size > SIZE_LIMIT)
		why = COLDRELAY_GATE_EUSAGE;
	else if (!is_at_home(gate))
		why = COLDRELAY_GATE_EFORK;
	if (why != COLDRELAY_GATE_OK) {
		const char *text =
			why == COLDRELAY_GATE_EFORK ? not_at_home : "no handle, no request, or a request of wrong size";

		put_trouble(answers, n, stride, text);
		return fail(why, text, error, error_size);
	}
	cancel = hold_cancel();
	rc = ask(gate, requests, n, answers, stride, &err);
	give_cancel(cancel);
	if (rc != CR_OK)
		put_trouble(answers, n, stride, err.text);
	return finish(rc, &err, error, error_size);
}

int
coldrelay_gate_ask(struct coldrelay_gate *gate, const struct coldrelay_gate_request *request,
                   struct coldrelay_gate_answer *answer, char *error, size_t error_size)
{
	return coldrelay_gate_ask_many(gate, request, 1, answer, error, error_size);
}

static int
release_ticket(struct gate *gate, void *arg, struct err *err)
{
	return gate_release(gate, arg, err);
}

int
coldrelay_gate_release(struct coldrelay_gate *gate, const char *ticket, char *error, size_t error_size)
{
	struct err err = {0};
	char text[64];
	int cancel, rc;

	if (gate == NULL || ticket == NULL)
		return fail(COLDRELAY_GATE_EUSAGE, "no handle, or no ticket", error, error_size);
	if (!is_at_home(gate))
		return fail(COLDRELAY_GATE_EFORK, not_at_home, error, error_size);
	if (snprintf(text, sizeof(text), "%s", ticket) >= (int)sizeof(text))
		return fail(COLDRELAY_GATE_ENOTFOUND, "no such ticket: it is too long", error, error_size);
	cancel = hold_cancel();
	rc = turns_alone(gate->turns, release_ticket, text, &err);
	give_cancel(cancel);
	return finish(rc, &err, error, error_size);
}

const char *
coldrelay_gate_version(void)
{
	return COLDRELAY_VERSION;
}
