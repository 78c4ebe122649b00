/*
 * generic.c - names that a provider's script made: the address spelt out, or a word of access networks.
 *
 * The address is searched for in the whole name; words only in front of the registrable domain, which is somebody's chosen name
 * (mail.poolside.example is nobody's pool).
 */
#include "dns/generic.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"

#define RUNS_MAX 64

#define JOINED_MIN 8 /* digits */

/* A run of decimal digits within the name. */
struct digits {
	size_t at, len;
	unsigned value; /* 1000: more than an octet */
};

static size_t
find_digits(const char *name, struct digits out[RUNS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; name[i] != '\0' && n < RUNS_MAX;) {
		size_t len = strspn(name + i, "0123456789");

		if (len == 0) {
			i++;
			continue;
		}
		out[n] = (struct digits){.at = i, .len = len, .value = 1000};
		if (len <= 3) {
			out[n].value = 0;
			for (size_t k = 0; k < len; k++)
				out[n].value = out[n].value * 10 + (unsigned)(name[i + k] - '0');
		}
		n++;
		i += len;
	}
	return n;
}

/* Two numbers that belong together: one separator between them, no word. */
static bool
next_to(const char *name, const struct digits *a, const struct digits *b)
{
	size_t end = a->at + a->len;

	return b->at - end == 1 && strchr("-._x", name[end]) != NULL;
}

/* want octets in a row, from first on, forward or backward. */
static bool
has_row(const char *name, const struct digits *d, size_t n, const uint8_t *octets, size_t want, bool backward)
{
	for (size_t i = 0; i + want <= n; i++) {
		size_t k = 0;

		while (k < want && d[i + k].value == octets[backward ? want - 1 - k : k] &&
		       (k == 0 || next_to(name, &d[i + k - 1], &d[i + k])))
			k++;
		if (k == want)
			return true;
	}
	return false;
}

/* "192000002010", "c000020a", "19251100100", and each from the other end; fewer than eight characters prove nothing. */
static bool
has_joined(const char *name, const uint8_t octets[4])
{
	for (size_t backward = 0; backward < 2; backward++) {
		struct buf padded = {0}, hex = {0}, plain = {0};
		bool found;

		for (size_t i = 0; i < 4; i++) {
			unsigned octet = octets[backward != 0 ? 3 - i : i];

			buf_addf(&padded, "%03u", octet);
			buf_addf(&hex, "%02x", octet);
			buf_addf(&plain, "%u", octet);
		}
		found = (padded.len > 0 && strstr(name, buf_str(&padded)) != NULL) ||
		        (hex.len > 0 && strstr(name, buf_str(&hex)) != NULL) ||
		        (plain.len >= JOINED_MIN && strstr(name, buf_str(&plain)) != NULL);
		buf_release(&padded);
		buf_release(&hex);
		buf_release(&plain);
		if (found)
			return true;
	}
	return false;
}

static bool
has_v4(const char *name, const struct digits *d, size_t n, const uint8_t octets[4])
{
	for (int backward = 0; backward < 2; backward++) {
		/* Three of the four are no accident either: the first is often left to the zone. */
		if (has_row(name, d, n, octets, 3, backward != 0) || has_row(name, d, n, octets + 1, 3, backward != 0))
			return true;
	}
	return has_joined(name, octets);
}

/* 32 nibbles, either way; the address as it is written with dashes for colons; or the host's half alone. */
static bool
has_v6(const char *name, const struct ip *ip)
{
	static const char digits[] = "0123456789abcdef";
	char bare[NAME_TEXT_MAX], forward[33] = "", backward[33] = "", text[IP_TEXT_MAX], groups[48] = "";
	size_t len = 0, used = 0;

	for (const char *p = name; *p != '\0'; p++) {
		if (strchr("-._", *p) == NULL)
			bare[len++] = *p;
	}
	bare[len] = '\0';
	for (size_t i = 0; i < 32; i++) {
		forward[i] = digits[ip->bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
		backward[31 - i] = forward[i];
	}
	for (size_t i = 0; i < 8; i++)
		used += (size_t)snprintf(groups + used, sizeof(groups) - used, "%s%x", i > 0 ? "-" : "",
		                         (unsigned)ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1]);
	(void)ip_format(ip, text);
	for (char *p = text; *p != '\0'; p++)
		*p = *p == ':' ? '-' : *p;
	return strstr(bare, forward) != NULL || strstr(bare, backward) != NULL || strstr(name, groups) != NULL ||
	       strstr(name, text) != NULL || (ip->bytes[8] != 0 && strstr(bare, forward + 16) != NULL);
}

/* Words that are enough alone, and words that are when a number stands beside them. */
static const char *const pool_words[] = {
	"adsl",       "broadband", "cable", "cablemodem", "catv",     "cgnat",     "dhcp",  "dial",        "dialin",
	"dialup",     "dip",       "dsl",   "dyn",        "dynamic",  "dynamicip", "dynip", "ftth",        "fttx",
	"gprs",       "hsd",       "modem", "pool",       "pools",    "ppp",       "pppoe", "residential", "sdsl",
	"unassigned", "vdsl",      "wifi",  "wimax",      "wireless", "xdsl",
};
static const char *const numbered_words[] = {"client", "clients", "cust", "customer", "customers",
                                             "ip",     "static",  "user", "users"};

static bool
is_among(const char *word, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(list[i]) == len && strncmp(word, list[i], len) == 0)
			return true;
	}
	return false;
}

/* Within the first len bytes. */
static const char *
pool_word(const char *name, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t end = i;

		while (end < len && isalpha((unsigned char)name[end]))
			end++;
		if (end == i) {
			i++;
			continue;
		}
		if (is_among(name + i, end - i, pool_words, ARRAY_LEN(pool_words)))
			return "has a word of access pools";
		/* "static-10", "static.10", "10.static", "ip7". */
		if (is_among(name + i, end - i, numbered_words, ARRAY_LEN(numbered_words)) &&
		    ((end + 1 < len && strchr("-._", name[end]) != NULL && isdigit((unsigned char)name[end + 1])) ||
		     (end < len && isdigit((unsigned char)name[end])) ||
		     (i > 1 && strchr("-._", name[i - 1]) != NULL && isdigit((unsigned char)name[i - 2]))))
			return "has a word of access pools and a number";
		i = end;
	}
	return NULL;
}

/* What hosters name a machine that its owner did not name. */
static const char *const hosters[] = {
	"amazonaws.com",
	"bc.googleusercontent.com",
	"cloudapp.azure.com",
	"cloudapp.net",
	"clients.your-server.de",
	"compute.internal",
	"contaboserver.net",
	"ip.linodeusercontent.com",
	"members.linode.com",
	"vps.ovh.net",
	"vps.ovh.ca",
	"ip-ovh.net",
	"vultrusercontent.com",
	"startdedicated.com",
	"poneytelecom.eu",
	"stratoserver.net",
	"onlinehome-server.info",
	"hwclouds-dns.com",
};

static bool
is_hosters(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hosters); i++) {
		if (name_is_under(name, hosters[i]) && !name_equal(name, hosters[i]))
			return true;
	}
	/* ec2-192-0-2-10.compute.cloud.example, ip-10-1.cloud.example; *.compute.* and *.compute-1.* */
	if (strncmp(name, "ec2-", 4) == 0 && isdigit((unsigned char)name[4]))
		return true;
	for (const char *p = strchr(name, '.'); p != NULL; p = strchr(p + 1, '.')) {
		if (strncmp(p, ".compute.", 9) == 0 ||
		    (strncmp(p, ".compute-", 9) == 0 && isdigit((unsigned char)p[9])))
			return true;
	}
	return false;
}

const char *
host_is_generic(const char *name, const struct ip *ip)
{
	struct digits d[RUNS_MAX];
	size_t n = find_digits(name, d);
	struct name chosen;
	size_t front;

	if (ip->len == 4 ? has_v4(name, d, n, ip->bytes) : ip->len == 16 && has_v6(name, ip))
		return "contains the address";
	if (is_hosters(name))
		return "is a hoster's default";
	name_organisation(name, &chosen);
	front = strlen(name) - strlen(chosen.text);
	return pool_word(name, front);
}
