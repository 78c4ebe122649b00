/*
 * cfg.h - settings as rows over libconfig: key, type, range, default, help.
 *
 * A struct cfg_row table describes one group.  cfg_read_group walks a group of the file, fills the struct, and reports *every*
 * unknown key (with the nearest known), wrong type and out-of-range value with file and line, into a list that is printed in one run.
 * The annotated sample, the manual and the parser are made from, or checked against, the same rows.
 */
#ifndef CORE_CFG_H
#define CORE_CFG_H

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cfg_type {
	CFG_TEXT,   /* char * on the heap, NULL when not set and no default */
	CFG_SECRET, /* char * on the heap: env:NAME or file:PATH (relative as CFG_PATH); a literal is an error, or with CFG_LITERAL_OK a warning */
	CFG_PATH,   /* char *; relative paths are taken from the configuration file's directory */
	CFG_NAME,   /* char *: a domain name, stored as typed; the reader canonicalises */
	CFG_INT,    /* int64_t */
	CFG_DURATION, /* int64_t seconds: "14d", "45m", or a number of seconds */
	CFG_BOOL,     /* bool */
	CFG_LIST      /* struct cfg_list of texts: [ "a", "b" ] or ( "a", "b" ) or one "a" */
};

struct cfg_list {
	char **items;
	size_t n;
};

#define CFG_REQUIRED   (1U << 0)
#define CFG_GROUP_KEY  (1U << 1) /* known here, read by other code: a sub-group or list of groups */
#define CFG_SERVER_OK  (1U << 3) /* a CFG_PATH may be a server's address (core/db_path.h), and stays as it is */
#define CFG_LITERAL_OK (1U << 2) /* a CFG_SECRET may stand in the file itself */

struct cfg_row {
	const char *key;
	enum cfg_type type;
	size_t offset;      /* into the target struct */
	int64_t min, max;   /* of the number, the seconds, the bytes of a text, the items of a list; both 0: no limit */
	const char *absent; /* default as text (a list: items apart by blanks); NULL: none */
	unsigned flags;
	const char *unit; /* NULL */
	const char *help; /* one sentence */
};

struct cfg;       /* a parsed file with the list of findings */
struct cfg_group; /* a group in it, borrowed from it */

/* Read and parse (limit 4 MB with all it includes; @include "FILE" is taken from the file's directory).  Errors: CR_ECONFIG "FILE:LINE: text", CR_ENOTFOUND. */
MUST_CHECK int cfg_open(const char *path, struct cfg **out, struct err *err);
/* From memory, for tests and fuzzing; name stands for the file. */
MUST_CHECK int cfg_open_text(const char *text, const char *name, struct cfg **out, struct err *err);
void cfg_drop(struct cfg **c);
const char *cfg_path(const struct cfg *c);

const struct cfg_group *cfg_root(const struct cfg *c);
/* A sub-group, or NULL.  A list of groups: count and element.  A setting of another shape is reported as a finding. */
const struct cfg_group *cfg_sub(struct cfg *c, const struct cfg_group *g, const char *key);
size_t cfg_count(struct cfg *c, const struct cfg_group *g, const char *key);
const struct cfg_group *cfg_item(struct cfg *c, const struct cfg_group *g, const char *key, size_t index);

/*
 * Fill target (defaults first) from g by rows.  g NULL: defaults only, required ones are then reported as missing at `where`.
 * more/n_more: a second table whose keys are known too but read elsewhere (a driver's own rows over the common ones); may be NULL.
 * Findings go to the list; the return value is only for CR_ENOMEM.
 */
MUST_CHECK int cfg_read_group(struct cfg *c, const struct cfg_group *g, const char *where, const struct cfg_row *rows,
                              size_t n_rows, const struct cfg_row *more, size_t n_more, void *target, struct err *err);
/* Does the group set this key itself? Tells a default from a value.  g may be NULL. */
bool cfg_has(const struct cfg_group *g, const char *key);
/* The text of a key before its group is read by rows: a driver's name decides which rows those are.  NULL when it is no text.  Borrowed. */
const char *cfg_peek_text(const struct cfg_group *g, const char *key);
/* Free what cfg_read_group put into target. */
void cfg_release_group(const struct cfg_row *rows, size_t n_rows, void *target);
void cfg_list_release(struct cfg_list *l);

/* Report something found by the caller at a key of g (key NULL: the group itself). */
void cfg_fault(struct cfg *c, const struct cfg_group *g, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
void cfg_warn(struct cfg *c, const struct cfg_group *g, const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The findings as lines "FILE:LINE: text\n", faults then warnings. */
size_t cfg_fault_count(const struct cfg *c);
const char *cfg_faults(const struct cfg *c);   /* "" when none */
const char *cfg_warnings(const struct cfg *c); /* "" when none */

/* The rows as man-page text: mdoc list items. */
void cfg_rows_to_mdoc(const struct cfg_row *rows, size_t n_rows, struct buf *out);

#endif
