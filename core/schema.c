/*
 * schema.c - version 1 of the store: gate, suppression, provisioning journal, keys, audit.
 *
 * Times are UTC milliseconds (_ms).  Names are canonical: lower case A-labels, no final dot; addresses likewise.
 * Times of spends live in mailbox.slots: the slots alone decide, history is for people (design: the gate).
 * Nothing here has a counter that could drift.
 */
#include "core/schema.h"

static const char version_1[] =
	/* installation-wide values: the id of the key it belongs to, the gate's clock, the audit head */
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"

	"CREATE TABLE tenant ("
	" primary_domain TEXT PRIMARY KEY,"
	" created_ms BIGINT NOT NULL,"
	" frozen_cause TEXT," /* own-account restriction: every domain of the tenant stands still */
	" frozen_ms BIGINT,"
	" cooldown_until_ms BIGINT NOT NULL DEFAULT 0);"

	/* state: planned provisioning warming active frozen burned closing parked */
	"CREATE TABLE domain ("
	" name TEXT PRIMARY KEY,"
	" tenant TEXT NOT NULL REFERENCES tenant(primary_domain),"
	" state TEXT NOT NULL,"
	" cause TEXT,"
	" since_ms BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" first_send_ms BIGINT NOT NULL DEFAULT 0,"
	" closing_until_ms BIGINT NOT NULL DEFAULT 0,"
	" burned_ms BIGINT NOT NULL DEFAULT 0);" /* outlives closing and parked: there is no way back */
	"CREATE INDEX domain_tenant ON domain(tenant);"

	/* slots: packed spends, see budget/tokens.h */
	"CREATE TABLE mailbox ("
	" address TEXT PRIMARY KEY,"
	" domain TEXT NOT NULL REFERENCES domain(name),"
	" removed_ms BIGINT NOT NULL DEFAULT 0,"
	" slots BLOB);"
	"CREATE INDEX mailbox_domain ON mailbox(domain);"

	/* one row per tenant and recipient organisation that was written to: packed times of the last sends */
	"CREATE TABLE pace ("
	" tenant TEXT NOT NULL,"
	" organisation TEXT NOT NULL,"
	" times BLOB NOT NULL,"
	" PRIMARY KEY (tenant, organisation));"

	/* recipient_hash: keyed, so that the history names nobody.  ticket: the random half; seq is the other one */
	"CREATE TABLE history ("
	" seq INTEGER PRIMARY KEY,"
	" at_ms BIGINT NOT NULL,"
	" mailbox TEXT NOT NULL,"
	" class INTEGER NOT NULL,"
	" organisation TEXT NOT NULL,"
	" recipient_hash BLOB NOT NULL,"
	" ticket TEXT NOT NULL,"
	" released_ms BIGINT);"
	"CREATE INDEX history_mailbox ON history(mailbox, at_ms);"

	/* scope: '' = installation, else the tenant.  kind: address (value = keyed hash, hex) or organisation (clear).  A lifted row
       stays, as the record of who lifted it and why. */
	"CREATE TABLE suppression ("
	" id INTEGER PRIMARY KEY,"
	" scope TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" reason TEXT NOT NULL,"
	" evidence TEXT,"
	" source TEXT NOT NULL,"
	" added_ms BIGINT NOT NULL,"
	" lifted_ms BIGINT,"
	" lift_reason TEXT,"
	" lift_evidence TEXT);"
	"CREATE UNIQUE INDEX suppression_live ON suppression(kind, value, scope) WHERE lifted_ms IS NULL;"

	/* provisioning: each step twice, intention before the call, receipt after it */
	"CREATE TABLE journal ("
	" seq INTEGER PRIMARY KEY,"
	" run TEXT NOT NULL,"
	" tenant TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" step TEXT NOT NULL," /* step id, stable over runs: "zone", "records:getnorthwind.example", "mailbox:anna@..." */
	" driver TEXT NOT NULL,"    /* configured provider name + driver, to undo through the same one */
	" operation TEXT NOT NULL," /* create, update, delete */
	" intent TEXT NOT NULL,"    /* JSON: what was going to be done */
	" intended_ms BIGINT NOT NULL,"
	" receipt TEXT," /* JSON: what was done; NULL: unknown, observe first */
	" received_ms BIGINT,"
	" undone_ms BIGINT);" /* the thing was removed again by teardown */
	"CREATE INDEX journal_domain ON journal(domain, seq);"

	"CREATE TABLE dkim_key ("
	" domain TEXT NOT NULL,"
	" selector TEXT NOT NULL,"
	" algorithm TEXT NOT NULL,"  /* rsa, ed25519 */
	" state TEXT NOT NULL,"      /* active, next, retired */
	" public_key BLOB NOT NULL," /* what goes behind p=, decoded */
	" sealed BLOB NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" retired_ms BIGINT,"
	" PRIMARY KEY (domain, selector));"

	"CREATE TABLE credential ("
	" address TEXT PRIMARY KEY,"
	" sealed BLOB NOT NULL,"
	" created_ms BIGINT NOT NULL);"

	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY,"
	" at_ms BIGINT NOT NULL,"
	" actor TEXT NOT NULL,"
	" action TEXT NOT NULL,"
	" subject TEXT NOT NULL,"
	" reason TEXT,"
	" detail TEXT,"
	" hash BLOB NOT NULL);";

static const char *const migrations[] = {version_1};

const struct db_schema schema_coldrelay = {
	.migrations = migrations,
	.n_migrations = ARRAY_LEN(migrations),
};
