/*
 * lockctl backup: a snapshot of a node's state in a file, from which a cluster can be made again
 * (lockd --restore). The file gets its name when it is whole, verified and on the disk; until
 * then FILE.new is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/numbers.h"
#include "base/units.h"
#include "lockctl/backup_file.h"
#include "lockctl/lockctl.h"
#include "lockctl/reading.h"
#include "tool/duration.h"
#include "tool/fail.h"
#include "tool/json_writer.h"

enum {
    ASK_AGAIN_MS = 50,
    TIME_TEXT_BYTES = 32,
};

struct wish {
    struct common common;
    uint64_t node; /* 0: the leader, or else the node that has applied most */
    uint64_t wait_ns;
    bool verify;
};

/* The course of one backup. */
struct course {
    const struct wish *wish;
    const char *path;
    char path_new[PATH_MAX];
    int fd;
    struct lk_client *client;
    uint32_t number; /* Of the node, in the list */
    uint64_t begun_ns;
    uint64_t limit_ns;
    uint64_t index; /* Of the snapshot; 0: it is being taken */
    uint64_t offset;
    struct lk_backup_piece piece;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- What is printed about a backup ---- */

static const char *time_text(uint64_t wall_ns, char *text)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL ||
            strftime(text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        (void)snprintf(text, TIME_TEXT_BYTES, "at an unknown time");
    return text;
}

static void tell(const struct wish *wish, const char *path,
        const struct snapshot_header *header, uint8_t node)
{
    char taken[TIME_TEXT_BYTES];
    char cluster[17];
    (void)snprintf(cluster, sizeof cluster, "%016" PRIx64, header->cluster);
    if (!wish->common.json) {
        (void)printf("%s: backup of cluster %s, %" PRIu64 " bytes, every part verified\n"
                     "entry %" PRIu64 " of term %" PRIu64 ", taken %s",
                path, cluster, header->file_bytes, header->last.index, header->last.term,
                time_text(header->wall_ns, taken));
        if (node != 0)
            (void)printf(" from node %u", node);
        (void)putchar('\n');
        return;
    }
    struct json json;
    json_init(&json, stdout);
    json_begin_object(&json, NULL);
    json_text(&json, "file", path);
    json_text(&json, "cluster", cluster);
    json_u64(&json, "bytes", header->file_bytes);
    json_u64(&json, "index", header->last.index);
    json_u64(&json, "term", header->last.term);
    json_u64(&json, "time_ns", header->time);
    json_text(&json, "taken", time_text(header->wall_ns, taken));
    json_u64(&json, "cluster_version", header->cluster_version);
    if (node != 0)
        json_u64(&json, "node", node);
    json_end(&json);
}

static int verify(const struct wish *wish, const char *path)
{
    struct snapshot_header header;
    const char *why = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        complain("%s: %s", path, strerror(errno));
        return EXIT_SYSTEM;
    }
    bool whole = backup_file_verify(fd, &header, &why);
    (void)close(fd);
    if (!whole) {
        complain("%s: %s", path, why);
        return EXIT_NO;
    }
    tell(wish, path, &header, 0);
    return EXIT_DONE;
}

/* ---- The file ---- */

static int cannot(const struct course *course, const char *what)
{
    complain("%s %s: %s", what, course->path_new, strerror(errno));
    return EXIT_SYSTEM;
}

/* What a backup that was killed left behind is written over. */
static int open_file(struct course *course)
{
    int length =
            snprintf(course->path_new, sizeof course->path_new, "%s.new", course->path);
    if (length < 0 || (size_t)length >= sizeof course->path_new) {
        complain("%s: the name is too long", course->path);
        return EXIT_WRONG_USAGE;
    }
    course->fd = open(course->path_new, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (course->fd < 0)
        return cannot(course, "cannot create");
    if (flock(course->fd, LOCK_EX | LOCK_NB) != 0) {
        complain("another process writes %s", course->path_new);
        course->path_new[0] = '\0'; /* It is not this one's to remove. */
        return EXIT_SYSTEM;
    }
    if (fchmod(course->fd, 0600) != 0 || ftruncate(course->fd, 0) != 0)
        return cannot(course, "cannot write");
    return EXIT_DONE;
}

static int write_piece(struct course *course)
{
    const struct lk_backup_piece *piece = &course->piece;
    for (size_t at = 0; at < piece->bytes;) {
        ssize_t more = pwrite(course->fd, piece->piece + at, piece->bytes - at,
                (off_t)(course->offset + at));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return cannot(course, "cannot write");
        at += (size_t)more;
    }
    course->offset += piece->bytes;
    return EXIT_DONE;
}

static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = folder >= 0 && fsync(folder) == 0;
    if (folder >= 0)
        (void)close(folder);
    return synced;
}

/* All of it was written. What is verified is what the disk has, where the cache can forget. */
static int finish_file(struct course *course)
{
    struct snapshot_header header;
    const char *why = NULL;
    if (fsync(course->fd) != 0)
        return cannot(course, "cannot write");
    (void)posix_fadvise(course->fd, 0, 0, POSIX_FADV_DONTNEED);
    if (!backup_file_verify(course->fd, &header, &why)) {
        complain(
                "%s is not usable: %s; take the backup again, perhaps from another node (--node)",
                course->path_new, why);
        return EXIT_SYSTEM;
    }
    if (rename(course->path_new, course->path) != 0)
        return cannot(course, "cannot rename");
    course->path_new[0] = '\0';
    if (!sync_folder(course->path)) {
        complain("cannot sync the directory of %s: %s", course->path, strerror(errno));
        return EXIT_SYSTEM;
    }
    tell(course->wish, course->path, &header, course->piece.node);
    return EXIT_DONE;
}

/* ---- From the node ---- */

/* Which node of the list; `count`: none. */
static uint32_t choose(
        const struct wish *wish, const struct reading *readings, uint32_t count)
{
    uint32_t best = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct lk_node_status *node = &readings[i].node;
        if (readings[i].status != LK_OK)
            continue;
        if (wish->node != 0 && node->node == wish->node)
            return i;
        if (wish->node != 0)
            continue;
        if (node->role == LK_ROLE_LEADER)
            return i;
        if (best == count || node->applied > readings[best].node.applied)
            best = i;
    }
    return best;
}

static int find_node(struct course *course)
{
    const struct wish *wish = course->wish;
    uint32_t count = lk_node_count(course->client);
    struct reading *readings = need(calloc(count, sizeof(*readings)));
    for (uint32_t i = 0; i < count; i++)
        readings[i] = (struct reading){.client = course->client,
                .number = i,
                .wait_ns = wish->common.connect_ns,
                .node = {.size = sizeof(readings[i].node)}};
    bool asked = reading_query_all(readings, count);
    course->number = asked ? choose(wish, readings, count) : count;
    free(readings);
    if (!asked)
        return EXIT_SYSTEM;
    if (course->number < count)
        return EXIT_DONE;
    if (wish->node != 0)
        complain("no node of the list that answers has the id %" PRIu64, wish->node);
    else
        complain("no node of the list answers");
    return EXIT_NO_CLUSTER;
}

static void pause_a_moment(void)
{
    const struct timespec moment = {.tv_nsec = ASK_AGAIN_MS * NS_PER_MS};
    (void)nanosleep(&moment, NULL);
}

static int refused(const struct course *course)
{
    const char *address = lk_node_address(course->client, course->number);
    switch (course->piece.result) {
    case LK_BACKUP_WAIT:
        complain(
                "%s has not made its snapshot in time; see lockctl status, or wait longer (--wait)",
                address);
        return EXIT_REFUSED;
    case LK_BACKUP_BUSY:
        complain(
                "somebody else takes a backup of %s; wait until it is done, or take it from another node (--node)",
                address);
        return EXIT_REFUSED;
    case LK_BACKUP_GONE:
        complain("%s has removed the snapshot that was being read: take the backup again",
                address);
        return EXIT_REFUSED;
    case LK_BACKUP_NONE:
        complain(
                "%s has no state to back up; see lockctl status, and take it from another node (--node)",
                address);
        return EXIT_REFUSED;
    case LK_BACKUP_FAILED:
    case LK_BACKUP_PIECE:
        break;
    }
    complain("%s cannot write or read its snapshot: see its log", address);
    return EXIT_REFUSED;
}

/* A node that has just begun to lead has applied something in a moment. */
static bool is_worth_waiting_for(const struct course *course)
{
    enum lk_backup_result result = course->piece.result;
    bool soon = now_ns() < course->begun_ns + course->wish->common.connect_ns;
    return result == LK_BACKUP_WAIT || result == LK_BACKUP_BUSY ||
           (result == LK_BACKUP_NONE && soon);
}

/* Ask until there is the piece that comes next. */
static int ask(struct course *course)
{
    course->piece = (struct lk_backup_piece){.size = sizeof(course->piece),
            .index = course->index,
            .offset = course->offset};
    for (;;) {
        uint64_t left_ns = u64_rest(course->limit_ns, now_ns());
        enum lk_status said = lk_backup(course->client, course->number,
                u64_min(left_ns, course->wish->common.connect_ns), &course->piece);
        bool in_time = now_ns() + ASK_AGAIN_MS * NS_PER_MS < course->limit_ns;
        if (said != LK_OK && (said != LK_STATUS_UNKNOWN || !in_time)) {
            complain("%s", lk_last_error());
            return status_exit(said);
        }
        if (said == LK_OK && course->piece.result == LK_BACKUP_PIECE)
            return EXIT_DONE;
        if (said == LK_OK && (!is_worth_waiting_for(course) || !in_time))
            return refused(course);
        pause_a_moment();
    }
}

/* It is the piece that was asked for, or what comes behind the last one. */
static bool fits(const struct course *course)
{
    const struct lk_backup_piece *piece = &course->piece;
    bool same = course->index == 0 || piece->index == course->index;
    bool ends = piece->offset == piece->file_bytes && piece->bytes == 0;
    return same && piece->index != 0 && piece->offset == course->offset &&
           (piece->bytes > 0 || ends) && piece->bytes <= piece->file_bytes - piece->offset;
}

static int read_all(struct course *course)
{
    course->begun_ns = now_ns();
    for (;;) {
        course->limit_ns = u64_sum(now_ns(), course->wish->wait_ns);
        int code = ask(course);
        if (code != EXIT_DONE)
            return code;
        if (!fits(course)) {
            complain("%s sent another piece than the one asked for: take the backup again",
                    lk_node_address(course->client, course->number));
            return EXIT_REFUSED;
        }
        course->index = course->piece.index;
        if (course->piece.bytes == 0)
            return EXIT_DONE;
        code = write_piece(course);
        if (code != EXIT_DONE)
            return code;
    }
}

static int take(struct course *course)
{
    int code = find_node(course);
    if (code == EXIT_DONE)
        code = open_file(course);
    if (code == EXIT_DONE)
        code = read_all(course);
    if (code == EXIT_DONE)
        code = finish_file(course);
    if (course->fd >= 0 && course->path_new[0] != '\0')
        (void)unlink(course->path_new);
    if (course->fd >= 0)
        (void)close(course->fd);
    return code;
}

static int backup(struct wish *wish, const char *path)
{
    struct lk_options options = LK_OPTIONS_INIT;
    struct course *course = need(calloc(1, sizeof(*course)));
    course->wish = wish;
    course->path = path;
    course->fd = -1;
    common_fill(&wish->common, &options);
    options.flags = LK_FLAG_NO_SESSION;
    enum lk_status status = lk_open(&options, &course->client);
    int code = status == LK_OK ? take(course) : open_failed(&wish->common, status);
    if (status == LK_OK)
        lk_close(course->client);
    free(course);
    return code == EXIT_NO_CLUSTER ? tell_causes(&wish->common, code) : code;
}

int backup_command(char **arguments)
{
    struct wish wish = {.common = COMMON_INIT, .wait_ns = 60 * NS_PER_S};
    const struct option_row rows[] = {
            COMMON_ROWS(&wish.common),
            JSON_ROW(&wish.common),
            {"node", OPTION_NUMBER, &wish.node, 1, 255, "ID",
                    "from this node (default: the leader)"},
            {"wait", OPTION_DURATION, &wish.wait_ns, 0, UINT64_MAX, "DUR",
                    "wait so long for the snapshot, and for each part of it, default 60s"},
            {"verify", OPTION_FLAG, &wish.verify, 0, 0, NULL,
                    "do not take a backup: verify that FILE is whole"},
    };
    const struct options table = {
            "lockctl backup FILE [options]\n"
            "       lockctl backup --verify FILE",
            "Write the state of the cluster to FILE, while it serves. `lockd --restore FILE` makes a\n"
            "cluster of it. FILE has the secrets of sessions in it; only its owner can read it.",
            ROWS_OF(rows),
            {"FILE"},
            false,
            "exit: 0 written or whole, 1 not whole, 64 wrong usage, 69 no node answers,\n"
            "      70 the node refused, 71 this machine refused",
    };
    struct operands operands;
    int code;
    if (!begin_command(&table, arguments, &operands, &code))
        return code;
    return wish.verify ? verify(&wish, operands.values[0])
                       : backup(&wish, operands.values[0]);
}
