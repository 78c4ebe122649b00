/*
 * oddns.c - the thread behind oddns.h.
 */
#include "tests/lib/oddns.h"
#include "tests/lib/rows.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "dns/exchange.h"

#define PORT_FIRST  20000U
#define PORT_COUNT  12000U
#define HEADER      12
#define SLOW_MS     300
#define LONG_MS     20000
#define MESSAGE_MAX 65535
#define FLOOD       20000

struct oddns_delayed {
	int64_t due_ms;
	struct sockaddr_in to;
	size_t len;
	uint8_t message[512];
};

struct message {
	uint8_t data[MESSAGE_MAX];
	size_t len;
	bool full; /* it did not fit */
};

#define BATCH     512
#define QUERY_LEN 512

/* A server's own room: several may run at the same time. */
struct oddns_room {
	struct message message, lie;
	struct oddns_delayed delayed[ODDNS_DELAYED_MAX];
	uint8_t queries[BATCH][QUERY_LEN];
	size_t lens[BATCH];
	struct sockaddr_in froms[BATCH];
};

/* What was asked, and how. */
struct asked {
	const uint8_t *query;
	size_t question; /* bytes, behind the header */
	struct name name;
	uint16_t type;
	bool edns, tcp;
	char manner[64];
	const char *rest; /* of the name, behind the manner */
};

static int
bound(int type, uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void
put(struct message *m, const void *data, size_t len)
{
	if (m->len + len > sizeof(m->data)) {
		m->full = true;
		return;
	}
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void
put_n(struct message *m, unsigned value, unsigned bytes)
{
	for (; bytes > 0; bytes--) {
		uint8_t b = (uint8_t)(value >> 8 * (bytes - 1));

		put(m, &b, 1);
	}
}

static void
put_name(struct message *m, const char *name)
{
	uint8_t wire[NAME_WIRE_MAX];

	put(m, wire, name_to_wire(name, wire));
}

/* One record; section: 7 answer, 9 authority (the low byte of its count). */
static void
put_record(struct message *m, unsigned section, const char *owner, uint16_t type, uint16_t class, const void *rdata,
           size_t len)
{
	size_t before = m->len;
	unsigned n = (unsigned)m->data[section - 1] << 8 | m->data[section];

	if (owner == NULL)
		put(m, "\xc0\x0c", 2); /* the question's name */
	else
		put_name(m, owner);
	put_n(m, type, 2);
	put_n(m, class, 2);
	put_n(m, 60, 4);
	put_n(m, (unsigned)len, 2);
	put(m, rdata, len);
	if (m->full) {
		m->len = before;
		return;
	}
	n++;
	m->data[section - 1] = (uint8_t)(n >> 8);
	m->data[section] = (uint8_t)n;
}

static void
put_target(struct message *m, const char *owner, uint16_t type, const char *target)
{
	uint8_t wire[NAME_WIRE_MAX];

	put_record(m, 7, owner, type, 1, wire, name_to_wire(target, wire));
}

static void
put_address(struct message *m, const char *owner, uint8_t last)
{
	const uint8_t rdata[] = {192, 0, 2, last};

	put_record(m, 7, owner, RECORD_A, 1, rdata, sizeof(rdata));
}

static void
put_text(struct message *m, const char *owner, const char *name)
{
	char text[256];
	int len = snprintf(text + 1, sizeof(text) - 1, "text of %.200s", name);

	text[0] = (char)len;
	put_record(m, 7, owner, RECORD_TXT, 1, text, (size_t)len + 1);
}

static const char *
zone_of(const char *name)
{
	while (name_labels(name) > 2)
		name = name_parent(name);
	return name;
}

static void
put_soa(struct message *m, const char *name)
{
	static const uint8_t tail[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 60};

	put_record(m, 9, zone_of(name), RECORD_SOA, 1, tail, sizeof(tail));
}

/* What every name has. */
static void
put_usual(struct message *m, const struct asked *a, const char *name)
{
	if (a->type == RECORD_A)
		put_address(m, name, 1);
	else if (a->type == RECORD_TXT)
		put_text(m, name, name != NULL ? name : a->name.text);
	else
		put_soa(m, a->name.text);
}

static void
put_big(struct message *m)
{
	uint8_t strings[64000];

	for (size_t i = 0; i < sizeof(strings); i += 256) {
		memset(strings + i, 'x', 256);
		strings[i] = 255;
	}
	put_record(m, 7, NULL, RECORD_TXT, 1, strings, sizeof(strings));
}

static void
put_many(struct message *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint8_t rdata[] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i};

		put_record(m, 7, NULL, RECORD_A, 1, rdata, sizeof(rdata));
	}
}

/* web.old.example -> web.new.example by a DNAME of old.example. */
static void
put_dname(struct message *m, const struct asked *a)
{
	char target[NAME_TEXT_MAX + 32];
	const char *zone = zone_of(a->name.text);

	(void)snprintf(target, sizeof(target), "%.*s.new.example", (int)strcspn(a->name.text, "."), a->name.text);
	put_target(m, zone, 39, "new.example");
	put_target(m, NULL, RECORD_CNAME, target);
	put_usual(m, a, target);
}

static void
put_chain(struct message *m, const struct asked *a)
{
	char target[NAME_TEXT_MAX + 32];

	(void)snprintf(target, sizeof(target), "chain%ld-%s", strtol(a->manner + 5, NULL, 10) + 1, a->rest);
	put_target(m, NULL, RECORD_CNAME, target);
}

static bool
is(const struct asked *a, const char *manner)
{
	return strcmp(a->manner, manner) == 0;
}

/* Twenty CNAMEs at once. */
static void
put_long(struct message *m, const struct asked *a)
{
	char from[32], to[32];

	put_target(m, NULL, RECORD_CNAME, "n0.example");
	for (int i = 0; i < 20; i++) {
		(void)snprintf(from, sizeof(from), "n%d.example", i);
		(void)snprintf(to, sizeof(to), "n%d.example", i + 1);
		put_target(m, from, RECORD_CNAME, to);
	}
	put_usual(m, a, to);
}

static void
put_aliases(struct message *m, const struct asked *a)
{
	char other[NAME_TEXT_MAX + 32];

	(void)snprintf(other, sizeof(other), "loop2-%s", a->rest);
	if (is(a, "self")) {
		put_target(m, NULL, RECORD_CNAME, a->name.text);
	} else if (is(a, "loop") || is(a, "loop2")) {
		put_target(m, NULL, RECORD_CNAME, other);
		put_target(m, other, RECORD_CNAME, a->name.text);
	} else if (is(a, "to") || is(a, "untold")) {
		put_target(m, NULL, RECORD_CNAME, a->rest);
	} else if (is(a, "long")) {
		put_long(m, a);
	} else if (is(a, "other")) {
		put_target(m, NULL, RECORD_CNAME, a->rest);
		put_soa(m, "x.elsewhere.example");
	} else if (is(a, "with")) {
		put_target(m, NULL, RECORD_CNAME, a->rest);
		put_usual(m, a, a->rest);
	} else if (is(a, "nodata")) {
		put_target(m, NULL, RECORD_CNAME, a->rest);
		put_soa(m, a->rest);
	} else if (is(a, "gone")) {
		m->data[3] |= 3;
		put_target(m, NULL, RECORD_CNAME, a->rest);
	} else if (is(a, "dname")) {
		put_dname(m, a);
	} else {
		put_chain(m, a);
	}
}

static bool
is_alias(const struct asked *a)
{
	static const char *const manners[] = {"self", "loop",  "loop2",  "to",   "with", "untold",
	                                      "long", "other", "nodata", "gone", "dname"};

	for (size_t i = 0; i < ARRAY_LEN(manners); i++) {
		if (is(a, manners[i]))
			return true;
	}
	return strncmp(a->manner, "chain", 5) == 0;
}

static void
put_content(struct message *m, const struct asked *a)
{
	static const uint8_t address[] = {192, 0, 2, 66}, ns[] = {2, 'n', 's', 0}, runt[] = {192, 0, 2};

	if (is_alias(a))
		put_aliases(m, a);
	else if (is(a, "owner"))
		put_record(m, 7, "elsewhere.example", RECORD_A, 1, address, 4);
	else if (is(a, "class"))
		put_record(m, 7, NULL, RECORD_A, 3, address, 4);
	else if (is(a, "runt"))
		put_record(m, 7, NULL, RECORD_A, 1, runt, 3);
	else if (is(a, "referral"))
		put_record(m, 9, zone_of(a->name.text), RECORD_NS, 1, ns, sizeof(ns));
	else if (is(a, "big"))
		put_big(m);
	else if (is(a, "many"))
		put_many(m, 4000);
	else if (is(a, "thousand"))
		put_many(m, 1000);
	else if (is(a, "nxdomain"))
		put_soa(m, a->name.text);
	else if (!is(a, "empty"))
		put_usual(m, a, NULL);
	if (is(a, "twice"))
		put_usual(m, a, NULL);
}

static unsigned
rcode_of(const struct asked *a)
{
	static const struct {
		const char *manner;
		unsigned rcode;
	} rcodes[] = {
		{"servfail",  2 },
                {"nxdomain",  3 },
                {"nxandmore", 3 },
                {"notimp",    4 },
		{"refused",   5 },
                {"yxdomain",  6 },
                {"rcode11",   11}
        };

	for (size_t i = 0; i < ARRAY_LEN(rcodes); i++) {
		if (is(a, rcodes[i].manner))
			return rcodes[i].rcode;
	}
	return 0;
}

static bool
fits_only_tcp(const struct asked *a, const struct message *m)
{
	return strncmp(a->manner, "tc", 2) == 0 || m->len > 1232;
}

static void
reply_to(const struct oddns *o, const struct asked *a, struct message *m)
{
	memset(m->data, 0, HEADER);
	m->len = 0;
	m->full = false;
	put(m, a->query, HEADER + a->question);
	m->data[2] = 0x80 | (a->query[2] & 1) | (o->recursive || is(a, "referral") ? 0 : 4);
	m->data[3] = o->recursive && !is(a, "untold") ? (uint8_t)(0x80 | (a->query[3] & 0x20)) : 0;
	memset(m->data + 6, 0, 6);
	if ((o->no_edns || o->no_edns_raw) && a->edns) {
		m->data[3] |= 1;
		if (o->no_edns_raw) {
			m->data[5] = 0;
			m->len = HEADER;
		}
		return;
	}
	m->data[3] |= (uint8_t)rcode_of(a);
	if (rcode_of(a) == 0 || rcode_of(a) == 3)
		put_content(m, a);
	if (is(a, "tcagain"))
		m->data[2] |= 2;
	if (!a->tcp && fits_only_tcp(a, m)) {
		m->data[2] |= 2;
		m->data[7] = m->data[6] = 0;
		m->len = HEADER + a->question;
	}
}

static bool
read_question(const uint8_t *query, size_t len, bool tcp, struct asked *a)
{
	size_t used, label;

	*a = (struct asked){.query = query, .tcp = tcp};
	if (len < HEADER || name_from_wire(query + HEADER, len - HEADER, &a->name, &used, NULL) != CR_OK ||
	    len < HEADER + used + 4)
		return false;
	a->question = used + 4;
	a->type = (uint16_t)(query[HEADER + used] << 8 | query[HEADER + used + 1]);
	a->edns = query[11] != 0;
	label = strcspn(a->name.text, "-.");
	if (a->name.text[label] == '-' && label < sizeof(a->manner)) {
		memcpy(a->manner, a->name.text, label);
		a->rest = a->name.text + label + 1;
	}
	return true;
}

/* Is it the first datagram about this name? */
static bool
dropped(struct oddns *o, const char *name)
{
	unsigned hash = 5381;

	for (; *name != '\0'; name++)
		hash = hash * 33 + (unsigned char)*name;
	for (size_t i = 0; i < o->n_dropped; i++) {
		if (o->dropped[i] == hash)
			return false;
	}
	assert_true(o->n_dropped < ODDNS_NAMES_MAX);
	o->dropped[o->n_dropped++] = hash;
	return true;
}

static void
send_to(int fd, const struct message *m, const struct sockaddr_in *to)
{
	(void)sendto(fd, m->data, m->len, 0, (const struct sockaddr *)to, sizeof(*to));
}

/* In front of the truth: what must not be believed. */
static bool
tell_lie(const struct oddns *o, const struct asked *a, const struct message *truth, const struct sockaddr_in *to)
{
	struct message *lie = &o->room->lie;
	bool only = strncmp(a->manner, "only", 4) == 0;
	const char *how = a->manner + (only ? 4 : 0);
	int fd = o->udp;

	*lie = *truth;
	lie->data[lie->len - 1] = 66;
	if (strcmp(how, "wrongid") == 0)
		lie->data[1] ^= 1;
	else if (strcmp(how, "wrongname") == 0)
		lie->data[HEADER + 1] ^= 1;
	else if (strcmp(how, "wrongtype") == 0)
		lie->data[HEADER + a->question - 3] = 28;
	else if (strcmp(how, "otherport") == 0)
		fd = o->other;
	else if (strcmp(how, "echo") == 0)
		lie->data[2] &= 0x7f;
	else if (strcmp(how, "garbage") == 0)
		memset(lie->data, 0xff, lie->len);
	else
		return false;
	send_to(fd, lie, to);
	return only;
}

static void
delay(struct oddns *o, const struct message *m, const struct sockaddr_in *to)
{
	struct oddns_delayed *d = &o->room->delayed[o->n_delayed];

	assert_true(o->n_delayed < ODDNS_DELAYED_MAX && m->len <= sizeof(d->message));
	*d = (struct oddns_delayed){.due_ms = exchange_now_ms() + SLOW_MS, .to = *to, .len = m->len};
	memcpy(d->message, m->data, m->len);
	o->n_delayed++;
}

static void
flood(const struct oddns *o, struct message *m, const struct sockaddr_in *to)
{
	m->data[1] ^= 1;
	for (int i = 0; i < FLOOD; i++)
		send_to(o->udp, m, to);
}

static void
serve_datagram(struct oddns *o, const uint8_t *query, size_t len, const struct sockaddr_in *from)
{
	struct message *m = &o->room->message;
	struct asked a;

	if (!read_question(query, len, false, &a))
		return;
	o->datagrams++;
	o->plain += !a.edns;
	if (o->mute || o->lost++ < o->lose_first || (o->mute_after != 0 && o->replies >= o->mute_after))
		return;
	if (is(&a, "silent") || (is(&a, "drop1") && dropped(o, a.name.text)))
		return;
	reply_to(o, &a, m);
	if (is(&a, "flood")) {
		flood(o, m, from);
		return;
	}
	if (tell_lie(o, &a, m, from))
		return;
	o->replies++;
	if (is(&a, "slow"))
		delay(o, m, from);
	else
		send_to(o->udp, m, from);
}

/* All that has come, before the first is answered: so many were in flight. */
static void
serve_udp(struct oddns *o)
{
	struct oddns_room *r = o->room;
	size_t n = 0;

	while (n < BATCH) {
		socklen_t from_len = sizeof(r->froms[0]);
		ssize_t got = recvfrom(o->udp, r->queries[n], sizeof(r->queries[n]), MSG_DONTWAIT,
		                       (struct sockaddr *)&r->froms[n], &from_len);

		if (got < 0)
			break;
		r->lens[n++] = (size_t)got;
	}
	if (n > o->at_once)
		o->at_once = n;
	for (size_t i = 0; i < n; i++)
		serve_datagram(o, r->queries[i], r->lens[i], &r->froms[i]);
}

static void
send_stream(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void
serve_tcp(struct oddns *o)
{
	struct message *m = &o->room->message;
	uint8_t query[1500], length[2];
	int fd = accept4(o->tcp, NULL, NULL, SOCK_CLOEXEC);
	ssize_t got = recv(fd, query, sizeof(query), 0);
	struct pollfd gone[2] = {
		{.fd = fd,         .events = POLLIN},
                {.fd = o->stop[0], .events = POLLIN}
        };
	struct asked a;

	o->streams++;
	if (got > 2 && read_question(query + 2, (size_t)got - 2, true, &a)) {
		reply_to(o, &a, m);
		if (is(&a, "tchang"))
			(void)poll(gone, 2, LONG_MS); /* until the client gives up */
		if (is(&a, "tclie"))
			m->data[1] ^= 1;
		length[0] = (uint8_t)(m->len >> 8);
		length[1] = (uint8_t)m->len;
		if (is(&a, "tccut1") && dropped(o, a.name.text))
			m->len = 0;
		send_stream(fd, length, m->len == 0 ? 0 : 2);
		send_stream(fd, m->data, is(&a, "tccut") ? 10 : m->len);
	}
	(void)close(fd);
}

/* Those whose time has come go out; the wait for the next, -1 for none. */
static int
serve_delayed(struct oddns *o)
{
	int64_t now_ms = exchange_now_ms(), wait_ms = -1;
	size_t kept = 0;

	for (size_t i = 0; i < o->n_delayed; i++) {
		const struct oddns_delayed *d = &o->room->delayed[i];

		if (d->due_ms <= now_ms) {
			(void)sendto(o->udp, d->message, d->len, 0, (const struct sockaddr *)&d->to, sizeof(d->to));
			continue;
		}
		if (wait_ms < 0 || d->due_ms - now_ms < wait_ms)
			wait_ms = d->due_ms - now_ms;
		o->room->delayed[kept++] = *d;
	}
	o->n_delayed = kept;
	return (int)wait_ms;
}

static void *
serve(void *arg)
{
	struct oddns *o = arg;

	for (;;) {
		struct pollfd p[3] = {
			{.fd = o->udp,     .events = POLLIN},
			{.fd = o->tcp,     .events = POLLIN},
			{.fd = o->stop[0], .events = POLLIN}
                };

		if (poll(p, 3, serve_delayed(o)) < 0 || p[2].revents != 0)
			return NULL;
		if (p[0].revents != 0)
			serve_udp(o);
		if (p[1].revents != 0)
			serve_tcp(o);
	}
}

void
oddns_open(struct oddns *o)
{
	uint16_t port = 0;

	o->udp = o->tcp = o->other = -1;
	for (unsigned i = 0; i < PORT_COUNT && o->tcp < 0; i++) {
		port = (uint16_t)(PORT_FIRST + ((unsigned)getpid() * 41 + i) % PORT_COUNT);
		o->udp = bound(SOCK_DGRAM, port);
		o->tcp = o->udp >= 0 ? bound(SOCK_STREAM, port) : -1;
		if (o->tcp < 0 && o->udp >= 0)
			(void)close(o->udp);
	}
	assert_true(o->tcp >= 0);
	assert_int_equal(o->no_tcp ? 0 : listen(o->tcp, 64), 0);
	for (uint16_t next = port; o->other < 0;)
		o->other = bound(SOCK_DGRAM, ++next);
	assert_int_equal(pipe(o->stop), 0);
	(void)snprintf(o->at.address, sizeof(o->at.address), "127.0.0.1");
	o->at.port = port;
	o->room = calloc(1, sizeof(*o->room));
	assert_non_null(o->room);
	assert_int_equal(pthread_create(&o->thread, NULL, serve, o), 0);
}

void
oddns_close(struct oddns *o)
{
	assert_int_equal(write(o->stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(o->thread, NULL), 0);
	(void)close(o->udp);
	(void)close(o->other);
	(void)close(o->tcp);
	(void)close(o->stop[0]);
	(void)close(o->stop[1]);
	free(o->room);
}
