/*
 * test_homes.c - whose mailbox a recipient is: never "certainly none of ours" of one that is, whenever and by whom it was made.
 */
#include "budget/facts.h"
#include "budget/homes.h"
#include "tests/budget/office.h"

#define ENOUGH 32 /* questions that the filter is built for */
#define NEW_A  "new.a@getnorthwind.example"
#define NEW_B  "erik@meetnorthwind.example"
#define MANY   3000

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool is_memory_out;

void *
__wrap_calloc(size_t n, size_t size)
{
	return is_memory_out ? NULL : __real_calloc(n, size);
}

/* What a recipient counts as; "outbound", "warmup". */
static const char *
class_of(struct office *o, const char *recipient)
{
	struct gate_request q = {.mailbox = ANNA, .recipient = recipient, .dry_run = true};
	struct gate_answer a;

	assert_ok(gate_ask(o->gate, &q, &a, &o->err), &o->err);
	return a.class == GATE_WARMUP ? "warmup" : "outbound";
}

/* As many questions as make the gate build its filter. */
static void
build(struct office *o)
{
	char to[64];

	for (int i = 0; i < ENOUGH; i++) {
		(void)snprintf(to, sizeof(to), "x@stranger%d.example", i);
		assert_string_equal(class_of(o, to), "outbound");
	}
	assert_true(o->gate->ledger.homes.current);
	assert_non_null(o->gate->ledger.homes.domains.bits);
}

static void
add_mailbox(struct office *o, const char *domain, const char *mailbox)
{
	office_add_domain(o, TENANT, domain, OFFICE_START_MS - DAY_MS, &mailbox, 1);
}

/* One more on a domain that has mailboxes already: as a second `provision` does. */
static void
register_mailbox(struct office *o, const char *domain, const char *mailbox)
{
	struct contain c = office_contain(o);

	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(contain_register(&c, domain, OFFICE_START_MS, &mailbox, 1, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

/* ---- how a recipient is written ---- */

static const struct spelling_row {
	const char *name, *recipient, *want;
} spellings[] = {
	{"a mailbox of ours is warm-up",                            BEN,                               "warmup"  },
	{"a mailbox on another domain of ours is warm-up",          CARL,                              "warmup"  },
	{"upper case in the domain is the same mailbox",            "ben@GetNorthwind.EXAMPLE",        "warmup"  },
	{"upper case in the local part is the same mailbox",        "BEN@getnorthwind.example",        "warmup"  },
	{"a final dot is the same domain",                          "ben@getnorthwind.example.",       NULL      },
	{"a quoted local part is the same mailbox",                 "\"ben\"@getnorthwind.example",    NULL      },
	{"a domain in U-labels is the one in A-labels",             "ida@m\xc3\xbcnchen-nord.example", "warmup"  },
	{"a domain in A-labels is its own",                         "ida@xn--mnchen-nord-lsb.example", NULL      },
	{"nobody's mailbox on a domain of ours is outbound",        "nobody@getnorthwind.example",     "outbound"},
	{"a tag behind a plus is another address, and outbound",    "ben+x@getnorthwind.example",      "outbound"},
	{"a host below a domain of ours is another",                "ben@www.getnorthwind.example",    "outbound"},
	{"a domain that ends like ours is another",                 "ben@notgetnorthwind.example",     "outbound"},
	{"the primary domain, which has no mailboxes, is outbound", "ben@northwind.example",           "outbound"},
	{"a declared peer is warm-up",                              "any@pool.example",                "warmup"  },
};

/* What the store itself says of it, before there is a filter, is what it says with one. */
static void
check_spelling(void **state)
{
	const struct spelling_row *r = *state;
	struct gate_words words;
	struct office o;
	const char *want = r->want;

	office_open(&o, NO_PACE);
	assert_ok(gate_read(o.gate, ANNA, "ida@m\xc3\xbcnchen-nord.example", &words, &o.err), &o.err);
	add_mailbox(&o, words.recipient.domain, words.recipient.text);
	if (gate_read(o.gate, ANNA, r->recipient, &words, &o.err) != CR_OK) {
		/* Never asked about at all. */
		assert_null(want);
		office_close(&o);
		return;
	}
	if (want == NULL)
		want = class_of(&o, r->recipient);
	assert_string_equal(class_of(&o, r->recipient), want);
	office_gate(&o, NO_PACE);
	build(&o);
	assert_string_equal(class_of(&o, r->recipient), want);
	office_close(&o);
}

/* ---- who makes a mailbox after the filter was built ---- */

static void
make_here(struct office *o, const char *domain, const char *mailbox)
{
	add_mailbox(o, domain, mailbox);
}

static void
make_elsewhere(struct office *o, const char *domain, const char *mailbox)
{
	struct office other = *o;

	other.db = office_open_store(&other, DB_WRITE);
	add_mailbox(&other, domain, mailbox);
	db_drop(&other.db);
}

static void
make_on_known_domain(struct office *o, const char *domain, const char *mailbox)
{
	(void)domain;
	register_mailbox(o, "getnorthwind.example", mailbox);
}

static void
make_and_restore(struct office *o, const char *domain, const char *mailbox)
{
	add_mailbox(o, domain, mailbox);
	assert_string_equal(class_of(o, mailbox), "warmup");
	CHANGE(o, contain_remove_mailbox, mailbox);
	assert_string_equal(class_of(o, mailbox), "outbound");
	register_mailbox(o, domain, mailbox);
}

/* So many that the filter is built anew, and the one asked about is among them. */
static void
make_among_many(struct office *o, const char *domain, const char *mailbox)
{
	const struct homes *h = &o->gate->ledger.homes;
	const size_t before = h->domains.n_bits;
	char name[64], address[80];

	assert_ok(db_begin(o->db, &o->err), &o->err);
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "home%d.example", i);
		(void)snprintf(address, sizeof(address), "a@%s", name);
		if (i == MANY / 2) {
			(void)snprintf(name, sizeof(name), "%s", domain);
			(void)snprintf(address, sizeof(address), "%s", mailbox);
		}
		assert_ok(db_exec(o->db,
		                  "INSERT INTO domain (name, tenant, state, since_ms, created_ms) VALUES ($1, $2, "
		                  "'warming', 1, 1)",
		                  DB_ARGS(db_text(name), db_text(TENANT)), NULL, &o->err),
		          &o->err);
		assert_ok(db_exec(o->db, "INSERT INTO mailbox (address, domain) VALUES ($1, $2)",
		                  DB_ARGS(db_text(address), db_text(name)), NULL, &o->err),
		          &o->err);
	}
	assert_ok(db_commit(o->db, &o->err), &o->err);
	assert_string_equal(class_of(o, "x@stranger.example"), "outbound");
	assert_true(h->domains.n_bits > before);
	assert_false(bloom_is_full(&h->domains));
}

static const struct maker_row {
	const char *name;
	void (*make)(struct office *o, const char *domain, const char *mailbox);
	const char *domain, *mailbox;
} makers[] = {
	{"made by this handle, on a new domain",                make_here,            "meetnorthwind.example", NEW_B},
	{"made by another handle, on a new domain",             make_elsewhere,       "meetnorthwind.example", NEW_B},
	{"made on a domain with mailboxes",                     make_on_known_domain, "getnorthwind.example",  NEW_A},
	{"made, removed, and made once more",                   make_and_restore,     "meetnorthwind.example", NEW_B},
	{"made among so many that the filter is started again", make_among_many,      "meetnorthwind.example", NEW_B},
};

static void
check_maker(void **state)
{
	const struct maker_row *r = *state;
	struct office o;

	office_open(&o, NO_PACE);
	build(&o);
	assert_string_equal(class_of(&o, r->mailbox), "outbound");
	r->make(&o, r->domain, r->mailbox);
	assert_string_equal(class_of(&o, r->mailbox), "warmup");
	/* And later, and others still. */
	assert_string_equal(class_of(&o, r->mailbox), "warmup");
	assert_string_equal(class_of(&o, BEN), "warmup");
	assert_string_equal(class_of(&o, "x@stranger.example"), "outbound");
	office_close(&o);
}

/* Round by round: what is read anew begins behind the last one read. */
static void
homes__many_made_one_by_one_are_all_known(void **state)
{
	struct office o;
	char domain[64], mailbox[80];

	(void)state;
	office_open(&o, NO_PACE);
	build(&o);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(domain, sizeof(domain), "home%d.example", i);
		(void)snprintf(mailbox, sizeof(mailbox), "a@%s", domain);
		assert_string_equal(class_of(&o, mailbox), "outbound");
		(i % 2 == 0 ? make_here : make_elsewhere)(&o, domain, mailbox);
		assert_string_equal(class_of(&o, mailbox), "warmup");
	}
	/* Nor is anything read twice. */
	assert_int_equal(o.gate->ledger.homes.last_mailbox, 3 + 40);
	assert_int_equal(o.gate->ledger.homes.domains.n, 2 + 40);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(mailbox, sizeof(mailbox), "a@home%d.example", i);
		assert_string_equal(class_of(&o, mailbox), "warmup");
	}
	office_close(&o);
}

static void
homes__a_removed_mailbox_is_outbound(void **state)
{
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	build(&o);
	assert_string_equal(class_of(&o, BEN), "warmup");
	CHANGE(&o, contain_remove_mailbox, BEN);
	assert_string_equal(class_of(&o, BEN), "outbound");
	assert_string_equal(class_of(&o, CARL), "warmup");
	office_close(&o);
}

/* ---- when it is built, and when it says nothing ---- */

static void
refresh(struct homes *h, struct office *o, size_t n)
{
	assert_ok(homes_refresh(h, o->db, n, &o->err), &o->err);
}

static void
homes__says_maybe_until_it_is_worth_it(void **state)
{
	struct homes h = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	for (int i = 0; i < ENOUGH - 1; i++)
		refresh(&h, &o, 1);
	assert_null(h.domains.bits);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	refresh(&h, &o, 1);
	assert_false(homes_maybe(&h, "x@stranger.example"));
	assert_true(homes_maybe(&h, BEN));
	/* No address at all is not for a filter to refuse. */
	assert_true(homes_maybe(&h, "nobody"));
	homes_stale(&h);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	/* What is there already is worth catching up at once. */
	refresh(&h, &o, 1);
	assert_false(homes_maybe(&h, "x@stranger.example"));
	homes_release(&h);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	office_close(&o);
}

static void
homes__a_whole_list_is_worth_it_at_once(void **state)
{
	struct homes h = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	refresh(&h, &o, 200);
	assert_false(homes_maybe(&h, "x@stranger.example"));
	assert_true(homes_maybe(&h, CARL));
	homes_release(&h);
	office_close(&o);
}

static void
homes__without_memory_it_says_maybe_and_is_built_later(void **state)
{
	struct homes h = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	/* Its statements are made by now. */
	refresh(&h, &o, ENOUGH);
	homes_release(&h);
	is_memory_out = true;
	assert_int_equal(homes_refresh(&h, o.db, ENOUGH, &o.err), CR_ENOMEM);
	is_memory_out = false;
	assert_true(homes_maybe(&h, "x@stranger.example"));
	assert_true(homes_maybe(&h, BEN));
	refresh(&h, &o, 1);
	assert_false(homes_maybe(&h, "x@stranger.example"));
	assert_true(homes_maybe(&h, BEN));
	homes_release(&h);
	office_close(&o);
}

static void
run(struct office *o, const char *sql)
{
	assert_ok(db_begin(o->db, &o->err), &o->err);
	assert_ok(db_exec(o->db, sql, DB_NO_ARGS, NULL, &o->err), &o->err);
	assert_ok(db_commit(o->db, &o->err), &o->err);
}

/* A list that could not be read, at first or when catching up: half of it must not be taken for the whole. */
static void
homes__a_list_that_cannot_be_read_stays_unknown(void **state)
{
	struct homes h = {0};
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	run(&o, "ALTER TABLE domain RENAME TO domain_away");
	assert_int_equal(homes_refresh(&h, o.db, ENOUGH, &o.err), CR_ESTORE);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	run(&o, "ALTER TABLE domain_away RENAME TO domain");
	/* Counted, and then not read. */
	run(&o, "ALTER TABLE domain RENAME COLUMN name TO name_away");
	assert_int_equal(homes_refresh(&h, o.db, 1, &o.err), CR_ESTORE);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	run(&o, "ALTER TABLE domain RENAME COLUMN name_away TO name");
	refresh(&h, &o, 1);
	assert_false(homes_maybe(&h, "x@stranger.example"));
	assert_true(homes_maybe(&h, BEN));

	homes_stale(&h);
	run(&o, "ALTER TABLE mailbox RENAME TO mailbox_away");
	assert_int_equal(homes_refresh(&h, o.db, 1, &o.err), CR_ESTORE);
	assert_true(homes_maybe(&h, "x@stranger.example"));
	run(&o, "ALTER TABLE mailbox_away RENAME TO mailbox");
	add_mailbox(&o, "meetnorthwind.example", NEW_B);
	refresh(&h, &o, 1);
	assert_true(homes_maybe(&h, NEW_B));
	assert_false(homes_maybe(&h, "x@stranger.example"));
	homes_release(&h);
	office_close(&o);
}

/* The same through the gate, and the list of questions is answered in its order. */
static void
gate__two_hundred_recipients_at_once_are_told_apart(void **state)
{
	static struct gate_request q[200];
	static struct gate_answer a[200];
	static char to[200][64];
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	for (int round = 0; round < 3; round++) {
		if (round == 2)
			make_elsewhere(&o, "meetnorthwind.example", NEW_B);
		for (size_t i = 0; i < ARRAY_LEN(q); i++) {
			if (i % 10 == 3)
				(void)snprintf(to[i], sizeof(to[i]), "%s", i % 20 == 3 ? BEN : NEW_B);
			else if (i % 10 == 7)
				(void)snprintf(to[i], sizeof(to[i]), "nobody%zu@getnorthwind.example", i);
			else
				(void)snprintf(to[i], sizeof(to[i]), "x@stranger%d-%zu.example", round, i);
			q[i] = (struct gate_request){.mailbox = ANNA, .recipient = to[i], .dry_run = true};
		}
		assert_ok(gate_begin(o.gate, &o.err), &o.err);
		assert_ok(gate_expect(o.gate, q, ARRAY_LEN(q), &o.err), &o.err);
		assert_true(o.gate->ledger.homes.current);
		for (size_t i = 0; i < ARRAY_LEN(q); i++) {
			const bool ours = i % 20 == 3 || (i % 20 == 13 && round == 2);

			assert_ok(gate_ask_in(o.gate, &q[i], 1, &a[i], &o.err), &o.err);
			assert_int_equal(a[i].class, ours ? GATE_WARMUP : GATE_OUTBOUND);
		}
		gate_rollback(o.gate);
	}
	office_close(&o);
}

static void
gate__one_of_ours_among_strangers_is_found(void **state)
{
	const struct gate_request q[] = {
		{.mailbox = ANNA, .recipient = "x@stranger.example", .dry_run = true},
		{.mailbox = ANNA, .recipient = CARL,                 .dry_run = true},
	};
	struct gate_answer a;
	struct office o;

	(void)state;
	office_open(&o, NO_PACE);
	build(&o);
	assert_ok(gate_begin(o.gate, &o.err), &o.err);
	assert_ok(gate_expect(o.gate, q, ARRAY_LEN(q), &o.err), &o.err);
	for (size_t i = 0; i < ARRAY_LEN(q); i++) {
		assert_ok(gate_ask_in(o.gate, &q[i], 1, &a, &o.err), &o.err);
		assert_int_equal(a.class, i == 1 ? GATE_WARMUP : GATE_OUTBOUND);
	}
	gate_rollback(o.gate);
	office_close(&o);
}

int
main(void)
{
	struct CMUnitTest tests[40];
	size_t n = 0;

	ROWS(tests, n, spellings, check_spelling);
	ROWS(tests, n, makers, check_maker);
	TEST(tests, n, homes__many_made_one_by_one_are_all_known);
	TEST(tests, n, homes__a_removed_mailbox_is_outbound);
	TEST(tests, n, homes__says_maybe_until_it_is_worth_it);
	TEST(tests, n, homes__a_whole_list_is_worth_it_at_once);
	TEST(tests, n, homes__without_memory_it_says_maybe_and_is_built_later);
	TEST(tests, n, homes__a_list_that_cannot_be_read_stays_unknown);
	TEST(tests, n, gate__two_hundred_recipients_at_once_are_told_apart);
	TEST(tests, n, gate__one_of_ours_among_strangers_is_found);
	return rows_run("budget/homes", tests, n);
}
