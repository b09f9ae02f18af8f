#!/usr/bin/env bash
# Three nodes of ZooKeeper: transaction log on disk and forced there, as it comes; a fixed heap;
# room for more requests under way than the load has. The leader alone is told to clients.
. "$(dirname "$0")/nodes.sh"

write_settings() {
    local id=$1
    mkdir -p "$dir/node$id/data" "$dir/node$id/log"
    echo "$id" >"$dir/node$id/data/myid"
    cat >"$dir/node$id/zoo.cfg" <<END
tickTime=2000
initLimit=10
syncLimit=5
dataDir=$dir/node$id/data
dataLogDir=$dir/node$id/log
forceSync=yes
clientPort=${ports[id - 1]}
clientPortAddress=127.0.0.1
maxClientCnxns=0
globalOutstandingLimit=10000
4lw.commands.whitelist=srvr
admin.enableServer=false
server.1=127.0.0.1:${ports[3]}:${ports[6]}
server.2=127.0.0.1:${ports[4]}:${ports[7]}
server.3=127.0.0.1:${ports[5]}:${ports[8]}
END
}

start_nodes() {
    choose_ports 9
    local id
    for id in 1 2 3; do
        write_settings "$id"
        run_node "node$id" java -Xms1g -Xmx1g -Dzookeeper.jmx.log4j.disable=true \
            -cp /usr/share/java/zookeeper.jar \
            org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/node$id/zoo.cfg"
    done
}

# mode_of PORT: leader, follower, or nothing while it does not serve.
mode_of() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 0
        echo srvr >&3
        timeout 2 sed -n 's/^Mode: //p' <&3
    ) 2>/dev/null || true
}

# All serve, and one of them leads.
find_leader() {
    local port leaders=0 followers=0
    for port in "${ports[@]:0:3}"; do
        case $(mode_of "$port") in
        leader)
            leaders=$((leaders + 1))
            echo "127.0.0.1:$port" >"$dir/cluster"
            ;;
        follower) followers=$((followers + 1)) ;;
        esac
    done
    [ "$leaders,$followers" = 1,2 ]
}

await_nodes() { await 60 find_leader; }

nodes_main "$@"
