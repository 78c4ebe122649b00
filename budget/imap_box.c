/*
 * imap_box.c - EXAMINE, UID SEARCH, UID FETCH: what is new in a folder, each mail once.
 *
 * Sources: RFC 3501 s6.3.2 (EXAMINE), s6.4.4, s6.4.8 (UID), s2.3.1.1 (UIDVALIDITY), s7.1 (codes); RFC 5530 s3 (EXPUNGEISSUED).
 *
 * Invariants
 *   - A mail is asked for by BODY.PEEK[]<0.N>: an honest server sends N bytes at most, and one that sends more is left.
 *   - Time is counted while the server is waited for, not while a mail is worked on.  A server that drips is left as well as a silent one.
 *   - Answers may come in any order, several times, or not at all; place moves over what was taken without a gap.
 */
#include "budget/imap_box.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "budget/imap_wire.h"
#include "core/buf.h"
#include "core/list.h"

#define LINE_MAX_BYTES ((size_t)16 << 20) /* a SEARCH of one and a half million mails */
#define CHUNK_BYTES    16384
#define SLOWEST        16   /* bytes a millisecond, on the whole, of a server that sends */
#define MAIL_AROUND    4096 /* bytes of an answer around its mail, more than enough */
#define LOGOUT_MS      2000 /* to say goodbye */
#define FOLDER_MAX     1000

struct uids {
	uint32_t *items;
	size_t n, cap;
};

/* One reading. */
struct talk {
	const struct imap_box *b;
	struct imap_place *place;
	struct buf in; /* bytes that came and were not looked at; the first `done` of them were */
	size_t done;
	char *chunk;
	unsigned commands;
	char tag[IMAP_TAG_MAX];
	int64_t waited_ms; /* for the answer of the present command */
	int64_t bytes;     /* of it */
	uint32_t validity; /* said by EXAMINE */
	uint32_t exists;
	struct uids uids;
	/* the batch that is asked for */
	const uint32_t *batch;
	size_t n_batch, n_taken; /* the first n_taken have no gap */
	bool taken[IMAP_BATCH];
};

static int
more_bytes(struct talk *t, struct err *err)
{
	int64_t limit_ms = t->b->timeout_ms + t->bytes / SLOWEST, began_ms = clock_boot_ms(t->b->clock);
	int64_t wait_ms = limit_ms - t->waited_ms;
	size_t n = 0;
	int rc;

	if (wait_ms <= 0)
		return err_set(err, CR_ERETRY, "the server is too slow: %lld bytes in %lld s", (long long)t->bytes,
		               (long long)(t->waited_ms / 1000));
	if (wait_ms > t->b->timeout_ms)
		wait_ms = t->b->timeout_ms;
	rc = t->b->link->recv(t->b->link, t->chunk, CHUNK_BYTES, wait_ms, &n, err);
	t->waited_ms += clock_boot_ms(t->b->clock) - began_ms;
	if (rc != CR_OK)
		return rc;
	t->bytes += (int64_t)n;
	if ((uint64_t)t->bytes > LINE_MAX_BYTES + (uint64_t)IMAP_BATCH * (t->b->mail_max + MAIL_AROUND))
		return err_set(err, CR_EPARSE, "the server sends more than was asked for");
	buf_add(&t->in, t->chunk, n);
	return buf_check(&t->in, "answer of the server", err);
}

/* Throw away what was looked at; the memory stays. */
static void
forget_done(struct talk *t)
{
	if (t->done == 0 || t->in.data == NULL)
		return;
	memmove(t->in.data, t->in.data + t->done, t->in.len - t->done);
	t->in.len -= t->done;
	t->done = 0;
}

/* The next answer; borrowed until the next call. */
static int
next_answer(struct talk *t, struct imap_answer *out, struct err *err)
{
	struct imap_measure m = {0};
	bool whole = false;
	int rc;

	/* Not for each answer of a chunk: many small ones would move the rest many times. */
	if (t->done == t->in.len || t->done > CHUNK_BYTES)
		forget_done(t);
	for (;;) {
		rc = imap_measure(&m, t->in.data != NULL ? t->in.data + t->done : "", t->in.len - t->done,
		                  LINE_MAX_BYTES, t->b->mail_max + 1, &whole, err);
		if (rc != CR_OK || whole)
			break;
		forget_done(t);
		rc = more_bytes(t, err);
		if (rc != CR_OK)
			return rc;
	}
	if (rc == CR_OK)
		rc = imap_parse(t->in.data + t->done, m.at, out, err);
	t->done += m.at;
	return rc;
}

static int
ask(struct talk *t, struct buf *line, const char *what, struct err *err)
{
	int rc = buf_check(line, what, err);

	t->waited_ms = t->bytes = 0;
	return rc == CR_OK ? t->b->link->send(t->b->link, line->data, line->len, t->b->timeout_ms, err) : rc;
}

static void
begin_command(struct talk *t, struct buf *line)
{
	(void)snprintf(t->tag, sizeof(t->tag), "C%u", ++t->commands);
	buf_clear(line);
	buf_addf(line, "%s ", t->tag);
}

/* A "no" is temporary unless it says otherwise: nothing is skipped because a server has a bad day. */
static int
refused(const struct imap_answer *a, const char *what, struct err *err)
{
	int code = a->word == IMAP_BAD ? CR_EPARSE : CR_ERETRY;

	return err_set(err, code, "%s was refused: %.*s", what, (int)(a->text_len < 200 ? a->text_len : 200), a->text);
}

/*
 * Read answers up to the command's own, handing the others to each.  Errors: each's; CR_ERETRY, CR_EPARSE.
 */
static int
answers(struct talk *t, const char *what, int (*each)(struct talk *t, const struct imap_answer *a, struct err *err),
        struct imap_answer *last_out, struct err *err)
{
	struct imap_answer a;
	int rc;

	while ((rc = next_answer(t, &a, err)) == CR_OK) {
		if (a.word == IMAP_BYE)
			return err_set(err, CR_ERETRY, "%s: the server ends it: %.*s", what,
			               (int)(a.text_len < 200 ? a.text_len : 200), a.text);
		if (a.word == IMAP_CONTINUE)
			return err_set(err, CR_EPARSE, "%s: the server waits for more, and there is none", what);
		if (a.tag[0] == '\0') {
			rc = each(t, &a, err);
			if (rc != CR_OK)
				return rc;
			continue;
		}
		if (strcmp(a.tag, t->tag) != 0)
			return err_set(err, CR_EPARSE, "%s: the server answers '%s', which was not asked", what, a.tag);
		*last_out = a;
		return CR_OK;
	}
	return rc;
}

static int
on_examine(struct talk *t, const struct imap_answer *a, struct err *err)
{
	(void)err;
	if (a->uidvalidity != 0)
		t->validity = a->uidvalidity;
	if (a->word == IMAP_EXISTS)
		t->exists = a->number;
	return CR_OK;
}

/* Printable ASCII: what is not, servers spell in modified UTF-7. */
static int
add_folder(struct buf *line, const char *folder, struct err *err)
{
	size_t len = strlen(folder);

	if (len == 0 || len > FOLDER_MAX)
		return err_set(err, CR_ECONFIG, "folder: 1 to %d bytes", FOLDER_MAX);
	buf_addc(line, '"');
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)folder[i] < ' ' || (unsigned char)folder[i] > '~')
			return err_set(err, CR_ECONFIG, "folder '%s': written in modified UTF-7, as the server has it",
			               folder);
		if (folder[i] == '"' || folder[i] == '\\')
			buf_addc(line, '\\');
		buf_addc(line, folder[i]);
	}
	buf_adds(line, "\"\r\n");
	return CR_OK;
}

/* RFC 5530 s3.  Dovecot 2.3 gives no code with a folder that is not there. */
static bool
is_for_now(const struct imap_answer *a)
{
	static const char *const codes[] = {"UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "CONTACTADMIN"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (imap_has_code(a, codes[i]))
			return true;
	return false;
}

static int
examine(struct talk *t, struct buf *line, struct err *err)
{
	struct imap_answer a;
	int rc;

	begin_command(t, line);
	buf_adds(line, "EXAMINE ");
	rc = add_folder(line, t->b->folder, err);
	if (rc == CR_OK)
		rc = ask(t, line, "EXAMINE", err);
	if (rc == CR_OK)
		rc = answers(t, "EXAMINE", on_examine, &a, err);
	if (rc != CR_OK)
		return rc;
	if (a.word == IMAP_NO && !is_for_now(&a))
		return err_set(err, CR_ENOTFOUND, "folder '%s': %.*s", t->b->folder,
		               (int)(a.text_len < 200 ? a.text_len : 200), a.text);
	if (a.word != IMAP_OK)
		return refused(&a, "EXAMINE", err);
	/* RFC 3501 s2.3.1.1: without it UIDs mean nothing tomorrow. */
	if (t->validity == 0)
		return err_set(err, CR_EPARSE, "the server tells no UIDVALIDITY of folder '%s'", t->b->folder);
	if (t->validity != t->place->validity)
		*t->place = (struct imap_place){.validity = t->validity};
	return CR_OK;
}

static int
add_uid(struct uids *u, uint32_t uid, struct err *err)
{
	uint32_t *items = list_grow(u->items, u->n, &u->cap, sizeof(*items));

	if (items == NULL)
		return err_nomem(err, "list of mails");
	u->items = items;
	u->items[u->n++] = uid;
	return CR_OK;
}

static int
on_search(struct talk *t, const struct imap_answer *a, struct err *err)
{
	const char *text = a->text;
	size_t len = a->text_len;
	uint32_t uid;
	int rc;

	if (a->word != IMAP_SEARCH)
		return CR_OK;
	/* n:* names the last mail even when it is before n (RFC 3501 s6.4.8). */
	while ((rc = imap_next_number(&text, &len, &uid, err)) == CR_OK && uid != 0) {
		/* In more lines than one a liar could go on for ever. */
		if (t->uids.n >= LINE_MAX_BYTES / 2)
			return err_set(err, CR_EPARSE, "an answer to SEARCH that does not end");
		if (uid > t->place->last && (rc = add_uid(&t->uids, uid, err)) != CR_OK)
			return rc;
	}
	return rc;
}

static int
by_uid(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static int
search(struct talk *t, struct buf *line, struct err *err)
{
	struct imap_answer a;
	size_t kept = 0;
	int rc;

	begin_command(t, line);
	buf_addf(line, "UID SEARCH UID %lu:*\r\n", (unsigned long)t->place->last + 1);
	rc = ask(t, line, "SEARCH", err);
	if (rc == CR_OK)
		rc = answers(t, "SEARCH", on_search, &a, err);
	if (rc != CR_OK)
		return rc;
	if (a.word != IMAP_OK)
		return refused(&a, "SEARCH", err);
	if (t->uids.n > 0)
		qsort(t->uids.items, t->uids.n, sizeof(*t->uids.items), by_uid);
	for (size_t i = 0; i < t->uids.n; i++)
		if (kept == 0 || t->uids.items[i] != t->uids.items[kept - 1])
			t->uids.items[kept++] = t->uids.items[i];
	t->uids.n = kept;
	if (t->b->newest > 0 && kept > t->b->newest) {
		memmove(t->uids.items, t->uids.items + kept - t->b->newest, t->b->newest * sizeof(*t->uids.items));
		t->uids.n = t->b->newest;
	}
	return CR_OK;
}

/* Mail i of the batch is over: place moves on over it and all before it, if these are. */
static void
settle(struct talk *t, size_t i)
{
	t->taken[i] = true;
	while (t->n_taken < t->n_batch && t->taken[t->n_taken])
		t->place->last = t->batch[t->n_taken++];
}

static int
on_fetch(struct talk *t, const struct imap_answer *a, struct err *err)
{
	const uint32_t *found;
	size_t i;
	int rc;

	/* The flags of a mail may be told at any time. */
	if (a->word != IMAP_FETCH || a->uid == 0 || a->body == NULL)
		return CR_OK;
	found = bsearch(&a->uid, t->batch, t->n_batch, sizeof(*t->batch), by_uid);
	if (found == NULL)
		return CR_OK;
	i = (size_t)(found - t->batch);
	if (t->taken[i])
		return CR_OK;
	if (a->body_len > t->b->mail_max)
		rc = t->b->skipped(t->b->arg, a->uid, err);
	else
		rc = t->b->got(t->b->arg, a->uid, a->body, a->body_len, err);
	if (rc == CR_OK)
		settle(t, i);
	return rc;
}

static int
fetch_batch(struct talk *t, struct buf *line, struct err *err)
{
	struct imap_answer a;
	int rc;

	begin_command(t, line);
	buf_adds(line, "UID FETCH ");
	for (size_t i = 0; i < t->n_batch; i++)
		buf_addf(line, "%s%lu", i > 0 ? "," : "", (unsigned long)t->batch[i]);
	buf_addf(line, " (UID BODY.PEEK[]<0.%zu>)\r\n", t->b->mail_max + 1);
	rc = ask(t, line, "FETCH", err);
	if (rc == CR_OK)
		rc = answers(t, "FETCH", on_fetch, &a, err);
	if (rc != CR_OK)
		return rc;
	if (a.word != IMAP_OK && !(a.word == IMAP_NO && imap_has_code(&a, "EXPUNGEISSUED")))
		return refused(&a, "FETCH", err);
	/* What did not come is gone: somebody deleted it since. */
	for (size_t i = 0; i < t->n_batch; i++)
		settle(t, i);
	return CR_OK;
}

static int
fetch_all(struct talk *t, struct buf *line, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < t->uids.n; i += t->n_batch) {
		t->batch = t->uids.items + i;
		t->n_batch = t->uids.n - i < IMAP_BATCH ? t->uids.n - i : IMAP_BATCH;
		t->n_taken = 0;
		memset(t->taken, 0, sizeof(t->taken));
		rc = fetch_batch(t, line, err);
		if (rc == CR_OK)
			rc = t->b->keep(t->b->arg, t->place, err);
	}
	return rc;
}

/* A server that hears no LOGOUT keeps the connection for minutes.  What it answers, if at all, changes nothing. */
static void
log_out(struct talk *t, struct buf *line)
{
	begin_command(t, line);
	buf_adds(line, "LOGOUT\r\n");
	if (buf_check(line, "LOGOUT", NULL) == CR_OK)
		(void)t->b->link->send(t->b->link, line->data, line->len, LOGOUT_MS, NULL);
}

int
imap_box_read(const struct imap_box *b, struct imap_place *place, struct err *err)
{
	struct talk t = {.b = b, .place = place, .in = {.max_bytes = LINE_MAX_BYTES + b->mail_max + 4 * CHUNK_BYTES}};
	struct buf line = {0};
	int rc;

	t.chunk = malloc(CHUNK_BYTES);
	if (t.chunk == NULL)
		return err_nomem(err, "imap");
	rc = examine(&t, &line, err);
	if (rc == CR_OK && t.exists > 0 && place->last < UINT32_MAX) {
		rc = search(&t, &line, err);
		if (rc == CR_OK)
			rc = fetch_all(&t, &line, err);
	}
	if (rc == CR_OK)
		log_out(&t, &line);
	free(t.uids.items);
	free(t.chunk);
	buf_release(&line);
	buf_release(&t.in);
	return rc;
}
