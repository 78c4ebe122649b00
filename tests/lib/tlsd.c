/*
 * tlsd.c - one thread, one connection at a time, one request a connection.
 */
#include "tests/lib/tlsd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define PORT_FIRST 29100
#define PORT_COUNT 3000
#define LIFE_S     3600L

struct tlsd {
	SSL_CTX *context;
	int listener;
	pthread_t thread;
	_Atomic size_t count;
	char url[64];
	char ca_file[64];
};

static _Noreturn void
die(const char *what)
{
	(void)fprintf(stderr, "tlsd: %s failed\n", what);
	abort();
}

static X509 *
make_certificate(EVP_PKEY *key, const char *san)
{
	X509 *cert = X509_new();
	X509_NAME *name;
	X509_EXTENSION *extension;

	if (cert == NULL || X509_set_version(cert, 2) != 1 || ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) != 1)
		die("certificate");
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), -LIFE_S);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), LIFE_S);
	name = X509_get_subject_name(cert);
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	if (extension == NULL ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tlsd", -1, -1, 0) != 1 ||
	    X509_set_issuer_name(cert, name) != 1 || X509_set_pubkey(cert, key) != 1 ||
	    X509_add_ext(cert, extension, -1) != 1 || X509_sign(cert, key, EVP_sha256()) == 0)
		die("certificate");
	X509_EXTENSION_free(extension);
	return cert;
}

static void
make_identity(struct tlsd *s, const char *san)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = key != NULL ? make_certificate(key, san) : NULL;
	FILE *f;
	int fd;

	s->context = SSL_CTX_new(TLS_server_method());
	if (cert == NULL || s->context == NULL || SSL_CTX_use_certificate(s->context, cert) != 1 ||
	    SSL_CTX_use_PrivateKey(s->context, key) != 1)
		die("context");
	(void)snprintf(s->ca_file, sizeof(s->ca_file), "/tmp/coldrelay-tlsd-XXXXXX");
	fd = mkstemp(s->ca_file);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (f == NULL || PEM_write_X509(f, cert) != 1 || fclose(f) != 0)
		die("certificate file");
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void
listen_somewhere(struct tlsd *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (unsigned i = 0; i < PORT_COUNT; i++) {
		unsigned port = PORT_FIRST + ((unsigned)getpid() * 37 + i) % PORT_COUNT;

		at.sin_port = htons((uint16_t)port);
		s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (s->listener < 0)
			break;
		if (bind(s->listener, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(s->listener, 8) == 0) {
			(void)snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%u", port);
			return;
		}
		(void)close(s->listener);
	}
	die("listen");
}

static void
serve(struct tlsd *s, int fd)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
	SSL *ssl = SSL_new(s->context);
	char head[4096];
	int len = 0, got;

	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
		die("connection");
	if (SSL_accept(ssl) == 1) {
		while (len < (int)sizeof(head) - 1 &&
		       (got = SSL_read(ssl, head + len, (int)sizeof(head) - 1 - len)) > 0) {
			len += got;
			head[len] = '\0';
			if (strstr(head, "\r\n\r\n") == NULL)
				continue;
			s->count++;
			(void)SSL_write(ssl, answer, sizeof(answer) - 1);
			(void)SSL_shutdown(ssl);
			break;
		}
	}
	SSL_free(ssl);
}

static void *
loop(void *arg)
{
	struct tlsd *s = arg;
	int fd;

	/* Ends when tlsd_drop shuts the listener. */
	while ((fd = accept(s->listener, NULL, NULL)) >= 0) {
		serve(s, fd);
		(void)close(fd);
	}
	return NULL;
}

struct tlsd *
tlsd_open(const char *san)
{
	struct tlsd *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die("memory");
	make_identity(s, san);
	listen_somewhere(s);
	if (pthread_create(&s->thread, NULL, loop, s) != 0)
		die("thread");
	return s;
}

void
tlsd_drop(struct tlsd **sp)
{
	struct tlsd *s = *sp;

	if (s == NULL)
		return;
	(void)shutdown(s->listener, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->listener);
	(void)unlink(s->ca_file);
	SSL_CTX_free(s->context);
	free(s);
	*sp = NULL;
}

const char *
tlsd_url(const struct tlsd *s)
{
	return s->url;
}

const char *
tlsd_ca_file(const struct tlsd *s)
{
	return s->ca_file;
}

size_t
tlsd_count(struct tlsd *s)
{
	return s->count;
}
