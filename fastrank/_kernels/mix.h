/* A hash of 64-bit integers. */
#ifndef FASTRANK_MIX_H
#define FASTRANK_MIX_H

#include <stdint.h>

/* Finalizer of SplitMix64 (Steele, Lea and Flood 2014): a bijection that spreads every bit. */
static inline uint64_t fr_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

#endif
