/*
 * round.c - see round.h.
 *
 * Three phases: requests are read into a list; the list is decided in order, in one transaction; answers exist after its commit.
 * After a failure of the store the rest of a round is not tried: each attempt may wait long for the store's lock.
 */
#include "budget/round.h"

#include "budget/clockwork.h"
#include "budget/judge.h"
#include "budget/listen.h"

#include "core/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct waiting {
	void *who;
	int64_t asked_us;
	bool spends;
	bool answered; /* without the gate */
	bool unknown;  /* nobody knows what became of it: no answer */
	char *bytes;   /* of the request; a round that rests holds none */
	struct policy_request request;
	struct judge_words words;
	struct judgement judgement;
};

/* What twins have in common. */
struct court {
	struct gate *gate;
	struct db *db;
	const struct clock *clock;
	struct judge *judge;
	char store[WIRE_STORE_MAX]; /* the file that was opened; "": the store is none */
	struct stat file;           /* the same, where it is one */
	bool store_gone;            /* and that was said */
};

struct round {
	struct court *court;
	bool is_twin;
	struct metrics *metrics;
	struct buf lines; /* of the log */
	bool begun;
	struct err trouble;   /* code CR_OK: none in this round */
	struct err broken;    /* code CR_OK: the outcome of each commit was known */
	bool may_leave, left; /* its sync, also of a commit that failed */
	/* for the metrics, which are not the deciding thread's to touch */
	uint64_t store_errors, released;
	size_t n_synced;
	int64_t synced_us;

	struct waiting list[ROUND_MAX];
	size_t n;
};

/* For measuring only; what is decided goes by the gate's own time. */
static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The transaction did not hold, or never began: what it was to write is deferred, and known not to be written. */
static void
failed(struct round *r, const struct err *why)
{
	r->trouble = *why;
	r->store_errors++;
	log_error("the store: %s", why->text);
	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].spends && !r->list[i].answered)
			judge_trouble(&r->list[i].request, why, &r->list[i].judgement);
	}
}

/* It may be in the store or not: say nothing, be asked again with the same instance. */
static void
unknown(struct round *r, const struct err *why)
{
	r->store_errors++;
	log_error("no answer to the questions of this round: %s", why->text);
	r->broken = *why;
	for (size_t i = 0; i < r->n; i++)
		r->list[i].unknown = r->list[i].spends && !r->list[i].answered;
}

/*
 * A file that was deleted or replaced is still open here, and would take spends that nobody else sees.  Looked at in every round,
 * after its commit: then no answer leaves that only the old file knows of.
 */
static bool
is_same_file(const struct round *r)
{
	const struct court *c = r->court;
	struct stat now;

	return c->store[0] == '\0' || db_is_server(c->db) ||
	       (stat(db_path(c->db), &now) == 0 && now.st_dev == c->file.st_dev && now.st_ino == c->file.st_ino);
}

static bool
store_is_there(struct round *r)
{
	struct err err = {0};

	if (is_same_file(r)) {
		if (r->court->store_gone)
			log_warn("%s: the store is back", db_path(r->court->db));
		r->court->store_gone = false;
		return true;
	}
	(void)err_set(&err, CR_ESTORE,
	              "%s: the store was deleted or replaced while it was open: put it back, or restart",
	              db_path(r->court->db));
	if (!r->court->store_gone)
		log_error("%s", err.text);
	r->court->store_gone = true;
	r->store_errors++;
	for (size_t i = 0; i < r->n; i++) {
		if (!r->list[i].answered)
			judge_trouble(&r->list[i].request, &err, &r->list[i].judgement);
	}
	r->trouble = err;
	return false;
}

static void
give_up(struct round *r, const struct err *why)
{
	if (r->begun)
		gate_rollback(r->court->gate);
	r->begun = false;
	failed(r, why);
}

/* The transaction of all that spend, and on a server their rows, before the first is decided. */
static void
begin(struct round *r)
{
	const struct policy_request *spending[ROUND_MAX];
	const struct judge_words *words[ROUND_MAX];
	struct err err = {0};
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < r->n; i++) {
		if (!r->list[i].spends || r->list[i].answered)
			continue;
		spending[n] = &r->list[i].request;
		words[n++] = &r->list[i].words;
	}
	if (n == 0)
		return;
	rc = gate_begin(r->court->gate, &err);
	r->begun = rc == CR_OK;
	if (rc == CR_OK && (n > 1 || db_is_server(r->court->db)))
		rc = judge_expect(r->court->judge, spending, words, n, &err);
	if (rc != CR_OK)
		give_up(r, &err);
}

static void
judge_one(struct round *r, struct waiting *w)
{
	struct err err = {0};

	if (judge_request(r->court->judge, &w->request, &w->words, &w->judgement, &err) != CR_OK)
		give_up(r, &err);
}

static void
judge_all(struct round *r)
{
	begin(r);
	for (size_t i = 0; i < r->n; i++) {
		struct waiting *w = &r->list[i];

		if (w->answered || w->request.kind == POLICY_RELEASE)
			continue;
		if (!w->spends || r->trouble.code == CR_OK)
			judge_one(r, w);
		else
			judge_trouble(&w->request, &r->trouble, &w->judgement);
	}
}

static bool
commit(struct round *r)
{
	struct err err = {0};
	int64_t start_us = now_us();
	size_t n = 0;
	int rc;

	if (!r->begun)
		return false;
	r->begun = false;
	r->left = r->may_leave && db_sync_later(r->court->db, true);
	rc = gate_commit(r->court->gate, &err);
	if (r->left)
		(void)db_sync_later(r->court->db, false);
	for (size_t i = 0; i < r->n; i++)
		n += r->list[i].spends && !r->list[i].answered;
	if (rc == CR_OK) {
		r->n_synced = n;
		r->synced_us = now_us() - start_us;
	} else if (rc == CR_ESTORE || rc == CR_ERETRY)
		failed(r, &err);
	else
		unknown(r, &err);
	return rc == CR_OK;
}

/* What is given back is rare, has transactions of its own, and comes last: it frees nothing for this round's spends. */
static bool
release_all(struct round *r)
{
	bool tried = false;

	for (size_t i = 0; i < r->n; i++) {
		struct waiting *w = &r->list[i];
		struct err err = {0};

		if (w->answered || w->request.kind != POLICY_RELEASE)
			continue;
		if (r->trouble.code != CR_OK) {
			judge_trouble(&w->request, &r->trouble, &w->judgement);
			continue;
		}
		tried = true;
		w->unknown = judge_release(r->court->judge, &w->request, &w->judgement, &err) != CR_OK;
		if (w->unknown) {
			log_error("no answer to a release: %s", err.text);
			r->broken = err;
		} else if (w->judgement.action == POLICY_GO) {
			r->released++;
		}
	}
	return tried;
}

void
round_sync(struct round *const *rounds, size_t n)
{
	const int64_t start_us = now_us();
	struct err err = {0};
	struct db *db = NULL;
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (rounds[i]->left)
			db = rounds[i]->court->db;
	}
	if (db == NULL)
		return;
	rc = db_sync(db, &err);
	for (size_t i = 0; i < n; i++) {
		if (rounds[i]->left && rc != CR_OK) {
			rounds[i]->n_synced = 0;
			unknown(rounds[i], &err);
		}
		rounds[i]->synced_us += now_us() - start_us;
		rounds[i]->left = false;
	}
}

bool
round_decide(struct round *r, bool may_leave)
{
	bool wrote;

	if (r->n == 0)
		return false;
	r->may_leave = may_leave;
	r->left = false;
	r->trouble = (struct err){0};
	/* Known to be gone: nothing more is written where nobody will look for it. */
	if (r->court->store_gone && !store_is_there(r))
		return false;
	do {
		r->trouble = (struct err){0};
		judge_all(r);
		wrote = commit(r);
		/* Gates on several machines can be in each other's way; then nothing was written, and the same is tried again. */
	} while (r->trouble.code == CR_ERETRY && db_again(r->court->db));
	if (store_is_there(r))
		wrote = release_all(r) || wrote;
	return wrote;
}

int
round_check(const struct round *r, struct err *err)
{
	/* A file of which nobody knows what it holds is not written to again.  A server recovers, and is asked. */
	if (r->court->store[0] == '\0' || r->broken.code == CR_OK || db_is_server(r->court->db))
		return CR_OK;
	return err_set(err, CR_EIO, "%s; nothing more is written by this process", r->broken.text);
}

const char *
round_answer(struct round *r, size_t i, void **who_out)
{
	assert(i < r->n);
	*who_out = r->list[i].who;
	return r->list[i].unknown ? NULL : r->list[i].judgement.answer;
}

static void
count(struct round *r, const struct waiting *w, int64_t now)
{
	static const enum gate_verdict verdicts[] = {[POLICY_GO] = GATE_ALLOW,
	                                             [POLICY_WAIT] = GATE_WAIT,
	                                             [POLICY_TROUBLE] = GATE_WAIT,
	                                             [POLICY_REFUSE] = GATE_REFUSE};
	static_assert(ARRAY_LEN(verdicts) == POLICY_ACTION__COUNT, "a verdict for each action");

	if (!w->answered && w->request.kind != POLICY_RELEASE)
		metrics_decision(r->metrics, verdicts[w->judgement.action], w->judgement.reason, now - w->asked_us);
}

void
round_log(struct round *r)
{
	if (r->lines.len == 0)
		return;
	log_lines(LOG_LEVEL_INFO, buf_str(&r->lines), r->lines.len);
	buf_clear(&r->lines);
}

void
round_end(struct round *r)
{
	int64_t now = now_us();

	if (r->n_synced > 0)
		metrics_sync(r->metrics, r->n_synced, r->synced_us);
	r->metrics->store_errors += r->store_errors;
	r->metrics->released += r->released;
	r->n_synced = 0;
	r->store_errors = r->released = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (r->list[i].unknown)
			continue;
		count(r, &r->list[i], now);
		if (log_get_level() >= LOG_LEVEL_INFO)
			buf_addf(&r->lines, "%s\n", r->list[i].judgement.log);
	}
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].bytes);
	round_log(r);
	r->n = 0;
}

/*
 * Questions of ours name any mailbox, and give back: for the store's owner and root, who could open the store as well.  Over the
 * network nobody can be told apart.  From this host a check is answered, since Postfix's questions spend just so; a release,
 * which frees what was spent, is not.
 */
static void
screen(const struct round *r, struct waiting *w, int fd)
{
	enum listen_peer peer = listen_peer(fd);
	const char *why = NULL;

	if (peer != LISTEN_OWNER && !(peer == LISTEN_HOST && w->request.kind == POLICY_CHECK))
		why = "not for this user, or not over this socket";
	else if (w->request.store[0] != '\0' && strcmp(w->request.store, r->court->store) != 0)
		why = "this daemon has another store";
	if (why != NULL)
		judge_forbid(&w->request, why, &w->judgement);
	w->answered = why != NULL;
}

/* A no at once: as round_end would count and log it. */
static bool
recall(struct round *r, struct waiting *w)
{
	if (w->answered || r->court->store_gone ||
	    !judge_recall(r->court->judge, &w->request, &w->words, &w->judgement))
		return false;
	count(r, w, now_us());
	if (log_get_level() >= LOG_LEVEL_INFO)
		buf_addf(&r->lines, "%s\n", w->judgement.log);
	return true;
}

enum round_added
round_add(struct round *r, void *who, int fd, const char *data, const struct policy_scan *scan, bool may_recall,
          const char **answer_out)
{
	struct waiting *w = &r->list[r->n];
	bool known;

	assert(r->n < ROUND_MAX);
	w->bytes = malloc(scan->at);
	if (w->bytes == NULL)
		return ROUND_JUNK;
	memcpy(w->bytes, data, scan->at);
	if (!policy_read(w->bytes, scan, &w->request)) {
		free(w->bytes);
		return ROUND_JUNK;
	}
	w->who = who;
	w->asked_us = now_us();
	w->spends = judge_spends(&w->request);
	w->answered = w->unknown = false;
	if (w->request.kind != POLICY_POSTFIX)
		screen(r, w, fd);
	known = may_recall && judge_remembers(r->court->judge, &w->request, &w->words);
	if (known && recall(r, w)) {
		free(w->bytes);
		*answer_out = w->judgement.answer;
		return ROUND_KNOWN;
	}
	if (!known)
		judge_read(r->court->judge, &w->request, &w->words);
	r->n++;
	return ROUND_WAITS;
}

size_t
round_size(const struct round *r)
{
	return r->n;
}

void
round_look(struct round *r, struct metrics_now *out)
{
	struct clockwork w;
	int rc = db_get_int(r->court->db, "SELECT count(*) FROM domain WHERE state = 'frozen'", DB_NO_ARGS, 0,
	                    &out->frozen_domains, NULL);

	if (rc == CR_OK)
		rc = db_get_int(r->court->db, "SELECT count(*) FROM tenant WHERE frozen_ms IS NOT NULL", DB_NO_ARGS, 0,
		                &out->frozen_tenants, NULL);
	out->store_up = rc == CR_OK && is_same_file(r);
	rc = rc == CR_OK ? clockwork_read(r->court->db, r->court->clock, &w, NULL) : rc;
	out->clock_sure = rc == CR_OK;
	if (out->clock_sure)
		out->clock_ahead_ms = w.effective_ms - clock_wall_ms(r->court->clock);
	if (rc != CR_OK && rc != CR_ERETRY)
		out->store_up = false;
}

void
round_set(struct round *r, struct gate *gate, bool log_recipients)
{
	r->court->gate = gate;
	judge_set(r->court->judge, gate, log_recipients);
}

/*
 * A transaction that writes nothing.  SQLite takes a log that cannot be opened for writing for reading, and says so at each write from
 * then on: found before anybody is told that somebody listens.
 */
static int
try_store(struct gate *gate, struct err *err)
{
	struct err busy = {0};
	int rc = gate_begin(gate, &busy);

	if (rc == CR_OK)
		gate_rollback(gate);
	/* Not free now: it may be for the first question. */
	if (rc == CR_OK || rc == CR_ERETRY)
		return CR_OK;
	return err_set(err, rc, "%s", busy.text);
}

int
round_open(const struct round_options *o, struct round **out, struct err *err)
{
	struct round *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL || (r->court = calloc(1, sizeof(*r->court))) == NULL) {
		round_drop(&r);
		return err_nomem(err, "round");
	}
	r->metrics = o->metrics;
	r->court->db = o->db;
	r->court->clock = o->clock;
	if (wire_store(db_path(o->db), r->court->store) && !db_is_server(o->db) &&
	    stat(db_path(o->db), &r->court->file) != 0)
		r->court->file = (struct stat){0}; /* gone meanwhile, which the first round sees */
	rc = try_store(o->gate, err);
	if (rc == CR_OK)
		rc = judge_open(o->gate, o->clock, &r->court->judge, err);
	if (rc == CR_OK) {
		round_set(r, o->gate, o->log_recipients);
		*out = TAKE(r);
	}
	round_drop(&r);
	return rc;
}

int
round_twin(const struct round *r, struct round **out, struct err *err)
{
	struct round *twin = calloc(1, sizeof(*twin));

	if (twin == NULL)
		return err_nomem(err, "round");
	twin->court = r->court;
	twin->is_twin = true;
	twin->metrics = r->metrics;
	*out = twin;
	return CR_OK;
}

void
round_drop(struct round **rp)
{
	struct round *r = *rp;

	if (r == NULL)
		return;
	if (r->court != NULL && !r->is_twin) {
		judge_drop(&r->court->judge);
		free(r->court);
	}
	for (size_t i = 0; i < r->n; i++)
		free(r->list[i].bytes);
	buf_release(&r->lines);
	free(r);
	*rp = NULL;
}
