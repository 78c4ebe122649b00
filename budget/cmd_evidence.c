/*
 * cmd_evidence.c - see cmd_evidence.h.
 */
#include "budget/cmd_evidence.h"

#include "budget/cmd.h"
#include "budget/organisations.h"
#include "budget/settings.h"
#include "budget/suppress.h"
#include "core/num.h"
#include "dns/name.h"

#include <string.h>

#define LINE_MAX_ 1600

struct telling {
	struct json_out *j;
	struct buf *out;
	int64_t since_ms; /* what was read before it is not behind the present state */
};

static void
put_json(struct json_out *j, const struct evidence *e, const char *action)
{
	char at[NUM_RFC3339_MAX];

	json_out_open(j, '{');
	json_out_member_int(j, "evidence", e->id);
	json_out_member(j, "action", action);
	num_format_rfc3339(e->at_ms / 1000, at, sizeof(at));
	json_out_member(j, "at", at);
	json_out_member(j, "class", e->class);
	json_out_member(j, "rule", e->rule);
	json_out_member(j, "layer", e->layer);
	json_out_member(j, "organisation", e->organisation);
	json_out_member(j, "host", e->host);
	json_out_member(j, "status", e->status);
	json_out_member(j, "sender", e->mailbox);
	json_out_member(j, "message_id", e->message_id);
	json_out_member(j, "source", e->source);
	json_out_member(j, "text", e->text);
	json_out_close(j);
}

static int
tell(void *arg, const struct evidence *e, const char *action, struct err *err)
{
	const struct telling *t = arg;
	char line[LINE_MAX_], at[NUM_RFC3339_MAX];

	(void)err;
	if (e->at_ms < t->since_ms)
		return CR_OK;
	if (t->j != NULL) {
		put_json(t->j, e, action);
		return CR_OK;
	}
	evidence_line(e, line, sizeof(line));
	num_format_rfc3339(e->at_ms / 1000, at, sizeof(at));
	buf_addf(t->out, "  %s %s, %s\n", at, action, line);
	return CR_OK;
}

/* The store's own word that an entry holds: what was lifted has evidence too, and is no no any more. */
static int
tell_entry(struct session *s, const char *kind, const char *value, const char *tenant, struct telling *t,
           struct err *err)
{
	int64_t added_ms;
	int rc = db_get_int(s->db,
	                    "SELECT MAX(added_ms) FROM suppression WHERE kind = $1 AND value = $2 AND "
	                    "(scope = $3 OR scope = '') AND lifted_ms IS NULL",
	                    DB_ARGS(db_text(kind), db_text(value), db_text(tenant)), 0, &added_ms, err);

	if (rc != CR_OK || added_ms == 0)
		return rc;
	return evidence_behind(s->db, kind, value, tenant, tell, t, err);
}

/* Everybody under whose name the organisation may be suppressed, as the gate looks for it: all above, and all it is declared to be. */
static int
tell_organisation(struct session *s, const char *tenant, const char *domain, struct telling *t, struct err *err)
{
	const char *names[ORGANISATION_NAMES + 1];
	struct organisations known = {0};
	struct name head;
	int rc = settings_organisations(s, &known, err);

	for (const char *n = domain; rc == CR_OK && *n != '\0'; n = name_parent(n))
		rc = tell_entry(s, "organisation", n, tenant, t, err);
	if (rc == CR_OK) {
		organisations_of(&known, domain, &head);
		organisations_names(&known, head.text, names);
	}
	for (size_t i = 0; rc == CR_OK && names[i] != NULL; i++) {
		if (!name_is_under(domain, names[i]))
			rc = tell_entry(s, "organisation", names[i], tenant, t, err);
	}
	organisations_release(&known);
	return rc;
}

static int
tell_suppression(struct session *s, const char *tenant, const struct address *to, struct telling *t, struct err *err)
{
	struct suppress_key key;
	int rc = suppress_key_of(s->vault, to->text, &key, err);

	if (rc == CR_OK)
		rc = tell_entry(s, key.kind, key.value, tenant, t, err);
	return rc == CR_OK ? tell_organisation(s, tenant, to->domain, t, err) : rc;
}

static int
tell_state(struct session *s, const struct domain_row *d, struct telling *t, struct err *err)
{
	int64_t frozen_ms = 0;
	int rc = db_get_int(s->db, "SELECT COALESCE(frozen_ms, 0) FROM tenant WHERE primary_domain = $1",
	                    DB_ARGS(db_text(d->tenant)), 0, &frozen_ms, err);

	if (rc == CR_OK && (d->state == DOMAIN_FROZEN || d->state == DOMAIN_BURNED)) {
		/* A burn has its reasons before it. */
		t->since_ms = d->state == DOMAIN_FROZEN ? d->since_ms : 0;
		rc = evidence_behind(s->db, "domain", d->name, NULL, tell, t, err);
	}
	if (rc == CR_OK && frozen_ms > 0) {
		t->since_ms = frozen_ms;
		rc = evidence_behind(s->db, "tenant", d->tenant, NULL, tell, t, err);
	}
	t->since_ms = 0;
	return rc;
}

int
cmd_evidence_between(struct session *s, const char *mailbox, const char *recipient, struct json_out *j, struct buf *out,
                     struct err *err)
{
	struct telling t = {.j = j, .out = out};
	struct address from, to;
	struct domain_row d = {0};
	int rc = address_parse(mailbox, &from, err);

	if (rc == CR_OK)
		rc = address_parse(recipient, &to, err);
	if (rc == CR_OK)
		rc = domain_find(s->db, from.domain, &d, err);
	/* None of ours: nothing is behind that. */
	if (rc != CR_OK)
		return rc == CR_ENOTFOUND ? CR_OK : rc;
	rc = tell_suppression(s, d.tenant, &to, &t, err);
	return rc == CR_OK ? tell_state(s, &d, &t, err) : rc;
}

static int
first(void *arg, const struct evidence *e, const char *action, struct err *err)
{
	int64_t *id = arg;

	(void)action;
	(void)err;
	if (*id == 0)
		*id = e->id;
	return CR_OK;
}

int
cmd_evidence_latest(struct db *db, const char *domain, int64_t *id_out, struct err *err)
{
	*id_out = 0;
	return evidence_behind(db, "domain", domain, NULL, first, id_out, err);
}
