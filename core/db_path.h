/*
 * db_path.h - what the setting `store` means: a file, or a server's address, which may hold a password.
 */
#ifndef CORE_DB_PATH_H
#define CORE_DB_PATH_H

#include "core/err.h"

#include <stdbool.h>

/* postgresql://..., postgres://..., or pg: and libpq's key=value words; anything else is a file. */
bool db_path_is_server(const char *path);
/* Does a password stand in the address itself? */
bool db_path_has_password(const char *path);
/* The path as it may be shown: a password is left out.  On the heap.  Errors: CR_ENOMEM. */
MUST_CHECK int db_path_show(const char *path, char **out, struct err *err);

#endif
