/* What becomes of damage that is found while the node runs: see mender.h. */
#include "node/mender.h"

#include "base/mark.h"
#include "base/units.h"

/* A disk that answers again at once needs no mending. */
static const uint64_t patience_ns = NS_PER_S;

/* A snapshot of this entry or a later one is to be taken, if none is there or on its way. */
static void want_snapshot(struct mender *mender, uint64_t index)
{
    struct snapshotter *snapshotter = mender->snapshotter;
    bool is_on_its_way = snapshotter->state != SNAPSHOTTER_IDLE &&
                         snapshotter->state != SNAPSHOTTER_CLEANING &&
                         snapshotter->header.last.index >= index;
    if (!is_on_its_way)
        snapshotter->wanted = index;
}

/* ---- The log ---- */

static void begin(struct mender *mender)
{
    if (mender->since_ns == 0)
        mender->since_ns = mender->times->now_ns;
}

static void end(struct mender *mender)
{
    mender->since_ns = 0;
    mender->compactor->mend_to = 0;
}

/* The log begins behind the damage, also for a restart. */
static void finish(struct mender *mender)
{
    MARK(log_mended);
    mender->notices->counters.mends++;
    notices_tell_place(mender->notices, NOTICE_LOG_MENDED, mender->reader->fault);
    reader_mended(mender->reader);
    end(mender);
}

static void mend_log(struct mender *mender)
{
    uint64_t segment = mender->reader->fault.segment;
    if (wal_begin(mender->wal).segment > segment) {
        if (mender->compactor->begin > segment)
            finish(mender);
        return;
    }
    begin(mender);
    if (mender->times->now_ns - mender->since_ns < patience_ns)
        return;
    wal_leave_segment(mender->wal, segment);
    struct entry_id last;
    if (!wal_last_through(mender->wal, segment, &last) ||
            mender->snapshots->applied.index < last.index)
        return;
    mender->compactor->mend_to = last.index;
    const struct kept_snapshot *newest = snapshots_newest(mender->snapshots);
    if (!newest || newest->last.index < last.index)
        want_snapshot(mender, last.index);
}

/* ---- Snapshots ---- */

static void tell(struct mender *mender, struct kept_snapshot *kept)
{
    MARK(snapshot_damaged);
    kept->told = true;
    mender->notices->counters.bad_reads++;
    notices_tell_place(mender->notices, NOTICE_SNAPSHOT_DAMAGED,
            (struct wal_place){.segment = kept->last.index});
}

/* One that is damaged goes when a later one is there: snapshots_superfluous(). */
static void mend_snapshots(struct mender *mender)
{
    struct snapshots *snapshots = mender->snapshots;
    if (!snapshots->damaged)
        return;
    snapshots->damaged = false;
    for (uint32_t i = 0; i < snapshots->count; i++) {
        struct kept_snapshot *kept = &snapshots->kept[i];
        snapshots->damaged = snapshots->damaged || kept->damaged;
        if (kept->damaged && !kept->told)
            tell(mender, kept);
        if (kept->damaged && i + 1 == snapshots->count)
            want_snapshot(mender, kept->last.index + 1);
    }
}

void mender_turn(struct mender *mender)
{
    mend_snapshots(mender);
    if (mender->reader->unreadable)
        mend_log(mender);
    else if (mender->since_ns != 0)
        end(mender);
}

uint64_t mender_deadline(const struct mender *mender)
{
    uint64_t now_ns = mender->times->now_ns;
    bool waits = mender->since_ns != 0 && now_ns - mender->since_ns < patience_ns;
    return waits ? mender->since_ns + patience_ns : UINT64_MAX;
}
