/*
 * axfr.c - zone transfer: the records between two SOA, in as many messages as the server likes.
 *
 * Sources: RFC 5936 s2.2 (answers), s3 (contents), RFC 8945 s5.3.1 (signatures over a stream).
 * Invariants: 64 MB and one deadline bound it; nothing of it is handed out before the last message's signature fits.
 */
#include "dns/zones/axfr.h"

#include <stdlib.h>

#include "core/list.h"
#include "dns/zones/wire.h"

#define TYPE_AXFR 252
#define CLASS_IN  1

void
axfr_release(struct axfr *a)
{
	records_release(&a->records);
	buf_release(&a->raw);
	free(a->spans);
	*a = (struct axfr){0};
}

const uint8_t *
axfr_rdata(const struct axfr *a, size_t i, size_t *len_out)
{
	*len_out = a->spans[i].len;
	return (const uint8_t *)buf_str(&a->raw) + a->spans[i].offset;
}

static int
add_span(struct axfr *a, size_t offset, struct err *err)
{
	struct axfr_span *spans = list_grow(a->spans, a->n_spans, &a->cap_spans, sizeof(*spans));

	if (spans == NULL)
		return err_nomem(err, "transfer");
	a->spans = spans;
	a->spans[a->n_spans++] = (struct axfr_span){offset, a->raw.len - offset};
	return CR_OK;
}

/* One record of a transfer; *soas_out counts the SOA, which opens and closes it (RFC 5936 s2.2). */
static int
take_rr(struct axfr *a, const char *zone, const struct buf *reply, const struct wire_rr *rr, unsigned *soas,
        struct err *err)
{
	size_t offset = a->raw.len;
	struct record r = {0};
	int rc;

	if (rr->type == RECORD_SOA && name_equal(rr->owner.text, zone) && ++*soas == 2)
		return CR_OK;
	if (*soas != 1)
		return err_set(err, CR_EPARSE, "transfer: records outside the two SOA");
	if (rr->class != CLASS_IN || !name_is_under(rr->owner.text, zone))
		return err_set(err, CR_EPARSE, "transfer: %s is not of zone %s", rr->owner.text, zone);
	rc = wire_rdata((const uint8_t *)reply->data, reply->len, rr, &a->raw, err);
	if (rc == CR_OK)
		rc = record_from_wire(rr->owner.text, rr->type, rr->ttl_s, (const uint8_t *)buf_str(&a->raw) + offset,
		                      a->raw.len - offset, &r, err);
	if (rc == CR_OK)
		rc = records_take(&a->records, &r, err);
	return rc == CR_OK ? add_span(a, offset, err) : rc;
}

int
axfr_take(struct axfr *a, const char *zone, const struct buf *reply, unsigned *soas, struct err *err)
{
	const uint8_t *m = (const uint8_t *)reply->data;
	struct wire_rr rr;
	size_t pos;
	int rc = wire_skip_questions(m, reply->len, &pos, err);

	for (unsigned i = wire_u16(m + WIRE_ANSWER); i > 0 && rc == CR_OK; i--) {
		rc = wire_rr(m, reply->len, &pos, &rr, err);
		if (rc == CR_OK)
			rc = take_rr(a, zone, reply, &rr, soas, err);
	}
	return rc;
}

/* An answer that is no zone; CR_OK when it says that there is none. */
static int
axfr_fault(const struct signed_server *s, const char *zone, enum rcode rcode, bool is_signed, struct err *err)
{
	/*
	 * Knot does not sign this one: without the zone it has no list of keys to look in (3.2).  Believed all the same: a zone that
	 * is said to be missing makes the plan stop, and nothing else.
	 */
	if (rcode == RCODE_NOTAUTH)
		return CR_OK;
	if (!is_signed)
		return err_set(err, CR_EAUTH, "answered %s without a signature: is key '%s' known there",
		               signed_rcode_name(rcode), s->key.name.text);
	switch ((int)rcode) {
	case RCODE_REFUSED:
		return err_set(err, CR_EAUTH, "the transfer of %s is refused to key '%s'", zone, s->key.name.text);
	case RCODE_SERVFAIL:
		return err_set(err, CR_ERETRY, "the server cannot serve %s now (SERVFAIL)", zone);
	default:
		return err_set(err, CR_EIO, "the transfer of %s was answered %s", zone, signed_rcode_name(rcode));
	}
}

/* The next message of the transfer. */
static int
receive_one(const struct signed_server *s, struct signed_call *call, struct buf *reply, struct tsig_result *res,
            size_t *total, struct err *err)
{
	int rc = signed_receive(s, call, reply, res, err);

	if (rc != CR_OK)
		return rc;
	*total += reply->len;
	if (*total > AXFR_MAX_BYTES)
		return err_set(err, CR_EPARSE, "transfer: longer than %zu bytes", AXFR_MAX_BYTES);
	/* Without progress it is not a transfer: a server must not keep us for the whole deadline. */
	if (signed_rcode(reply) == RCODE_NOERROR && wire_u16((const uint8_t *)reply->data + WIRE_ANSWER) == 0)
		return err_set(err, CR_EPARSE, "transfer: a message without records");
	return CR_OK;
}

static int
receive_zone(const struct signed_server *s, struct signed_call *call, const char *zone, struct axfr *a, struct err *err)
{
	struct buf reply = {0};
	struct tsig_result res = {0};
	size_t total = 0;
	unsigned soas = 0;
	int rc = CR_OK;

	while (soas < 2) {
		rc = receive_one(s, call, &reply, &res, &total, err);
		if (rc != CR_OK)
			goto out;
		if (signed_rcode(&reply) != RCODE_NOERROR) {
			rc = axfr_fault(s, zone, signed_rcode(&reply), res.verdict == TSIG_SIGNED, err);
			goto out;
		}
		rc = axfr_take(a, zone, &reply, &soas, err);
		if (rc != CR_OK)
			goto out;
	}
	if (res.verdict != TSIG_SIGNED) {
		rc = err_set(err, CR_EAUTH, "transfer: %s: the last message is not signed", zone);
		goto out;
	}
	a->exists = true;
out:
	buf_release(&reply);
	return rc;
}

int
axfr_read(const struct signed_server *s, const char *zone, struct axfr *out, struct err *err)
{
	struct axfr a = {.raw.max_bytes = AXFR_MAX_BYTES * 2}; /* compressed names grow */
	struct buf request = {.max_bytes = WIRE_MESSAGE_MAX};
	struct signed_call call = {0};
	int rc;

	signed_start(&request, 0, zone, TYPE_AXFR);
	rc = signed_send(s, &request, &call, err);
	if (rc == CR_OK)
		rc = receive_zone(s, &call, zone, &a, err);
	/* A question may be asked again. */
	if (rc == CR_EUNKNOWN) {
		rc = CR_ERETRY;
		if (err != NULL)
			err->code = rc;
	}
	if (rc == CR_OK) {
		*out = a;
		a = (struct axfr){0};
	}
	signed_call_release(&call);
	buf_release(&request);
	axfr_release(&a);
	return rc;
}
