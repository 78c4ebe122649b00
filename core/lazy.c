/*
 * lazy.c - dlopen(3) behind a table of names.
 *
 * Sources: dlopen(3); POSIX.1-2017 dlsym, "APPLICATION USAGE" (an object pointer may hold a function).
 */
#include "core/lazy.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static_assert(sizeof(void *) == sizeof(void (*)(void)), "dlsym returns functions as void *");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The linker's message begins with the file that it did not find, which may be one that the library itself needs. */
static int
explain(const struct lazy *l, const char *why, struct err *err)
{
	static const char absent[] = ": cannot open shared object file";
	size_t len = strlen(l->soname);

	if (strncmp(why, l->soname, len) == 0 && strncmp(why + len, absent, strlen(absent)) == 0)
		return err_set(err, CR_ECONFIG, "%s is not installed: apt-get install %s", l->soname, l->package);
	return err_set(err, CR_ECONFIG, "%s cannot be loaded: %s: apt-get install --reinstall %s", l->soname, why,
	               l->package);
}

/* With the lock held. */
static int
load(const struct lazy *l, struct err *err)
{
	/* Now, not at the first call of each: a library that lacks something of its own must fail here, where it can be said. */
	void *library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);
	char *slot = l->calls;

	if (library == NULL)
		return explain(l, dlerror(), err);
	for (size_t i = 0; i < l->n; i++) {
		void *function = dlsym(library, l->names[i]);

		if (function == NULL) {
			memset(l->calls, 0, l->n * sizeof(function));
			(void)dlclose(library);
			return err_set(err, CR_ECONFIG, "%s lacks %s: a newer %s is needed", l->soname, l->names[i],
			               l->package);
		}
		memcpy(slot + i * sizeof(function), &function, sizeof(function));
	}
	return CR_OK;
}

int
lazy_need(struct lazy *l, struct err *err)
{
	int rc = CR_OK;

	if (atomic_load_explicit(&l->loaded, memory_order_acquire))
		return CR_OK;
	(void)pthread_mutex_lock(&lock);
	if (!atomic_load_explicit(&l->loaded, memory_order_relaxed)) {
		rc = load(l, err);
		if (rc == CR_OK)
			atomic_store_explicit(&l->loaded, true, memory_order_release);
	}
	(void)pthread_mutex_unlock(&lock);
	return rc;
}
