/* The client's core against a cluster that says anything: see worlds/hostile_world.h. */
#include "worlds/hostile_world.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    testing::GTEST_FLAG(throw_on_failure) = true; /* What the world expects is demanded. */
    hostile_world world(data, size);
    world.live();
    return 0;
}
