/*
 * Where a time is in a picture. It is to scale if everything can be seen then. Else the
 * space between two events is as wide as the square root of the time between, and wide
 * enough to see which came first: order matters more than length.
 */
#ifndef LINEAR_TIME_AXIS_H
#define LINEAR_TIME_AXIS_H

#include "lockcheck/history/history.h"

namespace linear {

class TimeAxis {
public:
    /*
     * The times that matter, at least one; `left` and `right` are the ends of the picture.
     */
    TimeAxis(std::vector<int64_t> times, double left, double right);

    /* Of any time; what is outside is at the edge. */
    double at(int64_t time) const;

    bool is_to_scale() const
    {
        return to_scale_;
    }

    /* Times that deserve a mark, at least so far apart in the picture. */
    std::vector<int64_t> marks(double apart) const;

private:
    void spread(double left, double right, bool to_scale);

    std::vector<int64_t> times_; /* Upwards, each once */
    std::vector<double> places_;
    bool to_scale_ = true;
};

} // namespace linear

#endif
