/*
 * local.h - what the files of the self-hosted mail host's driver share.
 *
 *   local.c          settings, opening, facts, the driver's row
 *   local_observe.c  what is there
 *   local_apply.c    making, taking away, silencing
 *   local_maps.c     the tables on disk and the group commit; local_map.c the text of one; local_compiled.c when postmap wrote it
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
	char *outgoing; /* NULL: Postfix's default */
	char *signer;
	char *template_name;
};

struct local {
	const struct local_settings *settings;
	struct name host;
	char *root;    /* absolute: it is written into KeyTable */
	bool rspamd;   /* who signs; else OpenDKIM */
	char *service; /* what master.cf has to say of outgoing; NULL */
	struct mailbox_place place;
	struct file_owner key_owner;
	struct maps *maps;
};

/*
 * The one key of want that SigningTable names, or NULL.  RSA before Ed25519: OpenDKIM makes one signature a message unless told
 * otherwise, and every receiver verifies RSA (RFC 8463 s4 asks to sign with both).
 */
const struct mailhost_key *local_signing_key(const struct mailhost_domain *want);

/* Where it is written which key of a domain signs, and what: of the signer in use, and of the other one. */
struct signing_line {
	enum map_file file, other_file;
	char key[SIGNING_PATTERN_MAX], other_key[SIGNING_PATTERN_MAX];
	const char *value; /* lives in what it was made of */
};
MUST_CHECK int local_signing_line(const struct local *l, const char *domain, const struct mailhost_key *key,
                                  const struct key_lines *lines, struct signing_line *out, struct err *err);

enum key_file { KEY_FILE_ABSENT, KEY_FILE_SAME, KEY_FILE_DIFFERENT };
/* A key that others may read, or that is another user's than owner, counts as different: the signer refuses it (RequireSafeKeys), or
 * cannot read it.  Errors: CR_EIO, CR_ENOMEM. */
MUST_CHECK int local_key_file(const char *path, const struct secret *pem, const struct file_owner *owner,
                              enum key_file *out, struct err *err);

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
