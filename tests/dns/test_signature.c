/*
 * test_signature.c - what signature.h promises: canonical forms written out by hand, each rule of the tags, and the right reason.
 */
#include "tests/lib/dkim_keys.h"
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include <sodium.h>

#include "dns/coding.h"
#include "dns/signature.h"

#define NOW_S   ((int64_t)1795600000)
#define KEY_AT  "s1._domainkey.out.example"
#define RSA_TXT "v=DKIM1; k=rsa; p=%1|%2"

struct mail {
	struct message message;
	int64_t now_s;
	struct signatures got;
};

static int
verify(struct lookup *l, void *arg, struct err *err)
{
	struct mail *m = arg;

	return signatures_verify(l, &m->message, m->now_s, &m->got, err);
}

/* Both ways of being answered; the result must not differ. */
static void
verify_text(const char *zone, const struct buf *text, struct mail *m)
{
	char first[sizeof(m->got.items[0].why)] = "";
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	m->now_s = m->now_s != 0 ? m->now_s : NOW_S;
	assert_ok(message_read(text->data, text->len, &m->message, &err), &err);
	for (int deferred = 0; deferred < 2; deferred++) {
		zonetable_open(zone, &t);
		l = zonetable_lookup(&t, deferred != 0);
		assert_ok(lookup_settle_one(l, verify, m, &err), &err);
		lookup_drop(&l);
		zonetable_close(&t);
		if (deferred == 0)
			memcpy(first, m->got.items[0].why, sizeof(first));
		else
			assert_string_equal(m->got.items[0].why, first);
	}
}

static void
mail_release(struct mail *m)
{
	signatures_release(&m->got);
	message_release(&m->message);
}

/* "@H" the body's hash, "@B" the signature (empty: what is signed). */
static void
fill_tags(const char *tags, const char *hash, const char *b, struct buf *out)
{
	for (const char *c = tags; *c != '\0'; c++) {
		if (c[0] == '@' && (c[1] == 'H' || c[1] == 'B')) {
			c++;
			buf_adds(out, *c == 'H' ? hash : b);
		} else {
			buf_addc(out, *c);
		}
	}
}

/* What is signed, canonical form by hand, is one thing; what arrives another. */
struct letter {
	char key;                  /* that signs */
	const char *tags;          /* of the field, in canonical form */
	const char *tags_sent;     /* as they are written; NULL: the same */
	const char *header, *body; /* canonical */
	const char *header_sent, *body_sent;
	char damage; /* 'b': the first letter of b= is another; '+': a byte more; '-': the first byte left out; 'o': another hash's OID */
};

/* A signature damaged as bytes. */
static void
damage_bytes(char how, struct buf *b)
{
	struct buf bytes = {0};
	struct err err = {0};

	assert_ok(coding_decode(CODING_BASE64, b->data, b->len, &bytes, &err), &err);
	if (how == '+')
		buf_addc(&bytes, '\0');
	buf_clear(b);
	coding_encode(CODING_BASE64, (const uint8_t *)bytes.data + (how == '-'), bytes.len - (how == '-'), b);
	buf_release(&bytes);
}

/* As if the hash were of SHA3-256: the same length, the same padding. */
static void
sign_as_other_hash(char key, const struct buf *text, struct buf *b)
{
	uint8_t block[19 + crypto_hash_sha256_BYTES] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
	                                                0x65, 0x03, 0x04, 0x02, 0x08, 0x05, 0x00, 0x04, 0x20};

	(void)crypto_hash_sha256(block + 19, (const uint8_t *)text->data, text->len);
	test_key_sign_block(key, block, sizeof(block), b);
}

static void
write_letter(const struct letter *l, struct buf *out)
{
	bool relaxed = strstr(l->tags, "c=relaxed") != NULL || strstr(l->tags, "c = relaxed") != NULL;
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct buf bh = {0}, b = {0}, text = {0};

	(void)crypto_hash_sha256(hash, (const uint8_t *)l->body, strlen(l->body));
	coding_encode(CODING_BASE64, hash, sizeof(hash), &bh);
	buf_adds(&text, l->header);
	buf_adds(&text, relaxed ? "dkim-signature:" : "DKIM-Signature: ");
	fill_tags(l->tags, buf_str(&bh), "", &text);
	if (l->damage == 'o')
		sign_as_other_hash(l->key, &text, &b);
	else
		test_key_sign(l->key, text.data, text.len, &b);
	if (l->damage == '+' || l->damage == '-')
		damage_bytes(l->damage, &b);
	if (l->damage == 'b')
		b.data[0] = b.data[0] == 'A' ? 'B' : 'A';
	buf_adds(out, "DKIM-Signature: ");
	fill_tags(l->tags_sent != NULL ? l->tags_sent : l->tags, buf_str(&bh), buf_str(&b), out);
	buf_addf(out, "\r\n%s\r\n%s", l->header_sent, l->body_sent);
	buf_release(&bh);
	buf_release(&b);
	buf_release(&text);
}

static void
publish(const char *records, struct buf *zone)
{
	if (records[0] == '{') {
		buf_adds(zone, records);
		return;
	}
	buf_adds(zone, "{\"" KEY_AT "\": {\"TXT\": ");
	test_key_txt(records, zone);
	buf_adds(zone, "}}");
}

#define TAGS(a, c, more, h) "v=1; a=" a "; c=" c "; d=out.example; s=s1; " more "h=" h "; bh=@H; b=@B"
#define RR                  TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject")
#define SS                  TAGS("rsa-sha256", "simple/simple", "", "From:Subject")
#define RS                  TAGS("rsa-sha256", "relaxed/simple", "", "From:Subject")
#define EE                  TAGS("ed25519-sha256", "relaxed/relaxed", "", "From:Subject")
#define CANON               "from:A <a@out.example>\r\nsubject:hello there\r\n"
#define SENT                "From: A <a@out.example>\r\nSubject: hello there\r\n"
#define BODY                "Hello,\r\n\r\nyou there.\r\n"

/* ---- canonical forms: all of these pass ---- */

static const struct form_row {
	const char *name;
	struct letter l;
	const char *txt;
} forms[] = {
	{"relaxed/relaxed, RSA",					{'R', RR, NULL, CANON, BODY, SENT, BODY, 0},             RSA_TXT                     },
	{"relaxed/relaxed, Ed25519",                                    {'E', EE, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; k=ed25519; p=%E"  },
	{"simple/simple",					       {'R', SS, NULL, SENT, BODY, SENT, BODY, 0},              RSA_TXT                     },
	{"no c= is simple/simple",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; h=From:Subject; bh=@H; b=@B", NULL, SENT, "a  b \r\n", SENT,
          "a  b \r\n", 0},
         RSA_TXT																	     },
	{"one word is the header's",
         {'R', TAGS("rsa-sha256", "relaxed", "", "From:Subject"), NULL, CANON, "a  b \r\n", SENT, "a  b \r\n", 0},
         RSA_TXT																	     },
	{"simple/relaxed",
         {'R', TAGS("rsa-sha256", "simple/relaxed", "", "From:Subject"), NULL, SENT, "a b\r\n", SENT, "a  b \r\n", 0},
         RSA_TXT																	     },
	{"a relaxed header: case, blanks, folds",
         {'R', RR, NULL, CANON, BODY, "FROM \t:\r\n\tA   <a@out.example>  \r\nSuBject:hello\r\n \t there\t\r\n", BODY,
          0},
         RSA_TXT																	     },
	{"a simple header: case, blanks, folds as they are",
         {'R', SS, NULL, "FROM \t:\r\n\tA   <a@out.example>  \r\nSuBject:hello\r\n \t there\t\r\n", BODY,
          "FROM \t:\r\n\tA   <a@out.example>  \r\nSuBject:hello\r\n \t there\t\r\n", BODY, 0},
         RSA_TXT																	     },
	{"white space is blank and tab alone",
         {'R', RR, NULL,
          "from:A\v <a@out.example>\r\nsubject:a\f\fb\xc2\xa0\xc2\xa0"
          "c\v\r\n",
          "a\v\vb\f\r\n\v\r\n",
          "From: A\v <a@out.example>\r\nSubject: a\f\fb\xc2\xa0\xc2\xa0"
          "c\v\r\n",
          "a\v\vb\f \r\n\v\r\n", 0},
         RSA_TXT																	     },
	{"a carriage return alone is a byte like others",
         {'R', RR, NULL, "from:A <a@out.example>\r\nsubject:a\rb\r\n", "a\rb\r\n",
          "From: A <a@out.example>\r\nSubject: a\rb\r\n", "a\rb\r\n", 0},
         RSA_TXT																	     },
	{"an empty field",
         {'R', RR, NULL, "from:A <a@out.example>\r\nsubject:\r\n", BODY, "From: A <a@out.example>\r\nSubject: \r\n",
          BODY, 0},
         RSA_TXT																	     },
	{"an empty field, simple",
         {'R', SS, NULL, "From: A <a@out.example>\r\nSubject:\r\n", BODY, "From: A <a@out.example>\r\nSubject:\r\n",
          BODY, 0},
         RSA_TXT																	     },
	{"bytes above ASCII",
         {'R', RR, NULL, "from:\xc3\xa4 <a@out.example>\r\nsubject:\xff\r\n", "\xe4\r\n",
          "From: \xc3\xa4 <a@out.example>\r\nSubject: \xff\r\n", "\xe4\r\n", 0},
         RSA_TXT																	     },
	{"a relaxed body: runs of blanks, blanks at ends, empty lines",
         {'R', RR, NULL, CANON, " a b\r\n\r\n\r\nc\r\n", SENT, "  a \t b \t\r\n \t\r\n\r\nc\r\n\t\r\n\r\n", 0},
         RSA_TXT																	     },
	{"a simple body: as it is, without empty lines at its end",
         {'R', RS, NULL, CANON, "  a \t b \t\r\n \t\r\n\r\nc\r\n\t\r\n", SENT,
          "  a \t b \t\r\n \t\r\n\r\nc\r\n\t\r\n\r\n\r\n", 0},
         RSA_TXT																	     },
	{"an empty body, simple: one line end",                         {'R', RS, NULL, CANON, "\r\n", SENT, "", 0},             RSA_TXT                     },
	{"an empty body, relaxed: nothing",                             {'R', RR, NULL, CANON, "", SENT, "", 0},                 RSA_TXT                     },
	{"empty lines alone, simple: one line end",                     {'R', RS, NULL, CANON, "\r\n", SENT, "\r\n\r\n\r\n", 0}, RSA_TXT                     },
	{"empty lines alone, relaxed: nothing",                         {'R', RR, NULL, CANON, "", SENT, " \r\n\r\n\t\r\n", 0},  RSA_TXT                     },
	{"blanks alone, simple",					{'R', RS, NULL, CANON, " \r\n", SENT, " \r\n\r\n", 0},   RSA_TXT                     },
	{"no line end at the end, simple",                              {'R', RS, NULL, CANON, "a\r\n", SENT, "a", 0},           RSA_TXT                     },
	{"no line end at the end, relaxed",                             {'R', RR, NULL, CANON, "a\r\n", SENT, "a  ", 0},         RSA_TXT                     },
	{"more empty lines than fit a buffer",
         {'R', RS, NULL, CANON,
          "a\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nb\r\n", SENT,
          "a\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nb\r\n", 0},
         RSA_TXT																	     },
	{"the order of h=, not of the message",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "Subject:From"), NULL,
          "subject:hello there\r\nfrom:A <a@out.example>\r\n", BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"repeated fields from the bottom up",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "X:From:x:X"), NULL,
          "x:3\r\nfrom:A <a@out.example>\r\nx:2\r\nx:1\r\n", BODY,
          "X: 1\r\nFrom: A <a@out.example>\r\nx: 2\r\nX: 3\r\n", BODY, 0},
         RSA_TXT																	     },
	{"fewer of them signed: those at the bottom",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "X:From"), NULL, "x:3\r\nfrom:A <a@out.example>\r\n", BODY,
          "X: 1\r\nFrom: A <a@out.example>\r\nx: 2\r\nX: 3\r\n", BODY, 0},
         RSA_TXT																	     },
	{"names that are not there",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Sender:Subject:Subject:From"), NULL, CANON, BODY, SENT,
          BODY, 0},
         RSA_TXT																	     },
	{"another signature may be signed",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:DKIM-Signature"), NULL,
          "from:A <a@out.example>\r\ndkim-signature:v=0\r\n", BODY,
          "From: A <a@out.example>\r\nDKIM-Signature: v=0\r\n", BODY, 0},
         RSA_TXT																	     },
	{"its own is not signed twice",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:DKIM-Signature"), NULL, CANON, BODY, SENT, BODY,
          0},
         RSA_TXT																	     },
	{"b= in the middle",
         {'R', "v=1; b=@B; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=@H", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"b= in the middle, simple, blanks around it",
         {'R', "v=1; b =; a=rsa-sha256; d=out.example; s=s1; h=From:Subject; bh=@H;",
          "v=1; b =\r\n\t @B \r\n ; a=rsa-sha256; d=out.example; s=s1; h=From:Subject; bh=@H;", SENT, BODY, SENT, BODY,
          0},
         RSA_TXT																	     },
	{"b= at the end, simple, folded and with a blank behind",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; h=From:Subject; bh=@H;\r\n\tb=",
          "v=1; a=rsa-sha256; d=out.example; s=s1; h=From:Subject; bh=@H;\r\n\tb=@B\r\n ", SENT, BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"tags folded anywhere, relaxed",
         {'R', "v = 1; a=rsa-sha256 ; c = relaxed/relaxed; d=out.example; s= s1; h=From : Subject; bh=@H; b=@B;",
          "v\r\n = 1;\ta=rsa-sha256\r\n ;\r\n c =\r\n  relaxed/relaxed; d=out.example; s= s1; h=From\r\n :  Subject; "
          "bh=@H; b=\r\n\t@B\r\n ;",
          CANON, BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"bh= comes before b=, and is not it",
         {'R', "bh=@H; v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"tags nobody knows",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "zz=9; r=y; z=From:a|To:b; ", "From:Subject"), NULL, CANON, BODY,
          SENT, BODY, 0},
         RSA_TXT																	     },
	{"q= with a way that is known",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "q=x/y:dns/txt; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY,
          0},
         RSA_TXT																	     },
	{"a domain in capitals",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=OUT.Example; s=S1; h=From:Subject; bh=@H; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"i= in the domain",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=a=40x@out.example; ", "From:Subject"), NULL, CANON, BODY, SENT,
          BODY, 0},
         "v=DKIM1; t=s; p=%R"																},
	{"i= below the domain",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=@x.out.example; ", "From:Subject"), NULL, CANON, BODY, SENT,
          BODY, 0},
         RSA_TXT																	     },
	{"l= of all there is",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=22; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT																	     },
	{"l= of a part",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=10; ", "From:Subject"), NULL, CANON, "Hello,\r\n\r\n", SENT,
          BODY, 0},
         RSA_TXT																	     },
	{"l= counts canonical bytes",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=3; ", "From:Subject"), NULL, CANON, "a b", SENT,
          "a \t  b  \r\nmore\r\n", 0},
         RSA_TXT																	     },
	{"l= of nothing",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=0; ", "From:Subject"), NULL, CANON, "", SENT, BODY, 0},
         RSA_TXT																	     },
	{"not expired yet",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=1795599000; x=1795600000; ", "From:Subject"), NULL, CANON, BODY,
          SENT, BODY, 0},
         RSA_TXT																	     },
	{"1024 bits",						   {'K', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; p=%K"             },
	{"4096 bits",						   {'L', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; p=%L"             },
	{"a bare RSAPublicKey",					 {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; p=%P"             },
	{"g= of old times",					     {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; g=somebody; p=%R" },
	{"a key for some services",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; s=x:email; h=sha1:sha256; p=%R"													   },
	{"the second of two records",                                   {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=spf1 -all||v=DKIM1; p=%R"},
	{"a testing key",					       {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},             "v=DKIM1; t=y; p=%R"        },
};

static void
check_form(void **state)
{
	const struct form_row *r = *state;
	struct buf zone = {0}, text = {0};
	struct mail m = {0};
	const struct signature *s;

	publish(r->txt, &zone);
	write_letter(&r->l, &text);
	verify_text(buf_str(&zone), &text, &m);
	s = &m.got.items[0];
	if (s->result != SIGNATURE_PASS)
		fail_msg("%s: %s", signature_result_name(s->result), s->why);
	assert_null(s->reason);
	assert_string_equal(s->why, "");
	assert_string_equal(s->domain, "out.example");
	assert_string_equal(s->selector, "s1");
	assert_int_equal(s->bits, test_key(r->l.key)->public.bits);
	mail_release(&m);
	buf_release(&zone);
	buf_release(&text);
}

/* ---- what does not pass, and why ---- */

#define TEMP SIGNATURE_TEMPERROR
#define PERM SIGNATURE_PERMERROR
#define FAIL SIGNATURE_FAIL

static const struct fault_row {
	const char *name;
	struct letter l;
	const char *txt; /* or a whole zone */
	enum signature_result want;
	const char *reason, *says;
} faults[] = {
  /* tags */
	{"no v=",
         {'R', "a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From; bh=@H; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "v="				 },
	{"no a=",
         {'R', "v=1; d=out.example; s=s1; h=From; bh=@H; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "a="				 },
	{"no b=",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; h=From; bh=@H", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "b="				 },
	{"an empty b=",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; h=From; bh=@H; b=", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "empty"			      },
	{"no bh=",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; h=From; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "bh="				},
	{"no d=",
         {'R', "v=1; a=rsa-sha256; s=s1; h=From; bh=@H; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "d="				 },
	{"no h=",
         {'R', "v=1; a=rsa-sha256; d=out.example; s=s1; bh=@H; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "h="				 },
	{"no s=",
         {'R', "v=1; a=rsa-sha256; d=out.example; h=From; bh=@H; b=@B", NULL, "", "", SENT, "", 0},
         RSA_TXT,                                                                                                                         PERM,
         "tag-missing",                                                                                                                                                      "s="				 },
	{"another version",
         {'R', "v=2; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=@H; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "version",                                                                                                                                                          "v="				 },
	{"a tag twice",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "d=out.example; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY,
          0},
         RSA_TXT,                                                                                                                         PERM,
         "syntax",                                                                                                                                                           "twice"			      },
	{"no tag list",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "hello; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "syntax",                                                                                                                                                           "hello"			      },
	{"an algorithm nobody knows",
         {'R', TAGS("rsa-sha512", "relaxed/relaxed", "", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "algorithm",                                                                                                                                                        "rsa-sha512"			 },
	{"rsa-sha1",
         {'R', TAGS("rsa-sha1", "relaxed/relaxed", "", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "sha1",                                                                                                                                                             "RFC 8301"			   },
	{"a form nobody knows",
         {'R', TAGS("rsa-sha256", "relaxed/strict", "", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "canonicalization",                                                                                                                                                 "relaxed/strict"                     },
	{"a third form",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed/simple", "", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "canonicalization",                                                                                                                                                 "c="				 },
	{"an empty form",
         {'R', TAGS("rsa-sha256", "relaxed/", "", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "canonicalization",                                                                                                                                                 "c="				 },
	{"no way to the key",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "q=x/y; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "query",                                                                                                                                                            "dns/txt"			    },
	{"From not in h=",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "Subject"), NULL, "subject:hello there\r\n", BODY, SENT, BODY,
          0},
         RSA_TXT,                                                                                                                         PERM,
         "from-not-signed",                                                                                                                                                  "From"			       },
	{"an empty name in h=",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From::Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "header-list",                                                                                                                                                      "empty"			      },
	{"i= outside of d=",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=@xout.example; ", "From:Subject"), NULL, CANON, BODY, SENT,
          BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "identity",                                                                                                                                                         "outside"			    },
	{"i= above d=",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=@example; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "identity",                                                                                                                                                         "outside"			    },
	{"i= without a domain",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=out.example; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY,
          0},
         RSA_TXT,                                                                                                                         PERM,
         "identity",                                                                                                                                                         "no address"			 },
	{"i= below d= with a strict key",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "i=@x.out.example; ", "From:Subject"), NULL, CANON, BODY, SENT,
          BODY, 0},
         "v=DKIM1; t=s; p=%R",                                                                                                            PERM,
         "identity",                                                                                                                                                         "t=s"				},
	{"d= that is no domain",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out..example; s=s1; h=From:Subject; bh=@H; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "domain",                                                                                                                                                           "out..example"		       },
	{"d= with a blank",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out .example; s=s1; h=From:Subject; bh=@H; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "domain",                                                                                                                                                           "no domain"			  },
	{"d= of one label",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example; s=s1; h=From:Subject; bh=@H; b=@B", NULL, CANON, BODY,
          SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "domain",                                                                                                                                                           "no domain"			  },
	{"s= that is no selector",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=*; h=From:Subject; bh=@H; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "selector",                                                                                                                                                         "s=*"				},
	{"l= that is no number",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=1a; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "number",                                                                                                                                                           "l="				 },
	{"l= below zero",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=-1; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "number",                                                                                                                                                           "l="				 },
	{"l= of more than there is",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=23; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-cut",                                                                                                                                                         "22 bytes"			   },
	{"l= of more than any number",
         {'R',
          TAGS("rsa-sha256", "relaxed/relaxed", "l=99999999999999999999999999999999999999999999; ", "From:Subject"),
          NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-cut",                                                                                                                                                         "22 bytes"			   },
	{"t= that is no time",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=now; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "number",                                                                                                                                                           "t="				 },
	{"x= that is no time",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "x=; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "number",                                                                                                                                                           "x="				 },
	{"x= not behind t=",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=1795599000; x=1795599000; ", "From:Subject"), NULL, CANON, BODY,
          SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "number",                                                                                                                                                           "before"			     },
	{"expired",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "x=1795599999; ", "From:Subject"), NULL, CANON, BODY, SENT, BODY,
          0},
         RSA_TXT,                                                                                                                         PERM,
         "expired",                                                                                                                                                          "1 s ago"			    },
	{"bh= of another length",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=AAAA; b=@B", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "base64",                                                                                                                                                           "bh="				},
	{"b= that is not base64",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=@H; b=?", NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         PERM,
         "base64",                                                                                                                                                           "b="				 },

 /* keys */
	{"no such name",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "{\"out.example\": {}}",                                                                                                         PERM,
         "key-missing",                                                                                                                                                      "does not exist"                     },
	{"no TXT there",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "{\"" KEY_AT "\": {\"A\": [\"192.0.2.1\"]}}",
         PERM,                                                                                                                                              "key-missing",
         "no TXT"																								 },
	{"SERVFAIL",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "{\"" KEY_AT "\": {\"RCODE\": 2}}",
         TEMP,                                                                                                                                              "dns",
         "cannot be had"																							  },
	{"silence",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "{\"" KEY_AT "\": {\"TIMEOUT\": true}}",
         TEMP,                                                                                                                                              "dns",
         "cannot be had"																							  },
	{"a revoked key",				{'R', RR, NULL, CANON, BODY, SENT, BODY, 0},                    "v=DKIM1; p=",   PERM,             "key-revoked",   "revoked"                            },
	{"a key record of another version",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM2; p=%R",                                                                                                                 PERM,
         "key-syntax",                                                                                                                                                       "DKIM1"			      },
	{"a key record without p=",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; k=rsa",                                                                                                                PERM,
         "key-syntax",                                                                                                                                                       "p: missing"			 },
	{"a key cut off",				{'R', RR, NULL, CANON, BODY, SENT, BODY, 0},                    "v=DKIM1; p=%1", PERM,             "key-syntax",    "p:"                                 },
	{"a key for sha1 alone",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; h=sha1; p=%R",                                                                                                         PERM,
         "key-hash",                                                                                                                                                         "sha256"			     },
	{"a key for another service",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; s=tlsrpt; p=%R",                                                                                                       PERM,
         "key-service",                                                                                                                                                      "email"			      },
	{"a key of a type nobody knows",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; k=dsa; p=%R",                                                                                                          PERM,
         "key-type",                                                                                                                                                         "k:"				 },
	{"a key of the other type",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      PERM,
         "key-type",                                                                                                                                                         "rsa"				},
	{"768 bits",				     {'W', RR, NULL, CANON, BODY, SENT, BODY, 0},                    "v=DKIM1; p=%W", SIGNATURE_POLICY, "key-weak",      "768"                                },
	{"768 bits, and a changed body",
         {'W', RR, NULL, CANON, BODY, SENT, "x", 0},
         "v=DKIM1; p=%W",                                                                                                                 FAIL,
         "body-changed",                                                                                                                                                     "body"			       },
	{"two records, neither of them a key",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; p=%1||%2",                                                                                                             PERM,
         "key-syntax",                                                                                                                                                       "p:"				 },
	{"another RSA key of that size",
         {'O', RR, NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "not made with the key"              },
	{"an RSA key of another size",
         {'K', RR, NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "1024 bits"			  },
	{"another RSA key, and a changed body",
         {'O', RR, NULL, CANON, BODY, SENT, "x", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "not made with the key"              },
	{"a damaged RSA signature",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 'b'},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "damaged"			    },
	{"an RSA signature with a byte more",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, '+'},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "2056 bits"			  },
	{"an RSA signature of another hash",
         {'R', RR, NULL, CANON, BODY, SENT, BODY, 'o'},
         RSA_TXT,                                                                                                                         FAIL,
         "key-wrong",                                                                                                                                                        "not made"			   },
	{"an Ed25519 signature with a byte more",
         {'E', EE, NULL, CANON, BODY, SENT, BODY, '+'},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-or-key",                                                                                                                                                    "does not tell"                      },
	{"another Ed25519 key",
         {'F', EE, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-or-key",                                                                                                                                                    "does not tell"                      },
	{"a damaged Ed25519 signature",
         {'E', EE, NULL, CANON, BODY, SENT, BODY, 'b'},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-or-key",                                                                                                                                                    "does not tell"                      },
	{"an Ed25519 signature of an RSA length",
         {'R', EE, NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-or-key",                                                                                                                                                    "does not tell"                      },

 /* bodies */
	{"a changed body",
         {'R', RR, NULL, CANON, BODY, SENT, "Hello,\r\n\r\nyou There.\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-changed",                                                                                                                                                     "the text was changed"               },
	{"a changed body, Ed25519",
         {'E', EE, NULL, CANON, BODY, SENT, "Hello,\r\n\r\nyou There.\r\n", 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "body-changed",                                                                                                                                                     "the text was changed"               },
	{"a body whose beginning is gone",
         {'R', RR, NULL, CANON, BODY, SENT, "you there.\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-changed",                                                                                                                                                     "the text was changed"               },
	{"lines appended",
         {'R', RR, NULL, CANON, BODY, SENT, BODY "\r\n--\r\nThe list, http://x.example/\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-appended",                                                                                                                                                    "'--'"			       },
	{"lines appended, simple",
         {'R', SS, NULL, SENT, BODY, SENT, BODY "sent by x\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-appended",                                                                                                                                                    "'sent by x'"			},
	{"everything appended",                          {'R', RR, NULL, CANON, "", SENT, "x\r\n", 0},                   RSA_TXT,         FAIL,             "body-appended", "'x'"                                },
	{"everything appended, simple",
         {'R', RS, NULL, CANON, "\r\n", SENT, "x\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-appended",                                                                                                                                                    "'x'"				},
	{"lines put in front",
         {'R', RR, NULL, CANON, BODY, SENT, "CAUTION: external\r\n\r\n" BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-prepended",                                                                                                                                                   "2 lines"			    },
	{"blanks lost at line ends, simple",
         {'R', RS, NULL, CANON, "a b\r\n", SENT, "a  b \r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "white space"			},
	{"8bit that became quoted-printable",
         {'R', RR, NULL, CANON,
          "gr\xc3\xbc\xc3\x9f"
          "e = eine lange Zeile, weiter\r\n",
          SENT, "gr=C3=BC=C3=9Fe =3D eine lange=\r\n Zeile, weiter\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "quoted-printable on the way"        },
	{"8bit that became base64",
         {'R', RR, NULL, CANON,
          "gr\xc3\xbc\xc3\x9f"
          "e\r\n",
          SENT, "Z3LDvMOfZQ0K\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "base64 on the way"                  },
	{"8bit with bare line feeds that became base64",
         {'R', RR, NULL, CANON, "a\r\nb\r\n", SENT, "YQpiCg==\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "base64 on the way"                  },
	{"quoted-printable that became 8bit",
         {'R', RR, NULL, CANON,
          "gr=C3=BC=C3=9Fe =3D\r\n0123456789012345678901234567890123456789012345678901234567890123456789 1234=\r\n "
          "0\r\n",
          SENT,
          "gr\xc3\xbc\xc3\x9f"
          "e =\r\n0123456789012345678901234567890123456789012345678901234567890123456789 1234 0\r\n",
          0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "signed as quoted-printable"         },
	{"base64 that became 8bit",
         {'R', RR, NULL, CANON, "Z3LDvMOfZQ0K\r\n", SENT,
          "gr\xc3\xbc\xc3\x9f"
          "e\r\n",
          0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "signed as base64"                   },
	{"base64 of line feeds that became 8bit",
         {'R', RR, NULL, CANON, "YQpiCg==\r\n", SENT, "a\r\nb\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "signed as base64"                   },
	{"UTF-8 that became ISO-8859-1",
         {'R', RR, NULL, CANON,
          "gr\xc3\xbc\xc3\x9f"
          "e\r\n",
          SENT,
          "gr\xfc\xdf"
          "e\r\n",
          0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "ISO-8859-1 on the way"              },
	{"ISO-8859-1 that became UTF-8",
         {'R', RR, NULL, CANON,
          "gr\xfc\xdf"
          "e\r\n",
          SENT,
          "gr\xc3\xbc\xc3\x9f"
          "e\r\n",
          0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "UTF-8 on the way"                   },
	{"CR CR LF",
         {'R', RR, NULL, CANON, "a\r\nb\r\n", SENT, "a\r\r\nb\r\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "CR CR LF"			   },
	{">From",
         {'R', RR, NULL, CANON, "From here\r\nb\r\n", SENT, ">From here\r\nb\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "mbox"			       },
	{"doubled dots",
         {'R', RR, NULL, CANON, "a\r\n.b\r\n", SENT, "a\r\n..b\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "doubled"			    },
	{"lost dots",
         {'R', RR, NULL, CANON, "a\r\n..b\r\n", SENT, "a\r\n.b\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "lost"			       },
	{"dashes that lost their blank",
         {'R', RS, NULL, CANON, "a\r\n-- \r\nb\r\n", SENT, "a\r\n--\r\nb\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "signature block"                    },
	{"a part that is signed and changed",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=5; ", "From:Subject"), NULL, CANON, "Hello", SENT,
          "hello, more\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-changed",                                                                                                                                                     "the text was changed"               },
	{"body and header changed",
         {'R', RR, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: other\r\n", "x", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-changed",                                                                                                                                                     "the header does not fit either"     },

 /* headers */
	{"a changed header",
         {'R', RR, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: hello There\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "signed are: From, Subject"          },
	{"a changed header, Ed25519",
         {'E', EE, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: hello There\r\n", BODY, 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-or-key",                                                                                                                                                    "does not tell"                      },
	{"a header field gone",
         {'R', RR, NULL, CANON, BODY, "From: A <a@out.example>\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "signed are: From"                   },
	{"another case of a name, simple",
         {'R', SS, NULL, SENT, BODY, "From: A <a@out.example>\r\nSUBJECT: hello there\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "signed are"			 },
	{"another order of tags",
         {'R', "v=1; a=rsa-sha256; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=@H; b=@B",
          "a=rsa-sha256; v=1; c=relaxed/relaxed; d=out.example; s=s1; h=From:Subject; bh=@H; b=@B", CANON, BODY, SENT,
          BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "signed are"			 },
	{"a tag in front of the subject",
         {'R', RR, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: [list] hello there\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "tag was put in front of the Subject"},
	{"a tag in front of the subject, Ed25519",
         {'E', EE, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: ***SPAM*** hello there\r\n", BODY, 0},
         "v=DKIM1; k=ed25519; p=%E",                                                                                                      FAIL,
         "header-changed",                                                                                                                                                   "tag was put in front of the Subject"},
	{"a tag behind Re:",
         {'R', RR, NULL, "from:A <a@out.example>\r\nsubject:Re: hello\r\n", BODY,
          "From: A <a@out.example>\r\nSubject: Re: [list] hello\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "tag was put in front of the Subject"},
	{"a tag and a footer",
         {'R', RR, NULL, CANON, BODY, "From: A <a@out.example>\r\nSubject: [list] hello there\r\n", BODY "footer\r\n",
          0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-appended",                                                                                                                                                    "the header does not fit either"     },
	{"a field folded on the way, simple",
         {'R', SS, NULL, SENT, BODY, "From: A <a@out.example>\r\nSubject: hello\r\n there\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-refolded",                                                                                                                                                  "c=relaxed"			  },
	{"a field folded with a tab on the way, simple",
         {'R', SS, NULL, SENT, BODY, "From: A <a@out.example>\r\nSubject: hello\r\n\tthere\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-refolded",                                                                                                                                                  "c=relaxed"			  },
	{"a second From under an oversigned one",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:From"), NULL, CANON, BODY,
          SENT "From: b@evil.example\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "From was added"                     },
	{"a second From above an oversigned one",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:From"), NULL, CANON, BODY,
          "From: b@evil.example\r\n" SENT, BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "From was added"                     },
	{"a field added that was signed as absent",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:Sender"), NULL, CANON, BODY,
          SENT "Sender: x@y.example\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "Sender was added"                   },
	{"body and its encoding, both signed",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Content-Transfer-Encoding"), NULL,
          "from:A <a@out.example>\r\ncontent-transfer-encoding:8bit\r\n", "\xc3\xbc\r\n",
          "From: A <a@out.example>\r\nContent-Transfer-Encoding: quoted-printable\r\n", "=C3=BC\r\n", 0},
         RSA_TXT,                                                                                                                         FAIL,
         "body-recoded",                                                                                                                                                     "the header does not fit either"     },
	{"an encoding alone",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Content-Transfer-Encoding"), NULL,
          "from:A <a@out.example>\r\ncontent-transfer-encoding:8bit\r\n", BODY,
          "From: A <a@out.example>\r\nContent-Transfer-Encoding: 7bit\r\n", BODY, 0},
         RSA_TXT,                                                                                                                         FAIL,
         "header-changed",                                                                                                                                                   "was 8bit"			   },
};

static void
check_fault(void **state)
{
	const struct fault_row *r = *state;
	struct buf zone = {0}, text = {0};
	struct mail m = {0};
	const struct signature *s;

	publish(r->txt, &zone);
	write_letter(&r->l, &text);
	verify_text(buf_str(&zone), &text, &m);
	s = &m.got.items[0];
	if (s->result != r->want || s->reason == NULL || strcmp(s->reason, r->reason) != 0 ||
	    strstr(s->why, r->says) == NULL)
		fail_msg("%s, %s: %s", signature_result_name(s->result), s->reason, s->why);
	mail_release(&m);
	buf_release(&zone);
	buf_release(&text);
}

/* ---- what is said of a signature that passes ---- */

static const struct said_row {
	const char *name;
	struct letter l;
	const char *txt;
	const char *ids; /* of all findings */
	const char *flags;
} said[] = {
	{"all in order",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:From"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                "",
         "oversigned"																			},
	{"From not oversigned",                   {'R', RR, NULL, CANON, BODY, SENT, BODY, 0},                          RSA_TXT, "dkim-from-not-oversigned",               ""},
	{"two From fields",
         {'R', RR, NULL, CANON, BODY, "From: b@evil.example\r\n" SENT, BODY, 0},
         RSA_TXT,                                                                                                                "dkim-two-from dkim-from-not-oversigned",
         ""																				  },
	{"a part of the body",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=10; ", "From:Subject:From"), NULL, CANON, "Hello,\r\n\r\n",
          SENT, BODY, 0},
         RSA_TXT,                                                                                                                "dkim-partial-body",
         "oversigned partial"																		},
	{"a length that is all",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "l=22; ", "From:Subject:From"), NULL, CANON, BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                "dkim-partial-body",
         "oversigned"																			},
	{"testing",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:From"), NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; t=y; p=%R",                                                                                                   "dkim-testing",
         "oversigned testing"																		},
	{"two records",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:Subject:From"), NULL, CANON, BODY, SENT, BODY, 0},
         "v=DKIM1; p=%R||v=spf1 -all",                                                                                           "dkim-two-records",
         "oversigned"																			},
	{"expires soon",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=1795599000; x=1795700000; ", "From:Subject:From"), NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                "dkim-expiry",
         "oversigned"																			},
	{"expires late",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=1795599000; x=1796599000; ", "From:Subject:From"), NULL, CANON,
          BODY, SENT, BODY, 0},
         RSA_TXT,                                                                                                                "",
         "oversigned"																			},
	{"signed tomorrow",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "t=1795690000; ", "From:Subject:From"), NULL, CANON, BODY, SENT,
          BODY, 0},
         RSA_TXT,                                                                                                                "dkim-clock",
         "oversigned"																			},
	{"the subject left open",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:From"), NULL, "from:A <a@out.example>\r\n", BODY, SENT,
          BODY, 0},
         RSA_TXT,                                                                                                                "dkim-fields-not-signed",
         "oversigned"																			},
	{"the unsubscribe fields covered",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:From:List-Unsubscribe:List-Unsubscribe-Post"), NULL,
          "from:a@out.example\r\nlist-unsubscribe:<https://x.example/"
          ">\r\nlist-unsubscribe-post:List-Unsubscribe=One-Click\r\n",
          BODY,
          "From: a@out.example\r\nList-Unsubscribe: <https://x.example/>\r\nList-Unsubscribe-Post: "
          "List-Unsubscribe=One-Click\r\n",
          BODY, 0},
         RSA_TXT,                                                                                                                "",
         "oversigned unsubscribe post"																       },
	{"one of two unsubscribe fields covered",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:From:List-Unsubscribe"), NULL,
          "from:a@out.example\r\nlist-unsubscribe:<https://x.example/>\r\n", BODY,
          "List-Unsubscribe: <https://y.example/>\r\nFrom: a@out.example\r\nList-Unsubscribe: "
          "<https://x.example/>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
          BODY, 0},
         RSA_TXT,                                                                                                                "",
         "oversigned"																			},
	{"unsubscribe fields signed as absent",
         {'R', TAGS("rsa-sha256", "relaxed/relaxed", "", "From:From:List-Unsubscribe"), NULL, "from:a@out.example\r\n",
          BODY, "From: a@out.example\r\n", BODY, 0},
         RSA_TXT,                                                                                                                "",
         "oversigned"																			},
};

static void
check_said(void **state)
{
	const struct said_row *r = *state;
	struct buf zone = {0}, text = {0}, ids = {0};
	struct mail m = {0};
	const struct signature *s;
	char flags[128];

	publish(r->txt, &zone);
	write_letter(&r->l, &text);
	verify_text(buf_str(&zone), &text, &m);
	s = &m.got.items[0];
	assert_string_equal(signature_result_name(s->result), "pass");
	for (size_t i = 0; i < m.got.findings.n; i++)
		buf_addf(&ids, "%s%s", i > 0 ? " " : "", m.got.findings.items[i].id);
	assert_string_equal(buf_str(&ids), r->ids);
	(void)snprintf(flags, sizeof(flags), "%s%s%s%s%s", s->oversigns_from ? " oversigned" : "",
	               s->partial_body ? " partial" : "", s->testing ? " testing" : "",
	               s->signs_list_unsubscribe ? " unsubscribe" : "", s->signs_list_unsubscribe_post ? " post" : "");
	assert_string_equal(flags[0] == ' ' ? flags + 1 : flags, r->flags);
	mail_release(&m);
	buf_release(&zone);
	buf_release(&text);
	buf_release(&ids);
}

/* ---- */

/* RFC 8463 appendix A.3: two signatures over one message, as printed. */
static void
signature__the_example_of_rfc_8463_verifies(void **state)
{
	static const char zone[] =
		"{\"brisbane._domainkey.football.example.com\": {\"TXT\": [[\"v=DKIM1; k=ed25519; "
		"p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"]]}, \"test._domainkey.football.example.com\": "
		"{\"TXT\": "
		"[[\"v=DKIM1; k=rsa; "
		"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jL"
		"QiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
		"8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+"
		"2kryOTIKT+l/K4w3QIDAQAB\"]]}}";
	static const char mail[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
				   " d=football.example.com; i=@football.example.com;\n"
				   " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
				   " subject : date : message-id : from : subject : date;\n"
				   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
				   " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
				   " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
				   "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
				   " d=football.example.com; i=@football.example.com;\n"
				   " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
				   " date : message-id : from : subject : date;\n"
				   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
				   " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
				   " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
				   " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
				   "From: Joe SixPack <joe@football.example.com>\n"
				   "To: Suzie Q <suzie@shopping.example.net>\n"
				   "Subject: Is dinner ready?\n"
				   "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
				   "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
				   "\n"
				   "Hi.\n"
				   "\n"
				   "We lost the game.  Are you hungry yet?\n"
				   "\n"
				   "Joe.\n";
	struct buf text = {0};
	struct mail m = {0};

	(void)state;
	buf_adds(&text, mail);
	verify_text(zone, &text, &m);
	assert_int_equal(m.got.n, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(signature_result_name(m.got.items[i].result), "pass");
	assert_string_equal(m.got.items[0].algorithm, "ed25519-sha256");
	assert_string_equal(m.got.items[1].identity, "@football.example.com");
	assert_int_equal(m.got.items[1].bits, 1024);
	mail_release(&m);
	buf_release(&text);
}

/* Every byte of a short message counts, header and body alike: any flip fails, and in the half where it was made. */
static void
signature__no_byte_can_be_changed(void **state)
{
	const struct letter l = {
		'E', TAGS("ed25519-sha256", "simple/simple", "", "From:Subject"), NULL, SENT, BODY, SENT, BODY, 0};
	struct buf zone = {0}, text = {0};
	size_t start, body;

	(void)state;
	publish("v=DKIM1; k=ed25519; p=%E", &zone);
	write_letter(&l, &text);
	start = (size_t)(strstr(text.data, "From: A") - text.data);
	body = (size_t)(strstr(text.data, "\r\n\r\n") - text.data) + 4;
	for (size_t i = start; i < text.len; i++) {
		struct mail m = {0};
		const struct signature *s = &m.got.items[0];

		if (text.data[i] == '\r' || text.data[i] == '\n')
			continue;
		text.data[i] ^= 0x20;
		verify_text(buf_str(&zone), &text, &m);
		assert_int_equal(s->result, SIGNATURE_FAIL);
		/* Without its colon a line is no field any more, and with it the body begins. */
		if (i >= body || text.data[i] == (':' ^ 0x20))
			assert_memory_equal(s->reason, "body-", 5);
		else
			assert_memory_equal(s->reason, "header-", 7);
		text.data[i] ^= 0x20;
		mail_release(&m);
	}
	buf_release(&zone);
	buf_release(&text);
}

/* RFC 8017 s8.2.2: as long as the key, a zero in front too.  One signature in 256 begins with one. */
static void
signature__an_rsa_signature_keeps_its_leading_zero(void **state)
{
	char canon[64], sent[64];
	struct letter l = {'K', TAGS("rsa-sha256", "relaxed/relaxed", "", "From"), NULL, canon, BODY, sent, BODY, 0};
	struct buf zone = {0}, text = {0};
	bool found = false;

	(void)state;
	publish("v=DKIM1; p=%K", &zone);
	for (int i = 0; i < 5000 && !found; i++) {
		(void)snprintf(canon, sizeof(canon), "from:a%d@out.example\r\n", i);
		(void)snprintf(sent, sizeof(sent), "From: a%d@out.example\r\n", i);
		buf_clear(&text);
		write_letter(&l, &text);
		found = strstr(text.data, "; b=AA") != NULL || strstr(text.data, "; b=AB") != NULL;
	}
	assert_true(found);
	for (int cut = 0; cut < 2; cut++) {
		struct mail m = {0};

		l.damage = cut != 0 ? '-' : 0;
		buf_clear(&text);
		write_letter(&l, &text);
		verify_text(buf_str(&zone), &text, &m);
		assert_string_equal(signature_result_name(m.got.items[0].result), cut != 0 ? "fail" : "pass");
		mail_release(&m);
	}
	buf_release(&zone);
	buf_release(&text);
}

static void
signature__a_message_without_any_has_none(void **state)
{
	struct buf text = {0};
	struct mail m = {0};

	(void)state;
	buf_adds(&text, SENT "\r\n" BODY);
	verify_text("{}", &text, &m);
	assert_int_equal(m.got.n, 0);
	assert_int_equal(m.got.findings.n, 0);
	mail_release(&m);
	buf_release(&text);
}

static void
signature__more_than_can_be_looked_at_are_told(void **state)
{
	struct buf text = {0};
	struct mail m = {0};

	(void)state;
	for (int i = 0; i <= SIGNATURES_MAX; i++)
		buf_addf(&text, "DKIM-Signature: v=1; d=d%d.example\r\n", i);
	buf_adds(&text, SENT "\r\n" BODY);
	verify_text("{}", &text, &m);
	assert_int_equal(m.got.n, SIGNATURES_MAX);
	assert_non_null(findings_find(&m.got.findings, "dkim-too-many-signatures"));
	for (size_t i = 0; i < m.got.n; i++) {
		assert_int_equal(m.got.items[i].result, SIGNATURE_PERMERROR);
		assert_string_equal(m.got.items[i].reason, "tag-missing");
	}
	assert_string_equal(m.got.items[15].domain, "d15.example");
	mail_release(&m);
	buf_release(&text);
}

/* Two signatures, one key that is there and one that is not: each has its own answer, and both keys are asked for in one round. */
static void
signature__each_has_its_own_answer(void **state)
{
	const struct letter first = {'R', RR, NULL, CANON, BODY, SENT, BODY, 0};
	struct buf zone = {0}, text = {0};
	struct mail m = {0};

	(void)state;
	publish(RSA_TXT, &zone);
	buf_adds(&text, "DKIM-Signature: v=1; a=ed25519-sha256; d=out.example; s=s2; h=From; "
	                "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n");
	write_letter(&first, &text);
	verify_text(buf_str(&zone), &text, &m);
	assert_int_equal(m.got.n, 2);
	assert_string_equal(m.got.items[0].reason, "key-missing");
	assert_string_equal(m.got.items[0].selector, "s2");
	assert_int_equal(m.got.items[1].result, SIGNATURE_PASS);
	mail_release(&m);
	buf_release(&zone);
	buf_release(&text);
}

/* A header of thousands of fields and names, a body of megabytes: work is bounded, and the answer is one. */
static void
signature__large_messages_are_bounded(void **state)
{
	struct letter l = {'E', EE, NULL, CANON, BODY, SENT, BODY, 0};
	struct buf zone = {0}, text = {.max_bytes = (size_t)32 << 20}, header = {0}, body = {0}, tags = {0};
	struct mail m = {0};

	(void)state;
	publish("v=DKIM1; k=ed25519; p=%E", &zone);
	buf_adds(&header, SENT);
	buf_adds(&tags, "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=out.example; s=s1; bh=@H; b=@B; h=From");
	for (int i = 0; i < 1900; i++)
		buf_addf(&header, "X-%d: 0123456789012345678901234567890123456789\r\n", i % 450);
	for (int i = 0; i < 450; i++)
		buf_addf(&tags, ":X-%d", i);
	for (int i = 0; i < 100000; i++)
		buf_adds(&body, "a \t line of some length\r\n");
	l.tags = buf_str(&tags);
	l.header_sent = buf_str(&header);
	l.body_sent = buf_str(&body);
	for (int i = 0; i < SIGNATURES_MAX; i++) {
		struct buf one = {.max_bytes = (size_t)32 << 20};

		write_letter(&l, &one);
		if (i + 1 < SIGNATURES_MAX)
			buf_add(&text, one.data, (size_t)(strstr(one.data, "From: A") - one.data));
		else
			buf_add(&text, one.data, one.len);
		buf_release(&one);
	}
	verify_text(buf_str(&zone), &text, &m);
	for (size_t i = 0; i < m.got.n; i++)
		assert_string_equal(m.got.items[i].reason, "body-changed");
	mail_release(&m);
	buf_release(&zone);
	buf_release(&text);
	buf_release(&header);
	buf_release(&body);
	buf_release(&tags);
}

int
main(void)
{
	static struct CMUnitTest tests[256];
	size_t n = 0;
	int failed;

	test_keys_open();
	ROWS(tests, n, forms, check_form);
	ROWS(tests, n, faults, check_fault);
	ROWS(tests, n, said, check_said);
	TEST(tests, n, signature__the_example_of_rfc_8463_verifies);
	TEST(tests, n, signature__no_byte_can_be_changed);
	TEST(tests, n, signature__an_rsa_signature_keeps_its_leading_zero);
	TEST(tests, n, signature__a_message_without_any_has_none);
	TEST(tests, n, signature__more_than_can_be_looked_at_are_told);
	TEST(tests, n, signature__each_has_its_own_answer);
	TEST(tests, n, signature__large_messages_are_bounded);
	failed = rows_run("dns/signature", tests, n);
	test_keys_close();
	return failed;
}
