/*
 * cutdisk IMAGE FOLDER: a disk whose power can be cut.
 *
 * FOLDER becomes a FUSE file system with one file, `disk`, whose bytes are those of IMAGE. A
 * loop device on it is a disk with a volatile cache: what was written since the last flush is
 * there to be read, but is lost, sector by sector, when the power is cut. So what a program
 * must have made durable is told from what it merely wrote. Commands on standard input, each
 * answered by a line `ok ...`:
 *
 *     cut PERCENT SEED   each sector that is not durable survives with that probability; from
 *                        now on everything fails
 *     trap PERCENT SEED  the same when the next flush is asked for, before it is done
 *     on                 power is back; nothing is trapped any more
 *     fail               writes and flushes fail, until `on`
 *     unsync             flushes fail and writes do not, until `on`
 *     stall              everything waits, until `on`
 *     lie                flushes say yes and do nothing, for good: a disk that lies
 *     count              ok writes=N flushes=N failed=N waited=N held=N lost=N: requests that
 *                        failed and that a stall held up, writes among these, sectors lost to cuts
 *
 * The image is written at once, and what a sector held before is remembered until the flush:
 * to cut is to put it back.
 */
#define FUSE_USE_VERSION 31

#include <fcntl.h>
#include <fuse.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <sstream>
#include <string>
#include <thread>

namespace {

constexpr size_t sector_bytes = 512;

using Sector = std::array<char, sector_bytes>;

enum class Mood {
    good,
    cut,
    failing,
    stalled
};

class Disk {
public:
    explicit Disk(const char *image) : fd_(open(image, O_RDWR | O_CLOEXEC))
    {
        struct stat about = {};
        if (fd_ < 0 || fstat(fd_, &about) != 0) {
            std::perror(image);
            std::exit(1);
        }
        size_ = about.st_size;
    }

    off_t size() const
    {
        return size_;
    }

    int read(char *bytes, size_t count, off_t at)
    {
        std::unique_lock lock(mutex_);
        if (wait_for_mood(lock) == Mood::cut)
            return refuse();
        ssize_t done = pread(fd_, bytes, count, at);
        return done < 0 ? -errno : static_cast<int>(done);
    }

    int write(const char *bytes, size_t count, off_t at)
    {
        std::unique_lock lock(mutex_);
        held_ += mood_ == Mood::stalled;
        if (wait_for_mood(lock) != Mood::good)
            return refuse();
        remember(at, count);
        writes_++;
        ssize_t done = pwrite(fd_, bytes, count, at);
        return done < 0 ? -errno : static_cast<int>(done);
    }

    int flush()
    {
        std::unique_lock lock(mutex_);
        if (wait_for_mood(lock) != Mood::good)
            return refuse();
        if (unsync_)
            return refuse();
        if (trapped_ && !before_.empty()) {
            cut(survive_percent_, survive_seed_);
            return refuse();
        }
        flushes_++;
        if (!lies_)
            before_.clear();
        return 0;
    }

    std::string command(const std::string &line)
    {
        std::istringstream in(line);
        std::string word;
        in >> word;
        std::lock_guard lock(mutex_);
        if (word == "cut" || word == "trap") {
            in >> survive_percent_ >> survive_seed_;
            trapped_ = word == "trap";
            if (!trapped_)
                cut(survive_percent_, survive_seed_);
        } else if (word == "unsync") {
            unsync_ = true;
        } else if (word == "lie") {
            lies_ = true;
        } else if (word == "on" || word == "fail" || word == "stall") {
            mood_ = word == "on"     ? Mood::good
                    : word == "fail" ? Mood::failing
                                     : Mood::stalled;
            trapped_ = false;
            unsync_ = false;
        } else if (word != "count") {
            return "error: no such command: " + line;
        }
        changed_.notify_all();
        return "ok writes=" + std::to_string(writes_) +
               " flushes=" + std::to_string(flushes_) +
               " failed=" + std::to_string(failed_) + " waited=" + std::to_string(waited_) +
               " held=" + std::to_string(held_) + " lost=" + std::to_string(lost_);
    }

private:
    int refuse()
    {
        failed_++;
        return -EIO;
    }

    Mood wait_for_mood(std::unique_lock<std::mutex> &lock)
    {
        waited_ += mood_ == Mood::stalled;
        changed_.wait(lock, [this] { return mood_ != Mood::stalled; });
        return mood_;
    }

    /*
     * What the sectors hold that are about to be overwritten, unless they are volatile
     * already.
     */
    void remember(off_t at, size_t count)
    {
        off_t first = at / static_cast<off_t>(sector_bytes);
        off_t last =
                (at + static_cast<off_t>(count) - 1) / static_cast<off_t>(sector_bytes);
        for (off_t number = first; number <= last; number++) {
            auto [sector, fresh] = before_.try_emplace(number);
            if (fresh && pread(fd_, sector->second.data(), sector_bytes,
                                 number * static_cast<off_t>(sector_bytes)) < 0)
                std::perror("cutdisk: image");
        }
    }

    void cut(unsigned percent, uint64_t seed)
    {
        std::mt19937_64 dice(seed);
        for (const auto &[number, held] : before_) {
            if (dice() % 100 < percent)
                continue;
            lost_++;
            if (pwrite(fd_, held.data(), sector_bytes,
                        number * static_cast<off_t>(sector_bytes)) < 0)
                std::perror("cutdisk: image");
        }
        before_.clear();
        trapped_ = false;
        unsync_ = false;
        mood_ = Mood::cut;
    }

    int fd_;
    off_t size_ = 0;
    bool unsync_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    Mood mood_ = Mood::good;
    bool lies_ = false;
    bool trapped_ = false;
    unsigned survive_percent_ = 0;
    uint64_t survive_seed_ = 0;
    std::map<off_t, Sector> before_; /* Of sectors written since the last flush */
    uint64_t writes_ = 0;
    uint64_t flushes_ = 0;
    uint64_t failed_ = 0;
    uint64_t waited_ = 0;
    uint64_t held_ = 0;
    uint64_t lost_ = 0;
};

Disk *the_disk; /* FUSE's callbacks are plain functions. */

bool is_disk(const char *path)
{
    return std::strcmp(path, "/disk") == 0;
}

int get_attributes(const char *path, struct stat *about, struct fuse_file_info *)
{
    *about = {};
    bool disk = is_disk(path);
    if (!disk && std::strcmp(path, "/") != 0)
        return -ENOENT;
    about->st_mode = disk ? S_IFREG | 0600 : S_IFDIR | 0700;
    about->st_nlink = 1;
    about->st_size = disk ? the_disk->size() : 0;
    return 0;
}

/* No page cache in front of the file: what the loop device asks for comes here. */
int open_disk(const char *path, struct fuse_file_info *info)
{
    info->direct_io = 1;
    return is_disk(path) ? 0 : -ENOENT;
}

int read_disk(const char *, char *bytes, size_t count, off_t at, struct fuse_file_info *)
{
    return the_disk->read(bytes, count, at);
}

int write_disk(
        const char *, const char *bytes, size_t count, off_t at, struct fuse_file_info *)
{
    return the_disk->write(bytes, count, at);
}

int flush_disk(const char *, int, struct fuse_file_info *)
{
    return the_disk->flush();
}

void take_commands()
{
    for (std::string line; std::getline(std::cin, line);)
        std::cout << the_disk->command(line) << std::endl;
    std::_Exit(0);
}

void *be_ready(struct fuse_conn_info *, struct fuse_config *)
{
    std::cout << "ready" << std::endl;
    std::thread(take_commands).detach();
    return nullptr;
}

} // namespace

int main(int count, char **arguments)
{
    if (count != 3) {
        std::fprintf(stderr, "usage: cutdisk IMAGE FOLDER\n");
        return 2;
    }
    Disk disk(arguments[1]);
    the_disk = &disk;
    struct fuse_operations operations = {};
    operations.getattr = get_attributes;
    operations.open = open_disk;
    operations.read = read_disk;
    operations.write = write_disk;
    operations.fsync = flush_disk;
    operations.init = be_ready;
    char program[] = "cutdisk", foreground[] = "-f", one_thread[] = "-s";
    char *words[] = {program, foreground, one_thread, arguments[2], nullptr};
    return fuse_main(4, words, &operations, nullptr);
}
