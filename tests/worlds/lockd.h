/* lockd processes for the tests of server/. */
#ifndef TESTS_WORLDS_LOCKD_H
#define TESTS_WORLDS_LOCKD_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "worlds/program.h"
#include "worlds/talker.h"

namespace server {

using words = std::vector<std::string>;

/* What a program that ended left behind. */
struct ended {
    int status;
    std::string said;
};

/* Run lockd with these flags to its end. */
ended run(const words &flags);

/* The bytes of every file of a directory, by name: equal means untouched. */
std::map<std::string, std::string> contents(const std::filesystem::path &folder);

/* A node that runs, with a log of its own. */
class Lockd {
    process::Scratch scratch_;

public:
    explicit Lockd(const words &flags, std::string binary = process::lockd_binary());
    std::string said() const;
    bool says(const std::string &part) const; /* In a few seconds */

    process::Program program;
};

/* A cluster of one on loopback, in a directory of its own. */
class Single {
public:
    explicit Single(words more = {}, std::string binary = process::lockd_binary());
    words flags() const;
    void start();
    void kill();
    int stop();         /* SIGTERM; its exit status */
    bool leads() const; /* In a few seconds */

    process::Scratch scratch;
    std::string data;
    int port;
    std::unique_ptr<Lockd> lockd;

private:
    words more_;
    std::string binary_;
};

bool has(const std::string &text, const std::string &part);

} // namespace server

#endif
