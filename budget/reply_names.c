/*
 * reply_names.c - classes and categories of replies as words.
 */
#include "budget/reply.h"

#include <assert.h>

static const char *const class_names[] = {
	[REPLY_TENANT_POLICY] = "tenant_policy",
	[REPLY_MAILBOX_BLOCK] = "mailbox_block",
	[REPLY_IP_BLOCK] = "ip_block",
	[REPLY_REPUTATION] = "reputation",
	[REPLY_CONTENT] = "content",
	[REPLY_AUTH] = "auth",
	[REPLY_RATE] = "rate",
	[REPLY_OWN_ACCOUNT] = "own_account",
	[REPLY_RECIPIENT_RESTRICTED] = "recipient_restricted",
	[REPLY_BAD_RECIPIENT] = "bad_recipient",
	[REPLY_CONFIG] = "config",
	[REPLY_COMPLAINT] = "complaint",
	[REPLY_NOTHING] = "nothing",
};
static_assert(ARRAY_LEN(class_names) == REPLY_CLASS__COUNT, "a word for each class");

static const char *const category_names[] = {
	[REPLY_CAT_POLICY_BLOCK] = "policy_block",
	[REPLY_CAT_REPUTATION] = "reputation",
	[REPLY_CAT_IP_BLOCK] = "ip_block",
	[REPLY_CAT_AUTH] = "auth",
	[REPLY_CAT_CONTENT] = "content",
	[REPLY_CAT_RATE_LIMIT] = "rate_limit",
	[REPLY_CAT_BAD_RECIPIENT] = "bad_recipient",
	[REPLY_CAT_MAILBOX_FULL] = "mailbox_full",
	[REPLY_CAT_EXPIRED] = "expired",
	[REPLY_CAT_TEMPORARY] = "temporary",
	[REPLY_CAT_FEEDBACK] = "feedback",
	[REPLY_CAT_VACATION] = "vacation",
	[REPLY_CAT_OTHER] = "other",
	[REPLY_CAT_NONE] = "none",
};
static_assert(ARRAY_LEN(category_names) == REPLY_CATEGORY__COUNT, "a word for each category");

const char *
reply_class_name(enum reply_class c)
{
	return class_names[c];
}

const char *
reply_category_name(enum reply_category c)
{
	return category_names[c];
}
