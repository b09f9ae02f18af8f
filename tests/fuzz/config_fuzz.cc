/*
 * Flags and config file: before the first zero byte the flags, a line each; behind it the file.
 * What is refused is refused with a word.
 */
#include <cstdio>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "mirror.h"
#include "ops/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    std::string all(data, data + size);
    size_t cut = std::min(all.find('\0'), all.size());
    std::string content = cut < all.size() ? all.substr(cut + 1) : "";
    int file = memfd_create("config", 0);
    fuzz::require(file >= 0, "there is a file");
    bool written = write(file, content.data(), content.size()) ==
                   static_cast<ssize_t>(content.size());
    fuzz::require(written, "it is written");
    std::vector<std::string> words = {
            "lockd", "--config=/proc/self/fd/" + std::to_string(file)};
    for (size_t at = 0; at < cut;) {
        size_t end = std::min(all.find('\n', at), cut);
        words.push_back(all.substr(at, end - at));
        at = end + 1;
    }
    std::vector<char *> arguments;
    for (std::string &word : words)
        arguments.push_back(word.data());
    arguments.push_back(nullptr);
    static struct config config;
    char error[CONFIG_ERROR_BYTES] = "";
    bool good = config_read(&config, arguments.data(), error);
    fuzz::require(good || error[0] != '\0', "a refusal says why");
    close(file);
    return 0;
}
