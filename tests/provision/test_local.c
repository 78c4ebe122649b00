/*
 * test_local.c - the self-hosted mail host over a directory of its own, with a postmap that copies.
 */
#include "tests/lib/rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/lock.h"
#include "provision/mailhosts/local.h"
#include "provision/mailhosts/local_passwd.h"
#include "tests/lib/fake_clock.h"

#define DOMAIN   "getx.example"
#define KEY_FILE "opendkim/keys/getx.example/cr202611a.private"
#define PEM      "-----BEGIN PRIVATE KEY-----\nnot a real one\n-----END PRIVATE KEY-----\n"

static char dir[] = "/tmp/coldrelay-test-local.XXXXXX";
static struct fake_clock fake;
static char root[128];
static char host_name[] = "mx.getx.example", mail_home[] = "/srv/mail", template_name[] = "local";
static char opendkim[] = "opendkim", rspamd[] = "rspamd", out2[] = "out2";
static char address_1[] = "192.0.2.10";
static char *addresses[] = {address_1};
static struct local_settings settings;
static void *ctx;
static struct secret *password, *other_password, *pem;
static struct mailhost_mailbox boxes[2];
static struct mailhost_key key;
static struct mailhost_domain want;

/* --- a directory with a host in it ---------------------------------------------------------------------------------- */

static char *
in_root(const char *name)
{
	char *path = NULL;

	assert_int_equal(file_join(root, name, &path, NULL), CR_OK);
	return path;
}

static void
put(const char *name, const char *text)
{
	char *path = in_root(name), *parent = strdup(path);
	struct err err = {0};

	assert_non_null(parent);
	*strrchr(parent, '/') = '\0';
	assert_ok(file_make_dirs(parent, 0755, &err), &err);
	assert_ok(file_replace(path, text, strlen(text), 0644, FILE_OWNER_SELF, &err), &err);
	free(parent);
	free(path);
}

/* The file's text, borrowed until the next call; NULL when it is not there. */
static const char *
get(const char *name)
{
	static struct buf text;
	char *path = in_root(name);
	int rc;

	buf_clear(&text);
	rc = file_read(path, 1 << 20, &text, NULL);
	free(path);
	if (rc != CR_OK)
		buf_release(&text);
	return rc == CR_OK ? buf_str(&text) : NULL;
}

/* The same for a file that must be there. */
static const char *
need(const char *name)
{
	const char *got = get(name);

	assert_non_null(got);
	return got != NULL ? got : "";
}

static void
assert_file(const char *name, const char *text)
{
	assert_string_equal(need(name), text);
}

static void
open_host(void)
{
	const struct mailhost_env env = {.clock = &fake.clock, .config_dir = dir};
	struct err err = {0};

	assert_ok(mailhost_local.open(&env, &settings, &ctx, &err), &err);
}

static int
set_up(void **state)
{
	char command[256];

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/root", dir);
	(void)snprintf(command, sizeof(command), "rm -rf '%s' '%s/runs' '%s/broken'", root, dir, dir);
	if (system(command) != 0)
		return -1;
	settings = (struct local_settings){
		.root = root,
		.host = host_name,
		.addresses = {addresses, 1},
		.warm_up_s = 42L * 86400,
		.uid = 5000,
		.gid = 5001,
		.mail_home = mail_home,
		.signer = opendkim,
		.template_name = template_name,
	};
	boxes[0] = (struct mailhost_mailbox){"anna@" DOMAIN, "Anna", password};
	boxes[1] = (struct mailhost_mailbox){"ben@" DOMAIN, NULL, other_password};
	key = (struct mailhost_key){"cr202611a", DKIM_RSA, pem, true};
	want = (struct mailhost_domain){DOMAIN, boxes, 2, &key, 1, NULL};
	open_host();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	mailhost_local.drop(ctx);
	ctx = NULL;
	(void)get("absent"); /* gives the text back */
	return 0;
}

static bool
owned_all(const char *kind, const char *subject, void *arg)
{
	(void)kind, (void)subject, (void)arg;
	return true;
}

static bool
owned_none(const char *kind, const char *subject, void *arg)
{
	(void)kind, (void)subject, (void)arg;
	return false;
}

static void
observe(struct mailhost_steps *out)
{
	struct err err = {0};

	assert_ok(mailhost_local.observe(ctx, &want, owned_all, NULL, out, &err), &err);
}

static void
assert_all(int change)
{
	struct mailhost_steps s = {0};

	observe(&s);
	assert_int_equal(s.n, 5);
	for (size_t i = 0; i < s.n; i++)
		if ((int)s.items[i].change != change)
			fail_msg("%s %s: change %d", s.items[i].kind, s.items[i].subject, s.items[i].change);
	mailhost_steps_release(&s);
}

/* Change of the step for kind and subject. */
static int
change_of(const char *kind, const char *subject)
{
	struct mailhost_steps s = {0};
	int change = -1;

	observe(&s);
	for (size_t i = 0; i < s.n; i++)
		if (strcmp(s.items[i].kind, kind) == 0 && strcmp(s.items[i].subject, subject) == 0)
			change = (int)s.items[i].change;
	mailhost_steps_release(&s);
	return change;
}

static int
apply(struct err *err)
{
	struct mailhost_steps s = {0};
	int rc;

	observe(&s);
	rc = mailhost_local.apply(ctx, &want, &s, err);
	mailhost_steps_release(&s);
	return rc;
}

static void
apply_ok(void)
{
	struct err err = {0};

	assert_ok(apply(&err), &err);
}

static int
undo_all(struct err *err)
{
	static const char *const what[][2] = {
		{"domain",  DOMAIN        },
                {"mailbox", "ben@" DOMAIN },
                {"mailbox", "anna@" DOMAIN},
		{"signing", DOMAIN        },
                {"key",     "cr202611a"   },
	};
	struct mailhost_steps s = {0};
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(what); i++) {
		struct mailhost_step step = {0};

		(void)snprintf(step.kind, sizeof(step.kind), "%s", what[i][0]);
		(void)snprintf(step.subject, sizeof(step.subject), "%s", what[i][1]);
		assert_int_equal(mailhost_steps_add(&s, &step, NULL), CR_OK);
	}
	rc = mailhost_local.undo(ctx, DOMAIN, &s, err);
	mailhost_steps_release(&s);
	return rc;
}

static size_t
postmap_runs(void)
{
	char path[160];
	struct buf text = {0};
	size_t n = 0;

	(void)snprintf(path, sizeof(path), "%s/runs", dir);
	if (file_read(path, 1 << 20, &text, NULL) == CR_OK)
		for (const char *p = text.data; p != NULL && (p = strchr(p, '\n')) != NULL; p++)
			n++;
	buf_release(&text);
	return n;
}

static void
break_postmap(bool broken)
{
	char path[160];
	struct err err = {0};

	(void)snprintf(path, sizeof(path), "%s/broken", dir);
	if (broken)
		assert_ok(file_replace(path, "", 0, 0600, FILE_OWNER_SELF, &err), &err);
	else
		assert_ok(file_remove(path, &err), &err);
}

/* --- what it promises ----------------------------------------------------------------------------------------------- */

static void
local__makes_everything_and_then_finds_it_present(void **state)
{
	struct buf key_table = {0};
	char *path = in_root(KEY_FILE);
	struct stat st;

	(void)state;
	assert_all(MAILHOST_CREATE);
	assert_int_equal(access(root, F_OK), -1); /* looking makes nothing */
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	assert_file("postfix/virtual_mailbox_domains", DOMAIN " coldrelay\n");
	assert_file("postfix/virtual_mailbox_maps",
	            "anna@" DOMAIN " " DOMAIN "/anna/\nben@" DOMAIN " " DOMAIN "/ben/\n");
	assert_file("opendkim/SigningTable", "*@" DOMAIN " cr202611a._domainkey." DOMAIN "\n");
	buf_addf(&key_table, "cr202611a._domainkey." DOMAIN " " DOMAIN ":cr202611a:%s\n", path);
	assert_file("opendkim/KeyTable", buf_str(&key_table));
	assert_file(KEY_FILE, PEM);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777U, 0600);
	assert_int_equal(postmap_runs(), 3);
	buf_release(&key_table);
	free(path);
}

static void
local__dovecot_gets_a_salted_hash_and_the_owner_of_the_mail(void **state)
{
	struct buf first = {0};
	struct err err = {0};
	const char *line, *end;
	bool same = false;

	(void)state;
	apply_ok();
	line = strstr(need("dovecot/passwd"), "anna@" DOMAIN ":{SHA512-CRYPT}$6$");
	end = line != NULL ? strstr(line, ":5000:") : NULL;
	if (end == NULL) {
		fail_msg("no such line: %s", need("dovecot/passwd"));
		return;
	}
	line += strlen("anna@" DOMAIN ":");
	assert_true(strncmp(end, ":5000:5001::/srv/mail/" DOMAIN "/anna::\n", 30) == 0);
	assert_ok(passwd_verify(line, (size_t)(end - line), password, &same, &err), &err);
	assert_true(same);
	assert_ok(passwd_verify(line, (size_t)(end - line), other_password, &same, &err), &err);
	assert_false(same);
	assert_null(strstr(line, "correct"));
	buf_adds(&first, need("dovecot/passwd"));
	apply_ok();
	assert_file("dovecot/passwd", buf_str(&first)); /* no new salt for an old password */
	buf_release(&first);
}

static void
local__a_second_run_writes_nothing(void **state)
{
	static const char *const names[] = {"postfix/virtual_mailbox_domains",
	                                    "postfix/virtual_mailbox_maps",
	                                    "dovecot/passwd",
	                                    "opendkim/KeyTable",
	                                    "opendkim/SigningTable",
	                                    KEY_FILE};
	struct stat before[ARRAY_LEN(names)], after;
	struct mailhost_steps s = {0};
	struct err err = {0};

	(void)state;
	observe(&s);
	apply_ok();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = in_root(names[i]);

		assert_int_equal(stat(path, &before[i]), 0);
		free(path);
	}
	/* The very same steps again, as after a crash before the receipt. */
	assert_ok(mailhost_local.apply(ctx, &want, &s, &err), &err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = in_root(names[i]);

		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(after.st_ino, before[i].st_ino);
		free(path);
	}
	assert_int_equal(postmap_runs(), 3);
	mailhost_steps_release(&s);
}

static const char foreign_domains[] =
	"# our customers\nshop.example OK\n\n  \t# indented\nold.example\n\t  continued\n";
static const char foreign_passwd[] = "info@shop.example:{BLF-CRYPT}$2y$05$x:1:1::/home/a::userdb_quota=1G\r\n#off\n";
static const char foreign_signing[] = "# everything else\n*@shop.example shop\n* default\n";

static void
local__foreign_lines_survive_byte_for_byte(void **state)
{
	struct err err = {0};

	(void)state;
	put("postfix/virtual_mailbox_domains", foreign_domains);
	put("dovecot/passwd", foreign_passwd);
	put("opendkim/SigningTable", foreign_signing);
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	assert_true(strncmp(need("postfix/virtual_mailbox_domains"), foreign_domains, strlen(foreign_domains)) == 0);
	assert_true(strncmp(need("dovecot/passwd"), foreign_passwd, strlen(foreign_passwd)) == 0);
	assert_ok(undo_all(&err), &err);
	assert_file("postfix/virtual_mailbox_domains", foreign_domains);
	assert_file("dovecot/passwd", foreign_passwd);
	assert_file("opendkim/SigningTable", foreign_signing);
	assert_all(MAILHOST_CREATE);
}

static void
local__signs_although_a_foreign_wildcard_would_match_first(void **state)
{
	(void)state;
	put("opendkim/SigningTable", foreign_signing);
	apply_ok();
	assert_file("opendkim/SigningTable", "# everything else\n*@" DOMAIN " cr202611a._domainkey." DOMAIN
	                                     "\n*@shop.example shop\n* default\n");
}

static void
local__what_the_journal_does_not_know_is_foreign(void **state)
{
	struct mailhost_steps s = {0};
	struct err err = {0};

	(void)state;
	put("postfix/virtual_mailbox_domains", "GetX.example OK\n");
	put("dovecot/passwd", "ben@" DOMAIN ":{PLAIN}x::::::\n");
	assert_ok(mailhost_local.observe(ctx, &want, owned_none, NULL, &s, &err), &err);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.items[0].change, MAILHOST_CREATE);
	assert_int_equal(s.items[1].change, MAILHOST_CREATE);
	assert_int_equal(s.items[2].change, MAILHOST_CREATE);
	assert_string_equal(s.items[3].subject, "ben@" DOMAIN);
	assert_int_equal(s.items[3].change, MAILHOST_FOREIGN);
	assert_string_equal(s.items[4].kind, "domain");
	assert_int_equal(s.items[4].change, MAILHOST_FOREIGN);
	mailhost_steps_release(&s);
}

static void
local__a_line_that_appeared_since_is_never_overwritten(void **state)
{
	static const char meanwhile[] = DOMAIN " somebody-else\n";
	struct mailhost_steps s = {0};
	struct err err = {0};

	(void)state;
	observe(&s);
	put("postfix/virtual_mailbox_domains", meanwhile);
	assert_int_equal(mailhost_local.apply(ctx, &want, &s, &err), CR_ECONFLICT);
	assert_non_null(strstr(err.text, "virtual_mailbox_domains"));
	assert_file("postfix/virtual_mailbox_domains", meanwhile);
	assert_null(get("postfix/virtual_mailbox_maps")); /* all or nothing */
	assert_null(get("opendkim/KeyTable"));
	assert_null(get(KEY_FILE));
	mailhost_steps_release(&s);
}

static void
local__a_program_that_is_not_there_does_not_say_that_nothing_was_done(void **state)
{
	static char gone[] = "/nonexistent/reload";
	static char *argv[] = {gone};
	struct err err = {0};
	int rc;

	(void)state;
	settings.dkim_reload = (struct cfg_list){argv, 1};
	rc = apply(&err);
	assert_int_equal(rc, CR_ECONFIG);
	assert_false(err_nothing_done(rc));
	assert_non_null(strstr(err.text, gone));
	assert_non_null(get("opendkim/KeyTable"));
	assert_non_null(get(KEY_FILE));
}

static void
local__a_changed_password_and_an_open_key_are_updates(void **state)
{
	char *path = in_root(KEY_FILE);

	(void)state;
	apply_ok();
	boxes[0].password = other_password;
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(change_of("mailbox", "anna@" DOMAIN), MAILHOST_UPDATE);
	assert_int_equal(change_of("mailbox", "ben@" DOMAIN), MAILHOST_PRESENT);
	assert_int_equal(change_of("key", "cr202611a"), MAILHOST_UPDATE);
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	free(path);
}

static void
local__rotation_moves_the_signing_line_and_keeps_the_old_key(void **state)
{
	struct mailhost_key both[2] = {
		key, {"cr202612a", DKIM_RSA, pem, true}
        };

	(void)state;
	apply_ok();
	both[0].signs = false;
	want.keys = both;
	want.n_keys = 2;
	assert_int_equal(change_of("key", "cr202611a"), MAILHOST_PRESENT);
	assert_int_equal(change_of("key", "cr202612a"), MAILHOST_CREATE);
	assert_int_equal(change_of("signing", DOMAIN), MAILHOST_UPDATE);
	apply_ok();
	assert_file("opendkim/SigningTable", "*@" DOMAIN " cr202612a._domainkey." DOMAIN "\n");
	assert_file(KEY_FILE, PEM);
}

static void
local__undo_of_what_is_gone_succeeds(void **state)
{
	struct err err = {0};
	char *keys = in_root("opendkim/keys/" DOMAIN);

	(void)state;
	assert_ok(undo_all(&err), &err);
	apply_ok();
	assert_int_equal(access(keys, F_OK), 0);
	assert_ok(undo_all(&err), &err);
	assert_int_equal(access(keys, F_OK), -1);
	assert_ok(undo_all(&err), &err);
	assert_file("postfix/virtual_mailbox_domains", "");
	assert_file("dovecot/passwd", "");
	free(keys);
}

static void
local__a_quiesced_domain_is_refused_as_sender_only(void **state)
{
	struct err err = {0};

	(void)state;
	apply_ok();
	put("postfix/sender_access", "spam.example REJECT\n");
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, true, &err), &err);
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, true, &err), &err);
	assert_file("postfix/sender_access",
	            "spam.example REJECT\n" DOMAIN " REJECT 5.7.1 coldrelay: frozen or closing\n");
	assert_all(MAILHOST_PRESENT);
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, false, &err), &err);
	assert_file("postfix/sender_access", "spam.example REJECT\n");
	/* Somebody else's rule for the domain is neither replaced nor lifted. */
	put("postfix/sender_access", DOMAIN " DISCARD\n");
	assert_int_equal(mailhost_local.quiesce(ctx, DOMAIN, true, &err), CR_ECONFLICT);
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, false, &err), &err);
	assert_file("postfix/sender_access", DOMAIN " DISCARD\n");
}

/* Opened again with other settings, over the same files. */
static void
reopen(char *outgoing, char *signer)
{
	mailhost_local.drop(ctx);
	settings.outgoing = outgoing;
	settings.signer = signer;
	open_host();
}

static void
undo_one(const char *kind, const char *subject)
{
	struct mailhost_step step = {0};
	struct mailhost_steps s = {.items = &step, .n = 1, .cap = 1};
	struct err err = {0};

	(void)snprintf(step.kind, sizeof(step.kind), "%s", kind);
	(void)snprintf(step.subject, sizeof(step.subject), "%s", subject);
	assert_ok(mailhost_local.undo(ctx, DOMAIN, &s, &err), &err);
}

#define OUT2                                                                                                           \
	"unix - - n - - smtp -o smtp_bind_address=192.0.2.10 -o inet_protocols=ipv4"                                   \
	" -o smtp_bind_address_enforce=yes -o smtp_helo_name=mx.getx.example"

static void
local__a_service_of_its_own_is_named_and_described(void **state)
{
	(void)state;
	apply_ok();
	put("postfix/sender_transports", "@other.example slow:\n");
	reopen(out2, opendkim);
	assert_int_equal(change_of("outgoing", DOMAIN), MAILHOST_CREATE);
	apply_ok();
	assert_int_equal(change_of("outgoing", DOMAIN), MAILHOST_PRESENT);
	assert_file("postfix/sender_transports", "@other.example slow:\n@" DOMAIN " out2:\n");
	assert_file("postfix/outgoing_services", "out2 " OUT2 "\n");
	assert_non_null(need("postfix/sender_transports.db"));
	/* Another address of the host: the service differs, and only that is written. */
	put("postfix/outgoing_services", "out2 unix - - n - - smtp -o smtp_bind_address=192.0.2.9\n");
	assert_int_equal(change_of("outgoing", DOMAIN), MAILHOST_UPDATE);
	apply_ok();
	assert_file("postfix/outgoing_services", "out2 " OUT2 "\n");
	undo_one("outgoing", DOMAIN);
	assert_file("postfix/sender_transports", "@other.example slow:\n");
	assert_file("postfix/outgoing_services", "out2 " OUT2 "\n");
}

static void
local__without_the_service_a_domain_goes_back_to_the_default(void **state)
{
	struct mailhost_steps s = {0};
	struct err err = {0};

	(void)state;
	reopen(out2, opendkim);
	apply_ok();
	reopen(NULL, opendkim);
	assert_int_equal(change_of("outgoing", DOMAIN), MAILHOST_UPDATE);
	apply_ok();
	assert_file("postfix/sender_transports", "");
	assert_int_equal(change_of("outgoing", DOMAIN), -1);
	/* A line that the administrator wrote is not ours to judge. */
	put("postfix/sender_transports", "@" DOMAIN " slow:\n");
	assert_ok(mailhost_local.observe(ctx, &want, owned_none, NULL, &s, &err), &err);
	for (size_t i = 0; i < s.n; i++)
		assert_string_not_equal(s.items[i].kind, "outgoing");
	mailhost_steps_release(&s);
}

static void
local__rspamd_is_told_the_selector_and_opendkim_no_more(void **state)
{
	struct mailhost_key keys[2] = {
		{"cr202611a", DKIM_RSA, pem, false},
		{"cr202611b", DKIM_RSA, pem, true },
	};

	(void)state;
	apply_ok();
	reopen(NULL, rspamd);
	assert_int_equal(change_of("signing", DOMAIN), MAILHOST_UPDATE);
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	assert_file("rspamd/selectors", DOMAIN " cr202611a\n");
	assert_file("opendkim/SigningTable", "");
	assert_file(KEY_FILE, PEM);
	want.keys = keys;
	want.n_keys = 2;
	apply_ok();
	assert_file("rspamd/selectors", DOMAIN " cr202611b\n");
	reopen(NULL, opendkim);
	apply_ok();
	assert_file("rspamd/selectors", "");
	assert_file("opendkim/SigningTable", "*@" DOMAIN " cr202611b._domainkey." DOMAIN "\n");
	reopen(NULL, rspamd);
	apply_ok();
	undo_one("signing", DOMAIN);
	assert_file("rspamd/selectors", "");
}

static time_t
second_of(const char *name)
{
	char *path = in_root(name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	free(path);
	return st.st_mtim.tv_sec;
}

/* Postfix knows a table by the second in which it was written. */
static void
local__changes_within_a_second_are_told_apart(void **state)
{
	struct err err = {0};
	time_t last, now;

	(void)state;
	apply_ok();
	last = second_of("postfix/sender_access.db");
	for (int i = 0; i < 6; i++) {
		assert_ok(mailhost_local.quiesce(ctx, DOMAIN, i % 2 == 0, &err), &err);
		now = second_of("postfix/sender_access.db");
		assert_true(now > last);
		last = now;
	}
	/* The compiled form is ahead of the clock now: a run cut off behind the text is noticed all the same. */
	break_postmap(true);
	assert_int_equal(mailhost_local.quiesce(ctx, DOMAIN, true, &err), CR_EIO);
	break_postmap(false);
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, true, &err), &err);
	assert_non_null(strstr(need("postfix/sender_access.db"), DOMAIN));
}

static void
local__a_key_of_another_user_is_given_to_its_owner(void **state)
{
	char *path;
	char owner[] = "nobody";
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	path = in_root(KEY_FILE);
	apply_ok();
	settings.dkim_owner = owner;
	reopen(NULL, opendkim);
	assert_int_equal(change_of("key", "cr202611a"), MAILHOST_UPDATE);
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	assert_int_equal(stat(path, &st), 0);
	assert_int_not_equal(st.st_uid, 0);
	free(path);
}

/* What master.cf is to say, or what is wrong with the setting. */
struct service_row {
	const char *name, *service, *addresses[3], *want;
};
static const struct service_row service_rows[] = {
	{"a service with an address of IPv4 never uses IPv6",
         "out2",                                                                       {"192.0.2.10"},
         "unix - - n - - smtp -o smtp_bind_address=192.0.2.10 -o inet_protocols=ipv4 -o smtp_bind_address_enforce=yes "
         "-o smtp_helo_name=mx.getx.example"									      },
	{"a service with an address of IPv6 never uses IPv4",
         "out2",                                                                       {"2001:db8::1"},
         "unix - - n - - smtp -o smtp_bind_address6=2001:db8::1 -o inet_protocols=ipv6 -o "
         "smtp_bind_address_enforce=yes "
         "-o smtp_helo_name=mx.getx.example"									      },
	{"a service with one of each uses both",
         "out2",                                                                       {"2001:db8::1", "192.0.2.10"},
         "unix - - n - - smtp -o smtp_bind_address=192.0.2.10 -o smtp_bind_address6=2001:db8::1 "
         "-o smtp_bind_address_enforce=yes -o smtp_helo_name=mx.getx.example"                                             },
	{"a service with two addresses of a family is refused",    "out2",             {"192.0.2.10", "192.0.2.11"},  NULL},
	{"a service without a name is refused",                    "",                 {"192.0.2.10"},                NULL},
	{"a service whose name would be an option is refused",     "out2 -o x=y",      {"192.0.2.10"},                NULL},
	{"a service whose name would be a destination is refused", "out2:[127.0.0.1]", {"192.0.2.10"},                NULL},
};
static void
check_service(void **state)
{
	const struct service_row *r = *state;
	char *list[3];
	struct cfg_list cfg = {list, 0};
	struct err err = {0};
	char *out = NULL;
	int rc;

	for (; cfg.n < ARRAY_LEN(list) && r->addresses[cfg.n] != NULL; cfg.n++)
		list[cfg.n] = (char *)(uintptr_t)r->addresses[cfg.n];
	rc = outgoing_service(r->service, "mx.getx.example", &cfg, &out, &err);
	if (r->want == NULL) {
		assert_int_equal(rc, CR_ECONFIG);
		assert_null(out);
	} else {
		assert_ok(rc, &err);
		assert_string_equal(out, r->want);
	}
	free(out);
}

static void
local__teardown_lifts_its_own_refusal(void **state)
{
	struct err err = {0};

	(void)state;
	apply_ok();
	assert_ok(mailhost_local.quiesce(ctx, DOMAIN, true, &err), &err);
	assert_ok(undo_all(&err), &err);
	assert_file("postfix/sender_access", "");
}

static void
local__a_failing_postmap_is_an_error_and_the_next_run_compiles(void **state)
{
	struct err err = {0};
	char *compiled = in_root("postfix/virtual_mailbox_domains.db");

	(void)state;
	break_postmap(true);
	assert_int_equal(apply(&err), CR_EIO);
	assert_non_null(strstr(err.text, "postmap"));
	assert_non_null(strstr(err.text, "exit 1: no space"));
	break_postmap(false);
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	/* Cut off between the text and its compiled form. */
	assert_int_equal(unlink(compiled), 0);
	assert_int_equal(change_of("domain", DOMAIN), MAILHOST_UPDATE);
	apply_ok();
	assert_int_equal(access(compiled, F_OK), 0);
	assert_all(MAILHOST_PRESENT);
	free(compiled);
}

static void
local__opendkim_is_told_until_it_has_been_told(void **state)
{
	char fails[] = "false", works[] = "true";
	char *argv[] = {fails};
	struct err err = {0};

	(void)state;
	settings.dkim_reload = (struct cfg_list){argv, 1};
	assert_int_equal(apply(&err), CR_EIO);
	assert_int_equal(change_of("signing", DOMAIN), MAILHOST_UPDATE);
	argv[0] = works;
	apply_ok();
	assert_all(MAILHOST_PRESENT);
	assert_null(get("opendkim/.reload-pending"));
}

static void
local__a_file_keeps_the_mode_its_administrator_gave_it(void **state)
{
	char *path = in_root("dovecot/passwd");
	struct stat st;

	(void)state;
	put("dovecot/passwd", "# users\n");
	assert_int_equal(chmod(path, 0604), 0);
	apply_ok();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777U, 0604);
	free(path);
}

/* --- names that would break out of a line or a path ------------------------------------------------------------------ */

static const struct bad_row {
	const char *name;
	const char *mailbox, *selector, *domain;
} bad_rows[] = {
	{"a colon in a mailbox is refused",        "a:b@" DOMAIN,       NULL,     NULL          },
	{"a blank in a mailbox is refused",        "\"a b\"@" DOMAIN,   NULL,     NULL          },
	{"a mailbox that climbs is refused",       "../../etc@" DOMAIN, NULL,     NULL          },
	{"a newline in a mailbox is refused",      "a\nb@" DOMAIN,      NULL,     NULL          },
	{"a mailbox of another domain is refused", "a@other.example",   NULL,     NULL          },
	{"a mailbox without a domain is refused",  "anna",              NULL,     NULL          },
	{"a selector that climbs is refused",      NULL,                "../key", NULL          },
	{"an empty selector is refused",           NULL,                "",       NULL          },
	{"a domain that climbs is refused",        NULL,                NULL,     "../x.example"},
	{"a wildcard domain is refused",           NULL,                NULL,     "*.example"   },
};

static void
check_bad(void **state)
{
	const struct bad_row *r = *state;
	struct mailhost_steps s = {0};
	struct err err = {0};

	if (r->mailbox != NULL)
		boxes[0].address = r->mailbox;
	if (r->selector != NULL)
		key.selector = r->selector;
	if (r->domain != NULL)
		want = (struct mailhost_domain){.domain = r->domain};
	assert_int_equal(mailhost_local.observe(ctx, &want, owned_all, NULL, &s, &err), CR_EREFUSED);
	assert_int_equal(s.n, 0);
	assert_int_equal(access(root, F_OK), -1);
}

/* --- settings --------------------------------------------------------------------------------------------------------- */

static void
local__settings_have_the_defaults_of_the_manual(void **state)
{
	static const char text[] = "root = \"mail\"; host = \"mx.getx.example\"; addresses = [ \"192.0.2.10\" ];";
	struct local_settings s = {0};
	struct cfg *cfg = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(mailhost_local.settings_size, sizeof(s));
	assert_ok(cfg_open_text(text, "/etc/coldrelay/coldrelay.cfg", &cfg, &err), &err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "mailhost", mailhost_local.rows, mailhost_local.n_rows, NULL, 0,
	                         &s, &err),
	          &err);
	assert_string_equal(cfg_faults(cfg), "");
	assert_string_equal(s.root, "/etc/coldrelay/mail");
	assert_string_equal(s.mail_home, "/var/mail/vhosts");
	assert_string_equal(s.template_name, "local");
	assert_int_equal(s.warm_up_s, 42L * 86400);
	assert_int_equal(s.uid, -1);
	assert_int_equal(s.gid, -1);
	assert_null(s.dkim_owner);
	assert_int_equal(s.dkim_reload.n, 0);
	cfg_release_group(mailhost_local.rows, mailhost_local.n_rows, &s);
	cfg_drop(&cfg);
}

static void
local__wrong_settings_are_named(void **state)
{
	const struct mailhost_env env = {.clock = &fake.clock, .config_dir = dir};
	struct local_settings wrong;
	char bad_host[] = "not_a_host", bad_ip[] = "192.0.2.300", relative[] = "mail", blank[] = "/tmp/a b";
	char nobody[] = "no-such-user-here", milter[] = "dkim-milter";
	char *ips[] = {bad_ip};
	struct err err = {0};
	void *made = NULL;

	(void)state;
	wrong = settings;
	wrong.host = bad_host;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "not_a_host"));
	wrong = settings;
	wrong.addresses.items = ips;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "192.0.2.300"));
	wrong = settings;
	wrong.mail_home = relative;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	wrong = settings;
	wrong.root = blank;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	wrong = settings;
	wrong.dkim_owner = nobody;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "no-such-user-here"));
	wrong = settings;
	wrong.signer = milter;
	assert_int_equal(mailhost_local.open(&env, &wrong, &made, &err), CR_ECONFIG);
	assert_non_null(strstr(err.text, "dkim-milter"));
	assert_null(made);
}

static void
local__facts_are_what_the_templates_need(void **state)
{
	struct mailhost_facts facts = {0};
	struct err err = {0};

	(void)state;
	assert_ok(mailhost_local.facts(ctx, &facts, &err), &err);
	assert_string_equal(facts.template_name, "local");
	assert_string_equal(facts.host, host_name);
	assert_int_equal(facts.addresses.n, 1);
	assert_string_equal(facts.addresses.items[0], address_1);
	assert_int_equal(facts.warm_up_s, 42L * 86400);
	cfg_list_release(&facts.addresses);
}

/* --- many at once ------------------------------------------------------------------------------------------------------ */

#define MANY 32

static atomic_int about_to_join;
static struct lock *held;

struct joiner {
	pthread_t thread;
	char domain[64];
	struct maps *maps;
	int rc;
};

static void *
join_group(void *arg)
{
	struct joiner *j = arg;
	struct map_edits edits = {0};

	j->rc = map_edits_add(&edits, MAP_DOMAINS, MAP_ADD, j->domain, "coldrelay", NULL);
	atomic_fetch_add(&about_to_join, 1);
	if (j->rc == CR_OK)
		j->rc = maps_commit(j->maps, &edits, false, NULL);
	map_edits_release(&edits);
	return NULL;
}

/* The first writer waits for ROOT/.lock, which another holds; it gets it when all the others are at the door. */
static void
sleep_until_all_are_here(const struct clock *c, int64_t ms)
{
	(void)c, (void)ms;
	while (atomic_load(&about_to_join) < MANY)
		(void)sched_yield();
	lock_give(held);
}

static void
local__many_domains_at_once_share_their_file_writes(void **state)
{
	const struct cfg_list no_reload = {0};
	struct clock clock = fake.clock;
	struct joiner joiners[MANY];
	struct maps *maps = NULL;
	struct map got = {0};
	struct err err = {0};
	char *path = in_root(".lock");

	(void)state;
	clock.sleep_ms = sleep_until_all_are_here;
	put(".lock", "");
	assert_ok(lock_open(path, &held, &err), &err);
	assert_ok(lock_take(held, &fake.clock, 0, NULL, &err), &err);
	assert_ok(maps_open(root, &no_reload, &clock, &maps, &err), &err);
	for (int i = 0; i < MANY; i++) {
		joiners[i].maps = maps;
		(void)snprintf(joiners[i].domain, sizeof(joiners[i].domain), "d%d.example", i);
		assert_int_equal(pthread_create(&joiners[i].thread, NULL, join_group, &joiners[i]), 0);
	}
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(pthread_join(joiners[i].thread, NULL), 0);
		assert_int_equal(joiners[i].rc, CR_OK);
	}
	assert_ok(maps_read(maps, MAP_DOMAINS, &got, &err), &err);
	for (int i = 0; i < MANY; i++)
		assert_true(map_has(&got, joiners[i].domain, "coldrelay"));
	/* Two in the ordinary case; a thread may be slow on its last step. */
	assert_in_range(postmap_runs(), 1, MANY / 4);
	map_release(&got);
	maps_drop(&maps);
	lock_drop(&held);
	free(path);
}

/* --- the text of one table --------------------------------------------------------------------------------------------- */

static const struct map_row {
	const char *name;
	enum map_format format;
	const char *text;
	const char *key, *value; /* value NULL: take out */
	const char *want;
} map_rows[] = {
	{"map: an empty file gets its first line",                MAP_POSTFIX,  "",                          "a.example", "x",   "a.example x\n"   },
	{"map: a last line without newline gets one",             MAP_POSTFIX,  "b.example y",               "a.example", "x",
         "b.example y\na.example x\n"													      },
	{"map: an entry is replaced in its place",                MAP_POSTFIX,  "a.example 1\nb 2\n",        "a.example", "x",
         "a.example x\nb 2\n"														      },
	{"map: keys are compared without case",                   MAP_POSTFIX,  "A.Example 1\n",             "a.example", "x",   "a.example x\n"   },
	{"map: an entry that says so already keeps its spelling", MAP_POSTFIX,  "A.Example \t x \r\n",       "a.example", "x",
         "A.Example \t x \r\n"														     },
	{"map: a comment is no entry",                            MAP_POSTFIX,  "#a.example 1\n",            "a.example", NULL,  "#a.example 1\n"  },
	{"map: a name in a value is no entry",                    MAP_POSTFIX,  "b a.example\n",             "a.example", NULL,  "b a.example\n"   },
	{"map: a longer name is another",                         MAP_POSTFIX,  "aa.example 1\n",            "a.example", NULL,  "aa.example 1\n"  },
	{"map: an entry goes with what continues it",             MAP_POSTFIX,  "a 1\n  2\n# c\n\t3\nb 4\n", "a",         NULL,
         "# c\nb 4\n"															      },
	{"map: a rewritten entry loses its continuation",         MAP_POSTFIX,  "a 1\n  2\nb 4\n",           "a",         "1",   "a 1\nb 4\n"      },
	{"map: a continuation is no entry",                       MAP_POSTFIX,  "b 1\n a 2\n",               "a",         NULL,  "b 1\n a 2\n"     },
	{"map: a continuation of nothing is kept",                MAP_POSTFIX,  " a 2\n",                    "a",         "x",   " a 2\na x\n"     },
	{"map: of two lines with one key the first counts",       MAP_POSTFIX,  "a 1\na 2\n",                "a",         NULL,  "a 2\n"           },
	{"map: OpenDKIM knows no continuation",                   MAP_OPENDKIM, "b 1\n a 2\n",               "a",         NULL,  "b 1\n"           },
	{"map: a new pattern stands before all others",           MAP_OPENDKIM, "# c\n\n* z\n",              "*@a",       "k",
         "# c\n\n*@a k\n* z\n"														     },
	{"map: a passwd key ends at the colon",                   MAP_PASSWD,   "a@x:1:2\nb@x:3\n",          "a@x",       "new", "a@x:new\nb@x:3\n"},
	{"map: a passwd line without a colon is kept",            MAP_PASSWD,   "junk\n",                    "a@x",       "h",   "junk\na@x:h\n"   },
	{"map: taking out what is not there changes nothing",     MAP_PASSWD,   "b@x:3",                     "a@x",       NULL,  "b@x:3\n"         },
};

static void
check_map(void **state)
{
	const struct map_row *r = *state;
	struct buf text = {0}, out = {0};
	struct map m = {0};
	struct err err = {0};

	buf_adds(&text, r->text);
	assert_ok(map_parse(r->format, &text, &m, &err), &err);
	if (r->value != NULL)
		assert_ok(map_set(&m, r->key, r->value, &err), &err);
	else
		map_remove(&m, r->key);
	map_render(&m, &out);
	assert_string_equal(buf_str(&out), r->want);
	if (r->value != NULL)
		assert_true(map_has(&m, r->key, r->value));
	map_release(&m);
	buf_release(&out);
}

static void
map__grows_past_its_index(void **state)
{
	struct buf text = {0};
	struct map m = {0};
	struct err err = {0};
	char name[32];

	(void)state;
	assert_ok(map_parse(MAP_POSTFIX, &text, &m, &err), &err);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		assert_ok(map_set(&m, name, name, &err), &err);
	}
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "d%d.example", i);
		assert_true(map_has(&m, name, name));
		map_remove(&m, name);
		assert_false(map_has(&m, name, name));
	}
	map_render(&m, &text);
	assert_string_equal(buf_str(&text), "");
	buf_release(&text);
	map_release(&m);
}

static void
make_secret(const char *text, struct secret **out)
{
	struct err err = {0};

	assert_ok(secret_make(text, strlen(text), out, &err), &err);
}

/* A postmap that copies, notes each run, and fails while DIR/broken is there. */
static bool
install_postmap(void)
{
	char path[256], script[512];

	(void)snprintf(path, sizeof(path), "%s/bin", dir);
	if (file_make_dirs(path, 0755, NULL) != CR_OK)
		return false;
	(void)snprintf(path, sizeof(path), "%s/bin/postmap", dir);
	(void)snprintf(script, sizeof(script),
	               "#!/bin/sh\n[ ! -e '%s/broken' ] || { echo no space; exit 1; }\n"
	               "cp \"$1\" \"$1.db\" && echo \"$1\" >>'%s/runs'\n",
	               dir, dir);
	if (file_replace(path, script, strlen(script), 0755, FILE_OWNER_SELF, NULL) != CR_OK)
		return false;
	(void)snprintf(path, sizeof(path), "%s/bin:/usr/bin:/bin", dir);
	return setenv("PATH", path, 1) == 0;
}

int
main(void)
{
	struct CMUnitTest tests[96];
	char command[128];
	size_t n = 0, with_host;
	int failed;

	if (mkdtemp(dir) == NULL || !install_postmap())
		return 1;
	fake_clock_init(&fake, 1795608000000);
	make_secret("correct horse", &password);
	make_secret("battery staple", &other_password);
	make_secret(PEM, &pem);
	TEST(tests, n, local__makes_everything_and_then_finds_it_present);
	TEST(tests, n, local__dovecot_gets_a_salted_hash_and_the_owner_of_the_mail);
	TEST(tests, n, local__a_second_run_writes_nothing);
	TEST(tests, n, local__foreign_lines_survive_byte_for_byte);
	TEST(tests, n, local__signs_although_a_foreign_wildcard_would_match_first);
	TEST(tests, n, local__what_the_journal_does_not_know_is_foreign);
	TEST(tests, n, local__a_line_that_appeared_since_is_never_overwritten);
	TEST(tests, n, local__a_program_that_is_not_there_does_not_say_that_nothing_was_done);
	TEST(tests, n, local__a_changed_password_and_an_open_key_are_updates);
	TEST(tests, n, local__rotation_moves_the_signing_line_and_keeps_the_old_key);
	TEST(tests, n, local__undo_of_what_is_gone_succeeds);
	TEST(tests, n, local__a_quiesced_domain_is_refused_as_sender_only);
	TEST(tests, n, local__a_service_of_its_own_is_named_and_described);
	TEST(tests, n, local__without_the_service_a_domain_goes_back_to_the_default);
	TEST(tests, n, local__rspamd_is_told_the_selector_and_opendkim_no_more);
	ROWS(tests, n, service_rows, check_service);
	TEST(tests, n, local__changes_within_a_second_are_told_apart);
	TEST(tests, n, local__a_key_of_another_user_is_given_to_its_owner);
	TEST(tests, n, local__teardown_lifts_its_own_refusal);
	TEST(tests, n, local__a_failing_postmap_is_an_error_and_the_next_run_compiles);
	TEST(tests, n, local__opendkim_is_told_until_it_has_been_told);
	TEST(tests, n, local__a_file_keeps_the_mode_its_administrator_gave_it);
	ROWS(tests, n, bad_rows, check_bad);
	TEST(tests, n, local__settings_have_the_defaults_of_the_manual);
	TEST(tests, n, local__wrong_settings_are_named);
	TEST(tests, n, local__facts_are_what_the_templates_need);
	TEST(tests, n, local__many_domains_at_once_share_their_file_writes);
	with_host = n;
	ROWS(tests, n, map_rows, check_map);
	TEST(tests, n, map__grows_past_its_index);
	for (size_t i = 0; i < with_host; i++) {
		tests[i].setup_func = set_up;
		tests[i].teardown_func = tear_down;
	}
	failed = rows_run("provision/local", tests, n);
	secret_drop(&password);
	secret_drop(&other_password);
	secret_drop(&pem);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command) != 0 || failed;
}
