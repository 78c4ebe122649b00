/*
 * keys.c - rows of dkim_key and credential: sealed on the way in, unsealed on the way out.
 *
 * Sources: RFC 6376 s3.1 (selectors), s3.6.1 (what stands behind p=).
 * Invariants: a private half or a password enters the store only sealed under a context that names its row, so a sealed value
 * copied to another row does not open; a row of dkim_key is never deleted, so a selector is never used twice.
 */
#include "provision/keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/audit.h"
#include "core/list.h"

#define CONTEXT_MAX      (NAME_TEXT_MAX + 128)
#define PASSWORD_LEN     24
#define SELECTOR_LETTERS 26

static const char *const state_names[] = {
	[KEY_NEXT] = "next",
	[KEY_ACTIVE] = "active",
	[KEY_RETIRED] = "retired",
};
static_assert(ARRAY_LEN(state_names) == KEY_STATE__COUNT, "a name for every state");

const char *
key_state_name(enum key_state s)
{
	assert(s < KEY_STATE__COUNT);
	return state_names[s];
}

static int
parse_state(const char *text, enum key_state *out, struct err *err)
{
	for (unsigned s = 0; s < KEY_STATE__COUNT; s++)
		if (text != NULL && strcmp(text, state_names[s]) == 0) {
			*out = (enum key_state)s;
			return CR_OK;
		}
	return err_set(err, CR_ESTORE, "unknown state of a key: '%s'", text != NULL ? text : "");
}

void
keys_release(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		secret_drop(&k->items[i].pem);
	free(k->items);
	*k = (struct keys){0};
}

static int
keys_take(struct keys *k, struct key *key, struct err *err)
{
	struct key *items = list_grow(k->items, k->n, &k->cap, sizeof(*items));

	if (items == NULL)
		return err_nomem(err, "dkim keys");
	k->items = items;
	k->items[k->n++] = *key;
	*key = (struct key){0};
	return CR_OK;
}

static void
key_context(const char *domain, const char *selector, char out[CONTEXT_MAX])
{
	int len = snprintf(out, CONTEXT_MAX, "dkim:%s:%s", domain, selector);

	assert(len > 0 && len < CONTEXT_MAX);
}

static void
password_context(const char *address, char out[CONTEXT_MAX])
{
	int len = snprintf(out, CONTEXT_MAX, "password:%s", address);

	assert(len > 0 && len < CONTEXT_MAX);
}

/*
 * The store holds the bytes of p=.  They are read back through the same parser that reads a published record, so that what
 * comes out of a damaged row is an error here and not a broken record in the DNS.
 */
static int
read_public(const char *algorithm, const void *data, size_t len, struct dkim_public *out, struct err *err)
{
	struct dkim_public raw = {0};
	struct buf text = {0};
	bool revoked = false, testing = false;
	int rc;

	rc = dkim_algorithm_parse(algorithm != NULL ? algorithm : "", &raw.algorithm, err);
	if (rc != CR_OK)
		goto out;
	if (data == NULL || len == 0 || len > sizeof(raw.data)) {
		rc = err_set(err, CR_ESTORE, "public half of %zu bytes", len);
		goto out;
	}
	memcpy(raw.data, data, len);
	raw.len = len;
	dkim_record_text(&raw, NULL, &text);
	rc = buf_check(&text, "key record", err);
	if (rc == CR_OK)
		rc = dkim_record_parse(buf_str(&text), out, &revoked, &testing, err);
out:
	buf_release(&text);
	if (rc == CR_EPARSE && err != NULL)
		rc = err->code = CR_ESTORE;
	return rc;
}

static int
read_key(const struct db_rows *rows, const struct vault *v, const char *domain, struct key *out, struct err *err)
{
	const char *selector = db_col_text(rows, 0);
	char context[CONTEXT_MAX];
	const void *data;
	size_t len;
	int rc;

	if (selector == NULL || strlen(selector) >= sizeof(out->selector))
		return err_set(err, CR_ESTORE, "selector is missing or too long");
	(void)snprintf(out->selector, sizeof(out->selector), "%s", selector);
	rc = parse_state(db_col_text(rows, 2), &out->state, err);
	if (rc != CR_OK)
		goto out;
	data = db_col_blob(rows, 3, &len);
	rc = read_public(db_col_text(rows, 1), data, len, &out->public, err);
	if (rc != CR_OK)
		goto out;
	out->created_ms = db_col_int(rows, 5);
	out->retired_ms = db_col_int(rows, 6);
	if (v == NULL)
		return CR_OK;
	data = db_col_blob(rows, 4, &len);
	key_context(domain, out->selector, context);
	rc = vault_unseal(v, context, data, len, &out->pem, err);
out:
	return rc == CR_OK ? CR_OK : err_wrap(err, "dkim key %s", out->selector);
}

int
keys_add_used(struct keys *k, const char *selector, struct err *err)
{
	struct key key = {.state = KEY_RETIRED};

	(void)snprintf(key.selector, sizeof(key.selector), "%s", selector);
	return keys_take(k, &key, err);
}

int
keys_load(struct db *db, const struct vault *v, const char *domain, struct keys *out, struct err *err)
{
	struct keys found = {0};
	struct key key = {0};
	struct db_rows *rows = NULL;
	bool more;
	int rc;

	rc = db_query(db,
	              "SELECT selector, algorithm, state, public_key, sealed, created_ms, COALESCE(retired_ms, 0)"
	              " FROM dkim_key WHERE domain = $1 ORDER BY created_ms, selector",
	              DB_ARGS(db_text(domain)), &rows, err);
	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		rc = read_key(rows, v, domain, &key, err);
		if (rc == CR_OK)
			rc = keys_take(&found, &key, err);
	}
	db_rows_drop(&rows);
	secret_drop(&key.pem);
	if (rc != CR_OK) {
		keys_release(&found);
		return rc;
	}
	*out = found;
	return CR_OK;
}

int
keys_store(struct db *db, const struct vault *v, const char *domain, const struct key *k, struct err *err)
{
	const struct audit_entry e = {.at_ms = k->created_ms,
	                              .actor = audit_actor(),
	                              .action = "key.create",
	                              .subject = domain,
	                              .reason = k->selector};
	struct buf sealed = {0};
	char context[CONTEXT_MAX];
	int rc;

	assert(k->pem != NULL && k->public.len > 0);
	key_context(domain, k->selector, context);
	rc = vault_seal(v, context, k->pem, &sealed, err);
	if (rc != CR_OK)
		goto out;
	rc = db_exec(
		db,
		"INSERT INTO dkim_key (domain, selector, algorithm, state, public_key, sealed, created_ms, retired_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		DB_ARGS(db_text(domain), db_text(k->selector), db_text(dkim_algorithm_name(k->public.algorithm)),
	                db_text(key_state_name(k->state)), db_blob(k->public.data, k->public.len),
	                db_blob(sealed.data, sealed.len), db_int(k->created_ms),
	                k->state == KEY_RETIRED ? db_int(k->retired_ms) : db_text(NULL)),
		NULL, err);
	if (rc == CR_ECONFLICT)
		rc = err_set(err, CR_ECONFLICT, "selector %s of %s was used before, and is never used again",
		             k->selector, domain);
	if (rc == CR_OK)
		rc = audit_append(db, v, &e, err);
out:
	buf_release(&sealed);
	return rc;
}

int
keys_set_state(struct db *db, const char *domain, const char *selector, enum key_state s, int64_t now_ms,
               struct err *err)
{
	int64_t changed = 0;
	int rc;

	rc = db_exec(db, "UPDATE dkim_key SET state = $1, retired_ms = $2 WHERE domain = $3 AND selector = $4",
	             DB_ARGS(db_text(key_state_name(s)), s == KEY_RETIRED ? db_int(now_ms) : db_text(NULL),
	                     db_text(domain), db_text(selector)),
	             &changed, err);
	if (rc == CR_OK && changed == 0)
		return err_set(err, CR_ENOTFOUND, "%s has no dkim key with selector %s", domain, selector);
	return rc;
}

static bool
is_used(const struct keys *have, const char *selector)
{
	for (size_t i = 0; i < have->n; i++)
		if (strcmp(have->items[i].selector, selector) == 0)
			return true;
	return false;
}

int
keys_next_selector(const struct keys *have, enum dkim_algorithm a, int64_t now_s, char out[64], struct err *err)
{
	const time_t now = (time_t)now_s;
	char selector[64], month[16];
	struct tm tm;

	if (gmtime_r(&now, &tm) == NULL || strftime(month, sizeof(month), "%Y%m", &tm) == 0)
		return err_set(err, CR_EBUG, "no month for time %lld", (long long)now_s);
	for (int i = 0; i < SELECTOR_LETTERS; i++) {
		(void)snprintf(selector, sizeof(selector), "cr%s%s%c", month, a == DKIM_ED25519 ? "e" : "", 'a' + i);
		if (!is_used(have, selector)) {
			memcpy(out, selector, sizeof(selector));
			return CR_OK;
		}
	}
	return err_set(err, CR_EREFUSED, "all %d selectors of %s were used: more keys next month", SELECTOR_LETTERS,
	               month);
}

int
keys_password(struct db *db, const struct vault *v, const char *address, struct secret **out, struct err *err)
{
	struct db_rows *rows = NULL;
	char context[CONTEXT_MAX];
	const void *sealed;
	size_t len;
	bool more = false;
	int rc;

	rc = db_query(db, "SELECT sealed FROM credential WHERE address = $1", DB_ARGS(db_text(address)), &rows, err);
	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc != CR_OK)
		goto out;
	if (!more) {
		rc = err_set(err, CR_ENOTFOUND, "no password is stored for %s", address);
		goto out;
	}
	sealed = db_col_blob(rows, 0, &len);
	password_context(address, context);
	rc = vault_unseal(v, context, sealed, len, out, err);
	if (rc != CR_OK)
		rc = err_wrap(err, "password of %s", address);
out:
	db_rows_drop(&rows);
	return rc;
}

/*
 * 64 characters, so that six bits of a random byte choose one without a bias: 24 of them are 144 bits.  None of them needs
 * quoting in a shell, a URL or a passwd file.  Drawn again until upper case, lower case and digit occur: the rule of
 * Microsoft 365 and Google Workspace, and about one draw in fifty misses it.
 */
static int
draw_password(struct secret **out, struct err *err)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.";
	char text[PASSWORD_LEN];
	struct secret *random = NULL;
	bool upper, lower, digit;
	int rc;

	static_assert(sizeof(alphabet) == 64 + 1, "six bits a character");
	do {
		const char *bytes;
		size_t len;

		rc = secret_random(PASSWORD_LEN, &random, err);
		if (rc != CR_OK)
			break;
		bytes = secret_bytes(random, &len);
		upper = lower = digit = false;
		for (size_t i = 0; i < PASSWORD_LEN; i++) {
			unsigned value = (unsigned char)bytes[i] & 63U;

			text[i] = alphabet[value];
			upper |= value < 26;
			lower |= value >= 26 && value < 52;
			digit |= value >= 52 && value < 62;
		}
		secret_drop(&random);
	} while (!upper || !lower || !digit);
	if (rc == CR_OK)
		rc = secret_make(text, sizeof(text), out, err);
	secret_wipe(text, sizeof(text));
	return rc;
}

int
keys_make_password(struct db *db, const struct vault *v, const char *address, int64_t now_ms, struct secret **out,
                   struct err *err)
{
	struct secret *password = NULL;
	struct buf sealed = {0};
	char context[CONTEXT_MAX];
	int rc;

	rc = draw_password(&password, err);
	if (rc != CR_OK)
		goto out;
	password_context(address, context);
	rc = vault_seal(v, context, password, &sealed, err);
	if (rc != CR_OK)
		goto out;
	rc = db_exec(db, "INSERT INTO credential (address, sealed, created_ms) VALUES ($1, $2, $3)",
	             DB_ARGS(db_text(address), db_blob(sealed.data, sealed.len), db_int(now_ms)), NULL, err);
	if (rc == CR_ECONFLICT)
		rc = err_set(err, CR_ECONFLICT, "a password of %s is stored already", address);
	if (rc == CR_OK)
		*out = TAKE(password);
out:
	buf_release(&sealed);
	secret_drop(&password);
	return rc;
}
