/*
 * cmd_contain.c - freeze and thaw by hand.  With --tenant the name is a primary, and stands for all its domains: the primary itself has no
 * state and is the target of nothing.
 */
#include "budget/cmd.h"

#include "core/json.h"
#include "dns/name.h"

#include <string.h>

static const char *reason;
static bool whole_tenant;

static const struct opt freeze_opts[] = {
	{"reason", 0, OPT_TEXT, &reason,       0, 0, "TEXT", "why; it goes into the log"                                },
	{"tenant", 0, OPT_FLAG, &whole_tenant, 0, 0, NULL,   "the name is a primary: all outreach domains of its tenant"},
};
static const struct opt thaw_opts[] = {
	{"reason", 0, OPT_TEXT, &reason,       0, 0, "TEXT", "what the review found; it goes into the log"},
	{"tenant", 0, OPT_FLAG, &whole_tenant, 0, 0, NULL,
         "the name is a primary: end the tenant's freeze, or the 30 days after a burn"                    },
};

void
cmd_freeze_help(FILE *to)
{
	opt_help(freeze_opts, ARRAY_LEN(freeze_opts), to);
}

void
cmd_thaw_help(FILE *to)
{
	opt_help(thaw_opts, ARRAY_LEN(thaw_opts), to);
}

static int
freeze(struct contain *c, const char *name, bool is_tenant, struct err *err)
{
	return is_tenant ? contain_freeze_tenant(c, name, "manual", reason, err)
	                 : contain_freeze(c, name, "manual", reason, err);
}

static int
thaw(struct contain *c, const char *name, bool is_tenant, struct err *err)
{
	return is_tenant ? contain_thaw_tenant(c, name, reason, err) : contain_thaw(c, name, reason, err);
}

static int
change(struct session *s, const char *name, int (*how)(struct contain *, const char *, bool, struct err *),
       struct err *err)
{
	struct contain c = cmd_contain(s);
	int64_t is_tenant = 0;
	int rc = db_begin(s->db, err);

	if (rc != CR_OK)
		return rc;
	rc = db_get_int(s->db, "SELECT 1 FROM tenant WHERE primary_domain = $1", DB_ARGS(db_text(name)), 0, &is_tenant,
	                err);
	if (rc == CR_OK && is_tenant != 0 && !whole_tenant)
		rc = err_set(
			err, CR_EREFUSED,
			"%s is a primary domain: coldrelay never touches it (--tenant means all its outreach domains)",
			name);
	else if (rc == CR_OK && is_tenant == 0 && whole_tenant)
		rc = err_set(err, CR_ENOTFOUND, "%s: no tenant of that name", name);
	if (rc == CR_OK)
		rc = how(&c, name, whole_tenant, err);
	return db_end(s->db, rc, err);
}

static int
say_done(struct session *s, const char *name, const char *event, struct err *err)
{
	struct buf line = {0};
	struct json_out j = json_out_on(&line);
	int rc;

	if (s->json) {
		json_out_open(&j, '{');
		json_out_member(&j, "event", event);
		json_out_member(&j, "domain", name);
		json_out_member(&j, "reason", reason);
		json_out_close(&j);
	} else {
		buf_addf(&line, "%s is %s", name, event);
	}
	rc = session_print_line(s, &line, err);
	buf_release(&line);
	return rc;
}

static int
change_state(struct session *s, int argc, char **argv, const char *usage, const char *event,
             int (*how)(struct contain *, const char *, bool, struct err *), struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct name name;
	size_t n;
	int rc;

	reason = NULL;
	whole_tenant = false;
	rc = cmd_parse(freeze_opts, ARRAY_LEN(freeze_opts), argc, argv, 1, 1, usage, operands, &n, err);
	if (rc != CR_OK || (rc = cmd_need(reason, "--reason TEXT", err)) != CR_OK)
		return rc;
	rc = name_parse_host(operands[0], &name, err);
	if (rc == CR_EPARSE)
		err->code = rc = CR_EUSAGE;
	if (rc != CR_OK || (rc = session_store(s, DB_WRITE, err)) != CR_OK ||
	    (rc = change(s, name.text, how, err)) != CR_OK)
		return rc;
	return say_done(s, name.text, event, err);
}

int
cmd_freeze(struct session *s, int argc, char **argv, struct err *err)
{
	return change_state(s, argc, argv, "freeze DOMAIN --reason TEXT [--tenant]", "frozen", freeze, err);
}

int
cmd_thaw(struct session *s, int argc, char **argv, struct err *err)
{
	return change_state(s, argc, argv, "thaw DOMAIN --reason TEXT [--tenant]", "thawed", thaw, err);
}
