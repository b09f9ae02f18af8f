#include "lockcheck/report/letters.h"

#include <algorithm>

namespace linear {

namespace {

/* How many bytes the character here has; 0: XML cannot have it. */
size_t character(const std::string &text, size_t at)
{
    unsigned char first = static_cast<unsigned char>(text[at]);
    if (first < 0x80)
        return first >= 0x20 && first != 0x7F ? 1 : 0;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    if (length == 0 || first > 0xF4 || at + length > text.size())
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[at + i] & 0xC0) != 0x80)
            return 0;
    }
    unsigned char second = static_cast<unsigned char>(text[at + 1]);
    bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    bool beyond = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
    bool nothing = first == 0xEF && second == 0xBF && (text[at + 2] & 0x3E) == 0x3E;
    return overlong || beyond || nothing ? 0 : length;
}

} // namespace

std::vector<std::string> characters(const std::string &text)
{
    std::vector<std::string> found;
    for (size_t at = 0; at < text.size();) {
        size_t length = character(text, at);
        found.push_back(length == 0 ? "\xEF\xBF\xBD" : text.substr(at, length));
        at += std::max<size_t>(length, 1);
    }
    return found;
}

std::string elided(const std::string &text, size_t most)
{
    std::vector<std::string> all = characters(text);
    if (all.size() <= most)
        return text;
    std::string out;
    size_t head = most * 2 / 3;
    for (size_t i = 0; i < head; i++)
        out += all[i];
    out += "\xE2\x80\xA6";
    for (size_t i = all.size() - (most - head - 1); i < all.size(); i++)
        out += all[i];
    return out;
}

} // namespace linear
