/* The walk of a snapshot: see snapshot.h and saving.h. */
#include "locks/snapshot.h"

#include <assert.h>
#include <string.h>

#include "base/mark.h"
#include "locks/record.h"
#include "locks/saving.h"
#include "locks/state.h"

static_assert((int)LOCKS_SNAPSHOT_ROOM_MIN >= (int)RECORD_BYTES_MAX,
        "a record fits into the least room");

enum {
    PLACES_PER_ITEM = 16, /* Places without a part that cost as much as a record */
};

/* What a step may still do, and where its records go. */
struct step {
    struct wire wire;
    uint64_t left; /* Places */
};

static bool may_write(const struct step *step)
{
    return step->left >= PLACES_PER_ITEM && wire_left(&step->wire) >= RECORD_BYTES_MAX;
}

static void count_record(struct saving *saving, struct step *step)
{
    step->left -= PLACES_PER_ITEM;
    saving->records++;
}

void locks_snapshot_begin(struct locks *locks)
{
    saving_begin(locks);
    locks->saving.head = (struct record_head){
            .version = locks->settings.version,
            .index = locks->index,
            .time = locks->time,
            .time_before = locks->time_before,
            .lifted = locks->lifted,
            .session_last = locks->session_last,
            .token_last = locks->token_last,
            .order_last = locks->order_last,
            .quarantine = locks->quarantine,
            .life = locks->life,
            .digest = locks_digest(locks),
            .counts = locks_tally(locks),
            .settings = locks->settings,
            .trials = locks->trials,
    };
}

/* Records at the side come before those of the walk, which may name them. */
static void take_side(struct saving *saving, struct step *step)
{
    while (saving->side_begin < saving->side_end && may_write(step)) {
        unsigned char *record = saving->side + saving->side_begin;
        uint32_t count = record_bytes(record);
        wire_fixed(&step->wire, record, count);
        saving->side_begin += count;
        count_record(saving, step);
    }
    if (saving->side_begin == saving->side_end) {
        saving->side_begin = 0;
        saving->side_end = 0;
    }
}

/* Walk on through one kind of parts. */
static void walk_part(struct locks *locks, enum part part, struct step *step)
{
    struct saving *saving = &locks->saving;
    while (saving->at < saving->parts[part].end && may_write(step)) {
        const void *item = saving_step(locks, part);
        if (item != NULL) {
            record_write_item(&step->wire, locks, part, item);
            count_record(saving, step);
        } else {
            step->left--;
        }
    }
    if (saving->at == saving->parts[part].end) {
        assert(saving->parts[part].pending == 0);
        saving->walked++;
        saving->at = 0;
    }
}

size_t locks_snapshot_next(
        struct locks *locks, unsigned char *out, size_t room, uint32_t items)
{
    struct saving *saving = &locks->saving;
    assert(room >= LOCKS_SNAPSHOT_ROOM_MIN && items > 0);
    struct step step = {
            .wire = wire_writer(out, room),
            .left = (uint64_t)items * PLACES_PER_ITEM,
    };
    if (!saving->active)
        return 0;
    if (!saving->head_written) {
        record_write_head(&step.wire, &saving->head);
        saving->head_written = true;
        count_record(saving, &step);
    }
    take_side(saving, &step);
    while (saving->walked < PART_KINDS && saving->side_end == 0 && may_write(&step))
        walk_part(locks, saving_walked(saving->walked), &step);
    if (saving->walked == PART_KINDS && saving->side_end == 0 && may_write(&step)) {
        record_write_end(&step.wire, saving->records);
        saving_end(locks);
        saving->done = true;
    }
    return step.wire.at;
}

bool locks_snapshot_done(const struct locks *locks)
{
    return locks->saving.done;
}

void locks_snapshot_abandon(struct locks *locks)
{
    saving_init(locks);
}

bool locks_snapshot_has_room(const struct locks *locks, uint32_t commands)
{
    const struct saving *saving = &locks->saving;
    if (!saving->active ||
            saving_need(locks, commands) <= saving->side_bytes - saving->side_end)
        return true;
    MARK(locks_snapshot_side_full);
    return false;
}

bool locks_snapshot_may_wait(const struct locks *locks)
{
    const struct saving *saving = &locks->saving;
    return !saving->active || saving->side_end <= saving->side_bytes / 2;
}

/* Texts lie in blocks, of which there are only so many. */
uint64_t locks_snapshot_bytes_most(const struct cluster_settings *settings)
{
    uint64_t locks = record_bytes_most(PART_LOCK) - NAME_BYTES_MAX;
    uint64_t sessions = record_bytes_most(PART_SESSION) - LABEL_BYTES_MAX;
    uint64_t bytes = 2 * (uint64_t)RECORD_BYTES_MAX; /* The head and the end */
    bytes += settings->sessions_max * sessions;
    bytes += settings->locks_max * locks;
    bytes += (uint64_t)settings->holds_max * record_bytes_most(PART_HOLD);
    bytes += (uint64_t)settings->waits_max * record_bytes_most(PART_WAIT);
    bytes += (uint64_t)settings->answers_max * record_bytes_most(PART_ANSWER);
    bytes += (uint64_t)settings->changes_max * record_bytes_most(PART_CHANGE);
    return bytes + (uint64_t)settings->name_blocks_max * NAME_BLOCK_BYTES;
}
