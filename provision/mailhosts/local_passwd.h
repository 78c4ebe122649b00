/*
 * local_passwd.h - passwords as Dovecot stores them: "{SHA512-CRYPT}$6$salt$hash".
 */
#ifndef PROVISION_MAILHOSTS_LOCAL_PASSWD_H
#define PROVISION_MAILHOSTS_LOCAL_PASSWD_H

#include "core/buf.h"
#include "core/secret.h"

#include <stdbool.h>

/* Append the hash of password under a new salt.  Milliseconds of work.  Errors: CR_ENOMEM, CR_EIO (libcrypt without SHA-512). */
MUST_CHECK int passwd_hash(const struct secret *password, struct buf *out, struct err *err);
/* Does field (len bytes, scheme included) belong to password? Another scheme is a no.  Errors: CR_ENOMEM. */
MUST_CHECK int passwd_verify(const char *field, size_t len, const struct secret *password, bool *same_out,
                             struct err *err);

#endif
