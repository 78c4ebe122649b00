/*
 * clock.h - the clock as an interface.  Rooms are handed a struct clock; no room asks the system.
 *
 * wall_ms: UTC milliseconds since 1970 (CLOCK_REALTIME).  boot_ms: milliseconds since boot with
 * suspend counted (CLOCK_BOOTTIME), never steps.  boot_id: names this boot, so that two boot_ms
 * values are only compared within one.  sleep_ms: waits (back-off, polling); a fake clock returns
 * at once and advances itself, so that no test sleeps.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include "core/err.h"

#include <stdint.h>

#define CLOCK_BOOT_ID_MAX 40

struct clock {
	int64_t (*wall_ms)(const struct clock *c);
	int64_t (*boot_ms)(const struct clock *c);
	const char *(*boot_id)(const struct clock *c); /* borrowed; "" when the system does not tell */
	void (*sleep_ms)(const struct clock *c, int64_t ms);
	void *state; /* of a fake */
};

/* The system's clock.  Never NULL, static. */
const struct clock *clock_system(void);

static inline int64_t
clock_wall_ms(const struct clock *c)
{
	return c->wall_ms(c);
}

static inline int64_t
clock_wall_s(const struct clock *c)
{
	return c->wall_ms(c) / 1000;
}

static inline int64_t
clock_boot_ms(const struct clock *c)
{
	return c->boot_ms(c);
}

static inline void
clock_sleep_ms(const struct clock *c, int64_t ms)
{
	c->sleep_ms(c, ms);
}

#endif
