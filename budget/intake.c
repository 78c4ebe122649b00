/*
 * intake.c - from bytes to what follows from them.
 */
#include "budget/intake.h"

#include <string.h>
#include <sysexits.h>

#include "budget/cmd.h"
#include "budget/maillog.h"
#include "budget/reading.h"
#include "budget/settings.h"
#include "budget/when.h"
#include "core/log.h"
#include "core/secret.h"

/* Of one transaction.  A mail with more recipients, which nobody of ours wrote to, must not keep the gate waiting for its turn. */
#define PIECE_NOTICES ((size_t)256)
/* What is told of a piece. */
#define LINES_MAX ((size_t)64 << 20)
#define TEXT_MAX  ((size_t)16 << 10)
/* A header field is looked for in as much of a mail. */
#define HEADER_LOOK ((size_t)64 << 10)

/* What is worked on between begin and commit. */
struct batch {
	struct intake *in;
	struct contain contain;
	struct buf lines;
	bool begun;
};

int
intake_open(struct intake *in, struct session *s, bool acts, bool dry_run, struct err *err)
{
	int rc = CR_OK;

	in->s = s;
	in->dry_run = dry_run;
	in->options.dry_run = dry_run;
	if (s->config_path != NULL || (acts && !dry_run))
		rc = session_config(s, err);
	if (rc == CR_OK)
		rc = settings_organisations(s, &in->organisations, err);
	if (rc == CR_OK)
		rc = settings_reactions(s, &in->reactions, err);
	in->options.organisations = &in->organisations;
	in->options.rules = &in->reactions;
	if (rc == CR_OK)
		rc = reply_rules_open(s->settings.reply_rules, &in->rules, err);
	in->acts = acts && (!dry_run || (s->config_path != NULL && session_has_store(s)));
	if (rc == CR_OK && acts && !in->acts)
		log_warn("no store: what would follow is not known");
	if (rc == CR_OK && in->acts)
		rc = session_store(s, dry_run ? DB_READ : DB_WRITE, err);
	return rc;
}

void
intake_release(struct intake *in)
{
	reply_rules_drop(&in->rules);
	organisations_release(&in->organisations);
}

/* ---- a transaction ---- */

static struct batch
batch_on(struct intake *in)
{
	struct batch b = {.in = in, .lines = {.max_bytes = LINES_MAX}};

	if (in->acts)
		b.contain = cmd_contain(in->s);
	return b;
}

/* Begun by the first that something may follow from: ordinary mail costs the store nothing. */
static int
batch_add(struct batch *b, struct reading *f, const char *source, const uint8_t content[32], struct err *err)
{
	struct react_event event = reading_event(f, source);
	struct react_result result = {.scope = "none"};
	int rc = CR_OK;

	memcpy(event.content, content, sizeof(event.content));
	if (b->in->acts && reading_counts(f)) {
		if (!b->in->dry_run && !b->begun) {
			if ((rc = db_begin(b->in->s->db, err)) != CR_OK)
				return rc;
			b->begun = true;
		}
		if ((rc = react_to(&b->contain, &b->in->options, &event, &result, err)) != CR_OK)
			return rc;
	}
	f->result = b->in->acts ? &result : NULL;
	f->dry_run = b->in->dry_run;
	if (b->in->s->json)
		reading_json(f, b->in->explains, &b->lines);
	else
		reading_text(f, b->in->s->out, &b->lines);
	f->result = NULL;
	return CR_OK;
}

static int
batch_end(struct batch *b, int rc, struct err *err)
{
	if (b->begun)
		rc = db_end(b->in->s->db, rc, err);
	b->begun = false;
	return rc;
}

static int
batch_print(struct batch *b, struct err *err)
{
	int rc = buf_check(&b->lines, "the lines of a mail", err);

	if (rc != CR_OK || b->lines.len == 0)
		return rc;
	if (fwrite(b->lines.data, 1, b->lines.len, b->in->s->out) != b->lines.len || fflush(b->in->s->out) != 0)
		return err_set(err, CR_EIO, "standard output cannot be written");
	return CR_OK;
}

/* ---- a mail ---- */

/* "Name:" at the beginning of one of the first lines; where there is none there is no mail. */
static bool
has_header_field(const char *data, size_t len, size_t lines)
{
	const char *end = data + (len < HEADER_LOOK ? len : HEADER_LOOK);

	for (const char *line = data; line < end && lines > 0; lines--) {
		const char *p = line, *next = memchr(line, '\n', (size_t)(end - line));

		while (p<end && * p> ' ' && *p < 0x7f && *p != ':')
			p++;
		if (p > line && p < end && *p == ':')
			return true;
		line = next != NULL ? next + 1 : end;
	}
	return false;
}

/* A mail that is being worked on. */
struct item {
	const char *source;
	const struct mail *mail;
	const struct bounce *bounce;
	const char *sender; /* NULL: as it says */
	int64_t happened_ms;
	uint8_t content[32];
};

static int
is_ours(struct intake *in, const char *address, bool *out, struct err *err)
{
	int64_t is = 0;
	int rc = db_get_int(in->s->db, "SELECT 1 FROM mailbox WHERE address = $1", DB_ARGS(db_text(address)), 0, &is,
	                    err);

	*out = is != 0;
	return rc;
}

/* A From may be another's; who is asked at the gate, and charged, is the sender of the envelope. */
static int
find_sender(struct intake *in, struct item *item, struct err *err)
{
	const struct bounce *b = item->bounce;
	bool ours = false;
	int rc;

	if (!in->acts || b->envelope[0] == '\0' || strcmp(b->envelope, b->sender) == 0)
		return CR_OK;
	rc = is_ours(in, b->sender, &ours, err);
	if (rc == CR_OK && !ours)
		rc = is_ours(in, b->envelope, &ours, err);
	else
		ours = false;
	item->sender = ours ? b->envelope : NULL;
	return rc;
}

static int
piece_in_batch(struct batch *b, const struct item *item, size_t from, size_t n, struct err *err)
{
	struct reading f;
	int rc = CR_OK;

	for (size_t i = from; i < n && i < from + PIECE_NOTICES && rc == CR_OK; i++) {
		reading_of_mail(b->in->rules, item->bounce, i, b->in->mailbox, &f);
		f.file = item->mail->name;
		f.number = item->mail->number;
		f.happened_ms = item->happened_ms;
		f.sender = item->sender != NULL ? item->sender : f.sender;
		rc = batch_add(b, &f, item->source, item->content, err);
	}
	return rc;
}

static int
item_in_pieces(struct batch *b, const struct item *item, struct err *err)
{
	const size_t n = item->bounce->n > 0 ? item->bounce->n : 1;
	int rc = CR_OK;

	for (size_t from = 0; from < n && rc == CR_OK; from += PIECE_NOTICES) {
		do {
			buf_clear(&b->lines);
			rc = batch_end(b, piece_in_batch(b, item, from, n, err), err);
		} while (rc == CR_ERETRY && b->in->acts && db_again(b->in->s->db));
		if (rc == CR_OK)
			rc = batch_print(b, err);
	}
	return rc;
}

int
intake_mail(struct intake *in, const char *source, const struct mail *m, struct err *err)
{
	struct batch b = batch_on(in);
	struct bounce *bounce = NULL;
	struct item item = {.source = source, .mail = m};
	int rc = bounce_read(m->data, m->len, &bounce, err);

	if (rc == CR_OK && bounce->kind == BOUNCE_NONE && in->explains && !has_header_field(m->data, m->len, 2)) {
		bounce_drop(&bounce);
		return intake_text(in, m->name, m->data, m->len, err);
	}
	if (rc == CR_OK && bounce->kind == BOUNCE_NONE && !has_header_field(m->data, m->len, SIZE_MAX))
		rc = err_set(err, CR_EPARSE, "%s: no mail", m->name);
	if (rc == CR_OK && in->acts)
		vault_hash(in->s->vault, "bounce", m->data, m->len, item.content, sizeof(item.content));
	item.bounce = bounce;
	item.happened_ms = when_of_mail(m->data, m->len);
	if (rc == CR_OK)
		rc = find_sender(in, &item, err);
	if (rc == CR_OK)
		rc = item_in_pieces(&b, &item, err);
	buf_release(&b.lines);
	bounce_drop(&bounce);
	return rc;
}

/* ---- words ---- */

int
intake_text(struct intake *in, const char *name, const char *text, size_t len, struct err *err)
{
	static const uint8_t none[32];
	struct batch b = batch_on(in);
	struct reading f;
	struct buf words = {.max_bytes = TEXT_MAX};
	size_t seen = 0;
	int rc;

	/* One line of it: a reply that was copied may be folded, and a NUL would end it. */
	for (size_t i = 0; i < len && i < TEXT_MAX - 1; i++) {
		const bool blank = (unsigned char)text[i] <= ' ';

		if (!blank || (words.len > 0 && words.data[words.len - 1] != ' '))
			buf_addc(&words, blank ? ' ' : text[i]);
		seen += !blank;
	}
	rc = buf_check(&words, "a reply", err);
	/* A program or a picture is no reply either. */
	if (rc == CR_OK && (seen == 0 || memchr(text, '\0', len) != NULL))
		rc = err_set(err, CR_EPARSE, "%s: there is nothing to read", name[0] != '\0' ? name : "the text");
	if (rc == CR_OK) {
		reading_of_text(in->rules, buf_str(&words), &f);
		f.file = name;
		rc = batch_add(&b, &f, "text", none, err);
	}
	if (rc == CR_OK)
		rc = batch_print(&b, err);
	buf_release(&b.lines);
	buf_release(&words);
	return rc;
}

/* ---- a log ---- */

static int
line_in_batch(struct batch *b, struct maillog *log, const char *name, const char *line, size_t len, struct err *err)
{
	struct maillog_event event;
	uint8_t content[32] = {0};
	struct reading f;

	if (!maillog_line(log, line, len, &event))
		return CR_OK;
	reading_of_log(b->in->rules, &event, b->in->mailbox, &f);
	f.file = name;
	f.happened_ms = when_of_line(line, len, clock_wall_ms(b->in->s->clock));
	if (b->in->acts)
		vault_hash(b->in->s->vault, "bounce", line, len, content, sizeof(content));
	return batch_add(b, &f, "log", content, err);
}

static int
lines_in_batch(struct batch *b, struct maillog *log, const char *name, const char *lines, size_t len, struct err *err)
{
	const char *end = lines + len;
	int rc = CR_OK;

	while (rc == CR_OK && lines < end) {
		const char *next = memchr(lines, '\n', (size_t)(end - lines));

		next = next != NULL ? next : end;
		rc = line_in_batch(b, log, name, lines, (size_t)(next - lines), err);
		lines = next < end ? next + 1 : end;
	}
	return rc;
}

int
intake_log(struct intake *in, struct maillog *log, const char *name, const char *lines, size_t len, struct err *err)
{
	struct batch b = batch_on(in);
	int rc;

	do {
		buf_clear(&b.lines);
		rc = batch_end(&b, lines_in_batch(&b, log, name, lines, len, err), err);
	} while (rc == CR_ERETRY && in->acts && db_again(in->s->db));
	if (rc == CR_OK)
		rc = batch_print(&b, err);
	buf_release(&b.lines);
	return rc;
}

/* ---- places ---- */

struct count {
	size_t mails, unread;
};

/* Of one file or mail: told, counted, and the rest goes on. */
static int
left_out(struct count *n, struct err *err)
{
	log_error("%s", err->text);
	*err = (struct err){0};
	n->unread++;
	return CR_OK;
}

static int
one_mail(struct intake *in, const struct mail *m, struct err *err)
{
	char source[512];

	(void)snprintf(source, sizeof(source), "mail:%s", m->name);
	if (m->cut)
		log_warn("%s: mail %lld is longer than %zu MB: its end is not read", m->name, (long long)m->number,
		         MAILS_MAIL_MAX >> 20);
	return intake_mail(in, source, m, err);
}

static int
one_place(struct intake *in, const char *path, struct count *n, struct err *err)
{
	struct mails *mails = NULL;
	struct mail m;
	bool more = true;
	const size_t before = n->mails + n->unread;
	int rc = mails_open(path, &mails, err);

	if (rc == CR_ENOTFOUND || rc == CR_EIO)
		return left_out(n, err);
	while (rc == CR_OK && more) {
		rc = mails_next(mails, &m, &more, err);
		if (rc == CR_EIO && strcmp(path, "-") != 0) {
			/* Of a directory, one file: the next call goes on behind it. */
			rc = left_out(n, err);
			more = mails_is_directory(mails);
		} else if (rc == CR_OK && more) {
			rc = one_mail(in, &m, err);
			n->mails += rc == CR_OK;
			if (rc == CR_EPARSE)
				rc = left_out(n, err);
		}
	}
	/* An empty directory is one in which nothing has come; an empty file is no mail. */
	if (rc == CR_OK && n->mails + n->unread == before && !mails_is_directory(mails)) {
		(void)err_set(err, CR_EPARSE, "%s: empty", path);
		rc = left_out(n, err);
	}
	mails_drop(&mails);
	return rc;
}

int
intake_places(struct intake *in, const char *const *paths, size_t n_paths, struct err *err)
{
	struct count n = {0};
	int rc = CR_OK;

	for (size_t i = 0; i < n_paths && rc == CR_OK; i++)
		rc = one_place(in, paths[i], &n, err);
	return rc != CR_OK ? rc : n.unread > 0 ? EX_DATAERR : 0;
}
