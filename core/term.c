/*
 * term.c - tables, tones, progress and the one question.
 *
 * Sources: libsmartcols(3); no-color.org; ECMA-48 s8.3.117 (SGR).
 */
#include "core/term.h"

#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "core/lazy.h"
#include "core/log.h"

/* clang-format off */
#define CALLS(X) \
	X(scols_cell_set_color) X(scols_column_get_header) X(scols_line_refer_data) \
	X(scols_line_set_color) X(scols_new_table) X(scols_print_table) \
	X(scols_table_enable_colors) X(scols_table_new_column) X(scols_table_new_line) \
	X(scols_table_set_column_separator) X(scols_table_set_stream) \
	X(scols_table_set_termforce) X(scols_table_set_termwidth) X(scols_unref_table)
/* clang-format on */
LAZY_LIBRARY(libscols, "libsmartcols.so.1", "libsmartcols1", CALLS);
#define scols_cell_set_color             libscols.scols_cell_set_color
#define scols_column_get_header          libscols.scols_column_get_header
#define scols_line_refer_data            libscols.scols_line_refer_data
#define scols_line_set_color             libscols.scols_line_set_color
#define scols_new_table                  libscols.scols_new_table
#define scols_print_table                libscols.scols_print_table
#define scols_table_enable_colors        libscols.scols_table_enable_colors
#define scols_table_new_column           libscols.scols_table_new_column
#define scols_table_new_line             libscols.scols_table_new_line
#define scols_table_set_column_separator libscols.scols_table_set_column_separator
#define scols_table_set_stream           libscols.scols_table_set_stream
#define scols_table_set_termforce        libscols.scols_table_set_termforce
#define scols_table_set_termwidth        libscols.scols_table_set_termwidth
#define scols_unref_table                libscols.scols_unref_table

#define BAR_CELLS     24
#define ITEM_MAX      48
#define WIDTH_UNKNOWN 80 /* of a terminal that does not tell */

static atomic_bool color_allowed = true;

static const char *const tones[] = {
	[TERM_PLAIN] = "",       [TERM_GOOD] = "\033[32m", [TERM_WARN] = "\033[33m",
	[TERM_BAD] = "\033[31m", [TERM_DIM] = "\033[2m",   [TERM_BOLD] = "\033[1m",
};
_Static_assert(ARRAY_LEN(tones) == TERM_TONE__COUNT, "a sequence for every tone");

void
term_set_color(bool allowed)
{
	color_allowed = allowed;
}

static bool
has_color(FILE *to)
{
	const char *no_color = getenv("NO_COLOR");
	const char *name = getenv("TERM");

	return color_allowed && (no_color == NULL || no_color[0] == '\0') &&
	       (name == NULL || strcmp(name, "dumb") != 0) && isatty(fileno(to)) == 1;
}

const char *
term_on(FILE *to, enum term_tone tone)
{
	return has_color(to) ? tones[tone] : "";
}

const char *
term_off(FILE *to)
{
	return has_color(to) ? "\033[0m" : "";
}

/* Text from outside must not speak to the terminal: control bytes become '?'. */
static void
make_harmless(char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
}

/* ---- tables ---- */

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;

struct term_table {
	struct libscols_table *scols;
	size_t n_columns;
};

static int
add_column(struct libscols_table *scols, const struct term_column *c, struct err *err)
{
	int flags = (c->right ? SCOLS_FL_RIGHT : 0) | (c->may_cut ? SCOLS_FL_TRUNC : 0);
	struct libscols_column *column = scols_table_new_column(scols, c->title, 0, flags);

	if (column == NULL || scols_cell_set_color(scols_column_get_header(column), tones[TERM_BOLD]) != 0)
		return err_nomem(err, "table");
	return CR_OK;
}

/* How wide a letter is, the library asks the locale; nothing else here does, so the others do not pay for reading it. */
static void
read_locale(void)
{
	(void)setlocale(LC_CTYPE, "");
}

int
term_table_open(const struct term_column *columns, size_t n, struct term_table **out, struct err *err)
{
	struct term_table *t;
	int rc = lazy_need(&libscols_lazy, err);

	if (rc != CR_OK)
		return rc;
	(void)pthread_once(&locale_once, read_locale);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return err_nomem(err, "table");
	t->n_columns = n;
	t->scols = scols_new_table();
	if (t->scols == NULL || scols_table_set_column_separator(t->scols, "  ") != 0)
		rc = err_nomem(err, "table");
	for (size_t i = 0; i < n && rc == CR_OK; i++)
		rc = add_column(t->scols, &columns[i], err);
	if (rc == CR_OK)
		*out = TAKE(t);
	term_table_drop(&t);
	return rc;
}

int
term_table_add(struct term_table *t, enum term_tone tone, const char *const *cells, struct err *err)
{
	struct libscols_line *line = scols_table_new_line(t->scols, NULL);

	if (line == NULL)
		return err_nomem(err, "table");
	if (tone != TERM_PLAIN && scols_line_set_color(line, tones[tone]) != 0)
		return err_nomem(err, "table");
	for (size_t i = 0; i < t->n_columns; i++) {
		char *text = strdup(cells[i] != NULL ? cells[i] : "");

		if (text == NULL)
			return err_nomem(err, "table");
		make_harmless(text);
		if (scols_line_refer_data(line, i, text) != 0) {
			free(text);
			return err_nomem(err, "table");
		}
	}
	return CR_OK;
}

/* The library looks at stdout only; the table may go to another stream. */
static void
fit_to(struct libscols_table *scols, FILE *to)
{
	struct winsize size = {0};

	if (isatty(fileno(to)) != 1) {
		(void)scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER);
		return;
	}
	(void)scols_table_set_termforce(scols, SCOLS_TERMFORCE_ALWAYS);
	if (ioctl(fileno(to), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		size.ws_col = WIDTH_UNKNOWN;
	(void)scols_table_set_termwidth(scols, size.ws_col);
}

int
term_table_print(struct term_table *t, FILE *to, struct err *err)
{
	(void)scols_table_set_stream(t->scols, to);
	(void)scols_table_enable_colors(t->scols, has_color(to));
	fit_to(t->scols, to);
	if (scols_print_table(t->scols) != 0)
		return err_set(err, CR_EIO, "cannot print the table");
	/* The library ends its lines, but the answer of the stream is only known now. */
	if (fflush(to) != 0)
		return err_set(err, CR_EIO, "cannot write the output");
	return CR_OK;
}

void
term_table_drop(struct term_table **t)
{
	if (*t == NULL)
		return;
	scols_unref_table((*t)->scols);
	free(*t);
	*t = NULL;
}

/* ---- progress ---- */

struct term_progress {
	pthread_mutex_t mutex;
	struct log_guest guest;
	bool is_bar;
	bool hidden; /* a log line is being written: drawing waits for its end */
	size_t done;
	size_t total;
	char what[ITEM_MAX];
	char item[ITEM_MAX];
};

static void
clear_line(void)
{
	(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
}

/* With the mutex held. */
static void
draw(const struct term_progress *p)
{
	size_t filled = p->total > 0 ? BAR_CELLS * (p->done < p->total ? p->done : p->total) / p->total : 0;
	char bar[BAR_CELLS + 1];

	for (size_t i = 0; i < BAR_CELLS; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR_CELLS] = '\0';
	(void)fprintf(stderr, "\r\033[K%s [%s%s%s] %zu/%zu  %s%s%s", p->what, term_on(stderr, TERM_GOOD), bar,
	              term_off(stderr), p->done, p->total, term_on(stderr, TERM_DIM), p->item, term_off(stderr));
	(void)fflush(stderr);
}

/* The log's lock is held around these two, so a step never logs while it holds the mutex. */
static void
hide(void *arg)
{
	struct term_progress *p = arg;

	(void)pthread_mutex_lock(&p->mutex);
	p->hidden = true;
	clear_line();
	(void)pthread_mutex_unlock(&p->mutex);
}

static void
show(void *arg)
{
	struct term_progress *p = arg;

	(void)pthread_mutex_lock(&p->mutex);
	p->hidden = false;
	draw(p);
	(void)pthread_mutex_unlock(&p->mutex);
}

static void
copy_short(char out[ITEM_MAX], const char *s)
{
	(void)snprintf(out, ITEM_MAX, "%s", s != NULL ? s : "");
	make_harmless(out);
}

int
term_progress_open(const char *what, size_t total, struct term_progress **out, struct err *err)
{
	struct term_progress *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return err_nomem(err, "progress");
	(void)pthread_mutex_init(&p->mutex, NULL);
	p->total = total;
	copy_short(p->what, what);
	p->is_bar = isatty(STDERR_FILENO) == 1 && log_get_level() >= LOG_LEVEL_INFO;
	if (p->is_bar) {
		p->guest = (struct log_guest){.hide = hide, .show = show, .arg = p};
		show(p);
		log_set_guest(&p->guest);
	}
	*out = p;
	return CR_OK;
}

void
term_progress_step(struct term_progress *p, const char *item_done)
{
	size_t done;

	(void)pthread_mutex_lock(&p->mutex);
	done = ++p->done;
	copy_short(p->item, item_done);
	if (p->is_bar && !p->hidden)
		draw(p);
	(void)pthread_mutex_unlock(&p->mutex);
	/* The log's own level keeps it quiet with -q. */
	if (!p->is_bar)
		log_info("%s %zu/%zu: %s", p->what, done, p->total, item_done != NULL ? item_done : "");
}

void
term_progress_drop(struct term_progress **p)
{
	if (*p == NULL)
		return;
	if ((*p)->is_bar) {
		log_set_guest(NULL);
		clear_line();
	}
	(void)pthread_mutex_destroy(&(*p)->mutex);
	free(*p);
	*p = NULL;
}

/* ---- the question ---- */

int
term_confirm(const char *question, struct err *err)
{
	char answer[16] = "";

	if (isatty(STDIN_FILENO) != 1)
		return err_set(err, CR_EREFUSED, "nobody to ask: confirm with --yes");
	(void)fprintf(stderr, "%s [y/N] ", question);
	(void)fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		(void)fputc('\n', stderr);
	answer[strcspn(answer, "\n")] = '\0';
	if (strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0)
		return CR_OK;
	return err_set(err, CR_EREFUSED, "not confirmed");
}
