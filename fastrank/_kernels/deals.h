/* Rows dealt into parts by the top bits of their keys, and within a part by label: what waits to be sorted.

   A deal keeps of each row the low bits of its key, which the part and the label complete, and its weight.  The runs of
   a part are found within the cache: of float32 keys by counting the low bits, of float64 keys and of weights by
   sorting. */
#ifndef FASTRANK_DEALS_H
#define FASTRANK_DEALS_H

#include "runs.h"

enum {
    FR_PART_NARROW = 17,                     /* top bits that choose the part of a float32 key */
    FR_PART_WIDE = 18,                       /* of a float64 key */
    FR_LOW_NARROW = 32 - FR_PART_NARROW,     /* bits that are left */
    FR_LOW_WIDE = 64 - FR_PART_WIDE,
    FR_LOWS = 1 << FR_LOW_NARROW,
    FR_THIN = 24 /* a part with fewer rows is sorted: finding its counts would cost more */
};

/* Rows of part first + p and label y are items start[2 * p + y] .. start[2 * p + y + 1]. */
typedef struct {
    const void *item; /* uint16, or uint64 of wide keys */
    const double *weight;
    const uint32_t *start;
    long first, last;
} fr_deal;

/* ---- dealing ---- */

#define FR_DEAL(suffix, real, key_type, item_type, part_bits, low_bits, block_of_keys)                              \
    /* Counts the rows of each part and label in count[bucket + 1]; finds the parts that have rows. */              \
    static void fr_count_parts_##suffix(const fr_rows *rows, uint32_t *count, long *first, long *last) {            \
        key_type key[FR_KEY_BLOCK], least = (key_type)-1, most = 0;                                                 \
        for (long i = 0; i < rows->size; i += FR_KEY_BLOCK) {                                                       \
            long n = rows->size - i < FR_KEY_BLOCK ? rows->size - i : FR_KEY_BLOCK;                                 \
            block_of_keys((const real *)rows->score + i, key, n);                                                   \
            for (long j = 0; j < n; j++) {                                                                          \
                least = key[j] < least ? key[j] : least;                                                            \
                most = key[j] > most ? key[j] : most;                                                               \
            }                                                                                                       \
            if (rows->weight)                                                                                       \
                for (long j = 0; j < n; j++)                                                                        \
                    count[(key[j] >> low_bits) * 2 + (rows->label[i + j] & 1) + 1] += rows->weight[i + j] > 0;      \
            else                                                                                                    \
                for (long j = 0; j < n; j++) count[(key[j] >> low_bits) * 2 + (rows->label[i + j] & 1) + 1]++;      \
        }                                                                                                           \
        *first = (long)(least >> low_bits);                                                                         \
        *last = (long)(most >> low_bits);                                                                           \
    }                                                                                                               \
    /* Puts the rows where end[bucket + 1] says, which moves on from where the bucket begins to its end. */         \
    static void fr_scatter_##suffix(const fr_rows *rows, uint32_t *end, item_type *item, double *weight) {          \
        key_type key[FR_KEY_BLOCK];                                                                                 \
        for (long i = 0; i < rows->size; i += FR_KEY_BLOCK) {                                                       \
            long n = rows->size - i < FR_KEY_BLOCK ? rows->size - i : FR_KEY_BLOCK;                                 \
            block_of_keys((const real *)rows->score + i, key, n);                                                   \
            if (weight) {                                                                                           \
                for (long j = 0; j < n; j++) {                                                                      \
                    if (!(rows->weight[i + j] > 0)) continue;                                                       \
                    uint32_t at = end[(key[j] >> low_bits) * 2 + (rows->label[i + j] & 1) + 1]++;                   \
                    item[at] = (item_type)(key[j] & (((key_type)1 << low_bits) - 1));                               \
                    weight[at] = rows->weight[i + j];                                                               \
                }                                                                                                   \
            } else {                                                                                                \
                for (long j = 0; j < n; j++)                                                                        \
                    item[end[(key[j] >> low_bits) * 2 + (rows->label[i + j] & 1) + 1]++] =                          \
                        (item_type)(key[j] & (((key_type)1 << low_bits) - 1));                                      \
            }                                                                                                       \
        }                                                                                                           \
    }

FR_DEAL(narrow, float, uint32_t, uint16_t, FR_PART_NARROW, FR_LOW_NARROW, keys_f32)
FR_DEAL(wide, double, uint64_t, uint64_t, FR_PART_WIDE, FR_LOW_WIDE, keys_f64)

/* Deals the rows; end is zeros at first and has 2 << part bits entries and one.  Returns how many there are. */
static long fr_deal_rows(const fr_rows *rows, uint32_t *end, void *item, double *weight, long *first, long *last) {
    uint32_t at = 0;
    if (rows->wide) fr_count_parts_wide(rows, end, first, last);
    else fr_count_parts_narrow(rows, end, first, last);
    for (long bucket = 2 * *first; bucket < 2 * (*last + 1); bucket++) {
        uint32_t count = end[bucket + 1];
        end[bucket + 1] = at;
        at += count;
    }
    if (rows->wide) fr_scatter_wide(rows, end, (uint64_t *)item, weight);
    else fr_scatter_narrow(rows, end, (uint16_t *)item, weight);
    return (long)at;
}

/* ---- runs of parts ---- */

/* How many rows of a part a deal has; where they and its positives begin. */
static inline long fr_part_of(const fr_deal *deal, long part, uint32_t *begin, uint32_t *middle) {
    if (part < deal->first || part > deal->last) return 0;
    const uint32_t *start = deal->start + 2 * (part - deal->first);
    *begin = start[0];
    *middle = start[1];
    return (long)(start[2] - start[0]);
}

static inline long fr_part_rows(const fr_deal *deals, long count, long part) {
    uint32_t begin, middle;
    long rows = 0;
    for (long d = 0; d < count; d++) rows += fr_part_of(&deals[d], part, &begin, &middle);
    return rows;
}

typedef struct {
    uint32_t negative[FR_LOWS], positive[FR_LOWS]; /* zeros between two parts */
    uint64_t touched[FR_LOWS / 64];                /* a bit for each pair of counts; zeros between two parts */
} fr_table;

static inline void fr_append(fr_count_runs *runs, uint32_t key, int64_t negatives, int64_t positives) {
    ((uint32_t *)runs->key)[runs->size] = key;
    runs->negative[runs->size] = negatives;
    runs->positive[runs->size] = positives;
    runs->size++;
}

static inline void fr_count_lows(const uint16_t *item, long n, uint32_t *count, uint64_t *touched) {
    for (long i = 0; i < n; i++) {
        count[item[i]]++;
        touched[item[i] >> 6] |= (uint64_t)1 << (item[i] & 63);
    }
}

static inline void fr_count_part(const fr_deal *deals, long count, long part, fr_table *table, fr_count_runs *runs) {
    uint32_t begin, middle, base = (uint32_t)part << FR_LOW_NARROW;
    for (long d = 0; d < count; d++) {
        long n = fr_part_of(&deals[d], part, &begin, &middle);
        const uint16_t *item = (const uint16_t *)deals[d].item;
        if (n == 0) continue;
        fr_count_lows(item + begin, (long)(middle - begin), table->negative, table->touched);
        fr_count_lows(item + middle, n - (long)(middle - begin), table->positive, table->touched);
    }
    for (uint32_t word = 0; word < FR_LOWS / 64; word++) {
        uint64_t left = table->touched[word];
        table->touched[word] = 0;
        for (; left; left &= left - 1) {
            uint32_t low = word * 64 + (uint32_t)__builtin_ctzll(left);
            fr_append(runs, base | low, table->negative[low], table->positive[low]);
            table->negative[low] = table->positive[low] = 0;
        }
    }
}

static inline void fr_sort_part(const fr_deal *deals, long count, long part, fr_count_runs *runs) {
    uint32_t packed[FR_THIN], begin, middle, base = (uint32_t)part << FR_LOW_NARROW;
    long n = 0;
    for (long d = 0; d < count; d++) {
        long rows = fr_part_of(&deals[d], part, &begin, &middle);
        for (uint32_t i = begin; rows && i < begin + (uint32_t)rows; i++) {
            uint32_t item = (uint32_t)((const uint16_t *)deals[d].item)[i] * 2 + (i >= middle);
            long j = n++;
            for (; j > 0 && packed[j - 1] > item; j--) packed[j] = packed[j - 1];
            packed[j] = item;
        }
    }
    for (long i = 0; i < n;) {
        uint32_t low = packed[i] >> 1;
        int64_t counts[2] = {0, 0};
        for (; i < n && packed[i] >> 1 == low; i++) counts[packed[i] & 1]++;
        fr_append(runs, base | low, counts[0], counts[1]);
    }
}

/* The runs of float32 rows of parts begin .. end, appended.  Whether there was the memory. */
static int fr_count_deals(const fr_deal *deals, long count, long begin, long end, fr_count_runs *runs) {
    fr_table *table = (fr_table *)calloc(1, sizeof(fr_table));
    if (!table) return 0;
    for (long part = begin; part < end; part++) {
        long rows = fr_part_rows(deals, count, part);
        if (rows == 0) continue;
        if (rows < FR_THIN) fr_sort_part(deals, count, part, runs);
        else fr_count_part(deals, count, part, table, runs);
    }
    free(table);
    return 1;
}

typedef struct {
    uint64_t high, low;
} fr_words;

typedef struct {
    fr_words negative[FR_LOWS], positive[FR_LOWS]; /* zeros between two parts */
    uint64_t touched[FR_LOWS / 64];                /* a bit for each pair of sums; zeros between two parts */
} fr_weight_table;

static inline void fr_weigh_lows(const uint16_t *item, const double *weight, long n, fr_words *sum, uint64_t *touched) {
    for (long i = 0; i < n; i++) {
        uint64_t high, low;
        fr_weight_words(weight[i], &high, &low);
        fr_add_weight(&sum[item[i]].high, &sum[item[i]].low, high, low);
        touched[item[i] >> 6] |= (uint64_t)1 << (item[i] & 63);
    }
}

/* The runs of weighted float32 rows of parts begin .. end, appended.  Whether there was the memory. */
static int fr_weigh_deals(const fr_deal *deals, long count, long begin, long end, fr_weight_runs *runs) {
    fr_weight_table *table = (fr_weight_table *)calloc(1, sizeof(fr_weight_table));
    const fr_words none = {0, 0};
    if (!table) return 0;
    for (long part = begin; part < end; part++) {
        uint32_t first, middle, base = (uint32_t)part << FR_LOW_NARROW;
        for (long d = 0; d < count; d++) {
            long n = fr_part_of(&deals[d], part, &first, &middle), negatives = (long)(middle - first);
            const uint16_t *item = (const uint16_t *)deals[d].item;
            if (n == 0) continue;
            fr_weigh_lows(item + first, deals[d].weight + first, negatives, table->negative, table->touched);
            fr_weigh_lows(item + middle, deals[d].weight + middle, n - negatives, table->positive, table->touched);
        }
        for (uint32_t word = 0; word < FR_LOWS / 64; word++) {
            uint64_t left = table->touched[word];
            table->touched[word] = 0;
            for (; left; left &= left - 1, runs->size++) {
                uint32_t low = word * 64 + (uint32_t)__builtin_ctzll(left);
                fr_words *negative = &table->negative[low], *positive = &table->positive[low];
                ((uint32_t *)runs->key)[runs->size] = base | low;
                runs->negative_high[runs->size] = negative->high;
                runs->negative_low[runs->size] = negative->low;
                runs->positive_high[runs->size] = positive->high;
                runs->positive_low[runs->size] = positive->low;
                *negative = *positive = none;
            }
        }
    }
    free(table);
    return 1;
}

/* A row of a wide key as runs_sort.h takes it. */
static inline uint64_t fr_pack(const fr_deal *deal, uint32_t i, uint64_t label) {
    return ((const uint64_t *)deal->item)[i] * 2 | label;
}

/* Sorts the parts begin .. end of wide keys one by one, in items and spare, which have room for the largest, and appends their runs. */
#define FR_SORT_DEALS(suffix, item_type, make, runs_type)                                                           \
    static void fr_sort_deals_##suffix(const fr_deal *deals, long count, long begin, long end,                      \
                                       item_type *items, item_type *spare, uint32_t *ends, runs_type *runs) {       \
        uint32_t first, middle;                                                                                     \
        for (long part = begin; part < end; part++) {                                                               \
            uint64_t base = (uint64_t)part << FR_LOW_WIDE;                                                          \
            long n = 0;                                                                                             \
            for (long d = 0; d < count; d++) {                                                                      \
                long rows = fr_part_of(&deals[d], part, &first, &middle);                                           \
                for (uint32_t i = first; rows && i < first + (uint32_t)rows; i++)                                   \
                    items[n++] = make(fr_pack(&deals[d], i, i >= middle), deals[d].weight[i]);                      \
            }                                                                                                       \
            if (n == 0) continue;                                                                                   \
            fr_##suffix##_sort(items, spare, n, ends);                                                              \
            fr_##suffix##_emit(items, n, base, runs);                                                               \
        }                                                                                                           \
    }

#define FR_PACKED_ONLY(packed, weight) (packed)
FR_SORT_DEALS(counts, uint64_t, FR_PACKED_ONLY, fr_count_runs)
FR_SORT_DEALS(weights, fr_weighed, fr_make_weighed, fr_weight_runs)

/* How many rows the largest of the parts begin .. end has. */
static inline long fr_largest_part(const fr_deal *deals, long count, long begin, long end) {
    long largest = 0;
    for (long part = begin; part < end; part++) {
        long rows = fr_part_rows(deals, count, part);
        largest = rows > largest ? rows : largest;
    }
    return largest;
}

/* The sum of weights, in halves of their words: vectorises, and holds for 2^31 weights. */
FR_BODY void sum_weights_body(const double *weight, long n, uint64_t *sums) {
    uint64_t high = 0, upper = 0, lower = 0;
    for (long i = 0; i < n; i++) {
        uint64_t weight_high, weight_low;
        fr_weight_words(weight[i], &weight_high, &weight_low);
        high += weight_high;
        upper += weight_low >> 32;
        lower += weight_low & 0xFFFFFFFF;
    }
    sums[0] += high, sums[1] += upper, sums[2] += lower;
}
FR_CLONES(sum_weights, (const double *weight, long n, uint64_t *sums), (weight, n, sums))

/* The sums of the weights of each label below a part, as words: negatives low, high, positives low, high. */
static inline void fr_weigh_below(const fr_deal *deal, long part, uint64_t *words) {
    long stop = part > deal->last ? deal->last + 1 : part;
    for (int label = 0; label < 2; label++) {
        uint64_t sums[3] = {0, 0, 0};
        for (long bucket = label; bucket < 2 * (stop - deal->first); bucket += 2)
            sum_weights(deal->weight + deal->start[bucket], (long)(deal->start[bucket + 1] - deal->start[bucket]), sums);
        fr_store_128(((fr_u128)sums[0] << 64) + ((fr_u128)sums[1] << 32) + sums[2], words + 2 * label);
    }
}

#endif
