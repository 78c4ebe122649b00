/*
 * pool.c - threads that take the next item until there is none.
 *
 * Small stacks: a run holds 16 to 64 threads and has to stay under 20 MB.
 */
#include "provision/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define STACK_BYTES ((size_t)512 << 10)

struct pool {
	atomic_size_t next;
	size_t n;
	void (*work)(void *arg, size_t i);
	void *arg;
};

static void *
worker(void *arg)
{
	struct pool *p = arg;

	for (;;) {
		size_t i = atomic_fetch_add(&p->next, 1);

		if (i >= p->n)
			return NULL;
		p->work(p->arg, i);
	}
}

int
pool_each(size_t n, size_t threads, void (*work)(void *arg, size_t i), void *arg, struct err *err)
{
	struct pool p = {.n = n, .work = work, .arg = arg};
	size_t want = threads < n ? threads : n, started = 0;
	pthread_t *ids;
	pthread_attr_t attr;

	if (want <= 1) {
		(void)worker(&p);
		return CR_OK;
	}
	ids = calloc(want, sizeof(*ids));
	if (ids == NULL)
		return err_nomem(err, "worker threads");
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (started < want && pthread_create(&ids[started], &attr, worker, &p) == 0)
		started++;
	(void)pthread_attr_destroy(&attr);
	/* Fewer threads than wanted are slower, not wrong; with none at all this one does the work. */
	if (started == 0)
		(void)worker(&p);
	for (size_t i = 0; i < started; i++)
		(void)pthread_join(ids[i], NULL);
	free(ids);
	return CR_OK;
}
