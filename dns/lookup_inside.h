/*
 * lookup_inside.h - what the cache of lookup.c and the ways to fill it share.
 */
#ifndef DNS_LOOKUP_INSIDE_H
#define DNS_LOOKUP_INSIDE_H

#include "dns/lookup.h"

struct lookup_slot;

/* One question, asked once.  Its address is its answer's for as long as the lookup lives. */
struct lookup_question {
	struct lookup_answer answer; /* first: what checks are handed */
	const char *name;            /* within key */
	uint16_t type;
	bool at_given; /* asked of `at`, without recursion; else by route */
	struct resolve_server at;
	bool recursion;
	bool started;
	struct lookup_slot **waiting;
	size_t n_waiting, cap_waiting;
	struct lookup_question *next; /* of those not started yet; free for the source after that */
	char key[];
};

/* Where answers come from. */
struct lookup_source {
	/* Begin to ask.  May answer at once.  Errors end the run. */
	int (*ask)(void *ctx, struct lookup_question *q, struct err *err);
	/* Wait until at least one question is answered.  Called only while one is open. */
	int (*wait)(void *ctx, struct err *err);
	/* Give up what is under way. */
	void (*stop)(void *ctx);
	void (*drop)(void *ctx);
	size_t (*sent)(const void *ctx);
};
/* ctx becomes the lookup's, also on failure. */
MUST_CHECK int lookup_make(const struct lookup_source *source, void *ctx, struct lookup **out, struct err *err);
/* Where the names in and under a zone are asked. */
struct lookup_way {
	char *zone;
	struct resolve_server server;
	bool recursion;
	char *nobody; /* why there is no server; NULL: there is */
};
/* The way to a name; NULL: by the resolver. */
const struct lookup_way *lookup_way(const struct lookup *l, const char *name);
/* q->answer is complete: whoever waits for it may go on. */
void lookup_answered(struct lookup *l, struct lookup_question *q);

#endif
