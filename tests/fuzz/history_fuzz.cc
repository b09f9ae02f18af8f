/*
 * The reader of histories, and the judge behind it: whatever is read is judged to an end, and
 * written again it is the same history.
 */
#include <sstream>

#include "lockcheck/history/write.h"
#include "lockcheck/judge/judge.h"
#include "mirror.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::istringstream input(std::string(data, data + size));
    linear::History history;
    try {
        history = linear::read_history(input);
    } catch (const linear::Malformed &) {
        return 0;
    }
    std::vector<std::string> lines = linear::lines_of(history);
    std::string text;
    for (const std::string &line : lines)
        text += line + "\n";
    std::istringstream written(text);
    fuzz::require(linear::lines_of(linear::read_history(written)) == lines,
            "a history is read as it was written");
    if (history.operations.size() <= 60)
        linear::judge(history, linear::Rules{});
    return 0;
}
