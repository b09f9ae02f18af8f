#include "lockctl/administer.h"

#include "tool/fail.h"

static int exit_of(const struct lk_admin_answer *answer)
{
    switch (answer->result) {
    case LK_ADMIN_DONE:
        return EXIT_DONE;
    case LK_ADMIN_NOT_LEADER:
        complain("no leader was found: node %u %s", answer->node,
                answer->leader == 0 ? "knows none" : "names one that does not answer");
        return EXIT_NO_CLUSTER;
    case LK_ADMIN_UNDER_WAY:
        return EXIT_UNDER_WAY;
    case LK_ADMIN_NOT_NOW:
    case LK_ADMIN_NEVER:
        break;
    }
    complain("%s", answer->sentence);
    return EXIT_REFUSED;
}

int administer(const struct common *common, const struct lk_admin_request *request,
        struct lk_admin_answer *answer)
{
    struct lk_client *client = NULL;
    struct lk_options options = LK_OPTIONS_INIT;
    *answer = (struct lk_admin_answer){.size = sizeof(*answer)};
    common_fill((struct common *)(uintptr_t)common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status status = lk_open(&options, &client);
    if (status != LK_OK)
        return open_failed(common, status);
    status = lk_admin(client, common->connect_ns, request, answer);
    int code = EXIT_DONE;
    if (status == LK_OK) {
        code = exit_of(answer);
    } else {
        complain("%s", lk_last_error());
        code = status_exit(status);
    }
    lk_close(client);
    return code == EXIT_NO_CLUSTER ? tell_causes(common, code) : code;
}
