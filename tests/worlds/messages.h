/*
 * Random messages of the protocol that are in range, for the tests and for the corpora of
 * tests/fuzz. A case of `every_message` has three things: the layout function; make(), which
 * gives values to all fields of the struct that a kind carries; and fields(), all of
 * them as a tuple, so that a layout which forgets a field is found by comparing. A message
 * says so if it has room for more fields than are known here: then what is read may be more
 * than what is written again.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <tuple>
#include <vector>

#include "base/units.h"
#include "protocol/admin.h"
#include "protocol/answer.h"
#include "protocol/backup.h"
#include "protocol/batch.h"
#include "protocol/hello.h"
#include "protocol/member_list.h"
#include "protocol/node_status.h"
#include "protocol/peer.h"
#include "protocol/read.h"
#include "protocol/request.h"
#include "protocol/settings.h"
#include "protocol/stage.h"
#include "protocol/status.h"
#include "protocol/token.h"
#include "worlds/dice.h"

namespace messages {

using read_request = struct read; /* Beside the system call's name */

inline versions make_versions(dice &dice)
{
    auto least = static_cast<uint16_t>(dice.between(1, 9));
    return {least, static_cast<uint16_t>(least + dice.below(3))};
}

struct hello_case {
    using message = hello;
    static constexpr auto walk = wire_hello;
    static hello make(dice &dice)
    {
        if (dice.coin())
            return {HELLO_CLIENT, 0, 0, dice.number(), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    make_versions(dice), dice.number()};
        return {HELLO_PEER, dice.node(), dice.node(), dice.number(), dice.number(),
                dice.number(), dice.number(), dice.number(),
                static_cast<uint16_t>(dice.number()), dice.number(),
                dice.byte(0, MEMBER_OBSERVER), dice.number(), dice.number(),
                make_versions(dice), dice.number()};
    }
    static auto fields(const hello &m)
    {
        return std::make_tuple(m.role, m.node, m.to, m.cluster, m.members, m.incarnation,
                m.run, m.dial, m.cluster_version, m.configuration, m.to_role,
                m.to_incarnation, m.given_up, m.versions.least, m.versions.most,
                m.features);
    }
};

struct peer_welcome_case {
    using message = peer_welcome;
    static constexpr auto walk = wire_peer_welcome;
    static peer_welcome make(dice &dice)
    {
        return {dice.node(), dice.number(), dice.number(), dice.number(), dice.number(),
                static_cast<uint16_t>(dice.number()), dice.number(),
                dice.byte(0, MEMBER_OBSERVER), dice.number(), make_versions(dice),
                dice.number(), dice.number()};
    }
    static auto fields(const peer_welcome &m)
    {
        return std::make_tuple(m.node, m.cluster, m.incarnation, m.run, m.dial,
                m.cluster_version, m.configuration, m.to_role, m.to_incarnation,
                m.versions.least, m.versions.most, m.features, m.given_up);
    }
};

struct welcome_case {
    using message = welcome;
    static constexpr auto walk = wire_welcome;
    static welcome make(dice &dice)
    {
        welcome m{dice.node(), dice.byte(0, NODE_ID_MAX), dice.number(), dice.number(), {},
                dice.number(), dice.number(), make_versions(dice), dice.number()};
        if (m.ttl_min_ns > m.ttl_max_ns)
            std::swap(m.ttl_min_ns, m.ttl_max_ns);
        if (m.leader != 0)
            m.leader_address = dice.text(0, ADDRESS_BYTES_MAX);
        return m;
    }
    static auto fields(const welcome &m)
    {
        return std::make_tuple(m.node, m.leader, m.cluster, m.term, view(m.leader_address),
                m.ttl_min_ns, m.ttl_max_ns, m.versions.least, m.versions.most, m.features);
    }
};

struct refused_case {
    using message = refused;
    static constexpr auto walk = wire_refused;
    static refused make(dice &dice)
    {
        return {dice.byte(REFUSED_VERSION, UINT8_MAX), dice.number(),
                static_cast<uint16_t>(dice.number()), make_versions(dice), dice.number()};
    }
    static auto fields(const refused &m)
    {
        return std::make_tuple(m.why, m.cluster, m.cluster_version, m.versions.least,
                m.versions.most, m.index);
    }
};

struct leader_case {
    using message = leader;
    static constexpr auto walk = wire_leader;
    static leader make(dice &dice)
    {
        leader m{dice.byte(0, NODE_ID_MAX), dice.number(), {}};
        if (m.leader != 0)
            m.address = dice.text(0, ADDRESS_BYTES_MAX);
        return m;
    }
    static auto fields(const leader &m)
    {
        return std::make_tuple(m.leader, m.term, view(m.address));
    }
};

inline section make_section(dice &dice, bool secret)
{
    section m{};
    m.session = dice.number();
    m.count = 1;
    m.unproved = !secret && m.session != 0 && dice.coin();
    for (unsigned char &byte : m.secret)
        byte = secret || m.unproved ? dice.byte(0, 255) : 0;
    if (m.session != 0) {
        m.answered = dice.number();
        m.confirmed = dice.number();
        m.count = static_cast<uint16_t>(dice.between(1, UINT16_MAX));
    }
    return m;
}

inline auto section_fields(const section &m)
{
    return std::make_tuple(m.session, m.unproved, view(m.secret, SECRET_BYTES), m.answered,
            m.confirmed, m.count);
}

struct section_case {
    using message = section;
    static constexpr auto walk = wire_section;
    static section make(dice &dice)
    {
        return make_section(dice, true);
    }
    static auto fields(const section &m)
    {
        return section_fields(m);
    }
};

struct section_logged_case {
    using message = section;
    static constexpr auto walk = wire_section_logged;
    static section make(dice &dice)
    {
        return make_section(dice, false);
    }
    static auto fields(const section &m)
    {
        return section_fields(m);
    }
};

inline request make_request(dice &dice, uint8_t kind)
{
    request m{};
    m.kind = kind;
    bool stamped = kind == REQUEST_OPEN || kind == REQUEST_KEEPALIVE;
    m.number = stamped ? dice.number() : dice.positive();
    if (kind == REQUEST_OPEN) {
        m.wait_ns = dice.number();
        m.name = dice.text(0, LABEL_BYTES_MAX);
    } else if (kind == REQUEST_CANCEL) {
        m.target = dice.positive();
    } else if (kind == REQUEST_ACQUIRE) {
        m.flags = dice.coin() ? ACQUIRE_REENTRANT : 0;
        m.owner = dice.number();
        m.wait_ns = dice.number();
        m.name = dice.text(1, NAME_BYTES_MAX);
    } else if (kind == REQUEST_RELEASE) {
        m.flags = dice.coin() ? RELEASE_ALL : 0;
        m.target = dice.number();
        m.name = dice.text(1, NAME_BYTES_MAX);
    }
    return m;
}

inline auto request_fields(const request &m)
{
    return std::make_tuple(
            m.kind, m.flags, m.number, m.target, m.owner, m.wait_ns, view(m.name));
}

struct request_case {
    using message = request;
    static constexpr auto walk = wire_request;
    static request make(dice &dice)
    {
        return make_request(dice, dice.byte(REQUEST_OPEN, REQUEST_RELEASE));
    }
    static auto fields(const request &m)
    {
        return request_fields(m);
    }
};

inline uint8_t make_status(dice &dice)
{
    static const uint8_t all[] = {STATUS_OK, STATUS_TIMEOUT, STATUS_LOST, STATUS_BUSY,
            STATUS_INVALID, STATUS_CANCELLED, STATUS_DEADLOCK, STATUS_NOT_FOUND,
            STATUS_LIMIT, STATUS_OLD, STATUS_DENIED, STATUS_WRONG_CLUSTER, STATUS_VERSION,
            STATUS_NOT_LEADER};
    return all[dice.below(std::size(all))];
}

struct answer_section_case {
    using message = answer_section;
    static constexpr auto walk = wire_answer_section;
    static answer_section make(dice &dice)
    {
        answer_section m{dice.number(), dice.number(), dice.number(), dice.number(), 0, 0,
                false, false};
        m.answer_count = static_cast<uint16_t>(dice.number());
        if (m.session != 0) {
            m.change_count = static_cast<uint16_t>(dice.number());
            m.listed = dice.coin();
            m.more = m.listed && dice.coin();
        }
        return m;
    }
    static auto fields(const answer_section &m)
    {
        return std::make_tuple(m.session, m.applied, m.deadline, m.change, m.answer_count,
                m.change_count, m.listed, m.more);
    }
};

struct answer_case {
    using message = answer;
    static constexpr auto walk = wire_answer;
    static answer make(dice &dice)
    {
        answer m{};
        m.kind = dice.byte(REQUEST_OPEN, REQUEST_RELEASE);
        m.status = make_status(dice);
        if (m.kind == REQUEST_ACQUIRE && dice.below(4) == 0)
            m.status = STATUS_QUEUED;
        if (m.status == STATUS_LOST)
            m.detail = dice.byte(LOST_EXPIRED, LOST_UNKNOWN);
        if (m.status == STATUS_LIMIT)
            m.detail = dice.byte(LIMIT_SESSIONS, LIMIT_SESSION_WAITS);
        m.number = dice.number();
        if (m.kind == REQUEST_ACQUIRE && m.status == STATUS_OK)
            m.token = dice.positive();
        m.count = dice.small();
        return m;
    }
    static auto fields(const answer &m)
    {
        return std::make_tuple(m.kind, m.status, m.detail, m.number, m.token, m.count);
    }
};

struct change_case {
    using message = change;
    static constexpr auto walk = wire_change;
    static change make(dice &dice)
    {
        change m{};
        m.kind = dice.byte(CHANGE_GRANTED, CHANGE_WAITS);
        if (m.kind == CHANGE_FAILED)
            m.status = dice.coin() ? STATUS_TIMEOUT : STATUS_CANCELLED;
        if (m.kind != CHANGE_HOLDS && m.kind != CHANGE_WAITS)
            m.change = dice.positive();
        m.number = m.kind == CHANGE_ENDED ? dice.number() : dice.positive();
        if (m.kind != CHANGE_FAILED && m.kind != CHANGE_WAITS)
            m.token = dice.positive();
        return m;
    }
    static auto fields(const change &m)
    {
        return std::make_tuple(m.kind, m.status, m.change, m.number, m.token);
    }
};

struct read_case {
    using message = read_request;
    static constexpr auto walk = wire_read;
    static read_request make(dice &dice)
    {
        read_request m{};
        m.kind = dice.byte(READ_LOCK, READ_LIST);
        m.stale = dice.coin();
        m.stamp = dice.number();
        if (m.kind == READ_LOCK) {
            m.name = dice.text(1, NAME_BYTES_MAX);
            m.asker = dice.number();
        } else {
            m.limit = static_cast<uint16_t>(dice.between(1, LIST_LOCKS_MAX));
            m.cursor = dice.number();
            m.prefix = dice.text(0, NAME_BYTES_MAX);
        }
        return m;
    }
    static auto fields(const read_request &m)
    {
        return std::make_tuple(m.kind, m.stale, m.stamp, m.limit, m.cursor, view(m.name),
                m.asker, view(m.prefix));
    }
};

struct read_answer_case {
    using message = read_answer;
    static constexpr auto walk = wire_read_answer;
    static read_answer make(dice &dice)
    {
        static const uint8_t all[] = {
                STATUS_OK, STATUS_BUSY, STATUS_NOT_LEADER, STATUS_INVALID};
        read_answer m{dice.number(), all[dice.below(4)], dice.number(), dice.number(),
                dice.number(), 0};
        if (m.status == STATUS_OK)
            m.count = static_cast<uint16_t>(dice.below(LIST_LOCKS_MAX + 1));
        return m;
    }
    static auto fields(const read_answer &m)
    {
        return std::make_tuple(m.stamp, m.status, m.index, m.time, m.cursor, m.count);
    }
};

struct lock_view_case {
    using message = lock_view;
    static constexpr auto walk = wire_lock_view;
    static lock_view make(dice &dice)
    {
        lock_view m{};
        m.name = dice.text(1, NAME_BYTES_MAX);
        m.session = dice.number();
        m.waits = dice.small();
        m.ahead = static_cast<uint32_t>(dice.below(m.waits + UINT64_C(1)));
        if (m.session == 0)
            return m;
        m.owner = dice.number();
        m.token = dice.positive();
        m.count = static_cast<uint32_t>(dice.between(1, UINT32_MAX));
        m.held_ns = dice.number();
        m.remain_ns = dice.number();
        m.label = dice.text(0, LABEL_BYTES_MAX);
        return m;
    }
    static auto fields(const lock_view &m)
    {
        return std::make_tuple(view(m.name), m.session, m.owner, m.token, m.count, m.waits,
                m.ahead, m.held_ns, m.remain_ns, view(m.label));
    }
};

struct node_status_case {
    using message = node_status;
    static constexpr auto walk = wire_node_status;
    static void make_counts(dice &dice, node_status &m)
    {
        m.sessions = dice.small();
        m.locks = dice.small();
        m.holds = dice.small();
        m.waits = dice.small();
        m.connections = dice.small();
        m.requests = dice.number();
        m.refused_busy = dice.number();
        m.bad_frames = dice.number();
        m.bad_reads = dice.number();
        m.elections = dice.number();
        m.lines_dropped = dice.number();
        for (uint32_t *value : {&m.answers, &m.name_blocks, &m.sessions_max, &m.locks_max,
                     &m.holds_max, &m.waits_max, &m.answers_max, &m.name_blocks_max,
                     &m.connections_max})
            *value = dice.small();
    }
    static node_status_share make_share(dice &dice, uint32_t least, uint32_t most)
    {
        if (dice.coin())
            return {};
        span who = dice.text(most, most);
        who.count = static_cast<uint32_t>(dice.between(least, most));
        return {dice.byte(1, UINT8_MAX), dice.small(), dice.small(), who};
    }
    static auto share_fields(const node_status_share &m)
    {
        return std::make_tuple(m.of, m.used, m.most, view(m.who));
    }
    static node_status make(dice &dice)
    {
        node_status m{};
        m.node = dice.node();
        m.role = dice.byte(ROLE_FOLLOWER, ROLE_LEADER);
        m.leader = dice.byte(0, NODE_ID_MAX);
        m.condition = dice.byte(0, UINT8_MAX);
        m.cluster_version = dice.byte(0, UINT8_MAX);
        m.versions = make_versions(dice);
        for (uint64_t *value : {&m.missing, &m.cluster, &m.term, &m.commit, &m.applied,
                     &m.last, &m.durable, &m.time, &m.digest, &m.uptime_ns, &m.commit_heard,
                     &m.write_age_ns, &m.log_first, &m.snapshot, &m.snapshot_bytes,
                     &m.snapshot_age_ns, &m.snapshot_taken_ns})
            *value = dice.number();
        m.segments = dice.small();
        m.segments_max = dice.small();
        make_counts(dice, m);
        m.address_share = make_share(dice, CLIENT_ADDRESS_BYTES, CLIENT_ADDRESS_BYTES);
        m.label_share = make_share(dice, 1, LABEL_BYTES_MAX);
        m.connection_share = make_share(dice, CLIENT_ADDRESS_BYTES, CLIENT_ADDRESS_BYTES);
        m.peer_count = dice.byte(0, NODE_STATUS_PEERS_MAX);
        for (uint8_t i = 0; i < m.peer_count; i++)
            m.peers[i] = {dice.node(), dice.coin(), dice.number(), dice.number()};
        m.version = dice.text(0, NODE_STATUS_VERSION_BYTES_MAX);
        return m;
    }
    static auto fields(const node_status &m)
    {
        std::vector<std::tuple<uint8_t, bool, uint64_t, uint64_t>> peers;
        for (const node_status_peer &peer : m.peers)
            peers.emplace_back(peer.node, peer.connected, peer.match, peer.heard_ns);
        return std::make_tuple(m.node, m.role, m.leader, m.condition, m.missing, m.cluster,
                m.term, m.commit, m.applied, m.last, m.durable, m.commit_heard,
                m.write_age_ns, m.segments, m.segments_max,
                std::make_tuple(m.cluster_version, m.versions.least, m.versions.most),
                std::make_tuple(m.log_first, m.snapshot, m.snapshot_bytes,
                        m.snapshot_age_ns, m.snapshot_taken_ns),
                m.time, m.digest, m.uptime_ns, m.sessions, m.locks, m.holds, m.waits,
                m.connections, m.requests, m.refused_busy, m.bad_frames, m.bad_reads,
                m.elections, m.lines_dropped, m.answers, share_fields(m.address_share),
                share_fields(m.label_share), share_fields(m.connection_share),
                m.name_blocks, m.sessions_max, m.locks_max, m.holds_max, m.waits_max,
                m.answers_max, m.name_blocks_max, m.connections_max, m.peer_count, peers,
                view(m.version));
    }
};

struct bucket_case {
    using message = node_status_bucket;
    static constexpr auto walk = wire_bucket;
    static node_status_bucket make(dice &dice)
    {
        return {static_cast<uint16_t>(dice.number()), dice.positive()};
    }
    static auto fields(const node_status_bucket &m)
    {
        return std::make_tuple(m.bucket, m.count);
    }
};

struct bucket_count_case {
    using message = uint16_t;
    static constexpr auto walk = wire_bucket_count;
    static uint16_t make(dice &dice)
    {
        return static_cast<uint16_t>(dice.number());
    }
    static auto fields(const uint16_t &m)
    {
        return std::make_tuple(m);
    }
};

struct stages_head_case {
    using message = stages_head;
    static constexpr auto walk = wire_stages_head;
    static stages_head make(dice &dice)
    {
        return {dice.number(), dice.byte(0, 255), dice.byte(0, 255)};
    }
    static auto fields(const stages_head &m)
    {
        return std::make_tuple(m.uptime_ns, m.rows, m.sums);
    }
};

struct stage_row_case {
    using message = stage_row;
    static constexpr auto walk = wire_stage_row;
    static stage_row make(dice &dice)
    {
        return {dice.byte(0, 255), dice.number()};
    }
    static auto fields(const stage_row &m)
    {
        return std::make_tuple(m.stage, m.greatest);
    }
};

struct stage_value_case {
    using message = stage_value;
    static constexpr auto walk = wire_stage_value;
    static stage_value make(dice &dice)
    {
        return {dice.byte(0, 255), dice.number()};
    }
    static auto fields(const stage_value &m)
    {
        return std::make_tuple(m.sum, m.value);
    }
};

struct admin_request_case {
    using message = admin_request;
    static constexpr auto walk = wire_admin_request;
    static admin_request make(dice &dice)
    {
        return {dice.byte(0, 255), dice.byte(0, NODE_ID_MAX), dice.small(), dice.number(),
                dice.text(0, ADDRESS_BYTES_MAX)};
    }
    static auto fields(const admin_request &m)
    {
        return std::make_tuple(m.kind, m.node, m.flags, m.number, view(m.text));
    }
};

struct backup_request_case {
    using message = backup_request;
    static constexpr auto walk = wire_backup_request;
    static backup_request make(dice &dice)
    {
        return {dice.number(), dice.number()};
    }
    static auto fields(const backup_request &m)
    {
        return std::make_tuple(m.index, m.offset);
    }
};

struct backup_answer_case {
    using message = backup_answer;
    static constexpr auto walk = wire_backup_answer;
    static backup_answer make(dice &dice)
    {
        return {dice.byte(BACKUP_PIECE, BACKUP_FAILED), dice.node(), dice.number(),
                dice.number(), dice.number(), dice.text(0, 300)};
    }
    static auto fields(const backup_answer &m)
    {
        return std::make_tuple(m.result, m.node, m.index, m.bytes, m.offset, view(m.piece));
    }
};

struct admin_answer_case {
    using message = admin_answer;
    static constexpr auto walk = wire_admin_answer;
    static admin_answer make(dice &dice)
    {
        admin_answer m{};
        m.kind = dice.byte(0, 255);
        m.result = dice.byte(ADMIN_DONE, ADMIN_NOT_LEADER);
        m.node = dice.node();
        m.leader = dice.byte(0, NODE_ID_MAX);
        if (m.leader != 0)
            m.leader_address = dice.text(0, ADDRESS_BYTES_MAX);
        m.sentence = dice.text(0, ADMIN_SENTENCE_BYTES_MAX);
        m.version = static_cast<uint16_t>(dice.number());
        m.version_next = static_cast<uint16_t>(dice.number());
        m.upgrade_after_ns = dice.number();
        m.upgrade_waited_ns = dice.number();
        m.member_count = dice.byte(0, 255);
        return m;
    }
    static auto fields(const admin_answer &m)
    {
        return std::make_tuple(m.kind, m.result, m.node, m.leader, view(m.leader_address),
                view(m.sentence), m.version, m.version_next, m.upgrade_after_ns,
                m.upgrade_waited_ns, m.member_count);
    }
};

struct admin_member_case {
    using message = admin_member;
    static constexpr auto walk = wire_admin_member;
    static constexpr bool has_room_for_more = true;
    static admin_member make(dice &dice)
    {
        return {dice.node(), dice.byte(0, 255), dice.coin(), dice.number(), dice.number(),
                dice.number(), static_cast<uint16_t>(dice.number()),
                static_cast<uint16_t>(dice.number()), dice.text(0, ADDRESS_BYTES_MAX),
                dice.text(0, ADMIN_PROGRAM_BYTES_MAX)};
    }
    static auto fields(const admin_member &m)
    {
        return std::make_tuple(m.node, m.role, m.connected, m.incarnation, m.match,
                m.heard_ns, m.version_least, m.version_most, view(m.address),
                view(m.program));
    }
};

struct peer_case {
    using message = peer_message;
    static constexpr auto walk = wire_peer_message;
    static constexpr bool has_room_for_more = true; /* An append's spare bytes */
    static entry_id make_place(dice &dice)
    {
        if (dice.below(4) == 0)
            return {0, 0};
        return {dice.positive(), dice.between(1, UINT64_MAX - 1)};
    }
    static void make_append(dice &dice, peer_message &m)
    {
        m.previous = make_place(dice);
        m.commit = dice.number();
        m.round = dice.number();
        m.served_ns = dice.number();
        m.echo_ns = dice.number();
        m.begin = m.previous.index + 1;
        m.end = dice.between(m.begin, std::max(m.begin, m.begin + dice.below(300)));
    }
    static void make_append_answer(dice &dice, peer_message &m)
    {
        m.accepted = dice.coin();
        m.match = dice.number();
        m.hint = {dice.number(), dice.number()};
        m.round = dice.number();
        m.stamp_ns = dice.number();
        m.clock_suspect = dice.coin();
        m.state = dice.byte(PEER_STATE_ORDINARY, PEER_STATE_DAMAGED);
        m.fitness = dice.byte(PEER_FIT, PEER_CANNOT_WRITE);
        m.applied = dice.number();
    }
    static void make_rest(dice &dice, peer_message &m)
    {
        if (m.kind == PEER_VOTE) {
            m.pre = dice.coin();
            m.transfer = dice.coin();
            m.bootstrap = dice.coin();
            m.last = make_place(dice);
        } else if (m.kind == PEER_VOTE_ANSWER) {
            m.pre = dice.coin();
            m.granted = dice.coin();
            m.state = dice.byte(PEER_STATE_ORDINARY, PEER_STATE_DAMAGED);
        } else if (m.kind == PEER_READ) {
            m.context = dice.number();
        } else if (m.kind == PEER_READ_ANSWER) {
            m.context = dice.number();
            m.granted = dice.coin();
            m.index = dice.number();
        }
    }
    static peer_message make_kind(dice &dice, peer_kind kind)
    {
        peer_message m{};
        m.kind = kind;
        m.from = dice.byte(1, NODE_ID_MAX - 1);
        m.to = static_cast<uint8_t>(m.from + 1);
        m.term = dice.number();
        if (kind == PEER_APPEND)
            make_append(dice, m);
        else if (kind == PEER_APPEND_ANSWER)
            make_append_answer(dice, m);
        else
            make_rest(dice, m);
        return m;
    }
    static peer_message make(dice &dice)
    {
        return make_kind(
                dice, static_cast<peer_kind>(dice.between(PEER_VOTE, PEER_READ_ANSWER)));
    }
    static auto fields(const peer_message &m)
    {
        return std::make_tuple(m.kind, m.from, m.to, m.term, m.pre, m.transfer, m.bootstrap,
                m.last.term, m.last.index, m.granted, m.state, m.previous.term,
                m.previous.index, m.commit, m.round, m.served_ns, m.echo_ns, m.begin, m.end,
                m.accepted, m.match, m.hint.term, m.hint.index, m.stamp_ns, m.clock_suspect,
                m.context, m.index);
    }
};

struct configuration_case {
    using message = configuration;
    static constexpr auto walk = wire_configuration;
    static configuration make(dice &dice)
    {
        configuration m{};
        m.count = dice.byte(1, CONFIGURATION_MAX);
        for (uint8_t i = 0; i < m.count; i++) {
            member &one = m.members[i];
            one.id = static_cast<uint8_t>(7 * i + dice.byte(1, 7));
            one.role = i < LEARNERS_MAX && i + 1 < m.count
                               ? dice.byte(MEMBER_LEARNER, MEMBER_OBSERVER)
                               : static_cast<uint8_t>(MEMBER_VOTER);
            one.priority = dice.byte(0, 255);
            one.incarnation = dice.number();
            std::snprintf(one.address, sizeof one.address, "node%u:%u", unsigned{one.id},
                    1U + dice.byte(0, 250));
        }
        return m;
    }
    static auto fields(const configuration &m)
    {
        std::string all;
        for (uint8_t i = 0; i < m.count; i++) {
            const member &one = m.members[i];
            all += std::to_string(one.id) + "/" + std::to_string(one.role) + "/" +
                   std::to_string(one.priority) + "/" + std::to_string(one.incarnation) +
                   "=" + one.address + " ";
        }
        return std::make_tuple(m.count, all);
    }
};

struct batch_head_case {
    using message = batch_head;
    static constexpr auto walk = wire_batch_head;
    static batch_head make(dice &dice)
    {
        return {dice.number(), dice.number(), dice.small(), dice.small()};
    }
    static auto fields(const batch_head &m)
    {
        return std::make_tuple(m.dt_ns, m.wall_ns, m.command_bytes, m.keepalive_count);
    }
};

struct keepalive_case {
    using message = keepalive;
    static constexpr auto walk = wire_keepalive;
    static keepalive make(dice &dice)
    {
        return {dice.positive(), dice.number(), dice.number(), dice.small()};
    }
    static auto fields(const keepalive &m)
    {
        return std::make_tuple(m.session, m.confirmed, m.answered, m.waited_us);
    }
};

/*
 * In the context of no session: an OPEN. The commands of sessions are tried with batches.
 */
struct open_command_case {
    using message = command;
    static constexpr auto walk = wire_command;
    static command make(dice &dice)
    {
        command m{};
        m.request = make_request(dice, REQUEST_OPEN);
        for (unsigned char &byte : m.section.secret)
            byte = dice.byte(0, 255);
        for (unsigned char &byte : m.address)
            byte = dice.byte(0, 255);
        return m;
    }
    static auto fields(const command &m)
    {
        return std::tuple_cat(request_fields(m.request), section_fields(m.section),
                std::make_tuple(view(m.address, CLIENT_ADDRESS_BYTES)));
    }
};

struct bootstrap_case {
    using message = bootstrap;
    static constexpr auto walk = wire_bootstrap;
    static constexpr bool has_room_for_more = true;
    static bootstrap make(dice &dice)
    {
        bootstrap m{};
        m.settings = settings_default();
        cluster_settings &s = m.settings;
        s.version = static_cast<uint16_t>(dice.between(1, UINT16_MAX));
        s.upgrade_after_ns = dice.below(24 * 3600 * NS_PER_S);
        s.max_ttl_ns = dice.between(NS_PER_S, 24 * 3600 * NS_PER_S);
        s.min_ttl_ns = dice.between(NS_PER_MS, s.max_ttl_ns);
        s.term_grace_ns = dice.below(3600 * NS_PER_S);
        for (uint32_t *count : {&s.work_max, &s.sessions_max, &s.locks_max, &s.holds_max,
                     &s.waits_max, &s.waits_per_lock_max, &s.answers_max, &s.changes_max,
                     &s.changes_per_session_max, &s.name_blocks_max, &s.count_max,
                     &s.holds_per_session_max, &s.waits_per_session_max})
            *count = static_cast<uint32_t>(dice.between(1, 1 << dice.below(24)));
        s.address_percent = dice.byte(1, 100);
        s.label_percent = dice.byte(1, 100);
        m.members.count = dice.byte(1, MEMBERS_MAX);
        for (uint8_t i = 0; i < m.members.count; i++)
            m.members.ids[i] = static_cast<uint8_t>(i * 9 + dice.byte(1, 9));
        m.wall_ns = dice.number();
        bool known = dice.coin();
        for (uint8_t i = 0; i < m.members.count && known; i++)
            m.incarnations[i] = dice.between(1, UINT64_MAX);
        bool placed = known && dice.byte(1, 4) > 1;
        for (uint8_t i = 0; i < m.members.count && placed; i++)
            std::snprintf(m.addresses[i], sizeof m.addresses[i], "node%u:%u",
                    unsigned{m.members.ids[i]}, 1U + dice.byte(0, 250));
        m.token_first = dice.between(1, TOKEN_END - 1);
        return m;
    }
    /* Missing at the end may be the token, the addresses before it, and the incarnations. */
    static bool is_whole_without(const bootstrap &m, size_t missing)
    {
        size_t addresses = 8;
        for (uint8_t i = 0; i < m.members.count; i++)
            addresses += 2 + std::strlen(m.addresses[i]);
        return missing == 8 || missing == addresses ||
               missing == addresses + 8U * m.members.count;
    }
    static auto fields(const bootstrap &m)
    {
        const cluster_settings &s = m.settings;
        return std::make_tuple(s.max_ttl_ns, s.min_ttl_ns, s.term_grace_ns, s.work_max,
                s.sessions_max, s.locks_max, s.holds_max, s.waits_max, s.waits_per_lock_max,
                s.answers_max, s.changes_max, s.changes_per_session_max, s.name_blocks_max,
                s.count_max, s.holds_per_session_max, s.waits_per_session_max,
                s.address_percent, s.label_percent, s.version, s.upgrade_after_ns,
                m.members.count, view(m.members.ids, MEMBERS_MAX), m.wall_ns,
                std::vector<uint64_t>(m.incarnations, m.incarnations + MEMBERS_MAX),
                std::vector<std::string>(m.addresses, m.addresses + MEMBERS_MAX),
                m.token_first);
    }
};

struct settings_change_case {
    using message = settings_change;
    static constexpr auto walk = wire_settings_change;
    static settings_change make(dice &dice)
    {
        settings_change m{};
        m.wall_ns = dice.number();
        m.count = dice.byte(1, SETTINGS_CHANGE_MAX);
        for (uint8_t i = 0; i < m.count; i++)
            m.values[i] = {static_cast<uint16_t>(dice.number()), dice.number()};
        return m;
    }
    static auto fields(const settings_change &m)
    {
        std::vector<std::pair<uint16_t, uint64_t>> values;
        for (const setting_value &value : m.values)
            values.emplace_back(value.setting, value.value);
        return std::make_tuple(m.wall_ns, m.count, values);
    }
};

using every_message = ::testing::Types<hello_case, welcome_case, peer_welcome_case,
        refused_case, leader_case, section_case, section_logged_case, request_case,
        answer_section_case, answer_case, change_case, read_case, read_answer_case,
        lock_view_case, node_status_case, bucket_case, bucket_count_case, stages_head_case,
        stage_row_case, stage_value_case, backup_request_case, backup_answer_case,
        admin_request_case, admin_answer_case, admin_member_case, peer_case,
        configuration_case, batch_head_case, keepalive_case, open_command_case,
        bootstrap_case>;

} // namespace messages
