/* What happens in the world, in words: for logs and stories. */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <optional>
#include <string>

#include "core/core.h"
#include "node/node.h"

namespace sim {

std::string text(enum status status);
std::string text(enum core_reason reason);

/* What a node says of itself; nothing for what every connection brings. */
std::optional<std::string> text(const node_notice &notice);

} // namespace sim

#endif
