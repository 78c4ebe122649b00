/*
 * store.h - where a test has its store: a file in its directory, or a schema of its own on the server that
 * COLDRELAY_TEST_STORE names (an address without `options`).  So whatever runs on one engine runs on the other.
 */
#ifndef TESTS_LIB_STORE_H
#define TESTS_LIB_STORE_H

#include <stdbool.h>
#include <stddef.h>

#define STORE_PATH_MAX 256

/* NULL: files. */
const char *store_server(void);
/* For db_options.path, or the setting `store`; on a server the schema is made. */
void store_place(const char *dir, const char *name, char path_out[STORE_PATH_MAX]);
/* Ends what store_place made on a server. */
void store_clear(const char *path);

#endif
