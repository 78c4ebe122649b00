/*
 * cmd.c - the table of this room's commands.
 */
#include "provision/cmd.h"

#include "provision/cmd_keys.h"
#include "provision/cmd_provision.h"
#include "provision/cmd_quiesce.h"
#include "provision/cmd_teardown.h"
#include "provision/cmd_verify.h"

const struct command provision_commands[] = {
	{"provision", cmd_provision, "PRIMARY [DOMAIN...] [--dry-run] [--yes] [--max-spend N]",
         "make the tenant's outreach domains what the configuration says",															   cmd_provision_help},
	{"verify",    cmd_verify,
         "DOMAIN | --all | --message FILE [--wait DUR] [--resolver HOST:PORT] [--selector S] [--address IP]", "is the domain really ready: records, SPF, DKIM, DMARC, hosts, lists, a test message", cmd_verify_help   },
	{"keys",      cmd_keys,      "list | rotate | export DOMAIN",                                         "the DKIM keys of a domain",                                                           cmd_keys_help     },
	{"quiesce",   cmd_quiesce,   "[DOMAIN | PRIMARY ...]",
         "tell the mail hosts which domains may not send, and which may again",														      NULL              },
	{"teardown",  cmd_teardown,  "DOMAIN [--dry-run] [--yes] [--now --reason TEXT]",
         "close a domain; when its time is over, remove what was made and park it",														  cmd_teardown_help },
};
const size_t provision_commands_n = ARRAY_LEN(provision_commands);
