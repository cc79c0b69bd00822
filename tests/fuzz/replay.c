/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main() of a fuzz target when no fuzzing engine is linked: give it each file named on the
 * command line, and each file in the folders named there. Prints a line per input.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat info;

	if (!file || fstat(fileno(file), &info) != 0) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (file)
			(void)fclose(file);
		return 1;
	}
	/* Exactly as long as the input, so that a read past the end is seen by ASan. */
	const size_t size = (size_t)info.st_size;
	uint8_t *data = malloc(size ? size : 1);
	const size_t got = data ? fread(data, 1, size, file) : 0;

	(void)fclose(file);
	if (!data || got != size) {
		(void)fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		return 1;
	}
	(void)printf("# %s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int
replay(const char *path)
{
	DIR *folder = opendir(path);
	int failed = 0;

	if (!folder)
		return replay_file(path);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char name[4096];

		if (entry->d_name[0] == '.' || strncmp(entry->d_name, "README", 6) == 0)
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		failed |= replay_file(name);
	}
	(void)closedir(folder);
	return failed;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed;
}
