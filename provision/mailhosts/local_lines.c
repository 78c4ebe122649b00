/*
 * local_lines.c - the texts that name a domain, a mailbox, a key or a way out in the tables.
 *
 * Sources: opendkim.conf(5) KeyTable ("name domain:selector:path") and SigningTable; Dovecot passwd-file
 * ("user:password:uid:gid:(gecos):home:(shell):extra"); postconf(5) smtp_bind_address, smtp_bind_address_enforce (Postfix 3.7).
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

/* The one address of a family, NULL when it has none. */
static int
only_address(const struct cfg_list *addresses, bool ipv6, const char **out, struct err *err)
{
	*out = NULL;
	for (size_t i = 0; i < addresses->n; i++) {
		if ((strchr(addresses->items[i], ':') != NULL) != ipv6)
			continue;
		if (*out != NULL)
			return err_set(err, CR_ECONFIG,
			               "addresses: %s and %s: with outgoing, one of each family is sent from", *out,
			               addresses->items[i]);
		*out = addresses->items[i];
	}
	return CR_OK;
}

/* Without smtp_bind_address_enforce, Postfix sends from any address when it cannot have the right one; over a family without one, always. */
int
outgoing_service(const char *service, const char *host, const struct cfg_list *addresses, char **out, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *ipv4, *ipv6;
	struct buf line = {0};
	int rc;

	if (service[0] == '\0' || service[strspn(service, plain)] != '\0')
		return err_set(err, CR_ECONFIG, "outgoing: '%s' is no name of a service: letters, digits, - and _",
		               service);
	rc = only_address(addresses, false, &ipv4, err);
	if (rc == CR_OK)
		rc = only_address(addresses, true, &ipv6, err);
	if (rc != CR_OK)
		return rc;
	buf_adds(&line, "unix - - n - - smtp");
	if (ipv4 != NULL)
		buf_addf(&line, " -o smtp_bind_address=%s", ipv4);
	if (ipv6 != NULL)
		buf_addf(&line, " -o smtp_bind_address6=%s", ipv6);
	if (ipv4 == NULL || ipv6 == NULL)
		buf_addf(&line, " -o inet_protocols=%s", ipv4 != NULL ? "ipv4" : "ipv6");
	buf_addf(&line, " -o smtp_bind_address_enforce=yes -o smtp_helo_name=%s", host);
	rc = buf_take(&line, "outgoing", out, err);
	buf_release(&line);
	return rc;
}

int
outgoing_line(const char *domain, const char *service, char key[OUTGOING_KEY_MAX], char **value, struct err *err)
{
	int rc = check_plain("domain", domain, err);

	*value = NULL;
	if (rc != CR_OK)
		return rc;
	(void)snprintf(key, OUTGOING_KEY_MAX, "@%s", domain);
	if (service != NULL && asprintf(value, "%s:", service) < 0)
		return err_nomem(err, "outgoing line");
	return CR_OK;
}
