/*
 * cmd_quiesce.c - `coldrelay quiesce`: tell the mail hosts which domains may not send.
 */
#include "provision/cmd_quiesce.h"

#include <stdlib.h>

#include "core/log.h"
#include "core/opt.h"
#include "dns/name.h"
#include "provision/quiesce.h"

static int
sync_with(struct session *s, const char *const *names, size_t n, struct quiesce *q, struct err *err)
{
	struct intent intent = {0};
	int rc = intent_read(s, &intent, err);

	if (rc != CR_OK)
		return rc;
	rc = s->db != NULL ? CR_OK : session_store(s, DB_READ, err);
	*q = (struct quiesce){.session = s, .intent = &intent, .names = names, .n_names = n};
	if (rc == CR_OK)
		rc = quiesce_sync(q, err);
	intent_release(&intent);
	return rc;
}

/* Canonical forms of names, in one block that the caller frees; what is no name of a domain is left out, or refused. */
static int
canonical(const char *const *texts, size_t n, bool strict, struct name **block, const char ***out, size_t *n_out,
          struct err *err)
{
	struct name *names = calloc(n + 1, sizeof(*names));
	const char **list = calloc(n + 1, sizeof(*list));
	size_t kept = 0;
	int rc = names == NULL || list == NULL ? err_nomem(err, "names") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if (name_parse_host(texts[i], &names[kept], err) == CR_OK) {
			list[kept] = names[kept].text;
			kept++;
		} else if (strict) {
			rc = err_set(err, CR_EUSAGE, "'%s' is no domain name", texts[i]);
		}
	}
	*block = names;
	*out = list;
	*n_out = kept;
	return rc;
}

int
cmd_quiesce(struct session *s, int argc, char **argv, struct err *err)
{
	const char **operands = NULL, **names = NULL;
	struct name *block = NULL;
	struct quiesce q;
	size_t n = 0;
	int rc;

	rc = opt_parse_command(NULL, 0, argc, argv, 0, (size_t)argc, "quiesce [DOMAIN | PRIMARY ...]", &operands, &n,
	                       err);
	if (rc == CR_OK)
		rc = canonical(operands, n, true, &block, &names, &n, err);
	if (rc == CR_OK)
		rc = sync_with(s, names, n, &q, err);
	if (rc == CR_OK)
		log_info("%zu domain%s refused, %zu may send", q.n_refused, q.n_refused == 1 ? " is" : "s are",
		         q.n_open);
	free(names);
	free(block);
	free(operands);
	return rc;
}

void
cmd_quiesce_after(struct session *s, int argc, char **argv)
{
	const char **names = NULL;
	struct name *block = NULL;
	struct quiesce q;
	struct err err = {0};
	size_t n = 0;
	int rc = canonical((const char *const *)(argv + 1), (size_t)argc - 1, false, &block, &names, &n, &err);

	if (rc == CR_OK && n > 0)
		rc = sync_with(s, names, n, &q, &err);
	if (rc != CR_OK)
		log_warn("the gate obeys; at the mail host, `coldrelay quiesce` has to follow: %s", err.text);
	free(names);
	free(block);
}
