/* Writes the golden snapshots of the current version: make_snapshot FOLDER */
#include <fstream>

#include "golden_files.h"

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
    version = std::to_string(static_cast<unsigned>(SNAPSHOT_VERSION));
    std::ofstream(std::string(argv[1]) + "/snapshot-file-" + version + ".hex")
            << golden::to_text(golden::make_snapshot_file());
    version = std::to_string(static_cast<unsigned>(BEGIN_VERSION));
    std::ofstream(std::string(argv[1]) + "/log-begin-" + version + ".hex")
            << golden::to_text(golden::make_log_begin());
    return 0;
}
