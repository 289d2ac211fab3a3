/* Rows in the order of their slices: counting, placing, moving. */
#ifndef FASTRANK_SLICE_ORDER_H
#define FASTRANK_SLICE_ORDER_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"

#define FR_COUNT_COPIES 4 /* of the counts, of which rows take turns: adding twice to one place in a row waits; 2^k */

/* Whether a slice is below the one before, and the least and the largest; n is 1 or more. */
FR_BODY void slice_extent_body(const int32_t *slice, long n, int32_t *least, int32_t *most, int *descends) {
    int32_t low = slice[0], high = slice[0], down = 0;
    for (long i = 1; i < n; i++) {
        down |= slice[i - 1] > slice[i];
        low = slice[i] < low ? slice[i] : low;
        high = slice[i] > high ? slice[i] : high;
    }
    *least = low;
    *most = high;
    *descends = down;
}
FR_CLONES(slice_extent, (const int32_t *slice, long n, int32_t *least, int32_t *most, int *descends),
          (slice, n, least, most, descends))

/* count[s] += rows of slice least + s, in FR_COUNT_COPIES tables of `slices` counts, which are added to the first. */
static inline void fr_count_slices(const int32_t *slice, long n, int32_t least, int32_t *count, long slices) {
    int32_t *a = count, *b = a + slices, *c = b + slices, *d = c + slices;
    long i = 0;
    for (; i + 4 <= n; i += 4) {
        a[slice[i] - least]++;
        b[slice[i + 1] - least]++;
        c[slice[i + 2] - least]++;
        d[slice[i + 3] - least]++;
    }
    for (; i < n; i++) a[slice[i] - least]++;
    for (long s = 0; s < slices; s++) a[s] += b[s] + c[s] + d[s];
}

/* place[i] = where row i comes to stand; next[s] is where the next row of slice least + s does. */
static inline void fr_place_rows(const int32_t *slice, long n, int32_t least, int32_t *next, int32_t *place) {
    for (long i = 0; i < n; i++) place[i] = next[slice[i] - least]++;
}

/* Rows of a slice are written one after the other, and those of a thousand slices in turn: no prefetcher of the host sees
   that, and a store that waits for its line holds up all after it. */
#define FR_MOVE(suffix, type)                                                                            \
    static inline void fr_move_##suffix(const type *value, const int32_t *place, type *moved, long n) {  \
        for (long i = 0; i < n; i++) {                                                                   \
            type *to = moved + place[i];                                                                 \
            if (sizeof(type) > 1) __builtin_prefetch((char *)to + 64, 1);                                \
            *to = value[i];                                                                              \
        }                                                                                                \
    }
FR_MOVE(u8, uint8_t)
FR_MOVE(u16, uint16_t)
FR_MOVE(u32, uint32_t)
FR_MOVE(u64, uint64_t)

#endif
