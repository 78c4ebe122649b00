/*
 * lookup_reply.c - one reply read into the answer of a lookup.
 *
 * RFC 1034 s3.6.2 and s4.3.2 (a CNAME leads on; a server follows it as far as it knows), RFC 2308 s2 (NXDOMAIN, no data, and the referral that
 * looks like it), RFC 6604 s3 (the rcode is that of the last name of the chain), RFC 6672 s3 (a DNAME comes with the CNAME it stands for),
 * RFC 6840 s5.7 (AD, to be believed only over a path that is secured: here from a resolver on this machine).
 * Records that belong neither to the name asked for nor to its CNAMEs are not looked at, so that a reply cannot bring in what was not asked.
 */
#include "dns/lookup_reply.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dns/query.h"

#define RCODE_NOERROR  0
#define RCODE_NXDOMAIN 3

static const char *
rcode_text(int rcode, char out[24])
{
	static const char *const names[] = {
		[0] = "NOERROR",  [1] = "FORMERR",  [2] = "SERVFAIL",  [3] = "NXDOMAIN", [4] = "NOTIMP",
		[5] = "REFUSED",  [6] = "YXDOMAIN", [7] = "YXRRSET",   [8] = "NXRRSET",  [9] = "NOTAUTH",
		[10] = "NOTZONE", [16] = "BADVERS", [23] = "BADCOOKIE"};

	if (rcode >= 0 && rcode < (int)ARRAY_LEN(names) && names[rcode] != NULL)
		return names[rcode];
	(void)snprintf(out, 24, "rcode %d", rcode);
	return out;
}

void
lookup_reply_trouble(struct lookup_answer *a, enum lookup_state state, const char *format, ...)
{
	va_list ap;

	a->state = state;
	va_start(ap, format);
	(void)vsnprintf(a->why, sizeof(a->why), format, ap);
	va_end(ap);
	/* Some of the words may be a server's. */
	for (char *at = a->why; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}

/* The server's own words for it: "dns server 192.0.2.1 port 53: WHAT". */
static void
failed(const struct lookup_asked *asked, struct lookup_answer *a, const char *what)
{
	lookup_reply_trouble(a, LOOKUP_FAILED, "dns server %s port %u: %s", asked->server->address, asked->server->port,
	                     what);
}

static bool
is_loopback(const char *address)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static struct record *
find(const struct records *l, const char *name, uint16_t type)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->items[i].type == type && l->items[i].owner != NULL && name_equal(l->items[i].owner, name))
			return &l->items[i];
	}
	return NULL;
}

/* Along the CNAMEs that the reply holds; at: where they end.  False: they lead nowhere, and a says so. */
static int
walk_chain(const struct lookup_asked *asked, struct records *told, struct lookup_answer *a, struct name *at,
           struct err *err)
{
	struct record *cname;
	int rc;

	while (asked->type != RECORD_CNAME && (cname = find(told, at->text, RECORD_CNAME)) != NULL) {
		if (a->chain.n == LOOKUP_CHAIN_MAX) {
			failed(asked, a, "more CNAMEs in a row than are followed");
			return CR_OK;
		}
		if (!record_target(cname, at)) {
			failed(asked, a, "a CNAME without a target");
			return CR_OK;
		}
		rc = records_take(&a->chain, cname, err);
		if (rc != CR_OK)
			return rc;
		for (size_t i = 0; i < a->chain.n; i++) {
			if (name_equal(a->chain.items[i].owner, at->text)) {
				failed(asked, a, "CNAMEs that go round in a circle");
				return CR_OK;
			}
		}
	}
	return CR_OK;
}

/* An RRset holds each record once (RFC 2181 s5). */
static int
take_records(const char *name, uint16_t type, struct records *told, struct records *out, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < told->n; i++) {
		struct record *r = &told->items[i];

		if (r->owner != NULL && r->type == type && name_equal(r->owner, name) && records_find(out, r) == NULL)
			rc = records_take(out, r, err);
	}
	return rc;
}

/* No records of the type at name, where the reply's CNAMEs end. */
static void
read_nothing(const struct lookup_asked *asked, const struct resolve_answer *r, const char *name, bool led_on,
             size_t n_told, struct lookup_answer *a, bool *follow_out)
{
	bool here = r->negative && name_is_under(name, r->soa.text);

	if (r->rcode == RCODE_NXDOMAIN) {
		a->state = LOOKUP_NONAME;
	} else if (led_on && !here) {
		/* As far as this server knows.  One that recurses, and found nothing there, will say so when asked. */
		*follow_out = true;
	} else if (!led_on && n_told > 0 && !here) {
		failed(asked, a, "answers with records of other names or types than were asked for");
	} else if (r->referral && !r->authoritative && !(asked->recursion && r->recursive)) {
		failed(asked, a, "does not know the name, and refers to other servers");
	} else {
		a->state = LOOKUP_EMPTY;
	}
}

static int
read_answer(const struct lookup_asked *asked, struct resolve_answer *r, size_t n_told, struct lookup_answer *a,
            bool *follow_out, struct name *next_out, struct err *err)
{
	size_t before = a->chain.n;
	char text[24];
	int rc;

	buf_copy_text(next_out->text, sizeof(next_out->text), asked->name);
	if (r->rcode != RCODE_NOERROR && r->rcode != RCODE_NXDOMAIN) {
		failed(asked, a, rcode_text(r->rcode, text));
		return CR_OK;
	}
	rc = walk_chain(asked, &r->records, a, next_out, err);
	if (rc == CR_OK && a->state == LOOKUP_PENDING)
		rc = take_records(next_out->text, asked->type, &r->records, &a->records, err);
	if (rc != CR_OK || a->state != LOOKUP_PENDING)
		return rc;
	if (a->records.n == 0)
		read_nothing(asked, r, next_out->text, a->chain.n > before, n_told, a, follow_out);
	else if (r->rcode == RCODE_NXDOMAIN)
		failed(asked, a, "NXDOMAIN, and records of the name beside it");
	else
		a->state = LOOKUP_FOUND;
	if (lookup_is_trouble(a))
		records_release(&a->records);
	return CR_OK;
}

int
lookup_reply_read(const struct lookup_asked *asked, const uint8_t *reply, size_t len, struct lookup_answer *a,
                  bool *follow_out, struct name *next_out, struct err *err)
{
	bool first = a->chain.n == 0;
	struct resolve_answer r = {0};
	struct err why = {0};
	unsigned n = (unsigned)reply[6] << 8 | reply[7];
	int rc;

	*follow_out = false;
	a->rcode = (int)query_rcode(reply);
	if (query_is_truncated(reply)) {
		failed(asked, a, "cuts its answer short over TCP too");
		return CR_OK;
	}
	if (n > LOOKUP_RECORDS_MAX) {
		lookup_reply_trouble(a, LOOKUP_FAILED, "dns server %s port %u: an answer of %u records",
		                     asked->server->address, asked->server->port, n);
		return CR_OK;
	}
	rc = resolve_parse(reply, len, &r, &why);
	if (rc == CR_EPARSE) {
		failed(asked, a, why.text);
		return CR_OK;
	}
	if (rc != CR_OK)
		return err_set(err, rc, "%s", why.text);
	a->rcode = r.rcode;
	a->authenticated = (first || a->authenticated) && r.authenticated && asked->recursion &&
	                   is_loopback(asked->server->address);
	if (first)
		a->authoritative = r.authoritative;
	rc = read_answer(asked, &r, n, a, follow_out, next_out, err);
	resolve_answer_release(&r);
	return rc;
}
