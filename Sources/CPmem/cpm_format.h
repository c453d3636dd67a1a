// What lies on the medium, field for field as docs/format.md describes it. Little-endian, fixed width, reserved
// bytes zero. Tests/PmemStoreTests/Format holds this file and the document to each other.
#ifndef CPM_FORMAT_H
#define CPM_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define CPM_FORMAT_VERSION 1u
#define CPM_LINE 64u
#define CPM_CHUNK_BYTES (2u << 20)

#define CPM_SEGMENT_MAGIC 0x31474553656d5050ull     // "PPmeSEG1"
#define CPM_SUPERBLOCK_MAGIC 0x31524550755350ull    // "PSuPER1"
#define CPM_LOG_MAGIC 0x454cu                       // "LE"
#define CPM_NODE_MAGIC 0x444eu                      // "ND"
#define CPM_TABLE_MAGIC 0x4b4c425455484331ull       // "1CHUTBLK"
#define CPM_BITMAP_MAGIC 0x50414d42u                // "BMAP"

// A key and its value, in a slot of the record heap. The key follows at byte 12, the value behind the key.
typedef struct {
    uint32_t checksum;    // over bytes 4... of the record, seeded with its own offset
    uint32_t epoch;       // in which the record was written; a checkpoint's cut ends an epoch
    uint16_t keyBytes;
    uint16_t valueBytes;  // CPM_VALUE_EXTERNAL: a cpm_external_value follows the key
} cpm_record_header;
#define CPM_VALUE_EXTERNAL 0xffffu
_Static_assert(sizeof(cpm_record_header) == 12, "record header");

// Where a large value lies: an extent of its own, without a header.
typedef struct {
    uint64_t offset;
    uint64_t byteCount;
    uint32_t checksum;  // over the value, seeded with its offset
    uint32_t reserved;
} cpm_external_value;
_Static_assert(sizeof(cpm_external_value) == 24, "external value");

// One transaction in the commit log. Operations follow, or a cpm_log_spill that says where they are.
typedef struct {
    uint32_t checksum;  // over bytes 4..., seeded with salt, commit number and the entry's own offset
    uint32_t byteCount; // of the whole entry, a multiple of 64
    uint64_t commit;
    uint32_t operationCount;
    uint16_t flags;     // CPM_LOG_...; bits 8...15: low byte of the newest durable superblock's generation
    uint16_t magic;
} cpm_log_entry;
#define CPM_LOG_SPILLED 2u  // the operations stand in a heap extent: one cpm_log_spill follows
#define CPM_LOG_PAD 4u      // no transaction: fills the ring up to its end
_Static_assert(sizeof(cpm_log_entry) == 24, "log entry");

typedef struct {
    uint64_t record;    // offset of the record, its kind in bits 0...5
    uint64_t replaced;  // offset of the record that this one takes the place of, or 0
    uint32_t table;
    uint32_t checksum;  // the record's own; of a delete its low 16 bits
} cpm_log_operation;
#define CPM_OPERATION_PUT 1u
#define CPM_OPERATION_DELETE 2u
#define CPM_OPERATION_DELETE_RANGE 3u
_Static_assert(sizeof(cpm_log_operation) == 24, "log operation");

typedef struct {
    uint64_t offset;
    uint64_t byteCount;
    uint32_t checksum;
    uint32_t reserved;
} cpm_log_spill;
_Static_assert(sizeof(cpm_log_spill) == 24, "log spill");

// A tree node: this line, then heads, references, separators or prefix. Fields marked DRAM are zero on the medium.
typedef struct {
    uint32_t checksum;     // over bytes 4... of the node, seeded with its own offset
    uint16_t magic;
    uint8_t level;         // 0: leaf
    uint8_t flags;         // CPM_NODE_CATALOG
    uint16_t count;
    uint16_t prefixBytes;  // bytes that all keys below share and the heads leave out
    uint16_t lines;        // size of the node in lines of 64 bytes
    uint16_t reserved0;    // DRAM: the entry that `changed` speaks of
    uint32_t epoch;        // that the writing checkpoint ended, not its superblock's generation
    uint32_t heapBytes;    // bytes of the separator heap in use, prefix included
    uint64_t place;        // medium: the node's own offset. DRAM: its reference on the medium, once it has one
    uint64_t pairs;        // in a table's root: number of pairs in the table
    uint64_t stamp;        // DRAM: the writer's stamp, of nodes that may change; of a retired node, when it left the tree
    uint64_t born;         // DRAM: commit number that published the node
    uint64_t changed;      // DRAM: commit that has changed an entry of the published leaf
} cpm_node;
#define CPM_NODE_CATALOG 1u
_Static_assert(sizeof(cpm_node) == 64, "node header");
_Static_assert(offsetof(cpm_node, place) == 24, "node place");

// One of two; the newer valid one counts. The copy bits of the chunk table blocks follow at byte 256.
typedef struct {
    uint64_t magic;
    uint32_t version;
    uint32_t checksum;     // over the slot's used bytes with this field zero, seeded with the slot's offset
    uint64_t generation;
    uint64_t offset;       // the slot's own
    uint8_t storeIdentifier[16];
    uint64_t commit;       // last commit that the root holds
    uint64_t root;         // reference of the catalog's root node, 0 when there is none
    uint64_t logPosition;  // position of the first log entry that the root does not hold
    uint64_t salt;
    uint64_t logOffset;
    uint64_t logBytes;
    uint64_t byteCount;    // of all segments known
    uint32_t segmentCount;
    uint32_t tableBlockCount;
    uint32_t nextTable;
    uint32_t flags;
    uint64_t replayNanoseconds;  // time to replay 1000 operations: measured or guessed; 0 at creation
    uint64_t epoch;        // in which the commits up to this checkpoint were made
    uint8_t reserved[120];
} cpm_superblock;
#define CPM_SUPERBLOCK_SLOT_BYTES 16384u
#define CPM_SUPERBLOCK_CLEAN 1u
_Static_assert(sizeof(cpm_superblock) == 256, "superblock");

// First page of every segment file, written before the segment is known to anyone and never again.
typedef struct {
    uint64_t magic;
    uint32_t version;
    uint32_t checksum;     // over the 4096 bytes with this field zero, seeded with index
    uint8_t storeIdentifier[16];
    uint32_t index;
    uint32_t chunkCount;
    uint64_t baseOffset;   // of the segment in the store's address range
    uint64_t byteCount;
    uint64_t reservedBytes;    // header, superblocks, chunk table and log: everything before the first slot
    uint64_t chunkTableOffset; // from the segment's start
    uint64_t logOffset;        // from the segment's start; 0: no log here
    uint64_t logBytes;
    uint64_t extentFingerprint;
    uint64_t fileSystemIdentifier;
    uint64_t inode;
    uint8_t reserved[3984];
} cpm_segment_header;
_Static_assert(sizeof(cpm_segment_header) == 4096, "segment header");

// Descriptors of 56 chunks. Each block has two copies side by side; the superblock's bit says which one counts.
#define CPM_TABLE_BLOCK_CHUNKS 56u
typedef struct {
    uint64_t magic;
    uint32_t checksum;    // over bytes 12..., seeded with the copy's own offset
    uint32_t reserved0;
    uint64_t generation;  // epoch that the writing checkpoint ended
    uint64_t offset;
    uint64_t reserved[4];
    uint64_t chunks[CPM_TABLE_BLOCK_CHUNKS];
} cpm_table_block;
_Static_assert(sizeof(cpm_table_block) == 512, "chunk table block");
// A descriptor: kind in bits 0...7, bitmap copy in bit 8, live slots in bits 16...31, bitmap checksum in 32...63.
// For the first chunk of a run the length in chunks stands in bits 32...63.
#define CPM_CHUNK_FREE 0u
#define CPM_CHUNK_RESERVED 1u
#define CPM_CHUNK_RUN 2u
#define CPM_CHUNK_RUN_BODY 3u
#define CPM_CHUNK_SLAB 16u  // 16 + size class

// Head of a slot bitmap; the words follow. Two copies stand at the start of every slab chunk.
typedef struct {
    uint32_t magic;
    uint32_t checksum;   // over bytes 8..., seeded with the copy's own offset
    uint32_t slotCount;
    uint32_t epoch;      // that the writing checkpoint ended
} cpm_bitmap;
_Static_assert(sizeof(cpm_bitmap) == 16, "bitmap head");

#endif
