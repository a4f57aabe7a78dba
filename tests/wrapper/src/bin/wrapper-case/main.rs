//! `wrapper-case NAME HOST tcp|v4v`: one thing that real programs do with sockets and descriptors, between a listener of this process and a
//! connection to it under HOST. It knows nothing of the wrapper, except that it checks what carries its connections.

mod descriptors;
mod messages;
mod options;
mod place;
mod polling;
mod processes;
mod signals;
mod survive;
mod sys;
mod threads;

use place::Place;
use std::env;
use std::process::ExitCode;

/// What there is: a name and what is done.
type Case = (&'static str, fn(&Place));

fn cases() -> impl Iterator<Item = Case> {
    [
        descriptors::CASES,
        messages::CASES,
        options::CASES,
        polling::CASES,
        processes::CASES,
        signals::CASES,
        threads::CASES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => cases().for_each(|(name, _)| println!("{name}")),
        // What a case exec's: a program that has inherited a listener, and knows no more than its number.
        [processes::ACCEPT_ONE, fd] => processes::accept_one(fd.parse().expect("a number")),
        ["survive", host] => survive::survive(&Place::new(host, true)),
        [name, host, carrier] => {
            let (_, run) = cases().find(|(known, _)| *known == name).expect("a case");
            run(&Place::new(host, carrier == "v4v"));
        }
        _ => {
            eprintln!("wrapper-case: NAME HOST tcp|v4v, or list");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
