/*
 * Feeds a fuzz target the files of its corpus, one by one: the fuzzers' ordinary test. Only
 * a crash, a sanitizer or a failed check ends it badly; so does an empty corpus.
 */
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace {

/* What begins like the file is input as well: whole, and cut short a few times. */
void feed(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<char> all{std::istreambuf_iterator<char>(file), {}};
    for (size_t part = 0; part <= 8; part++) {
        /* A copy of exactly that size, so that a sanitizer sees a read past its end. */
        std::vector<uint8_t> data(
                all.begin(), all.begin() + static_cast<ptrdiff_t>(all.size() * part / 8));
        LLVMFuzzerTestOneInput(data.data(), data.size());
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    int count = 0;
    for (const auto &file : std::filesystem::directory_iterator(argv[1])) {
        printf("%s\n", file.path().c_str());
        fflush(stdout); /* The last line names the file that crashes. */
        feed(file.path());
        count++;
    }
    printf("%d files\n", count);
    return count > 0 ? 0 : 1;
}
