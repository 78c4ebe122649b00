/*
 * opt.c - walking argv by rows, the help from the same rows, and the nearest name for a mistyped one.
 *
 * Sources: POSIX.1-2017 XBD 12.2 (utility syntax), the GNU long options.  getopt_long(3) is not used: it keeps hidden state,
 * prints by itself, and takes abbreviations, which break scripts when an option is added.
 * An error names the option, never its value: the value may be a secret that does not belong there.
 */
#include "core/opt.h"

#include <stdlib.h>
#include <string.h>

#include "core/num.h"

#define WORD_MAX        64
#define HELP_COLUMN_MAX 32

struct walk {
	const struct opt *rows;
	size_t n_rows;
	int argc;
	char **argv;
	int at; /* the next unread argument */
};

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t
opt_distance(const char *a, const char *b, size_t limit)
{
	size_t rows[3][WORD_MAX + 1]; /* of the table: two back, one back, this one, in turn */
	size_t len_a = strlen(a), len_b = strlen(b);
	size_t d;

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return strcmp(a, b) == 0 ? 0 : limit + 1;
	for (size_t j = 0; j <= len_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		const size_t *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	d = rows[len_a % 3][len_b];
	return d <= limit ? d : limit + 1;
}

const char *
opt_nearest(const char *word, const char *const *names, size_t n)
{
	size_t len = strlen(word);
	size_t best = len / 3 > 2 ? len / 3 : 2;
	const char *nearest = NULL;

	/* A word of which nothing is left is not near: no "to" for "xy". */
	if (best >= len)
		best = len > 0 ? len - 1 : 0;
	for (size_t i = 0; i < n; i++) {
		size_t d = opt_distance(word, names[i], best);

		if (d > best || d >= strlen(names[i]) || (nearest != NULL && d == best))
			continue;
		nearest = names[i];
		best = d;
	}
	return nearest;
}

static const struct opt *
find_name(const struct walk *w, const char *name, size_t len)
{
	for (size_t i = 0; i < w->n_rows; i++)
		if (strlen(w->rows[i].name) == len && memcmp(w->rows[i].name, name, len) == 0)
			return &w->rows[i];
	return NULL;
}

static const struct opt *
find_letter(const struct walk *w, char letter)
{
	for (size_t i = 0; i < w->n_rows; i++)
		if (w->rows[i].letter != '\0' && w->rows[i].letter == letter)
			return &w->rows[i];
	return NULL;
}

static int
unknown_name(const struct walk *w, const char *name, size_t len, struct err *err)
{
	char word[WORD_MAX + 1];
	const char *nearest = NULL;
	size_t best = WORD_MAX;

	if (len > WORD_MAX)
		return err_set(err, CR_EUSAGE, "unknown option '--%.*s...'", WORD_MAX, name);
	memcpy(word, name, len);
	word[len] = '\0';
	for (size_t i = 0; i < w->n_rows; i++) {
		const char *found = opt_nearest(word, &w->rows[i].name, 1);
		size_t d = found != NULL ? opt_distance(word, found, WORD_MAX) : WORD_MAX;

		if (d < best) {
			nearest = found;
			best = d;
		}
	}
	if (nearest == NULL)
		return err_set(err, CR_EUSAGE, "unknown option '--%s'", word);
	return err_set(err, CR_EUSAGE, "unknown option '--%s': did you mean --%s", word, nearest);
}

static bool
takes_value(const struct opt *o)
{
	return o->type != OPT_FLAG && o->type != OPT_COUNT;
}

/* The number codes of num.h, told as a mistake on the command line. */
static int
as_usage(const struct opt *o, int rc, struct err *err)
{
	if (rc == CR_OK)
		return CR_OK;
	if (err != NULL)
		err->code = CR_EUSAGE;
	(void)err_wrap(err, "--%s", o->name);
	return CR_EUSAGE;
}

static int
add_to_list(struct opt_list *l, const char *value, struct err *err)
{
	if (l->n == OPT_LIST_MAX)
		return err_set(err, CR_EUSAGE, "given more than %d times", OPT_LIST_MAX);
	l->items[l->n++] = value;
	return CR_OK;
}

static int
store_value(const struct opt *o, const char *value, struct err *err)
{
	int rc = CR_OK;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)o->to = true;
		break;
	case OPT_COUNT:
		++*(int *)o->to;
		break;
	case OPT_TEXT:
		*(const char **)o->to = value;
		break;
	case OPT_INT:
		rc = num_parse(value, o->min, o->max, o->to, err);
		break;
	case OPT_DURATION:
		rc = num_parse_duration(value, o->to, err);
		break;
	case OPT_LIST:
		rc = add_to_list(o->to, value, err);
		break;
	}
	return as_usage(o, rc, err);
}

/* The value behind an option: joined to it (attached), or the next argument, whatever that begins with. */
static int
store_with_value(struct walk *w, const struct opt *o, const char *attached, struct err *err)
{
	if (attached == NULL && w->at == w->argc)
		return err_set(err, CR_EUSAGE, "option --%s needs a value: %s", o->name,
		               o->arg != NULL ? o->arg : "VALUE");
	return store_value(o, attached != NULL ? attached : w->argv[w->at++], err);
}

/* text: behind the two dashes. */
static int
take_long(struct walk *w, const char *text, struct err *err)
{
	size_t len = strcspn(text, "=");
	const char *attached = text[len] == '=' ? text + len + 1 : NULL;
	const struct opt *o = find_name(w, text, len);

	if (o == NULL)
		return unknown_name(w, text, len, err);
	if (takes_value(o))
		return store_with_value(w, o, attached, err);
	if (attached != NULL)
		return err_set(err, CR_EUSAGE, "option --%s takes no value", o->name);
	return store_value(o, NULL, err);
}

/* letters: behind the dash; flags may be joined, the first that takes a value takes the rest. */
static int
take_short(struct walk *w, const char *letters, struct err *err)
{
	for (const char *p = letters; *p != '\0'; p++) {
		const struct opt *o = find_letter(w, *p);
		int rc;

		if (o == NULL)
			return err_set(err, CR_EUSAGE, "unknown option '-%c'", *p);
		if (takes_value(o))
			return store_with_value(w, o, p[1] != '\0' ? p + 1 : NULL, err);
		rc = store_value(o, NULL, err);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

/* operands NULL: stop in front of the first one. */
static int
walk_all(struct walk *w, const char **operands, size_t *n_operands, struct err *err)
{
	bool options = true;

	while (w->at < w->argc) {
		const char *arg = w->argv[w->at];
		bool is_option = options && arg[0] == '-' && arg[1] != '\0'; /* "-" alone is stdin */
		int rc;

		if (!is_option) {
			if (operands == NULL)
				return CR_OK;
			operands[(*n_operands)++] = arg;
			w->at++;
			continue;
		}
		w->at++;
		if (strcmp(arg, "--") == 0) {
			options = false;
			continue;
		}
		rc = arg[1] == '-' ? take_long(w, arg + 2, err) : take_short(w, arg + 1, err);
		if (rc != CR_OK)
			return rc;
	}
	return CR_OK;
}

int
opt_parse(const struct opt *rows, size_t n_rows, int argc, char **argv, const char **operands, size_t *n_operands_out,
          struct err *err)
{
	struct walk w = {.rows = rows, .n_rows = n_rows, .argc = argc, .argv = argv};
	size_t n = 0;
	int rc = walk_all(&w, operands, &n, err);

	if (rc == CR_OK)
		*n_operands_out = n;
	return rc;
}

int
opt_parse_command(const struct opt *rows, size_t n_rows, int argc, char **argv, size_t min, size_t max,
                  const char *usage, const char ***operands_out, size_t *n_operands_out, struct err *err)
{
	const char **operands = calloc((size_t)argc + 1, sizeof(*operands));
	size_t n = 0;
	int rc;

	if (operands == NULL)
		return err_nomem(err, "operands");
	rc = opt_parse(rows, n_rows, argc - 1, argv + 1, operands, &n, err);
	if (rc == CR_OK && (n < min || n > max))
		rc = err_set(err, CR_EUSAGE, "usage: coldrelay %s", usage);
	if (rc == CR_OK) {
		*operands_out = TAKE(operands);
		*n_operands_out = n;
	}
	free(operands);
	return rc;
}

int
opt_parse_front(const struct opt *rows, size_t n_rows, int argc, char **argv, int *used_out, struct err *err)
{
	struct walk w = {.rows = rows, .n_rows = n_rows, .argc = argc, .argv = argv};
	int rc = walk_all(&w, NULL, NULL, err);

	if (rc == CR_OK)
		*used_out = w.at;
	return rc;
}

/* "-n, --name ARG" */
static int
left_column(const struct opt *o, char *out, size_t size)
{
	char letter[8] = "    ";

	if (o->letter != '\0')
		(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	return snprintf(out, size, "%s--%s%s%s", letter, o->name, takes_value(o) ? " " : "",
	                !takes_value(o)  ? ""
	                : o->arg != NULL ? o->arg
	                                 : "VALUE");
}

void
opt_help(const struct opt *rows, size_t n_rows, FILE *to)
{
	char left[2 * WORD_MAX];
	int width = 0;

	for (size_t i = 0; i < n_rows; i++) {
		int len = left_column(&rows[i], left, sizeof(left));

		if (len > width && len <= HELP_COLUMN_MAX)
			width = len;
	}
	for (size_t i = 0; i < n_rows; i++) {
		if (left_column(&rows[i], left, sizeof(left)) > width)
			(void)fprintf(to, "  %s\n  %*s  %s\n", left, width, "", rows[i].help);
		else
			(void)fprintf(to, "  %-*s  %s\n", width, left, rows[i].help);
	}
}
