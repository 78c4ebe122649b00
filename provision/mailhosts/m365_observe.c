/*
 * m365_observe.c - what the directory and Exchange hold for a domain, as steps, and what the zone should have for it, as values.
 *
 * A thing that is not done is a CREATE: an intention that was cut off at it is then known not to have been done.  What the journal names
 * as ours and the directory does not show is looked for a while longer: it may have been made a moment ago.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"

struct look {
	struct m365 *m;
	const struct mailhost_domain *want;
	bool (*owned)(const char *kind, const char *subject, void *arg);
	void *arg;
	struct mailhost_steps *out;
	struct graph_domain domain;
	bool there;               /* the domain is in the directory */
	size_t n_licences;        /* still to be given */
	bool by_hand;             /* the proxy is not used */
	struct graph_user *users; /* one a mailbox, as they were found */
	struct exchange_dkim dkim;
};

static int
add(struct look *l, const char *kind, const char *subject, int change, bool after_records, const char *detail,
    struct err *err)
{
	struct mailhost_step s = {.after_records = after_records};

	s.change = change;
	(void)snprintf(s.kind, sizeof(s.kind), "%s", kind);
	(void)snprintf(s.subject, sizeof(s.subject), "%s", subject);
	(void)snprintf(s.detail, sizeof(s.detail), "%s", detail);
	return mailhost_steps_add(l->out, &s, err);
}

static int
done_or_not(bool done)
{
	return done ? MAILHOST_PRESENT : MAILHOST_CREATE;
}

static int
look_domain(struct look *l, struct err *err)
{
	const char *domain = l->want->domain;
	const bool ours = l->owned("domain", domain, l->arg);
	struct m365_wait wait = m365_wait_begin(l->m, M365_LAG_S);
	int rc;

	do
		rc = m365_domain(l->m, domain, &l->domain, err);
	while (rc == CR_ENOTFOUND && ours && m365_wait_more(l->m, &wait));
	l->there = rc == CR_OK;
	if (rc == CR_ENOTFOUND)
		rc = CR_OK;
	if (rc != CR_OK)
		return rc;
	if (l->there && strcmp(l->domain.operation, "ForceDelete") == 0 && strcmp(l->domain.status, "Failed") != 0)
		return err_set(err, CR_ERETRY,
		               "%s: its deletion from the directory is still running (%s): run again later", domain,
		               l->domain.status);
	if (l->there && !ours)
		return add(l, "domain", domain, MAILHOST_FOREIGN, false,
		           "the directory has it, and coldrelay did not add it", err);
	rc = add(l, "domain", domain, done_or_not(l->there), false, "", err);
	if (rc == CR_OK)
		rc = add(l, "ownership", domain, done_or_not(l->domain.verified), true,
		         l->domain.verified ? "verified" : "verified once the TXT record is seen", err);
	if (rc == CR_OK)
		rc = add(l, "service", domain, done_or_not(l->domain.email), false, "for mail", err);
	return rc;
}

/* What the directory wants to see in DNS: the proof until it was seen, the MX from then on. */
static int
look_records(struct look *l, struct err *err)
{
	struct http_reply reply = {0};
	int rc = CR_OK;

	if (l->there && !l->domain.verified) {
		rc = m365_get(l->m, GRAPH_PROOFS, l->want->domain, M365_MAY_DOMAIN, &reply, err);
		if (rc == CR_OK)
			rc = graph_proof_parse(buf_str(&reply.body), reply.body.len, l->out->values[M365_VERIFY], err);
	} else if (l->there && l->domain.email) {
		rc = m365_get(l->m, GRAPH_SERVICES, l->want->domain, M365_MAY_DOMAIN, &reply, err);
		if (rc == CR_OK)
			rc = graph_mx_parse(buf_str(&reply.body), reply.body.len, l->out->values[M365_MX], err);
	}
	http_reply_release(&reply);
	/* Added a moment ago: the proof is asked for in the next round. */
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

static bool
is_upn(const char *address)
{
	const char *at = strchr(address, '@');

	for (const char *c = address; at != NULL && c < at; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
		      strchr("'.-_!#^~", *c) != NULL))
			return false;
	return at != NULL && at > address;
}

static int
look_user(struct look *l, const struct mailhost_mailbox *box, struct graph_user *out, bool *there_out, struct err *err)
{
	const bool ours = l->owned("mailbox", box->address, l->arg);
	struct m365_wait wait = m365_wait_begin(l->m, M365_LAG_S);
	int rc;

	*out = (struct graph_user){0};
	*there_out = false;
	/* No user has a name in a domain that is not verified. */
	if (!l->domain.verified)
		return CR_OK;
	do
		rc = m365_user(l->m, box->address, out, err);
	while (rc == CR_ENOTFOUND && ours && m365_wait_more(l->m, &wait));
	*there_out = rc == CR_OK;
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

static int
look_mailbox(struct look *l, size_t i, struct err *err)
{
	struct graph_user *user = &l->users[i];
	const struct mailhost_mailbox *box = &l->want->mailboxes[i];
	bool there;
	int rc;

	if (!is_upn(box->address))
		return add(l, "mailbox", box->address, MAILHOST_REFUSED, false,
		           "its name has a character that Microsoft 365 does not take", err);
	rc = look_user(l, box, user, &there, err);
	if (rc != CR_OK)
		return rc;
	if (there && !l->owned("mailbox", box->address, l->arg))
		return add(l, "mailbox", box->address, MAILHOST_FOREIGN, false,
		           "the directory has it, and coldrelay did not make it", err);
	l->n_licences += user->licensed ? 0 : 1;
	rc = add(l, "mailbox", box->address, done_or_not(there), false, "", err);
	return rc == CR_OK ? add(l, "licence", box->address, done_or_not(user->licensed), false,
	                         l->m->settings->licence, err)
	                   : rc;
}

/* The licences that are still to be given are there before anything is made: else nothing is. */
static int
check_free(struct look *l, struct err *err)
{
	struct graph_sku sku;
	char why[200] = "";
	int rc;

	if (l->n_licences == 0)
		return CR_OK;
	rc = m365_sku(l->m, &sku, err);
	if (rc != CR_OK)
		return rc;
	if (strcmp(sku.status, "Enabled") != 0 && strcmp(sku.status, "Warning") != 0)
		(void)snprintf(why, sizeof(why), "the licence %.64s is %.31s", l->m->settings->licence, sku.status);
	else if (sku.bought - sku.used < (int64_t)l->n_licences)
		(void)snprintf(why, sizeof(why), "no free licence: %zu of %.64s needed, %lld bought, %lld in use",
		               l->n_licences, l->m->settings->licence, (long long)sku.bought, (long long)sku.used);
	for (size_t i = 0; why[0] != '\0' && i < l->out->n; i++) {
		struct mailhost_step *s = &l->out->items[i];

		if (strcmp(s->kind, "licence") != 0 || s->change != MAILHOST_CREATE)
			continue;
		s->change = MAILHOST_REFUSED;
		(void)snprintf(s->detail, sizeof(s->detail), "%s", why);
	}
	return CR_OK;
}

static void
set_target(struct look *l, size_t i, const char *target)
{
	buf_copy_text(l->out->values[M365_DKIM1 + i], MAILHOST_VALUE_TEXT_MAX, target);
}

/* A selector's CNAME that somebody put into the zone. */
static bool
target_in_zone(const struct look *l, size_t i, struct name *out)
{
	char owner[300];

	(void)snprintf(owner, sizeof(owner), "selector%zu._domainkey.%.255s", i + 1, l->want->domain);
	for (size_t k = 0; l->want->zone != NULL && k < l->want->zone->n; k++) {
		const struct record *r = &l->want->zone->items[k];

		if (r->type == RECORD_CNAME && strcmp(r->owner, owner) == 0 && record_target(r, out) &&
		    exchange_is_target(out->text))
			return true;
	}
	return false;
}

/* Without the proxy: the targets that the operator gave, or put into the zone. */
static void
targets_by_hand(struct look *l)
{
	const struct cfg_list *given = &l->m->settings->dkim_targets;
	char words[3][MAILHOST_VALUE_TEXT_MAX];
	struct name names[3];

	for (size_t i = 0; i < given->n; i++) {
		if (sscanf(given->items[i], "%255s %255s %255s", words[0], words[1], words[2]) != 3 ||
		    name_parse(words[0], &names[0], NULL) != CR_OK || !name_equal(names[0].text, l->want->domain) ||
		    name_parse(words[1], &names[1], NULL) != CR_OK || name_parse(words[2], &names[2], NULL) != CR_OK)
			continue;
		set_target(l, 0, names[1].text);
		set_target(l, 1, names[2].text);
		return;
	}
	if (target_in_zone(l, 0, &names[0]) && target_in_zone(l, 1, &names[1])) {
		set_target(l, 0, names[0].text);
		set_target(l, 1, names[1].text);
	}
}

static int
look_signing_by_hand(struct look *l, struct err *err)
{
	char text[400];

	targets_by_hand(l);
	if (l->out->values[M365_DKIM1][0] == '\0') {
		m365_by_hand(l->want->domain, text, sizeof(text));
		return add(l, "signing", l->want->domain, MAILHOST_CREATE, true, text, err);
	}
	(void)snprintf(
		text, sizeof(text),
		"by hand, once both CNAME records are seen: Set-DkimSigningConfig -Identity %.200s -Enabled $true; "
		"then coldrelay verify --message",
		l->want->domain);
	return add(l, "signing", l->want->domain, MAILHOST_PRESENT, true, text, err);
}

static int
look_dkim(struct look *l, struct err *err)
{
	const char *domain = l->want->domain;
	struct err why = {0};
	int rc = CR_OK;

	l->by_hand = !l->m->settings->exchange;
	if (!l->by_hand && l->domain.email)
		rc = m365_dkim(l->m, domain, &l->dkim, &why);
	/* The proxy can be taken away without notice: the operator's own way stays. */
	if (rc == CR_EAUTH) {
		l->by_hand = true;
		rc = CR_OK;
	}
	if (rc != CR_OK) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	if (l->by_hand || !l->dkim.found)
		return l->by_hand
		               ? CR_OK
		               : add(l, "dkim", domain, MAILHOST_CREATE, false, "keys of 2048 bits at Exchange", err);
	set_target(l, 0, l->dkim.targets[0]);
	set_target(l, 1, l->dkim.targets[1]);
	return add(l, "dkim", domain, MAILHOST_PRESENT, false,
	           l->dkim.bits == 1024 ? "keys of 1024 bits: Rotate-DkimSigningConfig -KeySize 2048" : "", err);
}

static int
look_limit(struct look *l, struct err *err)
{
	char name[300], text[64];
	const struct exchange_parameter identity = {.name = "Identity", .text = name};
	const int64_t want = l->m->settings->recipient_limit;
	struct http_reply reply = {0};
	int64_t is = -1;
	bool rule = false;
	int rc = CR_OK;

	if (want == 0 || l->by_hand)
		return CR_OK;
	m365_policy_name(l->want->domain, name);
	if (l->domain.email) {
		rc = m365_cmdlet(l->m, "Get-HostedOutboundSpamFilterPolicy", &identity, 1, &reply, err);
		if (rc == CR_OK)
			rc = exchange_limit_parse(buf_str(&reply.body), reply.body.len, &is, err);
		http_reply_release(&reply);
		if (rc == CR_OK)
			rc = m365_cmdlet(l->m, "Get-HostedOutboundSpamFilterRule", &identity, 1, &reply, err);
		if (rc == CR_OK)
			rc = exchange_any_parse(buf_str(&reply.body), reply.body.len, &rule, err);
		http_reply_release(&reply);
	}
	if (rc != CR_OK && rc != CR_ENOTFOUND)
		return rc;
	(void)snprintf(text, sizeof(text), "%lld recipients a day and mailbox", (long long)want);
	return add(l, "limit", l->want->domain, done_or_not(is == want && rule), false, text, err);
}

static int
look_ready(struct look *l, size_t i, struct err *err)
{
	const struct mailhost_mailbox *box = &l->want->mailboxes[i];
	const struct graph_user *user = &l->users[i];
	struct http_reply reply = {0};
	char status[32] = "";
	bool ready;
	int rc = CR_OK;

	if (user->licensed && !user->has_mail) {
		rc = m365_get(l->m, GRAPH_DETAILS, box->address, M365_MAY_USER, &reply, err);
		if (rc == CR_OK)
			rc = graph_ready_parse(buf_str(&reply.body), reply.body.len, status, err);
		http_reply_release(&reply);
	}
	if (rc != CR_OK && rc != CR_ENOTFOUND)
		return rc;
	ready = user->licensed && (user->has_mail || strcmp(status, "Success") == 0);
	return add(l, "ready", box->address, done_or_not(ready), false, ready ? "" : "Exchange makes the mailbox", err);
}

int
m365_observe(void *ctx, const struct mailhost_domain *want,
             bool (*owned)(const char *kind, const char *subject, void *arg), void *arg, struct mailhost_steps *out,
             struct err *err)
{
	struct look l = {.m = ctx, .want = want, .owned = owned, .arg = arg, .out = out};
	int rc = look_domain(&l, err);

	if (rc != CR_OK || out->items[0].change == MAILHOST_FOREIGN)
		return rc;
	l.users = calloc(want->n_mailboxes + 1, sizeof(*l.users));
	rc = l.users != NULL ? look_records(&l, err) : err_nomem(err, "mailboxes");
	for (size_t i = 0; rc == CR_OK && i < want->n_mailboxes; i++)
		rc = look_mailbox(&l, i, err);
	if (rc == CR_OK)
		rc = check_free(&l, err);
	if (rc == CR_OK)
		rc = look_dkim(&l, err);
	if (rc == CR_OK)
		rc = look_limit(&l, err);
	if (rc == CR_OK && l.by_hand)
		rc = look_signing_by_hand(&l, err);
	else if (rc == CR_OK)
		rc = add(&l, "signing", want->domain, done_or_not(l.dkim.enabled && l.dkim.valid), true,
		         "once Exchange sees both CNAME records", err);
	for (size_t i = 0; rc == CR_OK && i < want->n_mailboxes; i++)
		rc = look_ready(&l, i, err);
	free(l.users);
	return rc;
}
