//! `docs.localhost`: HTML that no one here wrote, served from a folder of the machine.
//!
//! A path never leaves the folder by its own text; a symbolic link may lead to where Debian keeps shared scripts, and nowhere else.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Where Debian puts the HTML of the Python documentation.
const USUAL_FOLDERS: [&str; 4] =
    ["/usr/share/doc/python3/html", "/usr/share/doc/python3-doc/html", "/usr/share/doc/python3.11/html", "/usr/share/doc/python3.13/html"];

/// Where links inside the documentation may lead (jquery and its friends).
const SHARED_SCRIPTS: &str = "/usr/share/javascript";

/// The folder to serve: the one given, else the first usual one that holds an `index.html`.
pub(crate) fn folder(given: Option<PathBuf>) -> Option<PathBuf> {
    given
        .into_iter()
        .chain(USUAL_FOLDERS.map(PathBuf::from))
        .find(|folder| folder.join("index.html").is_file())
        .and_then(|folder| folder.canonicalize().ok())
}

/// The folder that would be served on this machine, if there is one.
pub fn docs_folder() -> Option<PathBuf> {
    folder(None)
}

/// The routes of this host.
pub(crate) fn routes(given: Option<PathBuf>) -> Router {
    let root: Option<Arc<Path>> = folder(given).map(Arc::from);
    if root.is_none() {
        tracing::warn!("docs.localhost has nothing to serve; install python3-doc or give a folder of HTML");
    }
    Router::new().fallback(serve).with_state(root)
}

async fn serve(State(root): State<Option<Arc<Path>>>, uri: Uri) -> Response {
    let Some(root) = root else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            include_str!("../templates/docs_missing.html"),
        )
            .into_response();
    };
    let Some(relative) = relative_path(uri.path()) else {
        return not_found();
    };
    let Ok(mut file) = tokio::fs::canonicalize(root.join(&relative)).await else {
        return not_found();
    };
    if !(file.starts_with(&root) || file.starts_with(SHARED_SCRIPTS)) {
        return not_found();
    }
    if file.is_dir() {
        if !uri.path().ends_with('/') {
            return Redirect::permanent(&format!("{}/", uri.path())).into_response();
        }
        file.push("index.html");
    }
    match tokio::fs::read(&file).await {
        Ok(bytes) => (StatusCode::OK, [(header::CONTENT_TYPE, content_type(&relative, &file))], bytes).into_response(),
        Err(_) => not_found(),
    }
}

/// The path below the folder; `None` for anything that names a parent, a root or a NUL.
fn relative_path(path: &str) -> Option<PathBuf> {
    // The form decoder also turns `+` into a space, which no file of the documentation has in its name; keep it.
    let encoded = path.replace('+', "%2B");
    let decoded = url::form_urlencoded::parse(format!("p={}", encoded.replace('&', "%26").replace('=', "%3D")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())?;
    let relative = PathBuf::from(decoded.trim_start_matches('/'));
    let is_plain = relative.components().all(|part| matches!(part, Component::Normal(_))) && !decoded.contains('\0');
    is_plain.then_some(relative)
}

fn content_type(asked: &Path, found: &Path) -> &'static str {
    let ending = asked.extension().or(found.extension()).and_then(|e| e.to_str()).unwrap_or("html");
    match ending {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "xml" => "application/xml",
        "txt" | "py" | "rst" | "inv" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn not_found() -> Response {
    let page = "<!doctype html><html lang=\"en\"><title>Page not found</title><h1>Page not found</h1><p>There is no such page here. <a href=\"/\">Back to the documentation</a></p>";
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leaves_the_folder() {
        assert_eq!(relative_path("/library/json.html"), Some(PathBuf::from("library/json.html")));
        assert_eq!(relative_path("/"), Some(PathBuf::new()));
        for bad in ["/../secret", "/%2e%2e/secret", "/a/../../b", "/a/%2e%2e%2f%2e%2e/b", "/a%00b"] {
            assert_eq!(relative_path(bad), None, "{bad}");
        }
    }
}
