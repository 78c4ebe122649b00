/*
 * tmpl_row.h - a template as loaded: rows of fields, still with %variables%.  Private to this room.
 */
#ifndef TEMPLATES_TMPL_ROW_H
#define TEMPLATES_TMPL_ROW_H

#include "templates/tmpl.h"

enum tmpl_field {
	FIELD_HOST,
	FIELD_POINTS_TO,
	FIELD_DATA,
	FIELD_TTL,
	FIELD_PRIORITY,
	FIELD_WEIGHT,
	FIELD_PORT,
	FIELD_PROTOCOL,
	FIELD_SERVICE,
	FIELD_TARGET,
	FIELD_SPF_RULES,
	FIELD_GROUP,
	FIELD_ESSENTIAL,
	FIELD_MODE,
	FIELD_PREFIX,
	FIELD__COUNT
};
/* "host", "pointsTo", ...: as the file spells it. */
const char *tmpl_field_name(enum tmpl_field f);
#define FIELD_BIT(f) (1U << (f))
/* Whole numbers: 0 to max; 0 for a field of text. */
int64_t tmpl_field_max(enum tmpl_field f);

struct tmpl_type {
	const char *name;
	uint16_t type;
	unsigned required; /* FIELD_BITs; the others that concern this type are optional */
	bool spf;          /* SPFM: a TXT that is merged */
};

struct tmpl_row {
	const struct tmpl_type *type;
	char *field[FIELD__COUNT]; /* heap; NULL: not there */
	enum tmpl_conflict conflict;
	bool essential;
};

struct tmpl {
	char *file;
	struct tmpl_row *rows;
	size_t n;
	char **variables; /* NULL-terminated, sorted */
	size_t n_variables;
	bool kept; /* of the program: dropped never */
};

/* The next "%name%" at or after s: its first '%', NULL when there is none.  name_len_out: without the signs; 0 for one that is not closed. */
const char *tmpl_next_variable(const char *s, size_t *name_len_out);

/* CR_ECONFIG "FILE: records[3].ttl: WHY"; memory trouble in *err stays what it is. */
int tmpl_fault(const struct tmpl *t, size_t row, enum tmpl_field f, int rc, struct err *err);

/* A template that is part of the program; NULL after the last one, or when there is none of that name. */
struct tmpl_builtin {
	const char *name;
	const char *text, *end;
};
const struct tmpl_builtin *tmpl_builtin_at(size_t index);
const struct tmpl_builtin *tmpl_builtin_find(const char *name);

#endif
