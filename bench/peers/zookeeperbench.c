/*
 * zookeeperbench: lockbench's load on ZooKeeper, through its C client without threads.
 *
 * A lock of one's own is an ephemeral node: created, and deleted. One round trip and one
 * commit each.
 *
 * A contended lock is a node with a child for each waiter, as in ZooKeeper's own recipe: an
 * ephemeral, sequential child is created; who has the lowest number has the lock; the
 * others watch the one in front, and list the children again when it is gone. It differs
 * from the recipe in one thing: numbers are given without gaps, so the one in front is
 * first looked for under the number before one's own. If it is there, a listing would say
 * no more.
 *
 * A token is the transaction that created the node.
 */
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <zookeeper/zookeeper.h>

#include "base/units.h"
#include "lockbench/bench_clock.h"
#include "peer_load.h"
#include "tool/fail.h"

enum {
    PATH_BYTES = WORKLOAD_NAME_BYTES + 32,
    TURN_MS = 100,
    CONNECT_S = 20,
};

/* What a slot calls back with. */
struct zoo_slot {
    struct peer_load *load;
    zhandle_t *zoo;
    uint32_t number;
    int64_t token;
    char path[PATH_BYTES];                /* Of its node */
    void (*again)(struct zoo_slot *slot); /* Find out who is in front */
};

static struct {
    zhandle_t **links;
    struct pollfd *polled;
    struct zoo_slot *slots;
    uint32_t parents; /* Contended locks that are there */
    bool contended;
} zoo;

/* `path` is what it was about. */
static void need_ok(int code, const char *what, const char *path)
{
    if (code != ZOK)
        peer_fail("%s %s: %s", what, path, zerror(code));
}

static void lock_path(const struct zoo_slot *slot, char path[])
{
    path[0] = '/';
    (void)workload_name(
            &slot->load->workload, slot->load->slots[slot->number].lock, path + 1);
}

static void granted(struct zoo_slot *slot)
{
    peer_acquired(slot->load, slot->number, LK_OK, (uint64_t)slot->token);
}

/* ---- A contended lock: who is in front ---- */

/* The number at the end of a sequential node's name; ten digits. */
static int number_of(const char *name)
{
    size_t length = strlen(name);
    return length < 10 ? INT_MAX : (int)strtol(name + length - 10, NULL, 10);
}

static void again(struct zoo_slot *slot)
{
    slot->again(slot);
}

static void on_gone(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    (void)state;
    (void)path;
    if (type == ZOO_DELETED_EVENT)
        again(context);
}

/* The answer of a read that leaves a watch if the node is there. */
static void on_looked(
        int code, const char *value, int length, const struct Stat *stat, const void *data)
{
    struct zoo_slot *slot = &zoo.slots[(const struct zoo_slot *)data - zoo.slots];
    (void)value;
    (void)length;
    (void)stat;
    if (code == ZNONODE)
        again(slot);
    else
        need_ok(code, "watch before", slot->path);
}

/* Watch the waiter with that number. */
static void look_at(struct zoo_slot *slot, int number)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s", slot->path);
    (void)snprintf(path + strlen(path) - 10, 11, "%010d", number);
    need_ok(zoo_awget(slot->zoo, path, on_gone, slot, on_looked, slot), "watch", path);
}

static void on_listed(int code, const struct String_vector *names, const void *data)
{
    struct zoo_slot *slot = &zoo.slots[(const struct zoo_slot *)data - zoo.slots];
    int mine = number_of(slot->path);
    int ahead = -1;
    need_ok(code, "list before", slot->path);
    for (int i = 0; i < names->count; i++) {
        int number = number_of(names->data[i]);
        if (number < mine && number > ahead)
            ahead = number;
    }
    if (ahead < 0)
        granted(slot);
    else
        look_at(slot, ahead);
}

static void list_waiters(struct zoo_slot *slot)
{
    char path[PATH_BYTES];
    lock_path(slot, path);
    need_ok(zoo_aget_children(slot->zoo, path, 0, on_listed, slot), "list", path);
}

/* ---- Acquire and release ---- */

static void on_created(
        int code, const char *path, const struct Stat *stat, const void *data)
{
    struct zoo_slot *slot = &zoo.slots[(const struct zoo_slot *)data - zoo.slots];
    need_ok(code, "create", slot->path);
    slot->token = stat->czxid;
    (void)snprintf(slot->path, sizeof(slot->path), "%s", path);
    if (!zoo.contended)
        granted(slot);
    else if (number_of(path) > 0)
        look_at(slot, number_of(path) - 1);
    else
        list_waiters(slot);
}

static void acquire(struct peer_load *load, uint32_t number)
{
    struct zoo_slot *slot = &zoo.slots[number];
    (void)load;
    lock_path(slot, slot->path);
    if (zoo.contended)
        (void)snprintf(slot->path + strlen(slot->path), 4, "/n-");
    need_ok(zoo_acreate2(slot->zoo, slot->path, "", 0, &ZOO_OPEN_ACL_UNSAFE,
                    zoo.contended ? ZOO_EPHEMERAL_SEQUENTIAL : ZOO_EPHEMERAL, on_created,
                    slot),
            "create", slot->path);
}

static void on_removed(int code, const void *data)
{
    const struct zoo_slot *slot = data;
    need_ok(code, "delete", slot->path);
    peer_released(slot->load, slot->number, LK_OK);
}

static void release(struct peer_load *load, uint32_t number)
{
    struct zoo_slot *slot = &zoo.slots[number];
    (void)load;
    need_ok(zoo_adelete(slot->zoo, slot->path, -1, on_removed, slot), "delete", slot->path);
}

/* ---- The loop ---- */

/* Also keeps the session alive. Returns after how many ms it wants to be called again. */
static int prepare(zhandle_t *handle, struct pollfd *polled)
{
    int interest = 0;
    struct timeval wait = {0, 0};
    polled->fd = -1;
    int code = zookeeper_interest(handle, &polled->fd, &interest, &wait);
    if (code != ZOK)
        peer_fail("no connection: %s", zerror(code));
    polled->events = (short)((interest & ZOOKEEPER_READ ? POLLIN : 0) |
                             (interest & ZOOKEEPER_WRITE ? POLLOUT : 0));
    return (int)(wait.tv_sec * 1000 + wait.tv_usec / 1000);
}

/* A call reads one message at most. */
static void process(zhandle_t *handle, short ready)
{
    int events = (ready & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                 (ready & POLLOUT ? ZOOKEEPER_WRITE : 0);
    int code = ZOK;
    while (code == ZOK && events != 0) {
        code = zookeeper_process(handle, events);
        events &= ZOOKEEPER_READ;
    }
    if (code != ZOK && code != ZNOTHING)
        peer_fail("connection: %s", zerror(code));
}

static void turn(struct peer_load *load)
{
    int wait = TURN_MS;
    nfds_t links = load->settings.connections;
    for (nfds_t i = 0; i < links; i++) {
        int wanted = prepare(zoo.links[i], &zoo.polled[i]);
        wait = wanted < wait ? wanted : wait;
    }
    (void)poll(zoo.polled, links, wait);
    for (nfds_t i = 0; i < links; i++) {
        if (zoo.polled[i].revents != 0)
            process(zoo.links[i], zoo.polled[i].revents);
    }
}

/* ---- Connecting ---- */

static void on_session(
        zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle;
    (void)path;
    (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_EXPIRED_SESSION_STATE)
        peer_fail("a session ran out");
}

static void on_parent(int code, const char *path, const void *data)
{
    (void)data;
    need_ok(code, "create a lock", path ? path : "");
    zoo.parents++;
}

/* Locks that are waited for are nodes that stay; nothing else is left of the load. */
static void create_parents(struct peer_load *load)
{
    uint32_t count = (uint32_t)load->settings.locks;
    char path[PATH_BYTES] = "/";
    for (uint32_t i = 0; i < count; i++) {
        (void)workload_name(
                &load->workload, (uint32_t)load->settings.inflight + i, path + 1);
        need_ok(zoo_acreate(zoo.links[0], path, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_parent,
                        NULL),
                "create", path);
    }
    while (zoo.parents < count)
        turn(load);
}

static bool all_connected(const struct peer_load *load)
{
    for (uint64_t i = 0; i < load->settings.connections; i++) {
        if (zoo_state(zoo.links[i]) != ZOO_CONNECTED_STATE)
            return false;
    }
    return true;
}

static void open_links(struct peer_load *load)
{
    const struct settings *settings = &load->settings;
    uint64_t limit = monotonic_ns() + CONNECT_S * NS_PER_S;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zoo.contended = settings->load == LOAD_CONTENDED;
    zoo.links = need(calloc(settings->connections, sizeof(zhandle_t *)));
    zoo.polled = need(calloc(settings->connections, sizeof(zoo.polled[0])));
    zoo.slots = need(calloc(settings->inflight, sizeof(zoo.slots[0])));
    for (uint64_t i = 0; i < settings->connections; i++) {
        zoo.links[i] = zookeeper_init(settings->cluster, on_session,
                (int)(settings->ttl_ns / NS_PER_MS), NULL, NULL, 0);
        if (!zoo.links[i])
            peer_fail("%s: no client", settings->cluster);
    }
    for (uint32_t i = 0; i < settings->inflight; i++)
        zoo.slots[i] = (struct zoo_slot){.load = load,
                .zoo = zoo.links[peer_link_of(load, i)],
                .number = i,
                .again = list_waiters};
    while (!all_connected(load)) {
        turn(load);
        if (monotonic_ns() > limit)
            peer_fail("%s: no answer", settings->cluster);
    }
    if (zoo.contended)
        create_parents(load);
}

int main(int argc, char **argv)
{
    static const struct peer_system system = {
            "zookeeperbench", open_links, acquire, release, turn};
    return peer_main(&system, argv + (argc > 0));
}
