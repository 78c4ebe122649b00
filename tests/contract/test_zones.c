/*
 * test_zones.c - every zone provider through the same promises, zones.h's: real servers where they are installed.
 *
 * A case has a zone of its own in each backend.  Where a driver cannot create zones the server was started with them.
 */
#include "tests/lib/rows.h"

#include <pthread.h>
#include <unistd.h>

#include "dns/zones/memory.h"
#include "dns/zones/zones.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/provider.h"
#include "tests/lib/server.h"

#define TTL_S 3600

struct backend {
	const char *name;
	const char *driver;
	const char *script; /* of its server; NULL: none */
	const char *args;   /* of the script */
	/* Settings as in a configuration; bad: with a key that the server does not know. */
	void (*config)(const struct backend *b, bool bad, char *out, size_t size);
	const char *dead; /* settings where nobody answers; NULL */
	bool hurried;     /* waiting, for the provider's limits too, costs no time */
	struct server server;
	bool up;
	struct zone_provider provider;
};

static char file_dir[] = "/tmp/coldrelay-zones.XXXXXX";
static struct http *http;
static struct fake_clock hurry;

static void
config_memory(const struct backend *b, bool bad, char *out, size_t size)
{
	(void)b;
	(void)bad;
	(void)snprintf(out, size, "x = 0;");
}

static void
config_zonefile(const struct backend *b, bool bad, char *out, size_t size)
{
	(void)b;
	(void)bad;
	(void)snprintf(out, size, "directory = \"%s\"; name_servers = [\"ns1.example.test\", \"ns2.example.test\"];",
	               file_dir);
}

static void
config_pdns(const struct backend *b, bool bad, char *out, size_t size)
{
	char url[128], key[128];

	(void)setenv("COLDRELAY_TEST_PDNS_KEY", server_value(&b->server, "API_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_BAD_KEY", "not-the-key", 1);
	(void)snprintf(out, size,
	               "url = \"%s\"; api_key = \"env:%s\"; name_servers = [\"ns1.example.test\", "
	               "\"ns2.example.test\"];",
	               server_value(&b->server, "API_URL", url, sizeof(url)),
	               bad ? "COLDRELAY_TEST_BAD_KEY" : "COLDRELAY_TEST_PDNS_KEY");
}

/* Through a cloud's fake: its own lines are its address, key and account. */
static void
config_cloudflare(const struct backend *b, bool bad, char *out, size_t size)
{
	char url[128], key[128], account[64];

	(void)setenv("COLDRELAY_TEST_CLOUDFLARE_KEY", server_value(&b->server, "API_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_BAD_KEY", "not-the-key", 1);
	(void)snprintf(out, size, "url = \"%s\"; api_token = \"env:%s\"; account = \"%s\"; batch_max = 100;",
	               server_value(&b->server, "API_URL", url, sizeof(url)),
	               bad ? "COLDRELAY_TEST_BAD_KEY" : "COLDRELAY_TEST_CLOUDFLARE_KEY",
	               server_value(&b->server, "ACCOUNT", account, sizeof(account)));
}

static void
config_route53(const struct backend *b, bool bad, char *out, size_t size)
{
	char url[128], key[64], secret[64];

	(void)setenv("COLDRELAY_TEST_ROUTE53_ID", server_value(&b->server, "ACCESS_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_ROUTE53_KEY", server_value(&b->server, "SECRET_KEY", secret, sizeof(secret)), 1);
	(void)setenv("COLDRELAY_TEST_BAD_KEY", "not-the-key", 1);
	(void)snprintf(
		out, size,
		"url = \"%s\"; access_key_id = \"env:COLDRELAY_TEST_ROUTE53_ID\"; secret_access_key = \"env:%s\";",
		server_value(&b->server, "API_URL", url, sizeof(url)),
		bad ? "COLDRELAY_TEST_BAD_KEY" : "COLDRELAY_TEST_ROUTE53_KEY");
}

static void
config_azure(const struct backend *b, bool bad, char *out, size_t size)
{
	char url[128], key[128], tenant[64], client[64], subscription[64], group[64];

	(void)setenv("COLDRELAY_TEST_AZURE_KEY", server_value(&b->server, "API_KEY", key, sizeof(key)), 1);
	(void)setenv("COLDRELAY_TEST_BAD_KEY", "not-the-key", 1);
	server_value(&b->server, "API_URL", url, sizeof(url));
	(void)snprintf(
		out, size,
		"url = \"%s\"; login_url = \"%s\"; client_secret = \"env:%s\"; tenant_id = \"%s\"; client_id = "
		"\"%s\"; subscription = \"%s\"; resource_group = \"%s\"; read_limit = 10000; write_limit = 10000;",
		url, url, bad ? "COLDRELAY_TEST_BAD_KEY" : "COLDRELAY_TEST_AZURE_KEY",
		server_value(&b->server, "TENANT", tenant, sizeof(tenant)),
		server_value(&b->server, "CLIENT", client, sizeof(client)),
		server_value(&b->server, "SUBSCRIPTION", subscription, sizeof(subscription)),
		server_value(&b->server, "GROUP", group, sizeof(group)));
}

static void
config_tsig(const struct backend *b, bool bad, char *out, size_t size)
{
	char variable[64], port[16], key[128], secret[128];

	(void)snprintf(variable, sizeof(variable), "COLDRELAY_TEST_%s_SECRET", b->name);
	(void)setenv(variable, server_value(&b->server, "KEY_SECRET", secret, sizeof(secret)), 1);
	(void)setenv("COLDRELAY_TEST_BAD_SECRET", "bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBzZXJ2ZXI=", 1);
	(void)snprintf(out, size, "server = \"127.0.0.1:%s\"; key_name = \"%s\"; key_secret = \"env:%s\";",
	               server_value(&b->server, "PORT", port, sizeof(port)),
	               server_value(&b->server, "KEY_NAME", key, sizeof(key)),
	               bad ? "COLDRELAY_TEST_BAD_SECRET" : variable);
}

/* A row a line. */
/* clang-format off */
#define DEAD_PDNS "url = \"http://127.0.0.1:1\"; api_key = \"env:COLDRELAY_TEST_BAD_KEY\"; name_servers = [\"ns1.test\"];"
#define DEAD_CLOUDFLARE "url = \"http://127.0.0.1:1\"; api_token = \"env:COLDRELAY_TEST_BAD_KEY\"; account = \"a\";"
#define DEAD_ROUTE53 "url = \"http://127.0.0.1:1\"; access_key_id = \"env:COLDRELAY_TEST_BAD_KEY\"; secret_access_key = \"env:COLDRELAY_TEST_BAD_KEY\";"
#define DEAD_AZURE "url = \"http://127.0.0.1:1\"; login_url = \"http://127.0.0.1:1\"; client_secret = \"env:COLDRELAY_TEST_BAD_KEY\"; tenant_id = \"t\"; client_id = \"c\"; subscription = \"s\"; resource_group = \"g\";"
#define DEAD_TSIG "server = \"127.0.0.1:1\"; key_name = \"k\"; key_secret = \"env:COLDRELAY_TEST_BAD_SECRET\";"
static struct backend backends[] = {
	{.name = "memory", .driver = "memory", .config = config_memory},
	{.name = "zonefile", .driver = "zonefile", .config = config_zonefile},
	{.name = "powerdns", .driver = "powerdns", .script = "pdns_up.sh", .config = config_pdns, .dead = DEAD_PDNS},
	{.name = "cloudflare", .driver = "cloudflare", .script = "fake_up.sh", .args = "cloudflare --option page_max=40 --option ops_max=100", .config = config_cloudflare, .dead = DEAD_CLOUDFLARE},
	{.name = "route53", .driver = "route53", .script = "fake_up.sh", .args = "route53 --option unlimited=true --option page_max=40", .config = config_route53, .dead = DEAD_ROUTE53, .hurried = true},
	{.name = "azure", .driver = "azure", .script = "fake_up.sh", .args = "azure --option page_max=40 --option unlimited=true", .config = config_azure, .dead = DEAD_AZURE},
	{.name = "bind", .driver = "rfc2136", .script = "bind_up.sh", .config = config_tsig, .dead = DEAD_TSIG},
	{.name = "knot", .driver = "rfc2136", .script = "knot_up.sh", .config = config_tsig, .dead = DEAD_TSIG},
};
/* clang-format on */

/* ---- one case in one backend ---- */

struct place {
	struct backend *b;
	const struct kase *k;
	const struct zone_driver *d;
	void *ctx;
	char zone[64];
};

struct kase {
	const char *name;
	void (*run)(struct place *p, const struct kase *k);
	unsigned needs; /* capabilities */
	bool server;    /* only where there is one */
	size_t n;
	const char *zone; /* other than caseN.test */
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
observe(struct place *p, struct zone_state *s)
{
	struct err err = {0};

	assert_ok(p->d->observe(p->ctx, p->zone, NULL, s, &err), &err);
}

/* From what the zone holds to what it should, by one change.  gone: what has to go. */
static int
change_to(struct place *p, struct zone_state *base, struct records *have, struct records *want, struct err *err)
{
	struct set_diff diff = {0};
	int rc = set_diff_make(have, want, &diff, err);

	if (rc == CR_OK)
		rc = p->d->change(p->ctx, p->zone, base, &diff, err);
	set_diff_release(&diff);
	return rc;
}

/* The zone comes to hold records: created with them, or changed where it stands already. */
static void
fill(struct place *p, struct records *records)
{
	struct zone_state base = {0};
	struct records none = {0};
	struct err err = {0};

	assert_ok(zone_driver_accepts(p->d, p->zone, records, &err), &err);
	observe(p, &base);
	if (p->d->create != NULL) {
		assert_false(base.exists);
		assert_ok(p->d->create(p->ctx, p->zone, records, NULL, &err), &err);
	} else {
		assert_true(base.exists);
		assert_ok(change_to(p, &base, &none, records, &err), &err);
	}
	zone_state_release(&base);
}

static bool
is_servers_own(const struct record *r, const char *zone)
{
	return name_equal(r->owner, zone) && (r->type == RECORD_SOA || r->type == RECORD_NS);
}

/* The zone holds exactly these, its SOA and its name servers. */
static void
assert_holds(struct place *p, struct records *want)
{
	struct zone_state s = {0};
	size_t others = 0;

	records_sort(want);
	observe(p, &s);
	assert_true(s.exists);
	for (size_t i = 0; i < want->n; i++) {
		const struct record *r = records_find(&s.records, &want->items[i]);

		if (r == NULL)
			fail_msg("%s %u is not there", want->items[i].owner, want->items[i].type);
		else if (r->ttl_s != want->items[i].ttl_s)
			fail_msg("%s %u: ttl %u, not %u", r->owner, r->type, r->ttl_s, want->items[i].ttl_s);
	}
	for (size_t i = 0; i < s.records.n; i++)
		others += !is_servers_own(&s.records.items[i], p->zone);
	assert_int_equal(others, want->n);
	if ((p->d->caps & ZONE_CAP_NO_APEX) == 0) {
		assert_int_equal(records_count(&s.records, p->zone, RECORD_SOA), 1);
		assert_int_equal(records_count(&s.records, p->zone, RECORD_NS), s.name_servers.n);
	}
	assert_true(s.name_servers.n > 0);
	zone_state_release(&s);
}

/* What a provider cannot hold is refused offline, with the owner named; what it can hold comes back. */
static void
fill_or_refuse(struct place *p, struct records *want)
{
	struct err err = {0};
	const int rc = zone_driver_accepts(p->d, p->zone, want, &err);

	if (rc == CR_EREFUSED) {
		assert_non_null(strstr(err.text, p->zone));
		return;
	}
	assert_ok(rc, &err);
	fill(p, want);
	assert_holds(p, want);
}

/* What a mail domain needs, and a neighbour. */
static void
add_mail(struct records *l, const char *zone)
{
	add(l, "mail", zone, RECORD_A, "192.0.2.10");
	add(l, "mail", zone, RECORD_AAAA, "2001:db8::10");
	add(l, "", zone, RECORD_MX, "10 mail.example.net.");
	add(l, "", zone, RECORD_TXT, "\"v=spf1 ip4:192.0.2.10 -all\"");
	add(l, "_dmarc", zone, RECORD_TXT, "\"v=DMARC1; p=reject; rua=mailto:d@example.net\"");
	add(l, "", zone, RECORD_CAA, "0 issue \"letsencrypt.org\"");
	add(l, "www", zone, RECORD_CNAME, "www.example.net.");
	add(l, "_imaps._tcp", zone, RECORD_SRV, "0 1 993 mail.example.net.");
}

static void
run_filled(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add_mail(&want, p->zone);
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

/* What a zone was known by finds it again, and what no zone is known by does no harm. */
static void
run_known(struct place *p, const struct kase *k)
{
	struct records want = {0};
	struct zone_state first = {0}, again = {0}, stale = {0};
	struct err err = {0};

	(void)k;
	add_mail(&want, p->zone);
	fill(p, &want);
	observe(p, &first);
	assert_ok(p->d->observe(p->ctx, p->zone, first.id, &again, &err), &err);
	assert_true(again.exists);
	assert_int_equal(again.records.n, first.records.n);
	assert_ok(p->d->observe(p->ctx, p->zone, "023e105f4ecef8ad9ca31a8372d0c353", &stale, &err), &err);
	assert_true(stale.exists);
	assert_int_equal(stale.records.n, first.records.n);
	zone_state_release(&first);
	zone_state_release(&again);
	zone_state_release(&stale);
	records_release(&want);
}

static void
copy(const struct records *from, struct records *to)
{
	struct err err = {0};

	for (size_t i = 0; i < from->n; i++)
		assert_ok(records_add_copy(to, &from->items[i], &err), &err);
}

/* Change have into want, on top of a fresh look at the zone. */
static void
change_ok(struct place *p, struct records *have, struct records *want)
{
	struct zone_state base = {0};
	struct err err = {0};

	observe(p, &base);
	assert_ok(change_to(p, &base, have, want, &err), &err);
	zone_state_release(&base);
}

static void
run_add(struct place *p, const struct kase *k)
{
	struct records have = {0}, want = {0};

	(void)k;
	add_mail(&have, p->zone);
	fill(p, &have);
	copy(&have, &want);
	add(&want, "cr1._domainkey", p->zone, RECORD_TXT, "\"v=DKIM1; k=rsa; p=AAAA\"");
	add(&want, "mail", p->zone, RECORD_A, "192.0.2.11");
	change_ok(p, &have, &want);
	assert_holds(p, &want);
	records_release(&want);
	records_release(&have);
}

static void
run_delete(struct place *p, const struct kase *k)
{
	struct records have = {0}, want = {0};

	(void)k;
	add(&want, "mail", p->zone, RECORD_A, "192.0.2.10");
	copy(&want, &have);
	add(&have, "mail", p->zone, RECORD_A, "192.0.2.11");
	add(&have, "gone", p->zone, RECORD_TXT, "\"x\"");
	fill(p, &have);
	change_ok(p, &have, &want);
	assert_holds(p, &want);
	records_release(&want);
	records_release(&have);
}

static void
run_replace(struct place *p, const struct kase *k)
{
	struct records have = {0}, want = {0};

	(void)k;
	add(&have, "a", p->zone, RECORD_CNAME, "old.example.net.");
	add(&have, "", p->zone, RECORD_MX, "10 old.example.net.");
	add(&want, "a", p->zone, RECORD_A, "192.0.2.1");
	add(&want, "", p->zone, RECORD_MX, "20 new.example.net.");
	fill(p, &have);
	change_ok(p, &have, &want);
	assert_holds(p, &want);
	change_ok(p, &want, &have);
	assert_holds(p, &have);
	records_release(&want);
	records_release(&have);
}

static void
run_ttl(struct place *p, const struct kase *k)
{
	struct records have = {0}, want = {0};

	(void)k;
	add(&have, "", p->zone, RECORD_MX, "10 a.example.net.");
	add(&have, "", p->zone, RECORD_MX, "20 b.example.net.");
	fill(p, &have);
	copy(&have, &want);
	for (size_t i = 0; i < want.n; i++)
		want.items[i].ttl_s = 300;
	change_ok(p, &have, &want);
	assert_holds(p, &want);
	records_release(&want);
	records_release(&have);
}

/* The change knows of its own records only; the others of the set are somebody else's. */
static void
run_neighbour(struct place *p, const struct kase *k)
{
	struct records all = {0}, have = {0}, want = {0};

	(void)k;
	add(&have, "", p->zone, RECORD_TXT, "\"v=spf1 -all\"");
	copy(&have, &all);
	add(&all, "", p->zone, RECORD_TXT, "\"google-site-verification=abc\"");
	fill(p, &all);
	add(&want, "", p->zone, RECORD_TXT, "\"v=spf1 ip4:192.0.2.1 -all\"");
	change_ok(p, &have, &want);
	copy(&want, &all);
	for (size_t i = 0; i < all.n; i++)
		if (record_same(&all.items[i], &have.items[0])) {
			record_release(&all.items[i]);
			all.items[i] = all.items[--all.n];
			break;
		}
	assert_holds(p, &all);
	records_release(&want);
	records_release(&have);
	records_release(&all);
}

static void
run_null_mx(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add(&want, "", p->zone, RECORD_MX, "0 .");
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_txt_size(struct place *p, const struct kase *k)
{
	struct records want = {0};
	struct record r;
	struct err err = {0};
	char *text = malloc(k->n + 1);

	assert_non_null(text);
	for (size_t i = 0; i < k->n; i++)
		text[i] = (char)('a' + i % 26);
	assert_ok(record_txt(p->zone, TTL_S, text, k->n, &r, &err), &err);
	assert_ok(records_take(&want, &r, &err), &err);
	/* A key of 2048 bits, and SPF, are held by every one. */
	if (k->n > 0 && k->n <= 1024)
		assert_ok(zone_driver_accepts(p->d, p->zone, &want, &err), &err);
	fill_or_refuse(p, &want);
	free(text);
	records_release(&want);
}

/* Azure takes text alone, and says so beforehand. */
static void
run_txt_bytes(struct place *p, const struct kase *k)
{
	struct records want = {0};
	struct record r;
	struct err err = {0};
	char all[256];

	(void)k;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	assert_ok(record_txt(p->zone, TTL_S, all, sizeof(all), &r, &err), &err);
	assert_ok(records_take(&want, &r, &err), &err);
	fill_or_refuse(p, &want);
	records_release(&want);
}

static void
run_txt_quotes(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add(&want, "", p->zone, RECORD_TXT, "\"a \\\"b\\\" \\\\ ; ( ) @ $ \\\\\\\"\"");
	add(&want, "", p->zone, RECORD_TXT, "\" blanks at both ends \"");
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_wildcard(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add(&want, "*", p->zone, RECORD_MX, "0 .");
	add(&want, "*.deep", p->zone, RECORD_TXT, "\"v=spf1 -all\"");
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

/* A label of 63 bytes, and names of 253 in all. */
static void
run_long_names(struct place *p, const struct kase *k)
{
	struct records want = {0};
	char owner[256], target[512];
	size_t left = 253 - strlen(p->zone) - 1;

	(void)k;
	memset(owner, 'x', sizeof(owner));
	for (size_t i = 63; i + 1 < left; i += 64)
		owner[i] = '.';
	owner[left] = '\0';
	(void)snprintf(target, sizeof(target), "%s.%s.", owner, p->zone);
	add(&want, owner, p->zone, RECORD_TXT, "\"long\"");
	add(&want, "short", p->zone, RECORD_CNAME, target);
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_many(struct place *p, const struct kase *k)
{
	struct records want = {0};
	char owner[32], rdata[32];

	for (size_t i = 0; i < k->n; i++) {
		(void)snprintf(owner, sizeof(owner), "h%zu", i);
		(void)snprintf(rdata, sizeof(rdata), "10.1.%zu.%zu", i / 250, i % 250);
		add(&want, owner, p->zone, RECORD_A, rdata);
	}
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_twice(struct place *p, const struct kase *k)
{
	struct records have = {0}, want = {0};
	struct zone_state base = {0};
	struct err err = {0};

	(void)k;
	add(&have, "old", p->zone, RECORD_A, "192.0.2.1");
	add(&have, "", p->zone, RECORD_TXT, "\"v=spf1 -all\"");
	add(&want, "new", p->zone, RECORD_A, "192.0.2.1");
	add(&want, "", p->zone, RECORD_TXT, "\"v=spf1 ip4:192.0.2.1 -all\"");
	fill(p, &have);
	observe(p, &base);
	assert_ok(change_to(p, &base, &have, &want, &err), &err);
	assert_ok(change_to(p, &base, &have, &want, &err), &err);
	assert_holds(p, &want);
	zone_state_release(&base);
	records_release(&want);
	records_release(&have);
}

static void
run_delete_twice(struct place *p, const struct kase *k)
{
	struct records have = {0}, none = {0};

	(void)k;
	add(&have, "gone", p->zone, RECORD_A, "192.0.2.1");
	fill(p, &have);
	change_ok(p, &have, &none);
	change_ok(p, &have, &none);
	assert_holds(p, &none);
	records_release(&have);
}

static void
run_remove(struct place *p, const struct kase *k)
{
	struct records want = {0};
	struct zone_state s = {0};
	struct err err = {0};

	(void)k;
	add_mail(&want, p->zone);
	fill(p, &want);
	assert_ok(p->d->remove(p->ctx, p->zone, &err), &err);
	assert_ok(p->d->remove(p->ctx, p->zone, &err), &err);
	observe(p, &s);
	assert_false(s.exists);
	zone_state_release(&s);
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_create_taken(struct place *p, const struct kase *k)
{
	struct records want = {0}, other = {0};
	struct err err = {0};

	(void)k;
	add_mail(&want, p->zone);
	add(&other, "other", p->zone, RECORD_A, "192.0.2.9");
	fill(p, &want);
	assert_int_equal(p->d->create(p->ctx, p->zone, &other, NULL, &err), CR_ECONFLICT);
	assert_holds(p, &want);
	records_release(&other);
	records_release(&want);
}

static void
run_absent(struct place *p, const struct kase *k)
{
	struct zone_state s = {.exists = true};
	struct records none = {0}, want = {0};
	struct err err = {0};

	(void)k;
	(void)snprintf(p->zone, sizeof(p->zone), "nobody-has-this.test");
	observe(p, &s);
	assert_false(s.exists);
	assert_int_equal(s.records.n, 0);
	add(&want, "a", p->zone, RECORD_A, "192.0.2.1");
	assert_int_equal(change_to(p, &s, &none, &want, &err), CR_ENOTFOUND);
	records_release(&want);
	zone_state_release(&s);
}

/* RFC 1034 s3.6.2.  Refused, said so, and nothing lost. */
static void
run_cname_beside(struct place *p, const struct kase *k)
{
	struct records have = {0}, none = {0}, want = {0};
	struct zone_state base = {0};
	struct err err = {0};
	int rc;

	(void)k;
	add(&have, "a", p->zone, RECORD_A, "192.0.2.1");
	add(&want, "a", p->zone, RECORD_CNAME, "b.example.net.");
	fill(p, &have);
	observe(p, &base);
	rc = change_to(p, &base, &none, &want, &err);
	assert_true(rc == CR_ECONFLICT || rc == CR_EREFUSED);
	assert_non_null(strstr(err.text, "a.case"));
	assert_holds(p, &have);
	zone_state_release(&base);
	records_release(&want);
	records_release(&have);
}

static void
run_ptr(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add(&want, "10", p->zone, RECORD_PTR, "mail.example.net.");
	fill(p, &want);
	assert_holds(p, &want);
	records_release(&want);
}

static void
run_unknown_type(struct place *p, const struct kase *k)
{
	struct records want = {0};

	(void)k;
	add(&want, "odd", p->zone, 65280, "\\# 4 00ff0a5c");
	fill_or_refuse(p, &want);
	records_release(&want);
}

static void
run_bad_key(struct place *p, const struct kase *k)
{
	char config[768];
	struct zone_provider bad;
	struct zone_state s = {0};
	struct records none = {0}, want = {0}, have = {0};
	struct err err = {0};

	(void)k;
	add(&have, "a", p->zone, RECORD_A, "192.0.2.1");
	add(&want, "b", p->zone, RECORD_A, "192.0.2.1");
	fill(p, &have);
	p->b->config(p->b, true, config, sizeof(config));
	provider_open(p->b->driver, config, http, clock_system(), &bad);
	assert_int_equal(bad.driver->observe(bad.ctx, p->zone, NULL, &s, &err), CR_EAUTH);
	assert_non_null(strstr(err.text, "not accepted"));
	{
		struct place q = *p; /* the same zone, seen with the bad key */

		q.ctx = bad.ctx;
		assert_int_equal(change_to(&q, &s, &none, &want, &err), CR_EAUTH);
	}
	assert_holds(p, &have);
	zone_provider_release(&bad);
	records_release(&have);
	records_release(&want);
}

static void
run_dead(struct place *p, const struct kase *k)
{
	struct zone_provider dead;
	struct fake_clock clock;
	struct zone_state s = {0};
	struct records none = {0}, want = {0};
	struct err err = {0};

	(void)k;
	fake_clock_init(&clock, 1764068819000);
	provider_open(p->b->driver, p->b->dead, http, &clock.clock, &dead);
	p->ctx = dead.ctx;
	add(&want, "a", p->zone, RECORD_A, "192.0.2.1");
	assert_int_equal(p->d->observe(p->ctx, p->zone, NULL, &s, &err), CR_ERETRY);
	assert_int_equal(change_to(p, &s, &none, &want, &err), CR_ERETRY);
	if (p->d->create != NULL) {
		assert_int_equal(p->d->create(p->ctx, p->zone, &want, NULL, &err), CR_ERETRY);
		assert_int_equal(p->d->remove(p->ctx, p->zone, &err), CR_ERETRY);
	}
	records_release(&want);
	zone_provider_release(&dead);
}

#define THREADS 4
#define ROUNDS  4

struct worker {
	struct place *p;
	size_t number;
	int rc;
	struct err err;
};

/* Adds its own names to the one zone. */
static void *
work(void *arg)
{
	struct worker *w = arg;
	struct place *p = w->p;

	for (size_t i = 0; i < ROUNDS && w->rc == CR_OK; i++) {
		struct zone_state base = {0};
		struct records none = {0}, want = {0};
		char owner[96];

		(void)snprintf(owner, sizeof(owner), "w%zu-%zu.%s", w->number, i, p->zone);
		w->rc = records_add(&want, owner, RECORD_A, TTL_S, "192.0.2.1", &w->err);
		if (w->rc == CR_OK)
			w->rc = p->d->observe(p->ctx, p->zone, NULL, &base, &w->err);
		if (w->rc == CR_OK)
			w->rc = change_to(p, &base, &none, &want, &w->err);
		records_release(&want);
		zone_state_release(&base);
	}
	return NULL;
}

static void
run_threads(struct place *p, const struct kase *k)
{
	struct records want = {0};
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	char owner[32];

	(void)k;
	add(&want, "first", p->zone, RECORD_A, "192.0.2.1");
	fill(p, &want);
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.p = p, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_ok(workers[i].rc, &workers[i].err);
		for (size_t j = 0; j < ROUNDS; j++) {
			(void)snprintf(owner, sizeof(owner), "w%zu-%zu", i, j);
			add(&want, owner, p->zone, RECORD_A, "192.0.2.1");
		}
	}
	assert_holds(p, &want);
	records_release(&want);
}

/* A row a line. */
/* clang-format off */
static const struct kase kases[] = {
	{.name = "a zone holds the records it was filled with", .run = run_filled},
	{.name = "a zone is found again by its id, and by its name when that is wrong", .run = run_known},
	{.name = "records are added, to sets that stand too", .run = run_add},
	{.name = "records are deleted, one of a set and a whole set", .run = run_delete},
	{.name = "records are replaced, a CNAME by an A and back", .run = run_replace},
	{.name = "a TTL changes alone", .run = run_ttl},
	{.name = "a neighbour in the set survives", .run = run_neighbour},
	{.name = "a null MX is kept", .run = run_null_mx},
	{.name = "a TXT without bytes comes back, or is refused", .run = run_txt_size, .n = 0},
	{.name = "a TXT of 255 bytes comes back", .run = run_txt_size, .n = 255},
	{.name = "a TXT of 256 bytes comes back", .run = run_txt_size, .n = 256},
	{.name = "a TXT of 410 bytes comes back", .run = run_txt_size, .n = 410},
	{.name = "a TXT of 4000 bytes comes back", .run = run_txt_size, .n = 4000},
	{.name = "a TXT of 16000 bytes comes back", .run = run_txt_size, .n = 16000},
	{.name = "a TXT of every byte there is comes back, or is refused", .run = run_txt_bytes},
	{.name = "a TXT with quotes, backslashes and blanks comes back", .run = run_txt_quotes},
	{.name = "wildcards are kept", .run = run_wildcard},
	{.name = "labels of 63 bytes and names of 253 are kept", .run = run_long_names},
	{.name = "1 record", .run = run_many, .n = 1},
	{.name = "99 records", .run = run_many, .n = 99},
	{.name = "100 records", .run = run_many, .n = 100},
	{.name = "101 records", .run = run_many, .n = 101},
	{.name = "1201 records", .run = run_many, .n = 1201},
	{.name = "the same change twice is no error", .run = run_twice},
	{.name = "deleting what is gone is no error", .run = run_delete_twice},
	{.name = "a zone is removed, and again, and made anew", .run = run_remove, .needs = ZONE_CAP_CREATE},
	{.name = "a zone that is there is not created over", .run = run_create_taken, .needs = ZONE_CAP_CREATE},
	{.name = "a zone that is not there is said not to exist", .run = run_absent},
	{.name = "a CNAME beside other data is refused, and nothing lost", .run = run_cname_beside},
	{.name = "a reverse zone with a slash in its name", .run = run_ptr, .needs = ZONE_CAP_SLASH, .zone = "0/25.2.0.192.in-addr.arpa"},
	{.name = "a type nobody knows is kept, or refused", .run = run_unknown_type},
	{.name = "a wrong key is told, and changes nothing", .run = run_bad_key, .server = true},
	{.name = "a dead server means later", .run = run_dead, .server = true},
	{.name = "threads change one zone side by side", .run = run_threads},
};
/* clang-format on */

/* ---- all cases in all backends ---- */

struct cell {
	struct backend *b;
	const struct kase *k;
	char name[128];
};
static struct cell cells[ARRAY_LEN(backends) * ARRAY_LEN(kases)];

static void
zone_of(const struct kase *k, char *out, size_t size)
{
	if (k->zone != NULL)
		(void)snprintf(out, size, "%s", k->zone);
	else
		(void)snprintf(out, size, "case%zu.test", (size_t)(k - kases));
}

static void
check_cell(void **state)
{
	struct cell *c = *state;
	struct place p = {.b = c->b, .k = c->k};

	if (!c->b->up)
		skip();
	p.d = c->b->provider.driver;
	p.ctx = c->b->provider.ctx;
	zone_of(c->k, p.zone, sizeof(p.zone));
	c->k->run(&p, c->k);
}

/* COLDRELAY_ONLY names one backend: what a mock checks is one provider's. */
static bool
is_wanted(const struct backend *b)
{
	const char *only = getenv("COLDRELAY_ONLY");

	return only == NULL || only[0] == '\0' || strcmp(only, b->name) == 0;
}

static bool
applies(const struct backend *b, const struct kase *k)
{
	return is_wanted(b) && (zone_driver_find(b->driver)->caps & k->needs) == k->needs &&
	       (!k->server || b->script != NULL);
}

static bool
backend_up(struct backend *b)
{
	char zones[ARRAY_LEN(kases) * 32] = "", zone[64], config[768];

	if (b->script != NULL) {
		for (size_t i = 0; strcmp(b->driver, "rfc2136") == 0 && i < ARRAY_LEN(kases); i++) {
			size_t len = strlen(zones);

			zone_of(&kases[i], zone, sizeof(zone));
			(void)snprintf(zones + len, sizeof(zones) - len, " %s", zone);
		}
		if (!server_start(&b->server, b->script, b->args != NULL ? b->args : zones)) {
			print_message("%s is left out: %s\n", b->name, b->server.why);
			return false;
		}
	}
	b->config(b, false, config, sizeof(config));
	provider_open(b->driver, config, http, b->hurried ? &hurry.clock : clock_system(), &b->provider);
	return true;
}

static int
set_up(void **state)
{
	const struct http_curl_options options = {.user_agent = "coldrelay-test"};
	struct err err = {0};

	(void)state;
	if (mkdtemp(file_dir) == NULL)
		return -1;
	assert_ok(http_curl_open(&options, &http, &err), &err);
	memory_reset();
	fake_clock_init(&hurry, 1764068819000);
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		backends[i].up = is_wanted(&backends[i]) && backend_up(&backends[i]);
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		zone_provider_release(&backends[i].provider);
		server_stop(&backends[i].server);
	}
	memory_reset();
	http_drop(&http);
	(void)snprintf(command, sizeof(command), "rm -rf %s", file_dir);
	return system(command);
}

int
main(void)
{
	static struct CMUnitTest tests[ARRAY_LEN(cells)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		for (size_t j = 0; j < ARRAY_LEN(kases); j++) {
			struct cell *c = &cells[n];

			if (!applies(&backends[i], &kases[j]))
				continue;
			c->b = &backends[i];
			c->k = &kases[j];
			(void)snprintf(c->name, sizeof(c->name), "%s: %s", c->b->name, c->k->name);
			tests[n++] = (struct CMUnitTest){.name = c->name, .test_func = check_cell, .initial_state = c};
		}
	return _cmocka_run_group_tests("contract/zones", tests, n, set_up, tear_down);
}
