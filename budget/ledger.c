/*
 * ledger.c - standings, seats and paces, by name; drafts; the writes of a transaction, one statement a table.
 */
#include "budget/ledger.h"

#include "dns/name.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THIN_EVERY                                                                                                     \
	128 /* sends; then as many rows at most are looked at twice: little, so that no send waits long for it */
/* Some 3, 4, 6 and 1 MB; what grows beyond is forgotten between two transactions. */
#define KEEP_SEATS     8192
#define KEEP_PACES     2048
#define KEEP_STANDINGS 32768
#define KEEP_STRANGERS 8192

/* What was not kept is gone; what was kept as well when all is. */
static void
list_cut(struct ledger_list *list, size_t n, void (*drop)(void *))
{
	while (list->n > n) {
		list->n--;
		if (drop != NULL)
			drop(list->item[list->n]);
	}
	if (list->kept > n)
		list->kept = n;
}

static int
list_add(struct ledger_list *list, void *item, struct err *err)
{
	if (list->n == list->cap) {
		size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
		void **wider = realloc(list->item, cap * sizeof(wider[0]));

		if (wider == NULL)
			return err_nomem(err, "ledger");
		list->item = wider;
		list->cap = cap;
	}
	list->item[list->n++] = item;
	return CR_OK;
}

/*
 * What the answers to questions that go out later are put into stays until they have come.  Takes p, also when it fails.
 */
static int
lend(struct ledger *l, void *p, struct err *err)
{
	int rc = p == NULL ? err_nomem(err, "ledger") : list_add(&l->lent, p, err);

	if (rc != CR_OK)
		free(p);
	return rc;
}

static void
came(struct ledger *l)
{
	list_cut(&l->lent, 0, free);
}

static void
standing_drop(void *standing)
{
	struct standing *s = standing;

	free(s->primary);
	free(s->tenant);
	free(s->cause);
	free(s);
}

void
ledger_forget(struct ledger *l)
{
	list_cut(&l->spent_seats, 0, NULL);
	list_cut(&l->spent_paces, 0, NULL);
	list_cut(&l->sent, 0, free);
	dict_clear(&l->standings, standing_drop);
	dict_clear(&l->seats, free);
	dict_clear(&l->paces, free);
	dict_clear(&l->strangers, free);
	dict_clear(&l->frozen, free);
	l->has_mark = l->has_anchor = l->has_frozen = l->binding = false;
	l->message++;
}

void
ledger_release(struct ledger *l)
{
	ledger_forget(l);
	closed_release(&l->closed);
	dict_release(&l->standings, standing_drop);
	dict_release(&l->seats, free);
	dict_release(&l->paces, free);
	dict_release(&l->strangers, free);
	dict_release(&l->frozen, free);
	free(l->spent_seats.item);
	free(l->spent_paces.item);
	free(l->sent.item);
	came(l);
	free(l->lent.item);
	*l = (struct ledger){.db = l->db};
}

/* What other gates change too. */
static void
forget_sends(struct ledger *l)
{
	list_cut(&l->spent_seats, 0, NULL);
	list_cut(&l->spent_paces, 0, NULL);
	list_cut(&l->sent, 0, free);
	dict_clear(&l->seats, free);
	dict_clear(&l->paces, free);
	l->message++;
}

/* Outside a transaction nothing points into them. */
static void
trim(struct ledger *l)
{
	if (l->seats.n > KEEP_SEATS)
		dict_clear(&l->seats, free);
	if (l->paces.n > KEEP_PACES)
		dict_clear(&l->paces, free);
	if (l->standings.n > KEEP_STANDINGS)
		dict_clear(&l->standings, standing_drop);
	if (l->strangers.n > KEEP_STRANGERS)
		dict_clear(&l->strangers, free);
}

/* On a server only what binds all stands from one transaction to the next. */
int
ledger_refresh(struct ledger *l, bool binding, struct err *err)
{
	const bool is_server = db_is_server(l->db);
	uint64_t mark;
	int rc;

	if (l->binding)
		return CR_OK;
	came(l);
	l->has_server_now = false;
	rc = is_server ? db_mark_binding(l->db, &mark, err) : db_mark(l->db, &mark, err);
	if (rc != CR_OK)
		return rc;
	if (is_server)
		forget_sends(l);
	if (!l->has_mark || mark != l->mark)
		closed_stale(&l->closed);
	if (!l->has_mark || mark != l->mark)
		ledger_forget(l);
	trim(l);
	l->mark = mark;
	l->has_mark = true;
	l->binding = binding;
	return CR_OK;
}

/* ---- standings ---- */

#define LABELS_MAX 127

/* Whose answer it is: names go up from their domains, several a domain. */
struct standings {
	struct standing **standing;
	const size_t *of; /* question -> standing; NULL: the same number */
	const struct dict *frozen;
};

static int
take_frozen(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	struct ledger *l = arg;
	char *tenant = strdup(db_col_text(row, 0));
	int rc = tenant == NULL ? err_nomem(err, "tenant") : dict_put(&l->frozen, tenant, tenant, err);

	(void)i;
	if (rc != CR_OK)
		free(tenant);
	return rc;
}

/* Hardly ever one: known to all domains of all tenants by a single question. */
static int
read_frozen(struct ledger *l, struct err *err)
{
	int rc;

	if (l->has_frozen)
		return CR_OK;
	dict_clear(&l->frozen, free); /* of an attempt that failed */
	rc = db_query_many(l->db, DB_LOOK, "SELECT primary_domain FROM tenant WHERE frozen_cause IS NOT NULL",
	                   DB_NO_ARGS, 1, take_frozen, l, err);
	l->has_frozen = rc == CR_OK;
	return rc;
}

static int
take_primary(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct standings *all = arg;
	struct standing *s = all->standing[all->of[i]];

	if (s->primary == NULL)
		s->primary = strdup(db_col_text(row, 0));
	return s->primary != NULL ? CR_OK : err_nomem(err, "domain");
}

static int
take_state(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct standings *all = arg;
	struct standing *s = all->standing[i];
	int rc = domain_state_parse(db_col_text(row, 1), &s->state, err);

	if (rc != CR_OK)
		return rc;
	s->tenant = strdup(db_col_text(row, 0));
	s->cause = db_col_is_null(row, 2) ? NULL : strdup(db_col_text(row, 2));
	if (s->tenant == NULL || (s->cause == NULL && !db_col_is_null(row, 2)))
		return err_nomem(err, "domain");
	s->first_send_ms = db_col_int(row, 3);
	s->tenant_frozen = dict_get(all->frozen, s->tenant) != NULL;
	s->known = true;
	return CR_OK;
}

static size_t
count_names(struct standing *const *s, size_t n)
{
	size_t names = 0;

	for (size_t i = 0; i < n; i++)
		for (const char *p = s[i]->domain; (p = strchr(p, '.')) != NULL; p++)
			names++;
	return names;
}

/* Each domain and every name above it; a name of one label was never registered by anybody. */
static int
read_primaries(struct ledger *l, struct standing **s, size_t n, struct err *err)
{
	const size_t names = count_names(s, n);
	struct db_value few[8] = {0}, *args = names <= ARRAY_LEN(few) ? few : calloc(names, sizeof(args[0]));
	size_t *of = calloc(names + 1, sizeof(of[0]));
	struct standings *all = calloc(1, sizeof(*all));
	size_t at = 0;
	int rc = lend(l, of, err);

	if (rc == CR_OK)
		rc = lend(l, all, err);
	else
		free(all);
	if (rc == CR_OK && args == NULL)
		rc = err_nomem(err, "domains");
	if (rc == CR_OK)
		*all = (struct standings){.standing = s, .of = of};
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		for (const char *p = s[i]->domain; strchr(p, '.') != NULL; p = name_parent(p)) {
			args[at] = db_text(p);
			of[at++] = i;
		}
	}
	if (rc == CR_OK && at > 0)
		rc = db_query_many(l->db, DB_LOOK_LATER, "SELECT primary_domain FROM tenant WHERE primary_domain = $1",
		                   args, 1, at, take_primary, all, err);
	if (args != few)
		free(args);
	return rc;
}

static int
read_states(struct ledger *l, struct standing **s, size_t n, struct err *err)
{
	struct db_value few[4] = {0}, *args = n <= ARRAY_LEN(few) ? few : calloc(n, sizeof(args[0]));
	struct standings *all = calloc(1, sizeof(*all));
	int rc = lend(l, all, err);

	if (rc == CR_OK && args == NULL)
		rc = err_nomem(err, "domains");
	for (size_t i = 0; rc == CR_OK && i < n; i++)
		args[i] = db_text(s[i]->domain);
	if (rc == CR_OK) {
		*all = (struct standings){.standing = s, .frozen = &l->frozen};
		rc = db_query_many(l->db, DB_LOOK_LATER,
		                   "SELECT tenant, state, cause, first_send_ms FROM domain WHERE name = $1", args, 1, n,
		                   take_state, all, err);
	}
	if (args != few)
		free(args);
	return rc;
}

static struct standing *
make_standing(const char *domain)
{
	struct standing *s = calloc(1, sizeof(*s) + strlen(domain) + 1);

	if (s != NULL)
		memcpy(s->domain, domain, strlen(domain) + 1);
	return s;
}

int
ledger_expect_standings(struct ledger *l, const char *const *domains, size_t n, struct err *err)
{
	struct standing **s = malloc(n * sizeof(s[0]));
	size_t fresh = 0;
	int rc = s == NULL ? err_nomem(err, "domains") : read_frozen(l, err);

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct standing *one;

		if (dict_get(&l->standings, domains[i]) != NULL)
			continue;
		if ((one = make_standing(domains[i])) == NULL)
			rc = err_nomem(err, "domains");
		else if ((rc = dict_put(&l->standings, one->domain, one, err)) == CR_OK)
			s[fresh++] = one;
		else
			standing_drop(one);
	}
	if (rc == CR_OK && fresh > 0 && (rc = read_primaries(l, s, fresh, err)) == CR_OK)
		rc = read_states(l, s, fresh, err);
	/* What was not read must not be taken for known. */
	if (rc != CR_OK)
		ledger_forget(l);
	if (s != NULL && lend(l, s, rc == CR_OK ? err : NULL) != CR_OK && rc == CR_OK)
		rc = CR_ENOMEM;
	return rc;
}

int
ledger_standing(struct ledger *l, const char *domain, const struct standing **out, struct err *err)
{
	struct standing *s = dict_get(&l->standings, domain);
	int rc;

	if (s == NULL) {
		if ((s = make_standing(domain)) == NULL)
			return err_nomem(err, "domain");
		if ((rc = read_frozen(l, err)) != CR_OK || (rc = read_primaries(l, &s, 1, err)) != CR_OK ||
		    (rc = read_states(l, &s, 1, err)) != CR_OK || (rc = db_settle(l->db, err)) != CR_OK ||
		    (rc = dict_put(&l->standings, s->domain, s, err)) != CR_OK) {
			standing_drop(s);
			return rc;
		}
	}
	*out = s;
	return CR_OK;
}

/* ---- seats ---- */

struct seats {
	struct seat **seat;
};

static int
take_seat(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct seats *s = arg;
	size_t len;
	const void *slots = db_col_blob(row, 1, &len);

	s->seat[i]->id = db_col_int(row, 0);
	return tokens_unpack(slots, len, &s->seat[i]->tokens, err);
}

static int
compare_seats(const void *a, const void *b)
{
	return strcmp((*(struct seat *const *)a)->address, (*(struct seat *const *)b)->address);
}

/* In the order of their names: two gates that lock the same rows never wait for each other in a circle. */
static int
read_seats(struct ledger *l, struct seats *s, size_t n, bool later, struct err *err)
{
	static const enum db_many hows[2][2] = {
		{DB_LOOK,       DB_LOCK_ROWS      },
                {DB_LOOK_LATER, DB_LOCK_ROWS_LATER}
        };
	struct db_value few[4] = {0}, *args = n <= ARRAY_LEN(few) ? few : calloc(n, sizeof(args[0]));
	int rc;

	if (args == NULL)
		return err_nomem(err, "mailboxes");
	if (n > 1 && db_is_server(l->db))
		qsort(s->seat, n, sizeof(s->seat[0]), compare_seats);
	for (size_t i = 0; i < n; i++)
		args[i] = db_text(s->seat[i]->address);
	l->has_server_now = false; /* what is locked after the time was read may have waited */
	rc = db_query_many(l->db, hows[later][l->binding],
	                   "SELECT m.id, s.slots FROM mailbox m JOIN spent s ON s.mailbox = m.id "
	                   "WHERE m.address = $1 AND m.removed_ms = 0",
	                   args, 1, n, take_seat, s, err);
	if (args != few)
		free(args);
	return rc;
}

static struct seat *
make_seat(const char *address)
{
	struct seat *s = calloc(1, sizeof(*s) + strlen(address) + 1);

	if (s != NULL)
		memcpy(s->address, address, strlen(address) + 1);
	return s;
}

int
ledger_expect_seats(struct ledger *l, const char *const *addresses, size_t n, struct err *err)
{
	struct seats *s = calloc(1, sizeof(*s) + n * sizeof(s->seat[0]));
	size_t fresh = 0, put = 0;
	int rc = lend(l, s, err);

	if (rc != CR_OK)
		return rc;
	s->seat = (struct seat **)(s + 1);
	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct seat *seat;

		if (dict_get(&l->seats, addresses[i]) != NULL)
			continue;
		if ((seat = make_seat(addresses[i])) == NULL)
			rc = err_nomem(err, "mailboxes");
		else if ((rc = dict_put(&l->seats, seat->address, seat, err)) == CR_OK)
			s->seat[fresh++] = seat;
		else
			free(seat);
	}
	put = fresh;
	if (rc == CR_OK && fresh > 0)
		rc = read_seats(l, s, fresh, true, err);
	/* What was not read must not be taken for known. */
	if (rc != CR_OK && put > 0)
		ledger_forget(l);
	return rc;
}

int
ledger_seat(struct ledger *l, const char *address, struct seat **out, struct err *err)
{
	struct seat *s = dict_get(&l->seats, address);
	struct seats one = {.seat = &s};
	int rc;

	if (s == NULL) {
		if ((s = make_seat(address)) == NULL)
			return err_nomem(err, "mailbox");
		if ((rc = read_seats(l, &one, 1, false, err)) != CR_OK ||
		    (rc = dict_put(&l->seats, s->address, s, err)) != CR_OK) {
			free(s);
			return rc;
		}
	}
	*out = s;
	return CR_OK;
}

/* arg: a bool a question. */
static int
take_ours(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	bool *seen = arg;

	(void)row;
	(void)err;
	seen[i] = true;
	return CR_OK;
}

static int
note_strangers(struct ledger *l, const char *const *addresses, const bool *ours, size_t n, struct err *err)
{
	int rc = CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		const size_t len = strlen(addresses[i]) + 1;
		struct stranger *s;

		if (ours[i] || dict_get(&l->strangers, addresses[i]) != NULL)
			continue;
		if ((s = malloc(sizeof(*s) + len)) == NULL)
			return err_nomem(err, "recipients");
		s->has_hash = false;
		memcpy(s->address, addresses[i], len);
		if ((rc = dict_put(&l->strangers, s->address, s, err)) != CR_OK)
			free(s);
	}
	return rc;
}

static const char is_ours[] = "SELECT 1 FROM mailbox WHERE address = $1 AND removed_ms = 0";

/* Who is not is remembered: a recipient that has to wait is asked for again and again. */
int
ledger_is_ours(struct ledger *l, const char *address, bool *out, struct stranger **stranger_out, struct err *err)
{
	const struct db_value at = db_text(address);
	struct stranger *stranger = dict_get(&l->strangers, address);
	bool ours = false;
	int rc = CR_OK;

	if (stranger == NULL) {
		rc = db_query_many(l->db, DB_LOOK, is_ours, &at, 1, 1, take_ours, &ours, err);
		if (rc == CR_OK)
			rc = note_strangers(l, &address, &ours, 1, err);
		if (rc == CR_OK)
			stranger = dict_get(&l->strangers, address);
	}
	if (rc == CR_OK) {
		*out = ours;
		*stranger_out = stranger;
	}
	return rc;
}

/* Those that nobody has heard of yet, to the front.  Returns how many. */
static size_t
sift_strangers(const struct ledger *l, const char **addresses, size_t n)
{
	size_t fresh = 0;

	for (size_t i = 0; i < n; i++) {
		if (dict_get(&l->strangers, addresses[i]) == NULL)
			addresses[fresh++] = addresses[i];
	}
	return fresh;
}

int
ledger_expect_strangers(struct ledger *l, const char **addresses, size_t n, struct err *err)
{
	const size_t fresh = sift_strangers(l, addresses, n);
	struct db_value *args = malloc((fresh + 1) * sizeof(args[0]));
	bool *ours = calloc(fresh + 1, sizeof(ours[0]));
	int rc = args == NULL || ours == NULL ? err_nomem(err, "recipients") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < fresh; i++)
		args[i] = db_text(addresses[i]);
	if (rc == CR_OK && fresh > 0)
		rc = db_query_many(l->db, DB_LOOK, is_ours, args, 1, fresh, take_ours, ours, err);
	else if (rc == CR_OK)
		rc = db_settle(l->db, err);
	/* All that was to go out later went along. */
	if (rc == CR_OK)
		came(l);
	if (rc == CR_OK)
		rc = note_strangers(l, addresses, ours, fresh, err);
	free(ours);
	free(args);
	return rc;
}

/*
 * The server's time, once after all that a transaction waits for.  It is compared with the last send in the store at first, and then
 * with what it was before, which is later.
 */
static int
server_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err)
{
	int64_t now_ms = 0;
	int rc = CR_OK;

	if (l->binding && l->has_server_now) {
		*out = l->server_now;
		return CR_OK;
	}
	if (l->server_now.effective_ms > 0)
		rc = db_now(l->db, &now_ms, err);
	if (rc != CR_OK)
		return rc;
	if (now_ms > 0 && now_ms >= l->server_now.effective_ms)
		*out = (struct clockwork){.effective_ms = now_ms, .is_server = true};
	else if ((rc = clockwork_read(l->db, clock, out, err)) != CR_OK)
		return rc;
	l->server_now = *out;
	l->has_server_now = l->binding;
	return CR_OK;
}

/* ---- paces ---- */

/* The row may not be there to be locked: the number of its name is. */
static int64_t
number_of(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (int64_t)(h >> 1);
}

static void
join_key(char *out, const char *tenant, size_t tenant_len, const char *organisation, size_t len)
{
	memcpy(out, tenant, tenant_len);
	out[tenant_len] = ' ';
	memcpy(out + tenant_len + 1, organisation, len + 1);
}

static struct paced *
make_paced(const char *tenant, const char *organisation)
{
	const size_t tenant_len = strlen(tenant), len = strlen(organisation);
	struct paced *p = malloc(sizeof(*p) + tenant_len + 1 + len + 1);

	if (p == NULL)
		return NULL;
	/* Not the times: there is room for a hundred, and seldom more than three. */
	p->pace.n = p->draft.n = 0;
	p->message = 0;
	p->number = 0;
	p->dirty = p->stored = false;
	join_key(p->tenant, tenant, tenant_len, organisation, len);
	p->organisation = p->tenant + tenant_len + 1;
	return p;
}

struct paces {
	struct paced **paced;
};

static int
take_times(void *arg, size_t i, const struct db_rows *row, struct err *err)
{
	const struct paces *p = arg;
	size_t len;
	const void *times = db_col_blob(row, 0, &len);

	p->paced[i]->stored = true;
	return pace_unpack(times, len, &p->paced[i]->pace, err);
}

static int
compare_paces(const void *a, const void *b)
{
	const struct paced *x = *(struct paced *const *)a, *y = *(struct paced *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* In the order of their numbers: two gates that lock the same ones never wait for each other in a circle. */
static int
lock_paces(struct ledger *l, struct paced **paced, size_t n, struct err *err)
{
	int64_t few[4] = {0}, *numbers = n <= ARRAY_LEN(few) ? few : calloc(n, sizeof(numbers[0]));
	int rc;

	if (numbers == NULL)
		return err_nomem(err, "pace");
	for (size_t i = 0; i < n; i++)
		paced[i]->number = number_of(paced[i]->tenant);
	if (n > 1)
		qsort(paced, n, sizeof(paced[0]), compare_paces);
	for (size_t i = 0; i < n; i++)
		numbers[i] = paced[i]->number;
	l->has_server_now = false;
	rc = db_lock_keys(l->db, numbers, n, err);
	if (numbers != few)
		free(numbers);
	return rc;
}

static int
read_paces(struct ledger *l, struct paces *p, size_t n, bool later, struct err *err)
{
	struct db_value few[2 * 4] = {0}, *args = n <= 4 ? few : calloc(2 * n, sizeof(args[0]));
	int rc = CR_OK;

	if (args == NULL)
		return err_nomem(err, "pace");
	if (l->binding && db_is_server(l->db))
		rc = lock_paces(l, p->paced, n, err);
	for (size_t i = 0; i < n; i++) {
		args[2 * i] = db_text(p->paced[i]->tenant);
		args[2 * i].len = (size_t)(p->paced[i]->organisation - p->paced[i]->tenant) - 1;
		args[2 * i + 1] = db_text(p->paced[i]->organisation);
	}
	if (rc == CR_OK)
		rc = db_query_many(l->db, later ? DB_LOOK_LATER : DB_LOOK,
		                   "SELECT times FROM pace WHERE tenant = $1 AND organisation = $2", args, 2, n,
		                   take_times, p, err);
	if (args != few)
		free(args);
	return rc;
}

int
ledger_expect_paces(struct ledger *l, const char *const *tenants, const char *const *organisations, size_t n,
                    const struct clock *clock, struct err *err)
{
	struct clockwork now;
	struct paces p = {.paced = calloc(n, sizeof(p.paced[0]))};
	size_t fresh = 0;
	int rc = p.paced == NULL ? err_nomem(err, "pace") : CR_OK;

	for (size_t i = 0; rc == CR_OK && i < n; i++) {
		struct paced *one = make_paced(tenants[i], organisations[i]);

		if (one == NULL) {
			rc = err_nomem(err, "pace");
		} else if (dict_get(&l->paces, one->tenant) != NULL ||
		           (rc = dict_put(&l->paces, one->tenant, one, err)) != CR_OK) {
			free(one);
		} else {
			p.paced[fresh++] = one;
		}
	}
	if (rc == CR_OK && fresh > 0)
		rc = read_paces(l, &p, fresh, true, err);
	/* The time goes along.  A doubt about it is an answer to each question, and told when it is asked. */
	if (rc == CR_OK && fresh > 0 && server_clock(l, clock, &now, NULL) != CR_OK)
		rc = db_settle(l->db, err);
	if (rc != CR_OK)
		ledger_forget(l);
	free(p.paced);
	return rc;
}

int
ledger_paced(struct ledger *l, const char *tenant, const char *organisation, struct paced **out, struct err *err)
{
	const size_t tenant_len = strlen(tenant), len = strlen(organisation);
	char key[2 * 256];
	struct paced *p;
	int rc;

	assert(tenant_len + 1 + len < sizeof(key));
	join_key(key, tenant, tenant_len, organisation, len);
	p = dict_get(&l->paces, key);
	if (p == NULL) {
		struct paces one = {.paced = &p};

		if ((p = make_paced(tenant, organisation)) == NULL)
			return err_nomem(err, "pace");
		if ((rc = read_paces(l, &one, 1, false, err)) != CR_OK ||
		    (rc = dict_put(&l->paces, p->tenant, p, err)) != CR_OK) {
			free(p);
			return rc;
		}
	}
	*out = p;
	return CR_OK;
}

/* ---- the clock ---- */

int
ledger_clock(struct ledger *l, const struct clock *clock, struct clockwork *out, struct err *err)
{
	const char *boot_id = clock->boot_id(clock);

	if (db_is_server(l->db))
		return server_clock(l, clock, out, err);

	/* Of this boot: everything follows from the first reading. */
	if (l->has_anchor && strcmp(l->anchor.boot_id, boot_id) == 0)
		return clockwork_advance(&l->anchor, clock_wall_ms(clock), clock_boot_ms(clock), boot_id, out, err);
	if (!l->has_anchor) {
		int rc = clockwork_read(l->db, clock, out, err);

		if (rc == CR_OK && !out->is_server && !out->is_new)
			rc = clockwork_stored(l->db, &l->anchor, err);
		l->has_anchor = rc == CR_OK && !out->is_server && !out->is_new;
		return rc;
	}
	return clockwork_read(l->db, clock, out, err);
}

/* ---- one message ---- */

void
ledger_message(struct ledger *l)
{
	l->message++;
	list_cut(&l->sent, l->sent.kept, free);
	list_cut(&l->spent_seats, l->spent_seats.kept, NULL);
	list_cut(&l->spent_paces, l->spent_paces.kept, NULL);
}

const struct tokens *
ledger_tokens(const struct ledger *l, const struct seat *s)
{
	return s->message == l->message ? &s->draft : &s->tokens;
}

const struct pace *
ledger_pace(const struct ledger *l, const struct paced *p)
{
	return p->message == l->message ? &p->draft : &p->pace;
}

static int
add_sent(struct ledger *l, const struct sent *sent, struct err *err)
{
	size_t len = strlen(sent->organisation) + 1;
	struct sent *s = malloc(sizeof(*s) + len);
	int rc;

	if (s == NULL)
		return err_nomem(err, "history");
	*s = *sent;
	s->organisation = memcpy(s + 1, sent->organisation, len);
	rc = list_add(&l->sent, s, err);
	if (rc != CR_OK)
		free(s);
	return rc;
}

int
ledger_spend(struct ledger *l, const struct tokens_rules *r, struct seat *s, struct paced *p, const struct sent *sent,
             struct err *err)
{
	const struct token t = {.spent_ms = sent->at_ms, .class = sent->class, .key = sent->key};
	int rc = add_sent(l, sent, err);

	if (rc == CR_OK && s->message != l->message && (rc = list_add(&l->spent_seats, s, err)) == CR_OK) {
		s->draft = s->tokens;
		s->message = l->message;
	}
	if (rc == CR_OK && p != NULL && p->message != l->message && (rc = list_add(&l->spent_paces, p, err)) == CR_OK) {
		pace_copy(&p->draft, &p->pace);
		p->message = l->message;
	}
	if (rc != CR_OK)
		return rc;
	tokens_spend(&s->draft, r, &t);
	if (p != NULL)
		pace_spend(&p->draft, sent->at_ms);
	return CR_OK;
}

void
ledger_keep(struct ledger *l)
{
	for (size_t i = l->spent_seats.kept; i < l->spent_seats.n; i++) {
		struct seat *s = l->spent_seats.item[i];

		s->tokens = s->draft;
		s->dirty = true;
	}
	for (size_t i = l->spent_paces.kept; i < l->spent_paces.n; i++) {
		struct paced *p = l->spent_paces.item[i];

		pace_copy(&p->pace, &p->draft);
		p->dirty = true;
	}
	l->spent_seats.kept = l->spent_seats.n;
	l->spent_paces.kept = l->spent_paces.n;
	l->sent.kept = l->sent.n;
	/* The drafts are the truth now: the next message starts from it. */
	l->message++;
}

/* ---- writing ---- */

#define SEAT_ARGS 2
#define PACE_ARGS 4
#define SENT_ARGS 6
#define WRITE_MAX 64 /* rows a statement: what they are made of fits the stack */

static int
write_seats(struct ledger *l, struct err *err)
{
	uint8_t packed[WRITE_MAX][TOKENS_PACKED];
	struct db_value args[WRITE_MAX * SEAT_ARGS];
	const struct ledger_list *list = &l->spent_seats;
	const bool is_server = db_is_server(l->db);
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		int64_t changed = 0;
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; at++) {
			struct seat *s = list->item[at];

			if (!s->dirty)
				continue;
			s->dirty = false;
			tokens_pack(&s->tokens, packed[n]);
			args[SEAT_ARGS * n] = db_blob(packed[n], TOKENS_PACKED);
			args[SEAT_ARGS * n + 1] = db_int(s->id);
			n++;
		}
		/* On a server the rows are locked, so they are there: nothing is asked, and all goes out with the commit. */
		rc = db_exec_many(l->db, "UPDATE spent SET slots = $1 WHERE mailbox = $2", args, SEAT_ARGS, n,
		                  is_server ? NULL : &changed, err);
		if (rc == CR_OK && !is_server && changed != (int64_t)n)
			rc = err_set(err, CR_ESTORE, "the row of a mailbox's spends is gone");
	}
	return rc;
}

/* New ones, or those that may be there: a new one needs no look first, and all of them are one run of a statement. */
static int
write_paces_of(struct ledger *l, bool fresh, struct err *err)
{
	static const char insert[] = "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4)";
	static const char upsert[] = "INSERT INTO pace (tenant, organisation, last_ms, times) VALUES ($1, $2, $3, $4) "
				     "ON CONFLICT (tenant, organisation) DO UPDATE SET last_ms = excluded.last_ms, "
				     "times = excluded.times";
	uint8_t packed[WRITE_MAX][PACE_PACKED_MAX];
	struct db_value args[WRITE_MAX * PACE_ARGS];
	const struct ledger_list *list = &l->spent_paces;
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; at++) {
			struct paced *p = list->item[at];
			struct db_value *a = &args[PACE_ARGS * n];

			if (!p->dirty || fresh == p->stored)
				continue;
			p->dirty = false;
			a[0] = db_text(p->tenant);
			a[0].len = (size_t)(p->organisation - p->tenant) - 1;
			a[1] = db_text(p->organisation);
			a[2] = db_int(p->pace.times_ms[p->pace.n - 1]);
			a[3] = db_blob(packed[n], pace_pack(&p->pace, packed[n]));
			n++;
		}
		if (n > 0)
			rc = db_exec_many(l->db, fresh ? insert : upsert, args, PACE_ARGS, n, NULL, err);
	}
	return rc;
}

/*
 * On a server rows come and go beside us (an expired one is removed by whoever thins): each may be there.  In a file nobody else writes
 * now, and a row that was read and is removed since, by our own thinning, is only put in once more.
 */
static int
write_paces(struct ledger *l, struct err *err)
{
	int rc;

	for (size_t i = 0; db_is_server(l->db) && i < l->spent_paces.kept; i++)
		((struct paced *)l->spent_paces.item[i])->stored = true;
	rc = write_paces_of(l, true, err);
	if (rc == CR_OK)
		rc = write_paces_of(l, false, err);
	for (size_t i = 0; i < l->spent_paces.kept; i++)
		((struct paced *)l->spent_paces.item[i])->stored = true;
	return rc;
}

static int
write_history(struct ledger *l, struct err *err)
{
	struct db_value args[WRITE_MAX * SENT_ARGS];
	const struct ledger_list *list = &l->sent;
	int rc = CR_OK;

	for (size_t at = 0; rc == CR_OK && at < list->kept;) {
		size_t n = 0;

		for (; n < WRITE_MAX && at < list->kept; n++, at++) {
			const struct sent *s = list->item[at];
			struct db_value *a = &args[SENT_ARGS * n];

			a[0] = db_int(s->at_ms);
			a[1] = db_int(s->mailbox);
			a[2] = db_int(s->class);
			a[3] = db_text(s->organisation);
			a[4] = db_blob(s->recipient_hash, sizeof(s->recipient_hash));
			a[5] = db_int((int64_t)s->key);
		}
		rc = db_exec_many(l->db,
		                  "INSERT INTO history (at_ms, mailbox, class, organisation, recipient_hash, request) "
		                  "VALUES ($1, $2, $3, $4, $5, $6)",
		                  args, SENT_ARGS, n, NULL, err);
	}
	return rc;
}

/*
 * What is older than anybody asks for goes, a little with every thousandth send or so: no job to forget, no long lock.  The history is
 * in the order of time, so its oldest rows are its first.
 */
static int
thin(struct ledger *l, struct err *err)
{
	const struct sent *s = l->sent.item[l->sent.kept - 1];
	const struct paced *p = l->spent_paces.kept > 0 ? l->spent_paces.item[l->spent_paces.kept - 1] : NULL;
	static const char letters[] = "-0123456789abcdefghijklmnopqrstuvwxyz";
	char from[3];
	struct db_value tenant;
	int rc = db_exec(l->db, "DELETE FROM history WHERE at_ms < $1 AND seq < (SELECT MIN(seq) FROM history) + $2",
	                 DB_ARGS(db_int(s->at_ms - l->history_keep_ms), db_int(2 * THIN_EVERY)), NULL, err);

	if (rc == CR_OK)
		rc = db_exec(l->db,
		             "DELETE FROM released WHERE released_ms < $1 AND id < (SELECT MIN(id) FROM released) + $2",
		             DB_ARGS(db_int(s->at_ms - l->history_keep_ms), db_int(2 * THIN_EVERY)), NULL, err);
	if (rc != CR_OK || p == NULL)
		return rc;
	/* Somewhere in this tenant's paces, and in time everywhere: the key is as good as random. */
	(void)snprintf(from, sizeof(from), "%c%c", letters[(s->key >> 10) % (sizeof(letters) - 1)],
	               letters[(s->key >> 20) % (sizeof(letters) - 1)]);
	tenant = db_text(p->tenant);
	tenant.len = (size_t)(p->organisation - p->tenant) - 1;
	return db_exec(l->db,
	               "DELETE FROM pace WHERE last_ms < $1 AND tenant = $2 AND organisation IN (SELECT organisation "
	               "FROM pace WHERE tenant = $2 AND organisation > $3 ORDER BY organisation LIMIT $4)",
	               DB_ARGS(db_int(s->at_ms - PACE_DAY_MS), tenant, db_text(from), db_int(2 * THIN_EVERY)), NULL,
	               err);
}

int
ledger_write(struct ledger *l, struct err *err)
{
	bool is_time = false;
	int rc;

	for (size_t i = 0; i < l->sent.kept && !is_time; i++)
		is_time = ((const struct sent *)l->sent.item[i])->key % THIN_EVERY == 0;
	if ((rc = write_seats(l, err)) != CR_OK || (rc = write_paces(l, err)) != CR_OK ||
	    (rc = write_history(l, err)) != CR_OK)
		return rc;
	return is_time ? thin(l, err) : CR_OK;
}

void
ledger_written(struct ledger *l)
{
	list_cut(&l->sent, 0, free);
	list_cut(&l->spent_seats, 0, NULL);
	list_cut(&l->spent_paces, 0, NULL);
	l->binding = false;
}
