/*
 * lazy_must.c - a library without which nothing can go on.
 *
 * A file of its own: front.c has another lazy_need, and the same end where that fails.
 */
#include "core/lazy.h"

#include <stdlib.h>

#include "core/log.h"

void
lazy_must(struct lazy *l)
{
	struct err err = {0};
	int rc = lazy_need(l, &err);

	if (rc == CR_OK)
		return;
	log_error("%s", err.text);
	exit(err_exit_code(rc));
}
