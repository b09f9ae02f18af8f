/*
 * lockctl release NAME: finds the `lockctl acquire` that holds a lock and lets it release.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "lockctl/keeper.h"
#include "lockctl/lockctl.h"
#include "tool/fail.h"

enum {
    FOUND_MAX = 256,
};

#define CARD_WAIT_NS  (2 * LK_SECOND)
#define QUERY_WAIT_NS LK_SECOND

/* A keeper of the lock, and the connection with it. */
struct found {
    int socket;
    bool wanted;
    struct keeper_card card;
};

struct release {
    struct common common;
    const char *name;
    uint64_t token;
    struct found *found;
    size_t count;
    char silent[256]; /* The file of one that does not answer; "": all do */
    int code;
};

/* ---- Finding ---- */

static void set_limit(int socket, uint64_t wait_ns)
{
    struct timeval limit = {
            (time_t)(wait_ns / NS_PER_S), (suseconds_t)(wait_ns % NS_PER_S / NS_PER_US)};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* In the folder. -1: errno says why. */
static int connect_to(const char *file)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(file) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, file, strlen(file) + 1);
    int socket_here = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connect(socket_here, (struct sockaddr *)&address, sizeof(address)) == 0)
        return socket_here;
    int error = errno;
    close(socket_here);
    errno = error;
    return -1;
}

static bool is_socket(int folder, const char *file)
{
    struct stat status;
    return fstatat(folder, file, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISSOCK(status.st_mode);
}

/* Read the card of the keeper behind a file. False: nobody is there, or not the one. */
static bool meet(struct release *release, int folder, const char *file)
{
    if (!is_socket(folder, file))
        return false;
    struct found *found = &release->found[release->count];
    *found = (struct found){.socket = connect_to(file)};
    if (found->socket < 0) {
        if (errno == ECONNREFUSED)
            unlinkat(folder, file, 0);
        return false;
    }
    char text[KEEPER_CARD_BYTES];
    set_limit(found->socket, CARD_WAIT_NS);
    ssize_t length = recv(found->socket, text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    if (length < 0 && errno == EAGAIN)
        (void)snprintf(release->silent, sizeof(release->silent), "%s", file);
    if (keeper_card_parse(text, &found->card) &&
            strcmp(found->card.name, release->name) == 0 &&
            (release->token == 0 || release->token == found->card.token))
        return true;
    close(found->socket);
    return false;
}

static void find(struct release *release, const char *path)
{
    DIR *folder = opendir(path);
    if (!folder || fchdir(dirfd(folder)) < 0)
        return;
    for (struct dirent *entry;
            release->count < FOUND_MAX && (entry = readdir(folder)) != NULL;) {
        /* One that begins with a dot is not published yet. */
        if (entry->d_name[0] != '.' && meet(release, dirfd(folder), entry->d_name))
            release->count++;
    }
    closedir(folder);
}

/* ---- Choosing: only holds in the cluster that is meant ---- */

static const char *list_of(const struct release *release)
{
    const char *list = release->common.cluster;
    return list ? list : getenv("LOCKD_CLUSTER");
}

/* 0: no node of the list says it. */
static uint64_t cluster_of(struct release *release)
{
    struct lk_options options = LK_OPTIONS_INIT;
    struct lk_client *client = NULL;
    common_fill(&release->common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status opened = lk_open(&options, &client);
    uint64_t cluster = 0;
    uint64_t wait = u64_min(QUERY_WAIT_NS, release->common.connect_ns);
    struct lk_node_status *status = calloc(1, sizeof(*status));
    if (status)
        status->size = sizeof(*status);
    for (uint32_t i = 0;
            status && opened == LK_OK && cluster == 0 && i < lk_node_count(client); i++) {
        if (lk_query_status(client, i, wait, status) == LK_OK)
            cluster = status->cluster;
    }
    free(status);
    lk_close(client);
    return cluster;
}

static size_t choose_by_cluster(struct release *release, const char *list)
{
    uint64_t cluster = cluster_of(release);
    size_t wanted = 0;
    for (size_t i = 0; i < release->count; i++) {
        struct found *found = &release->found[i];
        found->wanted = cluster != 0 ? found->card.cluster == cluster
                                     : strcmp(found->card.nodes, list) == 0;
        wanted += found->wanted;
    }
    if (wanted == 0 && cluster == 0) {
        complain("no node of %s answers, so it is not certain that \"%s\", which is held "
                 "through %s, is a lock of that cluster",
                list, release->name, release->found[0].card.nodes);
        release->code = EXIT_NO_CLUSTER;
    }
    return wanted;
}

/* No list: fine as long as there is one cluster only. */
static size_t choose_only(struct release *release)
{
    for (size_t i = 1; i < release->count; i++) {
        if (release->found[i].card.cluster == release->found[0].card.cluster)
            continue;
        complain("\"%s\" is held in several clusters (%s and %s): use --cluster",
                release->name, release->found[0].card.nodes, release->found[i].card.nodes);
        release->code = EXIT_WRONG_USAGE;
        return 0;
    }
    for (size_t i = 0; i < release->count; i++)
        release->found[i].wanted = true;
    return release->count;
}

/* ---- Releasing ---- */

static int dismiss(const struct release *release, const struct found *found)
{
    unsigned char code = EXIT_UNCONFIRMED;
    set_limit(found->socket, u64_sum(release->common.connect_ns, 5 * LK_SECOND));
    bool answered = send(found->socket, "r", 1, MSG_NOSIGNAL) == 1 &&
                    recv(found->socket, &code, 1, 0) == 1;
    if (!answered)
        complain("the lockctl that holds \"%s\" (process %d) has not answered: it is not "
                 "certain that the lock is free",
                release->name, found->card.process);
    else if (code == EXIT_UNCONFIRMED)
        complain("the cluster has not confirmed that \"%s\" is released: it becomes free "
                 "when its lease ends",
                release->name);
    return code;
}

static int say_none(const struct release *release, const char *path)
{
    if (release->silent[0] != '\0') {
        complain("the lockctl behind %s/%s does not answer; it may hold \"%s\"", path,
                release->silent, release->name);
        return EXIT_SYSTEM;
    }
    if (release->count > 0)
        complain("no `lockctl acquire` of this user holds \"%s\" in this cluster on this "
                 "machine; it is held through %s",
                release->name, release->found[0].card.nodes);
    else
        complain("no `lockctl acquire` of this user holds \"%s\" on this machine (looked "
                 "in %s)",
                release->name, path);
    return EXIT_NO;
}

static int release_found(struct release *release, const char *path)
{
    const char *list = list_of(release);
    size_t wanted = 0;
    if (release->count > 0)
        wanted = list && *list ? choose_by_cluster(release, list) : choose_only(release);
    int code = release->code;
    if (wanted == 0 && code == EXIT_DONE)
        code = say_none(release, path);
    for (size_t i = 0; i < release->count; i++) {
        int one =
                release->found[i].wanted ? dismiss(release, &release->found[i]) : EXIT_DONE;
        code = one != EXIT_DONE ? one : code;
        close(release->found[i].socket);
    }
    return code;
}

static int release_lock(struct release *release)
{
    char path[KEEPER_PATH_BYTES];
    release->found = calloc(FOUND_MAX, sizeof(*release->found));
    if (!release->found) {
        complain("out of memory");
        return EXIT_SYSTEM;
    }
    if (keeper_folder(path, false))
        find(release, path);
    int code = release_found(release, path);
    free(release->found);
    return code;
}

int release_command(char **arguments)
{
    struct release release = {.common = COMMON_INIT};
    const struct option_row rows[] = {
            {"token", OPTION_NUMBER, &release.token, 1, UINT64_MAX, "N",
                    "release only the hold with this token"},
            COMMON_ROWS(&release.common),
    };
    const struct options table = {
            "lockctl release NAME [options]",
            "Release the lock NAME, which `lockctl acquire` of the same user holds on this\n"
            "machine, and return when the cluster has confirmed it. If the lock is held in\n"
            "several clusters, only the one of --cluster or LOCKD_CLUSTER is meant.",
            ROWS_OF(rows),
            {"NAME"},
            false,
            "exit: 0 released, 1 no such lock is held here, 64 wrong usage, 69 no cluster,\n"
            "71 the holding process does not answer, 73 release not confirmed",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    release.name = operands.values[0];
    if (!name_is_valid(release.name))
        return EXIT_WRONG_USAGE;
    return release_lock(&release);
}
