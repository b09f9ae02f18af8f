/*
 * Links (a client with its session) and slots in flight: what a slot asks for and what it
 * makes of the answers. When to begin is the engine's.
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
    uint64_t call_ns;     /* When it was asked for, or asked to close */
    uint64_t deadline_ns; /* Until when it is known to live: the last that was recorded */
    uint64_t retry_ns;    /* Not to be opened again before */
    uint32_t errands;     /* Slots that are about something in this session */
    bool dirty;           /* Something was asked for and not yet sent. */
    bool processing;      /* The library is at it: see link_process(). */
    bool lost;
    bool closed;
};

struct slot {
    struct link *link;
    struct slot *next; /* In the queue of those that hold, or rest */
    uint32_t number;
    struct errand errand;
    uint64_t proc;
    uint64_t from_ns;  /* When this step was meant to begin */
    uint64_t call_ns;  /* When it did */
    uint64_t until_ns; /* Holding or resting: when that ends */
    uint64_t token;
    struct lk_lock *seen; /* Where an answer to a look goes; NULL if there are none */
};

/* Slots whose time comes in the order in which they came: each waits as long as the others. */
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
    struct lk_lock *seen; /* One for each slot, if there are looks */
    struct slot **idle;   /* A stack */
    uint32_t idle_count;
    uint32_t dead_count; /* Slots of lost sessions: they do nothing more. */
    struct slot_queue holding;
    struct slot_queue resting; /* Refused with BUSY */
    struct link **dirty;
    uint32_t dirty_count;
    uint64_t heard_ns; /* When the first of the answers now called back was; 0: not yet */
    uint64_t heard_boottime_ns;
    uint64_t next_proc;
    uint64_t sessions_open; /* Of those that only live */
    uint64_t sessions_refused;
    bool endless;     /* Closed loop under way: an idle slot begins again at once. */
    bool closing;     /* Answers say nothing any more. */
    char notice[160]; /* The last from the library: why nobody is reached */
};

/* Open the link's client and ask for its session. False: it was complained about. */
bool link_open(struct link *link, struct bench *bench);

/* Ask for one more session, that only lives. */
void link_open_idle(struct link *link);

/* Let the library receive, call back and send; what came of it for the session is noted. */
void link_process(struct link *link);

/* Ask for the session's end. */
void link_close(struct link *link);

/*
 * Begin an errand that was meant to begin at `from_ns`; the slot is not idle. The caller has
 * read the clock already: in a history the call began at `now`.
 */
void slot_begin(struct slot *slot, uint64_t from_ns, uint64_t now);

/* Release what the slot holds; meant to begin at `from_ns`. */
void slot_release(struct slot *slot, uint64_t from_ns, uint64_t now);

/* The first of the queue, if its time has come by `now_ns`; removed. */
struct slot *slot_queue_take(struct slot_queue *queue, uint64_t now_ns);

#ifdef __cplusplus
}
#endif

#endif
