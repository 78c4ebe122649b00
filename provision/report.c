/*
 * report.c - data on stdout, one JSON object a line or a readable block a domain.
 */
#include "provision/report.h"

#include "core/json.h"
#include "core/log.h"
#include "core/num.h"
#include "core/term.h"

void
report_add(struct report_count *c, const struct plan *p)
{
	bool told = false;

	for (size_t i = 0; i < p->n_steps; i++) {
		const struct plan_step *s = &p->steps[i];

		if (s->part == PLAN_NOTE)
			continue;
		if (s->status == PLAN_REFUSED)
			c->refused++;
		else if (s->status == PLAN_FAILED)
			c->failed++;
		else if (s->change == PLAN_NONE)
			c->unchanged++;
		else if (s->status == PLAN_PLANNED)
			c->planned++;
		else
			c->done++;
		told = told || s->status == PLAN_FAILED || s->status == PLAN_REFUSED;
	}
	/* A domain that failed before it had steps still counts. */
	if (p->rc != CR_OK && !told)
		c->failed++;
}

static int
step_json(struct session *s, const struct plan *p, const char *step, const char *change, const char *status,
          const char *detail, struct buf *b, struct err *err)
{
	struct json_out j = json_out_on(b);

	json_out_open(&j, '{');
	json_out_member(&j, "event", "step");
	json_out_member(&j, "domain", p->domain->name);
	json_out_member(&j, "step", step);
	json_out_member(&j, "change", change);
	json_out_member(&j, "status", status);
	json_out_member(&j, "detail", detail);
	json_out_close(&j);
	return session_print_line(s, b, err);
}

static int
plan_json(struct session *s, const struct plan *p, struct err *err)
{
	struct buf b = {0};
	bool told = false;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < p->n_steps; i++) {
		const struct plan_step *t = &p->steps[i];

		told = told || t->status == PLAN_FAILED || t->status == PLAN_REFUSED;
		rc = step_json(s, p, t->step, plan_change_name(t->change), plan_status_name(t->status), t->detail, &b,
		               err);
	}
	if (rc == CR_OK && p->rc != CR_OK && !told)
		rc = step_json(s, p, "domain", "none", "failed", p->err.text, &b, err);
	buf_release(&b);
	return rc;
}

static void
put_step(struct session *s, const struct plan *p, const struct plan_step *t)
{
	static const char signs[] = {[PLAN_NONE] = '=', [PLAN_CREATE] = '+', [PLAN_UPDATE] = '~', [PLAN_DELETE] = '-'};
	const bool bad = t->status == PLAN_REFUSED || t->status == PLAN_FAILED;
	enum term_tone tone = bad                        ? TERM_BAD
	                      : t->change == PLAN_NONE   ? TERM_DIM
	                      : t->change == PLAN_DELETE ? TERM_WARN
	                                                 : TERM_GOOD;

	(void)fprintf(s->out, "  %s%c %-44s%s %s%s\n", term_on(s->out, tone),
	              bad                    ? '!'
	              : t->part == PLAN_NOTE ? '*'
	                                     : signs[t->change],
	              t->step, term_off(s->out),
	              t->status == PLAN_FAILED                      ? "failed: "
	              : t->status == PLAN_PLANNED && p->rc != CR_OK ? "not reached: "
	                                                            : "",
	              t->detail);
}

int
report_plan(struct session *s, const struct plan *p, struct err *err)
{
	const bool all = log_get_level() >= LOG_LEVEL_DEBUG;
	bool told = false;
	size_t unchanged = 0;

	if (s->json)
		return plan_json(s, p, err);
	(void)fprintf(s->out, "%s%s%s\n", term_on(s->out, TERM_BOLD), p->domain->name, term_off(s->out));
	for (size_t i = 0; i < p->n_steps; i++) {
		const struct plan_step *t = &p->steps[i];

		told = told || t->status == PLAN_FAILED || t->status == PLAN_REFUSED;
		if (t->change == PLAN_NONE && t->part != PLAN_NOTE && !all)
			unchanged++;
		else
			put_step(s, p, t);
	}
	if (unchanged > 0)
		(void)fprintf(s->out, "  %s= %zu unchanged%s\n", term_on(s->out, TERM_DIM), unchanged,
		              term_off(s->out));
	if (p->rc != CR_OK && !told)
		(void)fprintf(s->out, "  %s! failed%s: %s\n", term_on(s->out, TERM_BAD), term_off(s->out), p->err.text);
	return ferror(s->out) ? err_set(err, CR_EIO, "standard output cannot be written") : CR_OK;
}

void
report_done(struct session *s, const struct plan *p)
{
	(void)fprintf(s->out, "%s%s%s %s\n", term_on(s->out, TERM_GOOD), p->domain->name, term_off(s->out),
	              p->n_changes > 0 ? "done" : "unchanged");
}

/* What the writes of a plan take at their providers: for people, where there is something to wait for. */
static void
put_expected(struct session *s, const struct expect *expected, size_t n)
{
	char time[32];

	for (size_t i = 0; i < n; i++) {
		const struct expect *e = &expected[i];

		if (e->ms == 0)
			continue;
		num_format_duration((e->ms + 999) / 1000, time, sizeof(time));
		(void)fprintf(s->out, "%s: %zu calls for %zu zone%s, which take at least %s at its rate limit\n",
		              e->provider->name, e->calls, e->zones, e->zones == 1 ? "" : "s", time);
	}
}

static void
write_expected(struct json_out *j, const struct expect *expected, size_t n)
{
	json_out_key(j, "expect");
	json_out_open(j, '[');
	for (size_t i = 0; i < n; i++) {
		json_out_open(j, '{');
		json_out_member(j, "provider", expected[i].provider->name);
		json_out_member_int(j, "zones", (int64_t)expected[i].zones);
		json_out_member_int(j, "calls", (int64_t)expected[i].calls);
		json_out_member_int(j, "seconds", (expected[i].ms + 999) / 1000);
		json_out_close(j);
	}
	json_out_close(j);
}

int
report_summary(struct session *s, const struct report_count *c, bool applied, const struct expect *expected, size_t n,
               struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc = CR_OK;

	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", "summary");
		json_out_member_int(&j, "done", (int64_t)c->done);
		json_out_member_int(&j, "failed", (int64_t)c->failed);
		json_out_member_int(&j, "refused", (int64_t)c->refused);
		json_out_member_int(&j, "unchanged", (int64_t)c->unchanged);
		if (c->planned > 0)
			json_out_member_int(&j, "planned", (int64_t)c->planned);
		if (n > 0)
			write_expected(&j, expected, n);
		json_out_close(&j);
		rc = session_print_line(s, &b, err);
	} else if (!applied) {
		put_expected(s, expected, n);
		(void)fprintf(s->out, "%zu planned, %zu unchanged, %zu refused, %zu failed\n", c->planned, c->unchanged,
		              c->refused, c->failed);
	} else {
		(void)fprintf(s->out, "%zu done, %zu unchanged, %zu refused, %zu failed%s\n", c->done, c->unchanged,
		              c->refused, c->failed, c->failed > 0 ? ": run the same command again to go on" : "");
	}
	buf_release(&b);
	return rc;
}
