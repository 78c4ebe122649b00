/*
 * contain_tenant.c - all domains of a tenant together: a restriction of its own account, and the end of one.
 */
#include "budget/contain_inside.h"

#include <stdlib.h>
#include <string.h>

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
	int rc = contain_canonical(tenant, &t, err);

	if (rc == CR_OK)
		rc = db_exec(c->db,
		             "UPDATE tenant SET frozen_cause = COALESCE(frozen_cause, $1), frozen_ms = "
		             "COALESCE(frozen_ms, $2) "
		             "WHERE primary_domain = $3",
		             DB_ARGS(db_text(cause), db_int(c->now_ms), db_text(t.text)), &changed, err);
	if (rc == CR_OK && changed == 0)
		rc = err_set(err, CR_ENOTFOUND, "no such tenant: '%s'", t.text);
	if (rc == CR_OK)
		rc = contain_log(c, "tenant.freeze", t.text, reason, NULL, err);
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
	int rc = contain_canonical(tenant, &t, err);

	if (rc == CR_OK)
		rc = contain_want_review(reason, err);
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
		rc = contain_log(c, "tenant.thaw", t.text, reason, NULL, err);
	if (rc == CR_OK && cause != NULL)
		rc = tenant_domains(c, t.text, cause, &names, err);
	for (size_t i = 0; rc == CR_OK && i < names.len; i += strlen(names.data + i) + 1)
		rc = contain_thaw(c, names.data + i, reason, err);
	buf_release(&names);
	free(cause);
	return rc;
}
