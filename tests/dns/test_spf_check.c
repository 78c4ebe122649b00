/*
 * test_spf_check.c - what a receiver makes of a record, rule by rule (RFC 7208); each row all known at once and answer after answer.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/spf_check.h"

#define V4 "192.0.2.10"
#define V6 "2001:db8::cb01"

/* What most rows need beside the record of o.example: ' stands for ", so that zones can be read. */
#define COMMON                                                                                                         \
	"'h.example':{'A':['192.0.2.10'],'AAAA':['2001:db8::cb01']},'other.example':{'A':['198.51.100.1']},"           \
	"'six.example':{'AAAA':['2001:db8::cb01']},'ill.example':{'RCODE':2},'mute.example':{'TIMEOUT':true},"         \
	"'10.2.0.192.in-addr.arpa':{'PTR':['h.example']},"                                                             \
	"'pass.example':{'TXT':[['v=spf1 ip4:192.0.2.0/24 -all']]},'fail.example':{'TXT':[['v=spf1 -all']]},"          \
	"'soft.example':{'TXT':[['v=spf1 ~all']]},'neutral.example':{'TXT':[['v=spf1 ?all']]},"                        \
	"'broken.example':{'TXT':[['v=spf1 foo']]},'plain.example':{'TXT':[['hello']]}"

#define O8   "%{o}.%{o}.%{o}.%{o}.%{o}.%{o}.%{o}.%{o}."
#define E8   "o.example.o.example.o.example.o.example.o.example.o.example.o.example.o.example."
#define A64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A63  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256 A64 A64 A64 A64
#define A5   "a:other.example a:other.example a:other.example a:other.example a:other.example "
#define MX10                                                                                                           \
	"[1,'h.example'],[2,'h.example'],[3,'h.example'],[4,'h.example'],[5,'h.example'],[6,'h.example'],"             \
	"[7,'h.example'],[8,'h.example'],[9,'h.example'],[10,'h.example']"

/* Rows of such lengths are left as they were written. */
/* clang-format off */
static const struct row {
	const char *name;
	const char *record; /* at o.example; NULL: more says it all */
	enum spf_result want;
	const char *more;      /* members of the zone */
	const char *ip;        /* NULL: V4 */
	const char *mechanism; /* NULL: not looked at; "": none */
	const char *why;       /* part of it */
	unsigned lookups, voids;
} rows[] = {
	/* s4.4, s4.5: which record */
	{"no record is none", NULL, .want = SPF_NONE, .more = "'o.example':{'A':['192.0.2.1']}", .mechanism = "", .why = "o.example: no SPF record"},
	{"no name is none", NULL, .want = SPF_NONE, .more = "'x.example':{}", .mechanism = "", .why = "no SPF record"},
	{"servfail is temperror", NULL, .want = SPF_TEMPERROR, .more = "'o.example':{'RCODE':2}", .mechanism = "", .why = "code 2"},
	{"silence is temperror", NULL, .want = SPF_TEMPERROR, .more = "'o.example':{'TIMEOUT':true}", .why = "no answer in time"},
	{"two records are permerror", NULL, .want = SPF_PERMERROR, .more = "'o.example':{'TXT':[['v=spf1 -all'],['V=SPF1 +all']]}", .mechanism = "", .why = "more than one SPF record"},
	{"two equal records are permerror", NULL, .want = SPF_PERMERROR, .more = "'o.example':{'TXT':[['v=spf1 -all'],['v=spf1 -all']]}", .why = "more than one SPF record"},
	{"another version is no second record", NULL, .want = SPF_PASS, .more = "'o.example':{'TXT':[['v=spf10'],['v=spf1 +all'],['v=spf2.0/pra -all']]}", .mechanism = "+all"},
	{"the version is read in any case", "V=sPf1 -ALL", .want = SPF_FAIL, .mechanism = "-ALL"},
	{"strings are joined without a blank", NULL, .want = SPF_PASS, .more = "'o.example':{'TXT':[['v=spf1 ip4:192.0','.2.10 -all']]}", .mechanism = "ip4:192.0.2.10"},
	{"a version without a blank is no record", NULL, .want = SPF_NONE, .more = "'o.example':{'TXT':[['v=spf1','mx']]}"},
	{"the version alone is neutral", "v=spf1", .want = SPF_NEUTRAL, .mechanism = "", .why = "no term has 192.0.2.10"},
	{"an alias leads to the record", NULL, .want = SPF_PASS, .more = "'o.example':{'CNAME':['pass.example']}"},
	/* s4.6: syntax anywhere */
	{"a fault behind a match is permerror", "v=spf1 ip4:192.0.2.10 -all moo", .want = SPF_PERMERROR, .mechanism = "", .why = "'moo': no such mechanism"},
	{"a fault behind all is permerror", "v=spf1 +all ip4:192.0.2", .want = SPF_PERMERROR, .why = "ip4:192.0.2"},
	{"several blanks part terms", "v=spf1  a:h.example   -all ", .want = SPF_PASS, .mechanism = "a:h.example", .lookups = 1},
	{"a tab parts nothing", "v=spf1 a:h.example\\\\009-all", .want = SPF_PERMERROR, .why = "\\009"},
	{"a line feed is a fault", "v=spf1 ip4:192.0.2.10\\\\010 -all", .want = SPF_PERMERROR, .why = "\\010"},
	{"an 8-bit byte is a fault", "v=spf1 \\\\194\\\\150all", .want = SPF_PERMERROR, .why = "\\194\\150all"},
	{"a NUL in a name is a fault", "v=spf1 a:h.example\\\\000 +all", .want = SPF_PERMERROR, .why = "\\000"},
	{"a NUL in an address is a fault", "v=spf1 ip4:192.0.2.10\\\\000 +all", .want = SPF_PERMERROR},
	{"a NUL behind the version makes it no record", "v=spf1\\\\000 -all", .want = SPF_NONE},
	{"two redirects are permerror", "v=spf1 redirect=pass.example redirect=pass.example", .want = SPF_PERMERROR, .why = "'redirect=' stands twice"},
	{"two exp are permerror", "v=spf1 exp=h.example -all exp=h.example", .want = SPF_PERMERROR, .why = "'exp=' stands twice"},
	{"an unknown modifier is ignored", "v=spf1 moo.cow-far_out=man:dog/cat +all", .want = SPF_PASS},
	{"an unknown modifier twice is ignored", "v=spf1 a1=x a1=y +all", .want = SPF_PASS},
	{"an unknown modifier is a macro string", "v=spf1 -all foo=%abc", .want = SPF_PERMERROR, .why = "not a macro string"},
	{"an unknown modifier may be empty", "v=spf1 foo= +all", .want = SPF_PASS},
	{"a modifier begins with a letter", "v=spf1 1up=foo +all", .want = SPF_PERMERROR, .why = "1up=foo"},
	{"a modifier has a name", "v=spf1 =all", .want = SPF_PERMERROR},
	{"a modifier of a long value is ignored", "v=spf1 x=" A64 A64 A64 A64 A64 A64 A64 A64 A64 " +all", .want = SPF_PASS},
	{"a mechanism takes no equals sign", "v=spf1 include=pass.example", .want = SPF_NEUTRAL, .mechanism = ""},
	{"redirect takes no colon", "v=spf1 redirect:pass.example", .want = SPF_PERMERROR},
	{"a macro at the end takes no dot behind it", "v=spf1 a:%{d}. +all", .want = SPF_PERMERROR},
	{"a name may end in a dot", "v=spf1 a:h.example. -all", .want = SPF_PASS, .mechanism = "a:h.example.", .lookups = 1},
	{"a name of one label is a fault", "v=spf1 a:museum -all", .want = SPF_PERMERROR},
	{"a top label of digits is a fault", "v=spf1 a:abc.123 -all", .want = SPF_PERMERROR},
	{"a top label begins with no hyphen", "v=spf1 a:example.-com -all", .want = SPF_PERMERROR},
	{"a top label may hold hyphens", "v=spf1 a:h.xn--zckzah -all", .want = SPF_PASS, .more = "'h.xn--zckzah':{'A':['192.0.2.10']}", .lookups = 1},
	{"a port is no part of a name", "v=spf1 a:h.example:25 -all", .want = SPF_PERMERROR},
	{"a name may hold a colon and a slash", "v=spf1 a:foo:bar/baz.example -all", .want = SPF_PASS, .more = "'foo:bar/baz.example':{'A':['192.0.2.10']}", .lookups = 1},
	/* s5.1 */
	{"all takes no argument", "v=spf1 -all:h.example", .want = SPF_PERMERROR},
	{"all takes no prefix", "v=spf1 -all/8", .want = SPF_PERMERROR},
	{"the first all counts", "v=spf1 ?all -all", .want = SPF_NEUTRAL, .mechanism = "?all", .why = "no other term has 192.0.2.10"},
	{"softfail is a result", "v=spf1 ~all", .want = SPF_SOFTFAIL, .mechanism = "~all"},
	/* s5.2: the table of include */
	{"include of pass matches", "v=spf1 include:pass.example -all", .want = SPF_PASS, .mechanism = "include:pass.example", .why = "o.example: include:pass.example: ip4:192.0.2.0/24: has 192.0.2.10", .lookups = 1},
	{"a qualifier turns what an include passes", "v=spf1 ~include:pass.example +all", .want = SPF_SOFTFAIL, .mechanism = "~include:pass.example", .lookups = 1},
	{"include of fail does not match", "v=spf1 include:fail.example ~all", .want = SPF_SOFTFAIL, .mechanism = "~all", .lookups = 1},
	{"include of softfail does not match", "v=spf1 include:soft.example +all", .want = SPF_PASS, .mechanism = "+all", .lookups = 1},
	{"include of neutral does not match", "v=spf1 include:neutral.example", .want = SPF_NEUTRAL, .mechanism = "", .lookups = 1},
	{"include of silence is temperror", "v=spf1 include:mute.example +all", .want = SPF_TEMPERROR, .mechanism = "include:mute.example", .why = "o.example: include:mute.example: mute.example: no answer in time", .lookups = 1},
	{"include of a broken record is permerror", "v=spf1 include:broken.example +all", .want = SPF_PERMERROR, .mechanism = "include:broken.example", .why = "o.example: include:broken.example: spf: 'foo'", .lookups = 1},
	{"include of no record is permerror", "v=spf1 include:plain.example +all", .want = SPF_PERMERROR, .why = "no SPF record there", .lookups = 1},
	{"include of no name is permerror", "v=spf1 include:gone.example +all", .want = SPF_PERMERROR, .why = "no SPF record there", .lookups = 1, .voids = 1},
	{"include needs a name", "v=spf1 include +all", .want = SPF_PERMERROR},
	{"include takes no prefix", "v=spf1 include:pass.example/24 +all", .want = SPF_PERMERROR},
	{"include of what is no name is permerror", "v=spf1 include:a..example +all", .want = SPF_PERMERROR, .why = "leads to no domain name", .lookups = 1},
	{"a redirect within an include counts there", "v=spf1 include:r.example -all", .want = SPF_PASS, .more = "'r.example':{'TXT':[['v=spf1 redirect=pass.example']]}", .mechanism = "include:r.example", .lookups = 2},
	{"a redirect to nothing within an include", "v=spf1 include:r.example -all", .want = SPF_PERMERROR, .more = "'r.example':{'TXT':[['v=spf1 redirect=plain.example']]}", .lookups = 2},
	/* s5.3 */
	{"a matches its own name", NULL, .want = SPF_PASS, .more = "'o.example':{'TXT':[['v=spf1 a -all']],'A':['192.0.2.10']}", .mechanism = "a", .lookups = 1},
	{"a matches a network of addresses", "v=spf1 a:n.example/24 -all", .want = SPF_PASS, .more = "'n.example':{'A':['198.51.100.1','192.0.2.77']}", .lookups = 1},
	{"a prefix ends at its bit", "v=spf1 a:n.example/26 -all", .want = SPF_FAIL, .more = "'n.example':{'A':['192.0.2.77']}", .lookups = 1},
	{"a prefix within a byte matches", "v=spf1 a:n.example/25 -all", .want = SPF_PASS, .more = "'n.example':{'A':['192.0.2.77']}", .lookups = 1},
	{"a prefix of zero matches all of a family", "v=spf1 a:other.example/0 -all", .want = SPF_PASS, .lookups = 1},
	{"a prefix of zero needs an address", "v=spf1 a:gone.example/0 -all", .want = SPF_FAIL, .lookups = 1, .voids = 1},
	{"an IPv6 prefix says nothing of IPv4", "v=spf1 a:six.example//0 -all", .want = SPF_FAIL, .lookups = 1, .voids = 1},
	{"a of an IPv6 client asks AAAA", "v=spf1 a:h.example -all", .want = SPF_PASS, .ip = V6, .lookups = 1},
	{"an IPv4 prefix says nothing of IPv6", "v=spf1 a:six.example/0 -all", .want = SPF_FAIL, .ip = "2001:db8::1", .lookups = 1},
	{"both prefixes may stand", "v=spf1 a:six.example/24//64 -all", .want = SPF_PASS, .ip = "2001:db8::1", .lookups = 1},
	{"two IPv4 prefixes are a fault", "v=spf1 a:six.example/24/64 -all", .want = SPF_PERMERROR},
	{"a prefix of 33 is a fault", "v=spf1 a/33 +all", .want = SPF_PERMERROR},
	{"a prefix of 129 is a fault", "v=spf1 a//129 +all", .want = SPF_PERMERROR},
	{"a of an ill server is temperror", "v=spf1 a:ill.example +all", .want = SPF_TEMPERROR, .mechanism = "a:ill.example", .why = "ill.example: the server answers with code 2", .lookups = 1},
	{"a match in front of trouble stands", "v=spf1 ip4:192.0.2.10 a:ill.example -all", .want = SPF_PASS},
	{"a name with an empty label matches nothing", "v=spf1 a:a..example -all", .want = SPF_FAIL, .mechanism = "-all", .lookups = 1},
	{"an IPv4-mapped client is IPv4", "v=spf1 ip4:192.0.2.10 -all", .want = SPF_PASS, .ip = "::ffff:192.0.2.10", .why = "has 192.0.2.10"},
	{"an IPv4-mapped term matches no IPv4", "v=spf1 ip6:::ffff:192.0.2.10 -all", .want = SPF_FAIL, .ip = "::ffff:192.0.2.10"},
	/* s5.4 */
	{"mx matches an address of a host", NULL, .want = SPF_PASS, .more = "'o.example':{'TXT':[['v=spf1 mx -all']],'MX':[[10,'other.example'],[20,'h.example']]}", .mechanism = "mx", .lookups = 1},
	{"mx has no implicit host", NULL, .want = SPF_FAIL, .more = "'o.example':{'TXT':[['v=spf1 mx -all']],'A':['192.0.2.10']}", .mechanism = "-all", .lookups = 1, .voids = 1},
	{"a null MX matches nothing", NULL, .want = SPF_FAIL, .more = "'o.example':{'TXT':[['v=spf1 mx -all']],'MX':[[0,'.']]}", .mechanism = "-all", .lookups = 1},
	{"mx takes prefixes", "v=spf1 mx:m.example/24 -all", .want = SPF_PASS, .more = "'m.example':{'MX':[[1,'n.example']]},'n.example':{'A':['192.0.2.77']}", .mechanism = "mx:m.example/24", .lookups = 1},
	{"an ill host of mx is temperror", "v=spf1 mx:m.example +all", .want = SPF_TEMPERROR, .more = "'m.example':{'MX':[[1,'ill.example']]}", .why = "ill.example", .lookups = 1},
	{"the host preferred decides before an ill one", "v=spf1 mx:m.example -all", .want = SPF_PASS, .more = "'m.example':{'MX':[[9,'ill.example'],[1,'h.example']]}", .lookups = 1},
	{"ten hosts are allowed", "v=spf1 mx:m.example -all", .want = SPF_PASS, .more = "'m.example':{'MX':[" MX10 "]}", .lookups = 1},
	{"eleven hosts are permerror", "v=spf1 mx:m.example -all", .want = SPF_PERMERROR, .more = "'m.example':{'MX':[" MX10 ",[11,'h.example']]}", .mechanism = "mx:m.example", .why = "more than 10 MX hosts", .lookups = 1},
	/* s5.5 */
	{"ptr matches a name that leads back", "v=spf1 ptr:example -all", .want = SPF_PERMERROR},
	{"ptr matches a confirmed name", "v=spf1 ptr:h.example -all", .want = SPF_PASS, .mechanism = "ptr:h.example", .lookups = 1},
	{"ptr matches a name below", "v=spf1 ptr:in.example -all", .want = SPF_PASS, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['x.in.example']},'x.in.example':{'A':['192.0.2.20']}", .ip = "192.0.2.20", .lookups = 1},
	{"ptr matches whole labels", "v=spf1 ptr:n.example -all", .want = SPF_FAIL, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['xn.example']},'xn.example':{'A':['192.0.2.20']}", .ip = "192.0.2.20", .lookups = 1},
	{"a name that leads elsewhere is not confirmed", "v=spf1 ptr:x.example -all", .want = SPF_FAIL, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['x.example']},'x.example':{'A':['192.0.2.21']}", .ip = "192.0.2.20", .lookups = 1},
	{"an ill reverse zone is no match", "v=spf1 ptr:x.example -all", .want = SPF_FAIL, .more = "'20.2.0.192.in-addr.arpa':{'RCODE':2}", .ip = "192.0.2.20", .lookups = 1},
	{"an ill name behind ptr is left out", "v=spf1 ptr:h2.example -all", .want = SPF_PASS, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['ill.example','h2.example']},'h2.example':{'A':['192.0.2.20']}", .ip = "192.0.2.20", .lookups = 1},
	{"no reverse name is a void look-up", "v=spf1 ptr:h.example -all", .want = SPF_FAIL, .ip = "192.0.2.99", .lookups = 1, .voids = 1},
	{"the eleventh name of ptr is not looked at", "v=spf1 ptr:h3.example -all", .want = SPF_FAIL, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['a.test','b.test','c.test','d.test','e.test','f.test','g.test','h.test','i.test','j.test','h3.example']},'h3.example':{'A':['192.0.2.20']}", .ip = "192.0.2.20", .lookups = 1},
	{"the tenth name of ptr is looked at", "v=spf1 ptr:h3.example -all", .want = SPF_PASS, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['a.test','b.test','c.test','d.test','e.test','f.test','g.test','h.test','i.test','h3.example']},'h3.example':{'A':['192.0.2.20']}", .ip = "192.0.2.20", .lookups = 1},
	{"ptr takes no prefix", "v=spf1 ptr/0 -all", .want = SPF_PERMERROR},
	/* s5.6 */
	{"ip4 matches its network", "v=spf1 ip4:192.0.2.128/24 -all", .want = SPF_PASS, .mechanism = "ip4:192.0.2.128/24"},
	{"ip4 does not match another network", "v=spf1 ip4:192.0.3.0/24 -all", .want = SPF_FAIL},
	{"ip4 takes one prefix", "v=spf1 ip4:192.0.2.10//32 -all", .want = SPF_PERMERROR},
	{"a prefix has no leading zero", "v=spf1 ip4:192.0.2.10/032 -all", .want = SPF_PERMERROR},
	{"an octet has no leading zero", "v=spf1 ip4:192.0.2.010 -all", .want = SPF_PERMERROR},
	{"ip6 matches its network", "v=spf1 ip6:2001:db8::/33 -all", .want = SPF_PASS, .ip = V6},
	{"ip6 ends at its bit", "v=spf1 ip6:2001:db8:8000::/33 -all", .want = SPF_FAIL, .ip = V6},
	{"ip6 of all addresses matches no IPv4", "v=spf1 ip6:::/0 -all", .want = SPF_FAIL},
	{"ip4 of all addresses matches no IPv6", "v=spf1 ip4:0.0.0.0/0 -all", .want = SPF_FAIL, .ip = V6},
	{"ip6 takes no zone", "v=spf1 ip6:fe80::1%eth0 -all", .want = SPF_PERMERROR, .ip = V6},
	/* s5.7 */
	{"exists matches any address", "v=spf1 exists:other.example -all", .want = SPF_PASS, .mechanism = "exists:other.example", .lookups = 1},
	{"exists of an IPv6 client asks A", "v=spf1 exists:other.example -all", .want = SPF_PASS, .ip = V6, .lookups = 1},
	{"exists of AAAA alone does not match", "v=spf1 exists:six.example -all", .want = SPF_FAIL, .ip = V6, .lookups = 1, .voids = 1},
	{"exists of silence is temperror", "v=spf1 exists:mute.example -all", .want = SPF_TEMPERROR, .lookups = 1},
	/* s6.1 */
	{"redirect is followed when nothing matched", "v=spf1 ip4:198.51.100.1 redirect=pass.example", .want = SPF_PASS, .mechanism = "ip4:192.0.2.0/24", .why = "redirect=pass.example: ip4:192.0.2.0/24", .lookups = 1},
	{"redirect may stand anywhere", "v=spf1 redirect=fail.example ip4:192.0.2.10", .want = SPF_PASS, .mechanism = "ip4:192.0.2.10"},
	{"redirect is ignored beside all", "v=spf1 redirect=gone.example ~all", .want = SPF_SOFTFAIL},
	{"redirect to no record is permerror", "v=spf1 redirect=plain.example", .want = SPF_PERMERROR, .why = "redirect=plain.example: no SPF record there", .lookups = 1},
	{"redirect to what is no name is permerror", "v=spf1 redirect=a..example", .want = SPF_PERMERROR, .why = "leads to no domain name", .lookups = 1},
	{"redirect changes the name that a speaks of", "v=spf1 redirect=t.example", .want = SPF_PASS, .more = "'t.example':{'TXT':[['v=spf1 a -all']],'A':['192.0.2.10']}", .lookups = 2},
	/* s4.6.4 */
	{"ten look-ups are allowed", "v=spf1 " A5 "a:other.example a:other.example a:other.example a:other.example a:h.example -all", .want = SPF_PASS, .lookups = 10},
	{"eleven look-ups are permerror", "v=spf1 " A5 A5 "a:h.example -all", .want = SPF_PERMERROR, .mechanism = "a:h.example", .why = "o.example: a:h.example: more than 10 look-ups (RFC 7208 section 4.6.4)", .lookups = 10},
	{"a match before the limit hides it", "v=spf1 a:h.example " A5 "a:other.example a:other.example a:other.example a:other.example a:h.example -all", .want = SPF_PASS, .lookups = 1},
	{"look-ups within an include count", "v=spf1 include:ten.example -all", .want = SPF_PERMERROR, .more = "'ten.example':{'TXT':[['v=spf1 " A5 A5 "-all']]}", .mechanism = "include:ten.example", .why = "o.example: include:ten.example: a:other.example: more than 10", .lookups = 10},
	{"a circle of includes ends", "v=spf1 include:o.example -all", .want = SPF_PERMERROR, .why = "more than 10 look-ups", .lookups = 10},
	{"a circle of redirects ends", "v=spf1 redirect=o.example", .want = SPF_PERMERROR, .why = "more than 10 look-ups", .lookups = 10},
	{"two voids are allowed", "v=spf1 a:x1.example mx:x2.example -all", .want = SPF_FAIL, .lookups = 2, .voids = 2},
	{"three voids are permerror", "v=spf1 a:x1.example mx:x2.example exists:x3.example +all", .want = SPF_PERMERROR, .mechanism = "exists:x3.example", .why = "more than 2 look-ups without an answer", .lookups = 3, .voids = 3},
	{"the voids of an include count", "v=spf1 a:x1.example include:v.example +all", .want = SPF_PERMERROR, .more = "'v.example':{'TXT':[['v=spf1 a:x2.example a:x3.example -all']]}", .lookups = 4, .voids = 3},
	{"an empty answer is void", "v=spf1 a:pass.example a:fail.example a:soft.example +all", .want = SPF_PERMERROR, .lookups = 3, .voids = 3},
	/* s7 */
	{"%{i} of IPv4", "v=spf1 exists:%{i}.x.example -all", .want = SPF_PASS, .more = "'192.0.2.10.x.example':{'A':['127.0.0.2']}", .mechanism = "exists:%{i}.x.example", .lookups = 1},
	{"%{ir} and %{v} of IPv6", "v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all", .want = SPF_PASS, .more = "'1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.o.example':{'A':['127.0.0.2']}", .ip = V6, .lookups = 1},
	{"%{s} and its delimiters", "v=spf1 exists:%{s2-}.x.example -all", .want = SPF_PASS, .more = "'b.c@o.example.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"%{l1r-} is the first part", "v=spf1 exists:%{l1r-}.x.example -all", .want = SPF_PASS, .more = "'a.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"%{lr-} reverses", "v=spf1 exists:%{lr-}.x.example -all", .want = SPF_PASS, .more = "'c.b.a.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"%{l-} splits alone", "v=spf1 exists:%{l-}.x.example -all", .want = SPF_PASS, .more = "'a.b.c.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"%{l} stays whole", "v=spf1 exists:%{l}.x.example -all", .want = SPF_PASS, .more = "'a-b-c.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"more parts than there are is all of them", "v=spf1 exists:%{d18446744073709551617}.x.example -all", .want = SPF_PASS, .more = "'o.example.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"a number may have leading zeros", "v=spf1 exists:%{d01}.x.example -all", .want = SPF_PASS, .more = "'example.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"a number of zeros is a fault", "v=spf1 exists:%{d00}.x.example -all", .want = SPF_PERMERROR},
	{"%{o} stays the sender's in an include", "v=spf1 include:m.example -all", .want = SPF_PASS, .more = "'m.example':{'TXT':[['v=spf1 exists:%{o}.%{d}.x.example -all']]},'o.example.m.example.x.example':{'A':['127.0.0.2']}", .lookups = 2},
	{"%{h} is what was said", "v=spf1 a:%{h} -all", .want = SPF_PASS, .lookups = 1},
	{"%{p} is a confirmed name", "v=spf1 exists:%{p}.x.example -all", .want = SPF_PASS, .more = "'h.example.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"%{p} without one is unknown", "v=spf1 exists:%{p}.x.example -all", .want = SPF_PASS, .more = "'unknown.x.example':{'A':['127.0.0.2']}", .ip = "192.0.2.99", .lookups = 1},
	{"%{p} prefers the name itself", "v=spf1 exists:%{p}.x.example -all", .want = SPF_PASS, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['h4.example','s.o.example','o.example']},'h4.example':{'A':['192.0.2.20']},'s.o.example':{'A':['192.0.2.20']},'o.example':{'A':['192.0.2.20'],'TXT':[['v=spf1 exists:%{p}.x.example -all']]},'o.example.x.example':{'A':['127.0.0.2']}", .ip = "192.0.2.20", .lookups = 1},
	{"%{p} prefers a name below", "v=spf1 exists:%{p}.x.example -all", .want = SPF_PASS, .more = "'20.2.0.192.in-addr.arpa':{'PTR':['h4.example','s.o.example','h5.example']},'h4.example':{'A':['192.0.2.20']},'h5.example':{'A':['192.0.2.20']},'s.o.example':{'A':['192.0.2.20']},'s.o.example.x.example':{'A':['127.0.0.2']}", .ip = "192.0.2.20", .lookups = 1},
	{"the three without braces", "v=spf1 a:m%%p%_%_s%-u.example -all", .want = SPF_PASS, .more = "'m%p  s%20u.example':{'A':['192.0.2.10']}", .lookups = 1},
	{"an upper-case letter escapes", "v=spf1 exists:%{S}.x.example -all", .want = SPF_PASS, .more = "'a-b-c%40o.example.x.example':{'A':['127.0.0.2']}", .lookups = 1},
	{"c is for explanations", "v=spf1 exists:%{c}.x.example -all", .want = SPF_PERMERROR},
	{"r is for explanations", "v=spf1 exp=%{r}.example -all", .want = SPF_PERMERROR},
	{"t is for explanations", "v=spf1 exists:%{t}.x.example -all", .want = SPF_PERMERROR},
	{"an unknown letter is a fault", "v=spf1 exists:%{x}.x.example -all", .want = SPF_PERMERROR},
	{"round brackets are a fault", "v=spf1 exists:%(i).x.example -all", .want = SPF_PERMERROR},
	{"a lone per cent sign is a fault", "v=spf1 exists:foo%.x.example -all", .want = SPF_PERMERROR},
	{"a long name loses labels from the left", "v=spf1 exists:gone." O8 O8 O8 "%{o}.x.example -all", .want = SPF_PASS, .more = "'" E8 E8 E8 "x.example':{'A':['127.0.0.2']}", .lookups = 1},
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
	struct spf_query query;
	struct spf_answer answer;
};

static int
evaluate(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	return spf_evaluate(l, &a->query, &a->answer, err);
}

/* Answered at once, or one after the other: what was said must be the same. */
static void
ask_zone(const char *record, const char *more, bool deferred, struct ask *a)
{
	char *zone = zone_of(record, more);
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, deferred);
	assert_ok(lookup_settle_one(l, evaluate, a, &err), &err);
	lookup_drop(&l);
	zonetable_close(&t);
	free(zone);
}

static void
check_row(void **state)
{
	const struct row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {
			.query = {.ip = r->ip != NULL ? r->ip : V4, .sender = "a-b-c@o.example", .helo = "h.example"}
                };

		ask_zone(r->record, r->more, deferred, &a);
		if (a.answer.result != r->want)
			fail_msg("%s: %s", spf_result_name(a.answer.result), a.answer.why);
		if (r->mechanism != NULL)
			assert_string_equal(a.answer.mechanism != NULL ? a.answer.mechanism : "", r->mechanism);
		if (r->why != NULL && strstr(a.answer.why, r->why) == NULL)
			fail_msg("why: %s", a.answer.why);
		if (a.answer.lookups != r->lookups || a.answer.voids != r->voids)
			fail_msg("%u look-ups, %u voids: %s", a.answer.lookups, a.answer.voids, a.answer.why);
		assert_null(a.answer.explanation);
		spf_answer_release(&a.answer);
	}
}

/* s2.4, s4.3: whose record. */
/* clang-format off */
static const struct identity {
	const char *name, *sender, *helo;
	enum spf_result want;
	const char *why;
} identities[] = {
	{"the domain of the sender is asked", "a@fail.example", "pass.example", SPF_FAIL, "fail.example: "},
	{"the null sender has the HELO name asked", "", "fail.example", SPF_FAIL, "fail.example: "},
	{"case and a final dot of a domain are nothing", "a@FAIL.example.", "h", SPF_FAIL, "fail.example: "},
	{"the last at sign parts a sender", "\"a@pass.example\"@fail.example", "h", SPF_FAIL, "fail.example: "},
	{"a sender without at sign is a domain", "fail.example", "h", SPF_FAIL, "fail.example: "},
	{"a HELO literal is none", "", "[192.0.2.10]", SPF_NONE, "'[192.0.2.10]' is no domain name"},
	{"a literal is none", "a@[192.0.2.10]", "h.example", SPF_NONE, "is no domain name"},
	{"a bare HELO name is none", "", "localhost", SPF_NONE, "'localhost' is no domain name"},
	{"an empty label is none", "a@a..fail.example", "h.example", SPF_NONE, "is no domain name"},
	{"a name in front of two dots is none", "a@fail.example..", "h.example", SPF_NONE, "is no domain name"},
	{"a leading dot is none", "a@.fail.example", "h.example", SPF_NONE, "is no domain name"},
	{"a label of 63 is asked", "a@" A63 ".example", "h.example", SPF_NONE, "no SPF record"},
	{"a label of 64 is none", "a@" A64 ".example", "h.example", SPF_NONE, "is no domain name"},
	{"a name over 253 is none", "a@" A63 "." A63 "." A63 "." A63 ".example", "h.example", SPF_NONE, "is no domain name"},
	{"a U-label is asked as an A-label", "a@b\303\274cher.example", "h.example", SPF_SOFTFAIL, "xn--bcher-kva.example"},
	{"what is no U-label is none", "a@b\377.example", "h.example", SPF_NONE, "is no domain name"},
	{"no HELO at all is none", "", NULL, SPF_NONE, "'' is no domain name"},
};

/* clang-format on */

static void
check_identity(void **state)
{
	const struct identity *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {
			.query = {.ip = V4, .sender = r->sender, .helo = r->helo}
                };

		ask_zone("v=spf1 +all", "'xn--bcher-kva.example':{'TXT':[['v=spf1 ~all']]}", deferred, &a);
		if (a.answer.result != r->want || strstr(a.answer.why, r->why) == NULL)
			fail_msg("%s: %s", spf_result_name(a.answer.result), a.answer.why);
		spf_answer_release(&a.answer);
	}
}

/* s6.2, s7: what a fail says. */
/* clang-format off */
static const struct explained {
	const char *name;
	const char *record;
	const char *more;
	const char *want; /* NULL: nothing */
	const char *ip, *sender, *helo;
	enum spf_result result; /* SPF_NONE: fail */
} explained[] = {
	{"a fail is explained", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['not ','you']]}", .want = "not you"},
	{"what is not a fail is not explained", "v=spf1 ~all exp=e.example", "'e.example':{'TXT':[['no']]}", .want = NULL, .result = SPF_SOFTFAIL},
	{"a fail of a mechanism is explained", "v=spf1 -ip4:192.0.2.10 +all exp=e.example", "'e.example':{'TXT':[['no']]}", .want = "no"},
	{"letters of explanations", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{c} %{r} %{t} %{i} %{v}']]}", .want = "192.0.2.10 mx.test 1700000000 192.0.2.10 in-addr"},
	{"an IPv6 client is written short and long", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{c} %{ir}']]}", .want = "2001:db8::cb01 1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2", .ip = V6},
	{"sender, HELO and domain", "v=spf1 -all exp=e.%{d}", "'e.o.example':{'TXT':[['%{s} %{l} %{o} %{d} %{h}']]}", .want = "a-b-c@o.example a-b-c o.example o.example h.example"},
	{"no local part is postmaster", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{s}']]}", .want = "postmaster@o.example", .sender = "@o.example"},
	{"the null sender is postmaster at the HELO name", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{s} %{l} %{o} %{h}']]}", .want = "postmaster@o.example postmaster o.example o.example", .sender = "", .helo = "o.example"},
	{"upper case escapes for URLs", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['http://x.example/?l=%{L}&%%%_%-']]}", .want = "http://x.example/?l=~j%26k%3Dup-a_b3.c&% %20", .sender = "~j&k=up-a_b3.c@o.example"},
	{"what was expanded is not expanded again", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{l}']]}", .want = "%{d}", .sender = "%{d}@o.example"},
	{"%{p} in an explanation", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['from %{p}']]}", .want = "from h.example"},
	{"parts and delimiters", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{l1r-} %{l2} %{lr+-.} %{l2-}']]}", .want = "a a-b.c-d d.c.b.a b.c.d", .sender = "a-b.c-d@o.example", .result = SPF_FAIL},
	{"empty parts stay", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{l-} %{lr-}']]}", .want = ".a..b. .b..a.", .sender = "-a--b-@o.example"},
	{"the explanation of a redirect's target counts", "v=spf1 exp=e.example redirect=r.example", "'e.example':{'TXT':[['no']]},'r.example':{'TXT':[['v=spf1 -all exp=f.example']]},'f.example':{'TXT':[['yes %{d}']]}", .want = "yes r.example"},
	{"a redirect leaves its own explanation behind", "v=spf1 exp=e.example redirect=fail.example", "'e.example':{'TXT':[['no']]}", .want = NULL},
	{"the explanation of an include is not used", "v=spf1 include:i.example -all exp=e.example", "'e.example':{'TXT':[['outer']]},'i.example':{'TXT':[['v=spf1 -all exp=f.example']]},'f.example':{'TXT':[['inner']]}", .want = "outer"},
	{"the explanation of an include is not used alone", "v=spf1 include:i.example -all", "'i.example':{'TXT':[['v=spf1 -all exp=f.example']]},'f.example':{'TXT':[['inner']]}", .want = NULL},
	{"the explanation of an include explains no pass", "v=spf1 include:i.example +all", "'i.example':{'TXT':[['v=spf1 -all exp=f.example']]},'f.example':{'TXT':[['inner']]}", .want = NULL, .result = SPF_PASS},
	{"no explanation record", "v=spf1 -all exp=gone.example", NULL, .want = NULL},
	{"an explanation that finds nothing is no void", "v=spf1 a:x1.example a:x2.example exp=gone.example -all", NULL, .want = NULL},
	{"an ill explanation", "v=spf1 -all exp=ill.example", NULL, .want = NULL},
	{"a silent explanation", "v=spf1 -all exp=mute.example", NULL, .want = NULL},
	{"two explanations", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['one'],['two']]}", .want = NULL},
	{"an explanation beyond ASCII", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['n\\\\195\\\\182']]}", .want = NULL},
	{"an explanation of two lines", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['550 no\\\\013\\\\010250 yes']]}", .want = NULL},
	{"an explanation with a fault", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['the %{x}-files']]}", .want = NULL},
	{"an explanation with a lone per cent sign", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['100%']]}", .want = NULL},
	{"a sender puts no bytes beyond ASCII into it", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{h}']]}", .want = NULL, .helo = "\303\274.example"},
	{"a sender puts no line feeds into it", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{h}']]}", .want = NULL, .helo = "a\r\n250 ok"},
	{"an explanation of 1024 bytes", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['" A256 A256 A256 A256 "']]}", .want = A256 A256 A256 A256},
	{"an explanation too long for a reply", "v=spf1 -all exp=e.example", "'e.example':{'TXT':[['" A256 A256 A256 A256 "a']]}", .want = NULL},
	{"an explanation at what is no name", "v=spf1 -all exp=a..example", NULL, .want = NULL},
	{"a local part beyond ASCII is in no name", "v=spf1 exists:%{l}.x.example -all exp=e.example", "'\\\\195\\\\188.x.example':{'A':['127.0.0.2']},'e.example':{'TXT':[['no']]}", .want = "no", .sender = "\303\274@o.example"},
};

/* clang-format on */

static void
check_explained(void **state)
{
	const struct explained *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct ask a = {
			.query = {.ip = r->ip != NULL ? r->ip : V4,
		                  .sender = r->sender != NULL ? r->sender : "a-b-c@o.example",
		                  .helo = r->helo != NULL ? r->helo : "h.example",
		                  .receiver = "mx.test",
		                  .now_s = 1700000000}
                };

		ask_zone(r->record, r->more, deferred, &a);
		if (a.answer.result != (r->result != SPF_NONE ? r->result : SPF_FAIL))
			fail_msg("%s: %s", spf_result_name(a.answer.result), a.answer.why);
		if (r->want == NULL)
			assert_null(a.answer.explanation);
		else
			assert_string_equal(a.answer.explanation != NULL ? a.answer.explanation : "(none)", r->want);
		spf_answer_release(&a.answer);
	}
}

static void
spf_check__the_receiver_is_unknown_where_none_is_given(void **state)
{
	struct ask a = {
		.query = {.ip = V4, .sender = "a@o.example", .helo = "h.example"}
        };

	(void)state;
	ask_zone("v=spf1 -all exp=e.example", "'e.example':{'TXT':[['%{r}']]}", true, &a);
	assert_string_equal(a.answer.explanation, "unknown");
	spf_answer_release(&a.answer);
}

static void
spf_check__what_is_no_address_is_an_error(void **state)
{
	static const char *const ips[] = {"",          "192.0.2", "192.0.2.1/32", "2001:db8::1%eth0", "mail.example",
	                                  "0x7f000001"};
	struct spf_answer answer = {0};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	(void)state;
	zonetable_open("{}", &t);
	l = zonetable_lookup(&t, false);
	for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
		struct spf_query q = {.ip = ips[i], .sender = "a@o.example", .helo = "h.example"};

		assert_int_equal(spf_evaluate(l, &q, &answer, &err), CR_EPARSE);
		assert_non_null(strstr(err.text, "is no address"));
		assert_null(answer.why);
	}
	assert_int_equal(t.n_asked, 0);
	lookup_drop(&l);
	zonetable_close(&t);
}

/* Includes of long names: the line is cut in its middle, never at its reason. */
static void
spf_check__a_long_way_keeps_its_reason(void **state)
{
	struct ask a = {
		.query = {.ip = V4, .sender = "a@o.example", .helo = "h.example"}
        };

	(void)state;
	ask_zone("v=spf1 include:%{o}.%{d} -all",
	         "'o.example.o.example':{'TXT':[['v=spf1 include:" A63 "." A63 ".x.example -all']]},'" A63 "." A63
	         ".x.example':{'TXT':[['v=spf1 include:" A63 "." A63 ".y.example -all']]},'" A63 "." A63
	         ".y.example':{'TXT':[['v=spf1 include:" A63 "." A63 ".z.example -all']]},'" A63 "." A63
	         ".z.example':{'TXT':[['v=spf1 include:" A63 "." A63 ".gone.example -all']]}",
	         true, &a);
	assert_int_equal(a.answer.result, SPF_PERMERROR);
	assert_non_null(strstr(a.answer.why, "no SPF record there"));
	assert_int_equal(strncmp(a.answer.why, "o.example: include:%{o}.%{d}: ...: include:a", 44), 0);
	assert_true(strlen(a.answer.why) < 300);
	spf_answer_release(&a.answer);
}

/* The questions of one evaluation, in order. */
static void
check_asked(const char *record, const char *more, const char *want)
{
	struct ask a = {
		.query = {.ip = V4, .sender = "a@o.example", .helo = "h.example"}
        };
	char *zone = zone_of(record, more);
	struct zonetable t;
	struct lookup *l;
	struct buf asked = {0};
	struct err err = {0};

	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, evaluate, &a, &err), &err);
	for (size_t i = 0; i < t.n_asked; i++)
		buf_addf(&asked, "%s%s", i > 0 ? ", " : "", t.asked[i]);
	assert_string_equal(buf_str(&asked), want);
	buf_release(&asked);
	spf_answer_release(&a.answer);
	lookup_drop(&l);
	zonetable_close(&t);
	free(zone);
}

static void
spf_check__nothing_is_asked_behind_a_match(void **state)
{
	(void)state;
	check_asked("v=spf1 include:pass.example a:other.example mx:m.example -all", NULL,
	            "TXT o.example, TXT pass.example");
}

static void
spf_check__nothing_is_asked_of_a_broken_record(void **state)
{
	(void)state;
	check_asked("v=spf1 include:pass.example a:other.example -all foo", NULL, "TXT o.example");
}

/* Not "unknown.x.example", as long as the name may still come. */
static void
spf_check__nothing_is_asked_for_a_name_that_is_not_known_yet(void **state)
{
	(void)state;
	check_asked("v=spf1 exists:%{p}.x.example -all", NULL,
	            "TXT o.example, PTR 10.2.0.192.in-addr.arpa, A h.example, A h.example.x.example");
}

static void
spf_check__the_hosts_of_mx_are_asked_side_by_side(void **state)
{
	(void)state;
	check_asked("v=spf1 mx:m.example -all",
	            "'m.example':{'MX':[[1,'one.example'],[2,'two.example']]},'one.example':{'A':['192.0.2.10']}",
	            "TXT o.example, MX m.example, A two.example, A one.example");
}

int
main(void)
{
	static struct CMUnitTest tests[320];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, identities, check_identity);
	ROWS(tests, n, explained, check_explained);
	TEST(tests, n, spf_check__the_receiver_is_unknown_where_none_is_given);
	TEST(tests, n, spf_check__what_is_no_address_is_an_error);
	TEST(tests, n, spf_check__a_long_way_keeps_its_reason);
	TEST(tests, n, spf_check__nothing_is_asked_behind_a_match);
	TEST(tests, n, spf_check__nothing_is_asked_of_a_broken_record);
	TEST(tests, n, spf_check__nothing_is_asked_for_a_name_that_is_not_known_yet);
	TEST(tests, n, spf_check__the_hosts_of_mx_are_asked_side_by_side);
	return rows_run("dns/spf_check", tests, n);
}
