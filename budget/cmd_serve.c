/*
 * cmd_serve.c - serve: the gate as a policy service for Postfix, in the foreground, until SIGTERM.
 *
 * Everything that can be wrong with the configuration is found before it listens: Postfix then sees no service at all, and defers.
 */
#include "budget/cmd.h"

#include "budget/daemon.h"

#include "core/log.h"

#include <string.h>

static struct {
	const char *listen;
} args;

static const struct opt opts[] = {
	{"listen", 0, OPT_TEXT, &args.listen, 0, 0, "PLACE", "unix:PATH or inet:HOST:PORT; else the setting `listen`"},
};

void
cmd_serve_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

/* A place that cannot be read: whose fault it is says the exit code. */
static int
find_place(const struct session *s, struct listen_at *out, struct err *err)
{
	int rc = listen_parse(args.listen != NULL ? args.listen : s->settings.listen, out, err);

	if (rc != CR_EPARSE)
		return rc;
	(void)err_wrap(err, "%s", args.listen != NULL ? "--listen" : "listen");
	err->code = args.listen != NULL ? CR_EUSAGE : CR_ECONFIG;
	return err->code;
}

int
cmd_serve(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct gate *gate = NULL;
	struct daemon *daemon = NULL;
	struct listen_at at;
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = cmd_parse(opts, ARRAY_LEN(opts), argc, argv, 0, 0, "serve [--listen unix:PATH or inet:HOST:PORT]",
	               operands, &n, err);
	if (rc != CR_OK || (rc = session_config(s, err)) != CR_OK || (rc = find_place(s, &at, err)) != CR_OK ||
	    (rc = session_store(s, DB_WRITE, err)) != CR_OK || (rc = cmd_gate(s, &gate, err)) != CR_OK ||
	    (rc = daemon_open(&at, gate, s->db, s->clock, &daemon, err)) != CR_OK)
		goto out;
	if (!at.is_loopback)
		log_warn("%s: whoever reaches this address can spend budgets; the protocol knows no password", at.text);
	log_info("listening on %s", at.text);
	rc = daemon_run(daemon, err);
out:
	daemon_drop(&daemon);
	gate_drop(&gate);
	return rc;
}
