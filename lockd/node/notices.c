/* Notices for the log: see notices.h. */
#include "node/notices.h"

void notices_tell_of(
        struct notices *notices, const struct node_notice *notice, const char *from)
{
    struct node_effects *effects = notices->effects;
    assert(effects);
    if (effects->notice_count == NODE_NOTICES_MAX)
        return;
    struct node_notice *told = &effects->notices[effects->notice_count++];
    *told = *notice;
    told->term = raft_term(notices->raft);
    assert(strlen(from) < sizeof told->from);
    memcpy(told->from, from, strlen(from) + 1);
}

void notices_tell(
        struct notices *notices, enum node_notice_kind kind, uint8_t peer, uint64_t number)
{
    const struct node_notice notice = {.kind = kind, .peer = peer, .number = number};
    notices_tell_of(notices, &notice, "");
}

void notices_tell_place(
        struct notices *notices, enum node_notice_kind kind, struct wal_place place)
{
    const struct node_notice notice = {
            .kind = kind, .number = place.segment, .offset = place.offset};
    notices_tell_of(notices, &notice, "");
}

void notices_check(const struct notices *notices)
{
    assert(notices->raft);
    if (notices->effects)
        assert(notices->effects->notice_count <= NODE_NOTICES_MAX);
    assert(notices->counters.refused_busy <= notices->counters.requests);
}
