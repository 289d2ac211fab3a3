/* A bijection of 64-bit integers that spreads every bit, for hash tables. */
#ifndef FASTRANK_MIX_H
#define FASTRANK_MIX_H

#include <stdint.h>

/* Finalizer of SplitMix64 (Steele, Lea and Flood 2014). */
static inline uint64_t fr_mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

#endif
