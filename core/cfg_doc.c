/*
 * cfg_doc.c - the setting rows as manual text, so that the manual cannot say anything else than the parser does.
 *
 * Source: mdoc(7).
 */
#include "core/cfg.h"

#include <assert.h>

#include "core/num.h"

static const char *const type_words[] = {
	[CFG_TEXT] = "text",  [CFG_SECRET] = "secret",     [CFG_PATH] = "path", [CFG_NAME] = "name",
	[CFG_INT] = "number", [CFG_DURATION] = "duration", [CFG_BOOL] = "bool", [CFG_LIST] = "list",
};
static_assert(ARRAY_LEN(type_words) == CFG_LIST + 1, "a word for every type");

/* A line of text: a backslash begins an escape anywhere, a dot or quote a macro at the start. */
static void
add_text(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		buf_adds(out, "\\&");
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			buf_adds(out, "\\e");
		else
			buf_addc(out, *text);
	}
	buf_addc(out, '\n');
}

static void
add_limits(struct buf *out, const struct cfg_row *r)
{
	char min[24], max[24];

	if ((r->min == 0 && r->max == 0) || (r->type != CFG_INT && r->type != CFG_DURATION))
		return;
	if (r->type == CFG_DURATION) {
		num_format_duration(r->min, min, sizeof(min));
		num_format_duration(r->max, max, sizeof(max));
		buf_addf(out, "From %s to %s.\n", min, max);
	} else {
		buf_addf(out, "From %lld to %lld%s%s.\n", (long long)r->min, (long long)r->max,
		         r->unit != NULL ? " " : "", r->unit != NULL ? r->unit : "");
	}
}

void
cfg_rows_to_mdoc(const struct cfg_row *rows, size_t n_rows, struct buf *out)
{
	for (size_t i = 0; i < n_rows; i++) {
		const struct cfg_row *r = &rows[i];

		if ((r->flags & CFG_GROUP_KEY) != 0)
			buf_addf(out, ".It Ic %s\n", r->key);
		else
			buf_addf(out, ".It Ic %s No = Ar %s\n", r->key, type_words[r->type]);
		add_text(out, r->help != NULL ? r->help : "");
		add_limits(out, r);
		if ((r->flags & CFG_REQUIRED) != 0)
			buf_adds(out, "Required.\n");
		else if (r->absent != NULL) {
			buf_adds(out, "Default:\n.Ql ");
			add_text(out, r->absent);
		}
	}
}
