/*
 * react.c - the table of what follows from what, and the counting that makes more of it.
 *
 * Sources: the classes and what they mean for a sender stand in the manual, coldrelay-bounce(1).  Invariants: nothing here lifts, thaws or
 * moves anything; a refusal that will be tried again (4xx) freezes nothing; what is done has its evidence in the same transaction.
 */
#include "budget/react.h"

#include "budget/evidence.h"
#include "budget/sending.h"
#include "budget/suppress.h"
#include "core/json.h"
#include "core/num.h"
#include "dns/name.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS     ((int64_t)86400000)
#define OF_A_CLASS 256 /* rows that are looked at; the count that decides is three */
#define LINE_MAX_  400

#define ADDRESS REACT_SUPPRESS_ADDRESS
#define ORG     REACT_SUPPRESS_ORGANISATION
#define FREEZE  REACT_FREEZE
#define ON_IP   REACT_FREEZE_ADDRESS
#define TENANT  REACT_FREEZE_TENANT

static const struct reaction {
	const char *class; /* the cause of a freeze, the reason of a suppression */
	const char *scope;
	unsigned at_once;
	unsigned at_repeat;     /* with the second one from the same organisation */
	unsigned at_second_org; /* with the second organisation */
	unsigned at_second;     /* with the second one, from whomever */
	bool hard;              /* a decision about the sender: three unrelated ones burn the domain */
	bool alike;             /* the same rule or words from two unrelated organisations: systemic */
	bool early;             /* also when the server would be asked again */
} reactions[] = {
  /* clang-format off */
	/*                              class                   scope           once           repeat 2nd org second  hard   alike  early */
	[REPLY_TENANT_POLICY]        = {"tenant_policy",        "organisation", ORG | FREEZE,   0,    0,      0,      true,  true,  false},
	/* One person's own entry.  The organisation is closed too: a lift of that entry must not open the mailbox. */
	[REPLY_MAILBOX_BLOCK]        = {"mailbox_block",        "mailbox",      ADDRESS | ORG,  0,    0,      0,      false, false, false},
	[REPLY_IP_BLOCK]             = {"ip_block",             "address",      FREEZE | ON_IP, 0,    0,      0,      true,  true,  false},
	[REPLY_REPUTATION]           = {"reputation",           "none",         FREEZE,         0,    0,      0,      true,  true,  false},
	[REPLY_CONTENT]              = {"content",              "none",         0,              ORG,  FREEZE, 0,      false, true,  false},
	[REPLY_AUTH]                 = {"auth",                 "none",         FREEZE,         0,    0,      0,      false, false, false},
	[REPLY_RATE]                 = {"rate",                 "none",         0,              0,    0,      0,      false, false, false},
	[REPLY_OWN_ACCOUNT]          = {"own_account",          "account",      TENANT,         0,    0,      0,      false, false, false},
	[REPLY_RECIPIENT_RESTRICTED] = {"recipient_restricted", "mailbox",      ADDRESS,        0,    0,      0,      false, false, true},
	[REPLY_BAD_RECIPIENT]        = {"bad_recipient",        "mailbox",      ADDRESS,        0,    0,      0,      false, false, true},
	[REPLY_CONFIG]               = {"config",               "none",         0,              0,    0,      0,      false, false, false},
	[REPLY_COMPLAINT]            = {"complaint",            "mailbox",      ADDRESS,        0,    0,      FREEZE, false, false, true},
	[REPLY_NOTHING]              = {"nothing",              "none",         0,              0,    0,      0,      false, false, false},
  /* clang-format on */
};
static_assert(ARRAY_LEN(reactions) == REPLY_CLASS__COUNT, "a reaction for each class");

static const struct {
	const char *word;
	enum react_act act;
} words[] = {
	{"suppress_address",      REACT_SUPPRESS_ADDRESS     },
	{"suppress_organisation", REACT_SUPPRESS_ORGANISATION},
	{"freeze",                REACT_FREEZE               },
	{"freeze_address",        REACT_FREEZE_ADDRESS       },
	{"freeze_tenant",         REACT_FREEZE_TENANT        },
};

int
react_act_parse(const char *word, enum react_act *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, word) == 0) {
			*out = words[i].act;
			return CR_OK;
		}
	}
	return err_set(err, CR_ECONFIG,
	               "'%s' is no action: suppress_address, suppress_organisation, freeze, freeze_address, "
	               "freeze_tenant",
	               word);
}

const char *
react_scope(enum reply_class of)
{
	assert((unsigned)of < ARRAY_LEN(reactions));
	return reactions[of].scope;
}

/* One refusal on its way through. */
struct work {
	struct contain *c;
	const struct react_options *o;
	const struct react_event *e;
	const struct reaction *r;
	struct evidence ev;
	char recipient[ADDRESS_MAX]; /* canonical, "" not known */
	char registrable[256];       /* of the recipient, before aliases */
	uint8_t identity[EVIDENCE_IDENTITY];
	unsigned acts;
	bool systemic, burn;
	char why[LINE_MAX_];
	struct react_result *out;
};

/* ---- what it is about ---- */

static int
find_mailbox(struct work *w, const char *address, bool *found_out, struct err *err)
{
	struct db_rows *rows = NULL;
	bool more = false;
	int rc = db_query(w->c->db,
	                  "SELECT m.address, d.name, d.tenant FROM mailbox m JOIN domain d ON d.name = m.domain "
	                  "WHERE m.address = $1",
	                  DB_ARGS(db_text(address)), &rows, err);

	if (rc == CR_OK)
		rc = db_next(rows, &more, err);
	if (rc == CR_OK && more) {
		buf_copy_text(w->ev.mailbox, sizeof(w->ev.mailbox), db_col_text(rows, 0));
		buf_copy_text(w->ev.domain, sizeof(w->ev.domain), db_col_text(rows, 1));
		buf_copy_text(w->ev.tenant, sizeof(w->ev.tenant), db_col_text(rows, 2));
	}
	db_rows_drop(&rows);
	*found_out = rc == CR_OK && more;
	return rc;
}

/* Also one that was removed, and one with a detail (RFC 5233): a return path may carry "+" and a tag. */
static int
find_sender(struct work *w, struct err *err)
{
	struct address a;
	bool found = false;
	int rc;

	if (w->e->sender == NULL || address_parse(w->e->sender, &a, NULL) != CR_OK)
		return CR_OK;
	rc = find_mailbox(w, a.text, &found, err);
	if (rc == CR_OK && !found && strchr(a.text, '+') != NULL && strchr(a.text, '+') > a.text && a.text[0] != '"') {
		char plain[2 * ADDRESS_MAX];

		(void)snprintf(plain, sizeof(plain), "%.*s@%s", (int)strcspn(a.text, "+"), a.text, a.domain);
		rc = find_mailbox(w, plain, &found, err);
	}
	return rc;
}

static void
find_recipient(struct work *w)
{
	static const struct organisations none;
	const struct organisations *known = w->o->organisations != NULL ? w->o->organisations : &none;
	struct address a;
	struct name n;

	if (w->e->recipient == NULL || address_parse(w->e->recipient, &a, NULL) != CR_OK)
		return;
	buf_copy_text(w->recipient, sizeof(w->recipient), a.text);
	name_organisation(a.domain, &n);
	buf_copy_text(w->registrable, sizeof(w->registrable), n.text);
	organisations_of(known, a.domain, &n);
	buf_copy_text(w->ev.organisation, sizeof(w->ev.organisation), n.text);
	vault_hash(w->c->vault, "address", a.text, strlen(a.text), w->ev.recipient_hash, sizeof(w->ev.recipient_hash));
	w->ev.has_recipient = true;
}

static void
add_part(struct buf *b, const void *data, size_t len)
{
	const uint64_t n = len;

	buf_add(b, &n, sizeof(n));
	buf_add(b, data, len);
}

/* Message id, recipient and status; where the mail tells no id, what was read.  A complaint is not the bounce of the same message. */
static int
identify(struct work *w, struct err *err)
{
	const char *id = w->ev.message_id;
	const char *to = w->recipient[0] != '\0' || w->e->recipient == NULL ? w->recipient : w->e->recipient;
	struct buf b = {0};
	int rc;

	buf_addc(&b, strcmp(w->r->class, "complaint") == 0 ? 'c' : 'r');
	add_part(&b, id, strlen(id));
	add_part(&b, to, strlen(to));
	add_part(&b, w->ev.status, strlen(w->ev.status));
	if (id[0] == '\0')
		add_part(&b, w->e->content, sizeof(w->e->content));
	rc = buf_check(&b, "identity", err);
	if (rc == CR_OK)
		vault_hash(w->c->vault, "refusal", b.data, b.len, w->identity, sizeof(w->identity));
	buf_release(&b);
	return rc;
}

/* Without its angle brackets, which a log leaves out. */
static void
take_message_id(const char *text, char *out, size_t size)
{
	size_t len;

	text += strspn(text, " \t<");
	len = strcspn(text, " \t>");
	(void)snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), text);
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

/* 4xx by whichever of the two codes the server gave; a notice without codes reports a failure. */
static bool
is_temporary(const struct reply_verdict *v)
{
	return !v->permanent && (v->reply[0] == '4' || (v->reply[0] != '5' && v->status[0] == '4'));
}

static int
describe(struct work *w, struct err *err)
{
	const struct reply_verdict *v = w->e->verdict;
	struct evidence *ev = &w->ev;
	int rc;

	w->r = &reactions[v->class];
	ev->at_ms = w->c->now_ms;
	ev->happened_ms = w->e->happened_ms > 0 && w->e->happened_ms < ev->at_ms ? w->e->happened_ms : ev->at_ms;
	buf_copy_text(ev->source, sizeof(ev->source), or_empty(w->e->source));
	take_message_id(or_empty(w->e->message_id), ev->message_id, sizeof(ev->message_id));
	buf_copy_text(ev->class, sizeof(ev->class), w->r->class);
	buf_copy_text(ev->rule, sizeof(ev->rule), or_empty(v->rule));
	buf_copy_text(ev->layer, sizeof(ev->layer), or_empty(v->layer));
	buf_copy_text(ev->status, sizeof(ev->status), v->status);
	buf_copy_text(ev->reply, sizeof(ev->reply), v->reply);
	buf_copy_text(ev->host, sizeof(ev->host), or_empty(w->e->host));
	evidence_text(or_empty(w->e->text), ev->text);
	ev->temporary = is_temporary(v);
	ev->wording = systemic_wording(v->inner[0] != '\0' ? v->inner : or_empty(w->e->text));
	memcpy(ev->content, w->e->content, sizeof(ev->content));
	systemic_customer(ev->host, ev->customer);
	find_recipient(w);
	rc = find_sender(w, err);
	return rc == CR_OK ? identify(w, err) : rc;
}

/* ---- what follows ---- */

/* A longer window is stricter, a shorter one is not taken. */
static int64_t
window_ms(int64_t configured_s, int64_t builtin_s)
{
	return (configured_s > builtin_s ? configured_s : builtin_s) * 1000;
}

static const struct react_rules no_rules;

static const struct react_rules *
rules_of(const struct work *w)
{
	return w->o->rules != NULL ? w->o->rules : &no_rules;
}

/* The class a second time from the same organisation; a fallback's guess becomes a decision then. */
static int
look_at_repeats(struct work *w, struct err *err)
{
	const int64_t ms = window_ms(rules_of(w)->repeat_window_s, REACT_REPEAT_WINDOW_S);
	int64_t before = 0;
	int rc;

	if (w->r->at_repeat == 0 || w->ev.organisation[0] == '\0')
		return CR_OK;
	rc = evidence_repeats(w->c->db, w->ev.tenant, w->ev.organisation, w->ev.class, w->ev.happened_ms - ms, &before,
	                      err);
	if (rc != CR_OK || before == 0)
		return rc;
	w->acts |= w->r->at_repeat;
	if (strncmp(w->ev.rule, "fallback", 8) == 0) {
		w->r = &reactions[REPLY_TENANT_POLICY];
		buf_copy_text(w->ev.class, sizeof(w->ev.class), w->r->class);
		w->acts |= w->r->at_once;
	}
	return CR_OK;
}

/* Of these classes, so near in time, with the present one in front.  What is read late finds what is said later. */
static int
gather(struct work *w, bool (*wanted)(const struct reaction *), int64_t ms, struct refusal *rows, size_t *n_out,
       struct err *err)
{
	size_t n = 1;
	int rc = CR_OK;

	evidence_refusal(&w->ev, &rows[0]);
	for (size_t i = 0; rc == CR_OK && i < ARRAY_LEN(reactions); i++) {
		size_t got = 0;

		if (wanted(&reactions[i]))
			rc = evidence_of_class(w->c->db, w->ev.domain, reactions[i].class, w->ev.happened_ms - ms,
			                       w->ev.happened_ms + ms, OF_A_CLASS, rows + n, &got, err);
		n += got;
	}
	*n_out = n;
	return rc;
}

static bool
is_hard(const struct reaction *r)
{
	return r->hard;
}

static bool
is_alike(const struct reaction *r)
{
	return r->alike;
}

static int
look_at_systemic(struct work *w, struct refusal *rows, struct err *err)
{
	const struct react_rules *rules = rules_of(w);
	const int64_t ms = window_ms(rules->burn_window_s, REACT_BURN_WINDOW_S);
	const size_t burn_at =
		rules->burn_at > 0 && rules->burn_at < REACT_BURN_AT ? (size_t)rules->burn_at : REACT_BURN_AT;
	struct refusal like;
	size_t n = 0;
	int rc = CR_OK;

	evidence_refusal(&w->ev, &like);
	if (w->r->alike) {
		rc = gather(w, is_alike, ms, rows, &n, err);
		w->systemic = rc == CR_OK && systemic_alike(rows, n, &like) >= 2;
		w->acts |= w->systemic ? REACT_FREEZE : 0;
	}
	if (rc == CR_OK && w->r->hard) {
		rc = gather(w, is_hard, ms, rows, &n, err);
		w->burn = rc == CR_OK && systemic_deciders(rows, n) >= burn_at;
	}
	return rc;
}

static int
look_at_seconds(struct work *w, struct refusal *rows, struct err *err)
{
	const int64_t ms = window_ms(rules_of(w)->repeat_window_s, REACT_REPEAT_WINDOW_S);
	size_t n = 0;
	int rc;

	if (w->r->at_second == 0 && w->r->at_second_org == 0)
		return CR_OK;
	evidence_refusal(&w->ev, &rows[0]);
	rc = evidence_of_class(w->c->db, w->ev.domain, w->ev.class, w->ev.happened_ms - ms, w->ev.happened_ms + ms,
	                       OF_A_CLASS, rows + 1, &n, err);
	if (rc == CR_OK && n > 0)
		w->acts |= w->r->at_second;
	if (rc == CR_OK && w->r->at_second_org != 0 && systemic_organisations(rows, n + 1) >= 2)
		w->acts |= w->r->at_second_org;
	return rc;
}

static bool
counts(const struct reaction *r)
{
	return r->hard || r->alike || r->at_second != 0 || r->at_second_org != 0;
}

static int
decide(struct work *w, struct err *err)
{
	struct refusal *rows;
	int rc;

	if (w->ev.domain[0] == '\0' || (w->ev.temporary && !w->r->early))
		return CR_OK;
	w->acts = w->r->at_once | rules_of(w)->also[w->e->verdict->class];
	rc = look_at_repeats(w, err);
	/* Most are dead addresses: nothing is counted for them. */
	if (rc != CR_OK || !counts(w->r))
		return rc;
	rows = calloc(ARRAY_LEN(reactions) * OF_A_CLASS + 1, sizeof(*rows));
	if (rows == NULL)
		return err_nomem(err, "refusals");
	rc = look_at_seconds(w, rows, err);
	if (rc == CR_OK)
		rc = look_at_systemic(w, rows, err);
	free(rows);
	return rc;
}

/* ---- doing it ---- */

static void
say(struct work *w, const char *verb, const char *subject)
{
	if (w->out->n < REACT_ACTIONS)
		(void)snprintf(w->out->action[w->out->n++], sizeof(w->out->action[0]), "%.28s %.290s", verb, subject);
}

static int
link_it(struct work *w, const char *action, const char *kind, const char *value, struct err *err)
{
	return evidence_link(w->c, w->ev.id, action, kind, value, w->systemic ? "systemic" : w->r->class, err);
}

static int
suppress(struct work *w, const char *kind, const char *what, struct err *err)
{
	const struct suppress_entry entry = {
		.scope = w->ev.tenant, .what = what, .reason = w->r->class, .evidence = w->why, .source = "bounce"};
	struct suppress_key key;
	char text[40];
	bool added;
	int rc;

	(void)snprintf(text, sizeof(text), "suppress %s", kind);
	say(w, text, what);
	if (w->o->dry_run)
		return CR_OK;
	rc = suppress_add(w->c, &entry, &added, err);
	if (rc == CR_OK)
		rc = suppress_key_of(w->c->vault, what, &key, err);
	return rc == CR_OK ? link_it(w, "suppress", key.kind, key.value, err) : rc;
}

/* A domain that does not send any more, or not yet, has nothing to freeze. */
static int
freeze(struct work *w, const char *domain, struct err *err)
{
	struct domain_row d;
	int rc = domain_find(w->c->db, domain, &d, err);

	if (rc != CR_OK || (d.state != DOMAIN_WARMING && d.state != DOMAIN_ACTIVE && d.state != DOMAIN_FROZEN))
		return rc;
	say(w, "freeze", domain);
	if (w->o->dry_run)
		return CR_OK;
	rc = contain_freeze(w->c, domain, w->systemic ? "systemic" : w->r->class, w->why, err);
	return rc == CR_OK ? link_it(w, "freeze", "domain", domain, err) : rc;
}

static int
freeze_address(struct work *w, struct err *err)
{
	struct buf names = {0};
	int rc = sending_neighbours(w->c->db, w->ev.domain, or_empty(w->e->text), &names, err);

	/* The sending domain stands still in any case, once. */
	for (size_t i = 0; rc == CR_OK && i < names.len; i += strlen(names.data + i) + 1) {
		if (strcmp(names.data + i, w->ev.domain) != 0)
			rc = freeze(w, names.data + i, err);
	}
	buf_release(&names);
	return rc;
}

static int
freeze_tenant(struct work *w, struct err *err)
{
	int rc;

	say(w, "freeze tenant", w->ev.tenant);
	if (w->o->dry_run)
		return CR_OK;
	rc = contain_freeze_tenant(w->c, w->ev.tenant, w->r->class, w->why, err);
	return rc == CR_OK ? link_it(w, "freeze", "tenant", w->ev.tenant, err) : rc;
}

static int
burn(struct work *w, struct err *err)
{
	struct domain_row d;
	int rc = domain_find(w->c->db, w->ev.domain, &d, err);

	if (rc != CR_OK || (d.state != DOMAIN_WARMING && d.state != DOMAIN_ACTIVE && d.state != DOMAIN_FROZEN))
		return rc;
	say(w, "burn", w->ev.domain);
	if (w->o->dry_run)
		return CR_OK;
	rc = contain_burn(w->c, w->ev.domain, "systemic", w->why, err);
	return rc == CR_OK ? evidence_link(w->c, w->ev.id, "burn", "domain", w->ev.domain, "systemic", err) : rc;
}

static int
act(struct work *w, struct err *err)
{
	const char *head = w->ev.organisation;
	int rc = CR_OK;

	if ((w->acts & REACT_SUPPRESS_ADDRESS) != 0 && w->recipient[0] != '\0')
		rc = suppress(w, "address", w->recipient, err);
	if (rc == CR_OK && (w->acts & REACT_SUPPRESS_ORGANISATION) != 0 && head[0] != '\0') {
		rc = suppress(w, "organisation", head, err);
		/* Both names: the alias may be taken out of the settings one day. */
		if (rc == CR_OK && strcmp(head, w->registrable) != 0)
			rc = suppress(w, "organisation", w->registrable, err);
	}
	if (rc == CR_OK && (w->acts & (REACT_FREEZE | REACT_FREEZE_ADDRESS)) != 0)
		rc = freeze(w, w->ev.domain, err);
	if (rc == CR_OK && (w->acts & REACT_FREEZE_ADDRESS) != 0)
		rc = freeze_address(w, err);
	if (rc == CR_OK && (w->acts & REACT_FREEZE_TENANT) != 0)
		rc = freeze_tenant(w, err);
	return rc == CR_OK && w->burn ? burn(w, err) : rc;
}

/* Every reading leaves its line, whether or not anything followed. */
static int
log_reading(struct work *w, struct err *err)
{
	char content[2 * sizeof(w->ev.content) + 1];
	struct buf b = {0};
	struct json_out j = json_out_on(&b);
	int rc;

	num_format_hex(w->ev.content, sizeof(w->ev.content), content);
	json_out_open(&j, '{');
	json_out_member_int(&j, "evidence", w->ev.id);
	json_out_member(&j, "class", w->ev.class);
	json_out_member(&j, "organisation", w->ev.organisation);
	json_out_member(&j, "host", w->ev.host);
	json_out_member(&j, "source", w->ev.source);
	json_out_member(&j, "content", content);
	json_out_close(&j);
	rc = buf_check(&b, "log line", err);
	if (rc == CR_OK) {
		const struct audit_entry line = {
			.at_ms = w->c->now_ms,
			.actor = w->c->actor,
			.action = "refusal.read",
			.subject = w->out->ours ? w->ev.mailbox : "none of ours",
			.reason = w->ev.rule,
			.detail = buf_str(&b),
		};
		rc = audit_append(w->c->db, w->c->vault, &line, err);
	}
	buf_release(&b);
	return rc;
}

static int
keep(struct work *w, struct err *err)
{
	int rc;

	if (w->o->dry_run)
		return CR_OK;
	rc = evidence_put(w->c, &w->ev, w->identity, &w->ev.id, err);
	if (rc != CR_OK)
		return rc;
	w->out->evidence = w->ev.id;
	evidence_line(&w->ev, w->why, sizeof(w->why));
	return log_reading(w, err);
}

int
react_to(struct contain *c, const struct react_options *o, const struct react_event *e, struct react_result *out,
         struct err *err)
{
	struct work w = {.c = c, .o = o, .e = e, .out = out};
	bool was_ours = false;
	int rc;

	out->known = out->ours = false;
	out->tenant[0] = out->domain[0] = out->organisation[0] = '\0';
	out->n = 0;
	out->evidence = 0;
	out->scope = react_scope(e->verdict->class);
	rc = describe(&w, err);
	if (rc == CR_OK)
		rc = evidence_find(c->db, w.identity, &w.ev.id, &was_ours, err);
	if (rc != CR_OK)
		return rc;
	out->ours = w.ev.domain[0] != '\0';
	buf_copy_text(out->tenant, sizeof(out->tenant), w.ev.tenant);
	buf_copy_text(out->domain, sizeof(out->domain), w.ev.domain);
	buf_copy_text(out->organisation, sizeof(out->organisation), w.ev.organisation);
	/* Read once without its sender, and now with it (`--mailbox`): only now there is something to do. */
	out->known = w.ev.id != 0 && (was_ours || !out->ours);
	if (out->known) {
		out->evidence = w.ev.id;
		return CR_OK;
	}
	rc = decide(&w, err);
	if (rc == CR_OK)
		rc = keep(&w, err);
	return rc == CR_OK ? act(&w, err) : rc;
}
