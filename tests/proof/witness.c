/*
 * witness.c - a store looked at and asked from outside, over the public headers: the hands of the scripts beside it.
 *
 * A line of standard input is a command, its fields parted by tabs; the answer is a line too, "error CODE TEXT" when it failed.
 *
 *   open DIRECTORY                  DIRECTORY/store.db with DIRECTORY/key: opened for writing, then looked through: pages, audit chain
 *   ask MAILBOX RECIPIENT ID        spends; ID may be "": "allow TICKET" or "wait REASON", "refuse REASON"
 *   look MAILBOX RECIPIENT          spends nothing: "left OUTBOUND WARMUP REASON"
 *   checkpoint                      the log is written back, all of it
 *   close
 */
#include "budget/gate.h"
#include "core/audit.h"
#include "core/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 4

struct witness {
	struct db *db;
	struct vault *vault;
	struct gate *gate;
};

static void
witness_close(struct witness *w)
{
	gate_drop(&w->gate);
	db_drop(&w->db);
	vault_drop(&w->vault);
}

static int
look_through(struct witness *w, struct err *err)
{
	struct audit_report report;
	char *said = NULL;
	int rc = db_get_text(w->db, "PRAGMA quick_check", DB_NO_ARGS, &said, err);

	if (rc == CR_OK && (said == NULL || strcmp(said, "ok") != 0))
		rc = err_set(err, CR_ESTORE, "damaged: %s", said != NULL ? said : "");
	free(said);
	if (rc == CR_OK)
		rc = audit_verify(w->db, w->vault, &report, err);
	if (rc == CR_OK && report.fault[0] != '\0')
		rc = err_set(err, CR_ESTORE, "audit: %s", report.fault);
	return rc;
}

static int
witness_open(struct witness *w, const char *dir, struct err *err)
{
	static const struct gate_limits limits = {.total_per_day = 4, .outbound_per_day = 2, .warmup_per_day = 2};
	char store[512], key[512];
	const struct db_options o = {
		.path = store, .mode = DB_WRITE, .schema = &schema_coldrelay, .clock = clock_system()};
	int rc;

	witness_close(w);
	(void)snprintf(store, sizeof(store), "%s/store.db", dir);
	(void)snprintf(key, sizeof(key), "%s/key", dir);
	if ((rc = vault_open(key, false, &w->vault, err)) != CR_OK || (rc = db_open(&o, &w->db, err)) != CR_OK ||
	    (rc = gate_open(w->db, w->vault, clock_system(), &limits, NULL, &w->gate, err)) != CR_OK)
		return rc;
	return look_through(w, err);
}

static int
ask(struct witness *w, const struct gate_request *q, struct err *err)
{
	struct gate_answer a;
	int rc = gate_ask(w->gate, q, &a, err);

	if (rc != CR_OK)
		return rc;
	if (q->dry_run)
		(void)printf("left %d %d %s\n", a.left_outbound, a.left_warmup, a.reason);
	else if (a.verdict == GATE_ALLOW)
		(void)printf("allow %s\n", a.ticket);
	else
		(void)printf("%s %s\n", a.verdict == GATE_WAIT ? "wait" : "refuse", a.reason);
	return CR_OK;
}

static int
obey(struct witness *w, char *const field[FIELDS], size_t n, struct err *err)
{
	struct gate_request q = {.mailbox = field[1], .recipient = field[2], .message_id = field[3]};
	int rc;

	if (n == 2 && strcmp(field[0], "open") == 0)
		rc = witness_open(w, field[1], err);
	else if (n == 1 && strcmp(field[0], "close") == 0)
		rc = CR_OK;
	else if (w->gate == NULL)
		return err_set(err, CR_EUSAGE, "no store is open");
	else if (n == 1 && strcmp(field[0], "checkpoint") == 0)
		rc = db_checkpoint(w->db, 0, err);
	else if (n == 4 && strcmp(field[0], "ask") == 0) {
		if (q.message_id[0] == '\0')
			q.message_id = NULL;
		return ask(w, &q, err);
	} else if (n == 3 && strcmp(field[0], "look") == 0) {
		q.dry_run = true;
		return ask(w, &q, err);
	} else {
		return err_set(err, CR_EUSAGE, "no such command");
	}
	if (strcmp(field[0], "close") == 0)
		witness_close(w);
	if (rc == CR_OK)
		(void)puts("ok");
	return rc;
}

int
main(void)
{
	struct witness w = {0};
	char line[2048];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		char *field[FIELDS] = {line};
		struct err err = {0};
		size_t n = 1;
		int rc;

		line[strcspn(line, "\n")] = '\0';
		for (char *p = line; n < FIELDS && (p = strchr(p, '\t')) != NULL; n++) {
			*p++ = '\0';
			field[n] = p;
		}
		rc = obey(&w, field, n, &err);
		if (rc != CR_OK)
			(void)printf("error %s %s\n", err_code_name(rc), err.text);
		(void)fflush(stdout);
	}
	witness_close(&w);
	return 0;
}
