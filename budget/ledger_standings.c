/*
 * ledger_standings.c - what is known about a mailbox's domain: the primary above it, its state, and its tenant's.
 */
#include "budget/ledger_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"

void
ledger_standing_drop(void *standing)
{
	struct standing *s = standing;

	free(s->primary);
	free(s->tenant);
	free(s->cause);
	free(s);
}

/* Whose answer it is: names go up from their domains, several a domain. */
struct standings {
	struct standing **standing;
	const size_t *of; /* question -> standing; NULL: the same number */
	const struct dict *frozen;
};

static int
take_frozen(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct ledger *l = arg;
	char *tenant = strdup(db_col_text(row, 0));
	int rc = tenant == NULL ? err_nomem(err, "tenant") : dict_put(&l->frozen, tenant, tenant, err);

	(void)i;
	if (rc != CR_OK)
		free(tenant);
	return rc;
}

/* Hardly ever one: known to all domains of all tenants by a single question. */
static int
read_frozen(struct ledger *l, struct err *err)
{
	int rc;

	if (l->has_frozen)
		return CR_OK;
	dict_clear(&l->frozen, free); /* of an attempt that failed */
	rc = db_query_many(l->db, DB_LOOK, "SELECT primary_domain FROM tenant WHERE frozen_cause IS NOT NULL",
	                   DB_NO_ARGS, 1, take_frozen, l, err);
	l->has_frozen = rc == CR_OK;
	return rc;
}

static int
take_primary(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct standings *all = arg;
	struct standing *s = all->standing[all->of[i]];

	if (s->primary == NULL)
		s->primary = strdup(db_col_text(row, 0));
	return s->primary != NULL ? CR_OK : err_nomem(err, "domain");
}

static int
take_state(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct standings *all = arg;
	struct standing *s = all->standing[i];
	int rc = domain_state_parse(db_col_text(row, 1), &s->state, err);

	if (rc != CR_OK)
		return rc;
	s->tenant = strdup(db_col_text(row, 0));
	s->cause = db_col_is_null(row, 2) ? NULL : strdup(db_col_text(row, 2));
	if (s->tenant == NULL || (s->cause == NULL && !db_col_is_null(row, 2)))
		return err_nomem(err, "domain");
	s->first_send_ms = db_col_int(row, 3);
	s->tenant_frozen = dict_get(all->frozen, s->tenant) != NULL;
	s->known = true;
	return CR_OK;
}

static size_t
count_names(struct standing *const *s, size_t n)
{
	size_t names = 0;

	for (size_t i = 0; i < n; i++)
		for (const char *p = s[i]->domain; (p = strchr(p, '.')) != NULL; p++)
			names++;
	return names;
}

/* Each domain and every name above it; a name of one label was never registered by anybody. */
static int
read_primaries(struct ledger *l, struct standing **s, size_t n, struct err *err)
{
	const size_t names = count_names(s, n);
	struct db_value few[8] = {0}, *args = names <= ARRAY_LEN(few) ? few : calloc(names, sizeof(args[0]));
	size_t *of = calloc(names + 1, sizeof(of[0]));
	struct standings *all = calloc(1, sizeof(*all));
	size_t at = 0;
	int rc = ledger_lend(l, of, err);

	if (rc == CR_OK)
		rc = ledger_lend(l, all, err);
	else
		free(all);
	if (rc == CR_OK && args == NULL)
		rc = err_nomem(err, "domains");
	if (rc == CR_OK)
		*all = (struct standings){.standing = s, .of = of};
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		for (const char *p = s[i]->domain; strchr(p, '.') != NULL; p = name_parent(p)) {
			assert(args != NULL && of != NULL);
			args[at] = db_text(p);
			of[at++] = i;
		}
	}
	if (rc == CR_OK && at > 0)
		rc = db_query_many(l->db, DB_LOOK_LATER, "SELECT primary_domain FROM tenant WHERE primary_domain = $1",
		                   args, 1, at, take_primary, all, err);
	if (args != few)
		free(args);
	return rc;
}

static int
read_states(struct ledger *l, struct standing **s, size_t n, struct err *err)
{
	struct db_value few[4] = {0}, *args = n <= ARRAY_LEN(few) ? few : calloc(n, sizeof(args[0]));
	struct standings *all = calloc(1, sizeof(*all));
	int rc = ledger_lend(l, all, err);

	if (rc == CR_OK && args == NULL)
		rc = err_nomem(err, "domains");
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		assert(args != NULL);
		args[i] = db_text(s[i]->domain);
	}
	if (rc == CR_OK) {
		*all = (struct standings){.standing = s, .frozen = &l->frozen};
		rc = db_query_many(l->db, DB_LOOK_LATER,
		                   "SELECT tenant, state, cause, first_send_ms FROM domain WHERE name = $1", args, 1, n,
		                   take_state, all, err);
	}
	if (args != few)
		free(args);
	return rc;
}

static struct standing *
make_standing(const char *domain)
{
	struct standing *s = calloc(1, sizeof(*s) + strlen(domain) + 1);

	if (s != NULL)
		memcpy(s->domain, domain, strlen(domain) + 1);
	return s;
}

int
ledger_expect_standings(struct ledger *l, const char *const *domains, size_t n, struct err *err)
{
	struct standing **s = malloc(n * sizeof(s[0]));
	size_t fresh = 0;
	int rc = s == NULL ? err_nomem(err, "domains") : read_frozen(l, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct standing *one;

		if (dict_get(&l->standings, domains[i]) != NULL)
			continue;
		if ((one = make_standing(domains[i])) == NULL)
			rc = err_nomem(err, "domains");
		else if ((rc = dict_put(&l->standings, one->domain, one, err)) == CR_OK)
			s[fresh++] = one;
		else
			ledger_standing_drop(one);
	}
	if (rc == CR_OK && fresh > 0 && (rc = read_primaries(l, s, fresh, err)) == CR_OK)
		rc = read_states(l, s, fresh, err);
	/* What was not read must not be taken for known. */
	if (rc != CR_OK)
		ledger_forget(l);
	if (s != NULL && ledger_lend(l, s, rc == CR_OK ? err : NULL) != CR_OK && rc == CR_OK)
		rc = CR_ENOMEM;
	return rc;
}

int
ledger_standing(struct ledger *l, const char *domain, const struct standing **out, struct err *err)
{
	struct standing *s = dict_get(&l->standings, domain);
	int rc;

	if (s == NULL && l->recalling)
		return CR_ENOTFOUND;
	if (s == NULL) {
		if ((s = make_standing(domain)) == NULL)
			return err_nomem(err, "domain");
		if ((rc = read_frozen(l, err)) != CR_OK || (rc = read_primaries(l, &s, 1, err)) != CR_OK ||
		    (rc = read_states(l, &s, 1, err)) != CR_OK || (rc = db_settle(l->db, err)) != CR_OK ||
		    (rc = dict_put(&l->standings, s->domain, s, err)) != CR_OK) {
			ledger_standing_drop(s);
			return rc;
		}
	}
	*out = s;
	return CR_OK;
}
