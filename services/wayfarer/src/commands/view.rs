//! `wayfarer view`: the pages of an output folder.

use crate::cli::View;
use crate::exit::Exit;
use crate::stop;
use anyhow::{Context, Result};
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use wayfarer_store::Store;

/// Writes the pages anew (they follow from what is stored) and opens or serves them.
pub async fn view(flags: View) -> Result<Exit> {
    anyhow::ensure!(flags.dir.is_dir(), "{} is not a folder; give the --out folder of a run", flags.dir.display());
    let store = Store::open(&flags.dir)?;
    wayfarer_viewer::write_run_pages(&store).await?;
    let index = flags.dir.join("index.html").canonicalize()?;
    let Some(listen) = flags.serve else {
        println!("{}", index.display());
        for opener in ["xdg-open", "open"] {
            let opened =
                std::process::Command::new(opener).arg(&index).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            if opened.is_ok() {
                return Ok(Exit::Done);
            }
        }
        println!("No program to open it was found; open the file in any browser, or serve it with --serve.");
        return Ok(Exit::Done);
    };
    let root = flags.dir.canonicalize()?;
    let app = axum::Router::new().fallback(move |uri: axum::http::Uri| file(root.clone(), uri));
    let listener =
        tokio::net::TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}; give another address with --serve"))?;
    println!("http://{}/ (Ctrl-C ends it)", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(stop::requested()).await?;
    Ok(Exit::Done)
}

async fn file(root: PathBuf, uri: axum::http::Uri) -> axum::response::Response {
    use axum::http::{StatusCode, header};
    use axum::response::IntoResponse;
    let asked = uri.path().trim_start_matches('/');
    let mut path = root.join(if asked.is_empty() { "index.html" } else { asked });
    let plain =
        Path::new(asked).components().all(|part| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.')));
    if path.is_dir() {
        path = path.join("index.html");
    }
    match tokio::fs::read(&path).await {
        Ok(bytes) if plain => {
            let mime = match path.extension().and_then(|extension| extension.to_str()) {
                Some("html") => "text/html; charset=utf-8",
                Some("png") => "image/png",
                Some("json") => "application/json",
                _ => "text/plain; charset=utf-8",
            };
            ([(header::CONTENT_TYPE, mime)], bytes).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
