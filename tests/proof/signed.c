/*
 * signed.c - what is made of a signed message, for scripts that have others sign and damage it.
 *   signed MESSAGE [NAME=TXT...]     a line a signature: its word, the reason or "-", algorithm, selector; exit 0 when all pass, else 1
 *
 * TXT records are all the DNS there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/buf.h"
#include "core/file.h"
#include "dns/signature.h"

struct zone {
	char **pairs;
	int n;
};

static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	const struct zone *z = ctx;
	size_t len = strlen(name);
	struct record r = {0};
	int rc = CR_OK;

	(void)at;
	out->state = LOOKUP_NONAME;
	for (int i = 0; i < z->n && rc == CR_OK; i++) {
		const char *txt = z->pairs[i] + len + 1;

		if (type != RECORD_TXT || strncmp(z->pairs[i], name, len) != 0 || z->pairs[i][len] != '=')
			continue;
		out->state = LOOKUP_FOUND;
		rc = record_txt(name, 60, txt, strlen(txt), &r, err);
		if (rc == CR_OK)
			rc = records_take(&out->records, &r, err);
	}
	return rc;
}

struct mail {
	struct message message;
	struct signatures got;
};

static int
verify(struct lookup *l, void *arg, struct err *err)
{
	struct mail *m = arg;

	return signatures_verify(l, &m->message, (int64_t)time(NULL), &m->got, err);
}

int
main(int argc, char **argv)
{
	struct zone zone = {.pairs = argv + 2, .n = argc - 2};
	struct buf text = {.max_bytes = MESSAGE_BYTES_MAX};
	struct lookup *l = NULL;
	struct mail m = {0};
	struct err err = {0};
	bool passes;
	int rc;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: signed MESSAGE [NAME=TXT...]\n");
		return 64;
	}
	rc = file_read(argv[1], MESSAGE_BYTES_MAX, &text, &err);
	if (rc == CR_OK)
		rc = message_read(text.data, text.len, &m.message, &err);
	if (rc == CR_OK)
		rc = lookup_open_table(answer, &zone, true, &l, &err);
	if (rc == CR_OK)
		rc = lookup_settle_one(l, verify, &m, &err);
	if (rc != CR_OK)
		(void)fprintf(stderr, "%s: %s\n", argv[1], err.text);
	passes = rc == CR_OK && m.got.n > 0;
	for (size_t i = 0; i < m.got.n; i++) {
		const struct signature *s = &m.got.items[i];

		(void)printf("%s %s %s %s\n", signature_result_name(s->result), s->reason != NULL ? s->reason : "-",
		             s->algorithm, s->selector);
		if (s->why[0] != '\0')
			(void)fprintf(stderr, "%s\n", s->why);
		passes = passes && s->result == SIGNATURE_PASS;
	}
	lookup_drop(&l);
	signatures_release(&m.got);
	message_release(&m.message);
	buf_release(&text);
	return passes ? 0 : 1;
}
