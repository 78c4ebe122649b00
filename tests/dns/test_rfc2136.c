/*
 * test_rfc2136.c - signed updates where it matters: a key that does not fit, answers changed on the way, somebody else's change in
 * between.  Against BIND, through a relay that can touch what passes.
 */
#include "tests/lib/rows.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dns/zones/wire.h"
#include "dns/zones/zones.h"
#include "tests/lib/fake_clock.h"
#include "tests/lib/server.h"

#define ZONE "relay.test"

static struct server server;

/* ---- a provider ---- */

struct setting {
	struct zone_provider provider;
	struct err err;
};

static void
setting_close(struct setting *s)
{
	zone_provider_release(&s->provider);
}

static int
open_with(struct setting *s, const char *text, const struct clock *clock)
{
	const struct zone_env env = {.clock = clock};
	struct cfg *cfg = NULL;

	memset(s, 0, sizeof(*s));
	s->provider.driver = zone_driver_find("rfc2136");
	s->provider.settings = calloc(1, s->provider.driver->settings_size);
	assert_non_null(s->provider.settings);
	assert_ok(cfg_open_text(text, "test", &cfg, &s->err), &s->err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", s->provider.driver->rows, s->provider.driver->n_rows, NULL,
	                         0, s->provider.settings, &s->err),
	          &s->err);
	assert_string_equal(cfg_faults(cfg), "");
	cfg_drop(&cfg);
	return s->provider.driver->open(&env, s->provider.settings, &s->provider.ctx, &s->err);
}

/* port 0: the server's own. */
static void
open_at(struct setting *s, int port, const char *key_name, const struct clock *clock)
{
	char text[512], value[256];

	(void)setenv("COLDRELAY_TEST_TSIG", server_value(&server, "KEY_SECRET", value, sizeof(value)), 1);
	if (port == 0)
		port = (int)strtol(server_value(&server, "PORT", value, sizeof(value)), NULL, 10);
	if (key_name == NULL)
		key_name = server_value(&server, "KEY_NAME", value, sizeof(value));
	(void)snprintf(text, sizeof(text),
	               "server = \"127.0.0.1:%d\"; key_name = \"%s\"; key_secret = \"env:COLDRELAY_TEST_TSIG\";", port,
	               key_name);
	assert_ok(open_with(s, text, clock), &s->err);
}

static void
need_server(void)
{
	if (server.pid == 0)
		skip();
}

/* Observe, then change the records named; both NULL-terminated lists of "owner type rdata" below. */
static void
add(struct records *l, const char *owner, uint16_t type, uint32_t ttl_s, const char *rdata)
{
	struct err err = {0};

	assert_ok(records_add(l, owner, type, ttl_s, rdata, &err), &err);
}

static int
change(struct setting *s, const char *zone, const struct zone_state *base, struct records *have, struct records *want)
{
	struct set_diff diff = {0};
	int rc = set_diff_make(have, want, &diff, &s->err);

	if (rc == CR_OK)
		rc = s->provider.driver->change(s->provider.ctx, zone, base, &diff, &s->err);
	set_diff_release(&diff);
	return rc;
}

static void
observe(struct setting *s, const char *zone, struct zone_state *out)
{
	assert_ok(s->provider.driver->observe(s->provider.ctx, zone, NULL, out, &s->err), &s->err);
	assert_true(out->exists);
}

/* On a fresh look; one record. */
static int
add_one(struct setting *s, const char *zone, const char *owner, uint16_t type, const char *rdata)
{
	struct zone_state base = {0};
	struct records none = {0}, want = {0};
	int rc = s->provider.driver->observe(s->provider.ctx, zone, NULL, &base, &s->err);

	add(&want, owner, type, 300, rdata);
	if (rc == CR_OK)
		rc = change(s, zone, &base, &none, &want);
	records_release(&want);
	zone_state_release(&base);
	return rc;
}

static size_t
count(struct setting *s, const char *zone, const char *owner, uint16_t type)
{
	struct zone_state state = {0};
	size_t n;

	observe(s, zone, &state);
	n = records_count(&state.records, owner, type);
	zone_state_release(&state);
	return n;
}

/* ---- the relay: one question and one answer a connection ---- */

struct passing {
	uint8_t bytes[65536];
	size_t len;
};

struct relay {
	int listener, port;
	pthread_t thread;
	_Atomic int connections;
	/* Called with the number of the connection, from 1, before the question goes on, and with the answer. */
	void (*before)(struct relay *r, int n);
	void (*touch)(struct relay *r, int n, struct passing *p);
	_Atomic size_t at;   /* for touch */
	_Atomic size_t seen; /* length of the last answer */
};

static bool
pass(int fd, uint8_t *data, size_t len, bool out)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
			out ? send(fd, data + done, len - done, MSG_NOSIGNAL) : recv(fd, data + done, len - done, 0);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static bool
pass_message(int fd, struct passing *p, bool out)
{
	uint8_t head[2] = {(uint8_t)(p->len >> 8), (uint8_t)p->len};

	if (!pass(fd, head, 2, out))
		return false;
	p->len = wire_u16(head);
	return pass(fd, p->bytes, p->len, out);
}

static int
connect_server(void)
{
	char value[16];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_port = htons((uint16_t)strtol(server_value(&server, "PORT", value, sizeof(value)), NULL, 10));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void
relay_one(struct relay *r, int client, int n)
{
	static struct passing p;
	int fd = connect_server();

	if (fd >= 0 && pass_message(client, &p, false)) {
		if (r->before != NULL)
			r->before(r, n);
		if (pass_message(fd, &p, true) && pass_message(fd, &p, false)) {
			r->seen = p.len;
			if (r->touch != NULL)
				r->touch(r, n, &p);
			if (p.len > 0)
				(void)pass_message(client, &p, true);
		}
	}
	if (fd >= 0)
		(void)close(fd);
}

static void *
relay_run(void *arg)
{
	struct relay *r = arg;

	for (;;) {
		int client = accept(r->listener, NULL, NULL);

		if (client < 0)
			return NULL;
		relay_one(r, client, ++r->connections);
		(void)close(client);
	}
}

static void
relay_open(struct relay *r)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (r->port = 19000; r->port < 20000; r->port++) {
		a.sin_port = htons((uint16_t)r->port);
		if (bind(r->listener, (struct sockaddr *)&a, sizeof(a)) == 0)
			break;
	}
	assert_int_equal(listen(r->listener, 16), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, relay_run, r), 0);
}

static void
relay_close(struct relay *r)
{
	/* Wakes the accept. */
	(void)shutdown(r->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(r->thread, NULL), 0);
	(void)close(r->listener);
}

/* ---- keys and clocks ---- */

static void
rfc2136__an_unknown_key_is_told_as_such(void **state)
{
	struct setting s;
	struct zone_state zone = {0};

	(void)state;
	need_server();
	open_at(&s, 0, "nobody.test", clock_system());
	assert_int_equal(s.provider.driver->observe(s.provider.ctx, ZONE, NULL, &zone, &s.err), CR_EAUTH);
	assert_non_null(strstr(s.err.text, "BADKEY"));
	setting_close(&s);
}

static void
rfc2136__clocks_that_differ_are_told_with_the_difference(void **state)
{
	struct setting s;
	struct fake_clock clock;
	struct zone_state zone = {0};

	(void)state;
	need_server();
	fake_clock_init(&clock, clock_wall_ms(clock_system()) - 3600 * 1000);
	open_at(&s, 0, NULL, &clock.clock);
	assert_int_equal(s.provider.driver->observe(s.provider.ctx, ZONE, NULL, &zone, &s.err), CR_EAUTH);
	assert_non_null(strstr(s.err.text, "BADTIME"));
	assert_non_null(strstr(s.err.text, "differ by 36"));
	setting_close(&s);
}

/* ---- answers changed on the way ---- */

static void
flip(struct relay *r, int n, struct passing *p)
{
	(void)n;
	if (r->at < p->len)
		p->bytes[r->at] ^= 0x01;
}

static void
rfc2136__no_byte_of_a_transfer_can_be_changed(void **state)
{
	struct relay r = {.touch = flip, .at = SIZE_MAX};
	struct setting s;
	struct zone_state zone = {0};
	size_t len;

	(void)state;
	need_server();
	relay_open(&r);
	open_at(&s, r.port, NULL, clock_system());
	observe(&s, "empty.test", &zone);
	zone_state_release(&zone);
	len = r.seen;
	assert_true(len > 100);
	for (size_t i = 0; i < len; i++) {
		r.at = i;
		if (s.provider.driver->observe(s.provider.ctx, "empty.test", NULL, &zone, &s.err) == CR_OK)
			fail_msg("byte %zu of %zu was changed and believed", i, len);
	}
	setting_close(&s);
	relay_close(&r);
}

/* The signature is cut off, and the header says so. */
static void
strip(struct relay *r, int n, struct passing *p)
{
	uint8_t *m = p->bytes;
	struct wire_rr rr = {0};
	size_t pos;
	unsigned records = wire_u16(m + WIRE_ANSWER) + wire_u16(m + WIRE_AUTHORITY) + wire_u16(m + WIRE_ADDITIONAL);

	if ((size_t)n != r->at || wire_skip_questions(m, p->len, &pos, NULL) != CR_OK)
		return;
	for (unsigned i = 0; i < records; i++)
		if (wire_rr(m, p->len, &pos, &rr, NULL) != CR_OK)
			return;
	p->len = rr.offset;
	m[WIRE_ADDITIONAL + 1]--;
}

static void
rfc2136__a_transfer_without_a_signature_is_not_believed(void **state)
{
	struct relay r = {.touch = strip, .at = 1};
	struct setting s;
	struct zone_state zone = {0};

	(void)state;
	need_server();
	relay_open(&r);
	open_at(&s, r.port, NULL, clock_system());
	assert_int_equal(s.provider.driver->observe(s.provider.ctx, ZONE, NULL, &zone, &s.err), CR_EAUTH);
	assert_non_null(strstr(s.err.text, "not signed"));
	setting_close(&s);
	relay_close(&r);
}

static void
lose(struct relay *r, int n, struct passing *p)
{
	if ((size_t)n == r->at)
		p->len = 0;
}

static void
flip_one(struct relay *r, int n, struct passing *p)
{
	/* In the header's flags: an error made a success. */
	if ((size_t)n == r->at && p->len > 3)
		p->bytes[3] ^= 0x01;
}

/* The change is: observe (1), transfer (2), update (3), transfer (4). */
static const struct answer_row {
	const char *name;
	void (*touch)(struct relay *r, int n, struct passing *p);
	size_t at;
	int want;
} answers[] = {
	{"an update's answer that is lost leaves it open",        lose,     3, CR_EUNKNOWN},
	{"an update's answer without a signature leaves it open", strip,    3, CR_EUNKNOWN},
	{"an update's answer changed on the way leaves it open",  flip_one, 3, CR_EUNKNOWN},
	{"a transfer that is lost before the update means later", lose,     2, CR_ERETRY  },
	{"untouched, it is done",                                 NULL,     0, CR_OK      },
};

static void
check_answer(void **state)
{
	const struct answer_row *row = *state;
	struct relay r = {.touch = row->touch, .at = row->at};
	struct setting s;
	char owner[64];
	int rc;

	need_server();
	relay_open(&r);
	open_at(&s, r.port, NULL, clock_system());
	(void)snprintf(owner, sizeof(owner), "answer%zu." ZONE, (size_t)(row - answers));
	rc = add_one(&s, ZONE, owner, RECORD_A, "192.0.2.1");
	if (rc != row->want)
		fail_msg("%s: %s", err_code_name(rc), s.err.text);
	setting_close(&s);
	relay_close(&r);
}

/* ---- somebody else ---- */

/* Another client puts a record into the very set, after it was read and before the update arrives. */
static void
intrude(struct relay *r, int n)
{
	struct setting s;

	(void)r;
	if (n != 3)
		return;
	open_at(&s, 0, NULL, clock_system());
	(void)add_one(&s, "race.test", "race.test", RECORD_TXT, "\"somebody else's\"");
	setting_close(&s);
}

static void
rfc2136__a_change_in_between_stops_the_update(void **state)
{
	struct relay r = {.before = intrude};
	struct setting s;

	(void)state;
	need_server();
	relay_open(&r);
	open_at(&s, r.port, NULL, clock_system());
	assert_int_equal(add_one(&s, "race.test", "race.test", RECORD_TXT, "\"v=spf1 -all\""), CR_ECONFLICT);
	assert_non_null(strstr(s.err.text, "somebody else"));
	assert_int_equal(count(&s, "race.test", "race.test", RECORD_TXT), 1);
	setting_close(&s);
	relay_close(&r);
}

static void
rfc2136__a_plan_made_on_old_records_is_refused(void **state)
{
	struct setting s;
	struct zone_state base = {0};
	struct records have = {0}, want = {0};

	(void)state;
	need_server();
	open_at(&s, 0, NULL, clock_system());
	observe(&s, "stale.test", &base);
	assert_ok(add_one(&s, "stale.test", "stale.test", RECORD_TXT, "\"somebody else's\""), &s.err);
	add(&want, "stale.test", RECORD_TXT, 300, "\"v=spf1 -all\"");
	assert_int_equal(change(&s, "stale.test", &base, &have, &want), CR_ECONFLICT);
	assert_non_null(strstr(s.err.text, "stale.test TXT"));
	records_release(&want);
	zone_state_release(&base);
	setting_close(&s);
}

/* Strings cut in other places than ours are the same text (RFC 7208 s3.3), and other bytes in a prerequisite. */
static void
rfc2136__a_txt_cut_otherwise_is_replaced_and_its_neighbour_kept_as_it_is(void **state)
{
	struct setting s;
	struct zone_state base = {0};
	struct records have = {0}, want = {0};
	char command[1024], port[16], key[128], secret[128], answer[512] = "";
	FILE *f;

	(void)state;
	need_server();
	(void)server_value(&server, "PORT", port, sizeof(port));
	(void)snprintf(
		command, sizeof(command),
		"printf 'server 127.0.0.1 %s\\nzone cut.test\\nupdate add cut.test 300 TXT \"v=spf1\" \" -all\"\\n"
		"update add cut.test 300 TXT \"a=1\" \"b=2\"\\nsend\\n' | nsupdate -v -y 'hmac-sha256:%s:%s'",
		port, server_value(&server, "KEY_NAME", key, sizeof(key)),
		server_value(&server, "KEY_SECRET", secret, sizeof(secret)));
	if (system("command -v nsupdate >/dev/null") != 0)
		skip();
	assert_int_equal(system(command), 0);
	open_at(&s, 0, NULL, clock_system());
	observe(&s, "cut.test", &base);
	add(&have, "cut.test", RECORD_TXT, 300, "\"v=spf1 -all\"");
	add(&want, "cut.test", RECORD_TXT, 300, "\"v=spf1 ip4:192.0.2.1 -all\"");
	assert_ok(change(&s, "cut.test", &base, &have, &want), &s.err);
	(void)snprintf(command, sizeof(command), "dig +short @127.0.0.1 -p %s cut.test TXT | sort", port);
	f = popen(command, "r");
	assert_non_null(f);
	assert_true(fread(answer, 1, sizeof(answer) - 1, f) > 0);
	(void)pclose(f);
	assert_string_equal(answer, "\"a=1\" \"b=2\"\n\"v=spf1 ip4:192.0.2.1 -all\"\n");
	records_release(&want);
	records_release(&have);
	zone_state_release(&base);
	setting_close(&s);
}

/* ---- what a server does not do ---- */

static void
rfc2136__an_mx_to_a_host_without_address_is_explained(void **state)
{
	struct setting s;

	(void)state;
	need_server();
	open_at(&s, 0, NULL, clock_system());
	assert_int_equal(add_one(&s, ZONE, ZONE, RECORD_MX, "10 nowhere." ZONE "."), CR_EREFUSED);
	assert_non_null(strstr(s.err.text, "no address"));
	setting_close(&s);
}

static void
rfc2136__the_soa_is_left_to_the_server(void **state)
{
	struct setting s;
	struct record r = {0};

	(void)state;
	need_server();
	open_at(&s, 0, NULL, clock_system());
	assert_int_equal(add_one(&s, ZONE, ZONE, RECORD_SOA, "a. b. 1 2 3 4 5"), CR_EREFUSED);
	assert_ok(record_parse(ZONE, RECORD_SOA, 60, "a. b. 1 2 3 4 5", "", &r, &s.err), &s.err);
	assert_int_equal(s.provider.driver->reject(&r, ZONE, &s.err), CR_EREFUSED);
	record_release(&r);
	setting_close(&s);
}

static void
rfc2136__the_name_servers_of_the_zone_can_be_replaced(void **state)
{
	struct setting s;
	struct zone_state base = {0};
	struct records have = {0}, want = {0};

	(void)state;
	need_server();
	open_at(&s, 0, NULL, clock_system());
	observe(&s, "ns.test", &base);
	add(&have, "ns.test", RECORD_NS, 300, "ns1.example.invalid.");
	add(&want, "ns.test", RECORD_NS, 300, "ns8.example.net.");
	add(&want, "ns.test", RECORD_NS, 300, "ns9.example.net.");
	assert_ok(change(&s, "ns.test", &base, &have, &want), &s.err);
	assert_int_equal(count(&s, "ns.test", "ns.test", RECORD_NS), 2);
	records_release(&want);
	records_release(&have);
	zone_state_release(&base);
	setting_close(&s);
}

/* 64 KB are a message; this is three. */
static void
rfc2136__a_change_longer_than_a_message_goes_out_in_several(void **state)
{
	struct setting s;
	struct zone_state base = {0}, after = {0};
	struct records none = {0}, want = {0};
	char owner[64], rdata[256];

	(void)state;
	need_server();
	open_at(&s, 0, NULL, clock_system());
	observe(&s, "long.test", &base);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(owner, sizeof(owner), "t%d.long.test", i);
		(void)snprintf(rdata, sizeof(rdata), "\"%0200d\"", i);
		add(&want, owner, RECORD_TXT, 300, rdata);
	}
	assert_ok(change(&s, "long.test", &base, &none, &want), &s.err);
	observe(&s, "long.test", &after);
	assert_int_equal(after.records.n, base.records.n + 600);
	zone_state_release(&after);
	zone_state_release(&base);
	records_release(&want);
	setting_close(&s);
}

static const struct config_row {
	const char *name;
	const char *settings;
	const char *text; /* of the error; NULL: accepted */
} configs[] = {
	{"a host and a port",            "server = \"ns1.example.test:5353\"; key_name = \"k\";",               NULL           },
	{"a host alone",                 "server = \"ns1.example.test\"; key_name = \"k\";",                    NULL           },
	{"an IPv6 address in brackets",  "server = \"[2001:db8::1]:53\"; key_name = \"k\";",                    NULL           },
	{"an IPv6 address alone",        "server = \"2001:db8::1\"; key_name = \"k\";",                         NULL           },
	{"every algorithm there is",     "server = \"h\"; key_name = \"k\"; key_algorithm = \"HMAC-SHA512.\";", NULL           },
	{"no port after the colon",      "server = \"ns1.example.test:\"; key_name = \"k\";",                   "server"       },
	{"an open bracket",              "server = \"[2001:db8::1\"; key_name = \"k\";",                        "server"       },
	{"an algorithm that is too old",
         "server = \"h\"; key_name = \"k\"; key_algorithm = \"hmac-md5.sig-alg.reg.int\";",                     "key_algorithm"},
	{"a key without a name",         "server = \"h\"; key_name = \".\";",                                   "key_name"     },
};

static void
check_config(void **state)
{
	const struct config_row *r = *state;
	struct setting s;
	char text[512];
	int rc;

	(void)setenv("COLDRELAY_TEST_SECRET", "AAECAwQFBgcICQoLDA0ODw==", 1);
	(void)snprintf(text, sizeof(text), "%s key_secret = \"env:COLDRELAY_TEST_SECRET\";", r->settings);
	rc = open_with(&s, text, clock_system());
	if (r->text == NULL) {
		assert_ok(rc, &s.err);
	} else {
		assert_int_equal(rc, CR_ECONFIG);
		assert_non_null(strstr(s.err.text, r->text));
	}
	setting_close(&s);
}

static void
rfc2136__a_secret_that_is_not_base64_is_refused_and_not_shown(void **state)
{
	struct setting s;

	(void)state;
	(void)setenv("COLDRELAY_TEST_SECRET", "swordfish!", 1);
	assert_int_equal(open_with(&s, "server = \"h\"; key_name = \"k\"; key_secret = \"env:COLDRELAY_TEST_SECRET\";",
	                           clock_system()),
	                 CR_ECONFIG);
	assert_null(strstr(s.err.text, "swordfish"));
	setting_close(&s);
}

static int
set_up(void **state)
{
	(void)state;
	if (!server_start(&server, "bind_up.sh", ZONE " empty.test race.test stale.test cut.test ns.test long.test"))
		print_message("without a server: %s\n", server.why);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	server_stop(&server);
	return 0;
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	TEST(tests, n, rfc2136__an_unknown_key_is_told_as_such);
	TEST(tests, n, rfc2136__clocks_that_differ_are_told_with_the_difference);
	TEST(tests, n, rfc2136__no_byte_of_a_transfer_can_be_changed);
	TEST(tests, n, rfc2136__a_transfer_without_a_signature_is_not_believed);
	ROWS(tests, n, answers, check_answer);
	TEST(tests, n, rfc2136__a_change_in_between_stops_the_update);
	TEST(tests, n, rfc2136__a_plan_made_on_old_records_is_refused);
	TEST(tests, n, rfc2136__a_txt_cut_otherwise_is_replaced_and_its_neighbour_kept_as_it_is);
	TEST(tests, n, rfc2136__an_mx_to_a_host_without_address_is_explained);
	TEST(tests, n, rfc2136__the_soa_is_left_to_the_server);
	TEST(tests, n, rfc2136__the_name_servers_of_the_zone_can_be_replaced);
	TEST(tests, n, rfc2136__a_change_longer_than_a_message_goes_out_in_several);
	ROWS(tests, n, configs, check_config);
	TEST(tests, n, rfc2136__a_secret_that_is_not_base64_is_refused_and_not_shown);
	return _cmocka_run_group_tests("dns/rfc2136", tests, n, set_up, tear_down);
}
