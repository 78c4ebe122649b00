/*
 * own.h - the handful of macros every file may use.
 *
 * TAKE hands ownership over: the value moves out and the variable becomes NULL,
 * so the release at the function's single exit has nothing left to free.
 */
#ifndef CORE_OWN_H
#define CORE_OWN_H

#include <stddef.h>

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))

#define TAKE(p)                                                                                                        \
	(__extension__({                                                                                               \
		__typeof__(p) taken_ = (p);                                                                            \
		(p) = NULL;                                                                                            \
		taken_;                                                                                                \
	}))

#endif
