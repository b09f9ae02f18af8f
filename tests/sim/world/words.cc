#include "sim/world/words.h"

namespace sim {

std::string text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_TIMEOUT:
        return "timeout";
    case STATUS_UNKNOWN:
        return "unknown";
    case STATUS_LOST:
        return "lost";
    case STATUS_BUSY:
        return "busy";
    case STATUS_CANCELLED:
        return "cancelled";
    case STATUS_DEADLOCK:
        return "deadlock";
    case STATUS_NOT_FOUND:
        return "stale";
    case STATUS_LIMIT:
        return "limit";
    default:
        return "status " + std::to_string(static_cast<int>(status));
    }
}

std::string text(enum core_reason reason)
{
    static const char *const reasons[] = {
            "", "silence", "expired", "closed", "unknown", "ended", "rehearsed"};
    return reasons[reason];
}

static std::optional<std::string> raft_text(const node_notice &notice)
{
    std::string peer = "n" + std::to_string(notice.peer);
    switch (static_cast<enum raft_notice>(notice.number)) {
    case RAFT_NOTICE_LEADER:
        return "leader of term " + std::to_string(notice.term);
    case RAFT_NOTICE_NO_MAJORITY:
        return "steps down, no majority";
    case RAFT_NOTICE_BLANK:
        return "blank: takes no part";
    case RAFT_NOTICE_MISSING:
        return "bootstrap waits for members";
    case RAFT_NOTICE_TRUNCATED:
        return "cuts off entries that were never committed";
    case RAFT_NOTICE_PEER_BLANK:
        return "hears that " + peer + " is blank";
    case RAFT_NOTICE_PEER_DAMAGED:
        return "hears that " + peer + " is damaged";
    default:
        return std::nullopt;
    }
}

std::optional<std::string> text(const node_notice &notice)
{
    switch (notice.kind) {
    case NOTICE_RAFT:
        return raft_text(notice);
    case NOTICE_NO_SPACE:
        return "no space for the next segment";
    case NOTICE_CLOCK_SUSPECT:
        return "its clock is too fast: hands over";
    case NOTICE_HANDED_OVER:
        return "has handed over to n" + std::to_string(notice.peer);
    case NOTICE_UPGRADED:
        return "applies the version " + std::to_string(notice.number);
    case NOTICE_PLAN_TOO_SMALL:
        return "its plan is too small";
    case NOTICE_LOG_UNREADABLE:
        return "cannot read its log in segment " + std::to_string(notice.number) + " at " +
               std::to_string(notice.offset);
    case NOTICE_LOG_READABLE:
        return "can read its log again";
    default:
        return std::nullopt;
    }
}

} // namespace sim
