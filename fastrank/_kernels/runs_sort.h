/* Sorts rows into runs of equal keys.  Included once for each kind of item (see runs.h), with
     FR_ITEM       the type of an item
     FR_NAME(f)    the name of f for this kind
     FR_PACKED(a)  the item's 64 bits: its key without the top bit, then its label
     FR_MAKE(packed, weight)
   The rows are dealt into parts by the top bits of their keys; a part is then sorted within the cache, by the bits in
   which its keys differ, from the top.  Items of equal key stay in no particular order: runs are sums. */

/* Deals the rows into parts by the top `bits` bits of their keys.  end is zeros at first; then it says where each part
   from *first to *last, outside of which there are no rows, has its end. */
static void FR_NAME(deal)(const fr_rows *rows, int bits, uint32_t *end, long *first, long *last, FR_ITEM *items) {
    uint64_t key[FR_KEY_BLOCK], least = UINT64_MAX, most = 0;
    uint32_t at = 0;
    int shift = 64 - bits;
    for (long i = 0; i < rows->size; i += FR_KEY_BLOCK) {
        long n = fr_load_keys(rows, i, key);
        for (long j = 0; j < n; j++) {
            end[key[j] >> shift] += FR_PRESENT(rows, i + j);
            least = key[j] < least ? key[j] : least;
            most = key[j] > most ? key[j] : most;
        }
    }
    *first = (long)(least >> shift);
    *last = (long)(most >> shift);
    for (long part = *first; part <= *last; part++) {
        uint32_t count = end[part];
        end[part] = at;
        at += count;
    }
    for (long i = 0; i < rows->size; i += FR_KEY_BLOCK) {
        long n = fr_load_keys(rows, i, key);
        for (long j = 0; j < n; j++) {
            if (!FR_PRESENT(rows, i + j)) continue;
            items[end[key[j] >> shift]++] = FR_MAKE(key[j] * 2 | (rows->label[i + j] & 1), rows->weight[i + j]);
        }
    }
}

/* Sorts `from` into `to`; both may be one. */
static inline void FR_NAME(insert)(const FR_ITEM *from, FR_ITEM *to, long n) {
    for (long i = 0; i < n; i++) {
        FR_ITEM item = from[i];
        long j = i;
        for (; j > 0 && FR_PACKED(to[j - 1]) > FR_PACKED(item); j--) to[j] = to[j - 1];
        to[j] = item;
    }
}

/* Sorts a.  ends has room for 2^fr_digit(n) at each level that is left. */
static void FR_NAME(sort)(FR_ITEM *a, FR_ITEM *spare, long n, uint32_t *ends) {
    uint64_t varying = 0;
    uint32_t at = 0, largest = 0;
    int top, digit, shift;
    if (n <= FR_INSERT) {
        FR_NAME(insert)(a, a, n);
        return;
    }
    for (long i = 1; i < n; i++) varying |= FR_PACKED(a[i]) ^ FR_PACKED(a[0]);
    if (varying <= 1) return; /* one key */
    top = 64 - __builtin_clzll(varying);
    digit = fr_digit(n);
    if (digit > top - 1) digit = top - 1;
    shift = top - digit;
    const uint32_t mask = ((uint32_t)1 << digit) - 1;
    memset(ends, 0, ((size_t)1 << digit) * sizeof(uint32_t));
    for (long i = 0; i < n; i++) ends[(FR_PACKED(a[i]) >> shift) & mask]++;
    for (long bucket = 0; bucket <= (long)mask; bucket++) {
        uint32_t count = ends[bucket];
        ends[bucket] = at;
        at += count;
        if (count > largest) largest = count;
    }
    for (long i = 0; i < n; i++) spare[ends[(FR_PACKED(a[i]) >> shift) & mask]++] = a[i];
    if (largest <= FR_INSERT) {
        FR_NAME(insert)(spare, a, n); /* no item leaves its bucket */
        return;
    }
    for (long bucket = 0, begin = 0; bucket <= (long)mask; bucket++) {
        long count = (long)ends[bucket] - begin;
        if (count <= FR_INSERT) {
            FR_NAME(insert)(spare + begin, a + begin, count);
        } else {
            memcpy(a + begin, spare + begin, (size_t)count * sizeof(FR_ITEM));
            FR_NAME(sort)(a + begin, spare + begin, count, ends + mask + 1);
        }
        begin = ends[bucket];
    }
}

/* The runs of all rows; items has room for one a row.  Whether there was the memory for the rest. */
static int FR_NAME(runs)(const fr_rows *rows, FR_ITEM *items, FR_RUNS *runs) {
    int bits = rows->size < FR_FEW ? 1 : rows->wide ? FR_DEAL_WIDE : FR_DEAL_NARROW;
    uint32_t *end = (uint32_t *)calloc((size_t)1 << bits, sizeof(uint32_t));
    uint32_t *ends = NULL;
    FR_ITEM *spare = NULL;
    long first = 0, last = -1, widest = 1;
    if (end) {
        FR_NAME(deal)(rows, bits, end, &first, &last, items);
        for (long part = first, begin = 0; part <= last; begin = end[part++])
            if ((long)end[part] - begin > widest) widest = (long)end[part] - begin;
        ends = (uint32_t *)malloc(sizeof(uint32_t) * FR_LEVELS << fr_digit(widest));
        spare = (FR_ITEM *)malloc(sizeof(FR_ITEM) * (size_t)widest);
    }
    for (long part = first, begin = 0; ends && spare && part <= last; begin = end[part++]) {
        long n = (long)end[part] - begin;
        if (n == 0) continue;
        FR_NAME(sort)(items + begin, spare, n, ends);
        FR_NAME(emit)(items + begin, n, (uint64_t)(part >> (bits - 1)) << 63, runs);
    }
    free(end);
    free(ends);
    free(spare);
    return ends && spare;
}
