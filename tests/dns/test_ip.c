/*
 * test_ip.c - what ip.h promises: which addresses mail can reach.
 */
#include "tests/lib/rows.h"

#include "dns/ip.h"

static const struct row {
	const char *name;
	enum ip_scope want;
} rows[] = {
  /* first and last of each block, and its neighbours */
	{"0.0.0.0",          IP_UNROUTABLE   },
	{"0.255.255.255",    IP_UNROUTABLE   },
	{"1.0.0.0",          IP_GLOBAL       },
	{"9.255.255.255",    IP_GLOBAL       },
	{"10.0.0.0",         IP_PRIVATE      },
	{"10.255.255.255",   IP_PRIVATE      },
	{"11.0.0.0",         IP_GLOBAL       },
	{"100.63.255.255",   IP_GLOBAL       },
	{"100.64.0.0",       IP_PRIVATE      },
	{"100.127.255.255",  IP_PRIVATE      },
	{"100.128.0.0",      IP_GLOBAL       },
	{"126.255.255.255",  IP_GLOBAL       },
	{"127.0.0.1",        IP_LOOPBACK     },
	{"127.255.255.255",  IP_LOOPBACK     },
	{"128.0.0.0",        IP_GLOBAL       },
	{"169.253.255.255",  IP_GLOBAL       },
	{"169.254.0.1",      IP_UNROUTABLE   },
	{"169.255.0.0",      IP_GLOBAL       },
	{"172.15.255.255",   IP_GLOBAL       },
	{"172.16.0.0",       IP_PRIVATE      },
	{"172.31.255.255",   IP_PRIVATE      },
	{"172.32.0.0",       IP_GLOBAL       },
	{"192.0.0.1",        IP_UNROUTABLE   },
	{"192.0.0.8",        IP_UNROUTABLE   },
	{"192.0.0.9",        IP_GLOBAL       },
	{"192.0.0.10",       IP_GLOBAL       },
	{"192.0.1.0",        IP_GLOBAL       },
	{"192.0.2.0",        IP_DOCUMENTATION},
	{"192.0.2.255",      IP_DOCUMENTATION},
	{"192.0.3.0",        IP_GLOBAL       },
	{"192.88.99.1",      IP_UNROUTABLE   },
	{"192.167.255.255",  IP_GLOBAL       },
	{"192.168.0.1",      IP_PRIVATE      },
	{"192.169.0.0",      IP_GLOBAL       },
	{"198.17.255.255",   IP_GLOBAL       },
	{"198.18.0.0",       IP_UNROUTABLE   },
	{"198.19.255.255",   IP_UNROUTABLE   },
	{"198.20.0.0",       IP_GLOBAL       },
	{"198.51.100.7",     IP_DOCUMENTATION},
	{"203.0.113.7",      IP_DOCUMENTATION},
	{"223.255.255.255",  IP_GLOBAL       },
	{"224.0.0.1",        IP_UNROUTABLE   },
	{"239.255.255.255",  IP_UNROUTABLE   },
	{"240.0.0.0",        IP_UNROUTABLE   },
	{"255.255.255.255",  IP_UNROUTABLE   },
	{"::",	       IP_UNROUTABLE   },
	{"::1",              IP_LOOPBACK     },
	{"::2",              IP_UNROUTABLE   },
	{"::192.0.2.1",      IP_UNROUTABLE   },
	{"::ffff:192.0.2.1", IP_UNROUTABLE   },
	{"64:ff9b::1",       IP_UNROUTABLE   },
	{"64:ff9b:1::1",     IP_PRIVATE      },
	{"100::1",           IP_UNROUTABLE   },
	{"100:0:0:1::1",     IP_UNROUTABLE   },
	{"2001::1",          IP_UNROUTABLE   },
	{"2001:1::1",        IP_GLOBAL       },
	{"2001:1::4",        IP_UNROUTABLE   },
	{"2001:2::1",        IP_UNROUTABLE   },
	{"2001:3::1",        IP_GLOBAL       },
	{"2001:4:112::1",    IP_GLOBAL       },
	{"2001:10::1",       IP_UNROUTABLE   },
	{"2001:20::1",       IP_UNROUTABLE   },
	{"2001:200::1",      IP_GLOBAL       },
	{"2001:db7:ffff::1", IP_GLOBAL       },
	{"2001:db8::25",     IP_DOCUMENTATION},
	{"2001:db9::1",      IP_GLOBAL       },
	{"2002:c000:201::1", IP_UNROUTABLE   },
	{"2003::1",          IP_GLOBAL       },
	{"2a00:1450::1",     IP_GLOBAL       },
	{"3fff::1",          IP_DOCUMENTATION},
	{"3fff:fff::1",      IP_DOCUMENTATION},
	{"3fff:1000::1",     IP_GLOBAL       },
	{"4000::1",          IP_UNROUTABLE   },
	{"5f00::1",          IP_UNROUTABLE   },
	{"fc00::1",          IP_PRIVATE      },
	{"fdff::1",          IP_PRIVATE      },
	{"fe80::1",          IP_UNROUTABLE   },
	{"fec0::1",          IP_PRIVATE      },
	{"ff02::1",          IP_UNROUTABLE   },
};

static void
check_row(void **state)
{
	const struct row *r = *state;
	const char *block = NULL;
	struct ip ip;

	assert_true(ip_parse(r->name, &ip));
	assert_int_equal(ip_scope(&ip, &block), r->want);
	assert_int_equal(block[0] == '\0', r->want == IP_GLOBAL);
}

static void
ip__only_whole_addresses_are_read(void **state)
{
	static const char *const bad[] = {"",      "192.0.2",    "192.0.2.256", "192.0.2.1/32",
	                                  "[::1]", "fe80::1%lo", "mx.example"};
	struct ip ip;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(ip_parse(bad[i], &ip));
}

static void
ip__records_are_searched_for_an_address(void **state)
{
	struct records l = {0};
	struct err err = {0};
	struct ip ip;

	(void)state;
	assert_ok(records_add(&l, "a.example", RECORD_TXT, 60, "\"\\192\\000\\002\\001\"", &err), &err);
	assert_ok(records_add(&l, "a.example", RECORD_AAAA, 60, "2001:db8::1", &err), &err);
	assert_true(ip_parse("192.0.2.1", &ip));
	assert_false(ip_among(&ip, &l)); /* four bytes of a TXT are no address */
	assert_ok(records_add(&l, "a.example", RECORD_A, 60, "192.0.2.1", &err), &err);
	assert_true(ip_among(&ip, &l));
	assert_true(ip_parse("2001:db8:0::1", &ip));
	assert_true(ip_among(&ip, &l));
	assert_true(ip_parse("2001:db8::2", &ip));
	assert_false(ip_among(&ip, &l));
	records_release(&l);
}

int
main(void)
{
	struct CMUnitTest tests[128];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, ip__only_whole_addresses_are_read);
	TEST(tests, n, ip__records_are_searched_for_an_address);
	return rows_run("dns/ip", tests, n);
}
