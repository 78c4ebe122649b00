/*
 * oauth.c - bearer tokens by client credentials.
 *
 * RFC 6749 s4.4 (grant), s5.1 and s5.2 (answers); RFC 6750 s2.1 (Bearer), s3.1 (401 invalid_token).  An error's description is not
 * shown: it is long, changes, and repeats what was sent; its code and the first of Microsoft's error_codes say all.
 *
 * A token that was renewed stays until the end, since another thread may be sending it: a run is shorter than a handful of them.
 */
#include "core/oauth.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"

#define RENEW_BEFORE_MS   ((int64_t)300 * 1000)
#define TOKENS_MAX        64
#define LIFETIME_MAX_S    ((int64_t)7 * 86400)
#define LIFETIME_ABSENT_S 300 /* RFC 6749 s5.1: RECOMMENDED only */

struct oauth {
	struct http *http;
	const struct clock *clock;
	struct oauth_client client;
	pthread_mutex_t lock; /* over what follows; held while a token is asked for, so that it is asked for once */
	struct secret *tokens[TOKENS_MAX];
	size_t n;
	int64_t until_ms; /* the last one's, by the boot clock */
};

int
oauth_open(struct http *http, const struct clock *clock, const struct oauth_client *client, struct oauth **out,
           struct err *err)
{
	struct oauth *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return err_nomem(err, "oauth");
	o->http = http;
	o->clock = clock;
	o->client = *client;
	(void)pthread_mutex_init(&o->lock, NULL);
	*out = o;
	return CR_OK;
}

void
oauth_drop(struct oauth **o)
{
	if (*o == NULL)
		return;
	for (size_t i = 0; i < (*o)->n; i++)
		secret_drop(&(*o)->tokens[i]);
	(void)pthread_mutex_destroy(&(*o)->lock);
	free(*o);
	*o = NULL;
}

int
oauth_request(const struct oauth_client *c, struct http_request *out, struct err *err)
{
	struct http_request q = {.method = "POST", .content_type = "application/x-www-form-urlencoded"};
	size_t len;
	int rc = http_request_set_url(&q, c->token_url, "", err);

	buf_adds(&q.body, "grant_type=client_credentials&client_id=");
	http_encode(&q.body, c->id);
	buf_adds(&q.body, "&client_secret=");
	http_encode(&q.body, secret_bytes(c->secret, &len));
	buf_adds(&q.body, "&scope=");
	http_encode(&q.body, c->scope);
	http_request_add_header(&q, "Accept", "application/json");
	if (rc == CR_OK)
		rc = buf_check(&q.body, "token request", err);
	if (rc != CR_OK)
		http_request_release(&q);
	else
		*out = q;
	return rc;
}

/* RFC 6749 s5.2. */
static int
refused(const struct http_reply *reply, struct err *err)
{
	struct json *json = NULL;
	struct json_at root, code, numbers, first;
	const char *word = "";
	int64_t number = 0;
	int rc;

	if (json_parse(buf_str(&reply->body), reply->body.len, &json, NULL) == CR_OK) {
		root = json_root(json);
		code = json_get(&root, "error");
		if (!json_is_string(&code) || json_want_string(&code, &word, NULL) != CR_OK)
			word = "";
		numbers = json_get(&root, "error_codes");
		first = json_item(&numbers, 0);
		if (first.node == NULL || json_want_int(&first, 0, INT32_MAX, &number, NULL) != CR_OK)
			number = 0;
	}
	if (reply->status >= 500 || strcmp(word, "temporarily_unavailable") == 0)
		rc = err_set(err, CR_ERETRY, "no token: the token endpoint answered %d", reply->status);
	else if (number != 0)
		rc = err_set(err, CR_EAUTH,
		             "no token: not accepted, %.64s (AADSTS%lld): check client id, secret and tenant", word,
		             (long long)number);
	else
		rc = err_set(err, CR_EAUTH,
		             "no token: not accepted, %.64s (answered %d): check client id, secret and token address",
		             word[0] != '\0' ? word : "refused", reply->status);
	json_drop(&json);
	return rc;
}

int
oauth_parse(const struct http_reply *reply, struct secret **token_out, int64_t *lifetime_s_out, struct err *err)
{
	struct json *json = NULL;
	struct json_at root, member;
	const char *token = NULL;
	int rc;

	if (reply->status != 200)
		return refused(reply, err);
	rc = json_parse(buf_str(&reply->body), reply->body.len, &json, err);
	if (rc != CR_OK)
		return err_set(err, CR_ERETRY, "no token: the answer of the token endpoint is not JSON");
	root = json_root(json);
	member = json_get(&root, "access_token");
	rc = json_want_string(&member, &token, err);
	member = json_get(&root, "expires_in");
	if (rc == CR_OK)
		rc = json_opt_int(&member, 0, LIFETIME_MAX_S, LIFETIME_ABSENT_S, lifetime_s_out, err);
	if (rc == CR_OK)
		rc = secret_make(token, strlen(token), token_out, err);
	if (rc != CR_OK)
		(void)err_wrap(err, "token");
	json_drop(&json);
	return rc;
}

/* Under the lock. */
static int
renew(struct oauth *o, struct err *err)
{
	const struct http_policy policy = {.idempotent_write = true};
	struct http_request q = {0};
	struct http_reply reply = {0};
	struct secret *token = NULL;
	int64_t lifetime_s = 0;
	int rc;

	if (o->n == TOKENS_MAX)
		return err_set(err, CR_EAUTH, "%d tokens in one run, and none is taken for long", TOKENS_MAX);
	rc = oauth_request(&o->client, &q, err);
	if (rc == CR_OK)
		rc = http_exchange(o->http, o->clock, &policy, &q, &reply, err);
	/* A token that was made and never came changes nothing. */
	if (rc == CR_EUNKNOWN) {
		rc = CR_ERETRY;
		if (err != NULL)
			err->code = CR_ERETRY;
	}
	if (rc == CR_OK)
		rc = oauth_parse(&reply, &token, &lifetime_s, err);
	if (rc == CR_OK) {
		o->tokens[o->n++] = TAKE(token);
		o->until_ms = clock_boot_ms(o->clock) + lifetime_s * 1000;
	}
	http_reply_release(&reply);
	http_request_release(&q);
	return rc;
}

/* A token that is good for a while; never the one that was refused. */
static int
token_now(struct oauth *o, const struct secret *refused_one, const struct secret **out, struct err *err)
{
	const struct secret *last;
	int64_t left_ms;
	int rc = CR_OK;

	(void)pthread_mutex_lock(&o->lock);
	last = o->n > 0 ? o->tokens[o->n - 1] : NULL;
	left_ms = o->until_ms - clock_boot_ms(o->clock);
	if (last == NULL || last == refused_one || left_ms < RENEW_BEFORE_MS)
		rc = renew(o, err);
	/* One that lives less than the margin is still the best there is. */
	if (rc == CR_OK)
		*out = o->tokens[o->n - 1];
	else if (rc == CR_ERETRY && last != NULL && last != refused_one && left_ms > 0) {
		*out = last;
		rc = CR_OK;
	}
	(void)pthread_mutex_unlock(&o->lock);
	return rc;
}

int
oauth_exchange(struct oauth *o, const struct http_policy *policy, struct http_request *q, struct http_reply *reply,
               struct err *err)
{
	const size_t n_headers = q->n_headers;
	const struct secret *token = NULL;
	char name[256];
	int rc = CR_OK;

	for (int turn = 0; turn < 2; turn++) {
		rc = token_now(o, token, &token, err);
		if (rc != CR_OK)
			break;
		http_request_add_secret(q, "Authorization", "Bearer ", token);
		rc = http_exchange(o->http, o->clock, policy, q, reply, err);
		q->n_headers = n_headers;
		if (rc != CR_OK || reply->status != 401)
			break;
	}
	if (rc == CR_OK && reply->status == 401) {
		http_request_name(q, name, sizeof(name));
		rc = err_set(err, CR_EAUTH, "%s: a fresh token is not accepted (401): was access taken away?", name);
	}
	return rc;
}
