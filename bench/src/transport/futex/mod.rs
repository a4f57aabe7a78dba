//! The least that can pass a message between two processes which sleep: a box in shared memory and a futex.
//!
//! Nothing that puts its receiver to sleep can wake it faster, so this is the measure for the wake-up of V4V. One page
//! is mapped by both ends and holds a [`Mailbox`](mailbox::Mailbox) for each direction.

mod mailbox;
mod page;

use super::Transport;
use mailbox::Mailbox;
use page::Page;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where shared memory has its files.
const FOLDER: &str = "/dev/shm";

/// Two boxes in shared memory; see the module.
#[derive(Debug)]
pub struct Futex;

/// A page that waits for its client.
#[derive(Debug)]
pub struct Listener {
    page: Page,
    /// Kept for its `Drop`.
    _name: Name,
}

/// A file's name, removed when nobody needs to find it any more.
#[derive(Debug)]
struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // A file that somebody else has removed is gone just as well.
        let _ = fs::remove_file(&self.0);
    }
}

impl Transport for Futex {
    type Stream = FutexStream;
    type Listener = Listener;

    fn listen(tag: &str) -> io::Result<(Listener, String)> {
        let path = Path::new(FOLDER).join(format!("v4v-bench-{tag}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let name = Name(path);
        file.set_len(page::PAGE_BYTES as u64)?;
        let address = name.0.display().to_string();
        Ok((
            Listener {
                page: Page::map(&file)?,
                _name: name,
            },
            address,
        ))
    }

    fn accept(listener: Listener) -> io::Result<FutexStream> {
        listener.page.boxes().to_server.wait_for_mail();
        Ok(FutexStream {
            page: listener.page,
            serves: true,
            taken: 0,
        })
    }

    fn connect(address: &str) -> io::Result<FutexStream> {
        let file = OpenOptions::new().read(true).write(true).open(address)?;
        Ok(FutexStream {
            page: Page::map(&file)?,
            serves: false,
            taken: 0,
        })
    }
}

/// One end of the two boxes.
#[derive(Debug)]
pub struct FutexStream {
    page: Page,
    serves: bool,
    /// Bytes of the mail in the box that have been read already.
    taken: usize,
}

impl FutexStream {
    fn inbox(&self) -> &Mailbox {
        let boxes = self.page.boxes();
        if self.serves {
            &boxes.to_server
        } else {
            &boxes.to_client
        }
    }

    fn outbox(&self) -> &Mailbox {
        let boxes = self.page.boxes();
        if self.serves {
            &boxes.to_client
        } else {
            &boxes.to_server
        }
    }
}

impl Read for FutexStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mail = self.inbox().wait_for_mail();
        let count = mail.saturating_sub(self.taken).min(buf.len());
        self.inbox().copy(self.taken, &mut buf[..count]);
        self.taken += count;
        if self.taken >= mail && mail > 0 {
            self.taken = 0;
            self.inbox().empty();
        }
        Ok(count)
    }
}

impl Write for FutexStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if buf.is_empty() {
            Ok(0)
        } else {
            self.outbox().put(buf)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for FutexStream {
    fn drop(&mut self) {
        self.outbox().close();
        self.inbox().close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn bytes_go_through_in_order_and_the_end_is_seen() {
        let tag = format!("test-{}", std::process::id());
        let (listener, address) = Futex::listen(&tag).expect("shared memory");
        let server = thread::spawn(move || {
            let mut all = Vec::new();
            Futex::accept(listener)?.read_to_end(&mut all)?;
            io::Result::Ok(all)
        });
        let sent: Vec<u8> = (0..10_000).map(|i| (i % 251) as u8).collect();
        let mut client = Futex::connect(&address).expect("listening");
        client.write_all(&sent).expect("read at the other end");
        drop(client);
        assert_eq!(server.join().expect("no panic").expect("no error"), sent);
        assert!(!Path::new(&address).exists(), "the name is gone");
    }

    #[test]
    fn writing_to_an_end_that_has_gone_is_a_broken_pipe() {
        let tag = format!("gone-{}", std::process::id());
        let (listener, address) = Futex::listen(&tag).expect("shared memory");
        let mut client = Futex::connect(&address).expect("listening");
        client.write_all(b"x").expect("an empty box");
        drop(Futex::accept(listener).expect("there is mail"));
        assert_eq!(
            client.write(b"y").expect_err("gone").kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
