/* Writes the golden snapshots of the current version and of tests: make_snapshot FOLDER */
#include <fstream>

#include "golden_files.h"

static void write(const std::string &path, void (*make)(locks_world &))
{
    locks_world world(golden::settings_of_snapshot());
    make(world);
    std::ofstream(path) << golden::text_of_snapshot(snapshots::take_all(world.locks));
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_snapshot FOLDER\n");
        return 2;
    }
    std::string version = std::to_string(static_cast<unsigned>(VERSION_MOST));
    write(std::string(argv[1]) + "/snapshot-" + version + ".hex", golden::make_state);
    write(std::string(argv[1]) + "/snapshot-trial.hex", golden::make_upgraded_state);
    version = std::to_string(static_cast<unsigned>(SNAPSHOT_VERSION));
    std::ofstream(std::string(argv[1]) + "/snapshot-file-" + version + ".hex")
            << golden::to_text(golden::make_snapshot_file());
    version = std::to_string(static_cast<unsigned>(BEGIN_VERSION));
    std::ofstream(std::string(argv[1]) + "/log-begin-" + version + ".hex")
            << golden::to_text(golden::make_log_begin());
    version = std::to_string(static_cast<unsigned>(REPAIR_VERSION));
    std::ofstream(std::string(argv[1]) + "/repair-" + version + ".hex")
            << golden::to_text(golden::make_repair());
    return 0;
}
