//! Any bytes as a script: no panic; one that loads runs, within its budget.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_rules_fuzz::rule_parser(data));
