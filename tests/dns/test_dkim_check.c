/*
 * test_dkim_check.c - what dkim_check.h promises: each fault of a key record by its name and nothing else, and a fix that is one.
 */
#include "tests/lib/dkim_keys.h"
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/dkim_check.h"

#define OWNER "s1._domainkey.out.example"

struct asked {
	const char *selector, *domain;
	const struct dkim_public *ours;
	struct dkim_key key;
	struct findings findings;
};

static int
ask(struct lookup *l, void *arg, struct err *err)
{
	struct asked *a = arg;

	findings_release(&a->findings);
	return dkim_key_check(l, a->selector, a->domain, a->ours, &a->key, &a->findings, err);
}

static void
settle(const char *zone, bool deferred, struct asked *a)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, deferred);
	assert_ok(lookup_settle_one(l, ask, a, &err), &err);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
assert_ids(const struct findings *f, const char *want)
{
	struct buf got = {0};

	for (size_t i = 0; i < f->n; i++) {
		if (i > 0)
			buf_addc(&got, ' ');
		buf_adds(&got, f->items[i].id);
	}
	assert_string_equal(buf_str(&got), want);
	buf_release(&got);
}

/* Published in place of what was there, the fix leaves nothing to be said. */
static void
assert_mends(const char *fix, const struct dkim_public *ours)
{
	static const char head[] = OWNER ". 3600 IN TXT ";
	struct record r = {0};
	struct dkim_key key;
	struct findings f = {0};
	struct err err = {0};

	assert_memory_equal(fix, head, strlen(head));
	assert_ok(record_parse(OWNER, RECORD_TXT, 3600, fix + strlen(head), "", &r, &err), &err);
	assert_ok(dkim_key_read(record_text(&r), ours, &key, &f, &err), &err);
	assert_string_equal(dkim_key_status_name(key.status), ours != NULL ? "match" : "ok");
	assert_int_equal(f.n, 0);
	record_release(&r);
	findings_release(&f);
}

#define QUOTED_TWICE "\"v=DKIM1; k=rsa; p=%1\" \"%2\""

static const struct row {
	const char *name;
	char ours; /* letter; 0: none known */
	const char *txt;
	enum dkim_key_status want;
	const char *ids; /* all of them, in order */
	bool fixes;      /* the first finding has one */
} rows[] = {
	{"our RSA key",						   'R', "v=DKIM1; k=rsa; p=%1|%2",                            DKIM_KEY_MATCH,    "",                        false},
	{"our Ed25519 key",					       'E', "v=DKIM1; k=ed25519; t=s; p=%E",                      DKIM_KEY_MATCH,    "",                        false},
	{"a key, with nothing to compare",                                0,   "v=DKIM1; k=rsa; p=%1|%2",                            DKIM_KEY_OK,       "",                        false},
	{"cut elsewhere than at 255 bytes",                               'R', "v=DK|IM1; k=r|sa; p=%1|%2",                          DKIM_KEY_MATCH,    "",                        false},
	{"the bare RSAPublicKey is the same key",                         'R', "v=DKIM1; p=%P",                                      DKIM_KEY_MATCH,    "",                        false},
	{"blanks within p",					       'E', "v=DKIM1 ; k = ed25519; p= %E ; ",                    DKIM_KEY_MATCH,    "",                        false},
	{"tags nobody knows, and the old g=",                             'E', "v=DKIM1; g=*; x=1; n=a \"note\"; k=ed25519; p=%E",   DKIM_KEY_MATCH,
         "",																				       false},
	{"all services, both hashes",                                     'E', "v=DKIM1; k=ed25519; s=x:email; h=sha1:sha256; p=%E", DKIM_KEY_MATCH,    "",
         false																					  },
	{"any service",						   'E', "v=DKIM1; k=ed25519; s=*; p=%E",                      DKIM_KEY_MATCH,    "",                        false},
	{"no version is no fault",					'E', "k=ed25519; p=%E",                                    DKIM_KEY_MATCH,    "dkim-no-version",         true },
	{"another RSA key",					       'R', "v=DKIM1; k=rsa; p=%O",                               DKIM_KEY_MISMATCH, "dkim-mismatch",           true },
	{"Ed25519 where RSA should be",                                   'R', "v=DKIM1; k=ed25519; p=%E",                           DKIM_KEY_MISMATCH, "dkim-mismatch",           true },
	{"revoked",						       'R', "v=DKIM1; k=rsa; p=",                                 DKIM_KEY_REVOKED,  "dkim-revoked",            true },
	{"revoked, nothing to compare",                                   0,   "v=DKIM1; p= ;",                                      DKIM_KEY_REVOKED,  "dkim-revoked",            false},
	{"1024 bits are warned of",				       'K', "v=DKIM1; p=%K",                                      DKIM_KEY_MATCH,    "dkim-weak",               false},
	{"768 bits are too few",					  'W', "v=DKIM1; p=%W",                                      DKIM_KEY_WEAK,     "dkim-weak",               false},
	{"768 bits, and another key",                                     'R', "v=DKIM1; p=%W",                                      DKIM_KEY_WEAK,     "dkim-weak dkim-mismatch", true },
	{"4096 bits in four strings",                                     'L', "v=DKIM1; p=|%L",                                     DKIM_KEY_MATCH,    "",                        false},
	{"testing",						       'E', "v=DKIM1; t=y:s; k=ed25519; p=%E",                    DKIM_KEY_MATCH,    "dkim-testing",            true },
	{"testing, nothing to compare: the fix is the key that is there", 0,   "v=DKIM1; t=s : y; k=ed25519; p=%E",
         DKIM_KEY_OK,																   "dkim-testing",            true },
	{"sha1 alone",						    'E', "v=DKIM1; h=sha1; k=ed25519; p=%E",                   DKIM_KEY_UNUSABLE, "dkim-sha1",               true },
	{"another service",					       'E', "v=DKIM1; s=tlsrpt; k=ed25519; p=%E",                 DKIM_KEY_UNUSABLE, "dkim-service",            true },
	{"another service, and another key",                              'R', "v=DKIM1; s=tlsrpt; k=ed25519; p=%E",                 DKIM_KEY_UNUSABLE,
         "dkim-service dkim-mismatch",																	     true },
	{"a type nobody knows",					   'R', "v=DKIM1; k=dsa; p=%1%2",                             DKIM_KEY_UNUSABLE, "dkim-unknown-type",       true },
	{"a type in capitals is none",                                    'R', "v=DKIM1; k=RSA; p=%1%2",                             DKIM_KEY_UNUSABLE, "dkim-unknown-type",       true },
	{"quoted twice",						  'R', QUOTED_TWICE,                                         DKIM_KEY_SYNTAX,   "dkim-quotes",             true },
	{"quoted twice, nothing to compare",                              0,   QUOTED_TWICE,                                         DKIM_KEY_SYNTAX,   "dkim-quotes",             true },
	{"quoted twice, and cut within a tag",                            0,   "\"v=DKIM1; k=r\" \"sa; p=%R\"",                      DKIM_KEY_SYNTAX,   "dkim-quotes",
         true																					   },
	{"quotes within p alone",					 'R', "v=DKIM1; k=rsa; p=%1\"|\"%2",                        DKIM_KEY_SYNTAX,   "dkim-quotes",             true },
	{"semicolons escaped twice",				      'R', "v=DKIM1\\; k=rsa\\; p=%1|%2",                        DKIM_KEY_SYNTAX,   "dkim-backslash",          true },
	{"quoted and escaped twice",				      'E', "\"v=DKIM1\\; k=ed25519\\; p=%E\"",                   DKIM_KEY_SYNTAX,
         "dkim-quotes dkim-backslash",																	     true },
	{"the first string alone",					'R', "v=DKIM1; k=rsa; p=%1",                               DKIM_KEY_SYNTAX,   "dkim-string-lost",        true },
	{"the first string alone, nothing to compare",                    0,   "v=DKIM1; k=rsa; p=%1",                               DKIM_KEY_SYNTAX,   "dkim-string-lost",
         false																					  },
	{"the second string alone",				       'R', "%2",						 DKIM_KEY_SYNTAX,   "dkim-string-lost",        true },
	{"two strings in the wrong order",                                'R', "%2|v=DKIM1; k=rsa; p=%1",                            DKIM_KEY_SYNTAX,   "dkim-strings-order",      true },
	{"the wrong order, nothing to compare",                           0,   "%2|v=DKIM1; k=rsa; p=%1",                            DKIM_KEY_SYNTAX,   "dkim-strings-order",
         false																					  },
	{"the wrong order of another key",                                'O', "%2|v=DKIM1; k=rsa; p=%1",                            DKIM_KEY_SYNTAX,   "dkim-strings-order",      true },
	{"Ed25519 as SubjectPublicKeyInfo",                               'E', "v=DKIM1; k=ed25519; p=%S",                           DKIM_KEY_SYNTAX,   "dkim-spki-ed25519",
         true																					   },
	{"Ed25519 as SubjectPublicKeyInfo, nothing to compare",           0,   "v=DKIM1; k=ed25519; p=%S",                           DKIM_KEY_SYNTAX,
         "dkim-spki-ed25519",																		      true },
	{"an Ed25519 key that says rsa",                                  'E', "v=DKIM1; k=rsa; p=%E",                               DKIM_KEY_SYNTAX,   "dkim-key-type",           true },
	{"an Ed25519 key without its type",                               0,   "v=DKIM1; p=%E",                                      DKIM_KEY_SYNTAX,   "dkim-key-type",           true },
	{"an RSA key that says ed25519",                                  'R', "v=DKIM1; k=ed25519; p=%1|%2",                        DKIM_KEY_SYNTAX,   "dkim-key-type",           true },
	{"p is not base64",					       'R', "v=DKIM1; p=?!?!",                                    DKIM_KEY_SYNTAX,   "dkim-base64",             true },
	{"p is base64 of something else",                                 'R', "v=DKIM1; p=AAAABBBB",                                DKIM_KEY_SYNTAX,   "dkim-bad-key",            true },
	{"p is whole, and no key",					'R', "v=DKIM1; p=MIEBAA==",                                DKIM_KEY_SYNTAX,   "dkim-bad-key",            true },
	{"bytes behind the key",					  'R', "v=DKIM1; p=%RAAAA",                                  DKIM_KEY_SYNTAX,   "dkim-bad-key",            true },
	{"another version",					       'E', "v=DKIM2; k=ed25519; p=%E",                           DKIM_KEY_SYNTAX,   "dkim-version",            true },
	{"the version in small letters",                                  'E', "v=dkim1; k=ed25519; p=%E",                           DKIM_KEY_SYNTAX,   "dkim-version",            true },
	{"the version not first",					 'E', "k=ed25519; v=DKIM1; p=%E",                           DKIM_KEY_SYNTAX,   "dkim-version",            true },
	{"a tag twice",						   'E', "v=DKIM1; k=ed25519; p=; p=%E",                       DKIM_KEY_SYNTAX,   "dkim-repeated-tag",       true },
	{"no p",							  'E', "v=DKIM1; k=ed25519",                                 DKIM_KEY_SYNTAX,   "dkim-no-key",             true },
	{"no tags",						       'E', "v=DKIM1; k=ed25519; hello there; p=%E",              DKIM_KEY_SYNTAX,   "dkim-syntax",             true },
	{"an empty record",					       'E', "",						   DKIM_KEY_SYNTAX,   "dkim-empty",              true },
	{"an SPF record",						 'E', "v=spf1 -all",                                        DKIM_KEY_SYNTAX,   "dkim-other-record",       true },
	{"a DMARC record",						'E', "v=DMARC1; p=none",                                   DKIM_KEY_SYNTAX,   "dkim-other-record",       true },
	{"a token of some service",				       'E', "google-site-verification=abc",                       DKIM_KEY_SYNTAX,   "dkim-other-record",       true },
	{"a zero byte",						   'E', "v=DKIM1; k=ed25519; p=%E\\000",                      DKIM_KEY_SYNTAX,   "dkim-syntax",             true },
	{"two keys",						      'R', "v=DKIM1; p=%1|%2||v=DKIM1; p=%O",                    DKIM_KEY_SYNTAX,   "dkim-two-records",        true },
	{"the same key twice, spelled otherwise",                         'R', "v=DKIM1; p=%1|%2||k=rsa; p=%R",                      DKIM_KEY_SYNTAX,
         "dkim-two-records",																		       true },
	{"a key and something else",				      'R', "v=DKIM1; p=%1|%2||v=spf1 -all",                      DKIM_KEY_SYNTAX,   "dkim-two-records",        true },
	{"two records instead of two strings",                            'R', "v=DKIM1; k=rsa; p=%1||%2",                           DKIM_KEY_SYNTAX,
         "dkim-strings-as-records",																		true },
	{"two records instead of two strings, the other way round",       0,   "%2||v=DKIM1; k=rsa; p=%1",                           DKIM_KEY_SYNTAX,
         "dkim-strings-as-records",																		true },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct asked a = {
		.selector = "s1", .domain = "out.example", .ours = r->ours != 0 ? &test_key(r->ours)->public : NULL};
	struct buf zone = {0};

	buf_adds(&zone, "{\"" OWNER "\": {\"TXT\": ");
	test_key_txt(r->txt, &zone);
	buf_adds(&zone, "}}");
	for (int deferred = 0; deferred < 2; deferred++) {
		settle(buf_str(&zone), deferred != 0, &a);
		assert_ids(&a.findings, r->ids);
		assert_string_equal(dkim_key_status_name(a.key.status), dkim_key_status_name(r->want));
		for (size_t i = 0; i < a.findings.n; i++) {
			assert_false(a.findings.items[i].absent);
			if (strcmp(a.findings.items[i].id, "dkim-weak") == 0)
				assert_int_equal(a.findings.items[i].level,
				                 r->want == DKIM_KEY_WEAK ? FINDING_FAIL : FINDING_WARN);
			if (a.findings.items[i].fix != NULL && strcmp(a.findings.items[i].id, "dkim-weak") != 0)
				assert_mends(a.findings.items[i].fix, a.ours);
		}
		if (a.findings.n > 0 && strcmp(r->ids, "dkim-weak") != 0)
			assert_int_equal(a.findings.items[0].fix != NULL, r->fixes);
	}
	findings_release(&a.findings);
	buf_release(&zone);
}

static const struct zone_row {
	const char *name, *zone;
	enum dkim_key_status want;
	const char *ids;
	bool absent;
	const char *says;
} zones[] = {
	{"no such name",			  "{\"out.example\": {\"A\": [\"192.0.2.1\"]}}",                   DKIM_KEY_MISSING,   "dkim-missing",                   true,
         "NXDOMAIN"																					     },
	{"a name without TXT",                    "{\"" OWNER "\": {\"A\": [\"192.0.2.1\"]}}",                     DKIM_KEY_MISSING,   "dkim-missing",                   true,
         "no TXT record"																					},
	{"an alias to nowhere",                   "{\"" OWNER "\": {\"CNAME\": [\"k.host.example\"]}}",            DKIM_KEY_MISSING,
         "dkim-cname-nowhere",																	   true,  "k.host.example"},
	{"an alias to a name without TXT",
         "{\"" OWNER "\": {\"CNAME\": [\"k.host.example\"]}, \"k.host.example\": {\"A\": [\"192.0.2.1\"]}}",
         DKIM_KEY_MISSING,													     "dkim-cname-nowhere",             true,  "no TXT record" },
	{"an alias to a key",
         "{\"" OWNER "\": {\"CNAME\": [\"k.host.example\"]}, \"k.host.example\": {\"TXT\": [[\"v=DKIM1; p=\"]]}}",
         DKIM_KEY_REVOKED,													     "dkim-revoked",                   false, "revoked"       },
	{"SERVFAIL",			      "{\"" OWNER "\": {\"RCODE\": 2}}",                               DKIM_KEY_TEMPERROR, "dkim-unknown",                   false, OWNER           },
	{"silence",			       "{\"" OWNER "\": {\"TIMEOUT\": true}}",                          DKIM_KEY_TEMPERROR, "dkim-unknown",                   false, OWNER           },
	{"an alias loop",                         "{\"" OWNER "\": {\"CNAME\": [\"" OWNER "\"]}}",                 DKIM_KEY_TEMPERROR, "dkim-unknown",                   false,
         OWNER																						  },
	{"_domainkey does not exist",
         "{\"" OWNER "\": {\"TXT\": [[\"v=DKIM1; p=\"]]}, \"_domainkey.out.example\": {\"RCODE\": 3}}",
         DKIM_KEY_REVOKED,													     "dkim-revoked dkim-no-domainkey", false, "revoked"       },
	{"_domainkey fails: no verdict about it",
         "{\"" OWNER "\": {\"TXT\": [[\"v=DKIM1; p=\"]]}, \"_domainkey.out.example\": {\"RCODE\": 2}}",
         DKIM_KEY_REVOKED,													     "dkim-revoked",                   false, "revoked"       },
};

static void
check_zone(void **state)
{
	const struct zone_row *r = *state;
	struct asked a = {.selector = "S1", .domain = "Out.Example"};

	for (int deferred = 0; deferred < 2; deferred++) {
		settle(r->zone, deferred != 0, &a);
		assert_ids(&a.findings, r->ids);
		assert_string_equal(dkim_key_status_name(a.key.status), dkim_key_status_name(r->want));
		assert_non_null(strstr(a.findings.items[0].text, r->says));
		assert_int_equal(a.findings.items[0].absent, r->absent);
		if (r->want == DKIM_KEY_TEMPERROR)
			assert_int_equal(a.findings.items[0].level, FINDING_UNKNOWN);
	}
	findings_release(&a.findings);
}

static void
dkim_check__a_missing_key_is_given_whole(void **state)
{
	struct asked a = {.selector = "s1", .domain = "out.example", .ours = &test_key('R')->public};

	(void)state;
	settle("{\"out.example\": {}}", true, &a);
	assert_ids(&a.findings, "dkim-missing");
	assert_mends(a.findings.items[0].fix, a.ours);
	findings_release(&a.findings);
}

static void
dkim_check__a_selector_that_is_no_name_is_not_asked_for(void **state)
{
	struct asked a = {.selector = "a..b", .domain = "out.example"};

	(void)state;
	settle("{\"out.example\": {}}", false, &a);
	assert_ids(&a.findings, "dkim-selector");
	assert_int_equal(a.key.status, DKIM_KEY_SYNTAX);
	findings_release(&a.findings);
}

static void
dkim_check__flags_are_told(void **state)
{
	struct dkim_key k;
	struct buf text = {0};
	struct err err = {0};

	(void)state;
	test_key_fill("v=DKIM1; t=y:s; k=ed25519; p=%E", &text);
	assert_ok(dkim_key_read(buf_str(&text), NULL, &k, NULL, &err), &err);
	assert_true(k.testing && k.strict && k.sha256);
	assert_int_equal(k.public.bits, 256);
	assert_null(k.why);
	buf_clear(&text);
	test_key_fill("v=DKIM1; h=sha1; k=ed25519; p=%E", &text);
	assert_ok(dkim_key_read(buf_str(&text), NULL, &k, NULL, &err), &err);
	assert_false(k.testing || k.strict || k.sha256);
	assert_string_equal(k.why, "hash");
	buf_release(&text);
}

/* The middle strings of a long key can change places without harm to its form: only ours tells. */
static void
dkim_check__strings_of_a_long_key_in_any_order_are_noticed(void **state)
{
	static const size_t orders[][4] = {
		{0, 2, 1, 3},
                {1, 0, 2, 3},
                {3, 2, 1, 0},
                {2, 3, 0, 1}
        };
	struct buf whole = {0}, text = {0};
	struct dkim_public longest;
	struct dkim_key k;
	struct err err = {0};

	(void)state;
	longest = test_key('L')->public;
	test_key_fill("v=DKIM1; k=rsa; n=a note that fills the first string a bit, so that there are four of them, as "
	              "there may well be with such a long text in front of the key; p=%L",
	              &whole);
	assert_int_equal((whole.len + 254) / 255, 4);
	for (size_t o = 0; o < ARRAY_LEN(orders); o++) {
		struct findings f = {0};

		buf_clear(&text);
		for (size_t i = 0; i < 4; i++) {
			size_t from = 255 * orders[o][i];

			buf_add(&text, whole.data + from, whole.len - from < 255 ? whole.len - from : 255);
		}
		assert_ok(dkim_key_read(buf_str(&text), &longest, &k, &f, &err), &err);
		assert_ids(&f, "dkim-strings-order");
		assert_non_null(strstr(f.items[0].text, "our key"));
		findings_release(&f);
	}
	buf_release(&whole);
	buf_release(&text);
}

int
main(void)
{
	static struct CMUnitTest tests[128];
	size_t n = 0;
	int failed;

	test_keys_open();
	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, zones, check_zone);
	TEST(tests, n, dkim_check__a_missing_key_is_given_whole);
	TEST(tests, n, dkim_check__a_selector_that_is_no_name_is_not_asked_for);
	TEST(tests, n, dkim_check__flags_are_told);
	TEST(tests, n, dkim_check__strings_of_a_long_key_in_any_order_are_noticed);
	failed = rows_run("dns/dkim_check", tests, n);
	test_keys_close();
	return failed;
}
