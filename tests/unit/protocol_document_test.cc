/*
 * doc/protocol.md shows bytes: they are those that are sent.
 *
 * An example is a fenced block whose info string is `hex` and a name. Each of its lines begins
 * with bytes, two digits each and a blank between; what follows two blanks explains them.
 */
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>

#include "protocol/entry.h"
#include "protocol/frame.h"
#include "worlds/messages.h"

namespace {

using namespace messages;

std::string read_document()
{
    std::ifstream file(LOCKD_SOURCE_DIR "/lockd/doc/protocol.md");
    return {std::istreambuf_iterator<char>(file), {}};
}

void add_line(bytes &to, const std::string &line)
{
    for (size_t at = 0; at + 1 < line.size() && isxdigit(line[at]) != 0; at += 3) {
        to.push_back(
                static_cast<unsigned char>(std::stoi(line.substr(at, 2), nullptr, 16)));
        if (at + 3 < line.size() && line[at + 3] == ' ')
            break;
    }
}

std::map<std::string, bytes> read_examples()
{
    std::map<std::string, bytes> examples;
    std::istringstream document(read_document());
    bytes *open = nullptr;
    for (std::string line; std::getline(document, line);) {
        const std::string fence = "```hex ";
        if (line.starts_with(fence))
            open = &examples[line.substr(fence.size())];
        else if (line.starts_with("```"))
            open = nullptr;
        else if (open != nullptr)
            add_line(*open, line);
    }
    return examples;
}

bytes seal(frame_kind kind, std::initializer_list<bytes> parts)
{
    bytes body;
    for (const bytes &part : parts) {
        EXPECT_FALSE(part.empty());
        body.insert(body.end(), part.begin(), part.end());
    }
    bytes frame(FRAME_HEAD_BYTES + body.size());
    std::copy(body.begin(), body.end(), frame.begin() + FRAME_HEAD_BYTES);
    frame_seal(frame.data(), kind, static_cast<uint32_t>(body.size()));
    return frame;
}

span text(const char *text)
{
    return {reinterpret_cast<const unsigned char *>(text),
            static_cast<uint32_t>(strlen(text))};
}

section make_section(uint64_t session, uint64_t answered)
{
    section section{session, false, {}, answered, 0, 1};
    for (unsigned char i = 0; i < SECRET_BYTES; i++)
        section.secret[i] = static_cast<unsigned char>(0xa0 + i);
    return section;
}

std::map<std::string, bytes> make_examples()
{
    request open{REQUEST_OPEN, 0, 1, 0, 0, 10 * NS_PER_S, text("web-1")};
    request acquire{REQUEST_ACQUIRE, 0, 1, 0, 0, 5 * NS_PER_S, text("jobs")};
    answer_section opened{5, 60 * NS_PER_S, 70 * NS_PER_S, 0, 1, 0, false, false};
    answer_section queued{5, 61 * NS_PER_S, 71 * NS_PER_S, 0, 1, 0, false, false};
    answer_section granted{5, 0, 71 * NS_PER_S, 1, 0, 1, false, false};
    answer opening{REQUEST_OPEN, STATUS_OK, 0, 1, 0, 0};
    answer waiting{REQUEST_ACQUIRE, STATUS_QUEUED, 0, 1, 0, 0};
    change grant{CHANGE_GRANTED, 0, 1, 1, 7};
    hello hello = hello_of_client(0);
    admin_request status{ADMIN_UPGRADE_STATUS, 0, 0, 0, {}};
    admin_answer asked{
            ADMIN_UPGRADE_STATUS, ADMIN_DONE, 1, 1, {}, text("fine"), 1, 1, 0, 0, 1};
    admin_member member{1, ADMIN_VOTER, true, 0x1122, 7, UINT64_MAX, 1, 1, text("a:5625"),
            text("0.1.0")};
    return {
            {"admin", seal(FRAME_ADMIN, {encode(wire_admin_request, status)})},
            {"admin-answer",
                    seal(FRAME_ADMIN_ANSWER, {encode(wire_admin_answer, asked),
                                                     encode(wire_admin_member, member)})},
            {"hello", seal(FRAME_HELLO, {encode(wire_hello, hello)})},
            {"open", seal(FRAME_REQUESTS, {encode(wire_section, make_section(0, 0)),
                                                  encode(wire_request, open)})},
            {"opened", seal(FRAME_ANSWERS, {encode(wire_answer_section, opened),
                                                   encode(wire_answer, opening)})},
            {"acquire", seal(FRAME_REQUESTS, {encode(wire_section, make_section(5, 0)),
                                                     encode(wire_request, acquire)})},
            {"queued", seal(FRAME_ANSWERS, {encode(wire_answer_section, queued),
                                                   encode(wire_answer, waiting)})},
            {"granted", seal(FRAME_ANSWERS, {encode(wire_answer_section, granted),
                                                    encode(wire_change, grant)})},
    };
}

std::string hex(const bytes &all)
{
    std::ostringstream out;
    for (unsigned char byte : all) {
        char digits[4];
        snprintf(digits, sizeof(digits), "%02x ", byte);
        out << digits;
    }
    return out.str();
}

TEST(ProtocolDocument, ShowsTheBytesThatAreSent)
{
    std::map<std::string, bytes> shown = read_examples();
    std::map<std::string, bytes> sent = make_examples();
    for (const auto &[name, frame] : sent)
        EXPECT_EQ(hex(shown[name]), hex(frame)) << name;
    for (const auto &[name, frame] : shown)
        EXPECT_TRUE(sent.contains(name)) << name << " is shown and not made here";
}

} // namespace
