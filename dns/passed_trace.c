/*
 * passed_trace.c - which Authentication-Results of a message may be believed.
 *
 * A receiver writes above what it received.  So from the top down: fields above the Received field of the hop with which a stranger
 * handed the message in are the receiver's; so are those right below it that carry its name, since Gmail and the filters of Postfix write
 * there, and a receiver takes such fields out of what it receives (RFC 8601 s5).  There, of two with the same method only the upper one
 * counts: a receiver that did not clean up has written above what came in.  What a receiver writes at one hop stands together: below
 * somebody else's results nothing more of it is believed.  At the next Received field, at one `by` a foreign host,
 * and at the first field of the message itself, belief ends.
 *
 * Names are compared whole and without case (s2.3); "mx.example.evil.example" is another one.
 */
#include "dns/passed_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/name.h"

/* Organisations that receive under several domains. */
enum family { FAMILY_NONE, MICROSOFT, APPLE, YAHOO, GOOGLE, FASTMAIL, GMX };
static const struct {
	const char *domain;
	enum family family;
} families[] = {
	{"outlook.com",         MICROSOFT},
	{"office365.com",       MICROSOFT},
	{"hotmail.com",         MICROSOFT},
	{"exchangelabs.com",    MICROSOFT},
	{"microsoft.com",       MICROSOFT},
	{"icloud.com",          APPLE    },
	{"me.com",              APPLE    },
	{"mac.com",             APPLE    },
	{"apple.com",           APPLE    },
	{"yahoo.com",           YAHOO    },
	{"aol.com",             YAHOO    },
	{"yahoodns.net",        YAHOO    },
	{"google.com",          GOOGLE   },
	{"gmail.com",           GOOGLE   },
	{"googlemail.com",      GOOGLE   },
	{"fastmail.com",        FASTMAIL },
	{"messagingengine.com", FASTMAIL },
	{"gmx.net",             GMX      },
	{"gmx.com",             GMX      },
	{"web.de",              GMX      },
	{"kundenserver.de",     GMX      },
};

struct walk {
	const struct message *m;
	const char *const *trusted;
	struct passed_trace *out;
	const char *guess; /* in place of trusted: a name, NULL: the nameless one */
	unsigned gap;
	bool below, closed;
	bool interrupted;   /* somebody else's results stand below those that are believed, within this gap */
	bool all_microsoft; /* every Received so far was by one of its hosts */
};

int64_t
passed_received_s(const struct message *m)
{
	const struct message_field *f = message_field(m, "Received", 0);
	struct passed_hop h = {0};

	if (f != NULL)
		passed_hop_read(f->value, &h);
	return h.at_s;
}

void
passed_trace_release(struct passed_trace *t)
{
	for (size_t i = 0; i < t->n; i++)
		authres_release(&t->fields[i]);
	free(t->fields);
	*t = (struct passed_trace){0};
}

/* The organisation of a host by the public suffix list; false for what is no host name. */
static bool
organisation_of(const char *host, struct name *out)
{
	struct name n;

	if (name_parse(host, &n, NULL) != CR_OK || n.text[0] == '\0')
		return false;
	name_organisation(n.text, out);
	return true;
}

static enum family
family_of(const char *organisation)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (strcmp(families[i].domain, organisation) == 0)
			return families[i].family;
	return FAMILY_NONE;
}

static bool
is_microsoft(const char *host)
{
	struct name o;

	return organisation_of(host, &o) && family_of(o.text) == MICROSOFT;
}

static bool
same_organisation(const char *a, const char *b)
{
	struct name x, y;

	if (!organisation_of(a, &x) || !organisation_of(b, &y))
		return false;
	return name_equal(x.text, y.text) ||
	       (family_of(x.text) != FAMILY_NONE && family_of(x.text) == family_of(y.text));
}

static bool
is_ascii(const char *s)
{
	while (*s > 0)
		s++;
	return *s == '\0';
}

static bool
same_id(const char *a, const char *b)
{
	struct name x, y;

	if (strcasecmp(a, b) == 0)
		return true;
	/* U-labels and A-labels are one name. */
	return is_ascii(a) != is_ascii(b) && name_parse(a, &x, NULL) == CR_OK && name_parse(b, &y, NULL) == CR_OK &&
	       name_equal(x.text, y.text);
}

/* A host that is one of the receiver's. */
static bool
is_receivers(const struct walk *w, const char *host)
{
	if (w->trusted == NULL)
		return w->guess != NULL ? same_organisation(host, w->guess) : is_microsoft(host);
	for (size_t i = 0; w->trusted[i] != NULL; i++)
		if (same_organisation(host, w->trusted[i]))
			return true;
	return false;
}

/* A name or address that means nothing outside its own network. */
static bool
is_inner(const char *host)
{
	static const char *const tails[] = {".local", ".localdomain", ".internal", ".lan", ".intranet", ".home.arpa"};
	char ip[PASSED_IP_MAX];
	size_t len = strlen(host);

	if (strchr(host, '.') == NULL || passed_find_ip((struct span){host, len}, ip))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(tails); i++)
		if (len > strlen(tails[i]) && strcasecmp(host + len - strlen(tails[i]), tails[i]) == 0)
			return true;
	return false;
}

/* A hop within the receiver.  What the client called itself proves nothing: its address does, or the name that was looked up. */
static bool
is_internal(const struct walk *w, const struct passed_hop *h)
{
	if (h->ip[0] != '\0' && passed_ip_is_private(h->ip))
		return true;
	if (h->reverse[0] != '\0' && is_receivers(w, h->reverse))
		return true;
	/* Or nothing at all is told of it. */
	if (h->ip[0] == '\0')
		return is_inner(h->from) || is_receivers(w, h->from);
	/* Exchange tells public addresses without their names; its results stand above any stranger's. */
	return is_microsoft(h->by) && is_microsoft(h->from);
}

static void
on_received(struct walk *w, struct span value)
{
	struct passed_hop h;

	passed_hop_read(value, &h);
	w->all_microsoft = w->all_microsoft && is_microsoft(h.by);
	if (w->below || (!is_receivers(w, h.by) && !is_inner(h.by))) {
		w->closed = true;
		return;
	}
	w->gap++;
	w->interrupted = false;
	if (is_internal(w, &h))
		return;
	w->below = true;
	w->out->came_in = true;
	w->out->hop = h;
}

/* Microsoft alone writes no name: its hosts have to stand around it.  A message without any trace shows nothing either way. */
static bool
is_believed_nameless(const struct walk *w)
{
	const struct message_field *f = message_field(w->m, "Received", 0);
	struct passed_hop h;

	if (f == NULL)
		return w->trusted == NULL && w->guess == NULL;
	passed_hop_read(f->value, &h);
	if (!w->all_microsoft || !is_microsoft(h.by))
		return false;
	for (size_t i = 0; w->trusted != NULL && w->trusted[i] != NULL; i++)
		if (is_microsoft(w->trusted[i]))
			return true;
	return w->trusted == NULL && w->guess == NULL;
}

static bool
is_believed(const struct walk *w, const struct authres *a)
{
	const char *id = a->authserv_id;

	if (id == NULL)
		return is_believed_nameless(w);
	/* Some receivers have a name for each method: "spf.icloud.com". */
	if (w->trusted == NULL)
		return w->guess != NULL && (same_id(id, w->guess) || same_organisation(id, w->guess));
	for (size_t i = 0; w->trusted[i] != NULL; i++)
		if (same_id(id, w->trusted[i]))
			return true;
	return false;
}

static void
note_seen(struct passed_trace *t, const struct authres *a)
{
	size_t len = strlen(t->seen);
	const char *id = a->invalid ? "(unreadable)" : a->authserv_id != NULL ? a->authserv_id : "(nameless)";

	(void)snprintf(t->seen + len, sizeof(t->seen) - len, "%s%.250s", len > 0 ? ", " : "", id);
}

static int
on_results(struct walk *w, struct span value, struct err *err)
{
	struct passed_trace *t = w->out;
	struct authres a;
	bool believed;
	int rc = authres_read(value, &a, err);

	if (rc != CR_OK)
		return rc;
	note_seen(t, &a);
	believed = is_believed(w, &a);
	w->interrupted = w->interrupted || (!believed && t->n > 0 && t->gap[t->n - 1] == w->gap);
	if (believed && (w->closed || w->interrupted))
		t->ignored++;
	else if (believed && (a.invalid || a.version > 1 || t->n == PASSED_FIELDS_MAX))
		t->unread++;
	else if (believed) {
		if (t->n == 0)
			(void)snprintf(t->receiver, sizeof(t->receiver), "%s",
			               a.authserv_id != NULL ? a.authserv_id : "");
		t->gap[t->n] = w->gap;
		t->below[t->n] = w->below;
		t->fields[t->n++] = a;
		a = (struct authres){0};
	}
	authres_release(&a);
	return CR_OK;
}

/* What the author's side has written: nothing of a receiver's stands below. */
static bool
is_own_field(const struct message_field *f)
{
	static const char *const names[] = {"From",
	                                    "To",
	                                    "Subject",
	                                    "Date",
	                                    "Message-ID",
	                                    "MIME-Version",
	                                    "Content-Type",
	                                    "DKIM-Signature",
	                                    "List-Unsubscribe"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (span_is_nocase(f->name, names[i]))
			return true;
	return false;
}

/* The topmost field's name, wherever it stands. */
static int
guess(struct walk *w, struct authres *first, struct err *err)
{
	const struct message_field *f = message_field(w->m, "Authentication-Results", 0);
	int rc = CR_OK;

	w->out->guessed = true;
	if (f != NULL)
		rc = authres_read(f->value, first, err);
	w->guess = first->authserv_id;
	return rc;
}

int
passed_trace_read(const struct message *m, const char *const *trusted, struct passed_trace *out, struct err *err)
{
	struct walk w = {.m = m, .trusted = trusted, .out = out, .all_microsoft = true};
	struct authres first = {0};
	int rc = CR_OK;

	*out = (struct passed_trace){0};
	out->fields = calloc(PASSED_FIELDS_MAX, sizeof(*out->fields));
	if (out->fields == NULL)
		return err_nomem(err, "authentication results");
	if (trusted == NULL)
		rc = guess(&w, &first, err);
	for (size_t i = 0; rc == CR_OK && i < m->n_fields; i++) {
		const struct message_field *f = &m->fields[i];

		if (span_is_nocase(f->name, "Received"))
			on_received(&w, f->value);
		else if (span_is_nocase(f->name, "Authentication-Results"))
			rc = on_results(&w, f->value, err);
		else if (span_is_nocase(f->name, "Return-Path") && !w.closed && out->return_path.at == NULL)
			out->return_path = f->value;
		else if (span_is_nocase(f->name, "ARC-Authentication-Results"))
			out->arc = true;
		else if (is_own_field(f))
			w.closed = true;
	}
	authres_release(&first);
	return rc;
}

size_t
passed_trace_results(const struct passed_trace *t, const char *method,
                     const struct authres_result *out[PASSED_RESULTS_MAX])
{
	size_t n = 0, first = t->n;

	for (size_t i = 0; i < t->n; i++) {
		/* The upper gap has the last word, and below the hop that brought the message in the upper field. */
		if (first < i && (t->gap[i] != t->gap[first] || t->below[i]))
			break;
		for (size_t k = 0; k < t->fields[i].n && n < PASSED_RESULTS_MAX; k++) {
			const struct authres_result *r = &t->fields[i].results[k];

			/* s2.2: of another version of a method nothing is known. */
			if (strcmp(r->method, method) != 0 || r->method_version != 1)
				continue;
			first = first < t->n ? first : i;
			out[n++] = r;
		}
	}
	return n;
}
