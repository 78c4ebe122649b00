/*
 * cmd_explain.c - the same reading as `bounce`, without any action: who refused, what it means, what to do and what not to do.
 *
 * Needs neither configuration nor store; a configuration's reply_rules count when there is one.
 */
#include "budget/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "budget/intake.h"
#include "budget/reading.h"
#include "core/json.h"
#include "core/log.h"

/* Lines of a table and of the rules are written in such pieces. */
#define PIECE ((size_t)64 << 10)

static const char usage[] = "explain TEXT or FILE... | explain --replies FILE.tsv | explain --rules";

static struct {
	const char *replies;
	bool rules;
} args;

static const struct opt opts[] = {
	{"replies", 0, OPT_TEXT, &args.replies, 0, 0, "FILE.tsv",
         "id<TAB>text lines, `-' standard input: a line of JSON each, with id, category and layer"                  },
	{"rules",   0, OPT_FLAG, &args.rules,   0, 0, NULL,       "every rule, in the order in which they are asked"},
};

void
cmd_explain_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
put_piece(struct session *s, struct buf *lines, size_t least, struct err *err)
{
	int rc = buf_check(lines, "the lines of a table", err);

	if (rc != CR_OK || lines->len < least)
		return rc;
	if (fwrite(buf_str(lines), 1, lines->len, s->out) != lines->len)
		return err_set(err, CR_EIO, "standard output cannot be written");
	buf_clear(lines);
	return CR_OK;
}

/* ---- a table of replies ---- */

static int
one_reply(struct intake *in, char *line, struct buf *lines)
{
	struct json_out j = json_out_on(lines);
	char *tab = strchr(line, '\t');
	struct reading f;

	if (tab == NULL)
		return CR_EPARSE;
	*tab = '\0';
	reading_of_text(in->rules, tab + 1, &f);
	json_out_open(&j, '{');
	json_out_member(&j, "id", line);
	json_out_member(&j, "category", reply_category_name(f.verdict.category));
	json_out_member(&j, "layer", f.verdict.layer);
	json_out_close(&j);
	buf_addc(lines, '\n');
	return CR_OK;
}

static int
from_table(struct intake *in, struct err *err)
{
	FILE *from = strcmp(args.replies, "-") == 0 ? stdin : fopen(args.replies, "re");
	struct buf lines = {0};
	char *line = NULL;
	size_t cap = 0, number = 0, bad = 0;
	int rc = CR_OK;

	if (from == NULL)
		return err_errno(err, CR_EPARSE, errno, args.replies);
	while (rc == CR_OK && getline(&line, &cap, from) >= 0) {
		line[strcspn(line, "\r\n")] = '\0';
		number++;
		if (line[0] == '\0')
			continue;
		if (one_reply(in, line, &lines) != CR_OK) {
			log_error("%s:%zu: no tab between id and text", args.replies, number);
			bad++;
		}
		rc = put_piece(in->s, &lines, PIECE, err);
	}
	if (rc == CR_OK && ferror(from) != 0)
		rc = err_errno(err, CR_EIO, errno, args.replies);
	if (rc == CR_OK)
		rc = put_piece(in->s, &lines, 1, err);
	if (rc == CR_OK && number == 0)
		rc = err_set(err, CR_EPARSE, "%s: empty", args.replies);
	if (from != stdin)
		(void)fclose(from);
	free(line);
	buf_release(&lines);
	return rc != CR_OK ? rc : bad > 0 ? EX_DATAERR : 0;
}

/* ---- the rules ---- */

struct list {
	struct session *s;
	struct buf lines;
	struct err *err;
};

static int
show_rule(void *arg, const char *rule, const struct reply_verdict *v)
{
	struct list *l = arg;

	if (l->s->json)
		reading_rule_json(rule, v, &l->lines);
	else
		reading_rule_text(rule, v, l->s->out, &l->lines);
	return put_piece(l->s, &l->lines, PIECE, l->err);
}

static int
list_rules(struct intake *in, struct err *err)
{
	struct list l = {.s = in->s, .err = err};
	int rc = reply_rules_walk(in->rules, show_rule, &l);

	if (rc == CR_OK)
		rc = put_piece(in->s, &l.lines, 1, err);
	buf_release(&l.lines);
	return rc;
}

/* ---- words and mails ---- */

static int
from_words(struct intake *in, const char *const *words, size_t n, struct err *err)
{
	struct buf text = {0};
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(&text, ' ');
		buf_adds(&text, words[i]);
	}
	rc = buf_check(&text, "the text", err);
	if (rc == CR_OK)
		rc = intake_text(in, "", buf_str(&text), text.len, err);
	buf_release(&text);
	return rc;
}

static bool
is_file(const char *operand)
{
	struct stat st;

	return strcmp(operand, "-") == 0 || stat(operand, &st) == 0;
}

static int
explain(struct intake *in, const char *const *operands, size_t n, struct err *err)
{
	if (args.rules)
		return list_rules(in, err);
	if (args.replies != NULL)
		return from_table(in, err);
	if (!is_file(operands[0]))
		return from_words(in, operands, n, err);
	return intake_places(in, operands, n, err);
}

int
cmd_explain(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL;
	struct intake in = {.explains = true};
	size_t n = 0;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 0, SIZE_MAX, usage, &operands, &n, err);
	if (rc == CR_OK && (args.rules + (args.replies != NULL) + (n > 0)) != 1)
		rc = err_set(err, CR_EUSAGE, "usage: coldrelay %s", usage);
	if (rc == CR_OK)
		rc = intake_open(&in, s, false, true, err);
	if (rc == CR_OK)
		rc = explain(&in, operands, n, err);
	intake_release(&in);
	free(operands);
	return rc;
}
