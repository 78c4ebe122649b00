/*
 * wire.h - our own questions to the daemon, in the form of Postfix's: name=value lines and an empty line, both ways.
 *
 *   request=coldrelay_check    mailbox=, recipient=, message_id= (optional), dry_run=1 (optional), store= (optional)
 *   request=coldrelay_release  ticket=, store= (optional)
 *
 * The answer holds all of struct gate_answer by its members' names; or released=TICKET; or, in trouble, error=CODE (a word of
 * err_code_name) and message=.  store= names the store that is meant: a daemon of another one answers error=auth and spends
 * nothing, which a look at the answer could not bring about any more.
 */
#ifndef BUDGET_WIRE_H
#define BUDGET_WIRE_H

#include "budget/gate.h"
#include "core/buf.h"

#define WIRE_ANSWER_MAX 1536
#define WIRE_STORE_MAX  48

/* Names the file at path, whatever its path: device and inode.  False, and "": there is none. */
bool wire_store(const char *path, char out[WIRE_STORE_MAX]);

/* Errors: CR_EPARSE (a text that does not fit into a request: a line break, too long), CR_ENOMEM. */
MUST_CHECK int wire_write_check(const struct gate_request *q, const char *store, struct buf *out, struct err *err);
MUST_CHECK int wire_write_release(const char *ticket, const char *store, struct buf *out, struct err *err);

void wire_answer(const struct gate_answer *a, char out[WIRE_ANSWER_MAX]);
void wire_answer_released(const char *ticket, char out[WIRE_ANSWER_MAX]);
void wire_answer_trouble(int code, const char *text, char out[WIRE_ANSWER_MAX]);

struct wire_reply {
	int code; /* CR_OK, or the error that the daemon met */
	char text[ERR_TEXT_MAX];
	bool released; /* else gate holds, when code is CR_OK */
	struct gate_answer gate;
};
/* A whole answer with its empty line.  Unknown names are ignored; a missing one is an error.  Errors: CR_EPARSE. */
MUST_CHECK int wire_read(const char *text, size_t len, struct wire_reply *out, struct err *err);

#endif
