/*
 * cmd_serve.c - serve: the gate as a policy service for Postfix, in the foreground, until SIGTERM.
 *
 * Everything that can be wrong with the configuration is found before it listens: Postfix then sees no service at all, and defers.
 */
#include "budget/cmd.h"

#include "budget/daemon.h"

#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The store's lock is waited for while everybody waits: a short time, then those who would spend are deferred and ask again. */
#define BUSY_MS 500

static struct {
	const char *listen;
	bool check_config;
} args;

static const struct opt opts[] = {
	{"listen",       0, OPT_TEXT, &args.listen,       0, 0, "PLACE", "unix:PATH or inet:HOST:PORT; else the setting `listen`"},
	{"check-config", 0, OPT_FLAG, &args.check_config, 0, 0, NULL,
         "read and check everything, say each fault in a line, and end without listening"                                        },
};

void
cmd_serve_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

struct places {
	struct listen_at listen, metrics;
	bool has_metrics;
};

/* A place that cannot be read: whose fault it is says the exit code. */
static int
find_place(const char *text, const char *what, int code, struct listen_at *out, struct err *err)
{
	int rc = listen_parse(text, out, err);

	if (rc != CR_EPARSE)
		return rc;
	(void)err_wrap(err, "%s", what);
	err->code = code;
	return code;
}

static int
find_listen(const struct session *s, struct places *out, struct err *err)
{
	if (args.listen != NULL)
		return find_place(args.listen, "--listen", CR_EUSAGE, &out->listen, err);
	return find_place(s->settings.listen, "listen", CR_ECONFIG, &out->listen, err);
}

static int
find_metrics(const struct session *s, struct places *out, struct err *err)
{
	int rc;

	out->has_metrics = s->settings.metrics != NULL;
	if (!out->has_metrics)
		return CR_OK;
	rc = find_place(s->settings.metrics, "metrics", CR_ECONFIG, &out->metrics, err);
	if (rc == CR_OK && !out->metrics.is_loopback)
		rc = err_set(err, CR_ECONFIG, "metrics: %s: told on this machine only: a loopback address or unix:PATH",
		             out->metrics.text);
	return rc;
}

static int
open_gate(struct session *s, enum db_mode mode, struct gate **out, struct err *err)
{
	int rc;

	s->busy_ms = BUSY_MS;
	rc = session_store(s, mode, err);
	return rc == CR_OK ? cmd_gate(s, out, err) : rc;
}

/* Opened for reading only: a look must not bring the store of a running daemon forward. */
static int
look_at_store(struct session *s, struct err *err)
{
	struct gate *gate = NULL;
	int rc = open_gate(s, DB_READ, &gate, err);

	if (rc == CR_OK && session_has_store(s) && faccessat(AT_FDCWD, s->settings.store, W_OK, AT_EACCESS) != 0)
		rc = err_errno(err, CR_ECONFIG, errno, s->settings.store);
	gate_drop(&gate);
	return rc;
}

/* One fault must not hide the next. */
static int
check_config(struct session *s, struct err *err)
{
	struct places places;
	size_t faults = 0;
	int rc = session_config(s, err);

	if (rc != CR_OK)
		return rc;
	if (find_listen(s, &places, err) != CR_OK && ++faults)
		log_error("%s", err->text);
	if (find_metrics(s, &places, err) != CR_OK && ++faults)
		log_error("%s", err->text);
	if (look_at_store(s, err) != CR_OK && ++faults)
		log_error("%s", err->text);
	if (faults > 0)
		return err_set(err, CR_ECONFIG, "%s: %zu fault%s, serve would not start", s->config_path, faults,
		               faults == 1 ? "" : "s");
	log_info("%s: serve would start, and listen on %s", s->config_path, places.listen.text);
	return CR_OK;
}

/* What SIGHUP reaches. */
struct serving {
	struct session *s;
	struct gate *gate;
};

/* These are held open: another value has to wait for a restart, and the one in use is kept beside the new rest. */
static void
keep_fixed(struct settings *used, struct settings *read)
{
	const struct {
		const char *key;
		char **used, **read;
	} fixed[] = {
		{"store",    &used->store,    &read->store   },
		{"key_file", &used->key_file, &read->key_file},
		{"metrics",  &used->metrics,  &read->metrics },
		{"listen",   &used->listen,   &read->listen  },
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		char *now = *fixed[i].used, *then = *fixed[i].read;
		bool same = now == NULL || then == NULL ? now == then : strcmp(now, then) == 0;

		if (!same && (args.listen == NULL || strcmp(fixed[i].key, "listen") != 0))
			log_warn("%s was changed: that needs a restart", fixed[i].key);
		*fixed[i].used = then;
		*fixed[i].read = now;
	}
}

static int
reload(void *arg, struct daemon *d, struct err *err)
{
	struct serving *serving = arg;
	struct session *s = serving->s, n = {.config_path = s->config_path, .clock = s->clock, .out = s->out};
	struct places places;
	struct gate *gate = NULL;
	struct settings settings;
	struct cfg *cfg;
	int rc = session_config(&n, err);

	if (rc == CR_OK && (rc = find_listen(&n, &places, err)) == CR_OK)
		rc = find_metrics(&n, &places, err);
	if (rc == CR_OK) {
		n.db = s->db;
		n.vault = s->vault;
		rc = cmd_gate(&n, &gate, err);
		n.db = NULL;
		n.vault = NULL;
	}
	if (rc == CR_OK) {
		daemon_set(d, gate, n.settings.log_recipients);
		keep_fixed(&s->settings, &n.settings);
		settings = s->settings;
		s->settings = n.settings;
		n.settings = settings;
		cfg = s->cfg;
		s->cfg = n.cfg;
		n.cfg = cfg;
		gate_drop(&serving->gate);
		serving->gate = gate;
	}
	session_release(&n);
	return rc;
}

static void
tell_place(const struct daemon *d, const struct places *places)
{
	const struct listen_at *at = daemon_place(d);

	if (strcmp(at->text, places->listen.text) != 0)
		log_warn("the service manager's socket is used, not %s, where `check` looks", places->listen.text);
	if (!at->is_loopback)
		log_warn("%s: whoever reaches this address can spend budgets; the protocol knows no password",
		         at->text);
	log_info("listening on %s", at->text);
	if (places->has_metrics)
		log_info("metrics on %s", places->metrics.text);
}

int
cmd_serve(struct session *s, int argc, char **argv, struct err *err)
{
	const char *operands[CMD_OPERANDS];
	struct serving serving = {.s = s};
	struct daemon *daemon = NULL;
	struct notify notify = {.fd = -1};
	struct places places;
	struct daemon_options o;
	size_t n;
	int rc;

	memset(&args, 0, sizeof(args));
	rc = cmd_parse(opts, ARRAY_LEN(opts), argc, argv, 0, 0,
	               "serve [--listen unix:PATH or inet:HOST:PORT] [--check-config]", operands, &n, err);
	if (rc != CR_OK || args.check_config)
		return rc == CR_OK ? check_config(s, err) : rc;
	if ((rc = session_config(s, err)) != CR_OK || (rc = find_listen(s, &places, err)) != CR_OK ||
	    (rc = find_metrics(s, &places, err)) != CR_OK || (rc = open_gate(s, DB_WRITE, &serving.gate, err)) != CR_OK)
		goto out;
	notify_open(&notify);
	o = (struct daemon_options){.at = &places.listen,
	                            .metrics = places.has_metrics ? &places.metrics : NULL,
	                            .gate = serving.gate,
	                            .db = s->db,
	                            .clock = s->clock,
	                            .notify = &notify,
	                            .log_recipients = s->settings.log_recipients,
	                            .reload = reload,
	                            .arg = &serving};
	rc = daemon_open(&o, &daemon, err);
	if (rc != CR_OK)
		goto out;
	tell_place(daemon, &places);
	rc = daemon_run(daemon, err);
out:
	daemon_drop(&daemon);
	gate_drop(&serving.gate);
	notify_close(&notify);
	return rc;
}
