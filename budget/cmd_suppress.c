/*
 * cmd_suppress.c - the suppression list by hand: add, lift, check, list.  Files: cmd_suppress_file.c.
 */
#include "budget/cmd.h"

#include "budget/settings.h"
#include "budget/suppress.h"
#include "core/json.h"
#include "core/num.h"
#include "core/term.h"
#include "dns/name.h"

#include <string.h>
#include <sysexits.h>

static struct {
	const char *tenant, *reason, *evidence;
	bool lifted;
} args;

static const struct opt opts[] = {
	{"tenant",   0, OPT_TEXT, &args.tenant,   0, 0, "PRIMARY",
         "only for this tenant; without it the whole installation"                                      },
	{"reason",   0, OPT_TEXT, &args.reason,   0, 0, "TEXT",    "why; needed to add and to lift"     },
	{"evidence", 0, OPT_TEXT, &args.evidence, 0, 0, "TEXT",    "where it is on file; needed to lift"},
	{"lifted",   0, OPT_FLAG, &args.lifted,   0, 0, NULL,      "list: lifted entries too"           },
};

void
cmd_suppress_help(FILE *to)
{
	(void)fputs("add WHAT, lift WHAT, check WHAT, list, import FILE (- is stdin), export\n"
	            "WHAT is an address, an organisation's domain, or hash:HEX.  There is no bulk lift.\n",
	            to);
	opt_help(opts, ARRAY_LEN(opts), to);
}

static int
say(struct session *s, const char *event, const char *what, struct err *err)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	int rc;

	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", event);
		json_out_member(&j, "what", what);
		json_out_member(&j, "scope", args.tenant != NULL ? args.tenant : "");
		json_out_close(&j);
	} else {
		buf_addf(&line, "%s: %s", what, event);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc;
}

/* Run one change in a transaction; what cannot be read came from the command line. */
static int
finish(struct session *s, int rc, struct err *err)
{
	rc = db_end(s->db, rc, err);
	if (rc == CR_EPARSE)
		err->code = rc = CR_EUSAGE;
	return rc;
}

static int
run_add(struct session *s, const char *what, struct err *err)
{
	const struct suppress_entry e = {.scope = args.tenant,
	                                 .what = what,
	                                 .reason = args.reason,
	                                 .evidence = args.evidence,
	                                 .source = "manual"};
	struct contain c;
	bool added = false;
	int rc = cmd_need(args.reason, "--reason TEXT", err);

	if (rc != CR_OK || (rc = session_store(s, DB_WRITE, err)) != CR_OK || (rc = db_begin(s->db, err)) != CR_OK)
		return rc;
	c = cmd_contain(s);
	rc = finish(s, suppress_add(&c, &e, &added, err), err);
	return rc == CR_OK ? say(s, added ? "suppressed" : "was suppressed already", what, err) : rc;
}

static int
run_lift(struct session *s, const char *what, struct err *err)
{
	struct contain c;
	int rc = cmd_need(args.reason, "--reason TEXT", err);

	if (rc == CR_OK)
		rc = cmd_need(args.evidence, "--evidence TEXT", err);
	if (rc != CR_OK || (rc = session_store(s, DB_WRITE, err)) != CR_OK || (rc = db_begin(s->db, err)) != CR_OK)
		return rc;
	c = cmd_contain(s);
	rc = finish(s, suppress_lift(&c, args.tenant, what, args.reason, args.evidence, err), err);
	return rc == CR_OK ? say(s, "lifted", what, err) : rc;
}

/* The canonical form that suppress_test takes: an address, or a bare domain. */
static int
canonical_recipient(const char *what, char out[ADDRESS_MAX], struct err *err)
{
	struct address a;
	struct name n;
	bool is_address = strchr(what, '@') != NULL;
	int rc = is_address ? address_parse(what, &a, err) : name_parse_host(what, &n, err);

	if (rc == CR_OK)
		(void)snprintf(out, ADDRESS_MAX, "%.511s", is_address ? a.text : n.text);
	else if (rc == CR_EPARSE)
		err->code = rc = CR_EUSAGE;
	return rc;
}

/* By its own name, and by whatever else its organisation is called. */
static int
test_names(struct session *s, const char *tenant, const char *recipient, bool *closed, char reason[64], struct err *err)
{
	const char *names[ORGANISATION_NAMES + 1], *at = strrchr(recipient, '@');
	struct organisations known = {0};
	struct name head;
	int rc = suppress_test(s->db, s->vault, tenant, recipient, closed, reason, err);

	if (rc == CR_OK)
		rc = settings_organisations(s, &known, err);
	if (rc == CR_OK) {
		organisations_of(&known, at != NULL ? at + 1 : recipient, &head);
		organisations_names(&known, head.text, names);
	}
	for (size_t i = 0; rc == CR_OK && !*closed && names[i] != NULL; i++)
		rc = suppress_test(s->db, s->vault, tenant, names[i], closed, reason, err);
	organisations_release(&known);
	return rc;
}

/* Without --tenant: suppressed for anybody at all? */
static int
test_any(struct session *s, const char *recipient, bool *closed, char reason[64], struct err *err)
{
	struct db_rows *rows = NULL;
	struct buf scopes = {0};
	char tenant[256];
	bool more;
	int rc;

	if (args.tenant != NULL) {
		rc = suppress_scope_of(args.tenant, tenant, err);
		return rc == CR_OK ? test_names(s, tenant, recipient, closed, reason, err) : rc;
	}
	rc = db_query(s->db, "SELECT DISTINCT scope FROM suppression WHERE lifted_ms IS NULL", DB_NO_ARGS, &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more)
		buf_add(&scopes, db_col_text(rows, 0), strlen(db_col_text(rows, 0)) + 1);
	db_rows_drop(&rows);
	if (rc == CR_OK)
		rc = buf_check(&scopes, "tenants", err);
	for (size_t i = 0; rc == CR_OK && !*closed && i < scopes.len; i += strlen(scopes.data + i) + 1)
		rc = test_names(s, scopes.data + i, recipient, closed, reason, err);
	buf_release(&scopes);
	return rc;
}

static int
run_check(struct session *s, const char *what, struct err *err)
{
	char recipient[ADDRESS_MAX], reason[64] = "";
	bool closed = false;
	int rc = canonical_recipient(what, recipient, err);

	if (rc != CR_OK || (rc = session_store(s, DB_READ, err)) != CR_OK ||
	    (rc = test_any(s, recipient, &closed, reason, err)) != CR_OK ||
	    (rc = say(s, closed ? "suppressed" : "open", what, err)) != CR_OK)
		return rc;
	return closed ? EX_NOPERM : EX_OK;
}

struct entry {
	const char *scope, *kind, *value, *reason, *evidence, *source, *lift_reason, *lift_evidence;
	char added[NUM_RFC3339_MAX], lifted[NUM_RFC3339_MAX];
};

static int
list_json(struct session *s, const struct entry *e, struct err *err)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	int rc;

	json_out_open(&j, '{');
	json_out_member(&j, "scope", e->scope);
	json_out_member(&j, "kind", e->kind);
	json_out_member(&j, "value", e->value);
	json_out_member(&j, "reason", e->reason);
	json_out_member(&j, "evidence", e->evidence);
	json_out_member(&j, "source", e->source);
	json_out_member(&j, "added", e->added);
	json_out_member(&j, "lifted", e->lifted[0] != '\0' ? e->lifted : NULL);
	json_out_member(&j, "lift_reason", e->lift_reason);
	json_out_member(&j, "lift_evidence", e->lift_evidence);
	json_out_close(&j);
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc;
}

static int
list_row(struct session *s, struct term_table *t, const struct db_rows *rows, struct err *err)
{
	struct entry e = {
		.scope = db_col_text(rows, 0),
		.kind = db_col_text(rows, 1),
		.value = db_col_text(rows, 2),
		.reason = db_col_text(rows, 3),
		.source = db_col_text(rows, 4),
		.lift_reason = db_col_text(rows, 7),
		.evidence = db_col_text(rows, 8),
		.lift_evidence = db_col_text(rows, 9),
	};
	bool lifted = !db_col_is_null(rows, 6);
	char shown[256];

	cmd_time(db_col_int(rows, 5), e.added, sizeof(e.added));
	cmd_time(lifted ? db_col_int(rows, 6) : 0, e.lifted, sizeof(e.lifted));
	if (s->json)
		return list_json(s, &e, err);
	(void)snprintf(shown, sizeof(shown), "%s%s", strcmp(e.kind, "address") == 0 ? "hash:" : "", e.value);
	return term_table_add(
		t, lifted ? TERM_DIM : TERM_PLAIN,
		(const char *[]){e.scope[0] != '\0' ? e.scope : "(all)", shown, e.reason, e.source, e.added, e.lifted},
		err);
}

static int
run_list(struct session *s, struct err *err)
{
	static const struct term_column columns[] = {
		{"TENANT", false, false},
                {"WHO",    false, true },
                {"REASON", false, true },
		{"SOURCE", false, false},
                {"ADDED",  false, false},
                {"LIFTED", false, false},
	};
	struct db_rows *rows = NULL;
	struct term_table *t = NULL;
	char scope[256];
	bool more;
	int rc = suppress_scope_of(args.tenant, scope, err);

	if (rc == CR_EPARSE)
		err->code = rc = CR_EUSAGE;
	if (rc != CR_OK || (rc = session_store(s, DB_READ, err)) != CR_OK ||
	    (!s->json && (rc = term_table_open(columns, ARRAY_LEN(columns), &t, err)) != CR_OK))
		return rc;
	rc = db_query(s->db,
	              "SELECT scope, kind, value, reason, source, added_ms, lifted_ms, lift_reason, "
	              "evidence, lift_evidence FROM suppression "
	              "WHERE ($1 = '' OR scope = $1) AND (lifted_ms IS NULL OR $2 = 1) ORDER BY id",
	              DB_ARGS(db_text(scope), db_int(args.lifted)), &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more)
		rc = list_row(s, t, rows, err);
	db_rows_drop(&rows);
	if (rc == CR_OK && !s->json)
		rc = term_table_print(t, s->out, err);
	term_table_drop(&t);
	return rc;
}

int
cmd_suppress(struct session *s, int argc, char **argv, struct err *err)
{
	static const char usage[] = "suppress add|lift|check WHAT, suppress list|export, suppress import FILE";
	static const struct {
		const char *verb;
		int (*act)(struct session *, const char *, struct err *);
	} verbs[] = {
		{"add",   run_add  },
                {"lift",  run_lift },
                {"check", run_check}
        };
	const char *operands[CMD_OPERANDS];
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	if (argc > 1 && strcmp(argv[1], "import") == 0)
		return cmd_suppress_import(s, argc - 1, argv + 1, err);
	if (argc > 1 && strcmp(argv[1], "export") == 0)
		return cmd_suppress_export(s, argc - 1, argv + 1, err);
	rc = cmd_parse(opts, ARRAY_LEN(opts), argc, argv, 1, 2, usage, operands, &n, err);
	if (rc != CR_OK)
		return rc;
	for (size_t i = 0; n == 2 && i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].verb, operands[0]) == 0)
			return verbs[i].act(s, operands[1], err);
	}
	if (n == 1 && strcmp(operands[0], "list") == 0)
		return run_list(s, err);
	return err_set(err, CR_EUSAGE, "usage: coldrelay %s", usage);
}
