/*
 * local_lines.h - how a key and a mailbox are written into the tables of a self-hosted mail host.  Pure.
 *
 * A name that would need quoting anywhere, or that could climb out of a path, is CR_EREFUSED.
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_LINES_H
#define PROVISION_MAILHOSTS_LOCAL_LINES_H

#include <stdint.h>

#include "core/cfg.h"
#include "core/err.h"
#include "dns/name.h"

MUST_CHECK int lines_check_domain(const char *domain, struct err *err);

/* KeyTable says name -> value; SigningTable says pattern -> name; the key lies at path. */
struct key_lines {
	char *name, *value, *path; /* heap */
};
void key_lines_release(struct key_lines *k);
MUST_CHECK int key_lines_make(const char *root, const char *domain, const char *selector, struct key_lines *out,
                              struct err *err);

#define SIGNING_PATTERN_MAX (NAME_TEXT_MAX + 2)
/* "*@DOMAIN", the wildcard form of "refile:". */
MUST_CHECK int signing_pattern(const char *domain, char out[SIGNING_PATTERN_MAX], struct err *err);

/*
 * What master.cf says of the service through which a host's domains send: its address of each family, no other one, and HELO with the
 * host's name, which is what its PTR says too.  Errors: CR_ECONFIG (no plain name; two addresses of a family, of which smtp(8) binds one).
 */
MUST_CHECK int outgoing_service(const char *service, const char *host, const struct cfg_list *addresses, char **out,
                                struct err *err);
/* sender_transports says "@DOMAIN" -> "SERVICE:".  service NULL: value NULL. */
#define OUTGOING_KEY_MAX (NAME_TEXT_MAX + 2)
MUST_CHECK int outgoing_line(const char *domain, const char *service, char key[OUTGOING_KEY_MAX], char **value,
                             struct err *err);

/* Where mail lies, and whose it is; uid, gid -1: not said. */
struct mailbox_place {
	int64_t uid, gid;
	const char *mail_home;
};
/* virtual_mailbox_maps says address -> maildir; Dovecot's passwd says address:HASH and tail. */
struct mailbox_lines {
	char *maildir, *tail; /* heap */
};
void mailbox_lines_release(struct mailbox_lines *m);
MUST_CHECK int mailbox_lines_make(const struct mailbox_place *p, const char *domain, const char *address,
                                  struct mailbox_lines *out, struct err *err);

#endif
