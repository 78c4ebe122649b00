/*
 * signature.c - DKIM signatures verified, from the bottom of the message's facts up to a word and a reason.
 *
 * RFC 6376 s6.1 (what a verifier does), RFC 8301 s3.2 (weak keys are never a pass), RFC 8463 (Ed25519), RFC 8601 s2.7.1 (the words),
 * RFC 8058 s4 (what one-click unsubscribe wants signed).
 */
#include "dns/signature.h"

#include <assert.h>
#include <string.h>

#include "dns/dkim_inside.h"
#include "dns/signature_inside.h"

#define FIELD            "DKIM-Signature"
#define KEYS_TRIED_MAX   4                    /* records of one selector */
#define LIFETIME_MIN_S   ((int64_t)5 * 86400) /* mail waits that long in queues (RFC 5321 s4.5.4.1) */
#define CLOCK_SKEW_MAX_S ((int64_t)300)

static const char *const result_names[] = {
	[SIGNATURE_NONE] = "none",           [SIGNATURE_PASS] = "pass",       [SIGNATURE_FAIL] = "fail",
	[SIGNATURE_POLICY] = "policy",       [SIGNATURE_NEUTRAL] = "neutral", [SIGNATURE_TEMPERROR] = "temperror",
	[SIGNATURE_PERMERROR] = "permerror",
};
static_assert(ARRAY_LEN(result_names) == SIGNATURE_RESULT__COUNT, "a word for each result");

const char *
signature_result_name(enum signature_result r)
{
	return result_names[r];
}

void
signatures_release(struct signatures *s)
{
	findings_release(&s->findings);
	*s = (struct signatures){0};
}

/* All signatures of one message under way. */
struct round {
	struct lookup *lookup;
	const struct message *message;
	int64_t now_s;
	size_t search_left; /* bytes that finding reasons may still hash */
	struct findings *findings;
};

static size_t
count_fields(const struct message *m, const char *name)
{
	size_t n = 0;

	while (message_field(m, name, n) != NULL)
		n++;
	return n;
}

static size_t
count_signed(const struct signature_fields *f, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_names; i++)
		n += span_is_nocase(f->names[i], name);
	return n;
}

static bool
covers(const struct message *m, const struct signature_fields *f, const char *name)
{
	size_t there = count_fields(m, name);

	return there > 0 && count_signed(f, name) >= there;
}

/* ---- the key ---- */

static const struct lookup_answer *
ask_key(struct round *r, const struct signature *s)
{
	char text[sizeof(s->domain) + sizeof(s->selector) + 32];
	struct name name;

	(void)snprintf(text, sizeof(text), "%s._domainkey.%s", s->selector, s->domain);
	return name_parse(text, &name, NULL) == CR_OK ? lookup_ask(r->lookup, name.text, RECORD_TXT) : NULL;
}

/* A record that a signature can be checked with, or what is wrong. */
static bool
usable(const struct dkim_record *k, const struct signature_fields *f, struct signature *s)
{
	static const char *const reasons[] = {
		[DKIM_FAULT_NONE] = "",
		[DKIM_FAULT_REPEATED] = "key-syntax",
		[DKIM_FAULT_TAGS] = "key-syntax",
		[DKIM_FAULT_VERSION] = "key-syntax",
		[DKIM_FAULT_TYPE] = "key-type",
		[DKIM_FAULT_NO_KEY] = "key-syntax",
		[DKIM_FAULT_BASE64] = "key-syntax",
		[DKIM_FAULT_KEY] = "key-syntax",
		[DKIM_FAULT_HASH] = "key-hash",
		[DKIM_FAULT_SERVICE] = "key-service",
	};
	static_assert(ARRAY_LEN(reasons) == DKIM_FAULT__COUNT, "a word for each fault");

	s->bits = k->public.bits;
	if (k->fault != DKIM_FAULT_NONE)
		signature_say(s, SIGNATURE_PERMERROR, reasons[k->fault], "the key record: %s", k->why);
	else if (k->revoked)
		signature_say(s, SIGNATURE_PERMERROR, "key-revoked", "the key is revoked: p= is empty");
	else if (k->public.algorithm != f->algorithm)
		signature_say(s, SIGNATURE_PERMERROR, "key-type", "a signature of %s, and a key of %s",
		              dkim_algorithm_name(f->algorithm), dkim_algorithm_name(k->public.algorithm));
	else if (k->strict && f->elsewhere)
		signature_say(s, SIGNATURE_PERMERROR, "identity", "t=s: i=%s has to be in d=%s itself", s->identity,
		              s->domain);
	else
		return true;
	return false;
}

/* ---- one signature ---- */

static int
judge_body(struct round *r, const struct signature_fields *f, bool *fits_out, struct signature *s, struct err *err)
{
	uint8_t hash[HASH_BYTES];
	uint64_t total = canon_body(r->message->body, f->body, f->body_bytes, hash);

	*fits_out = true;
	s->partial_body = f->body_bytes < total;
	if (f->body_bytes != UINT64_MAX && f->body_bytes > total) {
		*fits_out = false;
		signature_say(s, SIGNATURE_FAIL, "body-cut",
		              "the body has %llu bytes, and %llu are signed (l=): its end was cut off",
		              (unsigned long long)total, (unsigned long long)f->body_bytes);
		return CR_OK;
	}
	if (memcmp(hash, f->body_hash, HASH_BYTES) == 0)
		return CR_OK;
	*fits_out = false;
	return signature_explain_body(r->message, f, s, &r->search_left, err);
}

/* Both halves are right; is the signature good enough? */
static int
judge_worth(struct round *r, const struct dkim_record *k, struct signature *s, struct err *err)
{
	if (s->expires_at_s != 0 && r->now_s > s->expires_at_s) {
		signature_say(s, SIGNATURE_PERMERROR, "expired", "it expired %lld s ago (x=)",
		              (long long)(r->now_s - s->expires_at_s));
		return CR_OK;
	}
	if (k->public.algorithm == DKIM_RSA && k->public.bits < DKIM_RSA_BITS_MIN) {
		signature_say(s, SIGNATURE_POLICY, "key-weak",
		              "a key of %u bits, less than 1024, is never a pass (RFC 8301)", k->public.bits);
		return CR_OK;
	}
	s->result = SIGNATURE_PASS;
	s->testing = k->testing;
	if (k->testing)
		return findings_add(r->findings, FINDING_WARN, "dkim-testing", NULL, err,
		                    "the key %s._domainkey.%s says t=y: receivers may treat the mail as not signed",
		                    s->selector, s->domain);
	return CR_OK;
}

static int
judge_with_key(struct round *r, const struct dkim_record *k, const struct signature_fields *f,
               const struct message_field *own, struct signature *s, struct err *err)
{
	uint8_t hash[HASH_BYTES];
	struct signature body = *s;
	struct seal seal;
	bool body_fits;
	int rc = seal_open(&k->public, f->signature, f->signature_len, &seal, err);

	if (rc != CR_OK)
		return rc;
	canon_header(r->message, f, own, NULL, hash);
	if (!seal_fits(&seal, hash)) {
		signature_explain_header(r->message, f, own, &seal, s, &r->search_left);
		/* With another key nothing of it can be believed, the body hash neither. */
		if (strcmp(s->reason, "key-wrong") == 0)
			return CR_OK;
	}
	rc = judge_body(r, f, &body_fits, &body, err);
	s->partial_body = body.partial_body;
	if (rc != CR_OK)
		return rc;
	if (!body_fits) {
		bool header_too = s->reason != NULL;

		*s = body;
		if (header_too)
			signature_say(s, body.result, body.reason, "%.200s; the header does not fit either", body.why);
		return CR_OK;
	}
	return s->reason == NULL ? judge_worth(r, k, s, err) : CR_OK;
}

/* More than one record: what happens is undefined (RFC 6376 s3.6.2.2); the first with which it verifies. */
static int
judge_with_records(struct round *r, const struct records *l, const struct signature_fields *f,
                   const struct message_field *own, struct signature *s, struct err *err)
{
	struct signature first = *s;
	int rc = CR_OK;

	if (l->n > 1)
		rc = findings_add(r->findings, FINDING_WARN, "dkim-two-records", NULL, err,
		                  "%zu TXT records at %s._domainkey.%s: which one a receiver takes is undefined", l->n,
		                  s->selector, s->domain);
	for (size_t i = 0; i < l->n && i < KEYS_TRIED_MAX && rc == CR_OK; i++) {
		struct signature attempt = *s;
		struct dkim_record k;

		rc = dkim_record_read(record_text(&l->items[i]), &k, err);
		if (rc == CR_OK && usable(&k, f, &attempt))
			rc = judge_with_key(r, &k, f, own, &attempt, err);
		if (i == 0 || attempt.result == SIGNATURE_PASS)
			first = attempt;
		if (attempt.result == SIGNATURE_PASS)
			break;
	}
	*s = first;
	return rc;
}

static void
say_no_key(const struct lookup_answer *a, struct signature *s)
{
	if (a == NULL)
		signature_say(s, SIGNATURE_PERMERROR, "selector", "%s._domainkey.%s is no name", s->selector,
		              s->domain);
	else if (lookup_is_trouble(a))
		signature_say(s, SIGNATURE_TEMPERROR, "dns", "the key cannot be had: %s", a->why);
	else
		signature_say(s, SIGNATURE_PERMERROR, "key-missing", "no key at %s._domainkey.%s: %s", s->selector,
		              s->domain,
		              a->state == LOOKUP_NONAME ? "the name does not exist" : "the name has no TXT record");
}

/* ---- what is worth saying of a signature that passes ---- */

static int
note_time(const struct round *r, const struct signature_fields *f, const struct signature *s, struct err *err)
{
	int64_t from = f->signed_at_s != 0 ? f->signed_at_s : r->now_s;
	int rc = CR_OK;

	if (s->expires_at_s != 0 && s->expires_at_s - from < LIFETIME_MIN_S)
		rc = findings_add(
			r->findings, FINDING_WARN, "dkim-expiry", NULL, err,
			"the signature of %s expires %lld hours after it was made: mail may wait in queues for 5 days",
			s->domain, (long long)((s->expires_at_s - from) / 3600));
	if (rc == CR_OK && f->signed_at_s > r->now_s + CLOCK_SKEW_MAX_S)
		rc = findings_add(r->findings, FINDING_WARN, "dkim-clock", NULL, err,
		                  "the signature of %s was made %lld s in the future (t=): the signer's clock is wrong",
		                  s->domain, (long long)(f->signed_at_s - r->now_s));
	return rc;
}

/* Without these a message can be sent again as another (RFC 6376 s5.4.1, s8.6). */
static int
note_coverage(const struct round *r, const struct signature_fields *f, const struct signature *s, struct err *err)
{
	static const char *const wanted[] = {"Subject", "Date", "To", "Reply-To", "Content-Type"};
	char missing[128] = "";

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		size_t n = strlen(missing);

		if (count_fields(r->message, wanted[i]) > count_signed(f, wanted[i]))
			(void)snprintf(missing + n, sizeof(missing) - n, "%s%s", n > 0 ? ", " : "", wanted[i]);
	}
	if (missing[0] == '\0')
		return CR_OK;
	return findings_add(r->findings, FINDING_WARN, "dkim-fields-not-signed", NULL, err,
	                    "the signature of %s leaves open: %s", s->domain, missing);
}

static int
note(const struct round *r, const struct signature_fields *f, const struct signature *s, struct err *err)
{
	int rc = CR_OK;

	if (s->result != SIGNATURE_PASS)
		return CR_OK;
	if (f->body_bytes != UINT64_MAX)
		rc = findings_add(
			r->findings, s->partial_body ? FINDING_FAIL : FINDING_WARN, "dkim-partial-body", NULL, err,
			s->partial_body ? "the signature of %s covers %llu bytes of the body (l=), and there are more"
					: "the signature of %s covers %llu bytes of the body (l=): anybody can append",
			s->domain, (unsigned long long)f->body_bytes);
	if (rc == CR_OK && !s->oversigns_from)
		rc = findings_add(r->findings, FINDING_NOTE, "dkim-from-not-oversigned", NULL, err,
		                  "the signature of %s still passes with a second From put in: sign From once more "
		                  "than it is there",
		                  s->domain);
	if (rc == CR_OK)
		rc = note_coverage(r, f, s, err);
	return rc == CR_OK ? note_time(r, f, s, err) : rc;
}

/* ---- */

static int
verify_one(struct round *r, const struct message_field *own, struct signature *s, bool *pending, struct err *err)
{
	const struct lookup_answer *a;
	struct signature_fields f;
	int rc = signature_fields_read(own->value, &f, s, err);

	if (rc != CR_OK)
		return rc;
	s->signs_list_unsubscribe = covers(r->message, &f, "List-Unsubscribe");
	s->signs_list_unsubscribe_post = covers(r->message, &f, "List-Unsubscribe-Post");
	s->oversigns_from = count_signed(&f, "From") > count_fields(r->message, "From");
	if (s->result != SIGNATURE_NONE)
		goto out;
	a = ask_key(r, s);
	/* All are asked for before one is worked on: the rest is slow, and would be done once for each answer. */
	*pending = *pending || (a != NULL && a->state == LOOKUP_PENDING);
	if (*pending)
		goto out;
	if (a == NULL || a->state != LOOKUP_FOUND)
		say_no_key(a, s);
	else
		rc = judge_with_records(r, &a->records, &f, own, s, err);
	if (rc == CR_OK)
		rc = note(r, &f, s, err);
out:
	signature_fields_release(&f);
	return rc;
}

static int
note_message(const struct message *m, size_t n_signatures, struct findings *findings, struct err *err)
{
	int rc = CR_OK;

	if (count_fields(m, "From") > 1)
		rc = findings_add(findings, FINDING_FAIL, "dkim-two-from", NULL, err,
		                  "%zu From fields: which one is shown is anybody's guess (RFC 5322 s3.6 allows one)",
		                  count_fields(m, "From"));
	if (rc == CR_OK && n_signatures > SIGNATURES_MAX)
		rc = findings_add(findings, FINDING_WARN, "dkim-too-many-signatures", NULL, err,
		                  "%zu signatures: only the first %d are looked at", n_signatures, SIGNATURES_MAX);
	return rc;
}

int
signatures_verify(struct lookup *l, const struct message *m, int64_t now_s, struct signatures *out, struct err *err)
{
	struct round r = {
		.lookup = l, .message = m, .now_s = now_s, .search_left = SEARCH_BYTES_MAX, .findings = &out->findings};
	size_t n = count_fields(m, FIELD);
	bool pending = false;
	int rc;

	signatures_release(out);
	rc = hash_need(err);
	if (rc == CR_OK)
		rc = note_message(m, n, &out->findings, err);
	for (size_t i = 0; i < n && i < SIGNATURES_MAX && rc == CR_OK; i++)
		rc = verify_one(&r, message_field(m, FIELD, i), &out->items[out->n++], &pending, err);
	return rc;
}
