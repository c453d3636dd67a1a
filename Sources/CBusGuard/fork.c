#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cpm_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define CPM_FORK_SLOTS 256
#define CPM_FORK_DESCRIPTORS 65536

struct cpm_fork_slot {
    struct cpm_guard_words *words;  // none: free
    uint64_t begin, end;            // end 0: not to be looked at yet, or any more
};

static struct cpm_fork_slot slots[CPM_FORK_SLOTS];
static uint64_t kept[CPM_FORK_DESCRIPTORS / 64];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void leaveMappings(void) {
    int protection = PROT_READ | PROT_WRITE;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    for (int index = 0; index < CPM_FORK_SLOTS; index++) {
        struct cpm_fork_slot *slot = &slots[index];
        uint64_t end = __atomic_load_n(&slot->end, __ATOMIC_ACQUIRE);
        if (!end) continue;
        __atomic_store_n(&slot->words->inherited, 1, __ATOMIC_RELEASE);
        __atomic_fetch_add(&slot->words->faults, 1, __ATOMIC_SEQ_CST);
        // Where it fails, what the words say still keeps everybody away.
        mmap((void *)slot->begin, end - slot->begin, protection, flags, -1, 0);
    }
}

static void leaveFiles(void) {
    int none = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int part = 0; part < CPM_FORK_DESCRIPTORS / 64; part++) {
        uint64_t bits = __atomic_load_n(&kept[part], __ATOMIC_ACQUIRE);
        for (; bits; bits &= bits - 1) {
            int descriptor = part * 64 + __builtin_ctzll(bits);
            // Not only closed: a number that is free is given to the child's next file, which we would close.
            if (none < 0 || dup3(none, descriptor, O_CLOEXEC) < 0) close(descriptor);
        }
    }
    if (none >= 0) close(none);
}

static void inChild(void) {
    int code = errno;
    leaveMappings();
    leaveFiles();
    errno = code;
}

static void install(void) { pthread_atfork((void (*)(void))0, (void (*)(void))0, inChild); }

int cpm_fork_watch(uint64_t begin, uint64_t end, struct cpm_guard_words *words) {
    pthread_once(&once, install);
    for (int index = 0; index < CPM_FORK_SLOTS; index++) {
        struct cpm_fork_slot *slot = &slots[index];
        struct cpm_guard_words *none = (struct cpm_guard_words *)0;
        int isOurs = __atomic_compare_exchange_n(&slot->words, &none, words, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
        if (!isOurs) continue;
        slot->begin = begin;
        __atomic_store_n(&slot->end, end, __ATOMIC_RELEASE);
        return index;
    }
    return -1;
}

void cpm_fork_forget(int slot) {
    __atomic_store_n(&slots[slot].end, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&slots[slot].words, (struct cpm_guard_words *)0, __ATOMIC_RELEASE);
}

void cpm_fork_keep(int descriptor) {
    if (descriptor < 0 || descriptor >= CPM_FORK_DESCRIPTORS) return;
    pthread_once(&once, install);
    __atomic_fetch_or(&kept[descriptor / 64], 1ull << descriptor % 64, __ATOMIC_ACQ_REL);
}

void cpm_fork_drop(int descriptor) {
    if (descriptor < 0 || descriptor >= CPM_FORK_DESCRIPTORS) return;
    __atomic_fetch_and(&kept[descriptor / 64], ~(1ull << descriptor % 64), __ATOMIC_ACQ_REL);
}
