/* Scores in [0, 1] by bin: into which bin each falls, and scores as integers, whose sums are exact in any order.

   A score lies in bin i where it is not below i of the ascending inner edges; with `strict`, where it is above i of
   them.  Edges and scores compare as float64. */
#ifndef FASTRANK_BINS_H
#define FASTRANK_BINS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "exact_sum.h"

#define FR_BIN_BLOCK 512    /* rows taken at a time: what is made of them stays in the first-level cache */
#define FR_BIN_ROWS 8192    /* rows between two emptyings, so that no sum of 64 bits overflows */
#define FR_BIN_CELLS 1024   /* tables of at most so many cells have a copy to gather in */
#define FR_BIN_COPIES 8     /* of which rows take turns: adding to a place waits for what was added to it just before, and
                               most scores of a click log fall into one bin */
#define FR_BIN_RUN 64       /* rows of a slice from which on gathering them is worth emptying them */
#define FR_BIN_HIGH 50      /* scores are whole numbers of 2^-50, and what is left of them of 2^-100 */
#define FR_BIN_LOW 100

static const double fr_bin_high = 0x1.8p2, fr_bin_low = 0x1.8p-48; /* 1.5 * 2^(52 - 50), 1.5 * 2^(52 - 100) */

typedef struct {
    const double *edge; /* the inner ones */
    long edges;
    double widths; /* how many bins of equal width there are from 0 to 1; 0 where edges are any numbers */
    int strict;
} fr_bins;

FR_BODY void bin_widen_body(const float *score, double *x, long n) {
    for (long i = 0; i < n; i++) x[i] = score[i];
}
FR_CLONES(bin_widen, (const float *score, double *x, long n), (score, x, n))

/* index = bin of equal widths; *near is set where a score lies on an inner edge, or so near that rounding decides. */
FR_BODY void bin_equal_body(const double *x, const fr_bins *bins, int32_t *index, long n, int *near) {
    const double widths = bins->widths, most = (double)bins->edges + 0.5, whole = 0x1.8p52;
    int64_t found = 0;
    for (long i = 0; i < n; i++) {
        /* Half a bin from 0 and from the end is far from all inner edges. */
        double place = x[i] * widths, inside = place < most ? place : most, here = inside > 0.5 ? inside : 0.5;
        found |= fabs(here - ((here + whole) - whole)) <= 0x1p-30;
        index[i] = (int32_t)here;
    }
    *near |= found != 0;
}
FR_CLONES(bin_equal, (const double *x, const fr_bins *bins, int32_t *index, long n, int *near),
          (x, bins, index, n, near))

static inline int fr_is_past(const fr_bins *bins, double x, long j) {
    return bins->strict ? x > bins->edge[j] : x >= bins->edge[j];
}

/* Moves rows that were binned by rounded arithmetic to where comparing with the edges puts them. */
static inline void fr_bin_correct(const double *x, const fr_bins *bins, int32_t *index, long n) {
    for (long i = 0; i < n; i++) {
        int32_t b = index[i];
        while (b > 0 && !fr_is_past(bins, x[i], b - 1)) b--;
        while (b < bins->edges && fr_is_past(bins, x[i], b)) b++;
        index[i] = b;
    }
}

/* The search takes the same steps for every score, so that it needs no branch. */
FR_BODY void bin_search_body(const double *x, const fr_bins *bins, int32_t *index, long n) {
    int32_t left = (int32_t)bins->edges;
    for (long i = 0; i < n; i++) index[i] = 0;
    while (left > 0) {
        int32_t half = (left + 1) / 2;
        const double *middle = bins->edge + half - 1;
        if (bins->strict)
            for (long i = 0; i < n; i++) index[i] += x[i] > middle[index[i]] ? half : 0;
        else
            for (long i = 0; i < n; i++) index[i] += x[i] >= middle[index[i]] ? half : 0;
        left -= half;
    }
}
FR_CLONES(bin_search, (const double *x, const fr_bins *bins, int32_t *index, long n), (x, bins, index, n))

/* cell = 2 * bin + label.  Only the lowest bit of a label is read. */
FR_BODY void bin_cells_body(const uint8_t *label, int32_t *index, long n) {
    for (long i = 0; i < n; i++) index[i] = 2 * index[i] + (label[i] & 1);
}
FR_CLONES(bin_cells, (const uint8_t *label, int32_t *index, long n), (label, index, n))

/* high = x in units of 2^-50, rounded; *inexact is set where something is left. */
FR_BODY void bin_high_body(const double *x, uint64_t *high, long n, int *inexact) {
    uint64_t bits;
    int64_t left = 0;
    memcpy(&bits, &fr_bin_high, 8);
    for (long i = 0; i < n; i++) {
        double a = x[i] + fr_bin_high;
        uint64_t a_bits;
        memcpy(&a_bits, &a, 8);
        high[i] = a_bits - bits;
        left |= a - fr_bin_high != x[i];
    }
    *inexact = left != 0;
}
FR_CLONES(bin_high, (const double *x, uint64_t *high, long n, int *inexact), (x, high, n, inexact))

/* low = what is left, in units of 2^-100; *outside is set where something is left again. */
FR_BODY void bin_low_body(const double *x, uint64_t *low, long n, int *outside) {
    uint64_t bits;
    int64_t left = 0;
    memcpy(&bits, &fr_bin_low, 8);
    for (long i = 0; i < n; i++) {
        double a = x[i] + fr_bin_high, rest = x[i] - (a - fr_bin_high), b = rest + fr_bin_low;
        uint64_t b_bits;
        memcpy(&b_bits, &b, 8);
        low[i] = b_bits - bits;
        left |= b - fr_bin_low != rest;
    }
    *outside = left != 0;
}
FR_CLONES(bin_low, (const double *x, uint64_t *low, long n, int *outside), (x, low, n, outside))

/* The sum of scores, and how many there are: added as one, so that a row needs one store. */
typedef uint64_t fr_bin_sum __attribute__((vector_size(16)));

/* What is gathered between two emptyings: copies of all cells. */
typedef struct {
    fr_bin_sum sum[FR_BIN_COPIES * FR_BIN_CELLS];
    int64_t low[FR_BIN_COPIES * FR_BIN_CELLS];
    int has_low;
} fr_bin_gathered;

static inline void fr_gather(fr_bin_gathered *g, long cells, const int32_t *index, const uint64_t *high, long n) {
    const fr_bin_sum row = {0, 1};
    long i = 0;
    for (; i + FR_BIN_COPIES <= n; i += FR_BIN_COPIES)
        for (int copy = 0; copy < FR_BIN_COPIES; copy++)
            g->sum[copy * cells + index[i + copy]] += (fr_bin_sum){high[i + copy], 0} | row;
    for (; i < n; i++) g->sum[index[i]] += (fr_bin_sum){high[i], 0} | row;
}

static inline void fr_gather_low(fr_bin_gathered *g, long cells, const int32_t *index, const uint64_t *low, long n) {
    long i = 0;
    g->has_low = 1;
    for (; i + FR_BIN_COPIES <= n; i += FR_BIN_COPIES)
        for (int copy = 0; copy < FR_BIN_COPIES; copy++) g->low[copy * cells + index[i + copy]] += (int64_t)low[i + copy];
    for (; i < n; i++) g->low[index[i]] += (int64_t)low[i];
}

/* Fetches what the emptying will add to, while rows are gathered: of many slices it is in no near cache. */
static inline void fr_bin_fetch(long cells, const uint64_t *counts, const int64_t *digits) {
    for (long cell = 0; cell < cells; cell += 2, digits += FR_DIGITS) {
        __builtin_prefetch(&counts[cell], 1);
        __builtin_prefetch(&digits[(1074 - FR_BIN_LOW) >> 5], 1);
        __builtin_prefetch(&digits[((1074 - FR_BIN_HIGH) >> 5) + 2], 1);
    }
}

/* Empties what was gathered into the counts of the cells of a slice and the digits of its bins. */
static inline void fr_bin_drain(fr_bin_gathered *g, long cells, uint64_t *counts, int64_t *digits) {
    for (long cell = 0; cell < cells; cell += 2, digits += FR_DIGITS) {
        fr_bin_sum sum[2] = {{0, 0}, {0, 0}};
        int64_t low = 0;
        for (int copy = 0; copy < FR_BIN_COPIES; copy++)
            for (int label = 0; label < 2; label++) sum[label] += g->sum[copy * cells + cell + label];
        if (!(sum[0][1] + sum[1][1])) continue;
        counts[cell] += sum[0][1];
        counts[cell + 1] += sum[1][1];
        fr_add_shifted(digits, sum[0][0] + sum[1][0], 1074 - FR_BIN_HIGH, 0);
        if (!g->has_low) continue;
        for (int copy = 0; copy < FR_BIN_COPIES; copy++)
            low += g->low[copy * cells + cell] + g->low[copy * cells + cell + 1];
        fr_add_shifted(digits, low < 0 ? -(uint64_t)low : (uint64_t)low, 1074 - FR_BIN_LOW, low < 0);
    }
    memset(g->sum, 0, sizeof *g->sum * FR_BIN_COPIES * cells);
    if (g->has_low) memset(g->low, 0, sizeof *g->low * FR_BIN_COPIES * cells);
    g->has_low = 0;
}

/* The bin of each row. */
static inline void fr_bin_rows(const double *x, const fr_bins *bins, int32_t *index, long n) {
    int near = 0;
    if (bins->widths > 0) {
        bin_equal(x, bins, index, n, &near);
        if (near) fr_bin_correct(x, bins, index, n);
    } else {
        bin_search(x, bins, index, n);
    }
}

/* One block of rows of weight 1.  Where a score is too small for integers of this kind, each row goes to its digits. */
static inline void fr_bin_gather(const double *x, const int32_t *index, long n, fr_bin_gathered *g, long cells,
                                 int64_t *digits) {
    uint64_t high[FR_BIN_BLOCK], low[FR_BIN_BLOCK];
    int inexact, outside = 0;
    bin_high(x, high, n, &inexact);
    if (inexact) bin_low(x, low, n, &outside);
    if (outside) {
        memset(high, 0, sizeof *high * n);
        for (long i = 0; i < n; i++) fr_add_term(digits + index[i] / 2 * (long)FR_DIGITS, x[i]);
    } else if (inexact) {
        fr_gather_low(g, cells, index, low, n);
    }
    fr_gather(g, cells, index, high, n);
}

#endif
