/*
 * bounce_returned.c - of the message that came back: which mailbox had sent it, under which id, about what.
 *
 * The mailbox is the author's (From), not the envelope's: many senders have their bounces addressed to a variable path.
 */
#include "budget/bounce_inside.h"

#include <string.h>

/* The mailbox in a From, Sender or Return-Path. */
bool
bounce_mailbox_in(struct slice value, struct slice *out)
{
	if (value.len == 0)
		return false;
	const char *angle = memrchr(value.at, '<', value.len), *end = value.at + value.len, *after;
	if (angle != NULL && words_address_at(angle, end, out, &after))
		return true;
	return words_address_in(value, out);
}

void
bounce_returned(struct reading *r, const struct heads *h)
{
	struct slice address;
	char subject[1000];

	if (bounce_mailbox_in(h->of[HEAD_FROM], &address) || bounce_mailbox_in(h->of[HEAD_SENDER], &address) ||
	    bounce_mailbox_in(h->of[HEAD_RETURN_PATH], &address))
		r->b->sender = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
	if (bounce_mailbox_in(h->of[HEAD_RETURN_PATH], &address))
		r->b->envelope = pool_lower(r->pool, address, BOUNCE_ADDRESS_MAX);
	if (h->of[HEAD_MESSAGE_ID].len > 0)
		r->b->message_id = pool_line(r->pool, h->of[HEAD_MESSAGE_ID], 998);
	if (h->of[HEAD_SUBJECT].len > 0) {
		size_t n = letter_words(h->of[HEAD_SUBJECT], subject, sizeof(subject));
		r->b->subject = pool_line(r->pool, (struct slice){subject, n}, 998);
	}
}

void
bounce_returned_prose(struct slice returned, struct heads *out)
{
	static const struct {
		struct slice name;
		enum head head;
	} wanted[] = {
		{SLICE_INIT("from:"),        HEAD_FROM       },
		{SLICE_INIT("to:"),          HEAD_TO         },
		{SLICE_INIT("subject:"),     HEAD_SUBJECT    },
		{SLICE_INIT("message-id:"),  HEAD_MESSAGE_ID },
		{SLICE_INIT("return-path:"), HEAD_RETURN_PATH},
	};
	struct lines l;
	struct slice line;
	size_t fields = 0, count = 0;

	memset(out, 0, sizeof(*out));
	lines_begin(&l, returned);
	while (count++ < 400 && lines_next(&l, &line)) {
		line = slice_trim(line);
		if (line.len == 0 && fields > 2)
			break;
		for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
			if (!slice_starts(line, wanted[i].name))
				continue;
			size_t n = wanted[i].name.len;
			if (out->of[wanted[i].head].len == 0)
				out->of[wanted[i].head] = slice_trim((struct slice){line.at + n, line.len - n});
			fields++;
		}
	}
}
