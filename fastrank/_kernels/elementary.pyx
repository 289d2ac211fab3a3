"""Elementary functions of arrays and numbers, the same bits on every machine: see elementary.h."""

import numpy as np

cdef extern from *:
    """
    #include "dispatch.h"
    #include "elementary.h"

    typedef void (*fr_pass)(const double *, double *, long);

    #define FR_PASS(name)                                                                                \\
        FR_BODY void name##_pass_body(const double *x, double *y, long n) {                              \\
            for (long i = 0; i < n; i++) y[i] = fr_##name(x[i]);                                         \\
        }                                                                                                \\
        FR_CLONES(name##_pass, (const double *x, double *y, long n), (x, y, n))

    FR_PASS(log)
    FR_PASS(log1p)
    FR_PASS(exp)
    FR_PASS(expm1)
    FR_PASS(softplus)
    FR_PASS(sigmoid)

    FR_BODY void pow_pass_body(const double *x, double exponent, double *y, long n) {
        for (long i = 0; i < n; i++) y[i] = fr_pow(x[i], exponent);
    }
    FR_CLONES(pow_pass, (const double *x, double exponent, double *y, long n), (x, exponent, y, n))
    """
    ctypedef void (*fr_pass)(const double *, double *, long) noexcept nogil
    void log_pass(const double *, double *, long) noexcept nogil
    void log1p_pass(const double *, double *, long) noexcept nogil
    void exp_pass(const double *, double *, long) noexcept nogil
    void expm1_pass(const double *, double *, long) noexcept nogil
    void softplus_pass(const double *, double *, long) noexcept nogil
    void sigmoid_pass(const double *, double *, long) noexcept nogil
    void pow_pass(const double *, double, double *, long) noexcept nogil


cdef _passed(fr_pass run, x):
    values = np.asarray(x, np.float64, order="C")
    result = np.empty(values.shape, np.float64)
    cdef const double[::1] source = values.reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    if target.shape[0]:
        with nogil:
            run(&source[0], &target[0], target.shape[0])
    return result if result.ndim else float(result)


def log(x):
    """Natural logarithm, within 1 ULP; -inf of zero, NaN below."""
    return _passed(log_pass, x)


def log1p(x):
    """log(1 + x), within 1 ULP; -inf of -1, NaN below."""
    return _passed(log1p_pass, x)


def exp(x):
    """The exponential, within 1 ULP."""
    return _passed(exp_pass, x)


def expm1(x):
    """exp(x) - 1, within 1 ULP."""
    return _passed(expm1_pass, x)


def softplus(x):
    """log(1 + exp(x)), within 2 ULP."""
    return _passed(softplus_pass, x)


def sigmoid(x):
    """1 / (1 + exp(-x)), within 2 ULP."""
    return _passed(sigmoid_pass, x)


def pow(x, double y):
    """x to the power y, within 1 ULP; NaN of x below zero."""
    values = np.asarray(x, np.float64, order="C")
    result = np.empty(values.shape, np.float64)
    cdef const double[::1] source = values.reshape(-1)
    cdef double[::1] target = result.reshape(-1)
    if target.shape[0]:
        with nogil:
            pow_pass(&source[0], y, &target[0], target.shape[0])
    return result if result.ndim else float(result)
