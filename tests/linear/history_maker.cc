/*
 * history_maker OPERATIONS MODEL PROCS UNKNOWN_PERCENT SEED [PERMITS]: a valid history, for
 * timing.
 */
#include <cstdio>
#include <cstdlib>

#include "linear/make.h"
#include "lockcheck/history/write.h"

int main(int count, char **arguments)
{
    if (count != 6 && count != 7) {
        std::fprintf(stderr,
                "usage: %s OPERATIONS MODEL PROCS UNKNOWN_PERCENT SEED [PERMITS]\n",
                arguments[0]);
        return 2;
    }
    linear::Recipe recipe;
    recipe.operations = std::strtoull(arguments[1], nullptr, 10);
    while (std::string(linear::text(recipe.model)) != arguments[2]) {
        if (recipe.model == linear::Model::mutex)
            return 2;
        recipe.model = static_cast<linear::Model>((static_cast<int>(recipe.model) + 1) % 4);
    }
    recipe.permits = recipe.model == linear::Model::semaphore ? 5 : 1;
    if (count == 7)
        recipe.permits = static_cast<uint32_t>(std::strtoull(arguments[6], nullptr, 10));
    recipe.procs = static_cast<uint32_t>(std::strtoull(arguments[3], nullptr, 10));
    recipe.unknown_percent =
            static_cast<uint32_t>(std::strtoull(arguments[4], nullptr, 10));
    recipe.seed = std::strtoull(arguments[5], nullptr, 10);
    for (const std::string &line : linear::lines_of(linear::make_history(recipe)))
        std::puts(line.c_str());
    return 0;
}
