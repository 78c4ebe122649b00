/*
 * test_systemic.c - who is one and who are many; what of a reply and of a host name tells it; and what of a reply is kept.
 */
#include "budget/evidence.h"
#include "budget/systemic.h"
#include "tests/lib/rows.h"

static const struct host_row {
	const char *name, *host, *want;
} host_rows[] = {
	{"Proofpoint's code stands behind the dash", "mx0a-0262c01.pphosted.com",                    "0262c01.pphosted.com"},
	{"of either of the pair",                    "MX0B-0262C01.PPHosted.com.",                   "0262c01.pphosted.com"},
	{"Barracuda's has a letter behind it",       "d100000a.ess.barracudanetworks.com",
         "d100000.ess.barracudanetworks.com"									       },
	{"Cisco's is a label",                       "esa1.hc1000-10.iphmx.com",                     "hc1000-10.iphmx.com" },
	{"Microsoft's is the customer's domain",     "fabrikam-example.mail.protection.outlook.com",
         "fabrikam-example.mail.protection.outlook.com"								    },
	{"consumers have none",                      "eur.olc.protection.outlook.com",               ""                    },
	{"a host that all customers share has none", "us-smtp-inbound-1.mimecast.com",               ""                    },
	{"nor has one without the pair",             "relay.pphosted.com",                           ""                    },
	{"nor has the vendor's own name",            "pphosted.com",                                 ""                    },
	{"nor has a name that only ends alike",      "mx0a-1.notpphosted.com",                       ""                    },
	{"nor has nobody",			   "",					     ""                    },
};

static void
check_host(void **state)
{
	const struct host_row *r = *state;
	char customer[SYSTEMIC_CUSTOMER];

	systemic_customer(r->host, customer);
	assert_string_equal(customer, r->want);
}

static const struct wording_row {
	const char *name, *a, *b;
	bool same;
} wording_rows[] = {
	{"ids and codes do not count", "550 5.7.1 This mail is not wanted here (id 4711)",
         "554 5.7.0 this mail is not wanted here (id X9.a)",									       true },
	{"nor do addresses and hosts", "Mail from a@x.example to mx.fabrikam.example is not wanted here",
         "Mail from b@y.example to mx1.adatum.example is not wanted here",                                                                 true },
	{"other words do",             "this mail is not wanted here",                                    "this mail is too large for us", false},
	{"a few words are none",       "550 not wanted here",                                             "550 not wanted here",           false},
	{"nor is nothing",             "",								"",                              false},
};

static void
check_wording(void **state)
{
	const struct wording_row *r = *state;
	const int64_t a = systemic_wording(r->a), b = systemic_wording(r->b);

	assert_int_equal(a != 0 && a == b, r->same);
}

/* o: organisation, c: customer, v: vendor, r: rule; a letter each, '-' none. */
static const struct heap_row {
	const char *name;
	const char *refusals[6];
	size_t organisations, deciders, alike; /* alike: to the first */
} heap_rows[] = {
	{"one is one",			      {"A--x"},                 1, 1, 1},
	{"twice the same is one",                   {"A--x", "A--x"},         1, 1, 1},
	{"two are two",			     {"A--x", "B--y"},         2, 2, 1},
	{"by the same rule",                        {"A--x", "B--x", "C--y"}, 3, 3, 2},
	{"one customer is one organisation",        {"AP-x", "BP-x", "CP-x"}, 1, 1, 1},
	{"also through a third one",                {"A--x", "BP-x", "AP-x"}, 1, 1, 1},
	{"one vendor decided once",                 {"A-Vx", "B-Vx", "C-Vx"}, 3, 1, 3},
	{"a vendor and an organisation are two",    {"A-Vx", "A--x"},         1, 2, 1},
	{"whoever is not known may be one of them", {"A--x", "---x", "---y"}, 1, 1, 1},
	{"no rule is no likeness",                  {"A---", "B---"},         2, 2, 0},
};

static void
put(char *out, char letter)
{
	out[0] = letter != '-' ? letter : '\0';
	out[1] = '\0';
}

static void
check_heap(void **state)
{
	const struct heap_row *r = *state;
	struct refusal refusals[6], first;
	size_t n = 0;

	memset(refusals, 0, sizeof(refusals));
	for (; n < 6 && r->refusals[n] != NULL; n++) {
		put(refusals[n].organisation, r->refusals[n][0]);
		put(refusals[n].customer, r->refusals[n][1]);
		put(refusals[n].vendor, r->refusals[n][2]);
		put(refusals[n].rule, r->refusals[n][3]);
	}
	first = refusals[0];
	assert_int_equal(systemic_organisations(refusals, n), r->organisations);
	assert_int_equal(systemic_deciders(refusals, n), r->deciders);
	assert_int_equal(systemic_alike(refusals, n, &first), r->alike);
}

static const struct text_row {
	const char *name, *text, *want;
} text_rows[] = {
	{"an address loses its local part", "550 <dora@fabrikam.example> no",  "550 <*@fabrikam.example> no"},
	{"a quoted one too",                "\"Dora D.\"@fabrikam.example no", "*@fabrikam.example no"      },
	{"and one beyond ASCII",            "d\xc3\xb6ra@fabrikam.example",    "*@fabrikam.example"         },
	{"an @ by itself stays",            "call us @ noon",                  "call us @ noon"             },
	{"lines become one",                " 550-a\r\n 550 b\t\x01 c ",       "550-a 550 b c "             },
	{"nothing is nothing",              "",                                ""                           },
};

static void
check_text(void **state)
{
	const struct text_row *r = *state;
	char out[EVIDENCE_TEXT];

	evidence_text(r->text, out);
	assert_string_equal(out, r->want);
}

static void
evidence__a_long_text_is_cut_between_words(void **state)
{
	char text[2 * EVIDENCE_TEXT], out[EVIDENCE_TEXT];

	(void)state;
	for (size_t shift = 0; shift < 16; shift++) {
		size_t n = shift;

		memset(text, 'x', shift);
		for (; n + 16 < sizeof(text); n += 13)
			memcpy(text + n, " no d\xe2\x82\xacra@x.e", 14);
		text[n] = '\0';
		evidence_text(text, out);
		n = strlen(out);
		assert_true(n > EVIDENCE_TEXT - 32 && n < EVIDENCE_TEXT);
		assert_null(strstr(out, "ra"));
		assert_null(strstr(out, "\xe2"));
	}
}

int
main(void)
{
	struct CMUnitTest tests[48];
	size_t n = 0;

	ROWS(tests, n, host_rows, check_host);
	ROWS(tests, n, wording_rows, check_wording);
	ROWS(tests, n, heap_rows, check_heap);
	ROWS(tests, n, text_rows, check_text);
	TEST(tests, n, evidence__a_long_text_is_cut_between_words);
	return rows_run("budget/systemic", tests, n);
}
