#include "lockcheck/history/scan.h"

#include <charconv>

#include "base/text.h"
#include "lockcheck/history/history.h"
#include "lockcheck/history/write.h"

namespace linear {

void Scan::fail(const std::string &what) const
{
    throw Malformed(line_, "column " + std::to_string(at_ + 1) + ": " + what);
}

void Scan::blank()
{
    while (at_ < text_.size() &&
            (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
        at_++;
}

char Scan::peek()
{
    blank();
    return at_ < text_.size() ? text_[at_] : '\0';
}

bool Scan::take(char wanted)
{
    if (peek() != wanted || at_ == text_.size())
        return false;
    at_++;
    return true;
}

void Scan::need(char wanted, const char *what)
{
    if (!take(wanted))
        fail(what);
}

bool Scan::word(std::string_view wanted)
{
    blank();
    if (text_.substr(at_, wanted.size()) != wanted)
        return false;
    at_ += wanted.size();
    return true;
}

bool Scan::take_null()
{
    return word("null");
}

unsigned Scan::hex4()
{
    unsigned code = 0;
    const char *begin = text_.data() + at_;
    bool room = at_ + 4 <= text_.size();
    if (!room || std::from_chars(begin, begin + 4, code, 16).ptr != begin + 4)
        fail("an escape \\u has four hexadecimal digits");
    at_ += 4;
    return code;
}

void Scan::put_character(unsigned code)
{
    auto put = [this](unsigned byte) { buffer_ += static_cast<char>(byte); };
    if (code < 0x80)
        return put(code);
    if (code < 0x800) {
        put(0xc0 | (code >> 6));
    } else if (code < 0x10000) {
        put(0xe0 | (code >> 12));
        put(0x80 | ((code >> 6) & 0x3f));
    } else {
        put(0xf0 | (code >> 18));
        put(0x80 | ((code >> 12) & 0x3f));
        put(0x80 | ((code >> 6) & 0x3f));
    }
    put(0x80 | (code & 0x3f));
}

/* After the backslash. */
void Scan::escape()
{
    static constexpr std::string_view names = "\"\\/bfnrt";
    static constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    char kind = at_ < text_.size() ? text_[at_++] : '\0';
    if (size_t found = names.find(kind); kind != '\0' && found != std::string_view::npos) {
        buffer_ += meant[found];
        return;
    }
    if (kind != 'u')
        fail("an escape is not known");
    unsigned code = hex4();
    if (code >= 0xd800 && code < 0xdc00 && text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        unsigned low = hex4();
        if (low < 0xdc00 || low >= 0xe000)
            fail("half of a surrogate pair is no character");
        return put_character(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
    }
    if (code >= 0xd800 && code < 0xe000)
        fail("half of a surrogate pair is no character");
    put_character(code);
}

/* Past a character of more than one byte. */
void Scan::wide()
{
    const auto *bytes = reinterpret_cast<const unsigned char *>(text_.data());
    size_t length = utf8_length(bytes + at_, text_.size() - at_);
    if (length == 0)
        fail("this is not UTF-8");
    if (copying_)
        buffer_.append(text_, at_, length);
    at_ += length;
}

std::string_view Scan::raw_string()
{
    size_t begin = at_;
    copying_ = false;
    for (buffer_.clear(); at_ < text_.size() && text_[at_] != '"';) {
        char c = text_[at_];
        if (static_cast<unsigned char>(c) < 0x20)
            fail("a string contains a control character");
        if (static_cast<unsigned char>(c) >= 0x80) {
            wide();
            continue;
        }
        if (c == '\\' && !copying_) {
            buffer_ = text_.substr(begin, at_ - begin);
            copying_ = true;
        }
        at_++;
        if (c == '\\')
            escape();
        else if (copying_)
            buffer_ += c;
    }
    if (at_ == text_.size())
        fail("a string is not ended");
    at_++;
    return copying_ ? std::string_view(buffer_) : text_.substr(begin, at_ - 1 - begin);
}

std::string_view Scan::name()
{
    need('"', "a field's name in quotes is expected");
    std::string_view name = raw_string();
    need(':', "a colon is expected after a field's name");
    return name;
}

std::string_view Scan::string(std::string_view field)
{
    if (!take('"'))
        fail("\"" + std::string(field) + "\" is a string");
    return raw_string();
}

template <class T> T Scan::number(std::string_view field, const char *allowed)
{
    blank();
    const char *begin = text_.data() + at_;
    const char *end = text_.data() + text_.size();
    T value = 0;
    auto [stop, error] = std::from_chars(begin, end, value);
    bool whole = stop == end || (*stop != '.' && *stop != 'e' && *stop != 'E');
    /* The last value of each type is kept for "none". */
    if (error != std::errc() || !whole || Maybe<T>(value) == Maybe<T>())
        fail("\"" + std::string(field) + "\" is " + allowed);
    at_ += static_cast<size_t>(stop - begin);
    return value;
}

uint64_t Scan::natural(std::string_view field)
{
    return number<uint64_t>(field, "an integer from 0 to 18446744073709551614");
}

int64_t Scan::integer(std::string_view field)
{
    return number<int64_t>(field, "an integer of 64 bits");
}

std::string Scan::id(std::string_view field, uint64_t *number)
{
    char first = peek();
    if (first == '"')
        return quoted(std::string(string(field)));
    if (first == '-') {
        int64_t negative = integer(field);
        *number = 0;
        return negative == 0 ? "" : std::to_string(negative);
    }
    if (first < '0' || first > '9')
        fail("\"" + std::string(field) + "\" is a number or a string");
    *number = natural(field);
    return "";
}

bool Scan::truth(std::string_view field)
{
    if (word("true"))
        return true;
    if (!word("false"))
        fail("\"" + std::string(field) + "\" is true or false");
    return false;
}

void Scan::end()
{
    if (peek() != '\0' || at_ != text_.size())
        fail("there is more after the object");
}

} // namespace linear
