/*
 * fake_clock.h - a clock that stands still until a test moves it, and that sleeping moves forward at once.
 *
 *   struct fake_clock clock;
 *   fake_clock_init(&clock, 1764068819000);
 *   gate_open(..., &clock.clock, ...);
 *   fake_clock_advance(&clock, 3600000);
 *
 * Thread-safe.  Wall and boot time move together, except by fake_clock_step (somebody set the clock)
 * and fake_clock_reboot.
 */
#ifndef TESTS_LIB_FAKE_CLOCK_H
#define TESTS_LIB_FAKE_CLOCK_H

#include "core/clock.h"

#include <stdatomic.h>
#include <stdint.h>

struct fake_clock {
	struct clock clock; /* hand out &f.clock */
	_Atomic int64_t wall_ms;
	_Atomic int64_t boot_ms;
	char boot_id[CLOCK_BOOT_ID_MAX];
	_Atomic int64_t slept_ms; /* the sum of all sleeps */
	_Atomic int64_t last_sleep_ms;
	_Atomic int sleeps;
};

/* wall_ms: UTC milliseconds.  Boot time starts at 1000 s, the boot id is "boot-1".  The struct must not move afterwards. */
void fake_clock_init(struct fake_clock *f, int64_t wall_ms);
/* Time passes: both clocks. */
void fake_clock_advance(struct fake_clock *f, int64_t ms);
/* The wall clock is set, by ms forward or back; boot time goes on as it was. */
void fake_clock_step(struct fake_clock *f, int64_t ms);
/* A new boot after off_ms of being switched off: boot time starts anew under another id. */
void fake_clock_reboot(struct fake_clock *f, const char *boot_id, int64_t off_ms);

#endif
