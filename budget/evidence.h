/*
 * evidence.h - what was read of a refusal, and what followed from it: kept with every action, for the review and for the recipient's rights.
 *
 * It outlives the mail: recipients are keyed hashes, and local parts in the reply are masked.  Never removed.
 */
#ifndef BUDGET_EVIDENCE_H
#define BUDGET_EVIDENCE_H

#include "budget/contain.h"
#include "budget/systemic.h"

#include <stdbool.h>

#define EVIDENCE_TEXT     1024
#define EVIDENCE_IDENTITY 32

struct evidence {
	int64_t id;
	int64_t at_ms;       /* when it was read */
	int64_t happened_ms; /* when it was said, as far as is known */
	char source[256], message_id[256];
	char mailbox[512], tenant[256], domain[256]; /* "": the sender is none of ours */
	char organisation[256], customer[SYSTEMIC_CUSTOMER];
	char class[32], rule[64], layer[32];
	bool temporary;
	char status[16], reply[4], host[256];
	char text[EVIDENCE_TEXT];
	int64_t wording;
	bool has_recipient;
	uint8_t recipient_hash[32], content[32];
};

/* Reply text as it is kept: one line of printable UTF-8, cut, "*@fabrikam.example" for every address in it. */
void evidence_text(const char *text, char out[EVIDENCE_TEXT]);

/* Which one is it?  *id_out 0: not read before.  *ours_out: it had a sender of ours then.  Errors: CR_ESTORE. */
MUST_CHECK int evidence_find(struct db *db, const uint8_t identity[EVIDENCE_IDENTITY], int64_t *id_out, bool *ours_out,
                             struct err *err);
/* Inside the caller's transaction.  e->id not 0: what was read then without a sender of ours takes its place.  Errors: CR_ESTORE. */
MUST_CHECK int evidence_put(struct contain *c, const struct evidence *e, const uint8_t identity[EVIDENCE_IDENTITY],
                            int64_t *id_out, struct err *err);
/* What followed: action "freeze", "burn", "suppress"; kind "domain", "tenant", "organisation", "address" (its hash). */
MUST_CHECK int evidence_link(struct contain *c, int64_t id, const char *action, const char *kind, const char *value,
                             const char *cause, struct err *err);

/* The latest max refusals of a class that a domain met in between and that decide something.  n_out <= max.  Errors: CR_ESTORE. */
MUST_CHECK int evidence_of_class(struct db *db, const char *domain, const char *class, int64_t since_ms,
                                 int64_t until_ms, size_t max, struct refusal *out, size_t *n_out, struct err *err);
/* The same of one that is not stored yet. */
void evidence_refusal(const struct evidence *e, struct refusal *out);
/* How many of a class an organisation gave to a tenant since then.  Errors: CR_ESTORE. */
MUST_CHECK int evidence_repeats(struct db *db, const char *tenant, const char *organisation, const char *class,
                                int64_t since_ms, int64_t *out, struct err *err);
/* When a domain was last refused for this class, as it was read; 0: never.  Errors: CR_ESTORE. */
MUST_CHECK int evidence_last(struct db *db, const char *domain, const char *class, int64_t *at_ms_out, struct err *err);

/*
 * What stands behind a state or an entry of the list, the latest first, at most 20: call show for each; what it returns but CR_OK ends
 * it.  tenant NULL: of any.  Errors: CR_ESTORE, show's.
 */
MUST_CHECK int evidence_behind(struct db *db, const char *kind, const char *value, const char *tenant,
                               int (*show)(void *arg, const struct evidence *e, const char *action, struct err *err),
                               void *arg, struct err *err);
/* "evidence 17: tenant_policy by ms-etr, mx.fabrikam.example said ...", one line. */
void evidence_line(const struct evidence *e, char *out, size_t size);

struct evidence_count {
	int64_t refusals; /* whatever they mean, the temporary ones too */
	int64_t blocks;   /* that are a decision about the sender */
	int64_t blockers; /* organisations behind the blocks */
	int64_t complaints;
};
MUST_CHECK int evidence_count(struct db *db, const char *domain, struct evidence_count *out, struct err *err);

#endif
