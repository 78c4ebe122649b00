/*
 * test_policy.c - the policy protocol: requests in any pieces, junk and limits, answers; and the table of messages under way.
 */
#include "tests/lib/rows.h"

#include "budget/instances.h"
#include "budget/listen.h"
#include "budget/policy.h"
#include "core/buf.h"
#include "core/own.h"

#define HEAD "request=smtpd_access_policy\n"

static const struct row {
	const char *name, *text;
	size_t len; /* 0: strlen */
	enum policy_progress want;
	enum policy_stage stage;
	const char *sender, *recipient;
} rows[] = {
	{"a plain request is read",
         HEAD "protocol_state=RCPT\ninstance=1.2\nsender=a@x.example\nrecipient=b@y.example\n\n",                                     0,                                  POLICY_WHOLE,
         POLICY_RCPT,																							  "a@x.example", "b@y.example"  },
	{"order is free",                     "recipient=b@y.example\nsender=a@x.example\nprotocol_state=END-OF-MESSAGE\n" HEAD "\n", 0,
         POLICY_WHOLE,																				  POLICY_END_OF_MESSAGE, "a@x.example", "b@y.example"  },
	{"unknown attributes are ignored",    HEAD "new_thing=1\nsenders=no\nsender=a@x.example\n\n",                                 0,                                  POLICY_WHOLE,
         POLICY_ELSEWHERE,																						     "a@x.example", ""             },
	{"a name like ours is ignored",       HEAD "sender=a@x.example\nsinder=no\nrecipiend=no\nprotocol_stage=DATA\n\n",            0,
         POLICY_WHOLE,																				  POLICY_ELSEWHERE,      "a@x.example", ""             },
	{"the last of a repeated name holds", HEAD "sender=a@x.example\nsender=c@x.example\nprotocol_state=DATA\n\n",                 0,
         POLICY_WHOLE,																				  POLICY_DATA,           "c@x.example", ""             },
	{"a value may be empty and hold '='", HEAD "sender=\nrecipient=a=b@y.example\n\n",                                            0,                                  POLICY_WHOLE,
         POLICY_ELSEWHERE,																						     "",            "a=b@y.example"},
	{"a request without its end waits",   HEAD "sender=a@x.example\n",                                                            0,                                  POLICY_MORE,  POLICY_ELSEWHERE,      "",            ""             },
	{"an empty request is junk",          "\n",										   0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a line without '=' is junk",        HEAD "sender\n\n",								      0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a line without a name is junk",     HEAD "=a\n\n",									  0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"another kind of request is junk",   "request=junk_policy\n\n",                                                              0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"no kind of request is junk",        "sender=a@x.example\n\n",                                                               0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a count that is no number is junk", HEAD "recipient_count=two\n\n",                                                         0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a negative count is junk",          HEAD "recipient_count=-1\n\n",                                                          0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a NUL is junk",                     "sender=a\0b\n\n",								      12,                                 POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
	{"a NUL in a good request is junk",   HEAD "sender=a\0b\n\n",                                                                 sizeof(HEAD "sender=a\0b\n\n") - 1, POLICY_JUNK,
         POLICY_ELSEWHERE,																						     "",            ""             },
	{"a NUL waits for no end",            HEAD "sender=a\0b",								     sizeof(HEAD "sender=a\0b") - 1,     POLICY_JUNK,  POLICY_ELSEWHERE,
         "",																										  ""             },
	{"HTTP is junk",                      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",                                                    0,                                  POLICY_JUNK,  POLICY_ELSEWHERE,      "",            ""             },
};

static struct policy_request request;

static enum policy_progress
finish(enum policy_progress p, const char *text, const struct policy_scan *s)
{
	static char bytes[POLICY_REQUEST_BYTES];

	if (p == POLICY_WHOLE)
		memcpy(bytes, text, s->at);
	return p == POLICY_WHOLE && !policy_read(bytes, s, &request) ? POLICY_JUNK : p;
}

/* Whole, in two pieces cut at every byte, and byte by byte: the same. */
static void
check_row(void **state)
{
	const struct row *r = *state;
	const size_t len = r->len != 0 ? r->len : strlen(r->text);

	for (size_t cut = 0; cut <= len; cut++) {
		struct policy_scan s = {0};
		enum policy_progress p = policy_scan(&s, r->text, cut);

		if (p == POLICY_MORE)
			p = policy_scan(&s, r->text, len);
		assert_int_equal(finish(p, r->text, &s), r->want);
		if (r->want != POLICY_WHOLE)
			continue;
		assert_int_equal(s.at, len);
		assert_int_equal(request.stage, r->stage);
		assert_string_equal(request.sender, r->sender);
		assert_string_equal(request.recipient, r->recipient);
	}
}

/* name_len and value_len of one attribute, n of them, and what comes of it. */
static const struct limit {
	const char *name;
	size_t name_len, value_len, n;
	enum policy_progress want;
} limits[] = {
	{"a name of 64 bytes is read",          64, 1,    1,  POLICY_WHOLE},
	{"a name of 65 bytes is junk",          65, 1,    1,  POLICY_JUNK },
	{"a value of 2048 bytes is read",       4,  2048, 1,  POLICY_WHOLE},
	{"a value of 2049 bytes is junk",       4,  2049, 1,  POLICY_JUNK },
	{"a line without end is junk at once",  4,  9000, 0,  POLICY_JUNK },
	{"64 attributes are read",              4,  4,    63, POLICY_WHOLE},
	{"65 attributes are junk",              4,  4,    64, POLICY_JUNK },
	{"16 KB are junk, whatever may follow", 4,  2000, 9,  POLICY_JUNK },
};

static void
check_limit(void **state)
{
	const struct limit *l = *state;
	struct buf b = {0};
	struct policy_scan s = {0};

	buf_adds(&b, HEAD);
	for (size_t i = 0; i < (l->n == 0 ? 1 : l->n); i++) {
		for (size_t k = 0; k < l->name_len; k++)
			buf_addc(&b, 'n');
		buf_addc(&b, '=');
		for (size_t k = 0; k < l->value_len; k++)
			buf_addc(&b, 'v');
		if (l->n != 0)
			buf_addc(&b, '\n');
	}
	if (l->n != 0)
		buf_addc(&b, '\n');
	assert_int_equal(finish(policy_scan(&s, b.data, b.len), b.data, &s), l->want);
	buf_release(&b);
}

static void
policy__two_requests_in_one_piece_are_two(void **state)
{
	static const char one[] = HEAD "sender=a@x.example\n\n",
			  two[] = HEAD "sender=a@x.example\n\n" HEAD "sender=b@x.example\n\n";
	struct policy_scan s = {0};

	(void)state;
	assert_int_equal(policy_scan(&s, two, sizeof(two) - 1), POLICY_WHOLE);
	assert_int_equal(s.at, sizeof(one) - 1);
}

static void
policy__answers_are_one_line_of_ascii(void **state)
{
	char out[POLICY_ANSWER_MAX], lang[2000];

	(void)state;
	policy_answer(POLICY_GO, "never shown", "ok", out);
	assert_string_equal(out, "action=DUNNO\n\n");
	policy_answer(POLICY_WAIT, "later\naction=OK\xc3\xa9", "budget", out);
	assert_string_equal(out, "action=DEFER 4.7.1 coldrelay: later?action=OK?? (budget)\n\n");
	policy_answer(POLICY_TROUBLE, "disk", "store", out);
	assert_string_equal(out, "action=DEFER 4.3.0 coldrelay: disk (store)\n\n");
	policy_answer(POLICY_REFUSE, "no", "frozen", out);
	assert_string_equal(out, "action=REJECT 5.7.1 coldrelay: no (frozen)\n\n");
	memset(lang, 'x', sizeof(lang) - 1);
	lang[sizeof(lang) - 1] = '\0';
	policy_answer(POLICY_REFUSE, lang, "frozen", out);
	assert_string_equal(out + strlen(out) - sizeof("x (frozen)\n\n") + 1, "x (frozen)\n\n");
	/* Each place of a word of eight, and each kind of byte that is none of ours. */
	for (size_t i = 0; i < 16; i++) {
		static const unsigned char bad[] = {0x01, 0x1f, 0x7f, 0x80, 0xff};
		char text[] = " ~aZ09 ~ ~aZ09 ~", want[sizeof(text)];

		memcpy(want, text, sizeof(text));
		text[i] = (char)bad[i % sizeof(bad)];
		want[i] = '?';
		policy_answer(POLICY_WAIT, text, "budget", out);
		assert_memory_equal(out + sizeof("action=DEFER 4.7.1 coldrelay: ") - 1, want, sizeof(want) - 1);
	}
}

static void
id_of(unsigned n, uint8_t id[INSTANCES_ID_BYTES])
{
	memset(id, 0, INSTANCES_ID_BYTES);
	memcpy(id, &n, sizeof(n));
}

static void
instances__keep_each_recipient_once_and_at_most_64(void **state)
{
	const char *got[INSTANCES_RECIPIENTS];
	struct instances *t = NULL;
	struct err err = {0};
	uint8_t id[INSTANCES_ID_BYTES];
	char text[32];

	(void)state;
	assert_ok(instances_open(&t, &err), &err);
	id_of(1, id);
	assert_int_equal(instances_get(t, id, 0, got), 0);
	for (int i = 0; i < 2 * INSTANCES_RECIPIENTS; i++) {
		(void)snprintf(text, sizeof(text), "r%d@x.example", i / 2);
		assert_ok(instances_add(t, id, text, 0, &err), &err);
	}
	assert_int_equal(instances_add(t, id, "more@x.example", 0, &err), CR_EREFUSED);
	assert_int_equal(instances_get(t, id, INSTANCES_EXPIRE_MS - 1, got), INSTANCES_RECIPIENTS);
	assert_string_equal(got[63], "r63@x.example");
	assert_int_equal(instances_get(t, id, INSTANCES_EXPIRE_MS, got), 0);
	instances_drop(&t);
}

static void
instances__the_oldest_message_gives_way(void **state)
{
	const char *got[INSTANCES_RECIPIENTS];
	struct instances *t = NULL;
	struct err err = {0};
	uint8_t id[INSTANCES_ID_BYTES];

	(void)state;
	assert_ok(instances_open(&t, &err), &err);
	for (unsigned i = 0; i < 2 * INSTANCES_MAX + 5; i++) {
		id_of(i, id);
		assert_ok(instances_add(t, id, "r@x.example", i, &err), &err);
	}
	for (unsigned i = 0; i < 2 * INSTANCES_MAX + 5; i++) {
		id_of(i, id);
		assert_int_equal(instances_get(t, id, 2 * INSTANCES_MAX, got), i < INSTANCES_MAX + 5 ? 0 : 1);
	}
	instances_drop(&t);
}

/* Ids that fall into one bucket are kept apart, and stay when the oldest of them goes. */
static void
instances__of_one_bucket_are_kept_apart(void **state)
{
	const char *got[INSTANCES_RECIPIENTS];
	struct instances *t = NULL;
	struct err err = {0};
	uint8_t id[3][INSTANCES_ID_BYTES] = {
		{1, 2, 3},
                {1, 2, 4},
                {1, 2, 5}
        };

	(void)state;
	assert_ok(instances_open(&t, &err), &err);
	assert_ok(instances_add(t, id[0], "a@x.example", 0, &err), &err);
	assert_ok(instances_add(t, id[1], "b@x.example", 10, &err), &err);
	assert_ok(instances_add(t, id[2], "c@x.example", 20, &err), &err);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(instances_get(t, id[i], 20, got), 1);
		assert_int_equal(got[0][0], 'a' + (int)i);
	}
	assert_int_equal(instances_get(t, id[0], INSTANCES_EXPIRE_MS + 5, got), 0);
	assert_int_equal(instances_get(t, id[1], INSTANCES_EXPIRE_MS + 5, got), 1);
	assert_int_equal(instances_get(t, id[2], INSTANCES_EXPIRE_MS + 5, got), 1);
	instances_drop(&t);
}

static const struct place {
	const char *name, *text;
	int want;
	bool loopback;
} places[] = {
	{"a unix socket",                    "unix:/run/x/gate",     CR_OK,     true },
	{"an IPv4 address",                  "inet:127.0.0.1:1004",  CR_OK,     true },
	{"an IPv6 address",                  "inet:[::1]:1004",      CR_OK,     true },
	{"an address for others",            "inet:192.0.2.1:1004",  CR_OK,     false},
	{"all addresses",                    "inet:0.0.0.0:1004",    CR_OK,     false},
	{"a relative path is refused",       "unix:gate",            CR_EPARSE, false},
	{"no kind of place is refused",      "/run/x/gate",          CR_EPARSE, false},
	{"a host name is refused",           "inet:localhost:1004",  CR_EPARSE, false},
	{"no port is refused",               "inet:127.0.0.1",       CR_EPARSE, false},
	{"port 0 is refused",                "inet:127.0.0.1:0",     CR_EPARSE, false},
	{"port 65536 is refused",            "inet:127.0.0.1:65536", CR_EPARSE, false},
	{"IPv6 without brackets is refused", "inet:::1:1004",        CR_EPARSE, false},
	{"a path too long is refused",
         "unix:/"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaa",                                                 CR_EPARSE, false},
};

static void
check_place(void **state)
{
	const struct place *p = *state;
	struct listen_at at;

	assert_int_equal(listen_parse(p->text, &at, NULL), p->want);
	if (p->want == CR_OK)
		assert_int_equal(at.is_loopback, p->loopback);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	ROWS(tests, n, limits, check_limit);
	ROWS(tests, n, places, check_place);
	TEST(tests, n, policy__two_requests_in_one_piece_are_two);
	TEST(tests, n, policy__answers_are_one_line_of_ascii);
	TEST(tests, n, instances__keep_each_recipient_once_and_at_most_64);
	TEST(tests, n, instances__of_one_bucket_are_kept_apart);
	TEST(tests, n, instances__the_oldest_message_gives_way);
	return rows_run("budget/policy", tests, n);
}
