/*
 * react.h - what a refusal leads to: design section 6 as a table, in one transaction with its evidence.
 *
 * The very next decision of any process obeys.  The same refusal read twice counts once.  A refusal of what this installation did not
 * send (a sender that is no mailbox of ours) is recorded and does nothing.
 */
#ifndef BUDGET_REACT_H
#define BUDGET_REACT_H

#include "budget/contain.h"
#include "budget/organisations.h"
#include "budget/reply.h"

#define REACT_ACTIONS         64
#define REACT_BURN_AT         3 /* organisations that do not know each other */
#define REACT_BURN_WINDOW_S   ((int64_t)7 * 86400)
#define REACT_REPEAT_WINDOW_S ((int64_t)30 * 86400) /* of complaints, and of content */

struct react_event {
	const struct reply_verdict *verdict;
	const char *recipient;  /* whom it was for; "" not known */
	const char *sender;     /* the mailbox that had sent; "" not known */
	const char *message_id; /* of that message; "" not known: then content tells two reports apart */
	const char *host;       /* who refused */
	const char *text;       /* in its words */
	const char *source;     /* "mail:FILE", "log", "imap:MAILBOX": for the record */
	uint8_t content[32];    /* hash of what was read */
	int64_t happened_ms;    /* when it was said; 0: now, as for what is later than now */
};

struct react_result {
	bool known; /* counted before: nothing was done */
	bool ours;  /* the sender is a mailbox of this installation */
	char tenant[256], domain[256], organisation[256];
	const char *scope; /* "organisation", "mailbox", "address", "account", "none": what the refusal is about */
	int64_t evidence;  /* number of its record; 0 in a dry run */
	size_t n;          /* the first REACT_ACTIONS of what was done */
	char action[REACT_ACTIONS][320]; /* "freeze getnorthwind.example", "suppress organisation fabrikam.example" */
};

enum react_act {
	REACT_SUPPRESS_ADDRESS = 1U << 0,
	REACT_SUPPRESS_ORGANISATION = 1U << 1,
	REACT_FREEZE = 1U << 2,         /* the sending domain */
	REACT_FREEZE_ADDRESS = 1U << 3, /* every domain that sends from its address */
	REACT_FREEZE_TENANT = 1U << 4
};
/* "suppress_address", "suppress_organisation", "freeze", "freeze_address", "freeze_tenant".  Errors: CR_ECONFIG. */
MUST_CHECK int react_act_parse(const char *word, enum react_act *out, struct err *err);

/* What an operator adds to the table: acts at the first refusal of a class, and narrower counts.  All zero: nothing. */
struct react_rules {
	unsigned also[REPLY_CLASS__COUNT];
	int64_t burn_at;         /* 0: REACT_BURN_AT */
	int64_t burn_window_s;   /* 0: REACT_BURN_WINDOW_S */
	int64_t repeat_window_s; /* 0: REACT_REPEAT_WINDOW_S */
};

struct react_options {
	bool dry_run;                              /* say what would be done */
	const struct organisations *organisations; /* NULL: no aliases are declared */
	const struct react_rules *rules;           /* NULL: the table as it is */
};

/* What a refusal of this class is about, as in struct react_result. */
const char *react_scope(enum reply_class of);

/* Inside the caller's transaction (db_begin), unless it is a dry run.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int react_to(struct contain *c, const struct react_options *o, const struct react_event *e,
                        struct react_result *out, struct err *err);

#endif
