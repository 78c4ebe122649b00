/*
 * cmd_quiesce.h - the quiesce command, and its work after commands that stop or free a domain.
 */
#ifndef PROVISION_CMD_QUIESCE_H
#define PROVISION_CMD_QUIESCE_H

#include "core/session.h"

/* Returns the exit code, or a negative enum cr_err with err set. */
int cmd_quiesce(struct session *s, int argc, char **argv, struct err *err);
/* After such a command has succeeded with these arguments.  Its own work is done by then, and binds: what fails here is a warning. */
void cmd_quiesce_after(struct session *s, int argc, char **argv);

#endif
