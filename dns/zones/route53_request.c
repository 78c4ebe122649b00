/*
 * route53_request.c - what is asked of Route 53, as signed requests.
 *
 * Sources: Amazon Route 53 API Reference, 2013-04-01 (ListHostedZonesByName, CreateHostedZone, ListResourceRecordSets,
 * ChangeResourceRecordSets, DeleteHostedZone, GetChange); read 2026-11-25.
 * Invariant: queries are sorted by name and each parameter has its '=', as the signature of libcurl 7.88 needs it.
 */
#include "dns/zones/route53.h"

#include <stdio.h>
#include <string.h>

#include "core/xml.h"

#define NAMESPACE  "https://route53.amazonaws.com/doc/2013-04-01/"
#define SIGNED_FOR "aws:amz:us-east-1:route53" /* a service of the whole world, signed in one region */
#define PAGE_ZONES 5
#define PAGE_SETS  300 /* the most that the API gives */

/* METHOD BASE + path, to be signed.  Takes path's text; a failed buf is reported. */
static int
start(const struct r53_target *t, const char *method, struct buf *path, struct http_request *out, struct err *err)
{
	struct http_request q = {.method = method, .sigv4 = SIGNED_FOR, .sigv4_user = t->user};
	int rc = buf_check(path, "url", err);

	if (rc == CR_OK)
		rc = http_request_set_url(&q, t->base, buf_str(path), err);
	if (rc == CR_OK) {
		if (t->session != NULL)
			http_request_add_secret(&q, "x-amz-security-token", NULL, t->session);
		*out = q;
	}
	buf_release(path);
	return rc;
}

/* A body of that root follows. */
static void
body_open(struct http_request *q, const char *root)
{
	q->content_type = "text/xml";
	buf_addf(&q->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"" NAMESPACE "\">", root);
}

/* The body is sound, or the request is released. */
static int
body_close(struct http_request *q, const char *root, struct err *err)
{
	int rc;

	xml_out_close(&q->body, root);
	rc = buf_check(&q->body, "request", err);
	if (rc != CR_OK)
		http_request_release(q);
	return rc;
}

static void
add_parameter(struct buf *path, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(path, "%c%s=", strchr(buf_str(path), '?') == NULL ? '?' : '&', name);
	http_encode(path, value);
}

static void
add_count(struct buf *path, const char *name, int n)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", n);
	add_parameter(path, name, text);
}

int
r53_find_request(const struct r53_target *t, const char *zone, const struct r53_zones *after, struct http_request *out,
                 struct err *err)
{
	struct buf path = {0}, name = {0};

	r53_name_write(zone, &name);
	buf_adds(&path, "/hostedzonesbyname");
	add_parameter(&path, "dnsname", after != NULL ? after->next_name : buf_str(&name));
	add_parameter(&path, "hostedzoneid", after != NULL ? after->next_id : NULL);
	add_count(&path, "maxitems", PAGE_ZONES);
	if (name.failed != CR_OK)
		path.failed = name.failed;
	buf_release(&name);
	return start(t, "GET", &path, out, err);
}

int
r53_sets_request(const struct r53_target *t, const char *id, const struct r53_sets *after, struct http_request *out,
                 struct err *err)
{
	struct buf path = {0};

	buf_addf(&path, "/hostedzone/%s/rrset", id);
	if (after != NULL)
		add_parameter(&path, "identifier", after->next_id);
	add_count(&path, "maxitems", PAGE_SETS);
	if (after != NULL) {
		add_parameter(&path, "name", after->next_name);
		add_parameter(&path, "type", after->next_type);
	}
	return start(t, "GET", &path, out, err);
}

int
r53_create_request(const struct r53_target *t, const char *zone, const char *reference, struct http_request *out,
                   struct err *err)
{
	struct buf path = {0}, name = {0};
	int rc;

	buf_adds(&path, "/hostedzone");
	r53_name_write(zone, &name);
	rc = buf_check(&name, zone, err);
	if (rc == CR_OK)
		rc = start(t, "POST", &path, out, err);
	if (rc == CR_OK) {
		body_open(out, "CreateHostedZoneRequest");
		xml_out_element(&out->body, "Name", buf_str(&name));
		xml_out_element(&out->body, "CallerReference", reference);
		rc = body_close(out, "CreateHostedZoneRequest", err);
	}
	buf_release(&name);
	buf_release(&path);
	return rc;
}

static void
write_value(struct buf *b, const char *value)
{
	xml_out_open(b, "ResourceRecord");
	xml_out_element(b, "Value", value);
	xml_out_close(b, "ResourceRecord");
}

static int
write_change(struct buf *b, const struct r53_change *c, struct err *err)
{
	const char *owner = c->old != NULL ? c->old->owner : c->new->owner;
	const uint32_t ttl_s = c->old != NULL ? c->old->ttl_s : c->new->ttl_s;
	struct buf text = {0};
	char type[16];

	xml_out_open(b, "Change");
	xml_out_element(b, "Action", c->old != NULL ? "DELETE" : "CREATE");
	xml_out_open(b, "ResourceRecordSet");
	r53_name_write(owner, &text);
	buf_addc(&text, '.');
	xml_out_element(b, "Name", buf_str(&text));
	xml_out_element(b, "Type", c->old != NULL ? c->old->type_name : record_type_name(c->new->type, type));
	buf_addf(b, "<TTL>%u</TTL>", ttl_s);
	xml_out_open(b, "ResourceRecords");
	for (size_t i = 0; c->old != NULL && i < c->old->n_values; i++)
		write_value(b, c->old->values[i]);
	for (size_t i = 0; c->old == NULL && i < c->new->records.n; i++) {
		buf_clear(&text);
		r53_value_write(&c->new->records.items[i], &text);
		write_value(b, buf_str(&text));
		if (text.failed != CR_OK)
			b->failed = text.failed;
	}
	xml_out_close(b, "ResourceRecords");
	xml_out_close(b, "ResourceRecordSet");
	xml_out_close(b, "Change");
	buf_release(&text);
	return buf_check(b, "changes", err);
}

int
r53_change_request(const struct r53_target *t, const char *id, const struct r53_change *changes, size_t n,
                   struct http_request *out, struct err *err)
{
	struct buf path = {0};
	int rc;

	/* The slash at the end is the API's. */
	buf_addf(&path, "/hostedzone/%s/rrset/", id);
	rc = start(t, "POST", &path, out, err);
	if (rc != CR_OK)
		return rc;
	body_open(out, "ChangeResourceRecordSetsRequest");
	xml_out_open(&out->body, "ChangeBatch");
	xml_out_open(&out->body, "Changes");
	for (size_t i = 0; rc == CR_OK && i < n; i++)
		rc = write_change(&out->body, &changes[i], err);
	xml_out_close(&out->body, "Changes");
	xml_out_close(&out->body, "ChangeBatch");
	return body_close(out, "ChangeResourceRecordSetsRequest", err);
}

int
r53_remove_request(const struct r53_target *t, const char *id, struct http_request *out, struct err *err)
{
	struct buf path = {0};

	buf_addf(&path, "/hostedzone/%s", id);
	return start(t, "DELETE", &path, out, err);
}

int
r53_status_request(const struct r53_target *t, const char *change_id, struct http_request *out, struct err *err)
{
	struct buf path = {0};

	buf_addf(&path, "/change/%s", change_id);
	return start(t, "GET", &path, out, err);
}
