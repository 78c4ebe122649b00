/*
 * fuzz_message.c - saved messages: fields and body lie within the bytes, one behind the other, and an author has a domain.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m = {0};
	char domain[256], line[200];
	const char *at;

	if (message_read((const char *)data, size, &m, NULL) != CR_OK)
		return 0;
	at = m.bytes;
	for (size_t i = 0; i < m.n_fields; i++) {
		const struct message_field *f = &m.fields[i];

		assert(f->whole.at == at);
		at += f->whole.len;
		assert(memcmp(at - 2, "\r\n", 2) == 0 && f->value.at + f->value.len + 2 == at);
		message_unfold(f->value, line, sizeof(line));
		assert(strpbrk(line, "\r\n") == NULL);
	}
	assert(at <= m.body.at && m.body.at + m.body.len == m.bytes + m.len);
	if (message_author(&m, domain, sizeof(domain), NULL) == CR_OK)
		assert(domain[0] != '\0' && strchr(domain, '@') == NULL);
	message_release(&m);
	return 0;
}
