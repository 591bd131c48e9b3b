//! Linux: `/proc/net/tcp` names the inode of a socket by its address, `/proc/<pid>/fd` who has it open.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

use crate::acebase::Process;

/// Open files that are looked at in one go: a few milliseconds' work for each ten thousand.
const MAX_FILES: usize = 200_000;

/// The longest command that is shown, in characters.
const MAX_COMMAND: usize = 80;

/// Options of Node.js that are followed by a word of theirs.
const OPTIONS_WITH_VALUE: [&str; 4] = ["-r", "--require", "--import", "-C"];

/// The processes that have sockets with these addresses of their own.
pub fn find(wanted: &HashSet<SocketAddr>) -> HashMap<SocketAddr, Process> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|table| File::open(table).ok());
    // A line at a time: with thousands of connections a table is large.
    let lines = tables.flat_map(|table| BufReader::new(table).lines().map_while(Result::ok));
    let rows = lines.filter_map(|line| row(&line)).filter(|(address, _)| wanted.contains(address));
    owners(rows.map(|(address, inode)| (inode, address)).collect())
}

/// A row's own address and inode. Sockets without an inode belong to nobody any more.
fn row(line: &str) -> Option<(SocketAddr, u64)> {
    let mut fields = line.split_whitespace();
    let own = fields.nth(1)?;
    let inode: u64 = fields.nth(7)?.parse().ok()?;
    (inode > 0).then_some((address(own)?, inode))
}

/// `0100007F:A3F2`: the address in words of the machine's own byte order, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let words: Option<Vec<[u8; 4]>> = (0..host.len() / 8)
        .map(|word| u32::from_str_radix(host.get(word * 8..word * 8 + 8)?, 16).ok().map(u32::to_ne_bytes))
        .collect();
    let ip: IpAddr = match words?.as_slice() {
        [v4] => Ipv4Addr::from(*v4).into(),
        [a, b, c, d] => {
            let bytes: [u8; 16] = [*a, *b, *c, *d].concat().try_into().ok()?;
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// Who has these sockets open. Processes of other users are not seen, unless by root.
fn owners(mut sockets: HashMap<u64, SocketAddr>) -> HashMap<SocketAddr, Process> {
    let mut found = HashMap::new();
    let mut files = 0;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        if sockets.is_empty() || files > MAX_FILES {
            break;
        }
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let folder = entry.path();
        let mut process = None;
        for file in fs::read_dir(folder.join("fd")).into_iter().flatten().flatten() {
            files += 1;
            let Some(inode) = fs::read_link(file.path()).ok().and_then(|target| inode(&target)) else { continue };
            if let Some(address) = sockets.remove(&inode) {
                // One that has many connections is asked once, and what it answers is shared.
                let process = process.get_or_insert_with(|| Process { pid, command: command(&folder).into() });
                found.insert(address, process.clone());
            }
        }
    }
    found
}

/// `socket:[12345]`
fn inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// What a process was started with; pm2 and others write what they like there.
fn command(folder: &Path) -> String {
    let line = fs::read(folder.join("cmdline")).unwrap_or_default();
    let mut command = spoken(&String::from_utf8_lossy(&line));
    if let Some((end, _)) = command.char_indices().nth(MAX_COMMAND) {
        command.truncate(end);
        command.push('…');
    }
    command
}

/// The words of a command line that tell one process from another: its program and its script, without their folders,
/// and what the script is told. What Node.js itself is told, before the script, may be long and is alike for all.
fn spoken(line: &str) -> String {
    let mut words = line.split('\0').filter(|word| !word.is_empty());
    let program = words.next().map(file_name);
    let mut script = None;
    while let Some(word) = words.next() {
        if OPTIONS_WITH_VALUE.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            script = Some(file_name(word));
            break;
        }
    }
    program.into_iter().chain(script).chain(words).collect::<Vec<_>>().join(" ")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_by_its_program_and_its_script() {
        let told = [
            ("/usr/bin/node\0/srv/app/server.js\0--port\x0080\0", "node server.js --port 80"),
            ("node\0--inspect\0-r\0acebase-ipc-server/client\0/srv/app/server.js\0", "node server.js"),
            ("pm2 server: the API", "pm2 server: the API"),
            ("", ""),
        ];
        for (line, words) in told {
            assert_eq!(spoken(line), words);
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_are_read_with_the_inode_and_both_kinds_of_addresses() {
        let v4 = "   0: 0100007F:A3F2 0100007F:23CB 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0";
        assert_eq!(row(v4), Some((([127, 0, 0, 1], 41_970).into(), 4_711)));
        let v6 = "   1: 00000000000000000000000001000000:0050 0:0 01 0:0 00:0 0 0 0 12 1 0";
        assert_eq!(row(v6), Some(("[::1]:80".parse().unwrap(), 12)));
        let mapped = "   1: 0000000000000000FFFF00000100007F:0050 0:0 01 0:0 00:0 0 0 0 12 1 0";
        assert_eq!(row(mapped), Some((([127, 0, 0, 1], 80).into(), 12)));
        for line in ["", "0: x y", "   0: 0100007F:A3F2 0:0 06 0:0 0:0 0 0 0 0 1 0"] {
            assert_eq!(row(line), None, "{line}");
        }
    }
}
