/*
 * plan.h - what has to be done for one domain: an ordered list of steps, and the reasons not to.
 *
 * Deciding is pure (plan_decide): intent, what is owned and what was observed go in, steps come out.  plan_observe is the edge
 * that asks the providers.  A plan with refusals is never applied.
 */
#ifndef PROVISION_PLAN_H
#define PROVISION_PLAN_H

#include "budget/contain.h"
#include "provision/keys.h"
#include "provision/owned.h"
#include "provision/want.h"

enum plan_change { PLAN_NONE, PLAN_CREATE, PLAN_UPDATE, PLAN_DELETE, PLAN_CHANGE__COUNT };
enum plan_status { PLAN_PLANNED, PLAN_DONE, PLAN_FAILED, PLAN_REFUSED, PLAN_STATUS__COUNT };
const char *plan_change_name(enum plan_change c);
const char *plan_status_name(enum plan_status s);

/* Who does it: the part of apply that the step belongs to. */
enum plan_part { PLAN_ZONE, PLAN_KEY, PLAN_RECORD, PLAN_REVERSE, PLAN_MAILHOST, PLAN_REGISTER, PLAN_NOTE };

struct plan_step {
	enum plan_part part;
	enum plan_change change;
	enum plan_status status;
	char *step;   /* "zone", "key", "record MX getnorthwind.example", "mailbox anna@..." */
	char *detail; /* one line for people */
};

/* A retired key stays published: retries and delayed readers still meet its signatures (RFC 6376 s3.6.1 leaves the time open, 7 days is the usual advice). */
#define KEY_KEEP_MS ((int64_t)7 * 86400 * 1000)

struct plan_reverse {
	char address[64];
	struct name zone, owner;
	bool create;  /* else it is there already */
	bool pending; /* an earlier run was cut off at it */
};

struct plan {
	struct intent_domain *domain;
	struct zone_state zone; /* as observed */
	struct owned owned;
	struct keys keys; /* with private halves only while applying */
	struct want want;
	size_t n_later; /* of want.later: the first so many are to be named yet, and nothing of ours stands for them */
	struct set_diff diff; /* of the zone; key records of keys still to be made come in apply */
	struct mailhost_steps host_steps;
	bool observed;                                /* host_steps are what the host told */
	bool parked;                                  /* the name is parked: only its parking records are wanted */
	char new_selector[DKIM_ALGORITHM__COUNT][64]; /* of keys to be made */
	bool zone_create, key_make, key_make_ed25519, registered;
	struct plan_reverse *reverse; /* room for every address of the mail host, made when there is an address owner */
	size_t n_reverse;
	struct plan_step *steps;
	size_t n_steps;
	size_t n_changes, n_refused;
	/* how it went */
	int rc;
	struct err err;
};
void plan_release(struct plan *p);
/* Is there something to do, be it only to close what an earlier run left without a receipt? */
bool plan_to_apply(const struct plan *p);
MUST_CHECK int plan_add(struct plan *p, enum plan_part part, enum plan_change change, enum plan_status status,
                        const char *step, struct err *err, const char *fmt, ...) PRINTF_LIKE(7, 8);
/* The steps of a part get their outcome. */
void plan_mark(struct plan *p, enum plan_part part, enum plan_status status, const char *why);

/* What all plans of a run share. */
struct plan_env {
	struct session *session;
	struct intent *intent;
	const char *const *template_dirs;
	struct db *db; /* NULL: no store yet */
	const struct vault *vault;
};

/*
 * Look at the world for p->domain and decide.  Read-only.  Errors are left in p->rc and p->err: one domain that cannot be observed does not
 * stop the others.
 */
void plan_make(const struct plan_env *env, struct plan *p);
/* Only what should be there: keys and wanted records, or those of a parked name.  No provider is asked.
 * Errors: CR_ENOTFOUND (not provisioned yet), and those of want_make. */
MUST_CHECK int plan_intend(const struct plan_env *env, struct plan *p, struct err *err);
/* p->want anew from keys, what the mail host told, and what is owned: a record that the host did not name this time, and that stands
 * as ours, is wanted as it stands. */
MUST_CHECK int plan_want(const struct plan_env *env, struct plan *p, struct err *err);
/* Ask the mail host: p->host_steps.  p->zone has to be known. */
MUST_CHECK int plan_observe_host(const struct plan_env *env, struct plan *p, struct err *err);
/* The keys whose records are published: all but those retired longer than KEY_KEEP_MS ago.  With private halves when v is given. */
MUST_CHECK int plan_load_keys(const struct plan_env *env, struct plan *p, struct err *err);
/* Room in p->reverse for each of the mail host's addresses. */
MUST_CHECK int plan_reverse_room(struct plan *p, struct err *err);
/* Does the gate know all of the domain's mailboxes?  state: the domain's, for people. */
MUST_CHECK int plan_decide_mailboxes(const struct plan_env *env, struct plan *p, const char *state, struct err *err);
/* The zone's difference, from want, owned and the observed zone; conflicts become refused steps.  Pure. */
MUST_CHECK int plan_decide_records(struct plan *p, struct err *err);
/*
 * p->new_selector[a], for a key to be made: none that a key of this domain ever had, and none that stands in p->zone, be it of somebody else
 * or of a store that was lost.
 */
MUST_CHECK int plan_choose_selector(const struct plan_env *env, struct plan *p, enum dkim_algorithm a, struct err *err);
/* Is there any record at the name of this selector's key?  A name that no record of this zone can have becomes a refused step.  Pure. */
MUST_CHECK int plan_selector_taken(struct plan *p, const char *selector, bool *taken_out, struct err *err);
/* The difference once more, after the host named further records: only steps that change something are added. */
MUST_CHECK int plan_more_records(struct plan *p, struct err *err);
/* The same again after keys were made: the old record steps are replaced. */
MUST_CHECK int plan_redecide_records(struct plan *p, struct err *err);

/* For a change of a domain's state by this run, now. */
struct contain plan_contain(const struct plan_env *env);

#endif
