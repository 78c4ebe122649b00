/*
 * db_postgres_code.c - the server's error codes become ours.
 *
 * Source: PostgreSQL 15 manual, appendix A (SQLSTATE), read 2026-11.
 */
#include "core/db_postgres_inside.h"

#include <string.h>

/* How a SQLSTATE, or its class where it has two letters, is answered. */
static const struct state {
	const char *state;
	int code;
	bool again;  /* a conflict with another transaction: the same may go through at once */
	bool hangup; /* of no use any more */
} states[] = {
	{"40001", CR_ERETRY,    true,  false}, /* serialization failure */
	{"40P01", CR_ERETRY,    true,  false}, /* deadlock */
	{"55P03", CR_ERETRY,    false, false}, /* lock timeout */
	{"57014", CR_ERETRY,    false, false}, /* cancelled, statement timeout */
	{"26000", CR_ERETRY,    true,  true }, /* a prepared statement that is not there: another server's session */
	{"42P05", CR_ERETRY,    true,  true }, /* or there already */
	{"0A000", CR_ERETRY,    true,  true }, /* its table was changed meanwhile; or arrays */
	{"23505", CR_ECONFLICT, false, false}, /* unique */
	{"23503", CR_ECONFLICT, false, false}, /* foreign key */
	{"23",    CR_EBUG,      false, false},
	{"25006", CR_ERETRY,    false, true }, /* read-only: it has become a standby */
	{"25P03", CR_ERETRY,    false, true }, /* idle in a transaction for too long */
	{"57",    CR_ERETRY,    false, true }, /* shutting down, starting up */
	{"55000", CR_ERETRY,    false, true }, /* recovery is in progress */
	{"08",    CR_ERETRY,    false, true }, /* connection */
	{"53300", CR_ERETRY,    false, true }, /* too many connections */
	{"42P07", CR_ECONFIG,   false, false}, /* a table of that name is there already */
	{"42501", CR_ECONFIG,   false, false}, /* privilege */
	{"28",    CR_ECONFIG,   false, true }, /* authorization */
	{"",      CR_ESTORE,    false, false},
};

/* "Feature not supported" is said of a prepared statement whose table has changed too, and then by this function. */
static bool
is_unsupported(const PGresult *r, const char *state)
{
	const char *by = PQresultErrorField(r, PG_DIAG_SOURCE_FUNCTION);

	return strcmp(state, "0A000") == 0 && (by == NULL || strcmp(by, "RevalidateCachedQuery") != 0);
}

/* The one place where the server's codes become ours. */
int
pg_fault(struct engine *e, const PGresult *r, struct err *err)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	size_t i = 0;

	if (state == NULL)
		state = "";
	if (text == NULL)
		text = PQresultErrorMessage(r);
	while (strncmp(state, states[i].state, strlen(states[i].state)) != 0)
		i++;
	e->again = states[i].again;
	/* Then it is tried again in the plainer way: nothing else that is sent is out of the ordinary. */
	if (is_unsupported(r, state))
		e->row_by_row = true;
	else if (states[i].hangup)
		pg_hang_up(e);
	return err_set(err, states[i].code, "store: %.300s (%.5s)", text, state);
}
