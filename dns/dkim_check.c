/*
 * dkim_check.c - a selector's key record judged as receivers will, and each fault named.
 *
 * RFC 6376 s3.6 (records), s3.6.2.2 (one record a selector), RFC 8301 s3.2 (RSA sizes), RFC 8463 s4 (Ed25519), RFC 8020 (nothing is
 * below a name that does not exist).
 */
#include "dns/dkim_check.h"

#include <assert.h>
#include <string.h>

#include "dns/coding.h"
#include "dns/dkim_inside.h"
#include "dns/dkim_mend.h"

#define FIX_TTL_S   3600
#define SHOWN_BYTES 9 /* of a key, when two have to be told apart */
#define QUOTED_MAX  60

static const char *const status_names[] = {
	[DKIM_KEY_OK] = "ok",
	[DKIM_KEY_MATCH] = "match",
	[DKIM_KEY_MISMATCH] = "mismatch",
	[DKIM_KEY_MISSING] = "missing",
	[DKIM_KEY_REVOKED] = "revoked",
	[DKIM_KEY_WEAK] = "weak",
	[DKIM_KEY_UNUSABLE] = "unusable",
	[DKIM_KEY_SYNTAX] = "syntax",
	[DKIM_KEY_TEMPERROR] = "temperror",
};
static_assert(ARRAY_LEN(status_names) == DKIM_KEY_STATUS__COUNT, "a name for every status");

const char *
dkim_key_status_name(enum dkim_key_status s)
{
	return status_names[s];
}

/* One record under judgement. */
struct view {
	const char *owner; /* NULL: not known, and so no fix can be written */
	const struct dkim_public *ours;
	struct dkim_key *key;
	struct findings *findings; /* NULL: nobody asks */
	struct buf fix;
};

/* The record that should be there: of our key, else of the one that was meant.  NULL when neither is known. */
static const char *
fix_with(struct view *v, const struct dkim_public *meant, struct err *err, int *rc)
{
	const struct dkim_public *k = v->ours != NULL ? v->ours : meant;
	struct record r = {0};
	struct buf text = {0};

	buf_clear(&v->fix);
	if (v->owner == NULL || k == NULL || k->len == 0)
		return NULL;
	dkim_record_text(k, "s", &text);
	*rc = buf_check(&text, "dkim record", err);
	if (*rc == CR_OK)
		*rc = record_txt(v->owner, FIX_TTL_S, text.data, text.len, &r, err);
	if (*rc == CR_OK) {
		record_format(&r, &v->fix);
		*rc = buf_check(&v->fix, "dkim record", err);
	}
	record_release(&r);
	buf_release(&text);
	return *rc == CR_OK ? v->fix.data : NULL;
}

/* A finding whose fix is the right record. */
#define SAY(v, level, id, meant, err, ...)                                                                             \
	(__extension__({                                                                                               \
		int say_rc_ = CR_OK;                                                                                   \
		const char *say_fix_ = (v)->findings != NULL ? fix_with((v), (meant), (err), &say_rc_) : NULL;         \
		if (say_rc_ == CR_OK && (v)->findings != NULL)                                                         \
			say_rc_ = findings_add((v)->findings, (level), (id), say_fix_, (err), __VA_ARGS__);            \
		say_rc_;                                                                                               \
	}))

/* Enough of a key to tell it from another. */
static void
describe(const struct dkim_public *k, char *out, size_t size)
{
	struct buf text = {0};
	/* In front of it all RSA keys of a size are alike. */
	size_t from = k->algorithm == DKIM_RSA && k->len > 48 + SHOWN_BYTES ? 48 : 0;

	coding_encode(CODING_BASE64, k->data + from, k->len < SHOWN_BYTES ? k->len : SHOWN_BYTES, &text);
	(void)snprintf(out, size, "%s of %u bits with %s", dkim_algorithm_name(k->algorithm), k->bits, buf_str(&text));
	buf_release(&text);
}

static int
quoted_length(const char *txt)
{
	return (int)strnlen(txt, QUOTED_MAX);
}

/* Some other record: its first tag, or its first letters, are those of one that is known. */
static bool
is_of_another_kind(const char *txt)
{
	static const char *const versions[] = {"spf1", "spf2.0", "DMARC1", "TLSRPTv1", "STSv1", "BIMI1"};
	struct tag first;

	if (strncmp(txt, "v=spf1 ", 7) == 0 || strstr(txt, "-verification") != NULL)
		return true;
	if (!taglist_first(txt, &first) || !span_is(first.name, "v"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (span_is_nocase(first.value, versions[i]))
			return true;
	}
	return false;
}

/* Nothing but base64: the later string of a key. */
static bool
is_tail(const char *txt)
{
	size_t n = strspn(txt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t");

	return n >= 16 && txt[n] == '\0';
}

static bool
is_blank(const char *txt)
{
	return txt[strspn(txt, " \t\r\n")] == '\0';
}

/* p= holds a key, and not of the type that k= tells.  false: no such case. */
static bool
other_type(const char *txt, const struct dkim_record *r, struct dkim_record *meant, struct err *err, int *rc)
{
	struct buf text = {0};
	struct span p;

	if (r->fault != DKIM_FAULT_KEY || !dkim_mend_p(txt, &p))
		return false;
	buf_addf(&text, "k=%s; p=", dkim_algorithm_name(r->public.algorithm == DKIM_RSA ? DKIM_ED25519 : DKIM_RSA));
	buf_add(&text, p.at, p.len);
	*rc = buf_check(&text, "dkim record", err);
	if (*rc == CR_OK)
		*rc = dkim_record_read(buf_str(&text), meant, err);
	buf_release(&text);
	return *rc == CR_OK && meant->fault == DKIM_FAULT_NONE && !meant->revoked;
}

/* SubjectPublicKeyInfo of an Ed25519 key: RFC 8410 s4, twelve bytes in front of the key itself. */
static bool
is_ed25519_spki(const char *txt, struct dkim_public *raw)
{
	static const uint8_t head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
	uint8_t data[sizeof(head) + 32];
	struct span p;
	size_t len;

	if (!dkim_mend_p(txt, &p) || !dkim_base64(p, data, sizeof(data), &len) || len != sizeof(data) ||
	    memcmp(data, head, sizeof(head)) != 0)
		return false;
	*raw = (struct dkim_public){.algorithm = DKIM_ED25519, .len = 32, .bits = 256};
	memcpy(raw->data, data + sizeof(head), 32);
	return true;
}

/* p= cannot be read: what became of it? */
static int
say_key(struct view *v, const char *txt, const struct dkim_record *r, struct err *err)
{
	struct dkim_record meant = {0};
	struct dkim_public raw;
	size_t have = 0, want = 0;
	int rc = CR_OK;

	if (is_ed25519_spki(txt, &raw))
		return SAY(
			v, FINDING_FAIL, "dkim-spki-ed25519", &raw, err,
			"p= is the SubjectPublicKeyInfo of an ed25519 key (44 bytes); it has to be the raw key of 32 "
			"bytes");
	if (other_type(txt, r, &meant, err, &rc))
		return SAY(v, FINDING_FAIL, "dkim-key-type", &meant.public, err,
		           "the record is for %s, and p= holds an %s key", dkim_algorithm_name(r->public.algorithm),
		           dkim_algorithm_name(meant.public.algorithm));
	if (rc != CR_OK)
		return rc;
	if (dkim_mend_cut_off(txt, &have, &want))
		return SAY(
			v, FINDING_FAIL, "dkim-string-lost", NULL, err,
			"the key is cut off after %zu of %zu bytes: all strings of the record but the first are lost",
			have, want);
	if (r->fault == DKIM_FAULT_BASE64)
		return SAY(v, FINDING_FAIL, "dkim-base64", NULL, err, "p= is not base64, or its padding is missing");
	return SAY(v, FINDING_FAIL, "dkim-bad-key", NULL, err, "%s", r->why);
}

static int
say_form(struct view *v, const char *txt, const struct dkim_record *r, struct err *err)
{
	if (is_blank(txt))
		return SAY(v, FINDING_FAIL, "dkim-empty", NULL, err, "the record is empty");
	if (is_of_another_kind(txt))
		return SAY(v, FINDING_FAIL, "dkim-other-record", NULL, err, "this is no key record: '%.*s'",
		           quoted_length(txt), txt);
	if (r->fault == DKIM_FAULT_VERSION)
		return SAY(v, FINDING_FAIL, "dkim-version", NULL, err,
		           "v= has to be " DKIM_VERSION ", in capitals, and the first tag: '%.*s'", quoted_length(txt),
		           txt);
	if (r->fault == DKIM_FAULT_REPEATED)
		return SAY(v, FINDING_FAIL, "dkim-repeated-tag", NULL, err, "%s", r->why);
	if (is_tail(txt))
		return SAY(v, FINDING_FAIL, "dkim-string-lost", NULL, err,
		           "only a later string of the record is there, its beginning is lost: '%.*s'",
		           quoted_length(txt), txt);
	if (r->fault == DKIM_FAULT_NO_KEY)
		return SAY(v, FINDING_FAIL, "dkim-no-key", NULL, err, "there is no p= in '%.*s'", quoted_length(txt),
		           txt);
	return SAY(v, FINDING_FAIL, "dkim-syntax", NULL, err, "%s", r->why);
}

/* A record that is not one: which accident, and what was meant? */
static int
say_syntax(struct view *v, const char *txt, const struct dkim_record *r, struct err *err)
{
	struct dkim_mended m;
	int rc = dkim_mend(txt, v->ours, &m, err);
	bool whole = rc == CR_OK && m.record.fault == DKIM_FAULT_NONE;
	const struct dkim_public *meant = whole ? &m.record.public : NULL;
	/* With another key of the same form nothing says which order is the right one. */
	const char *sure = whole && v->ours != NULL && dkim_same_key(v->ours, meant) ? "; otherwise it is our key" : "";

	if (rc == CR_OK && m.quotes)
		rc = SAY(v, FINDING_FAIL, "dkim-quotes", meant, err,
		         "quotation marks stand within the value: it was quoted twice%s", sure);
	if (rc == CR_OK && m.backslashes)
		rc = SAY(v, FINDING_FAIL, "dkim-backslash", meant, err,
		         "backslashes stand within the value: its semicolons were escaped twice%s", sure);
	if (rc == CR_OK && m.order)
		rc = SAY(v, FINDING_FAIL, "dkim-strings-order", *sure != '\0' ? meant : NULL, err,
		         "the strings of the record stand in the wrong order%s", sure);
	if (rc != CR_OK || whole)
		return rc;
	/* What is wrong beyond that: in the text as it was, when nothing of that kind was. */
	if (m.quotes || m.backslashes)
		return CR_OK;
	return r->fault == DKIM_FAULT_BASE64 || r->fault == DKIM_FAULT_KEY ? say_key(v, txt, r, err)
	                                                                   : say_form(v, txt, r, err);
}

static int
judge_unusable(struct view *v, const struct dkim_record *r, struct err *err)
{
	struct dkim_key *k = v->key;

	k->status = DKIM_KEY_UNUSABLE;
	if (r->fault == DKIM_FAULT_HASH) {
		k->why = "hash";
		k->sha256 = false;
		return SAY(v, FINDING_FAIL, "dkim-sha1", &r->public, err,
		           "h= does not allow sha256, and sha1 counts nowhere any more (RFC 8301)");
	}
	if (r->fault == DKIM_FAULT_SERVICE) {
		k->why = "service";
		return SAY(v, FINDING_FAIL, "dkim-service", &r->public, err,
		           "s= keeps the key from being used for email");
	}
	k->why = "type";
	return SAY(v, FINDING_FAIL, "dkim-unknown-type", NULL, err, "k= names a type of key that nobody knows");
}

/* RSA below 1024 bits is never a pass; 1024 is, and is what attackers can just about break. */
static int
judge_size(struct view *v, const struct dkim_record *r, struct err *err)
{
	const struct dkim_public *k = &r->public;

	if (k->algorithm != DKIM_RSA)
		return CR_OK;
	if (k->bits < DKIM_RSA_BITS_MIN)
		return SAY(v, FINDING_FAIL, "dkim-weak", NULL, err,
		           "a key of %u bits: no receiver may accept less than 1024 (RFC 8301)", k->bits);
	if (k->bits < DKIM_RSA_BITS)
		return SAY(v, FINDING_WARN, "dkim-weak", NULL, err, "a key of %u bits is weak: use 2048", k->bits);
	if (k->bits > DKIM_RSA_BITS_MAX)
		return SAY(v, FINDING_WARN, "dkim-long", NULL, err,
		           "a key of %u bits: receivers need not take more than 4096 (RFC 8301)", k->bits);
	return CR_OK;
}

static int
judge_match(struct view *v, const char *txt, const struct dkim_record *r, struct err *err)
{
	char seen[96], wanted[96];
	struct dkim_mended m = {0};
	int rc;

	if (v->ours == NULL || dkim_same_key(v->ours, &r->public)) {
		if (v->key->status == DKIM_KEY_OK && v->ours != NULL)
			v->key->status = DKIM_KEY_MATCH;
		return CR_OK;
	}
	if (v->key->status == DKIM_KEY_OK)
		v->key->status = DKIM_KEY_MISMATCH;
	/* Long keys have strings that can change places without being noticed. */
	rc = dkim_mend(txt, v->ours, &m, err);
	if (rc == CR_OK && m.order)
		return SAY(v, FINDING_FAIL, "dkim-strings-order", NULL, err,
		           "the strings of the record stand in the wrong order; otherwise it is our key");
	describe(&r->public, seen, sizeof(seen));
	describe(v->ours, wanted, sizeof(wanted));
	if (rc == CR_OK)
		rc = SAY(v, FINDING_FAIL, "dkim-mismatch", NULL, err, "another key is published than ours: %s, not %s",
		         seen, wanted);
	return rc;
}

static int
judge(struct view *v, const char *txt, struct err *err)
{
	struct dkim_key *k = v->key;
	struct dkim_record r;
	int rc = dkim_record_read(txt, &r, err);

	if (rc != CR_OK)
		return rc;
	*k = (struct dkim_key){
		.status = DKIM_KEY_OK, .public = r.public, .testing = r.testing, .strict = r.strict, .sha256 = true};
	if (r.fault == DKIM_FAULT_HASH || r.fault == DKIM_FAULT_SERVICE || r.fault == DKIM_FAULT_TYPE) {
		rc = judge_unusable(v, &r, err);
		if (rc != CR_OK || r.public.len == 0)
			return rc;
	} else if (r.fault != DKIM_FAULT_NONE) {
		k->status = DKIM_KEY_SYNTAX;
		return say_syntax(v, txt, &r, err);
	}
	if (r.revoked) {
		k->status = DKIM_KEY_REVOKED;
		return SAY(v, FINDING_FAIL, "dkim-revoked", NULL, err, "p= is empty: the key is revoked");
	}
	if (k->status == DKIM_KEY_OK && r.public.algorithm == DKIM_RSA && r.public.bits < DKIM_RSA_BITS_MIN)
		k->status = DKIM_KEY_WEAK;
	rc = judge_size(v, &r, err);
	if (rc == CR_OK && r.testing)
		rc = SAY(v, FINDING_FAIL, "dkim-testing", &r.public, err,
		         "t=y: the domain says it is only testing, and receivers treat its mail as not signed");
	if (rc == CR_OK && !r.versioned)
		rc = SAY(v, FINDING_NOTE, "dkim-no-version", &r.public, err,
		         "v=" DKIM_VERSION " is missing; it is recommended, not required");
	return rc == CR_OK ? judge_match(v, txt, &r, err) : rc;
}

int
dkim_key_read(const char *txt, const struct dkim_public *ours, struct dkim_key *out, struct findings *findings,
              struct err *err)
{
	struct view v = {.ours = ours, .key = out, .findings = findings};
	int rc;

	*out = (struct dkim_key){.status = DKIM_KEY_SYNTAX};
	rc = judge(&v, txt, err);
	buf_release(&v.fix);
	return rc;
}

/* ---- out of DNS ---- */

/* Several records: none can be told from the other by a receiver.  Were they to be one? */
static int
judge_several(struct view *v, const struct records *l, struct err *err)
{
	struct span pieces[DKIM_PIECES_MAX];
	struct dkim_record whole = {0};
	size_t keys = 0, n = l->n < DKIM_PIECES_MAX ? l->n : DKIM_PIECES_MAX;
	bool found = false;
	int rc = CR_OK;

	*v->key = (struct dkim_key){.status = DKIM_KEY_SYNTAX, .sha256 = true};
	for (size_t i = 0; i < n && rc == CR_OK; i++) {
		struct dkim_record r;
		const char *txt = record_text(&l->items[i]);

		pieces[i] = (struct span){txt, strlen(txt)};
		rc = dkim_record_read(txt, &r, err);
		if (rc != CR_OK || r.fault != DKIM_FAULT_NONE)
			continue;
		if (keys++ == 0 || (v->ours != NULL && dkim_same_key(v->ours, &r.public)))
			v->key->public = r.public;
	}
	if (rc == CR_OK && keys == 0 && l->n <= DKIM_PIECES_MAX) {
		rc = dkim_mend_order(pieces, l->n, v->ours, &whole, &found, err);
		if (rc == CR_OK && !found)
			rc = dkim_mend_order(pieces, l->n, NULL, &whole, &found, err);
	}
	if (rc != CR_OK)
		return rc;
	if (found)
		return SAY(v, FINDING_FAIL, "dkim-strings-as-records", &whole.public, err,
		           "%zu TXT records, each with a part of one key: they have to be strings of one record", l->n);
	return SAY(v, FINDING_FAIL, "dkim-two-records", NULL, err,
	           "%zu TXT records at %s, %zu of them a key: which one a receiver takes is undefined", l->n, v->owner,
	           keys);
}

static int
judge_found(struct view *v, const struct records *l, struct err *err)
{
	const struct record *r = &l->items[0];

	if (l->n > 1)
		return judge_several(v, l, err);
	if (strlen(record_text(r)) == r->data_len)
		return judge(v, record_text(r), err);
	*v->key = (struct dkim_key){.status = DKIM_KEY_SYNTAX};
	return SAY(v, FINDING_FAIL, "dkim-syntax", NULL, err, "a zero byte stands within the record");
}

static int
judge_missing(struct view *v, const struct lookup_answer *a, struct err *err)
{
	struct name target;
	int rc;

	*v->key = (struct dkim_key){.status = DKIM_KEY_MISSING};
	if (a->chain.n > 0 && record_target(&a->chain.items[a->chain.n - 1], &target))
		rc = SAY(v, FINDING_FAIL, "dkim-cname-nowhere", NULL, err,
		         "%s is an alias for %s, where there is no key: %s", v->owner, target.text,
		         a->state == LOOKUP_NONAME ? "that name does not exist" : "that name has no TXT record");
	else
		rc = SAY(v, FINDING_FAIL, "dkim-missing", NULL, err, "no key at %s: %s", v->owner,
		         a->state == LOOKUP_NONAME ? "the name does not exist (NXDOMAIN)"
		                                   : "the name has no TXT record");
	if (rc == CR_OK && v->findings != NULL)
		findings_absent(v->findings);
	return rc;
}

/* The selector answers: does the name above it say that it does not exist, and nothing below it either? */
static int
judge_above(struct view *v, const struct lookup_answer *above, const char *name, struct err *err)
{
	if (above->state != LOOKUP_NONAME)
		return CR_OK;
	return findings_add(v->findings, FINDING_WARN, "dkim-no-domainkey", NULL, err,
	                    "%s answers NXDOMAIN although %s exists: receivers that believe it (RFC 8020) find no key; "
	                    "the name server has to answer NOERROR for names with something below them",
	                    name, v->owner);
}

int
dkim_key_check(struct lookup *l, const char *selector, const char *domain, const struct dkim_public *ours,
               struct dkim_key *out, struct findings *findings, struct err *err)
{
	struct view v = {.ours = ours, .key = out, .findings = findings};
	char text[2 * NAME_TEXT_MAX + 32];
	const struct lookup_answer *a, *above;
	struct name owner, parent;
	int rc;

	*out = (struct dkim_key){.status = DKIM_KEY_SYNTAX};
	(void)snprintf(text, sizeof(text), "%s._domainkey.%s", selector, domain);
	rc = name_parse(text, &owner, err);
	if (rc == CR_OK) {
		(void)snprintf(text, sizeof(text), "_domainkey.%s", domain);
		rc = name_parse(text, &parent, err);
	}
	if (rc == CR_EPARSE)
		return findings_add(findings, FINDING_FAIL, "dkim-selector", NULL, err, "'%s' is no name", text);
	if (rc != CR_OK)
		return rc;
	v.owner = owner.text;
	a = lookup_ask(l, owner.text, RECORD_TXT);
	above = lookup_ask(l, parent.text, RECORD_TXT);
	if (a->state == LOOKUP_PENDING || above->state == LOOKUP_PENDING)
		return CR_OK;
	if (lookup_is_trouble(a)) {
		out->status = DKIM_KEY_TEMPERROR;
		return findings_add(findings, FINDING_UNKNOWN, "dkim-unknown", NULL, err, "the key at %s: %s",
		                    owner.text, a->why);
	}
	rc = a->state == LOOKUP_FOUND ? judge_found(&v, &a->records, err) : judge_missing(&v, a, err);
	if (rc == CR_OK && a->state == LOOKUP_FOUND)
		rc = judge_above(&v, above, parent.text, err);
	buf_release(&v.fix);
	return rc;
}
