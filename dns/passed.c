/*
 * passed.c - the verdict on a test message: the receiver's three words, alignment, and whether what we compute contradicts them.
 *
 * RFC 8601 (the words), RFC 9989 s4.4 (alignment).  DMARC passes with one aligned result; this test wants both, since forwarding breaks SPF
 * and a changed body breaks DKIM.
 */
#include "dns/passed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "dns/passed_inside.h"

void
passed_release(struct passed *p)
{
	signatures_release(&p->signatures);
	findings_release(&p->findings);
	*p = (struct passed){0};
}

static bool
is_pass(const char *word)
{
	return strcmp(word, "pass") == 0;
}

/* ---- whose message ---- */

static int
read_author(struct passed_work *w, struct err *err)
{
	const struct message *m = w->q->message;
	struct findings *f = &w->out->findings;
	struct err why = {0};
	int rc = message_author(m, w->out->from, sizeof(w->out->from), &why);

	if (rc == CR_EPARSE) {
		w->out->from[0] = '\0';
		/* Told already, of the signatures. */
		if (findings_find(f, "dkim-two-from") != NULL)
			return CR_OK;
		return findings_add(f, FINDING_FAIL,
		                    message_field(m, "From", 1) != NULL ? "message-two-from" : "message-from", NULL,
		                    err, "%s", why.text);
	}
	if (rc != CR_OK) {
		if (err != NULL)
			*err = why;
		return rc;
	}
	if (w->q->domain == NULL || name_equal(w->out->from, w->q->domain))
		return CR_OK;
	return findings_add(f, FINDING_FAIL, "message-from-domain", NULL, err, "From is of %s, not of %s", w->out->from,
	                    w->q->domain);
}

/* ---- whom to believe ---- */

static int
say_trust(struct passed_work *w, struct err *err)
{
	const struct passed_trace *t = &w->trace;
	struct findings *f = &w->out->findings;
	int rc = CR_OK;

	if (t->unread > 0)
		rc = findings_add(
			f, FINDING_WARN, "message-results-unreadable", NULL, err,
			"%zu Authentication-Results of the receiver cannot be read (an open comment or quote, or "
			"another version), and were not believed",
			t->unread);
	if (rc == CR_OK && t->ignored > 0)
		rc = findings_add(
			f, FINDING_NOTE, "message-results-ignored", NULL, err,
			"%zu Authentication-Results under the receiver's name stand where the sender could have "
			"written them, and were not believed",
			t->ignored);
	if (rc == CR_OK && t->n > 0 && t->guessed)
		rc = findings_add(f, FINDING_NOTE, "message-receiver-guessed", NULL, err,
		                  "no receiver was named: believing %s, which the topmost Authentication-Results carry",
		                  t->receiver[0] != '\0' ? t->receiver : "Microsoft's field without a name");
	if (rc != CR_OK || t->n > 0)
		return rc;
	w->out->no_trusted = true;
	return findings_add(f, FINDING_FAIL, "message-no-trusted-results", NULL, err,
	                    "no Authentication-Results that can be believed: %s%s%s",
	                    t->seen[0] != '\0' ? "there are those of " : "there are none", t->seen,
	                    t->arc ? "; ARC-Authentication-Results are a forwarder's word" : "");
}

/* ---- the words ---- */

static int
say_word(struct passed_work *w, const char *id, const char *method, const char *word, const struct authres_result *said,
         struct err *err)
{
	struct findings *f = &w->out->findings;

	if (is_pass(word) || w->out->no_trusted)
		return CR_OK;
	if (said == NULL)
		return findings_add(f, FINDING_FAIL, id, NULL, err, "the receiver reports no %s result", method);
	return findings_add(f, strcmp(word, "temperror") == 0 ? FINDING_UNKNOWN : FINDING_FAIL, id, NULL, err,
	                    "the receiver says %s=%s%s%.120s%s: %s", method, word, said->comment != NULL ? " (" : "",
	                    said->comment != NULL ? said->comment : "", said->comment != NULL ? ")" : "",
	                    passed_meaning(method, word));
}

static int
say_words(struct passed_work *w, const struct passed_result *dkim, struct err *err)
{
	struct passed *out = w->out;
	struct findings *f = &out->findings;
	int rc = say_word(w, "message-spf", "spf", out->spf, w->spf.said, err);

	if (rc == CR_OK && is_pass(out->spf) && !out->spf_aligned)
		rc = findings_add(
			f, FINDING_WARN, "message-spf-alignment", NULL, err,
			"SPF passes for %s, which is not aligned with From %s: use a return path of the domain",
			w->spf.domain[0] != '\0' ? w->spf.domain : "the HELO name", out->from);
	if (rc == CR_OK)
		rc = say_word(w, "message-dkim", "dkim", out->dkim, dkim != NULL ? dkim->said : NULL, err);
	if (rc == CR_OK && dkim != NULL && is_pass(out->dkim) && !out->dkim_aligned)
		rc = findings_add(f, FINDING_WARN, "message-dkim-alignment", NULL, err,
		                  "DKIM passes for %s, which is not aligned with From %s: sign with d=%s",
		                  dkim->domain[0] != '\0' ? dkim->domain : "a domain that is not told", out->from,
		                  out->from);
	return rc == CR_OK ? say_word(w, "message-dmarc", "dmarc", out->dmarc, w->dmarc, err) : rc;
}

/* Where nobody's word can be taken, ours is better than nothing. */
static int
say_own(struct passed_work *w, struct err *err)
{
	const struct signatures *s = &w->out->signatures;
	const char *dkim = s->n > 0 ? signature_result_name(s->items[0].result) : "none";

	if (!w->out->no_trusted)
		return CR_OK;
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].result == SIGNATURE_PASS)
			dkim = "pass";
	return findings_add(&w->out->findings, FINDING_NOTE, "message-own-results", NULL, err,
	                    "by our own reckoning spf=%s dkim=%s dmarc=%s", w->own_spf != NULL ? w->own_spf : "unknown",
	                    dkim, dmarc_result_name(w->judged.result));
}

/* Of a result that is no pass alignment says nothing. */
static const char *
alignment_of(const char *word, bool aligned)
{
	return !is_pass(word) ? "" : aligned ? "aligned: " : "not aligned: ";
}

static void
write_line(struct passed_work *w, const struct passed_result *dkim)
{
	struct passed *out = w->out;
	const char *sender = w->spf.domain[0] != '\0' ? w->spf.domain : "no domain told";
	const char *signer = dkim != NULL && dkim->domain[0] != '\0' ? dkim->domain : "no domain told";

	if (out->no_trusted)
		(void)snprintf(out->line, sizeof(out->line), "no results of a receiver that can be believed");
	else
		(void)snprintf(out->line, sizeof(out->line), "spf=%s (%s%.90s) dkim=%s (%s%.90s) dmarc=%s (%.90s)",
		               out->spf, alignment_of(out->spf, out->spf_aligned), sender, out->dkim,
		               alignment_of(out->dkim, out->dkim_aligned), signer, out->dmarc,
		               out->from[0] != '\0' ? out->from : "no From");
}

/* Alignment counts with a pass alone. */
static const struct passed_result *
align(struct passed_work *w)
{
	const struct dmarc *record = &w->judged.found.reading.record;
	const struct passed_result *best;

	w->spf.aligned = is_pass(w->spf.word) && passed_aligned(w, w->spf.domain, record->aspf_strict);
	for (size_t i = 0; i < w->n_dkim; i++)
		w->dkim[i].aligned = passed_aligned(w, w->dkim[i].domain, record->adkim_strict);
	best = passed_best_dkim(w);
	w->out->spf = w->spf.word;
	w->out->spf_aligned = w->spf.aligned;
	w->out->dkim = best != NULL ? best->word : "none";
	w->out->dkim_aligned = best != NULL && best->aligned && is_pass(best->word);
	return best;
}

static int
check(struct passed_work *w, struct err *err)
{
	struct passed *out = w->out;
	const struct passed_result *dkim = NULL;
	int rc = signatures_verify(w->l, w->q->message, w->q->now_s, &out->signatures, err);

	if (rc == CR_OK)
		rc = findings_move(&out->findings, &out->signatures.findings, err);
	if (rc == CR_OK)
		rc = read_author(w, err);
	if (rc == CR_OK)
		rc = passed_trace_read(w->q->message, w->q->trusted, &w->trace, err);
	if (rc == CR_OK)
		rc = say_trust(w, err);
	if (rc == CR_OK)
		rc = passed_word_spf(w, err);
	if (rc == CR_OK)
		rc = passed_word_dmarc(w, err);
	if (rc != CR_OK)
		return rc;
	passed_word_dkim(w);
	rc = passed_own_spf(w, err);
	if (rc == CR_OK)
		rc = passed_own_dmarc(w, err);
	if (rc != CR_OK)
		return rc;
	dkim = align(w);
	rc = say_words(w, dkim, err);
	if (rc == CR_OK)
		rc = out->no_trusted ? say_own(w, err) : passed_agree(w, err);
	if (rc == CR_OK)
		rc = passed_unsubscribe(w, err);
	if (rc == CR_OK)
		rc = passed_notes(w, err);
	buf_copy_text(out->receiver, sizeof(out->receiver), w->trace.receiver);
	out->ok = !out->no_trusted && is_pass(out->spf) && is_pass(out->dkim) && is_pass(out->dmarc) &&
	          out->spf_aligned && out->dkim_aligned && findings_count(&out->findings, FINDING_FAIL) == 0;
	write_line(w, dkim);
	return rc;
}

int
passed_check(struct lookup *l, const struct passed_query *q, struct passed *out, struct err *err)
{
	struct passed_work *w = calloc(1, sizeof(*w));
	int rc;

	/* It may have been run before. */
	passed_release(out);
	if (w == NULL)
		return err_nomem(err, "message");
	*w = (struct passed_work){.l = l, .q = q, .out = out};
	out->spf = out->dkim = out->dmarc = "none";
	rc = check(w, err);
	passed_trace_release(&w->trace);
	free(w);
	return rc;
}
