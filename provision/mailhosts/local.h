/*
 * local.h - what the files of the self-hosted mail host's driver share.
 *
 *   local.c          settings, opening, facts, the driver's row
 *   local_observe.c  what is there
 *   local_apply.c    making, taking away, silencing
 *   local_maps.c     the tables on disk and the group commit; local_map.c the text of one
 *   local_lines.c    what a line says; local_passwd.c password hashes
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_H
#define PROVISION_MAILHOSTS_LOCAL_H

#include "core/file.h"
#include "provision/mailhosts/local_lines.h"
#include "provision/mailhosts/local_maps.h"
#include "provision/mailhosts/mailhosts.h"

struct local_settings {
	char *root;
	char *host;
	struct cfg_list addresses;
	int64_t warm_up_s;
	int64_t uid, gid;
	char *dkim_owner;
	struct cfg_list dkim_reload;
	char *mail_home;
	char *template_name;
};

struct local {
	const struct local_settings *settings;
	struct name host;
	char *root; /* absolute: it is written into KeyTable */
	struct mailbox_place place;
	struct file_owner key_owner;
	struct maps *maps;
};

/*
 * The one key of want that SigningTable names, or NULL.  RSA before Ed25519: OpenDKIM makes one signature a message unless told
 * otherwise, and every receiver verifies RSA (RFC 8463 s4 asks to sign with both).
 */
const struct mailhost_key *local_signing_key(const struct mailhost_domain *want);

enum key_file { KEY_FILE_ABSENT, KEY_FILE_SAME, KEY_FILE_DIFFERENT };
/* A key that others may read counts as different: OpenDKIM refuses it (RequireSafeKeys).  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int local_key_file(const char *path, const struct secret *pem, enum key_file *out, struct err *err);

/*
 * Does Dovecot's line of address say what it should? Its hash by verifying, its fixed fields by comparing with tail; extra fields
 * behind them are the administrator's.  Without a password at hand the hash is taken as it is.  Errors: CR_ENOMEM.
 */
MUST_CHECK int local_is_passwd_right(const struct map *passwd, const char *address, const struct secret *password,
                                     const char *tail, bool *right_out, struct err *err);

/* The driver's calls; mailhosts.h says what each promises. */
int local_observe(void *ctx, const struct mailhost_domain *want,
                  bool (*owned)(const char *kind, const char *subject, void *arg), void *arg,
                  struct mailhost_steps *out, struct err *err);
int local_apply(void *ctx, const struct mailhost_domain *want, const struct mailhost_steps *steps, struct err *err);
int local_undo(void *ctx, const char *domain, const struct mailhost_steps *steps, struct err *err);
int local_quiesce(void *ctx, const char *domain, bool off, struct err *err);

#endif
