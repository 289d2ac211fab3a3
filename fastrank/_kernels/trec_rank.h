/* One query of a run: its rows in trec_eval's order, joined with the query's judgments by item. */
#ifndef FASTRANK_TREC_RANK_H
#define FASTRANK_TREC_RANK_H

#include <stdint.h>
#include <string.h>

#include "order_sort.h"

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

/* Sorts pairs by item, descending. */
static inline void fr_sort_by_item(const fr_items *items, fr_pair *a, fr_pair *spare, int64_t n) {
    fr_pair *from = a, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t middle = i + width < n ? i + width : n, end = i + 2 * width < n ? i + 2 * width : n;
            int64_t left = i, right = middle;
            for (int64_t o = i; o < end; o++) {
                int take_left = right == end
                                || (left < middle && fr_compare_items(items, from[left].row, from[right].row) >= 0);
                to[o] = take_left ? from[left++] : from[right++];
            }
        }
        fr_pair *swap = from;
        from = to;
        to = swap;
    }
    if (from != a) memcpy(a, from, (size_t)n * sizeof(fr_pair));
}

/* Rows begin..begin+n by score in float32, descending; rows of one score by item, descending. */
static inline void fr_rank_rows(
    const fr_items *items, const double *score, int64_t begin, int64_t n, fr_pair *a, fr_pair *spare
) {
    int sorted = 1;
    for (int64_t i = 0; i < n; i++) {
        a[i].key = fr_descending((double)(float)score[begin + i]);
        a[i].row = begin + i;
        sorted &= i == 0 || a[i - 1].key <= a[i].key;
    }
    if (!sorted) fr_sort_pairs(a, spare, n);
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && a[j].key == a[i].key; j++) {}
        if (j - i > 1) fr_sort_by_item(items, a + i, spare, j - i);
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
