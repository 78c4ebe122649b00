/*
 * lazy_curl.h - the one door to libcurl: the calls that core/http_curl.c and core/imap_curl.c make, loaded and started at the first
 * request.
 *
 * Private to the two.  The header's macros curl_easy_getinfo and curl_easy_setopt check the type of the last argument, and call the
 * function that is not linked; CURL_SET checks it here.
 */
#ifndef CORE_LAZY_CURL_H
#define CORE_LAZY_CURL_H

#include <assert.h>
#include <stdbool.h>

#include <curl/curl.h>

#include "core/lazy.h"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed for CURLOPT_PREREQFUNCTION"
#endif

/* clang-format off */
#define CURL_CALLS(X) \
	X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_perform) X(curl_easy_recv) \
	X(curl_easy_reset) X(curl_easy_send) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_free) \
	X(curl_global_init) X(curl_slist_append) X(curl_slist_free_all) X(curl_url) \
	X(curl_url_cleanup) X(curl_url_get) X(curl_url_set)
/* clang-format on */
LAZY_TABLE(libcurl, CURL_CALLS);
LAZY_SHARED(libcurl);
#undef curl_easy_getinfo
#undef curl_easy_setopt
#define curl_easy_cleanup   libcurl.curl_easy_cleanup
#define curl_easy_getinfo   libcurl.curl_easy_getinfo
#define curl_easy_init      libcurl.curl_easy_init
#define curl_easy_perform   libcurl.curl_easy_perform
#define curl_easy_recv      libcurl.curl_easy_recv
#define curl_easy_reset     libcurl.curl_easy_reset
#define curl_easy_send      libcurl.curl_easy_send
#define curl_easy_setopt    libcurl.curl_easy_setopt
#define curl_easy_strerror  libcurl.curl_easy_strerror
#define curl_free           libcurl.curl_free
#define curl_global_init    libcurl.curl_global_init
#define curl_slist_append   libcurl.curl_slist_append
#define curl_slist_free_all libcurl.curl_slist_free_all
#define curl_url            libcurl.curl_url
#define curl_url_cleanup    libcurl.curl_url_cleanup
#define curl_url_get        libcurl.curl_url_get
#define curl_url_set        libcurl.curl_url_set

/*
 * Load libcurl and start it, once for the process; any thread.  Everything above may be called afterwards.
 * Errors: as lazy_need; CR_EIO (it does not start).
 */
MUST_CHECK int lazy_curl_start(struct err *err);

/* Set an option unless an earlier one failed.  Wide enough for va_arg: an int where libcurl takes a long is the mistake that compilers
 * let pass. */
#define CURL_SET(rc, easy, option, value)                                                                              \
	do {                                                                                                           \
		static_assert(sizeof(true ? (value) : (value)) >= sizeof(long), "a long, an offset or a pointer");     \
		if ((rc) == CURLE_OK)                                                                                  \
			(rc) = curl_easy_setopt((easy), (option), (value));                                            \
	} while (0)

#endif
