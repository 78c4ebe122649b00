/*
 * fuzz_rules.c - a rules file of an operator: refused with its line, or its rules answer.
 */
#include "budget/reply_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
show(void *arg, const char *rule, const struct reply_verdict *v)
{
	(void)arg;
	assert(rule[0] != '\0' && v->class < REPLY_CLASS__COUNT);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_rules *rules = calloc(1, sizeof(*rules));
	struct buf file = {0};
	struct err err = {0};
	struct reply_verdict v;
	int rc;

	assert(rules != NULL);
	buf_add(&file, data, size);
	buf_addc(&file, '\n');
	rc = buf_check(&file, "input", &err);
	if (rc == CR_OK)
		rc = reply_load(rules, &file, "input", &err);
	assert(rc == CR_OK || (rc == CR_ECONFIG && err.text[0] != '\0'));
	if (rc == CR_OK) {
		rc = phrases_close(&rules->phrases, &err);
		assert(rc == CR_OK);
		for (size_t i = 0; i < rules->n_tests; i++)
			(void)reply_test_holds(rules, &rules->tests[i], &v);
		(void)reply_rules_walk(rules, show, NULL);
	}
	buf_release(&file);
	reply_rules_drop(&rules);
	return 0;
}
