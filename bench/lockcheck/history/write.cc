#include "lockcheck/history/write.h"

#include <cstdio>

#include "base/text.h"

namespace linear {

namespace {

template <class T> void add(std::string &line, const char *field, Maybe<T> value)
{
    if (value)
        line += std::string(",\"") + field + "\":" + std::to_string(*value);
}

std::string lock_text(const Lock &lock)
{
    std::string out = std::string("{\"model\":\"") + text(lock.model) + "\"";
    out += ",\"permits\":" + std::to_string(lock.permits);
    if (lock.idempotent)
        out += ",\"idempotent\":true";
    if (lock.fifo)
        out += ",\"fifo\":true";
    add(out, "ttl", lock.ttl);
    return out + "}";
}

/* \uXXXX, and above U+FFFF two of them, as JSON counts in UTF-16. */
std::string escaped(const unsigned char *bytes, size_t length)
{
    char text[16];
    unsigned code = length == 1 ? bytes[0] : bytes[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (bytes[i] & 0x3F);
    if (code > 0xFFFF)
        std::snprintf(text, sizeof(text), "\\u%04x\\u%04x", 0xD800 + ((code - 0x10000) >> 10),
                0xDC00 + (code & 0x3FF));
    else
        std::snprintf(text, sizeof(text), "\\u%04x", code);
    return text;
}

} // namespace

std::string shown(const std::string &text)
{
    std::string out(text.size() * TEXT_SHOWN_MAX + 1, '\0');
    out.resize(text_show(out.data(), out.size(), text.data(), text.size()));
    return out;
}

std::string quoted(const std::string &text)
{
    std::string out = "\"";
    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    for (size_t at = 0; at < text.size();) {
        size_t length = utf8_length(bytes + at, text.size() - at);
        if (text[at] == '"' || text[at] == '\\')
            (out += '\\') += text[at];
        else if (length == 0)
            out += "\\ufffd";
        else if (text_is_plain(bytes + at, length))
            out.append(text, at, length);
        else
            out += escaped(bytes + at, length);
        at += length == 0 ? 1 : length;
    }
    return out + '"';
}

std::string header_of(const History &history)
{
    std::string out =
            "{\"format\":\"lockhist/1\",\"defaults\":" + lock_text(history.defaults) +
            ",\"locks\":{";
    for (size_t i = 0; i < history.locks.size(); i++)
        out += (i == 0 ? "" : ",") + quoted(history.locks[i].name) + ":" +
               lock_text(history.locks[i]);
    out += std::string("},\"global_tokens\":") + (history.global_tokens ? "true" : "false");
    return out + (history.commands_renew ? ",\"commands_renew\":true}" : "}");
}

std::string line_of(const Operation &op, const History &history)
{
    std::string out =
            "{\"proc\":" + id_text(history, op.proc) + ",\"op\":\"" + text(op.kind) + "\"";
    if (op.lock >= 0)
        out += ",\"lock\":" + quoted(history.locks[static_cast<size_t>(op.lock)].name);
    if (op.session)
        out += ",\"session\":" + id_text(history, *op.session);
    out += ",\"call\":" + std::to_string(op.call) + ",\"ret\":";
    out += op.ret == never ? "null" : std::to_string(op.ret);
    out += std::string(",\"res\":\"") + text(op.result) + "\"";
    add(out, "token", op.token);
    if (op.shared)
        out += ",\"mode\":\"s\"";
    if (op.permits != 1)
        out += ",\"permits\":" + std::to_string(op.permits);
    add(out, "ttl", op.ttl);
    add(out, "deadline", op.deadline);
    add(out, "queued", op.queued);
    if (op.holder_said)
        out += ",\"holder\":" + (op.holder ? id_text(history, *op.holder) : "null");
    add(out, "used", op.used);
    return out + "}";
}

std::vector<std::string> lines_of(const History &history)
{
    std::vector<std::string> lines = {header_of(history)};
    for (const Operation &op : history.operations)
        lines.push_back(line_of(op, history));
    return lines;
}

} // namespace linear
