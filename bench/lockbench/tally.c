#include "tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/numbers.h"

void tally_init(struct tally *tally, uint64_t begin_ns, uint64_t end_ns)
{
    *tally = (struct tally){.begin_ns = begin_ns,
            .end_ns = end_ns,
            .last_grant_ns = begin_ns,
            .slices = tally->slices,
            .slice_count = tally->slice_count};
    histogram_init(&tally->acquires.latency);
    histogram_init(&tally->releases.latency);
    histogram_init(&tally->both);
    histogram_init(&tally->lateness);
    histogram_init(&tally->granted);
    histogram_init(&tally->refused);
}

static bool is_within(const struct tally *tally, uint64_t ns)
{
    return tally->begin_ns <= ns && ns < tally->end_ns;
}

static void count(struct tally *tally, struct tally_side *side, enum lk_status status,
        uint64_t from_ns, uint64_t now_ns)
{
    side->by_status[status]++;
    if (status != LK_OK)
        return;
    side->in_span += is_within(tally, now_ns);
    if (!is_within(tally, from_ns))
        return;
    histogram_add(&side->latency, now_ns - from_ns);
    histogram_add(&tally->both, now_ns - from_ns);
}

/* A gap belongs to each slice that it reaches into. */
static void note_gap(struct tally *tally, uint64_t begin_ns, uint64_t end_ns)
{
    uint64_t gap = end_ns - begin_ns;
    uint64_t last = (end_ns - tally->begin_ns) / TALLY_SLICE_NS;
    for (uint64_t i = (begin_ns - tally->begin_ns) / TALLY_SLICE_NS;
            i <= last && i < tally->slice_count; i++) {
        if (gap > tally->slices[i].longest_gap_ns)
            tally->slices[i].longest_gap_ns = gap;
    }
}

static void note_slice(struct tally *tally, uint64_t now_ns)
{
    uint64_t slice = (now_ns - tally->begin_ns) / TALLY_SLICE_NS;
    if (is_within(tally, now_ns) && slice < tally->slice_count)
        tally->slices[slice].grants++;
}

/* The grants of the span, and its two ends, cut it into gaps. */
static void note_grant(struct tally *tally, uint64_t now_ns)
{
    uint64_t at = u64_min(now_ns, tally->end_ns);
    if (at <= tally->last_grant_ns)
        return;
    if (at - tally->last_grant_ns > tally->longest_gap_ns)
        tally->longest_gap_ns = at - tally->last_grant_ns;
    note_gap(tally, tally->last_grant_ns, at);
    tally->last_grant_ns = at;
}

void tally_acquired(
        struct tally *tally, enum lk_status status, uint64_t from_ns, uint64_t now_ns)
{
    count(tally, &tally->acquires, status, from_ns, now_ns);
    if (status != LK_OK)
        return;
    note_grant(tally, now_ns);
    note_slice(tally, now_ns);
}

void tally_released(
        struct tally *tally, enum lk_status status, uint64_t from_ns, uint64_t now_ns)
{
    count(tally, &tally->releases, status, from_ns, now_ns);
}

void tally_begun(struct tally *tally, uint64_t from_ns, uint64_t now_ns)
{
    if (is_within(tally, from_ns))
        histogram_add(&tally->lateness, u64_rest(now_ns, from_ns));
}

void tally_answered(
        struct tally *tally, enum lk_status status, uint64_t call_ns, uint64_t now_ns)
{
    if (!is_within(tally, call_ns))
        return;
    if (status == LK_OK)
        histogram_add(&tally->granted, now_ns - call_ns);
    else if (status == LK_STATUS_BUSY)
        histogram_add(&tally->refused, now_ns - call_ns);
}

void tally_left_out(struct tally *tally, uint64_t from_ns)
{
    tally->left_out += is_within(tally, from_ns);
}

void tally_wrong(struct tally *tally, const char *what, const char *lock, uint64_t token)
{
    if (tally->wrong == 0)
        (void)snprintf(tally->first_wrong, sizeof(tally->first_wrong),
                "%s (lock %.80s, token %" PRIu64 ")", what, lock, token);
    tally->wrong++;
}

void tally_cut(struct tally *tally, uint64_t now_ns)
{
    tally->end_ns = u64_max(tally->begin_ns, u64_min(tally->end_ns, now_ns));
}

uint64_t tally_span_ns(const struct tally *tally)
{
    return tally->end_ns - tally->begin_ns;
}

void tally_end(struct tally *tally)
{
    note_grant(tally, tally->end_ns);
}

bool tally_is_good(const struct tally *tally)
{
    return tally->wrong == 0 && tally->acquires.by_status[LK_OK] > 0 &&
           tally->releases.by_status[LK_OK] > 0;
}
