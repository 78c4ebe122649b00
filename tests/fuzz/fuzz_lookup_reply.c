/*
 * fuzz_lookup_reply.c - what a lookup makes of a reply, and of the same reply again when it leads on to another name: an answer that is
 * whole, after no more names than are followed.  The first byte chooses type and recursion, the rest is the reply.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/lookup_reply.h"
#include "dns/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_whole(const struct lookup_answer *a, uint16_t type)
{
	assert(a->state != LOOKUP_PENDING && a->state != LOOKUP_SILENT && a->state < LOOKUP_STATE__COUNT);
	assert((a->state == LOOKUP_FOUND) == (a->records.n > 0));
	assert((a->state == LOOKUP_FAILED) == (a->why[0] != '\0'));
	assert(a->records.n <= LOOKUP_RECORDS_MAX && a->chain.n <= LOOKUP_CHAIN_MAX);
	for (size_t i = 0; i < a->records.n; i++) {
		assert(a->records.items[i].type == type);
		assert(name_equal(a->records.items[i].owner, a->records.items[0].owner));
	}
	for (size_t i = 0; i < a->chain.n; i++)
		assert(a->chain.items[i].type == RECORD_CNAME);
	for (const char *at = a->why; *at != '\0'; at++)
		assert((unsigned char)*at >= ' ');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {RECORD_A, RECORD_TXT, RECORD_MX, RECORD_CNAME};
	const struct resolve_server server = {.address = "127.0.0.1", .port = 53};
	struct name name = {.text = "www.a.example"}, next;
	struct lookup_answer a = {0};
	struct lookup_asked asked = {.name = name.text, .server = &server};
	uint8_t query[QUERY_MAX];
	unsigned names = 0;
	bool follow = true;

	if (size < 1 + QUERY_HEADER_BYTES)
		return 0;
	asked.type = types[data[0] % 4];
	asked.recursion = (data[0] & 4) != 0;
	(void)query_build(&(struct query){.name = name.text, .type = asked.type, .edns = true}, query);
	(void)query_is_answered_by(query, data + 1, size - 1);
	while (follow) {
		assert(++names <= LOOKUP_CHAIN_MAX + 1);
		assert(lookup_reply_read(&asked, data + 1, size - 1, &a, &follow, &next, NULL) == CR_OK);
		name = next;
		asked.name = name.text;
	}
	check_whole(&a, asked.type);
	records_release(&a.records);
	records_release(&a.chain);
	return 0;
}
