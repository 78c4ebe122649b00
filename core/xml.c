/*
 * xml.c - libxml2 behind a door: a bounded parse without DTD, network or entities, and reading with the way to every value.
 *
 * Sources: W3C XML 1.0 (fifth edition) s2.2, s2.4, s2.8; libxml2 2.9.14 (xmlReadMemory, xmlParserOption).
 * Invariants: a text that holds "<!DOCTYPE" never reaches the parser, so there is nothing that entities could be declared in;
 * the encoding is ours to say, so those bytes cannot hide in another one.
 */
#include "core/xml.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "core/json.h"
#include "core/lazy.h"
#include "core/num.h"

/* clang-format off */
#define CALLS(X) \
	X(xmlDocGetRootElement) X(xmlFreeDoc) X(xmlGetLastError) X(xmlInitParser) X(xmlReadMemory)
/* clang-format on */
LAZY_LIBRARY(libxml, "libxml2.so.2", "libxml2", CALLS);
#define xmlDocGetRootElement libxml.xmlDocGetRootElement
#define xmlFreeDoc           libxml.xmlFreeDoc
#define xmlGetLastError      libxml.xmlGetLastError
#define xmlInitParser        libxml.xmlInitParser
#define xmlReadMemory        libxml.xmlReadMemory

#define OPTIONS (XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA)

struct xml {
	xmlDoc *doc;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init(void)
{
	xmlInitParser();
}

int
xml_parse(const char *text, size_t len, struct xml **out, struct err *err)
{
	static const char doctype[] = "<!DOCTYPE";
	struct xml *x;
	int rc = lazy_need(&libxml_lazy, err);

	if (rc != CR_OK)
		return rc;
	if (len == 0 || len > XML_MAX_BYTES)
		return err_set(err, CR_EPARSE, "not XML: %zu bytes", len);
	if (memmem(text, len, doctype, sizeof(doctype) - 1) != NULL)
		return err_set(err, CR_EPARSE, "XML with a document type is not read");
	(void)pthread_once(&once, init);
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return err_nomem(err, "XML");
	x->doc = xmlReadMemory(text, (int)len, NULL, "UTF-8", OPTIONS);
	if (x->doc == NULL || xmlDocGetRootElement(x->doc) == NULL) {
		const xmlError *why = xmlGetLastError();

		rc = err_set(err, CR_EPARSE, "not XML at line %d", why != NULL ? why->line : 0);
		xml_drop(&x);
		return rc;
	}
	*out = x;
	return CR_OK;
}

void
xml_drop(struct xml **x)
{
	if (*x == NULL)
		return;
	if ((*x)->doc != NULL)
		xmlFreeDoc((*x)->doc);
	free(*x);
	*x = NULL;
}

struct xml_at
xml_root(const struct xml *x)
{
	const xmlNode *root = xmlDocGetRootElement(x->doc);
	struct xml_at at = {.node = root};

	(void)snprintf(at.path, sizeof(at.path), "%.100s", (const char *)root->name);
	return at;
}

static bool
is_named(const xmlNode *n, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0;
}

bool
xml_is(const struct xml_at *at, const char *name)
{
	return at->node != NULL && is_named(at->node, name);
}

/* Beyond its room a path ends cut off: whoever reads it sees where it began. */
static void
path_make(struct xml_at *at, const char *base, const char *name)
{
	struct buf b = {0};

	buf_addf(&b, "%s.%s", base, name);
	if (at->index > 0)
		buf_addf(&b, "[%u]", at->index);
	buf_copy_text(at->path, sizeof(at->path), buf_str(&b));
	buf_release(&b);
}

struct xml_at
xml_get(const struct xml_at *parent, const char *name)
{
	const xmlNode *above = parent->node;
	struct xml_at at = {0};

	for (const xmlNode *n = above != NULL ? above->children : NULL; n != NULL && at.node == NULL; n = n->next)
		if (is_named(n, name))
			at.node = n;
	path_make(&at, parent->path, name);
	return at;
}

struct xml_at
xml_next(const struct xml_at *at)
{
	const xmlNode *from = at->node;
	struct xml_at next = {.index = at->index + 1};
	char base[XML_PATH_MAX];
	char *dot;

	if (from == NULL)
		return *at;
	for (const xmlNode *n = from->next; n != NULL && next.node == NULL; n = n->next)
		if (is_named(n, (const char *)from->name))
			next.node = n;
	memcpy(base, at->path, sizeof(base));
	dot = strrchr(base, '.');
	if (dot != NULL)
		*dot = '\0';
	path_make(&next, base, (const char *)from->name);
	return next;
}

int
xml_want(const struct xml_at *at, struct err *err)
{
	return at->node != NULL ? CR_OK : err_set(err, CR_EPARSE, "%s: missing", at->path);
}

int
xml_want_text(const struct xml_at *at, const char **out, struct err *err)
{
	const xmlNode *n = at->node;
	int rc = xml_want(at, err);

	if (rc != CR_OK)
		return rc;
	/* CDATA was made text, and pieces of text one: anything else is an element, a comment or an entity. */
	if (n->children != NULL && (n->children->type != XML_TEXT_NODE || n->children->next != NULL))
		return err_set(err, CR_EPARSE, "%s: not a text", at->path);
	*out = n->children != NULL ? (const char *)n->children->content : "";
	return CR_OK;
}

int
xml_want_int(const struct xml_at *at, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const char *text = NULL;
	int rc = xml_want_text(at, &text, err);

	if (rc == CR_OK && num_parse(text, min, max, out, err) != CR_OK)
		rc = err_wrap(err, "%s", at->path);
	return rc;
}

int
xml_want_bool(const struct xml_at *at, bool *out, struct err *err)
{
	const char *text = NULL;
	int rc = xml_want_text(at, &text, err);

	if (rc != CR_OK)
		return rc;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_set(err, CR_EPARSE, "%s: neither true nor false: '%.40s'", at->path, text);
	*out = text[0] == 't';
	return CR_OK;
}

int
xml_opt_bool(const struct xml_at *at, bool absent, bool *out, struct err *err)
{
	*out = absent;
	return at->node != NULL ? xml_want_bool(at, out, err) : CR_OK;
}

void
xml_out_open(struct buf *b, const char *name)
{
	buf_addf(b, "<%s>", name);
}

void
xml_out_close(struct buf *b, const char *name)
{
	buf_addf(b, "</%s>", name);
}

/* Line ends and tabs would be changed on the way (s2.11), so they go as references; quotes need none outside of attributes. */
void
xml_out_text(struct buf *b, const char *text)
{
	const size_t len = strlen(text);

	for (size_t i = 0, n; i < len; i += n) {
		const unsigned char c = (unsigned char)text[i];

		n = json_utf8(text + i, len - i);
		if (c == '&')
			buf_adds(b, "&amp;");
		else if (c == '<')
			buf_adds(b, "&lt;");
		else if (c == '>')
			buf_adds(b, "&gt;");
		else if (c == '\t' || c == '\n' || c == '\r')
			buf_addf(b, "&#%d;", c);
		else if (n == 0 || c < ' ')
			buf_adds(b, "\xef\xbf\xbd");
		else
			buf_add(b, text + i, n);
		n = n == 0 ? 1 : n;
	}
}

void
xml_out_element(struct buf *b, const char *name, const char *text)
{
	xml_out_open(b, name);
	xml_out_text(b, text);
	xml_out_close(b, name);
}
