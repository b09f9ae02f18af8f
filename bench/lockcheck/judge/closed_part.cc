#include "lockcheck/judge/closed_part.h"

#include <algorithm>

namespace linear {

namespace {

/* Without operations that show an end that may have come long before. */
bool ends_only_after(const Operation &op, int64_t when)
{
    bool ends = op.kind == Kind::release || op.kind == Kind::close;
    return ends && op.result != Result::expired && op.call > when;
}

} // namespace

ClosedPart::ClosedPart(Numbers numbers, const History &history, const Excuses &excuses)
        : numbers_(std::move(numbers)), history_(history)
{
    needed_by_.resize(numbers_.size());
    for (uint32_t i = 0; i < numbers_.size(); i++) {
        for (uint32_t excuse : excuses.of(numbers_[i])) {
            auto it = std::lower_bound(numbers_.begin(), numbers_.end(), excuse);
            if (it != numbers_.end() && *it == excuse)
                needed_by_[static_cast<size_t>(it - numbers_.begin())].push_back(i);
        }
    }
}

std::vector<bool> ClosedPart::without(
        std::vector<bool> kept, size_t begin, size_t end) const
{
    Numbers going;
    for (size_t i = begin; i < end; i++) {
        if (kept[i])
            going.push_back(static_cast<uint32_t>(i));
        kept[i] = false;
    }
    int64_t last = last_return(kept);
    while (!going.empty()) {
        uint32_t gone = going.back();
        going.pop_back();
        if (ends_only_after(at(gone), last))
            continue;
        for (uint32_t other : needed_by_[gone]) {
            if (kept[other])
                going.push_back(other);
            kept[other] = false;
        }
    }
    return kept;
}

Numbers ClosedPart::those(const std::vector<bool> &kept) const
{
    Numbers numbers;
    for (size_t i = 0; i < kept.size(); i++) {
        if (kept[i])
            numbers.push_back(numbers_[i]);
    }
    return numbers;
}

const Operation &ClosedPart::at(size_t place) const
{
    return history_.operations[numbers_[place]];
}

int64_t ClosedPart::last_return(const std::vector<bool> &kept) const
{
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < kept.size(); i++) {
        if (kept[i] && at(i).result != Result::info)
            last = std::max(last, at(i).ret);
    }
    return last;
}

} // namespace linear
