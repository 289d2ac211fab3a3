/* Two lists of runs into one.  Written without branches: on random keys each would be mispredicted every other time. */
#ifndef FASTRANK_RUNS_MERGE_H
#define FASTRANK_RUNS_MERGE_H

#include <stdint.h>
#include <string.h>

#include "wide.h"

/* Runs of counts have the words negative and positive; runs of weights negative high, low, positive high, low. */
#define FR_MOST_COLUMNS 4

typedef struct {
    const void *key;
    const uint64_t *word[FR_MOST_COLUMNS];
    long size;
} fr_runs_in;

typedef struct {
    void *key;
    uint64_t *word[FR_MOST_COLUMNS];
} fr_runs_out;

static inline void fr_copy_rest(const fr_runs_in *in, long from, long width, int columns, fr_runs_out *out, long at) {
    size_t rest = (size_t)(in->size - from);
    memcpy((char *)out->key + at * width, (const char *)in->key + from * width, rest * (size_t)width);
    for (int c = 0; c < columns; c++) memcpy(out->word[c] + at, in->word[c] + from, rest * sizeof(uint64_t));
}

/* Returns how many runs there are.  A word of the list that a run is not from counts as zero. */
#define FR_MERGE(suffix, type)                                                                                  \
    static inline long fr_merge_##suffix(const fr_runs_in *a, const fr_runs_in *b, int columns, fr_runs_out *out) { \
        const type *x = (const type *)a->key, *y = (const type *)b->key;                                        \
        long i = 0, j = 0, at = 0;                                                                              \
        while (i < a->size && j < b->size) {                                                                    \
            uint64_t from_a = x[i] <= y[j], from_b = y[j] <= x[i];                                              \
            ((type *)out->key)[at] = from_a ? x[i] : y[j];                                                      \
            for (int c = 0; c < columns; c++)                                                                   \
                out->word[c][at] = a->word[c][i] & -from_a;                                                     \
            if (columns == 2) {                                                                                 \
                out->word[0][at] += b->word[0][j] & -from_b;                                                    \
                out->word[1][at] += b->word[1][j] & -from_b;                                                    \
            } else {                                                                                            \
                for (int c = 0; c < columns; c += 2)                                                            \
                    fr_add_weight(&out->word[c][at], &out->word[c + 1][at], b->word[c][j] & -from_b,            \
                                  b->word[c + 1][j] & -from_b);                                                 \
            }                                                                                                   \
            i += (long)from_a;                                                                                  \
            j += (long)from_b;                                                                                  \
            at++;                                                                                               \
        }                                                                                                       \
        fr_copy_rest(a, i, sizeof(type), columns, out, at);                                                     \
        fr_copy_rest(b, j, sizeof(type), columns, out, at + a->size - i);                                       \
        return at + (a->size - i) + (b->size - j);                                                              \
    }

FR_MERGE(u32, uint32_t)
FR_MERGE(u64, uint64_t)

/* Calls with constant columns, so that each is compiled for its own. */
static inline long fr_merge(const fr_runs_in *a, const fr_runs_in *b, int wide, int columns, fr_runs_out *out) {
    if (columns == 2) return wide ? fr_merge_u64(a, b, 2, out) : fr_merge_u32(a, b, 2, out);
    return wide ? fr_merge_u64(a, b, 4, out) : fr_merge_u32(a, b, 4, out);
}

#endif
