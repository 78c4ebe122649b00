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

/* Each rule has a line of its own, and one that nearly is. */
static void
reply__every_rule_has_a_sample_and_a_near_miss(void **state)
{
	(void)state;
	for (size_t i = 0; i < rules->n_rules; i++) {
		const char *id = rules->rules[i].id;
		size_t own = 0, near = 0;

		for (size_t k = 0; k < rules->n_tests; k++) {
			if (strcmp(rules->tests[k].rule, id) == 0)
				*(strcmp(rules->tests[k].want, id) == 0 ? &own : &near) += 1;
		}
		if (own == 0 || near == 0)
			fail_msg("rule %s has %zu samples and %zu near misses", id, own, near);
	}
}

static int
check_words(void *arg, const char *rule, const struct reply_verdict *v)
{
	(void)arg;
	if (v->means[0] == '\0' || v->decides[0] == '\0' || v->todo[0] == '\0' || v->never[0] == '\0')
		fail_msg("rule %s has no words for people", rule);
	return 0;
}

static void
reply__every_rule_has_words_for_people(void **state)
{
	(void)state;
	assert_int_equal(reply_rules_walk(rules, check_words, NULL), 0);
}

static int
stop_at(void *arg, const char *rule, const struct reply_verdict *v)
{
	(void)v;
	return strcmp(rule, arg) == 0 ? 7 : 0;
}

static void
reply__walk_ends_where_its_caller_wants(void **state)
{
	char id[] = "ms-etr";

	(void)state;
	assert_int_equal(reply_rules_walk(rules, stop_at, id), 7);
}

/* What a report tells beside the text, and what it does not. */
static const struct asked_row {
	const char *name;
	struct reply_question q;
	const char *rule, *category, *layer, *status, *reply;
	bool permanent;
} asked[] = {
	{"the report's status where the text has none",
         {.text = "Delivery failed", .status = "5.2.2", .reply = "552"},
         "full-code",                                                                                                                        "mailbox_full",
         "",                                                                                                                                                      "5.2.2",
         "552",                                                                                                                                                                     true },
	{"the text's status before the report's",
         {.text = "550 5.1.1 x", .status = "5.7.1"},
         "rcpt-code",                                                                                                                        "bad_recipient",
         "",                                                                                                                                                      "5.1.1",
         "550",                                                                                                                                                                     true },
	{"a delay notice is not permanent",
         {.text = "connect to mx.example.org[192.0.2.1]:25: Connection timed out", .temporary = true},
         "temp-words",                                                                                                                       "temporary",
         "",                                                                                                                                                      "",
         "",                                                                                                                                                                        false},
	{"a 4xx is not permanent",
         {.text = "450 4.2.2 mailbox full"},
         "full",                                                                                                                             "mailbox_full",
         "",                                                                                                                                                      "4.2.2",
         "450",                                                                                                                                                                     false},
	{"nobody else is named: whoever wrote the report refused",
         {.text = "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found", .reporter = "AM1.eurprd01.prod.outlook.com"},
         "rcpt-ms-resolver",                                                                                                                 "bad_recipient",
         "m365",                                                                                                                                                  "5.1.1",
         "550",                                                                                                                                                                     true },
	{"another host is named: the reporter only tells",
         {.text = "550 5.1.1 User unknown", .reporter = "AM1.eurprd01.prod.outlook.com", .host = "mx.fabrikam.example"},
         "rcpt-sure",                                                                                                                        "bad_recipient",
         "",                                                                                                                                                      "5.1.1",
         "550",                                                                                                                                                                     true },
	{"the report's host before that in the text",
         {.text = "host mx.example.org[192.0.2.1] said: 550 5.7.1 Qwx", .host = "mx0a-1.pphosted.com."},
         "fallback-decision-550",                                                                                                            "policy_block",
         "proofpoint",                                                                                                                                            "5.7.1",
         "550",                                                                                                                                                                     true },
	{"the host in the text",
         {.text = "host MX0a-1.PPHOSTED.com[192.0.2.1] said: 554 5.7.1 Qwx"},
         "fallback-decision",                                                                                                                "policy_block",
         "proofpoint",                                                                                                                                            "5.7.1",
         "554",                                                                                                                                                                     true },
	{"a host is a suffix by labels",
         {.text = "554 5.7.1 Qwx", .host = "notpphosted.com"},
         "fallback-policy",                                                                                                                  "policy_block",
         "",                                                                                                                                                      "5.7.1",
         "554",                                                                                                                                                                     true },
	{"a sender at Google is not Google",
         {.text = "554 5.7.1 Client host [mail-a.google.com] blocked using zen.spamhaus.org"},
         "dnsbl-spamhaus",                                                                                                                   "ip_block",
         "",                                                                                                                                                      "5.7.1",
         "554",                                                                                                                                                                     true },
	{"a sender at Microsoft is not Microsoft",
         {.text = "550 Mail from x.outbound.protection.outlook.com [192.0.2.1] is blacklisted"},
         "dnsbl-generic",                                                                                                                    "ip_block",
         "",                                                                                                                                                      "",
         "550",                                                                                                                                                                     true },
	{"whoever wraps is named, the inner reply decides",
         {.text = "550 5.0.350 Remote server returned an error -> 550 5.1.1 User unknown"},
         "rcpt-sure",                                                                                                                        "bad_recipient",
         "m365",                                                                                                                                                  "5.1.1",
         "550",                                                                                                                                                                     true },
	{"a word in an address is no reason",
         {.text = "550 <virus-spam@example.org> Qwx"},
         "fallback-unknown",                                                                                                                 "other",
         "",                                                                                                                                                      "",
         "550",                                                                                                                                                                     true },
	{"refused at the greeting, told by the report",
         {.text = "554 mail.example.org", .command = "CONN"},
         "conn-refused",                                                                                                                     "ip_block",
         "",                                                                                                                                                      "",
         "554",                                                                                                                                                                     true },
	{"nothing at all",					 {.text = NULL},                                       "fallback-unknown", "other",         "", "",        "",    false},
	{"a success",					      {.text = "250 2.1.5 Ok"},                             "fallback-unknown", "other",         "", "2.1.5",   "250", false},
	{"a status that only one uses tells the layer",
         {.text = "550 5.4.399 Qwx"},
         "fallback-unknown",                                                                                                                 "other",
         "m365",                                                                                                                                                  "5.4.399",
         "550",                                                                                                                                                                     true },
	{"a recipient that is quoted tells the layer",
         {.text = "552 5.2.2 <a@icloud.com>: user is over quota"},
         "full",                                                                                                                             "mailbox_full",
         "apple",                                                                                                                                                 "5.2.2",
         "552",                                                                                                                                                                     true },
	{"a sender that is quoted does not",
         {.text = "550 5.1.8 <a@icloud.com>: Sender address rejected: Domain not found"},
         "sender-domain",                                                                                                                    "other",
         "",                                                                                                                                                      "5.1.8",
         "550",                                                                                                                                                                     true },
	{"what a delay notice quotes is not permanent",
         {.text = "550 5.1.1 User unknown", .temporary = true},
         "rcpt-sure",                                                                                                                        "bad_recipient",
         "",                                                                                                                                                      "5.1.1",
         "550",                                                                                                                                                                     false},
};

static void
check_asked(void **state)
{
	const struct asked_row *row = *state;
	struct reply_verdict got;

	reply_classify(rules, &row->q, &got);
	assert_string_equal(got.rule, row->rule);
	assert_string_equal(reply_category_name(got.category), row->category);
	assert_string_equal(got.layer, row->layer);
	assert_string_equal(got.status, row->status);
	assert_string_equal(got.reply, row->reply);
	assert_int_equal(got.permanent, row->permanent);
}

/* The same refusal in the hands of others is the same refusal. */
static const struct wrap_row {
	const char *name, *before, *after;
} wraps[] = {
	{"wrapped by Postfix",         "host mail.example.org[192.0.2.1] said: ",                     " (in reply to end of DATA command)"},
	{"wrapped by Exim",
         "SMTP error from remote mail server after end of data: host mail.example.org [192.0.2.1]: ", ""                                  },
	{"wrapped by qmail",
         "192.0.2.1 failed after I sent the message. Remote host said: ",                             " Giving up on 192.0.2.1."          },
	{"wrapped by a report",        "smtp; ",						      ""                                  },
	{"wrapped by Exchange",        "Remote Server returned '",                                    "'"                                 },
	{"wrapped by Exchange Online", "550 5.0.350 Remote server returned an error -> ",             ""                                  },
	{"wrapped in JSON",            "{\"event\":\"bounce\",\"reason\":\"",                         "\",\"status\":\"5.0.0\"}"          },
};

static void
check_wrap(void **state)
{
	const struct wrap_row *row = *state;
	struct reply_verdict bare, got;
	char text[2048];

	for (size_t i = 0; i < rules->n_tests; i++) {
		const struct reply_test *test = &rules->tests[i];

		/* what no server said cannot be quoted, and what is wrapped already names another host */
		if (strchr("245", test->text[0]) == NULL || strstr(test->text, "->") != NULL ||
		    strstr(test->text, "xpired") != NULL)
			continue;
		(void)snprintf(text, sizeof(text), "%s%s%s", row->before, test->text, row->after);
		reply_classify(rules, &(struct reply_question){.text = test->text, .host = test->host}, &bare);
		reply_classify(rules, &(struct reply_question){.text = text, .host = test->host}, &got);
		if (strcmp(bare.rule, got.rule) != 0 && test->host[0] != '\0')
			fail_msg("replies.rules:%d: bare %s, wrapped %s: %s", test->line, bare.rule, got.rule, text);
	}
}

/* Rules files of operators, and what is said of them. */
static const struct file_row {
	const char *name, *text, *want; /* "" it is taken; else what follows FILE: */
} files[] = {
	{"an empty file",                    "",								       ""							     },
	{"comments and blank lines",         "# nothing\n\n   # yet\n",                                                ""                                                             },
	{"a rule with its test",
         "rule ours\n\ttext: no pink elephants\n\tclass: tenant_policy\n\ttest: | 550 no pink elephants => ours\n",    ""                                                             },
	{"lines that end in CR LF",
         "rule ours\r\n\ttext: no pink elephants\r\n\tclass: tenant_policy\r\n\ttest: | 550 no pink elephants => "
         "ours\r\n",                                                                                                   ""							     },
	{"a layer of its own",
         "layer ours\n\thost: .gate.example\nrule ours\n\tonly: ours\n\treply: 5\n\tclass: tenant_policy\n\tlayer: "
         "ours\n\ttest: mx.gate.example | 550 x => ours\n\ttest: mx.other.example | 550 x => fallback-unknown\n",      ""							     },
	{"a test that does not hold",
         "rule ours\n\ttext: no pink elephants\n\tclass: tenant_policy\n\ttest: | 550 grey elephants => ours\n",       "4: the test wants 'ours', and 'fallback-unknown' answers"     },
	{"a test that another rule answers",
         "rule ours\n\ttext: no pink elephants\n\tclass: rate\n\ttest: | 550 5.1.1 User unknown => ours\n",            "4: the test wants 'ours', and 'rcpt-sure' answers"            },
	{"a test without its arrow",         "rule ours\n\ttext: abc\n\tclass: rate\n\ttest: | 550 abc\n",
         "4: a test reads: HOST | REPLY => ID"																	},
	{"a test without its bar",           "rule ours\n\ttext: abc\n\tclass: rate\n\ttest: 550 abc => ours\n",
         "4: a test reads: HOST | REPLY => ID"																	},
	{"an unknown class",                 "rule ours\n\ttext: abc\n\tclass: odd\n",                                 "3: no class has the name 'odd'"                               },
	{"an unknown category",              "rule ours\n\ttext: abc\n\tclass: rate\n\tcategory: odd\n",
         "4: no category has the name 'odd'"																	  },
	{"an unknown layer",                 "rule ours\n\ttext: abc\n\tclass: rate\n\tfrom: odd\n",                   "4: no layer has the name 'odd'"                               },
	{"an end of addresses without @",    "layer ours\n\taddress: example.org\n",
         "2: an end of addresses begins with @: 'example.org'"															},
	{"an unknown command",               "rule ours\n\ttext: abc\n\tclass: rate\n\tcommand: quit\n",
         "4: no command: 'quit' (rcpt, data, mail, helo, conn)"														       },
	{"an unknown key",                   "rule ours\n\ttext: abc\n\tclass: rate\n\tcolour: red\n",                 "4: no such key: 'colour'"                                     },
	{"a key of another block",           "layer ours\n\tclass: rate\n",                                            "2: 'class' has no place in this block"                        },
	{"a line without a key",             "rule ours\n\ttext: abc\n\tclass: rate\n\tno colon\n",
         "4: not KEY: VALUE: 'no colon'"																	      },
	{"a key without a value",            "rule ours\n\ttext:\n\tclass: rate\n\treply: 5\n",                        "2: 'text' has no value"                                       },
	{"a line before any block",          "\ttext: abc\n",							  "1: no block has begun: 'text: abc'"                           },
	{"an unknown block",                 "rules ours\n",							   "1: a block begins with class, layer or rule, not with 'rules'"},
	{"a rule without a class",           "rule ours\n\ttext: abc\n",                                               "1: the rule has no line 'class'"                              },
	{"a rule without a condition",       "rule ours\n\tclass: rate\n",
         "1: the rule has neither 'text' nor 'status' nor 'reply'"														    },
	{"an id in capitals",                "rule OURS\n\tclass: rate\n",                                             "1: an id is made of a-z, 0-9, - and _: 'OURS'"                },
	{"an id twice",                      "rule a\n\treply: 5\n\tclass: rate\nrule a\n\treply: 5\n\tclass: rate\n",
         "4: the id 'a' is in line 1 too"																	     },
	{"a short phrase",                   "rule ours\n\ttext: abc | ab\n\tclass: rate\n",                           "2: 'ab' is shorter than three bytes"                          },
	{"a reply code that is none",        "rule ours\n\treply: 550 650\n\tclass: rate\n",
         "2: no reply code, or beginning of one: '650'"															       },
	{"a status that is none",            "rule ours\n\tstatus: 5.7.\n\tclass: rate\n",                             "2: no status code: '5.7.'"                                    },
	{"a range backwards",                "rule ours\n\tstatus: 5.7.9..1\n\tclass: rate\n",                         "2: no status code: '5.7.9..1'"                                },
	{"a fourth 'also'",
         "rule ours\n\ttext: abc\n\talso: abc\n\talso: abc\n\talso: abc\n\talso: abc\n\tclass: rate\n",                "6: more than 3 lines 'also'"                                  },
};

static void
write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void
check_file(void **state)
{
	const struct file_row *row = *state;
	char path[] = "/tmp/coldrelay-rules-XXXXXX", want[256];
	struct reply_rules *r = NULL;
	struct err err = {0};
	int rc;

	write_file(path, row->text);
	rc = reply_rules_open(path, &r, &err);
	(void)unlink(path);
	if (row->want[0] == '\0') {
		assert_ok(rc, &err);
	} else {
		(void)snprintf(want, sizeof(want), "%s:%s", path, row->want);
		assert_int_equal(rc, CR_ECONFIG);
		assert_string_equal(err.text, want);
		assert_null(r);
	}
	reply_rules_drop(&r);
}

static int
count_id(void *arg, const char *rule, const struct reply_verdict *v)
{
	(void)v;
	if (strcmp(rule, "ms-etr") == 0)
		++*(int *)arg;
	return 0;
}

static void
reply__operators_rules_come_first(void **state)
{
	char path[] = "/tmp/coldrelay-rules-XXXXXX";
	struct reply_rules *r = NULL;
	struct reply_verdict got;
	struct err err = {0};
	int n = 0;

	(void)state;
	write_file(path,
	           "class bad_recipient\n\ttodo: Ask the shop.\n"
	           "rule before-all\n\ttext: user unknown\n\tonly: mimecast\n\tclass: bad_recipient\n\tmeans: Ours.\n"
	           "rule ms-etr\n\ttext: transport.rules.\n\tclass: content\n");
	assert_ok(reply_rules_open(path, &r, &err), &err);
	(void)unlink(path);
	reply_classify(r, &(struct reply_question){.text = "550 User unknown", .host = "a.mimecast.com"}, &got);
	assert_string_equal(got.rule, "before-all");
	assert_string_equal(got.means, "Ours.");
	assert_string_equal(got.todo, "Ask the shop.");
	assert_string_not_equal(got.never, "");
	/* one with a built-in rule's id takes its place */
	reply_classify(r, &(struct reply_question){.text = "550 5.7.1 TRANSPORT.RULES.RejectMessage"}, &got);
	assert_string_equal(got.rule, "ms-etr");
	assert_int_equal(got.class, REPLY_CONTENT);
	assert_int_equal(reply_rules_walk(r, count_id, &n), 0);
	assert_int_equal(n, 1);
	reply_rules_drop(&r);
}

static void
reply__missing_file_is_named(void **state)
{
	struct reply_rules *r = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(reply_rules_open("/nonexistent/replies.rules", &r, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "/nonexistent/replies.rules"));
}

/* "a,b,c" has the word. */
static bool
in_list(const char *list, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at += len) {
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* Wordings of many servers and languages, a line each. */
static void
reply__words_of_many_servers_are_told_right(void **state)
{
	struct buf file = {0};
	struct err err = {0};
	size_t n = 0, wrong = 0;

	(void)state;
	assert_ok(file_read("tests/golden/replies/words.tsv", REPLY_FILE_MAX, &file, &err), &err);
	for (char *line = strchr(file.data, '\n') + 1, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		char *tab = strchr(line, '\t');
		struct reply_verdict got;

		assert_true(tab != NULL && tab < end);
		*tab = *end = '\0';
		reply_classify(rules, &(struct reply_question){.text = tab + 1}, &got);
		n++;
		if (!in_list(line, reply_category_name(got.category))) {
			wrong++;
			print_error("%s, not %s by %s: %s\n", line, reply_category_name(got.category), got.rule,
			            tab + 1);
		}
	}
	assert_true(n > 500);
	assert_int_equal(wrong, 0);
	buf_release(&file);
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
	ROWS(tests, n, asked, check_asked);
	ROWS(tests, n, wraps, check_wrap);
	ROWS(tests, n, files, check_file);
	TEST(tests, n, reply__every_rule_has_a_sample_and_a_near_miss);
	TEST(tests, n, reply__every_rule_has_words_for_people);
	TEST(tests, n, reply__walk_ends_where_its_caller_wants);
	TEST(tests, n, reply__operators_rules_come_first);
	TEST(tests, n, reply__missing_file_is_named);
	TEST(tests, n, reply__words_of_many_servers_are_told_right);
	rc = rows_run("budget/reply", tests, n);
	reply_rules_drop(&rules);
	return rc;
}
