/*
 * cmd_verify.c - `coldrelay verify`: the published records of a domain against its intent, with patience.
 */
#include "provision/cmd_verify.h"

#include <stdlib.h>

#include "budget/contain.h"
#include "core/json.h"
#include "core/log.h"
#include "core/opt.h"
#include "core/term.h"
#include "provision/run.h"
#include "provision/verify.h"

#define POLL_FIRST_MS 1000
#define POLL_LAST_MS  60000

static int64_t opt_wait_s;
static const char *opt_resolver;
static const struct opt opts[] = {
	{"wait",     'w', OPT_DURATION, &opt_wait_s,   0, 0, "DUR",
         "ask again, with growing gaps, until all is published or DUR is over"},
	{"resolver", 'r', OPT_TEXT,     &opt_resolver, 0, 0, "HOST:PORT",
         "ask this resolver instead of the zone's check_server"               },
};

void
cmd_verify_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
put_json(struct session *s, const char *domain, const struct verify_check *c, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	json_out_open(&j, '{');
	json_out_member(&j, "event", "check");
	json_out_member(&j, "domain", domain);
	json_out_member(&j, "check", c->what);
	json_out_member(&j, "status", verify_status_name(c->status));
	json_out_member(&j, "expected", c->expected);
	json_out_member(&j, "seen", c->seen);
	json_out_member(&j, "fix", c->fix);
	json_out_close(&j);
	rc = session_print_line(s, &b, err);
	buf_release(&b);
	return rc;
}

static void
put_text(struct session *s, const struct verify_check *c)
{
	static const enum term_tone tones[] = {[VERIFY_OK] = TERM_GOOD,
	                                       [VERIFY_NOT_YET] = TERM_WARN,
	                                       [VERIFY_WRONG] = TERM_BAD,
	                                       [VERIFY_UNKNOWN] = TERM_WARN};

	(void)fprintf(s->out, "  %s%-8s%s %s\n", term_on(s->out, tones[c->status]), verify_status_name(c->status),
	              term_off(s->out), c->what);
	if (c->expected != NULL)
		(void)fprintf(s->out, "           expected  %s\n", c->expected);
	if (c->seen != NULL)
		(void)fprintf(s->out, "           seen      %s\n", c->seen);
	if (c->fix != NULL)
		(void)fprintf(s->out, "           publish   %s\n", c->fix);
}

static int
show(struct session *s, const char *domain, const struct verify_report *r, struct err *err)
{
	int rc = CR_OK;

	if (!s->json)
		(void)fprintf(s->out, "%s\n", domain);
	for (size_t i = 0; rc == CR_OK && i < r->n; i++) {
		if (s->json)
			rc = put_json(s, domain, &r->items[i], err);
		else
			put_text(s, &r->items[i]);
	}
	if (rc == CR_OK && !s->json)
		(void)fprintf(s->out, "%zu ok, %zu not yet, %zu wrong, %zu unknown\n", r->count[VERIFY_OK],
		              r->count[VERIFY_NOT_YET], r->count[VERIFY_WRONG], r->count[VERIFY_UNKNOWN]);
	return rc;
}

/* Ask until all is there, something is wrong, or the time is over. */
static int
poll(struct run *r, const struct verify_servers *forward, const struct verify_servers *reverse,
     struct verify_report *out, struct err *err)
{
	const struct clock *clock = r->session->clock;
	const int64_t until = clock_boot_ms(clock) + opt_wait_s * 1000;
	int64_t gap = POLL_FIRST_MS;

	for (;;) {
		int64_t left;
		int rc = verify_run(&r->plans[0], forward, reverse, out, err);

		if (rc != CR_OK)
			return rc;
		left = until - clock_boot_ms(clock);
		if (out->count[VERIFY_NOT_YET] + out->count[VERIFY_UNKNOWN] + out->count[VERIFY_WRONG] == 0 ||
		    left <= 0)
			return CR_OK;
		log_info("%zu of %zu published, asking again in %lld s", out->count[VERIFY_OK], out->n,
		         (long long)((gap < left ? gap : left) + 999) / 1000);
		clock_sleep_ms(clock, gap < left ? gap : left);
		gap = gap * 2 < POLL_LAST_MS ? gap * 2 : POLL_LAST_MS;
		verify_report_release(out);
	}
}

/*
 * A freeze for lack of authentication ends only after this.  Asked for by a state, not by every run: a verify needs no right to write.
 * The run's own handle only reads.
 */
static int
record_pass(struct run *r, const char *domain, struct err *err)
{
	struct domain_row row;
	struct contain c;
	struct db *db = NULL;
	int rc;

	if (r->env.db == NULL)
		return CR_OK;
	rc = contain_domain(r->env.db, domain, &row, err);
	if (rc == CR_ENOTFOUND || (rc == CR_OK && row.state != DOMAIN_FROZEN))
		return CR_OK;
	if (rc == CR_OK)
		rc = session_other_store(r->session, r->session->settings.store, DB_WRITE, &db, err);
	if (rc == CR_OK)
		rc = db_begin(db, err);
	if (rc == CR_OK) {
		c = plan_contain(&r->env);
		c.db = db;
		rc = db_end(db, contain_verified(&c, domain, err), err);
	}
	db_drop(&db);
	return rc == CR_OK ? CR_OK : err_wrap(err, "recording that %s passed", domain);
}

static int
verify(struct run *r, int *exit_out, struct err *err)
{
	struct plan *p = &r->plans[0];
	struct verify_servers forward, reverse = {0};
	struct verify_report report = {0};
	int rc = verify_servers_find(&r->intent, p->domain->zone, opt_resolver, &forward, err);

	if (rc == CR_OK && p->domain->reverse != NULL)
		rc = verify_servers_find(&r->intent, p->domain->reverse->provider, opt_resolver, &reverse, err);
	if (rc == CR_OK)
		rc = run_store(r, false, err);
	if (rc == CR_OK)
		rc = plan_intend(&r->env, p, err);
	if (rc == CR_OK)
		rc = poll(r, &forward, &reverse, &report, err);
	if (rc == CR_OK)
		rc = show(r->session, p->domain->name, &report, err);
	if (report.count[VERIFY_WRONG] > 0)
		*exit_out = 1;
	else
		*exit_out = report.count[VERIFY_NOT_YET] + report.count[VERIFY_UNKNOWN] > 0 ? 75 : 0;
	verify_report_release(&report);
	return rc == CR_OK && *exit_out == 0 ? record_pass(r, p->domain->name, err) : rc;
}

int
cmd_verify(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL;
	struct run r = {0};
	size_t n = 0;
	int exit_code = 0, rc;

	rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 1, 1,
	                       "verify DOMAIN [--wait DUR] [--resolver HOST:PORT]", &operands, &n, err);
	if (rc == CR_OK)
		rc = run_open_domain(s, operands[0], INTENT_FACTS, &r, err);
	if (rc == CR_OK)
		rc = verify(&r, &exit_code, err);
	run_release(&r);
	free(operands);
	return rc == CR_OK ? exit_code : rc;
}
