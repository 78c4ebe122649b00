/*
 * fuzz_route53.c - any bytes as each of Route 53's answers, and the requests made from what was read.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/route53.h"

#define ZONE "a.test"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
need(bool what)
{
	if (!what)
		abort();
}

/* What was read can be asked on from, changed and removed; every record to the letter. */
static void
use(const struct r53_target *t, const struct r53_sets *sets)
{
	struct set_diff diff = {0};
	struct r53_changes c = {0};
	struct http_request q = {0};

	for (size_t i = 0; i < sets->n && i < 16; i++)
		for (size_t j = 0; j < sets->items[i].records.n && j < 4; j++)
			need(set_diff_add(&diff, (i + j) % 2 == 0 ? SET_DELETE : SET_TTL,
			                  &sets->items[i].records.items[j], NULL) == CR_OK);
	if (r53_changes_make(sets, &diff, &c, NULL) == CR_OK && c.n > 0) {
		need(r53_changes_batch(&c, 0) > 0);
		need(r53_change_request(t, "Z1", c.items, r53_changes_batch(&c, 0), &q, NULL) == CR_OK);
		http_request_release(&q);
	}
	r53_changes_release(&c);
	if (r53_changes_empty(sets, ZONE, &c, NULL) == CR_OK)
		r53_changes_release(&c);
	if (sets->more && r53_sets_request(t, "Z1", sets, &q, NULL) == CR_OK)
		http_request_release(&q);
	set_diff_release(&diff);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char base[] = "http://h", id[R53_ID_MAX];
	const char *text = (const char *)data;
	const struct r53_target t = {.base = base};
	struct r53_zones zones = {0};
	struct r53_sets sets = {0};
	struct zone_state s = {0};
	struct http_reply reply = {.status = 400};
	struct http_request q = {0};
	enum r53_code code;
	struct err err;
	bool insync;

	if (r53_zones_parse(text, size, ZONE, &zones, &err) == CR_OK && zones.more &&
	    r53_find_request(&t, ZONE, &zones, &q, &err) == CR_OK)
		http_request_release(&q);
	for (size_t i = 0; i < zones.n; i++)
		need(r53_is_id(zones.items[i].id));
	if (r53_created_parse(text, size, ZONE, &s, &err) == CR_OK)
		need(r53_is_id(s.id) && s.name_servers.n > 0);
	if (r53_sets_parse(text, size, &sets, &err) == CR_OK)
		use(&t, &sets);
	if (r53_status_parse(text, size, id, &insync, &err) == CR_OK)
		need(r53_is_id(id));
	buf_add(&reply.body, data, size);
	need(r53_fault_parse(&reply, ZONE, &code, &err) != CR_OK && strchr(err.text, '\n') == NULL);
	http_reply_release(&reply);
	zone_state_release(&s);
	r53_sets_release(&sets);
	r53_zones_release(&zones);
	return 0;
}
