/*
 * cmd_keys.h - the keys command.
 */
#ifndef PROVISION_CMD_KEYS_H
#define PROVISION_CMD_KEYS_H

#include "core/session.h"

/* Returns the exit code, or a negative enum cr_err with err set. */
int cmd_keys(struct session *s, int argc, char **argv, struct err *err);
void cmd_keys_help(FILE *to);

#endif
