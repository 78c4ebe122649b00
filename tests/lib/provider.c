/*
 * provider.c - a zone provider for a test.
 */
#include "tests/lib/provider.h"

#include "core/cfg.h"
#include "tests/lib/rows.h"

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
