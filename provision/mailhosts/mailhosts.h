/*
 * mailhosts.h - the contract of a mail host: where the mailboxes of outreach domains live.
 *
 * Drivers observe and do; they never decide.  One ctx serves several threads.  A resource is one thing the host holds for a domain:
 * kind + subject ("domain" getx.example, "mailbox" anna@getx.example, "key" selector).  apply is idempotent; undo of a gone thing succeeds.
 *
 * A host that names records itself (MAILHOST_CAP_RECORDS: its MX, proofs of ownership, keys of its own) says so by values of its
 * template, as observe finds them, and its work is interleaved with the zone's: what is known is published, steps are applied one
 * by one, each with its own intention and receipt, then it is observed again, until nothing differs.  A step that cannot be done
 * yet answers CR_ERETRY, of which nothing was done; the next run goes on there.
 */
#ifndef PROVISION_MAILHOSTS_MAILHOSTS_H
#define PROVISION_MAILHOSTS_MAILHOSTS_H

#include "core/cfg.h"
#include "core/clock.h"
#include "core/http.h"
#include "core/secret.h"
#include "dns/dkim.h"

#define MAILHOST_CAP_DKIM_OURS     (1U << 0) /* takes our keys; else it makes its own */
#define MAILHOST_CAP_MAILBOXES     (1U << 1)
#define MAILHOST_CAP_QUIESCE_CHEAP (1U << 2) /* touches this machine only: may be repeated every few seconds */
#define MAILHOST_CAP_RECORDS       (1U << 3) /* names records itself: values, and steps one by one */

#define MAILHOST_VALUES_MAX     4
#define MAILHOST_VALUE_TEXT_MAX 256

struct mailhost_env {
	struct http *http;
	const struct clock *clock;
	const char *config_dir;
};

struct mailhost_mailbox {
	const char *address; /* canonical */
	const char *name;    /* display name; may be NULL */
	const struct secret *password;
};
struct mailhost_key {
	const char *selector;
	enum dkim_algorithm algorithm;
	const struct secret *pem;
	bool signs; /* the selector that signs now; the other is only kept */
};
/* Everything one domain should have at the host. */
struct mailhost_domain {
	const char *domain;
	const struct mailhost_mailbox *mailboxes;
	size_t n_mailboxes;
	const struct mailhost_key *keys;
	size_t n_keys;
	const struct records *zone; /* what the zone holds; NULL: not looked at */
};

/* One thing that differs, as found by observe. */
struct mailhost_step {
	char kind[16]; /* "domain", "mailbox", "key", "signing", "outgoing" */
	char subject[320];
	enum {
		MAILHOST_CREATE,
		MAILHOST_UPDATE,
		MAILHOST_PRESENT,
		MAILHOST_FOREIGN,
		MAILHOST_REFUSED /* cannot be, and detail says why: the plan is not applied */
	} change;
	bool after_records; /* what comes before it is done, observed and published first */
	char detail[400];   /* for people */
};
struct mailhost_steps {
	struct mailhost_step *items;
	size_t n, cap;
	/* Of the driver's values, in their order; "": not known now, and what stands in the zone for it stays. */
	char values[MAILHOST_VALUES_MAX][MAILHOST_VALUE_TEXT_MAX];
};
/* A value of the template that the host tells.  The records of a group are published once all of its values are known. */
struct mailhost_value {
	const char *name, *group;
	const char *shape; /* a value as it may be, to know its record by; a TXT's is how each of them begins */
};
void mailhost_steps_release(struct mailhost_steps *s);
MUST_CHECK int mailhost_steps_add(struct mailhost_steps *s, const struct mailhost_step *step, struct err *err);

/* What the templates may use: name -> values. */
struct mailhost_facts {
	char template_name[64];    /* default template: "local" */
	char host[256];            /* MX and HELO name, canonical: %host% */
	struct cfg_list addresses; /* %addresses% : sending IPs, A/AAAA of host */
	int64_t warm_up_s;         /* first-send delay: 42 days for self-hosted */
};

struct mailhost_driver {
	const char *name;
	const char *summary;
	unsigned caps;
	const struct cfg_row *rows;
	size_t n_rows;
	size_t settings_size;
	const struct mailhost_value *values; /* at most MAILHOST_VALUES_MAX */
	size_t n_values;
	/* What two legal senders must not share (a tenant's directory), by the settings alone; borrowed.  NULL: nothing. */
	const char *(*directory)(const void *settings);
	int (*open)(const struct mailhost_env *env, const void *settings, void **ctx_out, struct err *err);
	void (*drop)(void *ctx);
	int (*facts)(void *ctx, struct mailhost_facts *out, struct err *err); /* addresses list owned by out */
	/* Read-only: one step for each resource wanted: CREATE (absent), PRESENT (there and right), UPDATE (there and different), FOREIGN
	 * (there, but owned says we did not make it).  owned(kind, subject, arg): does the journal say that we made it? */
	int (*observe)(void *ctx, const struct mailhost_domain *want,
	               bool (*owned)(const char *kind, const char *subject, void *arg), void *arg,
	               struct mailhost_steps *out, struct err *err);
	/* Bring the whole domain to want, for the given steps (CREATE and UPDATE ones only are done).  Durable when it returns.
	 * Several domains applied at once share their file writes (group commit).  A code of which err_nothing_done is true
	 * says just that; what was done in part answers another. */
	int (*apply)(void *ctx, const struct mailhost_domain *want, const struct mailhost_steps *steps,
	             struct err *err);
	/* Remove the listed resources of a domain (kind, subject), in that order; gone already is success. */
	int (*undo)(void *ctx, const char *domain, const struct mailhost_steps *steps, struct err *err);
	/* Sending off (closing, freeze), receiving alive; on: back again.  NULL: cannot. */
	int (*quiesce)(void *ctx, const char *domain, bool off, struct err *err);
};
/* One driver a file, one row each in mailhosts.c. */
extern const struct mailhost_driver mailhost_local;
extern const struct mailhost_driver mailhost_microsoft365;

extern const struct mailhost_driver *const mailhost_drivers[]; /* NULL-terminated; mailhosts.c */
const struct mailhost_driver *mailhost_driver_find(const char *name);

#endif
