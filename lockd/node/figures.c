/* Histograms as nodes send them: see figures.h. */
#include "node/figures.h"

#include "protocol/node_status.h"

void figures_put(struct wire *wire, const struct histogram *histogram)
{
    assert(wire->mode != WIRE_READ);
    uint16_t count = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        count = (uint16_t)(count + (histogram->buckets[i] != 0));
    wire_bucket_count(wire, &count);
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        struct node_status_bucket bucket = {(uint16_t)i, histogram->buckets[i]};
        if (bucket.count != 0)
            wire_bucket(wire, &bucket);
    }
}
