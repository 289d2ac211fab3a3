/* Scores into cells of the top bits of their float32 keys, by label: index = 2 * cell + label. */
#ifndef FASTRANK_CELLS_H
#define FASTRANK_CELLS_H

#include <stdint.h>

#include "dispatch.h"
#include "keys.h"
#include "wide.h"

#define FR_CELL_BLOCK 512 /* indices made at a time: they stay in the first-level cache */

/* Only the lowest bit of a label is read: no label reaches past the cells. */
FR_BODY void cell_index_f32_body(const float *x, const uint8_t *label, int shift, uint32_t *index, long n) {
    for (long i = 0; i < n; i++) index[i] = (fr_key_f32(x[i]) >> shift) * 2 + (label[i] & 1);
}
FR_CLONES(cell_index_f32, (const float *x, const uint8_t *label, int shift, uint32_t *index, long n),
          (x, label, shift, index, n))

FR_BODY void cell_index_f64_body(const double *x, const uint8_t *label, int shift, uint32_t *index, long n) {
    for (long i = 0; i < n; i++) index[i] = (fr_floor_key(x[i]) >> shift) * 2 + (label[i] & 1);
}
FR_CLONES(cell_index_f64, (const double *x, const uint8_t *label, int shift, uint32_t *index, long n),
          (x, label, shift, index, n))

FR_BODY void weight_words_body(const double *weight, uint64_t *high, uint64_t *low, long n) {
    for (long i = 0; i < n; i++) fr_weight_words(weight[i], &high[i], &low[i]);
}
FR_CLONES(weight_words, (const double *weight, uint64_t *high, uint64_t *low, long n), (weight, high, low, n))

/* Whether a slice lies outside 0..slices - 1. */
FR_BODY void any_foreign_body(const int32_t *slice, int64_t slices, long n, int *found) {
    uint32_t most = 0;
    for (long i = 0; i < n; i++) most = (uint32_t)slice[i] > most ? (uint32_t)slice[i] : most;
    *found = n > 0 && (int64_t)most >= slices;
}
FR_CLONES(any_foreign, (const int32_t *slice, int64_t slices, long n, int *found), (slice, slices, n, found))

/* Moves indices on to the cells of their rows' slices. */
FR_BODY void move_indices_body(const int32_t *slice, int bits, uint32_t *index, long n) {
    for (long i = 0; i < n; i++) index[i] += (uint32_t)slice[i] << (bits + 1);
}
FR_CLONES(move_indices, (const int32_t *slice, int bits, uint32_t *index, long n), (slice, bits, index, n))

static inline void fr_count_indices(const uint32_t *index, long n, int64_t *counts) {
    for (long i = 0; i < n; i++) counts[index[i]]++;
}

static inline void fr_weigh_indices(const uint32_t *index, const double *weight, long n, uint64_t *high,
                                    uint64_t *low) {
    uint64_t weight_high[FR_CELL_BLOCK], weight_low[FR_CELL_BLOCK];
    weight_words(weight, weight_high, weight_low, n);
    for (long i = 0; i < n; i++) fr_add_weight(&high[index[i]], &low[index[i]], weight_high[i], weight_low[i]);
}

#endif
