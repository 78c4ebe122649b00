/*
 * err.h - one error value for the whole program, named by what its reader should do next.
 *
 * A function that can fail returns MUST_CHECK int: CR_OK or a negative enum cr_err, and takes
 * struct err * last (may be NULL).  The text sits in the struct, so that out-of-memory can be
 * reported without memory.  One line, lower case, input quoted, no full stop, never a secret.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include "core/own.h"

#include <stdbool.h>
#include <stdint.h>

enum cr_err {
	CR_OK = 0,
	CR_EUSAGE = -1,    /* the command line: exit 64 */
	CR_ECONFIG = -2,   /* the configuration: exit 78 */
	CR_EAUTH = -3,     /* a provider does not accept our credentials: fix them, no retry */
	CR_ENOTFOUND = -4, /* the named thing does not exist */
	CR_ECONFLICT = -5, /* exists, and is not ours: change the plan */
	CR_ERETRY = -6,    /* later; retry_after_s says when, 0 = unknown: exit 75 */
	CR_EREFUSED = -7,  /* a rule of this program forbids it: exit 77 */
	CR_EPARSE = -8,    /* outside bytes that cannot be read: exit 65 */
	CR_ESTORE = -9,    /* the store: exit 74, or 69 when it is not there */
	CR_EIO = -10,      /* a file, socket or child process: exit 74 */
	CR_ENOMEM = -11,
	CR_EUNKNOWN = -12, /* an ambiguous outcome: it may have been done; look before repeating */
	CR_EBUG = -13      /* cannot happen: exit 70 */
};

#define ERR_TEXT_MAX 512

struct err {
	int code;
	int retry_after_s;
	char text[ERR_TEXT_MAX];
};

/*
 * Fill err (NULL is fine) and return code, so that a failing line reads
 *   return err_set(err, CR_EPARSE, "ttl: not a number: '%s'", s);
 * Control bytes of the text are replaced by '?': an error line stays one line whatever the input.
 */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put context in front: "CONTEXT: old text".  Returns the code that err holds (CR_EBUG for NULL or an empty err). */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* CR_ENOMEM with the name of what did not fit. */
int err_nomem(struct err *err, const char *what);

/* CODE with "what: strerror(errnum)".  ENOSPC, EDQUOT, EROFS and so on keep the caller's code. */
int err_errno(struct err *err, int code, int errnum, const char *what);

/*
 * The four above never return CR_OK, which a reader of one file alone cannot know.  The analysers are told, or they follow
 * paths on which a failure was reported as success.
 */
#if (defined(__clang_analyzer__) || defined(ERR_TELL_ANALYSER)) && !defined(ERR_C)
#define ERR_NEVER_OK(call)                                                                                             \
	(__extension__({                                                                                               \
		int never_ok_ = (call);                                                                                \
		if (never_ok_ >= CR_OK)                                                                                \
			__builtin_unreachable();                                                                       \
		never_ok_;                                                                                             \
	}))
#define err_set(...)   ERR_NEVER_OK(err_set(__VA_ARGS__))
#define err_wrap(...)  ERR_NEVER_OK(err_wrap(__VA_ARGS__))
#define err_nomem(...) ERR_NEVER_OK(err_nomem(__VA_ARGS__))
#define err_errno(...) ERR_NEVER_OK(err_errno(__VA_ARGS__))
#endif

/*
 * Of a call that was to change something elsewhere: does its code say that nothing was changed?  Every other failure, CR_EUNKNOWN
 * first of all, leaves that open, and whoever comes next looks before doing it again.
 */
bool err_nothing_done(int code);

/* The sysexits.h value for a code; ARCHITECTURE.md, exit codes.  CR_OK gives 0. */
int err_exit_code(int code);

/* "usage", "config", ... for --json and logs; never NULL. */
const char *err_code_name(int code);

#endif
