/*
 * clockwork.c - effective time: stored in meta as "EFFECTIVE_MS BOOT_MS BOOT_ID", at the first question of a boot.
 *
 * Readings are whole milliseconds of one boot clock, so their differences telescope and no rounding adds up.
 */
#include "budget/clockwork.h"

#include "budget/tokens.h"

#include "core/buf.h"
#include "core/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Older than any release of this program: a wall clock before it was never set. */
#define EARLIEST_MS TOKENS_FIRST_MS
/* What a slot can hold, and a window beyond it. */
#define LATEST_MS (TOKENS_LAST_MS - (int64_t)60 * 86400000)
/* Gates on several machines stamp their rows a moment before they are in order. */
#define SERVER_SLACK_MS 5000

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
	int64_t last_ms = stored->last_ms > stored->effective_ms ? stored->last_ms : stored->effective_ms;

	buf_copy_text(w.boot_id, sizeof(w.boot_id), boot_id);
	w.is_new = !same_boot(stored, boot_ms, w.boot_id);
	w.effective_ms = w.is_new ? wall_ms : stored->effective_ms + (boot_ms - stored->boot_ms);
	if (w.effective_ms < EARLIEST_MS || w.effective_ms > LATEST_MS)
		return err_set(err, CR_ERETRY, "the system clock was never set");
	/* Within a boot too: a boot clock that was put back is no clock. */
	if (w.effective_ms < last_ms) {
		char then[NUM_RFC3339_MAX];

		num_format_rfc3339(last_ms / 1000, then, sizeof(then));
		return err_set(err, CR_ERETRY, "the system clock is behind %s, when the gate was last used", then);
	}
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
clockwork_stored(struct db *db, struct clockwork *out, struct err *err)
{
	struct clockwork stored = {0};
	char *text = NULL;
	int64_t last_ms = 0;
	int rc = db_get_text(db, "SELECT value FROM meta WHERE key = 'gate.clock'", DB_NO_ARGS, &text, err);

	if (rc == CR_OK && text != NULL)
		rc = parse(text, &stored, err);
	free(text);
	if (rc == CR_OK)
		rc = db_get_int(db, "SELECT at_ms FROM history ORDER BY seq DESC LIMIT 1", DB_NO_ARGS, 0, &last_ms,
		                err);
	if (rc != CR_OK)
		return rc;
	stored.last_ms = last_ms;
	*out = stored;
	return CR_OK;
}

static int
read_server(struct db *db, int64_t now_ms, struct clockwork *out, struct err *err)
{
	int64_t last_ms = 0;
	int rc = db_get_int(db, "SELECT at_ms FROM history ORDER BY seq DESC LIMIT 1", DB_NO_ARGS, 0, &last_ms, err);

	if (rc != CR_OK)
		return rc;
	if (now_ms < last_ms - SERVER_SLACK_MS || now_ms < EARLIEST_MS || now_ms > LATEST_MS)
		return err_set(err, CR_ERETRY,
		               "the clock of the store's server is behind its last send, or was never set");
	*out = (struct clockwork){.effective_ms = now_ms, .is_server = true};
	return CR_OK;
}

int
clockwork_read(struct db *db, const struct clock *clock, struct clockwork *out, struct err *err)
{
	struct clockwork stored;
	int64_t now_ms;
	int rc = db_now(db, &now_ms, err);

	if (rc == CR_OK)
		return read_server(db, now_ms, out, err);
	if (rc != CR_ENOTFOUND)
		return rc;
	rc = clockwork_stored(db, &stored, err);
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
