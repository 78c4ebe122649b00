/*
 * dmarc_report.c - may reports about a domain go to an address of another organisation?  Its host has to say so (RFC 9990 s4).
 */
#include "dns/dmarc_inside.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dns/taglist.h"

static const char *const words[] = {
	[DMARC_REPORT_SAME] = "same-org",       [DMARC_REPORT_AUTHORISED] = "authorised",
	[DMARC_REPORT_MISSING] = "missing",     [DMARC_REPORT_INVALID] = "invalid",
	[DMARC_REPORT_TEMPERROR] = "temperror",
};
static_assert(ARRAY_LEN(words) == DMARC_REPORT__COUNT, "a word for every answer");

const char *
dmarc_report_name(enum dmarc_report r)
{
	return words[r];
}

/* The first rua at the same host: another one is not listened to, lest reports be sent round in circles (s4, step 8). */
static void
read_override(const struct dmarc_reading *reading, const char *host, char out[DMARC_URI_MAX])
{
	char theirs[NAME_TEXT_MAX];
	struct name canonical;

	for (size_t i = 0; out[0] == '\0' && i < reading->record.n_rua; i++) {
		const char *uri = reading->record.rua[i];

		if (dmarc_uri_host(uri, theirs, sizeof(theirs)) && name_parse(theirs, &canonical, NULL) == CR_OK &&
		    name_equal(canonical.text, host))
			(void)snprintf(out, DMARC_URI_MAX, "%s", uri);
	}
}

/* One TXT that is a list of tags with the version first is enough, whatever else it says or stands beside it (steps 5 to 7). */
static enum dmarc_report
read_consent(const struct lookup_answer *a, const char *host, char override_out[DMARC_URI_MAX])
{
	enum dmarc_report got = DMARC_REPORT_MISSING;
	struct dmarc_reading reading;
	struct taglist tags;

	if (a->state == LOOKUP_PENDING || lookup_is_trouble(a))
		return DMARC_REPORT_TEMPERROR;
	for (size_t i = 0; a->state == LOOKUP_FOUND && i < a->records.n; i++) {
		const char *text = record_text(&a->records.items[i]);

		if (!dmarc_starts_record(text) || taglist_parse(text, true, &tags, NULL) != CR_OK)
			continue;
		got = DMARC_REPORT_AUTHORISED;
		if (dmarc_read(&text, 1, &reading, NULL, NULL) == CR_OK)
			read_override(&reading, host, override_out);
	}
	return got;
}

enum same { SAME_NO, SAME_YES, SAME_UNKNOWN, SAME_PENDING };

static enum same
same_organisation(struct lookup *l, const char *a, const char *b)
{
	struct dmarc_walk of_a, of_b;

	if (name_equal(a, b))
		return SAME_YES;
	dmarc_walk(l, a, &of_a);
	dmarc_walk(l, b, &of_b);
	if (of_a.pending || of_b.pending)
		return SAME_PENDING;
	if (of_a.wrong != NULL || of_b.wrong != NULL)
		return SAME_UNKNOWN;
	return name_equal(dmarc_walk_organisation(&of_a), dmarc_walk_organisation(&of_b)) ? SAME_YES : SAME_NO;
}

static enum dmarc_report
ask_consent(struct lookup *l, const char *policy_domain, const char *host, char query_out[NAME_TEXT_MAX],
            char override_out[DMARC_URI_MAX])
{
	char text[2 * NAME_TEXT_MAX + 32];
	struct name query;

	(void)snprintf(text, sizeof(text), "%s._report._dmarc.%s", policy_domain, host);
	/* A name that is too long cannot be published. */
	if (name_parse(text, &query, NULL) != CR_OK)
		return DMARC_REPORT_MISSING;
	memcpy(query_out, query.text, strlen(query.text) + 1);
	return read_consent(lookup_ask(l, query.text, RECORD_TXT), host, override_out);
}

int
dmarc_report_allowed(struct lookup *l, const char *policy_domain, const char *uri, enum dmarc_report *out,
                     char query_out[NAME_TEXT_MAX], char override_out[DMARC_URI_MAX], struct err *err)
{
	char host_text[NAME_TEXT_MAX];
	struct name host, ours;
	enum same same;

	(void)err;
	*out = DMARC_REPORT_INVALID;
	query_out[0] = override_out[0] = '\0';
	if (!dmarc_uri_valid(uri, strlen(uri)) || !dmarc_uri_host(uri, host_text, sizeof(host_text)) ||
	    name_parse_host(host_text, &host, NULL) != CR_OK || name_parse(policy_domain, &ours, NULL) != CR_OK)
		return CR_OK;
	same = same_organisation(l, ours.text, host.text);
	*out = same == SAME_YES ? DMARC_REPORT_SAME : DMARC_REPORT_TEMPERROR;
	if (same == SAME_YES || same == SAME_PENDING)
		return CR_OK;
	*out = ask_consent(l, ours.text, host.text, query_out, override_out);
	/* Consent makes it right either way; without it, it still might be one organisation. */
	if (*out == DMARC_REPORT_MISSING && same == SAME_UNKNOWN)
		*out = DMARC_REPORT_TEMPERROR;
	return CR_OK;
}
