/*
 * What the files of core share. A file calls only files on lower floors:
 *
 *     core.c                                     memory, and the step
 *     core_receive.c                             frames in
 *     core_answer.c                              what an answer says
 *     core_link.c core_change.c                  which node is used; waits and holds pushed
 *     core_submit.c core_limit.c core_cancel.c   a request: submitted, limited, taken back
 *     core_life.c                                a session: opened, extended, suspended, ended
 *     core_grant.c core_busy.c core_send.c       grants, taking them back; BUSY; frames out
 *     core_request.c                             numbers, places, completions
 *     core_session.c                             belief, and what is to be sent
 *
 * and below them the files that know nothing of the whole, each with its own header:
 *
 *     core_anchor.h  when cluster time was what   core_output.h  frames being written
 *     core_nodes.h   the nodes, notices of them   core_owed.h    answers owed
 *     core_timer.h   limits of requests           core_hold.h    holds and their tokens
 *
 * core_objects.h has sessions, requests and holds. core_fetch.c and core_check.c read.
 *
 * Everything is bounded, and nothing is added without room:
 *
 *     sessions, ids, timers      sessions_max: more are refused when they are submitted
 *     requests, numbers, timers  requests_max, twice, and two for each session. Calls and stray
 *                                CANCELs are refused beyond requests_max; each acquire has one
 *                                CANCEL at a time. CLOSE is never refused: there is one of the
 *                                program for each session or OPEN, and one of ours for each
 *                                session
 *     holds, tokens, beliefs     holds_max: one is promised to each acquire, or it is refused
 *     lists                      are chained through what is in them
 *     numbers of a session       window: what finds none waits in its list
 *     events of a session        EVENTS_PER_STEP_MAX: SUSPENDED, HELD and LOST in a step at most
 *     nodes                      CORE_NODES_MAX: the last place is used again
 *     notices                    CORE_NOTICES_MAX: more are dropped
 *     sendings of keepalives     SENDINGS_MAX: answers to older ones are no anchors
 *     output, input              output_bytes: what does not fit waits in its list; one frame
 *     answers owed               owed_max: what would be owed waits in its list
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
#include "core/core_anchor.h"
#include "core/core_hold.h"
#include "core/core_nodes.h"
#include "core/core_objects.h"
#include "core/core_output.h"
#include "core/core_owed.h"
#include "core/core_timer.h"
#include "protocol/answer.h"
#include "protocol/frame.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SENDINGS_MAX = 256, /* Keepalive sendings whose times are remembered */
};

/* After the limit: the cluster's own answer may come this late. */
#define CANCEL_SLACK_NS  (300 * NS_PER_MS)
/* After the limit: say UNKNOWN. */
#define UNKNOWN_AFTER_NS NS_PER_S

/* A sending of keepalives. */
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
    uint32_t node;        /* In use, or the next one to try */
    uint8_t node_id;      /* As it said */
    uint64_t serial;      /* Of connections, from 1 */
    uint64_t left_ns;     /* When the last leader was left */
    uint64_t deadline_ns; /* READY: none */
    uint32_t tries;       /* Since something was answered */
    uint32_t silences;    /* The same */
    uint32_t redirects;   /* Without a pause */
    unsigned char random[SECRET_BYTES];
    /* Where `node` is, says who sent us there, if it is known elsewhere; 0 bytes: nobody did */
    uint32_t told_bytes;
    char told[ADDRESS_BYTES_MAX];
};

struct core {
    struct core_settings settings;
    struct clocks now;
    struct prng prng;

    struct nodes nodes;
    struct link link;
    struct owed owed;
    uint64_t cluster;    /* Of the first leader that was met; 0: none yet */
    uint64_t foreign;    /* The nodes belong to this one instead; 0: they do not */
    uint64_t ttl_min_ns; /* What the cluster allows; 0: not known */
    uint64_t ttl_max_ns;

    struct pool sessions;
    struct map session_ids;
    struct heap session_timers;
    struct session_belief *session_beliefs;
    uint32_t opened; /* The last session made */

    struct holds holds;

    struct pool requests;
    struct map numbers; /* (session, number) to request, of those queued */
    struct timers timers;
    uint32_t asked_count; /* Requests that are not the library's own */
    uint32_t stray_count;

    struct list opens;
    struct list opens_sent;
    struct list opens_resting; /* Refused with BUSY */
    struct list reads;
    struct list reads_sent;
    struct list reads_resting;
    struct list dirty;
    struct list keepalives;
    struct list resting;
    uint64_t rest_until_ns; /* UINT64_MAX: nothing rests */
    uint64_t hush_until_ns; /* The leader has too much to do: new acquires are refused */
    bool held_back;         /* Patient acquires wait for the end of the hush */
    uint32_t refusals;      /* Pauses after BUSY since something was accepted */
    struct list completed;
    struct list eventful;

    struct anchor anchor;
    struct sending sendings[SENDINGS_MAX];
    uint32_t batch; /* Of the last keepalive sending */
    uint32_t stamp; /* Of the last OPEN or read */
    uint64_t lists_seen;

    struct output output;
    struct frame_reader reader;
    unsigned char *input;

    bool close_wanted; /* Effects of this step */
    bool connect_wanted;
};

/* ---- core_session.c ---- */

struct core_session *session_at(const struct core *core, uint32_t handle); /* Or NULL */
struct core_session *session_by_id(const struct core *core, uint64_t id);
struct core_session *session_make(struct core *core, const struct core_call *call);

/* Belief. */
void session_publish(struct core *core, const struct core_session *session);
uint64_t session_left_ns(const struct core *core, const struct core_session *session);
void session_suspend(
        struct core *core, struct core_session *session, enum core_reason reason);
void session_event(
        struct core *core, struct core_session *session, enum core_reason reason);
bool session_can_acquire(const struct core_session *session);

/* What it has to send, and the section's head that goes with it. */
void session_touch(struct core *core, struct core_session *session);
void session_want_keepalive(struct core *core, struct core_session *session);
uint64_t session_answered(const struct core_session *session);
uint64_t session_confirmed(const struct core_session *session);

/* When something is due. */
uint64_t session_keepalive_due(const struct core_session *session);
uint64_t session_next_due(const struct core *core, const struct core_session *session);
void session_reschedule(struct core *core, struct core_session *session);

/* ---- core_request.c ---- */

struct core_request *request_at(const struct core *core, uint32_t handle); /* Or NULL */
struct core_request *request_by_number(
        const struct core *core, const struct core_session *session, uint64_t number);
struct core_request *request_take(struct core *core);
struct core_request *request_make_own(
        struct core *core, struct core_session *session, uint8_t wire_kind);
void request_move(struct core *core, struct core_request *request, struct list *list,
        enum place place);
/* Whether the window has a number for it; then it gets one, and is among those sent. */
bool request_may_number(const struct core *core, const struct core_session *session,
        const struct core_request *request);
void request_number(
        struct core *core, struct core_session *session, struct core_request *request);
/* Pass the number that the acquire keeps on to its CANCEL. */
void request_pass_number(struct core_request *acquire, struct core_request *cancel);
/* After the others, or before them. */
void request_queue(struct core *core, struct core_session *session,
        struct core_request *request, bool front);
void request_set_limit(struct core *core, struct core_request *acquire);
void request_forget_number(struct core *core, struct core_request *request);
/* Acquire and CANCEL no longer know each other. */
void request_part(struct core *core, struct core_request *request);
void request_tell(struct core *core, struct core_request *request, enum status status);
void request_finish(struct core *core, struct core_request *request, enum status status);
void request_fetched(struct core *core, struct core_request *request);

/* ---- core_grant.c ---- */

/* The cluster granted it. */
void grant_take(struct core *core, struct core_session *session,
        struct core_request *request, uint64_t token);
/* The window is long enough: the program gets it. */
void grant_give(struct core *core, struct core_request *request);
/* What the token's hold had waiting to be given. */
void grants_lose(struct core *core, struct core_session *session, uint64_t token);
/*
 * The cluster holds nothing for this acquire and never will: it ends with what was decided, or
 * is sent anew.
 */
void grant_over(struct core *core, struct core_request *request);
/* This acquire must hold nothing. */
void grant_withdraw(struct core *core, struct core_request *request);

/* ---- core_busy.c ---- */

void busy_rest(struct core *core);
void busy_rest_session(struct core *core, struct core_session *session);
void busy_on_time(struct core *core);
uint64_t busy_deadline(const struct core *core);
bool busy_hushed(const struct core *core);
/* This acquire came back BUSY. */
void busy_hush(struct core *core, const struct core_request *refused);
/* It is sent again rather than told BUSY. */
bool busy_waits_out(const struct core *core, const struct core_request *request);
/* Something was logged: the next pause is a short one. */
void busy_accepted(struct core *core);
/* While the hush lasts, refuse what would be sent next. */
void busy_shed(struct core *core);

/* ---- core_life.c ---- */

void session_opened(struct core *core, struct core_session *session, uint64_t id);
void session_on_time(struct core *core, struct core_session *session);
/*
 * D became known or moved, or the anchor did: compute the window, and give what it allows.
 */
void session_extend(struct core *core, struct core_session *session);
/*
 * It is over for the program. `close`: perhaps not for the cluster, so it has to be closed
 * there.
 */
void session_end(struct core *core, struct core_session *session, enum core_reason reason,
        bool close);
/* Give the slot back if nothing needs it any longer. */
void session_settle(struct core *core, struct core_session *session);
/* The program no longer uses it. */
void session_dismiss(struct core_session *session);
void session_forget_opening(struct core *core, struct core_request *opening);
void session_lose_on_purpose(struct core *core, struct core_session *session);
void session_link_ready(struct core *core, struct core_session *session);

/* ---- core_limit.c ---- */

void limit_on_time(struct core *core);

/* ---- core_send.c ---- */

void send_hello(struct core *core);
void send_all(struct core *core);

/* ---- core_link.c ---- */

void link_on_connected(struct core *core, const unsigned char *random);
void link_on_failed(struct core *core, enum core_notice_kind why, uint64_t number);
void link_on_welcome(struct core *core, const struct welcome *welcome);
void link_on_refused(struct core *core, const struct refused *refused);
void link_on_leader(struct core *core, const struct leader *leader);
void link_on_not_leader(struct core *core); /* A request was refused as NOT_LEADER */
void link_on_time(struct core *core);
void link_heard(struct core *core);
void link_answered(struct core *core);
uint64_t link_deadline(const struct core *core);

/* ---- core_change.c ---- */

void change_take(
        struct core *core, struct core_session *session, const struct change *change);
/* One of a list of all that there is at change number `at`. */
void change_take_listed(struct core *core, struct core_session *session, uint64_t at,
        const struct change *change);
/* The list was whole: what it did not name is gone. */
void changes_sweep(struct core *core, struct core_session *session);

/* ---- core_answer.c ---- */

/* `session` is that of the section; NULL: none of ours. */
void answer_take(struct core *core, const struct answer_section *head,
        struct core_session *session, const struct answer *answer);

/* ---- core_receive.c ---- */

void receive_bytes(struct core *core, const void *bytes, size_t count);

#ifdef __cplusplus
}
#endif

#endif
