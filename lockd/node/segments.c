/* Segments that the log wants: see segments.h. */
#include "node/segments.h"

#include "base/mark.h"
#include "base/units.h"

void segments_want(struct segments *segments, struct node_effects *effects)
{
    uint64_t wanted = wal_wanted_segment(segments->wal);
    bool later = segments->retry_ns > segments->times->now_ns;
    if (wanted == 0 || segments->asked || later)
        return;
    segments->asked = true;
    effects->segment_wanted = wanted;
}

void segments_ready(struct segments *segments, uint64_t number)
{
    wal_segment_ready(segments->wal, number);
    segments->retry_ns = 0;
    segments->asked = false;
}

void segments_failed(struct segments *segments)
{
    MARK(segment_failed);
    if (segments->retry_ns == 0)
        notices_tell(
                segments->notices, NOTICE_NO_SPACE, 0, wal_wanted_segment(segments->wal));
    segments->retry_ns = segments->times->now_ns + NS_PER_S;
    segments->asked = false;
}

uint64_t segments_deadline(const struct segments *segments)
{
    bool waits = segments->retry_ns != 0 && !segments->asked;
    return waits ? segments->retry_ns : UINT64_MAX;
}
