/*
 * load.c - a closed loop of policy requests: K connections, one request in flight on each, one thread.
 *
 *   load -a PLACE [-p policy|redis] [-k K] [-i IDLE] [-f FIRST] [-n MAILBOXES] [-o OFFSET] [-l REQUESTS] [-d] [-s SECONDS] [-w WARM_MS] [-e ANSWER]
 *        [-r SEED] [-c PID] [-N NAME] [-S STATE] [-R]
 *
 * Admits: each of the mailboxes FIRST to FIRST + MAILBOXES is asked for once, in a random order, so that neighbours in time are no
 * neighbours in the store; it ends early when they are used up, or after REQUESTS.  -o: begins so far into that order, which is the
 * same for the same SEED.  -d, denials: the same mailboxes again and again.  Every request is an
 * END-OF-MESSAGE with one recipient at an organisation of its own, and the attributes that Postfix 3.7 sends.  An answer that does not
 * begin with ANSWER ends the run.  -i: so many connections more, that say nothing.  -c: CPU time of that server.  -S RCPT: for a
 * server that counts there.  -R: a connection that the server closes is opened again and the request repeated, as Postfix does.
 *
 * Prints NAME_rate, NAME_p50, NAME_p99, NAME_max and NAME_cpu; the WARM_MS before the clock starts do not count.  Requests that have no
 * answer 5 s after the last one came are NAME_lost, and the others count.
 */
#include "tests/bench/lib/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#define K_MAX         1024
#define REQUEST_MAX   2048
#define ANSWER_MAX    1024
#define FIELDS_MAX    16
#define SERIAL_DIGITS 10

/* In a template these bytes stand for digits. */
enum field { FIELD_MAILBOX = 1, FIELD_DOMAIN, FIELD_SERIAL, FIELD__COUNT };
static const int widths[FIELD__COUNT] = {0, BENCH_MAILBOX_DIGITS, BENCH_DOMAIN_DIGITS, SERIAL_DIGITS};
#define MAILBOX "m\1@d\2-contoso.example"

/* The order and the values of a submission that Postfix 3.7.11 asks about (src/smtpd/smtpd_check.c, check_policy_service). */
static const char policy_request[] = "request=smtpd_access_policy\n"
				     "protocol_state=%s\n"
				     "protocol_name=ESMTP\n"
				     "client_address=192.0.2.25\n"
				     "client_name=app1.northwind.example\n"
				     "client_port=41382\n"
				     "reverse_client_name=app1.northwind.example\n"
				     "server_address=192.0.2.10\n"
				     "server_port=587\n"
				     "helo_name=app1.northwind.example\n"
				     "sender=" MAILBOX "\n"
				     "recipient=anna@org\1-fabrikam.example\n"
				     "recipient_count=%d\n"
				     "queue_id=4\3\n"
				     "instance=7a31.\3.4c2b1.0\n"
				     "size=2406\n"
				     "etrn_domain=\n"
				     "stress=\n"
				     "sasl_method=PLAIN\n"
				     "sasl_username=" MAILBOX "\n"
				     "sasl_sender=\n"
				     "ccert_subject=\n"
				     "ccert_issuer=\n"
				     "ccert_fingerprint=\n"
				     "ccert_pubkey_fingerprint=\n"
				     "encryption_protocol=TLSv1.3\n"
				     "encryption_cipher=TLS_AES_256_GCM_SHA384\n"
				     "encryption_keysize=256\n"
				     "policy_context=\n"
				     "\n";

/*
 * The same promise in Redis: a sorted set of spends a mailbox, what is older than a day removed, two a day, the same id free.
 * The server's own clock, as every instance has to agree on it.
 */
static const char redis_script[] = "local t = redis.call('TIME') "
				   "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
				   "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 86400001) "
				   "if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end "
				   "if redis.call('ZCARD', KEYS[1]) >= 2 then return 0 end "
				   "redis.call('ZADD', KEYS[1], now, ARGV[1]) "
				   "redis.call('PEXPIRE', KEYS[1], 86400001) "
				   "return 1";

struct conn {
	int fd;
	int64_t sent_ns;
	size_t have;
	char in[ANSWER_MAX];
	char out[REQUEST_MAX];
};

static struct {
	/* as asked for */
	struct listen_at at;
	bool is_redis, is_denials, reconnects;
	int64_t k, idle, first, mailboxes, offset, limit, warm_ms, seed;
	double seconds;
	const char *expect, *name, *state;
	pid_t server;
	/* the request, and where its digits are */
	char request[REQUEST_MAX];
	size_t request_len;
	struct {
		size_t at;
		enum field what;
	} fields[FIELDS_MAX];
	size_t n_fields;
	/* the run */
	struct conn conns[K_MAX];
	uint32_t *order;
	int epoll;
	int64_t asked, in_flight, closed;
	int64_t begin_ns, end_ns; /* of what counts */
	int64_t cpu_ns;
	uint32_t *times_ns;
	size_t n_times, times_max;
} load = {.k = 1,
          .mailboxes = 100000,
          .seconds = 2,
          .warm_ms = 200,
          .seed = 1,
          .expect = "action=DUNNO",
          .name = "load",
          .state = "END-OF-MESSAGE"};

static uint64_t
draw(uint64_t *state)
{
	/* xorshift64*, Vigna 2016 */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void
shuffle(void)
{
	uint64_t state = (uint64_t)load.seed * 2 + 1;

	load.order = calloc((size_t)load.mailboxes, sizeof(*load.order));
	if (load.order == NULL)
		die("out of memory");
	for (uint32_t i = 0; i < load.mailboxes; i++) {
		const uint32_t j = (uint32_t)(draw(&state) % (i + 1));

		load.order[i] = load.order[j];
		load.order[j] = i;
	}
}

static void
learn(const char *template)
{
	for (const char *t = template; *t != '\0'; t++) {
		const size_t width = (unsigned char)*t < FIELD__COUNT ? (size_t)widths[(unsigned char)*t] : 1;

		if (load.request_len + width > REQUEST_MAX || load.n_fields == FIELDS_MAX)
			die("the request's template is too long");
		load.request[load.request_len] = *t;
		if ((unsigned char)*t < FIELD__COUNT) {
			load.fields[load.n_fields].at = load.request_len;
			load.fields[load.n_fields++].what = (enum field) * t;
		}
		load.request_len += width;
	}
}

/* recipient_count is 0 until DATA. */
static void
learn_policy(void)
{
	char text[REQUEST_MAX];

	(void)snprintf(text, sizeof(text), policy_request, load.state, strcmp(load.state, "RCPT") == 0 ? 0 : 1);
	learn(text);
}

static void
fill_in(char *request)
{
	const int64_t i = load.first + load.order[(load.offset + load.asked) % load.mailboxes];
	const uint64_t values[FIELD__COUNT] = {0, (uint64_t)i, (uint64_t)(i / BENCH_MAILBOXES_PER_DOMAIN),
	                                       (uint64_t)load.asked};

	for (size_t f = 0; f < load.n_fields; f++)
		put_digits(request + load.fields[f].at, widths[load.fields[f].what], values[load.fields[f].what]);
}

static void
send_request(struct conn *c)
{
	c->have = 0;
	/* Nothing else is in the socket's buffer, and a request is far smaller than it.  A closed connection is heard of next. */
	if (send(c->fd, c->out, load.request_len, MSG_NOSIGNAL) != (ssize_t)load.request_len && !load.reconnects)
		die_errno("%s: the request was not taken", load.at.text);
}

static void
ask(struct conn *c)
{
	fill_in(c->out);
	load.asked++;
	load.in_flight++;
	c->sent_ns = now_ns();
	send_request(c);
}

static void
join(struct conn *c)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->fd = connect_to(&load.at);
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		die_errno("epoll_ctl");
}

/* The time goes on: who asks waits for the answer, not for a connection. */
static void
join_again(struct conn *c)
{
	(void)close(c->fd);
	load.closed++;
	join(c);
	send_request(c);
}

static bool
may_ask(int64_t now)
{
	return now < load.end_ns && (load.is_denials || load.asked < load.limit);
}

static void
count(const struct conn *c, int64_t now)
{
	if (now < load.begin_ns || now > load.end_ns)
		return;
	if (load.n_times == load.times_max) {
		load.times_max = load.times_max == 0 ? 1 << 16 : load.times_max * 2;
		load.times_ns = reallocarray(load.times_ns, load.times_max, sizeof(*load.times_ns));
		if (load.times_ns == NULL)
			die("out of memory");
	}
	load.times_ns[load.n_times++] = (uint32_t)(now - c->sent_ns);
}

static bool
is_whole(const struct conn *c)
{
	const char *end = load.is_redis ? "\r\n" : "\n\n";

	return c->have >= 2 && memcmp(c->in + c->have - 2, end, 2) == 0;
}

static void
hear(struct conn *c)
{
	const ssize_t n = read(c->fd, c->in + c->have, sizeof(c->in) - 1 - c->have);
	int64_t now;

	if (n <= 0 && load.reconnects) {
		join_again(c);
		return;
	}
	if (n <= 0)
		die("%s: %s", load.at.text, n == 0 ? "the server closed a connection" : strerror(errno));
	c->have += (size_t)n;
	if (!is_whole(c))
		return;
	now = now_ns();
	c->in[c->have] = '\0';
	/* The first denials may still be admits: who has nothing to spend is found out by spending. */
	if (strncmp(c->in, load.expect, strlen(load.expect)) != 0 && !(load.is_denials && now < load.begin_ns))
		die("%s: request %lld: '%.200s' is not '%s'", load.at.text, (long long)load.asked, c->in, load.expect);
	load.in_flight--;
	count(c, now);
	if (may_ask(now))
		ask(c);
	else if (now < load.end_ns)
		load.end_ns = now; /* all mailboxes were used: what counts ends here, with K requests in flight */
}

static void
run(void)
{
	const int64_t start = now_ns();
	int64_t cpu_begin = 0;
	bool begun = false;

	load.begin_ns = start + load.warm_ms * 1000000;
	load.end_ns = load.begin_ns + (int64_t)(load.seconds * 1e9);
	for (int64_t i = 0; i < load.k; i++)
		ask(&load.conns[i]);
	while (load.in_flight > 0) {
		struct epoll_event events[64];
		const int n = epoll_wait(load.epoll, events, 64, 5000);

		if (n == 0)
			break;
		for (int i = 0; i < n; i++)
			hear(events[i].data.ptr);
		if (!begun && now_ns() >= load.begin_ns) {
			begun = true;
			cpu_begin = cpu_ns(load.server);
		}
	}
	load.cpu_ns = cpu_ns(load.server) - cpu_begin;
}

/* The script's name in Redis is its SHA-1, which SCRIPT LOAD tells. */
static void
learn_redis(void)
{
	char text[1024], sha[64] = "";
	const int fd = connect_to(&load.at);
	const int n = snprintf(text, sizeof(text), "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$%zu\r\n%s\r\n",
	                       strlen(redis_script), redis_script);
	size_t have = 0;
	ssize_t got = 0;

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die_errno("%s", load.at.text);
	while (have < 47 && ((got = read(fd, sha + have, 47 - have)) > 0 || (got < 0 && errno == EAGAIN)))
		have += got > 0 ? (size_t)got : 0;
	if (have != 47 || memcmp(sha, "$40\r\n", 5) != 0)
		die("%s: SCRIPT LOAD: '%.50s'", load.at.text, sha);
	(void)close(fd);
	(void)snprintf(text, sizeof(text),
	               "*5\r\n$7\r\nEVALSHA\r\n$40\r\n%.40s\r\n$1\r\n1\r\n$%d\r\n" MAILBOX "\r\n$%d\r\n\3\r\n", sha + 5,
	               (int)(sizeof(MAILBOX) - 3) + BENCH_MAILBOX_DIGITS + BENCH_DOMAIN_DIGITS, SERIAL_DIGITS);
	learn(text);
}

static void
connect_all(void)
{
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.epoll < 0)
		die_errno("epoll_create1");
	for (int64_t i = 0; i < load.idle; i++)
		(void)connect_to(&load.at);
	for (int64_t i = 0; i < load.k; i++) {
		memcpy(load.conns[i].out, load.request, load.request_len);
		join(&load.conns[i]);
	}
}

static int
by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The time that percent of the requests did not exceed, in microseconds. */
static double
percentile(size_t percent)
{
	const size_t at = load.n_times * percent / 100;

	return load.times_ns[at < load.n_times ? at : load.n_times - 1] / 1e3;
}

static void
print(void)
{
	const double n = (double)load.n_times;

	if (load.n_times == 0)
		die("%s: no request was answered in the time that counts", load.at.text);
	qsort(load.times_ns, load.n_times, sizeof(*load.times_ns), by_value);
	printf("%s_rate %.0f req/s\n", load.name, n / ((double)(load.end_ns - load.begin_ns) / 1e9));
	printf("%s_p50 %.1f us\n", load.name, percentile(50));
	printf("%s_p99 %.1f us\n", load.name, percentile(99));
	printf("%s_max %.1f us\n", load.name, percentile(100));
	if (load.closed > 0)
		printf("%s_closed %lld connections\n", load.name, (long long)load.closed);
	if (load.in_flight > 0)
		printf("%s_lost %lld requests\n", load.name, (long long)load.in_flight);
	if (load.server > 0)
		printf("%s_cpu %.2f us/req\n", load.name, (double)load.cpu_ns / 1e3 / n);
}

static void
options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "a:p:k:i:f:n:o:l:ds:w:e:r:c:N:S:R")) != -1) {
		switch (option) {
		case 'a':
			load.at = place(optarg);
			break;
		case 'p':
			load.is_redis = strcmp(optarg, "redis") == 0;
			break;
		case 'k':
			load.k = number(optarg, "-k", 1, K_MAX);
			break;
		case 'i':
			load.idle = number(optarg, "-i", 0, 15000);
			break;
		case 'f':
			load.first = number(optarg, "-f", 0, 20000000);
			break;
		case 'n':
			load.mailboxes = number(optarg, "-n", 1, 20000000);
			break;
		case 'o':
			load.offset = number(optarg, "-o", 0, 20000000);
			break;
		case 'l':
			load.limit = number(optarg, "-l", 1, 20000000);
			break;
		case 'd':
			load.is_denials = true;
			break;
		case 's':
			load.seconds = strtod(optarg, NULL);
			break;
		case 'w':
			load.warm_ms = number(optarg, "-w", 0, 60000);
			break;
		case 'e':
			load.expect = optarg;
			break;
		case 'r':
			load.seed = number(optarg, "-r", 0, INT32_MAX);
			break;
		case 'c':
			load.server = (pid_t)number(optarg, "-c", 1, INT32_MAX);
			break;
		case 'R':
			load.reconnects = true;
			break;
		case 'N':
			load.name = optarg;
			break;
		case 'S':
			load.state = optarg;
			break;
		default:
			die("usage: see the head of tests/bench/load.c");
		}
	}
	/* Each mailbox once. */
	if (load.limit == 0 || load.limit > load.mailboxes)
		load.limit = load.mailboxes;
	if (load.at.len == 0 || optind != argc || !(load.seconds > 0))
		die("usage: load -a unix:PATH|inet:HOST:PORT ...: see the head of tests/bench/load.c");
}

int
main(int argc, char **argv)
{
	options(argc, argv);
	raise_files();
	shuffle();
	if (load.is_redis)
		learn_redis();
	else
		learn_policy();
	connect_all();
	run();
	print();
	return 0;
}
