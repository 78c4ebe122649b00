/*
 * num.h - numbers, durations and times read from text, and written.
 */
#ifndef CORE_NUM_H
#define CORE_NUM_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A whole decimal number, all of s, within [min, max].  No sign but '-', no blanks, no hex.
 * Errors: CR_EPARSE "not a number: '...'" or "must be MIN to MAX, not '...'" (wrap with the field's name).
 */
MUST_CHECK int num_parse(const char *s, int64_t min, int64_t max, int64_t *out, struct err *err);

/* "90", "90s", "45m", "24h", "14d", "2w" -> seconds, 0 to 10 years.  Errors: CR_EPARSE. */
MUST_CHECK int num_parse_duration(const char *s, int64_t *seconds_out, struct err *err);

/* "45 min", "3 h 20 min", "14 d": two units at most, for people.  size at least 24. */
void num_format_duration(int64_t seconds, char *out, size_t size);

/* 2026-11-25T11:06:59Z, UTC.  size at least NUM_RFC3339_MAX. */
#define NUM_RFC3339_MAX 32
void num_format_rfc3339(int64_t unix_s, char *out, size_t size);

/* RFC 3339 with Z or an offset, whole or fractional seconds (fraction dropped).  Errors: CR_EPARSE. */
MUST_CHECK int num_parse_rfc3339(const char *s, int64_t *unix_s_out, struct err *err);

/* Lower-case hexadecimal: 2 n digits and the NUL. */
void num_format_hex(const uint8_t *bytes, size_t n, char *out);
/* The value of a digit, in letters of either case; -1: it is none. */
int num_hex_digit(char c);
/* The first n bytes of such a text, which may go on.  False: it does not begin with 2 n digits. */
bool num_parse_hex(const char *text, size_t n, uint8_t *out);

#endif
