/* Merged runs (order_merged.h) of a short list, for scores of type FR_REAL; FR_WHOLE is the integer of its size.  No row
   is moved: each is compared with each other, and hardly a step branches on the data.  Most lists have no ties, which
   is told first: then the ranks of the rows with a label other than 0 are all it takes, and those are few. */

/* Vectors, written out: loops over rows times rows are vectorised badly.  A processor without such takes two. */
typedef FR_REAL FR_NAMED(fr_few) __attribute__((vector_size(32)));
typedef FR_WHOLE FR_NAMED(fr_few_counts) __attribute__((vector_size(32)));
enum { FR_NAMED(FR_IN_FEW) = 32 / sizeof(FR_REAL), FR_NAMED(FR_FEWS) = 8 / FR_NAMED(FR_IN_FEW) };

/* From 8 - places on, all bits of so many places. */
static const FR_WHOLE FR_NAMED(fr_places)[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

/* Forgets what is found in other places than the first. */
FR_BODY void FR_NAMED(fr_keep_first)(FR_NAMED(fr_few_counts) *found, int64_t places) {
    FR_NAMED(fr_few_counts) mask;
    memcpy(&mask, FR_NAMED(fr_places) + 8 - places, 32);
    *found &= mask;
}

/* Whether two of n rows score the same.  There are 7 more to read. */
FR_BODY int FR_NAMED(fr_any_equal)(const FR_REAL *scores, int64_t n) {
    const int64_t lanes = FR_NAMED(FR_IN_FEW);
    for (int64_t i = 0; i + 1 < n; i += lanes) {
        FR_NAMED(fr_few) mine, other;
        FR_NAMED(fr_few_counts) found = {0};
        uint64_t words[4];
        memcpy(&mine, scores + i, 32);
        /* Each with those after it: first where all places have such, then where the list ends among them. */
        for (int64_t j = i + 1; j + lanes <= n; j++) {
            memcpy(&other, scores + j, 32);
            found |= mine == other;
        }
        for (int64_t left = n - i - 1 < lanes - 1 ? n - i - 1 : lanes - 1; left > 0; left--) {
            FR_NAMED(fr_few_counts) equal;
            memcpy(&other, scores + n - left, 32);
            equal = mine == other;
            FR_NAMED(fr_keep_first)(&equal, left);
            found |= equal;
        }
        memcpy(words, &found, 32);
        if (words[0] | words[1] | words[2] | words[3]) return 1;
    }
    return 0;
}

/* How many of n rows score higher.  There are 7 more to read. */
FR_BODY int64_t FR_NAMED(fr_count_above)(const FR_REAL *scores, int64_t n, FR_REAL score) {
    const FR_NAMED(fr_few) mine = score - (FR_NAMED(fr_few)){0}; /* in each place */
    const int64_t lanes = FR_NAMED(FR_IN_FEW);
    FR_NAMED(fr_few_counts) found = {0}, higher;
    int64_t i = 0, total = 0;
    FR_NAMED(fr_few) other;
    for (; i + lanes <= n; i += lanes) {
        memcpy(&other, scores + i, 32);
        found -= other > mine;
    }
    memcpy(&other, scores + i, 32);
    higher = other > mine;
    FR_NAMED(fr_keep_first)(&higher, n - i);
    found -= higher;
    for (int64_t l = 0; l < lanes; l++) total += found[l];
    return total;
}

/* The merged runs of n <= FR_COMPARED rows, no two of which tie, from those whose label is not 0.  There are 7 more
   scores to read. */
FR_BODY void FR_NAMED(fr_add_differing)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                        const fr_rows *labelled, int64_t depth) {
    uint64_t ranks[FR_COMPARED / 64] = {0};
    uint8_t at_rank[FR_COMPARED];
    int64_t read = 0;
    for (int64_t i = 0; i < labelled->count; i++) {
        int64_t rank = FR_NAMED(fr_count_above)(scores, n, scores[labelled->row[i]]);
        at_rank[rank] = labels[labelled->row[i]];
        ranks[rank / 64] |= (uint64_t)1 << (rank % 64);
    }
    for (int64_t w = 0; 64 * w < n; w++)
        for (uint64_t left = ranks[w]; left; left &= left - 1) {
            int64_t rank = 64 * w + __builtin_ctzll(left);
            if (rank >= depth) return;
            if (rank > read) fr_add_run(runs, 0.0, rank - read, 1);
            fr_add_run(runs, at_rank[rank], 1, 1);
            read = rank + 1;
        }
}

/* How many rows score higher than each row, or the same.  There is room to read and write whole multiples of 8 rows. */
FR_BODY void FR_NAMED(fr_compare_rows)(const FR_REAL *scores, int64_t n, const int higher, FR_WHOLE *counts) {
    for (int64_t i = 0; i < n; i += 8) {
        FR_NAMED(fr_few) mine[FR_NAMED(FR_FEWS)];
        FR_NAMED(fr_few_counts) found[FR_NAMED(FR_FEWS)] = {{0}};
        for (int v = 0; v < FR_NAMED(FR_FEWS); v++) memcpy(&mine[v], scores + i + FR_NAMED(FR_IN_FEW) * v, 32);
        for (int64_t j = 0; j < n; j++) {
            const FR_NAMED(fr_few) other = scores[j] - (FR_NAMED(fr_few)){0}; /* in each place */
            for (int v = 0; v < FR_NAMED(FR_FEWS); v++) found[v] -= higher ? other > mine[v] : other == mine[v];
        }
        for (int v = 0; v < FR_NAMED(FR_FEWS); v++) memcpy(counts + i + FR_NAMED(FR_IN_FEW) * v, &found[v], 32);
    }
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

/* The merged runs of n <= FR_COUNTED rows, some of which tie; those of the bits `labelled` do not have label 0.
   Returns the first rank that ties.  There are 7 more scores to read. */
FR_BODY int64_t FR_NAMED(fr_add_counted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels,
                                         uint64_t labelled, int64_t n, int64_t depth) {
    FR_WHOLE above[FR_COUNTED], equal[FR_COUNTED];
    uint64_t ranks = 0, at_rank[FR_COUNTED];
    int64_t read = 0;
    FR_NAMED(fr_compare_rows)(scores, n, 1, above);
    FR_NAMED(fr_compare_rows)(scores, n, 0, equal);
    for (; labelled; labelled &= labelled - 1) {
        int64_t rank = above[__builtin_ctzll(labelled)];
        at_rank[rank] = (ranks >> rank & 1 ? at_rank[rank] : 0) | (labelled & -labelled);
        ranks |= (uint64_t)1 << rank;
    }
    for (; ranks; ranks &= ranks - 1) {
        int64_t rank = __builtin_ctzll(ranks), i = __builtin_ctzll(at_rank[rank]), tied = equal[i];
        if (rank >= depth) break;
        if (rank > read) fr_add_run(runs, 0.0, rank - read, 1);
        if (tied == 1) fr_add_run(runs, labels[i], 1, 1);
        else fr_add_tied(runs, labels, at_rank[rank], tied);
        read = rank + tied;
    }
    return FR_NAMED(fr_first_tied)(above, equal, n);
}
