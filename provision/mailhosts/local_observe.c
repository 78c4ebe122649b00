/*
 * local_observe.c - what the self-hosted mail host holds of a domain, beside what it should hold.
 *
 * Read-only, and without the lock: every table is replaced whole, so a reader meets an old one or a new one.
 */
#include "provision/mailhosts/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "provision/mailhosts/local_passwd.h"

const struct mailhost_key *
local_signing_key(const struct mailhost_domain *want)
{
	const struct mailhost_key *found = NULL;

	for (size_t i = 0; i < want->n_keys; i++)
		if (want->keys[i].signs &&
		    (found == NULL || (found->algorithm != DKIM_RSA && want->keys[i].algorithm == DKIM_RSA)))
			found = &want->keys[i];
	return found;
}

int
local_signing_line(const struct local *l, const char *domain, const struct mailhost_key *key,
                   const struct key_lines *lines, struct signing_line *out, struct err *err)
{
	char pattern[SIGNING_PATTERN_MAX];
	int rc = signing_pattern(domain, pattern, err);

	if (rc != CR_OK)
		return rc;
	*out = (struct signing_line){.file = l->rspamd ? MAP_SELECTORS : MAP_SIGNING,
	                             .other_file = l->rspamd ? MAP_SIGNING : MAP_SELECTORS,
	                             .value = l->rspamd ? key->selector : lines->name};
	(void)snprintf(out->key, sizeof(out->key), "%s", l->rspamd ? domain : pattern);
	(void)snprintf(out->other_key, sizeof(out->other_key), "%s", l->rspamd ? pattern : domain);
	return CR_OK;
}

struct look {
	const struct local *l;
	const struct mailhost_domain *want;
	bool (*owned)(const char *kind, const char *subject, void *arg);
	void *arg;
	struct map maps[MAP_FILE__COUNT];
	struct mailhost_steps found;
};

/* What a resource is to us, from three questions: is any part of it there, is all of it right, did we make it? */
static int
judge(struct look *k, const char *kind, const char *subject, bool there, bool right, const char *wrong, struct err *err)
{
	struct mailhost_step step = {0};

	(void)snprintf(step.kind, sizeof(step.kind), "%s", kind);
	(void)snprintf(step.subject, sizeof(step.subject), "%s", subject);
	if (!there) {
		step.change = MAILHOST_CREATE;
	} else if (!k->owned(kind, subject, k->arg)) {
		step.change = MAILHOST_FOREIGN;
		(void)snprintf(step.detail, sizeof(step.detail), "is there, and coldrelay did not make it");
	} else if (right) {
		step.change = MAILHOST_PRESENT;
	} else {
		step.change = MAILHOST_UPDATE;
		(void)snprintf(step.detail, sizeof(step.detail), "%s", wrong);
	}
	return mailhost_steps_add(&k->found, &step, err);
}

static bool
has_key(const struct map *m, const char *key)
{
	size_t len;

	return map_get(m, key, &len) != NULL;
}

static int
look_at_domain(struct look *k, struct err *err)
{
	int rc = lines_check_domain(k->want->domain, err);

	if (rc != CR_OK)
		return rc;
	return judge(k, "domain", k->want->domain, has_key(&k->maps[MAP_DOMAINS], k->want->domain),
	             !maps_is_stale(k->l->maps, MAP_DOMAINS), "table is not compiled", err);
}

int
local_is_passwd_right(const struct map *passwd, const char *address, const struct secret *password, const char *tail,
                      bool *right_out, struct err *err)
{
	size_t len, hash_len;
	const char *value = map_get(passwd, address, &len);
	const char *end;

	*right_out = false;
	if (value == NULL)
		return CR_OK;
	end = memchr(value, ':', len);
	hash_len = end != NULL ? (size_t)(end - value) : len;
	if (len - hash_len < strlen(tail) || memcmp(value + hash_len, tail, strlen(tail)) != 0)
		return CR_OK;
	if (password == NULL) {
		*right_out = true;
		return CR_OK;
	}
	return passwd_verify(value, hash_len, password, right_out, err);
}

static int
look_at_mailbox(struct look *k, const struct mailhost_mailbox *box, struct err *err)
{
	struct map *mailboxes = &k->maps[MAP_MAILBOXES], *passwd = &k->maps[MAP_PASSWD_FILE];
	struct mailbox_lines lines = {0};
	bool right = false;
	int rc;

	rc = mailbox_lines_make(&k->l->place, k->want->domain, box->address, &lines, err);
	if (rc != CR_OK)
		return rc;
	if (map_has(mailboxes, box->address, lines.maildir) && !maps_is_stale(k->l->maps, MAP_MAILBOXES))
		rc = local_is_passwd_right(passwd, box->address, box->password, lines.tail, &right, err);
	if (rc == CR_OK)
		rc = judge(k, "mailbox", box->address,
		           has_key(mailboxes, box->address) || has_key(passwd, box->address), right,
		           "password, home or table differs", err);
	mailbox_lines_release(&lines);
	return rc;
}

static bool
is_owner(const struct stat *st, const struct file_owner *owner)
{
	return owner->uid == FILE_OWNER_SELF.uid || st->st_uid == owner->uid;
}

int
local_key_file(const char *path, const struct secret *pem, const struct file_owner *owner, enum key_file *out,
               struct err *err)
{
	struct buf text = {.max_bytes = SECRET_MAX_BYTES};
	struct stat st;
	const char *bytes;
	size_t len;
	int rc;

	rc = file_read(path, SECRET_MAX_BYTES, &text, err);
	*out = KEY_FILE_DIFFERENT;
	if (rc == CR_ENOTFOUND) {
		*out = KEY_FILE_ABSENT;
		rc = CR_OK;
	} else if (rc == CR_EPARSE) {
		rc = CR_OK;
	} else if (rc == CR_OK && pem != NULL) {
		bytes = secret_bytes(pem, &len);
		if (text.len == len && memcmp(text.data, bytes, len) == 0 && stat(path, &st) == 0 &&
		    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0 && is_owner(&st, owner))
			*out = KEY_FILE_SAME;
	}
	secret_wipe_buf(&text);
	return rc;
}

static int
look_at_key(struct look *k, const struct mailhost_key *key, struct err *err)
{
	const struct map *table = &k->maps[MAP_KEY_TABLE];
	struct key_lines lines = {0};
	enum key_file file = KEY_FILE_ABSENT;
	int rc;

	rc = key_lines_make(k->l->root, k->want->domain, key->selector, &lines, err);
	if (rc == CR_OK)
		rc = local_key_file(lines.path, key->pem, &k->l->key_owner, &file, err);
	if (rc == CR_OK)
		rc = judge(k, "key", key->selector, file != KEY_FILE_ABSENT || has_key(table, lines.name),
		           file == KEY_FILE_SAME && map_has(table, lines.name, lines.value) &&
		                   !maps_is_stale(k->l->maps, MAP_KEY_TABLE),
		           "key file or KeyTable differs", err);
	key_lines_release(&lines);
	return rc;
}

static int
look_at_signing(struct look *k, struct err *err)
{
	const struct mailhost_key *key = local_signing_key(k->want);
	struct signing_line line;
	struct key_lines lines = {0};
	int rc;

	if (key == NULL)
		return CR_OK;
	rc = key_lines_make(k->l->root, k->want->domain, key->selector, &lines, err);
	if (rc == CR_OK)
		rc = local_signing_line(k->l, k->want->domain, key, &lines, &line, err);
	if (rc == CR_OK) {
		const struct map *table = &k->maps[line.file];
		const bool by_other = has_key(&k->maps[line.other_file], line.other_key);

		rc = judge(k, "signing", k->want->domain, has_key(table, line.key) || by_other,
		           map_has(table, line.key, line.value) && !by_other && !maps_is_stale(k->l->maps, line.file),
		           "another key signs, or the table was not read again", err);
	}
	key_lines_release(&lines);
	return rc;
}

/* A domain whose host has no service of its own any more goes back to Postfix's default, where the line that says otherwise is ours. */
static int
look_at_outgoing(struct look *k, struct err *err)
{
	const char *domain = k->want->domain, *service = k->l->settings->outgoing;
	const struct map *table = &k->maps[MAP_OUTGOING];
	char key[OUTGOING_KEY_MAX], *value = NULL;
	int rc = outgoing_line(domain, service, key, &value, err);

	if (rc != CR_OK)
		return rc;
	if (service != NULL)
		rc = judge(k, "outgoing", domain, has_key(table, key),
		           map_has(table, key, value) && !maps_is_stale(k->l->maps, MAP_OUTGOING) &&
		                   map_has(&k->maps[MAP_SERVICES], service, k->l->service),
		           "sends by another service, or the service differs", err);
	else if (has_key(table, key) && k->owned("outgoing", domain, k->arg))
		rc = judge(k, "outgoing", domain, true, false, "sends by Postfix's default again", err);
	free(value);
	return rc;
}

int
local_observe(void *ctx, const struct mailhost_domain *want,
              bool (*owned)(const char *kind, const char *subject, void *arg), void *arg, struct mailhost_steps *out,
              struct err *err)
{
	struct look k = {.l = ctx, .want = want, .owned = owned, .arg = arg};
	int rc = CR_OK;

	for (unsigned f = 0; f < MAP_FILE__COUNT && rc == CR_OK; f++)
		rc = maps_read(k.l->maps, (enum map_file)f, &k.maps[f], err);
	for (size_t i = 0; i < want->n_keys && rc == CR_OK; i++)
		rc = look_at_key(&k, &want->keys[i], err);
	if (rc == CR_OK)
		rc = look_at_signing(&k, err);
	for (size_t i = 0; i < want->n_mailboxes && rc == CR_OK; i++)
		rc = look_at_mailbox(&k, &want->mailboxes[i], err);
	if (rc == CR_OK)
		rc = look_at_outgoing(&k, err);
	if (rc == CR_OK)
		rc = look_at_domain(&k, err);
	for (unsigned f = 0; f < MAP_FILE__COUNT; f++)
		map_release(&k.maps[f]);
	for (size_t i = 0; i < k.found.n && rc == CR_OK; i++)
		rc = mailhost_steps_add(out, &k.found.items[i], err);
	mailhost_steps_release(&k.found);
	return rc;
}
