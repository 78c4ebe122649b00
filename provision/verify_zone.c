/*
 * verify_zone.c - the zone around one domain, whether each of its servers has what was published, and how mail to it is protected.
 *
 * A resolver tells what one server said a while ago: where nothing but a resolver is asked for the records, every authoritative server is
 * asked too before they count as published.
 */
#include <string.h>

#include "dns/transport.h"
#include "dns/zone_check.h"
#include "dns/zone_servers.h"
#include "provision/verify_inside.h"

/* Without a wanted record the servers are compared with each other: ours may be spelled otherwise, or hold terms of somebody else. */
static int
compare(struct lookup *l, const char *zone, const struct record *w, struct findings *f, struct err *err)
{
	const struct lookup_answer *a = lookup_ask(l, w->owner, w->type);
	struct records want = {0};
	int rc = CR_OK;

	if (a->state != LOOKUP_FOUND)
		return CR_OK;
	if (records_find(&a->records, w) != NULL)
		rc = records_add_copy(&want, w, err);
	if (rc == CR_OK)
		rc = zone_compare(l, zone, w->owner, w->type, want.n > 0 ? &want : NULL, f, err);
	records_release(&want);
	return rc;
}

/* What a server does not have yet may be asked of it any time: not published. */
static int
check_servers(struct lookup *l, struct verify_subject *s, struct err *err)
{
	const struct tmpl_records *all = &s->plan->want.records;
	char name[300];
	const struct verify_check c = {.group = VERIFY_ZONE, .id = "propagation", .name = name};
	struct zone_servers servers;
	struct findings f = {0};
	int rc = CR_OK;

	/* Where none of them answers, the zone's own line says so. */
	zone_servers_find(l, s->domain, &servers);
	if (servers.pending || servers.good == 0)
		return CR_OK;
	(void)snprintf(name, sizeof(name), "all servers of %s", s->domain);
	for (size_t i = 0; rc == CR_OK && i < all->n; i++)
		rc = compare(l, s->domain, &all->items[i].record, &f, err);
	for (size_t i = 0; i < f.n; i++) {
		if (f.items[i].level == FINDING_WARN && f.items[i].absent)
			f.items[i].level = FINDING_FAIL;
	}
	if (rc == CR_OK)
		rc = verify_add_findings(&s->report, &c, &f, err);
	findings_release(&f);
	return rc;
}

/*
 * Does every name exist?  Then np= of DMARC never applies (RFC 9989 s4.7), and a key that is missing looks like a broken one.  Asked for
 * is what mail is checked by; a web server's wildcard address is everyday.
 */
static int
check_wildcard(struct lookup *l, const struct verify_subject *s, struct findings *f, struct err *err)
{
	static const uint16_t types[] = {RECORD_TXT, RECORD_MX};
	char name[400], type[16];
	int rc = CR_OK;

	(void)snprintf(name, sizeof(name), "verify-knows-no-such-name.%s", s->domain);
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(types); i++) {
		if (lookup_ask(l, name, types[i])->state == LOOKUP_FOUND)
			rc = findings_add(f, FINDING_WARN, "zone-wildcard", NULL, err,
			                  "*.%s has %s records: names that are not there have them, so np= of DMARC "
			                  "never applies",
			                  s->domain, record_type_name(types[i], type));
	}
	return rc;
}

int
verify_zone(struct lookup *l, struct verify_subject *s, struct err *err)
{
	char name[300];
	const struct verify_check c = {.group = VERIFY_ZONE, .id = "zone", .name = name, .outside = true};
	struct findings f = {0};
	int rc;

	if (s->records_only)
		return CR_OK;
	rc = zone_check(l, s->domain, &f, err);
	if (rc == CR_OK)
		rc = check_wildcard(l, s, &f, err);
	(void)snprintf(name, sizeof(name), "zone of %s", s->domain);
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	if (rc == CR_OK && s->plan != NULL && !s->at_server)
		rc = check_servers(l, s, err);
	return rc;
}

int
verify_transport(struct lookup *l, struct verify_subject *s, struct err *err)
{
	char name[300];
	const struct verify_check c = {.group = VERIFY_TRANSPORT, .id = "transport", .name = name, .outside = true};
	struct findings f = {0};
	int rc;

	if (s->records_only || s->parked)
		return CR_OK;
	rc = transport_check(l, s->domain, s->mx.status == MX_OK ? &s->mx : NULL, NULL, &f, err);
	(void)snprintf(name, sizeof(name), "TLS of mail to %s", s->domain);
	/* Where nothing is published, nothing is well either. */
	if (rc == CR_OK && f.n > 0)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	return rc;
}
