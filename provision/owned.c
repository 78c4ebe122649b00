/*
 * owned.c - replaying a domain's journal into what we own.
 *
 * Steps "zone" and "records" carry record changes; "mailhost" carries resources.  Rows are replayed in order: creates add, deletes
 * take away, so the result is what stands now.  Reverse records belong to the shared reverse zone and are kept under the domain "ptr:ADDRESS".
 */
#include "provision/owned.h"

#include "core/json.h"
#include "dns/zonetext.h"

#include <stdlib.h>
#include <string.h>

void
owned_release(struct owned *o)
{
	records_release(&o->records);
	records_release(&o->maybe);
	for (size_t i = 0; i < o->n_pending; i++)
		free(o->pending[i].intent);
	free(o->pending);
	free(o->resources);
	free(o->zone_id);
	*o = (struct owned){0};
}

static void
forget(struct records *l, const struct record *like)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!record_same(&l->items[i], like))
			continue;
		record_release(&l->items[i]);
		memmove(&l->items[i], &l->items[i + 1], (l->n - i - 1) * sizeof(*l->items));
		l->n--;
		return;
	}
}

/* Put a copy in, once; the TTL is the newer one. */
static int
remember(struct records *l, const struct record *r, struct err *err)
{
	forget(l, r);
	return records_add_copy(l, r, err);
}

/* The record lines under key of a changes object, applied by fn to l. */
static int
each_line(const struct json_at *changes, const char *key, struct records *out, struct err *err)
{
	struct json_at at = json_get(changes, key);
	const char *text;
	int rc = json_opt_string(&at, "", &text, err);

	if (rc != CR_OK || text[0] == '\0')
		return rc;
	return zonetext_read(text, strlen(text), "journal", "", out, err);
}

static int
remember_all(struct records *l, const struct records *made, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < made->n; i++)
		rc = remember(l, &made->items[i], err);
	return rc;
}

static int
replay_records(struct owned *o, const struct json_at *changes, bool pending, struct err *err)
{
	struct records made = {0}, ttl = {0}, gone = {0};
	struct records *to = pending ? &o->maybe : &o->records;
	int rc = each_line(changes, "create", &made, err);

	if (rc == CR_OK)
		rc = each_line(changes, "ttl", &ttl, err);
	if (rc == CR_OK)
		rc = each_line(changes, "delete", &gone, err);
	/* A pending delete may not have happened: what it names is ours still, and is judged by what is observed. */
	for (size_t i = 0; rc == CR_OK && !pending && i < gone.n; i++)
		forget(&o->records, &gone.items[i]);
	if (rc == CR_OK)
		rc = remember_all(to, &made, err);
	if (rc == CR_OK)
		rc = remember_all(to, &ttl, err);
	records_release(&made);
	records_release(&ttl);
	records_release(&gone);
	return rc;
}

bool
owned_has_resource(const struct owned *o, const char *kind, const char *subject)
{
	for (size_t i = 0; i < o->n_resources; i++)
		if (strcmp(o->resources[i].kind, kind) == 0 && strcmp(o->resources[i].subject, subject) == 0)
			return true;
	return false;
}

static int
add_resource(struct owned *o, const char *kind, const char *subject, struct err *err)
{
	struct owned_resource *grown;

	if (owned_has_resource(o, kind, subject))
		return CR_OK;
	grown = realloc(o->resources, (o->n_resources + 1) * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "journal");
	o->resources = grown;
	(void)snprintf(grown[o->n_resources].kind, sizeof(grown->kind), "%s", kind);
	(void)snprintf(grown[o->n_resources].subject, sizeof(grown->subject), "%s", subject);
	o->n_resources++;
	return CR_OK;
}

static void
drop_resource(struct owned *o, const char *kind, const char *subject)
{
	for (size_t i = 0; i < o->n_resources; i++)
		if (strcmp(o->resources[i].kind, kind) == 0 && strcmp(o->resources[i].subject, subject) == 0) {
			o->resources[i] = o->resources[--o->n_resources];
			return;
		}
}

static int
replay_resources(struct owned *o, const struct json_at *doc, bool gone, struct err *err)
{
	struct json_at list = json_get(doc, "resources");
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < json_count(&list); i++) {
		struct json_at pair = json_item(&list, i);
		struct json_at kind_at = json_item(&pair, 0), subject_at = json_item(&pair, 1);
		const char *kind, *subject;

		rc = json_want_string(&kind_at, &kind, err);
		if (rc == CR_OK)
			rc = json_want_string(&subject_at, &subject, err);
		if (rc != CR_OK)
			break;
		if (gone)
			drop_resource(o, kind, subject);
		else
			rc = add_resource(o, kind, subject, err);
	}
	return rc;
}

static int
add_pending(struct owned *o, const struct journal_row *row, struct err *err)
{
	struct owned_pending *grown = realloc(o->pending, (o->n_pending + 1) * sizeof(*grown));
	struct owned_pending *p;

	if (grown == NULL)
		return err_nomem(err, "journal");
	o->pending = grown;
	p = &grown[o->n_pending];
	*p = (struct owned_pending){.seq = row->seq, .intent = strdup(row->intent)};
	if (p->intent == NULL)
		return err_nomem(err, "journal");
	(void)snprintf(p->step, sizeof(p->step), "%s", row->step);
	(void)snprintf(p->operation, sizeof(p->operation), "%s", row->operation);
	o->n_pending++;
	return CR_OK;
}

struct replay {
	struct owned *owned;
	struct err *err;
};

/* The id that the provider told, the newest last. */
static int
replay_zone_id(struct owned *o, const struct json_at *receipt, struct err *err)
{
	struct json_at at = json_get(receipt, "zone_id");
	const char *id = NULL;
	char *copy;
	int rc = json_opt_string(&at, NULL, &id, err);

	if (rc != CR_OK || id == NULL)
		return rc;
	copy = strdup(id);
	if (copy == NULL)
		return err_nomem(err, "journal");
	free(o->zone_id);
	o->zone_id = copy;
	return CR_OK;
}

static int
replay_row(const struct journal_row *row, void *arg)
{
	struct replay *r = arg;
	struct owned *o = r->owned;
	const bool pending = row->receipt == NULL;
	const char *text = pending ? row->intent : row->receipt;
	const bool deletes = strcmp(row->operation, "delete") == 0;
	struct json *doc = NULL;
	struct json_at root;
	int rc = json_parse(text, strlen(text), &doc, r->err);

	if (rc != CR_OK)
		return err_set(r->err, CR_ESTORE, "journal row %lld of %s cannot be read", (long long)row->seq,
		               row->domain);
	root = json_root(doc);
	if (strcmp(row->step, "zone") == 0 || strcmp(row->step, "records") == 0)
		rc = replay_records(o, &root, pending, r->err);
	if (rc == CR_OK && !pending)
		rc = replay_zone_id(o, &root, r->err);
	if (rc == CR_OK && strcmp(row->step, "zone") == 0) {
		o->zone = o->zone || !pending;
		o->zone_pending = pending;
	}
	/* A resource of a pending create may be there: the host's observation decides, and it must not look foreign then. */
	if (rc == CR_OK && (strcmp(row->step, "mailhost") == 0 || strcmp(row->step, "address") == 0) &&
	    !(pending && deletes))
		rc = replay_resources(o, &root, deletes, r->err);
	if (rc == CR_OK && pending)
		rc = add_pending(o, row, r->err);
	json_drop(&doc);
	return rc;
}

int
owned_load(struct db *db, const char *domain, struct owned *out, struct err *err)
{
	struct replay r = {out, err};
	int rc;

	*out = (struct owned){0};
	if (db == NULL)
		return CR_OK;
	rc = journal_walk(db, domain, replay_row, &r, err);
	if (rc != CR_OK)
		owned_release(out);
	return rc;
}

int
owned_settle(struct owned *o, const struct records *observed, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < o->maybe.n; i++)
		if (records_find(observed, &o->maybe.items[i]) != NULL)
			rc = remember(&o->records, &o->maybe.items[i], err);
	/* Ours are those still there: a record that someone else removed is no longer ours to remove. */
	for (size_t i = o->records.n; i > 0; i--)
		if (records_find(observed, &o->records.items[i - 1]) == NULL)
			forget(&o->records, &o->records.items[i - 1]);
	records_release(&o->maybe);
	return rc;
}

int
owned_changes_json(const struct set_diff *d, const char *id, char **out, struct err *err)
{
	static const char *const keys[] = {[SET_CREATE] = "create", [SET_DELETE] = "delete", [SET_TTL] = "ttl"};
	struct buf b = {0}, lines = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	json_out_open(&j, '{');
	for (int op = 0; op < SET__COUNT; op++) {
		buf_clear(&lines);
		for (size_t i = 0; i < d->n; i++)
			if ((int)d->items[i].op == op) {
				record_format(&d->items[i].record, &lines);
				buf_addc(&lines, '\n');
			}
		if (lines.len > 0)
			json_out_member(&j, keys[op], buf_str(&lines));
	}
	if (id != NULL)
		json_out_member(&j, "zone_id", id);
	json_out_close(&j);
	rc = buf_check(&lines, "journal entry", err);
	if (rc == CR_OK)
		rc = buf_take(&b, "journal entry", out, err);
	buf_release(&lines);
	buf_release(&b);
	return rc;
}

int
owned_resources_read(const char *text, struct owned_resource **out, size_t *n_out, struct err *err)
{
	struct owned o = {0};
	struct json *doc = NULL;
	int rc = json_parse(text, strlen(text), &doc, err);

	if (rc == CR_OK) {
		struct json_at root = json_root(doc);

		rc = replay_resources(&o, &root, false, err);
	}
	if (rc == CR_OK) {
		*out = TAKE(o.resources);
		*n_out = o.n_resources;
	}
	json_drop(&doc);
	owned_release(&o);
	return rc;
}

int
owned_resources_json(const struct owned_resource *r, size_t n, char **out, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	json_out_open(&j, '{');
	json_out_key(&j, "resources");
	json_out_open(&j, '[');
	for (size_t i = 0; i < n; i++) {
		json_out_open(&j, '[');
		json_out_string(&j, r[i].kind);
		json_out_string(&j, r[i].subject);
		json_out_close(&j);
	}
	json_out_close(&j);
	json_out_close(&j);
	rc = buf_take(&b, "journal entry", out, err);
	buf_release(&b);
	return rc;
}
