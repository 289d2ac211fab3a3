/* Rows into cells: the top bits of their scores' float32 keys.  A cell has words: (negatives, positives), which are
   counts, or (negatives high, low, positives high, low), which are weights. */
#ifndef FASTRANK_CELLS_H
#define FASTRANK_CELLS_H

#include <stdint.h>

#include "dispatch.h"
#include "keys.h"
#include "slice_runs.h"
#include "wide.h"

#define FR_CELL_BLOCK 512 /* indices made at a time: they stay in the first-level cache */
#define FR_PAGE_BITS 8    /* cells that are marked as used together: a page of memory, or two with weights */

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

/* Which pages of a table were written to, NULL where nobody asks, and how many more there are than before. */
typedef struct {
    uint8_t *used;
    int64_t fresh;
} fr_pages;

static inline void fr_use_cell(fr_pages *pages, uint64_t cell) {
    if (!pages->used || pages->used[cell >> FR_PAGE_BITS]) return;
    pages->used[cell >> FR_PAGE_BITS] = 1;
    pages->fresh++;
}

static inline int fr_may_hold(const uint8_t *used, long cell) { return !used || used[cell >> FR_PAGE_BITS]; }

static inline void fr_count_indices(const uint32_t *index, long n, uint64_t *words, fr_pages *pages) {
    for (long i = 0; i < n; i++)
        if (!words[index[i]]++) fr_use_cell(pages, index[i] / 2);
}

static inline void fr_add_words(uint64_t *words, uint64_t high, uint64_t low) {
    fr_add_weight(&words[0], &words[1], high, low);
}

static inline void fr_weigh_indices(const uint32_t *index, const double *weight, long n, uint64_t *words,
                                    fr_pages *pages) {
    uint64_t high[FR_CELL_BLOCK], low[FR_CELL_BLOCK];
    weight_words(weight, high, low, n);
    for (long i = 0; i < n; i++) {
        fr_add_words(&words[2 * (uint64_t)index[i]], high[i], low[i]);
        fr_use_cell(pages, index[i] / 2);
    }
}

/* Where rows of slices go: place[s] is the number of the slice's table, or below 0 where it has none.  Tables stand one
   after another in chunks of 2^chunk_bits cells; used[] marks the pages of each chunk. */
typedef struct {
    const int32_t *place;
    uint64_t **chunk;
    uint8_t **used;
    int bits, chunk_bits;
    int64_t fresh;
} fr_tables;

/* The first word of a slice's table, and its pages; NULL where it has none. */
static inline uint64_t *fr_table(const fr_tables *tables, int32_t slice, int width, fr_pages *pages) {
    int32_t place = tables->place[slice];
    if (place < 0) return 0;
    uint64_t first = (uint64_t)place << tables->bits, chunk = first >> tables->chunk_bits;
    first &= ((uint64_t)1 << tables->chunk_bits) - 1;
    pages->used = tables->used[chunk] + (first >> FR_PAGE_BITS);
    pages->fresh = 0;
    return tables->chunk[chunk] + first * width;
}

static inline uint64_t fr_slice_index(const fr_tables *tables, int32_t slice, uint32_t index) {
    return (uint64_t)slice << (tables->bits + 1) | index;
}

/* Counts, or weighs, rows of slices that have a table; the others' slices and indices, and their weights but for those
   of zero, which are absent, go to `waiting`.  How many these are. */
static inline long fr_deal(fr_tables *tables, const uint32_t *index, const int32_t *slice, const double *weight, long n,
                           uint64_t *waiting, double *waiting_weight) {
    long left = 0;
    for (long start = 0, end; start < n; start = end) {
        fr_pages pages;
        uint64_t *table = fr_table(tables, slice[start], weight ? 4 : 2, &pages);
        end = fr_run_end(slice, start, n);
        /* Of many slices a table is in no near cache. */
        for (long i = start; table && i < end; i++) __builtin_prefetch(&table[index[i] * (weight ? 2UL : 1UL)], 1);
        if (!table) {
            for (long i = start; i < end; i++) {
                if (weight && !(weight[i] > 0)) continue;
                if (weight) waiting_weight[left] = weight[i];
                waiting[left++] = fr_slice_index(tables, slice[i], index[i]);
            }
            continue;
        }
        if (weight) fr_weigh_indices(index + start, weight + start, end - start, table, &pages);
        else fr_count_indices(index + start, end - start, table, &pages);
        tables->fresh += pages.fresh;
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

/* Adds a table to another.  Pages of either that were never written to stay so. */
static inline void fr_add_table(uint64_t *words, const uint64_t *more, const uint8_t *more_used, int width, long cells,
                                fr_pages *pages) {
    for (long i = 0; i < cells; i++) {
        if (!fr_may_hold(more_used, i)) {
            i |= (1 << FR_PAGE_BITS) - 1;
        } else if (fr_is_used(more + i * width, width)) {
            fr_add_cell(words + i * width, more + i * width, width);
            fr_use_cell(pages, i);
        }
    }
}

static inline long fr_used_cells(const uint64_t *words, const uint8_t *used_pages, int width, long cells,
                                 uint32_t *used) {
    long n = 0;
    for (long i = 0; i < cells; i++) {
        if (!fr_may_hold(used_pages, i)) i |= (1 << FR_PAGE_BITS) - 1;
        else if (fr_is_used(words + i * width, width)) used[n++] = (uint32_t)i;
    }
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
