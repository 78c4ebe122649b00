/*
 * fuzz_authres.c - Authentication-Results: whatever is read can be written in quotes, and reads the same.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "dns/authres.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
put_quoted(struct buf *b, const char *text)
{
	buf_addc(b, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			buf_addc(b, '\\');
		buf_addc(b, *text);
	}
	buf_addc(b, '"');
}

static void
put(struct buf *b, const struct authres *a)
{
	if (a->authserv_id != NULL)
		put_quoted(b, a->authserv_id);
	if (a->version != 0)
		buf_addf(b, " %d", a->version);
	for (size_t i = 0; i < a->n; i++) {
		const struct authres_result *r = &a->results[i];

		buf_addf(b, "%s %s/%d = %s", i > 0 || a->authserv_id != NULL ? ";" : "", r->method, r->method_version,
		         r->result);
		if (r->reason != NULL) {
			buf_adds(b, " reason=");
			put_quoted(b, r->reason);
		}
		for (size_t k = 0; k < r->n_props; k++) {
			buf_addf(b, " %s%s%s=", r->props[k].ptype, r->props[k].ptype[0] != '\0' ? "." : "",
			         r->props[k].property);
			put_quoted(b, r->props[k].value);
		}
	}
	if (a->n == 0)
		buf_adds(b, "; none");
}

/* Line ends and bytes that a quoted string folds away. */
static int
has_odd(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\r' || data[i] == '\n')
			return 1;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct authres a = {0}, again = {0};
	struct buf out = {0};

	assert(authres_read((struct span){(const char *)data, size}, &a, NULL) == CR_OK);
	assert(!a.invalid || a.n == 0);
	if (!a.invalid && !has_odd(data, size) && size < AUTHRES_BYTES_MAX / 8) {
		put(&out, &a);
		assert(authres_read((struct span){out.data, out.len}, &again, NULL) == CR_OK);
		assert(!again.invalid && again.n == a.n && again.version == a.version);
		assert((again.authserv_id == NULL) == (a.authserv_id == NULL));
		assert(a.authserv_id == NULL || strcmp(a.authserv_id, again.authserv_id) == 0);
		for (size_t i = 0; i < a.n; i++) {
			assert(strcmp(a.results[i].method, again.results[i].method) == 0);
			assert(strcmp(a.results[i].result, again.results[i].result) == 0);
			assert(a.results[i].n_props == again.results[i].n_props);
			for (size_t k = 0; k < a.results[i].n_props; k++)
				assert(strcmp(a.results[i].props[k].value, again.results[i].props[k].value) == 0);
		}
	}
	buf_release(&out);
	authres_release(&a);
	authres_release(&again);
	return 0;
}
