/*
 * schema.c - the store, version after version: gate, suppression, provisioning journal, keys, audit.
 *
 * Times are UTC milliseconds (_ms).  Names are canonical: lower case A-labels, no final dot; addresses likewise.
 * Times of spends live in spent.slots: the slots alone decide, history is for people (design: the gate).
 * Nothing here has a counter that could drift.  Both engines read this: what differs is spelt as SQLite does (db_engine.h).
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

/*
 * The gate's own rows become small and are kept apart from the names: what a send changes is one slot row that keeps its length, the
 * pace of an organisation, and one row at the end of the history, which is never changed afterwards.
 */
static const char version_2[] =
	"CREATE TABLE mailbox_2 ("
	" id INTEGER PRIMARY KEY,"
	" address TEXT NOT NULL,"
	" domain TEXT NOT NULL REFERENCES domain(name),"
	" removed_ms BIGINT NOT NULL DEFAULT 0);"
	"INSERT INTO mailbox_2 (address, domain, removed_ms) SELECT address, domain, removed_ms FROM mailbox ORDER BY "
	"address;"

	/* packed spends, see budget/tokens.h; NULL: none */
	"CREATE TABLE spent (mailbox INTEGER PRIMARY KEY, slots BLOB);"
	"INSERT INTO spent (mailbox, slots) SELECT n.id, o.slots FROM mailbox_2 n JOIN mailbox o ON o.address = "
	"n.address;"

	/* request: the key in the slot */
	"CREATE TABLE history_2 ("
	" seq INTEGER PRIMARY KEY,"
	" at_ms BIGINT NOT NULL,"
	" mailbox BIGINT NOT NULL,"
	" class INTEGER NOT NULL,"
	" organisation TEXT NOT NULL,"
	" recipient_hash BLOB NOT NULL,"
	" request BIGINT NOT NULL);"
	"INSERT INTO history_2 (seq, at_ms, mailbox, class, organisation, recipient_hash, request) "
	"SELECT h.seq, h.at_ms, n.id, h.class, h.organisation, h.recipient_hash, 0 "
	"FROM history h JOIN mailbox_2 n ON n.address = h.mailbox ORDER BY h.seq;"

	/* a send that was given back: its history row stays as it was */
	"CREATE TABLE released ("
	" id INTEGER PRIMARY KEY,"
	" mailbox BIGINT NOT NULL,"
	" spent_ms BIGINT NOT NULL,"
	" request BIGINT NOT NULL,"
	" released_ms BIGINT NOT NULL);"
	"INSERT INTO released (mailbox, spent_ms, request, released_ms) SELECT n.id, h.at_ms, 0, h.released_ms "
	"FROM history h JOIN mailbox_2 n ON n.address = h.mailbox WHERE h.released_ms IS NOT NULL ORDER BY h.seq;"

	/* last_ms: of times; a row whose day is over may go */
	"CREATE TABLE pace_2 ("
	" tenant TEXT NOT NULL,"
	" organisation TEXT NOT NULL,"
	" last_ms BIGINT NOT NULL,"
	" times BLOB NOT NULL,"
	" PRIMARY KEY (tenant, organisation)) WITHOUT ROWID;"
	"INSERT INTO pace_2 (tenant, organisation, last_ms, times) "
	"SELECT tenant, organisation, COALESCE((SELECT MAX(at_ms) FROM history), 0), times FROM pace;"

	"DROP TABLE mailbox;"
	"DROP TABLE history;"
	"DROP TABLE pace;"
	"ALTER TABLE mailbox_2 RENAME TO mailbox;"
	"ALTER TABLE history_2 RENAME TO history;"
	"ALTER TABLE pace_2 RENAME TO pace;"
	/* an address has one row, whatever became of it; the gate finds its number in the index and need not look at the row */
	"CREATE UNIQUE INDEX mailbox_address ON mailbox(address, removed_ms);"
	"CREATE INDEX mailbox_domain ON mailbox(domain);"
	/* nearly always empty: asked with every send, answered by one page */
	"CREATE INDEX tenant_frozen ON tenant(primary_domain) WHERE frozen_cause IS NOT NULL;";

/*
 * What refused us, and what followed.  Text that outlives its mail names nobody: recipients are keyed hashes, local parts are masked.
 */
static const char version_3[] =
	/* the addresses that a domain's mail leaves from: a listed address stops every domain on it */
	"CREATE TABLE domain_address ("
	" domain TEXT NOT NULL REFERENCES domain(name),"
	" address TEXT NOT NULL,"
	" PRIMARY KEY (domain, address));"
	"CREATE INDEX domain_address_address ON domain_address(address);"

	/* the last time every check of `verify` held: what a freeze for lack of authentication waits for */
	"ALTER TABLE domain ADD COLUMN verified_ms BIGINT NOT NULL DEFAULT 0;"

	/* identity: keyed hash of message id, recipient and status, or of the content: the same refusal read twice is one row.
	   tenant, domain, mailbox: '' when the sender is none of ours.  customer: of a gateway, by the name of its host.
	   wording: hash of the normalised text, 0 none.  temporary: it will be tried again, and decides nothing. */
	"CREATE TABLE evidence ("
	" id INTEGER PRIMARY KEY,"
	" identity BLOB NOT NULL,"
	" at_ms BIGINT NOT NULL,"
	" happened_ms BIGINT NOT NULL,"
	" source TEXT NOT NULL,"
	" content BLOB NOT NULL,"
	" message_id TEXT NOT NULL,"
	" recipient_hash BLOB,"
	" mailbox TEXT NOT NULL,"
	" tenant TEXT NOT NULL,"
	" domain TEXT NOT NULL,"
	" organisation TEXT NOT NULL,"
	" customer TEXT NOT NULL,"
	" class TEXT NOT NULL,"
	" rule TEXT NOT NULL,"
	" layer TEXT NOT NULL,"
	" temporary INTEGER NOT NULL,"
	" status TEXT NOT NULL,"
	" reply TEXT NOT NULL,"
	" host TEXT NOT NULL,"
	" words TEXT NOT NULL,"
	" wording BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX evidence_identity ON evidence(identity);"
	"CREATE INDEX evidence_domain ON evidence(domain, class, happened_ms);"
	"CREATE INDEX evidence_organisation ON evidence(organisation, tenant, class);"

	/* kind: domain, tenant, organisation (in clear), address (keyed hash, hex) */
	"CREATE TABLE consequence ("
	" evidence BIGINT NOT NULL REFERENCES evidence(id),"
	" action TEXT NOT NULL," /* freeze, burn, suppress */
	" kind TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" cause TEXT NOT NULL,"
	" PRIMARY KEY (evidence, action, kind, value));"
	"CREATE INDEX consequence_value ON consequence(kind, value);";

/*
 * By organisation first: those of a tenant share all of its name, which each step of a search would compare, and a tenant has most of
 * the rows.
 */
static const char version_4[] = "CREATE TABLE pace_4 ("
				" organisation TEXT NOT NULL,"
				" tenant TEXT NOT NULL,"
				" last_ms BIGINT NOT NULL,"
				" times BLOB NOT NULL,"
				" PRIMARY KEY (organisation, tenant)) WITHOUT ROWID;"
				"INSERT INTO pace_4 (organisation, tenant, last_ms, times) SELECT organisation, "
				"tenant, last_ms, times FROM pace;"
				"DROP TABLE pace;"
				"ALTER TABLE pace_4 RENAME TO pace;";

static const char *const migrations[] = {version_1, version_2, version_3, version_4};

const struct db_schema schema_coldrelay = {
	.migrations = migrations,
	.n_migrations = ARRAY_LEN(migrations),
};
