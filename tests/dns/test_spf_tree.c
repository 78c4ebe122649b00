/*
 * test_spf_tree.c - the whole tree of a name's SPF: what it costs, every fault named, nothing else, and how it is drawn.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include <time.h>

#include "dns/spf_check.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* ' stands for ", so that zones can be read. */
#define COMMON                                                                                                         \
	"'h.example':{'A':['192.0.2.10']},'ill.example':{'RCODE':2},'mute.example':{'TIMEOUT':true},"                  \
	"'p.example':{'TXT':[['v=spf1 ip4:192.0.2.0/24 -all']]},'plain.example':{'TXT':[['hello']]},"                  \
	"'three.example':{'TXT':[['v=spf1 include:p.example a:h.example ~all']]},"                                     \
	"'open.example':{'TXT':[['v=spf1 +all']]},'broken.example':{'TXT':[['v=spf1 foo']]}"
#define MX11                                                                                                           \
	"[1,'h.example'],[2,'h.example'],[3,'h.example'],[4,'h.example'],[5,'h.example'],[6,'h.example'],"             \
	"[7,'h.example'],[8,'h.example'],[9,'h.example'],[10,'h.example'],[11,'h.example']"
#define A5 "a:h.example a:h.example a:h.example a:h.example a:h.example "

/* Rows of such lengths are left as they were written. */
/* clang-format off */
static const struct row {
	const char *name;
	const char *record; /* at o.example; NULL: more says it all */
	const char *more;   /* members of the zone */
	const char *want;   /* ids with their levels, in order */
	const char *text;   /* part of the first finding's */
	const char *fix;    /* of the first finding; NULL: none */
	unsigned lookups, voids, depth;
	char end;
	bool unknown, closed; /* closed: the name sends nothing */
	bool absent;          /* the first finding is */
} rows[] = {
	{"a plain record has nothing to say", "v=spf1 ip4:192.0.2.10 -all", NULL, "", .end = '-'},
	{"softfail is an end", "v=spf1 ip4:192.0.2.10 ~all", NULL, "", .end = '~'},
	{"no record", "hello", NULL, "fail spf-missing", "o.example: no SPF record", .absent = true},
	{"no name", NULL, "'x.example':{}", "fail spf-missing", "no SPF record", .absent = true},
	{"no record of a name that sends nothing", "hello", NULL, "fail spf-missing", "sends no mail", "o.example. 3600 IN TXT \"v=spf1 -all\"", .closed = true, .absent = true},
	{"a name that sends nothing and says so", "v=spf1 -all", NULL, "", .end = '-', .closed = true},
	{"blanks and case do not open it", "V=SPF1  -ALL ", NULL, "", .end = '-', .closed = true},
	{"a redirect to a closed record is closed", "v=spf1 redirect=c.example", "'c.example':{'TXT':[['v=spf1 -all']]}", "", .end = '-', .closed = true, .lookups = 1, .depth = 1},
	{"a name that sends nothing lets nobody pass", "v=spf1 a:h.example -all", NULL, "warn spf-not-closed", "'v=spf1 a:h.example -all'", "o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '-', .closed = true, .lookups = 1},
	{"a redirect to an open record is not closed", "v=spf1 redirect=p.example", NULL, "warn spf-not-closed", NULL, "o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '-', .closed = true, .lookups = 1, .depth = 1},
	{"a name that sends nothing fails, not softly", "v=spf1 ~all", NULL, "warn spf-not-closed", NULL, "o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '~', .closed = true},
	{"everybody passes for a name that sends nothing", "v=spf1 +all", NULL, "fail spf-not-closed", NULL, "o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '+', .closed = true},
	{"servfail is not known", NULL, "'o.example':{'RCODE':2}", "unknown spf-unreachable", "code 2", .unknown = true},
	{"silence is not known", NULL, "'o.example':{'TIMEOUT':true}", "unknown spf-unreachable", "no answer in time", .unknown = true},
	{"two records become one", NULL, "'o.example':{'TXT':[['v=spf1 a:h.example ~all'],['x'],['v=spf1 ip4:192.0.2.1 -all']]}", "fail spf-two-records", "2 SPF records", .fix = "o.example. 3600 IN TXT \"v=spf1 a:h.example ip4:192.0.2.1 -all\""},
	{"two records that contradict do not", NULL, "'o.example':{'TXT':[['v=spf1 a:h.example ~all'],['v=spf1 -a:h.example -all']]}", "fail spf-two-records", .text = "2 SPF records"},
	{"two records of which one redirects", NULL, "'o.example':{'TXT':[['v=spf1 a:h.example ~all'],['v=spf1 redirect=p.example']]}", "fail spf-two-records", .text = "2 SPF records"},
	{"of two records one is broken", NULL, "'o.example':{'TXT':[['v=spf1 a:h.example ~all'],['v=spf1 foo']]}", "fail spf-two-records", .text = "2 SPF records"},
	{"a fault names its term", "v=spf1 iq4:192.0.2.1 -all", NULL, "fail spf-syntax", .text = "o.example: the record cannot be read: permerror: spf: 'iq4:192.0.2.1': no such mechanism"},
	{"what is misspelt can be known", "v=spf1  ?IPv4:192.0.2.1 includes:p.example redirect:x.example -all", NULL, "fail spf-syntax", "no such mechanism", .fix = "o.example. 3600 IN TXT \"v=spf1  ?ip4:192.0.2.1 include:p.example redirect=x.example -all\""},
	{"only the begin of a term is misspelt", "v=spf1 op=a=b ipv4:192.0.2.1 -all", NULL, "fail spf-syntax", "no such mechanism", .fix = "o.example. 3600 IN TXT \"v=spf1 op=a=b ip4:192.0.2.1 -all\""},
	{"what is misspelt among other faults cannot", "v=spf1 ipv4:192.0.2.1 foo -all", NULL, "fail spf-syntax", .text = "no such mechanism"},
	{"what is misspelt elsewhere is not ours", "v=spf1 include:s.example -all", "'s.example':{'TXT':[['v=spf1 ipv4:192.0.2.1 -all']]}", "fail spf-syntax", "s.example: the record", .lookups = 1, .depth = 1, .end = '-'},
	{"an include with an equals sign", "v=spf1 include=p.example -all", NULL, "warn spf-modifier", "include=p.example is an unknown modifier, which everybody ignores: 'include:' is meant", .fix = "o.example. 3600 IN TXT \"v=spf1 include:p.example -all\"", .end = '-'},
	{"another modifier is nobody's business", "v=spf1 op=auth -all", NULL, "", .end = '-'},
	{"a record that was meant to be one", "v=spf1;a;-all", NULL, "fail spf-missing", .text = "'v=spf1;a;-all' is none, since"},
	{"quotes of a form", NULL, "'o.example':{'TXT':[['\\\\034v=spf1 -all\\\\034']]}", "fail spf-missing", .text = "is none, since"},
	{"a record without v=", "spf1 -all", NULL, "fail spf-missing", .text = "'spf1 -all' is none"},
	{"a control byte is shown", "v=spf1 a:h.example\\\\010-all", NULL, "fail spf-syntax", .text = "'a:h.example\\010-all'"},
	{"a fault of an include names its record", "v=spf1 include:broken.example -all", NULL, "fail spf-syntax", "broken.example: the record cannot be read", .lookups = 1, .depth = 1, .end = '-'},
	/* the end */
	{"everybody passes", "v=spf1 ip4:192.0.2.1 +all", NULL, "fail spf-weak-all", "+all lets everybody pass", "o.example. 3600 IN TXT \"v=spf1 ip4:192.0.2.1 -all\"", .end = '+'},
	{"everybody is neutral", "v=spf1 a:h.example ?all", NULL, "warn spf-weak-all", "?all says nothing", "o.example. 3600 IN TXT \"v=spf1 a:h.example -all\"", .end = '?', .lookups = 1},
	{"no end", "v=spf1 a:h.example", NULL, "warn spf-no-all", "neither all nor redirect", "o.example. 3600 IN TXT \"v=spf1 a:h.example -all\"", .lookups = 1},
	{"the end stands behind a redirect", "v=spf1 redirect=three.example", NULL, "", .end = '~', .lookups = 3, .depth = 2},
	{"a weak end behind a redirect", "v=spf1 redirect=s.o.example", "'s.o.example':{'TXT':[['v=spf1 ?all']]}", "warn spf-weak-all", "s.o.example: ?all", "s.o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '?', .lookups = 1, .depth = 1},
	{"a weak end of somebody else has no fix here", "v=spf1 redirect=open.example", NULL, "fail spf-weak-all", "open.example: +all", .end = '+', .lookups = 1, .depth = 1},
	{"an include that lets everybody pass", "v=spf1 include:open.example -all", NULL, "fail spf-weak-all", "o.example: everybody passes: open.example", .end = '-', .lookups = 1, .depth = 1},
	{"an include of open.example that does not pass", "v=spf1 ?include:open.example -all", NULL, "", .end = '-', .lookups = 1, .depth = 1},
	{"a network that is too large", "v=spf1 ip4:0.0.0.0/1 -all", NULL, "fail spf-wide", "ip4:0.0.0.0/1 lets a large part", .end = '-'},
	{"an IPv6 network that is too large", "v=spf1 ip6:2000::/3 -all", NULL, "fail spf-wide", "ip6:2000::/3", .end = '-'},
	{"a network of a provider", "v=spf1 ip4:192.0.0.0/9 ip6:2001:db8::/32 -all", NULL, "", .end = '-'},
	{"a large network that fails", "v=spf1 -ip4:0.0.0.0/1 -all", NULL, "", .end = '-'},
	{"terms behind all", "v=spf1 -all a:h.example mx", NULL, "warn spf-behind-all", "2 terms stand behind all", .end = '-'},
	{"a redirect beside all", "v=spf1 redirect=three.example -all", NULL, "warn spf-redirect-ignored", "redirect=three.example is ignored", .end = '-'},
	/* look-ups */
	{"every occurrence counts", "v=spf1 include:three.example include:p.example -all", NULL, "warn spf-duplicate-include", "o.example: include:p.example leads to a record that the tree has already", "o.example. 3600 IN TXT \"v=spf1 include:three.example -all\"", .end = '-', .lookups = 4, .depth = 2},
	{"a duplicate elsewhere has no fix here", "v=spf1 include:p.example include:three.example -all", NULL, "warn spf-duplicate-include", "three.example: include:p.example leads", .end = '-', .lookups = 4, .depth = 2},
	{"nine look-ups are near", "v=spf1 include:three.example " A5 "a:h.example -all", NULL, "note spf-lookups-near", "9 of 10 look-ups", .end = '-', .lookups = 9, .depth = 2},
	{"eight are not", "v=spf1 include:three.example " A5 "-all", NULL, "", .end = '-', .lookups = 8, .depth = 2},
	{"ten look-ups", "v=spf1 " A5 A5 "-all", NULL, "note spf-lookups-near", "10 of 10", .end = '-', .lookups = 10},
	{"eleven look-ups name the heaviest", "v=spf1 include:p.example " A5 "a:h.example a:h.example include:s.example -all", "'s.example':{'TXT':[['v=spf1 a:h.example a:h.example -all']]}", "fail spf-lookups", "11 look-ups, 10 are allowed: permerror (RFC 7208 section 4.6.4): include:s.example 3, include:p.example 1", .end = '-', .lookups = 11, .depth = 1},
	{"a circle of includes", "v=spf1 include:b.example -all", "'b.example':{'TXT':[['v=spf1 include:o.example -all']]}", "fail spf-circle, fail spf-lookups", "b.example: include:o.example leads back", .end = '-', .lookups = 11, .depth = 2, .unknown = true},
	{"a redirect to itself", "v=spf1 redirect=o.example", NULL, "fail spf-circle, fail spf-lookups", "redirect=o.example leads back", .lookups = 11, .depth = 1, .unknown = true},
	{"a circle through %{d}", "v=spf1 redirect=%{d}", NULL, "fail spf-circle, fail spf-lookups", NULL, .lookups = 11, .depth = 1, .unknown = true},
	{"an include of no record", "v=spf1 a:h.example include:plain.example -all", NULL, "fail spf-include-none", "o.example: include:plain.example leads to a name without SPF record (other TXT alone): permerror", "o.example. 3600 IN TXT \"v=spf1 a:h.example -all\"", .end = '-', .lookups = 2, .depth = 1, .absent = true},
	{"an include of no name", "v=spf1 include:gone.example -all", NULL, "fail spf-include-none", "it does not exist", "o.example. 3600 IN TXT \"v=spf1 -all\"", .end = '-', .lookups = 1, .voids = 1, .depth = 1, .absent = true},
	{"an include of somebody else of no name", "v=spf1 include:n.example -all", "'n.example':{'TXT':[['v=spf1 include:gone.example -all']]}", "fail spf-include-none", "n.example: include:gone.example", .end = '-', .lookups = 2, .voids = 1, .depth = 2, .absent = true},
	{"a redirect to no record", "v=spf1 redirect=plain.example", NULL, "fail spf-include-none", "redirect=plain.example leads", .lookups = 1, .depth = 1, .absent = true},
	{"an include that cannot be reached", "v=spf1 include:mute.example a:h.example -all", NULL, "unknown spf-unreachable", "mute.example: cannot be looked up, so its part is not known: no answer in time", .end = '-', .lookups = 2, .depth = 1, .unknown = true},
	{"an address that cannot be reached", "v=spf1 a:ill.example -all", NULL, "unknown spf-unreachable", "ill.example", .end = '-', .lookups = 1, .unknown = true},
	{"a target that is no name", "v=spf1 a:a..example -all", NULL, "fail spf-target", "a:a..example leads to no domain name", .end = '-', .lookups = 1},
	{"two records of an include", "v=spf1 include:two.example -all", "'two.example':{'TXT':[['v=spf1 -all'],['v=spf1 ~all']]}", "fail spf-two-records", "two.example: 2 SPF records", .end = '-', .lookups = 1, .depth = 1},
	{"ptr is not to be published", "v=spf1 ptr -all", NULL, "warn spf-ptr", "section 5.5", .end = '-', .lookups = 1, .voids = 1},
	{"eleven hosts of mx", "v=spf1 mx:m.example -all", "'m.example':{'MX':[" MX11 "]}", "fail spf-mx-hosts", "11 hosts at m.example", .end = '-', .lookups = 1},
	{"a null MX is no void", "v=spf1 mx:m.example -all", "'m.example':{'MX':[[0,'.']]}", "", .end = '-', .lookups = 1},
	{"exp does not count", "v=spf1 exp=gone.example -all", NULL, "", .end = '-'},
	{"deep trees", "v=spf1 include:1.example -all", "'1.example':{'TXT':[['v=spf1 include:2.example -all']]},'2.example':{'TXT':[['v=spf1 include:3.example -all']]},'3.example':{'TXT':[['v=spf1 include:4.example -all']]},'4.example':{'TXT':[['v=spf1 include:5.example -all']]},'5.example':{'TXT':[['v=spf1 include:p.example -all']]}", "note spf-depth", "6 levels", .end = '-', .lookups = 6, .depth = 6},
	/* voids */
	{"two voids", "v=spf1 a:x1.example mx:x2.example -all", NULL, "", .end = '-', .lookups = 2, .voids = 2},
	{"three voids", "v=spf1 a:x1.example mx:x2.example exists:x3.example -all", NULL, "fail spf-voids", "3 look-ups find nothing, 2 are allowed: permerror (RFC 7208 section 4.6.4): x1.example, x2.example, x3.example", .end = '-', .lookups = 3, .voids = 3},
	{"the hosts of mx", "v=spf1 mx:m.example -all", "'m.example':{'MX':[[1,'x1.example'],[2,'h.example'],[3,'p.example']]}", "", .end = '-', .lookups = 1, .voids = 2},
	{"voids that depend on the mail", "v=spf1 exists:%{i}.a.example exists:%{l}.b.example a:x1.example -all", NULL, "note spf-macro, note spf-macro, warn spf-voids", "exists:%{i}.a.example depends on the mail", .end = '-', .lookups = 3, .voids = 3},
	/* macros */
	{"%{d} and %{o} are known", "v=spf1 include:_spf.%{d} a:h.%{d1r} -all", "'_spf.o.example':{'TXT':[['v=spf1 a:%{o2}.x.example -all']]},'o.example.x.example':{'A':['192.0.2.1']},'h.o':{'A':['192.0.2.1']}", "", .end = '-', .lookups = 3, .depth = 1},
	{"a record that depends on the mail", "v=spf1 include:%{i}.a.example -all", NULL, "note spf-macro", "it is counted once, what stands behind it is not", .end = '-', .lookups = 1, .depth = 1, .unknown = true},
	{"an end that cannot be read", "v=spf1 redirect=broken.example", NULL, "fail spf-syntax", "broken.example: the record cannot be read", .lookups = 1, .depth = 1},
	{"an end that depends on the mail", "v=spf1 redirect=%{l}.a.example", NULL, "note spf-macro", "it is counted once", .lookups = 1, .depth = 1, .unknown = true},
	{"an end at what is no name", "v=spf1 redirect=a..example", NULL, "fail spf-target", "leads to no domain name", .lookups = 1},
	/* size */
	{"450 octets are allowed", NULL, "'o.example':{'TXT':[['v=spf1 -all'],['" A63 A63 A63 A63 A63 A63 "1234567890123456789012345678901234567890123456789012']]}", "", .end = '-'},
	{"451 octets are not", NULL, "'o.example':{'TXT':[['v=spf1 -all'],['" A63 A63 A63 A63 A63 A63 "12345678901234567890123456789012345678901234567890123']]}", "warn spf-size", "the name and its 2 TXT records have 451 octets", .end = '-'},
	{"the size of somebody else's record is theirs", "v=spf1 include:big.example -all", "'big.example':{'TXT':[['v=spf1 -all'],['" A63 A63 A63 A63 A63 A63 A63 A63 "']]}", "", .end = '-', .lookups = 1, .depth = 1},
	{"the obsolete type", NULL, "'o.example':{'TXT':[['v=spf1 -all']],'TYPE99':['\\\\# 12 0b763d73706631202d616c6c']}", "warn spf-type99", "obsolete type SPF (99)", .end = '-'},
};
/* clang-format on */

/* ' as ". */
static char *
zone_of(const char *record, const char *more)
{
	struct buf b = {0};
	char *out = NULL;
	struct err err = {0};

	buf_addc(&b, '{');
	if (record != NULL)
		buf_addf(&b, "'o.example':{'TXT':[['%s']]},", record);
	if (more != NULL)
		buf_addf(&b, "%s,", more);
	buf_adds(&b, COMMON "}");
	assert_ok(buf_take(&b, "zone", &out, &err), &err);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '\'')
			*c = '"';
	}
	return out;
}

struct ask {
	bool sends;
	struct spf_tree tree;
};

static int
walk(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_walk(l, "o.example", a->sends, &a->tree, err);
}

static void
walk_zone(const char *record, const char *more, bool deferred, struct ask *a)
{
	char *zone = zone_of(record, more);
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, deferred);
	assert_ok(lookup_settle_one(l, walk, a, &err), &err);
	lookup_drop(&l);
	zonetable_close(&t);
	free(zone);
}

/* "fail spf-circle, fail spf-lookups" */
static void
list_findings(const struct findings *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++)
		buf_addf(out, "%s%s %s", i > 0 ? ", " : "", finding_level_name(f->items[i].level), f->items[i].id);
}

static void
check_first(const struct row *r, const struct finding *f)
{
	if (r->text != NULL && strstr(f->text, r->text) == NULL)
		fail_msg("%s", f->text);
	if (r->fix != NULL)
		assert_string_equal(f->fix != NULL ? f->fix : "(none)", r->fix);
	else if (f->fix != NULL)
		fail_msg("fix: %s", f->fix);
	assert_int_equal(f->absent, r->absent);
}

static void
check_row(void **state)
{
	const struct row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {.sends = !r->closed};
		const struct spf_tree *t = &a.tree;
		struct buf seen = {0};

		walk_zone(r->record, r->more, deferred, &a);
		list_findings(&t->findings, &seen);
		if (strcmp(buf_str(&seen), r->want) != 0)
			fail_msg("%s: %s", buf_str(&seen), t->findings.n > 0 ? t->findings.items[0].text : "");
		if (t->findings.n > 0)
			check_first(r, &t->findings.items[0]);
		if (t->lookups != r->lookups || t->voids != r->voids || t->depth != r->depth)
			fail_msg("%u look-ups, %u voids, depth %u", t->lookups, t->voids, t->depth);
		assert_int_equal(t->end, r->end);
		assert_int_equal(t->unknown, r->unknown);
		buf_release(&seen);
		spf_tree_release(&a.tree);
	}
}

static void
spf_tree__nodes_stand_behind_their_parents(void **state)
{
	struct ask a = {.sends = true};
	const struct spf_node *n;

	(void)state;
	walk_zone("v=spf1 include:Three.example a:x.example redirect=p.example", NULL, true, &a);
	n = a.tree.nodes;
	assert_int_equal(a.tree.n, 4);
	assert_string_equal(n[0].name, "o.example");
	assert_null(n[0].term);
	assert_int_equal(n[0].lookups, 3);
	assert_int_equal(n[0].voids, 1);
	assert_string_equal(n[1].name, "three.example");
	assert_string_equal(n[1].term, "include:three.example");
	assert_string_equal(n[1].record, "v=spf1 include:p.example a:h.example ~all");
	assert_int_equal(n[1].lookups, 2);
	assert_int_equal(n[2].parent, 1);
	assert_int_equal(n[2].depth, 2);
	assert_false(n[2].repeated);
	assert_string_equal(n[3].term, "redirect=p.example");
	assert_int_equal(n[3].parent, 0);
	assert_true(n[3].repeated);
	for (size_t i = 0; i < a.tree.n; i++)
		assert_int_equal(n[i].broken, SPF_NONE);
	spf_tree_release(&a.tree);
}

static void
spf_tree__what_is_broken_says_what_a_receiver_would(void **state)
{
	struct ask a = {.sends = true};

	(void)state;
	walk_zone("v=spf1 include:broken.example include:plain.example include:mute.example include:o.example -all",
	          NULL, true, &a);
	assert_int_equal(a.tree.n, 5);
	assert_int_equal(a.tree.nodes[1].broken, SPF_PERMERROR);
	assert_string_equal(a.tree.nodes[1].record, "v=spf1 foo");
	assert_int_equal(a.tree.nodes[2].broken, SPF_PERMERROR);
	assert_null(a.tree.nodes[2].record);
	assert_int_equal(a.tree.nodes[3].broken, SPF_TEMPERROR);
	assert_int_equal(a.tree.nodes[4].broken, SPF_PERMERROR);
	assert_true(a.tree.nodes[4].repeated);
	spf_tree_release(&a.tree);
}

static bool
was_asked(const struct zonetable *t, size_t from, size_t to, const char *question)
{
	for (size_t i = from; i < to; i++) {
		if (strcmp(t->asked[i], question) == 0)
			return true;
	}
	return false;
}

/* Every level costs one round: the questions of one come before those of the next. */
static void
spf_tree__a_level_is_asked_side_by_side(void **state)
{
	char *zone = zone_of("v=spf1 include:three.example include:p.example a:h.example mx:x.example -all", NULL);
	struct ask a = {.sends = true};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, walk, &a, &err), &err);
	assert_int_equal(t.n_asked, 6);
	assert_true(was_asked(&t, 0, 2, "TXT o.example") && was_asked(&t, 0, 2, "SPF o.example"));
	assert_true(was_asked(&t, 2, 6, "TXT three.example") && was_asked(&t, 2, 6, "TXT p.example"));
	assert_true(was_asked(&t, 2, 6, "A h.example") && was_asked(&t, 2, 6, "MX x.example"));
	spf_tree_release(&a.tree);
	lookup_drop(&l);
	zonetable_close(&t);
	free(zone);
}

/* Zones that no table holds: each name is answered by what it is called. */
static int
hostile(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
        struct err *err)
{
	const char *shape = ctx;
	struct buf text = {0};
	unsigned long level = strtoul(name, NULL, 10);
	int rc = CR_OK;

	(void)at;
	out->state = LOOKUP_NONAME;
	if (type != RECORD_TXT)
		return CR_OK;
	buf_adds(&text, "v=spf1");
	if (strcmp(shape, "wide") == 0 && strcmp(name, "o.example") == 0) {
		for (unsigned i = 0; i < 500; i++)
			buf_addf(&text, " include:%u.x.example", i);
	} else if (strcmp(shape, "double") == 0 && level < 10) {
		buf_addf(&text, " include:%lu.a.%%{d} include:%lu.b.%%{d}", level + 1, level + 1);
	} else if (strcmp(shape, "same") == 0 && level < 40) {
		buf_addf(&text, " include:%lu.s.example include:%lu.s.example", level + 1, level + 1);
	} else if (strcmp(shape, "chain") == 0) {
		buf_addf(&text, " redirect=%lu.c.example", level + 1);
	} else if (strcmp(shape, "addresses") == 0) {
		for (unsigned i = 0; text.len < 60000; i++)
			buf_addf(&text, " a:%u.x.example mx:%u.x.example", i, i);
	} else if (strcmp(shape, "broken") == 0 && level == 0) {
		for (unsigned i = 1; i < 900; i++)
			buf_addf(&text, " include:%u.x.example", i);
	} else if (strcmp(shape, "broken") == 0) {
		buf_adds(&text, " foo");
	}
	out->state = LOOKUP_FOUND;
	{
		struct record r = {0};

		rc = record_txt(name, 60, buf_str(&text), text.len, &r, err);
		if (rc == CR_OK)
			rc = records_take(&out->records, &r, err);
	}
	buf_release(&text);
	return rc;
}

static const struct hostile_row {
	const char *name, *shape;
	unsigned at_least; /* look-ups */
	size_t nodes;
	bool unknown;
} hostiles[] = {
	{"500 includes are all counted",                  "wide",      500,  501,          false},
	{"a tree of 2^10 includes is cut and says so",    "double",    1023, SPF_TREE_MAX, true },
	{"2^40 includes of forty names are cut",          "same",      1023, SPF_TREE_MAX, true },
	{"a chain without end is cut",                    "chain",     24,   26,           true },
	{"60 KB of address terms are counted, not asked", "addresses", 3000, 1,            true },
	{"900 broken includes are not 900 findings",      "broken",    899,  900,          false},
};

static void
check_hostile(void **state)
{
	const struct hostile_row *r = *state;
	struct timespec from, to;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {.sends = true};
		struct lookup *l = NULL;
		struct err err = {0};
		struct buf drawn = {0};
		char shape[16];

		(void)snprintf(shape, sizeof(shape), "%s", r->shape);
		assert_ok(lookup_open_table(hostile, shape, deferred, &l, &err), &err);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		assert_ok(lookup_settle_one(l, walk, &a, &err), &err);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		assert_true(to.tv_sec - from.tv_sec < 5);
		assert_true(lookup_sent(l) <= SPF_TREE_MAX * 2);
		if (a.tree.lookups < r->at_least || a.tree.n != r->nodes || a.tree.unknown != r->unknown)
			fail_msg("%s%u look-ups, %zu nodes", a.tree.unknown ? "at least " : "", a.tree.lookups,
			         a.tree.n);
		assert_non_null(findings_find(&a.tree.findings, "spf-lookups"));
		assert_true(a.tree.findings.n < 32);
		if (r->unknown)
			assert_non_null(strstr(findings_find(&a.tree.findings, "spf-lookups")->text, "at least"));
		spf_tree_format(&a.tree, &drawn);
		assert_ok(buf_check(&drawn, "tree", &err), &err);
		buf_release(&drawn);
		spf_tree_release(&a.tree);
		lookup_drop(&l);
	}
}

static void
spf_tree__of_one_kind_there_are_few_findings_and_a_word(void **state)
{
	struct ask a = {.sends = true};
	struct lookup *l = NULL;
	struct err err = {0};
	char shape[] = "broken";
	size_t n = 0;

	(void)state;
	assert_ok(lookup_open_table(hostile, shape, false, &l, &err), &err);
	assert_ok(lookup_settle_one(l, walk, &a, &err), &err);
	for (size_t i = 0; i < a.tree.findings.n; i++) {
		if (strcmp(a.tree.findings.items[i].id, "spf-syntax") != 0)
			continue;
		n++;
		assert_int_equal(strstr(a.tree.findings.items[i].text, "and more of the kind") != NULL, n == 9);
	}
	assert_int_equal(n, 9);
	spf_tree_release(&a.tree);
	lookup_drop(&l);
}

/* clang-format off */
static const struct drawn {
	const char *name, *record, *more, *want;
} drawings[] = {
	{"a tree with branches", "v=spf1 include:three.example include:plain.example redirect=s.example",
	 "'s.example':{'TXT':[['v=spf1 include:p.example ip4:192.0.2.1 ip4:192.0.2.2 ip4:192.0.2.3 ip4:192.0.2.4 ip4:192.0.2.5 -all']]}",
	 "                          own  sum  record\n"
	 "o.example                   3    6  v=spf1 include:three.example include:plain.example redirect=s...\n"
	 "|- include:three.example    2    2  v=spf1 include:p.example a:h.example ~all\n"
	 "|  `- include:p.example     0    0  v=spf1 ip4:192.0.2.0/24 -all\n"
	 "|- include:plain.example    0    0  no SPF record: permerror\n"
	 "`- redirect=s.example       1    1  v=spf1 include:p.example ip4:192.0.2.1 ip4:192.0.2.2 ip4:192....\n"
	 "   `- include:p.example     0    0  v=spf1 ip4:192.0.2.0/24 -all  [once more]\n"
	 "6 of 10 look-ups, 0 of 2 voids, depth 2\n"},
	{"no record", "hello", NULL, "           own  sum  record\no.example    0    0  no SPF record\n0 of 10 look-ups, 0 of 2 voids, depth 0\n"},
	{"what is broken", "v=spf1 include:mute.example include:o.example include:broken.example -all", NULL,
	 "                           own  sum  record\n"
	 "o.example                    3    3  v=spf1 include:mute.example include:o.example include:broken....\n"
	 "|- include:mute.example      0    0  no answer\n"
	 "|- include:o.example         0    0  a circle: permerror\n"
	 "`- include:broken.example    0    0  v=spf1 foo  [permerror]\n"
	 "at least 11 of 10 look-ups, 0 of 2 voids, depth 1\n"},
	{"what depends on the mail", "v=spf1 include:%{i}.a.example -all", NULL,
	 "                           own  sum  record\n"
	 "o.example                    1    1  v=spf1 include:%{i}.a.example -all\n"
	 "`- include:%{i}.a.example    0    0  not walked\n"
	 "at least 1 of 10 look-ups, 0 of 2 voids, depth 1\n"},
	{"control bytes are not sent to a terminal", "v=spf1 \\\\027[31m", NULL,
	 "           own  sum  record\no.example    0    0  v=spf1 \\027[31m  [permerror]\n0 of 10 look-ups, 0 of 2 voids, depth 0\n"},
};
/* clang-format on */

static void
check_drawn(void **state)
{
	const struct drawn *r = *state;
	struct ask a = {.sends = true};
	struct buf text = {0};

	walk_zone(r->record, r->more, true, &a);
	spf_tree_format(&a.tree, &text);
	assert_string_equal(buf_str(&text), r->want);
	buf_release(&text);
	spf_tree_release(&a.tree);
}

int
main(void)
{
	static struct CMUnitTest tests[160];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, hostiles, check_hostile);
	ROWS(tests, n, drawings, check_drawn);
	TEST(tests, n, spf_tree__nodes_stand_behind_their_parents);
	TEST(tests, n, spf_tree__what_is_broken_says_what_a_receiver_would);
	TEST(tests, n, spf_tree__a_level_is_asked_side_by_side);
	TEST(tests, n, spf_tree__of_one_kind_there_are_few_findings_and_a_word);
	return rows_run("dns/spf_tree", tests, n);
}
