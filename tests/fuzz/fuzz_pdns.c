/*
 * fuzz_pdns.c - a zone as a PowerDNS server might send it, and the request made from what was read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/powerdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
change(const struct zone_state *s, const struct records *disabled)
{
	char base[] = "http://h";
	struct pdns_target t = {.base = base, .kind = "Native"};
	struct set_diff diff = {0};
	struct http_request q = {0};

	for (size_t i = 0; i < s->records.n && i < 16; i++)
		if (set_diff_add(&diff, i % 2 == 0 ? SET_DELETE : SET_TTL, &s->records.items[i], NULL) != CR_OK)
			abort();
	if (pdns_change_request(&t, "a.test", &s->records, disabled, &diff, &q, NULL) == CR_OK)
		http_request_release(&q);
	set_diff_release(&diff);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone_state s = {0};
	struct records disabled = {0};
	struct http_reply reply = {.status = 422};
	struct err err;

	if (pdns_zone_parse((const char *)data, size, "a.test", &s, &disabled, &err) == CR_OK)
		change(&s, &disabled);
	buf_add(&reply.body, data, size);
	if (pdns_fault_parse(&reply, "a.test", &err) == CR_OK || strchr(err.text, '\n') != NULL)
		abort();
	http_reply_release(&reply);
	zone_state_release(&s);
	records_release(&disabled);
	return 0;
}
