#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bin_did_manager::hostile::phone(data));
