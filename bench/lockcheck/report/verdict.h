/* What lockcheck says about one file, for people and for programs. */
#ifndef LINEAR_VERDICT_H
#define LINEAR_VERDICT_H

#include "lockcheck/judge/window.h"

namespace linear {

/* The numbers are exit codes (lockd/doc/history.md). */
enum class Finding : uint8_t {
    valid = 0,
    violation = 1,
    bad_input = 2,
    undecided = 3,
    too_little = 4,
    differ = 5
};

struct Report {
    std::string file;
    Finding finding = Finding::valid;
    std::string error; /* Why the input is bad, without the file's name */
    History history;
    Judgement judgement;
    std::vector<Window> windows; /* Into `history` */
};

const char *text(Finding finding);

/* Of several files the worst counts: an error of a checker, a violation, bad input, ... */
Finding worse(Finding a, Finding b);

std::string text_of(const Report &report);

/* One object, in one line without its end. */
std::string json_of(const Report &report);

} // namespace linear

#endif
