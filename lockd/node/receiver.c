/* Takes over the state of another member: see receiver.h. */
#include "node/receiver.h"

#include "base/mark.h"
#include "base/units.h"
#include "locks/load.h"

enum {
    LINKS_PER_ITEM = 2 /* To link a part costs less than to write it down. */
};

/* What was received in part is kept for so long, in case the leader continues. */
static const uint64_t patience_ns = 120 * NS_PER_S;

void receiver_carve(struct receiver *receiver, struct arena *arena)
{
    receiver->buffer =
            arena_take(arena, "node.snapshot_piece", 1, SNAPSHOT_CHUNK_BYTES_MAX, 4096);
}

static struct node_file file_of(
        const struct receiver *receiver, enum node_file_action action)
{
    return (struct node_file){
            .action = action,
            .name = NODE_FILE_RECEIVED,
            .number = receiver->head.last.index,
    };
}

static void ask(struct receiver *receiver, const struct node_file *file)
{
    files_ask(receiver->files, FILES_RECEIVER, file);
}

static void tell(struct receiver *receiver, enum node_notice_kind kind)
{
    const struct node_notice notice = {
            .kind = kind,
            .peer = receiver->peer,
            .number = receiver->head.last.index,
            .offset = receiver->head.file_bytes,
    };
    notices_tell_of(receiver->notices, &notice, "");
}

/* ---- Pieces ---- */

static void answer_to(struct receiver *receiver, struct conn *conn,
        const struct peer_snapshot *piece, enum peer_snapshot_wish wish, uint64_t offset)
{
    struct peer_snapshot_answer answer = {
            .term = raft_term(receiver->raft),
            .last = piece->last,
            .offset = offset,
            .wish = (uint8_t)wish,
    };
    struct wire wire = conn_begin(conn, 64);
    wire_peer_snapshot_answer(&wire, &answer);
    conn_end(receiver->conns, conn, FRAME_PEER_SNAPSHOT_ANSWER, &wire);
}

/* To whoever sends the snapshot, if it is connected. */
static void answer(struct receiver *receiver, enum peer_snapshot_wish wish, uint64_t offset)
{
    const struct peer *peer = roster_find(receiver->roster, receiver->peer);
    if (!peer || peer->conn == NO_CONN)
        return;
    struct conn *conn = conn_at(receiver->conns, peer->conn);
    if (conn->role == CONN_PEER && conn->greeted && !conn->closing)
        answer_to(receiver, conn, &receiver->head, wish, offset);
}

static void thaw(struct receiver *receiver)
{
    receiver->journal->frozen = false;
}

/* Nothing of it is wanted any more. */
static void discard(struct receiver *receiver)
{
    thaw(receiver);
    receiver->state = RECEIVER_DISCARDING;
    /* What is under way for it ends first: see receiver_turn(). */
}

/* It is the same that is being received. */
static bool continues(const struct receiver *receiver, const struct peer_snapshot *piece)
{
    return entry_id_equal(receiver->head.last, piece->last) &&
           receiver->head.last_sum == piece->last_sum &&
           receiver->head.file_bytes == piece->file_bytes;
}

static void begin(
        struct receiver *receiver, uint8_t peer, const struct peer_snapshot *piece)
{
    receiver->state = RECEIVER_RECEIVING;
    receiver->published = false;
    receiver->peer = peer;
    receiver->head = *piece;
    snapshot_reader_init(&receiver->pieces);
}

/* The header says what the message says, and is of this cluster. */
static bool take_header(struct receiver *receiver, const struct peer_snapshot *piece)
{
    const struct snapshot_header *header = &receiver->pieces.header;
    uint64_t cluster = wal_cluster(receiver->wal);
    return entry_id_equal(header->last, piece->last) &&
           header->last_sum == piece->last_sum && header->file_bytes == piece->file_bytes &&
           (cluster == 0 || cluster == header->cluster) &&
           snapshots_read_cluster(header, &receiver->cluster);
}

/*
 * The cluster's limits are larger than what this node was started with. That must be seen
 * before the log is given up: with the right limits the node can still start on it.
 */
static bool is_too_large(const struct receiver *receiver)
{
    return !locks_fits(receiver->locks, &receiver->cluster.settings);
}

static void write_piece(struct receiver *receiver, const struct peer_snapshot *piece)
{
    memcpy(receiver->buffer, piece->content.bytes, piece->count);
    bool first = receiver->pieces.pieces == 1;
    struct node_file file = file_of(receiver, first ? NODE_FILE_CREATE : NODE_FILE_WRITE);
    file.offset = piece->offset;
    file.bytes = receiver->buffer;
    file.count = piece->count;
    ask(receiver, &file);
}

/* The piece that is wanted: it counts only if all of it is sound. See receiver_frame(). */
static uint16_t take_piece(
        struct receiver *receiver, struct conn *conn, const struct peer_snapshot *piece)
{
    struct span records;
    enum snapshot_finding finding = snapshot_reader_take(
            &receiver->pieces, piece->content.bytes, piece->count, &records);
    uint16_t version = receiver->pieces.header.cluster_version;
    bool intact = finding == SNAPSHOT_GOOD || finding == SNAPSHOT_NEWER;
    if (intact && !versions_have(receiver->known, version)) {
        discard(receiver);
        return version;
    }
    bool sound = finding == SNAPSHOT_GOOD &&
                 (receiver->pieces.pieces > 1 || take_header(receiver, piece));
    if (!sound) {
        answer_to(receiver, conn, piece, PEER_SNAPSHOT_LATER, 0);
        discard(receiver);
        return 0;
    }
    if (receiver->pieces.pieces == 1 && is_too_large(receiver)) {
        notices_tell(receiver->notices, NOTICE_PLAN_TOO_SMALL, 0, 0);
        receiver->applier->failed = true;
    }
    write_piece(receiver, piece);
    return 0;
}

/* One that this node takes itself, and is about to lose, would lie beside it on the disk. */
static bool has_place(const struct receiver *receiver)
{
    return receiver->state != RECEIVER_IDLE ||
           (receiver->snapshotter->state == SNAPSHOTTER_IDLE &&
                   snapshots_have_place(receiver->snapshots));
}

/* It cannot be taken from this member, or not now. */
static bool must_wait(const struct receiver *receiver, const struct conn *conn,
        const struct peer_snapshot *piece)
{
    bool leads = raft_leader(receiver->raft) == conn->peer &&
                 raft_term(receiver->raft) == piece->term;
    bool busy = !files_is_idle(receiver->files, FILES_RECEIVER);
    return !leads || busy || raft_is_blank(receiver->raft) ||
           receiver->state > RECEIVER_RECEIVING || !has_place(receiver);
}

/* Never over a newer state. */
static bool has_it(const struct receiver *receiver, const struct peer_snapshot *piece)
{
    uint64_t term = raft_term_at(receiver->raft, piece->last.index);
    return piece->last.index <= raft_commit(receiver->raft) || term == piece->last.term;
}

static uint16_t on_piece(
        struct receiver *receiver, struct conn *conn, const struct peer_snapshot *piece)
{
    if (has_it(receiver, piece)) {
        answer_to(receiver, conn, piece, PEER_SNAPSHOT_NOTHING, 0);
        return 0;
    }
    if (must_wait(receiver, conn, piece)) {
        if (!has_place(receiver))
            snapshotter_stop(receiver->snapshotter);
        answer_to(receiver, conn, piece, PEER_SNAPSHOT_LATER, piece->offset);
        return 0;
    }
    if (receiver->state == RECEIVER_IDLE || !continues(receiver, piece))
        begin(receiver, conn->peer, piece);
    receiver->peer = conn->peer;
    receiver->heard_ns = receiver->times->now_ns;
    uint64_t wanted = snapshot_reader_next(&receiver->pieces).offset;
    if (piece->offset == wanted)
        return take_piece(receiver, conn, piece);
    MARK(snapshot_resumed);
    answer_to(receiver, conn, piece, PEER_SNAPSHOT_MORE, wanted);
    return 0;
}

uint16_t receiver_frame(
        struct receiver *receiver, struct conn *conn, const struct frame *frame)
{
    struct peer_snapshot piece = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_peer_snapshot(&wire, &piece);
    peer_snapshot_content(&wire, &piece);
    /* What a later version adds behind is left alone. */
    if (!wire.failed && piece.count <= SNAPSHOT_CHUNK_BYTES_MAX)
        return on_piece(receiver, conn, &piece);
    conn_nonsense(receiver->conns, conn, 100 + FRAME_PEER_SNAPSHOT);
    return 0;
}

/* ---- It becomes the state ---- */

static bool is_settled(const struct receiver *receiver)
{
    return wal_is_settled(receiver->wal) && ring_is_empty(&receiver->journal->ring) &&
           !receiver->reader->busy && compactor_is_idle(receiver->compactor) &&
           receiver->snapshotter->state == SNAPSHOTTER_IDLE;
}

static void freeze(struct receiver *receiver)
{
    receiver->state = RECEIVER_FREEZING;
    receiver->published = true;
    receiver->journal->frozen = true;
    snapshotter_stop(receiver->snapshotter);
}

/* The log that is here is about to be given up. */
static void begin_anew(struct receiver *receiver)
{
    if (has_it(receiver, &receiver->head) || raft_is_leader(receiver->raft)) {
        discard(receiver);
        return;
    }
    if (!is_settled(receiver))
        return;
    const struct log_begin begin = {
            .before = receiver->head.last,
            .sum = receiver->head.last_sum,
            .segment = wal_next_segment(receiver->wal),
    };
    receiver->state = RECEIVER_BEGINNING;
    if (wal_cluster(receiver->wal) == 0)
        wal_set_cluster(receiver->wal, receiver->pieces.header.cluster);
    compactor_begin_anew(receiver->compactor, &begin);
}

static void read_piece(struct receiver *receiver)
{
    struct snapshot_piece piece = snapshot_reader_next(&receiver->pieces);
    const struct node_file file = {
            .action = NODE_FILE_READ,
            .name = NODE_FILE_SNAPSHOT,
            .number = receiver->head.last.index,
            .offset = piece.offset,
            .count = piece.bytes,
    };
    ask(receiver, &file);
}

/* The log says nothing of members any more: the snapshot does. */
static void take_members(struct receiver *receiver)
{
    const struct cluster_record *cluster = &receiver->cluster;
    const struct raft_configuration sets =
            configuration_for_raft(receiver->configurations, &cluster->configuration);
    raft_restart_at(receiver->raft, receiver->head.last, cluster->index, &sets);
    configurations_restart(
            receiver->configurations, cluster->index, &cluster->configuration);
}

/* It is written down: from here on this node's log is another one. */
static void switch_over(struct receiver *receiver)
{
    const struct log_begin begin = {
            .before = receiver->head.last,
            .sum = receiver->head.last_sum,
            .segment = wal_next_segment(receiver->wal),
    };
    MARK(snapshot_installed);
    wal_restart_at(receiver->wal, &begin);
    take_members(receiver);
    reader_done(receiver->reader, READER_APPLY);
    reader_forget(receiver->reader);
    thaw(receiver);
    receiver->snapshotter->position = wal_end(receiver->wal);
    receiver->state = RECEIVER_LOADING;
    receiver->applier->replaced = true;
    receiver->reads->closed = true;
    receiver->version = locks_settings(receiver->locks)->version;
    locks_load_begin(receiver->locks, receiver->pieces.header.cluster_version);
    snapshot_reader_init(&receiver->pieces);
    tell(receiver, NOTICE_SNAPSHOT_INSTALL);
    answer(receiver, PEER_SNAPSHOT_NOTHING, 0);
}

/* ---- Loading ---- */

static void finish(struct receiver *receiver)
{
    const struct snapshot_header *header = &receiver->pieces.header;
    receiver->snapshots->configuration = (struct indexed_configuration){
            receiver->cluster.index, receiver->cluster.configuration};
    receiver->snapshots->applied = header->last;
    receiver->snapshots->applied_sum = header->last_sum;
    snapshots_add(receiver->snapshots, header);
    receiver->snapshots->newest_ns = receiver->times->now_ns;
    receiver->applier->applied = header->last.index;
    receiver->applier->replaced = false;
    replies_forget(receiver->applier->replies);
    receiver->reads->closed = false;
    receiver->state = RECEIVER_IDLE;
    tell(receiver, NOTICE_SNAPSHOT_INSTALLED);
    if (header->cluster_version > receiver->version)
        notices_tell(receiver->notices, NOTICE_UPGRADED, 0, header->cluster_version);
}

/* The state was given up for it, and it is not there: only a restart can help. */
static void lose(struct receiver *receiver)
{
    receiver->applier->failed = true;
    tell(receiver, NOTICE_SNAPSHOT_LOST);
}

static void load_piece(struct receiver *receiver, const struct file_done *done)
{
    struct span records = {0};
    bool good = !done->failed &&
                snapshot_reader_take(&receiver->pieces, done->bytes, done->count,
                        &records) == SNAPSHOT_GOOD &&
                (records.count == 0 || locks_load(receiver->locks, records));
    if (!good)
        lose(receiver);
    else if (snapshot_reader_is_done(&receiver->pieces))
        receiver->state = RECEIVER_LINKING;
    else
        read_piece(receiver);
}

/* A large state takes many turns: meanwhile messages are answered as ever. */
static void link_some(struct receiver *receiver)
{
    uint32_t parts = receiver->settings->items * LINKS_PER_ITEM;
    enum load_step step = locks_load_link(receiver->locks, parts);
    bool good =
            step == LOAD_WHOLE && locks_index(receiver->locks) == receiver->head.last.index;
    if (step == LOAD_GOES_ON)
        MARK(snapshot_linked_in_part);
    else if (good)
        finish(receiver);
    else
        lose(receiver);
}

/* ---- Steps ---- */

void receiver_done(struct receiver *receiver, const struct file_done *done)
{
    if (receiver->state == RECEIVER_LOADING) {
        load_piece(receiver, done);
    } else if (receiver->state == RECEIVER_DISCARDING) {
        if (done->file.action == NODE_FILE_DISCARD || done->file.action == NODE_FILE_REMOVE)
            receiver->state = RECEIVER_IDLE;
    } else if (done->failed) {
        discard(receiver);
    } else if (receiver->state == RECEIVER_PUBLISHING) {
        freeze(receiver);
    } else if (snapshot_reader_is_done(&receiver->pieces)) {
        const struct node_file file = file_of(receiver, NODE_FILE_PUBLISH);
        receiver->state = RECEIVER_PUBLISHING;
        ask(receiver, &file);
    } else {
        answer(receiver, PEER_SNAPSHOT_MORE,
                snapshot_reader_next(&receiver->pieces).offset);
    }
}

static void remove_file(struct receiver *receiver)
{
    bool published = receiver->published;
    const struct node_file file =
            file_of(receiver, published ? NODE_FILE_REMOVE : NODE_FILE_DISCARD);
    ask(receiver, &file);
}

static bool is_forgotten(const struct receiver *receiver)
{
    return receiver->times->now_ns - receiver->heard_ns >= patience_ns;
}

/* The log is to begin behind the snapshot. */
static void go_on_beginning(struct receiver *receiver)
{
    if (!compactor_is_idle(receiver->compactor))
        return;
    if (compactor_began_anew(receiver->compactor))
        switch_over(receiver);
    else
        discard(receiver);
}

void receiver_turn(struct receiver *receiver)
{
    bool idle = files_is_idle(receiver->files, FILES_RECEIVER);
    switch (receiver->state) {
    case RECEIVER_RECEIVING:
        if (idle && is_forgotten(receiver))
            discard(receiver);
        break;
    case RECEIVER_FREEZING:
        begin_anew(receiver);
        break;
    case RECEIVER_BEGINNING:
        go_on_beginning(receiver);
        break;
    case RECEIVER_LOADING:
        if (idle && receiver->pieces.pieces == 0 && !receiver->applier->failed)
            read_piece(receiver);
        break;
    case RECEIVER_LINKING:
        if (!receiver->applier->failed)
            link_some(receiver);
        break;
    case RECEIVER_DISCARDING:
        if (idle)
            remove_file(receiver);
        break;
    case RECEIVER_IDLE:
    case RECEIVER_PUBLISHING:
        break;
    }
}

uint64_t receiver_deadline(const struct receiver *receiver)
{
    switch (receiver->state) {
    case RECEIVER_RECEIVING: {
        bool idle = files_is_idle(receiver->files, FILES_RECEIVER);
        return idle ? receiver->heard_ns + patience_ns : UINT64_MAX;
    }
    case RECEIVER_LINKING:
        return receiver->times->now_ns;
    case RECEIVER_IDLE:
    case RECEIVER_PUBLISHING:
    case RECEIVER_FREEZING:
    case RECEIVER_BEGINNING:
    case RECEIVER_LOADING:
    case RECEIVER_DISCARDING:
        break;
    }
    return UINT64_MAX;
}

void receiver_check(const struct receiver *receiver)
{
    bool freezing = receiver_is_freezing(receiver);
    assert(receiver->journal->frozen == freezing);
    assert(receiver->applier->replaced == receiver_is_loading(receiver));
    if (receiver->state != RECEIVER_IDLE)
        assert(receiver->head.last.index > 0);
}
