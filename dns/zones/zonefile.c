/*
 * zonefile.c - zones as RFC 1035 master files in a directory, for a name server that reads them (BIND, NSD, Knot).
 *
 * Sources: RFC 1035 s5 (master files), RFC 1982 (serial arithmetic), RFC 1912 s2.2 (YYYYMMDDnn).
 * Invariants: a change happens under one lock for the directory, on what the file says at that moment, so that records
 * written by hand meanwhile survive; the file is replaced whole; its serial only ever goes up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lock.h"
#include "dns/zones/zones.h"
#include "dns/zonetext.h"

#define LOCK_NAME     ".coldrelay.lock"
#define LOCK_WAIT_MS  10000
#define SUFFIX        ".zone"
#define FILE_MODE     0644
#define STEM_MAX      220 /* 255 bytes a file name, less the suffix and that of file_replace's temporary */
#define SOA_REFRESH_S 7200
#define SOA_RETRY_S   1800
#define SOA_EXPIRE_S  1209600
#define SOA_MINIMUM_S 300
#define FILE_HEAD     "Kept by coldrelay. Records added by hand are kept when it writes; comments and layout are not."

struct zonefile_settings {
	char *directory;
	struct cfg_list name_servers;
	char *hostmaster;
	int64_t ttl_s;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct zonefile_settings, member)
static const struct cfg_row settings_rows[] = {
	{"directory", CFG_PATH, AT(directory), 0, 0, NULL, CFG_REQUIRED, NULL, "Where the zone files lie, one ZONE.zone each; a byte that a file name should not hold stands as =XX."},
	{"name_servers", CFG_LIST, AT(name_servers), 0, 0, NULL, CFG_REQUIRED, NULL, "The name servers of new zones; the first one is named in the SOA."},
	{"hostmaster", CFG_TEXT, AT(hostmaster), 0, 0, "hostmaster", 0, NULL, "The mailbox in the SOA of new zones: an address, or a local part at the zone."},
	{"ttl", CFG_DURATION, AT(ttl_s), 60, 604800, "1h", 0, NULL, "The TTL of the SOA and NS records of new zones."},
};
#undef AT
/* clang-format on */

struct zonefile {
	const struct zonefile_settings *settings;
	const struct clock *clock;
	char *lock_path;
};

static void
zonefile_drop(void *ctx)
{
	struct zonefile *z = ctx;

	if (z == NULL)
		return;
	free(z->lock_path);
	free(z);
}

static int
zonefile_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct zonefile_settings *s = settings;
	struct zonefile *z = calloc(1, sizeof(*z));
	struct stat st;
	struct name name;
	int rc = CR_OK;

	if (z == NULL)
		return err_nomem(err, "zonefile");
	z->settings = s;
	z->clock = env->clock;
	if (stat(s->directory, &st) != 0 || !S_ISDIR(st.st_mode))
		rc = err_set(err, CR_ECONFIG, "directory '%s' is not there", s->directory);
	else if (s->name_servers.n == 0)
		rc = err_set(err, CR_ECONFIG, "name_servers: empty");
	for (size_t i = 0; i < s->name_servers.n && rc == CR_OK; i++)
		if (name_parse_host(s->name_servers.items[i], &name, err) != CR_OK) {
			rc = CR_ECONFIG;
			if (err != NULL)
				err->code = rc;
			(void)err_wrap(err, "name_servers");
		}
	if (rc == CR_OK)
		rc = file_join(s->directory, LOCK_NAME, &z->lock_path, err);
	if (rc == CR_OK)
		*ctx_out = TAKE(z);
	zonefile_drop(z);
	return rc;
}

/*
 * DIRECTORY/ZONE.zone.  '/' (RFC 2317) and all else that could mean something to a file system or a server's configuration
 * becomes =XX, '=' too: two zones never share a file.
 */
static int
path_of(const struct zonefile *z, const char *zone, char **out, struct err *err)
{
	struct buf b = {0};
	int rc;

	for (const char *p = zone; *p != '\0'; p++) {
		bool plain = strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", *p) != NULL;

		if (plain)
			buf_addc(&b, *p);
		else
			buf_addf(&b, "=%02x", (unsigned)(unsigned char)*p);
	}
	if (b.len == 0 || b.len > STEM_MAX) {
		rc = err_set(err, CR_EREFUSED, "zone '%s': the name does not fit a file name", zone);
		goto out;
	}
	buf_adds(&b, SUFFIX);
	rc = buf_check(&b, zone, err);
	if (rc == CR_OK)
		rc = file_join(z->settings->directory, buf_str(&b), out, err);
out:
	buf_release(&b);
	return rc;
}

static int
take_lock(const struct zonefile *z, struct lock **out, struct err *err)
{
	struct lock *l = NULL;
	int rc = lock_open(z->lock_path, &l, err);

	if (rc == CR_OK)
		rc = lock_take(l, z->clock, LOCK_WAIT_MS, "zone files", err);
	if (rc == CR_OK)
		*out = TAKE(l);
	lock_drop(&l);
	return rc;
}

/* The records of the file; CR_ENOTFOUND when it is not there, CR_EPARSE "FILE:LINE: ...". */
static int
read_zone(const char *path, const char *zone, struct records *out, struct err *err)
{
	struct buf text = {.max_bytes = ZONETEXT_MAX_BYTES};
	int rc = file_read(path, ZONETEXT_MAX_BYTES, &text, err);

	if (rc == CR_OK)
		rc = zonetext_read(buf_str(&text), text.len, path, zone, out, err);
	buf_release(&text);
	return rc;
}

static uint32_t
get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
put_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* The SOA and where its serial lies: five numbers end the RDATA (RFC 1035 s3.3.13).  NULL when there is none. */
static uint8_t *
soa_serial(struct records *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].type == RECORD_SOA && l->items[i].data_len > 20)
			return l->items[i].data + l->items[i].data_len - 20;
	return NULL;
}

/* RFC 1982 s3.2: a is newer than b. */
static bool
serial_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

static uint32_t
serial_today(const struct clock *clock)
{
	time_t now = (time_t)clock_wall_s(clock);
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL)
		return 1;
	return (uint32_t)(((tm.tm_year + 1900) * 100 + tm.tm_mon + 1) * 100 + tm.tm_mday) * 100U;
}

/* Today's first number, or one more than the old one: after a hundred changes a day it runs ahead of the date, never back. */
static uint32_t
serial_next(uint32_t old, const struct clock *clock)
{
	uint32_t today = serial_today(clock);

	return serial_after(today, old) ? today : old + 1;
}

static int
zonefile_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	const struct zonefile *z = ctx;
	struct zone_state s = {.exists = true};
	const uint8_t *serial;
	char *path = NULL;
	int rc;

	(void)id;
	rc = path_of(z, zone, &path, err);
	if (rc != CR_OK)
		goto out;
	rc = read_zone(path, zone, &s.records, err);
	if (rc == CR_ENOTFOUND) {
		*out = (struct zone_state){0};
		rc = CR_OK;
		goto out;
	}
	if (rc == CR_OK)
		rc = zone_state_name_servers(&s, zone, err);
	if (rc != CR_OK)
		goto out;
	serial = soa_serial(&s.records);
	if (serial != NULL && asprintf(&s.serial, "%u", get_u32(serial)) < 0) {
		s.serial = NULL;
		rc = err_nomem(err, zone);
		goto out;
	}
	s.id = TAKE(path);
	*out = s;
	s = (struct zone_state){0};
out:
	zone_state_release(&s);
	free(path);
	return rc;
}

/* "ops@example.com" as the SOA's RNAME (RFC 1035 s8: dots of the local part escaped), a bare local part at the zone. */
static int
rname_of(const char *hostmaster, const char *zone, struct name *out, struct err *err)
{
	const char *at = strrchr(hostmaster, '@');
	size_t local = at != NULL ? (size_t)(at - hostmaster) : strlen(hostmaster);
	struct buf b = {0};
	int rc;

	for (size_t i = 0; i < local; i++) {
		if (hostmaster[i] == '.')
			buf_addc(&b, '\\');
		buf_addc(&b, hostmaster[i]);
	}
	buf_addf(&b, ".%s", at != NULL ? at + 1 : zone);
	rc = buf_check(&b, "hostmaster", err);
	if (rc == CR_OK && name_parse(buf_str(&b), out, err) != CR_OK)
		rc = err_wrap(err, "hostmaster");
	buf_release(&b);
	return rc;
}

static int
add_soa(const struct zonefile *z, const char *zone, struct records *l, struct err *err)
{
	static const uint32_t times[] = {SOA_REFRESH_S, SOA_RETRY_S, SOA_EXPIRE_S, SOA_MINIMUM_S};
	uint8_t rdata[2 * NAME_WIRE_MAX + 20];
	struct record r = {0};
	struct name name;
	size_t len;
	int rc;

	rc = name_parse(z->settings->name_servers.items[0], &name, err);
	if (rc != CR_OK)
		return rc;
	len = name_to_wire(name.text, rdata);
	rc = rname_of(z->settings->hostmaster, zone, &name, err);
	if (rc != CR_OK)
		return rc;
	len += name_to_wire(name.text, rdata + len);
	put_u32(rdata + len, serial_today(z->clock));
	len += 4;
	for (size_t i = 0; i < ARRAY_LEN(times); i++, len += 4)
		put_u32(rdata + len, times[i]);
	rc = record_from_wire(zone, RECORD_SOA, (uint32_t)z->settings->ttl_s, rdata, len, &r, err);
	return rc == CR_OK ? records_take(l, &r, err) : rc;
}

static int
add_name_servers(const struct zonefile *z, const char *zone, struct records *l, struct err *err)
{
	const struct cfg_list *servers = &z->settings->name_servers;
	uint8_t rdata[NAME_WIRE_MAX];
	int rc = CR_OK;

	for (size_t i = 0; i < servers->n && rc == CR_OK; i++) {
		struct record r = {0};
		struct name name;

		rc = name_parse(servers->items[i], &name, err);
		if (rc == CR_OK)
			rc = record_from_wire(zone, RECORD_NS, (uint32_t)z->settings->ttl_s, rdata,
			                      name_to_wire(name.text, rdata), &r, err);
		if (rc == CR_OK)
			rc = records_take(l, &r, err);
	}
	return rc;
}

/* A file that is there keeps its mode; its owner is kept where we may give it away. */
static int
write_zone(const char *path, const char *zone, const struct records *l, struct err *err)
{
	struct file_owner owner = FILE_OWNER_SELF;
	mode_t mode = FILE_MODE;
	struct buf text = {.max_bytes = ZONETEXT_MAX_BYTES};
	struct stat st;
	int rc;

	if (stat(path, &st) == 0) {
		mode = st.st_mode & 0777U;
		if (geteuid() == 0)
			owner = (struct file_owner){st.st_uid, st.st_gid};
	}
	rc = zonetext_write(l, zone, FILE_HEAD, &text, err);
	if (rc == CR_OK)
		rc = file_replace(path, buf_str(&text), text.len, mode, owner, err);
	buf_release(&text);
	return rc;
}

static int
zonefile_create(void *ctx, const char *zone, const struct records *records, struct zone_state *out, struct err *err)
{
	const struct zonefile *z = ctx;
	struct records l = {0};
	struct lock *lock = NULL;
	char *path = NULL;
	struct stat st;
	int rc;

	(void)out;
	rc = path_of(z, zone, &path, err);
	if (rc == CR_OK)
		rc = take_lock(z, &lock, err);
	if (rc != CR_OK)
		goto out;
	if (lstat(path, &st) == 0) {
		rc = err_set(err, CR_ECONFLICT, "zone %s exists already: %s", zone, path);
		goto out;
	}
	file_sweep(path);
	for (size_t i = 0; i < records->n && rc == CR_OK; i++)
		rc = records_add_copy(&l, &records->items[i], err);
	if (rc == CR_OK && records_count(&l, zone, RECORD_SOA) == 0)
		rc = add_soa(z, zone, &l, err);
	if (rc == CR_OK && records_count(&l, zone, RECORD_NS) == 0)
		rc = add_name_servers(z, zone, &l, err);
	if (rc != CR_OK)
		goto out;
	records_sort(&l);
	rc = zone_check_cname(&l, err);
	if (rc == CR_OK)
		rc = write_zone(path, zone, &l, err);
out:
	lock_drop(&lock);
	records_release(&l);
	free(path);
	return rc;
}

/* Nothing differs, TTLs included.  Both sorted. */
static bool
all_equal(const struct records *a, const struct records *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!record_same(&a->items[i], &b->items[i]) || a->items[i].ttl_s != b->items[i].ttl_s)
			return false;
	return true;
}

/* The file's records with diff applied; *changed_out tells whether a write is due, the serial is raised then. */
static int
change_records(const struct zonefile *z, const char *path, const char *zone, const struct set_diff *diff,
               struct records *out, bool *changed_out, struct err *err)
{
	struct records now = {0}, changed = {0};
	uint8_t *serial;
	int rc;

	rc = read_zone(path, zone, &now, err);
	if (rc == CR_EPARSE) {
		/* A slip of somebody's hand: writing the zone anew would lose what they meant. */
		rc = CR_ECONFLICT;
		if (err != NULL)
			err->code = rc;
		goto out;
	}
	if (rc == CR_ENOTFOUND)
		rc = err_set(err, CR_ENOTFOUND, "zone %s does not exist: %s", zone, path);
	if (rc != CR_OK)
		goto out;
	records_sort(&now);
	rc = zone_records_changed(&now, diff, &changed, err);
	if (rc != CR_OK)
		goto out;
	serial = soa_serial(&changed);
	if (serial == NULL) {
		rc = err_set(err, CR_ECONFLICT, "%s: no SOA record", path);
		goto out;
	}
	*changed_out = !all_equal(&now, &changed);
	if (*changed_out)
		put_u32(serial, serial_next(get_u32(serial), z->clock));
	*out = changed;
	changed = (struct records){0};
out:
	records_release(&changed);
	records_release(&now);
	return rc;
}

static int
zonefile_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff,
                struct err *err)
{
	const struct zonefile *z = ctx;
	struct records l = {0};
	struct lock *lock = NULL;
	char *path = NULL;
	bool changed = false;
	int rc;

	(void)base; /* the file itself is read again, under the lock */
	rc = path_of(z, zone, &path, err);
	if (rc == CR_OK)
		rc = take_lock(z, &lock, err);
	if (rc != CR_OK)
		goto out;
	file_sweep(path);
	rc = change_records(z, path, zone, diff, &l, &changed, err);
	if (rc == CR_OK && changed)
		rc = write_zone(path, zone, &l, err);
out:
	lock_drop(&lock);
	records_release(&l);
	free(path);
	return rc;
}

static int
zonefile_remove(void *ctx, const char *zone, struct err *err)
{
	const struct zonefile *z = ctx;
	struct lock *lock = NULL;
	char *path = NULL;
	int rc;

	rc = path_of(z, zone, &path, err);
	if (rc == CR_OK)
		rc = take_lock(z, &lock, err);
	if (rc == CR_OK)
		rc = file_remove(path, err);
	lock_drop(&lock);
	free(path);
	return rc;
}

extern const struct zone_driver zone_driver_zonefile;

const struct zone_driver zone_driver_zonefile = {
	.name = "zonefile",
	.summary = "RFC 1035 zone files in a directory, read by a name server of yours",
	.caps = ZONE_CAP_CREATE | ZONE_CAP_CREATE_FILLED | ZONE_CAP_ATOMIC | ZONE_CAP_RRSET_TTL | ZONE_CAP_SLASH,
	.ttl_min_s = 0,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 65279, /* 255 strings of 255 and one of 254, each with its length byte, are 65535 */
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct zonefile_settings),
	.tested = "named-checkzone of BIND 9.18, kzonecheck of Knot 3.2",
	.read_on = "2026-11-25",
	.open = zonefile_open,
	.drop = zonefile_drop,
	.observe = zonefile_observe,
	.create = zonefile_create,
	.change = zonefile_change,
	.remove = zonefile_remove,
};
