/*
 * verify.c - intended record sets against DNS answers, one question a set.
 *
 * A missing value is "not yet" (it may be on its way), a different one is a failure, a server that does not answer is "unknown": never
 * "ok" without having seen it.  Sources: RFC 7208 s3.2 and RFC 9989 (one SPF, one DMARC record a name), RFC 8601 s2.7.3 (iprev).
 */
#include "provision/verify.h"

#include <stdlib.h>
#include <string.h>

#include "dns/dkim.h"
#include "dns/dmarc.h"
#include "dns/spf.h"
#include "provision/addresses/addresses.h"

#define ASK_TIMEOUT_MS 2000

static const char *const names[] = {
	[VERIFY_OK] = "ok", [VERIFY_NOT_YET] = "not_yet", [VERIFY_WRONG] = "fail", [VERIFY_UNKNOWN] = "unknown"};
_Static_assert(ARRAY_LEN(names) == VERIFY_STATUS__COUNT, "a name for every status");

const char *
verify_status_name(enum verify_status s)
{
	return names[s];
}

void
verify_report_release(struct verify_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->items[i].expected);
		free(r->items[i].seen);
		free(r->items[i].fix);
	}
	free(r->items);
	*r = (struct verify_report){0};
}

/* Texts are copied; NULL stays NULL. */
static int
report(struct verify_report *r, enum verify_status status, const char *what, const char *expected, const char *seen,
       const char *fix, struct err *err)
{
	struct verify_check *grown = realloc(r->items, (r->n + 1) * sizeof(*grown));
	struct verify_check *c;

	if (grown == NULL)
		return err_nomem(err, "report");
	r->items = grown;
	c = &grown[r->n++];
	*c = (struct verify_check){.status = status};
	(void)snprintf(c->what, sizeof(c->what), "%s", what);
	r->count[status]++;
	c->expected = expected != NULL ? strdup(expected) : NULL;
	c->seen = seen != NULL ? strdup(seen) : NULL;
	c->fix = fix != NULL ? strdup(fix) : NULL;
	if ((expected != NULL && c->expected == NULL) || (seen != NULL && c->seen == NULL) ||
	    (fix != NULL && c->fix == NULL))
		return err_nomem(err, "report");
	return CR_OK;
}

/* Would a second record like this beside the wanted one break the name? */
static bool
must_be_alone(const struct record *wanted, const struct record *other)
{
	if (wanted->type != RECORD_TXT)
		return true;
	if (spf_is_record(record_text(wanted)))
		return spf_is_record(record_text(other));
	if (dmarc_is_record(record_text(wanted)))
		return dmarc_is_record(record_text(other));
	return strstr(wanted->owner, "._domainkey.") != NULL;
}

static bool
key_matches(const struct record *a, const struct record *b)
{
	struct dkim_public ka, kb;
	bool revoked, testing, revoked_b, testing_b;

	return a->type == RECORD_TXT && strstr(a->owner, "._domainkey.") != NULL &&
	       dkim_record_parse(record_text(a), &ka, &revoked, &testing, NULL) == CR_OK &&
	       dkim_record_parse(record_text(b), &kb, &revoked_b, &testing_b, NULL) == CR_OK && !revoked_b &&
	       !testing_b && dkim_same_key(&ka, &kb);
}

/* All values of an answer on one line. */
static void
describe(const struct records *l, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++) {
		if (i > 0)
			buf_adds(out, " | ");
		record_format_rdata(&l->items[i], out);
	}
}

static int
judge(const struct record *w, const struct resolve_answer *a, struct verify_report *out, const char *what,
      struct err *err)
{
	const struct record *wrong = NULL;
	struct buf expected = {0}, seen = {0}, fix = {0};
	bool found = false;
	int rc;

	for (size_t i = 0; i < a->records.n; i++) {
		const struct record *r = &a->records.items[i];

		if (record_same(r, w) || key_matches(w, r))
			found = true;
		else if (strcmp(r->owner, w->owner) == 0 && (r->type != w->type || must_be_alone(w, r)))
			wrong = r;
	}
	record_format_rdata(w, &expected);
	describe(&a->records, &seen);
	record_format(w, &fix);
	/* MX and A sets of ours may hold several values: each of them is looked for on its own, others of ours are no fault. */
	if (found && (wrong == NULL || w->type == RECORD_MX || w->type == RECORD_A || w->type == RECORD_AAAA))
		rc = report(out, VERIFY_OK, what, NULL, NULL, NULL, err);
	else if (wrong != NULL)
		rc = report(out, VERIFY_WRONG, what, buf_str(&expected), buf_str(&seen), buf_str(&fix), err);
	else
		rc = report(out, VERIFY_NOT_YET, what, buf_str(&expected),
		            a->rcode == 3 ? "no such name" : "no such record", buf_str(&fix), err);
	buf_release(&expected);
	buf_release(&seen);
	buf_release(&fix);
	return rc;
}

static int
check_record(const struct record *w, const struct verify_servers *s, struct verify_report *out, struct err *err)
{
	struct resolve_answer a = {0};
	struct err why = {0};
	char what[400], type[16];
	int rc;

	(void)snprintf(what, sizeof(what), "%s %.360s", record_type_name(w->type, type), w->owner);
	if (!s->known)
		return report(out, VERIFY_UNKNOWN, what, NULL, "no server to ask: set check_server or give --resolver",
		              NULL, err);
	rc = resolve_ask(&s->server, w->owner, w->type, s->recursion, ASK_TIMEOUT_MS, &a, &why);
	if (rc != CR_OK)
		return report(out, VERIFY_UNKNOWN, what, NULL, why.text, NULL, err);
	if (a.rcode != 0 && a.rcode != 3) {
		char text[64];

		(void)snprintf(text, sizeof(text), "the server answers with code %d", a.rcode);
		rc = report(out, VERIFY_UNKNOWN, what, NULL, text, NULL, err);
	} else {
		rc = judge(w, &a, out, what, err);
	}
	resolve_answer_release(&a);
	return rc;
}

/* The name to ask for: a resolver follows the parent's CNAME of RFC 2317, the reverse zone's own server knows only its own names. */
static int
reverse_name(const struct plan *p, const char *address, bool recursion, struct name *out, struct err *err)
{
	const struct cfg_list *zones = &p->domain->reverse->reverse_zones;
	struct name zone;

	if (recursion)
		return name_reverse(address, out, err);
	return address_ptr_owner(address, (const char *const *)zones->items, zones->n, &zone, out, err);
}

static struct verify_servers
system_resolver(void)
{
	struct verify_servers s = {.recursion = true};

	s.known = resolve_server_system(&s.server, NULL) == CR_OK;
	return s;
}

/* The way back: does the host's name lead to the address?  Asked where somebody can know: a resolver, or the server of the host's zone. */
static int
check_way_back(const struct plan *p, const char *address, const struct verify_servers *forward,
               const struct verify_servers *reverse, struct verify_report *out, struct err *err)
{
	const char *host = p->domain->host->facts.host;
	const uint16_t type = strchr(address, ':') != NULL ? RECORD_AAAA : RECORD_A;
	const struct verify_servers system = system_resolver();
	const struct verify_servers *s = name_is_under(host, p->domain->name) ? forward
	                                 : reverse->recursion                 ? reverse
	                                                                      : &system;
	struct resolve_answer a = {0};
	struct record want = {0};
	struct err why = {0};
	struct buf seen = {0};
	char what[400];
	int rc = record_parse(host, type, 0, address, "", &want, err);

	if (rc != CR_OK)
		return rc;
	(void)snprintf(what, sizeof(what), "forward-confirmed %.64s", address);
	if (!s->known) {
		rc = report(out, VERIFY_UNKNOWN, what, address,
		            "nobody to ask for the mail host's name: give --resolver", NULL, err);
	} else if (resolve_ask(&s->server, host, type, s->recursion, ASK_TIMEOUT_MS, &a, &why) != CR_OK) {
		rc = report(out, VERIFY_UNKNOWN, what, address, why.text, NULL, err);
	} else if (records_find(&a.records, &want) != NULL) {
		rc = report(out, VERIFY_OK, what, NULL, NULL, NULL, err);
	} else {
		describe(&a.records, &seen);
		rc = report(out, a.records.n > 0 ? VERIFY_WRONG : VERIFY_NOT_YET, what, address,
		            seen.len > 0 ? buf_str(&seen) : "no address", NULL, err);
	}
	buf_release(&seen);
	record_release(&want);
	resolve_answer_release(&a);
	return rc;
}

/* FCrDNS: address -> PTR -> host -> address (RFC 8601 s2.7.3). */
static int
check_reverse(const struct plan *p, const char *address, const struct verify_servers *forward,
              const struct verify_servers *s, struct verify_report *out, struct err *err)
{
	const char *host = p->domain->host->facts.host;
	struct resolve_answer a = {0};
	struct err why = {0};
	struct buf seen = {0};
	struct name name;
	char what[128];
	bool found = false;
	int rc = reverse_name(p, address, s->recursion, &name, err);

	if (rc != CR_OK)
		return rc;
	(void)snprintf(what, sizeof(what), "PTR of %.64s", address);
	if (!s->known ||
	    resolve_ask(&s->server, name.text, RECORD_PTR, s->recursion, ASK_TIMEOUT_MS, &a, &why) != CR_OK)
		return report(out, VERIFY_UNKNOWN, what, host, why.text[0] != '\0' ? why.text : "no server to ask",
		              NULL, err);
	for (size_t i = 0; i < a.records.n; i++) {
		struct name target;

		if (a.records.items[i].type == RECORD_PTR && record_target(&a.records.items[i], &target) &&
		    name_equal(target.text, host))
			found = true;
	}
	if (found) {
		rc = report(out, VERIFY_OK, what, NULL, NULL, NULL, err);
		if (rc == CR_OK)
			rc = check_way_back(p, address, forward, s, out, err);
	} else if (a.rcode != 0 && a.rcode != 3) {
		rc = report(out, VERIFY_UNKNOWN, what, host, "the server does not serve this reverse name", NULL, err);
	} else {
		describe(&a.records, &seen);
		rc = report(out, a.records.n > 0 ? VERIFY_WRONG : VERIFY_NOT_YET, what, host,
		            seen.len > 0 ? buf_str(&seen) : "no PTR", NULL, err);
	}
	buf_release(&seen);
	resolve_answer_release(&a);
	return rc;
}

int
verify_run(const struct plan *p, const struct verify_servers *forward, const struct verify_servers *reverse,
           struct verify_report *out, struct err *err)
{
	const struct cfg_list *addresses = &p->domain->host->facts.addresses;
	int rc = CR_OK;

	*out = (struct verify_report){0};
	for (size_t i = 0; rc == CR_OK && i < p->want.records.n; i++)
		rc = check_record(&p->want.records.items[i].record, forward, out, err);
	for (size_t i = 0; rc == CR_OK && p->domain->reverse != NULL && !p->parked && i < addresses->n; i++)
		rc = check_reverse(p, addresses->items[i], forward, reverse, out, err);
	return rc;
}

int
verify_servers_find(const struct intent *i, const struct zone_provider *p, const char *override,
                    struct verify_servers *out, struct err *err)
{
	const char *server = override != NULL ? override : intent_check_server(i, p);
	int rc;

	*out = (struct verify_servers){.recursion = override != NULL};
	if (server != NULL) {
		rc = resolve_server_parse(server, &out->server, err);
		out->known = rc == CR_OK;
		return rc == CR_OK ? CR_OK : err_set(err, CR_EUSAGE, "'%s' is no HOST:PORT of a DNS server", server);
	}
	/* Without any, nothing is known, and the checks say so. */
	*out = system_resolver();
	return CR_OK;
}
