/*
 * ledger_strangers.c - recipients who are no mailboxes of this installation.
 */
#include "budget/ledger_inside.h"

#include <stdlib.h>
#include <string.h>

/* arg: a bool a question. */
static int
take_ours(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	bool *seen = arg;

	(void)row;
	(void)err;
	seen[i] = true;
	return CR_OK;
}

static int
note_strangers(struct ledger *l, const char *const *addresses, const bool *ours, size_t n, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const size_t len = strlen(addresses[i]) + 1;
		struct stranger *s;

		if (ours[i] || dict_get(&l->strangers, addresses[i]) != NULL)
			continue;
		if ((s = malloc(sizeof(*s) + len)) == NULL)
			return err_nomem(err, "recipients");
		s->has_hash = false;
		memcpy(s->address, addresses[i], len);
		if ((rc = dict_put(&l->strangers, s->address, s, err)) != CR_OK)
			free(s);
	}
	return rc;
}

static const char is_ours[] = "SELECT 1 FROM mailbox WHERE address = $1 AND removed_ms = 0";

/* Who is not is remembered: a recipient that has to wait is asked for again and again. */
int
ledger_is_ours(struct ledger *l, const char *address, bool *out, struct stranger **stranger_out, struct err *err)
{
	const struct db_value at = db_text(address);
	struct stranger *stranger = dict_get(&l->strangers, address);
	bool ours = false;
	int rc = CR_OK;

	if (stranger == NULL && l->recalling)
		return CR_ENOTFOUND;
	if (stranger == NULL) {
		rc = homes_refresh(&l->homes, l->db, 1, err);
		if (rc == CR_OK && homes_maybe(&l->homes, address))
			rc = db_query_many(l->db, DB_LOOK, is_ours, &at, 1, 1, take_ours, &ours, err);
		if (rc == CR_OK)
			rc = note_strangers(l, &address, &ours, 1, err);
		if (rc == CR_OK)
			stranger = dict_get(&l->strangers, address);
	}
	if (rc == CR_OK) {
		*out = ours;
		*stranger_out = stranger;
	}
	return rc;
}

/* Those that nobody has heard of yet, to the front, and of them those that may be ours.  Returns how many. */
static size_t
sift_strangers(const struct ledger *l, const char **addresses, size_t n, size_t *maybe_out)
{
	size_t fresh = 0, maybe = 0;

	for (size_t i = 0; i < n; i++) {
		const char *address = addresses[i];

		if (dict_get(&l->strangers, address) != NULL)
			continue;
		addresses[fresh++] = address;
		if (!homes_maybe(&l->homes, address))
			continue;
		addresses[fresh - 1] = addresses[maybe];
		addresses[maybe++] = address;
	}
	*maybe_out = maybe;
	return fresh;
}

int
ledger_expect_strangers(struct ledger *l, const char **addresses, size_t n, struct err *err)
{
	size_t fresh = 0, maybe = 0;
	struct db_value *args = malloc((n + 1) * sizeof(args[0]));
	bool *ours = calloc(n + 1, sizeof(ours[0]));
	int rc = args == NULL || ours == NULL ? err_nomem(err, "recipients") : CR_OK;

	if (rc == CR_OK)
		rc = homes_refresh(&l->homes, l->db, n, err);
	if (rc == CR_OK)
		fresh = sift_strangers(l, addresses, n, &maybe);
	for (size_t i = 0; rc == CR_OK && i < maybe; i++)
		args[i] = db_text(addresses[i]);
	if (rc == CR_OK && maybe > 0)
		rc = db_query_many(l->db, DB_LOOK, is_ours, args, 1, maybe, take_ours, ours, err);
	else if (rc == CR_OK)
		rc = db_settle(l->db, err);
	/* All that was to go out later went along. */
	if (rc == CR_OK)
		ledger_came(l);
	if (rc == CR_OK)
		rc = note_strangers(l, addresses, ours, fresh, err);
	free(ours);
	free(args);
	return rc;
}
