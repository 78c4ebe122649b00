/*
 * clock.c - the system's clock.
 *
 * Sources: clock_gettime(2); random(4) for /proc/sys/kernel/random/boot_id.
 */
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;

	/* Cannot fail for these two ids with a valid pointer. */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t
system_wall_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_REALTIME);
}

static int64_t
system_boot_ms(const struct clock *c)
{
	(void)c;
	return read_ms(CLOCK_BOOTTIME);
}

static char boot_id_text[CLOCK_BOOT_ID_MAX];
static pthread_once_t boot_id_once = PTHREAD_ONCE_INIT;

static void
read_boot_id(void)
{
	ssize_t got;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	got = read(fd, boot_id_text, sizeof(boot_id_text) - 1);
	(void)close(fd);
	boot_id_text[got > 0 ? got : 0] = '\0';
	boot_id_text[strcspn(boot_id_text, "\n")] = '\0';
}

static const char *
system_boot_id(const struct clock *c)
{
	(void)c;
	(void)pthread_once(&boot_id_once, read_boot_id);
	return boot_id_text;
}

static void
system_sleep_ms(const struct clock *c, int64_t ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000L};

	(void)c;
	while (ms > 0 && clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		continue;
}

static const struct clock system_clock = {
	.wall_ms = system_wall_ms,
	.boot_ms = system_boot_ms,
	.boot_id = system_boot_id,
	.sleep_ms = system_sleep_ms,
};

const struct clock *
clock_system(void)
{
	return &system_clock;
}
