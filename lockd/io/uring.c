#include "io/uring.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/units.h"

enum {
    KERNEL_MAJOR_MIN = 6,
    KERNEL_MINOR_MIN = 1
};

static const char what_to_do[] =
        "lockd needs io_uring with multishot receive and provided buffer rings (Linux 6.1 or later)";

static const char *find_cause(int error, int disabled)
{
    if (disabled == 2)
        return "the sysctl kernel.io_uring_disabled=2 turns io_uring off; set it to 0";
    if (disabled == 1 && (error == EPERM || error == EACCES))
        return "the sysctl kernel.io_uring_disabled=1 allows io_uring only to privileged processes; set it to 0, or set kernel.io_uring_group to lockd's group";
    switch (error) {
    case ENOSYS:
        return "this kernel has no io_uring, or a seccomp profile hides it; use a newer kernel, or a container profile that allows io_uring_setup, io_uring_enter and io_uring_register";
    case EPERM:
    case EACCES:
        return "io_uring is forbidden, most likely by the container's seccomp profile; allow io_uring_setup, io_uring_enter and io_uring_register (docker: --security-opt seccomp=FILE)";
    case ENOMEM:
        return "too little memory may be locked; raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=) or free memory";
    case EMFILE:
    case ENFILE:
        return "no file descriptor is left; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)";
    case EINVAL:
    case EOPNOTSUPP:
        return "this kernel's io_uring lacks what lockd needs; use Linux 6.1 or later";
    default:
        return "the kernel refused for an unknown reason";
    }
}

void uring_refusal(int error, int disabled, const char *release, char *reason)
{
    (void)snprintf(reason, URING_REASON_BYTES,
            "io_uring cannot be used (%s, kernel %s): %s. %s.", strerror(error), release,
            find_cause(error, disabled), what_to_do);
}

static int read_disabled(void)
{
    FILE *file = fopen("/proc/sys/kernel/io_uring_disabled", "re");
    char text[16] = "";
    if (file == NULL)
        return -1;
    bool has = fgets(text, sizeof text, file) != NULL;
    (void)fclose(file);
    return has ? (int)strtol(text, NULL, 10) : -1;
}

static void explain(int error, char *reason)
{
    struct utsname name;
    if (uname(&name) != 0)
        (void)snprintf(name.release, sizeof name.release, "unknown");
    uring_refusal(error, read_disabled(), name.release, reason);
}

/* Wanted flags, best first; for unknown flags the kernel returns EINVAL. */
static int create_ring(struct uring *uring, uint32_t entries, uint32_t completions)
{
    static const unsigned flags[] = {
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
            IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
    };
    int failed = -EINVAL;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && failed == -EINVAL; i++) {
        struct io_uring_params params = {
                .flags = flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
                .cq_entries = completions < entries ? entries : completions,
        };
        failed = io_uring_queue_init_params(entries, &uring->ring, &params);
        uring->deferred = (flags[i] & IORING_SETUP_DEFER_TASKRUN) != 0;
    }
    return failed;
}

static int probe_operations(struct uring *uring)
{
    static const int needed[] = {IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_SEND,
            IORING_OP_CONNECT, IORING_OP_LINK_TIMEOUT, IORING_OP_ASYNC_CANCEL,
            IORING_OP_READ, IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_FSYNC,
            IORING_OP_FALLOCATE, IORING_OP_RENAMEAT, IORING_OP_UNLINKAT};
    struct io_uring_probe *probe = io_uring_get_probe_ring(&uring->ring);
    int failed = probe == NULL ? -EINVAL : 0;
    for (size_t i = 0; probe != NULL && i < sizeof needed / sizeof needed[0]; i++) {
        if (!io_uring_opcode_supported(probe, needed[i]))
            failed = -EOPNOTSUPP;
    }
    io_uring_free_probe(probe);
    if ((uring->ring.features & IORING_FEAT_EXT_ARG) == 0)
        failed = -EOPNOTSUPP;
    return failed;
}

/*
 * Multishot receive is a flag that no probe lists: receive one byte with it. It must stay
 * armed and use a buffer of the ring.
 */
static int receive_once(struct uring *uring, const int pair[2])
{
    struct io_uring_sqe *sqe = uring_next(uring);
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    sqe->buf_group = URING_BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, OP_IGNORED);
    if (send(pair[1], "x", 1, MSG_NOSIGNAL) != 1)
        return -errno;
    int failed = uring_wait(uring, NS_PER_S);
    struct uring_done done = {0};
    if (failed == 0 && uring_take(uring, &done, 1) == 0)
        return -EOPNOTSUPP;
    if (done.result < 0)
        return done.result;
    bool armed = (done.flags & IORING_CQE_F_MORE) != 0;
    bool buffered = (done.flags & IORING_CQE_F_BUFFER) != 0;
    return failed != 0 ? failed : armed && buffered ? 0 : -EOPNOTSUPP;
}

static int probe_receive(struct uring *uring)
{
    struct io_uring_buf_reg region = {
            .ring_entries = URING_BUFFER_COUNT, .bgid = URING_BUFFER_GROUP};
    struct io_uring_buf_ring *buffers;
    unsigned char byte;
    int pair[2];

    if (posix_memalign((void **)&buffers, 4096,
                URING_BUFFER_COUNT * sizeof(struct io_uring_buf)) != 0)
        return -ENOMEM;
    memset(buffers, 0, URING_BUFFER_COUNT * sizeof(struct io_uring_buf));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(buffers);
        return -errno;
    }
    region.ring_addr = (uint64_t)(uintptr_t)buffers;
    int failed = io_uring_register_buf_ring(&uring->ring, &region, 0);
    if (failed == 0) {
        io_uring_buf_ring_init(buffers);
        io_uring_buf_ring_add(buffers, &byte, 1, 0, 0, 0);
        io_uring_buf_ring_advance(buffers, 1);
        failed = receive_once(uring, pair);
    }
    /*
     * Closing the other end ends the receive; take its last completion, then free
     * everything.
     */
    (void)close(pair[1]);
    struct uring_done done;
    (void)uring_wait(uring, NS_PER_S / 10);
    while (uring_take(uring, &done, 1) == 1)
        assert(done.tag == OP_IGNORED);
    (void)close(pair[0]);
    (void)io_uring_unregister_buf_ring(&uring->ring, URING_BUFFER_GROUP);
    free(buffers);
    return failed;
}

static int open_sized(struct uring *uring, uint32_t entries, uint32_t completions)
{
    int failed = create_ring(uring, entries, completions);
    if (failed != 0)
        return failed;
    failed = probe_operations(uring);
    if (failed == 0)
        failed = probe_receive(uring);
    if (failed != 0)
        io_uring_queue_exit(&uring->ring);
    return failed;
}

/*
 * The kernel counts a ring as locked memory of the user, over all processes (except those
 * of root). If little is left, a smaller ring works too: the kernel keeps what does not
 * fit, or it is submitted sooner.
 */
bool uring_open(struct uring *uring, uint32_t completions, char *reason)
{
    *uring = (struct uring){0};
    uint32_t entries = URING_ENTRIES;
    int failed = open_sized(uring, entries, completions);
    while (failed == -ENOMEM && entries > URING_ENTRIES_MIN) {
        entries /= 2;
        completions /= 2;
        failed = open_sized(uring, entries, completions);
    }
    if (failed != 0) {
        explain(-failed, reason);
        return false;
    }
    uring->small = entries < URING_ENTRIES;
    uring->ring_registered = io_uring_register_ring_fd(&uring->ring) == 1;
    return true;
}

void uring_close(struct uring *uring)
{
    io_uring_queue_exit(&uring->ring);
}

void uring_carve(struct uring *uring, struct arena *arena)
{
    uring->buffer_ring = arena_take(arena, "ring of receive buffers", URING_BUFFER_COUNT,
            sizeof(struct io_uring_buf), 4096);
    uring->buffers = arena_take(
            arena, "receive buffers", URING_BUFFER_COUNT, URING_BUFFER_BYTES, 4096);
}

static void add_buffer(struct uring *uring, uint32_t buffer, int offset)
{
    io_uring_buf_ring_add(uring->buffer_ring,
            uring->buffers + (size_t)buffer * URING_BUFFER_BYTES, URING_BUFFER_BYTES,
            (unsigned short)buffer, io_uring_buf_ring_mask(URING_BUFFER_COUNT), offset);
}

bool uring_provide(struct uring *uring, char *reason)
{
    struct io_uring_buf_reg region = {
            .ring_addr = (uint64_t)(uintptr_t)uring->buffer_ring,
            .ring_entries = URING_BUFFER_COUNT,
            .bgid = URING_BUFFER_GROUP,
    };
    int failed = io_uring_register_buf_ring(&uring->ring, &region, 0);
    if (failed != 0) {
        explain(-failed, reason);
        return false;
    }
    io_uring_buf_ring_init(uring->buffer_ring);
    for (uint32_t i = 0; i < URING_BUFFER_COUNT; i++)
        add_buffer(uring, i, (int)i);
    io_uring_buf_ring_advance(uring->buffer_ring, URING_BUFFER_COUNT);
    return true;
}

void uring_give_buffer(struct uring *uring, uint32_t flags)
{
    assert((flags & IORING_CQE_F_BUFFER) != 0);
    add_buffer(uring, flags >> IORING_CQE_BUFFER_SHIFT, 0);
    io_uring_buf_ring_advance(uring->buffer_ring, 1);
}

void uring_reserve(struct uring *uring, unsigned count)
{
    while (io_uring_sq_space_left(&uring->ring) < count) {
        int submitted = io_uring_submit(&uring->ring);
        uring->enter_count++;
        assert(submitted >= 0 || submitted == -EBUSY || submitted == -EAGAIN ||
                submitted == -EINTR);
    }
}

struct io_uring_sqe *uring_next(struct uring *uring)
{
    uring_reserve(uring, 1);
    return io_uring_get_sqe(&uring->ring);
}

int uring_wait(struct uring *uring, uint64_t timeout_ns)
{
    struct __kernel_timespec timeout = {
            .tv_sec = (long long)(timeout_ns / NS_PER_S),
            .tv_nsec = (long long)(timeout_ns % NS_PER_S),
    };
    struct io_uring_cqe *cqe;
    /* liburing makes no call if nothing is to submit and a completion is ready. */
    if (io_uring_sq_ready(&uring->ring) > 0 || io_uring_cq_ready(&uring->ring) == 0)
        uring->enter_count++;
    int failed = io_uring_submit_and_wait_timeout(&uring->ring, &cqe, 1, &timeout, NULL);
    if (failed >= 0 || failed == -ETIME || failed == -EINTR || failed == -EAGAIN ||
            failed == -EBUSY)
        return 0;
    return failed;
}

unsigned uring_take(struct uring *uring, struct uring_done *done, unsigned most)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&uring->ring, head, cqe)
    {
        if (count == most)
            break;
        done[count++] = (struct uring_done){
                .tag = cqe->user_data, .result = cqe->res, .flags = cqe->flags};
    }
    io_uring_cq_advance(&uring->ring, count);
    return count;
}
