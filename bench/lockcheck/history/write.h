/*
 * Histories as lines of lockhist/1, for tests and for code that makes histories in memory.
 */
#ifndef LINEAR_WRITE_H
#define LINEAR_WRITE_H

#include "lockcheck/history/history.h"

namespace linear {

/* For people: what is not printable as \xNN (base/text.h). */
std::string shown(const std::string &text);

/* As a JSON string. */
std::string quoted(const std::string &text);

std::string header_of(const History &history);
std::string line_of(const Operation &op, const History &history);
std::vector<std::string> lines_of(const History &history);

} // namespace linear

#endif
