/*
 * fuzz_mails.c - any bytes as an mbox: the mails together are the file, none is empty, and each but the first begins with "From ".
 */
#include "budget/mails.h"
#include "tests/lib/rows.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("mails", MFD_CLOEXEC);
	struct mails *m = NULL;
	struct mail mail;
	bool more = false;
	size_t at = 0;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (mails_open(path, &m, NULL) != CR_OK)
		abort();
	while (mails_next(m, &mail, &more, NULL) == CR_OK && more) {
		assert(mail.len > 0 && mail.len <= size - at);
		assert(memcmp(mail.data, data + at, mail.len) == 0);
		assert(at == 0 || memcmp(mail.data, "From ", 5) == 0);
		at += mail.len;
	}
	assert(at == size);
	mails_drop(&m);
	(void)close(fd);
	return 0;
}
