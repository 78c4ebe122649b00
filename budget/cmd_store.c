/*
 * cmd_store.c - store: move an installation to another store, and take the place of one that failed for good.
 */
#include "budget/cmd.h"

#include "budget/copy.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/audit.h"
#include "core/db_path.h"
#include "core/json.h"

#define DRY_RUN_FOUND 2

static struct {
	const char *reason;
	bool dry_run;
} args;

static const struct opt opts[] = {
	{.name = "reason",
         .type = OPT_TEXT,
         .to = &args.reason,
         .arg = "TEXT",
         .help = "of trust: how it is known that no send was lost; kept in the audit log"},
	{.name = "dry-run",                .type = OPT_FLAG, .to = &args.dry_run, .help = "of copy: read and count, write nothing"},
};

void
cmd_store_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
print_table(void *arg, const struct copy_table *t, const struct copy_count *n, struct err *err)
{
	struct session *s = arg;
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	char hash[2 * sizeof(n->hash) + 1];
	int rc;

	for (size_t i = 0; i < sizeof(n->hash); i++)
		(void)snprintf(hash + 2 * i, 3, "%02x", n->hash[i]);
	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", "table");
		json_out_member(&j, "table", t->name);
		json_out_member_int(&j, "rows", n->rows);
		json_out_member(&j, "hash", hash);
		json_out_close(&j);
	} else {
		buf_addf(&line, "%-12s %10lld rows  %.16s", t->name, (long long)n->rows, hash);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc;
}

static int
print_end(struct session *s, const char *status, const char *to, struct err *err)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	char *shown = NULL;
	int rc = db_path_show(to, &shown, err);

	if (rc != CR_OK)
		return rc;
	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", "summary");
		json_out_member(&j, "status", status);
		json_out_member(&j, "to", shown);
		json_out_close(&j);
	} else if (strcmp(status, "copied") == 0) {
		buf_addf(&line,
		         "copied and compared; set store = \"%s\" everywhere before a gate starts again: two stores "
		         "would be two budgets",
		         shown);
	} else {
		buf_addf(&line, "nothing was written to %s", shown);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	free(shown);
	return rc;
}

/* What a run would copy. */
static int
count_all(struct session *s, const struct copy *c, struct db *from, bool *any_out, struct err *err)
{
	struct copy_count n;
	int rc = db_begin(from, err);

	if (rc != CR_OK)
		return rc;
	*any_out = false;
	for (size_t i = 0; rc == CR_OK && i < copy_tables_n; i++) {
		rc = copy_read(c, from, i, &n, err);
		if (rc == CR_OK)
			rc = print_table(s, &copy_tables[i], &n, err);
		*any_out = *any_out || n.rows > 0;
	}
	db_rollback(from);
	return rc;
}

static int
same_store(const char *from, const char *to, struct err *err)
{
	char *a = db_path_is_server(from) ? strdup(from) : realpath(from, NULL);
	char *b = db_path_is_server(to) ? strdup(to) : realpath(to, NULL);
	bool same = a != NULL && b != NULL && strcmp(a, b) == 0;

	free(a);
	free(b);
	return same ? err_set(err, CR_EUSAGE, "FROM and TO are the same store") : CR_OK;
}

static int
run_copy(struct session *s, const char *from, const char *to, struct err *err)
{
	struct db *source = NULL, *target = NULL;
	struct copy *c = NULL;
	bool any = false;
	int rc = session_config(s, err);

	if (rc == CR_OK)
		rc = same_store(from, to, err);
	if (rc == CR_OK)
		rc = copy_open(&c, err);
	if (rc == CR_OK)
		rc = session_other_store(s, from, DB_WRITE, &source, err);
	if (rc == CR_OK && args.dry_run) {
		rc = count_all(s, c, source, &any, err);
	} else if (rc == CR_OK) {
		rc = session_other_store(s, to, DB_CREATE, &target, err);
		if (rc == CR_OK)
			rc = copy_store(c, source, target, s->vault, print_table, s, err);
	}
	if (rc == CR_OK)
		rc = print_end(s, args.dry_run ? "planned" : "copied", to, err);
	db_drop(&target);
	db_drop(&source);
	copy_drop(&c);
	return rc == CR_OK && any ? DRY_RUN_FOUND : rc;
}

static int
run_trust(struct session *s, struct err *err)
{
	struct audit_entry line = {
		.actor = audit_actor(), .action = "store.trust", .subject = "store", .reason = args.reason};
	int rc = cmd_need(args.reason, "--reason TEXT", err);

	if (rc == CR_OK)
		rc = session_store(s, DB_WRITE, err);
	if (rc == CR_OK)
		rc = db_begin(s->db, err);
	if (rc != CR_OK)
		return rc;
	line.at_ms = clock_wall_ms(s->clock);
	rc = db_trust(s->db, err);
	if (rc == CR_OK)
		rc = audit_append(s->db, s->vault, &line, err);
	return db_end(s->db, rc, err);
}

int
cmd_store(struct session *s, int argc, char **argv, struct err *err)
{
	static const char usage[] = "store copy FROM TO [--dry-run] | trust --reason TEXT";
	const char *operands[CMD_OPERANDS];
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = cmd_parse(opts, ARRAY_LEN(opts), argc, argv, 1, 3, usage, operands, &n, err);
	if (rc != CR_OK)
		return rc;
	if (n == 3 && strcmp(operands[0], "copy") == 0)
		return run_copy(s, operands[1], operands[2], err);
	if (n == 1 && strcmp(operands[0], "trust") == 0)
		return run_trust(s, err);
	return err_set(err, CR_EUSAGE, "usage: coldrelay %s", usage);
}
