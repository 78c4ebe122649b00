/*
 * slice.c - a stretch of text where it lies.
 */
#include "budget/slice.h"

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool
slice_is(struct slice s, struct slice want)
{
	return s.len == want.len && slice_starts(s, want);
}

bool
slice_starts(struct slice s, struct slice want)
{
	if (s.len < want.len)
		return false;
	for (size_t i = 0; i < want.len; i++)
		if (lower(s.at[i]) != lower(want.at[i]))
			return false;
	return true;
}

struct slice
slice_trim(struct slice s)
{
	while (s.len > 0 && (unsigned char)s.at[0] <= ' ') {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (unsigned char)s.at[s.len - 1] <= ' ')
		s.len--;
	return s;
}

const char *
slice_find(struct slice s, struct slice needle)
{
	if (needle.len == 0 || s.len < needle.len)
		return NULL;
	unsigned char first = (unsigned char)needle.at[0];
	for (const char *p = s.at, *last = s.at + s.len - needle.len; p <= last; p++)
		if (lower(*p) == first && slice_starts((struct slice){p, needle.len}, needle))
			return p;
	return NULL;
}
