/*
 * redisbench: lockbench's load on a Redis master with replicas, through hiredis.
 *
 * A lock of one's own is `SET key token NX PX ttl`; it is given back by a script that
 * deletes it if the token is still there. What a connection has to ask goes out as one
 * pipeline that ends in `WAIT 1 1000`; while the answer to that is awaited, the next
 * pipeline gathers. So one WAIT pays for all commands before it, as one fsync does on the
 * master.
 *
 * A contended lock wants a queue, or each release would wake all who wait. Redis has none,
 * so scripts keep it as a list beside the lock: who finds the lock taken appends its token;
 * who releases sets the lock to the next token and publishes that. The next holder confirms
 * with a script that starts its lease anew, and WAITs for that: a grant that only the
 * master knows would be less than what the other systems give.
 *
 * A token is LINK:SLOT:COUNT, and is published on the link's own channel.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "lockbench/bench_clock.h"
#include "peer_load.h"
#include "tool/fail.h"

enum {
    HOST_BYTES = 256,
    SHA_BYTES = 41,
    TOKEN_BYTES = 64,
    WAIT_MS = 1000,
    TURN_MS = 100,
};

enum ask_kind {
    ASK_OWN,     /* Acquire a lock that nobody else wants */
    ASK_QUEUED,  /* Acquire, or stand in the queue */
    ASK_CONFIRM, /* The lock was set to the slot's token: make that durable */
    ASK_RELEASE,
    ASK_KINDS,
};

struct ask {
    enum ask_kind kind;
    uint32_t slot;
    bool done; /* It did what it should: not a refusal, and not a place in the queue */
};

struct asks {
    struct ask *list;
    uint32_t count;
};

struct redis_link {
    redisContext *commands;
    redisContext *grants; /* Subscribed; NULL unless contended */
    struct asks sent;
    struct asks next;
    uint32_t answered; /* Of `sent`, and one for the WAIT */
};

static const char *const scripts[ASK_KINDS] = {
        [ASK_QUEUED] = "if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then "
                       "return 1 end redis.call('rpush', KEYS[2], ARGV[1]) return 0",
        [ASK_CONFIRM] = "if redis.call('get', KEYS[1]) == ARGV[1] then "
                        "return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0",
        [ASK_RELEASE] = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end "
                        "return redis.call('del', KEYS[1])",
};

/* As release, but the next in the queue has the lock in the same step. */
static const char hand_over[] =
        "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end "
        "local next = redis.call('lpop', KEYS[2]) "
        "if not next then return redis.call('del', KEYS[1]) end "
        "redis.call('set', KEYS[1], next, 'PX', ARGV[2]) "
        "redis.call('publish', ARGV[3] .. string.match(next, '^%d+'), next) return 1";

static struct {
    struct redis_link *links;
    struct pollfd *polled; /* Commands of each link, then its grants */
    uint64_t *counts;      /* Of each slot: how often it acquired */
    char shas[ASK_KINDS][SHA_BYTES];
    bool contended;
} redis;

/* ---- Asking ---- */

static void ask(struct peer_load *load, enum ask_kind kind, uint32_t slot)
{
    struct asks *next = &redis.links[peer_link_of(load, slot)].next;
    next->list[next->count++] = (struct ask){kind, slot, false};
}

static void acquire(struct peer_load *load, uint32_t slot)
{
    redis.counts[slot]++;
    ask(load, redis.contended ? ASK_QUEUED : ASK_OWN, slot);
}

static void release(struct peer_load *load, uint32_t slot)
{
    ask(load, ASK_RELEASE, slot);
}

static void write_out(redisContext *context)
{
    int done = 0;
    if (redisBufferWrite(context, &done) != REDIS_OK)
        peer_fail("cannot send: %s", context->errstr);
}

static void append(struct peer_load *load, redisContext *context, const struct ask *ask)
{
    char key[WORKLOAD_NAME_BYTES];
    char queue[WORKLOAD_NAME_BYTES + 2];
    char token[TOKEN_BYTES];
    char ttl[TOKEN_BYTES];
    (void)workload_name(&load->workload, load->slots[ask->slot].lock, key);
    (void)snprintf(queue, sizeof(queue), "%s:q", key);
    (void)snprintf(token, sizeof(token), "%" PRIu32 ":%" PRIu32 ":%" PRIu64,
            peer_link_of(load, ask->slot), ask->slot, redis.counts[ask->slot]);
    (void)snprintf(ttl, sizeof(ttl), "%" PRIu64, load->settings.ttl_ns / NS_PER_MS);
    const char *own[] = {"SET", key, token, "NX", "PX", ttl};
    const char *script[] = {"EVALSHA", redis.shas[ask->kind], "2", key, queue, token, ttl,
            load->settings.prefix};
    bool is_own = ask->kind == ASK_OWN;
    if (redisAppendCommandArgv(context, is_own ? 6 : 8, is_own ? own : script, NULL) !=
            REDIS_OK)
        peer_fail("cannot ask: %s", context->errstr);
}

static void send_next(struct peer_load *load, struct redis_link *link)
{
    if (link->sent.count > 0 || link->next.count == 0)
        return;
    struct asks empty = link->sent;
    link->sent = link->next;
    link->next = empty;
    link->answered = 0;
    for (uint32_t i = 0; i < link->sent.count; i++)
        append(load, link->commands, &link->sent.list[i]);
    redisAppendCommand(link->commands, "WAIT 1 %d", WAIT_MS);
    write_out(link->commands);
}

/* ---- Answers ---- */

static void conclude(struct peer_load *load, const struct ask *ask, bool durable)
{
    enum lk_status status = durable ? LK_OK : LK_STATUS_UNKNOWN;
    if (ask->kind == ASK_RELEASE)
        peer_released(load, ask->slot, ask->done ? status : LK_STATUS_LOST);
    else if (ask->done)
        peer_acquired(load, ask->slot, status, 0);
    else if (ask->kind != ASK_QUEUED)
        peer_fail("a lock was refused to the only one that wants it");
}

static void conclude_all(struct peer_load *load, struct redis_link *link, bool durable)
{
    uint32_t count = link->sent.count;
    for (uint32_t i = 0; i < count; i++)
        conclude(load, &link->sent.list[i], durable);
    link->sent.count = 0;
}

static void on_answer(
        struct peer_load *load, struct redis_link *link, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR)
        peer_fail("refused: %s", reply->str);
    if (link->answered == link->sent.count) {
        conclude_all(load, link, reply->integer >= 1);
        return;
    }
    link->sent.list[link->answered++].done =
            reply->type == REDIS_REPLY_STATUS ||
            (reply->type == REDIS_REPLY_INTEGER && reply->integer == 1);
}

/* ["message", channel, token] */
static void on_grant(struct peer_load *load, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
            strcmp(reply->element[0]->str, "message") != 0)
        return;
    const char *colon = strchr(reply->element[2]->str, ':');
    if (!colon)
        peer_fail("a grant that is none: %s", reply->element[2]->str);
    ask(load, ASK_CONFIRM, (uint32_t)strtoul(colon + 1, NULL, 10));
}

static void read_from(
        struct peer_load *load, struct redis_link *link, redisContext *context)
{
    void *reply = NULL;
    if (redisBufferRead(context) != REDIS_OK)
        peer_fail("cannot read: %s", context->errstr);
    while (redisGetReplyFromReader(context, &reply) == REDIS_OK && reply) {
        if (context == link->commands)
            on_answer(load, link, reply);
        else
            on_grant(load, reply);
        freeReplyObject(reply);
    }
    if (context->err != 0)
        peer_fail("cannot understand: %s", context->errstr);
}

static void turn(struct peer_load *load)
{
    nfds_t links = load->settings.connections;
    nfds_t count = redis.contended ? 2 * links : links;
    for (nfds_t i = 0; i < links; i++)
        send_next(load, &redis.links[i]);
    for (nfds_t i = 0; i < links; i++)
        redis.polled[i].events =
                (short)(sdslen(redis.links[i].commands->obuf) > 0 ? POLLIN | POLLOUT
                                                                  : POLLIN);
    (void)poll(redis.polled, count, TURN_MS);
    for (nfds_t i = 0; i < count; i++) {
        struct redis_link *link = &redis.links[i % links];
        if (redis.polled[i].revents & POLLOUT)
            write_out(link->commands);
        if (redis.polled[i].revents & (POLLIN | POLLHUP | POLLERR))
            read_from(load, link, i < links ? link->commands : link->grants);
    }
}

/* ---- Connecting ---- */

static redisContext *connect_to(const char *cluster)
{
    char host[HOST_BYTES];
    int port = peer_address(cluster, host, sizeof(host));
    redisContext *context = redisConnect(host, port);
    if (!context || context->err != 0)
        peer_fail("%s: %s", cluster, context ? context->errstr : "no memory");
    return context;
}

static void subscribe(struct peer_load *load, struct redis_link *link)
{
    link->grants = connect_to(load->settings.cluster);
    redisReply *reply = redisCommand(link->grants, "SUBSCRIBE %s%u", load->settings.prefix,
            (unsigned)(link - redis.links));
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        peer_fail("cannot subscribe");
    freeReplyObject(reply);
}

static void load_scripts(void)
{
    for (int i = 0; i < ASK_KINDS; i++) {
        const char *text = i == ASK_RELEASE && redis.contended ? hand_over : scripts[i];
        if (!text)
            continue;
        redisReply *reply = redisCommand(redis.links[0].commands, "SCRIPT LOAD %s", text);
        if (!reply || reply->type != REDIS_REPLY_STRING)
            peer_fail("a script was refused: %s", reply ? reply->str : "");
        (void)snprintf(redis.shas[i], SHA_BYTES, "%s", reply->str);
        freeReplyObject(reply);
    }
}

static void open_links(struct peer_load *load)
{
    uint64_t links = load->settings.connections;
    redis.contended = load->settings.load == LOAD_CONTENDED;
    redis.links = need(calloc(links, sizeof(redis.links[0])));
    redis.polled = need(calloc(2 * links, sizeof(redis.polled[0])));
    redis.counts = need(calloc(load->settings.inflight, sizeof(redis.counts[0])));
    for (uint64_t i = 0; i < links; i++) {
        struct redis_link *link = &redis.links[i];
        link->sent.list = need(calloc(load->settings.inflight, sizeof(struct ask)));
        link->next.list = need(calloc(load->settings.inflight, sizeof(struct ask)));
        link->commands = connect_to(load->settings.cluster);
        redis.polled[i] = (struct pollfd){link->commands->fd, POLLIN, 0};
        if (redis.contended) {
            subscribe(load, link);
            redis.polled[links + i] = (struct pollfd){link->grants->fd, POLLIN, 0};
        }
    }
    load_scripts();
}

int main(int argc, char **argv)
{
    static const struct peer_system system = {
            "redisbench", open_links, acquire, release, turn};
    return peer_main(&system, argv + (argc > 0));
}
