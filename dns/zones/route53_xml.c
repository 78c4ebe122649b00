/*
 * route53_xml.c - what is said to Route 53, and what its answers mean: values to XML and back.
 *
 * Sources: Amazon Route 53 API Reference, 2013-04-01 (ListHostedZonesByName, CreateHostedZone, ListResourceRecordSets,
 * ChangeResourceRecordSets, GetChange, common errors), and "DNS domain name format" in its Developer Guide; read 2026-11-25.
 * Invariants: queries are sorted by name and each parameter has its '=', as the signature of libcurl 7.88 needs it.  No text of a refused
 * signature is shown: the API quotes what was signed in it, the session token among it.
 */
#include "dns/zones/route53.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/xml.h"
#include "dns/txt.h"

#define NAMESPACE      "https://route53.amazonaws.com/doc/2013-04-01/"
#define SIGNED_FOR     "aws:amz:us-east-1:route53" /* a service of the whole world, signed in one region */
#define PAGE_ZONES     5
#define PAGE_SETS      300 /* the most that the API gives */
#define FAULT_TEXT_MAX 200

void
r53_zones_release(struct r53_zones *l)
{
	free(l->items);
	*l = (struct r53_zones){0};
}

static void
set_release(struct r53_set *s)
{
	free(s->owner);
	for (size_t i = 0; i < s->n_values; i++)
		free(s->values[i]);
	free(s->values);
	records_release(&s->records);
	*s = (struct r53_set){0};
}

static void
sets_forget_next(struct r53_sets *l)
{
	free(l->next_name);
	free(l->next_type);
	free(l->next_id);
	l->next_name = l->next_type = l->next_id = NULL;
	l->more = false;
}

void
r53_sets_release(struct r53_sets *l)
{
	for (size_t i = 0; i < l->n; i++)
		set_release(&l->items[i]);
	free(l->items);
	sets_forget_next(l);
	*l = (struct r53_sets){0};
}

static bool
set_equal(const struct r53_set *a, const struct r53_set *b)
{
	if (strcmp(a->owner, b->owner) != 0 || strcmp(a->type_name, b->type_name) != 0 || a->ttl_s != b->ttl_s ||
	    a->n_values != b->n_values || (a->fixed == NULL) != (b->fixed == NULL))
		return false;
	for (size_t i = 0; i < a->n_values; i++)
		if (strcmp(a->values[i], b->values[i]) != 0)
			return false;
	return true;
}

bool
r53_sets_equal(const struct r53_sets *a, const struct r53_sets *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!set_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* ---- requests ---- */

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

/* ---- replies ---- */

bool
r53_is_id(const char *id)
{
	const size_t len = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return len > 0 && len < R53_ID_MAX && id[len] == '\0';
}

/* "/hostedzone/Z123" or "/change/C123" without what stands in front. */
static int
read_id(const struct xml_at *parent, const char *name, char out[R53_ID_MAX], struct err *err)
{
	const struct xml_at at = xml_get(parent, name);
	const char *text = NULL, *slash;
	int rc = xml_want_text(&at, &text, err);

	if (rc != CR_OK)
		return rc;
	slash = strrchr(text, '/');
	text = slash != NULL ? slash + 1 : text;
	if (!r53_is_id(text))
		return err_set(err, CR_EPARSE, "%s: not an id: '%.40s'", at.path, text);
	buf_copy_text(out, R53_ID_MAX, text);
	return CR_OK;
}

/* A text below parent into a place of size bytes. */
static int
read_short(const struct xml_at *parent, const char *name, char *out, size_t size, struct err *err)
{
	const struct xml_at at = xml_get(parent, name);
	const char *text = NULL;
	int rc = xml_want_text(&at, &text, err);

	if (rc == CR_OK && strlen(text) >= size)
		rc = err_set(err, CR_EPARSE, "%s: longer than %zu", at.path, size - 1);
	if (rc == CR_OK)
		buf_copy_text(out, size, text);
	return rc;
}

static int
read_name(const struct xml_at *parent, const char *name, struct name *out, struct err *err)
{
	const struct xml_at at = xml_get(parent, name);
	const char *text = NULL;
	struct buf b = {.max_bytes = 4 * NAME_TEXT_MAX};
	int rc = xml_want_text(&at, &text, err);

	if (rc != CR_OK)
		return rc;
	r53_text_read(text, &b);
	rc = buf_check(&b, "name", err);
	if (rc == CR_OK && name_parse(buf_str(&b), out, err) != CR_OK)
		rc = err_wrap(err, "%s", at.path);
	buf_release(&b);
	return rc;
}

/* The document, and its root where it is the one that was asked for. */
static int
open_reply(const char *text, size_t len, const char *root, struct xml **out, struct xml_at *root_out, struct err *err)
{
	int rc = xml_parse(text, len, out, err);

	if (rc != CR_OK)
		return rc;
	*root_out = xml_root(*out);
	if (!xml_is(root_out, root))
		rc = err_set(err, CR_EPARSE, "%s: not a %s", root_out->path, root);
	if (rc != CR_OK)
		xml_drop(out);
	return rc;
}

static int
read_zone(const struct xml_at *at, const char *zone, struct r53_zones *l, bool *other_out, struct err *err)
{
	const struct xml_at config = xml_get(at, "Config"), private_at = xml_get(&config, "PrivateZone");
	struct r53_zone z = {0}, *grown;
	struct name name;
	bool private = false;
	int rc = read_name(at, "Name", &name, err);

	if (rc == CR_OK)
		rc = xml_opt_bool(&private_at, false, &private, err);
	if (rc != CR_OK)
		return rc;
	*other_out = !name_equal(name.text, zone);
	if (*other_out || private)
		return CR_OK;
	rc = read_id(at, "Id", z.id, err);
	if (rc == CR_OK)
		rc = read_short(at, "CallerReference", z.reference, sizeof(z.reference), err);
	if (rc != CR_OK)
		return rc;
	if (l->n == l->cap) {
		grown = realloc(l->items, (l->cap + 4) * sizeof(*grown));
		if (grown == NULL)
			return err_nomem(err, "zones");
		l->items = grown;
		l->cap += 4;
	}
	l->items[l->n++] = z;
	return CR_OK;
}

int
r53_zones_parse(const char *text, size_t len, const char *zone, struct r53_zones *out, struct err *err)
{
	struct xml *xml = NULL;
	struct xml_at root, list, at, more_at;
	bool other = false;
	int rc = open_reply(text, len, "ListHostedZonesByNameResponse", &xml, &root, err);

	if (rc != CR_OK)
		return rc;
	out->more = false;
	list = xml_get(&root, "HostedZones");
	more_at = xml_get(&root, "IsTruncated");
	rc = xml_want(&list, err);
	for (at = xml_get(&list, "HostedZone"); rc == CR_OK && at.node != NULL; at = xml_next(&at))
		rc = read_zone(&at, zone, out, &other, err);
	if (rc == CR_OK)
		rc = xml_want_bool(&more_at, &out->more, err);
	/* Zones come in the order of their names: after another one there is no more of this. */
	out->more = out->more && !other;
	if (rc == CR_OK && out->more)
		rc = read_short(&root, "NextDNSName", out->next_name, sizeof(out->next_name), err);
	if (rc == CR_OK && out->more)
		rc = read_id(&root, "NextHostedZoneId", out->next_id, err);
	xml_drop(&xml);
	return rc;
}

static int
read_servers(const struct xml_at *root, struct zone_state *s, struct err *err)
{
	const struct xml_at set = xml_get(root, "DelegationSet"), list = xml_get(&set, "NameServers");
	struct xml_at at = xml_get(&list, "NameServer");
	int rc = xml_want(&at, err);

	for (; rc == CR_OK && at.node != NULL; at = xml_next(&at)) {
		const char *text = NULL;
		struct name name;

		rc = xml_want_text(&at, &text, err);
		if (rc == CR_OK)
			rc = name_parse(text, &name, err);
		if (rc == CR_OK)
			rc = zone_state_add_server(s, name.text, err);
	}
	return rc;
}

int
r53_created_parse(const char *text, size_t len, const char *zone, struct zone_state *out, struct err *err)
{
	struct zone_state s = {.exists = true};
	struct xml *xml = NULL;
	struct xml_at root, at;
	struct name name;
	char id[R53_ID_MAX];
	int rc = open_reply(text, len, "CreateHostedZoneResponse", &xml, &root, err);

	if (rc != CR_OK)
		return rc;
	at = xml_get(&root, "HostedZone");
	rc = read_name(&at, "Name", &name, err);
	if (rc == CR_OK && !name_equal(name.text, zone))
		rc = err_set(err, CR_EPARSE, "%s.Name: not %s", at.path, zone);
	if (rc == CR_OK)
		rc = read_id(&at, "Id", id, err);
	if (rc == CR_OK && (s.id = strdup(id)) == NULL)
		rc = err_nomem(err, zone);
	if (rc == CR_OK)
		rc = read_servers(&root, &s, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
	}
	zone_state_release(&s);
	xml_drop(&xml);
	return rc;
}

/* Sets whose answer is not their values: by what tells them. */
static const struct {
	const char *element, *what;
} fixed[] = {
	{"AliasTarget",             "an alias"                },
	{"SetIdentifier",           "an answer by a policy"   },
	{"TrafficPolicyInstanceId", "made by a traffic policy"},
};

static int
take_value(struct r53_set *s, const char *text, struct err *err)
{
	char *copy = NULL, **grown;

	if (s->n_values == s->cap) {
		grown = realloc(s->values, (s->cap * 2 + 4) * sizeof(*grown));
		if (grown == NULL)
			return err_nomem(err, "values");
		s->values = grown;
		s->cap = s->cap * 2 + 4;
	}
	copy = strdup(text);
	if (copy == NULL)
		return err_nomem(err, "values");
	s->values[s->n_values++] = copy;
	return CR_OK;
}

/* CR_ENOTFOUND: a form that nobody here can have made. */
static int
read_record(const struct r53_set *s, const char *value, struct record *out, struct err *err)
{
	struct buf text = {.max_bytes = 4 * RECORD_DATA_MAX}, bytes = {.max_bytes = RECORD_DATA_MAX};
	int rc;

	r53_text_read(value, &text);
	rc = buf_check(&text, "value", err);
	if (rc != CR_OK)
		goto out;
	if (s->type != RECORD_TXT)
		rc = record_parse(s->owner, s->type, s->ttl_s, buf_str(&text), "", out, NULL);
	else if (txt_parse(buf_str(&text), &bytes, NULL) == CR_OK && bytes.failed == CR_OK)
		rc = record_txt(s->owner, s->ttl_s, buf_str(&bytes), bytes.len, out, NULL);
	else
		rc = CR_EPARSE;
	rc = rc == CR_EPARSE ? CR_ENOTFOUND : rc;
	if (rc == CR_ENOMEM)
		rc = err_nomem(err, s->owner);
out:
	buf_release(&text);
	buf_release(&bytes);
	return rc;
}

static int
read_values(const struct xml_at *at, struct r53_set *s, struct err *err)
{
	const struct xml_at ttl_at = xml_get(at, "TTL"), list = xml_get(at, "ResourceRecords");
	struct xml_at item = xml_get(&list, "ResourceRecord");
	bool all = s->type != 0;
	int64_t ttl_s = 0;
	int rc = xml_want_int(&ttl_at, 0, RECORD_TTL_MAX, &ttl_s, err);

	s->ttl_s = (uint32_t)ttl_s;
	if (rc == CR_OK)
		rc = xml_want(&item, err);
	for (; rc == CR_OK && item.node != NULL; item = xml_next(&item)) {
		const struct xml_at value = xml_get(&item, "Value");
		struct record r = {0};
		const char *text = NULL;

		rc = xml_want_text(&value, &text, err);
		if (rc == CR_OK)
			rc = take_value(s, text, err);
		if (rc == CR_OK && all)
			rc = read_record(s, text, &r, err);
		if (rc == CR_ENOTFOUND) {
			all = false;
			rc = CR_OK;
		} else if (rc == CR_OK && all) {
			rc = records_take(&s->records, &r, err);
		}
	}
	if (!all)
		records_release(&s->records);
	return rc;
}

static int
read_set(const struct xml_at *at, struct r53_sets *l, struct err *err)
{
	struct r53_set s = {0}, *grown;
	struct name owner;
	int rc = read_name(at, "Name", &owner, err);

	if (rc == CR_OK)
		rc = read_short(at, "Type", s.type_name, sizeof(s.type_name), err);
	if (rc == CR_OK && (s.owner = strdup(owner.text)) == NULL)
		rc = err_nomem(err, "record sets");
	if (rc == CR_OK && record_type_parse(s.type_name, &s.type, NULL) != CR_OK)
		s.type = 0;
	for (size_t i = 0; i < ARRAY_LEN(fixed) && s.fixed == NULL; i++)
		if (xml_get(at, fixed[i].element).node != NULL)
			s.fixed = fixed[i].what;
	if (rc == CR_OK && s.fixed == NULL)
		rc = read_values(at, &s, err);
	if (rc == CR_OK && l->n == l->cap) {
		grown = realloc(l->items, (l->cap * 2 + 16) * sizeof(*grown));
		if (grown != NULL) {
			l->items = grown;
			l->cap = l->cap * 2 + 16;
		} else {
			rc = err_nomem(err, "record sets");
		}
	}
	if (rc == CR_OK) {
		l->items[l->n++] = s;
		s = (struct r53_set){0};
	}
	set_release(&s);
	return rc;
}

/* Optional where out stays NULL. */
static int
read_next(const struct xml_at *root, const char *name, bool needed, char **out, struct err *err)
{
	const struct xml_at at = xml_get(root, name);
	const char *text = NULL;
	int rc;

	if (at.node == NULL && !needed)
		return CR_OK;
	rc = xml_want_text(&at, &text, err);
	if (rc == CR_OK && (*out = strdup(text)) == NULL)
		rc = err_nomem(err, name);
	return rc;
}

int
r53_sets_parse(const char *text, size_t len, struct r53_sets *out, struct err *err)
{
	struct xml *xml = NULL;
	struct xml_at root, list, at, more_at;
	int rc = open_reply(text, len, "ListResourceRecordSetsResponse", &xml, &root, err);

	if (rc != CR_OK)
		return rc;
	sets_forget_next(out);
	list = xml_get(&root, "ResourceRecordSets");
	more_at = xml_get(&root, "IsTruncated");
	rc = xml_want(&list, err);
	for (at = xml_get(&list, "ResourceRecordSet"); rc == CR_OK && at.node != NULL; at = xml_next(&at))
		rc = read_set(&at, out, err);
	if (rc == CR_OK)
		rc = xml_want_bool(&more_at, &out->more, err);
	if (rc == CR_OK && out->more)
		rc = read_next(&root, "NextRecordName", true, &out->next_name, err);
	if (rc == CR_OK && out->more)
		rc = read_next(&root, "NextRecordType", true, &out->next_type, err);
	if (rc == CR_OK && out->more)
		rc = read_next(&root, "NextRecordIdentifier", false, &out->next_id, err);
	xml_drop(&xml);
	return rc;
}

int
r53_status_parse(const char *text, size_t len, char id_out[R53_ID_MAX], bool *insync_out, struct err *err)
{
	struct xml *xml = NULL;
	struct xml_at root, info;
	char status[16];
	int rc = xml_parse(text, len, &xml, err);

	if (rc != CR_OK)
		return rc;
	root = xml_root(xml);
	info = xml_get(&root, "ChangeInfo");
	rc = read_id(&info, "Id", id_out, err);
	if (rc == CR_OK)
		rc = read_short(&info, "Status", status, sizeof(status), err);
	if (rc == CR_OK)
		*insync_out = strcmp(status, "INSYNC") == 0;
	xml_drop(&xml);
	return rc;
}

/* ---- faults ---- */

/* What the API's codes mean for the caller; those not listed are told by the status. */
static const struct {
	const char *name;
	enum r53_code code;
	int rc;
} codes[] = {
	{"NoSuchHostedZone",            R53_NO_ZONE,     CR_ENOTFOUND},
	{"NoSuchChange",                R53_OTHER,       CR_ENOTFOUND},
	{"HostedZoneAlreadyExists",     R53_ZONE_EXISTS, CR_ECONFLICT},
	{"ConflictingDomainExists",     R53_OTHER,       CR_ECONFLICT},
	{"InvalidChangeBatch",          R53_BAD_BATCH,   CR_EREFUSED },
	{"HostedZoneNotEmpty",          R53_NOT_EMPTY,   CR_ECONFLICT},
	{"Throttling",                  R53_THROTTLED,   CR_ERETRY   },
	{"ThrottlingException",         R53_THROTTLED,   CR_ERETRY   },
	{"PriorRequestNotComplete",     R53_BUSY,        CR_ERETRY   },
	{"IncompleteSignature",         R53_OTHER,       CR_EAUTH    },
	{"InvalidClientTokenId",        R53_OTHER,       CR_EAUTH    },
	{"MissingAuthenticationToken",  R53_OTHER,       CR_EAUTH    },
	{"UnrecognizedClientException", R53_OTHER,       CR_EAUTH    },
	{"RequestExpired",              R53_OTHER,       CR_EAUTH    },
	{"ExpiredToken",                R53_OTHER,       CR_EAUTH    },
};

/* What to do about credentials that are not accepted. */
static const struct {
	const char *name, *hint;
} hints[] = {
	{"SignatureDoesNotMatch", "the secret is not that of the key, or this machine's clock is wrong"                                   },
	{"InvalidClientTokenId",  "the access key id is not known"									},
	{"ExpiredToken",          "the session token has expired: get new temporary keys"                                                 },
	{"RequestExpired",        "this machine's clock is wrong"									 },
	{"AccessDenied",          "the key may not do this: it needs route53:ListHostedZonesByName, GetChange, "
                         "ListResourceRecordSets, ChangeResourceRecordSets, CreateHostedZone and DeleteHostedZone"},
};

/* The code, and the message or the first of several: <ErrorResponse><Error><Code/><Message/>, or <InvalidChangeBatch><Messages><Message/>. */
static void
read_error(const struct http_reply *reply, char *code, size_t code_size, char *message, size_t size)
{
	struct xml *xml = NULL;
	struct xml_at root, error, at;
	const char *text = NULL;

	code[0] = message[0] = '\0';
	if (xml_parse(buf_str(&reply->body), reply->body.len, &xml, NULL) != CR_OK)
		return;
	root = xml_root(xml);
	if (xml_is(&root, "InvalidChangeBatch")) {
		(void)snprintf(code, code_size, "InvalidChangeBatch");
		error = xml_get(&root, "Messages");
	} else {
		error = xml_get(&root, "Error");
		at = xml_get(&error, "Code");
		if (xml_want_text(&at, &text, NULL) == CR_OK)
			(void)snprintf(code, code_size, "%.60s", text);
	}
	at = xml_get(&error, "Message");
	if (xml_want_text(&at, &text, NULL) == CR_OK)
		(void)snprintf(message, size, "%.*s", FAULT_TEXT_MAX, text);
	xml_drop(&xml);
}

enum r53_code
r53_code_read(const struct http_reply *reply)
{
	char code[64], message[FAULT_TEXT_MAX + 1];

	read_error(reply, code, sizeof(code), message, sizeof(message));
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, code) == 0)
			return codes[i].code;
	return R53_OTHER;
}

static int
fault_auth(const char *what, int status, const char *code, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (strcmp(hints[i].name, code) == 0)
			return err_set(err, CR_EAUTH, "%s: the key is not accepted (%d, %s): %s", what, status, code,
			               hints[i].hint);
	return err_set(err, CR_EAUTH, "%s: the key is not accepted (%d, %s)", what, status,
	               code[0] != '\0' ? code : "no code");
}

int
r53_fault_parse(const struct http_reply *reply, const char *what, enum r53_code *code_out, struct err *err)
{
	char code[64], message[FAULT_TEXT_MAX + 1];
	int rc = CR_EREFUSED;

	*code_out = R53_OTHER;
	read_error(reply, code, sizeof(code), message, sizeof(message));
	if (reply->status == 401 || reply->status == 403)
		rc = CR_EAUTH;
	else if (reply->status >= 500)
		rc = CR_EUNKNOWN;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (strcmp(codes[i].name, code) == 0) {
			*code_out = codes[i].code;
			rc = codes[i].rc;
		}
	if (reply->status / 100 == 2)
		return err_set(err, CR_EUNKNOWN, "%s: the answer (%d) is not the API's", what, reply->status);
	if (rc == CR_EAUTH)
		return fault_auth(what, reply->status, code, err);
	return err_set(err, rc, "%s: answered %d, %s: %s", what, reply->status, code[0] != '\0' ? code : "no code",
	               message[0] != '\0' ? message : "nothing more");
}
