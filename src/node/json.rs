//! Where a text stops being JSON: the messages of `JSON.parse` do not say it in all versions of Node.js, and repeat
//! what is there, which may be a secret.

use napi_derive::napi;
use serde::de::IgnoredAny;

/// Where and why a text is not JSON, for a person; `null`: it is. Nothing of the text is repeated.
#[napi(catch_unwind)]
pub fn json_fault(text: String) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(&text).err().map(|error| error.to_string())
}
