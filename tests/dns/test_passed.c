/*
 * test_passed.c - which receiver is believed, what its words are worth, and what else is noticed of a test message.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/passed.h"

#define NOW_S 1764072000 /* 2025-11-25T12:00:00Z */

/* What a healthy message says below its trace. */
#define OWN                                                                                                            \
	"From: Anna <anna@out.example>\r\nTo: test@rcpt.example\r\nSubject: test\r\n"                                  \
	"Date: Tue, 25 Nov 2025 12:00:00 +0000\r\nMessage-ID: <1@out.example>\r\n\r\ntest\r\n"
#define ALL_PASS                                                                                                       \
	"spf=pass smtp.mailfrom=b@out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example"
#define ALL_FAIL                                                                                                       \
	"spf=fail smtp.mailfrom=b@out.example; dkim=fail header.d=out.example; dmarc=fail header.from=out.example"
#define PASSED "Authentication-Results: mx.rcpt.example; " ALL_PASS "\r\n"
#define FAILED "Authentication-Results: mx.rcpt.example; " ALL_FAIL "\r\n"
/* Hops: handed in by the sender; within the receiver; in front of the receiver. */
#define CAME_IN                                                                                                        \
	"Received: from mail.out.example (mail.out.example [192.0.2.10])\r\n\tby mx.rcpt.example (Postfix) with "      \
	"ESMTPS id 1\r\n\tfor <test@rcpt.example>; Tue, 25 Nov 2025 12:00:01 +0000 (UTC)\r\n"
#define INSIDE                                                                                                         \
	"Received: from mx.rcpt.example ([10.1.2.3]) by store.rcpt.example with LMTP id 2;\r\n Tue, 25 Nov 2025 "      \
	"12:00:02 +0000\r\n"
#define OUTSIDE                                                                                                        \
	"Received: from desk (desk [198.51.100.7]) by mail.out.example with ESMTPSA id 3; Tue, 25 Nov 2025 12:00:00 "  \
	"+0000\r\n"

static const char zone[] = "{\"_dmarc.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]},"
			   " \"out.example\": {\"TXT\": [[\"v=spf1 ip4:192.0.2.10 -all\"]]}}";

struct seen {
	struct message message;
	struct passed_query query;
	struct passed passed;
	char trusted_text[256];
	const char *trusted[4];
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct seen *s = arg;

	return passed_check(l, &s->query, &s->passed, err);
}

/* trusted: names with blanks between; NULL: none is named. */
static void
look(const char *dns, const char *trusted, const char *domain, const char *text, bool deferred, struct seen *s)
{
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	char *rest;
	size_t n = 0;

	*s = (struct seen){0};
	assert_ok(message_read(text, strlen(text), &s->message, &err), &err);
	s->query = (struct passed_query){.message = &s->message, .domain = domain, .now_s = NOW_S};
	if (trusted != NULL) {
		(void)snprintf(s->trusted_text, sizeof(s->trusted_text), "%s", trusted);
		for (char *w = strtok_r(s->trusted_text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
			assert_true(n + 1 < ARRAY_LEN(s->trusted));
			s->trusted[n++] = w;
		}
		s->query.trusted = s->trusted;
	}
	zonetable_open(dns, &t);
	l = zonetable_lookup(&t, deferred);
	assert_ok(lookup_settle_one(l, judge, s, &err), &err);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
forget(struct seen *s)
{
	passed_release(&s->passed);
	message_release(&s->message);
}

/* ---- who is believed ---- */

#define RCPT "mx.rcpt.example"
#define YES  "mx.rcpt.example: pass pass pass"
#define NO   "mx.rcpt.example: fail fail fail"
#define MS_IN                                                                                                          \
	"Received: from mail.out.example (192.0.2.10) by DB5.mail.protection.outlook.com\r\n (10.167.8.1) with "       \
	"Microsoft SMTP Server (version=TLS1_2, cipher=X) id 1; Tue, 25 Nov 2025 12:00:01 +0000\r\n"
#define MS_TOP                                                                                                         \
	"Received: from AM9.eurprd05.prod.outlook.com (2603:10a6:20b::1) by DB9.eurprd05.prod.outlook.com with "       \
	"HTTPS; Tue, 25 Nov 2025 12:00:03 +0000\r\n"                                                                   \
	"Received: from DB5.mail.protection.outlook.com (2603:10a6:10:1::2) by outlook.office365.com\r\n (2603::3) "   \
	"with Microsoft SMTP Server id 2; Tue, 25 Nov 2025 12:00:02 +0000\r\n"
#define MS_PASSED                                                                                                      \
	"Authentication-Results: spf=pass (sender IP is 192.0.2.10)\r\n smtp.mailfrom=out.example; dkim=pass "         \
	"header.d=out.example;dmarc=pass action=none\r\n header.from=out.example;compauth=pass reason=100\r\n"

/* clang-format off */
static const struct trust_row {
	const char *name, *trusted, *text, *want;
} trust_rows[] = {
	{"above the first Received field", RCPT, PASSED CAME_IN OWN, YES},
	{"right below the hop it came in by, as Gmail and Postfix have it", RCPT, CAME_IN PASSED OWN, YES},
	{"below hops within the receiver", RCPT, INSIDE CAME_IN PASSED OWN, YES},
	{"between hops of the receiver", RCPT, INSIDE PASSED CAME_IN OWN, YES},
	{"with other trace fields between", RCPT, "Delivered-To: test@rcpt.example\r\n" INSIDE "Return-Path: <b@out.example>\r\nX-Filter: yes\r\n"
		CAME_IN "Received-SPF: pass\r\n" PASSED OWN, YES},
	{"without any trace", RCPT, PASSED OWN, YES},
	{"in any case", "MX.rcpt.EXAMPLE", PASSED OWN, YES},
	{"one of several receivers", "mx.other.example mx.rcpt.example", CAME_IN PASSED OWN, YES},
	{"U-labels and A-labels are one name", "mx.m\xc3\xbcller.example", "Authentication-Results: mx.xn--mller-kva.example; " ALL_PASS "\r\n" OWN,
		"mx.xn--mller-kva.example: pass pass pass"},
	{"a name that only begins alike", RCPT, "Authentication-Results: mx.rcpt.example.evil.example; " ALL_PASS "\r\n" OWN, "none"},
	{"a name that only ends alike", RCPT, "Authentication-Results: evil-mx.rcpt.example; " ALL_PASS "\r\n" OWN, "none"},
	{"another host of the receiver", RCPT, "Authentication-Results: mx2.rcpt.example; " ALL_PASS "\r\n" CAME_IN OWN, "none"},
	{"no results at all", RCPT, CAME_IN OWN, "none"},
	{"no results at all, and nobody named", NULL, CAME_IN OWN, "none"},
	{"below the sender's own hop", RCPT, CAME_IN OUTSIDE PASSED OWN, "none"},
	{"below a hop that only calls itself the receiver's", RCPT, CAME_IN
		"Received: from x (x [198.51.100.1]) by mx.rcpt.example with ESMTP; Tue, 25 Nov 2025 12:00:00 +0000\r\n" PASSED OWN, "none"},
	{"below the message's own fields", RCPT, CAME_IN "From: a@out.example\r\n" PASSED "\r\ntest\r\n", "none"},
	{"below the signature", RCPT, CAME_IN "DKIM-Signature: v=1; d=x\r\n" PASSED OWN, "none"},
	{"a foreign host on top", RCPT, "Received: from a (a [198.51.100.1]) by mx.else.example with SMTP; x\r\n" PASSED CAME_IN OWN, "none"},
	{"a client that calls itself the receiver opens nothing", RCPT,
		"Received: from mx2.rcpt.example (evil.example [198.51.100.1]) by mx.rcpt.example with ESMTP; x\r\nReceived: from a (a [198.51.100.2]) by mx2.rcpt.example with ESMTP; x\r\n"
		PASSED OWN, "none"},
	{"the name that was looked up opens it", RCPT,
		"Received: from mx2.rcpt.example (mx2.rcpt.example [198.51.100.1]) by mx.rcpt.example with ESMTP; x\r\nReceived: from a (a [198.51.100.2]) by mx2.rcpt.example with ESMTP; x\r\n"
		PASSED OWN, YES},
	{"a filter on the same machine", RCPT, "Received: from localhost (localhost [127.0.0.1]) by mx.rcpt.example (Postfix) with ESMTP; x\r\n"
		CAME_IN PASSED OWN, YES},
	{"a machine that is known inside alone", RCPT,
		"Received: from compute1.internal (compute1.nyi.internal [10.202.2.1]) by mail.nyi.internal with LMTP; x\r\n" CAME_IN PASSED OWN, YES},
	{"Gmail's inner hop has no from", "mx.google.com",
		"Received: by 2002:a05:7010:1:b0:1:2:3 with SMTP id x; Tue, 25 Nov 2025 04:00:02 -0800 (PST)\r\nARC-Authentication-Results: i=1; mx.google.com; "
		ALL_FAIL
		"\r\nReturn-Path: <b@out.example>\r\nReceived: from mail.out.example (mail.out.example. [192.0.2.10])\r\n by mx.google.com with ESMTPS id x\r\n (version=TLS1_3 cipher=X bits=256/256); Tue, 25 Nov 2025 04:00:01 -0800 (PST)\r\nAuthentication-Results: mx.google.com; "
		ALL_PASS "\r\n" OWN, "mx.google.com: pass pass pass"},
	{"what the sender wrote below the receiver's own does not count", RCPT, CAME_IN FAILED PASSED OWN, NO},
	{"nor does it in another hop", RCPT, FAILED CAME_IN PASSED OWN, NO},
	{"an upper hop has the last word", RCPT, PASSED INSIDE FAILED CAME_IN OWN, YES},
	{"a lower hop adds what the upper one does not say", RCPT, "Authentication-Results: mx.rcpt.example; dmarc=pass header.from=out.example\r\n"
		INSIDE "Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=fail\r\n"
		CAME_IN OWN, YES},
	{"one field for each method", RCPT,
		"Authentication-Results: mx.rcpt.example; dmarc=pass header.from=out.example\r\nAuthentication-Results: mx.rcpt.example; dkim=pass header.d=out.example\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example\r\n"
		CAME_IN OWN, YES},
	{"one field for each method, below the hop", RCPT, CAME_IN
		"Authentication-Results: mx.rcpt.example; dmarc=pass header.from=out.example\r\nAuthentication-Results: mx.rcpt.example; dkim=pass header.d=out.example\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example\r\n"
		OWN, YES},
	{"above, two that differ: the worse", RCPT, PASSED FAILED CAME_IN OWN, "mx.rcpt.example: fail pass fail"},
	{"others' results between are passed over", RCPT, "Authentication-Results: filter.example; " ALL_FAIL "\r\n" PASSED CAME_IN OWN, YES},
	{"what stands below others' results again is not the receiver's", RCPT, FAILED "Authentication-Results: filter.example; none\r\n"
		PASSED CAME_IN OWN, NO},
	{"a hop further down begins anew", RCPT,
		"Authentication-Results: mx.rcpt.example; dmarc=pass header.from=out.example\r\nAuthentication-Results: filter.example; none\r\n"
		INSIDE PASSED CAME_IN OWN, YES},
	{"ARC is not the receiver's word", RCPT, "ARC-Authentication-Results: i=1; mx.rcpt.example; " ALL_PASS "\r\n" CAME_IN OWN, "none"},
	{"a later version of the field", RCPT, "Authentication-Results: mx.rcpt.example 2; " ALL_PASS "\r\n" OWN, "none"},
	{"version 1", RCPT, "Authentication-Results: mx.rcpt.example 1; " ALL_PASS "\r\n" OWN, YES},
	{"a later version of a method", RCPT,
		"Authentication-Results: mx.rcpt.example; spf/2=pass smtp.mailfrom=out.example; dkim/1=pass header.d=out.example\r\n" OWN,
		"mx.rcpt.example: none pass none"},
	{"an open comment", RCPT, "Authentication-Results: mx.rcpt.example; " ALL_PASS " (\r\n" OWN, "none"},
	{"nobody named: the topmost", NULL, CAME_IN PASSED OWN, YES},
	{"nobody named: the topmost, not the better", NULL, "Authentication-Results: a.example; " ALL_FAIL "\r\n" PASSED OWN,
		"a.example: fail fail fail"},
	{"nobody named: not below a foreign hop", NULL, CAME_IN OUTSIDE PASSED OWN, "none"},
	{"nobody named: a name for each method", NULL,
		"Authentication-Results: dmarc.icloud.com; dmarc=pass header.from=out.example\r\nAuthentication-Results: dkim-verifier.icloud.com; dkim=pass header.d=out.example\r\nAuthentication-Results: spf.icloud.com; spf=pass smtp.mailfrom=out.example\r\nReceived: from mail.out.example (mail.out.example [192.0.2.10]) by p00.me.com with ESMTPS; x\r\n"
		OWN, "dmarc.icloud.com: pass pass pass"},
	{"Microsoft has no name: its hosts stand around", NULL, MS_TOP MS_PASSED MS_IN OWN, ": pass pass pass"},
	{"Microsoft by name", "outlook.com", MS_TOP MS_PASSED MS_IN OWN, ": pass pass pass"},
	{"Microsoft is not every receiver", RCPT, MS_TOP MS_PASSED MS_IN OWN, "none"},
	{"no name below others' hosts", NULL, CAME_IN MS_PASSED OWN, "none"},
	{"no name above others' hosts", "outlook.com", MS_PASSED CAME_IN OWN, "none"},
	{"no name, written by the sender", "outlook.com", MS_TOP MS_IN "Received: from a (1.2.3.4) by x.prod.outlook.com with SMTP; x\r\n" MS_PASSED
		OWN, "none"},
	{"no name, and no trace", NULL, MS_PASSED OWN, ": pass pass pass"},
	{"no name, and no trace, of another receiver", RCPT, MS_PASSED OWN, "none"},
};
/* clang-format on */

static void
check_trust(void **state)
{
	const struct trust_row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct seen s;
		char text[512] = "none";

		look(zone, r->trusted, NULL, r->text, deferred != 0, &s);
		if (!s.passed.no_trusted)
			(void)snprintf(text, sizeof(text), "%s: %s %s %s", s.passed.receiver, s.passed.spf,
			               s.passed.dkim, s.passed.dmarc);
		assert_string_equal(text, r->want);
		assert_int_equal(s.passed.no_trusted,
		                 findings_find(&s.passed.findings, "message-no-trusted-results") != NULL);
		forget(&s);
	}
}

/* ---- what the words are worth ---- */

/* clang-format off */
static const struct word_row {
	const char *name, *results, *want; /* line; behind '|' the findings that speak of it */
	bool ok;
} word_rows[] = {
	{"all pass and are aligned", ALL_PASS, "spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"of a subdomain, relaxed",
		"spf=pass smtp.mailfrom=b@bounce.out.example; dkim=pass header.d=mail.out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: bounce.out.example) dkim=pass (aligned: mail.out.example) dmarc=pass (out.example)", true},
	{"SPF of another domain", "spf=pass smtp.mailfrom=b@esp.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (not aligned: esp.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)|warn message-spf-alignment", false},
	{"DKIM of another domain", "spf=pass smtp.mailfrom=b@out.example; dkim=pass header.d=esp.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (not aligned: esp.example) dmarc=pass (out.example)|warn message-dkim-alignment", false},
	{"DKIM of a domain that ends alike",
		"spf=pass smtp.mailfrom=b@out.example; dkim=pass header.d=evilout.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (not aligned: evilout.example) dmarc=pass (out.example)|warn message-dkim-alignment", false},
	{"the identity alone", "spf=pass smtp.mailfrom=out.example; dkim=pass header.i=@out.example header.s=s; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"the domain before the identity",
		"spf=pass smtp.mailfrom=out.example; dkim=pass header.i=@out.example header.d=esp.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (not aligned: esp.example) dmarc=pass (out.example)|warn message-dkim-alignment", false},
	{"any aligned signature",
		"spf=pass smtp.mailfrom=out.example; dkim=pass header.d=esp.example; dkim=fail header.d=out.example header.s=a; dkim=pass header.d=out.example header.s=b; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"of two failures ours",
		"spf=pass smtp.mailfrom=out.example; dkim=fail header.d=esp.example; dkim=policy (weak key) header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=policy (out.example) dmarc=pass (out.example)|fail message-dkim", false},
	{"of two of our failures the one that says more",
		"spf=pass smtp.mailfrom=out.example; dkim=neutral header.d=out.example; dkim=fail header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=fail (out.example) dmarc=pass (out.example)|fail message-dkim", false},
	{"a temporary error is not known",
		"spf=temperror smtp.mailfrom=out.example; dkim=temperror header.d=out.example; dmarc=temperror header.from=out.example",
		"spf=temperror (out.example) dkim=temperror (out.example) dmarc=temperror (out.example)|unknown message-spf, unknown message-dkim, unknown message-dmarc",
		false},
	{"softfail", "spf=softfail smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=softfail (out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)|fail message-spf", false},
	{"no DMARC result", "spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=none (out.example)|fail message-dmarc", false},
	{"nothing was checked", "none",
		"spf=none (no domain told) dkim=none (no domain told) dmarc=none (out.example)|fail message-spf, fail message-dkim, fail message-dmarc",
		false},
	{"DMARC of another From", "spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=esp.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=none (out.example)|warn message-dmarc-from, fail message-dmarc",
		false},
	{"DMARC without its From", "spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass (p=reject)",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"names in any case", "SPF=Pass SMTP.MailFrom=B@OUT.Example; DKIM=PASS Header.D=Out.Example; DMARC=Pass Header.From=OUT.EXAMPLE",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"HELO aside of MAIL FROM",
		"spf=none smtp.helo=mail.out.example; spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"HELO alone is not MAIL FROM", "spf=pass smtp.helo=mail.out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (not aligned: no domain told) dkim=pass (aligned: out.example) dmarc=pass (out.example)|warn message-spf-alignment", false},
	{"HELO in place of an empty MAIL FROM",
		"spf=pass smtp.mailfrom=\"\" smtp.helo=mail.out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: mail.out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)", true},
	{"SPF says two things",
		"spf=pass smtp.mailfrom=out.example; spf=fail smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=fail (out.example) dkim=pass (aligned: out.example) dmarc=pass (out.example)|warn message-results-differ, fail message-spf",
		false},
	{"DMARC says two things",
		"spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=fail header.from=out.example; dmarc=pass header.from=out.example",
		"spf=pass (aligned: out.example) dkim=pass (aligned: out.example) dmarc=fail (out.example)|warn message-results-differ, fail message-dmarc, warn message-dmarc-disagrees",
		false},
	{"old words", "spf=hardfail smtp.mail=out.example; dkim=error header.d=out.example; dmarc=bestguesspass header.from=out.example",
		"spf=fail (out.example) dkim=temperror (out.example) dmarc=none (out.example)|fail message-spf, unknown message-dkim, fail message-dmarc",
		false},
	{"a word nobody knows is none", "spf=splendid smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example",
		"spf=none (no domain told) dkim=pass (aligned: out.example) dmarc=pass (out.example)|fail message-spf", false},
};
/* clang-format on */

/* The findings that speak of the receiver's words. */
static bool
is_of_words(const char *id)
{
	return strncmp(id, "message-spf", 11) == 0 || strncmp(id, "message-dkim", 12) == 0 ||
	       strncmp(id, "message-dmarc", 13) == 0 || strcmp(id, "message-results-differ") == 0;
}

static void
describe(const struct passed *p, bool (*wanted)(const char *id), char *out, size_t size)
{
	size_t len = strlen(out);
	const char *between = "|";

	for (size_t i = 0; i < p->findings.n; i++) {
		const struct finding *f = &p->findings.items[i];

		if (!wanted(f->id) || strcmp(f->id, "message-dkim-unseen") == 0)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s %s", between, finding_level_name(f->level), f->id);
		between = ", ";
	}
}

static void
check_words(void **state)
{
	const struct word_row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct buf b = {0};
		struct seen s;
		char text[1024];

		buf_addf(&b, "Authentication-Results: mx.rcpt.example; %s\r\n%s", r->results, OWN);
		look(zone, RCPT, "out.example", buf_str(&b), deferred != 0, &s);
		(void)snprintf(text, sizeof(text), "%s", s.passed.line);
		describe(&s.passed, is_of_words, text, sizeof(text));
		assert_string_equal(text, r->want);
		assert_int_equal(s.passed.ok, r->ok);
		forget(&s);
		buf_release(&b);
	}
}

/* ---- what else is noticed ---- */

#define HEAD "From: Anna <anna@out.example>\r\n"
#define DATE "Date: Tue, 25 Nov 2025 12:00:00 +0000\r\n"
#define ID   "Message-ID: <1@out.example>\r\n"
#define END  "\r\ntest\r\n"
#define HOP(with)                                                                                                      \
	"Received: from mail.out.example (mail.out.example [192.0.2.10]) by mx.rcpt.example " with                     \
	" id 1; Tue, 25 Nov 2025 12:00:01 +0000\r\n"

/* clang-format off */
static const struct notice_row {
	const char *name, *text;
	const char *want; /* "LEVEL ID"; "- ID": not told */
	const char *says; /* within its text; NULL: anything */
	bool spoils;      /* not ok, although the receiver says pass of all */
} notice_rows[] = {
	/* the author */
	{"two From fields", PASSED CAME_IN HEAD OWN, "fail dkim-two-from", NULL, true},
	{"two authors in one From", PASSED CAME_IN "From: a@out.example, b@out.example\r\n" DATE ID END, "fail message-from", NULL, true},
	{"no From", PASSED CAME_IN DATE ID END, "fail message-from", NULL, true},
	{"From of another domain", PASSED CAME_IN "From: a@else.example\r\n" DATE ID END, "fail message-from-domain", "else.example", true},
	{"From of a subdomain is another domain", PASSED CAME_IN "From: a@x.out.example\r\n" DATE ID END, "fail message-from-domain", NULL, true},
	{"From of the domain", PASSED CAME_IN OWN, "- message-from-domain", NULL, false},

	/* trust */
	{"the names that are there are told", "Authentication-Results: a.example; none\r\nAuthentication-Results: (\r\n" OWN,
		"fail message-no-trusted-results", "a.example, (unreadable)", true},
	{"our own word, where no other counts", CAME_IN OWN, "note message-own-results", NULL, true},
	{"results that could be forged are told", PASSED CAME_IN OUTSIDE PASSED OWN, "note message-results-ignored", "1 Auth", false},
	{"results that cannot be read are told", "Authentication-Results: mx.rcpt.example; spf=pass (\r\n" PASSED CAME_IN OWN,
		"- message-results-ignored", NULL, false},
	{"results of a later version are told", "Authentication-Results: mx.rcpt.example 3; none\r\n" PASSED CAME_IN OWN,
		"warn message-results-unreadable", NULL, false},

	/* SPF of now */
	{"SPF agrees", PASSED CAME_IN OWN, "- message-spf-disagrees", NULL, false},
	{"SPF passed, and does not now", PASSED
		"Received: from mail.out.example (mail.out.example [192.0.2.99]) by mx.rcpt.example with ESMTPS id 1; x\r\n" OWN,
		"fail message-spf-disagrees", "spf=pass, the records of now say spf=fail for b@out.example from 192.0.2.99", true},
	{"SPF failed, and passes now",
		"Authentication-Results: mx.rcpt.example; spf=fail smtp.mailfrom=b@out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		CAME_IN OWN, "warn message-spf-disagrees", "spf=fail, the records of now say spf=pass", true},
	{"SPF by the address that the receiver tells",
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example smtp.remote-ip=192.0.2.99; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		CAME_IN OWN, "fail message-spf-disagrees", "postmaster@out.example from 192.0.2.99", true},
	{"SPF by the address of a comment",
		"Authentication-Results: mx.rcpt.example; spf=pass (sender IP is 192.0.2.99) smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		OWN, "fail message-spf-disagrees", "192.0.2.99", true},
	{"SPF of an inner address is not asked", PASSED
		"Received: from mail.out.example (mail.out.example [10.0.0.1]) by mx.rcpt.example with ESMTPS id 1; x\r\n" OWN,
		"- message-spf-disagrees", NULL, false},
	{"SPF with the whole return path",
		"Return-Path: <bounce+1@out.example>\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\nReceived: from x (x [192.0.2.99]) by mx.rcpt.example with ESMTPS; x\r\n"
		OWN, "fail message-spf-disagrees", "bounce+1@out.example", true},
	{"SPF of which the receiver says nothing is told once",
		"Return-Path: <b@ill.example>\r\nAuthentication-Results: mx.rcpt.example; dkim=pass header.d=out.example; dmarc=pass "
		"header.from=out.example\r\n" CAME_IN OWN, "- message-spf-unchecked", NULL, true},
	{"SPF that cannot be asked is not known",
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=b@ill.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		CAME_IN OWN, "unknown message-spf-unchecked", NULL, true},
	{"SPF of an inner address that the receiver tells is not asked",
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example smtp.remote-ip=10.0.0.1; dkim=pass "
		"header.d=out.example; dmarc=pass header.from=out.example\r\n" OWN, "- message-spf-disagrees", NULL, false},
	{"SPF of HELO is not that of the return path",
		"Return-Path: <b@out.example>\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.helo=out.example; dkim=pass "
		"header.d=out.example; dmarc=pass header.from=out.example\r\n" OWN, "warn message-spf-alignment", "the HELO name", true},

	/* DKIM and DMARC of now */
	{"DKIM of a copy without signature", PASSED CAME_IN OWN, "warn message-dkim-unseen", "out.example", false},
	{"DMARC agrees", PASSED CAME_IN OWN, "- message-dmarc-disagrees", NULL, false},
	{"DMARC passed, and no policy is there now",
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=bare.example; dkim=pass header.d=bare.example; dmarc=pass header.from=bare.example\r\nFrom: a@bare.example\r\n"
		DATE ID END, "fail message-dmarc-disagrees", "no policy is published", true},
	{"DMARC that cannot be asked is not known",
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=ill.example; dkim=pass header.d=ill.example; dmarc=pass header.from=ill.example\r\nFrom: a@ill.example\r\n"
		DATE ID END, "unknown message-dmarc-unchecked", NULL, false},

	/* the way */
	{"TLS by the protocol", PASSED HOP("with ESMTPS") OWN, "note message-tls", "over ESMTPS", false},
	{"TLS by a comment behind", PASSED HOP("with SMTP (version=TLS1_3 cipher=X)") OWN, "note message-tls", "over TLS1_3", false},
	{"TLS by a comment in front", PASSED
		"Received: from a (a [192.0.2.10])\r\n\t(using TLSv1.3 with cipher X (256/256 bits))\r\n\tby mx.rcpt.example with ESMTP; x\r\n" OWN,
		"note message-tls", "over TLSv1.3", false},
	{"no TLS", PASSED HOP("with ESMTP") OWN, "warn message-no-tls", "with ESMTP", false},
	{"TLS within the receiver says nothing", PASSED INSIDE HOP("with ESMTP") OWN, "warn message-no-tls", NULL, false},
	{"no word on TLS", PASSED HOP("with HTTP") OWN, "- message-no-tls", NULL, false},
	{"bounces of another domain",
		"Return-Path: <b@bounce.out.example>\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=bounce.out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		OWN, "note message-return-path", "bounces go to bounce.out.example", false},
	{"bounces to nobody",
		"Return-Path: <>\r\nAuthentication-Results: mx.rcpt.example; spf=pass smtp.helo=out.example; dkim=pass header.d=out.example; dmarc=pass header.from=out.example\r\n"
		OWN, "warn message-return-path", "empty", false},
	{"bounces of the domain", PASSED "Return-Path: <b@out.example>\r\n" OWN, "- message-return-path", NULL, false},

	/* filters */
	{"Microsoft's level", PASSED "X-MS-Exchange-Organization-SCL: 1\r\n" OWN, "note message-filter", "is 1", false},
	{"Microsoft's level of spam", PASSED "X-MS-Exchange-Organization-SCL: 5\r\n" OWN, "warn message-spam", "is 5", false},
	{"Microsoft's level in its report", PASSED "X-Forefront-Antispam-Report: CIP:192.0.2.1;CTRY:;LANG:en;SCL:9;SRV:;\r\n" OWN,
		"warn message-spam", "is 9", false},
	{"Microsoft's level of the trusted", PASSED "X-MS-Exchange-Organization-SCL: -1\r\n" OWN, "note message-filter", "is -1", false},
	{"SpamAssassin's flag", PASSED "X-Spam-Flag: YES\r\n" OWN, "warn message-spam", "X-Spam-Flag", false},
	{"SpamAssassin's other flag", PASSED "X-Spam-Flag: NO\r\n" OWN, "note message-filter", "NO", false},
	{"SpamAssassin's score", PASSED "X-Spam-Status: Yes, score=7.1\r\n\trequired=5.0\r\n" OWN, "warn message-spam", "7.1", false},

	/* the header */
	{"a Message-ID of the domain", PASSED OWN, "- message-id-foreign", NULL, false},
	{"a Message-ID of the organisation", PASSED HEAD DATE "Message-ID: <1@mail.out.example>\r\n" END, "- message-id-foreign", NULL, false},
	{"a Message-ID of somebody else", PASSED HEAD DATE "Message-ID: <1@tool.example>\r\n" END, "note message-id-foreign", "tool.example", false},
	{"a Message-ID of a machine", PASSED HEAD DATE "Message-ID: <1@laptop>\r\n" END, "note message-id-foreign", "laptop", false},
	{"no Message-ID", PASSED HEAD DATE END, "warn message-id-missing", NULL, false},
	{"no Date", PASSED HEAD ID END, "warn message-date-missing", NULL, false},
	{"no date in Date", PASSED HEAD ID "Date: yesterday\r\n" END, "warn message-date", "no date: 'yesterday'", false},
	{"a Date before it came in", PASSED CAME_IN HEAD ID "Date: 24 Nov 2025 11:00 GMT\r\n" END, "warn message-date", "1 d 1 h before", false},
	{"a Date after it came in", PASSED CAME_IN HEAD ID "Date: Wed, 26 Nov 2025 14:00:01 +0100\r\n" END, "warn message-date", "1 d 1 h after",
		false},
	{"a Date of another zone", PASSED CAME_IN HEAD ID "Date: Wed, 26 Nov 2025 12:30:00 +1400\r\n" END, "- message-date", NULL, false},
	{"a Date of a named zone", PASSED CAME_IN HEAD ID "Date: Mon, 24 Nov 2025 04:30:00 PST\r\n" END, "- message-date", NULL, false},
	{"a Date of long ago, without a trace", PASSED HEAD ID "Date: Tue, 25 Nov 1999 12:00:00 +0000\r\n" END, "- message-date", NULL, false},
	{"a Date of long ago, that came in then",
		PASSED "Received: from a (a [192.0.2.10]) by mx.rcpt.example with ESMTPS; Tue, 25 Nov 2003 12:00:00 +0000\r\n" HEAD ID
		"Date: Tue, 25 Nov 2003 11:00:00 +0000\r\n" END, "- message-date", NULL, false},
	{"a field that stands twice", PASSED OWN "", "- message-field-twice", NULL, false},
	{"two Subjects", PASSED "Subject: a\r\n" OWN, "warn message-field-twice", "Subject", false},

	/* leaving */
	{"no way to leave", PASSED OWN, "warn message-unsubscribe-missing", NULL, false},
	{"leaving by mail alone", PASSED HEAD DATE ID "List-Unsubscribe: <mailto:u@out.example>\r\n" END, "warn message-unsubscribe-mailto", NULL,
		false},
	{"leaving without TLS", PASSED HEAD DATE ID "List-Unsubscribe: <mailto:u@out.example>, <http://out.example/u>\r\n" END,
		"warn message-unsubscribe-http", "http://out.example/u", false},
	{"leaving without brackets", PASSED HEAD DATE ID "List-Unsubscribe: https://out.example/u\r\n" END, "warn message-unsubscribe-unusable", NULL,
		false},
	{"leaving to nowhere", PASSED HEAD DATE ID "List-Unsubscribe: <https://>\r\n" END, "warn message-unsubscribe-unusable", NULL, false},
	{"a way within a comment is none", PASSED HEAD DATE ID "List-Unsubscribe: (<https://out.example/u>) <mailto:u@out.example>\r\n" END,
		"warn message-unsubscribe-mailto", NULL, false},
	{"leaving with two clicks", PASSED HEAD DATE ID "List-Unsubscribe: <https://out.example/u>\r\n" END, "warn message-one-click-missing", NULL,
		false},
	{"leaving with another word", PASSED HEAD DATE ID "List-Unsubscribe: <https://out.example/u>\r\nList-Unsubscribe-Post: One-Click\r\n" END,
		"warn message-one-click-post", "'One-Click'", false},
	{"leaving with one click, not signed", PASSED HEAD DATE ID
		"List-Unsubscribe: <mailto:u@out.example>,\r\n <https://out.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" END,
		"warn message-one-click-unsigned", NULL, false},
	{"two ways to leave in two fields", PASSED HEAD DATE ID
		"List-Unsubscribe: <https://out.example/u>\r\nList-Unsubscribe: <https://out.example/v>\r\n" END, "warn message-unsubscribe-twice",
		NULL, false},
};
/* clang-format on */

static void
check_finding(const struct passed *p, const char *want, const char *says)
{
	const char *id = strchr(want, ' ') + 1;
	const struct finding *f = findings_find(&p->findings, id);

	if (want[0] == '-') {
		if (f != NULL)
			fail_msg("%s: %s", id, f->text);
		return;
	}
	if (f == NULL)
		fail_msg("no %s", id);
	else if (strncmp(want, finding_level_name(f->level), strlen(finding_level_name(f->level))) != 0)
		fail_msg("%s is a %s: %s", id, finding_level_name(f->level), f->text);
	else if (says != NULL && strstr(f->text, says) == NULL)
		fail_msg("%s says: %s", id, f->text);
}

static void
check_notice(void **state)
{
	static const char dns[] =
		"{\"_dmarc.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]}, \"ill.example\": {\"RCODE\": 2}, "
		"\"_dmarc.ill.example\": {\"RCODE\": 2}, \"out.example\": {\"TXT\": [[\"v=spf1 ip4:192.0.2.10 "
		"-all\"]]}}";
	const struct notice_row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct seen s;

		look(dns, RCPT, strstr(r->want, "from-domain") != NULL ? "out.example" : NULL, r->text, deferred != 0,
		     &s);
		check_finding(&s.passed, r->want, r->says);
		if (r->spoils)
			assert_false(s.passed.ok);
		forget(&s);
	}
}

static void
passed__what_the_receiver_means_is_said(void **state)
{
	static const char text[] =
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; dkim=policy (weak key) "
		"header.d=out.example; dmarc=pass header.from=out.example\r\n" OWN;
	const struct finding *f;
	struct seen s;

	(void)state;
	look(zone, RCPT, NULL, text, false, &s);
	f = findings_find(&s.passed.findings, "message-dkim");
	assert_non_null(f);
	assert_non_null(strstr(f->text, "dkim=policy (weak key)"));
	assert_non_null(strstr(f->text, "Publish a 2048-bit key"));
	forget(&s);
}

/* With adkim=s a subdomain is not aligned; with aspf=r it is. */
static void
passed__alignment_is_as_strict_as_the_policy_says(void **state)
{
	static const char dns[] = "{\"_dmarc.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject; adkim=s; aspf=r\"]]}}";
	static const char text[] =
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=b.out.example; dkim=pass "
		"header.d=m.out.example; dmarc=pass header.from=out.example\r\n" OWN;
	struct seen s;

	(void)state;
	look(dns, RCPT, NULL, text, true, &s);
	assert_true(s.passed.spf_aligned);
	assert_false(s.passed.dkim_aligned);
	assert_false(s.passed.ok);
	forget(&s);
}

/* The list of public suffixes would call them one organisation; the record says that the lower one is its own (RFC 9989 s4.10.2). */
static void
passed__what_belongs_together_is_found_by_the_tree_walk(void **state)
{
	static const char dns[] = "{\"_dmarc.team.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject; psd=n\"]]}}";
	static const char text[] =
		"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; dkim=pass "
		"header.d=m.team.out.example; dmarc=pass header.from=team.out.example\r\n"
		"From: a@team.out.example\r\n\r\ntest\r\n";
	struct seen s;

	(void)state;
	look(dns, RCPT, NULL, text, true, &s);
	assert_false(s.passed.spf_aligned);
	assert_true(s.passed.dkim_aligned);
	forget(&s);
}

static void
passed__a_check_may_be_run_again(void **state)
{
	struct seen s;
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};
	size_t n;

	(void)state;
	look(zone, RCPT, NULL, PASSED CAME_IN OWN, false, &s);
	n = s.passed.findings.n;
	zonetable_open(zone, &t);
	l = zonetable_lookup(&t, false);
	assert_ok(lookup_settle_one(l, judge, &s, &err), &err);
	assert_int_equal(s.passed.findings.n, n);
	assert_true(s.passed.ok);
	lookup_drop(&l);
	zonetable_close(&t);
	forget(&s);
}

int
main(void)
{
	struct CMUnitTest tests[256];
	size_t n = 0;

	ROWS(tests, n, trust_rows, check_trust);
	ROWS(tests, n, word_rows, check_words);
	ROWS(tests, n, notice_rows, check_notice);
	TEST(tests, n, passed__what_the_receiver_means_is_said);
	TEST(tests, n, passed__alignment_is_as_strict_as_the_policy_says);
	TEST(tests, n, passed__what_belongs_together_is_found_by_the_tree_walk);
	TEST(tests, n, passed__a_check_may_be_run_again);
	return rows_run("dns/passed", tests, n);
}
