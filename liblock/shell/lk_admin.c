/*
 * What an operator asks of the cluster: one query after another on connections of their own,
 * until the leader has answered or the time is over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "lk_internal.h"
#include "protocol/admin.h"

static_assert((int)LK_ADMIN_UPGRADE_STATUS == (int)ADMIN_UPGRADE_STATUS &&
                      (int)LK_ADMIN_UPGRADE_FINISH == (int)ADMIN_UPGRADE_FINISH &&
                      (int)LK_ADMIN_UPGRADE_AFTER == (int)ADMIN_UPGRADE_AFTER,
        "wire and library agree on the kinds");
static_assert((int)LK_ADMIN_NOT_LEADER == (int)ADMIN_NOT_LEADER, "... and on the results");

enum {
    REQUEST_BYTES_MAX = 32 + ADDRESS_BYTES_MAX,
    PAUSE_MS = 50, /* Before all nodes are asked again */
};

/* An answer as it comes; the leader's address is not the caller's business. */
struct admin_reply {
    struct lk_admin_answer answer;
    char leader_address[ADDRESS_BYTES_MAX + 1];
};

/* The course of one call. */
struct admin_course {
    const struct lk_client *client;
    uint64_t limit_ns;
    unsigned char body[REQUEST_BYTES_MAX];
    uint32_t body_bytes;
    uint32_t next; /* The node of the list to ask next, if nobody names a leader */
    bool answered; /* `last` is an answer, though not a leader's */
    struct lk_admin_answer last;
};

static void copy_text(char *to, size_t room, struct span text)
{
    size_t count = text.count < room ? text.count : room - 1;
    if (count > 0)
        memcpy(to, text.bytes, count);
    to[count] = '\0';
}

static void take_member(const struct admin_member *member, struct lk_member *taken)
{
    *taken = (struct lk_member){.node = member->node,
            .role = member->role,
            .connected = member->connected,
            .incarnation = member->incarnation,
            .match = member->match,
            .heard_ns = member->heard_ns,
            .version_least = member->version_least,
            .version_most = member->version_most};
    copy_text(taken->address, sizeof(taken->address), member->address);
    copy_text(taken->program, sizeof(taken->program), member->program);
}

/* What a later version adds at the end is passed over. */
static bool read_answer(const struct frame *frame, void *to)
{
    struct admin_reply *reply = to;
    struct lk_admin_answer *taken = &reply->answer;
    struct wire wire = wire_reader(frame->body, frame->body_bytes);
    struct admin_answer answer = {0};
    wire_admin_answer(&wire, &answer);
    *taken = (struct lk_admin_answer){.result = (enum lk_admin_result)answer.result,
            .node = answer.node,
            .leader = answer.leader,
            .version = answer.version,
            .version_next = answer.version_next,
            .upgrade_after_ns = answer.upgrade_after_ns,
            .upgrade_waited_ns = answer.upgrade_waited_ns};
    copy_text(taken->sentence, sizeof(taken->sentence), answer.sentence);
    copy_text(reply->leader_address, sizeof(reply->leader_address), answer.leader_address);
    for (uint8_t i = 0; i < answer.member_count && !wire.failed; i++) {
        struct admin_member member = {0};
        wire_admin_member(&wire, &member);
        if (!wire.failed && taken->member_count < LK_MEMBERS_MAX)
            take_member(&member, &taken->members[taken->member_count++]);
    }
    return !wire.failed;
}

/*
 * Ask one node. Half of the time that is left: a node that does not answer must not take all
 * of it.
 */
static enum lk_status ask(
        const struct admin_course *course, const char *address, struct admin_reply *reply)
{
    uint64_t left_ns = u64_rest(course->limit_ns, clocks_read().boot_ns);
    struct admin_reply *room = calloc(1, sizeof(*room));
    struct query_kind kind = {.kind = FRAME_ADMIN,
            .address = address,
            .number = course->next,
            .body = course->body,
            .body_bytes = course->body_bytes,
            .read = read_answer,
            .answer = room};
    enum lk_status said = query_node(course->client, left_ns / 2, &kind);
    if (said == LK_OK)
        *reply = *room;
    free(room);
    return said;
}

/* It is pointless to go on: the client is closed, or somebody wants the call to end. */
static bool ends(enum lk_status said)
{
    return said == LK_STATUS_LOST || said == LK_STATUS_INTERRUPTED ||
           said == LK_STATUS_INVALID || said == LK_STATUS_BUSY;
}

static enum lk_status pause_all(const struct admin_course *course)
{
    void *room = malloc(1);
    uint64_t left_ns = u64_rest(course->limit_ns, clocks_read().boot_ns);
    struct query_kind kind = {.number = 0, .answer = room};
    enum lk_status said =
            query_node(course->client, u64_min(left_ns, PAUSE_MS * NS_PER_MS), &kind);
    free(room);
    return said;
}

/* One node of the list, and the leader that it names. True: `*said` is what the call says. */
static bool ask_next(struct admin_course *course, enum lk_status *said)
{
    struct admin_reply reply = {0};
    const char *address = NULL;
    for (int hop = 0; hop < 2; hop++) {
        *said = ask(course, address, &reply);
        if (*said != LK_OK)
            return ends(*said);
        course->last = reply.answer;
        course->answered = true;
        if (reply.answer.result != LK_ADMIN_NOT_LEADER)
            return true;
        if (reply.leader_address[0] == '\0')
            break;
        address = reply.leader_address;
    }
    return false;
}

/* LK_OK: `course->last` is the answer. */
static enum lk_status run(struct admin_course *course)
{
    uint32_t count = lk_node_count(course->client);
    enum lk_status said = LK_OK;
    do {
        if (ask_next(course, &said))
            return said;
        course->next++;
        if (course->next >= count) {
            course->next = 0;
            enum lk_status paused = pause_all(course);
            if (paused != LK_OK)
                return paused;
        }
    } while (clocks_read().boot_ns + PAUSE_MS * NS_PER_MS < course->limit_ns);
    return course->answered ? LK_OK : said;
}

static bool write_request(
        const struct lk_admin_request *request, struct admin_course *course)
{
    size_t length = request->text == NULL ? 0 : strlen(request->text);
    struct admin_request asked = {.kind = (uint8_t)request->kind,
            .node = request->node,
            .flags = request->flags,
            .number = request->number};
    if (length > ADDRESS_BYTES_MAX)
        return false;
    asked.text = (struct span){(const unsigned char *)request->text, (uint32_t)length};
    struct wire wire = wire_writer(course->body, sizeof(course->body));
    wire_admin_request(&wire, &asked);
    course->body_bytes = (uint32_t)wire.at;
    return !wire.failed;
}

enum lk_status lk_admin(const struct lk_client *client, uint64_t wait_ns,
        const struct lk_admin_request *request, struct lk_admin_answer *answer)
{
    size_t bytes = answer->size;
    struct lk_admin_request asked = {0};
    memcpy(&asked, request, u64_min(request->size, sizeof(asked)));
    struct admin_course course = {
            .client = client, .limit_ns = u64_sum(clocks_read().boot_ns, wait_ns)};
    enum lk_status said =
            write_request(&asked, &course)
                    ? run(&course)
                    : fail(LK_STATUS_INVALID,
                              "the text or the node of the request is too large");
    if (said != LK_OK)
        course.last = (struct lk_admin_answer){0};
    course.last.size = bytes;
    give_struct(answer, bytes, &course.last, sizeof(course.last));
    return said;
}
