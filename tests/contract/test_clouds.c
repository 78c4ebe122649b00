/*
 * test_clouds.c - every cloud driver against a fake that fails at each of its requests, in each of the ways that networks and
 * providers have: the zone ends as it was wanted, nothing is there twice, and what was not done is told as such.
 *
 * A run is what provision does: look, then create or change; after a failure that leaves something open, again.
 */
#include "tests/lib/rows.h"

#include "dns/zones/zones.h"
#include "tests/lib/fake.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/provider.h"

#define START_MS ((int64_t)1764068819000)
#define TTL_S    3600
#define RUNS_MAX 6
#define NTH_MAX  24

struct cloud {
	const char *name, *driver, *args;
	unsigned nth_max; /* requests of the plainest way, and one or two more */
	/* Settings as in a configuration. */
	void (*config)(const struct fake *f, char *out, size_t size);
	struct fake fake;
	bool up;
	struct fake_clock clock; /* waiting costs no time */
	struct zone_provider provider;
};

static void
config_cloudflare(const struct fake *f, char *out, size_t size)
{
	char url[128], key[128], account[64];

	(void)setenv("COLDRELAY_TEST_CLOUDFLARE_KEY", fake_value(f, "API_KEY", key, sizeof(key)), 1);
	(void)snprintf(out, size, "url = \"%s\"; api_token = \"env:COLDRELAY_TEST_CLOUDFLARE_KEY\"; account = \"%s\";",
	               fake_value(f, "API_URL", url, sizeof(url)), fake_value(f, "ACCOUNT", account, sizeof(account)));
}

static void
config_route53(const struct fake *f, char *out, size_t size)
{
	char url[128], key[64], secret[64];

	(void)setenv("COLDRELAY_TEST_ROUTE53_ID", fake_value(f, "ACCESS_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_ROUTE53_KEY", fake_value(f, "SECRET_KEY", secret, sizeof(secret)), 1);
	(void)snprintf(out, size,
	               "url = \"%s\"; access_key_id = \"env:COLDRELAY_TEST_ROUTE53_ID\"; secret_access_key = "
	               "\"env:COLDRELAY_TEST_ROUTE53_KEY\";",
	               fake_value(f, "API_URL", url, sizeof(url)));
}

static void
config_azure(const struct fake *f, char *out, size_t size)
{
	char key[128], tenant[64], client[64], subscription[64];

	(void)setenv("COLDRELAY_TEST_AZURE_KEY", fake_value(f, "API_KEY", key, sizeof(key)), 1);
	(void)snprintf(
		out, size,
		"url = \"%s\"; login_url = \"%s\"; client_secret = \"env:COLDRELAY_TEST_AZURE_KEY\"; tenant_id = "
		"\"%s\"; client_id = \"%s\"; subscription = \"%s\"; resource_group = \"rg1\"; read_limit = 10000; "
		"write_limit = 10000;",
		f->url, f->url, fake_value(f, "TENANT", tenant, sizeof(tenant)),
		fake_value(f, "CLIENT", client, sizeof(client)),
		fake_value(f, "SUBSCRIPTION", subscription, sizeof(subscription)));
}

/* clang-format off */
static struct cloud clouds[] = {
	{.name = "cloudflare", .driver = "cloudflare", .nth_max = 14, .config = config_cloudflare,
	 .args = "cloudflare --option unlimited=true --option page_max=3"},
	{.name = "route53", .driver = "route53", .nth_max = 18, .config = config_route53,
	 .args = "route53 --option unlimited=true --option page_max=7 --option pending=0"},
	/* A token serves so many requests, a new zone is not found at first, and a removal goes on after its answer. */
	{.name = "azure", .driver = "azure", .nth_max = 23, .config = config_azure,
	 .args = "azure --option unlimited=true --option page_max=6 --option token_uses=97 --option expires_in=600000 --option lag=1 --option polls=1"},
};
/* clang-format on */

/* clang-format off */
static const struct fault {
	const char *name, *kind;
} faults[] = {
	{"is throttled", "\"kind\":\"status\",\"status\":429,\"headers\":{\"Retry-After\":\"1\"}"},
	{"meets trouble of the server", "\"kind\":\"status\",\"status\":500"},
	{"meets a server that is away", "\"kind\":\"status\",\"status\":503"},
	{"meets a gateway in trouble", "\"kind\":\"status\",\"status\":502"},
	{"is not heard", "\"kind\":\"refuse\""},
	{"is heard, and its answer lost", "\"kind\":\"lose\""},
	{"gets half an answer", "\"kind\":\"cut\""},
	{"gets no HTTP", "\"kind\":\"garbage\""},
	{"gets a sign-in page", "\"kind\":\"page\""},
};
/* clang-format on */

struct cell {
	struct cloud *cloud;
	const struct fault *fault;
	unsigned nth;
	char name[128], zone[64];
};

static void
add(struct records *l, const char *owner, const char *zone, uint16_t type, const char *rdata)
{
	char full[NAME_TEXT_MAX];
	struct err err = {0};

	(void)snprintf(full, sizeof(full), "%s%s%s", owner, owner[0] != '\0' ? "." : "", zone);
	assert_ok(records_add(l, full, type, TTL_S, rdata, &err), &err);
}

static void
cloud_up(struct cloud *c)
{
	const char *only = getenv("COLDRELAY_ONLY");
	char config[768];

	/* COLDRELAY_ONLY names one: what a mock checks is one provider's. */
	if (only != NULL && only[0] != '\0' && strcmp(only, c->name) != 0)
		return;
	c->up = fake_open(&c->fake, c->args);
	if (!c->up) {
		print_message("%s is left out: %s\n", c->name, c->fake.server.why);
		return;
	}
	fake_clock_init(&c->clock, START_MS);
	c->config(&c->fake, config, sizeof(config));
	provider_open(c->driver, config, c->fake.http, &c->clock.clock, &c->provider);
}

/* The record sets that are wanted and are ours, as they stand. */
static void
only_ours(const struct zone_state *s, const char *zone, struct records *out)
{
	struct err err = {0};

	for (size_t i = 0; i < s->records.n; i++) {
		const struct record *r = &s->records.items[i];

		if (!name_equal(r->owner, zone) || (r->type != RECORD_SOA && r->type != RECORD_NS))
			assert_ok(records_add_copy(out, r, &err), &err);
	}
}

/* Look, then do what is missing.  id: what the zone is known by, kept as the journal would.  Returns the code of the first failure. */
static int
run(struct cell *c, struct records *want, char **id, struct err *err)
{
	const struct zone_driver *d = c->cloud->provider.driver;
	void *ctx = c->cloud->provider.ctx;
	struct zone_state s = {0}, made = {0};
	struct records have = {0};
	struct set_diff diff = {0};
	int rc = d->observe(ctx, c->zone, *id, &s, err);

	if (rc != CR_OK)
		goto out;
	if (!s.exists) {
		rc = d->create(ctx, c->zone, want, &made, err);
	} else {
		only_ours(&s, c->zone, &have);
		rc = set_diff_make(&have, want, &diff, err);
		if (rc == CR_OK)
			rc = d->change(ctx, c->zone, &s, &diff, err);
	}
	if (rc == CR_OK && (made.id != NULL || s.id != NULL)) {
		free(*id);
		*id = strdup(made.id != NULL ? made.id : s.id);
	}
out:
	set_diff_release(&diff);
	records_release(&have);
	zone_state_release(&made);
	zone_state_release(&s);
	return rc;
}

/* Runs until one succeeds: the first may fail by the fault, none after it may. */
static void
settle(struct cell *c, struct records *want, char **id)
{
	struct err err = {0};
	int rc = CR_OK;

	for (int i = 0; i < RUNS_MAX; i++) {
		rc = run(c, want, id, &err);
		if (rc == CR_OK)
			return;
		/* What a fault of the network or of the provider may be told as: later, or unknown. */
		if (rc != CR_ERETRY && rc != CR_EUNKNOWN)
			fail_msg("told as %s: %s", err_code_name(rc), err.text);
	}
	fail_msg("does not end: %s", err.text);
}

/* The fault may meet this look. */
static void
look(struct cell *c, struct zone_state *s)
{
	struct err err = {0};
	int rc = CR_ERETRY;

	for (int i = 0; rc == CR_ERETRY && i < 2; i++)
		rc = c->cloud->provider.driver->observe(c->cloud->provider.ctx, c->zone, NULL, s, &err);
	assert_ok(rc, &err);
}

static void
assert_zone(struct cell *c, struct records *want)
{
	struct zone_state s = {0};
	struct records have = {0};

	look(c, &s);
	assert_true(s.exists);
	only_ours(&s, c->zone, &have);
	assert_int_equal(have.n, want->n);
	for (size_t i = 0; i < want->n; i++)
		assert_non_null(records_find(&have, &want->items[i]));
	records_release(&have);
	zone_state_release(&s);
}

/* Away with it, and a second time. */
static void
assert_removed(struct cell *c)
{
	const struct zone_driver *d = c->cloud->provider.driver;
	struct zone_state s = {.exists = true};
	struct err err = {0};
	int done = 0;

	for (int i = 0; done < 2 && i < RUNS_MAX; i++) {
		const int rc = d->remove(c->cloud->provider.ctx, c->zone, &err);

		if (rc != CR_OK && rc != CR_ERETRY && rc != CR_EUNKNOWN)
			fail_msg("told as %s: %s", err_code_name(rc), err.text);
		done += rc == CR_OK;
	}
	assert_int_equal(done, 2);
	look(c, &s);
	assert_false(s.exists);
	zone_state_release(&s);
}

static void
check_cell(void **state)
{
	struct cell *c = *state;
	struct records first = {0}, second = {0};
	char fault[256], *id = NULL;

	if (!c->cloud->up)
		skip();
	add(&first, "mail", c->zone, RECORD_A, "192.0.2.10");
	add(&first, "", c->zone, RECORD_MX, "10 mail.example.net.");
	add(&first, "", c->zone, RECORD_TXT, "\"v=spf1 ip4:192.0.2.10 -all\"");
	add(&first, "old", c->zone, RECORD_TXT, "\"x\"");
	add(&first, "gone", c->zone, RECORD_A, "192.0.2.9");
	add(&second, "mail", c->zone, RECORD_A, "192.0.2.10");
	add(&second, "mail", c->zone, RECORD_A, "192.0.2.11");
	add(&second, "", c->zone, RECORD_MX, "20 mail.example.net.");
	add(&second, "", c->zone, RECORD_TXT, "\"v=spf1 ip4:192.0.2.10 -all\"");
	add(&second, "_dmarc", c->zone, RECORD_TXT, "\"v=DMARC1; p=reject\"");
	records_sort(&first);
	records_sort(&second);
	fake_tell(&c->cloud->fake, "reset", "");
	(void)snprintf(fault, sizeof(fault), "[{\"on\":\".\",\"nth\":%u,%s}]", c->nth, c->fault->kind);
	fake_tell(&c->cloud->fake, "faults", fault);
	settle(c, &first, &id);
	settle(c, &second, &id);
	assert_zone(c, &second);
	assert_removed(c);
	free(id);
	records_release(&first);
	records_release(&second);
}

/* A fault beyond the last request of the plainest way proves nothing: the n-th is to be beyond it, and that of the row before within. */
static void
check_reach(void **state)
{
	struct cell *c = *state;

	if (!c->cloud->up)
		skip();
	assert_in_range(fake_count(&c->cloud->fake, "requests"), 8, c->cloud->nth_max);
}

static int
set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(clouds); i++)
		cloud_up(&clouds[i]);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(clouds); i++) {
		zone_provider_release(&clouds[i].provider);
		if (clouds[i].up)
			fake_close(&clouds[i].fake);
	}
	return 0;
}

int
main(void)
{
	static struct cell cells[ARRAY_LEN(clouds) * (ARRAY_LEN(faults) * NTH_MAX + 1)];
	static struct CMUnitTest tests[ARRAY_LEN(cells)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(clouds); i++) {
		for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
			for (unsigned nth = 1; nth <= clouds[i].nth_max; nth++) {
				struct cell *c = &cells[n];

				*c = (struct cell){.cloud = &clouds[i], .fault = &faults[f], .nth = nth};
				(void)snprintf(c->name, sizeof(c->name), "%s: request %u %s", clouds[i].name, nth,
				               faults[f].name);
				(void)snprintf(c->zone, sizeof(c->zone), "f%zun%u.test", f, nth);
				tests[n++] = (struct CMUnitTest){
					.name = c->name, .test_func = check_cell, .initial_state = c};
			}
		}
		cells[n] = (struct cell){.cloud = &clouds[i]};
		(void)snprintf(cells[n].name, sizeof(cells[n].name), "%s: the faults reach its last request",
		               clouds[i].name);
		tests[n] = (struct CMUnitTest){
			.name = cells[n].name, .test_func = check_reach, .initial_state = &cells[n]};
		n++;
	}
	return _cmocka_run_group_tests("contract/clouds", tests, n, set_up, tear_down);
}
