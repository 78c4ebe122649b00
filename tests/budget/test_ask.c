/*
 * test_ask.c - our own questions: their text both ways, the daemon's answers to them, and a client that loses an answer.
 */
#include "budget/ask.h"
#include "budget/policy.h"
#include "tests/budget/desk.h"

static const struct reading {
	const char *name, *text;
	int want, code;
} readings[] = {
#define GATE                                                                                                           \
	"verdict=wait\nreason=budget\nmailbox=a@b.example\nclass=warmup\nleft_outbound=1\nleft_warmup=0\n"             \
	"retry_at_ms=5\nticket=\nmessage=later = soon\n"
	{"a whole answer is read",                GATE "\n",                       CR_OK,     CR_OK    },
	{"an unknown name is ignored",            GATE "more=1\n\n",               CR_OK,     CR_OK    },
	{"trouble is read",                       "error=store\nmessage=disk\n\n", CR_OK,     CR_ESTORE},
	{"trouble without a text is read",        "error=retry\n\n",               CR_OK,     CR_ERETRY},
	{"a release is read",                     "released=1\n\n",                CR_OK,     CR_OK    },
	{"an answer without its end is none",     GATE,                            CR_EPARSE, 0        },
	{"two answers are none",                  GATE "\n" GATE "\n",             CR_EPARSE, 0        },
	{"an answer that lacks a member is none", "verdict=allow\nreason=ok\n\n",  CR_EPARSE, 0        },
	{"an allow and a release are no answer",  GATE "released=1\n\n",           CR_EPARSE, 0        },
	{"an allow and an error are no answer",   GATE "error=store\n\n",          CR_EPARSE, 0        },
	{"a member told twice is no answer",      GATE "verdict=allow\n\n",        CR_EPARSE, 0        },
	{"an unknown error is no answer",         "error=none\n\n",                CR_EPARSE, 0        },
	{"\"ok\" is no error",                    "error=ok\nmessage=x\n\n",       CR_EPARSE, 0        },
	{"a line without '=' is none",            "verdict\n\n",                   CR_EPARSE, 0        },
	{"another verdict is none",               "verdict=maybe\n\n",             CR_EPARSE, 0        },
	{"Postfix's answer is none of ours",      "action=DUNNO\n\n",              CR_EPARSE, 0        },
	{"nothing is no answer",                  "",                              CR_EPARSE, 0        },
};

static void
check_reading(void **state)
{
	const struct reading *r = *state;
	struct wire_reply reply = {0};

	assert_int_equal(wire_read(r->text, strlen(r->text), &reply, &o.err), r->want);
	if (r->want == CR_OK)
		assert_int_equal(reply.code, r->code);
}

/* Whatever is in an answer comes out as it went in, but for line breaks. */
static void
wire__an_answer_survives_the_way(void **state)
{
	struct gate_answer a = {.verdict = GATE_WAIT,
	                        .class = GATE_WARMUP,
	                        .reason = "org_pace",
	                        .left_outbound = 2,
	                        .left_warmup = -1,
	                        .retry_at_ms = OFFICE_START_MS,
	                        .message = "one\nerror=store"};
	struct wire_reply reply;
	char text[WIRE_ANSWER_MAX];

	(void)state;
	memset(a.mailbox, 'm', sizeof(a.mailbox) - 1);
	memset(a.ticket, 't', sizeof(a.ticket) - 1);
	wire_answer(&a, text);
	assert_ok(wire_read(text, strlen(text), &reply, &o.err), &o.err);
	assert_int_equal(reply.code, CR_OK);
	assert_false(reply.released);
	assert_string_equal(reply.gate.message, "one?error=store");
	memcpy(a.message, reply.gate.message, sizeof(a.message));
	assert_memory_equal(&reply.gate, &a, sizeof(a));
	wire_answer_trouble(CR_EUNKNOWN, "a\n\nb", text);
	assert_ok(wire_read(text, strlen(text), &reply, &o.err), &o.err);
	assert_int_equal(reply.code, CR_EUNKNOWN);
	assert_string_equal(reply.text, "a??b");
}

static void
wire__a_question_survives_the_way(void **state)
{
	static struct policy_request r;
	const struct gate_request q = {
		.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = "<a=b>", .dry_run = true};
	struct policy_scan s = {0};
	struct buf b = {0};

	(void)state;
	assert_ok(wire_write_check(&q, "1:2:3", &b, &o.err), &o.err);
	assert_int_equal(policy_scan(&s, b.data, b.len), POLICY_WHOLE);
	assert_true(policy_read(b.data, &s, &r));
	assert_int_equal(r.kind, POLICY_CHECK);
	assert_string_equal(r.mailbox, ANNA);
	assert_string_equal(r.recipient, EXTERN_MAIL);
	assert_string_equal(r.message_id, "<a=b>");
	assert_string_equal(r.store, "1:2:3");
	assert_true(r.dry_run);
	buf_release(&b);
}

static void
wire__a_line_break_makes_no_second_attribute(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = "a\ndry_run=1"};
	struct buf b = {0};

	(void)state;
	assert_int_equal(wire_write_check(&q, "", &b, &o.err), CR_EPARSE);
	buf_release(&b);
}

/* ---- over the socket ---- */

static int
ask(const struct gate_request *q, const char *store, struct wire_reply *reply)
{
	struct buf b = {0};
	int rc;

	assert_ok(wire_write_check(q, store, &b, &o.err), &o.err);
	rc = ask_daemon(&place, clock_system(), &b, q->message_id != NULL, reply, &o.err);
	buf_release(&b);
	return rc;
}

static int
give_back(const char *ticket, struct wire_reply *reply)
{
	struct buf b = {0};
	int rc;

	assert_ok(wire_write_release(ticket, "", &b, &o.err), &o.err);
	rc = ask_daemon(&place, clock_system(), &b, false, reply, &o.err);
	buf_release(&b);
	return rc;
}

static const char *
ask_word(const char *id, struct wire_reply *reply)
{
	const struct gate_request q = {
		.mailbox = "Anna@GetNorthwind.example", .recipient = EXTERN_MAIL, .message_id = id};

	assert_ok(ask(&q, "", reply), &o.err);
	assert_int_equal(reply->code, CR_OK);
	return office_word(&reply->gate);
}

static void
ask__spends_as_the_store_does(void **state)
{
	struct wire_reply one, two;
	struct gate_request dry = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .dry_run = true};

	(void)state;
	assert_string_equal(ask_word("1", &one), "allow");
	assert_string_equal(ask_word("1", &two), "allow");
	assert_string_equal(one.gate.ticket, two.gate.ticket);
	assert_string_equal(one.gate.mailbox, ANNA);
	assert_int_equal(one.gate.left_outbound, 1);
	for (int i = 0; i < 3; i++) {
		assert_ok(ask(&dry, "", &two), &o.err);
		assert_string_equal(office_word(&two.gate), "allow");
		assert_string_equal(two.gate.ticket, "");
	}
	assert_string_equal(ask_word(NULL, &two), "allow");
	assert_string_equal(ask_word(NULL, &two), "budget");
	assert_true(two.gate.retry_at_ms > OFFICE_START_MS);
	/* The same tokens as Postfix's. */
	expect_spend("p", LATER, "(budget)");
}

static void
ask__a_ticket_is_given_back_once(void **state)
{
	struct wire_reply one, reply;

	(void)state;
	assert_string_equal(ask_word("1", &one), "allow");
	assert_string_equal(ask_word("2", &reply), "allow");
	assert_ok(give_back(one.gate.ticket, &reply), &o.err);
	assert_int_equal(reply.code, CR_OK);
	assert_true(reply.released);
	assert_ok(give_back(one.gate.ticket, &reply), &o.err);
	assert_int_equal(reply.code, CR_ENOTFOUND);
	assert_false(reply.released);
	assert_string_equal(ask_word("3", &reply), "allow");
	assert_string_equal(ask_word("4", &reply), "budget");
}

static void
ask__an_address_that_cannot_be_read_is_an_error(void **state)
{
	const struct gate_request q = {.mailbox = "anna", .recipient = EXTERN_MAIL};
	struct wire_reply reply;

	(void)state;
	assert_ok(ask(&q, "", &reply), &o.err);
	assert_int_equal(reply.code, CR_EPARSE);
	expect_two_left();
}

static void
ask__a_store_that_is_not_free_is_an_error(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct wire_reply reply;

	(void)state;
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(ask(&q, "", &reply), &o.err);
	assert_int_equal(reply.code, CR_ERETRY);
	assert_ok(give_back("1-1", &reply), &o.err);
	assert_int_not_equal(reply.code, CR_OK);
	db_rollback(o.db);
	expect_two_left();
}

static void
ask__another_store_is_not_charged(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = "1"};
	struct wire_reply reply;
	char store[WIRE_STORE_MAX];

	(void)state;
	assert_true(wire_store(o.dir, store));
	assert_int_equal(ask(&q, store, &reply), CR_ENOTFOUND);
	assert_true(wire_store(o.path, store));
	assert_ok(ask(&q, store, &reply), &o.err);
	assert_string_equal(office_word(&reply.gate), "allow");
}

static void
ask__nobody_there_is_said_at_once(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct wire_reply reply;

	(void)state;
	assert_true(WIFSIGNALED(stop(SIGKILL)));
	assert_int_equal(ask(&q, "", &reply), CR_ENOTFOUND);
	(void)unlink(place.text + 5);
	assert_int_equal(ask(&q, "", &reply), CR_ENOTFOUND);
}

/* Run by another user than the store's owner: needs root to become one. */
static void
ask__a_stranger_spends_nothing(void **state)
{
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL};
	struct wire_reply reply;
	int status = -1;
	pid_t stranger;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(o.dir, 0755), 0);
	stranger = fork();
	assert_true(stranger >= 0);
	if (stranger == 0)
		_exit(setuid(65534) != 0 ? 2 : ask(&q, "", &reply) == CR_ENOTFOUND ? 0 : 1);
	assert_int_equal(waitpid(stranger, &status, 0), stranger);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	expect_two_left();
}

static void
ask__over_the_network_nothing_is_given_back(void **state)
{
	struct wire_reply one, reply;
	char text[64];

	(void)state;
	assert_int_equal(stop(SIGTERM), 0);
	(void)snprintf(text, sizeof(text), "inet:127.0.0.1:%d", 10000 + (int)(getpid() % 10000));
	assert_ok(listen_parse(text, &place, &o.err), &o.err);
	start(NO_PACE);
	assert_string_equal(ask_word("1", &one), "allow");
	assert_int_equal(give_back(one.gate.ticket, &reply), CR_ENOTFOUND);
	assert_string_equal(ask_word("2", &reply), "allow");
	assert_string_equal(ask_word("3", &reply), "budget");
	assert_int_equal(stop(SIGTERM), 0);
}

/*
 * In place of the daemon: takes n connections, reads a request of each and sends what it is told to before it hangs up.  Gone after
 * them, as a daemon that died.
 */
static void
start_rude(int n, const char *says)
{
	struct listener l = {.fd = -1};

	assert_int_equal(stop(SIGTERM), 0);
	assert_ok(listener_open(&place, &o.clock.clock, &l, &o.err), &o.err);
	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		char text[2048];

		for (int i = 0; i < n; i++) {
			struct pollfd p = {.fd = l.fd, .events = POLLIN};
			int fd = poll(&p, 1, PATIENCE_S * 1000) == 1 ? accept(l.fd, NULL, NULL) : -1;

			if (fd < 0 || read(fd, text, sizeof(text)) <= 0 ||
			    send(fd, says, strlen(says), MSG_NOSIGNAL) != (ssize_t)strlen(says))
				_exit(1);
			if (i == n - 1)
				(void)close(l.fd);
			(void)close(fd);
		}
		_exit(0);
	}
	(void)close(l.fd);
	l.fd = -1;
	lock_drop(&l.lock);
}

static const struct rude {
	const char *name, *says, *id;
	int n, want; /* connections taken; what the client makes of it */
} rudes[] = {
	{"an answer cut off is unknown without an id",    "verdict=allow\nreason=ok\n", NULL, 1, CR_EUNKNOWN },
	{"no answer is unknown without an id",            "",                           NULL, 1, CR_EUNKNOWN },
	{"an answer in other words is unknown",           "action=DUNNO\n\n",           NULL, 1, CR_EUNKNOWN },
	{"with an id it is asked again, and then gone",   "verdict=allow\nreason=ok\n", "1",  1, CR_ENOTFOUND},
	{"with an id it is asked twice, not three times", "",                           "1",  2, CR_ENOTFOUND},
};

static void
check_rude(void **state)
{
	const struct rude *r = *state;
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = r->id};
	struct wire_reply reply = {0};
	int status = -1;

	(void)set_up(NULL);
	start_rude(r->n, r->says);
	assert_int_equal(ask(&q, "", &reply), r->want);
	assert_int_equal(waitpid(server, &status, 0), server);
	server = 0;
	assert_int_equal(status, 0);
}

/* Nine seconds pass whenever it is looked at: nobody has to wait for a silence. */
static int64_t
hasty_boot_ms(const struct clock *c)
{
	int64_t *now_ms = c->state;

	return *now_ms += 9000;
}

static const struct silence {
	const char *name, *id;
	int want;
} silences[] = {
	{"a daemon's silence is no allow without an id", NULL, CR_EUNKNOWN },
	{"nor with one, and then the store is asked",    "1",  CR_ENOTFOUND},
};

static void
check_silence(void **state)
{
	const struct silence *r = *state;
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = r->id};
	struct listener l = {.fd = -1};
	struct wire_reply reply = {0};
	struct clock hasty = *clock_system();
	struct buf b = {0};
	int64_t now_ms = 0;

	(void)set_up(NULL);
	assert_int_equal(stop(SIGTERM), 0);
	assert_ok(listener_open(&place, &o.clock.clock, &l, &o.err), &o.err);
	hasty.boot_ms = hasty_boot_ms;
	hasty.state = &now_ms;
	assert_ok(wire_write_check(&q, "", &b, &o.err), &o.err);
	assert_int_equal(ask_daemon(&place, &hasty, &b, r->id != NULL, &reply, &o.err), r->want);
	buf_release(&b);
	listener_close(&l);
}

static void
ask__another_store_gives_nothing_back(void **state)
{
	struct wire_reply one, reply;
	char store[WIRE_STORE_MAX];
	struct buf b = {0};

	(void)state;
	assert_string_equal(ask_word("1", &one), "allow");
	assert_true(wire_store(o.dir, store));
	assert_ok(wire_write_release(one.gate.ticket, store, &b, &o.err), &o.err);
	assert_int_equal(ask_daemon(&place, clock_system(), &b, false, &reply, &o.err), CR_ENOTFOUND);
	buf_release(&b);
	assert_string_equal(ask_word("2", &reply), "allow");
	assert_string_equal(ask_word("3", &reply), "budget");
}

static void
wire__two_servers_are_two_stores(void **state)
{
	char one[WIRE_STORE_MAX], two[WIRE_STORE_MAX];

	(void)state;
	assert_true(wire_store("postgresql://one.example/cold", one));
	assert_true(wire_store("postgresql://two.example/cold", two));
	assert_string_not_equal(one, two);
}

static void
wire__a_value_that_is_too_long_is_not_asked(void **state)
{
	static char id[POLICY_VALUE_MAX + 2];
	const struct gate_request q = {.mailbox = ANNA, .recipient = EXTERN_MAIL, .message_id = id};
	struct buf b = {0};

	(void)state;
	memset(id, 'x', sizeof(id) - 1);
	assert_int_equal(wire_write_check(&q, "", &b, &o.err), CR_EPARSE);
	id[POLICY_VALUE_MAX] = '\0';
	assert_ok(wire_write_check(&q, "", &b, &o.err), &o.err);
	buf_release(&b);
}

int
main(void)
{
	struct CMUnitTest tests[64] = {
		DAEMON_TEST(ask__spends_as_the_store_does),
		DAEMON_TEST(ask__a_ticket_is_given_back_once),
		DAEMON_TEST(ask__an_address_that_cannot_be_read_is_an_error),
		DAEMON_TEST(ask__a_store_that_is_not_free_is_an_error),
		DAEMON_TEST(ask__another_store_is_not_charged),
		DAEMON_TEST(ask__another_store_gives_nothing_back),
		DAEMON_TEST(ask__nobody_there_is_said_at_once),
		DAEMON_TEST(ask__a_stranger_spends_nothing),
		DAEMON_TEST(ask__over_the_network_nothing_is_given_back),
	};
	size_t n = 9, first;

	first = n;
	ROWS(tests, n, rudes, check_rude);
	ROWS(tests, n, silences, check_silence);
	for (size_t i = first; i < n; i++)
		tests[i].teardown_func = tear_down;
	ROWS(tests, n, readings, check_reading);
	TEST(tests, n, wire__two_servers_are_two_stores);
	TEST(tests, n, wire__a_value_that_is_too_long_is_not_asked);
	TEST(tests, n, wire__an_answer_survives_the_way);
	TEST(tests, n, wire__a_question_survives_the_way);
	TEST(tests, n, wire__a_line_break_makes_no_second_attribute);
	return rows_run("budget/ask", tests, n);
}
