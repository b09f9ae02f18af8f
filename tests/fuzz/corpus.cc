/*
 * Writes the seeds of the corpora, or checks that they are what it would write.
 *
 *     corpus FOLDER | corpus --check FOLDER
 */
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "protocol/entry.h"
#include "protocol/frame.h"
#include "worlds/messages.h"

namespace {

using namespace messages;

enum {
    SEEDS_EACH = 6
};

using corpus = std::map<std::string, bytes>; /* By path below the folder */

void add(bytes &to, const bytes &what)
{
    to.insert(to.end(), what.begin(), what.end());
}

void add_request_section(dice &dice, bytes &body, bool logged)
{
    command command{};
    command.section = make_section(dice, !logged);
    if (command.section.session != 0)
        command.section.count = static_cast<uint16_t>(dice.between(1, 4));
    add(body, encode(logged ? wire_section_logged : wire_section, command.section));
    for (unsigned i = 0; i < command.section.count; i++) {
        uint8_t kind = REQUEST_OPEN;
        if (command.section.session != 0)
            kind = dice.byte(logged ? REQUEST_CLOSE : REQUEST_KEEPALIVE, REQUEST_RELEASE);
        command.request = make_request(dice, kind);
        if (logged)
            add(body, encode(wire_command, command));
        else
            add(body, encode(wire_request, command.request));
    }
}

bytes make_requests(dice &dice)
{
    bytes body;
    for (uint64_t i = dice.between(1, 3); i > 0; i--)
        add_request_section(dice, body, false);
    return body;
}

bytes make_answers(dice &dice)
{
    bytes body;
    for (uint64_t i = dice.between(1, 3); i > 0; i--) {
        answer_section head = answer_section_case::make(dice);
        head.answer_count = static_cast<uint16_t>(dice.below(4));
        head.change_count = static_cast<uint16_t>(head.session == 0 ? 0 : dice.below(4));
        add(body, encode(wire_answer_section, head));
        for (unsigned j = 0; j < head.answer_count; j++)
            add(body, encode(wire_answer, answer_case::make(dice)));
        for (unsigned j = 0; j < head.change_count; j++)
            add(body, encode(wire_change, change_case::make(dice)));
    }
    return body;
}

bytes make_reads(dice &dice)
{
    if (dice.coin()) {
        bytes body{0};
        add(body, encode(wire_read, read_case::make(dice)));
        return body;
    }
    bytes body{1};
    read_answer answer = read_answer_case::make(dice);
    answer.count = static_cast<uint16_t>(answer.status == STATUS_OK ? dice.below(4) : 0);
    add(body, encode(wire_read_answer, answer));
    for (unsigned i = 0; i < answer.count; i++)
        add(body, encode(wire_lock_view, lock_view_case::make(dice)));
    return body;
}

bytes make_node_status(dice &dice)
{
    bytes body = encode(wire_node_status, node_status_case::make(dice));
    for (int row = 0; row < 2; row++) {
        uint16_t count = static_cast<uint16_t>(dice.below(5));
        add(body, encode(wire_bucket_count, count));
        for (unsigned i = 0; i < count; i++)
            add(body, encode(wire_bucket, bucket_case::make(dice)));
    }
    return body;
}

bytes make_stages(dice &dice)
{
    stages_head head{dice.number(), dice.byte(0, 3), dice.byte(0, 3)};
    bytes body = encode(wire_stages_head, head);
    for (unsigned row = 0; row < head.rows; row++) {
        add(body, encode(wire_stage_row, stage_row_case::make(dice)));
        uint16_t count = static_cast<uint16_t>(dice.below(5));
        add(body, encode(wire_bucket_count, count));
        for (unsigned i = 0; i < count; i++)
            add(body, encode(wire_bucket, bucket_case::make(dice)));
    }
    for (unsigned i = 0; i < head.sums; i++)
        add(body, encode(wire_stage_value, stage_value_case::make(dice)));
    return body;
}

bytes make_admin(dice &dice)
{
    if (dice.coin()) {
        bytes body{0};
        add(body, encode(wire_admin_request, admin_request_case::make(dice)));
        return body;
    }
    if (dice.coin()) {
        bytes body{dice.byte(2, 3)};
        add(body, body[0] == 2
                          ? encode(wire_backup_request, backup_request_case::make(dice))
                          : encode(wire_backup_answer, backup_answer_case::make(dice)));
        return body;
    }
    bytes body{1};
    admin_answer answer = admin_answer_case::make(dice);
    answer.member_count = dice.byte(0, 3);
    add(body, encode(wire_admin_answer, answer));
    for (unsigned i = 0; i < answer.member_count; i++)
        add(body, encode(wire_admin_member, admin_member_case::make(dice)));
    return body;
}

bytes make_hello(dice &dice)
{
    uint8_t which = dice.byte(0, 4);
    bytes body{which};
    if (which == 0)
        add(body, encode(wire_hello, hello_case::make(dice)));
    else if (which == 1)
        add(body, encode(wire_welcome, welcome_case::make(dice)));
    else if (which == 2)
        add(body, encode(wire_refused, refused_case::make(dice)));
    else if (which == 3)
        add(body, encode(wire_peer_welcome, peer_welcome_case::make(dice)));
    else
        add(body, encode(wire_leader, leader_case::make(dice)));
    return body;
}

/* A whole life of a node among hostile members, or clients: any bytes are one. */
bytes make_node(dice &dice)
{
    bytes deeds(static_cast<size_t>(dice.between(200, 1500)));
    for (unsigned char &deed : deeds)
        deed = dice.byte(0, UINT8_MAX);
    return deeds;
}

bytes make_batch(dice &dice)
{
    bytes commands;
    for (uint64_t i = dice.below(4); i > 0; i--)
        add_request_section(dice, commands, true);
    batch_head head{dice.number(), dice.number(), static_cast<uint32_t>(commands.size()),
            static_cast<uint32_t>(dice.below(4))};
    bytes body = encode(wire_batch_head, head);
    add(body, commands);
    for (uint32_t i = 0; i < head.keepalive_count; i++)
        add(body, encode(wire_keepalive, keepalive_case::make(dice)));
    return body;
}

bytes make_entry(dice &dice, uint64_t index)
{
    bool found = dice.coin();
    bytes body =
            found ? encode(wire_bootstrap, bootstrap_case::make(dice)) : make_batch(dice);
    entry_head head{{3, index}, 3, 77, dice.number(), 0, static_cast<uint32_t>(body.size()),
            found ? ENTRY_BOOTSTRAP : ENTRY_BATCH};
    bytes entry(ENTRY_HEAD_BYTES);
    add(entry, body);
    entry_seal(entry.data(), &head);
    return entry;
}

bytes make_entries(dice &dice)
{
    uint8_t how = dice.byte(0, 4);
    bytes input{how};
    if (how == 4)
        add(input, encode(wire_settings_change, settings_change_case::make(dice)));
    else if (how == 0)
        add(input, make_entry(dice, 7));
    else if (how == ENTRY_BOOTSTRAP)
        add(input, encode(wire_bootstrap, bootstrap_case::make(dice)));
    else
        add(input, make_batch(dice));
    return input;
}

bytes make_peers(dice &dice)
{
    peer_message message = peer_case::make(dice);
    bytes body = encode(wire_peer_message, message);
    if (message.kind != PEER_APPEND)
        return body;
    for (uint64_t i = dice.below(4); i > 0; i--)
        add(body, make_entry(dice, message.begin));
    return body;
}

bytes make_frames(dice &dice)
{
    uint8_t how = dice.byte(0, 1);
    bytes input{dice.byte(0, 255), dice.byte(100, 255), how};
    for (uint64_t i = dice.between(1, 6); i > 0; i--) {
        uint8_t length = dice.byte(0, 120);
        if (how == 1) {
            uint8_t flip = dice.below(8) == 0 ? dice.byte(1, 255) : 0;
            add(input, {dice.byte(0, 4), length, dice.byte(0, 255), flip});
        } else {
            bytes frame(static_cast<size_t>(FRAME_HEAD_BYTES) + length, dice.byte(0, 255));
            frame_seal(frame.data(), FRAME_REQUESTS, length);
            add(input, frame);
        }
    }
    return input;
}

/* Changes to a sound log, of five bytes each. */
bytes make_recovery(dice &dice)
{
    bytes input{static_cast<unsigned char>(dice.byte(0, 31) * 8 + dice.byte(1, 7))};
    for (uint64_t i = dice.between(1, 6); i > 0; i--)
        add(input, {dice.byte(0, 31), dice.byte(0, 255), dice.byte(0, 15),
                           dice.byte(0, 255), dice.byte(0, 255)});
    return input;
}

/* Changes to a sound snapshot of the lock state, of four bytes each. */
bytes make_snapshot(dice &dice)
{
    bytes input{dice.byte(1, 255)};
    for (uint64_t i = dice.between(0, 4); i > 0; i--)
        add(input,
                {dice.byte(0, 255), dice.byte(0, 15), dice.byte(0, 7), dice.byte(0, 255)});
    return input;
}

corpus make_all()
{
    const std::pair<const char *, bytes (*)(dice &)> makers[] = {{"answers", make_answers},
            {"admin", make_admin}, {"clients", make_node}, {"entries", make_entries},
            {"files", make_node}, {"frames", make_frames}, {"hello", make_hello},
            {"node", make_node}, {"peers", make_peers}, {"reads", make_reads},
            {"node_status", make_node_status}, {"requests", make_requests},
            {"recovery", make_recovery}, {"snapshot", make_snapshot},
            {"stages", make_stages}, {"transfer", make_node}};
    corpus all;
    for (const auto &[name, make] : makers) {
        for (uint64_t seed = 1; seed <= SEEDS_EACH; seed++) {
            class dice dice(seed);
            all[std::string(name) + "/seed-" + std::to_string(seed)] = make(dice);
        }
    }
    return all;
}

void write(const std::filesystem::path &folder, const corpus &all)
{
    for (const auto &[name, input] : all) {
        std::filesystem::path path = folder / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream file(path, std::ios::binary);
        file.write(reinterpret_cast<const char *>(input.data()),
                static_cast<std::streamsize>(input.size()));
    }
}

int check(const std::filesystem::path &folder, const corpus &all)
{
    int wrong = 0;
    for (const auto &[name, input] : all) {
        std::ifstream file(folder / name, std::ios::binary);
        bytes there{std::istreambuf_iterator<char>(file), {}};
        if (there == input)
            continue;
        printf("%s is not what is made today: have the bytes of a message changed?\n",
                name.c_str());
        wrong++;
    }
    return wrong == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--check") == 0)
        return check(argv[2], make_all());
    if (argc != 2) {
        fprintf(stderr, "usage: corpus [--check] FOLDER\n");
        return 2;
    }
    write(argv[1], make_all());
    return 0;
}
