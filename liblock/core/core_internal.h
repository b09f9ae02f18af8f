/*
 * What the files of core share: its objects, and who does what.
 *
 *     core.c          memory, the step, what the shell fetches
 *     core_link.c     which node is spoken to: search, redirects, backoff, silence
 *     core_session.c  belief: anchors, windows, HELD and SUSPENDED and LOST, renewals
 *     core_request.c  the life of a request from submit to completion; cancels
 *     core_limit.c    when it has waited long enough
 *     core_send.c     frames out
 *     core_receive.c  frames in
 *
 * A request is in one place at a time, and `link` chains it there:
 *
 *     submit ─> waiting ──> sent ──────────> done
 *               (no number   (numbered, no    (completed, or nobody
 *                yet)         answer)          is to be told)
 *                              │  QUEUED           ^
 *                              v                   │
 *                            queued ──> granted ───┘
 *                                       (its window is too short yet)
 *
 * What was told UNKNOWN stays where it is until the cluster has said what became of it.
 */
#ifndef CORE_CORE_INTERNAL_H
#define CORE_CORE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"
#include "base/prng.h"
#include "base/units.h"
#include "core/core.h"
#include "protocol/answer.h"
#include "protocol/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EVENTS_PER_STEP_MAX = 4, /* State changes of one session in one step */
    SENDINGS_MAX = 256,      /* Keepalive sendings whose instants are remembered */
};

#define CANCEL_SLACK_NS \
    (300 * NS_PER_MS)             /* The cluster's own word on a limit may come so late */
#define UNKNOWN_AFTER_NS NS_PER_S /* After the limit: say UNKNOWN */
#define REST_NS          (50 * NS_PER_MS) /* After BUSY, before what must go out goes again */
/* After BUSY for an acquire, others are refused here for twice as long as it took to come */
#define HUSH_MIN_NS      (5 * NS_PER_MS)
#define HUSH_MAX_NS      (100 * NS_PER_MS)
#define FOLLOW_NS \
    (150 * NS_PER_MS) /* Stay with a node that knows no leader: it will tell */

/* Where a request is. */
enum place {
    PLACE_WAITING, /* OPEN: core->opens. Reads: core->reads. Else a list of its session */
    PLACE_SENT,    /* The same, of those sent */
    PLACE_QUEUED,  /* Acquire: session->queued */
    PLACE_GRANTED, /* Acquire: session->granted */
    PLACE_DONE,    /* Only its completion is still to be fetched */
};

struct core_request {
    struct list_node link;
    struct list_node out;   /* In core->completed */
    struct heap_node timer; /* limit_ns, and what follows from it; in request_timers ... */
    struct list_node limit_link; /* ... or in core->limits */
    uint32_t handle;
    uint32_t session;
    enum core_call_kind kind; /* What was asked */
    uint8_t wire_kind;        /* What it is on the wire now: enum request_kind */
    enum place place;
    bool own;      /* The library's: nobody is told */
    bool told;     /* A completion was queued, or fetched */
    bool indexed;  /* In core->numbers */
    bool promised; /* A hold is kept free for it */
    bool expired;  /* Its limit has passed, or it was cancelled: it is to hold nothing */
    bool doubtful; /* Sent on an earlier connection too: what is refused now may have been done */
    bool stray; /* A CANCEL whose acquire has come to its end without it */
    bool all;
    bool reentrant;
    bool stale;
    enum status final; /* An expired acquire: what to say when the cluster has said it */
    enum status status;
    uint8_t detail;
    uint64_t number; /* In its session; OPEN and reads: the stamp of this sending */
    uint64_t owner;
    uint64_t tag;
    uint64_t wait_ns;
    uint64_t limit_ns; /* BOOTTIME; UINT64_MAX: none */
    uint64_t token;
    uint64_t target; /* CANCEL: the number. RELEASE: the token */
    uint64_t
            released; /* An acquire under way: up to this token its lock was released meanwhile */
    uint64_t granted_change; /* Of the grant that a cancel under way may undo; 0: none */
    uint64_t list_mark;
    uint32_t partner; /* The acquire's CANCEL, and the CANCEL's acquire; 0: none */
    uint32_t hold;    /* Granted: its handle */
    struct clocks sent;
    uint64_t sent_on; /* Serial of the connection; 0: not sent, or refused undone */
    uint64_t cursor;
    uint16_t limit;
    struct read_answer read;
    size_t read_bytes;
    unsigned char *room;
    size_t room_bytes;
    void *user;
    uint8_t name_bytes;
    unsigned char name[NAME_BYTES_MAX];
};

enum phase {
    PHASE_OPENING, /* No id yet */
    PHASE_OPEN,
    PHASE_ENDED, /* LOST, for the program; perhaps still to be closed in the cluster */
};

struct core_session {
    struct list_node dirty_link;   /* In core->dirty: has something to send */
    struct list_node renewal_link; /* In core->renewals: wants a keepalive */
    struct list_node event_link;   /* In core->eventful */
    struct list_node
            rest_link; /* In core->resting: something of it was refused with BUSY */
    struct heap_node timer;
    struct list urgent;   /* Waiting for a number: release, cancel, close */
    struct list acquires; /* Waiting for a number, and for the session to be HELD */
    struct list sent;     /* In the order of numbers; no answer yet */
    struct list queued;
    struct list granted;
    struct list holds;
    uint32_t handle;
    enum phase phase;
    enum belief_state state;
    bool announced;    /* Was HELD once: from now on changes are events */
    bool dismissed;    /* The program closed it: the handle is nobody's */
    bool close_wanted; /* Lives in the cluster, perhaps: to be closed there */
    bool doubted;      /* Not believed in when it ended here: it may have been over */
    bool resend;       /* Some of `sent` are to be sent on this connection */
    bool listing;      /* Part of a list came on this connection, and there is more */
    uint32_t opening;  /* The OPEN that has no completion yet */
    uint32_t closing;  /* The CLOSE that has none */
    uint64_t id;
    uint64_t ttl_ns;
    uint64_t min_usable_ns;
    uint64_t deadline; /* D, cluster time */
    struct clocks until;
    uint64_t seen; /* Changes up to this one are in */
    uint64_t next_number;
    uint64_t renewed_ns; /* BOOTTIME of the last sending that renews */
    uint64_t suspended_ns;
    uint64_t ended_ns;
    uint64_t list_mark; /* Of the list of holds and waits that is being read */
    unsigned char secret[SECRET_BYTES];
    void *user;
    uint8_t event_count;
    struct {
        enum belief_state state;
        enum core_reason reason;
    } events[EVENTS_PER_STEP_MAX];
};

struct core_hold {
    struct list_node link; /* In its session's holds, or core->ended_holds */
    uint32_t handle;
    uint32_t session;
    uint32_t count;   /* Entries that the program knows of */
    uint32_t waiting; /* Entries that were granted and are not yet given to it */
    uint64_t token;
    uint64_t list_mark;
    void *session_user; /* For the event, if it ended */
};

/* A sending and the cluster time of the entry in which it was applied. */
struct anchor {
    bool set;
    struct clocks sent;
    uint64_t applied;
};

struct sending {
    uint32_t batch;
    struct clocks sent;
};

enum link_state {
    LINK_IDLE, /* Until deadline_ns */
    LINK_CONNECTING,
    LINK_GREETING,  /* Our hello is out, no welcome yet */
    LINK_FOLLOWING, /* With a node that does not lead: it will say who does */
    LINK_READY,     /* With the leader */
};

struct link {
    enum link_state state;
    uint32_t node;        /* Spoken to, or the next to be */
    uint8_t node_id;      /* As it said */
    uint64_t serial;      /* Of connections, from 1 */
    uint64_t deadline_ns; /* READY: none */
    uint32_t tries;       /* Since something was answered */
    uint32_t silences;    /* The same */
    uint32_t owed;        /* Answers not yet here */
    uint64_t owed_ns;     /* Since when nothing came though some are owed */
    unsigned char random[SECRET_BYTES];
};

struct known_node {
    struct core_node node;
    bool troubled;
    struct core_notice trouble;
    uint64_t trouble_ns;
};

/* Bytes to send, and the frame being written at their end. */
struct output {
    unsigned char *bytes;
    size_t capacity;
    size_t begin;
    size_t end;
    bool full; /* Something found no room in this step */
    bool frame_open;
    enum frame_kind kind;
    size_t frame_at;
    uint32_t section_session; /* 0: no section open */
    size_t section_at;
    struct section section;
};

struct core {
    struct core_settings settings;
    struct clocks now;
    struct prng prng;

    struct link link;
    struct known_node nodes[CORE_NODES_MAX];
    uint32_t node_count;
    uint64_t cluster;

    struct pool sessions;
    struct map session_ids;
    struct heap session_timers;
    struct session_belief *session_beliefs;
    uint32_t opened; /* The last session made */

    struct pool holds;
    struct map hold_tokens;
    struct hold_belief *hold_beliefs;
    uint32_t promised_count;

    struct pool requests;
    struct map numbers; /* (session, number) to request, of those queued */
    struct heap request_timers;
    struct list limits;   /* Timers that were set in their order: most are */
    uint32_t asked_count; /* Requests that are not the library's own */
    uint32_t stray_count;

    struct list opens;
    struct list opens_sent;
    struct list opens_resting; /* Refused with BUSY */
    struct list reads;
    struct list reads_sent;
    struct list dirty;
    struct list renewals;
    struct list resting;
    uint64_t rest_until_ns; /* UINT64_MAX: nothing rests */
    uint64_t hush_until_ns; /* The leader has too much to do: new acquires are refused */
    struct list completed;
    struct list eventful;
    struct list ended_holds;

    struct anchor anchor;
    struct sending sendings[SENDINGS_MAX];
    uint32_t batch; /* Of the last keepalive sending */
    uint32_t stamp; /* Of the last OPEN or read */
    uint64_t lists_seen;

    struct core_notice notices[CORE_NOTICES_MAX];
    uint32_t notice_begin;
    uint32_t notice_count;

    struct output output;
    uint32_t owed_limit; /* For what is being sent just now */
    struct frame_reader reader;
    unsigned char *input;

    bool close_wanted; /* Effects of this step */
    bool connect_wanted;
};

/* core.c */
void core_notice(struct core *core, enum core_notice_kind kind, uint64_t number);

void core_rest(struct core *core); /* Something was refused with BUSY */

/* core_link.c */
void link_start(struct core *core);
void link_on_connected(struct core *core, const unsigned char *random);
void link_on_failed(struct core *core, enum core_notice_kind why, uint64_t number);
void link_on_welcome(struct core *core, const struct welcome *welcome);
void link_on_refused(struct core *core, const struct refused *refused);
void link_on_leader(struct core *core, const struct leader *leader);
void link_on_not_leader(struct core *core); /* A request was refused so */
void link_on_time(struct core *core);
void link_sent(struct core *core, uint32_t owed); /* That many answers more are owed */
void link_heard(struct core *core);
void link_answered(struct core *core);
uint64_t link_deadline(const struct core *core);

/* core_session.c */
struct core_session *session_at(const struct core *core, uint32_t handle);
struct core_session *session_by_id(const struct core *core, uint64_t id);
struct core_session *session_make(struct core *core, const struct core_call *call);
void session_opened(struct core *core, struct core_session *session, uint64_t id);
void session_event(
        struct core *core, struct core_session *session, enum core_reason reason);
void session_touch(
        struct core *core, struct core_session *session); /* Has something to send */
void session_want_renewal(struct core *core, struct core_session *session);
void session_reschedule(struct core *core, struct core_session *session);
void session_on_time(struct core *core, struct core_session *session);
void session_rest(struct core *core, struct core_session *session);
/* D became known or moved, or the anchor did: work out the window, give what it allows. */
void session_extend(struct core *core, struct core_session *session);
/* It is over for the program. `close`: perhaps not for the cluster, which is to be told. */
void session_end(struct core *core, struct core_session *session, enum core_reason reason,
        bool close);
/* Give the slot back if nobody needs it any more. */
void session_settle(struct core *core, struct core_session *session);
/* The program has no business with it any more. */
void session_dismiss(struct core_session *session);
void session_forget_opening(struct core *core, struct core_request *opening);
void session_lose_on_purpose(struct core *core, struct core_session *session);
void session_link_ready(struct core *core, struct core_session *session);
bool session_can_acquire(const struct core_session *session);
uint64_t session_answered(const struct core_session *session);
uint64_t session_confirmed(const struct core_session *session);
void core_anchor(struct core *core, struct clocks sent, uint64_t applied);
struct core_hold *hold_by_token(const struct core *core, uint64_t token);
struct core_hold *hold_make(
        struct core *core, struct core_session *session, uint64_t token);
void hold_drop(struct core *core, struct core_hold *hold);
void hold_left(struct core *core, struct core_hold *hold);  /* By one who had entered it */
void hold_ended(struct core *core, struct core_hold *hold); /* Not by its owner: an event */

/* core_request.c */
struct core_request *request_at(const struct core *core, uint32_t handle);
struct core_request *request_by_number(
        const struct core *core, const struct core_session *session, uint64_t number);
struct core_request *request_make_own(
        struct core *core, struct core_session *session, uint8_t wire_kind);
void request_move(struct core_request *request, struct list *list, enum place place);
void request_queue(/* Behind the others, or in front of them */
        struct core *core, struct core_session *session, struct core_request *request,
        bool front);
void request_tell(struct core *core, struct core_request *request, enum status status);
void request_finish(struct core *core, struct core_request *request, enum status status);
void request_granted(struct core *core, struct core_session *session,
        struct core_request *request, uint64_t token);
void request_give(
        struct core *core, struct core_request *request); /* Window is long enough */
void requests_lose_granted(/* What the token's hold had waiting to be given */
        struct core *core, struct core_session *session, uint64_t token);
void request_withdraw(struct core *core, struct core_request *request);
void request_fetched(struct core *core, struct core_request *request);
bool requests_hushed(const struct core *core);
void requests_hush(struct core *core, uint64_t sent_ns); /* One sent then came back BUSY */
void requests_shed(struct core *core); /* Refuse what would be sent next, while it lasts */

/* core_limit.c */
void request_set_timer(/* UINT64_MAX: none */
        struct core *core, struct core_request *request, uint64_t at_ns);
void requests_on_time(struct core *core);
uint64_t requests_deadline(const struct core *core);

/* core_send.c */
void send_hello(struct core *core);
void send_all(struct core *core);

/* core_receive.c */
void receive_bytes(struct core *core, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
