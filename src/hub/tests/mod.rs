//! The hub as its users see it: peers with recording transports, and what reaches them.

mod door;
mod journal;
mod outbox;
mod reliable;
mod routing;
mod sessions;
mod tracing;
mod workshop;
