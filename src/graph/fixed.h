/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Integer arithmetic of the scores: Q16 is a value times 65536. Used by graph and detect.
 */
#define EW_Q16_ONE UINT32_C(65536)

/* s * 2^(-dt/half_life); dt and half_life in one unit (ms or ns); dt <= 0 changes nothing. */
uint32_t ew_fixed_decay(uint32_t s_q16, int64_t dt, int64_t half_life);
/* 65536 * log2(x), x > 0. */
int32_t ew_fixed_log2(uint64_t x);
/* 65536 * log10(numerator / denominator), both > 0. */
int32_t ew_fixed_log10_ratio(uint64_t numerator, uint64_t denominator);
/* Floor of the square root. */
uint32_t ew_fixed_sqrt(uint64_t x);
