/*
 * local_map.h - the text of one look-up table of a mail server: entries found, set and taken out, all other bytes kept.
 *
 * Pure: no file is touched.  Three spellings:
 *   MAP_POSTFIX   "key  value", '#' comments, a line that starts with a blank continues the entry above (postmap(1))
 *   MAP_OPENDKIM  the same without continuation; the *first* match wins, patterns may hold '*' (opendkim.conf(5) "refile:")
 *   MAP_PASSWD    "user:value" (Dovecot passwd-file)
 * Keys are compared without case, as postmap and Dovecot fold them.  Of several lines with one key the first counts.
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_MAP_H
#define PROVISION_MAILHOSTS_LOCAL_MAP_H

#include "core/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum map_format { MAP_POSTFIX, MAP_OPENDKIM, MAP_PASSWD };

struct map_line {
	const char *text; /* without the newline; into map.text or own */
	size_t len;
	size_t key_len; /* the key stands at text + key_at; 0: no entry */
	size_t key_at, value_at;
	size_t value_len; /* reaches over the continuation lines, which makes the value differ from any of ours */
	size_t head;      /* the entry that this line continues, else itself */
	char *own;        /* NULL, or the text of a line that we set */
	bool gone;
};

struct map {
	enum map_format format;
	struct buf text; /* as read */
	struct map_line *lines;
	size_t n, cap;
	size_t n_read;  /* lines[0, n_read) stood in text, the others were added */
	size_t *slots;  /* hash of the key -> line + 1 */
	size_t n_slots; /* a power of two */
	bool changed;
};
void map_release(struct map *m);

/* Parse text, which the map takes over (text becomes empty).  Any bytes are a map.  Errors: CR_ENOMEM. */
MUST_CHECK int map_parse(enum map_format format, struct buf *text_take, struct map *out, struct err *err);

/* The value of key: borrowed, not terminated, until the next change.  NULL when there is none. */
const char *map_get(const struct map *m, const char *key, size_t *len_out);
/* Is there an entry of exactly this value? */
bool map_has(const struct map *m, const char *key, const char *value);

/*
 * Make key's entry say value: in place, or new: at the end; in an MAP_OPENDKIM map in front of all entries, because a
 * foreign wildcard above ours would win.  Nothing changes when it says so already.  Errors: CR_ENOMEM.
 */
MUST_CHECK int map_set(struct map *m, const char *key, const char *value, struct err *err);
/* Take key's entry out.  Gone already: nothing changes. */
void map_remove(struct map *m, const char *key);

/* The whole text as it is now.  Check out. */
void map_render(const struct map *m, struct buf *out);

#endif
