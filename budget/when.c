/*
 * when.c - dates as mails (RFC 5322 s3.3, s4.3) and syslogs (RFC 3164 s4.1.2, RFC 5424 s6.2.3) write them.
 */
#include "budget/when.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define HEADER_LOOK ((size_t)64 << 10)
#define DATE_MAX    128
#define DAY_S       86400

/* What is left of a text that is being read. */
struct rest {
	const char *p, *end;
};

static void
skip(struct rest *r, const char *any)
{
	while (r->p < r->end && *r->p != '\0' && strchr(any, *r->p) != NULL)
		r->p++;
}

/* Up to max digits; false: there is none. */
static bool
take_number(struct rest *r, int max, int *out)
{
	int n = 0, digits = 0;

	while (r->p < r->end && digits < max && isdigit((unsigned char)*r->p) != 0) {
		n = n * 10 + (*r->p++ - '0');
		digits++;
	}
	*out = n;
	return digits > 0;
}

static bool
take_char(struct rest *r, char c)
{
	if (r->p >= r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool
take_month(struct rest *r, int *out)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; i < 12 && r->end - r->p >= 3; i++) {
		if (strncasecmp(r->p, names + 3 * (size_t)i, 3) == 0) {
			r->p += 3;
			*out = i;
			return true;
		}
	}
	return false;
}

/* hh:mm or hh:mm:ss */
static bool
take_clock(struct rest *r, struct tm *t)
{
	if (!take_number(r, 2, &t->tm_hour) || !take_char(r, ':') || !take_number(r, 2, &t->tm_min))
		return false;
	if (take_char(r, ':') && !take_number(r, 2, &t->tm_sec))
		return false;
	return t->tm_hour < 24 && t->tm_min < 60 && t->tm_sec <= 60;
}

/* +0100 or +01:00; the names of zones (s4.3) say little, and are UTC here. */
static int
take_zone_s(struct rest *r)
{
	int sign = 0, hours, minutes = 0;

	if (take_char(r, '-'))
		sign = -1;
	else if (take_char(r, '+'))
		sign = 1;
	if (sign == 0 || !take_number(r, 2, &hours))
		return 0;
	(void)take_char(r, ':');
	(void)take_number(r, 2, &minutes);
	return hours < 24 && minutes < 60 ? sign * (hours * 3600 + minutes * 60) : 0;
}

static int64_t
utc_ms(struct tm *t, int zone_s)
{
	const int64_t s = (int64_t)timegm(t) - zone_s;

	return s > 0 ? s * 1000 : 0;
}

/* [Wed,] 25 Nov 2026 10:00:00 +0100 */
static int64_t
read_date(struct rest r)
{
	struct tm t = {0};
	int year;

	skip(&r, " \t\r\n");
	if (r.p < r.end && isalpha((unsigned char)*r.p) != 0) {
		while (r.p < r.end && isalpha((unsigned char)*r.p) != 0)
			r.p++;
		skip(&r, ", \t\r\n");
	}
	if (!take_number(&r, 2, &t.tm_mday) || t.tm_mday < 1 || t.tm_mday > 31)
		return 0;
	skip(&r, " -\t\r\n");
	if (!take_month(&r, &t.tm_mon))
		return 0;
	skip(&r, " -\t\r\n");
	if (!take_number(&r, 4, &year))
		return 0;
	/* s4.3: two digits are 2000 to 2049, or 1950 to 1999. */
	if (year < 100)
		year += year < 50 ? 2000 : 1900;
	t.tm_year = year - 1900;
	skip(&r, " \t\r\n");
	if (!take_clock(&r, &t))
		return 0;
	skip(&r, " \t\r\n");
	return utc_ms(&t, take_zone_s(&r));
}

int64_t
when_of_mail(const char *data, size_t len)
{
	const char *end = data + (len < HEADER_LOOK ? len : HEADER_LOOK);

	for (const char *line = data; line < end;) {
		const size_t left = (size_t)(end - line);
		const char *next = memchr(line, '\n', left);

		/* An empty line ends the header. */
		if (*line == '\n' || (*line == '\r' && left > 1 && line[1] == '\n'))
			return 0;
		if (left > 5 && strncasecmp(line, "date:", 5) == 0)
			return read_date((struct rest){line + 5, line + (left < DATE_MAX ? left : DATE_MAX)});
		line = next != NULL ? next + 1 : end;
	}
	return 0;
}

static int64_t
read_iso(struct rest r)
{
	struct tm t = {0};
	int fraction;

	if (!take_number(&r, 4, &t.tm_year) || !take_char(&r, '-') || !take_number(&r, 2, &t.tm_mon) ||
	    !take_char(&r, '-') || !take_number(&r, 2, &t.tm_mday) || !take_char(&r, 'T') || !take_clock(&r, &t))
		return 0;
	if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31)
		return 0;
	if (take_char(&r, '.'))
		(void)take_number(&r, 9, &fraction);
	t.tm_year -= 1900;
	t.tm_mon--;
	return utc_ms(&t, take_zone_s(&r));
}

/* Without a year: the last such day, or one that has just begun elsewhere. */
static int64_t
read_syslog(struct rest r, int64_t now_ms)
{
	const time_t now = (time_t)(now_ms / 1000);
	struct tm t = {0}, today;
	time_t at;

	if (!take_month(&r, &t.tm_mon))
		return 0;
	skip(&r, " ");
	if (!take_number(&r, 2, &t.tm_mday) || t.tm_mday < 1 || t.tm_mday > 31)
		return 0;
	skip(&r, " ");
	if (!take_clock(&r, &t) || localtime_r(&now, &today) == NULL)
		return 0;
	t.tm_year = today.tm_year;
	t.tm_isdst = -1;
	at = mktime(&t);
	if (at > now + DAY_S) {
		t.tm_year = today.tm_year - 1;
		t.tm_isdst = -1;
		at = mktime(&t);
	}
	return at > 0 ? (int64_t)at * 1000 : 0;
}

int64_t
when_of_line(const char *line, size_t len, int64_t now_ms)
{
	const struct rest r = {line, line + (len < DATE_MAX ? len : DATE_MAX)};

	if (len > 0 && isdigit((unsigned char)line[0]) != 0)
		return read_iso(r);
	return read_syslog(r, now_ms);
}
