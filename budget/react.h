/*
 * react.h - what a refusal leads to: design section 6 as a table, in one transaction with its evidence.
 *
 * The very next decision of any process obeys.  The same refusal read twice counts once.  A refusal of what this installation did not
 * send (a sender that is no mailbox of ours) is recorded and does nothing.
 */
#ifndef BUDGET_REACT_H
#define BUDGET_REACT_H

#include "budget/contain.h"
#include "budget/reply.h"

#define REACT_ACTIONS 64

struct react_event {
	const struct reply_verdict *verdict;
	const char *recipient;  /* whom it was for; "" not known */
	const char *sender;     /* the mailbox that had sent; "" not known */
	const char *message_id; /* of that message; "" not known: then content tells two reports apart */
	const char *host;       /* who refused */
	const char *text;       /* in its words */
	const char *source;     /* "mail:FILE", "log", "imap:MAILBOX": for the record */
	uint8_t content[32];    /* hash of what was read */
};

struct react_result {
	bool known; /* counted before: nothing was done */
	bool ours;  /* the sender is a mailbox of this installation */
	char tenant[256], domain[256], organisation[256];
	const char *scope; /* "organisation", "mailbox", "address", "account", "none": what the refusal is about */
	size_t n;
	char action[REACT_ACTIONS][320]; /* "freeze getnorthwind.example", "suppress organisation fabrikam.example" */
};

struct react_options {
	bool dry_run; /* say what would be done */
	/* aliases an operator declared, canonical: alias[i] belongs to organisation[i] */
	const char *const *alias, *const *organisation;
	size_t n_aliases;
};

/* Inside the caller's transaction (db_begin), unless it is a dry run.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int react_to(struct contain *c, const struct react_options *o, const struct react_event *e,
                        struct react_result *out, struct err *err);

#endif
