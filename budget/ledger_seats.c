/*
 * ledger_seats.c - mailboxes and their slots, by address.
 */
#include "budget/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

struct seats {
	struct seat **seat;
};

static int
take_seat(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct seats *s = arg;
	size_t len;
	const void *slots = db_col_blob(row, 1, &len);

	s->seat[i]->id = db_col_int(row, 0);
	return tokens_unpack(slots, len, &s->seat[i]->tokens, err);
}

static int
compare_seats(const void *a, const void *b)
{
	return strcmp((*(struct seat *const *)a)->address, (*(struct seat *const *)b)->address);
}

/* In the order of their names: two gates that lock the same rows never wait for each other in a circle. */
static int
read_seats(struct ledger *l, struct seats *s, size_t n, bool later, struct err *err)
{
	static const enum db_many hows[2][2] = {
		{DB_LOOK,       DB_LOCK_ROWS      },
                {DB_LOOK_LATER, DB_LOCK_ROWS_LATER}
        };
	struct db_value few[4] = {0}, *args = n <= ARRAY_LEN(few) ? few : calloc(n, sizeof(args[0]));
	int rc;

	if (args == NULL)
		return err_nomem(err, "mailboxes");
	if (n > 1 && db_is_server(l->db))
		qsort(s->seat, n, sizeof(s->seat[0]), compare_seats);
	for (size_t i = 0; i < n; i++)
		args[i] = db_text(s->seat[i]->address);
	l->has_server_now = false; /* what is locked after the time was read may have waited */
	rc = db_query_many(l->db, hows[later][l->binding],
	                   "SELECT m.id, s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id "
	                   "WHERE m.address = $1 AND m.removed_ms = 0",
	                   args, 1, n, take_seat, s, err);
	if (args != few)
		free(args);
	return rc;
}

static struct seat *
make_seat(const char *address)
{
	struct seat *s = calloc(1, sizeof(*s) + strlen(address) + 1);

	if (s != NULL)
		memcpy(s->address, address, strlen(address) + 1);
	return s;
}

int
ledger_expect_seats(struct ledger *l, const char *const *addresses, size_t n, struct err *err)
{
	struct seats *s = calloc(1, sizeof(*s) + n * sizeof(s->seat[0]));
	size_t fresh = 0, put = 0;
	int rc = ledger_lend(l, s, err);

	if (rc != CR_OK)
		return rc;
	s->seat = (struct seat **)(s + 1);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct seat *seat;

		if (dict_get(&l->seats, addresses[i]) != NULL)
			continue;
		if ((seat = make_seat(addresses[i])) == NULL)
			rc = err_nomem(err, "mailboxes");
		else if ((rc = dict_put(&l->seats, seat->address, seat, err)) == CR_OK)
			s->seat[fresh++] = seat;
		else
			free(seat);
	}
	put = fresh;
	if (rc == CR_OK && fresh > 0)
		rc = read_seats(l, s, fresh, true, err);
	/* What was not read must not be taken for known. */
	if (rc != CR_OK && put > 0)
		ledger_forget(l);
	return rc;
}

int
ledger_seat(struct ledger *l, const char *address, struct seat **out, struct err *err)
{
	struct seat *s = dict_get(&l->seats, address);
	struct seats one = {.seat = &s};
	int rc;

	if (s == NULL) {
		if (l->recalling)
			return CR_ENOTFOUND;
		if ((s = make_seat(address)) == NULL)
			return err_nomem(err, "mailbox");
		if ((rc = read_seats(l, &one, 1, false, err)) != CR_OK ||
		    (rc = dict_put(&l->seats, s->address, s, err)) != CR_OK) {
			free(s);
			return rc;
		}
	}
	*out = s;
	return CR_OK;
}
