/* Notices for the log: see notices.h. */
#include "node/notices.h"

void notices_tell(
        struct notices *notices, enum node_notice_kind kind, uint8_t peer, uint64_t number)
{
    struct node_effects *effects = notices->effects;
    assert(effects);
    if (effects->notice_count == NODE_NOTICES_MAX)
        return;
    effects->notices[effects->notice_count++] = (struct node_notice){
            .kind = kind,
            .peer = peer,
            .term = raft_term(notices->raft),
            .number = number,
    };
}

void notices_tell_place(
        struct notices *notices, enum node_notice_kind kind, struct wal_place place)
{
    uint32_t before = notices->effects->notice_count;
    notices_tell(notices, kind, 0, place.segment);
    if (notices->effects->notice_count > before)
        notices->effects->notices[before].offset = place.offset;
}

void notices_check(const struct notices *notices)
{
    assert(notices->raft);
    if (notices->effects)
        assert(notices->effects->notice_count <= NODE_NOTICES_MAX);
    assert(notices->counters.refused_busy <= notices->counters.requests);
}
