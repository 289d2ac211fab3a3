/* Merged runs (order_merged.h) of a short list, for scores of type FR_REAL; FR_WHOLE is the integer of its size.  No row
   is moved: each is compared with each other, so that one knows its rank, and hardly a step branches on the data. */

/* Vectors that every processor has; written out, since loops over rows times rows are vectorised badly. */
typedef FR_REAL FR_NAMED(fr_few) __attribute__((vector_size(16)));
typedef FR_WHOLE FR_NAMED(fr_few_counts) __attribute__((vector_size(16)));
enum { FR_NAMED(FR_IN_FEW) = 16 / sizeof(FR_REAL), FR_NAMED(FR_FEWS) = 8 / FR_NAMED(FR_IN_FEW) };

/* How many rows score higher than each row, or the same.  There is room to read and write whole multiples of 8 rows. */
FR_BODY void FR_NAMED(fr_compare_rows)(const FR_REAL *scores, int64_t n, const int higher, FR_WHOLE *counts) {
    for (int64_t i = 0; i < n; i += 8) {
        FR_NAMED(fr_few) mine[FR_NAMED(FR_FEWS)];
        FR_NAMED(fr_few_counts) found[FR_NAMED(FR_FEWS)] = {{0}};
        for (int v = 0; v < FR_NAMED(FR_FEWS); v++) memcpy(&mine[v], scores + i + FR_NAMED(FR_IN_FEW) * v, 16);
        for (int64_t j = 0; j < n; j++) {
            const FR_NAMED(fr_few) other = scores[j] - (FR_NAMED(fr_few)){0}; /* in each place */
            for (int v = 0; v < FR_NAMED(FR_FEWS); v++) found[v] -= higher ? other > mine[v] : other == mine[v];
        }
        for (int v = 0; v < FR_NAMED(FR_FEWS); v++) memcpy(counts + i + FR_NAMED(FR_IN_FEW) * v, &found[v], 16);
    }
}

/* Whether the ranks above each row say that no two rows are equal: then each pair of rows is counted once. */
FR_BODY int FR_NAMED(fr_all_differ)(const FR_WHOLE *above, int64_t n) {
    FR_WHOLE pairs = 0;
    for (int64_t i = 0; i < n; i++) pairs += above[i];
    return pairs == n * (n - 1) / 2;
}

/* The rank of the first row that ties with another. */
FR_BODY int64_t FR_NAMED(fr_first_tied)(const FR_WHOLE *above, const FR_WHOLE *equal, int64_t n) {
    FR_WHOLE first = FR_COUNTED;
    for (int64_t i = 0; i < n; i++) {
        FR_WHOLE rank = equal[i] > 1 ? above[i] : FR_COUNTED;
        first = rank < first ? rank : first;
    }
    return first;
}

/* The merged runs of n <= FR_COUNTED rows, the first of `readable` in memory; returns the first rank that ties. */
FR_BODY int64_t FR_NAMED(fr_add_counted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, uint64_t rows,
                                         int64_t n, int64_t readable, int64_t depth) {
    FR_REAL copied[FR_COUNTED];
    FR_WHOLE above[FR_COUNTED], equal[FR_COUNTED];
    uint64_t ranks = 0, at_rank[FR_COUNTED];
    int64_t read = 0;
    int differ;
    if (readable < n + 7) {
        memset(copied, 0, sizeof copied);
        memcpy(copied, scores, (size_t)n * sizeof(FR_REAL));
        scores = copied;
    }
    FR_NAMED(fr_compare_rows)(scores, n, 1, above);
    differ = FR_NAMED(fr_all_differ)(above, n);
    if (!differ) FR_NAMED(fr_compare_rows)(scores, n, 0, equal);
    for (; rows; rows &= rows - 1) {
        int64_t rank = above[__builtin_ctzll(rows)];
        at_rank[rank] = (ranks >> rank & 1 ? at_rank[rank] : 0) | (rows & -rows);
        ranks |= (uint64_t)1 << rank;
    }
    for (; ranks; ranks &= ranks - 1) {
        int64_t rank = __builtin_ctzll(ranks), i = __builtin_ctzll(at_rank[rank]), tied = differ ? 1 : equal[i];
        if (rank >= depth) break;
        if (rank > read) fr_add_run(runs, 0.0, rank - read, 1);
        if (tied == 1) fr_add_run(runs, labels[i], 1, 1);
        else fr_add_tied(runs, labels, at_rank[rank], tied);
        read = rank + tied;
    }
    return differ ? FR_NO_RANK : FR_NAMED(fr_first_tied)(above, equal, n);
}
