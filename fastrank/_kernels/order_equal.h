/* Rows of a list that are equal to another of its rows, without a sort of all. */
#ifndef FASTRANK_ORDER_EQUAL_H
#define FASTRANK_ORDER_EQUAL_H

#include <stdint.h>
#include <string.h>

#include "mix.h"
#include "order_sort.h"

/* How many bits tell n keys apart well: 16 to 32 for each. */
static inline int fr_filter_bits(int64_t n) {
    int bits = fr_width((uint64_t)n) + 4;
    return bits < 6 ? 6 : bits;
}

/* Marks keys that occur twice.  Only keys whose bit of `seen` another has too are compared: few, where none is equal.
   seen and again have room for 2^fr_filter_bits(n) bits. */
static void fr_mark_equal(const uint64_t *keys, int64_t n, uint64_t *seen, uint64_t *again, fr_pair *pairs,
                          fr_pair *spare, uint8_t *equal) {
    int shift = 64 - fr_filter_bits(n);
    size_t size = (size_t)1 << (fr_filter_bits(n) - 3);
    uint64_t any = 0;
    int64_t found = 0;
    memset(seen, 0, size);
    memset(again, 0, size);
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = fr_mix(keys[i]) >> shift, bit = (uint64_t)1 << (at & 63), twice = seen[at >> 6] & bit;
        again[at >> 6] |= twice;
        any |= twice;
        seen[at >> 6] |= bit;
    }
    if (!any) return;
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = fr_mix(keys[i]) >> shift;
        pairs[found].key = keys[i];
        pairs[found].row = i;
        found += (again[at >> 6] >> (at & 63)) & 1;
    }
    fr_sort_pairs(pairs, spare, found);
    for (int64_t i = 1; i < found; i++)
        if (pairs[i].key == pairs[i - 1].key) equal[pairs[i].row] = equal[pairs[i - 1].row] = 1;
}

/* Index of the first code that occurred before, or -1.  Slots hold index + 1; 0 is empty. */
static int64_t fr_first_duplicate(const int64_t *codes, int64_t n, int64_t *slots, uint64_t mask) {
    memset(slots, 0, (mask + 1) * sizeof(int64_t));
    for (int64_t i = 0; i < n; i++) {
        uint64_t j = fr_mix((uint64_t)codes[i]) & mask;
        for (; slots[j]; j = (j + 1) & mask)
            if (codes[slots[j] - 1] == codes[i]) return i;
        slots[j] = i + 1;
    }
    return -1;
}

#endif
