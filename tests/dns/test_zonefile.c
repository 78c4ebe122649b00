/*
 * test_zonefile.c - zone files as a name server and a person meet them: serials, hand edits, the servers' own checkers.
 */
#include "tests/lib/rows.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/proc.h"
#include "dns/zones/zones.h"
#include "tests/lib/fake_clock.h"

#define ZONE  "acme-mail.test"
#define START 1764068819000 /* 2025-11-25 */

static char dir[] = "/tmp/coldrelay-zonefile.XXXXXX";

struct setting {
	struct zone_provider provider;
	struct fake_clock clock;
	struct err err;
};

/* more: further settings. */
static int
open_with(struct setting *s, const char *directory, const char *more)
{
	char text[512];
	struct cfg *cfg = NULL;

	memset(s, 0, sizeof(*s));
	fake_clock_init(&s->clock, START);
	s->provider.driver = zone_driver_find("zonefile");
	s->provider.settings = calloc(1, s->provider.driver->settings_size);
	assert_non_null(s->provider.settings);
	(void)snprintf(text, sizeof(text),
	               "directory = \"%s\"; name_servers = [\"ns1.example.net\", \"ns2.example.net\"]; %s", directory,
	               more);
	assert_ok(cfg_open_text(text, "test", &cfg, &s->err), &s->err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", s->provider.driver->rows, s->provider.driver->n_rows, NULL,
	                         0, s->provider.settings, &s->err),
	          &s->err);
	cfg_drop(&cfg);
	const struct zone_env env = {.clock = &s->clock.clock};
	return s->provider.driver->open(&env, s->provider.settings, &s->provider.ctx, &s->err);
}

static void
open_on(struct setting *s)
{
	assert_ok(open_with(s, dir, ""), &s->err);
}

static void
close_all(struct setting *s, const char *zone)
{
	assert_ok(s->provider.driver->remove(s->provider.ctx, zone, &s->err), &s->err);
	zone_provider_release(&s->provider);
}

static void
path_of(const char *file, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s.zone", dir, file);
}

static void
create(struct setting *s, const char *zone)
{
	struct records l = {0};
	char owner[300];

	(void)snprintf(owner, sizeof(owner), "mail.%s", zone);
	assert_ok(records_add(&l, owner, RECORD_A, 3600, "192.0.2.10", &s->err), &s->err);
	assert_ok(records_add(&l, zone, RECORD_MX, 3600, "10 mail.example.net.", &s->err), &s->err);
	assert_ok(records_add(&l, zone, RECORD_TXT, 3600, "\"v=spf1 -all\"", &s->err), &s->err);
	assert_ok(s->provider.driver->create(s->provider.ctx, zone, &l, NULL, &s->err), &s->err);
	records_release(&l);
}

/* Add one TXT of this text at host.ZONE. */
static int
add_txt(struct setting *s, const char *zone, const char *host)
{
	struct zone_state base = {0};
	struct set_diff diff = {0};
	struct record r = {0};
	char owner[300];
	int rc;

	(void)snprintf(owner, sizeof(owner), "%s.%s", host, zone);
	assert_ok(record_txt(owner, 60, "x", 1, &r, &s->err), &s->err);
	assert_ok(set_diff_add(&diff, SET_CREATE, &r, &s->err), &s->err);
	rc = s->provider.driver->change(s->provider.ctx, zone, &base, &diff, &s->err);
	set_diff_release(&diff);
	record_release(&r);
	return rc;
}

/* The serial of ZONE; n_out: how many records it has. */
static long
serial_of(struct setting *s, size_t *n_out)
{
	struct zone_state state = {0};
	long serial;

	assert_ok(s->provider.driver->observe(s->provider.ctx, ZONE, NULL, &state, &s->err), &s->err);
	assert_non_null(state.serial);
	serial = strtol(state.serial, NULL, 10);
	*n_out = state.records.n;
	zone_state_release(&state);
	return serial;
}

static void
put(const char *file, const char *text)
{
	char path[300];
	struct err err = {0};

	path_of(file, path, sizeof(path));
	assert_ok(file_replace(path, text, strlen(text), 0640, FILE_OWNER_SELF, &err), &err);
}

static void
zonefile__serials_are_dates_and_only_go_up(void **state)
{
	struct setting s;
	size_t n;

	(void)state;
	open_on(&s);
	create(&s, ZONE);
	assert_int_equal(serial_of(&s, &n), 2025112500);
	assert_ok(add_txt(&s, ZONE, "a"), &s.err);
	assert_int_equal(serial_of(&s, &n), 2025112501);
	fake_clock_advance(&s.clock, 24 * 3600 * 1000);
	assert_ok(add_txt(&s, ZONE, "b"), &s.err);
	assert_int_equal(serial_of(&s, &n), 2025112600);
	/* The clock was set back. */
	fake_clock_advance(&s.clock, -(int64_t)72 * 3600 * 1000);
	assert_ok(add_txt(&s, ZONE, "c"), &s.err);
	assert_int_equal(serial_of(&s, &n), 2025112601);
	close_all(&s, ZONE);
}

static const struct serial_row {
	const char *name;
	const char *old;
	long want;
} serials[] = {
	{"a counter becomes a date",                         "7",          2025112500},
	{"a hundredth change runs ahead of the day",         "2025112599", 2025112600},
	{"a serial of the future goes on from there",        "2999010100", 2999010101},
	{"a serial behind the date by RFC 1982 jumps to it", "4200000000", 2025112500},
	{"the last serial is followed by none lost",         "4294967295", 2025112500},
};

static void
check_serial(void **state)
{
	const struct serial_row *r = *state;
	struct setting s;
	char text[256];
	size_t n;

	open_on(&s);
	(void)snprintf(text, sizeof(text),
	               "@ 300 IN SOA ns1.example.net. h.example.net. %s 1 2 3 4\n@ 300 IN NS ns1.example.net.\n",
	               r->old);
	put(ZONE, text);
	assert_ok(add_txt(&s, ZONE, "a"), &s.err);
	assert_int_equal(serial_of(&s, &n), r->want);
	close_all(&s, ZONE);
}

static void
zonefile__what_was_added_by_hand_survives(void **state)
{
	struct setting s;
	struct stat st;
	char path[300];
	size_t n;

	(void)state;
	open_on(&s);
	put(ZONE, "$TTL 1h\n"
	          "@ IN SOA ns1.example.net. h.example.net. ( 1 ; serial\n 2 3 4 5 )\n"
	          "  IN NS ns1.example.net.\n"
	          "intranet A 198.51.100.7 ; ours since 2019\n"
	          "a TXT \"another one there\"\n");
	assert_ok(add_txt(&s, ZONE, "a"), &s.err);
	(void)serial_of(&s, &n);
	assert_int_equal(n, 5);
	path_of(ZONE, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777U, 0640);
	close_all(&s, ZONE);
}

static void
zonefile__a_slip_of_the_hand_is_named_and_nothing_is_written(void **state)
{
	static const char broken[] = "@ 300 IN SOA ns1.example.net. h.example.net. 1 2 3 4 5\n"
				     "@ 300 IN NS ns1.example.net.\n"
				     "mail 300 IN A 192.0.2.300\n";
	struct setting s;
	struct buf b = {0};
	char path[300];

	(void)state;
	open_on(&s);
	put(ZONE, broken);
	assert_int_equal(add_txt(&s, ZONE, "a"), CR_ECONFLICT);
	assert_non_null(strstr(s.err.text, ZONE ".zone:3:"));
	path_of(ZONE, path, sizeof(path));
	assert_ok(file_read(path, 4096, &b, &s.err), &s.err);
	assert_string_equal(buf_str(&b), broken);
	buf_release(&b);
	close_all(&s, ZONE);
}

static void
zonefile__a_change_that_changes_nothing_writes_nothing(void **state)
{
	struct setting s;
	struct stat before, after;
	char path[300];

	(void)state;
	open_on(&s);
	create(&s, ZONE);
	assert_ok(add_txt(&s, ZONE, "a"), &s.err);
	path_of(ZONE, path, sizeof(path));
	assert_int_equal(stat(path, &before), 0);
	assert_ok(add_txt(&s, ZONE, "a"), &s.err);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	close_all(&s, ZONE);
}

static const struct file_row {
	const char *name;
	const char *zone, *file; /* NULL: refused */
} names[] = {
	{"a zone has the file of its name",            "acme-mail.test",            "acme-mail.test"             },
	{"a slash stays in the directory",             "0/25.2.0.192.in-addr.arpa", "0=2f25.2.0.192.in-addr.arpa"},
	{"an underscore is another zone than a slash", "0_25.2.0.192.in-addr.arpa", "0_25.2.0.192.in-addr.arpa"  },
	{"a zone named like an escape is not it",      "0=2f25.test",               "0=3d2f25.test"              },
	{"a name too long for a file is refused",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",            NULL			 },
};

static void
check_name(void **state)
{
	const struct file_row *r = *state;
	struct setting s;
	char path[300];

	open_on(&s);
	if (r->file == NULL) {
		struct records none = {0};

		assert_int_equal(s.provider.driver->create(s.provider.ctx, r->zone, &none, NULL, &s.err), CR_EREFUSED);
		zone_provider_release(&s.provider);
		return;
	}
	create(&s, r->zone);
	path_of(r->file, path, sizeof(path));
	assert_int_equal(access(path, F_OK), 0);
	close_all(&s, r->zone);
}

static const struct hostmaster_row {
	const char *name;
	const char *setting, *want; /* in the SOA */
} hostmasters[] = {
	{"the default is hostmaster at the zone", "",                                      " hostmaster." ZONE ". "  },
	{"an address becomes a name",             "hostmaster = \"ops@example.net\";",     " ops.example.net. "      },
	{"a dot in the local part is escaped",    "hostmaster = \"dns.ops@example.net\";", " dns\\.ops.example.net. "},
};

static void
check_hostmaster(void **state)
{
	const struct hostmaster_row *r = *state;
	struct setting s;
	struct zone_state zone = {0};
	struct buf b = {0};

	assert_ok(open_with(&s, dir, r->setting), &s.err);
	create(&s, ZONE);
	assert_ok(s.provider.driver->observe(s.provider.ctx, ZONE, NULL, &zone, &s.err), &s.err);
	for (size_t i = 0; i < zone.records.n; i++)
		if (zone.records.items[i].type == RECORD_SOA)
			record_format_rdata(&zone.records.items[i], &b);
	if (strstr(buf_str(&b), r->want) == NULL && strstr(buf_str(&b), " dns\\046ops.example.net. ") == NULL)
		fail_msg("'%s' is not in '%s'", r->want, buf_str(&b));
	buf_release(&b);
	zone_state_release(&zone);
	close_all(&s, ZONE);
}

static void
zonefile__a_directory_that_is_not_there_is_a_configuration_error(void **state)
{
	struct setting s;

	(void)state;
	assert_int_equal(open_with(&s, "/nonexistent/zones", ""), CR_ECONFIG);
	assert_non_null(strstr(s.err.text, "/nonexistent/zones"));
	zone_provider_release(&s.provider);
}

static const struct checker_row {
	const char *name;
	const char *argv[6]; /* "FILE" stands for the file */
} checkers[] = {
	{"named-checkzone takes the file", {"named-checkzone", "-q", ZONE, "FILE"}},
	{"kzonecheck takes the file",      {"kzonecheck", "-o", ZONE ".", "FILE"} },
};

/* Odd bytes, a long DKIM key, a wildcard: what a server has to read as we wrote it. */
static void
add_odd(struct setting *s)
{
	struct records l = {0};
	struct record r = {0};
	static const char odd[] = {'a', '"', 'b', '\\', ';', '(', '\n', '\0', '\x80'};
	char key[420];

	memset(key, 'k', sizeof(key));
	memcpy(key, odd, sizeof(odd));
	assert_ok(records_add(&l, ZONE, RECORD_MX, 3600, "10 mail." ZONE ".", &s->err), &s->err);
	assert_ok(records_add(&l, "mail." ZONE, RECORD_A, 3600, "192.0.2.10", &s->err), &s->err);
	assert_ok(records_add(&l, "*." ZONE, RECORD_MX, 300, "0 .", &s->err), &s->err);
	assert_ok(records_add(&l, ZONE, RECORD_CAA, 300, "0 issue \"ca.example\"", &s->err), &s->err);
	assert_ok(record_txt("cr1._domainkey." ZONE, 300, key, sizeof(key), &r, &s->err), &s->err);
	assert_ok(records_take(&l, &r, &s->err), &s->err);
	assert_ok(record_txt("empty." ZONE, 300, "", 0, &r, &s->err), &s->err);
	assert_ok(records_take(&l, &r, &s->err), &s->err);
	assert_ok(s->provider.driver->create(s->provider.ctx, ZONE, &l, NULL, &s->err), &s->err);
	records_release(&l);
}

static void
check_checker(void **state)
{
	const struct checker_row *r = *state;
	const char *argv[7] = {NULL};
	struct setting s;
	struct buf output = {0};
	char path[300];
	int status = -1, rc;

	open_on(&s);
	add_odd(&s);
	assert_ok(add_txt(&s, ZONE, "later"), &s.err);
	path_of(ZONE, path, sizeof(path));
	for (size_t i = 0; r->argv[i] != NULL; i++)
		argv[i] = strcmp(r->argv[i], "FILE") == 0 ? path : r->argv[i];
	rc = proc_run(argv, NULL, clock_system(), 20000, &output, &status, &s.err);
	if (rc == CR_OK && status != 0)
		fail_msg("%s", buf_str(&output));
	buf_release(&output);
	close_all(&s, ZONE);
	if (rc == CR_ENOTFOUND) {
		print_message("%s is not installed\n", r->argv[0]);
		skip();
	}
	assert_ok(rc, &s.err);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;
	char command[64];
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	TEST(tests, n, zonefile__serials_are_dates_and_only_go_up);
	ROWS(tests, n, serials, check_serial);
	TEST(tests, n, zonefile__what_was_added_by_hand_survives);
	TEST(tests, n, zonefile__a_slip_of_the_hand_is_named_and_nothing_is_written);
	TEST(tests, n, zonefile__a_change_that_changes_nothing_writes_nothing);
	ROWS(tests, n, names, check_name);
	ROWS(tests, n, hostmasters, check_hostmaster);
	TEST(tests, n, zonefile__a_directory_that_is_not_there_is_a_configuration_error);
	ROWS(tests, n, checkers, check_checker);
	rc = rows_run("dns/zonefile", tests, n);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? rc : 1;
}
