/*
 * ground.c - see ground.h.
 */
#include "tests/lib/ground.h"

#include <dirent.h>
#include <sys/stat.h>

#include "core/audit.h"
#include "core/file.h"
#include "core/log.h"
#include "core/schema.h"
#include "dns/zonetext.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)

static void
put_file(const char *path, const char *text)
{
	struct err err = {0};

	assert_ok(file_replace(path, text, strlen(text), 0600, FILE_OWNER_SELF, &err), &err);
}

void
ground_configure(struct ground *g, const char *domains, const char *more)
{
	struct buf b = {0};

	buf_addf(&b, "%s\nstore = \"%s\";\nkey_file = \"%s/key\";\nlock_wait = \"30s\";\n", more != NULL ? more : "",
	         g->store, g->dir);
	buf_addf(&b,
	         "tenants = ({ primary = \"" PRIMARY "\"; zone = \"mem\"; mail_host = \"own\"; reverse = \"ptr\";\n"
	         "  mailboxes = ({ local = \"anna\"; name = \"Anna\"; }, { local = \"ben\"; });\n"
	         "  domains = (%s); });\n",
	         domains != NULL ? domains : "{ name = \"" GET "\"; }, { name = \"" TRY "\"; }");
	buf_adds(&b, "zones = ({ name = \"mem\"; driver = \"memory\"; });\n");
	buf_addf(&b,
	         "mail_hosts = ({ name = \"own\"; driver = \"local\"; root = \"%s/mail\"; host = "
	         "\"mail.relay.example\";\n"
	         "  addresses = [\"192.0.2.10\"]; mail_home = \"/srv/mail\"; });\n",
	         g->dir);
	buf_adds(&b, "addresses = ({ name = \"ptr\"; zone = \"mem\"; reverse_zones = [\"" REVERSE_ZONE "\"]; });\n");
	assert_ok(buf_check(&b, "configuration", &g->err), &g->err);
	put_file(g->config, buf_str(&b));
	buf_release(&b);
}

void
ground_open(struct ground *g, const char *domains)
{
	*g = (struct ground){.time = &g->clock.clock};
	/* In memory where there is such a place: a run syncs some fifty times. */
	(void)snprintf(g->dir, sizeof(g->dir), "%s/coldrelay-ground.XXXXXX",
	               access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	log_set_level(LOG_LEVEL_WARN);
	memory_reset();
	fake_clock_init(&g->clock, GROUND_START_MS);
	assert_non_null(mkdtemp(g->dir));
	(void)snprintf(g->config, sizeof(g->config), "%s/coldrelay.cfg", g->dir);
	store_place(g->dir, "store.db", g->store);
	ground_configure(g, domains, NULL);
	ground_foreign_zone(REVERSE_ZONE, "");
}

static void
remove_tree(const char *path)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char *child = NULL;

		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
			assert_int_equal(file_join(path, names[i]->d_name, &child, NULL), CR_OK);
			if (unlink(child) != 0)
				remove_tree(child);
			free(child);
		}
		free(names[i]);
	}
	free(names);
	(void)rmdir(path);
}

void
ground_close(struct ground *g)
{
	store_clear(g->store);
	remove_tree(g->dir);
	memory_reset();
}

struct session
ground_session(const struct ground *g)
{
	return (struct session){.config_path = g->config, .clock = g->time, .quiet = true, .out = stderr};
}

struct db *
ground_db(struct ground *g)
{
	const struct db_options o = {
		.path = g->store, .mode = DB_WRITE, .schema = &schema_coldrelay, .clock = &g->clock.clock};
	struct db *db = NULL;

	assert_ok(db_open(&o, &db, &g->err), &g->err);
	return db;
}

void
ground_foreign_zone(const char *zone, const char *lines)
{
	const struct zone_driver *d = zone_driver_find("memory");
	struct records l = {0};
	struct err err = {0};
	void *ctx = NULL;

	assert_ok(zonetext_read(lines, strlen(lines), "foreign", zone, &l, &err), &err);
	assert_ok(d->open(NULL, NULL, &ctx, &err), &err);
	assert_ok(d->create(ctx, zone, &l, NULL, &err), &err);
	d->drop(ctx);
	records_release(&l);
}

void
ground_zone(const char *zone, struct records *out, bool *exists_out)
{
	const struct zone_driver *d = zone_driver_find("memory");
	struct zone_state s = {0};
	struct err err = {0};
	void *ctx = NULL;

	assert_ok(d->open(NULL, NULL, &ctx, &err), &err);
	assert_ok(d->observe(ctx, zone, NULL, &s, &err), &err);
	d->drop(ctx);
	if (exists_out != NULL)
		*exists_out = s.exists;
	*out = s.records;
	s.records = (struct records){0};
	records_sort(out);
	zone_state_release(&s);
}

/* --- runs ----------------------------------------------------------------------------------------------------------- */

static void
note_failure(struct ground_outcome *o, const struct plan *p)
{
	o->planned += p->n_changes;
	o->refused += p->n_refused;
	if (p->rc == CR_OK || o->failed != CR_OK)
		return;
	o->failed = p->rc;
	(void)snprintf(o->text, sizeof(o->text), "%s", p->err.text);
}

static void
note_error(struct ground_outcome *o, int rc, const struct err *err)
{
	o->rc = rc;
	if (rc != CR_OK)
		(void)snprintf(o->text, sizeof(o->text), "%s", err->text);
}

struct ground_outcome
ground_provision(struct ground *g)
{
	struct session s = ground_session(g);
	struct ground_outcome o = {0};
	struct err err = {0};
	struct run r = {0};
	int rc = run_open(&s, PRIMARY, &r, &err);

	if (rc == CR_OK)
		rc = run_add_all(&r, &err);
	if (rc == CR_OK)
		rc = run_store(&r, true, &err);
	if (rc == CR_OK)
		rc = run_lock(&r, "provision", &err);
	if (rc == CR_OK)
		rc = run_plan(&r, &err);
	/* Counted before apply: redeciding records after keys were made moves the number. */
	for (size_t i = 0; i < r.n; i++)
		note_failure(&o, &r.plans[i]);
	if (rc == CR_OK)
		rc = run_apply(&r, &err);
	note_error(&o, rc, &err);
	for (size_t i = 0; i < r.n && o.failed == CR_OK; i++)
		if (r.plans[i].rc != CR_OK) {
			o.failed = r.plans[i].rc;
			(void)snprintf(o.text, sizeof(o.text), "%s", r.plans[i].err.text);
		}
	run_release(&r);
	session_release(&s);
	return o;
}

struct ground_outcome
ground_teardown(struct ground *g, const char *domain, bool now)
{
	struct session s = ground_session(g);
	struct ground_outcome o = {0};
	struct err err = {0};
	struct run r = {0};
	struct teardown t = {.run = &r, .now = now, .reason = "test"};
	int rc = run_open_domain(&s, domain, INTENT_PROVIDERS, &r, &err);

	if (rc == CR_OK)
		rc = run_store(&r, true, &err);
	if (rc == CR_OK)
		rc = run_lock(&r, "teardown", &err);
	if (rc == CR_OK)
		rc = teardown_plan(&t, &err);
	if (rc == CR_OK && r.n > 0)
		o.planned = r.plans[0].n_changes;
	if (rc == CR_OK)
		o.failed = teardown_apply(&t, &err);
	note_error(&o, rc, &err);
	if (o.failed != CR_OK)
		(void)snprintf(o.text, sizeof(o.text), "%s", err.text);
	run_release(&r);
	session_release(&s);
	return o;
}

int64_t
ground_count(struct ground *g, const char *sql)
{
	struct db *db = ground_db(g);
	int64_t n = 0;

	assert_ok(db_get_int(db, sql, DB_NO_ARGS, 0, &n, &g->err), &g->err);
	db_drop(&db);
	return n;
}

/* --- what is left --------------------------------------------------------------------------------------------------- */

/* Key records by their owner alone: each run makes its own keys. */
static void
tell_records(const struct records *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct record *r = &l->items[i];

		if (r->type == RECORD_SOA)
			continue;
		if (r->type == RECORD_TXT && strstr(r->owner, "._domainkey.") != NULL && strlen(record_text(r)) > 40)
			buf_addf(out, "%s. %u IN TXT a key", r->owner, r->ttl_s);
		else
			record_format(r, out);
		buf_addc(out, '\n');
	}
}

static void
tell_zone(const char *zone, struct buf *out)
{
	struct records l = {0};
	bool exists = false;

	ground_zone(zone, &l, &exists);
	buf_addf(out, "zone %s%s\n", zone, exists ? "" : ": not there");
	tell_records(&l, out);
	records_release(&l);
}

/* text with the directory's name and password hashes left out; a hash is the second field of a passwd line. */
static void
tell_text(const struct ground *g, const char *name, const char *text, struct buf *out)
{
	const bool passwd = strcmp(name, "passwd") == 0;
	int field = 0;

	for (const char *p = text; *p != '\0'; p++) {
		if (strncmp(p, g->dir, strlen(g->dir)) == 0) {
			buf_adds(out, "DIR");
			p += strlen(g->dir) - 1;
			continue;
		}
		field = *p == '\n' ? 0 : field + (*p == ':');
		if (!passwd || field != 1 || *p == ':')
			buf_addc(out, *p);
	}
}

static int
compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In order: which of two domains came first is chance. */
static void
tell_sorted(const char *text, struct buf *out)
{
	char *lines[256], *copy = strdup(text), *rest = copy;
	size_t n = 0;

	assert_non_null(copy);
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
		assert_true(n < ARRAY_LEN(lines));
		lines[n++] = line;
	}
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t i = 0; i < n; i++)
		if (lines[i][0] != '\0')
			buf_addf(out, "  %s\n", lines[i]);
	free(copy);
}

static void
tell_file(const struct ground *g, const char *path, const char *name, struct buf *out)
{
	struct buf text = {0}, plain = {0};
	struct err err = {0};
	struct stat st;

	/* Compiled tables follow from their text, locks from who ran last. */
	if (strstr(name, ".db") != NULL || strstr(name, "lock") != NULL)
		return;
	assert_int_equal(stat(path, &st), 0);
	buf_addf(out, "file %s %o\n", path + strlen(g->dir), (unsigned)st.st_mode);
	if (strstr(name, ".private") != NULL)
		return;
	assert_ok(file_read(path, FILE_MAX_BYTES, &text, &err), &err);
	tell_text(g, name, buf_str(&text), &plain);
	tell_sorted(buf_str(&plain), out);
	buf_release(&plain);
	buf_release(&text);
}

static void
tell_tree(const struct ground *g, const char *path, struct buf *out)
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		char *child = NULL;
		struct stat st;

		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0) {
			assert_int_equal(file_join(path, names[i]->d_name, &child, NULL), CR_OK);
			assert_int_equal(stat(child, &st), 0);
			if (S_ISDIR(st.st_mode))
				tell_tree(g, child, out);
			else
				tell_file(g, child, names[i]->d_name, out);
			free(child);
		}
		free(names[i]);
	}
	free(names);
}

static void
tell_query(struct db *db, const char *what, const char *sql, struct buf *out)
{
	struct db_rows *rows = NULL;
	struct err err = {0};
	bool more = false;

	assert_ok(db_query(db, sql, DB_NO_ARGS, &rows, &err), &err);
	for (;;) {
		assert_ok(db_next(rows, &more, &err), &err);
		if (!more)
			break;
		buf_addf(out, "%s %s\n", what, db_col_text(rows, 0));
	}
	db_rows_drop(&rows);
}

/* By the journal: records (sorted) and resources (in the order they would be taken away). */
static void
tell_owned(struct db *db, const char *domain, struct buf *out)
{
	struct owned o = {0};
	struct err err = {0};

	assert_ok(owned_load(db, domain, &o, &err), &err);
	buf_addf(out, "owned by %s: zone %d known as %s, pending %zu\n", domain, o.zone,
	         o.zone_id != NULL ? o.zone_id : "nothing", o.n_pending);
	records_sort(&o.records);
	tell_records(&o.records, out);
	for (size_t i = 0; i < o.n_resources; i++)
		buf_addf(out, "%s %s\n", o.resources[i].kind, o.resources[i].subject);
	owned_release(&o);
}

static void
tell_audit(struct ground *g, struct db *db)
{
	struct audit_report r = {0};
	struct vault *v = NULL;
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/key", g->dir);
	assert_ok(vault_open(path, false, &v, &g->err), &g->err);
	assert_ok(audit_verify(db, v, &r, &g->err), &g->err);
	if (r.first_bad_seq != 0)
		fail_msg("audit: %s", r.fault);
	vault_drop(&v);
}

void
ground_state(struct ground *g, struct buf *out)
{
	struct db *db = ground_db(g);
	char path[96];

	tell_zone(GET, out);
	tell_zone(TRY, out);
	tell_zone(REVERSE_ZONE, out);
	(void)snprintf(path, sizeof(path), "%s/mail", g->dir);
	tell_tree(g, path, out);
	tell_query(db, "tenant", "SELECT primary_domain FROM tenant ORDER BY 1", out);
	tell_query(db, "domain",
	           "SELECT name || ' ' || tenant || ' ' || state || ' ' || coalesce(cause, '') FROM domain ORDER BY 1",
	           out);
	tell_query(db, "mailbox", "SELECT address || ' ' || domain || ' ' || (removed_ms > 0) FROM mailbox ORDER BY 1",
	           out);
	tell_query(db, "key",
	           "SELECT domain || ' ' || selector || ' ' || algorithm || ' ' || state FROM dkim_key ORDER BY 1",
	           out);
	tell_query(db, "credential", "SELECT address FROM credential ORDER BY 1", out);
	tell_query(db, "suppression",
	           "SELECT scope || ' ' || kind || ' ' || value || ' ' || (lifted_ms IS NOT NULL) FROM suppression "
	           "ORDER BY 1",
	           out);
	tell_owned(db, GET, out);
	tell_owned(db, TRY, out);
	tell_owned(db, "ptr:192.0.2.10", out);
	tell_audit(g, db);
	db_drop(&db);
	assert_ok(buf_check(out, "state", &g->err), &g->err);
}

void
assert_ground_state(struct ground *g, const struct buf *want)
{
	struct buf now = {0};
	size_t same = 0, line = 0;

	ground_state(g, &now);
	for (const char *a = buf_str(&now), *b = buf_str(want); a[same] != '\0' && a[same] == b[same]; same++)
		if (a[same] == '\n')
			line = same + 1;
	if (strcmp(buf_str(&now), buf_str(want)) != 0)
		fail_msg("there is: %.*s\nshould be: %.*s", (int)strcspn(buf_str(&now) + line, "\n"),
		         buf_str(&now) + line, (int)strcspn(buf_str(want) + line, "\n"), buf_str(want) + line);
	buf_release(&now);
}
