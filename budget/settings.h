/*
 * settings.h - the gate, and what follows from refusals, as the installation's settings describe them: for the commands and the library.
 */
#ifndef BUDGET_SETTINGS_H
#define BUDGET_SETTINGS_H

#include "budget/gate.h"
#include "budget/organisations.h"
#include "budget/react.h"
#include "core/session.h"

/* By the session's limits, peers and organisations; the store must be open.  Errors: as gate_open, CR_ECONFIG. */
MUST_CHECK int settings_gate(struct session *s, struct gate **out, struct err *err);

/* After session_config; without a configuration nothing is declared.  out is zero before.  Errors: CR_ECONFIG (told), CR_ENOMEM. */
MUST_CHECK int settings_organisations(struct session *s, struct organisations *out, struct err *err);
MUST_CHECK int settings_reactions(struct session *s, struct react_rules *out, struct err *err);

extern const struct cfg_row organisation_rows[];
extern const size_t organisation_rows_n;
extern const struct cfg_row reaction_rows[];
extern const size_t reaction_rows_n;

#endif
