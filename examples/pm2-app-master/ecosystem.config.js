module.exports = {
    apps: [{
        name: "ipc",
        script: "./start-ipc-server.js"
    }, {
        name: "db-server",
        script: "./start-db-server.js",
        instances: "-1",        // Uses all CPUs minus 1
        exec_mode: "cluster"    // Enables PM2 load balancing
    }]
}
