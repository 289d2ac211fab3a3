/* Stable sorts of (key, row) pairs and of 64-bit words, and integer keys that order as their float64 values do. */
#ifndef FASTRANK_ORDER_SORT_H
#define FASTRANK_ORDER_SORT_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t key;
    int64_t row;
} fr_pair;

enum {
    FR_SORT_BLOCK = 12,  /* pairs that insertion sorts before merging starts */
    FR_SORT_GROUP = 24,  /* words that insertion sorts where their first digits are equal */
    FR_SORT_DIGITS = 48, /* from here on passes over digits cost less than merging */
    FR_DIGIT = 8,        /* bits */
    FR_DIGIT_VALUES = 256,
    FR_MOST_PASSES = 8
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

/* How many bits x takes. */
static inline int fr_width(uint64_t x) { return x ? 64 - __builtin_clzll(x) : 0; }

static inline void fr_insert_words(uint64_t *a, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        uint64_t word = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1] > word; j--) a[j] = a[j - 1];
        a[j] = word;
    }
}

/* Stable, by the digits from bit `low` on; a pass over a digit that all words share is left out. */
static inline void fr_sort_digits(uint64_t *a, uint64_t *spare, int64_t n, int low, int passes) {
    uint32_t places[FR_MOST_PASSES][FR_DIGIT_VALUES];
    uint64_t *from = a, *to = spare;
    memset(places, 0, (size_t)passes * sizeof(places[0]));
    for (int64_t i = 0; i < n; i++)
        for (int p = 0; p < passes; p++) places[p][(a[i] >> (low + FR_DIGIT * p)) & (FR_DIGIT_VALUES - 1)]++;
    for (int p = 0; p < passes; p++) {
        int shift = low + FR_DIGIT * p;
        uint32_t place = 0, *next = places[p];
        if (next[(a[0] >> shift) & (FR_DIGIT_VALUES - 1)] == (uint32_t)n) continue;
        for (int v = 0; v < FR_DIGIT_VALUES; v++) {
            uint32_t count = next[v];
            next[v] = place;
            place += count;
        }
        for (int64_t i = 0; i < n; i++) to[next[(from[i] >> shift) & (FR_DIGIT_VALUES - 1)]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(uint64_t));
}

/* Stable, by the bits from `low` up to `high`; those below are in order wherever these are equal, those above are 0.
   n < 2^32. */
static void fr_sort_words(uint64_t *a, uint64_t *spare, int64_t n, int low, int high) {
    /* Passes over as many of the first digits as tell most words of a random list apart; what they leave is small. */
    int passes = (2 * fr_width((uint64_t)n) + 2 + FR_DIGIT - 1) / FR_DIGIT;
    int needed = (high - low + FR_DIGIT - 1) / FR_DIGIT;
    int64_t ordered = 1;
    while (ordered < n && a[ordered - 1] <= a[ordered]) ordered++;
    if (ordered >= n) return;
    if (passes >= needed) {
        if (needed > 0) fr_sort_digits(a, spare, n, low, needed);
        return;
    }
    high -= FR_DIGIT * passes;
    fr_sort_digits(a, spare, n, high, passes);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && a[end] >> high == a[i] >> high;) end++;
        if (end - i > FR_SORT_GROUP) fr_sort_words(a + i, spare, end - i, low, high);
        else if (end > i + 1) fr_insert_words(a + i, end - i);
    }
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

/* Stable, by ascending key; the result is in a.  spare has room for n pairs. */
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

/* Sorts words of the upper 32 bits of the keys' range and the place of the pair, and moves each pair once. */
static inline void fr_sort_by_words(fr_pair *a, fr_pair *spare, int64_t n) {
    uint64_t *words = (uint64_t *)(spare + n), least = a[0].key, most = a[0].key;
    int cut;
    for (int64_t i = 1; i < n; i++) {
        least = a[i].key < least ? a[i].key : least;
        most = a[i].key > most ? a[i].key : most;
    }
    cut = fr_width(most - least) > 32 ? fr_width(most - least) - 32 : 0;
    for (int64_t i = 0; i < n; i++) {
        spare[i] = a[i];
        words[i] = ((a[i].key - least) >> cut) << 32 | (uint64_t)i;
    }
    fr_sort_words(words, words + n, n, 32, 32 + fr_width((most - least) >> cut));
    for (int64_t i = 0; i < n; i++) a[i] = spare[(uint32_t)words[i]];
    for (int64_t i = 0, end; cut > 0 && i < n; i = end) {
        int ordered = 1;
        for (end = i + 1; end < n && words[end] >> 32 == words[i] >> 32; end++) ordered &= a[end - 1].key <= a[end].key;
        if (!ordered) fr_sort_by_merging(a + i, spare, end - i);
    }
}

/* Stable, by ascending key.  spare has room for 2 n pairs. */
static inline void fr_sort_pairs(fr_pair *a, fr_pair *spare, int64_t n) {
    int64_t ordered = 1;
    /* Many lists come sorted, and many groups are equal. */
    while (ordered < n && a[ordered - 1].key <= a[ordered].key) ordered++;
    if (ordered >= n) return;
    if (n <= FR_SORT_BLOCK) fr_insert_pairs(a, n);
    else if (n < FR_SORT_DIGITS || n > UINT32_MAX) fr_sort_by_merging(a, spare, n);
    else fr_sort_by_words(a, spare, n);
}

#endif
