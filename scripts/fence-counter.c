// Counts fences, flushed lines and non-temporal bytes that libpmemobj asks libpmem for. Preloaded, never linked:
//
//     cc -O2 -shared -fPIC -o fence-counter.so scripts/fence-counter.c -ldl
//     LD_PRELOAD=$PWD/fence-counter.so pmembench run fillrandom --engine libpmemobj ...
//
// Counting costs time; measure throughput without it. Copies count as non-temporal when libpmem would choose so:
// when told to, or when not told otherwise and at least PMEM_MOVNT_THRESHOLD bytes long. Single thread only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

#define NODRAIN 1u
#define NONTEMPORAL 2u
#define TEMPORAL 4u
#define WC 8u
#define WB 16u
#define NOFLUSH 32u
#define MOVNT_THRESHOLD 256u

// pmembench finds this by name: fences, lines, bytes.
uint64_t pmembench_preloaded_totals[3];

#define NEXT(type, name) \
    static __typeof__(type) next; \
    if (!next) next = (type)dlsym(RTLD_NEXT, name)

static void count_flush(const void *address, size_t length) {
    if (length == 0) return;
    uintptr_t first = (uintptr_t)address / 64, last = ((uintptr_t)address + length - 1) / 64;
    pmembench_preloaded_totals[1] += last - first + 1;
}

static void count_copy(const void *address, size_t length, unsigned flags) {
    int is_nontemporal = flags & (NONTEMPORAL | WC) ? 1 : flags & (TEMPORAL | WB | NOFLUSH) ? 0 : length >= MOVNT_THRESHOLD;
    if (is_nontemporal) {
        pmembench_preloaded_totals[2] += length;
    } else if (!(flags & NOFLUSH)) {
        count_flush(address, length);
    }
    if (!(flags & (NODRAIN | NOFLUSH))) pmembench_preloaded_totals[0] += 1;
}

void pmem_drain(void) {
    NEXT(void (*)(void), "pmem_drain");
    pmembench_preloaded_totals[0] += 1;
    next();
}

void pmem_flush(const void *address, size_t length) {
    NEXT(void (*)(const void *, size_t), "pmem_flush");
    count_flush(address, length);
    next(address, length);
}

void pmem_persist(const void *address, size_t length) {
    NEXT(void (*)(const void *, size_t), "pmem_persist");
    count_flush(address, length);
    pmembench_preloaded_totals[0] += 1;
    next(address, length);
}

void *pmem_memcpy(void *destination, const void *source, size_t length, unsigned flags) {
    NEXT(void *(*)(void *, const void *, size_t, unsigned), "pmem_memcpy");
    count_copy(destination, length, flags);
    return next(destination, source, length, flags);
}

void *pmem_memmove(void *destination, const void *source, size_t length, unsigned flags) {
    NEXT(void *(*)(void *, const void *, size_t, unsigned), "pmem_memmove");
    count_copy(destination, length, flags);
    return next(destination, source, length, flags);
}

void *pmem_memset(void *destination, int value, size_t length, unsigned flags) {
    NEXT(void *(*)(void *, int, size_t, unsigned), "pmem_memset");
    count_copy(destination, length, flags);
    return next(destination, value, length, flags);
}
