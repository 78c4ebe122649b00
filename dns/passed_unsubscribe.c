/*
 * passed_unsubscribe.c - can the reader leave with one click?
 *
 * RFC 8058: List-Unsubscribe (RFC 2369) with an https URI, List-Unsubscribe-Post with exactly "List-Unsubscribe=One-Click" (s3.1), both
 * covered by a DKIM signature that verifies (s4).  Gmail and Yahoo ask for it of bulk senders.
 */
#include "dns/passed_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FIELD_MAX 4096

struct ways {
	bool https, http, mailto;
	char web[200]; /* the first of http, for people */
};

/* RFC 2369 s2: URIs in angle brackets, with comments and commas between; blanks within one are dropped. */
static void
read_ways(const char *text, struct ways *out)
{
	static const char *const schemes[] = {"https://", "http://", "mailto:"};
	bool *const found[] = {&out->https, &out->http, &out->mailto};
	size_t depth = 0;

	for (const char *p = text; *p != '\0'; p++) {
		const char *end;

		depth += *p == '(';
		depth -= *p == ')' && depth > 0;
		if (*p != '<' || depth > 0)
			continue;
		end = strchr(p, '>');
		if (end == NULL)
			return;
		p += 1 + strspn(p + 1, " ");
		for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
			const size_t len = strlen(schemes[i]);

			if (strncasecmp(p, schemes[i], len) == 0 && p + len < end)
				*found[i] = true;
		}
		if (out->web[0] == '\0' && strncasecmp(p, "http", 4) == 0)
			(void)snprintf(out->web, sizeof(out->web), "%.*s", (int)(end - p < 180 ? end - p : 180), p);
		p = end;
	}
}

/* The signatures that could cover the fields: aligned, and as far as this copy tells. */
static void
look_at_signatures(struct passed_work *w)
{
	const bool strict = w->judged.found.reading.record.adkim_strict;

	for (size_t i = 0; i < w->out->signatures.n; i++) {
		const struct signature *s = &w->out->signatures.items[i];
		char domain[PASSED_HOST_MAX];

		if (!s->signs_list_unsubscribe || !s->signs_list_unsubscribe_post ||
		    !passed_domain(s->domain, domain) || !passed_aligned(w, domain, strict))
			continue;
		if (s->result == SIGNATURE_PASS)
			w->signed_unsubscribe = true;
		else if (s->result == SIGNATURE_TEMPERROR || passed_is_recoded(s))
			w->unsure_unsubscribe = true;
	}
}

static bool
is_one_click(const char *post)
{
	static const char word[] = "List-Unsubscribe=One-Click";
	size_t len = strlen(post);

	while (len > 0 && post[len - 1] == ' ')
		len--;
	return len == strlen(word) && strncasecmp(post, word, len) == 0;
}

static int
say_covered(struct passed_work *w, struct err *err)
{
	struct findings *f = &w->out->findings;

	look_at_signatures(w);
	if (w->signed_unsubscribe) {
		w->out->one_click = true;
		return CR_OK;
	}
	if (w->unsure_unsubscribe)
		return findings_add(
			f, FINDING_UNKNOWN, "message-one-click-unchecked", NULL, err,
			"one-click unsubscribe: the signature over its fields could not be verified on this "
			"copy");
	return findings_add(f, FINDING_WARN, "message-one-click-unsigned", NULL, err,
	                    "one-click unsubscribe: no aligned DKIM signature that passes covers List-Unsubscribe and "
	                    "List-Unsubscribe-Post (RFC 8058 section 4): add both to the signer's header list");
}

int
passed_unsubscribe(struct passed_work *w, struct err *err)
{
	static const char post_fix[] = "List-Unsubscribe-Post: List-Unsubscribe=One-Click";
	const struct message *m = w->q->message;
	const struct message_field *list = message_field(m, "List-Unsubscribe", 0);
	const struct message_field *post = message_field(m, "List-Unsubscribe-Post", 0);
	struct findings *f = &w->out->findings;
	struct ways ways = {0};
	char text[FIELD_MAX];

	if (list == NULL)
		return findings_add(f, FINDING_WARN, "message-unsubscribe-missing", NULL, err,
		                    "no List-Unsubscribe field%s: readers who cannot leave report spam",
		                    post != NULL ? ", although there is a List-Unsubscribe-Post" : "");
	if (message_field(m, "List-Unsubscribe", 1) != NULL || message_field(m, "List-Unsubscribe-Post", 1) != NULL)
		return findings_add(f, FINDING_WARN, "message-unsubscribe-twice", NULL, err,
		                    "List-Unsubscribe or List-Unsubscribe-Post stands twice: which one counts is the "
		                    "reader's guess");
	message_unfold(list->value, text, sizeof(text));
	read_ways(text, &ways);
	if (!ways.https && !ways.http && !ways.mailto)
		return findings_add(f, FINDING_WARN, "message-unsubscribe-unusable", NULL, err,
		                    "List-Unsubscribe has no https or mailto URI in angle brackets: '%.120s'", text);
	if (!ways.https && !ways.http)
		return findings_add(
			f, FINDING_WARN, "message-unsubscribe-mailto", NULL, err,
			"List-Unsubscribe has a mailto URI only: one-click unsubscribe needs https (RFC 8058)");
	if (!ways.https)
		return findings_add(f, FINDING_WARN, "message-unsubscribe-http", NULL, err,
		                    "List-Unsubscribe has %s: one-click unsubscribe needs https (RFC 8058)", ways.web);
	if (post == NULL)
		return findings_add(
			f, FINDING_WARN, "message-one-click-missing", post_fix, err,
			"List-Unsubscribe has an https URI, but there is no List-Unsubscribe-Post field: it is "
			"not one-click");
	message_unfold(post->value, text, sizeof(text));
	if (!is_one_click(text))
		return findings_add(f, FINDING_WARN, "message-one-click-post", post_fix, err,
		                    "List-Unsubscribe-Post is '%.100s'", text);
	return say_covered(w, err);
}
