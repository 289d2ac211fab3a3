/* Rows of one slice that stand together.  Batches come sorted by slice, so that kernels work run by run; codes in any
   other order are runs of a row or two, and as right. */
#ifndef FASTRANK_SLICE_RUNS_H
#define FASTRANK_SLICE_RUNS_H

#include <stdint.h>

/* Where the run of equal codes that begins at `start` ends. */
static inline long fr_run_end(const int32_t *slice, long start, long n) {
    const int32_t code = slice[start];
    long i = start + 1;
    if (i == n || slice[i] != code) return i;
    while (i + 16 <= n) {
        int32_t other = 0;
        for (int j = 0; j < 16; j++) other |= slice[i + j] ^ code;
        if (other) break;
        i += 16;
    }
    while (i < n && slice[i] == code) i++;
    return i;
}

#endif
