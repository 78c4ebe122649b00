/*
 * fake_clock.c - the functions behind a struct clock whose time is two variables.
 */
#include "tests/lib/fake_clock.h"

#include <stdio.h>
#include <string.h>

#define FIRST_BOOT_MS 1000000

static int64_t
fake_wall_ms(const struct clock *c)
{
	struct fake_clock *f = c->state;

	return f->wall_ms;
}

static int64_t
fake_boot_ms(const struct clock *c)
{
	struct fake_clock *f = c->state;

	return f->boot_ms;
}

static const char *
fake_boot_id(const struct clock *c)
{
	struct fake_clock *f = c->state;

	return f->boot_id;
}

static void
fake_sleep_ms(const struct clock *c, int64_t ms)
{
	struct fake_clock *f = c->state;

	f->last_sleep_ms = ms;
	f->slept_ms += ms;
	f->sleeps++;
	fake_clock_advance(f, ms);
}

void
fake_clock_init(struct fake_clock *f, int64_t wall_ms)
{
	memset(f, 0, sizeof(*f));
	f->clock = (struct clock){
		.wall_ms = fake_wall_ms,
		.boot_ms = fake_boot_ms,
		.boot_id = fake_boot_id,
		.sleep_ms = fake_sleep_ms,
		.state = f,
	};
	f->wall_ms = wall_ms;
	f->boot_ms = FIRST_BOOT_MS;
	(void)snprintf(f->boot_id, sizeof(f->boot_id), "boot-1");
}

void
fake_clock_advance(struct fake_clock *f, int64_t ms)
{
	f->wall_ms += ms;
	f->boot_ms += ms;
}

void
fake_clock_step(struct fake_clock *f, int64_t ms)
{
	f->wall_ms += ms;
}

void
fake_clock_reboot(struct fake_clock *f, const char *boot_id, int64_t off_ms)
{
	f->wall_ms += off_ms;
	f->boot_ms = 0;
	(void)snprintf(f->boot_id, sizeof(f->boot_id), "%s", boot_id);
}
