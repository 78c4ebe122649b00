/*
 * settings.h - the gate as the installation's settings describe it, for the commands and for the library.
 */
#ifndef BUDGET_SETTINGS_H
#define BUDGET_SETTINGS_H

#include "budget/gate.h"
#include "core/session.h"

/* By the session's limits and peers; the store must be open.  Errors: as gate_open. */
MUST_CHECK int settings_gate(struct session *s, struct gate **out, struct err *err);

#endif
