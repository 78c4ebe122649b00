/*
 * clockwork.c - effective time: stored in meta as "EFFECTIVE_MS BOOT_MS BOOT_ID", in the transaction of the spend it stamps.
 *
 * Readings are whole milliseconds of one boot clock, so their differences telescope and no rounding adds up.
 */
#include "budget/clockwork.h"

#include "core/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2025-01-01: older than any release of this program, so a wall clock before it was never set. */
#define EARLIEST_MS ((int64_t)1735689600000)
#define LATEST_MS   (INT64_MAX / 4)

static bool
same_boot(const struct clockwork *stored, int64_t boot_ms, const char *boot_id)
{
	/* An unnamed boot cannot be told from another; a boot clock that went back is another machine's. */
	return boot_id[0] != '\0' && strcmp(stored->boot_id, boot_id) == 0 && boot_ms >= stored->boot_ms;
}

int
clockwork_advance(const struct clockwork *stored, int64_t wall_ms, int64_t boot_ms, const char *boot_id,
                  struct clockwork *out, struct err *err)
{
	struct clockwork w = {.boot_ms = boot_ms};

	(void)snprintf(w.boot_id, sizeof(w.boot_id), "%s", boot_id);
	if (same_boot(stored, boot_ms, w.boot_id)) {
		w.effective_ms = stored->effective_ms + (boot_ms - stored->boot_ms);
		*out = w;
		return CR_OK;
	}
	if (wall_ms < EARLIEST_MS || wall_ms > LATEST_MS)
		return err_set(err, CR_ERETRY, "the system clock was never set");
	if (wall_ms < stored->effective_ms) {
		char then[NUM_RFC3339_MAX];

		num_format_rfc3339(stored->effective_ms / 1000, then, sizeof(then));
		return err_set(err, CR_ERETRY, "the system clock is behind %s, when the gate was last used", then);
	}
	w.effective_ms = wall_ms;
	w.is_new = true;
	*out = w;
	return CR_OK;
}

static int
parse(const char *text, struct clockwork *out, struct err *err)
{
	struct clockwork w = {0};
	char number[2][24];
	const char *p = text;

	for (size_t i = 0; i < ARRAY_LEN(number); i++) {
		size_t n = strcspn(p, " ");

		if (p[n] == '\0' || n >= sizeof(number[i]))
			return err_set(err, CR_ESTORE, "the stored clock is damaged: '%s'", text);
		(void)snprintf(number[i], sizeof(number[i]), "%.*s", (int)n, p);
		p += n + 1;
	}
	if (num_parse(number[0], 0, LATEST_MS, &w.effective_ms, NULL) != CR_OK ||
	    num_parse(number[1], 0, LATEST_MS, &w.boot_ms, NULL) != CR_OK || strlen(p) >= sizeof(w.boot_id))
		return err_set(err, CR_ESTORE, "the stored clock is damaged: '%s'", text);
	(void)snprintf(w.boot_id, sizeof(w.boot_id), "%s", p);
	*out = w;
	return CR_OK;
}

int
clockwork_read(struct db *db, const struct clock *clock, struct clockwork *out, struct err *err)
{
	struct clockwork stored = {0};
	char *text = NULL;
	int rc = db_get_text(db, "SELECT value FROM meta WHERE key = 'gate.clock'", DB_NO_ARGS, &text, err);

	if (rc == CR_OK && text != NULL)
		rc = parse(text, &stored, err);
	free(text);
	if (rc != CR_OK)
		return rc;
	return clockwork_advance(&stored, clock_wall_ms(clock), clock_boot_ms(clock), clock->boot_id(clock), out, err);
}

int
clockwork_store(struct db *db, const struct clockwork *w, struct err *err)
{
	char text[24 + 24 + CLOCK_BOOT_ID_MAX];

	(void)snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 " %s", w->effective_ms, w->boot_ms, w->boot_id);
	return db_exec(db,
	               "INSERT INTO meta (key, value) VALUES ('gate.clock', $1) "
	               "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
	               DB_ARGS(db_text(text)), NULL, err);
}
