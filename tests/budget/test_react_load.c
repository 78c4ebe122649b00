/*
 * test_react_load.c - a refusal is read by one process while another answers under load: whatever is asked after its commit is refused.
 */
#include "budget/react.h"
#include "tests/budget/desk.h"

#include <pthread.h>
#include <stdatomic.h>

#define DOMAINS 24
#define ASKERS  4
#define WRITERS 500 /* mailboxes of another tenant, to write with */

/* Set after the commit, read before the question. */
static atomic_bool refused[DOMAINS];
static atomic_bool over;
static atomic_long asked, spent, wrong;

static void
names_of(size_t i, char domain[64], char mailbox[80], char recipient[80])
{
	(void)snprintf(domain, 64, "northwind%zuletters.example", i);
	(void)snprintf(mailbox, 80, "anna@%s", domain);
	(void)snprintf(recipient, 80, "dora@org%zu.example", i);
}

static void
writer(size_t n, char out[80])
{
	(void)snprintf(out, 80, "w%zu@getcontoso.example", n % WRITERS);
}

static void
add_writers(void)
{
	static char addresses[WRITERS][80];
	static const char *list[WRITERS];

	for (size_t i = 0; i < WRITERS; i++) {
		writer(i, addresses[i]);
		list[i] = addresses[i];
	}
	office_add_domain(&o, "contoso.example", "getcontoso.example", OFFICE_START_MS - DAY_MS, list, WRITERS);
}

static int
set_up_many(void **state)
{
	(void)state;
	office_open(&o, NO_PACE);
	for (size_t i = 0; i < DOMAINS; i++) {
		char domain[64], mailbox[80], recipient[80];
		const char *const one[] = {mailbox};

		names_of(i, domain, mailbox, recipient);
		office_add_domain(&o, TENANT, domain, OFFICE_START_MS - DAY_MS, one, 1);
	}
	add_writers();
	find_unix_place();
	/* Waits for the lock are real ones: a fake clock would run out of patience at once. */
	desk_clock = clock_system();
	desk_busy_ms = 5000;
	start(NO_PACE);
	return 0;
}

/* As fast as it is answered: what a refused domain may send, and beside it sends that are written down. */
static void *
ask_on(void *arg)
{
	const size_t first = (size_t)(uintptr_t)arg;
	int fd = dial();

	for (size_t n = first; !over; n += ASKERS) {
		const size_t i = n / ASKERS % DOMAINS;
		char domain[64], mailbox[80], recipient[80], from[80], id[32], answer[POLICY_TEXT];
		const bool was_refused = refused[i];
		const struct question own = {"RCPT", id, mailbox, "eva@other.example", NULL, 1};
		const struct question spend = {END, id, from, "eva@other.example", NULL, 1};

		names_of(i, domain, mailbox, recipient);
		writer(n, from);
		(void)snprintf(id, sizeof(id), "%zu", n);
		put_question(fd, &own);
		get(fd, answer);
		asked++;
		wrong += was_refused && strncmp(answer, NO, strlen(NO)) != 0;
		put_question(fd, &spend);
		get(fd, answer);
		spent += strcmp(answer, GO) == 0;
	}
	(void)close(fd);
	return NULL;
}

static void
refuse(size_t i)
{
	char domain[64], mailbox[80], recipient[80];
	const struct reply_verdict v = {.rule = "ms-etr",
	                                .class = REPLY_TENANT_POLICY,
	                                .layer = "m365_tenant",
	                                .permanent = true,
	                                .status = "5.7.1",
	                                .reply = "550"};
	const struct react_event e = {.verdict = &v,
	                              .recipient = recipient,
	                              .sender = mailbox,
	                              .message_id = mailbox,
	                              .host = "",
	                              .text = "",
	                              .source = "mail:test"};
	static const struct react_options plain;
	struct contain c = office_contain(&o);
	struct react_result r;
	int rc;

	names_of(i, domain, mailbox, recipient);
	/* The lock is fought for. */
	do {
		assert_ok((rc = db_begin(o.db, &o.err)) == CR_ERETRY ? CR_OK : rc, &o.err);
	} while (rc == CR_ERETRY);
	assert_ok(react_to(&c, &plain, &e, &r, &o.err), &o.err);
	assert_int_equal(r.n, 2);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	refused[i] = true;
}

static void
react__what_is_asked_after_the_commit_is_refused(void **state)
{
	pthread_t askers[ASKERS];
	int fd = dial();

	(void)state;
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&askers[i], NULL, ask_on, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < DOMAINS; i++) {
		char domain[64], mailbox[80], recipient[80];
		const struct question own = {"RCPT", "x", mailbox, "eva@other.example", NULL, 1};
		const struct question sister = {"RCPT", "y", BEN, recipient, NULL, 1};

		names_of(i, domain, mailbox, recipient);
		expect_on(fd, &own, GO, "");
		expect_on(fd, &sister, GO, "");
		refuse(i);
		expect_on(fd, &own, NO, "(frozen)");
		expect_on(fd, &sister, NO, "(suppressed)");
	}
	over = true;
	for (size_t i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_join(askers[i], NULL), 0);
	(void)close(fd);
	assert_true(asked > DOMAINS);
	assert_true(spent > DOMAINS);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		{.name = "react__what_is_asked_after_the_commit_is_refused",
	         .test_func = react__what_is_asked_after_the_commit_is_refused,
	         .setup_func = set_up_many,
	         .teardown_func = tear_down},
	};

	return rows_run("budget/react_load", tests, ARRAY_LEN(tests));
}
