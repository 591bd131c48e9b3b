//! The loads a run can put on a server. Each says who talks to whom; the checking is the messages' own.

pub mod fanout;
pub mod idle;
pub mod latency;
pub mod pairs;
