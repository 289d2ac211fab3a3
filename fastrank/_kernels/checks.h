/* Domain checks of columns: one vectorised pass that says whether all is well; and weights in their units. */
#ifndef FASTRANK_CHECKS_H
#define FASTRANK_CHECKS_H

#include <stdint.h>

#include "dispatch.h"

/* NaN compares false, so it is outside every interval. */
#define FR_OUTSIDE(suffix, real)                                                                         \
    FR_BODY void any_outside_##suffix##_body(const real *x, real low, real high, long n, int *found) {   \
        int outside = 0;                                                                                 \
        for (long i = 0; i < n; i++) outside |= !((x[i] >= low) & (x[i] <= high));                       \
        *found = outside;                                                                                \
    }                                                                                                    \
    FR_CLONES(any_outside_##suffix, (const real *x, real low, real high, long n, int *found),            \
              (x, low, high, n, found))

/* The bits of the least and the greatest value, as integers that order as the values do.  A NaN lies past the infinity of
   its sign. */
#define FR_EXTENT(suffix, integer)                                                                       \
    FR_BODY void extent_##suffix##_body(const integer *bits, integer *least, integer *most, long n) {    \
        const integer all = (integer)~((uint64_t)1 << (8 * sizeof(integer) - 1));                        \
        integer low = *least, high = *most;                                                              \
        for (long i = 0; i < n; i++) {                                                                   \
            integer key = bits[i] ^ (bits[i] < 0 ? all : 0);                                             \
            low = key < low ? key : low;                                                                 \
            high = key > high ? key : high;                                                              \
        }                                                                                                \
        *least = low ^ (low < 0 ? all : 0);                                                              \
        *most = high ^ (high < 0 ? all : 0);                                                             \
    }                                                                                                    \
    FR_CLONES(extent_##suffix, (const integer *bits, integer *least, integer *most, long n),             \
              (bits, least, most, n))

FR_BODY void any_above_body(const uint8_t *x, uint8_t top, long n, int *found) {
    uint8_t above = 0;
    for (long i = 0; i < n; i++) above |= x[i] > top;
    *found = above;
}
FR_CLONES(any_above, (const uint8_t *x, uint8_t top, long n, int *found), (x, top, n, found))

/* small = x as one byte; found says whether one is no integer in 0..top (top below 128). */
#define FR_SMALL(suffix, type)                                                                           \
    FR_BODY void to_small_##suffix##_body(const type *x, uint8_t *small, int top, long n, int *found) {  \
        int bad = 0;                                                                                     \
        for (long i = 0; i < n; i++) {                                                                   \
            int inside = (x[i] >= 0) & (x[i] <= top);                                                    \
            int8_t byte = (int8_t)(inside ? x[i] : 0);                                                   \
            bad |= !inside | ((type)byte != x[i]);                                                       \
            small[i] = (uint8_t)byte;                                                                    \
        }                                                                                                \
        *found = bad;                                                                                    \
    }                                                                                                    \
    FR_CLONES(to_small_##suffix, (const type *x, uint8_t *small, int top, long n, int *found),           \
              (x, small, top, n, found))

/* Values as float64, those below `rounder` rounded to multiples of its last bit. */
#define FR_ROUND_BELOW(suffix, real)                                                                     \
    FR_BODY void round_below_##suffix##_body(const real *x, double rounder, double *rounded, long n) {   \
        for (long i = 0; i < n; i++) {                                                                   \
            double value = x[i];                                                                         \
            rounded[i] = value < rounder ? (value + rounder) - rounder : value;                          \
        }                                                                                                \
    }                                                                                                    \
    FR_CLONES(round_below_##suffix, (const real *x, double rounder, double *rounded, long n),            \
              (x, rounder, rounded, n))

/* How many weights are above zero. */
FR_BODY void count_positive_body(const double *x, long n, int64_t *count) {
    int64_t positive = 0;
    for (long i = 0; i < n; i++) positive += x[i] > 0;
    *count = positive;
}
FR_CLONES(count_positive, (const double *x, long n, int64_t *count), (x, n, count))

FR_ROUND_BELOW(f32, float)
FR_ROUND_BELOW(f64, double)
FR_EXTENT(f32, int32_t)
FR_EXTENT(f64, int64_t)
FR_OUTSIDE(f32, float)
FR_OUTSIDE(f64, double)
FR_SMALL(i8, int8_t)
FR_SMALL(u8, uint8_t)
FR_SMALL(i16, int16_t)
FR_SMALL(u16, uint16_t)
FR_SMALL(i32, int32_t)
FR_SMALL(u32, uint32_t)
FR_SMALL(i64, int64_t)
FR_SMALL(u64, uint64_t)
FR_SMALL(f32, float)
FR_SMALL(f64, double)
#endif
