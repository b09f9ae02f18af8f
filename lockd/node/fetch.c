/* Reads entries from disk for peers: see fetch.h. */
#include "node/fetch.h"

/* The peer as a user of the reader. */
static uint8_t user_of(const struct roster *roster, const struct peer *peer)
{
    return (uint8_t)(peer - roster->peers + 1);
}

void fetch_want(const struct fetch *fetch, const struct raft_fetch *wanted)
{
    const struct peer *peer = roster_find(fetch->roster, wanted->peer);
    assert(peer);
    reader_want(fetch->reader, user_of(fetch->roster, peer), wanted->begin);
}

uint32_t fetch_able(const struct fetch *fetch)
{
    const struct roster *roster = fetch->roster;
    uint32_t able = 0;
    if (!raft_is_leader(fetch->raft))
        return able;
    for (uint8_t i = 0; i < roster->top; i++) {
        if (roster->peers[i].conn != NO_CONN)
            able |= UINT32_C(1) << (i + 1);
    }
    return able;
}

static_assert(READER_USERS_MAX <= 32, "the set of users is one number");

/* As many entries as fit into one append. */
static void collect(const struct fetch *fetch, struct reading *reading, struct chunk *chunk)
{
    struct disk_cursor *cursor = &fetch->reader->users[reading->user].cursor;
    const struct raft_settings *settings = fetch->settings;
    uint64_t bytes = 0;
    chunk->begin = cursor->index;
    chunk->count = 0;
    while (chunk->count < settings->append_entries_max) {
        struct disk_cursor before = *cursor;
        const unsigned char *entry = reader_entry(fetch->reader, reading);
        if (!entry)
            return;
        bytes += entry_bytes(&reading->walk.head);
        if (chunk->count > 0 && bytes > settings->append_bytes_max) {
            *cursor = before;
            return;
        }
        chunk->entries[chunk->count++] = entry;
    }
}

bool fetch_collect(const struct fetch *fetch, struct reading *reading, struct chunk *chunk,
        struct raft_event *event)
{
    struct reader *reader = fetch->reader;
    assert(reading->user != READER_APPLY);
    assert(reading->user <= NODE_PEERS_MAX);
    const struct reader_user *user = &reader->users[reading->user];
    if (!reader_wants(reader, reading->user) || user->cursor.index != user->begin)
        return false; /* Something else is wanted meanwhile. */
    collect(fetch, reading, chunk);
    if (chunk->count == 0)
        return false; /* It lies further on: read again. */
    assert(chunk->begin == user->begin);
    assert(user->cursor.index == chunk->begin + chunk->count);
    reader_done(reader, reading->user);
    uint64_t before = chunk->begin - 1;
    *event = (struct raft_event){
            .kind = RAFT_FETCHED,
            .peer = fetch->roster->peers[reading->user - 1].id,
            .begin = chunk->begin,
            .end = chunk->begin + chunk->count,
            .previous = {raft_term_at(fetch->raft, before), before},
    };
    return true;
}
