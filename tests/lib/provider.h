/*
 * provider.h - a zone provider for a test as the program opens one, and one that talks to recorded exchanges.
 */
#ifndef TESTS_LIB_PROVIDER_H
#define TESTS_LIB_PROVIDER_H

#include "dns/zones/zones.h"
#include "tests/lib/fake_clock.h"

/* settings: as in a configuration; fails the running test on a fault in them.  Released by zone_provider_release. */
void provider_open(const char *driver, const char *settings, struct http *http, const struct clock *clock,
                   struct zone_provider *out);

/* A provider over one file of tests/golden. */
struct golden {
	struct zone_provider provider;
	struct http *http;
	struct fake_clock clock;
};
/* file: tests/golden/DRIVER/FILE.http; base: what its paths stand below. */
void golden_open(const char *driver, const char *settings, const char *file, const char *base, struct golden *out);
/* Fails the running test unless every exchange of the file was used. */
void golden_close(struct golden *g);

#endif
