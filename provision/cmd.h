/*
 * cmd.h - the commands of this room: provision, teardown, verify, keys.
 */
#ifndef PROVISION_CMD_H
#define PROVISION_CMD_H

#include "core/session.h"

extern const struct command provision_commands[];
extern const size_t provision_commands_n;

#endif
