/*
 * test_verify_message.c - a test message from a file or standard input, however it was saved, and its check as a job.
 */
#include "tests/lib/rows.h"
#include "tests/lib/zonetable.h"

#include <fcntl.h>
#include <unistd.h>

#include "provision/verify_message.h"

#define RESULTS                                                                                                        \
	"Authentication-Results: mx.rcpt.example; spf=pass smtp.mailfrom=out.example; dkim=pass header.d=out.example;" \
	" dmarc=pass header.from=out.example"
#define LF   RESULTS "\nFrom: a@out.example\n\ntest\n"
#define CRLF RESULTS "\r\nFrom: a@out.example\r\n\r\ntest\r\n"

static const struct row {
	const char *name, *text;
	int want_rc; /* of reading or opening */
} rows[] = {
	{"as it came",			CRLF,					       CR_OK    },
	{"with bare line feeds",              LF,						 CR_OK    },
	{"with the envelope line of an mbox", "From b@out.example Tue Nov 25 12:00:00 2025\n" LF, CR_OK    },
	{"with a byte order mark",            "\xef\xbb\xbf" CRLF,                                CR_OK    },
	{"nothing",			   "",						 CR_EPARSE},
	{"no message",			"hello\n",					  CR_EPARSE},
};

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* Read by its name, or as standard input. */
static int
read_it(const char *path, bool from_stdin, struct buf *out, struct err *err)
{
	int kept, fd, rc;

	if (!from_stdin)
		return verify_message_read(path, out, err);
	kept = dup(STDIN_FILENO);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(kept >= 0 && fd >= 0);
	assert_true(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	rc = verify_message_read("-", out, err);
	assert_true(dup2(kept, STDIN_FILENO) == STDIN_FILENO);
	(void)close(kept);
	(void)close(fd);
	return rc;
}

static void
check_passes(struct verify_message *m)
{
	static const char *const trusted[] = {"mx.rcpt.example", NULL};
	struct zonetable t;
	struct lookup *l;
	struct err err = {0};

	m->domain = "out.example";
	m->trusted = trusted;
	m->now_s = 1764072000;
	zonetable_open("{\"_dmarc.out.example\": {\"TXT\": [[\"v=DMARC1; p=reject\"]]}}", &t);
	l = zonetable_lookup(&t, true);
	assert_ok(lookup_settle_one(l, verify_message_check, m, &err), &err);
	assert_true(m->passed.ok);
	lookup_drop(&l);
	zonetable_close(&t);
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	char path[] = "/tmp/coldrelay-message-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)close(fd);
	write_file(path, r->text);
	for (int from_stdin = 0; from_stdin < 2; from_stdin++) {
		struct verify_message m = {0};
		struct buf bytes = {0};
		struct err err = {0};
		int rc = read_it(path, from_stdin != 0, &bytes, &err);

		if (rc == CR_OK)
			rc = verify_message_open(&bytes, &m, &err);
		assert_int_equal(rc, r->want_rc);
		if (rc == CR_OK)
			check_passes(&m);
		verify_message_release(&m);
		buf_release(&bytes);
	}
	assert_int_equal(unlink(path), 0);
}

static void
verify_message__a_file_that_is_not_there_is_named(void **state)
{
	struct buf bytes = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(verify_message_read("/nonexistent/message.eml", &bytes, &err), CR_ENOTFOUND);
	assert_non_null(strstr(err.text, "/nonexistent/message.eml"));
	buf_release(&bytes);
}

/* Endless input is left at the ceiling. */
static void
verify_message__standard_input_has_a_ceiling(void **state)
{
	struct buf bytes = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(read_it("/dev/zero", true, &bytes, &err), CR_EPARSE);
	assert_true(bytes.cap <= 2 * MESSAGE_BYTES_MAX);
	buf_release(&bytes);
}

int
main(void)
{
	struct CMUnitTest tests[16];
	size_t n = 0;

	ROWS(tests, n, rows, check_row);
	TEST(tests, n, verify_message__a_file_that_is_not_there_is_named);
	TEST(tests, n, verify_message__standard_input_has_a_ceiling);
	return rows_run("provision/verify_message", tests, n);
}
