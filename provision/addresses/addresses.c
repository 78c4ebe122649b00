/*
 * addresses.c - which reverse zone holds an address, and under what name.
 *
 * Sources: RFC 1035 s3.5 (in-addr.arpa), RFC 3596 s2.5 (ip6.arpa), RFC 2317 s4 (classless delegation).  RFC 2317 leaves the label
 * of a block free; three forms are usual, and two of them look alike (see parse_range).
 * Invariant: a name is only given when the block that the zone's label tells of holds the address.
 */
#include "provision/addresses/addresses.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/num.h"

struct zone_owner {
	char *zone;
	struct cfg_list reverse_zones;
	struct cfg_list addresses;
};

static const struct cfg_row zone_rows[] = {
	{"zone",          CFG_TEXT, offsetof(struct zone_owner, zone),          0, 0, NULL, CFG_REQUIRED, NULL,
         "Name of the configured zone provider that serves the reverse zones."          },
	{"reverse_zones", CFG_LIST, offsetof(struct zone_owner, reverse_zones), 0, 0, NULL, CFG_REQUIRED, NULL,
         "The reverse zones that may be written to, RFC 2317 ones included."            },
	{"addresses",     CFG_LIST, offsetof(struct zone_owner, addresses),     0, 0, NULL, 0,            NULL,
         "Addresses or blocks whose PTR may be set; by default all that the zones hold."},
};

/* Last octets first..last of a classless block; false when label is not the label of one. */
struct range {
	int64_t first, last;
};

static bool
from_prefix(int64_t base, int64_t prefix, struct range *out)
{
	int64_t size;

	if (prefix < 25 || prefix > 32)
		return false;
	size = (int64_t)1 << (32 - prefix);
	if (base % size != 0)
		return false;
	*out = (struct range){base, base + size - 1};
	return true;
}

static bool
is_cidr_range(int64_t first, int64_t last)
{
	int64_t size = last - first + 1;

	return size > 0 && (size & (size - 1)) == 0 && first % size == 0;
}

/*
 * "64/26" is base and prefix.  With '-' it is "64-127", first and last, or "64-26", base and prefix.  Where both can be read
 * ("0-31") the first-and-last reading wins when it is a whole CIDR block, since a block of 32 is delegated more often than
 * one of two; a crooked range ("3-9") is accepted last.
 */
static bool
parse_range(const char *label, size_t len, struct range *out)
{
	char text[16];
	char *between;
	int64_t a, b;
	bool slash;

	if (len >= sizeof(text))
		return false;
	memcpy(text, label, len);
	text[len] = '\0';
	between = strpbrk(text, "/-");
	if (between == NULL)
		return false;
	slash = *between == '/';
	*between = '\0';
	if (num_parse(text, 0, 255, &a, NULL) != CR_OK || num_parse(between + 1, 0, 255, &b, NULL) != CR_OK)
		return false;
	if (slash)
		return from_prefix(a, b, out);
	*out = (struct range){a, b};
	return is_cidr_range(a, b) || from_prefix(a, b, out) || a <= b;
}

static bool
is_reverse_zone(const char *zone)
{
	return name_is_under(zone, "in-addr.arpa") || name_is_under(zone, "ip6.arpa");
}

/* How well a zone fits: more labels are deeper; of the same depth the smaller block. */
struct fit {
	size_t labels;
	int64_t size;
};

static bool
is_better(const struct fit *a, const struct fit *b)
{
	return a->labels != b->labels ? a->labels > b->labels : a->size < b->size;
}

/* Does zone hold the address of this reverse name?  Then its fit, and the owner of the PTR. */
static bool
holds(const char *zone, const char *reverse, struct fit *fit_out, char owner[NAME_TEXT_MAX])
{
	const char *parent = name_parent(zone);
	size_t octet_len = strcspn(reverse, ".");
	struct range range;
	int64_t octet;
	char text[8];

	if (name_is_under(reverse, zone)) {
		*fit_out = (struct fit){.labels = name_labels(zone), .size = 1};
		(void)snprintf(owner, NAME_TEXT_MAX, "%s", reverse);
		return true;
	}
	/* A classless zone hangs under the /24 of the address. */
	if (!name_is_under(reverse, "in-addr.arpa") || !name_equal(parent, name_parent(reverse)) ||
	    !parse_range(zone, strcspn(zone, "."), &range))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)octet_len, reverse);
	if (num_parse(text, range.first, range.last, &octet, NULL) != CR_OK)
		return false;
	*fit_out = (struct fit){.labels = name_labels(zone), .size = range.last - range.first + 1};
	return snprintf(owner, NAME_TEXT_MAX, "%s.%s", text, zone) < NAME_TEXT_MAX;
}

static int
parse_zone(const char *text, struct name *out, struct err *err)
{
	if (name_parse(text, out, err) != CR_OK || !is_reverse_zone(out->text))
		return err_set(err, CR_ECONFIG, "'%s' is not a reverse zone: in-addr.arpa or ip6.arpa, or below", text);
	return CR_OK;
}

int
address_ptr_owner(const char *ip, const char *const *reverse_zones, size_t n, struct name *zone_out,
                  struct name *owner_out, struct err *err)
{
	struct name reverse, zone, best_zone = {{0}}, owner, best_owner = {{0}};
	struct fit fit, best = {0};
	int rc;

	rc = name_reverse(ip, &reverse, err);
	for (size_t i = 0; i < n && rc == CR_OK; i++) {
		rc = parse_zone(reverse_zones[i], &zone, err);
		if (rc != CR_OK || !holds(zone.text, reverse.text, &fit, owner.text) ||
		    (best.labels != 0 && !is_better(&fit, &best)))
			continue;
		best = fit;
		best_zone = zone;
		best_owner = owner;
	}
	if (rc != CR_OK)
		return rc;
	if (best.labels == 0)
		return err_set(err, CR_ENOTFOUND, "none of the reverse zones holds %s", ip);
	*zone_out = best_zone;
	*owner_out = best_owner;
	return CR_OK;
}

int
address_ptr_record(const char *owner, const char *host, uint32_t ttl_s, struct record *out, struct err *err)
{
	char target[NAME_TEXT_MAX + 1];

	if (snprintf(target, sizeof(target), "%s.", host) >= (int)sizeof(target))
		return err_set(err, CR_EPARSE, "PTR of %s: host name too long", owner);
	return record_parse(owner, RECORD_PTR, ttl_s, target, "", out, err);
}

/* Bytes of an address, 4 or 16; 0: none. */
static size_t
address_bytes(const char *text, unsigned char out[16])
{
	if (inet_pton(AF_INET, text, out) == 1)
		return 4;
	return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

static bool
same_prefix(const unsigned char *a, const unsigned char *b, size_t bits)
{
	const size_t whole = bits / 8;
	const unsigned mask = 0xff00U >> bits % 8 & 0xffU;

	return memcmp(a, b, whole) == 0 && (bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

int
address_in_block(const char *ip, const char *block, bool *in_out, struct err *err)
{
	unsigned char a[16], b[16];
	char base[64];
	const char *slash = strchr(block, '/');
	const size_t base_len = slash != NULL ? (size_t)(slash - block) : strlen(block);
	const size_t ip_len = address_bytes(ip, a);
	size_t block_len;
	int64_t bits;

	if (ip_len == 0)
		return err_set(err, CR_EPARSE, "not an IP address: '%s'", ip);
	(void)snprintf(base, sizeof(base), "%.*s", (int)(base_len < sizeof(base) ? base_len : 0), block);
	block_len = address_bytes(base, b);
	bits = (int64_t)block_len * 8;
	if (block_len == 0 || (slash != NULL && num_parse(slash + 1, 0, bits, &bits, err) != CR_OK))
		return err_set(err, CR_EPARSE, "not an address or a block of them: '%s'", block);
	*in_out = ip_len == block_len && same_prefix(a, b, (size_t)bits);
	return CR_OK;
}

static int
zone_check(const void *settings, struct err *err)
{
	const struct zone_owner *s = settings;
	struct name zone;
	bool in;
	int rc = CR_OK;

	for (size_t i = 0; i < s->reverse_zones.n && rc == CR_OK; i++)
		rc = parse_zone(s->reverse_zones.items[i], &zone, err);
	for (size_t i = 0; i < s->addresses.n && rc == CR_OK; i++)
		if (address_in_block("192.0.2.1", s->addresses.items[i], &in, err) != CR_OK)
			rc = err_set(err, CR_ECONFIG, "addresses: '%s' is neither an address nor a block",
			             s->addresses.items[i]);
	return rc;
}

static int
zone_place(const void *settings, const char *ip, struct address_place *out, struct err *err)
{
	const struct zone_owner *s = settings;
	struct address_place place = {.provider = s->zone};
	bool in = s->addresses.n == 0;
	int rc = CR_OK;

	for (size_t i = 0; i < s->addresses.n && rc == CR_OK && !in; i++)
		rc = address_in_block(ip, s->addresses.items[i], &in, err);
	if (rc != CR_OK)
		return rc;
	if (!in)
		return err_set(err, CR_ENOTFOUND, "%s is not among the configured addresses", ip);
	rc = address_ptr_owner(ip, (const char *const *)s->reverse_zones.items, s->reverse_zones.n, &place.zone,
	                       &place.owner, err);
	if (rc == CR_OK)
		*out = place;
	return rc;
}

static const struct address_driver zone_owner = {
	.name = "zone",
	.summary = "a reverse zone served by a configured zone provider",
	.rows = zone_rows,
	.n_rows = ARRAY_LEN(zone_rows),
	.settings_size = sizeof(struct zone_owner),
	.check = zone_check,
	.place = zone_place,
};

extern const struct address_driver address_driver_azure;

const struct address_driver *const address_drivers[] = {
	&address_driver_azure,
	&zone_owner,
	NULL,
};

const struct address_driver *
address_driver_find(const char *name)
{
	for (size_t i = 0; address_drivers[i] != NULL; i++)
		if (strcmp(address_drivers[i]->name, name) == 0)
			return address_drivers[i];
	return NULL;
}
