/*
 * imap_servers.h - the `imap` list of the configuration: which server has which mailbox, and how one logs in there.
 */
#ifndef BUDGET_IMAP_SERVERS_H
#define BUDGET_IMAP_SERVERS_H

#include "core/cfg.h"
#include "core/imap_curl.h"
#include "core/session.h"

extern const struct cfg_row imap_rows[];
extern const size_t imap_rows_n;

struct imap_server {
	char *host;
	int64_t port;
	char *tls_name;
	enum imap_tls tls;
	char *ca_file;
	struct cfg_list mailboxes; /* canonical addresses and domains; none: whatever no other server names */
	char *user;                /* NULL: the mailbox's address */
	char *password;            /* reference; NULL: the one that provisioning made */
	struct cfg_list folders;
	int64_t mail_max;
};

struct imap_servers {
	struct imap_server *items;
	size_t n;
};
void imap_servers_release(struct imap_servers *s);

/* Faults become findings of s->cfg.  Before session_findings.  Errors: session_read's, CR_ENOMEM. */
MUST_CHECK int imap_servers_read(struct session *s, struct imap_servers *out, struct err *err);

/* The server that names the address, else its domain, else the first that names none; NULL: no server has it. */
const struct imap_server *imap_servers_find(const struct imap_servers *s, const char *address);

/* Is name this address, or its domain? */
bool imap_is_named(const char *name, const char *address);

/*
 * What opens the mailbox; the caller drops it.  Errors: CR_ENOTFOUND (none was made here, and none is configured), CR_ECONFIG (a
 * reference that leads nowhere), CR_ESTORE.
 */
MUST_CHECK int imap_password(const struct session *s, const struct imap_server *server, const char *address,
                             struct secret **out, struct err *err);

#endif
