/*
 * fuzz_m365.c - answers of Microsoft Graph and of Exchange's cmdlet proxy: the first byte says of what, the rest is the body.
 *
 * Whatever a parser takes for a value of the zone lies where Microsoft's names lie; a fault is never success, and its text one line.
 */
#include <assert.h>
#include <string.h>

#include "dns/name.h"
#include "provision/mailhosts/m365.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
count(const char *name, bool is_user, void *arg, struct err *err)
{
	size_t *n = arg;

	(void)is_user;
	(void)err;
	assert(name[0] != '\0' && strlen(name) < 320);
	++*n;
	return CR_OK;
}

static void
try_records(const char *text, size_t len)
{
	char value[MAILHOST_VALUE_TEXT_MAX];
	struct exchange_dkim dkim = {0};

	if (graph_proof_parse(text, len, value, NULL) == CR_OK)
		assert(strncmp(value, "MS=", 3) == 0);
	if (graph_mx_parse(text, len, value, NULL) == CR_OK && value[0] != '\0')
		assert(name_is_under(value, "mail.protection.outlook.com") || name_is_under(value, "mx.microsoft"));
	if (exchange_dkim_parse(text, len, &dkim, NULL) == CR_OK && dkim.found)
		assert(exchange_is_target(dkim.targets[0]) && exchange_is_target(dkim.targets[1]));
}

static void
try_objects(const char *text, size_t len)
{
	struct graph_domain domain = {0};
	struct graph_user user = {0};
	struct graph_sku sku = {0};
	char status[32];
	int64_t limit;
	size_t n = 0;
	bool any;

	if (graph_domain_parse(text, len, &domain, NULL) == CR_OK)
		assert(strlen(domain.operation) < sizeof(domain.operation));
	if (graph_user_parse(text, len, "sku", &user, NULL) == CR_OK)
		assert(strlen(user.location) < sizeof(user.location));
	if (graph_sku_parse(text, len, "EXCHANGESTANDARD", &sku, NULL) == CR_OK)
		assert(sku.id[0] != '\0' && sku.bought >= 0 && sku.used >= 0);
	if (graph_ready_parse(text, len, status, NULL) == CR_OK)
		assert(strlen(status) < sizeof(status));
	if (graph_references_parse(text, len, count, &n, NULL) == CR_OK)
		assert(n <= len);
	if (exchange_limit_parse(text, len, &limit, NULL) == CR_OK)
		assert(limit >= -1);
	if (exchange_any_parse(text, len, &any, NULL) == CR_OK && !any)
		assert(limit == -1);
}

static void
try_faults(const char *text, size_t len, int status)
{
	struct http_reply reply = {.status = status};
	struct err err = {0};

	buf_add(&reply.body, text, len);
	assert(graph_fault_parse(&reply, "x", "y", &err) != CR_OK);
	assert(strchr(err.text, '\n') == NULL);
	assert(exchange_fault_parse(&reply, "Get-X", &err) != CR_OK);
	assert(strchr(err.text, '\n') == NULL);
	http_reply_release(&reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {400, 403, 404, 409, 500};

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		try_records((const char *)data + 1, size - 1);
		break;
	case 1:
		try_objects((const char *)data + 1, size - 1);
		break;
	default:
		try_faults((const char *)data + 1, size - 1, statuses[data[0] / 3 % ARRAY_LEN(statuses)]);
	}
	return 0;
}
