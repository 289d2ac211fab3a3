/* Where the runs of equal ids start. */
#ifndef FASTRANK_ID_RUNS_H
#define FASTRANK_ID_RUNS_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"

enum { FR_ID_BLOCK = 64 };

/* Whether each of a block of ids differs from the one before it, a bit each; ids[-1] is in memory. */
FR_BODY uint64_t fr_id_changes(const int64_t *ids) {
    uint8_t differs[FR_ID_BLOCK];
    uint64_t changes = 0;
    for (int i = 0; i < FR_ID_BLOCK; i++) differs[i] = ids[i] != ids[i - 1];
    for (int i = 0; i < FR_ID_BLOCK; i += 8) {
        uint64_t word;
        memcpy(&word, differs + i, 8);
        changes |= ((word * 0x0102040810204080ULL) >> 56) << i;
    }
    return changes;
}

/* Fills starts and values, which have room for n >= 1 runs, and counts them. */
FR_BODY void fr_find_runs_body(const int64_t *ids, int64_t n, int64_t *starts, int64_t *values, int64_t *count) {
    int64_t i = 1, found = 1;
    starts[0] = 0;
    values[0] = ids[0];
    for (; i + FR_ID_BLOCK <= n; i += FR_ID_BLOCK) {
        for (uint64_t changes = fr_id_changes(ids + i); changes; changes &= changes - 1, found++) {
            starts[found] = i + __builtin_ctzll(changes);
            values[found] = ids[starts[found]];
        }
    }
    for (; i < n; i++) {
        if (ids[i] == ids[i - 1]) continue;
        starts[found] = i;
        values[found++] = ids[i];
    }
    *count = found;
}
FR_CLONES(fr_find_runs, (const int64_t *ids, int64_t n, int64_t *starts, int64_t *values, int64_t *count),
          (ids, n, starts, values, count))

#endif
