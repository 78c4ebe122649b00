/*
 * steps.c - the addresses that a program executes, one step of the processor after the other, as often as it likes, each once.
 *
 *   steps FILE COMMAND ARGUMENT...      writes them to FILE, 16 hexadecimal digits a line; exits as the command does
 *
 * For a program that is linked at fixed addresses, below LIMIT, on x86-64; what it maps elsewhere is left out.
 * Source: ptrace(2).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#define LIMIT (UINT64_C(64) << 20)

static uint8_t seen[LIMIT];

int
main(int argc, char **argv)
{
	int status = 0;
	FILE *out;
	pid_t child;

	if (argc < 3)
		return 64;
	child = fork();
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
			(void)execv(argv[2], argv + 2);
		_exit(127);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
		const long at = ptrace(PTRACE_PEEKUSER, child, offsetof(struct user, regs.rip), NULL);

		if (at >= 0 && (uint64_t)at < LIMIT)
			seen[at] = 1;
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
			break;
	}
	out = fopen(argv[1], "w");
	if (out == NULL)
		return 74;
	for (uint64_t at = 0; at < LIMIT; at++)
		if (seen[at] != 0)
			(void)fprintf(out, "%016lx\n", (unsigned long)at);
	return fclose(out) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 74;
}
