/* The log of the golden files, and the text form in which they are kept. */
#pragma once

#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "worlds/store_machine.h"

namespace golden {

using namespace store_test;

inline wal_settings settings()
{
    return {.node = 2,
            .incarnation = 0,
            .segment_bytes = 8 * BLOCK,
            .buffer_bytes = 16 * BLOCK,
            .entry_body_max = 2 * BLOCK,
            .writes_max = 4,
            .segments_max = 8};
}

inline bytes text(const char *what)
{
    return bytes(what, what + strlen(what));
}

/* Node 2 leads term 1; node 3 leads term 2 and replaces what was not committed. */
inline segments make_log()
{
    machine machine(settings());
    machine.vote(1, 2);
    machine.append(1, text("first"));
    machine.flush();
    machine.append(1, text("second"));
    machine.append(1, text("third"));
    machine.flush();
    machine.vote(2, 3);
    machine.truncate(3);
    machine.receive(2, text("third of another"));
    machine.flush();
    machine.receive(2, bytes(5000, '4'));
    machine.flush();
    machine.receive(2, bytes(6000, '5'));
    machine.flush();
    machine.make_segment();
    return machine.disk;
}

/* Of the last entry the first 4608 bytes were written. */
inline segments make_torn()
{
    segments disk = make_log();
    bytes &last = disk.at(2);
    std::fill_n(&last[3 * BLOCK + BLOCK + SECTOR], BLOCK - SECTOR, 0);
    return disk;
}

constexpr size_t LINE = 32;

inline std::string to_text(const segments &disk)
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

inline segments from_text(const std::string &text)
{
    segments disk;
    bytes *content = nullptr;
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
