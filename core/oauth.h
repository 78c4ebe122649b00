/*
 * oauth.h - bearer tokens by client credentials (RFC 6749 s4.4), asked for once, renewed in time, shared by all threads of a run.
 */
#ifndef CORE_OAUTH_H
#define CORE_OAUTH_H

#include "core/http.h"

struct oauth_client {
	const char *token_url; /* "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token" */
	const char *id;
	const struct secret *secret;
	const char *scope; /* "https://graph.microsoft.com/.default" */
};
struct oauth;

/* All of it is borrowed for the life of the oauth.  No network.  Errors: CR_ENOMEM. */
MUST_CHECK int oauth_open(struct http *http, const struct clock *clock, const struct oauth_client *client,
                          struct oauth **out, struct err *err);
void oauth_drop(struct oauth **o);

/*
 * http_exchange with a token.  One that is about to expire is renewed first; one that the provider does not take (401) is renewed and
 * the request, of which nothing was done, repeated once.
 * Errors: those of http_exchange; CR_EAUTH in one line: the token endpoint's error code, or a fresh token that is refused.
 */
MUST_CHECK int oauth_exchange(struct oauth *o, const struct http_policy *policy, struct http_request *q,
                              struct http_reply *reply, struct err *err);

/* The pure halves. */
MUST_CHECK int oauth_request(const struct oauth_client *c, struct http_request *out, struct err *err);
/* lifetime_s_out: how long from now.  Errors: CR_EAUTH (error, error_codes), CR_ERETRY (a server's own trouble, a page of somebody between), CR_EPARSE. */
MUST_CHECK int oauth_parse(const struct http_reply *reply, struct secret **token_out, int64_t *lifetime_s_out,
                           struct err *err);

#endif
