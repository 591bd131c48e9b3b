//! Seeing the hub: what has happened, how things stand, how they have gone in the last minutes; as JSON, as Prometheus
//! metrics, and as a page that shows both to a person.
//!
//! A [`Watch`] stands between the server and its owner's observer: it notes each event and passes it on. It asks the
//! hub for figures once a second. It decides only how often events that strangers cause are passed on, and the server
//! would run as well without it. How a request reaches it, and who may look, is not known here.

mod history;
pub mod level;
mod lookout;
pub mod metrics;
mod neighbours;
pub mod page;
mod process;
mod recent;
pub mod report;
mod tally;
mod throttle;
mod tracing;
pub mod trouble;
mod waiting;
mod watch;

pub use lookout::Setup;
pub(crate) use process::resident_bytes;
pub use watch::Watch;
