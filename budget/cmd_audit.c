/*
 * cmd_audit.c - show the log, and walk its hash chain.
 */
#include "budget/cmd.h"

#include "core/audit.h"
#include "core/json.h"
#include "core/num.h"
#include "core/term.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

static struct {
	const char *subject, *expect;
	int64_t from;
} args;

static const struct opt opts[] = {
	{"subject", 0, OPT_TEXT, &args.subject, 0, 0,         "TEXT", "show: only this domain, mailbox or organisation"},
	{"from",    0, OPT_INT,  &args.from,    0, INT64_MAX, "SEQ",  "show: from this row on"                         },
	{"expect",  0, OPT_TEXT, &args.expect,  0, 0,         "HASH",
         "verify: the head noted outside; tells a restored old store"                                                  },
};

void
cmd_audit_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

struct show {
	struct session *s;
	struct term_table *table;
	struct err *err;
};

static int
show_json(struct show *show, const struct audit_entry *e, const char *at)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	int rc;

	json_out_open(&j, '{');
	json_out_member_int(&j, "seq", e->seq);
	json_out_member(&j, "at", at);
	json_out_member(&j, "actor", e->actor);
	json_out_member(&j, "action", e->action);
	json_out_member(&j, "subject", e->subject);
	json_out_member(&j, "reason", e->reason);
	json_out_key(&j, "detail");
	if (e->detail != NULL)
		json_out_raw(&j, e->detail);
	else
		json_out_null(&j);
	json_out_close(&j);
	rc = session_print_line(show->s, &line, show->err);
	buf_release(&line);
	return rc;
}

static int
show_entry(const struct audit_entry *e, void *arg)
{
	struct show *show = arg;
	char seq[24], at[NUM_RFC3339_MAX];

	num_format_rfc3339(e->at_ms / 1000, at, sizeof(at));
	if (show->s->json)
		return show_json(show, e, at);
	(void)snprintf(seq, sizeof(seq), "%lld", (long long)e->seq);
	return term_table_add(
		show->table, TERM_PLAIN,
		(const char *[]){seq, at, e->actor, e->action, e->subject, e->reason != NULL ? e->reason : ""},
		show->err);
}

static int
run_show(struct session *s, struct err *err)
{
	static const struct term_column columns[] = {
		{"SEQ",     true,  false},
                {"AT",      false, false},
                {"WHO",     false, false},
		{"ACTION",  false, false},
                {"SUBJECT", false, true },
                {"REASON",  false, true },
	};
	struct show show = {.s = s, .err = err};
	int rc = session_store(s, DB_READ, err);

	if (rc == CR_OK && !s->json)
		rc = term_table_open(columns, ARRAY_LEN(columns), &show.table, err);
	if (rc == CR_OK)
		rc = audit_walk(s->db, args.from, args.subject, show_entry, &show, err);
	if (rc == CR_OK && !s->json)
		rc = term_table_print(show.table, s->out, err);
	term_table_drop(&show.table);
	return rc;
}

static int
run_verify(struct session *s, struct err *err)
{
	struct audit_report r = {0};
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	bool holds;
	int rc;

	if ((rc = session_store(s, DB_READ, err)) != CR_OK || (rc = audit_verify(s->db, s->vault, &r, err)) != CR_OK)
		return rc;
	if (r.first_bad_seq == 0 && r.fault[0] == '\0' && args.expect != NULL &&
	    strcasecmp(args.expect, r.head_hex) != 0)
		(void)snprintf(r.fault, sizeof(r.fault),
		               "the head is not the expected one: rows were added, or an older "
		               "store was put back");
	holds = r.first_bad_seq == 0 && r.fault[0] == '\0';
	if (s->json) {
		json_out_open(&j, '{');
		json_out_member_bool(&j, "holds", holds);
		json_out_member_int(&j, "rows", r.rows);
		json_out_member(&j, "head", r.head_hex);
		json_out_member(&j, "fault", holds ? NULL : r.fault);
		json_out_close(&j);
	} else {
		buf_addf(&line, "%s: %lld rows, head %s", holds ? "the chain holds" : r.fault, (long long)r.rows,
		         r.head_hex);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc != CR_OK ? rc : holds ? EX_OK : 1;
}

int
cmd_audit(struct session *s, int argc, char **argv, struct err *err)
{
	static const char usage[] = "audit show [--subject TEXT] [--from SEQ] | verify [--expect HASH]";
	const char *operands[CMD_OPERANDS];
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = cmd_parse(opts, ARRAY_LEN(opts), argc, argv, 1, 1, usage, operands, &n, err);
	if (rc != CR_OK)
		return rc;
	if (strcmp(operands[0], "show") == 0)
		return run_show(s, err);
	if (strcmp(operands[0], "verify") == 0)
		return run_verify(s, err);
	return err_set(err, CR_EUSAGE, "usage: coldrelay %s", usage);
}
