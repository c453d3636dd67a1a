#define _GNU_SOURCE
#include "cfaults.h"

#include <dlfcn.h>

static volatile uint64_t marks[2];

void cfaults_mark(int which) { marks[which & 1] = 1; }
uint64_t cfaults_mark_address(int which) { return (uint64_t)(uintptr_t)&marks[which & 1]; }
uint64_t cfaults_fence_address(void) { return (uint64_t)(uintptr_t)dlsym(RTLD_NEXT, "pmem_drain"); }

// A sanitizer has its own idea of these functions.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define CFAULTS_INERT 1
#endif
#endif

#ifdef CFAULTS_INERT

void cfaults_arm(uint64_t n, int code, int isLasting) {}
void cfaults_arm_kill(uint64_t n) {}
void cfaults_arm_allocations(uint64_t n, int isLasting) {}
void cfaults_arm_claims(uint64_t n, int isLasting) {}
uint64_t cfaults_disarm(void) { return 0; }
const char *cfaults_failed(void) { return 0; }
int cfaults_failed_here(void) { return 0; }
const char *cfaults_call(uint64_t n) { return 0; }
int64_t cfaults_mapped_bytes(void) { return 0; }
int64_t cfaults_allocations(void) { return 0; }
int cfaults_is_inert(void) { return 1; }
void cfaults_watch_flushes(int byte) {}
uint64_t cfaults_fences(void) { return 0; }
uint64_t cfaults_flushed_bytes(void) { return 0; }

#else

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IDLE, CALLS, ALLOCATIONS, CLAIMS };
enum { KILL = -1 };

static _Atomic int mode = IDLE;
static _Atomic uint64_t counted, failing;
static _Atomic int lasting, failure;
static const char *_Atomic failed;
static _Atomic int failedHere;
static _Atomic pthread_t armer;
enum { REMEMBERED = 1 << 14 };
static const char *_Atomic names[REMEMBERED];
static _Atomic int64_t mapped, allocated;

static void arm(int newMode, uint64_t n, int code, int isLasting) {
    counted = 0;
    failing = n;
    failure = code;
    lasting = isLasting;
    failed = NULL;
    failedHere = 0;
    armer = pthread_self();
    mode = newMode;
}

void cfaults_arm(uint64_t n, int code, int isLasting) { arm(CALLS, n, code, isLasting); }
void cfaults_arm_kill(uint64_t n) { arm(CALLS, n, KILL, 0); }
void cfaults_arm_allocations(uint64_t n, int isLasting) { arm(ALLOCATIONS, n, ENOMEM, isLasting); }
void cfaults_arm_claims(uint64_t n, int isLasting) { arm(CLAIMS, n, ENOMEM, isLasting); }

uint64_t cfaults_disarm(void) {
    mode = IDLE;
    return counted;
}

const char *cfaults_failed(void) { return failed; }
int cfaults_failed_here(void) { return failedHere; }
const char *cfaults_call(uint64_t n) { return n > 0 && n <= counted && n <= REMEMBERED ? names[n - 1] : NULL; }
int64_t cfaults_mapped_bytes(void) { return mapped; }
int64_t cfaults_allocations(void) { return allocated; }

static int fails(int kind, const char *name) {
    if (mode != kind) return 0;
    uint64_t number = ++counted;
    if (number <= REMEMBERED) names[number - 1] = name;
    if (failing == 0 || (lasting ? number < failing : number != failing)) return 0;
    if (failure == KILL) kill(getpid(), SIGKILL);
    const char *none = NULL;
    if (__atomic_compare_exchange_n((const char **)&failed, &none, name, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        failedHere = pthread_equal(armer, pthread_self()) != 0;
    errno = failure;
    return 1;
}

// The C library's own function.
#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

// A function that fails by returning `bad`.
#define CALL(result, bad, name, parameters, ...) \
    result name parameters { \
        REAL(name); \
        return fails(CALLS, #name) ? (bad) : real(__VA_ARGS__); \
    }

CALL(int, -1, access, (const char *path, int how), path, how)
CALL(int, -1, fstat, (int file, struct stat *answer), file, answer)
CALL(int, -1, lstat, (const char *path, struct stat *answer), path, answer)
CALL(int, -1, fstatat, (int directory, const char *path, struct stat *answer, int flags), directory, path, answer, flags)
CALL(int, -1, statfs, (const char *path, struct statfs *answer), path, answer)
CALL(int, -1, fstatfs, (int file, struct statfs *answer), file, answer)
CALL(char *, NULL, realpath, (const char *path, char *resolved), path, resolved)
CALL(int, -1, mkdir, (const char *path, mode_t rights), path, rights)
CALL(int, -1, rmdir, (const char *path), path)
CALL(int, -1, unlink, (const char *path), path)
CALL(int, -1, unlinkat, (int directory, const char *path, int flags), directory, path, flags)
CALL(DIR *, NULL, opendir, (const char *path), path)
CALL(struct dirent *, NULL, readdir, (DIR *stream), stream)
CALL(off_t, -1, lseek, (int file, off_t offset, int origin), file, offset, origin)
CALL(ssize_t, -1, pread, (int file, void *bytes, size_t count, off_t offset), file, bytes, count, offset)
CALL(ssize_t, -1, pwrite, (int file, const void *bytes, size_t count, off_t offset), file, bytes, count, offset)
CALL(int, -1, fsync, (int file), file)
CALL(int, -1, fdatasync, (int file), file)
CALL(int, -1, msync, (void *address, size_t count, int flags), address, count, flags)
CALL(int, -1, madvise, (void *address, size_t count, int advice), address, count, advice)
CALL(int, -1, flock, (int file, int operation), file, operation)

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list rest;
    va_start(rest, flags);
    mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return fails(CALLS, "open") ? -1 : real(path, flags, rights);
}

int fcntl(int file, int command, ...) {
    REAL(fcntl);
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return fails(CALLS, "fcntl") ? -1 : real(file, command, argument);
}

int ioctl(int file, unsigned long request, ...) {
    static int (*real)(int, unsigned long, ...);
    if (!real) real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    return fails(CALLS, "ioctl") ? -1 : real(file, request, argument);
}

// What has no function of its own in this C library. Waiting for a futex is not a call that can be denied.
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list rest;
    va_start(rest, number);
    long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
    long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
    va_end(rest);
    const char *name = number == SYS_fallocate ? "fallocate"
        : number == SYS_renameat2 ? "renameat2"
        : number == SYS_statx ? "statx" : NULL;
    return name && fails(CALLS, name) ? -1 : real(number, a, b, c, d, e, f);
}

// Closes in any case, as Linux does.
int close(int file) {
    REAL(close);
    int result = real(file);
    return fails(CALLS, "close") ? -1 : result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    REAL(pthread_create);
    return fails(CALLS, "pthread_create") ? EAGAIN : real(thread, attributes, body, argument);
}

void *mmap(void *address, size_t count, int protection, int flags, int file, off_t offset) {
    REAL(mmap);
    int isMemory = flags & MAP_ANONYMOUS && protection & PROT_WRITE;
    int isClaim = mode == CLAIMS && flags & MAP_NORESERVE;
    if (fails(!isMemory ? CALLS : isClaim ? CLAIMS : ALLOCATIONS, "mmap")) return MAP_FAILED;
    void *result = real(address, count, protection, flags, file, offset);
    if (result != MAP_FAILED && !(flags & MAP_FIXED)) mapped += (int64_t)((count + 4095) & ~4095ul);
    return result;
}

// Never fails here: what could not be unmapped would be a leak that nobody can help.
int munmap(void *address, size_t count) {
    REAL(munmap);
    int result = real(address, count);
    if (result == 0) mapped -= (int64_t)((count + 4095) & ~4095ul);
    return result;
}

// ---------------------------------------------------------------------------------------------------------------
// libpmem. What is flushed is looked at before it is.

static _Atomic int watched = -1;
static _Atomic uint64_t fences, flushedBytes;

void cfaults_watch_flushes(int byte) {
    fences = 0;
    flushedBytes = 0;
    watched = byte;
}

int cfaults_is_inert(void) { return 0; }
uint64_t cfaults_fences(void) { return fences; }
uint64_t cfaults_flushed_bytes(void) { return flushedBytes; }

void pmem_drain(void) {
    static void (*real)(void);
    if (!real) real = (void (*)(void))dlsym(RTLD_NEXT, "pmem_drain");
    fences++;
    real();
}

void pmem_flush(const void *address, size_t count) {
    static void (*real)(const void *, size_t);
    if (!real) real = (void (*)(const void *, size_t))dlsym(RTLD_NEXT, "pmem_flush");
    const unsigned char *bytes = address;
    uint64_t found = 0;
    if (watched >= 0)
        for (size_t index = 0; index < count; index++) found += bytes[index] == watched;
    flushedBytes += found;
    real(address, count);
}

// ---------------------------------------------------------------------------------------------------------------
// Allocations. dlsym allocates too, so the C library's own entries are called by their other names.

extern void *__libc_malloc(size_t count);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t count);
extern void *__libc_memalign(size_t alignment, size_t count);
extern void __libc_free(void *block);

static void *counting(void *block) {
    if (block) allocated++;
    return block;
}

void *malloc(size_t count) { return fails(ALLOCATIONS, "malloc") ? NULL : counting(__libc_malloc(count)); }

void *calloc(size_t count, size_t size) {
    return fails(ALLOCATIONS, "calloc") ? NULL : counting(__libc_calloc(count, size));
}

void *realloc(void *old, size_t count) {
    if (fails(ALLOCATIONS, "realloc")) return NULL;
    void *block = __libc_realloc(old, count);
    if (block && !old) allocated++;
    return block;
}

void *memalign(size_t alignment, size_t count) {
    return fails(ALLOCATIONS, "memalign") ? NULL : counting(__libc_memalign(alignment, count));
}

void *aligned_alloc(size_t alignment, size_t count) { return memalign(alignment, count); }

int posix_memalign(void **block, size_t alignment, size_t count) {
    void *result = memalign(alignment, count);
    if (!result) return ENOMEM;
    *block = result;
    return 0;
}

void free(void *block) {
    if (block) allocated--;
    __libc_free(block);
}

#endif
