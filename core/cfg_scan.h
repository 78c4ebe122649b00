/*
 * cfg_scan.h - what libconfig 1.5 would get wrong silently, found before it reads (private to cfg).
 *
 * It cuts integers to 32 bits without a word, ends the process at an @include of a directory, stops at a NUL and at "\x00",
 * and nests as deep as its parser's stack.
 */
#ifndef CORE_CFG_SCAN_H
#define CORE_CFG_SCAN_H

#include "core/err.h"

#include <stddef.h>

#define CFG_MAX_BYTES   ((size_t)4 << 20) /* of a file with all it includes */
#define CFG_MAX_DEPTH   16                /* of groups, lists and arrays */
#define CFG_MAX_INCLUDE 8                 /* files within files */

/*
 * Check text and every file it includes (relative ones from dir).  name stands for the text.
 * Errors: CR_ECONFIG "FILE:LINE: why", CR_ENOMEM.
 */
MUST_CHECK int cfg_scan(const char *text, size_t len, const char *name, const char *dir, struct err *err);

#endif
