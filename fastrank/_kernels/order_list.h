/* One list of order_top.h, for scores of type FR_REAL; FR_WHOLE is the integer of its size. */

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

/* Orders n <= FR_SHORT rows by words of as much of the score as there is room for, label and index.  Where lanes is
   above 0, there are as many rows to read, n <= lanes of them of the list: then loops have a fixed length. */
FR_BODY void FR_NAMED(fr_add_short)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                    int64_t depth, const int lanes) {
    uint64_t key[FR_SHORT], words[FR_SHORT + FR_LANE], least = UINT64_MAX, most = 0;
    const int64_t room = lanes ? lanes : n;
    int cut = 0;
    fr_reader reader = fr_before_rows(runs);
    for (int64_t i = 0; i < room; i++) key[i] = FR_NAMED(fr_key)(scores[i]);
    if (FR_REAL_IS_FLOAT) {
        least = 0;
    } else {
        for (int64_t i = 0; i < room; i++) {
            uint64_t x = key[i < n ? i : 0];
            least = x < least ? x : least;
            most = x > most ? x : most;
        }
        if ((most - least) >> FR_SHORT_BITS) cut = fr_width(most - least) - FR_SHORT_BITS;
    }
    for (int64_t i = 0; i < room; i++) {
        uint64_t word = (key[i] - least) >> cut << FR_LABEL_BITS | fr_label_key(labels[i]);
        words[i] = i < n ? word << FR_INDEX_BITS | (uint64_t)i : INT64_MAX;
    }
    if (lanes) fr_order_lanes(words, lanes);
    else fr_order_counted(words, n);
    for (int64_t i = 1; cut > 0 && i < n; i++) {
        /* Rows that differ in the bits that were cut off. */
        uint64_t word = words[i];
        int64_t j = i;
        for (; j > 0 && key[words[j - 1] & FR_INDEX] > key[word & FR_INDEX]; j--) words[j] = words[j - 1];
        words[j] = word;
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t row_key = FR_REAL_IS_FLOAT ? words[i] >> (FR_LABEL_BITS + FR_INDEX_BITS) : key[words[i] & FR_INDEX];
        if (!fr_read_row(runs, &reader, i, row_key, fr_label_of(words[i] >> FR_INDEX_BITS), depth)) break;
    }
    fr_after_rows(runs, &reader);
}

/* Orders more rows: a float32 and a label fit into a word, which leaves no row to look up. */
FR_BODY void FR_NAMED(fr_add_sorted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                     int64_t depth, fr_pair *pairs, fr_pair *spare) {
    if (FR_REAL_IS_FLOAT && n <= UINT32_MAX) {
        uint64_t *words = (uint64_t *)pairs, *rest = (uint64_t *)spare, least = UINT64_MAX, most = 0;
        fr_reader reader = fr_before_rows(runs);
        for (int64_t i = 0; i < n; i++) {
            uint64_t key = FR_NAMED(fr_key)(scores[i]);
            words[i] = key << FR_LABEL_BITS | fr_label_key(labels[i]);
            least = key < least ? key : least;
            most = key > most ? key : most;
        }
        for (int64_t i = 0; i < n; i++) words[i] -= least << FR_LABEL_BITS;
        fr_sort_words(words, rest, n, 0, fr_width(most - least) + FR_LABEL_BITS);
        for (int64_t i = 0; i < n; i++)
            if (!fr_read_row(runs, &reader, i, words[i] >> FR_LABEL_BITS, fr_label_of(words[i]), depth)) break;
        fr_after_rows(runs, &reader);
    } else {
        for (int64_t i = 0; i < n; i++) {
            pairs[i].key = fr_descending(scores[i]);
            pairs[i].row = labels[i];
        }
        fr_sort_pairs(pairs, spare, n);
        fr_add_pairs(runs, pairs, n, depth);
    }
}

/* The first n rows of `readable` that are in memory. */
FR_BODY void FR_NAMED(fr_add_rows)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                   int64_t readable, fr_top_job *job) {
    int64_t depth = job->depth;
    if (n <= 8 && readable >= 8) FR_NAMED(fr_add_short)(runs, scores, labels, n, depth, 8);
    else if (n <= 16 && readable >= 16) FR_NAMED(fr_add_short)(runs, scores, labels, n, depth, 16);
    else if (n <= FR_SHORT) FR_NAMED(fr_add_short)(runs, scores, labels, n, depth, 0);
    else FR_NAMED(fr_add_sorted)(runs, scores, labels, n, depth, job->pairs, job->spare);
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

/* Gathers the top of a longer list, and orders that; returns what fr_add_list does. */
FR_BODY int64_t FR_NAMED(fr_add_top)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                     fr_top_job *job) {
    FR_REAL *kept_scores = (FR_REAL *)job->kept_scores, bound;
    uint8_t *kept_labels = job->kept_labels;
    int64_t counts[FR_LABELS] = {0}, *rows = job->rows, first = runs->size, found, above = 0;
    FR_BODY_NAMED(fr_gather)(scores, n, job->depth, rows, &found, &bound);
    if (found > FR_FEW)
        for (int64_t i = 0; i < found; i++) above += scores[rows[i]] > bound;
    if (found > FR_FEW && above < job->depth) {
        /* Most rows are tied at the bound: their group is the last. */
        above = FR_NAMED(fr_split_tied)(scores, labels, rows, found, bound, counts, kept_scores, kept_labels);
        FR_NAMED(fr_add_rows)(runs, kept_scores, kept_labels, above, above, job);
        fr_add_group(runs, counts);
    } else {
        for (int64_t i = 0; i < found; i++) {
            kept_scores[i] = scores[rows[i]];
            kept_labels[i] = labels[rows[i]];
        }
        if (job->first_tied && found <= FR_COUNTED)
            return FR_NAMED(fr_add_counted)(runs, kept_scores, kept_labels, fr_labelled(kept_labels, found, found),
                                            found, job->depth);
        FR_NAMED(fr_add_rows)(runs, kept_scores, kept_labels, found, found, job);
    }
    return job->first_tied ? fr_merge_runs(runs, first) : FR_NO_RANK;
}

/* One list of `readable` rows in memory; returns the first rank that ties, where runs are merged. */
FR_BODY int64_t FR_NAMED(fr_add_list)(fr_runs *runs, fr_runs *ideal, const FR_REAL *scores, const uint8_t *labels,
                                      int64_t n, int64_t readable, fr_top_job *job) {
    int64_t first = runs->size;
    if (job->first_tied && n <= FR_COMPARED) {
        FR_REAL copied[FR_COMPARED + FR_PADDING];
        const FR_REAL *padded = scores;
        fr_rows labelled;
        if (readable < n + FR_PADDING) {
            memset(copied, 0, sizeof copied);
            padded = memcpy(copied, scores, (size_t)n * sizeof(FR_REAL));
        }
        fr_find_labelled(&labelled, labels, n, readable);
        fr_add_few_ideal(ideal, labels, &labelled);
        if (!FR_NAMED(fr_any_equal)(padded, n)) {
            FR_NAMED(fr_add_differing)(runs, padded, labels, n, &labelled, job->depth);
            return FR_NO_RANK;
        }
        if (n <= FR_COUNTED)
            return FR_NAMED(fr_add_counted)(runs, padded, labels, fr_labelled(labels, n, readable), n, job->depth);
    } else {
        fr_add_ideal(ideal, labels, n);
    }
    if (n > job->depth && n >= FR_GATHERED) return FR_NAMED(fr_add_top)(runs, scores, labels, n, job);
    FR_NAMED(fr_add_rows)(runs, scores, labels, n, readable, job);
    return job->first_tied ? fr_merge_runs(runs, first) : FR_NO_RANK;
}

FR_BODY void FR_BODY_NAMED(fr_rank_top)(fr_top_job *job) {
    fr_runs runs = job->runs, ideal = job->ideal;
    int64_t end = job->offsets[job->lists];
    for (int64_t q = 0; q < job->lists; q++) {
        int64_t begin = job->offsets[q], n = job->offsets[q + 1] - begin, tied;
        job->run_offsets[q] = runs.size;
        job->ideal_offsets[q] = ideal.size;
        tied = FR_NAMED(fr_add_list)(&runs, &ideal, (const FR_REAL *)job->scores + begin, job->labels + begin, n,
                                     end - begin, job);
        if (job->first_tied) job->first_tied[q] = tied;
    }
    job->run_offsets[job->lists] = runs.size;
    job->ideal_offsets[job->lists] = ideal.size;
    job->runs.size = runs.size;
    job->ideal.size = ideal.size;
}
