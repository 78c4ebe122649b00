/*
 * zone_check.c - the zone around a domain.
 *
 * RFC 1912 s2.8 (lame delegation), RFC 2182 s5 (two servers at least), RFC 1982 (serials), RFC 2308 s5 (negative TTL), RFC 4035 s3.1.4.1
 * (a zone's own server does not know the parent's DS), RFC 6840 s5.7 (AD).
 */
#include "dns/zone_check.h"

#include <stdio.h>
#include <string.h>

#include "dns/spf.h"
#include "dns/zone_servers.h"

#define RCODE_SERVFAIL 2
#define RCODE_REFUSED  5

struct run {
	struct lookup *l;
	const char *domain;
	const char *zone; /* the apex, within domain */
	struct findings *findings;
};

/* SERVFAIL where the parent has a DS: a validator that refuses, or servers that fail.  Without CD these cannot be told apart. */
static int
say_trouble(struct run *r, const char *zone, const struct lookup_answer *a, struct err *err)
{
	const struct lookup_answer *ds = lookup_ask(r->l, zone, RECORD_DS);
	char command[NAME_TEXT_MAX + 16];

	if (ds->state == LOOKUP_PENDING)
		return CR_OK;
	if (a->rcode != RCODE_SERVFAIL || ds->state != LOOKUP_FOUND)
		return findings_add(r->findings, FINDING_UNKNOWN, "zone-unknown", NULL, err, "zone of %s: %s",
		                    r->domain, a->why);
	(void)snprintf(command, sizeof(command), "delv %s SOA", zone);
	return findings_add(
		r->findings, FINDING_UNKNOWN, "dnssec-bogus", command, err,
		"%s is signed (DS at the parent), and the resolver answers SERVFAIL: signatures that do not "
		"validate, or servers that fail",
		zone);
}

/* Up from the domain to the name that has NS.  *found_out false: nothing more can be said. */
static int
find_apex(struct run *r, bool *found_out, struct err *err)
{
	struct name top;
	int rc;

	name_organisation(r->domain, &top);
	*found_out = false;
	for (const char *name = r->domain; name[0] != '\0' && name_is_under(name, top.text); name = name_parent(name)) {
		const struct lookup_answer *a = lookup_ask(r->l, name, RECORD_NS);

		if (a->state == LOOKUP_PENDING)
			return CR_OK;
		if (a->state == LOOKUP_FOUND && a->chain.n == 0) {
			r->zone = name;
			*found_out = true;
			return CR_OK;
		}
		if (lookup_is_trouble(a))
			return say_trouble(r, name, a, err);
		/* A name that is not there, below one that is, is other checks' matter. */
		if (a->state == LOOKUP_NONAME && name_equal(name, top.text)) {
			rc = findings_add(r->findings, FINDING_FAIL, "zone-missing", NULL, err, "%s does not exist",
			                  name);
			if (rc == CR_OK)
				findings_absent(r->findings);
			return rc;
		}
	}
	return findings_add(r->findings, FINDING_UNKNOWN, "zone-unknown", NULL, err,
	                    "zone of %s: neither it nor what is above it has name servers", r->domain);
}

static int
check_dnssec(struct run *r, const struct lookup_answer *soa, struct err *err)
{
	const struct lookup_answer *ds = lookup_ask(r->l, r->zone, RECORD_DS), *key = NULL;

	if (ds->state == LOOKUP_FOUND)
		return findings_add(r->findings, FINDING_NOTE, "dnssec-signed", NULL, err,
		                    soa->authenticated
		                            ? "%s is signed, and the chain is validated"
		                            : "%s is signed; whether the chain holds, this resolver does not say",
		                    r->zone);
	if (lookup_is_trouble(ds))
		return findings_add(r->findings,
		                    ds->nobody || ds->rcode == RCODE_REFUSED ? FINDING_NOTE : FINDING_UNKNOWN,
		                    "dnssec-unknown", NULL, err, "DS of %s: %s", r->zone, ds->why);
	key = lookup_ask(r->l, r->zone, RECORD_DNSKEY);
	if (ds->state == LOOKUP_PENDING || key->state == LOOKUP_PENDING)
		return CR_OK;
	if (key->state != LOOKUP_FOUND)
		return findings_add(r->findings, FINDING_NOTE, "dnssec-unsigned", NULL, err, "%s is not signed",
		                    r->zone);
	if (ds->authoritative)
		return findings_add(r->findings, FINDING_NOTE, "dnssec-signed", NULL, err,
		                    "%s is signed; its own server does not know whether the parent says so (DS)",
		                    r->zone);
	return findings_add(r->findings, FINDING_NOTE, "dnssec-no-ds", NULL, err,
	                    "%s is signed, but the parent has no DS: nobody validates it", r->zone);
}

/* Where one server fails and others do not, mail works, if late. */
static enum finding_level
level_of(const struct zone_servers *s)
{
	return s->good > 0 ? FINDING_WARN : FINDING_FAIL;
}

static int
check_server(struct run *r, const struct zone_servers *s, const struct zone_server *one, struct err *err)
{
	struct findings *f = r->findings;

	switch (one->state) {
	case ZONE_SERVER_LAME:
		/* Whoever has port 53 of this machine need not be who serves the zone. */
		if (ip_scope(&one->ip, NULL) == IP_LOOPBACK)
			break;
		return findings_add(f, level_of(s), "ns-lame", NULL, err,
		                    "%s (%s) does not serve %s: a lame delegation", one->name, one->at.address,
		                    r->zone);
	case ZONE_SERVER_ALIAS:
		return findings_add(f, FINDING_FAIL, "ns-cname", NULL, err,
		                    "name server %s is an alias (CNAME) of %s: RFC 2181 10.3 wants the host itself",
		                    one->name, one->why);
	case ZONE_SERVER_NOWHERE:
		if (one->rehearsal)
			break;
		return findings_add(f, level_of(s), "ns-unresolvable", NULL, err, "name server %s has no address",
		                    one->name);
	case ZONE_SERVER_UNKNOWN:
		if (one->rehearsal || one->nobody)
			break;
		return findings_add(f, FINDING_UNKNOWN, "ns-unknown", NULL, err, "address of name server %s: %s",
		                    one->name, one->why);
	case ZONE_SERVER_BROKEN:
		if (one->rehearsal)
			break;
		return findings_add(f, s->good > 0 ? FINDING_WARN : FINDING_UNKNOWN, "ns-broken", NULL, err,
		                    "name server %s (%s): %s", one->name, one->at.address, one->why);
	case ZONE_SERVER_SILENT:
		if (one->rehearsal)
			break;
		return findings_add(f, s->good > 0 ? FINDING_WARN : FINDING_UNKNOWN, "ns-silent", NULL, err,
		                    "name server %s (%s) does not answer from here: %s", one->name, one->at.address,
		                    one->why);
	case ZONE_SERVER_GOOD:
	case ZONE_SERVER_PENDING:
	case ZONE_SERVER_STATE__COUNT:
	default:
		return CR_OK;
	}
	return findings_add(f, FINDING_NOTE, "ns-not-asked", NULL, err,
	                    "name server %s%s%s%s could not be asked directly", one->name, one->ip.len > 0 ? " (" : "",
	                    one->at.address, one->ip.len > 0 ? ")" : "");
}

/* RFC 1982 s3.2. */
static bool
is_newer(uint32_t a, uint32_t b)
{
	return a != b && a - b < 0x80000000U;
}

static int
check_serials(struct run *r, const struct zone_servers *s, struct err *err)
{
	const struct zone_server *newest = NULL;
	int rc = CR_OK;

	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i].state == ZONE_SERVER_GOOD &&
		    (newest == NULL || is_newer(s->items[i].serial, newest->serial)))
			newest = &s->items[i];
	}
	for (size_t i = 0; rc == CR_OK && i < s->n; i++) {
		const struct zone_server *one = &s->items[i];

		if (one->state != ZONE_SERVER_GOOD || one->serial == newest->serial)
			continue;
		rc = findings_add(r->findings, FINDING_WARN, "propagation", NULL, err,
		                  "%s (%s) has serial %u of %s, and %s (%s) has %u", one->name, one->at.address,
		                  one->serial, r->zone, newest->name, newest->at.address, newest->serial);
		if (rc == CR_OK)
			findings_absent(r->findings);
	}
	return rc;
}

static int
check_scopes(struct run *r, const struct zone_servers *s, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < s->n; i++) {
		const char *block;
		enum ip_scope scope;

		if (s->items[i].ip.len == 0)
			continue;
		scope = ip_scope(&s->items[i].ip, &block);
		if (scope == IP_PRIVATE || scope == IP_UNROUTABLE)
			rc = findings_add(
				r->findings, FINDING_WARN, "ns-private", NULL, err,
				"name server %s has the address %s (%s), which resolvers elsewhere do not reach",
				s->items[i].name, s->items[i].at.address, block);
	}
	return rc;
}

static int
check_servers(struct run *r, struct err *err)
{
	struct zone_servers s;
	bool rehearsal = true;
	int rc = CR_OK;

	zone_servers_find(r->l, r->zone, &s);
	if (s.pending)
		return CR_OK;
	for (size_t i = 0; rc == CR_OK && i < s.n; i++) {
		rc = check_server(r, &s, &s.items[i], err);
		rehearsal = rehearsal && s.items[i].rehearsal && s.items[i].state != ZONE_SERVER_GOOD;
	}
	if (rc == CR_OK)
		rc = check_scopes(r, &s, err);
	if (rc == CR_OK)
		rc = check_serials(r, &s, err);
	/* A zone on a bench has one server and wants no more. */
	if (rc == CR_OK && s.names < 2)
		rc = findings_add(r->findings, rehearsal ? FINDING_NOTE : FINDING_WARN, "ns-few", NULL, err,
		                  "%s has one name server; RFC 2182 5 wants two at least", r->zone);
	return rc;
}

/* A TTL as the zone has it is told only by its own server; what a cache says runs down, so that it may be too long but not too short. */
static int
check_ttl(struct run *r, const char *what, const struct record *record, bool authoritative, struct err *err)
{
	if (record->ttl_s > ZONE_TTL_LONG_S)
		return findings_add(r->findings, FINDING_NOTE, "ttl-long", NULL, err,
		                    "%s of %s has a TTL of %u s: a change takes more than a day", what, r->domain,
		                    record->ttl_s);
	if (authoritative && record->ttl_s < ZONE_TTL_SHORT_S)
		return findings_add(
			r->findings, FINDING_NOTE, "ttl-short", NULL, err,
			"%s of %s has a TTL of %u s: caches hardly keep it, and each failure of DNS is felt", what,
			r->domain, record->ttl_s);
	return CR_OK;
}

static int
check_ttls(struct run *r, struct err *err)
{
	const struct lookup_answer *mx = lookup_ask(r->l, r->domain, RECORD_MX),
				   *txt = lookup_ask(r->l, r->domain, RECORD_TXT);
	int rc = CR_OK;

	if (mx->state == LOOKUP_FOUND)
		rc = check_ttl(r, "MX", &mx->records.items[0], mx->authoritative, err);
	for (size_t i = 0; rc == CR_OK && txt->state == LOOKUP_FOUND && i < txt->records.n; i++) {
		if (spf_is_record(record_text(&txt->records.items[i])))
			rc = check_ttl(r, "SPF", &txt->records.items[i], txt->authoritative, err);
	}
	return rc;
}

/* Serials written as dates tell when the zone was last touched; the last number is what "not there" is remembered for. */
static int
check_soa(struct run *r, const struct record *record, struct err *err)
{
	uint32_t year, month, day;
	struct zone_soa soa;
	int rc = CR_OK;

	if (!zone_soa_read(record, &soa))
		return CR_OK;
	year = soa.serial / 1000000;
	month = soa.serial / 10000 % 100;
	day = soa.serial / 100 % 100;
	if (soa.negative_s > ZONE_TTL_LONG_S)
		rc = findings_add(r->findings, FINDING_NOTE, "negative-ttl", NULL, err,
		                  "what %s does not have is remembered as missing for %u s", r->zone, soa.negative_s);
	if (rc == CR_OK && year >= 1990 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31)
		rc = findings_add(r->findings, FINDING_NOTE, "zone-changed", NULL, err,
		                  "%s was last changed on %04u-%02u-%02u", r->zone, year, month, day);
	return rc;
}

int
zone_check(struct lookup *l, const char *domain, struct findings *findings, struct err *err)
{
	struct run r = {.l = l, .domain = domain, .findings = findings};
	const struct lookup_answer *soa;
	bool found;
	int rc = find_apex(&r, &found, err);

	if (rc != CR_OK || !found)
		return rc;
	soa = lookup_ask(l, r.zone, RECORD_SOA);
	if (lookup_is_trouble(soa))
		return say_trouble(&r, r.zone, soa, err);
	rc = check_dnssec(&r, soa, err);
	if (rc == CR_OK)
		rc = check_servers(&r, err);
	if (rc == CR_OK)
		rc = check_ttls(&r, err);
	if (rc == CR_OK && soa->state == LOOKUP_FOUND)
		rc = check_soa(&r, &soa->records.items[0], err);
	return rc;
}
