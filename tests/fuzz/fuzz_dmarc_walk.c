/*
 * fuzz_dmarc_walk.c - DMARC discovery, alignment and report addresses over a hostile DNS: the first line is the author's domain, the second
 * an identifier's, all further ones "name=text" for a TXT, "name!" for a failure, "name?" for silence, "name>target" for an alias; what
 * has none is NXDOMAIN.  Asked at once and asked later come to the same, and the walk is bounded.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/dmarc_check.h"

#define LINES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct hostile {
	char *author, *identifier, *lines[LINES_MAX];
	size_t n;
	size_t walked; /* questions for _dmarc names */
};

static int
take_line(const char *name, const char *line, struct lookup_answer *out, struct err *err)
{
	size_t len = strlen(name);
	struct record r = {0};
	int rc = CR_OK;

	if (strncmp(line, name, len) != 0 || line[len] == '\0')
		return CR_OK;
	if (line[len] == '=') {
		rc = record_txt(name, 60, line + len + 1, strlen(line + len + 1), &r, err);
		if (rc == CR_OK)
			rc = records_take(&out->records, &r, err);
		out->state = LOOKUP_FOUND;
	} else if (line[len] == '!' || line[len] == '?') {
		out->state = line[len] == '!' ? LOOKUP_FAILED : LOOKUP_SILENT;
	} else if (line[len] == '>') {
		rc = record_txt(name, 60, "", 0, &r, err);
		if (rc == CR_OK)
			rc = records_take(&out->chain, &r, err);
	}
	return rc;
}

static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	struct hostile *h = ctx;
	int rc = CR_OK;

	(void)at;
	h->walked += strncmp(name, "_dmarc.", 7) == 0;
	out->state = LOOKUP_NONAME;
	for (size_t i = 0; rc == CR_OK && type == RECORD_TXT && i < h->n; i++)
		rc = take_line(name, h->lines[i], out, err);
	return rc;
}

struct outcome {
	struct hostile *hostile;
	struct dmarc_judgement judged;
	struct dmarc_policy_found found;
	struct findings findings;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct outcome *o = arg;
	struct dmarc_identifier id = {o->hostile->identifier, true};

	return dmarc_judge(l, o->hostile->author, &id, &id, 1, &o->judged, NULL, err);
}

static int
check(struct lookup *l, void *arg, struct err *err)
{
	struct outcome *o = arg;

	findings_release(&o->findings);
	return dmarc_domain_check(l, o->hostile->author, &o->found, &o->findings, err);
}

static void
run(struct hostile *h, bool deferred, struct outcome *out)
{
	struct lookup *l = NULL;
	struct err err = {0};

	*out = (struct outcome){.hostile = h};
	h->walked = 0;
	if (lookup_open_table(answer, h, deferred, &l, &err) != CR_OK)
		return;
	if (lookup_settle_one(l, judge, out, &err) == CR_OK) {
		/* The author's walk, the identifier's, and RFC 7489's two questions. */
		assert(h->walked <= 8 + 8 + 2);
		if (lookup_settle_one(l, check, out, &err) != CR_OK)
			assert(err.code == CR_ENOMEM);
	}
	lookup_drop(&l);
}

static void
assert_sound(const struct hostile *h, const struct outcome *o)
{
	const struct dmarc_policy_found *f = &o->judged.found;
	struct name author;

	if (name_parse(h->author, &author, NULL) != CR_OK || strlen(author.text) > 253)
		return;
	if (f->organisational[0] != '\0')
		assert(name_is_under(author.text, f->organisational));
	if (f->policy_domain[0] != '\0')
		assert(name_is_under(author.text, f->policy_domain));
	assert((f->status == DMARC_VALID) == (f->policy != DMARC_ABSENT));
	assert(o->judged.result != DMARC_RESULT_PASS || f->status == DMARC_VALID);
	assert(o->judged.disposition <= f->policy || f->status != DMARC_VALID);
	/* A domain that is not bound, or by nothing, is never without a word. */
	assert(o->found.status == DMARC_VALID || o->findings.n > 0 || author.text[0] == '\0');
	assert(o->found.status != DMARC_TEMPERROR || findings_count(&o->findings, FINDING_UNKNOWN) > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line;
	struct outcome now, later;
	struct hostile h = {0};

	if (text == NULL)
		return 0;
	h.author = strsep(&rest, "\n");
	h.identifier = rest != NULL ? strsep(&rest, "\n") : h.author;
	while (h.n < LINES_MAX && (line = strsep(&rest, "\n")) != NULL)
		h.lines[h.n++] = line;
	run(&h, false, &now);
	run(&h, true, &later);
	assert(now.judged.result == later.judged.result);
	assert(now.judged.disposition == later.judged.disposition);
	assert(now.found.status == later.found.status && now.found.policy == later.found.policy);
	assert(strcmp(now.found.policy_domain, later.found.policy_domain) == 0);
	assert(strcmp(now.found.organisational, later.found.organisational) == 0);
	assert(now.findings.n == later.findings.n);
	for (size_t i = 0; i < now.findings.n; i++)
		assert(strcmp(now.findings.items[i].text, later.findings.items[i].text) == 0);
	assert_sound(&h, &now);
	findings_release(&now.findings);
	findings_release(&later.findings);
	free(text);
	return 0;
}
