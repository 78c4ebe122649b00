/*
 * want.c - template variables from intent, host facts and keys; the records they make.
 *
 * Sources: RFC 9989 (DMARC), RFC 9990 s3 (authorisation of external report addresses), RFC 7208 s4.6.4.
 */
#include "provision/want.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf.h"

void
want_release(struct want *w)
{
	tmpl_records_release(&w->records);
	tmpl_records_release(&w->later);
	for (size_t i = 0; i < w->n_notes; i++)
		free(w->notes[i].text);
	free(w->notes);
	*w = (struct want){0};
}

static int PRINTF_LIKE(3, 4) add_note(struct want *w, struct err *err, const char *fmt, ...)
{
	struct want_note *grown = realloc(w->notes, (w->n_notes + 1) * sizeof(*grown));
	char text[1024];
	va_list ap;

	if (grown == NULL)
		return err_nomem(err, "notes");
	w->notes = grown;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	grown[w->n_notes].text = strdup(text);
	if (grown[w->n_notes].text == NULL)
		return err_nomem(err, "notes");
	w->n_notes++;
	return CR_OK;
}

static int
append(struct tmpl_records *to, struct tmpl_records *from, struct err *err)
{
	struct tmpl_record *grown;

	if (from->n == 0)
		return CR_OK;
	grown = realloc(to->items, (to->n + from->n) * sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "records");
	memcpy(grown + to->n, from->items, from->n * sizeof(*grown));
	to->items = grown;
	to->n += from->n;
	to->cap = to->n;
	free(from->items);
	*from = (struct tmpl_records){0};
	return CR_OK;
}

/* Moves r in. */
static int
append_record(struct tmpl_records *to, struct record *r, enum tmpl_conflict conflict, struct err *err)
{
	struct tmpl_records one = {.items = calloc(1, sizeof(struct tmpl_record)), .n = 1, .cap = 1};
	int rc;

	if (one.items == NULL) {
		record_release(r);
		return err_nomem(err, "records");
	}
	one.items[0] = (struct tmpl_record){.record = *r, .conflict = conflict, .essential = true};
	*r = (struct record){0};
	rc = append(to, &one, err);
	tmpl_records_release(&one);
	return rc;
}

void
want_rua(const struct intent_domain *d, char out[320])
{
	const char *rua = INTENT_PICK(d, rua);

	if (rua != NULL)
		(void)snprintf(out, 320, "%.319s", rua);
	else
		(void)snprintf(out, 320, "postmaster@%.255s", d->name);
}

static int
dmarc_text(const struct intent_domain *d, struct buf *out, struct err *err)
{
	struct dmarc m = {.adkim_strict = true, .pct = -1, .n_rua = 1};
	char rua[320];
	int rc;

	m.p = m.sp = m.np = strcmp(intent_dmarc_policy(d), "quarantine") == 0 ? DMARC_QUARANTINE : DMARC_REJECT;
	want_rua(d, rua);
	(void)snprintf(m.rua[0], sizeof(m.rua[0]), "mailto:%.310s", rua);
	rc = dmarc_format(&m, out, err);
	return rc == CR_EPARSE ? err_set(err, CR_ECONFIG, "rua of %s: '%s' is no mail address", d->name, rua) : rc;
}

/* "ip4:192.0.2.10 ip6:2001:db8::1" of the host's sending addresses; "mx" where it tells none. */
static void
spf_rules(const struct mailhost_facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->addresses.n; i++)
		buf_addf(out, "%s%s:%s", i > 0 ? " " : "", strchr(f->addresses.items[i], ':') != NULL ? "ip6" : "ip4",
		         f->addresses.items[i]);
	if (f->addresses.n == 0)
		buf_adds(out, "mx");
}

/* Is every value of the i-th's group known? */
static bool
is_told(const struct mailhost_driver *driver, const struct mailhost_steps *host, size_t i)
{
	for (size_t k = 0; k < driver->n_values; k++)
		if (strcmp(driver->values[k].group, driver->values[i].group) == 0 &&
		    (host == NULL || host->values[k][0] == '\0'))
			return false;
	return true;
}

/* The records that the mail host names itself: as it told them, or in their shapes among those that come later. */
static int
fill_told(const struct intent_domain *d, const struct tmpl *t, const struct mailhost_steps *host, struct want *out,
          struct err *err)
{
	const struct mailhost_driver *driver = d->host->driver;
	struct tmpl_variable vars[MAILHOST_VALUES_MAX];
	const char *texts[MAILHOST_VALUES_MAX];
	int rc = CR_OK;

	for (size_t i = 0; i < driver->n_values; i++) {
		texts[i] = is_told(driver, host, i) ? host->values[i] : driver->values[i].shape;
		vars[i] = (struct tmpl_variable){driver->values[i].name, &texts[i], 1};
	}
	for (size_t i = 0; rc == CR_OK && i < driver->n_values; i++) {
		struct tmpl_records group = {0};

		if (i > 0 && strcmp(driver->values[i].group, driver->values[i - 1].group) == 0)
			continue;
		rc = tmpl_fill_group(t, d->name, vars, driver->n_values, driver->values[i].group,
		                     (uint32_t)intent_ttl_s(d), &group, err);
		if (rc == CR_OK)
			rc = append(is_told(driver, host, i) ? &out->records : &out->later, &group, err);
		tmpl_records_release(&group);
	}
	return rc;
}

/* The template without its key records. */
static int
fill_base(const struct intent_domain *d, const struct tmpl *t, struct want *out, struct err *err)
{
	const struct mailhost_facts *f = &d->host->facts;
	const char *tls_rua = INTENT_PICK(d, tls_rua);
	const struct cfg_list *web =
		d->own.web_addresses.n > 0 ? &d->own.web_addresses : &d->tenant->defaults.web_addresses;
	struct buf dmarc = {0}, rules = {0};
	char rua[320];
	const char *groups[4] = {NULL};
	const char *host = f->host, *rua_at = rua;
	size_t n_groups = 0;
	int rc = dmarc_text(d, &dmarc, err);

	want_rua(d, rua);
	spf_rules(f, &rules);
	groups[n_groups++] = "mail"; /* a group no template has to have: NULL would mean all */
	if (tls_rua != NULL)
		groups[n_groups++] = "tlsrpt";
	if (web->n > 0)
		groups[n_groups++] = "web";
	if (rc == CR_OK) {
		const char *dmarc_value = buf_str(&dmarc), *rules_value = buf_str(&rules);
		const struct tmpl_variable vars[] = {
			{"host",          &host,                                   1                        },
			{"addresses",     (const char *const *)f->addresses.items, f->addresses.n           },
			{"spf_rules",     &rules_value,                            1                        },
			{"dmarc",         &dmarc_value,                            1                        },
			{"rua",           &rua_at,                                 1                        },
			{"tlsrpt",        &tls_rua,                                tls_rua != NULL ? 1U : 0U},
			{"web_addresses", (const char *const *)web->items,         web->n                   },
		};

		rc = tmpl_fill(t, d->name, vars, ARRAY_LEN(vars), groups, (uint32_t)intent_ttl_s(d), &out->records,
		               err);
	}
	buf_release(&dmarc);
	buf_release(&rules);
	return rc;
}

/* A host that signs with our keys has them published as TXT; one that makes its own brings them in its template. */
static int
add_key(const struct intent_domain *d, const struct key *k, struct want *out, struct err *err)
{
	struct buf text = {0};
	struct record r = {0};
	char owner[400];
	int rc;

	(void)snprintf(owner, sizeof(owner), "%s._domainkey.%s", k->selector, d->name);
	dkim_record_text(&k->public, "s", &text);
	rc = buf_check(&text, "key record", err);
	if (rc == CR_OK)
		rc = record_txt(owner, (uint32_t)intent_ttl_s(d), buf_str(&text), text.len, &r, err);
	if (rc == CR_OK)
		rc = append_record(&out->records, &r, TMPL_CONFLICT_ALL, err);
	buf_release(&text);
	return rc;
}

/* A mail host named inside the outreach domain has its addresses there. */
static int
add_host_addresses(const struct intent_domain *d, struct want *out, struct err *err)
{
	const struct mailhost_facts *f = &d->host->facts;
	int rc = CR_OK;

	if (!name_is_under(f->host, d->name))
		return CR_OK;
	for (size_t i = 0; rc == CR_OK && i < f->addresses.n; i++) {
		const char *ip = f->addresses.items[i];
		struct record r = {0};

		rc = record_parse(f->host, strchr(ip, ':') != NULL ? RECORD_AAAA : RECORD_A, (uint32_t)intent_ttl_s(d),
		                  ip, "", &r, err);
		if (rc == CR_OK)
			rc = append_record(&out->records, &r, TMPL_CONFLICT_SAME_SET, err);
	}
	return rc;
}

/*
 * RFC 9990 s3: a report address in another organisation needs TXT "v=DMARC1" at DOMAIN._report._dmarc.HOST.  Where HOST lies in one of
 * our own outreach domains the record joins that domain's set (authorise_others); in the primary's zone it is the operator's to make.
 */
static int
note_report_address(const struct intent *i, const struct intent_domain *d, struct want *out, struct err *err)
{
	char rua[320];
	const char *host;
	struct name theirs, ours, canonical;

	want_rua(d, rua);
	host = strrchr(rua, '@');
	if (host == NULL || name_parse_host(host + 1, &canonical, err) != CR_OK)
		return err_set(err, CR_ECONFIG, "rua of %s: '%s' is no mail address", d->name, rua);
	name_organisation(canonical.text, &theirs);
	name_organisation(d->name, &ours);
	if (name_equal(theirs.text, ours.text) || intent_domain_anywhere(i, canonical.text) != NULL)
		return CR_OK;
	return add_note(out, err,
	                "reports of %s go to %s: add to the zone of %s: %s._report._dmarc.%s. 3600 IN TXT \"v=DMARC1\"",
	                d->name, rua, theirs.text, d->name, canonical.text);
}

/* The authorisation records that d publishes for its siblings whose reports it receives. */
static int
authorise_others(const struct intent *i, const struct intent_domain *d, struct want *out, struct err *err)
{
	int rc = CR_OK;

	for (size_t t = 0; rc == CR_OK && t < i->n_tenants; t++)
		for (size_t n = 0; rc == CR_OK && n < i->tenants[t].n_domains; n++) {
			const struct intent_domain *other = &i->tenants[t].domains[n];
			char rua[320], owner[600];
			struct record r = {0};
			struct name host;
			const char *at;

			/* Without one of its own its reports stay with itself. */
			if (other == d || INTENT_PICK(other, rua) == NULL)
				continue;
			want_rua(other, rua);
			at = strrchr(rua, '@');
			if (at == NULL || name_parse_host(at + 1, &host, NULL) != CR_OK ||
			    !name_equal(host.text, d->name))
				continue;
			(void)snprintf(owner, sizeof(owner), "%s._report._dmarc.%s", other->name, d->name);
			rc = record_txt(owner, (uint32_t)intent_ttl_s(d), "v=DMARC1", 8, &r, err);
			if (rc == CR_OK)
				rc = append_record(&out->records, &r, TMPL_CONFLICT_ALL, err);
		}
	return rc;
}

static int
check_spf(const struct want *w, struct err *err)
{
	for (size_t i = 0; i < w->records.n; i++) {
		const struct record *r = &w->records.items[i].record;
		struct spf spf = {0};
		size_t lookups;
		int rc;

		if (r->type != RECORD_TXT || !spf_is_record(record_text(r)))
			continue;
		rc = spf_parse(record_text(r), &spf, err);
		lookups = rc == CR_OK ? spf_lookups(&spf) : 0;
		spf_release(&spf);
		if (rc != CR_OK)
			return err_wrap(err, "SPF of %s", r->owner);
		if (lookups > SPF_LOOKUPS_MAX)
			return err_set(err, CR_EREFUSED, "SPF of %s needs %zu look-ups, RFC 7208 allows %d", r->owner,
			               lookups, SPF_LOOKUPS_MAX);
	}
	return CR_OK;
}

int
want_make(const struct intent *i, const struct intent_domain *d, const struct keys *keys,
          const struct mailhost_steps *host, const char *const *template_dirs, struct want *out, struct err *err)
{
	const char *name = INTENT_PICK(d, template);
	struct tmpl *t = NULL;
	int rc = tmpl_load(name != NULL ? name : d->host->facts.template_name, template_dirs, &t, err);

	*out = (struct want){0};
	if (rc == CR_OK)
		rc = fill_base(d, t, out, err);
	if (rc == CR_OK)
		rc = fill_told(d, t, host, out, err);
	for (size_t k = 0; rc == CR_OK && k < keys->n; k++)
		rc = add_key(d, &keys->items[k], out, err);
	if (rc == CR_OK)
		rc = add_host_addresses(d, out, err);
	if (rc == CR_OK)
		rc = authorise_others(i, d, out, err);
	if (rc == CR_OK)
		rc = note_report_address(i, d, out, err);
	if (rc == CR_OK)
		rc = check_spf(out, err);
	if (rc != CR_OK)
		want_release(out);
	tmpl_drop(&t);
	return rc;
}

int
want_parked(const struct intent_domain *d, const char *const *template_dirs, struct want *out, struct err *err)
{
	struct tmpl *t = NULL;
	int rc = tmpl_load("parked", template_dirs, &t, err);

	*out = (struct want){0};
	if (rc == CR_OK)
		rc = tmpl_fill(t, d->name, NULL, 0, NULL, (uint32_t)intent_ttl_s(d), &out->records, err);
	tmpl_drop(&t);
	return rc;
}
