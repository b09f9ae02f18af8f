/*
 * A report as an SVG timeline: of each window a panel, in it a lane for each process and in the
 * lanes a bar for each operation, from its call to its return. Of a history with nothing to show
 * one panel has how it began.
 */
#ifndef LINEAR_PICTURE_H
#define LINEAR_PICTURE_H

#include "lockcheck/report/verdict.h"

namespace linear {

/* More bars than these in one panel are left out, and that they are is said. */
constexpr size_t bars_max = 60;

std::string svg_of(const Report &report);

} // namespace linear

#endif
