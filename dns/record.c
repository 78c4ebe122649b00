/*
 * record.c - records made, copied, compared, and told apart from their neighbours.
 *
 * Sources: RFC 2181 s8 (TTL is 31 bits), RFC 4034 s6 (canonical form and order).
 */
#include "dns/record.h"

#include <stdlib.h>
#include <string.h>

#include "dns/rdata.h"
#include "dns/txt.h"

void
record_release(struct record *r)
{
	if (r == NULL)
		return;
	free(r->owner);
	free(r->data);
	*r = (struct record){0};
}

/* owner: canonical.  The data's NUL is for record_text. */
static int
make(const char *owner, uint16_t type, uint32_t ttl_s, const void *data, size_t len, struct record *out,
     struct err *err)
{
	struct record r = {.type = type, .ttl_s = ttl_s, .data_len = len};

	r.owner = strdup(owner);
	r.data = malloc(len + 1);
	if (r.owner == NULL || r.data == NULL) {
		record_release(&r);
		return err_nomem(err, "record");
	}
	if (len > 0)
		memcpy(r.data, data, len);
	r.data[len] = '\0';
	*out = r;
	return CR_OK;
}

int
record_copy(const struct record *from, struct record *out, struct err *err)
{
	return make(from->owner, from->type, from->ttl_s, from->data, from->data_len, out, err);
}

/* The parts every maker has in common: owner in any spelling, TTL and length within bounds. */
static int
make_checked(const char *owner, uint16_t type, uint32_t ttl_s, const struct buf *data, struct record *out,
             struct err *err)
{
	struct name name;
	int rc = name_parse(owner, &name, err);

	if (rc != CR_OK)
		return rc;
	if (ttl_s > RECORD_TTL_MAX)
		return err_set(err, CR_EPARSE, "TTL %u is above %u", ttl_s, RECORD_TTL_MAX);
	if (*rdata_layout(type) == 'z' && data->len > TXT_DATA_MAX)
		return err_set(err, CR_EPARSE, "text longer than %d bytes", TXT_DATA_MAX);
	return make(name.text, type, ttl_s, buf_str(data), data->len, out, err);
}

static int
wrap_record(const char *owner, uint16_t type, struct err *err)
{
	char name[16];

	return err_wrap(err, "%.255s %s", *owner != '\0' ? owner : ".", record_type_name(type, name));
}

int
record_parse(const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata, const char *origin,
             struct record *out, struct err *err)
{
	struct err own = {0};
	struct buf data = {.max_bytes = RECORD_DATA_MAX};
	int rc;

	if (err == NULL)
		err = &own;
	rc = rdata_parse(type, rdata, origin, &data, err);
	if (rc == CR_OK)
		rc = make_checked(owner, type, ttl_s, &data, out, err);
	buf_release(&data);
	return rc == CR_OK ? CR_OK : wrap_record(owner, type, err);
}

int
record_txt(const char *owner, uint32_t ttl_s, const void *text, size_t len, struct record *out, struct err *err)
{
	struct err own = {0};
	struct buf data = {.max_bytes = RECORD_DATA_MAX};
	int rc;

	if (err == NULL)
		err = &own;
	buf_add(&data, text, len);
	rc = buf_check(&data, "text", err);
	if (rc == CR_OK)
		rc = make_checked(owner, RECORD_TXT, ttl_s, &data, out, err);
	buf_release(&data);
	return rc == CR_OK ? CR_OK : wrap_record(owner, RECORD_TXT, err);
}

int
record_from_wire(const char *owner, uint16_t type, uint32_t ttl_s, const uint8_t *rdata, size_t len, struct record *out,
                 struct err *err)
{
	struct err own = {0};
	struct buf data = {.max_bytes = RECORD_DATA_MAX};
	int rc;

	if (err == NULL)
		err = &own;
	/* RFC 2181 s8: a TTL with its top bit set counts as zero. */
	if (ttl_s > RECORD_TTL_MAX)
		ttl_s = 0;
	rc = rdata_from_wire(type, rdata, len, &data, err);
	if (rc == CR_OK)
		rc = make_checked(owner, type, ttl_s, &data, out, err);
	buf_release(&data);
	return rc == CR_OK ? CR_OK : wrap_record(owner, type, err);
}

void
record_to_wire(const struct record *r, struct buf *out)
{
	if (*rdata_layout(r->type) == 'z')
		txt_to_wire(r->data, r->data_len, out);
	else
		buf_add(out, r->data, r->data_len);
}

void
record_format_rdata(const struct record *r, struct buf *out)
{
	rdata_format(r->type, r->data, r->data_len, out);
}

void
record_format(const struct record *r, struct buf *out)
{
	char type[16];

	buf_addf(out, "%s. %u IN %s ", r->owner, r->ttl_s, record_type_name(r->type, type));
	record_format_rdata(r, out);
}

const char *
record_text(const struct record *r)
{
	return (const char *)r->data;
}

bool
record_target(const struct record *r, struct name *out)
{
	static const struct {
		uint16_t type;
		size_t offset;
	} targets[] = {
		{RECORD_MX,    2},
                {RECORD_SRV,   6},
                {RECORD_CNAME, 0},
                {RECORD_NS,    0},
                {RECORD_PTR,   0}
        };

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		size_t offset = targets[i].offset;
		size_t used;

		if (targets[i].type == r->type && r->data_len > offset)
			return name_from_wire(r->data + offset, r->data_len - offset, out, &used, NULL) == CR_OK;
	}
	return false;
}

bool
record_same(const struct record *a, const struct record *b)
{
	return a->type == b->type && a->data_len == b->data_len && name_equal(a->owner, b->owner) &&
	       memcmp(a->data, b->data, a->data_len) == 0;
}

int
record_compare(const struct record *a, const struct record *b)
{
	size_t shorter = a->data_len < b->data_len ? a->data_len : b->data_len;
	int order = name_compare(a->owner, b->owner);

	if (order == 0)
		order = (int)a->type - (int)b->type;
	if (order == 0)
		order = memcmp(a->data, b->data, shorter);
	if (order == 0)
		order = (a->data_len > b->data_len) - (a->data_len < b->data_len);
	return order;
}
