#include "lockcheck/report/time_axis.h"

#include <algorithm>
#include <cmath>

namespace linear {

namespace {

constexpr double narrowest = 14; /* Between two events, in pixels */

int64_t round_step(int64_t least)
{
    for (int64_t power = 1; power < INT64_MAX / 20; power *= 10) {
        for (int64_t step : {power, 2 * power, 5 * power}) {
            if (step >= least)
                return step;
        }
    }
    return least;
}

} // namespace

TimeAxis::TimeAxis(std::vector<int64_t> times, double left, double right)
        : times_(std::move(times))
{
    std::sort(times_.begin(), times_.end());
    times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
    places_.resize(times_.size());
    spread(left, right, true);
    for (size_t i = 1; i < places_.size(); i++)
        to_scale_ = to_scale_ && places_[i] - places_[i - 1] >= narrowest;
    if (!to_scale_)
        spread(left, right, false);
}

void TimeAxis::spread(double left, double right, bool to_scale)
{
    double gaps = static_cast<double>(times_.size() - 1);
    double least = to_scale ? 0 : std::min(narrowest, (right - left) / (gaps + 1));
    std::vector<double> widths(times_.size(), 0);
    double all = 0;
    for (size_t i = 1; i < times_.size(); i++) {
        double took = static_cast<double>(times_[i] - times_[i - 1]);
        widths[i] = to_scale ? took : std::sqrt(took);
        all += widths[i];
    }
    double scale = all > 0 ? (right - left - least * gaps) / all : 0;
    double place = left;
    for (size_t i = 0; i < times_.size(); i++) {
        place += i > 0 ? least + widths[i] * scale : 0;
        places_[i] = place;
    }
}

double TimeAxis::at(int64_t time) const
{
    auto next = std::upper_bound(times_.begin(), times_.end(), time);
    if (next == times_.begin())
        return places_.front();
    if (next == times_.end())
        return places_.back();
    size_t i = static_cast<size_t>(next - times_.begin());
    double part = static_cast<double>(time - times_[i - 1]) /
                  static_cast<double>(times_[i] - times_[i - 1]);
    return places_[i - 1] + part * (places_[i] - places_[i - 1]);
}

std::vector<int64_t> TimeAxis::marks(double apart) const
{
    std::vector<int64_t> marks;
    if (to_scale_) {
        double width = places_.back() - places_.front();
        int64_t span = times_.back() - times_.front();
        double steps = std::max(1.0, std::floor(width / apart));
        int64_t step = round_step(std::max(
                int64_t{1}, static_cast<int64_t>(static_cast<double>(span) / steps)));
        for (int64_t time = times_.front(); time <= times_.back(); time += step)
            marks.push_back(time);
        return marks;
    }
    for (int64_t time : times_) {
        if (marks.empty() || at(time) - at(marks.back()) >= apart)
            marks.push_back(time);
    }
    return marks;
}

} // namespace linear
