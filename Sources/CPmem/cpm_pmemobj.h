// libpmemobj for the benchmark: macros and variadic functions made callable from Swift. No logic.
#ifndef CPM_PMEMOBJ_H
#define CPM_PMEMOBJ_H

#include <libpmemobj.h>

#endif
