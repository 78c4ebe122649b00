/*
 * test_reply_corpus.c - labelled replies that are not part of this project, where they are at hand: what share is told right.
 *
 * COLDRELAY_CORPUS (default ../shared/bounce-corpus) holds replies-dev.tsv: id, label, other labels that count as right, layer, source,
 * text.  Prints the score of each label; the least that is asked for is asserted.  A layer is compared where one is named; the lesser ones
 * may be left unnamed.
 */
#include "tests/lib/rows.h"

#include "budget/reply.h"
#include "core/file.h"

#define FIELDS     6
#define RIGHT_MIN  88.0
#define STRICT_MIN 78.0
#define LAYER_MIN  95.0
#define TSV_MAX    ((size_t)16 << 20)

struct score {
	size_t n, right, strict, layers, layers_right;
	size_t of[REPLY_CATEGORY__COUNT], right_of[REPLY_CATEGORY__COUNT], said[REPLY_CATEGORY__COUNT],
		said_right[REPLY_CATEGORY__COUNT];
};

static bool
in_list(const char *list, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += len) {
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool
same_layer(const char *want, const char *got)
{
	static const char core[] =
		"m365,m365_tenant,outlook_com,google,google_tenant,mimecast,proofpoint,barracuda,ironport,yahoo,apple";

	if (strcmp(want, got) == 0)
		return true;
	if ((strcmp(want, "m365") == 0 && strcmp(got, "outlook_com") == 0) ||
	    (strcmp(want, "outlook_com") == 0 && strcmp(got, "m365") == 0))
		return true;
	return !in_list(core, want) && (got[0] == '\0' || strcmp(got, "other") == 0);
}

static void
score_line(const struct reply_rules *rules, char *field[FIELDS], struct score *s)
{
	struct reply_verdict v;
	const char *said;
	bool right, strict;

	reply_classify(rules, &(struct reply_question){.text = field[5]}, &v);
	said = reply_category_name(v.category);
	strict = strcmp(said, field[1]) == 0;
	right = strict || in_list(field[2], said);
	s->n++;
	s->right += right;
	s->strict += strict;
	s->said[v.category]++;
	s->said_right[v.category] += right;
	for (size_t c = 0; c < REPLY_CATEGORY__COUNT; c++) {
		if (strcmp(reply_category_name((enum reply_category)c), field[1]) == 0) {
			s->of[c]++;
			s->right_of[c] += right;
		}
	}
	if (field[3][0] != '\0') {
		s->layers++;
		s->layers_right += same_layer(field[3], v.layer);
	}
	if (!right)
		printf("# %s wants %s, got %s by %s\n", field[0], field[1], said, v.rule);
}

static bool
split(char *line, char *field[FIELDS])
{
	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = line;
		line = i + 1 < FIELDS ? strchr(line, '\t') : NULL;
		if (line == NULL)
			return i + 1 == FIELDS;
		*line++ = '\0';
	}
	return false;
}

static double
percent(size_t part, size_t of)
{
	return of == 0 ? 100.0 : 100.0 * (double)part / (double)of;
}

static void
reply_corpus__replies_are_told_right(void **state)
{
	const char *dir = getenv("COLDRELAY_CORPUS");
	struct reply_rules *rules = NULL;
	struct score s = {0};
	struct buf file = {0};
	struct err err = {0};
	char *field[FIELDS], *path = NULL;

	(void)state;
	assert_ok(file_join(dir == NULL ? "../shared/bounce-corpus" : dir, "replies-dev.tsv", &path, &err), &err);
	if (file_read(path, TSV_MAX, &file, &err) != CR_OK) {
		printf("# no labelled replies at hand: %s\n", err.text);
		free(path);
		skip();
	}
	assert_ok(reply_rules_open(NULL, &rules, &err), &err);
	for (char *line = strchr(file.data, '\n'); line != NULL;) {
		char *end = strchr(++line, '\n');

		if (end != NULL)
			*end = '\0';
		if (split(line, field))
			score_line(rules, field, &s);
		line = end;
	}
	printf("# %zu replies: right %.1f %%, strict %.1f %%, layer %.1f %% of %zu\n", s.n, percent(s.right, s.n),
	       percent(s.strict, s.n), percent(s.layers_right, s.layers), s.layers);
	for (size_t c = 0; c < REPLY_CATEGORY__COUNT; c++) {
		if (s.of[c] + s.said[c] != 0)
			printf("# %-14s found %zu of %zu, right when said %zu of %zu\n",
			       reply_category_name((enum reply_category)c), s.right_of[c], s.of[c], s.said_right[c],
			       s.said[c]);
	}
	assert_true(s.n > 0);
	assert_true(percent(s.right, s.n) >= RIGHT_MIN);
	assert_true(percent(s.strict, s.n) >= STRICT_MIN);
	assert_true(percent(s.layers_right, s.layers) >= LAYER_MIN);
	reply_rules_drop(&rules);
	buf_release(&file);
	free(path);
}

int
main(void)
{
	struct CMUnitTest tests[1];
	size_t n = 0;

	TEST(tests, n, reply_corpus__replies_are_told_right);
	return rows_run("budget/reply_corpus", tests, n);
}
