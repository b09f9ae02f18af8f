#include "lockctl/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "lockctl/hex.h"
#include "tool/fail.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* ---- The card ---- */

void keeper_card_text(const struct keeper_card *card, char text[KEEPER_CARD_BYTES])
{
    char name[HEX_TEXT_BYTES];
    hex_text(card->name, name);
    (void)snprintf(text, KEEPER_CARD_BYTES, "%" PRIu64 " %" PRIx64 " %d %s %s\n",
            card->token, card->cluster, card->process, name, card->nodes);
}

/* A number and the space behind it; NULL: there is none. */
static const char *take_number(const char *at, int base, uint64_t *number)
{
    char *end = NULL;
    *number = strtoull(at, &end, base);
    return end != at && *end == ' ' && *at != ' ' && *at != '-' ? end + 1 : NULL;
}

bool keeper_card_parse(const char *text, struct keeper_card *card)
{
    uint64_t process = 0;
    const char *at = take_number(text, 10, &card->token);
    at = at ? take_number(at, 16, &card->cluster) : NULL;
    at = at ? take_number(at, 10, &process) : NULL;
    at = at ? hex_parse(at, card->name) : NULL;
    if (!at || *at != ' ')
        return false;
    size_t length = strcspn(at + 1, "\n");
    if (at[1 + length] != '\n' || length >= sizeof(card->nodes))
        return false;
    memcpy(card->nodes, at + 1, length);
    card->nodes[length] = '\0';
    card->process = (int)process;
    return true;
}

/* ---- The folder ---- */

/* Only our own folder: otherwise other users could release our locks, or fool us. */
bool keeper_folder(char path[], bool make)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && runtime[0] == '/')
        (void)snprintf(path, KEEPER_PATH_BYTES - 16, "%s/lockctl", runtime);
    else
        (void)snprintf(
                path, KEEPER_PATH_BYTES - 16, "/tmp/lockctl-%u", (unsigned)geteuid());
    if (make && mkdir(path, 0700) < 0 && errno != EEXIST) {
        complain("cannot create %s: %s", path, strerror(errno));
        return false;
    }
    struct stat status;
    if (lstat(path, &status) < 0)
        return false;
    if (S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
            (status.st_mode & 022) == 0)
        return true;
    complain("%s is not a directory that only this user can write; remove it", path);
    return false;
}

/* ---- The keeper ---- */

static bool fail_with(const char *what)
{
    char path[KEEPER_PATH_BYTES];
    int error = errno;
    (void)keeper_folder(path, false);
    complain("cannot %s in %s: %s", what, path, strerror(error));
    return false;
}

static bool watch_socket(const struct keeper *keeper, int socket, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = number}};
    return epoll_ctl(keeper->events, EPOLL_CTL_ADD, socket, &event) == 0;
}

/* A path of a socket may have 107 bytes: in the folder itself the name alone will do. */
static bool bind_here(struct keeper *keeper)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", keeper->file);
    (void)unlinkat(keeper->folder, keeper->file, 0); /* Left by a process of our id */
    bool bound = fchdir(keeper->folder) == 0 &&
                 bind(keeper->listener, (struct sockaddr *)&address, sizeof(address)) == 0;
    int error = errno;
    bool left = chdir("/") == 0;
    errno = bound ? errno : error;
    return bound && left;
}

bool keeper_prepare(struct keeper *keeper)
{
    char path[KEEPER_PATH_BYTES];
    *keeper = (struct keeper){.folder = -1, .listener = -1, .events = -1};
    for (int i = 0; i < KEEPER_CALLERS_MAX; i++)
        keeper->callers[i].socket = -1;
    if (!keeper_folder(path, true))
        return false;
    (void)snprintf(keeper->file, sizeof(keeper->file), ".new-%d", (int)getpid());
    keeper->folder = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    keeper->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    keeper->events = epoll_create1(EPOLL_CLOEXEC);
    if (keeper->folder < 0 || keeper->listener < 0 || keeper->events < 0 ||
            !bind_here(keeper) || listen(keeper->listener, 64) < 0 ||
            !watch_socket(keeper, keeper->listener, KEEPER_CALLERS_MAX))
        return fail_with("create a socket");
    return true;
}

/*
 * A socket appears under its name only when it listens, so one that refuses is dead. The
 * name can be taken: by a keeper of another pid namespace that has our id there.
 */
bool keeper_publish(struct keeper *keeper, const struct keeper_card *card)
{
    keeper_card_text(card, keeper->card);
    for (int i = 0; i < 100; i++) {
        char file[64];
        (void)snprintf(file, sizeof(file), i == 0 ? "%d" : "%d-%d", (int)getpid(), i);
        if (syscall(SYS_renameat2, keeper->folder, keeper->file, keeper->folder, file,
                    RENAME_NOREPLACE) == 0) {
            (void)snprintf(keeper->file, sizeof(keeper->file), "%s", file);
            return true;
        }
        if (errno != EEXIST)
            break;
    }
    return fail_with("name the socket");
}

static void accept_callers(struct keeper *keeper)
{
    for (int socket; (socket = accept4(keeper->listener, NULL, NULL,
                              SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        int i = 0;
        while (i < KEEPER_CALLERS_MAX && keeper->callers[i].socket >= 0)
            i++;
        size_t length = strlen(keeper->card);
        if (i == KEEPER_CALLERS_MAX || !watch_socket(keeper, socket, (uint32_t)i) ||
                send(socket, keeper->card, length, MSG_NOSIGNAL) != (ssize_t)length) {
            close(socket);
            continue;
        }
        keeper->callers[i].socket = socket;
        keeper->callers[i].asked = false;
    }
}

static void hear_caller(struct keeper *keeper, uint32_t i)
{
    char word;
    ssize_t count = recv(keeper->callers[i].socket, &word, 1, 0);
    keeper->callers[i].asked = keeper->callers[i].asked || count > 0;
    if (count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    close(keeper->callers[i].socket);
    keeper->callers[i].socket = -1;
}

bool keeper_asked(struct keeper *keeper)
{
    struct epoll_event event;
    bool asked = false;
    while (keeper->events >= 0 && !asked && epoll_wait(keeper->events, &event, 1, 0) == 1) {
        if (event.data.u32 == KEEPER_CALLERS_MAX) {
            accept_callers(keeper);
        } else {
            hear_caller(keeper, event.data.u32);
            asked = keeper->callers[event.data.u32].asked &&
                    keeper->callers[event.data.u32].socket >= 0;
        }
    }
    return asked;
}

static void drop(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
}

void keeper_withdraw(struct keeper *keeper, int code)
{
    unsigned char byte = (unsigned char)code;
    if (keeper->folder >= 0)
        unlinkat(keeper->folder, keeper->file, 0);
    for (int i = 0; i < KEEPER_CALLERS_MAX; i++) {
        if (keeper->callers[i].socket >= 0 && keeper->callers[i].asked)
            (void)!send(keeper->callers[i].socket, &byte, 1, MSG_NOSIGNAL);
        drop(&keeper->callers[i].socket);
    }
    drop(&keeper->listener);
    drop(&keeper->events);
    drop(&keeper->folder);
}
