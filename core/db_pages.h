/*
 * db_pages.h - SQLite's page cache and heap, set up for a process that is ours.
 */
#ifndef CORE_DB_PAGES_H
#define CORE_DB_PAGES_H

/*
 * Before the first connection of the process; again: nothing happens.  Best effort: where SQLite runs already it stays as it is, only slower.
 * In a program of somebody else's, that links the gate, it does nothing: SQLite is not ours to set there.
 */
void db_pages_setup(void);

#endif
