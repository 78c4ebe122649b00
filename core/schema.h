/*
 * schema.h - the tables of an installation, as migrations.  The one place to see the data model.
 */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "core/db.h"

extern const struct db_schema schema_coldrelay;

#endif
