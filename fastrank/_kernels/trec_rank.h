/* One query of a run: its rows in trec_eval's order, joined with the query's judgments by item. */
#ifndef FASTRANK_TREC_RANK_H
#define FASTRANK_TREC_RANK_H

#include <stdint.h>
#include <string.h>

/* A row of a query: the upper half orders it, the lower is its number in the query. */
typedef uint64_t fr_ranked_row;

enum { FR_RANK_INSERTION = 24 }; /* below this many rows, counting bytes costs more than insertion */

typedef struct {
    const uint8_t *data;
    const int64_t *at;
    const int32_t *size;
    const uint32_t *hash;
} fr_items;

typedef struct {
    uint32_t hash;
    uint32_t place; /* 1 + the index of a judgment, or of a row after all judgments; 0: free */
} fr_item_slot;

static inline int fr_compare_items(const fr_items *items, int64_t a, int64_t b) {
    int32_t m = items->size[a], n = items->size[b];
    int order = memcmp(items->data + items->at[a], items->data + items->at[b], (size_t)(m < n ? m : n));
    return order != 0 ? order : (m > n) - (m < n);
}

static inline int fr_equal_items(const fr_items *a, int64_t i, const fr_items *b, int64_t j) {
    return a->size[i] == b->size[j] && memcmp(a->data + a->at[i], b->data + b->at[j], (size_t)a->size[i]) == 0;
}

/* Sorts rows by item, descending. */
static inline void fr_sort_by_item(
    const fr_items *items, int64_t begin, fr_ranked_row *a, fr_ranked_row *spare, int64_t n
) {
    fr_ranked_row *from = a, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
            int64_t left = i, right = middle;
            for (int64_t o = i; o < end; o++) {
                int take_left = right == end
                                || (left < middle && fr_compare_items(items, begin + (uint32_t)from[left], begin + (uint32_t)from[right]) >= 0);
                to[o] = take_left ? from[left++] : from[right++];
            }
        }
        fr_ranked_row *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(fr_ranked_row));
}

/* Sorts by the upper halves, byte by byte from the lowest; bytes that all share are skipped. */
static inline void fr_sort_by_score(fr_ranked_row *a, fr_ranked_row *spare, int64_t n) {
    uint32_t counts[4][256];
    fr_ranked_row *from = a, *to = spare;
    if (n < FR_RANK_INSERTION) {
        for (int64_t i = 1; i < n; i++) {
            fr_ranked_row row = a[i];
            int64_t j = i;
            for (; j > 0 && a[j - 1] > row; j--) a[j] = a[j - 1];
            a[j] = row;
        }
        return;
    }
    memset(counts, 0, sizeof(counts));
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < 4; b++) counts[b][(a[i] >> (32 + 8 * b)) & 255]++;
    for (int b = 0; b < 4; b++) {
        uint32_t place = 0;
        int shift = 32 + 8 * b;
        if (counts[b][(a[0] >> shift) & 255] == n) continue;
        for (int v = 0; v < 256; v++) {
            uint32_t count = counts[b][v];
            counts[b][v] = place;
            place += count;
        }
        for (int64_t i = 0; i < n; i++) to[counts[b][(from[i] >> shift) & 255]++] = from[i];
        fr_ranked_row *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(fr_ranked_row));
}

/* Keys that ascend where values descend; -0.0 has the key of 0.0.  x is not NaN. */
static inline uint32_t fr_descending_float(float x) {
    uint32_t bits;
    x += 0.0f;
    memcpy(&bits, &x, 4);
    return bits ^ ((bits >> 31) ? 0 : 0x7FFFFFFFu);
}

/* Rows begin..begin+n by score in float32, descending; rows of one score by item, descending. */
static inline void fr_rank_rows(
    const fr_items *items, const double *score, int64_t begin, int64_t n, fr_ranked_row *a, fr_ranked_row *spare
) {
    int sorted = 1;
    for (int64_t i = 0; i < n; i++) {
        a[i] = (uint64_t)fr_descending_float((float)score[begin + i]) << 32 | (uint64_t)i;
        sorted &= i == 0 || a[i - 1] < a[i];
    }
    if (!sorted) fr_sort_by_score(a, spare, n);
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && a[j] >> 32 == a[i] >> 32; j++) {}
        if (j - i > 1) fr_sort_by_item(items, begin, a + i, spare, j - i);
    }
}

/* The slot that holds the item, or the free one where it belongs. */
static inline fr_item_slot *fr_find_item(
    fr_item_slot *slots, uint64_t mask, const fr_items *judged, int64_t judged_begin, int64_t judgments,
    const fr_items *rows, const fr_items *of, int64_t i
) {
    uint32_t hash = of->hash[i];
    for (uint64_t s = hash & mask;; s = (s + 1) & mask) {
        int64_t place = (int64_t)slots[s].place - 1;
        if (place < 0) return slots + s;
        if (slots[s].hash != hash) continue;
        if (place < judgments ? fr_equal_items(judged, judged_begin + place, of, i)
                              : fr_equal_items(rows, place - judgments, of, i))
            return slots + s;
    }
}

#endif
