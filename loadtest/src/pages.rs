//! Local pages that load tests look at: of the size of real ones, the same at every request.

use anyhow::Result;
use axum::Router;
use axum::response::Html;
use axum::routing::get;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::task::JoinHandle;

/// The name that stands for the server in browsers behind the egress proxy.
pub(crate) const HOST: &str = "pages.test";
/// Rows of the list.
const ROWS: usize = 60;

/// A server of them on loopback; ends when dropped.
pub(crate) struct Pages {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Pages {
    pub(crate) async fn serve() -> Result<Self> {
        let router = Router::new().route("/list", get(|| async { list() })).route("/article", get(|| async { article() }));
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                eprintln!("the pages ended: {error}");
            }
        });
        Ok(Self { address, serving })
    }

    /// As a browser behind the egress proxy calls it.
    pub(crate) fn named(path: &str) -> String {
        format!("http://{HOST}{path}")
    }

    /// As a browser with nothing between calls it.
    pub(crate) fn direct(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>body{{margin:0;font:15px/1.5 sans-serif;color:#222}}\
         header{{display:flex;gap:16px;padding:12px 24px;background:#123;color:#fff}}header a{{color:#cde}}main{{padding:16px 24px}}\
         .row{{display:flex;justify-content:space-between;border-bottom:1px solid #ddd;padding:4px 0}}button{{padding:2px 10px}}</style>\
         <header><b>{title}</b><a href=/list>List</a><a href=/article>Article</a><input aria-label=Search placeholder=Search></header><main>{body}</main></html>"
    ))
}

/// A list whose buttons change the page and ask nothing of the network.
fn list() -> Html<String> {
    let rows: String = (1..=ROWS)
        .map(|row| {
            format!(
                "<div class=row><span>Item {row}: a thing of the {row}th kind, <em>in stock</em>, {}.00 a piece</span>\
                 <button onclick=\"this.textContent=this.textContent==='Add'?'Remove':'Add';count.textContent=+count.textContent+1\">Add</button></div>",
                row * 3
            )
        })
        .collect();
    page("List", &format!("<h1>Things</h1><p>Changes: <span id=count>0</span></p>{rows}"))
}

fn article() -> Html<String> {
    let words = "A paragraph of plain words that a person might read about something that happened somewhere to somebody. ";
    let paragraphs: String = (1..=40).map(|number| format!("<h2>Part {number}</h2><p>{}</p>", words.repeat(6))).collect();
    page("Article", &format!("<h1>An article</h1>{paragraphs}"))
}
