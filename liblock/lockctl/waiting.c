#include "lockctl/waiting.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "tool/duration.h"
#include "tool/fail.h"

enum {
    /* Of a label, at most, with the NUL; at least 12 bytes are left for the command. */
    USER_BYTES = 16,
    HOST_BYTES = 25,
};

static const uint64_t first_ns = 200 * LK_MILLISECOND; /* So long a wait is none. */
static const uint64_t again_ns = 10 * LK_SECOND;
static const uint64_t retry_ns = LK_SECOND;

void waiting_init(struct waiting *waiting, struct lk_client *client,
        struct lk_session *session, const char *name, bool quiet)
{
    *waiting = (struct waiting){.client = client,
            .session = session,
            .name = name,
            .quiet = quiet,
            .terminal = isatty(STDERR_FILENO) != 0,
            .due_ns = quiet ? UINT64_MAX : 0,
            .lock = LK_LOCK_INIT};
}

static void on_answer(void *user, const struct lk_result *result)
{
    struct waiting *waiting = user;
    waiting->asked = false;
    waiting->known = result->status == LK_OK;
}

void waiting_ask(struct waiting *waiting)
{
    struct lk_done done = {on_answer, waiting};
    if (waiting->asked)
        return;
    waiting->known = false;
    waiting->lock = (struct lk_lock)LK_LOCK_INIT;
    waiting->asked = lk_query_async(waiting->client, waiting->name, strlen(waiting->name),
                             &waiting->lock, done) == LK_OK;
}

bool waiting_is_answered(const struct waiting *waiting)
{
    return !waiting->asked;
}

/* The wall clock's time of the grant; of another day with its date. */
static void write_since(uint64_t held_ns, char text[], size_t bytes)
{
    time_t now = time(NULL);
    time_t then = now - (time_t)(held_ns / LK_SECOND);
    struct tm today;
    struct tm day;
    if (!localtime_r(&now, &today) || !localtime_r(&then, &day)) {
        text[0] = '\0';
        return;
    }
    bool same = today.tm_yday == day.tm_yday && today.tm_year == day.tm_year;
    (void)strftime(text, bytes, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &day);
}

const char *waiting_holder(const struct waiting *waiting, char text[WAITING_HOLDER_BYTES])
{
    const struct lk_lock *lock = &waiting->lock;
    char held[DURATION_TEXT_BYTES];
    char since[32];
    text[0] = '\0';
    if (!waiting->known || lock->session == 0)
        return text;
    write_since(lock->held_ns, since, sizeof(since));
    (void)snprintf(text, WAITING_HOLDER_BYTES,
            ": %s%s(session %" PRIu64 ", token %" PRIu64 ") since %s, for %s", lock->label,
            lock->label[0] != '\0' ? " " : "", lock->session, lock->token, since,
            duration_text(lock->held_ns, held));
    return text;
}

/* False: there is nothing to show yet. */
static bool show(const struct waiting *waiting)
{
    char holder[WAITING_HOLDER_BYTES];
    uint64_t own = lk_session_id(waiting->session);
    if (!waiting->known || waiting->lock.session == 0 || waiting->lock.session == own)
        return false;
    uint32_t ahead = waiting->lock.ahead;
    (void)waiting_holder(waiting, holder);
    if (ahead == 0)
        complain("waiting: another session holds \"%s\"%s; this request is next",
                waiting->name, holder);
    else
        complain("waiting: another session holds \"%s\"%s; %" PRIu32 " request%s ahead",
                waiting->name, holder, ahead, ahead == 1 ? " is" : "s are");
    return true;
}

uint64_t waiting_turn(struct waiting *waiting, uint64_t now_ns)
{
    if (waiting->due_ns == 0 && lk_session_id(waiting->session) != 0)
        waiting->due_ns = now_ns + first_ns;
    if (waiting->due_ns == 0)
        return UINT64_MAX;
    if (waiting->known && !waiting->quiet) {
        uint64_t next = waiting->terminal ? again_ns : UINT64_MAX - now_ns;
        waiting->due_ns = now_ns + (show(waiting) ? next : retry_ns);
        waiting->known = false;
    }
    if (now_ns >= waiting->due_ns) {
        waiting_ask(waiting);
        waiting->due_ns = now_ns + retry_ns;
    }
    return waiting->due_ns;
}

/* ---- The label ---- */

static void write_user(char user[USER_BYTES])
{
    const struct passwd *entry = getpwuid(geteuid());
    if (entry)
        (void)text_show(user, USER_BYTES, entry->pw_name, strlen(entry->pw_name));
    else
        (void)snprintf(user, USER_BYTES, "%u", (unsigned)geteuid());
}

/* A long one without its domain: what tells hosts apart comes first. */
static void write_host(char host[HOST_BYTES])
{
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
        (void)snprintf(name, sizeof(name), "unknown");
    size_t length = strlen(name);
    if (length >= HOST_BYTES)
        length = strcspn(name, ".");
    (void)text_show(host, HOST_BYTES, name, length);
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] != '\0' ? slash + 1 : path;
}

void waiting_label(char label[WAITING_LABEL_BYTES], const char *command)
{
    char user[USER_BYTES];
    char host[HOST_BYTES];
    char shown[WAITING_LABEL_BYTES];
    const char *name = base_name(command);
    write_user(user);
    write_host(host);
    (void)snprintf(label, WAITING_LABEL_BYTES, "%s@%s:%d ", user, host, (int)getpid());
    size_t at = strlen(label);
    size_t room = WAITING_LABEL_BYTES - at;
    (void)text_show(shown, sizeof(shown), name, strlen(name));
    if (strlen(shown) < room && strlen(name) < sizeof(shown)) {
        memcpy(label + at, shown, strlen(shown) + 1);
        return;
    }
    at += text_show(label + at, room - 3, name, strlen(name));
    memcpy(label + at, "...", 4);
}
