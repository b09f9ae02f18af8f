/*
 * Queries without a session: who holds which lock, and the status of the nodes.
 *
 *     LOCKD_CLUSTER=127.0.0.1:5625 ./who_holds
 */
#include <liblock.h>
#include <stdio.h>
#include <stdlib.h>

static void print_nodes(struct lk_client *client)
{
    struct lk_node_status *status = malloc(sizeof(*status));
    for (uint32_t i = 0; status != NULL && i < lk_node_count(client); i++) {
        if (lk_query_status(client, i, LK_SECOND, status) == LK_OK)
            printf("%s: %s, %s\n", lk_node_address(client, i), lk_role_text(status->role),
                    lk_condition_name(status->condition));
        else
            printf("%s\n", lk_last_error());
    }
    free(status);
}

static enum lk_status print_locks(struct lk_client *client)
{
    static struct lk_lock locks[LK_PAGE_MAX];
    struct lk_list page = LK_LIST_INIT;
    page.locks = locks;
    page.room = LK_PAGE_MAX;
    do {
        enum lk_status status = lk_list_page(client, &page);
        if (status != LK_OK)
            return status;
        for (uint32_t i = 0; i < page.count; i++)
            printf("%s: session %llu, token %llu, %u waiting\n", locks[i].name,
                    (unsigned long long)locks[i].session,
                    (unsigned long long)locks[i].token, locks[i].waits);
    } while (page.cursor != 0);
    return LK_OK;
}

int main(void)
{
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    options.flags = LK_FLAG_NO_SESSION;
    if (lk_open(&options, &client) != LK_OK) {
        fprintf(stderr, "who_holds: %s\n", lk_last_error());
        return 1;
    }
    print_nodes(client);
    enum lk_status status = print_locks(client);
    if (status != LK_OK)
        fprintf(stderr, "who_holds: %s\n", lk_last_error());
    lk_close(client);
    return status == LK_OK ? 0 : 1;
}
