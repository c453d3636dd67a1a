// Everything that somebody can do to the block map of a file that a store has mapped, one function each. For tests.
#ifndef CPM_ATTACK_H
#define CPM_ATTACK_H

#include <stdint.h>

// What an attack works through.
#define CPM_ATTACK_PATH 0    // the path alone; it opens what it needs
#define CPM_ATTACK_READER 1  // a descriptor that is open for reading
#define CPM_ATTACK_WRITER 2  // a descriptor that is open for reading and writing
#define CPM_ATTACK_COMMAND 3  // a command line, by a process of its own

struct cpm_attack_target {
    int descriptor;       // -1: none
    const char *path;     // of the segment
    const char *other;    // a file with the same bytes on the same file system
    const char *spare;    // a name on the same file system that nothing has
    const char *mount;    // where the file system is mounted
    uint64_t byteCount;   // of the segment; the last 1 MiB holds no data
};

int cpm_attack_count(void);
const char *cpm_attack_name(int index);
int cpm_attack_means(int index);

// 0, or the error number.
int cpm_attack_run(int index, const struct cpm_attack_target *target);

// The name of an error number; null: it has none.
const char *cpm_attack_error_name(int code);

// Denies all processes but one to open a file, and to cut or read it, until it is killed. Root only. `ready` is written
// when it has begun: "open", and "access" behind it where the kernel can deny that too. An error number.
int cpm_deny_run(const char *path, int friend, const char *ready);

// 1: this process may run it, and the kernel can do it.
int cpm_deny_is_possible(void);

#endif
