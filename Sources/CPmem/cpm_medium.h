// The instructions behind the door to the medium (Sources/PmemStore/Media/DirectMedium.swift), and the checksum.
#ifndef CPM_MEDIUM_H
#define CPM_MEDIUM_H

#include <libpmem.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// An aligned 8-byte store that the compiler can neither tear, merge nor drop.
static inline void cpm_store8(void *destination, uint64_t value) {
    __atomic_store_n((uint64_t *)destination, value, __ATOMIC_RELAXED);
}

static inline uint64_t cpm_load8(const void *source) {
    return __atomic_load_n((const uint64_t *)source, __ATOMIC_RELAXED);
}

static inline uint32_t cpm_load4(const void *source) {
    return __atomic_load_n((const uint32_t *)source, __ATOMIC_RELAXED);
}

// Starts a copy by non-temporal stores; durable after the next pmem_drain of this thread.
static inline void cpm_copy_nontemporal(void *destination, const void *source, uint64_t byteCount) {
    pmem_memcpy(destination, source, byteCount, PMEM_F_MEM_NONTEMPORAL | PMEM_F_MEM_NODRAIN);
}

// True when the environment tells libpmem not to store past the caches.
static inline int cpm_is_movnt_forbidden(void) {
    const char *value = getenv("PMEM_NO_MOVNT");
    return value && strcmp(value, "1") == 0;
}

// As cpm_copy_nontemporal, for whole lines: source and destination at multiples of 64, byteCount one too. What libpmem
// does for them, without the calls and tests on the way there, which cost more than the copy of a small record.
static inline void cpm_copy_lines_nontemporal(void *destination, const void *source, uint64_t byteCount) {
#if defined(__x86_64__)
    typedef uint64_t pair __attribute__((vector_size(16)));
    pair *to = (pair *)destination;
    const pair *from = (const pair *)source;
    for (uint64_t line = 0; line < byteCount >> 6; line++, to += 4, from += 4) {
        pair a = from[0], b = from[1], c = from[2], d = from[3];
        __builtin_nontemporal_store(a, to);
        __builtin_nontemporal_store(b, to + 1);
        __builtin_nontemporal_store(c, to + 2);
        __builtin_nontemporal_store(d, to + 3);
    }
#else
    cpm_copy_nontemporal(destination, source, byteCount);
#endif
}

// For words in DRAM that several threads share.
static inline uint64_t cpm_compare_exchange8(void *word, uint64_t expected, uint64_t desired) {
    __atomic_compare_exchange_n((uint64_t *)word, &expected, desired, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}

static inline uint64_t cpm_exchange8(void *word, uint64_t value) {
    return __atomic_exchange_n((uint64_t *)word, value, __ATOMIC_SEQ_CST);
}

static inline void cpm_add4(void *word, uint32_t value) {
    __atomic_fetch_add((uint32_t *)word, value, __ATOMIC_SEQ_CST);
}

static inline void cpm_or8(void *word, uint64_t bits) {
    __atomic_fetch_or((uint64_t *)word, bits, __ATOMIC_RELAXED);
}

static inline void cpm_store8_ordered(void *word, uint64_t value) {
    __atomic_store_n((uint64_t *)word, value, __ATOMIC_SEQ_CST);
}

static inline uint64_t cpm_load8_ordered(const void *word) {
    return __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST);
}

static inline uint64_t cpm_fetch_or8(void *word, uint64_t bits) {
    return __atomic_fetch_or((uint64_t *)word, bits, __ATOMIC_SEQ_CST);
}

static inline uint64_t cpm_load8_acquire(const void *word) {
    return __atomic_load_n((const uint64_t *)word, __ATOMIC_ACQUIRE);
}

static inline void cpm_store8_release(void *word, uint64_t value) {
    __atomic_store_n((uint64_t *)word, value, __ATOMIC_RELEASE);
}

// Tells the processor that this is a waiting loop.
static inline void cpm_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static inline void cpm_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// ---------------------------------------------------------------------------------------------------------------
// Search: how many of count ascending words are below bound. All words are compared, at once and without a branch that
// depends on them; a binary search waits for each word before it knows the next.

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t cpm_count_below_avx2(const uint64_t *words, uint64_t count,
                                                                     uint64_t bound) {
    typedef int64_t four __attribute__((vector_size(32), aligned(8)));
    const int64_t sign = INT64_MIN;  // vectors compare as signed numbers
    const int64_t limit = (int64_t)bound ^ sign;
    four below = {0, 0, 0, 0}, others = {0, 0, 0, 0};
    const uint64_t *end = words + count;
    for (; end - words >= 8; words += 8) {
        below -= (*(const four *)words ^ sign) < limit;
        others -= (*(const four *)(words + 4) ^ sign) < limit;
    }
    if (end - words >= 4) {
        below -= (*(const four *)words ^ sign) < limit;
        words += 4;
    }
    below += others;
    uint64_t sum = (uint64_t)(below[0] + below[1] + below[2] + below[3]);
#pragma clang loop vectorize(disable) unroll(disable)
    for (; words < end; words++) sum += *words < bound;
    return sum;
}

// Eight words at once; of the last ones, those that are not there are masked out.
__attribute__((target("avx512f"))) static uint64_t cpm_count_below_avx512(const uint64_t *words, uint64_t count,
                                                                          uint64_t bound) {
    typedef uint64_t eight __attribute__((vector_size(64), aligned(8)));
    const eight limit = {bound, bound, bound, bound, bound, bound, bound, bound};
    enum { below = 1 };  // of the comparisons that there are
    uint64_t sum = 0;
    for (; count >= 8; words += 8, count -= 8)
        sum += (uint64_t)__builtin_popcount(__builtin_ia32_ucmpq512_mask(*(const eight *)words, limit, below, 0xff));
    if (count == 0) return sum;
    const uint8_t mask = (uint8_t)((1u << count) - 1);
    const eight rest = __builtin_ia32_loaddqudi512_mask((const long long *)words, (eight){0}, mask);
    return sum + (uint64_t)__builtin_popcount(__builtin_ia32_ucmpq512_mask(rest, limit, below, mask));
}

static inline int cpm_has_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
#endif

static inline uint64_t cpm_count_below_portable(const uint64_t *words, uint64_t count, uint64_t bound) {
    const uint64_t *base = words;
    while (count > 1) {
        uint64_t half = count >> 1;
        base = base[half - 1] < bound ? base + half : base;
        count -= half;
    }
    return (uint64_t)(base - words) + (count == 1 && *base < bound);
}

// How many bits are set: one loop, for what the processor has.
__attribute__((always_inline)) static inline uint64_t cpm_count_bits_portable(const uint64_t *words, uint64_t count) {
    uint64_t bits = 0;
    for (uint64_t i = 0; i < count; i++) bits += (uint64_t)__builtin_popcountll(words[i]);
    return bits;
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static inline uint64_t cpm_count_bits_popcnt(const uint64_t *words, uint64_t count) {
    return cpm_count_bits_portable(words, count);
}

__attribute__((target("avx512f,avx512vpopcntdq"))) static inline uint64_t cpm_count_bits_avx512(
    const uint64_t *words, uint64_t count) {
    return cpm_count_bits_portable(words, count);
}
#endif

static inline uint64_t cpm_count_bits(const uint64_t *words, uint64_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vpopcntdq")) return cpm_count_bits_avx512(words, count);
    if (__builtin_cpu_supports("popcnt")) return cpm_count_bits_popcnt(words, count);
#endif
    return cpm_count_bits_portable(words, count);
}

static inline uint64_t cpm_count_below(const uint64_t *words, uint64_t count, uint64_t bound) {
#if defined(__x86_64__)
    // The processors that have this one, from Ice Lake and Zen 4 on, do not slow down for the widest vectors.
    if (__builtin_cpu_supports("avx512vbmi2")) return cpm_count_below_avx512(words, count, bound);
    if (cpm_has_avx2()) return cpm_count_below_avx2(words, count, bound);
#endif
    return cpm_count_below_portable(words, count, bound);
}

// ---------------------------------------------------------------------------------------------------------------
// Checksum: CRC-32C over 8-byte words. Ranges of 256 bytes and more run in four interleaved lanes (word i belongs
// to lane i mod 4), because one lane waits three cycles for every word. docs/format.md gives the definition.
//
// A CRC is linear: were the lanes joined by more of it, equal changes in two lanes could cancel each other, as those do
// that a lost 8-byte unit makes where it lies across two words of repeating data. The multiplication is not linear.
#define CPM_LANE_FACTOR 0x9e3779b97f4a7c15ull

static inline uint64_t cpm_word(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

static inline uint64_t cpm_half_word(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    return word;
}

// Fewer than 8 bytes, padded with zeros.
static inline uint64_t cpm_short_word(const uint8_t *bytes, uint64_t byteCount) {
    uint64_t word = 0;
    for (uint64_t i = 0; i < byteCount; i++) word |= (uint64_t)bytes[i] << 8 * i;
    return word;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static inline uint64_t cpm_crc_words_sse42(uint64_t crc, const uint8_t *bytes,
                                                                             uint64_t byteCount) {
    for (; byteCount >= 32; bytes += 32, byteCount -= 32) {
        crc = __builtin_ia32_crc32di(crc, cpm_word(bytes));
        crc = __builtin_ia32_crc32di(crc, cpm_word(bytes + 8));
        crc = __builtin_ia32_crc32di(crc, cpm_word(bytes + 16));
        crc = __builtin_ia32_crc32di(crc, cpm_word(bytes + 24));
    }
    for (; byteCount >= 8; bytes += 8, byteCount -= 8) crc = __builtin_ia32_crc32di(crc, cpm_word(bytes));
    if (byteCount == 4) return __builtin_ia32_crc32di(crc, cpm_half_word(bytes));
    return byteCount ? __builtin_ia32_crc32di(crc, cpm_short_word(bytes, byteCount)) : crc;
}

__attribute__((target("sse4.2"))) static uint32_t cpm_checksum_sse42(uint32_t seed, const uint8_t *bytes,
                                                                     uint64_t byteCount) {
    uint64_t a = seed;
    uint64_t whole = byteCount;
    if (byteCount >= 256) {
        uint64_t b = a ^ 1, c = a ^ 2, d = a ^ 3;
        for (; byteCount >= 32; bytes += 32, byteCount -= 32) {
            a = __builtin_ia32_crc32di(a, cpm_word(bytes));
            b = __builtin_ia32_crc32di(b, cpm_word(bytes + 8));
            c = __builtin_ia32_crc32di(c, cpm_word(bytes + 16));
            d = __builtin_ia32_crc32di(d, cpm_word(bytes + 24));
        }
        a = __builtin_ia32_crc32di(a, b * CPM_LANE_FACTOR);
        a = __builtin_ia32_crc32di(a, c * CPM_LANE_FACTOR);
        a = __builtin_ia32_crc32di(a, d * CPM_LANE_FACTOR);
    }
    a = cpm_crc_words_sse42(a, bytes, byteCount);
    return (uint32_t)__builtin_ia32_crc32di(a, whole);  // the length is part of what is covered
}
#endif

static uint32_t cpm_crc_word_portable(uint32_t crc, uint64_t word) {
    for (int byte = 0; byte < 8; byte++, word >>= 8) {
        crc ^= (uint32_t)(word & 0xff);
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return crc;
}

static uint32_t cpm_checksum_portable(uint32_t seed, const uint8_t *bytes, uint64_t byteCount) {
    uint32_t lane[4] = {seed, seed ^ 1, seed ^ 2, seed ^ 3};
    uint64_t whole = byteCount;
    if (byteCount >= 256) {
        while (byteCount >= 32) {
            for (int i = 0; i < 4; i++) {
                lane[i] = cpm_crc_word_portable(lane[i], cpm_word(bytes + 8 * i));
            }
            bytes += 32;
            byteCount -= 32;
        }
        for (int i = 1; i < 4; i++) lane[0] = cpm_crc_word_portable(lane[0], lane[i] * CPM_LANE_FACTOR);
    }
    while (byteCount) {
        uint64_t step = byteCount < 8 ? byteCount : 8;
        lane[0] = cpm_crc_word_portable(lane[0], cpm_short_word(bytes, step));
        bytes += step;
        byteCount -= step;
    }
    return cpm_crc_word_portable(lane[0], whole);
}

// The checksum of byteCount bytes, started from seed. The seed binds it to a place (see docs/format.md).
static uint32_t cpm_checksum(uint32_t seed, const void *bytes, uint64_t byteCount) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return cpm_checksum_sse42(seed, (const uint8_t *)bytes, byteCount);
#endif
    return cpm_checksum_portable(seed, (const uint8_t *)bytes, byteCount);
}

#endif
