/* Snapshots and what belongs to them: see upkeep.h. */
#include "node/upkeep.h"

#include "base/numbers.h"

void upkeep_turn(struct upkeep *upkeep, struct node_effects *effects)
{
    struct receiver *receiver = &upkeep->receiver;
    receiver_turn(receiver);
    sender_turn(&upkeep->sender);
    upkeep->compactor.keep_from = sender_needs(&upkeep->sender);
    upkeep->snapshotter.paused = receiver->state != RECEIVER_IDLE;
    upkeep->health->lacks_state = receiver->state > RECEIVER_RECEIVING;
    bool has_state = !receiver_is_loading(receiver) && !receiver_is_freezing(receiver);
    if (has_state)
        mender_turn(&upkeep->mender);
    if (!receiver_is_loading(receiver))
        snapshotter_turn(&upkeep->snapshotter);
    if (!receiver_is_freezing(receiver))
        compactor_turn(&upkeep->compactor);
    if (has_state)
        scrubber_turn(&upkeep->scrubber);
    backups_turn(&upkeep->backups);
    files_next(&upkeep->files, effects);
}

void upkeep_file_done(struct upkeep *upkeep, const struct node_event *event)
{
    struct file_done done = files_take(&upkeep->files, event);
    switch (done.user) {
    case FILES_SNAPSHOTTER:
        snapshotter_done(&upkeep->snapshotter, &done);
        break;
    case FILES_COMPACTOR:
        compactor_done(&upkeep->compactor, &done);
        break;
    case FILES_RECEIVER:
        receiver_done(&upkeep->receiver, &done);
        break;
    case FILES_SENDER:
        sender_done(&upkeep->sender, &done);
        break;
    case FILES_BACKUPS:
        backups_done(&upkeep->backups, &done);
        break;
    case FILES_SCRUBBER:
        scrubber_done(&upkeep->scrubber, &done);
        break;
    case FILES_USER_COUNT:
        assert(done.user < FILES_USER_COUNT);
        break;
    }
}

/* Damage waits until this node has a state again. */
static uint64_t care_deadline(const struct upkeep *upkeep)
{
    const struct receiver *receiver = &upkeep->receiver;
    if (receiver_is_loading(receiver) || receiver_is_freezing(receiver))
        return UINT64_MAX;
    return u64_min(mender_deadline(&upkeep->mender), scrubber_deadline(&upkeep->scrubber));
}

uint64_t upkeep_deadline(const struct upkeep *upkeep)
{
    uint64_t deadline_ns = snapshotter_deadline(&upkeep->snapshotter);
    deadline_ns = u64_min(deadline_ns, sender_deadline(&upkeep->sender));
    deadline_ns = u64_min(deadline_ns, backups_deadline(&upkeep->backups));
    deadline_ns = u64_min(deadline_ns, care_deadline(upkeep));
    return u64_min(deadline_ns, receiver_deadline(&upkeep->receiver));
}

void upkeep_check(const struct upkeep *upkeep)
{
    files_check(&upkeep->files);
    snapshots_check(&upkeep->snapshots);
    snapshotter_check(&upkeep->snapshotter);
    compactor_check(&upkeep->compactor);
    sender_check(&upkeep->sender);
    receiver_check(&upkeep->receiver);
    backups_check(&upkeep->backups);
}
