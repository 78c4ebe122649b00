/*
 * test_cloudflare.c - what is sent to Cloudflare and what its answers mean, from files written after its documents.
 */
#include "tests/lib/rows.h"

#include "dns/zones/cloudflare.h"
#include "tests/lib/golden.h"

#define ZONE GOLDEN_ZONE
#define ID   "023e105f4ecef8ad9ca31a8372d0c353"
#define BASE "https://api.cloudflare.com/client/v4"

static void
open_on(struct golden *g, const char *file)
{
	(void)setenv("COLDRELAY_TEST_CF_TOKEN", "s3cret-token", 1);
	golden_open("cloudflare", "api_token = \"env:COLDRELAY_TEST_CF_TOKEN\"; account = \"acc\";", file, BASE, g);
}

static void
check_zone(const struct zone_state *s, const char *file)
{
	const struct record *spf = NULL;

	if (strcmp(file, "observe_absent") == 0 || strcmp(file, "observe_other") == 0) {
		assert_false(s->exists);
		return;
	}
	assert_true(s->exists);
	/* Nine, of which two are of types that nobody here can have made. */
	assert_int_equal(s->records.n, 7);
	for (size_t i = 0; i < s->records.n; i++) {
		const struct record *r = &s->records.items[i];

		if (r->type == RECORD_TXT && strncmp(record_text(r), "v=spf1", 6) == 0)
			spf = r;
		/* What a proxy answers for is not what was asked for, however its TTL reads. */
		if (strncmp(r->owner, "www.", 4) == 0)
			assert_int_equal(r->ttl_s, 1);
	}
	assert_non_null(spf);
	assert_string_equal(record_text(spf), "v=spf1 ip4:192.0.2.10 -all");
}

static int
observe_by(const struct golden *s, const char *id, const char *file, struct err *err)
{
	struct zone_state state = {0};
	int rc = s->provider.driver->observe(s->provider.ctx, ZONE, id, &state, err);

	if (rc == CR_OK)
		check_zone(&state, file);
	zone_state_release(&state);
	return rc;
}

static int
observe(const struct golden *s, const char *file, struct err *err)
{
	return observe_by(s, NULL, file, err);
}

static int
observe_by_id(const struct golden *s, const char *file, struct err *err)
{
	return observe_by(s, ID, file, err);
}

static int
create(const struct golden *s, const char *file, struct err *err)
{
	struct records l = {0};
	struct zone_state made = {0};
	int rc;

	(void)file;
	golden_add(&l, ZONE, RECORD_MX, 3600, "10 mail." ZONE ".");
	golden_add(&l, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	golden_add(&l, ZONE, RECORD_TXT, 3600, "\"v=spf1 -all\"");
	golden_add(&l, "_imaps._tcp." ZONE, RECORD_SRV, 3600, "0 1 993 mail." ZONE ".");
	golden_add(&l, ZONE, RECORD_CAA, 3600, "0 issue \"letsencrypt.org\"");
	golden_add(&l, "_25._tcp.mail." ZONE, RECORD_TLSA, 3600,
	           "3 1 1 abababababababababababababababababababababababababababababababab");
	rc = s->provider.driver->create(s->provider.ctx, ZONE, &l, &made, err);
	if (rc == CR_OK) {
		assert_string_equal(made.id, ID);
		assert_int_equal(made.name_servers.n, 2);
		assert_string_equal(made.name_servers.items[0], "ada.ns.cloudflare.com");
	}
	zone_state_release(&made);
	records_release(&l);
	return rc;
}

static int
change(const struct golden *s, const char *file, struct err *err)
{
	struct zone_state base = {0};
	struct set_diff d = {0};
	int rc;

	(void)file;
	assert_ok(s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &base, err), err);
	golden_differ(&d, SET_DELETE, "mail." ZONE, RECORD_A, 3600, "192.0.2.10");
	golden_differ(&d, SET_TTL, ZONE, RECORD_MX, 300, "10 mail." ZONE ".");
	golden_differ(&d, SET_CREATE, "mail." ZONE, RECORD_A, 3600, "192.0.2.11");
	rc = s->provider.driver->change(s->provider.ctx, ZONE, &base, &d, err);
	set_diff_release(&d);
	zone_state_release(&base);
	return rc;
}

/* clang-format off */
static const struct golden_row files[] = {
	{"a zone is found by its name and read", observe, "observe", CR_OK, NULL},
	{"a zone that is known by its id is one call", observe_by_id, "observe_by_id", CR_OK, NULL},
	{"a zone is read page by page", observe_by_id, "observe_pages", CR_OK, NULL},
	{"an id that is known no more is looked for by name", observe_by_id, "observe_stale_id", CR_OK, NULL},
	{"an id of another zone is looked for by name", observe_by_id, "observe_foreign_id", CR_OK, NULL},
	{"a zone that is not there does not exist", observe, "observe_absent", CR_OK, NULL},
	{"another zone than the one asked for is none", observe, "observe_other", CR_OK, NULL},
	{"a token that is not accepted says what it needs", observe, "observe_bad_token", CR_EAUTH, "Zone Edit and DNS Edit"},
	{"a token that is no token says so too", observe, "observe_malformed_token", CR_EAUTH, "6003"},
	{"a missing member is named by its path", observe, "observe_missing", CR_EPARSE, "result[0].content"},
	{"a list without its total is not taken for whole", observe, "observe_no_total", CR_EPARSE, "result_info.total_count"},
	{"a zone that was just made is looked at later", observe, "observe_too_new", CR_ERETRY, "just made"},
	{"a web page is no zone", observe, "observe_page", CR_ERETRY, "200"},
	{"a zone is made in two calls", create, "create", CR_OK, NULL},
	{"a zone that is there is a conflict", create, "create_taken", CR_ECONFLICT, "already exists"},
	{"a zone not known everywhere yet is waited for", create, "create_lag", CR_OK, NULL},
	{"a zone whose records are refused was made all the same", create, "create_in_part", CR_EUNKNOWN, "was made"},
	{"a create that was cut off is not repeated", create, "create_cut_off", CR_EUNKNOWN, NULL},
	{"a create whose answer cannot be read was made", create, "create_unreadable", CR_EUNKNOWN, "cannot be read"},
	{"a token that may not make zones is told", create, "create_no_right", CR_EAUTH, "Zone Edit"},
	{"a change is one batch", change, "change", CR_OK, NULL},
	{"an answer that was lost is looked for, and found", change, "change_lost_done", CR_OK, NULL},
	{"a change whose answer was lost is not repeated", change, "change_lost_not_seen", CR_EUNKNOWN, "lost"},
	{"a record that another hand deleted is no trouble", change, "change_gone_already", CR_OK, NULL},
	{"a record that another hand made is no trouble", change, "change_there_already", CR_OK, NULL},
	{"a change that another hand made whole is done", change, "change_all_there", CR_OK, NULL},
	{"what the API refuses is passed on", change, "change_refused", CR_EREFUSED, "valid IPv4"},
	{"a throttled change is made later", change, "change_throttled", CR_OK, NULL},
	{"trouble of the API leaves a change open", change, "change_trouble", CR_EUNKNOWN, NULL},
	{"a web page does not say that a change was made", change, "change_page", CR_EUNKNOWN, NULL},
	{"a zone is removed, and is gone the second time", golden_remove_twice, "remove", CR_OK, NULL},
	{"a zone that somebody else removes is gone", golden_remove_twice, "remove_gone", CR_OK, NULL},
};
/* clang-format on */

static void
check_file(void **state)
{
	static const char *const secrets[] = {"s3cret"};

	golden_check(*state, open_on, secrets, ARRAY_LEN(secrets));
}

static const struct refused {
	const char *name, *owner, *rdata;
	uint16_t type;
	uint32_t ttl_s;
} refusals[] = {
	{"a TTL below a minute",            ZONE, "192.0.2.1",        RECORD_A,   59   },
	{"a TTL beyond a day",              ZONE, "192.0.2.1",        RECORD_A,   86401},
	{"name servers of the zone itself", ZONE, "ns1.example.net.", RECORD_NS,  3600 },
	{"a TXT without bytes",             ZONE, "\"\"",             RECORD_TXT, 3600 },
	{"a type that it does not hold",    ZONE, "\\# 1 00",         65280,      3600 },
};

static void
check_refused(void **state)
{
	const struct refused *r = *state;
	struct records l = {0};
	struct err err = {0};

	assert_ok(records_add(&l, r->owner, r->type, r->ttl_s, r->rdata, &err), &err);
	assert_int_equal(zone_driver_accepts(zone_driver_find("cloudflare"), ZONE, &l, &err), CR_EREFUSED);
	records_release(&l);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, files, check_file);
	ROWS(tests, n, refusals, check_refused);
	return rows_run("dns/cloudflare", tests, n);
}
