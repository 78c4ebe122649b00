/*
 * spf_tree_format.c - a tree of SPF records as lines with branches: who leads to whom, and what it costs.
 */
#include <langinfo.h>
#include <string.h>

#include "dns/spf_inside.h"

#define RECORD_SHOWN 64 /* bytes of a record */
#define LABEL_MAX    48 /* columns of the branch and the term; longer ones push their line to the right */

/* For UTF-8 terminals, and for all others. */
struct branches {
	const char *go_on, *last, *pass, *blank;
};
static const struct branches lines = {"├─ ", "└─ ", "│  ", "   "}, plain = {"|- ", "`- ", "|  ", "   "};

/* Each node's last child, 0 for none: behind it the branch ends. */
static void
find_last(const struct spf_tree *t, size_t last[SPF_TREE_MAX])
{
	memset(last, 0, SPF_TREE_MAX * sizeof(*last));
	for (size_t i = 1; i < t->n; i++)
		last[t->nodes[i].parent] = i;
}

static const char *
label_of(const struct spf_node *n)
{
	return n->term != NULL ? n->term : n->name;
}

static size_t
width_of(const struct spf_tree *t)
{
	size_t width = 0;

	for (size_t i = 0; i < t->n; i++) {
		size_t w = strlen(label_of(&t->nodes[i])) + t->nodes[i].depth * (size_t)3;

		if (w > width)
			width = w;
	}
	return width < LABEL_MAX ? width : LABEL_MAX;
}

/* From the left: a bar below every ancestor that has more to come. */
static void
add_branch(const struct spf_tree *t, const size_t *last, size_t node, const struct branches *b, struct buf *out)
{
	size_t above[SPF_TREE_MAX], n = 0;

	if (node == 0)
		return;
	for (size_t i = t->nodes[node].parent; i != 0; i = t->nodes[i].parent)
		above[n++] = i;
	for (; n > 0; n--)
		buf_adds(out, last[t->nodes[above[n - 1]].parent] == above[n - 1] ? b->blank : b->pass);
	buf_adds(out, last[t->nodes[node].parent] == node ? b->last : b->go_on);
}

static void
add_record(const struct spf_node *n, bool root, struct buf *out)
{
	if (n->repeated && n->record == NULL && n->broken == SPF_PERMERROR)
		buf_adds(out, "a circle: permerror");
	else if (n->record == NULL && n->broken == SPF_TEMPERROR)
		buf_adds(out, "no answer");
	else if (n->record == NULL)
		buf_adds(out, root                         ? "no SPF record"
		              : n->broken == SPF_PERMERROR ? "no SPF record: permerror"
		                                           : "not walked");
	else if (strlen(n->record) > RECORD_SHOWN)
		buf_addf(out, "%.*s...", RECORD_SHOWN - 3, n->record);
	else
		buf_adds(out, n->record);
	if (n->record != NULL && n->broken != SPF_NONE)
		buf_addf(out, "  [%s]", spf_result_name(n->broken));
	else if (n->record != NULL && n->repeated)
		buf_adds(out, "  [once more]");
}

void
spf_tree_format(const struct spf_tree *t, struct buf *out)
{
	const struct branches *b = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &lines : &plain;
	unsigned sums[SPF_TREE_MAX];
	size_t last[SPF_TREE_MAX], width = width_of(t);

	spf_tree_sums(t, sums);
	find_last(t, last);
	if (t->n > 0)
		buf_addf(out, "%-*s  own  sum  record\n", (int)width, "");
	for (size_t i = 0; i < t->n; i++) {
		const struct spf_node *n = &t->nodes[i];
		size_t taken = strlen(label_of(n)) + n->depth * (size_t)3;

		add_branch(t, last, i, b, out);
		buf_addf(out, "%s%*s  %3u  %3u  ", label_of(n), taken < width ? (int)(width - taken) : 0, "",
		         n->lookups, sums[i]);
		add_record(n, i == 0, out);
		buf_addc(out, '\n');
	}
	buf_addf(out, "%s%u of %d look-ups, %u of %d voids, depth %u\n", t->unknown ? "at least " : "", t->lookups,
	         SPF_LOOKUPS_MAX, t->voids, SPF_VOIDS_MAX, t->depth);
}
