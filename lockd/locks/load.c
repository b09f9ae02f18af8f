#include "locks/load.h"

#include <assert.h>
#include <string.h>

#include "base/mark.h"
#include "locks/claim.h"
#include "locks/load_items.h"
#include "locks/order.h"
#include "locks/record.h"
#include "locks/state.h"

/* The state that was being made is thrown away. */
static bool refuse(struct locks *locks)
{
    MARK(locks_snapshot_refused);
    locks_init(locks, &locks->plan);
    locks->loading.phase = LOADING_NOTHING;
    return false;
}

void locks_load_begin(struct locks *locks, uint16_t version)
{
    locks_init(locks, &locks->plan);
    locks->settings.version = version;
    locks->loading.version = version;
    locks->loading.phase = LOADING_HEAD;
    locks->loading.records = 0;
    locks->loading.digest = 0;
    locks->loading.piece_bytes = 0;
}

/* ---- The records ---- */

static bool head_makes_sense(const struct record_head *head)
{
    return head->time_before <= head->time && head->index < COUNTER_END &&
           head->session_last < COUNTER_END && head->order_last < COUNTER_END &&
           head->life >= 1 && head->life < COUNTER_END &&
           head->token_last + (uint64_t)head->counts.waits < TOKEN_END &&
           head->quarantine <= time_after(head->time, head->settings.max_ttl_ns) &&
           head->lifted <= time_after(head->time, head->settings.term_grace_ns);
}

static bool load_head(struct locks *locks, struct wire *body)
{
    struct record_head *head = &locks->loading.head;
    record_read_head(body, head);
    if (!wire_complete(body) || !head_makes_sense(head) ||
            head->version != locks->loading.version ||
            head->settings.version != head->version || !locks_fits(locks, &head->settings))
        return false;
    locks_init(locks, &head->settings);
    locks->index = head->index;
    locks->time = head->time;
    locks->time_before = head->time_before;
    locks->lifted = head->lifted;
    locks->session_last = head->session_last;
    locks->token_last = head->token_last;
    locks->order_last = head->order_last;
    locks->quarantine = head->quarantine;
    locks->life = head->life;
    locks->trials = head->trials;
    locks->loading.phase = LOADING_ITEMS;
    return true;
}

static bool load_end(struct locks *locks, struct wire *body)
{
    struct record_end end;
    record_read_end(body, &end);
    locks->loading.phase = LOADING_ENDED;
    return wire_complete(body) && end.records == locks->loading.records;
}

static bool load_item(struct locks *locks, uint8_t kind, struct wire *body)
{
    switch (kind) {
    case RECORD_SESSION:
        return load_session(locks, body);
    case RECORD_LOCK:
        return load_lock(locks, body);
    case RECORD_HOLD:
        return load_hold(locks, body);
    case RECORD_WAIT:
        return load_wait(locks, body);
    case RECORD_ANSWER:
        return load_answer(locks, body);
    case RECORD_CHANGE:
        return load_change(locks, body);
    case RECORD_END:
        return load_end(locks, body);
    default:
        return false;
    }
}

/* A whole record. */
static bool load_record(struct locks *locks, const unsigned char *record)
{
    struct loading *loading = &locks->loading;
    struct wire body = wire_reader(
            record + RECORD_HEAD_BYTES, record_bytes(record) - RECORD_HEAD_BYTES);
    bool loaded = false;
    if (loading->phase == LOADING_HEAD)
        loaded = record[0] == RECORD_HEAD && load_head(locks, &body);
    else if (loading->phase == LOADING_ITEMS)
        loaded = load_item(locks, record[0], &body);
    loading->records++;
    return loaded;
}

/* ---- Pieces ---- */

/* How many bytes of a record are needed before more can be said. */
static uint32_t wanted(const unsigned char *bytes, uint32_t count)
{
    return count < RECORD_HEAD_BYTES ? (uint32_t)RECORD_HEAD_BYTES : record_bytes(bytes);
}

/* Add to the record of which a piece came before; false: it is none. */
static bool load_piece(struct locks *locks, struct span *records)
{
    struct loading *loading = &locks->loading;
    uint32_t want = wanted(loading->piece, loading->piece_bytes);
    if (want > RECORD_BYTES_MAX)
        return false;
    uint32_t count = want - loading->piece_bytes;
    if (count > records->count)
        count = records->count;
    memcpy(loading->piece + loading->piece_bytes, records->bytes, count);
    loading->piece_bytes += count;
    records->bytes += count;
    records->count -= count;
    if (loading->piece_bytes < RECORD_HEAD_BYTES ||
            loading->piece_bytes < record_bytes(loading->piece))
        return true;
    loading->piece_bytes = 0;
    return load_record(locks, loading->piece);
}

bool locks_load(struct locks *locks, struct span records)
{
    struct loading *loading = &locks->loading;
    if (loading->phase == LOADING_NOTHING)
        return false;
    while (records.count > 0) {
        uint32_t want = wanted(records.bytes, records.count);
        if (loading->piece_bytes > 0 || want > records.count) {
            if (!load_piece(locks, &records))
                return refuse(locks);
            continue;
        }
        if (!load_record(locks, records.bytes))
            return refuse(locks);
        records.bytes += want;
        records.count -= want;
    }
    return true;
}

/* ---- The end ---- */

static bool counts_are_right(const struct locks *locks)
{
    struct locks_counts found = locks_tally(locks);
    const struct locks_counts *told = &locks->loading.head.counts;
    return found.sessions == told->sessions && found.locks == told->locks &&
           found.holds == told->holds && found.waits == told->waits &&
           found.answers == told->answers && found.changes == told->changes &&
           found.name_blocks == told->name_blocks;
}

/* File a lock by its name. */
static bool link_name(struct locks *locks, uint32_t at)
{
    unsigned char bytes[NAME_BYTES_MAX];
    const struct lock *lock = pool_at(&locks->locks, at);
    struct span name = {.bytes = bytes, .count = lock->name_bytes};
    namechain_read(&locks->blocks, lock->name, lock->name_bytes, bytes);
    if (nametable_find_hashed(locks, name, lock->hash) != NULL)
        return false;
    nametable_add(locks, at, name);
    return true;
}

/* All changes of a living session behind the last that was dropped or confirmed are there. */
static bool changes_have_no_gap(const struct session *session)
{
    uint64_t gone =
            session->confirmed > session->dropped ? session->confirmed : session->dropped;
    return session->end_order != 0 || session->change_count == session->change - gone;
}

static bool order_session(struct locks *locks, uint32_t at)
{
    struct session *session = pool_at(&locks->sessions, at);
    return order_restore(&session->holds, ORDER_HOLDS_OF_SESSION) &&
           order_restore(&session->waits, ORDER_WAITS_OF_SESSION) &&
           order_restore(&session->answers, ORDER_ANSWERS) &&
           order_restore(&session->changes, ORDER_CHANGES) && changes_have_no_gap(session);
}

static bool order_lock(struct locks *locks, uint32_t at)
{
    struct lock *lock = pool_at(&locks->locks, at);
    bool used = lock->hold_count > 0 || lock->wait_count > 0;
    return order_restore(&lock->holders, ORDER_HOLDERS) &&
           order_restore(&lock->queue, ORDER_QUEUE) && used &&
           claim_is_ready(lock) == (lock->ready_order != 0);
}

/* Lists of the state itself, and the digest. Each ready lock finds a free hold. */
static bool order_state(struct locks *locks)
{
    struct loading *loading = &locks->loading;
    loading->digest = locks_digest(locks);
    return order_restore(&locks->ending, ORDER_ENDING) &&
           order_restore(&locks->ready, ORDER_READY) &&
           pool_count(&locks->holds) + locks->ready_count <= locks->settings.holds_max &&
           loading->digest == loading->head.digest;
}

/* The next part of the pool; 0: that was the last, and the next phase begins. */
static uint32_t next_part(struct locks *locks, const struct pool *pool)
{
    struct loading *loading = &locks->loading;
    loading->at = pool_next(pool, loading->at);
    if (loading->at == 0)
        loading->phase++;
    return loading->at;
}

/* Link one more part. False: together the records make no state. */
static bool link_next(struct locks *locks)
{
    struct loading *loading = &locks->loading;
    uint32_t at;
    switch (loading->phase) {
    case LOADING_ENDED:
        if (loading->piece_bytes > 0 || !counts_are_right(locks))
            return false;
        load_forget_ids(locks);
        loading->at = 0;
        loading->phase = LOADING_NAMES;
        return true;
    case LOADING_NAMES:
        at = next_part(locks, &locks->locks);
        return at == 0 || link_name(locks, at);
    case LOADING_SESSIONS:
        at = next_part(locks, &locks->sessions);
        return at == 0 || order_session(locks, at);
    case LOADING_LOCKS:
        at = next_part(locks, &locks->locks);
        return at == 0 ? order_state(locks) : order_lock(locks, at);
    case LOADING_NOTHING:
    case LOADING_HEAD:
    case LOADING_ITEMS:
    case LOADING_LINKED:
        break;
    }
    return false;
}

enum load_step locks_load_link(struct locks *locks, uint32_t parts)
{
    for (uint32_t i = 0; i < parts && locks->loading.phase != LOADING_LINKED; i++) {
        if (!link_next(locks)) {
            (void)refuse(locks);
            return LOAD_REFUSED;
        }
    }
    if (locks->loading.phase != LOADING_LINKED)
        return LOAD_GOES_ON;
    locks->loading.phase = LOADING_NOTHING;
    return LOAD_WHOLE;
}

bool locks_load_end(struct locks *locks)
{
    enum load_step step;
    do
        step = locks_load_link(locks, UINT32_MAX);
    while (step == LOAD_GOES_ON);
    return step == LOAD_WHOLE;
}
