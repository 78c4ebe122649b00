/*
 * committer.c - one slot, a mutex around it, and an eventfd to wake the loop.
 */
#include "budget/committer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct committer {
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct round *round; /* given, and not taken back; changed by the loop's thread only */
	bool decided, wrote, ending;
	int ready;
};

static void *
run(void *arg)
{
	struct committer *c = arg;

	(void)pthread_mutex_lock(&c->mutex);
	for (;;) {
		struct round *r;
		bool wrote;

		while (!c->ending && (c->round == NULL || c->decided))
			(void)pthread_cond_wait(&c->changed, &c->mutex);
		if (c->round == NULL || c->decided)
			break;
		r = c->round;
		(void)pthread_mutex_unlock(&c->mutex);
		wrote = round_decide(r);
		(void)pthread_mutex_lock(&c->mutex);
		c->wrote = wrote;
		c->decided = true;
		(void)pthread_cond_signal(&c->changed);
		/* It cannot be full: one round, one count. */
		(void)!eventfd_write(c->ready, 1);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

int
committer_fd(const struct committer *c)
{
	return c->ready;
}

bool
committer_is_busy(const struct committer *c)
{
	return c->round != NULL;
}

void
committer_give(struct committer *c, struct round *r)
{
	assert(c->round == NULL);
	(void)pthread_mutex_lock(&c->mutex);
	c->round = r;
	c->decided = false;
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->mutex);
}

struct round *
committer_take(struct committer *c, bool wait, bool *wrote_out)
{
	struct round *r = NULL;
	eventfd_t count;

	(void)pthread_mutex_lock(&c->mutex);
	while (wait && c->round != NULL && !c->decided)
		(void)pthread_cond_wait(&c->changed, &c->mutex);
	if (c->round != NULL && c->decided) {
		r = TAKE(c->round);
		*wrote_out = c->wrote;
		(void)!eventfd_read(c->ready, &count);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return r;
}

/* Signals are the loop's. */
static int
start(struct committer *c)
{
	sigset_t all, before;
	int errnum;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	errnum = pthread_create(&c->thread, NULL, run, c);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->has_thread = errnum == 0;
	return errnum;
}

int
committer_open(struct committer **out, struct err *err)
{
	struct committer *c = calloc(1, sizeof(*c));
	int rc = CR_OK, errnum;

	if (c == NULL)
		return err_nomem(err, "committer");
	(void)pthread_mutex_init(&c->mutex, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	c->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->ready < 0)
		rc = err_errno(err, CR_EIO, errno, "eventfd");
	else if ((errnum = start(c)) != 0)
		rc = err_errno(err, CR_EIO, errnum, "thread");
	if (rc == CR_OK)
		*out = TAKE(c);
	committer_drop(&c);
	return rc;
}

void
committer_drop(struct committer **cp)
{
	struct committer *c = *cp;

	if (c == NULL)
		return;
	if (c->has_thread) {
		(void)pthread_mutex_lock(&c->mutex);
		c->ending = true;
		(void)pthread_cond_signal(&c->changed);
		(void)pthread_mutex_unlock(&c->mutex);
		(void)pthread_join(c->thread, NULL);
	}
	if (c->ready >= 0)
		(void)close(c->ready);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c);
	*cp = NULL;
}
