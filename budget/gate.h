/*
 * gate.h - one question, one answer, one transaction: may MAILBOX send one message to RECIPIENT now?
 *
 * Order of tests and reasons: ARCHITECTURE.md "The gate".  Limits can be lowered, never raised.  When the gate cannot know, it says wait.
 * retry_at_ms is in wall time, for cron and people; the gate itself counts in the time of clockwork.h.
 */
#ifndef BUDGET_GATE_H
#define BUDGET_GATE_H

#include "core/clock.h"
#include "core/db.h"
#include "core/secret.h"
#include "dns/name.h"

#include <stdbool.h>

#define GATE_TOTAL_PER_DAY    4
#define GATE_OUTBOUND_PER_DAY 2
#define GATE_WARMUP_PER_DAY   2
#define GATE_HISTORY_DAYS     400
#define GATE_WINDOW_MS        ((int64_t)86400000 + 1) /* both ends of a closed day count */

/* Limits as configured; filled by gate_settings rows (cfg rows live in gate_settings.c / cmd). */
struct gate_limits {
	int64_t total_per_day, outbound_per_day, warmup_per_day;
	int64_t org_per_hour, org_per_day; /* 0: off */
	int64_t mailbox_gap_s;             /* 0: off */
	int64_t queue_lifetime_s;
	int64_t history_days; /* 0: GATE_HISTORY_DAYS */
};
#define GATE_LIMITS_DEFAULT ((struct gate_limits){4, 2, 2, 1, 3, 45 * 60, 0, 0})

enum gate_verdict { GATE_ALLOW, GATE_WAIT, GATE_REFUSE, GATE_VERDICT__COUNT };
enum gate_class { GATE_OUTBOUND, GATE_WARMUP, GATE_CLASS__COUNT };

struct gate; /* a db, a vault, a clock and limits: open once, ask many times */

/* db, vault and clock are borrowed.  peers: declared warm-up peer addresses or domains, any spelling, NULL at the end; may be NULL.
 * Errors: CR_ECONFIG (a limit above the promise, a peer that cannot be read). */
MUST_CHECK int gate_open(struct db *db, const struct vault *v, const struct clock *clock,
                         const struct gate_limits *limits, const char *const *peers, struct gate **out,
                         struct err *err);
void gate_drop(struct gate **g);
/* Domains that an operator declared to be one organisation: one pace, one refusal for all of them.  Before the first question. */
struct organisations;
void gate_organisations_take(struct gate *g, struct organisations *o);

/* What the words of a question mean. */
struct gate_words {
	struct address mailbox, recipient;
	struct name organisation; /* of the recipient */
	/* The recipient as the store knows them; it takes as long as finding a row, so it is made before the question's turn. */
	bool has_hash;
	uint8_t recipient_hash[32];
};
/* Read them before the question's turn comes: asks no store, so any thread may.  Errors: CR_EPARSE. */
MUST_CHECK int gate_read(const struct gate *g, const char *mailbox, const char *recipient, struct gate_words *out,
                         struct err *err);

struct gate_request {
	const char *mailbox;            /* any spelling */
	const char *recipient;          /* any spelling */
	const char *message_id;         /* NULL: every ask is charged */
	bool dry_run;                   /* test, spend nothing */
	const struct gate_words *words; /* of this mailbox and recipient; NULL: they are read when it is asked */
};
struct gate_answer {
	enum gate_verdict verdict;
	enum gate_class class;
	char reason
		[32]; /* "ok", "unknown_mailbox", "primary_domain", "suppressed", "frozen", "burned", "closing", "warming", "budget", "org_pace", "mailbox_pace", "clock", "store" */
	char mailbox[512]; /* canonical */
	int left_outbound, left_warmup;
	int64_t retry_at_ms; /* 0: none */
	char ticket[40];     /* "" unless allow */
	char message[256];
};
/*
 * CR_OK with any verdict.  Errors (never an allow): CR_ESTORE, CR_ERETRY, CR_EPARSE (an address that cannot be read), CR_EUNKNOWN
 * (commit).  On an error out says wait, "store" as well, so that a caller that looks only there is safe too.
 */
MUST_CHECK int gate_ask(struct gate *g, const struct gate_request *q, struct gate_answer *out, struct err *err);

/*
 * The same for a caller that holds the transaction: many asks, one commit, one sync (the daemon).  The n requests are the recipients
 * of one message from one mailbox: all are allowed or none.  No allow may be told to anybody before gate_commit has said CR_OK.
 * CR_EPARSE leaves the transaction usable and unchanged; after any other error gate_rollback, and no answer of the batch counts.
 */
MUST_CHECK int gate_begin(struct gate *g, struct err *err);
/*
 * All the questions that are going to be asked in this transaction: their rows are read by one statement a table, and with a server
 * locked too, in a few exchanges instead of some for each.  Those that cannot be read are passed over.  Errors: CR_ESTORE, CR_ENOMEM.
 */
MUST_CHECK int gate_expect(struct gate *g, const struct gate_request *q, size_t n, struct err *err);
MUST_CHECK int gate_ask_in(struct gate *g, const struct gate_request *q, size_t n, struct gate_answer *out,
                           struct err *err);
MUST_CHECK int gate_commit(struct gate *g, struct err *err);
void gate_rollback(struct gate *g);

/*
 * gate_read for both addresses as they were asked about lately, in their one spelling, while nobody has changed the store since: then
 * gate_recall may know the answer.  Costs no system call.  False: read and ask them.  Not within gate_begin and gate_commit.
 */
bool gate_remembers(const struct gate *g, const char *mailbox, const char *recipient, struct gate_words *out);
/*
 * The answer of gate_ask to a question whose words are those of gate_remembers, if it is a no and memory alone knows it: nothing is
 * locked or written, and nothing read but a recipient whom the list of suppressions may hold.  False: ask.
 */
bool gate_recall(struct gate *g, const struct gate_request *q, struct gate_answer *out);

/* Each test of the gate with its present answer, in order; the first that is no allow is the answer of gate_ask. */
struct gate_finding {
	const char *test;   /* "suppression", static */
	const char *reason; /* as in struct gate_answer, static; "ok" */
	enum gate_verdict verdict;
	bool skipped;        /* cannot be asked: an earlier one has no answer */
	bool told;           /* message is filled in; always, for whoever asks gate_explain */
	int64_t retry_at_ms; /* 0: none */
	char message[256];
};
#define GATE_TESTS 9
/* Spends nothing, writes nothing.  answer_out: what a dry run of gate_ask says.  Errors as gate_ask. */
MUST_CHECK int gate_explain(struct gate *g, const struct gate_request *q, struct gate_finding findings_out[GATE_TESTS],
                            struct gate_answer *answer_out, struct err *err);

/* Was this address (canonical) ever a mailbox of this installation?  Spends nothing.  Errors: CR_ESTORE. */
MUST_CHECK int gate_knows(struct gate *g, const char *address, bool *known_out, struct err *err);

/* Give a token back. Errors: CR_ENOTFOUND (no such live ticket), CR_ESTORE. */
MUST_CHECK int gate_release(struct gate *g, const char *ticket, struct err *err);

/* The gate's effective now (design section 5, clock), inside a transaction; CR_ERETRY while it is in doubt. */
MUST_CHECK int gate_now(struct gate *g, int64_t *now_ms_out, struct err *err);

#endif
