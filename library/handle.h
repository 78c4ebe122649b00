/*
 * handle.h - opening a handle on another clock than the system's, for tests.
 */
#ifndef LIBRARY_HANDLE_H
#define LIBRARY_HANDLE_H

#include "core/clock.h"
#include "library/coldrelay/gate.h"

/* As coldrelay_gate_open.  clock is borrowed. */
COLDRELAY_GATE_MUST_CHECK int handle_open(const struct coldrelay_gate_options *options, const struct clock *clock,
                                          struct coldrelay_gate **gate_out, char *error, size_t error_size);

#endif
