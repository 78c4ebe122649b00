/*
 * fake.h - a cloud API of tests/lib/fakes for a test in C: started, told to fail, and asked what it saw.
 */
#ifndef TESTS_LIB_FAKE_H
#define TESTS_LIB_FAKE_H

#include "core/http.h"
#include "core/json.h"
#include "tests/lib/server.h"

struct fake {
	struct server server;
	struct http *http;
	char url[64]; /* http://127.0.0.1:PORT */
};
/* args: "PROVIDER [OPTION...]".  False: not installed; fake->server.why says what. */
bool fake_open(struct fake *f, const char *args);
void fake_close(struct fake *f);
/* POST /_fake/WHAT; fails the running test when it is not taken. */
void fake_tell(struct fake *f, const char *what, const char *json);
/* GET /_fake/WHAT. */
struct json *fake_ask(struct fake *f, const char *what);
/* A number of /_fake/counts: "requests", "throttled". */
int64_t fake_count(struct fake *f, const char *what);
/* The value of a line that it printed; into out, which is returned. */
const char *fake_value(const struct fake *f, const char *name, char *out, size_t size);

#endif
