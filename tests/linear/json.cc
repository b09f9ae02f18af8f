#include "linear/json.h"

#include <charconv>

namespace linear {

namespace {

constexpr int depth_max = 8;

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Json whole()
    {
        Json json = value(0);
        blank();
        if (at_ != text_.size())
            fail("something stands behind the value");
        return json;
    }

private:
    [[noreturn]] static void fail(const char *what)
    {
        throw std::runtime_error(what);
    }

    void blank()
    {
        while (at_ < text_.size() &&
                (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r'))
            at_++;
    }

    bool take(char wanted)
    {
        blank();
        if (at_ == text_.size() || text_[at_] != wanted)
            return false;
        at_++;
        return true;
    }

    bool word(std::string_view wanted)
    {
        if (text_.substr(at_, wanted.size()) != wanted)
            return false;
        at_ += wanted.size();
        return true;
    }

    Json value(int depth)
    {
        if (depth > depth_max)
            fail("nested too deep");
        blank();
        if (at_ == text_.size())
            fail("a value is missing");
        char first = text_[at_];
        if (first == '{')
            return {object(depth)};
        if (first == '"')
            return {string()};
        if (word("null"))
            return {nullptr};
        if (word("true"))
            return {true};
        if (word("false"))
            return {false};
        return number();
    }

    Object object(int depth)
    {
        Object object;
        take('{');
        if (take('}'))
            return object;
        do {
            blank();
            if (at_ == text_.size() || text_[at_] != '"')
                fail("a field's name is missing");
            std::string name = string();
            if (!take(':'))
                fail("a colon is missing");
            if (!object.emplace(name, value(depth + 1)).second)
                fail("a field stands twice");
        } while (take(','));
        if (!take('}'))
            fail("a closing brace is missing");
        return object;
    }

    void put_utf8(std::string &out, unsigned code)
    {
        if (code < 0x80) {
            out += static_cast<char>(code);
        } else if (code < 0x800) {
            out += static_cast<char>(0xc0 | (code >> 6));
            out += static_cast<char>(0x80 | (code & 0x3f));
        } else {
            out += static_cast<char>(0xe0 | (code >> 12));
            out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
            out += static_cast<char>(0x80 | (code & 0x3f));
        }
    }

    void escape(std::string &out)
    {
        if (at_ == text_.size())
            fail("a string is not ended");
        char kind = text_[at_++];
        static constexpr std::string_view names = "\"\\/bfnrt";
        static constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
        if (size_t found = names.find(kind); found != std::string_view::npos) {
            out += meant[found];
            return;
        }
        unsigned code = 0;
        const char *begin = text_.data() + at_;
        bool room = kind == 'u' && at_ + 4 <= text_.size();
        if (!room || std::from_chars(begin, begin + 4, code, 16).ptr != begin + 4)
            fail("an escape is not known");
        at_ += 4;
        put_utf8(out, code);
    }

    std::string string()
    {
        std::string out;
        at_++;
        while (at_ < text_.size() && text_[at_] != '"') {
            char c = text_[at_++];
            if (static_cast<unsigned char>(c) < 0x20)
                fail("a control character stands in a string");
            if (c == '\\')
                escape(out);
            else
                out += c;
        }
        if (at_ == text_.size())
            fail("a string is not ended");
        at_++;
        return out;
    }

    Json number()
    {
        const char *begin = text_.data() + at_;
        const char *end = text_.data() + text_.size();
        int64_t small = 0;
        auto [stop, error] = std::from_chars(begin, end, small);
        Json json{small};
        if (error == std::errc::result_out_of_range) {
            uint64_t large = 0;
            auto again = std::from_chars(begin, end, large);
            stop = again.ptr;
            error = again.ec;
            json.value = large;
        }
        if (error != std::errc())
            fail("this is no value");
        if (stop != end && (*stop == '.' || *stop == 'e' || *stop == 'E'))
            fail("numbers are integers");
        at_ += static_cast<size_t>(stop - begin);
        return json;
    }

    std::string_view text_;
    size_t at_ = 0;
};

} // namespace

Json parse_json(std::string_view text)
{
    return Parser(text).whole();
}

} // namespace linear
