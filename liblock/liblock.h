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
 * A *client* is the connection to the cluster; it finds the leader and follows it. A *session*
 * is the identity that holds: it lives as long as the cluster hears of it at least every `ttl`,
 * which the client sees to. Opening a client gives it one session; up to `sessions_max` may
 * share it. A *grant* is proof of one lock: its `token` grows with every grant in the cluster,
 * so a resource that refuses smaller tokens than it has seen is safe against every delay.
 *
 * Who may hold is decided by the cluster; whether one may still believe it is decided here,
 * by lk_check(), from clocks of this machine only and so that it errs towards "no".
 *
 * Two ways to use a client:
 *
 *  - With threads (the default). Calls block and may be made from any number of threads at
 *    once. A keeper thread renews and calls back.
 *  - With LK_EXTERNAL_LOOP: no thread. Calls whose names end in _async are collected and sent
 *    by lk_process(), to be called whenever the descriptor lk_fd() is readable. All of it by
 *    one thread at a time; lk_check() and lk_deadline() by any.
 *
 * Signals: no call is disturbed by one, and SIGPIPE is never raised. Fork: in the child every
 * handle is dead; calls say LK_LOST and touch nothing that is the parent's; lk_close() there
 * only closes the child's copies of descriptors. Exec: descriptors do not survive it. Closing
 * a session or client while other threads wait in it is allowed: they return LK_LOST.
 *
 * Times are nanoseconds. Strings with a length need not end in NUL and are not kept after the
 * call. A struct that begins with `size` is set up by the initializer macro named with it.
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
#define LK_FOREVER     UINT64_MAX /* To wait without a limit */

enum {
    LK_NAME_MAX = 255, /* Bytes of a lock's name; at least 1 */
    LK_LABEL_MAX = 64, /* Bytes of a session's label */
    LK_PORT = 5625,    /* Where a node listens, if an address has no port */
    LK_PAGE_MAX = 64,  /* Locks in one page of lk_list_page() */
    LK_PEERS_MAX = 7,
    LK_BUCKETS = 656, /* Of a histogram, see lk_bucket_begin() */
};

/* ---- What became of a request ---- */

/*
 * What became of a request. A status exists only where a caller can sensibly do something
 * different about it; anything finer is in lk_last_error() and the log. The numbers are part
 * of the ABI: never renumbered, only appended to.
 */
enum lk_status {
    LK_OK = 0,        /* Done, and durable on a majority. */
    LK_TIMEOUT = 1,   /* Others still held it when the wait was over; nothing is queued. */
    LK_UNKNOWN = 2,   /* No answer in time: it may or may not have happened. */
    LK_LOST = 3,      /* The session is over: every lock taken through it is gone. */
    LK_BUSY = 4,      /* More work than is taken, here or there: try later, and slower. */
    LK_INVALID = 5,   /* The arguments can never work; retrying is pointless. */
    LK_CANCELLED = 6, /* lk_cancel() ended it: not granted, and never will be. */
    LK_DEADLOCK = 7,  /* It would wait for its own owner: let go, begin again. */
    LK_STALE = 8,     /* That token does not hold (any more). */
    LK_LIMIT = 9,     /* A capacity of the cluster is met: its operator must act. */
    LK_OLD = 10,      /* Never from this library, which numbers its requests itself. */
    LK_DENIED = 11,   /* The cluster does not take this session's word. */
    LK_WRONG_CLUSTER = 12, /* The nodes belong to another cluster than before. */
    LK_VERSION = 13,       /* The nodes speak another version of the protocol. */
};

/* A short sentence about a status, never NULL. Any thread. */
LK_API const char *lk_status_text(enum lk_status status);

/*
 * Why the last call of this thread that did not say LK_OK did not: a sentence for people,
 * with node and reason where there are any. Within the callback of an asynchronous call: why
 * that one did not. Never NULL; valid until this thread's next call.
 */
LK_API const char *lk_last_error(void);

/* "0.1.0": of the library that runs, not of the header. Any thread. */
LK_API const char *lk_version(void);

/* ---- Belief: may I still act? ---- */

/* What a client may believe of a session or of one lock. */
enum lk_state {
    LK_STATE_HELD = 0,      /* Alive for certain: what was granted is held. */
    LK_STATE_SUSPENDED = 1, /* No renewal in time. Stop acting; HELD may return. */
    LK_STATE_LOST = 2,      /* Over, for ever. */
};

LK_API const char *lk_state_text(enum lk_state state);

/* Why a session was suspended or lost, or a hold ended. */
enum lk_reason {
    LK_REASON_NONE = 0,
    LK_REASON_SILENT = 1,    /* No renewal was acknowledged in time. */
    LK_REASON_EXPIRED = 2,   /* The cluster says: not heard of for its ttl. */
    LK_REASON_CLOSED = 3,    /* Closed by lk_session_close() or lk_close(). */
    LK_REASON_UNKNOWN = 4,   /* The cluster knows no such session (any more). */
    LK_REASON_ENDED = 5,     /* This hold was ended by the cluster. */
    LK_REASON_REHEARSED = 6, /* lk_test_lose() or LOCKD_TEST_LOSE did it. */
};

LK_API const char *lk_reason_text(enum lk_reason reason);

struct lk_client;
struct lk_session;

/* A held lock, by value: copying it copies the claim, not the lock. */
struct lk_grant {
    uint64_t token;       /* Fencing token: strictly grows, over all names. */
    uint64_t deadline_ns; /* CLOCK_BOOTTIME; hold nothing at or after it, unless renewed. */
    uint64_t hold;        /* Where the library keeps it; for lk_check(). */
};

/*
 * May the holder of `grant` still act? LK_STATE_HELD: at the instant when this call read the clock,
 * no conflicting grant existed. LK_STATE_SUSPENDED: not certain, it may become LK_STATE_HELD again.
 * LK_STATE_LOST: released, ended or lost. With a NULL grant: the same of the session as a whole.
 *
 * From memory, at the price of reading the clock; no lock is taken. Any thread, at the same
 * time as anything but lk_close(); from callbacks and signal handlers too. The grant of a
 * session that was closed is LK_STATE_LOST until the client is closed.
 */
LK_API enum lk_state lk_check(
        const struct lk_session *session, const struct lk_grant *grant);

/*
 * Until when lk_check() says LK_STATE_HELD if nothing more is heard (CLOCK_BOOTTIME); it moves with
 * every renewal. 0 unless it says LK_STATE_HELD now. As lk_check() in all else.
 */
LK_API uint64_t lk_deadline(const struct lk_session *session, const struct lk_grant *grant);

/* ---- Open and close ---- */

/* What happened to a session, or to one hold of it. */
struct lk_event {
    struct lk_session *session;
    void *session_user;  /* From its options */
    enum lk_state state; /* What holds now */
    enum lk_reason reason;
    uint64_t token; /* 0: the session with all it held. Else only this hold is gone. */
};

enum lk_log_level {
    LK_LOG_ERROR = 0,
    LK_LOG_WARNING = 1,
    LK_LOG_INFO = 2,
    LK_LOG_DEBUG = 3
};

enum lk_flag {
    LK_EXTERNAL_LOOP = 1, /* No thread: see "The same calls for an event loop". */
    LK_NO_SESSION = 2,    /* Open no session and wait for nobody: for queries and status. */
};

struct lk_options {
    size_t size;
    /*
     * The nodes: "host", "host:port", "[v6]:port", separated by commas, each with or without
     * "ID=" in front as lockd's --cluster has it. NULL: from the environment, LOCKD_CLUSTER.
     * One that lives is enough; the others are learned.
     */
    const char *nodes;
    uint32_t flags;           /* enum lk_flag */
    uint32_t sessions_max;    /* At once through this client, the first included */
    uint32_t requests_max;    /* Without an answer or a grant, at once; more are LK_BUSY */
    uint32_t holds_max;       /* Held at once, all sessions together; more are LK_BUSY */
    uint64_t ttl_ns;          /* The cluster gives the locks on after this long a silence */
    uint64_t grace_ns;        /* SUSPENDED becomes LOST after this; 0: at once */
    uint64_t min_usable_ns;   /* A grant has at least this left when given; 0: ttl / 4 */
    uint64_t answer_wait_ns;  /* Limit of calls that have none of their own (lk_open too) */
    uint64_t connect_wait_ns; /* For one node, before the next is tried */
    const char *label;        /* Shown with the locks of the first session; NULL: none */
    void *session_user;       /* For the events of the first session */
    /*
     * Called when a session is suspended, held again, lost, or loses one hold; per session in
     * that order. On the keeper thread, or within lk_process(); one at a time. Allowed
     * in it: lk_check, lk_deadline, lk_session_id, the texts, and with LK_EXTERNAL_LOOP every
     * _async call. Blocking calls say LK_INVALID. Renewing may wait for it: return soon.
     */
    void (*on_event)(void *user, const struct lk_event *event);
    /*
     * Called with one line, without a line feed, for each event of the connection that is
     * worth telling. On whatever thread found it, one at a time; it must not call liblock.
     */
    void (*on_log)(void *user, enum lk_log_level level, const char *line);
    void *user;                  /* For both */
    enum lk_log_level log_level; /* Nothing less urgent is told */
};

/* clang-format off */
#define LK_OPTIONS_INIT {                                                       \
    sizeof(struct lk_options), NULL, 0, 1024, 4096, 65536, 10 * LK_SECOND,      \
    45 * LK_SECOND, 0, 5 * LK_SECOND, LK_SECOND / 2, NULL, NULL, NULL, NULL,    \
    NULL, LK_LOG_INFO }
/* clang-format on */

/*
 * Open a client, and with it a session. Returns when the session is open, or after
 * `answer_wait_ns` with LK_UNKNOWN when no leader was found until then; `*client` is NULL on
 * everything but LK_OK. Names in the list of nodes are resolved off the caller's thread.
 *
 * With LK_EXTERNAL_LOOP it returns at once; what is asked of the first session is kept until
 * it is open. With LK_NO_SESSION it returns at once, too.
 *
 * LK_INVALID: lk_last_error() says which option. LK_LIMIT: no room for one more session.
 *
 * LOCKD_TEST_LOSE=SECONDS in the environment makes each session of the program lose its
 * locks that long after it was opened, as lk_test_lose() does.
 */
LK_API LK_MUST_USE enum lk_status lk_open(
        const struct lk_options *options, struct lk_client **client);

/*
 * Close all sessions, so that others get their locks at once, and free the client. Waits for
 * the cluster to hear it, at most a second; sessions it has not heard of then expire. Threads
 * that wait in calls return LK_LOST before this does; callbacks of asynchronous calls that
 * are still owed are made in it, with LK_LOST. All handles are dead afterwards. NULL is
 * allowed. Not from a callback.
 */
LK_API void lk_close(struct lk_client *client);

/* The session that came with the client; NULL with LK_NO_SESSION. */
LK_API struct lk_session *lk_client_session(struct lk_client *client);

struct lk_session_options {
    size_t size;
    uint64_t ttl_ns;   /* 0: as in the client's options */
    const char *label; /* NULL: none */
    void *user;        /* For its events */
};

#define LK_SESSION_OPTIONS_INIT                          \
    {                                                    \
        sizeof(struct lk_session_options), 0, NULL, NULL \
    }

/* One more session; `options` may be NULL. Statuses as of lk_open(); LK_BUSY: sessions_max. */
LK_API LK_MUST_USE enum lk_status lk_session_open(struct lk_client *client,
        const struct lk_session_options *options, struct lk_session **session);

/*
 * Close a session: belief in its locks ends before the request leaves, then the cluster gives
 * them on. The handle is dead when it returns, whatever it returns. LK_UNKNOWN: no answer in
 * `answer_wait_ns`; the client goes on closing it.
 */
LK_API enum lk_status lk_session_close(struct lk_session *session);

/* Its id in the cluster, as lists show it; never used again. 0 while it is not open. */
LK_API uint64_t lk_session_id(const struct lk_session *session);

/* ---- Locks ---- */

/*
 * Acquire the lock `name`, waiting up to `wait_ns` for it; 0 means do not wait, LK_FOREVER
 * without a limit.
 *
 * On LK_OK, `*grant` holds the proof. Its deadline is the session's: counted from when the
 * last renewal that the cluster answered was sent, not from when the answer came, so it errs
 * on the side of letting go early whatever the network did.
 *
 * On LK_UNKNOWN, at the latest a second after `wait_ns`, the library goes on cancelling: what
 * the request may have won is given back as soon as the cluster hears of it, at the latest
 * when the session ends. Calling again is a new request behind that. On every status but
 * LK_OK, `*grant` is zeroed.
 *
 * Blocks the calling thread; any number of threads may share a session. They exclude each
 * other: the owner within the session is the thread. A thread that acquires what it holds
 * itself gets LK_DEADLOCK. `name` is 1 to LK_NAME_MAX bytes.
 */
LK_API LK_MUST_USE enum lk_status lk_acquire(struct lk_session *session, const char *name,
        size_t name_len, uint64_t wait_ns, struct lk_grant *grant);

#define LK_OWNER_DEFAULT \
    UINT64_MAX /* The thread; with _async calls: each request its own */

struct lk_acquire_options {
    size_t size;
    uint64_t wait_ns; /* As for lk_acquire() */
    uint64_t owner;   /* Who holds, within the session: any number below 2^63. Two requests
                          of one owner do not exclude each other if `reentrant`, and are
                          refused with LK_DEADLOCK if not. 0: nobody else's. */
    bool reentrant;   /* Enter again what the owner holds; each entry wants its release. */
    uint64_t tag;     /* For lk_cancel(); 0: none */
};

#define LK_ACQUIRE_OPTIONS_INIT                                                   \
    {                                                                             \
        sizeof(struct lk_acquire_options), LK_FOREVER, LK_OWNER_DEFAULT, false, 0 \
    }

/* lk_acquire() with all that can be said. */
LK_API LK_MUST_USE enum lk_status lk_acquire_with(struct lk_session *session,
        const char *name, size_t name_len, const struct lk_acquire_options *options,
        struct lk_grant *grant);

/*
 * End the acquires of this session that carry `tag` (not 0) and have not returned: they
 * return LK_CANCELLED when the cluster has said it, LK_UNKNOWN after a second without its
 * word, or what else they came to first. LK_STALE: there is none. Does not block; from any
 * thread, with LK_EXTERNAL_LOOP from the loop's.
 */
LK_API enum lk_status lk_cancel(struct lk_session *session, uint64_t tag);

/*
 * Release one entry of exactly the hold that `token` names. Belief ends before the request
 * leaves: from the call on, lk_check() says LK_STATE_LOST when it was the last entry.
 *
 * LK_STALE: the token does not hold any more. LK_UNKNOWN: no answer in `answer_wait_ns`; the
 * library goes on releasing.
 */
LK_API enum lk_status lk_release(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token);

/* Release all entries of that hold. */
LK_API enum lk_status lk_release_all(
        struct lk_session *session, const char *name, size_t name_len, uint64_t token);

/* ---- Scope guard ---- */

/* A lock that is released where its scope ends. */
struct lk_guard {
    enum lk_status status; /* What lk_acquire() said */
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

/* ---- Looking ---- */

/* A lock as the cluster has it. */
struct lk_lock {
    char name[LK_NAME_MAX + 1]; /* NUL behind its last byte */
    size_t name_len;
    uint64_t session; /* The holder; 0: free */
    uint64_t owner;
    uint64_t token;
    uint32_t count;     /* Entries of the owner */
    uint32_t waits;     /* Requests queued */
    uint64_t held_ns;   /* Cluster time since the grant */
    uint64_t remain_ns; /* Cluster time until its session expires, if it is silent */
    char label[LK_LABEL_MAX + 1]; /* Of the holder's session; NUL behind its last byte */
};

/* Where and when something was read. */
struct lk_read {
    bool stale;       /* In: any node's own view will do; works without a majority */
    uint64_t index;   /* Out: the state after this entry of the log, ... */
    uint64_t time_ns; /* ... at this cluster time */
};

/*
 * Who holds the lock `name`? By default linearizable: at least as new as everything that was
 * answered before the call. `read` may be NULL. A lock nobody uses is free: LK_OK, `session` 0.
 */
LK_API LK_MUST_USE enum lk_status lk_query(struct lk_client *client, const char *name,
        size_t name_len, struct lk_lock *lock, struct lk_read *read);

/* A page of the locks in use. */
struct lk_list {
    size_t size;
    const char *prefix; /* In: only names that begin so; NULL: all */
    size_t prefix_len;
    uint64_t cursor; /* In: 0 to begin. Out: for the next page; 0: that was the last */
    struct lk_lock *locks; /* In: room for `room` locks */
    uint32_t room;         /* In: 1 to LK_PAGE_MAX */
    uint32_t count; /* Out: locks filled in; may be less than `room`, or 0, in any page */
    struct lk_read read;
};

#define LK_LIST_INIT                                    \
    {                                                   \
        sizeof(struct lk_list), NULL, 0, 0, NULL, 0, 0, \
        {                                               \
            false, 0, 0                                 \
        }                                               \
    }

/* Take a page. Pages are in no order of names, each read at a moment of its own. */
LK_API LK_MUST_USE enum lk_status lk_list_page(
        struct lk_client *client, struct lk_list *list);

/* The nodes of the client's list, numbered from 0 in its order. */
LK_API uint32_t lk_node_count(const struct lk_client *client);

/* "host:port" of a node of the list; NULL if there is none of that number. */
LK_API const char *lk_node_address(const struct lk_client *client, uint32_t number);

enum lk_role {
    LK_FOLLOWER = 0,
    LK_CANDIDATE = 1,
    LK_LEADER = 2
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
    LK_CONDITION_BEHIND = 7       /* It has applied far less than is committed. */
};

LK_API const char *lk_role_text(enum lk_role role);

/*
 * A condition for scripts ("no-leader"), for people ("knows no leader"; the node is the subject),
 * and what the operator does about it ("" when healthy). Never NULL. Any thread.
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

/* The status of a node: what it says of itself. */
struct lk_node_status {
    uint8_t node; /* Its id */
    enum lk_role role;
    uint8_t leader; /* Id of the leader it knows; 0: none */
    enum lk_condition condition;
    /* LK_CONDITION_NOT_BOOTSTRAPPED: bit set of the ids that it has no connection with */
    uint64_t missing;
    uint64_t cluster; /* Id of the cluster; 0: not founded yet */
    uint64_t term;
    uint64_t commit;  /* Entries of the log: committed, ... */
    uint64_t applied; /* ... applied, ... */
    uint64_t last;    /* ... there, ... */
    uint64_t durable; /* ... durable on this node */
    uint64_t time_ns; /* Cluster time */
    uint64_t digest;  /* Of the lock state at `applied`: equal on all nodes */
    uint64_t uptime_ns;
    uint32_t sessions;
    uint32_t locks;
    uint32_t holds;
    uint32_t waits;
    uint32_t connections;
    uint64_t requests;     /* Since start, as all that follow */
    uint64_t refused_busy; /* Of these, refused with LK_BUSY */
    uint64_t bad_frames;   /* Connections closed for nonsense */
    uint64_t elections;    /* Times it became leader */
    uint32_t peer_count;
    struct lk_peer peers[LK_PEERS_MAX];
    char version[64];
    uint64_t commit_latency
            [LK_BUCKETS]; /* Leader: entry built to durable on a majority, ns */
    uint64_t entry_commands[LK_BUCKETS]; /* Leader: commands in an entry */
};

/*
 * Query node `number` of the list, on a connection of its own, for its status; works
 * without a majority and in every mode. Blocks up to `wait_ns`. LK_UNKNOWN: not reached,
 * lk_last_error() says why. Any thread.
 */
LK_API LK_MUST_USE enum lk_status lk_query_status(const struct lk_client *client,
        uint32_t number, uint64_t wait_ns, struct lk_node_status *status);

/*
 * What a node measures of its work. A batch of requests becomes one entry of the log. For a
 * leader LK_QUEUE, LK_REPLICATE and LK_ANSWER follow one another; LK_WRITE is beside
 * LK_REPLICATE, and LK_APPLY in LK_ANSWER. Followers know LK_WRITE, LK_APPLY and LK_TURN.
 */
enum lk_stage {
    LK_QUEUE = 0,     /* First request of an entry received, to its entry handed on; ns */
    LK_WRITE = 1,     /* Handed to the disk, to durable there; ns */
    LK_REPLICATE = 2, /* Handed to the disk and the others, to durable on a majority; ns */
    LK_APPLY = 3,     /* Applying what is committed, and writing the answers; ns */
    LK_ANSWER = 4,    /* Committed, to the kernel having the entry's last answer; ns */
    LK_TURN = 5,      /* One turn of the loop, without its sleep; ns */
    LK_ENTRY_COMMANDS = 6, /* Requests in an entry */
    LK_ENTRY_BYTES = 7,
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
    LK_STAGES = 8,
    LK_SUMS = 7
};

struct lk_histogram {
    uint64_t greatest; /* Exact; 0 when nothing was counted */
    uint64_t buckets[LK_BUCKETS];
};

/* Where a node's time went since its start; take two readings for the time between. */
struct lk_node_stages {
    uint64_t uptime_ns;
    struct lk_histogram stages[LK_STAGES]; /* By enum lk_stage */
    uint64_t sums[LK_SUMS];                /* By enum lk_sum */
};

/*
 * Query node `number` of the list where its time goes, as lk_query_status() does. A node of a
 * version that cannot say closes the connection: LK_UNKNOWN.
 */
LK_API LK_MUST_USE enum lk_status lk_query_stages(const struct lk_client *client,
        uint32_t number, uint64_t wait_ns, struct lk_node_stages *stages);

/* Bucket `n` counts values in [lk_bucket_begin(n), lk_bucket_begin(n + 1)). Any thread. */
LK_API uint64_t lk_bucket_begin(uint32_t bucket);

/* ---- The same calls for an event loop (LK_EXTERNAL_LOOP) ---- */

/*
 * The descriptor to poll for reading: also readable when a timer is due or something was
 * asked for since the last lk_process(). It is the client's; do not read or close it.
 */
LK_API int lk_fd(const struct lk_client *client);

/*
 * Do all that can be done now: receive, renew, call back, and send everything that was asked
 * for since the last call, and by the callbacks, together. Never blocks, and may be called at
 * any time. Not from a callback. LK_INVALID without LK_EXTERNAL_LOOP; LK_LOST after fork.
 */
LK_API enum lk_status lk_process(struct lk_client *client);

/* What became of an asynchronous call. */
struct lk_result {
    enum lk_status status;
    struct lk_session *session; /* NULL for queries and lists */
    struct lk_grant grant;      /* Acquire with LK_OK; else zero */
    uint64_t tag;               /* Acquire: from its options */
};

/* Whom to tell: called once, in lk_process() or lk_close(), if the call returned LK_OK. */
struct lk_done {
    void (*call)(void *user, const struct lk_result *result); /* NULL: tell nobody */
    void *user;
};

/*
 * Each asks for what the blocking call of its name does, and returns at once. LK_OK: it was
 * taken, `done` will be called. LK_BUSY: as many as `requests_max` are without an answer.
 * LK_LOST, LK_INVALID: nothing was asked for, `done` will not be called.
 *
 * A session may be used as soon as lk_session_open_async() has returned it: what is asked of
 * it before it is open waits. If opening fails, `done` is told so and the handle says LK_LOST
 * until it is closed. From lk_session_close_async() on a handle is dead; `done` gets it to
 * compare only. `lock` and `list` must live until `done` is called.
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
LK_API LK_MUST_USE enum lk_status lk_query_async(struct lk_client *client, const char *name,
        size_t name_len, struct lk_lock *lock, struct lk_done done);
LK_API LK_MUST_USE enum lk_status lk_list_page_async(
        struct lk_client *client, struct lk_list *list, struct lk_done done);

/* ---- Rehearsal ---- */

/*
 * Lose this session on purpose, to test what the program does then: it is suspended, then
 * lost, with both events and LK_REASON_REHEARSED; the cluster gives its locks on. Any thread.
 */
LK_API enum lk_status lk_test_lose(struct lk_session *session);

#ifdef __cplusplus
}
#endif

#endif
