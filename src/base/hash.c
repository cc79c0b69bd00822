/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashing for tables whose keys an attacker chooses. XXH3 with a random seed is not
 * cryptographic, but without the seed collisions cannot be prepared.
 */
#include "base/hash.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
ew_hash(const void *data, size_t size, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t
ew_hash_seed(void)
{
	uint64_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		struct timespec now;

		/* No entropy source at all: still differ from run to run. */
		(void)clock_gettime(CLOCK_REALTIME, &now);
		seed = XXH3_64bits_withSeed(&now, sizeof(now), (uint64_t)getpid());
	}
	return seed;
}
