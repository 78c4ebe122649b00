/*
 * zonetext.h - RFC 1035 master files, read and written.
 */
#ifndef DNS_ZONETEXT_H
#define DNS_ZONETEXT_H

#include "dns/record.h"

#define ZONETEXT_MAX_BYTES ((size_t)64 << 20)

/*
 * Read a master file: $ORIGIN, $TTL, parentheses, quoted strings, ';' comments, omitted owner/TTL/class, BIND TTL units.
 * $INCLUDE and $GENERATE are refused.  origin: canonical.  Errors: CR_EPARSE "FILE:LINE: text".
 */
MUST_CHECK int zonetext_read(const char *text, size_t len, const char *file, const char *origin, struct records *out,
                             struct err *err);

/* Write: SOA first, then canonical order, owners absolute, one record a line. head: comment lines put on top, may be NULL. */
MUST_CHECK int zonetext_write(const struct records *records, const char *origin, const char *head, struct buf *out,
                              struct err *err);

#endif
