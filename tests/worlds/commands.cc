#include "worlds/commands.h"

#include <cstdlib>

namespace process {

std::string lockctl_binary()
{
    const char *given = std::getenv("LOCKCTL_BINARY");
    return given ? given : LOCKCTL_BINARY_PATH;
}

std::string lockbench_binary()
{
    const char *given = std::getenv("LOCKBENCH_BINARY");
    return given ? given : LOCKBENCH_BINARY_PATH;
}

} // namespace process
