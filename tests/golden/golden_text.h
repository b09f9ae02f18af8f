/* The text form in which golden files are kept. */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

/* By their numbers */
using files = std::map<uint64_t, std::vector<unsigned char>>;

constexpr size_t LINE = 32;

inline std::string to_text(const files &disk)
{
    std::ostringstream out;
    char number[32];
    for (const auto &[name, content] : disk) {
        out << "segment " << name << ' ' << content.size() << '\n';
        for (size_t at = 0; at < content.size(); at += LINE) {
            if (std::all_of(
                        &content[at], &content[at] + LINE, [](auto b) { return b == 0; }))
                continue;
            snprintf(number, sizeof(number), "%06zx ", at);
            out << number;
            for (size_t byte = 0; byte < LINE; byte++) {
                snprintf(number, sizeof(number), "%02x", content[at + byte]);
                out << number;
            }
            out << '\n';
        }
    }
    return out.str();
}

inline files from_text(const std::string &text)
{
    files disk;
    std::vector<unsigned char> *content = nullptr;
    std::istringstream in(text);
    std::string first;
    while (in >> first) {
        if (first == "segment") {
            uint64_t name = 0;
            size_t size = 0;
            in >> name >> size;
            content = &disk[name];
            content->resize(size);
            continue;
        }
        std::string hex;
        in >> hex;
        size_t at = std::stoul(first, nullptr, 16);
        for (size_t byte = 0; byte < hex.size() / 2; byte++)
            content->at(at + byte) = static_cast<unsigned char>(
                    std::stoul(hex.substr(2 * byte, 2), nullptr, 16));
    }
    return disk;
}

inline std::string read_file(const std::string &path)
{
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

} // namespace golden
