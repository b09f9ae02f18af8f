/*
 * Rafts in one process, with a network, disks and a clock that tests bend at will.
 *
 * Virtual time; everything random comes from one seed. Disks lose at a crash what was not
 * yet durable. After every step raft_check() and raft_check_step() run, and raft_witness.h
 * looks at all nodes at once.
 */
#ifndef TESTS_WORLDS_RAFT_CLUSTER_H
#define TESTS_WORLDS_RAFT_CLUSTER_H

#include <deque>
#include <functional>
#include <map>
#include <queue>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include "worlds/raft_alone.h"
#include "worlds/raft_witness.h"

class raft_cluster : public raft_witness {
public:
    struct sim_write {
        uint64_t number;
        bool save;
        uint64_t term;
        uint8_t vote;
        uint64_t truncate_from;
        std::vector<struct raft_entry> entries;
    };

    struct sim_packet {
        struct raft_message message;
        std::vector<struct raft_entry> entries;
    };

    struct sim_node {
        uint8_t id = 0;
        std::unique_ptr<raft_alone> life; /* Null: down */
        uint64_t lives = 0;
        struct sim_disk disk;
        struct sim_disk lost; /* What was there before the directory was emptied */
        std::deque<struct sim_write> writes; /* Not durable yet */
        std::vector<struct raft_entry> log;
        std::vector<struct sim_packet> held;
        bool writing = false;
        bool stalled_disk = false;
        bool full_log = false; /* Takes nothing: events that may write are dropped. */
        uint64_t commit = 0;
        std::map<enum raft_notice, int> notices;
    };

    struct read_answer {
        bool done = false;
        bool granted = false;
        uint64_t index = 0;
        uint64_t floor = 0; /* Committed somewhere when it was asked */
    };

    /* Times in microseconds. */
    uint64_t delay_min = 200;
    uint64_t delay_max = 300;
    uint64_t disk_min = 300;
    uint64_t disk_max = 500;
    uint64_t drop_percent = 0;
    uint64_t repeat_percent = 0;
    bool hold_when_cut =
            false;       /* What is sent into a cut arrives after healing, as TCP has it. */
    bool by_peer = true; /* A crash shows as a closed connection at once. */

    explicit raft_cluster(uint8_t count, uint64_t seed = 1)
            : raft_cluster(small_settings(1, count), seed)
    {
    }

    raft_cluster(const struct raft_settings &common, uint64_t seed) : settings(common)
    {
        prng_init(&prng, seed);
        nodes.resize(common.members.count + 1U);
        for (uint8_t id = 1; id <= common.members.count; id++)
            nodes[id].id = id;
    }

    uint8_t count() const
    {
        return settings.members.count;
    }
    uint64_t now_ns() const
    {
        return now;
    }
    uint64_t below(uint64_t n)
    {
        return prng_below(&prng, n);
    }
    struct sim_node &at(uint8_t id)
    {
        return nodes.at(id);
    }
    struct raft *raft(uint8_t id)
    {
        return nodes.at(id).life->raft;
    }
    bool is_up(uint8_t id) const
    {
        return nodes.at(id).life != nullptr;
    }

    void start_all()
    {
        for (uint8_t id = 1; id <= count(); id++)
            start(id);
    }

    /* Begin with this on every disk: the term of each entry in turn. */
    void prepare(const std::vector<std::vector<uint64_t>> &logs, uint64_t term)
    {
        for (uint8_t id = 1; id <= count(); id++) {
            struct sim_disk &disk = nodes[id].disk;
            disk.term = term;
            for (uint64_t entry_term : logs.at(id - 1U))
                disk.log.push_back(
                        {{entry_term, disk.log.size() + 1}, ENTRY_BATCH, 100, {}});
            for (uint64_t i = 0; i < disk.log.size(); i++)
                note_entry(disk.log, i);
        }
    }

    /* ... and the first entry makes these the voters. */
    void begin_with(uint64_t voters)
    {
        for (uint8_t id = 1; id <= count(); id++)
            nodes[id].disk.log.at(0).configuration.voters = voters;
    }

    void start(uint8_t id)
    {
        struct sim_node &node = nodes[id];
        struct raft_settings own = settings;
        own.self = id;
        node.life = std::make_unique<raft_alone>(own, prng_next(&prng));
        node.lives++;
        node.log = node.disk.log;
        node.commit = 0;
        node.life->now_ns = now;
        for (const struct raft_entry &entry : node.log)
            raft_restore(node.life->raft, &entry);
        raft_restore_vote(node.life->raft, node.disk.term, node.disk.vote);
        bool blank = node.disk.term == 0 && node.disk.log.empty();
        raft_boot(node.life->raft, now, blank);
        say(id, "starts");
        for (uint8_t other = 1; other <= count(); other++)
            if (other != id && is_up(other))
                connect(id, other);
    }

    /* Some of what was under way to the disk may have got there. */
    void crash(uint8_t id)
    {
        struct sim_node &node = nodes[id];
        say(id, "crashes");
        for (uint64_t kept = below(node.writes.size() + 1); kept > 0; kept--) {
            persist(node, node.writes.front());
            node.writes.pop_front();
        }
        node.life.reset();
        node.writes.clear();
        node.held.clear();
        node.writing = false;
        node.full_log = false;
        for (uint8_t other = 1; other <= count(); other++) {
            opens.erase({id, other});
            if (other != id && is_up(other))
                disconnect(other, id, by_peer);
        }
    }

    void wipe(uint8_t id)
    {
        if (!nodes[id].disk.log.empty())
            nodes[id].lost = nodes[id].disk;
        nodes[id].disk = {};
        say(id, "is emptied");
        wiped.insert(id);
    }

    void connect(uint8_t a, uint8_t b)
    {
        open(a, b);
        open(b, a);
    }

    /* Only `at` sees it. */
    void disconnect(uint8_t at, uint8_t peer, bool closed_by_peer)
    {
        if (opens.erase({at, peer}) == 0 || !is_up(at))
            return;
        struct raft_event event = {};
        event.kind = RAFT_PEER_CLOSED;
        event.peer = peer;
        event.by_peer = closed_by_peer;
        step(at, event);
    }

    void open(uint8_t at, uint8_t peer)
    {
        if (!is_up(at) || !opens.insert({at, peer}).second)
            return;
        struct raft_event event = {};
        event.kind = RAFT_PEER_OPEN;
        event.peer = peer;
        step(at, event);
    }

    bool is_open(uint8_t at, uint8_t peer) const
    {
        return opens.count({at, peer}) > 0;
    }

    /* One direction. */
    void cut(uint8_t from, uint8_t to)
    {
        cuts.insert({from, to});
    }

    void cut_both(uint8_t a, uint8_t b)
    {
        cut(a, b);
        cut(b, a);
    }

    void isolate(uint8_t id)
    {
        for (uint8_t other = 1; other <= count(); other++)
            if (other != id)
                cut_both(id, other);
    }

    bool is_cut(uint8_t from, uint8_t to) const
    {
        return cuts.count({from, to}) > 0;
    }

    void heal()
    {
        cuts.clear();
        std::deque<std::pair<struct sim_packet, uint64_t>> late;
        late.swap(stalled);
        for (auto &[packet, life] : late)
            transmit(packet);
    }

    void stall_disk(uint8_t id, bool stalls)
    {
        nodes[id].stalled_disk = stalls;
        if (!stalls)
            start_writing(id);
    }

    void event(uint8_t id, enum raft_event_kind kind, uint8_t peer = 0)
    {
        struct raft_event event = {};
        event.kind = kind;
        event.peer = peer;
        step(id, event);
    }

    /* False if the node does not take it. */
    bool propose(uint8_t id, uint32_t bytes = 100)
    {
        if (!is_up(id) || !raft_takes_proposals(raft(id)) || nodes[id].log.empty() ||
                raft_last(raft(id)).term != raft_term(raft(id)))
            return false;
        append(id, ENTRY_BATCH, bytes);
        return true;
    }

    /* False if the node does not take it. */
    bool propose_configuration(uint8_t id, struct raft_configuration configuration)
    {
        if (!is_up(id) || !raft_may_reconfigure(raft(id)))
            return false;
        struct raft_event event = {};
        event.kind = RAFT_PROPOSE;
        event.entry = {{0, 0}, ENTRY_CONFIGURATION, 300, configuration};
        step(id, event);
        return true;
    }

    uint64_t read(uint8_t id)
    {
        uint64_t context = reads.size();
        reads.push_back({});
        reads.back().floor = committed.size();
        struct raft_event event = {};
        event.kind = RAFT_READ;
        event.context = context;
        step(id, event);
        return context;
    }

    /* The node that leads the newest term; 0: none. */
    uint8_t leader()
    {
        uint8_t best = 0;
        for (uint8_t id = 1; id <= count(); id++)
            if (is_up(id) && raft_is_leader(raft(id)) &&
                    (best == 0 || raft_term(raft(best)) < raft_term(raft(id))))
                best = id;
        return best;
    }

    bool run_until(const std::function<bool()> &done, uint64_t limit_ns)
    {
        uint64_t end = now + limit_ns;
        while (!done())
            if (!run_one(end))
                return done();
        return true;
    }

    void run_for(uint64_t ns)
    {
        uint64_t end = now + ns;
        while (run_one(end)) {
        }
        now = end;
    }

    bool run_until_leader(uint64_t limit_ns = 10 * NS_PER_S)
    {
        return run_until([this] { return leads_committed() != 0; }, limit_ns);
    }

    uint8_t leads_committed()
    {
        uint8_t id = leader();
        return id != 0 && raft_leads_committed(raft(id)) ? id : 0;
    }

    /* Do all that are up have the same log, all of it committed? */
    bool agree()
    {
        uint8_t first = leads_committed();
        for (uint8_t id = 1; first != 0 && id <= count(); id++)
            if (is_up(id) && wiped.count(id) == 0 &&
                    (raft_commit(raft(id)) != raft_last(raft(first)).index ||
                            raft_durable(raft(id)) != raft_commit(raft(first))))
                return false;
        return first != 0;
    }

    struct raft_effects &step(uint8_t id, struct raft_event event)
    {
        struct sim_node &node = nodes[id];
        raft_alone &life = *node.life;
        life.now_ns = now;
        event.now_ns = now;
        if (drops(node, event))
            return life.effects;
        bool led = raft_is_leader(life.raft);
        struct raft_effects &effects = life.step(event);
        do_write(node, event, effects);
        check_node(node, led);
        do_messages(node, effects);
        do_reads(effects);
        do_fetches(node, effects);
        if (effects.notice != RAFT_NOTICE_NONE) {
            node.notices[effects.notice]++;
            say(id, "notice " + std::to_string(effects.notice));
        }
        if (effects.start_term)
            start_term(id, raft_term(life.raft));
        return effects;
    }

    std::vector<struct read_answer> reads;
    std::map<enum peer_kind, uint64_t> sent;
    bool slow_term_start = false;

private:
    struct sim_event {
        uint64_t at;
        uint64_t number;
        std::function<void()> action;

        bool operator<(const sim_event &other) const
        {
            return std::pair(at, number) > std::pair(other.at, other.number);
        }
    };

    void later(uint64_t us, std::function<void()> action)
    {
        queue.push({now + us * NS_PER_US, happening_count++, std::move(action)});
    }

    uint64_t between(uint64_t low, uint64_t high)
    {
        return prng_between(&prng, low, high);
    }

    static bool drops(const struct sim_node &node, const struct raft_event &event)
    {
        return node.full_log && event.kind != RAFT_PROPOSE &&
               raft_may_write(node.life->raft, &event);
    }

    static uint64_t deadline_of(const struct sim_node &node)
    {
        struct raft_event time = {};
        time.kind = RAFT_TIME;
        time.now_ns = raft_deadline(node.life->raft);
        return drops(node, time) ? UINT64_MAX : time.now_ns;
    }

    /* False: nothing happens before `end`. */
    bool run_one(uint64_t end)
    {
        uint64_t next = queue.empty() ? UINT64_MAX : queue.top().at;
        uint8_t timer = 0;
        for (uint8_t id = 1; id <= count(); id++) {
            uint64_t deadline = is_up(id) ? deadline_of(nodes[id]) : UINT64_MAX;
            if (deadline < next) {
                next = deadline;
                timer = id;
            }
        }
        if (next >= end)
            return false;
        now = std::max(now, next);
        if (timer != 0) {
            event(timer, RAFT_TIME);
            return true;
        }
        auto action = queue.top().action;
        queue.pop();
        action();
        return true;
    }

    void do_write(struct sim_node &node, const struct raft_event &event,
            const struct raft_effects &effects)
    {
        if (effects.write == 0)
            return;
        struct sim_write write = {effects.write, effects.save, raft_term(node.life->raft),
                raft_vote(node.life->raft), effects.truncate_from, {}};
        if (effects.truncate_from != 0) {
            require(effects.truncate_from <= node.log.size(), "nothing to truncate");
            node.log.resize(effects.truncate_from - 1);
        }
        for (uint32_t i = 0; i < effects.append_count; i++) {
            struct raft_entry entry = event.kind == RAFT_PROPOSE
                                              ? event.entry
                                              : event.entries[effects.append_skip + i];
            if (event.kind == RAFT_PROPOSE)
                entry.id = raft_last(node.life->raft);
            require(entry.id.index == node.log.size() + 1, "append leaves a gap");
            node.log.push_back(entry);
            note_entry(node.log, node.log.size() - 1);
            write.entries.push_back(entry);
        }
        require(node.log.size() == raft_last(node.life->raft).index, "log and raft differ");
        node.writes.push_back(write);
        start_writing(node.id);
    }

    void persist(struct sim_node &node, const struct sim_write &write)
    {
        struct sim_disk &disk = node.disk;
        if (write.save) {
            require(write.term > disk.term || (write.term == disk.term && disk.vote == 0),
                    "a vote is changed on disk");
            disk.term = write.term;
            disk.vote = write.vote;
        }
        if (write.truncate_from != 0)
            disk.log.resize(write.truncate_from - 1);
        disk.log.insert(disk.log.end(), write.entries.begin(), write.entries.end());
    }

    void start_writing(uint8_t id)
    {
        struct sim_node &node = nodes[id];
        if (node.writing || node.stalled_disk || node.writes.empty() || !node.life)
            return;
        node.writing = true;
        uint64_t life = node.lives;
        later(between(disk_min, disk_max), [this, id, life] { on_written(id, life); });
    }

    /* All that gathered meanwhile is one write of the disk, or a part of it. */
    void on_written(uint8_t id, uint64_t life)
    {
        struct sim_node &node = nodes[id];
        if (!node.life || node.lives != life)
            return;
        node.writing = false;
        uint64_t number = 0;
        for (uint64_t many = 1 + below(node.writes.size()); many > 0; many--) {
            persist(node, node.writes.front());
            number = node.writes.front().number;
            node.writes.pop_front();
        }
        start_writing(id);
        struct raft_event event = {};
        event.kind = RAFT_WRITTEN;
        event.write = number;
        step(id, event);
        std::vector<struct sim_packet> held;
        held.swap(node.held);
        for (struct sim_packet &packet : held) {
            if (packet.message.after_write > number)
                node.held.push_back(packet);
            else
                leave(node, packet);
        }
    }

    void do_messages(struct sim_node &node, const struct raft_effects &effects)
    {
        for (uint32_t i = 0; i < effects.message_count; i++) {
            struct sim_packet packet = {effects.messages[i], {}};
            const struct peer_message &body = packet.message.body;
            for (uint64_t at = body.begin; body.kind == PEER_APPEND && at < body.end; at++)
                packet.entries.push_back(node.log.at(at - 1));
            if (packet.message.after_write != 0)
                node.held.push_back(packet);
            else
                leave(node, packet);
        }
    }

    void leave(struct sim_node &node, const struct sim_packet &packet)
    {
        const struct peer_message &body = packet.message.body;
        require(body.from == node.id && body.to != node.id,
                "a message is not of its sender");
        check_promises(node.id, node.disk, body);
        sent[body.kind]++;
        if (is_open(node.id, body.to))
            transmit(packet);
    }

    void transmit(const struct sim_packet &packet)
    {
        const struct peer_message &body = packet.message.body;
        if (is_cut(body.from, body.to)) {
            if (hold_when_cut)
                stalled.push_back({packet, 0});
            return;
        }
        if (below(100) < drop_percent)
            return;
        uint32_t copies = below(100) < repeat_percent ? 2 : 1;
        for (uint32_t i = 0; i < copies; i++) {
            uint64_t us = between(delay_min, delay_max);
            uint64_t arrival = now + us * NS_PER_US;
            /* In order, unless the network repeats and loses: then anything goes. */
            uint64_t &link = arrivals[{body.from, body.to}];
            if (drop_percent == 0 && repeat_percent == 0 && arrival < link)
                us += (link - arrival) / NS_PER_US + 1;
            link = std::max(link, now + us * NS_PER_US);
            later(us, [this, packet] { deliver(packet); });
        }
    }

    void deliver(const struct sim_packet &packet)
    {
        const struct peer_message &body = packet.message.body;
        if (!is_up(body.to) || is_cut(body.from, body.to))
            return;
        struct raft_event event = {};
        event.kind = RAFT_RECEIVE;
        event.message = &body;
        event.entries = packet.entries.data();
        event.entry_count = static_cast<uint32_t>(packet.entries.size());
        step(body.to, event);
    }

    void append(uint8_t id, enum entry_kind kind, uint32_t bytes)
    {
        struct raft_event event = {};
        event.kind = RAFT_PROPOSE;
        event.entry = {{0, 0}, kind, bytes, {}};
        step(id, event);
    }

    void start_term(uint8_t id, uint64_t term)
    {
        say(id, "leads term " + std::to_string(term));
        uint64_t life = nodes[id].lives;
        auto action = [this, id, term, life] {
            if (!is_up(id) || nodes[id].lives != life || !raft_is_leader(raft(id)) ||
                    raft_term(raft(id)) != term)
                return;
            append(id, nodes[id].log.empty() ? ENTRY_BOOTSTRAP : ENTRY_TERM_START, 80);
        };
        later(slow_term_start ? below(20000) : 0, action);
    }

    void do_reads(const struct raft_effects &effects)
    {
        for (uint32_t i = 0; i < effects.read_count; i++) {
            const struct raft_read_ready &ready = effects.reads[i];
            struct read_answer &answer = reads.at(ready.context);
            require(!answer.done, "a read is answered twice");
            answer.done = true;
            answer.granted = ready.granted;
            answer.index = ready.index;
            if (ready.granted)
                require(ready.index >= answer.floor, "a stale read");
        }
    }

    void do_fetches(struct sim_node &node, const struct raft_effects &effects)
    {
        for (uint32_t i = 0; i < effects.fetch_count; i++) {
            struct raft_fetch fetch = effects.fetches[i];
            fetched[node.id]++;
            uint8_t id = node.id;
            uint64_t life = node.lives;
            later(between(disk_min, disk_max), [this, id, fetch, life] {
                struct sim_node &reader = nodes[id];
                if (!reader.life || reader.lives != life)
                    return;
                struct raft_event event = {};
                event.kind = RAFT_FETCHED;
                event.peer = fetch.peer;
                event.begin = fetch.begin;
                uint64_t last = reader.log.size();
                event.end =
                        std::max(fetch.begin, std::min(last, fetch.begin + below(5)) + 1);
                if (below(20) == 0)
                    event.end = event.begin;
                event.previous = {
                        raft_term_at(reader.life->raft, fetch.begin - 1), fetch.begin - 1};
                step(id, event);
            });
        }
    }

    void check_node(struct sim_node &node, bool led)
    {
        struct raft *raft = node.life->raft;
        if (raft_is_leader(raft) && !led)
            check_leader(node.id, raft);
        const uint64_t voters = raft_newest_configuration(raft).voters;
        check_commit(raft, node.commit, [this, voters](struct entry_id id) {
            uint32_t copies = 0;
            for (const struct sim_node &other : nodes)
                if ((voters >> other.id & 1) != 0)
                    copies += other.disk.has(id) || other.lost.has(id) ? 1 : 0;
            return copies > raft_count(voters) / 2U;
        });
        node.commit = raft_commit(raft);
    }

public:
    std::map<uint8_t, uint64_t> fetched;

private:
    struct raft_settings settings;
    struct prng prng;
    std::vector<struct sim_node> nodes;
    std::priority_queue<sim_event> queue;
    uint64_t happening_count = 0;
    std::set<std::pair<uint8_t, uint8_t>> opens;
    std::set<std::pair<uint8_t, uint8_t>> cuts;
    std::map<std::pair<uint8_t, uint8_t>, uint64_t> arrivals;
    std::deque<std::pair<struct sim_packet, uint64_t>> stalled;
};

#endif
