/*
 * test_passed_signed.c - the receiver's word on DKIM against what the bytes of a message say, and unsubscribing that is signed.
 *
 * The signatures below were made once, with keys that nobody has any more, by tools of OpenSSL.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include "dns/passed.h"

#define NOW_S 1764072000 /* 2025-11-25T12:00:00Z */

/* clang-format off */
#define KEY_RSA \
	"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEApYm9wX1GdSsYC6OuWx2BPEUzp1Cz" \
	"khQE4RA2M5rWbJ18670H9Nc4XMFx4tJQ29IlFitQBdryDUW9FzJnRxysPYmRczbggGYGMm5S1y6hbhkaLmc/Ozs7oS" \
	"maSBDi1X750lC+8Rd6UpkFj6DJQbVSq6p6IHQ+d3cwE1toy0pdN7julT15T457FLiSxmBqMV/4T08YWcOLQichJ9yE" \
	"a3kn8IOLSU/k86DzANbVhXlOuzz58Tt4YGchcHx5lgdOOVX14hGW+APIZNxiq85tz4Rsssaxf4+88XnDd1yUkXqXFI" \
	"TFkDKcKsTrLZ0gZNiDKUgFPS3MsOYcTIUbOIPyVlwRmQIDAQAB"
#define KEY_ED \
	"v=DKIM1; k=ed25519; p=TCKYRwoY3EmcF+ovGoEK3ugqEm3qgcPr19HK1SL3ABc="
#define SIGNED \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:From:To:" \
	"Subject:Date:Message-ID:List-Unsubscribe:List-Unsubscribe-Post; bh=NKFcu4HaHgYqkqgPUFE5WSN" \
	"0rDK/Igza8ofdCAPjmy4=; b=aSVyuS2smjyDKhWRsgLzUmbwD752bqBbVE/+9TAwhmNLQNuxhmDGl4WSiDcSzAbEr" \
	"gGs+ytK5YE368Ae1yoimI7G+kbHtQiQCKkTc3mkvHxTmQ6+iW1WnWvekl2gX/9sXoKDu8wNDnOh0jSQ1/4yY18ywoA" \
	"1qYeEVif0JfawFvHbzmBRf3iBcG3x7k4FmBTK4Nb3vEkvRU2Z1+qY9rskc6x4ygnL0LjO091JzNObGcNGNAFA9dPPu" \
	"mi/jurOsRhUnNT4SVw39bbhMBAmN3xItrNSG3vbmxhd46tLaqy1hffctu7zAmw3wnDC15Y0ha+kzHRhcEoowTNtM+p" \
	"00ucvfw=="
#define SIGNED_BARE \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:From:To:" \
	"Subject:Date:Message-ID; bh=NKFcu4HaHgYqkqgPUFE5WSN0rDK/Igza8ofdCAPjmy4=; b=XBCC5YZXCZ06LV" \
	"l2uS+tsINM6Fs/JOywx/wb299ERcEcjUgjaogOFOmKYE4XkcJMVx3WTfWeRi3CgxtdyXx0XvPWTP2TVkdZofIImpvW" \
	"k5/n9tS/FX06yc7KDEB/ypGYUY/n4lTxmNbgWDefp4Di2SPQ/c/Fn/fY1qOShLNnsxOJm9n8jGubEv++Tb3i2u+E+O" \
	"ziC8r1QQzJ5Z8rOsCCvF3H4JOwIgXIFvHorfiWQ9s6TOXT/4nCYz+7mffEOZMA/uwYuDDXUg7rGoxVX3NfMLpiOqOx" \
	"x3l5CcJ2ABSYDoGO+QQpHHaL6NKCRNFD1xkMWq03UF3x4dx1fTXe/DDNcw=="
#define SIGNED_ED \
	"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=ed; h=From:From" \
	":To:Subject:Date:Message-ID:List-Unsubscribe:List-Unsubscribe-Post; bh=NKFcu4HaHgYqkqgPUFE" \
	"5WSN0rDK/Igza8ofdCAPjmy4=; b=3HRKZiu4S5d/DlgpE6mpbfojuDOnxkw1SBlCh03ZUJEO1UZ6xsveKFRmy+eow" \
	"tF3Dc258mGkPeKTKOj78Ov8Bw=="
#define SIGNED_EXPIRED \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; t=1763900000; x" \
	"=1764000000; h=From:From:To:Subject:Date:Message-ID:List-Unsubscribe:List-Unsubscribe-Post" \
	"; bh=NKFcu4HaHgYqkqgPUFE5WSN0rDK/Igza8ofdCAPjmy4=; b=kVYn06JIkK6jYpJmTTfR7xWCf9DW0h8w8gzho" \
	"3tmo3F+GFR+OxKsT1/Qn7LStgU4jMa4J3DeIG2RoRJhLl+LAfmOltf2pAuFq4J+dJqR6Rl+p7Z+9oQFrhS7MyokOzW" \
	"j4n9FTc2tZqptjsZJAj/hNDPmdPZE7d9+gV+3mEzkBNgdtNyeWJJlr5KBKjCkdwhXqYDV0pr5T5MRL0mtdHKdL/vtQ" \
	"vxGRpPks8EAWcWRMpUVA8eAD5PWE7WVnoSF+VxPe5Tg2e99I6aDHqswKL2rmkr4xrgxClnry6M7/x3Rjod9CCREWIq" \
	"rcJ2qrKx2GZb06CG0zEe/ozC5wiOFX0KEgA=="
#define HEADER \
	"From: Anna <anna@out.example>\r\nTo: test@rcpt.example\r\nSubject: test\r\nDate: Tue, 25 Nov 202" \
	"5 12:00:00 +0000\r\nMessage-ID: <1@out.example>\r\nList-Unsubscribe: <https://out.example/u/1>" \
	"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
#define HEADER_OTHER \
	"From: Anna <anna@out.example>\r\nTo: test@rcpt.example\r\nSubject: best\r\nDate: Tue, 25 " \
	"Nov 2025 12:00:00 +0000\r\nMessage-ID: <1@out.example>\r\nList-Unsubscribe: <https://out." \
	"example/u/1>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
#define SIGNED_ELSE \
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:From:To:" \
	"Subject:Date:Message-ID:List-Unsubscribe:List-Unsubscribe-Post; bh=NKFcu4HaHgYqkqgPUFE5WSN" \
	"0rDK/Igza8ofdCAPjmy4=; b=QQifNU13y+BNdyojhTfBvJzrJhgEyC6BZMhtV+ulJ+97Q/gANujjN/5CjEDc5PnwK" \
	"Iafi+h5MOG7+M6N61chq8w7QV5M5/AAaJNIPGCttRxHK2ULzHLtdctKowC/xZ4ntf3UM6VLKmC76Kwj9xpC0RLyUSg" \
	"SqxyoF1iGzZ3K39kcfoBJ1ZwZNebO16Bay6mUjiZEjwAXf1mZ8CrAjE+fZ6zIbiSl67toPE8Xwhz7oQx2x8PUynzwi" \
	"g7P+UgXIDPxX5iXol89smZhbtTd8e1TdNkWQY1WTjfW49RRRm4PlTz5nENGdcQIynYMWOtxhog6DfjSBNCUnBLBKYz" \
	"tfKCVFQ=="
#define HEADER_ELSE \
	"From: Anna <anna@else.example>\r\nTo: test@rcpt.example\r\nSubject: test\r\nDate: Tue, 25 Nov 20" \
	"25 12:00:00 +0000\r\nMessage-ID: <1@out.example>\r\nList-Unsubscribe: <https://out.example/u/1" \
	">\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
/* clang-format on */
#define BODY "\r\n\r\nHello =3D test\r\nsecond line\r\n"
#define SAYS(dkim)                                                                                                     \
	"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; " dkim                           \
	"; dmarc=pass header.from=out.example\r\n"
#define PASS    SAYS("dkim=pass header.d=out.example header.s=s1")
#define KEYS    "\"s1._domainkey.out.example\": {\"TXT\": [[\"" KEY_RSA "\"]]}, "
#define KEYS_ED "\"ed._domainkey.out.example\": {\"TXT\": [[\"" KEY_ED "\"]]}, "
#define POLICY  "\"_dmarc.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]}"

/* clang-format off */
static const struct row {
	const char *name, *zone, *text;
	const char *want; /* "LEVEL ID"; "-": nothing of DKIM or the body is told */
	const char *says; /* within its text */
	bool ok, one_click;
} rows[] = {
	{"both verify", "{" KEYS POLICY "}", PASS SIGNED "\r\n" HEADER BODY, "-", NULL, true, true},
	{"both verify, by the domain alone", "{" KEYS POLICY "}", SAYS("dkim=pass header.d=OUT.example") SIGNED "\r\n" HEADER BODY, "-", NULL, true,
		true},
	{"a receiver that does not say whose signature it was", "{" KEYS POLICY "}", SAYS("dkim=pass") SIGNED "\r\n" HEADER BODY, "-", NULL, true, true},
	{"nor of which of two", "{" KEYS POLICY "}", SAYS("dkim=pass") "DKIM-Signature: v=1; a=rsa-sha256; d=esp.example; s=x; h=from; bh=eA==; b=eA==\r\n"
		SIGNED "\r\n" HEADER BODY, "warn message-dkim-alignment", "a domain that is not told", false, true},
	{"a subject that was changed", "{" KEYS POLICY "}", PASS SIGNED "\r\n" HEADER_OTHER BODY, "fail message-dkim-disagrees",
		"here it is dkim=fail", false, false},
	{"a body that was changed", "{" KEYS POLICY "}", PASS SIGNED "\r\n" HEADER "\r\n\r\nHello =3D test\r\nsecond lime\r\n",
		"fail message-body-differs", "body hash differs", false, false},
	{"a body with more at its end", "{" KEYS POLICY "}", PASS SIGNED "\r\n" HEADER BODY "more\r\n", "fail message-body-differs",
		"body hash differs", false, false},
	{"a body that a client decoded", "{" KEYS POLICY "}", PASS SIGNED "\r\n" HEADER "\r\n\r\nHello = test\r\nsecond line\r\n",
		"warn message-recoded", "body hash differs", true, false},
	{"a key that is gone", "{" POLICY "}", PASS SIGNED "\r\n" HEADER BODY, "fail message-dkim-disagrees", "selector s1", false, false},
	{"a key that cannot be asked for", "{\"s1._domainkey.out.example\": {\"RCODE\": 2}, " POLICY "}", PASS SIGNED "\r\n" HEADER BODY,
		"unknown message-dkim-unchecked", "could not be verified here", true, false},
	{"a key that was published since", "{" KEYS POLICY "}", SAYS("dkim=fail header.d=out.example header.s=s1") SIGNED "\r\n" HEADER BODY,
		"warn message-dkim-disagrees", "the receiver says dkim=fail for out.example (selector s1), here it is dkim=pass", false, true},
	{"a receiver without Ed25519", "{" KEYS KEYS_ED POLICY "}",
		SAYS("dkim=neutral (no key) header.d=out.example header.s=ed; dkim=pass header.d=out.example header.s=s1") SIGNED_ED "\r\n" SIGNED
		"\r\n" HEADER BODY, "note message-dkim-ed25519", "lack that algorithm", true, true},
	{"a receiver that tells them apart by their algorithms", "{" KEYS KEYS_ED POLICY "}",
		SAYS("dkim=pass header.d=out.example header.a=rsa-sha256; dkim=neutral header.d=out.example header.a=ed25519-sha256")
		SIGNED "\r\n" SIGNED_ED "\r\n" HEADER BODY, "note message-dkim-ed25519", NULL, true, true},
	{"one of two that agrees is enough", "{" KEYS POLICY "}",
		SAYS("dkim=pass header.d=out.example header.s=ed; dkim=pass header.d=out.example header.s=s1") SIGNED_ED "\r\n" SIGNED "\r\n" HEADER
		BODY, "warn message-dkim-disagrees", "selector ed", true, true},
	{"one that has expired since", "{" KEYS POLICY "}", PASS SIGNED_EXPIRED "\r\n" HEADER BODY, "note message-dkim-expired", NULL, true, false},
	{"a copy that lost its signature", "{" KEYS POLICY "}", PASS HEADER BODY, "warn message-dkim-unseen", NULL, true, false},
	{"unsubscribing is not signed", "{" KEYS POLICY "}", PASS SIGNED_BARE "\r\n" HEADER BODY, "warn message-one-click-unsigned", NULL, true, false},
	{"unsubscribing is signed by somebody else", "{" KEYS "\"_dmarc.else.example\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]}}",
		"Authentication-Results: mx.rcpt.example; none\r\n" SIGNED_ELSE "\r\n" HEADER_ELSE BODY, "warn message-one-click-unsigned", NULL,
		false, false},
};
/* clang-format on */

struct seen {
	struct passed_query query;
	struct passed passed;
};

static int
judge(struct lookup *l, void *arg, struct err *err)
{
	struct seen *s = arg;

	return passed_check(l, &s->query, &s->passed, err);
}

static void
check_nothing_told(const struct passed *p)
{
	for (size_t i = 0; i < p->findings.n; i++)
		if (strncmp(p->findings.items[i].id, "message-", 8) == 0 && p->findings.items[i].level != FINDING_NOTE)
			fail_msg("%s: %s", p->findings.items[i].id, p->findings.items[i].text);
}

static void
check_told(const struct passed *p, const char *want, const char *says)
{
	const struct finding *f = findings_find(&p->findings, strchr(want, ' ') + 1);

	if (f == NULL)
		fail_msg("no %s", want);
	else if (strncmp(want, finding_level_name(f->level), strlen(finding_level_name(f->level))) != 0)
		fail_msg("%s is a %s: %s", f->id, finding_level_name(f->level), f->text);
	else if (says != NULL && strstr(f->text, says) == NULL)
		fail_msg("%s says: %s", f->id, f->text);
}

static void
check_row(void **state)
{
	static const char *const trusted[] = {"mx.rcpt.example", NULL};
	const struct row *r = *state;

	for (int deferred = 0; deferred < 2; deferred++) {
		struct message m = {0};
		struct seen s = {
			.query = {.message = &m, .trusted = trusted, .now_s = NOW_S}
                };
		struct zonetable t;
		struct lookup *l;
		struct err err = {0};

		assert_ok(message_read(r->text, strlen(r->text), &m, &err), &err);
		zonetable_open(r->zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, judge, &s, &err), &err);
		if (r->want[0] == '-')
			check_nothing_told(&s.passed);
		else
			check_told(&s.passed, r->want, r->says);
		for (size_t i = 0; i < s.passed.findings.n; i++)
			assert_null(strstr(s.passed.findings.items[i].text, "forged"));
		assert_int_equal(s.passed.ok, r->ok);
		assert_int_equal(s.passed.one_click, r->one_click);
		lookup_drop(&l);
		zonetable_close(&t);
		passed_release(&s.passed);
		message_release(&m);
	}
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	return rows_run("dns/passed signed", tests, n);
}
