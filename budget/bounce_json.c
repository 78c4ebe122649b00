/*
 * bounce_json.c - notices of Amazon SES as SNS mails them: JSON in a text part, often JSON within a JSON string.
 *
 * Only a few string members are wanted, so they are looked for by name; the backslashes of the inner text are passed over with the
 * quotes they guard.  Amazon SES Developer Guide, "notification contents".
 */
#include "budget/bounce_inside.h"

#include <string.h>

/* The next string member of that name behind *at, whatever depth of quoting; moves *at behind it. */
static bool
member(const char **at, const char *end, struct slice name, struct slice *out)
{
	for (const char *p = *at; p < end;) {
		const char *hit = memmem(p, (size_t)(end - p), name.at, name.len);
		if (hit == NULL)
			return false;
		p = hit + name.len;
		const char *q = p;
		/* \"name\" : \"value\" */
		while (q < end && (*q == '\\' || *q == '"' || *q == ' ' || *q == ':'))
			q++;
		if (hit == *at || hit[-1] != '"' || q == p || (*p != '"' && *p != '\\'))
			continue;
		const char *stop = q;
		while (stop < end && *stop != '"' && *stop != '\n')
			stop++;
		size_t len = (size_t)(stop - q);
		while (len > 0 && q[len - 1] == '\\')
			len--;
		*out = (struct slice){q, len};
		*at = stop;
		return true;
	}
	return false;
}

static struct slice
value_of(struct slice text, struct slice name)
{
	const char *at = text.at;
	struct slice v;
	return member(&at, text.at + text.len, name, &v) ? v : (struct slice){text.at, 0};
}

bool
json_read(struct reading *r, struct slice text)
{
	struct slice type = value_of(text, SLICE("notificationType")), to, v;
	const char *at = text.at, *end = text.at + text.len;
	bool fresh;

	if (type.len == 0)
		type = value_of(text, SLICE("eventType"));
	if (!slice_is(type, SLICE("bounce")) && !slice_is(type, SLICE("complaint")) &&
	    !slice_is(type, SLICE("delivery")))
		return false;
	r->b->kind = slice_is(type, SLICE("complaint")) ? BOUNCE_COMPLAINT : BOUNCE_REPORT;
	r->b->agent = "ses";
	struct slice subtype = value_of(text, SLICE("bounceSubType"));
	if (subtype.len == 0)
		subtype = value_of(text, SLICE("complaintFeedbackType"));
	while (member(&at, end, SLICE("emailAddress"), &to)) {
		struct bounce_notice *n = bounce_notice_for(r, to, &fresh);
		if (n == NULL)
			break;
		/* Its members end where the next recipient begins. */
		const char *next = memmem(at, (size_t)(end - at), "emailAddress", 12);
		struct slice mine = {at, (size_t)((next != NULL ? next : end) - at)};
		if (slice_is(type, SLICE("delivery")))
			n->action = BOUNCE_DELIVERED;
		n->text = pool_line(r->pool, words_typed(value_of(mine, SLICE("diagnosticCode"))), BOUNCE_WORDS_MAX);
		if (n->text[0] == '\0')
			n->text = pool_line(r->pool, subtype, 64);
		bounce_notice_finish(r, n, value_of(mine, SLICE("status")));
	}
	v = words_typed(value_of(text, SLICE("reportingMTA")));
	r->b->reporter = pool_lower(r->pool, v, 255);
	v = value_of(text, SLICE("source"));
	r->b->sender = pool_lower(r->pool, v, BOUNCE_ADDRESS_MAX);
	v = value_of(text, SLICE("messageId"));
	r->b->message_id = pool_line(r->pool, v, 998);
	return true;
}
