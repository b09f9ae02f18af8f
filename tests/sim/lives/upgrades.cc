#include "sim/lives/upgrades.h"

#include "base/units.h"
#include "sim/lives/life.h"

namespace sim {

Upgrades::Upgrades(Life &life)
        : life_(life), operator_(life.world(), [this](const std::string &breach) {
              life_.expect(false, breach);
          })
{
}

void Upgrades::run(int id, bool next)
{
    if (next)
        next_.insert(id);
    else
        next_.erase(id);
    uint16_t most = next ? VERSION_TRIAL : VERSION_FIRST;
    life_.world().machine(id).run_versions({VERSION_FIRST, most});
}

void Upgrades::note(const Machine &machine)
{
    bool raised = locks_settings(machine.locks())->version == VERSION_TRIAL;
    if (raised && raft_durable(machine.raft()) >= locks_index(machine.locks()))
        raised_.insert(machine.id());
}

bool Upgrades::act(int id)
{
    Machine &machine = life_.world().machine(id);
    if (machine.up() && life_.roll(4) == 0) {
        life_.say(id, "is asked to finish the upgrade");
        return operator_.ask(id);
    }
    if (machine.up() && !life_.may_disturb(id))
        return false;
    if (machine.up()) {
        note(machine);
        machine.crash();
    }
    run(id, is_old(id));
    life_.say(id, is_old(id) ? "gets the old program" : "gets the next program");
    life_.world().in(life_.roll(200 * NS_PER_MS), [this, id] {
        if (!life_.is_over())
            life_.start(id);
    });
    return true;
}

bool Upgrades::judge(int id, enum node_boot boot)
{
    const Machine &machine = life_.world().machine(id);
    if (boot == NODE_BOOT_VERSION)
        life_.expect(is_old(id), Life::name_of(id) + " refuses its own version");
    else if (is_old(id) && raised_.count(id) > 0 && boot == NODE_BOOT_OK &&
             raft_last(machine.raft()).index > 0) /* Its directory may be empty. */
        life_.expect(false, Life::name_of(id) + " starts with an old program");
    if (boot != NODE_BOOT_VERSION)
        return false;
    life_.say(id, "is refused by its log");
    run_next(id);
    return true;
}

void Upgrades::run_next(int id)
{
    run(id, true);
}

bool Upgrades::is_finished() const
{
    for (int id = 1; id <= life_.world().count(); id++) {
        const Machine &machine = life_.world().machine(id);
        if (!machine.up() || locks_settings(machine.locks())->version != VERSION_TRIAL)
            return false;
    }
    return true;
}

void Upgrades::finish()
{
    World &world = life_.world();
    Machine *leader = world.leader();
    if (leader)
        life_.expect(locks_settings(leader->locks())->version >= operator_.told(),
                "a version is forgotten of which the operator was told");
    for (int second = 0; second < 30 && !is_finished(); second++) {
        leader = world.leader();
        if (leader)
            (void)operator_.ask(leader->id());
        world.run_for(NS_PER_S);
    }
    life_.expect(
            is_finished(), "the upgrade is not finished when all members know the version");
}

} // namespace sim
