/*
 * evidence.c - the rows of what was read, and their way back to people.
 */
#include "budget/evidence.h"

#include "core/num.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define BEHIND_MAX    20
#define EVIDENCE_KEPT (EVIDENCE_TEXT - 4)

/* RFC 5322 s3.2.3 atext, and the dot: what a local part is made of where it is not quoted. */
static bool
is_local(char c)
{
	return isalnum((unsigned char)c) != 0 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", c) != NULL) ||
	       (unsigned char)c >= 0x80;
}

/* Back over a quoted string that ends in front of i, if one does. */
static size_t
quoted_start(const char *text, size_t i)
{
	size_t at = i;

	if (i == 0 || text[i - 1] != '"')
		return i;
	for (at--; at > 0 && text[at - 1] != '"'; at--)
		continue;
	return at > 0 ? at - 1 : i;
}

/* Back over the local part that ends here: words and quoted strings, in any number (RFC 5322 s4.4, obs-local-part). */
static size_t
local_start(const char *text, size_t end)
{
	for (size_t i = end;; end = i) {
		while (i > 0 && is_local(text[i - 1]))
			i--;
		i = quoted_start(text, i);
		if (i == end)
			return i;
	}
}

/* Not inside a character of UTF-8, and not inside what may have been a local part: its @ is cut off. */
static size_t
cut_at(const char *text, size_t len)
{
	for (int i = 0; i < 3 && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80; i++)
		len--;
	return local_start(text, len);
}

void
evidence_text(const char *text, char out[EVIDENCE_TEXT])
{
	size_t n = 0;

	for (; *text != '\0' && n < EVIDENCE_TEXT - 2; text++) {
		bool blank = (unsigned char)*text <= 0x20 || *text == 0x7f;

		if (blank && (n == 0 || out[n - 1] == ' '))
			continue;
		if (*text == '@' && isalnum((unsigned char)text[1]) != 0) {
			n = local_start(out, n);
			out[n++] = '*';
		}
		out[n++] = blank ? ' ' : *text;
	}
	out[n] = '\0';
	/* Shorter than what the loop stops at: what was cut is not cut again. */
	if (*text != '\0' || n > EVIDENCE_KEPT)
		n = cut_at(out, n < EVIDENCE_KEPT ? n : EVIDENCE_KEPT);
	out[n] = '\0';
}

int
evidence_find(struct db *db, const uint8_t identity[EVIDENCE_IDENTITY], int64_t *id_out, bool *ours_out,
              struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(db, "SELECT id, domain FROM evidence WHERE identity = $1",
	                  DB_ARGS(db_blob(identity, EVIDENCE_IDENTITY)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK) {
		*id_out = more ? db_col_int(rows, 0) : 0;
		*ours_out = more && db_col_text(rows, 1)[0] != '\0';
	}
	db_rows_drop(&rows);
	return rc;
}

static int
replace(struct contain *c, const struct evidence *e, struct err *err)
{
	return db_exec(
		c->db,
		"UPDATE evidence SET at_ms = $1, happened_ms = $2, source = $3, content = $4, mailbox = $5, tenant = "
		"$6, domain = $7, organisation = $8, customer = $9, class = $10, rule = $11, layer = $12, temporary = "
		"$13, status = $14, reply = $15, host = $16, words = $17, wording = $18 WHERE id = $19",
		DB_ARGS(db_int(e->at_ms), db_int(e->happened_ms), db_text(e->source),
	                db_blob(e->content, sizeof(e->content)), db_text(e->mailbox), db_text(e->tenant),
	                db_text(e->domain), db_text(e->organisation), db_text(e->customer), db_text(e->class),
	                db_text(e->rule), db_text(e->layer), db_int(e->temporary), db_text(e->status),
	                db_text(e->reply), db_text(e->host), db_text(e->text), db_int(e->wording), db_int(e->id)),
		NULL, err);
}

static int
insert(struct contain *c, const struct evidence *e, const uint8_t identity[EVIDENCE_IDENTITY], struct err *err)
{
	const struct db_value to =
		e->has_recipient ? db_blob(e->recipient_hash, sizeof(e->recipient_hash)) : db_text(NULL);

	return db_exec(c->db,
	               "INSERT INTO evidence (identity, at_ms, happened_ms, source, content, message_id, "
	               "recipient_hash, mailbox, tenant, domain, organisation, customer, class, rule, layer, "
	               "temporary, status, reply, host, words, wording) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
	               "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
	               DB_ARGS(db_blob(identity, EVIDENCE_IDENTITY), db_int(e->at_ms), db_int(e->happened_ms),
	                       db_text(e->source), db_blob(e->content, sizeof(e->content)), db_text(e->message_id), to,
	                       db_text(e->mailbox), db_text(e->tenant), db_text(e->domain), db_text(e->organisation),
	                       db_text(e->customer), db_text(e->class), db_text(e->rule), db_text(e->layer),
	                       db_int(e->temporary), db_text(e->status), db_text(e->reply), db_text(e->host),
	                       db_text(e->text), db_int(e->wording)),
	               NULL, err);
}

int
evidence_put(struct contain *c, const struct evidence *e, const uint8_t identity[EVIDENCE_IDENTITY], int64_t *id_out,
             struct err *err)
{
	bool ours;
	int rc = e->id != 0 ? replace(c, e, err) : insert(c, e, identity, err);

	return rc == CR_OK ? evidence_find(c->db, identity, id_out, &ours, err) : rc;
}

int
evidence_link(struct contain *c, int64_t id, const char *action, const char *kind, const char *value, const char *cause,
              struct err *err)
{
	return db_exec(c->db,
	               "INSERT INTO consequence (evidence, action, kind, value, cause) VALUES ($1, $2, $3, $4, $5) "
	               "ON CONFLICT DO NOTHING",
	               DB_ARGS(db_int(id), db_text(action), db_text(kind), db_text(value), db_text(cause)), NULL, err);
}

/* Who decided: a public list, or a vendor whoever's mail it guards; not the organisation.  The tenants of a vendor have a layer of their own. */
static void
take_vendor(const char *class, const char *layer, const char *rule, char *out, size_t size)
{
	bool vendors = strcmp(class, "reputation") == 0 || strcmp(class, "ip_block") == 0;

	out[0] = '\0';
	if (vendors && strncmp(rule, "dnsbl", 5) == 0)
		buf_copy_text(out, size, rule);
	else if (vendors && layer[0] != '\0' && strcmp(layer, "other") != 0)
		buf_copy_text(out, size, layer);
}

void
evidence_refusal(const struct evidence *e, struct refusal *out)
{
	*out = (struct refusal){.wording = e->wording};
	buf_copy_text(out->organisation, sizeof(out->organisation), e->organisation);
	buf_copy_text(out->customer, sizeof(out->customer), e->customer);
	/* A fallback is what is said when no rule knows the words. */
	if (strncmp(e->rule, "fallback", 8) != 0)
		buf_copy_text(out->rule, sizeof(out->rule), e->rule);
	take_vendor(e->class, e->layer, e->rule, out->vendor, sizeof(out->vendor));
}

int
evidence_of_class(struct db *db, const char *domain, const char *class, int64_t since_ms, int64_t until_ms, size_t max,
                  struct refusal *out, size_t *n_out, struct err *err)
{
	struct db_rows *rows = NULL;
	size_t n = 0;
	bool more;
	int rc = db_query(
		db,
		"SELECT organisation, customer, rule, layer, wording FROM evidence WHERE domain = $1 AND "
		"class = $2 AND happened_ms > $3 AND happened_ms < $4 AND temporary = 0 "
		"ORDER BY happened_ms DESC, id DESC LIMIT $5",
		DB_ARGS(db_text(domain), db_text(class), db_int(since_ms), db_int(until_ms), db_int((int64_t)max)),
		&rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more && n < max) {
		struct evidence e = {0};

		buf_copy_text(e.organisation, sizeof(e.organisation), db_col_text(rows, 0));
		buf_copy_text(e.customer, sizeof(e.customer), db_col_text(rows, 1));
		buf_copy_text(e.rule, sizeof(e.rule), db_col_text(rows, 2));
		buf_copy_text(e.layer, sizeof(e.layer), db_col_text(rows, 3));
		buf_copy_text(e.class, sizeof(e.class), class);
		e.wording = db_col_int(rows, 4);
		evidence_refusal(&e, &out[n++]);
	}
	db_rows_drop(&rows);
	if (rc == CR_OK)
		*n_out = n;
	return rc;
}

int
evidence_repeats(struct db *db, const char *tenant, const char *organisation, const char *class, int64_t since_ms,
                 int64_t *out, struct err *err)
{
	return db_get_int(db,
	                  "SELECT COUNT(*) FROM evidence WHERE organisation = $1 AND tenant = $2 AND class = $3 AND "
	                  "happened_ms > $4 AND temporary = 0",
	                  DB_ARGS(db_text(organisation), db_text(tenant), db_text(class), db_int(since_ms)), 0, out,
	                  err);
}

int
evidence_last(struct db *db, const char *domain, const char *class, int64_t *at_ms_out, struct err *err)
{
	return db_get_int(db,
	                  "SELECT COALESCE(MAX(at_ms), 0) FROM evidence WHERE domain = $1 AND class = $2 AND "
	                  "temporary = 0",
	                  DB_ARGS(db_text(domain), db_text(class)), 0, at_ms_out, err);
}

static void
take_row(const struct db_rows *rows, struct evidence *e)
{
	e->id = db_col_int(rows, 0);
	e->at_ms = db_col_int(rows, 1);
	e->happened_ms = db_col_int(rows, 2);
	buf_copy_text(e->source, sizeof(e->source), db_col_text(rows, 3));
	buf_copy_text(e->message_id, sizeof(e->message_id), db_col_text(rows, 4));
	buf_copy_text(e->mailbox, sizeof(e->mailbox), db_col_text(rows, 5));
	buf_copy_text(e->tenant, sizeof(e->tenant), db_col_text(rows, 6));
	buf_copy_text(e->domain, sizeof(e->domain), db_col_text(rows, 7));
	buf_copy_text(e->organisation, sizeof(e->organisation), db_col_text(rows, 8));
	buf_copy_text(e->class, sizeof(e->class), db_col_text(rows, 9));
	buf_copy_text(e->rule, sizeof(e->rule), db_col_text(rows, 10));
	buf_copy_text(e->layer, sizeof(e->layer), db_col_text(rows, 11));
	e->temporary = db_col_int(rows, 12) != 0;
	buf_copy_text(e->status, sizeof(e->status), db_col_text(rows, 13));
	buf_copy_text(e->reply, sizeof(e->reply), db_col_text(rows, 14));
	buf_copy_text(e->host, sizeof(e->host), db_col_text(rows, 15));
	buf_copy_text(e->text, sizeof(e->text), db_col_text(rows, 16));
}

int
evidence_behind(struct db *db, const char *kind, const char *value, const char *tenant,
                int (*show)(void *arg, const struct evidence *e, const char *action, struct err *err), void *arg,
                struct err *err)
{
	struct db_rows *rows = NULL;
	bool more;
	int rc = db_query(
		db,
		"SELECT e.id, e.at_ms, e.happened_ms, e.source, e.message_id, e.mailbox, e.tenant, e.domain, "
		"e.organisation, e.class, e.rule, e.layer, e.temporary, e.status, e.reply, e.host, e.words, "
		"q.action FROM consequence q JOIN evidence e ON e.id = q.evidence WHERE q.kind = $1 AND "
		"q.value = $2 AND ($3 = '' OR e.tenant = $3) ORDER BY e.id DESC LIMIT $4",
		DB_ARGS(db_text(kind), db_text(value), db_text(tenant != NULL ? tenant : ""), db_int(BEHIND_MAX)),
		&rows, err);

	while (rc == CR_OK && (rc = db_next(rows, &more, err)) == CR_OK && more) {
		struct evidence e = {0};

		take_row(rows, &e);
		rc = show(arg, &e, db_col_text(rows, 17), err);
	}
	db_rows_drop(&rows);
	return rc;
}

void
evidence_line(const struct evidence *e, char *out, size_t size)
{
	(void)snprintf(out, size, "evidence %lld: %s by rule %s%s%s%s%s: %s", (long long)e->id, e->class, e->rule,
	               e->organisation[0] != '\0' ? ", " : "", e->organisation, e->host[0] != '\0' ? ", host " : "",
	               e->host, e->text[0] != '\0' ? e->text : "no words");
}

int
evidence_count(struct db *db, const char *domain, struct evidence_count *out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(db,
	                  "SELECT COUNT(*), COALESCE(SUM(CASE WHEN hard THEN 1 ELSE 0 END), 0), "
	                  "COUNT(DISTINCT CASE WHEN hard AND organisation <> '' THEN organisation END), "
	                  "COALESCE(SUM(CASE WHEN class = 'complaint' THEN 1 ELSE 0 END), 0) FROM "
	                  "(SELECT class, organisation, temporary = 0 AND "
	                  "class IN ('tenant_policy', 'ip_block', 'reputation', 'own_account') AS hard "
	                  "FROM evidence WHERE domain = $1) x",
	                  DB_ARGS(db_text(domain)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && more)
		*out = (struct evidence_count){.refusals = db_col_int(rows, 0),
		                               .blocks = db_col_int(rows, 1),
		                               .blockers = db_col_int(rows, 2),
		                               .complaints = db_col_int(rows, 3)};
	db_rows_drop(&rows);
	return rc;
}
