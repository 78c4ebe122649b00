/*
 * contain_plan.c - which names may become outreach domains.
 *
 * Invariant: a primary, and what lies above or below one, never does; what was burned does not come back under a name like it.
 */
#include "budget/contain_inside.h"

#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "core/opt.h"

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
		rc = contain_log(c, "tenant.plan", tenant, NULL, NULL, err);
	return rc;
}

static int
insert_domain(struct contain *c, const char *tenant, const char *domain, struct err *err)
{
	int rc = db_exec(c->db,
	                 "INSERT INTO domain (name, tenant, state, since_ms, created_ms) "
	                 "VALUES ($1, $2, 'planned', $3, $3)",
	                 DB_ARGS(db_text(domain), db_text(tenant), db_int(c->now_ms)), NULL, err);

	return rc == CR_OK ? contain_log(c, "domain.plan", domain, NULL, NULL, err) : rc;
}

int
contain_plan_domain(struct contain *c, const char *tenant, const char *domain, struct err *err)
{
	struct domain_row d = {0};
	struct name t, n;
	bool known;
	int rc;

	if ((rc = contain_canonical(tenant, &t, err)) != CR_OK || (rc = contain_canonical(domain, &n, err)) != CR_OK)
		return rc;
	rc = domain_find(c->db, n.text, &d, err);
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
