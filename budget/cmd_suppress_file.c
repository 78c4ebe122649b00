/*
 * cmd_suppress_file.c - the suppression list as CSV: scope,kind,value,reason,source,added.
 *
 * An export names nobody: addresses leave as hash:KEY:HEX, which means something only under the same installation key; an
 * import refuses them under another.  It takes addresses in clear too, reads the whole file before it writes, and can be repeated.
 */
#include "budget/cmd.h"

#include "budget/csv.h"
#include "budget/suppress.h"
#include "core/file.h"
#include "core/json.h"
#include "core/num.h"

#include <stdlib.h>
#include <string.h>

#define IMPORT_MAX_BYTES ((size_t)256 << 20)
#define IMPORT_BATCH     500 /* rows a transaction: the gate waits no longer than for these */

enum { COL_SCOPE, COL_KIND, COL_VALUE, COL_REASON, COL_SOURCE, COL_ADDED, COL__COUNT };
static const char header[] = "scope,kind,value,reason,source,added\n";

/* A row as an entry, borrowed from csv.  Errors: CR_EPARSE with the line. */
static int
read_row(const struct vault *v, const struct csv *csv, struct suppress_entry *out, struct err *err)
{
	struct suppress_key key;
	char scope[256];
	int64_t added_s = 0;
	int rc;

	if (csv->n < COL_REASON + 1 || csv->n > COL__COUNT)
		return err_set(err, CR_EPARSE, "line %zu: %zu fields, expected %.*s", csv->line, csv->n,
		               (int)sizeof(header) - 2, header);
	*out = (struct suppress_entry){
		.scope = csv->field[COL_SCOPE],
		.what = csv->field[COL_VALUE],
		.reason = csv->field[COL_REASON][0] != '\0' ? csv->field[COL_REASON] : "imported",
		.source = csv->n > COL_SOURCE && csv->field[COL_SOURCE][0] != '\0' ? csv->field[COL_SOURCE] : "import",
	};
	rc = suppress_scope_of(out->scope, scope, err);
	if (rc == CR_OK)
		rc = suppress_key_of(v, out->what, &key, err);
	if (rc == CR_OK && strcmp(key.kind, csv->field[COL_KIND]) != 0)
		rc = err_set(err, CR_EPARSE, "'%s' is no %s", out->what, csv->field[COL_KIND]);
	if (rc == CR_OK && csv->n > COL_ADDED && csv->field[COL_ADDED][0] != '\0') {
		rc = num_parse_rfc3339(csv->field[COL_ADDED], &added_s, err);
		out->added_ms = added_s > 0 ? added_s * 1000 : 0;
	}
	return rc == CR_OK ? CR_OK : err_wrap(err, "line %zu", csv->line);
}

static bool
is_header(const struct csv *csv)
{
	return csv->line == 1 && csv->n > 0 && strcmp(csv->field[COL_SCOPE], "scope") == 0;
}

/* Every row is read before the first is written: a file with a fault in it changes nothing. */
static int
read_all(const struct vault *v, const struct buf *text, struct err *err)
{
	struct csv *csv = malloc(sizeof(*csv));
	struct suppress_entry e;
	bool more = true;
	int rc = CR_OK;

	if (csv == NULL)
		return err_nomem(err, "import");
	*csv = csv_on(buf_str(text), text->len);
	while (rc == CR_OK && (rc = csv_next(csv, &more, err)) == CR_OK && more) {
		if (!is_header(csv))
			rc = read_row(v, csv, &e, err);
	}
	free(csv);
	return rc;
}

static int
write_batch(struct session *s, struct csv *csv, bool *more, int64_t *added, int64_t *known, struct err *err)
{
	struct contain c = cmd_contain(s);
	struct suppress_entry e;
	bool is_new;
	int rc = db_begin(s->db, err);

	if (rc != CR_OK)
		return rc;
	for (int i = 0; rc == CR_OK && i < IMPORT_BATCH && (rc = csv_next(csv, more, err)) == CR_OK && *more; i++) {
		if (is_header(csv))
			continue;
		rc = read_row(s->vault, csv, &e, err);
		if (rc == CR_OK)
			rc = suppress_add(&c, &e, &is_new, err);
		if (rc == CR_OK)
			*(is_new ? added : known) += 1;
	}
	return db_end(s->db, rc, err);
}

static int
write_all(struct session *s, const struct buf *text, int64_t *added, int64_t *known, struct err *err)
{
	struct csv *csv = malloc(sizeof(*csv));
	bool more = true;
	int rc = CR_OK;

	if (csv == NULL)
		return err_nomem(err, "import");
	*csv = csv_on(buf_str(text), text->len);
	while (rc == CR_OK && more)
		rc = write_batch(s, csv, &more, added, known, err);
	free(csv);
	return rc;
}

int
cmd_suppress_import(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct buf text = {0}, line = {0};
	struct json_out j = json_out_on(&line);
	int64_t added = 0, known = 0;
	size_t n;
	int rc = cmd_parse(NULL, 0, argc, argv, 1, 1, "suppress import FILE", operands, &n, err);

	if (rc != CR_OK)
		return rc;
	rc = strcmp(operands[0], "-") == 0 ? file_read_stdin(IMPORT_MAX_BYTES, &text, err)
	                                   : file_read(operands[0], IMPORT_MAX_BYTES, &text, err);
	if (rc != CR_OK || (rc = session_store(s, DB_WRITE, err)) != CR_OK ||
	    (rc = read_all(s->vault, &text, err)) != CR_OK || (rc = write_all(s, &text, &added, &known, err)) != CR_OK)
		goto out;
	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", "imported");
		json_out_member_int(&j, "added", added);
		json_out_member_int(&j, "known", known);
		json_out_close(&j);
	} else {
		buf_addf(&line, "%lld added, %lld were there already", (long long)added, (long long)known);
	}
	rc = session_print_line(s, &line, err);
out:
	buf_release(&line);
	buf_release(&text);
	return rc;
}

static void
put_row(const struct vault *v, struct buf *line, const struct db_rows *rows)
{
	char added[NUM_RFC3339_MAX], value[300], key[VAULT_ID_MAX];
	const char *kind = db_col_text(rows, COL_KIND);
	const bool hashed = strcmp(kind, "address") == 0;

	vault_id(v, key);
	num_format_rfc3339(db_col_int(rows, COL_ADDED) / 1000, added, sizeof(added));
	(void)snprintf(value, sizeof(value), "%s%s%s%s", hashed ? "hash:" : "", hashed ? key : "", hashed ? ":" : "",
	               db_col_text(rows, COL_VALUE));
	csv_put(line, db_col_text(rows, COL_SCOPE), ',');
	csv_put(line, kind, ',');
	csv_put(line, value, ',');
	csv_put(line, db_col_text(rows, COL_REASON), ',');
	csv_put(line, db_col_text(rows, COL_SOURCE), ',');
	buf_adds(line, added);
}

int
cmd_suppress_export(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct db_rows *rows = NULL;
	struct buf line = {0};
	bool more;
	size_t n;
	int rc = cmd_parse(NULL, 0, argc, argv, 0, 0, "suppress export", operands, &n, err);

	if (rc != CR_OK || (rc = session_store(s, DB_READ, err)) != CR_OK)
		return rc;
	buf_add(&line, header, sizeof(header) - 2);
	rc = session_print_line(s, &line, err);
	if (rc == CR_OK)
		rc = db_query(s->db,
		              "SELECT scope, kind, value, reason, source, added_ms FROM suppression "
		              "WHERE lifted_ms IS NULL ORDER BY id",
		              DB_NO_ARGS, &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		put_row(s->vault, &line, rows);
		rc = session_print_line(s, &line, err);
	}
	db_rows_drop(&rows);
	buf_release(&line);
	return rc;
}
