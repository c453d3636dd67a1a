// Reflink and the file system's reverse map: ioctls by number, structs that no installed header has. No logic.
#ifndef CPM_SHARING_H
#define CPM_SHARING_H

#include "cpm_system.h"
#include <linux/fsmap.h>
#include <string.h>

// Makes destination share all blocks of source.
static inline int cpm_clone(int destination, int source) { return ioctl(destination, _IOW(0x94, 9, int), source); }

// Makes a range of destination share blocks of source.
struct cpm_clone_part_request {
    int64_t source;
    uint64_t sourceOffset, byteCount, destinationOffset;
};
static inline int cpm_clone_part(int destination, const struct cpm_clone_part_request *request) {
    return ioctl(destination, _IOW(0x94, 13, struct cpm_clone_part_request), request);
}

// Gives the file blocks of its own where it shares some.
static inline int cpm_unshare(int descriptor, int64_t offset, int64_t byteCount) {
    return (int)syscall(SYS_fallocate, descriptor, 0x40 /* FALLOC_FL_UNSHARE_RANGE */, offset, byteCount);
}

// Who owns blocks: fills in at most head->fmh_count records behind the head.
static inline int cpm_get_owners(int descriptor, struct fsmap_head *head) {
    return ioctl(descriptor, FS_IOC_GETFSMAP, head);
}

struct cpm_xfs_bulkstat {
    uint64_t inode, byteCount, blocks, flags;
    int64_t times[4];
    uint32_t generation, user, group, project, nanoseconds[4];
    uint32_t blockBytes, device, cowExtentBlocks, extentBlocks, links, extents, attributeExtents;
    uint16_t version, forkOffset, sick, checked, mode, padding;
    uint64_t extents64, reserved[6];
};
_Static_assert(sizeof(struct cpm_xfs_bulkstat) == 192, "the kernel's struct xfs_bulkstat");

struct cpm_xfs_bulkstat_request {
    uint64_t inode;
    uint32_t flags, wantedCount, foundCount, group;
    uint64_t reserved[5];
    struct cpm_xfs_bulkstat found;
};
_Static_assert(sizeof(struct cpm_xfs_bulkstat_request) == 64 + 192, "head and one record");

// The first inode at or behind request->inode. XFS only, privileged.
static inline int cpm_xfs_bulkstat(int descriptor, struct cpm_xfs_bulkstat_request *request) {
    // The number counts the head only.
    return ioctl(descriptor, _IOC(_IOC_READ, 'X', 127, 64), request);
}

// Opens a file of XFS by number and generation, also one that has no name any more. Privileged.
static inline int cpm_xfs_open_inode(int mount, uint64_t inode, uint32_t generation, int flags) {
    struct {
        uint32_t byteCount;
        int32_t kind;
        uint8_t bytes[12];
    } handle = {12, 0x81, {0}};
    memcpy(handle.bytes, &inode, 8);
    memcpy(handle.bytes + 8, &generation, 4);
    return (int)syscall(SYS_open_by_handle_at, mount, &handle, flags);
}

#endif
