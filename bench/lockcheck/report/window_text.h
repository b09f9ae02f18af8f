/* Windows for people: what is wrong in one sentence, and the operations in columns. */
#ifndef LINEAR_WINDOW_TEXT_H
#define LINEAR_WINDOW_TEXT_H

#include "lockcheck/judge/window.h"

namespace linear {

/*
 * One unit for all the times of a picture or table: as much of it as is needed to tell them
 * apart.
 */
class Clock {
public:
    /* Times count from `begin`; `end` is the last that is shown. */
    Clock(int64_t begin, int64_t end);

    /* "+1.250 ms" */
    std::string when(int64_t time) const;
    std::string duration(int64_t ns) const;

    int64_t begin() const
    {
        return begin_;
    }

private:
    int64_t begin_;
    int64_t unit_ = 1;
    const char *name_ = "ns";
};

/* The clock of these operations: from the first call to the last time that is known. */
Clock clock_of(const std::vector<const Operation *> &operations);

/* The lock's name in quotes; of a session's operation "session 7". */
std::string object_of(const Operation &op, const History &history);

/* "the locks" where there are several. */
std::string object_of(const Window &window, const History &history);

/* Which promise is broken here, and by what. */
std::string why(const Window &window, const History &history);

/* The sentence and the table, lines that end. */
std::string text_of(const Window &window, const History &history);

} // namespace linear

#endif
