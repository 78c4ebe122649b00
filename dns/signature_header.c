/*
 * signature_header.c - a signature that does not fit the header: another key, or which of the usual changes?
 *
 * An RSA signature tells the hash it was made of, when it was made with this key; an Ed25519 signature tells nothing, so that the two
 * cases are one.  Either way each usual change is undone in turn, until it fits.
 */
#include <string.h>

#include "dns/signature_inside.h"

#define VALUE_MAX 2048

struct search {
	const struct message *m;
	const struct signature_fields *f;
	const struct message_field *own;
	const struct seal *seal;
	size_t *left; /* bytes that may still be hashed */
};

static bool
fits(struct search *s, const struct canon_change *c)
{
	size_t bytes = (size_t)(s->m->body.at - s->m->bytes);
	uint8_t hash[HASH_BYTES];

	if (bytes > *s->left)
		return false;
	*s->left -= bytes;
	canon_header(s->m, s->f, s->own, c, hash);
	return seal_fits(s->seal, hash);
}

static bool
was_refolded(struct search *s)
{
	return s->f->header == CANON_SIMPLE && (fits(s, &(struct canon_change){.fold = CANON_UNFOLDED}) ||
	                                        fits(s, &(struct canon_change){.fold = CANON_ONE_BLANK}));
}

/* A signed field that was not there when it was signed, or stood below another of its name. */
static const struct message_field *
was_added(struct search *s)
{
	size_t fields[SIGNATURE_NAMES_MAX];

	canon_select(s->m, s->f, s->own, NULL, fields);
	for (size_t i = 0; i < s->f->n_names; i++) {
		const struct message_field *field;

		if (fields[i] == SIZE_MAX)
			continue;
		field = &s->m->fields[fields[i]];
		if (fits(s, &(struct canon_change){.field = field}))
			return field;
	}
	return NULL;
}

/* " Re: [list] text" without its tag; false: there is none, or it is too long. */
static bool
without_tag(struct span value, char out[VALUE_MAX], size_t *len_out)
{
	static const char *const ends[][2] = {
		{"[",   "]"  },
                {"***", "***"},
                {"{",   "}"  }
        };
	size_t start = 0;

	while (start < value.len && strchr(" \t\r\n", value.at[start]) != NULL)
		start++;
	if (value.len - start > 4 && strncasecmp(value.at + start, "re: ", 4) == 0)
		start += 4;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i][0]);
		const char *open = value.at + start, *end;

		if (value.len - start <= n || memcmp(open, ends[i][0], n) != 0)
			continue;
		end = memmem(open + n, value.len - start - n, ends[i][1], strlen(ends[i][1]));
		if (end == NULL)
			continue;
		end += strlen(ends[i][1]);
		while (end < value.at + value.len && strchr(" \t\r\n", *end) != NULL)
			end++;
		*len_out = start + (size_t)(value.at + value.len - end);
		if (*len_out > VALUE_MAX)
			return false;
		memcpy(out, value.at, start);
		memcpy(out + start, end, *len_out - start);
		return true;
	}
	return false;
}

static bool
was_tagged(struct search *s)
{
	const struct message_field *subject = message_field(s->m, "Subject", 0);
	char text[VALUE_MAX];
	struct span value = {.at = text};

	return subject != NULL && without_tag(subject->value, text, &value.len) &&
	       fits(s, &(struct canon_change){.field = subject, .value = &value});
}

/* A body that is encoded anew says so. */
static const char *
had_encoding(struct search *s)
{
	static const char *const encodings[] = {"7bit", "8bit", "quoted-printable", "base64"};
	const struct message_field *field = message_field(s->m, "Content-Transfer-Encoding", 0);

	for (size_t i = 0; field != NULL && i < ARRAY_LEN(encodings); i++) {
		char text[32];
		struct span value = {.at = text};

		(void)snprintf(text, sizeof(text), " %s", encodings[i]);
		value.len = strlen(text);
		if (fits(s, &(struct canon_change){.field = field, .value = &value}))
			return encodings[i];
	}
	return NULL;
}

/* "From, To, Subject": those that are there and signed, as far as there is room. */
static void
list_signed(const struct search *s, char *out, size_t size)
{
	size_t fields[SIGNATURE_NAMES_MAX], used = 0;

	canon_select(s->m, s->f, s->own, NULL, fields);
	out[0] = '\0';
	for (size_t i = 0; i < s->f->n_names; i++) {
		struct span name = s->f->names[i];

		if (fields[i] == SIZE_MAX)
			continue;
		if (used + name.len + 8 > size) {
			(void)snprintf(out + used, size - used, ", ...");
			return;
		}
		used += (size_t)snprintf(out + used, size - used, "%s%.*s", used > 0 ? ", " : "", (int)name.len,
		                         name.at);
	}
}

void
signature_explain_header(const struct message *m, const struct signature_fields *f, const struct message_field *own,
                         const struct seal *seal, struct signature *s, size_t *left)
{
	struct search search = {.m = m, .f = f, .own = own, .seal = seal};
	const struct message_field *added;
	const char *encoding;
	char names[120];

	search.left = left;
	if (seal->key->algorithm == DKIM_RSA && !seal->whole) {
		signature_say(s, SIGNATURE_FAIL, "key-wrong",
		              "the signature (%zu bits) was not made with the key that is published (%u bits), or b= "
		              "is damaged",
		              8 * seal->len, seal->key->bits);
		return;
	}
	if (was_refolded(&search)) {
		signature_say(s, SIGNATURE_FAIL, "header-refolded",
		              "signed fields were folded anew on the way (c=relaxed would have held)");
	} else if (was_tagged(&search)) {
		signature_say(s, SIGNATURE_FAIL, "header-changed", "a tag was put in front of the Subject on the way");
	} else if ((encoding = had_encoding(&search)) != NULL) {
		signature_say(s, SIGNATURE_FAIL, "header-changed",
		              "Content-Transfer-Encoding was %s when it was signed", encoding);
	} else if ((added = was_added(&search)) != NULL) {
		signature_say(s, SIGNATURE_FAIL, "header-changed", "the signed field %.*s was added on the way",
		              (int)(added->name.len < 60 ? added->name.len : 60), added->name.at);
	} else if (seal->key->algorithm == DKIM_RSA) {
		list_signed(&search, names, sizeof(names));
		signature_say(s, SIGNATURE_FAIL, "header-changed",
		              "the key is right, and the header is not as it was signed; signed are: %s", names);
	} else {
		signature_say(
			s, SIGNATURE_FAIL, "header-or-key",
			"the header was changed, or another key has signed: an ed25519 signature does not tell which");
	}
}
