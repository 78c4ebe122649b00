/*
 * test_docs.c - the sample configuration and the manual against the rows they describe.
 *
 * Run from the top of the source tree, as the whole suite is.
 */
#include "tests/lib/rows.h"

#include "budget/imap_servers.h"
#include "budget/settings.h"
#include "core/cfg.h"
#include "core/file.h"
#include "core/session.h"
#include "dns/zones/zones.h"
#include "provision/intent.h"
#include "provision/mailhosts/mailhosts.h"

#define DOC_MAX_BYTES ((size_t)1 << 20)

/* One document and one word that has to stand in it. */
struct want {
	char name[160];
	const char *path, *before, *key, *after;
};
static struct want wants[512];
static struct CMUnitTest tests[520];

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* before KEY after, with KEY a whole word and blanks allowed between it and `after`. */
static bool
holds(const char *text, const struct want *w)
{
	const size_t before = strlen(w->before), key = strlen(w->key);

	for (const char *at = text; (at = strstr(at, w->key)) != NULL; at++) {
		const char *end = at + key;

		if ((at > text && is_word_byte(at[-1])) || is_word_byte(*end))
			continue;
		if ((size_t)(at - text) < before || strncmp(at - before, w->before, before) != 0)
			continue;
		end += strspn(end, " ");
		if (strncmp(end, w->after, strlen(w->after)) == 0)
			return true;
	}
	return false;
}

static void
check_key(void **state)
{
	const struct want *w = *state;
	struct buf text = {0};
	struct err err = {0};

	assert_ok(file_read(w->path, DOC_MAX_BYTES, &text, &err), &err);
	if (!holds(buf_str(&text), w))
		fail_msg("%s says nothing of the setting '%s'", w->path, w->key);
	buf_release(&text);
}

/* Two wants a row: an item of the manual, an assignment (it may be commented out) in the sample. */
static void
add_rows(size_t *n, const char *group, const struct cfg_row *rows, size_t n_rows)
{
	static const struct {
		const char *path, *before, *after;
	} docs[] = {
		{"man/coldrelay.cfg.5", ".It Ic ", "" },
                {"coldrelay.cfg",       "",        "="}
        };

	for (size_t i = 0; i < n_rows; i++) {
		for (size_t d = 0; d < ARRAY_LEN(docs); d++) {
			struct want *w = &wants[*n];

			assert(*n < ARRAY_LEN(wants));
			*w = (struct want){.path = docs[d].path,
			                   .before = docs[d].before,
			                   .key = rows[i].key,
			                   .after = docs[d].after};
			(void)snprintf(w->name, sizeof(w->name), "%s: %s of a %s is described", w->path, rows[i].key,
			               group);
			tests[(*n)++] =
				(struct CMUnitTest){.name = w->name, .test_func = check_key, .initial_state = w};
		}
	}
}

static void
add_drivers(size_t *n)
{
	for (size_t i = 0; zone_drivers[i] != NULL; i++)
		add_rows(n, zone_drivers[i]->name, zone_drivers[i]->rows, zone_drivers[i]->n_rows);
	for (size_t i = 0; mailhost_drivers[i] != NULL; i++)
		add_rows(n, mailhost_drivers[i]->name, mailhost_drivers[i]->rows, mailhost_drivers[i]->n_rows);
}

/* What a driver's row says of its provider, as an item of the manual. */
static void
tell_driver(const struct zone_driver *d, struct buf *out)
{
	buf_addf(out, ".It Cm %s\n%s.\n", d->name, d->summary);
	buf_addf(out, "Makes zones: %s.\n",
	         (d->caps & ZONE_CAP_CREATE_FILLED) != 0 ? "yes, with their records in one call"
	         : (d->caps & ZONE_CAP_CREATE) != 0      ? "yes"
	                                                 : "no");
	buf_addf(out, "A change of several records: %s.\n",
	         (d->caps & ZONE_CAP_ATOMIC) != 0 ? "all or nothing" : "one after the other");
	buf_addf(out, "TTL %u to %u s, %s; TXT up to %zu bytes; a slash in names: %s.\n", d->ttl_min_s, d->ttl_max_s,
	         (d->caps & ZONE_CAP_RRSET_TTL) != 0 ? "one a set" : "one a record", d->txt_max_bytes,
	         (d->caps & ZONE_CAP_SLASH) != 0 ? "yes" : "no");
	if (d->calls.observe > 0)
		buf_addf(out, "Calls as a rule: %u to look", d->calls.observe);
	if (d->calls.create > 0)
		buf_addf(out, ", %u to make a zone", d->calls.create);
	if (d->calls.change > 0)
		buf_addf(out, ", %u to change one", d->calls.change);
	if (d->calls.set > 0)
		buf_addf(out, ", %u for each record set", d->calls.set);
	if (d->calls.observe > 0)
		buf_adds(out, ".\n");
	for (size_t i = 0; i < d->n_limits; i++)
		buf_addf(out, "Kept to %u call%s in %g s.\n", d->limits[i].calls, d->limits[i].calls == 1 ? "" : "s",
		         (double)d->limits[i].per_ms / 1000);
	buf_addf(out, "Tested: %s.\nDocuments read %s.\n", d->tested, d->read_on);
}

/* The list of the manual is generated: COLDRELAY_PROVIDERS=1 prints what it should be. */
static void
docs__the_manual_says_of_each_provider_what_its_row_says(void **state)
{
	struct buf want = {0}, manual = {0};
	struct err err = {0};

	(void)state;
	buf_adds(&want, ".Bl -tag -width rfc2136\n");
	for (size_t i = 0; zone_drivers[i] != NULL; i++)
		if (strcmp(zone_drivers[i]->name, "memory") != 0)
			tell_driver(zone_drivers[i], &want);
	buf_adds(&want, ".El\n");
	assert_ok(file_read("man/coldrelay.cfg.5", DOC_MAX_BYTES, &manual, &err), &err);
	if (getenv("COLDRELAY_PROVIDERS") != NULL)
		(void)fputs(buf_str(&want), stdout);
	else if (strstr(buf_str(&manual), buf_str(&want)) == NULL)
		fail_msg("the section ZONE PROVIDERS differs from the rows: `make manual` writes it anew");
	buf_release(&want);
	buf_release(&manual);
}

/* Every name, type, range and reference in it is right. */
static void
docs__sample_configuration_has_no_fault(void **state)
{
	struct session s = {.config_path = "coldrelay.cfg", .clock = clock_system(), .out = stdout};
	struct intent intent = {0};
	struct err err = {0};

	(void)state;
	assert_ok(intent_read(&s, &intent, &err), &err);
	assert_string_equal(cfg_warnings(s.cfg), "");
	assert_int_equal(intent.n_tenants, 1);
	assert_int_equal(intent.tenants[0].n_domains, 2);
	intent_release(&intent);
	session_release(&s);
}

int
main(void)
{
	size_t n = 0;

	add_rows(&n, "configuration", settings_rows, settings_rows_n);
	add_rows(&n, "limits group", limits_rows, limits_rows_n);
	add_rows(&n, "organisation", organisation_rows, organisation_rows_n);
	add_rows(&n, "reactions group", reaction_rows, reaction_rows_n);
	add_rows(&n, "tenant", intent_tenant_rows, intent_tenant_rows_n);
	add_rows(&n, "tenant or domain", intent_default_rows, intent_default_rows_n);
	add_rows(&n, "mailbox", intent_mailbox_rows, intent_mailbox_rows_n);
	add_rows(&n, "zone provider", intent_zone_rows, intent_zone_rows_n);
	add_rows(&n, "mail host", intent_host_rows, intent_host_rows_n);
	add_rows(&n, "address owner", intent_reverse_rows, intent_reverse_rows_n);
	add_rows(&n, "address owner", intent_reverse_zone_rows, intent_reverse_zone_rows_n);
	for (size_t i = 0; address_drivers[i] != NULL; i++)
		if (address_drivers[i]->place == NULL)
			add_rows(&n, address_drivers[i]->name, address_drivers[i]->rows, address_drivers[i]->n_rows);
	add_rows(&n, "block list", intent_list_rows, intent_list_rows_n);
	add_rows(&n, "imap server", imap_rows, imap_rows_n);
	add_drivers(&n);
	TEST(tests, n, docs__the_manual_says_of_each_provider_what_its_row_says);
	TEST(tests, n, docs__sample_configuration_has_no_fault);
	return rows_run("core/docs", tests, n);
}
