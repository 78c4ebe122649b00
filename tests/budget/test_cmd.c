/*
 * test_cmd.c - exit codes and output of the gate's commands, each run as the door runs it.
 */
#include "budget/cmd.h"
#include "budget/settings.h"
#include "core/json.h"
#include "core/log.h"
#include "tests/budget/office.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char dir[64];
static struct fake_clock fake;

struct result {
	int exit_code;
	char *out;
	size_t out_len;
	struct err err;
};

static const char *
in_dir(const char *name)
{
	static char path[2][128];
	static int turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(in_dir(name), mode), 0);
}

static void
session_init(struct session *s, bool json, FILE *out)
{
	static char config[128];

	(void)snprintf(config, sizeof(config), "%s", in_dir("coldrelay.cfg"));
	*s = (struct session){.config_path = config, .clock = &fake.clock, .json = json, .out = out};
}

/* words: a command line, split at blanks; "_" inside a word stands for a blank. */
static struct result
run_line(const char *line, bool json)
{
	char copy[512], *argv[24], *save = NULL;
	struct result r = {0};
	struct session s;
	int argc = 0, rc = CR_EBUG;
	FILE *out = open_memstream(&r.out, &r.out_len);

	assert_non_null(out);
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w != NULL && argc < 23; w = strtok_r(NULL, " ", &save)) {
		for (char *p = w; *p != '\0'; p++)
			*p = *p == '_' ? ' ' : *p;
		argv[argc++] = w;
	}
	argv[argc] = NULL;
	session_init(&s, json, out);
	for (size_t i = 0; i < budget_commands_n; i++) {
		if (argc > 0 && strcmp(budget_commands[i].name, argv[0]) == 0)
			rc = budget_commands[i].run(&s, argc, argv, &r.err);
	}
	session_release(&s);
	assert_int_equal(fclose(out), 0);
	r.exit_code = rc < 0 ? err_exit_code(rc) : rc;
	return r;
}

/* A line of the session, its exit code, and what its output (or error) holds. */
static void
expect(const char *line, bool json, int exit_code, const char *holds)
{
	struct result r = run_line(line, json);

	if (r.exit_code != exit_code)
		fail_msg("%s: exit %d, not %d: %s %s", line, r.exit_code, exit_code, r.out, r.err.text);
	if (holds != NULL && strstr(r.out, holds) == NULL && strstr(r.err.text, holds) == NULL)
		fail_msg("%s: no '%s' in: %s %s", line, holds, r.out, r.err.text);
	free(r.out);
}

static int
make_installation(void **state)
{
	static const char *const get[] = {ANNA, BEN};
	struct office o = {0};
	struct session s;
	struct contain c;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/coldrelay-cmd.XXXXXX");
	assert_non_null(mkdtemp(dir));
	fake_clock_init(&fake, OFFICE_START_MS);
	write_file("coldrelay.cfg",
	           "store = \"store.db\";\nkey_file = \"install.key\";\nlimits = { org_per_hour = 0; org_per_day = 0; "
	           "mailbox_gap = 0; };\nwarmup_peers = [ \"peer.example\" ];\n",
	           0600);
	session_init(&s, false, stdout);
	assert_ok(session_store(&s, DB_CREATE, &o.err), &o.err);
	c = cmd_contain(&s);
	assert_ok(db_begin(s.db, &o.err), &o.err);
	assert_ok(contain_plan_domain(&c, TENANT, "getnorthwind.example", &o.err), &o.err);
	assert_ok(contain_provisioning(&c, "getnorthwind.example", &o.err), &o.err);
	assert_ok(contain_register(&c, "getnorthwind.example", OFFICE_START_MS, get, 2, &o.err), &o.err);
	assert_ok(db_commit(s.db, &o.err), &o.err);
	session_release(&s);
	return 0;
}

static int
remove_installation(void **state)
{
	static const char *const names[] = {"coldrelay.cfg", "install.key",  "store.db",
	                                    "store.db-wal",  "store.db-shm", "store.db.lock",
	                                    "store.db.open", "list.csv",     "bad.csv"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		(void)unlink(in_dir(names[i]));
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static void
check__json_is_as_it_was_promised(void **state)
{
	static const char *const keys[] = {"verdict", "reason",   "mailbox", "class",
	                                   "left",    "retry_at", "ticket",  "message"};
	struct result r = run_line("check Anna@getnorthwind.example --to dora@fabrikam.example --message-id 1", true);
	const char *key, *text;
	struct json_at root, at;
	struct json *j = NULL;
	struct err err;

	(void)state;
	assert_int_equal(r.exit_code, 0);
	assert_ok(json_parse(r.out, r.out_len, &j, &err), &err);
	root = json_root(j);
	assert_int_equal(json_count(&root), ARRAY_LEN(keys));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		(void)json_member(&root, i, &key);
		assert_string_equal(key, keys[i]);
	}
	at = json_get(&root, "mailbox");
	assert_ok(json_want_string(&at, &text, &err), &err);
	assert_string_equal(text, ANNA);
	at = json_get(&root, "retry_at");
	assert_true(json_is_null(&at));
	json_drop(&j);
	free(r.out);
	expect("check " BEN " --to x@one.example", true, 0, "\"left\":{\"outbound\":1,\"warmup\":2},\"retry_at\":null");
}

static void
check__exit_says_allow_wait_or_refuse(void **state)
{
	(void)state;
	expect("check " ANNA " --to a@one.example", false, 0, "allow");
	expect("check " ANNA " --to b@two.example --dry-run", false, 0, "allow");
	expect("check " ANNA " --to b@two.example", false, 0, "ticket");
	expect("check " ANNA " --to c@three.example", true, 75,
	       "\"reason\":\"budget\",\"mailbox\":\"" ANNA "\",\"class\":\"outbound\",\"left\":{\"outbound\":0,"
	       "\"warmup\":2},\"retry_at\":\"2025-11-26T11:07:00Z\",\"ticket\":null");
	expect("check " ANNA " --to any@peer.example", true, 0, "\"class\":\"warmup\"");
	expect("check ceo@" TENANT " --to a@one.example", true, 77, "primary_domain");
	expect("check x@elsewhere.example --to a@one.example", true, 77, "unknown_mailbox");
	expect("check " ANNA, false, 64, "--to");
	expect("check " ANNA " --to nobody", false, 64, NULL);
	expect("check --to a@one.example", false, 64, "usage");
}

static void
check__a_clock_in_doubt_exits_69(void **state)
{
	(void)state;
	expect("check " ANNA " --to a@one.example", false, 0, "allow");
	fake_clock_reboot(&fake, "boot-2", 0);
	fake_clock_step(&fake, -HOUR_MS);
	expect("check " ANNA " --to b@two.example", true, 69, "\"verdict\":\"wait\",\"reason\":\"clock\"");
	expect("status", true, 1, "\"alarm\":\"clock\"");
	/* A freeze does not ask what time it is. */
	expect("freeze getnorthwind.example --reason odd", false, 0, NULL);
}

struct trouble {
	const char *name;
	void (*make)(void);
	int want;
};

static void
no_store(void)
{
	assert_int_equal(unlink(in_dir("store.db")), 0);
}

static void
no_key(void)
{
	assert_int_equal(unlink(in_dir("install.key")), 0);
	no_store();
}

static void
key_is_gone(void)
{
	assert_int_equal(unlink(in_dir("install.key")), 0);
}

static void
key_is_another(void)
{
	write_file("install.key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600);
}

static void
not_a_database(void)
{
	(void)unlink(in_dir("store.db-wal"));
	(void)unlink(in_dir("store.db-shm"));
	write_file("store.db", "this is no database, but long enough to be taken for one by somebody in a hurry......",
	           0600);
}

static void
newer_schema(void)
{
	struct err err;
	struct session s;

	session_init(&s, false, stdout);
	assert_ok(session_store(&s, DB_WRITE, &err), &err);
	assert_ok(db_begin(s.db, &err), &err);
	assert_ok(db_exec(s.db, "PRAGMA user_version = 99", DB_NO_ARGS, NULL, &err), &err);
	assert_ok(db_commit(s.db, &err), &err);
	session_release(&s);
}

static void
open_to_others(void)
{
	assert_int_equal(chmod(in_dir("store.db"), 0644), 0);
}

static const struct trouble troubles[] = {
	{"a store that is not there: wait, 69",         no_store,       69},
	{"nor its key: wait, 69",                       no_key,         69},
	{"a store whose key is gone: wait, never 0",    key_is_gone,    74},
	{"a store under another key: wait, never 0",    key_is_another, 74},
	{"a file that is no store: wait, never 0",      not_a_database, -1},
	{"a store of a newer program: wait, never 0",   newer_schema,   -1},
	{"a store that others can read: wait, never 0", open_to_others, -1},
};

static void
check_trouble(void **state)
{
	const struct trouble *t = *state;
	struct result r;

	assert_int_equal(make_installation(NULL), 0);
	t->make();
	r = run_line("check " ANNA " --to a@one.example", true);
	if (t->want > 0)
		assert_int_equal(r.exit_code, t->want);
	assert_true(r.exit_code == 69 || r.exit_code == 74);
	assert_non_null(strstr(r.out, "\"verdict\":\"wait\",\"reason\":\"store\",\"mailbox\":\"" ANNA "\""));
	free(r.out);
	r = run_line("why " ANNA " a@one.example", false);
	assert_true(r.exit_code == 69 || r.exit_code == 74);
	free(r.out);
	assert_int_equal(remove_installation(NULL), 0);
}

/* An allow that nobody was told is none: it is asked again, by its id. */
static void
check__an_answer_that_cannot_be_written_is_no_exit_0(void **state)
{
	char words[4][64] = {"check", ANNA, "--to", "a@one.example"};
	char *argv[] = {words[0], words[1], words[2], words[3], NULL};
	FILE *full = fopen("/dev/full", "w");
	struct err err = {0};
	struct session s;

	(void)state;
	assert_non_null(full);
	session_init(&s, true, full);
	assert_int_not_equal(cmd_check(&s, 4, argv, &err), 0);
	session_release(&s);
	(void)fclose(full);
}

/* ---- a daemon that lies, or says nothing ---- */

static const struct rude {
	const char *name, *line, *says;
	int n, want; /* connections taken; the exit code */
} rudes[] = {
	{"a release is no answer to a check",            "check " ANNA " --to a@one.example",                "released=1\n\n",  1, 74},
	{"a check without an id stops at a silence",     "check " ANNA " --to a@one.example",                "",                1, 74},
	{"with an id it asks twice, and then the store", "check " ANNA " --to a@one.example --message-id 1", "",                2, 0 },
	{"the store's trouble is the daemon's answer",   "check " ANNA " --to a@one.example",                "error=store\n\n", 1, 74},
	{"an allow is no answer to a release",           "release 1-0000000000000001",
         "verdict=allow\nreason=ok\nmailbox=a@b.example\nclass=warmup\nleft_outbound=1\nleft_warmup=0\nretry_at_ms=0\n"
         "ticket=\nmessage=x\n\n",                                                                                              1, -1},
	{"a release stops at a silence",                 "release 1-0000000000000001",                       "",                1, -1},
};

static void
be_rude(int listener, const struct rude *r)
{
	char text[2048];

	/* Who is not asked often enough ends, and says so. */
	(void)alarm(20);
	for (int i = 0; i < r->n; i++) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || read(fd, text, sizeof(text)) <= 0 ||
		    send(fd, r->says, strlen(r->says), MSG_NOSIGNAL) != (ssize_t)strlen(r->says))
			_exit(1);
		if (i == r->n - 1)
			(void)close(listener);
		(void)close(fd);
	}
	_exit(0);
}

static void
check_rude(void **state)
{
	const struct rude *r = *state;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char config[512];
	struct result got;
	int listener, status;
	pid_t child;

	assert_int_equal(make_installation(NULL), 0);
	(void)snprintf(config, sizeof(config),
	               "store = \"store.db\";\nkey_file = \"install.key\";\nlisten = \"unix:%s/gate\";\n", dir);
	write_file("coldrelay.cfg", config, 0600);
	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s/gate", dir);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		be_rude(listener, r);
	(void)close(listener);
	got = run_line(r->line, true);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	if (r->want >= 0)
		assert_int_equal(got.exit_code, r->want);
	else /* neither done nor known not to be */
		assert_true(got.exit_code != 0 && got.exit_code != 77);
	free(got.out);
	assert_int_equal(unlink(at.sun_path), 0);
	assert_int_equal(remove_installation(NULL), 0);
}

static void
release__takes_a_ticket_once(void **state)
{
	struct result r = run_line("check " ANNA " --to a@one.example", true);
	char ticket[64] = "", line[128];
	const char *at = strstr(r.out, "\"ticket\":\"");

	(void)state;
	assert_non_null(at);
	(void)snprintf(ticket, sizeof(ticket), "%.*s", (int)strcspn(at + 10, "\""), at + 10);
	(void)snprintf(line, sizeof(line), "release %s", ticket);
	free(r.out);
	expect(line, true, 0, ticket);
	expect(line, false, 77, "no such ticket");
	expect("release", false, 64, "usage");
}

static void
why__shows_every_test(void **state)
{
	(void)state;
	expect("why " ANNA " dora@fabrikam.example", false, 0, "suppression");
	expect("suppress add fabrikam.example --reason asked", false, 0, "suppressed");
	expect("freeze getnorthwind.example --reason test", false, 0, "frozen");
	expect("why " ANNA " dora@fabrikam.example", true, 77,
	       "{\"test\":\"state\",\"verdict\":\"refuse\",\"reason\":\"frozen\"");
	expect("why x@elsewhere.example dora@fabrikam.example", true, 77,
	       "{\"test\":\"budget\",\"verdict\":null,\"reason\":null");
}

static void
freeze__and_thaw_need_a_reason(void **state)
{
	(void)state;
	expect("freeze getnorthwind.example", false, 64, "--reason");
	expect("thaw getnorthwind.example --reason reviewed", false, 77, "cannot be thawed");
	expect("freeze GetNorthwind.example. --reason complaint", true, 0, "\"event\":\"frozen\"");
	expect("status", false, 1, "ALARM");
	expect("status getnorthwind.example", true, 1, "\"state\":\"frozen\"");
	expect("check " ANNA " --to a@one.example", true, 77, "frozen");
	expect("thaw getnorthwind.example --reason reviewed", false, 0, "thawed");
	expect("freeze " TENANT " --reason everything", false, 77, "is a primary domain");
	expect("freeze getnorthwind.example --tenant --reason everything", false, 77, "no tenant");
	expect("freeze " TENANT " --tenant --reason everything", false, 0, NULL);
	expect("check " ANNA " --to a@one.example", true, 77, "frozen");
	expect("thaw " TENANT " --reason over", false, 77, "is a primary domain");
	expect("thaw " TENANT " --tenant --reason over", false, 0, NULL);
	expect("check " ANNA " --to a@one.example", true, 0, "allow");
	expect("freeze nobody.example --reason x", false, 77, "no such");
	expect("freeze not_a_name --reason x", false, 64, NULL);
}

static void
status__shows_what_was_sent(void **state)
{
	(void)state;
	expect("check " ANNA " --to a@one.example", false, 0, NULL);
	expect("check " ANNA " --to " BEN, false, 0, NULL);
	expect("status", false, 0, "getnorthwind.example");
	expect("status", true, 0,
	       "\"state\":\"active\",\"age_s\":0,\"sent\":{\"outbound\":1,\"warmup\":1},\"blocks\":0");
	expect("status nobody.example", false, 77, "no such");
}

static void
suppress__list_by_hand(void **state)
{
	(void)state;
	expect("suppress add dora@fabrikam.example --reason opted_out --tenant " TENANT, true, 0, "suppressed");
	expect("suppress add dora@fabrikam.example --reason opted_out --tenant " TENANT, false, 0, "already");
	expect("suppress add dora@fabrikam.example", false, 64, "--reason");
	expect("suppress check dora@fabrikam.example", false, 77, "suppressed");
	expect("suppress check dora@fabrikam.example --tenant contoso.example", false, 0, "open");
	expect("check " ANNA " --to dora@fabrikam.example", true, 77, "suppressed");
	expect("suppress list", false, 0, "opted out");
	expect("suppress lift dora@fabrikam.example --reason x --tenant " TENANT, false, 64, "--evidence");
	expect("suppress lift dora@fabrikam.example --reason x --evidence y", false, 77, "not suppressed");
	expect("suppress lift dora@fabrikam.example --reason x --evidence y --tenant " TENANT, false, 0, "lifted");
	expect("suppress list --lifted", true, 0, "\"lift_reason\":\"x\"");
	expect("suppress check dora@fabrikam.example", false, 0, "open");
	expect("suppress lift", false, 64, "usage");
	expect("suppress purge all", false, 64, "usage");
}

static void
suppress__list_as_a_file(void **state)
{
	char line[160];
	struct result r;

	(void)state;
	write_file("list.csv",
	           "scope,kind,value,reason,source,added\n"
	           ",organisation,fabrikam.example,\"554, no\",bounce,2025-01-02T03:04:05Z\n" TENANT
	           ",address,Eva@adatum.example,opted out,,\n",
	           0600);
	(void)snprintf(line, sizeof(line), "suppress import %s", in_dir("list.csv"));
	expect(line, true, 0, "\"added\":2,\"known\":0");
	expect(line, true, 0, "\"added\":0,\"known\":2");
	r = run_line("suppress export", false);
	assert_int_equal(r.exit_code, 0);
	assert_non_null(strstr(r.out, ",organisation,fabrikam.example,\"554, no\",bounce,2025-01-02T03:04:05Z\n"));
	assert_non_null(strstr(r.out, TENANT ",address,hash:"));
	assert_null(strstr(r.out, "eva"));
	write_file("list.csv", r.out, 0600);
	free(r.out);
	/* What was exported comes back as the same entries. */
	expect(line, true, 0, "\"added\":0,\"known\":2");
	/* A hash made under another key would be taken in and match nobody. */
	write_file("bad.csv",
	           ",address,hash:0123456789abcdef:"
	           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef,x,,\n",
	           0600);
	(void)snprintf(line, sizeof(line), "suppress import %s", in_dir("bad.csv"));
	expect(line, false, 65, "another key");
	write_file("bad.csv", ",organisation,good.example,x,,\n,address,not-an-address,x,,\n", 0600);
	expect(line, false, 65, "line 2");
	expect("suppress check x@good.example", false, 0, "open");
}

static void
audit__shows_and_verifies(void **state)
{
	struct session s;
	struct err err;

	(void)state;
	expect("freeze getnorthwind.example --reason look_here", false, 0, NULL);
	expect("audit show --subject getnorthwind.example", false, 0, "look here");
	expect("audit show", true, 0, "\"detail\":{\"from\":\"");
	expect("audit verify", false, 0, "the chain holds");
	expect("audit verify --expect 00", true, 1, "\"holds\":false");
	session_init(&s, false, stdout);
	assert_ok(session_store(&s, DB_WRITE, &err), &err);
	assert_ok(db_begin(s.db, &err), &err);
	assert_ok(
		db_exec(s.db, "UPDATE audit SET reason = 'nothing' WHERE reason = 'look here'", DB_NO_ARGS, NULL, &err),
		&err);
	assert_ok(db_commit(s.db, &err), &err);
	session_release(&s);
	expect("audit verify", false, 1, "was changed");
	expect("audit", false, 64, "usage");
}

/* What a server said to ANNA's message for this address: through the store of the session, as `bounce` does it. */
static void
refuse(enum reply_class class, const char *recipient)
{
	const struct reply_verdict v = {.rule = "ms-etr",
	                                .class = class,
	                                .layer = "m365_tenant",
	                                .permanent = true,
	                                .status = "5.7.1",
	                                .reply = "550"};
	const struct react_event e = {.verdict = &v,
	                              .recipient = recipient,
	                              .sender = ANNA,
	                              .message_id = recipient,
	                              .host = "mx.fabrikam.example",
	                              .text = "550 5.7.1 not wanted here",
	                              .source = "test"};
	struct organisations known = {0};
	struct react_rules rules;
	const struct react_options options = {.organisations = &known, .rules = &rules};
	struct react_result r;
	struct err err = {0};
	struct session s;
	struct contain c;

	session_init(&s, false, stdout);
	assert_ok(session_store(&s, DB_WRITE, &err), &err);
	assert_ok(settings_organisations(&s, &known, &err), &err);
	assert_ok(settings_reactions(&s, &rules, &err), &err);
	c = cmd_contain(&s);
	assert_ok(db_begin(s.db, &err), &err);
	assert_ok(react_to(&c, &options, &e, &r, &err), &err);
	assert_ok(db_commit(s.db, &err), &err);
	organisations_release(&known);
	session_release(&s);
}

static void
why__names_the_evidence_of_a_freeze_and_of_a_suppression(void **state)
{
	(void)state;
	refuse(REPLY_MAILBOX_BLOCK, "dora@fabrikam.example");
	expect("why " BEN " dora@fabrikam.example", false, 77, "suppress, evidence 1: mailbox_block by rule ms-etr");
	expect("why " BEN " dora@fabrikam.example", true, 77, "\"evidence\":[{\"evidence\":1,\"action\":\"suppress\"");
	expect("why " BEN " dora@adatum.example", true, 0, "\"evidence\":[]");
	refuse(REPLY_TENANT_POLICY, "eva@contoso.example");
	expect("why " BEN " dora@adatum.example", true, 77, "\"evidence\":[{\"evidence\":2,\"action\":\"freeze\"");
	expect("status", false, 1, "(tenant_policy, evidence 2)");
	expect("status", true, 1, "\"blocks\":1,\"blocked_by\":1,\"complaints\":0,\"refusals\":2");
	expect("suppress list", true, 0, "\"evidence\":\"evidence 2: tenant_policy by rule ms-etr, contoso.example");
	expect("status", true, 1, "\"next\":\"review, then thaw getnorthwind.example\"");
	/* What was lifted and thawed is behind nothing any more. */
	expect("suppress lift fabrikam.example --reason x --evidence y --tenant " TENANT, false, 0, "lifted");
	expect("suppress lift dora@fabrikam.example --reason x --evidence y --tenant " TENANT, false, 0, "lifted");
	expect("thaw getnorthwind.example --reason reviewed", false, 0, NULL);
	expect("why " BEN " dora@fabrikam.example", true, 0, "\"evidence\":[]");
	expect("suppress list --lifted", true, 0, "\"lift_reason\":\"x\",\"lift_evidence\":\"y\"");
}

static void
status__says_verify_where_authentication_was_refused(void **state)
{
	(void)state;
	refuse(REPLY_AUTH, "dora@fabrikam.example");
	expect("status", true, 1, "\"next\":\"verify, then thaw getnorthwind.example\"");
	expect("thaw getnorthwind.example --reason mended", false, 77, "has to pass before a thaw");
}

static const char settings_start[] = "store = \"store.db\";\nkey_file = \"install.key\";\n";

static void
settings__organisations_are_one_for_the_gate(void **state)
{
	char text[512];

	(void)state;
	(void)snprintf(
		text, sizeof(text),
		"%sorganisations = ( { name = \"fabrikam.example\"; aliases = ( \"fabrikam-mail.example\" ); } );\n"
		"limits = { mailbox_gap = 0; };\n",
		settings_start);
	write_file("coldrelay.cfg", text, 0600);
	/* One pace. */
	expect("check " ANNA " --to a@fabrikam-mail.example", false, 0, "allow");
	expect("check " BEN " --to b@fabrikam.example", false, 75, "org_pace");
	expect("check " BEN " --to b@adatum.example", false, 0, "allow");
	/* And one refusal. */
	refuse(REPLY_MAILBOX_BLOCK, "b@fabrikam.example");
	expect("suppress check c@fabrikam-mail.example", false, 77, "suppressed");
	expect("check " BEN " --to c@eu.fabrikam-mail.example", false, 77, "suppressed");
	expect("why " BEN " c@eu.fabrikam-mail.example", false, 77, "evidence 1: mailbox_block");
}

static const struct setting_row {
	const char *name, *text, *fault;
} setting_rows[] = {
	{"an organisation declared twice is a fault",
         "organisations = ( { name = \"a.example\"; aliases = [ \"b.example\" ]; }, { name = \"www.B.example\"; } );",              "1 fault" },
	{"an organisation without a name is a fault", "organisations = ( { aliases = [ \"b.example\" ]; } );",
         "1 fault"															    },
	{"an alias that is no name is a fault",       "organisations = ( { name = \"a.example\"; aliases = [ \"b\" ]; } );",
         "1 fault"															    },
	{"an unknown action is a fault",              "reactions = { content = [ \"thaw\" ]; };",                                   "1 fault" },
	{"an unknown class is a fault",               "reactions = { contents = [ \"freeze\" ]; };",                                "1 fault" },
	{"a burn at more than three is a fault",      "reactions = { burn_at = 4; };",                                              "1 fault" },
	{"a shorter window is a fault",               "reactions = { burn_window = \"6d\"; repeat_window = \"29d\"; };",            "2 faults"},
	{"stricter is none",                          "reactions = { content = \"freeze\"; burn_at = 2; burn_window = \"14d\"; };", NULL      },
};

static void
check_setting(void **state)
{
	const struct setting_row *r = *state;
	struct organisations known = {0};
	struct react_rules rules = {0};
	struct err err = {0};
	struct session s;
	char text[512];
	int rc;

	make_installation(NULL);
	(void)snprintf(text, sizeof(text), "%s%s\n", settings_start, r->text);
	write_file("coldrelay.cfg", text, 0600);
	session_init(&s, false, stdout);
	assert_ok(session_config(&s, &err), &err);
	rc = settings_organisations(&s, &known, &err);
	if (rc == CR_OK)
		rc = settings_reactions(&s, &rules, &err);
	assert_int_equal(rc, r->fault != NULL ? CR_ECONFIG : CR_OK);
	if (r->fault != NULL)
		assert_non_null(strstr(err.text, r->fault));
	else
		assert_int_equal(rules.also[REPLY_CONTENT], REACT_FREEZE);
	organisations_release(&known);
	session_release(&s);
	remove_installation(NULL);
}

#define IN_OFFICE(tests, n, fn)                                                                                        \
	do {                                                                                                           \
		TEST(tests, n, fn);                                                                                    \
		(tests)[(n)-1].setup_func = make_installation;                                                         \
		(tests)[(n)-1].teardown_func = remove_installation;                                                    \
	} while (0)

int
main(void)
{
	struct CMUnitTest tests[48];
	size_t n = 0;

	log_set_level(LOG_LEVEL_ERROR);
	IN_OFFICE(tests, n, check__json_is_as_it_was_promised);
	IN_OFFICE(tests, n, check__exit_says_allow_wait_or_refuse);
	IN_OFFICE(tests, n, check__a_clock_in_doubt_exits_69);
	ROWS(tests, n, troubles, check_trouble);
	IN_OFFICE(tests, n, check__an_answer_that_cannot_be_written_is_no_exit_0);
	ROWS(tests, n, rudes, check_rude);
	IN_OFFICE(tests, n, release__takes_a_ticket_once);
	IN_OFFICE(tests, n, why__shows_every_test);
	IN_OFFICE(tests, n, freeze__and_thaw_need_a_reason);
	IN_OFFICE(tests, n, status__shows_what_was_sent);
	IN_OFFICE(tests, n, suppress__list_by_hand);
	IN_OFFICE(tests, n, suppress__list_as_a_file);
	IN_OFFICE(tests, n, audit__shows_and_verifies);
	IN_OFFICE(tests, n, why__names_the_evidence_of_a_freeze_and_of_a_suppression);
	IN_OFFICE(tests, n, status__says_verify_where_authentication_was_refused);
	IN_OFFICE(tests, n, settings__organisations_are_one_for_the_gate);
	ROWS(tests, n, setting_rows, check_setting);
	return rows_run("budget/cmd", tests, n);
}
