/*
 * m365_apply.c - one step of a domain's way into the directory and Exchange, each repeatable.
 *
 * A create whose answer was lost is looked for; one that is not to be seen then is told as unknown.  A step that the service is not ready
 * for is tried again in gaps that grow, and ends in CR_ERETRY, of which nothing was done: the next run tries again.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <string.h>

struct work {
	struct m365 *m;
	const struct mailhost_domain *want;
	const char *subject;
};

static const char *
graph(const struct work *w)
{
	return w->m->settings->graph_url;
}

/* Sends q, of whose answer only the success counts. */
static int
send(const struct work *w, struct http_request *q, bool repeat, const char *needs, struct err *err)
{
	struct http_reply reply = {0};
	int rc = m365_graph(w->m, q, repeat, w->subject, needs, &reply, err);

	http_reply_release(&reply);
	return rc;
}

/* Is it there after an answer that was lost, or that says so?  what: "domain" or "user". */
static int
seen(const struct work *w, bool user, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(w->m, M365_LAG_S);
	struct graph_domain domain;
	struct graph_user found;
	int rc;

	do
		rc = user ? m365_user(w->m, w->subject, &found, err) : m365_domain(w->m, w->subject, &domain, err);
	while (rc == CR_ENOTFOUND && m365_wait_more(w->m, &wait));
	return rc;
}

/* After a create: rc stays what it was, unless the thing is there although the answer was lost. */
static int
judge_create(const struct work *w, bool user, int rc)
{
	struct err second = {0};

	if (rc != CR_EUNKNOWN)
		return rc;
	return seen(w, user, &second) == CR_OK ? CR_OK : rc;
}

static int
apply_domain(const struct work *w, struct err *err)
{
	struct graph_domain there;
	struct http_request q = {0};
	struct err why = {0};
	int rc = graph_domain_add_request(graph(w), w->subject, &q, err);

	if (rc != CR_OK)
		return rc;
	rc = judge_create(w, false, send(w, &q, false, M365_MAY_DOMAIN, &why));
	/* A domain is in one directory at a time: what is refused and is not in ours is held by another. */
	if ((rc == CR_EREFUSED || rc == CR_ECONFLICT) && m365_domain(w->m, w->subject, &there, NULL) == CR_ENOTFOUND)
		return err_set(
			err, CR_EREFUSED,
			"the directory does not take %s: another one holds it, where it has to be released first "
			"(%.200s)",
			w->subject, why.text);
	if (rc != CR_OK && err != NULL)
		*err = why;
	return rc;
}

static int
apply_ownership(const struct work *w, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(w->m, w->m->settings->wait_s);
	struct graph_domain d = {0};
	struct err why = {0};
	int rc;

	for (;;) {
		struct http_request q = {0};

		rc = graph_request(graph(w), "POST", GRAPH_VERIFY, w->subject, &q, err);
		if (rc != CR_OK)
			return rc;
		rc = send(w, &q, true, M365_MAY_DOMAIN, &why);
		if (rc != CR_OK && rc != CR_EREFUSED && rc != CR_ECONFLICT && rc != CR_ENOTFOUND) {
			if (err != NULL)
				*err = why;
			return rc;
		}
		/* "Already verified" is a refusal too; and a takeover that was only scheduled is none yet. */
		rc = m365_domain(w->m, w->subject, &d, err);
		if (rc != CR_OK && rc != CR_ENOTFOUND)
			return rc;
		if (rc == CR_OK && d.verified)
			return CR_OK;
		if (!m365_wait_more(w->m, &wait))
			return err_set(err, CR_ERETRY,
			               "%s: Microsoft does not see the TXT record yet, which may take as long as its "
			               "resolvers remember that there was none: run again later",
			               w->subject);
	}
}

/* A thing that was made a moment ago may be unknown to the server that is asked next. */
static int
send_when_there(const struct work *w, int (*make)(const struct work *w, struct http_request *q, struct err *err),
                const char *needs, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(w->m, M365_LAG_S);
	int rc;

	do {
		struct http_request q = {0};

		rc = make(w, &q, err);
		if (rc == CR_OK)
			rc = send(w, &q, true, needs, err);
	} while (rc == CR_ENOTFOUND && m365_wait_more(w->m, &wait));
	return rc == CR_ENOTFOUND ? err_set(err, CR_ERETRY, "%s: not known everywhere yet: run again", w->subject) : rc;
}

static int
make_service(const struct work *w, struct http_request *q, struct err *err)
{
	return graph_domain_service_request(graph(w), w->subject, q, err);
}

static int
apply_service(const struct work *w, struct err *err)
{
	return send_when_there(w, make_service, M365_MAY_DOMAIN, err);
}

static int
apply_mailbox(const struct work *w, struct err *err)
{
	const struct mailhost_mailbox *box = NULL;
	struct http_request q = {0};
	int rc;

	for (size_t i = 0; i < w->want->n_mailboxes; i++)
		if (strcmp(w->want->mailboxes[i].address, w->subject) == 0)
			box = &w->want->mailboxes[i];
	if (box == NULL || box->password == NULL)
		return err_set(err, CR_EBUG, "step for mailbox %s, which %s does not want or has no password of",
		               w->subject, w->want->domain);
	rc = graph_user_create_request(graph(w), box, w->m->settings->usage_location, &q, err);
	return rc == CR_OK ? judge_create(w, true, send(w, &q, false, M365_MAY_USER, err)) : rc;
}

static int
make_location(const struct work *w, struct http_request *q, struct err *err)
{
	return graph_user_location_request(graph(w), w->subject, w->m->settings->usage_location, q, err);
}

static int
make_licence(const struct work *w, struct http_request *q, struct err *err)
{
	char sku[64];
	int rc = m365_sku_id(w->m, sku, err);

	return rc == CR_OK ? graph_user_licence_request(graph(w), w->subject, sku, q, err) : rc;
}

static int
apply_licence(const struct work *w, struct err *err)
{
	struct graph_user user = {0};
	struct graph_sku sku;
	struct err why = {0};
	int rc = seen(w, true, err);

	if (rc == CR_OK)
		rc = m365_user(w->m, w->subject, &user, err);
	if (rc == CR_ENOTFOUND)
		return err_set(err, CR_ERETRY, "%s: not known everywhere yet: run again", w->subject);
	if (rc == CR_OK && user.location[0] == '\0')
		rc = send_when_there(w, make_location, M365_MAY_USER, err);
	if (rc != CR_OK)
		return rc;
	rc = send_when_there(w, make_licence, M365_MAY_LICENCE, &why);
	if (rc == CR_OK)
		return CR_OK;
	/* No code of its own is documented for either. */
	if (rc == CR_EREFUSED && strstr(why.text, "usage location") != NULL)
		return err_set(err, CR_ECONFIG, "%s: no licence goes to '%s': check usage_location", w->subject,
		               w->m->settings->usage_location);
	if (rc == CR_EREFUSED && m365_sku(w->m, &sku, NULL) == CR_OK && sku.used >= sku.bought)
		return err_set(err, CR_EREFUSED, "%s: no free licence: %.64s, %lld bought, %lld in use", w->subject,
		               w->m->settings->licence, (long long)sku.bought, (long long)sku.used);
	if (err != NULL)
		*err = why;
	return rc;
}

static int
apply_ready(const struct work *w, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(w->m, w->m->settings->wait_s);
	char status[32];

	for (;;) {
		struct http_reply reply = {0};
		int rc = m365_get(w->m, GRAPH_DETAILS, w->subject, M365_MAY_USER, &reply, err);

		status[0] = '\0';
		if (rc == CR_OK)
			rc = graph_ready_parse(buf_str(&reply.body), reply.body.len, status, err);
		http_reply_release(&reply);
		if (rc != CR_OK && rc != CR_ENOTFOUND)
			return rc;
		if (strcmp(status, "Success") == 0)
			return CR_OK;
		if (strcmp(status, "Disabled") == 0)
			return err_set(err, CR_EREFUSED, "%s: Exchange is switched off in its licence %.64s",
			               w->subject, w->m->settings->licence);
		if (!m365_wait_more(w->m, &wait))
			return err_set(err, CR_ERETRY,
			               "%s: Exchange has not made the mailbox yet (%s): run again later", w->subject,
			               status[0] != '\0' ? status : "nothing told");
	}
}

static int
cmdlet(const struct work *w, const char *name, const struct exchange_parameter *parameters, size_t n, struct err *err)
{
	struct http_reply reply = {0};
	int rc = m365_cmdlet(w->m, name, parameters, n, &reply, err);

	http_reply_release(&reply);
	return rc;
}

/* The proxy can be taken away without notice: what an operator tells Exchange's own shell instead. */
static int
refused_by_proxy(const struct work *w, struct err *err)
{
	char hand[400];

	m365_by_hand(w->subject, hand, sizeof(hand));
	return err_set(err, CR_ERETRY, "Exchange's proxy is not to be used, so DKIM is set up %s", hand);
}

/* 1024 bits, unless it is told otherwise. */
static int
apply_dkim(const struct work *w, struct err *err)
{
	const struct exchange_parameter parameters[] = {
		{.name = "DomainName", .text = w->subject},
		{.name = "KeySize",    .is_number = true,  .number = 2048},
		{.name = "Enabled",                    .truth = false                     },
	};
	struct m365_wait wait = m365_wait_begin(w->m, w->m->settings->wait_s);
	struct exchange_dkim is;
	struct err why = {0};
	int rc;

	for (;;) {
		int seen_rc;

		rc = cmdlet(w, "New-DkimSigningConfig", parameters, ARRAY_LEN(parameters), &why);
		if (rc == CR_OK)
			return CR_OK;
		/* Made by a call whose answer was lost? */
		seen_rc = m365_dkim(w->m, w->subject, &is, NULL);
		if (seen_rc == CR_OK && is.found)
			return CR_OK;
		if (rc == CR_EAUTH)
			return refused_by_proxy(w, err);
		/* Exchange learns of a domain after the directory does. */
		if (rc != CR_ENOTFOUND && rc != CR_EREFUSED)
			break;
		if (!m365_wait_more(w->m, &wait))
			return err_set(err, CR_ERETRY,
			               "%s: Exchange does not know the domain yet: run again later (%.200s)",
			               w->subject, why.text);
	}
	if (err != NULL)
		*err = why;
	return rc;
}

static int
apply_signing(const struct work *w, struct err *err)
{
	const struct exchange_parameter parameters[] = {
		{.name = "Identity", .text = w->subject},
		{.name = "Enabled",  .truth = true     },
	};
	struct m365_wait wait = m365_wait_begin(w->m, w->m->settings->wait_s);
	struct exchange_dkim is;
	int rc;

	if (!w->m->settings->exchange)
		return refused_by_proxy(w, err);
	for (;;) {
		rc = cmdlet(w, "Set-DkimSigningConfig", parameters, ARRAY_LEN(parameters), err);
		if (rc == CR_EAUTH)
			return refused_by_proxy(w, err);
		if (rc != CR_OK && rc != CR_EREFUSED && rc != CR_ENOTFOUND)
			return rc;
		rc = m365_dkim(w->m, w->subject, &is, err);
		if (rc != CR_OK)
			return rc;
		if (is.enabled && is.valid)
			return CR_OK;
		if (!m365_wait_more(w->m, &wait))
			return err_set(
				err, CR_ERETRY,
				"%s: Exchange has not seen the two DKIM records yet, which takes minutes to four days: "
				"run again later",
				w->subject);
	}
}

/* Set where it is there, made where it is not, and read back. */
static int
apply_limit(const struct work *w, struct err *err)
{
	const int64_t want = w->m->settings->recipient_limit;
	char name[300];
	const struct exchange_parameter identity = {.name = "Identity", .text = name};
	const struct exchange_parameter set[] = {
		{.name = "Identity", .text = name  },
		{ .name = "RecipientLimitPerDay", .is_number = true, .number = want},
	};
	const struct exchange_parameter policy[] = {
		{.name = "Name",     .text = name  },
		{ .name = "RecipientLimitPerDay", .is_number = true, .number = want},
	};
	const struct exchange_parameter rule[] = {
		{.name = "Name",                           .text = name      },
		{.name = "HostedOutboundSpamFilterPolicy", .text = name      },
		{.name = "SenderDomainIs",                 .text = w->subject},
	};
	struct http_reply reply = {0};
	int64_t is = -1;
	bool ruled = false;
	int rc;

	m365_policy_name(w->subject, name);
	rc = cmdlet(w, "Set-HostedOutboundSpamFilterPolicy", set, ARRAY_LEN(set), err);
	if (rc == CR_ENOTFOUND)
		rc = cmdlet(w, "New-HostedOutboundSpamFilterPolicy", policy, ARRAY_LEN(policy), err);
	if (rc == CR_OK)
		rc = m365_cmdlet(w->m, "Get-HostedOutboundSpamFilterRule", &identity, 1, &reply, err);
	if (rc == CR_OK)
		rc = exchange_any_parse(buf_str(&reply.body), reply.body.len, &ruled, err);
	http_reply_release(&reply);
	if (rc == CR_ENOTFOUND || (rc == CR_OK && !ruled))
		rc = cmdlet(w, "New-HostedOutboundSpamFilterRule", rule, ARRAY_LEN(rule), err);
	if (rc == CR_OK)
		rc = m365_cmdlet(w->m, "Get-HostedOutboundSpamFilterPolicy", &identity, 1, &reply, err);
	if (rc == CR_OK)
		rc = exchange_limit_parse(buf_str(&reply.body), reply.body.len, &is, err);
	http_reply_release(&reply);
	if (rc == CR_OK && is != want)
		return err_set(err, CR_EUNKNOWN, "%s: RecipientLimitPerDay was set to %lld and reads %lld", w->subject,
		               (long long)want, (long long)is);
	/* The policy stands, so this is no failure of which nothing is left. */
	return rc == CR_EREFUSED || rc == CR_ECONFLICT || rc == CR_ENOTFOUND
	               ? err_set(err, CR_EUNKNOWN, "%s: its outbound policy could not be set up whole", w->subject)
	               : rc;
}

static const struct kind {
	const char *name;
	int (*apply)(const struct work *w, struct err *err);
} kinds[] = {
	{"domain",    apply_domain   },
        {"ownership", apply_ownership},
        {"service",   apply_service  },
	{"mailbox",   apply_mailbox  },
        {"licence",   apply_licence  },
        {"dkim",      apply_dkim     },
	{"limit",     apply_limit    },
        {"signing",   apply_signing  },
        {"ready",     apply_ready    },
};

static int
apply_one(const struct work *w, const char *kind, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].apply(w, err);
	return err_set(err, CR_EBUG, "unknown kind of step '%s'", kind);
}

int
m365_apply(void *ctx, const struct mailhost_domain *want, const struct mailhost_steps *steps, struct err *err)
{
	size_t done = 0;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < steps->n; i++) {
		const struct mailhost_step *s = &steps->items[i];
		const struct work w = {ctx, want, s->subject};

		if (s->change != MAILHOST_CREATE && s->change != MAILHOST_UPDATE)
			continue;
		rc = apply_one(&w, s->kind, err);
		done += rc == CR_OK ? 1 : 0;
	}
	/* Steps come one at a time; whoever gives several learns that a part was done. */
	if (done > 0 && err_nothing_done(rc))
		rc = err_set(err, CR_EUNKNOWN, "%s: done in part", want->domain);
	return rc;
}
