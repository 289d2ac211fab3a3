/* Runs of many float32 rows: dealt into parts by the top 17 bits of their keys, then counted, not sorted: the 15 bits
   that are left and the label are the index into one table, small enough for the second-level cache. */
#ifndef FASTRANK_RUNS_TABLE_H
#define FASTRANK_RUNS_TABLE_H

#include "runs.h"

enum {
    FR_PARTS = 1 << 17,
    FR_LOW_BITS = 15,
    FR_THIN = 24, /* a part with fewer rows is sorted: finding its counts would cost more */
    FR_WORDS = 1 << (FR_LOW_BITS - 6)
};

typedef struct {
    uint32_t first, last;         /* parts that have rows */
    uint32_t start[FR_PARTS + 1]; /* zeros at first; then where each part ends */
    uint32_t count[2 << FR_LOW_BITS]; /* zeros between two parts */
    uint64_t touched[FR_WORDS];       /* a bit for each pair of counts; zeros between two parts */
} fr_table;

static inline void fr_deal_low(const float *score, const uint8_t *label, long size, fr_table *table, uint16_t *low) {
    uint32_t key[FR_KEY_BLOCK], at = 0, first = FR_PARTS - 1, last = 0;
    for (long i = 0; i < size; i += FR_KEY_BLOCK) {
        long n = size - i < FR_KEY_BLOCK ? size - i : FR_KEY_BLOCK;
        keys_f32(score + i, key, n);
        for (long j = 0; j < n; j++) {
            uint32_t part = key[j] >> FR_LOW_BITS;
            table->start[part]++;
            first = part < first ? part : first;
            last = part > last ? part : last;
        }
    }
    for (uint32_t part = first; part <= last; part++) {
        uint32_t count = table->start[part];
        table->start[part] = at;
        at += count;
    }
    for (long i = 0; i < size; i += FR_KEY_BLOCK) {
        long n = size - i < FR_KEY_BLOCK ? size - i : FR_KEY_BLOCK;
        keys_f32(score + i, key, n);
        for (long j = 0; j < n; j++)
            low[table->start[key[j] >> FR_LOW_BITS]++] = (uint16_t)(key[j] * 2 | (label[i + j] & 1));
    }
    table->first = first;
    table->last = last;
}

static inline void fr_append(fr_count_runs *runs, uint32_t key, int64_t negatives, int64_t positives) {
    ((uint32_t *)runs->key)[runs->size] = key;
    runs->negative[runs->size] = negatives;
    runs->positive[runs->size] = positives;
    runs->size++;
}

static inline void fr_count_part(const uint16_t *low, long n, uint32_t base, fr_table *table, fr_count_runs *runs) {
    for (long i = 0; i < n; i++) {
        table->count[low[i]]++;
        table->touched[low[i] >> 7] |= (uint64_t)1 << ((low[i] >> 1) & 63);
    }
    for (uint32_t word = 0; word < FR_WORDS; word++) {
        uint64_t left = table->touched[word];
        table->touched[word] = 0;
        for (; left; left &= left - 1) {
            uint32_t value = word * 64 + (uint32_t)__builtin_ctzll(left), *count = &table->count[2 * value];
            fr_append(runs, base | value, count[0], count[1]);
            count[0] = count[1] = 0;
        }
    }
}

static inline void fr_sort_part(uint16_t *low, long n, uint32_t base, fr_count_runs *runs) {
    for (long i = 1; i < n; i++) {
        uint16_t item = low[i];
        long j = i;
        for (; j > 0 && low[j - 1] > item; j--) low[j] = low[j - 1];
        low[j] = item;
    }
    for (long i = 0; i < n;) {
        uint32_t value = low[i] >> 1;
        int64_t count[2] = {0, 0};
        for (; i < n && low[i] >> 1 == value; i++) count[low[i] & 1]++;
        fr_append(runs, base | value, count[0], count[1]);
    }
}

/* The runs of rows with uint32 keys; low has room for one a row.  Whether there was the memory for the rest. */
static int fr_table_runs(const fr_rows *rows, uint16_t *low, fr_count_runs *runs) {
    fr_table *table = (fr_table *)calloc(1, sizeof(fr_table));
    long begin = 0;
    if (!table) return 0;
    fr_deal_low((const float *)rows->score, rows->label, rows->size, table, low);
    for (uint32_t part = table->first; part <= table->last; part++) {
        long n = (long)table->start[part] - begin;
        if (n < FR_THIN) fr_sort_part(low + begin, n, part << FR_LOW_BITS, runs);
        else fr_count_part(low + begin, n, part << FR_LOW_BITS, table, runs);
        begin = table->start[part];
    }
    free(table);
    return 1;
}

/* How many 64-bit words of scratch fr_sort_runs needs.  Wide keys are sorted in the room of the runs' keys: a run is
   written where its rows, or rows before them, were read. */
static inline long fr_scratch_words(int wide, long size) {
    return wide ? 0 : size < FR_MANY ? size : (size + 3) / 4;
}

/* The runs of at most 2^32 - 1 rows, each array with room for as many. */
static int fr_sort_runs(const fr_rows *rows, uint64_t *scratch, fr_count_runs *runs) {
    if (rows->wide) return fr_counts_runs(rows, (uint64_t *)runs->key, runs);
    if (rows->size < FR_MANY) return fr_counts_runs(rows, scratch, runs);
    return fr_table_runs(rows, (uint16_t *)scratch, runs);
}

#endif
