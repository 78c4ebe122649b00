/*
 * passed_words.c - the receiver's word on each method: which of several results counts, and what it means.
 *
 * RFC 8601 s2.7: the words.  SPF's is that of MAIL FROM; HELO's stands in where that is empty (RFC 7208 s2.4).  Of DKIM any aligned pass
 * counts, since one is what DMARC asks for.  Where a receiver says two things of one identity, the worse is taken.
 */
#include "dns/passed_inside.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dns/name.h"

/* From bad to good; the first of two that differ counts. */
static const struct {
	const char *written, *word;
} words[] = {
	{"fail",          "fail"     },
        {"hardfail",      "fail"     }, /* of RFC 5451 */
	{"policy",        "policy"   },
        {"permerror",     "permerror"},
        {"unknown",       "permerror"},
        {"softfail",      "softfail" },
	{"temperror",     "temperror"},
        {"error",         "temperror"},
        {"neutral",       "neutral"  },
        {"none",          "none"     },
	{"bestguesspass", "none"     }, /* Microsoft: would have passed, had there been a record */
	{"pass",          "pass"     },
};

/* Its place among words; its length: unknown, and to be ignored (RFC 8601 s2.7.7). */
static size_t
rank_of(const struct authres_result *r)
{
	size_t i = 0;

	while (i < ARRAY_LEN(words) && strcmp(words[i].written, r->result) != 0)
		i++;
	return i;
}

static const char *
word_of(const struct authres_result *r)
{
	const size_t rank = rank_of(r);

	return rank < ARRAY_LEN(words) ? words[rank].word : "none";
}

/* Those of method with a word that is known. */
static size_t
results_of(const struct passed_work *w, const char *method, const struct authres_result *out[PASSED_RESULTS_MAX])
{
	size_t n = passed_trace_results(&w->trace, method, out), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (rank_of(out[i]) < ARRAY_LEN(words))
			out[kept++] = out[i];
	return kept;
}

static int
say_conflict(struct passed_work *w, const struct authres_result *a, const struct authres_result *b, struct err *err)
{
	return findings_add(&w->out->findings, FINDING_WARN, "message-results-differ", NULL, err,
	                    "the receiver says both %s=%s and %s=%s: the worse is taken", a->method, word_of(a),
	                    b->method, word_of(b));
}

/* The worse of two, told when their words differ. */
static int
take_worse(struct passed_work *w, const struct authres_result **best, const struct authres_result *r, struct err *err)
{
	const struct authres_result *before = *best;

	if (before == NULL || rank_of(r) < rank_of(before))
		*best = r;
	return before == NULL || word_of(before) == word_of(r) ? CR_OK : say_conflict(w, before, r, err);
}

/* ---- SPF ---- */

/* MAIL FROM as the result has it, by whatever name; NULL: it speaks of something else. */
static const char *
mail_from(const struct authres_result *r)
{
	static const char *const names[] = {"mailfrom", "mail", "mfrom", "envelope-from"};
	const char *value = NULL;

	for (size_t i = 0; value == NULL && i < ARRAY_LEN(names); i++)
		value = authres_prop(r, "smtp", names[i]);
	return value != NULL ? value : authres_prop(r, "", "envelope-from");
}

static bool
is_null_path(const char *sender)
{
	return sender[0] == '\0' || strcmp(sender, "<>") == 0;
}

/* From the receiver's result, else from the Return-Path that it wrote (RFC 5321 s4.4). */
static void
find_sender(struct passed_work *w)
{
	const char *said = w->spf.said != NULL ? mail_from(w->spf.said) : NULL;
	char path[sizeof(w->sender)] = "", theirs[PASSED_HOST_MAX], ours[PASSED_HOST_MAX];
	size_t len;

	if (w->trace.return_path.at != NULL) {
		message_unfold(w->trace.return_path, path, sizeof(path));
		len = strlen(path);
		if (len > 2 && path[0] == '<' && path[len - 1] == '>') {
			memmove(path, path + 1, len - 2);
			path[len - 2] = '\0';
		}
	}
	if (said != NULL && strchr(said, '@') != NULL && said[0] != '@' && said[0] != '<')
		buf_copy_text(w->sender, sizeof(w->sender), said);
	else if (said != NULL && passed_domain(said, theirs)) {
		/* The domain alone; the whole address, where the other field is of the same. */
		if (passed_domain(path, ours) && name_equal(ours, theirs))
			buf_copy_text(w->sender, sizeof(w->sender), path);
		else
			(void)snprintf(w->sender, sizeof(w->sender), "postmaster@%s", theirs);
	} else if (said != NULL ? is_null_path(said) : strcmp(path, "<>") == 0) {
		w->null_path = true;
	} else {
		buf_copy_text(w->sender, sizeof(w->sender), path);
	}
}

int
passed_word_spf(struct passed_work *w, struct err *err)
{
	const struct authres_result *all[PASSED_RESULTS_MAX], *sender = NULL, *helo = NULL;
	size_t n = results_of(w, "spf", all);
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const bool of_helo = mail_from(all[i]) == NULL && authres_prop(all[i], "smtp", "helo") != NULL;

		rc = take_worse(w, of_helo ? &helo : &sender, all[i], err);
	}
	w->spf.said = sender != NULL ? sender : helo;
	w->spf.word = w->spf.said != NULL ? word_of(w->spf.said) : "none";
	find_sender(w);
	/* HELO's domain is what DMARC looks at with an empty return path alone. */
	if (w->null_path && w->spf.said != NULL && authres_prop(w->spf.said, "smtp", "helo") != NULL)
		(void)passed_domain(authres_prop(w->spf.said, "smtp", "helo"), w->spf.domain);
	else if (sender != NULL || helo == NULL)
		(void)passed_domain(w->sender, w->spf.domain);
	return rc;
}

/* ---- DKIM ---- */

/* Some receivers (Zoho) do not say whose signature it was: then the message's, if all it has are of one domain.  NULL: it cannot be told. */
static const char *
only_signer(const struct passed_work *w)
{
	const struct signatures *s = &w->out->signatures;

	for (size_t i = 1; i < s->n; i++)
		if (strcasecmp(s->items[i].domain, s->items[0].domain) != 0)
			return NULL;
	return s->n > 0 ? s->items[0].domain : NULL;
}

void
passed_word_dkim(struct passed_work *w)
{
	const struct authres_result *all[PASSED_RESULTS_MAX];

	w->n_dkim = results_of(w, "dkim", all);
	for (size_t i = 0; i < w->n_dkim; i++) {
		const char *domain = authres_prop(all[i], "header", "d");

		/* Gmail gives the identity alone, which is in the signing domain (RFC 6376 s3.5). */
		if (domain == NULL || domain[0] == '\0')
			domain = authres_prop(all[i], "header", "i");
		if (domain == NULL)
			domain = only_signer(w);
		w->dkim[i] = (struct passed_result){.said = all[i], .word = word_of(all[i])};
		if (domain != NULL)
			(void)passed_domain(domain, w->dkim[i].domain);
	}
}

const struct passed_result *
passed_best_dkim(const struct passed_work *w)
{
	const struct passed_result *best = NULL;

	for (size_t i = 0; i < w->n_dkim; i++) {
		const struct passed_result *r = &w->dkim[i];
		const bool pass = strcmp(r->word, "pass") == 0,
			   best_pass = best != NULL && strcmp(best->word, "pass") == 0;

		/* A pass before none, ours before others', and of two failures the one that says more. */
		if (best == NULL || (pass != best_pass             ? pass
		                     : r->aligned != best->aligned ? r->aligned
		                                                   : !pass && rank_of(r->said) < rank_of(best->said)))
			best = r;
	}
	return best;
}

/* ---- DMARC ---- */

int
passed_word_dmarc(struct passed_work *w, struct err *err)
{
	const struct authres_result *all[PASSED_RESULTS_MAX];
	size_t n = results_of(w, "dmarc", all);
	char domain[PASSED_HOST_MAX];
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const char *from = authres_prop(all[i], "header", "from");

		if (from == NULL || (passed_domain(from, domain) && name_equal(domain, w->out->from)))
			rc = take_worse(w, &w->dmarc, all[i], err);
		else
			rc = findings_add(&w->out->findings, FINDING_WARN, "message-dmarc-from", NULL, err,
			                  "the receiver says dmarc=%s for '%.120s', which is not this message's From",
			                  word_of(all[i]), from);
	}
	w->out->dmarc = w->dmarc != NULL ? word_of(w->dmarc) : "none";
	return rc;
}

/* ---- what they mean ---- */

static const struct {
	const char *method, *word, *meaning;
} meanings[] = {
	{"spf",   "none",      "it found no SPF record at the domain of the return path"                           },
	{"spf",   "neutral",
         "the SPF record says nothing about the sending address: end it with -all or ~all, and list the address"   },
	{"spf",   "softfail",  "the sending address is not in the SPF record, which ends in ~all: list the address"},
	{"spf",   "fail",      "the sending address is not in the SPF record: list it"                             },
	{"spf",   "permerror", "it cannot use the SPF record: too many look-ups, two records, or a typing error"   },
	{"spf",   "temperror", "DNS did not answer it: send another test message"                                  },
	{"spf",   "policy",    "SPF passes, and a rule of its own refuses it"                                      },
	{"dkim",  "none",      "it found no signature"							     },
	{"dkim",  "neutral",
         "it cannot judge the signature: often an algorithm that it lacks (ed25519), or a field it cannot read"    },
	{"dkim",  "fail",
         "the signature does not verify: body or header were changed after signing, or the published key is another "
         "one"												     },
	{"dkim",  "policy",
         "the signature verifies, and it does not accept it: most often a key below 1024 bits, rsa-sha1, or t=y in the "
         "key record. Publish a 2048-bit key without t=y"							  },
	{"dkim",  "permerror", "it found no usable key, or the signature lacks a tag"                              },
	{"dkim",  "temperror", "DNS did not answer it: send another test message"                                  },
	{"dkim",  "softfail",  "it does not accept the signature"                                                  },
	{"dmarc", "none",      "it found no policy, or did not look for one"                                       },
	{"dmarc", "fail",      "neither SPF nor DKIM passed for a domain aligned with From"                        },
	{"dmarc", "permerror", "it cannot use the DMARC record"                                                    },
	{"dmarc", "temperror", "DNS did not answer it: send another test message"                                  },
	{"dmarc", "policy",    "DMARC passes, and a rule of its own refuses it"                                    },
};

const char *
passed_meaning(const char *method, const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
		if (strcmp(meanings[i].method, method) == 0 && strcmp(meanings[i].word, word) == 0)
			return meanings[i].meaning;
	return "it did not pass";
}
