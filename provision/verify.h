/*
 * verify.h - is a domain really ready?  Its record sets, and all that the checks of dns/ find, asked of DNS servers, not of provider APIs.
 *
 * One domain is one lookup job, so a thousand of them share a loop (dns/lookup.h).  Each check is one line: ok, or what was found.  A
 * fault is named once: what a check found in a record set that is not as intended joins the line of that set.
 */
#ifndef PROVISION_VERIFY_H
#define PROVISION_VERIFY_H

#include "dns/finding.h"
#include "dns/lookup.h"
#include "dns/mx.h"
#include "dns/passed.h"
#include "dns/spf_check.h"
#include "provision/plan.h"
#include "provision/verify_lists.h"

enum verify_group {
	VERIFY_RECORDS,
	VERIFY_SPF,
	VERIFY_DKIM,
	VERIFY_DMARC,
	VERIFY_MX,
	VERIFY_REVERSE,
	VERIFY_LISTS,
	VERIFY_ZONE,
	VERIFY_TRANSPORT,
	VERIFY_MESSAGE,
	VERIFY_GROUP__COUNT
};
const char *verify_group_name(enum verify_group g); /* "records", "spf", ... */

enum verify_status { VERIFY_OK, VERIFY_NOTE, VERIFY_WARN, VERIFY_UNKNOWN, VERIFY_FAIL, VERIFY_STATUS__COUNT };
const char *verify_status_name(enum verify_status s); /* "ok", "note", "warn", "unknown", "fail" */

struct verify_line {
	enum verify_group group;
	enum verify_status status;
	bool pending;                       /* only not there yet, waiting may mend it */
	bool open;                          /* VERIFY_NOTE: not known, and nobody here could know it */
	const char *id;                     /* static: "mx-missing"; of an ok line the check's: "mx" */
	char *name;                         /* heap: "MX getnorthwind.example" */
	char *text, *expected, *seen, *fix; /* heap; NULL where there is nothing to say */
	char *also;                         /* heap: ids of what else was found there, apart by blanks; NULL */
	enum verify_group topic;            /* of a record set: which check judges what it says; else group */
	char *about; /* heap: the owner of that record set; NULL: the domain's only one of its topic */
};
struct verify_report {
	struct verify_line *items;
	size_t n, cap;
	size_t count[VERIFY_STATUS__COUNT];
	size_t pending;
};
void verify_report_release(struct verify_report *r);

/* What is known of a domain beforehand, and what came out. */
struct verify_subject {
	char domain[256];
	const struct plan *plan;      /* its intended records and keys; NULL: not configured here */
	bool parked;                  /* takes and sends nothing, and should say so */
	bool at_server;               /* its zone is asked at the provider's own server */
	const char *const *addresses; /* that its mail leaves from */
	size_t n_addresses;
	const char *helo;             /* canonical; NULL */
	const char *const *selectors; /* besides the plan's keys */
	size_t n_selectors;
	bool reverse_at_server;           /* and so are the reverse zones */
	bool records_only;                /* nothing of what lies around: a look right after a change */
	const struct verify_lists *lists; /* block lists; NULL: none */
	int64_t now_s;
	/* out */
	struct spf_tree tree;
	struct mx mx;
	struct verify_report report;
	/* A part whose questions are all answered is not run again. */
	struct verify_report parts[VERIFY_GROUP__COUNT];
	unsigned parts_done;
};
void verify_subject_release(struct verify_subject *s);
/* Whatever came out before is forgotten: in front of each lookup_settle. */
void verify_subject_begin(struct verify_subject *s);

/* A lookup_check whose argument is a subject.  Errors: CR_ENOMEM; what DNS says is in the report. */
MUST_CHECK int verify_subject_check(struct lookup *l, void *subject, struct err *err);

/* The verdicts on a test message join the report; its findings are taken.  Errors: CR_ENOMEM. */
MUST_CHECK int verify_add_passed(struct verify_report *r, struct passed *p, struct err *err);

/* 0: nothing failed, all is known; 1: a failure that waiting does not mend; 75: not there yet, or not known. */
int verify_exit(const struct verify_report *r);

/* Can only a private server know the name: test, example, local and the like? */
bool verify_is_private(const char *name);

/* Whom to ask. */
struct verify_servers {
	const char *
		resolver; /* HOST:PORT for everything; NULL: check_server of each zone, and the setting, or the system's resolver */
	bool at_hand; /* only those check_servers: nobody else is asked */
};
/*
 * Every configured zone's way, of i (may be NULL), into a lookup.  Errors: CR_EUSAGE, CR_ECONFIG (no HOST:PORT), CR_ENOMEM, CR_EIO.
 */
MUST_CHECK int verify_lookup_open(const struct session *s, const struct intent *i, const struct verify_servers *servers,
                                  struct lookup **out, struct err *err);

/* One domain for people.  As JSON lines, with a summary. */
#define VERIFY_SHOW_OK    (1U << 0) /* and not only what is not */
#define VERIFY_SHOW_NOTES (1U << 1)
#define VERIFY_SHOW_TREE  (1U << 2) /* of SPF */
MUST_CHECK int verify_print(struct session *s, const struct verify_subject *subject, unsigned show, struct err *err);
MUST_CHECK int verify_print_json(struct session *s, const struct verify_subject *subject, struct err *err);

#endif
