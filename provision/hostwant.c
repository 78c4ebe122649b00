/*
 * hostwant.c - gathering passwords and keys for a mail host; everything secret is dropped with the struct.
 */
#include "provision/hostwant.h"

#include <stdlib.h>
#include <string.h>

#define PLACEHOLDER_BYTES 24

void
host_want_release(struct host_want *w)
{
	for (size_t i = 0; i < w->n_passwords; i++)
		secret_drop(&w->passwords[i]);
	free(w->passwords);
	free(w->mailboxes);
	free(w->keys);
	keys_release(&w->unsealed);
	*w = (struct host_want){0};
}

static int
find_password(const struct plan_env *env, const struct intent_mailbox *m, struct secret **out, struct err *err)
{
	int rc;

	if (m->password != NULL) {
		bool literal = false;

		rc = secret_resolve(m->password, true, &literal, out, err);
		return rc == CR_OK ? CR_OK : err_wrap(err, "password of %s", m->address);
	}
	rc = env->db != NULL ? keys_password(env->db, env->vault, m->address, out, err) : CR_ENOTFOUND;
	if (rc == CR_ENOTFOUND)
		rc = secret_random(PLACEHOLDER_BYTES, out, err);
	return rc;
}

static int
gather_mailboxes(const struct plan_env *env, const struct intent_domain *d, struct host_want *out, struct err *err)
{
	int rc = CR_OK;

	out->mailboxes = calloc(d->n_mailboxes + 1, sizeof(*out->mailboxes));
	out->passwords = calloc(d->n_mailboxes + 1, sizeof(struct secret *));
	if (out->mailboxes == NULL || out->passwords == NULL)
		return err_nomem(err, "mailboxes");
	for (size_t i = 0; rc == CR_OK && i < d->n_mailboxes; i++) {
		rc = find_password(env, &d->mailboxes[i], &out->passwords[i], err);
		if (rc != CR_OK)
			break;
		out->n_passwords = i + 1;
		out->mailboxes[i] =
			(struct mailhost_mailbox){d->mailboxes[i].address, d->mailboxes[i].name, out->passwords[i]};
	}
	return rc;
}

static int
gather_keys(const struct plan_env *env, const struct plan *p, struct host_want *out, struct err *err)
{
	int rc = CR_OK;

	if (env->db != NULL)
		rc = keys_load(env->db, env->vault, p->domain->name, &out->unsealed, err);
	if (rc != CR_OK)
		return rc;
	out->keys = calloc(out->unsealed.n + 1, sizeof(*out->keys));
	if (out->keys == NULL)
		return err_nomem(err, "keys");
	for (size_t i = 0; i < out->unsealed.n; i++) {
		const struct key *k = &out->unsealed.items[i];

		if (k->state == KEY_RETIRED)
			continue;
		out->keys[out->domain.n_keys++] =
			(struct mailhost_key){k->selector, k->public.algorithm, k->pem, k->state == KEY_ACTIVE};
	}
	return CR_OK;
}

int
host_want_make(const struct plan_env *env, const struct plan *p, struct host_want *out, struct err *err)
{
	int rc;

	*out = (struct host_want){.domain.domain = p->domain->name};
	rc = gather_mailboxes(env, p->domain, out, err);
	if (rc == CR_OK)
		rc = gather_keys(env, p, out, err);
	out->domain.mailboxes = out->mailboxes;
	out->domain.n_mailboxes = out->n_passwords;
	out->domain.keys = out->keys;
	if (rc != CR_OK)
		host_want_release(out);
	return rc;
}
