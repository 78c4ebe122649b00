/*
 * test_resolve.c - what resolve.h promises, against a DNS server in a thread that answers, lies, truncates and keeps silent.
 */
#include "tests/lib/rows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "dns/resolve.h"

#define PORT_FIRST 21000U
#define PORT_COUNT 10000U
#define HEADER     12
#define LONG_MS    20000
#define SHORT_MS   60

enum manner {
	ANSWER,
	WRONG_ID_FIRST,
	WRONG_NAME_FIRST,
	WRONG_TYPE_FIRST,
	ECHO_FIRST,
	RUNT_FIRST,
	OTHER_PORT_FIRST,
	TRUNCATE,
	TRUNCATE_AND_CUT,
	TRUNCATE_AND_HANG,
	TRUNCATE_AND_LIE,
	NO_EDNS,
	NXDOMAIN,
	CHAIN,
	PROMISE_TOO_MUCH,
	BAD_ADDRESS,
	SILENT
};

struct server {
	enum manner manner;
	int udp, other, tcp, stop[2];
	struct resolve_server at;
	pthread_t thread;
};

static int
bound(int type, uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static size_t
put(uint8_t *to, size_t at, const void *data, size_t len)
{
	memcpy(to + at, data, len);
	return at + len;
}

#define PUT(to, at, bytes) put(to, at, bytes, sizeof(bytes) - 1)

/* The question as it came, flags and one answer: what the manner wants.  The query's OPT is left out. */
static size_t
reply_to(const uint8_t *query, size_t len, enum manner m, bool tcp, uint8_t *out)
{
	size_t question = HEADER, at;
	bool asked_with_edns = query[11] != 0;
	uint8_t text[256];

	while (question < len && query[question] != 0)
		question += 1U + query[question];
	question += 5;
	at = put(out, 0, query, question);
	out[2] = 0x84 | (query[2] & 1); /* QR AA RD */
	out[3] = 0x20;                  /* AD */
	memset(out + 6, 0, 6);
	if (!tcp && (m == TRUNCATE || m == TRUNCATE_AND_CUT || m == TRUNCATE_AND_HANG || m == TRUNCATE_AND_LIE)) {
		out[2] |= 2;
		return at;
	}
	if (m == NO_EDNS && asked_with_edns) {
		out[3] = 1;
		memset(out + 4, 0, 2);
		return HEADER;
	}
	if (m == NXDOMAIN) {
		out[3] = 3;
		return at;
	}
	out[7] = m == PROMISE_TOO_MUCH ? 5 : 1;
	if (m == TRUNCATE) {
		memset(text, 'x', sizeof(text));
		text[0] = 255;
		at = PUT(out, at, "\xc0\x0c\0\x10\0\1\0\0\0\x3c\4\0");
		for (int i = 0; i < 4; i++)
			at = put(out, at, text, sizeof(text));
		return at;
	}
	if (m == CHAIN) {
		out[7] = 2;
		at = PUT(out, at, "\xc0\x0c\0\5\0\1\0\0\0\x3c\0\6\3web\xc0\x0c");
		return PUT(out, at, "\3WEB\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\7");
	}
	if (m == BAD_ADDRESS)
		return PUT(out, at, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\3\xc0\0\2");
	return PUT(out, at, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1");
}

static void
serve_udp(const struct server *s)
{
	uint8_t query[1500], reply[4096], lie[4096];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t got = recvfrom(s->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
	int fd = s->udp;
	size_t len;

	if (got < HEADER || s->manner == SILENT)
		return;
	len = reply_to(query, (size_t)got, s->manner, false, reply);
	if (s->manner >= WRONG_ID_FIRST && s->manner <= OTHER_PORT_FIRST) {
		size_t lie_len = put(lie, 0, reply, len);

		lie[len - 1] = 66; /* 192.0.2.66 must never be believed */
		if (s->manner == WRONG_ID_FIRST)
			lie[1] ^= 1;
		if (s->manner == WRONG_NAME_FIRST)
			lie[HEADER + 1] ^= 1;
		if (s->manner == WRONG_TYPE_FIRST)
			lie[HEADER + 14 + 1] = 28;
		if (s->manner == ECHO_FIRST)
			lie[2] &= 0x7f;
		if (s->manner == RUNT_FIRST)
			lie_len = HEADER - 1;
		if (s->manner == OTHER_PORT_FIRST)
			fd = s->other;
		(void)sendto(fd, lie, lie_len, 0, (const struct sockaddr *)&from, from_len);
	}
	(void)sendto(s->udp, reply, len, 0, (const struct sockaddr *)&from, from_len);
}

static void
serve_tcp(const struct server *s)
{
	uint8_t query[1500], reply[4096];
	int fd = accept4(s->tcp, NULL, NULL, SOCK_CLOEXEC);
	ssize_t got = recv(fd, query, sizeof(query), 0);
	struct pollfd gone = {.fd = fd, .events = POLLIN};
	size_t len;

	if (got < 2 + HEADER || s->manner == TRUNCATE_AND_HANG) {
		(void)poll(&gone, 1, LONG_MS); /* until the client gives up */
		(void)close(fd);
		return;
	}
	len = reply_to(query + 2, (size_t)got - 2, s->manner, true, reply + 2);
	reply[0] = (uint8_t)(len >> 8);
	reply[1] = (uint8_t)len;
	if (s->manner == TRUNCATE_AND_LIE)
		reply[3] ^= 1;
	(void)send(fd, reply, s->manner == TRUNCATE_AND_CUT ? 10 : len + 2, MSG_NOSIGNAL);
	(void)close(fd);
}

static void *
serve(void *arg)
{
	const struct server *s = arg;

	for (;;) {
		struct pollfd p[3] = {
			{.fd = s->udp,     .events = POLLIN},
			{.fd = s->tcp,     .events = POLLIN},
			{.fd = s->stop[0], .events = POLLIN}
                };

		if (poll(p, 3, -1) < 0 || p[2].revents != 0)
			return NULL;
		if (p[0].revents != 0)
			serve_udp(s);
		if (p[1].revents != 0)
			serve_tcp(s);
	}
}

static void
server_open(struct server *s, enum manner m)
{
	uint16_t port = 0;

	*s = (struct server){.manner = m, .udp = -1, .other = -1, .tcp = -1};
	for (unsigned i = 0; i < PORT_COUNT; i++) {
		port = (uint16_t)(PORT_FIRST + ((unsigned)getpid() * 41 + i) % PORT_COUNT);
		s->udp = bound(SOCK_DGRAM, port);
		s->tcp = s->udp >= 0 ? bound(SOCK_STREAM, port) : -1;
		if (s->tcp >= 0 && listen(s->tcp, 16) == 0)
			break;
		if (s->udp >= 0)
			(void)close(s->udp);
	}
	assert_true(s->udp >= 0 && s->tcp >= 0);
	for (uint16_t next = port; s->other < 0;)
		s->other = bound(SOCK_DGRAM, ++next);
	assert_int_equal(pipe(s->stop), 0);
	(void)snprintf(s->at.address, sizeof(s->at.address), "127.0.0.1");
	s->at.port = port;
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_close(struct server *s)
{
	assert_int_equal(write(s->stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->udp);
	(void)close(s->other);
	(void)close(s->tcp);
	(void)close(s->stop[0]);
	(void)close(s->stop[1]);
}

static const struct asked {
	const char *name;
	enum manner manner;
	int64_t timeout_ms;
	int want_rc;
	int want_rcode;
	const char *want; /* the first record; NULL: none */
} asked[] = {
	{"an answer is read",				   ANSWER,            LONG_MS,  CR_OK,     0, "get.example. 60 IN A 192.0.2.1"           },
	{"a reply with another id is passed over",              WRONG_ID_FIRST,    LONG_MS,  CR_OK,     0, "get.example. 60 IN A 192.0.2.1"           },
	{"a reply to another name is passed over",              WRONG_NAME_FIRST,  LONG_MS,  CR_OK,     0,
         "get.example. 60 IN A 192.0.2.1"													     },
	{"a reply to another type is passed over",              WRONG_TYPE_FIRST,  LONG_MS,  CR_OK,     0,
         "get.example. 60 IN A 192.0.2.1"													     },
	{"the query sent back is no reply",                     ECHO_FIRST,        LONG_MS,  CR_OK,     0, "get.example. 60 IN A 192.0.2.1"           },
	{"a datagram shorter than a header is passed over",     RUNT_FIRST,        LONG_MS,  CR_OK,     0,
         "get.example. 60 IN A 192.0.2.1"													     },
	{"a reply from another port is passed over",            OTHER_PORT_FIRST,  LONG_MS,  CR_OK,     0,
         "get.example. 60 IN A 192.0.2.1"													     },
	{"a server without EDNS is asked without",              NO_EDNS,           LONG_MS,  CR_OK,     0, "get.example. 60 IN A 192.0.2.1"           },
	{"a name that is not there is an answer",               NXDOMAIN,          LONG_MS,  CR_OK,     3, NULL                                       },
	{"a CNAME comes with its target",                       CHAIN,             LONG_MS,  CR_OK,     0, "get.example. 60 IN CNAME web.get.example."},
	{"fewer records than promised are malformed",           PROMISE_TOO_MUCH,  LONG_MS,  CR_EPARSE, 0, NULL                                       },
	{"an address of three bytes is malformed",              BAD_ADDRESS,       LONG_MS,  CR_EPARSE, 0, NULL                                       },
	{"silence ends at the deadline",                        SILENT,            SHORT_MS, CR_ERETRY, 0, NULL                                       },
	{"silence over TCP ends at the deadline",               TRUNCATE_AND_HANG, SHORT_MS, CR_ERETRY, 0, NULL                                       },
	{"an answer cut off over TCP is to be asked again",     TRUNCATE_AND_CUT,  LONG_MS,  CR_ERETRY, 0, NULL                                       },
	{"an answer to another question over TCP is malformed", TRUNCATE_AND_LIE,  LONG_MS,  CR_EPARSE, 0, NULL                                       },
};

static void
check_asked(void **state)
{
	const struct asked *r = *state;
	struct resolve_answer a = {0};
	struct buf text = {0};
	struct err err = {0};
	struct server s;

	server_open(&s, r->manner);
	assert_int_equal(resolve_ask(&s.at, "Get.Example", RECORD_A, true, r->timeout_ms, &a, &err), r->want_rc);
	server_close(&s);
	assert_int_equal(a.rcode, r->want_rcode);
	assert_int_equal(a.records.n != 0, r->want != NULL);
	if (r->want != NULL) {
		assert_true(a.authoritative);
		assert_true(a.authenticated);
		record_format(&a.records.items[0], &text);
		assert_memory_equal(buf_str(&text), r->want, strlen(r->want));
	}
	resolve_answer_release(&a);
	buf_release(&text);
}

static void
resolve__a_truncated_answer_is_fetched_over_tcp(void **state)
{
	struct resolve_answer a = {0};
	struct err err = {0};
	struct server s;

	(void)state;
	server_open(&s, TRUNCATE);
	assert_ok(resolve_ask(&s.at, "get.example", RECORD_TXT, false, LONG_MS, &a, &err), &err);
	server_close(&s);
	assert_int_equal(a.records.n, 1);
	assert_int_equal(strlen(record_text(&a.records.items[0])), 4 * 255);
	resolve_answer_release(&a);
}

static void
resolve__a_port_nobody_listens_on_is_told_at_once(void **state)
{
	int64_t start_ms = clock_boot_ms(clock_system());
	struct resolve_answer a = {0};
	struct err err = {0};
	struct server s;

	(void)state;
	server_open(&s, ANSWER);
	server_close(&s);
	assert_int_equal(resolve_ask(&s.at, "get.example", RECORD_A, true, LONG_MS, &a, &err), CR_ERETRY);
	assert_true(clock_boot_ms(clock_system()) - start_ms < LONG_MS / 2);
	assert_non_null(strstr(err.text, "onnection refused"));
}

struct asker {
	const struct server *server;
	pthread_t thread;
	size_t wrong;
};

static void *
ask_often(void *arg)
{
	struct asker *me = arg;

	for (int i = 0; i < 20; i++) {
		struct resolve_answer a = {0};
		char name[32];

		(void)snprintf(name, sizeof(name), "n%d.example", i);
		if (resolve_ask(&me->server->at, name, RECORD_A, true, LONG_MS, &a, NULL) != CR_OK ||
		    a.records.n != 1 || strcmp(a.records.items[0].owner, name) != 0)
			me->wrong++;
		resolve_answer_release(&a);
	}
	return NULL;
}

static void
resolve__threads_get_their_own_answers(void **state)
{
	struct asker askers[8] = {0};
	struct server s;

	(void)state;
	server_open(&s, ANSWER);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		askers[i].server = &s;
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_often, &askers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
		assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
		assert_int_equal(askers[i].wrong, 0);
	}
	server_close(&s);
}

static void
resolve__a_name_that_is_none_is_not_asked(void **state)
{
	struct resolve_server nobody = {.address = "127.0.0.1", .port = 1};
	struct resolve_answer a = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(resolve_ask(&nobody, "a..b", RECORD_A, true, LONG_MS, &a, &err), CR_EPARSE);
}

static const struct spelled {
	const char *name;
	const char *text;
	const char *address; /* NULL: refused */
	uint16_t port;
} spelled[] = {
	{"an IPv4 address",                          "192.0.2.1",       "192.0.2.1",   53  },
	{"an IPv4 address with a port",              "127.0.0.1:5300",  "127.0.0.1",   5300},
	{"an IPv6 address",                          "2001:db8::1",     "2001:db8::1", 53  },
	{"an IPv6 address in brackets",              "[::1]",           "::1",         53  },
	{"an IPv6 address with a port",              "[::1]:5353",      "::1",         5353},
	{"a name is refused",                        "dns.example",     NULL,          0   },
	{"an IPv4 address in brackets is refused",   "[192.0.2.1]:53",  NULL,          0   },
	{"brackets that stay open are refused",      "[::1",            NULL,          0   },
	{"something behind the brackets is refused", "[::1]5353",       NULL,          0   },
	{"port 0 is refused",                        "127.0.0.1:0",     NULL,          0   },
	{"an empty port is refused",                 "127.0.0.1:",      NULL,          0   },
	{"port 65536 is refused",                    "127.0.0.1:65536", NULL,          0   },
	{"the empty text is refused",                "",                NULL,          0   },
};

static void
check_spelled(void **state)
{
	const struct spelled *r = *state;
	struct resolve_server s = {0};
	struct err err = {0};

	assert_int_equal(resolve_server_parse(r->text, &s, &err), r->address != NULL ? CR_OK : CR_EPARSE);
	assert_string_equal(s.address, r->address != NULL ? r->address : "");
	assert_int_equal(s.port, r->port);
}

/* Behind "a.example A": name at 12, example at 14, the first record at 27. */
static const struct told {
	const char *name;
	uint8_t n[3]; /* answers, authority, additional */
	const char *body;
	size_t len;
	const char *want;  /* the first record, or "" */
	const char *fault; /* NULL: it can be read */
	int want_rcode;
} told[] = {
#define BODY(bytes) bytes, sizeof(bytes) - 1
#define L63                                                                                                            \
	"\x3f"                                                                                                         \
	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define RR(type, len) "\xc0\x0c\0" type "\0\1\0\0\0\x3c" len
	{"an MX whose host is compressed",
                                                                    {1, 0, 0},
                                                                    BODY(RR("\x0f",										    "\0\7") "\0\5\2mx\xc0\x0e"),
                                                                    "a.example. 60 IN MX 5 mx.example.",NULL,
                                                                    0},
	{"an SOA with two compressed names",
                                                                    {1, 0, 0},
                                                                    BODY(RR("\6",											 "\0\x1b") "\2ns\xc0\x0e\xc0\x27\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"),
                                                                    "a.example. 60 IN SOA ns.example. ns.example. 1 2 3 4 5",
                                                                    NULL,0},
	{"a pointer to a pointer",                               {1, 0, 0},                                 BODY("\xc0\x1d\0\1\0\1"),                                                                     "",										   "points forward",0},
	{"a pointer to itself",                               {1, 0, 0},                                 BODY("\xc0\x1b\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"),                                                                        "",                                                                                      "points forward",0                                                        },
	{"a name that goes round by way of a label",
                                                                    {1, 0, 0},
                                                                    BODY("\1b\xc0\x1b\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"),
                                                                    "",                                                                                                                                                "points forward",
                                                                    0},
	{"a label of a kind that is none",
                                                                    {1, 0, 0},
                                                                    BODY("\x41"
              "b\0"),
                                                                    "",                                                                                                                                                "unknown kind",
                                                                    0},
	{"a name of 256 bytes",				{1, 0, 0},                                  BODY(L63 L63 L63 L63 "\0\0\1\0\1\0\0\0\x3c\0\0"),                                                                         "",                                                                                      "longer than 255",0},
	{"half a pointer",			       {1, 0, 0},                                 BODY("\xc0"),									     "",											   "ends too early",                                           0																								},
	{"a label that is cut off",                               {1, 0, 0},                                 BODY("\5ab"),								    "",										  "ends too early",0},
	{"a record without its RDATA",                               {1, 0, 0},                                 BODY(RR("\1",								 "\0\4") "\1\2\3"),                                                                               "",                                        "ends too early",																																																												  0},
	{"a record without its length",                {1, 0, 0},                 BODY("\xc0\x0c\0\1\0\1\0\0\0\x3c"),                                                                            "",												     "ends too early",0},
	{"a name in RDATA that reaches beyond it",
                                                                    {1, 0, 0},
                                                                    BODY(RR("\5",									    "\0\2") "\3www\xc0\x0e"),
                                                                    "","ends too early",
                                                                    0},
	{"a name in RDATA, and more",                               {1, 0, 0},                 BODY(RR("\5",												 "\0\3") "\xc0\x0e\0"),																		      "","too many",0},
	{"an MX of one byte",           {1, 0, 0},           BODY(RR("\x0f","\0\1") "\0"),"","a field is broken",0},
	{"strings of a text are joined",
                                                                    {1, 0, 0},
                                                                    BODY(RR("\x10",											   "\0\6") "\2ab\2cd"),
                                                                    "a.example. 60 IN TXT \"abcd\"",                                                                                                                                                                                                                                                                  NULL,
                                                                    0},
	{"a type without a name is bytes",
                                                                    {1, 0, 0},
                                                                    BODY("\xc0\x0c\xff\x01\0\1\0\0\0\x3c\0\2\xc0\x0c"),
                                                                    "a.example. 60 IN TYPE65281 \\# 2 C00C",                                                                                                                          NULL,
                                                                    0},
	{"a TTL with its top bit is none",
                                                                    {1, 0, 0},
                                                                    BODY("\xc0\x0c\0\1\0\1\x80\0\0\0\0\4\1\2\3\4"),
                                                                    "a.example. 0 IN A 1.2.3.4",                                                                                                                  NULL,
                                                                    0},
	{"OPT adds to the rcode", {0, 0, 1},                            BODY("\0\0\x29\4\xd0\1\0\0\0\0\0"),                                                    "",															      NULL,16},
	{"additional records that are cut off",          {0, 0, 1},   BODY("\0\0\x29"), "", "ends too early",0},
};

static void
check_told(void **state)
{
	static const uint8_t head[] = {0, 1,   0x80, 0,   0,   1,   0,   0,   0, 0, 0, 0, 1, 'a',
	                               7, 'e', 'x',  'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
	const struct told *r = *state;
	struct resolve_answer a = {0};
	struct buf text = {0};
	struct err err = {0};
	/* Of its own size, so that the sanitizer sees a byte too many. */
	uint8_t *message = malloc(sizeof(head) + r->len);
	int rc;

	assert_non_null(message);
	memcpy(message, head, sizeof(head));
	memcpy(message + sizeof(head), r->body, r->len);
	for (size_t i = 0; i < 3; i++)
		message[7 + 2 * i] = r->n[i];
	rc = resolve_parse(message, sizeof(head) + r->len, &a, &err);
	free(message);
	assert_int_equal(rc, r->fault != NULL ? CR_EPARSE : CR_OK);
	if (r->fault != NULL)
		assert_non_null(strstr(err.text, r->fault));
	assert_int_equal(a.rcode, r->want_rcode);
	assert_int_equal(a.records.n, r->want[0] != '\0');
	if (a.records.n > 0)
		record_format(&a.records.items[0], &text);
	assert_string_equal(buf_str(&text), r->want);
	resolve_answer_release(&a);
	buf_release(&text);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t n = 0;

	ROWS(tests, n, asked, check_asked);
	ROWS(tests, n, spelled, check_spelled);
	ROWS(tests, n, told, check_told);
	TEST(tests, n, resolve__a_truncated_answer_is_fetched_over_tcp);
	TEST(tests, n, resolve__a_port_nobody_listens_on_is_told_at_once);
	TEST(tests, n, resolve__threads_get_their_own_answers);
	TEST(tests, n, resolve__a_name_that_is_none_is_not_asked);
	return rows_run("dns/resolve", tests, n);
}
