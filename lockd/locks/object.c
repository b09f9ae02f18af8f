#include "locks/object.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

enum {
    WORDS_MAX = 16
};

/* What a part is, in words that are the same on every node. */
struct words {
    uint64_t values[WORDS_MAX];
    uint32_t count;
};

static void put(struct words *words, uint64_t value)
{
    assert(words->count < WORDS_MAX);
    words->values[words->count++] = value;
}

static void describe_session(struct words *words, const struct session *session)
{
    uint64_t secret[SECRET_BYTES / sizeof(uint64_t)];
    memcpy(secret, session->secret, sizeof(secret));
    put(words, session->id);
    put(words, secret[0]);
    put(words, secret[1]);
    put(words, session->ttl_ns);
    put(words, session->deadline);
    put(words, heap_has(&session->due) ? session->due.key : 0);
    put(words, session->change);
    put(words, session->confirmed);
    put(words, session->dropped);
    put(words, session->answered);
    put(words, session->end_order);
    put(words, session->end_reason);
    put(words, session->label_bytes);
    put(words, session->label_hash);
}

static void describe_lock(struct words *words, const struct lock *lock)
{
    put(words, lock->hash);
    put(words, lock->name_bytes);
    put(words, lock->hold_count);
    put(words, lock->wait_count);
    put(words, lock->ready_order);
}

static void describe_hold(struct words *words, const struct hold *hold)
{
    put(words, hold->lock->hash);
    put(words, hold->session->id);
    put(words, hold->token);
    put(words, hold->owner);
    put(words, hold->number);
    put(words, hold->granted_at);
    put(words, hold->change);
    put(words, hold->count);
    put(words, hold->mode);
}

static void describe_wait(struct words *words, const struct wait *wait)
{
    put(words, wait->lock->hash);
    put(words, wait->session->id);
    put(words, wait->owner);
    put(words, wait->number);
    put(words, wait->due.key);
    put(words, wait->due.tie_low);
    put(words, wait->mode);
}

static void describe_answer(struct words *words, const struct remembered *answer)
{
    put(words, answer->session->id);
    put(words, answer->number);
    put(words, answer->token);
    put(words, answer->count);
    put(words, answer->kind);
    put(words, answer->status);
    put(words, answer->detail);
}

static void describe_change(struct words *words, const struct told *told)
{
    put(words, told->session->id);
    put(words, told->change.kind);
    put(words, told->change.status);
    put(words, told->change.change);
    put(words, told->change.number);
    put(words, told->change.token);
}

uint64_t object_weight(enum part part, const void *item)
{
    struct words words = {.count = 0};
    switch (part) {
    case PART_SESSION:
        describe_session(&words, item);
        break;
    case PART_LOCK:
        describe_lock(&words, item);
        break;
    case PART_HOLD:
        describe_hold(&words, item);
        break;
    case PART_WAIT:
        describe_wait(&words, item);
        break;
    case PART_ANSWER:
        describe_answer(&words, item);
        break;
    case PART_CHANGE:
        describe_change(&words, item);
        break;
    }
    return hash_bytes(words.values, words.count * sizeof(uint64_t), part);
}

void object_change(struct locks *locks, enum edge edge, enum part part, const void *item)
{
    /* A sum, so that the order in which parts came and went leaves no trace. */
    uint64_t weight = object_weight(part, item);
    locks->digest += edge == BEFORE ? 0 - weight : weight;
}
