/*
 * once.c - the least a durable decision in a process of its own can be: open a SQLite file, one transaction, exit.
 *
 *   once FILE       as coldrelay keeps its store: WAL, synchronous FULL, no checkpoint on close
 *   once FILE make  makes the file
 *
 * The log is written back past 4,000 pages, as coldrelay's one-shot does: each opening has to read it.
 */
#include <sqlite3.h>
#include <stdio.h>

#define LOG_PAGES 4000

static sqlite3 *db;

static int
run(const char *sql)
{
	char *why = NULL;
	const int rc = sqlite3_exec(db, sql, NULL, NULL, &why);

	if (rc != SQLITE_OK)
		(void)fprintf(stderr, "once: %s\n", why);
	sqlite3_free(why);
	return rc;
}

/* After the commit. */
static int
log_grown(void *arg, sqlite3 *d, const char *name, int pages)
{
	(void)arg;
	return pages > LOG_PAGES ? sqlite3_wal_checkpoint_v2(d, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL)
	                         : SQLITE_OK;
}

int
main(int argc, char **argv)
{
	if (argc < 2 || sqlite3_open(argv[1], &db) != SQLITE_OK)
		return 1;
	if (sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) != SQLITE_OK)
		return 1;
	(void)sqlite3_wal_hook(db, log_grown, NULL);
	if (argc == 3 && run("PRAGMA journal_mode = WAL; CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID;"
	                     "INSERT INTO t VALUES ('bench', 0)") != SQLITE_OK)
		return 1;
	if (run("PRAGMA synchronous = FULL; UPDATE t SET v = v + 1 WHERE k = 'bench'") != SQLITE_OK)
		return 1;
	return sqlite3_close(db) != SQLITE_OK;
}
