/* Discounted cumulative gain of tie runs.

   Neighbouring ranks of equal gain are one stretch, which adds its gain times the sum of its discounts.  So the
   number of rounded operations depends on the gains only, and a ranking in the order of the gains has the same bits
   as the ideal, however its rows are tied. */
#ifndef FASTRANK_ORDER_DCG_H
#define FASTRANK_ORDER_DCG_H

#include <stdint.h>

#include "order_sort.h"

typedef struct {
    const double *high, *low; /* sums of the first discounts, as pairs high + low */
    int64_t k;                /* ranks that count; 0 for all */
} fr_discounts;

typedef struct {
    int64_t begin, at; /* the ranks of the open stretch; at is the number of ranks read */
    double gain, value;
} fr_stretch;

static inline void fr_close_stretch(fr_stretch *open, double gain, fr_discounts table) {
    int64_t end = table.k > 0 && open->at > table.k ? table.k : open->at, begin = open->begin;
    open->value += open->gain * ((table.high[end] - table.high[begin]) + (table.low[end] - table.low[begin]));
    open->begin = end;
    open->gain = gain;
}

static inline void fr_add_ranks(fr_stretch *open, double gain, int64_t rows, fr_discounts table) {
    if (gain != open->gain) fr_close_stretch(open, gain, table);
    open->at += rows;
}

static inline int fr_above_cut(const fr_stretch *open, fr_discounts table) {
    return table.k <= 0 || open->at < table.k;
}

/* The mean gain of a tie group is, over all orders of its rows, the expected gain of each of its ranks. */
static double fr_dcg(const double *gain, const int64_t *count, const uint8_t *opens, int64_t runs, fr_discounts table) {
    fr_stretch open = {0, 0, 0.0, 0.0};
    int64_t t = 0, at = 0, cut = table.k > 0 ? table.k : INT64_MAX;
    /* The first groups of one run, most often all: without a branch on gains, which on random lists would be
       mispredicted. */
    for (; t < runs && at < cut && (t + 1 == runs || opens[t + 1]); t++) {
        int closes = gain[t] != open.gain;
        double sum = (table.high[at] - table.high[open.begin]) + (table.low[at] - table.low[open.begin]);
        open.value += open.gain * sum * (double)closes; /* exact: by 0 or 1 */
        open.begin = closes ? at : open.begin;
        open.gain = closes ? gain[t] : open.gain;
        at += count[t];
    }
    open.at = at;
    while (t < runs && fr_above_cut(&open, table)) {
        double first = gain[t], total = 0.0;
        int64_t rows = 0;
        int same = 1;
        do {
            /* The mean of equal gains is that gain; the quotient could miss it by a rounding. */
            same &= gain[t] == first;
            total += gain[t] * (double)count[t];
            rows += count[t];
            t++;
        } while (t < runs && !opens[t]);
        fr_add_ranks(&open, same ? first : total / (double)rows, rows, table);
    }
    fr_close_stretch(&open, 0.0, table);
    return open.value;
}

/* Gains descend; those of 0 and less add nothing. */
static double fr_ideal_dcg(const double *gain, const int64_t *count, int64_t runs, fr_discounts table) {
    fr_stretch open = {0, 0, 0.0, 0.0};
    for (int64_t t = 0; t < runs && gain[t] > 0.0 && fr_above_cut(&open, table); t++)
        fr_add_ranks(&open, gain[t], count[t], table);
    fr_close_stretch(&open, 0.0, table);
    return open.value;
}

static inline int fr_descends(const double *gain, int64_t runs) {
    for (int64_t t = 1; t < runs; t++)
        if (gain[t] > gain[t - 1]) return 0;
    return 1;
}

/* Copies runs by gain, descending.  pairs has room for twice as many. */
static void fr_sort_gains(const double *gain, const int64_t *count, int64_t runs, fr_pair *pairs, double *sorted_gain,
                          int64_t *sorted_count) {
    for (int64_t t = 0; t < runs; t++) {
        pairs[t].key = fr_descending(gain[t]);
        pairs[t].row = t;
    }
    fr_sort_by_merging(pairs, pairs + runs, runs);
    for (int64_t t = 0; t < runs; t++) {
        sorted_gain[t] = gain[pairs[t].row];
        sorted_count[t] = count[pairs[t].row];
    }
}

/* The halves of x, each of at most 26 bits (Veltkamp). */
static inline void fr_halve(double x, double *upper, double *lower) {
    double c = 134217729.0 * x; /* 2^27 + 1 */
    *upper = c - (c - x);
    *lower = x - *upper;
}

/* (high + low) * by, to twice the digits of a double (Dekker, A Floating-Point Technique for Extending the
   Available Precision, 1971); by is at most 1. */
static inline void fr_times(double *high, double *low, double by) {
    double a, b, c, d, product = *high * by, error;
    fr_halve(*high, &a, &b);
    fr_halve(by, &c, &d);
    error = ((a * c - product) + a * d + b * c) + b * d + *low * by;
    *high = product + error;
    *low = error - (*high - product);
}

#endif
