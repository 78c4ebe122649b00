/*
 * cmd.c - the gate's rows in the command table.
 */
#include "budget/cmd.h"

/* clang-format off */
const struct command budget_commands[] = {
	{"check", cmd_check, "MAILBOX --to RCPT [--message-id ID] [--dry-run]", "ask the gate whether a mailbox may send one message now; allow spends a token", cmd_check_help},
	{"release", cmd_release, "TICKET", "give back the token of a message of which no byte has left", NULL},
	{"why", cmd_why, "MAILBOX RCPT", "every test of the gate with its present answer; spends nothing", cmd_why_help},
	{"serve", cmd_serve, "[--listen unix:PATH or inet:HOST:PORT] [--check-config]", "the gate as a policy service for Postfix, until SIGTERM", cmd_serve_help},
	{"status", cmd_status, "[DOMAIN]", "alarms, then every domain with its state, sends and next step", NULL},
	{"bounce", cmd_bounce, "[FILE...] [--dry-run] [--mailbox ADDRESS] [--pipe] | --log FILE [--follow] | --imap [MAILBOX...]", "read bounces, complaints and answers, and stop what must stop", cmd_bounce_help},
	{"explain", cmd_explain, "TEXT or FILE... | --replies FILE.tsv | --rules", "who refused, what it means, what to do and what not; changes nothing", cmd_explain_help},
	{"freeze", cmd_freeze, "DOMAIN --reason TEXT [--tenant]", "stop a domain at once", cmd_freeze_help},
	{"thaw", cmd_thaw, "DOMAIN --reason TEXT [--tenant]", "let a frozen domain send again after review", cmd_thaw_help},
	{"suppress", cmd_suppress, "add|lift|check|list|import|export ...", "the list of addresses and organisations to leave alone", cmd_suppress_help},
	{"audit", cmd_audit, "show [--subject TEXT] [--from SEQ] | verify [--expect HASH]", "the log of every change, and whether its chain holds", cmd_audit_help},
	{"store", cmd_store, "copy FROM TO [--dry-run] | trust --reason TEXT", "move the installation to another store; accept a server that took over", cmd_store_help},
};
/* clang-format on */
const size_t budget_commands_n = ARRAY_LEN(budget_commands);
