/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* SHA-256 (FIPS 180-4), for the trailer of a baseline file. init, add ..., hex. */
struct ew_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};

#define EW_SHA256_HEX 65
void ew_sha256_init(struct ew_sha256 *sha);
void ew_sha256_add(struct ew_sha256 *sha, const void *data, size_t size);
/* Ends the sum; sha must be initialised again before more. Returns text. */
char *ew_sha256_hex(struct ew_sha256 *sha, char text[EW_SHA256_HEX]);
