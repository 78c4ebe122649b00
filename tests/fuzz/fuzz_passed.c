/*
 * fuzz_passed.c - a message from anywhere: judged within bounds, the same way each time.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "dns/passed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* DNS that has a policy for one name, and nothing else. */
static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	struct record r = {0};
	static const char text[] = "v=DMARC1; p=reject";
	int rc;

	(void)ctx;
	(void)at;
	out->state = LOOKUP_NONAME;
	if (type != RECORD_TXT || strcmp(name, "_dmarc.out.example") != 0)
		return CR_OK;
	rc = record_txt(name, 3600, text, strlen(text), &r, err);
	if (rc == CR_OK)
		rc = records_take(&out->records, &r, err);
	if (rc == CR_OK)
		out->state = LOOKUP_FOUND;
	return rc;
}

struct judging {
	struct passed_query query;
	struct passed passed;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct judging *j = arg;

	return passed_check(l, &j->query, &j->passed, err);
}

static void
check(const struct message *m, const char *const *trusted, bool deferred, struct judging *j)
{
	struct lookup *l = NULL;

	*j = (struct judging){
		.query = {.message = m, .trusted = trusted, .now_s = 1764072000}
        };
	assert(lookup_open_table(answer, NULL, deferred, &l, NULL) == CR_OK);
	assert(lookup_settle_one(l, judge, j, NULL) == CR_OK);
	lookup_drop(&l);
	assert(!j->passed.ok || (j->passed.spf_aligned && j->passed.dkim_aligned && !j->passed.no_trusted));
	assert(!j->passed.ok || findings_count(&j->passed.findings, FINDING_FAIL) == 0);
	assert(j->passed.spf != NULL && j->passed.dkim != NULL && j->passed.dmarc != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const trusted[] = {"mx.rcpt.example", NULL};
	struct message m = {0};
	struct judging now, later, guessed;

	if (message_read((const char *)data, size, &m, NULL) != CR_OK)
		return 0;
	check(&m, trusted, false, &now);
	check(&m, trusted, true, &later);
	check(&m, NULL, false, &guessed);
	assert(now.passed.ok == later.passed.ok && strcmp(now.passed.line, later.passed.line) == 0);
	assert(now.passed.findings.n == later.passed.findings.n);
	passed_release(&now.passed);
	passed_release(&later.passed);
	passed_release(&guessed.passed);
	message_release(&m);
	return 0;
}
