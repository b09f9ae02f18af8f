/*
 * liblock: locks held in a lockd cluster, for C and C++.
 *
 *     struct lk_client *client;
 *     struct lk_options options = LK_OPTIONS_INIT;
 *     options.nodes = "10.0.0.1,10.0.0.2,10.0.0.3";
 *     if (lk_open(&options, &client) != LK_OK)
 *         die(lk_last_error());
 *
 *     struct lk_session *session = lk_client_session(client);
 *     struct lk_grant grant;
 *     if (lk_acquire(session, "build", 5, 10 * LK_SECOND, &grant) == LK_OK) {
 *         ... each step that matters: if (lk_check(session, &grant) == LK_STATE_HELD) ...
 *         lk_release(session, "build", 5, grant.token);
 *     }
 *     lk_close(client);
 *
 * A *client* is the connection to the cluster; it finds the leader and follows it. A
 * *session* is the identity that holds locks: it lives as long as the cluster gets a
 * keepalive at least every `ttl`; the client sends them. Opening a client opens one
 * session; up to `sessions_max` may share it. A *grant* is proof of one lock: its `token`
 * grows with every grant in the cluster, so a resource that refuses smaller tokens than it
 * has seen is safe from any delay.
 *
 * The cluster decides who holds a lock. Whether a grant is still valid is decided here, by
 * lk_check(), only from clocks of this machine, and so that errors go towards "no".
 *
 * Two ways to use a client:
 *
 *  - With threads (the default). Calls block and may be made from any number of threads at
 *    once. A keeper thread sends keepalives and makes callbacks.
 *  - With LK_FLAG_EXTERNAL_LOOP: no thread. Calls whose names end in _async queue
 *    requests, and lk_process() sends them; call it whenever the descriptor lk_fd() is
 *    readable. Use one thread at a time; lk_check() and lk_deadline() work in any thread.
 *
 * Signals do not interrupt calls, unless LK_FLAG_INTERRUPTIBLE says so, and SIGPIPE is never
 * raised. lk_interrupt() ends all calls that wait. A thread that is cancelled with
 * pthread_cancel while it waits in a call leaves the call, and what it asked for is undone.
 *
 * Fork: in the child no handle is valid; calls return LK_STATUS_LOST and do not affect the
 * parent; lk_close() there only closes the child's copies of descriptors. Exec: descriptors
 * do not survive it. No descriptor of the library is 0, 1 or 2.
 *
 * A session or client may be closed while other threads are in any call with it: these
 * return LK_STATUS_LOST. A call that begins after lk_close() has returned is an error of the
 * program. It returns LK_STATUS_LOST, too, and does no harm, unless 64 more clients were
 * closed since.
 *
 * Times are nanoseconds. Strings with a length need not end in NUL and are not kept after
 * the call.
 *
 * Structs grow at their end in later versions. Initialize one that has a member `size` with
 * the macro that follows it: then the library and the program may be of different versions.
 * The library reads and fills only what both know. `size` 0 means the struct of version
 * 0.1. What has no `size` never changes, or (lk_event, lk_result) the library makes it.
 */
#ifndef LIBLOCK_H
#define LIBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LK_API      __attribute__((visibility("default")))
#define LK_MUST_USE __attribute__((warn_unused_result))
#else
#define LK_API
#define LK_MUST_USE
#endif

#define LK_VERSION_MAJOR 0
#define LK_VERSION_MINOR 1
#define LK_VERSION_PATCH 0
#define LK_VERSION_TEXT  "0.1.0"

#define LK_MILLISECOND UINT64_C(1000000)
#define LK_SECOND      UINT64_C(1000000000)
#define LK_FOREVER     UINT64_MAX /* Wait without limit */

enum {
    LK_NAME_MAX = 255,     /* Bytes of a lock's name; at least 1 */
    LK_LABEL_MAX = 64,     /* Bytes of a session's label */
    LK_PORT = 5625,        /* The default port of a node */
    LK_PAGE_MAX = 64,      /* Locks in one page of lk_list_page() */
    LK_PEERS_MAX = 8,      /* Other nodes in what one says of itself */
    LK_BUCKET_COUNT = 656, /* Of a histogram, see lk_bucket_begin() */
};

/* ---- Results of requests ---- */

/*
 * The result of a request. A status exists only where a caller can do something different
 * about it; details are in lk_last_error() and the log. The numbers are part of the ABI:
 * they never change, new ones are appended.
 */
enum lk_status {
    LK_STATUS_OK = 0, /* Done, and durable on a majority. */
    /* Others still held it when the wait ended; nothing is queued. */
    LK_STATUS_TIMEOUT = 1,
    LK_STATUS_UNKNOWN = 2, /* No answer in time; it may or may not have happened. */
    LK_STATUS_LOST = 3,    /* The session has ended, and with it all its locks. */
    LK_STATUS_BUSY = 4, /* Client or cluster is overloaded; retry later and less often. */
    LK_STATUS_INVALID = 5, /* The arguments are invalid; do not retry. */
    /* lk_cancel() ended it: it is not granted and never will be. */
    LK_STATUS_CANCELLED = 6,
    /* It would wait for its own owner: release, then start again. */
    LK_STATUS_DEADLOCK = 7,
    /* No hold (any more) with this token, or no acquire with this tag. */
    LK_STATUS_NOT_FOUND = 8,
    LK_STATUS_LIMIT = 9,   /* A limit of the cluster is reached: its operator must act. */
    LK_STATUS_OLD = 10,    /* Never from this library, which numbers its own requests. */
    LK_STATUS_DENIED = 11, /* The cluster does not accept this session. */
    /*
     * The nodes belong to another cluster than before: it was made anew, or their addresses
     * are others' now. Its locks are gone. Close the client; open another one.
     */
    LK_STATUS_WRONG_CLUSTER = 12,
    LK_STATUS_VERSION = 13, /* The nodes use another protocol version. */
    /* From here on never from a node: */
    LK_STATUS_INTERRUPTED = 32, /* A signal or lk_interrupt() ended the call. */
};

/* Short for the status that every program tests for. */
#define LK_OK LK_STATUS_OK

/* A short sentence about a status, never NULL. Any thread. */
LK_API const char *lk_status_text(enum lk_status status);

/*
 * Why the last failed call of this thread failed: a sentence for people, with node and
 * reason if known. Within the callback of an asynchronous call: why that call failed. What
 * a terminal would obey, in an address for instance, is shown as \xNN. Never NULL; valid
 * until this thread's next call.
 */
LK_API const char *lk_last_error(void);

/* "0.1.0": of the loaded library, not of the header. Any thread. */
LK_API const char *lk_version(void);

/* ---- Belief: may I still act? ---- */

/* What a client may believe about a session or a lock. */
enum lk_state {
    LK_STATE_HELD = 0,      /* Certainly alive: what was granted is held. */
    LK_STATE_SUSPENDED = 1, /* No keepalive in time. Stop acting; may become HELD. */
    LK_STATE_LOST = 2,      /* Ended permanently. */
};

LK_API const char *lk_state_text(enum lk_state state);

/* Why a session was suspended or lost, or a hold ended. */
enum lk_reason {
    LK_REASON_NONE = 0,
    LK_REASON_SILENT = 1,    /* No keepalive was acknowledged in time. */
    LK_REASON_EXPIRED = 2,   /* The cluster got no keepalive for its ttl. */
    LK_REASON_CLOSED = 3,    /* Closed by lk_session_close() or lk_close(). */
    LK_REASON_UNKNOWN = 4,   /* The cluster does not know this session. */
    LK_REASON_ENDED = 5,     /* The cluster ended this hold. */
    LK_REASON_REHEARSED = 6, /* lk_test_lose() or LOCKD_TEST_LOSE did it. */
    /* The nodes belong to another cluster now (LK_STATUS_WRONG_CLUSTER). */
    LK_REASON_WRONG_CLUSTER = 7,
};

LK_API const char *lk_reason_text(enum lk_reason reason);

struct lk_client;
struct lk_session;

/*
 * A held lock, by value: copying it copies the claim, not the lock. What else there is to
 * know of a hold, calls tell from it, as lk_deadline() does.
 */
struct lk_grant {
    uint64_t token;       /* Fencing token: strictly grows, over all names. */
    uint64_t deadline_ns; /* CLOCK_BOOTTIME; hold nothing from then on, unless renewed. */
    uint64_t hold;        /* For lk_check(): where the library keeps it. */
};

/*
 * May the holder of `grant` still act? LK_STATE_HELD: when this call read the clock, no
 * conflicting grant existed. LK_STATE_SUSPENDED: not certain, may become LK_STATE_HELD
 * again. LK_STATE_LOST: released, ended or lost. With a NULL grant: the same for the whole
 * session.
 *
 * Answers from memory and costs no more than reading the clock. Any thread, at the same
 * time as any call except lk_close(); also from callbacks and signal handlers. The grant of
 * a closed session is LK_STATE_LOST until the client is closed.
 */
LK_API enum lk_state lk_check(
        const struct lk_session *session, const struct lk_grant *grant);

/*
 * Until when lk_check() returns LK_STATE_HELD if no further keepalive succeeds
 * (CLOCK_BOOTTIME). 0 unless it returns LK_STATE_HELD now. Otherwise like lk_check().
 */
LK_API uint64_t lk_deadline(const struct lk_session *session, const struct lk_grant *grant);

/* ---- Open and close ---- */

/* What happened to a session, or to one hold of it. */
struct lk_event {
    struct lk_session *session;
    void *session_user;  /* From its options */
    enum lk_state state; /* The new state */
    enum lk_reason reason;
    uint64_t token; /* 0: the session with all it held. Else only this hold. */
};

enum lk_log_level {
    LK_LOG_LEVEL_ERROR = 0,
    LK_LOG_LEVEL_WARNING = 1,
    LK_LOG_LEVEL_INFO = 2,
    LK_LOG_LEVEL_DEBUG = 3
};

enum lk_flag {
    LK_FLAG_EXTERNAL_LOOP = 1, /* No thread: see "The same calls for an event loop". */
    LK_FLAG_NO_SESSION = 2, /* Open no session and do not wait: for queries and status. */
    /*
     * A call that waits returns LK_STATUS_INTERRUPTED when the handler of a signal has run
     * on its thread: for languages that do their part of a signal when the call has
     * returned, like Python. See lk_interrupt() for what that means. Such a call takes some
     * microseconds more.
     */
    LK_FLAG_INTERRUPTIBLE = 4,
};

struct lk_result;

/*
 * The callback of an asynchronous call: called once, in lk_process() or lk_close(), if the
 * call returned LK_OK.
 */
struct lk_done {
    void (*call)(void *user, const struct lk_result *result); /* NULL: no callback */
    void *user;
};

struct lk_options {
    size_t size;
    /*
     * The nodes: "host", "host:port", "[v6]:port", separated by commas, each with or
     * without "ID=" before it, like lockd's --cluster. NULL: the environment variable
     * LOCKD_CLUSTER. One reachable node is enough; the client learns the others.
     */
    const char *nodes;
    uint32_t flags; /* enum lk_flag */
    /* At once through this client, including the first; 1 to 4000000 */
    uint32_t sessions_max;
    /* Without an answer or a grant, at once; more are LK_STATUS_BUSY; 1 to 2000000 */
    uint32_t requests_max;
    /* Held at once, all sessions together; more are LK_STATUS_BUSY; 1 to 16000000 */
    uint32_t holds_max;
    /* After this much silence the locks may go to others; 100 ms to 24 h */
    uint64_t ttl_ns;
    uint64_t
            grace_ns; /* SUSPENDED becomes LOST after this; 0: at once; LK_FOREVER: never */
    /* A new grant has at least this much left; at most ttl / 2; 0: ttl / 4 */
    uint64_t min_usable_ns;
    /* Limit of calls without their own, like lk_open; from 1 ms; LK_FOREVER: none */
    uint64_t answer_wait_ns;
    /* For one node, before the next is tried; from 1 ms; LK_FOREVER: an hour */
    uint64_t connect_wait_ns;
    const char *label;  /* Shown with the locks of the first session; NULL: none */
    void *session_user; /* For the events of the first session */
    /*
     * Called when a session is suspended, held again, lost, or loses one hold; per session
     * in that order. On the keeper thread, or within lk_process(); one at a time. It may
     * call lk_check, lk_deadline, lk_session_id, the _text functions, and with
     * LK_FLAG_EXTERNAL_LOOP every _async call. Blocking calls return LK_STATUS_INVALID.
     * Return soon: keepalives may wait.
     */
    void (*on_event)(void *user, const struct lk_event *event);
    /*
     * Called with one line, without a newline, for each notable event of the connection. On
     * any thread, one at a time; it must not call liblock.
     */
    void (*on_log)(void *user, enum lk_log_level level, const char *line);
    void *user;                  /* For both */
    enum lk_log_level log_level; /* Less urgent lines are dropped */
    /*
     * With LK_FLAG_EXTERNAL_LOOP: called when the first session is open, or cannot be
     * opened, with the status; lk_last_error() then says why.
     */
    struct lk_done opened;
};

/* clang-format off */
#define LK_OPTIONS_INIT {                                                       \
    sizeof(struct lk_options), NULL, 0, 1024, 4096, 65536, 10 * LK_SECOND,      \
    45 * LK_SECOND, 0, 5 * LK_SECOND, LK_SECOND / 2, NULL, NULL, NULL, NULL,    \
    NULL, LK_LOG_LEVEL_INFO, { NULL, NULL } }
/* clang-format on */

/*
 * Open a client, and with it a session. Returns when the session is open, or after
 * `answer_wait_ns` with LK_STATUS_UNKNOWN if no leader was found; on every status but
 * LK_OK, `*client` is NULL.
 *
 * Names in the list of nodes are looked up in other threads, at most 16 in the process. An
 * attempt to connect waits for a name no longer than `connect_wait_ns`, but the lookup
 * continues, and its result is used by the next attempt. All addresses of a name are tried.
 * A name that cannot be resolved is looked up again.
 *
 * With LK_FLAG_EXTERNAL_LOOP it returns at once; requests of the first session wait until
 * it is open, for as long as that takes, and `opened` is called. If the cluster refuses to
 * open it, they get the status of that refusal, and so does every later call on that session.
 * With LK_FLAG_NO_SESSION it returns at once, too.
 *
 * LK_STATUS_INVALID: lk_last_error() says which option, its value, and its range; for a ttl
 * that the cluster does not allow, also the cluster's range. LK_STATUS_LIMIT: no room for
 * another session; lk_last_error() says what is full. LK_STATUS_BUSY: the cluster was
 * overloaded for all of `answer_wait_ns`.
 *
 * LOCKD_TEST_LOSE=SECONDS in the environment makes each session of the program lose its
 * locks that long after it was opened, as lk_test_lose() does.
 */
LK_API LK_MUST_USE enum lk_status lk_open(
        const struct lk_options *options, struct lk_client **client);

/*
 * Close all sessions, so that others get their locks at once, and free the client. Waits
 * for the cluster to confirm, at most a second; unconfirmed sessions then expire. Threads
 * that are in calls of any kind return LK_STATUS_LOST before this does; outstanding
 * callbacks of asynchronous calls are made in it, with LK_STATUS_LOST. No handle is valid
 * afterwards. NULL is allowed. Not from a callback.
 */
LK_API void lk_close(struct lk_client *client);

/*
 * End all calls of this client that wait now: they return LK_STATUS_INTERRUPTED, or their
 * own result if that comes first. Any thread, also a signal handler. Without effect on
 * clients with LK_FLAG_EXTERNAL_LOOP.
 *
 * An acquire that was interrupted holds nothing: the call returns when the cluster has
 * confirmed that, at the latest after a second, or when it is interrupted again. A release
 * or a close continues in the background. A session that was being opened is closed.
 */
LK_API void lk_interrupt(struct lk_client *client);

/* The session that came with the client; NULL with LK_FLAG_NO_SESSION. */
LK_API struct lk_session *lk_client_session(struct lk_client *client);

struct lk_session_options {
    size_t size;
    uint64_t ttl_ns;   /* 0: as in the client's options */
    const char *label; /* NULL: none */
    void *user;        /* For its events */
};

/* clang-format off */
#define LK_SESSION_OPTIONS_INIT { sizeof(struct lk_session_options), 0, NULL, NULL }
/* clang-format on */

/* Open another session; `options` may be NULL. Statuses as for lk_open(). */
LK_API LK_MUST_USE enum lk_status lk_session_open(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session);

/*
 * Close a session: its locks are given up before the request is sent, then the cluster
 * grants them to others. The handle is invalid afterwards, whatever this returns.
 * LK_STATUS_UNKNOWN: no answer within `answer_wait_ns`; the client continues to close it.
 */
LK_API enum lk_status lk_session_close(struct lk_session *session);

/* Its id in the cluster, as lists show it; never used again. 0 while it is not open. */
LK_API uint64_t lk_session_id(const struct lk_session *session);

/* ---- Locks ---- */

/*
 * Acquire the lock `name`, waiting up to `wait_ns` for it; 0 does not wait, LK_FOREVER
 * waits without limit.
 *
 * On LK_OK, `*grant` holds the proof. Its deadline is the session's: counted from when the
 * last acknowledged keepalive was sent, not from when the answer came, so it errs on the
 * safe side.
 *
 * While the cluster is overloaded, this tries again, with pauses that grow to half a second;
 * LK_STATUS_BUSY comes only when `wait_ns` has passed, or if this client has no room.
 *
 * LK_STATUS_UNKNOWN comes at most a second after `wait_ns`. Then the library continues to
 * cancel: if the request was granted, the lock is released as soon as the cluster can be
 * reached, at the latest when the session ends. Another call is a new request after that
 * one. On every status but LK_OK, `*grant` is zeroed.
 *
 * Blocks the calling thread; any number of threads may share a session. They exclude each
 * other: the owner within the session is the thread. A thread that acquires a lock that it
 * holds gets LK_STATUS_DEADLOCK. `name` has 1 to LK_NAME_MAX bytes.
 */
LK_API LK_MUST_USE enum lk_status lk_acquire(struct lk_session *session, const char *name,
        size_t name_len, uint64_t wait_ns, struct lk_grant *grant);

/* The thread; with _async calls: one per request. */
#define LK_OWNER_DEFAULT UINT64_MAX

struct lk_acquire_options {
    size_t size;
    uint64_t wait_ns; /* As for lk_acquire() */
    /*
     * The holder within the session: any number below 2^63. If an owner acquires what it
     * holds, it enters again if `reentrant`, else it gets LK_STATUS_DEADLOCK. 0: one per
     * request.
     */
    uint64_t owner;
    bool reentrant; /* Enter again what the owner holds; release once per entry. */
    uint64_t tag;   /* For lk_cancel(); 0: none */
    /*
     * For lk_acquire_async(): no LK_STATUS_BUSY from an overloaded cluster before `wait_ns`
     * has passed; lk_acquire() and lk_acquire_with() always do this, and so does
     * lk_acquire_async() without options.
     */
    bool patient;
};

/* clang-format off */
#define LK_ACQUIRE_OPTIONS_INIT {                                               \
    sizeof(struct lk_acquire_options), LK_FOREVER, LK_OWNER_DEFAULT, false, 0, \
    false }
/* clang-format on */

/* lk_acquire() with all options. */
LK_API LK_MUST_USE enum lk_status lk_acquire_with(struct lk_session *session,
        const char *name, size_t name_len, const struct lk_acquire_options *options,
        struct lk_grant *grant);

/*
 * End the acquires of this session that have `tag` (not 0) and have not returned: they
 * return LK_STATUS_CANCELLED when the cluster has confirmed it, LK_STATUS_UNKNOWN after a
 * second without an answer, or their own result if that comes first. LK_STATUS_NOT_FOUND:
 * there is none. Does not block; from any thread, with LK_FLAG_EXTERNAL_LOOP from the
 * thread of the loop.
 */
LK_API enum lk_status lk_cancel(struct lk_session *session, uint64_t tag);

/*
 * Release one entry of the hold with this `token`. If it was the last entry, lk_check()
 * returns LK_STATE_LOST from the call on, before the request is sent.
 *
 * LK_STATUS_NOT_FOUND: the token no longer holds the lock. LK_STATUS_UNKNOWN: no answer
 * within `answer_wait_ns`; the library continues to release it.
 */
LK_API enum lk_status lk_release(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token);

/* Release all entries of that hold. */
LK_API enum lk_status lk_release_all(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token);

/* ---- Scope guard ---- */

/* A lock that is released at the end of its scope. */
struct lk_guard {
    enum lk_status status; /* What lk_acquire() returned */
    struct lk_grant grant;
    struct lk_session *session;
    const char *name; /* Must live as long as the guard */
    size_t name_len;
};

LK_API LK_MUST_USE struct lk_guard lk_guard_acquire(
        struct lk_session *session, const char *name, size_t name_len, uint64_t wait_ns);

/* Release now; the end of the scope then does nothing. */
LK_API void lk_guard_release(struct lk_guard *guard);

/*
 * LK_GUARD(guard, session, "build", 5, LK_SECOND);
 * if (guard.status == LK_OK) ...
 */
#if defined(__GNUC__)
#define LK_GUARD(variable, session, name, name_len, wait_ns)              \
    struct lk_guard variable __attribute__((cleanup(lk_guard_release))) = \
            lk_guard_acquire(session, name, name_len, wait_ns)
#endif

/* ---- Queries ---- */

/* The state of a lock in the cluster. */
struct lk_lock {
    size_t size;
    char name[LK_NAME_MAX + 1]; /* With a final NUL */
    size_t name_len;
    uint64_t session; /* The holder; 0: free */
    uint64_t owner;
    uint64_t token;
    uint32_t count;     /* Entries of the owner */
    uint32_t waits;     /* Requests queued */
    uint64_t held_ns;   /* Cluster time since the grant */
    uint64_t remain_ns; /* Cluster time until its session expires without keepalive */
    /* Of the holder's session; with a final NUL. */
    char label[LK_LABEL_MAX + 1];
    /*
     * lk_query_async(): of `waits`, those before the first request of this client's first
     * session. Everywhere else, and if that session does not wait for it: `waits`.
     */
    uint32_t ahead;
};

/* clang-format off */
#define LK_LOCK_INIT { sizeof(struct lk_lock), { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, { 0 }, 0 }
/* clang-format on */

/* Where and when something was read. */
struct lk_read {
    bool stale;       /* In: any node may answer, without a majority; may lag */
    uint64_t index;   /* Out: the state after this entry of the log, ... */
    uint64_t time_ns; /* ... at this cluster time */
};

/*
 * Who holds the lock `name`? By default linearizable: at least as new as every answer given
 * before the call. `read` may be NULL. A lock nobody uses is free: LK_OK, `session` 0.
 */
LK_API LK_MUST_USE enum lk_status lk_query(struct lk_client *client, const char *name,
        size_t name_len, struct lk_lock *lock, struct lk_read *read);

/* A page of the locks in use. */
struct lk_list {
    size_t size;
    const char *prefix; /* In: only names with this prefix; NULL: all */
    size_t prefix_len;
    uint64_t cursor;       /* In: 0 to start. Out: for the next page; 0: no more */
    struct lk_lock *locks; /* In: room for `room` locks; need not be initialized */
    uint32_t room;         /* In: 1 to LK_PAGE_MAX */
    uint32_t count; /* Out: locks filled in; may be less than `room`, or 0, in any page */
    struct lk_read read;
    size_t lock_size; /* In: of one of `locks`, as the program knows it */
};

/* clang-format off */
#define LK_LIST_INIT {                                                          \
    sizeof(struct lk_list), NULL, 0, 0, NULL, 0, 0, { false, 0, 0 },            \
    sizeof(struct lk_lock) }
/* clang-format on */

/* Get a page. Pages come in no particular order, and each is read at a different time. */
LK_API LK_MUST_USE enum lk_status lk_list_page(
        struct lk_client *client, struct lk_list *list);

/* The nodes of the client's list, numbered from 0 in its order. */
LK_API uint32_t lk_node_count(const struct lk_client *client);

/*
 * The id of the cluster, as each of its nodes has it in lk_node_status; 0 while the client
 * has not reached a node of it. Any thread.
 */
LK_API uint64_t lk_cluster_id(struct lk_client *client);

/* "host:port" of a node of the list; NULL if there is no such node. */
LK_API const char *lk_node_address(const struct lk_client *client, uint32_t number);

enum lk_role {
    LK_ROLE_FOLLOWER = 0,
    LK_ROLE_CANDIDATE = 1,
    LK_ROLE_LEADER = 2
};

/* The condition of a node, as it judges itself. */
enum lk_condition {
    LK_CONDITION_HEALTHY = 0,
    /* Its directory was emptied: it may have forgotten a vote and takes no part. */
    LK_CONDITION_BLANK = 1,
    /* 2 is reserved. */
    LK_CONDITION_NOT_BOOTSTRAPPED = 3, /* Waits for all members; `missing` tells which. */
    LK_CONDITION_NO_LEADER = 4,
    LK_CONDITION_NO_MAJORITY = 5, /* It leads, but hears no majority. */
    LK_CONDITION_NO_SPACE = 6,    /* The next segment of its log cannot be reserved. */
    LK_CONDITION_BEHIND = 7,      /* It has applied far less than is committed. */
    /* While one of the next three lasts, it neither leads nor takes new entries. */
    LK_CONDITION_DISK_STALLED = 8,     /* A write does not end. */
    LK_CONDITION_DISK_FULL = 9,        /* No room is left in the log or on the disk. */
    LK_CONDITION_LOG_FULL = 10,        /* All segments that it may have are full. */
    LK_CONDITION_LOG_NEARLY_FULL = 11, /* The last one is in use. */
    LK_CONDITION_REPLAYING = 12,       /* It applies its log and serves nobody yet. */
    LK_CONDITION_NO_COMMIT = 13,       /* It leads; too few members write what it sends. */
    LK_CONDITION_CLOCK_SUSPECT = 14,   /* Its leader's clock and its own differ in rate. */
    /* 15 is reserved. */
    LK_CONDITION_READ_ERROR = 16,       /* It cannot read a part of its own log. */
    LK_CONDITION_SNAPSHOT_FAILING = 17, /* It cannot write snapshots: its log grows. */
    LK_CONDITION_SNAPSHOT_STUCK = 18,   /* It leads; a member takes no snapshot. */
    LK_CONDITION_INSTALLING = 19,       /* It takes over the leader's state. */
    /* Of something that has a limit nine tenths are in use: see lk_node_status. */
    LK_CONDITION_NEARLY_FULL = 20,
    LK_CONDITION_REPAIRING = 21, /* Its log was damaged: it gets a new copy. */
    /* The other members refuse it: they are of another cluster, ... */
    LK_CONDITION_OTHER_CLUSTER = 24,
    LK_CONDITION_OTHER_DIRECTORY = 25, /* ... know another data directory of it, ... */
    LK_CONDITION_ID_TAKEN = 26,        /* ... another process with its id is alive, ... */
    LK_CONDITION_NOT_ACCEPTED = 27,    /* ... or for another reason, which its log tells. */
    LK_CONDITION_CONTRADICTED = 28,    /* Its log and another member's contradict. */
    LK_CONDITION_STRANGER = 29,        /* It refuses a process that has a member's id. */
    LK_CONDITION_REMOVED = 30,         /* It is no member any more. */
    LK_CONDITION_LEARNER = 31,         /* It gets the log, and does not vote. */
    LK_CONDITION_MEMBERS_CHANGE = 32,  /* A change of the members is not committed yet. */
    LK_CONDITION_NOT_MEMBER = 33,      /* It is new, and was not added yet. */
    LK_CONDITION_QUARANTINE = 34,      /* Restored: nothing is granted yet. */
    /* Nothing is wrong: a newer version than the cluster uses is on some members. */
    LK_CONDITION_UPGRADE_OPEN = 36,
    LK_CONDITION_VERSION_REFUSED = 37 /* Its version cannot work with the cluster's. */
};

LK_API const char *lk_role_text(enum lk_role role);

/*
 * A condition for scripts ("no-leader"), for people ("knows no leader"; the node is the
 * subject), and what the operator does about it ("" when healthy). Never NULL. Any thread.
 */
LK_API const char *lk_condition_name(enum lk_condition condition);
LK_API const char *lk_condition_text(enum lk_condition condition);
LK_API const char *lk_condition_cure(enum lk_condition condition);

struct lk_peer {
    uint8_t node;
    bool connected;
    uint64_t match;    /* Leader only: durable there up to this entry */
    uint64_t heard_ns; /* Since its last message; UINT64_MAX: never */
};

/* Of what one client address, or one label, may take only a part. */
enum lk_share_of {
    LK_SHARE_NONE = 0, /* Nobody has any. */
    LK_SHARE_SESSIONS = 1,
    LK_SHARE_HOLDS = 2, /* Locks held and waited for */
    LK_SHARE_WAITS = 3,
    LK_SHARE_ANSWERS = 4, /* Remembered for repeated requests, and room kept for some */
    LK_SHARE_NAME_BLOCKS = 5,
    LK_SHARE_CONNECTIONS = 6 /* To that node */
};

/* Who has the largest part of what one of them may have, and of what. */
struct lk_share {
    enum lk_share_of of;
    uint32_t used;
    uint32_t limit;
    char who[LK_LABEL_MAX + 1]; /* The address or the label, with a final NUL */
};

/* A name for scripts: "sessions", "name_blocks"; "none". Never NULL. Any thread. */
LK_API const char *lk_share_name(enum lk_share_of of);

/* The status of one node. Set all to zero, and `size` to the size of the struct. */
struct lk_node_status {
    size_t size;
    uint8_t node; /* Its id */
    enum lk_role role;
    uint8_t leader; /* Id of the leader it knows; 0: none */
    enum lk_condition condition;
    /*
     * Bit set of the ids that the condition is about. LK_CONDITION_NOT_BOOTSTRAPPED: it has
     * no connection with them. LK_CONDITION_NO_COMMIT: they have not written what it sent.
     * LK_CONDITION_UPGRADE_OPEN, of a leader: they do not know a later version, or are not
     * connected.
     */
    uint64_t missing;
    uint64_t cluster; /* Id of the cluster; 0: not bootstrapped yet */
    uint64_t term;
    uint64_t commit;       /* Entries of the log: committed, ... */
    uint64_t applied;      /* ... applied, ... */
    uint64_t last;         /* ... there, ... */
    uint64_t durable;      /* ... durable on this node */
    uint64_t commit_heard; /* What the cluster has committed, as far as it knows */
    uint64_t write_age_ns; /* How long its oldest write is under way; 0: none is */
    uint32_t segments;     /* Of its log, in use */
    uint32_t segments_max; /* ... and how many it may have */
    uint64_t time_ns;      /* Cluster time */
    uint64_t digest;       /* Of the lock state at `applied`: equal on all nodes */
    uint64_t uptime_ns;
    uint32_t sessions;
    uint32_t locks;
    uint32_t holds;
    uint32_t waits;
    uint32_t connections;
    uint64_t requests;     /* Since start, as all that follow */
    uint64_t refused_busy; /* Of these, refused with LK_STATUS_BUSY */
    uint64_t bad_frames;   /* Connections closed for nonsense */
    uint64_t elections;    /* Times it became leader */
    /* Lines of its log that were lost, because nobody read its standard error */
    uint64_t lines_dropped;
    uint32_t peer_count;
    struct lk_peer peers[LK_PEERS_MAX];
    char version[64];
    /* Of a leader: entry built to durable on a majority, ns; and commands in an entry. */
    uint64_t commit_latency[LK_BUCKET_COUNT];
    uint64_t entry_commands[LK_BUCKET_COUNT];
    /* How full it is: beside the counts above, and the most that there may be of each. */
    uint32_t answers; /* Remembered for repeated requests, and room kept for some */
    uint32_t name_blocks;
    uint32_t sessions_max;
    uint32_t locks_max;
    uint32_t holds_max;
    uint32_t waits_max;
    uint32_t answers_max;
    uint32_t name_blocks_max;
    uint32_t connections_max; /* Of that node, those between nodes included */
    /* Snapshots of the lock state, and the log behind them. */
    uint64_t log_first;       /* The first entry that its log still has; 0: it has none */
    uint64_t snapshot;        /* Index of its newest snapshot; 0: there is none */
    uint64_t snapshot_bytes;  /* Of that one's file */
    uint64_t snapshot_age_ns; /* Since it was made, or since the node's start */
    uint64_t
            snapshot_taken_ns; /* How long the last one that it took itself took; 0: none */
    uint64_t bad_reads; /* Since start, of its log: an error, or not what was written */
    /* Who has most of what one client address, or one label, may have in the cluster */
    struct lk_share address_share;
    struct lk_share label_share;
    struct lk_share connection_share; /* ... and of the connections to that node */
    /* Which version the cluster uses, as far as it knows; 0: it is not bootstrapped. */
    uint32_t cluster_version;
    uint32_t version_least; /* Which versions its program knows */
    uint32_t version_most;
};

/*
 * Query node `number` of the list, on a separate connection, for its status; works without
 * a majority and in every mode. Blocks for up to `wait_ns`. LK_STATUS_UNKNOWN: no answer,
 * lk_last_error() says why. Any thread.
 */
LK_API LK_MUST_USE enum lk_status lk_query_status(const struct lk_client *client,
        uint32_t number, uint64_t wait_ns, struct lk_node_status *status);

/*
 * What a node measures of its work. A batch of requests becomes one log entry. For a
 * leader, LK_STAGE_QUEUE, LK_STAGE_REPLICATE and LK_STAGE_ANSWER follow one another;
 * LK_STAGE_WRITE runs beside LK_STAGE_REPLICATE, and LK_STAGE_APPLY is part of
 * LK_STAGE_ANSWER. Followers have LK_STAGE_WRITE, LK_STAGE_APPLY and LK_STAGE_TURN.
 */
enum lk_stage {
    LK_STAGE_QUEUE = 0, /* First request of an entry received, to entry handed on; ns */
    LK_STAGE_WRITE = 1, /* Handed to the disk, to durable there; ns */
    /* Handed to the disk and the others, to durable on a majority; ns */
    LK_STAGE_REPLICATE = 2,
    LK_STAGE_APPLY = 3,  /* Applying what is committed, and writing the answers; ns */
    LK_STAGE_ANSWER = 4, /* Committed, to the kernel having the entry's last answer; ns */
    LK_STAGE_TURN = 5,   /* One turn of the loop, without waiting; ns */
    LK_STAGE_ENTRY_COMMANDS = 6, /* Requests in an entry */
    LK_STAGE_ENTRY_BYTES = 7,
};

/* What a node counts, since its start. */
enum lk_sum {
    LK_SUM_APPLIED = 0,      /* Entries applied */
    LK_SUM_SYSTEM_CALLS = 1, /* Of io_uring_enter */
    LK_SUM_RECEIVED = 2,     /* Bytes from clients and nodes */
    LK_SUM_SENT = 3,         /* Bytes to clients and nodes */
    LK_SUM_LOGGED = 4,       /* Bytes of entries */
    LK_SUM_WRITTEN = 5,      /* Bytes written to disk: of entries, and padding */
    LK_SUM_WRITES = 6,       /* Writes to disk */
};

enum {
    LK_STAGE_COUNT = 8, /* Measured and counted now, ... */
    LK_SUM_COUNT = 7,
    LK_STAGES_MAX = 16, /* ... and the room for them */
    LK_SUMS_MAX = 16
};

struct lk_histogram {
    uint64_t greatest; /* Exact; 0 when nothing was counted */
    uint64_t buckets[LK_BUCKET_COUNT];
};

/*
 * Where a node's time went since its start; subtract two readings for the time between. Set
 * all to zero, and `size` to the size of the struct. There is room for what later versions
 * measure and count.
 */
struct lk_node_stages {
    size_t size;
    uint64_t uptime_ns;
    struct lk_histogram stages[LK_STAGES_MAX]; /* By enum lk_stage */
    uint64_t sums[LK_SUMS_MAX];                /* By enum lk_sum */
};

/*
 * Query node `number` of the list for where its time goes, as lk_query_status() does. A
 * node whose version does not support this closes the connection: LK_STATUS_UNKNOWN.
 */
LK_API LK_MUST_USE enum lk_status lk_query_stages(const struct lk_client *client,
        uint32_t number, uint64_t wait_ns, struct lk_node_stages *stages);

/* What an operator may ask of the cluster; lockctl's commands are these. */
enum lk_admin_kind {
    LK_ADMIN_UPGRADE_STATUS = 1,   /* Which versions the members know, and which is used */
    LK_ADMIN_UPGRADE_FINISH = 2,   /* Use the version that all members know from now on. */
    LK_ADMIN_UPGRADE_AFTER = 3,    /* Do so by itself after `number` ns; 0: never */
    LK_ADMIN_MEMBERS = 16,         /* Show the members. */
    LK_ADMIN_MEMBERS_ADD = 17,     /* `node`, at the address `text`; flags: 1: a learner */
    LK_ADMIN_MEMBERS_REMOVE = 18,  /* `node` */
    LK_ADMIN_MEMBERS_REPLACE = 19, /* `node`, whose incarnation `number` is to go */
    LK_ADMIN_MEMBERS_MOVE = 20,    /* `node`, to the address `text` */
    LK_ADMIN_MEMBERS_PROMOTE = 21, /* `node`, a learner that stays one until then */
    LK_ADMIN_TRANSFER = 22,        /* `node` is to lead; 0: anybody but node `number` */
};

/* Set all to zero, and `size` to the size of the struct. */
struct lk_admin_request {
    size_t size;
    enum lk_admin_kind kind;
    uint8_t node;   /* The member that it is about; 0: none */
    uint32_t flags; /* The kind says what these mean; most use none of them. */
    uint64_t number;
    const char *text; /* NULL: empty */
};

enum lk_admin_result {
    LK_ADMIN_DONE = 0,    /* It is so now: committed, or it was so before. */
    LK_ADMIN_NOT_NOW = 1, /* Something that can change is against it; nothing was done. */
    LK_ADMIN_NEVER = 2,   /* It can never be done like this, or not by this version. */
    LK_ADMIN_NOT_LEADER = 3, /* No leader was found; below is what one node sees. */
    LK_ADMIN_UNDER_WAY = 4,  /* It was begun and is not done: ask again. */
};

/* A member of the cluster as the node that answers sees it. */
struct lk_member {
    uint8_t node;
    uint8_t role;   /* 0: votes, 1: learner, 2: learner that stays one; later: others */
    bool connected; /* With the node that answers */
    uint64_t incarnation;   /* Of its data directory; 0: not known */
    uint64_t match;         /* Durable there up to this entry; a leader knows it */
    uint64_t heard_ns;      /* Since its last message; UINT64_MAX: never */
    uint32_t version_least; /* The versions that it knows; 0: it was not heard yet */
    uint32_t version_most;
    char address[264];
    char program[72];     /* The version of its program; "" if it is not known */
    uint64_t reserved[4]; /* 0: room for what later versions say */
};

enum {
    LK_MEMBERS_MAX = 16 /* Room for members in an answer */
};

/* Set all to zero, and `size` to the size of the struct. */
struct lk_admin_answer {
    size_t size;
    enum lk_admin_result result;
    uint8_t node;               /* Who answered */
    uint8_t leader;             /* Who leads; 0: none known */
    char sentence[512];         /* For people: what was done, or why not and what to do */
    uint32_t version;           /* Which the cluster uses; 0: not bootstrapped yet */
    uint32_t version_next;      /* Which all members know */
    uint64_t upgrade_after_ns;  /* When it will be used without a request; 0: never */
    uint64_t upgrade_waited_ns; /* For how long all members have known it */
    uint32_t member_count;
    struct lk_member members[LK_MEMBERS_MAX];
};

/*
 * Ask the cluster what an operator asks: finds the leader, by way of any node of the list,
 * and waits up to `wait_ns` for one. LK_OK: an answer came, and `answer->result` is the
 * result. Requests say what is to be, so a repeated one does no harm. LK_STATUS_UNKNOWN: no
 * node answered in time, and it may or may not have happened. Any thread.
 */
LK_API LK_MUST_USE enum lk_status lk_admin(const struct lk_client *client, uint64_t wait_ns,
        const struct lk_admin_request *request, struct lk_admin_answer *answer);

enum lk_backup_result {
    LK_BACKUP_PIECE = 0,  /* The piece is here; none of `bytes`: that was the last one. */
    LK_BACKUP_WAIT = 1,   /* The node prepares it: ask again, a moment later. */
    LK_BACKUP_BUSY = 2,   /* Somebody else takes a backup of this node: ask again. */
    LK_BACKUP_GONE = 3,   /* The node has removed that snapshot: begin anew. */
    LK_BACKUP_NONE = 4,   /* The node has no state of its own: ask another one. */
    LK_BACKUP_FAILED = 5, /* The node cannot write or read the file: see its log. */
};

enum {
    LK_BACKUP_PIECE_MAX = 56 * 1024
};

/*
 * A piece of a backup. Set all to zero and `size` to the size of the struct: that begins. For
 * the next piece set `offset` behind this one, and leave the rest.
 */
struct lk_backup_piece {
    size_t size;
    enum lk_backup_result result;
    uint8_t node;        /* Who answered */
    uint64_t index;      /* Of the snapshot; 0: a new one is wanted */
    uint64_t file_bytes; /* Of the whole backup */
    uint64_t offset;     /* Of this piece, */
    uint32_t bytes;      /* ... and how long it is */
    unsigned char piece[LK_BACKUP_PIECE_MAX];
};

/*
 * Read the piece of a backup that `piece->index` and `piece->offset` name, from node `number`
 * of the list. With index 0 the node takes a snapshot of all that it has applied. After that
 * ask for one piece after the other, up to and including the offset `file_bytes`, where there
 * is none. What the pieces make is a file for `lockd --restore`; `lockctl backup` writes and
 * verifies one. It has the secrets of the cluster's sessions in it. LK_STATUS_UNKNOWN: no
 * answer in time, or the node's version does not support this; ask again for the same piece,
 * which `piece` still names. Any thread.
 */
LK_API LK_MUST_USE enum lk_status lk_backup(const struct lk_client *client, uint32_t number,
        uint64_t wait_ns, struct lk_backup_piece *piece);

/* Bucket `n` counts values in [lk_bucket_begin(n), lk_bucket_begin(n + 1)). Any thread. */
LK_API uint64_t lk_bucket_begin(uint32_t bucket);

/* ---- The same calls for an event loop (LK_FLAG_EXTERNAL_LOOP) ---- */

/*
 * The descriptor to poll for reading: also readable when a timer is due, or requests were
 * queued since the last lk_process(). It belongs to the client; do not read or close it.
 */
LK_API int lk_fd(const struct lk_client *client);

/*
 * Do all work that is due: receive, send keepalives, make callbacks, and then send together
 * all requests queued since the last call, including those of the callbacks. Never blocks,
 * may be called at any time, but not from a callback. LK_STATUS_INVALID without
 * LK_FLAG_EXTERNAL_LOOP; LK_STATUS_LOST after fork.
 */
LK_API enum lk_status lk_process(struct lk_client *client);

/* The result of an asynchronous call. */
struct lk_result {
    enum lk_status status;
    struct lk_session *session; /* NULL for queries and lists */
    struct lk_grant grant;      /* Acquire with LK_OK; else zero */
    uint64_t tag;               /* Acquire: from its options */
};

/*
 * Each queues what the blocking call of its name does, and returns at once. LK_OK: `done`
 * will be called. LK_STATUS_BUSY: `requests_max` requests are without an answer.
 * LK_STATUS_LOST, LK_STATUS_INVALID: nothing was queued, `done` will not be called.
 *
 * A session may be used as soon as lk_session_open_async() has returned it: its requests
 * wait until it is open. If opening fails, `done` gets the status, and the handle returns
 * LK_STATUS_LOST until it is closed. After lk_session_close_async() a handle is invalid;
 * `done` gets it only for comparison. `lock` and `list` must stay valid until `done` is
 * called.
 */
LK_API LK_MUST_USE enum lk_status lk_session_open_async(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session,
        struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_session_close_async(
        struct lk_session *session, struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_acquire_async(struct lk_session *session,
        const char *name, size_t name_len, const struct lk_acquire_options *options,
        struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_release_async(struct lk_session *session,
        const char *name, size_t name_len, uint64_t token, struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_release_all_async(struct lk_session *session,
        const char *name, size_t name_len, uint64_t token, struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_query_async(struct lk_client *client, const char *name,
        size_t name_len, struct lk_lock *lock, struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_list_page_async(
        struct lk_client *client, struct lk_list *list, struct lk_done done);

/* ---- Testing loss ---- */

/*
 * Lose this session on purpose, to test what the program does then: it is suspended, then
 * lost, with both events and LK_REASON_REHEARSED; others get its locks. Any thread.
 */
LK_API enum lk_status lk_test_lose(struct lk_session *session);

#ifdef __cplusplus
}
#endif

#endif
