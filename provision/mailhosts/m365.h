/*
 * m365.h - what the files of the Microsoft 365 driver share.
 *
 *   microsoft365.c   settings, opening, the driver's row
 *   m365_calls.c     one call to the service each, and the waits between them
 *   m365_observe.c   what is there
 *   m365_apply.c     making; m365_undo.c taking away, silencing
 *   m365_graph.c     requests to Microsoft Graph as values; m365_graph_parse.c what its answers mean
 *   m365_exchange.c  the same of Exchange's cmdlet proxy
 */
#ifndef PROVISION_MAILHOSTS_M365_H
#define PROVISION_MAILHOSTS_M365_H

#include <pthread.h>

#include "core/oauth.h"
#include "dns/record.h"
#include "provision/mailhosts/mailhosts.h"

struct m365_settings {
	char *tenant, *client_id, *client_secret, *initial_domain;
	char *licence, *usage_location;
	char *graph_url, *login_url, *exchange_url, *template_name;
	struct cfg_list dkim_targets; /* "DOMAIN TARGET1 TARGET2" */
	bool exchange;
	int64_t warm_up_s, wait_s, recipient_limit;
};

struct m365 {
	const struct m365_settings *settings;
	struct http *http;
	const struct clock *clock;
	struct pacer *pacer;
	pthread_mutex_t mutex; /* over opening the two below, and the licence */
	struct secret *secret;
	char *token_url;
	struct oauth *graph, *exchange;
	char sku[64]; /* id of the licence; "": not asked yet */
};

/* The values of the template, in the order of the driver's row. */
enum m365_value { M365_VERIFY, M365_MX, M365_DKIM1, M365_DKIM2, M365_VALUE__COUNT };

/* ---- Graph: requests ---- */
/* METHOD BASE/PATH, where each %s of path is percent-encoded. */
MUST_CHECK int graph_request(const char *base, const char *method, const char *path, const char *subject,
                             struct http_request *out, struct err *err);
MUST_CHECK int graph_domain_add_request(const char *base, const char *domain, struct http_request *out,
                                        struct err *err);
MUST_CHECK int graph_domain_service_request(const char *base, const char *domain, struct http_request *out,
                                            struct err *err);
MUST_CHECK int graph_domain_force_request(const char *base, const char *domain, struct http_request *out,
                                          struct err *err);
MUST_CHECK int graph_user_create_request(const char *base, const struct mailhost_mailbox *m, const char *location,
                                         struct http_request *out, struct err *err);
MUST_CHECK int graph_user_location_request(const char *base, const char *user, const char *location,
                                           struct http_request *out, struct err *err);
MUST_CHECK int graph_user_enabled_request(const char *base, const char *user, bool enabled, struct http_request *out,
                                          struct err *err);
MUST_CHECK int graph_user_licence_request(const char *base, const char *user, const char *sku, struct http_request *out,
                                          struct err *err);

#define GRAPH_DOMAIN     "/domains/%s"
#define GRAPH_PROOFS     "/domains/%s/verificationDnsRecords"
#define GRAPH_VERIFY     "/domains/%s/verify"
#define GRAPH_SERVICES   "/domains/%s/serviceConfigurationRecords"
#define GRAPH_REFERENCES "/domains/%s/domainNameReferences"
#define GRAPH_USER       "/users/%s"
#define GRAPH_USER_LOOK  "/users/%s?$select=id,userPrincipalName,mail,usageLocation,assignedLicenses"
#define GRAPH_REVOKE     "/users/%s/revokeSignInSessions"
#define GRAPH_DETAILS    "/users/%s/licenseDetails"
#define GRAPH_SKUS       "/subscribedSkus"

/* ---- Graph: answers ---- */
struct graph_domain {
	bool verified, email;
	char operation[32], status[32]; /* "ForceDelete", "InProgress"; "": none runs */
};
MUST_CHECK int graph_domain_parse(const char *text, size_t len, struct graph_domain *out, struct err *err);
/* The proof by TXT.  Errors: CR_EPARSE (none is among them too). */
MUST_CHECK int graph_proof_parse(const char *text, size_t len, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err);
/* The MX of the Email service, canonical; "" when it is not named yet.  Errors: CR_EPARSE; CR_EREFUSED: none of Exchange's names. */
MUST_CHECK int graph_mx_parse(const char *text, size_t len, char out[MAILHOST_VALUE_TEXT_MAX], struct err *err);

struct graph_user {
	bool licensed, has_mail;
	char location[8];
};
/* sku: the licence looked for. */
MUST_CHECK int graph_user_parse(const char *text, size_t len, const char *sku, struct graph_user *out, struct err *err);
struct graph_sku {
	char id[64];
	int64_t bought, used;
	char status[32];
};
/* The licence by its id or part number.  Errors: CR_ECONFIG (the directory has none such; those it has are named), CR_EPARSE. */
MUST_CHECK int graph_sku_parse(const char *text, size_t len, const char *wanted, struct graph_sku *out,
                               struct err *err);
/* Is Exchange's service plan ready?  status_out: as it is told, "" when no plan is among them. */
MUST_CHECK int graph_ready_parse(const char *text, size_t len, char status_out[32], struct err *err);
/* Calls user with each that still uses a domain; name: a UPN, or "TYPE ID" of something else.  Its non-zero return stops. */
MUST_CHECK int graph_references_parse(const char *text, size_t len,
                                      int (*user)(const char *name, bool is_user, void *arg, struct err *err),
                                      void *arg, struct err *err);
/* What a reply means that is no success; never CR_OK.  needs: the permission of the call. */
MUST_CHECK int graph_fault_parse(const struct http_reply *reply, const char *what, const char *needs, struct err *err);

/* ---- Exchange ---- */
struct exchange_target {
	const char *base, *tenant, *initial_domain;
};
/* One parameter of a cmdlet. */
struct exchange_parameter {
	const char *name, *text; /* NULL text: the number or the truth value */
	int64_t number;
	bool is_number, truth;
};
MUST_CHECK int exchange_request(const struct exchange_target *t, const char *cmdlet,
                                const struct exchange_parameter *parameters, size_t n, char anchor[320],
                                struct http_request *out, struct err *err);
struct exchange_dkim {
	bool found, enabled, valid;
	char targets[2][MAILHOST_VALUE_TEXT_MAX];
	int64_t bits; /* 0: not told */
};
/* Errors: CR_EPARSE; CR_EREFUSED: a target that is none of Microsoft's. */
MUST_CHECK int exchange_dkim_parse(const char *text, size_t len, struct exchange_dkim *out, struct err *err);
/* RecipientLimitPerDay of the first policy; -1: none. */
MUST_CHECK int exchange_limit_parse(const char *text, size_t len, int64_t *out, struct err *err);
/* Is there anything in the answer? */
MUST_CHECK int exchange_any_parse(const char *text, size_t len, bool *out, struct err *err);
/* Never CR_OK.  CR_ENOTFOUND: the object, not the proxy. */
MUST_CHECK int exchange_fault_parse(const struct http_reply *reply, const char *cmdlet, struct err *err);
/* A CNAME target of a selector that Exchange may name. */
bool exchange_is_target(const char *name);

/* ---- one exchange ---- */
/* Takes q.  repeat: a write that may be sent twice.  Errors: those of oauth_exchange and of graph_fault_parse. */
MUST_CHECK int m365_graph(struct m365 *m, struct http_request *q, bool repeat, const char *what, const char *needs,
                          struct http_reply *reply, struct err *err);
/* A read of path about subject. */
MUST_CHECK int m365_get(struct m365 *m, const char *path, const char *subject, const char *needs,
                        struct http_reply *reply, struct err *err);
MUST_CHECK int m365_cmdlet(struct m365 *m, const char *cmdlet, const struct exchange_parameter *parameters, size_t n,
                           struct http_reply *reply, struct err *err);
MUST_CHECK int m365_domain(struct m365 *m, const char *domain, struct graph_domain *out, struct err *err);
MUST_CHECK int m365_user(struct m365 *m, const char *user, struct graph_user *out, struct err *err);
MUST_CHECK int m365_sku(struct m365 *m, struct graph_sku *out, struct err *err);
/* The id of the licence, asked for once a run. */
MUST_CHECK int m365_sku_id(struct m365 *m, char out[64], struct err *err);
MUST_CHECK int m365_dkim(struct m365 *m, const char *domain, struct exchange_dkim *out, struct err *err);
void m365_policy_name(const char *domain, char out[300]);

/* Waiting within a run: gaps that grow, up to a time. */
struct m365_wait {
	int64_t until_ms, gap_ms;
};
struct m365_wait m365_wait_begin(const struct m365 *m, int64_t most_s);
/* Sleeps a gap; false: the time is over. */
bool m365_wait_more(const struct m365 *m, struct m365_wait *w);
#define M365_LAG_S 30 /* what was made a moment ago may be not to be seen for so long */

/* By hand: what Exchange's own shell has to be told. */
void m365_by_hand(const char *domain, char *out, size_t size);

#define M365_MAY_DOMAIN  "Domain.ReadWrite.All"
#define M365_MAY_USER    "User.ReadWrite.All"
#define M365_MAY_LICENCE "LicenseAssignment.ReadWrite.All"
#define M365_MAY_SKUS    "Organization.Read.All"

/* The driver's calls; mailhosts.h says what each promises. */
int m365_observe(void *ctx, const struct mailhost_domain *want,
                 bool (*owned)(const char *kind, const char *subject, void *arg), void *arg, struct mailhost_steps *out,
                 struct err *err);
int m365_apply(void *ctx, const struct mailhost_domain *want, const struct mailhost_steps *steps, struct err *err);
int m365_undo(void *ctx, const char *domain, const struct mailhost_steps *steps, struct err *err);
int m365_quiesce(void *ctx, const char *domain, bool off, struct err *err);

#endif
