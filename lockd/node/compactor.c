/* Removes what a snapshot makes superfluous: see compactor.h. */
#include "node/compactor.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"

static const uint64_t look_ns = NS_PER_S;
static const uint64_t pause_ns = 10 * NS_PER_S; /* After a failure of the disk */
static const uint64_t heard_ns = 600 * NS_PER_S;

void compactor_carve(struct compactor *compactor, struct arena *arena)
{
    compactor->block = arena_take(arena, "node.log_begin", 1, WAL_BLOCK_BYTES, 4096);
}

void compactor_init(struct compactor *compactor)
{
    assert(compactor->raft && compactor->wal && compactor->files && compactor->roster);
    compactor->first_file = wal_begin(compactor->wal).segment;
    compactor->begin = compactor->first_file;
    compactor->keep_from = UINT64_MAX;
    compactor->told = true;
}

static void ask(struct compactor *compactor, const struct node_file *file)
{
    files_ask(compactor->files, FILES_COMPACTOR, file);
}

/* ---- How much ---- */

/* The first entry that a member lacks that was heard not long ago. */
static uint64_t lacking(const struct compactor *compactor)
{
    uint64_t first = UINT64_MAX;
    if (!raft_is_leader(compactor->raft))
        return first;
    for (uint8_t i = 0; i < compactor->roster->top; i++) {
        uint8_t id = compactor->roster->peers[i].id;
        uint64_t at_ns = raft_peer_heard_ns(compactor->raft, id);
        if (at_ns != 0 && compactor->times->now_ns - at_ns <= heard_ns)
            first = u64_min(first, raft_peer_lacks(compactor->raft, id));
    }
    return first;
}

/* Bytes of log that are kept at most for those who are behind. */
static uint64_t most_bytes(const struct compactor *compactor)
{
    uint64_t due = snapshots_due_bytes(compactor->snapshots, compactor->settings);
    uint64_t keep = compactor->settings->keep_bytes;
    return u64_max(COMPACTOR_SLOW_FACTOR * keep, COMPACTOR_DUE_FACTOR * due);
}

/* Entries before this one are in the snapshot, and damaged in the log. */
static uint64_t damaged_end(
        const struct compactor *compactor, const struct kept_snapshot *newest)
{
    bool has = compactor->mend_to != 0 && compactor->mend_to <= newest->last.index;
    return has ? compactor->mend_to + 1 : 0;
}

/* Entries before this one may go. */
static uint64_t limit(const struct compactor *compactor)
{
    const struct kept_snapshot *newest = snapshots_newest(compactor->snapshots);
    const struct kept_snapshot *older = snapshots_older(compactor->snapshots);
    if (!newest)
        return 0;
    uint64_t keep = compactor->settings->keep_bytes;
    uint64_t index = wal_behind(compactor->wal, keep).index + 1;
    uint64_t least = wal_behind(compactor->wal, most_bytes(compactor)).index + 1;
    uint64_t wanted = u64_min(lacking(compactor), compactor->keep_from);
    /* The older one may be one that is sent, and old. */
    wanted = u64_min(wanted, older->last.index + 1);
    index = u64_min(index, u64_max(wanted, least));
    index = u64_max(index, damaged_end(compactor, newest));
    return u64_min(index, newest->last.index + 1);
}

static void drop(struct compactor *compactor)
{
    if (!wal_drop_before(compactor->wal, limit(compactor)))
        return;
    MARK(log_compacted);
    raft_drop_before(compactor->raft, wal_begin(compactor->wal).before.index + 1);
    compactor->told = false;
    compactor->fresh = false;
}

/* ---- Files ---- */

static void write_begin(struct compactor *compactor, const struct log_begin *begin)
{
    bool fresh = compactor->fresh;
    const struct begin_block block = {
            .node = compactor->roster->self,
            .cluster = wal_cluster(compactor->wal),
            .incarnation = wal_incarnation(compactor->wal),
            .begin = *begin,
            .fresh = fresh,
            .term = fresh ? raft_term(compactor->raft) : 0,
            .vote = fresh ? raft_vote(compactor->raft) : 0,
    };
    log_begin_write(compactor->block, &block);
    compactor->writing = begin->segment;
    compactor->state = COMPACTOR_WRITING;
    const struct node_file file = {
            .action = NODE_FILE_CREATE,
            .name = NODE_FILE_BEGIN,
            .bytes = compactor->block,
            .count = WAL_BLOCK_BYTES,
    };
    ask(compactor, &file);
}

static void remove_segment(struct compactor *compactor)
{
    compactor->state = COMPACTOR_REMOVING;
    const struct node_file file = {
            .action = NODE_FILE_REMOVE,
            .name = NODE_FILE_SEGMENT,
            .number = compactor->first_file,
    };
    ask(compactor, &file);
}

static void remove_snapshot(struct compactor *compactor, uint64_t index)
{
    compactor->state = COMPACTOR_TIDYING;
    const struct node_file file = {
            .action = NODE_FILE_REMOVE,
            .name = NODE_FILE_SNAPSHOT,
            .number = index,
    };
    snapshots_remove(compactor->snapshots, index);
    ask(compactor, &file);
}

void compactor_begin_anew(struct compactor *compactor, const struct log_begin *begin)
{
    assert(compactor_is_idle(compactor));
    compactor->fresh = true;
    write_begin(compactor, begin);
}

bool compactor_began_anew(const struct compactor *compactor)
{
    assert(compactor_is_idle(compactor));
    return compactor->fresh;
}

/* Each second, and with each segment that is begun: a fast log fills several in a second. */
static bool is_time_to_look(const struct compactor *compactor)
{
    return compactor->mend_to != 0 ||
           compactor->times->now_ns - compactor->looked_ns >= look_ns ||
           compactor->looked_segment != wal_next_segment(compactor->wal);
}

void compactor_turn(struct compactor *compactor)
{
    uint64_t now_ns = compactor->times->now_ns;
    if (compactor->state != COMPACTOR_IDLE || now_ns < compactor->retry_ns)
        return;
    const struct kept_snapshot *old = snapshots_superfluous(compactor->snapshots);
    if (compactor->told && is_time_to_look(compactor)) {
        compactor->looked_ns = now_ns;
        compactor->looked_segment = wal_next_segment(compactor->wal);
        drop(compactor);
    }
    struct log_begin begin = wal_begin(compactor->wal);
    if (!compactor->told)
        write_begin(compactor, &begin);
    else if (compactor->first_file < compactor->begin)
        remove_segment(compactor);
    else if (old)
        remove_snapshot(compactor, old->last.index);
}

/* Tried again later, but for a log that was to begin anew: the file is as it was. */
static void fail(struct compactor *compactor)
{
    compactor->fresh = false;
    compactor->state = COMPACTOR_IDLE;
    compactor->retry_ns = compactor->times->now_ns + pause_ns;
}

void compactor_done(struct compactor *compactor, const struct file_done *done)
{
    if (done->failed) {
        fail(compactor);
        return;
    }
    switch (compactor->state) {
    case COMPACTOR_WRITING: {
        const struct node_file file = {
                .action = NODE_FILE_PUBLISH, .name = NODE_FILE_BEGIN};
        compactor->state = COMPACTOR_PUBLISHING;
        ask(compactor, &file);
        return;
    }
    case COMPACTOR_PUBLISHING:
        compactor->begin = compactor->writing;
        compactor->told = true;
        break;
    case COMPACTOR_REMOVING:
        compactor->first_file++;
        break;
    case COMPACTOR_TIDYING:
    case COMPACTOR_IDLE:
        break;
    }
    compactor->state = COMPACTOR_IDLE;
}

void compactor_check(const struct compactor *compactor)
{
    assert(compactor->first_file <= wal_next_segment(compactor->wal));
    assert(compactor->begin <= wal_next_segment(compactor->wal));
}
