/*
 * A report as an SVG timeline. Each window has a panel, with a lane for each process. A
 * lane has a bar for each operation, from its call to its return. For a history with
 * nothing to show, one panel shows how it began.
 */
#ifndef LINEAR_PICTURE_H
#define LINEAR_PICTURE_H

#include "lockcheck/report/verdict.h"

namespace linear {

/* More bars than these in one panel are left out, and the picture says so. */
constexpr size_t bars_max = 60;

std::string svg_of(const Report &report);

} // namespace linear

#endif
