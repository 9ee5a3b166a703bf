#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bin_call_manager::hostile::webhook_form(data));
