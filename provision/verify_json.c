/*
 * verify_json.c - what a verify found, one JSON object a line (ARCHITECTURE.md, JSON).
 */
#include <string.h>

#include "core/json.h"
#include "provision/verify.h"

/* Ids stand apart by blanks. */
static void
put_also(struct json_out *j, const char *ids)
{
	json_out_key(j, "also");
	json_out_open(j, '[');
	while (ids != NULL && *ids != '\0') {
		const size_t len = strcspn(ids, " ");

		json_out_string_n(j, ids, len);
		ids += len + (ids[len] == ' ');
	}
	json_out_close(j);
}

static void
put_line(struct buf *b, const char *domain, const struct verify_line *l)
{
	struct json_out j = json_out_on(b);

	json_out_open(&j, '{');
	json_out_member(&j, "event", "check");
	json_out_member(&j, "domain", domain);
	json_out_member(&j, "group", verify_group_name(l->group));
	json_out_member(&j, "check", l->id);
	json_out_member(&j, "name", l->name);
	json_out_member(&j, "status", verify_status_name(l->status));
	json_out_member_bool(&j, "pending", l->pending);
	json_out_member(&j, "text", l->text);
	json_out_member(&j, "expected", l->expected);
	json_out_member(&j, "seen", l->seen);
	json_out_member(&j, "fix", l->fix);
	put_also(&j, l->also);
	json_out_close(&j);
	buf_addc(b, '\n');
}

static void
put_summary(struct buf *b, const char *domain, const struct verify_report *r)
{
	struct json_out j = json_out_on(b);

	json_out_open(&j, '{');
	json_out_member(&j, "event", "summary");
	json_out_member(&j, "domain", domain);
	json_out_member_int(&j, "ok", (int64_t)r->count[VERIFY_OK]);
	json_out_member_int(&j, "warn", (int64_t)r->count[VERIFY_WARN]);
	json_out_member_int(&j, "fail", (int64_t)r->count[VERIFY_FAIL]);
	json_out_member_int(&j, "unknown", (int64_t)r->count[VERIFY_UNKNOWN]);
	json_out_member_int(&j, "pending", (int64_t)r->pending);
	json_out_close(&j);
}

/* All lines of a domain in one write: a thousand domains have twenty thousand. */
int
verify_print_json(struct session *s, const struct verify_subject *subject, struct err *err)
{
	const struct verify_report *r = &subject->report;
	struct buf b = {0};
	int rc;

	for (size_t i = 0; i < r->n; i++)
		put_line(&b, subject->domain, &r->items[i]);
	put_summary(&b, subject->domain, r);
	rc = session_print_line(s, &b, err);
	buf_release(&b);
	return rc;
}
