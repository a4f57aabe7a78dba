//! The lab's own guest of 32 bits (`tests/lab/compat/guest.c`): a kernel and nothing else.

use super::cache::{Key, make};
use super::debian::run;
use super::store::folder;
use crate::workspace::root;
use std::io;
use std::path::PathBuf;
use std::process::Command;

/// For the bare machine in 32 bits, with no help of a library, where Xen may load it.
const FLAGS: &str = "-m32 -O2 -Wall -Wextra -Werror -ffreestanding -fno-pic -no-pie -fno-stack-protector -mgeneral-regs-only \
     -fcf-protection=none -fno-asynchronous-unwind-tables -nostdlib -static -Wl,-Ttext-segment=0x100000 -Wl,--build-id=none \
     -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,-e,start";

/// Builds it.
pub(crate) fn build() -> io::Result<PathBuf> {
    let source = root().join("tests/lab/compat/guest.c");
    let kernel = folder("compat")?.join("guest");
    let key = Key::new(FLAGS).file(&source)?;
    make("a guest of 32 bits", &key, &kernel, || {
        let mut command = Command::new("gcc");
        command.args(FLAGS.split_whitespace()).arg("-o");
        run(command.arg(&kernel).arg(&source))
    })?;
    Ok(kernel)
}
