#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "io/clock.h"
#include "io/disk.h"
#include "io/disk_maker.h"
#include "io/disk_repair.h"
#include "io/disk_snapshot.h"
#include "io/http.h"
#include "io/listen.h"
#include "io/locked_memory.h"
#include "io/names.h"
#include "io/net.h"
#include "io/service.h"
#include "io/turn.h"
#include "io/uring.h"

enum {
    DONE_MAX = 1024,        /* Completions in one turn */
    DONE_CHUNK = 64,        /* ... and how many before the clock is read */
    OTHER_DESCRIPTORS = 64, /* Ring, log, standard streams, helpers */
    SLOTS_MIN = 2 * MEMBERS_MAX,
};

static const uint64_t longest_wait_ns = 3600 * NS_PER_S;

/* After that time in a turn, completions that are left are for the next one. */
static const uint64_t dispatch_ns = 2 * NS_PER_MS;
static const uint64_t name_pause_s = 1;

struct loop {
    const struct loop_settings *settings;
    const struct node_settings *node_settings;
    const struct tell *tell;
    struct uring uring;
    struct turn turn;
    struct net net;
    struct disk disk;
    struct http http;
    struct service service;
    struct names *names;
    void *memory;
    size_t memory_bytes;
    int listener;
    int signals;
    struct signalfd_siginfo signal;
    uint64_t names_woken;
    bool stopping;
    struct uring_done done[DONE_CHUNK];
};

/* ---- Limits and memory ---- */

bool loop_fit_connections(
        const struct tell *tell, uint8_t member_count, uint32_t *connections)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return true;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= (rlim_t)*connections + OTHER_DESCRIPTORS)
        return true;
    if (limit.rlim_cur < OTHER_DESCRIPTORS + SLOTS_MIN + (rlim_t)member_count) {
        tell_line(tell, TELL_ERROR, "few-descriptors",
                "limit=%llu: too few file descriptors to start; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)",
                (unsigned long long)limit.rlim_cur);
        return false;
    }
    uint32_t fit = (uint32_t)(limit.rlim_cur - OTHER_DESCRIPTORS);
    tell_line(tell, TELL_WARN, "fewer-connections",
            "connections=%u wanted=%u: RLIMIT_NOFILE does not allow more connections; raise it (ulimit -n, LimitNOFILE=)",
            fit, *connections);
    *connections = fit;
    return true;
}

static struct node *carve(struct loop *loop, struct arena *arena)
{
    const struct node_settings *settings = loop->node_settings;
    trace_carve(&loop->turn.trace, arena);
    uring_carve(&loop->uring, arena);
    net_carve(&loop->net, arena, settings->limits.connections_max);
    disk_carve(&loop->disk, arena, settings->wal.segments_max);
    if (loop->settings->http.port != 0)
        http_carve(&loop->http, arena, loop->settings->pages.room_bytes);
    loop->names = arena_take(
            arena, "names of members", 1, sizeof *loop->names, alignof(struct names));
    return node_carve(arena, settings);
}

struct node *loop_measure(struct arena *arena, const struct loop_settings *settings,
        const struct node_settings *node)
{
    struct loop loop = {.settings = settings, .node_settings = node};
    return carve(&loop, arena);
}

/* Nothing is reserved: untouched pages take no memory. */
static bool map_memory(struct loop *loop)
{
    struct arena arena;
    arena_init(&arena, NULL, 0);
    (void)loop_measure(&arena, loop->settings, loop->node_settings);
    size_t bytes = arena_used_bytes(&arena);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        tell_line(loop->tell, TELL_ERROR, "no-memory",
                "bytes=%zu error=\"%s\": memory cannot be mapped; lower the limits (see --plan), or raise RLIMIT_AS or the bound of vm.overcommit_memory",
                bytes, strerror(errno));
        return false;
    }
    if (loop->memory)
        (void)munmap(loop->memory, loop->memory_bytes);
    loop->memory = memory;
    loop->memory_bytes = bytes;
    arena_init(&arena, memory, bytes);
    loop->turn.node = carve(loop, &arena);
    arena_seal(&arena);
    return true;
}

/* ---- Opening ---- */

/*
 * The node's own name may have no address yet, when a machine or a name server starts: it
 * is looked up again until it has one.
 */
static bool open_listener(struct loop *loop, char *reason)
{
    bool later = false;
    bool told = false;
    while ((loop->listener = listen_bind(&loop->settings->listen, reason, &later)) < 0) {
        if (!later) {
            tell_line(loop->tell, TELL_ERROR, "cannot-listen", "%s", reason);
            return false;
        }
        if (!told)
            tell_line(loop->tell, TELL_WARN, "cannot-listen",
                    "%s; it is looked up again every second", reason);
        told = true;
        (void)sleep(name_pause_s);
    }
    return true;
}

/* Everything that can fail before the data directory is opened. */
static bool open_outside(struct loop *loop)
{
    char reason[URING_REASON_BYTES];
    static_assert(LISTEN_REASON_BYTES <= sizeof reason, "one buffer serves both");
    uint32_t connections = loop->node_settings->limits.connections_max;
    locked_memory_raise();
    if (!uring_open(&loop->uring, 4 * connections, reason)) {
        tell_line(loop->tell, TELL_ERROR, "no-io-uring", "%s", reason);
        return false;
    }
    if (!loop->uring.deferred || !loop->uring.ring_registered)
        tell_line(loop->tell, TELL_INFO, "ring-flags",
                "deferred=%d registered=%d: this kernel lacks an io_uring flag; lockd works, only slightly slower",
                loop->uring.deferred, loop->uring.ring_registered);
    if (loop->uring.small)
        tell_line(loop->tell, TELL_WARN, "small-ring",
                "little memory may be locked, so the ring is small and slower under load; raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)");
    return open_listener(loop, reason);
}

static void open_service(struct loop *loop)
{
    char reason[SERVICE_REASON_BYTES];
    if (!service_open(&loop->service, reason))
        tell_line(loop->tell, TELL_WARN, "no-service-manager",
                "%s; it hears nothing of this node", reason);
}

static bool open_http(struct loop *loop)
{
    char reason[LISTEN_REASON_BYTES];
    struct http *http = &loop->http;
    http->listener = -1;
    http->uring = &loop->uring;
    http->turn = &loop->turn;
    http->pages = &loop->settings->pages;
    http->connections_refused = &loop->net.refused_count;
    http->folder = loop->disk.folder;
    if (loop->settings->http.port == 0 || http_open(http, &loop->settings->http, reason))
        return true;
    tell_line(loop->tell, TELL_ERROR, "cannot-listen", "%s; correct --http", reason);
    return false;
}

static bool open_disk(struct loop *loop)
{
    char reason[DISK_REASON_BYTES];
    struct disk_settings settings = {
            .path = loop->settings->data,
            .sync_after = loop->settings->sync_after,
            .to_try = loop->settings->to_try,
            .segment_bytes = loop->node_settings->wal.segment_bytes,
            .segments_max = loop->node_settings->wal.segments_max,
    };
    loop->disk.tell = loop->tell;
    if (disk_open(&loop->disk, &settings, reason))
        return true;
    tell_line(loop->tell, TELL_ERROR, "no-data-directory", "%s", reason);
    return false;
}

/* ---- The log ---- */

static const char *explain_boot(enum node_boot boot)
{
    switch (boot) {
    case NODE_BOOT_OK:
        return "";
    case NODE_BOOT_FOREIGN_NODE:
        return "the data directory belongs to another node; correct --id or --data";
    case NODE_BOOT_DAMAGED:
        return "data that this node acknowledged cannot be read back, so it must not vote; copy the directory, check the disk, and restore the files if you have them elsewhere";
    case NODE_BOOT_NEWER:
        return "a newer lockd wrote this log; start that version";
    case NODE_BOOT_FOREIGN_SEGMENT:
        return "a log segment of another node or cluster is in this directory; remove that file";
    case NODE_BOOT_VERSION:
        return "the cluster uses a version that this lockd does not know; start the lockd that the other members run";
    case NODE_BOOT_NO_SNAPSHOT:
        return "no snapshot in the directory belongs to its log and can be read, or the log is gone; copy the directory, check the disk, and restore the files if you have them elsewhere";
    case NODE_BOOT_PLAN_TOO_SMALL:
        return "the cluster was created with larger limits than this node has; start it with the original limits";
    }
    return "";
}

static uint64_t draw(struct loop *loop)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        tell_fatal(loop->tell, "no-randomness", "error=\"%s\"", strerror(errno));
    return random;
}

enum booted {
    BOOTED,
    BOOT_REFUSED,
    BOOT_AGAIN, /* The log was given up, and the directory has none now. */
};

static enum booted refuse_boot(
        struct loop *loop, enum node_boot boot, const struct recovery_decision *decision)
{
    tell_line(loop->tell, TELL_ERROR, "log-refused",
            "path=%s node=%u cluster=%016llx segment=%llu offset=%llu durable=%llu: %s",
            loop->settings->data, decision->node, (unsigned long long)decision->cluster,
            (unsigned long long)decision->bad.segment,
            (unsigned long long)decision->bad.offset,
            (unsigned long long)decision->durable_at_least, explain_boot(boot));
    return BOOT_REFUSED;
}

/* Damage that the other members can heal. */
static enum booted give_up_log(
        struct loop *loop, enum node_boot boot, const struct recovery_decision *decision)
{
    char reason[DISK_REASON_BYTES];
    struct repair_block repair;
    if (loop->disk.denied || !node_may_repair(loop->turn.node, boot, &repair))
        return refuse_boot(loop, boot, decision);
    if (!disk_give_up(&loop->disk, &repair, reason)) {
        tell_line(loop->tell, TELL_ERROR, "repair-failed",
                "%s; check the disk (dmesg), then start lockd again", reason);
        return BOOT_REFUSED;
    }
    tell_line(loop->tell, TELL_ERROR, "log-given-up",
            "path=%s segment=%llu offset=%llu last=%llu durable=%llu term=%llu folder=damaged-%u: %s cannot be read back, so the log and the snapshots were put aside in that folder, and this node joins again as a new member; check the disk (dmesg, smartctl), and remove the folder when all members are healthy",
            loop->settings->data, (unsigned long long)decision->bad.segment,
            (unsigned long long)decision->bad.offset,
            (unsigned long long)decision->last.index,
            (unsigned long long)decision->durable_at_least, (unsigned long long)repair.term,
            repair.folder,
            boot == NODE_BOOT_DAMAGED ? "data that this node acknowledged"
                                      : "the snapshots of this node");
    return BOOT_AGAIN;
}

static enum booted boot_node(struct loop *loop)
{
    char reason[DISK_REASON_BYTES];
    struct node_settings settings = *loop->node_settings;
    uint64_t seed = draw(loop);
    settings.wal.incarnation = draw(loop) | 1;
    node_init(loop->turn.node, &settings, seed);
    struct repair_block repair;
    if (!disk_resume_repair(&loop->disk, &repair, reason)) {
        tell_line(loop->tell, TELL_ERROR, "repair-failed",
                "%s; check the disk (dmesg), then start lockd again", reason);
        return BOOT_REFUSED;
    }
    if (repair.given_up != 0)
        node_gave_up(loop->turn.node, &repair);
    if (!disk_replay(&loop->disk, loop->turn.node, reason)) {
        tell_line(loop->tell, TELL_ERROR, "log-unreadable", "%s", reason);
        return BOOT_REFUSED;
    }
    struct recovery_decision decision;
    enum node_boot boot = node_boot(loop->turn.node, clock_now(), &decision);
    if (boot == NODE_BOOT_VERSION) {
        struct versions own = loop->node_settings->versions;
        tell_line(loop->tell, TELL_ERROR, "log-refused",
                "path=%s cluster-version=%u least=%u most=%u: %s", loop->settings->data,
                node_log_version(loop->turn.node), own.least, own.most, explain_boot(boot));
        return BOOT_REFUSED;
    }
    if (boot != NODE_BOOT_OK)
        return give_up_log(loop, boot, &decision);
    if (!disk_settle(&loop->disk, loop->turn.node, reason)) {
        tell_line(loop->tell, TELL_ERROR, "log-not-durable", "%s", reason);
        return BOOT_REFUSED;
    }
    if (repair.given_up != 0 && !node_is_repairing(loop->turn.node))
        disk_end_repair(&loop->disk);
    tell_line(loop->tell, TELL_INFO, "log-read",
            "path=%s segments=%u last=%llu term=%llu cluster=%016llx%s",
            loop->settings->data, loop->disk.number_count,
            (unsigned long long)decision.last.index, (unsigned long long)decision.term,
            (unsigned long long)decision.cluster,
            decision.verdict == RECOVERY_CUT
                    ? ": a torn last write, which was never acknowledged, is dropped"
                    : "");
    return BOOTED;
}

/* With memory that nobody has used: what a log that was given up has left in it is gone. */
static bool boot(struct loop *loop)
{
    enum booted booted = BOOT_AGAIN;
    while (booted == BOOT_AGAIN && map_memory(loop))
        booted = boot_node(loop);
    return booted == BOOTED;
}

/* ---- Signals ---- */

static void read_signal(struct loop *loop)
{
    struct io_uring_sqe *sqe = uring_next(&loop->uring);
    io_uring_prep_read(sqe, loop->signals, &loop->signal, sizeof loop->signal, 0);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_SIGNAL, 0));
}

static void open_signals(struct loop *loop)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    loop->signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (loop->signals < 0)
        tell_fatal(loop->tell, "no-signals", "error=\"%s\"", strerror(errno));
    read_signal(loop);
}

/* The first signal stops in order, the second at once. */
static void stop(struct loop *loop, const char *name)
{
    if (loop->stopping)
        tell_fatal(loop->tell, "stopped-at-once",
                "signal=%s: second signal; exiting at once", name);
    tell_line(loop->tell, TELL_INFO, "stopping", "signal=%s", name);
    loop->stopping = true;
    service_stopping(&loop->service);
    turn_step(&loop->turn, (struct node_event){.kind = NODE_STOP});
}

static void reload(struct loop *loop)
{
    service_reloading(&loop->service, clock_now());
    loop->tell->reload(loop->tell->context);
    service_ready(&loop->service);
}

static void on_signal(struct loop *loop, const struct uring_done *done)
{
    bool whole = done->result == (int32_t)sizeof loop->signal;
    if (whole && loop->signal.ssi_signo == SIGHUP)
        reload(loop);
    else if (whole)
        stop(loop, loop->signal.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    read_signal(loop);
}

/* ---- Names ---- */

static uint32_t count_names(const struct loop *loop)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < loop->net.peer_count; i++)
        count += loop->net.peers[i].numeric ? 0 : 1;
    return count;
}

static void read_names(struct loop *loop)
{
    struct io_uring_sqe *sqe = uring_next(&loop->uring);
    io_uring_prep_read(
            sqe, loop->names->wake, &loop->names_woken, sizeof loop->names_woken, 0);
    io_uring_sqe_set_data64(sqe, uring_tag(OP_NAMES, 0));
}

static void open_names(struct loop *loop)
{
    /* A member that is added later may have a name, too. */
    uint32_t count = count_names(loop) > 0 ? count_names(loop) : 1;
    if (!names_open(loop->names, count))
        tell_fatal(loop->tell, "no-thread",
                "error=\"%s\": the thread that resolves names cannot start",
                strerror(errno));
    loop->net.names = loop->names;
    read_names(loop);
}

/* ---- Turns ---- */

static void dispatch(struct loop *loop, const struct uring_done *done)
{
    switch (uring_tag_op(done->tag)) {
    case OP_IGNORED:
        break;
    case OP_ACCEPT:
        net_accepted(&loop->net, done);
        break;
    case OP_RECEIVE:
        net_received(&loop->net, done);
        break;
    case OP_SEND:
        net_sent(&loop->net, done);
        break;
    case OP_CONNECT:
        net_connected(&loop->net, done);
        break;
    case OP_LOG_WRITE:
        disk_written(&loop->disk, done);
        break;
    case OP_LOG_SYNC:
        disk_synced(&loop->disk, done);
        break;
    case OP_LOG_READ:
        disk_read(&loop->disk, done);
        break;
    case OP_MAKE_SEGMENT:
        maker_done(&loop->disk, done);
        break;
    case OP_FILE:
        snapshot_op_done(&loop->disk, done);
        break;
    case OP_HTTP_ACCEPT:
        http_accepted(&loop->http, done);
        break;
    case OP_HTTP:
        http_done(&loop->http, done);
        break;
    case OP_SIGNAL:
        on_signal(loop, done);
        break;
    case OP_NAMES:
        net_resolved(&loop->net);
        read_names(loop);
        break;
    }
}

static void end_turn(struct loop *loop)
{
    struct node_event end = {.kind = NODE_TURN_END, .clocks = clock_read()};
    end.now_ns = end.clocks.monotonic_ns;
    loop->turn.now_ns = end.now_ns;
    turn_step(&loop->turn, end);
    const struct node_effects *effects = &loop->turn.effects;
    for (uint32_t i = 0; i < effects->notice_count; i++)
        loop->tell->notice(loop->tell->context, loop->turn.node, &effects->notices[i]);
}

static void sleep_until_due(struct loop *loop)
{
    uint64_t deadline = u64_min(loop->turn.effects.deadline_ns, net_deadline(&loop->net));
    deadline = u64_min(deadline, disk_deadline(&loop->disk));
    deadline = u64_min(deadline, http_deadline(&loop->http));
    deadline = u64_min(deadline, service_deadline(&loop->service));
    uint64_t now = loop->turn.now_ns;
    uint64_t wait = deadline > now ? u64_min(deadline - now, longest_wait_ns) : 0;
    int failed = uring_wait(&loop->uring, wait);
    if (failed != 0)
        tell_fatal(loop->tell, "ring-failed", "error=\"%s\"", strerror(-failed));
}

/* All prepared operations go to the kernel now; for the node they are handed on. */
static void measure_turn(struct loop *loop, uint64_t begun_ns)
{
    struct loop_figures *figures = node_loop_figures(loop->turn.node);
    loop->turn.handed_ns = clock_now();
    histogram_add(&figures->turns, loop->turn.handed_ns - begun_ns);
    figures->system_calls = loop->uring.enter_count;
    if (loop->tell->dropped)
        figures->lines_dropped = loop->tell->dropped(loop->tell->context);
}

/*
 * However many connections are opened, closed or speak at once, the turn ends soon: what is
 * left does not wait long, and everybody who is served in this turn gets an answer.
 */
static void dispatch_all(struct loop *loop, uint64_t begun_ns)
{
    unsigned count = DONE_CHUNK;
    for (unsigned all = 0; count == DONE_CHUNK && all < DONE_MAX; all += count) {
        count = uring_take(&loop->uring, loop->done, DONE_CHUNK);
        for (unsigned i = 0; i < count; i++)
            dispatch(loop, &loop->done[i]);
        if (clock_now() - begun_ns >= dispatch_ns)
            return;
    }
}

static void tell_service(struct loop *loop)
{
    char line[SERVICE_LINE_BYTES];
    if (loop->turn.now_ns < service_deadline(&loop->service))
        return;
    loop->tell->state(loop->turn.node, line, sizeof line);
    service_tell(&loop->service, line, loop->turn.now_ns);
}

static void run_turn(struct loop *loop)
{
    uint64_t begun_ns = clock_now();
    loop->turn.now_ns = begun_ns;
    dispatch_all(loop, begun_ns);
    net_time(&loop->net);
    disk_time(&loop->disk);
    end_turn(loop);
    net_perform(&loop->net, &loop->turn.effects);
    disk_perform(&loop->disk, &loop->turn.effects);
    http_time(&loop->http);
    tell_service(loop);
    measure_turn(loop, begun_ns);
}

static void begin(struct loop *loop)
{
    struct net_settings settings = {
            .congestion = loop->settings->congestion, .node = loop->node_settings};
    loop->net.uring = &loop->uring;
    loop->net.turn = &loop->turn;
    loop->net.tell = loop->tell;
    loop->net.listener = loop->listener;
    loop->disk.uring = &loop->uring;
    loop->disk.turn = &loop->turn;
    node_effects_init(loop->turn.node, &loop->turn.effects);
    trace_on_abort(&loop->turn.trace, loop->disk.folder);
    /* A batch waits for a part of a commit: the default is to wake up 50 us late. */
    (void)prctl(PR_SET_TIMERSLACK, 1);
    open_signals(loop);
    char reason[URING_REASON_BYTES];
    if (!uring_provide(&loop->uring, reason))
        tell_fatal(loop->tell, "no-receive-buffers", "%s", reason);
    net_init(&loop->net, &settings);
    open_names(loop);
    disk_begin(&loop->disk);
}

static int serve(struct loop *loop)
{
    char text[ADDRESS_TEXT_BYTES];
    (void)address_text(&loop->settings->listen, text);
    tell_line(loop->tell, TELL_INFO, "serving", "node=%u address=%s members=%u",
            loop->node_settings->self, text, loop->node_settings->member_count);
    if (loop->http.listener >= 0) {
        char http[ADDRESS_TEXT_BYTES];
        (void)address_text(&loop->settings->http, http);
        tell_line(loop->tell, TELL_INFO, "serving-http", "address=%s: metrics and probes",
                http);
    }
    if (!listen_is_loopback(loop->listener))
        tell_line(loop->tell, TELL_WARN, "not-authenticated",
                "address=%s: anyone who reaches this port can use the cluster; traffic is neither authenticated nor encrypted, so allow only trusted machines",
                text);
    service_ready(&loop->service);
    for (;;) {
        run_turn(loop);
        if (loop->turn.effects.failed)
            return EXIT_FAILURE;
        if (loop->turn.effects.stopped)
            break;
        sleep_until_due(loop);
    }
    /* The kernel frees the ring only after the process is gone, so release the port now. */
    (void)shutdown(loop->listener, SHUT_RDWR);
    if (loop->http.listener >= 0)
        (void)shutdown(loop->http.listener, SHUT_RDWR);
    tell_line(loop->tell, TELL_INFO, "stopped", "node=%u", loop->node_settings->self);
    return EXIT_SUCCESS;
}

int loop_run(const struct loop_settings *settings, const struct node_settings *node)
{
    /*
     * Used until the process ends, also by the thread of names, so it is not on the stack.
     */
    static struct loop loop;
    loop = (struct loop){.settings = settings, .node_settings = node};
    loop.tell = &settings->tell;
    char reason[LISTEN_REASON_BYTES];
    open_service(&loop);
    if (!open_outside(&loop) || !open_disk(&loop) || !boot(&loop))
        return EXIT_FAILURE;
    if (!listen_begin(loop.listener, &settings->listen, reason)) {
        tell_line(loop.tell, TELL_ERROR, "cannot-listen", "%s", reason);
        return EXIT_FAILURE;
    }
    if (!open_http(&loop))
        return EXIT_FAILURE;
    begin(&loop);
    return serve(&loop);
}
