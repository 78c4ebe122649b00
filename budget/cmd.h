/*
 * cmd.h - what the gate's commands share, and their rows for the front door.
 */
#ifndef BUDGET_CMD_H
#define BUDGET_CMD_H

#include "budget/contain.h"
#include "budget/gate.h"
#include "core/buf.h"
#include "core/opt.h"
#include "core/session.h"

extern const struct command budget_commands[];
extern const size_t budget_commands_n;

/* ---- inside the room ---- */

#define CMD_OPERANDS 8

/* opt_parse, with min to max operands.  usage is shown when the number is wrong.  Errors: CR_EUSAGE, CR_ENOMEM. */
MUST_CHECK int cmd_parse(const struct opt *rows, size_t n_rows, int argc, char **argv, size_t min, size_t max,
                         const char *usage, const char *operands_out[CMD_OPERANDS], size_t *n_out, struct err *err);
/* An option that must be given and not be blank. */
MUST_CHECK int cmd_need(const char *value, const char *option, struct err *err);

/* The gate by the session's limits and peers; the store must be open. */
MUST_CHECK int cmd_gate(struct session *s, struct gate **out, struct err *err);
/* Changes by the person at the keyboard, stamped with wall time: a doubtful clock must not keep anybody from freezing. */
struct contain cmd_contain(struct session *s);

/* RFC 3339, rounded up to the second: at the moment shown it is true.  0 gives "". */
void cmd_time(int64_t ms, char *out, size_t size);

int cmd_check(struct session *s, int argc, char **argv, struct err *err);
void cmd_check_help(FILE *to);
int cmd_why(struct session *s, int argc, char **argv, struct err *err);
void cmd_why_help(FILE *to);
int cmd_release(struct session *s, int argc, char **argv, struct err *err);
int cmd_freeze(struct session *s, int argc, char **argv, struct err *err);
int cmd_thaw(struct session *s, int argc, char **argv, struct err *err);
void cmd_freeze_help(FILE *to);
void cmd_thaw_help(FILE *to);
int cmd_suppress(struct session *s, int argc, char **argv, struct err *err);
void cmd_suppress_help(FILE *to);
/* Of cmd_suppress; argv[0] is the verb. */
int cmd_suppress_import(struct session *s, int argc, char **argv, struct err *err);
int cmd_suppress_export(struct session *s, int argc, char **argv, struct err *err);
int cmd_status(struct session *s, int argc, char **argv, struct err *err);
int cmd_serve(struct session *s, int argc, char **argv, struct err *err);
void cmd_serve_help(FILE *to);
int cmd_bounce(struct session *s, int argc, char **argv, struct err *err);
void cmd_bounce_help(FILE *to);
int cmd_explain(struct session *s, int argc, char **argv, struct err *err);
void cmd_explain_help(FILE *to);
int cmd_audit(struct session *s, int argc, char **argv, struct err *err);
void cmd_audit_help(FILE *to);
int cmd_store(struct session *s, int argc, char **argv, struct err *err);
void cmd_store_help(FILE *to);

#endif
