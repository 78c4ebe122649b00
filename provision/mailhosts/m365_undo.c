/*
 * m365_undo.c - taking a domain out of the directory, and silencing it.
 *
 * A domain goes only when nothing but what the journal names used it: users that others made are not renamed by a forceDelete of ours.
 */
#include "provision/mailhosts/m365.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1000 /* a forceDelete takes no more */

/* Names of what uses a domain. */
struct users {
	char (*names)[320];
	bool *are_users;
	size_t n;
};

static void
users_release(struct users *u)
{
	free(u->names);
	free(u->are_users);
	*u = (struct users){0};
}

static int
add_user(const char *name, bool is_user, void *arg, struct err *err)
{
	struct users *u = arg;

	if (u->n == NAMES_MAX)
		return err_set(err, CR_EREFUSED, "more than %d objects use the domain", NAMES_MAX);
	(void)snprintf(u->names[u->n], sizeof(u->names[0]), "%s", name);
	u->are_users[u->n++] = is_user;
	return CR_OK;
}

/* What refers to the domain; a domain that is gone is CR_ENOTFOUND. */
static int
references(struct m365 *m, const char *domain, struct users *out, struct err *err)
{
	struct http_reply reply = {0};
	int rc;

	users_release(out);
	out->names = calloc(NAMES_MAX, sizeof(*out->names));
	out->are_users = calloc(NAMES_MAX, sizeof(*out->are_users));
	if (out->names == NULL || out->are_users == NULL)
		return err_nomem(err, "users");
	rc = m365_get(m, GRAPH_REFERENCES, domain, M365_MAY_DOMAIN, &reply, err);
	if (rc == CR_OK)
		rc = graph_references_parse(buf_str(&reply.body), reply.body.len, add_user, out, err);
	http_reply_release(&reply);
	return rc;
}

static int
simple(struct m365 *m, const char *method, const char *path, const char *subject, const char *needs, struct err *err)
{
	struct http_request q = {0};
	struct http_reply reply = {0};
	int rc = graph_request(m->settings->graph_url, method, path, subject, &q, err);

	if (rc == CR_OK)
		rc = m365_graph(m, &q, true, subject, needs, &reply, err);
	http_reply_release(&reply);
	return rc;
}

static int
undo_mailbox(struct m365 *m, const char *user, struct err *err)
{
	int rc = simple(m, "DELETE", GRAPH_USER, user, M365_MAY_USER, err);

	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

static int
undo_limit(struct m365 *m, const char *domain, struct err *err)
{
	char name[300];
	const struct exchange_parameter parameters[] = {
		{.name = "Identity", .text = name  },
		{.name = "Confirm",  .truth = false},
	};
	static const char *const cmdlets[] = {"Remove-HostedOutboundSpamFilterRule",
	                                      "Remove-HostedOutboundSpamFilterPolicy"};
	int rc = CR_OK;

	m365_policy_name(domain, name);
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(cmdlets); i++) {
		struct http_reply reply = {0};

		rc = m365_cmdlet(m, cmdlets[i], parameters, ARRAY_LEN(parameters), &reply, err);
		if (rc == CR_ENOTFOUND)
			rc = CR_OK;
		http_reply_release(&reply);
	}
	return rc;
}

static bool
is_ours(const struct mailhost_steps *steps, const char *user)
{
	for (size_t i = 0; i < steps->n; i++)
		if (strcmp(steps->items[i].kind, "mailbox") == 0 && strcasecmp(steps->items[i].subject, user) == 0)
			return true;
	return false;
}

/* Others use it: theirs is theirs.  Ours may be shown for a while after they were deleted. */
static int
check_unused(struct m365 *m, const char *domain, const struct mailhost_steps *steps, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(m, M365_LAG_S);
	struct users users = {0};
	size_t left;
	int rc;

	do {
		left = 0;
		rc = references(m, domain, &users, err);
		for (size_t i = 0; rc == CR_OK && i < users.n; i++) {
			if (!users.are_users[i] || !is_ours(steps, users.names[i]))
				rc = err_set(err, CR_EREFUSED,
				             "%s is still used by %s, which coldrelay did not make: move it away first",
				             domain, users.names[i]);
			left++;
		}
	} while (rc == CR_OK && left > 0 && m365_wait_more(m, &wait));
	users_release(&users);
	return rc;
}

/* Deleted users go on holding the domain for a month, unseen: then only a forced deletion lets it go, which runs on by itself. */
static int
force_domain(struct m365 *m, const char *domain, struct err *err)
{
	struct m365_wait wait = m365_wait_begin(m, m->settings->wait_s);
	struct http_request q = {0};
	struct http_reply reply = {0};
	struct graph_domain is = {0};
	int rc = m365_domain(m, domain, &is, err);

	if (rc == CR_OK && strcmp(is.operation, "ForceDelete") != 0) {
		rc = graph_domain_force_request(m->settings->graph_url, domain, &q, err);
		if (rc == CR_OK)
			rc = m365_graph(m, &q, true, domain, M365_MAY_DOMAIN, &reply, err);
		http_reply_release(&reply);
	}
	while (rc == CR_OK) {
		rc = m365_domain(m, domain, &is, err);
		if (rc == CR_OK && strcmp(is.operation, "ForceDelete") == 0 && strcmp(is.status, "Failed") == 0)
			return err_set(err, CR_EREFUSED, "%s: Microsoft could not delete it: see the admin centre",
			               domain);
		if (rc == CR_OK && !m365_wait_more(m, &wait))
			return err_set(err, CR_ERETRY,
			               "%s: its deletion is still running at Microsoft: run again later", domain);
	}
	return rc;
}

static int
undo_domain(struct m365 *m, const char *domain, const struct mailhost_steps *steps, struct err *err)
{
	struct graph_domain is = {0};
	int rc = m365_domain(m, domain, &is, err);

	if (rc == CR_OK && strcmp(is.operation, "ForceDelete") != 0) {
		rc = check_unused(m, domain, steps, err);
		if (rc != CR_OK)
			return rc == CR_ENOTFOUND ? CR_OK : rc;
		rc = simple(m, "DELETE", GRAPH_DOMAIN, domain, M365_MAY_DOMAIN, err);
		if (rc == CR_OK)
			return CR_OK;
	}
	if (rc == CR_OK || rc == CR_EREFUSED || rc == CR_ECONFLICT)
		rc = force_domain(m, domain, err);
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}

int
m365_undo(void *ctx, const char *domain, const struct mailhost_steps *steps, struct err *err)
{
	struct m365 *m = ctx;
	int rc = CR_OK;

	/* What a domain holds goes before it, in whatever order it was made. */
	for (size_t i = 0; rc == CR_OK && i < steps->n; i++) {
		const struct mailhost_step *s = &steps->items[i];

		if (strcmp(s->kind, "mailbox") == 0)
			rc = undo_mailbox(m, s->subject, err);
		else if (strcmp(s->kind, "limit") == 0)
			rc = undo_limit(m, s->subject, err);
	}
	for (size_t i = 0; rc == CR_OK && i < steps->n; i++)
		if (strcmp(steps->items[i].kind, "domain") == 0) {
			if (strcmp(steps->items[i].subject, domain) != 0)
				return err_set(err, CR_EBUG, "undo of domain %s among those of %s",
				               steps->items[i].subject, domain);
			rc = undo_domain(m, domain, steps, err);
		}
	return rc;
}

/* Sign-in is blocked and what is signed in is signed out; mail goes on arriving. */
int
m365_quiesce(void *ctx, const char *domain, bool off, struct err *err)
{
	struct m365 *m = ctx;
	struct users users = {0};
	int rc = references(m, domain, &users, err);

	for (size_t i = 0; rc == CR_OK && i < users.n; i++) {
		struct http_request q = {0};
		struct http_reply reply = {0};

		if (!users.are_users[i])
			continue;
		rc = graph_user_enabled_request(m->settings->graph_url, users.names[i], !off, &q, err);
		if (rc == CR_OK)
			rc = m365_graph(m, &q, true, users.names[i], M365_MAY_USER, &reply, err);
		http_reply_release(&reply);
		if (rc == CR_OK && off)
			rc = simple(m, "POST", GRAPH_REVOKE, users.names[i], M365_MAY_USER, err);
		/* Deleted in between. */
		if (rc == CR_ENOTFOUND)
			rc = CR_OK;
	}
	users_release(&users);
	return rc == CR_ENOTFOUND ? CR_OK : rc;
}
