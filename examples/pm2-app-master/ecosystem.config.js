module.exports = {
    apps: [{
        name: "AceBase IPC Server",
        script: "./start-ipc-server.js",
        instances: 1
    }, {
        name: "AceBase database server",
        script: "./start-db-server.js",
        instances: "-1",        // Uses all CPUs minus 1
        exec_mode: "cluster"    // Enables PM2 load balancing
    }]
}
