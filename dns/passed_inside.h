/*
 * passed_inside.h - the parts of passed.c: one Received field, the trace of a message, what is noted of it.
 */
#ifndef DNS_PASSED_INSIDE_H
#define DNS_PASSED_INSIDE_H

#include "dns/passed.h"

#include <stdint.h>

#define PASSED_HOST_MAX 256
#define PASSED_IP_MAX   46

/* ---- passed_received.c, passed_date.c ---- */

/* One Received field (RFC 5321 s4.4), as far as it can be read; "" where it says nothing. */
struct passed_hop {
	char from[PASSED_HOST_MAX];    /* what the client called itself */
	char reverse[PASSED_HOST_MAX]; /* the name of its address, as the server looked it up */
	char ip[PASSED_IP_MAX];        /* of the client, numeric */
	char by[PASSED_HOST_MAX];
	char with[32]; /* upper case: "ESMTPS" */
	char tls[64];  /* "TLSv1.3": the version, where a comment tells it */
	int64_t at_s;  /* 0: it does not say */
};
void passed_hop_read(struct span value, struct passed_hop *out);
/* A Date as RFC 5322 s3.3 and s4.3 have it, UTC seconds; 0 for what is none. */
int64_t passed_date(struct span text);
/* The first address in text: in brackets if one is. */
bool passed_find_ip(struct span text, char out[PASSED_IP_MAX]);
/* An address that no other network can send from. */
bool passed_ip_is_private(const char *ip);

/* ---- passed_trace.c ---- */

#define PASSED_FIELDS_MAX  32
#define PASSED_RESULTS_MAX 256

struct passed_trace {
	struct authres *fields;          /* those that are believed, topmost first */
	unsigned gap[PASSED_FIELDS_MAX]; /* between which Received fields each stands, from the top */
	bool below
		[PASSED_FIELDS_MAX]; /* under the Received field with which it came in: of two the upper one alone counts */
	size_t n;
	size_t unread;  /* of a receiver that is believed, and cannot be read */
	size_t ignored; /* of such a name, where the sender could have written them */
	char seen[512]; /* the names of all there are, for people */
	char receiver[256];
	bool guessed; /* nobody was named: the topmost field's name is believed */
	bool arc;     /* there is an ARC-Authentication-Results (RFC 8617) */
	bool came_in; /* hop is the one with which a stranger handed it in */
	struct passed_hop hop;
	struct span return_path; /* the value of the receiver's own; at NULL: none */
};
MUST_CHECK int passed_trace_read(const struct message *m, const char *const *trusted, struct passed_trace *out,
                                 struct err *err);
void passed_trace_release(struct passed_trace *t);
/* The results of a method that count, in order; how many. */
size_t passed_trace_results(const struct passed_trace *t, const char *method,
                            const struct authres_result *out[PASSED_RESULTS_MAX]);

/* What the receiver said and what was computed, while passed_check runs. */
struct passed_result {
	const struct authres_result *said;
	const char *word;             /* static, of RFC 8601 */
	char domain[PASSED_HOST_MAX]; /* canonical, "" none */
	bool aligned;
};
struct passed_work {
	struct lookup *l;
	const struct passed_query *q;
	struct passed *out;
	struct passed_trace trace;
	struct passed_result spf;
	struct passed_result dkim[PASSED_RESULTS_MAX];
	size_t n_dkim;
	const struct authres_result *dmarc; /* what was said for this From; NULL: nothing */
	char sender[PASSED_HOST_MAX * 2];   /* MAIL FROM, as far as known */
	bool null_path;
	const char *own_spf; /* static word; NULL: could not be computed */
	struct dmarc_judgement judged;
	bool signed_unsubscribe,
		unsure_unsubscribe; /* by an aligned signature that passes; that could not be verified here */
};
/* ---- passed_words.c ---- */

MUST_CHECK int passed_word_spf(struct passed_work *w, struct err *err);
void passed_word_dkim(struct passed_work *w);
MUST_CHECK int passed_word_dmarc(struct passed_work *w, struct err *err);
/* Of several the one that counts, once it is known which are aligned; NULL: there is none. */
const struct passed_result *passed_best_dkim(const struct passed_work *w);
/* What the receiver means by a word, and what to do; for people. */
const char *passed_meaning(const char *method, const char *word);

/* ---- passed_agree.c ---- */

/* SPF as of the client's address. */
MUST_CHECK int passed_own_spf(struct passed_work *w, struct err *err);
/* DMARC over our own results, where there are any. */
MUST_CHECK int passed_own_dmarc(struct passed_work *w, struct err *err);
/* Is domain aligned with From, as the policy that was found asks (RFC 9989 s4.4)? */
bool passed_aligned(struct passed_work *w, const char *domain, bool strict);
/* Say where the receiver's word and ours differ. */
MUST_CHECK int passed_agree(struct passed_work *w, struct err *err);
/* Does it fail because this copy was written in another form, without another meaning? */
bool passed_is_recoded(const struct signature *s);
/* The domain of a mailbox, of "@domain" or of a domain, canonical; false: there is none. */
bool passed_domain(const char *value, char out[PASSED_HOST_MAX]);

/* ---- passed_unsubscribe.c, passed_notes.c ---- */

MUST_CHECK int passed_unsubscribe(struct passed_work *w, struct err *err);
MUST_CHECK int passed_notes(struct passed_work *w, struct err *err);

#endif
