// The instructions behind the door to the medium (Sources/PmemStore/Media/DirectMedium.swift), and the checksum.
#ifndef CPM_MEDIUM_H
#define CPM_MEDIUM_H

#include <libpmem.h>
#include <stdint.h>
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
// Checksum: CRC-32C over 8-byte words. Ranges of 256 bytes and more run in four interleaved lanes (word i belongs
// to lane i mod 4), because one lane waits three cycles for every word. docs/format.md gives the definition.
//
// A CRC is linear: were the lanes joined by more of it, equal changes in two lanes could cancel each other, as those do
// that a lost 8-byte unit makes where it lies across two words of repeating data. The multiplication is not linear.
#define CPM_LANE_FACTOR 0x9e3779b97f4a7c15ull

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint64_t cpm_crc_words_sse42(uint64_t seed, const uint8_t *bytes,
                                                                      uint64_t byteCount) {
    uint64_t crc = seed, word;
    while (byteCount >= 8) {
        memcpy(&word, bytes, 8);
        crc = __builtin_ia32_crc32di(crc, word);
        bytes += 8;
        byteCount -= 8;
    }
    if (byteCount) {
        word = 0;
        memcpy(&word, bytes, byteCount);
        crc = __builtin_ia32_crc32di(crc, word);
    }
    return crc;
}

__attribute__((target("sse4.2"))) static uint32_t cpm_checksum_sse42(uint32_t seed, const uint8_t *bytes,
                                                                     uint64_t byteCount) {
    uint64_t a = seed;
    uint64_t whole = byteCount;
    if (byteCount >= 256) {
        uint64_t b = a ^ 1, c = a ^ 2, d = a ^ 3, word;
        while (byteCount >= 32) {
            memcpy(&word, bytes, 8);
            a = __builtin_ia32_crc32di(a, word);
            memcpy(&word, bytes + 8, 8);
            b = __builtin_ia32_crc32di(b, word);
            memcpy(&word, bytes + 16, 8);
            c = __builtin_ia32_crc32di(c, word);
            memcpy(&word, bytes + 24, 8);
            d = __builtin_ia32_crc32di(d, word);
            bytes += 32;
            byteCount -= 32;
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
    uint64_t whole = byteCount, word;
    if (byteCount >= 256) {
        while (byteCount >= 32) {
            for (int i = 0; i < 4; i++) {
                memcpy(&word, bytes + 8 * i, 8);
                lane[i] = cpm_crc_word_portable(lane[i], word);
            }
            bytes += 32;
            byteCount -= 32;
        }
        for (int i = 1; i < 4; i++) lane[0] = cpm_crc_word_portable(lane[0], lane[i] * CPM_LANE_FACTOR);
    }
    while (byteCount) {
        uint64_t step = byteCount < 8 ? byteCount : 8;
        word = 0;
        memcpy(&word, bytes, step);
        lane[0] = cpm_crc_word_portable(lane[0], word);
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
