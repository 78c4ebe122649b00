/*
 * cmd_teardown.c - `coldrelay teardown`: show, confirm, close or destroy.
 */
#include "provision/cmd_teardown.h"

#include <stdlib.h>

#include "core/opt.h"
#include "core/term.h"
#include "provision/teardown.h"

static bool opt_dry_run, opt_yes, opt_now;
static const char *opt_reason;
static const struct opt opts[] = {
	{"dry-run", 'n', OPT_FLAG, &opt_dry_run, 0, 0, NULL,
         "show what would be done; exit 2 when there is something to do"                                                      },
	{"yes",     'y', OPT_FLAG, &opt_yes,     0, 0, NULL,   "do not ask"                                                   },
	{"now",     0,   OPT_FLAG, &opt_now,     0, 0, NULL,   "do not wait for the end of the closing period; needs --reason"},
	{"reason",  0,   OPT_TEXT, &opt_reason,  0, 0, "TEXT", "why; kept in the audit log"                                   },
};

void
cmd_teardown_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
confirm(const struct teardown *t, struct err *err)
{
	char question[320];

	if (opt_yes)
		return CR_OK;
	(void)snprintf(question, sizeof(question), "%s %.255s", t->destroy ? "Remove what was made for" : "Close",
	               t->row.name);
	return term_confirm(question, err);
}

static int
teardown(struct run *r, int *exit_out, struct err *err)
{
	struct teardown t = {.run = r, .now = opt_now, .reason = opt_reason};
	struct report_count c;
	int rc = run_store(r, !opt_dry_run, err);

	if (rc == CR_OK && !opt_dry_run)
		rc = run_lock(r, "teardown", err);
	if (rc == CR_OK)
		rc = teardown_plan(&t, err);
	if (rc != CR_OK)
		return rc;
	if (opt_dry_run) {
		rc = run_report(r, false, &c, err);
		*exit_out = c.planned > 0 ? 2 : 0;
		return rc;
	}
	if (t.close || t.destroy) {
		if (!r->session->json && !opt_yes)
			rc = run_report(r, false, &c, err);
		if (rc == CR_OK)
			rc = confirm(&t, err);
		if (rc != CR_OK)
			return rc;
	}
	/* How it went stands in the plan's steps, which are reported next. */
	if (teardown_apply(&t, err) != CR_OK)
		*exit_out = 75;
	return run_report(r, t.close || t.destroy, &c, err);
}

int
cmd_teardown(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL;
	struct run r = {0};
	size_t n = 0;
	int exit_code = 0, rc;

	rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 1, 1,
	                       "teardown DOMAIN [--dry-run] [--yes] [--now --reason TEXT]", &operands, &n, err);
	if (rc == CR_OK && opt_now && (opt_reason == NULL || opt_reason[0] == '\0'))
		rc = err_set(err, CR_EUSAGE, "teardown: --now needs --reason TEXT");
	if (rc == CR_OK)
		rc = run_open_domain(s, operands[0], INTENT_PROVIDERS, &r, err);
	if (rc == CR_OK)
		rc = teardown(&r, &exit_code, err);
	run_release(&r);
	free(operands);
	return rc == CR_OK ? exit_code : rc;
}
