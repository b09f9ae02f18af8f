/* A client of the library under test, closed at the end whatever happened. */
#ifndef TESTS_WORLDS_CAPI_CLIENT_H
#define TESTS_WORLDS_CAPI_CLIENT_H

#include <gtest/gtest.h>
#include <poll.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "liblock.h"

inline std::string describe(enum lk_status status)
{
    return std::string(lk_status_text(status)) + ": " + lk_last_error();
}

struct told {
    enum lk_state state;
    enum lk_reason reason;
    uint64_t token;
};

class test_client {
public:
    using adjust = std::function<void(lk_options &)>;

    explicit test_client(const std::string &nodes, const adjust &change = nullptr)
    {
        lk_options options = LK_OPTIONS_INIT;
        options.nodes = nodes.c_str();
        options.user = this;
        options.on_event = [](void *user, const struct lk_event *event) {
            auto *self = static_cast<test_client *>(user);
            std::lock_guard<std::mutex> guard(self->mutex);
            self->all.push_back({event->state, event->reason, event->token});
        };
        options.on_log = [](void *user, enum lk_log_level, const char *line) {
            auto *self = static_cast<test_client *>(user);
            std::lock_guard<std::mutex> guard(self->mutex);
            self->lines.push_back(line);
        };
        if (change)
            change(options);
        status = lk_open(&options, &handle);
        if (status == LK_OK)
            session = lk_client_session(handle);
        else
            why = lk_last_error();
    }

    ~test_client()
    {
        lk_close(handle);
    }

    test_client(const test_client &) = delete;
    test_client &operator=(const test_client &) = delete;

    enum lk_status acquire(const std::string &name, uint64_t wait_ns, lk_grant *grant)
    {
        return lk_acquire(session, name.data(), name.size(), wait_ns, grant);
    }

    lk_grant must_acquire(const std::string &name, uint64_t wait_ns = 5 * LK_SECOND)
    {
        lk_grant grant = {};
        enum lk_status said = acquire(name, wait_ns, &grant);
        EXPECT_EQ(said, LK_OK) << describe(said);
        return grant;
    }

    enum lk_status release(const std::string &name, uint64_t token)
    {
        return lk_release(session, name.data(), name.size(), token);
    }

    std::vector<told> events()
    {
        std::lock_guard<std::mutex> guard(mutex);
        return all;
    }

    /* Run the loop until it says so; for clients with LK_FLAG_EXTERNAL_LOOP. */
    bool run_until(const std::function<bool()> &done, int seconds = 10)
    {
        for (int i = 0; i < seconds * 100 && !done(); i++) {
            struct pollfd ready = {lk_fd(handle), POLLIN, 0};
            poll(&ready, 1, 10);
            EXPECT_EQ(lk_process(handle), LK_OK);
        }
        return done();
    }

    lk_client *handle = nullptr;
    lk_session *session = nullptr;
    enum lk_status status;
    std::string why;
    std::vector<std::string> lines;

private:
    std::mutex mutex;
    std::vector<told> all;
};

inline bool eventually(const std::function<bool()> &done, int seconds = 10)
{
    for (int i = 0; i < seconds * 1000; i++) {
        if (done())
            return true;
        poll(nullptr, 0, 1);
    }
    return false;
}

#endif
