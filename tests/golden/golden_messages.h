/*
 * Messages with fixed content, whose bytes must stay readable: what nodes and clients of two
 * versions say to each other before they know the other's version, and what the log holds of
 * settings.
 */
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "protocol/entry.h"
#include "worlds/messages.h"

namespace golden {

struct known_message {
    std::string name;
    std::string hex; /* As it is written today */
    /* Bytes of a file, and perhaps more behind them, are read. */
    std::function<bool(const std::vector<unsigned char> &)> reads;
};

inline std::string to_hex(const std::vector<unsigned char> &bytes)
{
    static const char digits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned char byte : bytes)
        hex += {digits[byte >> 4], digits[byte & 15]};
    return hex;
}

inline std::vector<unsigned char> from_hex(const std::string &hex)
{
    std::vector<unsigned char> bytes;
    for (size_t at = 0; at + 1 < hex.size(); at += 2)
        bytes.push_back(
                static_cast<unsigned char>(std::stoi(hex.substr(at, 2), nullptr, 16)));
    return bytes;
}

template <class message_case> known_message make_message(const char *name, uint64_t seed)
{
    using message = typename message_case::message;
    class messages::dice dice(seed);
    message made = message_case::make(dice);
    auto reads = [](const std::vector<unsigned char> &bytes) {
        message read{};
        struct wire wire = wire_reader(bytes.data(), bytes.size());
        message_case::walk(&wire, &read);
        return !wire.failed;
    };
    return {name, to_hex(messages::encode(message_case::walk, made)), reads};
}

/* A whole entry with a change of settings, as it stands on disk. */
inline known_message make_entry_of_settings()
{
    settings_change change{7, 2, {{SETTING_VERSION, 1}, {SETTING_UPGRADE_AFTER, 9}}};
    std::vector<unsigned char> entry(ENTRY_HEAD_BYTES);
    std::vector<unsigned char> body = messages::encode(wire_settings_change, change);
    entry.insert(entry.end(), body.begin(), body.end());
    entry_head head{
            {2, 3}, 1, 99, 11, 0, static_cast<uint32_t>(body.size()), ENTRY_SETTINGS};
    entry_seal(entry.data(), &head);
    auto reads = [](const std::vector<unsigned char> &bytes) {
        entry_head found{};
        settings_change read{};
        if (!entry_decode(bytes.data(), bytes.size(), &found))
            return false;
        struct wire wire = wire_reader(bytes.data() + ENTRY_HEAD_BYTES, found.body_bytes);
        wire_settings_change(&wire, &read);
        return !wire.failed && settings_change_valid(&read);
    };
    return {"entry-of-settings", to_hex(entry), reads};
}

inline std::vector<known_message> known_messages()
{
    using namespace messages;
    return {make_message<hello_case>("hello-1", 1), make_message<hello_case>("hello-2", 2),
            make_message<hello_case>("hello-3", 3),
            make_message<welcome_case>("welcome", 1),
            make_message<peer_welcome_case>("peer-welcome", 1),
            make_message<refused_case>("refused", 1),
            make_message<admin_request_case>("admin", 1),
            make_message<admin_answer_case>("admin-answer", 1),
            make_message<admin_member_case>("admin-member", 1),
            make_message<backup_request_case>("backup", 1),
            make_message<backup_answer_case>("backup-answer", 1),
            make_message<bootstrap_case>("bootstrap", 4), make_entry_of_settings()};
}

} // namespace golden
