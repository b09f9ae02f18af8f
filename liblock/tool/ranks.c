#include "tool/ranks.h"

#include "base/histogram.h"

const struct rank ranks[RANKS] = {
        {"p50", "p50", 50000},
        {"p90", "p90", 90000},
        {"p99", "p99", 99000},
        {"p99.9", "p99_9", 99900},
        {"max", "max", HISTOGRAM_ALL},
};
