/*
 * test_passed_received.c - Received fields as servers write them, and dates as they stand in mail.
 */
#include "tests/lib/rows.h"

#include "dns/passed_inside.h"

/* clang-format off */
static const struct hop_row {
	const char *name, *value;
	const char *want; /* from reverse ip by with tls time, "-" for nothing */
} hops[] = {
	{"Postfix",
		"from mail.out.example (mail.out.example [192.0.2.10])\r\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\t key-exchange X25519)\r\n\t(No client certificate requested)\r\n\tby mx.rcpt.example (Postfix) with ESMTPS id 4F1\r\n\tfor <a@rcpt.example>; Tue, 25 Nov 2025 12:00:00 +0000 (UTC)",
		"mail.out.example mail.out.example 192.0.2.10 mx.rcpt.example ESMTPS TLSv1.3 1764072000"},
	{"Postfix, a client without a name", "from [192.0.2.7] (unknown [192.0.2.10]) by mx.rcpt.example (Postfix) with SMTP id 1; x",
		"[192.0.2.7] - 192.0.2.10 mx.rcpt.example SMTP - 0"},
	{"Postfix over IPv6", "from m.example (m.example [IPv6:2001:db8::10]) by mx.example with ESMTP id 1; x",
		"m.example m.example 2001:db8::10 mx.example ESMTP - 0"},
	{"Exim",
		"from mail.out.example ([192.0.2.10]:41234 helo=helo.example)\r\n by mx.rcpt.example with esmtps  (TLS1.3) tls X\r\n (Exim 4.96) id 1-2; Tue, 25 Nov 2025 12:00:00 +0000",
		"mail.out.example - 192.0.2.10 mx.rcpt.example ESMTPS TLS1.3 1764072000"},
	{"Exim, a client without a name", "from [192.0.2.10] (helo=helo.example) by mx.rcpt.example with esmtp id 1; x",
		"[192.0.2.10] - 192.0.2.10 mx.rcpt.example ESMTP - 0"},
	{"sendmail", "from helo.example (mail.out.example [192.0.2.10] (may be forged)) by mx.rcpt.example (8.17.1/8.17.1) with ESMTPS id 1; x",
		"helo.example mail.out.example 192.0.2.10 mx.rcpt.example ESMTPS - 0"},
	{"qmail", "from unknown (HELO helo.example) (192.0.2.10)\r\n  by mx.rcpt.example with SMTP; 25 Nov 2025 12:00:00 -0000",
		"unknown - 192.0.2.10 mx.rcpt.example SMTP - 1764072000"},
	{"Exchange",
		"from mail.out.example (192.0.2.10) by\r\n DB5.mail.protection.outlook.com (10.167.8.1) with Microsoft SMTP Server (version=TLS1_2,\r\n cipher=X) id 15.20.1.1; Tue, 25 Nov 2025 12:00:00 +0000",
		"mail.out.example - 192.0.2.10 DB5.mail.protection.outlook.com MICROSOFT TLS1_2 1764072000"},
	{"Gmail",
		"from mail.out.example (mail.out.example. [192.0.2.10])\r\n        by mx.google.com with ESMTPS id x\r\n        for <a@x>\r\n        (version=TLS1_3 cipher=X bits=256/256);\r\n        Tue, 25 Nov 2025 04:00:00 -0800 (PST)",
		"mail.out.example mail.out.example 192.0.2.10 mx.google.com ESMTPS TLS1_3 1764072000"},
	{"Gmail, an inner hop", "by 2002:a05:7010:1:b0:1:2:3 with SMTP id x; Tue, 25 Nov 2025 04:00:00 -0800 (PST)",
		"- - - 2002:a05:7010:1:b0:1:2:3 SMTP - 1764072000"},
	{"a client that calls itself by", "from by (evil.example [192.0.2.10]) by mx.rcpt.example with ESMTP; x",
		"by evil.example 192.0.2.10 mx.rcpt.example ESMTP - 0"},
	{"an address in the name that was looked up is no address",
		"from a.example (192-0-2-99.pool.example [192.0.2.10]) by mx.example with SMTP; x",
		"a.example 192-0-2-99.pool.example 192.0.2.10 mx.example SMTP - 0"},
	{"an address in brackets before one without", "from a.example (192.0.2.99 [192.0.2.10]) by mx.example with SMTP; x",
		"a.example - 192.0.2.10 mx.example SMTP - 0"},
	{"a name beside the address, not looked up, is none", "from a.example (mx.rcpt.example) by mx.rcpt.example with SMTP; x",
		"a.example - - mx.rcpt.example SMTP - 0"},
	{"what the client said within a comment is not looked up", "from a (HELO mx.rcpt.example) ([192.0.2.10]) by mx.rcpt.example with SMTP; x",
		"a - 192.0.2.10 mx.rcpt.example SMTP - 0"},
	{"addresses behind by are not the client's", "from a.example by mx.example (mx.example [192.0.2.1]) with SMTP; x",
		"a.example - - mx.example SMTP - 0"},
	{"a semicolon within a comment ends nothing", "from a.example (a; b [192.0.2.10]) by mx.example; Tue, 25 Nov 2025 12:00:00 +0000",
		"a.example - 192.0.2.10 mx.example - - 1764072000"},
	{"keywords without their words", "from (a [192.0.2.10]) by; Tue, 25 Nov 2025 12:00:00 +0000", "- - 192.0.2.10 - - - 1764072000"},
	{"the first of two counts", "from a.example by mx.example by mx2.example from b.example; x", "a.example - - mx.example - - 0"},
	{"an open comment", "from a.example (a [192.0.2.10] by mx.example", "a.example - 192.0.2.10 - - - 0"},
	{"a backslash at the end", "from a.example (\\", "a.example - - - - - 0"},
	{"nothing", "", "- - - - - - 0"},
};
/* clang-format on */

static const char *
or_dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

static void
check_hop(void **state)
{
	const struct hop_row *r = *state;
	struct passed_hop h;
	char seen[1200];

	passed_hop_read((struct span){r->value, strlen(r->value)}, &h);
	(void)snprintf(seen, sizeof(seen), "%s %s %s %s %s %s %lld", or_dash(h.from), or_dash(h.reverse), or_dash(h.ip),
	               or_dash(h.by), or_dash(h.with), or_dash(h.tls), (long long)h.at_s);
	assert_string_equal(seen, r->want);
}

static const struct date_row {
	const char *name, *text;
	int64_t want;
} dates[] = {
	{"with its day and zone",            "Tue, 25 Nov 2025 13:00:00 +0100",               1764072000},
	{"west of Greenwich",                "Tue, 25 Nov 2025 06:30:00 -0530",               1764072000},
	{"without a day",                    "25 Nov 2025 12:00:00 +0000",                    1764072000},
	{"without seconds",                  "Tue, 25 Nov 2025 12:00 +0000",                  1764072000},
	{"folded, with a comment",           "Tue,\r\n 25 Nov 2025\r\n 12:00:00 +0000 (UTC)", 1764072000},
	{"in lower case, with a long month", "tue, 25 nov 2025 12:00:00 gmt",                 1764072000},
	{"Eastern time",                     "Tue, 25 Nov 2025 07:00:00 EST",                 1764072000},
	{"Pacific time in summer",           "Tue, 25 Nov 2025 05:00:00 PDT",                 1764072000},
	{"a zone nobody knows",              "Tue, 25 Nov 2025 12:00:00 XYZ",                 1764072000},
	{"without a zone",                   "Tue, 25 Nov 2025 12:00:00",                     1764072000},
	{"two digits of the year",           "Tue, 25 Nov 25 12:00:00 +0000",                 1764072000},
	{"three digits of the year",         "Tue, 25 Nov 125 12:00:00 +0000",                1764072000},
	{"a leap day",		       "Thu, 29 Feb 2024 00:00:00 +0000",               1709164800},
	{"the day behind it",                "Fri, 1 Mar 2024 00:00:00 +0000",                1709251200},
	{"a leap second",                    "Sat, 31 Dec 2016 23:59:60 +0000",               1483228800},
	{"no month",			 "Tue, 25 Foo 2025 12:00:00 +0000",               0         },
	{"no day",			   "Tue, 0 Nov 2025 12:00:00 +0000",                0         },
	{"no hour",			  "Tue, 25 Nov 2025 24:00:00 +0000",               0         },
	{"no minute",			"Tue, 25 Nov 2025 12:60:00 +0000",               0         },
	{"before the epoch",                 "Tue, 25 Nov 1969 12:00:00 +0000",               0         },
	{"a word",			   "yesterday",				     0         },
	{"cut off",			  "Tue, 25 No",				    0         },
	{"nothing",			  "",					      0         },
};

static void
check_date(void **state)
{
	const struct date_row *r = *state;

	assert_int_equal(passed_date((struct span){r->text, strlen(r->text)}), r->want);
}

static const struct private_row {
	const char *name;
	bool want;
} privates[] = {
	{"10.0.0.1",         true },
        {"172.16.0.1",       true },
        {"172.31.255.1",     true },
        {"172.32.0.1",       false},
	{"192.168.3.4",      true },
        {"192.0.2.1",        false},
        {"127.0.0.1",        true },
        {"169.254.1.1",      true },
	{"100.64.0.1",       true },
        {"100.128.0.1",      false},
        {"::1",              true },
        {"::2",              false},
	{"fd00::1",          true },
        {"fe80::1",          true },
        {"2001:db8::1",      false},
        {"::ffff:10.0.0.1",  true },
	{"::ffff:192.0.2.1", false},
        {"not an address",   false},
};

static void
check_private(void **state)
{
	const struct private_row *r = *state;

	assert_int_equal(passed_ip_is_private(r->name), r->want);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, hops, check_hop);
	ROWS(tests, n, dates, check_date);
	ROWS(tests, n, privates, check_private);
	return rows_run("dns/passed_received", tests, n);
}
