/*
 * authres_scan.h - the words of an Authentication-Results value: for authres.c alone.
 */
#ifndef DNS_AUTHRES_SCAN_H
#define DNS_AUTHRES_SCAN_H

#include "dns/taglist.h"

#include <stdbool.h>
#include <stddef.h>

struct authres_scan {
	const char *at, *end;
	char *room; /* where words are kept: twice the value and a little, since every word costs at least one byte of it */
	size_t used, size;
	const char *comment; /* the first since it was set to NULL, without its brackets */
	bool broken;         /* an open comment or quote, a bracket too many, a byte that no header field has */
};

/* Over blanks, folding and comments (RFC 5322 s3.2.2 CFWS); true when there were any. */
bool authres_scan_cfws(struct authres_scan *s);
/* The byte c, if it is the next. */
bool authres_scan_char(struct authres_scan *s, char c);
/* Letters, digits, '-' and '_', in lower case; NULL when there is none.  plain_out: false for a '_', which RFC 5321's Keyword lacks. */
const char *authres_scan_keyword(struct authres_scan *s, bool *plain_out);
/*
 * What stands up to a blank, ';' or '(', quoted parts read and their quotes taken off; "" when nothing does.  plain_out: it is a token,
 * one quoted string, or a mailbox, as the grammar wants.
 */
const char *authres_scan_value(struct authres_scan *s, bool *plain_out);
/* To the next ';' outside quotes and comments. */
void authres_scan_skip(struct authres_scan *s);
/* At a ';', or at the end. */
bool authres_scan_is_end(const struct authres_scan *s);

#endif
