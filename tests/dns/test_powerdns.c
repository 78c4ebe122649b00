/*
 * test_powerdns.c - what is sent to PowerDNS and what its answers mean, from files recorded against 4.7.3.
 */
#include "tests/lib/rows.h"

#include "dns/zones/powerdns.h"
#include "tests/lib/golden.h"

#define ZONE GOLDEN_ZONE
#define BASE "http://127.0.0.1:8081/api/v1/servers/localhost"

static void
open_on(struct golden *g, const char *file)
{
	(void)setenv("COLDRELAY_TEST_PDNS_KEY", "k", 1);
	golden_open("powerdns",
	            "url = \"http://127.0.0.1:8081\"; api_key = \"env:COLDRELAY_TEST_PDNS_KEY\";"
	            "name_servers = [\"ns1.example.test\", \"ns2.example.test\"];",
	            file, BASE, g);
}

static void
check_zone(const struct zone_state *s, const char *file)
{
	if (strcmp(file, "observe_absent") == 0) {
		assert_false(s->exists);
		return;
	}
	assert_true(s->exists);
	assert_string_equal(s->id, ZONE ".");
	assert_string_equal(s->serial, "2026112501");
	assert_int_equal(s->name_servers.n, 2);
	assert_string_equal(s->name_servers.items[1], "ns2.example.test");
	/* SOA, two NS, two TXT: the disabled one is not served, a LUA record is not ours to know. */
	assert_int_equal(s->records.n, 5);
	assert_int_equal(records_count(&s->records, ZONE, RECORD_TXT), 2);
}

static int
observe(const struct golden *s, const char *file, struct err *err)
{
	struct zone_state state = {0};
	int rc = s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &state, err);

	if (rc == CR_OK)
		check_zone(&state, file);
	zone_state_release(&state);
	return rc;
}

static int
create(const struct golden *s, const char *file, struct err *err)
{
	struct records l = {0};
	int rc;

	(void)file;
	golden_add(&l, ZONE, RECORD_MX, 3600, "10 mail." ZONE ".");
	golden_add(&l, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	rc = s->provider.driver->create(s->provider.ctx, ZONE, &l, NULL, err);
	records_release(&l);
	return rc;
}

static int
change(const struct golden *s, const char *file, struct err *err)
{
	(void)file;
	return golden_change_spf(s, NULL, err);
}

static const struct golden_row files[] = {
	{"a zone is read",						 observe,             "observe",          CR_OK,        NULL                },
	{"a zone that is not there does not exist",                        observe,             "observe_absent",   CR_OK,        NULL                },
	{"a refused key is told as such",                                  observe,             "observe_bad_key",  CR_EAUTH,     "not accepted"      },
	{"a busy backend is asked again",                                  observe,             "observe_busy",     CR_OK,        NULL                },
	{"a missing member is named by its path",                          observe,             "observe_missing",  CR_EPARSE,
         "rrsets[0].records[0].content"													       },
	{"another zone than the one asked for is no answer",               observe,             "observe_other",    CR_EPARSE,    "other.test"        },
	{"a record from outside the zone is no answer",                    observe,             "observe_outside",  CR_EPARSE,    "rrsets[0].name"    },
	{"a web page is no zone",					  observe,             "observe_page",     CR_ERETRY,    "not the API"       },
	{"a web page does not say that a zone is gone",                    observe,             "observe_page_404", CR_ERETRY,    "not the API"       },
	{"a web page does not say that a change was made",                 change,              "change_page",      CR_EUNKNOWN,  "not the API"       },
	{"a zone is made whole in one request",                            create,              "create",           CR_OK,        NULL                },
	{"a zone that is there is a conflict",                             create,              "create_taken",     CR_ECONFLICT, "exists already"    },
	{"a create that met a busy backend looks, then repeats",           create,              "create_busy",      CR_OK,        NULL                },
	{"a create that may have left a part says so",                     create,              "create_in_part",   CR_EUNKNOWN,  "in part"           },
	{"a create that was cut off is not repeated",                      create,              "create_cut_off",   CR_EUNKNOWN,  NULL                },
	{"what the server refuses is passed on",                           create,              "create_refused",   CR_EREFUSED,  "unable to parse IP"},
	{"a change is one request, neighbours and disabled records in it", change,              "change",           CR_OK,        NULL                },
	{"a change that met trouble is repeated",                          change,              "change_busy",      CR_OK,        NULL                },
	{"a change against other data is a conflict",                      change,              "change_refused",   CR_ECONFLICT, "Conflicts with"    },
	{"a change of a zone that has gone",                               change,              "change_absent",    CR_ENOTFOUND, ZONE                },
	{"a zone is removed, and is gone the second time",                 golden_remove_twice, "remove",           CR_OK,        NULL                },
};

static void
check_file(void **state)
{
	static const char *const secrets[] = {"env:"};

	golden_check(*state, open_on, secrets, ARRAY_LEN(secrets));
}

static const struct base_row {
	const char *name;
	const char *url, *server;
	const char *want; /* NULL: refused */
} bases[] = {
	{"a bare address gets the path",          "http://127.0.0.1:8081",         "localhost",
         "http://127.0.0.1:8081/api/v1/servers/localhost"									       },
	{"slashes at the end make no difference", "https://dns.example//",         "localhost",
         "https://dns.example/api/v1/servers/localhost"										 },
	{"a path that is there is kept",          "https://dns.example/x/api/v1/", "localhost",
         "https://dns.example/x/api/v1/servers/localhost"									       },
	{"a server's id is escaped",              "http://[::1]:8081",             "a/b",       "http://[::1]:8081/api/v1/servers/a%2Fb"},
	{"another scheme is refused",             "ftp://dns.example",             "localhost", NULL                                    },
	{"no host is refused",                    "http://",                       "localhost", NULL                                    },
	{"a password in the address is refused",  "http://u:p@dns.example",        "localhost", NULL                                    },
	{"a query is refused",                    "http://dns.example/?a=b",       "localhost", NULL                                    },
};

static void
check_base(void **state)
{
	const struct base_row *r = *state;
	char *out = NULL;
	struct err err = {0};
	int rc = pdns_base(r->url, r->server, &out, &err);

	if (r->want == NULL) {
		assert_int_equal(rc, CR_ECONFIG);
		return;
	}
	assert_ok(rc, &err);
	assert_string_equal(out, r->want);
	free(out);
}

static const struct id_row {
	const char *name;
	const char *zone, *want;
} ids[] = {
	{"an ordinary name gets its dot", "acme-mail.test",            "acme-mail.test."             },
	{"a slash is =2F",                "0/25.2.0.192.in-addr.arpa", "0=2F25.2.0.192.in-addr.arpa."},
	{"an underscore is =5F",          "_dmarc.acme.test",          "=5Fdmarc.acme.test."         },
};

static void
check_id(void **state)
{
	const struct id_row *r = *state;
	struct buf b = {0};

	pdns_zone_id(r->zone, &b);
	assert_string_equal(buf_str(&b), r->want);
	buf_release(&b);
}

/* A set that is left with disabled records alone is replaced, not deleted; one that becomes served is sent once. */
static void
powerdns__disabled_records_outlive_a_delete(void **state)
{
	struct pdns_target t = {.kind = "Native"};
	struct records now = {0}, disabled = {0};
	struct set_diff diff = {0};
	struct http_request q = {0};
	struct err err = {0};

	(void)state;
	assert_ok(pdns_base("http://h", "localhost", &t.base, &err), &err);
	assert_ok(secret_make("k", 1, &t.key, &err), &err);
	assert_ok(records_add(&now, ZONE, RECORD_A, 60, "192.0.2.1", &err), &err);
	assert_ok(records_add(&disabled, ZONE, RECORD_A, 60, "192.0.2.2", &err), &err);
	assert_ok(set_diff_add(&diff, SET_DELETE, &now.items[0], &err), &err);
	assert_ok(pdns_change_request(&t, ZONE, &now, &disabled, &diff, &q, &err), &err);
	assert_non_null(strstr(buf_str(&q.body), "REPLACE"));
	assert_non_null(strstr(buf_str(&q.body), "192.0.2.2"));
	http_request_release(&q);
	assert_ok(set_diff_add(&diff, SET_CREATE, &disabled.items[0], &err), &err);
	assert_ok(pdns_change_request(&t, ZONE, &now, &disabled, &diff, &q, &err), &err);
	assert_null(strstr(buf_str(&q.body), "true"));
	http_request_release(&q);
	set_diff_release(&diff);
	records_release(&now);
	records_release(&disabled);
	secret_drop(&t.key);
	free(t.base);
}

/* "nameservers" and an NS set exclude each other (422). */
static void
powerdns__an_ns_set_of_the_caller_replaces_the_name_servers(void **state)
{
	char ns1[] = "ns1.example.test";
	char *names[] = {ns1};
	struct pdns_target t = {
		.kind = "Native", .names = {.items = names, .n = 1}
        };
	struct records l = {0};
	struct http_request q = {0};
	struct err err = {0};

	(void)state;
	assert_ok(pdns_base("http://h", "localhost", &t.base, &err), &err);
	assert_ok(secret_make("k", 1, &t.key, &err), &err);
	assert_ok(records_add(&l, ZONE, RECORD_NS, 60, "ns9.example.test.", &err), &err);
	assert_ok(pdns_create_request(&t, ZONE, &l, &q, &err), &err);
	assert_non_null(strstr(buf_str(&q.body), "\"nameservers\":[]"));
	http_request_release(&q);
	records_release(&l);
	secret_drop(&t.key);
	free(t.base);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, files, check_file);
	ROWS(tests, n, bases, check_base);
	ROWS(tests, n, ids, check_id);
	TEST(tests, n, powerdns__disabled_records_outlive_a_delete);
	TEST(tests, n, powerdns__an_ns_set_of_the_caller_replaces_the_name_servers);
	return rows_run("dns/powerdns", tests, n);
}
