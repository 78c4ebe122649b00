/*
 * arm.h - Azure Resource Manager: requests with a token, what its refusals mean, and operations that go on after the answer.
 *
 * Shared by all that is done at Azure: zones (azure.c) and public addresses.
 */
#ifndef DNS_ZONES_ARM_H
#define DNS_ZONES_ARM_H

#include "core/cfg.h"
#include "core/json.h"
#include "core/oauth.h"

/* Where, and as whom: the first member of a driver's settings. */
struct arm_settings {
	char *tenant_id, *client_id, *client_secret, *subscription, *resource_group, *url, *login_url;
	int64_t read_limit, write_limit;
};
/* Calls in five minutes that a subscription is allowed: Azure DNS answers 500 reads, Microsoft.Network 1,000 writes.  A tenth is left to others. */
#define ARM_LIMIT_MS 300000
#define ARM_WRITES   900
/* The rows of those settings; type: the driver's settings, which have a struct arm_settings arm.  A row a line. */
/* clang-format off */
#define ARM_ROWS(type) \
	{"tenant_id", CFG_TEXT, offsetof(type, arm.tenant_id), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the directory (tenant) that the application belongs to."}, \
	{"client_id", CFG_TEXT, offsetof(type, arm.client_id), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the application (client)."}, \
	{"client_secret", CFG_SECRET, offsetof(type, arm.client_secret), 0, 0, NULL, CFG_REQUIRED, NULL, "Its client secret, as env:NAME or file:PATH."}, \
	{"subscription", CFG_TEXT, offsetof(type, arm.subscription), 0, 0, NULL, CFG_REQUIRED, NULL, "Id of the subscription."}, \
	{"resource_group", CFG_TEXT, offsetof(type, arm.resource_group), 0, 0, NULL, CFG_REQUIRED, NULL, "Name of the resource group."}, \
	{"url", CFG_TEXT, offsetof(type, arm.url), 0, 0, "https://management.azure.com", 0, NULL, "Where Azure Resource Manager answers."}, \
	{"login_url", CFG_TEXT, offsetof(type, arm.login_url), 0, 0, "https://login.microsoftonline.com", 0, NULL, "Where tokens are given out."}, \
	{"read_limit", CFG_INT, offsetof(type, arm.read_limit), 1, PACER_CALLS_MAX, "450", 0, "calls", "Reads in five minutes that the subscription is allowed."}, \
	{"write_limit", CFG_INT, offsetof(type, arm.write_limit), 1, PACER_CALLS_MAX, "900", 0, "calls", "Writes in five minutes that the subscription is allowed."}
/* clang-format on */

struct arm;

/* Resolves the secret.  No network.  Errors: CR_ECONFIG, CR_ENOMEM. */
MUST_CHECK int arm_open(struct http *http, const struct clock *clock, const struct arm_settings *s, struct arm **out,
                        struct err *err);
void arm_drop(struct arm **a);

/* METHOD on a resource of the configured group: path begins behind it ("/providers/Microsoft.Network/..."), query ("$top=1") may be NULL. */
MUST_CHECK int arm_request(const struct arm *a, const char *method, const char *path, const char *version,
                           const char *query, struct http_request *out, struct err *err);
/* GET of an address that the API gave (nextLink, Location).  Errors: CR_EPARSE: it leads to another host, where no token is sent. */
MUST_CHECK int arm_request_given(const struct arm *a, const char *url, struct http_request *out, struct err *err);

#define ARM_CODE_MAX 64

/*
 * One exchange; releases q.  CR_OK: the API's own success, reads and writes alike.  code_out (ARM_CODE_MAX): the API's own word for what is wrong, "" none.
 * idempotent: guarded by an etag, so that it may be sent again after an answer that was lost.
 * Errors: those of oauth_exchange and arm_fault_parse; a read's CR_EUNKNOWN is CR_ERETRY.
 */
MUST_CHECK int arm_exchange(const struct arm *a, struct http_request *q, bool idempotent, const char *what,
                            struct http_reply *reply, char *code_out, struct err *err);

/*
 * The end of what `began` began: at once when that was the end, else as the addresses in it say, for ARM_AWAIT_MS at most.
 * Errors: CR_EUNKNOWN (it goes on, or cannot be watched any more); what the operation failed of, as arm_fault_parse has it.
 */
#define ARM_AWAIT_MS ((int64_t)300 * 1000)
MUST_CHECK int arm_await(const struct arm *a, const struct http_reply *began, const char *what, struct err *err);

/* Pure halves. */

/* What a reply means that is no success; never CR_OK.  With and without the "error" around code and message.
 * Errors: CR_ENOTFOUND (no such resource), CR_ECONFLICT (412), CR_EAUTH, CR_ECONFIG (no such group), CR_ERETRY (busy), CR_EUNKNOWN (5xx, or not the API's), else CR_EREFUSED. */
MUST_CHECK int arm_fault_parse(const struct http_reply *reply, const char *what, char *code_out, struct err *err);
/* Of a look at an operation.  tells_status: it was at Azure-AsyncOperation, whose answer has the status in it; else at Location, whose status it is. */
MUST_CHECK int arm_watch_parse(const struct http_reply *reply, bool tells_status, const char *what, bool *ended_out,
                               struct err *err);
/* Is url one of the same scheme, host and port as base? */
bool arm_is_same_host(const char *base, const char *url);

#endif
