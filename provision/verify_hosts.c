/*
 * verify_hosts.c - the hosts of one domain: where its mail goes, and who it says it is when it sends.
 *
 * A mail host at another name than that of its address passes with receivers; where we set that name ourselves it is a fault.
 * Sources: RFC 5321 s5.1, RFC 7505 (null MX), RFC 8601 s3 (iprev), RFC 2317 (classless reverse zones).
 */
#include <stdlib.h>
#include <string.h>

#include "dns/fcrdns.h"
#include "dns/mx.h"
#include "provision/addresses/addresses.h"
#include "provision/verify_inside.h"

/* A parked name has to say that it takes no mail. */
static int
judge_parked_mx(const struct verify_subject *s, const struct mx *mx, struct findings *f, struct err *err)
{
	char fix[300];

	if (mx->status == MX_TEMPERROR)
		return CR_OK;
	findings_release(f);
	if (mx->status == MX_NULL)
		return CR_OK;
	(void)snprintf(fix, sizeof(fix), "%s. 3600 IN MX 0 .", s->domain);
	return findings_add(f, FINDING_FAIL, "mx-not-null", fix, err,
	                    "%s is parked, and does not say that it takes no mail (a null MX)", s->domain);
}

int
verify_mx(struct lookup *l, struct verify_subject *s, struct err *err)
{
	struct verify_check c = {.group = VERIFY_MX, .id = "mx", .outside = true};
	struct findings f = {0};
	char name[300];
	int rc = mx_check(l, s->domain, &s->mx, &f, err);

	(void)snprintf(name, sizeof(name), "mail hosts of %s", s->domain);
	c.name = name;
	if (rc == CR_OK && s->parked)
		rc = judge_parked_mx(s, &s->mx, &f, err);
	if (rc == CR_OK)
		rc = verify_add_checked(l, s, &c, &f, err);
	findings_release(&f);
	return rc;
}

/* ---- the address ---- */

static bool
is_confirmed(const struct fcrdns *r, const char *host)
{
	for (size_t i = 0; i < r->n; i++) {
		if (name_equal(r->names[i], host))
			return true;
	}
	return false;
}

/* Of an address whose name we set: it has to be that name, not any that leads back. */
static int
want_host(const char *ip, const char *owner, const char *host, const struct fcrdns *r, struct findings *f,
          struct err *err)
{
	char fix[700];

	if (r->status != FCRDNS_PASS || is_confirmed(r, host))
		return CR_OK;
	(void)snprintf(fix, sizeof(fix), "%.300s. 3600 IN PTR %.255s.", owner, host);
	return findings_add(f, FINDING_FAIL, "ptr-differs", fix, err, "%s has the name %s, and should have %s", ip,
	                    r->names[0], host);
}

/* The findings whose ids begin so go to a line of their own. */
static int
split(struct findings *from, const char *prefix, struct findings *to, struct err *err)
{
	struct findings rest = {0}, *place;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < from->n; i++) {
		const struct finding *item = &from->items[i];

		place = strncmp(item->id, prefix, strlen(prefix)) == 0 ? to : &rest;
		rc = findings_add(place, item->level, item->id, item->fix, err, "%s", item->text);
		if (rc == CR_OK && item->absent)
			findings_absent(place);
	}
	findings_release(from);
	if (rc == CR_OK)
		*from = rest;
	else
		findings_release(&rest);
	return rc;
}

/* The way to the name, the way back, and the name in HELO, a line each; what failed at first is not told again behind it. */
static int
add_lines(struct lookup *l, struct verify_subject *s, const char *ip, const struct fcrdns *r, struct findings *f,
          struct err *err)
{
	const bool ours = s->plan != NULL && s->plan->domain->reverse != NULL;
	struct findings helo = {0}, back = {0};
	struct verify_check c = {.group = VERIFY_REVERSE, .id = "ptr"};
	char name[300];
	int rc;

	c.open = !ours && verify_let_pass(s, lookup_met(l), f);
	rc = split(f, "helo-", &helo, err);

	if (rc == CR_OK)
		rc = split(f, "ptr-not-confirmed", &back, err);
	c.name = name;
	(void)snprintf(name, sizeof(name), "PTR of %.64s", ip);
	if (rc == CR_OK)
		rc = verify_add_findings(&s->report, &c, f, err);
	(void)snprintf(name, sizeof(name), "forward-confirmed %.64s", ip);
	c.id = "forward-confirmed";
	if (rc == CR_OK && (back.n > 0 || r->status == FCRDNS_PASS))
		rc = verify_add_findings(&s->report, &c, &back, err);
	(void)snprintf(name, sizeof(name), "HELO %.255s", s->helo != NULL ? s->helo : "");
	c.id = "helo";
	if (rc == CR_OK && s->helo != NULL && (helo.n > 0 || r->helo != HELO_UNKNOWN))
		rc = verify_add_findings(&s->report, &c, &helo, err);
	findings_release(&helo);
	findings_release(&back);
	return rc;
}

/* Where the PTR stands that we set: a reverse zone's own server knows its own names only, not the parent's CNAME to them (RFC 2317). */
static int
find_owner(const struct verify_subject *s, const char *ip, struct name *out, struct err *err)
{
	const struct reverse *reverse = s->plan != NULL ? s->plan->domain->reverse : NULL;
	struct name zone;
	int rc = CR_ENOTFOUND;

	if (reverse != NULL && s->reverse_at_server)
		rc = address_ptr_owner(ip, (const char *const *)reverse->reverse_zones.items, reverse->reverse_zones.n,
		                       &zone, out, err);
	return rc == CR_ENOTFOUND ? name_reverse(ip, out, err) : rc;
}

static int
check_address(struct lookup *l, struct verify_subject *s, const char *ip, struct err *err)
{
	struct findings f = {0};
	struct fcrdns r;
	struct name owner;
	int rc = find_owner(s, ip, &owner, err);

	(void)lookup_met(l);
	if (rc == CR_OK)
		rc = fcrdns_check_at(l, ip, owner.text, s->helo, &r, &f, err);
	if (rc == CR_OK && s->plan != NULL && s->plan->domain->reverse != NULL)
		rc = want_host(ip, owner.text, s->plan->domain->host->facts.host, &r, &f, err);
	if (rc == CR_OK)
		rc = add_lines(l, s, ip, &r, &f, err);
	findings_release(&f);
	return rc;
}

int
verify_reverse(struct lookup *l, struct verify_subject *s, struct err *err)
{
	const struct verify_line none = {
		.group = VERIFY_REVERSE,
		.topic = VERIFY_REVERSE,
		.status = VERIFY_NOTE,
		.id = "reverse-no-address",
		.name = s->domain,
		.text = (char[]){"no sending address was looked at: none is known, give --address"}};
	int rc = CR_OK;

	if (s->n_addresses == 0 && !s->parked && !s->records_only)
		rc = verify_add(&s->report, &none, err);
	for (size_t i = 0; rc == CR_OK && !s->parked && i < s->n_addresses; i++)
		rc = check_address(l, s, s->addresses[i], err);
	return rc;
}
