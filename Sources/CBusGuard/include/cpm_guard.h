// The handler of SIGBUS in store mappings: C, because it runs in the middle of any instruction that touches a mapping.
// A target of its own, because the process must have one table, and a header cannot define one for Swift.
#ifndef CPM_GUARD_H
#define CPM_GUARD_H

#include <stdint.h>

// Two words that a mapping's owner watches. They lie in the owner's memory and outlive its slot.
struct cpm_guard_words {
    uint32_t faults;  // how many faults were answered; 0: the mapping is whole
    uint32_t inherited;  // 1: this process is a child of fork, and the mapping its parent's
    uint64_t firstAddress;  // of the first fault
};

// The calls are made by one thread at a time.

// Answers faults in an address range from here on. The slot that it takes; -1: all are taken.
int cpm_guard_add(uint64_t begin, uint64_t end, struct cpm_guard_words *words);

void cpm_guard_remove(int slot);

// Makes the handler the process's. 0: it is.
int cpm_guard_install(void);

// Gives SIGBUS back, unless somebody has put a handler of their own before ours since. 1: given back.
int cpm_guard_uninstall(void);

#endif
