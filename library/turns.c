/*
 * turns.c - the line, its leader, and the transaction of those who waited together.
 */
#include "library/turns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX      256   /* questions of one commit */
#define IDLE_LOG_PAGES 4000  /* the store's log is written back when nobody waits and it is longer than this, */
#define BUSY_LOG_PAGES 30000 /* or somebody does and it is longer than this */

enum job_state { JOB_WAITS, JOB_LEADS, JOB_DONE };

/* On the stack of the thread that waits for it. */
struct job {
	/* a question, or work that has to be alone */
	const struct gate_request *q;
	size_t n;
	struct gate_answer *out;
	int (*work)(struct gate *gate, void *arg, struct err *err);
	void *arg;

	int rc;
	struct err *err; /* of the asker, or NULL */
	enum job_state state;
	pthread_cond_t woken;
	struct job *next;
};

struct turns {
	struct gate *gate;
	struct db *db;
	pthread_mutex_t mutex; /* guards the line and the states; never held over work */
	bool is_led;
	struct job *first, **end;
};

int
turns_open(struct gate *gate, struct db *db, struct turns **out, struct err *err)
{
	struct turns *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_nomem(err, "gate");
	t->gate = gate;
	t->db = db;
	t->end = &t->first;
	(void)pthread_mutex_init(&t->mutex, NULL);
	*out = t;
	return CR_OK;
}

void
turns_drop(struct turns **t)
{
	if (*t == NULL)
		return;
	(void)pthread_mutex_destroy(&(*t)->mutex);
	free(*t);
	*t = NULL;
}

/* ---- the work of a leader, without the mutex ---- */

/* An address that cannot be read is its asker's own failure, known before anything was written: it stays. */
static void
fail_all(struct job *batch, int rc, const struct err *why)
{
	for (struct job *j = batch; j != NULL; j = j->next) {
		if (j->rc == CR_EPARSE)
			continue;
		j->rc = rc;
		if (j->err != NULL)
			*j->err = *why;
	}
}

/* Told at once what all will ask, a server is asked for the rows in one go. */
static int
expect_all(struct turns *t, const struct job *batch, struct err *err)
{
	struct gate_request *all;
	size_t n = 0;
	int rc;

	for (const struct job *j = batch; j != NULL; j = j->next)
		n += j->n;
	all = calloc(n, sizeof(*all));
	if (all == NULL)
		return err_nomem(err, "gate");
	n = 0;
	for (const struct job *j = batch; j != NULL; n += j->n, j = j->next)
		memcpy(all + n, j->q, j->n * sizeof(*all));
	rc = gate_expect(t->gate, all, n, err);
	free(all);
	return rc;
}

/* broken_out: the store was reached, and one of the questions broke the transaction for all. */
static int
answer_in_one(struct turns *t, struct job *batch, bool *broken_out)
{
	struct err why = {0};
	int rc = gate_begin(t->gate, &why);

	*broken_out = false;
	if (rc == CR_OK && (rc = expect_all(t, batch, &why)) != CR_OK) {
		*broken_out = true;
		gate_rollback(t->gate);
	}
	for (struct job *j = batch; rc == CR_OK && j != NULL; j = j->next) {
		j->rc = gate_ask_in(t->gate, j->q, j->n, j->out, &why);
		if (j->rc == CR_EPARSE && j->err != NULL)
			*j->err = why;
		if (j->rc != CR_OK && j->rc != CR_EPARSE) {
			rc = j->rc;
			*broken_out = true;
			gate_rollback(t->gate);
		}
	}
	if (rc == CR_OK)
		rc = gate_commit(t->gate, &why);
	if (rc != CR_OK)
		fail_all(batch, rc, &why);
	return rc;
}

/* A mailbox whose row is damaged must not be the trouble of those who happened to ask beside it. */
static void
answer_each(struct turns *t, struct job *batch)
{
	struct job *next;
	bool broken;

	for (struct job *j = batch; j != NULL; j = next) {
		next = j->next;
		j->next = NULL;
		j->rc = CR_OK;
		(void)answer_in_one(t, j, &broken);
		j->next = next;
	}
}

static void
answer(struct turns *t, struct job *batch)
{
	bool broken;

	if (batch->work != NULL)
		batch->rc = batch->work(t->gate, batch->arg, batch->err);
	else if (answer_in_one(t, batch, &broken) != CR_OK && broken && batch->next != NULL)
		answer_each(t, batch);
}

/* ---- the line ---- */

/* The head of the line and the questions that may share its commit. */
static struct job *
take_batch(struct turns *t)
{
	struct job *batch = t->first, *last = batch;
	size_t n = batch->n;

	while (batch->work == NULL && last->next != NULL && last->next->work == NULL &&
	       n + last->next->n <= BATCH_MAX) {
		last = last->next;
		n += last->n;
	}
	t->first = last->next;
	if (t->first == NULL)
		t->end = &t->first;
	last->next = NULL;
	return batch;
}

/* A job may be gone as soon as the mutex is free and its state says so. */
static void
wake_batch(struct job *batch)
{
	for (struct job *j = batch, *next; j != NULL; j = next) {
		next = j->next;
		j->state = JOB_DONE;
		(void)pthread_cond_signal(&j->woken);
	}
}

/* With the mutex held, before and after. */
static void
lead(struct turns *t)
{
	struct job *batch = take_batch(t);
	bool busy;

	(void)pthread_mutex_unlock(&t->mutex);
	answer(t, batch);
	(void)pthread_mutex_lock(&t->mutex);
	wake_batch(batch);
	busy = t->first != NULL;
	(void)pthread_mutex_unlock(&t->mutex);
	/* Best effort: what could not be written back now is read from the log, and tried after the next commit. */
	(void)!db_checkpoint(t->db, busy ? BUSY_LOG_PAGES : IDLE_LOG_PAGES, NULL);
	(void)pthread_mutex_lock(&t->mutex);
	if (t->first != NULL) {
		t->first->state = JOB_LEADS;
		(void)pthread_cond_signal(&t->first->woken);
	} else {
		t->is_led = false;
	}
}

static int
stand_in_line(struct turns *t, struct job *j)
{
	(void)pthread_cond_init(&j->woken, NULL);
	(void)pthread_mutex_lock(&t->mutex);
	*t->end = j;
	t->end = &j->next;
	if (!t->is_led) {
		t->is_led = true;
		j->state = JOB_LEADS;
	}
	while (j->state == JOB_WAITS)
		(void)pthread_cond_wait(&j->woken, &t->mutex);
	if (j->state == JOB_LEADS)
		lead(t);
	(void)pthread_mutex_unlock(&t->mutex);
	(void)pthread_cond_destroy(&j->woken);
	return j->rc;
}

int
turns_ask(struct turns *t, const struct gate_request *q, size_t n, struct gate_answer *out, struct err *err)
{
	struct job j = {.q = q, .n = n, .out = out, .err = err};

	return stand_in_line(t, &j);
}

int
turns_alone(struct turns *t, int (*work)(struct gate *gate, void *arg, struct err *err), void *arg, struct err *err)
{
	struct job j = {.work = work, .arg = arg, .n = 1, .err = err};

	return stand_in_line(t, &j);
}

size_t
turns_waiting(struct turns *t)
{
	size_t n = 0;

	(void)pthread_mutex_lock(&t->mutex);
	for (const struct job *j = t->first; j != NULL; j = j->next)
		n++;
	(void)pthread_mutex_unlock(&t->mutex);
	return n;
}
