/* Sends snapshots to members that are far behind: see sender.h. */
#include "node/sender.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "protocol/peer_snapshot.h"

static const uint64_t later_ns = NS_PER_S;      /* The member cannot take it now. */
static const uint64_t retry_ns = 10 * NS_PER_S; /* After a sending that failed */

static struct kept_snapshot *snapshot_of(
        const struct sender *sender, const struct sending *sending)
{
    struct kept_snapshot *kept = snapshots_find(sender->snapshots, sending->index);
    assert(kept && kept->pinned > 0);
    return kept;
}

/* Who has the place of the sending; 0: nobody. */
static uint8_t place_of(const struct sender *sender, const struct sending *sending)
{
    return sender->roster->peers[sending - sender->sendings].id;
}

static void tell(struct sender *sender, const struct sending *sending,
        enum node_notice_kind kind, uint64_t bytes)
{
    const struct node_notice notice = {
            .kind = kind,
            .peer = sending->peer,
            .number = sending->index,
            .offset = bytes,
    };
    notices_tell_of(sender->notices, &notice, "");
}

/* ---- Begin and end ---- */

/* Entries behind it are still there. */
static bool is_in_reach(const struct sender *sender, uint64_t index)
{
    return index >= raft_before_log(sender->raft).index;
}

/* One that is sent already, or else the newest. */
static struct kept_snapshot *choose(const struct sender *sender)
{
    for (uint32_t i = 0; i < sender->snapshots->count; i++) {
        struct kept_snapshot *kept = &sender->snapshots->kept[i];
        if (kept->pinned > 0 && !kept->damaged && is_in_reach(sender, kept->last.index))
            return kept;
    }
    return snapshots_newest(sender->snapshots);
}

static void begin(struct sender *sender, struct sending *sending)
{
    struct kept_snapshot *chosen = choose(sender);
    bool stuck = sending->stuck;
    MARK(snapshot_sending);
    chosen->pinned++;
    sender->active++;
    *sending = (struct sending){
            .index = chosen->last.index,
            .peer = place_of(sender, sending),
            .progress_ns = sender->times->now_ns,
            .stuck = stuck,
    };
    tell(sender, sending, NOTICE_SNAPSHOT_SENDING, chosen->bytes);
}

static void let_go(struct sender *sender, const struct sending *sending)
{
    assert(sender->active > 0);
    snapshot_of(sender, sending)->pinned--;
    sender->active--;
}

static void end(struct sender *sender, struct sending *sending, uint64_t pause_ns)
{
    let_go(sender, sending);
    *sending = (struct sending){
            .peer = sending->peer,
            .retry_ns = sender->times->now_ns + pause_ns,
            .stuck = sending->stuck,
    };
}

/* Its member left, and another node has its place, or nobody. */
static void forget(struct sender *sender, struct sending *sending)
{
    if (sending->index != 0)
        let_go(sender, sending);
    *sending = (struct sending){.peer = place_of(sender, sending)};
}

static void give_up(struct sender *sender, struct sending *sending)
{
    sending->stuck = true;
    tell(sender, sending, NOTICE_SNAPSHOT_STUCK, 0);
    end(sender, sending, retry_ns);
}

static void finish(struct sender *sender, struct sending *sending)
{
    sending->stuck = false;
    tell(sender, sending, NOTICE_SNAPSHOT_SENT, 0);
    end(sender, sending, 0);
}

static bool has_it(const struct sender *sender, const struct sending *sending)
{
    uint64_t lacks = raft_peer_lacks(sender->raft, sending->peer);
    return lacks != UINT64_MAX && lacks > sending->index;
}

static bool may_begin(const struct sender *sender, const struct sending *sending)
{
    return sending->index == 0 && sender->times->now_ns >= sending->retry_ns &&
           snapshots_newest(sender->snapshots) != NULL &&
           raft_peer_needs_snapshot(sender->raft, place_of(sender, sending));
}

static bool is_too_slow(const struct sender *sender, const struct sending *sending)
{
    uint64_t waited_ns = sender->times->now_ns - sending->progress_ns;
    return waited_ns >= sender->settings->send_patience_ns;
}

static void judge(struct sender *sender, struct sending *sending)
{
    if (sending->peer != place_of(sender, sending))
        forget(sender, sending);
    if (may_begin(sender, sending))
        begin(sender, sending);
    if (sending->index == 0)
        return;
    if (!raft_is_leader(sender->raft))
        end(sender, sending, 0);
    else if (has_it(sender, sending))
        finish(sender, sending);
    else if (!is_in_reach(sender, sending->index) || is_too_slow(sender, sending))
        give_up(sender, sending);
}

/* ---- Pieces ---- */

static uint64_t piece_bytes(const struct kept_snapshot *kept, uint64_t offset)
{
    if (offset == 0)
        return SNAPSHOT_BLOCK_BYTES;
    return u64_min(kept->chunk_bytes, kept->bytes - offset);
}

static bool is_piece(const struct kept_snapshot *kept, uint64_t offset)
{
    return offset == 0 || (offset >= SNAPSHOT_BLOCK_BYTES && offset < kept->bytes &&
                                  (offset - SNAPSHOT_BLOCK_BYTES) % kept->chunk_bytes == 0);
}

/* The member's connection, if a piece could go there now. */
static struct conn *able_conn(const struct sender *sender, const struct sending *sending)
{
    const struct peer *peer = &sender->roster->peers[sending - sender->sendings];
    if (peer->conn == NO_CONN)
        return NULL;
    struct conn *conn = conn_at(sender->conns, peer->conn);
    bool able = conn->role == CONN_PEER && conn->greeted && !conn->closing;
    size_t bytes = FRAME_HEAD_BYTES + PEER_SNAPSHOT_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES_MAX;
    bool has_room = conn_room(conn) >= u64_min(bytes, conn->output.capacity / 2);
    return able && has_room ? conn : NULL;
}

static bool is_awaited(
        const struct sending *sending, const struct conn *conn, const struct sender *sender)
{
    return sending->awaited && sending->conn == conn_slot(sender->conns, conn) &&
           sending->serial == conn->serial;
}

static bool wants_piece(const struct sender *sender, const struct sending *sending)
{
    if (sending->index == 0 || sender->times->now_ns < sending->next_ns)
        return false;
    const struct conn *conn = able_conn(sender, sending);
    return conn && !is_awaited(sending, conn, sender);
}

static void read_piece(struct sender *sender, uint8_t place)
{
    const struct sending *sending = &sender->sendings[place];
    const struct kept_snapshot *kept = snapshot_of(sender, sending);
    const struct node_file file = {
            .action = NODE_FILE_READ,
            .name = NODE_FILE_SNAPSHOT,
            .number = sending->index,
            .offset = sending->offset,
            .count = piece_bytes(kept, sending->offset),
    };
    sender->reading = (uint8_t)(place + 1);
    sender->reading_offset = sending->offset;
    files_ask(sender->files, FILES_SENDER, &file);
}

/* Called in every turn, and nearly always there is nothing to do. */
void sender_turn(struct sender *sender)
{
    if (sender->active == 0 && !raft_is_leader(sender->raft))
        return;
    uint8_t places = sender->active > 0 ? NODE_PEERS_MAX : sender->roster->top;
    for (uint8_t i = 0; i < places; i++)
        judge(sender, &sender->sendings[i]);
    for (uint8_t i = 0; i < NODE_PEERS_MAX && sender->active > 0; i++) {
        if (sender->reading != 0)
            return;
        uint8_t place = (uint8_t)((sender->turn + i) % NODE_PEERS_MAX);
        if (!wants_piece(sender, &sender->sendings[place]))
            continue;
        sender->turn = (uint8_t)((place + 1) % NODE_PEERS_MAX);
        read_piece(sender, place);
    }
}

static void send(struct sender *sender, struct sending *sending, struct conn *conn,
        const struct file_done *done)
{
    const struct kept_snapshot *kept = snapshot_of(sender, sending);
    struct peer_snapshot piece = {
            .term = raft_term(sender->raft),
            .last = kept->last,
            .last_sum = kept->last_sum,
            .file_bytes = kept->bytes,
            .offset = sending->offset,
            .count = (uint32_t)done->count,
    };
    struct wire wire = conn_begin(conn, PEER_SNAPSHOT_HEAD_BYTES + done->count);
    wire_peer_snapshot(&wire, &piece);
    if (wire_pass(&wire, done->count))
        memcpy(wire_passed(&wire, done->count), done->bytes, done->count);
    conn_end(sender->conns, conn, FRAME_PEER_SNAPSHOT, &wire);
    sending->awaited = true;
    sending->conn = conn_slot(sender->conns, conn);
    sending->serial = conn->serial;
    uint64_t pause_ns = done->count * NS_PER_S / sender->settings->send_bytes_per_s;
    sending->next_ns = sender->times->now_ns + pause_ns;
}

void sender_done(struct sender *sender, const struct file_done *done)
{
    assert(sender->reading > 0);
    struct sending *sending = &sender->sendings[sender->reading - 1];
    sender->reading = 0;
    if (sending->index != done->file.number || sending->offset != sender->reading_offset)
        return; /* It ended meanwhile, or is another one. */
    if (done->failed || !snapshots_is_sound(done)) {
        snapshots_damaged(sender->snapshots, sending->index);
        give_up(sender, sending);
        return;
    }
    struct conn *conn = able_conn(sender, sending);
    if (conn && raft_is_leader(sender->raft) && !is_awaited(sending, conn, sender))
        send(sender, sending, conn, done);
}

/* ---- Answers ---- */

static void take_answer(struct sender *sender, struct sending *sending, struct conn *conn,
        const struct peer_snapshot_answer *answer)
{
    const struct kept_snapshot *kept = snapshot_of(sender, sending);
    uint64_t now_ns = sender->times->now_ns;
    if (answer->wish == PEER_SNAPSHOT_NOTHING) {
        finish(sender, sending);
        return;
    }
    sending->awaited = false;
    if (answer->wish == PEER_SNAPSHOT_LATER) {
        sending->next_ns = now_ns + later_ns;
        return;
    }
    if (!is_piece(kept, answer->offset)) {
        conn_nonsense(sender->conns, conn, 100 + FRAME_PEER_SNAPSHOT_ANSWER);
        return;
    }
    sending->offset = answer->offset;
    if (answer->offset > sending->most) {
        sending->most = answer->offset;
        sending->progress_ns = now_ns;
    }
}

void sender_frame(struct sender *sender, struct conn *conn, const struct frame *frame)
{
    struct peer_snapshot_answer answer = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_peer_snapshot_answer(&wire, &answer);
    /* What a later version adds behind is left alone. */
    if (wire.failed) {
        conn_nonsense(sender->conns, conn, 100 + FRAME_PEER_SNAPSHOT_ANSWER);
        return;
    }
    const struct peer *peer = roster_find(sender->roster, conn->peer);
    assert(peer);
    struct sending *sending = &sender->sendings[peer - sender->roster->peers];
    bool is_answer = sending->index != 0 && sending->peer == peer->id && sending->awaited &&
                     answer.last.index == sending->index &&
                     entry_id_equal(answer.last, snapshot_of(sender, sending)->last);
    if (is_answer)
        take_answer(sender, sending, conn, &answer);
}

/* ---- What others ask ---- */

uint64_t sender_needs(const struct sender *sender)
{
    uint64_t first = UINT64_MAX;
    for (uint8_t i = 0; i < NODE_PEERS_MAX && sender->active > 0; i++) {
        if (sender->sendings[i].index != 0)
            first = u64_min(first, sender->sendings[i].index + 1);
    }
    return first;
}

bool sender_is_stuck(const struct sender *sender)
{
    for (int i = 0; i < NODE_PEERS_MAX; i++) {
        if (sender->sendings[i].stuck && raft_is_leader(sender->raft))
            return true;
    }
    return false;
}

uint64_t sender_deadline(const struct sender *sender)
{
    uint64_t deadline_ns = UINT64_MAX;
    for (uint8_t i = 0; i < NODE_PEERS_MAX && sender->active > 0; i++) {
        const struct sending *sending = &sender->sendings[i];
        const struct conn *conn = sending->index == 0 ? NULL : able_conn(sender, sending);
        if (!conn || sender->reading != 0 || is_awaited(sending, conn, sender))
            continue;
        deadline_ns =
                u64_min(deadline_ns, u64_max(sending->next_ns, sender->times->now_ns));
    }
    return deadline_ns;
}

void sender_check(const struct sender *sender)
{
    assert(sender->reading <= NODE_PEERS_MAX);
    uint8_t active = 0;
    for (int i = 0; i < NODE_PEERS_MAX; i++) {
        const struct sending *sending = &sender->sendings[i];
        if (sending->index == 0)
            continue;
        active++;
        assert(is_piece(snapshot_of(sender, sending), sending->offset));
        assert(is_piece(snapshot_of(sender, sending), sending->most));
    }
    assert(active == sender->active);
}
