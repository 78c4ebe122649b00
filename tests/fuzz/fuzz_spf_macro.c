/*
 * fuzz_spf_macro.c - macro strings expanded, and names made of what comes out.
 *
 * Input: the local part, the HELO name and the macro string, one a line; the string may hold further line feeds.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf_inside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing has a name. */
static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	(void)ctx;
	(void)at;
	(void)name;
	(void)type;
	(void)err;
	out->state = LOOKUP_NONAME;
	return CR_OK;
}

static char *
line_of(const char **at, const char *end)
{
	const char *lf = memchr(*at, '\n', (size_t)(end - *at));
	char *line = strndup(*at, (size_t)((lf != NULL ? lf : end) - *at));

	assert(line != NULL);
	*at = lf != NULL ? lf + 1 : end;
	return line;
}

static void
check_name(const struct buf *text)
{
	struct spf_name name, again;
	struct name canonical;

	if (!spf_name_make(buf_str(text), text->len, &name))
		return;
	assert(strlen(name.text) <= SPF_NAME_MAX);
	assert(name_parse(name.canonical.text, &canonical, NULL) == CR_OK);
	assert(strcmp(canonical.text, name.canonical.text) == 0);
	assert(spf_name_make(name.text, strlen(name.text), &again));
	assert(strcmp(again.canonical.text, name.canonical.text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = size > 0 ? (const char *)data : "", *end = at + size;
	char *local, *helo;
	struct lookup *l = NULL;

	if (size > 4096)
		return 0;
	local = line_of(&at, end);
	helo = line_of(&at, end);
	assert(lookup_open_table(answer, NULL, false, &l, NULL) == CR_OK);
	for (int six = 0; six < 2; six++) {
		struct spf_client c = {
			.six = six, .local = local, .sender_domain = "s.example", .helo = helo, .receiver = "r"};

		memcpy(c.text, six ? "::" : "0.0.0.0", six ? 3 : 8);
		for (int explanation = 0; explanation < 2; explanation++) {
			struct span string = {at, (size_t)(end - at)};
			struct buf text = {0};
			enum spf_expansion e = spf_expand(l, &c, "d.example", string, explanation, &text);

			assert(e != SPF_EXPAND_PENDING);
			if (e == SPF_EXPANDED)
				check_name(&text);
			/* What has no macro stays as it is. */
			if (e == SPF_EXPANDED && memchr(string.at, '%', string.len) == NULL)
				assert(text.len == string.len && memcmp(buf_str(&text), string.at, text.len) == 0);
			buf_release(&text);
		}
	}
	lookup_drop(&l);
	free(local);
	free(helo);
	return 0;
}
