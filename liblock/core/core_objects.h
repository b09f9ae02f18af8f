/*
 * The objects of core: sessions, their requests, their holds.
 *
 * A request is in one place at a time, and `link` chains it there:
 *
 *     submit ─> waiting ──> sent ──────────> done
 *               (no number   (numbered, no    (completed, or it has
 *                yet)         answer)          no completion)
 *                              │  QUEUED           ^
 *                              v                   │
 *                            queued ──> granted ───┘
 *                                       (its window is too short yet)
 *
 * A request that completed with UNKNOWN stays where it is until the cluster has said what
 * became of it.
 */
#ifndef CORE_CORE_OBJECTS_H
#define CORE_CORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"
#include "core/core.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    EVENTS_PER_STEP_MAX = 4, /* State changes of one session in one step */
};

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
    struct heap_node timer; /* limit_ns, and what follows from it; in timers.heap ... */
    struct list_node limit_link; /* ... or in timers.in_order */
    uint32_t handle;
    uint32_t session;
    enum core_call_kind kind; /* What was asked */
    uint8_t wire_kind;        /* What it is on the wire now: enum request_kind */
    enum place place;
    bool own;      /* The library's own: it has no completion */
    bool told;     /* A completion was queued, or fetched */
    bool indexed;  /* In core->numbers */
    bool promised; /* A hold is kept free for it */
    bool expired;  /* Its limit has passed, or it was cancelled: it must hold nothing */
    bool stray;    /* A CANCEL whose acquire has ended without it */
    bool keeps; /* A number is kept free: for the CANCEL of this acquire, or this CANCEL */
    bool patient; /* BUSY is waited out until the limit */
    bool refused; /* The last word of the cluster was BUSY: nothing of it is under way */
    /*
     * Sent on an earlier connection too: even if it is refused now, it may have been done.
     */
    bool doubtful;
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
    /* An acquire under way: up to this token its lock was released meanwhile. */
    uint64_t released;
    uint64_t granted_change; /* Of the grant that a cancel under way may undo; 0: none */
    uint64_t list_mark;
    uint32_t partner; /* The acquire's CANCEL, and the CANCEL's acquire; 0: none */
    uint32_t hold;    /* Granted: its handle */
    struct clocks sent;
    uint64_t sent_on; /* Serial of the connection; 0: not sent, or refused undone */
    uint64_t asker;
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
    struct list_node dirty_link;     /* In core->dirty: has something to send */
    struct list_node keepalive_link; /* In core->keepalives: wants a keepalive */
    struct list_node event_link;     /* In core->eventful */
    struct list_node rest_link;      /* In core->resting: something was refused with BUSY */
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
    bool dismissed;    /* The program closed it: the handle is no longer valid */
    bool close_wanted; /* Perhaps exists in the cluster: to be closed there */
    bool doubted;      /* Not believed when it ended here: it may have been over */
    bool resend;       /* Some of `sent` are to be sent on this connection */
    bool listing;      /* Part of a list came on this connection, and there is more */
    uint8_t verdict_detail;
    enum status verdict; /* Ended: what calls on it get */
    uint32_t opening;    /* The OPEN that has no completion yet */
    uint32_t closing;    /* The CLOSE that has none */
    uint64_t id;
    uint64_t ttl_ns;
    uint64_t min_usable_ns;
    uint64_t deadline; /* D, cluster time */
    struct clocks until;
    uint64_t seen; /* Changes up to this one are in */
    uint64_t next_number;
    uint32_t kept_numbers; /* Of its window, for CANCELs */
    uint64_t renewed_ns;   /* BOOTTIME of the last sending that renews */
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
    struct list_node link; /* In its session's holds, or holds.ended */
    uint32_t handle;
    uint32_t session;
    uint32_t count;   /* Entries that the program knows of */
    uint32_t waiting; /* Entries that were granted and are not yet given to it */
    uint64_t token;
    uint64_t list_mark;
    void *session_user; /* For the event, if it ended */
};

#ifdef __cplusplus
}
#endif

#endif
