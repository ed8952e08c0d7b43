//! A run's output folder as pages that a person can read: `index.html` for the run, one page for every attempt.
//!
//! The pages are files, not a service: a run that was copied to another machine, or kept for a year, still opens. So they carry their
//! style and script inside, point at screenshots by relative paths, and hold nothing that changes between two renderings of the same
//! documents (rendering again gives the same bytes). Everything that came from a web page or a model is untrusted: templates escape
//! it, and a content security policy lets no script run but the viewer's own.
//!
//! ```text
//! documents ──▶ attempt_page / run_page (pure: what is shown) ──▶ render (templates) ──▶ pages (writes)
//! ```

mod attempt_page;
mod blobs;
mod errors;
mod format;
mod judge_view;
mod pages;
mod render;
mod run_page;
mod step_view;
mod summary;

pub use errors::ViewerError;
pub use pages::{RunPages, ViewerReport, write_attempt_page, write_run_pages};
pub use run_page::{TASKS_DOCUMENT, TaskNote};
pub use summary::print_summary;
