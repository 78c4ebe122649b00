/*
 * spf_tree.c - the whole tree of records that a name's SPF leads to, walked as if no term matched.
 *
 * What a receiver meets in the worst case: an address that matches early hides the rest (RFC 7208 s4.6.4).  All of one record is asked
 * before anything is made of the answers, so that a level of the tree costs one round trip.  Terms of which only a client's address or
 * sender could make a name count, and are not followed.
 * Bounds: SPF_TREE_MAX records, DEPTH_MAX levels, PROBES_MAX questions about addresses.  Each is far over the ten look-ups that make a
 * tree useless, so whatever is cut off there is faulty already.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/spf_inside.h"

#define DEPTH_MAX       24
#define PROBES_MAX      256
#define FINDINGS_OF_ONE 8   /* of one kind */
#define SIZE_MAX_OCTETS 450 /* s3.4: what fits an answer of 512 */
#define WIDE_PREFIX4    8   /* a network of that size or larger belongs to no sender */
#define WIDE_PREFIX6    16
#define VOIDS_SHOWN     ((size_t)200)
#define TYPE_SPF        99 /* s3.1: obsolete */

void
spf_tree_release(struct spf_tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->nodes[i].name);
		free(t->nodes[i].record);
		free(t->nodes[i].term);
	}
	free(t->nodes);
	findings_release(&t->findings);
	*t = (struct spf_tree){0};
}

bool
spf_note(struct spf_walk *w, enum finding_level level, const char *id, const char *name, const char *fix,
         const char *fmt, ...)
{
	struct findings *f = &w->tree->findings;
	char text[2048];
	char *line = NULL;
	size_t same = 0;
	va_list args;
	int rc;

	for (size_t i = 0; i < f->n; i++)
		same += strcmp(f->items[i].id, id) == 0;
	if (same > FINDINGS_OF_ONE)
		return false;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (same == FINDINGS_OF_ONE)
		(void)snprintf(text, sizeof(text), "%s: and more of the kind", w->root);
	else if (fix != NULL)
		line = spf_fix_line(w, name, fix);
	rc = findings_add(f, level, id, line, &w->err, "%s", text);
	if (rc != CR_OK)
		spf_walk_failed(w, rc);
	free(line);
	return rc == CR_OK && same < FINDINGS_OF_ONE;
}

bool
spf_is_own(const struct spf_walk *w, const char *name)
{
	return name_is_under(name, w->root);
}

/* One record of the tree, while it is walked. */
struct place {
	size_t node;
	struct spf_name name;
	const struct record *record;
	struct spf spf;
	bool included;    /* some include is above */
	bool passes;      /* whoever passes here passes at the root */
	const char *none; /* no record here: what there is instead */
};

static struct spf_node *
node_of(const struct spf_walk *w, size_t i)
{
	return &w->tree->nodes[i];
}

/* One more node; 0 when there is no room for it. */
static size_t
add_node(struct spf_walk *w, size_t parent, const char *term, const char *name)
{
	struct spf_tree *t = w->tree;
	struct spf_node node = {.parent = (unsigned)parent};
	struct spf_node *grown;

	if (t->n == SPF_TREE_MAX) {
		w->cut = true;
		return 0;
	}
	if ((t->n & (t->n - 1)) == 0) {
		grown = reallocarray(t->nodes, t->n > 0 ? t->n * 2 : 1, sizeof(*grown));
		if (grown == NULL) {
			spf_walk_failed(w, err_nomem(&w->err, "spf tree"));
			return 0;
		}
		t->nodes = grown;
	}
	node.name = strdup(name);
	node.term = term != NULL ? strdup(term) : NULL;
	if (node.name == NULL || (term != NULL && node.term == NULL)) {
		free(node.name);
		free(node.term);
		spf_walk_failed(w, err_nomem(&w->err, "spf tree"));
		return 0;
	}
	node.depth = t->n > 0 ? t->nodes[parent].depth + 1 : 0;
	if (node.depth > t->depth)
		t->depth = node.depth;
	t->nodes[t->n] = node;
	return t->n++;
}

static void
unreachable(struct spf_walk *w, const char *what, const char *why)
{
	w->tree->unknown = true;
	spf_note(w, FINDING_UNKNOWN, "spf-unreachable", NULL, NULL,
	         "%s: cannot be looked up, so its part is not known: %s", what, why);
}

/* Something was asked for, or would be, that is not there.  seen: it was. */
static void
count_void(struct spf_walk *w, size_t node, const char *name, bool seen)
{
	node_of(w, node)->voids++;
	w->tree->voids++;
	w->seen_voids += seen;
	if (w->voids.len + strlen(name) < VOIDS_SHOWN)
		buf_addf(&w->voids, "%s%s", w->voids.len > 0 ? ", " : "", name);
}

/* NULL: not known, not to be asked, or not there; the latter counts. */
static const struct lookup_answer *
probe(struct spf_walk *w, size_t node, const char *name, uint16_t type)
{
	const struct lookup_answer *a;

	if (w->probes == PROBES_MAX) {
		w->tree->unknown = true;
		return NULL;
	}
	w->probes++;
	a = lookup_ask(w->l, name, type);
	if (lookup_is_trouble(a))
		unreachable(w, name, a->why);
	if (lookup_is_void(a))
		count_void(w, node, name, true);
	return a->state == LOOKUP_FOUND ? a : NULL;
}

static void
probe_mx(struct spf_walk *w, const struct place *p, const char *name)
{
	const struct lookup_answer *a = probe(w, p->node, name, RECORD_MX);
	struct name host;

	if (a == NULL)
		return;
	if (a->records.n > SPF_ADDRESSES_MAX) {
		spf_note(w, FINDING_FAIL, "spf-mx-hosts", NULL, NULL,
		         "%s: mx leads to %zu hosts at %s, 10 are allowed: permerror (RFC 7208 section 4.6.4)",
		         p->name.text, a->records.n, name);
		return;
	}
	for (size_t i = 0; i < a->records.n; i++) {
		if (record_target(&a->records.items[i], &host) && host.text[0] != '\0')
			(void)probe(w, p->node, host.text, RECORD_A);
	}
}

static void visit(struct spf_walk *w, struct place *p);

/* Nodes above: the same name among them never ends. */
static bool
is_above(const struct spf_walk *w, size_t node, const char *name)
{
	for (;; node = node_of(w, node)->parent) {
		if (name_equal(node_of(w, node)->name, name))
			return true;
		if (node == 0)
			return false;
	}
}

static bool
is_before(const struct spf_walk *w, const char *name)
{
	for (size_t i = 0; i < w->tree->n; i++) {
		if (name_equal(node_of(w, i)->name, name))
			return true;
	}
	return false;
}

static void
say_duplicate(struct spf_walk *w, const struct place *p, const struct spf_term *t)
{
	char *fix = p->node == 0 && t->kind == SPF_INCLUDE ? spf_fix_without(w, p->record, t) : NULL;

	spf_note(w, FINDING_WARN, "spf-duplicate-include", p->name.canonical.text, fix,
	         "%s: %s leads to a record that the tree has already, and costs its look-ups once more", p->name.text,
	         t->text);
	free(fix);
}

/* What an include or a redirect leads to is no record. */
static void
say_no_record(struct spf_walk *w, const struct place *p, const struct spf_term *t, const struct place *below)
{
	bool own = spf_is_own(w, p->name.canonical.text) && t->kind == SPF_INCLUDE;
	char *fix = own ? spf_fix_without(w, p->record, t) : NULL;

	node_of(w, below->node)->broken = SPF_PERMERROR;
	if (spf_note(w, FINDING_FAIL, "spf-include-none", p->name.canonical.text, fix,
	             "%s: %s leads to a name without SPF record (%s): permerror", p->name.text, t->text, below->none))
		findings_absent(&w->tree->findings);
	free(fix);
}

/* include, redirect. */
static void
walk_into(struct spf_walk *w, const struct place *p, const struct spf_term *t, const struct spf_name *name)
{
	bool above = is_above(w, p->node, name->canonical.text), before = is_before(w, name->canonical.text);
	struct place below = {.name = *name,
	                      .included = p->included || t->kind == SPF_INCLUDE,
	                      .passes = p->passes && (t->kind == SPF_REDIRECT || t->qualifier == '+')};

	below.node = add_node(w, p->node, t->text, name->canonical.text);
	if (below.node == 0)
		return;
	node_of(w, below.node)->repeated = above || before;
	if (t->kind == SPF_REDIRECT)
		w->redirects[p->node] = below.node;
	if (above) {
		w->circle = true;
		node_of(w, below.node)->broken = SPF_PERMERROR;
		spf_note(w, FINDING_FAIL, "spf-circle", NULL, NULL,
		         "%s: %s leads back to where it came from: permerror after ten look-ups", p->name.text,
		         t->text);
	} else if (node_of(w, below.node)->depth > DEPTH_MAX) {
		w->cut = true;
	} else {
		if (before)
			say_duplicate(w, p, t);
		visit(w, &below);
		if (below.none != NULL)
			say_no_record(w, p, t, &below);
	}
}

/* A name that nobody knows before a mail comes. */
static void
walk_macro(struct spf_walk *w, const struct place *p, const struct spf_term *t)
{
	bool record = t->kind == SPF_INCLUDE || t->kind == SPF_REDIRECT;
	char written[NAME_TEXT_MAX];

	/* As if nothing matched: an address that nobody has put there.  A record behind it may cost any number of look-ups. */
	if (record) {
		(void)snprintf(written, sizeof(written), "%.*s", (int)t->domain.len, t->domain.at);
		(void)add_node(w, p->node, t->text, written);
		w->tree->unknown = true;
	} else {
		count_void(w, p->node, t->text, false);
	}
	spf_note(w, FINDING_NOTE, "spf-macro", NULL, NULL, "%s: %s depends on the mail: it is counted%s", p->name.text,
	         t->text, record ? " once, what stands behind it is not" : ", and taken for one that finds nothing");
}

/* A term that counts. */
static void
walk_term(struct spf_walk *w, const struct place *p, const struct spf_term *t)
{
	struct spf_name name;
	enum spf_expansion e;

	node_of(w, p->node)->lookups++;
	w->tree->lookups++;
	if (t->kind == SPF_PTR) {
		/* As if nothing matched: an address without a name. */
		count_void(w, p->node, t->text, false);
		spf_note(w, FINDING_WARN, "spf-ptr", NULL, NULL,
		         "%s: %s is slow, unreliable and not to be published (RFC 7208 section 5.5)", p->name.text,
		         t->text);
		return;
	}
	if (!spf_macro_is_static(t->domain)) {
		walk_macro(w, p, t);
		return;
	}
	e = spf_term_name(w->l, &w->client, &p->name, t, &name);
	if (e == SPF_EXPAND_NOMEM) {
		spf_walk_failed(w, err_nomem(&w->err, "spf name"));
		return;
	}
	if (e != SPF_EXPANDED) {
		spf_note(w, FINDING_FAIL, "spf-target", NULL, NULL, "%s: %s leads to no domain name", p->name.text,
		         t->text);
		return;
	}
	if (t->kind == SPF_INCLUDE || t->kind == SPF_REDIRECT)
		walk_into(w, p, t, &name);
	else if (t->kind == SPF_MX)
		probe_mx(w, p, name.canonical.text);
	else
		(void)probe(w, p->node, name.canonical.text, RECORD_A);
}

/* ip4:0.0.0.0/0 and its like, under any name. */
static void
check_width(struct spf_walk *w, const struct place *p, const struct spf_term *t)
{
	bool four = t->kind != SPF_IP6 && t->prefix4 <= WIDE_PREFIX4,
	     six = t->kind != SPF_IP4 && t->prefix6 <= WIDE_PREFIX6;

	if (t->qualifier == '+' && p->passes && (four || six))
		spf_note(w, FINDING_FAIL, "spf-wide", NULL, NULL, "%s: %s lets a large part of the Internet pass",
		         p->name.text, t->text);
}

/* "include=_spf.example" is a modifier that nobody knows: no fault, and not what was meant. */
static void
check_modifier(struct spf_walk *w, const struct place *p, const struct spf_term *t)
{
	size_t wrong;
	const char *right =
		t->kind == SPF_UNKNOWN ? spf_fix_spelling((struct span){t->text, strlen(t->text)}, &wrong) : NULL;
	char *fix;

	if (right == NULL)
		return;
	fix = spf_is_own(w, p->name.canonical.text) ? spf_fix_spelt(w, p->record) : NULL;
	spf_note(w, FINDING_WARN, "spf-modifier", p->name.canonical.text, fix,
	         "%s: %s is an unknown modifier, which everybody ignores: '%s' is meant", p->name.text, t->text, right);
	free(fix);
}

static void
walk_terms(struct spf_walk *w, struct place *p)
{
	const struct spf_term *all = spf_all(&p->spf), *redirect = spf_modifier(&p->spf, SPF_REDIRECT);
	size_t n = all != NULL ? (size_t)(all - p->spf.terms) : p->spf.n, behind = 0;

	w->ends[p->node] = all != NULL ? all->qualifier : redirect != NULL ? SPF_END_ELSEWHERE : '\0';
	for (size_t i = 0; i < n; i++) {
		check_width(w, p, &p->spf.terms[i]);
		if (p->spf.terms[i].counts && p->spf.terms[i].kind != SPF_REDIRECT)
			walk_term(w, p, &p->spf.terms[i]);
	}
	for (size_t i = 0; i < p->spf.n; i++)
		check_modifier(w, p, &p->spf.terms[i]);
	for (size_t i = n + 1; i < p->spf.n; i++)
		behind += p->spf.terms[i].qualifier != '\0';
	if (behind > 0 && spf_is_own(w, p->name.canonical.text))
		spf_note(w, FINDING_WARN, "spf-behind-all", NULL, NULL, "%s: %zu term%s behind all: never reached",
		         p->name.text, behind, behind == 1 ? " stands" : "s stand");
	if (redirect != NULL && all != NULL)
		spf_note(w, FINDING_WARN, "spf-redirect-ignored", NULL, NULL,
		         "%s: %s is ignored, since the record has an all (RFC 7208 section 6.1)", p->name.text,
		         redirect->text);
	else if (redirect != NULL)
		walk_term(w, p, redirect);
	if (all != NULL && all->qualifier == '+' && p->included && p->passes)
		spf_note(w, FINDING_FAIL, "spf-weak-all", NULL, NULL,
		         "%s: everybody passes: %s, which it includes, lets all pass with %s", w->root, p->name.text,
		         "+all");
}

static void
say_two_records(struct spf_walk *w, const struct place *p, const struct lookup_answer *a, size_t n)
{
	char *fix = spf_is_own(w, p->name.canonical.text) ? spf_fix_joined(w, &a->records) : NULL;

	spf_note(w, FINDING_FAIL, "spf-two-records", p->name.canonical.text, fix,
	         "%s: %zu SPF records, one is allowed: permerror (RFC 7208 section 4.5)%s", p->name.text, n,
	         fix != NULL ? "; one record in place of all of them" : "");
	free(fix);
}

static void
check_size(struct spf_walk *w, const struct place *p, const struct lookup_answer *a)
{
	size_t octets = strlen(p->name.text);

	for (size_t i = 0; i < a->records.n; i++)
		octets += a->records.items[i].data_len;
	if (octets > SIZE_MAX_OCTETS && spf_is_own(w, p->name.canonical.text))
		spf_note(w, FINDING_WARN, "spf-size", NULL, NULL,
		         "%s: the name and its %zu TXT record%s have %zu octets, over %d an answer may not fit without "
		         "EDNS or TCP",
		         p->name.text, a->records.n, a->records.n == 1 ? "" : "s", octets, SIZE_MAX_OCTETS);
}

static void
read_place(struct spf_walk *w, struct place *p)
{
	struct spf_node *node = node_of(w, p->node);
	struct err why = {0};
	char *fix = NULL;
	int rc;

	node->record = spf_fix_printable(w, p->record->data, p->record->data_len);
	rc = spf_parse_bytes(p->record->data, p->record->data_len, &p->spf, &why);
	if (rc == CR_OK) {
		walk_terms(w, p);
	} else if (rc == CR_ENOMEM) {
		spf_walk_failed(w, err_nomem(&w->err, "spf record"));
	} else {
		node->broken = SPF_PERMERROR;
		fix = spf_is_own(w, p->name.canonical.text) ? spf_fix_spelt(w, p->record) : NULL;
		spf_note(w, FINDING_FAIL, "spf-syntax", p->name.canonical.text, fix,
		         "%s: the record cannot be read: permerror: %s", p->name.text, why.text);
	}
	free(fix);
}

static void
visit(struct spf_walk *w, struct place *p)
{
	const struct lookup_answer *a = lookup_ask(w->l, p->name.canonical.text, RECORD_TXT);
	size_t n;

	if (a->state == LOOKUP_PENDING)
		return;
	if (lookup_is_trouble(a)) {
		node_of(w, p->node)->broken = SPF_TEMPERROR;
		unreachable(w, p->name.text, a->why);
		return;
	}
	if (p->node > 0 && lookup_is_void(a))
		count_void(w, node_of(w, p->node)->parent, p->name.text, true);
	check_size(w, p, a);
	n = spf_select(a, &p->record);
	if (n == 1) {
		read_place(w, p);
	} else if (n == 0) {
		p->none = a->state == LOOKUP_NONAME  ? "it does not exist"
		          : a->state == LOOKUP_EMPTY ? "no TXT there"
		                                     : "other TXT alone";
	} else {
		node_of(w, p->node)->record = spf_fix_printable(w, p->record->data, p->record->data_len);
		node_of(w, p->node)->broken = SPF_PERMERROR;
		say_two_records(w, p, a, n);
	}
	spf_release(&p->spf);
}

int
spf_walk(struct lookup *l, const char *domain, bool sends, struct spf_tree *out, struct err *err)
{
	struct spf_walk w = {.l = l, .tree = out, .root = domain};
	struct place root = {.passes = true};

	spf_tree_release(out);
	w.client = (struct spf_client){.local = "", .sender_domain = domain, .helo = "", .receiver = ""};
	(void)snprintf(root.name.text, sizeof(root.name.text), "%s", domain);
	(void)snprintf(root.name.canonical.text, sizeof(root.name.canonical.text), "%s", domain);
	(void)add_node(&w, 0, NULL, domain);
	if (w.rc == CR_OK) {
		/* Nobody asks for that type any more, so an answer that does not come is no fault. */
		const struct lookup_answer *old = lookup_ask(l, domain, TYPE_SPF);

		visit(&w, &root);
		if (old->state == LOOKUP_FOUND)
			spf_note(&w, FINDING_WARN, "spf-type99", NULL, NULL,
			         "%s: a record of the obsolete type SPF (99) stands there: take it away (RFC 7208 "
			         "section 3.1)",
			         domain);
		spf_judge(&w, sends);
	}
	buf_release(&w.voids);
	if (w.rc != CR_OK) {
		spf_tree_release(out);
		if (err != NULL)
			*err = w.err;
	}
	return w.rc;
}
