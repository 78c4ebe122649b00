/*
 * systemic.c - the names behind refusals, joined where they are one, and counted.
 *
 * Host names of gateways: vendors' public set-up guides; Proofpoint mxNx-CODE, Barracuda dNNNNNN with a or b behind it, Cisco hcNNNN-NN,
 * Microsoft 365 the customer's own domain with dashes.
 */
#include "budget/systemic.h"

#include "core/own.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WORDS_ENOUGH 4

static const struct {
	const char *below;
	bool pair;   /* mxa-CODE and mxb-CODE are one */
	bool letter; /* CODEa and CODEb are one */
} gateways[] = {
	{".pphosted.com",                true,  false},
	{".gpphosted.com",               true,  false},
	{".ess.barracudanetworks.com",   false, true },
	{".iphmx.com",                   false, false},
	{".mail.protection.outlook.com", false, false},
};

static bool
cut_pair(const char **code, size_t *len)
{
	const char *dash = memchr(*code, '-', *len);

	if (*len < 3 || strncasecmp(*code, "mx", 2) != 0 || dash == NULL)
		return false;
	*len -= (size_t)(dash + 1 - *code);
	*code = dash + 1;
	return true;
}

void
systemic_customer(const char *host, char out[SYSTEMIC_CUSTOMER])
{
	size_t len = strlen(host);

	out[0] = '\0';
	while (len > 0 && host[len - 1] == '.')
		len--;
	for (size_t i = 0; i < ARRAY_LEN(gateways); i++) {
		size_t below = strlen(gateways[i].below), n;
		const char *code;

		if (len <= below || strncasecmp(host + len - below, gateways[i].below, below) != 0)
			continue;
		for (code = host + len - below; code > host && code[-1] != '.'; code--)
			continue;
		n = (size_t)(host + len - below - code);
		if (gateways[i].pair && !cut_pair(&code, &n))
			return;
		if (gateways[i].letter && n > 1 && isalpha((unsigned char)code[n - 1]) != 0)
			n--;
		/* A label is at most 63 bytes long. */
		if (n == 0 || n > 63)
			return;
		(void)snprintf(out, SYSTEMIC_CUSTOMER, "%.*s%s", (int)n, code, gateways[i].below);
		for (char *p = out; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		return;
	}
}

/* A word of the wording: letters alone, or with a stop behind it.  What holds a digit, a dot or an @ inside is an id, a name or an address. */
static size_t
plain_word(const char *word, size_t len)
{
	size_t n = 0;

	while (n < len && isalpha((unsigned char)word[n]) != 0)
		n++;
	for (size_t i = n; i < len; i++) {
		if (strchr(".,:;!?)'\"", word[i]) == NULL)
			return 0;
	}
	return n;
}

int64_t
systemic_wording(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	size_t words = 0;

	for (const char *p = text + strspn(text, " \t("); *p != '\0'; p += strspn(p, " \t(")) {
		size_t len = strcspn(p, " \t("), n = plain_word(p, len);

		for (size_t i = 0; i < n; i++)
			h = (h ^ (uint64_t)tolower((unsigned char)p[i])) * UINT64_C(0x100000001b3);
		if (n > 0)
			h = (h ^ ' ') * UINT64_C(0x100000001b3);
		words += n > 0;
		p += len;
	}
	if (words < WORDS_ENOUGH)
		return 0;
	h &= INT64_MAX;
	return h != 0 ? (int64_t)h : 1;
}

/* ---- counting ---- */

/* Refusals joined into heaps: a heap is known by the first one in it. */
static size_t
first_of(struct refusal *r, size_t i)
{
	while (r[i].heap != i)
		i = r[i].heap = r[r[i].heap].heap;
	return i;
}

static bool
both(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

static bool
related(const struct refusal *a, const struct refusal *b, bool by_vendor)
{
	if (by_vendor && (a->vendor[0] != '\0' || b->vendor[0] != '\0'))
		return both(a->vendor, b->vendor);
	return both(a->organisation, b->organisation) || both(a->customer, b->customer);
}

/* Nobody knows who it was, so it may be one of the others. */
static bool
nameless(const struct refusal *r, bool by_vendor)
{
	return r->organisation[0] == '\0' && r->customer[0] == '\0' && !(by_vendor && r->vendor[0] != '\0');
}

static bool
alike(const struct refusal *a, const struct refusal *b)
{
	return both(a->rule, b->rule) || (a->wording != 0 && a->wording == b->wording);
}

/* Of refusals like `like`, or of all. */
static size_t
count(struct refusal *r, size_t n, bool by_vendor, const struct refusal *like)
{
	size_t heaps = 0;

	for (size_t i = 0; i < n; i++) {
		r[i].heap = i;
		r[i].left_out = nameless(&r[i], by_vendor) || (like != NULL && !alike(&r[i], like));
		for (size_t k = 0; k < i && !r[i].left_out; k++) {
			if (!r[k].left_out && related(&r[i], &r[k], by_vendor))
				r[first_of(r, i)].heap = first_of(r, k);
		}
	}
	for (size_t i = 0; i < n; i++)
		heaps += r[i].heap == i && !r[i].left_out;
	return heaps;
}

size_t
systemic_organisations(struct refusal *r, size_t n)
{
	return count(r, n, false, NULL);
}

size_t
systemic_deciders(struct refusal *r, size_t n)
{
	return count(r, n, true, NULL);
}

size_t
systemic_alike(struct refusal *r, size_t n, const struct refusal *like)
{
	return count(r, n, false, like);
}
