//! The conversation with xenstore, against a fake of `/dev/xen/xenbus`: a pseudo-terminal in raw mode whose other end answers as
//! `xs_wire.h` documents. That real xenstored answers so is for the lab to show.

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::{File, read_link};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread::{JoinHandle, spawn};
use v4v_wrapper_policy::xenstore::peers;

const DIRECTORY: u32 = 1;
const READ: u32 = 2;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;

/// A fake's answer to a request: its type, the number of the request that it answers, its payload.
type Answer = (u32, u32, Vec<u8>);

/// A device that answers each request with what `answer` gives, until its caller closes it.
struct Fake {
    path: PathBuf,
    server: JoinHandle<()>,
    /// Keeps the device open between the fake's making and its use.
    held: File,
}

fn fake(answer: impl Fn(u32, u32, &str) -> Vec<Answer> + Send + 'static) -> Fake {
    let OpenptyResult { master, slave } = openpty(None, None).expect("a pseudo-terminal");
    let mut raw = tcgetattr(&slave).expect("its settings");
    cfmakeraw(&mut raw);
    tcsetattr(&slave, SetArg::TCSANOW, &raw).expect("raw mode");
    let path = read_link(format!("/proc/self/fd/{}", slave.as_raw_fd())).expect("its name");
    let server = spawn(move || serve(&mut File::from(master), &answer));
    Fake {
        path,
        server,
        held: File::from(slave),
    }
}

fn serve(device: &mut File, answer: &impl Fn(u32, u32, &str) -> Vec<Answer>) {
    let mut head = [0; 16];
    while device.read_exact(&mut head).is_ok() {
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let mut path = vec![0; word(12) as usize];
        device.read_exact(&mut path).expect("a path");
        assert_eq!(
            (word(8), path.pop()),
            (0, Some(0)),
            "no transaction, and a string that ends"
        );
        let path = String::from_utf8(path).expect("text");
        for (kind, request, payload) in answer(word(0), word(4), &path) {
            let len = u32::try_from(payload.len()).expect("short");
            for word in [kind, request, 0, len] {
                device.write_all(&word.to_le_bytes()).expect("an answer");
            }
            device.write_all(&payload).expect("an answer");
        }
    }
}

impl Fake {
    /// What is read from it; then the fake is gone.
    fn peers(self) -> io::Result<Vec<String>> {
        let table = peers(&self.path);
        drop(self.held);
        self.server.join().expect("the fake was asked as documented");
        let table = table?;
        let lines = table
            .peers
            .iter()
            .map(|p| format!("{} = {}", p.address, p.domain));
        Ok(lines.chain(table.mistakes).collect())
    }
}

fn host(kind: u32, request: u32, path: &str) -> Vec<Answer> {
    let payload: &[u8] = match (kind, path) {
        (DIRECTORY, "/v4v/peers") => b"3\x007\x009\0",
        (READ, "/v4v/peers/3") => b"10.0.0.3",
        (READ, "/v4v/peers/7") => b"10.0.0.7 fd00::7",
        _ => return vec![(ERROR, request, b"ENOENT\0".to_vec())],
    };
    // A watch of somebody else's fires in between.
    vec![
        (WATCH_EVENT, 0, b"@releaseDomain\0w\0".to_vec()),
        (kind, request, payload.to_vec()),
    ]
}

#[test]
fn the_table_is_read_key_by_key() {
    let lines = fake(host).peers().expect("a table");
    assert_eq!(lines, ["10.0.0.3 = 3", "10.0.0.7 = 7", "fd00::7 = 7"]);
}

#[test]
fn a_host_without_a_table_is_told_from_one_that_fails() {
    let none = fake(|_, request, _| vec![(ERROR, request, b"ENOENT\0".to_vec())]).peers();
    assert_eq!(none.expect_err("no table").kind(), io::ErrorKind::NotFound);
    let denied = fake(|_, request, _| vec![(ERROR, request, b"EACCES\0".to_vec())]).peers();
    assert_eq!(
        denied.expect_err("not for us").kind(),
        io::ErrorKind::PermissionDenied
    );
}

#[test]
fn a_xenstore_that_does_not_answer_holds_nobody_up() {
    let silent = fake(|_, _, _| Vec::new()).peers();
    assert_eq!(silent.expect_err("silence").kind(), io::ErrorKind::TimedOut);
}
