/* One list of list_wins.h, for scores of type FR_REAL with keys FR_KEY; FR_WHOLE is the integer of their size. */

static void FR_NAMED(fr_weigh_list)(fr_list_wins *list, const FR_REAL *scores, const uint8_t *labels,
                                    const double *weights, int64_t n, const fr_wins_job *job) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        job->pairs[found].key = FR_KEY(scores[i]);
        job->pairs[found].row = i;
        found += weights[i] > 0.0;
    }
    fr_order_pairs(job, found, FR_REAL_IS_FLOAT && n <= UINT32_MAX);
    list->rows = found;
    fr_weigh_pairs(list, job->pairs, found, labels, weights);
}

static void FR_NAMED(fr_sort_list)(fr_list_wins *list, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                   const fr_wins_job *job) {
    for (int64_t i = 0; i < n; i++) {
        job->pairs[i].key = FR_KEY(scores[i]);
        job->pairs[i].row = labels[i] != 0;
    }
    fr_order_pairs(job, n, FR_REAL_IS_FLOAT);
    fr_wins_of_pairs(list, job->pairs, n);
}

/* How many pairs of the two classes there are in which the score of the many is below, and in which it is not above.
   The many are filled up with NaN, which is neither, to whole blocks of lanes. */
FR_BODY void FR_NAMED(fr_compare)(const FR_REAL *few, int64_t n_few, FR_REAL *many, int64_t n_many, uint64_t *below,
                                  uint64_t *up_to) {
    *below = *up_to = 0;
    for (int l = 0; l < FR_PAIR_LANES; l++) many[n_many + l] = (FR_REAL)NAN;
    for (int64_t j = 0; j < n_many; j += FR_PAIR_LANES) {
        FR_WHOLE less[FR_PAIR_LANES] = {0}, less_equal[FR_PAIR_LANES] = {0}, sum = 0, sum_equal = 0;
        for (int64_t i = 0; i < n_few; i++)
            for (int l = 0; l < FR_PAIR_LANES; l++) {
                less[l] += many[j + l] < few[i];
                less_equal[l] += many[j + l] <= few[i];
            }
        for (int l = 0; l < FR_PAIR_LANES; l++) sum += less[l], sum_equal += less_equal[l];
        *below += (uint64_t)sum;
        *up_to += (uint64_t)sum_equal;
    }
}

FR_BODY void FR_NAMED(fr_count_list)(fr_list_wins *list, const FR_REAL *scores, const uint8_t *labels, int64_t n,
                                     const fr_wins_job *job) {
    FR_REAL *positive = (FR_REAL *)job->positive, *negative = (FR_REAL *)job->negative;
    int64_t positives = 0, negatives = 0;
    uint64_t below, up_to;
    for (int64_t i = 0; i < n; i++) {
        int is_positive = labels[i] != 0;
        positive[positives] = negative[negatives] = scores[i];
        positives += is_positive;
        negatives += !is_positive;
    }
    list->rows = n;
    list->positives = (fr_u128)positives;
    list->negatives = (fr_u128)negatives;
    if (!positives || !negatives) return;
    if (list->positives * list->negatives > (fr_u128)n * FR_PAIRS_A_ROW) {
        FR_NAMED(fr_sort_list)(list, scores, labels, n, job);
    } else if (positives < negatives) {
        FR_NAMED(fr_compare)(positive, positives, negative, negatives, &below, &up_to);
        list->twice_wins.low = below + up_to;
        list->tied.low = up_to - below;
    } else {
        FR_NAMED(fr_compare)(negative, negatives, positive, positives, &below, &up_to);
        list->twice_wins.low = 2 * list->positives * list->negatives - below - up_to;
        list->tied.low = up_to - below;
    }
}

FR_BODY void FR_BODY_NAMED(fr_count_lists)(const fr_wins_job *job) {
    for (int64_t q = 0; q < job->lists; q++) {
        int64_t begin = job->offsets[q], n = job->offsets[q + 1] - begin;
        const FR_REAL *scores = (const FR_REAL *)job->scores + begin;
        fr_list_wins list = {0, 0, {0, 0}, {0, 0}, 0};
        if (job->weights) FR_NAMED(fr_weigh_list)(&list, scores, job->labels + begin, job->weights + begin, n, job);
        else FR_NAMED(fr_count_list)(&list, scores, job->labels + begin, n, job);
        fr_store_list(job, q, &list);
    }
}
