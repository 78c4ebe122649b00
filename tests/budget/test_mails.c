/*
 * test_mails.c - where one mail ends and the next begins, whatever they come in.
 */
#include "budget/mails.h"
#include "tests/lib/rows.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FROM_A "From a@fabrikam.example Wed Nov 25 10:00:00 2026\n"
#define FROM_B "From MAILER-DAEMON  Wed Nov 25 10:00:01 2026\n"

static char dir[64];

static const char *
in_dir(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
put(const char *name, const char *data, size_t len)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	while (len > 0) {
		const ssize_t n = write(fd, data, len);

		assert_true(n > 0);
		data += n;
		len -= (size_t)n;
	}
	assert_int_equal(close(fd), 0);
}

static size_t
first_line(const struct mail *m)
{
	size_t n = 0;

	while (n < m->len && m->data[n] != '\r' && m->data[n] != '\n')
		n++;
	return n;
}

/* The mails of a place, each as "LENGTH:first line|". */
static void
read_all(const char *path, char *out, size_t size)
{
	struct mails *m = NULL;
	struct mail mail;
	struct err err = {0};
	bool more = true;
	size_t at = 0;

	out[0] = '\0';
	assert_ok(mails_open(path, &m, &err), &err);
	for (;;) {
		assert_ok(mails_next(m, &mail, &more, &err), &err);
		if (!more)
			break;
		at += (size_t)snprintf(out + at, size - at, "%lld:%.*s|", (long long)mail.number,
		                       (int)first_line(&mail), mail.data);
		assert_true(at < size);
	}
	mails_drop(&m);
}

/* clang-format off */
static const struct {
	const char *name, *data, *want;
} rows[] = {
	{"a file is one mail", "Subject: one\n\nHello.\n", "1:Subject: one|"},
	{"without a newline at its end too", "Subject: one\n\nHello", "1:Subject: one|"},
	{"an empty file has none", "", ""},
	{"an mbox is a mail a From line", FROM_A "S: 1\n\nx\n\n" FROM_B "S: 2\n\ny\n\n" FROM_A "S: 3\n\nz\n",
         "1:From a@fabrikam.example Wed Nov 25 10:00:00 2026|"
         "2:From MAILER-DAEMON  Wed Nov 25 10:00:01 2026|"
         "3:From a@fabrikam.example Wed Nov 25 10:00:00 2026|"},
	{"lines may end in CR LF", "From a 10:00:00\r\nS: 1\r\n\r\nx\r\n\r\nFrom b 10:00:01\r\nS: 2\r\n",
         "1:From a 10:00:00|2:From b 10:00:01|"},
	{"From begins a sentence", "From a 10:00:00\nS: 1\n\nx\n\nFrom here on all is well.\n", "1:From a 10:00:00|"},
	{"From does not follow an empty line", "From a 10:00:00\nS: 1\n\nx\nFrom b 10:00:01\n", "1:From a 10:00:00|"},
	{"a quoted one is no separator", "From a 10:00:00\nS: 1\n\nx\n\n>From b 10:00:01\n", "1:From a 10:00:00|"},
	{"a single mail may hold a From line", "S: 1\n\nx\n\nFrom b 10:00:01\nS: 2\n", "1:S: 1|"},
	{"a separator may be all there is of the last", "From a 10:00:00\nS: 1\n\nx\n\nFrom b 10:00:01",
         "1:From a 10:00:00|2:From b 10:00:01|"},
};
/* clang-format on */

static void
check_row(void **state)
{
	const char *const *r = *state; /* name, data, want */
	char got[512];

	put("box", r[1], strlen(r[1]));
	read_all(in_dir("box"), got, sizeof(got));
	assert_string_equal(got, r[2]);
}

/* The separator falls on every place around the ends of what is read at once. */
static void
mails__separator_is_found_wherever_a_read_ends(void **state)
{
	static const char head[] = FROM_A "S: 1\n\n", tail[] = "\n\n" FROM_B "S: 2\n\ny\n";
	const size_t step = (size_t)64 << 10;
	char got[512], *data = malloc(3 * step);
	size_t len;

	(void)state;
	assert_non_null(data);
	for (size_t place = 2 * step - 80; place < 2 * step + 8; place++) {
		memset(data, 'x', 3 * step);
		memcpy(data, head, sizeof(head) - 1);
		memcpy(data + place, tail, sizeof(tail) - 1);
		len = place + sizeof(tail) - 1;
		put("box", data, len);
		read_all(in_dir("box"), got, sizeof(got));
		assert_string_equal(got, "1:From a@fabrikam.example Wed Nov 25 10:00:00 2026|"
		                         "2:From MAILER-DAEMON  Wed Nov 25 10:00:01 2026|");
	}
	free(data);
}

/* What is beyond the ceiling is skipped; the mail behind it is not. */
static void
mails__too_long_a_mail_is_cut_and_the_next_is_whole(void **state)
{
	static const char head[] = FROM_A "S: 1\n\n", tail[] = "\n\n" FROM_B "S: 2\n\ny\n";
	/* The separator begins just before the end of a read. */
	const size_t len = MAILS_MAIL_MAX + ((size_t)3 << 20) - 4 + sizeof(tail) - 1;
	char *data = malloc(len);
	struct mails *m = NULL;
	struct mail mail;
	struct err err = {0};
	bool more = false;

	(void)state;
	assert_non_null(data);
	memset(data, 'x', len);
	memcpy(data, head, sizeof(head) - 1);
	memcpy(data + len - sizeof(tail) + 1, tail, sizeof(tail) - 1);
	put("box", data, len);
	free(data);
	assert_ok(mails_open(in_dir("box"), &m, &err), &err);
	assert_ok(mails_next(m, &mail, &more, &err), &err);
	assert_true(more && mail.cut);
	assert_in_range(mail.len, MAILS_MAIL_MAX, MAILS_MAIL_MAX + ((size_t)64 << 10));
	assert_ok(mails_next(m, &mail, &more, &err), &err);
	assert_true(more && !mail.cut);
	assert_int_equal(mail.number, 2);
	assert_int_equal(mail.len, sizeof(tail) - 1 - 2);
	assert_ok(mails_next(m, &mail, &more, &err), &err);
	assert_false(more);
	mails_drop(&m);
	assert_int_equal(unlink(in_dir("box")), 0);
}

static void
mails__of_a_maildir_are_those_of_new_and_cur(void **state)
{
	static const char *const places[] = {"box/new", "box/cur", "box/tmp", "box/.Junk"};
	char got[512];

	(void)state;
	(void)unlink(in_dir("box"));
	assert_int_equal(mkdir(in_dir("box"), 0700), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mkdir(in_dir(places[i]), 0700), 0);
	put("box/new/1.a", "S: new\n\n", 8);
	put("box/cur/2.b:2,S", "S: cur\n\n", 8);
	put("box/tmp/3.c", "S: half\n\n", 9);
	put("box/dovecot.index", "S: index\n\n", 10);
	put("box/cur/.hidden", "S: hidden\n\n", 11);
	read_all(in_dir("box"), got, sizeof(got));
	assert_string_equal(got, "1:S: new|1:S: cur|");
}

static void
mails__of_a_directory_go_on_behind_a_file_that_cannot_be_read(void **state)
{
	struct mails *m = NULL;
	struct mail mail;
	struct err err = {0};
	bool more = true;
	int failed = 0, read = 0;

	(void)state;
	assert_int_equal(mkdir(in_dir("some"), 0700), 0);
	put("some/1", "S: 1\n\n", 6);
	put("some/3", "S: 3\n\n", 6);
	assert_int_equal(symlink("2", in_dir("some/2")), 0); /* to itself */
	assert_ok(mails_open(in_dir("some"), &m, &err), &err);
	assert_true(mails_is_directory(m));
	while (more) {
		const int rc = mails_next(m, &mail, &more, &err);

		more = more || rc != CR_OK;
		failed += rc == CR_EIO;
		read += rc == CR_OK && more;
		assert_true(failed + read <= 3);
	}
	assert_int_equal(failed, 1);
	assert_int_equal(read, 2);
	mails_drop(&m);
}

static void
mails__missing_file_is_told_with_its_name(void **state)
{
	struct mails *m = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(mails_open(in_dir("none"), &m, &err), CR_ENOTFOUND);
	assert_non_null(strstr(err.text, "none"));
	assert_null(m);
}

static int
make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/coldrelay-mails.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	char line[128];

	(void)state;
	(void)snprintf(line, sizeof(line), "rm -rf %s", dir);
	return system(line);
}

int
main(void)
{
	struct CMUnitTest tests[32];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, mails__separator_is_found_wherever_a_read_ends);
	TEST(tests, n, mails__too_long_a_mail_is_cut_and_the_next_is_whole);
	TEST(tests, n, mails__of_a_maildir_are_those_of_new_and_cur);
	TEST(tests, n, mails__of_a_directory_go_on_behind_a_file_that_cannot_be_read);
	TEST(tests, n, mails__missing_file_is_told_with_its_name);
	return _cmocka_run_group_tests("budget/mails", tests, n, make_dir, remove_dir);
}
