/* Names in UTF-8, as people see them: letter by letter, and not too long. */
#ifndef LINEAR_LETTERS_H
#define LINEAR_LETTERS_H

#include <string>
#include <vector>

namespace linear {

/* U+FFFD replaces what is not UTF-8, and what XML cannot have. */
std::vector<std::string> characters(const std::string &text);

/* With its middle left out, if it has more letters than these. */
std::string elided(const std::string &text, size_t most);

} // namespace linear

#endif
