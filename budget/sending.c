/*
 * sending.c - addresses in one spelling (RFC 5952 s4, as inet_ntop(3) writes them), and the domains on them.
 */
#include "budget/sending.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ADDRESSES_MAX 64

static int
spell(const char *text, char out[INET6_ADDRSTRLEN], struct err *err)
{
	const int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	uint8_t bytes[sizeof(struct in6_addr)];

	if (inet_pton(family, text, bytes) != 1 || inet_ntop(family, bytes, out, INET6_ADDRSTRLEN) == NULL)
		return err_set(err, CR_EPARSE, "not an IP address: '%s'", text);
	return CR_OK;
}

int
sending_set(struct contain *c, const char *domain, const char *const *addresses, size_t n, struct err *err)
{
	char address[INET6_ADDRSTRLEN];
	struct domain_row d;
	int rc = domain_find(c->db, domain, &d, err);

	if (rc == CR_OK)
		rc = db_exec(c->db, "DELETE FROM domain_address WHERE domain = $1", DB_ARGS(db_text(d.name)), NULL,
		             err);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		rc = spell(addresses[i], address, err);
		if (rc == CR_OK)
			rc = db_exec(c->db,
			             "INSERT INTO domain_address (domain, address) VALUES ($1, $2) "
			             "ON CONFLICT DO NOTHING",
			             DB_ARGS(db_text(d.name), db_text(address)), NULL, err);
	}
	return rc;
}

int
sending_is(struct db *db, const char *domain, const char *const *addresses, size_t n, bool *out, struct err *err)
{
	int64_t known = 0, here = 0;
	int rc = db_get_int(db, "SELECT COUNT(*) FROM domain_address WHERE domain = $1", DB_ARGS(db_text(domain)), 0,
	                    &known, err);
	bool same = known <= (int64_t)n; /* one may be named twice */

	for (size_t i = 0; rc == CR_OK && same && i < n; i++) {
		char address[INET6_ADDRSTRLEN];

		rc = spell(addresses[i], address, err);
		if (rc == CR_OK)
			rc = db_get_int(db, "SELECT 1 FROM domain_address WHERE domain = $1 AND address = $2",
			                DB_ARGS(db_text(domain), db_text(address)), 0, &here, err);
		same = here == 1;
		here = 0;
	}
	if (rc == CR_OK)
		*out = same;
	return rc;
}

static bool
is_address_char(char c)
{
	return isxdigit((unsigned char)c) != 0 || c == ':';
}

/* 192.0.2.1 is not named by 192.0.2.10, nor by 10.192.0.2.1. */
static bool
names(const char *text, const char *address)
{
	const size_t len = strlen(address);

	for (const char *p = strcasestr(text, address); p != NULL; p = strcasestr(p + 1, address)) {
		bool before = p > text && (is_address_char(p[-1]) || p[-1] == '.');
		bool after = is_address_char(p[len]) || (p[len] == '.' && isdigit((unsigned char)p[len + 1]) != 0);

		if (!before && !after)
			return true;
	}
	return false;
}

static int
add_domains_on(struct db *db, const char *address, struct buf *names_out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(db, "SELECT domain FROM domain_address WHERE address = $1 ORDER BY domain",
	                  DB_ARGS(db_text(address)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		const char *name = db_col_text(rows, 0);
		bool there = false;

		for (size_t i = 0; !there && i < names_out->len; i += strlen(names_out->data + i) + 1)
			there = strcmp(names_out->data + i, name) == 0;
		if (!there)
			buf_add(names_out, name, strlen(name) + 1);
	}
	db_rows_drop(&rows);
	return rc;
}

int
sending_neighbours(struct db *db, const char *domain, const char *text, struct buf *names_out, struct err *err)
{
	char address[ADDRESSES_MAX][INET6_ADDRSTRLEN];
	struct db_rows *rows = NULL;
	bool named = false, more;
	size_t n = 0;
	int rc = db_query(db, "SELECT address FROM domain_address WHERE domain = $1 ORDER BY address",
	                  DB_ARGS(db_text(domain)), &rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more && n < ADDRESSES_MAX) {
		buf_copy_text(address[n], sizeof(address[n]), db_col_text(rows, 0));
		named = named || names(text, address[n]);
		n++;
	}
	db_rows_drop(&rows);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		if (!named || names(text, address[i]))
			rc = add_domains_on(db, address[i], names_out, err);
	}
	return rc == CR_OK ? buf_check(names_out, "domains on an address", err) : rc;
}
