/*
 * test_azure.c - what is sent to Azure DNS and what its answers mean, from files written after its descriptions.
 */
#include "tests/lib/rows.h"

#include "dns/zones/azure.h"
#include "tests/lib/golden.h"

#define ZONE GOLDEN_ZONE
#define BASE "https://management.azure.com"

static void
open_on(struct golden *g, const char *file)
{
	(void)setenv("COLDRELAY_TEST_AZ_SECRET", "s3cret", 1);
	golden_open("azure",
	            "tenant_id = \"ten\"; client_id = \"app\"; client_secret = \"env:COLDRELAY_TEST_AZ_SECRET\";"
	            "subscription = \"sub\"; resource_group = \"rg1\";",
	            file, BASE, g);
}

static void
assert_there(const struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata)
{
	struct records like = {0};
	const struct record *r;

	golden_add(&like, owner, type, ttl_s, rdata);
	r = records_find(l, &like.items[0]);
	if (r == NULL)
		fail_msg("%s %s is not there", owner, rdata);
	else
		assert_int_equal(r->ttl_s, ttl_s);
	records_release(&like);
}

static void
assert_zone(const struct zone_state *s)
{
	assert_true(s->exists);
	assert_int_equal(s->records.n, 9);
	assert_there(&s->records, ZONE, RECORD_MX, 3600, "10 mail." ZONE ".");
	assert_there(&s->records, ZONE, RECORD_TXT, 3600, "\"v=spf1 ip4:192.0.2.10 -all\"");
	assert_there(&s->records, ZONE, RECORD_TXT, 3600, "\"google-site-verification=raw\"");
	assert_there(&s->records, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	assert_there(&s->records, ZONE, RECORD_CAA, 3600, "0 issue \"letsencrypt.org\"");
	assert_there(&s->records, "_imaps._tcp." ZONE, RECORD_SRV, 3600, "0 1 993 mail." ZONE ".");
	assert_there(&s->records, ZONE, RECORD_SOA, 3600,
	             "ns1-01.azure-dns.com. azuredns-hostmaster.microsoft.com. 1 3600 300 2419200 300");
	assert_int_equal(s->name_servers.n, 2);
	assert_string_equal(s->name_servers.items[0], "ns1-01.azure-dns.com");
	assert_int_equal(s->n_fixed, 1);
	assert_string_equal(s->fixed[0].owner, "www." ZONE);
}

static int
observe(const struct golden *s, const char *file, struct err *err)
{
	struct zone_state z = {0};
	int rc = s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &z, err);

	(void)file;
	if (rc == CR_OK)
		assert_zone(&z);
	zone_state_release(&z);
	return rc;
}

static int
observe_absent(const struct golden *s, const char *file, struct err *err)
{
	struct zone_state z = {.exists = true};
	int rc = s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &z, err);

	(void)file;
	if (rc == CR_OK)
		assert_false(z.exists);
	zone_state_release(&z);
	return rc;
}

static int
create(const struct golden *s, const char *file, struct err *err)
{
	struct zone_state made = {0};
	struct records l = {0};
	char key[304];
	int rc;

	(void)file;
	(void)snprintf(key, sizeof(key), "\"%0300d\"", 0);
	for (size_t i = 1; i <= 300; i++)
		key[i] = 'k';
	golden_add(&l, ZONE, RECORD_MX, 3600, "10 mail." ZONE ".");
	golden_add(&l, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	golden_add(&l, ZONE, RECORD_TXT, 3600, "\"v=spf1 -all\"");
	golden_add(&l, "key._domainkey." ZONE, RECORD_TXT, 3600, key);
	golden_add(&l, "_imaps._tcp." ZONE, RECORD_SRV, 3600, "0 1 993 mail." ZONE ".");
	golden_add(&l, ZONE, RECORD_CAA, 3600, "0 issue \"letsencrypt.org\"");
	golden_add(&l, "*.www." ZONE, RECORD_CNAME, 3600, "www.example.net.");
	rc = s->provider.driver->create(s->provider.ctx, ZONE, &l, &made, err);
	if (rc == CR_OK) {
		assert_int_equal(made.name_servers.n, 2);
		assert_string_equal(made.name_servers.items[1], "ns2-01.azure-dns.net");
	}
	zone_state_release(&made);
	records_release(&l);
	return rc;
}

static int
change_zone(const struct golden *s, bool alias, struct err *err)
{
	struct zone_state base = {0};
	struct set_diff d = {0};
	int rc;

	assert_ok(s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &base, err), err);
	golden_differ(&d, SET_DELETE, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	golden_differ(&d, SET_DELETE, ZONE, RECORD_TXT, 3600, "\"v=spf1 ip4:192.0.2.10 -all\"");
	golden_differ(&d, SET_DELETE, "_imaps._tcp." ZONE, RECORD_SRV, 3600, "0 1 993 mail." ZONE ".");
	golden_differ(&d, SET_TTL, ZONE, RECORD_MX, 300, "10 mail." ZONE ".");
	golden_differ(&d, SET_CREATE, "mail." ZONE, RECORD_A, 3600, "192.0.2.11");
	golden_differ(&d, SET_CREATE, ZONE, RECORD_TXT, 3600, "\"v=spf1 -all\"");
	/* There already: no call. */
	golden_differ(&d, SET_CREATE, ZONE, RECORD_CAA, 3600, "0 issue \"letsencrypt.org\"");
	if (alias)
		golden_differ(&d, SET_CREATE, "www." ZONE, RECORD_A, 3600, "192.0.2.80");
	rc = s->provider.driver->change(s->provider.ctx, ZONE, &base, &d, err);
	set_diff_release(&d);
	zone_state_release(&base);
	return rc;
}

static int
change(const struct golden *s, const char *file, struct err *err)
{
	(void)file;
	return change_zone(s, false, err);
}

static int
change_over_alias(const struct golden *s, const char *file, struct err *err)
{
	(void)file;
	return change_zone(s, true, err);
}

/* clang-format off */
static const struct golden_row files[] = {
	{"a zone is read page by page, as one list says where the next is", observe, "observe", CR_OK, NULL},
	{"a zone that is not there does not exist", observe_absent, "observe_absent", CR_OK, NULL},
	{"nor does one that an error without its wrapper denies", observe_absent, "observe_bare", CR_OK, NULL},
	{"a missing group is no missing zone", observe, "observe_no_group", CR_ECONFIG, "ResourceGroupNotFound"},
	{"a page that says 404 is none either", observe, "observe_not_found_page", CR_EREFUSED, "not the API's"},
	{"an application without its role is told", observe, "observe_no_role", CR_EAUTH, "lacks a role"},
	{"a wrong secret is told, and not shown", observe, "observe_bad_secret", CR_EAUTH, "AADSTS7000215"},
	{"a token that was taken away stops with one line", observe, "observe_revoked", CR_EAUTH, "a fresh token is not accepted"},
	{"a token that expired is renewed", observe, "observe_renewed", CR_OK, NULL},
	{"a missing member is named by its path", observe, "observe_missing", CR_EPARSE, "value[1].properties.TXTRecords"},
	{"a set without its etag cannot be guarded", observe, "observe_no_etag", CR_EPARSE, "value[0].etag"},
	{"no token follows an address to another host", observe, "observe_elsewhere", CR_EPARSE, "leads away"},
	{"a web page is no zone", observe, "observe_page", CR_ERETRY, "200"},
	{"a zone is made, and a call for each set", create, "create", CR_OK, NULL},
	{"a zone not known everywhere yet is waited for", create, "create_lag", CR_OK, NULL},
	{"a zone that is there is a conflict", create, "create_taken", CR_ECONFLICT, "exists already"},
	{"one that is there with nothing in it was just made", create, "create_empty", CR_ERETRY, "just made"},
	{"so was one that is not to be seen", create, "create_unseen", CR_ERETRY, "just made"},
	{"a create that was cut off is not repeated", create, "create_cut_off", CR_EUNKNOWN, NULL},
	{"a create whose answer cannot be read was made", create, "create_unreadable", CR_EUNKNOWN, "cannot be read"},
	{"a zone whose records are refused was made all the same", create, "create_in_part", CR_EUNKNOWN, "was made"},
	{"each set is written whole, for the etag that was seen", change, "change", CR_OK, NULL},
	{"an answer that was lost is asked for again, and found done", change, "change_lost_done", CR_OK, NULL},
	{"a write that failed is looked at, and sent again", change, "change_lost_not_done", CR_OK, NULL},
	{"a set whose notes changed is written with the new ones", change, "change_marked", CR_OK, NULL},
	{"a set that another hand changed is a conflict", change, "change_other", CR_ECONFLICT, "another hand"},
	{"one that is met half-way leaves the change open", change, "change_in_part", CR_EUNKNOWN, "changed in part"},
	{"nor is a neighbour brought back that another hand took away", change, "change_neighbour_gone", CR_EUNKNOWN, "another hand"},
	{"a set that became an alias is a conflict", change, "change_became_alias", CR_ECONFLICT, "alias"},
	{"an alias that stands is a conflict before any call", change_over_alias, "change_alias", CR_ECONFLICT, "alias"},
	{"what the API refuses is passed on", change, "change_refused", CR_EREFUSED, "not valid"},
	{"a throttled change is made later", change, "change_throttled", CR_OK, NULL},
	{"a web page does not say that a set was written", change, "change_page", CR_OK, NULL},
	{"a removal is watched to its end", golden_remove_twice, "remove", CR_OK, NULL},
	{"or by the status of its place", golden_remove_twice, "remove_location", CR_OK, NULL},
	{"a removal that fails says of what", golden_remove, "remove_failed", CR_EREFUSED, "CannotDeleteZone"},
	{"no token follows an operation to another host", golden_remove, "remove_elsewhere", CR_EUNKNOWN, "leads away"},
	{"an operation that cannot be watched is open", golden_remove, "remove_silent", CR_EUNKNOWN, "does not say where"},
	{"one that goes on is not waited for without end", golden_remove, "remove_endless", CR_EUNKNOWN, "still going on"},
	{"one that may not be watched is open", golden_remove, "remove_unseen", CR_EUNKNOWN, "end not seen"},
};
/* clang-format on */

static void
check_file(void **state)
{
	static const char *const secrets[] = {"s3cret"};

	golden_check(*state, open_on, secrets, ARRAY_LEN(secrets));
}

static void
azure__waits_as_the_operation_says(void **state)
{
	struct golden s;
	struct err err = {0};

	(void)state;
	open_on(&s, "remove");
	assert_ok(s.provider.driver->remove(s.provider.ctx, ZONE, &err), &err);
	assert_int_equal(s.clock.slept_ms, 7000);
	assert_ok(s.provider.driver->remove(s.provider.ctx, ZONE, &err), &err);
	golden_close(&s);
}

static const struct refused {
	const char *name, *owner, *rdata;
	uint16_t type;
	uint32_t ttl_s;
	int want;
} refusals[] = {
	{"a TTL of nothing",                ZONE,            "192.0.2.1",        RECORD_A,     0,          CR_EREFUSED},
	{"the shortest TTL",                ZONE,            "192.0.2.1",        RECORD_A,     1,          CR_OK      },
	{"the longest TTL",                 ZONE,            "192.0.2.1",        RECORD_A,     2147483647, CR_OK      },
	{"name servers of the zone itself", ZONE,            "ns1.example.net.", RECORD_NS,    3600,       CR_EREFUSED},
	{"name servers below it",           "sub." ZONE,     "ns1.example.net.", RECORD_NS,    3600,       CR_OK      },
	{"a CNAME of the zone itself",      ZONE,            "www.example.net.", RECORD_CNAME, 3600,       CR_EREFUSED},
	{"a TXT without bytes",             ZONE,            "\"\"",             RECORD_TXT,   3600,       CR_EREFUSED},
	{"a TXT beyond ASCII",              ZONE,            "\"a\\195\\188\"",  RECORD_TXT,   3600,       CR_EREFUSED},
	{"a TXT with a line feed",          ZONE,            "\"a\\010b\"",      RECORD_TXT,   3600,       CR_EREFUSED},
	{"a TXT with a tilde",              ZONE,            "\"v=spf1 ~all\"",  RECORD_TXT,   3600,       CR_OK      },
	{"a name with a slash",             "0/25." ZONE,    "a.example.",       RECORD_PTR,   3600,       CR_EREFUSED},
	{"a name with an escape",           "a\\032b." ZONE, "192.0.2.1",        RECORD_A,     3600,       CR_EREFUSED},
	{"a type that it does not hold",    ZONE,            "\\# 1 00",         65280,        3600,       CR_EREFUSED},
};

static void
check_refused(void **state)
{
	const struct refused *r = *state;
	struct records l = {0};
	struct err err = {0};

	golden_add(&l, r->owner, r->type, r->ttl_s, r->rdata);
	assert_int_equal(zone_driver_accepts(zone_driver_find("azure"), ZONE, &l, &err), r->want);
	records_release(&l);
}

static const struct host_row {
	const char *name, *base, *url;
	bool want;
} hosts[] = {
	{"the same host",      "https://management.azure.com", "https://management.azure.com/x?y",            true },
	{"in other letters",   "https://management.azure.com", "https://Management.Azure.com/x",              true },
	{"below a path",       "http://127.0.0.1:8080/arm",    "http://127.0.0.1:8080/x",                     true },
	{"another port",       "http://127.0.0.1:8080",        "http://127.0.0.1:80801/x",                    false},
	{"another scheme",     "https://management.azure.com", "http://management.azure.com/x",               false},
	{"a longer host",      "https://management.azure.com", "https://management.azure.com.evil.example/x", false},
	{"a user in front",    "https://management.azure.com", "https://management.azure.com@evil.example/x", false},
	{"a host alone",       "https://management.azure.com", "https://management.azure.com",                false},
	{"a relative address", "https://management.azure.com", "/x",                                          false},
};

static void
check_host(void **state)
{
	const struct host_row *r = *state;

	assert_int_equal(arm_is_same_host(r->base, r->url), r->want);
}

int
main(void)
{
	struct CMUnitTest tests[80];
	size_t n = 0;

	ROWS(tests, n, files, check_file);
	TEST(tests, n, azure__waits_as_the_operation_says);
	ROWS(tests, n, refusals, check_refused);
	ROWS(tests, n, hosts, check_host);
	return rows_run("dns/azure", tests, n);
}
