//! From the start to the end of a process, and the configurations that it takes meanwhile.

mod reload;
mod start;
mod stop;
