/*
 * golden.h - a zone provider over one file of recorded exchanges, and rows that try it.
 */
#ifndef TESTS_LIB_GOLDEN_H
#define TESTS_LIB_GOLDEN_H

#include "tests/lib/provider.h"

#define GOLDEN_ZONE "acme-mail.test" /* that all files speak of */

struct golden {
	struct zone_provider provider;
	struct http *http;
	struct fake_clock clock;
};
/* file: tests/golden/DRIVER/FILE.http; base: what its paths stand below. */
void golden_open(const char *driver, const char *settings, const char *file, const char *base, struct golden *out);
/* Fails the running test unless every exchange of the file was used. */
void golden_close(struct golden *g);

/* One file, what is done over it, and what comes of that. */
struct golden_row {
	const char *name;
	int (*what)(const struct golden *g, const char *file, struct err *err);
	const char *file;
	int want;
	const char *text; /* of the error; NULL: whatever it says */
};
/* Fails the running test unless all of r holds, and where one of the n secrets is told.  open_on: golden_open for this driver. */
void golden_check(const struct golden_row *r, void (*open_on)(struct golden *g, const char *file),
                  const char *const *secrets, size_t n);

/* What is the same for every driver. */
int golden_remove(const struct golden *g, const char *file, struct err *err);
/* The second time it is gone, which is no fault. */
int golden_remove_twice(const struct golden *g, const char *file, struct err *err);
/* From a zone that was seen by id: SPF of one record to another with another TTL, and the address of the mail host made. */
int golden_change_spf(const struct golden *g, const char *id, struct err *err);

void golden_add(struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata);
void golden_differ(struct set_diff *d, enum set_op op, const char *owner, uint16_t type, uint32_t ttl_s,
                   const char *rdata);

#endif
