/*
 * db_log.c - SQLite writes its log as two small writes a page; here they are gathered and written once, before the sync.
 *
 * The gate's transactions touch many pages a little: at 64 admits the writes cost more than the sync they wait for.
 * What SQLite relies on stays as it is: it reads its own log through this file (gathered bytes are written before any read), publishes
 * frames to other connections only after xSync (synchronous=FULL), and puts the commit frame last, so that a write cut short never
 * holds it.  An error of the late write comes out of xSync, the call that may not fail silently; the transaction is then rolled back.
 * One thing is otherwise where its caller asks for it (db_log_later): frames are written and published, and synced by db_log_sync.
 * Sources: sqlite.org/c3ref/io_methods.html, sqlite.org/walformat.html (read 2026-11).
 */
#include "core/db_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "core/lazy.h"

#define AHEAD_BYTES  (2 * 1024 * 1024) /* a round waits for all of it, once in the life of a log */
#define OFTEN        64                /* syncs of one opener */
#define SHORT_BYTES  (192 * 1024)      /* of a log that begins; one-shots begin it afresh before it is as long */
#define HEADER_BYTES 32                /* of the log */
#define GATHER_BYTES (512 * 1024)
#define WRITE_BYTES  65536 /* os_unix.c takes at most 128 KB less one in one call */

#define CALLS(X) X(sqlite3_file_control) X(sqlite3_vfs_find) X(sqlite3_vfs_register)
LAZY_LIBRARY(log_calls, "libsqlite3.so.0", "libsqlite3-0", CALLS);
#define sqlite3_file_control log_calls.sqlite3_file_control
#define sqlite3_vfs_find     log_calls.sqlite3_vfs_find
#define sqlite3_vfs_register log_calls.sqlite3_vfs_register

/* The real file stands behind it, in the same memory. */
struct db_log {
	sqlite3_file base;
	sqlite3_file *real;
	char *gathered;   /* NULL: every write goes through */
	sqlite3_int64 at; /* where gathered belongs in the file */
	int len;
	sqlite3_int64 size; /* of the file when it was last looked at */
	unsigned syncs;
	bool later;         /* syncs of frames are somebody else's */
	_Atomic(bool) owed; /* such a one was left, and no sync has begun since */
	/*
	 * One sync at a time: the kernel tells a descriptor once that what was to be written is lost, so another thread's sync that
	 * comes second would say that all is well.
	 */
	pthread_mutex_t syncing;
	bool failed; /* a sync, and so each one from then on */
};

static const char zeros[WRITE_BYTES];
static sqlite3_vfs *under; /* SQLite's own */
static sqlite3_vfs vfs;
static pthread_once_t vfs_once = PTHREAD_ONCE_INIT;

/*
 * A sync of bytes inside the file is a third cheaper than one that makes the file longer.  Who syncs often writes zeros ahead, behind
 * the present end and nowhere else: the store's lock is held, and no frame is there.  Zeros are no frame either (walformat.html, the
 * salts), so a recovery ends at them.  If it cannot be done, the log grows as it would have.
 */
static void
write_ahead(struct db_log *f)
{
	const sqlite3_int64 end = f->at + f->len;
	const sqlite3_int64 goal = f->syncs >= OFTEN ? end + AHEAD_BYTES : f->at == 0 ? SHORT_BYTES : 0;

	if (end <= f->size || goal == 0)
		return;
	if (f->real->pMethods->xFileSize(f->real, &f->size) != SQLITE_OK || end <= f->size)
		return;
	for (; f->size < goal; f->size += WRITE_BYTES) {
		if (f->real->pMethods->xWrite(f->real, zeros, WRITE_BYTES, f->size) != SQLITE_OK)
			return;
	}
}

/* In order, the commit frame last. */
static int
flush(struct db_log *f)
{
	int rc = SQLITE_OK;

	if (f->len > 0)
		write_ahead(f);
	for (int done = 0; rc == SQLITE_OK && done < f->len; done += WRITE_BYTES) {
		int len = f->len - done < WRITE_BYTES ? f->len - done : WRITE_BYTES;

		rc = f->real->pMethods->xWrite(f->real, f->gathered + done, len, f->at + done);
	}
	f->len = 0;
	return rc;
}

static int
log_close(sqlite3_file *file)
{
	struct db_log *f = (struct db_log *)file;
	int rc = flush(f), closed = f->real->pMethods->xClose(f->real);

	(void)pthread_mutex_destroy(&f->syncing);
	free(f->gathered);
	f->gathered = NULL;
	return rc != SQLITE_OK ? rc : closed;
}

static int
log_read(sqlite3_file *file, void *to, int len, sqlite3_int64 at)
{
	struct db_log *f = (struct db_log *)file;
	int rc = flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xRead(f->real, to, len, at);
}

static int
log_write(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	struct db_log *f = (struct db_log *)file;
	int rc = SQLITE_OK;

	if (f->len > 0 && (at != f->at + f->len || len > GATHER_BYTES - f->len))
		rc = flush(f);
	if (rc != SQLITE_OK)
		return rc;
	if (f->gathered == NULL || len > GATHER_BYTES)
		return f->real->pMethods->xWrite(f->real, from, len, at);
	if (f->len == 0)
		f->at = at;
	memcpy(f->gathered + f->len, from, (size_t)len);
	f->len += len;
	return SQLITE_OK;
}

/*
 * A log that SQLite wants empty only loses its header: one of zeros is none (walformat.html), so that a recovery finds no frame, and the
 * commits that follow lie inside the file.  A long one goes.
 */
static int
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct db_log *f = (struct db_log *)file;
	int rc = flush(f);

	if (rc == SQLITE_OK && size == 0)
		rc = f->real->pMethods->xFileSize(f->real, &f->size);
	if (rc != SQLITE_OK)
		return rc;
	if (size == 0 && f->size >= HEADER_BYTES && f->size <= AHEAD_BYTES)
		return f->real->pMethods->xWrite(f->real, zeros, HEADER_BYTES, 0);
	f->size = 0; /* looked at again before the next write behind its end */
	return f->real->pMethods->xTruncate(f->real, size);
}

/* Of all that is written now; only_owed: unless none is owed. */
static int
sync_real(struct db_log *f, int flags, bool only_owed)
{
	int rc = SQLITE_OK;

	(void)pthread_mutex_lock(&f->syncing);
	if (f->failed)
		rc = SQLITE_IOERR_FSYNC;
	else if (atomic_exchange(&f->owed, false) || !only_owed)
		rc = f->real->pMethods->xSync(f->real, flags);
	f->failed = f->failed || rc != SQLITE_OK;
	(void)pthread_mutex_unlock(&f->syncing);
	return rc;
}

static int
log_sync(sqlite3_file *file, int flags)
{
	struct db_log *f = (struct db_log *)file;
	const bool is_header = f->at == 0 && f->len <= HEADER_BYTES;
	int rc = flush(f);

	f->syncs++;
	if (rc == SQLITE_OK && f->later && !is_header) {
		atomic_store(&f->owed, true);
		return SQLITE_OK;
	}
	return rc != SQLITE_OK ? rc : sync_real(f, flags, false);
}

static int
log_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct db_log *f = (struct db_log *)file;
	int rc = flush(f);

	return rc != SQLITE_OK ? rc : f->real->pMethods->xFileSize(f->real, size);
}

static int
log_lock(sqlite3_file *file, int level)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xLock(f->real, level);
}

static int
log_unlock(sqlite3_file *file, int level)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xUnlock(f->real, level);
}

static int
log_reserved(sqlite3_file *file, int *out)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xCheckReservedLock(f->real, out);
}

static int
log_control(sqlite3_file *file, int op, void *arg)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xFileControl(f->real, op, arg);
}

static int
log_sector(sqlite3_file *file)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xSectorSize(f->real);
}

static int
log_device(sqlite3_file *file)
{
	struct db_log *f = (struct db_log *)file;

	return f->real->pMethods->xDeviceCharacteristics(f->real);
}

/* Version 1: a log is neither mapped nor shared by this interface, its index is a part of the database's file. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_reserved,
	.xFileControl = log_control,
	.xSectorSize = log_sector,
	.xDeviceCharacteristics = log_device,
};

/*
 * Who finds a log empty syncs its directory before anything is written to it, so whoever finds something in it need not: SQLite, which
 * makes no difference between a log that it makes and one that it might have made, would do so at the first commit of every process.
 */
static int
open_real(struct db_log *f, sqlite3_filename name, int flags, int *flags_out)
{
	int rc = under->xOpen(under, name, f->real, flags & ~SQLITE_OPEN_CREATE, flags_out);

	if (rc == SQLITE_OK && f->real->pMethods->xFileSize(f->real, &f->size) == SQLITE_OK && f->size > 0)
		return SQLITE_OK;
	if (rc == SQLITE_OK)
		(void)f->real->pMethods->xClose(f->real);
	rc = under->xOpen(under, name, f->real, flags, flags_out);
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_CREATE) != 0)
		rc = f->real->pMethods->xSync(f->real, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	if (rc != SQLITE_OK && f->real->pMethods != NULL)
		(void)f->real->pMethods->xClose(f->real);
	return rc;
}

static int
vfs_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *file, int flags, int *flags_out)
{
	struct db_log *f = (struct db_log *)file;
	int rc;

	(void)self;
	if ((flags & SQLITE_OPEN_WAL) == 0)
		return under->xOpen(under, name, file, flags, flags_out);
	memset(f, 0, sizeof(*f));
	f->real = (sqlite3_file *)(f + 1);
	rc = open_real(f, name, flags, flags_out);
	if (rc != SQLITE_OK)
		return rc; /* pMethods stays NULL: nothing to close */
	(void)pthread_mutex_init(&f->syncing, NULL);
	f->base.pMethods = &methods;
	f->gathered = malloc(GATHER_BYTES);
	return SQLITE_OK;
}

static void
make_vfs(void)
{
	if (lazy_need(&log_calls_lazy, NULL) != CR_OK)
		return;
	under = sqlite3_vfs_find(NULL);
	if (under == NULL)
		return;
	/* SQLite's own methods find what they need in the copy as they would in the original. */
	vfs = *under;
	vfs.zName = "coldrelay";
	vfs.pNext = NULL;
	vfs.szOsFile = under->szOsFile + (int)sizeof(struct db_log);
	vfs.xOpen = vfs_open;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK)
		under = NULL;
}

const char *
db_log_vfs(void)
{
	(void)pthread_once(&vfs_once, make_vfs);
	return under != NULL ? vfs.zName : NULL;
}

struct db_log *
db_log_of(sqlite3 *handle)
{
	sqlite3_file *file = NULL;

	/* In WAL mode "the journal" is the log. */
	if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods != &methods)
		return NULL;
	return (struct db_log *)file;
}

void
db_log_later(struct db_log *log, bool later)
{
	log->later = later;
}

/* All that is gathered was written by the commit that left its sync; SQLite's own xSync then only hands its descriptor to the kernel. */
int
db_log_sync(struct db_log *log)
{
	return sync_real(log, SQLITE_SYNC_NORMAL, true);
}

/* Zeros behind the end, as write_ahead does a little of; all of them, or none. */
void
db_log_stretch(struct db_log *f, sqlite3_int64 bytes)
{
	const sqlite3_io_methods *real = f->real->pMethods;
	sqlite3_int64 before;

	if (f->len > 0 || real->xFileSize(f->real, &before) != SQLITE_OK)
		return;
	for (f->size = before; f->size < bytes; f->size += WRITE_BYTES) {
		if (real->xWrite(f->real, zeros, WRITE_BYTES, f->size) == SQLITE_OK)
			continue;
		(void)real->xTruncate(f->real, before);
		f->size = before;
		return;
	}
	/* Nothing rests on it but time; an error that the kernel tells of here, it tells nobody else: it sticks, and the next commit fails. */
	(void)sync_real(f, SQLITE_SYNC_NORMAL, false);
}
