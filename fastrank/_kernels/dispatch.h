/* One loop body, compiled for several instruction sets; the host's best is chosen at run time.

   The bits do not depend on the choice: a body holds IEEE operations only, contraction into FMA is
   off (see setup.py), and vectorising adds no reassociation.  fma() itself is such an operation: one
   instruction where there is one, else a function of the C library, and rounded once in both.  The
   environment variable FASTRANK_CPU (baseline, avx2, avx512) lowers the choice, so that tests can
   compare them on one host.

   Use:
       FR_BODY void scale_body(const double *x, double *y, long n) { ... }
       FR_CLONES(scale, (const double *x, double *y, long n), (x, y, n))
   and call scale(x, y, n). */
#ifndef FASTRANK_DISPATCH_H
#define FASTRANK_DISPATCH_H

#include <stdlib.h>
#include <string.h>

#define FR_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__) && defined(__GNUC__)

enum { FR_BASELINE = 1, FR_AVX2 = 2, FR_AVX512 = 3 };

static int fr_host_level(void) {
    const char *limit = getenv("FASTRANK_CPU");
    int level = FR_BASELINE;
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma"))
        level = FR_AVX2;
    if (level == FR_AVX2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) level = FR_AVX512;
    if (limit && !strcmp(limit, "baseline")) level = FR_BASELINE;
    if (limit && !strcmp(limit, "avx2") && level > FR_AVX2) level = FR_AVX2;
    return level;
}

/* Racing threads compute and store the same value. */
static inline int fr_level(void) {
    static int level = 0;
    if (!level) level = fr_host_level();
    return level;
}

#define FR_CLONES(name, params, args)                                                                    \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,bmi2,fma")))                              \
    static void name##_avx512 params { name##_body args; }                                               \
    __attribute__((target("avx2,bmi2,fma"))) static void name##_avx2 params { name##_body args; }            \
    static void name##_baseline params { name##_body args; }                                             \
    static void name params {                                                                            \
        int level = fr_level();                                                                          \
        if (level == FR_AVX512) name##_avx512 args;                                                      \
        else if (level == FR_AVX2) name##_avx2 args;                                                     \
        else name##_baseline args;                                                                       \
    }

#else

#define FR_CLONES(name, params, args) \
    static void name params { name##_body args; }

#endif
#endif
