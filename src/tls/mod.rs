//! From the certificate and key files that the user names to a ready `rustls::ServerConfig`.
//!
//! Plain blocking file reading and cryptography: this module knows neither Node.js nor sockets nor the async runtime.
//! Decrypting a key takes up to some hundred milliseconds, so call [`load`] where blocking is allowed.

mod certificates;
mod chain;
pub mod client;
mod error;
mod files;
mod hubs;
mod load;
mod options;
mod pem;
mod pkcs12;
#[cfg(test)]
pub(crate) mod tests;
mod words;

pub use certificates::Certificates;
pub use chain::ChainFault;
pub use error::{NamedFile, SslOption, TlsError};
pub use load::{Loaded, load};
pub use options::{IdentitySource, TlsOptions};
pub use words::explain_handshake;
