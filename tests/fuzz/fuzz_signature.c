/*
 * fuzz_signature.c - signed messages of any bytes: each signature has a word and a reason, and none passes that nobody made.
 *
 * The key that answers every question is one whose private half is unknown: what passes is a copy of what stands in the corpus.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "dns/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* RFC 8463 appendix A.2: brisbane (Ed25519) and, for all other selectors, test (RSA). */
static const char *const keys[] = {
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	"v=DKIM1; k=rsa; "
	"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0"
	"Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/"
	"K4w3Q"
	"IDAQAB",
};

static int
answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
       struct err *err)
{
	const char *txt = keys[strncmp(name, "brisbane.", 9) == 0 ? 0 : 1];
	struct record r = {0};
	int rc;

	(void)ctx;
	(void)at;
	out->state = LOOKUP_FOUND;
	rc = record_txt(name, 60, txt, strlen(txt), &r, err);
	r.type = type;
	return rc == CR_OK ? records_take(&out->records, &r, err) : rc;
}

struct mail {
	struct message message;
	struct signatures got;
};

static int
verify(struct lookup *l, void *arg, struct err *err)
{
	struct mail *m = arg;

	return signatures_verify(l, &m->message, 1528637909, &m->got, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail m = {0};
	struct lookup *l = NULL;
	struct err err = {0};

	if (message_read((const char *)data, size, &m.message, &err) != CR_OK)
		return 0;
	assert(lookup_open_table(answer, NULL, true, &l, &err) == CR_OK);
	assert(lookup_settle_one(l, verify, &m, &err) == CR_OK);
	for (size_t i = 0; i < m.got.n; i++) {
		const struct signature *s = &m.got.items[i];

		assert(s->result > SIGNATURE_NONE && s->result < SIGNATURE_RESULT__COUNT);
		assert((s->result == SIGNATURE_PASS) == (s->reason == NULL));
		assert((s->result == SIGNATURE_PASS) == (s->why[0] == '\0'));
		assert(strpbrk(s->why, "\r\n") == NULL);
		if (s->result == SIGNATURE_PASS)
			assert(strcmp(s->domain, "football.example.com") == 0);
	}
	lookup_drop(&l);
	signatures_release(&m.got);
	message_release(&m.message);
	return 0;
}
