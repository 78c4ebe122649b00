/*
 * daemon_rounds.c - who decides a round, here or in the committer, and its answers to the connections that asked.
 *
 * What a round is, is in round.c.
 */
#include "budget/daemon_inside.h"

/* The one place where answers leave. */
static void
answer_round(struct daemon *d, struct round *r)
{
	const size_t n = round_size(r);
	const char *answer;
	void *who;

	for (size_t i = 0; i < n; i++) {
		struct conn *c;

		answer = round_answer(r, i, &who);
		c = who;
		c->asked--;
		if (c->dead)
			continue;
		if (answer != NULL)
			buf_adds(&c->out, answer);
		if (answer == NULL || buf_check(&c->out, "answer", NULL) != CR_OK)
			conn_kill(d, c);
	}
	for (size_t i = 0; i < n; i++) {
		(void)round_answer(r, i, &who);
		conn_write(d, who);
	}
	round_end(r);
	if (d->broken.code == CR_OK)
		(void)!round_check(r, &d->broken);
}

void
daemon_take_back(struct daemon *d, bool wait)
{
	bool wrote = false;

	for (struct round *r; (r = committer_take(d->committer, wait, &wrote)) != NULL;) {
		d->dirty = wrote || d->dirty;
		d->came_back = true;
		answer_round(d, r);
	}
}

/* One that the committer does not have: in turn, as it gives them back. */
static void
next_round(struct daemon *d)
{
	size_t at = 0;

	while (d->rounds[at] != d->round)
		at++;
	d->round = d->rounds[(at + 1) % ARRAY_LEN(d->rounds)];
}

/*
 * A few requests are decided here and now: to wake another thread would take longer than to do without.  Many go to the committer,
 * and while it decides and waits for its sync the next round is read.  While it is busy they gather.
 */
void
daemon_finish_round(struct daemon *d)
{
	const size_t away = committer_rounds(d->committer);

	if (round_size(d->round) == 0 || committer_is_busy(d->committer) || away == COMMITTER_ROUNDS)
		return;
	if (round_size(d->round) < DAEMON_MANY && away == 0) {
		d->dirty = round_decide(d->round, false) || d->dirty;
		answer_round(d, d->round);
		return;
	}
	committer_give(d->committer, d->round);
	next_round(d);
}

void
daemon_settle(struct daemon *d)
{
	daemon_take_back(d, true);
	daemon_finish_round(d);
	daemon_take_back(d, true);
}
