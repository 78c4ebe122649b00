/*
 * test_lookup_live.c - what lookup.h promises over the network, against a server in a thread that answers, lies, cuts and keeps silent.
 */
#include "tests/lib/oddns.h"
#include "tests/lib/rows.h"

#include "dns/exchange.h"
#include "dns/lookup.h"

/* One question, asked by a check. */
struct one {
	const char *name;
	uint16_t type;
	const struct resolve_server *at;
	const struct lookup_answer *answer;
};

static int
ask_one(struct lookup *l, void *arg, struct err *err)
{
	struct one *o = arg;

	(void)err;
	o->answer = o->at != NULL ? lookup_ask_at(l, o->at, o->name, o->type) : lookup_ask(l, o->name, o->type);
	return CR_OK;
}

static struct lookup *
open_at(const struct oddns *o)
{
	struct lookup_settings s = {.resolver = o->at, .known = true, .recursion = true};
	struct lookup *l = NULL;
	struct err err = {0};

	assert_ok(lookup_open(&s, &l, &err), &err);
	return l;
}

static const struct lookup_answer *
settled(struct lookup *l, const char *name, uint16_t type)
{
	struct one one = {.name = name, .type = type};
	struct err err = {0};

	assert_ok(lookup_settle_one(l, ask_one, &one, &err), &err);
	return one.answer;
}

static const struct answer_row {
	const char *name, *ask;
	uint16_t type;
	enum lookup_state want;
	const char *want_text; /* of the first record, or within why */
} answers[] = {
	{"an address is found",                          "www.a.example",         RECORD_A,   LOOKUP_FOUND,  "192.0.2.1"            },
	{"a text is found",			      "www.a.example",         RECORD_TXT, LOOKUP_FOUND,  "text of www.a.example"},
	{"no data, and an SOA",                          "www.a.example",         RECORD_MX,  LOOKUP_EMPTY,  NULL                   },
	{"no data, without an SOA",                      "empty-x.a.example",     RECORD_A,   LOOKUP_EMPTY,  NULL                   },
	{"no such name",				 "nxdomain-x.a.example",  RECORD_A,   LOOKUP_NONAME, NULL                   },
	{"no such name, and its address: contradiction", "nxandmore-x.a.example", RECORD_A,   LOOKUP_FAILED, "NXDOMAIN"             },
	{"servfail says its name",                       "servfail-x.a.example",  RECORD_A,   LOOKUP_FAILED, ": SERVFAIL"           },
	{"refused says its name",                        "refused-x.a.example",   RECORD_A,   LOOKUP_FAILED, ": REFUSED"            },
	{"an rcode without a name says its number",      "rcode11-x.a.example",   RECORD_A,   LOOKUP_FAILED, ": rcode 11"           },
	{"silence",				      "silent-x.a.example",    RECORD_A,   LOOKUP_SILENT, "no answer in time"    },
};

static void
check_answer(void **state)
{
	const struct answer_row *r = *state;
	const struct lookup_answer *a;
	struct oddns o = {0};
	struct lookup *l;
	struct buf text = {0};

	oddns_open(&o);
	l = open_at(&o);
	a = settled(l, r->ask, r->type);
	assert_int_equal(a->state, r->want);
	assert_int_equal(a->records.n, r->want == LOOKUP_FOUND);
	assert_int_equal(a->why[0] != '\0', lookup_is_trouble(a));
	if (r->want == LOOKUP_FOUND) {
		record_format(&a->records.items[0], &text);
		assert_non_null(strstr(buf_str(&text), r->want_text));
	} else if (r->want_text != NULL) {
		assert_non_null(strstr(a->why, r->want_text));
		assert_non_null(strstr(a->why, "127.0.0.1"));
	}
	buf_release(&text);
	lookup_drop(&l);
	oddns_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, answers, check_answer);
	return rows_run("dns/lookup_live", tests, n);
}
