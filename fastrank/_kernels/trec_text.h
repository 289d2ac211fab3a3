/* Lines of TREC run files (query, Q0, item, rank, score, run) and judgment files (query, iteration, item, relevance). */
#ifndef FASTRANK_TREC_TEXT_H
#define FASTRANK_TREC_TEXT_H

#include <stdint.h>
#include <string.h>

enum { /* what a call of fr_trec_parse ends with */
    FR_TREC_END,
    FR_TREC_HARD, /* a score that needs more than 128 bits: the caller stores it at `row - 1` and calls again */
    FR_TREC_FEW_FIELDS,
    FR_TREC_MORE_FIELDS,
    FR_TREC_NOT_A_NUMBER,
    FR_TREC_NAN,
    FR_TREC_NOT_AN_INTEGER,
    FR_TREC_LONG_FIELD,
    FR_TREC_NO_ROOM
};

#define FR_TREC_LONGEST (1 << 20) /* bytes in a field */

typedef struct {
    const uint8_t *data;
    int64_t at, end;            /* the bytes still to read */
    int64_t line, field, size;  /* where the line begins; the field read last */
    int64_t row, query, room;   /* how many rows, and stretches of rows of one query, are stored, of how many */
    int64_t run_at, run_size;   /* the run's name in the last row */
    int64_t *item_at, *query_row, *query_at, *relevance;
    int32_t *item_size, *query_size;
    uint32_t *item_hash;
    double *score; /* NULL: judgments are read */
} fr_trec;

/* As isspace in the C locale. */
static inline int fr_is_space(uint8_t c) { return c == ' ' || (uint8_t)(c - '\t') < 5; }

static inline uint8_t fr_lower(uint8_t c) { return (uint8_t)(c - 'A') < 26 ? c + 32 : c; }

static inline int fr_trec_blanks(fr_trec *t) {
    while (t->at < t->end && fr_is_space(t->data[t->at]) && t->data[t->at] != '\n') t->at++;
    return t->at < t->end && t->data[t->at] != '\n';
}

static inline uint64_t fr_trec_word(const uint8_t *text) {
    uint64_t word;
    memcpy(&word, text, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline int fr_trec_field(fr_trec *t) {
    int64_t at;
    if (!fr_trec_blanks(t)) return 0;
    at = t->at;
    while (at < t->end && !fr_is_space(t->data[at])) {
        /* Eight bytes at once: a borrow marks each byte below '!', and may mark wrongly above the first such only. */
        const uint64_t ones = 0x0101010101010101ULL;
        uint64_t word, below;
        if (at + 8 > t->end) {
            at++;
            continue;
        }
        word = fr_trec_word(t->data + at);
        below = (word - '!' * ones) & ~word & 0x80 * ones;
        /* The first may be a control character that is no blank: it is stepped over. */
        at += below == 0 ? 8 : __builtin_ctzll(below) < 8 ? 1 : __builtin_ctzll(below) / 8;
    }
    t->field = t->at;
    t->size = at - t->at;
    t->at = at;
    return 1;
}

static inline void fr_trec_skip_line(fr_trec *t) {
    const void *newline;
    if (t->at < t->end && t->data[t->at] == '\n') {
        t->at++;
        return;
    }
    newline = memchr(t->data + t->at, '\n', (size_t)(t->end - t->at));
    t->at = newline ? (const uint8_t *)newline - t->data + 1 : t->end;
}

static inline uint32_t fr_trec_hash(const uint8_t *text, int64_t size) {
    const uint64_t odd = 0x9E3779B97F4A7C15ULL;
    uint64_t h = (uint64_t)size * odd, tail = 0;
    int64_t i = 0;
    for (; i + 8 <= size; i += 8) {
        h = (h ^ fr_trec_word(text + i)) * odd;
        h ^= h >> 32;
    }
    if (i < size && size >= 8) tail = fr_trec_word(text + size - 8);
    else
        for (; i < size; i++) tail = tail << 8 | text[i];
    h = (h ^ tail) * odd;
    return (uint32_t)(h >> 32);
}

/* The double nearest to digits * 10^power, ties to even, for digits > 0 and |power| <= 27: 5^27 < 2^63, so that
   digits * 5^power has 127 bits, and the quotient of digits * 2^64 or more by 5^-power has at least 64. */
static inline double fr_decimal_wide(uint64_t digits, int power) {
    unsigned __int128 value = digits;
    uint64_t five = 1, sticky = 0, kept;
    int binary = power, shift, bits;
    double x;
    for (int i = power < 0 ? -power : power; i > 0; i--) five *= 5;
    if (power >= 0) value *= five;
    else {
        shift = 64 + __builtin_clzll(digits);
        value <<= shift;
        binary -= shift;
        sticky = value % five != 0;
        value /= five;
    }
    bits = value >> 64 ? 128 - __builtin_clzll((uint64_t)(value >> 64)) : 64 - __builtin_clzll((uint64_t)value);
    shift = bits > 64 ? bits - 64 : 0;
    sticky |= (value & (((unsigned __int128)1 << shift) - 1)) != 0;
    kept = (uint64_t)(value >> shift);
    binary += shift;
    /* The last of 64 bits is below half a unit of the 53 that stay, so it can stand for all that was cut off. */
    kept |= sticky;
    x = (double)kept;
    for (; binary > 0; binary--) x *= 2.0;
    for (; binary < 0; binary++) x *= 0.5;
    return x;
}

/* Reads a decimal number, "inf" or "infinity" of either sign.  Every power of ten up to 22 is a double, so that one
   rounded operation on at most 53 bits is exact (Clinger, How to Read Floating Point Numbers Accurately, 1990). */
static inline int fr_trec_score(const uint8_t *text, int64_t size, double *out) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const uint8_t *p = text, *end = text + size;
    uint64_t digits = 0;
    int64_t power = 0, exponent = 0, read = 0, kept = 0;
    int negative = 0, after_point = 0, exponent_negative = 0;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    for (; p < end; p++) {
        if ((uint8_t)(*p - '0') < 10) {
            read++;
            kept += kept > 0 || *p != '0';
            if (kept <= 19) digits = digits * 10 + (*p - '0');
            power -= after_point;
        } else if (*p == '.' && !after_point) after_point = 1;
        else break;
    }
    if (read == 0) {
        static const char *const words[] = {"inf", "infinity", "nan"};
        for (int w = 0; w < 3 && !after_point; w++) {
            int64_t i = 0, length = (int64_t)strlen(words[w]);
            if (end - p != length) continue;
            while (i < length && fr_lower(p[i]) == (uint8_t)words[w][i]) i++;
            if (i < length) continue;
            if (w == 2) return FR_TREC_NAN;
            *out = negative ? -__builtin_inf() : __builtin_inf();
            return FR_TREC_END;
        }
        return FR_TREC_NOT_A_NUMBER;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+')) exponent_negative = *p++ == '-';
        if (p == end) return FR_TREC_NOT_A_NUMBER;
        for (; p < end && (uint8_t)(*p - '0') < 10; p++)
            if (exponent < FR_TREC_LONGEST) exponent = exponent * 10 + (*p - '0');
        power += exponent_negative ? -exponent : exponent;
    }
    if (p < end) return FR_TREC_NOT_A_NUMBER;
    if (digits == 0) *out = 0.0;
    else if (kept > 19 || power > 27 || power < -27) return FR_TREC_HARD;
    else if (digits >> 53 || power > 22 || power < -22) *out = fr_decimal_wide(digits, (int)power);
    else *out = power < 0 ? (double)digits / tens[-power] : (double)digits * tens[power];
    if (negative) *out = -*out;
    return FR_TREC_END;
}

static inline int fr_trec_integer(const uint8_t *text, int64_t size, int64_t *out) {
    int64_t i = 0, value = 0;
    int negative = 0;
    if (size > 0 && (text[0] == '-' || text[0] == '+')) negative = text[i++] == '-';
    if (i == size || size > 18) return FR_TREC_NOT_AN_INTEGER;
    for (; i < size; i++) {
        if ((uint8_t)(text[i] - '0') >= 10) return FR_TREC_NOT_AN_INTEGER;
        value = value * 10 + (text[i] - '0');
    }
    *out = negative ? -value : value;
    return FR_TREC_END;
}

/* Reads lines up to the end, the first bad line (which begins at `line`) or a hard score (the field read last). */
static inline int fr_trec_parse(fr_trec *t) {
    while (t->at < t->end) {
        int64_t query_at, query_size, item_at, item_size, last;
        int status;
        t->line = t->at;
        if (!fr_trec_blanks(t)) {
            t->at++;
            continue;
        }
        if (t->data[t->at] == '#') {
            fr_trec_skip_line(t);
            continue;
        }
        if (t->row == t->room) return FR_TREC_NO_ROOM;
        fr_trec_field(t);
        query_at = t->field;
        query_size = t->size;
        if (!fr_trec_field(t) || !fr_trec_field(t)) return FR_TREC_FEW_FIELDS;
        item_at = t->field;
        item_size = t->size;
        if (t->score && !fr_trec_field(t)) return FR_TREC_FEW_FIELDS;
        if (!fr_trec_field(t)) return FR_TREC_FEW_FIELDS;
        if (query_size > FR_TREC_LONGEST || item_size > FR_TREC_LONGEST || t->size > FR_TREC_LONGEST)
            return FR_TREC_LONG_FIELD;
        if (t->score) {
            int64_t score_at = t->field, score_size = t->size;
            status = fr_trec_score(t->data + score_at, score_size, t->score + t->row);
            if (status > FR_TREC_HARD) return status;
            if (!fr_trec_field(t)) return FR_TREC_FEW_FIELDS;
            t->run_at = t->field;
            t->run_size = t->size;
            t->field = score_at;
            t->size = score_size;
            fr_trec_skip_line(t);
        } else {
            status = fr_trec_integer(t->data + t->field, t->size, t->relevance + t->row);
            if (status != FR_TREC_END) return status;
            if (fr_trec_blanks(t)) return FR_TREC_MORE_FIELDS;
            t->at++;
        }
        last = t->query - 1;
        if (last < 0 || t->query_size[last] != query_size
            || memcmp(t->data + t->query_at[last], t->data + query_at, (size_t)query_size) != 0) {
            t->query_row[t->query] = t->row;
            t->query_at[t->query] = query_at;
            t->query_size[t->query] = (int32_t)query_size;
            t->query++;
        }
        t->item_at[t->row] = item_at;
        t->item_size[t->row] = (int32_t)item_size;
        t->item_hash[t->row] = fr_trec_hash(t->data + item_at, item_size);
        t->row++;
        if (status == FR_TREC_HARD) return status;
    }
    return FR_TREC_END;
}

#endif
