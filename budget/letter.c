/*
 * letter.c - a mail as its parts: one pass over the lines, with a stack of the multiparts and messages that are open.
 *
 * RFC 2046 s5.1: a line "--boundary" of any open multipart ends everything within it, closed or not, so a missing closing line costs
 * nothing.  Where the declared boundary is missing or wrong, the first "--" line that is followed by a Content- field stands for it.
 */
#include "budget/letter.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"

struct frame {
	size_t part; /* whose body it is */
	bool multi;  /* else a message */
	bool seen;   /* a boundary line was */
	bool digest; /* children are messages unless they say otherwise */
	struct letter_boundary boundary;
};

struct walk {
	struct letter *letter;
	struct lines lines;
	struct frame frame[LETTER_DEPTH_MAX];
	size_t depth;
	size_t leaf; /* whose body is being passed over; SIZE_MAX none */
	unsigned char inside;
};

void
lines_begin(struct lines *l, struct slice text)
{
	l->at = text.len > 0 ? text.at : "";
	l->end = l->at + text.len;
	l->nl = l->cr = NULL;
}

static const char *
next_of(const char *known, const char *at, const char *end, char c)
{
	if (known != NULL && known >= at)
		return known;
	const char *found = at < end ? memchr(at, c, (size_t)(end - at)) : NULL;
	return found != NULL ? found : end;
}

bool
lines_next(struct lines *l, struct slice *line_out)
{
	if (l->at == NULL || l->at >= l->end)
		return false;
	l->nl = next_of(l->nl, l->at, l->end, '\n');
	l->cr = next_of(l->cr, l->at, l->end, '\r');
	const char *stop = l->nl < l->cr ? l->nl : l->cr, *after = stop;

	/* CR CR LF is what some gateways make of CRLF. */
	if (after < l->end && *after == '\r') {
		after++;
		if (after + 1 < l->end && after[0] == '\r' && after[1] == '\n')
			after++;
	}
	if (after < l->end && *after == '\n')
		after++;
	*line_out = (struct slice){l->at, (size_t)(stop - l->at)};
	l->at = after;
	return true;
}

void
fields_begin(struct fields *f, struct slice header)
{
	lines_begin(&f->lines, header);
	f->more = lines_next(&f->lines, &f->line);
}

/* The length of a field's name, 0 when the line is no field.  RFC 5322 s4.5 allows blanks before the colon. */
static size_t
name_len(struct slice line)
{
	size_t n = 0;

	while (n < line.len && (unsigned char)line.at[n] > ' ' && line.at[n] != ':')
		n++;
	size_t colon = n;
	while (colon < line.len && (line.at[colon] == ' ' || line.at[colon] == '\t'))
		colon++;
	return n > 0 && colon < line.len && line.at[colon] == ':' ? n : 0;
}

/* Some servers lost the blank in front of a folded parameter. */
static bool
is_folded(struct slice line, struct slice value)
{
	if (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t'))
		return true;
	return value.len > 0 && value.at[value.len - 1] == ';' && line.len > 0 && name_len(line) == 0;
}

bool
fields_next(struct fields *f, struct slice *name_out, struct slice *value_out, bool *cut_out)
{
	for (; f->more; f->more = lines_next(&f->lines, &f->line)) {
		size_t n = name_len(f->line);
		if (n == 0)
			continue;
		const char *colon = memchr(f->line.at + n, ':', f->line.len - n);
		const char *end = f->line.at + f->line.len;
		*name_out = (struct slice){f->line.at, n};
		*value_out = (struct slice){colon + 1, (size_t)(end - colon - 1)};
		while ((f->more = lines_next(&f->lines, &f->line)) && is_folded(f->line, *value_out))
			value_out->len = (size_t)(f->line.at + f->line.len - value_out->at);
		if (value_out->len > LETTER_FIELD_MAX) {
			value_out->len = LETTER_FIELD_MAX;
			*cut_out = true;
		}
		*value_out = slice_trim(*value_out);
		return true;
	}
	return false;
}

static void
limit(struct walk *w, const char *which)
{
	if (w->letter->limit[0] == '\0')
		w->letter->limit = which;
}

static struct letter_part *
part_add(struct letter *l)
{
	struct letter_part *more = list_grow(l->part, l->n, &l->room, sizeof(*more));
	struct letter_part *p;

	if (more == NULL)
		return NULL;
	l->part = more;
	p = &l->part[l->n++];
	memset(p, 0, sizeof(*p));
	return p;
}

static void
body_end(struct letter_part *p, const char *at)
{
	p->body.len = (size_t)(at - p->body.at);
}

/* A part that has neither header nor body does not count: it could hide the ones that have from the ceiling. */
static void
leaf_end(struct walk *w, struct letter_part *p, const char *at)
{
	body_end(p, at);
	if (!p->root && p->header.len == 0 && slice_trim(p->body).len == 0 && w->leaf == w->letter->n - 1)
		w->letter->n--;
}

/* Close what is open above frame number keep; the bodies end at at. */
static void
close_above(struct walk *w, size_t keep, const char *at)
{
	if (w->leaf != SIZE_MAX)
		leaf_end(w, &w->letter->part[w->leaf], at);
	w->leaf = SIZE_MAX;
	while (w->depth > keep) {
		struct frame *f = &w->frame[--w->depth];
		struct letter_part *p = &w->letter->part[f->part];
		body_end(p, at);
		if (!f->multi)
			w->inside--;
		else if (!f->seen) /* a multipart without parts: what it has is text */
			p->type = LETTER_TEXT;
	}
}

enum border { BORDER_NONE, BORDER_PART, BORDER_END };

/* Is the line a boundary of an open multipart?  frame_out: of which. */
static enum border
border_of(const struct walk *w, struct slice line, size_t *frame_out)
{
	if (line.len < 3 || line.at[0] != '-' || line.at[1] != '-')
		return BORDER_NONE;
	while (line.len > 2 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
		line.len--;
	for (size_t i = w->depth; i-- > 0;) {
		const struct frame *f = &w->frame[i];
		if (!f->multi || f->boundary.len == 0 || line.len < f->boundary.len + 2 ||
		    memcmp(line.at + 2, f->boundary.text, f->boundary.len) != 0)
			continue;
		*frame_out = i;
		if (line.len == f->boundary.len + 2)
			return BORDER_PART;
		if (line.len == f->boundary.len + 4 && memcmp(line.at + f->boundary.len + 2, "--", 2) == 0)
			return BORDER_END;
	}
	return BORDER_NONE;
}

/* Before the first part of a multipart whose boundary did not come: a "--" line with a Content- field below it. */
static bool
guess(struct walk *w, struct slice line)
{
	struct frame *f = w->depth > 0 ? &w->frame[w->depth - 1] : NULL;
	struct slice rest = {w->lines.at, (size_t)(w->lines.end - w->lines.at)};

	if (f == NULL || !f->multi || f->seen || w->leaf != SIZE_MAX)
		return false;
	line = slice_trim(line);
	if (line.len < 3 || line.at[0] != '-' || line.at[1] != '-' || line.len - 2 >= sizeof(f->boundary.text) ||
	    !slice_starts(rest, SLICE("content-")))
		return false;
	f->boundary.len = line.len - 2;
	memcpy(f->boundary.text, line.at + 2, f->boundary.len);
	return true;
}

/* A boundary line: close what it ends.  True: a part begins behind it. */
static bool
border_pass(struct walk *w, struct slice line)
{
	size_t i;
	enum border b = border_of(w, line, &i);

	if (b == BORDER_NONE && guess(w, line))
		b = border_of(w, line, &i);
	if (b == BORDER_NONE)
		return false;
	if (b == BORDER_END) {
		w->frame[i].seen = true;
		close_above(w, i, line.at);
		return false;
	}
	close_above(w, i + 1, line.at);
	w->frame[i].seen = true;
	return true;
}

/* The header of a message or part, up to its blank line.  *again_out: a boundary line came first, and stands to be read again. */
static struct slice
header_pass(struct walk *w, bool message)
{
	struct lines before = w->lines;
	struct slice line, header = {w->lines.at, 0};
	bool any = false;
	size_t i;

	for (; lines_next(&w->lines, &line); before = w->lines) {
		if (border_of(w, line, &i) != BORDER_NONE) {
			w->lines = before;
			break;
		}
		if (line.len == 0 || (line.len == 1 && line.at[0] == ' ')) {
			if (any || !message)
				break;
			header.at = w->lines.at;
			continue; /* a blank line too many in front of a message */
		}
		if (!any && message && slice_starts(line, SLICE("From ")) && name_len(line) == 0) {
			header.at = w->lines.at; /* mbox */
			continue;
		}
		if (!any && name_len(line) == 0 && !slice_starts(line, SLICE(">From "))) {
			w->lines = before; /* no header at all */
			break;
		}
		any = true;
		header.len = (size_t)(line.at + line.len - header.at);
	}
	if (header.len > LETTER_HEADER_MAX) {
		header.len = LETTER_HEADER_MAX;
		limit(w, "header");
	}
	return header;
}

static void
header_read(struct walk *w, struct letter_part *p, struct letter_boundary *boundary_out)
{
	struct fields f;
	struct slice name, value;
	bool cut = false, type = false;

	fields_begin(&f, p->header);
	while (fields_next(&f, &name, &value, &cut)) {
		if (name.len < 12 || (name.at[0] | 0x20) != 'c')
			continue;
		if (!type && slice_is(name, SLICE("content-type"))) {
			letter_type_read(value, p, boundary_out);
			type = true;
		} else if (slice_is(name, SLICE("content-transfer-encoding"))) {
			p->coding = letter_coding_read(value);
		}
	}
	if (cut)
		limit(w, "field");
}

/*
 * A message or part begins here: read its header, and go on into what it contains; a message in a message in a message is a loop, not
 * a recursion.  Returns CR_OK, or CR_ENOMEM; *full_out when there are too many parts.
 */
static int
entity(struct walk *w, bool message, bool *full_out, struct err *err)
{
	for (;;) {
		if (w->letter->n == LETTER_PARTS_MAX) {
			limit(w, "parts");
			*full_out = true;
			return CR_OK;
		}
		size_t at = w->letter->n;
		struct letter_part *p = part_add(w->letter);
		if (p == NULL)
			return err_nomem(err, "parts of a mail");
		bool digest = !message && w->depth > 0 && w->frame[w->depth - 1].digest;
		struct letter_boundary boundary = {.len = 0};

		p->root = message;
		p->inside = w->inside;
		p->type = digest ? LETTER_MESSAGE : LETTER_TEXT;
		p->header = header_pass(w, message);
		header_read(w, p, &boundary);
		p->body = (struct slice){w->lines.at, 0};
		bool opens = p->type == LETTER_MULTI || (p->type == LETTER_MESSAGE && p->coding == LETTER_AS_IT_IS);
		if (opens && w->depth == LETTER_DEPTH_MAX) {
			limit(w, "depth");
			p->type = LETTER_OTHER;
			opens = false;
		}
		if (!opens) {
			w->leaf = at;
			return CR_OK;
		}
		struct frame *f = &w->frame[w->depth++];
		f->part = at;
		f->multi = p->type == LETTER_MULTI;
		f->seen = false;
		f->digest = f->multi && p->report == LETTER_DIGEST;
		f->boundary = boundary;
		if (f->multi)
			return CR_OK;
		w->inside++;
		message = true;
	}
}

int
letter_read(const char *data, size_t len, struct letter *out, struct err *err)
{
	struct walk w;
	struct slice line;
	bool full = false;

	*out = (struct letter){.limit = ""};
	w.letter = out;
	w.depth = 0;
	w.leaf = SIZE_MAX;
	w.inside = 0;
	lines_begin(&w.lines, (struct slice){data, len});
	int rc = entity(&w, true, &full, err);
	const char *stop = w.lines.at;
	while (rc == CR_OK && !full && lines_next(&w.lines, &line)) {
		stop = w.lines.at;
		if (line.len > 2 && line.at[0] == '-' && border_pass(&w, line))
			rc = entity(&w, false, &full, err);
	}
	if (rc == CR_OK)
		close_above(&w, 0, full ? stop : w.lines.end);
	return rc;
}

void
letter_release(struct letter *l)
{
	free(l->part);
	*l = (struct letter){.limit = ""};
}
