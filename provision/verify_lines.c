/*
 * verify_lines.c - the lines that the checks of a domain make.
 */
#include "provision/verify_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"

static const char *const group_names[] = {
	[VERIFY_RECORDS] = "records", [VERIFY_SPF] = "spf",   [VERIFY_DKIM] = "dkim",
	[VERIFY_DMARC] = "dmarc",     [VERIFY_MX] = "mx",     [VERIFY_REVERSE] = "reverse",
	[VERIFY_LISTS] = "lists",     [VERIFY_ZONE] = "zone", [VERIFY_TRANSPORT] = "transport",
	[VERIFY_MESSAGE] = "message"};
static_assert(ARRAY_LEN(group_names) == VERIFY_GROUP__COUNT, "a name for every group");
static const char *const status_names[] = {[VERIFY_OK] = "ok",
                                           [VERIFY_NOTE] = "note",
                                           [VERIFY_WARN] = "warn",
                                           [VERIFY_UNKNOWN] = "unknown",
                                           [VERIFY_FAIL] = "fail"};
static_assert(ARRAY_LEN(status_names) == VERIFY_STATUS__COUNT, "a name for every status");

const char *
verify_group_name(enum verify_group g)
{
	return group_names[g];
}

const char *
verify_status_name(enum verify_status s)
{
	return status_names[s];
}

void
verify_line_release(struct verify_line *l)
{
	free(l->name);
	free(l->text);
	free(l->expected);
	free(l->seen);
	free(l->fix);
	free(l->also);
	free(l->about);
}

void
verify_report_release(struct verify_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		verify_line_release(&r->items[i]);
	free(r->items);
	*r = (struct verify_report){0};
}

static char *
copy(const char *text, bool *failed)
{
	char *made = text != NULL ? strdup(text) : NULL;

	*failed = *failed || (text != NULL && made == NULL);
	return made;
}

void
verify_count(struct verify_report *r)
{
	memset(r->count, 0, sizeof(r->count));
	r->pending = 0;
	for (size_t i = 0; i < r->n; i++) {
		r->count[r->items[i].status]++;
		r->pending += r->items[i].status == VERIFY_FAIL && r->items[i].pending;
	}
}

int
verify_add(struct verify_report *r, const struct verify_line *line, struct err *err)
{
	struct verify_line *grown = list_grow(r->items, r->n, &r->cap, sizeof(*grown));
	struct verify_line made = *line;
	bool failed = false;

	if (grown == NULL)
		return err_nomem(err, "report");
	r->items = grown;
	made.name = copy(line->name, &failed);
	made.text = copy(line->text, &failed);
	made.expected = copy(line->expected, &failed);
	made.seen = copy(line->seen, &failed);
	made.fix = copy(line->fix, &failed);
	made.also = copy(line->also, &failed);
	made.about = copy(line->about, &failed);
	if (failed) {
		verify_line_release(&made);
		return err_nomem(err, "report");
	}
	r->items[r->n++] = made;
	return CR_OK;
}

int
verify_move(struct verify_report *to, struct verify_report *from, struct err *err)
{
	if (to->n + from->n > to->cap) {
		const size_t cap = to->n + from->n + 16;
		struct verify_line *grown = realloc(to->items, cap * sizeof(*grown));

		if (grown == NULL)
			return err_nomem(err, "report");
		to->items = grown;
		to->cap = cap;
	}
	if (from->n > 0)
		memcpy(&to->items[to->n], from->items, from->n * sizeof(*from->items));
	to->n += from->n;
	from->n = 0;
	verify_report_release(from);
	return CR_OK;
}

static enum verify_status
status_of(enum finding_level level)
{
	static const enum verify_status of[] = {[FINDING_NOTE] = VERIFY_NOTE,
	                                        [FINDING_WARN] = VERIFY_WARN,
	                                        [FINDING_UNKNOWN] = VERIFY_UNKNOWN,
	                                        [FINDING_FAIL] = VERIFY_FAIL};

	return of[level];
}

/* The line only borrows: verify_add copies. */
static char *
borrowed(const char *text)
{
	return (char *)(uintptr_t)text;
}

int
verify_add_findings(struct verify_report *r, const struct verify_check *c, struct findings *f, struct err *err)
{
	struct verify_line line = {
		.group = c->group, .topic = c->group, .name = borrowed(c->name), .about = borrowed(c->about)};
	bool found = false;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < f->n; i++) {
		const struct finding *item = &f->items[i];

		line.status = status_of(item->level);
		line.pending = item->absent;
		line.id = item->id;
		line.text = item->text;
		line.fix = item->fix;
		line.open = c->open;
		found = found || c->open || item->level != FINDING_NOTE;
		rc = verify_add(r, &line, err);
	}
	if (rc == CR_OK && !found) {
		line = (struct verify_line){.group = c->group,
		                            .topic = c->group,
		                            .status = VERIFY_OK,
		                            .id = c->id,
		                            .name = borrowed(c->name)};
		rc = verify_add(r, &line, err);
	}
	findings_release(f);
	return rc;
}

bool
verify_let_pass(const struct verify_subject *s, struct lookup_met met, struct findings *f)
{
	bool passed = false;

	if (!s->at_server || met.nobody == 0 || met.trouble > 0)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->items[i].level != FINDING_UNKNOWN)
			continue;
		f->items[i].level = FINDING_NOTE;
		passed = true;
	}
	return passed;
}

int
verify_add_checked(struct lookup *l, struct verify_subject *s, const struct verify_check *c, struct findings *f,
                   struct err *err)
{
	const struct lookup_met met = lookup_met(l);
	struct verify_check judged = *c;

	judged.open = c->outside && verify_let_pass(s, met, f);
	return verify_add_findings(&s->report, &judged, f, err);
}

int
verify_exit(const struct verify_report *r)
{
	if (r->count[VERIFY_FAIL] > r->pending)
		return 1;
	return r->pending + r->count[VERIFY_UNKNOWN] > 0 ? 75 : 0;
}
