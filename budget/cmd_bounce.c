/*
 * cmd_bounce.c - bounces, complaints and answers from mails or from Postfix's log, and what follows from them.
 *
 * Exit codes are those that pipe(8) of Postfix acts upon: 75 keeps the mail in the queue, so a store in trouble loses nothing.
 */
#include "budget/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "budget/intake.h"
#include "budget/intake_imap.h"
#include "budget/maillog.h"
#include "core/log.h"

#define LOG_CHUNK ((size_t)64 << 10)
#define FOLLOW_MS 250

static const char usage[] = "bounce [FILE...] [--dry-run] [--mailbox ADDRESS] [--pipe] | bounce --log FILE [--follow]"
			    " | bounce --imap [MAILBOX...]";

static struct {
	const char *mailbox, *log;
	bool dry_run, follow, pipe, imap;
} args;

static const struct opt opts[] = {
	{"dry-run", 'n', OPT_FLAG, &args.dry_run, 0, 0, NULL,      "say what would follow, and do nothing"                    },
	{"mailbox", 0,   OPT_TEXT, &args.mailbox, 0, 0, "ADDRESS", "which mailbox had sent, where a mail does not tell"       },
	{"pipe",    0,   OPT_FLAG, &args.pipe,    0, 0, NULL,
         "as Postfix's pipe(8) calls it: exit 75 for every trouble, 0 for what is no mail"                                    },
	{"log",     0,   OPT_TEXT, &args.log,     0, 0, "FILE",    "read Postfix's log in place of mails; `-': standard input"},
	{"follow",  0,   OPT_FLAG, &args.follow,  0, 0, NULL,
         "with --log: go on with what is written later, until SIGTERM"                                                        },
	{"imap",    0,   OPT_FLAG, &args.imap,    0, 0, NULL,
         "read what is new in mailboxes over IMAP: those named, by address or domain, or all"                                 },
};

void
cmd_bounce_help(FILE *to)
{
	opt_help(opts, ARRAY_LEN(opts), to);
}

/* ---- a log ---- */

struct tail {
	const char *path;
	int fd;
	ino_t inode;
	bool renamed; /* and read once more since */
	off_t at;
	char *bytes;
	size_t len;
};

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void
tail_close(struct tail *t)
{
	if (t->fd > STDIN_FILENO)
		(void)close(t->fd);
	t->fd = -1;
}

/* In place of what is open; a failure leaves that. */
static int
tail_open(struct tail *t, struct err *err)
{
	struct stat st;
	int fd = strcmp(t->path, "-") == 0 ? STDIN_FILENO : open(t->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, CR_EPARSE, errno, t->path);
	tail_close(t);
	t->fd = fd;
	t->inode = st.st_ino;
	t->renamed = false;
	t->at = 0;
	t->len = 0;
	return CR_OK;
}

/* The end of the whole lines in the window: a line that fills it is one. */
static size_t
whole_lines(const struct tail *t, bool at_end)
{
	const char *last = memrchr(t->bytes, '\n', t->len);

	if (last != NULL)
		return (size_t)(last - t->bytes) + 1;
	return t->len == LOG_CHUNK || at_end ? t->len : 0;
}

/* *got_out false: nothing more was there. */
static int
tail_read(struct tail *t, struct intake *in, struct maillog *log, bool *got_out, struct err *err)
{
	ssize_t n;
	size_t whole;
	int rc;

	do
		n = read(t->fd, t->bytes + t->len, LOG_CHUNK - t->len);
	while (n < 0 && errno == EINTR && !stopped);
	if (n < 0)
		return stopped ? CR_OK : err_errno(err, CR_EPARSE, errno, t->path);
	*got_out = n > 0;
	t->at += n;
	t->len += (size_t)n;
	/* Half a line is waited for, unless nobody will write its end. */
	whole = whole_lines(t, n == 0 && !args.follow);
	rc = intake_log(in, log, t->path, t->bytes, whole, err);
	t->len -= whole;
	memmove(t->bytes, t->bytes + whole, t->len);
	return rc;
}

/*
 * Renamed and made anew, or emptied in place: logrotate(8) does either.  Between its two steps there is no file; and whoever writes goes on
 * with the old one until it is told, so that one is read to its end once more when something stands in the new one.
 */
static bool
tail_rotated(struct tail *t)
{
	struct stat st;

	if (stat(t->path, &st) != 0)
		return false;
	if (st.st_ino == t->inode)
		return st.st_size < t->at && tail_open(t, NULL) == CR_OK;
	if (st.st_size == 0)
		return false;
	if (!t->renamed)
		return t->renamed = true;
	return tail_open(t, NULL) == CR_OK;
}

static int
from_log(struct intake *in, struct err *err)
{
	struct tail t = {.path = args.log, .fd = -1, .bytes = malloc(LOG_CHUNK)};
	struct sigaction quiet = {.sa_handler = stop}, term, interrupt;
	struct maillog *log = NULL;
	bool got = true;
	int rc = t.bytes == NULL ? err_nomem(err, "a mail log") : maillog_open(&log, err);

	if (rc == CR_OK)
		rc = tail_open(&t, err);
	stopped = 0;
	(void)sigaction(SIGTERM, &quiet, &term);
	(void)sigaction(SIGINT, &quiet, &interrupt);
	while (rc == CR_OK && !stopped && (got || args.follow)) {
		rc = tail_read(&t, in, log, &got, err);
		if (rc == CR_OK && !got && args.follow && !tail_rotated(&t))
			clock_sleep_ms(in->s->clock, FOLLOW_MS);
	}
	(void)sigaction(SIGTERM, &term, NULL);
	(void)sigaction(SIGINT, &interrupt, NULL);
	tail_close(&t);
	maillog_drop(&log);
	free(t.bytes);
	return rc;
}

/* ---- the command ---- */

static int
check_args(size_t n, struct err *err)
{
	if (args.follow && args.log == NULL)
		return err_set(err, CR_EUSAGE, "--follow needs --log FILE");
	if (args.follow && strcmp(args.log, "-") == 0)
		return err_set(err, CR_EUSAGE, "--follow needs a file: standard input is read to its end anyway");
	if (args.log != NULL && n > 0)
		return err_set(err, CR_EUSAGE, "--log reads a log: mails are another run");
	if (args.imap && (args.log != NULL || args.pipe))
		return err_set(err, CR_EUSAGE, "--imap reads mailboxes: a log or a pipe is another run");
	if (args.pipe && (args.log != NULL || args.dry_run))
		return err_set(err, CR_EUSAGE, "--pipe reads one mail and acts");
	return CR_OK;
}

/*
 * A mail that was not acted upon has to stay where it is.  Without --pipe a wrong configuration is 78 as everywhere, and pipe(8) would
 * send the mail back.
 */
static int
exit_of_trouble(int rc, struct err *err)
{
	const bool store = rc == CR_ESTORE || rc == CR_ERETRY || rc == CR_EUNKNOWN || rc == CR_EIO ||
	                   (rc == CR_ENOTFOUND && !args.imap);

	if (rc == EX_DATAERR && args.pipe)
		return 0;
	if (rc >= 0 || !(store || args.pipe))
		return rc;
	err->code = CR_ERETRY;
	return CR_ERETRY;
}

static int
run(struct session *s, int argc, char **argv, struct err *err)
{
	static const char *const stdin_only[] = {"-"};
	const char **operands = NULL;
	struct intake in = {0};
	size_t n = 0;
	int rc = opt_parse_command(opts, ARRAY_LEN(opts), argc, argv, 0, SIZE_MAX, usage, &operands, &n, err);

	if (rc == CR_OK)
		rc = check_args(n, err);
	if (rc != CR_OK)
		goto out;
	in.mailbox = args.mailbox;
	if (args.imap) {
		rc = intake_imap(&in, s, args.dry_run, operands, n, err);
		goto out;
	}
	rc = intake_open(&in, s, true, args.dry_run, err);
	if (rc == CR_OK)
		rc = args.log != NULL ? from_log(&in, err)
		     : n > 0          ? intake_places(&in, operands, n, err)
		                      : intake_places(&in, stdin_only, 1, err);
out:
	intake_release(&in);
	free(operands);
	return rc;
}

int
cmd_bounce(struct session *s, int argc, char **argv, struct err *err)
{
	memset(&args, 0, sizeof(args));
	return exit_of_trouble(run(s, argc, argv, err), err);
}
