//! The shared object: its name, its symbols, and that header, version script and manual agree.

use crate::Installed;
use crate::install::here;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

const VERSION: &str = "V4VSOCK_1.0";

fn output(program: &str, arguments: &[&str]) -> String {
    let library = Installed::get().path("lib/libv4vsock.so");
    let said = Command::new(program)
        .args(arguments)
        .arg(library)
        .output()
        .expect("binutils are installed");
    assert!(said.status.success());
    String::from_utf8(said.stdout).expect("UTF-8")
}

/// The functions in the version script.
fn in_script() -> BTreeSet<String> {
    let script = fs::read_to_string(here().join("v4vsock.map")).expect("there");
    let names = script.lines().filter_map(|line| line.trim().strip_suffix(';'));
    names
        .filter(|n| n.starts_with("v4v_"))
        .map(str::to_owned)
        .collect()
}

/// Words of a text in which a C function is declared or named: `name(`.
fn functions(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices('(')
        .filter_map(|(at, _)| text[..at].rsplit(|c| !is_name(c)).next())
        .filter(|name| name.starts_with("v4v_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn nothing_but_our_versioned_functions_is_exported() {
    let symbols = output("nm", &["-D", "--defined-only", "--format=posix"]);
    let mut exported = BTreeSet::new();
    for line in symbols.lines() {
        let mut words = line.split_whitespace();
        let (symbol, kind) = (words.next().expect("a name"), words.next().expect("a type"));
        if symbol == VERSION {
            assert_eq!(kind, "A", "the version itself");
            continue;
        }
        let name = symbol
            .strip_suffix("@@V4VSOCK_1.0")
            .unwrap_or_else(|| panic!("{symbol} leaks"));
        assert_eq!(kind, "T", "{symbol}");
        exported.insert(name.to_owned());
    }
    assert_eq!(exported, in_script());
}

#[test]
fn the_soname_has_the_major_version() {
    let dynamic = output("readelf", &["-dW"]);
    assert!(dynamic.contains("Library soname: [libv4vsock.so.0]"), "{dynamic}");
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    for line in needed {
        let system = [
            "libc.so",
            "libgcc_s.so",
            "libm.so",
            "libpthread.so",
            "libdl.so",
            "ld-linux",
        ];
        assert!(system.iter().any(|name| line.contains(name)), "{line}");
    }
    assert!(!dynamic.contains("TEXTREL"));
}

#[test]
fn header_script_and_manual_have_the_same_functions() {
    let header = fs::read_to_string(here().join("include/v4vsock.h")).expect("there");
    let declared: String = header
        .split("extern \"C\" {")
        .nth(1)
        .expect("declarations")
        .lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']))
        .collect();
    assert_eq!(functions(&declared), in_script(), "v4vsock.h and v4vsock.map");
    let manual = fs::read_to_string(here().join("man/v4vsock.3")).expect("there");
    let synopsis = manual.split(".SH DESCRIPTION").next().expect("a synopsis");
    assert_eq!(functions(synopsis), in_script(), "v4vsock.3 and v4vsock.map");
}

#[test]
fn the_header_stands_alone_in_c_and_in_cpp() {
    let header = Installed::get().path("include/v4vsock.h");
    let compilers = [("cc", "c", "-std=c99"), ("c++", "c++", "-std=c++11")];
    for (compiler, language, standard) in compilers {
        let run = Command::new(compiler)
            .args([
                "-x",
                language,
                standard,
                "-Wall",
                "-Wextra",
                "-Wpedantic",
                "-Werror",
                "-fsyntax-only",
            ])
            .arg(&header)
            .output();
        match run {
            Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
            // A machine for C alone.
            Err(error) => assert!(compiler == "c++", "{compiler}: {error}"),
        }
    }
}
