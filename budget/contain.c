/*
 * contain.c - what a domain may become, and the log line of each change.
 *
 * The transitions are one table.  A burn leaves its mark (burned_ms) beside the state, because teardown changes the state
 * and must not wash the name clean.
 */
#include "budget/contain.h"

#include "budget/tokens.h"

#include "core/json.h"
#include "core/num.h"
#include "core/opt.h"
#include "dns/name.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(state) (1U << (state))

static const char *const state_names[] = {
	[DOMAIN_PLANNED] = "planned", [DOMAIN_PROVISIONING] = "provisioning",
	[DOMAIN_WARMING] = "warming", [DOMAIN_ACTIVE] = "active",
	[DOMAIN_FROZEN] = "frozen",   [DOMAIN_BURNED] = "burned",
	[DOMAIN_CLOSING] = "closing", [DOMAIN_PARKED] = "parked",
};
static_assert(ARRAY_LEN(state_names) == DOMAIN_STATE__COUNT, "a name for each state");

enum move { MOVE_PROVISION, MOVE_REGISTER, MOVE_FREEZE, MOVE_THAW, MOVE_BURN, MOVE_CLOSE, MOVE_PARK, MOVE__COUNT };

/* from: the move is made; keep: the domain stays as it is and the caller is content; any other state refuses. */
static const struct {
	const char *action;
	const char *verb;
	unsigned from, keep;
} moves[] = {
	[MOVE_PROVISION] = {"domain.provision", "provisioned", BIT(DOMAIN_PLANNED) | BIT(DOMAIN_PARKED),
                            BIT(DOMAIN_PROVISIONING) | BIT(DOMAIN_WARMING) | BIT(DOMAIN_ACTIVE) | BIT(DOMAIN_FROZEN) |
                                    BIT(DOMAIN_BURNED) | BIT(DOMAIN_CLOSING)                                                                    },
	[MOVE_REGISTER] = {"domain.register",  "registered",  BIT(DOMAIN_PROVISIONING),
                            BIT(DOMAIN_WARMING) | BIT(DOMAIN_ACTIVE) | BIT(DOMAIN_FROZEN) | BIT(DOMAIN_BURNED)                                  },
	[MOVE_FREEZE] = {"domain.freeze",    "frozen",      BIT(DOMAIN_WARMING) | BIT(DOMAIN_ACTIVE),                      BIT(DOMAIN_FROZEN)},
	[MOVE_THAW] = {"domain.thaw",      "thawed",      BIT(DOMAIN_FROZEN),                                            0                 },
	[MOVE_BURN] = {"domain.burn",      "burned",      BIT(DOMAIN_FROZEN) | BIT(DOMAIN_WARMING) | BIT(DOMAIN_ACTIVE),
                            BIT(DOMAIN_BURNED)												  },
	[MOVE_CLOSE] = {"domain.close",     "closed",      ~BIT(DOMAIN_PARKED),                                           0                 },
	[MOVE_PARK] = {"domain.park",      "parked",      BIT(DOMAIN_CLOSING),                                           BIT(DOMAIN_PARKED)},
};
static_assert(ARRAY_LEN(moves) == MOVE__COUNT, "a row for each move");

const char *
domain_state_name(enum domain_state s)
{
	assert((unsigned)s < DOMAIN_STATE__COUNT);
	return state_names[s];
}

int
domain_state_parse(const char *text, enum domain_state *out, struct err *err)
{
	for (size_t i = 0; text != NULL && i < ARRAY_LEN(state_names); i++) {
		if (strcmp(state_names[i], text) == 0) {
			*out = (enum domain_state)i;
			return CR_OK;
		}
	}
	return err_set(err, CR_ESTORE, "unknown domain state '%s'", text != NULL ? text : "");
}

enum domain_state
domain_state_in_effect(enum domain_state s, int64_t first_send_ms, int64_t now_ms)
{
	return s == DOMAIN_WARMING && first_send_ms <= now_ms ? DOMAIN_ACTIVE : s;
}

/* The canonical name of a registrable host; a wrong spelling cannot name a row. */
static int
canonical(const char *text, struct name *out, struct err *err)
{
	int rc = name_parse_host(text, out, err);

	if (rc == CR_OK && strlen(out->text) >= sizeof(((struct domain_row *)0)->name))
		rc = err_set(err, CR_EPARSE, "name too long: '%s'", text);
	return rc;
}

int
contain_domain(struct db *db, const char *domain, struct domain_row *out, struct err *err)
{
	struct db_rows *rows = NULL;
	struct domain_row d = {0};
	bool more = false;
	int rc;

	rc = db_query(
		db,
		"SELECT name, tenant, state, cause, since_ms, created_ms, first_send_ms, closing_until_ms, burned_ms "
		"FROM domain WHERE name = $1",
		DB_ARGS(db_text(domain)), &rows, err);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ENOTFOUND, "no such outreach domain: '%s'", domain);
	if (rc != CR_OK)
		goto out;
	(void)snprintf(d.name, sizeof(d.name), "%s", db_col_text(rows, 0));
	(void)snprintf(d.tenant, sizeof(d.tenant), "%s", db_col_text(rows, 1));
	(void)snprintf(d.cause, sizeof(d.cause), "%s", db_col_is_null(rows, 3) ? "" : db_col_text(rows, 3));
	d.since_ms = db_col_int(rows, 4);
	d.created_ms = db_col_int(rows, 5);
	d.first_send_ms = db_col_int(rows, 6);
	d.closing_until_ms = db_col_int(rows, 7);
	d.burned_ms = db_col_int(rows, 8);
	rc = domain_state_parse(db_col_text(rows, 2), &d.state, err);
	if (rc == CR_OK)
		*out = d;
out:
	db_rows_drop(&rows);
	return rc;
}

static int
log_line(struct contain *c, const char *action, const char *subject, const char *reason, const char *detail,
         struct err *err)
{
	const struct audit_entry e = {
		.at_ms = c->now_ms,
		.actor = c->actor,
		.action = action,
		.subject = subject,
		.reason = reason,
		.detail = detail,
	};

	return audit_append(c->db, c->vault, &e, err);
}

/* One line with what was, what is, and why. */
static int
log_move(struct contain *c, enum move m, const struct domain_row *was, enum domain_state now, const char *cause,
         const char *reason, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	json_out_open(&j, '{');
	json_out_member(&j, "from", domain_state_name(was->state));
	json_out_member(&j, "to", domain_state_name(now));
	if (cause != NULL)
		json_out_member(&j, "cause", cause);
	json_out_close(&j);
	rc = buf_check(&b, "log line", err);
	if (rc == CR_OK)
		rc = log_line(c, moves[m].action, was->name, reason, buf_str(&b), err);
	buf_release(&b);
	return rc;
}

/* Find the domain and ask the table.  *go_out false: it stays as it is, and that is fine. */
static int
may_move(struct contain *c, const char *domain, enum move m, struct domain_row *d, bool *go_out, struct err *err)
{
	struct name n;
	int rc = canonical(domain, &n, err);

	if (rc == CR_OK)
		rc = contain_domain(c->db, n.text, d, err);
	if (rc != CR_OK)
		return rc;
	*go_out = (moves[m].from & BIT(d->state)) != 0;
	if (!*go_out && (moves[m].keep & BIT(d->state)) == 0)
		return err_set(err, CR_EREFUSED, "%s is %s and cannot be %s", d->name, domain_state_name(d->state),
		               moves[m].verb);
	return CR_OK;
}

static int
set_state(struct contain *c, const struct domain_row *d, enum domain_state to, const char *cause, struct err *err)
{
	return db_exec(c->db, "UPDATE domain SET state = $1, cause = $2, since_ms = $3 WHERE name = $4",
	               DB_ARGS(db_text(domain_state_name(to)), db_text(cause), db_int(c->now_ms), db_text(d->name)),
	               NULL, err);
}

/* Is it a primary, below one, or above one?  Any tenant's. */
static int
refuse_primary(struct contain *c, const char *domain, struct err *err)
{
	char *primary = NULL;
	int rc = CR_OK;

	for (const char *n = domain; rc == CR_OK && primary == NULL && *n != '\0'; n = name_parent(n))
		rc = db_get_text(c->db, "SELECT primary_domain FROM tenant WHERE primary_domain = $1",
		                 DB_ARGS(db_text(n)), &primary, err);
	if (rc == CR_OK && primary == NULL)
		/* A host name holds neither % nor _. */
		rc = db_get_text(c->db,
		                 "SELECT primary_domain FROM tenant WHERE primary_domain LIKE '%.' || $1 LIMIT 1",
		                 DB_ARGS(db_text(domain)), &primary, err);
	if (rc == CR_OK && primary != NULL)
		rc = err_set(err, CR_EREFUSED, "%s touches the primary domain %s, which is never used for outreach",
		             domain, primary);
	free(primary);
	return rc;
}

static int
refuse_cooldown(struct contain *c, const char *tenant, struct err *err)
{
	char until[NUM_RFC3339_MAX];
	int64_t until_ms;
	int rc = db_get_int(c->db, "SELECT cooldown_until_ms FROM tenant WHERE primary_domain = $1",
	                    DB_ARGS(db_text(tenant)), 0, &until_ms, err);

	if (rc != CR_OK || until_ms <= c->now_ms)
		return rc;
	num_format_rfc3339(until_ms / 1000, until, sizeof(until));
	return err_set(err, CR_EREFUSED,
	               "%s burned a domain: nothing new before %s, or until `thaw %s --tenant --reason TEXT` records "
	               "the cause",
	               tenant, until, tenant);
}

static int
refuse_lookalike(struct contain *c, const char *tenant, const char *domain, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(c->db, "SELECT name FROM domain WHERE tenant = $1 AND burned_ms > 0",
	                  DB_ARGS(db_text(tenant)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		const char *burned = db_col_text(rows, 0);

		if (strcmp(burned, domain) == 0)
			rc = err_set(err, CR_EREFUSED, "%s was burned; there is no way back", domain);
		else if (opt_distance(burned, domain, CONTAIN_NAME_GAP) <= CONTAIN_NAME_GAP)
			rc = err_set(err, CR_EREFUSED, "%s is too near to %s, which was burned: choose another name",
			             domain, burned);
	}
	db_rows_drop(&rows);
	return rc;
}

/* The tenant's row; a name that is already an outreach domain cannot become a primary. */
static int
plan_tenant(struct contain *c, const char *tenant, struct err *err)
{
	int64_t taken, made = 0;
	int rc = db_get_int(c->db,
	                    "SELECT COUNT(*) FROM domain WHERE state <> 'parked' AND "
	                    "(name = $1 OR name LIKE '%.' || $1 OR $1 LIKE '%.' || name)",
	                    DB_ARGS(db_text(tenant)), 0, &taken, err);

	if (rc == CR_OK && taken > 0)
		rc = err_set(err, CR_EREFUSED, "%s is an outreach domain, or holds one: it cannot be a primary",
		             tenant);
	if (rc == CR_OK)
		rc = db_exec(c->db,
		             "INSERT INTO tenant (primary_domain, created_ms) VALUES ($1, $2) "
		             "ON CONFLICT (primary_domain) DO NOTHING",
		             DB_ARGS(db_text(tenant), db_int(c->now_ms)), &made, err);
	if (rc == CR_OK && made > 0)
		rc = log_line(c, "tenant.plan", tenant, NULL, NULL, err);
	return rc;
}

static int
insert_domain(struct contain *c, const char *tenant, const char *domain, struct err *err)
{
	int rc = db_exec(c->db,
	                 "INSERT INTO domain (name, tenant, state, since_ms, created_ms) "
	                 "VALUES ($1, $2, 'planned', $3, $3)",
	                 DB_ARGS(db_text(domain), db_text(tenant), db_int(c->now_ms)), NULL, err);

	return rc == CR_OK ? log_line(c, "domain.plan", domain, NULL, NULL, err) : rc;
}

int
contain_plan_domain(struct contain *c, const char *tenant, const char *domain, struct err *err)
{
	struct domain_row d = {0};
	struct name t, n;
	bool known;
	int rc;

	if ((rc = canonical(tenant, &t, err)) != CR_OK || (rc = canonical(domain, &n, err)) != CR_OK)
		return rc;
	rc = contain_domain(c->db, n.text, &d, err);
	if (rc != CR_OK && rc != CR_ENOTFOUND)
		return rc;
	known = rc == CR_OK;
	if (known && strcmp(d.tenant, t.text) != 0)
		return err_set(err, CR_ECONFLICT, "%s belongs to %s, not to %s", n.text, d.tenant, t.text);
	if ((rc = plan_tenant(c, t.text, err)) != CR_OK || (rc = refuse_primary(c, n.text, err)) != CR_OK)
		return rc;
	/* What already stands is repaired, not provisioned anew. */
	if (known && d.burned_ms == 0 && d.state != DOMAIN_PLANNED && d.state != DOMAIN_PARKED)
		return CR_OK;
	if ((rc = refuse_lookalike(c, t.text, n.text, err)) != CR_OK || (rc = refuse_cooldown(c, t.text, err)) != CR_OK)
		return rc;
	return known ? CR_OK : insert_domain(c, t.text, n.text, err);
}

int
contain_provisioning(struct contain *c, const char *domain, struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_PROVISION, &d, &go, err);

	if (rc != CR_OK || !go)
		return rc;
	rc = set_state(c, &d, DOMAIN_PROVISIONING, NULL, err);
	return rc == CR_OK ? log_move(c, MOVE_PROVISION, &d, DOMAIN_PROVISIONING, NULL, NULL, err) : rc;
}

/* Its spends stay with the row: an address made again is not a fresh budget. */
static int
put_mailbox(struct contain *c, const char *domain, const char *address, struct err *err)
{
	struct address a;
	const struct tokens none = {0};
	uint8_t packed[TOKENS_PACKED];
	int64_t changed = 0;
	int rc = address_parse(address, &a, err);

	if (rc != CR_OK)
		return rc;
	/* At its full length from the start: it will be changed in place. */
	tokens_pack(&none, packed);
	if (strcmp(a.domain, domain) != 0)
		return err_set(err, CR_EREFUSED, "mailbox %s is not on %s", a.text, domain);
	rc = db_exec(c->db, "UPDATE mailbox SET removed_ms = 0 WHERE address = $1 AND removed_ms <> 0",
	             DB_ARGS(db_text(a.text)), &changed, err);
	if (rc == CR_OK && changed == 0)
		rc = db_exec(c->db, "INSERT INTO mailbox (address, domain) VALUES ($1, $2) ON CONFLICT DO NOTHING",
		             DB_ARGS(db_text(a.text), db_text(domain)), &changed, err);
	if (rc == CR_OK)
		rc = db_exec(c->db,
		             "INSERT INTO spent (mailbox, slots) SELECT id, $2 FROM mailbox WHERE address = $1 "
		             "ON CONFLICT DO NOTHING",
		             DB_ARGS(db_text(a.text), db_blob(packed, sizeof(packed))), NULL, err);
	return rc == CR_OK && changed > 0 ? log_line(c, "mailbox.add", a.text, NULL, NULL, err) : rc;
}

int
contain_register(struct contain *c, const char *domain, int64_t first_send_ms, const char *const *mailboxes, size_t n,
                 struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_REGISTER, &d, &go, err);

	if (rc == CR_OK && go) {
		rc = set_state(c, &d, DOMAIN_WARMING, NULL, err);
		if (rc == CR_OK)
			rc = db_exec(c->db, "UPDATE domain SET first_send_ms = $1 WHERE name = $2",
			             DB_ARGS(db_int(first_send_ms), db_text(d.name)), NULL, err);
		if (rc == CR_OK)
			rc = log_move(c, MOVE_REGISTER, &d, DOMAIN_WARMING, NULL, NULL, err);
	}
	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = put_mailbox(c, d.name, mailboxes[i], err);
	return rc;
}

int
contain_remove_mailbox(struct contain *c, const char *address, struct err *err)
{
	struct address a;
	int64_t changed = 0;
	int rc = address_parse(address, &a, err);

	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE mailbox SET removed_ms = $1 WHERE address = $2 AND removed_ms = 0",
		             DB_ARGS(db_int(c->now_ms), db_text(a.text)), &changed, err);
	return rc == CR_OK && changed > 0 ? log_line(c, "mailbox.remove", a.text, NULL, NULL, err) : rc;
}

/* Which cause is kept when a second one comes: what ends with the tenant's restriction, or once a check holds, gives way to what lasts. */
static int
gravity(const char *cause)
{
	static const struct {
		const char *cause;
		int gravity;
	} light[] = {
		{"own_account", 0},
                {"auth",        1},
                {"systemic",    3}
        };

	for (size_t i = 0; i < ARRAY_LEN(light); i++) {
		if (strcmp(light[i].cause, cause) == 0)
			return light[i].gravity;
	}
	return 2;
}

int
contain_freeze(struct contain *c, const char *domain, const char *cause, const char *reason, struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_FREEZE, &d, &go, err);

	if (rc == CR_OK && go)
		rc = set_state(c, &d, DOMAIN_FROZEN, cause, err);
	else if (rc == CR_OK && gravity(cause) > gravity(d.cause))
		rc = db_exec(c->db, "UPDATE domain SET cause = $1 WHERE name = $2",
		             DB_ARGS(db_text(cause), db_text(d.name)), NULL, err);
	/* A second reason is logged too: the review before a thaw has to see all of them. */
	return rc == CR_OK ? log_move(c, MOVE_FREEZE, &d, DOMAIN_FROZEN, cause, reason, err) : rc;
}

static int
want_review(const char *reason, struct err *err)
{
	if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
		return err_set(err, CR_EUSAGE, "a thaw needs a reason: what the review found");
	return CR_OK;
}

/* Refused for lack of authentication: only the published records can say that it is mended, and they have to say so afterwards. */
static int
refuse_unverified(struct contain *c, const struct domain_row *d, struct err *err)
{
	int64_t refused_ms, verified_ms;
	int rc = db_get_int(c->db,
	                    "SELECT COALESCE(MAX(at_ms), 0) FROM evidence WHERE domain = $1 AND class = 'auth' AND "
	                    "temporary = 0",
	                    DB_ARGS(db_text(d->name)), 0, &refused_ms, err);

	if (rc == CR_OK)
		rc = db_get_int(c->db, "SELECT verified_ms FROM domain WHERE name = $1", DB_ARGS(db_text(d->name)), 0,
		                &verified_ms, err);
	if (rc != CR_OK)
		return rc;
	if (strcmp(d->cause, "auth") == 0 && refused_ms < d->since_ms)
		refused_ms = d->since_ms;
	if (refused_ms >= d->since_ms && verified_ms <= refused_ms)
		return err_set(err, CR_EREFUSED,
		               "%s was refused for its authentication: `verify %s` has to pass before a thaw", d->name,
		               d->name);
	return CR_OK;
}

int
contain_verified(struct contain *c, const char *domain, struct err *err)
{
	struct domain_row d;
	struct name n;
	int rc = canonical(domain, &n, err);

	if (rc == CR_OK)
		rc = contain_domain(c->db, n.text, &d, err);
	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE domain SET verified_ms = $1 WHERE name = $2",
		             DB_ARGS(db_int(c->now_ms), db_text(d.name)), NULL, err);
	return rc == CR_OK ? log_line(c, "domain.verify", d.name, NULL, NULL, err) : rc;
}

int
contain_thaw(struct contain *c, const char *domain, const char *reason, struct err *err)
{
	enum domain_state to;
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_THAW, &d, &go, err);

	if (rc == CR_OK)
		rc = want_review(reason, err);
	if (rc == CR_OK)
		rc = refuse_unverified(c, &d, err);
	if (rc != CR_OK)
		return rc;
	to = domain_state_in_effect(DOMAIN_WARMING, d.first_send_ms, c->now_ms);
	rc = set_state(c, &d, to, NULL, err);
	return rc == CR_OK ? log_move(c, MOVE_THAW, &d, to, d.cause, reason, err) : rc;
}

int
contain_burn(struct contain *c, const char *domain, const char *cause, const char *reason, struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_BURN, &d, &go, err);

	if (rc != CR_OK || !go)
		return rc;
	rc = set_state(c, &d, DOMAIN_BURNED, cause, err);
	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE domain SET burned_ms = $1 WHERE name = $2",
		             DB_ARGS(db_int(c->now_ms), db_text(d.name)), NULL, err);
	if (rc == CR_OK)
		rc = db_exec(
			c->db,
			"UPDATE tenant SET cooldown_until_ms = $1 WHERE primary_domain = $2 AND cooldown_until_ms < $1",
			DB_ARGS(db_int(c->now_ms + CONTAIN_COOLDOWN_MS), db_text(d.tenant)), NULL, err);
	return rc == CR_OK ? log_move(c, MOVE_BURN, &d, DOMAIN_BURNED, cause, reason, err) : rc;
}

int
contain_close(struct contain *c, const char *domain, int64_t closing_until_ms, const char *reason, struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_CLOSE, &d, &go, err);

	if (rc == CR_OK)
		rc = set_state(c, &d, DOMAIN_CLOSING, d.cause[0] != '\0' ? d.cause : NULL, err);
	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE domain SET closing_until_ms = $1 WHERE name = $2",
		             DB_ARGS(db_int(closing_until_ms), db_text(d.name)), NULL, err);
	return rc == CR_OK ? log_move(c, MOVE_CLOSE, &d, DOMAIN_CLOSING, NULL, reason, err) : rc;
}

int
contain_park(struct contain *c, const char *domain, struct err *err)
{
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_PARK, &d, &go, err);

	if (rc != CR_OK || !go)
		return rc;
	rc = set_state(c, &d, DOMAIN_PARKED, d.cause[0] != '\0' ? d.cause : NULL, err);
	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE mailbox SET removed_ms = $1 WHERE domain = $2 AND removed_ms = 0",
		             DB_ARGS(db_int(c->now_ms), db_text(d.name)), NULL, err);
	return rc == CR_OK ? log_move(c, MOVE_PARK, &d, DOMAIN_PARKED, NULL, NULL, err) : rc;
}

/* Names first, changes after: a statement must not walk the rows it changes. */
static int
tenant_domains(struct contain *c, const char *tenant, const char *cause, struct buf *names_out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc;

	if (cause == NULL)
		rc = db_query(c->db,
		              "SELECT name FROM domain WHERE tenant = $1 AND state IN ('warming', 'active', 'frozen')",
		              DB_ARGS(db_text(tenant)), &rows, err);
	else
		rc = db_query(c->db, "SELECT name FROM domain WHERE tenant = $1 AND state = 'frozen' AND cause = $2",
		              DB_ARGS(db_text(tenant), db_text(cause)), &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more)
		buf_add(names_out, db_col_text(rows, 0), strlen(db_col_text(rows, 0)) + 1);
	db_rows_drop(&rows);
	return rc == CR_OK ? buf_check(names_out, "domains of a tenant", err) : rc;
}

int
contain_freeze_tenant(struct contain *c, const char *tenant, const char *cause, const char *reason, struct err *err)
{
	struct buf names = {0};
	int64_t changed = 0;
	struct name t;
	int rc = canonical(tenant, &t, err);

	if (rc == CR_OK)
		rc = db_exec(c->db,
		             "UPDATE tenant SET frozen_cause = COALESCE(frozen_cause, $1), frozen_ms = "
		             "COALESCE(frozen_ms, $2) "
		             "WHERE primary_domain = $3",
		             DB_ARGS(db_text(cause), db_int(c->now_ms), db_text(t.text)), &changed, err);
	if (rc == CR_OK && changed == 0)
		rc = err_set(err, CR_ENOTFOUND, "no such tenant: '%s'", t.text);
	if (rc == CR_OK)
		rc = log_line(c, "tenant.freeze", t.text, reason, NULL, err);
	if (rc == CR_OK)
		rc = tenant_domains(c, t.text, NULL, &names, err);
	for (size_t i = 0; rc == CR_OK && i < names.len; i += strlen(names.data + i) + 1)
		rc = contain_freeze(c, names.data + i, cause, reason, err);
	buf_release(&names);
	return rc;
}

int
contain_thaw_tenant(struct contain *c, const char *tenant, const char *reason, struct err *err)
{
	struct buf names = {0};
	char *cause = NULL;
	int64_t cooldown_ms;
	struct name t;
	int rc = canonical(tenant, &t, err);

	if (rc == CR_OK)
		rc = want_review(reason, err);
	if (rc == CR_OK)
		rc = db_get_int(c->db, "SELECT cooldown_until_ms FROM tenant WHERE primary_domain = $1",
		                DB_ARGS(db_text(t.text)), -1, &cooldown_ms, err);
	if (rc == CR_OK && cooldown_ms < 0)
		rc = err_set(err, CR_ENOTFOUND, "no such tenant: '%s'", t.text);
	if (rc == CR_OK)
		rc = db_get_text(c->db, "SELECT frozen_cause FROM tenant WHERE primary_domain = $1",
		                 DB_ARGS(db_text(t.text)), &cause, err);
	if (rc == CR_OK && cause == NULL && cooldown_ms <= c->now_ms)
		rc = err_set(err, CR_EREFUSED, "%s is neither frozen nor waiting after a burn", t.text);
	if (rc == CR_OK)
		rc = db_exec(c->db,
		             "UPDATE tenant SET frozen_cause = NULL, frozen_ms = NULL, cooldown_until_ms = 0 "
		             "WHERE primary_domain = $1",
		             DB_ARGS(db_text(t.text)), NULL, err);
	if (rc == CR_OK)
		rc = log_line(c, "tenant.thaw", t.text, reason, NULL, err);
	if (rc == CR_OK && cause != NULL)
		rc = tenant_domains(c, t.text, cause, &names, err);
	for (size_t i = 0; rc == CR_OK && i < names.len; i += strlen(names.data + i) + 1)
		rc = contain_thaw(c, names.data + i, reason, err);
	buf_release(&names);
	free(cause);
	return rc;
}

/* The latest spend stays in its slot until a later one needs the place. */
int
contain_last_send(struct db *db, const char *domain, int64_t *out, struct err *err)
{
	struct db_rows *rows = NULL;
	int64_t last_ms = 0;
	bool more = false;
	int rc = db_query(db, "SELECT s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id WHERE m.domain = $1",
	                  DB_ARGS(db_text(domain)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		struct tokens t = {0};
		size_t len;
		const void *slots = db_col_blob(rows, 0, &len);

		rc = tokens_unpack(slots, len, &t, err);
		if (rc == CR_OK && t.n > 0 && t.slot[t.n - 1].spent_ms > last_ms)
			last_ms = t.slot[t.n - 1].spent_ms;
	}
	db_rows_drop(&rows);
	if (rc == CR_OK)
		*out = last_ms;
	return rc;
}
