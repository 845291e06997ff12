"""The targets of the fuzzer: a module for each door of hpmask, as `fuzz.target.Target` describes it."""
