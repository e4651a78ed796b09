//! Nothing but its test, which generates the code of `proto/` from its `.proto` files. It is a crate of its own since
//! conversions there do not compile before the code that they convert has been generated.
