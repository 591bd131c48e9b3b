//! What went wrong, on its way to becoming a JavaScript error.

use napi::{Env, Error, JsValue, bindgen_prelude::JsObjectValue};

use crate::{server::StartError, tls::TlsError};

/// An error with a code, for people and for programs. Made on any thread, turned into an `Error` on JavaScript's.
pub struct Failure {
    code: &'static str,
    message: String,
}

impl Failure {
    /// A defect of the addon itself.
    pub fn internal(message: &str) -> Self {
        Self { code: "ERR_IPC_INTERNAL", message: format!("The server failed: {message}") }
    }

    /// A JavaScript `Error` with `message` and `code`.
    pub fn into_js(self, env: Env) -> Error {
        let coded = env.create_error(Error::from_reason(self.message)).and_then(|mut error| {
            error.set_named_property("code", self.code)?;
            Ok(error.to_unknown().into())
        });
        coded.unwrap_or_else(|error| error)
    }
}

impl From<TlsError> for Failure {
    fn from(error: TlsError) -> Self {
        StartError::from(error).into()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}
