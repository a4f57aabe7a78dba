//! The manual pages.

use crate::install::here;
use std::process::Command;

/// Formats without a complaint, where there is a formatter.
#[test]
fn the_pages_format_without_a_warning() {
    for page in ["v4v.1", "v4vsock.3", "v4vd.8"] {
        let path = here().join("man").join(page);
        let formatters: [(&str, &[&str]); 2] = [
            ("groff", &["-ww", "-man", "-Tutf8", "-z"]),
            ("mandoc", &["-Tlint", "-Wwarning"]),
        ];
        for (formatter, arguments) in formatters {
            match Command::new(formatter).args(arguments).arg(&path).output() {
                Ok(said) => {
                    let text = [said.stdout, said.stderr].concat();
                    assert!(text.is_empty(), "{page}: {}", String::from_utf8_lossy(&text));
                }
                Err(_) => println!("(no {formatter} here)"),
            }
        }
    }
}
