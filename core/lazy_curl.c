/*
 * lazy_curl.c - libcurl's table of calls, and its start.
 *
 * Sources: curl_global_init(3), libcurl-thread(3), CURLOPT_NOSIGNAL(3).
 */
#include "core/lazy_curl.h"

#include <pthread.h>
#include <signal.h>

LAZY_SHARED_ROW(libcurl, "libcurl.so.4", "libcurl4", CURL_CALLS);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode started;

static void
start(void)
{
	struct sigaction old;

	started = curl_global_init(CURL_GLOBAL_DEFAULT);
	/* With CURLOPT_NOSIGNAL a peer that hangs up during a TLS write would kill the process. */
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
}

int
lazy_curl_start(struct err *err)
{
	int rc = lazy_need(&libcurl_lazy, err);

	if (rc != CR_OK)
		return rc;
	(void)pthread_once(&once, start);
	return started == CURLE_OK ? CR_OK : err_set(err, CR_EIO, "libcurl: %s", curl_easy_strerror(started));
}
