/*
 * test_schedules.c - many gates on one store, in random and in hostile order, each answer held against the oracle's recount.
 *
 * Every gate has a handle and limits of its own, as a process has.  Between and inside their transactions: clocks that are set,
 * reboots, domains frozen and thawed, recipients suppressed, tickets given back, ids asked again, commits that fail in the middle of
 * a write or of a sync, all handles closed at once.  Half of the moves in time end within a millisecond of the moment when a token
 * returns.
 *
 *   COLDRELAY_STEPS=1000000 COLDRELAY_SEED=7 test_schedules     more of it; a failure names the seed and the step
 */
#include "tests/budget/office.h"
#include "tests/lib/oracle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#define GATES              5
#define BOXES              3
#define RECIPIENTS         12 /* two an organisation; then the mailboxes themselves, which are warm-up */
#define IDS                6
#define MESSAGE_MAX        4
#define ROUND_STEPS        1500
#define KEY(out, id, rcpt) ((void)snprintf(out, sizeof(out), "%s %s", id, rcpt))

/* ---- a disk that fails when it is told to: SQLite, a shared library, finds these before the C library's ---- */

static int disk_fails_in; /* the n-th write or sync from now on; 0: never */
static int disk_errno;

static bool
disk_fails(void)
{
	if (disk_fails_in == 0 || --disk_fails_in != 0)
		return false;
	errno = disk_errno;
	return true;
}

ssize_t
pwrite64(int fd, const void *data, size_t len, __off64_t at)
{
	return disk_fails() ? -1 : syscall(SYS_pwrite64, fd, data, len, at);
}

/* A sync that holds costs nothing: no power is cut here (tests/e2e/powercut.sh does that). */
int
fdatasync(int fd)
{
	(void)fd;
	return disk_fails() ? -1 : 0;
}

/* ---- the world ---- */

struct process {
	struct db *db;
	struct gate *gate;
	struct oracle_rules rules;
};

struct world {
	struct office o; /* its own handle is the one that freezes and suppresses */
	struct process processes[GATES];
	struct oracle oracle;
	uint64_t dice;
	int64_t stepped_ms; /* the wall clock is wrong by that */
	int boots;
	bool tied; /* the gate has seen this boot: from here on a step is no danger */
	bool doubtful;
	bool tenant_frozen;
	enum { OPEN, BY_HAND, BY_ACCOUNT } frozen[2];
	bool org_shut[RECIPIENTS / 2];
	int next_id;
	char lost_id[32]; /* of the question whose answer was lost, until the clock moves; "": none */
	int lost_box, lost_recipient;
};

static const char *const boxes[BOXES] = {ANNA, BEN, CARL};
static const int domain_of[BOXES] = {0, 0, 1};
static const char *const domains[] = {"getnorthwind.example", "trynorthwindnow.example"};

static struct {
	long allowed, waited, refused, repeated, released, lost, unwritten, taken_back, doubts, boundaries, recalled;
} seen;

static uint64_t seed;
static long at_step;

#define demand(what, ...)                                                                                              \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			print_error("seed %llu, step %ld of its round: ", (unsigned long long)seed, at_step);          \
			fail_msg(__VA_ARGS__);                                                                         \
		}                                                                                                      \
	} while (0)

/* Below n. */
static int
pick(struct world *w, int n)
{
	w->dice ^= w->dice << 13;
	w->dice ^= w->dice >> 7;
	w->dice ^= w->dice << 17;
	return (int)((w->dice >> 11) % (uint64_t)n);
}

static int64_t
now_of(struct world *w)
{
	return clock_wall_ms(&w->o.clock.clock) - w->stepped_ms;
}

static const char *
recipient(int n, char out[64])
{
	if (n >= RECIPIENTS)
		return boxes[n - RECIPIENTS];
	(void)snprintf(out, 64, "r%d@org%d.example", n, n / 2);
	return out;
}

/* ---- processes ---- */

static void
process_end(struct process *p)
{
	gate_drop(&p->gate);
	db_drop(&p->db);
}

static void
process_start(struct world *w, struct process *p)
{
	static const int64_t lifetimes_s[] = {0, 0, 0, 1, 3600, 5 * 86400};
	struct gate_limits l = NO_PACE;

	process_end(p);
	if (pick(w, 3) == 0) {
		l.total_per_day = pick(w, 5);
		l.outbound_per_day = pick(w, 3);
		l.warmup_per_day = pick(w, 3);
	}
	l.queue_lifetime_s = lifetimes_s[pick(w, ARRAY_LEN(lifetimes_s))];
	p->db = office_open_store(&w->o, DB_WRITE);
	assert_ok(gate_open(p->db, w->o.vault, &w->o.clock.clock, &l, NULL, &p->gate, &w->o.err), &w->o.err);
	p->rules = (struct oracle_rules){
		.total = l.total_per_day,
		.per_class = {[GATE_OUTBOUND] = l.outbound_per_day, [GATE_WARMUP] = l.warmup_per_day},
		.window_ms = ORACLE_DAY_MS + 1 + l.queue_lifetime_s * 1000,
	};
}

/* Nobody has the store open: whoever comes next reads its log from the start, with what a failed commit left there. */
static void
all_end(struct world *w)
{
	for (int i = 0; i < GATES; i++)
		process_end(&w->processes[i]);
	db_drop(&w->o.db);
	w->o.db = office_open_store(&w->o, DB_WRITE);
	for (int i = 0; i < GATES; i++)
		process_start(w, &w->processes[i]);
}

/* ---- what must be answered ---- */

struct expected {
	enum gate_verdict verdict;
	bool either; /* allow or verdict */
	struct oracle_send *paid;
};

static struct expected
expect(struct world *w, const struct process *p, int box, int rcpt, const char *id)
{
	int class = rcpt < RECIPIENTS ? GATE_OUTBOUND : GATE_WARMUP;
	struct expected e = {.verdict = GATE_WAIT};
	char key[ORACLE_KEY_SIZE], text[64];
	struct oracle_send *s = NULL;

	if (w->oracle.closed[box] || (rcpt < RECIPIENTS && w->org_shut[rcpt / 2])) {
		e.verdict = GATE_REFUSE;
		return e;
	}
	if (w->doubtful)
		return e;
	if (id != NULL) {
		KEY(key, id, recipient(rcpt, text));
		s = oracle_by_key(&w->oracle, box, key);
	}
	if (s != NULL && !s->released && s->at_ms + p->rules.window_ms > now_of(w)) {
		e.paid = s;
		if (!s->unanswered && !s->outdated) {
			e.verdict = GATE_ALLOW;
			return e;
		}
	}
	switch (oracle_room(&w->oracle, &p->rules, box, class, now_of(w))) {
	case ORACLE_FREE:
		e.verdict = GATE_ALLOW;
		break;
	case ORACLE_FULL:
		e.either = e.paid != NULL;
		break;
	case ORACLE_OPEN:
		e.either = true;
		break;
	}
	return e;
}

/* One allow, by one gate: paid before, or a new send. */
static void
note_allow(struct world *w, const struct process *p, const struct expected *e, int box, int rcpt, const char *id,
           const char *ticket)
{
	struct oracle_send send = {.mailbox = box, .class = rcpt < RECIPIENTS ? GATE_OUTBOUND : GATE_WARMUP};
	char text[64];

	if (e->paid != NULL && strcmp(e->paid->ticket, ticket) == 0) {
		demand(!e->paid->unanswered, "an unanswered ticket has no name");
		seen.repeated++;
		return;
	}
	demand(e->paid == NULL || e->either || e->paid->unanswered || e->paid->outdated,
	       "the same question got another ticket: it was charged twice");
	if (e->paid != NULL && e->paid->unanswered) {
		/* Asked again within the same millisecond: found or spent anew, it is this one send. */
		demand(e->paid->at_ms == now_of(w), "this test asked again too late");
		e->paid->unanswered = false;
		(void)snprintf(e->paid->ticket, sizeof(e->paid->ticket), "%s", ticket);
		seen.repeated++;
		return;
	}
	send.at_ms = now_of(w);
	(void)snprintf(send.ticket, sizeof(send.ticket), "%s", ticket);
	if (id != NULL)
		KEY(send.key, id, recipient(rcpt, text));
	(void)oracle_admit(&w->oracle, &p->rules, &send);
	demand(w->oracle.complaint[0] == '\0', "%s", w->oracle.complaint);
	seen.allowed++;
}

static void
note_unanswered(struct world *w, const struct process *p, int box, int rcpt, const char *id)
{
	static int nameless;
	struct oracle_send send = {
		.mailbox = box, .class = rcpt < RECIPIENTS ? GATE_OUTBOUND : GATE_WARMUP, .unanswered = true};
	char text[64];

	send.at_ms = now_of(w);
	(void)snprintf(send.ticket, sizeof(send.ticket), "untold %d", nameless++);
	if (id != NULL)
		KEY(send.key, id, recipient(rcpt, text));
	(void)oracle_admit(&w->oracle, &p->rules, &send);
}

/* The clock is about to move: an id whose answer was lost is not used again, for nobody could say when it was spent. */
static void
forget_lost(struct world *w)
{
	if (w->lost_id[0] != '\0')
		w->next_id += IDS;
	w->lost_id[0] = '\0';
}

static const char *
some_id(struct world *w, char out[32])
{
	int n = pick(w, 4);

	if (n == 0)
		return NULL;
	/* A new one, or one of the last few, whoever had it. */
	if (n == 1)
		w->next_id++;
	(void)snprintf(out, 32, "<%d@x>", w->next_id - (n == 3 ? pick(w, IDS) : 0));
	return out;
}

static int
some_recipient(struct world *w, int box)
{
	int n;

	do
		n = pick(w, 2) ? pick(w, RECIPIENTS) : RECIPIENTS + pick(w, BOXES);
	while (n == RECIPIENTS + box);
	return n;
}

/* ---- asking ---- */

/* From memory: what asking is going to say. */
static bool
recall(const struct process *p, const struct gate_request *q, struct gate_answer *out)
{
	struct gate_words words;
	struct gate_request known = *q;

	known.words = &words;
	return gate_remembers(p->gate, q->mailbox, q->recipient, &words) && gate_recall(p->gate, &known, out);
}

static void
hold_against(const struct gate_answer *known, const struct gate_answer *a)
{
	seen.recalled++;
	demand(known->verdict == a->verdict && known->class == a->class && strcmp(known->reason, a->reason) == 0 &&
	               strcmp(known->message, a->message) == 0 && strcmp(known->mailbox, a->mailbox) == 0 &&
	               known->retry_at_ms == a->retry_at_ms && known->left_outbound == a->left_outbound &&
	               known->left_warmup == a->left_warmup && known->ticket[0] == '\0',
	       "memory said %s (%s), asking %s (%s)", known->reason, known->message, a->reason, a->message);
}

static void
ask(struct world *w, struct process *p, int box, int rcpt, const char *id, bool fail)
{
	struct expected e = expect(w, p, box, rcpt, id);
	char text[64];
	struct gate_request q = {.mailbox = boxes[box], .recipient = recipient(rcpt, text), .message_id = id};
	struct gate_answer a, from_memory;
	struct err err = {0};
	bool known = recall(p, &q, &from_memory);
	int rc;

	disk_fails_in = fail ? 1 + pick(w, 4) : 0;
	disk_errno = pick(w, 2) ? EIO : ENOSPC;
	rc = gate_ask(p->gate, &q, &a, &err);
	disk_fails_in = 0;
	if (rc != CR_OK) {
		demand(fail, "an ask fails by itself: %s", err.text);
		demand(a.verdict == GATE_WAIT && strcmp(a.reason, "store") == 0, "trouble says %s", a.reason);
		if (rc == CR_EUNKNOWN) {
			seen.lost++;
			if (e.verdict == GATE_ALLOW || e.either) {
				if (e.paid == NULL)
					note_unanswered(w, p, box, rcpt, id);
				if (id != NULL) {
					forget_lost(w);
					(void)snprintf(w->lost_id, sizeof(w->lost_id), "%s", id);
					w->lost_box = box;
					w->lost_recipient = rcpt;
				}
			}
		} else {
			seen.unwritten++;
		}
		process_start(w, p);
		return;
	}
	if (known)
		hold_against(&from_memory, &a);
	/* A repeated allow writes nothing, not even the time. */
	w->tied = w->tied || (!w->doubtful && e.paid == NULL);
	if (a.verdict == GATE_ALLOW) {
		demand(e.verdict == GATE_ALLOW || e.either, "allowed, and must not be");
		note_allow(w, p, &e, box, rcpt, id, a.ticket);
		return;
	}
	demand(e.either || a.verdict == e.verdict, "%s, and must be %d: %s", a.reason, e.verdict, a.message);
	if (recall(p, &q, &from_memory))
		hold_against(&from_memory, &a);
	seen.waited += a.verdict == GATE_WAIT;
	seen.refused += a.verdict == GATE_REFUSE;
	seen.doubts += strcmp(a.reason, "clock") == 0;
}

/* ---- one transaction of many messages, each of several recipients ---- */

struct message {
	int box, n, rcpt[MESSAGE_MAX];
	const char *id;
	char id_text[32];
};

/* Walks the recipients as the gate does; what was noted for a message that was not allowed is taken back. */
static void
note_message(struct world *w, struct process *p, const struct message *m, const struct gate_answer *a)
{
	bool allowed = a[0].verdict == GATE_ALLOW, justified = false;
	size_t before = w->oracle.n;

	for (int i = 0; i < m->n; i++) {
		struct expected e = expect(w, p, m->box, m->rcpt[i], m->id);

		demand((a[i].verdict == GATE_ALLOW) == allowed, "of one message some are allowed and some are not");
		/* Paid by a send that may be there or not: nobody can say what is left for the next one. */
		if (!allowed && e.paid != NULL && (e.paid->unanswered || e.paid->outdated))
			justified = true;
		if (e.either || e.verdict != GATE_ALLOW) {
			justified = true;
			demand(!allowed || e.either, "a message was allowed, and must not be");
		}
		if (allowed) {
			note_allow(w, p, &e, m->box, m->rcpt[i], m->id, a[i].ticket);
		} else if (justified) {
			break;
		} else if (e.paid == NULL) {
			note_unanswered(w, p, m->box, m->rcpt[i], m->id);
			w->oracle.sends[w->oracle.n - 1].unanswered = false;
		}
	}
	if (allowed)
		return;
	oracle_rewind(&w->oracle, before);
	demand(justified, "a message of %d was not allowed (%s), and every recipient must be", m->n, a[0].reason);
}

/* While one process holds the transaction: nobody else is let in, and everybody may look. */
static void
intrude(struct world *w, const struct process *holder)
{
	struct process *p = &w->processes[pick(w, GATES)];
	struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .dry_run = pick(w, 2)};
	struct gate_answer a;
	int rc;

	if (p == holder)
		return;
	forget_lost(w);
	rc = gate_ask(p->gate, &q, &a, NULL);
	if (q.dry_run)
		demand(rc == CR_OK && a.ticket[0] == '\0', "somebody who only looks is held up");
	else
		demand(rc == CR_ERETRY && a.verdict == GATE_WAIT, "two processes write at once");
}

static void
ask_message(struct world *w, struct process *p, struct message *m)
{
	struct gate_request q[MESSAGE_MAX];
	struct gate_answer a[MESSAGE_MAX];
	char text[MESSAGE_MAX][64];
	struct err err = {0};

	m->box = pick(w, BOXES);
	m->n = 1 + (pick(w, 2) ? pick(w, MESSAGE_MAX) : 0);
	m->id = some_id(w, m->id_text);
	for (int i = 0; i < m->n; i++) {
		m->rcpt[i] = some_recipient(w, m->box);
		q[i] = (struct gate_request){
			.mailbox = boxes[m->box], .recipient = recipient(m->rcpt[i], text[i]), .message_id = m->id};
	}
	assert_ok(gate_ask_in(p->gate, q, (size_t)m->n, a, &err), &err);
	note_message(w, p, m, a);
}

static void
batch(struct world *w, struct process *p)
{
	size_t before = w->oracle.n;
	struct err err = {0};
	struct message m;
	int end, rc, n = 1 + pick(w, 6);

	assert_ok(gate_begin(p->gate, &err), &err);
	for (int i = 0; i < n; i++) {
		if (pick(w, 8) == 0)
			intrude(w, p);
		ask_message(w, p, &m);
	}
	end = pick(w, 10);
	if (end == 0) {
		gate_rollback(p->gate);
		oracle_rewind(&w->oracle, before);
		seen.taken_back++;
		return;
	}
	if (end < 3) {
		disk_fails_in = 1 + pick(w, 4);
		disk_errno = EIO;
	}
	rc = gate_commit(p->gate, &err);
	disk_fails_in = 0;
	if (rc == CR_OK)
		return;
	demand(end < 3, "a commit fails by itself: %s", err.text);
	if (rc == CR_EUNKNOWN) {
		for (size_t i = before; i < w->oracle.n; i++)
			w->oracle.sends[i].unanswered = true;
		/* Nobody asks with these ids again: once the clock has moved, nobody could say when it was spent. */
		w->next_id += IDS;
		seen.lost++;
	} else {
		oracle_rewind(&w->oracle, before);
		seen.unwritten++;
	}
	process_start(w, p);
}

/* ---- the rest of the world ---- */

static void
release_one(struct world *w, struct process *p)
{
	struct oracle_send *s;
	struct err err = {0};
	bool live;
	int rc;

	if (w->oracle.n == 0 || w->doubtful)
		return;
	s = &w->oracle.sends[w->oracle.n - 1 - (size_t)pick(w, w->oracle.n < 6 ? (int)w->oracle.n : 6)];
	if (s->unanswered)
		return;
	live = !s->released && s->at_ms + p->rules.window_ms > now_of(w);
	/* A token is given back when the millisecond of its spend is over: the clock may move. */
	forget_lost(w);
	rc = gate_release(p->gate, s->ticket, &err);
	demand(rc == CR_OK || rc == CR_ENOTFOUND, "release: %s", err.text);
	demand(live || rc == CR_ENOTFOUND, "ticket %s was taken back %s", s->ticket,
	       s->released ? "twice" : "after its time");
	demand(!live || s->outdated || rc == CR_OK, "a live ticket is not taken back: %s", err.text);
	if (rc == CR_OK) {
		s->released = true;
		seen.released++;
	}
}

static void
note_frozen(struct world *w)
{
	for (int b = 0; b < BOXES; b++)
		w->oracle.closed[b] = w->tenant_frozen || w->frozen[domain_of[b]] != OPEN;
}

static void
contain_one(struct world *w)
{
	int d = pick(w, 2);

	switch (pick(w, 6)) {
	case 0:
		CHANGE(&w->o, contain_freeze, domains[d], "manual", "test");
		if (w->frozen[d] == OPEN)
			w->frozen[d] = BY_HAND;
		break;
	case 1:
		if (pick(w, 3) != 0 || w->tenant_frozen)
			break;
		CHANGE(&w->o, contain_freeze_tenant, TENANT, "account", "test");
		w->tenant_frozen = true;
		for (d = 0; d < 2; d++)
			if (w->frozen[d] == OPEN)
				w->frozen[d] = BY_ACCOUNT;
		break;
	case 2:
		if (!w->tenant_frozen)
			break;
		CHANGE(&w->o, contain_thaw_tenant, TENANT, "test");
		w->tenant_frozen = false;
		for (d = 0; d < 2; d++)
			if (w->frozen[d] == BY_ACCOUNT)
				w->frozen[d] = OPEN;
		break;
	default:
		for (d = 0; d < 2; d++) {
			if (w->frozen[d] != BY_HAND)
				continue;
			CHANGE(&w->o, contain_thaw, domains[d], "test");
			w->frozen[d] = OPEN;
		}
	}
	note_frozen(w);
}

static void
suppress_one(struct world *w)
{
	int org = pick(w, RECIPIENTS / 2);
	struct suppress_entry e = {.scope = TENANT, .reason = "test", .source = "manual"};
	char what[64];
	bool added;

	(void)snprintf(what, sizeof(what), "org%d.example", org);
	e.what = what;
	if (w->org_shut[org])
		CHANGE(&w->o, suppress_lift, TENANT, what, "test", "a letter");
	else
		CHANGE(&w->o, suppress_add, &e, &added);
	w->org_shut[org] = !w->org_shut[org];
}

/* To within a millisecond of the moment when somebody's token returns, if that lies ahead. */
static int64_t
boundary(struct world *w)
{
	const struct oracle_send *s;
	int64_t ms;

	if (w->oracle.n == 0)
		return 1;
	s = &w->oracle.sends[w->oracle.n - 1 - (size_t)pick(w, w->oracle.n < 6 ? (int)w->oracle.n : 6)];
	ms = s->at_ms + w->processes[pick(w, GATES)].rules.window_ms + pick(w, 3) - 2 - now_of(w);
	if (ms <= 0)
		return pick(w, 3);
	seen.boundaries++;
	return ms;
}

static void
pass_time(struct world *w)
{
	static const int scales_ms[] = {2, 1000, (int)HOUR_MS, (int)(10 * HOUR_MS)};

	/* Whoever lost an answer asks again at once, or never. */
	if (w->lost_id[0] != '\0' && pick(w, 3) != 0)
		ask(w, &w->processes[pick(w, GATES)], w->lost_box, w->lost_recipient, w->lost_id, false);
	forget_lost(w);
	fake_clock_advance(&w->o.clock, pick(w, 2) ? boundary(w) : pick(w, scales_ms[pick(w, ARRAY_LEN(scales_ms))]));
}

static void
turn_clock(struct world *w)
{
	int64_t ms = (pick(w, 200) - 100) * HOUR_MS;
	char boot[24];

	if (w->doubtful) {
		/* The network puts it right. */
		fake_clock_step(&w->o.clock, -w->stepped_ms);
		w->stepped_ms = 0;
		w->doubtful = false;
		return;
	}
	if (pick(w, 3) != 0) {
		/* Before the first question of a boot nobody can tell a step from the truth. */
		if (!w->tied)
			return;
		fake_clock_step(&w->o.clock, ms);
		w->stepped_ms += ms;
		return;
	}
	forget_lost(w);
	(void)snprintf(boot, sizeof(boot), "boot-%d", ++w->boots + 1);
	/* It comes up right, or far behind because its battery is empty. */
	w->doubtful = pick(w, 3) == 0;
	ms = w->doubtful ? -400 * DAY_MS : 0;
	fake_clock_step(&w->o.clock, ms - w->stepped_ms);
	w->stepped_ms = ms;
	fake_clock_reboot(&w->o.clock, boot, pick(w, (int)HOUR_MS));
	w->tied = false;
}

static void
take_step(struct world *w)
{
	struct process *p = &w->processes[pick(w, GATES)];
	int box = pick(w, BOXES);
	char id[32];

	switch (pick(w, 20)) {
	case 0:
		turn_clock(w);
		break;
	case 1:
		contain_one(w);
		break;
	case 2:
		suppress_one(w);
		break;
	case 3:
		release_one(w, p);
		break;
	case 4:
		if (pick(w, 8) == 0)
			all_end(w);
		else
			process_start(w, p);
		break;
	case 5:
		ask(w, p, box, some_recipient(w, box), some_id(w, id), true);
		break;
	case 6:
	case 7:
	case 8:
		batch(w, p);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		pass_time(w);
		break;
	default:
		ask(w, p, box, some_recipient(w, box), some_id(w, id), false);
	}
}

static void
play_round(long steps)
{
	struct world w = {.dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .next_id = IDS};

	office_open(&w.o, NO_PACE);
	gate_drop(&w.o.gate);
	for (int i = 0; i < GATES; i++)
		process_start(&w, &w.processes[i]);
	for (at_step = 0; at_step < steps; at_step++)
		take_step(&w);
	oracle_recount(&w.oracle);
	demand(w.oracle.complaint[0] == '\0', "%s", w.oracle.complaint);
	for (int i = 0; i < GATES; i++)
		process_end(&w.processes[i]);
	oracle_release(&w.oracle);
	office_close(&w.o);
}

static long
number_from(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

static void
gate__keeps_its_promise_under_every_schedule(void **state)
{
	long steps = number_from("COLDRELAY_STEPS", 30000);

	(void)state;
	seed = (uint64_t)number_from("COLDRELAY_SEED", 1);
	for (; steps > 0; steps -= ROUND_STEPS, seed++)
		play_round(steps < ROUND_STEPS ? steps : ROUND_STEPS);
	print_message(
		"allowed %ld, repeated %ld, waited %ld, refused %ld, released %ld, answers lost %ld, not written %ld, "
		"taken back %ld, clock in doubt %ld, to the millisecond %ld, recalled %ld\n",
		seen.allowed, seen.repeated, seen.waited, seen.refused, seen.released, seen.lost, seen.unwritten,
		seen.taken_back, seen.doubts, seen.boundaries, seen.recalled);
}

/* A schedule that never comes near the edge proves nothing. */
static void
schedules__came_near_every_edge(void **state)
{
	(void)state;
	assert_true(seen.allowed > 500 && seen.repeated > 200 && seen.waited > 500 && seen.refused > 500);
	assert_true(seen.released > 100 && seen.lost > 20 && seen.unwritten > 20 && seen.taken_back > 20);
	assert_true(seen.doubts > 20 && seen.boundaries > 500);
	/* A server has to be asked. */
	assert_true(seen.recalled > 200 || store_server() != NULL);
}

int
main(void)
{
	struct CMUnitTest tests[4];
	size_t n = 0;

	TEST(tests, n, gate__keeps_its_promise_under_every_schedule);
	TEST(tests, n, schedules__came_near_every_edge);
	return rows_run("budget/schedules", tests, n);
}
