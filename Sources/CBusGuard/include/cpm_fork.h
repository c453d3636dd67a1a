// What a child of fork must not have of its parent's stores. C, because only what a signal handler may call may run
// between fork and the child's first instruction. A child that executes another program has nothing of them anyway.
#ifndef CPM_FORK_H
#define CPM_FORK_H

#include "cpm_guard.h"

// In a child that is forked from here on, the address range is zeros of its own, and the words say `inherited` and one
// fault more. Any thread. The slot that it takes; -1: all are taken.
int cpm_fork_watch(uint64_t begin, uint64_t end, struct cpm_guard_words *words);

void cpm_fork_forget(int slot);

// In a child that is forked from here on, this number is /dev/null: the open file, with its lease and its locks, stays
// with the parent alone. Any thread; numbers from 65536 on are not kept apart.
void cpm_fork_keep(int descriptor);

// Before the number is closed.
void cpm_fork_drop(int descriptor);

#endif
