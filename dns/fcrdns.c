/*
 * fcrdns.c - from the address to its names and back.
 *
 * RFC 8601 s2.7.3 and s3 (iprev, at most ten names), RFC 1912 s2.1 (PTR and A agree), RFC 2317 (PTR behind a CNAME), RFC 5321 s4.1.1.1
 * (HELO).  An IPv4 address in IPv6 clothes (::ffff:192.0.2.1) is the IPv4 address: sockets show it so.
 */
#include "dns/fcrdns.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dns/generic.h"
#include "dns/ip.h"

#define FIX_BYTES (NAME_TEXT_MAX + IP_TEXT_MAX + 32)

static const char *const statuses[] = {
	[FCRDNS_PASS] = "pass", [FCRDNS_FAIL] = "fail", [FCRDNS_NO_PTR] = "no-ptr", [FCRDNS_TEMPERROR] = "temperror"};
static_assert(ARRAY_LEN(statuses) == FCRDNS_STATUS__COUNT, "a name for every status");

static const char *const helos[] = {[HELO_MATCH] = "match",       [HELO_RESOLVES] = "resolves",
                                    [HELO_MISMATCH] = "mismatch", [HELO_UNRESOLVABLE] = "unresolvable",
                                    [HELO_INVALID] = "invalid",   [HELO_UNKNOWN] = "unknown"};
static_assert(ARRAY_LEN(helos) == HELO_STATUS__COUNT, "a name for every verdict");

const char *
fcrdns_status_name(enum fcrdns_status s)
{
	return statuses[s];
}

const char *
helo_status_name(enum helo_status s)
{
	return helos[s];
}

struct run {
	struct lookup *l;
	struct ip ip;
	char text[IP_TEXT_MAX]; /* of ip */
	struct name reverse;
	struct fcrdns *out;
	struct findings *findings;
};

static uint16_t
address_type(const struct ip *ip)
{
	return ip->len == 4 ? RECORD_A : RECORD_AAAA;
}

static int
read_address(struct run *r, const char *text, struct err *err)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (!ip_parse(text, &r->ip))
		return err_set(err, CR_EPARSE, "not an IP address: '%.100s'", text);
	if (r->ip.len == 16 && memcmp(r->ip.bytes, mapped, sizeof(mapped)) == 0) {
		memmove(r->ip.bytes, r->ip.bytes + sizeof(mapped), 4);
		r->ip.len = 4;
	}
	return name_reverse(ip_format(&r->ip, r->text), &r->reverse, err);
}

/* One name of the address; *trouble_out is set when DNS did not say. */
static int
check_name(struct run *r, const struct name *name, bool *trouble_out, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(r->l, name->text, address_type(&r->ip));
	struct fcrdns *out = r->out;
	const char *generic;

	if (lookup_is_trouble(a)) {
		*trouble_out = true;
		return findings_add(r->findings, FINDING_UNKNOWN, "ptr-unknown", NULL, err,
		                    "address of %s, name of %s: %s", name->text, r->text, a->why);
	}
	if (a->state != LOOKUP_FOUND || !ip_among(&r->ip, &a->records))
		return CR_OK;
	buf_copy_text(out->names[out->n++], sizeof(out->names[0]), name->text);
	generic = host_is_generic(name->text, &r->ip);
	if (generic == NULL)
		return CR_OK;
	out->generic = true;
	return findings_add(r->findings, FINDING_WARN, "ptr-generic", NULL, err,
	                    "%s, the name of %s, %s: filters take such senders for hosts of a pool", name->text,
	                    r->text, generic);
}

/* What would make the name lead to the address. */
static void
address_fix(const struct run *r, const char *host, char out[FIX_BYTES])
{
	(void)snprintf(out, FIX_BYTES, "%s. 3600 IN %s %s", host, r->ip.len == 4 ? "A" : "AAAA", r->text);
}

/* Why none of the names counts, with the record that would make the first one count. */
static int
not_confirmed(struct run *r, const struct name *first, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(r->l, first->text, address_type(&r->ip));
	char fix[FIX_BYTES];
	int rc;

	address_fix(r, first->text, fix);
	rc = findings_add(r->findings, FINDING_FAIL, "ptr-not-confirmed", fix, err, "%s has the name %s, which %s",
	                  r->text, first->text,
	                  a->state == LOOKUP_FOUND    ? "leads to other addresses"
	                  : a->state == LOOKUP_NONAME ? "does not exist"
	                                              : "has no address");
	if (rc == CR_OK && lookup_is_void(a))
		findings_absent(r->findings);
	return rc;
}

static int
check_names(struct run *r, const struct records *ptr, struct err *err)
{
	struct name first = {.text = ""}, name;
	bool trouble = false;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ptr->n && i < FCRDNS_NAMES_MAX; i++) {
		/* What is longer than a host name can be leads nowhere. */
		if (!record_target(&ptr->items[i], &name) || name.text[0] == '\0' ||
		    strlen(name.text) >= sizeof(r->out->names[0]))
			continue;
		if (first.text[0] == '\0')
			first = name;
		rc = check_name(r, &name, &trouble, err);
	}
	if (rc == CR_OK && ptr->n > FCRDNS_NAMES_MAX)
		rc = findings_add(r->findings, FINDING_WARN, "ptr-many", NULL, err,
		                  "%s has %zu names; receivers look at %d at most (RFC 8601 3)", r->text, ptr->n,
		                  FCRDNS_NAMES_MAX);
	if (rc == CR_OK && ptr->n > 1)
		rc = findings_add(r->findings, FINDING_WARN, "ptr-several", NULL, err,
		                  "%s has %zu names (PTR records); some receivers look at one only, and not at the "
		                  "same each time",
		                  r->text, ptr->n);
	if (rc != CR_OK)
		return rc;
	r->out->status = r->out->n > 0 ? FCRDNS_PASS : trouble ? FCRDNS_TEMPERROR : FCRDNS_FAIL;
	if (r->out->status != FCRDNS_FAIL)
		return CR_OK;
	if (first.text[0] == '\0')
		return findings_add(r->findings, FINDING_FAIL, "ptr-not-confirmed", NULL, err,
		                    "the PTR record of %s names no host", r->text);
	return not_confirmed(r, &first, err);
}

/* Does the name lead to the address?  The other kind of address tells a wrong name from one that leads nowhere. */
static enum helo_status
judge_helo(struct run *r, const struct name *helo, const char **why_out)
{
	uint16_t type = address_type(&r->ip);
	const struct lookup_answer *a, *other;

	for (size_t i = 0; i < r->out->n; i++) {
		if (name_equal(r->out->names[i], helo->text))
			return HELO_MATCH;
	}
	a = lookup_ask(r->l, helo->text, type);
	if (a->state == LOOKUP_FOUND)
		return ip_among(&r->ip, &a->records) ? HELO_RESOLVES : HELO_MISMATCH;
	if (lookup_is_void(a)) {
		other = lookup_ask(r->l, helo->text, type == RECORD_A ? RECORD_AAAA : RECORD_A);
		if (other->state == LOOKUP_FOUND)
			return HELO_MISMATCH;
		if (lookup_is_void(other))
			return HELO_UNRESOLVABLE;
		a = other;
	}
	*why_out = a->why;
	return HELO_UNKNOWN;
}

static int
say_helo(struct run *r, const char *helo, const char *why, struct err *err)
{
	char fix[FIX_BYTES];
	int rc;

	address_fix(r, helo, fix);
	switch (r->out->helo) {
	case HELO_RESOLVES:
		return findings_add(r->findings, FINDING_NOTE, "helo-other", NULL, err,
		                    "HELO %s leads to %s, and is not its confirmed name", helo, r->text);
	case HELO_MISMATCH:
		return findings_add(r->findings, FINDING_WARN, "helo-mismatch", fix, err,
		                    "HELO %s does not lead to %s, but elsewhere", helo, r->text);
	case HELO_UNRESOLVABLE:
		rc = findings_add(r->findings, FINDING_FAIL, "helo-unresolvable", fix, err,
		                  "HELO %s has no address: many receivers refuse that", helo);
		if (rc == CR_OK)
			findings_absent(r->findings);
		return rc;
	case HELO_UNKNOWN:
		return findings_add(r->findings, FINDING_UNKNOWN, "helo-unknown", NULL, err, "address of HELO %s: %s",
		                    helo, why);
	case HELO_MATCH:
	case HELO_INVALID:
	case HELO_STATUS__COUNT:
	default:
		return CR_OK;
	}
}

/* RFC 5321 s4.1.2: Domain is letters, digits and hyphens between dots; no final dot, nothing outside ASCII. */
static bool
is_helo_name(const char *helo, struct name *out)
{
	size_t len = strlen(helo);

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)helo[i] > 0x7e)
			return false;
	}
	return len > 0 && helo[len - 1] != '.' && name_parse_host(helo, out, NULL) == CR_OK;
}

static int
check_helo(struct run *r, const char *helo, struct err *err)
{
	const char *why = "not asked yet";
	struct name name;

	if (!is_helo_name(helo, &name)) {
		r->out->helo = HELO_INVALID;
		return findings_add(r->findings, FINDING_FAIL, "helo-invalid", NULL, err,
		                    "HELO '%.200s' is no fully qualified host name (RFC 5321 4.1.1.1)", helo);
	}
	r->out->helo = judge_helo(r, &name, &why);
	return say_helo(r, name.text, why, err);
}

static int
no_name(struct run *r, const char *helo, struct err *err)
{
	struct buf fix = {0};
	struct name name;
	int rc = CR_OK;

	r->out->status = FCRDNS_NO_PTR;
	if (helo != NULL && is_helo_name(helo, &name))
		buf_addf(&fix, "%s. 3600 IN PTR %s.", r->reverse.text, name.text);
	rc = buf_check(&fix, "fix", err);
	if (rc == CR_OK)
		rc = findings_add(r->findings, FINDING_FAIL, "ptr-missing", fix.len > 0 ? buf_str(&fix) : NULL, err,
		                  "%s has no name (no PTR at %s): many receivers refuse such senders", r->text,
		                  r->reverse.text);
	if (rc == CR_OK)
		findings_absent(r->findings);
	buf_release(&fix);
	return rc;
}

int
fcrdns_check_at(struct lookup *l, const char *ip, const char *owner, const char *helo, struct fcrdns *out,
                struct findings *findings, struct err *err)
{
	struct run r = {.l = l, .out = out, .findings = findings};
	const struct lookup_answer *a;
	int rc = read_address(&r, ip, err);

	*out = (struct fcrdns){.status = FCRDNS_TEMPERROR, .helo = HELO_UNKNOWN};
	if (rc != CR_OK)
		return rc;
	if (owner != NULL)
		buf_copy_text(r.reverse.text, sizeof(r.reverse.text), owner);
	a = lookup_ask(l, r.reverse.text, RECORD_PTR);
	if (a->state == LOOKUP_FOUND)
		rc = check_names(&r, &a->records, err);
	else if (lookup_is_void(a))
		rc = no_name(&r, helo, err);
	else if (lookup_is_trouble(a))
		rc = findings_add(findings, FINDING_UNKNOWN, "ptr-unknown", NULL, err, "name of %s: %s", r.text,
		                  a->why);
	if (rc == CR_OK && helo != NULL)
		rc = check_helo(&r, helo, err);
	return rc;
}

int
fcrdns_check(struct lookup *l, const char *ip, const char *helo, struct fcrdns *out, struct findings *findings,
             struct err *err)
{
	return fcrdns_check_at(l, ip, NULL, helo, out, findings, err);
}
