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

/* Orders n <= FR_COUNTED rows by score, then label: the place of a row is the number of rows before it. */
FR_BODY void FR_NAMED(fr_add_counted)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, const int64_t *rows,
                                      int64_t n, int64_t depth) {
    int64_t key[FR_COUNTED + FR_LANE], tag[FR_COUNTED + FR_LANE], ordered_key[FR_COUNTED], ordered_tag[FR_COUNTED];
    for (int64_t i = 0; i < n; i++) {
        /* The index makes equal rows distinct, so that each gets a place of its own. */
        key[i] = FR_NAMED(fr_key)(scores[rows[i]]);
        tag[i] = (int64_t)labels[rows[i]] << 16 | i;
        if (FR_REAL_IS_FLOAT) key[i] |= tag[i];
    }
    for (int64_t i = n; i < n + FR_LANE; i++) key[i] = tag[i] = 0;
    for (int64_t i = 0; i < n; i += FR_LANE) {
        int64_t place[FR_LANE] = {0};
        for (int64_t j = 0; j < n; j++)
            for (int l = 0; l < FR_LANE; l++)
                place[l] += FR_REAL_IS_FLOAT
                                ? key[j] > key[i + l]
                                : (key[j] > key[i + l]) | ((key[j] == key[i + l]) & (tag[j] > tag[i + l]));
        for (int64_t l = 0; l < FR_LANE && i + l < n; l++) {
            ordered_key[place[l]] = FR_REAL_IS_FLOAT ? key[i + l] >> 32 : key[i + l];
            ordered_tag[place[l]] = tag[i + l];
        }
    }
    fr_add_ordered(runs, ordered_key, ordered_tag, n, depth);
}

/* Counts the rows tied at the bound by label, and leaves the others, in order, in rows; returns their number. */
FR_BODY int64_t FR_NAMED(fr_split_tied)(const FR_REAL *scores, const uint8_t *labels, int64_t *rows, int64_t n,
                                        FR_REAL bound, int64_t *counts) {
    int64_t above = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = rows[i];
        int tied = scores[row] == bound;
        counts[labels[row]] += tied;
        rows[above] = row;
        above += !tied;
    }
    return above;
}

/* Many rows reach the bound: most are tied with it, or depth is large, or the order of the rows defeats the lanes. */
FR_BODY void FR_NAMED(fr_add_many)(fr_runs *runs, const FR_REAL *scores, const uint8_t *labels, fr_top_job *job,
                                   int64_t n, FR_REAL bound) {
    int64_t counts[FR_LABELS] = {0}, above = 0, *rows = job->rows;
    for (int64_t i = 0; i < n; i++) above += scores[rows[i]] > bound;
    if (above < job->depth && above < n && above <= FR_COUNTED) {
        above = FR_NAMED(fr_split_tied)(scores, labels, rows, n, bound, counts);
        FR_NAMED(fr_add_counted)(runs, scores, labels, rows, above, job->depth);
        fr_add_group(runs, counts);
    } else if (n <= FR_COUNTED) {
        FR_NAMED(fr_add_counted)(runs, scores, labels, rows, n, job->depth);
    } else {
        for (int64_t i = 0; i < n; i++) {
            job->pairs[i].key = fr_descending(scores[rows[i]]);
            job->pairs[i].row = rows[i];
        }
        fr_sort_pairs(job->pairs, job->spare, n);
        fr_add_sorted(runs, job->pairs, labels, n, job->depth);
    }
}

FR_BODY void FR_BODY_NAMED(fr_rank_top)(fr_top_job *job) {
    fr_runs runs = job->runs, ideal = job->ideal;
    for (int64_t q = 0; q < job->lists; q++) {
        const FR_REAL *scores = (const FR_REAL *)job->scores + job->offsets[q];
        const uint8_t *labels = job->labels + job->offsets[q];
        int64_t n = job->offsets[q + 1] - job->offsets[q], found;
        FR_REAL bound;
        job->run_offsets[q] = runs.size;
        job->ideal_offsets[q] = ideal.size;
        FR_BODY_NAMED(fr_gather)(scores, n, job->depth, job->rows, &found, &bound);
        if (found <= FR_FEW) FR_NAMED(fr_add_counted)(&runs, scores, labels, job->rows, found, job->depth);
        else FR_NAMED(fr_add_many)(&runs, scores, labels, job, found, bound);
        fr_add_ideal(&ideal, labels, n);
    }
    job->run_offsets[job->lists] = runs.size;
    job->ideal_offsets[job->lists] = ideal.size;
    job->runs.size = runs.size;
    job->ideal.size = ideal.size;
}
