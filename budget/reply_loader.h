/*
 * reply_loader.h - the state of reading a rules file, and what its two halves share: blocks and faults (reply_load.c), keys and their values
 * (reply_keys.c).
 */
#ifndef BUDGET_REPLY_LOADER_H
#define BUDGET_REPLY_LOADER_H

#include "budget/reply_inside.h"

enum block { BLOCK_NONE, BLOCK_CLASS, BLOCK_LAYER, BLOCK_RULE };

struct reply_loader {
	struct reply_rules *r;
	const char *name;
	bool builtin;
	enum block block;
	struct reply_rule *rule;
	struct reply_layer *layer;
	struct reply_saying *saying;
	int line;
	size_t first_rule;
	bool has_class, has_category;
	size_t faults_before; /* the rule began */
	struct buf faults;
	size_t n_faults;
};

/* Without the blanks around it; cut in place. */
char *reply_trim(char *s);
/* The next word of *rest, cut off in place, or NULL. */
char *reply_word(char **rest);

/* -1: no layer has that name. */
int reply_find_layer(const struct reply_rules *r, const char *name);
MUST_CHECK int reply_find_class(const char *name, enum reply_class *out, struct err *err);

/* A line `key: value` of the block that is open.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int reply_read_key(struct reply_loader *l, char *line, struct err *err);

MUST_CHECK int reply_room(void **data, size_t *cap, size_t n, size_t size, struct err *err);

/* ROOM(r, ids, err): make place for one more of r->ids. */
#define ROOM(r, what, err)                                                                                             \
	(__extension__({                                                                                               \
		void *data_ = (void *)(r)->what;                                                                       \
		int rc_ = reply_room(&data_, &(r)->cap_##what, (r)->n_##what, sizeof(*(r)->what), err);                \
		(r)->what = data_;                                                                                     \
		rc_;                                                                                                   \
	}))

#endif
