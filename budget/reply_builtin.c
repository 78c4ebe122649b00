/*
 * reply_builtin.c - templates/replies.rules, as bytes of the program.
 *
 * The assembler includes the very file that is installed, as templates/tmpl_builtin.c does with the templates; the path is seen from the
 * root of the source, where make runs, and the Makefile names the dependence.
 */
#include "budget/reply_inside.h"

__asm__(".pushsection .rodata\n"
        ".hidden reply_builtin_text\n"
        ".globl reply_builtin_text\n"
        "reply_builtin_text:\n"
        ".incbin \"templates/replies.rules\"\n"
        ".hidden reply_builtin_end\n"
        ".globl reply_builtin_end\n"
        "reply_builtin_end:\n"
        ".byte 0\n"
        ".popsection\n");
