/* Integer keys that order as their scores do.  -0.0 has the key of 0.0; scores are never NaN. */
#ifndef FASTRANK_KEYS_H
#define FASTRANK_KEYS_H

#include <stdint.h>
#include <string.h>

#include "dispatch.h"

/* The key of a float's bits: all of them inverted where it is negative, else the sign bit alone. */
static inline uint32_t fr_raw_key_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | (uint32_t)1 << 31);
}

static inline uint32_t fr_key_f32(float x) { return fr_raw_key_f32(x + 0.0f); }

static inline uint64_t fr_key_f64(double x) {
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, 8);
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | (uint64_t)1 << 63);
}

/* The key of the largest float32 that is not above x.  Rounding to nearest is at most one step above it, and one
   step down from any float is one less in its raw key; -0.0, the nearest float32 to a tiny negative x, has a raw
   key of its own, between 0.0 and the first negative number. */
static inline uint32_t fr_floor_key(double x) {
    float near;
    x += 0.0;
    near = (float)x;
    return fr_raw_key_f32(near) - (uint32_t)((double)near > x);
}

static inline float fr_score_f32(uint32_t key) {
    float x;
    key ^= key >> 31 ? (uint32_t)1 << 31 : ~(uint32_t)0;
    memcpy(&x, &key, 4);
    return x;
}

static inline double fr_score_f64(uint64_t key) {
    double x;
    key ^= key >> 63 ? (uint64_t)1 << 63 : ~(uint64_t)0;
    memcpy(&x, &key, 8);
    return x;
}

FR_BODY void keys_f32_body(const float *x, uint32_t *key, long n) {
    for (long i = 0; i < n; i++) key[i] = fr_key_f32(x[i]);
}
FR_CLONES(keys_f32, (const float *x, uint32_t *key, long n), (x, key, n))

FR_BODY void keys_f64_body(const double *x, uint64_t *key, long n) {
    for (long i = 0; i < n; i++) key[i] = fr_key_f64(x[i]);
}
FR_CLONES(keys_f64, (const double *x, uint64_t *key, long n), (x, key, n))

/* A float32 key in the upper half of 64 bits. */
FR_BODY void keys_upper_body(const float *x, uint64_t *key, long n) {
    for (long i = 0; i < n; i++) key[i] = (uint64_t)fr_key_f32(x[i]) << 32;
}
FR_CLONES(keys_upper, (const float *x, uint64_t *key, long n), (x, key, n))

#endif
