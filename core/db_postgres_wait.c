/*
 * db_postgres_wait.c - the wire to a PostgreSQL server: nothing waits longer than its deadline.
 *
 * Sources: PostgreSQL 15 manual, 34.1 (PQconnectPoll), 34.4 (asynchronous processing), 34.5 (pipeline mode), read 2026-11.
 * A server may be stopped, or the network swallow everything: libpq's blocking calls would then wait for the kernel.  So every wait is
 * a poll here.  What is left to the system is the look-up of a host name: an address (hostaddr) needs none.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/db_postgres.h"

#define HOSTS_MAX 16

struct libpq libpq;
static const char *const names[] = {PG_CALLS(LAZY_NAME_)};
static_assert(sizeof(libpq) == sizeof(names), "a pointer for each name");
static struct lazy libpq_lazy = {
	.soname = "libpq.so.5", .package = "libpq5", .names = names, .n = ARRAY_LEN(names), .calls = &libpq};

int
pg_need(struct err *err)
{
	return lazy_need(&libpq_lazy, err);
}

int64_t
pg_clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* False: the time is over. */
static bool
wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left_ms;
	int n;

	do {
		left_ms = deadline_ms - pg_clock_ms();
		n = left_ms > 0 ? poll(&p, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) : 0;
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

static int
lost(PGconn *c, struct err *err)
{
	const char *text = PQerrorMessage(c);

	return err_set(err, CR_ERETRY, "store: the server went away: %.*s", (int)strcspn(text, "\n"), text);
}

static int
too_late(struct err *err)
{
	return err_set(err, CR_ERETRY, "store: the server does not answer");
}

int
pg_wire_flush(PGconn *c, int64_t deadline_ms, struct err *err)
{
	int left;

	while ((left = PQflush(c)) == 1) {
		if (!wait_for(PQsocket(c), POLLIN | POLLOUT, deadline_ms))
			return too_late(err);
		/* A server that cannot get rid of its answers stops reading. */
		if (PQconsumeInput(c) != 1)
			return lost(c, err);
	}
	return left == 0 ? CR_OK : lost(c, err);
}

int
pg_wire_result(PGconn *c, int64_t deadline_ms, PGresult **out, struct err *err)
{
	while (PQisBusy(c) == 1) {
		if (!wait_for(PQsocket(c), POLLIN, deadline_ms))
			return too_late(err);
		if (PQconsumeInput(c) != 1)
			return lost(c, err);
	}
	*out = PQgetResult(c);
	if (*out != NULL && PQstatus(c) == CONNECTION_BAD && PQresultErrorField(*out, PG_DIAG_SQLSTATE) == NULL) {
		PQclear(*out);
		*out = NULL;
		return lost(c, err);
	}
	return CR_OK;
}

/* ---- connecting ---- */

/* "FATAL:  28P01: text\nLOCATION: ..." of PQERRORS_VERBOSE: a class that only the operator can mend? */
static bool
is_for_operator(const char *text)
{
	static const char *const states[] = {": 28", ": 3D000: ", ": 42501: ", ": 3F000: "};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strstr(text, states[i]) != NULL)
			return true;
	return false;
}

static int
connect_fault(PGconn *c, struct err *err)
{
	const char *text = PQerrorMessage(c);
	const char *end = strstr(text, "\nLOCATION");
	int len = end != NULL ? (int)(end - text) : (int)strcspn(text, "\n");
	bool ours = PQconnectionNeedsPassword(c) == 1 || is_for_operator(text);

	return err_set(err, ours ? CR_ECONFIG : CR_ERETRY, "store: %.*s", len, text);
}

static int
poll_connection(PGconn *c, int64_t deadline_ms, struct err *err)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
		if (!wait_for(PQsocket(c), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms))
			return too_late(err);
		state = PQconnectPoll(c);
	}
	return state == PGRES_POLLING_OK ? CR_OK : connect_fault(c, err);
}

/* What libpq is told beside the operator's own words, which come first. */
static const struct {
	const char *keyword, *value;
} defaults[] = {
	{"application_name",     "coldrelay" },
        {"client_encoding",      "UTF8"      },
        {"target_session_attrs", "read-write"},
	{"keepalives_idle",      "10"        },
        {"keepalives_interval",  "5"         },
        {"keepalives_count",     "3"         },
	{"tcp_user_timeout",     "20000"     }, /* ms; keepalives do not run while something is unacknowledged */
};

#define PARAMS_MAX 64

struct params {
	const char *keywords[PARAMS_MAX + 1], *values[PARAMS_MAX + 1];
	int n;
};

static void
param(struct params *p, const char *keyword, const char *value)
{
	if (value == NULL || *value == '\0' || p->n == PARAMS_MAX)
		return;
	for (int i = 0; i < p->n; i++)
		if (strcmp(p->keywords[i], keyword) == 0)
			return;
	p->keywords[p->n] = keyword;
	p->values[p->n++] = value;
}

/* Item i of "a,b,c", on the heap; the only one stands for all. */
static char *
item_of(const char *list, size_t i)
{
	const char *at = list;

	if (list == NULL)
		return NULL;
	if (strchr(list, ',') == NULL)
		return strdup(list);
	for (; i > 0 && *at != '\0'; i--) {
		at += strcspn(at, ",");
		at += *at == ',';
	}
	return strndup(at, strcspn(at, ","));
}

static size_t
count_hosts(const PQconninfoOption *options)
{
	const char *list = pg_address_get(options, "hostaddr");
	size_t n = 1;

	if (list == NULL)
		list = pg_address_get(options, "host");
	for (; list != NULL && *list != '\0' && n < HOSTS_MAX; list++)
		n += *list == ',';
	return n;
}

static int
start(PGconn *c, int64_t deadline_ms, struct err *err)
{
	int rc;

	if (c == NULL)
		return err_nomem(err, "connection");
	if (PQstatus(c) == CONNECTION_BAD)
		return connect_fault(c, err);
	(void)PQsetErrorVerbosity(c, PQERRORS_VERBOSE);
	rc = poll_connection(c, deadline_ms, err);
	if (rc != CR_OK)
		return rc;
	(void)PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
	if (PQsetnonblocking(c, 1) != 0 || PQenterPipelineMode(c) != 1)
		return lost(c, err);
	return CR_OK;
}

/* One server of the list: libpq's own walk would give all the time to the first that keeps silent. */
static int
connect_one(const PQconninfoOption *options, const char *password, size_t host, int64_t deadline_ms, PGconn **out,
            struct err *err)
{
	static const char *const each[] = {"host", "hostaddr", "port"};
	struct params p = {.n = 0};
	char *mine[ARRAY_LEN(each)] = {NULL};
	PGconn *c = NULL;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(each); i++) {
		mine[i] = item_of(pg_address_get(options, each[i]), host);
		param(&p, each[i], mine[i]);
	}
	param(&p, "password", password);
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "host") != 0 && strcmp(o->keyword, "hostaddr") != 0 &&
		    strcmp(o->keyword, "port") != 0)
			param(&p, o->keyword, o->val);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		param(&p, defaults[i].keyword, defaults[i].value);
	c = PQconnectStartParams(p.keywords, p.values, 0);
	rc = start(c, deadline_ms, err);
	if (rc == CR_OK)
		*out = TAKE(c);
	PQfinish(c);
	for (size_t i = 0; i < ARRAY_LEN(each); i++)
		free(mine[i]);
	return rc;
}

int
pg_wire_connect(const PQconninfoOption *options, const char *password, int64_t wait_ms, size_t *start_at, PGconn **out,
                struct err *err)
{
	const size_t n = count_hosts(options);
	int rc = CR_ERETRY;

	for (size_t i = 0; i < n; i++) {
		const size_t host = (*start_at + i) % n;

		rc = connect_one(options, password, host, pg_clock_ms() + wait_ms / (int64_t)n, out, err);
		if (rc == CR_OK)
			*start_at = host;
		if (rc != CR_ERETRY)
			break;
	}
	return rc;
}
