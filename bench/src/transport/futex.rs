//! The least that can pass a message between two processes which sleep: a box in shared memory and a futex.
//!
//! Nothing that puts its receiver to sleep can wake it faster, so this is the measure for the wake-up of V4V. One page
//! is mapped by both; each direction has a box of [`BOX_BYTES`] and a word that counts the bytes in it.

#[path = "futex_page.rs"]
mod page;

use super::Transport;
use page::{BOX_BYTES, Mailbox, Page};
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where shared memory has its files.
const FOLDER: &str = "/dev/shm";

/// Two boxes in shared memory; see the module.
#[derive(Debug)]
pub struct Futex;

/// The page of a listener and its name, which goes away with it.
#[derive(Debug)]
pub struct Listener {
    page: Page,
    file: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Nothing is left to do where somebody else has removed it.
        let _ = fs::remove_file(&self.file);
    }
}

/// One end of the two boxes.
#[derive(Debug)]
pub struct FutexStream {
    page: Option<Page>,
    serves: bool,
    taken: usize,
}

impl Transport for Futex {
    type Stream = FutexStream;
    type Listener = Listener;

    fn listen(tag: &str) -> io::Result<(Listener, String)> {
        let file = Path::new(FOLDER).join(format!("v4v-bench-{tag}"));
        let open = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&file)?;
        open.set_len(page::PAGE_BYTES as u64)?;
        let address = file.display().to_string();
        Ok((Listener { page: Page::map(&open)?, file }, address))
    }

    fn accept(mut listener: Listener) -> io::Result<FutexStream> {
        // The client's first message is its connection, and its page is mapped already: the name may go.
        let fresh = OpenOptions::new().read(true).write(true).open(&listener.file)?;
        let page = std::mem::replace(&mut listener.page, Page::map(&fresh)?);
        page.box_to_server().wait_for_mail();
        Ok(FutexStream { page: Some(page), serves: true, taken: 0 })
    }

    fn connect(address: &str) -> io::Result<FutexStream> {
        let file = OpenOptions::new().read(true).write(true).open(address)?;
        Ok(FutexStream { page: Some(Page::map(&file)?), serves: false, taken: 0 })
    }
}

impl FutexStream {
    fn boxes(&self) -> io::Result<(&Mailbox, &Mailbox)> {
        let page = self.page.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (to, from) = (page.box_to_client(), page.box_to_server());
        Ok(if self.serves { (from, to) } else { (to, from) })
    }
}
