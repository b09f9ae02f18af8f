/* Writes the golden snapshot of the current version: make_snapshot FOLDER */
#include <fstream>

#include "golden_snapshot.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_snapshot FOLDER\n");
        return 2;
    }
    std::string version = std::to_string(static_cast<unsigned>(RECORD_VERSION));
    locks_world world(golden::settings_of_snapshot());
    golden::make_state(world);
    std::ofstream(std::string(argv[1]) + "/snapshot-" + version + ".hex")
            << golden::text_of_snapshot(snapshots::take_all(world.locks));
    return 0;
}
