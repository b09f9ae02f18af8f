/*
 * The plan of a hostile life: all that is drawn from its seed before it begins.
 *
 * A life is the plan and nothing else: which world, which persons, and a list of *deeds*, each
 * with its time. Whoever acts in a life has a stream of random numbers of its own (stream()),
 * so a deed that is left out changes nothing for the others but what they meet: a life that
 * fails can be cut down to the few deeds it takes.
 *
 * Each seed switches some kinds of deeds off, and draws how often the others come: lives in
 * which everything happens at once hide the bugs that need quiet in between.
 */
#ifndef SIM_LIFE_PLAN_H
#define SIM_LIFE_PLAN_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/world/world.h"

namespace sim {

enum class Kind : uint8_t {
    kill,           /* kill -9 of a node */
    power,          /* A node's power is cut. */
    stop,           /* SIGTERM to a node */
    pause_node,     /* SIGSTOP, and later SIGCONT */
    pause_client,   /* ... of a client */
    cut,            /* Between two ends, one way or both, or from all nodes */
    reset,          /* A connection breaks. */
    disk,           /* A node's disk stalls, is full, or fails. */
    vandal,         /* Nonsense, or what others said said again */
    client_dies,    /* Its machine is gone. */
    all_lose_power, /* Every node at once */
    slow,           /* The network, one way */
    lossy,
    break_frame,    /* A connection breaks amid a frame. */
    half_open,      /* One end forgets it. */
    bridge,         /* Two halves that one node alone reaches */
    end_amid,       /* A node ends between two effects of a turn. */
    end_at_start,   /* ... or as it starts */
    damage,         /* Of a node's disk */
    empty,          /* A node finds no log, until later. */
    jump_wall,      /* Somebody sets a node's time of day. */
    bend_clock,     /* A clock runs beyond rho: in lives of that kind only */
    slow_start,     /* A leader ends, and the next finds slow disks: in some lives only */
    depose,         /* A leader is cut off, and does not know: in the same lives */
    old_entries,    /* Played with roles (plays.h), in some lives only */
    late_votes,     /* ... */
    isolate_client, /* From all nodes: in lives of rough clients only */
    stop_client,    /* Paused for longer than its sessions last: in the same lives */
    stuck_disk,     /* A node's disk finishes no write for long: in some lives only */
    log_full,       /* A node may have no more segments until a restart: in the same */
    slow_replay,    /* A node restarts, and its disk reads slowly: in the same */
    rot,            /* Of a running node's log, whole again later: in some lives */
    slow_disks,     /* All nodes write slowly: in lives of bad disks */
    hand_over_amid_replay, /* A leader stops while others apply their logs: in the same */
    feast,                 /* Of a client that takes all it is given: in some lives */
    pose,                  /* Somebody says to be a member: in some lives */
    upgrade,               /* A node gets the next program, or the old one: in some lives */
    add_member,            /* From here on: in lives whose members change */
    remove_member,
    replace_member,  /* By a machine with an empty disk */
    move_member,     /* To another address */
    promote_learner, /* One that was to stay one */
    transfer_lead,
    repair_member, /* Its log is damaged for good, and it gives it up. */
    old_disk,      /* Of a machine that was replaced, is started beside the new one */
    count
};

const char *name_of(Kind kind);

struct Deed {
    uint32_t number; /* Its stream of random numbers */
    uint64_t at_ns;  /* From the start of the hostile time */
    Kind kind;
};

struct Plan {
    uint64_t seed = 0;
    Options world;
    int persons = 4;
    uint64_t hostile_ns = 0;
    uint64_t pause_ns = 0;       /* How long pauses, cuts and stalls are at most */
    uint64_t away_ns = 0;        /* ... and a node is without its log */
    bool long_names = false;     /* Of locks, so that an entry fills more than a sector */
    int64_t rate_most = 0;       /* ppm, of any clock */
    bool hunts_leaders = false;  /* Deeds are done to leaders rather than to anybody. */
    bool keeps_majority = false; /* A majority is left alone by what is done to nodes. */
    bool waits_for_leader = false;
    /* Queues of one, clients that know one node, vandals who pose, whole files damaged */
    bool strange = false;
    bool rough = false;       /* Persons' clients have crowds (crowd.h). */
    bool tests_guard = false; /* In the end: is a fast clock noticed? */
    bool has_glutton = false;
    bool changes_members = false;
    /* In the end, while only a majority is healed: the others are there, with bad disks. */
    bool bad_disks = false;
    bool upgrades = false;   /* Nodes change their programs (upgrades.h). */
    std::vector<Deed> deeds; /* In order of time */
    /* What was taken from the world that was drawn (shrink.h) */
    std::vector<std::string> taken;
    std::optional<Kind> denied; /* A false claim, for tests: no second deed of this kind */
};

Plan draw_plan(uint64_t seed);

/* Numbers for one actor of a life. Streams of different numbers have nothing in common. */
struct prng stream(uint64_t seed, uint64_t number);

enum : uint64_t { /* Numbers of streams: a deed has its own, the others are above them. */
    STREAM_WORLD = UINT64_C(1) << 32,
    STREAM_LIFE, /* Clocks, and which majority is healed */
    STREAM_VANDAL,
    STREAM_CLOCKS, /* Which lives have bad clocks */
    STREAM_STARTS, /* ... and slow starts of terms */
    STREAM_PLAYS,  /* ... and plays */
    STREAM_STRANGE,
    STREAM_DISKS,
    STREAM_ROUGH,      /* Which lives have rough clients */
    STREAM_BAD_DISKS,  /* ... and disks that are of no use */
    STREAM_LAST_DISKS, /* Which ones, in the end */
    STREAM_SLOW_DISKS, /* Which of these lives have slow ones, too */
    STREAM_TEST_DISKS, /* ... and when all is well again */
    STREAM_GLUTTON,    /* Which lives have one, and what it does */
    STREAM_IMPOSTOR,   /* ... */
    STREAM_SHARES,     /* In which rough lives an address may have little */
    STREAM_UPGRADES,   /* Which lives have upgrades */
    STREAM_MEMBERS,    /* In which lives members change, and what operators do */
    STREAM_REPAIRS,    /* In which of these logs are damaged for good */
    STREAM_PERSONS = UINT64_C(1) << 33,
    STREAM_CROWDS = UINT64_C(1) << 34,
};

} // namespace sim

#endif
