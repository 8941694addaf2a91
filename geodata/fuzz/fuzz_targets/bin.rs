//! IP2Location's BIN files with any content: what the tests do with damaged ones, done with what the fuzzer thinks of.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/geodata/damage/hostile.rs"]
mod hostile;

fuzz_target!(|bytes: &[u8]| {
    hostile::look_up(bytes, &[]);
});
