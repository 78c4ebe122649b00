/*
 * cmd_teardown.h - the teardown command.
 */
#ifndef PROVISION_CMD_TEARDOWN_H
#define PROVISION_CMD_TEARDOWN_H

#include "core/session.h"

/* Returns the exit code, or a negative enum cr_err with err set. */
int cmd_teardown(struct session *s, int argc, char **argv, struct err *err);
void cmd_teardown_help(FILE *to);

#endif
