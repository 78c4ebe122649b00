/*
 * fuzz_tsig.c - what a server might send to a signed question: messages with two bytes of length in front, as on the wire.
 *
 * The key is fixed and no input knows the request's MAC, so a message that passes as signed is a find.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/axfr.h"
#include "dns/zones/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The records of one message, as if it had been believed. */
static void
read_records(struct axfr *a, const uint8_t *data, size_t len, unsigned *soas)
{
	struct buf message = {0};

	buf_add(&message, data, len);
	if (len >= WIRE_HEADER && axfr_take(a, "a.test", &message, soas, NULL) == CR_OK) {
		for (size_t i = 0; i < a->records.n; i++) {
			size_t rdata_len;

			(void)axfr_rdata(a, i, &rdata_len);
		}
	}
	buf_release(&message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char base64[] = "AAECAwQFBgcICQoLDA0ODw==";
	struct secret *text = NULL;
	struct tsig_key key = {0};
	struct tsig_mac request = {.len = 32};
	struct tsig_check *check = NULL;
	struct axfr a = {0};
	unsigned soas = 0;

	memset(request.bytes, 0xa5, request.len);
	if (secret_make(base64, sizeof(base64) - 1, &text, NULL) != CR_OK ||
	    tsig_key_make("k.test", "hmac-sha256", text, &key, NULL) != CR_OK ||
	    tsig_check_open(&key, &request, &check, NULL) != CR_OK)
		abort();
	while (size >= 2) {
		size_t len = wire_u16(data);
		struct tsig_result res = {.verdict = TSIG_UNSIGNED};

		data += 2;
		size -= 2;
		len = len < size ? len : size;
		if (tsig_check_message(check, data, len, 1764068819, &res, NULL) == CR_OK && res.verdict == TSIG_SIGNED)
			abort();
		read_records(&a, data, len, &soas);
		data += len;
		size -= len;
	}
	axfr_release(&a);
	tsig_check_drop(&check);
	tsig_key_release(&key);
	secret_drop(&text);
	return 0;
}
