/*
 * settings.c - from settings to a gate, and to what follows from refusals.
 */
#include "budget/settings.h"

#include <stdlib.h>

#define ORG_AT(member)   offsetof(struct organisation_settings, member)
#define ALSO(class)      offsetof(struct reaction_settings, also[class])
#define REACT_AT(member) offsetof(struct reaction_settings, member)
#define DAY_S            86400

struct organisation_settings {
	char *name;
	struct cfg_list aliases;
};
struct reaction_settings {
	struct cfg_list also[REPLY_CLASS__COUNT];
	int64_t burn_at, burn_window_s, repeat_window_s;
};

/* clang-format off */
const struct cfg_row organisation_rows[] = {
	{"name", CFG_NAME, ORG_AT(name), 0, 0, NULL, CFG_REQUIRED, NULL, "The domain it goes by."},
	{"aliases", CFG_LIST, ORG_AT(aliases), 0, ORGANISATION_NAMES - 1, NULL, 0, "domains", "Its other domains: one pace, and one refusal, for all of them."},
};
const size_t organisation_rows_n = ARRAY_LEN(organisation_rows);

/* A list adds to what the class demands anyway; the numbers go to the stricter side only. */
const struct cfg_row reaction_rows[] = {
	{"burn_at", CFG_INT, REACT_AT(burn_at), 2, REACT_BURN_AT, "3", 0, "organisations", "How many unrelated organisations, or vendors in their place, burn a domain."},
	{"burn_window", CFG_DURATION, REACT_AT(burn_window_s), REACT_BURN_WINDOW_S, 365 * DAY_S, "7d", 0, NULL, "Within which time."},
	{"repeat_window", CFG_DURATION, REACT_AT(repeat_window_s), REACT_REPEAT_WINDOW_S, 365 * DAY_S, "30d", 0, NULL, "Within which time complaints, and refusals of the content, count as repeated."},
	{"tenant_policy", CFG_LIST, ALSO(REPLY_TENANT_POLICY), 0, 0, NULL, 0, NULL, "An organisation's rule or list."},
	{"mailbox_block", CFG_LIST, ALSO(REPLY_MAILBOX_BLOCK), 0, 0, NULL, 0, NULL, "One user's own block."},
	{"ip_block", CFG_LIST, ALSO(REPLY_IP_BLOCK), 0, 0, NULL, 0, NULL, "The sending address is listed."},
	{"reputation", CFG_LIST, ALSO(REPLY_REPUTATION), 0, 0, NULL, 0, NULL, "A vendor's verdict on the sender."},
	{"content", CFG_LIST, ALSO(REPLY_CONTENT), 0, 0, NULL, 0, NULL, "The message itself."},
	{"auth", CFG_LIST, ALSO(REPLY_AUTH), 0, 0, NULL, 0, NULL, "SPF, DKIM, DMARC, reverse DNS, TLS."},
	{"rate", CFG_LIST, ALSO(REPLY_RATE), 0, 0, NULL, 0, NULL, "Too much at once."},
	{"own_account", CFG_LIST, ALSO(REPLY_OWN_ACCOUNT), 0, 0, NULL, 0, NULL, "The own provider restricts the account."},
	{"recipient_restricted", CFG_LIST, ALSO(REPLY_RECIPIENT_RESTRICTED), 0, 0, NULL, 0, NULL, "An address that takes mail from inside only."},
	{"bad_recipient", CFG_LIST, ALSO(REPLY_BAD_RECIPIENT), 0, 0, NULL, 0, NULL, "No such address."},
	{"config", CFG_LIST, ALSO(REPLY_CONFIG), 0, 0, NULL, 0, NULL, "A fault of set-up on either side."},
	{"complaint", CFG_LIST, ALSO(REPLY_COMPLAINT), 0, 0, NULL, 0, NULL, "A feedback report."},
};
const size_t reaction_rows_n = ARRAY_LEN(reaction_rows);
/* clang-format on */

/* The installation's own faults were told before: tell these too. */
static int
tell_faults(struct session *s, size_t before, struct err *err)
{
	if (cfg_fault_count(s->cfg) == before)
		return CR_OK;
	s->findings_told = false;
	return session_findings(s, err);
}

static int
add_organisation(struct session *s, const struct cfg_group *g, struct organisations *o, struct err *err)
{
	struct organisation_settings one = {0};
	int rc = cfg_read_group(s->cfg, g, "organisation", organisation_rows, organisation_rows_n, NULL, 0, &one, err);

	if (rc == CR_OK && one.name != NULL) {
		struct err fault = {0};

		rc = organisations_add(o, one.name, (const char *const *)one.aliases.items, one.aliases.n, &fault);
		if (rc == CR_ECONFIG) {
			cfg_fault(s->cfg, g, NULL, "organisations: %s", fault.text);
			rc = CR_OK;
		} else if (rc != CR_OK) {
			rc = err_set(err, rc, "%s", fault.text);
		}
	}
	cfg_release_group(organisation_rows, organisation_rows_n, &one);
	return rc;
}

int
settings_organisations(struct session *s, struct organisations *out, struct err *err)
{
	const struct cfg_group *root = s->cfg != NULL ? cfg_root(s->cfg) : NULL;
	const size_t n = root != NULL ? cfg_count(s->cfg, root, "organisations") : 0;
	const size_t before = s->cfg != NULL ? cfg_fault_count(s->cfg) : 0;
	struct organisations o = {0};
	int rc = CR_OK;

	if (root == NULL)
		return CR_OK;
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const struct cfg_group *g = cfg_item(s->cfg, root, "organisations", i);

		if (g != NULL)
			rc = add_organisation(s, g, &o, err);
	}
	if (rc == CR_OK)
		rc = tell_faults(s, before, err);
	if (rc == CR_OK) {
		*out = o;
		o = (struct organisations){0};
	}
	organisations_release(&o);
	return rc;
}

static void
read_also(struct session *s, const struct cfg_group *g, const struct reaction_settings *r, struct react_rules *out)
{
	for (size_t i = 0; i < reaction_rows_n; i++) {
		const size_t at = reaction_rows[i].offset;
		const struct cfg_list *list = (const struct cfg_list *)(const void *)((const char *)r + at);

		for (size_t k = 0; reaction_rows[i].type == CFG_LIST && k < list->n; k++) {
			struct err fault = {0};
			enum react_act act;

			if (react_act_parse(list->items[k], &act, &fault) == CR_OK)
				out->also[(at - ALSO(0)) / sizeof(*list)] |= act;
			else
				cfg_fault(s->cfg, g, reaction_rows[i].key, "%s: %s", reaction_rows[i].key, fault.text);
		}
	}
}

int
settings_reactions(struct session *s, struct react_rules *out, struct err *err)
{
	const size_t before = s->cfg != NULL ? cfg_fault_count(s->cfg) : 0;
	struct reaction_settings r = {0};
	const struct cfg_group *g;
	int rc;

	*out = (struct react_rules){0};
	if (s->cfg == NULL)
		return CR_OK;
	g = cfg_sub(s->cfg, cfg_root(s->cfg), "reactions");
	rc = cfg_read_group(s->cfg, g, "reactions", reaction_rows, reaction_rows_n, NULL, 0, &r, err);
	if (rc == CR_OK) {
		read_also(s, g, &r, out);
		out->burn_at = r.burn_at;
		out->burn_window_s = r.burn_window_s;
		out->repeat_window_s = r.repeat_window_s;
		rc = tell_faults(s, before, err);
	}
	cfg_release_group(reaction_rows, reaction_rows_n, &r);
	return rc;
}

int
settings_gate(struct session *s, struct gate **out, struct err *err)
{
	const struct cfg_list *list = &s->settings.warmup_peers;
	const struct gate_limits limits = {
		.total_per_day = s->settings.limits.total,
		.outbound_per_day = s->settings.limits.outbound,
		.warmup_per_day = s->settings.limits.warmup,
		.org_per_hour = s->settings.limits.org_per_hour,
		.org_per_day = s->settings.limits.org_per_day,
		.mailbox_gap_s = s->settings.limits.mailbox_gap_s,
		.queue_lifetime_s = s->settings.limits.queue_lifetime_s,
		.history_days = s->settings.limits.history_days,
	};
	const char **peers = calloc(list->n + 1, sizeof(*peers));
	struct organisations organisations = {0};
	struct gate *g = NULL;
	int rc;

	if (peers == NULL)
		return err_nomem(err, "warm-up peers");
	for (size_t i = 0; i < list->n; i++)
		peers[i] = list->items[i];
	rc = settings_organisations(s, &organisations, err);
	if (rc == CR_OK)
		rc = gate_open(s->db, s->vault, s->clock, &limits, peers, &g, err);
	if (rc == CR_OK) {
		gate_organisations_take(g, &organisations);
		*out = TAKE(g);
	}
	organisations_release(&organisations);
	free(peers);
	return rc;
}
