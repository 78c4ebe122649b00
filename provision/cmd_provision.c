/*
 * cmd_provision.c - `coldrelay provision`: plan, show, confirm, apply, say what is left to do by hand.
 */
#include "provision/cmd_provision.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/opt.h"
#include "core/term.h"
#include "provision/quiesce.h"
#include "provision/registrars/registrars.h"
#include "provision/run.h"
#include "provision/verify_after.h"

static bool opt_dry_run, opt_yes;
static int64_t opt_max_spend;
static const struct opt opts[] = {
	{"dry-run",   'n', OPT_FLAG, &opt_dry_run,   0, 0,       NULL,
         "show the plan and change nothing; exit 2 when there is something to do"                    },
	{"yes",       'y', OPT_FLAG, &opt_yes,       0, 0,       NULL, "do not ask"                  },
	{"max-spend", 0,   OPT_INT,  &opt_max_spend, 0, 1000000, "N",
         "the most that registrations of this run may cost (the drivers of this release buy nothing)"},
};

void
cmd_provision_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

/* What the operator has to do at a registrar for zones made in this run.  All is done by now: a zone that cannot be asked fails nothing. */
static int
instruct(struct run *r, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && !r->session->json && i < r->n; i++) {
		const struct plan *p = &r->plans[i];
		struct zone_state now = {0};
		struct buf text = {0};
		struct err why = {0};

		if (p->rc != CR_OK || !p->zone_create || r->session->quiet)
			continue;
		if (p->zone.name_servers.n > 0)
			rc = registrar_driver_find("manual")->instruct(p->domain->name, &p->zone.name_servers, &text,
			                                               err);
		else if (p->domain->zone->driver->observe(p->domain->zone->ctx, p->domain->name, p->zone.id, &now,
		                                          &why) != CR_OK)
			log_warn("%s: set the name servers of %s at the registrar; which, could not be asked: %s",
			         p->domain->name, p->domain->zone->name, why.text);
		else
			rc = registrar_driver_find("manual")->instruct(p->domain->name, &now.name_servers, &text, err);
		if (rc == CR_OK)
			(void)fputs(buf_str(&text), stderr);
		buf_release(&text);
		zone_state_release(&now);
	}
	return rc;
}

static int
ask(const struct run *r, const struct report_count *c, struct err *err)
{
	char question[320];

	if (opt_yes)
		return CR_OK;
	(void)snprintf(question, sizeof(question), "Do these %zu steps for %s", c->planned, r->tenant->primary);
	return term_confirm(question, err);
}

/* Show the plan, and say whether there is something to apply. */
static int
show(struct run *r, bool *apply_out, int *exit_out, struct err *err)
{
	struct report_count c;
	int rc;

	*apply_out = false;
	if (opt_dry_run || !r->session->json) {
		rc = run_report(r, false, &c, err);
		if (opt_dry_run) {
			*exit_out = c.planned > 0 ? 2 : 0;
			return rc;
		}
		/* Failures and refusals of one domain do not stop the others: they are told again at the end. */
		if (rc != CR_OK && c.planned == 0)
			return rc;
	} else {
		c = (struct report_count){0};
		for (size_t i = 0; i < r->n; i++)
			report_add(&c, &r->plans[i]);
	}
	*apply_out = c.planned > 0;
	/* A receipt that a cut-off run owes is no step to ask about, and is written all the same. */
	for (size_t i = 0; i < r->n; i++)
		*apply_out = *apply_out || plan_to_apply(&r->plans[i]);
	rc = c.planned > 0 ? ask(r, &c, err) : CR_OK;
	return rc;
}

/* Domains that stand and that the configuration no longer names: nothing is done to them, so nothing else would tell. */
static int
warn_left_out(struct run *r, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = r->env.db == NULL ? CR_OK
	                           : db_query(r->env.db,
	                                      "SELECT name FROM domain WHERE tenant = $1 "
	                                      "AND state NOT IN ('planned', 'parked') ORDER BY name",
	                                      DB_ARGS(db_text(r->tenant->primary)), &rows, err);

	while (rows != NULL && rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		if (intent_domain_anywhere(&r->intent, db_col_text(rows, 0)) == NULL)
			log_warn(
				"%s stands, and is not configured any more: name it again to change it or tear it down",
				db_col_text(rows, 0));
	}
	db_rows_drop(&rows);
	return rc;
}

/* A domain that was frozen while its mail host could not be told, or whose table was lost. */
static int
carry_states(struct run *r, struct err *err)
{
	struct quiesce q = {.session = r->session, .intent = &r->intent, .tenant = r->tenant->primary};

	return quiesce_sync(&q, err);
}

static int
provision(struct run *r, int *exit_out, struct err *err)
{
	struct report_count c;
	bool apply = false;
	int rc = run_store(r, !opt_dry_run, err);

	if (rc == CR_OK && !opt_dry_run)
		rc = run_lock(r, "provision", err);
	if (rc == CR_OK)
		rc = warn_left_out(r, err);
	if (rc == CR_OK)
		rc = run_plan(r, err);
	if (rc == CR_OK)
		rc = show(r, &apply, exit_out, err);
	if (rc != CR_OK || opt_dry_run)
		return rc;
	if (!apply && !r->session->json)
		return carry_states(r, err);
	if (apply)
		rc = run_apply(r, err);
	if (rc == CR_OK)
		rc = run_report(r, true, &c, err);
	if (rc == CR_OK)
		rc = carry_states(r, err);
	if (rc == CR_OK && apply)
		rc = instruct(r, err);
	if (rc == CR_OK && apply)
		rc = verify_after(r, err);
	return rc;
}

int
cmd_provision(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL;
	struct run r = {0};
	size_t n = 0;
	int exit_code = 0, rc;

	rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 1, (size_t)argc,
	                       "provision PRIMARY [DOMAIN...] [--dry-run] [--yes] [--max-spend N]", &operands, &n, err);
	if (rc == CR_OK)
		rc = run_open(s, operands[0], &r, err);
	for (size_t i = 1; rc == CR_OK && i < n; i++)
		rc = run_add(&r, operands[i], err);
	if (rc == CR_OK && n == 1)
		rc = run_add_all(&r, err);
	if (rc == CR_OK)
		rc = provision(&r, &exit_code, err);
	run_release(&r);
	free(operands);
	return rc == CR_OK ? exit_code : rc;
}
