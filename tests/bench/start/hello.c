/*
 * hello.c - the least a process can be; linked statically and dynamically, it is the floor of bench_start.sh.
 */
#include <stdio.h>

int
main(void)
{
	return puts("hello") < 0;
}
