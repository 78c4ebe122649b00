/*
 * fuzz_main.c - the main of a fuzz target that is not driven by libFuzzer: every file named, and every file of every
 * directory named, goes through LLVMFuzzerTestOneInput once.
 *
 * Linked into the replay binaries only (Makefile); `make fuzz` builds the same targets with libFuzzer's main.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

/* The input lies in memory of exactly its size, so that the address sanitizer sees a read of one byte too many. */
static bool
replay_file(const char *path, size_t size)
{
	uint8_t *data = NULL;
	bool done = false;
	FILE *f = fopen(path, "rb");

	if (f == NULL || size > INPUT_MAX_BYTES)
		goto out;
	data = malloc(size != 0 ? size : 1);
	if (data == NULL || fread(data, 1, size, f) != size)
		goto out;
	/* A crash is explained by the last path that was printed. */
	printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	inputs++;
	done = true;
out:
	if (!done)
		(void)fprintf(stderr, "fuzz: %s: cannot be read whole\n", path);
	free(data);
	if (f != NULL)
		(void)fclose(f);
	return done;
}

static bool
replay_directory(const char *path)
{
	struct dirent **entries = NULL;
	bool done = true;
	int n = scandir(path, &entries, NULL, alphasort);

	if (n < 0)
		return false;
	for (int i = 0; i < n; i++) {
		char name[4096];
		struct stat st;
		int len = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);

		if (len < 0 || (size_t)len >= sizeof(name) || stat(name, &st) != 0)
			done = false;
		else if (S_ISREG(st.st_mode))
			done = replay_file(name, (size_t)st.st_size) && done;
		free(entries[i]);
	}
	free(entries);
	return done;
}

int
main(int argc, char **argv)
{
	bool done = argc > 1;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) != 0) {
			(void)fprintf(stderr, "fuzz: %s: not there\n", argv[i]);
			done = false;
		} else if (S_ISDIR(st.st_mode)) {
			done = replay_directory(argv[i]) && done;
		} else {
			done = replay_file(argv[i], (size_t)st.st_size) && done;
		}
	}
	/* A target without seeds tests nothing. */
	printf("%zu inputs\n", inputs);
	return done && inputs != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
