#![no_main]
//! x
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = fenlei::Error::data("a", None, String::from_utf8_lossy(bytes), "x").to_string();
});
