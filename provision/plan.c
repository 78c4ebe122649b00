/*
 * plan.c - a plan as data: its steps added, marked and released.
 */
#include "provision/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const change_names[] = {
	[PLAN_NONE] = "none", [PLAN_CREATE] = "create", [PLAN_UPDATE] = "update", [PLAN_DELETE] = "delete"};
_Static_assert(ARRAY_LEN(change_names) == PLAN_CHANGE__COUNT, "a name for every change");
static const char *const status_names[] = {
	[PLAN_PLANNED] = "planned", [PLAN_DONE] = "done", [PLAN_FAILED] = "failed", [PLAN_REFUSED] = "refused"};
_Static_assert(ARRAY_LEN(status_names) == PLAN_STATUS__COUNT, "a name for every status");

const char *
plan_change_name(enum plan_change c)
{
	return change_names[c];
}

const char *
plan_status_name(enum plan_status s)
{
	return status_names[s];
}

void
plan_release(struct plan *p)
{
	zone_state_release(&p->zone);
	owned_release(&p->owned);
	keys_release(&p->keys);
	want_release(&p->want);
	set_diff_release(&p->diff);
	mailhost_steps_release(&p->host_steps);
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].step);
		free(p->steps[i].detail);
	}
	free(p->steps);
	free(p->reverse);
	*p = (struct plan){0};
}

bool
plan_to_apply(const struct plan *p)
{
	bool pending = p->owned.n_pending > 0;

	for (size_t i = 0; i < p->n_reverse; i++)
		pending = pending || p->reverse[i].pending;
	return p->rc == CR_OK && p->n_refused == 0 && (p->n_changes > 0 || pending);
}

int
plan_add(struct plan *p, enum plan_part part, enum plan_change change, enum plan_status status, const char *step,
         struct err *err, const char *fmt, ...)
{
	struct plan_step *grown = realloc(p->steps, (p->n_steps + 1) * sizeof(*grown));
	struct plan_step *s;
	char text[600];
	va_list ap;

	if (grown == NULL)
		return err_nomem(err, "plan");
	p->steps = grown;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s = &grown[p->n_steps];
	*s = (struct plan_step){part, change, status, strdup(step), strdup(text)};
	if (s->step == NULL || s->detail == NULL) {
		free(s->step);
		free(s->detail);
		return err_nomem(err, "plan");
	}
	p->n_steps++;
	if (status == PLAN_REFUSED)
		p->n_refused++;
	else if (change != PLAN_NONE)
		p->n_changes++;
	return CR_OK;
}

void
plan_mark(struct plan *p, enum plan_part part, enum plan_status status, const char *why)
{
	for (size_t i = 0; i < p->n_steps; i++) {
		struct plan_step *s = &p->steps[i];
		char *text;

		if (s->part != part || s->status != PLAN_PLANNED)
			continue;
		s->status = status;
		/* Keeps its old text when there is no memory for the new one: the status is what counts. */
		text = why != NULL ? strdup(why) : NULL;
		if (text != NULL) {
			free(s->detail);
			s->detail = text;
		}
	}
}

struct contain
plan_contain(const struct plan_env *env)
{
	return (struct contain){.db = env->db,
	                        .vault = env->vault,
	                        .now_ms = clock_wall_ms(env->session->clock),
	                        .actor = audit_actor()};
}
