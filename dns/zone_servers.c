/*
 * zone_servers.c - each authoritative server asked for the zone's SOA.
 *
 * RFC 1035 s4.1.1 (AA), RFC 1912 s2.8 (lame), RFC 2181 s10.3 (no alias behind an NS).
 */
#include "dns/zone_servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT          53
#define ADDRESSES_OF_ONE  2
#define RCODE_REFUSED     5
#define RCODE_NOTAUTH     9
#define SOA_NUMBERS_BYTES 20

bool
zone_name_is_reserved(const char *name)
{
	static const char *const reserved[] = {"example",     "test",        "invalid",    "localhost",
	                                       "example.com", "example.net", "example.org"};

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		if (name_is_under(name, reserved[i]))
			return true;
	}
	return false;
}

static bool
stands_for_others(const struct ip *ip)
{
	enum ip_scope scope = ip_scope(ip, NULL);

	return scope == IP_DOCUMENTATION || scope == IP_LOOPBACK;
}

static struct zone_server *
add(struct zone_servers *s, const char *name)
{
	struct zone_server *server = &s->items[s->n++];

	buf_copy_text(server->name, sizeof(server->name), name);
	server->rehearsal = zone_name_is_reserved(name);
	return server;
}

static uint32_t
read_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Two names, then serial, refresh, retry, expire and minimum. */
bool
zone_soa_read(const struct record *soa, struct zone_soa *out)
{
	const uint8_t *numbers;

	if (soa->type != RECORD_SOA || soa->data_len < SOA_NUMBERS_BYTES)
		return false;
	numbers = soa->data + soa->data_len - SOA_NUMBERS_BYTES;
	*out = (struct zone_soa){.serial = read_u32(numbers), .negative_s = read_u32(numbers + 16)};
	if (out->negative_s > soa->ttl_s)
		out->negative_s = soa->ttl_s;
	return true;
}

static void
judge_soa(struct zone_server *server, const struct lookup_answer *a)
{
	struct zone_soa soa;

	switch (a->state) {
	case LOOKUP_FOUND:
		server->state = ZONE_SERVER_LAME;
		if (a->authoritative && a->chain.n == 0 && zone_soa_read(&a->records.items[0], &soa)) {
			server->state = ZONE_SERVER_GOOD;
			server->serial = soa.serial;
		}
		break;
	case LOOKUP_EMPTY:
	case LOOKUP_NONAME:
		server->state = ZONE_SERVER_LAME;
		break;
	case LOOKUP_FAILED:
		server->state =
			a->rcode == RCODE_REFUSED || a->rcode == RCODE_NOTAUTH ? ZONE_SERVER_LAME : ZONE_SERVER_BROKEN;
		buf_copy_text(server->why, sizeof(server->why), a->why);
		break;
	case LOOKUP_SILENT:
		server->state = ZONE_SERVER_SILENT;
		buf_copy_text(server->why, sizeof(server->why), a->why);
		break;
	case LOOKUP_PENDING:
	case LOOKUP_STATE__COUNT:
	default:
		server->state = ZONE_SERVER_PENDING;
		break;
	}
}

/* RFC 4034 order, so that two runs report alike whatever the order of the answer. */
static int
by_record(const void *a, const void *b)
{
	return record_compare(*(const struct record *const *)a, *(const struct record *const *)b);
}

static size_t
first_in_order(const struct records *records, const struct record **out, size_t max)
{
	size_t n = records->n < max ? records->n : max;

	for (size_t i = 0; i < n; i++)
		out[i] = &records->items[i];
	qsort(out, n, sizeof(*out), by_record);
	return n;
}

/* Each address of one server, asked. */
static void
ask_addresses(struct lookup *l, const char *zone, const char *name, const struct records *addresses,
              struct zone_servers *s)
{
	const struct record *order[ZONE_SERVERS_MAX];
	size_t n = first_in_order(addresses, order, ARRAY_LEN(order));

	for (size_t i = 0; i < n && i < ADDRESSES_OF_ONE && s->n < ZONE_SERVERS_MAX; i++) {
		struct zone_server *server = add(s, name);
		char text[IP_TEXT_MAX];

		if (!ip_of_record(order[i], &server->ip)) {
			server->state = ZONE_SERVER_NOWHERE;
			continue;
		}
		server->at.port = DNS_PORT;
		buf_copy_text(server->at.address, sizeof(server->at.address), ip_format(&server->ip, text));
		server->rehearsal = server->rehearsal || stands_for_others(&server->ip);
		judge_soa(server, lookup_ask_at(l, &server->at, zone, RECORD_SOA));
	}
}

static void
find_one(struct lookup *l, const char *zone, const char *name, struct zone_servers *s)
{
	const struct lookup_answer *a = lookup_ask(l, name, RECORD_A);
	struct zone_server *server;
	struct name target;

	if (lookup_is_void(a) && a->chain.n == 0)
		a = lookup_ask(l, name, RECORD_AAAA);
	if (a->state == LOOKUP_FOUND && a->chain.n == 0) {
		ask_addresses(l, zone, name, &a->records, s);
		return;
	}
	server = add(s, name);
	if (a->chain.n > 0 && record_target(&a->chain.items[a->chain.n - 1], &target)) {
		server->state = ZONE_SERVER_ALIAS;
		buf_copy_text(server->why, sizeof(server->why), target.text);
	} else if (lookup_is_void(a)) {
		server->state = ZONE_SERVER_NOWHERE;
	} else if (lookup_is_trouble(a)) {
		server->state = ZONE_SERVER_UNKNOWN;
		server->nobody = a->nobody;
		buf_copy_text(server->why, sizeof(server->why), a->why);
	}
}

void
zone_servers_find(struct lookup *l, const char *zone, struct zone_servers *out)
{
	const struct lookup_answer *ns = lookup_ask(l, zone, RECORD_NS);
	const struct record *order[ZONE_SERVERS_MAX];
	size_t n = first_in_order(&ns->records, order, ARRAY_LEN(order));

	*out = (struct zone_servers){.names = ns->records.n, .pending = ns->state == LOOKUP_PENDING};
	for (size_t i = 0; i < n && out->n < ZONE_SERVERS_MAX; i++) {
		struct name name;

		if (record_target(order[i], &name))
			find_one(l, zone, name.text, out);
	}
	for (size_t i = 0; i < out->n; i++) {
		out->pending = out->pending || out->items[i].state == ZONE_SERVER_PENDING;
		out->good += out->items[i].state == ZONE_SERVER_GOOD;
	}
}

/* All of these within those; the TTL does not count. */
static bool
has_all(const struct records *these, const struct records *those)
{
	for (size_t i = 0; i < these->n; i++) {
		if (records_find(those, &these->items[i]) == NULL)
			return false;
	}
	return true;
}

static bool
same_answer(const struct lookup_answer *a, const struct lookup_answer *b)
{
	return has_all(&a->records, &b->records) && has_all(&b->records, &a->records) &&
	       has_all(&a->chain, &b->chain) && has_all(&b->chain, &a->chain);
}

/* The answer that most servers give; of two the one with more records, which is the newer one more often than not. */
static const struct lookup_answer *
usual_answer(const struct lookup_answer *const *answers, size_t n)
{
	const struct lookup_answer *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		for (size_t k = 0; k < n; k++)
			same += answers[k] != NULL && answers[i] != NULL && same_answer(answers[i], answers[k]);
		if (same > most || (best != NULL && same == most && answers[i]->records.n > best->records.n)) {
			best = answers[i];
			most = same;
		}
	}
	return best;
}

static int
differs(const struct zone_server *server, const char *name, uint16_t type, const struct lookup_answer *a, bool wanted,
        struct findings *findings, struct err *err)
{
	char type_name[16];
	int rc = findings_add(findings, FINDING_WARN, "propagation", NULL, err, "%s (%s) %s %s of %s", server->name,
	                      server->at.address,
	                      a->records.n == 0 ? "has no"
	                      : wanted          ? "does not have the wanted"
	                                        : "has another",
	                      record_type_name(type, type_name), name);

	if (rc == CR_OK)
		findings_absent(findings);
	return rc;
}

int
zone_compare(struct lookup *l, const char *zone, const char *name, uint16_t type, const struct records *want,
             struct findings *findings, struct err *err)
{
	const struct lookup_answer *answers[ZONE_SERVERS_MAX] = {NULL}, *usual;
	struct zone_servers servers;
	bool pending = false;
	int rc = CR_OK;

	zone_servers_find(l, zone, &servers);
	if (servers.pending)
		return CR_OK;
	for (size_t i = 0; i < servers.n; i++) {
		const struct lookup_answer *a;

		if (servers.items[i].state != ZONE_SERVER_GOOD)
			continue;
		a = lookup_ask_at(l, &servers.items[i].at, name, type);
		pending = pending || a->state == LOOKUP_PENDING;
		answers[i] = lookup_is_trouble(a) ? NULL : a;
	}
	usual = pending || want != NULL ? NULL : usual_answer(answers, servers.n);
	for (size_t i = 0; rc == CR_OK && !pending && i < servers.n; i++) {
		if (answers[i] == NULL)
			continue;
		if (want != NULL ? !has_all(want, &answers[i]->records) : !same_answer(answers[i], usual))
			rc = differs(&servers.items[i], name, type, answers[i], want != NULL, findings, err);
	}
	return rc;
}
