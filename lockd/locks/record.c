#include "locks/record.h"

#include <assert.h>
#include <string.h>

#include "locks/state.h"
#include "protocol/status.h"

/* ---- Layouts of the bodies ---- */

WIRE_WALK walk_counts(struct wire *wire, struct locks_counts *counts)
{
    wire_u32(wire, &counts->sessions);
    wire_u32(wire, &counts->locks);
    wire_u32(wire, &counts->holds);
    wire_u32(wire, &counts->waits);
    wire_u32(wire, &counts->answers);
    wire_u32(wire, &counts->changes);
    wire_u32(wire, &counts->name_blocks);
}

WIRE_WALK walk_head(struct wire *wire, struct record_head *head)
{
    wire_u16(wire, &head->version);
    wire_u64(wire, &head->index);
    wire_u64(wire, &head->time);
    wire_u64(wire, &head->time_before);
    wire_u64(wire, &head->lifted);
    wire_u64(wire, &head->session_last);
    wire_u64(wire, &head->token_last);
    wire_u64(wire, &head->order_last);
    wire_u64(wire, &head->digest);
    walk_counts(wire, &head->counts);
    wire_cluster_settings(wire, &head->settings);
    /* What a version adds stands at the end, and is there from that version on. */
    if (head->version >= VERSION_TRIAL)
        wire_u64(wire, &head->trials);
    /* A cluster in its first life has none of these. */
    if (wire->mode == WIRE_READ)
        head->life = 1;
    if (wire->mode == WIRE_READ ? wire_left(wire) > 0 : head->life > 1) {
        wire_u64(wire, &head->life);
        wire_u64(wire, &head->quarantine);
        wire_require(wire, head->life > 1);
    }
}

WIRE_WALK walk_session(struct wire *wire, struct record_session *session)
{
    wire_u64(wire, &session->id);
    wire_fixed(wire, session->secret, SECRET_BYTES);
    wire_fixed(wire, session->address, CLIENT_ADDRESS_BYTES);
    wire_u64(wire, &session->ttl_ns);
    wire_u64(wire, &session->deadline);
    wire_u64(wire, &session->filed);
    wire_u64(wire, &session->change);
    wire_u64(wire, &session->confirmed);
    wire_u64(wire, &session->dropped);
    wire_u64(wire, &session->answered);
    wire_u64(wire, &session->end_order);
    wire_u8(wire, &session->end_reason);
    wire_span(wire, &session->label, LABEL_BYTES_MAX);
}

WIRE_WALK walk_lock(struct wire *wire, struct record_lock *lock)
{
    wire_u64(wire, &lock->id);
    wire_u64(wire, &lock->ready_order);
    wire_span(wire, &lock->name, NAME_BYTES_MAX);
    wire_require(wire, lock->name.count > 0);
}

WIRE_WALK walk_hold(struct wire *wire, struct record_hold *hold)
{
    wire_u64(wire, &hold->lock);
    wire_u64(wire, &hold->session);
    wire_u64(wire, &hold->token);
    wire_u64(wire, &hold->owner);
    wire_u64(wire, &hold->number);
    wire_u64(wire, &hold->granted_at);
    wire_u64(wire, &hold->change);
    wire_u32(wire, &hold->count);
    wire_u8(wire, &hold->mode);
}

WIRE_WALK walk_wait(struct wire *wire, struct record_wait *wait)
{
    wire_u64(wire, &wait->lock);
    wire_u64(wire, &wait->session);
    wire_u64(wire, &wait->owner);
    wire_u64(wire, &wait->number);
    wire_u64(wire, &wait->deadline);
    wire_u64(wire, &wait->order);
    wire_u8(wire, &wait->mode);
}

WIRE_WALK walk_answer(struct wire *wire, struct record_answer *answer)
{
    wire_u64(wire, &answer->session);
    wire_answer(wire, &answer->answer);
}

WIRE_WALK walk_change(struct wire *wire, struct record_change *change)
{
    wire_u64(wire, &change->session);
    wire_change(wire, &change->change);
}

WIRE_WALK walk_end(struct wire *wire, struct record_end *end)
{
    wire_u64(wire, &end->records);
}

/* ---- Reading ---- */

void record_read_head(struct wire *wire, struct record_head *head)
{
    *head = (struct record_head){0};
    walk_head(wire, head);
}

void record_read_session(struct wire *wire, struct record_session *session)
{
    *session = (struct record_session){0};
    walk_session(wire, session);
}

void record_read_lock(struct wire *wire, struct record_lock *lock)
{
    *lock = (struct record_lock){0};
    walk_lock(wire, lock);
}

void record_read_hold(struct wire *wire, struct record_hold *hold)
{
    *hold = (struct record_hold){0};
    walk_hold(wire, hold);
}

void record_read_wait(struct wire *wire, struct record_wait *wait)
{
    *wait = (struct record_wait){0};
    walk_wait(wire, wait);
}

void record_read_answer(struct wire *wire, struct record_answer *answer)
{
    *answer = (struct record_answer){0};
    walk_answer(wire, answer);
}

void record_read_change(struct wire *wire, struct record_change *change)
{
    *change = (struct record_change){0};
    walk_change(wire, change);
}

void record_read_end(struct wire *wire, struct record_end *end)
{
    *end = (struct record_end){0};
    walk_end(wire, end);
}

/* ---- Writing ---- */

static size_t begin_record(struct wire *wire, enum record_kind kind)
{
    uint8_t byte = (uint8_t)kind;
    uint16_t length = 0;
    wire_u8(wire, &byte);
    wire_u16(wire, &length);
    return wire->at;
}

/* The body, which begins there, is complete. */
static void end_record(struct wire *wire, size_t body)
{
    assert(!wire->failed);
    assert(wire->at - body <= RECORD_BYTES_MAX - RECORD_HEAD_BYTES);
    if (wire->mode == WIRE_WRITE)
        wire_put_u16(wire->bytes + body - sizeof(uint16_t), (uint16_t)(wire->at - body));
}

void record_write_head(struct wire *wire, struct record_head *head)
{
    size_t body = begin_record(wire, RECORD_HEAD);
    walk_head(wire, head);
    end_record(wire, body);
}

void record_write_end(struct wire *wire, uint64_t records)
{
    struct record_end end = {.records = records};
    size_t body = begin_record(wire, RECORD_END);
    walk_end(wire, &end);
    end_record(wire, body);
}

static void write_session(
        struct wire *wire, const struct locks *locks, const struct session *session)
{
    unsigned char label[LABEL_BYTES_MAX];
    namechain_read(&locks->blocks, session->label, session->label_bytes, label);
    struct record_session record = {
            .id = session->id,
            .ttl_ns = session->ttl_ns,
            .deadline = session->deadline,
            .filed = session->end_order == 0 ? session->due.key : 0,
            .change = session->change,
            .confirmed = session->confirmed,
            .dropped = session->dropped,
            .answered = session->answered,
            .end_order = session->end_order,
            .end_reason = session->end_reason,
            .label = {.bytes = label, .count = session->label_bytes},
    };
    memcpy(record.secret, session->secret, SECRET_BYTES);
    memcpy(record.address, session->address, CLIENT_ADDRESS_BYTES);
    walk_session(wire, &record);
}

static void write_lock(
        struct wire *wire, const struct locks *locks, const struct lock *lock)
{
    unsigned char name[NAME_BYTES_MAX];
    namechain_read(&locks->blocks, lock->name, lock->name_bytes, name);
    struct record_lock record = {
            .id = lock->id,
            .ready_order = lock->ready_order,
            .name = {.bytes = name, .count = lock->name_bytes},
    };
    walk_lock(wire, &record);
}

static void write_hold(struct wire *wire, const struct hold *hold)
{
    struct record_hold record = {
            .lock = hold->lock->id,
            .session = hold->session->id,
            .token = hold->token,
            .owner = hold->owner,
            .number = hold->number,
            .granted_at = hold->granted_at,
            .change = hold->change,
            .count = hold->count,
            .mode = hold->mode,
    };
    walk_hold(wire, &record);
}

static void write_wait(struct wire *wire, const struct wait *wait)
{
    struct record_wait record = {
            .lock = wait->lock->id,
            .session = wait->session->id,
            .owner = wait->owner,
            .number = wait->number,
            .deadline = wait->due.key,
            .order = wait->due.tie_low,
            .mode = wait->mode,
    };
    walk_wait(wire, &record);
}

static void write_answer(struct wire *wire, const struct remembered *remembered)
{
    struct record_answer record = {
            .session = remembered->session->id,
            .answer =
                    {
                            .kind = remembered->kind,
                            .status = remembered->status,
                            .detail = remembered->detail,
                            .number = remembered->number,
                            .token = remembered->token,
                            .count = remembered->count,
                    },
    };
    walk_answer(wire, &record);
}

static void write_change(struct wire *wire, const struct told *told)
{
    struct record_change record = {.session = told->session->id, .change = told->change};
    walk_change(wire, &record);
}

static enum record_kind kind_of(enum part part)
{
    static const uint8_t kinds[PART_PLACES] = {
            [PART_SESSION] = RECORD_SESSION,
            [PART_LOCK] = RECORD_LOCK,
            [PART_HOLD] = RECORD_HOLD,
            [PART_WAIT] = RECORD_WAIT,
            [PART_ANSWER] = RECORD_ANSWER,
            [PART_CHANGE] = RECORD_CHANGE,
    };
    return (enum record_kind)kinds[part];
}

void record_write_item(
        struct wire *wire, const struct locks *locks, enum part part, const void *item)
{
    size_t body = begin_record(wire, kind_of(part));
    switch (part) {
    case PART_SESSION:
        write_session(wire, locks, item);
        break;
    case PART_LOCK:
        write_lock(wire, locks, item);
        break;
    case PART_HOLD:
        write_hold(wire, item);
        break;
    case PART_WAIT:
        write_wait(wire, item);
        break;
    case PART_ANSWER:
        write_answer(wire, item);
        break;
    case PART_CHANGE:
        write_change(wire, item);
        break;
    }
    end_record(wire, body);
}

uint32_t record_bytes_most(enum part part)
{
    const unsigned char text[NAME_BYTES_MAX] = {0};
    struct record_session session = {.label = {.bytes = text, .count = LABEL_BYTES_MAX}};
    struct record_lock lock = {.name = {.bytes = text, .count = NAME_BYTES_MAX}};
    struct record_hold hold = {0};
    struct record_wait wait = {0};
    struct record_answer answer = {.answer = {.kind = REQUEST_RELEASE}};
    struct record_change change = {
            .change = {.kind = CHANGE_FAILED,
                    .status = STATUS_TIMEOUT,
                    .change = 1,
                    .number = 1},
    };
    struct wire wire = wire_measure();
    (void)begin_record(&wire, kind_of(part));
    switch (part) {
    case PART_SESSION:
        walk_session(&wire, &session);
        break;
    case PART_LOCK:
        walk_lock(&wire, &lock);
        break;
    case PART_HOLD:
        walk_hold(&wire, &hold);
        break;
    case PART_WAIT:
        walk_wait(&wire, &wait);
        break;
    case PART_ANSWER:
        walk_answer(&wire, &answer);
        break;
    case PART_CHANGE:
        walk_change(&wire, &change);
        break;
    }
    assert(!wire.failed && wire.at <= RECORD_BYTES_MAX);
    return (uint32_t)wire.at;
}
