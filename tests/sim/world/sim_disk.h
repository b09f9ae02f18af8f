/*
 * The disk of a simulated machine: what is on it for certain, and what is on its way there.
 *
 * A write becomes durable when it completes. Until then a kill leaves all, none or some
 * sectors of it, and a power cut any of them; what of it was there once is read again.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/prng.h"
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

    void begin_write(const wal_write &write);
    void end_write(uint64_t id);
    void begin_segment(uint64_t number);
    void end_segment(uint64_t number);
    std::vector<uint8_t> read(const wal_place &place, size_t count) const;

    /* The machine went down. */
    void end(End how, prng &random);

    void wipe();
    /* Flip a bit in the middle of what was written. False: nothing was. */
    bool rot();

    /*
     * Spoil a sector of a record or header that a later one calls durable: so its node must
     * find it. (What is wrong with the very last records cannot be told from torn writes.)
     * False: there is none, or nothing changed by it.
     */
    bool damage(Damage kind, prng &random);
    bool is_damaged() const
    {
        return spoilt_.has_value() || !whole_.empty();
    }
    void undo_damage(); /* The cable was loose. */

private:
    struct Write {
        uint64_t id;
        wal_place place;
        std::vector<uint8_t> bytes;
    };
    void put(const Write &write, size_t begin, size_t end);
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
    std::vector<uint8_t> spoil(Damage kind, const wal_place &sector, prng &random) const;
    bool damage_file(Damage kind, prng &random);
    void cut_short(const Write &write, End how, prng &random);

    std::vector<Write> under_way_;
    uint64_t segment_under_way_ = 0;
    std::optional<Spoilt> spoilt_;
    std::map<uint64_t, std::vector<uint8_t>>
            whole_; /* The segments before one was spoilt */
};

} // namespace sim

#endif
