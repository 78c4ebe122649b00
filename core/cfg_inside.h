/*
 * cfg_inside.h - what the two halves of cfg share: cfg.c opens, walks and keeps the findings, cfg_rows.c fills structs.
 *
 * Private to them; with them the only place that sees libconfig.
 */
#ifndef CORE_CFG_INSIDE_H
#define CORE_CFG_INSIDE_H

#include "core/cfg.h"

#include <libconfig.h>

#include "core/lazy.h"

/* clang-format off */
#define CFG_CALLS(X) \
	X(config_destroy) X(config_init) X(config_read_string) X(config_set_include_dir) \
	X(config_setting_get_bool) X(config_setting_get_elem) X(config_setting_get_int64) \
	X(config_setting_get_member) X(config_setting_get_string) X(config_setting_length)
/* clang-format on */
LAZY_TABLE(libconfig, CFG_CALLS);
LAZY_SHARED(libconfig); /* cfg_open fills it */
#define config_destroy            libconfig.config_destroy
#define config_init               libconfig.config_init
#define config_read_string        libconfig.config_read_string
#define config_set_include_dir    libconfig.config_set_include_dir
#define config_setting_get_bool   libconfig.config_setting_get_bool
#define config_setting_get_elem   libconfig.config_setting_get_elem
#define config_setting_get_int64  libconfig.config_setting_get_int64
#define config_setting_get_member libconfig.config_setting_get_member
#define config_setting_get_string libconfig.config_setting_get_string
#define config_setting_length     libconfig.config_setting_length

struct findings {
	struct buf text;
	size_t n;
};

struct cfg {
	config_t config;
	char *path;
	char *dir;
	struct findings faults;
	struct findings warnings;
};

/* A group is libconfig's own setting under a name of ours; nothing else has this type. */
static inline const config_setting_t *
setting_of(const struct cfg_group *g)
{
	return (const config_setting_t *)(const void *)g;
}

static inline const struct cfg_group *
group_of(const config_setting_t *s)
{
	return (const struct cfg_group *)(const void *)s;
}

static inline const config_setting_t *
member(const struct cfg_group *g, const char *key)
{
	return g != NULL ? config_setting_get_member(setting_of(g), key) : NULL;
}

static inline const config_setting_t *
element(const config_setting_t *s, size_t index)
{
	return config_setting_get_elem(s, (unsigned)index);
}

static inline size_t
length(const config_setting_t *s)
{
	int n = config_setting_length(s);

	return n > 0 ? (size_t)n : 0;
}

/* "" for what is no text. */
static inline const char *
text_of(const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	return text != NULL ? text : "";
}

/* A finding at a setting; NULL: at the file. */
void cfg_fault_at(struct cfg *c, const config_setting_t *s, const char *fmt, ...) PRINTF_LIKE(3, 4);
void cfg_warn_at(struct cfg *c, const config_setting_t *s, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
