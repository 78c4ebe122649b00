/*
 * fuzz_azure.c - answers of Azure Resource Manager: the first byte says of what, the rest is the body.
 *
 * Every set of a list is found by its mark; a public IP that was read is written, and what is read then is the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/azure.h"
#include "provision/addresses/azure.h"

#define ZONE "acme-mail.test"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_list(const char *text, size_t len)
{
	struct az_sets l = {0};
	struct az_mark m = {0};
	struct json *json = NULL;
	char *next = NULL, *marks = NULL;

	if (az_list_parse(text, len, ZONE, &l, &next, NULL) == CR_OK && az_marks_make(&l, &marks, NULL) == CR_OK) {
		assert(json_parse(marks, strlen(marks), &json, NULL) == CR_OK);
		for (size_t i = 0; i < l.n; i++) {
			assert(az_mark_find(json, l.items[i].owner, l.items[i].type, &m, NULL) == CR_OK);
			assert(m.exists && m.etag != NULL);
			az_mark_release(&m);
		}
	}
	json_drop(&json);
	free(marks);
	free(next);
	az_sets_release(&l);
}

static void
try_address(const char *text, size_t len)
{
	struct azip a = {0}, again = {0};
	struct buf b = {0};

	if (azip_parse(text, len, &a, NULL) == CR_OK && azip_write(&a, &a.dns, &b, NULL) == CR_OK) {
		assert(azip_parse(buf_str(&b), b.len, &again, NULL) == CR_OK);
		assert(strcmp(a.id, again.id) == 0 && strcmp(a.etag, again.etag) == 0);
		assert(strcmp(a.dns.label, again.dns.label) == 0 && strcmp(a.dns.reverse, again.dns.reverse) == 0);
	}
	azip_release(&again);
	azip_release(&a);
	buf_release(&b);
}

static void
try_others(const char *text, size_t len)
{
	struct http_reply reply = {.status = 200};
	struct zone_state s = {0};
	struct az_set set = {0};
	char code[ARM_CODE_MAX];
	bool ended = false;

	buf_add(&reply.body, text, len);
	if (az_zone_parse(text, len, ZONE, &s, NULL) == CR_OK)
		zone_state_release(&s);
	if (az_set_parse(text, len, ZONE, &set, NULL) == CR_OK)
		az_set_release(&set);
	assert(arm_fault_parse(&reply, "x", code, NULL) != CR_OK);
	if (arm_watch_parse(&reply, true, "x", &ended, NULL) != CR_OK)
		ended = false;
	http_reply_release(&reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_list((const char *)data + 1, size - 1);
		break;
	case 1:
		try_address((const char *)data + 1, size - 1);
		break;
	default:
		try_others((const char *)data + 1, size - 1);
	}
	return 0;
}
