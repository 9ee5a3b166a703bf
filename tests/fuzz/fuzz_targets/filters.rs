#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bin_common_handler::testing::hostile::filters(data));
