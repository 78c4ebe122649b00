/*
 * fuzz_cfg.c - any bytes as a configuration: read by rows whole, findings one line each, nothing leaked.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/cfg.h"

struct target {
	char *text, *path, *token;
	int64_t n, wait_s;
	bool on;
	struct cfg_list list;
};

static const struct cfg_row rows[] = {
	{"text",    CFG_TEXT, offsetof(struct target, text),            0,                      40,       "x",                             0,                       NULL,                                                              "a text"},
	{"path",         CFG_PATH,            offsetof(struct target,                  path), 0, 0,        "x",                                      CFG_REQUIRED,                                                   NULL,                                                                   "a path"},
	{"token", CFG_SECRET,         offsetof(struct target,                         token),                               0,                       0, NULL, CFG_LITERAL_OK, NULL,"a secret"},
	{"count",     CFG_INT,   offsetof(struct target,                         n),                                   0,                                              4,                              "4",                                   0,                       NULL,                                               "a number"},
	{"wait",        CFG_DURATION,            offsetof(struct target,                        wait_s),                                        0,                                                         9000,                                              "1h",          0,NULL,"a duration"},
	{"on",     CFG_BOOL,            offsetof(struct target,                              on),                                  0,                                                        0,                "true",                          0,                                    NULL,													      "a switch"},
	{"list",        CFG_LIST,          offsetof(struct target,                               list),                                           0,9,"a b",0,NULL,"a list"},
	{"groups",        CFG_TEXT,               0,				0,     0,                        NULL,                                CFG_GROUP_KEY,								      NULL,															"groups"																																		      },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_group(struct cfg *c, const struct cfg_group *g)
{
	struct target t;
	struct err err = {0};
	int rc = cfg_read_group(c, g, "here", rows, ARRAY_LEN(rows), NULL, 0, &t, &err);

	assert(rc == CR_OK);
	assert(t.n >= 0 && t.n <= 4);
	assert(t.wait_s >= 0 && t.wait_s <= 9000);
	cfg_release_group(rows, ARRAY_LEN(rows), &t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct cfg *c = NULL;
	struct err err = {0};
	int rc;

	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	rc = cfg_open_text(text, "/nonexistent/fuzz.cfg", &c, &err);
	assert(rc == CR_OK || rc == CR_ECONFIG);
	if (rc == CR_OK) {
		read_group(c, cfg_root(c));
		for (size_t i = 0; i < cfg_count(c, cfg_root(c), "groups"); i++)
			read_group(c, cfg_item(c, cfg_root(c), "groups", i));
		assert((cfg_fault_count(c) == 0) == (*cfg_faults(c) == '\0'));
	}
	cfg_drop(&c);
	free(text);
	return 0;
}
