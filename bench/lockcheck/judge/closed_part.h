/*
 * A closed part of a history (excuses.h). Each operation knows which others need it. So an
 * operation can be removed together with all that need it, and the rest is still good
 * evidence.
 *
 * The rest need not be closed: a release or a close that was called after everything else
 * had returned excuses nothing that came before, and no operation needs it. (The possible
 * order of the whole, cut off at the last return, is one of the rest.)
 */
#ifndef LINEAR_CLOSED_PART_H
#define LINEAR_CLOSED_PART_H

#include "lockcheck/judge/excuses.h"

namespace linear {

class ClosedPart {
public:
    /* The numbers go upwards, and with each are its excuses. */
    ClosedPart(Numbers numbers, const History &history, const Excuses &excuses);

    const Numbers &numbers() const
    {
        return numbers_;
    }

    /*
     * Which places are left of those that are kept, without these places and without all
     * that cannot do without them.
     */
    std::vector<bool> without(std::vector<bool> kept, size_t begin, size_t end) const;

    Numbers those(const std::vector<bool> &kept) const;

private:
    const Operation &at(size_t place) const;
    int64_t last_return(const std::vector<bool> &kept) const;

    Numbers numbers_;
    const History &history_;
    std::vector<Numbers> needed_by_;
};

} // namespace linear

#endif
