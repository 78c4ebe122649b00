/*
 * keypool.c - DKIM keys made ahead on all cores while the network is waited for.
 *
 * An RSA-2048 key costs about 100 ms of a core; forty domains would wait four seconds for it in the middle of their runs.
 * Bounded: a finished key lies in locked memory, of which a process has little (RLIMIT_MEMLOCK), so generators rest while
 * READY_MAX keys wait to be taken.
 * Invariant, under the mutex: started = keys being made + ready + handed out, and never exceeds n.
 */
#include "provision/keys.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define READY_MAX   32
#define THREADS_MAX 64

struct keypool {
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* a key became ready, room came free, or the end */
	enum dkim_algorithm algorithm;
	size_t n;          /* ordered in all */
	size_t started;    /* a generator works or has worked on it */
	size_t handed_out; /* taken, or promised to a caller who waits */
	size_t busy;       /* being made right now */
	struct keypool_result ready[READY_MAX];
	size_t n_ready;
	bool stop;
	pthread_t threads[THREADS_MAX];
	unsigned n_threads;
};

/* Is there something to make, and a place to put it? Every key being made has its place reserved. */
static bool
may_start(const struct keypool *p)
{
	return p->started < p->n && p->n_ready + p->busy < READY_MAX;
}

static void *
generate(void *arg)
{
	struct keypool *p = arg;

	(void)pthread_mutex_lock(&p->mutex);
	for (;;) {
		struct keypool_result made = {0};

		while (!p->stop && p->started < p->n && !may_start(p))
			(void)pthread_cond_wait(&p->changed, &p->mutex);
		if (p->stop || p->started == p->n)
			break;
		p->started++;
		p->busy++;
		(void)pthread_mutex_unlock(&p->mutex);
		made.rc = dkim_generate(p->algorithm, &made.pem, &made.public, &made.err);
		(void)pthread_mutex_lock(&p->mutex);
		p->busy--;
		p->ready[p->n_ready++] = made;
		(void)pthread_cond_broadcast(&p->changed);
	}
	(void)pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* Cores this process may use: in a container often fewer than the machine has. */
static unsigned
usable_cores(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0 || CPU_COUNT(&set) < 1)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

int
keypool_open(enum dkim_algorithm a, size_t n, unsigned threads, struct keypool **out, struct err *err)
{
	struct keypool *p = calloc(1, sizeof(*p));
	unsigned want = threads != 0 ? threads : usable_cores();
	int errnum = 0;

	if (p == NULL)
		return err_nomem(err, "key pool");
	(void)pthread_mutex_init(&p->mutex, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	p->algorithm = a;
	p->n = n;
	if (want > THREADS_MAX)
		want = THREADS_MAX;
	if (want > n)
		want = (unsigned)n;
	while (p->n_threads < want) {
		errnum = pthread_create(&p->threads[p->n_threads], NULL, generate, p);
		if (errnum != 0)
			break;
		p->n_threads++;
	}
	/* Fewer generators than wished are slower, none at all would be a wait without end. */
	if (want > 0 && p->n_threads == 0) {
		keypool_drop(&p);
		return err_errno(err, CR_EIO, errnum, "key pool: thread");
	}
	*out = p;
	return CR_OK;
}

int
keypool_take(struct keypool *p, struct secret **pem_out, struct dkim_public *public_out, struct err *err)
{
	struct keypool_result got;

	(void)pthread_mutex_lock(&p->mutex);
	if (p->handed_out == p->n) {
		(void)pthread_mutex_unlock(&p->mutex);
		return err_set(err, CR_EBUG, "key pool: more keys taken than the %zu that were ordered", p->n);
	}
	p->handed_out++;
	while (p->n_ready == 0)
		(void)pthread_cond_wait(&p->changed, &p->mutex);
	got = p->ready[--p->n_ready];
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->mutex);
	if (got.rc != CR_OK) {
		if (err != NULL)
			*err = got.err;
		return got.rc;
	}
	*pem_out = got.pem;
	*public_out = got.public;
	return CR_OK;
}

void
keypool_drop(struct keypool **pool)
{
	struct keypool *p = TAKE(*pool);

	if (p == NULL)
		return;
	(void)pthread_mutex_lock(&p->mutex);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->n_threads; i++)
		(void)pthread_join(p->threads[i], NULL);
	for (size_t i = 0; i < p->n_ready; i++)
		secret_drop(&p->ready[i].pem);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->mutex);
	free(p);
}
