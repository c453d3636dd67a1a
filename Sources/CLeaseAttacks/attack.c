#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cpm_attack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef const struct cpm_attack_target *Target;

#define MIB (1ull << 20)

// An attack that the file system does not know, as opposed to one that it refuses.
static int result(long answer) { return answer < 0 ? errno : 0; }

static int closing(int descriptor, int code) {
    close(descriptor);
    return code;
}

static int opened(Target t, int flags) {
    int descriptor = open(t->path, flags | O_CLOEXEC);
    return descriptor < 0 ? errno : closing(descriptor, 0);
}

// ---------------------------------------------------------------------------------------------------------------
// By path

static int openReading(Target t) { return opened(t, O_RDONLY); }
static int openWriting(Target t) { return opened(t, O_RDWR); }
static int openAppending(Target t) { return opened(t, O_WRONLY | O_APPEND); }
static int openCutting(Target t) { return opened(t, O_WRONLY | O_TRUNC); }
static int openReadingAtOnce(Target t) { return opened(t, O_RDONLY | O_NONBLOCK); }
static int openWritingAtOnce(Target t) { return opened(t, O_RDWR | O_NONBLOCK); }
static int openPath(Target t) { return opened(t, O_PATH); }

static int reopenPath(Target t) {
    int descriptor = open(t->path, O_PATH | O_CLOEXEC);
    if (descriptor < 0) return errno;
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    int again = open(name, O_RDWR | O_CLOEXEC);
    if (again < 0) return closing(descriptor, errno);
    close(again);
    return closing(descriptor, 0);
}

static int openByHandle(Target t) {
    union {
        struct file_handle head;
        char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    } handle;
    int mount = 0;
    handle.head.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(AT_FDCWD, t->path, &handle.head, &mount, 0)) return errno;
    int directory = open(t->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return errno;
    int descriptor = open_by_handle_at(directory, &handle.head, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return closing(directory, errno);
    close(descriptor);
    return closing(directory, 0);
}

static int readAll(Target t) {
    int descriptor = open(t->path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return errno;
    static char buffer[65536];
    while (read(descriptor, buffer, sizeof buffer) > 0) continue;
    return closing(descriptor, 0);
}

static int cutByPath(Target t) { return result(truncate(t->path, (off_t)(t->byteCount - MIB))); }
static int renameAway(Target t) { return result(rename(t->path, t->spare)); }
static int renameOver(Target t) { return result(rename(t->other, t->path)); }
static int removeName(Target t) { return result(unlink(t->path)); }
static int linkToo(Target t) { return result(link(t->path, t->spare)); }
static int changeMode(Target t) { return result(chmod(t->path, 0640)); }
static int changeOwner(Target t) { return result(chown(t->path, 1, 1)); }
static int changeTimes(Target t) { return result(utimes(t->path, (struct timeval *)0)); }
static int setAttribute(Target t) { return result(setxattr(t->path, "user.attack", "1", 1, 0)); }

// file_setattr(2): clears the flags of a seal without opening the file.
static int clearFlagsByPath(Target t) {
    struct {
        uint64_t flags;
        uint32_t extentSize, extentCount, project, cowExtentSize;
    } attributes = {0, 0, 0, 0, 0};
    if (syscall(468, AT_FDCWD, t->path, &attributes, sizeof attributes, 0)) return errno;
    attributes.flags &= ~0x18ull;  // FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND
    return result(syscall(469, AT_FDCWD, t->path, &attributes, sizeof attributes, 0));
}

// ---------------------------------------------------------------------------------------------------------------
// Through a descriptor for reading

struct cloneRange {
    int64_t source;
    uint64_t sourceOffset, byteCount, offset;
};
#define CLONE_WHOLE _IOW(0x94, 9, int)
#define CLONE_RANGE _IOW(0x94, 13, struct cloneRange)

struct dedupeHead {
    uint64_t sourceOffset, byteCount;
    uint16_t count, reserved1;
    uint32_t reserved2;
};
struct dedupeRange {
    struct dedupeHead head;
    struct {
        int64_t descriptor;
        uint64_t offset, done;
        int32_t status;
        uint32_t reserved;
    } to[1];
};
#define DEDUPE _IOWR(0x94, 54, struct dedupeHead)

static int spareFile(Target t) { return open(t->spare, O_RDWR | O_CREAT | O_CLOEXEC, 0600); }
static int otherFile(Target t) { return open(t->other, O_RDWR | O_CLOEXEC); }

static int clone(Target t) {
    int to = spareFile(t);
    return to < 0 ? errno : closing(to, result(ioctl(to, CLONE_WHOLE, t->descriptor)));
}

static int cloneRange(Target t) {
    int to = spareFile(t);
    struct cloneRange range = {t->descriptor, MIB, MIB, 0};
    return to < 0 ? errno : closing(to, result(ioctl(to, CLONE_RANGE, &range)));
}

static int copyRange(Target t) {
    int to = spareFile(t);
    if (to < 0) return errno;
    off_t from = 0;
    return closing(to, result(syscall(SYS_copy_file_range, t->descriptor, &from, to, (void *)0, t->byteCount, 0)));
}

static int dedupe(int from, int to, uint64_t offset) {
    struct dedupeRange range = {{offset, 65536, 1, 0, 0}, {{to, offset, 0, 0, 0}}};
    if (ioctl(from, DEDUPE, &range)) return errno;
    if (range.to[0].status < 0) return -range.to[0].status;
    return range.to[0].status == 0 ? 0 : EINVAL;  // the contents differ
}

static int dedupeFrom(Target t) {
    int to = otherFile(t);
    return to < 0 ? errno : closing(to, dedupe(t->descriptor, to, t->byteCount - MIB));
}

static int dedupeOntoReader(Target t) {
    int from = otherFile(t);
    return from < 0 ? errno : closing(from, dedupe(from, t->descriptor, t->byteCount - MIB));
}

static int mapReading(Target t) {
    void *page = mmap((void *)0, 65536, PROT_READ, MAP_SHARED, t->descriptor, 0);
    if (page == MAP_FAILED) return errno;
    volatile char byte = *(char *)page;
    (void)byte;
    munmap(page, 65536);
    return 0;
}

static int clearFlags(Target t) {
    int flags = 0;
    if (ioctl(t->descriptor, _IOR('f', 1, long), &flags)) return errno;
    flags &= ~0x30;
    return result(ioctl(t->descriptor, _IOW('f', 2, long), &flags));
}

static int synchronizeSystem(Target t) { return result(syncfs(t->descriptor)); }

// ---------------------------------------------------------------------------------------------------------------
// Through a descriptor for writing

static int allocate(Target t, int mode, uint64_t offset, uint64_t byteCount) {
    return result(syscall(SYS_fallocate, t->descriptor, mode, offset, byteCount));
}

static int cut(Target t) { return result(ftruncate(t->descriptor, (off_t)(t->byteCount - MIB))); }
static int extend(Target t) { return result(ftruncate(t->descriptor, (off_t)(t->byteCount + MIB))); }
static int cutAndExtend(Target t) {
    int code = cut(t);
    return code ? code : result(ftruncate(t->descriptor, (off_t)t->byteCount));
}
static int punch(Target t) { return allocate(t, 0x03, t->byteCount - MIB, MIB); }
static int zero(Target t) { return allocate(t, 0x10, t->byteCount - MIB, MIB); }
static int collapse(Target t) { return allocate(t, 0x08, t->byteCount - 2 * MIB, MIB); }
static int insert(Target t) { return allocate(t, 0x20, t->byteCount - MIB, MIB); }
static int unshare(Target t) { return allocate(t, 0x40, 0, t->byteCount); }
static int grow(Target t) { return allocate(t, 0, t->byteCount, MIB); }

static int rewrite(Target t) {
    static char buffer[65536];
    if (pread(t->descriptor, buffer, sizeof buffer, (off_t)(t->byteCount - MIB)) < 0) return errno;
    if (pwrite(t->descriptor, buffer, sizeof buffer, (off_t)(t->byteCount - MIB)) < 0) return errno;
    return result(fdatasync(t->descriptor));
}

static int mapWriting(Target t) {
    char *page = mmap((void *)0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, t->descriptor, (off_t)(t->byteCount - MIB));
    if (page == MAP_FAILED) return errno;
    munmap(page, 4096);
    return 0;
}

static int cloneOnto(Target t) {
    int from = otherFile(t);
    struct cloneRange range = {from, t->byteCount - MIB, MIB, t->byteCount - MIB};
    return from < 0 ? errno : closing(from, result(ioctl(t->descriptor, CLONE_RANGE, &range)));
}

static int dedupeOnto(Target t) { return dedupeOntoReader(t); }

static int copyOnto(Target t) {
    int from = otherFile(t);
    if (from < 0) return errno;
    off_t at = (off_t)(t->byteCount - MIB), to = at;
    return closing(from, result(syscall(SYS_copy_file_range, from, &at, t->descriptor, &to, MIB, 0)));
}

// XFS_IOC_SWAPEXT: what xfs_fsr does. Needs the file's times and inode as bulkstat reports them.
struct xfsTime {
    int64_t seconds;
    int32_t nanoseconds;
};
struct xfsBulk {
    uint64_t inode;
    uint16_t mode, links;
    uint32_t uid, gid, device;
    int32_t blockSize;
    int64_t size;
    struct xfsTime access, modification, change;
    int64_t blocks;
    uint32_t flags;
    int32_t extentSize, extents;
    uint32_t generation;
    uint16_t projectLow;
    char rest[22];
};
struct xfsBulkRequest {
    uint64_t *last;
    int32_t count;
    void *buffer;
    int32_t *found;
};
struct xfsSwap {
    int64_t version, target, donor;
    int64_t offset, byteCount;
    char padding[16];
    struct xfsBulk status;
};

static int swapExtents(Target t) {
    int donor = otherFile(t);
    if (donor < 0) return errno;
    struct stat status;
    struct xfsSwap swap;
    memset(&swap, 0, sizeof swap);
    if (fstat(t->descriptor, &status)) return closing(donor, errno);
    uint64_t inode = status.st_ino;
    int32_t found = 0;
    struct xfsBulkRequest request = {&inode, 1, &swap.status, &found};
    // XFS_IOC_FSBULKSTAT_SINGLE
    if (ioctl(t->descriptor, _IOWR('X', 102, struct xfsBulkRequest), &request)) return closing(donor, errno);
    swap.target = t->descriptor;
    swap.donor = donor;
    swap.byteCount = status.st_size;
    return closing(donor, result(ioctl(t->descriptor, _IOWR('X', 109, struct xfsSwap), &swap)));
}

struct xfsExchange {
    int32_t file;
    uint32_t padding;
    uint64_t offset1, offset2, byteCount, flags;
};

static int exchangeRange(Target t) {
    int donor = otherFile(t);
    struct xfsExchange range = {donor, 0, 0, 0, t->byteCount, 0};
    return donor < 0 ? errno
                     : closing(donor, result(ioctl(t->descriptor, _IOW('X', 129, struct xfsExchange), &range)));
}

struct ext4Move {
    uint32_t reserved, donor;
    uint64_t start, donorStart, blocks, moved;
};

static int moveExtents(Target t) {
    int donor = otherFile(t);
    if (donor < 0) return errno;
    // Dirty pages make it EBUSY.
    for (int attempt = 0;; attempt++) {
        struct ext4Move move = {0, (uint32_t)donor, 0, 0, t->byteCount / 4096, 0};
        fsync(t->descriptor);
        fsync(donor);
        if (ioctl(t->descriptor, _IOWR('f', 15, struct ext4Move), &move) == 0) return closing(donor, 0);
        if (errno != EBUSY || attempt == 20) return closing(donor, errno);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// By command

static int command(const char *format, const char *argument) {
    char line[4096];
    if (snprintf(line, sizeof line, format, argument) >= (int)sizeof line) return ENAMETOOLONG;
    char quiet[4200];
    snprintf(quiet, sizeof quiet, "(%s) </dev/null >/dev/null 2>&1", line);
    int status = system(quiet);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOSYS : EPERM;
}

static int cpReflink(Target t) {
    char line[4096];
    snprintf(line, sizeof line, "cp --reflink=auto '%s' '%s'", t->path, t->spare);
    return command("%s", line);
}
static int changeAttributes(Target t) { return command("chattr -i -a '%s'", t->path); }
static int defragmentXfs(Target t) { return command("xfs_fsr -v '%s'", t->path); }
static int defragmentExt4(Target t) { return command("e4defrag '%s'", t->path); }
static int trim(Target t) { return command("fstrim '%s'", t->mount); }
static int freeze(Target t) { return command("fsfreeze -f '%1$s' && fsfreeze -u '%1$s'", t->mount); }
static int balance(Target t) { return command("btrfs balance start --full-balance '%s'", t->mount); }
static int loopDevice(Target t) {
    return command("device=$(losetup --show -f -r '%s') && losetup -d \"$device\"", t->path);
}

// ---------------------------------------------------------------------------------------------------------------

static const struct {
    const char *name;
    int means;
    int (*run)(Target);
} attacks[] = {
    {"open for reading", CPM_ATTACK_PATH, openReading},
    {"open for reading, not waiting", CPM_ATTACK_PATH, openReadingAtOnce},
    {"open for writing", CPM_ATTACK_PATH, openWriting},
    {"open for writing, not waiting", CPM_ATTACK_PATH, openWritingAtOnce},
    {"open for appending", CPM_ATTACK_PATH, openAppending},
    {"open with O_TRUNC", CPM_ATTACK_PATH, openCutting},
    {"open with O_PATH", CPM_ATTACK_PATH, openPath},
    {"open with O_PATH, open again by /proc", CPM_ATTACK_PATH, reopenPath},
    {"open by handle", CPM_ATTACK_PATH, openByHandle},
    {"read all of it", CPM_ATTACK_PATH, readAll},
    {"truncate by path", CPM_ATTACK_PATH, cutByPath},
    {"rename", CPM_ATTACK_PATH, renameAway},
    {"rename another file over it", CPM_ATTACK_PATH, renameOver},
    {"unlink", CPM_ATTACK_PATH, removeName},
    {"link", CPM_ATTACK_PATH, linkToo},
    {"chmod", CPM_ATTACK_PATH, changeMode},
    {"chown", CPM_ATTACK_PATH, changeOwner},
    {"utimes", CPM_ATTACK_PATH, changeTimes},
    {"setxattr", CPM_ATTACK_PATH, setAttribute},
    {"file_setattr by path: clear the seal", CPM_ATTACK_PATH, clearFlagsByPath},
    {"FICLONE from it", CPM_ATTACK_READER, clone},
    {"FICLONERANGE from it", CPM_ATTACK_READER, cloneRange},
    {"copy_file_range from it", CPM_ATTACK_READER, copyRange},
    {"FIDEDUPERANGE from it", CPM_ATTACK_READER, dedupeFrom},
    {"FIDEDUPERANGE onto it, read-only descriptor", CPM_ATTACK_READER, dedupeOntoReader},
    {"map for reading", CPM_ATTACK_READER, mapReading},
    {"FS_IOC_SETFLAGS: clear the seal", CPM_ATTACK_READER, clearFlags},
    {"syncfs", CPM_ATTACK_READER, synchronizeSystem},
    {"ftruncate: cut", CPM_ATTACK_WRITER, cut},
    {"ftruncate: extend", CPM_ATTACK_WRITER, extend},
    {"ftruncate: cut and extend", CPM_ATTACK_WRITER, cutAndExtend},
    {"FALLOC_FL_PUNCH_HOLE", CPM_ATTACK_WRITER, punch},
    {"FALLOC_FL_ZERO_RANGE", CPM_ATTACK_WRITER, zero},
    {"FALLOC_FL_COLLAPSE_RANGE", CPM_ATTACK_WRITER, collapse},
    {"FALLOC_FL_INSERT_RANGE", CPM_ATTACK_WRITER, insert},
    {"FALLOC_FL_UNSHARE_RANGE", CPM_ATTACK_WRITER, unshare},
    {"fallocate behind its end", CPM_ATTACK_WRITER, grow},
    {"pwrite of the same bytes", CPM_ATTACK_WRITER, rewrite},
    {"map for writing", CPM_ATTACK_WRITER, mapWriting},
    {"FICLONERANGE onto it", CPM_ATTACK_WRITER, cloneOnto},
    {"FIDEDUPERANGE onto it", CPM_ATTACK_WRITER, dedupeOnto},
    {"copy_file_range onto it", CPM_ATTACK_WRITER, copyOnto},
    {"XFS_IOC_SWAPEXT", CPM_ATTACK_WRITER, swapExtents},
    {"XFS_IOC_EXCHANGE_RANGE", CPM_ATTACK_WRITER, exchangeRange},
    {"EXT4_IOC_MOVE_EXT", CPM_ATTACK_WRITER, moveExtents},
    {"cp --reflink=auto", CPM_ATTACK_COMMAND, cpReflink},
    {"chattr -i -a", CPM_ATTACK_COMMAND, changeAttributes},
    {"xfs_fsr", CPM_ATTACK_COMMAND, defragmentXfs},
    {"e4defrag", CPM_ATTACK_COMMAND, defragmentExt4},
    {"losetup", CPM_ATTACK_COMMAND, loopDevice},
    {"fstrim", CPM_ATTACK_COMMAND, trim},
    {"fsfreeze and thaw", CPM_ATTACK_COMMAND, freeze},
    {"btrfs balance", CPM_ATTACK_COMMAND, balance},
};

int cpm_attack_count(void) { return (int)(sizeof attacks / sizeof attacks[0]); }
const char *cpm_attack_name(int index) { return attacks[index].name; }
int cpm_attack_means(int index) { return attacks[index].means; }
int cpm_attack_run(int index, const struct cpm_attack_target *target) { return attacks[index].run(target); }
const char *cpm_attack_error_name(int code) { return strerrorname_np(code); }
