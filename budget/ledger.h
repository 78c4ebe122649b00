/*
 * ledger.h - the rows a gate works on: read once, decided on in memory, written together.
 *
 * What was read holds as long as the store's mark stands (db_mark) and is forgotten when it moves: a freeze or a suppression by any process
 * is seen by the next decision.  Inside a transaction of the gate nothing else can move it.
 * A message with several recipients is tried on drafts; ledger_keep makes them count, and without it they never were.
 */
#ifndef BUDGET_LEDGER_H
#define BUDGET_LEDGER_H

#include "budget/clockwork.h"
#include "budget/closed.h"
#include "budget/contain.h"
#include "budget/homes.h"
#include "budget/pace.h"
#include "budget/tokens.h"
#include "core/dict.h"

/* What is known about a mailbox's domain. */
struct standing {
	char *primary; /* the domain is this primary or below it; NULL: of none */
	bool known;
	char *tenant, *cause; /* cause NULL: none */
	enum domain_state state;
	int64_t first_send_ms;
	bool tenant_frozen;
	char domain[]; /* the key */
};

/* A mailbox; id 0: there is none, or it was removed. */
struct seat {
	int64_t id;
	struct tokens tokens, draft;
	uint64_t message; /* whose draft it is */
	bool dirty;
	char address[];
};

/* A recipient who is no mailbox of this installation. */
struct stranger {
	bool has_hash;
	uint8_t hash[32]; /* the caller's, who would have to make it again */
	char address[];
};

/* Sends of a tenant to an organisation. */
struct paced {
	struct pace pace, draft;
	uint64_t message;
	bool dirty, stored;       /* stored: a row was there */
	int64_t number;           /* of its name: what a server locks while there may be no row */
	const char *organisation; /* behind the tenant */
	char tenant[];            /* the key: tenant, space, organisation */
};

/* A row to come of the history. */
struct sent {
	int64_t at_ms, mailbox;
	int class;
	uint64_t key;
	uint8_t recipient_hash[16];
	const char *organisation; /* borrowed when it is given to ledger_spend */
};

struct ledger {
	struct db *db;
	int64_t history_keep_ms;
	uint64_t mark, message;
	bool binding;   /* inside the gate's transaction: what is read is locked */
	bool recalling; /* what is not in memory is not read: CR_ENOTFOUND, without a text */
	bool has_mark;
	struct closed closed;
	struct homes homes;
	struct dict standings, seats, paces, strangers;
	struct dict frozen; /* tenants; all of them, when has_frozen */
	bool has_frozen;
	struct {
		struct dict standings, seats, paces, strangers;
	} retired; /* forgotten, and not freed yet */
	struct ledger_list {
		void **item;
		size_t n, kept, cap; /* kept: those of messages that count */
	} spent_seats, spent_paces, sent, lent;
	struct clockwork anchor; /* as stored; boot_id "": not read yet */
	bool has_anchor;
	struct clockwork server_now; /* as last read; has_server_now: in this transaction, after its last lock */
	bool has_server_now;
};

void ledger_release(struct ledger *l);

/* Forget what may be out of date, and what is too much.  Before a question; after the lock when binding.  Errors: CR_ESTORE. */
MUST_CHECK int ledger_refresh(struct ledger *l, bool binding, struct err *err);
/* Everything: after a rollback, or a commit that failed. */
void ledger_forget(struct ledger *l);

/* A mailbox and a stranger that were read, and everything remembered certainly is as it was; without a system call. */
bool ledger_remembers(const struct ledger *l, const char *mailbox, const char *recipient);

/* All borrowed until the next ledger_refresh or ledger_forget.  Errors: CR_ESTORE, CR_ENOMEM. */
MUST_CHECK int ledger_standing(struct ledger *l, const char *domain, const struct standing **out, struct err *err);
MUST_CHECK int ledger_seat(struct ledger *l, const char *address, struct seat **out, struct err *err);
/* Is there a mailbox of this installation at this address?  Locks nothing.  stranger_out: when there is none. */
MUST_CHECK int ledger_is_ours(struct ledger *l, const char *address, bool *out, struct stranger **stranger_out,
                              struct err *err);
MUST_CHECK int ledger_paced(struct ledger *l, const char *tenant, const char *organisation, struct paced **out,
                            struct err *err);
/* The same for many at once, for a server's sake: what is not there yet is read, and locked, in one exchange or two each. */
/* In this order: the answers to the first two come with the third. */
MUST_CHECK int ledger_expect_standings(struct ledger *l, const char *const *domains, size_t n, struct err *err);
MUST_CHECK int ledger_expect_seats(struct ledger *l, const char *const *addresses, size_t n, struct err *err);
/* addresses: those that are known already are dropped from the list. */
MUST_CHECK int ledger_expect_strangers(struct ledger *l, const char **addresses, size_t n, struct err *err);
MUST_CHECK int ledger_expect_paces(struct ledger *l, const char *const *tenants, const char *const *organisations,
                                   size_t n, const struct clock *clock, struct err *err);

/* The present reading of the clock.  Errors: CR_ERETRY (in doubt), CR_ESTORE. */
MUST_CHECK int ledger_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err);

/* A new message: drafts of an older one that were not kept are gone. */
void ledger_message(struct ledger *l);
const struct tokens *ledger_tokens(const struct ledger *l, const struct seat *s);
const struct pace *ledger_pace(const struct ledger *l, const struct paced *p);
/* paced: NULL, no pace is kept.  Errors: CR_ENOMEM. */
MUST_CHECK int ledger_spend(struct ledger *l, const struct tokens_rules *r, struct seat *s, struct paced *p,
                            const struct sent *sent, struct err *err);
/* The message is allowed. */
void ledger_keep(struct ledger *l);
/* Write what was kept, inside the transaction.  Errors: CR_ESTORE. */
MUST_CHECK int ledger_write(struct ledger *l, struct err *err);
/* It is durable. */
void ledger_written(struct ledger *l);

#endif
