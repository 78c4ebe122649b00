/*
 * lazy.h - a library loaded when its first call is due, not when the program starts.
 *
 * Most commands ask the store one question and end.  Linking what only provisioning needs (libcurl alone brings some forty shared
 * objects) would make each of them nine times as slow as it has to be.
 *
 * The door of a library lists the functions it calls, in one macro, and gives each its way through the table:
 *
 *   #define CALLS(X) X(frob_new) X(frob_free)
 *   LAZY_LIBRARY(frob, "libfrob.so.2", "libfrob2", CALLS);
 *   #define frob_new  frob.frob_new
 *   #define frob_free frob.frob_free
 *
 * so that the calls below stay as they are.  Types come from the library's own header.  A call that is missing in either list does not
 * link, since nothing else defines it.  Whoever enters by a function that can fail says lazy_need first; what runs only on something
 * that such a function made (a handle, a parsed document) need not.
 */
#ifndef CORE_LAZY_H
#define CORE_LAZY_H

#include "core/err.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct lazy {
	const char *soname;       /* the interface that the header describes: "libcurl.so.4" */
	const char *package;      /* Debian's, for the error */
	const char *const *names; /* of the functions, in the order of the table */
	size_t n;
	void *calls; /* a struct of n pointers to functions */
	atomic_bool loaded;
};

#define LAZY_MEMBER_(function) __typeof__(function) *function;

#ifndef LAZY_LINKED

/*
 * Load the library unless it is, and fill its table: all of it, or nothing.  It stays for the life of the process.  Any thread.
 * Errors: CR_ECONFIG (not installed, saying what to install; or not fit to be used).
 */
MUST_CHECK int lazy_need(struct lazy *l, struct err *err);

/*
 * The same for a function that cannot fail and must not guess: the error's line, and the end of the process (exit 78), as the dynamic
 * linker would have ended it at the start.
 */
void lazy_must(struct lazy *l);

#define LAZY_NAME_(function) #function,
/* Where several files make up the door: LAZY_TABLE and LAZY_SHARED in their header, and in one of them LAZY_SHARED_ROW. */
#define LAZY_TABLE(library, CALLS)                                                                                     \
	struct library##_calls {                                                                                       \
		CALLS(LAZY_MEMBER_)                                                                                    \
	}
#define LAZY_SHARED(library) extern struct library##_calls library
#define LAZY_LIBRARY(library, soname_, package_, CALLS)                                                                \
	LAZY_TABLE(library, CALLS);                                                                                    \
	static struct library##_calls library;                                                                         \
	LAZY_ROW(library, soname_, package_, CALLS)
#define LAZY_ROW(library, soname_, package_, CALLS)                                                                    \
	static const char *const library##_names[] = {CALLS(LAZY_NAME_)};                                              \
	static_assert(sizeof(library) == sizeof(library##_names), "a pointer for each name");                          \
	static struct lazy library##_lazy = {                                                                          \
		.soname = (soname_),                                                                                   \
		.package = (package_),                                                                                 \
		.names = library##_names,                                                                              \
		.n = sizeof(library##_names) / sizeof(library##_names[0]),                                             \
		.calls = &library,                                                                                     \
	}
#define LAZY_SHARED_ROW(library, soname_, package_, CALLS)                                                             \
	struct library##_calls library;                                                                                \
	LAZY_ROW(library, soname_, package_, CALLS)

#else

/*
 * For the gate as a library, whose users have to see what it needs and cannot have it end their process: the table is a constant of
 * addresses, through which the compiler calls directly, and there is nothing to load.
 */
#define lazy_need(l, err)       ((void)(err), CR_OK)
#define lazy_must(l)            ((void)0)
#define LAZY_ADDRESS_(function) .function = (function),
#define LAZY_TABLE(library, CALLS)                                                                                     \
	struct library##_calls {                                                                                       \
		CALLS(LAZY_MEMBER_)                                                                                    \
	};                                                                                                             \
	__attribute__((unused)) static const struct library##_calls library = {CALLS(LAZY_ADDRESS_)}
#define LAZY_SHARED(library)                               static_assert(sizeof(library) > 0, "in each file")
#define LAZY_LIBRARY(library, soname_, package_, CALLS)    LAZY_TABLE(library, CALLS)
#define LAZY_SHARED_ROW(library, soname_, package_, CALLS) static_assert(sizeof(library) > 0, "linked")

#endif

#endif
