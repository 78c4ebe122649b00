/*
 * settings.c - from settings to a gate.
 */
#include "budget/settings.h"

#include <stdlib.h>

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
	int rc;

	if (peers == NULL)
		return err_nomem(err, "warm-up peers");
	for (size_t i = 0; i < list->n; i++)
		peers[i] = list->items[i];
	rc = gate_open(s->db, s->vault, s->clock, &limits, peers, out, err);
	free(peers);
	return rc;
}
