/*
 * Why a lock alone is not enough, and what the token is for.
 *
 * A holder may be paused at any time, even between checking the lock and the write that the
 * lock protects; when it continues, somebody else may hold the lock. No lock service can
 * prevent that, but the resource can: it remembers the largest token that it has seen, and
 * refuses smaller ones.
 *
 *     LOCKD_CLUSTER=127.0.0.1:5625 ./fencing
 */
#include <liblock.h>
#include <stdio.h>

/* The thing that the lock protects: a file server, a database, a device. */
struct resource {
    uint64_t watermark;
    const char *content;
};

static bool resource_write(struct resource *resource, uint64_t token, const char *content)
{
    if (token < resource->watermark)
        return false;
    resource->watermark = token;
    resource->content = content;
    return true;
}

static struct lk_client *open_client(void)
{
    struct lk_client *client = NULL;
    struct lk_options options = LK_OPTIONS_INIT;
    if (lk_open(&options, &client) != LK_OK)
        fprintf(stderr, "fencing: %s\n", lk_last_error());
    return client;
}

int main(void)
{
    struct resource resource = {0, "empty"};
    struct lk_client *alice = open_client();
    struct lk_client *bob = open_client();
    struct lk_grant first;
    struct lk_grant second;
    if (alice == NULL || bob == NULL)
        return 1;
    if (lk_acquire(lk_client_session(alice), "disk", 4, 10 * LK_SECOND, &first) != LK_OK)
        return 1;

    /* Alice is paused for so long that she loses her lock: here on purpose. */
    lk_test_lose(lk_client_session(alice));
    if (lk_acquire(lk_client_session(bob), "disk", 4, 10 * LK_SECOND, &second) != LK_OK)
        return 1;
    bool by_bob = resource_write(&resource, second.token, "by bob");

    /* Her write was under way before; it comes late, with her token, and is refused. */
    bool by_alice = resource_write(&resource, first.token, "by alice");

    printf("bob: %s, alice: %s, content: %s\n", by_bob ? "accepted" : "refused",
            by_alice ? "accepted" : "refused", resource.content);
    lk_close(alice);
    lk_close(bob);
    return by_bob && !by_alice ? 0 : 1;
}
