// System calls that Swift cannot call as they are: variadic functions, macros, missing constants. No logic.
#ifndef CPM_SYSTEM_H
#define CPM_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Waits while *word == expected; nanoseconds < 0 waits without limit.
static inline int cpm_futex_wait(uint32_t *word, uint32_t expected, int64_t nanoseconds) {
    struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    return (int)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
                        nanoseconds < 0 ? (struct timespec *)0 : &limit, (void *)0, 0);
}

static inline int cpm_futex_wake(uint32_t *word, int count) {
    return (int)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, (void *)0, (void *)0, 0);
}

// A thread's name, as debuggers and profilers show it.
int pthread_setname_np(pthread_t thread, const char *name);

// The calling thread takes no signal any more that another thread of the process could take, but those that its own
// instructions raise.
static inline int cpm_block_signals(void) {
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, SIGBUS);
    sigdelset(&set, SIGSEGV);
    sigdelset(&set, SIGFPE);
    sigdelset(&set, SIGILL);
    sigdelset(&set, SIGTRAP);
    sigdelset(&set, SIGABRT);
    return pthread_sigmask(SIG_BLOCK, &set, (sigset_t *)0);
}

// Waits for a signal that the calling thread blocks. 1: it came, 0: it did not within the time.
static inline int cpm_wait_signal(int signal, int64_t nanoseconds) {
    sigset_t set;
    struct timespec limit = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigtimedwait(&set, (siginfo_t *)0, &limit) == signal;
}

// The calling thread's short waits end when they should, not up to 50 us later.
static inline void cpm_sleep_exactly(void) { prctl(PR_SET_TIMERSLACK, 1ul, 0, 0, 0); }

// The calling thread runs before all others of ordinary priority, if the process may have that (CAP_SYS_NICE, or a limit
// of RLIMIT_NICE); else nothing changes. Of one thread: its number counts as that of a process here.
static inline void cpm_run_first(void) { syscall(SYS_setpriority, 0 /* PRIO_PROCESS */, syscall(SYS_gettid), -20); }

// Page faults of the calling thread so far: those that needed no device, those that did.
struct cpm_faults {
    int64_t minor, major;
};
static inline struct cpm_faults cpm_thread_faults(void) {
    // struct rusage, whose header would bring Swift a second spelling of getrusage.
    long usage[18];
    struct cpm_faults faults = {0, 0};
    if (syscall(SYS_getrusage, 1 /* RUSAGE_THREAD */, usage) == 0) {
        faults.minor = usage[8];
        faults.major = usage[9];
    }
    return faults;
}

static inline int cpm_thread_identifier(void) { return (int)syscall(SYS_gettid); }

// CLOCK_MONOTONIC in nanoseconds.
static inline uint64_t cpm_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

// ---------------------------------------------------------------------------------------------------------------
// Files. linux/fs.h and sys/mount.h of glibc 2.36 exclude each other, so the few ioctls stand here by number.

struct cpm_fsxattr {
    uint32_t flags, extentSize, extentCount, project, cowExtentSize;
    uint8_t reserved[8];
};
#define CPM_XFLAG_EXTSIZE 0x0800u
#define CPM_XFLAG_NODEFRAG 0x2000u
#define CPM_FLAG_NOCOW 0x00800000
#define CPM_FLAG_IMMUTABLE 0x00000010

#define CPM_TMPFS_MAGIC 0x01021994
#define CPM_RAMFS_MAGIC 0x858458f6
#define CPM_EXT4_MAGIC 0xef53
#define CPM_XFS_MAGIC 0x58465342
#define CPM_BTRFS_MAGIC 0x9123683e
#define CPM_OVERLAY_MAGIC 0x794c7630

// Fills in the head and at most head->fm_extent_count extents behind it.
static inline int cpm_fiemap(int descriptor, struct fiemap *head) {
    return ioctl(descriptor, _IOWR('f', 11, struct fiemap), head);
}

static inline int cpm_get_fsxattr(int descriptor, struct cpm_fsxattr *attributes) {
    return ioctl(descriptor, _IOR('X', 31, struct cpm_fsxattr), attributes);
}

static inline int cpm_set_fsxattr(int descriptor, const struct cpm_fsxattr *attributes) {
    return ioctl(descriptor, _IOW('X', 32, struct cpm_fsxattr), attributes);
}

static inline int cpm_get_flags(int descriptor, int *flags) {
    return ioctl(descriptor, _IOR('f', 1, long), flags);
}

static inline int cpm_set_flags(int descriptor, const int *flags) {
    return ioctl(descriptor, _IOW('f', 2, long), flags);
}

#define CPM_FLAG_APPEND 0x00000020

// The flags of a file that keep others from it, as the kernel holds them now; -1: unknown.
static inline int cpm_seal_flags(int descriptor) {
    struct statx answer;
    if (syscall(SYS_statx, descriptor, "", 0x1000 /* AT_EMPTY_PATH */, 0, &answer)) return -1;
    return (int)(answer.stx_attributes & (CPM_FLAG_IMMUTABLE | CPM_FLAG_APPEND));  // same bits in both interfaces
}

struct cpm_clone_range {
    int64_t source;
    uint64_t sourceOffset, byteCount, offset;
};

// FICLONERANGE of a file onto itself. No file system does that; which error it is tells whether it clones at all.
static inline int cpm_clone_onto_itself(int descriptor) {
    struct cpm_clone_range range = {descriptor, 0, 4096, 0};
    return ioctl(descriptor, _IOW(0x94, 13, struct cpm_clone_range), &range);
}

static inline int cpm_syncfs(int descriptor) {
    return (int)syscall(SYS_syncfs, descriptor);
}

static inline int cpm_fallocate(int descriptor, int64_t offset, int64_t byteCount) {
    return (int)syscall(SYS_fallocate, descriptor, 0, offset, byteCount);
}

static inline int cpm_fallocate_mode(int descriptor, int mode, int64_t offset, int64_t byteCount) {
    return (int)syscall(SYS_fallocate, descriptor, mode, offset, byteCount);
}

static inline int cpm_punch_hole(int descriptor, int64_t offset, int64_t byteCount) {
    return (int)syscall(SYS_fallocate, descriptor, 0x03 /* PUNCH_HOLE | KEEP_SIZE */, offset, byteCount);
}

// Position of the first hole at or behind offset; the end of the file counts as one.
static inline int64_t cpm_seek_hole(int descriptor, int64_t offset) {
    return lseek(descriptor, offset, 4 /* SEEK_HOLE */);
}

static inline int cpm_rename_exclusively(const char *from, const char *to) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 1u /* RENAME_NOREPLACE */);
}

// 1: the file is accessed without the page cache, 0: it is not, -1: unknown.
static inline int cpm_is_dax(int descriptor) {
    struct statx answer;
    if (syscall(SYS_statx, descriptor, "", 0x1000 /* AT_EMPTY_PATH */, 0, &answer)) return -1;
    return (answer.stx_attributes & 0x00200000 /* STATX_ATTR_DAX */) != 0;
}

// Leases and locks.
static inline int cpm_set_lease_signal(int descriptor, int signal) {
    return fcntl(descriptor, 10 /* F_SETSIG */, signal);
}
static inline int cpm_set_lease(int descriptor, int kind) { return fcntl(descriptor, 1024 /* F_SETLEASE */, kind); }
// Whoever is told of a break: the one thread. For after F_SETLEASE, which sets somebody else.
static inline int cpm_set_lease_thread(int descriptor, int thread) {
    struct {
        int kind, identifier;
    } owner = {0 /* F_OWNER_TID */, thread};
    return fcntl(descriptor, 15 /* F_SETOWN_EX */, &owner);
}
static inline int cpm_get_lease(int descriptor) { return fcntl(descriptor, 1025 /* F_GETLEASE */); }
// A descriptor that names a file without opening it.
#define CPM_O_PATH 010000000

// A file without a name, in the directory that is opened.
#define CPM_O_TMPFILE 020200000  // its own bit and that of O_DIRECTORY

static inline int cpm_lock_description(int descriptor, struct flock *lock) {
    return fcntl(descriptor, 37 /* F_OFD_SETLK */, lock);
}
static inline int cpm_lock_process(int descriptor, struct flock *lock) { return fcntl(descriptor, F_SETLK, lock); }
static inline int cpm_lock_holder(int descriptor, struct flock *lock) { return fcntl(descriptor, F_GETLK, lock); }

// ThreadSanitizer replaces its own tables for a range that is unmapped: for a moment they are a hole half as long. A
// mapping that fits nowhere else comes to lie there, which ends the process ("mmap at bad address").
extern void __tsan_acquire(void *address) __attribute__((weak));
static inline int cpm_is_thread_sanitized(void) { return __tsan_acquire != 0; }

// mmap and madvise flags that older C libraries do not name.
#define CPM_MAP_SHARED_VALIDATE 0x03
#define CPM_MAP_SYNC 0x80000
#define CPM_MADV_DONTNEED 4
#define CPM_MADV_POPULATE_READ 22
#define CPM_MADV_POPULATE_WRITE 23
#define CPM_MADV_COLLAPSE 25

#endif
