#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cpoison.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of Linux 6.6; Debian 12's headers are older.
#define CPOISON_FEATURE (1ull << 14)
#define CPOISON_USER_MODE_ONLY 1
struct cpoison_request {
    struct uffdio_range range;
    uint64_t mode;
    int64_t updated;
};
#define CPOISON_IOCTL _IOWR(UFFDIO, 0x08, struct cpoison_request)

int cpoison_open(void) {
    int descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | CPOISON_USER_MODE_ONLY);
    if (descriptor < 0) return -1;
    struct uffdio_api api = {.api = UFFD_API};
    if (ioctl(descriptor, UFFDIO_API, &api) == 0 && (api.features & CPOISON_FEATURE)) return descriptor;
    close(descriptor);
    return -1;
}

int cpoison_page(int descriptor, void *address) {
    struct uffdio_range page = {.start = (uint64_t)address, .len = 4096};
    struct uffdio_register request = {.range = page, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(descriptor, UFFDIO_REGISTER, &request)) return -1;
    // What is in the page table already would be read in spite of the mark.
    if (madvise(address, 4096, MADV_DONTNEED)) return -1;
    struct cpoison_request mark = {.range = page};
    return ioctl(descriptor, CPOISON_IOCTL, &mark);
}
