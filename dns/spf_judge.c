/*
 * spf_judge.c - what a whole tree of SPF records amounts to: its look-ups, its voids, its end.
 *
 * RFC 7208 s4.6.4 (limits), s5.1 (all), s10.1.2 (names that send nothing).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/spf_inside.h"

#define CLOSED      "v=spf1 -all"
#define DEEP        5 /* levels: works everywhere, and hardly anybody can follow it any more */
#define NEAR        1 /* look-ups that are left: the next change of somebody else's record breaks ours */
#define HEAVY_SHOWN 6

void
spf_tree_sums(const struct spf_tree *t, unsigned sums[SPF_TREE_MAX])
{
	for (size_t i = 0; i < t->n; i++)
		sums[i] = t->nodes[i].lookups;
	for (size_t i = t->n; i > 1; i--)
		sums[t->nodes[i - 1].parent] += sums[i - 1];
}

/* "include:a.example 5, include:b.example 4": the children of the root by what they cost, themselves included. */
static void
add_heaviest(const struct spf_tree *t, struct buf *out)
{
	unsigned sums[SPF_TREE_MAX];
	bool said[SPF_TREE_MAX] = {false};

	spf_tree_sums(t, sums);
	for (size_t shown = 0; shown < HEAVY_SHOWN; shown++) {
		size_t best = 0;

		for (size_t i = 1; i < t->n; i++) {
			if (t->nodes[i].parent == 0 && !said[i] && (best == 0 || sums[i] > sums[best]))
				best = i;
		}
		if (best == 0)
			break;
		said[best] = true;
		buf_addf(out, "%s%.100s %u", shown > 0 ? ", " : ": ", t->nodes[best].term, sums[best] + 1);
	}
}

static void
judge_lookups(struct spf_walk *w)
{
	struct spf_tree *t = w->tree;
	struct buf heavy = {0};

	/* A circle has no end; what was walked of it is less than what a receiver is led through. */
	if (w->circle && t->lookups <= SPF_LOOKUPS_MAX)
		t->lookups = SPF_LOOKUPS_MAX + 1;
	t->unknown = t->unknown || w->circle || w->cut;
	if (t->lookups + NEAR >= SPF_LOOKUPS_MAX)
		add_heaviest(t, &heavy);
	if (t->lookups > SPF_LOOKUPS_MAX)
		spf_note(w, FINDING_FAIL, "spf-lookups", NULL, NULL,
		         "%s: %s%u look-ups, %d are allowed: permerror (RFC 7208 section 4.6.4)%s%s", w->root,
		         t->unknown ? "at least " : "", t->lookups, SPF_LOOKUPS_MAX, buf_str(&heavy),
		         w->cut ? "; the tree is larger than was walked" : "");
	else if (t->lookups + NEAR >= SPF_LOOKUPS_MAX)
		spf_note(w, FINDING_NOTE, "spf-lookups-near", NULL, NULL,
		         "%s: %s%u of %d look-ups: a change of a record it includes can break it%s", w->root,
		         t->unknown ? "at least " : "", t->lookups, SPF_LOOKUPS_MAX, buf_str(&heavy));
	if (t->depth > DEEP)
		spf_note(w, FINDING_NOTE, "spf-depth", NULL, NULL, "%s: records lead to records %u levels deep",
		         w->root, t->depth);
	if (heavy.failed != CR_OK)
		spf_walk_failed(w, buf_check(&heavy, "spf tree", &w->err));
	buf_release(&heavy);
}

static void
judge_voids(struct spf_walk *w)
{
	const struct spf_tree *t = w->tree;

	if (w->voids.failed != CR_OK)
		spf_walk_failed(w, buf_check(&w->voids, "spf tree", &w->err));
	if (w->seen_voids > SPF_VOIDS_MAX)
		spf_note(w, FINDING_FAIL, "spf-voids", NULL, NULL,
		         "%s: %u look-ups find nothing, %d are allowed: permerror (RFC 7208 section 4.6.4): %s",
		         w->root, t->voids, SPF_VOIDS_MAX, buf_str(&w->voids));
	else if (t->voids > SPF_VOIDS_MAX)
		spf_note(w, FINDING_WARN, "spf-voids", NULL, NULL,
		         "%s: %u look-ups may find nothing, depending on the mail, %d are allowed (RFC 7208 section "
		         "4.6.4): %s",
		         w->root, t->voids, SPF_VOIDS_MAX, buf_str(&w->voids));
}

static void
judge_end(struct spf_walk *w, const struct spf_node *n)
{
	bool weak = w->tree->end != '~' && w->tree->end != '-';
	/* Another's record is not ours to write. */
	char *fix = weak && spf_is_own(w, n->name) ? spf_fix_closed(w, n->record) : NULL;

	switch (w->tree->end) {
	case '+':
		spf_note(w, FINDING_FAIL, "spf-weak-all", n->name, fix, "%s: +all lets everybody pass", n->name);
		break;
	case '?':
		spf_note(w, FINDING_WARN, "spf-weak-all", n->name, fix,
		         "%s: ?all says nothing of everybody else: use -all or ~all", n->name);
		break;
	case '\0':
		spf_note(w, FINDING_WARN, "spf-no-all", n->name, fix,
		         "%s: neither all nor redirect ends the record, so everybody else is neutral", n->name);
		break;
	default:
		break;
	}
	free(fix);
}

/* A TXT that was meant to be one: "v=spf1;a -all", or with the quotes of a form inside. */
static const struct record *
find_meant(struct spf_walk *w)
{
	const struct lookup_answer *a = lookup_ask(w->l, w->root, RECORD_TXT);

	for (size_t i = 0; i < a->records.n; i++) {
		const char *text = record_text(&a->records.items[i]);

		text += strspn(text, "\" \t");
		if (strncasecmp(text, "v=spf", 5) == 0 || strncasecmp(text, "spf1", 4) == 0 ||
		    strncasecmp(text, "v = spf", 7) == 0)
			return &a->records.items[i];
	}
	return NULL;
}

static void
say_missing(struct spf_walk *w, bool sends)
{
	const struct record *meant = find_meant(w);
	char *shown = meant != NULL ? spf_fix_printable(w, meant->data, meant->data_len) : NULL;

	if (shown != NULL)
		spf_note(w, FINDING_FAIL, "spf-missing", w->root, sends ? NULL : CLOSED,
		         "%s: no SPF record: '%.200s' is none, since it does not begin with 'v=spf1' and a blank",
		         w->root, shown);
	else if (spf_note(w, FINDING_FAIL, "spf-missing", w->root, sends ? NULL : CLOSED, "%s: no SPF record%s",
	                  w->root, sends ? "" : ", and the name sends no mail"))
		findings_absent(&w->tree->findings);
	free(shown);
}

/* Nothing but -all, or redirects that lead there. */
static bool
is_closed(const struct spf_walk *w)
{
	bool closed = w->tree->end == '-';

	for (size_t i = 0;; i = w->redirects[i]) {
		struct spf s = {0};

		closed = closed && spf_parse(w->tree->nodes[i].record, &s, NULL) == CR_OK;
		for (size_t k = 0; k < s.n; k++)
			closed = closed && (s.terms[k].qualifier == '\0' || s.terms[k].kind == SPF_ALL);
		spf_release(&s);
		if (w->redirects[i] == 0 || !closed)
			return closed;
	}
}

/* A name that sends nothing says just that (s10.1.2). */
static void
judge_closed(struct spf_walk *w, const struct spf_node *root)
{
	if (!is_closed(w))
		spf_note(w, w->tree->end == '+' ? FINDING_FAIL : FINDING_WARN, "spf-not-closed", w->root, CLOSED,
		         "%s: sends no mail, but its SPF record is '%.200s'", w->root, root->record);
}

void
spf_judge(struct spf_walk *w, bool sends)
{
	const struct spf_tree *t = w->tree;
	size_t last = 0;

	if (w->rc != CR_OK)
		return;
	while (w->redirects[last] != 0)
		last = w->redirects[last];
	w->tree->end = w->ends[last] != SPF_END_ELSEWHERE ? w->ends[last] : '\0';
	judge_lookups(w);
	judge_voids(w);
	if (t->nodes[0].broken != SPF_NONE)
		return;
	if (t->nodes[0].record == NULL)
		say_missing(w, sends);
	else if (!sends)
		judge_closed(w, &t->nodes[0]);
	else if (w->ends[last] != SPF_END_ELSEWHERE && t->nodes[last].broken == SPF_NONE &&
	         t->nodes[last].record != NULL)
		judge_end(w, &t->nodes[last]);
}
