/*
 * cmd_status.c - alarms first, then every domain with what it did and what comes next.
 */
#include "budget/cmd.h"

#include "budget/clockwork.h"
#include "budget/cmd_evidence.h"
#include "budget/tokens.h"
#include "core/json.h"
#include "core/num.h"
#include "core/term.h"
#include "dns/name.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STEP_ALARM_MS 5000 /* a clock step that deserves a word */
#define MINUTE_MS     60000

struct status {
	struct session *s;
	const char *only; /* one domain, canonical; NULL: all */
	int64_t now_ms;
	int alarms;
	struct term_table *table;
};

static int
alarm_line(struct status *st, const char *kind, const char *subject, const char *text, struct err *err)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	int rc;

	st->alarms++;
	if (st->s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "alarm", kind);
		json_out_member(&j, "subject", subject);
		json_out_member(&j, "message", text);
		json_out_close(&j);
	} else {
		buf_addf(&line, "%sALARM%s %s: %s", term_on(st->s->out, TERM_BAD), term_off(st->s->out), subject, text);
	}
	rc = session_print_line(st->s, &line, err);
	buf_release(&line);
	return rc;
}

/* The gate's time, or wall time beside an alarm when the gate would not answer. */
static int
look_at_clock(struct status *st, struct err *err)
{
	int64_t wall_ms = clock_wall_ms(st->s->clock);
	char by[32], text[160];
	struct clockwork w;
	int rc = clockwork_read(st->s->db, st->s->clock, &w, err);

	st->now_ms = rc == CR_OK ? w.effective_ms : wall_ms;
	if (rc == CR_ERETRY) {
		(void)snprintf(text, sizeof(text), "%.120s; the gate says wait", err->text);
		return alarm_line(st, "clock", "clock", text, err);
	}
	if (rc != CR_OK || llabs(wall_ms - w.effective_ms) <= STEP_ALARM_MS)
		return rc;
	num_format_duration(llabs(wall_ms - w.effective_ms) / 1000, by, sizeof(by));
	(void)snprintf(text, sizeof(text),
	               "the system clock was set %s by %s; until the next boot the gate goes by boot time",
	               wall_ms > w.effective_ms ? "forward" : "back", by);
	return alarm_line(st, "clock", "clock", text, err);
}

static int
tenant_alarms(struct status *st, struct err *err)
{
	char until[NUM_RFC3339_MAX], text[320];
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(st->s->db,
	                  "SELECT primary_domain, frozen_cause, cooldown_until_ms FROM tenant "
	                  "WHERE (frozen_cause IS NOT NULL OR cooldown_until_ms > $1) AND "
	                  "($2 = '' OR primary_domain = (SELECT tenant FROM domain WHERE name = $2)) "
	                  "ORDER BY primary_domain",
	                  DB_ARGS(db_int(st->now_ms), db_text(st->only != NULL ? st->only : "")), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		if (!db_col_is_null(rows, 1)) {
			(void)snprintf(text, sizeof(text), "every domain of the tenant is frozen (%.64s)",
			               db_col_text(rows, 1));
			rc = alarm_line(st, "frozen", db_col_text(rows, 0), text, err);
		}
		if (rc == CR_OK && db_col_int(rows, 2) > st->now_ms) {
			cmd_time(db_col_int(rows, 2), until, sizeof(until));
			(void)snprintf(text, sizeof(text), "a domain was burned: nothing new before %s", until);
			rc = alarm_line(st, "cooldown", db_col_text(rows, 0), text, err);
		}
	}
	db_rows_drop(&rows);
	return rc;
}

static int
domain_alarms(struct status *st, struct err *err)
{
	struct db_rows *rows = NULL;
	char since[NUM_RFC3339_MAX], text[320], evidence[48];
	int64_t id;
	bool more;
	int rc = db_query(st->s->db,
	                  "SELECT name, state, cause, since_ms FROM domain WHERE state IN ('frozen', 'burned') "
	                  "AND ($1 = '' OR name = $1) ORDER BY name",
	                  DB_ARGS(db_text(st->only != NULL ? st->only : "")), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		rc = cmd_evidence_latest(st->s->db, db_col_text(rows, 0), &id, err);
		if (rc != CR_OK)
			break;
		num_format_rfc3339(db_col_int(rows, 3) / 1000, since, sizeof(since));
		evidence[0] = '\0';
		if (id != 0)
			(void)snprintf(evidence, sizeof(evidence), ", evidence %lld", (long long)id);
		(void)snprintf(text, sizeof(text), "%.16s since %s (%.64s%s)", db_col_text(rows, 1), since,
		               db_col_is_null(rows, 2) ? "no cause" : db_col_text(rows, 2), evidence);
		rc = alarm_line(st, db_col_text(rows, 1), db_col_text(rows, 0), text, err);
	}
	db_rows_drop(&rows);
	return rc;
}

/* One line of the table, plain. */
struct line {
	const char *domain, *tenant;
	enum domain_state state;
	int64_t age_ms, outbound, warmup;
	struct evidence_count refused;
	char next[320];
};

static void
next_step(struct line *l, int64_t first_send_ms, int64_t closing_until_ms, const char *cause)
{
	char at[NUM_RFC3339_MAX];

	l->next[0] = '\0';
	switch (l->state) {
	case DOMAIN_PLANNED:
	case DOMAIN_PROVISIONING:
		(void)snprintf(l->next, sizeof(l->next), "provision %s", l->tenant);
		break;
	case DOMAIN_WARMING:
		cmd_time(first_send_ms, at, sizeof(at));
		(void)snprintf(l->next, sizeof(l->next), "first send %s", at);
		break;
	case DOMAIN_FROZEN:
		(void)snprintf(l->next, sizeof(l->next), "%s, then thaw %s",
		               cause != NULL && strcmp(cause, "auth") == 0 ? "verify" : "review", l->domain);
		break;
	case DOMAIN_BURNED:
		(void)snprintf(l->next, sizeof(l->next), "teardown %s", l->domain);
		break;
	case DOMAIN_CLOSING:
		cmd_time(closing_until_ms, at, sizeof(at));
		(void)snprintf(l->next, sizeof(l->next), "teardown after %s",
		               at[0] != '\0' ? at : "the opt-out period");
		break;
	case DOMAIN_ACTIVE:
	case DOMAIN_PARKED:
	case DOMAIN_STATE__COUNT:
		break;
	}
}

static int
print_json(struct status *st, const struct line *l, struct err *err)
{
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	json_out_open(&j, '{');
	json_out_member(&j, "domain", l->domain);
	json_out_member(&j, "tenant", l->tenant);
	json_out_member(&j, "state", domain_state_name(l->state));
	json_out_member_int(&j, "age_s", l->age_ms / 1000);
	json_out_key(&j, "sent");
	json_out_open(&j, '{');
	json_out_member_int(&j, "outbound", l->outbound);
	json_out_member_int(&j, "warmup", l->warmup);
	json_out_close(&j);
	json_out_member_int(&j, "blocks", l->refused.blocks);
	json_out_member_int(&j, "blocked_by", l->refused.blockers);
	json_out_member_int(&j, "complaints", l->refused.complaints);
	json_out_member_int(&j, "refusals", l->refused.refusals);
	json_out_member(&j, "next", l->next[0] != '\0' ? l->next : NULL);
	json_out_close(&j);
	rc = session_print_line(st->s, &b, err);
	buf_release(&b);
	return rc;
}

static int
print_row(struct status *st, const struct line *l, struct err *err)
{
	static const enum term_tone tones[] = {
		[DOMAIN_PLANNED] = TERM_DIM, [DOMAIN_PROVISIONING] = TERM_PLAIN, [DOMAIN_WARMING] = TERM_WARN,
		[DOMAIN_ACTIVE] = TERM_GOOD, [DOMAIN_FROZEN] = TERM_BAD,         [DOMAIN_BURNED] = TERM_BAD,
		[DOMAIN_CLOSING] = TERM_DIM, [DOMAIN_PARKED] = TERM_DIM,
	};
	char age[32], sent[48], blocks[24], refusals[24];

	assert((unsigned)l->state < ARRAY_LEN(tones));
	num_format_duration(l->age_ms / MINUTE_MS * 60, age, sizeof(age));
	(void)snprintf(sent, sizeof(sent), "%lld/%lld", (long long)l->outbound, (long long)l->warmup);
	(void)snprintf(blocks, sizeof(blocks), "%lld", (long long)l->refused.blocks);
	(void)snprintf(refusals, sizeof(refusals), "%lld", (long long)l->refused.refusals);
	return term_table_add(
		st->table, tones[l->state],
		(const char *[]){l->domain, domain_state_name(l->state), age, sent, refusals, blocks, l->next}, err);
}

static const char domains_sql[] =
	"SELECT name, tenant, state, created_ms, first_send_ms, closing_until_ms, cause FROM domain "
	"WHERE $1 = '' OR name = $1 ORDER BY tenant, name";

/* What the slots hold of these 24 hours: that is what the gate goes by. */
static int
count_sent(struct status *st, struct line *l, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(st->s->db,
	                  "SELECT s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id WHERE m.domain = $1",
	                  DB_ARGS(db_text(l->domain)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		struct tokens t = {0};
		size_t len;
		const void *slots = db_col_blob(rows, 0, &len);

		rc = tokens_unpack(slots, len, &t, err);
		for (size_t i = 0; rc == CR_OK && i < t.n; i++) {
			if (t.slot[i].spent_ms <= st->now_ms - GATE_WINDOW_MS)
				continue;
			l->outbound += t.slot[i].class == GATE_OUTBOUND;
			l->warmup += t.slot[i].class == GATE_WARMUP;
		}
	}
	db_rows_drop(&rows);
	return rc;
}

static int
print_domain(struct status *st, const struct db_rows *rows, struct err *err)
{
	enum domain_state stored = DOMAIN_PLANNED;
	struct line l = {
		.domain = db_col_text(rows, 0),
		.tenant = db_col_text(rows, 1),
		.age_ms = st->now_ms > db_col_int(rows, 3) ? st->now_ms - db_col_int(rows, 3) : 0,
	};
	int rc = domain_state_parse(db_col_text(rows, 2), &stored, err);

	if (rc != CR_OK)
		return rc;
	rc = count_sent(st, &l, err);
	if (rc == CR_OK)
		rc = evidence_count(st->s->db, l.domain, &l.refused, err);
	if (rc != CR_OK)
		return rc;
	l.state = domain_state_in_effect(stored, db_col_int(rows, 4), st->now_ms);
	next_step(&l, db_col_int(rows, 4), db_col_int(rows, 5), db_col_text(rows, 6));
	return st->s->json ? print_json(st, &l, err) : print_row(st, &l, err);
}

static int
print_domains(struct status *st, struct err *err)
{
	static const struct term_column columns[] = {
		{"DOMAIN",        false, false},
                {"STATE",         false, false},
                {"AGE",           true,  false},
		{"SENT OUT/WARM", true,  false},
                {"REFUSED",       true,  false},
                {"BLOCKS",        true,  false},
		{"NEXT",          false, true },
	};
	struct db_rows *rows = NULL;
	bool more, any = false;
	int rc = st->s->json ? CR_OK : term_table_open(columns, ARRAY_LEN(columns), &st->table, err);

	if (rc == CR_OK)
		rc = db_query(st->s->db, domains_sql, DB_ARGS(db_text(st->only != NULL ? st->only : "")), &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		any = true;
		rc = print_domain(st, rows, err);
	}
	db_rows_drop(&rows);
	if (rc == CR_OK && !any && st->only != NULL)
		rc = err_set(err, CR_ENOTFOUND, "no such outreach domain: '%s'", st->only);
	if (rc == CR_OK && any && !st->s->json)
		rc = term_table_print(st->table, st->s->out, err);
	term_table_drop(&st->table);
	return rc;
}

int
cmd_status(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct status st = {.s = s};
	struct name only;
	size_t n;
	int rc = cmd_parse(NULL, 0, argc, argv, 0, 1, "status [DOMAIN]", operands, &n, err);

	if (rc == CR_OK && n == 1) {
		rc = name_parse_host(operands[0], &only, err);
		if (rc == CR_EPARSE)
			err->code = rc = CR_EUSAGE;
		st.only = only.text;
	}
	if (rc != CR_OK || (rc = session_store(s, DB_READ, err)) != CR_OK || (rc = look_at_clock(&st, err)) != CR_OK ||
	    (rc = tenant_alarms(&st, err)) != CR_OK || (rc = domain_alarms(&st, err)) != CR_OK ||
	    (rc = print_domains(&st, err)) != CR_OK)
		return rc;
	return st.alarms > 0 ? 1 : 0;
}
