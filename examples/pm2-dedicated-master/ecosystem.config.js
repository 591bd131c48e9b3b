module.exports = {
    apps: [{
        name: "ipc",
        script: "./start-ipc-server.js"
    }, {
        name: "db-master",
        script: "./start-db-master.js",
        wait_ready: true        // Workers start when it has created the database
    }, {
        name: "db-server",
        script: "./start-db-server.js",
        instances: "-2",        // Uses all CPUs minus 2
        exec_mode: "cluster"    // Enables PM2 load balancing
    }]
}
