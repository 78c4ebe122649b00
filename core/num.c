/*
 * num.c - numbers, durations and times between text and int64_t, without locale and without errno.
 *
 * Sources: RFC 3339 s5.6 (grammar), s5.7 (leap seconds); the calendar arithmetic is the proleptic Gregorian one with the
 * year counted from March, so that the leap day stands last and needs no table.
 */
#include "core/num.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_S   60
#define HOUR_S     3600
#define DAY_S      86400
#define DURATION_S ((int64_t)3653 * DAY_S) /* ten years, with up to three leap days */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Digits from *s on; *s moves behind them.  Saturates at the ends of int64_t: a range check then refuses it.
 * False when there is no digit.
 */
static bool
take_number(const char **s, bool negative, int64_t *out)
{
	const char *p = *s;
	int64_t v = 0;

	if (!is_digit(*p))
		return false;
	for (; is_digit(*p); p++) {
		int digit = *p - '0';

		/* Counted away from zero on its own side, since INT64_MIN has no positive twin. */
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -digit : digit, &v))
			v = negative ? INT64_MIN : INT64_MAX;
	}
	*s = p;
	*out = v;
	return true;
}

int
num_parse(const char *s, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	const char *p = s;
	bool negative = *p == '-';
	int64_t v;

	if (negative)
		p++;
	if (!take_number(&p, negative, &v) || *p != '\0')
		return err_set(err, CR_EPARSE, "not a number: '%s'", s);
	if (v < min || v > max)
		return err_set(err, CR_EPARSE, "must be %lld to %lld, not '%s'", (long long)min, (long long)max, s);
	*out = v;
	return CR_OK;
}

/* Seconds in a unit letter; '\0' is a bare number of seconds.  0: no such unit. */
static int
unit_seconds(char unit)
{
	switch (unit) {
	case '\0':
	case 's':
		return 1;
	case 'm':
		return MINUTE_S;
	case 'h':
		return HOUR_S;
	case 'd':
		return DAY_S;
	case 'w':
		return 7 * DAY_S;
	default:
		return 0;
	}
}

int
num_parse_duration(const char *s, int64_t *seconds_out, struct err *err)
{
	const char *p = s;
	int64_t v, unit_s;

	if (!take_number(&p, false, &v))
		return err_set(err, CR_EPARSE, "not a duration such as 45m, 24h or 14d: '%s'", s);
	unit_s = unit_seconds(*p);
	if (unit_s == 0 || (*p != '\0' && p[1] != '\0'))
		return err_set(err, CR_EPARSE, "not a duration such as 45m, 24h or 14d: '%s'", s);
	if (v > DURATION_S / unit_s)
		return err_set(err, CR_EPARSE, "longer than 10 years: '%s'", s);
	*seconds_out = v * unit_s;
	return CR_OK;
}

void
num_format_duration(int64_t seconds, char *out, size_t size)
{
	static const struct {
		unsigned seconds;
		const char *name;
	} units[] = {
		{DAY_S,    "d"  },
		{HOUR_S,   "h"  },
		{MINUTE_S, "min"},
		{1,        "s"  },
	};
	const char *sign = seconds < 0 ? "-" : "";
	uint64_t left = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
	uint64_t major, minor;
	size_t i = 0;

	while (i + 1 < ARRAY_LEN(units) && left < units[i].seconds)
		i++;
	major = left / units[i].seconds;
	/* Only the neighbouring unit is worth a reader's time: "14 d", not "14 d 3 s". */
	minor = i + 1 < ARRAY_LEN(units) ? left % units[i].seconds / units[i + 1].seconds : 0;
	if (minor != 0)
		(void)snprintf(out, size, "%s%llu %s %llu %s", sign, (unsigned long long)major, units[i].name,
		               (unsigned long long)minor, units[i + 1].name);
	else
		(void)snprintf(out, size, "%s%llu %s", sign, (unsigned long long)major, units[i].name);
}

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/* Days since 1970-01-01 of a date; 400 years are 146097 days, 719468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t
days_of_civil(struct civil c)
{
	int64_t year = c.month <= 2 ? c.year - 1 : c.year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t day_of_year = (153 * ((c.month + 9) % 12) + 2) / 5 + c.day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static struct civil
civil_of_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);

	return (struct civil){
		.year = year_of_era + era * 400 + (month <= 2),
		.month = month,
		.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
	};
}

/* n digits of v and the byte behind them; returns where the next goes. */
static char *
put_digits(char *out, int n, int v, char behind)
{
	for (int i = n; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	out[n] = behind;
	return out + n + 1;
}

void
num_format_rfc3339(int64_t unix_s, char *out, size_t size)
{
	int64_t days = unix_s / DAY_S;
	int64_t rest = unix_s % DAY_S;
	struct civil c;

	if (rest < 0) {
		rest += DAY_S;
		days--;
	}
	c = civil_of_days(days);
	if (size >= sizeof("0000-00-00T00:00:00Z") && c.year >= 0 && c.year <= 9999) {
		/* What every denial says: by hand, at a tenth of the price. */
		out = put_digits(out, 4, (int)c.year, '-');
		out = put_digits(out, 2, c.month, '-');
		out = put_digits(out, 2, c.day, 'T');
		out = put_digits(out, 2, (int)(rest / HOUR_S), ':');
		out = put_digits(out, 2, (int)(rest / MINUTE_S % 60), ':');
		out = put_digits(out, 2, (int)(rest % MINUTE_S), 'Z');
		*out = '\0';
		return;
	}
	(void)snprintf(out, size, "%04lld-%02d-%02dT%02d:%02d:%02dZ", (long long)c.year, c.month, c.day,
	               (int)(rest / HOUR_S), (int)(rest / MINUTE_S % 60), (int)(rest % MINUTE_S));
}

/* Exactly n digits within [min, max] and then one byte of ends ("" accepts any).  Moves *s behind them. */
static bool
take_field(const char **s, int n, int min, int max, const char *ends, int *out)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (!is_digit(**s))
			return false;
		v = v * 10 + (**s - '0');
	}
	if (v < min || v > max)
		return false;
	if (*ends != '\0') {
		if (**s == '\0' || strchr(ends, **s) == NULL)
			return false;
		(*s)++;
	}
	*out = v;
	return true;
}

/* "Z" or "+hh:mm", the end of the text behind it. */
static bool
take_offset(const char *s, int *offset_s_out)
{
	bool west = *s == '-';
	int hours, minutes;

	if (*s == 'Z' || *s == 'z') {
		*offset_s_out = 0;
		return s[1] == '\0';
	}
	if (*s != '+' && *s != '-')
		return false;
	s++;
	if (!take_field(&s, 2, 0, 23, ":", &hours) || !take_field(&s, 2, 0, 59, "", &minutes) || *s != '\0')
		return false;
	*offset_s_out = (hours * HOUR_S + minutes * MINUTE_S) * (west ? -1 : 1);
	return true;
}

static bool
parse_rfc3339(const char *s, int64_t *out)
{
	struct civil c, back;
	int year, hour, minute, second, offset_s;
	int64_t days, t;

	if (!take_field(&s, 4, 0, 9999, "-", &year) || !take_field(&s, 2, 1, 12, "-", &c.month) ||
	    !take_field(&s, 2, 1, 31, "Tt ", &c.day))
		return false;
	if (!take_field(&s, 2, 0, 23, ":", &hour) || !take_field(&s, 2, 0, 59, ":", &minute) ||
	    !take_field(&s, 2, 0, 60, "", &second))
		return false;
	if (*s == '.') {
		if (!is_digit(*++s))
			return false;
		while (is_digit(*s))
			s++;
	}
	if (!take_offset(s, &offset_s))
		return false;
	c.year = year;
	days = days_of_civil(c);
	back = civil_of_days(days);
	if (back.month != c.month) /* 30 February */
		return false;
	t = days * DAY_S + hour * HOUR_S + minute * MINUTE_S + second - offset_s;
	/* RFC 3339 s5.7: a second 60 stands only at the end of a UTC day; POSIX time counts it as the next second. */
	if (second == 60 && t % DAY_S != 0)
		return false;
	*out = t;
	return true;
}

int
num_parse_rfc3339(const char *s, int64_t *unix_s_out, struct err *err)
{
	if (!parse_rfc3339(s, unix_s_out))
		return err_set(err, CR_EPARSE, "not a time such as 2026-11-25T11:06:59Z: '%s'", s);
	return CR_OK;
}

void
num_format_hex(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

int
num_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
num_parse_hex(const char *text, size_t n, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * n; i++) {
		const char *d = text[i] != '\0' ? strchr(digits, text[i]) : NULL;

		if (d == NULL)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (d - digits));
	}
	return true;
}
