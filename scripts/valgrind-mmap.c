// Valgrind does not look for room above its own memory unless it is told where: the store's address range gets a place.
// Preloaded by scripts/instructions, never linked.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/types.h>

#define LARGE ((size_t)1 << 30)
#define ROOM ((void *)0x200000000000)

void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset) {
    static void *(*next)(void *, size_t, int, int, int, off_t);
    if (!next) next = (__typeof__(next))dlsym(RTLD_NEXT, "mmap");
    void *place = address == NULL && length >= LARGE ? ROOM : address;
    return next(place, length, protection, flags, descriptor, offset);
}
