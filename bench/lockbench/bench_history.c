#include "bench_history.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tool/fail.h"

enum {
    BUFFER_BYTES = 1 << 20
};

bool history_open(struct history *history, const char *path, uint64_t ttl_ns)
{
    *history = (struct history){.out = NULL, .ttl_ns = ttl_ns};
    if (!path)
        return true;
    history->out = fopen(path, "we");
    if (!history->out) {
        complain("--history %s: cannot write: %s", path, strerror(errno));
        return false;
    }
    (void)setvbuf(history->out, NULL, _IOFBF, BUFFER_BYTES);
    (void)fprintf(history->out,
            "{\"format\":\"lockhist/1\",\"defaults\":{\"model\":\"fenced\",\"ttl\":%" PRIu64
            "},\"locks\":{},\"global_tokens\":true,\"commands_renew\":true}\n",
            ttl_ns);
    return true;
}

bool history_close(struct history *history)
{
    if (!history->out)
        return true;
    bool bad = ferror(history->out) != 0;
    bad = fclose(history->out) != 0 || bad;
    history->out = NULL;
    if (bad)
        complain("--history: the file is incomplete, as a write failed");
    return !bad;
}

static bool is_acquire(enum history_op op)
{
    return op == HISTORY_ACQUIRE || op == HISTORY_TRY;
}

/*
 * `timeout`, and `expired` of an acquire, claim that it holds nothing from its return on.
 * Before that it may have been granted for a while without an answer, and taken back;
 * others may have seen that.
 */
const char *history_claim(enum history_op op, enum lk_status status)
{
    switch (status) {
    case LK_OK:
        return "ok";
    case LK_STATUS_TIMEOUT:
        return op == HISTORY_TRY ? "held" : "timeout";
    case LK_STATUS_CANCELLED:
    case LK_STATUS_DEADLOCK:
        return is_acquire(op) ? "timeout" : "info";
    case LK_STATUS_NOT_FOUND:
        return op == HISTORY_RELEASE ? "not_owner" : "info";
    case LK_STATUS_LOST:
        return op == HISTORY_OPEN || op == HISTORY_QUERY ? "info" : "expired";
    case LK_STATUS_BUSY: /* An earlier sending of it may have been accepted, and undone. */
        return is_acquire(op) ? "timeout" : "fail";
    case LK_STATUS_INVALID:
    case LK_STATUS_LIMIT:
    case LK_STATUS_OLD:
    case LK_STATUS_DENIED:
    case LK_STATUS_WRONG_CLUSTER:
    case LK_STATUS_VERSION:
    case LK_STATUS_INTERRUPTED:
        return "fail";
    case LK_STATUS_UNKNOWN:
        break;
    }
    return "info";
}

bool history_ends_proc(enum history_op op, enum lk_status status)
{
    return strcmp(history_claim(op, status), "info") == 0;
}

static void write_holder(const struct history *history, uint64_t holder)
{
    if (holder == 0)
        (void)fputs(",\"holder\":null", history->out);
    else
        (void)fprintf(history->out, ",\"holder\":%" PRIu64, holder);
}

void history_write(struct history *history, const struct history_line *line)
{
    static const char *const op_names[] = {
            "open", "keepalive", "close", "acquire", "try", "release", "query"};
    if (!history->out)
        return;
    const char *claim = history_claim(line->op, line->status);
    (void)fprintf(history->out, "{\"proc\":%" PRIu64 ",\"op\":\"%s\"", line->proc,
            op_names[line->op]);
    if (line->op != HISTORY_QUERY)
        (void)fprintf(history->out, ",\"session\":%" PRIu64, line->session);
    (void)fprintf(history->out, ",\"call\":%" PRIu64, line->call_ns);
    if (strcmp(claim, "info") == 0)
        (void)fputs(",\"ret\":null", history->out);
    else
        (void)fprintf(history->out, ",\"ret\":%" PRIu64, line->ret_ns);
    (void)fprintf(history->out, ",\"res\":\"%s\"", claim);
    if (line->lock)
        (void)fprintf(history->out, ",\"lock\":\"%s\"", line->lock);
    if (line->token != 0)
        (void)fprintf(history->out, ",\"token\":%" PRIu64, line->token);
    if (line->op == HISTORY_QUERY && line->status == LK_OK)
        write_holder(history, line->holder);
    if (line->op == HISTORY_OPEN)
        (void)fprintf(history->out, ",\"ttl\":%" PRIu64, history->ttl_ns);
    if (line->deadline_ns != 0) {
        /*
         * After a wait, a grant is valid longer than call + ttl, because of keepalives that
         * this history does not contain: claim no more than the history can explain.
         */
        uint64_t most = line->call_ns + history->ttl_ns;
        (void)fprintf(history->out, ",\"deadline\":%" PRIu64,
                line->deadline_ns < most ? line->deadline_ns : most);
    }
    (void)fputs("}\n", history->out);
}
