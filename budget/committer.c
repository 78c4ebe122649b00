/*
 * committer.c - a ring of rounds in order, how far each stage has come, a mutex around that, and an eventfd to wake the loop.
 *
 * The thread that syncs takes all that is decided by then: the slower the disk, the more rounds a sync serves.
 */
#include "budget/committer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct committer {
	pthread_t deciding, syncing;
	bool has_deciding, has_syncing;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct round *rounds[COMMITTER_ROUNDS];
	bool wrote[COMMITTER_ROUNDS];
	/* Of all there ever were, from the last stage to the first: taken <= synced <= decided <= given. */
	size_t taken, synced, given;
	_Atomic(size_t) decided;
	bool ending;
	int ready;
};

static void *
decide(void *arg)
{
	struct committer *c = arg;

	(void)pthread_mutex_lock(&c->mutex);
	for (;;) {
		size_t at;
		bool wrote;

		while (!c->ending && c->decided == c->given)
			(void)pthread_cond_wait(&c->changed, &c->mutex);
		if (c->decided == c->given)
			break;
		at = c->decided % COMMITTER_ROUNDS;
		(void)pthread_mutex_unlock(&c->mutex);
		wrote = round_decide(c->rounds[at], true);
		(void)pthread_mutex_lock(&c->mutex);
		c->wrote[at] = wrote;
		c->decided++;
		(void)pthread_cond_broadcast(&c->changed);
		/* The loop may hold the next one ready. */
		(void)!eventfd_write(c->ready, 1);
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return NULL;
}

static void *
sync_decided(void *arg)
{
	struct committer *c = arg;

	(void)pthread_mutex_lock(&c->mutex);
	for (;;) {
		struct round *batch[COMMITTER_ROUNDS];
		size_t n = 0;

		while (c->synced == c->decided && !(c->ending && c->decided == c->given))
			(void)pthread_cond_wait(&c->changed, &c->mutex);
		if (c->synced == c->decided)
			break;
		for (size_t i = c->synced; i < c->decided; i++)
			batch[n++] = c->rounds[i % COMMITTER_ROUNDS];
		(void)pthread_mutex_unlock(&c->mutex);
		round_sync(batch, n);
		(void)pthread_mutex_lock(&c->mutex);
		c->synced += n;
		(void)pthread_cond_broadcast(&c->changed);
		/* It cannot be full: a few rounds, a few counts. */
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

/* given and taken are the loop's own. */
bool
committer_is_busy(const struct committer *c)
{
	return c->decided != c->given;
}

size_t
committer_rounds(const struct committer *c)
{
	return c->given - c->taken;
}

void
committer_give(struct committer *c, struct round *r)
{
	assert(!committer_is_busy(c) && committer_rounds(c) < COMMITTER_ROUNDS);
	(void)pthread_mutex_lock(&c->mutex);
	c->rounds[c->given % COMMITTER_ROUNDS] = r;
	c->given++;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->mutex);
}

struct round *
committer_take(struct committer *c, bool wait, bool *wrote_out)
{
	struct round *r = NULL;
	eventfd_t count;

	(void)pthread_mutex_lock(&c->mutex);
	while (wait && c->taken != c->given && c->taken == c->synced)
		(void)pthread_cond_wait(&c->changed, &c->mutex);
	if (c->taken != c->synced) {
		r = c->rounds[c->taken % COMMITTER_ROUNDS];
		*wrote_out = c->wrote[c->taken % COMMITTER_ROUNDS];
		c->taken++;
	}
	if (r == NULL)
		(void)!eventfd_read(c->ready, &count);
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
	errnum = pthread_create(&c->deciding, NULL, decide, c);
	c->has_deciding = errnum == 0;
	if (errnum == 0)
		errnum = pthread_create(&c->syncing, NULL, sync_decided, c);
	c->has_syncing = c->has_deciding && errnum == 0;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
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
	(void)pthread_mutex_lock(&c->mutex);
	c->ending = true;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->mutex);
	if (c->has_deciding)
		(void)pthread_join(c->deciding, NULL);
	if (c->has_syncing)
		(void)pthread_join(c->syncing, NULL);
	if (c->ready >= 0)
		(void)close(c->ready);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c);
	*cp = NULL;
}
