/*
 * A closed part of a history (excuses.h), in which each operation knows who needs it, so that one
 * can go with all that need it and what remains is still good evidence.
 *
 * What remains need not be closed: a release or a close that was called after everything else had
 * returned excuses nothing that came before, and nobody needs it. (The possible order of the
 * whole, cut off at the last return, is one of the rest.)
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
     * Which places are left of those that are kept, without these places and without all that
     * cannot do without them.
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
