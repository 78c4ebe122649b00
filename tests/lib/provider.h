/*
 * provider.h - a zone provider for a test as the program opens one.
 */
#ifndef TESTS_LIB_PROVIDER_H
#define TESTS_LIB_PROVIDER_H

#include "dns/zones/zones.h"
#include "tests/lib/fake_clock.h"

/* settings: as in a configuration; fails the running test on a fault in them.  Released by zone_provider_release. */
void provider_open(const char *driver, const char *settings, struct http *http, const struct clock *clock,
                   struct zone_provider *out);

#endif
