/*
 * golden.c - a zone provider over recorded exchanges.
 */
#include "tests/lib/golden.h"

#include "tests/lib/rows.h"

#define START_MS ((int64_t)1764068819000) /* 2025-11-25 */

void
golden_open(const char *driver, const char *settings, const char *file, const char *base, struct golden *out)
{
	struct err err = {0};
	char path[160];

	(void)snprintf(path, sizeof(path), "tests/golden/%s/%s.http", driver, file);
	fake_clock_init(&out->clock, START_MS);
	assert_ok(http_replay_open(path, base, &out->http, &err), &err);
	provider_open(driver, settings, out->http, &out->clock.clock, &out->provider);
}

void
golden_close(struct golden *g)
{
	if (http_replay_rest(g->http) != NULL)
		fail_msg("%s", http_replay_rest(g->http));
	zone_provider_release(&g->provider);
	http_drop(&g->http);
}

void
golden_check(const struct golden_row *r, void (*open_on)(struct golden *g, const char *file),
             const char *const *secrets, size_t n)
{
	struct golden g;
	struct err err = {0};
	int rc;

	open_on(&g, r->file);
	rc = r->what(&g, r->file, &err);
	if (rc != r->want)
		fail_msg("%s, not %s: %s", err_code_name(rc), err_code_name(r->want), err.text);
	if (r->text != NULL && strstr(err.text, r->text) == NULL)
		fail_msg("'%s' is not in: %s", r->text, err.text);
	for (size_t i = 0; i < n; i++)
		if (strstr(err.text, secrets[i]) != NULL)
			fail_msg("'%s' is told in: %s", secrets[i], err.text);
	golden_close(&g);
}

int
golden_remove(const struct golden *g, const char *file, struct err *err)
{
	(void)file;
	return g->provider.driver->remove(g->provider.ctx, GOLDEN_ZONE, err);
}

int
golden_remove_twice(const struct golden *g, const char *file, struct err *err)
{
	assert_ok(golden_remove(g, file, err), err);
	return golden_remove(g, file, err);
}

int
golden_change_spf(const struct golden *g, const char *id, struct err *err)
{
	const struct zone_driver *driver = g->provider.driver;
	struct zone_state base = {0};
	struct records have = {0}, want = {0};
	struct set_diff diff = {0};
	int rc;

	assert_ok(driver->observe(g->provider.ctx, GOLDEN_ZONE, id, &base, err), err);
	golden_add(&have, GOLDEN_ZONE, RECORD_TXT, 300, "\"v=spf1 -all\"");
	golden_add(&want, GOLDEN_ZONE, RECORD_TXT, 600, "\"v=spf1 ip4:192.0.2.10 -all\"");
	golden_add(&want, "mail." GOLDEN_ZONE, RECORD_A, 600, "192.0.2.10");
	assert_ok(set_diff_make(&have, &want, &diff, err), err);
	rc = driver->change(g->provider.ctx, GOLDEN_ZONE, &base, &diff, err);
	set_diff_release(&diff);
	records_release(&want);
	records_release(&have);
	zone_state_release(&base);
	return rc;
}

void
golden_add(struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata)
{
	struct err err = {0};

	assert_ok(records_add(l, owner, type, ttl_s, rdata, &err), &err);
}

void
golden_differ(struct set_diff *d, enum set_op op, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata)
{
	struct record r = {0};
	struct err err = {0};

	assert_ok(record_parse(owner, type, ttl_s, rdata, "", &r, &err), &err);
	assert_ok(set_diff_add(d, op, &r, &err), &err);
	record_release(&r);
}
