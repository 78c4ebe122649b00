/*
 * resolve_parse.c - a reply message read as data.
 *
 * RFC 1035 s4.1 (header, question, records), s4.1.4 (compression), RFC 6891 s6.1.3 (OPT adds bits to the rcode), RFC 2308 s2.2.
 * By hand and not by ldns 1.8.3, which writes through NULL when memory runs out within a record.  Names are read in one place, where a
 * pointer must lead in front of all that was read of the name before, so that none goes round; records of types with names in their
 * RDATA are walked by the rows of rdata.c, so that compressed names stand whole in what comes out.
 */
#include "dns/resolve.h"

#include <string.h>

#include "dns/exchange.h"
#include "dns/query.h"
#include "dns/rdata.h"

#define CLASS_IN    1
#define OPT_TYPE    41
#define FLAG_AA     0x04U /* byte 2 */
#define FLAG_RA     0x80U /* byte 3 */
#define FLAG_AD     0x20U
#define POINTER     0xc0U
#define FIXED_BYTES 10 /* type, class, TTL, length */
#define COUNTS_AT   4

enum section { SECTION_QUESTION, SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL };

struct reader {
	const uint8_t *message;
	size_t len, at;
};

struct rr {
	uint8_t owner[NAME_WIRE_MAX];
	size_t owner_len;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t rdata_at, rdata_end;
};

static int
cut(struct err *err)
{
	return err_set(err, CR_EPARSE, "ends too early");
}

static unsigned
read16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The name at r->at, whole; r->at moves behind it. */
static int
take_name(struct reader *r, uint8_t out[NAME_WIRE_MAX], size_t *len_out, struct err *err)
{
	size_t at = r->at, lowest = r->at, len = 0, behind = 0;
	unsigned c;

	do {
		if (at >= r->len)
			return cut(err);
		c = r->message[at];
		if ((c & POINTER) == POINTER) {
			if (r->len - at < 2)
				return cut(err);
			if (behind == 0)
				behind = at + 2;
			at = read16(r->message + at) & ~(POINTER << 8);
			if (at >= lowest)
				return err_set(err, CR_EPARSE, "a name that points forward");
			lowest = at;
			continue;
		}
		if ((c & POINTER) != 0)
			return err_set(err, CR_EPARSE, "a label of an unknown kind");
		if (r->len - at < 1U + c)
			return cut(err);
		if (len + 1 + c > NAME_WIRE_MAX)
			return err_set(err, CR_EPARSE, "a name longer than %d bytes", NAME_WIRE_MAX);
		memcpy(out + len, r->message + at, 1U + c);
		len += 1U + c;
		at += 1U + c;
	} while (c != 0);
	r->at = behind != 0 ? behind : at;
	*len_out = len;
	return CR_OK;
}

/* Up to and behind its RDATA. */
static int
take_rr(struct reader *r, struct rr *out, struct err *err)
{
	const uint8_t *fixed;
	int rc = take_name(r, out->owner, &out->owner_len, err);

	if (rc != CR_OK)
		return rc;
	if (r->len - r->at < FIXED_BYTES)
		return cut(err);
	fixed = r->message + r->at;
	out->type = (uint16_t)read16(fixed);
	out->class = (uint16_t)read16(fixed + 2);
	out->ttl_s = (uint32_t)read16(fixed + 4) << 16 | read16(fixed + 6);
	r->at += FIXED_BYTES;
	if (r->len - r->at < read16(fixed + 8))
		return cut(err);
	out->rdata_at = r->at;
	out->rdata_end = r->at += read16(fixed + 8);
	return CR_OK;
}

/* RDATA with its names whole.  Names may point anywhere in front of them, but must not reach beyond the record. */
static int
expand(const struct reader *r, const struct rr *rr, struct buf *out, struct err *err)
{
	struct reader in = {.message = r->message, .len = rr->rdata_end, .at = rr->rdata_at};
	uint8_t name[NAME_WIRE_MAX];
	int rc = CR_OK;

	for (const char *field = rdata_layout(rr->type); rc == CR_OK && *field != '\0' && in.at < in.len; field++) {
		size_t len = in.len - in.at;

		if (*field == 'n') {
			rc = take_name(&in, name, &len, err);
			buf_add(out, name, rc == CR_OK ? len : 0);
			continue;
		}
		len = rdata_field_len(*field, in.message + in.at, len);
		if (len == SIZE_MAX)
			return err_set(err, CR_EPARSE, "a field is broken");
		buf_add(out, in.message + in.at, len);
		in.at += len;
	}
	/* What is left over is for rdata_from_wire to judge. */
	buf_add(out, in.message + in.at, in.len - in.at);
	return rc == CR_OK ? buf_check(out, "dns answer", err) : rc;
}

static int
take_answer(const struct reader *r, const struct rr *rr, struct resolve_answer *a, struct err *err)
{
	struct record record = {0};
	struct buf rdata = {.max_bytes = RECORD_DATA_MAX};
	struct name owner;
	size_t used;
	int rc;

	if (rr->class != CLASS_IN || rr->type == OPT_TYPE)
		return CR_OK;
	rc = name_from_wire(rr->owner, rr->owner_len, &owner, &used, err);
	if (rc == CR_OK)
		rc = expand(r, rr, &rdata, err);
	if (rc == CR_OK)
		rc = record_from_wire(owner.text, rr->type, rr->ttl_s, (const uint8_t *)buf_str(&rdata), rdata.len,
		                      &record, err);
	if (rc == CR_OK)
		rc = records_take(&a->records, &record, err);
	buf_release(&rdata);
	return rc;
}

/* Who says that there is nothing (RFC 2308 s2.2), or that others know. */
static int
take_authority(const struct rr *rr, struct resolve_answer *a, struct err *err)
{
	size_t used;

	if (rr->class != CLASS_IN)
		return CR_OK;
	if (rr->type == RECORD_NS)
		a->referral = !a->negative;
	if (rr->type != RECORD_SOA)
		return CR_OK;
	a->negative = true;
	a->referral = false;
	return name_from_wire(rr->owner, rr->owner_len, &a->soa, &used, err);
}

static int
take_section(struct reader *r, enum section section, struct resolve_answer *a, struct err *err)
{
	unsigned n = read16(r->message + COUNTS_AT + 2U * (unsigned)section);
	struct rr rr;
	int rc = CR_OK;

	for (; rc == CR_OK && n > 0; n--) {
		if (section == SECTION_QUESTION) {
			rc = take_name(r, rr.owner, &rr.owner_len, err);
			if (rc == CR_OK && r->len - r->at < QUERY_TAIL_BYTES)
				rc = cut(err);
			r->at += rc == CR_OK ? QUERY_TAIL_BYTES : 0;
			continue;
		}
		rc = take_rr(r, &rr, err);
		if (rc != CR_OK)
			break;
		if (section == SECTION_ANSWER)
			rc = take_answer(r, &rr, a, err);
		else if (section == SECTION_AUTHORITY)
			rc = take_authority(&rr, a, err);
		else if (rr.type == OPT_TYPE)
			a->rcode |= (int)(rr.ttl_s >> 24) << 4;
	}
	return rc;
}

void
resolve_answer_release(struct resolve_answer *a)
{
	records_release(&a->records);
	*a = (struct resolve_answer){0};
}

int
resolve_parse(const uint8_t *reply, size_t len, struct resolve_answer *out, struct err *err)
{
	struct reader r = {.message = reply, .len = len, .at = QUERY_HEADER_BYTES};
	struct resolve_answer a = {0};
	int rc = CR_OK;

	if (len > EXCHANGE_MESSAGE_MAX)
		return err_set(err, CR_EPARSE, "dns answer: longer than %d bytes", EXCHANGE_MESSAGE_MAX);
	if (len < QUERY_HEADER_BYTES)
		return err_set(err, CR_EPARSE, "dns answer: shorter than its header");
	a.rcode = (int)query_rcode(reply);
	a.authoritative = (reply[2] & FLAG_AA) != 0;
	a.authenticated = (reply[3] & FLAG_AD) != 0;
	a.recursive = (reply[3] & FLAG_RA) != 0;
	for (unsigned s = SECTION_QUESTION; rc == CR_OK && s <= SECTION_ADDITIONAL; s++)
		rc = take_section(&r, (enum section)s, &a, err);
	if (rc == CR_OK) {
		*out = a;
		a = (struct resolve_answer){0};
	} else if (rc == CR_EPARSE) {
		(void)err_wrap(err, "dns answer");
	}
	resolve_answer_release(&a);
	return rc;
}
