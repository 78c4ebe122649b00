/*
 * tlsd.h - a web server with TLS on 127.0.0.1 and a certificate of its own making, to see what a client believes.
 *
 * Answers every request with 200 and {}.  Trouble of the server itself ends the test binary.
 */
#ifndef TESTS_LIB_TLSD_H
#define TESTS_LIB_TLSD_H

#include <stddef.h>

struct tlsd;

/* san: the certificate's subjectAltName, "IP:127.0.0.1" or "DNS:other.example". */
struct tlsd *tlsd_open(const char *san);
void tlsd_drop(struct tlsd **s);
/* "https://127.0.0.1:PORT", borrowed. */
const char *tlsd_url(const struct tlsd *s);
/* A file with the certificate, to be trusted; removed by tlsd_drop. */
const char *tlsd_ca_file(const struct tlsd *s);
/* Requests that came through the handshake. */
size_t tlsd_count(struct tlsd *s);

#endif
