/*
 * fuzz_imap.c - a server's answers, in pieces of any size: the reading ends, hands out nothing above the ceiling, and moves forward only.
 *
 * The first byte is the size of a piece.
 */
#include "budget/imap_box.h"

#include <assert.h>
#include <string.h>

#include "tests/lib/fake_clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAIL_MAX 4096

struct server {
	struct imap_link link; /* first */
	const uint8_t *at;
	size_t left, piece;
};

static int
fuzz_send(struct imap_link *l, const char *data, size_t len, int64_t wait_ms, struct err *err)
{
	(void)l;
	(void)wait_ms;
	(void)err;
	assert(len > 2 && data[len - 2] == '\r' && data[len - 1] == '\n');
	return CR_OK;
}

static int
fuzz_recv(struct imap_link *l, char *to, size_t size, int64_t wait_ms, size_t *n_out, struct err *err)
{
	struct server *s = (struct server *)l;
	size_t n = s->left < s->piece ? s->left : s->piece;

	assert(wait_ms > 0);
	if (n > size)
		n = size;
	if (n == 0)
		return err_set(err, CR_ERETRY, "closed");
	memcpy(to, s->at, n);
	s->at += n;
	s->left -= n;
	*n_out = n;
	return CR_OK;
}

static int
fuzz_got(void *arg, uint32_t uid, const char *data, size_t len, struct err *err)
{
	volatile char last = 0;

	(void)arg;
	(void)err;
	assert(uid > 0 && len <= MAIL_MAX);
	if (len > 0)
		last = data[len - 1];
	(void)last;
	return CR_OK;
}

static int
fuzz_skipped(void *arg, uint32_t uid, struct err *err)
{
	(void)arg;
	(void)err;
	assert(uid > 0);
	return CR_OK;
}

static int
fuzz_keep(void *arg, const struct imap_place *place, struct err *err)
{
	struct imap_place *before = arg;

	(void)err;
	assert(place->validity != before->validity || place->last >= before->last);
	*before = *place;
	return CR_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server s = {
		.link = {.send = fuzz_send, .recv = fuzz_recv}
        };
	struct imap_place place = {7, 2}, before = place;
	struct fake_clock clock;
	struct imap_box box = {.link = &s.link,
	                       .clock = &clock.clock,
	                       .folder = "INBOX",
	                       .mail_max = MAIL_MAX,
	                       .timeout_ms = 1000,
	                       .arg = &before,
	                       .got = fuzz_got,
	                       .skipped = fuzz_skipped,
	                       .keep = fuzz_keep};
	struct err err = {0};
	int rc;

	if (size == 0)
		return 0;
	fake_clock_init(&clock, 1700000000000);
	s.piece = (size_t)data[0] + 1;
	s.at = data + 1;
	s.left = size - 1;
	rc = imap_box_read(&box, &place, &err);
	assert(rc == CR_OK || rc == CR_ERETRY || rc == CR_EPARSE || rc == CR_ENOTFOUND);
	assert(place.validity != 7 || place.last >= 2);
	return 0;
}
