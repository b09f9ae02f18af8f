/* A piece of a backup: one query on a connection of its own. */
#include <stdlib.h>
#include <string.h>

#include "lk_internal.h"
#include "protocol/backup.h"

static_assert((int)LK_BACKUP_PIECE_MAX == (int)BACKUP_PIECE_BYTES,
        "wire and library agree on the pieces");
static_assert((int)LK_BACKUP_PIECE == (int)BACKUP_PIECE &&
                      (int)LK_BACKUP_WAIT == (int)BACKUP_WAIT &&
                      (int)LK_BACKUP_BUSY == (int)BACKUP_BUSY &&
                      (int)LK_BACKUP_GONE == (int)BACKUP_GONE &&
                      (int)LK_BACKUP_NONE == (int)BACKUP_NONE &&
                      (int)LK_BACKUP_FAILED == (int)BACKUP_FAILED,
        "... and on the results");

enum {
    REQUEST_BYTES = 16
};

static bool read_answer(const struct frame *frame, void *to)
{
    struct lk_backup_piece *piece = to;
    struct backup_answer answer = {0};
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    wire_backup_answer(&wire, &answer);
    if (wire.failed) /* What a later version adds at the end is passed over. */
        return false;
    piece->result = (enum lk_backup_result)answer.result;
    piece->node = answer.node;
    piece->index = answer.index;
    piece->file_bytes = answer.bytes;
    piece->offset = answer.offset;
    piece->bytes = answer.piece.count;
    if (answer.piece.count > 0)
        memcpy(piece->piece, answer.piece.bytes, answer.piece.count);
    return true;
}

enum lk_status lk_backup(const struct lk_client *client, uint32_t number, uint64_t wait_ns,
        struct lk_backup_piece *piece)
{
    size_t bytes = piece->size;
    unsigned char body[REQUEST_BYTES];
    struct backup_request request = {.index = piece->index, .offset = piece->offset};
    struct wire wire = wire_writer(body, sizeof body);
    wire_backup_request(&wire, &request);
    struct lk_backup_piece *full = calloc(1, sizeof(*full));
    struct query_kind kind = {.kind = FRAME_BACKUP,
            .number = number,
            .body = body,
            .body_bytes = (uint32_t)wire.at,
            .read = read_answer,
            .answer = full};
    enum lk_status said = query_node(client, wait_ns, &kind);
    if (full == NULL)
        return said;
    /* Who waits, or hears nothing, asks for the same once more. */
    bool came = said == LK_OK && full->result == LK_BACKUP_PIECE;
    if (!came) {
        full->index = request.index;
        full->offset = request.offset;
    }
    full->size = bytes;
    give_struct(piece, bytes, full, sizeof(*full));
    free(full);
    return said;
}
