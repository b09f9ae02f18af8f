/*
 * A one-node cluster in this process: real sockets and frames, the simplest of lock tables,
 * and the moods that a real node is hard to bring into (mute, busy, of another version).
 */
#ifndef TESTS_WORLDS_STAND_IN_H
#define TESTS_WORLDS_STAND_IN_H

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "protocol/answer.h"
#include "protocol/frame.h"
#include "protocol/request.h"

class stand_in {
public:
    stand_in();
    ~stand_in();
    stand_in(const stand_in &) = delete;
    stand_in &operator=(const stand_in &) = delete;

    std::string address() const;          /* host:port, as a client is told */
    void hang_up();                       /* Close all connections; they may come again. */
    void revoke(const std::string &name); /* End the hold, as an operator would. */

    std::atomic<bool> mute = false; /* Hears everything and answers nothing. */
    std::atomic<bool> deaf = false; /* Takes no bytes at all. */
    std::atomic<bool> busy = false; /* Refuses acquires. */
    std::atomic<bool> other_version = false;
    std::atomic<bool> no_leader = false; /* Welcomes, but knows no leader. */
    std::atomic<bool> full = false;      /* Has no room for another session. */
    std::atomic<uint64_t> cluster = 42;  /* Its id, said when a client comes */
    std::atomic<int> accepted = 0;
    std::atomic<int> received = 0; /* Receives that brought something */
    std::atomic<int> requests = 0;
    std::atomic<int> cancels = 0;
    std::atomic<int> keepalives = 0;

private:
    struct waiting {
        uint64_t session, number, owner, until;
        bool reentrant;
    };
    struct table_lock {
        uint64_t session = 0, owner = 0, token = 0, granted = 0, number = 0;
        uint32_t count = 0;
        std::deque<waiting> queue;
    };
    struct table_session {
        std::string secret;
        uint64_t ttl = 0, deadline = 0, change = 0;
        int fd = -1;
        std::map<uint64_t, struct answer> remembered;
        std::deque<struct change> changes;
    };
    struct peer {
        std::vector<unsigned char> buffer =
                std::vector<unsigned char>(FRAME_HEAD_BYTES + FRAME_CLIENT_BODY_MAX);
        struct frame_reader reader;
        std::vector<unsigned char> output;
    };

    void run();
    void accept_one();
    bool receive(int fd, peer &from);
    void on_frame(int fd, peer &from, const struct frame &frame);
    void on_requests(int fd, peer &from, const struct frame &frame);
    void on_read(peer &from, const struct frame &frame);
    struct answer apply(const struct section &section, const struct request &request);
    struct answer acquire(uint64_t session, const struct request &request);
    struct answer release(uint64_t session, const struct request &request);
    struct answer cancel(uint64_t session, const struct request &request);
    void grant_next(const std::string &name);
    void end_session(uint64_t id);
    void tell(uint64_t session, struct change change);
    void push();
    void expire();
    void say(peer &to, enum frame_kind kind, const std::vector<unsigned char> &body);
    void say_section(peer &to, uint64_t session, uint64_t applied,
            const std::vector<struct answer> &answers);
    uint64_t time() const;

    int listener = -1;
    int port = 0;
    int wake[2] = {-1, -1};
    std::atomic<bool> stop = false;
    std::atomic<bool> hanging_up = false;
    std::mutex mutex; /* Of the tables, for revoke() */
    std::map<int, peer> peers;
    std::map<uint64_t, table_session> sessions;
    std::map<std::string, table_lock> locks;
    uint64_t last_session = 0;
    uint64_t last_token = 0;
    std::thread thread;
};

#endif
