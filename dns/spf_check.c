/*
 * spf_check.c - may this address send for this name?  check_host() of RFC 7208.
 *
 * Sources: RFC 7208 s2.4 (identities), s4 (the function, its limits), s5 (mechanisms), s6 (modifiers); s4.6.4 for every ceiling here.
 * temperror ends everything at once and passes through every include, so it also stands for "not known yet" and "out of memory" within
 * one run: the first is run again, the second is returned.
 */
#include "dns/spf_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf_inside.h"

#define EXPLANATION_MAX ((size_t)1024) /* bytes; it has to fit the lines of an SMTP reply */
#define HOSTS_MAX       SPF_ADDRESSES_MAX
#define WHY_MAX         ((size_t)240)

static const char *const result_names[] = {
	[SPF_NONE] = "none",         [SPF_NEUTRAL] = "neutral",     [SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
	[SPF_SOFTFAIL] = "softfail", [SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror",
};
static_assert(ARRAY_LEN(result_names) == SPF_RESULT__COUNT, "a name for every result");

const char *
spf_result_name(enum spf_result r)
{
	return result_names[r];
}

void
spf_answer_release(struct spf_answer *a)
{
	free(a->explanation);
	free(a->mechanism);
	free(a->why);
	*a = (struct spf_answer){0};
}

/* One evaluation. */
struct run {
	struct lookup *l;
	struct spf_client client;
	struct spf_answer *out;
	struct err why; /* text alone: grows at its front on the way out of includes */
	int rc;         /* what ends it: CR_ENOMEM */
	struct err err;
};

static void
out_of_memory(struct run *r, const char *what)
{
	r->rc = err_nomem(&r->err, what);
}

enum match { MATCH_NO, MATCH_YES, MATCH_TEMPERROR, MATCH_PERMERROR };

/* Of one record that is being evaluated. */
struct frame {
	struct spf_name name;
	const struct record *record;
	struct spf spf;
	bool included;
};

static enum match
temporary(struct run *r, const char *name, const struct lookup_answer *a)
{
	(void)err_set(&r->why, CR_ERETRY, "%.253s: %s", name, a->state == LOOKUP_PENDING ? "not known yet" : a->why);
	return MATCH_TEMPERROR;
}

static enum match
permanent(struct run *r, const char *why)
{
	(void)err_set(&r->why, CR_EREFUSED, "%s", why);
	return MATCH_PERMERROR;
}

static bool
is_unknown(const struct lookup_answer *a)
{
	return a->state == LOOKUP_PENDING || lookup_is_trouble(a);
}

/* A look-up that came to nothing. */
static enum match
nothing_there(struct run *r)
{
	if (++r->out->voids > SPF_VOIDS_MAX)
		return permanent(r, "more than 2 look-ups without an answer (RFC 7208 section 4.6.4)");
	return MATCH_NO;
}

/* At one name: a, and each host of mx. */
static enum match
match_addresses(struct run *r, const char *name, const struct spf_term *t)
{
	const struct lookup_answer *a = lookup_ask(r->l, name, spf_address_type(&r->client));

	if (is_unknown(a))
		return temporary(r, name, a);
	if (lookup_is_void(a))
		return nothing_there(r);
	return spf_has_address(&r->client, &a->records, r->client.six ? t->prefix6 : t->prefix4) ? MATCH_YES : MATCH_NO;
}

static unsigned
preference_of(const struct record *mx)
{
	return mx->data_len < 2 ? 0 : mx->data[0] * 256U + mx->data[1];
}

/* By preference, so that the same records lead to the same result in whatever order they came. */
static size_t
hosts_of(const struct lookup_answer *a, const struct record *out[HOSTS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < a->records.n; i++) {
		size_t at = n++;

		for (; at > 0 && preference_of(out[at - 1]) > preference_of(&a->records.items[i]); at--)
			out[at] = out[at - 1];
		out[at] = &a->records.items[i];
	}
	return n;
}

static enum match
match_mx(struct run *r, const char *name, const struct spf_term *t)
{
	const struct lookup_answer *a = lookup_ask(r->l, name, RECORD_MX);
	const struct record *hosts[HOSTS_MAX];
	enum match m = MATCH_NO;
	struct name host;
	size_t n;

	if (is_unknown(a))
		return temporary(r, name, a);
	if (lookup_is_void(a))
		return nothing_there(r);
	if (a->records.n > HOSTS_MAX)
		return permanent(r, "more than 10 MX hosts (RFC 7208 section 4.6.4)");
	n = hosts_of(a, hosts);
	for (size_t i = 0; i < n; i++) { /* side by side */
		if (record_target(hosts[i], &host) && host.text[0] != '\0')
			(void)lookup_ask(r->l, host.text, spf_address_type(&r->client));
	}
	for (size_t i = 0; i < n && m == MATCH_NO; i++) {
		/* A null MX (RFC 7505) names no host. */
		if (record_target(hosts[i], &host) && host.text[0] != '\0')
			m = match_addresses(r, host.text, t);
	}
	return m;
}

static enum match
match_ptr(struct run *r, const char *name)
{
	struct spf_ptr ptr;

	spf_ptr_names(r->l, &r->client, &ptr);
	if (ptr.pending) {
		(void)err_set(&r->why, CR_ERETRY, "not known yet");
		return MATCH_TEMPERROR;
	}
	if (ptr.empty)
		return nothing_there(r);
	for (size_t i = 0; i < ptr.n; i++) {
		if (name_is_under(ptr.names[i].text, name))
			return MATCH_YES;
	}
	return MATCH_NO;
}

/* A whatever the client's address is (s5.7). */
static enum match
match_exists(struct run *r, const char *name)
{
	const struct lookup_answer *a = lookup_ask(r->l, name, RECORD_A);

	if (is_unknown(a))
		return temporary(r, name, a);
	return lookup_is_void(a) ? nothing_there(r) : MATCH_YES;
}

static enum spf_result check_host(struct run *r, const struct spf_name *name, bool first, bool included);

/* The table of s5.2. */
static enum match
match_include(struct run *r, const struct spf_name *name)
{
	enum match m = MATCH_NO;

	switch (check_host(r, name, false, true)) {
	case SPF_PASS:
		m = MATCH_YES;
		break;
	case SPF_TEMPERROR:
		m = MATCH_TEMPERROR;
		break;
	case SPF_NONE:
	case SPF_PERMERROR:
		m = MATCH_PERMERROR;
		break;
	case SPF_FAIL:
	case SPF_SOFTFAIL:
	case SPF_NEUTRAL:
	case SPF_RESULT__COUNT:
		/* What decided in there decides nothing here. */
		free(r->out->mechanism);
		r->out->mechanism = NULL;
		break;
	}
	return m;
}

/* A term that asks DNS.  name: expanded. */
static enum match
match_name(struct run *r, const struct spf_term *t, const struct spf_name *name)
{
	switch (t->kind) {
	case SPF_INCLUDE:
		return match_include(r, name);
	case SPF_A:
		return match_addresses(r, name->canonical.text, t);
	case SPF_MX:
		return match_mx(r, name->canonical.text, t);
	case SPF_PTR:
		return match_ptr(r, name->canonical.text);
	case SPF_EXISTS:
		return match_exists(r, name->canonical.text);
	case SPF_ALL:
	case SPF_IP4:
	case SPF_IP6:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_UNKNOWN:
	case SPF_KIND__COUNT:
		break;
	}
	return MATCH_NO;
}

/* One more term that asks DNS; its name.  MATCH_YES: go on. */
static enum match
begin_term(struct run *r, const struct frame *f, const struct spf_term *t, struct spf_name *name_out)
{
	if (r->out->lookups == SPF_LOOKUPS_MAX)
		return permanent(r, "more than 10 look-ups (RFC 7208 section 4.6.4)");
	r->out->lookups++;
	switch (spf_term_name(r->l, &r->client, &f->name, t, name_out)) {
	case SPF_EXPANDED:
		return MATCH_YES;
	case SPF_EXPAND_PENDING:
		(void)err_set(&r->why, CR_ERETRY, "not known yet");
		return MATCH_TEMPERROR;
	case SPF_EXPAND_NOMEM:
		out_of_memory(r, "spf name");
		return MATCH_TEMPERROR;
	case SPF_EXPAND_BROKEN:
	case SPF_EXPAND_NOTHING:
		break;
	}
	/* No server can be asked for such a name, so nothing stands there (s4.8); where a record must stand, that is an error. */
	if (t->kind == SPF_INCLUDE || t->kind == SPF_REDIRECT)
		return permanent(r, "leads to no domain name");
	return MATCH_NO;
}

static enum match
match_term(struct run *r, const struct frame *f, const struct spf_term *t)
{
	struct spf_name name;
	enum match m;

	switch (t->kind) {
	case SPF_ALL:
		return MATCH_YES;
	case SPF_IP4:
		return !r->client.six && spf_address_matches(&r->client, t->address, t->prefix4) ? MATCH_YES : MATCH_NO;
	case SPF_IP6:
		return r->client.six && spf_address_matches(&r->client, t->address, t->prefix6) ? MATCH_YES : MATCH_NO;
	case SPF_INCLUDE:
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS:
	case SPF_REDIRECT:
	case SPF_EXP:
	case SPF_UNKNOWN:
	case SPF_KIND__COUNT:
		break;
	}
	m = begin_term(r, f, t, &name);
	return m == MATCH_YES ? match_name(r, t, &name) : m;
}

/* The term as it stands in the record. */
static void
say_term(const struct frame *f, const struct spf_term *t, struct buf *out)
{
	buf_add(out, (const char *)f->record->data + t->said_at, t->said_len);
}

/* Context in front of the reason, as long as a line can be read: the reason itself is never cut. */
static void
lead_to(struct run *r, const char *what)
{
	if (strlen(r->why.text) + strlen(what) <= WHY_MAX)
		(void)err_wrap(&r->why, "%s", what);
	else if (strncmp(r->why.text, "...", 3) != 0)
		(void)err_wrap(&r->why, "...");
}

/* What decided; the outermost stays. */
static void
decided(struct run *r, const struct frame *f, const struct spf_term *t)
{
	struct buf said = {0};

	say_term(f, t, &said);
	free(r->out->mechanism);
	r->out->mechanism = NULL;
	if (buf_take(&said, "spf term", &r->out->mechanism, &r->err) != CR_OK)
		out_of_memory(r, "spf term");
	lead_to(r, r->out->mechanism != NULL ? r->out->mechanism : t->text);
	buf_release(&said);
}

static enum spf_result
result_of(char qualifier)
{
	switch (qualifier) {
	case '-':
		return SPF_FAIL;
	case '~':
		return SPF_SOFTFAIL;
	case '?':
		return SPF_NEUTRAL;
	default:
		return SPF_PASS;
	}
}

/* A sender can put anything into what macros stand for. */
static bool
is_plain(const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] < 0x20 || text->data[i] > 0x7e)
			return false;
	}
	return true;
}

/* exp= of the record whose own term said fail (s6.2).  Whatever is wrong with it leaves the result alone. */
static void
explain(struct run *r, const struct frame *f)
{
	const struct spf_term *exp = spf_modifier(&f->spf, SPF_EXP);
	const struct lookup_answer *a;
	struct buf text = {0};
	struct spf_name name;
	struct span said;
	enum spf_expansion e;

	if (exp == NULL)
		return;
	e = spf_term_name(r->l, &r->client, &f->name, exp, &name);
	a = e == SPF_EXPANDED ? lookup_ask(r->l, name.canonical.text, RECORD_TXT) : NULL;
	if (a != NULL && a->state == LOOKUP_FOUND && a->records.n == 1) {
		said = (struct span){record_text(&a->records.items[0]), a->records.items[0].data_len};
		e = spf_expand(r->l, &r->client, f->name.text, said, true, &text);
		if (e == SPF_EXPANDED && text.len <= EXPLANATION_MAX && is_plain(&text) &&
		    buf_take(&text, "spf explanation", &r->out->explanation, NULL) != CR_OK)
			e = SPF_EXPAND_NOMEM;
	}
	if (e == SPF_EXPAND_NOMEM)
		out_of_memory(r, "spf explanation");
	buf_release(&text);
}

static enum spf_result
follow_redirect(struct run *r, const struct frame *f, const struct spf_term *redirect)
{
	struct spf_name name;
	enum match m = begin_term(r, f, redirect, &name);
	enum spf_result result;

	if (m != MATCH_YES) {
		decided(r, f, redirect);
		return m == MATCH_TEMPERROR ? SPF_TEMPERROR : SPF_PERMERROR;
	}
	result = check_host(r, &name, false, f->included);
	lead_to(r, redirect->text);
	return result == SPF_NONE ? SPF_PERMERROR : result;
}

/* The terms in order (s4.6.2), then redirect, then neutral (s4.7). */
static enum spf_result
evaluate(struct run *r, const struct frame *f)
{
	const struct spf_term *redirect = spf_modifier(&f->spf, SPF_REDIRECT);

	for (size_t i = 0; i < f->spf.n; i++) {
		const struct spf_term *t = &f->spf.terms[i];
		enum match m = t->qualifier != '\0' ? match_term(r, f, t) : MATCH_NO;

		if (m == MATCH_NO)
			continue;
		if (m == MATCH_YES && t->kind == SPF_ALL)
			(void)err_set(&r->why, CR_EREFUSED, "no other term has %s", r->client.text);
		else if (m == MATCH_YES && t->kind != SPF_INCLUDE)
			(void)err_set(&r->why, CR_EREFUSED, "has %s", r->client.text);
		decided(r, f, t);
		if (m != MATCH_YES)
			return m == MATCH_TEMPERROR ? SPF_TEMPERROR : SPF_PERMERROR;
		if (t->qualifier == '-' && !f->included)
			explain(r, f);
		return result_of(t->qualifier);
	}
	/* Behind an "all" nothing comes here: it is ignored then, as it has to be (s6.1). */
	if (redirect != NULL)
		return follow_redirect(r, f, redirect);
	(void)err_set(&r->why, CR_EREFUSED, "no term has %s, and there is no all", r->client.text);
	return SPF_NEUTRAL;
}

size_t
spf_select(const struct lookup_answer *a, const struct record **out)
{
	size_t n = 0;

	for (size_t i = 0; i < a->records.n; i++) {
		const struct record *r = &a->records.items[i];

		if (spf_is_record_bytes(r->data, r->data_len) && n++ == 0)
			*out = r;
	}
	return n;
}

/* The one record of a name (s4.4, s4.5), read; SPF_PASS: go on. */
static enum spf_result
read_record(struct run *r, struct frame *f, bool first)
{
	const struct lookup_answer *a = lookup_ask(r->l, f->name.canonical.text, RECORD_TXT);
	int rc;

	if (is_unknown(a)) {
		(void)temporary(r, f->name.text, a);
		return SPF_TEMPERROR;
	}
	if (lookup_is_void(a) && !first && nothing_there(r) == MATCH_PERMERROR)
		return SPF_PERMERROR;
	switch (spf_select(a, &f->record)) {
	case 0:
		(void)permanent(r, first ? "no SPF record" : "no SPF record there");
		return SPF_NONE;
	case 1:
		break;
	default:
		(void)permanent(r, "more than one SPF record (RFC 7208 section 4.5)");
		return SPF_PERMERROR;
	}
	rc = spf_parse_bytes(f->record->data, f->record->data_len, &f->spf, &r->why);
	if (rc == CR_OK)
		return SPF_PASS;
	if (rc == CR_ENOMEM)
		out_of_memory(r, "spf record");
	return rc == CR_ENOMEM ? SPF_TEMPERROR : SPF_PERMERROR;
}

/* first: the record of the identity itself, which costs no look-up.  Depth is bounded by the look-ups. */
static enum spf_result
check_host(struct run *r, const struct spf_name *name, bool first, bool included)
{
	struct frame f = {.name = *name, .included = included};
	enum spf_result result = read_record(r, &f, first);

	if (result == SPF_PASS)
		result = evaluate(r, &f);
	spf_release(&f.spf);
	return result;
}

int
spf_evaluate(struct lookup *l, const struct spf_query *q, struct spf_answer *out, struct err *err)
{
	struct run r = {.l = l, .out = out};
	struct spf_name domain;
	const char *said = NULL;
	char *local = NULL;
	int rc;

	spf_answer_release(out);
	rc = spf_client_read(q, &r.client, err);
	if (rc == CR_OK)
		rc = spf_sender_read(q, &local, &said, err);
	if (rc != CR_OK)
		return rc;
	if (spf_domain_read(said, &domain)) {
		r.client.local = local;
		r.client.sender_domain = domain.text;
		out->result = check_host(&r, &domain, true, false);
		(void)err_wrap(&r.why, "%s", domain.text);
	} else {
		(void)err_set(&r.why, CR_EREFUSED, "'%.253s' is no domain name that could have an SPF record", said);
	}
	out->why = strdup(r.why.text);
	if (out->why == NULL)
		out_of_memory(&r, "spf result");
	if (r.rc != CR_OK) {
		rc = r.rc;
		if (err != NULL)
			*err = r.err;
		spf_answer_release(out);
	}
	free(local);
	return rc;
}
