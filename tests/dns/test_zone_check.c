/*
 * test_zone_check.c - what zone_check.h and zone_servers.h promise: each server of a delegation asked directly, and DNSSEC told as far as it
 * can be known.
 */
#include "tests/dns/checks.h"

#include "dns/zone_check.h"
#include "dns/zone_servers.h"

#define SERVERS_MAX 4

/* A resolver, and servers that are asked directly: each with a table of its own. */
struct world {
	struct zonetable tables[1 + SERVERS_MAX];
	struct lookup *lookups[1 + SERVERS_MAX];
	const char *addresses[1 + SERVERS_MAX]; /* NULL: the resolver */
	bool no_authority[1 + SERVERS_MAX];
	uint32_t ttl_s;     /* of every record; 0: as in the table */
	const char *nobody; /* names in here have nobody to ask */
	size_t n, asked_directly;
};

static int
world_answer(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
             struct err *err)
{
	struct world *w = ctx;
	const struct lookup_answer *a;
	size_t i = 0;
	int rc = CR_OK;

	if (at != NULL) {
		assert_int_equal(at->port, 53);
		w->asked_directly++;
		for (i = 1; i < w->n && strcmp(w->addresses[i], at->address) != 0;)
			i++;
	}
	if (i == w->n) {
		out->state = LOOKUP_SILENT;
		(void)snprintf(out->why, sizeof(out->why), "nobody at %s", at->address);
		return CR_OK;
	}
	if (w->nobody != NULL && name_is_under(name, w->nobody)) {
		out->state = LOOKUP_FAILED;
		out->nobody = true;
		return CR_OK;
	}
	a = lookup_ask(w->lookups[i], name, type);
	out->state = a->state;
	out->rcode = a->rcode;
	out->authenticated = a->authenticated;
	out->authoritative = i > 0 && !w->no_authority[i];
	memcpy(out->why, a->why, sizeof(out->why));
	for (size_t k = 0; rc == CR_OK && k < a->records.n; k++)
		rc = records_add_copy(&out->records, &a->records.items[k], err);
	for (size_t k = 0; w->ttl_s != 0 && k < out->records.n; k++)
		out->records.items[k].ttl_s = w->ttl_s;
	for (size_t k = 0; rc == CR_OK && k < a->chain.n; k++)
		rc = records_add_copy(&out->chain, &a->chain.items[k], err);
	return rc;
}

/* zone of the resolver, then "192.0.2.53 {...}"; a '!' in front takes the authority from its answers. */
static void
world_open(const char *resolver, const char *const servers[SERVERS_MAX], struct world *w)
{
	char *json = checks_json(resolver);

	*w = (struct world){.n = 1};
	zonetable_open(json, &w->tables[0]);
	w->lookups[0] = zonetable_lookup(&w->tables[0], false);
	free(json);
	for (size_t i = 0; i < SERVERS_MAX && servers[i] != NULL; i++) {
		char *text = checks_json(servers[i]), *space = strchr(text, ' ');

		*space = '\0';
		w->no_authority[w->n] = text[0] == '!';
		w->addresses[w->n] = strdup(text + (text[0] == '!'));
		zonetable_open(space + 1, &w->tables[w->n]);
		w->lookups[w->n] = zonetable_lookup(&w->tables[w->n], false);
		w->n++;
		free(text);
	}
}

static void
world_close(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		lookup_drop(&w->lookups[i]);
		zonetable_close(&w->tables[i]);
		free((void *)(uintptr_t)w->addresses[i]);
	}
}

struct ask {
	const char *domain;
	uint16_t type; /* zone_compare; 0: zone_check */
	const struct records *want;
	struct findings findings;
};

static int
run(struct lookup *l, void *arg, struct err *err)
{
	struct ask *a = arg;

	findings_release(&a->findings);
	if (a->type != 0)
		return zone_compare(l, "out.example", a->domain, a->type, a->want, &a->findings, err);
	return zone_check(l, a->domain, &a->findings, err);
}

/* Answered at once and answered late: the same. */
static void
run_both(struct world *w, struct ask *a)
{
	struct buf said[2] = {{0}, {0}};
	struct err err = {0};

	for (int late = 0; late < 2; late++) {
		struct lookup *l = NULL;

		assert_ok(lookup_open_table(world_answer, w, late != 0, &l, &err), &err);
		assert_ok(lookup_settle_one(l, run, a, &err), &err);
		checks_format(&a->findings, &said[late]);
		lookup_drop(&l);
	}
	assert_string_equal(buf_str(&said[0]), buf_str(&said[1]));
	buf_release(&said[0]);
	buf_release(&said[1]);
}

#define SOA(serial) "'SOA': ['ns1.out.example. h.out.example. " serial " 3600 600 86400 60']"
#define NS2         "'NS': ['ns1.out.example', 'ns2.out.example']"
#define HOSTS       "'ns1.out.example': {'A': ['192.0.2.53']}, 'ns2.out.example': {'A': ['198.51.100.53']}"
#define RESOLVER    "{'out.example': {" NS2 ", " SOA("7") "}, " HOSTS "}"
#define ONE(serial) "192.0.2.53 {'out.example': {" SOA(serial) "}}"
#define TWO(serial) "198.51.100.53 {'out.example': {" SOA(serial) "}}"
#define DS          "'DS': ['12345 13 2 E2D3C916F6DEEAC73294E8268FB5885044A833FC5459588F4A9184CFC41A5766']"
#define DNSKEY                                                                                                         \
	"'DNSKEY': ['257 3 13 "                                                                                        \
	"mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==']"

static const struct row {
	const char *name, *resolver, *servers[SERVERS_MAX], *said, *text;
} rows[] = {
	{"two servers in step",                        RESOLVER,					       {ONE("7"), TWO("7")},								 "note dnssec-unsigned",     ""												   },
	{"a serial behind",
         RESOLVER,                                                                                             {ONE("8"), TWO("7")},
         "note dnssec-unsigned, warn propagation absent",                                                                                                                                                                        "ns2.out.example (198.51.100.53) has serial 7 of out.example, and ns1.out.example (192.0.2.53) has 8"},
	{"serials go round (RFC 1982)",
         RESOLVER,                                                                                             {ONE("2"), TWO("4294967290")},
         "note dnssec-unsigned, warn propagation absent",                                                                                                                                                                        "ns2.out.example (198.51.100.53) has serial 4294967290"                                              },
	{"a lame server beside a good one",
         RESOLVER,                                                                                             {ONE("7"), "198.51.100.53 {'x.example': {}}"},
         "note dnssec-unsigned, warn ns-lame",                                                                                                                                                                                   "ns2.out.example (198.51.100.53) does not serve out.example"                                         },
	{"a server that refuses is lame",
         RESOLVER,                                                                                             {ONE("7"), "198.51.100.53 {'out.example': {'RCODE': 5}}"},
         "note dnssec-unsigned, warn ns-lame",                                                                                                                                                                                   ""												   },
	{"a server without authority is lame",
         RESOLVER,                                                                                             {ONE("7"), "!" TWO("7")},
         "note dnssec-unsigned, warn ns-lame",                                                                                                                                                                                   ""												   },
	{"all lame",
         RESOLVER,                                                                                             {"192.0.2.53 {}", "198.51.100.53 {}"},
         "note dnssec-unsigned, fail ns-lame, fail ns-lame",                                                                                                                                                                     ""												   },
	{"a server that fails",
         RESOLVER,                                                                                             {"192.0.2.53 {'out.example': {'RCODE': 2}}", TWO("7")},
         "note dnssec-unsigned, note ns-not-asked",                                                                                                                                                                              ""												   },
	{"servers on a bench that nobody reaches",
         RESOLVER,                                                                                             {NULL},
         "note dnssec-unsigned, note ns-not-asked, note ns-not-asked",                                                                                                                                                           "ns1.out.example (192.0.2.53) could not be asked"                                                    },
	{"one server",
         "{'out.example': {'NS': ['ns1.out.example'], " SOA("7") "}, " HOSTS "}",
         {ONE("7")},
         "note dnssec-unsigned, warn ns-few",                                                                                                                                                                                    "has one name server"										},
	{"one server on a bench",
         "{'out.example': {'NS': ['ns1.dnshost.example'], " SOA("7") "}}",
         {NULL},
         "note dnssec-unsigned, note ns-not-asked, note ns-few",                                                                                                                                                                 ""												   },
	{"a server on this machine",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA("7") "}, 'a.dns.net': {'A': ['127.0.0.1']}, "
                                                                        "'b.dns.net': {'A': ['127.0.0.1']}}",  {NULL},
         "note dnssec-unsigned, note ns-not-asked, note ns-not-asked",                                                                                                                                                           "a.dns.net (127.0.0.1)"									      },
	{"somebody else answers on this machine",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA("7") "}, 'a.dns.net': {'A': ['127.0.0.1']}, "
                                                                        "'b.dns.net': {'A': ['127.0.0.1']}}",  {"127.0.0.1 {}"},
         "note dnssec-unsigned, note ns-not-asked, note ns-not-asked",                                                                                                                                                           ""												   },
	{"a server that is silent, beside a good one",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA(
		 "7") "}, 'a.dns.net': {'A': ['9.0.0.1']}, 'b.dns.net': "
                      "{'A': ['9.0.0.2']}}",                                                                   {"9.0.0.1 {'out.example': {" SOA("7") "}}"},
         "note dnssec-unsigned, warn ns-silent",                                                                                                                                                                                 "b.dns.net (9.0.0.2) does not answer from here: nobody at 9.0.0.2"                                   },
	{"all silent: it may be the path",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA(
		 "7") "}, 'a.dns.net': {'A': ['9.0.0.1']}, 'b.dns.net': "
                      "{'A': ['9.0.0.2']}}",                                                                   {NULL},
         "note dnssec-unsigned, unknown ns-silent, unknown ns-silent",                                                                                                                                                           ""												   },
	{"a server that fails, beside a good one",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA(
		 "7") "}, 'a.dns.net': {'A': ['9.0.0.1']}, 'b.dns.net': "
                      "{'A': ['9.0.0.2']}}",                                                                   {"9.0.0.1 {'out.example': {" SOA("7") "}}", "9.0.0.2 {'out.example': {'RCODE': 2}}"},
         "note dnssec-unsigned, warn ns-broken",                                                                                                                                                                                 "code 2"											     },
	{"a server without address",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA("7") "}, 'a.dns.net': {'A': ['9.0.0.1']}}",
         {"9.0.0.1 {'out.example': {" SOA("7") "}}"},
         "note dnssec-unsigned, warn ns-unresolvable",                                                                                                                                                                           "name server b.dns.net has no address"							       },
	{"no server with an address",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA("7") "}}",
         {NULL},
         "note dnssec-unsigned, fail ns-unresolvable, fail ns-unresolvable",                                                                                                                                                     ""												   },
	{"a server whose address is not known",
         "{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA(
		 "7") "}, 'a.dns.net': {'A': ['9.0.0.1']}, 'b.dns.net': "
                      "{'RCODE': 2}}",                                                                         {"9.0.0.1 {'out.example': {" SOA("7") "}}"},
         "note dnssec-unsigned, unknown ns-unknown",                                                                                                                                                                             "address of name server b.dns.net"								   },
	{"an alias for a server",
         "{'out.example': {" NS2
         ", " SOA("7") "}, 'ns1.out.example': {'A': ['192.0.2.53']}, 'ns2.out.example': {'CNAME': "
                       "['ns1.out.example']}}",                                                                {ONE("7")},
         "note dnssec-unsigned, fail ns-cname",                                                                                                                                                                                  "ns2.out.example is an alias (CNAME) of ns1.out.example"                                             },
	{"a private address",
         "{'out.example': {" NS2 ", " SOA("7") "}, 'ns1.out.example': {'A': ['192.0.2.53']}, 'ns2.out.example': {'A': "
                                               "['10.0.0.53']}}",                                              {ONE("7"), "10.0.0.53 {'out.example': {" SOA("7") "}}"},
         "note dnssec-unsigned, warn ns-private",                                                                                                                                                                                "10.0.0.53 (private use)"									    },
	{"IPv6 only where there is nothing else",
         "{'out.example': {" NS2 ", " SOA("7") "}, 'ns1.out.example': {'A': ['192.0.2.53'], 'AAAA': ['2001:db8::1']}, "
                                               "'ns2.out.example': {'AAAA': ['2001:db8::53']}}",               {ONE("7"), "2001:db8::53 {'out.example': {" SOA("7") "}}"},
         "note dnssec-unsigned",                                                                                                                                                                                                 ""												   },
	{"two addresses of one server are both asked",
         "{'out.example': {" NS2 ", " SOA("7") "}, 'ns1.out.example': {'A': ['192.0.2.54', '192.0.2.53']}, "
                                               "'ns2.out.example': {'A': ['198.51.100.53']}}",                 {ONE("7"), TWO("7"), "192.0.2.54 {'out.example': {" SOA("6") "}}"},
         "note dnssec-unsigned, warn propagation absent",                                                                                                                                                                        "ns1.out.example (192.0.2.54) has serial 6"							  },
	{"signed, and nobody validates here",
         "{'out.example': {" NS2 ", " SOA("7") ", " DS "}, " HOSTS "}",
         {ONE("7"), TWO("7")},
         "note dnssec-signed",                                                                                                                                                                                                   "this resolver does not say"									 },
	{"signed, without DS",
         "{'out.example': {" NS2 ", " SOA("7") ", " DNSKEY "}, " HOSTS "}",
         {ONE("7"), TWO("7")},
         "note dnssec-no-ds",                                                                                                                                                                                                    ""												   },
	{"no domain",				  "{}",						   {NULL},									       "fail zone-missing absent", "out.example does not exist"                                                                         },
	{"silence",				    "{'out.example': {'TIMEOUT': true}}",                   {NULL},									       "unknown zone-unknown",     "no answer in time"                                                                                  },
	{"servfail",				   "{'out.example': {'RCODE': 2}}",                        {NULL},									       "unknown zone-unknown",     "code 2"                                                                                             },
	{"a name without a zone",
         "{'out.example': {'A': ['192.0.2.1']}}",                                                              {NULL},
         "unknown zone-unknown",                                                                                                                                                                                                 "neither it nor what is above it"								    },
	{"a serial that is a date",
         "{'out.example': {" NS2 ", " SOA("2026112503") "}, " HOSTS "}",
         {ONE("2026112503"), TWO("2026112503")},
         "note dnssec-unsigned, note zone-changed",                                                                                                                                                                              "on 2026-11-25"										      },
	{"a serial that is no date",
         "{'out.example': {" NS2 ", " SOA("2026132503") "}, " HOSTS "}",
         {ONE("2026132503"), TWO("2026132503")},
         "note dnssec-unsigned",                                                                                                                                                                                                 ""												   },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	struct ask ask = {.domain = "out.example"};
	struct world w;
	bool said = r->text[0] == '\0';

	world_open(r->resolver, r->servers, &w);
	run_both(&w, &ask);
	checks_said(&ask.findings, r->said);
	for (size_t i = 0; i < ask.findings.n; i++)
		said = said || strstr(ask.findings.items[i].text, r->text) != NULL;
	assert_true(said);
	findings_release(&ask.findings);
	world_close(&w);
}

/* The zone is found from below; records of the name itself are judged by their own TTL. */
static void
zone_check__the_zone_may_be_above(void **state)
{
	static const char *const servers[SERVERS_MAX] = {ONE("7"), TWO("7")};
	struct ask ask = {.domain = "a.b.out.example"};
	struct world w;

	(void)state;
	world_open("{'a.b.out.example': {'MX': [[10, 'x.example']]}, 'out.example': {" NS2 ", " SOA("7") "}, " HOSTS
	                                                                                                 "}",
	           servers, &w);
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned");
	w.ttl_s = 90000;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned, note ttl-long");
	assert_non_null(strstr(ask.findings.items[1].text, "MX of a.b.out.example has a TTL of 90000 s"));
	findings_release(&ask.findings);
	world_close(&w);
}

static void
zone_check__a_short_ttl_out_of_a_cache_says_nothing(void **state)
{
	static const char *const servers[SERVERS_MAX] = {ONE("7"), TWO("7")};
	struct ask ask = {.domain = "out.example"};
	struct world w;

	(void)state;
	world_open("{'out.example': {'TXT': [['v=spf1 -all'], ['x']], " NS2 ", " SOA("7") "}, " HOSTS "}", servers, &w);
	w.ttl_s = 59;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned");
	w.ttl_s = 86401;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned, note ttl-long");
	w.ttl_s = 86400;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned");
	findings_release(&ask.findings);
	world_close(&w);
}

static void
zone_check__what_is_missing_may_be_remembered_too_long(void **state)
{
	static const char *const servers[SERVERS_MAX] = {ONE("7"), TWO("7")};
	struct ask ask = {.domain = "out.example"};
	struct world w;

	(void)state;
	world_open("{'out.example': {" NS2
	           ", 'SOA': ['ns1.out.example. h.out.example. 7 3600 600 86400 172800']}, " HOSTS "}",
	           servers, &w);
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned"); /* the SOA's own TTL is shorter */
	w.ttl_s = 86401;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned, note negative-ttl");
	findings_release(&ask.findings);
	world_close(&w);
}

/* With a server in the resolver's place that has authority: a route to the zone's own server. */
static int
own_server(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
           struct err *err)
{
	int rc = world_answer(ctx, at, name, type, out, err);

	out->authoritative = true;
	return rc;
}

static void
check_own_server(const char *resolver, uint32_t ttl_s, const char *want, const char *text)
{
	static const char *const servers[SERVERS_MAX] = {NULL};
	struct ask ask = {.domain = "out.example"};
	struct err err = {0};
	struct lookup *l = NULL;
	struct world w;

	world_open(resolver, servers, &w);
	w.ttl_s = ttl_s;
	assert_ok(lookup_open_table(own_server, &w, true, &l, &err), &err);
	assert_ok(lookup_settle_one(l, run, &ask, &err), &err);
	checks_said(&ask.findings, want);
	assert_non_null(strstr(ask.findings.items[0].text, text));
	findings_release(&ask.findings);
	lookup_drop(&l);
	world_close(&w);
}

static void
zone_check__a_server_of_its_own_knows_no_ds(void **state)
{
	(void)state;
	check_own_server("{'out.example': {'NS': ['ns1.dnshost.example'], " SOA("7") ", " DNSKEY "}}", 0,
	                 "note dnssec-signed, note ns-not-asked, note ns-few", "its own server does not know");
	check_own_server("{'out.example': {'NS': ['ns1.dnshost.example'], 'TXT': [['v=spf1 -all']], " SOA("7") "}}", 59,
	                 "note dnssec-unsigned, note ns-not-asked, note ns-few, note ttl-short", "not signed");
}

/* The parent says that the zone is signed, and what it holds cannot be had. */
static int
bogus(void *ctx, const struct resolve_server *at, const char *name, uint16_t type, struct lookup_answer *out,
      struct err *err)
{
	(void)ctx;
	(void)at;
	if (type == RECORD_DS) {
		out->state = LOOKUP_FOUND;
		return records_add(&out->records, name, RECORD_DS, 60, "1 13 2 00", err);
	}
	out->state = LOOKUP_FAILED;
	out->rcode = 2;
	return CR_OK;
}

static void
zone_check__a_broken_chain_is_not_proven(void **state)
{
	struct ask ask = {.domain = "out.example"};
	struct err err = {0};
	struct lookup *l = NULL;

	(void)state;
	assert_ok(lookup_open_table(bogus, NULL, true, &l, &err), &err);
	assert_ok(lookup_settle_one(l, run, &ask, &err), &err);
	checks_said(&ask.findings, "unknown dnssec-bogus");
	assert_string_equal(ask.findings.items[0].fix, "delv out.example SOA");
	findings_release(&ask.findings);
	lookup_drop(&l);
}

static void
zone_check__a_validated_chain_is_told(void **state)
{
	static const char *const servers[SERVERS_MAX] = {ONE("7"), TWO("7")};
	struct ask ask = {.domain = "out.example"};
	struct world w;

	(void)state;
	world_open("{'out.example': {" NS2 ", " SOA("7") ", " DS "}, " HOSTS "}", servers, &w);
	w.tables[0].authenticated = true;
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-signed");
	assert_non_null(strstr(ask.findings.items[0].text, "validated"));
	findings_release(&ask.findings);
	world_close(&w);
}

static void
zone_check__where_nobody_can_be_asked_nothing_is_wrong(void **state)
{
	static const char *const servers[SERVERS_MAX] = {NULL};
	struct ask ask = {.domain = "out.example"};
	struct world w;

	(void)state;
	world_open("{'out.example': {'NS': ['a.dns.net', 'b.dns.net'], " SOA("7") "}}", servers, &w);
	w.nobody = "net";
	run_both(&w, &ask);
	checks_said(&ask.findings, "note dnssec-unsigned, note ns-not-asked, note ns-not-asked");
	findings_release(&ask.findings);
	world_close(&w);
}

/* A delegation to more servers than are asked. */
static void
zone_check__many_servers_are_bounded(void **state)
{
	static const char *const servers[SERVERS_MAX] = {NULL};
	struct ask ask = {.domain = "out.example"};
	struct buf zone = {0};
	struct world w;

	(void)state;
	buf_adds(&zone, "{'out.example': {" SOA("7") ", 'NS': ['n0.example'");
	for (int i = 1; i < 200; i++)
		buf_addf(&zone, ", 'n%d.example'", i);
	buf_adds(&zone, "]}");
	for (int i = 0; i < 200; i++)
		buf_addf(&zone, ", 'n%d.example': {'A': ['192.0.2.%d', '198.51.100.%d', '203.0.113.%d']}", i, i, i, i);
	buf_adds(&zone, "}");
	world_open(buf_str(&zone), servers, &w);
	run_both(&w, &ask);
	assert_int_equal(ask.findings.n, 1 + ZONE_SERVERS_MAX);
	assert_int_equal(w.asked_directly, 2 * ZONE_SERVERS_MAX);
	findings_release(&ask.findings);
	world_close(&w);
	buf_release(&zone);
}

#define TXT_AT(address, txt) address " {'out.example': {" SOA("7") "}, 'k.out.example': {'TXT': [['" txt "']]}}"
#define THREE                                                                                                          \
	"{'out.example': {'NS': ['ns1.out.example', 'ns2.out.example', 'ns3.out.example'], " SOA(                      \
		"7") "}, " HOSTS ", 'ns3.out.example': {'A': ['203.0.113.53']}}"

static const struct compare_row {
	const char *name, *servers[SERVERS_MAX], *want, *said, *text;
} compares[] = {
	{"all the same",
         {TXT_AT("192.0.2.53", "new"), TXT_AT("198.51.100.53", "new"), TXT_AT("203.0.113.53", "new")},
         NULL,      "",
         ""									     },
	{"one has another",
         {TXT_AT("192.0.2.53", "new"), TXT_AT("198.51.100.53", "old"), TXT_AT("203.0.113.53", "new")},
         NULL,      "warn propagation absent",
         "ns2.out.example (198.51.100.53) has another TXT of k.out.example"             },
	{"one has none",
         {TXT_AT("192.0.2.53", "new"), TXT_AT("198.51.100.53", "new"), "203.0.113.53 {'out.example': {" SOA("7") "}}"},
         NULL,      "warn propagation absent",
         "ns3.out.example (203.0.113.53) has no TXT of k.out.example"                   },
	{"of two the one that has it is right",
         {TXT_AT("192.0.2.53", "new"), "198.51.100.53 {'out.example': {" SOA("7") "}}"},
         NULL,      "warn propagation absent",
         "ns2.out.example (198.51.100.53) has no TXT"                                   },
	{"whichever it is",
         {"192.0.2.53 {'out.example': {" SOA("7") "}}", TXT_AT("198.51.100.53", "new")},
         NULL,      "warn propagation absent",
         "ns1.out.example (192.0.2.53) has no TXT"                                      },
	{"one that fails is not compared",
         {TXT_AT("192.0.2.53", "new"), TXT_AT("198.51.100.53", "new"), "203.0.113.53 {'out.example': {'RCODE': 2}}"},
         NULL,      "",
         ""									     },
	{"nobody has it yet",
         {"192.0.2.53 {'out.example': {" SOA("7") "}}", "198.51.100.53 {'out.example': {" SOA("7") "}}"},
         "\"new\"", "warn propagation absent, warn propagation absent",
         "has no TXT of k.out.example"						  },
	{"one has an old one",
         {TXT_AT("192.0.2.53", "new"), TXT_AT("198.51.100.53", "old")},
         "\"new\"", "warn propagation absent",
         "ns2.out.example (198.51.100.53) does not have the wanted TXT of k.out.example"},
	{"more than is wanted is no difference",
         {TXT_AT("192.0.2.53", "new"),
          "198.51.100.53 {'out.example': {" SOA("7") "}, 'k.out.example': {'TXT': [['new'], ['other']]}}"},
         "\"new\"", "",
         ""									     },
};

static void
check_compare(void **state)
{
	const struct compare_row *r = *state;
	struct records want = {0};
	struct ask ask = {.domain = "k.out.example", .type = RECORD_TXT, .want = r->want != NULL ? &want : NULL};
	struct err err = {0};
	struct world w;
	bool said = r->text[0] == '\0';

	if (r->want != NULL)
		assert_ok(records_add(&want, "k.out.example", RECORD_TXT, 60, r->want, &err), &err);
	world_open(THREE, r->servers, &w);
	run_both(&w, &ask);
	checks_said(&ask.findings, r->said);
	for (size_t i = 0; i < ask.findings.n; i++)
		said = said || strstr(ask.findings.items[i].text, r->text) != NULL;
	assert_true(said);
	findings_release(&ask.findings);
	records_release(&want);
	world_close(&w);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, zone_check__the_zone_may_be_above);
	TEST(tests, n, zone_check__a_short_ttl_out_of_a_cache_says_nothing);
	TEST(tests, n, zone_check__what_is_missing_may_be_remembered_too_long);
	TEST(tests, n, zone_check__a_server_of_its_own_knows_no_ds);
	TEST(tests, n, zone_check__a_broken_chain_is_not_proven);
	TEST(tests, n, zone_check__a_validated_chain_is_told);
	TEST(tests, n, zone_check__where_nobody_can_be_asked_nothing_is_wrong);
	TEST(tests, n, zone_check__many_servers_are_bounded);
	ROWS(tests, n, compares, check_compare);
	return rows_run("dns/zone_check", tests, n);
}
