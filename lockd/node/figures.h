/* Histograms as nodes send them: the buckets that are not empty, one after another. */
#ifndef NODE_FIGURES_H
#define NODE_FIGURES_H

#include "base/histogram.h"
#include "protocol/wire.h"

#ifdef __cplusplus
extern "C" {
#endif

void figures_put(struct wire *wire, const struct histogram *histogram);

#ifdef __cplusplus
}
#endif

#endif
