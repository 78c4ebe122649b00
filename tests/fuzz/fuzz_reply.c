/*
 * fuzz_reply.c - a server's words from anywhere: HOST, newline, the text.  Whatever they are there is one rule, its class has words for
 * people, and a text folded twice is the text folded once.
 */
#include "budget/reply.h"
#include "budget/reply_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reply_rules *rules;
	static char once[REPLY_TEXT_MAX], twice[REPLY_TEXT_MAX];
	struct reply_verdict v;
	char *host = malloc(size + 1), *text;
	int rc = rules == NULL ? reply_rules_open(NULL, &rules, NULL) : CR_OK;

	assert(rc == CR_OK && host != NULL);
	memcpy(host, data, size);
	host[size] = '\0';
	text = strchr(host, '\n');
	if (text != NULL)
		*text++ = '\0';
	reply_classify(rules, &(struct reply_question){.text = text, .host = host, .command = host}, &v);
	assert(v.rule[0] != '\0' && v.class < REPLY_CLASS__COUNT && v.category < REPLY_CATEGORY__COUNT);
	assert(v.means[0] != '\0' && v.decides[0] != '\0' && v.todo[0] != '\0' && v.never[0] != '\0');
	assert(strlen(v.inner) < sizeof(v.inner) && strlen(v.status) < sizeof(v.status) && strlen(v.reply) <= 3);
	assert(reply_text_fold(text == NULL ? "" : text, once, sizeof(once)) < sizeof(once));
	/* but for escapes that undo to escapes */
	if (strpbrk(once, "\\&") == NULL) {
		(void)reply_text_fold(once, twice, sizeof(twice));
		assert(strcmp(once, twice) == 0);
	}
	free(host);
	return 0;
}
