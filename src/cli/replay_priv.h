/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "capture/capture.h"
#include "daemon/pipeline.h"

struct ew_args;
struct ew_store;

/* Tables of a replay are hashed with a fixed seed: same input, same output. */
#define EW_REPLAY_SEED UINT64_C(0x6561737477617463)

#define EW_REPLAY_SHOWN_MAX 20

/* What a replay needs beside the packets (replay_setup.c). */
struct ew_replay_setup {
	const struct ew_args *args;
	struct ew_pipeline *pipeline; /* NULL: decode and track only */
	struct ew_store *store;	      /* NULL without --db */
	enum ew_capture_profile profile;
	bool is_told; /* inventory and database are in */
	struct ew_pipeline_sink sink;
	size_t n_shown;
	struct {
		uint64_t id;
		int score;
		uint8_t tier;
		char title[256];
	} shown[EW_REPLAY_SHOWN_MAX]; /* the newest state of each incident */
};

/* sink NULL: no pipeline. Returns enum ew_exit after a sentence. */
int ew_replay_setup(struct ew_replay_setup *setup, const struct ew_args *args,
    const struct ew_pipeline_sink *sink);
/* Before the first packet, whose time is now: what the database and the inventory know. */
int ew_replay_tell(struct ew_replay_setup *setup, struct ew_mono now);
void ew_replay_print_incidents(const struct ew_replay_setup *setup);
void ew_replay_cleanup(struct ew_replay_setup *setup);
