/*
 * test_route53.c - what is sent to Route 53 and what its answers mean, from files written after its documents; and its pace in real time.
 */
#include "tests/lib/rows.h"

#include <pthread.h>
#include <stdatomic.h>

#include "dns/zones/route53.h"
#include "tests/lib/fake.h"
#include "tests/lib/golden.h"

#define ZONE     GOLDEN_ZONE
#define ID       "Z0123456789EXAMPLE"
#define BASE     "https://route53.amazonaws.com/2013-04-01"
#define START_MS ((int64_t)1764068819000)

static void
open_on(struct golden *g, const char *file)
{
	(void)setenv("COLDRELAY_TEST_ID", "AKIDEXAMPLE", 1);
	(void)setenv("COLDRELAY_TEST_KEY", "SECRETKEY", 1);
	(void)setenv("COLDRELAY_TEST_SESSION", "SESSIONTOKEN", 1);
	golden_open("route53",
	            "access_key_id = \"env:COLDRELAY_TEST_ID\"; secret_access_key = \"env:COLDRELAY_TEST_KEY\";"
	            "session_token = \"env:COLDRELAY_TEST_SESSION\";",
	            file, BASE, g);
}

static void
check_zone(const struct zone_state *s, const char *file)
{
	if (strcmp(file, "observe_absent") == 0 || strcmp(file, "observe_none") == 0) {
		assert_false(s->exists);
		return;
	}
	assert_true(s->exists);
	assert_int_equal(s->name_servers.n, 4);
	assert_string_equal(s->name_servers.items[3], "ns-4.awsdns-04.co.uk");
	assert_int_equal(records_count(&s->records, ZONE, RECORD_TXT), 2);
	if (strcmp(file, "observe") != 0)
		return;
	assert_string_equal(s->id, ID);
	assert_int_equal(s->n_fixed, 2);
	assert_string_equal(s->fixed[0].owner, "www." ZONE);
	assert_int_equal(s->fixed[0].type, RECORD_A);
	assert_string_equal(s->fixed[0].what, "an alias");
	assert_string_equal(s->fixed[1].what, "an answer by a policy");
	assert_int_equal(records_count(&s->records, "www." ZONE, 0), 0);
	assert_int_equal(records_count(&s->records, "w." ZONE, 0), 0);
	for (size_t i = 0; i < s->records.n; i++) {
		const struct record *r = &s->records.items[i];
		struct name target;

		if (r->type == RECORD_TXT && strcmp(r->owner, "*." ZONE) == 0)
			assert_string_equal(record_text(r), "caf\303\251 \"x\" \\y");
		if (r->type == RECORD_MX) {
			assert_true(record_target(r, &target));
			assert_string_equal(target.text, "mail.example.net");
		}
	}
	assert_int_equal(records_count(&s->records, "*." ZONE, RECORD_TXT), 1);
	assert_int_equal(records_count(&s->records, "m." ZONE, RECORD_MX), 1);
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
observe_by_odd_id(const struct golden *s, const char *file, struct err *err)
{
	return observe_by(s, "../hostedzone?x=y", file, err);
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
	golden_add(&l, "*." ZONE, RECORD_TXT, 3600, "\"caf\\195\\169\"");
	rc = s->provider.driver->create(s->provider.ctx, ZONE, &l, &made, err);
	if (rc == CR_OK)
		assert_string_equal(made.id, ID);
	else
		assert_null(made.id);
	zone_state_release(&made);
	records_release(&l);
	return rc;
}

static int
change(const struct golden *s, const char *file, struct err *err)
{
	(void)file;
	return golden_change_spf(s, ID, err);
}

/* A row a line. */
/* clang-format off */
static const struct golden_row files[] = {
	{"a zone is found and read page by page, aliases left out", observe, "observe", CR_OK, NULL},
	{"a known zone is one call", observe_by_id, "observe_by_id", CR_OK, NULL},
	{"the zone after the name is another", observe, "observe_absent", CR_OK, NULL},
	{"an empty account has no zone", observe, "observe_none", CR_OK, NULL},
	{"private zones of the name are passed over, on the next page too", observe, "observe_private", CR_OK, NULL},
	{"several public zones of a name are told, with what to do", observe, "observe_several", CR_ECONFLICT, "delete all but the one"},
	{"an id that is gone is looked for by name", observe_by_id, "observe_stale_id", CR_OK, NULL},
	{"an id of another zone is looked for by name", observe_by_id, "observe_foreign_id", CR_OK, NULL},
	{"an id that is none of Amazon's is not asked for", observe_by_odd_id, "observe_odd_id", CR_OK, NULL},
	{"a zone that is not known everywhere means later", observe, "observe_too_new", CR_ERETRY, "not known everywhere"},
	{"a refused signature is told, and not what was signed", observe, "observe_signature", CR_EAUTH, "not accepted (403, SignatureDoesNotMatch)"},
	{"an expired session token is told as such", observe, "observe_expired", CR_EAUTH, "get new temporary keys"},
	{"a key without the right is told what it needs", observe, "observe_denied", CR_EAUTH, "route53:ListHostedZonesByName"},
	{"a missing element is named by its path", observe_by_id, "observe_missing", CR_EPARSE, "ResourceRecordSets.ResourceRecordSet[2].TTL: missing"},
	{"a missing value is named by its path", observe_by_id, "observe_no_value", CR_EPARSE, "ResourceRecordSet[2].ResourceRecords.ResourceRecord.Value: missing"},
	{"a web page is no answer", observe, "observe_page", CR_ERETRY, "answered 200"},
	{"a document type is not read", observe, "observe_doctype", CR_EPARSE, "document type"},
	{"throttled and busy answers are asked again", observe, "observe_throttled", CR_OK, NULL},
	{"throttled on and on means later", observe, "observe_throttled_on", CR_ERETRY, "answered 400"},
	{"a zone is made, filled and waited for", create, "create", CR_OK, NULL},
	{"a zone that is there is not made again", create, "create_taken", CR_ECONFLICT, "exists already"},
	{"a full account is told", create, "create_refused", CR_EREFUSED, "TooManyHostedZones"},
	{"a create whose answer was lost is found again by its reference", create, "create_lost", CR_OK, NULL},
	{"a create that was lost itself is repeated", create, "create_lost_undone", CR_OK, NULL},
	{"a web page does not say that a zone was made", create, "create_page", CR_OK, NULL},
	{"a create that stays in the dark is unknown", create, "create_lost_on", CR_EUNKNOWN, "perhaps sent"},
	{"later does not undo that an answer was lost", create, "create_lost_throttled", CR_EUNKNOWN, "answer was lost"},
	{"a reference that is spent means later", create, "create_reference_spent", CR_ERETRY, "a moment ago"},
	{"a zone made meanwhile is a conflict", create, "create_reference_seen", CR_ECONFLICT, "exists already"},
	{"a new zone is waited for until its id is known", create, "create_lag", CR_OK, NULL},
	{"a zone without its records is no clean failure", create, "create_in_part", CR_EUNKNOWN, "its records were not"},
	{"a change replaces sets to the letter, and waits for INSYNC", change, "change", CR_OK, NULL},
	{"a change that stays PENDING is done", change, "change_pending", CR_OK, NULL},
	{"a wait that goes wrong is no failure", change, "change_wait_fails", CR_OK, NULL},
	{"a change that another hand has overtaken keeps what that did", change, "change_overtaken", CR_OK, NULL},
	{"a change that is refused as it stands is told", change, "change_refused", CR_EREFUSED, "FATAL problem"},
	{"a change whose answer was lost is seen to be done", change, "change_lost_done", CR_OK, NULL},
	{"a change that was lost itself is repeated", change, "change_lost_undone", CR_OK, NULL},
	{"a change that comes late is not made twice", change, "change_late", CR_OK, NULL},
	{"a lost change that cannot be looked for is unknown", change, "change_lost_blind", CR_EUNKNOWN, NULL},
	{"a busy zone is asked again", change, "change_busy", CR_OK, NULL},
	{"trouble without end is unknown", change, "change_trouble", CR_EUNKNOWN, NULL},
	{"an alias where a record is wanted is a conflict", change, "change_alias", CR_ECONFLICT, "mail." ZONE " A: an alias stands there"},
	{"a value that cannot be read is not replaced", change, "change_unread", CR_ECONFLICT, "cannot be read"},
	{"a zone that is gone is told", change, "change_gone", CR_ENOTFOUND, ZONE},
	{"a zone is emptied, types that are not known here too, and removed; then it is gone", golden_remove_twice, "remove", CR_OK, NULL},
	{"a zone with an alias is not emptied", golden_remove, "remove_alias", CR_ECONFLICT, "www." ZONE " A: an alias"},
	{"a zone that is filled meanwhile is emptied again", golden_remove_twice, "remove_filled_meanwhile", CR_OK, NULL},
	{"a removal whose answer was lost is done", golden_remove_twice, "remove_lost", CR_OK, NULL},
	{"of several zones none is removed", golden_remove, "remove_several", CR_ECONFLICT, "delete all but the one"},
	{"a zone that was emptied only is no clean failure", golden_remove, "remove_in_part", CR_EUNKNOWN, "changed in part"},
};
/* clang-format on */

static void
check_file(void **state)
{
	static const char *const secrets[] = {"env:", "SECRETKEY", "SESSIONTOKEN", "AKIDEXAMPLE"};

	golden_check(*state, open_on, secrets, ARRAY_LEN(secrets));
}

static const struct text_row {
	const char *name;
	const char *there, *here;
} texts[] = {
	{"an asterisk",               "\\052.a.test",      "\\042.a.test"     },
	{"a byte beyond ASCII",       "\"caf\\303\\251\"", "\"caf\\195\\169\""},
	{"a quote and a backslash",   "\"\\\" \\\\101\"",  "\"\\\" \\\\101\"" },
	{"digits that are no escape", "\"101 052\"",       "\"101 052\""      },
	{"the last byte",             "\\377",             "\\255"            },
	{"a backslash at the end",    "a\\",               "a\\"              },
};

static void
check_text(void **state)
{
	const struct text_row *r = *state;
	struct buf b = {0};

	r53_text_read(r->there, &b);
	assert_string_equal(buf_str(&b), r->here);
	buf_clear(&b);
	r53_text_write(r->here, &b);
	assert_string_equal(buf_str(&b), r->there);
	buf_release(&b);
}

static const struct value_row {
	const char *name;
	uint16_t type;
	const char *rdata, *want;
} values[] = {
	{"a slash in a target is escaped", RECORD_PTR, "1.0/25.2.0.192.in-addr.arpa.",
         "1.0\\05725.2.0.192.in-addr.arpa."								     },
	{"a slash in a text is not",       RECORD_TXT, "\"a/b=c\"",                    "\"a/b=c\""              },
	{"an equals sign in a target",     RECORD_MX,  "10 a=b.example.net.",          "10 a\\075b.example.net."},
};

static void
check_value(void **state)
{
	const struct value_row *r = *state;
	struct records l = {0};
	struct buf b = {0};
	struct err err = {0};

	assert_ok(records_add(&l, ZONE, r->type, 60, r->rdata, &err), &err);
	r53_value_write(&l.items[0], &b);
	assert_string_equal(buf_str(&b), r->want);
	buf_release(&b);
	records_release(&l);
}

/* ---- batches ---- */

static void
add_sets(struct set_diff *diff, size_t names, size_t per_name, size_t len)
{
	char owner[64], text[1024];
	struct err err = {0};

	for (size_t i = 0; i < names; i++)
		for (size_t j = 0; j < per_name; j++) {
			struct record r;

			(void)snprintf(owner, sizeof(owner), "n%04zu." ZONE, i);
			(void)snprintf(text, sizeof(text), "%0*zu", (int)len, j);
			assert_ok(record_txt(owner, 60, text, len, &r, &err), &err);
			assert_ok(set_diff_add(diff, SET_CREATE, &r, &err), &err);
			record_release(&r);
		}
}

static const struct batch_row {
	const char *name;
	size_t names, values, len; /* of the text; two quotes more as it is written */
	size_t first;              /* changes of the first batch; 0: refused */
	size_t batches;
} batches[] = {
	{"1000 values are one batch",                     100,  10,   1,   100,  1},
	{"1001 values are two",                           1001, 1,    1,   1000, 2},
	{"a name is not torn apart by the count",         3,    400,  3,   2,    2},
	{"32,000 characters are one batch",               160,  1,    198, 160,  1},
	{"32,200 characters are two",                     161,  1,    198, 160,  2},
	{"a name that is larger than a batch is refused", 1,    1001, 4,   0,    0},
	{"characters alone make a name too large",        1,    161,  198, 0,    0},
};

static void
check_batch(void **state)
{
	const struct batch_row *r = *state;
	const struct r53_sets none = {0};
	struct set_diff diff = {0};
	struct r53_changes c = {0};
	struct err err = {0};
	size_t n = 0;
	int rc;

	add_sets(&diff, r->names, r->values, r->len);
	rc = r53_changes_make(&none, &diff, &c, &err);
	set_diff_release(&diff);
	if (r->first == 0) {
		assert_int_equal(rc, CR_EREFUSED);
		assert_non_null(strstr(err.text, "n0000." ZONE));
		return;
	}
	assert_ok(rc, &err);
	assert_int_equal(r53_changes_batch(&c, 0), r->first);
	for (size_t at = 0; at < c.n; at += r53_changes_batch(&c, at))
		n++;
	assert_int_equal(n, r->batches);
	r53_changes_release(&c);
}

/* A set of which one value cannot be read is nobody's to delete, whatever else is in it. */
static void
route53__a_set_that_cannot_be_read_is_not_deleted(void **state)
{
	static const char text[] =
		"<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>" ZONE
		".</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"ours\"</Value>"
		"</ResourceRecord><ResourceRecord><Value>\"open</Value></ResourceRecord></ResourceRecords>"
		"</ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated></"
		"ListResourceRecordSetsResponse>";
	struct r53_sets sets = {0};
	struct r53_changes c = {0};
	struct set_diff diff = {0};
	struct record ours = {0};
	struct err err = {0};

	(void)state;
	assert_ok(r53_sets_parse(text, strlen(text), &sets, &err), &err);
	assert_int_equal(sets.n, 1);
	assert_int_equal(sets.items[0].n_values, 2);
	assert_int_equal(sets.items[0].records.n, 0);
	assert_ok(record_txt(ZONE, 60, "ours", 4, &ours, &err), &err);
	assert_ok(set_diff_add(&diff, SET_DELETE, &ours, &err), &err);
	assert_ok(r53_changes_make(&sets, &diff, &c, &err), &err);
	assert_int_equal(c.n, 0);
	record_release(&ours);
	r53_changes_release(&c);
	set_diff_release(&diff);
	r53_sets_release(&sets);
}

static const struct reject_row {
	const char *name;
	uint16_t type;
	const char *owner, *rdata;
	size_t text; /* bytes of a TXT in place of rdata */
	int want;
} rejects[] = {
	{"name servers of the zone are Amazon's", RECORD_NS,  ZONE,        "ns1.example.net.", 0,    CR_EREFUSED},
	{"those of a name below are not",         RECORD_NS,  "sub." ZONE, "ns1.example.net.", 0,    CR_OK      },
	{"an empty TXT is refused",               RECORD_TXT, ZONE,        "\"\"",             0,    CR_EREFUSED},
	{"a TXT of 3950 bytes is held",           RECORD_TXT, ZONE,        NULL,               3950, CR_OK      },
	{"3960 bytes are over 4,000 as written",  RECORD_TXT, ZONE,        NULL,               3960, CR_EREFUSED},
	{"a type that is not sent is refused",    65280,      "odd." ZONE, "\\# 1 00",         0,    CR_EREFUSED},
};

static void
check_reject(void **state)
{
	const struct reject_row *r = *state;
	struct record one = {0};
	struct err err = {0};
	char text[4096];

	memset(text, 'x', sizeof(text));
	if (r->rdata == NULL)
		assert_ok(record_txt(r->owner, 60, text, r->text, &one, &err), &err);
	else
		assert_ok(record_parse(r->owner, r->type, 60, r->rdata, "", &one, &err), &err);
	assert_int_equal(zone_driver_find("route53")->reject(&one, ZONE, &err), r->want);
	record_release(&one);
}

/* ---- settings ---- */

static const struct setting_row {
	const char *name, *id, *text;
} settings[] = {
	{"an id that is a pair is refused",  "AKID:SECRETKEY", "access_key_id"},
	{"an id that is not set is refused", "",               "access_key_id"},
};

static void
check_setting(void **state)
{
	const struct setting_row *r = *state;
	const struct zone_driver *d = zone_driver_find("route53");
	const struct zone_env env = {.clock = clock_system()};
	struct cfg *cfg = NULL;
	void *target = calloc(1, d->settings_size), *ctx = NULL;
	struct err err = {0};

	(void)setenv("COLDRELAY_TEST_ID", r->id, 1);
	(void)setenv("COLDRELAY_TEST_KEY", "SECRETKEY", 1);
	assert_ok(cfg_open_text(
			  "access_key_id = \"env:COLDRELAY_TEST_ID\"; secret_access_key = \"env:COLDRELAY_TEST_KEY\";",
			  "test", &cfg, &err),
	          &err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", d->rows, d->n_rows, NULL, 0, target, &err), &err);
	assert_int_equal(d->open(&env, target, &ctx, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, r->text));
	assert_null(strstr(err.text, "SECRETKEY"));
	cfg_release_group(d->rows, d->n_rows, target);
	free(target);
	cfg_drop(&cfg);
}

/* ---- over the fake ---- */

static void
fake_driver(struct fake *f, const char *args, const char *more, const struct clock *clock, struct zone_provider *out)
{
	char url[128], key[64], secret[64], config[512];

	if (!fake_open(f, args)) {
		print_message("the fake is left out: %s\n", f->server.why);
		skip();
	}
	(void)setenv("COLDRELAY_TEST_ID", fake_value(f, "ACCESS_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_KEY", fake_value(f, "SECRET_KEY", secret, sizeof(secret)), 1);
	(void)setenv("COLDRELAY_TEST_SESSION", "SESSIONTOKEN", 1);
	(void)snprintf(config, sizeof(config),
	               "url = \"%s\"; access_key_id = \"env:COLDRELAY_TEST_ID\"; secret_access_key = "
	               "\"env:COLDRELAY_TEST_KEY\"; %s",
	               fake_value(f, "API_URL", url, sizeof(url)), more);
	provider_open("route53", config, f->http, clock, out);
}

static void
add_mail(struct records *l, const char *zone)
{
	char owner[128];
	struct err err = {0};

	(void)snprintf(owner, sizeof(owner), "mail.%s", zone);
	assert_ok(records_add(l, owner, RECORD_A, 3600, "192.0.2.10", &err), &err);
	assert_ok(records_add(l, zone, RECORD_MX, 3600, "10 mail.example.net.", &err), &err);
	assert_ok(records_add(l, zone, RECORD_TXT, 3600, "\"v=spf1 ip4:192.0.2.10 -all\"", &err), &err);
}

#define THREADS 8

struct crowd {
	const struct zone_provider *provider;
	atomic_uint next;
	unsigned zones;
	atomic_uint done;
};

static void *
provision(void *arg)
{
	struct crowd *c = arg;
	unsigned i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->zones) {
		struct records want = {0};
		struct err err = {0};
		char zone[32];
		int rc;

		(void)snprintf(zone, sizeof(zone), "pace%u.test", i);
		add_mail(&want, zone);
		rc = c->provider->driver->create(c->provider->ctx, zone, &want, NULL, &err);
		if (rc != CR_OK)
			print_message("%s: %s\n", zone, err.text);
		c->done += rc == CR_OK;
		records_release(&want);
	}
	return NULL;
}

/* Five calls in any second are the account's: the fake counts as the service does.  COLDRELAY_ZONES: the long form, which waits for INSYNC too. */
static void
route53__zones_are_made_under_the_limit_without_one_throttle(void **state)
{
	const char *zones = getenv("COLDRELAY_ZONES");
	struct crowd crowd = {.zones = zones != NULL ? (unsigned)strtoul(zones, NULL, 10) : 12};
	struct zone_provider provider;
	struct fake fake;
	pthread_t threads[THREADS];

	(void)state;
	fake_driver(&fake, "route53 --option pending=0", zones == NULL ? "wait = 0;" : "", clock_system(), &provider);
	crowd.provider = &provider;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, provision, &crowd), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(crowd.done, crowd.zones);
	assert_int_equal(fake_count(&fake, "throttled"), 0);
	/* Look, create, fill, and wait. */
	assert_int_equal(fake_count(&fake, "requests"), (zones == NULL ? 3 : 4) * crowd.zones);
	zone_provider_release(&provider);
	fake_close(&fake);
}

/* Temporary keys: the token is sent, and signed. */
static void
route53__a_session_token_is_signed(void **state)
{
	struct fake_clock clock;
	struct zone_provider provider;
	struct zone_state s = {0};
	struct fake fake;
	struct err err = {0};

	(void)state;
	fake_clock_init(&clock, START_MS);
	fake_driver(&fake, "route53 --option unlimited=true --option session='\"SESSIONTOKEN\"'",
	            "session_token = \"env:COLDRELAY_TEST_SESSION\";", &clock.clock, &provider);
	assert_ok(provider.driver->observe(provider.ctx, ZONE, NULL, &s, &err), &err);
	fake_tell(&fake, "options", "{\"session\": \"ANOTHER\"}");
	assert_int_equal(provider.driver->observe(provider.ctx, ZONE, NULL, &s, &err), CR_EAUTH);
	assert_non_null(strstr(err.text, "new temporary keys"));
	zone_provider_release(&provider);
	fake_close(&fake);
}

/* No clock of ours goes on, and the removed zone's reference is spent: it is made anew all the same, and nothing is there twice. */
static void
route53__a_zone_is_made_anew_under_another_reference(void **state)
{
	struct fake_clock clock;
	struct zone_provider provider;
	struct records want = {0};
	struct fake fake;
	struct err err = {0};

	(void)state;
	fake_clock_init(&clock, START_MS);
	fake_driver(&fake, "route53 --option unlimited=true", "wait = 0;", &clock.clock, &provider);
	add_mail(&want, ZONE);
	for (int i = 0; i < 3; i++) {
		assert_ok(provider.driver->create(provider.ctx, ZONE, &want, NULL, &err), &err);
		assert_int_equal(provider.driver->create(provider.ctx, ZONE, &want, NULL, &err), CR_ECONFLICT);
		assert_ok(provider.driver->remove(provider.ctx, ZONE, &err), &err);
	}
	records_release(&want);
	zone_provider_release(&provider);
	fake_close(&fake);
}

/* Another hand makes a second zone of the name: ours is still known by its id, and is the one that goes. */
static void
route53__of_two_zones_the_known_one_is_changed_and_removed(void **state)
{
	struct fake_clock clock;
	struct zone_provider provider;
	struct records want = {0};
	struct zone_state made = {0}, seen = {0};
	struct fake fake;
	struct err err = {0};

	(void)state;
	fake_clock_init(&clock, START_MS);
	fake_driver(&fake, "route53 --option unlimited=true", "", &clock.clock, &provider);
	add_mail(&want, ZONE);
	assert_ok(provider.driver->create(provider.ctx, ZONE, &want, &made, &err), &err);
	fake_tell(&fake, "options", "{\"zones\": [[\"" ZONE "\", false]]}");
	assert_int_equal(provider.driver->observe(provider.ctx, ZONE, NULL, &seen, &err), CR_ECONFLICT);
	assert_ok(provider.driver->observe(provider.ctx, ZONE, made.id, &seen, &err), &err);
	assert_string_equal(seen.id, made.id);
	assert_ok(provider.driver->remove(provider.ctx, ZONE, &err), &err);
	zone_state_release(&seen);
	assert_ok(provider.driver->observe(provider.ctx, ZONE, made.id, &seen, &err), &err);
	assert_true(seen.exists);
	assert_string_not_equal(seen.id, made.id);
	assert_int_equal(records_count(&seen.records, ZONE, RECORD_MX), 0);
	zone_state_release(&seen);
	zone_state_release(&made);
	records_release(&want);
	zone_provider_release(&provider);
	fake_close(&fake);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, files, check_file);
	ROWS(tests, n, texts, check_text);
	ROWS(tests, n, values, check_value);
	ROWS(tests, n, batches, check_batch);
	ROWS(tests, n, rejects, check_reject);
	ROWS(tests, n, settings, check_setting);
	TEST(tests, n, route53__a_set_that_cannot_be_read_is_not_deleted);
	TEST(tests, n, route53__of_two_zones_the_known_one_is_changed_and_removed);
	TEST(tests, n, route53__a_session_token_is_signed);
	TEST(tests, n, route53__a_zone_is_made_anew_under_another_reference);
	TEST(tests, n, route53__zones_are_made_under_the_limit_without_one_throttle);
	return rows_run("dns/route53", tests, n);
}
