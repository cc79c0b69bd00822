/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file reader over bytes of any kind, and the filter over what it hands out. A memory
 * file gives the reader a descriptor without touching a disk.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "capture/capture.h"
#include "capture/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t
read_all(const char *path, enum ew_capture_profile profile)
{
	struct ew_capture_conf conf = ew_capture_conf_default();
	struct ew_source *source;
	struct ew_source_stats stats;
	struct ew_error error;
	struct ew_frame frames[16];
	uint64_t total = 0, sum = 0;
	size_t n;

	conf.profile = profile;
	if (ew_source_open_file(path, &conf, &error, &source) != 0) {
		assert(error.text[0]);
		return 0;
	}
	while (ew_source_read(source, frames, 16, &n) == 0) {
		assert(n > 0);
		for (size_t i = 0; i < n; i++)
			for (uint32_t k = 0; k < frames[i].caplen; k++)
				sum +=
				    frames[i].data[k]; /* every byte is ours to read */
		total += n;
	}
	assert(ew_source_error(source)->text[0]);
	ew_source_stats(source, &stats);
	assert(stats.frames == total);
	total += stats.filtered;
	ew_source_close(source);
	return sum == UINT64_MAX ? 0 : total;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	const int fd = memfd_create("input", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* the filter keeps some back and changes nothing else */
	const uint64_t all = read_all(path, EW_CAPTURE_ALL);
	assert(read_all(path, EW_CAPTURE_CONNECTIONS) == all);
	close(fd);
	return 0;
}
