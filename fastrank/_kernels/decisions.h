/* Scores against ascending thresholds: a score lies in interval i where it is not below i of them. */
#ifndef FASTRANK_DECISIONS_H
#define FASTRANK_DECISIONS_H

#include <stdint.h>

#include "cells.h"
#include "dispatch.h"

#define FR_DECISION_BLOCK 4096 /* rows that are compared with each threshold in turn stay in the first-level cache */
#define FR_FEW_THRESHOLDS 16   /* up to here comparing with each is quicker than searching */

/* counts += (rows not below the threshold, those of them with label 1, rows with label 1).  Only the lowest bit of a
   label is read. */
#define FR_COUNT_ABOVE(name, real)                                                                         \
    FR_BODY void name##_body(const real *x, const uint8_t *label, real threshold, long n, int64_t *counts) { \
        uint32_t above = 0, both = 0, positive = 0;                                                        \
        for (long i = 0; i < n; i++) {                                                                     \
            uint32_t is_above = x[i] >= threshold, is_positive = label[i] & 1;                             \
            above += is_above;                                                                             \
            both += is_above & is_positive;                                                                \
            positive += is_positive;                                                                       \
        }                                                                                                  \
        counts[0] += above;                                                                                \
        counts[1] += both;                                                                                 \
        counts[2] += positive;                                                                             \
    }                                                                                                      \
    FR_CLONES(name, (const real *x, const uint8_t *label, real threshold, long n, int64_t *counts),        \
              (x, label, threshold, n, counts))

FR_COUNT_ABOVE(fr_count_above_f32, float)
FR_COUNT_ABOVE(fr_count_above_f64, double)

/* index = 2 * interval + label.  The search takes the same steps for every score, so that it needs no branch. */
#define FR_INTERVALS(name, real)                                                                                 \
    FR_BODY void name##_body(const real *x, const uint8_t *label, const real *thresholds, long count,            \
                             uint32_t *index, long n) {                                                          \
        for (long i = 0; i < n; i++) index[i] = 0;                                                               \
        if (count <= FR_FEW_THRESHOLDS) {                                                                        \
            for (long j = 0; j < count; j++)                                                                     \
                for (long i = 0; i < n; i++) index[i] += x[i] >= thresholds[j];                                  \
        } else {                                                                                                 \
            uint32_t left = (uint32_t)count;                                                                     \
            while (left > 0) {                                                                                   \
                uint32_t half = (left + 1) / 2;                                                                  \
                const real *middle = thresholds + half - 1;                                                      \
                for (long i = 0; i < n; i++) index[i] += x[i] >= middle[index[i]] ? half : 0;                    \
                left -= half;                                                                                    \
            }                                                                                                    \
        }                                                                                                        \
        for (long i = 0; i < n; i++) index[i] = 2 * index[i] + (label[i] & 1);                                   \
    }                                                                                                            \
    FR_CLONES(name, (const real *x, const uint8_t *label, const real *thresholds, long count, uint32_t *index,   \
                     long n), (x, label, thresholds, count, index, n))

FR_INTERVALS(fr_intervals_f32, float)
FR_INTERVALS(fr_intervals_f64, double)

/* Moves indices on to the cells of their rows' slices. */
FR_BODY void fr_index_slices_body(const int32_t *slice, uint32_t width, uint32_t *index, long n) {
    for (long i = 0; i < n; i++) index[i] += (uint32_t)slice[i] * width;
}
FR_CLONES(fr_index_slices, (const int32_t *slice, uint32_t width, uint32_t *index, long n), (slice, width, index, n))

#endif
