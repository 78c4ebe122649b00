/*
 * session.h - what the front door hands to a command: configuration, store, vault, clock, and how to talk.
 *
 * Opened on demand: a command pays only for what it uses.  The installation's own settings (store, key file, limits) are read here;
 * tenants and providers are read by provision/intent.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/cfg.h"
#include "core/clock.h"
#include "core/db.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stdio.h>

/* The settings of the installation; rows in session.c. */
struct settings {
	char *store;          /* path, or a server's address */
	char *store_password; /* reference; NULL */
	char *key_file;       /* path */
	char *templates;      /* directory of the operator's own templates; NULL */
	char *listen;         /* where serve listens: unix:PATH or inet:HOST:PORT */
	char *metrics;        /* where serve tells its metrics; NULL: nowhere */
	char *reply_rules;    /* the operator's rules for replies; NULL */
	char *resolver;       /* HOST:PORT that verify asks; NULL: the system's */
	bool log_recipients;
	bool use_daemon; /* check and release ask it where it answers */
	int64_t parallel;
	int64_t timeout_s;   /* over one provider call with its retries */
	int64_t lock_wait_s; /* how long a run waits for another run on the same tenant */
	/* limits group */
	struct {
		int64_t total, outbound, warmup;
		int64_t org_per_hour, org_per_day, mailbox_gap_s, queue_lifetime_s, history_days;
	} limits;
	struct cfg_list warmup_peers;
};

struct session {
	const char *
		config_path; /* found by the door: -c, $COLDRELAY_CONFIG, ./coldrelay.cfg, /etc/coldrelay/coldrelay.cfg; NULL: none */
	const struct clock *clock;
	bool json, quiet;
	FILE *out;
	int64_t busy_ms; /* how long the store's lock is waited for; 0: as db_open has it */
	/* opened on demand, owned */
	struct cfg *cfg;
	struct settings settings;
	bool settings_read, findings_told;
	struct db *db;
	struct vault *vault;
};
void session_release(struct session *s);

/* named, or the first of the usual places; NULL: none.  Borrowed from the argument or the environment. */
const char *session_find_config(const char *named);
/* Read the configuration (cfg, when the caller has opened one already) and the installation's settings; findings are kept, for readers of further groups to add theirs.
 * Errors: CR_ECONFIG (no file, or one that cannot be read at all), CR_ENOMEM. */
MUST_CHECK int session_read(struct session *s, struct err *err);
/* Print every finding, one a line, once.  Errors: CR_ECONFIG when there are faults. */
MUST_CHECK int session_findings(struct session *s, struct err *err);
/* session_read + session_findings: for commands that need the installation's settings only. */
MUST_CHECK int session_config(struct session *s, struct err *err);
/*
 * session_config + vault + store.  DB_CREATE makes key file and store, and notes in the store which key it belongs to.
 * Errors as db_open, vault_open; CR_ESTORE (the key of an existing store is gone, or is another one).
 */
MUST_CHECK int session_store(struct session *s, enum db_mode mode, struct err *err);
/* A store that is not the configured one, and the configured vault; the caller drops it.  Errors: as db_open, vault_open. */
MUST_CHECK int session_other_store(struct session *s, const char *path, enum db_mode mode, struct db **out,
                                   struct err *err);
/* A finished line of output, JSON or text, without its newline: written and flushed, line is empty then.  Errors: buf_check's, CR_EIO. */
MUST_CHECK int session_print_line(struct session *s, struct buf *line, struct err *err);
/* Something stands where the store belongs; after session_config. */
bool session_has_store(const struct session *s);
/* Directory of the configuration file, "." when unknown; borrowed. */
const char *session_config_dir(const struct session *s);

extern const struct cfg_row settings_rows[];
extern const size_t settings_rows_n;
extern const struct cfg_row limits_rows[];
extern const size_t limits_rows_n;

/* A row of the door's command table.  argv[0] is the command's name.  Returns the exit code; an error is returned through err with a
 * negative code, and printed once by the door. */
struct command {
	const char *name;
	int (*run)(struct session *s, int argc, char **argv, struct err *err);
	const char *args; /* "MAILBOX --to RCPT [--message-id ID] [--dry-run]" */
	const char *summary;
	void (*help)(FILE *to); /* prints the options; may be NULL */
};

#endif
