/*
 * What liblock's shells share: a client as the system sees it, around the core that
 * decides. A file calls only files on lower floors:
 *
 *     lk_client.c                     open and close
 *     lk_admin.c                      what an operator asks of the cluster
 *     lk_blocking.c                   calls that wait
 *     lk_keeper.c     lk_loop.c       the thread behind them; the same calls without threads
 *     lk_drive.c      lk_query_node.c core's events and effects; the status of a node
 *     lk_check.c      lk_call.c       belief, from any thread; clocks, sessions, arguments
 *     lk_visit.c      lk_options.c    threads in calls, and the end of a client; ranges
 *     lk_failure.c    lk_views.c      lk_last_error(), texts; answers of queries and lists
 *     lk_connect.c    lk_dial.c       sockets to a node; these two and what is below ...
 *     lk_lookup.c     lk_resolve.c    ... know no client: names, in threads of their own
 *     lk_connection.c lk_address.c    bytes out and in; the list of nodes as text
 *     lk_descriptor.c                 where descriptors are, and those that only wake
 *
 * One mutex guards everything but belief. No code waits for the network with the mutex
 * held: sockets do not block, and a thread that waits for one has released the mutex.
 */
#ifndef LIBLOCK_LK_INTERNAL_H
#define LIBLOCK_LK_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/units.h"
#include "core/core.h"
#include "liblock.h"
#include "lk_connect.h"
#include "protocol/version.h"

enum {
    INPUT_BYTES = 64 * 1024,
    EVENT_BYTES = 512, /* Of an error or a line of the log */
    PAGE_BYTES = 4096,
};

/* ---- lk_address.c ---- */

/* False: `*bad` is the part of the list that cannot be read, and `*why` says why. */
bool nodes_parse(const char *list, struct core_settings *settings, struct span *bad,
        const char **why);

/* ---- Sessions ---- */

struct lk_session {
    struct lk_client *client;            /* These two by __atomic: lk_check() reads them */
    const struct session_belief *belief; /* at any time. NULL: the client was closed. */
    uint32_t handle;                     /* Core's; 0: closed */
    void *user;
    uint64_t lose_ns; /* LOCKD_TEST_LOSE: BOOTTIME; UINT64_MAX: never */
};

/* ---- Threads in calls ---- */

/*
 * A thread in a call, from visit_begin() to visit_end(). Meanwhile the client's memory stays.
 * The thread can be cancelled and, with LK_FLAG_INTERRUPTIBLE, gets signals only while it
 * sleeps: then no signal is missed that comes just before.
 */
struct visit {
    struct lk_client *client;
    int cancel_state; /* As it was before the call */
    bool interruptible;
    sigset_t mask; /* Interruptible: as it was before the call */
    /* The thread is cancelled while it sleeps: clean up, and end the visit. */
    void (*on_cancel)(struct visit *visit);
    void *user;
};

/* ---- What lk_keeper.c has of a client ---- */

/* A call that waits, on its thread's stack. */
struct waiter {
    struct list_node link;
    struct visit *visit;
    const struct core_call *call;
    pthread_cond_t cond;
    int wake_fd;      /* Interruptible: an eventfd in place of `cond`; else -1 */
    uint32_t stirs;   /* Of lk_interrupt() before this call */
    uint32_t request; /* Core's */
    bool done;
    bool locked; /* Its thread has the mutex, or will have it when it wakes. */
    bool interrupted;
    struct core_completion completion;
};

/* A query of one node that is under way. */
struct node_query_link {
    struct list_node link;
    int wake_fd;
    uint32_t stirs; /* As above */
    bool over;      /* The client is being closed */
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
    int nudge_fd;            /* eventfd: wakes the receiver */
    struct waiter *receiver; /* Who waits for the socket; NULL: the keeper */
    bool receiver_polls;     /* It polls, and does not know yet about changes since */
    struct list waiters;
    struct told_event *first_event; /* For the keeper to tell */
    struct told_event *last_event;
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

/*
 * A client, its sessions and its core are one mapping (lk_visit.c). When the client is closed
 * it becomes zero, and stays readable for a while: a zero here means "closed".
 */
struct lk_client {
    uint32_t open;   /* These three by __atomic only. 0: it is being closed, or was */
    uint32_t inside; /* Threads in calls */
    uint32_t stirs;  /* Of lk_interrupt() */
    pthread_mutex_t mutex;
    struct lk_options options;
    const struct shell *shell;
    struct core_settings settings;
    size_t mapped_bytes;
    struct core *core;
    struct clocks now; /* As last read, both together ... */
    uint64_t tick_ns;  /* ... when MONOTONIC_COARSE said this */
    const struct hold_belief *holds;
    uint32_t hold_count;
    struct lk_session *sessions; /* By core's index */
    struct lk_session *first;    /* By __atomic only */
    struct connection connection;
    unsigned char *input;
    uint64_t deadline_ns;   /* Core's, or earlier */
    uint64_t lose_after_ns; /* LOCKD_TEST_LOSE; 0: not set */
    int poll_fd;            /* epoll */
    int wake_fd;            /* eventfd in it */
    int timer_fd;           /* timerfd in it, of CLOCK_BOOTTIME */
    uint64_t timer_ns;      /* What it is set to */
    struct list node_queries;

    struct keeper keeper;
    struct loop loop;
    bool processing; /* In lk_process(), or in lk_close() of a client with a loop */
};

/* In the page before the client: zero in a child after fork, and when it was closed. */
static inline uint32_t *client_alive(const struct lk_client *client)
{
    return (uint32_t *)((uintptr_t)client - PAGE_BYTES);
}

static inline bool client_is_ours(const struct lk_client *client)
{
    return __atomic_load_n(client_alive(client), __ATOMIC_RELAXED) != 0;
}

static inline bool client_is_open(const struct lk_client *client)
{
    return __atomic_load_n(&client->open, __ATOMIC_SEQ_CST) != 0;
}

static inline bool has_loop(const struct lk_client *client)
{
    return (client->options.flags & LK_FLAG_EXTERNAL_LOOP) != 0;
}

/* ---- lk_visit.c ---- */

/* Zeroed memory with the core and its settings in it; NULL: errno. */
struct lk_client *client_map(const struct core_settings *settings);
/* The memory becomes zero now, and is unmapped later. */
void client_unmap(struct lk_client *client);

/* Of a session whose client was closed: one that is closed. Of NULL: NULL. */
struct lk_client *client_of(const struct lk_session *session);
/* Count this thread; false: the client is being closed, or was, or is the parent's. */
bool client_enter(struct lk_client *client);
void client_leave(struct lk_client *client);
/* No thread enters from now on; false: somebody else closes it. */
bool client_shut(struct lk_client *client);
/* All have left when this returns. */
void client_wait_for_leaving(struct lk_client *client);

/* LK_STATUS_INVALID or LK_STATUS_LOST, for a handle that cannot be entered. */
enum lk_status refuse_handle(const struct lk_client *client);

/* For calls that may wait: LK_OK, or why not, and then there is no visit. */
enum lk_status visit_begin(struct visit *visit, struct lk_client *client);
void visit_end(struct visit *visit);
/*
 * ppoll(), with the client's mutex released; `wait` may be NULL. EINTR: the handler of a signal
 * ran. If the thread is cancelled, `on_cancel` runs without the mutex.
 */
int visit_poll(struct visit *visit, struct pollfd *fds, uint32_t count,
        const struct timespec *wait);

/* ---- lk_options.c ---- */

/* Take what the caller's struct, of whatever version, has in common with ours. */
bool take_struct(void *ours, size_t our_bytes, const void *given);
enum lk_status take_options(const struct lk_options *given, struct lk_options *options);
enum lk_status take_session_options(
        const struct lk_session_options *given, struct lk_session_options *options);
enum lk_status settings_of(
        const struct lk_options *options, struct core_settings *settings);

/* ---- lk_call.c ---- */

struct clocks clocks_read(void);
/* Both clocks into client->now. */
void clocks_take(struct lk_client *client);
/* Have the timer ring at the client's deadline, or earlier. */
void timer_set(struct lk_client *client);
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
enum lk_status make_release_call(const struct lk_session *session, struct span name,
        uint64_t token, struct core_call *call);
enum lk_status make_query_call(
        struct span name, const struct lk_read *read, struct core_call *call);
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
/* Threads that wait in calls get LK_STATUS_LOST, and leave as soon as they get the mutex. */
void keeper_dismiss_waiters(struct lk_client *client);
/* Submit and wait for the completion, with the mutex held (and let go of meanwhile). */
enum lk_status keeper_call(
        struct visit *visit, struct core_call *call, struct core_completion *completion);
bool in_callback(void);

/* ---- lk_loop.c ---- */

extern const struct shell loop_shell;

enum lk_status loop_open_first(struct lk_client *client);
void loop_close(struct lk_client *client);
void loop_stop(struct lk_client *client);

/* ---- lk_query_node.c ---- */

/* What to query of whom, and how to read the answer. */
struct query_kind {
    enum frame_kind kind; /* The answer's is one more. */
    const char *address;  /* NULL: that of node `number` of the list */
    uint32_t number;
    const void *body; /* Of the query */
    uint32_t body_bytes;
    bool (*read)(const struct frame *frame, void *answer); /* NULL: only wait. */
    void *answer; /* From malloc(): freed if the caller's thread is cancelled */
};

enum lk_status query_node(
        const struct lk_client *client, uint64_t wait_ns, const struct query_kind *kind);

/* ---- lk_views.c ---- */

/*
 * Give a caller what fits in its struct. `size` is its own statement: at least that of a
 * size, or 0 and the like for the struct of the first version.
 */
void give_struct(void *theirs, size_t their_bytes, const void *ours, size_t our_bytes);
void views_read(const struct core_completion *completion, struct lk_read *read);
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
/* fail() with what the core knows of the cluster and the session; the mutex is held. */
enum lk_status fail_core(
        struct lk_client *client, uint32_t session, enum status status, uint8_t detail);
/* A node knows none of our versions; these are its own, zero if it did not say. */
void versions_text(struct versions theirs, char *text, size_t bytes);
const char *notice_text(const struct core_notice *notice, char *text, size_t bytes);
void client_log(struct lk_client *client, const struct core_notice *notice);

#endif
