/* Rows into cells: the top bits of their scores' float32 keys.  A cell has words: (negatives, positives), which are
   counts, or (negatives high, low, positives high, low), which are weights. */
#ifndef FASTRANK_CELLS_H
#define FASTRANK_CELLS_H

#include <stdint.h>

#include "dispatch.h"
#include "keys.h"
#include "wide.h"

#define FR_CELL_BLOCK 512 /* indices made at a time: they stay in the first-level cache */

/* index = 2 * cell + label.  Only the lowest bit of a label is read: no label reaches past the cells. */
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

static inline void fr_count_indices(const uint32_t *index, long n, uint64_t *words) {
    for (long i = 0; i < n; i++) words[index[i]]++;
}

static inline void fr_add_words(uint64_t *words, uint64_t high, uint64_t low) {
    fr_add_weight(&words[0], &words[1], high, low);
}

static inline void fr_weigh_indices(const uint32_t *index, const double *weight, long n, uint64_t *words) {
    uint64_t high[FR_CELL_BLOCK], low[FR_CELL_BLOCK];
    weight_words(weight, high, low, n);
    for (long i = 0; i < n; i++) fr_add_words(&words[2 * (uint64_t)index[i]], high[i], low[i]);
}

/* Where rows of slices go: place[s] is the number of the slice's table, or below 0 where it has none.  Tables stand one
   after another in chunks of 2^chunk_bits cells. */
typedef struct {
    const int32_t *place;
    uint64_t **chunk;
    int bits, chunk_bits;
} fr_tables;

/* The first word of a slice's table; NULL where it has none. */
static inline uint64_t *fr_table(const fr_tables *tables, int32_t slice, int width) {
    int32_t place = tables->place[slice];
    uint64_t first = (uint64_t)place << tables->bits;
    if (place < 0) return 0;
    return tables->chunk[first >> tables->chunk_bits] + (first & (((uint64_t)1 << tables->chunk_bits) - 1)) * width;
}

static inline uint64_t fr_slice_index(const fr_tables *tables, int32_t slice, uint32_t index) {
    return (uint64_t)slice << (tables->bits + 1) | index;
}

/* Counts rows of slices that have a table; the others' slices and indices go to `waiting`.  How many these are. */
static inline long fr_deal_counts(const fr_tables *tables, const uint32_t *index, const int32_t *slice, long n,
                                  uint64_t *waiting) {
    long left = 0;
    for (long i = 0; i < n; i++) {
        uint64_t *table = fr_table(tables, slice[i], 2);
        if (table) table[index[i]]++;
        else waiting[left++] = fr_slice_index(tables, slice[i], index[i]);
    }
    return left;
}

/* The same with weights; rows of weight zero are absent. */
static inline long fr_deal_weights(const fr_tables *tables, const uint32_t *index, const int32_t *slice,
                                   const double *weight, long n, uint64_t *waiting, double *waiting_weight) {
    uint64_t high[FR_CELL_BLOCK], low[FR_CELL_BLOCK];
    long left = 0;
    weight_words(weight, high, low, n);
    for (long i = 0; i < n; i++) {
        uint64_t *table = fr_table(tables, slice[i], 4);
        if (table) {
            fr_add_words(&table[2 * (uint64_t)index[i]], high[i], low[i]);
        } else if (weight[i] > 0) {
            waiting[left] = fr_slice_index(tables, slice[i], index[i]);
            waiting_weight[left++] = weight[i];
        }
    }
    return left;
}

/* The words of one cell are added to those of another. */
static inline void fr_add_cell(uint64_t *words, const uint64_t *more, int width) {
    if (width == 2) {
        words[0] += more[0];
        words[1] += more[1];
    } else {
        fr_add_words(words, more[0], more[1]);
        fr_add_words(words + 2, more[2], more[3]);
    }
}

static inline int fr_is_used(const uint64_t *words, int width) {
    return (words[0] | words[1] | (width == 4 ? words[2] | words[3] : 0)) != 0;
}

/* Adds a table to another.  Memory of either that was never written to stays so. */
static inline void fr_add_table(uint64_t *words, const uint64_t *more, int width, long cells) {
    for (long i = 0; i < cells; i++, words += width, more += width)
        if (fr_is_used(more, width)) fr_add_cell(words, more, width);
}

static inline long fr_used_cells(const uint64_t *words, int width, long cells, uint32_t *used) {
    long n = 0;
    for (long i = 0; i < cells; i++, words += width)
        if (fr_is_used(words, width)) used[n++] = (uint32_t)i;
    return n;
}

/* Adds up cells of equal keys once these are shifted; keys ascend.  How many are left. */
static inline long fr_fold(const uint64_t *key, const uint64_t *words, int width, int shift, long n, uint64_t *out_key,
                           uint64_t *out) {
    long last = -1;
    for (long i = 0; i < n; i++, words += width) {
        uint64_t x = key[i] >> shift;
        if (last < 0 || out_key[last] != x) {
            out_key[++last] = x;
            for (int j = 0; j < width; j++) out[last * width + j] = 0;
        }
        fr_add_cell(&out[last * width], words, width);
    }
    return last + 1;
}

/* Rows as ascending keys, of which the lowest bit is the label, by cell; `weight` is NULL where they are counted. */
static inline long fr_tally(const uint64_t *key, const double *weight, long n, uint64_t *out_key, uint64_t *out) {
    int width = weight ? 4 : 2;
    long last = -1;
    for (long i = 0; i < n; i++) {
        uint64_t x = key[i] >> 1, high, low, *words;
        if (last < 0 || out_key[last] != x) {
            out_key[++last] = x;
            for (int j = 0; j < width; j++) out[last * width + j] = 0;
        }
        words = &out[last * width];
        if (weight) {
            fr_weight_words(weight[i], &high, &low);
            fr_add_words(words + 2 * (key[i] & 1), high, low);
        } else {
            words[key[i] & 1]++;
        }
    }
    return last + 1;
}

static inline long fr_merge_cells(const uint64_t *a, const uint64_t *a_words, long a_size, const uint64_t *b,
                                  const uint64_t *b_words, long b_size, int width, uint64_t *key, uint64_t *words) {
    long i = 0, j = 0, n = 0;
    while (i < a_size || j < b_size) {
        int from_a = j == b_size || (i < a_size && a[i] <= b[j]);
        int from_b = i == a_size || (j < b_size && b[j] <= a[i]);
        const uint64_t *first = from_a ? &a_words[i * width] : &b_words[j * width];
        key[n] = from_a ? a[i] : b[j];
        for (int w = 0; w < width; w++) words[n * width + w] = first[w];
        if (from_a && from_b) fr_add_cell(&words[n * width], &b_words[j * width], width);
        i += from_a;
        j += from_b;
        n++;
    }
    return n;
}

#endif
