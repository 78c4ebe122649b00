/*
 * test_gate.c - coldrelay/gate.h as a program sees it, over a store of its own: answers, errors, threads, fork.
 */
#include "library/handle.h"
#include "library/turns.h"
#include "tests/budget/office.h"
#include "tests/lib/store.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ELSE_MAIL "erik@contoso.example"
#define THREADS   8

/* Of the office's vault: 7 and 31 zeros. */
#define KEY_TEXT "BwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* A disk that fails when it is told to: SQLite, a shared library, finds this before the C library's. */
static bool sync_fails;

int
fdatasync(int fd)
{
	(void)fd;
	errno = EIO;
	return sync_fails ? -1 : 0;
}

static const struct coldrelay_gate_limits no_pace = {sizeof(no_pace), 4, 2, 2, 0, 0, 0, 0};

static struct office o;
static char key_path[160], cfg_path_text[160], spill_path[160];
static char error[256];

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static int
set_up(void **state)
{
	(void)state;
	office_open(&o, NO_PACE);
	(void)snprintf(key_path, sizeof(key_path), "%s/key", o.dir);
	(void)snprintf(cfg_path_text, sizeof(cfg_path_text), "%s/cfg", o.dir);
	(void)snprintf(spill_path, sizeof(spill_path), "%s/spill", o.dir);
	write_text(key_path, KEY_TEXT "\n");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(key_path);
	(void)unlink(cfg_path_text);
	(void)unlink(spill_path);
	office_close(&o);
	return 0;
}

static struct coldrelay_gate_options
office_options(void)
{
	struct coldrelay_gate_options options = COLDRELAY_GATE_OPTIONS_INIT;

	options.store = o.path;
	options.key_file = key_path;
	options.limits = &no_pace;
	return options;
}

#define assert_code(rc, code)                                                                                          \
	do {                                                                                                           \
		int rc_ = (rc);                                                                                        \
		if (rc_ != (code))                                                                                     \
			fail_msg("%s:%d: %d, not %d: %s", __FILE__, __LINE__, rc_, (code), error);                     \
	} while (0)

static struct coldrelay_gate *
open_on(const struct clock *clock)
{
	const struct coldrelay_gate_options options = office_options();
	struct coldrelay_gate *g = NULL;

	assert_code(handle_open(&options, clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_non_null(g);
	return g;
}

static struct coldrelay_gate_request
request(const char *mailbox, const char *recipient, const char *id)
{
	struct coldrelay_gate_request r = COLDRELAY_GATE_REQUEST_INIT;

	r.mailbox = mailbox;
	r.recipient = recipient;
	r.message_id = id;
	return r;
}

/* What a careless caller may have left in it. */
static struct coldrelay_gate_answer
stale_answer(void)
{
	struct coldrelay_gate_answer a = COLDRELAY_GATE_ANSWER_INIT;

	a.verdict = COLDRELAY_GATE_ALLOW;
	(void)snprintf(a.ticket, sizeof(a.ticket), "stale");
	return a;
}

static struct coldrelay_gate_answer
ask(struct coldrelay_gate *g, const char *mailbox, const char *recipient, const char *id)
{
	const struct coldrelay_gate_request r = request(mailbox, recipient, id);
	struct coldrelay_gate_answer a = stale_answer();

	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_OK);
	return a;
}

static void
assert_closed(const struct coldrelay_gate_answer *a)
{
	assert_int_equal(a->verdict, COLDRELAY_GATE_WAIT);
	assert_string_equal(a->reason, "error");
	assert_string_equal(a->ticket, "");
	assert_string_not_equal(a->message, "");
}

static int64_t
count_history(void)
{
	int64_t n = -1;

	assert_ok(db_get_int(o.db, "SELECT count(*) FROM history", DB_NO_ARGS, 0, &n, &o.err), &o.err);
	return n;
}

/* Inside a transaction. */
static void
damage(const char *mailbox)
{
	int64_t changed = 0;

	assert_ok(db_exec(o.db,
	                  "UPDATE spent SET slots = $1 WHERE mailbox = (SELECT id FROM mailbox WHERE address = $2)",
	                  DB_ARGS(db_blob("\1\1x", 3), db_text(mailbox)), &changed, &o.err),
	          &o.err);
	assert_int_equal(changed, 1);
}

/* ---- answers ---- */

static void
gate__third_outbound_of_a_day_waits_until_the_first_returns(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_answer a = ask(g, ANNA, EXTERN_MAIL, NULL);
	const int64_t asked_ms = clock_wall_ms(clock_system());

	(void)state;
	assert_int_equal(a.verdict, COLDRELAY_GATE_ALLOW);
	assert_int_equal(a.mail_class, COLDRELAY_GATE_OUTBOUND);
	assert_int_equal(a.left_outbound, 1);
	assert_int_equal(a.left_warmup, 2);
	assert_string_equal(a.reason, "ok");
	assert_string_not_equal(a.ticket, "");
	a = ask(g, ANNA, BEN, NULL);
	assert_int_equal(a.mail_class, COLDRELAY_GATE_WARMUP);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	a = ask(g, ANNA, EXTERN_MAIL, NULL);
	assert_int_equal(a.verdict, COLDRELAY_GATE_WAIT);
	assert_string_equal(a.reason, "budget");
	assert_string_equal(a.ticket, "");
	if (store_server() == NULL) {
		assert_int_equal(a.retry_at_ms, OFFICE_START_MS + GATE_WINDOW_MS);
		fake_clock_advance(&o.clock, GATE_WINDOW_MS);
		assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	} else { /* has a clock of its own */
		assert_in_range(a.retry_at_ms, asked_ms + GATE_WINDOW_MS - 60000, asked_ms + GATE_WINDOW_MS + 60000);
	}
	coldrelay_gate_close(g);
}

static void
gate__refusal_is_told_apart_from_wait(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_answer a = ask(g, "nobody@getnorthwind.example", EXTERN_MAIL, NULL);

	(void)state;
	assert_int_equal(a.verdict, COLDRELAY_GATE_REFUSE);
	assert_string_equal(a.reason, "unknown_mailbox");
	CHANGE(&o, contain_freeze, "getnorthwind.example", "hand", "test");
	a = ask(g, ANNA, EXTERN_MAIL, NULL);
	assert_int_equal(a.verdict, COLDRELAY_GATE_REFUSE);
	assert_string_equal(a.reason, "frozen");
	coldrelay_gate_close(g);
}

static void
gate__same_id_is_charged_once_and_dry_run_not_at_all(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_answer first = ask(g, ANNA, EXTERN_MAIL, "<1@x>"), again;
	struct coldrelay_gate_request r = request(ANNA, EXTERN_MAIL, "<2@x>");

	(void)state;
	again = ask(g, ANNA, EXTERN_MAIL, "<1@x>");
	assert_int_equal(again.verdict, COLDRELAY_GATE_ALLOW);
	assert_string_equal(again.ticket, first.ticket);
	r.dry_run = 1;
	assert_code(coldrelay_gate_ask(g, &r, &again, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_int_equal(again.verdict, COLDRELAY_GATE_ALLOW);
	assert_string_equal(again.ticket, "");
	assert_int_equal(count_history(), 1);
	coldrelay_gate_close(g);
}

static void
gate__ticket_gives_the_token_back_once(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_answer a = ask(g, ANNA, EXTERN_MAIL, NULL);

	(void)state;
	(void)ask(g, ANNA, EXTERN_MAIL, NULL);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_WAIT);
	assert_code(coldrelay_gate_release(g, a.ticket, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_string_equal(error, "");
	assert_code(coldrelay_gate_release(g, a.ticket, error, sizeof(error)), COLDRELAY_GATE_ENOTFOUND);
	assert_string_not_equal(error, "");
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_WAIT);
	assert_code(coldrelay_gate_release(g, "junk", NULL, 0), COLDRELAY_GATE_ENOTFOUND);
	assert_code(coldrelay_gate_release(g,
	                                   "a ticket that is longer than any that was ever given out by the gate, "
	                                   "by far",
	                                   NULL, 0),
	            COLDRELAY_GATE_ENOTFOUND);
	assert_code(coldrelay_gate_release(g, NULL, NULL, 0), COLDRELAY_GATE_EUSAGE);
	coldrelay_gate_close(g);
}

/* ---- several recipients ---- */

/* Returns the verdict that all answers share. */
static int
ask_three(struct coldrelay_gate *g, const char *const to[3], int dry_run, struct coldrelay_gate_answer a[3])
{
	struct coldrelay_gate_request r[3];

	for (size_t i = 0; i < 3; i++) {
		r[i] = request(ANNA, to[i], "<many@x>");
		r[i].dry_run = dry_run;
		a[i] = stale_answer();
	}
	assert_code(coldrelay_gate_ask_many(g, r, 3, a, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_int_equal(a[0].verdict, a[1].verdict);
	assert_int_equal(a[0].verdict, a[2].verdict);
	return a[0].verdict;
}

static void
gate__recipients_of_a_message_are_all_allowed_or_none(void **state)
{
	static const char *const fits[] = {EXTERN_MAIL, ELSE_MAIL, BEN};
	static const char *const too_many[] = {EXTERN_MAIL, ELSE_MAIL, "third@else.example"};
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_answer a[3];

	(void)state;
	assert_int_equal(ask_three(g, too_many, 0, a), COLDRELAY_GATE_WAIT);
	assert_string_equal(a[0].reason, "budget");
	assert_int_equal(count_history(), 0);
	assert_int_equal(ask_three(g, too_many, 1, a), COLDRELAY_GATE_WAIT);
	assert_int_equal(ask_three(g, fits, 1, a), COLDRELAY_GATE_ALLOW);
	assert_string_equal(a[2].ticket, "");
	assert_int_equal(count_history(), 0);
	assert_int_equal(ask_three(g, fits, 0, a), COLDRELAY_GATE_ALLOW);
	assert_string_not_equal(a[0].ticket, a[1].ticket);
	assert_int_equal(a[2].mail_class, COLDRELAY_GATE_WARMUP);
	assert_int_equal(count_history(), 3);
	coldrelay_gate_close(g);
}

static void
gate__requests_of_two_messages_are_refused_without_charge(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_request r[2] = {request(ANNA, EXTERN_MAIL, "<1@x>"), request(BEN, ELSE_MAIL, "<1@x>")};
	struct coldrelay_gate_answer a[2] = {stale_answer(), stale_answer()};

	(void)state;
	assert_code(coldrelay_gate_ask_many(g, r, 2, a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_closed(&a[0]);
	assert_closed(&a[1]);
	r[1] = request(ANNA, ELSE_MAIL, NULL);
	assert_code(coldrelay_gate_ask_many(g, r, 2, a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	r[1] = request(ANNA, ELSE_MAIL, "<1@x>");
	r[1].dry_run = 1;
	assert_code(coldrelay_gate_ask_many(g, r, 2, a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	r[1].dry_run = 0;
	a[1].size = 1;
	assert_code(coldrelay_gate_ask_many(g, r, 2, a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_code(coldrelay_gate_ask_many(g, r, 0, a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_code(coldrelay_gate_ask_many(g, r, COLDRELAY_GATE_RECIPIENTS_MAX + 1, a, error, sizeof(error)),
	            COLDRELAY_GATE_EUSAGE);
	assert_int_equal(count_history(), 0);
	coldrelay_gate_close(g);
}

/* ---- whatever goes wrong, the answer waits ---- */

static const struct wrong_row {
	const char *name;
	const char *mailbox, *recipient;
	size_t size;
	int reserved;
	bool no_handle, no_request;
	int want;
} wrong_rows[] = {
	{"error: no handle",               ANNA,     EXTERN_MAIL, 0, 0, true,  false, COLDRELAY_GATE_EUSAGE  },
	{"error: no request",              ANNA,     EXTERN_MAIL, 0, 0, false, true,  COLDRELAY_GATE_EUSAGE  },
	{"error: no mailbox",              NULL,     EXTERN_MAIL, 0, 0, false, false, COLDRELAY_GATE_EUSAGE  },
	{"error: no recipient",            ANNA,     NULL,        0, 0, false, false, COLDRELAY_GATE_EUSAGE  },
	{"error: a size that never was",   ANNA,     EXTERN_MAIL, 8, 0, false, false, COLDRELAY_GATE_EUSAGE  },
	{"error: a field of the future",   ANNA,     EXTERN_MAIL, 0, 1, false, false, COLDRELAY_GATE_EUSAGE  },
	{"error: mailbox is no address",   "no one", EXTERN_MAIL, 0, 0, false, false, COLDRELAY_GATE_EADDRESS},
	{"error: recipient is no address", ANNA,     "@",         0, 0, false, false, COLDRELAY_GATE_EADDRESS},
};

static void
check_wrong(void **state)
{
	const struct wrong_row *row = *state;
	struct coldrelay_gate *g;
	struct coldrelay_gate_request r = request(row->mailbox, row->recipient, NULL);
	struct coldrelay_gate_answer a = stale_answer();

	(void)set_up(NULL);
	g = open_on(&o.clock.clock);
	r.reserved = row->reserved;
	if (row->size != 0)
		r.size = row->size;
	assert_code(
		coldrelay_gate_ask(row->no_handle ? NULL : g, row->no_request ? NULL : &r, &a, error, sizeof(error)),
		row->want);
	assert_closed(&a);
	assert_string_equal(a.message, error);
	/* Nobody has to want the text. */
	assert_code(coldrelay_gate_ask(row->no_handle ? NULL : g, row->no_request ? NULL : &r, &a, NULL, 0), row->want);
	assert_int_equal(count_history(), 0);
	coldrelay_gate_close(g);
	(void)tear_down(NULL);
}

static void
gate__answer_of_unknown_size_is_left_alone(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_request r = request(ANNA, EXTERN_MAIL, NULL);
	struct coldrelay_gate_answer a = stale_answer();

	(void)state;
	a.size = 0;
	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_string_equal(a.ticket, "stale");
	assert_code(coldrelay_gate_ask(g, &r, NULL, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_int_equal(count_history(), 0);
	coldrelay_gate_close(g);
}

static void
gate__store_that_is_busy_or_damaged_waits(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_request r = request(ANNA, EXTERN_MAIL, NULL);
	struct coldrelay_gate_answer a = stale_answer();

	(void)state;
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_EBUSY);
	assert_closed(&a);
	damage(ANNA);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	a = stale_answer();
	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_ESTORE);
	assert_closed(&a);
	assert_int_equal(ask(g, BEN, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	coldrelay_gate_close(g);
}

static void
gate__commit_of_unknown_fate_is_no_allow_and_the_id_is_charged_once(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct coldrelay_gate_request r = request(ANNA, EXTERN_MAIL, "<1@x>");
	struct coldrelay_gate_answer a = stale_answer();

	(void)state;
	if (store_server() != NULL)
		skip(); /* has a disk of its own */
	sync_fails = true;
	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_EUNKNOWN);
	sync_fails = false;
	assert_closed(&a);
	/* A sync that failed is not tried again: the handle is of no more use. */
	a = stale_answer();
	assert_code(coldrelay_gate_ask(g, &r, &a, error, sizeof(error)), COLDRELAY_GATE_ESTORE);
	assert_closed(&a);
	coldrelay_gate_close(g);
	g = open_on(&o.clock.clock);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, "<1@x>").verdict, COLDRELAY_GATE_ALLOW);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, "<2@x>").verdict, COLDRELAY_GATE_ALLOW);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, "<3@x>").verdict, COLDRELAY_GATE_WAIT);
	coldrelay_gate_close(g);
}

/* ---- structures that grow ---- */

/* What the header of a later version may look like. */
struct later_request {
	struct coldrelay_gate_request now;
	int64_t more;
};
struct later_answer {
	struct coldrelay_gate_answer now;
	int64_t more;
};

static void
gate__program_of_a_later_header_is_understood(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	struct later_request r[2] = {
		{request(ANNA, EXTERN_MAIL, NULL), 0},
                {request(ANNA, ELSE_MAIL,   NULL), 0}
        };
	struct later_answer a[2] = {
		{stale_answer(), 77},
                {stale_answer(), 77}
        };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		r[i].now.size = sizeof(r[i]);
		a[i].now.size = sizeof(a[i]);
	}
	r[1].more = 1;
	assert_code(coldrelay_gate_ask_many(g, &r[0].now, 2, &a[0].now, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
	assert_closed(&a[1].now);
	r[1].more = 0;
	assert_code(coldrelay_gate_ask_many(g, &r[0].now, 2, &a[0].now, error, sizeof(error)), COLDRELAY_GATE_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(a[i].now.verdict, COLDRELAY_GATE_ALLOW);
		assert_int_equal(a[i].now.size, sizeof(a[i]));
		assert_int_equal(a[i].more, 0);
	}
	coldrelay_gate_close(g);
}

/* ---- opening ---- */

static void
open_fails(const struct coldrelay_gate_options *options, int code)
{
	static char elsewhere;
	struct coldrelay_gate *g = (struct coldrelay_gate *)(void *)&elsewhere;

	assert_code(coldrelay_gate_open(options, &g, error, sizeof(error)), code);
	assert_null(g);
	assert_string_not_equal(error, "");
}

static void
gate__options_that_contradict_themselves_open_nothing(void **state)
{
	struct coldrelay_gate_options options = office_options();

	(void)state;
	options.key_file = NULL;
	open_fails(&options, COLDRELAY_GATE_EUSAGE);
	options = office_options();
	options.config = cfg_path_text;
	open_fails(&options, COLDRELAY_GATE_EUSAGE);
	options.store = options.key_file = NULL;
	open_fails(&options, COLDRELAY_GATE_EUSAGE);
	options = office_options();
	options.size = 8;
	open_fails(&options, COLDRELAY_GATE_EUSAGE);
	options = office_options();
	assert_code(coldrelay_gate_open(&options, NULL, error, sizeof(error)), COLDRELAY_GATE_EUSAGE);
}

static void
gate__limits_can_be_lowered_and_never_raised(void **state)
{
	struct coldrelay_gate_limits limits = no_pace;
	struct coldrelay_gate_options options = office_options();
	struct coldrelay_gate *g = NULL;

	(void)state;
	options.limits = &limits;
	limits.outbound = 3;
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	limits.outbound = 2;
	limits.total = 5;
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	limits.total = 1;
	limits.size = 3;
	open_fails(&options, COLDRELAY_GATE_EUSAGE);
	limits.size = sizeof(limits);
	assert_code(handle_open(&options, &o.clock.clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	assert_string_equal(ask(g, ANNA, BEN, NULL).reason, "budget");
	/* A queue behind the gate keeps the token away for as long. */
	coldrelay_gate_close(g);
	limits.queue_lifetime_s = 3600;
	assert_code(handle_open(&options, &o.clock.clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	fake_clock_advance(&o.clock, DAY_MS + HOUR_MS);
	assert_string_equal(ask(g, ANNA, BEN, NULL).reason, "budget");
	fake_clock_advance(&o.clock, 1);
	assert_int_equal(ask(g, ANNA, BEN, NULL).verdict, COLDRELAY_GATE_ALLOW);
	coldrelay_gate_close(g);
}

static void
gate__options_without_limits_have_the_paces_of_a_configuration(void **state)
{
	static const char *const peers[] = {"peer@warmup.example", NULL};
	struct coldrelay_gate_options options = office_options();
	struct coldrelay_gate *g = NULL;

	(void)state;
	options.limits = NULL;
	options.warmup_peers = peers;
	assert_code(handle_open(&options, &o.clock.clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	assert_string_equal(ask(g, BEN, EXTERN_MAIL, NULL).reason, "org_pace");
	assert_string_equal(ask(g, ANNA, ELSE_MAIL, NULL).reason, "mailbox_pace");
	assert_int_equal(ask(g, CARL, "peer@warmup.example", NULL).mail_class, COLDRELAY_GATE_WARMUP);
	coldrelay_gate_close(g);
}

static void
gate__configuration_is_read_and_its_first_fault_is_told(void **state)
{
	struct coldrelay_gate_options options = COLDRELAY_GATE_OPTIONS_INIT;
	struct coldrelay_gate *g = NULL;
	char text[STORE_PATH_MAX + 128];

	(void)state;
	options.config = cfg_path_text;
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	write_text(cfg_path_text,
	           "store = \"store.db\";\nkey_file = \"key\";\nlimits = { total = 5; };\nparalel = 3;\n");
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	assert_non_null(strstr(error, "cfg:4"));
	assert_non_null(strstr(error, "2 faults"));
	(void)snprintf(text, sizeof(text), "store = \"%s\";\nkey_file = \"key\";\nlimits = { total = 1; };\n", o.path);
	write_text(cfg_path_text, text);
	assert_code(handle_open(&options, &o.clock.clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	assert_string_equal(ask(g, ANNA, BEN, NULL).reason, "budget");
	coldrelay_gate_close(g);
	/* The usual places, which the environment leads to. */
	assert_int_equal(setenv("COLDRELAY_CONFIG", cfg_path_text, 1), 0);
	assert_code(handle_open(NULL, &o.clock.clock, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_string_equal(ask(g, ANNA, BEN, NULL).reason, "budget");
	coldrelay_gate_close(g);
	assert_int_equal(unsetenv("COLDRELAY_CONFIG"), 0);
}

static void
gate__store_or_key_that_is_missing_or_another_opens_nothing(void **state)
{
	struct coldrelay_gate_options options = office_options();
	struct coldrelay_gate *g = NULL;

	(void)state;
	options.store = "/nonexistent/store.db";
	open_fails(&options, COLDRELAY_GATE_ENOTFOUND);
	options = office_options();
	options.key_file = "/nonexistent/key";
	open_fails(&options, COLDRELAY_GATE_ESTORE);
	/* The store notes whose it is. */
	assert_ok(db_begin(o.db, &o.err), &o.err);
	assert_ok(db_exec(o.db, "INSERT INTO meta (key, value) VALUES ('key_id', 'another')", DB_NO_ARGS, NULL, &o.err),
	          &o.err);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	options = office_options();
	open_fails(&options, COLDRELAY_GATE_ESTORE);
	assert_code(coldrelay_gate_open(&options, &g, NULL, 0), COLDRELAY_GATE_ESTORE);
	/* Cut to what the caller has room for. */
	error[3] = 'x';
	assert_code(coldrelay_gate_open(&options, &g, error, 3), COLDRELAY_GATE_ESTORE);
	assert_int_equal(strlen(error), 2);
	assert_int_equal(error[3], 'x');
	coldrelay_gate_close(NULL);
}

/* ---- a guest in the process ---- */

/* Everything that could be said: faults, warnings, a store in trouble, an allow. */
static void
be_noisy(void)
{
	struct coldrelay_gate_options options = COLDRELAY_GATE_OPTIONS_INIT;
	struct coldrelay_gate *g = open_on(&o.clock.clock);

	(void)ask(g, ANNA, EXTERN_MAIL, NULL);
	assert_code(coldrelay_gate_release(g, "junk", error, sizeof(error)), COLDRELAY_GATE_ENOTFOUND);
	coldrelay_gate_close(g);
	options.config = cfg_path_text;
	write_text(cfg_path_text, "store = \"store.db\";\nkey_file = \"key\";\nstor = 1;\n");
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	write_text(cfg_path_text, "not a configuration");
	open_fails(&options, COLDRELAY_GATE_ECONFIG);
	/* A warning, and nobody who listens. */
	write_text(cfg_path_text, "store = \"postgresql://me:secret@127.0.0.1:1/none\";\nkey_file = \"key\";\n");
	assert_int_not_equal(coldrelay_gate_open(&options, &g, error, sizeof(error)), COLDRELAY_GATE_OK);
	assert_null(strstr(error, "secret"));
}

static void
gate__nothing_is_printed_and_the_process_stays_as_it_was(void **state)
{
	int spill = open(spill_path, O_RDWR | O_CREAT | O_TRUNC, 0600), out, err;
	struct sigaction was[32], is;
	struct stat st;

	(void)state;
	assert_true(spill >= 0);
	for (int s = 1; s < 32; s++)
		assert_int_equal(sigaction(s, NULL, &was[s]), 0);
	(void)fflush(NULL);
	out = dup(STDOUT_FILENO);
	err = dup(STDERR_FILENO);
	(void)dup2(spill, STDOUT_FILENO);
	(void)dup2(spill, STDERR_FILENO);
	be_noisy();
	(void)fflush(NULL);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	assert_int_equal(fstat(spill, &st), 0);
	assert_int_equal(st.st_size, 0);
	for (int s = 1; s < 32; s++) {
		assert_int_equal(sigaction(s, NULL, &is), 0);
		assert_true(is.sa_handler == was[s].sa_handler);
	}
	assert_string_equal(setlocale(LC_ALL, NULL), "C");
	(void)close(out);
	(void)close(err);
	(void)close(spill);
}

/* ---- fork ---- */

/* Exit status of the child: 0 when everything was as promised. */
static int
be_child(struct coldrelay_gate *g)
{
	const struct coldrelay_gate_request r = request(BEN, EXTERN_MAIL, NULL);
	struct coldrelay_gate_answer a = stale_answer();
	char text[128] = "";

	if (coldrelay_gate_ask(g, &r, &a, text, sizeof(text)) != COLDRELAY_GATE_EFORK || text[0] == '\0')
		return 1;
	if (a.verdict != COLDRELAY_GATE_WAIT || strcmp(a.reason, "error") != 0)
		return 2;
	if (coldrelay_gate_release(g, "junk", text, sizeof(text)) != COLDRELAY_GATE_EFORK)
		return 3;
	coldrelay_gate_close(g);
	return 0;
}

static void
gate__handle_of_before_a_fork_answers_an_error_in_the_child(void **state)
{
	struct coldrelay_gate *g = open_on(&o.clock.clock);
	int status = -1;
	pid_t child;

	(void)state;
	(void)ask(g, ANNA, EXTERN_MAIL, NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(be_child(g));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* The parent's locks and store are as they were. */
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_ALLOW);
	assert_int_equal(ask(g, ANNA, EXTERN_MAIL, NULL).verdict, COLDRELAY_GATE_WAIT);
	coldrelay_gate_close(g);
}

/* ---- threads ---- */

struct crowd {
	struct coldrelay_gate *g;
	const char *mailbox, *recipient;
	int asks;
	int allowed, waited; /* out */
};

static void *
crowd_run(void *arg)
{
	struct crowd *c = arg;

	for (int i = 0; i < c->asks; i++) {
		const struct coldrelay_gate_request r = request(c->mailbox, c->recipient, NULL);
		struct coldrelay_gate_answer a = stale_answer();
		int rc = coldrelay_gate_ask(c->g, &r, &a, NULL, 0);

		c->allowed += rc == COLDRELAY_GATE_OK && a.verdict == COLDRELAY_GATE_ALLOW;
		c->waited += rc == COLDRELAY_GATE_OK && strcmp(a.reason, "budget") == 0;
	}
	return NULL;
}

/* THREADS threads over n handles; every other one asks about warm-up.  The sum of what was allowed. */
static int
rush(struct coldrelay_gate *const *handles, size_t n)
{
	struct crowd crowd[THREADS];
	pthread_t thread[THREADS];
	int allowed = 0, waited = 0;

	for (size_t i = 0; i < THREADS; i++) {
		crowd[i] = (struct crowd){
			.g = handles[i % n],
			.mailbox = i % 3 == 0 ? "Anna@GetNorthwind.example" : ANNA,
			.recipient = i % 2 == 0 ? EXTERN_MAIL : BEN,
			.asks = 5,
		};
		assert_int_equal(pthread_create(&thread[i], NULL, crowd_run, &crowd[i]), 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		allowed += crowd[i].allowed;
		waited += crowd[i].waited;
	}
	assert_int_equal(allowed + waited, THREADS * 5);
	return allowed;
}

static void
gate__threads_on_one_handle_get_exactly_the_budget(void **state)
{
	struct coldrelay_gate *g = open_on(clock_system());

	(void)state;
	assert_int_equal(rush(&g, 1), 4);
	assert_int_equal(count_history(), 4);
	coldrelay_gate_close(g);
}

static void
gate__threads_on_several_handles_get_exactly_the_budget(void **state)
{
	struct coldrelay_gate *g[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		g[i] = open_on(clock_system());
	assert_int_equal(rush(g, 4), 4);
	assert_int_equal(count_history(), 4);
	for (size_t i = 0; i < 4; i++)
		coldrelay_gate_close(g[i]);
}

/* ---- who waits together ---- */

/* A leader that holds the line until it is told to go on. */
struct plug {
	struct turns *turns;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool in, out;
};

static int
plug_work(struct gate *gate, void *arg, struct err *err)
{
	struct plug *p = arg;

	(void)gate;
	(void)err;
	(void)pthread_mutex_lock(&p->mutex);
	p->in = true;
	(void)pthread_cond_broadcast(&p->changed);
	while (!p->out)
		(void)pthread_cond_wait(&p->changed, &p->mutex);
	(void)pthread_mutex_unlock(&p->mutex);
	return CR_OK;
}

static void *
plug_run(void *arg)
{
	struct plug *p = arg;

	(void)!turns_alone(p->turns, plug_work, p, NULL);
	return NULL;
}

struct asker {
	struct turns *turns;
	struct gate_request q;
	struct gate_answer a;
	int rc;
	struct err err;
};

static void *
asker_run(void *arg)
{
	struct asker *a = arg;

	a->rc = turns_ask(a->turns, &a->q, 1, &a->a, &a->err);
	return NULL;
}

/* Who asks while the plug is in stands in line when it goes out. */
static void
ask_together(struct asker *askers, size_t n)
{
	struct plug p = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	pthread_t plug, thread[16];

	assert_true(n <= ARRAY_LEN(thread));
	assert_ok(turns_open(o.gate, o.db, &p.turns, &o.err), &o.err);
	assert_int_equal(pthread_create(&plug, NULL, plug_run, &p), 0);
	(void)pthread_mutex_lock(&p.mutex);
	while (!p.in)
		(void)pthread_cond_wait(&p.changed, &p.mutex);
	(void)pthread_mutex_unlock(&p.mutex);
	for (size_t i = 0; i < n; i++) {
		askers[i].turns = p.turns;
		assert_int_equal(pthread_create(&thread[i], NULL, asker_run, &askers[i]), 0);
	}
	while (turns_waiting(p.turns) < n)
		(void)sched_yield();
	(void)pthread_mutex_lock(&p.mutex);
	p.out = true;
	(void)pthread_cond_broadcast(&p.changed);
	(void)pthread_mutex_unlock(&p.mutex);
	(void)pthread_join(plug, NULL);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(thread[i], NULL);
	turns_drop(&p.turns);
}

/* Of the write-ahead log: frames that end a transaction (sqlite.org/fileformat2.html s4.1: bytes 4..7 are not 0). */
static int
count_commits(void)
{
	char path[sizeof(o.path) + 8];
	unsigned char head[32], frame[24];
	uint32_t page;
	int n = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s-wal", o.path);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fread(head, sizeof(head), 1, f), 1);
	page = (uint32_t)head[8] << 24 | (uint32_t)head[9] << 16 | (uint32_t)head[10] << 8 | head[11];
	while (fread(frame, sizeof(frame), 1, f) == 1) {
		n += (frame[4] | frame[5] | frame[6] | frame[7]) != 0;
		assert_int_equal(fseek(f, (long)page, SEEK_CUR), 0);
	}
	(void)fclose(f);
	return n;
}

static void
turns__those_who_wait_together_share_one_commit(void **state)
{
	struct asker askers[3] = {
		{.q = {.mailbox = ANNA, .recipient = EXTERN_MAIL}},
		{.q = {.mailbox = "no one", .recipient = EXTERN_MAIL}},
		{.q = {.mailbox = CARL, .recipient = EXTERN_MAIL}},
	};
	int before;

	(void)state;
	if (store_server() != NULL)
		skip(); /* counts in the file's log */
	before = count_commits();
	ask_together(askers, 3);
	assert_ok(askers[0].rc, &askers[0].err);
	assert_int_equal(askers[0].a.verdict, GATE_ALLOW);
	assert_int_equal(askers[1].rc, CR_EPARSE);
	assert_int_equal(askers[2].a.verdict, GATE_ALLOW);
	assert_int_equal(count_commits() - before, 1);
	assert_int_equal(count_history(), 2);
}

static void
turns__damaged_row_is_the_trouble_of_its_asker_alone(void **state)
{
	struct asker askers[3] = {
		{.q = {.mailbox = ANNA, .recipient = EXTERN_MAIL}},
		{.q = {.mailbox = BEN, .recipient = EXTERN_MAIL}},
		{.q = {.mailbox = CARL, .recipient = EXTERN_MAIL}},
	};

	(void)state;
	assert_ok(db_begin(o.db, &o.err), &o.err);
	damage(BEN);
	assert_ok(db_commit(o.db, &o.err), &o.err);
	ask_together(askers, 3);
	assert_ok(askers[0].rc, &askers[0].err);
	assert_int_equal(askers[0].a.verdict, GATE_ALLOW);
	assert_int_equal(askers[1].rc, CR_ESTORE);
	assert_string_not_equal(askers[1].err.text, "");
	assert_ok(askers[2].rc, &askers[2].err);
	assert_int_equal(askers[2].a.verdict, GATE_ALLOW);
	assert_int_equal(count_history(), 2);
}

static void
turns__commit_that_never_began_is_an_error_for_all(void **state)
{
	struct asker askers[2] = {
		{.q = {.mailbox = ANNA, .recipient = EXTERN_MAIL}},
		{.q = {.mailbox = CARL, .recipient = EXTERN_MAIL}},
	};
	struct db *other = office_open_store(&o, DB_WRITE);

	(void)state;
	assert_ok(db_begin(other, &o.err), &o.err);
	ask_together(askers, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(askers[i].rc, CR_ERETRY);
		assert_string_not_equal(askers[i].err.text, "");
	}
	db_rollback(other);
	db_drop(&other);
	assert_int_equal(count_history(), 0);
}

#define STORE_TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest store_tests[] = {
		STORE_TEST(gate__third_outbound_of_a_day_waits_until_the_first_returns),
		STORE_TEST(gate__refusal_is_told_apart_from_wait),
		STORE_TEST(gate__same_id_is_charged_once_and_dry_run_not_at_all),
		STORE_TEST(gate__ticket_gives_the_token_back_once),
		STORE_TEST(gate__recipients_of_a_message_are_all_allowed_or_none),
		STORE_TEST(gate__requests_of_two_messages_are_refused_without_charge),
		STORE_TEST(gate__answer_of_unknown_size_is_left_alone),
		STORE_TEST(gate__store_that_is_busy_or_damaged_waits),
		STORE_TEST(gate__commit_of_unknown_fate_is_no_allow_and_the_id_is_charged_once),
		STORE_TEST(gate__program_of_a_later_header_is_understood),
		STORE_TEST(gate__options_that_contradict_themselves_open_nothing),
		STORE_TEST(gate__limits_can_be_lowered_and_never_raised),
		STORE_TEST(gate__options_without_limits_have_the_paces_of_a_configuration),
		STORE_TEST(gate__configuration_is_read_and_its_first_fault_is_told),
		STORE_TEST(gate__store_or_key_that_is_missing_or_another_opens_nothing),
		STORE_TEST(gate__nothing_is_printed_and_the_process_stays_as_it_was),
		STORE_TEST(gate__handle_of_before_a_fork_answers_an_error_in_the_child),
		STORE_TEST(gate__threads_on_one_handle_get_exactly_the_budget),
		STORE_TEST(gate__threads_on_several_handles_get_exactly_the_budget),
		STORE_TEST(turns__those_who_wait_together_share_one_commit),
		STORE_TEST(turns__damaged_row_is_the_trouble_of_its_asker_alone),
		STORE_TEST(turns__commit_that_never_began_is_an_error_for_all),
	};
	static struct CMUnitTest tests[64];
	size_t n = 0;

	for (; n < ARRAY_LEN(store_tests); n++)
		tests[n] = store_tests[n];
	ROWS(tests, n, wrong_rows, check_wrong);
	return rows_run("library/gate", tests, n);
}
