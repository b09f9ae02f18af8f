/*
 * Ports of loopback for the nodes of a test. Tests run side by side, and a port that is free now
 * may be taken before the node listens there: by the node of another test, or by the local end
 * of any connection. So these are outside of the range that the kernel gives to connections, and
 * each is claimed until the test's process ends: the claim is the UDP port of the same number.
 * bench/runs/ports.py claims in the same way.
 */
#ifndef LOCKD_TESTS_WORLDS_PORTS_H
#define LOCKD_TESTS_WORLDS_PORTS_H

#include <vector>

namespace process {

std::vector<int> free_ports(int count);

} // namespace process

#endif
