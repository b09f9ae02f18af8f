#include "floor_raw.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/units.h"
#include "floor_log.h"
#include "floor_net.h"
#include "floor_ring.h"
#include "floor_run.h"
#include "floor_sizes.h"
#include "tool/fail.h"

struct worker {
    const struct floor_settings *settings;
    const struct floor_log *log;
    const struct floor_listener *listener;
    struct floor_counters *counters;
    struct histogram *latency; /* Shared memory */
};

/* Start a new process that does that work; returns its id. */
static int start(void (*work)(const struct worker *), const struct worker *worker)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        floor_fatal("fork", errno);
    if (pid > 0)
        return pid;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        work(worker);
    _exit(0);
}

/* Submit what is prepared, and take the one event that follows; returns its result. */
static int32_t await_event(struct floor_ring *ring, enum floor_op op)
{
    struct floor_event event;
    int32_t result = -1;
    bool found = false;
    while (!found) {
        floor_turn(ring, 1, 0);
        while (floor_next(ring, &event)) {
            if (event.result < 0)
                floor_fatal("a raw measurement", -event.result);
            found = found || event.op == op;
            result = event.op == op ? event.result : result;
        }
    }
    return result;
}

static void write_blocks(const struct worker *worker)
{
    struct floor_ring ring;
    struct floor_log log = *worker->log;
    unsigned char *slots = floor_slots_map();
    floor_ring_open(&ring, worker->counters);
    floor_ring_register(&ring, slots, (uint64_t)FLOOR_SLOTS * FLOOR_SLOT_BYTES);
    uint64_t end = floor_now() + worker->settings->time_ns;
    for (uint64_t begin = floor_now(); begin < end;) {
        struct floor_record record = {
                log.fd, slots, FLOOR_BLOCK_BYTES, floor_log_place(&log, FLOOR_BLOCK_BYTES)};
        floor_write(&ring, &record, 0);
        (void)await_event(&ring, FLOOR_WRITE);
        uint64_t now = floor_now();
        histogram_add(worker->latency, now - begin);
        begin = now;
    }
}

enum {
    REQUEST_BYTES = FLOOR_REQUESTS_HEAD_BYTES + FLOOR_REQUEST_BYTES,
    REPLY_BYTES = FLOOR_ANSWERS_HEAD_BYTES + FLOOR_ANSWER_BYTES,
};

/* How many bytes came; 0: the other side is gone. A message this short comes whole. */
static int32_t receive(struct floor_ring *ring, int fd, unsigned char *bytes)
{
    floor_receive_into(ring, fd, bytes, REQUEST_BYTES);
    return await_event(ring, FLOOR_RECEIVE);
}

static void echo(const struct worker *worker)
{
    unsigned char request[REQUEST_BYTES];
    unsigned char reply[REPLY_BYTES] = {0};
    struct floor_ring ring;
    floor_ring_open(&ring, worker->counters);
    int fd = floor_accept_one(worker->listener);
    while (receive(&ring, fd, request) > 0)
        floor_send(&ring, &(struct floor_message){fd, reply, REPLY_BYTES}, 0);
}

static void ask(const struct worker *worker)
{
    unsigned char request[REQUEST_BYTES] = {0};
    unsigned char reply[REQUEST_BYTES];
    struct floor_ring ring;
    floor_ring_open(&ring, worker->counters);
    int fd = floor_connect(worker->listener->port);
    uint64_t end = floor_now() + worker->settings->time_ns;
    for (uint64_t begin = floor_now(); begin < end;) {
        floor_send(&ring, &(struct floor_message){fd, request, REQUEST_BYTES}, 0);
        if (receive(&ring, fd, reply) == 0)
            floor_fatal("the echo is gone", 0);
        uint64_t now = floor_now();
        histogram_add(worker->latency, now - begin);
        begin = now;
    }
}

struct shared {
    struct floor_counters counters[FLOOR_NODES];
    struct histogram latencies[FLOOR_NODES];
};

static bool measure_writes(
        const struct floor_settings *settings, uint32_t files, struct histogram *latency)
{
    struct shared *shared = floor_map(sizeof(*shared));
    struct floor_log logs[FLOOR_NODES];
    int pids[FLOOR_NODES];
    for (uint32_t i = 0; i < files; i++) {
        floor_log_open(&logs[i], settings->dir, settings->log_mib * MIB);
        histogram_init(&shared->latencies[i]);
    }
    for (uint32_t i = 0; i < files; i++) {
        struct worker worker = {.settings = settings,
                .log = &logs[i],
                .counters = &shared->counters[i],
                .latency = &shared->latencies[i]};
        pids[i] = start(write_blocks, &worker);
    }
    bool good = floor_await(pids, files);
    histogram_init(latency);
    for (uint32_t i = 0; i < files; i++) {
        histogram_merge(latency, &shared->latencies[i]);
        (void)close(logs[i].fd);
    }
    return good;
}

static bool measure_round_trip(
        const struct floor_settings *settings, struct histogram *latency)
{
    struct shared *shared = floor_map(sizeof(*shared));
    struct floor_listener listener = floor_listen();
    struct worker worker = {.settings = settings,
            .listener = &listener,
            .counters = &shared->counters[0],
            .latency = &shared->latencies[0]};
    histogram_init(worker.latency);
    int pids[2];
    pids[0] = start(echo, &worker);
    worker.counters = &shared->counters[1];
    pids[1] = start(ask, &worker);
    bool good = floor_await(pids, 2);
    *latency = *worker.latency;
    return good;
}

bool floor_raw(const struct floor_settings *settings, struct floor_raw *raw)
{
    bool good = measure_writes(settings, 1, &raw->one_write) &&
                measure_writes(settings, FLOOR_NODES, &raw->three_writes) &&
                measure_round_trip(settings, &raw->round_trip);
    if (!good)
        complain("a raw measurement failed");
    return good;
}
