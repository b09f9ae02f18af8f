/*
 * The ring of one process. Everything that its loop wants from the kernel is a submission
 * here, so one turn of the loop is one system call, however much is in it.
 *
 *     turn   submit all that was prepared, sleep until something happened    1 system call
 *     next   the completions, one by one                                     none
 *
 * Set-up. SINGLE_ISSUER and DEFER_TASKRUN: one thread uses the ring, and completions are
 * handled inside its own call, never by interrupting it. COOP_TASKRUN: no interrupt to make
 * it look. SUBMIT_ALL: one bad submission does not hold up the next ones. The ring's
 * descriptor is registered, which saves a look-up in each call.
 *
 * Receiving is multishot: armed once for a connection's life. The kernel takes a buffer out
 * of the provided ring when bytes arrive, so idle connections need none.
 *
 * Sending copies to the socket while it is submitted, and its completion lies in the ring
 * before the call would sleep. Waiting for one completion would then return at once, with
 * nothing new, and cost a second call per turn. So a turn waits for the number that the
 * caller wants and for all sends under way. If a send cannot be done at once (the socket is
 * full), it ends when the other side has read. The other side always reads, so the wait is
 * longer, but it ends.
 */
#ifndef BENCH_FLOOR_RING_H
#define BENCH_FLOOR_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "floor_shared.h"

#ifdef __cplusplus
extern "C" {
#endif

enum floor_op {
    FLOOR_ACCEPT,
    FLOOR_RECEIVE,
    FLOOR_SEND,
    FLOOR_WRITE,
};

struct floor_event {
    enum floor_op op;
    uint32_t index; /* As given with the submission: which connection, which slot */
    int32_t result;
    bool more;                  /* Multishot: it stays armed. */
    const unsigned char *bytes; /* Received; valid until the next event is taken */
};

struct floor_message {
    int socket;
    const void *bytes;
    uint32_t count;
};

struct floor_record {
    int file;
    const void *bytes; /* Registered; whole blocks */
    uint32_t count;
    uint64_t offset;
};

struct floor_ring {
    struct io_uring ring;
    struct io_uring_buf_ring *provided; /* NULL: none, receives name their memory */
    unsigned char *buffers;
    struct floor_counters *counters;
    unsigned sends; /* Under way */
    uint32_t lent;  /* The buffer in which the last event's bytes lie */
    bool has_lent;
};

void floor_ring_open(struct floor_ring *ring, struct floor_counters *counters);

/* Before any multishot receive: memory for what will come. */
void floor_ring_provide(struct floor_ring *ring);

/* Pin memory for floor_write: saves the kernel the walk over its pages in each write. */
void floor_ring_register(struct floor_ring *ring, void *bytes, uint64_t count);

/* Submissions. Memory belongs to the kernel until the event comes. */
void floor_accept(struct floor_ring *ring, int fd);
void floor_receive(struct floor_ring *ring, int fd, uint32_t index);
void floor_receive_into(struct floor_ring *ring, int fd, void *bytes, uint32_t count);
void floor_send(
        struct floor_ring *ring, const struct floor_message *message, uint32_t index);

/* A durable write: from registered memory, past the page cache, on the medium when done. */
void floor_write(
        struct floor_ring *ring, const struct floor_record *record, uint32_t index);

/*
 * The same, and when it is done a send: by the kernel, without this process in between.
 * Only a failure would make an event, and it ends the process.
 */
void floor_write_then_send(struct floor_ring *ring, const struct floor_record *record,
        const struct floor_message *message);

/* Submit, and sleep until this many events are there or, if not 0, the time is over. */
void floor_turn(struct floor_ring *ring, unsigned events, uint64_t timeout_ns);

/* Take the next event. */
bool floor_next(struct floor_ring *ring, struct floor_event *event);

#ifdef __cplusplus
}
#endif

#endif
