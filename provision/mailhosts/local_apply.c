/*
 * local_apply.c - the resources of a domain made at, taken from, and silenced at the self-hosted mail host.
 *
 * Sources: access(5), opendkim.conf(5).  Order of making: key files, KeyTable, SigningTable, the way out, mailboxes, the domain last; of taking
 * away the reverse.  enum map_file holds the order of the tables.
 */
#include "provision/mailhosts/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "provision/mailhosts/local_passwd.h"

#define DOMAIN_VALUE "coldrelay" /* Postfix reads only the left-hand side; the right one tells people who wrote it */
#define REFUSAL      "REJECT 5.7.1 coldrelay: frozen or closing"

/* One domain being made or taken away: the steps write into edits, and edits go to the tables together. */
struct work {
	const struct local *l;
	const char *domain;
	const struct mailhost_domain *want; /* NULL: taken away */
	struct map_edits edits;
	struct map passwd; /* as on disk, when a mailbox asked for it */
	bool passwd_read;
	const char **fresh; /* selectors whose key files this work made; room for one a step */
	size_t n_fresh;
};

static void
work_release(struct work *w)
{
	map_edits_release(&w->edits);
	map_release(&w->passwd);
	free(w->fresh);
}

/* ROOT/opendkim/keys/DOMAIN: 0711, so that the signer, another user, opens a key by its name and can list nothing. */
static int
make_key_dir(const struct local *l, const char *domain, struct err *err)
{
	char *name = NULL;
	int rc;

	if (asprintf(&name, "opendkim/keys/%s", domain) < 0)
		return err_nomem(err, "key directory");
	rc = maps_make_dir(l->maps, "opendkim/keys", 0711, err);
	if (rc == CR_OK)
		rc = maps_make_dir(l->maps, name, 0711, err);
	free(name);
	return rc;
}

static int
write_key_file(struct work *w, const struct mailhost_key *key, const char *path, bool create, struct err *err)
{
	enum key_file there;
	const char *pem;
	size_t len;
	int rc;

	if (key->pem == NULL)
		return err_set(err, CR_EBUG, "key %s comes without its private half", key->selector);
	rc = local_key_file(path, key->pem, &w->l->key_owner, &there, err);
	if (rc != CR_OK || there == KEY_FILE_SAME)
		return rc;
	if (create && there == KEY_FILE_DIFFERENT)
		return err_set(err, CR_ECONFLICT, "%s is there already, and not ours", path);
	rc = make_key_dir(w->l, w->domain, err);
	pem = secret_bytes(key->pem, &len);
	/* What a killed run left half-written here is the key all the same. */
	file_sweep(path);
	if (rc == CR_OK)
		rc = file_replace(path, pem, len, 0600, w->l->key_owner, err);
	if (rc == CR_OK && there == KEY_FILE_ABSENT)
		w->fresh[w->n_fresh++] = key->selector;
	return rc;
}

static int
apply_key(struct work *w, const struct mailhost_step *step, struct err *err)
{
	const struct mailhost_key *key = NULL;
	const bool create = step->change == MAILHOST_CREATE;
	struct key_lines lines = {0};
	int rc;

	for (size_t i = 0; i < w->want->n_keys; i++)
		if (strcmp(w->want->keys[i].selector, step->subject) == 0)
			key = &w->want->keys[i];
	if (key == NULL)
		return err_set(err, CR_EBUG, "step for key %s, which %s does not want", step->subject, w->domain);
	rc = key_lines_make(w->l->root, w->domain, key->selector, &lines, err);
	if (rc == CR_OK)
		rc = write_key_file(w, key, lines.path, create, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_KEY_TABLE, create ? MAP_ADD : MAP_SET, lines.name, lines.value, err);
	key_lines_release(&lines);
	return rc;
}

static int
apply_signing(struct work *w, const struct mailhost_step *step, struct err *err)
{
	const struct mailhost_key *key = local_signing_key(w->want);
	struct signing_line line;
	struct key_lines lines = {0};
	int rc;

	if (key == NULL)
		return err_set(err, CR_EBUG, "step for signing, but no key of %s signs", w->domain);
	rc = key_lines_make(w->l->root, w->domain, key->selector, &lines, err);
	if (rc == CR_OK)
		rc = local_signing_line(w->l, w->domain, key, &lines, &line, err);
	if (rc == CR_OK && w->l->rspamd)
		rc = maps_make_dir(w->l->maps, "rspamd", 0755, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, line.file, step->change == MAILHOST_CREATE ? MAP_ADD : MAP_SET, line.key,
		                   line.value, err);
	/* Two signers would sign twice, and the one that is told no more would go on with an old key. */
	if (rc == CR_OK && step->change == MAILHOST_UPDATE)
		rc = map_edits_add(&w->edits, line.other_file, MAP_REMOVE, line.other_key, NULL, err);
	key_lines_release(&lines);
	return rc;
}

static int
apply_outgoing(struct work *w, const struct mailhost_step *step, struct err *err)
{
	const char *service = w->l->settings->outgoing;
	char key[OUTGOING_KEY_MAX], *value = NULL;
	int rc = outgoing_line(w->domain, service, key, &value, err);

	if (rc != CR_OK)
		return rc;
	if (service == NULL) {
		rc = map_edits_add(&w->edits, MAP_OUTGOING, MAP_REMOVE, key, NULL, err);
	} else {
		rc = map_edits_add(&w->edits, MAP_SERVICES, MAP_SET, service, w->l->service, err);
		if (rc == CR_OK)
			rc = map_edits_add(&w->edits, MAP_OUTGOING, step->change == MAILHOST_CREATE ? MAP_ADD : MAP_SET,
			                   key, value, err);
	}
	free(value);
	return rc;
}

/* Dovecot's line, unless the one that is there is right: a new hash of an old password would be a change without a reason. */
static int
apply_passwd(struct work *w, const struct mailhost_mailbox *box, const char *tail, enum map_change change,
             struct err *err)
{
	struct buf line = {0};
	bool right = false;
	int rc;

	if (box->password == NULL)
		return err_set(err, CR_EBUG, "mailbox %s comes without a password", box->address);
	if (!w->passwd_read) {
		rc = maps_read(w->l->maps, MAP_PASSWD_FILE, &w->passwd, err);
		if (rc != CR_OK)
			return rc;
		w->passwd_read = true;
	}
	rc = local_is_passwd_right(&w->passwd, box->address, box->password, tail, &right, err);
	if (rc != CR_OK || right)
		goto out;
	rc = passwd_hash(box->password, &line, err);
	if (rc != CR_OK)
		goto out;
	buf_adds(&line, tail);
	rc = buf_check(&line, "passwd line", err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_PASSWD_FILE, change, box->address, buf_str(&line), err);
out:
	buf_release(&line);
	return rc;
}

static int
apply_mailbox(struct work *w, const struct mailhost_step *step, struct err *err)
{
	const enum map_change change = step->change == MAILHOST_CREATE ? MAP_ADD : MAP_SET;
	const struct mailhost_mailbox *box = NULL;
	struct mailbox_lines lines = {0};
	int rc;

	for (size_t i = 0; i < w->want->n_mailboxes; i++)
		if (strcmp(w->want->mailboxes[i].address, step->subject) == 0)
			box = &w->want->mailboxes[i];
	if (box == NULL)
		return err_set(err, CR_EBUG, "step for mailbox %s, which %s does not want", step->subject, w->domain);
	rc = mailbox_lines_make(&w->l->place, w->domain, box->address, &lines, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_MAILBOXES, change, box->address, lines.maildir, err);
	if (rc == CR_OK)
		rc = apply_passwd(w, box, lines.tail, change, err);
	mailbox_lines_release(&lines);
	return rc;
}

static int
apply_domain(struct work *w, const struct mailhost_step *step, struct err *err)
{
	int rc = lines_check_domain(w->domain, err);

	if (rc == CR_OK && strcmp(step->subject, w->domain) != 0)
		rc = err_set(err, CR_EBUG, "step for domain %s among those of %s", step->subject, w->domain);
	if (rc != CR_OK)
		return rc;
	return map_edits_add(&w->edits, MAP_DOMAINS, step->change == MAILHOST_CREATE ? MAP_ADD : MAP_SET, w->domain,
	                     DOMAIN_VALUE, err);
}

static int
undo_key(struct work *w, const char *subject, struct err *err)
{
	struct key_lines lines = {0};
	int rc = key_lines_make(w->l->root, w->domain, subject, &lines, err);

	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_KEY_TABLE, MAP_REMOVE, lines.name, NULL, err);
	key_lines_release(&lines);
	return rc;
}

static int
undo_signing(struct work *w, const char *subject, struct err *err)
{
	char pattern[SIGNING_PATTERN_MAX];
	int rc = signing_pattern(w->domain, pattern, err);

	(void)subject;
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_SIGNING, MAP_REMOVE, pattern, NULL, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_SELECTORS, MAP_REMOVE, w->domain, NULL, err);
	return rc;
}

/* The service stays: other domains may go out by it. */
static int
undo_outgoing(struct work *w, const char *subject, struct err *err)
{
	char key[OUTGOING_KEY_MAX], *value;
	int rc = outgoing_line(w->domain, NULL, key, &value, err);

	(void)subject;
	return rc == CR_OK ? map_edits_add(&w->edits, MAP_OUTGOING, MAP_REMOVE, key, NULL, err) : rc;
}

static int
undo_mailbox(struct work *w, const char *subject, struct err *err)
{
	struct mailbox_lines lines = {0};
	int rc = mailbox_lines_make(&w->l->place, w->domain, subject, &lines, err);

	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_MAILBOXES, MAP_REMOVE, subject, NULL, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_PASSWD_FILE, MAP_REMOVE, subject, NULL, err);
	mailbox_lines_release(&lines);
	return rc;
}

static int
undo_domain(struct work *w, const char *subject, struct err *err)
{
	int rc;

	if (strcmp(w->domain, subject) != 0)
		return err_set(err, CR_EBUG, "undo of domain %s among those of %s", subject, w->domain);
	rc = map_edits_add(&w->edits, MAP_DOMAINS, MAP_REMOVE, w->domain, NULL, err);
	if (rc == CR_OK)
		rc = map_edits_add(&w->edits, MAP_SENDERS, MAP_REMOVE, w->domain, REFUSAL, err);
	return rc;
}

static const struct kind {
	const char *name;
	int (*apply)(struct work *w, const struct mailhost_step *step, struct err *err);
	int (*undo)(struct work *w, const char *subject, struct err *err);
} kinds[] = {
	{"key",      apply_key,      undo_key     },
	{"signing",  apply_signing,  undo_signing },
	{"mailbox",  apply_mailbox,  undo_mailbox },
	{"outgoing", apply_outgoing, undo_outgoing},
	{"domain",   apply_domain,   undo_domain  },
};

static int
find_kind(const char *name, const struct kind **out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0) {
			*out = &kinds[i];
			return CR_OK;
		}
	return err_set(err, CR_EBUG, "unknown kind of step '%s'", name);
}

/* The key file goes after the KeyTable line that names it; the directory with the last file. */
static int
remove_key_file(const struct local *l, const char *domain, const char *selector, struct err *err)
{
	struct key_lines lines = {0};
	int rc = key_lines_make(l->root, domain, selector, &lines, err);

	if (rc == CR_OK) {
		file_sweep(lines.path);
		rc = file_remove(lines.path, err);
	}
	if (rc == CR_OK) {
		*strrchr(lines.path, '/') = '\0';
		if (rmdir(lines.path) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
			rc = err_errno(err, CR_EIO, errno, lines.path);
	}
	key_lines_release(&lines);
	return rc;
}

/* Nothing was done is to be true of the key files too: one that the journal does not name would look foreign for ever. */
static void
take_back(const struct work *w)
{
	struct err second = {0};

	for (size_t i = 0; i < w->n_fresh; i++)
		if (remove_key_file(w->l, w->domain, w->fresh[i], &second) != CR_OK)
			log_debug("%s", second.text);
}

/* What is slow and touches only this domain (hashes, key files) is done by the caller's own thread, before it joins a group. */
int
local_apply(void *ctx, const struct mailhost_domain *want, const struct mailhost_steps *steps, struct err *err)
{
	struct work w = {.l = ctx, .domain = want->domain, .want = want};
	const struct kind *kind = NULL;
	int rc = lines_check_domain(want->domain, err);

	w.fresh = calloc(steps->n + 1, sizeof(*w.fresh));
	if (rc == CR_OK && w.fresh == NULL)
		rc = err_nomem(err, "steps");
	for (size_t i = 0; i < steps->n && rc == CR_OK; i++) {
		const struct mailhost_step *step = &steps->items[i];

		if (step->change != MAILHOST_CREATE && step->change != MAILHOST_UPDATE)
			continue;
		rc = find_kind(step->kind, &kind, err);
		if (rc == CR_OK)
			rc = kind->apply(&w, step, err);
	}
	if (rc == CR_OK)
		rc = maps_commit(w.l->maps, &w.edits, false, err);
	if (err_nothing_done(rc))
		take_back(&w);
	work_release(&w);
	return rc;
}

int
local_undo(void *ctx, const char *domain, const struct mailhost_steps *steps, struct err *err)
{
	struct work w = {.l = ctx, .domain = domain};
	const struct kind *kind = NULL;
	int rc;

	rc = lines_check_domain(domain, err);
	for (size_t i = 0; i < steps->n && rc == CR_OK; i++) {
		rc = find_kind(steps->items[i].kind, &kind, err);
		if (rc == CR_OK)
			rc = kind->undo(&w, steps->items[i].subject, err);
	}
	if (rc == CR_OK)
		rc = maps_commit(w.l->maps, &w.edits, true, err);
	for (size_t i = 0; i < steps->n && rc == CR_OK; i++)
		if (strcmp(steps->items[i].kind, "key") == 0)
			rc = remove_key_file(w.l, domain, steps->items[i].subject, err);
	work_release(&w);
	return rc;
}

/* Postfix refuses the domain as a sender (check_sender_access); what it receives goes on arriving. */
int
local_quiesce(void *ctx, const char *domain, bool off, struct err *err)
{
	struct local *l = ctx;
	struct map_edits edits = {0};
	int rc;

	rc = lines_check_domain(domain, err);
	if (rc == CR_OK)
		rc = map_edits_add(&edits, MAP_SENDERS, off ? MAP_ADD : MAP_REMOVE, domain, REFUSAL, err);
	if (rc == CR_OK)
		rc = maps_commit(l->maps, &edits, false, err);
	map_edits_release(&edits);
	return rc;
}
