/* Writes the golden logs of the current version: make_log FOLDER */
#include "golden_log.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_log FOLDER\n");
        return 2;
    }
    std::string version = std::to_string(static_cast<unsigned>(WAL_VERSION));
    std::string folder = argv[1];
    std::ofstream(folder + "/log-" + version + ".hex")
            << golden::to_text(golden::make_log());
    std::ofstream(folder + "/torn-" + version + ".hex")
            << golden::to_text(golden::make_torn());
    return 0;
}
