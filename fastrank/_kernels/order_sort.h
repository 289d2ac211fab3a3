/* Stable sorts of (key, row) pairs, and integer keys that order as their float64 values do. */
#ifndef FASTRANK_ORDER_SORT_H
#define FASTRANK_ORDER_SORT_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t key;
    int64_t row;
} fr_pair;

enum {
    FR_SORT_BLOCK = 12,  /* rows that insertion sorts before merging starts */
    FR_SORT_RADIX = 2048 /* from here on a pass for each byte of the key costs less than merging */
};

/* Ascending keys are ascending values; -0.0 has the key of 0.0.  x is not NaN. */
static inline uint64_t fr_ascending(double x) {
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, 8);
    return bits ^ ((bits >> 63) ? ~(uint64_t)0 : (uint64_t)1 << 63);
}

static inline uint64_t fr_descending(double x) { return ~fr_ascending(x); }

static inline double fr_from_descending(uint64_t key) {
    double x;
    key = ~key;
    key ^= (key >> 63) ? (uint64_t)1 << 63 : ~(uint64_t)0;
    memcpy(&x, &key, 8);
    return x;
}

static inline void fr_insert_pairs(fr_pair *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        fr_pair pair = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > pair.key; j--) a[j] = a[j - 1];
        a[j] = pair;
    }
}

static inline void fr_merge_pairs(const fr_pair *left, const fr_pair *middle, const fr_pair *end, fr_pair *out) {
    const fr_pair *right = middle;
    while (left < middle && right < end) {
        /* Written without a branch: on random keys each one would be mispredicted every other time. */
        int take_right = right->key < left->key;
        *out++ = *(take_right ? right : left);
        right += take_right;
        left += !take_right;
    }
    memcpy(out, left, (size_t)(middle - left) * sizeof(fr_pair));
    memcpy(out + (middle - left), right, (size_t)(end - right) * sizeof(fr_pair));
}

/* Sorts by merging; the result is in a. */
static inline void fr_sort_by_merging(fr_pair *a, fr_pair *spare, int64_t n) {
    fr_pair *from = a, *to = spare;
    for (int64_t i = 0; i < n; i += FR_SORT_BLOCK)
        fr_insert_pairs(a + i, n - i < FR_SORT_BLOCK ? n - i : FR_SORT_BLOCK);
    for (int64_t width = FR_SORT_BLOCK; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
            fr_merge_pairs(from + i, from + middle, from + end, to + i);
        }
        fr_pair *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(fr_pair));
}

/* Sorts byte by byte from the lowest; bytes that all keys share are skipped. */
static inline void fr_sort_by_bytes(fr_pair *a, fr_pair *spare, int64_t n) {
    int64_t counts[8][256];
    fr_pair *from = a, *to = spare;
    memset(counts, 0, sizeof(counts));
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < 8; b++) counts[b][(a[i].key >> (8 * b)) & 255]++;
    for (int b = 0; b < 8; b++) {
        int64_t place = 0;
        if (counts[b][(a[0].key >> (8 * b)) & 255] == n) continue;
        for (int v = 0; v < 256; v++) {
            int64_t count = counts[b][v];
            counts[b][v] = place;
            place += count;
        }
        for (int64_t i = 0; i < n; i++) to[counts[b][(from[i].key >> (8 * b)) & 255]++] = from[i];
        fr_pair *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(fr_pair));
}

/* Stable, by ascending key.  spare has room for n pairs. */
static inline void fr_sort_pairs(fr_pair *a, fr_pair *spare, int64_t n) {
    if (n <= FR_SORT_BLOCK) fr_insert_pairs(a, n);
    else if (n < FR_SORT_RADIX) fr_sort_by_merging(a, spare, n);
    else fr_sort_by_bytes(a, spare, n);
}

#endif
