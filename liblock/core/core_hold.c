#include "core/core_hold.h"

#include "base/mark.h"

void holds_carve(struct holds *holds, struct arena *arena, uint32_t count)
{
    pool_carve(&holds->pool, arena, "holds", count, sizeof(struct core_hold));
    map_carve(&holds->tokens, arena, "hold tokens", count);
    holds->beliefs = arena_take(arena, "hold beliefs", count, sizeof(struct hold_belief),
            alignof(struct hold_belief));
}

struct core_hold *hold_by_token(const struct holds *holds, uint64_t token)
{
    struct map_cursor at;
    return map_find(&holds->tokens, token, &at) ? hold_at(holds, at.value) : NULL;
}

struct core_hold *hold_make(
        struct holds *holds, struct core_session *session, uint64_t token)
{
    uint32_t handle = pool_take(&holds->pool);
    assert(handle != 0); /* It was promised. */
    struct core_hold *hold = hold_at(holds, handle);
    hold->handle = handle;
    hold->session = session->handle;
    hold->token = token;
    hold->session_user = session->user;
    hold->list_mark = session->list_mark; /* A list begun before it cannot name it. */
    list_push_back(&session->holds, &hold->link);
    map_add(&holds->tokens, token, handle);
    return hold;
}

static void publish(struct holds *holds, const struct core_hold *hold, uint64_t token)
{
    hold_write(&holds->beliefs[pool_index(hold->handle)], token);
}

void hold_enter(struct holds *holds, struct core_hold *hold)
{
    assert(hold->waiting > 0);
    hold->waiting--;
    hold->count++;
    publish(holds, hold, hold->token);
}

/* From here on nothing believes in it. */
static void disbelieve(struct holds *holds, struct core_hold *hold)
{
    publish(holds, hold, 0);
    map_remove(&holds->tokens, hold->token, hold->handle);
    list_remove(&hold->link);
}

void hold_drop(struct holds *holds, struct core_hold *hold)
{
    disbelieve(holds, hold);
    pool_give(&holds->pool, hold->handle);
}

void hold_left(struct holds *holds, struct core_hold *hold)
{
    if (hold->count == 0)
        publish(holds, hold, 0);
    if (hold->count == 0 && hold->waiting == 0)
        hold_drop(holds, hold);
}

void hold_ended(struct holds *holds, struct core_hold *hold)
{
    MARK(client_hold_ended);
    disbelieve(holds, hold);
    list_push_back(&holds->ended, &hold->link);
}

void holds_promise(struct holds *holds, struct core_request *request)
{
    assert(!request->promised);
    request->promised = true;
    holds->promised++;
}

void holds_break_promise(struct holds *holds, struct core_request *request)
{
    if (!request->promised)
        return;
    request->promised = false;
    assert(holds->promised > 0);
    holds->promised--;
}
