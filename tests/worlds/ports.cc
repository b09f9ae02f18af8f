#include "worlds/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

namespace process {

namespace {

constexpr int lowest = 10000;
constexpr int highest =
        32000; /* The kernel's range begins at 32768 unless it was changed. */

/* A socket that is bound to the port; -1: the port is in use. */
int bound(int type, int port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        throw std::runtime_error("no socket to find a free port with");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

class Claims {
public:
    ~Claims()
    {
        for (int claim : claims_)
            close(claim);
    }

    int next()
    {
        for (int tries = 0; tries < highest - lowest; tries++) {
            int port = lowest + static_cast<int>(random_() % (highest - lowest));
            if (claim(port))
                return port;
        }
        throw std::runtime_error("no free port on loopback");
    }

private:
    bool claim(int port)
    {
        int claimed = bound(SOCK_DGRAM, port);
        int usable = claimed < 0 ? -1 : bound(SOCK_STREAM, port);
        if (usable >= 0) {
            close(usable);
            claims_.push_back(claimed);
            return true;
        }
        if (claimed >= 0)
            close(claimed);
        return false;
    }

    std::random_device random_;
    std::vector<int> claims_;
};

} // namespace

std::vector<int> free_ports(int count)
{
    static Claims claims; /* The process holds them until it ends. */
    std::vector<int> ports;
    for (int i = 0; i < count; i++)
        ports.push_back(claims.next());
    return ports;
}

} // namespace process
