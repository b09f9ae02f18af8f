/*
 * What liblock's shells share: a client as the system sees it, around the core that
 * decides. A file calls only files on lower floors:
 *
 *     lk_client.c                     open and close
 *     lk_blocking.c                   calls that wait
 *     lk_keeper.c     lk_loop.c       the thread behind them; the same calls without threads
 *     lk_drive.c      lk_query_node.c core's events and effects; the status of a node
 *     lk_connect.c                    a socket; this and what it needs know no client
 *     lk_resolve.c                    names, in a thread of their own
 *     lk_address.c    lk_check.c      the list of nodes as text; belief, from any thread
 *     lk_call.c                       clocks, sessions, arguments
 *     lk_connection.c lk_views.c      bytes out and in; answers of queries and lists
 *     lk_failure.c                    lk_last_error(), texts
 *
 * One mutex guards everything but belief. No code waits for the network with the mutex
 * held: sockets do not block, and a thread that waits for one has released the mutex.
 */
#ifndef LIBLOCK_LK_INTERNAL_H
#define LIBLOCK_LK_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/units.h"
#include "core/core.h"
#include "liblock.h"
#include "lk_connect.h"

enum {
    INPUT_BYTES = 64 * 1024,
    EVENT_BYTES = 512, /* Of an error or a line of the log */
};

/* ---- lk_address.c ---- */

/* False: `*bad` is the part of the list that cannot be read. */
bool nodes_parse(const char *list, struct core_settings *settings, struct span *bad);

/* ---- Sessions ---- */

struct lk_session {
    struct lk_client *client;
    const struct session_belief *belief;
    uint32_t handle; /* Core's; 0: closed */
    void *user;
    uint64_t lose_ns; /* LOCKD_TEST_LOSE: BOOTTIME; UINT64_MAX: never */
};

/* ---- What lk_keeper.c has of a client ---- */

/* A call that waits, on its thread's stack. */
struct waiter {
    struct list_node link;
    pthread_cond_t cond;
    bool done;
    struct core_completion completion;
};

/* An event that waits for the keeper. */
struct told_event {
    struct told_event *next;
    uint32_t handle;
    struct lk_event event;
};

struct keeper {
    pthread_t thread;
    bool runs;
    bool sleeps;
    bool stops;
    uint64_t until_ns;
    int nudge_fd;            /* eventfd: wakes the receiver */
    struct waiter *receiver; /* Who waits for the socket; NULL: the keeper */
    bool receiver_polls;     /* It polls, and does not know yet about changes since */
    uint64_t receiver_until_ns;
    struct list waiters;
    struct told_event *first_event; /* For the keeper to tell */
    struct told_event *last_event;
    uint32_t inside; /* Threads in calls */
    pthread_cond_t left;
};

/* ---- What lk_loop.c has of a client ---- */

/* An asynchronous call, or a close that no thread waits for. */
struct pending {
    struct pending *next_free;
    struct list_node link;
    struct lk_done done;
    struct lk_session *session;
    struct lk_lock *lock;
    struct lk_list *list;
    unsigned char *room;
};

struct loop {
    int timer_fd;
    uint64_t timer_ns; /* What it is set to */
    struct pending *pendings;
    uint32_t pending_count;
    uint32_t pending_used; /* Ever */
    struct pending *free_pending;
    struct list owed; /* Pendings in use */
    bool asked;       /* Since the last lk_process() */
};

/* ---- The client ---- */

/*
 * What drives the core: the keeper with its threads, or the program's loop. It is set once,
 * when the client is made; lk_drive.c gives it the results of a step.
 */
struct shell {
    bool (*start)(struct lk_client *client);
    void (*complete)(struct lk_client *client, const struct core_completion *completion);
    void (*event)(struct lk_client *client, const struct core_session_event *event);
    /*
     * The connection is another one, or needs something else: the thread that waits for it
     * looks again.
     */
    void (*changed)(struct lk_client *client);
    /* Something was submitted or taken back, and must be sent. */
    void (*asked)(struct lk_client *client);
};

struct lk_client {
    uint32_t *alive; /* By __atomic only: a page that is zero in a forked child */
    pthread_mutex_t mutex;
    struct lk_options options;
    const struct shell *shell;
    struct core_settings settings;
    void *memory;
    size_t memory_bytes;
    struct core *core;
    struct clocks now; /* As last read, both together ... */
    uint64_t tick_ns;  /* ... when MONOTONIC_COARSE said this */
    const struct hold_belief *holds;
    uint32_t hold_count;
    struct lk_session *sessions; /* By core's index */
    struct lk_session *first;
    struct connection connection;
    unsigned char *input;
    uint64_t deadline_ns;   /* Core's, or earlier */
    uint64_t lose_after_ns; /* LOCKD_TEST_LOSE; 0: not set */
    bool closing;
    int poll_fd; /* epoll */
    int wake_fd; /* eventfd in it */

    struct keeper keeper;
    struct loop loop;
    bool processing; /* In lk_process(), or in lk_close() of a client with a loop */
};

/* Dead in a child after fork. */
static inline bool client_is_ours(const struct lk_client *client)
{
    return __atomic_load_n(client->alive, __ATOMIC_RELAXED) != 0;
}

static inline bool has_loop(const struct lk_client *client)
{
    return (client->options.flags & LK_FLAG_EXTERNAL_LOOP) != 0;
}

/* ---- lk_call.c ---- */

struct clocks clocks_read(void);
/* Both clocks into client->now. */
void clocks_take(struct lk_client *client);
/* For what neither opens nor closes: at most some milliseconds old. */
struct clocks clocks_for_request(struct lk_client *client);
/* Set the limit of a call that is made now, unless it has one. */
void set_answer_limit(
        const struct lk_client *client, struct core_call *call, struct clocks now);

struct lk_session *session_adopt(struct lk_client *client, uint32_t handle, void *user);
struct lk_session *session_of(struct lk_client *client, uint32_t handle);
struct lk_event event_of(struct lk_client *client, const struct core_session_event *event);

/* Fill in the call that both kinds of shell make of the same arguments. */
struct span span_of(const char *bytes, size_t count);
enum lk_status make_open_call(const struct lk_client *client,
        const struct lk_session_options *options, struct core_call *call);
enum lk_status make_acquire_call(struct lk_session *session, struct span name,
        const struct lk_acquire_options *options, struct core_call *call);
enum lk_status make_list_call(const struct lk_list *list, struct core_call *call);

/* ---- lk_drive.c; all with the mutex held ---- */

void drive_time(struct lk_client *client);
/* The same for requests from callbacks, with the clocks of their step. */
void drive_asked(struct lk_client *client);
/*
 * Take what the socket has, finish connecting, send what is left; false: there was no step.
 */
bool drive_socket(struct lk_client *client);

/* ---- lk_keeper.c ---- */

extern const struct shell keeper_shell;

void keeper_stop(struct lk_client *client); /* Without the mutex */
void keeper_drop_events(struct lk_client *client);
/* Threads that wait in calls get LK_STATUS_LOST, and have left when this returns. */
void keeper_dismiss_waiters(struct lk_client *client);
/* Submit and wait for the completion, with the mutex held (and let go of meanwhile). */
enum status keeper_call(struct lk_client *client, struct core_call *call,
        struct core_completion *completion);
bool in_callback(void);

/* ---- lk_loop.c ---- */

extern const struct shell loop_shell;

void loop_close(struct lk_client *client);
void loop_stop(struct lk_client *client);

/* ---- lk_views.c ---- */

bool views_lock(const struct core_completion *completion, const unsigned char *room,
        struct lk_lock *lock);
bool views_list(const struct core_completion *completion, const unsigned char *room,
        struct lk_list *list);

/* ---- lk_failure.c ---- */

/* Remember why this thread's call failed; returns the status. */
enum lk_status fail(enum lk_status status, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* Write a text that is cut where it does not fit. */
void put_text(char *text, size_t bytes, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* fail() with what the core knows of the cluster; the mutex is held. */
enum lk_status fail_core(struct lk_client *client, enum status status, uint8_t detail);
const char *notice_text(const struct core_notice *notice, char *text, size_t bytes);
void client_log(struct lk_client *client, const struct core_notice *notice);

#endif
