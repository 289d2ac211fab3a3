/* Merged runs: tie runs in which neighbouring tie groups of label 0 are one, without those below the last other label.
   Measures that add something for other labels only read the same off them, and where most rows have label 0 they are
   a few for each list. */
#ifndef FASTRANK_ORDER_MERGED_H
#define FASTRANK_ORDER_MERGED_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "order_runs.h"
#include "order_sort.h"

enum {
    FR_COUNTED = 64,   /* most rows whose ranks are counted where some tie; each is a bit of a word */
    FR_COMPARED = 128, /* most rows that are compared each with each; a multiple of 64 */
    FR_PADDING = 8     /* more rows that are read */
};

/* Some rows of a list. */
typedef struct {
    uint8_t row[FR_COMPARED];
    int64_t count;
} fr_rows;

/* The first rank that ties, of a list in which none does. */
static const int64_t FR_NO_RANK = INT64_MAX;

/* The rows whose label is not 0, a bit each; n <= FR_COUNTED labels below 128 of `readable` that are in memory. */
FR_BODY uint64_t fr_labelled(const uint8_t *labels, int64_t n, int64_t readable) {
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t found = 0;
    for (int64_t i = 0; i < n; i += 8) {
        uint64_t word = 0;
        if (i + 8 <= readable) memcpy(&word, labels + i, 8);
        else memcpy(&word, labels + i, (size_t)(readable - i));
        word = ((word + 127 * ones) >> 7) & ones;
        found |= ((word * 0x0102040810204080ULL) >> 56) << i;
    }
    return n < 64 ? found & (((uint64_t)1 << n) - 1) : found;
}

/* The rows of n <= FR_COMPARED whose label is not 0. */
FR_BODY void fr_find_labelled(fr_rows *labelled, const uint8_t *labels, int64_t n, int64_t readable) {
    labelled->count = 0;
    for (int64_t i = 0; i < n; i += 64)
        for (uint64_t left = fr_labelled(labels + i, n - i < 64 ? n - i : 64, readable - i); left; left &= left - 1)
            labelled->row[labelled->count++] = (uint8_t)(i + __builtin_ctzll(left));
}

/* The distinct labels of rows, descending; few rows. */
static inline void fr_add_few_ideal(fr_runs *ideal, const uint8_t *labels, const fr_rows *rows) {
    uint32_t present = 0;
    for (int64_t i = 0; i < rows->count; i++) present |= (uint32_t)1 << labels[rows->row[i]];
    while (present) {
        int label = fr_width(present) - 1;
        int64_t count = 0;
        present ^= (uint32_t)1 << label;
        for (int64_t i = 0; i < rows->count; i++) count += labels[rows->row[i]] == label;
        fr_add_run(ideal, label, count, 0);
    }
}

/* A tie group of `rows` rows, of which those of `members` are not of label 0. */
FR_BODY void fr_add_tied(fr_runs *runs, const uint8_t *labels, uint64_t members, int64_t rows) {
    int64_t counts[FR_LABELS] = {0};
    for (; members; members &= members - 1, rows--) counts[labels[__builtin_ctzll(members)]]++;
    counts[0] = rows;
    fr_add_group(runs, counts);
}

/* Merges the runs of a list, which are the last ones, from `first` on; returns the first rank that ties. */
static inline int64_t fr_merge_runs(fr_runs *runs, int64_t first) {
    int64_t end = runs->size, begin = 0, zeros = 0, tied = FR_NO_RANK;
    runs->size = first;
    for (int64_t t = first, next; t < end;) {
        int64_t rows = runs->count[t];
        for (next = t + 1; next < end && !runs->opens[next]; next++) rows += runs->count[next];
        if (rows > 1 && tied == FR_NO_RANK) tied = begin;
        begin += rows;
        if (runs->label[t] == 0.0) {
            zeros += rows;
            t = next;
            continue;
        }
        /* What is written was read already: of label 0 at least one run is left out. */
        if (zeros) fr_add_run(runs, 0.0, zeros, 1);
        zeros = 0;
        for (; t < next; t++) fr_add_run(runs, runs->label[t], runs->count[t], runs->opens[t]);
    }
    return tied;
}

#endif
