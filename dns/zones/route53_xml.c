/*
 * route53_xml.c - what Route 53 answers, as values.
 *
 * Sources: Amazon Route 53 API Reference, 2013-04-01 (ListHostedZonesByName, CreateHostedZone, ListResourceRecordSets,
 * ChangeResourceRecordSets, GetChange); read 2026-11-25.
 * Invariant: a set is kept to the letter, whether its values can be read here or not: only so it can be deleted.
 */
#include "dns/zones/route53.h"

#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/xml.h"
#include "dns/txt.h"

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
	grown = list_grow(l->items, l->n, &l->cap, sizeof(*grown));
	if (grown == NULL)
		return err_nomem(err, "zones");
	l->items = grown;
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
	char **grown = list_grow(s->values, s->n_values, &s->cap, sizeof(*grown));
	char *copy;

	if (grown == NULL)
		return err_nomem(err, "values");
	s->values = grown;
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
	struct r53_set s = {0}, *grown = l->items;
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
	if (rc == CR_OK && (grown = list_grow(l->items, l->n, &l->cap, sizeof(*grown))) == NULL)
		rc = err_nomem(err, "record sets");
	if (rc == CR_OK) {
		l->items = grown;
		l->items[l->n++] = s;
		s = (struct r53_set){0};
	}
	r53_set_release(&s);
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
	r53_sets_forget_next(out);
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
