/*
 * test_m365.c - what is said to Microsoft 365 and what its answers mean, from files written after its documents.
 */
#include "tests/lib/rows.h"

#include "core/cfg.h"
#include "provision/mailhosts/m365.h"
#include "tests/lib/fake_clock.h"

#define DOMAIN "getx.example"
#define ANNA   "anna@getx.example"
#define BASE   "https://m365.example"
#define GOLDEN "tests/golden/microsoft365/"
#define CONFIG                                                                                                         \
	"tenant = \"T\"; client_id = \"app\"; client_secret = \"env:COLDRELAY_TEST_M365\"; licence = "                 \
	"\"EXCHANGESTANDARD\"; usage_location = \"DE\"; initial_domain = \"contoso.onmicrosoft.com\"; graph_url = "    \
	"\"" BASE "/v1.0\"; login_url = \"" BASE "\"; exchange_url = \"" BASE "\"; "

struct setting {
	void *settings, *ctx;
	struct http *http;
	struct fake_clock clock;
	struct secret *password;
};

/* The driver's settings out of text; its open's code. */
static int
open_host(struct setting *s, const char *text, struct err *err)
{
	const struct mailhost_driver *d = &mailhost_microsoft365;
	const struct mailhost_env env = {.http = s->http, .clock = &s->clock.clock};
	struct cfg *cfg = NULL;

	s->settings = calloc(1, d->settings_size);
	assert_non_null(s->settings);
	assert_ok(cfg_open_text(text, "test", &cfg, err), err);
	assert_ok(cfg_read_group(cfg, cfg_root(cfg), "test", d->rows, d->n_rows, NULL, 0, s->settings, err), err);
	cfg_drop(&cfg);
	return d->open(&env, s->settings, &s->ctx, err);
}

static void
set_up(struct setting *s, const char *file, const char *more)
{
	char path[128], text[1500];
	struct err err = {0};

	(void)setenv("COLDRELAY_TEST_M365", "s3cret", 1);
	(void)snprintf(path, sizeof(path), GOLDEN "%s.http", file);
	(void)snprintf(text, sizeof(text), CONFIG "%s", more != NULL ? more : "");
	fake_clock_init(&s->clock, 1764068819000);
	assert_ok(http_replay_open(path, BASE, &s->http, &err), &err);
	assert_ok(secret_make("Pa55word-of-anna", 16, &s->password, &err), &err);
	assert_ok(open_host(s, text, &err), &err);
}

static void
close_host(struct setting *s)
{
	if (s->ctx != NULL)
		mailhost_microsoft365.drop(s->ctx);
	cfg_release_group(mailhost_microsoft365.rows, mailhost_microsoft365.n_rows, s->settings);
	free(s->settings);
	secret_drop(&s->password);
	http_drop(&s->http);
}

enum owned_rule { ALL_OURS, NONE_OURS, DOMAIN_OURS };

static bool
is_owned(const char *kind, const char *subject, void *arg)
{
	const enum owned_rule *rule = arg;

	(void)subject;
	return *rule == ALL_OURS || (*rule == DOMAIN_OURS && strcmp(kind, "domain") == 0);
}

static const char *
letter(const struct mailhost_step *s)
{
	switch (s->change) {
	case MAILHOST_CREATE:
		return "+";
	case MAILHOST_PRESENT:
		return "=";
	case MAILHOST_FOREIGN:
		return "!";
	case MAILHOST_REFUSED:
		return "x";
	case MAILHOST_UPDATE:
		break;
	}
	return "~";
}

/* "domain= ownership+ ... | MS=ms1 mx dkim1 dkim2": what was found, in one line. */
static void
summary(const struct mailhost_steps *steps, struct buf *out)
{
	for (size_t i = 0; i < steps->n; i++)
		buf_addf(out, "%s%s%s", i > 0 ? " " : "", steps->items[i].kind, letter(&steps->items[i]));
	buf_adds(out, " |");
	for (size_t i = 0; i < M365_VALUE__COUNT; i++)
		buf_addf(out, " %s", steps->values[i][0] != '\0' ? steps->values[i] : "-");
}

#define NEW_NAMES                                                                                                      \
	"- getx-example.k-v1.mx.microsoft selector1-getx-example._domainkey.contoso.n-v1.dkim.mail.microsoft "         \
	"selector2-getx-example._domainkey.contoso.n-v1.dkim.mail.microsoft"
#define OLD_NAMES                                                                                                      \
	"- getx-example.mail.protection.outlook.com selector1-getx-example._domainkey.contoso.onmicrosoft.com "        \
	"selector2-getx-example._domainkey.contoso.onmicrosoft.com"
#define ALL_DONE  "domain= ownership= service= mailbox= licence= dkim= signing= ready= | "
#define TO_DO     "domain+ ownership+ service+ mailbox+ licence+ dkim+ signing+ ready+ | - - - -"
#define REFUSED   "domain+ ownership+ service+ mailbox+ licencex dkim+ signing+ ready+ | - - - -"
#define BY_HAND   "dkim_targets = [ \"getx.example selector1-a.x.onmicrosoft.com selector2-a.x.onmicrosoft.com\" ];"
#define HAND_MADE "- getx-example.k-v1.mx.microsoft selector1-a.x.onmicrosoft.com selector2-a.x.onmicrosoft.com"

/* clang-format off */
static const struct observe_row {
	const char *name, *file, *more;
	enum owned_rule owned;
	int want;
	const char *shows; /* the summary; of a failure: part of its text */
	const char *detail; /* some step says so */
} observes[] = {
	{"a domain that is not there is all to do", "observe_absent", NULL, NONE_OURS, CR_OK, TO_DO, "once the TXT record is seen"},
	{"an added domain names its proof, by TXT", "observe_added", NULL, ALL_OURS, CR_OK,
	 "domain= ownership+ service+ mailbox+ licence+ dkim+ signing+ ready+ | MS=ms12345678 - - -", NULL},
	{"a domain that is all there names MX and DKIM under microsoft", "observe_done", NULL, ALL_OURS, CR_OK, ALL_DONE NEW_NAMES, NULL},
	{"older names are as good", "observe_old_names", NULL, ALL_OURS, CR_OK, ALL_DONE OLD_NAMES, NULL},
	{"an MX elsewhere is not published", "observe_other_mx", NULL, ALL_OURS, CR_EREFUSED, "mx.evil.example", NULL},
	{"a DKIM target elsewhere is not published", "observe_other_dkim", NULL, ALL_OURS, CR_EREFUSED, "keys.evil.example", NULL},
	{"a domain of others is theirs", "observe_foreign", NULL, NONE_OURS, CR_OK, "domain! | - - - -", "did not add it"},
	{"a user of others is theirs", "observe_foreign_user", NULL, DOMAIN_OURS, CR_OK,
	 "domain= ownership= service= mailbox! dkim= signing= ready= | " NEW_NAMES, "did not make it"},
	{"a domain whose deletion runs is waited for", "observe_deleting", NULL, ALL_OURS, CR_ERETRY, "deletion from the directory is still running", NULL},
	{"without a free licence the plan is refused, with the counts", "observe_no_licence", NULL, NONE_OURS, CR_OK, REFUSED,
	 "no free licence: 1 of EXCHANGESTANDARD needed, 3 bought, 3 in use"},
	{"a suspended licence is none", "observe_suspended", NULL, NONE_OURS, CR_OK, REFUSED, "is Suspended"},
	{"a licence that the directory has not names those it has", "observe_no_such_licence", NULL, NONE_OURS, CR_ECONFIG, "AAD_PREMIUM", NULL},
	{"a missing member is named by its path", "observe_missing", NULL, ALL_OURS, CR_EPARSE, "isVerified", NULL},
	{"a permission that is missing is named", "observe_denied", NULL, ALL_OURS, CR_EAUTH, "Domain.ReadWrite.All", NULL},
	{"so it is whatever code the refusal has", "observe_denied_other", NULL, ALL_OURS, CR_EAUTH, "AccessDenied", NULL},
	{"what is ours and not yet to be seen is looked for", "observe_lag", NULL, ALL_OURS, CR_OK, ALL_DONE NEW_NAMES, NULL},
	{"a throttled look is taken later", "observe_throttled", NULL, ALL_OURS, CR_OK, ALL_DONE NEW_NAMES, NULL},
	{"a token that expired is renewed", "observe_token_expired", NULL, ALL_OURS, CR_OK, ALL_DONE NEW_NAMES, NULL},
	{"a mailbox in the making and DKIM not detected are to do; no MX is named yet", "observe_pending", NULL, ALL_OURS, CR_OK,
	 "domain= ownership= service= mailbox= licence= dkim= signing+ ready+ | - - "
	 "selector1-getx-example._domainkey.contoso.n-v1.dkim.mail.microsoft selector2-getx-example._domainkey.contoso.n-v1.dkim.mail.microsoft",
	 "Rotate-DkimSigningConfig -KeySize 2048"},
	{"a proxy that refuses leaves the commands", "observe_proxy_refuses", NULL, ALL_OURS, CR_OK,
	 "domain= ownership= service= mailbox= licence= signing+ ready= | - getx-example.k-v1.mx.microsoft - -", "New-DkimSigningConfig -DomainName getx.example -KeySize 2048"},
	{"targets that were given by hand are published", "observe_proxy_refuses", BY_HAND, ALL_OURS, CR_OK,
	 "domain= ownership= service= mailbox= licence= signing= ready= | " HAND_MADE, "Set-DkimSigningConfig -Identity getx.example -Enabled $true"},
};

static const struct apply_row {
	const char *name, *kind, *subject, *file;
	int want;
	const char *text;
} applies[] = {
	{"a domain is added by its name alone", "domain", DOMAIN, "domain", CR_OK, NULL},
	{"a domain of another directory is refused", "domain", DOMAIN, "domain_elsewhere", CR_EREFUSED, "another one holds it"},
	{"a domain whose answer was lost is looked for", "domain", DOMAIN, "domain_lost_there", CR_OK, NULL},
	{"a domain that is there meanwhile is a conflict", "domain", DOMAIN, "domain_there", CR_ECONFLICT, "there already"},
	{"verification is tried until the record is seen", "ownership", DOMAIN, "ownership", CR_OK, NULL},
	{"a domain that is verified already is", "ownership", DOMAIN, "ownership_already", CR_OK, NULL},
	{"a takeover that was only scheduled is waited for", "ownership", DOMAIN, "ownership_scheduled", CR_OK, NULL},
	{"a domain not known everywhere yet gets its service later", "service", DOMAIN, "service", CR_OK, NULL},
	{"a user is made with place and password", "mailbox", ANNA, "mailbox", CR_OK, NULL},
	{"a user of that name is a conflict", "mailbox", ANNA, "mailbox_taken", CR_ECONFLICT, "there already"},
	{"a user whose answer was lost is looked for", "mailbox", ANNA, "mailbox_lost", CR_OK, NULL},
	{"a licence waits for the user to be known", "licence", ANNA, "licence", CR_OK, NULL},
	{"a user without a place gets one first", "licence", ANNA, "licence_location", CR_OK, NULL},
	{"a place without licences is a fault of the configuration", "licence", ANNA, "licence_bad_location", CR_ECONFIG, "check usage_location"},
	{"the last licence is gone meanwhile", "licence", ANNA, "licence_none_left", CR_EREFUSED, "no free licence: EXCHANGESTANDARD, 25 bought, 25 in use"},
	{"a licence that may not be given names the permission", "licence", ANNA, "licence_denied", CR_EAUTH, "LicenseAssignment.ReadWrite.All"},
	{"a mailbox is waited for", "ready", ANNA, "ready", CR_OK, NULL},
	{"a licence without Exchange is refused", "ready", ANNA, "ready_off", CR_EREFUSED, "switched off"},
	{"keys have 2048 bits and do not sign yet", "dkim", DOMAIN, "dkim", CR_OK, NULL},
	{"a domain that Exchange does not know is waited for", "dkim", DOMAIN, "dkim_not_known", CR_OK, NULL},
	{"a proxy that refuses tells the commands", "dkim", DOMAIN, "dkim_refused", CR_ERETRY, "Get-DkimSigningConfig -Identity getx.example"},
	{"signing is switched on, and read back until it is valid", "signing", DOMAIN, "signing", CR_OK, NULL},
	{"the outbound limit is made, and read back", "limit", DOMAIN, "limit", CR_OK, NULL},
	{"a limit that reads differently was not set", "limit", DOMAIN, "limit_not_taken", CR_EUNKNOWN, "reads 0"},
};

static const struct undo_row {
	const char *name, *file;
	int want;
	const char *text;
} undos[] = {
	{"users go first, and the domain when nobody refers to it", "undo", CR_OK, NULL},
	{"what is gone already is success", "undo_gone", CR_OK, NULL},
	{"a user of others keeps the domain", "undo_used", CR_EREFUSED, "boss@getx.example"},
	{"a group of others keeps it too", "undo_group", CR_EREFUSED, "microsoft.graph.group g1"},
	{"deleted users that hold it are overruled", "undo_forced", CR_OK, NULL},
	{"a forced deletion that failed is told", "undo_forced_failed", CR_EREFUSED, "could not delete"},
	{"a forced deletion that runs is waited for", "undo_running", CR_OK, NULL},
};

static const struct setting_row {
	const char *name, *more, *text;
} bad_settings[] = {
	{"a tenant is a GUID or a domain", "tenant = \"a/b\";", "tenant"},
	{"a place has two letters", "usage_location = \"Germany\";", "two letters"},
	{"the proxy needs the first domain", "initial_domain = \"\";", "initial_domain"},
	{"targets by hand come in threes", "dkim_targets = [ \"getx.example a.onmicrosoft.com\" ];", "DOMAIN TARGET1 TARGET2"},
	{"targets by hand lie at Microsoft", "dkim_targets = [ \"getx.example a.onmicrosoft.com b.evil.example\" ];", "b.evil.example"},
};
/* clang-format on */

static struct mailhost_domain
wanted(const struct setting *s, struct mailhost_mailbox *box)
{
	*box = (struct mailhost_mailbox){ANNA, "Anna Berg", s->password};
	return (struct mailhost_domain){.domain = DOMAIN, .mailboxes = box, .n_mailboxes = 1};
}

/* Every exchange of the file was used, and no other was tried. */
static void
check_rest(const struct setting *s)
{
	if (http_replay_rest(s->http) != NULL)
		fail_msg("%s", http_replay_rest(s->http));
}

static void
check_observe(void **state)
{
	const struct observe_row *r = *state;
	enum owned_rule rule = r->owned;
	struct mailhost_steps steps = {0};
	struct mailhost_mailbox box;
	struct setting s = {0};
	struct mailhost_domain want;
	struct buf text = {0};
	struct err err = {0};
	bool said = r->detail == NULL;
	int rc;

	set_up(&s, r->file, r->more);
	want = wanted(&s, &box);
	rc = mailhost_microsoft365.observe(s.ctx, &want, is_owned, &rule, &steps, &err);
	check_rest(&s);
	assert_int_equal(rc, r->want);
	if (rc == CR_OK) {
		summary(&steps, &text);
		assert_string_equal(buf_str(&text), r->shows);
	} else if (strstr(err.text, r->shows) == NULL) {
		fail_msg("'%s' says nothing of '%s'", err.text, r->shows);
	}
	for (size_t i = 0; i < steps.n; i++)
		said = said || strstr(steps.items[i].detail, r->detail) != NULL;
	assert_true(said);
	buf_release(&text);
	mailhost_steps_release(&steps);
	close_host(&s);
}

static int
apply_one(struct setting *s, const char *kind, const char *subject, struct err *err)
{
	struct mailhost_mailbox box;
	const struct mailhost_domain want = wanted(s, &box);
	struct mailhost_step step = {.change = MAILHOST_CREATE};
	const struct mailhost_steps steps = {.items = &step, .n = 1};

	(void)snprintf(step.kind, sizeof(step.kind), "%s", kind);
	(void)snprintf(step.subject, sizeof(step.subject), "%s", subject);
	return mailhost_microsoft365.apply(s->ctx, &want, &steps, err);
}

static void
check_text(const struct err *err, const char *text)
{
	assert_null(strstr(err->text, "s3cret"));
	assert_null(strstr(err->text, "Pa55word"));
	if (text != NULL && strstr(err->text, text) == NULL)
		fail_msg("'%s' says nothing of '%s'", err->text, text);
}

static void
check_apply(void **state)
{
	const struct apply_row *r = *state;
	struct setting s = {0};
	struct err err = {0};
	int rc;

	set_up(&s, r->file, "recipient_limit = 30;");
	rc = apply_one(&s, r->kind, r->subject, &err);
	check_rest(&s);
	assert_int_equal(rc, r->want);
	check_text(&err, r->text);
	close_host(&s);
}

static void
check_undo(void **state)
{
	const struct undo_row *r = *state;
	struct mailhost_step items[] = {
		{.kind = "ready",     .subject = ANNA  },
                {.kind = "signing",   .subject = DOMAIN},
		{.kind = "dkim",      .subject = DOMAIN},
                {.kind = "domain",    .subject = DOMAIN},
		{.kind = "ownership", .subject = DOMAIN},
                {.kind = "mailbox",   .subject = ANNA  },
	};
	const struct mailhost_steps steps = {.items = items, .n = ARRAY_LEN(items)};
	struct setting s = {0};
	struct err err = {0};
	int rc;

	set_up(&s, r->file, NULL);
	rc = mailhost_microsoft365.undo(s.ctx, DOMAIN, &steps, &err);
	check_rest(&s);
	assert_int_equal(rc, r->want);
	check_text(&err, r->text);
	close_host(&s);
}

static void
check_settings(void **state)
{
	const struct setting_row *r = *state;
	char text[1500], key[32];
	struct setting s = {0};
	struct err err = {0};
	char *at;

	/* The last word counts in no libconfig file: what the row sets is taken out of the rest. */
	(void)snprintf(text, sizeof(text), "%s", CONFIG);
	(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(r->more, "="), r->more);
	at = strstr(text, key);
	if (at != NULL)
		memmove(at, strchr(at, ';') + 1, strlen(strchr(at, ';')));
	(void)strncat(text, r->more, sizeof(text) - strlen(text) - 1);
	fake_clock_init(&s.clock, 1764068819000);
	assert_int_equal(open_host(&s, text, &err), CR_ECONFIG);
	assert_null(s.ctx);
	check_text(&err, r->text);
	close_host(&s);
}

/* Served for ever: a step that never comes to its end. */
static void
m365__what_does_not_come_ends_in_run_again(void **state)
{
	static const struct {
		const char *kind, *subject, *file, *text;
	} rows[] = {
		{"ownership", DOMAIN, "ownership_wait", "does not see the TXT record yet"      },
		{"ready",     ANNA,   "ready_wait",     "has not made the mailbox yet"         },
		{"dkim",      DOMAIN, "dkim_wait",      "Exchange does not know the domain yet"},
		{"signing",   DOMAIN, "signing_wait",   "has not seen the two DKIM records yet"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct setting s = {0};
		struct err err = {0};

		set_up(&s, rows[i].file, "wait = \"1s\";");
		assert_int_equal(apply_one(&s, rows[i].kind, rows[i].subject, &err), CR_ERETRY);
		check_rest(&s);
		check_text(&err, rows[i].text);
		close_host(&s);
	}
}

static void
m365__quiescing_blocks_users_and_ends_their_sessions(void **state)
{
	static const struct {
		const char *file;
		bool off;
	} rows[] = {
		{"quiesce",      true },
                {"quiesce_back", false},
                {"quiesce_gone", true }
        };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct setting s = {0};
		struct err err = {0};

		set_up(&s, rows[i].file, NULL);
		assert_ok(mailhost_microsoft365.quiesce(s.ctx, DOMAIN, rows[i].off, &err), &err);
		check_rest(&s);
		close_host(&s);
	}
}

static void
m365__a_name_that_no_user_can_have_is_refused(void **state)
{
	struct mailhost_mailbox box;
	struct mailhost_steps steps = {0};
	enum owned_rule rule = NONE_OURS;
	struct mailhost_domain want;
	struct setting s = {0};
	struct err err = {0};
	struct buf text = {0};

	(void)state;
	set_up(&s, "observe_refused_name", NULL);
	want = wanted(&s, &box);
	box.address = "anna+x@getx.example";
	assert_ok(mailhost_microsoft365.observe(s.ctx, &want, is_owned, &rule, &steps, &err), &err);
	check_rest(&s);
	summary(&steps, &text);
	assert_string_equal(buf_str(&text), "domain+ ownership+ service+ mailboxx dkim+ signing+ ready+ | - - - -");
	buf_release(&text);
	mailhost_steps_release(&steps);
	close_host(&s);
}

static void
m365__cnames_that_stand_in_the_zone_are_taken(void **state)
{
	static const char *const targets[] = {"s1.contoso.onmicrosoft.com.", "s2.contoso.onmicrosoft.com."};
	struct mailhost_mailbox box;
	struct mailhost_steps steps = {0};
	enum owned_rule rule = ALL_OURS;
	struct records zone = {0};
	struct mailhost_domain want;
	struct setting s = {0};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct record r = {0};
		char owner[64];

		(void)snprintf(owner, sizeof(owner), "selector%zu._domainkey." DOMAIN, i + 1);
		assert_ok(record_parse(owner, RECORD_CNAME, 3600, targets[i], "", &r, &err), &err);
		assert_ok(records_add_copy(&zone, &r, &err), &err);
		record_release(&r);
	}
	set_up(&s, "observe_proxy_refuses", NULL);
	want = wanted(&s, &box);
	want.zone = &zone;
	assert_ok(mailhost_microsoft365.observe(s.ctx, &want, is_owned, &rule, &steps, &err), &err);
	assert_string_equal(steps.values[M365_DKIM1], "s1.contoso.onmicrosoft.com");
	assert_string_equal(steps.values[M365_DKIM2], "s2.contoso.onmicrosoft.com");
	records_release(&zone);
	mailhost_steps_release(&steps);
	close_host(&s);
}

int
main(void)
{
	struct CMUnitTest tests[96];
	size_t n = 0;

	ROWS(tests, n, observes, check_observe);
	ROWS(tests, n, applies, check_apply);
	ROWS(tests, n, undos, check_undo);
	ROWS(tests, n, bad_settings, check_settings);
	TEST(tests, n, m365__what_does_not_come_ends_in_run_again);
	TEST(tests, n, m365__quiescing_blocks_users_and_ends_their_sessions);
	TEST(tests, n, m365__a_name_that_no_user_can_have_is_refused);
	TEST(tests, n, m365__cnames_that_stand_in_the_zone_are_taken);
	return rows_run("provision/m365", tests, n);
}
