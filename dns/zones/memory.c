/*
 * memory.c - a zone provider that lives in memory: for tests, and the plainest reading of the contract in zones.h.
 *
 * Invariant: every access holds the one mutex; a zone that is handed out is a copy.
 */
#include "dns/zones/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/zones/zones.h"

#define NAME_SERVER "ns1.memory.invalid."
#define SOA_DATA    NAME_SERVER " hostmaster.memory.invalid. 1 7200 1800 1209600 300"
#define APEX_TTL_S  3600

struct zone {
	char *name;
	unsigned long changes;
	struct records records;
	struct zone *next;
};

struct fault {
	size_t nth; /* 0: none */
	int code;
	int done;
};

static struct {
	pthread_mutex_t mutex;
	struct zone *zones;
	struct fault faults[MEMORY__COUNT];
	size_t calls[MEMORY__COUNT];
	size_t by_id; /* observed with the id that was told */
} store = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void
zone_free(struct zone *z)
{
	if (z == NULL)
		return;
	free(z->name);
	records_release(&z->records);
	free(z);
}

void
memory_reset(void)
{
	(void)pthread_mutex_lock(&store.mutex);
	while (store.zones != NULL) {
		struct zone *z = store.zones;

		store.zones = z->next;
		zone_free(z);
	}
	memset(store.faults, 0, sizeof(store.faults));
	memset(store.calls, 0, sizeof(store.calls));
	store.by_id = 0;
	(void)pthread_mutex_unlock(&store.mutex);
}

void
memory_fail(enum memory_op op, size_t nth, int code, int done)
{
	(void)pthread_mutex_lock(&store.mutex);
	store.faults[op] = (struct fault){.nth = nth, .code = code, .done = done};
	(void)pthread_mutex_unlock(&store.mutex);
}

size_t
memory_calls(enum memory_op op)
{
	size_t n;

	(void)pthread_mutex_lock(&store.mutex);
	n = store.calls[op];
	(void)pthread_mutex_unlock(&store.mutex);
	return n;
}

size_t
memory_by_id(void)
{
	size_t n;

	(void)pthread_mutex_lock(&store.mutex);
	n = store.by_id;
	(void)pthread_mutex_unlock(&store.mutex);
	return n;
}

/* Count a call.  The fault that is due now, or one with code CR_OK. */
static struct fault
enter(enum memory_op op)
{
	struct fault *f = &store.faults[op];

	store.calls[op]++;
	if (f->nth == 0 || --f->nth > 0)
		return (struct fault){0};
	return *f;
}

/* Where the zone hangs in the list, or the list's end. */
static struct zone **
slot_of(const char *name)
{
	struct zone **at = &store.zones;

	while (*at != NULL && !name_equal((*at)->name, name))
		at = &(*at)->next;
	return at;
}

static int
injected(const struct fault *f, struct err *err)
{
	return err_set(err, f->code, "memory: a fault that a test asked for");
}

static int
memory_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	(void)env;
	(void)settings;
	(void)err;
	*ctx_out = &store;
	return CR_OK;
}

static void
memory_drop(void *ctx)
{
	(void)ctx;
}

static int
copy_state(const struct zone *z, struct zone_state *out, struct err *err)
{
	struct zone_state s = {.exists = true};
	int rc = CR_OK;

	for (size_t i = 0; i < z->records.n && rc == CR_OK; i++)
		rc = records_add_copy(&s.records, &z->records.items[i], err);
	if (rc == CR_OK)
		rc = zone_state_name_servers(&s, z->name, err);
	if (rc != CR_OK)
		goto out;
	s.id = strdup(z->name);
	if (s.id == NULL || asprintf(&s.serial, "%lu", z->changes) < 0) {
		s.serial = NULL;
		rc = err_nomem(err, z->name);
		goto out;
	}
	*out = s;
	s = (struct zone_state){0};
out:
	zone_state_release(&s);
	return rc;
}

static int
memory_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	const struct zone *z;
	struct fault f;
	int rc = CR_OK;

	(void)ctx;
	(void)pthread_mutex_lock(&store.mutex);
	store.by_id += id != NULL && strcmp(id, zone) == 0;
	f = enter(MEMORY_OBSERVE);
	z = *slot_of(zone);
	if (f.code != CR_OK)
		rc = injected(&f, err);
	else if (z != NULL)
		rc = copy_state(z, out, err);
	else
		*out = (struct zone_state){0};
	(void)pthread_mutex_unlock(&store.mutex);
	return rc;
}

static int
make_zone(const char *name, const struct records *records, struct zone **out, struct err *err)
{
	struct zone *z = calloc(1, sizeof(*z));
	int rc;

	if (z == NULL)
		return err_nomem(err, name);
	z->name = strdup(name);
	rc = z->name != NULL ? CR_OK : err_nomem(err, name);
	for (size_t i = 0; i < records->n && rc == CR_OK; i++)
		rc = records_add_copy(&z->records, &records->items[i], err);
	if (rc == CR_OK && records_count(records, name, RECORD_SOA) == 0)
		rc = records_add(&z->records, name, RECORD_SOA, APEX_TTL_S, SOA_DATA, err);
	if (rc == CR_OK && records_count(records, name, RECORD_NS) == 0)
		rc = records_add(&z->records, name, RECORD_NS, APEX_TTL_S, NAME_SERVER, err);
	if (rc != CR_OK)
		goto out;
	records_sort(&z->records);
	rc = zone_check_cname(&z->records, err);
	if (rc == CR_OK)
		*out = TAKE(z);
out:
	zone_free(z);
	return rc;
}

static int
memory_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	struct zone **at;
	struct fault f;
	int rc = CR_OK;

	(void)ctx;
	(void)pthread_mutex_lock(&store.mutex);
	f = enter(MEMORY_CREATE);
	at = slot_of(zone);
	if (f.code != CR_OK && !f.done)
		rc = injected(&f, err);
	else if (*at != NULL)
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already", zone);
	else
		rc = make_zone(zone, records, at, err);
	if (rc == CR_OK && out != NULL && (out->id = strdup(zone)) == NULL)
		rc = err_nomem(err, zone);
	if (rc == CR_OK && f.code != CR_OK)
		rc = injected(&f, err);
	(void)pthread_mutex_unlock(&store.mutex);
	return rc;
}

static int
change_zone(struct zone *z, const struct set_diff *diff, struct err *err)
{
	struct records changed = {0};
	int rc = zone_records_changed(&z->records, diff, &changed, err);

	if (rc != CR_OK)
		return rc;
	records_release(&z->records);
	z->records = changed;
	z->changes++;
	return CR_OK;
}

static int
memory_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	struct zone *z;
	struct fault f;
	int rc;

	(void)ctx;
	(void)base;
	(void)pthread_mutex_lock(&store.mutex);
	f = enter(MEMORY_CHANGE);
	z = *slot_of(zone);
	if (f.code != CR_OK && !f.done)
		rc = injected(&f, err);
	else if (z == NULL)
		rc = err_set(err, CR_ENOTFOUND, "zone %s does not exist", zone);
	else
		rc = change_zone(z, diff, err);
	if (rc == CR_OK && f.code != CR_OK)
		rc = injected(&f, err);
	(void)pthread_mutex_unlock(&store.mutex);
	return rc;
}

static int
memory_remove(void *ctx, const char *zone, struct err *err)
{
	struct zone **at;
	struct zone *z;
	struct fault f;
	int rc = CR_OK;

	(void)ctx;
	(void)pthread_mutex_lock(&store.mutex);
	f = enter(MEMORY_REMOVE);
	at = slot_of(zone);
	z = *at;
	if (z != NULL && (f.code == CR_OK || f.done)) {
		*at = z->next;
		zone_free(z);
	}
	if (f.code != CR_OK)
		rc = injected(&f, err);
	(void)pthread_mutex_unlock(&store.mutex);
	return rc;
}

extern const struct zone_driver zone_driver_memory;

const struct zone_driver zone_driver_memory = {
	.name = "memory",
	.summary = "zones in the memory of the process, for tests",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_CREATE_FILLED | ZONE_CAP_ATOMIC | ZONE_CAP_RRSET_TTL | ZONE_CAP_SLASH,
	.ttl_min_s = 0,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 65279,
	.tested = "memory",
	.read_on = "2026-11-25",
	.open = memory_open,
	.drop = memory_drop,
	.observe = memory_observe,
	.create = memory_create,
	.change = memory_change,
	.remove = memory_remove,
};
