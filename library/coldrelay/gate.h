/*
 * coldrelay/gate.h - may MAILBOX send one message to RECIPIENT now?  The gate of coldrelay as a library; coldrelay-gate(3).
 *
 * At most 4 sends of a mailbox in any 24 hours, whatever the number of threads, processes and machines that ask.  An allow is
 * durable before it is returned.  Whatever goes wrong, the answer says wait: only COLDRELAY_GATE_ALLOW means that a message may leave.
 *
 * Structures begin with their size, so that they can grow: set it, best by the _INIT macros.
 */
#ifndef COLDRELAY_GATE_H
#define COLDRELAY_GATE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COLDRELAY_GATE_API        __attribute__((visibility("default")))
#define COLDRELAY_GATE_MUST_CHECK __attribute__((warn_unused_result))
#else
#define COLDRELAY_GATE_API
#define COLDRELAY_GATE_MUST_CHECK
#endif

/* What the functions return.  Numbers are never given another meaning; new ones may come. */
enum coldrelay_gate_code {
	COLDRELAY_GATE_OK = 0,
	COLDRELAY_GATE_EUSAGE = -1,    /* the call is wrong: a size, a NULL, recipients of more than one message */
	COLDRELAY_GATE_ECONFIG = -2,   /* configuration, key or store: somebody has to mend it */
	COLDRELAY_GATE_ENOTFOUND = -3, /* no such store, or no such ticket */
	COLDRELAY_GATE_EBUSY = -4,     /* not our turn within the deadline, or the time is in doubt: ask later */
	COLDRELAY_GATE_EADDRESS = -5,  /* an address that cannot be read */
	COLDRELAY_GATE_ESTORE = -6,    /* the store is in trouble; nothing was spent */
	COLDRELAY_GATE_EUNKNOWN = -7,  /* the commit may or may not have reached the disk: nothing may be sent */
	COLDRELAY_GATE_ENOMEM = -8,
	COLDRELAY_GATE_EFORK = -9, /* the handle was opened by the process before a fork(2): open one of your own */
	COLDRELAY_GATE_EBUG = -10
};

/* Zero, what a cleared structure holds, is wait. */
enum coldrelay_gate_verdict {
	COLDRELAY_GATE_WAIT = 0,  /* not now */
	COLDRELAY_GATE_ALLOW = 1, /* now, once */
	COLDRELAY_GATE_REFUSE = 2 /* not at all: asking again will not help */
};

enum coldrelay_gate_class { COLDRELAY_GATE_OUTBOUND = 0, COLDRELAY_GATE_WARMUP = 1 };

/* Can be lowered, never raised. */
struct coldrelay_gate_limits {
	size_t size;
	int64_t total, outbound, warmup;   /* of a mailbox in any 24 hours */
	int64_t org_per_hour, org_per_day; /* of a tenant to one recipient organisation; 0: off */
	int64_t mailbox_gap_s;             /* between two sends of a mailbox; 0: off */
	int64_t queue_lifetime_s;          /* how long an allowed message may wait in a queue behind the gate */
};
#define COLDRELAY_GATE_LIMITS_INIT                                                                                     \
	{                                                                                                              \
		sizeof(struct coldrelay_gate_limits), 4, 2, 2, 1, 3, 2700, 0                                           \
	}

/* Either a configuration file, or store and key file with the rest.  All NULL: the file that coldrelay(8) would take. */
struct coldrelay_gate_options {
	size_t size;
	const char *config;
	const char *store;    /* with key_file: no configuration is read */
	const char *key_file; /* the installation's key */
	const struct coldrelay_gate_limits *limits;
	const char *const *warmup_peers; /* addresses and domains, NULL at the end */
};
#define COLDRELAY_GATE_OPTIONS_INIT                                                                                    \
	{                                                                                                              \
		sizeof(struct coldrelay_gate_options), NULL, NULL, NULL, NULL, NULL                                    \
	}

struct coldrelay_gate_request {
	size_t size;
	const char *mailbox;
	const char *recipient;
	const char *
		message_id; /* the same question again is then answered alike and charged once; NULL: each ask is charged */
	int dry_run;        /* not 0: spend nothing */
	int reserved;       /* 0 */
};
#define COLDRELAY_GATE_REQUEST_INIT                                                                                    \
	{                                                                                                              \
		sizeof(struct coldrelay_gate_request), NULL, NULL, NULL, 0, 0                                          \
	}

struct coldrelay_gate_answer {
	size_t size;
	int verdict;                    /* enum coldrelay_gate_verdict */
	int mail_class;                 /* enum coldrelay_gate_class */
	int left_outbound, left_warmup; /* tokens of the mailbox after this answer */
	int64_t retry_at_ms; /* of a wait: UTC milliseconds since 1970 from when on to ask again; 0: not known */
	char reason[32];     /* a word for programs: "ok", "budget", "suppressed" ...; "error" when the call failed */
	char ticket[40];     /* of an allow: for coldrelay_gate_release; else "" */
	char message[256];   /* one line for people */
};
#define COLDRELAY_GATE_ANSWER_INIT                                                                                     \
	{                                                                                                              \
		sizeof(struct coldrelay_gate_answer), COLDRELAY_GATE_WAIT, COLDRELAY_GATE_OUTBOUND, 0, 0, 0, "", "",   \
			""                                                                                             \
	}

/* A store and the rules over it.  Any number of threads may use one at the same time. */
struct coldrelay_gate;

/*
 * In all of these, error takes one line that says what went wrong, cut to error_size; it may be NULL, and is "" after a success.
 */

/* options NULL: as all NULL.  *gate_out is NULL after an error. */
COLDRELAY_GATE_API COLDRELAY_GATE_MUST_CHECK int coldrelay_gate_open(const struct coldrelay_gate_options *options,
                                                                     struct coldrelay_gate **gate_out, char *error,
                                                                     size_t error_size);

/* Nobody may be in a call with it, or use it afterwards.  NULL: nothing happens.  In a process after fork(2): nothing either. */
COLDRELAY_GATE_API void coldrelay_gate_close(struct coldrelay_gate *gate);

/* COLDRELAY_GATE_OK with any verdict; after an error the verdict is wait. */
COLDRELAY_GATE_API COLDRELAY_GATE_MUST_CHECK int coldrelay_gate_ask(struct coldrelay_gate *gate,
                                                                    const struct coldrelay_gate_request *request,
                                                                    struct coldrelay_gate_answer *answer, char *error,
                                                                    size_t error_size);

/*
 * The n recipients of one message: all are allowed, or none is and all answers give the first reason.  All requests have the same
 * size, mailbox, message_id and dry_run, all answers the same size.
 */
COLDRELAY_GATE_API COLDRELAY_GATE_MUST_CHECK int
coldrelay_gate_ask_many(struct coldrelay_gate *gate, const struct coldrelay_gate_request *requests, size_t n,
                        struct coldrelay_gate_answer *answers, char *error, size_t error_size);
#define COLDRELAY_GATE_RECIPIENTS_MAX 1000

/* Give back the token of a message of which verifiably no byte of DATA has left. */
COLDRELAY_GATE_API COLDRELAY_GATE_MUST_CHECK int coldrelay_gate_release(struct coldrelay_gate *gate, const char *ticket,
                                                                        char *error, size_t error_size);

/* Of the library that runs, "0.1.0"; static. */
COLDRELAY_GATE_API const char *coldrelay_gate_version(void);

#ifdef __cplusplus
}
#endif

#endif
