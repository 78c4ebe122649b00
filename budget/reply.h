/*
 * reply.h - who refused, and what it means: one server's words against the rules.
 *
 * Pure after the rules are loaded; a struct reply_rules is read by any number of threads.  The order is that of the facts: inner reply of a
 * wrapped one, layer by host, what is no block, own provider, vendor, lists, generic, fallback.
 */
#ifndef BUDGET_REPLY_H
#define BUDGET_REPLY_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* What it means for the gate; actions follow the class. */
enum reply_class {
	REPLY_TENANT_POLICY,
	REPLY_MAILBOX_BLOCK,
	REPLY_IP_BLOCK,
	REPLY_REPUTATION,
	REPLY_CONTENT,
	REPLY_AUTH,
	REPLY_RATE,
	REPLY_OWN_ACCOUNT,
	REPLY_RECIPIENT_RESTRICTED,
	REPLY_BAD_RECIPIENT,
	REPLY_CONFIG,
	REPLY_COMPLAINT, /* a feedback report */
	REPLY_NOTHING,   /* an automatic answer, a success, ordinary mail */
	REPLY_CLASS__COUNT
};
const char *reply_class_name(enum reply_class c); /* "tenant_policy" */

/* Under which word it is reported. */
enum reply_category {
	REPLY_CAT_POLICY_BLOCK,
	REPLY_CAT_REPUTATION,
	REPLY_CAT_IP_BLOCK,
	REPLY_CAT_AUTH,
	REPLY_CAT_CONTENT,
	REPLY_CAT_RATE_LIMIT,
	REPLY_CAT_BAD_RECIPIENT,
	REPLY_CAT_MAILBOX_FULL,
	REPLY_CAT_EXPIRED,
	REPLY_CAT_TEMPORARY,
	REPLY_CAT_FEEDBACK,
	REPLY_CAT_VACATION,
	REPLY_CAT_OTHER,
	REPLY_CAT_NONE,
	REPLY_CATEGORY__COUNT
};
const char *reply_category_name(enum reply_category c); /* "policy_block" */

struct reply_rules;

/*
 * path: the operator's rules file, whose rules come before the built-in ones (templates/replies.rules, linked in); NULL: those alone.
 * Its self-test lines are run.  Errors: CR_ECONFIG, each fault with FILE:LINE, CR_ENOMEM.
 */
MUST_CHECK int reply_rules_open(const char *path, struct reply_rules **out, struct err *err);
void reply_rules_drop(struct reply_rules **r);

/* NULL and "" are the same: not known. */
struct reply_question {
	const char *text;     /* the reply as a log or a report gives it, wrapped or folded as it may be */
	const char *host;     /* who said it */
	const char *reporter; /* who wrote the report; when host is not known, it refused itself */
	const char *status, *reply, *command; /* where the report tells them apart from the text */
	bool temporary;                       /* a delay notice */
};

#define REPLY_INNER_MAX 1024
struct reply_verdict {
	const char *rule; /* id, borrowed from the rules; "fallback-..." */
	enum reply_class class;
	enum reply_category category;
	const char *layer; /* the corpus's words: "m365_tenant", "mimecast", ...; "" when nothing tells */
	bool permanent;    /* 5xx */
	char status[16], reply[4];
	char inner[REPLY_INNER_MAX]; /* the words that decided, lower case, one line, cut */
	/* for people, borrowed: what it means, who decides, what to do, what not to do */
	const char *means, *decides, *todo, *never;
};
void reply_classify(const struct reply_rules *r, const struct reply_question *q, struct reply_verdict *out);

/* Every rule in order, for `explain --rules`: call show until it returns non-zero, which is returned. */
int reply_rules_walk(const struct reply_rules *r,
                     int (*show)(void *arg, const char *rule, const struct reply_verdict *v), void *arg);

#endif
