// What the benchmark needs of the system and Swift cannot call. No logic.
#ifndef CPM_BENCHMARK_H
#define CPM_BENCHMARK_H

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Binds the calling thread to one processor of the first 1024. Not 0: there is no such processor for this process.
static inline int cpm_pin_thread(int processor) {
    unsigned char mask[128];
    if (processor < 0 || processor >= 1024) return -1;
    memset(mask, 0, sizeof mask);
    mask[processor / 8] = (unsigned char)(1u << (processor % 8));
    return (int)syscall(SYS_sched_setaffinity, 0, sizeof mask, mask);
}

// The C library keeps memory that was freed, so that page faults are not those of giving it back and taking it again.
static inline void cpm_keep_freed_memory(void) {
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_MAX, 0);
}

// The kernel kills this process when the thread that started it ends.
static inline void cpm_die_with_parent(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

#endif
