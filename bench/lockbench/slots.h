/*
 * Links (a client with its session) and slots in flight: what a slot requests, and what it
 * does with the answers. The engine decides when to start.
 */
#ifndef BENCH_SLOTS_H
#define BENCH_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench_history.h"
#include "bench_settings.h"
#include "liblock.h"
#include "tally.h"
#include "workload.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bench;

struct link {
    struct bench *bench;
    struct lk_client *client;
    struct lk_session *session;
    uint64_t id; /* Of the session; 0 until it is open */
    uint64_t proc;
    uint64_t call_ns;     /* When its opening or closing was requested */
    uint64_t deadline_ns; /* Until when it is known to live: the last one recorded */
    uint64_t retry_ns;    /* Do not reopen before this */
    uint32_t errands;     /* Slots at work in this session */
    bool dirty;           /* A request is queued and not yet sent. */
    bool processing;      /* Inside link_process() */
    bool lost;
    bool closed;
};

struct slot {
    struct link *link;
    struct slot *next; /* In the queue of holding or resting slots */
    uint32_t number;
    struct errand errand;
    uint64_t proc;
    uint64_t from_ns;  /* When this step was due */
    uint64_t call_ns;  /* When it started */
    uint64_t until_ns; /* Holding or resting: when that ends */
    uint64_t token;
    struct lk_lock *seen; /* For the answer to a query; NULL if there are none */
};

/* Slots that all wait equally long, so their times come in the order of the queue. */
struct slot_queue {
    struct slot *first;
    struct slot *last;
};

struct bench {
    const struct settings *settings;
    struct history *history;
    struct tally *tally;
    struct workload workload;
    struct link *links;
    struct slot *slots;
    struct lk_lock *seen; /* One per slot, if there are queries */
    struct slot **idle;   /* A stack */
    uint32_t idle_count;
    uint32_t dead_count; /* Slots of lost sessions: they are out of use. */
    struct slot_queue holding;
    struct slot_queue resting; /* Refused with BUSY */
    struct link **dirty;
    uint32_t dirty_count;
    uint64_t heard_ns; /* When the first of the current callbacks came; 0: not yet */
    uint64_t heard_boottime_ns;
    uint64_t next_proc;
    uint64_t sessions_open; /* Of the idle sessions */
    uint64_t sessions_refused;
    bool endless;     /* Closed loop under way: an idle slot starts again at once. */
    bool closing;     /* Answers are ignored. */
    char notice[160]; /* The library's last notice: why no node is reached */
};

/* Open the link's client and its session. False: the error was printed. */
bool link_open(struct link *link, struct bench *bench);

/* Open an extra idle session. */
void link_open_idle(struct link *link);

/* Let the library receive, call back and send; record what happened to the session. */
void link_process(struct link *link);

/* Close the session. */
void link_close(struct link *link);

/*
 * Start a round that was due at `from_ns`; the slot is not idle. The caller has already
 * read the clock: in a history the call starts at `now`.
 */
void slot_begin(struct slot *slot, uint64_t from_ns, uint64_t now);

/* Release what the slot holds; due at `from_ns`. */
void slot_release(struct slot *slot, uint64_t from_ns, uint64_t now);

/* Remove and return the first of the queue, if it is due by `now_ns`. */
struct slot *slot_queue_take(struct slot_queue *queue, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
