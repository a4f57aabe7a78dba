//! What a panic does: its message goes to Xen's console, and Xen stops, as at every other bug of its own.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use crate::glue;
use crate::limits::PANIC_MESSAGE;

/// A message of limited length; what does not fit is left out.
struct Message {
    bytes: [u8; PANIC_MESSAGE],
    len: usize,
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (to, byte) in self.bytes.iter_mut().skip(self.len).zip(text.bytes()) {
            *to = byte;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let mut message = Message {
        bytes: [0; PANIC_MESSAGE],
        len: 0,
    };
    let _ = write!(message, "{info}");
    glue::panic(message.bytes.get(..message.len).unwrap_or_default())
}
