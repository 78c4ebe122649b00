/*
 * policy.c - scan, read, answer; see policy.h.
 */
#include "budget/policy.h"

#include "core/buf.h"
#include "core/num.h"
#include "core/own.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (POLICY_NAME_MAX + 1 + POLICY_VALUE_MAX) /* without its newline */

/* A line without its newline: where its value begins; NULL: no attribute within the limits. */
static const char *
value_of(const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len <= POLICY_NAME_MAX ? len : POLICY_NAME_MAX + 1);

	if (equals == NULL || equals == line || len - (size_t)(equals - line) - 1 > POLICY_VALUE_MAX)
		return NULL;
	return equals + 1;
}

/* Of a request that is not whole yet: is everything an attribute that was found from this one on? */
static bool
are_attributes(const struct policy_scan *s, unsigned first, const char *data, size_t line)
{
	for (unsigned i = first; i < s->attributes; i++) {
		if (value_of(data + line, s->ends[i] - line) == NULL)
			return false;
		line = (size_t)s->ends[i] + 1;
	}
	return true;
}

/*
 * Most requests come in one piece, and are read next: so only where they end is looked for, and policy_read looks at the lines.  Of one that
 * is not whole the lines are looked at here: who speaks another protocol is not to be waited for.
 */
enum policy_progress
policy_scan(struct policy_scan *s, const char *data, size_t len)
{
	size_t limit = len < POLICY_REQUEST_BYTES ? len : POLICY_REQUEST_BYTES;
	const size_t from = s->at, first_line = s->line;
	const unsigned first = s->attributes;

	while (s->at < limit) {
		const char *end = memchr(data + s->at, '\n', limit - s->at);

		if (end == NULL)
			break;
		s->at = (size_t)(end - data) + 1;
		if (s->at - 1 == s->line)
			return s->attributes > 0 && memchr(data + from, '\0', s->at - from) == NULL ? POLICY_WHOLE
			                                                                            : POLICY_JUNK;
		if (s->attributes == POLICY_ATTRIBUTES || s->at - 1 - s->line > LINE_MAX_BYTES)
			return POLICY_JUNK;
		s->ends[s->attributes++] = (uint16_t)(s->at - 1);
		s->line = s->at;
	}
	if (!are_attributes(s, first, data, first_line))
		return POLICY_JUNK;
	/* The beginning of a line: too long already, or with a byte that no rest makes good? */
	if (limit - s->line > LINE_MAX_BYTES || memchr(data + from, '\0', limit - from) != NULL)
		return POLICY_JUNK;
	s->at = limit;
	/* Nothing that comes could make it whole within the limit. */
	return len >= POLICY_REQUEST_BYTES ? POLICY_JUNK : POLICY_MORE;
}

static const char *const stages[] = {[POLICY_RCPT] = "RCPT",
                                     [POLICY_DATA] = "DATA",
                                     [POLICY_END_OF_MESSAGE] = "END-OF-MESSAGE",
                                     [POLICY_ELSEWHERE] = "elsewhere"};
static_assert(ARRAY_LEN(stages) == POLICY_STAGE__COUNT, "a word for each stage");

const char *
policy_stage_name(enum policy_stage stage)
{
	return stages[stage];
}

static enum policy_stage
stage_of(const char *word)
{
	for (size_t i = 0; i < POLICY_ELSEWHERE; i++) {
		if (strcmp(stages[i], word) == 0)
			return (enum policy_stage)i;
	}
	return POLICY_ELSEWHERE;
}

/* What the lines say that are listened to; in the order of the names below. */
struct heard {
	const char *kind, *state, *count, *dry_run;
	const char *instance, *client_address, *sender, *recipient, *sasl_username;
	const char *mailbox, *message_id, *ticket, *store;
};

/* By the length of the name: most of the two dozen lines are of no interest, and that tells them. */
#define LENGTHS  16
#define A_LENGTH 3
#define HEARD(name, member)                                                                                            \
	{                                                                                                              \
		name, offsetof(struct heard, member)                                                                   \
	}
static const struct {
	const char *name;
	size_t at;
} listened[LENGTHS][A_LENGTH] = {
	[5] = {HEARD("store",         store)            },
	[6] = {HEARD("sender",        sender),            HEARD("ticket", ticket)},
	[7] = {HEARD("request",              kind),                                HEARD("mailbox", mailbox), HEARD("dry_run", dry_run)},
	[8] = {HEARD("instance",   instance)},
	[9] = {HEARD("recipient",      recipient)               },
	[10] = {HEARD("message_id",      message_id)            },
	[13] = {HEARD("sasl_username",     sasl_username)       },
	[14] = {HEARD("protocol_state",    state),      HEARD("client_address", client_address)},
	[15] = {HEARD("recipient_count", count)},
};

/* len: of the name. */
static void
hear(struct heard *h, const char *line, size_t len)
{
	for (size_t i = 0; len < LENGTHS && i < A_LENGTH && listened[len][i].name != NULL; i++) {
		if (listened[len][i].name[0] != line[0] || memcmp(listened[len][i].name, line, len) != 0)
			continue;
		*(const char **)(void *)((char *)h + listened[len][i].at) = line + len + 1;
		return;
	}
}

static const char *const kinds[] = {[POLICY_POSTFIX] = "smtpd_access_policy",
                                    [POLICY_CHECK] = "coldrelay_check",
                                    [POLICY_RELEASE] = "coldrelay_release"};
static_assert(ARRAY_LEN(kinds) == POLICY_KIND__COUNT, "a word for each kind");

static bool
find_kind(const char *word, enum policy_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i], word) == 0) {
			*out = (enum policy_kind)i;
			return true;
		}
	}
	return false;
}

bool
policy_read(char *data, const struct policy_scan *s, struct policy_request *r)
{
	struct heard h = {"", "", "", "", "", "", "", "", "", "", "", "", ""};
	size_t line = 0;

	/* Each newline becomes the end of its line's text; the last one is the empty line's. */
	for (unsigned i = 0; i < s->attributes; line = (size_t)s->ends[i++] + 1) {
		const char *value = value_of(data + line, s->ends[i] - line);

		if (value == NULL)
			return false;
		data[s->ends[i]] = '\0';
		hear(&h, data + line, (size_t)(value - (data + line)) - 1);
	}
	*r = (struct policy_request){.stage = stage_of(h.state),
	                             .instance = h.instance,
	                             .client_address = h.client_address,
	                             .sender = h.sender,
	                             .recipient = h.recipient,
	                             .sasl_username = h.sasl_username,
	                             .mailbox = h.mailbox,
	                             .message_id = h.message_id,
	                             .ticket = h.ticket,
	                             .store = h.store,
	                             .dry_run = h.dry_run[0] != '\0'};
	/* Anything but 1 would spend where it was not meant to. */
	if (!find_kind(h.kind, &r->kind) || (r->dry_run && strcmp(h.dry_run, "1") != 0))
		return false;
	return h.count[0] == '\0' || num_parse(h.count, 0, INT32_MAX, &r->recipient_count, NULL) == CR_OK;
}

#define TEXT_MAX   400
#define REASON_MAX 32

static char *
put(char *at, const char *text, size_t most)
{
	return at + buf_copy_text(at, most + 1, text);
}

/* Does any of 8 bytes lie outside 0x20 to 0x7e?  Most texts are plain, and byte for byte is slow. */
static bool
is_plain(uint64_t bytes)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;

	/* A byte with its high bit set is none of ours; of the others one below 0x20 borrows, and one above 0x7e carries. */
	return ((bytes | (bytes - ones * 0x20) | (bytes + ones)) & high) == 0;
}

static void
make_plain(char *from, const char *to)
{
	uint64_t eight;

	for (; to - from >= (ptrdiff_t)sizeof(eight); from += sizeof(eight)) {
		memcpy(&eight, from, sizeof(eight));
		if (!is_plain(eight))
			break;
	}
	for (; from < to; from++) {
		if ((unsigned char)*from < 0x20 || (unsigned char)*from >= 0x7f)
			*from = '?';
	}
}

void
policy_answer(enum policy_action action, const char *text, const char *reason, char out[POLICY_ANSWER_MAX])
{
	static const char *const words[] = {[POLICY_GO] = "action=DUNNO",
	                                    [POLICY_WAIT] = "action=DEFER 4.7.1 coldrelay: ",
	                                    [POLICY_TROUBLE] = "action=DEFER 4.3.0 coldrelay: ",
	                                    [POLICY_REFUSE] = "action=REJECT 5.7.1 coldrelay: "};
	static_assert(ARRAY_LEN(words) == POLICY_ACTION__COUNT, "a word for each action");
	char *at = put(out, words[action], POLICY_ANSWER_MAX), *shown = at;

	if (action != POLICY_GO) {
		at = put(at, text, TEXT_MAX);
		at = put(at, " (", 2);
		at = put(at, reason, REASON_MAX);
		at = put(at, ")", 1);
		make_plain(shown, at);
	}
	memcpy(at, "\n\n", 3);
}
