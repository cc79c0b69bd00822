/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file or a stream as a source: tells the formats apart, hands out batches, and
 * runs the live filter over them when asked. Sentences about damage begin with the file's
 * name here; the readers add the byte offset.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "capture/capture.h"
#include "capture/filter_priv.h"
#include "capture/frame.h"
#include "capture/reader_priv.h"
#include "capture/source_priv.h"
#include "capture/window_priv.h"

struct file_source {
	struct ew_source source;
	struct ew_window window;
	bool is_pcapng;
	struct ew_pcap_reader pcap;
	struct ew_pcapng_reader pcapng;
	struct ew_source_stats stats;
	struct ew_filter *filter; /* NULL: every packet */
	char name[256];
};

static struct file_source *
self_of(struct ew_source *source)
{
	return (struct file_source *)source; /* the first member */
}

/* Keep what the filter passes, cut to its length. Returns how many are left. */
static size_t
apply_filter(struct file_source *self, struct ew_frame *frames, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct ew_filter_packet packet = ew_filter_view(&frames[i]);
		const uint32_t keep = ew_filter_run(self->filter, &packet);
		if (keep == 0) {
			self->stats.filtered++;
			continue;
		}
		struct ew_frame *frame = &frames[kept++];
		*frame = frames[i];
		if (packet.caplen > keep)
			frame->caplen -= packet.caplen - keep;
	}
	return kept;
}

static void
count_frames(struct file_source *self, const struct ew_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint32_t cooked = ew_link_cooked_bytes(frames[i].link);
		self->stats.bytes +=
		    frames[i].len > cooked ? frames[i].len - cooked : 0;
	}
	self->stats.frames += count;
}

/* Name the file in the reader's sentence, and count damage once. */
static int
fail(struct file_source *self, int code, const struct ew_error *why)
{
	if (code != EW_ERR_CLOSED) {
		self->stats.damage = 1;
		ew_error_set(&self->source.error, code, "%s: %s", self->name,
		    why->text);
	} else {
		ew_error_set(&self->source.error, code, "%s: end of file", self->name);
	}
	return code;
}

static int
file_read(struct ew_source *source, struct ew_frame *frames, size_t max,
    size_t *ret_count)
{
	struct file_source *self = self_of(source);
	struct ew_window *window = &self->window;
	struct ew_error why;
	size_t n = 0;

	do {
		const int rc = self->is_pcapng
		    ? ew_pcapng_read(&self->pcapng, window, frames, max, &n, &why)
		    : ew_pcap_read(&self->pcap, window, frames, max, &n, &why);
		if (rc)
			return fail(self, rc, &why);
		if (self->filter)
			n = apply_filter(self, frames, n);
	} while (n == 0 && max > 0);
	count_frames(self, frames, n);
	*ret_count = n;
	return 0;
}

static void
file_stats(struct ew_source *source, struct ew_source_stats *ret_stats)
{
	const struct file_source *self = self_of(source);

	*ret_stats = self->stats;
	ret_stats->kernel_drops = self->pcapng.kernel_drops;
	ret_stats->interface_drops = self->pcapng.interface_drops;
}

static int
file_set_filter(struct ew_source *source, enum ew_capture_profile profile,
    const struct ew_capture_pair *pairs, size_t count)
{
	struct file_source *self = self_of(source);
	const struct ew_filter_spec spec = { .profile = profile,
		.snap_bytes = UINT16_MAX,
		.pairs = pairs,
		.count = count };

	if (profile == EW_CAPTURE_ALL) {
		free(self->filter);
		self->filter = NULL;
		return 0;
	}
	if (!self->filter)
		self->filter = ew_alloc(sizeof(*self->filter));
	ew_filter_build(&spec, self->filter);
	return 0;
}

static void
file_close(struct ew_source *source)
{
	struct file_source *self = self_of(source);

	ew_pcapng_close(&self->pcapng);
	ew_window_fini(&self->window);
	free(self->filter);
	free(self);
}

static const struct ew_source_ops file_ops = {
	.read = file_read,
	.stats = file_stats,
	.set_filter = file_set_filter,
	.close = file_close,
};

/* What people pass by mistake, told by its first bytes. */
static const char *
guess_format(const uint8_t *p, size_t size)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *what;
	} known[] = {
		{ "\x1f\x8b", 2, "gzip data: use `zcat FILE | eastwatch replay -`" },
		{ "\x28\xb5\x2f\xfd", 4,
		    "zstd data: use `zstdcat FILE | eastwatch replay -`" },
		{ "\xfd"
		  "7zXZ",
		    5, "xz data: use `xzcat FILE | eastwatch replay -`" },
		{ "BZh", 3, "bzip2 data: use `bzcat FILE | eastwatch replay -`" },
		{ "\x04\x22\x4d\x18", 4,
		    "lz4 data: use `lz4cat FILE | eastwatch replay -`" },
		{ "snoop\0", 6, "a snoop file: convert it with `editcap`" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (size >= known[i].size &&
		    memcmp(p, known[i].bytes, known[i].size) == 0)
			return known[i].what;
	return "neither pcap nor pcapng";
}

static int
open_format(struct file_source *self, struct ew_error *error)
{
	struct ew_window *window = &self->window;
	struct ew_error why;

	int rc = ew_window_more(window, 4);
	if (rc == EW_ERR_TRUNCATED && ew_window_left(window) == 0)
		return ew_error_set(error, rc, "%s is empty", self->name);
	if (rc && rc != EW_ERR_TRUNCATED)
		return ew_error_set(error, rc, "cannot read %s: %s", self->name,
		    ew_err_text(rc));
	const uint8_t *p = window->pos;
	if (rc == 0 && ew_pcapng_magic(p)) {
		self->is_pcapng = true;
		rc = ew_pcapng_open(&self->pcapng, window, &why);
	} else if (rc == 0 && ew_pcap_magic(p)) {
		rc = ew_pcap_open(&self->pcap, window, &why);
	} else {
		return ew_error_set(error, EW_ERR_FORMAT, "%s is no capture: it is %s",
		    self->name, guess_format(p, ew_window_left(window)));
	}
	if (rc)
		return ew_error_set(error, rc, "%s: %s", self->name, why.text);
	return 0;
}

int
ew_source_open_file(const char *path, const struct ew_capture_conf *conf,
    struct ew_error *error, struct ew_source **ret_source)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		const int code = -errno;
		return ew_error_set(error, code, "cannot open %s: %s", path,
		    ew_err_text(code));
	}
	struct file_source *self = ew_alloc(sizeof(*self));
	self->source.ops = &file_ops;
	const char *name = is_stdin ? "standard input" : path;
	memcpy(self->name, name, strnlen(name, sizeof(self->name) - 1));
	ew_window_init(&self->window, fd);
	int rc = open_format(self, error);
	if (rc == 0 && conf && conf->profile != EW_CAPTURE_ALL)
		rc = file_set_filter(&self->source, conf->profile, NULL, 0);
	if (rc) {
		file_close(&self->source);
		return rc;
	}
	*ret_source = &self->source;
	return 0;
}
