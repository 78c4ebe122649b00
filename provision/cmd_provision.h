/*
 * cmd_provision.h - the provision command.
 */
#ifndef PROVISION_CMD_PROVISION_H
#define PROVISION_CMD_PROVISION_H

#include "core/session.h"

/* Returns the exit code, or a negative enum cr_err with err set. */
int cmd_provision(struct session *s, int argc, char **argv, struct err *err);
void cmd_provision_help(FILE *to);

#endif
