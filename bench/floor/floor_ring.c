#include "floor_ring.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/units.h"

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 4 * SUBMISSIONS,
    BUFFER_COUNT = 2048, /* A power of two */
    BUFFER_BYTES = 4096,
    BUFFER_GROUP = 0,
    OP_SHIFT = 32, /* A completion's user_data: the op, below it the index. */
};

static uint64_t tag(enum floor_op op, uint32_t index)
{
    return (uint64_t)op << OP_SHIFT | index;
}

void floor_ring_open(struct floor_ring *ring, struct floor_counters *counters)
{
    *ring = (struct floor_ring){.counters = counters};
    struct io_uring_params params = {
            .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                     IORING_SETUP_CQSIZE,
            .cq_entries = COMPLETIONS,
    };
    int failed = io_uring_queue_init_params(SUBMISSIONS, &ring->ring, &params);
    if (failed != 0)
        floor_fatal("io_uring", -failed);
    failed = io_uring_register_ring_fd(&ring->ring);
    if (failed < 0)
        floor_fatal("registering the ring's descriptor", -failed);
}

static void provide(struct floor_ring *ring, uint32_t buffer, int offset)
{
    io_uring_buf_ring_add(ring->provided, ring->buffers + (size_t)buffer * BUFFER_BYTES,
            BUFFER_BYTES, (unsigned short)buffer, io_uring_buf_ring_mask(BUFFER_COUNT),
            offset);
}

void floor_ring_provide(struct floor_ring *ring)
{
    ring->provided = floor_map(BUFFER_COUNT * sizeof(struct io_uring_buf));
    ring->buffers = floor_map((uint64_t)BUFFER_COUNT * BUFFER_BYTES);
    struct io_uring_buf_reg region = {
            .ring_addr = (uint64_t)(uintptr_t)ring->provided,
            .ring_entries = BUFFER_COUNT,
            .bgid = BUFFER_GROUP,
    };
    int failed = io_uring_register_buf_ring(&ring->ring, &region, 0);
    if (failed != 0)
        floor_fatal("registering a ring of buffers", -failed);
    io_uring_buf_ring_init(ring->provided);
    for (uint32_t i = 0; i < BUFFER_COUNT; i++)
        provide(ring, i, (int)i);
    io_uring_buf_ring_advance(ring->provided, BUFFER_COUNT);
}

void floor_ring_register(struct floor_ring *ring, void *bytes, uint64_t count)
{
    struct iovec region = {bytes, count};
    int failed = io_uring_register_buffers(&ring->ring, &region, 1);
    if (failed != 0)
        floor_fatal("registering the log's buffers", -failed);
}

static void submit_early(struct floor_ring *ring)
{
    ring->counters->enters++;
    int failed = io_uring_submit(&ring->ring);
    if (failed < 0)
        floor_fatal("io_uring_submit", -failed);
}

/* Never NULL. `count` of them follow one another without a submission in between. */
static struct io_uring_sqe *reserve(struct floor_ring *ring, unsigned count)
{
    if (io_uring_sq_space_left(&ring->ring) < count)
        submit_early(ring);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    assert(sqe);
    return sqe;
}

void floor_accept(struct floor_ring *ring, int fd)
{
    struct io_uring_sqe *sqe = reserve(ring, 1);
    io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, tag(FLOOR_ACCEPT, 0));
}

void floor_receive(struct floor_ring *ring, int fd, uint32_t index)
{
    struct io_uring_sqe *sqe = reserve(ring, 1);
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, tag(FLOOR_RECEIVE, index));
}

void floor_receive_into(struct floor_ring *ring, int fd, void *bytes, uint32_t count)
{
    struct io_uring_sqe *sqe = reserve(ring, 1);
    io_uring_prep_recv(sqe, fd, bytes, count, 0);
    /* There is nothing yet, most likely: do not look before waiting. */
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    io_uring_sqe_set_data64(sqe, tag(FLOOR_RECEIVE, 0));
}

static void prepare_send(struct io_uring_sqe *sqe, const struct floor_message *message)
{
    io_uring_prep_send(sqe, message->socket, message->bytes, message->count,
            MSG_WAITALL | MSG_NOSIGNAL);
}

void floor_send(
        struct floor_ring *ring, const struct floor_message *message, uint32_t index)
{
    struct io_uring_sqe *sqe = reserve(ring, 1);
    prepare_send(sqe, message);
    io_uring_sqe_set_data64(sqe, tag(FLOOR_SEND, index));
    ring->sends++;
    ring->counters->sent_bytes += message->count;
}

/*
 * RWF_DSYNC: durable when it completes, be it by a flush or, where disks can, by the write.
 */
static void prepare_write(struct io_uring_sqe *sqe, const struct floor_record *record)
{
    io_uring_prep_write_fixed(
            sqe, record->file, record->bytes, record->count, record->offset, 0);
    sqe->rw_flags = RWF_DSYNC;
}

void floor_write(struct floor_ring *ring, const struct floor_record *record, uint32_t index)
{
    struct io_uring_sqe *sqe = reserve(ring, 1);
    prepare_write(sqe, record);
    io_uring_sqe_set_data64(sqe, tag(FLOOR_WRITE, index));
    ring->counters->disk_bytes += record->count;
}

void floor_write_then_send(struct floor_ring *ring, const struct floor_record *record,
        const struct floor_message *message)
{
    struct io_uring_sqe *write = reserve(ring, 2);
    prepare_write(write, record);
    io_uring_sqe_set_flags(write, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(write, tag(FLOOR_WRITE, 0));
    struct io_uring_sqe *send = reserve(ring, 1);
    prepare_send(send, message);
    io_uring_sqe_set_flags(send, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(send, tag(FLOOR_WRITE, 0));
    ring->counters->sent_bytes += message->count;
    ring->counters->disk_bytes += record->count;
}

void floor_turn(struct floor_ring *ring, unsigned events, uint64_t timeout_ns)
{
    unsigned wait = events + ring->sends;
    int failed;
    ring->counters->enters++;
    if (timeout_ns == 0) {
        failed = io_uring_submit_and_wait(&ring->ring, wait);
    } else {
        struct __kernel_timespec timeout = {
                .tv_sec = (long long)(timeout_ns / NS_PER_S),
                .tv_nsec = (long long)(timeout_ns % NS_PER_S),
        };
        struct io_uring_cqe *cqe;
        failed = io_uring_submit_and_wait_timeout(&ring->ring, &cqe, wait, &timeout, NULL);
    }
    if (failed < 0 && failed != -ETIME && failed != -EINTR)
        floor_fatal("io_uring_enter", -failed);
}

static void give_back(struct floor_ring *ring)
{
    if (!ring->has_lent)
        return;
    provide(ring, ring->lent, 0);
    io_uring_buf_ring_advance(ring->provided, 1);
    ring->has_lent = false;
}

static void lend(struct floor_ring *ring, uint32_t flags, struct floor_event *event)
{
    ring->lent = flags >> IORING_CQE_BUFFER_SHIFT;
    ring->has_lent = true;
    event->bytes = ring->buffers + (size_t)ring->lent * BUFFER_BYTES;
}

bool floor_next(struct floor_ring *ring, struct floor_event *event)
{
    struct io_uring_cqe *cqe;
    give_back(ring);
    if (io_uring_peek_cqe(&ring->ring, &cqe) != 0)
        return false;
    *event = (struct floor_event){
            .op = (enum floor_op)(cqe->user_data >> OP_SHIFT),
            .index = (uint32_t)cqe->user_data,
            .result = cqe->res,
            .more = (cqe->flags & IORING_CQE_F_MORE) != 0,
    };
    if ((cqe->flags & IORING_CQE_F_BUFFER) != 0)
        lend(ring, cqe->flags, event);
    io_uring_cqe_seen(&ring->ring, cqe);
    ring->sends -= event->op == FLOOR_SEND;
    return true;
}
