/*
 * log.h - talk on stderr.  Data never goes here, and no room below a cmd.c logs above debug.
 *
 * Thread-safe: one write(2) a line.  A progress line on a terminal (term.h) is cleared before a
 * log line and drawn again after it.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/own.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_TRACE, LOG_LEVEL__COUNT };

/* -q: warnings only; default info; -v debug; -vv trace. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_trace(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Many lines of one level in one write(2): each ends in a newline, and is printable. */
void log_lines(enum log_level level, const char *lines, size_t len);

/*
 * What stands on the terminal's last line and has to be out of the way of a log line; NULL to remove.
 * hide and show are called with the log's lock held.
 */
struct log_guest {
	void (*hide)(void *arg);
	void (*show)(void *arg);
	void *arg;
};
void log_set_guest(const struct log_guest *guest);

#endif
