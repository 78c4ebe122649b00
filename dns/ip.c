/*
 * ip.c - IP addresses as numbers.
 *
 * Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 as updated by RFC 8190), RFC 5737, RFC 3849 and RFC 9637
 * (documentation), RFC 5771 and RFC 4291 s2.7 (multicast), RFC 4291 s2.4: all IPv6 unicast in use is below 2000::/3.
 */
#include "dns/ip.h"

#include <arpa/inet.h>
#include <string.h>

bool
ip_parse(const char *text, struct ip *out)
{
	*out = (struct ip){0};
	if (inet_pton(AF_INET, text, out->bytes) == 1)
		out->len = 4;
	else if (inet_pton(AF_INET6, text, out->bytes) == 1)
		out->len = 16;
	return out->len != 0;
}

bool
ip_of_record(const struct record *r, struct ip *out)
{
	*out = (struct ip){0};
	if (!(r->type == RECORD_A && r->data_len == 4) && !(r->type == RECORD_AAAA && r->data_len == 16))
		return false;
	out->len = r->data_len;
	memcpy(out->bytes, r->data, r->data_len);
	return true;
}

bool
ip_equal(const struct ip *a, const struct ip *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

const char *
ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
	out[0] = '\0';
	if (ip->len != 0)
		(void)inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->bytes, out, IP_TEXT_MAX);
	return out;
}

bool
ip_among(const struct ip *ip, const struct records *records)
{
	struct ip other;

	for (size_t i = 0; i < records->n; i++) {
		if (ip_of_record(&records->items[i], &other) && ip_equal(ip, &other))
			return true;
	}
	return false;
}

/* The longest prefix that holds the address decides. */
static const struct block {
	uint8_t bytes[16];
	uint8_t bits;
	enum ip_scope scope;
	const char *name;
} v4[] = {
	{{0},		  8,  IP_UNROUTABLE,    "\"this network\""         },
	{{10},		 8,  IP_PRIVATE,       "private use"              },
	{{100, 64},            10, IP_PRIVATE,       "shared address space"     },
	{{127},		8,  IP_LOOPBACK,      "loopback"                 },
	{{169, 254},           16, IP_UNROUTABLE,    "link-local"               },
	{{172, 16},            12, IP_PRIVATE,       "private use"              },
	{{192, 0, 0},          24, IP_UNROUTABLE,    "IETF protocol assignments"},
	{{192, 0, 0, 9},       32, IP_GLOBAL,        ""                         },
	{{192, 0, 0, 10},      32, IP_GLOBAL,        ""                         },
	{{192, 0, 2},          24, IP_DOCUMENTATION, "documentation"            },
	{{192, 88, 99},        24, IP_UNROUTABLE,    "deprecated 6to4 relay"    },
	{{192, 168},           16, IP_PRIVATE,       "private use"              },
	{{198, 18},            15, IP_UNROUTABLE,    "benchmarking"             },
	{{198, 51, 100},       24, IP_DOCUMENTATION, "documentation"            },
	{{203, 0, 113},        24, IP_DOCUMENTATION, "documentation"            },
	{{224},		4,  IP_UNROUTABLE,    "multicast"                },
	{{240},		4,  IP_UNROUTABLE,    "reserved"                 },
	{{255, 255, 255, 255}, 32, IP_UNROUTABLE,    "limited broadcast"        },
};
static const struct block v6[] = {
	{{0},				  0,   IP_UNROUTABLE,    "not global unicast"       },
	{{0},				  128, IP_UNROUTABLE,    "unspecified"              },
	{{[15] = 1},			   128, IP_LOOPBACK,      "loopback"                 },
	{{[10] = 0xff, [11] = 0xff},           96,  IP_UNROUTABLE,    "IPv4-mapped"              },
	{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48,  IP_PRIVATE,       "local-use translation"    },
	{{0x01, 0x00},			 64,  IP_UNROUTABLE,    "discard-only"             },
	{{0x01, 0x00, [7] = 0x01},             64,  IP_UNROUTABLE,    "dummy prefix"             },
	{{0x20},			       3,   IP_GLOBAL,        ""                         },
	{{0x20, 0x01},			 23,  IP_UNROUTABLE,    "IETF protocol assignments"},
	{{0x20, 0x01},			 32,  IP_UNROUTABLE,    "Teredo"                   },
	{{0x20, 0x01, 0x00, 0x01, [15] = 1},   128, IP_GLOBAL,        ""                         },
	{{0x20, 0x01, 0x00, 0x01, [15] = 2},   128, IP_GLOBAL,        ""                         },
	{{0x20, 0x01, 0x00, 0x01, [15] = 3},   128, IP_GLOBAL,        ""                         },
	{{0x20, 0x01, 0x00, 0x02},             48,  IP_UNROUTABLE,    "benchmarking"             },
	{{0x20, 0x01, 0x00, 0x03},             32,  IP_GLOBAL,        ""                         },
	{{0x20, 0x01, 0x00, 0x04, 0x01, 0x12}, 48,  IP_GLOBAL,        ""                         },
	{{0x20, 0x01, 0x00, 0x10},             28,  IP_UNROUTABLE,    "deprecated ORCHID"        },
	{{0x20, 0x01, 0x00, 0x20},             28,  IP_UNROUTABLE,    "ORCHIDv2"                 },
	{{0x20, 0x01, 0x00, 0x30},             28,  IP_UNROUTABLE,    "drone remote id"          },
	{{0x20, 0x01, 0x0d, 0xb8},             32,  IP_DOCUMENTATION, "documentation"            },
	{{0x20, 0x02},			 16,  IP_UNROUTABLE,    "6to4"                     },
	{{0x3f, 0xff},			 20,  IP_DOCUMENTATION, "documentation"            },
	{{0x5f, 0x00},			 16,  IP_UNROUTABLE,    "segment routing"          },
	{{0xfc},			       7,   IP_PRIVATE,       "unique local"             },
	{{0xfe, 0x80},			 10,  IP_UNROUTABLE,    "link-local"               },
	{{0xfe, 0xc0},			 10,  IP_PRIVATE,       "deprecated site-local"    },
	{{0xff},			       8,   IP_UNROUTABLE,    "multicast"                },
};

static bool
holds(const struct block *b, const uint8_t *address)
{
	size_t whole = b->bits / 8, rest = b->bits % 8;
	uint8_t mask = (uint8_t)(0xff00U >> rest);

	return memcmp(b->bytes, address, whole) == 0 &&
	       (rest == 0 || (b->bytes[whole] & mask) == (address[whole] & mask));
}

enum ip_scope
ip_scope(const struct ip *ip, const char **name_out)
{
	const struct block *blocks = ip->len == 4 ? v4 : v6, *best = NULL;
	size_t n = ip->len == 4 ? ARRAY_LEN(v4) : ARRAY_LEN(v6);

	for (size_t i = 0; i < n; i++) {
		if (holds(&blocks[i], ip->bytes) && (best == NULL || blocks[i].bits > best->bits))
			best = &blocks[i];
	}
	if (name_out != NULL)
		*name_out = best != NULL ? best->name : "";
	return best != NULL ? best->scope : IP_GLOBAL;
}
