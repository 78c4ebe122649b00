/*
 * tmpl_fill.c - a template and the values of one domain become records.
 *
 * Values are text of other programs (a mail host's answer, an operator's file), so each is put through the parser of what it stands for
 * and can be nothing else: a host name with a blank in it is an error, not a second field.  No record leaves the domain.
 */
#include "templates/tmpl.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"
#include "core/num.h"
#include "dns/spf.h"
#include "templates/tmpl_row.h"

#define VALUES_MAX 1024 /* of one variable: more records than any zone API takes in one RRset */

struct fill {
	const struct tmpl *t;
	const char *domain; /* canonical */
	const struct tmpl_variable *vars;
	size_t n_vars;
	uint32_t ttl_s;
	struct tmpl_records out;
};

/* One record in the making: a row, and which value of its repeating variable is due. */
struct making {
	struct fill *f;
	const struct tmpl_row *row;
	size_t index;  /* of the row */
	size_t repeat; /* 0-based */
};

static void
tmpl_record_release(struct tmpl_record *r)
{
	record_release(&r->record);
	free(r->prefix);
	free(r->spf_rules);
	free(r->group);
	*r = (struct tmpl_record){0};
}

void
tmpl_records_release(struct tmpl_records *l)
{
	for (size_t i = 0; i < l->n; i++)
		tmpl_record_release(&l->items[i]);
	free(l->items);
	*l = (struct tmpl_records){0};
}

/* Moves *r in; r becomes zero, also on failure. */
static int
append(struct tmpl_records *l, struct tmpl_record *r, struct err *err)
{
	struct tmpl_record *items = list_grow(l->items, l->n, &l->cap, sizeof(*items));

	if (items == NULL) {
		tmpl_record_release(r);
		return err_nomem(err, "template records");
	}
	l->items = items;
	l->items[l->n++] = *r;
	*r = (struct tmpl_record){0};
	return CR_OK;
}

/* The caller's variable, or one that every template has. */
static bool
find_variable(const struct fill *f, const char *name, size_t len, const char *const **values_out, size_t *n_out)
{
	for (size_t i = 0; i < f->n_vars; i++) {
		if (strlen(f->vars[i].name) == len && memcmp(f->vars[i].name, name, len) == 0) {
			*values_out = f->vars[i].values;
			*n_out = f->vars[i].n_values;
			return *n_out != 0;
		}
	}
	if ((len == 6 && memcmp(name, "domain", 6) == 0) || (len == 4 && memcmp(name, "fqdn", 4) == 0)) {
		*values_out = &f->domain;
		*n_out = 1;
		return true;
	}
	return false;
}

/* The number of records a field makes: several when it is one variable of several values and nothing else. */
static size_t
repeats(const struct fill *f, const char *text)
{
	const char *const *values;
	size_t len, n;

	if (text == NULL || tmpl_next_variable(text, &len) != text || text[len + 2] != '\0' ||
	    !find_variable(f, text + 1, len, &values, &n))
		return 1;
	return n;
}

static bool
may_repeat(enum tmpl_field field)
{
	return field == FIELD_POINTS_TO || field == FIELD_DATA || field == FIELD_TARGET;
}

static int
add_values(const struct making *m, enum tmpl_field field, const char *name, size_t len, struct buf *out,
           struct err *err)
{
	const char *text = m->row->field[field];
	const char *const *values;
	size_t n;

	if (!find_variable(m->f, name, len, &values, &n))
		return err_set(err, CR_ECONFIG, "variable '%.*s' is not set", (int)len, name);
	/* An empty host would make "%host%." the root, and so a null MX that nobody asked for. */
	for (size_t i = 0; i < n; i++) {
		if (values[i][0] == '\0' && field != FIELD_SPF_RULES)
			return err_set(err, CR_ECONFIG, "variable '%.*s' is empty", (int)len, name);
	}
	if (n == 1) {
		buf_adds(out, values[0]);
	} else if (may_repeat(field) && repeats(m->f, text) == n) {
		buf_adds(out, values[m->repeat]);
	} else if (field == FIELD_SPF_RULES) {
		for (size_t i = 0; i < n; i++)
			buf_addf(out, "%s%s", i != 0 ? " " : "", values[i]);
	} else {
		return err_set(err, CR_ECONFIG, "variable '%.*s' has %zu values, one is wanted here", (int)len, name,
		               n);
	}
	return CR_OK;
}

/* The field's text with its variables replaced; values are not looked into again. */
static int
expand(const struct making *m, enum tmpl_field field, struct buf *out, struct err *err)
{
	const char *at = m->row->field[field], *sign;
	size_t len = 0;
	int rc = CR_OK;

	buf_clear(out);
	out->max_bytes = RECORD_DATA_MAX;
	while (rc == CR_OK && (sign = tmpl_next_variable(at, &len)) != NULL) {
		assert(len != 0); /* checked when the file was read */
		buf_add(out, at, (size_t)(sign - at));
		rc = add_values(m, field, sign + 1, len, out, err);
		at = sign + len + 2;
	}
	if (rc == CR_OK) {
		buf_adds(out, at);
		rc = buf_check(out, "value", err);
	}
	return rc == CR_OK ? CR_OK : tmpl_fault(m->f->t, m->index, field, rc, err);
}

static int
expand_number(const struct making *m, enum tmpl_field field, int64_t absent, int64_t *out, struct err *err)
{
	struct buf text = {0};
	int rc;

	if (m->row->field[field] == NULL) {
		*out = absent;
		return CR_OK;
	}
	rc = expand(m, field, &text, err);
	if (rc == CR_OK) {
		rc = num_parse(buf_str(&text), 0, tmpl_field_max(field), out, err);
		if (rc != CR_OK)
			rc = tmpl_fault(m->f->t, m->index, field, rc, err);
	}
	buf_release(&text);
	return rc;
}

/* A name as RDATA: "@" is the domain, "." the root, all others are absolute with or without a final dot. */
static int
expand_name(const struct making *m, enum tmpl_field field, struct buf *out, struct err *err)
{
	struct name name;
	int rc = expand(m, field, out, err);

	if (rc != CR_OK)
		return rc;
	if (strcmp(buf_str(out), "@") == 0) {
		buf_clear(out);
		buf_addf(out, "%s.", m->f->domain);
	} else if (strcmp(buf_str(out), ".") != 0) {
		rc = out->len != 0 ? name_parse(buf_str(out), &name, err) : err_set(err, CR_ECONFIG, "is empty");
		if (rc != CR_OK)
			return tmpl_fault(m->f->t, m->index, field, rc, err);
		buf_clear(out);
		buf_addf(out, "%s.", name.text);
	}
	return buf_check(out, "name", err);
}

/* "_sip" or "sip", "tcp" or "_TCP": a label with one underscore in front, and a dot. */
static int
add_service_label(const struct making *m, enum tmpl_field field, struct buf *out, struct err *err)
{
	struct buf text = {0};
	int rc = expand(m, field, &text, err);
	const char *label = buf_str(&text);

	if (rc == CR_OK) {
		label += label[0] == '_' ? 1 : 0;
		if (label[0] == '\0' || strpbrk(label, ".\\ ") != NULL)
			rc = tmpl_fault(m->f->t, m->index, field,
			                err_set(err, CR_ECONFIG, "not a label: '%s'", buf_str(&text)), err);
		else
			buf_addf(out, "_%s.", label);
	}
	buf_release(&text);
	return rc;
}

static int
make_owner(const struct making *m, struct name *out, struct err *err)
{
	struct buf host = {0}, relative = {0};
	bool at_domain;
	int rc = CR_OK;

	if (m->row->type->type == RECORD_SRV) {
		rc = add_service_label(m, FIELD_SERVICE, &relative, err);
		if (rc == CR_OK)
			rc = add_service_label(m, FIELD_PROTOCOL, &relative, err);
	}
	if (rc == CR_OK)
		rc = expand(m, FIELD_HOST, &host, err);
	if (rc != CR_OK)
		goto out;
	at_domain = host.len == 0 || strcmp(buf_str(&host), "@") == 0;
	if (at_domain && relative.len != 0)
		buf_addf(&relative, "%s.", m->f->domain);
	else if (!at_domain)
		buf_adds(&relative, buf_str(&host));
	rc = buf_check(&relative, "owner", err);
	if (rc == CR_OK)
		rc = name_under(buf_str(&relative), m->f->domain, out, err);
	if (rc == CR_OK && !name_is_under(out->text, m->f->domain))
		rc = err_set(err, CR_ECONFIG, "'%s' is not below %s", buf_str(&host), m->f->domain);
	if (rc == CR_OK && m->row->type->type == RECORD_CNAME && name_equal(out->text, m->f->domain))
		rc = err_set(err, CR_ECONFIG, "a CNAME cannot stand at the domain itself");
	if (rc != CR_OK)
		rc = tmpl_fault(m->f->t, m->index, FIELD_HOST, rc, err);
out:
	buf_release(&host);
	buf_release(&relative);
	return rc;
}

/* Does the template make the other family's records at the same host out of the same field? */
static bool
has_twin(const struct making *m)
{
	uint16_t other = m->row->type->type == RECORD_A ? RECORD_AAAA : RECORD_A;

	for (size_t i = 0; i < m->f->t->n; i++) {
		const struct tmpl_row *r = &m->f->t->rows[i];

		if (r->type->type == other && strcmp(r->field[FIELD_HOST], m->row->field[FIELD_HOST]) == 0 &&
		    strcmp(r->field[FIELD_POINTS_TO], m->row->field[FIELD_POINTS_TO]) == 0)
			return true;
	}
	return false;
}

static bool
is_address(const char *text, int family)
{
	unsigned char address[16];

	return inet_pton(family, text, address) == 1;
}

/* skip_out: an address of the other family, which the twin takes. */
static int
make_address(const struct making *m, struct buf *rdata, bool *skip_out, struct err *err)
{
	int family = m->row->type->type == RECORD_A ? AF_INET : AF_INET6;
	int rc = expand(m, FIELD_POINTS_TO, rdata, err);

	if (rc != CR_OK || is_address(buf_str(rdata), family))
		return rc;
	if (is_address(buf_str(rdata), family == AF_INET ? AF_INET6 : AF_INET) && has_twin(m)) {
		*skip_out = true;
		return CR_OK;
	}
	rc = err_set(err, CR_ECONFIG, "not an IPv%c address: '%s'", family == AF_INET ? '4' : '6', buf_str(rdata));
	return tmpl_fault(m->f->t, m->index, FIELD_POINTS_TO, rc, err);
}

static int
make_mx(const struct making *m, struct buf *rdata, struct err *err)
{
	struct buf host = {0};
	int64_t priority;
	int rc = expand_number(m, FIELD_PRIORITY, 0, &priority, err);

	if (rc == CR_OK)
		rc = expand_name(m, FIELD_POINTS_TO, &host, err);
	if (rc == CR_OK)
		buf_addf(rdata, "%d %s", (int)priority, buf_str(&host));
	buf_release(&host);
	return rc;
}

static int
make_srv(const struct making *m, struct buf *rdata, struct err *err)
{
	static const enum tmpl_field numbers[] = {FIELD_PRIORITY, FIELD_WEIGHT, FIELD_PORT};
	struct buf target = {0};
	int64_t n;
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(numbers); i++) {
		rc = expand_number(m, numbers[i], 0, &n, err);
		if (rc == CR_OK)
			buf_addf(rdata, "%d ", (int)n);
	}
	if (rc == CR_OK)
		rc = expand_name(m, FIELD_TARGET, &target, err);
	if (rc == CR_OK)
		buf_adds(rdata, buf_str(&target));
	buf_release(&target);
	return rc;
}

/* The record as it would be alone, and the rules that are merged into one that is there. */
static int
make_spf(const struct making *m, struct buf *text, char **rules_out, struct err *err)
{
	struct spf s = {0};
	char *alone = NULL;
	int rc = expand(m, FIELD_SPF_RULES, text, err);

	if (rc != CR_OK)
		return rc;
	rc = spf_parse("v=spf1", &s, err);
	if (rc == CR_OK)
		rc = spf_merge(&s, buf_str(text), "-all", err);
	if (rc == CR_OK)
		rc = spf_format(&s, &alone, err);
	if (rc == CR_OK)
		rc = buf_take(text, "spf rules", rules_out, err);
	if (rc == CR_OK) {
		buf_adds(text, alone);
		rc = buf_check(text, "spf record", err);
	}
	free(alone);
	spf_release(&s);
	return rc == CR_OK ? CR_OK : tmpl_fault(m->f->t, m->index, FIELD_SPF_RULES, rc, err);
}

/* Which field the RDATA comes from, for errors. */
static enum tmpl_field
main_field(const struct tmpl_type *type)
{
	if (type->spf)
		return FIELD_SPF_RULES;
	if (type->type == RECORD_SRV)
		return FIELD_TARGET;
	return (type->required & FIELD_BIT(FIELD_DATA)) != 0 ? FIELD_DATA : FIELD_POINTS_TO;
}

static int
make_rdata(const struct making *m, struct buf *rdata, struct tmpl_record *r, bool *skip_out, struct err *err)
{
	if (m->row->type->spf)
		return make_spf(m, rdata, &r->spf_rules, err);
	switch (m->row->type->type) {
	case RECORD_A:
	case RECORD_AAAA:
		return make_address(m, rdata, skip_out, err);
	case RECORD_CNAME:
	case RECORD_NS:
		return expand_name(m, FIELD_POINTS_TO, rdata, err);
	case RECORD_MX:
		return make_mx(m, rdata, err);
	case RECORD_SRV:
		return make_srv(m, rdata, err);
	default:
		return expand(m, FIELD_DATA, rdata, err);
	}
}

static int
copy_attributes(const struct making *m, struct tmpl_record *r, struct err *err)
{
	const char *group = m->row->field[FIELD_GROUP];
	struct buf prefix = {0};
	int rc = CR_OK;

	r->conflict = m->row->conflict;
	r->essential = m->row->essential;
	if (group != NULL && (r->group = strdup(group)) == NULL)
		return err_nomem(err, "template group");
	if (r->conflict == TMPL_CONFLICT_PREFIX) {
		rc = expand(m, FIELD_PREFIX, &prefix, err);
		if (rc == CR_OK)
			rc = buf_take(&prefix, "template prefix", &r->prefix, err);
	}
	buf_release(&prefix);
	return rc;
}

static int
make_record(const struct making *m, struct err *err)
{
	const struct tmpl_type *type = m->row->type;
	struct tmpl_record r = {0};
	struct buf rdata = {0};
	struct name owner;
	bool skip = false;
	int64_t ttl_s;
	int rc;

	rc = make_owner(m, &owner, err);
	if (rc == CR_OK)
		rc = expand_number(m, FIELD_TTL, m->f->ttl_s, &ttl_s, err);
	if (rc == CR_OK)
		rc = make_rdata(m, &rdata, &r, &skip, err);
	if (rc != CR_OK || skip)
		goto out;
	if (type->type == RECORD_TXT)
		rc = record_txt(owner.text, (uint32_t)ttl_s, buf_str(&rdata), rdata.len, &r.record, err);
	else
		rc = record_parse(owner.text, type->type, (uint32_t)ttl_s, buf_str(&rdata), m->f->domain, &r.record,
		                  err);
	if (rc != CR_OK) {
		rc = tmpl_fault(m->f->t, m->index, main_field(type), rc, err);
		goto out;
	}
	rc = copy_attributes(m, &r, err);
	if (rc == CR_OK)
		rc = append(&m->f->out, &r, err);
out:
	tmpl_record_release(&r);
	buf_release(&rdata);
	return rc;
}

static int
fill_row(struct fill *f, size_t index, struct err *err)
{
	struct making m = {.f = f, .row = &f->t->rows[index], .index = index};
	enum tmpl_field field = main_field(m.row->type);
	size_t n = may_repeat(field) ? repeats(f, m.row->field[field]) : 1;
	int rc = CR_OK;

	if (n > VALUES_MAX)
		return tmpl_fault(f->t, index, field, err_set(err, CR_ECONFIG, "%zu values are too many", n), err);
	for (; rc == CR_OK && m.repeat < n; m.repeat++)
		rc = make_record(&m, err);
	return rc;
}

static bool
in_groups(const char *group, const char *const *groups)
{
	for (; *groups != NULL; groups++) {
		if (strcmp(group, *groups) == 0)
			return true;
	}
	return false;
}

/* groups NULL: all.  ungrouped: the records without a group too. */
static int
fill(const struct tmpl *t, const char *domain, const struct tmpl_variable *vars, size_t n_vars,
     const char *const *groups, bool ungrouped, uint32_t ttl_s, struct tmpl_records *out, struct err *err)
{
	struct fill f = {.t = t, .vars = vars, .n_vars = n_vars, .ttl_s = ttl_s};
	struct name canonical;
	int rc = name_parse_host(domain, &canonical, err);

	if (rc != CR_OK) {
		(void)err_wrap(err, "%s", t->file);
		return rc;
	}
	f.domain = canonical.text;
	for (size_t i = 0; rc == CR_OK && i < t->n; i++) {
		const char *group = t->rows[i].field[FIELD_GROUP];

		if (group == NULL ? ungrouped : groups == NULL || in_groups(group, groups))
			rc = fill_row(&f, i, err);
	}
	if (rc == CR_OK) {
		*out = f.out;
		f.out = (struct tmpl_records){0};
	}
	tmpl_records_release(&f.out);
	return rc;
}

int
tmpl_fill(const struct tmpl *t, const char *domain, const struct tmpl_variable *vars, size_t n_vars,
          const char *const *groups, uint32_t ttl_s, struct tmpl_records *out, struct err *err)
{
	return fill(t, domain, vars, n_vars, groups, true, ttl_s, out, err);
}

int
tmpl_fill_group(const struct tmpl *t, const char *domain, const struct tmpl_variable *vars, size_t n_vars,
                const char *group, uint32_t ttl_s, struct tmpl_records *out, struct err *err)
{
	const char *const groups[] = {group, NULL};

	return fill(t, domain, vars, n_vars, groups, false, ttl_s, out, err);
}
