//! Bytes as the body of a request to the server, in every shape that it reads, packed and as lines.
//!
//! Invariant: a body is read or refused; a refusal says what is wrong and how to mend it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fenlei_serve::read_as_every_body(bytes));
