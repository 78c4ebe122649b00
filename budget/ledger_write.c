/*
 * ledger_write.c - the writes of a transaction, one statement a table; and what is too old goes, a little with each of some.
 */
#include "budget/ledger_inside.h"

#define THIN_EVERY                                                                                                     \
	128 /* sends; then as many rows at most are looked at twice: little, so that no send waits long for it */
#define FROM_FIRST 8 /* one look in so many begins at the first pace */
#define SEAT_ARGS  2
#define PACE_ARGS  4
#define SENT_ARGS  6
#define WRITE_MAX  64 /* rows a statement: what they are made of fits the stack */

static int
write_seats(struct ledger *l, struct err *err)
{
	uint8_t packed[WRITE_MAX][TOKENS_PACKED];
	struct db_value args[WRITE_MAX * SEAT_ARGS];
	const struct ledger_list *list = &l->spent_seats;
	const bool is_server = db_is_server(l->db);
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		int64_t changed = 0;
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; at++) {
			struct seat *s = list->item[at];

			if (!s->dirty)
				continue;
			s->dirty = false;
			tokens_pack(&s->tokens, packed[n]);
			args[SEAT_ARGS * n] = db_blob(packed[n], TOKENS_PACKED);
			args[SEAT_ARGS * n + 1] = db_int(s->id);
			n++;
		}
		/* On a server the rows are locked, so they are there: nothing is asked, and all goes out with the commit. */
		rc = db_exec_many(l->db, "UPDATE spent SET slots = $1 WHERE mailbox = $2", args, SEAT_ARGS, n,
		                  is_server ? NULL : &changed, err);
		if (rc == CR_OK && !is_server && changed != (int64_t)n)
			rc = err_set(err, CR_ESTORE, "the row of a mailbox's spends is gone");
	}
	return rc;
}

/* New ones, or those that may be there: a new one needs no look first, and all of them are one run of a statement. */
static int
write_paces_of(struct ledger *l, bool fresh, struct err *err)
{
	static const char insert[] = "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)";
	static const char upsert[] = "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4) "
				     "ON CONFLICT (tenant, organisation) DO UPDATE SET last_ms = excluded.last_ms, "
				     "times = excluded.times";
	uint8_t packed[WRITE_MAX][PACE_PACKED_MAX];
	struct db_value args[WRITE_MAX * PACE_ARGS];
	const struct ledger_list *list = &l->spent_paces;
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; at++) {
			struct paced *p = list->item[at];
			struct db_value *a = &args[PACE_ARGS * n];

			if (!p->dirty || fresh == p->stored)
				continue;
			p->dirty = false;
			a[0] = db_text(p->tenant);
			a[0].len = (size_t)(p->organisation - p->tenant) - 1;
			a[1] = db_text(p->organisation);
			a[2] = db_int(p->pace.times_ms[p->pace.n - 1]);
			a[3] = db_blob(packed[n], pace_pack(&p->pace, packed[n]));
			n++;
		}
		if (n > 0)
			rc = db_exec_many(l->db, fresh ? insert : upsert, args, PACE_ARGS, n, NULL, err);
	}
	return rc;
}

/*
 * On a server rows come and go beside us (an expired one is removed by whoever thins): each may be there.  In a file nobody else writes
 * now, and a row that was read and is removed since, by our own thinning, is only put in once more.
 */
static int
write_paces(struct ledger *l, struct err *err)
{
	int rc;

	for (size_t i = 0; db_is_server(l->db) && i < l->spent_paces.kept; i++)
		((struct paced *)l->spent_paces.item[i])->stored = true;
	rc = write_paces_of(l, true, err);
	if (rc == CR_OK)
		rc = write_paces_of(l, false, err);
	for (size_t i = 0; i < l->spent_paces.kept; i++)
		((struct paced *)l->spent_paces.item[i])->stored = true;
	return rc;
}

static int
write_history(struct ledger *l, struct err *err)
{
	struct db_value args[WRITE_MAX * SENT_ARGS];
	const struct ledger_list *list = &l->sent;
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; n++, at++) {
			const struct sent *s = list->item[at];
			struct db_value *a = &args[SENT_ARGS * n];

			a[0] = db_int(s->at_ms);
			a[1] = db_int(s->mailbox);
			a[2] = db_int(s->class);
			a[3] = db_text(s->organisation);
			a[4] = db_blob(s->recipient_hash, sizeof(s->recipient_hash));
			a[5] = db_int((int64_t)s->key);
		}
		rc = db_exec_many(l->db,
		                  "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, request) "
		                  "VALUES ($1, $2, $3, $4, $5, $6)",
		                  args, SENT_ARGS, n, NULL, err);
	}
	return rc;
}

/*
 * What is older than anybody asks for goes, a little with every thousandth send or so: no job to forget, no long lock.  The history is
 * in the order of time, so its oldest rows are its first.
 */
static int
thin(struct ledger *l, struct err *err)
{
	const struct sent *s = l->sent.item[l->sent.kept - 1];
	const char *from = "";
	int rc = db_exec(l->db, "DELETE FROM history WHERE at_ms < $1 AND seq < (SELECT MIN(seq) FROM history) + $2",
	                 DB_ARGS(db_int(s->at_ms - l->history_keep_ms), db_int(2 * THIN_EVERY)), NULL, err);

	if (rc == CR_OK)
		rc = db_exec(l->db,
		             "DELETE FROM released WHERE released_ms < $1 AND id < (SELECT MIN(id) FROM released) + $2",
		             DB_ARGS(db_int(s->at_ms - l->history_keep_ms), db_int(2 * THIN_EVERY)), NULL, err);
	if (rc != CR_OK || l->spent_paces.kept == 0)
		return rc;
	/*
	 * Behind one that was written just now: where many are put in, many are looked at, however alike their names are.  Sometimes from the
	 * first on: nothing may be written in front of it any more.
	 */
	if (s->key / THIN_EVERY % FROM_FIRST != 0)
		from = ((const struct paced *)l->spent_paces.item[(s->key >> 10) % l->spent_paces.kept])->organisation;
	return db_exec(
		l->db,
		"DELETE FROM pace WHERE organisation >= $2 AND organisation <= COALESCE((SELECT organisation FROM "
		"pace WHERE organisation >= $2 ORDER BY organisation LIMIT 1 OFFSET $3), (SELECT "
		"MAX(organisation) FROM pace)) AND last_ms < $1",
		DB_ARGS(db_int(s->at_ms - PACE_DAY_MS), db_text(from), db_int(2 * THIN_EVERY)), NULL, err);
}

int
ledger_write(struct ledger *l, struct err *err)
{
	bool is_time = false;
	int rc;

	for (size_t i = 0; i < l->sent.kept && !is_time; i++)
		is_time = ((const struct sent *)l->sent.item[i])->key % THIN_EVERY == 0;
	if ((rc = write_seats(l, err)) != CR_OK || (rc = write_paces(l, err)) != CR_OK ||
	    (rc = write_history(l, err)) != CR_OK)
		return rc;
	return is_time ? thin(l, err) : CR_OK;
}

void
ledger_written(struct ledger *l)
{
	ledger_list_cut(&l->sent, 0, free);
	ledger_list_cut(&l->spent_seats, 0, NULL);
	ledger_list_cut(&l->spent_paces, 0, NULL);
	l->binding = false;
}
