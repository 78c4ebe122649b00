/*
 * imap_servers.c - the settings of IMAP servers as rows, and the passwords that go with them.
 */
#include "budget/imap_servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/loopback.h"
#include "dns/name.h"

#define MAIL_MAX_DEFAULT "8388608"
#define MAIL_MAX_LEAST   4096
#define MAIL_MAX_MOST    67108864

#define AT(member) offsetof(struct imap_server, member)
/* clang-format off */
const struct cfg_row imap_rows[] = {
	{"host", CFG_TEXT, AT(host), 1, 255, NULL, CFG_REQUIRED, NULL, "The server's name, as its certificate has it, or address."},
	{"port", CFG_INT, AT(port), 0, 65535, "0", 0, NULL, "Its port; 0 is 993 with implicit TLS, else 143."},
	{"tls", CFG_TEXT, AT(tls_name), 0, 0, "implicit", 0, NULL, "implicit (IMAPS), starttls, or for a loopback address none. Certificates are always verified."},
	{"ca_file", CFG_PATH, AT(ca_file), 0, 0, NULL, 0, NULL, "PEM file of the authorities that may vouch for it; not set: those of the system."},
	{"mailboxes", CFG_LIST, AT(mailboxes), 0, 0, NULL, 0, NULL, "Addresses and domains whose mail it has; without it, every provisioned mailbox that no other server names."},
	{"user", CFG_TEXT, AT(user), 1, 512, NULL, 0, NULL, "Who logs in, to the one address in mailboxes; not set: that address."},
	{"password", CFG_SECRET, AT(password), 0, 0, NULL, 0, NULL, "Their password; not set: the one that `provision` made for the mailbox."},
	{"folders", CFG_LIST, AT(folders), 1, 16, "INBOX", 0, NULL, "Folders that are read, spelt as the server has them (modified UTF-7)."},
	{"max_mail", CFG_INT, AT(mail_max), MAIL_MAX_LEAST, MAIL_MAX_MOST, MAIL_MAX_DEFAULT, 0, "bytes", "A larger mail is skipped, with a line."},
};
/* clang-format on */
const size_t imap_rows_n = ARRAY_LEN(imap_rows);

void
imap_servers_release(struct imap_servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		cfg_release_group(imap_rows, imap_rows_n, &s->items[i]);
	free(s->items);
	*s = (struct imap_servers){0};
}

static void
check_tls(struct cfg *c, const struct cfg_group *g, struct imap_server *server)
{
	bool known = false;

	for (int t = 0; t < IMAP_TLS__COUNT; t++) {
		if (server->tls_name == NULL || strcmp(server->tls_name, imap_tls_name((enum imap_tls)t)) != 0)
			continue;
		server->tls = (enum imap_tls)t;
		known = true;
	}
	if (!known)
		cfg_fault(c, g, "tls", "tls: must be implicit, starttls or none, not '%s'",
		          server->tls_name != NULL ? server->tls_name : "");
	else if (server->tls == IMAP_TLS_NONE && server->host != NULL && !loopback_host(server->host))
		cfg_fault(c, g, "tls", "tls: none is for 127.0.0.1, ::1 and localhost; '%s' is another host",
		          server->host);
}

/* The same folding as the gate's own names, so that what was written differently is found. */
static int
canonical(struct cfg *c, const struct cfg_group *g, char **item, struct err *err)
{
	struct address address;
	struct name name;
	struct err why = {0};
	bool is_address = strchr(*item, '@') != NULL;
	char *text;
	int rc = is_address ? address_parse(*item, &address, &why) : name_parse_host(*item, &name, &why);

	if (rc != CR_OK) {
		cfg_fault(c, g, "mailboxes", "mailboxes: %s", why.text);
		return CR_OK;
	}
	text = strdup(is_address ? address.text : name.text);
	if (text == NULL)
		return err_nomem(err, "mailboxes");
	free(*item);
	*item = text;
	return CR_OK;
}

static int
read_server(struct cfg *c, const struct cfg_group *g, struct imap_server *out, struct err *err)
{
	int rc = cfg_read_group(c, g, "imap server", imap_rows, imap_rows_n, NULL, 0, out, err);

	if (rc != CR_OK)
		return rc;
	check_tls(c, g, out);
	if (out->user != NULL && out->password == NULL)
		cfg_fault(c, g, "user", "user: '%s' needs a password", out->user);
	/* One login for several would read the same folder as the mail of each. */
	if (out->user != NULL && (out->mailboxes.n != 1 || strchr(out->mailboxes.items[0], '@') == NULL))
		cfg_fault(c, g, "user", "user: '%s' needs one address in mailboxes", out->user);
	for (size_t i = 0; rc == CR_OK && i < out->mailboxes.n; i++)
		rc = canonical(c, g, &out->mailboxes.items[i], err);
	return rc;
}

int
imap_servers_read(struct session *s, struct imap_servers *out, struct err *err)
{
	struct imap_servers list = {0};
	const struct cfg_group *root;
	size_t n;
	int rc = session_read(s, err);

	if (rc != CR_OK)
		return rc;
	root = cfg_root(s->cfg);
	n = cfg_count(s->cfg, root, "imap");
	list.items = calloc(n + 1, sizeof(*list.items));
	if (list.items == NULL)
		return err_nomem(err, "imap servers");
	while (rc == CR_OK && list.n < n) {
		rc = read_server(s->cfg, cfg_item(s->cfg, root, "imap", list.n), &list.items[list.n], err);
		list.n++;
	}
	if (rc == CR_OK) {
		*out = list;
		return CR_OK;
	}
	imap_servers_release(&list);
	return rc;
}

bool
imap_is_named(const char *name, const char *address)
{
	const char *at = strrchr(address, '@');

	return strcmp(name, address) == 0 || (at != NULL && strcmp(name, at + 1) == 0);
}

const struct imap_server *
imap_servers_find(const struct imap_servers *s, const char *address)
{
	const struct imap_server *of_domain = NULL, *of_all = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct imap_server *server = &s->items[i];

		for (size_t k = 0; k < server->mailboxes.n; k++) {
			if (strcmp(server->mailboxes.items[k], address) == 0)
				return server;
			if (of_domain == NULL && imap_is_named(server->mailboxes.items[k], address))
				of_domain = server;
		}
		if (of_all == NULL && server->mailboxes.n == 0)
			of_all = server;
	}
	return of_domain != NULL ? of_domain : of_all;
}

/* As provisioning sealed it (provision/keys.c). */
static int
made_password(struct db *db, const struct vault *v, const char *address, struct secret **out, struct err *err)
{
	struct db_rows *rows = NULL;
	char context[ADDRESS_MAX + 16];
	const void *sealed;
	size_t len;
	bool more = false;
	int rc =
		db_query(db, "SELECT sealed FROM credential WHERE address = $1", DB_ARGS(db_text(address)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ENOTFOUND,
		             "no password was made for %s here: give it an imap server of its own, with mailboxes and "
		             "password",
		             address);
	if (rc == CR_OK) {
		(void)snprintf(context, sizeof(context), "password:%s", address);
		sealed = db_col_blob(rows, 0, &len);
		rc = vault_unseal(v, context, sealed, len, out, err);
		if (rc != CR_OK)
			rc = err_wrap(err, "password of %s", address);
	}
	db_rows_drop(&rows);
	return rc;
}

int
imap_password(const struct session *s, const struct imap_server *server, const char *address, struct secret **out,
              struct err *err)
{
	int rc;

	if (server->password == NULL)
		return made_password(s->db, s->vault, address, out, err);
	rc = secret_resolve(server->password, false, NULL, out, err);
	return rc == CR_OK ? CR_OK : err_wrap(err, "imap %s: password", server->host);
}
