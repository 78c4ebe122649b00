/*
 * test_lexicon.c - what is said to lexicon and what its answers mean; the program itself runs in tests/e2e/lexicon.sh.
 */
#include "tests/lib/rows.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/cfg.h"
#include "core/file.h"
#include "dns/zones/lexicon.h"

#define ZONE "acme-mail.com"

static const struct list_row {
	const char *name, *json;
	uint16_t type;
	const char *owner, *rdata; /* of the only record; NULL: none */
	uint32_t ttl_s;
} lists[] = {
	{"an address",
         "[{\"type\":\"A\",\"name\":\"mail.acme-mail.com\",\"ttl\":3600,\"content\":\"192.0.2.10\",\"id\":\"7\"}]",                    RECORD_A,     "mail." ZONE, "192.0.2.10",         3600},
	{"a TTL as text",
         "[{\"type\":\"A\",\"name\":\"mail.acme-mail.com\",\"ttl\":\"300\",\"content\":\"192.0.2.10\"}]",                              RECORD_A,
         "mail." ZONE,																	     "192.0.2.10",         300 },
	{"a name that is relative",           "[{\"type\":\"A\",\"name\":\"mail\",\"ttl\":1,\"content\":\"192.0.2.10\"}]",
         RECORD_A,																   "mail." ZONE, "192.0.2.10",         1   },
	{"a name with its dot",
         "[{\"type\":\"A\",\"name\":\"mail.acme-mail.com.\",\"ttl\":1,\"content\":\"192.0.2.10\"}]",                                   RECORD_A,
         "mail." ZONE,																	     "192.0.2.10",         1   },
	{"a preference in front",
         "[{\"type\":\"MX\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"10 mx.example.net.\"}]",                                RECORD_MX,    ZONE,
         "10 mx.example.net.",																			   1   },
	{"a preference beside it",
         "[{\"type\":\"MX\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"mx.example.net\",\"priority\":20}]",                    RECORD_MX,    ZONE,         "20 mx.example.net.", 1   },
	{"a preference among the options",
         "[{\"type\":\"MX\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"mx.example.net\",\"options\":{\"mx\":{"
         "\"priority\":\"30\"}}}]",                                                                                                    RECORD_MX,    ZONE,         "30 mx.example.net.", 1   },
	{"a TXT as it is",                    "[{\"type\":\"TXT\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"v=spf1 -all\"}]",
         RECORD_TXT,																 ZONE,         "\"v=spf1 -all\"",    1   },
	{"a TXT in quotes",
         "[{\"type\":\"TXT\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"\\\"v=spf1 \\\" \\\"-all\\\"\"}]",                     RECORD_TXT,   ZONE,         "\"v=spf1 -all\"",    1   },
	{"a TXT whose outer quotes were cut",
         "[{\"type\":\"TXT\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"v=spf1 \\\" \\\"-all\"}]",                             RECORD_TXT,
         ZONE,																		     "\"v=spf1 -all\"",    1   },
	{"an alias without its dot",
         "[{\"type\":\"CNAME\",\"name\":\"www.acme-mail.com\",\"ttl\":1,\"content\":\"w.example.net\"}]",                              RECORD_CNAME,
         "www." ZONE,																	      "w.example.net.",     1   },
	{"another type than was asked for",
         "[{\"type\":\"A\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"192.0.2.1\"}]",                                          RECORD_MX,    NULL,         NULL,                 0   },
	{"what is no record",                 "[{\"type\":\"A\",\"name\":\"acme-mail.com\",\"ttl\":1,\"content\":\"forwarded\"}]",
         RECORD_A,																   NULL,         NULL,                 0   },
	{"warnings in front",
         "/usr/lib/x.py:1: Warning: old "
         "[1]\n[{\"type\":\"A\",\"name\":\"a.acme-mail.com\",\"ttl\":1,\"content\":\"192.0.2.1\"}]\n",                                 RECORD_A,     "a." ZONE,    "192.0.2.1",          1   },
	{"an empty list",                     "[]",										    RECORD_A,     NULL,         NULL,                 0   },
};

static void
check_list(void **state)
{
	const struct list_row *r = *state;
	struct records l = {0};
	struct record want = {0};
	struct err err = {0};

	assert_ok(lexicon_list_parse(r->json, strlen(r->json), ZONE, r->type, &l, &err), &err);
	assert_int_equal(l.n, r->owner != NULL ? 1 : 0);
	if (r->owner != NULL) {
		assert_ok(record_parse(r->owner, r->type, r->ttl_s, r->rdata, "", &want, &err), &err);
		assert_true(record_same(&want, &l.items[0]));
		assert_int_equal(l.items[0].ttl_s, r->ttl_s);
	}
	record_release(&want);
	records_release(&l);
}

static const struct fault_row {
	const char *name, *output;
	int want; /* CR_OK: absent */
	const char *says;
} faults[] = {
	{"a zone that is not there",
         "Traceback...\nrequests.exceptions.HTTPError: 404 Client Error: Not Found for url: http://x\n",            CR_OK,      NULL             },
	{"a zone that the account does not have", "Traceback\nException: No domain found\n",                        CR_OK,      NULL             },
	{"a wrong token",
         "Traceback\nrequests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: http://x\n",            CR_EAUTH,
         "not let in"															    },
	{"a token that is missing",
         "x\nlexicon.providers.powerdns.PowerDNSProviderError: PowerDNS API key not defined (auth_token)\n",        CR_EAUTH,
         "auth_token"															    },
	{"a provider that it does not have",
         "usage: lexicon\nlexicon: error: argument provider_name: invalid choice: 'nosuch'\n",                      CR_ECONFIG, "nosuch"         },
	{"a provider whose parts are missing",
         "lexicon.exceptions.ProviderNotAvailableError: This provider (route53) has required extra dependencies\n", CR_ECONFIG, "route53"        },
	{"nobody there",			  "x\nrequests.exceptions.ConnectionError: refused\n",              CR_ERETRY,  "ConnectionError"},
	{"silence",			       "",							       CR_ERETRY,  "said nothing"   },
};

static void
check_fault(void **state)
{
	const struct fault_row *r = *state;
	struct err err = {0};
	bool absent = true;

	assert_int_equal(lexicon_fault_parse(r->output, ZONE, &absent, &err), r->want);
	assert_int_equal(absent, r->want == CR_OK);
	if (r->says != NULL)
		assert_non_null(strstr(err.text, r->says));
}

/* A program in its place that notes what it was started with. */
static char dir[] = "/tmp/coldrelay-lexicon.XXXXXX";

static void
stand_in(const char *body)
{
	struct buf text = {0};
	struct err err = {0};
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/lexicon", dir);
	buf_addf(
		&text,
		"#!/bin/sh\nd=%s\nfor a; do printf '%%s|' \"$a\" >>$d/said; done; echo >>$d/said\nenv | grep ^LEXICON_ "
		">$d/env\n%s\n",
		dir, body);
	assert_ok(file_replace(path, buf_str(&text), text.len, 0700, FILE_OWNER_SELF, &err), &err);
	(void)snprintf(path, sizeof(path), "%s/said", dir);
	(void)unlink(path);
	buf_release(&text);
}

static void
read_back(const char *name, struct buf *out)
{
	struct err err = {0};
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_ok(file_read(path, 65536, out, &err), &err);
}

static void *
open_driver(const char *more, void **settings_out, struct err *err)
{
	const struct zone_driver *d = zone_driver_find("lexicon");
	const struct zone_env env = {.clock = clock_system()};
	struct cfg *cfg = NULL;
	char text[512];
	void *ctx = NULL;

	(void)snprintf(text, sizeof(text),
	               "provider = \"powerdns\"; program = \"%s/lexicon\"; options = [\"auth-token=env:LX_TOKEN\", "
	               "\"pdns_server=http://127.0.0.1:1\"]; %s",
	               dir, more);
	(void)setenv("LX_TOKEN", "s3cret", 1);
	*settings_out = calloc(1, d->settings_size);
	assert_non_null(*settings_out);
	assert_ok(cfg_open_text(text, "test", &cfg, err), err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", d->rows, d->n_rows, NULL, 0, *settings_out, err), err);
	cfg_drop(&cfg);
	assert_ok(d->open(&env, *settings_out, &ctx, err), err);
	return ctx;
}

static void
close_driver(void *ctx, void *settings)
{
	struct zone_provider p = {.driver = zone_driver_find("lexicon"), .settings = settings, .ctx = ctx};

	zone_provider_release(&p);
}

static void
lexicon__secrets_travel_in_the_environment_alone(void **state)
{
	struct zone_state s = {0};
	struct buf said = {0}, env = {0};
	struct err err = {0};
	void *settings, *ctx;

	(void)state;
	stand_in("echo '[]'");
	ctx = open_driver("types = [\"MX\"];", &settings, &err);
	assert_ok(zone_driver_find("lexicon")->observe(ctx, ZONE, NULL, &s, &err), &err);
	assert_true(s.exists);
	read_back("said", &said);
	read_back("env", &env);
	assert_string_equal(buf_str(&said),
	                    "--config-dir|/dev|--delegated|acme-mail.com|powerdns|list|acme-mail.com|MX|--output|"
	                    "JSON|--log_level|ERROR|\n");
	assert_non_null(strstr(buf_str(&env), "LEXICON_POWERDNS_AUTH_TOKEN=s3cret\n"));
	assert_non_null(strstr(buf_str(&env), "LEXICON_POWERDNS_PDNS_SERVER=http://127.0.0.1:1\n"));
	buf_release(&said);
	buf_release(&env);
	zone_state_release(&s);
	close_driver(ctx, settings);
}

static void
lexicon__a_secret_that_is_printed_is_struck_out(void **state)
{
	struct zone_state s = {0};
	struct err err = {0};
	void *settings, *ctx;

	(void)state;
	stand_in("echo \"Error: s3cret is refused, s3cret\" >&2; exit 1");
	ctx = open_driver("", &settings, &err);
	assert_int_equal(zone_driver_find("lexicon")->observe(ctx, ZONE, NULL, &s, &err), CR_ERETRY);
	assert_null(strstr(err.text, "s3cret"));
	assert_non_null(strstr(err.text, "****** is refused, ******"));
	close_driver(ctx, settings);
}

static int
change(void *ctx, struct err *err)
{
	struct zone_state base = {.exists = true};
	struct set_diff d = {0};
	struct record r = {0};
	int rc;

	assert_ok(records_add(&base.records, ZONE, RECORD_TXT, 60, "\"old\"", err), err);
	assert_ok(record_copy(&base.records.items[0], &r, err), err);
	assert_ok(set_diff_add(&d, SET_DELETE, &r, err), err);
	record_release(&r);
	assert_ok(record_parse(ZONE, RECORD_MX, 3600, "10 mx.example.net.", "", &r, err), err);
	assert_ok(set_diff_add(&d, SET_CREATE, &r, err), err);
	record_release(&r);
	rc = zone_driver_find("lexicon")->change(ctx, ZONE, &base, &d, err);
	set_diff_release(&d);
	zone_state_release(&base);
	return rc;
}

static const struct change_row {
	const char *name, *more, *body;
	int want;
	const char *said; /* a part */
} changes[] = {
	{"a preference beside the host",               "",                      "echo true",                        CR_OK,
         "|create|acme-mail.com|MX|--name|acme-mail.com|--content|mx.example.net.|--ttl|3600|--priority|10|"                               },
	{"a preference in the content",                "mx_in_content = true;", "echo true",                        CR_OK,
         "|MX|--name|acme-mail.com|--content|10 mx.example.net.|--ttl|3600|--output|"                                                      },
	{"a delete names its content",                 "",                      "echo true",                        CR_OK,
         "|delete|acme-mail.com|TXT|--name|acme-mail.com|--content|old|--output|"                                                          },
	{"a change that stops half-way is unknown",    "",                      "case $6 in create) exit 1;; esac", CR_EUNKNOWN, "|create|"},
	{"a change whose first step fails is unknown", "",                      "exit 1",                           CR_EUNKNOWN, "|delete|"},
	{"a change that is not let in did nothing",    "",                      "echo '401 Client Error'; exit 1",  CR_EAUTH,    "|delete|"},
};

static void
check_change(void **state)
{
	const struct change_row *r = *state;
	struct buf said = {0};
	struct err err = {0};
	void *settings, *ctx;
	int rc;

	stand_in(r->body);
	ctx = open_driver(r->more, &settings, &err);
	rc = change(ctx, &err);
	if (rc != r->want)
		fail_msg("%s: %s", err_code_name(rc), err.text);
	read_back("said", &said);
	if (strstr(buf_str(&said), r->said) == NULL)
		fail_msg("'%s' is not in: %s", r->said, buf_str(&said));
	buf_release(&said);
	close_driver(ctx, settings);
}

static const struct bad_row {
	const char *name, *config;
} bad[] = {
	{"a provider that is no word",          "provider = \"../x\";"                                            },
	{"an option without a value",           "provider = \"x\"; options = [\"auth_token\"];"                   },
	{"an option whose variable is not set", "provider = \"x\"; options = [\"auth_token=env:NOT_SET_AT_ALL\"];"},
	{"a type that lexicon does not know",   "provider = \"x\"; types = [\"CAA\"];"                            },
};

static void
check_bad(void **state)
{
	const struct bad_row *r = *state;
	const struct zone_driver *d = zone_driver_find("lexicon");
	const struct zone_env env = {.clock = clock_system()};
	struct cfg *cfg = NULL;
	struct err err = {0};
	void *ctx = NULL;
	struct zone_provider p = {.driver = d, .settings = calloc(1, d->settings_size)};

	assert_non_null(p.settings);
	assert_ok(cfg_open_text(r->config, "test", &cfg, &err), &err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", d->rows, d->n_rows, NULL, 0, p.settings, &err), &err);
	cfg_drop(&cfg);
	assert_int_equal(d->open(&env, p.settings, &ctx, &err), CR_ECONFIG);
	zone_provider_release(&p);
}

static void
lexicon__a_program_that_is_not_installed_is_named_with_its_package(void **state)
{
	struct zone_state s = {0};
	struct err err = {0};
	void *settings, *ctx;
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/lexicon", dir);
	(void)unlink(path);
	ctx = open_driver("", &settings, &err);
	assert_int_equal(zone_driver_find("lexicon")->observe(ctx, ZONE, NULL, &s, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "package lexicon"));
	close_driver(ctx, settings);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;
	char path[64];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	ROWS(tests, n, lists, check_list);
	ROWS(tests, n, faults, check_fault);
	ROWS(tests, n, changes, check_change);
	ROWS(tests, n, bad, check_bad);
	TEST(tests, n, lexicon__secrets_travel_in_the_environment_alone);
	TEST(tests, n, lexicon__a_secret_that_is_printed_is_struck_out);
	TEST(tests, n, lexicon__a_program_that_is_not_installed_is_named_with_its_package);
	failed = rows_run("dns/lexicon", tests, n);
	for (size_t i = 0; i < 3; i++) {
		static const char *const left[] = {"lexicon", "said", "env"};

		(void)snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
	return failed;
}
