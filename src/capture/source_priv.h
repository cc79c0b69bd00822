/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/err.h"
#include "capture/capture.h"

/*
 * What a kind of source implements. `source` stands first in its own struct. Functions that
 * are NULL answer EW_ERR_USAGE. The contracts are those of the door.
 */
struct ew_source_ops {
	int (*read)(struct ew_source *source, struct ew_frame *frames, size_t max,
	    size_t *ret_count);
	int (*fd)(const struct ew_source *source);
	void (*stats)(struct ew_source *source, struct ew_source_stats *ret_stats);
	int (*set_filter)(struct ew_source *source, enum ew_capture_profile profile,
	    const struct ew_capture_pair *pairs, size_t count);
	void (*discard_before)(struct ew_source *source, int64_t ts_ns);
	int (*add_interface)(struct ew_source *source, uint32_t ifindex,
	    struct ew_error *error);
	int (*remove_interface)(struct ew_source *source, uint32_t ifindex);
	void (*close)(struct ew_source *source);
};

struct ew_source {
	const struct ew_source_ops *ops;
	struct ew_error error; /* of the last failed read */
};
