/*
 * message_author.c - whose message it is: the domain of the one mailbox in the one From field.
 *
 * RFC 5322 s3.4 (mailboxes and groups), s3.2.2 (comments), s4.4 (obsolete routes); read leniently where a display name is not quoted as
 * it should be, and strictly wherever another reader could see another address.
 */
#include <string.h>

#include "dns/message.h"
#include "dns/name.h"

#define COMMENT_DEPTH_MAX 50
#define MAILBOX_MAX       2048 /* bytes of one mailbox without its comments */

/* One mailbox: its text so far, quoted strings and comments taken out (a quote and a blank stand for them). */
struct mailbox {
	char text[MAILBOX_MAX];
	size_t len;
	bool angle, closed; /* within < >; behind it */
};

struct authors {
	struct mailbox box;
	size_t n;
	struct name domain;
	bool group;
};

static int
put(struct mailbox *b, char c, struct err *err)
{
	if (b->closed && c != ' ')
		return err_set(err, CR_EPARSE, "from: text behind the address");
	if (b->len + 1 >= sizeof(b->text))
		return err_set(err, CR_EPARSE, "from: an address of more than %d bytes", MAILBOX_MAX);
	b->text[b->len++] = c;
	return CR_OK;
}

/* The bytes of a comment or quoted string at i, ends included; 0: it does not end. */
static size_t
enclosed(struct span v, size_t i)
{
	bool comment = v.at[i] == '(';
	size_t depth = 1;

	for (size_t k = i + 1; k < v.len; k++) {
		if (v.at[k] == '\\')
			k++;
		else if (comment && v.at[k] == '(')
			depth++;
		else if (v.at[k] == (comment ? ')' : '"'))
			depth--;
		if (depth == 0)
			return k < v.len ? k + 1 - i : 0;
		if (depth > COMMENT_DEPTH_MAX)
			return 0;
	}
	return 0;
}

/* Blanks are allowed around the dots of a domain (s4.4), and nowhere else in it. */
static int
read_domain(const char *text, struct name *out, struct err *err)
{
	char packed[MAILBOX_MAX];
	size_t n = 0;
	int rc;

	for (const char *c = text; *c != '\0'; c++) {
		const char *next = c + strspn(c, " ");

		if (*c != ' ')
			packed[n++] = *c;
		else if (*next == '\0')
			break;
		else if (n > 0 && packed[n - 1] != '.' && *next != '.')
			return err_set(err, CR_EPARSE, "from: a blank within the domain '%s'", text);
	}
	packed[n] = '\0';
	if (n == 0 || packed[0] == '[' || strpbrk(packed, "\\\"()<>,;:@[]") != NULL)
		return err_set(err, CR_EPARSE, "from: '%s' is no domain", packed);
	rc = name_parse(packed, out, err);
	/* The root, and bytes that no domain of an address has. */
	if (rc == CR_OK && (out->text[0] == '\0' || strpbrk(out->text, "\\*/=") != NULL))
		rc = err_set(err, CR_EPARSE, "from: '%s' is no domain", packed);
	return rc;
}

/* End of a mailbox; an empty one between commas says nothing (s4.4). */
static int
finish(struct authors *a, struct err *err)
{
	char *text = a->box.text, *at;
	int rc;

	if (a->box.angle && !a->box.closed)
		return err_set(err, CR_EPARSE, "from: '<' is not closed");
	text[a->box.len] = '\0';
	if (!a->box.closed && text[strspn(text, " ")] == '\0') {
		a->box.len = 0;
		return CR_OK;
	}
	if (++a->n > 1)
		return err_set(err, CR_EPARSE, "from: more than one author");
	at = strrchr(text, '@');
	if (at == NULL || at == text)
		return err_set(err, CR_EPARSE, "from: '%s' is no address", text);
	if (memchr(text, '@', (size_t)(at - text)) != NULL)
		return err_set(err, CR_EPARSE, "from: more than one '@' in '%s'", text);
	rc = read_domain(at + 1, &a->domain, err);
	a->box = (struct mailbox){0};
	return rc;
}

/* "<@a.example,@b.example:user@c.example>": of an obsolete route only what is behind the colon counts. */
static int
special(struct authors *a, char c, struct err *err)
{
	struct mailbox *b = &a->box;

	switch (c) {
	case '<':
		if (b->angle)
			return err_set(err, CR_EPARSE, "from: a second '<'");
		b->angle = true;
		b->len = 0; /* all before was the display name */
		return CR_OK;
	case '>':
		if (!b->angle || b->closed)
			return err_set(err, CR_EPARSE, "from: '>' without '<'");
		b->closed = true;
		return CR_OK;
	case ':':
		if (b->closed || (!b->angle && a->group))
			return err_set(err, CR_EPARSE, "from: a stray ':'");
		if (b->angle && (b->len == 0 || b->text[0] != '@'))
			return err_set(err, CR_EPARSE, "from: ':' within the address");
		a->group = a->group || !b->angle;
		b->len = 0;
		return CR_OK;
	case ';':
		if (!a->group)
			return err_set(err, CR_EPARSE, "from: ';' without a group");
		a->group = false;
		return finish(a, err);
	default: /* ',' */
		return b->angle && !b->closed ? put(b, ',', err) : finish(a, err);
	}
}

static int
read_authors(struct span v, struct authors *a, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < v.len && rc == CR_OK; i++) {
		char c = v.at[i];
		size_t skip;

		if (c == '(' || c == '"') {
			skip = enclosed(v, i);
			if (skip == 0)
				return err_set(err, CR_EPARSE, "from: '%c' is not closed", c);
			i += skip - 1;
			/* A quoted local part may hold anything, '@' too: its quote stands for it. */
			rc = put(&a->box, c == '(' ? ' ' : '"', err);
		} else if (strchr("<>:;,", c) != NULL && c != '\0') {
			rc = special(a, c, err);
		} else {
			rc = put(&a->box, (unsigned char)c <= ' ' ? ' ' : c, err);
		}
	}
	return rc == CR_OK ? finish(a, err) : rc;
}

int
message_author(const struct message *m, char *domain_out, size_t size, struct err *err)
{
	const struct message_field *from = message_field(m, "From", 0);
	struct authors a = {0};
	int rc;

	if (from == NULL)
		return err_set(err, CR_EPARSE, "from: there is no such field");
	if (message_field(m, "From", 1) != NULL)
		return err_set(err, CR_EPARSE, "from: more than one such field");
	rc = read_authors(from->value, &a, err);
	if (rc != CR_OK)
		return rc;
	if (a.n == 0)
		return err_set(err, CR_EPARSE, "from: nobody");
	if (strlen(a.domain.text) >= size)
		return err_set(err, CR_EPARSE, "from: the domain is too long");
	memcpy(domain_out, a.domain.text, strlen(a.domain.text) + 1);
	return CR_OK;
}
