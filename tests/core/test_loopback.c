/*
 * test_loopback.c - what loopback.h promises: only what cannot leave this machine is taken for it.
 */
#include "tests/lib/rows.h"

#include "core/loopback.h"

static const struct row {
	const char *name;
	const char *host;
	bool want;
} rows[] = {
	{"localhost",					  "localhost",         true },
	{"localhost in other letters",                         "LocalHost",         true },
	{"127.0.0.1",					  "127.0.0.1",         true },
	{"the rest of 127.0.0.0/8",                            "127.255.255.254",   true },
	{"::1",						"::1",               true },
	{"::1 as it stands in a URL",                          "[::1]",             true },
	{"one before 127.0.0.0/8",                             "126.255.255.255",   false},
	{"one after it",				       "128.0.0.1",         false},
	{"a name that begins with an address of this machine", "127.0.0.1.example", false},
	{"a name that ends in localhost",                      "mail.localhost",    false},
	{"a name that begins with localhost",                  "localhost.example", false},
	{"all addresses of this machine",                      "0.0.0.0",           false},
	{"another address of six",                             "::2",               false},
	{"an address of four within one of six",               "::ffff:127.0.0.1",  false},
	{"an address cut short",                               "127.1",             false},
	{"nothing",					    "",                  false},
};

static void
check_row(void **state)
{
	const struct row *r = *state;

	assert_int_equal(loopback_host(r->host), r->want);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(rows)];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	return rows_run("core/loopback", tests, n);
}
