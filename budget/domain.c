/*
 * domain.c - what the store knows of an outreach domain.
 */
#include "budget/domain.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "budget/tokens.h"

static const char *const state_names[] = {
	[DOMAIN_PLANNED] = "planned", [DOMAIN_PROVISIONING] = "provisioning",
	[DOMAIN_WARMING] = "warming", [DOMAIN_ACTIVE] = "active",
	[DOMAIN_FROZEN] = "frozen",   [DOMAIN_BURNED] = "burned",
	[DOMAIN_CLOSING] = "closing", [DOMAIN_PARKED] = "parked",
};
static_assert(ARRAY_LEN(state_names) == DOMAIN_STATE__COUNT, "a name for each state");

const char *
domain_state_name(enum domain_state s)
{
	assert((unsigned)s < DOMAIN_STATE__COUNT);
	return state_names[s];
}

int
domain_state_parse(const char *text, enum domain_state *out, struct err *err)
{
	for (size_t i = 0; text != NULL && i < ARRAY_LEN(state_names); i++) {
		if (strcmp(state_names[i], text) == 0) {
			*out = (enum domain_state)i;
			return CR_OK;
		}
	}
	return err_set(err, CR_ESTORE, "unknown domain state '%s'", text != NULL ? text : "");
}

enum domain_state
domain_state_in_effect(enum domain_state s, int64_t first_send_ms, int64_t now_ms)
{
	return s == DOMAIN_WARMING && first_send_ms <= now_ms ? DOMAIN_ACTIVE : s;
}

int
domain_find(struct db *db, const char *domain, struct domain_row *out, struct err *err)
{
	struct db_rows *rows = NULL;
	struct domain_row d = {0};
	bool more = false;
	int rc;

	rc = db_query(
		db,
		"SELECT name, tenant, state, cause, since_ms, created_ms, first_send_ms, closing_until_ms, burned_ms "
		"FROM domain WHERE name = $1",
		DB_ARGS(db_text(domain)), &rows, err);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && !more)
		rc = err_set(err, CR_ENOTFOUND, "no such outreach domain: '%s'", domain);
	if (rc != CR_OK)
		goto out;
	(void)snprintf(d.name, sizeof(d.name), "%s", db_col_text(rows, 0));
	(void)snprintf(d.tenant, sizeof(d.tenant), "%s", db_col_text(rows, 1));
	(void)snprintf(d.cause, sizeof(d.cause), "%s", db_col_is_null(rows, 3) ? "" : db_col_text(rows, 3));
	d.since_ms = db_col_int(rows, 4);
	d.created_ms = db_col_int(rows, 5);
	d.first_send_ms = db_col_int(rows, 6);
	d.closing_until_ms = db_col_int(rows, 7);
	d.burned_ms = db_col_int(rows, 8);
	rc = domain_state_parse(db_col_text(rows, 2), &d.state, err);
	if (rc == CR_OK)
		*out = d;
out:
	db_rows_drop(&rows);
	return rc;
}

/* The latest spend stays in its slot until a later one needs the place. */
int
domain_last_send(struct db *db, const char *domain, int64_t *out, struct err *err)
{
	struct db_rows *rows = NULL;
	int64_t last_ms = 0;
	bool more = false;
	int rc = db_query(db, "SELECT s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id WHERE m.domain = $1",
	                  DB_ARGS(db_text(domain)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		struct tokens t = {0};
		size_t len;
		const void *slots = db_col_blob(rows, 0, &len);

		rc = tokens_unpack(slots, len, &t, err);
		if (rc == CR_OK && t.n > 0 && t.slot[t.n - 1].spent_ms > last_ms)
			last_ms = t.slot[t.n - 1].spent_ms;
	}
	db_rows_drop(&rows);
	if (rc == CR_OK)
		*out = last_ms;
	return rc;
}
