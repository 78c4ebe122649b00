/*
 * test_addresses.c - where the PTR of an address belongs; and what a person is told to set at the registrar.
 */
#include "tests/lib/rows.h"

#include "provision/addresses/addresses.h"
#include "provision/registrars/registrars.h"

#define C_24 "2.0.192.in-addr.arpa"

static const struct owner_row {
	const char *name;
	const char *ip;
	const char *zones[3];
	const char *want_zone; /* NULL: want_rc */
	const char *want_owner;
	int want_rc;
} owner_rows[] = {
	{"a /24 holds its addresses",                      "192.0.2.10",  {C_24},                                           C_24,                 "10." C_24,                                                                 0           },
	{"a /16 does too",				 "192.0.2.10",  {"0.192.in-addr.arpa"},                           "0.192.in-addr.arpa", "10." C_24,                                                                 0           },
	{"the deepest zone wins",                          "192.0.2.10",  {"0.192.in-addr.arpa", C_24, "192.in-addr.arpa"}, C_24,                 "10." C_24,                                                                 0           },
	{"any spelling of a zone",                         "192.0.2.10",  {"2.0.192.IN-ADDR.ARPA."},                        C_24,                 "10." C_24,                                                                 0           },
	{"a zone for one address",                         "192.0.2.10",  {"10." C_24},                                     "10." C_24,           "10." C_24,                                                                 0           },
	{"another /24 does not hold it",                   "192.0.3.10",  {C_24},                                           NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"whole labels are compared",                      "192.0.12.10", {C_24},                                           NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"RFC 2317 with a slash",                          "192.0.2.65",  {"64/26." C_24},                                  "64/26." C_24,        "65.64/26." C_24,                                                           0           },
	{"RFC 2317 base and prefix with a dash",           "192.0.2.127", {"64-26." C_24},                                  "64-26." C_24,        "127.64-26." C_24,                                                          0           },
	{"RFC 2317 first and last",                        "192.0.2.64",  {"64-127." C_24},                                 "64-127." C_24,       "64.64-127." C_24,                                                          0           },
	{"an address below the block",                     "192.0.2.63",  {"64/26." C_24},                                  NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"an address above the block",                     "192.0.2.128", {"64-127." C_24},                                 NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"a block of another /24",                         "192.0.3.65",  {"64/26." C_24},                                  NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"a base off its boundary is no block",            "192.0.2.65",  {"65/26." C_24},                                  NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"a /24 is no classless block",                    "192.0.2.65",  {"0/24." C_24},                                   NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"0-31 is a block of 32, not of 2",                "192.0.2.30",  {"0-31." C_24},                                   "0-31." C_24,         "30.0-31." C_24,                                                            0           },
	{"0-25 is a /25",				  "192.0.2.127", {"0-25." C_24},                                   "0-25." C_24,         "127.0-25." C_24,                                                           0           },
	{"a crooked range",				"192.0.2.9",   {"3-9." C_24},                                    "3-9." C_24,          "9.3-9." C_24,                                                              0           },
	{"a range turned round",                           "192.0.2.9",   {"9-3." C_24},                                    NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"the classless zone before its parent",
         "192.0.2.65",                                                    {C_24, "64/26." C_24},
         "64/26." C_24,
         "65.64/26." C_24,
         0																												},
	{"the smaller of two blocks",                      "192.0.2.65",  {"0/25." C_24, "64/26." C_24},                    "64/26." C_24,        "65.64/26." C_24,                                                           0           },
	{"a zone for one address before a block",          "192.0.2.65",  {"64/26." C_24, "65." C_24},                      "65." C_24,           "65." C_24,                                                                 0           },
	{"IPv6 nibbles",
         "2001:db8::1",                                                   {"8.b.d.0.1.0.0.2.ip6.arpa"},
         "8.b.d.0.1.0.0.2.ip6.arpa",                                                                                                              "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
         0																												},
	{"IPv6 of another prefix",                         "2001:db9::1", {"8.b.d.0.1.0.0.2.ip6.arpa"},                     NULL,                 NULL,                                                                       CR_ENOTFOUND},
	{"no zones at all",				"192.0.2.1",   {NULL},                                           NULL,                 NULL,								       CR_ENOTFOUND},
	{"a forward zone is a fault of the configuration", "192.0.2.1",   {"example.com"},                                  NULL,                 NULL,                                                                       CR_ECONFIG  },
	{"what is no address",                             "192.0.2.300", {C_24},                                           NULL,                 NULL,								       CR_EPARSE   },
};

static void
check_owner(void **state)
{
	const struct owner_row *r = *state;
	struct name zone = {{0}}, owner = {{0}};
	struct err err = {0};
	size_t n = 0;
	int rc;

	while (n < 3 && r->zones[n] != NULL)
		n++;
	rc = address_ptr_owner(r->ip, r->zones, n, &zone, &owner, &err);
	assert_int_equal(rc, r->want_rc);
	if (rc != CR_OK) {
		assert_true(err.text[0] != '\0');
		return;
	}
	assert_string_equal(zone.text, r->want_zone);
	assert_string_equal(owner.text, r->want_owner);
}

static const struct block_row {
	const char *name;
	const char *ip, *block;
	bool want;
	int want_rc;
} block_rows[] = {
	{"an address is a block of one",     "192.0.2.1",        "192.0.2.1",     true,  0        },
	{"another address is not in it",     "192.0.2.2",        "192.0.2.1",     false, 0        },
	{"first of a block",                 "192.0.2.64",       "192.0.2.64/26", true,  0        },
	{"last of a block",                  "192.0.2.127",      "192.0.2.64/26", true,  0        },
	{"one behind a block",               "192.0.2.128",      "192.0.2.64/26", false, 0        },
	{"everything",		       "203.0.113.9",      "0.0.0.0/0",     true,  0        },
	{"an IPv6 block",                    "2001:db8::1",      "2001:db8::/33", true,  0        },
	{"one bit outside an IPv6 block",    "2001:db8:8000::1", "2001:db8::/33", false, 0        },
	{"families do not mix",              "192.0.2.1",        "::/0",          false, 0        },
	{"a prefix too long for the family", "192.0.2.1",        "192.0.2.0/33",  false, CR_EPARSE},
	{"a block that is no address",       "192.0.2.1",        "anything/8",    false, CR_EPARSE},
	{"an address that is none",          "nobody",           "192.0.2.0/24",  false, CR_EPARSE},
};

static void
check_block(void **state)
{
	const struct block_row *r = *state;
	struct err err = {0};
	bool in = false;

	assert_int_equal(address_in_block(r->ip, r->block, &in, &err), r->want_rc);
	assert_int_equal(in, r->want);
}

static void
address__a_ptr_points_at_the_host(void **state)
{
	struct record r = {0};
	struct buf text = {0};
	struct err err = {0};

	(void)state;
	assert_ok(address_ptr_record("65.64/26." C_24, "mx.getx.example", 3600, &r, &err), &err);
	record_format_rdata(&r, &text);
	assert_int_equal(r.type, RECORD_PTR);
	assert_int_equal(r.ttl_s, 3600);
	assert_string_equal(r.owner, "65.64/26." C_24);
	assert_string_equal(buf_str(&text), "mx.getx.example.");
	buf_release(&text);
	record_release(&r);
}

static void
address__the_zone_owner_places_only_its_own_addresses(void **state)
{
	static const char text[] = "zone = \"own\"; reverse_zones = [ \"64/26.2.0.192.in-addr.arpa\" ];"
				   "addresses = [ \"192.0.2.64/28\" ];";
	const struct address_driver *d = address_driver_find("zone");
	struct address_place place;
	struct cfg *cfg = NULL;
	struct err err = {0};
	void *s;

	(void)state;
	assert_non_null(d);
	assert_null(address_driver_find("nobody"));
	s = calloc(1, d->settings_size);
	assert_non_null(s);
	assert_ok(cfg_open_text(text, "test.cfg", &cfg, &err), &err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "address", d->rows, d->n_rows, NULL, 0, s, &err), &err);
	assert_string_equal(cfg_faults(cfg), "");
	assert_ok(d->check(s, &err), &err);
	assert_ok(d->place(s, "192.0.2.65", &place, &err), &err);
	assert_string_equal(place.provider, "own");
	assert_string_equal(place.zone.text, "64/26." C_24);
	assert_string_equal(place.owner.text, "65.64/26." C_24);
	assert_int_equal(d->place(s, "192.0.2.80", &place, &err), CR_ENOTFOUND);
	cfg_release_group(d->rows, d->n_rows, s);
	free(s);
	cfg_drop(&cfg);
}

static void
registrar__manual_says_what_to_set_and_where_glue_is_needed(void **state)
{
	char inner[] = "ns1.getx.example", outer[] = "ns.dns.example";
	char *servers[] = {inner, outer};
	const struct cfg_list list = {servers, 2};
	const struct registrar_driver *d = registrar_driver_find("manual");
	struct buf text = {0};
	struct err err = {0};

	(void)state;
	assert_non_null(d);
	assert_null(registrar_driver_find("auction"));
	assert_ok(d->instruct("getx.example", &list, &text, &err), &err);
	assert_string_equal(buf_str(&text),
	                    "At the registrar of getx.example, set these name servers and no others:\n"
	                    "    ns1.getx.example\n"
	                    "    ns.dns.example\n"
	                    "These lie inside getx.example: register their addresses as host objects (glue) first:\n"
	                    "    ns1.getx.example\n"
	                    "Remove every DS record of the old zone there, a day before if it was signed.\n"
	                    "Then: coldrelay verify getx.example --wait 2d\n");
	buf_release(&text);
	assert_int_equal(d->instruct("getx.example", &(struct cfg_list){0}, &text, &err), CR_EREFUSED);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, owner_rows, check_owner);
	ROWS(tests, n, block_rows, check_block);
	TEST(tests, n, address__a_ptr_points_at_the_host);
	TEST(tests, n, address__the_zone_owner_places_only_its_own_addresses);
	TEST(tests, n, registrar__manual_says_what_to_set_and_where_glue_is_needed);
	return rows_run("provision/addresses", tests, n);
}
