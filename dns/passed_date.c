/*
 * passed_date.c - when a field says that something was: RFC 5322 s3.3, and the obsolete forms of s4.3.
 */
#include "dns/passed_inside.h"

#include <string.h>
#include <strings.h>

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	/* Counted from March, so that the leap day is the last of its year. */
	const int64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* Up to max digits off the front; -1: none. */
static int
take_number(struct span *s, size_t max)
{
	int n = 0;
	size_t i = 0;

	*s = span_trim(*s);
	for (; i < s->len && i < max && s->at[i] >= '0' && s->at[i] <= '9'; i++)
		n = n * 10 + (s->at[i] - '0');
	*s = (struct span){s->at + i, s->len - i};
	return i > 0 ? n : -1;
}

static bool
take_char(struct span *s, char c)
{
	*s = span_trim(*s);
	if (s->len == 0 || s->at[0] != c)
		return false;
	*s = (struct span){s->at + 1, s->len - 1};
	return true;
}

/* 1 to 12; 0: no month. */
static int
take_month(struct span *s)
{
	static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	*s = span_trim(*s);
	for (int m = 0; s->len > 3 && m < 12; m++) {
		if (strncasecmp(s->at, months + m * 3, 3) != 0)
			continue;
		*s = (struct span){s->at + 3, s->len - 3};
		return m + 1;
	}
	return 0;
}

/* Offset in seconds; military and unknown zones are UTC (s4.3). */
static int64_t
zone_of(struct span zone)
{
	static const struct {
		const char *name;
		int hours;
	} names[] = {
		{"EST", -5},
                {"EDT", -4},
                {"CST", -6},
                {"CDT", -5},
                {"MST", -7},
                {"MDT", -6},
                {"PST", -8},
                {"PDT", -7},
	};
	bool east = take_char(&zone, '+'), west = !east && take_char(&zone, '-');

	if (east || west) {
		int n = take_number(&zone, 4), seconds = (n / 100 * 60 + n % 100) * 60;

		return n < 0 ? 0 : west ? -seconds : seconds;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (zone.len >= 3 && strncasecmp(zone.at, names[i].name, 3) == 0)
			return names[i].hours * 3600;
	return 0;
}

/* s4.3: two digits, or three that count from 1900. */
static int
full_year(int year)
{
	return year < 50 ? year + 2000 : year < 1000 ? year + 1900 : year;
}

int64_t
passed_date(struct span text)
{
	const char *comma = text.len > 0 ? memchr(text.at, ',', text.len) : NULL;
	int day, month, year, hour, minute, second = 0;

	if (comma != NULL)
		text = (struct span){comma + 1, text.len - (size_t)(comma + 1 - text.at)};
	day = take_number(&text, 2);
	month = take_month(&text);
	year = take_number(&text, 4);
	hour = take_number(&text, 2);
	if (!take_char(&text, ':'))
		return 0;
	minute = take_number(&text, 2);
	if (take_char(&text, ':'))
		second = take_number(&text, 2);
	if (day < 1 || day > 31 || month == 0 || year < 0 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
	    second < 0 || second > 60 || full_year(year) < 1970)
		return 0;
	return days_of(full_year(year), month, day) * 86400 + (hour * 60 + minute) * 60 + second -
	       zone_of(span_trim(text));
}
