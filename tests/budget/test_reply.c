/*
 * test_reply.c - replies against the built-in rules, and rules files of operators.
 *
 * The lines `test:` of templates/replies.rules are rows here.
 */
#include "tests/lib/rows.h"

#include "budget/reply.h"
#include "budget/reply_inside.h"
#include "core/file.h"

#include <unistd.h>

static struct reply_rules *rules;

static void
check_test_line(void **state)
{
	const struct reply_test *test = *state;
	struct reply_verdict got;

	if (!reply_test_holds(rules, test, &got))
		fail_msg("replies.rules:%d: the test wants %s, and %s answers", test->line, test->want, got.rule);
}

/* The check lines of the facts: which rule, which class. */
static const struct row {
	const char *name, *host, *text, *rule, *class, *category, *layer;
} rows[] = {
	{"a banned address of Microsoft 365",            "example.mail.protection.outlook.com",
         "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. ... (AS16012609)",                                                                    "ms-banned-ip",      "ip_block",
         "ip_block",																							     "m365"         },
	{"directory based edge blocking is no block",    "example.mail.protection.outlook.com",
         "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors "
         "[X.prod.outlook.com]",                                                                                                                          "rcpt-dbeb",         "bad_recipient", "bad_recipient", "m365"         },
	{"a mail flow rule",			     "example-com.e-v1.mx.microsoft",
         "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",                                                      "ms-etr",
         "tenant_policy",																				       "policy_block",  "m365_tenant"  },
	{"a mail flow rule in its own words",            "example.mail.protection.outlook.com", "550 5.7.933 Not wanted here",
         "ms-etr-custom",																		      "tenant_policy", "policy_block",  "m365_tenant"  },
	{"a decision behind Microsoft in unknown words", "example.mail.protection.outlook.com",
         "554 5.7.1 Your domain may not write to us",												     "fallback-decision", "tenant_policy", "policy_block",  "m365"         },
	{"a list of Outlook.com",                        "eur.olc.protection.outlook.com",
         "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. ... on our block list (S3150).",                                               "ms-olc-list",       "ip_block",      "ip_block",      "outlook_com"  },
	{"the own account",			      "",				    "550 5.1.8 Access denied, bad outbound sender AS(42004)", "own-outbound",      "own_account",
         "policy_block",																							 "m365"         },
	{"an administrator's block at Mimecast",         "us-smtp-inbound-1.mimecast.com",
         "550 Administrative prohibition envelope blocked - https://community.mimecast.com/docs/DOC-1369#550 [x.us1]",                                    "mc-admin",          "tenant_policy", "policy_block",  "mimecast"     },
	{"Mimecast's score",			     "us-smtp-inbound-2.mimecast.com",
         "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/docs/DOC-1369#550",                                               "mc-reputation",     "reputation",    "reputation",    "mimecast"     },
	{"Proofpoint's list",                            "mx0a-00000000.pphosted.com",
         "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",										"pp-ip",             "ip_block",      "ip_block",
         "proofpoint"																									   },
	{"a customer's block at Barracuda",              "d100000a.ess.barracudanetworks.com",
         "550 permanent failure for one or more recipients (a@example.org:blocked)",                                                                      "bc-blocked",        "tenant_policy",
         "policy_block",																							 "barracuda"    },
	{"the reply within Barracuda's",                 "d100000a.ess.barracudanetworks.com",
         "550 permanent failure for one or more recipients (a@example.org:550 5.4.1 Recipient address rejected: Access "
         "denied.)",                                                                                                                                      "rcpt-dbeb",         "bad_recipient", "bad_recipient", "barracuda"    },
	{"Cisco's score",				"esa1.hc1000-10.iphmx.com",
         "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",                                               "ci-mta",
         "reputation",																					  "reputation",    "ironport"     },
	{"554 5.7.1 is a relay denial too",              "mail.example.org",                    "554 5.7.1 <a@example.org>: Relay access denied",
         "relay",																			      "config",        "other",         ""             },
	{"554 5.7.1 is a list too",                      "mail.example.org",
         "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",                                                         "dnsbl-spamhaus",
         "ip_block",																					    "ip_block",      ""             },
	{"a policy of a Workspace, over two lines",      "aspmx.l.google.com",
         "550-5.7.1 The user or domain that you are sending to (or from) has a policy that 550-5.7.1 prohibited the "
         "mail that you sent.",                                                                                                                           "g-policy",          "tenant_policy", "policy_block",  "google_tenant"},
	{"Apple's local policy",                         "mx01.mail.icloud.com",                "554 5.7.1 [HM08] Message rejected due to local policy.",
         "a-policy",																			   "reputation",    "policy_block",  "apple"        },
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct reply_verdict got;

	reply_classify(rules, &(struct reply_question){.text = row->text, .host = row->host}, &got);
	assert_string_equal(got.rule, row->rule);
	assert_string_equal(reply_class_name(got.class), row->class);
	assert_string_equal(reply_category_name(got.category), row->category);
	assert_string_equal(got.layer, row->layer);
}

int
main(void)
{
	static struct CMUnitTest tests[2048];
	static char names[2048][96];
	struct err err = {0};
	size_t n = 0;
	int rc;

	if (reply_rules_open(NULL, &rules, &err) != CR_OK) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < rules->n_tests; i++) {
		const struct reply_test *test = &rules->tests[i];

		assert(n < ARRAY_LEN(names));
		(void)snprintf(names[n], sizeof(names[n]), "replies.rules:%d: %s", test->line, test->want);
		tests[n] = (struct CMUnitTest){
			.name = names[n], .test_func = check_test_line, .initial_state = (void *)(uintptr_t)test};
		n++;
	}
	ROWS(tests, n, rows, check_row);
	rc = rows_run("budget/reply", tests, n);
	reply_rules_drop(&rules);
	return rc;
}
