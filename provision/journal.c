/*
 * journal.c - the journal's rows.  undone_ms marks rows that no longer count: failed before anything was done, or undone.
 */
#include "provision/journal.h"

#include <string.h>

int
journal_open(struct db *db, const struct vault *v, const struct clock *clock, const char *tenant, struct journal *out,
             struct err *err)
{
	*out = (struct journal){.db = db, .vault = v, .clock = clock, .tenant = tenant};
	secret_random_hex(out->run, 8);
	(void)err;
	return CR_OK;
}

int
journal_intend(struct journal *j, const struct journal_step *s, int64_t *seq_out, struct err *err)
{
	int rc = db_begin(j->db, err);

	if (rc != CR_OK)
		return rc;
	rc = db_get_int(j->db,
	                "INSERT INTO journal (run, tenant, domain, step, driver, operation, intent, intended_ms)"
	                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING seq",
	                DB_ARGS(db_text(j->run), db_text(j->tenant), db_text(s->domain), db_text(s->step),
	                        db_text(s->driver), db_text(s->operation), db_text(s->intent),
	                        db_int(clock_wall_ms(j->clock))),
	                0, seq_out, err);
	return db_end(j->db, rc, err);
}

int
journal_receipt(struct journal *j, int64_t seq, const struct journal_step *s, const char *receipt, struct err *err)
{
	const int64_t now = clock_wall_ms(j->clock);
	char action[96];
	struct audit_entry e = {
		.at_ms = now, .actor = audit_actor(), .action = action, .subject = s->domain, .detail = receipt};
	int rc = db_begin(j->db, err);

	if (rc != CR_OK)
		return rc;
	(void)snprintf(action, sizeof(action), "%s.%s", s->step, s->operation);
	/* Whoever did it has the last word: another tenant's run may have taken a shared reverse zone's row for cut off meanwhile. */
	rc = db_exec(j->db, "UPDATE journal SET receipt = $1, received_ms = $2, undone_ms = NULL WHERE seq = $3",
	             DB_ARGS(db_text(receipt), db_int(now), db_int(seq)), NULL, err);
	if (rc == CR_OK)
		rc = audit_append(j->db, j->vault, &e, err);
	return db_end(j->db, rc, err);
}

int
journal_failed(struct journal *j, int64_t seq, const char *why, struct err *err)
{
	const int64_t now = clock_wall_ms(j->clock);
	int rc = db_begin(j->db, err);

	if (rc != CR_OK)
		return rc;
	rc = db_exec(j->db, "UPDATE journal SET receipt = $1, received_ms = $2, undone_ms = $2 WHERE seq = $3",
	             DB_ARGS(db_text(why), db_int(now), db_int(seq)), NULL, err);
	return db_end(j->db, rc, err);
}

int
journal_walk(struct db *db, const char *domain, int (*show)(const struct journal_row *, void *), void *arg,
             struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(
		db,
		"SELECT seq, tenant, domain, step, driver, operation, intent, receipt, intended_ms FROM journal"
		" WHERE domain = $1 AND undone_ms IS NULL ORDER BY seq",
		DB_ARGS(db_text(domain)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		struct journal_row row = {
			.seq = db_col_int(rows, 0),
			.tenant = db_col_text(rows, 1),
			.domain = db_col_text(rows, 2),
			.step = db_col_text(rows, 3),
			.driver = db_col_text(rows, 4),
			.operation = db_col_text(rows, 5),
			.intent = db_col_text(rows, 6),
			.receipt = db_col_text(rows, 7),
			.intended_ms = db_col_int(rows, 8),
		};

		rc = show(&row, arg);
	}
	db_rows_drop(&rows);
	return rc;
}

/* Certainly not done closes the intention, anything else leaves it to the next run.  Keeps err as it is. */
static void
close_failed(struct journal *j, int64_t seq, int code, const struct err *err)
{
	struct err second = {0};

	/* The first failure is the one that is told; a journal that cannot take this either keeps the row pending, which is safe. */
	if (err_nothing_done(code) && journal_failed(j, seq, err->text, &second) != CR_OK)
		return;
}

int
journal_close(struct journal *j, int64_t seq, const struct journal_step *s, const char *receipt, int code,
              struct err *err)
{
	if (code == CR_OK)
		return journal_receipt(j, seq, s, receipt, err);
	close_failed(j, seq, code, err);
	return code;
}
