/*
 * The disk of a simulated machine: what is on it for certain, and what is on its way there.
 *
 * A write becomes durable when it completes. Until then a kill leaves all, none or some
 * sectors of it, and a power cut any of them; what of it was there once is read again.
 *
 * Of some disks more is simulated. A write may be done long after the process that began it
 * was killed (late_writes). And the kernel may keep what was written before a sync failed:
 * the next process reads it, and a power cut takes it (page_cache).
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/prng.h"
#include "node/node.h"
#include "store/wal.h"

namespace sim {

enum class End {
    killed,   /* kill -9: the kernel goes on, and closes its connections */
    power_cut /* Nobody is told. */
};

/* What becomes of a sector while nobody looks. */
enum class Damage {
    flipped, /* One bit */
    zeroed,
    stale,       /* As another segment has it: what a recycled file held before */
    misdirected, /* Another sector of this file was written here. */
    /* Of a whole segment, not the last */
    shortened,
    emptied,
    missing,
    misnamed /* It and the next have each other's names. */
};

class Disk {
public:
    uint64_t segment_bytes = 0;
    std::map<uint64_t, std::vector<uint8_t>> segments;
    bool full = false;   /* No segment can be made. */
    bool broken = false; /* The next write fails: its node stops. */
    bool tears = false;  /* Writes that the machine's end cuts short: their first half */
    uint64_t stalled_until = 0;
    bool stuck = false;   /* What is under way does not end. */
    uint64_t read_ns = 0; /* A read takes so much longer. */
    uint64_t write_ns = 0;
    bool late_writes = false;
    bool page_cache = false;

    void begin_write(const wal_write &write);
    void end_write(uint64_t id);
    void begin_segment(uint64_t number);
    void end_segment(uint64_t number);
    std::vector<uint8_t> read(const wal_place &place, size_t count) const;

    /*
     * Files beside the log, as they are after a power cut: what is written under a temporary
     * name is not there then, and what was being published or removed may be or not.
     */
    std::map<uint64_t, std::vector<uint8_t>> snapshots;
    std::vector<uint8_t> log_begin; /* Empty: there is no such file. */
    std::vector<uint8_t> repair;    /* The same */
    void begin_file(const node_file &file);
    /* False: it failed. Of a read, `bytes` gets what was read. */
    bool end_file(std::vector<uint8_t> &bytes);
    /* The number of the segment with which the log begins. */
    uint64_t first_segment() const;
    /* A start removes what is left over. */
    void remove_leftovers(const struct node *node);
    /* Everything that lies there. */
    struct Content {
        std::map<uint64_t, std::vector<uint8_t>> segments;
        std::map<uint64_t, std::vector<uint8_t>> snapshots;
        std::vector<uint8_t> log_begin;
        std::vector<uint8_t> repair;
    };
    Content swap_content(Content other);

    /* The machine or its process went down. */
    void end(End how, prng &random);

    /* What a killed process had under way is done now: nothing of it is left. */
    void finish_late();
    bool has_late() const
    {
        return !late_.empty();
    }

    /* The sync after these writes, and after those under way, fails. */
    void fail_sync(const wal_write *writes, size_t count, prng &random);

    /* The same bytes are written to where they were read: from then on they are durable. */
    void write_again(const wal_place &place, size_t count);

    void wipe();

    /*
     * The file system is not mounted: what a node finds looks like a new directory. What is
     * mounted again is as it was, and nothing that was done to the other shows in it. Both are
     * done while the machine is off, so nothing is under way to either.
     */
    void unmount();
    void mount();
    bool is_mounted() const
    {
        return !hidden_.has_value();
    }

    /* Flip a bit in the middle of what was written. False: nothing was. */
    bool rot();

    /*
     * Spoil a sector of a record or header that a later one calls durable: so its node must
     * find it. (What is wrong with the very last records cannot be told from torn writes.) It
     * is spoilt on the platter, and read like that, whatever a cache holds besides. False:
     * there is none, or nothing changed by it.
     */
    bool damage(Damage kind, prng &random);
    /* The same, flipped, to a record in the next stretch that a running node reads. */
    void rot_when_read(const struct prng &dice)
    {
        rots_when_read_ = dice;
    }
    void will_read(const wal_place &place, size_t count);
    bool is_damaged() const
    {
        return spoilt_.has_value() || !whole_.empty();
    }
    void undo_damage(); /* The cable was loose. */
    /* The log is given up (io/disk_repair.h): for good. Its machine is off. */
    void put_aside(const repair_block &kept);

private:
    struct Write {
        uint64_t id;
        wal_place place;
        std::vector<uint8_t> bytes;
    };
    using Segments = std::map<uint64_t, std::vector<uint8_t>>;
    static void put_to(Segments &files, const Write &write, size_t begin, size_t end);
    static void put_sector(
            Segments &files, const wal_place &sector, const std::vector<uint8_t> &bytes);
    void put(const Write &write, size_t begin, size_t end);
    void put_some(Segments &files, const Write &write, prng &random);
    struct Spot {
        wal_place place;
        size_t bytes; /* Used: the head and what it is about */
        uint64_t end; /* Position behind it */
    };
    struct Spoilt {
        wal_place place;
        std::vector<uint8_t> before;
    };
    std::vector<Spot> durable_spots() const;
    bool spoil_one(const std::vector<Spot> &spots, Damage kind, prng &random);
    std::vector<uint8_t> spoil(Damage kind, const wal_place &sector, prng &random) const;
    bool damage_file(Damage kind, prng &random);
    void cut_short(const Write &write, End how, prng &random);

    void do_file(const node_file &file, std::vector<uint8_t> bytes);

    std::optional<node_file> file_under_way_;
    std::vector<uint8_t> file_bytes_;
    std::map<int, std::vector<uint8_t>> temporary_; /* By name */
    std::vector<Write> under_way_;
    std::vector<Write> late_;         /* ... of processes that were killed */
    std::optional<Segments> platter_; /* What a power cut leaves, if not the same */
    std::optional<Content> hidden_;   /* What is not mounted */
    uint64_t segment_under_way_ = 0;
    std::optional<Spoilt> spoilt_;
    std::optional<struct prng> rots_when_read_;
    std::map<uint64_t, std::vector<uint8_t>>
            whole_; /* The segments before one was spoilt */
};

} // namespace sim

#endif
