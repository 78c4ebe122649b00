/*
 * cmd_verify.h - the verify command.
 */
#ifndef PROVISION_CMD_VERIFY_H
#define PROVISION_CMD_VERIFY_H

#include "core/session.h"

#define CMD_VERIFY_USAGE                                                                                               \
	"verify DOMAIN | --all | --message FILE [--wait DUR] [--resolver HOST:PORT] [--selector S] [--address IP]"

/* Returns the exit code, or a negative enum cr_err with err set. */
int cmd_verify(struct session *s, int argc, char **argv, struct err *err);
void cmd_verify_help(FILE *to);

#endif
