/* Tie runs of lists, one after the other: runs of equal score and label, those of a tie group in the order of their
   labels, descending. */
#ifndef FASTRANK_ORDER_RUNS_H
#define FASTRANK_ORDER_RUNS_H

#include <stdint.h>

enum { FR_LABEL_BITS = 5, FR_LABELS = 1 << FR_LABEL_BITS };

typedef struct {
    double *label;
    int64_t *count;
    uint8_t *opens;
    int64_t size;
} fr_runs;

static inline void fr_add_run(fr_runs *runs, double label, int64_t count, int opens) {
    runs->label[runs->size] = label;
    runs->count[runs->size] = count;
    if (runs->opens) runs->opens[runs->size] = (uint8_t)opens;
    runs->size++;
}

/* One tie group, from the number of its rows of each label. */
static inline void fr_add_group(fr_runs *runs, const int64_t *counts) {
    int opens = 1;
    for (int label = FR_LABELS - 1; label >= 0; label--) {
        if (!counts[label]) continue;
        fr_add_run(runs, label, counts[label], opens);
        opens = 0;
    }
}

#endif
