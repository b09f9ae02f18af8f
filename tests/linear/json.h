/* As much JSON as a history needs: one value a line, integers only, no floats. */
#ifndef LINEAR_JSON_H
#define LINEAR_JSON_H

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>

namespace linear {

struct Json;
using Object = std::map<std::string, Json>;

struct Json {
    std::variant<std::nullptr_t, bool, int64_t, uint64_t, std::string, Object> value;
};

/* Throws std::runtime_error with a word about what is wrong. */
Json parse_json(std::string_view text);

} // namespace linear

#endif
