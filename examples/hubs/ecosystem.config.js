// The same file on each machine. MACHINE is its own address; MASTER is set on one of them.
const { MACHINE, MASTER } = process.env;

const hub = {
    name: "ipc",
    script: "./node_modules/acebase-ipc-server/bin/acebase-ipc-server.js",
    wait_ready: true,
    env: {
        HOST: MACHINE,
        PORT: 9163,
        CLUSTER: "redis://10.0.0.9:6379",
        CLUSTER_ADVERTISE: `${MACHINE}:9163` // Where hubs of other machines reach this one
    }
}

const master = {
    name: "db-master",
    script: "./start-db-master.js",
    wait_ready: true
}

const servers = {
    name: "db-server",
    script: "./start-db-server.js",
    instances: "-2",
    exec_mode: "cluster"
}

module.exports = { apps: MASTER ? [hub, master, servers] : [hub, servers] }
