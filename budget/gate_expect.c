/*
 * gate_expect.c - the rows of many questions, read ahead by one statement a table.
 */
#include "budget/facts.h"

#include <stdlib.h>

/* What can be read of the questions; what cannot will be told when it is asked. */
struct expected {
	const struct gate_words **words;
	struct gate_words *own;    /* of those that nobody has read yet */
	const char **text, **more; /* scratch for lists of the above */
	size_t n;
};

static void
expected_release(struct expected *e)
{
	free(e->words);
	free(e->own);
	free(e->text);
	free(e->more);
}

static int
expected_open(struct expected *e, const struct gate_request *q, size_t n, struct err *err)
{
	size_t unread = 0;

	for (size_t i = 0; i < n; i++)
		unread += q[i].words == NULL;
	e->words = malloc(n * sizeof(e->words[0]));
	e->text = malloc(n * sizeof(e->text[0]));
	e->more = malloc(n * sizeof(e->more[0]));
	e->own = unread > 0 ? malloc(unread * sizeof(e->own[0])) : NULL;
	if (e->words == NULL || e->text == NULL || e->more == NULL || (unread > 0 && e->own == NULL))
		return err_nomem(err, "gate");
	return CR_OK;
}

static int
expected_read(const struct gate *g, struct expected *e, const struct gate_request *q, size_t n, struct err *err)
{
	size_t used = 0;
	int rc = expected_open(e, q, n, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if (q[i].words != NULL)
			e->words[e->n++] = q[i].words;
		else if (gate_read(g, q[i].mailbox, q[i].recipient, &e->own[used], NULL) == CR_OK)
			e->words[e->n++] = &e->own[used++];
	}
	return rc;
}

static int
expect_paces(struct gate *g, struct expected *e, struct err *err)
{
	size_t n = 0;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < e->n; i++) {
		const struct standing *home;

		rc = ledger_standing(&g->ledger, e->words[i]->mailbox.domain, &home, err);
		if (rc != CR_OK || !home->known)
			continue;
		e->text[n] = home->tenant;
		e->more[n++] = e->words[i]->organisation.text;
	}
	return rc == CR_OK && n > 0 ? ledger_expect_paces(&g->ledger, e->text, e->more, n, g->clock, err) : rc;
}

static int
expect_all(struct gate *g, struct expected *e, struct err *err)
{
	int rc;

	for (size_t i = 0; i < e->n; i++)
		e->text[i] = e->words[i]->mailbox.domain;
	if ((rc = ledger_expect_standings(&g->ledger, e->text, e->n, err)) != CR_OK)
		return rc;
	for (size_t i = 0; i < e->n; i++) {
		e->text[i] = e->words[i]->mailbox.text;
		e->more[i] = e->words[i]->recipient.text;
	}
	if ((rc = ledger_expect_seats(&g->ledger, e->text, e->n, err)) != CR_OK ||
	    (rc = ledger_expect_strangers(&g->ledger, e->more, e->n, err)) != CR_OK ||
	    (g->rules.org_per_hour <= 0 && g->rules.org_per_day <= 0))
		return rc;
	return expect_paces(g, e, err);
}

int
gate_expect(struct gate *g, const struct gate_request *q, size_t n, struct err *err)
{
	struct expected e = {0};
	int rc;

	if (n == 0)
		return CR_OK;
	rc = expected_read(g, &e, q, n, err);
	if (rc == CR_OK && e.n > 0)
		rc = expect_all(g, &e, err);
	expected_release(&e);
	return rc;
}
