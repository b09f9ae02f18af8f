/*
 * One line of JSON, read from left to right without building a tree: as much JSON as a
 * history needs, integers only. An error is thrown as Malformed, with the column.
 */
#ifndef LINEAR_SCAN_H
#define LINEAR_SCAN_H

#include <cstdint>
#include <string>
#include <string_view>

namespace linear {

class Scan {
public:
    Scan(std::string_view text, uint64_t line) : text_(text), line_(line) {}

    [[noreturn]] void fail(const std::string &what) const;

    /* Is the next thing this character? If so it is taken. */
    bool take(char wanted);
    void need(char wanted, const char *what);
    bool take_null();

    /* A name and its colon; valid until the next string is read. */
    std::string_view name();
    std::string_view string(std::string_view field);
    uint64_t natural(std::string_view field);
    int64_t integer(std::string_view field);
    /*
     * An id: the text of a string or of a negative number, as JSON has it; empty: `*number`.
     */
    std::string id(std::string_view field, uint64_t *number);
    bool truth(std::string_view field);
    void end();

private:
    void blank();
    char peek();
    bool word(std::string_view wanted);
    std::string_view raw_string();
    void put_character(unsigned code);
    void escape();
    void wide();
    unsigned hex4();
    template <class T> T number(std::string_view field, const char *allowed);

    std::string_view text_;
    uint64_t line_;
    size_t at_ = 0;
    std::string buffer_; /* A string with escapes in it */
    bool copying_ = false;
};

} // namespace linear

#endif
