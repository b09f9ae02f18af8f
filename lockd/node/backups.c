/* Gives clients this node's newest snapshot: see backups.h. */
#include "node/backups.h"

#include "base/mark.h"
#include "base/numbers.h"
#include "base/units.h"
#include "node/receiver.h"

static const uint64_t patience_ns = 15 * NS_PER_S; /* Nobody asks: nobody reads it. */

static void answer(
        struct backups *backups, struct conn *conn, const struct backup_answer *answer)
{
    struct backup_answer said = *answer;
    enum {
        HEAD_BYTES_MAX = 64
    };
    said.node = backups->self;
    struct wire wire = conn_begin(conn, HEAD_BYTES_MAX + said.piece.count);
    wire_backup_answer(&wire, &said);
    conn_end(backups->conns, conn, FRAME_BACKUP_ANSWER, &wire);
}

static void answer_short(
        struct backups *backups, struct conn *conn, enum backup_result result)
{
    const struct backup_answer said = {.result = (uint8_t)result};
    answer(backups, conn, &said);
}

/* ---- Which snapshot ---- */

static struct kept_snapshot *given(const struct backups *backups)
{
    struct kept_snapshot *kept = snapshots_find(backups->snapshots, backups->given);
    assert(kept != NULL && kept->pinned > 0);
    return kept;
}

static void let_go(struct backups *backups)
{
    given(backups)->pinned--;
    backups->given = 0;
}

static void give(struct backups *backups, struct kept_snapshot *kept)
{
    kept->pinned++;
    backups->given = kept->last.index;
    backups->wanted = 0;
}

static bool is_over(const struct backups *backups)
{
    return backups->times->now_ns >= backups->asked_ns + patience_ns;
}

/* It has no state of its own that is whole. */
static bool has_none(const struct backups *backups)
{
    return backups->snapshots->applied.index == 0 || receiver_is_loading(backups->receiver);
}

/* ---- Requests ---- */

static void read_piece(struct backups *backups, struct conn *conn, uint64_t offset)
{
    uint64_t left = given(backups)->bytes - offset;
    const struct node_file file = {
            .action = NODE_FILE_READ,
            .name = NODE_FILE_SNAPSHOT,
            .number = backups->given,
            .offset = offset,
            .count = (uint32_t)u64_min(left, BACKUP_PIECE_BYTES),
    };
    backups->reading = true;
    backups->conn = conn_slot(backups->conns, conn);
    backups->serial = conn->serial;
    files_ask(backups->files, FILES_BACKUPS, &file);
}

/* All of it was read. */
static void end(struct backups *backups, struct conn *conn)
{
    const struct kept_snapshot *kept = given(backups);
    const struct backup_answer last = {.result = BACKUP_PIECE,
            .index = kept->last.index,
            .bytes = kept->bytes,
            .offset = kept->bytes};
    let_go(backups);
    answer(backups, conn, &last);
}

/* A new one: of all that is applied when it is first asked for. */
static void begin(struct backups *backups, struct conn *conn)
{
    struct snapshotter *snapshotter = backups->snapshotter;
    if (backups->wanted == 0) {
        backups->wanted = backups->snapshots->applied.index;
        backups->failures = snapshotter->failures;
    }
    struct kept_snapshot *newest = snapshots_newest(backups->snapshots);
    if (newest != NULL && newest->last.index >= backups->wanted) {
        give(backups, newest);
        read_piece(backups, conn, 0);
    } else if (snapshotter->failures > backups->failures) {
        backups->wanted = 0;
        answer_short(backups, conn, BACKUP_FAILED);
    } else {
        snapshotter->wanted = backups->wanted;
        answer_short(backups, conn, BACKUP_WAIT);
    }
}

/* The next piece; also of one that nobody has asked for in a while, if it is still there. */
static void go_on(
        struct backups *backups, struct conn *conn, const struct backup_request *request)
{
    struct kept_snapshot *kept = snapshots_find(backups->snapshots, request->index);
    if (kept == NULL) {
        answer_short(backups, conn, BACKUP_GONE);
        return;
    }
    if (request->offset > kept->bytes || request->offset % SNAPSHOT_BLOCK_BYTES != 0) {
        conn_nonsense(backups->conns, conn, 100 + FRAME_BACKUP);
        return;
    }
    if (backups->given == 0)
        give(backups, kept);
    if (request->offset == kept->bytes)
        end(backups, conn);
    else
        read_piece(backups, conn, request->offset);
}

void backups_frame(struct backups *backups, struct conn *conn, const struct frame *frame)
{
    struct backup_request request = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_backup_request(&wire, &request);
    if (wire.failed) { /* What a later version adds behind is left alone. */
        conn_nonsense(backups->conns, conn, 100 + FRAME_BACKUP);
        return;
    }
    if (is_over(backups))
        backups->wanted = 0;
    if (backups->given != 0 && is_over(backups) && !backups->reading)
        let_go(backups);
    bool others = backups->given != 0 && backups->given != request.index;
    if (has_none(backups)) {
        answer_short(backups, conn, BACKUP_NONE);
    } else if (backups->reading) {
        answer_short(backups, conn, BACKUP_WAIT);
    } else if (others) {
        answer_short(backups, conn, BACKUP_BUSY);
    } else {
        backups->asked_ns = backups->times->now_ns;
        if (request.index == 0)
            begin(backups, conn);
        else
            go_on(backups, conn, &request);
    }
}

void backups_done(struct backups *backups, const struct file_done *done)
{
    assert(backups->reading);
    const struct kept_snapshot *kept = given(backups);
    if (done->failed)
        snapshots_damaged(backups->snapshots, kept->last.index);
    struct conn *conn = conn_if_alive(backups->conns, backups->conn, backups->serial);
    const struct backup_answer piece = {
            .result = done->failed ? BACKUP_FAILED : BACKUP_PIECE,
            .index = kept->last.index,
            .bytes = kept->bytes,
            .offset = done->file.offset,
            .piece = {done->bytes, done->failed ? 0 : (uint32_t)done->count},
    };
    backups->reading = false;
    if (conn != NULL)
        answer(backups, conn, &piece);
    if (done->failed)
        let_go(backups);
}

void backups_turn(struct backups *backups)
{
    if (backups->given == 0 || backups->reading || !is_over(backups))
        return;
    MARK(backup_forgotten);
    let_go(backups);
}

uint64_t backups_deadline(const struct backups *backups)
{
    if (backups->given == 0 || backups->reading)
        return UINT64_MAX;
    return backups->asked_ns + patience_ns;
}

void backups_check(const struct backups *backups)
{
    if (backups->reading)
        assert(backups->given != 0);
    if (backups->given != 0)
        assert(given(backups)->pinned > 0);
}
