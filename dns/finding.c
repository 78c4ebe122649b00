/*
 * finding.c - lists of what checks noticed.
 */
#include "dns/finding.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"

#define FINDINGS_FIRST     8
#define FINDING_TEXT_BYTES ((size_t)4096) /* what DNS publishes may be long; a line for people is not */

static const char *const names[] = {
	[FINDING_NOTE] = "note", [FINDING_WARN] = "warn", [FINDING_UNKNOWN] = "unknown", [FINDING_FAIL] = "fail"};
static_assert(ARRAY_LEN(names) == FINDING_LEVEL__COUNT, "a name for every level");

const char *
finding_level_name(enum finding_level l)
{
	return names[l];
}

static void
finding_release(struct finding *f)
{
	free(f->text);
	free(f->fix);
}

void
findings_release(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		finding_release(&f->items[i]);
	free(f->items);
	*f = (struct findings){0};
}

static int
make_room(struct findings *f, size_t more, struct err *err)
{
	size_t cap = f->cap > 0 ? f->cap : FINDINGS_FIRST;
	struct finding *grown;

	if (f->n + more <= f->cap)
		return CR_OK;
	while (cap < f->n + more)
		cap *= 2;
	grown = realloc(f->items, cap * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "findings");
	f->items = grown;
	f->cap = cap;
	return CR_OK;
}

static char *format_line(const char *fmt, va_list args) PRINTF_LIKE(1, 0);

/* One line, whatever came from outside, and of a length that can be read. */
static char *
format_line(const char *fmt, va_list args)
{
	char text[FINDING_TEXT_BYTES];

	(void)vsnprintf(text, sizeof(text), fmt, args);
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return strdup(text);
}

int
findings_add(struct findings *f, enum finding_level level, const char *id, const char *fix, struct err *err,
             const char *fmt, ...)
{
	struct finding item = {.level = level, .id = id};
	va_list args;
	int rc = make_room(f, 1, err);

	if (rc != CR_OK)
		return rc;
	va_start(args, fmt);
	item.text = format_line(fmt, args);
	va_end(args);
	item.fix = fix != NULL ? strdup(fix) : NULL;
	if (item.text == NULL || (fix != NULL && item.fix == NULL)) {
		finding_release(&item);
		return err_nomem(err, "findings");
	}
	f->items[f->n++] = item;
	return CR_OK;
}

void
findings_absent(struct findings *f)
{
	assert(f->n > 0);
	f->items[f->n - 1].absent = true;
}

const struct finding *
findings_find(const struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->items[i].id, id) == 0)
			return &f->items[i];
	}
	return NULL;
}

size_t
findings_count(const struct findings *f, enum finding_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		n += f->items[i].level == level;
	return n;
}

int
findings_move(struct findings *to, struct findings *from, struct err *err)
{
	int rc = from->n > 0 ? make_room(to, from->n, err) : CR_OK;

	if (rc == CR_OK && from->n > 0) {
		memcpy(&to->items[to->n], from->items, from->n * sizeof(*from->items));
		to->n += from->n;
		from->n = 0;
	}
	findings_release(from);
	return rc;
}
