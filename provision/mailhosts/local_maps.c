/*
 * local_maps.c - leader and followers over the files, under one lock between processes.
 *
 * Sources: postmap(1), Postfix DATABASE_README (compiled tables), opendkim(8) (tables are read at start and on SIGUSR1).
 * Invariants: a table file is only ever replaced whole (file_replace); one thread of one process writes at a time; the text
 * of a request is staged completely or not at all; a changed table is compiled before anybody is told that it was changed.
 */
#include "provision/mailhosts/local_maps.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/list.h"
#include "core/lock.h"
#include "core/proc.h"
#include "provision/mailhosts/local_compiled.h"

#define TABLE_MAX_BYTES     ((size_t)256 << 20)
#define LOCK_DEADLINE_MS    30000
#define PROGRAM_DEADLINE_MS 120000
#define OUTPUT_MAX_BYTES    4096
#define RELOAD_MARK         "opendkim/.reload-pending"

static const struct {
	const char *name;
	enum map_format format;
	mode_t mode; /* of a new file; an existing one keeps mode and owner */
	bool compiled, signing;
	const char *group; /* of a new file, when we are root and the group exists */
} files[] = {
	[MAP_SENDERS] = {"postfix/sender_access",           MAP_POSTFIX,  0644, true,  false, NULL     },
	[MAP_KEY_TABLE] = {"opendkim/KeyTable",               MAP_OPENDKIM, 0644, false, true,  NULL     },
	[MAP_SIGNING] = {"opendkim/SigningTable",           MAP_OPENDKIM, 0644, false, true,  NULL     },
	[MAP_SELECTORS] = {"rspamd/selectors",                MAP_POSTFIX,  0644, false, false, NULL     },
	[MAP_SERVICES] = {"postfix/outgoing_services",       MAP_POSTFIX,  0644, false, false, NULL     },
	[MAP_OUTGOING] = {"postfix/sender_transports",       MAP_POSTFIX,  0644, true,  false, NULL     },
	[MAP_MAILBOXES] = {"postfix/virtual_mailbox_maps",    MAP_POSTFIX,  0644, true,  false, NULL     },
	[MAP_PASSWD_FILE] = {"dovecot/passwd",                  MAP_PASSWD,   0640, false, false, "dovecot"},
	[MAP_DOMAINS] = {"postfix/virtual_mailbox_domains", MAP_POSTFIX,  0644, true,  false, NULL     },
};
static_assert(ARRAY_LEN(files) == MAP_FILE__COUNT, "a row for every table");

/* One caller of maps_commit; lives on its stack. */
struct request {
	const struct map_edits *edits;
	bool reverse;
	bool done;
	int rc;
	struct err err;
	struct request *next;
};

struct maps {
	char *root;
	char *lock_path, *reload_mark;
	char *paths[MAP_FILE__COUNT];
	char *postmap; /* NULL: not installed */
	const struct cfg_list *reload;
	const struct clock *clock;
	/* under mutex */
	pthread_mutex_t mutex;
	pthread_cond_t finished;
	struct request *first, **last; /* waiting, in order of arrival */
	bool writing;
};

void
map_edits_release(struct map_edits *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->items[i].key);
		free(e->items[i].value);
	}
	free(e->items);
	*e = (struct map_edits){0};
}

int
map_edits_add(struct map_edits *e, enum map_file file, enum map_change change, const char *key, const char *value,
              struct err *err)
{
	struct map_edit edit = {.file = file, .change = change};
	struct map_edit *items;

	assert(value != NULL || change == MAP_REMOVE);
	items = list_grow(e->items, e->n, &e->cap, sizeof(*items));
	if (items == NULL)
		return err_nomem(err, "map edits");
	e->items = items;
	edit.key = strdup(key);
	edit.value = value != NULL ? strdup(value) : NULL;
	if (edit.key == NULL || (value != NULL && edit.value == NULL)) {
		free(edit.key);
		free(edit.value);
		return err_nomem(err, "map edits");
	}
	e->items[e->n++] = edit;
	return CR_OK;
}

/* The program in PATH or, since daemons and users seldom have it there, /usr/sbin.  NULL in out: not installed. */
static int
find_program(const char *name, char **out, struct err *err)
{
	const char *path = getenv("PATH");
	char *dirs = NULL, *candidate = NULL, *rest;
	int rc = CR_OK;

	*out = NULL;
	if (asprintf(&dirs, "%s:/usr/sbin", path != NULL ? path : "") < 0)
		return err_nomem(err, name);
	rest = dirs;
	for (const char *dir = strsep(&rest, ":"); dir != NULL && *out == NULL; dir = strsep(&rest, ":")) {
		/* An empty or relative entry of PATH means the working directory: nothing to run a program from. */
		if (dir[0] != '/')
			continue;
		rc = file_join(dir, name, &candidate, err);
		if (rc != CR_OK)
			break;
		if (access(candidate, X_OK) == 0)
			*out = TAKE(candidate);
		free(candidate);
		candidate = NULL;
	}
	free(dirs);
	return rc;
}

int
maps_open(const char *root, const struct cfg_list *reload, const struct clock *clock, struct maps **out,
          struct err *err)
{
	struct maps *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		return err_nomem(err, "maps");
	(void)pthread_mutex_init(&m->mutex, NULL);
	(void)pthread_cond_init(&m->finished, NULL);
	m->last = &m->first;
	m->reload = reload;
	m->clock = clock;
	m->root = strdup(root);
	rc = m->root != NULL ? CR_OK : err_nomem(err, "maps");
	if (rc == CR_OK)
		rc = file_join(root, ".lock", &m->lock_path, err);
	if (rc == CR_OK)
		rc = file_join(root, RELOAD_MARK, &m->reload_mark, err);
	for (size_t i = 0; i < MAP_FILE__COUNT && rc == CR_OK; i++)
		rc = file_join(root, files[i].name, &m->paths[i], err);
	if (rc == CR_OK)
		rc = find_program("postmap", &m->postmap, err);
	if (rc != CR_OK)
		maps_drop(&m);
	else
		*out = m;
	return rc;
}

void
maps_drop(struct maps **maps)
{
	struct maps *m = TAKE(*maps);

	if (m == NULL)
		return;
	assert(m->first == NULL && !m->writing);
	for (size_t i = 0; i < MAP_FILE__COUNT; i++)
		free(m->paths[i]);
	free(m->postmap);
	free(m->reload_mark);
	free(m->lock_path);
	free(m->root);
	(void)pthread_cond_destroy(&m->finished);
	(void)pthread_mutex_destroy(&m->mutex);
	free(m);
}

int
maps_read(const struct maps *m, enum map_file file, struct map *out, struct err *err)
{
	struct buf text = {.max_bytes = TABLE_MAX_BYTES};
	int rc = file_read(m->paths[file], TABLE_MAX_BYTES, &text, err);

	if (rc == CR_OK || rc == CR_ENOTFOUND)
		rc = map_parse(files[file].format, &text, out, err);
	buf_release(&text);
	return rc;
}

bool
maps_is_stale(const struct maps *m, enum map_file file)
{
	if (files[file].compiled)
		return m->postmap != NULL && compiled_is_older(m->paths[file]);
	if (files[file].signing)
		return m->reload->n > 0 && access(m->reload_mark, F_OK) == 0;
	return false;
}

static int
run_program(const struct maps *m, const char *const *argv, struct err *err)
{
	struct buf output = {.max_bytes = OUTPUT_MAX_BYTES};
	int status = 0;
	int rc;

	rc = proc_run(argv, NULL, m->clock, PROGRAM_DEADLINE_MS, &output, &status, err);
	/* The tables are written by now: no code of this may say that nothing was done. */
	if (rc == CR_ENOTFOUND)
		rc = err_set(err, CR_ECONFIG, "no program '%s'", argv[0]);
	else if (rc == CR_ERETRY)
		rc = err_set(err, CR_EIO, "'%s' was not done after %d s and was stopped", argv[0],
		             PROGRAM_DEADLINE_MS / 1000);
	else if (rc != CR_OK)
		rc = err_wrap(err, "%s", argv[0]);
	else if (status != 0)
		rc = err_set(err, CR_EIO, "%s: exit %d: %.*s", argv[0], status, (int)strcspn(buf_str(&output), "\n"),
		             buf_str(&output));
	buf_release(&output);
	return rc;
}

static int
run_reload(const struct maps *m, struct err *err)
{
	const char **argv = calloc(m->reload->n + 1, sizeof(*argv));
	int rc;

	if (argv == NULL)
		return err_nomem(err, "reload");
	for (size_t i = 0; i < m->reload->n; i++)
		argv[i] = m->reload->items[i];
	rc = run_program(m, argv, err);
	if (rc == CR_OK)
		rc = file_remove(m->reload_mark, err);
	free(argv);
	return rc;
}

/* Mode and owner stay those that the administrator gave the file. */
static void
mode_and_owner(const struct maps *m, enum map_file file, mode_t *mode, struct file_owner *owner)
{
	struct stat st;
	struct group group, *found = NULL;
	char text[4096];

	*mode = files[file].mode;
	*owner = FILE_OWNER_SELF;
	if (stat(m->paths[file], &st) == 0) {
		*mode = st.st_mode & 07777U;
		owner->uid = st.st_uid != geteuid() ? st.st_uid : owner->uid;
		owner->gid = st.st_gid != getegid() ? st.st_gid : owner->gid;
	} else if (files[file].group != NULL && geteuid() == 0 &&
	           getgrnam_r(files[file].group, &group, text, sizeof(text), &found) == 0 && found != NULL) {
		owner->gid = found->gr_gid;
	}
}

static int
compile_table(const struct maps *m, const char *path, const struct compiled *before, struct err *err)
{
	const char *const argv[] = {m->postmap, path, NULL};
	int rc = run_program(m, argv, err);

	return rc == CR_OK ? compiled_move_on(path, before, err) : rc;
}

/* Write one staged table, when it changed, and tell its reader. */
static int
store_table(const struct maps *m, enum map_file file, const struct map *map, struct err *err)
{
	struct buf text = {.max_bytes = TABLE_MAX_BYTES};
	const struct compiled before = compiled_when(m->paths[file]);
	struct file_owner owner;
	mode_t mode;
	int rc = CR_OK;

	if (map->changed) {
		map_render(map, &text);
		rc = buf_check(&text, m->paths[file], err);
		if (rc == CR_OK && files[file].compiled)
			rc = compiled_step_back(m->paths[file], &before, err);
		/* Before the table: a run that is cut off after it finds the mark. */
		if (rc == CR_OK && files[file].signing && m->reload->n > 0)
			rc = file_replace(m->reload_mark, "", 0, 0644, FILE_OWNER_SELF, err);
		mode_and_owner(m, file, &mode, &owner);
		if (rc == CR_OK)
			rc = file_replace(m->paths[file], buf_str(&text), text.len, mode, owner, err);
	}
	if (rc == CR_OK && files[file].compiled && m->postmap != NULL && (map->changed || maps_is_stale(m, file)))
		rc = compile_table(m, m->paths[file], &before, err);
	buf_release(&text);
	return rc;
}

/* All edits of one request or none.  Only lack of memory can stop it half-way, and that stops the whole group. */
static int
stage(const struct maps *m, const struct map_edits *edits, struct map *maps, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; i < edits->n; i++) {
		const struct map_edit *e = &edits->items[i];
		size_t len;

		if (e->change == MAP_ADD && map_get(&maps[e->file], e->key, &len) != NULL &&
		    !map_has(&maps[e->file], e->key, e->value))
			return err_set(err, CR_ECONFLICT, "%s: '%s' is there already, and not ours", m->paths[e->file],
			               e->key);
	}
	for (size_t i = 0; i < edits->n && rc == CR_OK; i++) {
		const struct map_edit *e = &edits->items[i];

		if (e->change != MAP_REMOVE)
			rc = map_set(&maps[e->file], e->key, e->value, err);
		else if (e->value == NULL || map_has(&maps[e->file], e->key, e->value))
			map_remove(&maps[e->file], e->key);
	}
	return rc;
}

static int
read_wanted(const struct maps *m, const struct request *group, bool wanted[MAP_FILE__COUNT],
            struct map maps[MAP_FILE__COUNT], struct err *err)
{
	int rc = CR_OK;

	for (const struct request *r = group; r != NULL; r = r->next)
		for (size_t i = 0; i < r->edits->n; i++)
			wanted[r->edits->items[i].file] = true;
	for (unsigned f = 0; f < MAP_FILE__COUNT && rc == CR_OK; f++) {
		if (!wanted[f])
			continue;
		file_sweep(m->paths[f]);
		rc = maps_read(m, (enum map_file)f, &maps[f], err);
	}
	return rc;
}

static int
store_wanted(const struct maps *m, bool reverse, const bool wanted[MAP_FILE__COUNT],
             const struct map maps[MAP_FILE__COUNT], struct err *err)
{
	bool reload = false;
	int rc = CR_OK;

	for (unsigned i = 0; i < MAP_FILE__COUNT && rc == CR_OK; i++) {
		unsigned f = reverse ? MAP_FILE__COUNT - 1 - i : i;

		if (!wanted[f])
			continue;
		rc = store_table(m, (enum map_file)f, &maps[f], err);
		reload |= maps_is_stale(m, (enum map_file)f) && files[f].signing;
	}
	if (rc == CR_OK && reload)
		rc = run_reload(m, err);
	return rc;
}

static int
make_open_dir(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	int rc;

	if (stat(path, &st) == 0)
		return CR_OK;
	rc = file_make_dirs(path, mode, err);
	if (rc == CR_OK && chmod(path, mode) != 0)
		rc = err_errno(err, CR_EIO, errno, path);
	return rc;
}

int
maps_make_dir(const struct maps *m, const char *name, mode_t mode, struct err *err)
{
	char *path = NULL;
	char *parent;
	int rc;

	rc = file_join(m->root, name, &path, err);
	if (rc != CR_OK)
		return rc;
	rc = make_open_dir(m->root, 0755, err);
	/* ROOT/opendkim before ROOT/opendkim/keys: only the last gets mode. */
	parent = strndup(path, (size_t)(strrchr(path, '/') - path));
	if (parent == NULL)
		rc = err_nomem(err, path);
	if (rc == CR_OK)
		rc = make_open_dir(parent, 0755, err);
	if (rc == CR_OK)
		rc = make_open_dir(path, mode, err);
	free(parent);
	free(path);
	return rc;
}

static int
make_dirs(const struct maps *m, struct err *err)
{
	static const char *const dirs[] = {"postfix", "dovecot", "opendkim"};
	int rc = CR_OK;

	for (size_t i = 0; i < ARRAY_LEN(dirs) && rc == CR_OK; i++)
		rc = maps_make_dir(m, dirs[i], 0755, err);
	return rc;
}

/* Do a whole group: one reading, one writing of each table.  Sets rc and err of every request. */
static void
write_group(struct maps *m, struct request *group)
{
	struct map maps[MAP_FILE__COUNT] = {0};
	bool wanted[MAP_FILE__COUNT] = {false};
	struct lock *lock = NULL;
	struct err err = {0};
	int rc;

	rc = make_dirs(m, &err);
	if (rc == CR_OK)
		rc = lock_open(m->lock_path, &lock, &err);
	if (rc == CR_OK)
		rc = lock_take(lock, m->clock, LOCK_DEADLINE_MS, "mail host tables", &err);
	if (rc == CR_OK)
		rc = read_wanted(m, group, wanted, maps, &err);
	/* main.cf names the table of refused senders from the first day: Postfix defers all mail while it is missing. */
	if (rc == CR_OK && access(m->paths[MAP_SENDERS], F_OK) != 0)
		wanted[MAP_SENDERS] = maps[MAP_SENDERS].changed = true;
	for (struct request *r = group; r != NULL && rc == CR_OK; r = r->next) {
		r->rc = stage(m, r->edits, maps, &r->err);
		if (r->rc == CR_ENOMEM) {
			rc = r->rc;
			err = r->err;
		}
	}
	if (rc == CR_OK)
		rc = store_wanted(m, group->reverse, wanted, maps, &err);
	/* A request that was refused alone keeps its own reason; the others share the fate of the writing. */
	for (struct request *r = group; r != NULL && rc != CR_OK; r = r->next)
		if (r->rc == CR_OK) {
			r->rc = rc;
			r->err = err;
		}
	lock_drop(&lock);
	for (size_t f = 0; f < MAP_FILE__COUNT; f++)
		map_release(&maps[f]);
}

/* Take all that wait and go the same way as the first, off the queue.  The others form the next group. */
static struct request *
take_group(struct maps *m)
{
	bool reverse = m->first->reverse;
	struct request *group = NULL, **tail = &group, **at = &m->first;

	while (*at != NULL) {
		struct request *r = *at;

		if (r->reverse != reverse) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->next = NULL;
		*tail = r;
		tail = &r->next;
	}
	m->last = at;
	return group;
}

int
maps_commit(struct maps *m, const struct map_edits *edits, bool reverse, struct err *err)
{
	struct request mine = {.edits = edits, .reverse = reverse};

	if (edits->n == 0)
		return CR_OK;
	(void)pthread_mutex_lock(&m->mutex);
	*m->last = &mine;
	m->last = &mine.next;
	while (!mine.done) {
		struct request *group, *next;

		if (m->writing) {
			(void)pthread_cond_wait(&m->finished, &m->mutex);
			continue;
		}
		m->writing = true;
		group = take_group(m);
		(void)pthread_mutex_unlock(&m->mutex);
		write_group(m, group);
		(void)pthread_mutex_lock(&m->mutex);
		m->writing = false;
		/* A request is gone with its owner's stack as soon as it is done and the mutex free: read next before. */
		for (; group != NULL; group = next) {
			next = group->next;
			group->done = true;
		}
		(void)pthread_cond_broadcast(&m->finished);
	}
	(void)pthread_mutex_unlock(&m->mutex);
	if (mine.rc != CR_OK && err != NULL)
		*err = mine.err;
	return mine.rc;
}
