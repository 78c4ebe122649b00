/*
 * test_dmarc_check.c - what dmarc_check.h promises: records read as receivers of both standards read them, the walk and where it stops,
 * alignment, consent to reports, and what verify says of a domain.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/dmarc_check.h"

#define D(name, txt)       "\"_dmarc." name "\": {\"TXT\": [[\"" txt "\"]]}"
#define D2(name, one, two) "\"_dmarc." name "\": {\"TXT\": [[\"" one "\"], [\"" two "\"]]}"
#define LABEL_55           "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde"
#define LONG_LABEL         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"

/* "fail dmarc-none, note dmarc-cname". */
static const char *
listed(const struct findings *f, char out[1024])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < f->n && n < 1000; i++)
		n += (size_t)snprintf(out + n, 1024 - n, "%s%s %s%s", i > 0 ? ", " : "",
		                      finding_level_name(f->items[i].level), f->items[i].id,
		                      f->items[i].absent ? " absent" : "");
	return out;
}

/* --- one record --- */

static const struct record_row {
	const char *name;
	const char *texts[3];
	const char *want;     /* "status p sp np / p sp of RFC 7489 / enforced" */
	const char *findings; /* all of them */
	const char *text;     /* in the first one; NULL */
} records_read[] = {
	{"policies fall back from np to sp to p",
         {"v=DMARC1; p=reject; sp=quarantine"},
         "valid reject quarantine quarantine / reject quarantine / yes",                              "warn dmarc-sp",
         "sp=quarantine"																							  },
	{"np is no concern of RFC 7489",
         {"v=DMARC1; p=reject; np=none"},
         "valid reject reject none / reject reject / yes",                                            "warn dmarc-np",
         "np=none"																								},
	{"stricter below is no fault",
         {"v=DMARC1; p=quarantine; sp=reject; np=reject"},
         "valid quarantine reject reject / quarantine reject / yes",                                  "",
         NULL																								     },
	{"np stricter than a weaker sp",
         {"v=DMARC1; p=reject; sp=none; np=reject"},
         "valid reject none reject / reject none / yes",                                              "warn dmarc-sp",
         NULL																								     },
	{"a bad np undoes the policy for RFC 9989 alone",
         {"v=DMARC1; p=reject; np=all"},
         "invalid    / reject reject / no",                                                           "fail dmarc-np",
         "np=all"																								 },
	{"a bad np with rua is none",
         {"v=DMARC1; p=reject; np=all; rua=mailto:d@out.example"},
         "valid none none none / reject reject / no",                                                 "fail dmarc-np",
         "acts as p=none"																							 },
	{"a bad sp with rua is none for both",
         {"v=DMARC1; p=reject; sp=; rua=mailto:d@out.example"},
         "valid none none none / none none / no",                                                     "fail dmarc-sp",
         NULL																								     },
	{"a missing p with rua is none",
         {"v=DMARC1; rua=mailto:d@out.example"},
         "valid none none none / none none / no",                                                     "fail dmarc-p",
         "p is missing"																							   },
	{"a bad rua does not save a missing p",
         {"v=DMARC1; rua=d@out.example"},
         "invalid    /   / no",                                                                       "warn dmarc-rua, fail dmarc-p",
         "mailto: is missing"																						     },
	{"a lost semicolon is named",
         {"v=DMARC1; p=reject sp=reject"},
         "invalid    /   / no",                                                                       "fail dmarc-p",
         "a semicolon is missing"																						 },
	{"a tag that stands twice spoils the record",
         {"v=DMARC1; p=reject; p=reject; rua=mailto:d@out.example"},
         "invalid    /   / no",                                                                       "fail dmarc-syntax",
         "'p' stands twice"																						       },
	{"the version twice spoils it, too",
         {"v=DMARC1; v=DMARC1; p=reject"},
         "invalid    /   / no",                                                                       "fail dmarc-syntax",
         NULL																								     },
	{"two records are none",
         {"v=DMARC1; p=reject", "v=DMARC1; p=none"},
         "multiple    /   / no",                                                                      "fail dmarc-two-records",
         "2 records"																							      },
	{"a record beside other texts is found",
         {"google-site-verification=x", "v=DMARC1; p=reject", "v=spf1 -all"},
         "valid reject reject reject / reject reject / yes",                                          "note dmarc-other-txt, note dmarc-other-txt",
         "google-site"																							    },
	{"white space in front makes it no record",
         {" v=DMARC1; p=reject"},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "white space"																							    },
	{"quotes inside make it no record",
         {"\"v=DMARC1; p=reject\""},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "quotes"																								 },
	{"a lower-case version makes it no record",
         {"v=dmarc1; p=reject"},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "capitals"																							       },
	{"a capital V makes it no record",
         {"V=DMARC1; p=reject"},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "lower case"																							     },
	{"a lost first semicolon makes it no record",
         {"v=DMARC1 p=reject"},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "no semicolon"																							   },
	{"a backslash makes it no record",
         {"v=DMARC1\\; p=reject\\;"},
         "none    /   / no",                                                                          "fail dmarc-unreadable",
         "backslash"																							      },
	{"p first makes it no record",                    {"p=reject; v=DMARC1"}, "none    /   / no", "fail dmarc-unreadable",                                                                          "first"   },
	{"a broken text beside a record is a warning",
         {"v=DMARC1; p=reject", "v=dmarc1; p=none"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-unreadable",
         NULL																								     },
	{"other texts alone are none",                    {"v=spf1 -all"},        "none    /   / no", "note dmarc-other-txt",                                                                           "wildcard"},
	{"t=y is not enforced",
         {"v=DMARC1; p=reject; t=Y"},
         "valid reject reject reject / reject reject / no",                                           "fail dmarc-t",
         NULL																								     },
	{"t=y of none tests nothing",
         {"v=DMARC1; p=none; t=y"},
         "valid none none none / none none / no",                                                     "warn dmarc-t",
         "no effect"																							      },
	{"t=x is ignored",
         {"v=DMARC1; p=reject; t=yes"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-t",
         "t=yes says nothing"																						     },
	{"pct below 100 is not enforced",
         {"v=DMARC1; p=reject; pct=99"},
         "valid reject reject reject / reject reject / no",                                           "fail dmarc-pct",
         "pct=99"																								 },
	{"pct=100 is old",
         {"v=DMARC1; p=reject; pct=100"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-pct",
         "gone"																								   },
	{"pct beyond 100 is ignored",
         {"v=DMARC1; p=reject; pct=150"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-pct",
         NULL																								     },
	{"a very long pct is ignored",
         {"v=DMARC1; p=reject; pct=0000000000000000000000"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-pct",
         NULL																								     },
	{"rf and ri are old",
         {"v=DMARC1; p=reject; ri=1; rf=afrf"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rf, warn dmarc-ri",
         "rf is gone"																							     },
	{"p behind others is for new readers",
         {"v=DMARC1; sp=reject; p=reject"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-order",
         "RFC 7489"																							       },
	{"an unknown tag is named",
         {"v=DMARC1; p=reject; adkmi=s"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-unknown-tag",
         "adkmi"																								  },
	{"a tag in capitals is unknown, with a hint",
         {"v=DMARC1; p=reject; SP=none"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-unknown-tag",
         "lower case"																							     },
	{"of many unknown tags four are named",
         {"v=DMARC1; p=reject; a=1; b=2; c=3; d=4; e=5"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-unknown-tag, warn dmarc-unknown-tag, warn dmarc-unknown-tag, warn dmarc-unknown-tag",
         "'a'"																								    },
	{"what is no tag is named",
         {"v=DMARC1; p=reject; sp:none"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-stray",
         "sp:none"																								},
	{"a bad alignment mode is relaxed",
         {"v=DMARC1; p=reject; adkim=strict; aspf=x"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-adkim, warn dmarc-aspf",
         "adkim=strict"																							   },
	{"psd=y is for registries",
         {"v=DMARC1; p=reject; psd=y"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-psd",
         "registries"																							     },
	{"psd=x is ignored",
         {"v=DMARC1; p=reject; psd=x"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-psd",
         "says nothing"																							   },
	{"fo without ruf is a note",
         {"v=DMARC1; p=reject; fo=1"},
         "valid reject reject reject / reject reject / yes",                                          "note dmarc-fo",
         NULL																								     },
	{"fo takes each letter once",
         {"v=DMARC1; p=reject; fo=s:s; ruf=mailto:f@out.example"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-fo",
         "s:s"																								    },
	{"https is an address that few serve",
         {"v=DMARC1; p=reject; rua=https://r.out.example/in"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rua",
         "hardly anybody"																							 },
	{"a naked ! is named",
         {"v=DMARC1; p=reject; rua=mailto:a!b@out.example"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rua",
         "%21"																								    },
	{"an empty rua is named",
         {"v=DMARC1; p=reject; rua="},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rua",
         "empty"																								  },
	{"mailto needs an address",
         {"v=DMARC1; p=reject; ruf=mailto:out.example"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-ruf",
         "no address"																							     },
	{"an address with < is none",
         {"v=DMARC1; p=reject; rua=mailto:<d@out.example>"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rua",
         NULL																								     },
	{"a broken escape is none",
         {"v=DMARC1; p=reject; rua=mailto:a%2@out.example"},
         "valid reject reject reject / reject reject / yes",                                          "warn dmarc-rua",
         NULL																								     },
	{"the empty text is nothing",                     {""},                   "none    /   / no", "note dmarc-other-txt",                                                                           NULL      },
};

static void
check_record(void **state)
{
	const struct record_row *r = *state;
	struct dmarc_reading got;
	struct findings f = {0};
	struct err err = {0};
	char text[1024];
	size_t n = 0;

	while (n < ARRAY_LEN(r->texts) && r->texts[n] != NULL)
		n++;
	assert_ok(dmarc_read(r->texts, n, &got, &f, &err), &err);
	(void)snprintf(text, sizeof(text), "%s %s %s %s / %s %s / %s", dmarc_status_name(got.status),
	               dmarc_policy_name(got.p), dmarc_policy_name(got.sp), dmarc_policy_name(got.np),
	               dmarc_policy_name(got.p_7489), dmarc_policy_name(got.sp_7489), got.enforced ? "yes" : "no");
	assert_string_equal(text, r->want);
	assert_string_equal(listed(&f, text), r->findings);
	if (r->text != NULL && strstr(f.items[0].text, r->text) == NULL)
		fail_msg("'%s' does not say '%s'", f.items[0].text, r->text);
	findings_release(&f);
	/* The same without a listener. */
	assert_ok(dmarc_read(r->texts, n, &got, NULL, &err), &err);
	assert_int_equal(strncmp(r->want, dmarc_status_name(got.status), strlen(dmarc_status_name(got.status))), 0);
}

#define ADDRESSES                                                                                                      \
	"v=DMARC1; p=reject; fo=D:1; psd=N; "                                                                          \
	"rua=mailto:a%2Cb%21@x.example!10M , "                                                                         \
	"mailto:b@y.example!7,mailto:c@z.example!k,,nobody,HTTPS://r.example/;"                                        \
	"ruf=mailto:f@x.example!5x"

static void
dmarc_read__addresses_are_kept_as_they_act(void **state)
{
	const char *text = ADDRESSES;
	struct dmarc_reading got;
	struct err err = {0};

	(void)state;
	assert_ok(dmarc_read(&text, 1, &got, NULL, &err), &err);
	assert_int_equal(got.record.n_rua, 4);
	assert_string_equal(got.record.rua[0], "mailto:a%2Cb%21@x.example");
	assert_string_equal(got.record.rua[1], "mailto:b@y.example");
	assert_string_equal(got.record.rua[2], "mailto:c@z.example!k");
	assert_string_equal(got.record.rua[3], "HTTPS://r.example/");
	assert_int_equal(got.n_ruf, 1);
	assert_string_equal(got.ruf[0], "mailto:f@x.example!5x"); /* no size: a part of the URI */
	assert_string_equal(got.fo, "d:1");
	assert_int_equal(got.psd, 'n');
}

static void
dmarc_read__what_is_left_out_has_its_default(void **state)
{
	const char *text = "v=DMARC1; p=reject";
	struct dmarc_reading got;
	struct err err = {0};

	(void)state;
	assert_ok(dmarc_read(&text, 1, &got, NULL, &err), &err);
	assert_string_equal(got.fo, "0");
	assert_int_equal(got.psd, 'u');
	assert_int_equal(got.record.pct, -1);
	assert_false(got.record.adkim_strict || got.record.aspf_strict || got.record.testing);
}

static void
dmarc_read__huge_records_are_bounded(void **state)
{
	struct buf b = {0};
	struct findings f = {0};
	struct dmarc_reading got;
	struct err err = {0};
	const char *text;

	(void)state;
	buf_adds(&b, "v=DMARC1; p=reject; rua=mailto:");
	while (b.len < 60000)
		buf_adds(&b, "a");
	buf_adds(&b, "@out.example,mailto:d@out.example");
	text = buf_str(&b);
	assert_ok(dmarc_read(&text, 1, &got, &f, &err), &err);
	assert_int_equal(got.record.n_rua, 1);
	assert_string_equal(got.record.rua[0], "mailto:d@out.example");
	assert_non_null(strstr(findings_find(&f, "dmarc-rua")->text, "is left out"));
	while (b.len < 70000)
		buf_adds(&b, ";");
	text = buf_str(&b);
	assert_ok(dmarc_read(&text, 1, &got, NULL, &err), &err);
	assert_int_equal(got.status, DMARC_INVALID);
	buf_release(&b);
	findings_release(&f);
}

/* --- discovery --- */

static const struct discovery_row {
	const char *name;
	const char *zone, *domain;
	const char *want;     /* "status policy of policy domain, organisation / by the list" */
	const char *findings; /* all of them */
	const char *asked;    /* all questions in order; NULL: not looked at */
} discoveries[] = {
	{"the name's own record",											     "{" D("out.example",                                       "v=DMARC1; p=reject") "}",                                                                            "Out.Example.",
         "valid reject of out.example, out.example / out.example","", "_dmarc.out.example _dmarc.example"},
	{"a parent's record binds what has none",									     "{" D("out.example",                                       "v=DMARC1; p=reject") "}",                                                                            "a.b.out.example",
         "valid reject of out.example, out.example / out.example","",
         "_dmarc.a.b.out.example _dmarc.b.out.example _dmarc.out.example _dmarc.example"},
	{"the organisation's record, not the nearest one",
         "{" D("b.out.example",																			  "v=DMARC1; p=none") "," D("out.example",                                                              "v=DMARC1; p=reject") "}","a.b.out.example",
         "valid reject of out.example, out.example / out.example","", NULL},
	{"psd=n is the organisation, and the walk stops there",
         "{" D("b.out.example",															"v=DMARC1; p=quarantine; psd=n") "," D("out.example",																																"v=DMARC1; p=reject") "}",
         "a.b.out.example","valid quarantine of b.out.example, b.out.example / out.example",
         "warn dmarc-7489, note dmarc-organisation",																																																		  "_dmarc.a.b.out.example _dmarc.b.out.example _dmarc.out.example"},
	{"psd=n at the name itself ends the walk",						   "{" D("out.example",													    "v=DMARC1; p=reject; psd=n") "}",																					 "out.example",
         "valid reject of out.example, out.example / out.example","","_dmarc.out.example"},
	{"below psd=y stands the organisation",
         "{" D("out.example",																			"v=DMARC1; p=reject") "," D("example",																											"v=DMARC1; p=none; psd=y") "}","a.out.example",
         "valid reject of out.example, out.example / out.example","",
         "_dmarc.a.out.example _dmarc.out.example _dmarc.example"},
	{"the registry's record binds who has none",
         "{" D("example",
         "v=DMARC1; p=reject; np=quarantine; psd=y") ","
                                                           "\"out.example\": {\"MX\": [[10, \"mx.out.example\"]]}}",                                                                                                                                                                                                                           "out.example","valid reject of example, out.example / out.example",
         "warn dmarc-np, warn dmarc-psd, warn dmarc-7489",NULL},
	{"the registry's np binds who does not exist",								    "{" D("example",															 "v=DMARC1; p=reject; np=quarantine; psd=y") "}",
         "out.example","valid quarantine of example, out.example / out.example, no such name",
         "warn dmarc-np, warn dmarc-psd, warn dmarc-7489","_dmarc.out.example _dmarc.example A out.example"},
	{"between organisation and psd=y no record counts",
         "{" D("b.out.example",									    "v=DMARC1; p=none") "," D("example",																						"v=DMARC1; p=reject; psd=y") "}",
         "a.b.out.example","valid reject of example, out.example / out.example","warn dmarc-psd, warn dmarc-7489",
         NULL},
	{"psd=y at the name itself is its own record",							       "{" D("example",										       "v=DMARC1; p=reject; sp=none; psd=y") "}",
         "example","valid reject of example, example / example","warn dmarc-sp, warn dmarc-psd","_dmarc.example"},
	{"one label is a name",								       "{}",												 "localhost",																						     "none  of , localhost / localhost","",      "_dmarc.localhost"                                                                                 },
	{"a record of one label without psd is an organisation (rule 3)",														 "{" D("example",																			"v=DMARC1; p=reject") "}",
         "out.example","valid reject of example, example / out.example","warn dmarc-7489, note dmarc-organisation",
         NULL																															 },
	{"psd=y further down than the top",
         "{" D("co.example",																					   "v=DMARC1; p=none; psd=y") "," D("shop.co.example",																																	       "v=DMARC1; p=reject") "}",
         "mail.shop.co.example","valid reject of shop.co.example, shop.co.example / co.example",
         "warn dmarc-7489, note dmarc-organisation","_dmarc.mail.shop.co.example _dmarc.shop.co.example _dmarc.co.example"},
	{"eight labels lose one",						    "{}",																     "a.b.c.d.e.f.out.example",																				   "none  of , a.b.c.d.e.f.out.example / out.example",
         "","_dmarc.a.b.c.d.e.f.out.example _dmarc.b.c.d.e.f.out.example _dmarc.c.d.e.f.out.example "
         "_dmarc.d.e.f.out.example _dmarc.e.f.out.example _dmarc.f.out.example _dmarc.out.example _dmarc.example"},
	{"nine labels jump to seven",														  "{}",							   "x.a.b.c.d.e.f.out.example",
         "none  of , x.a.b.c.d.e.f.out.example / out.example","",
         "_dmarc.x.a.b.c.d.e.f.out.example _dmarc.b.c.d.e.f.out.example _dmarc.c.d.e.f.out.example "
         "_dmarc.d.e.f.out.example _dmarc.e.f.out.example _dmarc.f.out.example _dmarc.out.example _dmarc.example"},
	{"psd=y below a jump",            "{" D("c.d.e.f.g.out.example",								     "v=DMARC1; p=none; psd=y") "}",
         "x.y.z.a.b.c.d.e.f.g.out.example","valid none of c.d.e.f.g.out.example, b.c.d.e.f.g.out.example / out.example",
         "warn dmarc-psd, warn dmarc-7489, note dmarc-organisation",NULL},
	{"sp binds names that exist",
         "{" D("out.example",
         "v=DMARC1; p=reject; sp=none; np=quarantine") ","
                                                             "\"mail.out.example\": {\"A\": [\"192.0.2.1\"]}}",                                                                                                                                                                                                                                                  "mail.out.example","valid none of out.example, out.example / out.example","warn dmarc-sp, warn dmarc-np",
         NULL},
	{"a name with something below it exists",
         "{" D("out.example",
         "v=DMARC1; p=reject; sp=none; np=quarantine") ","
                                                             "\"x.mail.out.example\": {\"A\": [\"192.0.2.1\"]}}",                                                                                                                                                                                                                                       "mail.out.example","valid none of out.example, out.example / out.example","warn dmarc-sp, warn dmarc-np",
         NULL},
	{"an alias to nowhere exists",
         "{" D("out.example",
         "v=DMARC1; p=reject; sp=none; np=quarantine") ","
                                                             "\"mail.out.example\": {\"CNAME\": [\"gone.example\"]}}",                                                                                                                                                                                                                                                  "mail.out.example","valid none of out.example, out.example / out.example","warn dmarc-sp, warn dmarc-np",
         NULL														},
	{"np binds names that do not",														"{" D("out.example",																					 "v=DMARC1; p=reject; sp=none; np=quarantine") "}",
         "mail.out.example","valid quarantine of out.example, out.example / out.example, no such name",
         "warn dmarc-sp, warn dmarc-np, warn dmarc-7489",NULL},
	{"without np, sp binds both",													       "{" D("out.example",																					"v=DMARC1; p=reject; sp=quarantine") "}",
         "ghost.out.example","valid quarantine of out.example, out.example / out.example","warn dmarc-sp",
         "_dmarc.ghost.out.example _dmarc.out.example _dmarc.example"},
	{"two records are discarded, and the walk goes on",
         "{" D2("mail.out.example",														 "v=DMARC1; p=none",																				     "v=DMARC1; p=none") "," D("out.example",
         "v=DMARC1; p=reject") "}",
         "mail.out.example","valid reject of out.example, out.example / out.example",
         "fail dmarc-two-records, warn dmarc-7489", NULL},
	{"two records and nothing above",							   "{" D2("out.example",																      "v=DMARC1; p=none",																												      "v=DMARC1; p=none") "}",
         "out.example","multiple  of , out.example / out.example","fail dmarc-two-records",																NULL},
	{"two records at the parent alone",												       "{" D2("out.example",														      "v=DMARC1; p=none",																								  "v=DMARC1; p=none") "}",
         "mail.out.example","multiple  of , mail.out.example / out.example",																	    "",																	    NULL},
	{"a record that does nothing still ends the search",
         "{" D("mail.out.example",																			     "v=DMARC1; adkim=s") "," D("out.example",																										  "v=DMARC1; p=reject") "}",
         "mail.out.example","invalid  of mail.out.example, out.example / out.example","fail dmarc-p",NULL},
	{"other texts are no record",									   "{" D("mail.out.example","hello") "," D("out.example",																																   "v=DMARC1; p=reject") "}",
         "mail.out.example","valid reject of out.example, out.example / out.example",																								       "note dmarc-other-txt",NULL},
	{"a bad np does not bother RFC 7489",                 "{" D("out.example",												"v=DMARC1; p=reject; np=x") "}","out.example",
         "invalid  of out.example, out.example / out.example","fail dmarc-np, warn dmarc-7489",NULL},
	{"an alias is named",
         "{\"_dmarc.out.example\": {\"CNAME\": [\"_dmarc.vendor.example\"]}," D("vendor.example",
         "v=DMARC1; p=reject") "}",
         "out.example","valid reject of out.example, out.example / out.example","note dmarc-cname",NULL},
	{"trouble at the name is no answer",												 "{\"_dmarc.out.example\": {\"RCODE\": 2}}",                                                                                        "out.example",
         "temperror  of ,  / out.example","unknown dmarc-temperror",												       "_dmarc.out.example"																				},
	{"trouble in the middle is no answer",										  "{\"_dmarc.out.example\": {\"TIMEOUT\": true}}", "mail.out.example",
         "temperror  of ,  / out.example","unknown dmarc-temperror", "_dmarc.mail.out.example _dmarc.out.example"},
	{"trouble above a found parent is no answer",
         "{" D("out.example",                          "v=DMARC1; p=reject") ","
                                                    "\"_dmarc.example\": {\"RCODE\": 5}}",                                                                                                                                                                                                                                                     "mail.out.example","temperror  of ,  / out.example","unknown dmarc-temperror",												NULL																													       },
	{"trouble above the own record leaves it",
         "{" D("out.example",								  "v=DMARC1; p=reject") ","
                                                    "\"_dmarc.example\": {\"RCODE\": 2}}","out.example","valid reject of out.example,  / out.example","unknown dmarc-temperror",NULL                                    },
	{"trouble about existence is no NXDOMAIN",
         "{" D("out.example",								       "v=DMARC1; p=reject; sp=none; np=quarantine") ","
                                                                            "\"mail.out.example\": {\"RCODE\": 2}}",                                                                                                                                                                                                                                             "mail.out.example",																																								 "valid none of out.example, out.example / out.example",																																																																																													     "warn dmarc-sp, warn dmarc-np",
         NULL																																},
	{"what is no name is invalid", "{}",                                        "out..example","invalid  of ,  / ","",""},
	{"the root is no name",												     "{}",												    ".",																																											     "invalid  of ,  / ",																																																																																																										"",																																																																																																																		      ""																																																																																																																			   },
	{"a name too long for _dmarc is walked from its parent",												"{" D("out.example",																		       "v=DMARC1; p=reject") "}",
         LABEL_55 "." LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".out.example",
         "valid reject of out.example, out.example / out.example","",
         "_dmarc." LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".out.example _dmarc." LONG_LABEL "." LONG_LABEL
         ".out.example _dmarc." LONG_LABEL ".out.example _dmarc.out.example _dmarc.example"																							      },
};

struct discovering {
	const char *domain;
	struct dmarc_policy_found got;
	struct findings findings;
	int (*how)(struct lookup *l, const char *domain, struct dmarc_policy_found *out, struct findings *f,
	           struct err *err);
};

static int
discover(struct lookup *l, void *arg, struct err *err)
{
	struct discovering *d = arg;

	findings_release(&d->findings);
	return d->how(l, d->domain, &d->got, &d->findings, err);
}

static void
assert_asked(const struct zonetable *t, const char *want)
{
	struct buf got = {0};

	for (size_t i = 0; i < t->n_asked; i++)
		buf_addf(&got, "%s%s", i > 0 ? " " : "",
		         strncmp(t->asked[i], "TXT ", 4) == 0 ? t->asked[i] + 4 : t->asked[i]);
	assert_string_equal(buf_str(&got), want);
	buf_release(&got);
}

static void
check_discovery(void **state)
{
	const struct discovery_row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct discovering d = {.domain = r->domain, .how = dmarc_discover};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};
		char text[1024];

		zonetable_open(r->zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, discover, &d, &err), &err);
		(void)snprintf(text, sizeof(text), "%s %s of %s, %s / %s%s", dmarc_status_name(d.got.status),
		               dmarc_policy_name(d.got.policy), d.got.policy_domain, d.got.organisational,
		               d.got.organisational_7489, d.got.exists ? "" : ", no such name");
		if (r->want != NULL)
			assert_string_equal(text, r->want);
		assert_string_equal(listed(&d.findings, text), r->findings);
		assert_int_equal(d.got.differs, findings_find(&d.findings, "dmarc-7489") != NULL);
		if (r->asked != NULL)
			assert_asked(&t, r->asked);
		findings_release(&d.findings);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

struct organising {
	const char *domain;
	char got[256];
	bool known;
};

static int
organise(struct lookup *l, void *arg, struct err *err)
{
	struct organising *o = arg;

	(void)err;
	o->known = dmarc_organisational(l, o->domain, o->got, sizeof(o->got));
	return CR_OK;
}

static void
dmarc_organisational__is_known_or_not(void **state)
{
	static const struct {
		const char *domain, *want; /* NULL: not known */
	} rows[] = {
		{"A.Out.Example.", "out.example"},
                {"b.ill.example",  NULL         },
                {"no..name",       NULL         },
                {".",              NULL         }
        };
	struct zonetable t;
	struct err err = {0};

	(void)state;
	zonetable_open("{" D("out.example", "v=DMARC1; p=reject") ",\"_dmarc.ill.example\": {\"RCODE\": 2}}", &t);
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		struct organising o = {.domain = rows[i / 2].domain};
		struct lookup *l = zonetable_lookup(&t, i % 2 != 0);

		assert_ok(lookup_settle_one(l, organise, &o, &err), &err);
		assert_int_equal(o.known, rows[i / 2].want != NULL);
		if (o.known)
			assert_string_equal(o.got, rows[i / 2].want);
		lookup_drop(&l);
	}
	zonetable_close(&t);
}

/* --- a message --- */

static const struct judge_row {
	const char *name;
	const char *zone, *from;
	struct dmarc_identifier spf, dkim[3];
	const char *want; /* "result spf dkim disposition" */
} judgements[] = {
	{"SPF of the same name",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {"OUT.example.", true},
         {{0}},
         "pass yes no reject"																																					       },
	{"DKIM of a name below",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {0},
         {{"mail.out.example", true}},
         "pass no yes reject"																																					       },
	{"both",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {"bounce.out.example", true},
         {{"out.example", true}},
         "pass yes yes reject"																																					      },
	{"aligned without a pass is nothing",
         "{" D("out.example",                             "v=DMARC1; p=quarantine") "}",
         "out.example",                                                                                                                                                 {"out.example", false},
         {{"out.example", false}},
         "fail no no quarantine"																																					    },
	{"a stranger's pass is nothing",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {"esp.example", true},
         {{"esp.example", true}},
         "fail no no reject"																																						},
	{"one of several signatures is enough",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {0},
         {{"esp.example", true}, {"out.example", false}, {"out.example", true}},
         "pass no yes reject"																																					       },
	{"strict DKIM does not take a name below",
         "{" D("out.example",                             "v=DMARC1; p=reject; adkim=s") "}",
         "out.example",                                                                                                                                                 {"bounce.out.example", true},
         {{"mail.out.example", true}},
         "pass yes no reject"																																					       },
	{"strict SPF does not take a name below",
         "{" D("out.example",                             "v=DMARC1; p=reject; aspf=s") "}",
         "out.example",                                                                                                                                                 {"bounce.out.example", true},
         {{"mail.out.example", true}},
         "pass no yes reject"																																					       },
	{"an identifier has an organisation of its own",
         "{" D("out.example",                             "v=DMARC1; p=reject") "," D("mail.out.example",                             "v=DMARC1; p=reject; psd=n") "}",
         "out.example",                                                                                                                                                                                                {"mail.out.example", true},
         {{0}},
         "fail no no reject"},
	{"names below the same registry are strangers",
         "{" D("a.example", "v=DMARC1; p=reject") "," D("example",													   "v=DMARC1; p=reject; psd=y") "}",
         "a.example",         {"b.example", true},
         {{"example", true}},
         "fail no no reject"},
	{"the end of a label is no organisation",
         "{" D("out.example",                           "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                           {"xout.example", true},
         {{0}},
         "fail no no reject"																		    },
	{"no record",			    "{}",                           "out.example",											   {"out.example", true},											    {{0}},												  "none no no none"            },
	{"two records",
         "{" D2("out.example",				 "v=DMARC1; p=reject",													"v=DMARC1; p=reject") "}",
         "out.example", {"out.example", true},
         {{0}},
         "none no no none"},
	{"a record that does nothing",
         "{" D("out.example",                             "v=DMARC1; p=x") "}",
         "out.example",                                                                                                                                           {"out.example", true},
         {{0}},
         "none no no none"																																			       },
	{"no domain",			      "{}",			     "out..example",											     {"out.example", true},											    {{0}},											       "permerror no no none"       },
	{"the policy could not be asked for",
         "{\"_dmarc.out.example\": {\"RCODE\": 2}}",           "out.example",
         {"out.example", true},
         {{0}},
         "temperror no no none"																												   },
	{"identical names need no organisation",
         "{" D("out.example",                             "v=DMARC1; p=reject") ",\"_dmarc.example\": {\"RCODE\": 2}}",
         "out.example",                                                                                                                                                 {"out.example", true},
         {{0}},
         "pass yes no reject"																		     },
	{"relaxed ones do",
         "{" D("out.example",                             "v=DMARC1; p=reject") ",\"_dmarc.example\": {\"RCODE\": 2}}",
         "out.example",                                                                                                                                                 {"mail.out.example", true},
         {{0}},
         "temperror no no reject"},
	{"strict ones do not",
         "{" D("out.example",                             "v=DMARC1; p=reject; aspf=s") ",\"_dmarc.example\": {\"RCODE\": 2}}",
         "out.example",                                                                                                                                                 {"mail.out.example", true},
         {{0}},
         "fail no no reject"																																					     },
	{"an identifier's trouble is no failure",
         "{" D("out.example",                             "v=DMARC1; p=reject") ",\"_dmarc.mail.out.example\": {\"TIMEOUT\": true}}",
         "out.example",                                                                                                                                                 {"mail.out.example", true},
         {{0}},
         "temperror no no reject"																																					       },
	{"a pass outweighs another's trouble",
         "{" D("out.example",                             "v=DMARC1; p=reject") ",\"_dmarc.mail.out.example\": {\"TIMEOUT\": true}}",
         "out.example",                                                                                                                                                 {"mail.out.example", true},
         {{"x.out.example", true}},
         "pass no yes reject"																																					   },
	{"trouble does not matter where nothing passed",
         "{" D("out.example",                             "v=DMARC1; p=reject") ",\"_dmarc.mail.out.example\": {\"TIMEOUT\": true}}",
         "out.example",                                                                                                                                                 {"mail.out.example", false},
         {{0}},
         "fail no no reject"																																						},
	{"t=y takes one level off reject",
         "{" D("out.example",                             "v=DMARC1; p=reject; t=y") "}",
         "out.example",                                                                                                                                                 {0},
         {{0}},
         "fail no no quarantine"																																					   },
	{"t=y takes one level off quarantine",
         "{" D("out.example",                             "v=DMARC1; p=quarantine; t=y") "}",
         "out.example",                                                                                                                                                 {0},
         {{0}},
         "fail no no none"																																					       },
	{"t=y takes nothing off none",
         "{" D("out.example",                             "v=DMARC1; p=none; t=y") "}",
         "out.example",                                                                                                                                                 {0},
         {{0}},
         "fail no no none"																																						},
	{"t=y counts for sp, too",
         "{" D("out.example",                             "v=DMARC1; p=none; sp=reject; t=y") "}",
         "mail.out.example",                                                                                                                                            {0},
         {{0}},
         "fail no no quarantine"																																					    },
	{"an identifier that is no name is not aligned",
         "{" D("out.example",                             "v=DMARC1; p=reject") "}",
         "out.example",                                                                                                                                                 {"", true},
         {{"a..b", true}},
         "fail no no reject"																																						  },
};

struct judging {
	const struct judge_row *row;
	struct dmarc_judgement got;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct judging *j = arg;

	return dmarc_judge(l, j->row->from, j->row->spf.domain != NULL ? &j->row->spf : NULL, j->row->dkim,
	                   ARRAY_LEN(j->row->dkim), &j->got, NULL, err);
}

static void
check_judgement(void **state)
{
	for (int deferred = 0; deferred < 2; deferred++) {
		struct judging j = {.row = *state};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};
		char text[64];

		zonetable_open(j.row->zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, judge, &j, &err), &err);
		(void)snprintf(text, sizeof(text), "%s %s %s %s", dmarc_result_name(j.got.result),
		               j.got.spf_aligned ? "yes" : "no", j.got.dkim_aligned ? "yes" : "no",
		               dmarc_policy_name(j.got.disposition));
		assert_string_equal(text, j.row->want);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

/* --- reports --- */

#define CONSENT "out.example._report._dmarc.reports.example"

static const struct report_row {
	const char *name;
	const char *zone, *uri;
	const char *want; /* "answer query override" */
} reports[] = {
	{"at the domain itself",                 "{}",					"mailto:d@Out.Example",    "same-org  "},
	{"below it",			     "{" D("out.example",                         "v=DMARC1; p=reject") "}", "mailto:d@mail.out.example","same-org  "},
	{"a part with psd=n is another organisation",
         "{" D("out.example",				       "v=DMARC1; p=reject") "," D("mail.out.example",											    "v=DMARC1; p=reject; psd=n") "}",
         "mailto:d@mail.out.example", "missing out.example._report._dmarc.mail.out.example "},
	{"consent",            "{\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1;\"]]}}", "mailto:d@reports.example",
         "authorised " CONSENT " "},
	{"consent for all",            "{\"*._report._dmarc.reports.example\": {\"TXT\": [[\"v=DMARC1\"]]}}",
         "mailto:d@reports.example",										    "authorised " CONSENT " "                                                  },
	{"none",             "{}",			       "mailto:d@reports.example","missing " CONSENT " "},
	{"another text is none",            "{\"" CONSENT "\": {\"TXT\": [[\"yes\"]]}}",   "mailto:d@reports.example",
         "missing " CONSENT " "														     },
	{"the version counts with case",            "{\"" CONSENT "\": {\"TXT\": [[\"v=dmarc1\"]]}}",                                                              "mailto:d@reports.example",
         "missing " CONSENT " "},
	{"a broken list is none",            "{\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1; a=1; a=2\"]]}}",
         "mailto:d@reports.example",										       "missing " CONSENT " "															    },
	{"one good text of several is enough",
         "{\"" CONSENT "\": {\"TXT\": [[\"hello\"], [\"v=DMARC1\"], [\"v=DMARC1\"]]}}",                                  "mailto:d@reports.example",
         "authorised " CONSENT " "},
	{"another address at the same host",
         "{\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1; rua=mailto:x@else.example,mailto:o@Reports.example\"]]}}",
         "mailto:d@reports.example",										    "authorised " CONSENT " mailto:o@Reports.example"																													     },
	{"another address elsewhere is not listened to",
         "{\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1; rua=mailto:x@else.example\"]]}}",       "mailto:d@reports.example",
         "authorised " CONSENT " "},
	{"https asks its host",            "{\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1\"]]}}",                                                           "https://reports.example:8443/in?x=1",
         "authorised " CONSENT " "																																																	     },
	{"trouble is no answer", "{\"" CONSENT "\": {\"RCODE\": 2}}",                                                           "mailto:d@reports.example",
         "temperror " CONSENT " "},
	{"trouble on the way with consent",
         "{\"_dmarc.example\": {\"RCODE\": 2}, \"" CONSENT "\": {\"TXT\": [[\"v=DMARC1\"]]}}",
         "mailto:d@reports.example",										     "authorised " CONSENT " "																																																   },
	{"trouble on the way without",             "{\"_dmarc.example\": {\"RCODE\": 2}}",                               "mailto:d@reports.example",
         "temperror " CONSENT " "},
	{"no scheme",            "{}",							    "d@reports.example",										     "invalid  "																																																																     },
	{"no host",                   "{}","mailto:d","invalid  "},
	{"one label",			    "{}",								     "mailto:d@localhost",																				  "invalid  "																																																																																													},
	{"an address literal",                  "{}","mailto:d@[192.0.2.1]","invalid  "},
	{"no host to ask",                "{}",								   "tel:+49301234",																														       "invalid  "																																																																																																																																															     },
	{"a name too long to publish",                       "{}",
         "mailto:d@" LONG_LABEL "." LONG_LABEL "." LONG_LABEL ".abcdefghijabcdefghijabcdefghijabcdefghij.example",
         "missing  "},
};

struct reporting {
	const char *uri;
	enum dmarc_report got;
	char query[NAME_TEXT_MAX], override[DMARC_URI_MAX];
};

static int
report(struct lookup *l, void *arg, struct err *err)
{
	struct reporting *r = arg;

	return dmarc_report_allowed(l, "out.example", r->uri, &r->got, r->query, r->override, err);
}

static void
check_report(void **state)
{
	const struct report_row *row = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct reporting r = {.uri = row->uri};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};
		char text[NAME_TEXT_MAX + DMARC_URI_MAX + 64];

		zonetable_open(row->zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, report, &r, &err), &err);
		(void)snprintf(text, sizeof(text), "%s %s %s", dmarc_report_name(r.got), r.query, r.override);
		assert_string_equal(text, row->want);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

/* --- a domain --- */

#define GOOD  "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; rua=mailto:d@out.example"
#define FIXED "_dmarc.out.example. 3600 IN TXT \"" GOOD "\""
#define PLAIN                                                                                                          \
	"_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; "                \
	"rua=mailto:postmaster@out.example\""
#define MX  "\"out.example\": {\"MX\": [[10, \"mx.out.example\"]]}"
#define LET "\"" CONSENT "\": {\"TXT\": [[\"v=DMARC1\"]]}"

/* clang-format 14 falls over this table. */
/* clang-format off */
static const struct domain_row {
	const char *name;
	const char *zone, *domain;
	const char *findings; /* all of them */
	const char *fix;      /* of the first one with a fix; NULL: none has */
} domains[] = {
	{"a healthy domain has nothing said of it", "{" D("out.example", GOOD) "}", "out.example", "", NULL},
	{"quarantine is enough", "{" D("out.example", "v=DMARC1; p=quarantine; rua=mailto:d@out.example") "}", "out.example",
	 "", NULL},
	{"no record", "{}", "out.example", "fail dmarc-missing absent", PLAIN},
	{"no record, no domain", "{\"out.example\": {\"A\": [\"192.0.2.1\"]}}", "Out.Example.", "fail dmarc-missing absent", PLAIN},
	{"the record at the domain itself", "{\"out.example\": {\"TXT\": [[\"" GOOD "\"]]}}", "out.example",
	 "fail dmarc-misplaced absent", PLAIN},
	{"the domain written twice", "{" D("out.example.out.example", GOOD) "}", "out.example",
	 "fail dmarc-misplaced absent", PLAIN},
	{"a wildcard's text in its place", "{\"*.out.example\": {\"TXT\": [[\"v=spf1 -all\"]]}}", "out.example",
	 "note dmarc-other-txt, fail dmarc-missing absent", PLAIN},
	{"quotes inside", "{\"_dmarc.out.example\": {\"TXT\": [[\"\\\"" GOOD "\\\"\"]]}}", "out.example",
	 "fail dmarc-unreadable", PLAIN},
	{"a lower-case version", "{" D("out.example", "v=dmarc1; p=reject") "}", "out.example", "fail dmarc-unreadable", PLAIN},
	{"two records", "{" D2("out.example", "v=DMARC1; p=quarantine; rua=mailto:d@out.example", "v=DMARC1; p=none") "}",
	 "out.example", "fail dmarc-two-records",
	 "_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=quarantine; sp=quarantine; np=quarantine; adkim=r; aspf=r; "
	 "rua=mailto:d@out.example\""},
	{"two records at the parent", "{" D2("example", "v=DMARC1; p=none", "v=DMARC1; p=none") "}", "out.example",
	 "fail dmarc-missing absent", PLAIN},
	{"p=none", "{" D("out.example", "v=DMARC1; p=none; adkim=s; rua=mailto:d@out.example") "}", "out.example",
	 "fail dmarc-none", FIXED},
	{"p missing is named once", "{" D("out.example", "v=DMARC1; adkim=s; rua=mailto:d@out.example") "}", "out.example",
	 "fail dmarc-p", FIXED},
	{"p misspelt without rua", "{" D("out.example", "v=DMARC1; p=rejected") "}", "out.example", "fail dmarc-p", 
	 "_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; "
	 "rua=mailto:postmaster@out.example\""},
	{"t=y", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; t=y; rua=mailto:d@out.example") "}", "out.example",
	 "fail dmarc-t", FIXED},
	{"pct", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; pct=50; rua=mailto:d@out.example") "}", "out.example",
	 "fail dmarc-pct", FIXED},
	{"sp weaker", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; sp=none; rua=mailto:d@out.example") "}",
	 "out.example", "warn dmarc-sp", FIXED},
	{"np weaker", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; np=none; rua=mailto:d@out.example") "}",
	 "out.example", "warn dmarc-np", FIXED},
	{"no rua", "{" D("out.example", "v=DMARC1; p=reject; adkim=s") "}", "out.example", "warn dmarc-rua-missing", PLAIN},
	{"a rua that is none", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; rua=d@out.example") "}", "out.example",
	 "warn dmarc-rua", PLAIN},
	{"a size limit", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; rua=mailto:d@out.example!10m") "}", "out.example",
	 "warn dmarc-rua", FIXED},
	{"what is right is kept",
	 "{" D("out.example", "v=DMARC1; p=none; aspf=s; psd=n; fo=1; ruf=mailto:f@out.example; rua=mailto:d@out.example") "}",
	 "out.example", "fail dmarc-none",
	 "_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=r; aspf=s; "
	 "rua=mailto:d@out.example; ruf=mailto:f@out.example; fo=1; psd=n\""},
	{"a parent's record", "{" D("out.example", GOOD) "," MX "}", "mail.out.example", "note dmarc-inherited", NULL},
	{"a parent that asks nothing of it",
	 "{" D("out.example", "v=DMARC1; p=reject; sp=none; rua=mailto:d@out.example") "," MX "}", "mail.out.example",
	 "note dmarc-inherited, fail dmarc-none",
	 "_dmarc.mail.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=r; aspf=r; "
	 "rua=mailto:d@out.example\""},
	{"a parent's np is no business of a name that exists",
	 "{" D("out.example", "v=DMARC1; p=reject; np=none; rua=mailto:d@out.example") "," MX ","
	 "\"mail.out.example\": {\"A\": [\"192.0.2.1\"]}}", "mail.out.example", "note dmarc-inherited", NULL},
	{"consent is missing", "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") ","
	 "\"reports.example\": {\"MX\": [[10, \"mx.reports.example\"]]}}", "out.example",
	 "warn dmarc-report-missing absent", CONSENT ". 3600 IN TXT \"v=DMARC1\""},
	{"two addresses at one host are one fault",
	 "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example,mailto:e@Reports.example") "}", "out.example",
	 "warn dmarc-report-missing absent", CONSENT ". 3600 IN TXT \"v=DMARC1\""},
	{"consent that could not be asked for", "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") ","
	 "\"" CONSENT "\": {\"TIMEOUT\": true}}", "out.example", "unknown dmarc-report-unknown", NULL},
	{"failure reports without consent are a note",
	 "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@out.example; ruf=mailto:f@reports.example") "}", "out.example",
	 "note dmarc-report-missing absent", CONSENT ". 3600 IN TXT \"v=DMARC1\""},
	{"consent and MX", "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") "," LET ","
	 "\"reports.example\": {\"MX\": [[10, \"mx.reports.example\"]]}}", "out.example", "", NULL},
	{"an address does for MX", "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") "," LET ","
	 "\"reports.example\": {\"AAAA\": [\"2001:db8::1\"]}}", "out.example", "", NULL},
	{"reports to a host without MX or address",
	 "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") "," LET "}", "out.example",
	 "warn dmarc-report-mx", NULL},
	{"reports to a host that takes no mail",
	 "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") "," LET ","
	 "\"reports.example\": {\"MX\": [[0, \".\"]]}}", "out.example", "warn dmarc-report-mx", NULL},
	{"reports to a host of which nothing is known",
	 "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@reports.example") "," LET ","
	 "\"reports.example\": {\"TIMEOUT\": true}}", "out.example", "unknown dmarc-report-unknown", NULL},
	{"reports below the domain", "{" D("out.example", "v=DMARC1; p=reject; rua=mailto:d@rep.out.example") "}", "out.example",
	 "warn dmarc-report-mx", NULL},
	{"https needs no MX", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; rua=https://r.out.example/in,mailto:d@out.example") "}",
	 "out.example", "warn dmarc-rua", 
	 "_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; "
	 "rua=https://r.out.example/in,mailto:d@out.example\""},
	{"a host that is no domain", "{" D("out.example", "v=DMARC1; p=reject; adkim=s; rua=mailto:d@localhost,mailto:d@out.example") "}",
	 "out.example", "warn dmarc-rua", FIXED},
	{"nothing could be asked", "{\"_dmarc.out.example\": {\"RCODE\": 2}}", "out.example", "unknown dmarc-temperror", NULL},
	{"a registry's record alone", "{" D("example", "v=DMARC1; p=reject; psd=y; rua=mailto:d@example.net") ","
	 "\"example._report._dmarc.example.net\": {\"TXT\": [[\"v=DMARC1\"]]}, \"example.net\": {\"A\": [\"192.0.2.1\"]}}",
	 "out.example", "warn dmarc-psd, warn dmarc-7489, note dmarc-inherited",
	 "_dmarc.out.example. 3600 IN TXT \"v=DMARC1; p=reject; sp=reject; np=reject; adkim=r; aspf=r; "
	 "rua=mailto:d@example.net\""},
	{"an alias", "{\"_dmarc.out.example\": {\"CNAME\": [\"_dmarc.vendor.example\"]}," D("vendor.example", GOOD) "}",
	 "out.example", "note dmarc-cname", NULL},
};
/* clang-format on */

static void
check_domain(void **state)
{
	const struct domain_row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct discovering d = {.domain = r->domain, .how = dmarc_domain_check};
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};
		const char *fix = NULL;
		char text[1024];

		zonetable_open(r->zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, discover, &d, &err), &err);
		assert_string_equal(listed(&d.findings, text), r->findings);
		for (size_t i = 0; i < d.findings.n && fix == NULL; i++)
			fix = d.findings.items[i].fix;
		assert_string_equal(fix != NULL ? fix : "none", r->fix != NULL ? r->fix : "none");
		for (size_t i = 0; i < d.findings.n; i++)
			assert_true(d.findings.items[i].level != FINDING_FAIL || d.findings.items[i].fix != NULL);
		findings_release(&d.findings);
		lookup_drop(&l);
		zonetable_close(&t);
	}
}

static void
dmarc_domain_check__appends(void **state)
{
	struct dmarc_policy_found found;
	struct findings f = {0};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	char text[1024];

	(void)state;
	zonetable_open("{}", &t);
	l = zonetable_lookup(&t, false);
	assert_ok(findings_add(&f, FINDING_NOTE, "before", NULL, &err, "kept"), &err);
	assert_ok(dmarc_domain_check(l, "out.example", &found, &f, &err), &err);
	assert_string_equal(listed(&f, text), "note before, fail dmarc-missing absent");
	/* What is no name is for the caller to say. */
	assert_ok(dmarc_domain_check(l, "a..b", &found, &f, &err), &err);
	assert_ok(dmarc_domain_check(l, ".", &found, &f, &err), &err);
	assert_int_equal(f.n, 2);
	findings_release(&f);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
name__public_suffixes_are_told_from_what_is_registered(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} rows[] = {
		{"com",           true },
                {"co.uk",         true },
                {"example.co.uk", false},
                {"github.io",     true },
		{"me.github.io",  false},
                {"www.ck",        false},
                {"x.ck",          true },
                {"",              false}
        };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(name_is_public_suffix(rows[i].name), rows[i].want);
}

int
main(void)
{
	static struct CMUnitTest tests[256];
	size_t n = 0;

	ROWS(tests, n, records_read, check_record);
	TEST(tests, n, dmarc_read__addresses_are_kept_as_they_act);
	TEST(tests, n, dmarc_read__what_is_left_out_has_its_default);
	TEST(tests, n, dmarc_read__huge_records_are_bounded);
	ROWS(tests, n, discoveries, check_discovery);
	TEST(tests, n, dmarc_organisational__is_known_or_not);
	ROWS(tests, n, judgements, check_judgement);
	ROWS(tests, n, reports, check_report);
	ROWS(tests, n, domains, check_domain);
	TEST(tests, n, dmarc_domain_check__appends);
	TEST(tests, n, name__public_suffixes_are_told_from_what_is_registered);
	return rows_run("dns/dmarc_check", tests, n);
}
