#include "lockcheck/history/write.h"

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

} // namespace

std::string quoted(const std::string &text)
{
    static const char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20)
            ((out += "\\u00") += digits[c / 16]) += digits[c % 16];
        else
            out += c;
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
    return out + "},\"global_tokens\":" + (history.global_tokens ? "true" : "false") + "}";
}

std::string line_of(const Operation &op, const History &history)
{
    std::string out =
            "{\"proc\":" + std::to_string(op.proc) + ",\"op\":\"" + text(op.kind) + "\"";
    if (op.lock >= 0)
        out += ",\"lock\":" + quoted(history.locks[static_cast<size_t>(op.lock)].name);
    add(out, "session", op.session);
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
        out += ",\"holder\":" + (op.holder ? std::to_string(*op.holder) : "null");
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
