//! The live page's files, part of the program: it needs no others, and loads nothing from anywhere else.

/// One file of the page.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// The library that draws the charts, with its licence: it asks to be where the code is, also in a binary.
const UPLOT: &str =
    concat!("/*!\n", include_str!("page/vendor/LICENSE-uPlot"), "*/\n", include_str!("page/vendor/uPlot.iife.min.js"));

/// A CommonJS module that the page shares with the command line, as one that browsers take: what it exports is the
/// default.
macro_rules! module {
    ($file:literal) => {
        concat!("const module = {};\n", include_str!($file), "export default module.exports;\n")
    };
}

/// What the page may do: run its own script, look as its own styles say, ask its own server. Nothing of anybody else's.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page's file at a path, if it is one.
pub fn asset(path: &str) -> Option<Asset> {
    let (content_type, content) = match path {
        "/" => (HTML, include_str!("page/index.html")),
        "/page.mjs" => (SCRIPT, include_str!("page/page.mjs")),
        "/model.mjs" => (SCRIPT, include_str!("page/model.mjs")),
        "/view.mjs" => (SCRIPT, include_str!("page/view.mjs")),
        "/tables.mjs" => (SCRIPT, include_str!("page/tables.mjs")),
        "/hubs.mjs" => (SCRIPT, include_str!("page/hubs.mjs")),
        "/locks.mjs" => (SCRIPT, include_str!("page/locks.mjs")),
        "/troubles.mjs" => (SCRIPT, include_str!("page/troubles.mjs")),
        "/charts.mjs" => (SCRIPT, include_str!("page/charts.mjs")),
        "/dom.mjs" => (SCRIPT, include_str!("page/dom.mjs")),
        "/words.mjs" => (SCRIPT, module!("../../lib/words.js")),
        "/printable.mjs" => (SCRIPT, module!("../../lib/printable.js")),
        "/page.css" => (STYLE, include_str!("page/page.css")),
        "/icon.svg" => (IMAGE, include_str!("page/icon.svg")),
        "/uplot.js" => (SCRIPT, UPLOT),
        "/uplot.css" => (STYLE, include_str!("page/vendor/uPlot.min.css")),
        _ => return None,
    };
    Some(Asset { content_type, content })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What follows each of the marks, up to the closing quote.
    fn quoted_after(text: &'static str, marks: &[&str]) -> Vec<&'static str> {
        let after = |mark: &&str| text.split(*mark).skip(1).filter_map(|rest| rest.split(['"', '\'']).next()).collect();
        marks.iter().flat_map(|mark| -> Vec<_> { after(mark) }).collect()
    }

    #[test]
    fn the_page_asks_only_for_what_is_there() {
        let page = asset("/").unwrap().content;
        let mut names = quoted_after(page, &["href=\"", "src=\""]);
        names.retain(|name| !name.starts_with('#'));
        for script in [
            "/page.mjs",
            "/view.mjs",
            "/tables.mjs",
            "/hubs.mjs",
            "/locks.mjs",
            "/troubles.mjs",
            "/charts.mjs",
            "/dom.mjs",
        ] {
            names.extend(quoted_after(asset(script).unwrap().content, &["from './"]));
        }
        assert!(names.len() >= 14, "{names:?}");
        for name in names {
            assert!(asset(&format!("/{name}")).is_some(), "{name}");
        }
    }

    #[test]
    fn code_of_others_comes_with_its_licence() {
        let script = asset("/uplot.js").unwrap().content;
        assert!(script.starts_with("/*!\nThe MIT License") && script.contains("Permission is hereby granted"));
    }
}
