/*
 * verify_after.h - the look at what was published that ends a run of provision.
 */
#ifndef PROVISION_VERIFY_AFTER_H
#define PROVISION_VERIFY_AFTER_H

#include "provision/run.h"

/*
 * Of the domains that the run did: is what was written visible at the servers that serve it?  Told on standard error; never a failure of
 * the run, since what is done is done.  Only the check_server of a zone is asked: a resolver that is asked too early remembers that
 * there was nothing, and tells so for hours (RFC 2308).  Errors: CR_ENOMEM, CR_EIO.
 */
MUST_CHECK int verify_after(struct run *r, struct err *err);

#endif
