/*
 * blocklist_check.c - is a block list alive and honest, and then: is the target on it?
 *
 * RFC 5782 s5.  The self-test costs its questions once a run, since lookup keeps answers; the target is asked for only when it passed, so
 * that no list is asked in vain.
 */
#include "dns/blocklist.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "dns/blocklist_codes.h"
#include "dns/blocklist_inside.h"
#include "dns/ip.h"

static const char *const healths[] = {[BLOCKLIST_WORKING] = "working",
                                      [BLOCKLIST_DEAD] = "dead",
                                      [BLOCKLIST_WILDCARD] = "wildcard",
                                      [BLOCKLIST_BLOCKED] = "blocked",
                                      [BLOCKLIST_UNREACHABLE] = "unreachable"};
static_assert(ARRAY_LEN(healths) == BLOCKLIST_HEALTH__COUNT, "a name for every state");

const char *
blocklist_health_name(enum blocklist_health h)
{
	return healths[h];
}

/* What a self-test asks for: RFC 5782 s5, s2.4 (IPv6), and what operators have in place of TEST. */
struct test {
	const char *listed[1 + BLOCKLIST_TESTS_MAX];
	const char *never;
};

#define V6_TEST(last) last ".0.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"

static struct test
test_of(const struct blocklist *b, bool ipv6)
{
	struct test t = {.listed = {"test"}, .never = "invalid"};
	const struct blocklist_row *row;
	struct name zone;

	if (b->kind == BLOCKLIST_IP)
		return ipv6 ? (struct test){.listed = {V6_TEST("2")}, .never = V6_TEST("1")}
		            : (struct test){.listed = {"2.0.0.127"}, .never = "1.0.0.127"};
	blocklist_zone(b, &zone);
	row = blocklist_row_find(zone.text);
	for (size_t i = 0; row != NULL && i < BLOCKLIST_TESTS_MAX; i++)
		t.listed[1 + i] = row->tests[i];
	return t;
}

struct outcome {
	enum blocklist_health health;
	char why[200]; /* when DNS or the list did not say */
	bool pending;
};

static int
ask(struct lookup *l, const struct blocklist *b, const char *front, enum blocklist_says *says_out,
    struct blocklist_verdict *verdict, struct err *err)
{
	struct name name;
	int rc = blocklist_under(b, front, &name, err);

	if (rc == CR_OK)
		*says_out = blocklist_says(b, lookup_ask(l, name.text, RECORD_A), verdict);
	return rc;
}

static enum blocklist_health
judge(enum blocklist_says listed, enum blocklist_says never)
{
	if (listed == BLOCKLIST_SAYS_REFUSED || never == BLOCKLIST_SAYS_REFUSED)
		return BLOCKLIST_BLOCKED;
	if (listed == BLOCKLIST_SAYS_NOTHING || never == BLOCKLIST_SAYS_NOTHING)
		return BLOCKLIST_UNREACHABLE;
	if (never != BLOCKLIST_SAYS_NO)
		return BLOCKLIST_WILDCARD;
	return listed == BLOCKLIST_SAYS_YES ? BLOCKLIST_WORKING : BLOCKLIST_DEAD;
}

static int
selftest(struct lookup *l, const struct blocklist *b, bool ipv6, struct outcome *out, struct err *err)
{
	struct test t = test_of(b, ipv6);
	struct blocklist_verdict yes = {0}, no = {0};
	enum blocklist_says listed = BLOCKLIST_SAYS_NOT_YET, never = BLOCKLIST_SAYS_NOT_YET;
	int rc = ask(l, b, t.never, &never, &no, err);

	*out = (struct outcome){.health = BLOCKLIST_UNREACHABLE};
	/* The next name only where the one before is not listed. */
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(t.listed) && t.listed[i] != NULL; i++) {
		rc = ask(l, b, t.listed[i], &listed, &yes, err);
		if (listed != BLOCKLIST_SAYS_NO && listed != BLOCKLIST_SAYS_NONSENSE)
			break;
	}
	if (rc != CR_OK)
		return rc;
	out->pending = listed == BLOCKLIST_SAYS_NOT_YET || never == BLOCKLIST_SAYS_NOT_YET;
	if (out->pending)
		return CR_OK;
	out->health = judge(listed, never);
	buf_copy_text(out->why, sizeof(out->why),
	              listed == BLOCKLIST_SAYS_REFUSED || listed == BLOCKLIST_SAYS_NOTHING ? yes.why : no.why);
	return CR_OK;
}

int
blocklist_selftest(struct lookup *l, const struct blocklist *b, enum blocklist_health *out, struct err *err)
{
	struct outcome outcome;
	int rc;

	*out = BLOCKLIST_UNREACHABLE;
	rc = selftest(l, b, false, &outcome, err);
	if (rc == CR_OK)
		*out = outcome.health;
	return rc;
}

struct run {
	struct lookup *l;
	const struct blocklist *b;
	const char *target;
	struct name zone; /* public */
	struct blocklist_verdict *out;
	struct findings *findings;
};

/* The verdict is unknown, and one finding says why. */
static int
unknown(struct run *r, const char *id, const char *why, struct err *err)
{
	r->out->status = BLOCKLIST_UNKNOWN;
	buf_copy_text(r->out->why, sizeof(r->out->why), why);
	return findings_add(r->findings, FINDING_UNKNOWN, id, NULL, err, "%s does not say whether %s is listed: %s",
	                    r->zone.text, r->target, why);
}

static int
not_working(struct run *r, const struct outcome *o, bool ipv6, struct err *err)
{
	bool domains = r->b->kind == BLOCKLIST_DOMAIN;

	switch (o->health) {
	case BLOCKLIST_DEAD:
		if (ipv6)
			return unknown(r, "blocklist-ipv6",
			               "it has no IPv6 test entry (RFC 5782 5), so it may list IPv4 only", err);
		return unknown(r, "blocklist-dead",
		               domains ? "its test entry TEST is missing (RFC 5782 5): dead, or not served to us"
		                       : "its test entry 127.0.0.2 is missing (RFC 5782 5): dead, or not served to us",
		               err);
	case BLOCKLIST_WILDCARD:
		return unknown(
			r, "blocklist-wildcard",
			domains ? "it answers even for INVALID (RFC 5782 5): dead, or a resolver rewrites answers"
				: "it answers even for 127.0.0.1 (RFC 5782 5): dead, or a resolver rewrites answers",
			err);
	case BLOCKLIST_BLOCKED:
		return unknown(r, "blocklist-blocked", o->why, err);
	case BLOCKLIST_UNREACHABLE:
	case BLOCKLIST_WORKING:
	case BLOCKLIST_HEALTH__COUNT:
	default:
		return unknown(r, "blocklist-unreachable", o->why, err);
	}
}

static int
listed(struct run *r, struct err *err)
{
	const struct blocklist_row *row = blocklist_row_find(r->zone.text);
	struct blocklist_verdict *v = r->out;
	struct buf names = {0}, page = {0};
	const char *place = row != NULL && row->page != NULL ? strstr(row->page, "%s") : NULL;
	int rc;

	for (size_t i = 0; i < v->n; i++)
		buf_addf(&names, "%s%s", i > 0 ? ", " : "", v->lists[i]);
	if (v->why[0] != '\0')
		buf_addf(&names, " (%s)", v->why);
	if (place != NULL)
		buf_addf(&page, "%.*s%s", (int)(place - row->page), row->page, r->target);
	else if (row != NULL && row->page != NULL)
		buf_adds(&page, row->page);
	rc = buf_check(&names, "finding", err);
	if (rc == CR_OK)
		rc = buf_check(&page, "finding", err);
	if (rc == CR_OK)
		rc = findings_add(r->findings, v->mild ? FINDING_WARN : FINDING_FAIL, "blocklist-listed",
		                  page.len > 0 ? buf_str(&page) : NULL, err, "%s is listed by %s: %s", r->target,
		                  r->zone.text, buf_str(&names));
	buf_release(&page);
	buf_release(&names);
	return rc;
}

static int
check_target(struct run *r, const struct name *question, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(r->l, question->text, RECORD_A);
	char why[sizeof(r->out->why)];

	blocklist_judge(r->b, a, r->out);
	if (a->state == LOOKUP_PENDING || r->out->status == BLOCKLIST_CLEAN)
		return CR_OK;
	if (r->out->status == BLOCKLIST_LISTED)
		return listed(r, err);
	buf_copy_text(why, sizeof(why), r->out->why);
	return unknown(r, "blocklist-unknown", why, err);
}

int
blocklist_check(struct lookup *l, const struct blocklist *b, const char *target, struct blocklist_verdict *out,
                struct findings *findings, struct err *err)
{
	struct run r = {.l = l, .b = b, .target = target, .out = out, .findings = findings};
	const char *closed = blocklist_closed(b);
	const struct blocklist_row *row;
	struct outcome outcome;
	struct name question;
	struct ip ip;
	bool ipv6;
	int rc = blocklist_name(b, target, &question, err);

	*out = (struct blocklist_verdict){.status = BLOCKLIST_UNKNOWN};
	if (rc != CR_OK)
		return rc;
	blocklist_zone(b, &r.zone);
	if (closed != NULL) {
		(void)snprintf(out->why, sizeof(out->why), "the list was closed in %s", closed);
		return findings_add(findings, FINDING_WARN, "blocklist-closed", NULL, err,
		                    "%s was closed in %s: take it out of the configuration", r.zone.text, closed);
	}
	row = blocklist_row_find(r.zone.text);
	ipv6 = b->kind == BLOCKLIST_IP && ip_parse(target, &ip) && ip.len == 16 && (row == NULL || !row->ipv6);
	rc = selftest(l, b, ipv6, &outcome, err);
	if (rc != CR_OK || outcome.pending)
		return rc;
	if (outcome.health != BLOCKLIST_WORKING)
		return not_working(&r, &outcome, ipv6, err);
	return check_target(&r, &question, err);
}
