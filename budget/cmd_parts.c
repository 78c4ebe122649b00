/*
 * cmd_parts.c - what the gate's commands share.
 */
#include "budget/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "budget/settings.h"
#include "core/audit.h"
#include "core/num.h"

int
cmd_parse(const struct opt *rows, size_t n_rows, int argc, char **argv, size_t min, size_t max, const char *usage,
          const char *operands_out[CMD_OPERANDS], size_t *n_out, struct err *err)
{
	const char **operands = NULL;
	size_t n = 0;
	int rc = opt_parse_command(rows, n_rows, argc, argv, min, max, usage, &operands, &n, err);

	for (size_t i = 0; rc == CR_OK && i < n && i < CMD_OPERANDS; i++)
		operands_out[i] = operands[i];
	if (rc == CR_OK)
		*n_out = n;
	free(operands);
	return rc;
}

int
cmd_need(const char *value, const char *option, struct err *err)
{
	if (value == NULL || value[strspn(value, " \t\r\n")] == '\0')
		return err_set(err, CR_EUSAGE, "%s is needed", option);
	return CR_OK;
}

int
cmd_gate(struct session *s, struct gate **out, struct err *err)
{
	return settings_gate(s, out, err);
}

struct contain
cmd_contain(struct session *s)
{
	return (struct contain){
		.db = s->db,
		.vault = s->vault,
		.now_ms = clock_wall_ms(s->clock),
		.actor = audit_actor(),
	};
}

void
cmd_time(int64_t ms, char *out, size_t size)
{
	if (ms <= 0)
		out[0] = '\0';
	else
		num_format_rfc3339((ms + 999) / 1000, out, size);
}
