/*
 * fuzz_spf_check.c - SPF records in a tiny zone, evaluated and walked: bounded, printable, and the same however the answers come.
 *
 * Input: up to four records, one a line: of o.example, of names with an 'a' in front, of all others, and the sender.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES 4

struct zone {
	struct span lines[LINES];
};

/* By its first letter a name has addresses, nothing, or trouble. */
static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	const struct zone *z = ctx;
	size_t line = strcmp(name, "o.example") == 0 ? 0 : name[0] == 'a' ? 1 : 2;
	struct record r = {0};

	(void)at;
	out->state = name[0] == 'x' ? LOOKUP_NONAME : name[0] == 'y' ? LOOKUP_EMPTY : LOOKUP_FOUND;
	if (name[0] == 'z') {
		out->state = LOOKUP_SILENT;
		(void)snprintf(out->why, sizeof(out->why), "no answer in time");
	}
	if (out->state != LOOKUP_FOUND)
		return CR_OK;
	if (type == RECORD_TXT) {
		assert(record_txt(name, 60, z->lines[line].at, z->lines[line].len, &r, err) == CR_OK);
		return records_take(&out->records, &r, err);
	}
	if (type == RECORD_MX)
		return records_add(&out->records, name, type, 60, "10 a.example.", err);
	if (type == RECORD_PTR)
		return records_add(&out->records, name, type, 60, "a.o.example.", err);
	if (type == RECORD_A || type == RECORD_AAAA)
		return records_add(&out->records, name, type, 60, type == RECORD_A ? "192.0.2.10" : "2001:db8::10",
		                   err);
	out->state = LOOKUP_EMPTY;
	return CR_OK;
}

struct ask {
	struct spf_query query;
	struct spf_answer answer;
	struct spf_tree tree;
};

static int
evaluate(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_evaluate(l, &a->query, &a->answer, err);
}

static int
walk(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_walk(l, "o.example", true, &a->tree, err);
}

static void
check_printable(const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		assert((unsigned char)*s >= 0x20 && *s != 0x7f);
}

static void
ask_all(struct zone *z, bool deferred, const char *sender, const char *ip, struct ask *a)
{
	struct lookup *l = NULL;
	struct buf drawn = {0};

	a->query = (struct spf_query){.ip = ip, .sender = sender, .helo = "a.example", .now_s = 1};
	assert(lookup_open_table(answer, z, deferred, &l, NULL) == CR_OK);
	assert(lookup_settle_one(l, evaluate, a, NULL) == CR_OK);
	assert(lookup_settle_one(l, walk, a, NULL) == CR_OK);
	assert(a->answer.lookups <= SPF_LOOKUPS_MAX && a->answer.voids <= SPF_VOIDS_MAX + 1);
	assert(a->tree.n <= SPF_TREE_MAX && a->tree.findings.n < 200);
	check_printable(a->answer.why);
	check_printable(a->answer.explanation);
	check_printable(a->answer.mechanism);
	for (size_t i = 0; i < a->tree.n; i++)
		check_printable(a->tree.nodes[i].record);
	spf_tree_format(&a->tree, &drawn);
	assert(buf_check(&drawn, "tree", NULL) == CR_OK);
	buf_release(&drawn);
	lookup_drop(&l);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const ips[] = {"192.0.2.10", "2001:db8::11"};
	const char *at = (const char *)data, *end = at + size;
	struct zone z = {0};
	char *sender;

	if (size > 8192)
		return 0;
	for (size_t i = 0; i < LINES; i++) {
		const char *lf = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;

		z.lines[i] = (struct span){at, (size_t)((lf != NULL ? lf : end) - at)};
		at = lf != NULL ? lf + 1 : end;
	}
	sender = strndup(z.lines[LINES - 1].len > 0 ? z.lines[LINES - 1].at : "a-b@o.example",
	                 z.lines[LINES - 1].len > 0 ? z.lines[LINES - 1].len : 13);
	assert(sender != NULL);
	for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
		struct ask now = {0}, later = {0};

		ask_all(&z, false, sender, ips[i], &now);
		ask_all(&z, true, sender, ips[i], &later);
		assert(now.answer.result == later.answer.result && now.answer.lookups == later.answer.lookups);
		assert(now.answer.voids == later.answer.voids &&
		       same_text(now.answer.explanation, later.answer.explanation));
		assert(same_text(now.answer.why, later.answer.why) &&
		       same_text(now.answer.mechanism, later.answer.mechanism));
		assert(now.tree.n == later.tree.n && now.tree.lookups == later.tree.lookups);
		assert(now.tree.findings.n == later.tree.findings.n && now.tree.voids == later.tree.voids);
		spf_answer_release(&now.answer);
		spf_answer_release(&later.answer);
		spf_tree_release(&now.tree);
		spf_tree_release(&later.tree);
	}
	free(sender);
	return 0;
}
