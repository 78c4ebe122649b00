/*
 * local_compiled.h - when the compiled forms of a Postfix table were written, which is all that Postfix knows a new one by.
 *
 * Postfix opens a table again when the second in which it was written is not the one that it knows: of two changes within a second it
 * would see the first only.  So that second moves on with each change, ahead of the clock if need be.
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_COMPILED_H
#define PROVISION_MAILHOSTS_LOCAL_COMPILED_H

#include <stdbool.h>
#include <time.h>

#include "core/err.h"

#define COMPILED_FORMS 4
struct compiled {
	time_t at[COMPILED_FORMS]; /* whole seconds; 0: there is no such form */
};
struct compiled compiled_when(const char *path);
/* No compiled form beside the table, or only ones that are older than it.  A table that is not there needs none. */
bool compiled_is_older(const char *path);

/* Before a new text: a form ahead of the clock would look newer than it, and a run cut off between the two would go unnoticed. */
MUST_CHECK int compiled_step_back(const char *path, const struct compiled *before, struct err *err);
/* After postmap(1): another second than before. */
MUST_CHECK int compiled_move_on(const char *path, const struct compiled *before, struct err *err);

#endif
