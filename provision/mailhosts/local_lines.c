/*
 * local_lines.c - the texts that name a domain, a mailbox or a key in the tables.
 *
 * Sources: opendkim.conf(5) KeyTable ("name domain:selector:path") and SigningTable; Dovecot passwd-file
 * ("user:password:uid:gid:(gecos):home:(shell):extra").
 */
#include "provision/mailhosts/local_lines.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

/*
 * Letters, digits and . _ - + = only, not hidden and without "..": such a text is safe in a path and needs quoting in none of
 * the tables.  Narrower than RFC 5321: a mailbox this program makes needs no more.
 */
static bool
is_plain(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=";

	return text[0] != '\0' && text[0] != '.' && text[strspn(text, plain)] == '\0' && strstr(text, "..") == NULL;
}

static int
check_plain(const char *what, const char *text, struct err *err)
{
	if (is_plain(text))
		return CR_OK;
	return err_set(err, CR_EREFUSED,
	               "%s '%s': only letters, digits and . _ - + = can stand in the mail host's tables", what, text);
}

int
lines_check_domain(const char *domain, struct err *err)
{
	return check_plain("domain", domain, err);
}

/* LOCAL@DOMAIN with a plain local part; *local_out is the part before the '@'. */
static int
check_mailbox(const char *address, const char *domain, char local_out[ADDRESS_MAX], struct err *err)
{
	const char *at = strrchr(address, '@');

	if (at == NULL || strcmp(at + 1, domain) != 0 || (size_t)(at - address) >= ADDRESS_MAX)
		return err_set(err, CR_EREFUSED, "mailbox '%s' is not one of %s", address, domain);
	memcpy(local_out, address, (size_t)(at - address));
	local_out[at - address] = '\0';
	return check_plain("mailbox", local_out, err);
}

void
key_lines_release(struct key_lines *k)
{
	free(k->name);
	free(k->value);
	free(k->path);
	*k = (struct key_lines){0};
}

int
key_lines_make(const char *root, const char *domain, const char *selector, struct key_lines *out, struct err *err)
{
	struct key_lines k = {0};
	int rc;

	rc = check_plain("domain", domain, err);
	if (rc == CR_OK)
		rc = check_plain("selector", selector, err);
	if (rc != CR_OK)
		return rc;
	if (asprintf(&k.path, "%s/opendkim/keys/%s/%s.private", root, domain, selector) < 0)
		k.path = NULL;
	if (asprintf(&k.name, "%s._domainkey.%s", selector, domain) < 0)
		k.name = NULL;
	if (asprintf(&k.value, "%s:%s:%s", domain, selector, k.path != NULL ? k.path : "") < 0)
		k.value = NULL;
	if (k.path == NULL || k.name == NULL || k.value == NULL) {
		key_lines_release(&k);
		return err_nomem(err, "key table line");
	}
	*out = k;
	return CR_OK;
}

void
mailbox_lines_release(struct mailbox_lines *m)
{
	free(m->maildir);
	free(m->tail);
	*m = (struct mailbox_lines){0};
}

int
mailbox_lines_make(const struct mailbox_place *p, const char *domain, const char *address, struct mailbox_lines *out,
                   struct err *err)
{
	struct buf maildir = {0}, tail = {0};
	struct mailbox_lines m = {0};
	char local[ADDRESS_MAX];
	int rc;

	rc = check_plain("domain", domain, err);
	if (rc == CR_OK)
		rc = check_mailbox(address, domain, local, err);
	if (rc != CR_OK)
		return rc;
	buf_addf(&maildir, "%s/%s/", domain, local);
	buf_addc(&tail, ':');
	if (p->uid >= 0)
		buf_addf(&tail, "%lld", (long long)p->uid);
	buf_addc(&tail, ':');
	if (p->gid >= 0)
		buf_addf(&tail, "%lld", (long long)p->gid);
	buf_addf(&tail, "::%s/%s/%s::", p->mail_home, domain, local);
	rc = buf_take(&maildir, "mailbox line", &m.maildir, err);
	if (rc == CR_OK)
		rc = buf_take(&tail, "mailbox line", &m.tail, err);
	buf_release(&maildir);
	buf_release(&tail);
	if (rc != CR_OK)
		mailbox_lines_release(&m);
	else
		*out = m;
	return rc;
}

int
signing_pattern(const char *domain, char out[SIGNING_PATTERN_MAX], struct err *err)
{
	int rc = check_plain("domain", domain, err);

	if (rc == CR_OK)
		(void)snprintf(out, SIGNING_PATTERN_MAX, "*@%s", domain);
	return rc;
}
