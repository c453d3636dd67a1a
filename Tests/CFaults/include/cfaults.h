// System calls and allocations of this process that fail on purpose, to test what a program makes of it.
//
// faults.c defines the C library's functions once more; in the executable that links it, they come first.
#ifndef CFAULTS_H
#define CFAULTS_H

#include <stdint.h>

// From now on the calls are counted, from 1, and the n-th fails with this error; with isLasting all later ones too.
// n = 0: none fails.
void cfaults_arm(uint64_t n, int code, int isLasting);
// The same; the n-th kills the process instead.
void cfaults_arm_kill(uint64_t n);
// The same for allocations: malloc and its relatives return NULL, mmap of plain memory fails.
void cfaults_arm_allocations(uint64_t n, int isLasting);
// The same for mmap of plain memory that is not reserved: what the program claims and may do without.
void cfaults_arm_claims(uint64_t n, int isLasting);
// Ends it and returns how many calls or allocations there were.
uint64_t cfaults_disarm(void);
// The function that was the first to fail since arming; NULL when none did.
const char *cfaults_failed(void);
// True when the thread that has armed made that call.
int cfaults_failed_here(void);
// The name of the n-th call since arming, from 1; NULL behind the last, and behind the 16 384th.
const char *cfaults_call(uint64_t n);
// Bytes of address space that this program has mapped and not unmapped, by its own calls, not the C library's.
int64_t cfaults_mapped_bytes(void);
// Allocations that were not freed yet.
int64_t cfaults_allocations(void);

// For tracers of stores: a store to one of two words that nothing else touches, and where they and pmem_drain are.
void cfaults_mark(int which);
uint64_t cfaults_mark_address(int which);
uint64_t cfaults_fence_address(void);

// libpmem's fences so far, and bytes of this value in what was flushed, at the moment of the flush. Behind `watch`.
void cfaults_watch_flushes(int byte);
// True where none of all this works, because of a sanitizer.
int cfaults_is_inert(void);
uint64_t cfaults_fences(void);
uint64_t cfaults_flushed_bytes(void);

#endif
