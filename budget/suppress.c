/*
 * suppress.c - the list of those who must be left alone.
 *
 * Addresses are kept as a keyed hash: the list must outlive the people on it without being an address book.  An organisation
 * is its registrable domain, in clear.  An entry holds for every domain of its scope and for all time; a lift leaves the row.
 */
#include "budget/suppress.h"

#include "budget/organisations.h"
#include "core/json.h"
#include "core/num.h"
#include "dns/name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_BYTES (SUPPRESS_HASH_HEX / 2)

static void
address_hash(const struct vault *v, const char *address, char out[SUPPRESS_HASH_HEX + 1])
{
	uint8_t h[HASH_BYTES];

	vault_hash(v, "address", address, strlen(address), h, sizeof(h));
	num_format_hex(h, sizeof(h), out);
}

/* hash:HEX, or as an export says it: hash:ID:HEX with the id of the key that made HEX.  Under another key it would match nobody. */
static int
key_of_hash(const struct vault *v, const char *hex, struct suppress_key *out, struct err *err)
{
	const char *colon = strchr(hex, ':');
	char id[VAULT_ID_MAX];

	vault_id(v, id);
	if (colon != NULL && ((size_t)(colon - hex) != strlen(id) || strncmp(hex, id, strlen(id)) != 0))
		return err_set(err, CR_EPARSE,
		               "an address hash made under another key matches nobody here: give the address itself");
	if (colon != NULL)
		hex = colon + 1;
	if (strlen(hex) != SUPPRESS_HASH_HEX || strspn(hex, "0123456789abcdefABCDEF") != SUPPRESS_HASH_HEX)
		return err_set(err, CR_EPARSE, "not an address hash of %d hex digits: '%s'", SUPPRESS_HASH_HEX, hex);
	out->kind = "address";
	for (size_t i = 0; i <= SUPPRESS_HASH_HEX; i++)
		out->value[i] = (char)tolower((unsigned char)hex[i]);
	return CR_OK;
}

static int
key_of_organisation(const char *text, struct suppress_key *out, struct err *err)
{
	struct name n, org;
	int rc = name_parse_host(text, &n, err);

	if (rc != CR_OK)
		return rc;
	name_organisation(n.text, &org);
	out->kind = "organisation";
	(void)snprintf(out->value, sizeof(out->value), "%.255s", org.text);
	return CR_OK;
}

int
suppress_key_of(const struct vault *v, const char *what, struct suppress_key *out, struct err *err)
{
	struct address a;
	int rc;

	if (strncmp(what, "hash:", 5) == 0)
		return key_of_hash(v, what + 5, out, err);
	if (strchr(what, '@') == NULL)
		return key_of_organisation(what, out, err);
	rc = address_parse(what, &a, err);
	if (rc != CR_OK)
		return rc;
	out->kind = "address";
	address_hash(v, a.text, out->value);
	return CR_OK;
}

int
suppress_scope_of(const char *scope, char out[256], struct err *err)
{
	struct name n;
	int rc;

	out[0] = '\0';
	if (scope == NULL || scope[0] == '\0')
		return CR_OK;
	rc = name_parse_host(scope, &n, err);
	if (rc == CR_OK)
		(void)snprintf(out, 256, "%.255s", n.text);
	return rc;
}

static int
log_line(struct contain *c, const char *action, const char *scope, const struct suppress_key *k, const char *reason,
         const char *evidence, struct err *err)
{
	struct buf b = {0}, subject = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	buf_addf(&subject, "%s %s", k->kind, k->value);
	json_out_open(&j, '{');
	json_out_member(&j, "scope", scope);
	if (evidence != NULL)
		json_out_member(&j, "evidence", evidence);
	json_out_close(&j);
	rc = buf_check(&b, "log line", err);
	if (rc == CR_OK)
		rc = buf_check(&subject, "log line", err);
	if (rc == CR_OK) {
		const struct audit_entry e = {
			.at_ms = c->now_ms,
			.actor = c->actor,
			.action = action,
			.subject = buf_str(&subject),
			.reason = reason,
			.detail = buf_str(&b),
		};
		rc = audit_append(c->db, c->vault, &e, err);
	}
	buf_release(&subject);
	buf_release(&b);
	return rc;
}

int
suppress_add(struct contain *c, const struct suppress_entry *e, bool *added_out, struct err *err)
{
	struct suppress_key k;
	int64_t added = 0;
	char scope[256];
	int rc;

	if ((rc = suppress_key_of(c->vault, e->what, &k, err)) != CR_OK ||
	    (rc = suppress_scope_of(e->scope, scope, err)) != CR_OK)
		return rc;
	rc = db_exec(c->db,
	             "INSERT INTO suppression (scope, kind, value, reason, evidence, source, added_ms) "
	             "VALUES ($1, $2, $3, $4, $5, $6, $7) "
	             "ON CONFLICT (kind, value, scope) WHERE lifted_ms IS NULL DO NOTHING",
	             DB_ARGS(db_text(scope), db_text(k.kind), db_text(k.value), db_text(e->reason),
	                     db_text(e->evidence), db_text(e->source),
	                     db_int(e->added_ms > 0 ? e->added_ms : c->now_ms)),
	             &added, err);
	if (rc == CR_OK && added > 0)
		rc = log_line(c, "suppress.add", scope, &k, e->reason, e->evidence, err);
	if (rc == CR_OK)
		*added_out = added > 0;
	return rc;
}

static bool
is_blank(const char *s)
{
	return s == NULL || s[strspn(s, " \t\r\n")] == '\0';
}

int
suppress_lift(struct contain *c, const char *scope_text, const char *what, const char *reason, const char *evidence,
              struct err *err)
{
	struct suppress_key k;
	int64_t lifted = 0;
	char scope[256];
	int rc;

	if (is_blank(reason) || is_blank(evidence))
		return err_set(err, CR_EUSAGE,
		               "a lift needs --reason and --evidence: who agreed, and where it is on file");
	if ((rc = suppress_key_of(c->vault, what, &k, err)) != CR_OK ||
	    (rc = suppress_scope_of(scope_text, scope, err)) != CR_OK)
		return rc;
	rc = db_exec(c->db,
	             "UPDATE suppression SET lifted_ms = $1, lift_reason = $2, lift_evidence = $3 "
	             "WHERE kind = $4 AND value = $5 AND scope = $6 AND lifted_ms IS NULL",
	             DB_ARGS(db_int(c->now_ms), db_text(reason), db_text(evidence), db_text(k.kind), db_text(k.value),
	                     db_text(scope)),
	             &lifted, err);
	if (rc == CR_OK && lifted == 0)
		return err_set(err, CR_ENOTFOUND, "not suppressed %s%s: '%s'",
		               scope[0] != '\0' ? "for " : "for the installation", scope, what);
	return rc == CR_OK ? log_line(c, "suppress.lift", scope, &k, reason, evidence, err) : rc;
}

/*
 * The address and four names in one question: this stands in the way of every send.  Two halves, since SQLite answers an OR
 * over both kinds by reading the whole list.
 */
#define NAMES 127 /* labels of the longest name there is */

/* A question of two scopes a key: '' and the tenant.  Two plain seeks are a tenth of one statement with IN and UNION. */
struct probe {
	struct db_value args[2 * 3 * (1 + NAMES + ORGANISATION_NAMES)];
	size_t n; /* questions */
	char *reason_out;
	bool closed;
};

static void
probe_add(struct probe *p, const char *kind, const char *value, const char *tenant)
{
	const char *const scopes[] = {"", tenant};

	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		struct db_value *a = &p->args[3 * p->n++];

		a[0] = db_text(kind);
		a[1] = db_text(value);
		a[2] = db_text(scopes[i]);
	}
}

static int
take_entry(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct probe *p = arg;
	bool is_address = strcmp(p->args[3 * i].data, "address") == 0;

	(void)row;
	(void)err;
	if (!p->closed)
		(void)snprintf(p->reason_out, 64, "%s%.40s", is_address ? "address" : "organisation ",
		               is_address ? "" : (const char *)p->args[3 * i + 1].data);
	p->closed = true;
	return CR_OK;
}

int
suppress_test_hashed(struct db *db, const struct closed *filter, const char *tenant, const uint8_t *hash,
                     const char *domain, const char *const *names, bool *closed_out, char reason_out[64],
                     struct err *err)
{
	char hex[SUPPRESS_HASH_HEX + 1];
	struct probe p; /* large, and seldom used: not cleared */
	int rc = CR_OK;

	p.n = 0;
	p.closed = false;
	p.reason_out = reason_out;
	reason_out[0] = '\0';
	if (closed_maybe_address(filter, hash)) {
		num_format_hex(hash, HASH_BYTES, hex);
		probe_add(&p, "address", hex, tenant);
	}
	/* Every name above it, not only today's organisation: the public suffix list changes, a refusal does not. */
	for (; *domain != '\0' && p.n < 2 * (1 + NAMES); domain = name_parent(domain)) {
		if (closed_maybe_organisation(filter, domain))
			probe_add(&p, "organisation", domain, tenant);
	}
	for (size_t left = ORGANISATION_NAMES; *names != NULL && left > 0; names++, left--) {
		if (closed_maybe_organisation(filter, *names))
			probe_add(&p, "organisation", *names, tenant);
	}
	if (p.n > 0)
		rc = db_query_many(db, DB_LOOK,
		                   "SELECT 1 FROM suppression WHERE kind = $1 AND value = $2 AND scope = $3 "
		                   "AND lifted_ms IS NULL",
		                   p.args, 3, p.n, take_entry, &p, err);
	if (rc == CR_OK)
		*closed_out = p.closed;
	return rc;
}

int
suppress_test(struct db *db, const struct vault *v, const char *tenant, const char *recipient, bool *closed_out,
              char reason_out[64], struct err *err)
{
	static const struct closed knows_nothing;
	static const char *const no_names[] = {NULL};
	const char *at = strrchr(recipient, '@');
	uint8_t hash[HASH_BYTES];

	vault_hash(v, "address", recipient, strlen(recipient), hash, sizeof(hash));
	return suppress_test_hashed(db, &knows_nothing, tenant, hash, at != NULL ? at + 1 : recipient, no_names,
	                            closed_out, reason_out, err);
}
