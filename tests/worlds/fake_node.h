/*
 * A node that writes down what it is told and wants what the test says: it stands where the
 * real one is linked, so that io is tested alone, against a real ring, sockets and files.
 */
#ifndef TESTS_WORLDS_FAKE_NODE_H
#define TESTS_WORLDS_FAKE_NODE_H

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "io/disk.h"
#include "io/net.h"
#include "io/tell.h"
#include "io/turn.h"
#include "io/uring.h"

struct told {
    node_event_kind kind;
    uint32_t conn;
    uint8_t peer;
    bool by_other;
    uint64_t id;
    size_t count;
    std::string bytes; /* Of NODE_RECEIVED and NODE_READ */
    const void *where;
};

/* What node.h's struct node is in these tests. */
struct node {
    std::vector<told> events;
    std::set<uint32_t> peers; /* Connections that speak for peers */
    std::set<uint32_t> clients;
    std::vector<unsigned char> input = std::vector<unsigned char>(1 << 20);
    std::vector<unsigned char> log; /* Registered with the ring from log_buffer() on */
    std::string fed;                /* What recovery was fed */
    std::vector<uint64_t> segments; /* ... and of which segments */
    bool called_damaged = false;    /* Recovery was told that a file is unreadable. */
    wal_place tail{};               /* What is to be written again: from here */
    uint64_t tail_end = 0;          /* ... to this offset */
    bool tail_changed = false;      /* The file no longer holds what was fed. */
    node_effects wants{};           /* The next turn's effects */
    std::vector<node_send> sends;
    std::vector<uint32_t> closes;

    size_t count(node_event_kind kind) const;
    const told *last(node_event_kind kind) const;
    std::string received(uint32_t conn) const;
    const unsigned char *log_buffer() const;
};

/* Everything that io's parts need to live, and a turn as loop.c runs it. */
class io_world {
public:
    explicit io_world(uint32_t connections = 16);
    ~io_world();
    io_world(const io_world &) = delete;

    /* Turns until `done`, or until some seconds are over; returns done(). */
    bool run_until(const std::function<bool()> &done);
    void run_turn();

    struct node node;
    struct turn turn {};
    struct uring uring {};
    struct net net {};
    struct disk disk {};
    struct tell tell;
    std::vector<std::string> lines; /* What was reported, "level event details" */
    uint64_t names_woken = 0;
    struct names *names = nullptr;

    /* Parts, begun when a test wants them. */
    void begin_net(const node_settings &settings, int listener);
    void begin_names();
    bool open_disk(const std::string &path, uint64_t segment_bytes, bool sync_after,
            std::string *reason = nullptr);

private:
    void dispatch(const uring_done &done);
    void read_names();

    struct arena arena {};
    void *memory_ = nullptr;
    size_t bytes_ = 0;
    bool has_net_ = false;
    bool has_disk_ = false;
};

/* A directory of its own on a real disk, gone afterwards. */
class scratch {
public:
    scratch();
    ~scratch();
    std::string path;
};

#endif
