/*
 * local.c - the self-hosted mail host: Postfix, Dovecot, and OpenDKIM or Rspamd, on this machine, fed through files under one directory.
 *
 * Sources: Postfix VIRTUAL_README, access(5); Dovecot passwd-file; opendkim.conf(5) KeyTable, SigningTable, RequireSafeKeys
 * (OpenDKIM 2.11); postconf(5) sender_dependent_default_transport_maps, master(5) (Postfix 3.7); Rspamd's dkim_signing.lua, selector_map
 * (3.4; all read 2026-11).  What main.cf, dovecot.conf and opendkim.conf must say stands in the manual.
 * Invariants: only lines and key files that the caller's journal knows are changed; a private key is 0600 from its first byte;
 * nothing reaches a path or a table before local_lines.c has found it plain.  Mail itself is never deleted.
 *
 *   resource "domain"   postfix/virtual_mailbox_domains
 *            "mailbox"  postfix/virtual_mailbox_maps and dovecot/passwd
 *            "key"      opendkim/keys/DOMAIN/SELECTOR.private and opendkim/KeyTable
 *            "signing"  opendkim/SigningTable, or rspamd/selectors: which key signs
 *            "outgoing" postfix/sender_transports, and the service that it names in postfix/outgoing_services
 */
#include "provision/mailhosts/local.h"

#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP_DEFAULT "42d"
#define WARM_UP_MAX_S   31536000
#define ID_MAX          4294967294 /* (uid_t)-1 means "nobody given" */

#define AT(member) offsetof(struct local_settings, member)
static const struct cfg_row rows[] = {
	{"root",        CFG_PATH,     AT(root),          0,  0,        NULL,               CFG_REQUIRED, NULL,
         "Directory of the files that Postfix, Dovecot and OpenDKIM read."											   },
	{"host",        CFG_NAME,     AT(host),          0,  0,        NULL,               CFG_REQUIRED, NULL, "Name of the server: MX and HELO."                    },
	{"addresses",   CFG_LIST,     AT(addresses),     0,  0,        NULL,               CFG_REQUIRED, NULL, "IP addresses that mail leaves from."                 },
	{"warm_up",     CFG_DURATION, AT(warm_up_s),     0,  31536000, WARM_UP_DEFAULT,    0,            NULL,
         "Time from a mailbox's making to its first outbound send."												  },
	{"uid",         CFG_INT,      AT(uid),           -1, ID_MAX,   "-1",               0,            NULL,
         "User that owns the mail, written into Dovecot's passwd file; -1 leaves the field empty."                                                                   },
	{"gid",         CFG_INT,      AT(gid),           -1, ID_MAX,   "-1",               0,            NULL, "Group that owns the mail; -1 leaves the field empty."},
	{"dkim_owner",  CFG_TEXT,     AT(dkim_owner),    0,  0,        NULL,               0,            NULL,
         "User that owns the private keys, as OpenDKIM demands; by default the user coldrelay runs as."                                                              },
	{"dkim_reload", CFG_LIST,     AT(dkim_reload),   0,  0,        NULL,               0,            NULL,
         "Program and arguments that make OpenDKIM read its tables again, run once after they changed."                                                              },
	{"mail_home",   CFG_TEXT,     AT(mail_home),     0,  0,        "/var/mail/vhosts", 0,            NULL,
         "Directory of the mailboxes: MAIL_HOME/DOMAIN/USER."													},
	{"outgoing",    CFG_TEXT,     AT(outgoing),      0,  0,        NULL,               0,            NULL,
         "Postfix service that its domains send through, from its addresses and with its name in HELO; without it "
         "Postfix's default."																	},
	{"signer",      CFG_TEXT,     AT(signer),        0,  0,        "opendkim",         0,            NULL, "Who signs: opendkim or rspamd."                      },
	{"template",    CFG_TEXT,     AT(template_name), 0,  0,        "local",            0,            NULL, "Template of the DNS records."                        },
};

static void
local_drop(void *ctx)
{
	struct local *l = ctx;

	if (l == NULL)
		return;
	maps_drop(&l->maps);
	free(l->root);
	free(l->service);
	free(l);
}

static int
find_owner(const char *user, struct file_owner *out, struct err *err)
{
	struct passwd entry, *found = NULL;
	char text[4096];
	int errnum;

	*out = FILE_OWNER_SELF;
	if (user == NULL)
		return CR_OK;
	errnum = getpwnam_r(user, &entry, text, sizeof(text), &found);
	if (errnum != 0)
		return err_errno(err, CR_ECONFIG, errnum, "dkim_owner");
	if (found == NULL)
		return err_set(err, CR_ECONFIG, "dkim_owner: no user '%s'", user);
	*out = (struct file_owner){found->pw_uid, found->pw_gid};
	return CR_OK;
}

static int
absolute_root(const char *root, char **out, struct err *err)
{
	char *here = NULL;
	int rc;

	if (root[strcspn(root, " \t\r\n:#*")] != '\0')
		return err_set(err, CR_ECONFIG, "root '%s': blanks and : # * cannot stand in OpenDKIM's KeyTable",
		               root);
	if (root[0] == '/') {
		*out = strdup(root);
		return *out != NULL ? CR_OK : err_nomem(err, "root");
	}
	here = getcwd(NULL, 0);
	if (here == NULL)
		return err_errno(err, CR_EIO, errno, "working directory");
	rc = file_join(here, root, out, err);
	free(here);
	return rc;
}

static int
check_settings(const struct local_settings *s, struct name *host_out, struct err *err)
{
	struct name unused;

	if (name_parse_host(s->host, host_out, err) != CR_OK || strlen(host_out->text) > 253) {
		(void)err_wrap(err, "host");
		return err_set(err, CR_ECONFIG, "host: '%s' is not a host name", s->host);
	}
	if (s->addresses.n == 0)
		return err_set(err, CR_ECONFIG, "addresses: at least one IP address is needed");
	for (size_t i = 0; i < s->addresses.n; i++)
		if (name_reverse(s->addresses.items[i], &unused, err) != CR_OK)
			return err_set(err, CR_ECONFIG, "addresses: '%s' is not an IP address", s->addresses.items[i]);
	if (s->mail_home[0] != '/' || s->mail_home[strcspn(s->mail_home, " \t\r\n:")] != '\0')
		return err_set(err, CR_ECONFIG, "mail_home: '%s' is not an absolute path without blanks and ':'",
		               s->mail_home);
	if (strcmp(s->signer, "opendkim") != 0 && strcmp(s->signer, "rspamd") != 0)
		return err_set(err, CR_ECONFIG, "signer: '%s' is neither opendkim nor rspamd", s->signer);
	if (strlen(s->template_name) >= sizeof(((struct mailhost_facts *)NULL)->template_name))
		return err_set(err, CR_ECONFIG, "template: '%s' is too long", s->template_name);
	return CR_OK;
}

static int
local_open(const struct mailhost_env *env, const void *settings, void **ctx_out, struct err *err)
{
	struct local *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return err_nomem(err, "mail host");
	l->settings = settings;
	l->rspamd = strcmp(l->settings->signer, "rspamd") == 0;
	l->place = (struct mailbox_place){l->settings->uid, l->settings->gid, l->settings->mail_home};
	rc = check_settings(l->settings, &l->host, err);
	if (rc == CR_OK && l->settings->outgoing != NULL)
		rc = outgoing_service(l->settings->outgoing, l->host.text, &l->settings->addresses, &l->service, err);
	if (rc == CR_OK)
		rc = find_owner(l->settings->dkim_owner, &l->key_owner, err);
	if (rc == CR_OK)
		rc = absolute_root(l->settings->root, &l->root, err);
	if (rc == CR_OK)
		rc = maps_open(l->root, &l->settings->dkim_reload, env->clock, &l->maps, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(l);
	local_drop(l);
	return rc;
}

static int
local_facts(void *ctx, struct mailhost_facts *out, struct err *err)
{
	const struct local *l = ctx;
	const struct cfg_list *from = &l->settings->addresses;
	struct mailhost_facts f = {.warm_up_s = l->settings->warm_up_s};

	(void)snprintf(f.template_name, sizeof(f.template_name), "%s", l->settings->template_name);
	memcpy(f.host, l->host.text, strlen(l->host.text) + 1);
	f.addresses.items = calloc(from->n, sizeof(*f.addresses.items));
	if (f.addresses.items == NULL)
		return err_nomem(err, "addresses");
	for (; f.addresses.n < from->n; f.addresses.n++) {
		f.addresses.items[f.addresses.n] = strdup(from->items[f.addresses.n]);
		if (f.addresses.items[f.addresses.n] == NULL) {
			cfg_list_release(&f.addresses);
			return err_nomem(err, "addresses");
		}
	}
	*out = f;
	return CR_OK;
}

const struct mailhost_driver mailhost_local = {
	.name = "local",
	.summary = "Postfix, Dovecot, and OpenDKIM or Rspamd, on this machine",
	.caps = MAILHOST_CAP_DKIM_OURS | MAILHOST_CAP_MAILBOXES | MAILHOST_CAP_QUIESCE_CHEAP,
	.rows = rows,
	.n_rows = ARRAY_LEN(rows),
	.settings_size = sizeof(struct local_settings),
	.open = local_open,
	.drop = local_drop,
	.facts = local_facts,
	.observe = local_observe,
	.apply = local_apply,
	.undo = local_undo,
	.quiesce = local_quiesce,
};
