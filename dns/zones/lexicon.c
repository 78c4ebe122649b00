/*
 * lexicon.c - zones at any of the providers that the program lexicon knows.
 *
 * Source: lexicon 3.11.7, Debian package lexicon (read 2026-11-25).  The long tail: slow and without guarantees, but there.
 * Invariants: what a provider must not tell travels in the environment of the child, never in its arguments, and is struck out of whatever it
 * prints.  One program start a record, so a change is neither fast nor atomic; one that stopped half-way is "unknown", and the next run looks.
 * A file lexicon.yml of the working directory has no say.
 */
#include "dns/zones/lexicon.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/num.h"
#include "core/proc.h"

#define OPTIONS_MAX    16
#define TYPES_MAX      8
#define RUN_MS         60000
#define OUTPUT_MAX     ((size_t)4 << 20)
#define NO_CONFIG_DIR  "/dev" /* a directory that is there and that nobody keeps a lexicon.yml in */
#define ARGUMENT_COUNT 32

struct lexicon_settings {
	char *provider, *program;
	struct cfg_list options, types;
	bool mx_in_content;
};

/* A row a line. */
/* clang-format off */
#define AT(member) offsetof(struct lexicon_settings, member)
static const struct cfg_row settings_rows[] = {
	{"provider", CFG_TEXT, AT(provider), 0, 0, NULL, CFG_REQUIRED, NULL, "What lexicon calls the provider."},
	{"options", CFG_LIST, AT(options), 0, 0, NULL, 0, NULL, "Its options as \"auth_token=env:NAME\": values by reference, or as they stand."},
	{"types", CFG_LIST, AT(types), 0, 0, NULL, 0, NULL, "The record types to look for: of A, AAAA, CNAME, MX, TXT, NS and SRV; without it the first five."},
	{"mx_in_content", CFG_BOOL, AT(mx_in_content), 0, 0, "false", 0, NULL, "Give an MX as \"10 host\", for providers that know no priority (powerdns)."},
	{"program", CFG_TEXT, AT(program), 0, 0, "lexicon", 0, NULL, "The program."},
};
#undef AT
/* clang-format on */

struct lexicon {
	const struct clock *clock;
	const char *provider, *program;
	struct lexicon_manner manner;
	struct secret *env[OPTIONS_MAX];    /* whole entries: LEXICON_PROVIDER_OPTION=value */
	struct secret *values[OPTIONS_MAX]; /* those that came by reference: not to be shown */
	size_t n;
	uint16_t types[TYPES_MAX];
	size_t n_types;
};

/* Every place where a secret value stands becomes stars. */
static void
strike_out(const struct lexicon *l, struct buf *output)
{
	for (size_t i = 0; i < l->n; i++) {
		size_t len = 0;
		const char *value = l->values[i] != NULL ? secret_bytes(l->values[i], &len) : "";
		char *at = output->data;

		while (len > 0 && at != NULL &&
		       (at = memmem(at, output->len - (size_t)(at - output->data), value, len)) != NULL)
			memset(at, '*', len);
	}
}

/* lexicon ... ACTION ZONE TYPE MORE...; more: NULL-terminated.  Output without secrets. */
static int
run(const struct lexicon *l, const char *zone, const char *action, uint16_t type, const char *const *more,
    struct buf *output, int *status_out, struct err *err)
{
	const char *argv[ARGUMENT_COUNT] = {l->program, "--config-dir", NO_CONFIG_DIR, "--delegated",
	                                    zone,       l->provider,    action,        zone};
	const char *env[OPTIONS_MAX + 1] = {0};
	char type_name[16];
	size_t n = 8, len;
	int rc;

	argv[n++] = record_type_name(type, type_name);
	while (*more != NULL && n + 5 < ARRAY_LEN(argv))
		argv[n++] = *more++;
	argv[n++] = "--output";
	argv[n++] = "JSON";
	argv[n++] = "--log_level";
	argv[n++] = "ERROR";
	for (size_t i = 0; i < l->n; i++)
		env[i] = secret_bytes(l->env[i], &len);
	output->max_bytes = OUTPUT_MAX;
	rc = proc_run(argv, env, l->clock, RUN_MS, output, status_out, err);
	if (rc == CR_ENOTFOUND)
		return err_set(err, CR_ECONFIG, "%s is not installed (package lexicon)", l->program);
	strike_out(l, output);
	return rc;
}

static int
list(const struct lexicon *l, const char *zone, uint16_t type, struct zone_state *s, struct err *err)
{
	static const char *const nothing[] = {NULL};
	struct buf output = {0};
	bool absent = false;
	int status = 0;
	int rc = run(l, zone, "list", type, nothing, &output, &status, err);

	if (rc == CR_OK && status != 0)
		rc = lexicon_fault_parse(buf_str(&output), zone, &absent, err);
	else if (rc == CR_OK)
		rc = lexicon_list_parse(buf_str(&output), output.len, zone, type, &s->records, err);
	s->exists = rc == CR_OK && !absent;
	buf_release(&output);
	return rc;
}

static int
lexicon_observe(void *ctx, const char *zone, const char *id, struct zone_state *out, struct err *err)
{
	const struct lexicon *l = ctx;
	struct zone_state s = {.exists = true};
	int rc = CR_OK;

	(void)id;
	for (size_t i = 0; rc == CR_OK && s.exists && i < l->n_types; i++)
		rc = list(l, zone, l->types[i], &s, err);
	if (rc == CR_OK)
		rc = zone_state_name_servers(&s, zone, err);
	if (rc == CR_OK) {
		*out = s;
		s = (struct zone_state){0};
	}
	zone_state_release(&s);
	return rc;
}

/* One record made or taken away.  err is the caller's own, never NULL. */
static int
write_one(const struct lexicon *l, const char *zone, const char *action, const struct record *r, struct err *err)
{
	const char *more[12] = {"--name", r->owner, "--content"};
	struct lexicon_value v = {0};
	struct buf output = {0};
	char ttl[16];
	size_t n = 3;
	bool absent = false;
	int status = 0;
	int rc = lexicon_value_make(&l->manner, r, &v, err);

	if (rc != CR_OK)
		return rc;
	more[n++] = v.content;
	if (strcmp(action, "create") == 0) {
		(void)snprintf(ttl, sizeof(ttl), "%u", r->ttl_s);
		more[n++] = "--ttl";
		more[n++] = ttl;
		if (v.priority[0] != '\0') {
			more[n++] = "--priority";
			more[n++] = v.priority;
		}
	}
	rc = run(l, zone, action, r->type, more, &output, &status, err);
	if (rc == CR_OK && status != 0) {
		rc = lexicon_fault_parse(buf_str(&output), zone, &absent, err);
		/* Nothing tells whether it was done. */
		if (rc == CR_ERETRY) {
			err->code = rc = CR_EUNKNOWN;
			(void)err_wrap(err, "%s %s", action, r->owner);
		}
		if (absent)
			rc = err_set(err, CR_ENOTFOUND, "zone %s is not there", zone);
	}
	lexicon_value_release(&v);
	buf_release(&output);
	return rc;
}

static int
lexicon_change(void *ctx, const char *zone, const struct zone_state *base, const struct set_diff *diff, struct err *err)
{
	const struct lexicon *l = ctx;
	int rc = zone_check_change(&base->records, diff, err);

	for (size_t i = 0; rc == CR_OK && i < diff->n; i++) {
		const struct set_change *c = &diff->items[i];
		struct err why = {0};

		/* A TTL is a part of the record there. */
		if (c->op != SET_CREATE && records_find(&base->records, &c->record) != NULL)
			rc = write_one(l, zone, "delete", &c->record, &why);
		if (rc == CR_OK && c->op != SET_DELETE)
			rc = write_one(l, zone, "create", &c->record, &why);
		if (rc != CR_OK && (i > 0 || c->op == SET_TTL))
			rc = err_set(err, CR_EUNKNOWN, "zone %s: changed in part: %.300s", zone, why.text);
		else if (rc != CR_OK && err != NULL)
			*err = why;
	}
	return rc;
}

static int
lexicon_reject(const struct record *r, const char *zone, struct err *err)
{
	static const uint16_t held[] = {RECORD_A,   RECORD_AAAA, RECORD_CNAME, RECORD_MX,
	                                RECORD_TXT, RECORD_NS,   RECORD_SRV};
	char type[16];

	(void)zone;
	if (r->type == RECORD_TXT && (r->data_len == 0 || memchr(r->data, 0, r->data_len) != NULL))
		return err_set(err, CR_EREFUSED, "TXT %s: empty, or with a NUL in it, cannot be an argument", r->owner);
	for (size_t i = 0; i < ARRAY_LEN(held); i++)
		if (held[i] == r->type)
			return CR_OK;
	return err_set(err, CR_EREFUSED, "%s %s: lexicon does not know this type", record_type_name(r->type, type),
	               r->owner);
}

static void
lexicon_drop(void *ctx)
{
	struct lexicon *l = ctx;

	if (l == NULL)
		return;
	for (size_t i = 0; i < OPTIONS_MAX; i++) {
		secret_drop(&l->env[i]);
		secret_drop(&l->values[i]);
	}
	free(l);
}

static bool
is_reference(const char *value)
{
	return strncmp(value, "env:", 4) == 0 || strncmp(value, "file:", 5) == 0;
}

/* "auth_token=env:X" -> LEXICON_PROVIDER_AUTH_TOKEN=value, in the words of lexicon's own configuration. */
static int
take_option(struct lexicon *l, const char *option, struct err *err)
{
	const char *equal = strchr(option, '=');
	struct buf entry = {.max_bytes = SECRET_MAX_BYTES};
	struct secret *value = NULL;
	bool is_inline;
	size_t len = 0;
	int rc = CR_OK;

	if (equal == NULL || equal == option || l->n == OPTIONS_MAX)
		return err_set(err, CR_ECONFIG, "options: at most %d, each NAME=VALUE", OPTIONS_MAX);
	if (is_reference(equal + 1) && secret_resolve(equal + 1, false, &is_inline, &value, err) != CR_OK)
		return err_wrap(err, "options: %.*s", (int)(equal - option), option);
	buf_adds(&entry, "LEXICON_");
	for (const char *c = l->provider; *c != '\0'; c++)
		buf_addc(&entry, (char)toupper((unsigned char)*c));
	buf_addc(&entry, '_');
	for (const char *c = option; c < equal; c++)
		buf_addc(&entry, *c == '-' ? '_' : (char)toupper((unsigned char)*c));
	buf_addc(&entry, '=');
	buf_adds(&entry, value != NULL ? secret_bytes(value, &len) : equal + 1);
	rc = buf_check(&entry, "options", err);
	if (rc == CR_OK)
		rc = secret_make(entry.data, entry.len, &l->env[l->n], err);
	if (rc == CR_OK)
		l->values[l->n++] = TAKE(value);
	secret_drop(&value);
	secret_wipe_buf(&entry);
	return rc;
}

static int
take_types(struct lexicon *l, const struct cfg_list *types, struct err *err)
{
	static const uint16_t usual[] = {RECORD_A, RECORD_AAAA, RECORD_CNAME, RECORD_MX, RECORD_TXT};
	struct record probe = {.owner = NULL, .data_len = 1};

	for (size_t i = 0; types->n == 0 && i < ARRAY_LEN(usual); i++)
		l->types[l->n_types++] = usual[i];
	for (size_t i = 0; i < types->n; i++) {
		if (l->n_types == TYPES_MAX || record_type_parse(types->items[i], &probe.type, NULL) != CR_OK ||
		    (probe.type != RECORD_TXT && lexicon_reject(&probe, "", NULL) != CR_OK))
			return err_set(err, CR_ECONFIG, "types: '%s' is not one of A, AAAA, CNAME, MX, TXT, NS, SRV",
			               types->items[i]);
		l->types[l->n_types++] = probe.type;
	}
	return CR_OK;
}

static int
check_provider(const char *provider, struct err *err)
{
	if (provider[0] == '\0' || provider[strspn(provider, "abcdefghijklmnopqrstuvwxyz0123456789")] != '\0')
		return err_set(err, CR_ECONFIG, "provider: '%s' is no name that lexicon has", provider);
	return CR_OK;
}

static int
lexicon_open(const struct zone_env *env, const void *settings, void **ctx_out, struct err *err)
{
	const struct lexicon_settings *s = settings;
	struct lexicon *l;
	int rc = check_provider(s->provider, err);

	if (rc != CR_OK)
		return rc;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return err_nomem(err, "lexicon");
	*l = (struct lexicon){.clock = env->clock,
	                      .provider = s->provider,
	                      .program = s->program,
	                      .manner = {.mx_in_content = s->mx_in_content}};
	rc = take_types(l, &s->types, err);
	for (size_t i = 0; rc == CR_OK && i < s->options.n; i++)
		rc = take_option(l, s->options.items[i], err);
	if (rc == CR_OK)
		*ctx_out = TAKE(l);
	lexicon_drop(l);
	return rc;
}

extern const struct zone_driver zone_driver_lexicon;

const struct zone_driver zone_driver_lexicon = {
	.name = "lexicon",
	.summary = "any provider of the program lexicon",
	.caps = ZONE_CAP_NO_APEX,
	.ttl_min_s = 1,
	.ttl_max_s = RECORD_TTL_MAX,
	.txt_max_bytes = 4000,
	.rows = settings_rows,
	.n_rows = ARRAY_LEN(settings_rows),
	.settings_size = sizeof(struct lexicon_settings),
	.tested = "real program: lexicon 3.11.7 on PowerDNS 4.7.3",
	.read_on = "2026-11-25",
	.note = "through lexicon: one program start a record, not atomic, no new zones; what it lists decides what is "
		"known",
	.calls = {.observe = 5},
	.open = lexicon_open,
	.drop = lexicon_drop,
	.reject = lexicon_reject,
	.observe = lexicon_observe,
	.change = lexicon_change,
};
