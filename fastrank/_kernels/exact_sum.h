/* Exact sums of float64 terms.

   A sum is kept as DIGITS words of 32 bits each, in units of 2^-1074, the last one signed: wide enough
   for 2^63 terms of any size, so nothing is ever rounded.  Carried digits are unique for a value, so
   equal sums have equal states whatever the order of the terms was.

   A block of terms is split into two or three integers each by adding and taking off large constants, which are
   chosen by the size of its terms: they take bits from the largest term's down to 2^154 times less.  Integers add
   exactly in any order, and all of it vectorises (Demmel and Nguyen 2013, "Fast reproducible floating-point summation",
   cut off the same slices, and keep a few of them only).

   Blocks of a wider range go through 4096 cells first, one a sign and exponent: an integer add a half of
   the mantissa, no carry and no shift on the way (Neal 2015, "Fast exact summation using small and
   large superaccumulators", arXiv:1505.05571, is the same idea). */
#ifndef FASTRANK_EXACT_SUM_H
#define FASTRANK_EXACT_SUM_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "dispatch.h"
#include "slice_runs.h"

#define FR_DIGITS 68
#define FR_CELLS 4096
#define FR_BLOCK 2048 /* terms made at a time: they stay in the first-level cache */

/* What the terms of a block are taken to be like, until one is not: below 2^reach, and whether they need the third
   slice. */
typedef struct {
    int reach, wide;
} fr_shape;

typedef struct {
    int used; /* whether there is something in the cells */
    struct {
        int64_t low, high;
    } cell[FR_CELLS];
} fr_cells;

static inline void fr_fill_cells(const double *term, long n, fr_cells *cells) {
    const uint64_t fraction = (1ULL << 52) - 1;
    cells->used = 1;
    for (long i = 0; i < n; i++) {
        uint64_t bits, key, m;
        memcpy(&bits, &term[i], 8);
        key = bits >> 52;
        m = (bits & fraction) | ((uint64_t)((key & 0x7FF) != 0) << 52);
        cells->cell[key].low += m & 0xFFFFFFFF;
        cells->cell[key].high += m >> 32;
    }
}

/* digits += sign * m * 2^(position - 1074) for m below 2^63 */
static inline void fr_add_shifted(int64_t *digits, uint64_t m, int position, int negative) {
    int64_t *digit = digits + (position >> 5);
    unsigned __int128 shifted = (unsigned __int128)m << (position & 31);
    int64_t a = (int64_t)(shifted & 0xFFFFFFFF), b = (int64_t)((shifted >> 32) & 0xFFFFFFFF),
            c = (int64_t)(shifted >> 64);
    if (negative) a = -a, b = -b, c = -c;
    digit[0] += a;
    digit[1] += b;
    digit[2] += c;
}

/* Adds one finite term; at most 2^30 of them between two carries.  The first of the three words that may change. */
static inline int fr_add_term(int64_t *digits, double term) {
    int64_t bits, exponent;
    memcpy(&bits, &term, 8);
    exponent = (bits >> 52) & 0x7FF;
    uint64_t m = ((uint64_t)bits & ((1ULL << 52) - 1)) | ((uint64_t)(exponent != 0) << 52);
    int position = exponent ? (int)exponent - 1 : 0;
    fr_add_shifted(digits, m, position, bits < 0);
    return position >> 5;
}

/* 1.5 * 2^exponent, for a normal result. */
static inline double fr_one_and_a_half(int exponent) {
    uint64_t bits = ((uint64_t)(exponent + 1023) << 52) | (1ULL << 51);
    double x;
    memcpy(&x, &bits, 8);
    return x;
}

/* Widths of the slices of a block's terms below 2^reach, in bits: the top one has room for the sign. */
#define FR_TOP_SLICE 51
#define FR_SLICE 52
#define FR_SLICES 3
enum { FR_LEAST_REACH = FR_TOP_SLICE + (FR_SLICES - 1) * FR_SLICE - 1074, FR_LARGEST_REACH = 1022 };

/* The sums of 2 or 3 slices as integers in units of 2^(reach - 51), and 2^-52 and 2^-104 times that; and whether they
   hold all.  x + 1.5 * 2^(52 + u) is rounded to a multiple of 2^u, and its bits less those of the constant are that
   multiple, if the exponent stays: it does not where |x| is 2^reach or more, or x is infinite or NaN. */
FR_BODY void fr_sliced_sums(const double *term, long n, int reach, const int slices, int64_t *sums, int *fits) {
    const double large = fr_one_and_a_half(reach + 1), middle = fr_one_and_a_half(reach + 1 - FR_SLICE),
                 small = fr_one_and_a_half(reach + 1 - 2 * FR_SLICE);
    uint64_t large_bits, middle_bits, small_bits, first = 0, second = 0, third = 0, changed = 0, lost = 0;
    memcpy(&large_bits, &large, 8);
    memcpy(&middle_bits, &middle, 8);
    memcpy(&small_bits, &small, 8);
    for (long i = 0; i < n; i++) {
        double x = term[i], a = x + large, rest = x - (a - large), b = rest + middle, left = rest - (b - middle);
        uint64_t a_bits, b_bits, c_bits, left_bits;
        if (slices == 3) {
            double c = left + small;
            left -= c - small;
            memcpy(&c_bits, &c, 8);
            third += c_bits;
        }
        memcpy(&a_bits, &a, 8);
        memcpy(&b_bits, &b, 8);
        memcpy(&left_bits, &left, 8);
        first += a_bits;
        second += b_bits;
        changed |= a_bits ^ large_bits;
        lost |= left_bits;
    }
    sums[0] = (int64_t)(first - (uint64_t)n * large_bits);
    sums[1] = (int64_t)(second - (uint64_t)n * middle_bits);
    sums[2] = slices == 3 ? (int64_t)(third - (uint64_t)n * small_bits) : 0;
    *fits = !(changed >> 52) && !(lost << 1); /* what is left may be -0 */
}

#define FR_SLICED_SUMS(name, slices)                                                                     \
    FR_BODY void name##_body(const double *term, long n, int reach, int64_t *sums, int *fits) {          \
        fr_sliced_sums(term, n, reach, slices, sums, fits);                                              \
    }                                                                                                    \
    FR_CLONES(name, (const double *term, long n, int reach, int64_t *sums, int *fits),                   \
              (term, n, reach, sums, fits))
FR_SLICED_SUMS(two_slices, 2)
FR_SLICED_SUMS(three_slices, 3)

FR_BODY void largest_bits_body(const double *term, long n, int64_t *largest) {
    int64_t found = 0;
    for (long i = 0; i < n; i++) {
        int64_t bits;
        memcpy(&bits, &term[i], 8);
        bits &= INT64_MAX;
        found = bits > found ? bits : found;
    }
    *largest = found;
}
FR_CLONES(largest_bits, (const double *term, long n, int64_t *largest), (term, n, largest))

/* A reach that holds all terms of a block, and some more, so that the next blocks fit as well. */
static inline int fr_find_reach(const double *term, long n) {
    const int more = 8;
    int64_t largest;
    largest_bits(term, n, &largest);
    int reach = (int)(largest >> 52) - 1022 + more;
    return reach < FR_LEAST_REACH ? FR_LEAST_REACH : reach > FR_LARGEST_REACH ? FR_LARGEST_REACH : reach;
}

/* Of the lowest bit of the top slice, among the digits. */
static inline int fr_top_bit(const fr_shape *shape) { return shape->reach - FR_TOP_SLICE + 1074; }

/* Fetches the digits to which terms of a shape will be added, while others are: of many sums they are in no near
   cache. */
static inline void fr_fetch_digits(const fr_shape *shape, const int64_t *digits) {
    int top = fr_top_bit(shape);
    __builtin_prefetch(&digits[(top - (1 + shape->wide) * FR_SLICE) >> 5], 1);
    __builtin_prefetch(&digits[(top >> 5) + 2], 1);
}

/* Adds a block of terms by slices; false where its range is too wide, or a term is too large, infinite or NaN.
   The shape that fits is tried first next time. */
static inline int fr_add_slices(const double *term, long n, fr_shape *shape, int64_t *digits) {
    int64_t sums[FR_SLICES];
    int fits;
    if (!shape->wide) two_slices(term, n, shape->reach, sums, &fits);
    else three_slices(term, n, shape->reach, sums, &fits);
    if (!fits) {
        shape->reach = fr_find_reach(term, n);
        two_slices(term, n, shape->reach, sums, &fits);
        shape->wide = !fits;
        if (!fits) three_slices(term, n, shape->reach, sums, &fits);
    }
    for (int j = 0; fits && j < 2 + shape->wide; j++)
        fr_add_shifted(digits, sums[j] < 0 ? -(uint64_t)sums[j] : (uint64_t)sums[j],
                       fr_top_bit(shape) - j * FR_SLICE, sums[j] < 0);
    return fits;
}

/* Carries from the word `first` on, where no word past `last` needs it before one is carried into it. */
static inline void fr_carry_range(int64_t *digits, int first, int last) {
    for (int j = first; j < FR_DIGITS - 1; j++) {
        int64_t carry = digits[j] >> 32; /* arithmetic shift: rounds down, so the digit left is never negative */
        if (!carry && j >= last) return;
        digits[j] -= carry * ((int64_t)1 << 32);
        digits[j + 1] += carry;
    }
}

static inline void fr_carry(int64_t *digits) { fr_carry_range(digits, 0, FR_DIGITS); }

/* Infinities and NaN have no digits: they are counted apart and taken out of the cells again. */
enum { FR_POSITIVE_INFINITY, FR_NEGATIVE_INFINITY, FR_NAN, FR_SPECIALS };

static inline void fr_count_special(double term, int64_t *special) {
    special[term != term ? FR_NAN : term > 0 ? FR_POSITIVE_INFINITY : FR_NEGATIVE_INFINITY] += 1;
}

static inline int fr_is_special(double term) {
    int64_t bits;
    memcpy(&bits, &term, 8);
    return ((bits >> 52) & 0x7FF) == 0x7FF;
}

static inline void fr_move_specials(const double *term, long n, fr_cells *cells, int64_t *special) {
    if (!(cells->cell[0x7FF].high | cells->cell[0xFFF].high)) return; /* the implicit bit is in the high half */
    for (long i = 0; i < n; i++)
        if (fr_is_special(term[i])) fr_count_special(term[i], special);
    memset(&cells->cell[0x7FF], 0, sizeof cells->cell[0]);
    memset(&cells->cell[0xFFF], 0, sizeof cells->cell[0]);
}

/* Empties the cells into the digits. */
static inline void fr_drain_cells(fr_cells *cells, int64_t *digits) {
    for (int cell = 0; cells->used && cell < FR_CELLS; cell++) {
        int64_t low = cells->cell[cell].low, high = cells->cell[cell].high;
        if (!(low | high)) continue;
        int exponent = cell & 0x7FF, position = exponent ? exponent - 1 : 0;
        fr_add_shifted(digits, (uint64_t)low, position, cell & 0x800);
        fr_add_shifted(digits, (uint64_t)high, position + 32, cell & 0x800);
        cells->cell[cell].low = cells->cell[cell].high = 0;
    }
    cells->used = 0;
    fr_carry(digits);
}

/* Values as float64. */
#define FR_WIDEN(suffix, type)                                                                           \
    FR_BODY void widen_##suffix##_body(const type *x, double *wide, long n) {                            \
        for (long i = 0; i < n; i++) wide[i] = x[i];                                                     \
    }                                                                                                    \
    FR_CLONES(widen_##suffix, (const type *x, double *wide, long n), (x, wide, n))
FR_WIDEN(u8, uint8_t)
FR_WIDEN(f32, float)

#define FR_UNIT_WORD (1074 >> 5) /* where the digits of integers begin */

/* The sum of bytes is an integer. */
static inline void fr_add_bytes(const uint8_t *values, long n, int64_t *digits) {
    uint64_t sum = 0;
    for (long i = 0; i < n; i++) sum += values[i];
    fr_add_shifted(digits, sum, 1074, 0);
    fr_carry_range(digits, FR_UNIT_WORD, FR_UNIT_WORD + 2);
}

/* A row of weight zero is absent, whatever its term. */
FR_BODY void forget_absent_body(const double *weight, double *term, long n) {
    for (long i = 0; i < n; i++) term[i] = weight[i] > 0 ? term[i] : 0.0;
}
FR_CLONES(forget_absent, (const double *weight, double *term, long n), (weight, term, n))

FR_BODY void weigh_body(const double *weight, double *term, long n) {
    for (long i = 0; i < n; i++) term[i] = weight[i] > 0 ? term[i] * weight[i] : 0.0;
}
FR_CLONES(weigh, (const double *weight, double *term, long n), (weight, term, n))

FR_BODY void multiply_body(const double *factor, double *term, long n) {
    for (long i = 0; i < n; i++) term[i] *= factor[i];
}
FR_CLONES(multiply, (const double *factor, double *term, long n), (factor, term, n))

/* Products of factors and terms as exact sums of two terms: fma gives what the rounding of the product lost, itself
   rounded only where it reaches below 2^-1074.  A product that is infinite or NaN has no rest. */
FR_BODY void multiply_exactly_body(const double *factor, double *term, double *rest, long n) {
    for (long i = 0; i < n; i++) {
        double f = factor[i], x = term[i], product = f * x, lost = fma(f, x, -product);
        term[i] = product;
        rest[i] = fabs(product) <= 0x1.fffffffffffffp1023 ? lost : 0.0;
    }
}
FR_CLONES(multiply_exactly, (const double *factor, double *term, double *rest, long n), (factor, term, rest, n))

#define FR_LONG_RUN 12 /* from so many terms on, slicing them costs less than adding them one by one */

/* Terms of one slice, whose digits are carried before and afterwards. */
static inline void fr_add_run(const double *term, long n, fr_shape *shape, int64_t *digits, int64_t *special) {
    if (n >= FR_LONG_RUN && fr_add_slices(term, n, shape, digits)) {
        int top = fr_top_bit(shape);
        fr_carry_range(digits, (top - (1 + shape->wide) * FR_SLICE) >> 5, (top >> 5) + 2);
        return;
    }
    int first = FR_DIGITS, last = 0;
    for (long i = 0; i < n; i++) {
        if (fr_is_special(term[i])) {
            fr_count_special(term[i], special);
        } else if (term[i] != 0.0) {
            int word = fr_add_term(digits, term[i]);
            first = word < first ? word : first;
            last = word > last ? word : last;
        }
    }
    fr_carry_range(digits, first, last + 2);
}

/* One block of terms, multiplied by their weights first, into the sums of their slices; where there are no slices, what
   cannot be cut goes into the cells. */
static inline void fr_add_block(double *term, const double *weight, const int32_t *slice, long n, fr_shape *shape,
                                fr_cells *cells, int64_t *digits, int64_t *special) {
    if (weight) weigh(weight, term, n);
    if (!slice) {
        if (fr_add_slices(term, n, shape, digits)) return;
        fr_fill_cells(term, n, cells);
        fr_move_specials(term, n, cells, special);
        return;
    }
    for (long start = 0, end; start < n; start = end) {
        end = fr_run_end(slice, start, n);
        if (end < n) fr_fetch_digits(shape, digits + FR_DIGITS * (long)slice[end]);
        fr_add_run(term + start, end - start, shape, digits + FR_DIGITS * (long)slice[start],
                   special + FR_SPECIALS * (long)slice[start]);
    }
}

#endif
