/*
 * policy.c - scan, read, answer; see policy.h.
 */
#include "budget/policy.h"

#include "core/buf.h"
#include "core/num.h"
#include "core/own.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A line without its newline: an attribute within the limits? */
static bool
is_attribute(const char *line, size_t len)
{
	const char *equals = memchr(line, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - line) : 0;

	return equals != NULL && name_len > 0 && name_len <= POLICY_NAME_MAX && len - name_len - 1 <= POLICY_VALUE_MAX;
}

/* A whole line without its newline; false: junk. */
static bool
scan_line(struct policy_scan *s, const char *line, size_t len)
{
	return ++s->attributes <= POLICY_ATTRIBUTES && is_attribute(line, len);
}

enum policy_progress
policy_scan(struct policy_scan *s, const char *data, size_t len)
{
	size_t limit = len < POLICY_REQUEST_BYTES ? len : POLICY_REQUEST_BYTES;
	const size_t from = s->at;

	while (s->at < limit) {
		const char *end = memchr(data + s->at, '\n', limit - s->at);

		if (end == NULL)
			break;
		s->at = (size_t)(end - data) + 1;
		if (s->at - 1 == s->line)
			return s->attributes > 0 && memchr(data + from, '\0', s->at - from) == NULL ? POLICY_WHOLE
			                                                                            : POLICY_JUNK;
		if (!scan_line(s, data + s->line, s->at - 1 - s->line))
			return POLICY_JUNK;
		s->line = s->at;
	}
	/* The beginning of a line: too long already, or with a byte that no rest makes good? */
	if (limit - s->line > POLICY_NAME_MAX + 1 + POLICY_VALUE_MAX || memchr(data + from, '\0', limit - from) != NULL)
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

/* The attributes that are listened to, by name. */
struct wanted {
	const char *name;
	size_t len;
	const char **to;
};
#define WANTED(name, to)                                                                                               \
	{                                                                                                              \
		name, sizeof(name) - 1, to                                                                             \
	}

/* Most of the two dozen lines are of no interest: the length of their name says so. */
#define LENGTHS 16

static void
sort_by_length(const struct wanted *wanted, size_t n, uint16_t of_length[LENGTHS])
{
	memset(of_length, 0, LENGTHS * sizeof(of_length[0]));
	for (size_t i = 0; i < n; i++) {
		assert(wanted[i].len < LENGTHS);
		of_length[wanted[i].len] |= (uint16_t)(1U << i);
	}
}

static void
take_line(const char *line, size_t line_len, const struct wanted *wanted, const uint16_t of_length[LENGTHS])
{
	const char *equals = memchr(line, '=', line_len);
	size_t len;

	assert(equals != NULL); /* policy_scan saw it */
	len = (size_t)(equals - line);
	for (unsigned left = len < LENGTHS ? of_length[len] : 0; left != 0; left &= left - 1) {
		const struct wanted *w = &wanted[__builtin_ctz(left)];

		if (memcmp(w->name, line, len) == 0) {
			*w->to = equals + 1;
			return;
		}
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
policy_read(char *data, size_t len, struct policy_request *r)
{
	const char *kind = "", *state = "", *count = "", *dry_run = "";
	const struct wanted wanted[] = {
		WANTED("request", &kind),
		WANTED("protocol_state", &state),
		WANTED("recipient_count", &count),
		WANTED("instance", &r->instance),
		WANTED("client_address", &r->client_address),
		WANTED("sender", &r->sender),
		WANTED("recipient", &r->recipient),
		WANTED("sasl_username", &r->sasl_username),
		WANTED("mailbox", &r->mailbox),
		WANTED("message_id", &r->message_id),
		WANTED("ticket", &r->ticket),
		WANTED("store", &r->store),
		WANTED("dry_run", &dry_run),
	};
	uint16_t of_length[LENGTHS];
	static_assert(ARRAY_LEN(wanted) <= 16, "a bit for each");

	r->instance = r->client_address = r->sender = r->recipient = r->sasl_username = "";
	r->mailbox = r->message_id = r->ticket = r->store = "";
	r->recipient_count = 0;
	sort_by_length(wanted, ARRAY_LEN(wanted), of_length);
	/* Each newline becomes the end of its line's text; the last one is the empty line's. */
	for (char *line = data, *end; line < data + len - 1; line = end + 1) {
		end = memchr(line, '\n', (size_t)(data + len - line));
		assert(end != NULL);
		*end = '\0';
		take_line(line, (size_t)(end - line), wanted, of_length);
	}
	r->stage = stage_of(state);
	/* Anything but 1 would spend where it was not meant to. */
	if (!find_kind(kind, &r->kind) || (dry_run[0] != '\0' && strcmp(dry_run, "1") != 0))
		return false;
	r->dry_run = dry_run[0] != '\0';
	return count[0] == '\0' || num_parse(count, 0, INT32_MAX, &r->recipient_count, NULL) == CR_OK;
}

#define WORD_MAX 16
#define TEXT_MAX 401

void
policy_answer(enum policy_action action, const char *text, char out[POLICY_ANSWER_MAX])
{
	static const char *const words[] = {[POLICY_GO] = "DUNNO",
	                                    [POLICY_WAIT] = "DEFER 4.7.1",
	                                    [POLICY_TROUBLE] = "DEFER 4.3.0",
	                                    [POLICY_REFUSE] = "REJECT 5.7.1"};
	static_assert(ARRAY_LEN(words) == POLICY_ACTION__COUNT, "a word for each action");

	buf_copy_text(out, POLICY_ANSWER_MAX, "action=");
	out += strlen(out);
	buf_copy_text(out, WORD_MAX, words[action]);
	out += strlen(out);
	if (action != POLICY_GO) {
		buf_copy_text(out, sizeof(" coldrelay: "), " coldrelay: ");
		out += strlen(out);
		buf_copy_text(out, TEXT_MAX, text);
		for (; *out != '\0'; out++) {
			if ((unsigned char)*out < 0x20 || (unsigned char)*out >= 0x7f)
				*out = '?';
		}
	}
	memcpy(out, "\n\n", 3);
}
