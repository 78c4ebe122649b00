/*
 * err.c - filling and wrapping struct err; the one table of exit codes.
 *
 * Source: sysexits.h (BSD), ARCHITECTURE.md "Exit codes".
 */
#define ERR_C
#include "core/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
	const char *name;
	int exit_code;
} codes[] = {
	[-CR_OK] = {"ok",              0          },
	[-CR_EUSAGE] = {"usage",           EX_USAGE   },
	[-CR_ECONFIG] = {"config",          EX_CONFIG  },
	[-CR_EAUTH] = {"auth",            EX_NOPERM  },
	[-CR_ENOTFOUND] = {"not_found",       EX_NOPERM  },
	[-CR_ECONFLICT] = {"conflict",        EX_NOPERM  },
	[-CR_ERETRY] = {"retry",           EX_TEMPFAIL},
	[-CR_EREFUSED] = {"refused",         EX_NOPERM  },
	[-CR_EPARSE] = {"parse",           EX_DATAERR },
	[-CR_ESTORE] = {"store",           EX_IOERR   },
	[-CR_EIO] = {"io",              EX_IOERR   },
	[-CR_ENOMEM] = {"memory",          EX_OSERR   },
	[-CR_EUNKNOWN] = {"unknown_outcome", EX_TEMPFAIL},
	[-CR_EBUG] = {"bug",             EX_SOFTWARE},
};
static_assert(ARRAY_LEN(codes) == -CR_EBUG + 1, "a row for every code");

static void
one_line(char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	err->retry_after_s = 0;
	va_start(ap, fmt);
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	one_line(err->text);
	return code;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;
	int used;

	if (err == NULL || err->code == CR_OK)
		return CR_EBUG;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	used = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* The tail is cut where the two together are too long: the context in front is what the reader needs first. */
	if (used >= 0 && (size_t)used < sizeof(err->text))
		(void)snprintf(err->text + used, sizeof(err->text) - (size_t)used, ": %.*s",
		               (int)(sizeof(err->text) - (size_t)used), old);
	one_line(err->text);
	return err->code;
}

int
err_nomem(struct err *err, const char *what)
{
	return err_set(err, CR_ENOMEM, "out of memory: %s", what);
}

int
err_errno(struct err *err, int code, int errnum, const char *what)
{
	char text[128];

	/* The GNU strerror_r may return a static string instead of filling text. */
	return err_set(err, code, "%s: %s", what, strerror_r(errnum, text, sizeof(text)));
}

bool
err_nothing_done(int code)
{
	return code == CR_EAUTH || code == CR_ERETRY || code == CR_ECONFLICT || code == CR_EREFUSED ||
	       code == CR_ENOTFOUND;
}

int
err_exit_code(int code)
{
	if (code > 0 || -code >= (int)ARRAY_LEN(codes))
		return EX_SOFTWARE;
	return codes[-code].exit_code;
}

const char *
err_code_name(int code)
{
	if (code > 0 || -code >= (int)ARRAY_LEN(codes))
		return "bug";
	return codes[-code].name;
}
