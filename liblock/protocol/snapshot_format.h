/*
 * The bytes of a snapshot file; lockd/doc/snapshot-files.md tells the whole story.
 *
 * A snapshot is the lock state at one index. Nothing in it is about one node: the file has
 * the same meaning on every member, and is sent to members as it is.
 *
 * The file is a header of one block, then chunks. Each chunk is `chunk_bytes` long in the
 * file, padded with zeros, and the last one only as many whole blocks as it needs. The
 * header is written last, because it says how many chunks there are.
 *
 *     offset  bytes  field of the header
 *          0      4  magic, "lsnp"
 *          4      1  version (SNAPSHOT_VERSION)
 *          5      1  zero
 *          6      2  version of the cluster; here in every version of the file
 *          8      4  chunk_bytes: a multiple of the block
 *         12      4  number of chunks, 1 or more
 *         16      8  bytes of the whole file
 *         24      8  cluster id
 *         32     16  last entry that the state has: term, index
 *         48      8  its sum
 *         56      8  cluster time T, ns
 *         64      8  wall clock when it was taken, ns: for people
 *         72      8  sum of all chunks
 *         80      2  bytes of the configuration
 *         82         the configuration (struct cluster_record, which is node's to read)
 *                    zeros
 *       4088      8  sum: XXH3-64 of bytes 0 to 4087
 *
 *     offset  bytes  field of a chunk
 *          0      4  magic, "lchk"
 *          4      4  number, from 0
 *          8      4  bytes of records in it
 *         12      4  zero
 *         16      8  index of the snapshot
 *         24      8  sum: XXH3-64 of the records, seeded with XXH3-64 of bytes 0 to 23
 *         32         records (locks/snapshot.h)
 *
 * The sum of all chunks is XXH3-64 of the last chunk's sum, seeded with that of the chunks
 * before it; 0 before the first. So a chunk that is lost, doubled or of another snapshot is
 * seen.
 */
#ifndef PROTOCOL_SNAPSHOT_FORMAT_H
#define PROTOCOL_SNAPSHOT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/entry.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_BLOCK_BYTES = 4096, /* The header; everything in the file is whole blocks */
    SNAPSHOT_CHUNK_HEAD_BYTES = 32,
    SNAPSHOT_CHUNK_BYTES = 256 * 1024, /* The usual chunk */
    SNAPSHOT_CHUNK_BYTES_MAX = 1024 * 1024,
    SNAPSHOT_CONFIGURATION_MAX = 3840,
};

struct snapshot_header {
    uint32_t chunk_bytes;
    uint32_t chunk_count;
    uint64_t file_bytes;
    uint16_t cluster_version; /* protocol/version.h: what the records are of, too */
    uint64_t cluster;
    struct entry_id last;
    uint64_t last_sum;
    uint64_t time;    /* T */
    uint64_t wall_ns; /* When it was taken */
    uint64_t content_sum;
    uint32_t configuration_bytes;
    unsigned char configuration[SNAPSHOT_CONFIGURATION_MAX];
};

struct snapshot_chunk {
    uint32_t number;
    uint32_t record_bytes;
    uint64_t index; /* Of the snapshot */
    uint64_t sum;
};

enum snapshot_finding {
    SNAPSHOT_GOOD,
    SNAPSHOT_DAMAGED, /* Not one, or damaged */
    SNAPSHOT_NEWER,   /* Intact, but of a later version */
};

/* Bytes of records that fit into a chunk. */
static inline uint32_t snapshot_chunk_room(uint32_t chunk_bytes)
{
    return chunk_bytes - SNAPSHOT_CHUNK_HEAD_BYTES;
}

/*
 * Write the whole block; read it. Of one that is newer, only `cluster_version` is read.
 */
void snapshot_write_header(unsigned char *block, const struct snapshot_header *header);
enum snapshot_finding snapshot_read_header(
        const unsigned char *block, struct snapshot_header *header);

/*
 * The records are at `bytes + SNAPSHOT_CHUNK_HEAD_BYTES`: write the head before them and
 * zeros behind, up to a whole block. Completes `chunk->sum`. How many bytes that are.
 */
uint32_t snapshot_write_chunk(unsigned char *bytes, struct snapshot_chunk *chunk);

/* False: it is not an intact chunk. */
bool snapshot_read_chunk(
        const unsigned char *bytes, size_t count, struct snapshot_chunk *chunk);

/* The sum of all chunks, with one more. */
uint64_t snapshot_add_sum(uint64_t content_sum, uint64_t chunk_sum);

#ifdef __cplusplus
}
#endif

#endif
