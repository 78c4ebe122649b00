/*
 * ticket.c - see ticket.h.
 */
#include "budget/ticket.h"

#include <stdbool.h>
#include <string.h>

void
ticket_of(const uint8_t key[SECRET_SHORT_KEY], int64_t mailbox, const struct token *spend, struct ticket *out)
{
	const struct {
		int64_t mailbox, spent_ms;
		uint64_t key;
	} of = {mailbox, spend->spent_ms, spend->key};

	*out = (struct ticket){.mailbox = mailbox, .proof = secret_short_hash(key, &of, sizeof(of))};
}

static const char hex[] = "0123456789abcdef";

static char *
put_hex(char *out, uint64_t v, int digits)
{
	for (int i = digits; i-- > 0;)
		*out++ = hex[v >> 4 * i & 15];
	return out;
}

void
ticket_format(const struct ticket *t, char out[TICKET_SIZE])
{
	const uint64_t mailbox = (uint64_t)t->mailbox;
	int digits = 1;

	while (digits < 16 && mailbox >> 4 * digits != 0)
		digits++;
	out = put_hex(out, mailbox, digits);
	*out++ = '-';
	out = put_hex(out, t->proof, 16);
	*out = '\0';
}

/* Lower-case hex up to the stop character; at most 16 digits. */
static bool
take_hex(const char **text, char stop, uint64_t *out)
{
	const char *p = *text, *d;
	uint64_t v = 0;

	for (; *p != '\0' && p - *text < 16 && (d = strchr(hex, *p)) != NULL; p++)
		v = v << 4 | (uint64_t)(d - hex);
	if (p == *text || *p != stop)
		return false;
	*text = p + (stop != '\0');
	*out = v;
	return true;
}

int
ticket_parse(const char *text, struct ticket *out, struct err *err)
{
	const char *p = text;
	uint64_t mailbox, proof;

	if (!take_hex(&p, '-', &mailbox) || !take_hex(&p, '\0', &proof) || mailbox == 0 || mailbox > INT64_MAX)
		return err_set(err, CR_EPARSE, "not a ticket: '%s'", text);
	*out = (struct ticket){.mailbox = (int64_t)mailbox, .proof = proof};
	return CR_OK;
}
