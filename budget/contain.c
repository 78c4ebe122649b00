/*
 * contain.c - what a domain may become, and the log line of each change.
 *
 * The transitions are one table.  A burn leaves its mark (burned_ms) beside the state, because teardown changes the state
 * and must not wash the name clean.
 */
#include "budget/contain_inside.h"

#include <assert.h>
#include <string.h>

#include "budget/tokens.h"
#include "core/json.h"

#define BIT(state) (1U << (state))

enum move { MOVE_PROVISION, MOVE_REGISTER, MOVE_FREEZE, MOVE_THAW, MOVE_BURN, MOVE_CLOSE, MOVE_PARK, MOVE__COUNT };

/* States of a domain, by their initials. */
/* clang-format off */
#define P BIT(DOMAIN_PLANNED)
#define G BIT(DOMAIN_PROVISIONING)
#define W BIT(DOMAIN_WARMING)
#define A BIT(DOMAIN_ACTIVE)
#define F BIT(DOMAIN_FROZEN)
#define B BIT(DOMAIN_BURNED)
#define C BIT(DOMAIN_CLOSING)
#define K BIT(DOMAIN_PARKED)
/* from: the move is made; keep: the domain stays as it is and the caller is content; any other state refuses. */
static const struct {
	const char *action, *verb;
	unsigned from, keep;
} moves[] = {
	[MOVE_PROVISION] = {"domain.provision", "provisioned", P | K, G | W | A | F | B | C},
	[MOVE_REGISTER]  = {"domain.register", "registered", G, W | A | F | B},
	[MOVE_FREEZE]    = {"domain.freeze", "frozen", W | A, F},
	[MOVE_THAW]      = {"domain.thaw", "thawed", F, 0},
	[MOVE_BURN]      = {"domain.burn", "burned", W | A | F, B},
	[MOVE_CLOSE]     = {"domain.close", "closed", ~K, 0},
	[MOVE_PARK]      = {"domain.park", "parked", C, K},
};
#undef P
#undef G
#undef W
#undef A
#undef F
#undef B
#undef C
#undef K
/* clang-format on */
static_assert(ARRAY_LEN(moves) == MOVE__COUNT, "a row for each move");

int
contain_canonical(const char *text, struct name *out, struct err *err)
{
	int rc = name_parse_host(text, out, err);

	if (rc == CR_OK && strlen(out->text) >= sizeof(((struct domain_row *)0)->name))
		rc = err_set(err, CR_EPARSE, "name too long: '%s'", text);
	return rc;
}

int
contain_log(struct contain *c, const char *action, const char *subject, const char *reason, const char *detail,
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

int
contain_want_review(const char *reason, struct err *err)
{
	if (reason == NULL || reason[strspn(reason, " \t\r\n")] == '\0')
		return err_set(err, CR_EUSAGE, "a thaw needs a reason: what the review found");
	return CR_OK;
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
		rc = contain_log(c, moves[m].action, was->name, reason, buf_str(&b), err);
	buf_release(&b);
	return rc;
}

/* Find the domain and ask the table.  *go_out false: it stays as it is, and that is fine. */
static int
may_move(struct contain *c, const char *domain, enum move m, struct domain_row *d, bool *go_out, struct err *err)
{
	struct name n;
	int rc = contain_canonical(domain, &n, err);

	if (rc == CR_OK)
		rc = domain_find(c->db, n.text, d, err);
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
	return rc == CR_OK && changed > 0 ? contain_log(c, "mailbox.add", a.text, NULL, NULL, err) : rc;
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
	return rc == CR_OK && changed > 0 ? contain_log(c, "mailbox.remove", a.text, NULL, NULL, err) : rc;
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
	int rc = contain_canonical(domain, &n, err);

	if (rc == CR_OK)
		rc = domain_find(c->db, n.text, &d, err);
	if (rc == CR_OK)
		rc = db_exec(c->db, "UPDATE domain SET verified_ms = $1 WHERE name = $2",
		             DB_ARGS(db_int(c->now_ms), db_text(d.name)), NULL, err);
	return rc == CR_OK ? contain_log(c, "domain.verify", d.name, NULL, NULL, err) : rc;
}

int
contain_thaw(struct contain *c, const char *domain, const char *reason, struct err *err)
{
	enum domain_state to;
	struct domain_row d;
	bool go;
	int rc = may_move(c, domain, MOVE_THAW, &d, &go, err);

	if (rc == CR_OK)
		rc = contain_want_review(reason, err);
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
