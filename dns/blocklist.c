/*
 * blocklist.c - questions to block lists, and what an answer means.
 *
 * RFC 5782 s2.1 and s2.4 (names), s2.2 and s2.3 (answers).  What is outside 127.0.0.0/8 comes from a resolver that rewrites answers, what
 * is in 127.255.255.0/24 from a list that refuses (as Spamhaus does it), and 127.0.0.1 from nobody who follows the RFC.
 */
#include "dns/blocklist.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dns/blocklist_codes.h"
#include "dns/blocklist_inside.h"
#include "dns/ip.h"

#define HIDDEN   "KEY"
#define PART_MIN 4

static const char *const statuses[] = {
	[BLOCKLIST_CLEAN] = "clean", [BLOCKLIST_LISTED] = "listed", [BLOCKLIST_UNKNOWN] = "error"};
static_assert(ARRAY_LEN(statuses) == BLOCKLIST_STATUS__COUNT, "a name for every status");

const char *
blocklist_status_name(enum blocklist_status s)
{
	return statuses[s];
}

/* Canonical, a key in front perhaps. */
static bool
full_zone(const struct blocklist *b, struct name *out)
{
	return name_parse(b->zone, out, NULL) == CR_OK && out->text[0] != '\0';
}

void
blocklist_zone(const struct blocklist *b, struct name *out)
{
	const struct blocklist_row *row;

	out->text[0] = '\0';
	if (!full_zone(b, out))
		return;
	row = blocklist_row_find(out->text);
	if (row != NULL && row->closed == NULL)
		buf_copy_text(out->text, sizeof(out->text), row->zone);
}

const char *
blocklist_closed(const struct blocklist *b)
{
	const struct blocklist_row *row;
	struct name zone;

	row = full_zone(b, &zone) ? blocklist_row_find(zone.text) : NULL;
	return row != NULL ? row->closed : NULL;
}

int
blocklist_under(const struct blocklist *b, const char *front, struct name *out, struct err *err)
{
	bool keyed = b->key != NULL && b->key[0] != '\0';
	struct buf text = {0};
	struct name zone;
	int rc;

	if (!full_zone(b, &zone))
		return err_set(err, CR_EPARSE, "block list: its zone is no name");
	for (const char *c = keyed ? b->key : ""; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return err_set(err, CR_EPARSE, "block list %s: the key cannot be part of a name", zone.text);
	}
	buf_addf(&text, "%s.%s%s%s", front, keyed ? b->key : "", keyed ? "." : "", zone.text);
	rc = buf_check(&text, "block list", err);
	/* name_parse's own error would quote the name, and the key in it. */
	if (rc == CR_OK && name_parse(buf_str(&text), out, NULL) != CR_OK)
		rc = err_set(err, CR_EPARSE, "block list: '%.100s' makes no name of a question", front);
	buf_release(&text);
	return rc;
}

static int
domain_name(const struct blocklist *b, const char *target, struct name *out, struct err *err)
{
	const struct blocklist_row *row;
	struct name zone, domain;
	struct ip ip;
	int rc;

	/* An address here would be counted as a mistake by the list, and as an abuse when it is repeated. */
	if (ip_parse(target, &ip))
		return err_set(err, CR_EPARSE, "'%.100s' is an address, and the block list has domains", target);
	rc = name_parse(target, &domain, err);
	if (rc == CR_OK && domain.text[0] == '\0')
		rc = err_set(err, CR_EPARSE, "'%.100s' is no domain", target);
	if (rc != CR_OK)
		return rc;
	row = full_zone(b, &zone) ? blocklist_row_find(zone.text) : NULL;
	if (row != NULL && row->registrable) {
		struct name whole = domain;

		name_organisation(whole.text, &domain);
	}
	return blocklist_under(b, domain.text, out, err);
}

int
blocklist_name(const struct blocklist *b, const char *target, struct name *out, struct err *err)
{
	struct name reverse;
	struct ip ip;
	int rc;

	if (b->kind == BLOCKLIST_DOMAIN)
		return domain_name(b, target, out, err);
	if (!ip_parse(target, &ip))
		return err_set(err, CR_EPARSE, "not an IP address: '%.100s'", target);
	rc = name_reverse(target, &reverse, err);
	if (rc != CR_OK)
		return rc;
	/* The octets or nibbles alone, without in-addr.arpa or ip6.arpa. */
	reverse.text[strlen(reverse.text) - strlen(ip.len == 4 ? ".in-addr.arpa" : ".ip6.arpa")] = '\0';
	return blocklist_under(b, reverse.text, out, err);
}

/* what DNS said may name the question: without the secret's bytes. */
static void
hide(char *text, size_t size, const char *secret, size_t len)
{
	char clean[200];
	size_t used = 0;

	assert(size <= sizeof(clean));
	if (len == 0)
		return;
	for (const char *p = text; *p != '\0' && used + sizeof(HIDDEN) < sizeof(clean);) {
		/* Its beginning too, where the text was cut. */
		if (strncasecmp(p, secret, len) == 0 ||
		    (strlen(p) < len && strlen(p) >= PART_MIN && strncasecmp(p, secret, strlen(p)) == 0)) {
			used += (size_t)snprintf(clean + used, sizeof(clean) - used, HIDDEN);
			p += strlen(p) < len ? strlen(p) : len;
		} else {
			clean[used++] = *p++;
		}
	}
	clean[used] = '\0';
	buf_copy_text(text, size, clean);
}

/* Key, and whatever stands in front of a known zone's name. */
static void
hide_keys(const struct blocklist *b, char *text, size_t size)
{
	struct name full, known;

	if (b->key != NULL)
		hide(text, size, b->key, strlen(b->key));
	blocklist_zone(b, &known);
	if (full_zone(b, &full) && strlen(full.text) > strlen(known.text) + 1)
		hide(text, size, full.text, strlen(full.text) - strlen(known.text) - 1);
}

static void
add_list(struct blocklist_verdict *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->lists[i], name) == 0)
			return;
	}
	if (v->n < BLOCKLIST_LISTS_MAX)
		buf_copy_text(v->lists[v->n++], sizeof(v->lists[0]), name);
}

static void
add_unknown(struct blocklist_verdict *v, const uint8_t octets[4])
{
	size_t len = strlen(v->why);

	add_list(v, "unknown");
	(void)snprintf(v->why + len, sizeof(v->why) - len, "%scode 127.%u.%u.%u is not known", len > 0 ? "; " : "",
	               octets[1], octets[2], octets[3]);
}

static enum blocklist_says
say_code(const struct blocklist_code *code, struct blocklist_verdict *v)
{
	switch (code->meaning) {
	case BLOCKLIST_CODE_LISTED:
		v->mild = false;
		add_list(v, code->name);
		return BLOCKLIST_SAYS_YES;
	case BLOCKLIST_CODE_MILD:
		add_list(v, code->name);
		return BLOCKLIST_SAYS_YES;
	case BLOCKLIST_CODE_REFUSED:
		(void)snprintf(v->why, sizeof(v->why), "%s", code->name);
		return BLOCKLIST_SAYS_REFUSED;
	case BLOCKLIST_CODE_NEUTRAL:
	default:
		return BLOCKLIST_SAYS_NO;
	}
}

static enum blocklist_says
say_bits(const struct blocklist_row *row, const uint8_t octets[4], struct blocklist_verdict *v)
{
	enum blocklist_says says = BLOCKLIST_SAYS_NONSENSE;

	for (unsigned bit = 1; bit <= 128; bit <<= 1) {
		const struct blocklist_code *code = blocklist_code_find(row, octets, bit);

		if ((octets[3] & bit) == 0)
			continue;
		if (code == NULL) {
			v->mild = false;
			add_unknown(v, octets);
			says = BLOCKLIST_SAYS_YES;
		} else {
			says = say_code(code, v);
		}
		if (says == BLOCKLIST_SAYS_REFUSED)
			break;
	}
	return says;
}

static const char *
refusal(uint8_t last)
{
	switch (last) {
	case 252:
		return "the list says that its name is mistyped (127.255.255.252)";
	case 254:
		return "the list does not answer public resolvers (127.255.255.254): ask through one of your own, or "
		       "with a key";
	case 255:
		return "the list says that this resolver asks too much (127.255.255.255)";
	default:
		return "the list answers with an error code (127.255.255.x)";
	}
}

/* One address of the answer. */
static enum blocklist_says
say_address(const struct blocklist_row *row, const struct record *r, struct blocklist_verdict *v)
{
	const struct blocklist_code *code;
	const uint8_t *o = r->data;
	char text[IP_TEXT_MAX];
	struct ip ip;

	if (!ip_of_record(r, &ip) || ip.len != 4 || o[0] != 127) {
		(void)snprintf(v->why, sizeof(v->why),
		               "the answer %s is outside 127.0.0.0/8: a resolver rewrites answers",
		               ip_format(&ip, text));
		return BLOCKLIST_SAYS_NONSENSE;
	}
	if (o[1] == 255 && o[2] == 255) {
		(void)snprintf(v->why, sizeof(v->why), "%s", refusal(o[3]));
		return BLOCKLIST_SAYS_REFUSED;
	}
	if (row != NULL && row->bits && o[3] != 0)
		return say_bits(row, o, v);
	code = row != NULL ? blocklist_code_find(row, o, 0) : NULL;
	if (code != NULL)
		return say_code(code, v);
	if ((o[1] == 0 && o[2] == 0 && o[3] <= 1) || (row != NULL && row->bits)) {
		(void)snprintf(v->why, sizeof(v->why), "the answer 127.%u.%u.%u is no code (RFC 5782 2.3)", o[1], o[2],
		               o[3]);
		return BLOCKLIST_SAYS_NONSENSE;
	}
	v->mild = false;
	add_unknown(v, o);
	return BLOCKLIST_SAYS_YES;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static enum blocklist_says
say_found(const struct blocklist *b, const struct records *records, struct blocklist_verdict *out)
{
	const struct blocklist_row *row;
	enum blocklist_says worst = BLOCKLIST_SAYS_NO;
	struct name zone;

	row = full_zone(b, &zone) ? blocklist_row_find(zone.text) : NULL;
	out->mild = true;
	for (size_t i = 0; i < records->n; i++) {
		enum blocklist_says says = say_address(row, &records->items[i], out);

		/* One answer that makes no sense, or refuses, and the others are not believed. */
		if (says == BLOCKLIST_SAYS_REFUSED || says == BLOCKLIST_SAYS_NONSENSE) {
			out->n = 0;
			out->mild = false;
			return says;
		}
		if (says == BLOCKLIST_SAYS_YES)
			worst = says;
	}
	out->mild = out->mild && out->n > 0;
	qsort(out->lists, out->n, sizeof(out->lists[0]), by_text);
	return worst;
}

enum blocklist_says
blocklist_says(const struct blocklist *b, const struct lookup_answer *a, struct blocklist_verdict *out)
{
	*out = (struct blocklist_verdict){.status = BLOCKLIST_UNKNOWN};
	switch (a->state) {
	case LOOKUP_FOUND:
		return say_found(b, &a->records, out);
	case LOOKUP_EMPTY:
	case LOOKUP_NONAME:
		return BLOCKLIST_SAYS_NO;
	case LOOKUP_FAILED:
	case LOOKUP_SILENT:
		buf_copy_text(out->why, sizeof(out->why), a->why);
		hide_keys(b, out->why, sizeof(out->why));
		return BLOCKLIST_SAYS_NOTHING;
	case LOOKUP_PENDING:
	case LOOKUP_STATE__COUNT:
	default:
		(void)snprintf(out->why, sizeof(out->why), "not asked yet");
		return BLOCKLIST_SAYS_NOT_YET;
	}
}

void
blocklist_judge(const struct blocklist *b, const struct lookup_answer *a, struct blocklist_verdict *out)
{
	const char *closed = blocklist_closed(b);

	switch (blocklist_says(b, a, out)) {
	case BLOCKLIST_SAYS_NO:
		out->status = BLOCKLIST_CLEAN;
		break;
	case BLOCKLIST_SAYS_YES:
		out->status = BLOCKLIST_LISTED;
		break;
	case BLOCKLIST_SAYS_REFUSED:
	case BLOCKLIST_SAYS_NONSENSE:
	case BLOCKLIST_SAYS_NOTHING:
	case BLOCKLIST_SAYS_NOT_YET:
	default:
		out->status = BLOCKLIST_UNKNOWN;
		break;
	}
	if (closed != NULL) {
		*out = (struct blocklist_verdict){.status = BLOCKLIST_UNKNOWN};
		(void)snprintf(out->why, sizeof(out->why), "the list was closed in %s", closed);
	}
}
