/*
 * session.c - configuration and store opened on demand; the rows of the installation's own settings.
 */
#include "core/session.h"

#include "core/db_path.h"
#include "core/log.h"
#include "core/schema.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS     ((int64_t)86400000)
#define AT(member) offsetof(struct settings, member)

/* clang-format off */
const struct cfg_row settings_rows[] = {
	{"store", CFG_PATH, AT(store), 0, 0, "coldrelay.db", CFG_SERVER_OK, NULL, "What holds budgets, states, suppressions, the journal and the audit log: an SQLite file, or for several machines a PostgreSQL database, as `postgresql://USER@HOST/DATABASE` or `pg:` and libpq's key=value words."},
	{"store_password", CFG_SECRET, AT(store_password), 0, 0, NULL, 0, NULL, "The password of a store on a server; without it libpq looks into ~/.pgpass."},
	{"key_file", CFG_PATH, AT(key_file), 0, 0, "coldrelay.key", 0, NULL, "The installation's key: seals private keys and passwords, keys address hashes and the audit chain. Made on first use; keep a copy apart from the store."},
	{"templates", CFG_PATH, AT(templates), 0, 0, NULL, 0, NULL, "Directory of your own record templates; looked at before the built-in ones."},
	{"parallel", CFG_INT, AT(parallel), 1, 64, "16", 0, "domains", "How many domains a run works on side by side."},
	{"timeout", CFG_DURATION, AT(timeout_s), 1, 3600, "60", 0, "seconds", "The longest one provider call may take, its retries and waits included."},
	{"lock_wait", CFG_DURATION, AT(lock_wait_s), 0, 3600, "30", 0, "seconds", "How long a run waits for another run on the same tenant before it says who holds the lock."},
	{"warmup_peers", CFG_LIST, AT(warmup_peers), 0, 0, NULL, 0, NULL, "Addresses or domains outside this installation that count as warm-up recipients."},
	{"listen", CFG_TEXT, AT(listen), 0, 0, "unix:/var/spool/postfix/private/coldrelay", 0, NULL, "Where `serve` listens: unix:PATH or inet:HOST:PORT, HOST a number."},
	{"use_daemon", CFG_BOOL, AT(use_daemon), 0, 0, "true", 0, NULL, "Whether `check` and `release` ask the daemon at `listen` where one answers; else they open the store themselves."},
	{"metrics", CFG_TEXT, AT(metrics), 0, 0, NULL, 0, NULL, "Where `serve` tells its metrics to Prometheus: unix:PATH or inet:HOST:PORT, HOST a loopback address; not set: nowhere."},
	{"log_recipients", CFG_BOOL, AT(log_recipients), 0, 0, "false", 0, NULL, "Whether the log of `serve` names recipients, not only their organisation."},
	{"reply_rules", CFG_PATH, AT(reply_rules), 0, 0, NULL, 0, NULL, "Your own rules for what a refusal means; asked before the built-in ones. `explain --rules` lists them all."},
	{"resolver", CFG_TEXT, AT(resolver), 0, 0, NULL, 0, NULL, "HOST:PORT of the resolver that `verify` asks for all that no check_server serves; not set: the first one of /etc/resolv.conf. Block lists want one of your own."},
	{"limits", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "The budget of a mailbox; see the group below."},
	{"organisations", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of organisations that have several domains."},
	{"reactions", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "What follows from a refusal besides what always does; see the group below."},
	{"tenants", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of tenants."},
	{"zones", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of zone providers."},
	{"mail_hosts", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of mail hosts."},
	{"addresses", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of address owners (reverse DNS)."},
	{"block_lists", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of DNS block lists that `verify` looks into; without it, none: most have terms of use."},
	{"imap", CFG_TEXT, 0, 0, 0, NULL, CFG_GROUP_KEY, NULL, "List of IMAP servers that `bounce --imap` reads mailboxes on."},
};
const size_t settings_rows_n = ARRAY_LEN(settings_rows);

/* The largest values are the promise itself: 4 in 24 hours, 2 of them outbound.  They can be lowered, never raised. */
const struct cfg_row limits_rows[] = {
	{"total", CFG_INT, AT(limits.total), 0, 4, "4", 0, "per 24 h", "Sends of one mailbox in any 24 hours."},
	{"outbound", CFG_INT, AT(limits.outbound), 0, 2, "2", 0, "per 24 h", "Of these, to outside recipients."},
	{"warmup", CFG_INT, AT(limits.warmup), 0, 2, "2", 0, "per 24 h", "Of these, warm-up."},
	{"org_per_hour", CFG_INT, AT(limits.org_per_hour), 0, 100, "1", 0, "per hour", "Sends of a whole tenant to one recipient organisation; 0 turns the pace off."},
	{"org_per_day", CFG_INT, AT(limits.org_per_day), 0, 100, "3", 0, "per 24 h", "The same over 24 hours; 0 turns it off."},
	{"mailbox_gap", CFG_DURATION, AT(limits.mailbox_gap_s), 0, 86400, "45m", 0, NULL, "The shortest time between two sends of a mailbox; 0 turns it off."},
	{"queue_lifetime", CFG_DURATION, AT(limits.queue_lifetime_s), 0, 30 * 86400, "0", 0, NULL, "The longest time an admitted message may wait in a queue behind the gate; a token returns that much later. Set it to Postfix's maximal_queue_lifetime."},
	{"history_days", CFG_INT, AT(limits.history_days), 2, 36500, "400", 0, "days", "How long the history of sends is kept, for reports. What decides is kept apart from it."},
};
const size_t limits_rows_n = ARRAY_LEN(limits_rows);
/* clang-format on */

void
session_release(struct session *s)
{
	db_drop(&s->db);
	vault_drop(&s->vault);
	cfg_release_group(settings_rows, settings_rows_n, &s->settings);
	cfg_release_group(limits_rows, limits_rows_n, &s->settings);
	cfg_drop(&s->cfg);
}

const char *
session_find_config(const char *named)
{
	static const char *const places[] = {"./coldrelay.cfg", "/etc/coldrelay/coldrelay.cfg"};
	/* Not of a program with more rights than its user: a store of the user's own would allow everything. */
	const char *env = secure_getenv("COLDRELAY_CONFIG");

	if (named != NULL)
		return named;
	if (env != NULL && env[0] != '\0')
		return env;
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

/* Each finding is a line of its own; the returned error only counts them. */
int
session_findings(struct session *s, struct err *err)
{
	size_t faults = cfg_fault_count(s->cfg);

	if (!s->findings_told) {
		(void)fputs(cfg_warnings(s->cfg), stderr);
		(void)fputs(cfg_faults(s->cfg), stderr);
		s->findings_told = true;
	}
	if (faults == 0)
		return CR_OK;
	return err_set(err, CR_ECONFIG, "%s: %zu fault%s in the configuration, nothing was done", cfg_path(s->cfg),
	               faults, faults == 1 ? "" : "s");
}

static int
open_config(struct session *s, struct err *err)
{
	int rc;

	if (s->config_path == NULL)
		return err_set(err, CR_ECONFIG,
		               "no configuration: give -c FILE, set COLDRELAY_CONFIG, or make ./coldrelay.cfg or "
		               "/etc/coldrelay/coldrelay.cfg");
	rc = cfg_open(s->config_path, &s->cfg, err);
	if (rc == CR_ENOTFOUND)
		return err_set(err, CR_ECONFIG, "%s: no such configuration file", s->config_path);
	return rc;
}

int
session_read(struct session *s, struct err *err)
{
	const struct cfg_group *root, *limits;
	int rc;

	if (s->settings_read)
		return CR_OK;
	if (s->cfg == NULL && (rc = open_config(s, err)) != CR_OK)
		return rc;
	root = cfg_root(s->cfg);
	limits = cfg_sub(s->cfg, root, "limits");
	rc = cfg_read_group(s->cfg, root, "configuration", settings_rows, settings_rows_n, NULL, 0, &s->settings, err);
	if (rc == CR_OK)
		rc = cfg_read_group(s->cfg, limits, "limits", limits_rows, limits_rows_n, NULL, 0, &s->settings, err);
	if (rc == CR_OK && s->settings.store != NULL && db_path_has_password(s->settings.store))
		cfg_warn(s->cfg, root, "store",
		         "store: a password stands in the address: store_password takes env:NAME or file:PATH");
	s->settings_read = rc == CR_OK;
	return rc;
}

int
session_config(struct session *s, struct err *err)
{
	int rc = session_read(s, err);

	return rc == CR_OK ? session_findings(s, err) : rc;
}

static int
open_db(const struct session *s, const char *path, enum db_mode mode, struct db **out, struct err *err)
{
	struct secret *password = NULL;
	struct db_options o = {
		.path = path,
		.mode = mode,
		.schema = &schema_coldrelay,
		.clock = s->clock,
		.busy_ms = s->busy_ms,
		.distrust_ms = DAY_MS + s->settings.limits.queue_lifetime_s * 1000,
	};
	int rc = CR_OK;

	if (s->settings.store_password != NULL && db_path_is_server(o.path)) {
		rc = secret_resolve(s->settings.store_password, false, NULL, &password, err);
		if (rc != CR_OK)
			return err_wrap(err, "store_password");
		o.password = secret_bytes(password, NULL);
	}
	rc = db_open(&o, out, err);
	secret_drop(&password);
	return rc;
}

bool
session_has_store(const struct session *s)
{
	struct db *db = NULL;
	int rc;

	if (s->settings.store == NULL)
		return false;
	if (!db_path_is_server(s->settings.store))
		return access(s->settings.store, F_OK) == 0;
	/* One that does not answer may hold everything. */
	rc = open_db(s, s->settings.store, DB_READ, &db, NULL);
	db_drop(&db);
	return rc != CR_ENOTFOUND;
}

/* A new key beside an old store would open every suppressed address: none is made where a store stands. */
static int
open_vault(struct session *s, enum db_mode mode, struct err *err)
{
	int rc = vault_open(s->settings.key_file, false, &s->vault, err);
	bool has_store;

	if (rc != CR_ENOTFOUND)
		return rc;
	has_store = session_has_store(s);
	if (mode == DB_CREATE && !has_store)
		return vault_open(s->settings.key_file, true, &s->vault, err);
	if (has_store)
		return err_set(err, CR_ESTORE, "%s: the key of the store is gone: put its copy back",
		               s->settings.key_file);
	return err_set(err, CR_ESTORE, "%s: no installation key yet: `coldrelay provision` makes it",
	               s->settings.key_file);
}

static int
write_key_id(struct db *db, const char *id, struct err *err)
{
	int rc = db_begin(db, err);

	if (rc != CR_OK)
		return rc;
	rc = db_exec(db, "INSERT INTO meta (key, value) VALUES ('key_id', $1) ON CONFLICT DO NOTHING",
	             DB_ARGS(db_text(id)), NULL, err);
	return db_end(db, rc, err);
}

/* Address hashes mean something under one key only: with another the gate would let through what it must refuse. */
static int
bind_key(struct session *s, enum db_mode mode, struct err *err)
{
	static const char query[] = "SELECT value FROM meta WHERE key = 'key_id'";
	char want[VAULT_ID_MAX], *have = NULL;
	int rc = db_get_text(s->db, query, DB_NO_ARGS, &have, err);

	vault_id(s->vault, want);
	if (rc == CR_OK && have == NULL && mode == DB_CREATE) {
		rc = write_key_id(s->db, want, err);
		if (rc == CR_OK)
			rc = db_get_text(s->db, query, DB_NO_ARGS, &have, err);
	}
	if (rc == CR_OK && have != NULL && strcmp(have, want) != 0)
		rc = err_set(err, CR_ESTORE, "%s: not the key that the store %s was made with: put that one back",
		             s->settings.key_file, db_path(s->db));
	free(have);
	return rc;
}

int
session_store(struct session *s, enum db_mode mode, struct err *err)
{
	int rc = session_config(s, err);

	if (rc != CR_OK || s->db != NULL)
		return rc;
	rc = open_vault(s, mode, err);
	if (rc != CR_OK)
		return rc;
	rc = open_db(s, s->settings.store, mode, &s->db, err);
	if (rc == CR_OK && (rc = bind_key(s, mode, err)) != CR_OK)
		db_drop(&s->db);
	return rc;
}

int
session_other_store(struct session *s, const char *path, enum db_mode mode, struct db **out, struct err *err)
{
	int rc = session_config(s, err);

	if (rc == CR_OK && s->vault == NULL)
		rc = vault_open(s->settings.key_file, false, &s->vault, err);
	return rc == CR_OK ? open_db(s, path, mode, out, err) : rc;
}

int
session_print_line(struct session *s, struct buf *line, struct err *err)
{
	int rc;

	buf_addc(line, '\n');
	rc = buf_check(line, "output", err);
	if (rc == CR_OK && (fwrite(line->data, 1, line->len, s->out) != line->len || fflush(s->out) != 0))
		rc = err_set(err, CR_EIO, "standard output cannot be written");
	buf_clear(line);
	return rc;
}

const char *
session_config_dir(const struct session *s)
{
	static char dir[4096];

	if (s->config_path == NULL || strchr(s->config_path, '/') == NULL)
		return ".";
	(void)snprintf(dir, sizeof(dir), "%s", s->config_path);
	return dirname(dir);
}
