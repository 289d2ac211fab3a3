/* One list of order_top.h, for scores of type FR_REAL; FR_WHOLE is the integer of its size, and FR_WORD has room for
   its key and a label.  Up to FR_MOST_FEW rows go through a network, up to FR_MOST_COUNTED, where vectors make up for
   work that is quadratic, are counted, and more are sorted. */

/* A score that at least depth rows reach, close below the depth-th greatest; lanes >= depth, n >= lanes. */
FR_BODY FR_REAL FR_NAMED(fr_bound)(const FR_REAL *scores, int64_t n, int64_t depth, const int lanes) {
    FR_REAL most[FR_MOST_LANES], bound = (FR_REAL)INFINITY;
    FR_WHOLE above[FR_MOST_LANES];
    int64_t i = lanes;
    for (int j = 0; j < lanes; j++) most[j] = scores[j];
    for (; i + lanes <= n; i += lanes)
        for (int j = 0; j < lanes; j++) most[j] = scores[i + j] > most[j] ? scores[i + j] : most[j];
    for (int j = 0; j < lanes && i + j < n; j++) most[j] = scores[i + j] > most[j] ? scores[i + j] : most[j];
    for (int j = 0; j < lanes; j++) above[j] = 0;
    for (int l = 0; l < lanes; l++)
        for (int j = 0; j < lanes; j++) above[j] += most[l] > most[j];
    for (int j = 0; j < lanes; j++) {
        FR_REAL x = above[j] < (FR_WHOLE)depth ? most[j] : (FR_REAL)INFINITY;
        bound = x < bound ? x : bound;
    }
    return bound;
}

/* Rows, ascending, among which are all that rank above depth and all tied with the last of those. */
FR_BODY void FR_BODY_NAMED(fr_gather)(const FR_REAL *scores, int64_t n, int64_t depth, int64_t *rows, int64_t *count,
                                      FR_REAL *bound) {
    int64_t found = 0;
    /* A quarter more lanes than depth: with as many, the least of the maxima would let too many rows pass. */
    if (depth <= 12 && n >= 24) *bound = FR_NAMED(fr_bound)(scores, n, depth, 16);
    else if (depth <= 26 && n >= 48) *bound = FR_NAMED(fr_bound)(scores, n, depth, 32);
    else if (depth <= 52 && n >= 96) *bound = FR_NAMED(fr_bound)(scores, n, depth, 64);
    else if (depth <= 104 && n >= 192) *bound = FR_NAMED(fr_bound)(scores, n, depth, FR_MOST_LANES);
    else *bound = -(FR_REAL)INFINITY;
    for (int64_t i = 0; i < n; i++) {
        rows[found] = i;
        found += scores[i] >= *bound;
    }
    *count = found;
}

/* A row as an integer: ascending, rows are in order, and rows of equal score in the order of their labels. */
FR_BODY FR_WORD FR_NAMED(fr_word)(FR_REAL score, uint8_t label) {
    return (FR_WORD)FR_NAMED(fr_key)(score) << FR_LABEL_BITS | (FR_WORD)(FR_LABELS - 1 - label);
}

FR_BODY void FR_NAMED(fr_read_words)(fr_runs *runs, const FR_WORD *words, int64_t n, int64_t depth) {
    fr_reader reader = fr_before_rows(runs);
    for (int64_t i = 0; i < n; i++) {
        int label = FR_LABELS - 1 - (int)(words[i] & (FR_LABELS - 1));
        if (!fr_read_row(runs, &reader, i, (uint64_t)(words[i] >> FR_LABEL_BITS), label, depth)) break;
    }
    fr_after_rows(runs, &reader);
}

/* Orders n <= FR_MOST_FEW rows by Batcher's network (Sorting Networks and Their Applications, 1968). */
FR_BODY void FR_NAMED(fr_add_few)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                  int64_t depth) {
    FR_WORD w[16];
    for (int64_t i = 0; i < n; i++) w[i] = FR_NAMED(fr_word)(scores[i], labels[i]);
    for (int64_t i = n; i < (n <= 4 ? 4 : n <= 8 ? 8 : 16); i++) w[i] = ~(FR_WORD)0;
#define FR_SWAP(i, j)                                                      \
    do {                                                                   \
        FR_WORD x = w[i], y = w[j];                                        \
        w[i] = y < x ? y : x;                                              \
        w[j] = y < x ? x : y;                                              \
    } while (0)
    if (n <= 4) {
        FR_NETWORK_4
    } else if (n <= 8) {
        FR_NETWORK_8
    } else {
        FR_NETWORK_16
    }
#undef FR_SWAP
    FR_NAMED(fr_read_words)(runs, w, n, depth);
}

/* Orders n <= FR_MOST_COUNTED rows: the place of a row is the number of rows before it. */
FR_BODY void FR_NAMED(fr_add_counted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                      int64_t depth) {
    int64_t key[FR_MOST_COUNTED + FR_LANE], tag[FR_MOST_COUNTED + FR_LANE];
    FR_WORD words[FR_MOST_COUNTED + FR_LANE];
    for (int64_t i = 0; i < n; i++) {
        /* The index makes equal rows distinct, so that each gets a place of its own. */
        key[i] = (int64_t)FR_NAMED(fr_key)(scores[i]);
        tag[i] = (FR_LABELS - 1 - (int64_t)labels[i]) << 8 | i;
        if (FR_REAL_IS_FLOAT) key[i] = key[i] << (FR_LABEL_BITS + 8) | tag[i];
        else key[i] ^= INT64_MIN;
    }
    for (int64_t i = n; i < n + FR_LANE; i++) key[i] = tag[i] = 0;
    for (int64_t i = 0; i < n; i += FR_LANE) {
        int64_t place[FR_LANE] = {0};
        for (int64_t j = 0; j < n; j++)
            for (int l = 0; l < FR_LANE; l++)
                place[l] += FR_REAL_IS_FLOAT
                                ? key[j] < key[i + l]
                                : (key[j] < key[i + l]) | ((key[j] == key[i + l]) & (tag[j] < tag[i + l]));
        for (int64_t l = 0; l < FR_LANE && i + l < n; l++)
            words[place[l]] = FR_NAMED(fr_word)(scores[i + l], labels[i + l]);
    }
    FR_NAMED(fr_read_words)(runs, words, n, depth);
}

/* Orders more rows by sorting: a float32 and a label fit into a word, which leaves no row to look up. */
FR_BODY void FR_NAMED(fr_add_sorted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                     int64_t depth, fr_pair *pairs, fr_pair *spare) {
    if (FR_REAL_IS_FLOAT && n <= UINT32_MAX) {
        uint64_t *words = (uint64_t *)pairs, *rest = (uint64_t *)spare, least = UINT64_MAX, most = 0;
        for (int64_t i = 0; i < n; i++) {
            words[i] = (uint64_t)FR_NAMED(fr_word)(scores[i], labels[i]);
            least = words[i] < least ? words[i] : least;
            most = words[i] > most ? words[i] : most;
        }
        /* Labels are the lowest bits of what is left. */
        least -= least & (FR_LABELS - 1);
        for (int64_t i = 0; i < n; i++) words[i] -= least;
        fr_sort_words(words, rest, n, 0, fr_width(most - least));
        fr_read_words_f32(runs, words, n, depth);
    } else {
        for (int64_t i = 0; i < n; i++) {
            pairs[i].key = fr_descending(scores[i]);
            pairs[i].row = labels[i];
        }
        fr_sort_pairs(pairs, spare, n);
        fr_add_pairs(runs, pairs, n, depth);
    }
}

FR_BODY void FR_NAMED(fr_add_rows)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                   fr_top_job *job) {
    if (n <= FR_MOST_FEW) FR_NAMED(fr_add_few)(runs, scores, labels, n, job->depth);
    else if (n <= FR_MOST_COUNTED) FR_NAMED(fr_add_counted)(runs, scores, labels, n, job->depth);
    else FR_NAMED(fr_add_sorted)(runs, scores, labels, n, job->depth, job->pairs, job->spare);
}

/* Counts the gathered rows tied at the bound by label, and copies the others; returns their number. */
FR_BODY int64_t FR_NAMED(fr_split_tied)(const FR_REAL *scores, const uint8_t *labels, const int64_t *rows, int64_t n,
                                        FR_REAL bound, int64_t *counts, FR_REAL *kept_scores, uint8_t *kept_labels) {
    int64_t above = 0;
    for (int64_t i = 0; i < n; i++) {
        int tied = scores[rows[i]] == bound;
        counts[labels[rows[i]]] += tied;
        kept_scores[above] = scores[rows[i]];
        kept_labels[above] = labels[rows[i]];
        above += !tied;
    }
    return above;
}

/* Gathers the top of a longer list, and orders that. */
FR_BODY void FR_NAMED(fr_add_top)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                  fr_top_job *job) {
    FR_REAL *kept_scores = (FR_REAL *)job->kept_scores, bound;
    uint8_t *kept_labels = job->kept_labels;
    int64_t counts[FR_LABELS] = {0}, *rows = job->rows, found, above = 0;
    FR_BODY_NAMED(fr_gather)(scores, n, job->depth, rows, &found, &bound);
    if (found > FR_FEW)
        for (int64_t i = 0; i < found; i++) above += scores[rows[i]] > bound;
    if (found > FR_FEW && above < job->depth) {
        /* Most rows are tied at the bound: their group is the last. */
        above = FR_NAMED(fr_split_tied)(scores, labels, rows, found, bound, counts, kept_scores, kept_labels);
        FR_NAMED(fr_add_rows)(runs, kept_scores, kept_labels, above, job);
        fr_add_group(runs, counts);
    } else {
        for (int64_t i = 0; i < found; i++) {
            kept_scores[i] = scores[rows[i]];
            kept_labels[i] = labels[rows[i]];
        }
        FR_NAMED(fr_add_rows)(runs, kept_scores, kept_labels, found, job);
    }
}

FR_BODY void FR_BODY_NAMED(fr_rank_top)(fr_top_job *job) {
    fr_runs runs = job->runs, ideal = job->ideal;
    for (int64_t q = 0; q < job->lists; q++) {
        const FR_REAL *scores = (const FR_REAL *)job->scores + job->offsets[q];
        const uint8_t *labels = job->labels + job->offsets[q];
        int64_t n = job->offsets[q + 1] - job->offsets[q];
        job->run_offsets[q] = runs.size;
        job->ideal_offsets[q] = ideal.size;
        if (n <= job->depth || n < FR_GATHERED) FR_NAMED(fr_add_rows)(&runs, scores, labels, n, job);
        else FR_NAMED(fr_add_top)(&runs, scores, labels, n, job);
        fr_add_ideal(&ideal, labels, n);
    }
    job->run_offsets[job->lists] = runs.size;
    job->ideal_offsets[job->lists] = ideal.size;
    job->runs.size = runs.size;
    job->ideal.size = ideal.size;
}
