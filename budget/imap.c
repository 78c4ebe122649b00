/*
 * imap.c - which mailboxes are read, how far each was, and who is told.
 *
 * The place of a folder is a row of meta: imap:ADDRESS:FOLDER -> "UIDVALIDITY UID".
 */
#include "budget/imap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "budget/imap_box.h"
#include "budget/imap_servers.h"
#include "core/list.h"
#include "core/num.h"
#include "dns/name.h"

struct imap {
	struct session *session; /* borrowed */
	struct imap_servers servers;
};

/* One folder of one mailbox. */
struct folder {
	struct imap *imap;
	const struct imap_run *run;
	struct imap_count *count;
	const char *address, *name;
	char *key;        /* of its row */
	bool told_lost;   /* an error was that of a callback, and ends everything */
	bool told_absent; /* or the server has no such folder */
};

struct addresses {
	char **items;
	size_t n, cap;
};

static void
addresses_release(struct addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		free(a->items[i]);
	free(a->items);
}

static int
addresses_add(struct addresses *a, const char *text, struct err *err)
{
	char **items = list_grow(a->items, a->n, &a->cap, sizeof(*items));

	if (items == NULL)
		return err_nomem(err, "mailboxes");
	a->items = items;
	a->items[a->n] = strdup(text);
	if (a->items[a->n] == NULL)
		return err_nomem(err, "mailboxes");
	a->n++;
	return CR_OK;
}

static bool
addresses_have(const struct addresses *a, const char *text)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], text) == 0)
			return true;
	return false;
}

int
imap_open(struct session *s, enum db_mode mode, struct imap **out, struct err *err)
{
	struct imap *i = calloc(1, sizeof(*i));
	int rc;

	if (i == NULL)
		return err_nomem(err, "imap");
	i->session = s;
	rc = imap_servers_read(s, &i->servers, err);
	if (rc == CR_OK)
		rc = session_findings(s, err);
	if (rc == CR_OK && i->servers.n == 0)
		rc = err_set(err, CR_ECONFIG, "no imap server is configured: imap = ( { host = \"...\"; } );");
	if (rc == CR_OK)
		rc = session_store(s, mode, err);
	if (rc == CR_OK) {
		*out = i;
		return CR_OK;
	}
	imap_drop(&i);
	return rc;
}

void
imap_drop(struct imap **i)
{
	if (*i != NULL)
		imap_servers_release(&(*i)->servers);
	free(*i);
	*i = NULL;
}

/* "UIDVALIDITY UID"; anything else is as good as nothing: read again, and counted once. */
static struct imap_place
parse_place(char *text)
{
	struct imap_place none = {0};
	char *blank = strchr(text, ' ');
	int64_t validity, last;

	if (blank == NULL)
		return none;
	*blank = '\0';
	if (num_parse(text, 1, UINT32_MAX, &validity, NULL) != CR_OK ||
	    num_parse(blank + 1, 0, UINT32_MAX, &last, NULL) != CR_OK)
		return none;
	return (struct imap_place){(uint32_t)validity, (uint32_t)last};
}

static int
load_place(struct db *db, const char *key, struct imap_place *out, struct err *err)
{
	char *text = NULL;
	int rc = db_get_text(db, "SELECT value FROM meta WHERE key = $1", DB_ARGS(db_text(key)), &text, err);

	*out = (struct imap_place){0};
	if (rc == CR_OK && text != NULL)
		*out = parse_place(text);
	free(text);
	return rc;
}

static int
save_place(struct db *db, const char *key, const struct imap_place *place, struct err *err)
{
	char text[32];
	int rc = db_begin(db, err);

	if (rc != CR_OK)
		return rc;
	(void)snprintf(text, sizeof(text), "%lu %lu", (unsigned long)place->validity, (unsigned long)place->last);
	rc = db_exec(db,
	             "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = "
	             "excluded.value",
	             DB_ARGS(db_text(key), db_text(text)), NULL, err);
	return db_end(db, rc, err);
}

static int
on_got(void *arg, uint32_t uid, const char *data, size_t len, struct err *err)
{
	struct folder *f = arg;
	int rc = f->run->got(f->run->arg, f->address, data, len, err);

	if (rc == CR_OK)
		f->count->mails++;
	else
		rc = err_wrap(err, "mail %lu of %s", (unsigned long)uid, f->address);
	f->told_lost = rc != CR_OK;
	return rc;
}

static int
on_skipped(void *arg, uint32_t uid, struct err *err)
{
	struct folder *f = arg;
	char line[ERR_TEXT_MAX];

	(void)err;
	(void)snprintf(line, sizeof(line), "%.320s: mail %lu of %.100s is larger than max_mail, and was skipped",
	               f->address, (unsigned long)uid, f->name);
	f->run->note(f->run->arg, line);
	f->count->skipped++;
	return CR_OK;
}

static int
on_keep(void *arg, const struct imap_place *place, struct err *err)
{
	struct folder *f = arg;
	int rc = f->run->dry_run || f->run->newest > 0 ? CR_OK : save_place(f->imap->session->db, f->key, place, err);

	f->told_lost = rc != CR_OK;
	return rc;
}

static int
connect_to(const struct session *s, const struct imap_server *server, const char *address, struct imap_link **out,
           struct err *err)
{
	struct secret *password = NULL;
	struct imap_curl_options o = {
		.host = server->host,
		.port = (int)server->port,
		.tls = server->tls,
		.ca_file = server->ca_file,
		.user = server->user != NULL ? server->user : address,
		.timeout_ms = s->settings.timeout_s * 1000,
		.clock = s->clock,
	};
	int rc = imap_password(s, server, address, &password, err);

	o.password = password;
	if (rc == CR_OK)
		rc = imap_curl_open(&o, out, err);
	secret_drop(&password);
	return rc;
}

/* The place is kept after an error too: what was handed out until then was worked on. */
static int
read_folder(struct folder *f, const struct imap_server *server, struct err *err)
{
	const struct session *s = f->imap->session;
	struct imap_box box = {
		.clock = s->clock,
		.folder = f->name,
		.mail_max = (size_t)server->mail_max,
		.newest = f->run->newest,
		.timeout_ms = s->settings.timeout_s * 1000,
		.arg = f,
		.got = on_got,
		.skipped = on_skipped,
		.keep = on_keep,
	};
	struct imap_place place = {0}, before;
	struct err unkept = {0};
	int rc, kept;

	if (asprintf(&f->key, "imap:%s:%s", f->address, f->name) < 0) {
		f->key = NULL;
		return err_nomem(err, "folder");
	}
	rc = f->run->newest > 0 ? CR_OK : load_place(s->db, f->key, &place, err);
	if (rc != CR_OK) {
		f->told_lost = true;
		return rc;
	}
	before = place;
	rc = connect_to(s, server, f->address, &box.link, err);
	if (rc == CR_OK) {
		rc = imap_box_read(&box, &place, err);
		f->told_absent = rc == CR_ENOTFOUND && !f->told_lost;
	}
	imap_link_drop(&box.link);
	if (rc != CR_OK && !f->told_lost && (place.validity != before.validity || place.last != before.last)) {
		kept = on_keep(f, &place, &unkept);
		if (kept != CR_OK) {
			*err = unkept;
			return kept;
		}
	}
	return rc;
}

static int
tell_absent(const struct folder *f, struct err *err)
{
	char line[ERR_TEXT_MAX];

	(void)snprintf(line, sizeof(line), "%.200s: no %.280s", f->address, err != NULL ? err->text : f->name);
	f->run->note(f->run->arg, line);
	if (err != NULL)
		*err = (struct err){0};
	return CR_OK;
}

static int
read_mailbox(struct imap *i, const struct imap_run *run, const char *address, struct imap_count *count, bool *lost,
             struct err *err)
{
	const struct imap_server *server = imap_servers_find(&i->servers, address);
	int rc = CR_OK;

	if (server == NULL)
		return err_set(err, CR_ENOTFOUND, "%s: no imap server has it", address);
	for (size_t k = 0; rc == CR_OK && k < server->folders.n; k++) {
		struct folder f = {
			.imap = i, .run = run, .count = count, .address = address, .name = server->folders.items[k]};

		rc = read_folder(&f, server, err);
		*lost = f.told_lost;
		free(f.key);
		/* Servers make a folder such as Junk with its first mail; INBOX is always there. */
		if (rc == CR_ENOTFOUND && f.told_absent && strcasecmp(f.name, "INBOX") != 0)
			rc = tell_absent(&f, err);
	}
	if (rc != CR_OK && !*lost)
		rc = err_wrap(err, "%s", address);
	return rc;
}

/* Provisioned mailboxes, in order, and those that only a server's list has, which bring their password. */
static int
all_mailboxes(const struct imap *i, struct addresses *out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(i->session->db,
	                  "SELECT m.address FROM mailbox m JOIN domain d ON d.name = m.domain "
	                  "WHERE m.removed_ms = 0 AND d.state <> 'parked' ORDER BY m.address",
	                  DB_NO_ARGS, &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more)
		rc = addresses_add(out, db_col_text(rows, 0), err);
	db_rows_drop(&rows);
	for (size_t k = 0; rc == CR_OK && k < i->servers.n; k++) {
		const struct imap_server *server = &i->servers.items[k];

		for (size_t m = 0; rc == CR_OK && server->password != NULL && m < server->mailboxes.n; m++)
			if (strchr(server->mailboxes.items[m], '@') != NULL &&
			    !addresses_have(out, server->mailboxes.items[m]))
				rc = addresses_add(out, server->mailboxes.items[m], err);
	}
	return rc;
}

/* The canonical form of what was typed. */
static int
read_name(const char *typed, char out[ADDRESS_MAX], struct err *err)
{
	struct address a;
	struct name n;
	bool is_address = strchr(typed, '@') != NULL;
	int rc = is_address ? address_parse(typed, &a, err) : name_parse_host(typed, &n, err);

	if (rc == CR_OK)
		buf_copy_text(out, ADDRESS_MAX, is_address ? a.text : n.text);
	else if (rc == CR_EPARSE && err != NULL)
		err->code = CR_EUSAGE;
	return rc == CR_EPARSE ? CR_EUSAGE : rc;
}

/* What was named of all, in their order; a mailbox named twice is read once. */
static int
pick(const struct imap_run *run, const struct addresses *all, const char (*names)[ADDRESS_MAX], struct addresses *out,
     struct err *err)
{
	for (size_t k = 0; k < run->n_names; k++) {
		bool found = false;

		for (size_t m = 0; !found && m < all->n; m++)
			found = imap_is_named(names[k], all->items[m]);
		if (!found)
			return err_set(err, CR_ENOTFOUND, "%s: no mailbox of that name is read over IMAP", names[k]);
	}
	for (size_t m = 0; m < all->n; m++) {
		bool named = false;
		int rc;

		for (size_t k = 0; !named && k < run->n_names; k++)
			named = imap_is_named(names[k], all->items[m]);
		if (named && (rc = addresses_add(out, all->items[m], err)) != CR_OK)
			return rc;
	}
	return CR_OK;
}

static int
choose(const struct imap *i, const struct imap_run *run, struct addresses *out, struct err *err)
{
	struct addresses all = {0};
	char(*names)[ADDRESS_MAX] = NULL;
	int rc;

	if (run->n_names == 0)
		return all_mailboxes(i, out, err);
	names = calloc(run->n_names, sizeof(*names));
	rc = names != NULL ? all_mailboxes(i, &all, err) : err_nomem(err, "names");
	for (size_t k = 0; rc == CR_OK && k < run->n_names; k++)
		rc = read_name(run->names[k], names[k], err);
	if (rc == CR_OK)
		rc = pick(run, &all, (const char(*)[ADDRESS_MAX])names, out, err);
	addresses_release(&all);
	free(names);
	return rc;
}

int
imap_each(struct imap *i, const struct imap_run *run, struct imap_count *out, struct err *err)
{
	struct addresses chosen = {0};
	struct err first = {0};
	int rc = choose(i, run, &chosen, err);

	*out = (struct imap_count){0};
	for (size_t k = 0; rc == CR_OK && k < chosen.n; k++) {
		struct err why = {0};
		bool lost = false;
		int failed = read_mailbox(i, run, chosen.items[k], out, &lost, &why);

		out->mailboxes++;
		if (failed == CR_OK)
			continue;
		if (lost || failed == CR_ENOMEM) {
			rc = failed;
			first = why;
			break;
		}
		if (out->failed++ == 0)
			first = why;
		if (chosen.n > 1)
			run->note(run->arg, why.text);
	}
	if (first.code != CR_OK) {
		rc = first.code;
		if (err != NULL)
			*err = first;
		if (out->failed > 1)
			rc = err_set(err, rc, "%zu of %zu mailboxes could not be read", out->failed, chosen.n);
	}
	addresses_release(&chosen);
	return rc;
}
