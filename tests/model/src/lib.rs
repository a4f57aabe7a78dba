//! Models of V4V that explore what a test on real threads would meet once in a year.
//!
//! | module | what |
//! |---|---|
//! | [`words`] | a ring's header words as loom sees them, with or without the fence |

pub mod words;
