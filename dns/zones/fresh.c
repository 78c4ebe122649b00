/*
 * fresh.c - a zone that was just made.
 */
#include "dns/zones/fresh.h"

#define WAITS    6
#define FIRST_MS 1000

bool
fresh_wait(const struct clock *clock, int *turn)
{
	if (*turn == WAITS)
		return false;
	clock_sleep_ms(clock, (int64_t)FIRST_MS << *turn);
	++*turn;
	return true;
}

int
fresh_unseen(const char *zone, struct err *err)
{
	return err_set(err, CR_ERETRY, "zone %s: just made, and not known everywhere yet", zone);
}

int
fresh_unfilled(const char *zone, const struct err *why, struct err *err)
{
	return err_set(err, CR_EUNKNOWN, "zone %.250s was made; its records were not: %.250s", zone, why->text);
}
