/*
 * reply_inside.h - what a rules file becomes: for the loader and the classifier.
 */
#ifndef BUDGET_REPLY_INSIDE_H
#define BUDGET_REPLY_INSIDE_H

#include "budget/phrases.h"
#include "budget/reply.h"
#include "budget/reply_text.h"
#include "core/buf.h"

#define REPLY_FILE_MAX   ((size_t)1 << 20)
#define REPLY_RULES_MAX  4096
#define REPLY_LAYERS_MAX 128
#define REPLY_NO_LAYER   UINT8_MAX

/* for people; NULL: as its class has it */
struct reply_saying {
	const char *means, *decides, *todo, *never;
};

/* Some of a pool: of the phrases of a condition, of the ranges of a status. */
struct reply_span {
	uint32_t at, n;
};

struct reply_range {
	uint32_t low, high; /* reply_status() */
};

#define REPLY_ALSO 3
struct reply_rule {
	const char *id;
	enum reply_class class;
	enum reply_category category;
	uint8_t layer;             /* the one it tells; REPLY_NO_LAYER */
	uint64_t from[2], only[2]; /* layers, as bits: one of these or none known; one of these */
	struct reply_span reply, status, text, not ;
	struct reply_span also[REPLY_ALSO];
	const char *command; /* NULL: any */
	struct reply_saying saying;
	int line;
	bool builtin;
};

struct reply_layer {
	const char *name;
	struct reply_span host;                     /* of hosts: suffixes */
	struct reply_span host_text, text, address; /* phrases */
	struct reply_span status;
};

/* A line `test: HOST | REPLY => ID`. */
struct reply_test {
	const char *rule; /* under which it stands */
	const char *host, *text, *want;
	int line;
	bool builtin;
};

struct reply_rules {
	struct buf file[2]; /* the built-in one, the operator's; names and sayings point into them */
	struct phrases phrases;
	struct reply_rule *rules;
	struct reply_layer layers[REPLY_LAYERS_MAX];
	struct reply_saying sayings[REPLY_CLASS__COUNT];
	struct reply_range *ranges;
	uint16_t *ids; /* of phrases */
	const char **hosts;
	struct reply_test *tests;
	size_t n_files, n_rules, n_layers, n_ranges, n_ids, n_hosts, n_tests;
	size_t cap_rules, cap_ranges, cap_ids, cap_hosts, cap_tests;
};

/* The text of templates/replies.rules, ended by a NUL. */
extern const char reply_builtin_text[], reply_builtin_end[];

/*
 * Add what a file says; file is taken over, and its bytes stay in r.  Rules of a second file stand before those of the first, and take the
 * place of one with the same id.  The phrases are still to be closed.
 * Errors: CR_ECONFIG with NAME:LINE for each fault, CR_ENOMEM.
 */
MUST_CHECK int reply_load(struct reply_rules *r, struct buf *file_take, const char *name, struct err *err);

/* Does the rule answer that a test line wants?  got_out: what does. */
bool reply_test_holds(const struct reply_rules *r, const struct reply_test *test, struct reply_verdict *got_out);

#endif
