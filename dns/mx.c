/*
 * mx.c - the MX records of a domain, each host, each address.
 *
 * RFC 5321 s5.1 (MX, implicit MX), s2.3.5 and RFC 2181 s10.3 (no CNAME behind an MX), RFC 7505 (null MX).  All faults are named, not only
 * the first; the status says the gravest.
 */
#include "dns/mx.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/ip.h"

#define FIX_TTL   "3600"
#define FIX_BYTES (2 * NAME_TEXT_MAX + 64)

static const char *const names[] = {[MX_OK] = "ok",     [MX_IMPLICIT] = "implicit", [MX_NONE] = "none",
                                    [MX_NULL] = "null", [MX_ERROR] = "error",       [MX_TEMPERROR] = "temperror"};
static_assert(ARRAY_LEN(names) == MX_STATUS__COUNT, "a name for every status");

const char *
mx_status_name(enum mx_status s)
{
	return names[s];
}

/* From the gravest. */
static const char *const whys[] = {"null-with-others", "address", "cname", "unroutable", "unresolvable"};

struct run {
	struct lookup *l;
	const char *domain;
	struct mx *mx;
	struct findings *findings;
	bool trouble;
};

static void
fault(struct mx *mx, const char *why)
{
	mx->status = MX_ERROR;
	for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
		if (mx->why == whys[i])
			return;
		if (strcmp(whys[i], why) == 0) {
			mx->why = whys[i];
			return;
		}
	}
	/* A fault without a word. */
	assert(false);
}

static void
fix_to(const struct run *r, unsigned preference, const char *host, char *out, size_t size)
{
	(void)snprintf(out, size, "%s. " FIX_TTL " IN MX %u %s.", r->domain, preference, host);
}

/* What an MX host was meant to be, when somebody wrote an address: "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]". */
static bool
is_literal(const char *name, struct ip *out)
{
	char text[256];
	size_t len = 0;
	char *start = text;

	for (const char *p = name; *p != '\0' && len < sizeof(text) - 1; len++) {
		bool escaped = *p == '\\' && strspn(p + 1, "0123456789") >= 3;

		text[len] = escaped ? (char)((p[1] - '0') * 100 + (p[2] - '0') * 10 + p[3] - '0') : *p;
		p += escaped ? 4 : 1;
	}
	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		start++;
		len--;
	}
	text[len] = '\0';
	if (strncasecmp(start, "ipv6:", 5) == 0)
		start += 5;
	return ip_parse(start, out);
}

/* Addresses that mail from outside does not reach. */
static int
check_addresses(struct run *r, const char *host, const struct records *addresses, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < addresses->n; i++) {
		char text[IP_TEXT_MAX];
		const char *block;
		struct ip ip;
		enum ip_scope scope;

		if (!ip_of_record(&addresses->items[i], &ip))
			continue;
		scope = ip_scope(&ip, &block);
		if (scope == IP_GLOBAL || scope == IP_DOCUMENTATION)
			continue;
		fault(r->mx, "unroutable");
		rc = findings_add(r->findings, FINDING_FAIL, "mx-private", NULL, err,
		                  "mail host %s has the address %s (%s), which mail from outside does not reach", host,
		                  ip_format(&ip, text), block);
	}
	return rc;
}

static int
not_known(struct run *r, const char *what, const char *name, const struct lookup_answer *a, struct err *err)
{
	r->trouble = true;
	return findings_add(r->findings, FINDING_UNKNOWN, "mx-unknown", NULL, err, "%s %s: %s", what, name, a->why);
}

/* What stands behind one host name; *found_out: it has an address. */
static int
check_behind(struct run *r, const char *host, bool *found_out, struct err *err)
{
	const struct lookup_answer *answers[] = {lookup_ask(r->l, host, RECORD_A), lookup_ask(r->l, host, RECORD_AAAA)};
	bool trouble = r->trouble;
	int rc = CR_OK;

	*found_out = false;
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(answers); i++) {
		if (lookup_is_trouble(answers[i]))
			rc = not_known(r, i == 0 ? "addresses (A) of mail host" : "addresses (AAAA) of mail host", host,
			               answers[i], err);
		else if (answers[i]->state == LOOKUP_FOUND)
			rc = check_addresses(r, host, &answers[i]->records, err);
		*found_out = *found_out || answers[i]->state == LOOKUP_FOUND;
	}
	/* Mail arrives by the address that is there; that the other kind could not be asked for is said, and is no reason to wait. */
	if (*found_out)
		r->trouble = trouble;
	return rc;
}

static int
check_cname(struct run *r, size_t i, const struct lookup_answer *a, struct err *err)
{
	const struct records *chain = &a->chain;
	struct name target = {.text = ""};
	char fix[FIX_BYTES];

	if (chain->n == 0 || !record_target(&chain->items[chain->n - 1], &target))
		return CR_OK;
	fault(r->mx, "cname");
	fix_to(r, r->mx->hosts[i].preference, target.text, fix, sizeof(fix));
	return findings_add(
		r->findings, FINDING_FAIL, "mx-cname", fix, err,
		"mail host %s is an alias (CNAME) of %s: RFC 5321 5.1 and RFC 2181 10.3 want the host itself",
		r->mx->hosts[i].name, target.text);
}

static int
check_host(struct run *r, size_t i, struct err *err)
{
	const char *host = r->mx->hosts[i].name;
	const struct lookup_answer *a, *aaaa;
	char text[IP_TEXT_MAX];
	struct name canonical;
	struct ip literal;
	bool found;
	int rc = CR_OK;

	if (is_literal(host, &literal)) {
		fault(r->mx, "address");
		return findings_add(r->findings, FINDING_FAIL, "mx-address", NULL, err,
		                    "the MX names the address %s; it has to name a host", ip_format(&literal, text));
	}
	a = lookup_ask(r->l, host, RECORD_A);
	aaaa = lookup_ask(r->l, host, RECORD_AAAA);
	if (a->state == LOOKUP_PENDING || aaaa->state == LOOKUP_PENDING)
		return CR_OK;
	if (name_parse_host(host, &canonical, NULL) != CR_OK)
		rc = findings_add(r->findings, FINDING_WARN, "mx-host-name", NULL, err,
		                  "mail host %s is no host name (RFC 5321 2.3.5): some senders refuse it", host);
	if (rc == CR_OK)
		rc = check_cname(r, i, a, err);
	if (rc == CR_OK)
		rc = check_behind(r, host, &found, err);
	if (rc != CR_OK || found || lookup_is_trouble(a) || lookup_is_trouble(aaaa))
		return rc;
	fault(r->mx, "unresolvable");
	rc = findings_add(r->findings, FINDING_FAIL, "mx-unresolvable", NULL, err, "mail host %s %s", host,
	                  a->state == LOOKUP_NONAME ? "does not exist" : "has no address");
	if (rc == CR_OK)
		findings_absent(r->findings);
	return rc;
}

static int
by_preference(const void *a, const void *b)
{
	const struct record *x = *(const struct record *const *)a, *y = *(const struct record *const *)b;

	/* RDATA begins with the preference, big-endian; then the name. */
	return record_compare(x, y);
}

/* The hosts in order; *nulls_out: how many stand for none. */
static int
collect(struct run *r, const struct records *records, size_t *nulls_out, struct err *err)
{
	const struct record **order = calloc(records->n, sizeof(*order));
	struct mx *mx = r->mx;
	int rc = CR_OK;

	*nulls_out = 0;
	if (order == NULL)
		return err_nomem(err, "mail hosts");
	for (size_t i = 0; i < records->n; i++)
		order[i] = &records->items[i];
	qsort(order, records->n, sizeof(*order), by_preference);
	for (size_t i = 0; i < records->n; i++) {
		struct name target;

		if (!record_target(order[i], &target) || order[i]->data_len < 2)
			continue;
		*nulls_out += target.text[0] == '\0';
		if (target.text[0] == '\0' || strlen(target.text) >= sizeof(mx->hosts[0].name) || mx->n == MX_HOSTS_MAX)
			continue;
		mx->hosts[mx->n].preference = (uint16_t)(order[i]->data[0] << 8 | order[i]->data[1]);
		buf_copy_text(mx->hosts[mx->n++].name, sizeof(mx->hosts[0].name), target.text);
	}
	if (records->n > MX_HOSTS_MANY)
		rc = findings_add(r->findings, FINDING_WARN, "mx-many", NULL, err,
		                  "%zu MX records; past the first %d senders and SPF checks stop looking%s", records->n,
		                  MX_HOSTS_MANY, records->n > MX_HOSTS_MAX ? ", and so does this one past 32" : "");
	free(order);
	return rc;
}

/* How the hosts stand to each other. */
static int
check_order(struct run *r, struct err *err)
{
	const struct mx *mx = r->mx;
	int rc = CR_OK;

	for (size_t i = 1; rc == CR_OK && i < mx->n; i++) {
		if (mx->hosts[i].preference == mx->hosts[i - 1].preference)
			rc = findings_add(r->findings, FINDING_NOTE, "mx-same-preference", NULL, err,
			                  "%s and %s share the preference %u: senders pick one at random",
			                  mx->hosts[i - 1].name, mx->hosts[i].name, mx->hosts[i].preference);
		for (size_t k = 0; rc == CR_OK && k < i; k++) {
			if (name_equal(mx->hosts[k].name, mx->hosts[i].name))
				rc = findings_add(r->findings, FINDING_WARN, "mx-twice", NULL, err,
				                  "mail host %s stands there twice, with %u and with %u",
				                  mx->hosts[i].name, mx->hosts[k].preference, mx->hosts[i].preference);
		}
	}
	return rc;
}

static int
null_mx(struct run *r, const struct record *first, size_t nulls, struct err *err)
{
	char fix[FIX_BYTES];
	int rc;

	if (r->mx->n > 0 || nulls > 1) {
		fault(r->mx, "null-with-others");
		return findings_add(r->findings, FINDING_FAIL, "mx-null-with-others", NULL, err,
		                    "a null MX (\".\") beside others: it has to stand alone (RFC 7505 3)");
	}
	r->mx->status = MX_NULL;
	rc = findings_add(r->findings, FINDING_FAIL, "mx-null", NULL, err,
	                  "a null MX: %s says that it takes no mail, so replies and bounces are lost", r->domain);
	if (rc != CR_OK || first->data_len < 2 || (first->data[0] == 0 && first->data[1] == 0))
		return rc;
	(void)snprintf(fix, sizeof(fix), "%s. " FIX_TTL " IN MX 0 .", r->domain);
	return findings_add(r->findings, FINDING_WARN, "mx-preference", fix, err,
	                    "the null MX has the preference %d; it should be 0 (RFC 7505 3)",
	                    first->data[0] << 8 | first->data[1]);
}

static int
explicit_mx(struct run *r, const struct lookup_answer *a, struct err *err)
{
	struct name target;
	size_t nulls;
	int rc = collect(r, &a->records, &nulls, err);

	r->mx->status = MX_OK;
	if (rc == CR_OK && a->chain.n > 0 && record_target(&a->chain.items[a->chain.n - 1], &target))
		rc = findings_add(r->findings, FINDING_WARN, "mx-alias", NULL, err,
		                  "%s is an alias (CNAME) of %s, whose MX is used: not all senders follow", r->domain,
		                  target.text);
	if (rc == CR_OK && nulls > 0)
		rc = null_mx(r, &a->records.items[0], nulls, err);
	if (rc == CR_OK)
		rc = check_order(r, err);
	for (size_t i = 0; rc == CR_OK && i < r->mx->n; i++)
		rc = check_host(r, i, err);
	if (r->trouble && r->mx->status == MX_OK)
		r->mx->status = MX_TEMPERROR;
	return rc;
}

static int
missing(struct run *r, const char *what, struct err *err)
{
	int rc = findings_add(r->findings, FINDING_FAIL, "mx-missing", NULL, err, "%s %s: replies and bounces are lost",
	                      r->domain, what);

	if (rc == CR_OK)
		findings_absent(r->findings);
	r->mx->status = MX_NONE;
	return rc;
}

/* No MX: the domain's own address takes its place. */
static int
implicit_mx(struct run *r, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(r->l, r->domain, RECORD_A),
				   *aaaa = lookup_ask(r->l, r->domain, RECORD_AAAA);
	char fix[FIX_BYTES];
	bool found;
	int rc;

	if (a->state == LOOKUP_PENDING || aaaa->state == LOOKUP_PENDING)
		return CR_OK;
	r->mx->status = MX_IMPLICIT;
	rc = check_behind(r, r->domain, &found, err);
	if (rc != CR_OK)
		return rc;
	if (!found && r->trouble) {
		r->mx->status = MX_TEMPERROR;
		return CR_OK;
	}
	if (!found)
		return missing(r, "has no MX, and no address that would take its place", err);
	/* RFC 5321 s5.1: as if the domain had an MX of preference 0 that names itself. */
	buf_copy_text(r->mx->hosts[0].name, sizeof(r->mx->hosts[0].name), r->domain);
	r->mx->n = 1;
	fix_to(r, 10, r->domain, fix, sizeof(fix));
	rc = findings_add(r->findings, FINDING_WARN, "mx-implicit", fix, err,
	                  "%s has no MX: mail goes to its own address; publish an MX", r->domain);
	if (rc == CR_OK)
		findings_absent(r->findings);
	return rc;
}

int
mx_check(struct lookup *l, const char *domain, struct mx *out, struct findings *findings, struct err *err)
{
	struct run r = {.l = l, .domain = domain, .mx = out, .findings = findings};
	const struct lookup_answer *a = lookup_ask(l, domain, RECORD_MX);

	*out = (struct mx){.status = MX_TEMPERROR};
	switch (a->state) {
	case LOOKUP_FOUND:
		return explicit_mx(&r, a, err);
	case LOOKUP_EMPTY:
		return implicit_mx(&r, err);
	case LOOKUP_NONAME:
		return missing(&r, "does not exist", err);
	case LOOKUP_FAILED:
	case LOOKUP_SILENT:
		return not_known(&r, "MX of", domain, a, err);
	case LOOKUP_PENDING:
	case LOOKUP_STATE__COUNT:
	default:
		return CR_OK;
	}
}
