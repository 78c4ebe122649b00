/*
 * provider.c - a zone provider for a test.
 */
#include "tests/lib/provider.h"

#include "core/cfg.h"
#include "tests/lib/rows.h"

#define START_MS ((int64_t)1764068819000) /* 2025-11-25 */

void
provider_open(const char *driver, const char *settings, struct http *http, const struct clock *clock,
              struct zone_provider *out)
{
	const struct zone_env env = {.http = http, .clock = clock, .config_dir = "/tmp"};
	struct err err = {0};
	struct cfg *cfg = NULL;

	*out = (struct zone_provider){.driver = zone_driver_find(driver), .name = strdup(driver)};
	assert_non_null(out->driver);
	out->settings = calloc(1, out->driver->settings_size + 1);
	assert_non_null(out->settings);
	assert_ok(cfg_open_text(settings, "test", &cfg, &err), &err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "provider", out->driver->rows, out->driver->n_rows, NULL, 0,
	                         out->settings, &err),
	          &err);
	/* A driver without settings of its own is handed some all the same. */
	if (out->driver->n_rows > 0)
		assert_string_equal(cfg_faults(cfg), "");
	cfg_drop(&cfg);
	assert_ok(out->driver->open(&env, out->settings, &out->ctx, &err), &err);
}

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
