/*
 * banned.h - force-included in every translation unit: functions that have cost other people a CVE.
 *
 * strcpy, strcat, strncpy, sprintf: no length, or a length that does not terminate.  Use struct buf.
 * strtok, gmtime, localtime, ctime: hidden static state; the provisioning workers are threads.
 * atoi: cannot report an error.  Use num_parse.  mktemp: a race.  Use file_replace.
 */
#ifndef CORE_BANNED_H
#define CORE_BANNED_H

/* The system declares them first, so that only our own uses meet the poison. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strtok sprintf vsprintf atoi atol gmtime localtime ctime mktemp

#endif
