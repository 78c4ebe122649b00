/*
 * local_maps.h - the tables of a self-hosted mail host on disk, changed by many threads with few writes.
 *
 * maps_commit is a group commit.  Callers bring edits; whoever finds no writer at work becomes the writer for all that wait,
 * reads each table once, makes everybody's edits, writes each table once and compiles it once.  While it writes, the next
 * group gathers.  So a hundred domains side by side cost a few file writes, not six hundred.
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_MAPS_H
#define PROVISION_MAILHOSTS_LOCAL_MAPS_H

#include <sys/types.h>

#include "core/cfg.h"
#include "core/clock.h"
#include "provision/mailhosts/local_map.h"

/*
 * In the order of writing, reversed for taking away: a domain is switched on last and off first, so that whatever moment a
 * power cut picks, no mail is accepted for a mailbox that is not there, and none is signed with a key that is not there.
 * The refusal of a quiesced sender outlives everything else of its domain.
 */
enum map_file {
	MAP_SENDERS,     /* postfix/sender_access */
	MAP_KEY_TABLE,   /* opendkim/KeyTable */
	MAP_SIGNING,     /* opendkim/SigningTable */
	MAP_SELECTORS,   /* rspamd/selectors */
	MAP_SERVICES,    /* postfix/outgoing_services */
	MAP_OUTGOING,    /* postfix/sender_transports */
	MAP_MAILBOXES,   /* postfix/virtual_mailbox_maps */
	MAP_PASSWD_FILE, /* dovecot/passwd */
	MAP_DOMAINS,     /* postfix/virtual_mailbox_domains */
	MAP_FILE__COUNT
};

enum map_change {
	MAP_ADD,   /* must not be there with another value: CR_ECONFLICT */
	MAP_SET,   /* ours to overwrite */
	MAP_REMOVE /* value not NULL: only when it says that */
};
struct map_edit {
	enum map_file file;
	enum map_change change;
	char *key, *value; /* heap */
};
struct map_edits {
	struct map_edit *items;
	size_t n, cap;
};
void map_edits_release(struct map_edits *e);
/* Copies key and value. */
MUST_CHECK int map_edits_add(struct map_edits *e, enum map_file file, enum map_change change, const char *key,
                             const char *value, struct err *err);

struct maps;
/* root: absolute.  reload: program and arguments, run after the OpenDKIM tables changed; may be empty.  Borrowed.  Touches nothing. */
MUST_CHECK int maps_open(const char *root, const struct cfg_list *reload, const struct clock *clock, struct maps **out,
                         struct err *err);
void maps_drop(struct maps **m);

/* Make ROOT and ROOT/name with mode, whatever the umask: other users read here.  Those that exist are left as they are. */
MUST_CHECK int maps_make_dir(const struct maps *m, const char *name, mode_t mode, struct err *err);

/* The table as it is on disk; an absent file is an empty table.  Errors: CR_EIO, CR_EPARSE (too long), CR_ENOMEM. */
MUST_CHECK int maps_read(const struct maps *m, enum map_file file, struct map *out, struct err *err);
/* Was a run cut off between writing the table and telling its reader (postmap, reload)? The next commit of the table tells it. */
bool maps_is_stale(const struct maps *m, enum map_file file);

/*
 * Make all edits or none (as far as the table texts go), durable on return.  reverse: write in reverse order.
 * Errors: CR_ECONFLICT (MAP_ADD met another value), CR_ERETRY (another process holds ROOT/.lock), CR_EIO (disk, postmap, reload), CR_ENOMEM.
 */
MUST_CHECK int maps_commit(struct maps *m, const struct map_edits *edits, bool reverse, struct err *err);

#endif
