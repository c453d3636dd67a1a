// libpmemobj for the benchmark: macros and variadic functions made callable from Swift. No logic.
#ifndef CPM_PMEMOBJ_H
#define CPM_PMEMOBJ_H

#include <libpmemobj.h>

// Begins a transaction whose calls report failure by their return values: no jump buffer, no locks.
static inline int cpm_tx_begin(PMEMobjpool *pool) {
    int failure = pmemobj_tx_begin(pool, NULL, TX_PARAM_NONE);
    if (failure == 0) pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN);
    return failure;
}

// Offsets instead of object identifiers: the benchmark keeps one pool open.
static inline uint64_t cpm_tx_alloc(size_t byteCount, uint64_t kind) {
    return pmemobj_tx_xalloc(byteCount, kind, POBJ_XALLOC_NO_ABORT).off;
}

static inline uint64_t cpm_tx_zeroed_alloc(size_t byteCount, uint64_t kind) {
    return pmemobj_tx_xalloc(byteCount, kind, POBJ_XALLOC_NO_ABORT | POBJ_XALLOC_ZERO).off;
}

static inline int cpm_tx_free(uint64_t poolIdentifier, uint64_t offset) {
    PMEMoid object = {poolIdentifier, offset};
    return pmemobj_tx_xfree(object, POBJ_XFREE_NO_ABORT);
}

static inline int cpm_tx_add(const void *address, size_t byteCount) {
    return pmemobj_tx_xadd_range_direct(address, byteCount, POBJ_XADD_NO_ABORT);
}

static inline PMEMoid cpm_first_object(PMEMobjpool *pool) { return pmemobj_first(pool); }
static inline PMEMoid cpm_next_object(PMEMoid object) { return pmemobj_next(object); }

static inline int cpm_set_flag(const char *name, int value) { return pmemobj_ctl_set(NULL, name, &value); }

#endif
