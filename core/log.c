/*
 * log.c - levels, one line a message, one write a line.
 */
#include "core/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static enum log_level threshold = LOG_LEVEL_INFO;
static const struct log_guest *current_guest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *const prefixes[] = {
	[LOG_LEVEL_ERROR] = "coldrelay: error: ",
	[LOG_LEVEL_WARN] = "coldrelay: warning: ",
	[LOG_LEVEL_INFO] = "",
	[LOG_LEVEL_DEBUG] = "debug: ",
	[LOG_LEVEL_TRACE] = "trace: ",
};
_Static_assert(ARRAY_LEN(prefixes) == LOG_LEVEL__COUNT, "a prefix for every level");

void
log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level
log_get_level(void)
{
	return threshold;
}

void
log_set_guest(const struct log_guest *guest)
{
	(void)pthread_mutex_lock(&lock);
	current_guest = guest;
	(void)pthread_mutex_unlock(&lock);
}

static void
put(const char *text, size_t len)
{
	(void)pthread_mutex_lock(&lock);
	if (current_guest != NULL)
		current_guest->hide(current_guest->arg);
	if (write(STDERR_FILENO, text, len) < 0) {
		/* Nothing sensible can be done about a stderr that does not take the line. */
	}
	if (current_guest != NULL)
		current_guest->show(current_guest->arg);
	(void)pthread_mutex_unlock(&lock);
}

static void __attribute__((format(printf, 2, 0))) emit(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t len;

	if (level > threshold)
		return;
	(void)snprintf(line, sizeof(line) - 1, "%s", prefixes[level]);
	len = strlen(line);
	(void)vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	len = strlen(line);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	put(line, len);
}

void
log_lines(enum log_level level, const char *lines, size_t len)
{
	if (level <= threshold && len > 0)
		put(lines, len);
}

#define LOG_FUNCTION(name, level)                                                                                      \
	void name(const char *fmt, ...)                                                                                \
	{                                                                                                              \
		va_list ap;                                                                                            \
                                                                                                                       \
		va_start(ap, fmt);                                                                                     \
		emit(level, fmt, ap);                                                                                  \
		va_end(ap);                                                                                            \
	}

LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_trace, LOG_LEVEL_TRACE)
