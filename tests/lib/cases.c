/*
 * cases.c - labelled cases from files beside the project.
 */
#include "tests/lib/cases.h"

#include <unistd.h>

#include "core/file.h"

#define CASES_BYTES_MAX ((size_t)16 << 20)

const char *
cases_dir(void)
{
	const char *dir = getenv("COLDRELAY_AUTH_CASES");

	return dir != NULL ? dir : "../shared/auth-cases";
}

static void
not_at_hand(void **state)
{
	(void)state;
	print_message("skip: no labelled cases in %s\n", cases_dir());
	skip();
}

static void
die(const char *what, const struct err *err)
{
	(void)fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

void
cases_add(struct cases *c, const struct json_at *list, const char *prefix, void (*fn)(void **state))
{
	for (size_t i = 0; i < json_count(list) && c->n < CASES_MAX; i++) {
		struct one_case *one = &c->items[c->n++];
		const char *id;

		one->at = json_item(list, i);
		one->expect = json_get(&one->at, "expect");
		id = case_text(&one->at, "id");
		(void)snprintf(one->id, sizeof(one->id), "%s%s", prefix, id != NULL ? id : "?");
		c->tests[c->n_tests++] = (struct CMUnitTest){.name = one->id, .test_func = fn, .initial_state = one};
	}
}

void
cases_open(const char *file, void (*fn)(void **state), struct cases *out)
{
	struct json_at root, list;
	struct buf text = {.max_bytes = CASES_BYTES_MAX};
	struct err err = {0};
	char path[512];

	*out = (struct cases){0};
	(void)snprintf(path, sizeof(path), "%s/%s", cases_dir(), file);
	if (access(path, R_OK) != 0) {
		out->tests[out->n_tests++] = (struct CMUnitTest){.name = file, .test_func = not_at_hand};
		return;
	}
	if (file_read(path, CASES_BYTES_MAX, &text, &err) != CR_OK ||
	    json_parse(buf_str(&text), text.len, &out->json, &err) != CR_OK)
		die(path, &err);
	buf_release(&text);
	root = json_root(out->json);
	list = json_get(&root, "cases");
	cases_add(out, &list, "", fn);
}

void
cases_close(struct cases *c)
{
	json_drop(&c->json);
}

void
cases_read(const char *file, struct buf *out)
{
	struct err err = {0};
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", cases_dir(), file);
	out->max_bytes = CASES_BYTES_MAX;
	assert_ok(file_read(path, CASES_BYTES_MAX, out, &err), &err);
}

const char *
case_text(const struct json_at *at, const char *key)
{
	struct json_at member = json_get(at, key);
	const char *text = NULL;

	return json_is_string(&member) && json_want_string(&member, &text, NULL) == CR_OK ? text : NULL;
}

bool
case_has(const struct json_at *at, const char *key)
{
	return json_get(at, key).node != NULL;
}

bool
case_says(const struct json_at *at, const char *text)
{
	const char *said = NULL;

	if (json_is_string(at))
		return json_want_string(at, &said, NULL) == CR_OK && strcmp(said, text) == 0;
	for (size_t i = 0; i < json_count(at); i++) {
		struct json_at one = json_item(at, i);

		if (case_says(&one, text))
			return true;
	}
	return false;
}
