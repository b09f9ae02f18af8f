/*
 * All that a client decides: which node to use, what to send and send again, what to
 * believe.
 *
 * core is pure, as lockd's node is: it receives what happened and what the clocks read, and
 * says what to do. A shell (one of liblock's two, or the simulator) drives it like this:
 *
 *     core_submit(...), core_cancel(...)       what the program wants, any number of times
 *     core_step(core, &event, &effects)        then at least one step; an event or CORE_TIME
 *     close, connect, send as `effects` say
 *     core_next_event(...)                     until false: what became of sessions and holds
 *     core_next_completion(...)                until false: what became of requests
 *     core_next_notice(...)                    until false: what is worth a line in a log
 *
 * Nothing is sent before the step, so all that was submitted in between leaves together.
 *
 * One connection at a time, to the leader or on the way to it. Requests have numbers in
 * their session. On a new connection they are sent again with the same number until they
 * are answered, and the cluster does each of them exactly once [G6]. Only answers that were
 * applied extend the belief in a session, counted from the step that encoded the request
 * [G3, G4].
 *
 * Sessions, requests and holds have handles, which are never 0. Memory is carved once. A
 * call that does not fit is refused with STATUS_BUSY when it is submitted, and never later.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/belief.h"
#include "protocol/frame.h"
#include "protocol/hello.h"
#include "protocol/read.h"
#include "protocol/request.h"
#include "protocol/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CORE_NODES_MAX = 16, /* Nodes listed and learned */
    CORE_NOTICES_MAX = 64,
    CORE_READ_BYTES_MAX = FRAME_CLIENT_BODY_MAX, /* Room that any read's answer fits in */
};

struct core_node {
    uint8_t id;                          /* 0: not said in the list */
    char address[ADDRESS_BYTES_MAX + 1]; /* host:port, NUL-terminated */
};

struct core_settings {
    struct core_node nodes[CORE_NODES_MAX]; /* As listed */
    uint32_t node_count;
    uint32_t sessions_max;
    uint32_t requests_max;
    uint32_t holds_max;
    uint32_t window; /* Numbers of a session in use at once; at most REQUEST_WINDOW */
    /* Answers a node owes at once: it closes the connection of a slow reader */
    uint32_t owed_max;
    uint32_t output_bytes;    /* Not yet sent; more waits */
    uint64_t grace_ns;        /* SUSPENDED to LOST */
    uint64_t min_usable_ns;   /* 0: a quarter of the session's ttl */
    uint64_t connect_wait_ns; /* For a connection, and again for the node's first frame */
    /*
     * If a node owes an answer and sends nothing for this long, the client goes to another
     * node; twice as long each time, up to the greatest.
     */
    uint64_t silence_min_ns;
    uint64_t silence_max_ns;
    /* Between two tries, with jitter, doubling up to the greatest. */
    uint64_t retry_min_ns;
    uint64_t retry_max_ns;
};

/* Defaults for all but the nodes: 1024 sessions, 4096 requests, 65536 holds. */
void core_settings_default(struct core_settings *settings);

/* ---- Calls ---- */

enum core_call_kind {
    /* ttl_ns, name: the label, secret, session_user. Its session is usable at once. */
    CORE_OPEN,
    CORE_CLOSE,   /* session: its handle is the caller's until the completion, then gone */
    CORE_ACQUIRE, /* session, name, wait_ns, owner, reentrant, tag */
    CORE_RELEASE, /* session, name, token, all */
    CORE_QUERY,   /* name, stale, asker, room */
    CORE_LIST,    /* name: the prefix, cursor, limit, stale, room */
};

/* Fields that a kind does not name are not read. Nothing in it is kept but `room`. */
struct core_call {
    enum core_call_kind kind;
    uint32_t session;
    void *user; /* Comes back with the completion */
    struct span name;
    uint64_t wait_ns; /* ACQUIRE: of cluster time, and watched here. WAIT_FOREVER. */
    uint64_t owner;
    uint64_t tag; /* For core_cancel_tag(); 0: none */
    bool reentrant;
    bool patient; /* ACQUIRE: BUSY is waited out, until the limit at most */
    bool all;     /* RELEASE: every entry */
    uint64_t token;
    uint64_t ttl_ns;
    unsigned char secret[SECRET_BYTES]; /* From the system's source of randomness */
    void *session_user;
    bool stale;
    uint64_t asker; /* QUERY: the id of a session, for its place in the queue; 0: none */
    uint64_t cursor;
    uint16_t limit;
    uint64_t limit_ns; /* All but ACQUIRE: BOOTTIME at which to say STATUS_UNKNOWN */
    /*
     * QUERY and LIST: the answer's lock_views are put here as they came; the caller's
     * memory until the completion. CORE_READ_BYTES_MAX is always enough; LIST with less:
     * INVALID.
     */
    unsigned char *room;
    size_t room_bytes;
};

struct core;

struct core *core_carve(struct arena *arena, const struct core_settings *settings);

/* `seed` is for jitter only, never for secrets. */
void core_init(struct core *core, const struct core_settings *settings, uint64_t seed);

/*
 * Submit a call. STATUS_OK: it is accepted, and `*request` names it until its completion
 * was fetched; OPEN's session is core_opened(). On every other status nothing was accepted:
 * STATUS_BUSY (no room; or it is an acquire that is not patient, and the leader refused one
 * for load some milliseconds ago), STATUS_LOST (the session is over; or what its OPEN was
 * refused with), STATUS_WRONG_CLUSTER (core_is_foreign()), STATUS_INVALID. If the call gives up
 * a hold or a session, belief in it ends here, before anything is sent. `request` may be NULL.
 */
enum status core_submit(struct core *core, const struct core_call *call, struct clocks now,
        uint32_t *request);

/* The session that the last successful CORE_OPEN made. */
uint32_t core_opened(const struct core *core);

/*
 * End an acquire, as if its wait were over now. It completes with STATUS_CANCELLED, or with
 * the outcome that it had before. False if it has completed (or is no acquire).
 */
bool core_cancel(struct core *core, uint32_t request, struct clocks now);

/*
 * End any request now, as if its limit had passed and nothing had been heard of it: it
 * completes with STATUS_UNKNOWN, or with the outcome that it had before. Memory of the caller
 * that it refers to is not touched after the completion. False if it has completed.
 */
bool core_expire(struct core *core, uint32_t request, struct clocks now);

/* Cancel all acquires of the session that carry the tag. Returns how many. */
uint32_t core_cancel_tag(
        struct core *core, uint32_t session, uint64_t tag, struct clocks now);

/* Lose the session on purpose: it becomes SUSPENDED, then LOST, and is closed. */
void core_lose(struct core *core, uint32_t session, struct clocks now);

/* ---- Steps ---- */

enum core_event_kind {
    CORE_TIME, /* Only time passed */
    /* What `connect` asked for; random: fresh, for secrets that are sent again. */
    CORE_CONNECTED,
    CORE_CONNECT_FAILED, /* number: errno, or 0 */
    CORE_CLOSED,         /* By the other end, or a socket error; number: errno, or 0 */
    CORE_RECEIVED,       /* bytes, count */
    CORE_SENT, /* count: as core_sent(), and a step: for when effects were `full` */
};

struct core_event {
    enum core_event_kind kind;
    struct clocks now; /* Read before the step; what it encodes counts as sent then */
    int number;
    const void *bytes;
    size_t count;
    unsigned char random[SECRET_BYTES];
};

/* In this order: close, connect, send. Valid until the next submit, cancel or step. */
struct core_effects {
    bool close;   /* End the connection, or the attempt at one; no CORE_CLOSED follows */
    bool connect; /* To `node`; one of CONNECTED and CONNECT_FAILED follows */
    const struct core_node *node;
    uint32_t node_number;      /* In the list; learned ones come after it */
    const unsigned char *send; /* All that is not yet sent; the whole of it, each time */
    size_t send_bytes;
    bool full; /* More is to be sent than fits: step again when some of it has left */
    uint64_t deadline_ns; /* BOOTTIME: step at the latest then */
};

void core_step(
        struct core *core, const struct core_event *event, struct core_effects *effects);

/*
 * The first `count` bytes of what the last step gave to send have left. A step is needed
 * only if the effects were `full`: nothing else follows from it.
 */
void core_sent(struct core *core, size_t count);

/* ---- What came out; to be fetched after each step ---- */

struct core_completion {
    uint32_t request;
    enum core_call_kind kind;
    void *user;
    enum status status;
    uint8_t detail;   /* STATUS_LIMIT: enum limit */
    uint32_t session; /* OPEN that failed: still to be closed. 0 for reads */
    uint64_t tag;
    uint64_t token;          /* ACQUIRE, granted */
    uint32_t hold;           /* ... and its place in core_hold_beliefs() */
    uint64_t until_ns;       /* ... and believable until (BOOTTIME) */
    struct read_answer read; /* QUERY, LIST */
    size_t read_bytes;       /* Of lock_views in `room` */
};

bool core_next_completion(struct core *core, struct core_completion *completion);

/* The numbers are those of enum lk_reason. */
enum core_reason {
    CORE_REASON_NONE = 0,
    CORE_REASON_SILENT = 1,
    CORE_REASON_EXPIRED = 2,
    CORE_REASON_CLOSED = 3,
    CORE_REASON_UNKNOWN = 4,
    CORE_REASON_ENDED = 5,
    CORE_REASON_REHEARSED = 6,
    CORE_REASON_WRONG_CLUSTER = 7,
};

/*
 * A session's state changed, or one of its holds ended and the program had not asked for
 * it.
 */
struct core_session_event {
    uint32_t session;
    void *session_user;
    enum belief_state state;
    enum core_reason reason;
    uint64_t token; /* 0: the session. Else this hold is gone. */
};

bool core_next_event(struct core *core, struct core_session_event *event);

enum core_notice_kind {
    CORE_NOTICE_CONNECTING,     /* node */
    CORE_NOTICE_CONNECT_FAILED, /* node; number: errno, 0: no answer in time */
    CORE_NOTICE_CLOSED,         /* node; number: errno */
    CORE_NOTICE_LEADER,         /* node leads: requests go there now; number: its id */
    CORE_NOTICE_NO_LEADER,      /* node knows no leader */
    CORE_NOTICE_REDIRECT,       /* node says that node id `number` leads */
    CORE_NOTICE_REFUSED,        /* node; number: enum refusal, but not REFUSED_VERSION */
    CORE_NOTICE_NONSENSE,       /* node; number: enum frame_fault, or 0: a body */
    CORE_NOTICE_SILENT,         /* node owes an answer; the client goes to another */
    CORE_NOTICE_WRONG_CLUSTER,  /* node belongs to cluster `number` */
    /* node knows none of our versions; number: its least << 16 | its most, 0: not told */
    CORE_NOTICE_VERSION,
};

struct core_notice {
    enum core_notice_kind kind;
    uint32_t node; /* Number */
    uint64_t number;
};

bool core_next_notice(struct core *core, struct core_notice *notice);

/* ---- Looking; any time between steps ---- */

/* The last thing that went wrong with a node since it last worked; false: nothing. */
bool core_node_trouble(
        const struct core *core, uint32_t number, struct core_notice *trouble);
const struct core_node *core_node_at(const struct core *core, uint32_t number);
uint32_t core_node_count(const struct core *core);

/* The node that the client uses as leader; false: none now. */
bool core_leader(const struct core *core, uint32_t *number);

/* The id of the cluster it has spoken with; 0: none yet. */
uint64_t core_cluster(const struct core *core);

/*
 * What calls on the session get: STATUS_OK while it is open or being opened; else why not, with
 * the detail of its OPEN's refusal.
 */
enum status core_session_verdict(
        const struct core *core, uint32_t session, uint8_t *detail);

/* The ttl that the session asked for; 0: the session is gone. */
uint64_t core_session_ttl(const struct core *core, uint32_t session);

/* The shortest and the longest ttl that the cluster allows; false: not known yet. */
bool core_ttl_range(const struct core *core, uint64_t *min_ns, uint64_t *max_ns);

/*
 * The cluster of this client's sessions is not there any more: its nodes belong to another one.
 * Until one of ours is met again, every call gets STATUS_WRONG_CLUSTER.
 */
bool core_is_foreign(const struct core *core, uint64_t *ours, uint64_t *theirs);

/* Sessions not yet gone, also those whose CLOSE has not reached the cluster yet. */
uint32_t core_session_count(const struct core *core);
uint64_t core_session_id(
        const struct core *core, uint32_t session); /* 0: not open (or no longer) */
bool core_has_session(const struct core *core, uint32_t session);

/*
 * Records that any thread may read (belief.h): they stay in place as long as the core
 * exists. The number from a hold's completion finds its record; any thread may check that
 * number against the capacity.
 */
const struct session_belief *core_session_belief(const struct core *core, uint32_t session);
const struct hold_belief *core_hold_beliefs(const struct core *core, uint32_t *count);

/* Assert what must hold between steps. For tests. */
void core_check(const struct core *core);

#ifdef __cplusplus
}
#endif

#endif
