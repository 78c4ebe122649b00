/*
 * ledger_paces.c - sends of a tenant to an organisation.
 */
#include "budget/ledger_inside.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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
	if (rc == CR_OK && fresh > 0 && ledger_server_clock(l, clock, &now, NULL) != CR_OK)
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
	if (p == NULL && l->recalling)
		return CR_ENOTFOUND;
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
