/*
 * tmpl_builtin.c - the template files of this folder, as bytes of the program.
 *
 * The assembler includes the very files that are installed beside it, so there is one text of each.  Paths are seen from the root of
 * the source, where make runs; the Makefile names the dependence.  A further template is a file and a row in EACH.
 */
#include "templates/tmpl_row.h"

#include <string.h>

#define EACH(X)                                                                                                        \
	X(google)                                                                                                      \
	X(local)                                                                                                       \
	X(microsoft365)                                                                                                \
	X(parked)

#define INCLUDE(name)                                                                                                  \
	__asm__(".pushsection .rodata\n"                                                                               \
	        ".hidden tmpl_" #name "_text\n"                                                                        \
	        ".globl tmpl_" #name "_text\n"                                                                         \
	        "tmpl_" #name "_text:\n"                                                                               \
	        ".incbin \"templates/" #name ".json\"\n"                                                               \
	        ".hidden tmpl_" #name "_end\n"                                                                         \
	        ".globl tmpl_" #name "_end\n"                                                                          \
	        "tmpl_" #name "_end:\n"                                                                                \
	        ".byte 0\n"                                                                                            \
	        ".popsection\n");                                                                                      \
	extern const char tmpl_##name##_text[], tmpl_##name##_end[];
EACH(INCLUDE)

#define ROW(name) {#name, tmpl_##name##_text, tmpl_##name##_end},
static const struct tmpl_builtin builtins[] = {EACH(ROW)};

const struct tmpl_builtin *
tmpl_builtin_at(size_t index)
{
	return index < ARRAY_LEN(builtins) ? &builtins[index] : NULL;
}

const struct tmpl_builtin *
tmpl_builtin_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(builtins); i++) {
		if (strcmp(builtins[i].name, name) == 0)
			return &builtins[i];
	}
	return NULL;
}
