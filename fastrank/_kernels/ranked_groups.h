/* Measures of ranked lists that ask which rows are relevant, read off the tie groups of runs (see order.pyx).

   A row is relevant where its label is at least `level`.  Where a tie group holds several rows, each value is its mean
   over all orders of the tied rows.  Inside a list every sum runs down the ranks. */
#ifndef FASTRANK_RANKED_GROUPS_H
#define FASTRANK_RANKED_GROUPS_H

#include <stdint.h>

#include "dispatch.h"

/* The runs of one list, and the tie group that fr_next_group has read last. */
typedef struct {
    const double *label;
    const int64_t *count;
    const uint8_t *opens;
    double level;
    int64_t k; /* ranks that count */
    int64_t run, end;
    int64_t begin; /* rank of the group's first row */
    int64_t rows, relevant;
    double total;   /* of the labels of its relevant rows */
    int64_t inside; /* how many of its rows are above the cut, whichever they are */
} fr_groups;

static inline int64_t fr_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Whether a group follows that needs no mean: a relevant row which ties with none, or rows none of which is relevant.
   Most do, and on random lists a branch on which it is would be mispredicted. */
static inline int fr_plain_follows(fr_groups *group) {
    int64_t t = group->run;
    group->begin += group->rows;
    group->rows = 0;
    return t < group->end && group->begin < group->k && (t + 1 == group->end || group->opens[t + 1])
        && (group->count[t] == 1) | (group->label[t] < group->level);
}

/* Reads such a group; whether it is relevant. */
static inline int fr_read_plain(fr_groups *group) {
    int64_t t = group->run++;
    group->rows = group->count[t];
    return group->label[t] >= group->level;
}

/* Reads the next tie group; 0 at the end of the list and at the cut. */
static inline int fr_next_group(fr_groups *group) {
    int64_t t = group->run;
    group->begin += group->rows;
    group->rows = group->relevant = 0;
    group->total = 0.0;
    if (t >= group->end || group->begin >= group->k) return 0;
    do {
        group->rows += group->count[t];
        if (group->label[t] >= group->level) {
            group->relevant += group->count[t];
            group->total += group->label[t] * (double)group->count[t];
        }
        t++;
    } while (t < group->end && !group->opens[t]);
    group->run = t;
    group->inside = fr_least(group->rows, group->k - group->begin);
    return 1;
}

/* Expected number of relevant rows above the cut. */
static inline double fr_hits(fr_groups group) {
    int64_t whole = 0;
    for (;;) {
        while (fr_plain_follows(&group)) whole += fr_read_plain(&group);
        if (!fr_next_group(&group)) return (double)whole;
        if (group.inside < group.rows)
            return (double)whole + (double)group.relevant * (double)group.inside / (double)group.rows;
        whole += group.relevant;
    }
}

/* Probability of a relevant row above the cut.

   In the group at the cut, m of c rows are above it.  The probabilities that the i-th of them is the first of the r
   relevant rows are summed: all are positive, so nothing cancels.  m and r may change places (both ask whether two
   random subsets meet), which leaves the shorter sum. */
static inline double fr_hit(fr_groups group) {
    double missed = 1.0, hit = 0.0;
    while (fr_next_group(&group)) {
        int64_t draws, good;
        if (group.relevant == 0) continue;
        if (group.inside + group.relevant > group.rows) return 1.0;
        draws = fr_least(group.inside, group.relevant);
        good = group.inside + group.relevant - draws;
        for (int64_t i = 0; i < draws; i++) {
            hit += missed * (double)good / (double)(group.rows - i);
            missed *= (double)(group.rows - good - i) / (double)(group.rows - i);
        }
        return hit < 1.0 ? hit : 1.0;
    }
    return 0.0;
}

/* Expected 1 / rank of the first relevant row of the group, which has at most the group's other rows before it. */
static inline double fr_first_in_group(const fr_groups *group) {
    int64_t last = fr_least(group->inside, group->rows - group->relevant + 1);
    double missed = 1.0, value = 0.0;
    for (int64_t j = 0; j < last; j++) {
        value += missed * (double)group->relevant / ((double)(group->rows - j) * (double)(group->begin + j + 1));
        missed *= (double)(group->rows - group->relevant - j) / (double)(group->rows - j);
    }
    return value;
}

/* Expected 1 / rank of the first relevant row; 0 below the cut. */
static inline double fr_reciprocal_rank(fr_groups group) {
    for (;;) {
        while (fr_plain_follows(&group))
            if (fr_read_plain(&group)) return 1.0 / (double)(group.begin + 1);
        if (!fr_next_group(&group)) return 0.0;
        if (group.relevant > 0) return fr_first_in_group(&group);
    }
}

/* Expected label / rank of the first relevant row: which of the group's relevant rows is first says no rank. */
static inline double fr_weighted_reciprocal_rank(fr_groups group) {
    while (fr_next_group(&group))
        if (group.relevant > 0) return group.total / (double)group.relevant * fr_first_in_group(&group);
    return 0.0;
}

/* Expected sum, over the relevant rows above the cut, of the precision at their ranks.

   Place j of a group holds a relevant row with probability r / c; then the group's other r - 1 relevant rows are
   spread evenly over its other c - 1 places, of which j are above. */
static inline double fr_precision_sum(fr_groups group) {
    int64_t hits = 0;
    double value = 0.0;
    for (;;) {
        while (fr_plain_follows(&group)) {
            int relevant = fr_read_plain(&group);
            double precision = (double)(hits + 1) / (double)(group.begin + 1);
            value += precision * (double)relevant; /* exact: by 0 or 1 */
            hits += relevant;
        }
        if (!fr_next_group(&group)) return value;
        if (group.relevant > 0) {
            double share = (double)group.relevant / (double)group.rows;
            double slope = group.rows == 1 ? 0.0 : (double)(group.relevant - 1) / (double)(group.rows - 1);
            for (int64_t j = 0; j < group.inside; j++)
                value += share * ((double)(hits + 1) + (double)j * slope) / (double)(group.begin + j + 1);
        }
        hits += group.relevant;
    }
}

/* A measure of many lists: runs offsets[q]..offsets[q + 1] are of list q; where there are cuts, above its own, of which
   0 lets no row count. */
typedef void (*fr_measure)(fr_groups group, const int64_t *offsets, const int64_t *cuts, int64_t lists, double *out);

#define FR_OF_LISTS(measure)                                                                              \
    static void measure##_of_lists(fr_groups group, const int64_t *offsets, const int64_t *cuts, int64_t lists,  \
                                   double *out) {                                                        \
        for (int64_t q = 0; q < lists; q++) {                                                            \
            group.run = offsets[q];                                                                      \
            group.end = cuts && cuts[q] <= 0 ? offsets[q] : offsets[q + 1];                              \
            if (cuts) group.k = cuts[q];                                                                 \
            out[q] = measure(group);                                                                     \
        }                                                                                                \
    }
FR_OF_LISTS(fr_hits)
FR_OF_LISTS(fr_hit)
FR_OF_LISTS(fr_reciprocal_rank)
FR_OF_LISTS(fr_weighted_reciprocal_rank)
FR_OF_LISTS(fr_precision_sum)

/* values / by; 0 where by is not above 0. */
FR_BODY void fr_divide_body(const double *values, const double *by, double *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double quotient = values[i] / (by[i] > 0.0 ? by[i] : 1.0);
        out[i] = by[i] > 0.0 ? quotient : 0.0;
    }
}
FR_CLONES(fr_divide, (const double *values, const double *by, double *out, int64_t n), (values, by, out, n))

/* Values, but `instead` where they are not kept. */
FR_BODY void fr_replace_body(const double *values, const uint8_t *keep, double instead, double *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = keep[i] ? values[i] : instead;
}
FR_CLONES(fr_replace, (const double *values, const uint8_t *keep, double instead, double *out, int64_t n),
          (values, keep, instead, out, n))

#endif
