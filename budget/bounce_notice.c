/*
 * bounce_notice.c - the notices of one answer: one a recipient, with what the words tell about status and reply.
 */
#include "budget/bounce_inside.h"

#include <string.h>

static uint32_t
hash_of(const char *s)
{
	uint32_t h = 2166136261U;
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

static bool
notice_room(struct reading *r)
{
	if (r->b->n < r->notice_room)
		return true;
	size_t room = r->notice_room == 0 ? 4 : 2 * r->notice_room;
	struct bounce_notice *notice = pool_take(r->pool, room * sizeof(*notice));
	uint32_t *hash = pool_take(r->pool, room * sizeof(*hash));

	if (notice == NULL || hash == NULL)
		return false;
	if (r->b->n > 0) {
		memcpy(notice, r->b->notice, r->b->n * sizeof(*notice));
		memcpy(hash, r->hash, r->b->n * sizeof(*hash));
	}
	r->b->notice = notice;
	r->hash = hash;
	r->notice_room = room;
	return true;
}

struct bounce_notice *
bounce_notice_for(struct reading *r, struct slice recipient, bool *new_out)
{
	*new_out = false;
	const char *to = pool_lower(r->pool, recipient, BOUNCE_ADDRESS_MAX);
	uint32_t h = hash_of(to);

	for (size_t i = 0; i < r->b->n; i++)
		if (r->hash[i] == h && strcmp(r->b->notice[i].recipient, to) == 0)
			return &r->b->notice[i];
	if (r->b->n == BOUNCE_RECIPIENTS_MAX) {
		if (r->b->limit[0] == '\0')
			r->b->limit = "recipients";
		return NULL;
	}
	if (!notice_room(r))
		return NULL;
	struct bounce_notice *n = &r->b->notice[r->b->n];
	r->hash[r->b->n++] = h;
	*n = (struct bounce_notice){.recipient = to, .status = "", .reply = "", .text = "", .host = "", .command = ""};
	*new_out = true;
	return n;
}

/* "x.0.0", or nothing: it says no more than the class. */
static bool
is_vague(const char *status)
{
	return status[0] == '\0' || strcmp(status + 1, ".0.0") == 0;
}

void
bounce_notice_finish(struct reading *r, struct bounce_notice *n, struct slice status)
{
	struct slice text = {n->text, strlen(n->text)};
	const char *reply = words_reply_in(text), *code = NULL;
	size_t len = 0;

	if (reply != NULL && n->reply[0] == '\0')
		n->reply = pool_line(r->pool, (struct slice){reply, 3}, 3);
	if (reply != NULL)
		code = words_status_in((struct slice){reply, (size_t)(text.at + text.len - reply)}, &len);
	if (code == NULL)
		code = words_status_in(text, &len);
	/* The refusing server's own, where it begins with one; else what the report says, unless that is vague. */
	bool own = code != NULL && (code == text.at || (reply != NULL && code == reply + 4));
	if (code != NULL && (own || is_vague(n->status)))
		n->status = pool_line(r->pool, (struct slice){code, len}, 12);
	code = is_vague(n->status) && status.len > 0 ? words_status_in(status, &len) : NULL;
	if (code != NULL)
		n->status = pool_line(r->pool, (struct slice){code, len}, 12);
	if (n->command[0] == '\0')
		n->command = words_command(text);
}
