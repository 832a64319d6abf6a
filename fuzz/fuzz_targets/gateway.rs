#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| relaypass_gateway::fuzzing::gateway(bytes));
