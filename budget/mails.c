/*
 * mails.c - a window that slides over one file after the other, from mail to mail.
 */
#include "budget/mails.h"

#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)64 << 10)
/* A line that separates mails is not longer. */
#define FROM_MAX ((size_t)512)

/* Where the files of a directory are; a Maildir has two places, and a mail may move from the first to the second while we read. */
static const char *const maildir_places[] = {"new", "cur"};

struct mails {
	/* the directory, if it is one */
	char *path;
	bool is_directory, is_maildir;
	size_t place;
	DIR *dir;
	char *dir_path;
	/* the present file */
	char *name;
	int fd; /* -1: none */
	int64_t number;
	bool is_mbox, at_end, skipping;
	/* the window: data[start..len) is not given out yet */
	char *data;
	size_t start, len, cap;
	size_t given; /* bytes of the mail given out last */
};

static void
close_file(struct mails *m)
{
	if (m->fd > STDIN_FILENO)
		(void)close(m->fd);
	m->fd = -1;
	free(m->name);
	m->name = NULL;
}

static void
close_dir(struct mails *m)
{
	if (m->dir != NULL)
		(void)closedir(m->dir);
	m->dir = NULL;
	free(m->dir_path);
	m->dir_path = NULL;
}

void
mails_drop(struct mails **m)
{
	if (*m == NULL)
		return;
	close_file(*m);
	close_dir(*m);
	free((*m)->path);
	free((*m)->data);
	free(*m);
	*m = NULL;
}

bool
mails_is_directory(const struct mails *m)
{
	return m->is_directory;
}

/* name is taken. */
static void
begin_file_take(struct mails *m, char *name, int fd)
{
	close_file(m);
	m->name = name;
	m->fd = fd;
	m->number = 0;
	m->is_mbox = m->at_end = m->skipping = false;
	m->start = m->len = m->given = 0;
}

static int
open_file_take(struct mails *m, char *name, struct err *err)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0) {
		rc = err_errno(err, errno == ENOENT ? CR_ENOTFOUND : CR_EIO, errno, name);
		free(name);
		return rc;
	}
	begin_file_take(m, name, fd);
	return CR_OK;
}

static bool
has_directory(const char *path, const char *name)
{
	char *whole = NULL;
	struct stat st;
	bool is = file_join(path, name, &whole, NULL) == CR_OK && stat(whole, &st) == 0 && S_ISDIR(st.st_mode);

	free(whole);
	return is;
}

int
mails_open(const char *path, struct mails **out, struct err *err)
{
	struct mails *m = calloc(1, sizeof(*m));
	struct stat st;
	int rc = CR_OK;

	if (m == NULL || (m->path = strdup(path)) == NULL) {
		free(m);
		return err_nomem(err, "mails");
	}
	m->fd = -1;
	if (strcmp(path, "-") == 0) {
		char *name = strdup(path);

		if (name != NULL)
			begin_file_take(m, name, STDIN_FILENO);
		else
			rc = err_nomem(err, "mails");
	} else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		m->is_directory = true;
		m->is_maildir = has_directory(path, "cur") && has_directory(path, "new");
	} else {
		char *name = strdup(path);

		rc = name != NULL ? open_file_take(m, name, err) : err_nomem(err, "mails");
	}
	if (rc == CR_OK)
		*out = TAKE(m);
	mails_drop(&m);
	return rc;
}

/* ---- files of a directory ---- */

/* CR_ENOTFOUND: there is no further place. */
static int
open_place(struct mails *m, struct err *err)
{
	const size_t n = m->is_maildir ? ARRAY_LEN(maildir_places) : 1;
	int rc;

	if (m->place >= n)
		return CR_ENOTFOUND;
	rc = file_join(m->path, m->is_maildir ? maildir_places[m->place] : ".", &m->dir_path, err);
	m->place++;
	if (rc != CR_OK)
		return rc;
	m->dir = opendir(m->dir_path);
	if (m->dir == NULL) {
		rc = err_errno(err, CR_EIO, errno, m->dir_path);
		close_dir(m);
	}
	return rc;
}

/* One that has gone meanwhile was moved by its reader, and is met again in its new place. */
static int
try_entry(struct mails *m, const char *name, struct err *err)
{
	char *whole = NULL;
	struct stat st;
	int rc = m->is_maildir ? file_join(m->dir_path, name, &whole, err) : file_join(m->path, name, &whole, err);

	if (rc != CR_OK)
		return rc;
	if (stat(whole, &st) != 0) {
		rc = errno == ENOENT ? CR_OK : err_errno(err, CR_EIO, errno, whole);
	} else if (S_ISREG(st.st_mode)) {
		rc = open_file_take(m, TAKE(whole), err);
		rc = rc == CR_ENOTFOUND ? CR_OK : rc;
	}
	free(whole);
	return rc;
}

/* m->fd < 0 afterwards: there is no further file. */
static int
next_file(struct mails *m, struct err *err)
{
	const struct dirent *entry;
	int rc = CR_OK;

	close_file(m);
	while (m->is_directory && m->fd < 0 && rc == CR_OK) {
		if (m->dir == NULL && (rc = open_place(m, err)) != CR_OK)
			return rc == CR_ENOTFOUND ? CR_OK : rc;
		errno = 0;
		entry = readdir(m->dir);
		if (entry == NULL) {
			rc = errno != 0 ? err_errno(err, CR_EIO, errno, m->dir_path) : CR_OK;
			close_dir(m);
		} else if (entry->d_name[0] != '.') {
			rc = try_entry(m, entry->d_name, err);
		}
	}
	return rc;
}

/* ---- mails of a file ---- */

/* Room for READ_BYTES more: what was given out makes place first. */
static int
make_room(struct mails *m, struct err *err)
{
	size_t want;
	char *more;

	if (m->cap - m->len >= READ_BYTES)
		return CR_OK;
	if (m->start > 0) {
		m->len -= m->start;
		memmove(m->data, m->data + m->start, m->len);
		m->start = 0;
	}
	if (m->cap - m->len >= READ_BYTES)
		return CR_OK;
	want = m->cap < 2 * READ_BYTES ? 4 * READ_BYTES : 2 * m->cap;
	more = realloc(m->data, want);
	if (more == NULL)
		return err_nomem(err, "a mail");
	m->data = more;
	m->cap = want;
	return CR_OK;
}

static int
read_more(struct mails *m, struct err *err)
{
	int rc = make_room(m, err);
	ssize_t n;

	if (rc != CR_OK)
		return rc;
	do
		n = read(m->fd, m->data + m->len, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, CR_EIO, errno, m->name);
	m->at_end = n == 0;
	m->len += (size_t)n;
	return CR_OK;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "From SENDER ... 12:34 ...": a sentence that begins with the word has no time of day. */
static bool
is_from_line(const char *line, size_t len)
{
	if (len < 5 || memcmp(line, "From ", 5) != 0)
		return false;
	for (size_t i = 6; i + 5 < len && line[i] != '\n'; i++) {
		if (line[i] == ' ' && is_digit(line[i + 1]) && is_digit(line[i + 2]) && line[i + 3] == ':' &&
		    is_digit(line[i + 4]) && is_digit(line[i + 5]))
			return true;
	}
	return false;
}

/* What ends before at is an empty line. */
static bool
after_empty_line(const char *data, const char *at)
{
	const size_t before = (size_t)(at - data);

	if (before < 2 || at[-1] != '\n')
		return false;
	return at[-2] == '\n' || (before >= 3 && at[-2] == '\r' && at[-3] == '\n');
}

/*
 * The first byte behind the mail that begins at m->start: a separator's, looked for from *from on; or NULL.  *from moves to where the
 * search goes on when there are more bytes.
 */
static const char *
find_end(const struct mails *m, size_t *from)
{
	const char *begin = m->data + m->start, *end = m->data + m->len, *at = begin + *from;

	while ((at = memmem(at, (size_t)(end - at), "\nFrom ", 6)) != NULL) {
		const size_t rest = (size_t)(end - at - 1);

		if (after_empty_line(begin, at + 1) && is_from_line(at + 1, rest < FROM_MAX ? rest : FROM_MAX))
			return at + 1;
		at++;
	}
	/* What may be the beginning of one is looked at again. */
	*from = (size_t)(end - begin) > FROM_MAX ? (size_t)(end - begin) - FROM_MAX : 0;
	return NULL;
}

/* *len_out: the length of the mail at m->start; 0: the file is over. */
static int
find_mail(struct mails *m, size_t *len_out, bool *cut_out, struct err *err)
{
	size_t from = 0;
	int rc;

	for (;;) {
		const size_t have = m->len - m->start;
		const char *end;

		if (m->number == 0 && !m->is_mbox)
			m->is_mbox = have >= 5 && memcmp(m->data + m->start, "From ", 5) == 0;
		end = m->is_mbox ? find_end(m, &from) : NULL;
		*len_out = end != NULL ? (size_t)(end - m->data) - m->start : have;
		*cut_out = end == NULL && have >= MAILS_MAIL_MAX;
		if (end != NULL || *cut_out || m->at_end)
			return CR_OK;
		if ((rc = read_more(m, err)) != CR_OK)
			return rc;
	}
}

/* Of a mail that was cut: on to its end, in a window that does not grow. */
static int
skip_rest(struct mails *m, struct err *err)
{
	int rc = CR_OK;

	while (m->skipping && rc == CR_OK) {
		size_t from = 0;
		const char *end = m->is_mbox ? find_end(m, &from) : NULL;

		m->skipping = end == NULL && !m->at_end;
		if (!m->skipping) {
			m->start = end != NULL ? (size_t)(end - m->data) : m->len;
			break;
		}
		/* What may be the beginning of a separator stays. */
		if (m->len - m->start > 2 * FROM_MAX)
			m->start = m->len - 2 * FROM_MAX;
		rc = read_more(m, err);
	}
	return rc;
}

static int
next_in_file(struct mails *m, struct mail *out, bool *more_out, struct err *err)
{
	size_t len = 0;
	bool cut = false;
	int rc;

	m->start += m->given;
	m->given = 0;
	rc = skip_rest(m, err);
	if (rc == CR_OK)
		rc = find_mail(m, &len, &cut, err);
	if (rc != CR_OK)
		return rc;
	*more_out = len > 0;
	if (len == 0)
		return CR_OK;
	m->skipping = cut;
	m->given = cut ? len - 2 * FROM_MAX : len;
	*out = (struct mail){
		.name = m->name, .number = ++m->number, .data = m->data + m->start, .len = len, .cut = cut};
	return CR_OK;
}

int
mails_next(struct mails *m, struct mail *out, bool *more_out, struct err *err)
{
	bool more = false;
	int rc;

	for (;;) {
		if (m->fd < 0 && (rc = next_file(m, err)) != CR_OK)
			return rc;
		*more_out = false;
		if (m->fd < 0)
			return CR_OK;
		rc = next_in_file(m, out, &more, err);
		*more_out = more;
		if (rc == CR_OK && more)
			return CR_OK;
		close_file(m);
		if (rc != CR_OK)
			return rc;
	}
}
