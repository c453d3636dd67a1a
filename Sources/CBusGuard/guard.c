#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cpm_guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

// A table without locks, and nothing that a signal handler must not call: atomics, mmap, sigaction.

#define CPM_GUARD_SLOTS 256
#define CPM_GUARD_PAGE 4096ull

struct cpm_guard_slot {
    uint64_t begin, end;  // end 0: free; begin 0: being filled in
    struct cpm_guard_words *words;
};

struct cpm_guard {
    struct cpm_guard_slot slots[CPM_GUARD_SLOTS];
    struct sigaction previous;
    uint32_t used;  // slots that were ever taken
};

static struct cpm_guard cpm_guard_table;

static struct cpm_guard_slot *cpm_guard_find(uint64_t address) {
    uint32_t used = __atomic_load_n(&cpm_guard_table.used, __ATOMIC_ACQUIRE);
    for (uint32_t index = 0; index < used; index++) {
        struct cpm_guard_slot *slot = &cpm_guard_table.slots[index];
        uint64_t end = __atomic_load_n(&slot->end, __ATOMIC_ACQUIRE);
        uint64_t begin = __atomic_load_n(&slot->begin, __ATOMIC_ACQUIRE);
        if (begin && begin <= address && address < end) return slot;
    }
    return (struct cpm_guard_slot *)0;
}

static void cpm_guard_pass_on(int signal, siginfo_t *info, void *context) {
    struct sigaction *previous = &cpm_guard_table.previous;
    if (previous->sa_flags & SA_SIGINFO) {
        previous->sa_sigaction(signal, info, context);
    } else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN) {
        previous->sa_handler(signal);
    } else {
        // The instruction runs again, or the signal is sent again, and now ends the process as it would have.
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(signal, &action, (struct sigaction *)0);
        if (info->si_code <= 0) raise(signal);
    }
}

// A page of ours that the file does not back any more becomes a page of zeros that belongs to nobody, so that the
// instruction ends; whoever needs its outcome looks at the words before relying on it.
static void cpm_guard_handle(int signal, siginfo_t *info, void *context) {
    int code = errno;
    uint64_t address = (uint64_t)info->si_addr;
    struct cpm_guard_slot *slot = info->si_code > 0 ? cpm_guard_find(address) : (struct cpm_guard_slot *)0;
    if (slot) {
        uint64_t none = 0;
        __atomic_compare_exchange_n(&slot->words->firstAddress, &none, address, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        // Before the page appears: no thread can see its zeros and the words as they were.
        __atomic_fetch_add(&slot->words->faults, 1, __ATOMIC_SEQ_CST);
        void *page = (void *)(address & ~(CPM_GUARD_PAGE - 1));
        void *made = mmap(page, CPM_GUARD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        errno = code;
        if (made != MAP_FAILED) return;
    }
    cpm_guard_pass_on(signal, info, context);
    errno = code;
}

int cpm_guard_add(uint64_t begin, uint64_t end, struct cpm_guard_words *words) {
    for (int index = 0; index < CPM_GUARD_SLOTS; index++) {
        struct cpm_guard_slot *slot = &cpm_guard_table.slots[index];
        if (slot->end) continue;
        slot->words = words;
        __atomic_store_n(&slot->end, end, __ATOMIC_RELEASE);
        __atomic_store_n(&slot->begin, begin, __ATOMIC_RELEASE);
        if (cpm_guard_table.used <= (uint32_t)index)
            __atomic_store_n(&cpm_guard_table.used, (uint32_t)index + 1, __ATOMIC_RELEASE);
        return index;
    }
    return -1;
}

void cpm_guard_remove(int index) {
    __atomic_store_n(&cpm_guard_table.slots[index].begin, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&cpm_guard_table.slots[index].end, 0, __ATOMIC_RELEASE);
}

int cpm_guard_install(void) {
    struct sigaction action = {0};
    action.sa_sigaction = cpm_guard_handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &cpm_guard_table.previous);
}

int cpm_guard_uninstall(void) {
    struct sigaction current;
    if (sigaction(SIGBUS, (struct sigaction *)0, &current)) return 0;
    if (!(current.sa_flags & SA_SIGINFO) || current.sa_sigaction != cpm_guard_handle) return 0;
    return sigaction(SIGBUS, &cpm_guard_table.previous, (struct sigaction *)0) == 0;
}
